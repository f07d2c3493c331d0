/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes: user.sideload.* tell a file's state and are ours to
 * set; access control lists answer EOPNOTSUPP so that cp -a falls back to
 * the mode; any other is kept for the life of the mount.
 */
#include <string.h>
#include <sys/xattr.h>

#include "log.h"
#include "mount/ops.h"
#include "mount/verdict.h"

#define OURS "user.sideload."
/* Bounds what tools may make us keep per file. */
#define XATTRS_MAX 64
#define XATTR_BYTES_MAX 65536

static bool is_acl(const char *name)
{
	return !strncmp(name, "system.posix_acl_", 17);
}

static bool is_ours(const char *name)
{
	return !strncmp(name, OURS, sizeof(OURS) - 1);
}

static void show_state(const struct sl_node *n, char *dst, size_t size)
{
	snprintf(dst, size, "%s", sl_file_state_name(n->u.f.state));
}

static void show_crc32(const struct sl_node *n, char *dst, size_t size)
{
	if (n->has_crc32)
		snprintf(dst, size, "%08x", n->u.f.crc32);
}

static void show_etag(const struct sl_node *n, char *dst, size_t size)
{
	char etag[SL_ETAG_ROOM];

	snprintf(dst, size, "%s", sl_node_etag(n, etag));
}

static const struct {
	const char *name;
	void (*show)(const struct sl_node *n, char *dst, size_t size);
} own[] = {
	{ OURS "state", show_state },
	{ OURS "crc32", show_crc32 },
	{ OURS "etag", show_etag },
};

static struct sl_xattr **find(struct sl_node *n, const char *name)
{
	struct sl_xattr **p = &n->xattrs;

	while (*p && strcmp((*p)->name, name))
		p = &(*p)->next;
	return p;
}

static void xattr_free(struct sl_xattr *x)
{
	free(x->value);
	free(x);
}

static int set_locked(struct sl_node *n, const char *name, const char *value,
		      size_t size, int flags)
{
	struct sl_xattr **p = find(n, name), *x = *p;
	size_t count = 0;

	if (x && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!x && (flags & XATTR_REPLACE))
		return -ENODATA;
	for (struct sl_xattr *y = n->xattrs; y; y = y->next)
		count++;
	if (size > XATTR_BYTES_MAX || (!x && count >= XATTRS_MAX))
		return -ENOSPC;
	x = calloc(1, sizeof(*x) + strlen(name) + 1);
	if (!x)
		return -ENOMEM;
	memcpy(x->name, name, strlen(name) + 1);
	x->len = size;
	x->value = malloc(size ? size : 1);
	if (!x->value) {
		free(x);
		return -ENOMEM;
	}
	memcpy(x->value, value, size);
	if (*p) {
		struct sl_xattr *old = *p;

		*p = old->next;
		xattr_free(old);
	}
	x->next = n->xattrs;
	n->xattrs = x;
	return 0;
}

static int refuse(const struct sl_node *n, const char *name)
{
	if (is_acl(name))
		return -EOPNOTSUPP;
	if (is_ours(name) || n->kind == SL_NODE_CONTROL)
		return -EPERM;
	return 0;
}

void sl_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		    const char *value, size_t size, int flags)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *n = sl_tree_node(m->tree, ino);
	int r = refuse(n, name);

	sl_mutex_lock(&m->tree->mu);
	if (!r)
		r = set_locked(n, name, value, size, flags);
	sl_mutex_unlock(&m->tree->mu);
	sl_reply_error(req, r, NULL);
}

static int get_locked(struct sl_node *n, const char *name, struct sl_buf *b)
{
	struct sl_xattr *x;

	for (size_t i = 0; i < SL_ARRAY_LEN(own); i++) {
		char text[512] = "";

		if (n->kind != SL_NODE_FILE || strcmp(own[i].name, name))
			continue;
		own[i].show(n, text, sizeof(text));
		return *text ? sl_buf_puts(b, text) : -ENODATA;
	}
	x = *find(n, name);
	return x ? sl_buf_append(b, x->value, x->len) : -ENODATA;
}

/* A value or list, or its size when the caller asks for that. */
static void reply_value(fuse_req_t req, const struct sl_buf *b, size_t size)
{
	int r;

	if (!size)
		r = fuse_reply_xattr(req, b->len);
	else if (b->len > size)
		r = fuse_reply_err(req, ERANGE);
	else
		r = fuse_reply_buf(req, b->data, b->len);
	if (r)
		sl_log_debug("a getxattr was interrupted");
}

void sl_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		    size_t size)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *n = sl_tree_node(m->tree, ino);
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(XATTR_BYTES_MAX);
	bool rules = !strcmp(name, OURS "rules");
	int r = is_acl(name) ? -EOPNOTSUPP : 0;

	if (!r && n->kind == SL_NODE_FILE &&
	    (rules || !strcmp(name, OURS "verdict"))) {
		r = sl_verdict_xattr(m, n, rules, &b);
	} else if (!r) {
		SL_LOCK_SCOPE(&m->tree->mu);
		r = get_locked(n, name, &b);
	}
	if (r)
		sl_reply_error(req, r, NULL);
	else
		reply_value(req, &b, size);
}

void sl_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *n = sl_tree_node(m->tree, ino);
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 20);

	/*
	 * Ours are not listed: cp -a and rsync -X would try to copy them to
	 * where they cannot be set. getfattr -n shows them.
	 */
	sl_mutex_lock(&m->tree->mu);
	for (struct sl_xattr *x = n->xattrs; x; x = x->next)
		sl_buf_append(&b, x->name, strlen(x->name) + 1);
	sl_mutex_unlock(&m->tree->mu);
	if (sl_buf_error(&b))
		sl_reply_error(req, sl_buf_error(&b), NULL);
	else
		reply_value(req, &b, size);
}

void sl_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *n = sl_tree_node(m->tree, ino);
	int r = refuse(n, name);

	if (!r) {
		struct sl_xattr **p, *x;

		SL_LOCK_SCOPE(&m->tree->mu);
		p = find(n, name);
		x = *p;
		if (!x)
			r = -ENODATA;
		else
			*p = x->next;
		if (x)
			xattr_free(x);
	}
	sl_reply_error(req, r, NULL);
}

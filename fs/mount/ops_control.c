/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control files as FUSE sees them. The content of a read is made at open.
 * Bytes of a write gather per handle, whatever their offset, and a line acts
 * inside the write that brings its newline, so that the shell sees the errno;
 * without a newline it acts at FLUSH.
 */
#include <fcntl.h>
#include <string.h>

#include "log.h"
#include "mount/ops.h"

static int open_fh(struct sl_mount *m, const struct sl_control *c, int flags,
		   struct sl_fh **ret)
{
	bool write = (flags & O_ACCMODE) != O_RDONLY;
	struct sl_fh *fh;
	int r = 0;

	if (write && !c->act)
		return -EACCES;
	fh = sl_fh_new(m);
	if (!fh)
		return -ENOMEM;
	fh->control = c;
	sl_buf_init(&fh->text, write ? SL_CONTROL_LINE_MAX : 17u << 20);
	if (!write)
		r = sl_control_read(m, c, &fh->text);
	if (r) {
		sl_fh_free(m, fh, 0);
		return r;
	}
	*ret = fh;
	return 0;
}

void sl_control_open(fuse_req_t req, struct sl_node *n,
		     struct fuse_file_info *fi)
{
	struct sl_fh *fh;
	int r = open_fh(sl_req_mount(req), n->u.control, fi->flags, &fh);

	if (r) {
		sl_reply_error(req, r, NULL);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)fh;
	fi->direct_io = 1; /* sizes are not known before */
	if (!fuse_reply_open(req, fi))
		return;
	sl_fh_free(sl_req_mount(req), fh, 0);
}

static void control_interrupt(struct sl_park *p)
{
	sl_control_interrupt(p->m, &p->w);
}

/* As it is: .wait answers ECANCELED, a lost launch EINPROGRESS. */
static void reply(fuse_req_t req, int err)
{
	if (fuse_reply_err(req, -err))
		sl_log_debug("a control request was interrupted");
}

static void write_finish(struct sl_park *p, int err)
{
	if (err)
		reply(p->req, err);
	else if (fuse_reply_write(p->req, (size_t)p->number))
		sl_log_debug("a control write was interrupted");
}

static void flush_finish(struct sl_park *p, int err)
{
	reply(p->req, err);
}

static void act(fuse_req_t req, struct sl_fh *fh, char *line, size_t size,
		void (*finish)(struct sl_park *, int))
{
	struct sl_park *p = sl_park_new(req, finish);

	if (!p)
		return;
	p->number = (int64_t)size;
	p->interrupt = control_interrupt;
	p->picky = true;
	p->pid = fuse_req_ctx(req)->pid;
	sl_park_result(p, sl_control_write(p->m, fh->control, line, &p->w));
}

/* Takes the gathered line out if there is one. -E2BIG too long. */
static int gather(struct sl_fh *fh, const char *buf, size_t size, char **ret)
{
	const char *nl = memchr(buf, '\n', size);

	SL_LOCK_SCOPE(&fh->mu);
	/* One line a write: what follows its newline must be blank. */
	for (const char *p = nl; p && p < buf + size; p++) {
		if (*p != '\n' && *p != ' ' && *p != '\r')
			return -EINVAL;
	}
	sl_buf_append(&fh->text, buf, nl ? (size_t)(nl - buf) : size);
	if (sl_buf_error(&fh->text)) {
		sl_buf_clear(&fh->text);
		return -E2BIG;
	}
	if (memchr(sl_buf_str(&fh->text), '\0', fh->text.len))
		return -EINVAL;
	if (!nl)
		return 0;
	*ret = strdup(sl_buf_str(&fh->text));
	sl_buf_clear(&fh->text);
	return *ret ? 0 : -ENOMEM;
}

void sl_control_fh_write(fuse_req_t req, struct sl_fh *fh, const char *buf,
			 size_t size)
{
	SL_CLEANUP(free) char *line = NULL;
	int r = gather(fh, buf, size, &line);

	if (r)
		sl_reply_error(req, r, NULL);
	else if (line)
		act(req, fh, line, size, write_finish);
	else if (fuse_reply_write(req, size))
		sl_log_debug("a control write was interrupted");
}

void sl_control_fh_flush(fuse_req_t req, struct sl_fh *fh)
{
	SL_CLEANUP(free) char *line = NULL;

	sl_mutex_lock(&fh->mu);
	if (fh->control->act && fh->text.max == SL_CONTROL_LINE_MAX &&
	    fh->text.len) {
		line = strdup(sl_buf_str(&fh->text));
		sl_buf_clear(&fh->text);
	}
	sl_mutex_unlock(&fh->mu);
	if (line)
		act(req, fh, line, 0, flush_finish);
	else
		sl_reply_error(req, 0, NULL);
}

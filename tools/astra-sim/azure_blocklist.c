/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put Block List and Get Block List. A list names blocks that are committed
 * (parts of the blob as it is now), uncommitted, or whichever is the latest,
 * and may name one twice. The uncommitted ones are claimed with one rename
 * once every name is resolved, so that two lists for one blob cannot both
 * have them: the second finds nothing, and is told InvalidBlockList.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure.h"
#include "xml.h"

enum source { FROM_COMMITTED = 1, FROM_UNCOMMITTED = 2, FROM_LATEST = 3 };

struct list {
	struct sim_req *r;
	struct sim_az_blocks wanted; /* then as resolved */
	unsigned char *source;	     /* of each */
	const char *bad;	     /* code of what is wrong with it */
	bool seen;
	struct sim_az_blocks have[2]; /* uncommitted, committed: by ID */
	int fd;			      /* of the blob as it is, or -1 */
	char *claimed;
};

static int source_of(const char *path)
{
	static const struct {
		const char *path;
		enum source from;
	} known[] = {
		{ "BlockList/Committed", FROM_COMMITTED },
		{ "BlockList/Uncommitted", FROM_UNCOMMITTED },
		{ "BlockList/Latest", FROM_LATEST },
	};

	for (size_t i = 0; i < SIM_COUNT(known); i++)
		if (!strcmp(known[i].path, path))
			return (int)known[i].from;
	return 0;
}

static void on_element(void *arg, const char *path, const char *text)
{
	struct list *l = arg;
	struct sim_az_block b = { .size = 0 };
	SIM_AUTOFREE char *hex = NULL;
	int from = source_of(path);
	const char *code;

	l->seen |= !strcmp(path, "BlockList");
	if (!from || l->bad)
		return;
	hex = sim_az_block_hex(text, &code);
	if (!hex)
		l->bad = "InvalidBlockId";
	else if (l->wanted.n == SIM_AZ_BLOCKS_MAX)
		l->bad = "BlockListTooLong";
	if (l->bad)
		return;
	snprintf(b.hex, sizeof(b.hex), "%s", hex);
	if (!(l->wanted.n & (l->wanted.n + 1)))
		l->source = sim_grow(l->source, (l->wanted.n + 1) * 2);
	l->source[l->wanted.n] = (unsigned char)from;
	sim_az_blocks_add(&l->wanted, &b);
}

static bool parse(struct list *l)
{
	struct sim_req *r = l->r;
	const struct sim_buf *body = &r->azure->in.memory;
	struct sim_xml_sink to = { on_element, l };

	if (!sim_xml_parse(body->p, body->n, &to) || !l->seen)
		sim_az_fail(r, 400, "InvalidXmlDocument",
			    "XML specified is not syntactically valid.");
	else if (l->bad)
		sim_az_fail(r, 400, l->bad,
			    "The block list is too long or has an ID that is "
			    "none.");
	return !r->reply.ready;
}

static const struct sim_az_block *find(const struct sim_az_blocks *in,
				       const struct sim_az_block *x)
{
	return in->n ? bsearch(x, in->v, in->n, sizeof(*in->v), sim_az_by_hex)
		     : NULL;
}

static bool resolve(struct list *l)
{
	for (size_t i = 0; i < l->wanted.n; i++) {
		const struct sim_az_block *x = NULL;

		if (l->source[i] & FROM_UNCOMMITTED)
			x = find(&l->have[0], &l->wanted.v[i]);
		if (!x && l->source[i] & FROM_COMMITTED)
			x = find(&l->have[1], &l->wanted.v[i]);
		if (!x) {
			sim_az_fail(l->r, 400, "InvalidBlockList",
				    "The specified block list is invalid.");
			return false;
		}
		l->wanted.v[i] = *x;
	}
	return true;
}

/* What there is, and the blob's file as the source of committed blocks. */
static void look(struct list *l)
{
	struct sim_req *r = l->r;
	struct sim_meta m = { 0 };

	l->fd = sim_store_open(r->sim, r->azure->key, &m);
	if (l->fd >= 0)
		sim_az_committed(r->sim, r->azure->key, m.etag, &l->have[1]);
	if (l->have[1].n)
		qsort(l->have[1].v, l->have[1].n, sizeof(*l->have[1].v),
		      sim_az_by_hex);
	sim_meta_clear(&m);
}

static bool claim(struct list *l)
{
	struct sim_req *r = l->r;
	bool ok;

	look(l);
	sim_az_blocks_lock();
	sim_az_uncommitted_locked(r->sim, r->azure->key, &l->have[0]);
	ok = resolve(l);
	if (ok)
		l->claimed = sim_az_blocks_claim_locked(r->sim, r->azure->key);
	sim_az_blocks_unlock();
	return ok;
}

static int copy_range(int out, int in, uint64_t from, uint64_t size)
{
	SIM_AUTOFREE char *chunk = sim_alloc(1 << 18);
	int rc = 0;

	while (size && !rc) {
		size_t want = size < 1 << 18 ? (size_t)size : 1 << 18;
		ssize_t n = pread(in, chunk, want, (off_t)from);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		rc = sim_write_all(out, chunk, (size_t)n);
		from += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return rc;
}

static int append(const struct list *l, const struct sim_az_block *b, int out)
{
	SIM_AUTOFREE char *path = NULL;
	SIM_AUTOCLOSE int fd = -1;

	if (b->committed)
		return copy_range(out, l->fd, b->offset, b->size);
	if (!l->claimed)
		return -EIO;
	path = sim_format("%s/b.%s", l->claimed, b->hex);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : copy_range(out, fd, 0, b->size);
}

static int assemble(const struct list *l, const char *headers)
{
	struct sim_req *r = l->r;
	SIM_AUTOFREE char *tmp = NULL;
	SIM_AUTOCLOSE int out = sim_store_tmp(r->sim, &tmp);
	int rc = out < 0 ? out : 0;

	for (size_t i = 0; i < l->wanted.n && !rc; i++)
		rc = append(l, &l->wanted.v[i], out);
	if (!rc)
		rc = sim_az_commit(r, tmp, headers);
	if (rc && tmp && unlink(tmp) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
	return rc;
}

static void commit(struct list *l, const char *headers)
{
	struct sim_req *r = l->r;
	struct sim_azure *x = r->azure;
	int rc = assemble(l, headers);

	if (rc && l->claimed)
		sim_az_blocks_restore(r->sim, x->key, l->claimed);
	if (!rc)
		rc = sim_az_committed_save(r->sim, x->key, x->meta.etag,
					   &l->wanted);
	if (rc) {
		sim_az_errno(r, rc);
		return;
	}
	/* Those that the list did not name are gone with the others. */
	if (l->claimed)
		sim_remove_tree(l->claimed);
	sim_az_created(r, false);
}

static void free_list(struct list *l)
{
	if (l->fd >= 0 && close(l->fd) < 0)
		perror("astra-sim: close");
	free(l->wanted.v);
	free(l->source);
	free(l->have[0].v);
	free(l->have[1].v);
	free(l->claimed);
}

void sim_az_blocklist_put(struct sim_req *r)
{
	struct list l = { .r = r, .fd = -1 };
	SIM_AUTOFREE char *headers = sim_az_kept_headers(r, NULL);

	if (headers && parse(&l) && sim_az_may_write(r) && claim(&l))
		commit(&l, headers);
	free_list(&l);
}

static void add_blocks(struct sim_buf *b, const char *name,
		       const struct sim_az_blocks *v)
{
	sim_buf_printf(b, "<%s>", name);
	for (size_t i = 0; i < v->n; i++) {
		SIM_AUTOFREE char *id = sim_az_block_name(v->v[i].hex);

		sim_buf_str(b, "<Block>");
		sim_xml_element(b, "Name", id);
		sim_buf_printf(b, "<Size>%llu</Size></Block>",
			       (unsigned long long)v->v[i].size);
	}
	sim_buf_printf(b, "</%s>", name);
}

/* Which of the two are asked for; 0: the answer is made. */
static int types(struct sim_req *r)
{
	static const struct {
		const char *name;
		enum source from;
	} known[] = {
		{ "committed", FROM_COMMITTED },
		{ "uncommitted", FROM_UNCOMMITTED },
		{ "all", FROM_LATEST },
	};
	const char *v = sim_param(r, "blocklisttype");

	for (size_t i = 0; i < SIM_COUNT(known); i++)
		if (!strcmp(known[i].name, v ? v : "committed"))
			return (int)known[i].from;
	sim_az_fail(r, 400, "InvalidQueryParameterValue",
		    "Value for one of the query parameters specified in the "
		    "request URI is invalid: blocklisttype.");
	return 0;
}

static void blocklist_headers(struct sim_req *r, const struct sim_meta *m)
{
	sim_az_version_headers(r, m);
	sim_reply_header(r, "x-ms-blob-content-length", "%llu",
			 (unsigned long long)m->size);
}

void sim_az_blocklist_get(struct sim_req *r)
{
	struct sim_azure *x = r->azure;
	struct sim_az_blocks un = { 0 }, co = { 0 };
	SIM_AUTOBUF struct sim_buf b = { 0 };
	int want = types(r), fd;

	if (!want)
		return;
	fd = sim_store_open(r->sim, x->key, &x->meta);
	if (fd >= 0) {
		sim_az_committed(r->sim, x->key, x->meta.etag, &co);
		close(fd);
	}
	sim_az_blocks_lock();
	sim_az_uncommitted_locked(r->sim, x->key, &un);
	sim_az_blocks_unlock();
	if (fd < 0 && !un.n) {
		sim_az_errno(r, -ENOENT);
	} else {
		sim_buf_str(&b, "<BlockList>");
		if (want & FROM_COMMITTED)
			add_blocks(&b, "CommittedBlocks", &co);
		if (want & FROM_UNCOMMITTED)
			add_blocks(&b, "UncommittedBlocks", &un);
		sim_buf_str(&b, "</BlockList>");
		sim_az_xml(r, &b);
		if (fd >= 0)
			blocklist_headers(r, &x->meta);
	}
	free(un.v);
	free(co.v);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Get Block List: which blocks of a blob are stored and not committed, and
 * what of them belongs to an upload. The CRC32 of each part is in its block's
 * id, so a resumed copy needs nothing else to know what not to send again.
 */
#include <errno.h>
#include <string.h>

#include "backends/azure/internal.h"
#include "backends/cloud/page.h"
#include "backends/cloud/xml.h"

/* Azure's own limit of uncommitted blocks. */
#define BLOCKS_MAX 100000

struct reading {
	int (*each)(void *arg, const struct sl_azure_block *b);
	void *arg;
	char *name; /* owned */
	uint64_t size;
	uint32_t count;
	bool seen;
};

static int end_of_block(struct reading *rd, bool committed)
{
	SL_CLEANUP(free) char *name = sl_steal(&rd->name);
	struct sl_azure_block b = { committed, name, rd->size };

	if (!name || ++rd->count > 2 * BLOCKS_MAX)
		return -EPROTO;
	rd->size = 0;
	return rd->each(rd->arg, &b);
}

static int on_element(void *arg, const char *path, const char *text)
{
	static const char committed[] = "BlockList/CommittedBlocks/Block";
	static const char uncommitted[] = "BlockList/UncommittedBlocks/Block";
	struct reading *rd = arg;
	bool is_committed = strncmp(path, committed, sizeof(committed) - 1) ==
			    0;

	if (strcmp(path, "BlockList") == 0)
		rd->seen = true;
	if (is_committed)
		path += sizeof(committed) - 1;
	else if (strncmp(path, uncommitted, sizeof(uncommitted) - 1) == 0)
		path += sizeof(uncommitted) - 1;
	else
		return 0;
	if (!*path)
		return end_of_block(rd, is_committed);
	if (strcmp(path, "/Name") == 0)
		return sl_cloud_set_string(&rd->name, text);
	if (strcmp(path, "/Size") == 0)
		return sl_cloud_number(text, &rd->size);
	return 0;
}

int sl_azure_blocks_read(const struct sl_http_response *r,
			 int (*each)(void *arg,
				     const struct sl_azure_block *b),
			 void *arg)
{
	static const struct sl_xml_handlers h = { .element = on_element };
	struct reading rd = { .each = each, .arg = arg };
	int err = sl_xml_parse(r->body.data, r->body.len, &h, &rd);

	free(rd.name);
	if (err == -ENODATA || (!err && !rd.seen))
		return -EPROTO;
	return err;
}

struct stored {
	const char *upload;
	uint32_t max_number;
	struct sl_part *parts; /* owned */
	size_t n, cap;
};

static int keep(void *arg, const struct sl_azure_block *b)
{
	struct stored *s = arg;
	struct sl_azure_id id;
	struct sl_part *grown;

	if (b->committed || !sl_azure_block_parse(b->name, &id) ||
	    strcmp(id.upload, s->upload) != 0 || !id.number ||
	    id.number > s->max_number)
		return 0;
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		grown = reallocarray(s->parts, s->cap, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->parts = grown;
	}
	s->parts[s->n] = (struct sl_part){ .number = id.number,
					   .size = b->size,
					   .crc32 = id.crc32 };
	snprintf(s->parts[s->n++].etag, sizeof(grown->etag), "%s", b->name);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct sl_part *)a)->number;
	uint32_t y = ((const struct sl_part *)b)->number;

	return (x > y) - (x < y);
}

/* A part that was sent with two contents is told once: either is stored. */
static int tell(struct sl_cloud_task *t, struct stored *s)
{
	int err = 0;

	if (s->n)
		qsort(s->parts, s->n, sizeof(*s->parts), by_number);
	for (size_t i = 0; !err && i < s->n; i++)
		if (!i || s->parts[i].number != s->parts[i - 1].number)
			err = t->op->on_part(t->op, &s->parts[i]);
	return err;
}

/* Without a block an upload is known only to who began it. */
static enum sl_verdict none(struct sl_cloud_task *t)
{
	if (sl_cloud_id_known(t->cloud, t->op->upload_id))
		return SL_V_OK;
	sl_error_set(&t->call.error, ESTALE, "'%s': no part of the upload is "
		     "stored", t->op->key);
	return SL_V_RESTART_FILE;
}

static enum sl_verdict parts_good(struct sl_cloud_task *t,
				  const struct sl_http_response *r)
{
	struct stored s = { .upload = t->op->upload_id,
			    .max_number = t->cloud->b.limits.max_parts };
	int err = sl_azure_blocks_read(r, keep, &s);
	bool some = s.n != 0;

	if (!err)
		err = tell(t, &s);
	free(s.parts);
	if (!err && !some)
		return none(t);
	return sl_cloud_page_judged(t, err);
}

static enum sl_verdict parts_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	(void)r;
	if (c.errnum != ENOENT)
		return c.verdict;
	/* Of an empty name: no error any more if that is as it should be. */
	return none(t);
}

static int fill_parts(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)t; /* the key says all */
	sl_cloud_query(q, "blocklisttype", "uncommitted");
	return sl_cloud_query(q, "comp", "blocklist");
}

static const struct sl_cloud_step parts_step = {
	.method = "GET",
	.fill = fill_parts,
	.good = parts_good,
	.bad = parts_bad,
};

void sl_azure_list_parts(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &parts_step);
}

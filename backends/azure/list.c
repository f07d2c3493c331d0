/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List Blobs: objects, and blobs of which nothing was committed yet.
 *
 * Objects. Azure's order is that of the names' bytes, which is what callers
 * are promised; each page is sorted again, and one that goes back before the
 * last is refused (page.h), as a hierarchical namespace could give that puts
 * "a/" before "a-". Such an account also lists its directories, as empty blobs
 * that a word in their metadata gives away; they are left out.
 *
 * Uploads. include=uncommittedblobs adds the blobs that have blocks and were
 * never committed, without saying which they are; but they are empty, and so
 * Get Block List is asked of each empty one, page by page. Blocks that were
 * added to a blob which exists are not shown by any listing: they hide
 * nothing, and the next completion or put of that name discards them.
 */
#include <errno.h>
#include <string.h>

#include "backends/azure/internal.h"
#include "backends/cloud/page.h"
#include "backends/cloud/xml.h"

/* Pages without a blob; a server may not keep us for ever. */
#define MAX_IDLE 1000

struct page {
	struct sl_cloud_page p;
	bool encoded;	/* the present name is percent-encoded */
	bool directory; /* the present blob is none */
};

static int on_attribute(void *arg, const char *path, const char *name,
			const char *value)
{
	static const char blobs[] = "EnumerationResults/Blobs/";
	struct page *pg = arg;

	if (strncmp(path, blobs, sizeof(blobs) - 1) == 0 &&
	    strcmp(name, "Encoded") == 0)
		pg->encoded = strcasecmp(value, "true") == 0;
	return 0;
}

static int set_name(struct page *pg, const char *text)
{
	int err = sl_cloud_set_string(&pg->p.cur.key, text);

	if (!err && pg->encoded && !sl_cloud_unescape(pg->p.cur.key, false))
		err = -EPROTO;
	pg->encoded = false;
	return err;
}

static int end_of_blob(struct page *pg)
{
	if (!pg->directory)
		return sl_cloud_page_push(&pg->p, false);
	pg->directory = false;
	free(pg->p.cur.key);
	pg->p.cur = (struct sl_cloud_item){ 0 };
	return 0;
}

static int on_blob_field(struct page *pg, const char *field, const char *text)
{
	struct sl_object *o = &pg->p.cur.obj;

	if (!*field)
		return end_of_blob(pg);
	if (strcmp(field, "/Name") == 0)
		return set_name(pg, text);
	if (strcmp(field, "/Properties/Content-Length") == 0)
		return sl_cloud_number(text, &o->size);
	if (strcmp(field, "/Properties/Etag") == 0)
		sl_azure_etag(o->etag, sizeof(o->etag), text);
	if (strcmp(field, "/Properties/Last-Modified") == 0)
		o->mtime_ms = sl_cloud_http_time(text);
	if (strcasecmp(field, "/Metadata/crc32") == 0)
		o->has_crc32 = sl_azure_get_crc(text, &o->crc32);
	if (strcasecmp(field, "/Metadata/hdi_isfolder") == 0)
		pg->directory = strcasecmp(text, "true") == 0;
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	static const char root[] = "EnumerationResults";
	static const char blob[] = "/Blobs/Blob";
	struct page *pg = arg;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (!*path)
		pg->p.seen = true;
	if (strcmp(path, "/Blobs/BlobPrefix/Name") == 0)
		return set_name(pg, text);
	if (strcmp(path, "/Blobs/BlobPrefix") == 0)
		return sl_cloud_page_push(&pg->p, true);
	if (strncmp(path, blob, sizeof(blob) - 1) == 0 &&
	    (path[sizeof(blob) - 1] == '/' || !path[sizeof(blob) - 1]))
		return on_blob_field(pg, path + sizeof(blob) - 1, text);
	if (strcmp(path, "/NextMarker") == 0) {
		pg->p.truncated = *text != '\0';
		return sl_cloud_set_string(&pg->p.token, text);
	}
	return 0;
}

int sl_azure_page_read(const struct sl_http_response *r,
		       struct sl_cloud_page *ret)
{
	static const struct sl_xml_handlers h = {
		.element = on_element, .attribute = on_attribute,
	};
	struct page pg = { .encoded = false };
	int err = sl_xml_parse(r->body.data, r->body.len, &h, &pg);

	*ret = pg.p;
	return err;
}

static enum sl_verdict list_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	struct sl_cloud_page p;
	int err = sl_azure_page_read(r, &p);

	if (!err)
		err = sl_cloud_page_tell(t, &p);
	sl_cloud_page_release(&p);
	return sl_cloud_page_judged(t, err);
}

static int fill_page(struct sl_cloud_task *t, struct sl_cloud_request *q,
		     const char *include, bool fold)
{
	SL_CLEANUP(buf) struct sl_buf key = SL_BUF_INIT(4096);

	if (sl_cloud_full_key(t->cloud, t->op->prefix, &key))
		return -ENOMEM;
	sl_cloud_query(q, "comp", "list");
	if (fold)
		sl_cloud_query(q, "delimiter", "/");
	sl_cloud_query(q, "include", include);
	if (t->marker)
		sl_cloud_query(q, "marker", t->marker);
	sl_cloud_query(q, "maxresults", "1000");
	sl_cloud_query(q, "prefix", sl_buf_str(&key));
	return sl_cloud_query(q, "restype", "container");
}

static int fill_list(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	return fill_page(t, q, "metadata", !t->op->recursive);
}

static const struct sl_cloud_step list_step, uncommitted_step, blocks_step;

static const struct sl_cloud_step *after_list(struct sl_cloud_task *t)
{
	return t->more ? &list_step : NULL;
}

static const struct sl_cloud_step list_step = {
	.method = "GET",
	.place = true,
	.fill = fill_list,
	.good = list_good,
	.next = after_list,
};

void sl_azure_list(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &list_step);
}

static int fill_uncommitted(struct sl_cloud_task *t,
			    struct sl_cloud_request *q)
{
	return fill_page(t, q, "uncommittedblobs", false);
}

static void forget_found(struct sl_azure_task *at)
{
	for (size_t i = 0; i < at->found_n; i++)
		free(at->found[i]);
	free(at->found);
	at->found = NULL;
	at->found_n = at->found_at = 0;
}

/* Takes the names of the page's empty blobs, relative. */
static int take_found(struct sl_cloud_task *t, struct sl_cloud_page *p)
{
	struct sl_azure_task *at = sl_azure_task_of(t);
	const char *prefix = t->cloud->prefix;
	size_t skip = strlen(prefix);

	forget_found(at);
	at->found = calloc(p->n ? p->n : 1, sizeof(*at->found));
	if (!at->found)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++) {
		const char *key = p->items[i].key;
		char *copy;

		if (strncmp(key, prefix, skip) != 0)
			return -EPROTO;
		if (p->items[i].obj.size || !sl_key_valid(key + skip))
			continue;
		copy = strdup(key + skip);
		if (!copy)
			return -ENOMEM;
		at->found[at->found_n++] = copy;
	}
	return 0;
}

static int go_on(struct sl_cloud_task *t, struct sl_cloud_page *p)
{
	if (!p->seen)
		return -EPROTO;
	t->idle = p->n ? 0 : t->idle + 1;
	if (t->idle > MAX_IDLE)
		return -EPROTO;
	if (p->truncated && t->marker && strcmp(t->marker, p->token) == 0)
		return -EPROTO; /* it would never end */
	t->more = p->truncated;
	free(t->marker);
	t->marker = sl_steal(&p->token);
	return 0;
}

static enum sl_verdict uncommitted_good(struct sl_cloud_task *t,
					const struct sl_http_response *r)
{
	struct sl_cloud_page p;
	int err = sl_azure_page_read(r, &p);

	if (!err)
		err = take_found(t, &p);
	if (!err)
		err = go_on(t, &p);
	sl_cloud_page_release(&p);
	return sl_cloud_page_judged(t, err);
}

/* The next blob to ask about, then the next page. */
static const struct sl_cloud_step *after_uncommitted(struct sl_cloud_task *t)
{
	struct sl_azure_task *at = sl_azure_task_of(t);

	if (at->found_at < at->found_n) {
		at->blob = at->found[at->found_at++];
		return &blocks_step;
	}
	return t->more ? &uncommitted_step : NULL;
}

static const struct sl_cloud_step uncommitted_step = {
	.method = "GET",
	.place = true,
	.fill = fill_uncommitted,
	.good = uncommitted_good,
	.next = after_uncommitted,
};

#define UPLOADS_MAX 64

/* The uploads that a blob has blocks of; more than a few nobody has. */
struct uploads {
	char id[UPLOADS_MAX][SL_AZURE_UPLOAD_HEX + 1];
	size_t n;
};

static int note_upload(void *arg, const struct sl_azure_block *b)
{
	struct uploads *u = arg;
	struct sl_azure_id id;

	if (b->committed || !sl_azure_block_parse(b->name, &id))
		return 0;
	for (size_t i = u->n; i-- > 0;)
		if (strcmp(u->id[i], id.upload) == 0)
			return 0;
	if (u->n < UPLOADS_MAX)
		memcpy(u->id[u->n++], id.upload, sizeof(id.upload));
	return 0;
}

static int fill_blocks(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)t; /* the blob's URL says all */
	sl_cloud_query(q, "blocklisttype", "uncommitted");
	return sl_cloud_query(q, "comp", "blocklist");
}

static enum sl_verdict blocks_good(struct sl_cloud_task *t,
				   const struct sl_http_response *r)
{
	struct uploads u = { .n = 0 };
	int err = sl_azure_blocks_read(r, note_upload, &u);

	for (size_t i = 0; !err && i < u.n; i++) {
		struct sl_upload_entry e = {
			.key = sl_azure_task_of(t)->blob,
			.upload_id = u.id[i],
		};

		err = t->op->on_upload(t->op, &e);
	}
	return sl_cloud_page_judged(t, err);
}

/* Gone since the page was made. */
static enum sl_verdict blocks_bad(struct sl_cloud_task *t,
				  const struct sl_http_response *r,
				  struct sl_classified c)
{
	(void)t;
	(void)r;
	return c.errnum == ENOENT ? SL_V_OK : c.verdict;
}

static const struct sl_cloud_step blocks_step = {
	.method = "GET",
	.place = true,
	.own = SL_AZURE_OF_BLOB,
	.fill = fill_blocks,
	.good = blocks_good,
	.bad = blocks_bad,
	.next = after_uncommitted,
};

void sl_azure_uploads(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &uncommitted_step);
}

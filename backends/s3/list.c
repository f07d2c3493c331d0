/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing objects, a page of at most 1000 at a time. A page has its keys
 * first and its common prefixes after them, so it is gathered and sorted
 * before it is told on. Keys come percent-encoded where the server says so.
 *
 * A server may not keep us for ever: keys grow from page to page (one that
 * is told again at a page's beginning is left out), and pages without a new
 * key are few. How many keys are too many, the caller decides.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

/* A server that sends more than it was asked for is not believed. */
#define MAX_ENTRIES (4 * SL_S3_PAGE)
/* Removed objects of a versioned bucket can fill pages with nothing. */
#define MAX_IDLE 1000

struct item {
	char *key; /* owned; full, as sent, then decoded and relative */
	bool is_prefix;
	struct sl_object obj;
};

struct page {
	struct item *items;
	size_t n, cap;
	struct item cur;
	bool seen, encoded, truncated;
	char *token;
};

static void page_release(struct page *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].key);
	free(p->items);
	free(p->cur.key);
	free(p->token);
}

static int set_string(char **dst, const char *text)
{
	free(*dst);
	*dst = strdup(text);
	return *dst ? 0 : -ENOMEM;
}

static int push(struct page *p, bool is_prefix)
{
	struct item *grown;

	if (!p->cur.key || p->n >= MAX_ENTRIES)
		return -EPROTO;
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;

		grown = realloc(p->items, cap * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		p->items = grown;
		p->cap = cap;
	}
	p->cur.is_prefix = is_prefix;
	p->items[p->n++] = p->cur;
	p->cur = (struct item){ 0 };
	return 0;
}

static int on_object_field(struct page *p, const char *field, const char *text)
{
	struct sl_object *o = &p->cur.obj;

	if (!*field)
		return push(p, false);
	if (strcmp(field, "/Key") == 0)
		return set_string(&p->cur.key, text);
	if (strcmp(field, "/Size") == 0)
		return sl_s3_number(text, &o->size);
	if (strcmp(field, "/ETag") == 0)
		sl_text_clean(o->etag, sizeof(o->etag), text, strlen(text));
	if (strcmp(field, "/LastModified") == 0)
		o->mtime_ms = sl_s3_time(text);
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	static const char root[] = "ListBucketResult/";
	struct page *p = arg;

	if (strcmp(path, "ListBucketResult") == 0)
		p->seen = true;
	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (strncmp(path, "Contents", 8) == 0)
		return on_object_field(p, path + 8, text);
	if (strcmp(path, "CommonPrefixes/Prefix") == 0)
		return set_string(&p->cur.key, text);
	if (strcmp(path, "CommonPrefixes") == 0)
		return push(p, true);
	if (strcmp(path, "EncodingType") == 0)
		p->encoded = strcmp(text, "url") == 0;
	if (strcmp(path, "IsTruncated") == 0)
		p->truncated = strcmp(text, "true") == 0;
	if (strcmp(path, "NextContinuationToken") == 0)
		return set_string(&p->token, text);
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->key,
		      ((const struct item *)b)->key);
}

static int decode_keys(struct page *p)
{
	for (size_t i = 0; p->encoded && i < p->n; i++)
		if (!sl_s3_url_decode(p->items[i].key))
			return -EPROTO;
	if (p->n)
		qsort(p->items, p->n, sizeof(*p->items), by_key);
	return 0;
}

static int tell(struct sl_s3_task *t, const struct page *p)
{
	size_t skip = strlen(t->s3->prefix);
	size_t asked = strlen(t->op->prefix);

	for (size_t i = 0; i < p->n; i++) {
		const struct item *it = &p->items[i];
		struct sl_list_entry e = {
			.key = it->key + skip,
			.is_prefix = it->is_prefix,
			.obj = it->obj,
		};
		int err;

		/* Callers cut off what they asked for. */
		if (strncmp(it->key, t->s3->prefix, skip) != 0 ||
		    strncmp(e.key, t->op->prefix, asked) != 0)
			return -EPROTO;
		if (!*e.key)
			continue; /* a marker of the directory itself */
		if (t->last && strcmp(it->key, t->last) <= 0)
			continue;
		err = t->op->on_entry(t->op, &e);
		if (err)
			return err;
	}
	return 0;
}

/* The page's keys were told: where the next one has to go on. */
static int note_progress(struct sl_s3_task *t, struct page *p)
{
	struct item *end = p->n ? &p->items[p->n - 1] : NULL;

	if (!end || (t->last && strcmp(end->key, t->last) <= 0))
		return ++t->idle > MAX_IDLE ? -EPROTO : 0;
	free(t->last);
	t->last = sl_steal(&end->key);
	t->idle = 0;
	return 0;
}

/* Keys go back to before the last page: another order, or a circle. */
static bool goes_back(const struct sl_s3_task *t, const struct page *p)
{
	return t->last && p->n && strcmp(p->items[0].key, t->last) < 0;
}

static int read_page(struct sl_s3_task *t, const struct sl_http_response *r,
		     struct page *p)
{
	static const struct sl_xml_handlers h = { on_element };
	int err = sl_xml_parse(r->body.data, r->body.len, &h, p);

	if (err)
		return err == -ENODATA ? -EPROTO : err;
	if (!p->seen)
		return -EPROTO; /* a page of somebody else's */
	if (p->truncated && (!p->token || !*p->token))
		return -EPROTO;
	if (p->truncated && t->marker && strcmp(p->token, t->marker) == 0)
		return -EPROTO; /* it would never end */
	err = decode_keys(p);
	if (!err && goes_back(t, p))
		err = -EPROTO;
	if (!err)
		err = tell(t, p);
	return err ? err : note_progress(t, p);
}

static enum sl_verdict list_good(struct sl_s3_task *t,
				 const struct sl_http_response *r)
{
	struct page p = { 0 };
	int err = read_page(t, r, &p);

	if (!err) {
		t->more = p.truncated;
		free(t->marker);
		t->marker = sl_steal(&p.token);
	}
	page_release(&p);
	if (!err)
		return SL_V_OK;
	return sl_s3_fatal(t, -err, err == -EPROTO ?
			   "the listing makes no sense" : "listing ended");
}

static int fill_list(struct sl_s3_task *t, struct sl_s3_query *q)
{
	SL_CLEANUP(buf) struct sl_buf key = SL_BUF_INIT(4096);

	if (sl_s3_full_key(t->s3, t->op->prefix, &key))
		return -ENOMEM;
	if (t->marker)
		sl_s3_query(q, "continuation-token", t->marker);
	if (!t->op->recursive)
		sl_s3_query(q, "delimiter", "/");
	sl_s3_query(q, "encoding-type", "url");
	sl_s3_query(q, "list-type", "2");
	sl_s3_query(q, "max-keys", "1000");
	return sl_s3_query(q, "prefix", sl_buf_str(&key));
}

static const struct sl_s3_step list_step;

static const struct sl_s3_step *after_list(struct sl_s3_task *t)
{
	return t->more ? &list_step : NULL;
}

static const struct sl_s3_step list_step = {
	.method = "GET",
	.bucket = true,
	.fill = fill_list,
	.good = list_good,
	.next = after_list,
};

void sl_s3_list(struct sl_backend *b, struct sl_op *op)
{
	sl_s3_run(b, op, &list_step);
}

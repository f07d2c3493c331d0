/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a listing: see page.h for what is asked of a server.
 */
#include "backends/cloud/page.h"

#include <errno.h>
#include <string.h>

/* A server that sends more than it was asked for is not believed. */
#define MAX_ENTRIES (4 * SL_CLOUD_PAGE)
/* Removed objects of a versioned bucket can fill pages with nothing. */
#define MAX_IDLE 1000

void sl_cloud_page_release(struct sl_cloud_page *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].key);
	free(p->items);
	free(p->cur.key);
	free(p->token);
}

int sl_cloud_set_string(char **dst, const char *text)
{
	free(*dst);
	*dst = strdup(text);
	return *dst ? 0 : -ENOMEM;
}

int sl_cloud_page_push(struct sl_cloud_page *p, bool is_prefix)
{
	struct sl_cloud_item *grown;

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
	p->cur = (struct sl_cloud_item){ 0 };
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct sl_cloud_item *)a)->key,
		      ((const struct sl_cloud_item *)b)->key);
}

static int tell(struct sl_cloud_task *t, const struct sl_cloud_page *p)
{
	size_t skip = strlen(t->cloud->prefix);
	size_t asked = strlen(t->op->prefix);

	for (size_t i = 0; i < p->n; i++) {
		const struct sl_cloud_item *it = &p->items[i];
		struct sl_list_entry e = {
			.key = it->key + skip,
			.is_prefix = it->is_prefix,
			.obj = it->obj,
		};
		int err;

		/* Callers cut off what they asked for. */
		if (strncmp(it->key, t->cloud->prefix, skip) != 0 ||
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
static int note_progress(struct sl_cloud_task *t, struct sl_cloud_page *p)
{
	struct sl_cloud_item *end = p->n ? &p->items[p->n - 1] : NULL;

	if (!end || (t->last && strcmp(end->key, t->last) <= 0))
		return ++t->idle > MAX_IDLE ? -EPROTO : 0;
	free(t->last);
	t->last = sl_steal(&end->key);
	t->idle = 0;
	return 0;
}

/* Keys go back to before the last page: another order, or a circle. */
static bool goes_back(const struct sl_cloud_task *t,
		      const struct sl_cloud_page *p)
{
	return t->last && p->n && strcmp(p->items[0].key, t->last) < 0;
}

/* Is it a page at all, and one that leads on? */
static bool makes_sense(const struct sl_cloud_task *t,
			const struct sl_cloud_page *p)
{
	if (!p->seen)
		return false; /* a page of somebody else's */
	if (!p->truncated)
		return true;
	if (!p->token || !*p->token)
		return false;
	/* The same again would never end. */
	return !t->marker || strcmp(p->token, t->marker) != 0;
}

int sl_cloud_page_tell(struct sl_cloud_task *t, struct sl_cloud_page *p)
{
	int err;

	if (!makes_sense(t, p))
		return -EPROTO;
	if (p->n)
		qsort(p->items, p->n, sizeof(*p->items), by_key);
	if (goes_back(t, p))
		return -EPROTO;
	err = tell(t, p);
	if (!err)
		err = note_progress(t, p);
	if (err)
		return err;
	t->more = p->truncated;
	free(t->marker);
	t->marker = sl_steal(&p->token);
	return 0;
}

enum sl_verdict sl_cloud_page_judged(struct sl_cloud_task *t, int err)
{
	if (!err)
		return SL_V_OK;
	if (err == -ENODATA)
		err = -EPROTO;
	return sl_cloud_fatal(t, -err, err == -EPROTO ?
			      "the listing makes no sense" : "listing ended");
}

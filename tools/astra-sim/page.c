/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of listings, and ranges of objects: what every dialect means the
 * same by, under its own names. A page is made by one walk from where the
 * last one ended.
 */
#include "page.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remember(struct sim_page *p, const char *key)
{
	free(p->last);
	p->last = sim_strdup(key);
	p->count++;
}

/* A key below a delimiter stands for its common prefix, once. */
static bool common_prefix(struct sim_page *p, struct sim_walk *w,
			  const char *key)
{
	const char *rest = key + strlen(p->prefix), *d;
	SIM_AUTOFREE char *common = NULL;

	d = *p->delimiter ? strstr(rest, p->delimiter) : NULL;
	if (!d)
		return false;
	common = sim_strndup(key, (size_t)(d - key) + strlen(p->delimiter));
	free(w->skip);
	w->skip = sim_strdup(common);
	if ((p->after && !strcmp(common, p->after)) ||
	    (p->last && !strcmp(common, p->last)))
		return true;
	if (p->count >= p->max) {
		p->more = true;
		return true;
	}
	p->common(p, common);
	remember(p, common);
	return true;
}

/* Gives those that come before the key, NULL: all; true: the page is full. */
static bool give_others(struct sim_page *p, struct sim_walk *w,
			const char *before)
{
	for (; p->at < p->n_others && !p->more; p->at++) {
		const char *key = p->others[p->at];

		if (before && strcmp(key, before) >= 0)
			break;
		if ((p->after && strcmp(key, p->after) <= 0) ||
		    (w->skip && sim_starts(key, w->skip)) ||
		    common_prefix(p, w, key))
			continue;
		p->more = p->count >= p->max;
		if (p->more)
			break;
		p->object(p, key, NULL);
		remember(p, key);
	}
	if (before && p->at < p->n_others && !strcmp(p->others[p->at], before))
		p->at++; /* an object after all */
	return p->more;
}

struct walk_of_page {
	struct sim *sim;
	struct sim_page *page;
};

static int visit(struct sim_walk *w, const char *key, const char *path,
		 const struct stat *st)
{
	const struct walk_of_page *x = w->arg;
	struct sim_page *p = x->page;
	struct sim_meta m = { 0 };
	int fd;

	(void)st;
	if (give_others(p, w, key))
		return 1;
	if (w->skip && sim_starts(key, w->skip))
		return 0;
	if (common_prefix(p, w, key))
		return p->more;
	if (p->count >= p->max) {
		p->more = true;
		return 1;
	}
	fd = sim_store_open_file(x->sim, path, key, &m);
	if (fd < 0)
		return 0; /* removed meanwhile */
	close(fd);
	p->object(p, key, &m);
	remember(p, key);
	sim_meta_clear(&m);
	return 0;
}

void sim_page_make(struct sim *s, struct sim_page *p)
{
	struct walk_of_page x = { s, p };
	struct sim_walk w = { .prefix = p->prefix, .after = p->after,
			      .visit = visit, .arg = &x };

	/* A page of no entries is a valid question with an empty answer. */
	if (!p->max)
		return;
	sim_store_walk(s, &w);
	give_others(p, &w, NULL);
	free(w.skip);
}

void sim_page_clear(struct sim_page *p)
{
	free(p->last);
	p->last = NULL;
}

char *sim_page_token(const char *last)
{
	char *hex = sim_alloc(2 * strlen(last) + 1);

	sim_hex(last, strlen(last), hex);
	return hex;
}

char *sim_page_start(const char *token)
{
	size_t n = strlen(token);
	SIM_AUTOFREE char *key = sim_alloc(n / 2 + 1);
	char *ret = key;

	if (n % 2 || !n || !sim_unhex(token, n / 2, (unsigned char *)key))
		return NULL;
	key = NULL;
	return ret;
}

/* bytes=a-b | a- | -n, a missing number being -1; false: not a range. */
static bool split_range(const char *h, int64_t *a, int64_t *b)
{
	SIM_AUTOFREE char *copy = NULL;
	char *dash;

	if (!h || !sim_starts(h, "bytes="))
		return false;
	copy = sim_strdup(h + 6);
	dash = strchr(copy, '-');
	if (!dash)
		return false;
	*dash++ = '\0';
	*a = *b = -1;
	if ((*copy && !sim_number(copy, 0, INT64_MAX, a)) ||
	    (*dash && !sim_number(dash, 0, INT64_MAX, b)))
		return false;
	return *a >= 0 ? *b < 0 || *b >= *a : *b >= 0;
}

int sim_range_parse(const char *h, uint64_t size, uint64_t *from, uint64_t *len)
{
	int64_t a, b;

	if (!split_range(h, &a, &b))
		return 0;
	if (a < 0) {
		*len = (uint64_t)b < size ? (uint64_t)b : size;
		*from = size - *len;
		return *len ? 1 : -1;
	}
	if ((uint64_t)a >= size)
		return -1;
	*from = (uint64_t)a;
	*len = size - *from;
	if (b >= 0 && (uint64_t)(b - a) < *len)
		*len = (uint64_t)(b - a) + 1;
	return 1;
}

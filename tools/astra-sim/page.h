/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of a listing, whatever the dialect: objects and common prefixes
 * in byte order, from behind where the last page ended.
 */
#ifndef SIM_PAGE_H
#define SIM_PAGE_H

#include "store.h"

struct sim_page {
	const char *prefix;
	const char *delimiter; /* "" if none */
	const char *after;     /* last key or common prefix given, or NULL */
	int64_t max;
	/* Keys that are no objects (yet), sorted, to be given among them. */
	const char **others;
	size_t n_others;
	/* m NULL: it is one of the others. */
	void (*object)(struct sim_page *p, const char *key,
		       const struct sim_meta *m);
	void (*common)(struct sim_page *p, const char *prefix);
	void *arg;
	/* The outcome. */
	int64_t count;
	char *last; /* where the next page goes on */
	bool more;
	size_t at; /* in others */
};
void sim_page_make(struct sim *s, struct sim_page *p);
void sim_page_clear(struct sim_page *p);

/*
 * Tokens are the hex of the last key: opaque to others, and right when
 * objects come and go between pages. NULL when it is none.
 */
char *sim_page_token(const char *last);
char *sim_page_start(const char *token);

/*
 * A range of an object of that size: 1 and where, 0 for none (or not one we
 * know), -1 when it lies outside.
 */
int sim_range_parse(const char *header, uint64_t size, uint64_t *from,
		    uint64_t *len);

#endif

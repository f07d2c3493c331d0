/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of a listing of objects. A page has its keys first and its common
 * prefixes after them, so it is gathered and sorted before it is told on.
 *
 * A server may not keep us for ever: keys grow from page to page (one that
 * is told again at a page's beginning is left out), and pages without a new
 * key are few. How many keys are too many, the caller of list decides.
 */
#ifndef SL_CLOUD_PAGE_H
#define SL_CLOUD_PAGE_H

#include "backends/cloud/cloud.h"

#define SL_CLOUD_PAGE 1000 /* what is asked for */

struct sl_cloud_item {
	char *key; /* owned; full */
	bool is_prefix;
	struct sl_object obj;
};

struct sl_cloud_page {
	struct sl_cloud_item *items;
	size_t n, cap;
	struct sl_cloud_item cur; /* being read */
	bool seen;		  /* it was a page at all */
	bool truncated;		  /* there are more; needs 'token' */
	char *token;		  /* owned; becomes t->marker */
};

/* *dst becomes a copy of 'text'. -ENOMEM. */
int sl_cloud_set_string(char **dst, const char *text);
/* 'cur' is complete. -EPROTO without a key or too many, -ENOMEM. */
int sl_cloud_page_push(struct sl_cloud_page *p, bool is_prefix);
/*
 * Sorts the page, tells it to op->on_entry, and sets t->more and t->marker.
 * -EPROTO: it makes no sense; or what on_entry said. Prefix checks included.
 */
int sl_cloud_page_tell(struct sl_cloud_task *t, struct sl_cloud_page *p);
void sl_cloud_page_release(struct sl_cloud_page *p);
/* The outcome of a page as a verdict. -ENODATA counts as -EPROTO. */
enum sl_verdict sl_cloud_page_judged(struct sl_cloud_task *t, int err);

#endif

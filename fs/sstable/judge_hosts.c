/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node's data under two names, and two nodes' data under one.
 *
 * A host id in Statistics.db is that of the host that wrote the file first;
 * whole files are streamed as they are, so one node may rightly have several,
 * and two nodes the same. Replicas that flush the same rows at the same time
 * even write equal Data.db of equal names. But Statistics.db also holds
 * positions in the commit log, which are times: only a copy has equal ones.
 * And the receiver of a stream gives it a number of its own. So what two
 * nodes both have is an SSTable of the same name with equal Data.db and
 * Statistics.db. A few may be so by chance of numbers; half of a node is not,
 * and neither is one with a UUID for its number. But what sstableloader sends
 * to all replicas was never in a commit log, and before there were host ids
 * it is equal on all of them, numbers too: of such alone nothing is sure.
 *
 * In one directory, no number is given twice; if the versions differ, names do
 * too, and both would go in.
 */
#include <string.h>

#include "sstable/judge_internal.h"
#include "sstable/path_names.h"

#define UUID_LEN 28

/* --- in one directory */

static const uint8_t *host_of(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t =
		sl_jpart_u(s->part[SL_COMP_STATISTICS]);

	return t && !t->opaque && t->has_host_id ? t->host_id : NULL;
}

static bool other_host(const struct sl_jset *a, const struct sl_jset *b)
{
	const uint8_t *p = host_of(a), *q = host_of(b);

	return p && q && memcmp(p, q, 16) != 0;
}

/* "nb-1-big": its number; false if it has none. */
static bool number_of(const struct sl_jset *s, const char **ret, int *ret_len)
{
	const char *end = s->sstable ? strchr(s->name + 3, '-') : NULL;

	*ret = s->name + 3;
	*ret_len = end ? (int)(end - *ret) : 0;
	return end && sl_name_all(sl_char_digit, *ret, (size_t)*ret_len);
}

static void check_version(const struct sl_judge *j, const struct sl_jset *s,
			  const struct sl_jset *like, const struct sl_jout *o)
{
	const struct sl_jset *other;
	const char *number, *format = strrchr(like->name, '-');
	char name[64];
	int len;

	if (!number_of(s, &number, &len) || len > UUID_LEN || !format)
		return;
	snprintf(name, sizeof(name), "%s-%.*s%s", like->version, len, number,
		 format);
	other = sl_jset_find(j, s->dir, name, strlen(name));
	if (other && other != s && strcmp(other->name, s->name) < 0 &&
	    other_host(s, other))
		sl_jset_say(o, SL_RULE_HOST_IDS, s, SL_COMP_STATISTICS,
			    "'%s' has the same number and another host",
			    other->name);
}

#define VERSIONS 8

void sl_jdir_hosts(const struct sl_judge *j, const struct sl_jdir *d,
		   const struct sl_jout *o)
{
	const struct sl_jset *like[VERSIONS];
	size_t n = 0, i;

	for (const struct sl_jset *s = d->sets; s && n < VERSIONS;
	     s = s->next) {
		for (i = 0; i < n; i++)
			if (like[i]->format == s->format &&
			    !strcmp(like[i]->version, s->version))
				break;
		if (i == n && s->sstable)
			like[n++] = s;
	}
	for (const struct sl_jset *s = d->sets; s && n > 1; s = s->next)
		for (i = 0; i < n; i++)
			check_version(j, s, like[i], o);
}

/* --- between nodes */

static struct sl_jnode *node_of(const struct sl_jset *s)
{
	return s->dir->table->node;
}

static bool countable(const struct sl_jset *s)
{
	const struct sl_jpart *d = s->part[SL_COMP_DATA];
	const struct sl_jpart *t = s->part[SL_COMP_STATISTICS];

	return s->sstable && d && d->has_crc32 && t && t->has_crc32;
}

static int by_part(const struct sl_jpart *a, const struct sl_jpart *b)
{
	if (a->crc32 != b->crc32)
		return a->crc32 < b->crc32 ? -1 : 1;
	return a->size < b->size ? -1 : a->size > b->size;
}

static int by_content(const struct sl_jset *a, const struct sl_jset *b)
{
	int r = strcmp(a->name, b->name);

	if (!r)
		r = by_part(a->part[SL_COMP_DATA], b->part[SL_COMP_DATA]);
	if (!r)
		r = by_part(a->part[SL_COMP_STATISTICS],
			    b->part[SL_COMP_STATISTICS]);
	return r;
}

static int compare_sets(const void *a, const void *b)
{
	const struct sl_jset *const *p = a, *const *q = b;
	int r = by_content(*p, *q);

	return r ? r : strcmp((*p)->dir->key, (*q)->dir->key);
}

/* One SSTable that two nodes have. */
struct pair {
	const struct sl_jset *a, *b; /* in the order of their nodes */
};
struct pairs {
	struct pair *p;
	size_t n, cap;
};

static int add_pair(struct pairs *l, const struct sl_jset *a,
		    const struct sl_jset *b)
{
	size_t cap = l->cap ? l->cap * 2 : 64;
	struct pair *p;

	if (l->n == l->cap) {
		p = realloc(l->p, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		l->p = p;
		l->cap = cap;
	}
	l->p[l->n++] = strcmp(node_of(a)->name, node_of(b)->name) < 0 ?
			       (struct pair){ a, b } : (struct pair){ b, a };
	return 0;
}

static int gather_family(const struct sl_jfamily *f, struct sl_jlist *ret)
{
	for (const struct sl_jtable *t = f->tables; t; t = t->in_family)
		for (const struct sl_jdir *d = t->first_dir; d; d = d->after)
			for (struct sl_jset *s = d->sets; s; s = s->next)
				if (countable(s) && sl_jlist_add(ret, s))
					return -ENOMEM;
	return 0;
}

static int pairs_of_family(const struct sl_jfamily *f, struct pairs *ret)
{
	SL_CLEANUP(jlist) struct sl_jlist l = { 0 };

	if (gather_family(f, &l))
		return -ENOMEM;
	sl_jlist_sort(&l, compare_sets);
	for (size_t i = 1; i < l.n; i++) {
		const struct sl_jset *a = l.p[i - 1], *b = l.p[i];

		if (!by_content(a, b) && node_of(a) != node_of(b) &&
		    !other_host(a, b) && add_pair(ret, a, b))
			return -ENOMEM;
	}
	return 0;
}

static int by_nodes(const void *x, const void *y)
{
	const struct pair *p = x, *q = y;
	int r = strcmp(node_of(p->a)->name, node_of(q->a)->name);

	if (!r)
		r = strcmp(node_of(p->b)->name, node_of(q->b)->name);
	if (!r)
		r = strcmp(p->b->dir->key, q->b->dir->key);
	return r ? r : strcmp(p->b->name, q->b->name);
}

static bool same_nodes(const struct pair *p, const struct pair *q)
{
	return node_of(p->a) == node_of(q->a) && node_of(p->b) == node_of(q->b);
}

/* Is it the host that wrote more than half of the node? */
static bool is_main_host(const struct sl_jnode *n, const uint8_t *host)
{
	uint64_t same = 0, all = 0;

	for (const struct sl_jtable *t = n->tables; t; t = t->in_node)
		for (const struct sl_jdir *d = t->first_dir; d; d = d->after)
			for (const struct sl_jset *s = d->sets; s;
			     s = s->next) {
				const uint8_t *h = host_of(s);

				all += h != NULL;
				same += h && !memcmp(h, host, 16);
			}
	return same * 2 > all;
}

static bool is_stranger(const struct sl_jset *s, const struct sl_jset *there)
{
	const uint8_t *h = host_of(s);

	return h && is_main_host(node_of(there), h) &&
	       !is_main_host(node_of(s), h);
}

static void say_stranger(const struct pair *p, const struct sl_jout *o)
{
	const struct sl_jset *s = is_stranger(p->b, p->a) ? p->b :
				  is_stranger(p->a, p->b) ? p->a : NULL;

	if (s)
		sl_jset_say(o, SL_RULE_HOST_IDS, s, SL_COMP_STATISTICS,
			    "'%s' has the same file",
			    node_of(s == p->a ? p->b : p->a)->name);
}

static bool has_uuid(const struct sl_jset *s)
{
	return strchr(s->name, '_') != NULL;
}

static bool was_flushed(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t =
		sl_jpart_u(s->part[SL_COMP_STATISTICS]);

	return t && (t->opaque || t->flushed);
}

/* n SSTables that the same two nodes have. */
static void judge_pair(const struct pair *p, size_t n, const struct sl_jout *o)
{
	const struct sl_jnode *a = node_of(p->a), *b = node_of(p->b);
	uint64_t fewer = a->sstables < b->sstables ? a->sstables : b->sstables;
	char detail[SL_JUDGE_DETAIL];
	bool uuid = false, sure = false;

	for (size_t i = 0; i < n; i++) {
		uuid |= has_uuid(p[i].b);
		sure |= uuid || was_flushed(p[i].b);
	}
	if (!uuid && n != fewer && (n < 3 || n * 2 < fewer)) {
		say_stranger(p, o);
		return;
	}
	snprintf(detail, sizeof(detail),
		 "%zu of its %llu SSTables are those of '%s', as '%s'", n,
		 (unsigned long long)b->sstables, a->name, p->b->name);
	sl_jout_say_most(o, SL_RULE_DOUBLE_UPLOAD, sure ? SL_REJECT : SL_WARN,
			 b->name, detail);
}

int sl_judge_doubles(struct sl_judge *j, const struct sl_jout *o)
{
	struct pairs l = { 0 };
	int r = 0;

	for (const struct sl_jfamily *f = j->families; f && !r; f = f->next)
		r = pairs_of_family(f, &l);
	if (!r && l.n)
		qsort(l.p, l.n, sizeof(*l.p), by_nodes);
	for (size_t i = 0, n; !r && i < l.n; i += n) {
		n = 1;
		while (i + n < l.n && same_nodes(&l.p[i], &l.p[i + n]))
			n++;
		judge_pair(&l.p[i], n, o);
	}
	free(l.p);
	return r;
}

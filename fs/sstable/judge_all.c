/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over everything. Findings are gathered and sorted table by table,
 * so memory is what one table's findings take; those between nodes, which are
 * few, come first and are merged in where their paths belong.
 */
#include <string.h>

#include "sstable/judge_internal.h"

/* --- lists */

int sl_jlist_add(struct sl_jlist *l, void *p)
{
	size_t cap = l->cap ? l->cap * 2 : 64;
	void **q;

	if (l->n == l->cap) {
		q = realloc(l->p, cap * sizeof(*q));
		if (!q)
			return -ENOMEM;
		l->p = q;
		l->cap = cap;
	}
	l->p[l->n++] = p;
	return 0;
}

void sl_jlist_sort(struct sl_jlist *l, int (*cmp)(const void *a,
						  const void *b))
{
	if (l->n > 1)
		qsort(l->p, l->n, sizeof(*l->p), cmp);
}

/* --- findings */

struct kept_finding {
	enum sl_rule rule;
	enum sl_judgement verdict;
	size_t detail; /* where it begins in text */
	char text[];   /* path, detail */
};

struct gather {
	struct sl_jlist list;
	int err;
};

static void on_finding(void *arg, const struct sl_finding *f)
{
	struct gather *g = arg;
	size_t path = strlen(f->path) + 1, detail = strlen(f->detail) + 1;
	struct kept_finding *k = malloc(sizeof(*k) + path + detail);

	if (!k || sl_jlist_add(&g->list, k)) {
		free(k);
		g->err = -ENOMEM;
		return;
	}
	k->rule = f->rule;
	k->verdict = f->verdict;
	k->detail = path;
	memcpy(k->text, f->path, path);
	memcpy(k->text + path, f->detail, detail);
}

static int by_path(const void *a, const void *b)
{
	const struct kept_finding *const *p = a, *const *q = b;
	int r = strcmp((*p)->text, (*q)->text);

	if (!r)
		r = (int)(*p)->rule - (int)(*q)->rule;
	return r ? r : strcmp((*p)->text + (*p)->detail,
			      (*q)->text + (*q)->detail);
}

static void say(const struct kept_finding *k, sl_found_fn *found, void *arg)
{
	struct sl_finding f = { k->rule, k->verdict, k->text,
				k->text + k->detail };

	found(arg, &f);
}

/* Sorted, each once; the list is empty afterwards. */
static void flush(struct gather *g, sl_found_fn *found, void *arg)
{
	struct kept_finding *last = NULL;

	sl_jlist_sort(&g->list, by_path);
	for (size_t i = 0; i < g->list.n; i++) {
		struct kept_finding *k = g->list.p[i];

		if (!g->err && (!last || by_path(&last, &k)))
			say(k, found, arg);
		free(last);
		last = k;
	}
	free(last);
	g->list.n = 0;
}

static void sl_cleanup_gather(struct gather *g)
{
	for (size_t i = 0; i < g->list.n; i++)
		free(g->list.p[i]);
	free(g->list.p);
}

/* --- one table */

static void all_of_set(const struct sl_jset *s, const struct sl_jout *o)
{
	for (unsigned c = 0; c < (s->sstable ? SL_COMP__SSTABLE : 1); c++)
		sl_jset_say_found(o, s, c);
	sl_jset_judge(s, UINT32_MAX, o);
	sl_jset_whole(s, o);
}

static int all_of_dir(struct sl_judge *j, struct sl_jdir *d,
		      const struct sl_jout *o)
{
	char path[SL_JUDGE_PATH];

	for (unsigned p = 0; p < SL_JDIR_PARTS; p++) {
		if (!d->part[p])
			continue;
		sl_jdir_path(d, p, path, sizeof(path));
		sl_jpart_say(o, d->part[p], path);
	}
	for (const struct sl_jset *s = d->sets; s; s = s->next)
		all_of_set(s, o);
	sl_jdir_whole(j, d, o);
	sl_jdir_hosts(j, d, o);
	return sl_jdir_schema(d, o);
}

int sl_jtable_all(struct sl_judge *j, struct sl_jtable *t,
		  const struct sl_jout *o)
{
	int r = 0;

	sl_jtable_tags(j, t, o);
	sl_jtable_view(t, o);
	sl_jtable_lookalike(t, o);
	for (struct sl_jdir *d = t->first_dir; d && !r; d = d->after)
		r = all_of_dir(j, d, o);
	return r;
}

/* --- all of them */

/* As paths below them are ordered. */
static int by_key(const void *a, const void *b)
{
	const struct sl_jtable *const *p = a, *const *q = b;
	const unsigned char *s = (const void *)(*p)->key;
	const unsigned char *t = (const void *)(*q)->key;

	while (*s && *s == *t) {
		s++;
		t++;
	}
	return (*s ? *s : '/') - (*t ? *t : '/');
}

static int tables_of(const struct sl_judge *j, const char *node,
		     struct sl_jlist *ret)
{
	for (const struct sl_jnode *n = j->nodes; n; n = n->next) {
		if (node && strcmp(n->name, node) != 0)
			continue;
		for (struct sl_jtable *t = n->tables; t; t = t->in_node)
			if (t->first_dir && sl_jlist_add(ret, t))
				return -ENOMEM;
	}
	sl_jlist_sort(ret, by_key);
	return 0;
}

static bool is_below(const char *path, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(path, key, n) && (!path[n] || path[n] == '/');
}

/* Says what is before the table, and moves what is in it to 'to'. */
static int merge(struct gather *between, size_t *at, const char *key,
		 struct gather *to, struct sl_jout *out)
{
	for (; *at < between->list.n; (*at)++) {
		struct kept_finding *k = between->list.p[*at];
		bool below = is_below(k->text, key);

		if (!below && strcmp(k->text, key) > 0)
			return 0;
		if (!below)
			say(k, out->found, out->arg);
		else if (sl_jlist_add(&to->list, k))
			return -ENOMEM;
		else
			between->list.p[*at] = NULL;
	}
	return 0;
}

/* Sorting and telling take longer than finding, and need no judge. */
static void tell(struct gather *g, const struct sl_judge_turns *turns,
		 const struct sl_jout *out)
{
	if (turns)
		turns->give(turns->arg);
	flush(g, out->found, out->arg);
	if (turns)
		turns->take(turns->arg);
}

/* Nodes and tables stay, whatever happens to their files meanwhile. */
static int walk(struct sl_judge *j, const char *node, struct gather *between,
		const struct sl_judge_turns *turns, struct sl_jout *out)
{
	SL_CLEANUP(gather) struct gather g = { 0 };
	SL_CLEANUP(jlist) struct sl_jlist tables = { 0 };
	struct sl_jout o = { &j->policy, on_finding, &g, true };
	size_t at = 0;
	int r = tables_of(j, node, &tables);

	for (size_t i = 0; i < tables.n && !r; i++) {
		struct sl_jtable *t = tables.p[i];

		r = merge(between, &at, t->key, &g, out);
		if (!r)
			r = sl_jtable_all(j, t, &o);
		tell(&g, turns, out);
		if (!r)
			r = g.err;
	}
	for (; at < between->list.n && !r; at++)
		say(between->list.p[at], out->found, out->arg);
	return r;
}

static int all(struct sl_judge *j, const char *node,
	       const struct sl_judge_turns *turns, sl_found_fn *found,
	       void *arg)
{
	SL_CLEANUP(gather) struct gather between = { 0 };
	struct sl_jout o = { &j->policy, on_finding, &between, true };
	struct sl_jout out = { &j->policy, found, arg, true };
	int r = sl_judge_between(j, node, &o);

	if (r || between.err)
		return r ? r : between.err;
	sl_jlist_sort(&between.list, by_path);
	return walk(j, node, &between, turns, &out);
}

int sl_judge_all(struct sl_judge *j, const char *node, sl_found_fn *found,
		 void *arg)
{
	return all(j, node, NULL, found, arg);
}

int sl_judge_all_in_turns(struct sl_judge *j,
			  const struct sl_judge_turns *turns,
			  sl_found_fn *found, void *arg)
{
	return all(j, NULL, turns, found, arg);
}

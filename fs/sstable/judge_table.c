/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules on one table of one node: its schema against the headers of its
 * SSTables, views, and that there is one snapshot of one table id.
 *
 * A header that contradicts schema.cql blames its SSTable and not the schema,
 * although either may be wrong: the importer never reads schema.cql, so
 * without it the SSTable would go in and give wrong values. What only warns
 * is told once for all SSTables of a snapshot that have it.
 */
#include <string.h>

#include "sstable/judge_internal.h"
#include "sstable/schema.h"

const struct sl_schema *sl_jdir_schema_of(const struct sl_jdir *d)
{
	const struct sl_schema_facts *f = sl_jpart_u(d->part[SL_JDIR_SCHEMA]);

	return f ? f->schema : NULL;
}

static const struct sl_jstatistics *statistics(const struct sl_jset *s)
{
	const struct sl_jstatistics *t =
		s->sstable ? sl_jpart_u(s->part[SL_COMP_STATISTICS]) : NULL;

	return t && !t->f.opaque ? t : NULL;
}

/* --- headers */

/* What was told of a snapshot already: rule and detail, hashed. */
struct told {
	uint64_t *hash;
	size_t n, cap;
};

struct compare {
	const struct sl_jset *set;
	const struct sl_jout *o;
	struct told *told; /* NULL: tell everything */
	size_t count;
	int err;
};

static bool told_before(struct compare *c, enum sl_rule r, const char *detail)
{
	struct told *t = c->told;
	uint64_t h = sl_jhash_bytes(r, detail, strlen(detail)), *p;

	for (size_t i = 0; i < t->n; i++)
		if (t->hash[i] == h)
			return true;
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 16;
		p = realloc(t->hash, t->cap * sizeof(*p));
		if (!p) {
			t->cap = t->n;
			c->err = -ENOMEM;
			return false;
		}
		t->hash = p;
	}
	t->hash[t->n++] = h;
	return false;
}

static void on_difference(void *arg, enum sl_rule r, const char *detail)
{
	struct compare *c = arg;

	c->count++;
	if (c->told && sl_policy_verdict(c->o->policy, r) != SL_REJECT &&
	    told_before(c, r, detail))
		return;
	sl_jset_say(c->o, r, c->set, SL_COMP_STATISTICS, "%s", detail);
}

static int compare(const struct sl_jset *s, const struct sl_jout *o,
		   struct told *told)
{
	const struct sl_schema *schema = sl_jdir_schema_of(s->dir);
	const struct sl_jstatistics *t = statistics(s);
	struct compare c = { .set = s, .o = o, .told = told };
	int r;

	if (!schema || !t || !t->header ||
	    t->header->clean_with == s->dir->schema_serial)
		return 0;
	r = sl_schema_compare(schema, t->header->header, on_difference, &c);
	if (r || c.err)
		return r ? r : c.err;
	if (!c.count)
		t->header->clean_with = s->dir->schema_serial;
	return 0;
}

int sl_jset_schema(const struct sl_jset *s, const struct sl_jout *o)
{
	return compare(s, o, NULL);
}

static int by_name(const void *a, const void *b)
{
	const struct sl_jset *const *p = a, *const *q = b;

	return strcmp((*p)->name, (*q)->name);
}

int sl_jdir_schema(struct sl_jdir *d, const struct sl_jout *o)
{
	SL_CLEANUP(jlist) struct sl_jlist l = { 0 };
	struct told told = { 0 };
	int r = 0;

	if (!sl_jdir_schema_of(d))
		return 0;
	for (struct sl_jset *s = d->sets; s; s = s->next)
		if (statistics(s) && sl_jlist_add(&l, s))
			return -ENOMEM;
	sl_jlist_sort(&l, by_name);
	for (size_t i = 0; i < l.n && !r; i++)
		r = compare(l.p[i], o, &told);
	free(told.hash);
	return r;
}

/* --- views */

static void view_of_set(const struct sl_jset *s, const struct sl_jout *o)
{
	for (unsigned c = 0; c < SL_COMP__SSTABLE; c++)
		if (s->part[c])
			sl_jset_say(o, SL_RULE_VIEW, s, c, "%s",
				    "schema.cql says so");
}

static void view_of_dir(const struct sl_jdir *d, const struct sl_jout *o)
{
	char path[SL_JUDGE_PATH];

	for (const struct sl_jset *s = d->sets; s; s = s->next)
		view_of_set(s, o);
	for (unsigned p = 0; p < SL_JDIR_PARTS; p++) {
		if (!d->part[p] ||
		    sl_jpart_has_found(d->part[p], SL_RULE_VIEW))
			continue;
		sl_jdir_path(d, p, path, sizeof(path));
		sl_jout_say(o, SL_RULE_VIEW, path, "schema.cql says so");
	}
}

void sl_jtable_view(const struct sl_jtable *t, const struct sl_jout *o)
{
	if (!t->views)
		return;
	for (const struct sl_jdir *d = t->dirs; d; d = d->next)
		view_of_dir(d, o);
}

/* --- tags and ids */

static void say_tag(const struct sl_jout *o, const char *path,
		    const struct sl_jdir *other)
{
	char detail[SL_JUDGE_DETAIL];

	snprintf(detail, sizeof(detail), "'%s' is there too",
		 strrchr(other->key, '/') + 1);
	sl_jout_say(o, SL_RULE_SECOND_TAG, path, detail);
}

static void say_id(const struct sl_jout *o, const char *path,
		   const struct sl_jid *other)
{
	char detail[SL_JUDGE_DETAIL];

	snprintf(detail, sizeof(detail), "id %s is there too", other->id);
	sl_jout_say(o, SL_RULE_SECOND_TABLE_ID, path, detail);
}

static struct sl_jfamily *family_at(const struct sl_judge *j,
				    const struct sl_jplace *w)
{
	const char *s = w->path + w->family_at;

	return sl_jfamily_find(j, s, w->keyspace.n + 1 + w->table.n);
}

static void same_elsewhere(const struct sl_judge *j, const struct sl_jset *s,
			   const struct sl_jdir *other, const char *path,
			   const struct sl_jout *o)
{
	if (s && s->sstable && other != s->dir &&
	    sl_jset_find(j, other, s->name, strlen(s->name)))
		sl_jout_say(o, SL_RULE_SAME_SSTABLE, path,
			    strrchr(other->key, '/') + 1);
}

void sl_jplace_tag(const struct sl_judge *j, const struct sl_jplace *w,
		   const struct sl_jout *o)
{
	const struct sl_jtable *t =
		sl_jtable_find(j, w->path, w->table_len);
	const struct sl_jfamily *f = family_at(j, w);
	const struct sl_jid *first = f ? f->first_id : NULL;

	if (t && t->first_dir && t->first_dir != w->dir) {
		say_tag(o, w->path, t->first_dir);
		same_elsewhere(j, w->sstable, t->first_dir, w->path, o);
	}
	if (first && memcmp(first->id, w->id.p, w->id.n) != 0)
		say_id(o, w->path, first);
	if (t && t->views && !(w->slot && *w->slot &&
			       sl_jpart_has_found(*w->slot, SL_RULE_VIEW)))
		sl_jout_say(o, SL_RULE_VIEW, w->path, "schema.cql says so");
}

static bool better_dir(const struct sl_jdir *a, const struct sl_jdir *b)
{
	return a->files != b->files ? a->files > b->files :
				      strcmp(a->key, b->key) < 0;
}

static bool better_id(const struct sl_jid *a, const struct sl_jid *b)
{
	return a->files != b->files ? a->files > b->files :
				      strcmp(a->id, b->id) < 0;
}

static void second_dir(const struct sl_judge *j, const struct sl_jdir *d,
		       const struct sl_jdir *best, const struct sl_jout *o)
{
	char path[SL_JUDGE_PATH];

	say_tag(o, d->key, best);
	for (const struct sl_jset *s = d->sets; s; s = s->next) {
		unsigned c = 0;

		while (c < SL_COMP__SSTABLE - 1 && !s->part[c])
			c++;
		sl_jset_path(s, c, path, sizeof(path));
		same_elsewhere(j, s, best, path, o);
	}
}

void sl_jtable_tags(const struct sl_judge *j, const struct sl_jtable *t,
		    const struct sl_jout *o)
{
	const struct sl_jdir *dir = t->first_dir;
	const struct sl_jid *id = t->family->first_id;

	if (!dir)
		return;
	for (const struct sl_jdir *d = dir; d; d = d->after)
		if (better_dir(d, dir))
			dir = d;
	for (const struct sl_jdir *d = t->first_dir; d; d = d->after)
		if (d != dir)
			second_dir(j, d, dir, o);
	for (const struct sl_jid *i = id; i; i = i->after)
		if (better_id(i, id))
			id = i;
	if (id != t->id)
		say_id(o, t->key, id);
}

/* --- tables that may be views */

/* Later versions of Cassandra say MATERIALIZED VIEW in schema.cql. */
static bool may_hide_view(const struct sl_jdir *d)
{
	struct sl_name n = { .sstable = true };

	for (const struct sl_jset *s = d->sets; s; s = s->next) {
		n.format = s->format;
		memcpy(n.version, s->version, sizeof(n.version));
		if (s->sstable && !sl_version_from(&n, "nb", "ca"))
			return true;
	}
	return false;
}

static bool same_keyspace(const struct sl_jtable *a, const struct sl_jtable *b)
{
	return a->family->keyspace_len == b->family->keyspace_len &&
	       !memcmp(a->family->name, b->family->name,
		       a->family->keyspace_len);
}

void sl_jtable_lookalike(const struct sl_jtable *t, const struct sl_jout *o)
{
	const struct sl_jdir *d = t->first_dir;
	const struct sl_schema *v = d ? sl_jdir_schema_of(d) : NULL;
	const struct sl_jtable *base = NULL;
	char path[SL_JUDGE_PATH];

	if (!v || v->view || !may_hide_view(d))
		return;
	for (const struct sl_jtable *b = t->node->tables; b; b = b->in_node) {
		const struct sl_schema *q =
			b->first_dir ? sl_jdir_schema_of(b->first_dir) : NULL;

		if (b->family != t->family && q && same_keyspace(t, b) &&
		    (!base || strcmp(b->key, base->key) < 0) &&
		    sl_schema_looks_like_view(v, q))
			base = b;
	}
	if (!base)
		return;
	sl_jdir_path(d, SL_JDIR_SCHEMA, path, sizeof(path));
	sl_jout_say(o, SL_RULE_LOOKS_LIKE_VIEW, path, base->family->name);
}

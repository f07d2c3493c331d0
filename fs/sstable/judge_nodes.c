/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules between nodes: what one has and another lacks. 'nodetool snapshot'
 * leaves a directory with a manifest for each table of the schema on each
 * node, also for empty ones, so what is missing was not copied.
 */
#include <string.h>

#include "sstable/judge_internal.h"
#include "sstable/schema.h"

/* A node that was seen and has nothing; or no node at all. */
static void check_nothing(const struct sl_judge *j, const char *node,
			  const struct sl_jout *o)
{
	bool any = false;

	for (const struct sl_jnode *n = j->nodes; n; n = n->next) {
		if (node && strcmp(n->name, node) != 0)
			continue;
		any = true;
		if (!n->components)
			sl_jout_say(o, SL_RULE_NOTHING, n->name, "");
	}
	if (!any)
		sl_jout_say(o, SL_RULE_NOTHING, node ? node : "", "");
}

static const struct sl_jpart *manifest_of(const struct sl_jtable *t)
{
	for (const struct sl_jdir *d = t->first_dir; d; d = d->after)
		if (d->part[SL_JDIR_MANIFEST])
			return d->part[SL_JDIR_MANIFEST];
	return NULL;
}

/* The directory that has it; NULL: none. */
static const struct sl_jdir *schema_dir(const struct sl_jtable *t)
{
	const struct sl_jdir *ret = NULL;

	for (const struct sl_jdir *d = t->first_dir; d; d = d->after)
		if (sl_jdir_schema_of(d) &&
		    (!ret || strcmp(d->key, ret->key) < 0))
			ret = d;
	return ret;
}

static void check_manifests(const struct sl_jfamily *f,
			    const struct sl_jout *o)
{
	char path[SL_JUDGE_PATH];
	bool any = false;

	for (const struct sl_jtable *t = f->tables; t; t = t->in_family)
		any |= manifest_of(t) != NULL;
	for (const struct sl_jtable *t = f->tables; t && any;
	     t = t->in_family) {
		if (!t->first_dir || manifest_of(t))
			continue;
		sl_jdir_path(t->first_dir, SL_JDIR_MANIFEST, path,
			     sizeof(path));
		sl_jout_say(o, SL_RULE_NO_MANIFEST, path, "");
	}
}

/* All against the first in the order of paths. */
void sl_jfamily_schemas(const struct sl_jfamily *f, const struct sl_jout *o)
{
	char path[SL_JUDGE_PATH], why[SL_JUDGE_DETAIL];
	const struct sl_jdir *first = NULL, *d;

	for (const struct sl_jtable *t = f->tables; t; t = t->in_family) {
		d = schema_dir(t);
		if (d && (!first || strcmp(d->key, first->key) < 0))
			first = d;
	}
	for (const struct sl_jtable *t = f->tables; t; t = t->in_family) {
		d = schema_dir(t);
		if (!d || d == first ||
		    !sl_schema_differs(sl_jdir_schema_of(first),
				       sl_jdir_schema_of(d), why,
				       sizeof(why)))
			continue;
		sl_jdir_path(d, SL_JDIR_SCHEMA, path, sizeof(path));
		sl_jout_say(o, SL_RULE_SCHEMAS_DIFFER, path, why);
	}
}

static void check_missing(struct sl_judge *j, const struct sl_jfamily *f,
			  const struct sl_jout *o)
{
	uint64_t mark = ++j->serial;
	char path[SL_JUDGE_PATH];
	const struct sl_jid *id = f->first_id;

	if (!id)
		return;
	for (const struct sl_jid *i = id; i; i = i->after)
		if (strcmp(i->id, id->id) < 0)
			id = i;
	for (const struct sl_jtable *t = f->tables; t; t = t->in_family) {
		if (t->views)
			return; /* none should have it */
		if (t->first_dir)
			t->node->mark = mark;
	}
	for (const struct sl_jnode *n = j->nodes; n; n = n->next) {
		if (n->mark == mark || !n->components)
			continue;
		snprintf(path, sizeof(path), "%s/%s-%s", n->name, f->name,
			 id->id);
		sl_jout_say(o, SL_RULE_TABLE_MISSING, path, "");
	}
}

int sl_judge_between(struct sl_judge *j, const char *node,
		     const struct sl_jout *o)
{
	check_nothing(j, node, o);
	if (node)
		return 0;
	for (const struct sl_jfamily *f = j->families; f; f = f->next) {
		check_manifests(f, o);
		sl_jfamily_schemas(f, o);
		check_missing(j, f, o);
	}
	return sl_judge_doubles(j, o);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What names and sizes alone tell about all nodes, as the listing goes by:
 * is every SSTable whole, does every node have every table, under one id and
 * one tag, is anything there that must not be. The judge knows more, but only
 * of what passed through this mount.
 *
 * Memory. Keys come in byte order, so the components of an SSTable, the files
 * of a snapshot and the keys of a node are neighbours: one of each is kept
 * while it goes by. What stays is a record per table (over all nodes) and two
 * bits per node and table. Names of files are not kept.
 *
 * Of an SSTable only what the import needs is missed; a component whose
 * absence is worth a warning was warned about where it was copied.
 */
#include <string.h>

#include "migration/gate_internal.h"
#include "sstable/complete.h"

/* A hostile listing must not fill the memory with tables. */
#define TABLES_MAX 20000
#define PATH_ROOM 1200

/* KEYSPACE/TABLE over all nodes. */
struct table {
	char *name;	   /* owned */
	char *tag, *node;  /* owned: the first seen, and where */
	char id[40];	   /* the first seen; "" if it is no table's id */
	size_t bit;
	bool any_manifest;
};

struct bits {
	uint64_t *p;
	size_t words;
};

struct node {
	char *name; /* owned */
	struct bits tables, manifests;
};

struct sl_gate_sets {
	const struct sl_path_rules *rules;
	struct table **table; /* by name */
	size_t tables, tables_cap;
	bool tables_told; /* that there are too many */
	struct node *node; /* as listed; the last goes by */
	size_t nodes, nodes_cap;
	/* The snapshot that goes by: NODE/KEYSPACE/TABLE-ID/snapshots/TAG. */
	char dir[PATH_ROOM];
	struct table *at; /* its table; NULL: too many */
	/* The SSTable in it: dir/VERSION-ID-FORMAT; "" when none. */
	char set[PATH_ROOM];
	struct sl_complete have;
	/* The last directory with something that must not be there. */
	char odd[PATH_ROOM];
	enum sl_rule odd_rule;
};

#define GROW(p, count, cap) \
	({ \
		void *sl_grown_ = sl_gate_grow(p, count, &(cap), \
					       sizeof(*(p))); \
		if (sl_grown_) \
			(p) = sl_grown_; \
		sl_grown_ ? 0 : -ENOMEM; \
	})

static int bits_set(struct bits *b, size_t i)
{
	size_t words = i / 64 + 1;

	if (words > b->words) {
		uint64_t *p = reallocarray(b->p, words, sizeof(*p));

		if (!p)
			return -ENOMEM;
		memset(p + b->words, 0, (words - b->words) * sizeof(*p));
		b->p = p;
		b->words = words;
	}
	b->p[i / 64] |= (uint64_t)1 << (i % 64);
	return 0;
}

static bool bits_get(const struct bits *b, size_t i)
{
	return i / 64 < b->words && (b->p[i / 64] >> (i % 64) & 1);
}

int sl_gate_sets_new(const struct sl_path_rules *rules,
		     struct sl_gate_sets **ret)
{
	struct sl_gate_sets *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->rules = rules;
	*ret = s;
	return 0;
}

static void table_free(struct table *t)
{
	if (!t)
		return;
	free(t->name);
	free(t->tag);
	free(t->node);
	free(t);
}

void sl_gate_sets_free(struct sl_gate_sets *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->tables; i++)
		table_free(s->table[i]);
	for (size_t i = 0; i < s->nodes; i++) {
		free(s->node[i].name);
		free(s->node[i].tables.p);
		free(s->node[i].manifests.p);
	}
	free(s->table);
	free(s->node);
	free(s);
}

/* Through the policy, never worse than 'most'. */
static int say(struct sl_gate *g, enum sl_rule rule, enum sl_judgement most,
	       const char *path, const char *detail)
{
	struct sl_finding f = {
		.rule = rule,
		.verdict = sl_policy_verdict(g->sets->rules->policy, rule),
		.path = path,
		.detail = detail,
	};

	if (f.verdict > most)
		f.verdict = most;
	return sl_gate_found(g, &f);
}

/* --- what must not be there */

/* What the service leaves alone. */
static bool is_harmless(enum sl_rule r)
{
	return r == SL_RULE_SYSTEM_KEYSPACE || r == SL_RULE_INDEX_COMPONENT ||
	       r == SL_RULE_EPHEMERAL_MARKER;
}

static int say_odd(struct sl_gate *g, const char *dir, enum sl_rule why)
{
	struct sl_finding f = {
		.rule = why,
		.verdict = is_harmless(why) ? SL_WARN : SL_REJECT,
		.path = dir,
		.detail = "it is in the bucket, where the import meets it: "
			  "remove it there",
	};

	return sl_gate_found(g, &f);
}

/* One finding for a directory, however many files are in it. */
static int odd(struct sl_gate *g, const char *key, enum sl_rule why)
{
	struct sl_gate_sets *s = g->sets;
	const char *slash = strrchr(key, '/');
	size_t n = slash ? (size_t)(slash - key) : 0;

	if (n >= sizeof(s->odd))
		n = sizeof(s->odd) - 1;
	if (s->odd_rule == why && strlen(s->odd) == n &&
	    !memcmp(s->odd, key, n))
		return 0;
	memcpy(s->odd, key, n);
	s->odd[n] = '\0';
	s->odd_rule = why;
	return say_odd(g, s->odd, why);
}

/* --- SSTables */

struct absent {
	struct sl_gate *g;
	int err;
};

static void on_absent(void *arg, enum sl_rule rule, enum sl_component c)
{
	struct absent *a = arg;
	struct sl_gate_sets *s = a->g->sets;
	const char *name = sl_component_name(c);
	char path[PATH_ROOM + 32];

	if (a->err)
		return;
	snprintf(path, sizeof(path), "%s-%s", s->set, name);
	a->err = say(a->g, rule, SL_REJECT, path,
		     rule == SL_RULE_MISSING_COMPONENT ? name : "");
}

static int end_set(struct sl_gate *g)
{
	struct sl_gate_sets *s = g->sets;
	struct absent a = { .g = g };

	if (s->set[0])
		sl_complete_judge(&s->have, on_absent, &a);
	s->set[0] = '\0';
	return a.err;
}

/* 'n' bytes of the key name the SSTable. */
static int begin_set(struct sl_gate *g, const char *key, size_t n,
		     enum sl_format format)
{
	struct sl_gate_sets *s = g->sets;
	int r;

	if (strlen(s->set) == n && !memcmp(s->set, key, n))
		return 0;
	r = end_set(g);
	if (r)
		return r;
	memcpy(s->set, key, n);
	s->set[n] = '\0';
	s->have = (struct sl_complete){
		.format = format,
		.excused = SL_COMPLETE_OPTIONAL,
	};
	return 0;
}

static int listed_component(struct sl_gate *g, const char *key,
			    const struct sl_name *n, uint64_t size)
{
	int r = begin_set(g, key, (size_t)(n->text.p - 1 - key), n->format);

	if (r)
		return r;
	g->sets->have.present |= SL_COMP_BIT(n->component);
	if (size || sl_component_may_be_empty(n->component))
		return 0;
	return say(g, SL_RULE_EMPTY_COMPONENT, SL_REJECT, key, "");
}

/* --- tables and nodes */

static int place_of(const struct sl_gate_sets *s, const char *name, size_t n,
		    size_t *ret)
{
	size_t lo = 0, hi = s->tables;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strncmp(s->table[mid]->name, name, n);

		if (!c)
			c = s->table[mid]->name[n] != '\0';
		if (!c) {
			*ret = mid;
			return 1;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret = lo;
	return 0;
}

static struct table *table_new(const struct sl_path *p)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->name = strndup(p->keyspace.p, (size_t)(p->table_name.p +
						   p->table_name.n -
						   p->keyspace.p));
	t->tag = strndup(p->tag.p, p->tag.n);
	t->node = strndup(p->node.p, p->node.n);
	if (!t->name || !t->tag || !t->node) {
		table_free(t);
		return NULL;
	}
	snprintf(t->id, sizeof(t->id), "%.*s", (int)p->table_id.n,
		 p->table_id.p);
	return t;
}

/* The table of a path; *ret NULL: there are too many. */
static int get_table(struct sl_gate *g, const struct sl_path *p,
		     struct table **ret)
{
	struct sl_gate_sets *s = g->sets;
	const char *name = p->keyspace.p;
	size_t n = (size_t)(p->table_name.p + p->table_name.n - name), at;

	*ret = NULL;
	if (place_of(s, name, n, &at)) {
		*ret = s->table[at];
		return 0;
	}
	if (s->tables == TABLES_MAX) {
		if (s->tables_told)
			return 0;
		s->tables_told = true;
		return sl_gate_say(g, SL_GATE_ORDER, "", "there are more than "
				   "%d tables, which no database has; they "
				   "were not compared", TABLES_MAX);
	}
	if (GROW(s->table, s->tables, s->tables_cap))
		return -ENOMEM;
	*ret = table_new(p);
	if (!*ret)
		return -ENOMEM;
	(*ret)->bit = s->tables;
	memmove(&s->table[at + 1], &s->table[at],
		(s->tables - at) * sizeof(*s->table));
	s->table[at] = *ret;
	s->tables++;
	return 0;
}

static int get_node(struct sl_gate_sets *s, const struct sl_path *p)
{
	struct node *n = s->nodes ? &s->node[s->nodes - 1] : NULL;

	if (n && strlen(n->name) == p->node.n &&
	    !memcmp(n->name, p->node.p, p->node.n))
		return 0;
	if (GROW(s->node, s->nodes, s->nodes_cap))
		return -ENOMEM;
	n = &s->node[s->nodes];
	*n = (struct node){ .name = strndup(p->node.p, p->node.n) };
	if (!n->name)
		return -ENOMEM;
	s->nodes++;
	return 0;
}

/* A second id, or tag: of one node it is data twice, of two a mistake. */
static int check_names(struct sl_gate *g, const struct sl_path *p,
		       const struct table *t)
{
	struct sl_gate_sets *s = g->sets;
	bool seen = bits_get(&s->node[s->nodes - 1].tables, t->bit);
	bool id = strlen(t->id) != p->table_id.n ||
		  memcmp(t->id, p->table_id.p, p->table_id.n);
	bool tag = strlen(t->tag) != p->tag.n ||
		   memcmp(t->tag, p->tag.p, p->tag.n);
	char detail[400];
	int r = 0;

	if (id) {
		snprintf(detail, sizeof(detail), "'%.64s' has %s", t->node,
			 t->id);
		r = say(g, SL_RULE_SECOND_TABLE_ID, SL_REJECT, s->dir, detail);
	}
	if (!r && tag) {
		snprintf(detail, sizeof(detail), "'%.64s' has '%.255s'",
			 t->node, t->tag);
		r = say(g, SL_RULE_SECOND_TAG, seen && !id ? SL_REJECT :
			SL_WARN, s->dir, detail);
	}
	return r;
}

static int end_dir(struct sl_gate *g)
{
	g->sets->dir[0] = '\0';
	g->sets->at = NULL;
	return end_set(g);
}

static int begin_dir(struct sl_gate *g, const char *key,
		     const struct sl_path *p)
{
	struct sl_gate_sets *s = g->sets;
	size_t n = (size_t)(p->tag.p + p->tag.n - key);
	int r;

	if (strlen(s->dir) == n && !memcmp(s->dir, key, n))
		return 0;
	r = end_dir(g);
	if (!r)
		r = get_node(s, p);
	if (!r)
		r = get_table(g, p, &s->at);
	if (r)
		return r;
	memcpy(s->dir, key, n);
	s->dir[n] = '\0';
	if (!s->at)
		return 0;
	r = check_names(g, p, s->at);
	return r ? r : bits_set(&s->node[s->nodes - 1].tables, s->at->bit);
}

static int listed_file(struct sl_gate *g, const char *key,
		       const struct sl_path *p, uint64_t size)
{
	struct sl_gate_sets *s = g->sets;
	struct sl_name name;

	sl_name_parse(p->file.p, p->file.n, &name);
	if (name.sstable && name.component < SL_COMP__SSTABLE)
		return listed_component(g, key, &name, size);
	if (name.component != SL_COMP_MANIFEST || !s->at)
		return 0;
	s->at->any_manifest = true;
	return bits_set(&s->node[s->nodes - 1].manifests, s->at->bit);
}

int sl_gate_sets_listed(struct sl_gate *g, const char *key, uint64_t size)
{
	struct sl_path p;
	int r;

	sl_path_judge(g->sets->rules, key, false, &p);
	/* Of a folder's marker, "NODE/KS/", the gate's rows know. */
	if (p.cls == SL_PATH_INVALID || p.cls == SL_PATH_STRUCTURE)
		return 0;
	if (p.cls != SL_PATH_UPLOAD || p.temporary)
		return odd(g, key, p.why ? p.why : SL_RULE_TEMPORARY);
	/* A policy lets it through. */
	if (!p.tag.p || !p.table_id.p || p.index.p)
		return 0;
	r = begin_dir(g, key, &p);
	return r ? r : listed_file(g, key, &p, size);
}

/* --- what is missing */

static int check_table(struct sl_gate *g, const struct node *n,
		       const struct table *t)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "%s/%s-%s", n->name, t->name, t->id);
	if (!bits_get(&n->tables, t->bit))
		return say(g, SL_RULE_TABLE_MISSING, SL_REJECT, path, "");
	if (!t->any_manifest || bits_get(&n->manifests, t->bit))
		return 0;
	snprintf(path, sizeof(path), "%s/%s-%s/snapshots/%s/manifest.json",
		 n->name, t->name, t->id, t->tag);
	return say(g, SL_RULE_NO_MANIFEST, SL_REJECT, path, "");
}

int sl_gate_sets_finish(struct sl_gate *g)
{
	struct sl_gate_sets *s = g->sets;
	int r = end_dir(g);

	for (size_t i = 0; !r && i < s->nodes; i++)
		for (size_t k = 0; !r && k < s->tables; k++)
			r = check_table(g, &s->node[i], s->table[k]);
	return r;
}

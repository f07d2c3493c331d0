/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch cannot be undone: what is in the bucket then is what gets
 * imported. This compares what this mount knows with what the store lists
 * and tells every difference, each with its cure.
 *
 * The local rows are kept compactly (path, size, ETag, checksum), sorted at
 * the first listed object, and found by bisection: the order of the listing
 * does not matter, and a row is ticked off when it is listed. What stays
 * unticked is missing. Of other nodes only a count is kept.
 *
 * What equal means, in this order: sizes equal; ETags equal where both sides
 * have one; CRC32 equal where both sides have one. An ETag is compared
 * without its quotes.
 *
 * Objects of rows that are not committed (open, failed ...) are not judged:
 * they may be the old version, and the row is a finding by itself.
 */
#include "migration/gate_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

/* A hostile listing must not fill the memory with node names. */
#define NODES_MAX 10000

static void free_names(char **names, int count)
{
	for (int i = 0; names && i < count; i++)
		free(names[i]);
	free(names);
}

static int copy_names(const char *const *from, int count, char ***ret)
{
	char **to = calloc((size_t)count + 1, sizeof(*to));

	if (!to)
		return -ENOMEM;
	*ret = to;
	for (int i = 0; i < count; i++) {
		to[i] = from[i] ? strdup(from[i]) : NULL;
		if (from[i] && !to[i])
			return -ENOMEM;
	}
	return 0;
}

int sl_gate_new(const struct sl_gate_config *cfg, struct sl_gate **ret)
{
	struct sl_gate *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->own_count = cfg->own_count;
	g->expect_count = cfg->expect_count;
	r = copy_names(cfg->own, cfg->own_count, &g->own);
	if (!r)
		r = copy_names(cfg->expect, cfg->expect_count, &g->expect);
	if (!r && cfg->seals)
		r = copy_names(cfg->seals, cfg->expect_count, &g->seals);
	if (!r && cfg->rules)
		r = sl_gate_sets_new(cfg->rules, &g->sets);
	if (r) {
		sl_gate_free(g);
		return r;
	}
	*ret = g;
	return 0;
}

void sl_gate_free(struct sl_gate *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->locals; i++)
		free(g->local[i].path);
	for (size_t i = 0; i < g->nodes; i++) {
		free(g->node[i].name);
		sl_seal_free(g->node[i].seal);
	}
	for (size_t i = 0; i < g->findings; i++) {
		free(g->finding[i].path);
		free(g->finding[i].text);
	}
	free(g->local);
	free(g->node);
	free(g->finding);
	free_names(g->own, g->own_count);
	free_names(g->expect, g->expect_count);
	free_names(g->seals, g->expect_count);
	sl_gate_sets_free(g->sets);
	free(g);
}

static bool has_name(char *const *names, int count, const char *s, size_t n)
{
	for (int i = 0; i < count; i++)
		if (strlen(names[i]) == n && !memcmp(names[i], s, n))
			return true;
	return false;
}

#define GROW(p, count, cap) \
	({ \
		void *sl_grown_ = sl_gate_grow(p, count, &(cap), \
					       sizeof(*(p))); \
		if (sl_grown_) \
			(p) = sl_grown_; \
		sl_grown_ ? 0 : -ENOMEM; \
	})

static int keep_local(struct sl_gate *g, const struct sl_ledger_row *r)
{
	const char *etag = r->etag ? r->etag : "";
	size_t n = strlen(r->path) + 1, m = strlen(etag) + 1;
	struct sl_gate_row *l;
	char *path;

	if (GROW(g->local, g->locals, g->locals_cap))
		return -ENOMEM;
	path = malloc(n + m);
	if (!path)
		return -ENOMEM;
	memcpy(path, r->path, n);
	memcpy(path + n, etag, m);
	l = &g->local[g->locals];
	*l = (struct sl_gate_row){
		.path = path,
		.size = r->size,
		.crc32 = r->crc32,
		.has_crc32 = r->has_crc32,
		.committed = r->state == SL_FILE_COMMITTED,
		.order = g->locals,
	};
	g->locals++;
	g->committed += l->committed;
	g->sorted = false;
	return 0;
}

int sl_gate_local(struct sl_gate *g, const struct sl_ledger_row *r)
{
	static const struct {
		bool keep, finding;
		enum sl_gate_rule rule;
	} states[SL_FILE__COUNT] = {
		[SL_FILE_COMMITTED] = { true, false, SL_GATE__COUNT },
		[SL_FILE_OPEN] = { true, true, SL_GATE_OPEN },
		[SL_FILE_QUEUED] = { true, true, SL_GATE_QUEUED },
		[SL_FILE_INTERRUPTED] = { true, true, SL_GATE_INTERRUPTED },
		[SL_FILE_UNPROVEN] = { true, true, SL_GATE_UNPROVEN },
		[SL_FILE_FAILED] = { true, true, SL_GATE_FAILED },
		[SL_FILE_SKIPPED] = { false, false, SL_GATE__COUNT },
		[SL_FILE_DIR] = { false, false, SL_GATE__COUNT },
	};
	int err = 0;

	if ((unsigned)r->state >= SL_FILE__COUNT)
		return -EINVAL;
	if (states[r->state].finding)
		err = sl_gate_add(g, states[r->state].rule, r->path, NULL);
	if (!err && states[r->state].keep)
		err = keep_local(g, r);
	return err;
}

static int by_path(const void *a, const void *b)
{
	const struct sl_gate_row *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	if (c)
		return c;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Sorts, and drops all but the last row of a path. */
static void sort_locals(struct sl_gate *g)
{
	size_t n = 0;

	if (g->sorted)
		return;
	g->sorted = true;
	if (!g->locals)
		return;
	qsort(g->local, g->locals, sizeof(*g->local), by_path);
	for (size_t i = 1; i < g->locals; i++) {
		if (!strcmp(g->local[n].path, g->local[i].path)) {
			g->committed -= g->local[n].committed;
			free(g->local[n].path);
		} else {
			n++;
		}
		g->local[n] = g->local[i];
	}
	g->locals = n + 1;
}

static int path_cmp(const void *key, const void *l)
{
	return strcmp(key, ((const struct sl_gate_row *)l)->path);
}

static struct sl_gate_row *find_local(struct sl_gate *g, const char *key)
{
	sort_locals(g);
	return g->locals ? bsearch(key, g->local, g->locals,
				   sizeof(*g->local), path_cmp) :
			   NULL;
}

static int name_cmp(const struct sl_gate_tree *n, const char *s, size_t len)
{
	int c = strncmp(n->name, s, len);

	return c ? c : n->name[len] != '\0';
}

/* Where the node is, or belongs. */
static size_t node_place(const struct sl_gate *g, const char *s, size_t len)
{
	size_t lo = 0, hi = g->nodes;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (name_cmp(&g->node[mid], s, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int add_node(struct sl_gate *g, size_t at, const char *s, size_t len)
{
	char *name;

	if (g->nodes >= NODES_MAX)
		return -E2BIG;
	if (GROW(g->node, g->nodes, g->nodes_cap))
		return -ENOMEM;
	name = strndup(s, len);
	if (!name)
		return -ENOMEM;
	memmove(&g->node[at + 1], &g->node[at],
		(g->nodes - at) * sizeof(*g->node));
	g->node[at] = (struct sl_gate_tree){
		.name = name,
		.own = has_name(g->own, g->own_count, s, len),
	};
	g->nodes++;
	return sl_gate_seal_begin(g, &g->node[at]);
}

static int get_node(struct sl_gate *g, const char *s, size_t len,
		    struct sl_gate_tree **ret)
{
	size_t at = g->last_node;
	int r = 0;

	if (at >= g->nodes || name_cmp(&g->node[at], s, len)) {
		at = node_place(g, s, len);
		if (at >= g->nodes || name_cmp(&g->node[at], s, len))
			r = add_node(g, at, s, len);
		if (r)
			return r;
		g->last_node = at;
	}
	*ret = &g->node[at];
	return 0;
}

/* The ETag without the quotes that some answers have and some have not. */
static bool etag_equal(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	if (n >= 2 && a[0] == '"' && a[n - 1] == '"') {
		a++;
		n -= 2;
	}
	if (m >= 2 && b[0] == '"' && b[m - 1] == '"') {
		b++;
		m -= 2;
	}
	return n == m && !memcmp(a, b, n);
}

static int compare(struct sl_gate *g, const struct sl_gate_row *l,
		   const struct sl_object *obj)
{
	const char *etag = l->path + strlen(l->path) + 1;

	if (l->size != obj->size)
		return sl_gate_differs(g, l->path, "%" PRIu64 " bytes there, "
				       "%" PRIu64 " copied", obj->size,
				       l->size);
	if (etag[0] && obj->etag[0] && !etag_equal(etag, obj->etag))
		return sl_gate_differs(g, l->path, "its ETag has changed");
	if (l->has_crc32 && obj->has_crc32 && l->crc32 != obj->crc32)
		return sl_gate_differs(g, l->path, "CRC32 %08" PRIx32
				       " there, %08" PRIx32 " copied",
				       obj->crc32, l->crc32);
	return 0;
}

static int listed_own(struct sl_gate *g, const char *key,
		      const struct sl_object *obj)
{
	struct sl_gate_row *l = find_local(g, key);

	if (!l)
		return sl_gate_add(g, SL_GATE_FOREIGN, key, NULL);
	if (l->listed)
		return 0; /* a page that came twice */
	l->listed = true;
	return l->committed ? compare(g, l, obj) : 0;
}

struct sl_gate_tree *sl_gate_tree_find(struct sl_gate *g, const char *name)
{
	size_t len = strlen(name), at = node_place(g, name, len);

	return at < g->nodes && !name_cmp(&g->node[at], name, len) ?
		       &g->node[at] : NULL;
}

/*
 * What is said of SSTables, tables and seals relies on the order; what is
 * compared with rows does not. false: it is the last one again.
 */
static bool check_order(struct sl_gate *g, const char *key)
{
	int c = g->last[0] ? strncmp(key, g->last, sizeof(g->last) - 1) : 1;

	if (!c)
		return strlen(key) >= sizeof(g->last);
	if (c < 0)
		g->disorder = true;
	snprintf(g->last, sizeof(g->last), "%s", key);
	return true;
}

static int judge_listed(struct sl_gate *g, struct sl_gate_tree *n,
			const char *key, const struct sl_object *obj)
{
	if (g->disorder)
		return 0;
	sl_gate_seal_listed(n, key, obj);
	return g->sets ? sl_gate_sets_listed(g, key, obj->size) : 0;
}

int sl_gate_listed(struct sl_gate *g, const char *key,
		   const struct sl_object *obj)
{
	size_t len = strcspn(key, "/");
	struct sl_gate_tree *n;
	int r;

	if (!check_order(g, key))
		return 0;
	/* Neither a node's nor a snapshot's: nothing may lie here. */
	if (!key[len] || !len)
		return sl_gate_add(g, SL_GATE_NODE_EXTRA, key, NULL);
	r = get_node(g, key, len, &n);
	if (r == -E2BIG)
		return sl_gate_add(g, SL_GATE_NODE_EXTRA, key, NULL);
	if (r)
		return r;
	/* "NODE/" alone is what a web console leaves; no content. */
	if (key[len + 1]) {
		n->files++;
		n->bytes += obj->size;
		g->files++;
		r = judge_listed(g, n, key, obj);
		if (r)
			return r;
	}
	return n->own ? listed_own(g, key, obj) : 0;
}

static int check_missing(struct sl_gate *g)
{
	int r = 0;

	sort_locals(g);
	for (size_t i = 0; !r && i < g->locals; i++)
		if (g->local[i].committed && !g->local[i].listed)
			r = sl_gate_add(g, SL_GATE_MISSING, g->local[i].path,
					NULL);
	return r;
}

static int check_expected(struct sl_gate *g)
{
	int r = 0;

	for (int i = 0; !r && i < g->expect_count; i++) {
		const char *s = g->expect[i];
		size_t len = strlen(s), at = node_place(g, s, len);

		if (at >= g->nodes || name_cmp(&g->node[at], s, len) ||
		    !g->node[at].files)
			r = sl_gate_add(g, SL_GATE_NODE_MISSING, s, NULL);
	}
	return r;
}

static int check_extra(struct sl_gate *g)
{
	int r = 0;

	for (size_t i = 0; !r && i < g->nodes; i++) {
		const struct sl_gate_tree *n = &g->node[i];

		if (n->files && !has_name(g->expect, g->expect_count, n->name,
					  strlen(n->name)))
			r = sl_gate_add(g, SL_GATE_NODE_EXTRA, n->name, NULL);
	}
	return r;
}

static int close_judgement(struct sl_gate *g)
{
	int r;

	if (!g->sets && !g->seals)
		return 0;
	if (g->disorder)
		return sl_gate_add(g, SL_GATE_ORDER, "", NULL);
	r = sl_gate_seals_finish(g);
	return r || !g->sets ? r : sl_gate_sets_finish(g);
}

static int close_comparison(struct sl_gate *g)
{
	/* Half a listing says nothing about what is absent. */
	bool whole = !g->count[SL_GATE_NO_LISTING];
	int r = 0;

	if (whole)
		r = check_missing(g);
	if (!r && !g->expect_count)
		r = sl_gate_add(g, SL_GATE_NODE_UNNAMED, "", NULL);
	if (!r && whole)
		r = check_expected(g);
	if (!r && g->expect_count)
		r = check_extra(g);
	if (!r && whole && !g->files && !g->committed)
		r = sl_gate_add(g, SL_GATE_NOTHING, "", NULL);
	if (!r && whole)
		r = close_judgement(g);
	return r;
}

int sl_gate_finish(struct sl_gate *g, struct sl_error *e)
{
	int r = g->finished ? 0 : close_comparison(g);

	if (r)
		return sl_error_set(e, -r, "cannot compare (%s)",
				    sl_errno_name(-r));
	g->finished = true;
	return sl_gate_verdict(g, e);
}

bool sl_gate_node(const struct sl_gate *g, size_t i, const char **ret_name,
		  uint64_t *ret_files, uint64_t *ret_bytes)
{
	if (i >= g->nodes)
		return false;
	*ret_name = g->node[i].name;
	*ret_files = g->node[i].files;
	*ret_bytes = g->node[i].bytes;
	return true;
}

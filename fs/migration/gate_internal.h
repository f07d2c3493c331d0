/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gate.c (the comparison), gate_sets.c (SSTables, tables and nodes as
 * they are listed), gate_seal.c and gate_find.c (the list of findings) share.
 * Nothing else includes this.
 */
#ifndef SL_GATE_INTERNAL_H
#define SL_GATE_INTERNAL_H

#include "migration/gate.h"
#include "migration/seal.h"

struct sl_gate_sets;

struct sl_gate_row {
	char *path; /* owned; the ETag follows its NUL */
	uint64_t size;
	uint32_t crc32;
	bool has_crc32, committed, listed;
	size_t order; /* of arrival: the last of equals counts */
};

struct sl_gate_tree {
	char *name; /* owned */
	uint64_t files, bytes;
	bool own;
	struct sl_seal *seal; /* of what is listed; NULL: not asked for */
	int seal_err;
};

struct sl_gate_note {
	enum sl_gate_rule rule;
	enum sl_rule judged; /* of SL_GATE_JUDGED and _WARNED */
	char *path, *text; /* owned */
};

struct sl_gate {
	char **own, **expect;
	int own_count, expect_count;
	struct sl_gate_row *local;
	size_t locals, locals_cap;
	struct sl_gate_tree *node; /* by name */
	size_t nodes, nodes_cap, last_node;
	struct sl_gate_note *finding;
	size_t findings, findings_cap;
	uint64_t count[SL_GATE__COUNT];
	uint64_t judged[SL_RULE__COUNT], warned[SL_RULE__COUNT];
	uint64_t files, committed;
	bool sorted, finished;
	char **seals; /* of expect; or NULL */
	struct sl_gate_sets *sets; /* NULL: not judged */
	char last[1104]; /* key, cut; "" before the first */
	bool disorder;
};

/* 'p' with room for one more element, doubled; NULL: 'p' is as it was. */
void *sl_gate_grow(void *p, size_t count, size_t *cap, size_t size);

/* Of the node's name; NULL: not listed. gate.c */
struct sl_gate_tree *sl_gate_tree_find(struct sl_gate *g, const char *name);

/* gate_sets.c. Keys come in byte order, each once. */
int sl_gate_sets_new(const struct sl_path_rules *rules,
		     struct sl_gate_sets **ret) SL_MUST_CHECK;
void sl_gate_sets_free(struct sl_gate_sets *s);
int sl_gate_sets_listed(struct sl_gate *g, const char *key,
			uint64_t size) SL_MUST_CHECK;
int sl_gate_sets_finish(struct sl_gate *g) SL_MUST_CHECK;

/* gate_seal.c */
int sl_gate_seal_begin(struct sl_gate *g, struct sl_gate_tree *n)
	SL_MUST_CHECK;
void sl_gate_seal_listed(struct sl_gate_tree *n, const char *key,
			 const struct sl_object *obj);
int sl_gate_seals_finish(struct sl_gate *g) SL_MUST_CHECK;

/* gate_find.c: a finding with its text; '...' of SL_GATE_JUDGED. */
int sl_gate_say(struct sl_gate *g, enum sl_gate_rule rule, const char *path,
		const char *fmt, ...) SL_PRINTF(4, 5) SL_MUST_CHECK;
/* A DIFFERS finding, with what differs. */
int sl_gate_differs(struct sl_gate *g, const char *key, const char *fmt, ...)
	SL_PRINTF(3, 4) SL_MUST_CHECK;
/* The errno of the findings, with a text; 0: none. */
int sl_gate_verdict(const struct sl_gate *g, struct sl_error *e)
	SL_MUST_CHECK;

#endif

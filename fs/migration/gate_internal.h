/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gate.c (the comparison) and gate_find.c (the list of findings) share.
 * Nothing else includes this.
 */
#ifndef SL_GATE_INTERNAL_H
#define SL_GATE_INTERNAL_H

#include "migration/gate.h"

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
};

struct sl_gate_note {
	enum sl_gate_rule rule;
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
	uint64_t files, committed;
	bool sorted, finished;
};

/* 'p' with room for one more element, doubled; NULL: 'p' is as it was. */
void *sl_gate_grow(void *p, size_t count, size_t *cap, size_t size);

/* A DIFFERS finding, with what differs. */
int sl_gate_differs(struct sl_gate *g, const char *key, const char *fmt, ...)
	SL_PRINTF(3, 4) SL_MUST_CHECK;
/* The errno of the findings, with a text; 0: none. */
int sl_gate_verdict(const struct sl_gate *g, struct sl_error *e)
	SL_MUST_CHECK;

#endif

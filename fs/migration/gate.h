/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch gate: compares what this mount copied with what the store lists
 * and the nodes expected with the nodes there. No I/O: the caller streams in
 * the local rows (sorted) and the listing (in byte order), page by page.
 * Memory: one finding list (at most 1,000 kept, all counted), one small
 * record per node, one bit per node and table, and path, size, ETag and
 * CRC32 of each local row. Not thread safe.
 */
#ifndef SL_GATE_H
#define SL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "error.h"
#include "ledger.h"
#include "sstable/path.h"
#include "sstable/rule.h"

struct sl_gate;

struct sl_gate_config {
	/* Node names this mount wrote; "NODE" compared exactly. */
	const char *const *own;
	int own_count;
	/* Node names to expect, from the write or -o expect=. */
	const char *const *expect;
	int expect_count;
	/* A seal for each of 'expect', or NULL in its place; NULL: none. */
	const char *const *seals;
	/*
	 * By which what is listed is judged (gate_sets.c); NULL: not at all.
	 * Borrowed for the gate's life.
	 */
	const struct sl_path_rules *rules;
};

enum sl_gate_rule {
	SL_GATE_OPEN,		/* open files of this mount */
	SL_GATE_QUEUED,
	SL_GATE_INTERRUPTED,
	SL_GATE_UNPROVEN,
	SL_GATE_FAILED,
	SL_GATE_MISSING,	/* committed here, not in the listing */
	SL_GATE_FOREIGN,	/* listed below our node, not copied here */
	SL_GATE_DIFFERS,	/* size, ETag or checksum differ */
	SL_GATE_NODE_UNNAMED,	/* no node was named */
	SL_GATE_NODE_MISSING,	/* named, nothing there */
	SL_GATE_NODE_EXTRA,	/* there, not named */
	SL_GATE_NOTHING,	/* nothing to import at all */
	SL_GATE_NO_LISTING,	/* listing forbidden or failed */
	SL_GATE_UNCLEAN,	/* the ledger ended uncleanly: copy again */
	SL_GATE_SEAL,		/* not what the node's seal says */
	SL_GATE_UPLOADS,	/* unfinished uploads of other nodes */
	SL_GATE_ORDER,		/* a listing in another order than promised */
	SL_GATE_NOTE,		/* for the reader; does not close */
	SL_GATE_JUDGED,		/* a rule of snapshots, rejected */
	SL_GATE_WARNED,		/* the same, a warning; does not close */
	SL_GATE__COUNT,
};
/* "open-file", ...: short names for JSON. */
const char *sl_gate_rule_name(enum sl_gate_rule r);

struct sl_gate_finding {
	enum sl_gate_rule rule;
	const char *name;  /* the rule's, of snapshots too; static */
	bool closes;
	const char *path;  /* borrowed; "" when it is about no file */
	const char *text;  /* sentence with the cure; borrowed */
};

int sl_gate_new(const struct sl_gate_config *cfg, struct sl_gate **ret)
	SL_MUST_CHECK;
void sl_gate_free(struct sl_gate *g);
/* Local rows of all own nodes, any order of nodes, before the listing. */
int sl_gate_local(struct sl_gate *g, const struct sl_ledger_row *r)
	SL_MUST_CHECK;
/* One listed object. */
int sl_gate_listed(struct sl_gate *g, const char *key,
		   const struct sl_object *obj) SL_MUST_CHECK;
/* Findings from elsewhere (no listing, unclean ledger). */
int sl_gate_add(struct sl_gate *g, enum sl_gate_rule rule, const char *path,
		const char *text) SL_MUST_CHECK;
/*
 * What a rule of snapshots found: SL_REJECT closes the gate, SL_WARN is told.
 * Said of the same path again it is one finding.
 */
int sl_gate_found(struct sl_gate *g, const struct sl_finding *f) SL_MUST_CHECK;
/*
 * Closes the comparison. 0: open gate. -EBUSY: something is still in flight
 * here (open, queued). -EBADMSG: bad or missing. -EINVAL: nodes not named.
 * -EACCES: no listing. The first of EINVAL, EBUSY, EACCES, EBADMSG that
 * applies; 'e' summarises and names the first finding.
 */
int sl_gate_finish(struct sl_gate *g, struct sl_error *e) SL_MUST_CHECK;
/* Findings kept, in order of discovery; i from 0; false past the end. */
bool sl_gate_finding(const struct sl_gate *g, size_t i,
		     struct sl_gate_finding *ret);
uint64_t sl_gate_count(const struct sl_gate *g, enum sl_gate_rule rule);
/*
 * How often each rule found something, i from 0, those that close first; by
 * the names that findings have. False past the end.
 */
bool sl_gate_counted(const struct sl_gate *g, size_t i, const char **ret_name,
		     bool *ret_closes, uint64_t *ret_count);
/* The name and kind of count i alone. */
const char *sl_gate_count_name(size_t i, bool *ret_closes);
/* Findings below 'node' that close the gate, or about no node at all. */
uint64_t sl_gate_against(const struct sl_gate *g, const char *node);
/* Objects and bytes listed per node, i from 0, by name order. */
bool sl_gate_node(const struct sl_gate *g, size_t i, const char **ret_name,
		  uint64_t *ret_files, uint64_t *ret_bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which components an SSTable must have, for those who know the files (the
 * judge) and those who know names and sizes only (the gate, of other nodes).
 * Pure; thread safe.
 */
#ifndef SL_COMPLETE_H
#define SL_COMPLETE_H

#include "sstable/name.h"

#define SL_COMP_BIT(c) (1u << (c))

struct sl_complete {
	enum sl_format format;
	uint32_t present; /* SL_COMP_BIT() of what is there */
	uint32_t excused; /* of what may be absent without a word */
	/*
	 * It is known to be uncompressed, so that CRC.db is what is missing
	 * if there is neither it nor CompressionInfo.db.
	 */
	bool plain;
};

/* A component that is absent, and the rule that says what that means. */
typedef void sl_absent_fn(void *arg, enum sl_rule rule, enum sl_component c);

void sl_complete_judge(const struct sl_complete *s, sl_absent_fn *absent,
		       void *arg);

/* What only warns: what one who knows names alone need not be told. */
#define SL_COMPLETE_OPTIONAL \
	(SL_COMP_BIT(SL_COMP_DIGEST) | SL_COMP_BIT(SL_COMP_FILTER) | \
	 SL_COMP_BIT(SL_COMP_SUMMARY) | SL_COMP_BIT(SL_COMP_TOC))

/* May this component have no bytes? */
static inline bool sl_component_may_be_empty(enum sl_component c)
{
	return c == SL_COMP_ROWS;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* See complete.h. */
#include "sstable/complete.h"

#include "cleanup.h"

#define BIG SL_COMP_BIT(SL_FORMAT_BIG)
#define BTI SL_COMP_BIT(SL_FORMAT_BTI)

static const struct must {
	uint32_t formats;
	enum sl_component component;
	enum sl_rule rule;
} musts[] = {
	{ BIG | BTI, SL_COMP_DATA, SL_RULE_MISSING_COMPONENT },
	{ BIG, SL_COMP_INDEX, SL_RULE_MISSING_COMPONENT },
	{ BTI, SL_COMP_PARTITIONS, SL_RULE_MISSING_COMPONENT },
	{ BTI, SL_COMP_ROWS, SL_RULE_MISSING_COMPONENT },
	{ BIG | BTI, SL_COMP_STATISTICS, SL_RULE_MISSING_COMPONENT },
	{ BIG | BTI, SL_COMP_DIGEST, SL_RULE_NO_DIGEST },
	{ BIG | BTI, SL_COMP_FILTER, SL_RULE_NO_FILTER },
	{ BIG, SL_COMP_SUMMARY, SL_RULE_NO_SUMMARY },
	{ BIG | BTI, SL_COMP_TOC, SL_RULE_NO_TOC },
};

void sl_complete_judge(const struct sl_complete *s, sl_absent_fn *absent,
		       void *arg)
{
	const uint32_t sums = SL_COMP_BIT(SL_COMP_COMPRESSION_INFO) |
			      SL_COMP_BIT(SL_COMP_CRC);
	uint32_t there = s->present | s->excused;

	for (size_t i = 0; i < SL_ARRAY_LEN(musts); i++) {
		const struct must *m = &musts[i];

		if ((m->formats & SL_COMP_BIT(s->format)) &&
		    !(there & SL_COMP_BIT(m->component)))
			absent(arg, m->rule, m->component);
	}
	if (!(s->present & sums))
		absent(arg, SL_RULE_NO_CHECKSUMS, s->plain ?
		       SL_COMP_CRC : SL_COMP_COMPRESSION_INFO);
}

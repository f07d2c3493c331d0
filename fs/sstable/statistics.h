/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between statistics.c, which takes Statistics.db apart into its four
 * components, and the files that read the two large ones. Nobody else
 * includes it.
 */
#ifndef SL_STATISTICS_H
#define SL_STATISTICS_H

#include "sstable/bytes.h"
#include "sstable/facts.h"

/* A component that is being read. */
struct sl_stats_reader {
	struct sl_bytes b;
	const struct sl_name *name; /* with the version that it is read as */
	struct sl_statistics_facts *facts;
	/* Where it makes no sense, and why; NULL while it does. */
	const char *field, *wrong;
	size_t spare; /* zero bytes that may follow the last field */
};

/* Notes why, unless something was wrong before. */
static inline void sl_stats_wrong(struct sl_stats_reader *r, const char *why)
{
	if (!r->wrong)
		r->wrong = why;
}

/*
 * Reads STATS to its last byte into facts. 0, or -EPROTO with field and
 * wrong: facts then hold what came before.
 */
int sl_stats_read(struct sl_stats_reader *r) SL_MUST_CHECK;
/*
 * Reads HEADER to its last byte; facts->header is then a reference. 0,
 * -EPROTO with field and wrong, -ENOMEM.
 */
int sl_stats_header(struct sl_stats_reader *r) SL_MUST_CHECK;
/*
 * Is this text printable ASCII with brackets in pairs, and not empty? Names
 * of classes and types are.
 */
bool sl_stats_class_text(const char *s, size_t n);
/*
 * Bytes of a clustering value of this type; 0: a vint length stands before
 * each. Only those of AbstractType.valueLengthIfFixed().
 */
unsigned sl_stats_fixed_length(const char *type, size_t n);

#endif

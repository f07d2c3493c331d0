/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules on one SSTable: which components each needs, which it looks at when
 * they are there, and what it compares. A rule fires when the last of what it
 * needs has come, and again when something comes that it looks at, since who
 * is to blame may then be another.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "sstable/judge_internal.h"
#include "sstable/sizes.h"

#define DATA SL_JBIT(SL_COMP_DATA)
#define INDEX SL_JBIT(SL_COMP_INDEX)
#define SUMMARY SL_JBIT(SL_COMP_SUMMARY)
#define PARTITIONS SL_JBIT(SL_COMP_PARTITIONS)
#define ROWS SL_JBIT(SL_COMP_ROWS)
#define FILTER SL_JBIT(SL_COMP_FILTER)
#define CHUNKS SL_JBIT(SL_COMP_COMPRESSION_INFO)
#define CRC SL_JBIT(SL_COMP_CRC)
#define STATISTICS SL_JBIT(SL_COMP_STATISTICS)
#define DIGEST SL_JBIT(SL_COMP_DIGEST)

static const struct sl_index_facts *index_of(const struct sl_jset *s)
{
	return sl_jpart_u(s->part[SL_COMP_INDEX]);
}

/* What leads from keys to partitions. */
static enum sl_component primary(const struct sl_jset *s)
{
	return s->format == SL_FORMAT_BTI ? SL_COMP_PARTITIONS : SL_COMP_INDEX;
}

static const struct sl_statistics_facts *statistics(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t =
		sl_jpart_u(s->part[SL_COMP_STATISTICS]);

	return t && !t->opaque ? t : NULL;
}

/* Between Index.db and Summary.db: whom do the statistics confirm? */
static enum sl_component wrong_of_two(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t = statistics(s);

	return t && t->partitions == index_of(s)->count ? SL_COMP_SUMMARY :
							  SL_COMP_INDEX;
}

static bool same_samples(const struct sl_index_facts *i,
			 const struct sl_summary_facts *m)
{
	return !m->sampled || m->sampling_level != SL_INDEX_INTERVAL ||
	       m->min_interval != SL_INDEX_INTERVAL ||
	       m->samples == i->samples;
}

static void check_summary(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_index_facts *i = index_of(s);
	const struct sl_summary_facts *m =
		sl_jpart_u(s->part[SL_COMP_SUMMARY]);
	const char *what = NULL;

	if (!i || !m)
		return;
	if (m->last_key != i->last_key)
		what = "the last keys differ";
	else if (m->first_key != i->first_key)
		what = "the first keys differ";
	else if (m->count > i->count ||
		 m->last_index_position >= s->part[SL_COMP_INDEX]->size)
		what = "the summary points beyond the end of the index";
	else if (!same_samples(i, m))
		what = "entries of the summary are not the index's";
	if (what)
		sl_jset_say(o, SL_RULE_INDEX_SUMMARY, s, wrong_of_two(s),
			    "%s; %" PRIu64 " partitions, %u samples", what,
			    i->count, m->count);
}

/* How long the data is before compression, if that is known. */
static bool plain_length(const struct sl_jset *s, uint64_t *ret)
{
	const struct sl_jpart *d = s->part[SL_COMP_DATA];
	const struct sl_data_facts *f = sl_jpart_u(d);
	const struct sl_compression_facts *c =
		sl_jpart_u(s->part[SL_COMP_COMPRESSION_INFO]);

	if (s->part[SL_COMP_COMPRESSION_INFO]) {
		*ret = c ? c->data_length : 0;
		return c && !s->part[SL_COMP_CRC];
	}
	*ret = d ? d->size : 0;
	return d && (s->part[SL_COMP_CRC] ||
		     (f && f->mode == SL_DATA_PLAIN));
}

static void check_positions(const struct sl_jset *s, const struct sl_jout *o)
{
	bool chunked = s->part[SL_COMP_COMPRESSION_INFO];
	enum sl_component c = primary(s);
	const struct sl_index_facts *i = sl_jpart_u(s->part[c]);
	uint64_t length;

	if (!i || sl_jset_slice(s) || !plain_length(s, &length) ||
	    i->last_position < length)
		return;
	/* Data that nobody vouches for is more likely cut than the index. */
	if (!chunked && sl_jset_digest(s) != SL_JPROOF_RIGHT &&
	    !sl_jset_proven_by_table(s))
		c = SL_COMP_DATA;
	sl_jset_say(o, SL_RULE_INDEX_DATA, s, c,
		    "the last partition is at byte %" PRIu64
		    " of %" PRIu64,
		    i->last_position, length);
}

static bool keys_agree(const struct sl_jset *s)
{
	const struct sl_index_facts *i = index_of(s);
	const struct sl_summary_facts *m =
		sl_jpart_u(s->part[SL_COMP_SUMMARY]);

	return i && m && i->first_key == m->first_key &&
	       i->last_key == m->last_key && same_samples(i, m);
}

static void check_count(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_statistics_facts *t = statistics(s);
	enum sl_component c = primary(s);
	const struct sl_index_facts *i = sl_jpart_u(s->part[c]);

	if (!t || !i || t->slice || t->partitions == i->count)
		return;
	sl_jset_say(o, SL_RULE_PARTITION_COUNT, s,
		    keys_agree(s) ? SL_COMP_STATISTICS : c,
		    "%" PRIu64 " in the index, %" PRIu64
		    " in Statistics.db",
		    i->count, t->partitions);
}

/* The last partition ends where the data does. */
static void check_sizes(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_statistics_facts *t = statistics(s);
	const struct sl_index_facts *i = sl_jpart_u(s->part[primary(s)]);
	struct sl_size_bounds b;
	uint64_t length, sizes, less;

	if (!t || !i || !t->sized || !i->sized || sl_jset_slice(s) ||
	    t->partitions != i->count || !plain_length(s, &length) ||
	    length <= i->last_position)
		return;
	sl_size_bounds_init(&b);
	sizes = i->sizes;
	less = i->sizes_less;
	sl_size_add(&b, length - i->last_position, &sizes, &less);
	if (sizes != t->sizes && less != t->sizes)
		sl_jset_say(o, SL_RULE_PARTITION_SIZES, s, primary(s),
			    "%" PRIu64 " partitions in %" PRIu64 " bytes",
			    i->count, length);
}

static void check_rows(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_index_facts *i =
		sl_jpart_u(s->part[SL_COMP_PARTITIONS]);
	uint64_t size = s->part[SL_COMP_ROWS]->size;

	if (i && i->rows_end > size)
		sl_jset_say(o, SL_RULE_ROWS, s, SL_COMP_ROWS,
			    "Partitions.db points to byte %" PRIu64
			    " of %" PRIu64,
			    i->rows_end - 1, size);
}

/* Keys out of order are right under other partitioners. */
static void check_order(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_statistics_facts *t = statistics(s);
	const struct sl_index_facts *i = index_of(s);
	const struct sl_summary_facts *m =
		sl_jpart_u(s->part[SL_COMP_SUMMARY]);

	if (!t || !t->partitioner_murmur3)
		return;
	if (i && i->out_of_order)
		sl_jset_say(o, SL_RULE_INDEX, s, SL_COMP_INDEX,
			    "keys are out of order at partition %" PRIu64,
			    i->out_of_order_at);
	if (m && m->out_of_order)
		sl_jset_say(o, SL_RULE_SUMMARY, s, SL_COMP_SUMMARY,
			    "keys are out of order at entry %" PRIu64,
			    m->out_of_order_at);
}

/*
 * The bits that are set tell how many keys went in. Too many of them do no
 * harm by themselves, and scrubbing leaves such filters.
 */
static void check_filter(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_statistics_facts *t = statistics(s);
	const struct sl_filter_facts *f = sl_jpart_u(s->part[SL_COMP_FILTER]);
	char path[SL_JUDGE_PATH], detail[SL_JUDGE_DETAIL];
	uint64_t keys;

	if (!t || !f || sl_jset_slice(s) || t->partitioner_local)
		return;
	keys = t->partitions;
	if (!keys || sl_filter_fits(f, keys))
		return;
	sl_jset_path(s, SL_COMP_FILTER, path, sizeof(path));
	snprintf(detail, sizeof(detail),
		 "%" PRIu64 " of %" PRIu64 " bits are set, not what %" PRIu64
		 " keys leave",
		 f->ones, f->words * 64, keys);
	sl_jout_say_most(o, SL_RULE_FILTER_SMALL,
			 sl_filter_excess(f, keys) ? SL_WARN : SL_REJECT, path,
			 detail);
}

static void check_opaque(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_statistics_facts *t =
		sl_jpart_u(s->part[SL_COMP_STATISTICS]);
	const struct sl_compression_facts *c =
		sl_jpart_u(s->part[SL_COMP_COMPRESSION_INFO]);

	if (t && t->opaque)
		sl_jset_say(o, c && c->encrypted ? SL_RULE_ENCRYPTED :
						   SL_RULE_ENCRYPTED_SUSPECT,
			    s, SL_COMP_STATISTICS, "version %s", s->version);
}

static const struct rule {
	uint32_t needs, looks;
	void (*check)(const struct sl_jset *s, const struct sl_jout *o);
} rules[] = {
	{ DATA | DIGEST, CHUNKS | CRC | STATISTICS, sl_jcheck_digest },
	{ DATA | CHUNKS, DIGEST | STATISTICS | CRC, sl_jcheck_chunks },
	{ DATA | CRC, DIGEST | STATISTICS | CHUNKS, sl_jcheck_words },
	{ CHUNKS | CRC, DATA, sl_jcheck_both },
	{ INDEX | SUMMARY, STATISTICS, check_summary },
	{ INDEX, DATA | CHUNKS | CRC | DIGEST | STATISTICS, check_positions },
	{ PARTITIONS, DATA | CHUNKS | CRC | DIGEST | STATISTICS,
	  check_positions },
	{ PARTITIONS | ROWS, 0, check_rows },
	{ STATISTICS, INDEX | PARTITIONS | DATA | CHUNKS | CRC, check_sizes },
	{ STATISTICS, INDEX | PARTITIONS | SUMMARY, check_count },
	{ STATISTICS, INDEX | SUMMARY, check_order },
	{ STATISTICS | FILTER, 0, check_filter },
	{ STATISTICS, CHUNKS, check_opaque },
};

static uint32_t present(const struct sl_jset *s)
{
	uint32_t bits = 0;

	for (unsigned c = 0; c < SL_COMP__SSTABLE; c++)
		if (s->part[c])
			bits |= SL_JBIT(c);
	return bits;
}

void sl_jset_judge(const struct sl_jset *s, uint32_t touched,
		   const struct sl_jout *o)
{
	uint32_t have;

	if (!s->sstable)
		return;
	have = present(s);
	for (size_t i = 0; i < SL_ARRAY_LEN(rules); i++) {
		const struct rule *q = &rules[i];

		if (!(q->needs & ~have) && (touched & (q->needs | q->looks)))
			q->check(s, o);
	}
}

/* --- how findings leave */

void sl_jout_say_most(const struct sl_jout *o, enum sl_rule r,
		      enum sl_judgement most, const char *path,
		      const char *detail)
{
	enum sl_judgement v = sl_policy_verdict(o->policy, r);
	struct sl_finding f = { r, v > most ? most : v, path, detail };

	if (f.verdict != SL_ACCEPT)
		o->found(o->arg, &f);
}

void sl_jout_say(const struct sl_jout *o, enum sl_rule r, const char *path,
		 const char *detail)
{
	sl_jout_say_most(o, r, SL_REJECT, path, detail);
}

void sl_jset_path(const struct sl_jset *s, enum sl_component c, char *buf,
		  size_t size)
{
	if (s->sstable)
		snprintf(buf, size, "%s/%s-%s", s->dir->key, s->name,
			 sl_component_name(c));
	else
		snprintf(buf, size, "%s/%s", s->dir->key, s->name);
}

void sl_jset_say_found(const struct sl_jout *o, const struct sl_jset *s,
		       enum sl_component c)
{
	unsigned slot = s->sstable ? c : 0;
	bool counts = !s->sstable || c != SL_COMP_DATA ||
		      sl_jset_found_counts(s);
	char path[SL_JUDGE_PATH];

	if (!s->part[slot] || !s->part[slot]->found)
		return;
	sl_jset_path(s, c, path, sizeof(path));
	for (const struct sl_jfound *q = s->part[slot]->found; q; q = q->next)
		if (counts || (q->rule != SL_RULE_DATA_CHUNK &&
			       q->rule != SL_RULE_DATA_LENGTH))
			sl_jout_say(o, q->rule, path, q->detail);
}

void sl_jdir_path(const struct sl_jdir *d, enum sl_jdir_part p, char *buf,
		  size_t size)
{
	snprintf(buf, size, "%s/%s", d->key,
		 sl_component_name(p == SL_JDIR_MANIFEST ? SL_COMP_MANIFEST :
							   SL_COMP_SCHEMA));
}

void sl_jset_say(const struct sl_jout *o, enum sl_rule r,
		 const struct sl_jset *s, enum sl_component c,
		 const char *fmt, ...)
{
	char path[SL_JUDGE_PATH], detail[SL_JUDGE_DETAIL];
	va_list ap;

	sl_jset_path(s, c, path, sizeof(path));
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	sl_jout_say(o, r, path, detail);
}

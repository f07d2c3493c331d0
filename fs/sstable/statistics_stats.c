/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The STATS component of Statistics.db (StatsMetadata.java), in which every
 * version has left its fields. 'fields' below lists them in order, each with
 * the versions that have it; a reader takes one field off the bytes and keeps
 * what is a fact. Times may be anything and are only passed over; flags,
 * counts and histograms are held against what a writer can write.
 */
#include <string.h>

#include "sstable/name.h"
#include "sstable/sizes.h"
#include "sstable/statistics.h"

/* Wrong unless it is 0 or 1, as Java writes a boolean. */
static bool flag(struct sl_stats_reader *r)
{
	uint8_t v = sl_bytes_u8(&r->b);

	if (v > 1)
		sl_stats_wrong(r, "a flag that is neither 0 nor 1");
	return v == 1;
}

/* A count of elements of 'each' bytes, at least; 0 when they do not fit. */
static uint32_t count(struct sl_stats_reader *r, size_t each)
{
	int32_t n = sl_bytes_i32(&r->b);

	if (n < 0)
		sl_stats_wrong(r, "a negative count");
	else if ((uint64_t)n > sl_bytes_left(&r->b) / each)
		sl_stats_wrong(r, "more elements than there can be");
	return r->wrong ? 0 : (uint32_t)n;
}

static uint64_t not_negative(struct sl_stats_reader *r)
{
	int64_t v = sl_bytes_i64(&r->b);

	if (v < 0)
		sl_stats_wrong(r, "a negative number");
	return v < 0 ? 0 : (uint64_t)v;
}

static void times(struct sl_stats_reader *r)
{
	sl_bytes_skip(&r->b, 8);
}

static void numbers(struct sl_stats_reader *r)
{
	sl_bytes_skip(&r->b, 4);
}

/*
 * EstimatedHistogram: n times the upper bound of the bucket before and how
 * many are in this one; the first bound stands twice. Bounds ascend.
 */
static uint64_t histogram(struct sl_stats_reader *r)
{
	uint32_t n = count(r, 16);
	uint64_t sum = 0, bound = 0;

	if (!n)
		sl_stats_wrong(r, "no buckets");
	for (uint32_t i = 0; i < n; i++) {
		uint64_t b = not_negative(r), v = not_negative(r);

		if (i && (i == 1 ? b != bound : b <= bound))
			sl_stats_wrong(r, "bounds do not ascend");
		if (__builtin_add_overflow(sum, v, &sum) || sum > INT64_MAX)
			sl_stats_wrong(r, "more than can be counted");
		bound = b;
	}
	return sum;
}

/* Of a histogram that was read already; 'b' is at its begin. */
static void sum_sizes(struct sl_bytes b, struct sl_statistics_facts *f)
{
	uint32_t n = (uint32_t)sl_bytes_i32(&b);
	struct sl_size_bounds k;
	uint64_t sum = 0;

	sl_size_bounds_init(&k);
	f->sized = n >= 2 && n <= SL_SIZE_BOUNDS + 1;
	for (uint32_t i = 0; i < n && f->sized; i++) {
		uint64_t bound = sl_bytes_u64(&b), v = sl_bytes_u64(&b);

		/* What is beyond the last bound could be any size. */
		f->sized = bound == k.bound[i ? i - 1 : 0] &&
			   (i + 1 < n || !v);
		sum += v * sl_size_hash(i);
	}
	f->sizes = f->sized ? sum : 0;
}

static void partition_sizes(struct sl_stats_reader *r)
{
	struct sl_bytes b = r->b;

	r->facts->partitions = histogram(r);
	if (!r->wrong && !r->b.bad)
		sum_sizes(b, r->facts);
}

static void cell_counts(struct sl_stats_reader *r)
{
	histogram(r);
}

static void commit_log(struct sl_stats_reader *r)
{
	sl_bytes_skip(&r->b, 12);
}

/* Segments are numbered by the clock; -1 is none. */
static void commit_log_end(struct sl_stats_reader *r)
{
	r->facts->flushed = sl_bytes_i64(&r->b) > 0;
	sl_bytes_skip(&r->b, 4);
}

static void compression_ratio(struct sl_stats_reader *r)
{
	r->facts->compression_ratio = sl_bytes_f64(&r->b);
}

/* n times a time as double and a count. */
static void tombstones(struct sl_stats_reader *r, size_t each)
{
	uint32_t n;

	if (sl_bytes_i32(&r->b) < 0)
		sl_stats_wrong(r, "a negative number of bins");
	n = count(r, each);
	sl_bytes_array(&r->b, n, each);
}

static void tombstones_i64(struct sl_stats_reader *r)
{
	tombstones(r, 16);
}

/* Writers of these count 16 bytes for an entry; 4 are left over at the end. */
static void tombstones_i32(struct sl_stats_reader *r)
{
	size_t at = r->b.at;

	tombstones(r, 12);
	r->spare = r->b.bad ? 0 : (r->b.at - at - 8) / 12 * 4;
}

static void level(struct sl_stats_reader *r)
{
	int32_t v = sl_bytes_i32(&r->b);

	if (v < 0)
		sl_stats_wrong(r, "a negative level");
	r->facts->level = v < 0 ? 0 : (uint32_t)v;
}

static void repaired_at(struct sl_stats_reader *r)
{
	r->facts->repaired_at = sl_bytes_i64(&r->b);
}

static void clustering_bound(struct sl_stats_reader *r)
{
	uint32_t n = count(r, 2);
	size_t len;

	while (n-- && !r->b.bad)
		sl_bytes_utf(&r->b, &len);
}

/* Values of a bound, of the types whose texts are at 'types'. */
static void bound_values(struct sl_stats_reader *r, struct sl_bytes types,
			 unsigned n)
{
	uint64_t absent = 0;
	size_t len;

	for (unsigned i = 0; i < n && !r->b.bad; i++) {
		const char *t = sl_bytes_text(&types, &len);
		unsigned fixed = t ? sl_stats_fixed_length(t, len) : 0;

		/* Two bits for each of the next 32: empty, null. */
		if (i % 32 == 0)
			absent = sl_bytes_vint(&r->b);
		if (!(absent >> i % 32 * 2 & 3))
			sl_bytes_skip(&r->b, fixed ? fixed :
						     sl_bytes_vint(&r->b));
	}
}

/* ClusteringBound: kinds 0 to 7 as ClusteringPrefix.Kind has them. */
static void bound(struct sl_stats_reader *r, struct sl_bytes types,
		  uint64_t max)
{
	unsigned kind = sl_bytes_u8(&r->b), n = sl_bytes_u16(&r->b);

	if (kind > 7 || n > max)
		sl_stats_wrong(r, "no bound of this table");
	else
		bound_values(r, types, n);
}

static void covered_clustering(struct sl_stats_reader *r)
{
	uint64_t n = sl_bytes_vint(&r->b);
	struct sl_bytes types = r->b;
	size_t len;

	if (n > sl_bytes_left(&r->b))
		sl_stats_wrong(r, "more elements than there can be");
	for (uint64_t i = 0; i < n && !r->wrong && !r->b.bad; i++) {
		const char *t = sl_bytes_text(&r->b, &len);

		if (t && !sl_stats_class_text(t, len))
			sl_stats_wrong(r, "a type that is no text");
	}
	if (r->wrong || r->b.bad)
		return;
	bound(r, types, n);
	bound(r, types, n);
}

static void legacy_counters(struct sl_stats_reader *r)
{
	r->facts->legacy_counters = flag(r);
}

static void columns_set(struct sl_stats_reader *r)
{
	not_negative(r);
}

static void rows(struct sl_stats_reader *r)
{
	r->facts->rows = not_negative(r);
}

/* From and to a place in the commit log. */
static void intervals(struct sl_stats_reader *r)
{
	sl_bytes_array(&r->b, count(r, 24), 24);
}

static void pending_repair(struct sl_stats_reader *r)
{
	r->facts->pending_repair = flag(r);
	if (r->facts->pending_repair)
		sl_bytes_skip(&r->b, 16);
}

static void slice(struct sl_stats_reader *r)
{
	struct sl_statistics_facts *f = r->facts;
	int32_t chunk;
	size_t len;

	f->slice = flag(r);
	if (!f->slice)
		return;
	f->slice_start = not_negative(r);
	f->slice_end = not_negative(r);
	chunk = sl_bytes_i32(&r->b);
	f->slice_chunk = chunk > 0 ? (uint32_t)chunk : 0;
	not_negative(r); /* keys, estimated */
	sl_bytes_utf(&r->b, &len);
	sl_bytes_utf(&r->b, &len);
	if (!r->b.bad && (chunk <= 0 || f->slice_end <= f->slice_start))
		sl_stats_wrong(r, "a part that has no bytes");
}

/* Greatest sizes of values, per column. */
static void column_sizes(struct sl_stats_reader *r)
{
	uint32_t n = count(r, 5);
	size_t len;

	while (n-- && !r->b.bad) {
		sl_bytes_text(&r->b, &len);
		sl_bytes_skip(&r->b, 4);
	}
}

static void transient(struct sl_stats_reader *r)
{
	r->facts->transient = flag(r);
}

static void any_flag(struct sl_stats_reader *r)
{
	flag(r);
}

static void host_id(struct sl_stats_reader *r)
{
	const unsigned char *p;

	if (!flag(r))
		return;
	p = sl_bytes_take(&r->b, sizeof(r->facts->host_id));
	if (!p)
		return;
	r->facts->has_host_id = true;
	memcpy(r->facts->host_id, p, sizeof(r->facts->host_id));
}

static void text(struct sl_stats_reader *r)
{
	size_t len;

	sl_bytes_text(&r->b, &len);
}

#define NEVER NULL
#define ALWAYS "aa" /* before the first of either format */

/* In a format from 'since' (NEVER: not at all) to before 'until'. */
static const struct field {
	const char *name;
	const char *big, *big_until, *bti, *bti_until;
	void (*read)(struct sl_stats_reader *r);
} fields[] = {
	{ "partition sizes", ALWAYS, NULL, ALWAYS, NULL, partition_sizes },
	{ "cell counts", ALWAYS, NULL, ALWAYS, NULL, cell_counts },
	{ "commit log end", ALWAYS, NULL, ALWAYS, NULL, commit_log_end },
	{ "smallest timestamp", ALWAYS, NULL, ALWAYS, NULL, times },
	{ "greatest timestamp", ALWAYS, NULL, ALWAYS, NULL, times },
	{ "smallest deletion time", ALWAYS, NULL, ALWAYS, NULL, numbers },
	{ "greatest deletion time", ALWAYS, NULL, ALWAYS, NULL, numbers },
	{ "smallest time to live", ALWAYS, NULL, ALWAYS, NULL, numbers },
	{ "greatest time to live", ALWAYS, NULL, ALWAYS, NULL, numbers },
	{ "compression ratio", ALWAYS, NULL, ALWAYS, NULL, compression_ratio },
	{ "tombstones", ALWAYS, "oa", ALWAYS, "da", tombstones_i64 },
	{ "tombstones", "oa", NULL, "da", NULL, tombstones_i32 },
	{ "level", ALWAYS, NULL, ALWAYS, NULL, level },
	{ "repaired at", ALWAYS, NULL, ALWAYS, NULL, repaired_at },
	{ "smallest clustering", ALWAYS, "oa", ALWAYS, "ba", clustering_bound },
	{ "greatest clustering", ALWAYS, "oa", ALWAYS, "ba", clustering_bound },
	{ "clustering", "oa", NULL, "ba", NULL, covered_clustering },
	{ "legacy counters", ALWAYS, NULL, ALWAYS, NULL, legacy_counters },
	{ "columns set", ALWAYS, NULL, ALWAYS, NULL, columns_set },
	{ "rows", ALWAYS, NULL, ALWAYS, NULL, rows },
	{ "commit log begin", "mb", NULL, ALWAYS, NULL, commit_log },
	{ "commit log intervals", "mc", NULL, ALWAYS, NULL, intervals },
	{ "pending repair", "na", NULL, ALWAYS, NULL, pending_repair },
	{ "zero-copy part", NEVER, NULL, "ba", "ca", slice },
	{ "nodesync", NEVER, NULL, "ba", "ca", times },
	{ "column sizes", NEVER, NULL, "ba", "ca", column_sizes },
	{ "transient", "na", NULL, "ca", NULL, transient },
	{ "partition deletions", NEVER, NULL, "ba", "da", any_flag },
	{ "host id", "me", "na", "ad", "ba", host_id },
	{ "host id", "nb", NULL, "bb", NULL, host_id },
	{ "partition deletions", "oa", NULL, "da", NULL, any_flag },
	{ "first key", "oa", NULL, "da", NULL, text },
	{ "last key", "oa", NULL, "da", NULL, text },
	{ "token space", "oa", NULL, "cb", NULL, times },
};

static bool has(const struct sl_name *n, const struct field *f)
{
	return sl_version_from(n, f->big, f->bti) &&
	       !sl_version_from(n, f->big_until, f->bti_until);
}

/* What the writer had counted too much is left zero. */
static bool spare(const struct sl_stats_reader *r)
{
	const unsigned char *p = r->b.data + r->b.at;
	size_t n = sl_bytes_left(&r->b);

	if (n > r->spare || n % 4)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

int sl_stats_read(struct sl_stats_reader *r)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(fields) && !r->wrong; i++) {
		if (!has(r->name, &fields[i]))
			continue;
		r->field = fields[i].name;
		fields[i].read(r);
		if (r->b.bad)
			sl_stats_wrong(r, "ends too early");
	}
	if (!r->wrong && sl_bytes_left(&r->b) && !spare(r))
		sl_stats_wrong(r, "bytes after the last field");
	return r->wrong ? -EPROTO : 0;
}

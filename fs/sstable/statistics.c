/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics.db (MetadataSerializer.java): a table of contents and four
 * components. From na, and in all of bti, each part is followed by a CRC; the
 * one of the table runs on from the one of the count. Before that nothing
 * protects the file, and that each component is used up by its fields to the
 * last byte is the only proof that they are what they seem.
 *
 * Encrypted SSTables of b* and c* keep count, table and CRCs in the clear,
 * and the CRCs are over the ciphertext: right checksums over nonsense. That
 * is a fact here (opaque), no finding: CompressionInfo.db tells.
 *
 * The file is kept whole and read when facts are asked for.
 */
#include "sstable/statistics.h"

#include <string.h>

#include "crc.h"
#include "sstable/name.h"
#include "sstable/path_names.h"
#include "sstable/stream.h"
#include "sstable/whole.h"

enum part {
	VALIDATION,
	COMPACTION,
	STATS,
	HEADER,
	PARTS,
};

static const char *const part_names[PARTS] = {
	"VALIDATION", "COMPACTION", "STATS", "HEADER",
};

/*
 * All that is known how to read. loose: pre-releases wrote STATS in more than
 * one way under this name; where CRCs are right, fields that do not fit are
 * no finding.
 */
static const struct version {
	enum sl_format format;
	char name[3];
	const char *as; /* NULL: as itself */
	bool loose;
} versions[] = {
	{ SL_FORMAT_BIG, "ma", NULL, false },
	{ SL_FORMAT_BIG, "mb", NULL, false },
	{ SL_FORMAT_BIG, "mc", NULL, false },
	{ SL_FORMAT_BIG, "md", NULL, false },
	{ SL_FORMAT_BIG, "me", NULL, false },
	{ SL_FORMAT_BIG, "na", NULL, true },
	{ SL_FORMAT_BIG, "nb", NULL, false },
	{ SL_FORMAT_BIG, "nc", NULL, true },
	{ SL_FORMAT_BIG, "oa", NULL, false },
	{ SL_FORMAT_BTI, "aa", NULL, false },
	{ SL_FORMAT_BTI, "ab", "ba", true },
	{ SL_FORMAT_BTI, "ac", NULL, false },
	{ SL_FORMAT_BTI, "ad", NULL, false },
	{ SL_FORMAT_BTI, "ba", NULL, false },
	{ SL_FORMAT_BTI, "bb", NULL, false },
	{ SL_FORMAT_BTI, "ca", NULL, false },
	{ SL_FORMAT_BTI, "cb", NULL, false },
	{ SL_FORMAT_BTI, "cc", NULL, false },
	{ SL_FORMAT_BTI, "da", NULL, false },
};

struct state {
	struct sl_name name; /* its version is the one it is read as */
	const struct version *version; /* NULL: the name is its finding */
	struct sl_whole whole;
};

/* The file taken apart. */
struct parts {
	struct sl_bytes b[PARTS];
};

static int begin(void *state, const struct sl_name *name,
		 const struct sl_prior *prior)
{
	struct state *s = state;

	(void)prior; /* Statistics.db explains itself */
	s->name = *name;
	for (size_t i = 0; i < SL_ARRAY_LEN(versions); i++) {
		const struct version *v = &versions[i];

		if (v->format == name->format &&
		    !strcmp(v->name, name->version))
			s->version = v;
	}
	if (s->version && s->version->as)
		memcpy(s->name.version, s->version->as,
		       sizeof(s->name.version));
	return 0;
}

static void feed(void *state, const unsigned char *p, size_t n)
{
	struct state *s = state;

	if (s->version)
		sl_whole_feed(&s->whole, p, n);
}

static void end(void *state)
{
	struct state *s = state;

	sl_whole_release(&s->whole);
}

#define FOUND(f, ...) sl_facts_found(f, SL_RULE_STATISTICS, __VA_ARGS__)

/* 0 or -EPROTO with a finding. */
static int check_crc(struct sl_bytes *b, uint32_t crc, const char *of,
		     struct sl_facts *f)
{
	uint32_t stored = sl_bytes_u32(b);

	if (!b->bad && stored == crc)
		return 0;
	FOUND(f, "checksum of %s: %08x, computed %08x", of, (unsigned)stored,
	      (unsigned)crc);
	return -EPROTO;
}

/* The table of contents and its checksums; offsets are then known. */
static int contents(struct sl_bytes *b, bool ck, uint32_t at[PARTS],
		    struct sl_facts *f)
{
	const unsigned char *head = sl_bytes_take(b, 4), *toc;
	uint32_t crc = head ? sl_crc32(0, head, 4) : 0;
	int e = 0;

	if (!head || sl_be(head, 4) != PARTS) {
		FOUND(f, "it does not begin with a count of 4");
		return -EPROTO;
	}
	if (ck)
		e = check_crc(b, crc, "the count", f);
	if (e)
		return e;
	toc = sl_bytes_array(b, PARTS, 8);
	if (!toc) {
		FOUND(f, "the table of contents ends at byte %zu", b->size);
		return -EPROTO;
	}
	crc = sl_crc32(crc, toc, PARTS * 8);
	if (ck)
		e = check_crc(b, crc, "the table of contents", f);
	for (unsigned i = 0; i < PARTS && !e; i++) {
		at[i] = (uint32_t)sl_be(toc + 8 * i + 4, 4);
		if (sl_be(toc + 8 * i, 4) != i) {
			FOUND(f, "component %u of the table is not %s", i,
			      part_names[i]);
			e = -EPROTO;
		}
	}
	return e;
}

/* Components follow each other without a gap: 'from' to the next's begin. */
static int cut(const struct sl_bytes *b, const uint32_t at[PARTS], bool ck,
	       enum part i, struct sl_bytes *ret)
{
	size_t begin_at = i ? at[i] : b->at;
	size_t end_at = i + 1 < PARTS ? at[i + 1] : b->size;

	if (begin_at != at[i] || begin_at > end_at || end_at > b->size ||
	    end_at - begin_at < (ck ? 4u : 0u))
		return -EPROTO;
	sl_bytes_init(ret, b->data + begin_at, end_at - begin_at);
	return 0;
}

static int take_apart(const struct state *s, struct parts *ret,
		      struct sl_facts *f)
{
	bool ck = sl_version_from(&s->name, "na", "aa");
	struct sl_bytes b;
	uint32_t at[PARTS];
	int e;

	sl_bytes_init(&b, s->whole.data, s->whole.len);
	e = contents(&b, ck, at, f);
	for (unsigned i = 0; i < PARTS && !e; i++) {
		struct sl_bytes *p = &ret->b[i];

		e = cut(&b, at, ck, i, p);
		if (e) {
			FOUND(f, "%s cannot begin at byte %u of %zu",
			      part_names[i], (unsigned)at[i], b.size);
			break;
		}
		if (!ck)
			continue;
		p->at = p->size - 4;
		e = check_crc(p, sl_crc32(0, p->data, p->size - 4),
			      part_names[i], f);
		sl_bytes_init(p, p->data, p->size - 4);
	}
	return e;
}

/* -EPROTO: not what VALIDATION looks like. */
static int validation(struct sl_bytes b, struct sl_facts *f, const char **text,
		      size_t *n)
{
	struct sl_statistics_facts *u = &f->u.statistics;

	*text = sl_bytes_utf(&b, n);
	u->fp_chance = sl_bytes_f64(&b);
	if (!sl_bytes_done(&b) || !sl_stats_class_text(*text, *n))
		return -EPROTO;
	u->partitioner_murmur3 = sl_name_equals(
		*text, *n, "org.apache.cassandra.dht.Murmur3Partitioner");
	u->partitioner_local = sl_name_equals(
		*text, *n, "org.apache.cassandra.dht.LocalPartitioner");
	return 0;
}

static int compaction(struct sl_bytes b, struct sl_facts *f)
{
	int32_t n = sl_bytes_i32(&b);

	if (!b.bad && n >= 0 && (size_t)n == sl_bytes_left(&b))
		return 0;
	FOUND(f, "COMPACTION: %d bytes announced, %zu there", (int)n,
	      sl_bytes_left(&b));
	return -EPROTO;
}

/* Runs one of the two readers; where it stopped becomes a finding. */
static int read_part(const struct state *s, const struct parts *parts,
		     enum part i, struct sl_facts *f)
{
	struct sl_stats_reader r = {
		.b = parts->b[i],
		.name = &s->name,
		.facts = &f->u.statistics,
	};
	int e = i == STATS ? sl_stats_read(&r) : sl_stats_header(&r);

	if (e == -EPROTO && !(i == STATS && s->version->loose))
		FOUND(f, "%s: '%s' before its byte %zu of %zu: %s",
		      part_names[i], r.field, r.b.at, r.b.size, r.wrong);
	return e;
}

/* Beyond the row count nothing is sure: pre-releases differ there. */
static void forget_the_end(struct sl_statistics_facts *u)
{
	u->pending_repair = u->transient = u->has_host_id = false;
	memset(u->host_id, 0, sizeof(u->host_id));
	u->slice = false;
	u->slice_start = u->slice_end = u->slice_chunk = 0;
}

static int content(const struct state *s, const struct parts *parts,
		   struct sl_facts *f)
{
	int e = compaction(parts->b[COMPACTION], f);

	if (e)
		return e;
	e = read_part(s, parts, STATS, f);
	if (e == -EPROTO && s->version->loose) {
		forget_the_end(&f->u.statistics);
		e = 0;
	}
	return e ? e : read_part(s, parts, HEADER, f);
}

static void conclusions(struct sl_facts *f, const char *partitioner, size_t n)
{
	const struct sl_statistics_facts *u = &f->u.statistics;

	if (!u->partitioner_murmur3)
		sl_facts_found(f, SL_RULE_PARTITIONER, "%.*s",
			       n < 100 ? (int)n : 100, partitioner);
	if (u->slice)
		sl_facts_found(f, SL_RULE_SLICE,
			       "bytes %llu to %llu of the uncompressed data",
			       (unsigned long long)u->slice_start,
			       (unsigned long long)u->slice_end);
	if (u->pending_repair)
		sl_facts_found(f, SL_RULE_PENDING_REPAIR, "%s", "");
	if (u->transient)
		sl_facts_found(f, SL_RULE_TRANSIENT, "%s", "");
	if (u->legacy_counters)
		sl_facts_found(f, SL_RULE_LEGACY_COUNTERS, "%s", "");
}

static void forget(struct sl_facts *f)
{
	sl_header_unref(f->u.statistics.header);
	memset(&f->u.statistics, 0, sizeof(f->u.statistics));
}

static int parse(const struct state *s, struct sl_facts *f)
{
	struct parts parts;
	const char *partitioner;
	size_t n;
	int e = take_apart(s, &parts, f);

	if (e)
		return e;
	e = validation(parts.b[VALIDATION], f, &partitioner, &n);
	if (e && sl_version_from(&s->name, NULL, "ba")) {
		forget(f);
		f->u.statistics.opaque = true;
		return 0;
	}
	if (e) {
		FOUND(f, "VALIDATION: no partitioner and chance in %zu bytes",
		      parts.b[VALIDATION].size);
		return e;
	}
	e = content(s, &parts, f);
	if (!e)
		conclusions(f, partitioner, n);
	return e;
}

static int facts(const void *state, struct sl_facts *ret)
{
	const struct state *s = state;
	int e;

	if (!s->version)
		return 0;
	if (s->whole.err)
		return s->whole.err;
	if (s->whole.overflow) {
		FOUND(ret, "more than %zu bytes", SL_STREAM_TEXT);
		return 0;
	}
	e = parse(s, ret);
	if (!e)
		return 0;
	forget(ret);
	return e == -EPROTO ? 0 : e;
}

const struct sl_parser sl_statistics_parser = {
	.state = sizeof(struct state),
	.begin = begin,
	.feed = feed,
	.facts = facts,
	.end = end,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts as bytes, for the ledger. A version byte, what all components have,
 * the findings (rules by name: their numbers change between releases), then
 * the fields of the component as one table says, in its order, and at last
 * the shared part, if there is one. All numbers are big-endian.
 *
 * The ledger lies on a disk that others write to as well, so nothing that is
 * read is believed: numbers of an enumeration and truth values are checked,
 * lengths are compared with what is left, and all bytes must be used up.
 * Bytes of another version are no facts: the file is then read again.
 */
#include "sstable/facts.h"

#include <stddef.h>
#include <string.h>

#include "sstable/bytes.h"
#include "sstable/facts_internal.h"
#include "sstable/schema.h"

#define PACK_VERSION 2

enum kind {
	BOOL,
	ENUM, /* below 'limit' */
	U32,
	U64, /* int64_t and double too: their bits */
	ID16,
};

struct field {
	enum kind kind;
	size_t at; /* in struct sl_facts */
	unsigned limit;
};

#define F(kind_, member) \
	{ .kind = (kind_), .at = offsetof(struct sl_facts, member) }
#define FE(member, limit_) \
	{ .kind = ENUM, .at = offsetof(struct sl_facts, member), \
	  .limit = (limit_) }

static const struct field head_fields[] = {
	F(BOOL, name.sstable),
	FE(name.format, SL_FORMAT_BTI + 1),
	F(U64, size),
	F(BOOL, has_crc32),
	F(U32, crc32),
	F(BOOL, unread),
};

static const struct field data_fields[] = {
	FE(u.data.mode, SL_DATA_CHUNKED + 1),
	F(BOOL, u.data.checked),
	F(U64, u.data.checked_with),
	F(U64, u.data.count),
	F(U64, u.data.hashed),
	F(U64, u.data.hash),
	F(U64, u.data.last_offset),
	F(U32, u.data.block),
	FE(u.data.compressor, SL_COMPRESSOR_NOOP + 1),
	F(U32, u.data.plain_chunk),
	F(U32, u.data.plain_last),
};

static const struct field compression_fields[] = {
	FE(u.compression.compressor, SL_COMPRESSOR_NOOP + 1),
	F(BOOL, u.compression.encrypted),
	F(U32, u.compression.chunk_length),
	F(U32, u.compression.max_compressed),
	F(U64, u.compression.data_length),
	F(U64, u.compression.count),
	F(U64, u.compression.hash),
	F(U64, u.compression.last_offset),
};

static const struct field crc_fields[] = {
	F(U32, u.crc.block),
	F(U64, u.crc.count),
	F(U64, u.crc.hashed),
	F(U64, u.crc.hash),
};

static const struct field statistics_fields[] = {
	F(BOOL, u.statistics.partitioner_murmur3),
	F(BOOL, u.statistics.partitioner_local),
	F(U64, u.statistics.fp_chance),
	F(U64, u.statistics.partitions),
	F(BOOL, u.statistics.sized),
	F(U64, u.statistics.sizes),
	F(U64, u.statistics.rows),
	F(BOOL, u.statistics.flushed),
	F(U64, u.statistics.compression_ratio),
	F(U64, u.statistics.repaired_at),
	F(U32, u.statistics.level),
	F(BOOL, u.statistics.pending_repair),
	F(BOOL, u.statistics.transient),
	F(BOOL, u.statistics.legacy_counters),
	F(BOOL, u.statistics.has_host_id),
	F(ID16, u.statistics.host_id),
	F(BOOL, u.statistics.slice),
	F(U64, u.statistics.slice_start),
	F(U64, u.statistics.slice_end),
	F(U32, u.statistics.slice_chunk),
	F(BOOL, u.statistics.opaque),
};

static const struct field index_fields[] = {
	F(U64, u.index.count),
	F(U64, u.index.first_key),
	F(U64, u.index.last_key),
	F(U64, u.index.last_position),
	F(BOOL, u.index.sized),
	F(U64, u.index.sizes),
	F(U64, u.index.sizes_less),
	F(U64, u.index.rows_end),
	F(BOOL, u.index.out_of_order),
	F(U64, u.index.out_of_order_at),
	F(U64, u.index.samples),
};

static const struct field summary_fields[] = {
	F(U32, u.summary.count),
	F(U64, u.summary.first_key),
	F(U64, u.summary.last_key),
	F(U64, u.summary.last_index_position),
	F(U32, u.summary.sampling_level),
	F(U32, u.summary.min_interval),
	F(BOOL, u.summary.sampled),
	F(U64, u.summary.samples),
	F(BOOL, u.summary.out_of_order),
	F(U64, u.summary.out_of_order_at),
};

static const struct field filter_fields[] = {
	F(U32, u.filter.hashes),
	F(U64, u.filter.words),
	F(U64, u.filter.ones),
};

static const struct field digest_fields[] = {
	F(U32, u.digest),
};

static const struct field toc_fields[] = {
	F(U32, u.toc.listed),
};

static const struct fields {
	const struct field *list;
	size_t n;
} component_fields[SL_COMP__COUNT] = {
#define OF(c, list_) [c] = { (list_), SL_ARRAY_LEN(list_) }
	OF(SL_COMP_DATA, data_fields),
	OF(SL_COMP_INDEX, index_fields),
	OF(SL_COMP_SUMMARY, summary_fields),
	OF(SL_COMP_PARTITIONS, index_fields),
	OF(SL_COMP_FILTER, filter_fields),
	OF(SL_COMP_COMPRESSION_INFO, compression_fields),
	OF(SL_COMP_CRC, crc_fields),
	OF(SL_COMP_STATISTICS, statistics_fields),
	OF(SL_COMP_DIGEST, digest_fields),
	OF(SL_COMP_TOC, toc_fields),
#undef OF
};

static void put_be(struct sl_buf *out, uint64_t v, unsigned n)
{
	unsigned char b[8];

	for (unsigned i = 0; i < n; i++)
		b[i] = (unsigned char)(v >> 8 * (n - 1 - i));
	sl_buf_append(out, b, n);
}

static void put_text(struct sl_buf *out, const char *s)
{
	size_t n = strlen(s);

	put_be(out, n, 4);
	sl_buf_append(out, s, n);
}

/* Types differ in size, so values go through memory of the right one. */
static void pack_field(const struct field *q, const struct sl_facts *f,
		       struct sl_buf *out)
{
	const char *p = (const char *)f + q->at;
	bool b;
	unsigned e;
	uint32_t w;
	uint64_t v;

	switch (q->kind) {
	case BOOL:
		memcpy(&b, p, sizeof(b));
		put_be(out, b, 1);
		break;
	case ENUM:
		memcpy(&e, p, sizeof(e));
		put_be(out, e, 1);
		break;
	case U32:
		memcpy(&w, p, sizeof(w));
		put_be(out, w, 4);
		break;
	case U64:
		memcpy(&v, p, sizeof(v));
		put_be(out, v, 8);
		break;
	case ID16:
		sl_buf_append(out, p, 16);
		break;
	}
}

static bool unpack_bool(struct sl_bytes *b, char *p)
{
	unsigned v = sl_bytes_u8(b);
	bool is = v != 0;

	memcpy(p, &is, sizeof(is));
	return v <= 1;
}

static bool unpack_enum(struct sl_bytes *b, char *p, unsigned limit)
{
	unsigned v = sl_bytes_u8(b);

	memcpy(p, &v, sizeof(v));
	return v < limit;
}

static bool unpack_bytes(struct sl_bytes *b, char *p)
{
	const unsigned char *from = sl_bytes_take(b, 16);

	if (from)
		memcpy(p, from, 16);
	return from != NULL;
}

static bool unpack_field(const struct field *q, struct sl_bytes *b,
			 struct sl_facts *f)
{
	char *p = (char *)f + q->at;
	uint32_t w;
	uint64_t v;

	switch (q->kind) {
	case BOOL:
		return unpack_bool(b, p);
	case ENUM:
		return unpack_enum(b, p, q->limit);
	case U32:
		w = sl_bytes_u32(b);
		memcpy(p, &w, sizeof(w));
		return true;
	case U64:
		v = sl_bytes_u64(b);
		memcpy(p, &v, sizeof(v));
		return true;
	case ID16:
		return unpack_bytes(b, p);
	}
	return false;
}

static void pack_fields(const struct field *q, size_t n,
			const struct sl_facts *f, struct sl_buf *out)
{
	for (size_t i = 0; i < n; i++)
		pack_field(&q[i], f, out);
}

static bool unpack_fields(const struct field *q, size_t n, struct sl_bytes *b,
			  struct sl_facts *f)
{
	for (size_t i = 0; i < n; i++)
		if (!unpack_field(&q[i], b, f))
			return false;
	return !b->bad;
}

static void pack_found(const struct sl_facts *f, struct sl_buf *out)
{
	put_be(out, f->found_count, 1);
	for (size_t i = 0; i < f->found_count; i++) {
		const char *name = sl_rule_info(f->found[i].rule)->name;

		put_text(out, name);
		put_text(out, f->found[i].detail);
	}
}

/* A text of less than 'size' bytes without a NUL. */
static const char *take_text(struct sl_bytes *b, size_t size, size_t *ret_n)
{
	size_t n = sl_bytes_u32(b);
	const char *p = (const char *)sl_bytes_take(b, n);

	*ret_n = n;
	return p && n < size && !memchr(p, '\0', n) ? p : NULL;
}

static bool unpack_found(struct sl_bytes *b, struct sl_facts *f)
{
	size_t count = sl_bytes_u8(b), n;

	if (count > SL_FACTS_FOUND)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct sl_found *q = &f->found[i];
		const char *s = take_text(b, 64, &n);

		q->rule = s ? sl_rule_find(s, n) : SL_RULE_NONE;
		s = take_text(b, sizeof(q->detail), &n);
		if (q->rule == SL_RULE_NONE || !s)
			return false;
		memcpy(q->detail, s, n);
	}
	f->found_count = count;
	return !b->bad;
}

/* 1 and the part, or 0. */
static int pack_shared(const struct sl_facts *f, struct sl_buf *out)
{
	enum sl_component c = f->name.component;
	SL_CLEANUP(buf) struct sl_buf text = SL_BUF_INIT(SL_FACTS_SHARED);

	if (c == SL_COMP_STATISTICS && f->u.statistics.header) {
		put_be(out, 1, 1);
		sl_header_pack(f->u.statistics.header, out);
	} else if (c == SL_COMP_MANIFEST && f->u.manifest.files) {
		const struct sl_names *l = f->u.manifest.files;

		put_be(out, 1, 1);
		put_be(out, l->len, 4);
		sl_buf_append(out, l->text, l->len);
	} else if (c == SL_COMP_SCHEMA && f->u.schema.schema) {
		put_be(out, 1, 1);
		sl_schema_text(f->u.schema.schema, &text);
		put_text(out, sl_buf_str(&text));
	} else {
		put_be(out, 0, 1);
	}
	return sl_buf_error(&text);
}

static int unpack_names(struct sl_bytes *b, struct sl_names **ret)
{
	size_t n = sl_bytes_u32(b);
	const unsigned char *p = sl_bytes_take(b, n);
	struct sl_names *l;

	if (!p || n > SL_FACTS_SHARED || (n && p[n - 1]))
		return -EPROTO;
	l = malloc(sizeof(*l) + n);
	if (!l)
		return -ENOMEM;
	l->refs = 1;
	l->len = n;
	l->count = 0;
	memcpy(l->text, p, n);
	for (size_t i = 0; i < n; i++)
		l->count += !p[i];
	*ret = l;
	return 0;
}

static int unpack_schema(struct sl_bytes *b, struct sl_schema **ret)
{
	size_t n = sl_bytes_u32(b);
	const char *p = (const char *)sl_bytes_take(b, n);

	if (!p || n > SL_FACTS_SHARED)
		return -EPROTO;
	return sl_schema_parse(p, n, ret, NULL);
}

static int unpack_shared(struct sl_bytes *b, struct sl_facts *f)
{
	switch (sl_bytes_u8(b)) {
	case 0:
		return b->bad ? -EPROTO : 0;
	case 1:
		break;
	default:
		return -EPROTO;
	}
	if (f->name.component == SL_COMP_STATISTICS)
		return sl_header_unpack(b, &f->u.statistics.header);
	if (f->name.component == SL_COMP_MANIFEST)
		return unpack_names(b, &f->u.manifest.files);
	if (f->name.component == SL_COMP_SCHEMA)
		return unpack_schema(b, &f->u.schema.schema);
	return -EPROTO;
}

int sl_facts_pack(const struct sl_facts *f, struct sl_buf *out)
{
	const struct fields *q = &component_fields[f->name.component];
	int r;

	put_be(out, PACK_VERSION, 1);
	put_be(out, f->name.component, 1);
	put_be(out, (unsigned char)f->name.version[0], 1);
	put_be(out, (unsigned char)f->name.version[1], 1);
	pack_fields(head_fields, SL_ARRAY_LEN(head_fields), f, out);
	pack_found(f, out);
	pack_fields(q->list, q->n, f, out);
	r = pack_shared(f, out);
	return r ? r : sl_buf_error(out);
}

static bool letter(unsigned char c)
{
	return !c || (c >= 'a' && c <= 'z');
}

static int unpack(struct sl_bytes *b, struct sl_facts *f)
{
	unsigned version = sl_bytes_u8(b), c = sl_bytes_u8(b);
	unsigned char one = sl_bytes_u8(b), two = sl_bytes_u8(b);
	const struct fields *q;
	int r;

	if (b->bad || version != PACK_VERSION || c >= SL_COMP__COUNT ||
	    !letter(one) || !letter(two))
		return -EPROTO;
	f->name.component = (enum sl_component)c;
	f->name.version[0] = (char)one;
	f->name.version[1] = (char)two;
	q = &component_fields[c];
	if (!unpack_fields(head_fields, SL_ARRAY_LEN(head_fields), b, f) ||
	    !unpack_found(b, f) || !unpack_fields(q->list, q->n, b, f))
		return -EPROTO;
	r = unpack_shared(b, f);
	return r ? r : sl_bytes_done(b) ? 0 : -EPROTO;
}

int sl_facts_unpack(const void *p, size_t n, struct sl_facts *ret)
{
	struct sl_bytes b;
	int r;

	memset(ret, 0, sizeof(*ret));
	sl_bytes_init(&b, p, n);
	r = unpack(&b, ret);
	if (r) {
		sl_facts_release(ret);
		memset(ret, 0, sizeof(*ret));
	}
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CompressionInfo.db: how Data.db is cut into compressed chunks.
 *
 *	utf  class             "LZ4Compressor"
 *	i32  n; n x (utf, utf) options
 *	i32  chunk length      uncompressed, a power of two
 *	i32  max compressed    big from na, bti: chunks as long are stored raw
 *	i64  data length       uncompressed
 *	i32  chunks
 *	i64  x chunks          where each begins in Data.db; ends the file
 *
 * States are the fields in this order. The table may be 100 MB: an offset is
 * turned into a length, hashed, packed (chunk_table.h) and gone. After the
 * first nonsense nothing more is read.
 *
 * Healthy tables count the chunks that the data needs, or more: a compaction
 * closes with one empty chunk. So chunks beyond the needed ones are taken as
 * long as they can be empty.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sstable/chunk_table.h"
#include "sstable/gather.h"
#include "sstable/stream.h"

#define PACKAGE "org.apache.cassandra.io.compress."
#define NAME_KEPT 128
#define MAX_OPTIONS 1024
#define MAX_CHUNK (UINT64_C(1) << 30)
#define NEVER_RAW 2147483647
/* No compressor makes more than this of nothing, its CRC included. */
#define EMPTY_CHUNK 64

enum stage {
	CLASS_LENGTH,
	CLASS,
	OPTIONS,
	KEY_LENGTH,
	KEY,
	VALUE_LENGTH,
	VALUE,
	CHUNK_LENGTH,
	MAX_COMPRESSED,
	DATA_LENGTH,
	CHUNKS,
	OFFSETS,
	DONE,
	WRONG,
};

struct compression {
	enum stage stage;
	bool has_max;	/* the version has the field */
	bool keep;	/* there has been room for the table so far */
	bool known;	/* the class is one of Cassandra's */
	int err;	/* 0 or -ENOMEM */
	struct sl_gather g;
	uint64_t text_left, options, seen, offset, needed, extra;
	size_t text_len;
	char text[NAME_KEPT]; /* of a class or key; longer ones are cut */
	char class[NAME_KEPT];
	struct sl_compression_facts facts; /* table: while it is filled */
	struct sl_found bad;
};

static const struct {
	const char *name;
	enum sl_compressor is;
} classes[] = {
	{ "LZ4Compressor", SL_COMPRESSOR_LZ4 },
	{ "SnappyCompressor", SL_COMPRESSOR_SNAPPY },
	{ "DeflateCompressor", SL_COMPRESSOR_DEFLATE },
	{ "ZstdCompressor", SL_COMPRESSOR_ZSTD },
	/* DataStax: Zstd at levels that follow the load. */
	{ "AdaptiveCompressor", SL_COMPRESSOR_ZSTD },
	{ "NoopCompressor", SL_COMPRESSOR_NOOP },
};

/* EncryptionConfig.java; the class alone may be an ordinary compressor's. */
static const char *const encryption_keys[] = {
	"cipher_algorithm", "secret_key_strength",
	"iv_length",	    "key_provider",
	"system_key_file",  "secret_key_provider_factory_class",
};

static void SL_PRINTF(2, 3) wrong(struct compression *c, const char *fmt, ...)
{
	va_list ap;

	c->stage = WRONG;
	c->bad.rule = SL_RULE_COMPRESSION_INFO;
	va_start(ap, fmt);
	vsnprintf(c->bad.detail, sizeof(c->bad.detail), fmt, ap);
	va_end(ap);
}

static int compression_begin(void *state, const struct sl_name *name,
			     const struct sl_prior *prior)
{
	struct compression *c = state;

	(void)prior; /* the table is what others are held against */
	c->has_max = sl_version_from(name, "na", "aa");
	c->keep = true;
	c->facts.hash = SL_LIST_HASH;
	c->facts.max_compressed = NEVER_RAW;
	return 0;
}

static void compression_end(void *state)
{
	struct compression *c = state;

	sl_chunk_table_unref(c->facts.table);
	c->facts.table = NULL;
}

static bool is_word_byte(char b)
{
	return (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') ||
	       (b >= 'a' && b <= 'z') || b == '.' || b == '_';
}

/* The text for people: foreign bytes that no class name has are hidden. */
static void name_class(struct compression *c)
{
	for (size_t i = 0; i < c->text_len; i++) {
		c->class[i] = c->text[i];
		if (!is_word_byte(c->text[i]))
			c->class[i] = '?';
	}
}

static void take_class(struct compression *c)
{
	static const char package[] = PACKAGE;
	const char *s = c->class, *dot;

	name_class(c);
	dot = strrchr(s, '.');
	c->facts.encrypted = !strncmp(dot ? dot + 1 : s, "Encrypt", 7);
	c->known = c->facts.encrypted;
	if (!strncmp(s, package, sizeof(package) - 1))
		s += sizeof(package) - 1;
	for (size_t i = 0; i < SL_ARRAY_LEN(classes); i++) {
		if (strcmp(s, classes[i].name))
			continue;
		c->facts.compressor = classes[i].is;
		c->known = true;
	}
	c->stage = OPTIONS;
}

static void next_option(struct compression *c)
{
	c->stage = c->options ? KEY_LENGTH : CHUNK_LENGTH;
	if (c->options)
		c->options--;
}

static void take_options(struct compression *c, uint64_t v)
{
	if (v > MAX_OPTIONS) {
		wrong(c, "%u options", (unsigned)v);
		return;
	}
	c->options = v;
	next_option(c);
}

/* The importer refuses an option that no compressor has. */
static bool is_key(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_word_byte(s[i]) && s[i] != '-')
			return false;
	return true;
}

static void take_key(struct compression *c)
{
	if (!is_key(c->text, c->text_len)) {
		wrong(c, "an option of no possible name");
		return;
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(encryption_keys); i++)
		if (strlen(encryption_keys[i]) == c->text_len &&
		    !memcmp(c->text, encryption_keys[i], c->text_len))
			c->facts.encrypted = true;
	c->stage = VALUE_LENGTH;
}

static void take_length(struct compression *c, uint64_t v)
{
	c->text_left = v;
	c->text_len = 0;
	c->stage++;
}

static void take_chunk_length(struct compression *c, uint64_t v)
{
	if (!v || v > MAX_CHUNK || (v & (v - 1))) {
		wrong(c, "chunks of %u bytes, which is no power of two",
		      (unsigned)v);
		return;
	}
	c->facts.chunk_length = (uint32_t)v;
	c->stage = c->has_max ? MAX_COMPRESSED : DATA_LENGTH;
}

static void take_max(struct compression *c, uint64_t v)
{
	if (!v || (v > c->facts.chunk_length && v != NEVER_RAW)) {
		wrong(c, "maximal compressed length %u with chunks of %u bytes",
		      (unsigned)v, c->facts.chunk_length);
		return;
	}
	c->facts.max_compressed = (uint32_t)v;
	c->stage = DATA_LENGTH;
}

static void take_data_length(struct compression *c, uint64_t v)
{
	uint64_t chunk = c->facts.chunk_length;

	if (!v || v > INT64_MAX) {
		wrong(c, "data length %lld", (long long)v);
		return;
	}
	c->facts.data_length = v;
	c->needed = v / chunk + (v % chunk != 0);
	c->stage = DATA_LENGTH + 1;
}

static void take_chunks(struct compression *c, uint64_t v)
{
	if (v > INT32_MAX || v < c->needed) {
		wrong(c, "%u chunks where the data needs %llu", (unsigned)v,
		      (unsigned long long)c->needed);
		return;
	}
	c->facts.count = v;
	c->stage = OFFSETS;
}

/* Between two offsets lies one chunk. */
static void take_chunk(struct compression *c, uint64_t len)
{
	int r;

	if (c->seen > c->needed + 1 && len > EMPTY_CHUNK) {
		wrong(c, "%llu chunks where the data needs %llu",
		      (unsigned long long)c->facts.count,
		      (unsigned long long)c->needed);
		return;
	}
	c->facts.hash = sl_list_hash(c->facts.hash, len);
	if (!c->keep)
		return;
	r = sl_chunk_table_add(&c->facts.table, len);
	if (!r)
		return;
	/* Without it the hashes are compared: no room is no failure. */
	c->keep = false;
	c->err = r == -ENOMEM ? r : 0;
	sl_chunk_table_unref(c->facts.table);
	c->facts.table = NULL;
}

static void take_offset(struct compression *c, uint64_t v)
{
	uint64_t before = c->offset;

	if (c->seen ? v < before || v - before < 4 || v > INT64_MAX : v != 0) {
		wrong(c, "chunk %llu begins at byte %lld, the one before at "
		      "%llu", (unsigned long long)c->seen, (long long)v,
		      (unsigned long long)before);
		return;
	}
	c->offset = v;
	if (c->seen++)
		take_chunk(c, v - before);
	if (c->stage == OFFSETS && c->seen == c->facts.count)
		c->stage = DONE;
}

static void take_value(struct compression *c)
{
	next_option(c);
}

/* Fields that are a number have 'bytes', the others are text. */
static const struct {
	unsigned bytes;
	void (*number)(struct compression *c, uint64_t v);
	void (*text)(struct compression *c);
} fields[] = {
	[CLASS_LENGTH] = { .bytes = 2, .number = take_length },
	[CLASS] = { .text = take_class },
	[OPTIONS] = { .bytes = 4, .number = take_options },
	[KEY_LENGTH] = { .bytes = 2, .number = take_length },
	[KEY] = { .text = take_key },
	[VALUE_LENGTH] = { .bytes = 2, .number = take_length },
	[VALUE] = { .text = take_value },
	[CHUNK_LENGTH] = { .bytes = 4, .number = take_chunk_length },
	[MAX_COMPRESSED] = { .bytes = 4, .number = take_max },
	[DATA_LENGTH] = { .bytes = 8, .number = take_data_length },
	[CHUNKS] = { .bytes = 4, .number = take_chunks },
	[OFFSETS] = { .bytes = 8, .number = take_offset },
};

static void feed_text(struct compression *c, struct sl_cursor *in)
{
	size_t n = sl_cursor_left(in), room = NAME_KEPT - 1 - c->text_len;

	if (n > c->text_left)
		n = (size_t)c->text_left;
	memcpy(c->text + c->text_len, in->p, n < room ? n : room);
	c->text_len += n < room ? n : room;
	sl_cursor_skip(in, &c->text_left);
	if (!c->text_left)
		fields[c->stage].text(c);
}

static void feed_number(struct compression *c, struct sl_cursor *in)
{
	uint64_t v;

	if (sl_gather_be(&c->g, in, fields[c->stage].bytes, &v))
		fields[c->stage].number(c, v);
}

/* A text of no bytes is whole before a byte of it comes. */
static bool more(const struct compression *c, const struct sl_cursor *in)
{
	return c->stage < DONE &&
	       (in->p < in->end ||
		(!fields[c->stage].bytes && !c->text_left));
}

static void compression_feed(void *state, const unsigned char *p, size_t n)
{
	struct compression *c = state;
	struct sl_cursor in = { p, p + n };

	while (more(c, &in)) {
		if (fields[c->stage].bytes)
			feed_number(c, &in);
		else
			feed_text(c, &in);
	}
	if (c->stage == DONE)
		c->extra += sl_cursor_left(&in);
}

static void find_end(const struct compression *c, struct sl_facts *f)
{
	if (c->stage == WRONG)
		sl_facts_found(f, c->bad.rule, "%s", c->bad.detail);
	else if (c->stage == OFFSETS)
		sl_facts_found(f, SL_RULE_COMPRESSION_INFO,
			       "ends after %llu of %llu chunks",
			       (unsigned long long)c->seen,
			       (unsigned long long)c->facts.count);
	else if (c->stage < OFFSETS)
		sl_facts_found(f, SL_RULE_COMPRESSION_INFO,
			       "ends within its first fields");
	else if (c->extra)
		sl_facts_found(f, SL_RULE_COMPRESSION_INFO,
			       "%llu bytes too many",
			       (unsigned long long)c->extra);
}

static int compression_facts(const void *state, struct sl_facts *f)
{
	const struct compression *c = state;
	struct sl_compression_facts *u = &f->u.compression;

	if (c->err)
		return c->err;
	*u = c->facts;
	u->last_offset = c->offset;
	u->table = NULL;
	find_end(c, f);
	if (u->encrypted)
		sl_facts_found(f, SL_RULE_ENCRYPTED, "%s", c->class);
	else if (c->stage > CLASS && !c->known && !f->found_count)
		sl_facts_found(f, SL_RULE_COMPRESSOR, "%s", c->class);
	if (c->stage == DONE && !c->extra)
		u->table = sl_chunk_table_ref(c->facts.table);
	else
		u->count = 0; /* nothing to hold data against */
	return 0;
}

const struct sl_parser sl_compression_parser = {
	.state = sizeof(struct compression),
	.begin = compression_begin,
	.feed = compression_feed,
	.facts = compression_facts,
	.end = compression_end,
};

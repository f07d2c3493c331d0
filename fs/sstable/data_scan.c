/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compressed chunks look like, and looking for it at the speed of
 * memory. Cassandra's compressors begin each chunk with
 *
 *	LZ4	u32 bytes it holds, little-endian
 *	Snappy	the same as a varint, 7 bits to a byte, low ones first
 *	Zstd	28 B5 2F FD, and bytes it holds in the frame's header
 *	Deflate	a zlib header: 78, and one of four bytes
 *	Noop	nothing: the data itself
 *
 * All chunks of a file but the last hold as many bytes, so they begin alike;
 * raw chunks (see data_find.c) begin with anything.
 */
#include <string.h>

#include "crc.h"
#include "sstable/bytes.h"
#include "sstable/data.h"

#define ZSTD_MAGIC "\x28\xb5\x2f\xfd"
/* A chunk length that Cassandra would take, and no accident. */
#define CHUNK_SURE 4096

static bool power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

static uint32_t le(const unsigned char *p, unsigned n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* RFC 8878, 3.1.1.1: one segment, no dictionary: a size follows. */
static bool zstd_holds(const unsigned char *h, uint32_t *ret)
{
	static const unsigned char bytes[] = { 1, 2, 4, 0 };
	static const uint32_t beyond[] = { 0, 256, 0, 0 };
	unsigned size = h[4] >> 6;

	if ((h[4] & 0x23) != 0x20 || !bytes[size])
		return false;
	*ret = le(h + 5, bytes[size]) + beyond[size];
	return true;
}

static bool guess_zstd(const unsigned char *h, struct sl_data_hint *r)
{
	uint32_t n = 0;

	if (memcmp(h, ZSTD_MAGIC, 4) != 0)
		return false;
	r->marker_len = 4;
	r->plain = zstd_holds(h, &n) && n <= SL_DATA_CHUNK_MAX ? n : 0;
	return true;
}

static bool guess_lz4(const unsigned char *h, struct sl_data_hint *r)
{
	uint32_t n = le(h, 4);

	if (!n || n > SL_DATA_CHUNK_MAX)
		return false;
	r->marker_len = 4;
	r->plain = n;
	return true;
}

static bool guess_deflate(const unsigned char *h, struct sl_data_hint *r)
{
	static const unsigned char levels[4] = { 0x01, 0x5e, 0x9c, 0xda };

	if (h[0] != 0x78 || !memchr(levels, h[1], sizeof(levels)))
		return false;
	r->marker_len = 2;
	r->plain = 0;
	return true;
}

static bool guess_snappy(const unsigned char *h, struct sl_data_hint *r)
{
	uint32_t n = 0;
	unsigned len = 0;

	do {
		n |= (uint32_t)(h[len] & 0x7f) << 7 * len;
	} while (h[len++] & 0x80 && len < 3);
	if (!n || n > SL_DATA_CHUNK_MAX || h[len - 1] & 0x80)
		return false;
	/* One byte alone would be found everywhere. */
	r->marker_len = len > 1 ? len : 0;
	r->plain = n;
	return true;
}

static bool (*const guesses[])(const unsigned char *h,
			       struct sl_data_hint *r) = {
	guess_zstd,
	guess_lz4,
	guess_deflate,
	guess_snappy,
};

bool sl_data_guess(const unsigned char *head, struct sl_data_hint *ret)
{
	memcpy(ret->marker, head, sizeof(ret->marker));
	for (size_t i = 0; i < SL_ARRAY_LEN(guesses); i++)
		if (guesses[i](head, ret))
			return true;
	return false;
}

enum sl_compressor sl_data_compressor(const unsigned char *head)
{
	struct sl_data_hint h;

	if (guess_zstd(head, &h))
		return SL_COMPRESSOR_ZSTD;
	if (guess_deflate(head, &h))
		return SL_COMPRESSOR_DEFLATE;
	if (guess_lz4(head, &h) || !guess_snappy(head, &h))
		return SL_COMPRESSOR_UNKNOWN;
	return h.plain >= CHUNK_SURE && power_of_two(h.plain) ?
		       SL_COMPRESSOR_SNAPPY : SL_COMPRESSOR_UNKNOWN;
}

static void add_word(struct sl_data_sum *s, const unsigned char *head,
		     uint64_t len)
{
	uint32_t word = le(head, 4);

	if (len == 9 && !word)
		return; /* the empty chunk */
	if (s->words == 1)
		s->common = s->word;
	else if (s->words && s->word != s->common)
		s->mixed = true;
	s->word = word;
	s->words++;
}

void sl_data_sum_add(struct sl_data_sum *s, const unsigned char *head,
		     uint64_t len)
{
	unsigned char first[SL_DATA_HEAD] = { 0 };
	uint64_t payload = len - 4;

	memcpy(first, head,
	       payload < SL_DATA_HEAD ? (size_t)payload : SL_DATA_HEAD);
	if (s->count)
		s->hash = sl_list_hash(s->hash, s->next - s->offset);
	else
		s->compressor = sl_data_compressor(first);
	if (payload > 4)
		add_word(s, first, len);
	else if (payload)
		s->mixed = true;
	if (!s->count)
		s->hash = SL_LIST_HASH;
	s->count++;
	s->offset = s->next;
	s->next += len;
}

void sl_data_sum_facts(const struct sl_data_sum *s, struct sl_data_facts *f)
{
	bool alike = s->words > 1 && !s->mixed;

	f->count = s->count;
	f->hashed = s->count ? s->count - 1 : 0;
	f->hash = s->count ? s->hash : SL_LIST_HASH;
	f->last_offset = s->offset;
	f->compressor = s->compressor;
	if (alike && s->common >= CHUNK_SURE && power_of_two(s->common))
		f->compressor = SL_COMPRESSOR_LZ4;
	f->plain_chunk = alike ? s->common : 0;
	/* A last one that says more than the others is raw, or not LZ4. */
	f->plain_last = s->mixed || (alike && s->word > s->common) ? 0 :
								      s->word;
}

static bool begins_lz4(const unsigned char *h, uint64_t n, uint64_t holds)
{
	return n >= 4 && le(h, 4) == holds;
}

static bool begins_snappy(const unsigned char *h, uint64_t n, uint64_t holds)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n && i < 5; i++) {
		v |= (uint64_t)(h[i] & 0x7f) << 7 * i;
		if (!(h[i] & 0x80))
			return v == holds;
	}
	return false;
}

/* A compacted table ends in a chunk without even a header. */
static bool begins_deflate(const unsigned char *h, uint64_t n, uint64_t holds)
{
	if (n < 2)
		return !n && !holds;
	return (h[0] & 0xf) == 8 && (h[0] << 8 | h[1]) % 31 == 0;
}

static bool begins_zstd(const unsigned char *h, uint64_t n, uint64_t holds)
{
	uint32_t said;

	/* Magic, flags, a size or a window, a block's header. */
	if (n < 9 || memcmp(h, ZSTD_MAGIC, 4) != 0)
		return false;
	return !zstd_holds(h, &said) || said == holds;
}

static bool begins_noop(const unsigned char *h, uint64_t n, uint64_t holds)
{
	(void)h; /* the data itself */
	return n == holds;
}

bool sl_data_begins(enum sl_compressor c, const unsigned char *head,
		    uint64_t n, uint64_t holds)
{
	static bool (*const begins[])(const unsigned char *h, uint64_t n,
				      uint64_t holds) = {
		[SL_COMPRESSOR_LZ4] = begins_lz4,
		[SL_COMPRESSOR_SNAPPY] = begins_snappy,
		[SL_COMPRESSOR_DEFLATE] = begins_deflate,
		[SL_COMPRESSOR_ZSTD] = begins_zstd,
		[SL_COMPRESSOR_NOOP] = begins_noop,
	};

	return c >= SL_ARRAY_LEN(begins) || !begins[c] ||
	       begins[c](head, n, holds);
}

/*
 * Two of the marker's bytes, the least common ones as a rule, are compared
 * 64 places at a time; the compiler makes vector instructions of it.
 */
typedef unsigned char block16 __attribute__((vector_size(16), aligned(1)));
typedef uint64_t pair64 __attribute__((vector_size(16)));

static bool near64(const unsigned char *a, const unsigned char *b,
		   unsigned char x, unsigned char y)
{
	block16 any = { 0 };
	pair64 r;

	__builtin_prefetch(a + 1024);
	for (unsigned i = 0; i < 64; i += 16) {
		block16 p = *(const block16 *)(const void *)(a + i);
		block16 q = *(const block16 *)(const void *)(b + i);

		any |= (block16)((p == x) & (q == y));
	}
	r = (pair64)any;
	return (r[0] | r[1]) != 0;
}

size_t sl_data_marker(const unsigned char *p, size_t from, size_t n,
		      const struct sl_data_hint *h)
{
	size_t len = h->marker_len, one = len > 2 ? 1 : 0, at = from;
	unsigned char x = h->marker[one], y = h->marker[one + 1];

	if (!len || n < len || from > n - len)
		return n;
	while (at <= n - len) {
		size_t end = n - len + 1;

		if (at + 64 + len <= n) {
			end = at + 64;
			if (!near64(p + at + one, p + at + one + 1, x, y)) {
				at = end;
				continue;
			}
		}
		for (; at < end; at++)
			if (p[at + one] == x && !memcmp(p + at, h->marker, len))
				return at;
	}
	return n;
}

static void make_table(uint32_t *t)
{
	for (uint32_t i = 0; i < 256; i++) {
		t[i] = i;
		for (int bit = 0; bit < 8; bit++)
			t[i] = t[i] >> 1 ^ (t[i] & 1 ? 0xedb88320 : 0);
	}
}

size_t sl_data_every(const unsigned char *p, size_t n)
{
	uint32_t table[256], crc = 0xffffffff;

	make_table(table);
	for (size_t i = 0; i + 5 <= n; i++) {
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 0xff];
		if (~crc == (uint32_t)sl_be(p + i + 1, 4))
			return i + 5;
	}
	return 0;
}

bool sl_data_whole(const unsigned char *p, size_t n)
{
	return n >= 4 &&
	       sl_crc32(0, p, n - 4) == (uint32_t)sl_be(p + n - 4, 4);
}

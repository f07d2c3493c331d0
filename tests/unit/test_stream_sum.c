/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CRC32 that a stream answers with is that of the bytes it was given,
 * whichever way a Data.db was judged: made-up files of each compressor, raw
 * chunks and broken ones, cut anywhere, after a restart, with and without the
 * sums of pieces in between being asked for.
 */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "crc.h"
#include "sstable/chunk_table.h"
#include "sstable/stream.h"
#include "tests/lib/sstables.h"

#define SIZE ((size_t)300000)
/* So much shows that nothing is compressed. */
#define PLAIN ((size_t)1500000)

/* How a file is made. */
static const struct kind {
	const char *what;
	size_t plain;	   /* bytes a chunk holds; 0: not compressed */
	const char *first; /* bytes of a chunk; NULL: random */
	size_t first_len;
	unsigned raw;	   /* each so many chunks are stored raw; 0: none */
	size_t broken;	   /* this byte is flipped; 0: none */
	enum sl_data_mode mode;
} kinds[] = {
	{ "LZ4", 16384, "\0\x40\0\0", 4, 0, 0, SL_DATA_CHUNKED },
	{ "LZ4, small", 4096, "\0\x10\0\0", 4, 0, 0, SL_DATA_CHUNKED },
	{ "LZ4, some raw", 16384, "\0\x40\0\0", 4, 3, 0, SL_DATA_CHUNKED },
	{ "Zstd", 16384, "\x28\xb5\x2f\xfd\x60\0\x3f", 7, 0, 0,
	  SL_DATA_CHUNKED },
	{ "Snappy", 16384, "\x80\x80\x01", 3, 0, 0, SL_DATA_CHUNKED },
	{ "Deflate", 16384, "\x78\x9c", 2, 0, 0, SL_DATA_CHUNKED },
	{ "Noop", 16384, NULL, 0, 1, 0, SL_DATA_CHUNKED },
	{ "plain", 0, NULL, 0, 0, 0, SL_DATA_PLAIN },
	{ "broken at first", 16384, "\0\x40\0\0", 4, 0, 77,
	  SL_DATA_PLAIN },
	{ "broken later", 16384, "\0\x40\0\0", 4, 0, 200000,
	  SL_DATA_UNSETTLED },
};

static unsigned char data[PLAIN];

static uint32_t next(uint32_t *x)
{
	*x = *x * 1103515245 + 12345;
	return *x >> 8;
}

static size_t chunk_length(const struct kind *k, size_t index, uint32_t *x)
{
	if (k->raw && index % k->raw == k->raw - 1)
		return k->plain;
	return k->plain / 4 + next(x) % (k->plain / 2);
}

static void put_crc(unsigned char *p, size_t n)
{
	uint32_t crc = sl_crc32(0, p, n);

	for (unsigned i = 0; i < 4; i++)
		p[n + i] = (unsigned char)(crc >> (24 - 8 * i));
}

static size_t make_words(struct sl_prior *prior)
{
	struct sl_word_hash h = { .count = 0 };

	for (size_t at = 0; at < PLAIN; at += 65536) {
		uint32_t w = sl_crc32(0, data + at,
				      PLAIN - at < 65536 ? PLAIN - at : 65536);

		sl_word_hash_add(&h, w);
		assert_int_equal(sl_crc_words_add(&prior->crc.words, w), 0);
	}
	prior->crc.block = 65536;
	prior->crc.count = h.count;
	prior->crc.hashed = h.hashed;
	prior->crc.hash = sl_word_hash_value(&h);
	prior->has_crc = true;
	return PLAIN;
}

/* How many bytes; 'prior' learns where chunks or blocks end. */
static size_t make(const struct kind *k, struct sl_prior *prior)
{
	struct sl_compression_facts *c = &prior->compression;
	uint32_t x = 4711;
	size_t at = 0, last = 0, n;

	for (size_t i = 0; i < PLAIN; i++)
		data[i] = (unsigned char)next(&x);
	if (!k->plain)
		return make_words(prior);
	*c = (struct sl_compression_facts){
		.hash = SL_LIST_HASH, .compressor = SL_COMPRESSOR_UNKNOWN,
		.max_compressed = INT32_MAX,
		.chunk_length = (uint32_t)k->plain,
	};
	prior->has_compression = true;
	for (; at + 2 * k->plain < SIZE; at += n + 4) {
		n = chunk_length(k, c->count, &x);
		if (n < k->plain && k->first)
			memcpy(data + at, k->first, k->first_len);
		put_crc(data + at, n);
		if (c->count++)
			assert_int_equal(sl_chunk_table_add(&c->table, last),
					 0);
		last = n + 4;
	}
	c->data_length = c->count * k->plain;
	data[k->broken] ^= k->broken != 0;
	return at;
}

/* Pieces of up to 'most' bytes; each 'skip'th one's sum is not asked for. */
static void feed(struct sl_stream *s, size_t n, size_t most, unsigned skip)
{
	uint32_t x = (uint32_t)most;
	unsigned count = 1;

	for (size_t at = 0, step; at < n; at += step, count++) {
		step = 1 + next(&x) % most;
		step = step < n - at ? step : n - at;
		if (skip && count % skip == 0)
			sl_stream_feed(s, data + at, step);
		else
			assert_int_equal(sl_stream_feed_summed(s, data + at,
							       step),
					 sl_crc32(0, data + at, step));
	}
}

static void check(const struct kind *k, const struct sl_prior *prior, size_t n)
{
	static const size_t pieces[] = { 7, 1000, 40000, SIZE };
	struct sl_name name = sl_test_name("nb-1-big-Data.db");

	for (size_t i = 0; i < 3 * SL_ARRAY_LEN(pieces); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		SL_CLEANUP(stream) struct sl_stream *s = NULL;
		unsigned skip = i % 3 ? 4 * (unsigned)(i % 3) : 0;

		assert_int_equal(sl_stream_new(&name, prior, &s), 0);
		feed(s, n / 3, pieces[i / 3], skip);
		sl_stream_restart(s);
		feed(s, n, pieces[i / 3], skip);
		assert_int_equal(sl_stream_facts(s, &f), 0);
		assert_true(f.size == n);
		if (!prior && f.u.data.mode != k->mode)
			fail_msg("%s: mode %d", k->what, f.u.data.mode);
		assert_int_equal(f.u.data.checked, prior != NULL);
		if (prior && !k->broken)
			assert_int_equal(f.found_count, 0);
	}
}

static void test_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++) {
		struct sl_prior prior = { .has_crc = false };
		size_t n = make(&kinds[i], &prior);

		check(&kinds[i], NULL, n);
		check(&kinds[i], &prior, n);
		sl_chunk_table_unref(prior.compression.table);
		sl_crc_words_unref(prior.crc.words);
	}
}

/* Parsers that sum nothing, and none at all. */
static void test_others(void **state)
{
	static const char *const names[] = {
		"nb-1-big-Filter.db", "nb-1-big-Digest.crc32",
		"nb-1-big-TOC.txt", "nb-1-big-Other.db", "whatever",
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
		SL_CLEANUP(stream) struct sl_stream *s = NULL;
		struct sl_name name = sl_test_name(names[i]);

		assert_int_equal(sl_stream_new(&name, NULL, &s), 0);
		feed(s, SIZE, 40000, 0);
		assert_int_equal(sl_stream_feed_summed(s, data, 0), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_others),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

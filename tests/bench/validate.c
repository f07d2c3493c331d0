/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate [MIB [FILE...]]: what judging the bytes of a Data.db costs, their
 * CRC32 for the store included, for each of its ways, in GB per second of
 * processor time; the best of three.
 * Data is made up: chunks with the first bytes of their compressor, random
 * payloads (so that nothing is found early by luck) and right CRCs. A FILE is
 * a real Data.db, fed as if nothing were known of it. The first line is one
 * CRC32 over the same bytes: what it costs not to judge.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crc.h"
#include "sstable/chunk_table.h"
#include "sstable/stream.h"

#define SEGMENT ((size_t)64 << 20)
#define ROUNDS 3

struct kind {
	const char *what;
	size_t plain;	       /* bytes a chunk holds; 0: not compressed */
	size_t least, spread;  /* of its payload */
	const char *first;     /* bytes; NULL: random */
	size_t first_len;
	enum { LOOK, TABLE, WORDS } way;
	size_t piece;
};

static const struct kind kinds[] = {
	{ "table, LZ4 16 KiB", 16384, 4000, 12000, "\0\x40\0\0", 4, TABLE,
	  1 << 20 },
	{ "table, LZ4 16 KiB, pieces of 128 KiB", 16384, 4000, 12000,
	  "\0\x40\0\0", 4, TABLE, 128 << 10 },
	{ "table, LZ4 64 KiB", 65536, 20000, 40000, "\0\0\1\0", 4, TABLE,
	  1 << 20 },
	{ "CRC.db", 0, 0, 0, NULL, 0, WORDS, 1 << 20 },
	{ "found, LZ4 4 KiB", 4096, 1500, 2500, "\0\x10\0\0", 4, LOOK,
	  1 << 20 },
	{ "found, LZ4 16 KiB", 16384, 4000, 12000, "\0\x40\0\0", 4, LOOK,
	  1 << 20 },
	{ "found, LZ4 16 KiB, pieces of 128 KiB", 16384, 4000, 12000,
	  "\0\x40\0\0", 4, LOOK, 128 << 10 },
	{ "found, LZ4 64 KiB", 65536, 20000, 40000, "\0\0\1\0", 4, LOOK,
	  1 << 20 },
	{ "found, Zstd 16 KiB", 16384, 4000, 12000,
	  "\x28\xb5\x2f\xfd\x60\0\x3f", 7, LOOK, 1 << 20 },
	{ "found, Snappy 16 KiB", 16384, 4000, 12000, "\x80\x80\x01", 3, LOOK,
	  1 << 20 },
	{ "found, Deflate 16 KiB", 16384, 4000, 12000, "\x78\x9c", 2, LOOK,
	  1 << 20 },
	{ "found, Noop 16 KiB", 16384, 16384, 0, NULL, 0, LOOK, 1 << 20 },
	{ "found, plain", 0, 0, 0, NULL, 0, LOOK, 1 << 20 },
};

static void fill(unsigned char *p, size_t n)
{
	uint64_t x = 88172645463325252ull;

	for (size_t i = 0; i + 8 <= n; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + i, &x, 8);
	}
}

static void put_crc(unsigned char *p, size_t n)
{
	uint32_t crc = sl_crc32(0, p, n);

	for (unsigned i = 0; i < 4; i++)
		p[n + i] = (unsigned char)(crc >> (24 - 8 * i));
}

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* One more chunk of n bytes at 'at'; the table learns of the one before. */
static void make_chunk(const struct kind *k, unsigned char *p, size_t n,
		       struct sl_compression_facts *c)
{
	if (p && k->first)
		memcpy(p, k->first, k->first_len);
	if (p)
		put_crc(p, n);
	if (c->count++)
		must(!sl_chunk_table_add(&c->table, c->data_length));
	c->data_length = n + 4;
}

/* Cuts p into chunks; their lengths, and how many bytes they are. */
static size_t make_chunks(const struct kind *k, unsigned char *p,
			  struct sl_prior *prior, size_t times)
{
	size_t at = 0;
	struct sl_compression_facts *c = &prior->compression;

	c->hash = SL_LIST_HASH;
	c->compressor = SL_COMPRESSOR_LZ4;
	c->max_compressed = INT32_MAX;
	c->chunk_length = (uint32_t)k->plain;
	for (size_t r = 0; r < times; r++) {
		for (at = 0; at + 2 * k->plain < SEGMENT;) {
			size_t n = k->least + (k->spread ? at * 2654435761u /
						7 % k->spread : 0);

			make_chunk(k, r ? NULL : p + at, n, c);
			at += n + 4;
		}
	}
	c->data_length = c->count * k->plain;
	prior->has_compression = k->way == TABLE;
	return at;
}

static void make_words(const unsigned char *p, struct sl_prior *prior,
		       size_t times)
{
	struct sl_word_hash h = { .count = 0 };

	for (size_t at = 0; at < times * SEGMENT; at += 65536) {
		uint32_t w = sl_crc32(0, p + at % SEGMENT, 65536);

		sl_word_hash_add(&h, w);
		must(!sl_crc_words_add(&prior->crc.words, w));
	}
	prior->crc.block = 65536;
	prior->crc.count = h.count;
	prior->crc.hashed = h.hashed;
	prior->crc.hash = sl_word_hash_value(&h);
	prior->has_crc = true;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double pass(const struct sl_prior *prior, const unsigned char *p,
		   size_t n, size_t times, size_t piece)
{
	struct sl_name name = { .component = SL_COMP_DATA, .sstable = true,
				.version = "nb" };
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	SL_CLEANUP(stream) struct sl_stream *s = NULL;
	uint32_t sums = 0;
	double from;

	must(!sl_stream_new(&name, prior, &s));
	from = seconds();
	for (size_t r = 0; r < times; r++) {
		for (size_t at = 0; at < n; at += piece)
			sums ^= sl_stream_feed_summed(
				s, p + at, piece < n - at ? piece : n - at);
	}
	must(!sl_stream_facts(s, &f));
	from = seconds() - from;
	must(sums || n > 0); /* so that they are used */
	must(f.u.data.mode != SL_DATA_UNSETTLED && !f.found_count);
	return from;
}

static void print(const char *what, double best, size_t bytes)
{
	printf("%-40s %6.2f GB/s %7.3f s/GiB\n", what,
	       (double)bytes / best / 1e9,
	       best * (double)(1 << 30) / (double)bytes);
}

static void measure(const struct kind *k, unsigned char *p, size_t times)
{
	struct sl_prior prior = { .has_compression = false };
	size_t n = SEGMENT;
	double best = 1e9;

	fill(p, SEGMENT);
	if (k->plain)
		n = make_chunks(k, p, &prior, times);
	else if (k->way == WORDS)
		make_words(p, &prior, times);
	for (int i = 0; i < ROUNDS; i++) {
		double t = pass(k->way == LOOK ? NULL : &prior, p, n, times,
				k->piece);

		best = t < best ? t : best;
	}
	print(k->what, best, n * times);
	sl_chunk_table_unref(prior.compression.table);
	sl_crc_words_unref(prior.crc.words);
}

static void measure_crc(const unsigned char *p, size_t times)
{
	double best = 1e9;
	uint32_t crc = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double t = seconds();

		for (size_t r = 0; r < times; r++)
			crc = sl_crc32(crc, p, SEGMENT);
		t = seconds() - t;
		best = t < best ? t : best;
	}
	print("one CRC32", crc == 1 ? 1e9 : best, SEGMENT * times);
}

static int measure_file(const char *path)
{
	SL_CLEANUP(file) FILE *f = fopen(path, "rb");
	SL_CLEANUP(free) unsigned char *p = malloc(SEGMENT);
	double best = 1e9;
	size_t n;

	if (!f || !p) {
		perror(path);
		return 1;
	}
	n = fread(p, 1, SEGMENT, f);
	for (int i = 0; i < ROUNDS && n; i++) {
		double t = pass(NULL, p, n, 1, 1 << 20);

		best = t < best ? t : best;
	}
	if (n)
		print(path, best, n);
	return n ? 0 : 1;
}

int main(int argc, char **argv)
{
	size_t mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 1024;
	size_t times = mib / (SEGMENT >> 20) ? mib / (SEGMENT >> 20) : 1;
	SL_CLEANUP(free) unsigned char *p = calloc(1, SEGMENT + 65536);
	int r = 0;

	must(p);
	fill(p, SEGMENT);
	measure_crc(p, times);
	for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++)
		measure(&kinds[i], p, times);
	for (int i = 2; i < argc; i++)
		r |= measure_file(argv[i]);
	return r;
}

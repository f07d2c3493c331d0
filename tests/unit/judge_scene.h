/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenes for the judge: a healthy SSTable by hand-made facts, to be put file
 * by file and changed, and what is then said, as lines.
 */
#ifndef SL_JUDGE_SCENE_H
#define SL_JUDGE_SCENE_H

#include "judge_rig.h"

#include "cleanup.h"

#define ID1 "a0623710e6e011f1bf840d06878e994f"
#define ID2 "b0623710e6e011f1bf840d06878e994f"
#define T "n1/ks/t-" ID1 "/snapshots/tag/"
#define S T "nb-1-big-"
#define CHUNKED_HASH 77
#define LAST 5000

static struct sl_judge *j;
static struct lines said, all;

static inline int setup(void **state)
{
	(void)state;
	said.details = all.details = true;
	return sl_judge_new(NULL, &j);
}

static inline int teardown(void **state)
{
	(void)state;
	sl_judge_free(j);
	lines_free(&said);
	lines_free(&all);
	return 0;
}

/* --- healthy facts */

static inline void chunk_facts(struct sl_facts *f)
{
	f->size = 6000;
	f->crc32 = 1234;
	f->u.data.mode = SL_DATA_CHUNKED;
	f->u.data.count = 2;
	f->u.data.hash = CHUNKED_HASH;
	f->u.data.last_offset = LAST;
}

static inline void statistics_facts(struct sl_facts *f)
{
	f->u.statistics.partitioner_murmur3 = true;
	f->u.statistics.fp_chance = 0.01;
	f->u.statistics.partitions = 10;
	f->u.statistics.flushed = true;
	f->u.statistics.compression_ratio = 0.5;
}

static inline void file_facts(const char *path, struct sl_facts *f)
{
	const char *name = strrchr(path, '/') + 1;

	memset(f, 0, sizeof(*f));
	sl_name_parse(name, strlen(name), &f->name);
	f->size = 1000;
	f->has_crc32 = true;
	f->crc32 = (uint32_t)f->name.component;
	if (f->name.component == SL_COMP_DATA) {
		chunk_facts(f);
	} else if (f->name.component == SL_COMP_COMPRESSION_INFO) {
		f->u.compression.compressor = SL_COMPRESSOR_LZ4;
		f->u.compression.chunk_length = 16384;
		f->u.compression.max_compressed = 2147483647;
		f->u.compression.data_length = 20000;
		f->u.compression.count = 2;
		f->u.compression.hash = CHUNKED_HASH;
		f->u.compression.last_offset = LAST;
	} else if (f->name.component == SL_COMP_STATISTICS) {
		statistics_facts(f);
	} else if (f->name.component == SL_COMP_DIGEST) {
		f->u.digest = 1234;
	} else if (f->name.component == SL_COMP_INDEX ||
		   f->name.component == SL_COMP_PARTITIONS) {
		f->u.index = (struct sl_index_facts){ .count = 10,
						      .first_key = 1,
						      .last_key = 2,
						      .last_position = 19000 };
	} else if (f->name.component == SL_COMP_SUMMARY) {
		f->u.summary.count = 1;
		f->u.summary.first_key = 1;
		f->u.summary.last_key = 2;
	} else if (f->name.component == SL_COMP_FILTER) {
		f->u.filter.hashes = 7;
		f->u.filter.words = 2;
		f->u.filter.ones = 54;
	} else if (f->name.component == SL_COMP_TOC) {
		f->u.toc.listed = 0x7ff & ~(1u << SL_COMP_CRC);
	}
}

static inline int put_facts(const char *path, const struct sl_facts *f)
{
	return sl_judge_put(j, path, f, lines_found, &said);
}

static inline void put(const char *path)
{
	struct sl_facts f;

	file_facts(path, &f);
	assert_int_equal(put_facts(path, &f), 0);
}

static const char *const big[] = {
	"Data.db", "Index.db", "Summary.db", "Filter.db", "CompressionInfo.db",
	"Statistics.db", "Digest.crc32", "TOC.txt",
};

static inline void put_sstable(const char *prefix)
{
	char path[1024];

	for (size_t i = 0; i < SL_ARRAY_LEN(big); i++) {
		snprintf(path, sizeof(path), "%s%s", prefix, big[i]);
		put(path);
	}
}

static inline struct lines *ask(void)
{
	lines_clear(&all);
	assert_int_equal(sl_judge_all(j, NULL, lines_found, &all), 0);
	return &all;
}

/* The one line of a question. */
static inline void only(struct lines *l, const char *text)
{
	if (l->n != 1 || !strstr(l->line[0], text)) {
		lines_print(l, "have");
		fail_msg("wanted '%s'", text);
	}
	lines_clear(l);
}

/* The facts of a file, to be changed and put again. */
static inline struct sl_facts changed(const char *path)
{
	struct sl_facts f;

	file_facts(path, &f);
	sl_judge_drop(j, path);
	return f;
}

static inline void plain_facts(struct sl_facts *data, struct sl_facts *crc)
{
	file_facts(S "Data.db", data);
	data->size = 100000;
	data->u.data = (struct sl_data_facts){ .mode = SL_DATA_PLAIN,
					       .block = 65536, .count = 2,
					       .hashed = 2, .hash = 3 };
	file_facts(S "CRC.db", crc);
	crc->u.crc = (struct sl_crc_facts){ .block = 65536, .count = 3,
					    .hashed = 2, .hash = 3 };
}

#endif

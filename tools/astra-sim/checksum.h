/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The additional checksums of S3 ("flexible checksums"), computed over
 * streams. Own tables for CRC32C and CRC64NVME, zlib for CRC32.
 */
#ifndef SIM_CHECKSUM_H
#define SIM_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_algo {
	SIM_SUM_NONE,
	SIM_SUM_CRC32,
	SIM_SUM_CRC32C,
	SIM_SUM_CRC64NVME,
	SIM_SUM_SHA1,
	SIM_SUM_SHA256,
	SIM_SUM_COUNT
};

struct sim_algo_info {
	const char *name;   /* CRC32 */
	const char *lower;  /* crc32: x-amz-checksum-crc32 */
	const char *xml;    /* ChecksumCRC32 */
	size_t bytes;
	bool full_object;   /* a multipart object may have it as a whole */
	bool composite;
};
extern const struct sim_algo_info sim_algos[SIM_SUM_COUNT];

/* SIM_SUM_NONE when there is no such algorithm. */
enum sim_algo sim_algo_find(const char *name);

struct evp_md_ctx_st;
struct sim_sum {
	enum sim_algo algo;
	uint64_t crc;
	struct evp_md_ctx_st *md;
};
void sim_sum_init(struct sim_sum *s, enum sim_algo algo);
void sim_sum_add(struct sim_sum *s, const void *data, size_t n);
/* base64 of the big-endian value, a new string; ends the sum. */
char *sim_sum_end(struct sim_sum *s);
void sim_sum_free(struct sim_sum *s);
/* Is it a value that this algorithm can have? */
bool sim_sum_valid(enum sim_algo algo, const char *b64);

#endif

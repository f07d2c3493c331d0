/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRCs are kept in the reflected form all three of them share; the tables
 * are made once, by the first user.
 */
#include "checksum.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "util.h"

const struct sim_algo_info sim_algos[SIM_SUM_COUNT] = {
	[SIM_SUM_NONE] = { "", "", "", 0, false, false },
	[SIM_SUM_CRC32] = { "CRC32", "crc32", "ChecksumCRC32", 4, true, true },
	[SIM_SUM_CRC32C] = { "CRC32C", "crc32c", "ChecksumCRC32C", 4, true,
			     true },
	[SIM_SUM_CRC64NVME] = { "CRC64NVME", "crc64nvme", "ChecksumCRC64NVME",
				8, true, false },
	[SIM_SUM_SHA1] = { "SHA1", "sha1", "ChecksumSHA1", 20, false, true },
	[SIM_SUM_SHA256] = { "SHA256", "sha256", "ChecksumSHA256", 32, false,
			     true },
};

static uint64_t table32c[256];
static uint64_t table64[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t entry(uint64_t i, uint64_t poly)
{
	for (int k = 0; k < 8; k++)
		i = i & 1 ? i >> 1 ^ poly : i >> 1;
	return i;
}

static void make_tables(void)
{
	for (unsigned i = 0; i < 256; i++) {
		table32c[i] = entry(i, UINT64_C(0x82f63b78));
		table64[0][i] = entry(i, UINT64_C(0x9a6c9329ac4bc9b5));
	}
	for (unsigned i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			table64[k][i] = table64[k - 1][i] >> 8 ^
					table64[0][table64[k - 1][i] & 255];
}

static uint64_t run(const uint64_t table[256], uint64_t crc,
		    const unsigned char *p, size_t n)
{
	while (n--)
		crc = table[(crc ^ *p++) & 255] ^ crc >> 8;
	return crc;
}

/* Eight bytes a step: aws sends nothing else by default on big files. */
static uint64_t run64(uint64_t crc, const unsigned char *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t x = 0;

		for (int k = 7; k >= 0; k--)
			x = x << 8 | p[k];
		x ^= crc;
		crc = 0;
		for (int k = 0; k < 8; k++, x >>= 8)
			crc ^= table64[7 - k][x & 255];
	}
	return run(table64[0], crc, p, n);
}

enum sim_algo sim_algo_find(const char *name)
{
	for (int a = SIM_SUM_NONE + 1; a < SIM_SUM_COUNT; a++)
		if (!strcasecmp(sim_algos[a].name, name))
			return (enum sim_algo)a;
	return SIM_SUM_NONE;
}

static const EVP_MD *digest(enum sim_algo a)
{
	if (a == SIM_SUM_SHA1)
		return EVP_sha1();
	return a == SIM_SUM_SHA256 ? EVP_sha256() : NULL;
}

static void must(int ok)
{
	if (ok != 1) {
		fputs("astra-sim: libcrypto failed\n", stderr);
		abort();
	}
}

void sim_sum_init(struct sim_sum *s, enum sim_algo algo)
{
	pthread_once(&once, make_tables);
	*s = (struct sim_sum){ .algo = algo };
	if (algo == SIM_SUM_CRC32C)
		s->crc = UINT32_MAX;
	if (algo == SIM_SUM_CRC64NVME)
		s->crc = UINT64_MAX;
	if (!digest(algo))
		return;
	s->md = EVP_MD_CTX_new();
	must(s->md && EVP_DigestInit_ex(s->md, digest(algo), NULL));
}

void sim_sum_add(struct sim_sum *s, const void *data, size_t n)
{
	if (s->md)
		must(EVP_DigestUpdate(s->md, data, n));
	else if (s->algo == SIM_SUM_CRC32)
		s->crc = crc32_z(s->crc, data, n);
	else if (s->algo == SIM_SUM_CRC32C)
		s->crc = run(table32c, s->crc, data, n);
	else if (s->algo == SIM_SUM_CRC64NVME)
		s->crc = run64(s->crc, data, n);
}

char *sim_sum_end(struct sim_sum *s)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	size_t n = sim_algos[s->algo].bytes;
	uint64_t v = s->crc;

	if (s->md)
		must(EVP_DigestFinal_ex(s->md, out, NULL));
	if (s->algo == SIM_SUM_CRC32C || s->algo == SIM_SUM_CRC64NVME)
		v = ~v;
	for (size_t i = n; !s->md && i-- > 0; v >>= 8)
		out[i] = (unsigned char)v;
	sim_sum_free(s);
	return sim_b64(out, n);
}

void sim_sum_free(struct sim_sum *s)
{
	EVP_MD_CTX_free(s->md);
	s->md = NULL;
}

bool sim_sum_valid(enum sim_algo algo, const char *b64)
{
	unsigned char raw[64];

	return sim_unb64(b64, raw, sizeof(raw)) == (int)sim_algos[algo].bytes;
}

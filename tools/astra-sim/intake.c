/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies as they come in: written, counted and hashed, nothing more. What a
 * client announced of them is checked by the dialect, which knows how.
 */
#include "intake.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_MAX (8u << 20)

int sim_intake_begin(struct sim *s, struct sim_intake *k, bool file,
		     enum sim_algo algo)
{
	*k = (struct sim_intake){ .fd = -1, .algo = algo };
	sim_sum_init(&k->sum, algo);
	k->md5_ctx = EVP_MD_CTX_new();
	if (!k->md5_ctx || EVP_DigestInit_ex(k->md5_ctx, EVP_md5(), NULL) != 1)
		abort();
	if (file)
		k->fd = sim_store_tmp(s, &k->tmp);
	return file && k->fd < 0 ? k->fd : 0;
}

int sim_intake_add(struct sim_intake *k, const void *p, size_t n)
{
	if (EVP_DigestUpdate(k->md5_ctx, p, n) != 1)
		abort();
	sim_sum_add(&k->sum, p, n);
	k->size += n;
	if (k->fd >= 0)
		return sim_write_all(k->fd, p, n);
	if (k->memory.n + n > MEMORY_MAX)
		return -EFBIG;
	sim_buf_add(&k->memory, p, n);
	return 0;
}

void sim_intake_end(struct sim_intake *k)
{
	if (EVP_DigestFinal_ex(k->md5_ctx, k->md5_raw, NULL) != 1)
		abort();
	sim_hex(k->md5_raw, sizeof(k->md5_raw), k->md5);
	if (k->algo)
		k->sum_b64 = sim_sum_end(&k->sum);
}

void sim_intake_meta(const struct sim_intake *k, struct sim_meta *m)
{
	snprintf(m->etag, sizeof(m->etag), "%s", k->md5);
	m->algo = k->algo;
	snprintf(m->sum, sizeof(m->sum), "%s", k->sum_b64 ? k->sum_b64 : "");
}

void sim_intake_free(struct sim_intake *k)
{
	if (!k->md5_ctx)
		return; /* never begun */
	if (k->fd >= 0 && close(k->fd) < 0)
		perror("astra-sim: close");
	if (k->tmp && unlink(k->tmp) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
	EVP_MD_CTX_free(k->md5_ctx);
	sim_sum_free(&k->sum);
	sim_buf_free(&k->memory);
	free(k->sum_b64);
	free(k->tmp);
	memset(k, 0, sizeof(*k));
}

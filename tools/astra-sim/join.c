/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an upload become one file, hashed again on the way: what is
 * kept of an object is never put together from what its parts claimed.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uploads.h"

int sim_join_begin(struct sim *s, struct sim_join *j, enum sim_algo algo)
{
	*j = (struct sim_join){ .algo = algo };
	sim_sum_init(&j->sum, algo);
	j->etag = EVP_MD_CTX_new();
	if (!j->etag || EVP_DigestInit_ex(j->etag, EVP_md5(), NULL) != 1)
		abort();
	j->fd = sim_store_tmp(s, &j->tmp);
	return j->fd < 0 ? j->fd : 0;
}

int sim_join_add(struct sim_join *j, const char *dir, const struct sim_part *p)
{
	SIM_AUTOFREE char *path = sim_part_path(dir, p);
	SIM_AUTOFREE char *chunk = sim_alloc(1 << 18);
	SIM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char raw[16];
	uint64_t size = 0;
	ssize_t n;
	int rc;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, 1 << 18)) > 0) {
		sim_sum_add(&j->sum, chunk, (size_t)n);
		size += (uint64_t)n;
		rc = sim_write_all(j->fd, chunk, (size_t)n);
		if (rc)
			return rc;
	}
	if (n < 0)
		return -errno;
	if (sim_unhex(p->etag, sizeof(raw), raw) &&
	    EVP_DigestUpdate(j->etag, raw, sizeof(raw)) != 1)
		abort();
	j->n++;
	return size == p->size ? 0 : -EIO;
}

void sim_join_end(struct sim_join *j, struct sim_meta *m)
{
	SIM_AUTOFREE char *text = sim_sum_end(&j->sum);
	unsigned char raw[EVP_MAX_MD_SIZE];
	char hex[33];

	if (EVP_DigestFinal_ex(j->etag, raw, NULL) != 1)
		abort();
	sim_hex(raw, 16, hex);
	snprintf(m->etag, sizeof(m->etag), "%s-%zu", hex, j->n);
	snprintf(m->sum, sizeof(m->sum), "%s", text);
	m->algo = j->algo;
	sim_join_free(j);
}

void sim_join_free(struct sim_join *j)
{
	if (j->fd >= 0 && close(j->fd) < 0)
		perror("astra-sim: close");
	j->fd = -1;
	EVP_MD_CTX_free(j->etag);
	j->etag = NULL;
	sim_sum_free(&j->sum);
	free(j->tmp);
	j->tmp = NULL;
}

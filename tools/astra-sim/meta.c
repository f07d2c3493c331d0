/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sidecar is a text file of "name: value" lines; after an empty line come
 * the object's own headers (content-type, x-amz-meta-*) as the client gave
 * them. It belongs to one version of the data file: size, mtime and inode
 * are in it. When they differ, somebody changed the file by hand, and the
 * object is what is there: the ETag is its MD5, the checksum the one that the
 * dialect keeps (CRC32 for S3, where any will do), the generation a new one.
 */
#include "meta.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cloud.h"

char *sim_meta_path(struct sim *s, const char *key)
{
	SIM_AUTOFREE char *rel = sim_key_encode(key);
	SIM_AUTOFREE char *p = sim_store_path(s, "meta", rel);

	return sim_format("%s%%meta", p);
}

/* Microseconds since 1970, as Google's are; never the same twice. */
uint64_t sim_meta_generation(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t last;
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_REALTIME, &ts);
	now = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	pthread_mutex_lock(&lock);
	last = now > last ? now : last + 1;
	now = last;
	pthread_mutex_unlock(&lock);
	return now;
}

void sim_meta_stat(struct sim_meta *m, const struct stat *st)
{
	m->size = (uint64_t)st->st_size;
	m->ino = (uint64_t)st->st_ino;
	m->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 +
		      st->st_mtim.tv_nsec;
	m->mtime_ms = m->mtime_ns / 1000000;
}

int sim_meta_save(struct sim *s, const char *key, const struct sim_meta *m)
{
	SIM_AUTOFREE char *path = sim_meta_path(s, key);
	SIM_AUTOFREE char *tmp = NULL;
	SIM_AUTOCLOSE int fd = -1;
	SIM_AUTOBUF struct sim_buf b = { 0 };
	int rc;

	sim_buf_printf(&b, "size: %" PRIu64 "\nmtime: %" PRId64
		       "\ninode: %" PRIu64 "\netag: %s\nalgorithm: %s\n"
		       "composite: %d\nsum: %s\ngeneration: %" PRIu64 "\n\n%s",
		       m->size, m->mtime_ns, m->ino, m->etag,
		       sim_algos[m->algo].name, m->composite, m->sum,
		       m->generation,
		       m->headers ? m->headers : "");
	fd = sim_store_tmp(s, &tmp);
	if (fd < 0)
		return fd;
	rc = sim_write_all(fd, b.p, b.n);
	if (!rc)
		rc = sim_mkdirs(path);
	if (!rc && rename(tmp, path) < 0)
		rc = -errno;
	return rc;
}

static void take_line(struct sim_meta *m, const char *name, const char *v)
{
	if (!strcmp(name, "size"))
		m->size = strtoull(v, NULL, 10);
	else if (!strcmp(name, "mtime"))
		m->mtime_ns = strtoll(v, NULL, 10);
	else if (!strcmp(name, "inode"))
		m->ino = strtoull(v, NULL, 10);
	else if (!strcmp(name, "generation"))
		m->generation = strtoull(v, NULL, 10);
	else if (!strcmp(name, "etag"))
		snprintf(m->etag, sizeof(m->etag), "%s", v);
	else if (!strcmp(name, "algorithm"))
		m->algo = sim_algo_find(v);
	else if (!strcmp(name, "composite"))
		m->composite = *v == '1';
	else if (!strcmp(name, "sum"))
		snprintf(m->sum, sizeof(m->sum), "%s", v);
}

static int read_small(const char *path, struct sim_buf *b)
{
	SIM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && b->n < 65536)
		sim_buf_add(b, chunk, (size_t)n);
	return n < 0 ? -errno : 0;
}

static void parse(struct sim_meta *m, char *text)
{
	char *line = text;

	while (line && *line && *line != '\n') {
		char *end = strchr(line, '\n');
		char *colon = strstr(line, ": ");

		if (!end || !colon || colon > end)
			return;
		*end = *colon = '\0';
		take_line(m, line, colon + 2);
		line = end + 1;
	}
	if (line && *line == '\n' && line[1])
		m->headers = sim_strdup(line + 1);
}

static int compute(int fd, enum sim_algo algo, struct sim_meta *m)
{
	SIM_AUTOFREE char *chunk = sim_alloc(1 << 18);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char raw[EVP_MAX_MD_SIZE];
	struct sim_sum sum;
	off_t at = 0;
	ssize_t n;
	char *text;

	sim_sum_init(&sum, algo);
	EVP_DigestInit_ex(md, EVP_md5(), NULL);
	while ((n = pread(fd, chunk, 1 << 18, at)) > 0) {
		EVP_DigestUpdate(md, chunk, (size_t)n);
		sim_sum_add(&sum, chunk, (size_t)n);
		at += n;
	}
	EVP_DigestFinal_ex(md, raw, NULL);
	EVP_MD_CTX_free(md);
	sim_hex(raw, 16, m->etag);
	text = sim_sum_end(&sum);
	snprintf(m->sum, sizeof(m->sum), "%s", text);
	free(text);
	m->algo = algo;
	m->composite = false;
	m->generation = sim_meta_generation();
	return n < 0 ? -EIO : 0;
}

int sim_meta_load(struct sim *s, const char *key, int fd,
		  const struct stat *st, struct sim_meta *m)
{
	SIM_AUTOFREE char *path = sim_meta_path(s, key);
	SIM_AUTOBUF struct sim_buf b = { 0 };
	enum sim_algo algo = s->dialect->sum;
	struct sim_meta now = { 0 };
	int rc;

	memset(m, 0, sizeof(*m));
	sim_meta_stat(&now, st);
	if (!read_small(path, &b) && b.n)
		parse(m, b.p);
	if (m->size == now.size && m->mtime_ns == now.mtime_ns &&
	    m->ino == now.ino && *m->etag && (!algo || m->algo == algo)) {
		m->mtime_ms = now.mtime_ms;
		return 0;
	}
	sim_meta_stat(m, st);
	rc = compute(fd, algo ? algo : SIM_SUM_CRC32, m);
	if (rc)
		return rc;
	/* Remembered for the next look; when that fails it is done again. */
	if (sim_meta_save(s, key, m))
		return 0;
	return 0;
}

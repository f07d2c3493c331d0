/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks on disk. Uncommitted ones are an unfinished upload (uploads.c) whose
 * ID is the hash of the key, because Azure has one set of them per name:
 *
 *   uploads/HASH/info    key, time, length of the IDs
 *   uploads/HASH/b.HEX   the bytes of the block whose raw ID is HEX
 *
 * Of a blob that was put together, meta/KEY%blocks tells from what: its ETag,
 * then "HEX SIZE" per block. It counts while the blob has that ETag.
 *
 * One lock keeps the check of the length, the arrival of a block and the
 * claim of all by a block list apart; no bytes move under it.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure.h"
#include "meta.h"
#include "uploads.h"

static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;

void sim_az_blocks_lock(void)
{
	if (pthread_mutex_lock(&blocks_lock))
		abort();
}

void sim_az_blocks_unlock(void)
{
	if (pthread_mutex_unlock(&blocks_lock))
		abort();
}

static char *blocks_dir(struct sim *s, const char *key)
{
	unsigned char hash[SIM_SHA256];
	char hex[2 * SIM_SHA256 + 1];

	sim_sha256(key, strlen(key), hash);
	sim_hex(hash, sizeof(hash), hex);
	hex[32] = '\0';
	return sim_upload_dir(s, hex);
}

/* Of the IDs that are there; 0 when there are none. */
static size_t id_length(const char *dir)
{
	struct sim_upload u = { 0 };
	size_t n;

	if (!sim_upload_read(dir, &u))
		return 0;
	n = strtoul(u.headers, NULL, 10);
	sim_upload_clear(&u);
	return n;
}

int sim_az_block_check_locked(struct sim *s, const char *key, size_t length)
{
	SIM_AUTOFREE char *dir = blocks_dir(s, key);
	size_t have = id_length(dir);

	return have && have != length ? -EINVAL : 0;
}

static int write_text(struct sim *s, const char *path, const char *text)
{
	SIM_AUTOFREE char *tmp = NULL;
	SIM_AUTOCLOSE int fd = sim_store_tmp(s, &tmp);
	int rc = fd < 0 ? fd : sim_write_all(fd, text, strlen(text));

	if (!rc && rename(tmp, path) < 0)
		rc = -errno;
	if (rc && tmp && unlink(tmp) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
	return rc;
}

static int make_dir(struct sim *s, const char *dir, const char *key,
		    size_t length)
{
	SIM_AUTOFREE char *info = sim_format("%s/info", dir), *text = NULL;
	SIM_AUTOBUF struct sim_buf enc = { 0 };

	sim_url_encode(&enc, key, strlen(key), true);
	text = sim_format("%s\n\n0\n%lld\n%zu\n", enc.p,
			  (long long)sim_wall_ms(), length);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	return write_text(s, info, text);
}

int sim_az_block_save_locked(struct sim *s, const char *key, const char *hex,
			     const char *tmp)
{
	SIM_AUTOFREE char *dir = blocks_dir(s, key);
	SIM_AUTOFREE char *path = sim_format("%s/b.%s", dir, hex);
	size_t have = id_length(dir), length = strlen(hex) / 2;
	int rc = 0;

	if (have && have != length)
		return -EINVAL;
	if (!have)
		rc = make_dir(s, dir, key, length);
	if (!rc && rename(tmp, path) < 0)
		rc = -errno;
	return rc;
}

bool sim_az_uncommitted_locked(struct sim *s, const char *key,
			       struct sim_az_blocks *ret)
{
	SIM_AUTOFREE char *dir = blocks_dir(s, key);
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		struct sim_az_block b = { .committed = false };
		SIM_AUTOFREE char *path = NULL;
		struct stat st;

		if (!sim_starts(de->d_name, "b."))
			continue;
		path = sim_format("%s/%s", dir, de->d_name);
		if (stat(path, &st))
			continue;
		snprintf(b.hex, sizeof(b.hex), "%.128s", de->d_name + 2);
		b.size = (uint64_t)st.st_size;
		sim_az_blocks_add(ret, &b);
	}
	if (d)
		closedir(d);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), sim_az_by_hex);
	return ret->n != 0;
}

char *sim_az_blocks_claim_locked(struct sim *s, const char *key)
{
	SIM_AUTOFREE char *dir = blocks_dir(s, key);
	SIM_AUTOFREE char *claimed = NULL;
	char id[13], *ret;

	sim_random_text(id, 12, "abcdefghijklmnopqrstuvwxyz");
	claimed = sim_format("%s/tmp/blocks.%s", s->opt.dir, id);
	if (rename(dir, claimed) < 0)
		return NULL;
	ret = claimed;
	claimed = NULL;
	return ret;
}

void sim_az_blocks_restore(struct sim *s, const char *key, const char *claimed)
{
	SIM_AUTOFREE char *dir = blocks_dir(s, key);
	int rc;

	sim_az_blocks_lock();
	rc = rename(claimed, dir);
	sim_az_blocks_unlock();
	/* New ones came meanwhile: the old are lost, as a real race loses. */
	if (rc)
		sim_remove_tree(claimed);
}

void sim_az_blocks_drop(struct sim *s, const char *key)
{
	SIM_AUTOFREE char *claimed = NULL;

	sim_az_blocks_lock();
	claimed = sim_az_blocks_claim_locked(s, key);
	sim_az_blocks_unlock();
	if (claimed)
		sim_remove_tree(claimed);
}

static char *list_path(struct sim *s, const char *key)
{
	SIM_AUTOFREE char *meta = sim_meta_path(s, key);

	return sim_format("%.*s%%blocks",
			  (int)(strlen(meta) - strlen("%meta")), meta);
}

int sim_az_committed_save(struct sim *s, const char *key, const char *etag,
			  const struct sim_az_blocks *b)
{
	SIM_AUTOFREE char *path = list_path(s, key);
	SIM_AUTOBUF struct sim_buf text = { 0 };

	sim_buf_printf(&text, "%s\n", etag);
	for (size_t i = 0; i < b->n; i++)
		sim_buf_printf(&text, "%s %llu\n", b->v[i].hex,
			       (unsigned long long)b->v[i].size);
	return write_text(s, path, text.p);
}

void sim_az_committed(struct sim *s, const char *key, const char *etag,
		      struct sim_az_blocks *ret)
{
	SIM_AUTOFREE char *path = list_path(s, key);
	struct sim_az_block b = { .committed = true };
	FILE *f = fopen(path, "re");
	unsigned long long size;
	char first[80];

	if (!f)
		return;
	if (fscanf(f, "%79s", first) == 1 && !strcmp(first, etag))
		while (fscanf(f, "%128s %llu", b.hex, &size) == 2) {
			b.size = size;
			sim_az_blocks_add(ret, &b);
			b.offset += size;
		}
	if (fclose(f))
		perror("astra-sim: block list");
}

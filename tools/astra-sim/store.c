/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects as files: commit, open, remove. Data file and sidecar change
 * together under one lock, which covers renames only. Whoever reads without
 * it may meet one without the other: then the sidecar does not fit the file
 * and is computed again, so a race costs time, never a wrong ETag.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meta.h"

static pthread_mutex_t store_lock = PTHREAD_MUTEX_INITIALIZER;

void sim_meta_clear(struct sim_meta *m)
{
	free(m->headers);
	memset(m, 0, sizeof(*m));
}

char *sim_store_path(const struct sim *s, const char *sub, const char *rel)
{
	return sim_format("%s/buckets/%s/%s/%s", s->opt.dir, s->bucket, sub,
			  rel);
}

int sim_mkdirs(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		int rc;

		*p = '\0';
		rc = mkdir(path, 0700);
		*p = '/';
		if (rc < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int sim_store_open_dirs(struct sim *s)
{
	static const char *const subs[] = { "objects", "meta", "uploads" };
	SIM_AUTOFREE char *tmp = sim_format("%s/tmp/", s->opt.dir);
	int rc = sim_mkdirs(tmp);

	for (size_t i = 0; !rc && i < SIM_COUNT(subs); i++) {
		SIM_AUTOFREE char *p = sim_store_path(s, subs[i], "");

		rc = sim_mkdirs(p);
	}
	return rc;
}

int sim_store_tmp(struct sim *s, char **path)
{
	SIM_AUTOFREE char *p = sim_format("%s/tmp/body.XXXXXX", s->opt.dir);
	int fd = mkostemp(p, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*path = p;
	p = NULL;
	return fd;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/*
 * Parents that are objects themselves ("a" before "a/b") step aside to "a%".
 * An empty directory removed behind our back is made again by the caller.
 */
static int make_parents(char *path, size_t root)
{
	for (char *p = strchr(path + root, '/'); p; p = strchr(p + 1, '/')) {
		int rc;

		*p = '\0';
		if (!access(path, F_OK) && !is_dir(path)) {
			SIM_AUTOFREE char *aside = sim_format("%s%%", path);

			rc = rename(path, aside);
			if (rc < 0) {
				rc = -errno;
				*p = '/';
				return rc;
			}
		}
		rc = mkdir(path, 0700);
		*p = '/';
		if (rc < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* The data file of a key as it is now; a new string. */
static char *data_path(struct sim *s, const char *key)
{
	SIM_AUTOFREE char *rel = sim_key_encode(key);
	char *p = sim_store_path(s, "objects", rel);
	SIM_AUTOFREE char *aside = sim_format("%s%%", p);
	char *ret = aside;

	if (!is_dir(p) && (!access(p, F_OK) || access(aside, F_OK)))
		return p;
	free(p);
	aside = NULL;
	return ret;
}

bool sim_store_exists(struct sim *s, const char *key)
{
	SIM_AUTOFREE char *p = data_path(s, key);

	return !access(p, F_OK);
}

static int commit_locked(struct sim *s, const char *tmp, const char *key,
			 struct sim_meta *m)
{
	SIM_AUTOFREE char *root = sim_store_path(s, "objects", "");
	SIM_AUTOFREE char *data = data_path(s, key);
	struct stat st;
	int rc = make_parents(data, strlen(root));

	if (rc)
		return rc;
	if (stat(tmp, &st) < 0 || rename(tmp, data) < 0)
		return -errno;
	sim_meta_stat(m, &st);
	m->generation = sim_meta_generation();
	return sim_meta_save(s, key, m);
}

int sim_store_commit(struct sim *s, const char *tmp, const char *key,
		     struct sim_meta *m, bool absent)
{
	int rc;

	pthread_mutex_lock(&store_lock);
	if (absent && sim_store_exists(s, key))
		rc = -EEXIST;
	else
		rc = commit_locked(s, tmp, key, m);
	pthread_mutex_unlock(&store_lock);
	return rc;
}

int sim_store_open_file(struct sim *s, const char *path, const char *key,
			struct sim_meta *m)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 ? -errno : 0;

	if (!rc && fstat(fd, &st) < 0)
		rc = -errno;
	if (!rc && !S_ISREG(st.st_mode))
		rc = -ENOENT;
	if (!rc)
		rc = sim_meta_load(s, key, fd, &st, m);
	if (!rc)
		return fd;
	if (fd >= 0)
		close(fd);
	sim_meta_clear(m);
	return rc == -ENOTDIR || rc == -ENAMETOOLONG ? -ENOENT : rc;
}

int sim_store_open(struct sim *s, const char *key, struct sim_meta *m)
{
	SIM_AUTOFREE char *p = data_path(s, key);

	return sim_store_open_file(s, p, key, m);
}

/* Removes directories that became empty, up to the root. */
static void prune(char *path, size_t root)
{
	for (char *p = strrchr(path, '/'); p && (size_t)(p - path) >= root;
	     p = strrchr(path, '/')) {
		*p = '\0';
		if (rmdir(path) < 0)
			return;
	}
}

/* What a blob was put together from lies beside its sidecar (Azure). */
static int drop_block_list(const char *meta)
{
	SIM_AUTOFREE char *path = sim_format(
		"%.*s%%blocks", (int)(strlen(meta) - strlen("%meta")), meta);

	return unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR ? -errno
								     : 0;
}

int sim_store_remove(struct sim *s, const char *key)
{
	SIM_AUTOFREE char *data = NULL, *meta = sim_meta_path(s, key);
	SIM_AUTOFREE char *root = sim_store_path(s, "objects", "");
	SIM_AUTOFREE char *mroot = sim_store_path(s, "meta", "");
	int rc;

	pthread_mutex_lock(&store_lock);
	data = data_path(s, key);
	rc = unlink(data) < 0 ? -errno : 0;
	/* A file dropped in by hand has no sidecar: that is no error. */
	if (!rc && unlink(meta) < 0 && errno != ENOENT && errno != ENOTDIR)
		rc = -errno;
	if (!rc)
		rc = drop_block_list(meta);
	prune(data, strlen(root));
	prune(meta, strlen(mroot));
	pthread_mutex_unlock(&store_lock);
	return rc == -ENOTDIR || rc == -ENAMETOOLONG ? -ENOENT : rc;
}

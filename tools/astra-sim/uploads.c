/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An unfinished upload is a directory uploads/ID with a file "info" (what it
 * was begun with), and per part N the files "N.RANDOM.part" (bytes) and
 * "N.info" (size, ETag, checksum and which bytes: the same part may arrive
 * twice at once, and one must win whole).
 */
#include "uploads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *sim_upload_dir(struct sim *s, const char *id)
{
	return sim_store_path(s, "uploads", id);
}

void sim_upload_clear(struct sim_upload *u)
{
	free(u->key);
	free(u->headers);
	memset(u, 0, sizeof(*u));
}

static int write_file(struct sim *s, const char *path, const char *text)
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

static char *read_file(const char *path)
{
	SIM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[4096];
	struct sim_buf b = { 0 };
	ssize_t n;

	if (fd < 0)
		return NULL;
	sim_buf_str(&b, "");
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		sim_buf_add(&b, chunk, (size_t)n);
	return b.p;
}

int sim_upload_create(struct sim *s, struct sim_upload *u)
{
	SIM_AUTOFREE char *dir = NULL, *info = NULL, *text = NULL;
	SIM_AUTOBUF struct sim_buf key = { 0 };

	sim_random_text(u->id, 32, "abcdefghijklmnopqrstuvwxyz0123456789");
	u->started_ms = sim_wall_ms();
	dir = sim_upload_dir(s, u->id);
	info = sim_format("%s/info", dir);
	/* Encoded, because a key may hold a newline. */
	sim_url_encode(&key, u->key, strlen(u->key), true);
	text = sim_format("%s\n%s\n%d\n%lld\n%s", key.p,
			  sim_algos[u->algo].name, u->composite,
			  (long long)u->started_ms,
			  u->headers ? u->headers : "");
	return mkdir(dir, 0700) < 0 ? -errno : write_file(s, info, text);
}

bool sim_upload_read(const char *dir, struct sim_upload *u)
{
	SIM_AUTOFREE char *path = sim_format("%s/info", dir);
	SIM_AUTOFREE char *text = read_file(path);
	const char *id = strrchr(dir, '/') + 1;
	char *p = text, *key, *algo, *composite, *started;

	if (!text)
		return false;
	memset(u, 0, sizeof(*u));
	snprintf(u->id, sizeof(u->id), "%.32s", id);
	key = strsep(&p, "\n");
	if (!sim_url_decode(key, strlen(key), false, &u->key))
		return false;
	algo = strsep(&p, "\n");
	composite = strsep(&p, "\n");
	started = strsep(&p, "\n");
	if (!algo || !composite || !started) {
		sim_upload_clear(u);
		return false;
	}
	u->algo = sim_algo_find(algo);
	u->composite = *composite == '1';
	u->started_ms = strtoll(started, NULL, 10);
	u->headers = sim_strdup(p ? p : "");
	return true;
}

char *sim_upload_find(struct sim *s, const char *id, const char *key,
		      struct sim_upload *u)
{
	char *dir;

	memset(u, 0, sizeof(*u));
	if (strlen(id) != 32 ||
	    strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789") != 32)
		return NULL;
	dir = sim_upload_dir(s, id);
	if (sim_upload_read(dir, u) && !strcmp(u->key, key))
		return dir;
	sim_upload_clear(u);
	free(dir);
	return NULL;
}

char *sim_part_path(const char *dir, const struct sim_part *p)
{
	return sim_format("%s/%d.%s.part", dir, p->number, p->name);
}

static void drop_part(const char *dir, const struct sim_part *p)
{
	SIM_AUTOFREE char *path = sim_part_path(dir, p);

	if (unlink(path) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
}

bool sim_part_read(const char *dir, int number, struct sim_part *p)
{
	SIM_AUTOFREE char *path = sim_format("%s/%d.info", dir, number);
	SIM_AUTOFREE char *text = read_file(path);
	unsigned long long size;
	long long ms;

	memset(p, 0, sizeof(*p));
	p->number = number;
	if (!text || sscanf(text, "%llu %32s %71s %lld %12s", &size,
			    p->etag, p->sum, &ms, p->name) != 5)
		return false;
	p->size = size;
	p->mtime_ms = ms;
	if (!strcmp(p->sum, "-"))
		*p->sum = '\0';
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct sim_part *x = a, *y = b;

	return x->number - y->number;
}

size_t sim_upload_parts(const char *dir, struct sim_part **ret)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	size_t n = 0;

	*ret = NULL;
	while (d && (de = readdir(d))) {
		char *end = NULL;
		long number = strtol(de->d_name, &end, 10);
		struct sim_part p;

		if (strcmp(end, ".info") || number < 1 || number > 10000 ||
		    !sim_part_read(dir, (int)number, &p))
			continue;
		*ret = sim_grow(*ret, (n + 1) * sizeof(p));
		(*ret)[n++] = p;
	}
	if (d)
		closedir(d);
	if (n)
		qsort(*ret, n, sizeof(**ret), by_number);
	return n;
}

int sim_part_save(struct sim *s, const char *dir, int number,
		  const struct sim_intake *k)
{
	SIM_AUTOFREE char *info = sim_format("%s/%d.info", dir, number);
	SIM_AUTOFREE char *text = NULL, *data = NULL;
	struct sim_part old;
	bool again = sim_part_read(dir, number, &old);
	char name[24];
	int rc;

	sim_random_text(name, 12, "abcdefghijklmnopqrstuvwxyz");
	data = sim_format("%s/%d.%s.part", dir, number, name);
	text = sim_format("%llu %s %s %lld %s\n", (unsigned long long)k->size,
			  k->md5, k->sum_b64 ? k->sum_b64 : "-",
			  (long long)sim_wall_ms(), name);
	/* The info counts; bytes of a part without it are not listed. */
	rc = rename(k->tmp, data) < 0 ? -errno : write_file(s, info, text);
	if (!rc && again)
		drop_part(dir, &old);
	return rc;
}

static int by_key_id(const void *a, const void *b)
{
	const struct sim_upload *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	return c ? c : strcmp(x->id, y->id);
}

size_t sim_uploads_all(struct sim *s, const char *prefix,
		       struct sim_upload **ret)
{
	SIM_AUTOFREE char *root = sim_store_path(s, "uploads", "");
	DIR *d = opendir(root);
	struct dirent *de;
	size_t n = 0;

	*ret = NULL;
	while (d && (de = readdir(d))) {
		SIM_AUTOFREE char *dir = sim_upload_dir(s, de->d_name);
		struct sim_upload u;

		if (*de->d_name == '.' || !sim_upload_read(dir, &u))
			continue;
		if (!sim_starts(u.key, prefix)) {
			sim_upload_clear(&u);
			continue;
		}
		*ret = sim_grow(*ret, (n + 1) * sizeof(u));
		(*ret)[n++] = u;
	}
	if (d)
		closedir(d);
	if (n)
		qsort(*ret, n, sizeof(**ret), by_key_id);
	return n;
}

void sim_uploads_free(struct sim_upload *u, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sim_upload_clear(&u[i]);
	free(u);
}

size_t sim_uploads_count(struct sim *s)
{
	struct sim_upload *u;
	size_t n = sim_uploads_all(s, "", &u);

	sim_uploads_free(u, n);
	return n;
}

void sim_uploads_purge(struct sim *s, const char *prefix)
{
	struct sim_upload *u;
	size_t n = sim_uploads_all(s, prefix, &u);

	for (size_t i = 0; i < n; i++) {
		SIM_AUTOFREE char *dir = sim_upload_dir(s, u[i].id);

		sim_remove_tree(dir);
	}
	sim_uploads_free(u, n);
}

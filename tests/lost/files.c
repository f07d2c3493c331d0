/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose bytes follow from a seed, so that a source needs no disk: their
 * way up through the engine, and what is there afterwards, seen twice. The
 * checksums of the comparison are zlib's, not those of the product.
 */
#include "rig.h"

#include <ftw.h>
#include <pthread.h>
#include <zlib.h>

#include "lock.h"
#include "tests/lib/tempdir.h"

#define STEP ((size_t)256 * 1024)
#define WRITERS 8

static uint64_t word_at(uint64_t seed, uint64_t index)
{
	uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* STEP is a multiple of a word, so every offset asked for is too. */
static void fill(const struct file *f, uint64_t offset, uint64_t *dst, size_t n)
{
	for (size_t i = 0; i * sizeof(*dst) < n; i++)
		dst[i] = word_at(f->seed, offset / sizeof(*dst) + i);
}

struct joined {
	struct sl_wait w;
	struct sl_mutex lock;
	struct sl_cond cond;
	bool done;
	int err;
};

static void on_done(struct sl_wait *w, int err)
{
	struct joined *j = sl_container_of(w, struct joined, w);

	SL_LOCK_SCOPE(&j->lock);
	j->done = true;
	j->err = err;
	sl_cond_broadcast(&j->cond);
}

static void joined_init(struct joined *j)
{
	*j = (struct joined){ .w.done = on_done };
	sl_mutex_init(&j->lock);
	sl_cond_init(&j->cond);
}

static int join(struct joined *j, int rc)
{
	sl_mutex_lock(&j->lock);
	while (rc == SL_PARKED && !j->done)
		sl_cond_wait(&j->cond, &j->lock);
	sl_mutex_unlock(&j->lock);
	sl_cond_release(&j->cond);
	sl_mutex_release(&j->lock);
	return rc == SL_PARKED ? j->err : rc;
}

static int write_bytes(struct sl_upload *u, struct file *f)
{
	SL_CLEANUP(free) uint64_t *p = malloc(STEP);
	int err = p ? 0 : -ENOMEM;

	f->crc = 0;
	for (uint64_t at = 0; !err && at < f->size; at += STEP) {
		size_t n = f->size - at < STEP ? (size_t)(f->size - at) : STEP;
		struct joined j;

		fill(f, at, p, n);
		f->crc = (uint32_t)crc32(f->crc, (const void *)p, (uInt)n);
		joined_init(&j);
		err = join(&j, sl_upload_write(u, p, n, &j.w));
	}
	return err;
}

int file_copy(struct rig *r, struct file *f)
{
	struct sl_upload_state st;
	struct sl_upload *u;
	struct joined j;
	int err = sl_upload_new(r->e, f->key, 0, NULL, &u, &f->error);

	if (err)
		return err;
	err = write_bytes(u, f);
	joined_init(&j);
	err = join(&j, err ? err : sl_upload_commit(u, &j.w));
	sl_upload_get(u, &st);
	f->obj = st.obj;
	f->error = st.error;
	if (!err && (!st.committed || st.crc32 != f->crc))
		err = -EBADMSG;
	if (err)
		sl_upload_abandon(u, false);
	sl_upload_unref(u);
	return err;
}

struct crowd {
	struct rig *r;
	struct file *f;
	size_t n, next; /* next: atomic */
	int err;	/* atomic: the first */
};

static void *copy_some(void *arg)
{
	struct crowd *c = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->n) {
		int none = 0, err = file_copy(c->r, &c->f[i]);

		if (!err)
			continue;
		printf("# %s: %s: %s\n", c->f[i].key,
		       sl_errno_name(-err), c->f[i].error.text);
		__atomic_compare_exchange_n(&c->err, &none, err, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
	return NULL;
}

int file_copy_all(struct rig *r, struct file *f, size_t n)
{
	struct crowd c = { .r = r, .f = f, .n = n };
	pthread_t t[WRITERS];

	for (int i = 0; i < WRITERS; i++)
		if (pthread_create(&t[i], NULL, copy_some, &c))
			abort();
	for (int i = 0; i < WRITERS; i++)
		if (pthread_join(t[i], NULL))
			abort();
	return c.err;
}

static int find(const struct file *f, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(f[i].key, key))
			return (int)i;
	return -1;
}

struct listing {
	struct sl_op op; /* first; sl_backend_wait() takes op.arg */
	const struct file *f;
	size_t n, found;
	char *seen;
	int bad;
};

static int on_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	struct listing *l = sl_container_of(op, struct listing, op);
	int i = find(l->f, l->n, e->key);

	if (i < 0 || l->seen[i] || l->f[i].size != e->obj.size) {
		printf("# listed: %s, %llu bytes\n", e->key,
		       (unsigned long long)e->obj.size);
		l->bad++;
		return 0;
	}
	l->seen[i] = 1;
	l->found++;
	return 0;
}

static int check_head(struct rig *r, const struct file *f)
{
	struct sl_op op = { .key = f->key, .retry_for_ms = -1 };

	CHECK(!sl_backend_wait(r->b, sl_backend_head, &op), "%s: %s", f->key,
	      op.error.text);
	/* Azure keeps no checksum of its own, but our word of it. */
	CHECK(op.obj.size == f->size &&
	      (rig_is(r, "azure") || op.obj.proof != SL_PROOF_NONE),
	      "%s: other size, or no proof", f->key);
	if (!rig_is(r, "gcs"))
		CHECK(op.obj.has_crc32 && op.obj.crc32 == f->crc,
		      "%s: other checksum", f->key);
	return 0;
}

int file_check_list(struct rig *r, const char *prefix, const struct file *f,
		    size_t n)
{
	SL_CLEANUP(free) char *seen = calloc(n + 1, 1);
	struct listing l = {
		.op = { .prefix = prefix, .recursive = true,
			.on_entry = on_entry, .retry_for_ms = -1 },
		.f = f, .n = n, .seen = seen,
	};

	CHECK(!sl_backend_wait(r->b, sl_backend_list, &l.op), "%s",
	      l.op.error.text);
	CHECK(!l.bad && l.found == n, "%zu of %zu listed, %d wrong", l.found, n,
	      l.bad);
	for (size_t i = 0; i < n; i++)
		if (check_head(r, &f[i]))
			return -1;
	return 0;
}

static int same_bytes(const char *path, const struct file *f)
{
	SL_CLEANUP(file) FILE *in = fopen(path, "re");
	SL_CLEANUP(free) uint64_t *want = malloc(STEP);
	SL_CLEANUP(free) char *got = malloc(STEP + 1);
	uint64_t at = 0;

	CHECK(in && want && got, "cannot read '%s'", path);
	while (at < f->size) {
		size_t n = f->size - at < STEP ? (size_t)(f->size - at) : STEP;

		fill(f, at, want, n);
		CHECK(fread(got, 1, n, in) == n && !memcmp(got, want, n),
		      "'%s' differs after byte %llu", path,
		      (unsigned long long)at);
		at += n;
	}
	CHECK(fread(got, 1, 1, in) == 0, "'%s' is longer than its source",
	      path);
	return 0;
}

/* nftw() has no argument for its callback. */
static size_t walked;

static int count_one(const char *path, const struct stat *st, int flag,
		     struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	walked += flag == FTW_F;
	return 0;
}

int file_check_disk(struct rig *r, const char *prefix, const struct file *f,
		    size_t n)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", r->objects, prefix);
	walked = 0;
	if (nftw(path, count_one, 16, FTW_PHYS) && errno != ENOENT)
		CHECK(false, "cannot walk '%s'", path);
	CHECK(walked == n, "%zu objects, not %zu", walked, n);
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", r->objects, f[i].key);
		if (same_bytes(path, &f[i]))
			return -1;
	}
	return 0;
}

void file_remove_all(struct rig *r, const char *prefix)
{
	char *path;

	if (asprintf(&path, "%s/%s", r->objects, prefix) < 0)
		abort();
	if (access(path, F_OK)) {
		free(path);
		return;
	}
	sl_test_tempdir_remove(path);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's rig for tests: a ledger in a directory of its own on a real
 * disk, waits that a test can stand on, and a look at the rows.
 */
#ifndef LEDGER_RIG_H
#define LEDGER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "cleanup.h"
#include "lock.h"
#include "migration/ledger.h"

/* A wait that a test can stand on. */
struct parked {
	struct sl_wait w;
	struct sl_mutex lock;
	struct sl_cond cond;
	bool done;
	int err;
};

static inline void parked_done(struct sl_wait *w, int err)
{
	struct parked *p = sl_container_of(w, struct parked, w);

	SL_LOCK_SCOPE(&p->lock);
	p->err = err;
	p->done = true;
	sl_cond_signal(&p->cond);
}

static inline void parked_init(struct parked *p)
{
	memset(p, 0, sizeof(*p));
	p->w.done = parked_done;
	sl_mutex_init(&p->lock);
	sl_cond_init(&p->cond);
}

static inline int parked_wait(struct parked *p)
{
	sl_mutex_lock(&p->lock);
	while (!p->done)
		sl_cond_wait(&p->cond, &p->lock);
	sl_mutex_unlock(&p->lock);
	sl_cond_release(&p->cond);
	sl_mutex_release(&p->lock);
	return p->err;
}

static inline int barrier(struct sl_ledger *l)
{
	struct parked p;

	parked_init(&p);
	assert_int_equal(sl_ledger_barrier(l, &p.w), SL_PARKED);
	return parked_wait(&p);
}

static inline int begin(struct sl_ledger *l, const char *key, const char *id)
{
	struct parked p;

	parked_init(&p);
	assert_int_equal(sl_ledger_upload_begin(l, key, id, &p.w), SL_PARKED);
	return parked_wait(&p);
}

static char dir[64], path[128];

static inline int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/sl-ledger.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/db/mig/node1.db", dir);
	return 0;
}

static inline int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static inline struct sl_ledger *open_ok(bool unclean)
{
	struct sl_ledger *l = NULL;
	struct sl_error e = { 0 };
	bool u = !unclean;

	if (sl_ledger_open(path, &l, &u, &e))
		fail_msg("%s", e.text);
	assert_int_equal(u, unclean);
	return l;
}

static inline void close_ok(struct sl_ledger *l)
{
	struct sl_error e = { 0 };

	if (sl_ledger_close(l, true, &e))
		fail_msg("%s", e.text);
}

static inline struct sl_ledger_row row(const char *p, uint64_t size)
{
	return (struct sl_ledger_row){
		.path = p, .state = SL_FILE_COMMITTED, .size = size,
		.mtime_ns = -5, .mode = S_IFREG | 0640, .uid = 4294967295u,
		.gid = 7, .has_crc32 = true, .crc32 = 0xfedcba98u,
		.etag = "\"abc\"", .note = "",
	};
}

struct seen {
	size_t n;
	char last[256];
	uint64_t bytes;
	struct sl_ledger_row r; /* scalars only */
	char note[256];
	int stop_at;
};

static inline int see(void *arg, const struct sl_ledger_row *r)
{
	struct seen *s = arg;

	if (s->stop_at && (int)s->n == s->stop_at)
		return -ECANCELED;
	assert_true(strcmp(s->last, r->path) < 0);
	snprintf(s->last, sizeof(s->last), "%s", r->path);
	snprintf(s->note, sizeof(s->note), "%s", r->note);
	s->r = *r;
	s->bytes += r->size;
	s->n++;
	return 0;
}

static inline struct seen load(struct sl_ledger *l)
{
	struct seen s = { 0 };
	struct sl_error e = { 0 };

	if (sl_ledger_load(l, see, &s, &e))
		fail_msg("%s", e.text);
	return s;
}

static inline int query(const char *sql)
{
	sqlite3 *h = NULL;
	sqlite3_stmt *s = NULL;
	int v;

	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(h, sql, -1, &s, NULL), SQLITE_OK);
	v = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : -1;
	sqlite3_finalize(s);
	assert_int_equal(sqlite3_close(h), SQLITE_OK);
	return v;
}

static inline int open_fails(struct sl_error *e)
{
	struct sl_ledger *l = NULL;
	bool u;
	int r = sl_ledger_open(path, &l, &u, e);

	assert_null(l);
	return r;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger on a real disk: rows come back, a kill costs nothing that was
 * promised, a full disk and damage are survived and told, and the syncs are
 * counted: fdatasync and fsync of the process are replaced below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "cleanup.h"
#include "lock.h"
#include "migration/ledger.h"

static atomic_int syncs;
static atomic_bool disk_full;

int fdatasync(int fd) __attribute__((visibility("default")));
int fdatasync(int fd)
{
	atomic_fetch_add(&syncs, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) __attribute__((visibility("default")));
int fsync(int fd)
{
	atomic_fetch_add(&syncs, 1);
	return (int)syscall(SYS_fsync, fd);
}

static ssize_t limited_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (atomic_load(&disk_full)) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, p, n, at);
}

static void replace_pwrite(void)
{
	sqlite3_vfs *v = sqlite3_vfs_find(NULL);

	assert_int_equal(v->xSetSystemCall(v, "pwrite",
			 (sqlite3_syscall_ptr)limited_pwrite), SQLITE_OK);
	/* Absent where off_t has 64 bits anyway. */
	v->xSetSystemCall(v, "pwrite64", (sqlite3_syscall_ptr)limited_pwrite);
}

/* A wait that a test can stand on. */
struct parked {
	struct sl_wait w;
	struct sl_mutex lock;
	struct sl_cond cond;
	bool done;
	int err;
};

static void parked_done(struct sl_wait *w, int err)
{
	struct parked *p = sl_container_of(w, struct parked, w);

	SL_LOCK_SCOPE(&p->lock);
	p->err = err;
	p->done = true;
	sl_cond_signal(&p->cond);
}

static void parked_init(struct parked *p)
{
	memset(p, 0, sizeof(*p));
	p->w.done = parked_done;
	sl_mutex_init(&p->lock);
	sl_cond_init(&p->cond);
}

static int parked_wait(struct parked *p)
{
	sl_mutex_lock(&p->lock);
	while (!p->done)
		sl_cond_wait(&p->cond, &p->lock);
	sl_mutex_unlock(&p->lock);
	sl_cond_release(&p->cond);
	sl_mutex_release(&p->lock);
	return p->err;
}

static int barrier(struct sl_ledger *l)
{
	struct parked p;

	parked_init(&p);
	assert_int_equal(sl_ledger_barrier(l, &p.w), SL_PARKED);
	return parked_wait(&p);
}

static int begin(struct sl_ledger *l, const char *key, const char *id)
{
	struct parked p;

	parked_init(&p);
	assert_int_equal(sl_ledger_upload_begin(l, key, id, &p.w), SL_PARKED);
	return parked_wait(&p);
}

static char dir[64], path[128];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/sl-ledger.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/db/mig/node1.db", dir);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	atomic_store(&disk_full, false);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static struct sl_ledger *open_ok(bool unclean)
{
	struct sl_ledger *l = NULL;
	struct sl_error e = { 0 };
	bool u = !unclean;

	if (sl_ledger_open(path, &l, &u, &e))
		fail_msg("%s", e.text);
	assert_int_equal(u, unclean);
	return l;
}

static void close_ok(struct sl_ledger *l)
{
	struct sl_error e = { 0 };

	if (sl_ledger_close(l, true, &e))
		fail_msg("%s", e.text);
}

static struct sl_ledger_row row(const char *p, uint64_t size)
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

static int see(void *arg, const struct sl_ledger_row *r)
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

static struct seen load(struct sl_ledger *l)
{
	struct seen s = { 0 };
	struct sl_error e = { 0 };

	if (sl_ledger_load(l, see, &s, &e))
		fail_msg("%s", e.text);
	return s;
}

static void test_rows(void **state)
{
	struct sl_ledger *l = open_ok(false);
	struct sl_ledger_row r = row("n/\xc3\xa9", UINT64_MAX);
	struct seen s = { .stop_at = 1 };

	(void)state;
	assert_int_equal(sl_ledger_put(l, &r), 0);
	r = row("n/b", 1);
	assert_int_equal(sl_ledger_put(l, &r), 0);
	r = row("n/B", 2);
	r.has_crc32 = false;
	r.etag = NULL;
	assert_int_equal(sl_ledger_put(l, &r), 0);
	r = row("n/gone", 1);
	assert_int_equal(sl_ledger_put(l, &r), 0);
	assert_int_equal(sl_ledger_remove(l, "n/gone"), 0);
	r = row("n/b", 3);
	r.state = SL_FILE_SKIPPED;
	r.note = "a live file";
	assert_int_equal(sl_ledger_put(l, &r), 0);
	close_ok(l);

	l = open_ok(false);
	assert_int_equal(sl_ledger_load(l, see, &s, NULL), -ECANCELED);
	assert_string_equal(s.last, "n/B");
	assert_false(s.r.has_crc32);
	s = load(l);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.last, "n/\xc3\xa9");
	assert_true(s.r.size == UINT64_MAX);
	assert_true(s.r.mtime_ns == -5);
	assert_int_equal(s.r.mode, S_IFREG | 0640);
	assert_true(s.r.uid == 4294967295u);
	assert_int_equal(s.r.gid, 7);
	assert_true(s.r.has_crc32 && s.r.crc32 == 0xfedcba98u);
	assert_true(s.bytes == UINT64_MAX + 5u);
	close_ok(l);
}

static void test_states(void **state)
{
	struct sl_ledger *l = open_ok(false);
	struct seen s;

	(void)state;
	for (int i = 0; i < SL_FILE__COUNT; i++) {
		struct sl_ledger_row r = row("n/x", 1);

		r.state = (enum sl_file_state)i;
		assert_string_not_equal(sl_file_state_name(r.state),
					"unknown");
		assert_int_equal(sl_ledger_put(l, &r), 0);
		assert_int_equal(barrier(l), 0);
		s = load(l);
		assert_int_equal(s.r.state, i);
	}
	assert_string_equal(sl_file_state_name(SL_FILE_COMMITTED),
			    "committed");
	close_ok(l);
}

static int count_upload(void *arg, const char *key, const char *id)
{
	char *out = arg;

	snprintf(out + strlen(out), 200, "%s=%s;", key, id);
	return 0;
}

static void test_uploads(void **state)
{
	struct sl_ledger *l = open_ok(false);
	struct sl_part p = { 1, 5, 6, "\"e\"" };
	char got[256] = "";

	(void)state;
	assert_int_equal(begin(l, "n/a", "id1"), 0);
	assert_int_equal(begin(l, "n/b", "id2"), 0);
	assert_int_equal(begin(l, "n/b", "id3"), 0);
	assert_int_equal(sl_ledger_upload_part(l, "id2", &p), 0);
	assert_int_equal(sl_ledger_upload_end(l, "id2"), 0);
	assert_int_equal(sl_ledger_close(l, false, NULL), 0);
	l = open_ok(true);
	assert_int_equal(sl_ledger_uploads(l, count_upload, got, NULL), 0);
	assert_string_equal(got, "n/a=id1;n/b=id3;");
	close_ok(l);
	close_ok(open_ok(false));
}

static void test_meta(void **state)
{
	struct sl_ledger *l = open_ok(false);
	char *v;

	(void)state;
	assert_null(sl_ledger_meta_get(l, "launched"));
	/* Our own names are out of reach. */
	assert_null(sl_ledger_meta_get(l, "unclean"));
	assert_int_equal(sl_ledger_meta_set(l, "unclean", "0"), 0);
	assert_int_equal(sl_ledger_meta_set(l, "launched", "yes"), 0);
	assert_int_equal(sl_ledger_meta_set(l, "agreed", "x"), 0);
	assert_int_equal(sl_ledger_meta_set(l, "agreed", NULL), 0);
	assert_int_equal(sl_ledger_close(l, false, NULL), 0);
	l = open_ok(true);
	v = sl_ledger_meta_get(l, "launched");
	assert_string_equal(v, "yes");
	free(v);
	assert_null(sl_ledger_meta_get(l, "agreed"));
	close_ok(l);
}

static int query(const char *sql)
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

static void test_events_are_capped(void **state)
{
	struct sl_ledger *l = open_ok(false);

	(void)state;
	for (int i = 0; i < 10007; i++)
		assert_int_equal(sl_ledger_event(l, i, EIO, "n/x", "t"), 0);
	assert_int_equal(sl_ledger_event(l, 1, 0, NULL,
					 "token AstraCS:abcdefgh:0123"), 0);
	close_ok(l);
	assert_int_equal(query("SELECT count(*) FROM events"), 10000);
	assert_int_equal(query("SELECT count(*) FROM events"
			       " WHERE text LIKE '%abcdefgh%'"), 0);
	assert_int_equal(query("SELECT min(wall_ms) FROM events"), 1);
	assert_int_equal(query("SELECT count(*) FROM events"
			       " WHERE wall_ms < 8"), 1);
}

static void mode_is(const char *p, mode_t want)
{
	struct stat st;

	assert_int_equal(stat(p, &st), 0);
	assert_int_equal(st.st_mode & 0777, want);
}

static void test_modes_and_lock(void **state)
{
	struct sl_ledger *l = open_ok(false), *other = NULL;
	struct sl_error e = { 0 };
	char s[160], pid[32];
	bool unclean;

	(void)state;
	mode_is(path, 0600);
	snprintf(s, sizeof(s), "%s-wal", path);
	mode_is(s, 0600);
	snprintf(s, sizeof(s), "%s.lock", path);
	mode_is(s, 0600);
	snprintf(s, sizeof(s), "%s/db/mig", dir);
	mode_is(s, 0700);
	snprintf(s, sizeof(s), "%s/db", dir);
	mode_is(s, 0700);
	assert_int_equal(sl_ledger_open(path, &other, &unclean, &e), -EBUSY);
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_non_null(strstr(e.text, pid));
	assert_null(other);
	close_ok(l);
	close_ok(open_ok(false));
}

/* A child promises by a byte, is killed, and the parent looks. */
static void test_kill(void **state)
{
	struct seen s;
	int fd[2];
	char b, got[64] = "";
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct sl_ledger *l = NULL;
		struct sl_ledger_row r = row("n/a", 1);
		bool u;

		if (sl_ledger_open(path, &l, &u, NULL) ||
		    sl_ledger_put(l, &r) || begin(l, "n/b", "id9") ||
		    write(fd[1], "x", 1) != 1)
			_exit(1);
		for (int i = 0;; i++) {
			r = row("n/c", (uint64_t)i);
			if (sl_ledger_put(l, &r))
				_exit(1);
		}
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &b, 1), 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd[0]);
	struct sl_ledger *l = open_ok(true);

	s = load(l);
	assert_true(s.n == 1 || s.n == 2);
	assert_int_equal(sl_ledger_uploads(l, count_upload, got, NULL), 0);
	assert_string_equal(got, "n/b=id9;");
	close_ok(l);
}

static void test_syncs(void **state)
{
	struct sl_ledger *l = open_ok(false);
	struct parked p[1000];
	char name[1000][24];
	int before;

	(void)state;
	/* Rows alone sync only at checkpoints. */
	before = atomic_load(&syncs);
	for (int i = 0; i < 1000; i++) {
		struct sl_ledger_row r;

		snprintf(name[i], sizeof(name[i]), "n/%d", i);
		r = row(name[i], 1);
		assert_int_equal(sl_ledger_put(l, &r), 0);
	}
	assert_int_equal(barrier(l), 0);
	assert_in_range(atomic_load(&syncs) - before, 1, 20);

	/* Uploads that begin together share their syncs. */
	before = atomic_load(&syncs);
	for (int i = 0; i < 1000; i++) {
		parked_init(&p[i]);
		assert_int_equal(sl_ledger_upload_begin(l, name[i], name[i],
							&p[i].w), SL_PARKED);
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(parked_wait(&p[i]), 0);
	assert_in_range(atomic_load(&syncs) - before, 1, 20);

	/* Each promise has its own sync, also one without any change. */
	before = atomic_load(&syncs);
	assert_int_equal(begin(l, "n/z", "z"), 0);
	assert_true(atomic_load(&syncs) > before);
	before = atomic_load(&syncs);
	assert_int_equal(barrier(l), 0);
	assert_true(atomic_load(&syncs) > before);
	close_ok(l);
}

static void test_disk_full(void **state)
{
	struct sl_ledger *l = open_ok(false);
	struct sl_ledger_row r = row("n/a", 1);
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_ledger_error(l, &e), 0);
	assert_int_equal(barrier(l), 0);
	atomic_store(&disk_full, true);
	assert_int_equal(sl_ledger_put(l, &r), 0);
	assert_int_equal(begin(l, "n/b", "id1"), -ENOSPC);
	assert_int_equal(sl_ledger_error(l, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "make room"));
	atomic_store(&disk_full, false);
	/* What could not be written is not lost, in order. */
	assert_int_equal(barrier(l), 0);
	assert_int_equal(load(l).n, 1);
	/* The error is remembered. */
	assert_int_equal(sl_ledger_error(l, NULL), -ENOSPC);
	atomic_store(&disk_full, true);
	assert_int_equal(sl_ledger_put(l, &r), 0);
	assert_int_equal(sl_ledger_close(l, true, &e), -ENOSPC);
	atomic_store(&disk_full, false);
	close_ok(open_ok(true));
}

/* More than one batch behind a full disk: nobody waits for room on it. */
static void test_full_queue(void **state)
{
	enum { N = 5000, NOTE = 1 << 20 };
	struct sl_ledger *l = open_ok(false);
	struct sl_ledger_row r;
	char *note = malloc(NOTE);
	char name[32];
	int err = 0, big = 0;

	(void)state;
	assert_non_null(note);
	memset(note, 'x', NOTE);
	note[NOTE - 1] = '\0';
	atomic_store(&disk_full, true);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n/%d", i);
		r = row(name, 1);
		assert_int_equal(sl_ledger_put(l, &r), 0);
	}
	assert_int_equal(begin(l, "n/b", "id1"), -ENOSPC);
	for (; !err && big < 100; big++) {
		snprintf(name, sizeof(name), "n/big%d", big);
		r = row(name, 1);
		r.etag = note;
		err = sl_ledger_put(l, &r);
	}
	assert_int_equal(err, -ENOSPC);
	assert_in_range(big, 60, 65);
	atomic_store(&disk_full, false);
	assert_int_equal(barrier(l), 0);
	assert_int_equal(load(l).n, N + big - 1);
	/* With room, the queue passes any amount. */
	for (int i = 0; i < 80; i++)
		assert_int_equal(sl_ledger_put(l, &r), 0);
	assert_int_equal(barrier(l), 0);
	free(note);
	close_ok(l);
}

static void spoil(const char *with, size_t n, off_t at)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, with, n, at), (ssize_t)n);
	close(fd);
}

static int open_fails(struct sl_error *e)
{
	struct sl_ledger *l = NULL;
	bool u;
	int r = sl_ledger_open(path, &l, &u, e);

	assert_null(l);
	return r;
}

static void test_damage(void **state)
{
	struct sl_ledger *l = open_ok(false);
	struct sl_error e = { 0 };
	char junk[4096];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct sl_ledger_row r;
		char name[64];

		snprintf(name, sizeof(name), "n/ks/table/file-%d", i);
		r = row(name, 1);
		assert_int_equal(sl_ledger_put(l, &r), 0);
	}
	assert_int_equal(sl_ledger_close(l, false, NULL), 0);
	/* A page in the middle: seen since the end was unclean. */
	memset(junk, 0x5a, sizeof(junk));
	for (int i = 12; i < 24; i++)
		spoil(junk, sizeof(junk), i * (off_t)sizeof(junk));
	assert_int_equal(open_fails(&e), -EUCLEAN);
	assert_non_null(strstr(e.text, "mv '"));
	spoil("this is no database at all......", 32, 0);
	assert_int_equal(open_fails(&e), -EUCLEAN);
	/* The cure, as the text says it. */
	assert_int_equal(unlink(path), 0);
	close_ok(open_ok(false));
}

static void test_versions(void **state)
{
	struct sl_error e = { 0 };

	(void)state;
	close_ok(open_ok(false));
	query("PRAGMA user_version=99");
	assert_int_equal(open_fails(&e), -EPROTO);
	assert_non_null(strstr(e.text, "99"));
	query("PRAGMA user_version=1");
	close_ok(open_ok(false));
	query("DROP TABLE files");
	assert_int_equal(open_fails(&e), -EUCLEAN);
	assert_int_equal(unlink(path), 0);
	query("CREATE TABLE mine(x)");
	assert_int_equal(open_fails(&e), -EUCLEAN);
}

static void test_hostile_row(void **state)
{
	struct sl_ledger *l;
	struct sl_error e = { 0 };
	struct seen s = { 0 };

	(void)state;
	close_ok(open_ok(false));
	query("INSERT INTO files VALUES('n/x','gone','','',1,1,1,1,1,NULL)");
	l = open_ok(false);
	assert_int_equal(sl_ledger_load(l, see, &s, &e), -EUCLEAN);
	assert_int_equal(s.n, 0);
	close_ok(l);
}

static void test_no_place(void **state)
{
	struct sl_error e = { 0 };
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/file/x/n.db", dir);
	assert_int_equal(open_fails(&e), -ENOTDIR);
	assert_non_null(strstr(e.text, "-o state="));
}

/* Four threads, each with its own rows, waiting now and then. */
static void *writer(void *arg)
{
	struct sl_ledger *l = ((void **)arg)[0];
	long id = (long)(intptr_t)((void **)arg)[1];

	for (int i = 0; i < 1000; i++) {
		struct sl_ledger_row r;
		char name[64];

		snprintf(name, sizeof(name), "n/%ld/%d", id, i);
		r = row(name, 2);
		if (sl_ledger_put(l, &r))
			return arg;
		if (i % 100 == 0 && begin(l, name, name))
			return arg;
		if (sl_ledger_error(l, NULL))
			return arg;
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct sl_ledger *l = open_ok(false);
	void *args[4][2];
	pthread_t t[4];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		args[i][0] = l;
		args[i][1] = (void *)(intptr_t)i;
		assert_int_equal(pthread_create(&t[i], NULL, writer, args[i]),
				 0);
	}
	for (size_t i = 0; i < 4; i++) {
		void *bad;

		assert_int_equal(pthread_join(t[i], &bad), 0);
		assert_null(bad);
	}
	close_ok(l);
	l = open_ok(false);
	assert_int_equal(load(l).n, 4000);
	close_ok(l);
	assert_int_equal(sl_ledger_close(NULL, true, NULL), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rows),
		T(test_states),
		T(test_uploads),
		T(test_meta),
		T(test_events_are_capped),
		T(test_modes_and_lock),
		T(test_kill),
		T(test_syncs),
		T(test_disk_full),
		T(test_full_queue),
		T(test_damage),
		T(test_versions),
		T(test_hostile_row),
		T(test_no_place),
		T(test_threads),
	};

	replace_pwrite();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

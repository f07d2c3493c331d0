/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger keeps: rows come back, a kill costs nothing that was
 * promised, and a database that is not ours or not whole is told.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "buf.h"
#include "ledger_rig.h"

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

static int see_facts(void *arg, const char *at, const void *p, size_t n)
{
	struct sl_buf *b = arg;

	return sl_buf_printf(b, "%s=%.*s;", at, (int)n, (const char *)p);
}

static void test_facts(void **state)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1000);
	struct sl_ledger *l = open_ok(false);
	struct sl_ledger_row r = row("n/a", 1);

	(void)state;
	assert_int_equal(sl_ledger_put(l, &r), 0);
	r = row("n/b", 1);
	assert_int_equal(sl_ledger_put(l, &r), 0);
	assert_int_equal(sl_ledger_facts_put(l, "n/a", "old", 3), 0);
	assert_int_equal(sl_ledger_facts_put(l, "n/a", "new!", 4), 0);
	assert_int_equal(sl_ledger_facts_put(l, "n/b", "B", 1), 0);
	assert_int_equal(sl_ledger_facts_put(l, "n/c", "C", 1), 0);
	assert_int_equal(sl_ledger_facts_put(l, "n/c", NULL, 0), 0);
	/* A row that changes keeps them, one that goes takes them along. */
	assert_int_equal(sl_ledger_put(l, &r), 0);
	assert_int_equal(sl_ledger_remove(l, "n/a"), 0);
	close_ok(l);
	l = open_ok(false);
	assert_int_equal(sl_ledger_facts(l, see_facts, &b, NULL), 0);
	assert_string_equal(sl_buf_str(&b), "n/b=B;");
	assert_int_equal(sl_ledger_facts_put(l, "n/e", "", 0), 0);
	close_ok(l);
	l = open_ok(false);
	sl_buf_clear(&b);
	assert_int_equal(sl_ledger_facts(l, see_facts, &b, NULL), 0);
	assert_string_equal(sl_buf_str(&b), "n/b=B;n/e=;");
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
	struct sl_part p = { .number = 1, .size = 5, .crc32 = 6,
			     .etag = "\"e\"" };
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

static int see_part(void *arg, const struct sl_part *p)
{
	char *out = arg;

	snprintf(out + strlen(out), 128, "%u %llu %08x %llx %s;", p->number,
		 (unsigned long long)p->size, p->crc32,
		 (unsigned long long)p->sum, p->etag);
	return 0;
}

/* With the sum that the store wanted, or without; one id's only. */
static void test_parts(void **state)
{
	struct sl_ledger *l = open_ok(false);
	struct sl_part p = { .number = 2, .size = UINT64_C(5) << 30,
			     .crc32 = 0xfedcba98, .sum = UINT64_MAX - 1,
			     .etag = "\"e\"" };
	struct sl_part q = { .number = 1, .size = 7, .crc32 = 8 };
	char got[256] = "";

	(void)state;
	assert_int_equal(begin(l, "n/a", "id1"), 0);
	assert_int_equal(begin(l, "n/b", "id2"), 0);
	assert_int_equal(sl_ledger_upload_part(l, "id1", &p), 0);
	assert_int_equal(sl_ledger_upload_part(l, "id1", &q), 0);
	assert_int_equal(sl_ledger_upload_part(l, "id2", &q), 0);
	assert_int_equal(barrier(l), 0);
	assert_int_equal(query("SELECT count(*) FROM parts WHERE sum IS NULL"),
			 2);
	assert_int_equal(sl_ledger_parts(l, "id1", see_part, got, NULL), 0);
	assert_string_equal(got, "1 7 00000008 0 ;"
			    "2 5368709120 fedcba98 fffffffffffffffe \"e\";");
	assert_int_equal(sl_ledger_upload_end(l, "id1"), 0);
	assert_int_equal(barrier(l), 0);
	got[0] = '\0';
	assert_int_equal(sl_ledger_parts(l, "id1", see_part, got, NULL), 0);
	assert_string_equal(got, "");
	close_ok(l);
}

/* A ledger that the program before this one left in the middle of a copy. */
static void test_parts_without_sums(void **state)
{
	struct sl_part p = { .number = 1, .size = 5, .crc32 = 6, .sum = 7,
			     .etag = "\"e\"" };
	char got[256] = "";
	struct sl_ledger *l;

	(void)state;
	close_ok(open_ok(false));
	query("ALTER TABLE parts DROP COLUMN sum");
	query("PRAGMA user_version=2");
	query("INSERT INTO uploads VALUES('id','n/a')");
	query("INSERT INTO parts VALUES('id','\"e\"',1,5,6)");
	l = open_ok(false);
	assert_int_equal(sl_ledger_parts(l, "id", see_part, got, NULL), 0);
	assert_string_equal(got, "1 5 00000006 0 \"e\";");
	assert_int_equal(sl_ledger_upload_part(l, "id", &p), 0);
	assert_int_equal(barrier(l), 0);
	got[0] = '\0';
	assert_int_equal(sl_ledger_parts(l, "id", see_part, got, NULL), 0);
	assert_string_equal(got, "1 5 00000006 7 \"e\";");
	close_ok(l);
	query("UPDATE parts SET number=-1");
	l = open_ok(false);
	assert_int_equal(sl_ledger_parts(l, "id", see_part, got, NULL),
			 -EUCLEAN);
	close_ok(l);
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

static void test_versions(void **state)
{
	struct sl_error e = { 0 };

	(void)state;
	close_ok(open_ok(false));
	query("PRAGMA user_version=99");
	assert_int_equal(open_fails(&e), -EPROTO);
	assert_non_null(strstr(e.text, "99"));
	/* The first version had no facts. */
	query("DROP TRIGGER files_end");
	query("DROP TABLE facts");
	query("ALTER TABLE parts DROP COLUMN sum");
	query("PRAGMA user_version=1");
	close_ok(open_ok(false));
	query("DELETE FROM facts");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_rows),
		T(test_facts),
		T(test_states),
		T(test_uploads),
		T(test_parts),
		T(test_parts_without_sums),
		T(test_meta),
		T(test_events_are_capped),
		T(test_modes_and_lock),
		T(test_kill),
		T(test_versions),
		T(test_hostile_row),
		T(test_no_place),
		T(test_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

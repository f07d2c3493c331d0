/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger and the disk below it: a full disk and damage are survived and
 * told, and the syncs are counted: fdatasync and fsync of the process are
 * replaced below.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "ledger_rig.h"

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

static int enough_room(void **state)
{
	atomic_store(&disk_full, false);
	return teardown(state);
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

#define T_DISK(f) cmocka_unit_test_setup_teardown(f, setup, enough_room)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_DISK(test_syncs),
		T_DISK(test_disk_full),
		T_DISK(test_full_queue),
		T_DISK(test_damage),
	};

	replace_pwrite();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

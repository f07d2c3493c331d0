/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the file backend can be asked: URLs, every byte a name may have,
 * no way out of the root, stale checksums, leftovers of dead writers.
 */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <utime.h>

#include "backends/file/file.h"
#include "buf.h"
#include "crc.h"
#include "tests/lib/tempdir.h"

struct fixture {
	char *root;
	struct sl_backend *b;
};

static struct sl_backend *open_at(const char *root)
{
	SL_CLEANUP(free) char *url = NULL;
	struct sl_backend_config cfg = { 0 };
	struct sl_backend *b = NULL;
	struct sl_error e = { 0 };

	assert_true(asprintf(&url, "file://%s/", root) > 0);
	cfg.url = url;
	assert_int_equal(sl_file_backend_open(&cfg, &b, &e), 0);
	return b;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->root = sl_test_tempdir();
	f->b = open_at(f->root);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sl_backend_close(f->b);
	sl_test_tempdir_remove(f->root);
	free(f);
	return 0;
}

/* ROOT/name; rotates. */
static const char *at(const struct fixture *f, const char *name)
{
	static char ring[4][1024];
	static unsigned i;
	char *s = ring[i++ % 4];

	snprintf(s, sizeof(ring[0]), "%s/%s", f->root, name);
	return s;
}

static int put(struct fixture *f, const char *key, const char *text)
{
	char bytes[64];
	struct iovec v = { bytes, strlen(text) };
	struct sl_op op = { .key = key, .body = &v, .body_count = 1,
			    .size = strlen(text),
			    .crc32 = sl_crc32(0, text, strlen(text)) };

	strcpy(bytes, text);
	return sl_backend_wait(f->b, sl_backend_put, &op);
}

static int head(struct fixture *f, const char *key, struct sl_object *obj)
{
	struct sl_op op = { .key = key };
	int err = sl_backend_wait(f->b, sl_backend_head, &op);

	*obj = op.obj;
	return err;
}

static int drop(struct fixture *f, const char *key)
{
	struct sl_op op = { .key = key };

	return sl_backend_wait(f->b, sl_backend_remove, &op);
}

struct listing {
	struct sl_op op; /* first */
	struct sl_buf keys;
};

static int on_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	struct listing *l = sl_container_of(op, struct listing, op);

	return sl_buf_printf(&l->keys, "%s|", e->key);
}

static void expect_list(struct fixture *f, const char *prefix, bool recursive,
			const char *want)
{
	struct listing l = { .op = { .prefix = prefix, .on_entry = on_entry,
				     .recursive = recursive },
			     .keys = SL_BUF_INIT(1 << 16) };

	assert_int_equal(sl_backend_wait(f->b, sl_backend_list, &l.op), 0);
	assert_string_equal(sl_buf_str(&l.keys), want);
	sl_buf_release(&l.keys);
}

static void write_file(const char *path, const char *text)
{
	SL_CLEANUP(fd) int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_urls(void **state)
{
	static const struct {
		const char *url;
		int err;
	} rows[] = {
		{ "file:/tmp/", -EINVAL },   { "file://host/tmp/", -EINVAL },
		{ "file://", -EINVAL },	     { "file:///%zz/", -EINVAL },
		{ "file:///%0", -EINVAL },   { "file:///a%00/", -EINVAL },
		{ "s3://bucket/", -EINVAL },
		{ "file:///no/such/dir/", -ENOENT },
		{ "file:///dev/null/", -ENOTDIR }, { "file:///%2F/", 0 },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_backend_config cfg = { .url = rows[i].url };
		struct sl_backend *b = NULL;
		struct sl_error e = { 0 };

		assert_int_equal(sl_file_backend_open(&cfg, &b, &e),
				 rows[i].err);
		assert_int_equal(e.errnum, -rows[i].err);
		assert_true((b != NULL) == (rows[i].err == 0));
		sl_backend_close(b);
	}
}

static void test_every_byte(void **state)
{
	struct fixture *f = *state;
	struct sl_object obj;

	for (int c = 1; c < 256; c++) {
		char key[4] = { 'x', (char)c, 'y', 0 };

		if (c == '/')
			continue;
		assert_int_equal(put(f, key, "v"), 0);
		assert_int_equal(head(f, key, &obj), 0);
		assert_int_equal(drop(f, key), 0);
	}
	expect_list(f, "", true, "");
}

static void test_long_segment(void **state)
{
	struct fixture *f = *state;
	struct sl_object obj;
	char key[300];

	memset(key, 'k', 256);
	key[256] = '\0';
	assert_int_equal(put(f, key, "v"), -ENAMETOOLONG);
	assert_int_equal(head(f, key, &obj), -ENOENT);
	assert_int_equal(drop(f, key), 0);
	key[255] = '\0';
	assert_int_equal(put(f, key, "v"), 0);
	strcpy(key + 255, "/x");
	assert_int_equal(head(f, key, &obj), -ENOENT);
}

static void test_no_escape(void **state)
{
	struct fixture *f = *state;
	char *outside = sl_test_tempdir();
	struct sl_object obj;
	struct stat st;
	char secret[512];

	snprintf(secret, sizeof(secret), "%s/secret", outside);
	write_file(secret, "s");
	assert_int_equal(symlink(outside, at(f, "dir")), 0);
	assert_int_equal(symlink(secret, at(f, "file")), 0);
	assert_int_equal(mkfifo(at(f, "fifo"), 0644), 0);
	assert_int_equal(head(f, "dir/secret", &obj), -ENOENT);
	assert_int_equal(head(f, "file", &obj), -ENOENT);
	assert_int_equal(head(f, "fifo", &obj), -ENOENT);
	assert_int_equal(put(f, "dir/secret", "x"), -EIO);
	assert_int_equal(drop(f, "dir/secret"), 0);
	assert_int_equal(drop(f, "file"), 0);
	expect_list(f, "", true, "");
	expect_list(f, "dir/", true, "");
	/* A put replaces the link, not what it points to. */
	assert_int_equal(put(f, "file", "mine"), 0);
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(st.st_size, 1);
	assert_int_equal(unlink(at(f, "dir")), 0);
	sl_test_tempdir_remove(outside);
}

static void test_staging_is_hidden(void **state)
{
	struct fixture *f = *state;
	struct sl_op op = { .key = "a/b" };
	struct sl_object obj;
	struct stat st;

	assert_int_equal(sl_backend_wait(f->b, sl_backend_upload_begin, &op),
			 0);
	assert_int_equal(stat(at(f, ".sideloadfs-staging"), &st), 0);
	expect_list(f, "", true, "");
	expect_list(f, "", false, "");
	expect_list(f, ".sideloadfs-staging/", true, "");
	assert_int_equal(put(f, ".sideloadfs-staging/x", "v"), -EACCES);
	assert_int_equal(head(f, ".sideloadfs-staging/x", &obj), -ENOENT);
	assert_int_equal(put(f, ".sideloadfs-stagingx", "v"), 0);
	op.upload_id = op.new_upload_id;
	assert_int_equal(sl_backend_wait(f->b, sl_backend_abort, &op), 0);
	assert_int_equal(stat(at(f, ".sideloadfs-staging"), &st), -1);
	free(op.new_upload_id);
	op.upload_id = "../../etc";
	op.new_upload_id = NULL;
	assert_int_equal(sl_backend_wait(f->b, sl_backend_abort, &op), 0);
	op.on_part = NULL;
	assert_int_equal(sl_backend_wait(f->b, sl_backend_list_parts, &op),
			 -ESTALE);
}

/* Foreign and edited files get their checksum from their bytes. */
static void test_checksums(void **state)
{
	struct fixture *f = *state;
	struct sl_object obj;
	struct utimbuf old = { 1000, 1000 };

	write_file(at(f, "foreign"), "123456789");
	assert_int_equal(head(f, "foreign", &obj), 0);
	assert_int_equal(obj.crc32, 0xcbf43926);
	assert_string_equal(obj.etag, "\"cbf43926\"");
	assert_int_equal(put(f, "edited", "abcdefghi"), 0);
	write_file(at(f, "edited"), "123456789");
	assert_int_equal(utime(at(f, "edited"), &old), 0);
	assert_int_equal(head(f, "edited", &obj), 0);
	assert_int_equal(obj.crc32, 0xcbf43926);
	assert_int_equal(obj.mtime_ms, 1000000);
}

static void test_prune(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(put(f, "a/b/c/d", "v"), 0);
	assert_int_equal(put(f, "a/e", "v"), 0);
	assert_int_equal(drop(f, "a/b/c/d"), 0);
	assert_int_equal(stat(at(f, "a/b"), &st), -1);
	assert_int_equal(stat(at(f, "a"), &st), 0);
	assert_int_equal(drop(f, "a/e"), 0);
	assert_int_equal(stat(at(f, "a"), &st), -1);
	assert_int_equal(stat(f->root, &st), 0);
	/* Empty directories are neither prefixes nor in the way. */
	assert_int_equal(mkdir(at(f, "empty"), 0755), 0);
	expect_list(f, "", false, "");
	assert_int_equal(put(f, "empty", "v"), 0);
	expect_list(f, "", false, "empty|");
	/* A file where a directory would have to be. */
	assert_int_equal(put(f, "empty/x", "v"), -EIO);
	expect_list(f, "", true, "empty|");
}

static void test_sweep(void **state)
{
	struct fixture *f = *state;
	struct sl_backend *b;
	struct stat st;

	assert_int_equal(mkdir(at(f, ".sideloadfs-staging"), 0755), 0);
	write_file(at(f, ".sideloadfs-staging/t-dead"), "half");
	assert_int_equal(mkdir(at(f, ".sideloadfs-staging/d-1"), 0755), 0);
	write_file(at(f, ".sideloadfs-staging/d-1/p00001"), "part");
	assert_int_equal(mkdir(at(f, ".sideloadfs-staging/n-2"), 0755), 0);
	b = open_at(f->root);
	sl_backend_close(b);
	assert_int_equal(stat(at(f, ".sideloadfs-staging"), &st), -1);
	/* An upload of a dead process can be resumed: it stays. */
	assert_int_equal(mkdir(at(f, ".sideloadfs-staging"), 0755), 0);
	assert_int_equal(mkdir(at(f, ".sideloadfs-staging/u-3"), 0755), 0);
	b = open_at(f->root);
	sl_backend_close(b);
	assert_int_equal(stat(at(f, ".sideloadfs-staging/u-3"), &st), 0);
}

#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		CASE(test_every_byte),
		CASE(test_long_segment),
		CASE(test_no_escape),
		CASE(test_staging_is_hidden),
		CASE(test_checksums),
		CASE(test_prune),
		CASE(test_sweep),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

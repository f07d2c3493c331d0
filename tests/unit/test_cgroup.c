/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of control groups, both versions, in trees made for the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/tempdir.h"
#include "cgroup.h"
#include "rate.h"

struct file {
	const char *path, *text;
};

#define SELF "proc/self/cgroup"
#define CG "sys/fs/cgroup"

static void put_file(const char *root, const struct file *f)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", root, f->path);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(path, 0700))
			assert_int_equal(errno, EEXIST);
		*p = '/';
	}
	out = fopen(path, "we");
	assert_non_null(out);
	assert_true(fputs(f->text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static const struct {
	const char *name;
	struct file files[6];
	uint64_t memory;
	int cpus;
} cases[] = {
	{ "nothing at all", { { "x", "" } }, 0, 0 },
	{ "version 2, no limit",
	  { { SELF, "0::/a\n" }, { CG "/a/memory.max", "max\n" },
	    { CG "/a/cpu.max", "max 100000\n" } }, 0, 0 },
	{ "version 2, our own",
	  { { SELF, "0::/a/b\n" }, { CG "/a/b/memory.max", "1048576\n" },
	    { CG "/a/b/cpu.max", "150000 100000\n" } }, 1048576, 2 },
	{ "version 2, a parent has less",
	  { { SELF, "0::/a/b\n" }, { CG "/a/b/memory.max", "4096000\n" },
	    { CG "/a/memory.max", "1048576\n" },
	    { CG "/a/b/cpu.max", "max 100000\n" },
	    { CG "/a/cpu.max", "20000 100000\n" } }, 1048576, 1 },
	{ "version 2, memory.high is lower",
	  { { SELF, "0::/a\n" }, { CG "/a/memory.max", "4096000\n" },
	    { CG "/a/memory.high", "2048000\n" } }, 2048000, 0 },
	{ "version 2 in a container",
	  { { SELF, "0::/\n" }, { CG "/memory.max", "1048576\n" },
	    { CG "/cpu.max", "400000 100000\n" } }, 1048576, 4 },
	{ "version 1, a path that is only seen outside",
	  { { SELF, "9:memory:/docker/xyz\n3:cpu,cpuacct:/docker/xyz\n" },
	    { CG "/memory/memory.limit_in_bytes", "1048576\n" },
	    { CG "/cpu/cpu.cfs_quota_us", "300000\n" },
	    { CG "/cpu/cpu.cfs_period_us", "100000\n" } }, 1048576, 3 },
	{ "version 1, a parent has less, no quota",
	  { { SELF, "4:memory:/p/c\n3:cpuacct,cpu:/p\n" },
	    { CG "/memory/p/c/memory.limit_in_bytes",
	      "9223372036854771712\n" },
	    { CG "/memory/p/memory.limit_in_bytes", "1048576\n" },
	    { CG "/cpu/p/cpu.cfs_quota_us", "-1\n" },
	    { CG "/cpu/p/cpu.cfs_period_us", "100000\n" } }, 1048576, 0 },
	{ "another controller's name begins like it",
	  { { SELF, "4:cpuset:/p\n" }, { CG "/cpu/p/cpu.cfs_quota_us", "1\n" },
	    { CG "/cpu/p/cpu.cfs_period_us", "1\n" } }, 0, 0 },
	{ "nonsense",
	  { { SELF, "hello\n::\n0:\n" }, { CG "/memory.max", "-\n" } }, 0, 0 },
};

static void the_least_of_all_levels(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
		char *root = sl_test_tempdir();

		assert_non_null(root);
		for (size_t k = 0; k < 6 && cases[i].files[k].path; k++)
			put_file(root, &cases[i].files[k]);
		if (sl_cgroup_memory(root) != cases[i].memory ||
		    sl_cgroup_cpus(root) != cases[i].cpus)
			fail_msg("%s: %llu bytes, %d CPUs", cases[i].name,
				 (unsigned long long)sl_cgroup_memory(root),
				 sl_cgroup_cpus(root));
		sl_test_tempdir_remove(root);
	}
}

static void what_is_free(void **state)
{
	static const struct file f = {
		"proc/meminfo", "MemTotal:  8 kB\nMemFree: 3 kB\n"
				"MemAvailable:    5000 kB\n"
	};
	char *root = sl_test_tempdir();

	(void)state;
	assert_non_null(root);
	assert_int_equal(sl_memory_available(root), 0);
	put_file(root, &f);
	assert_int_equal(sl_memory_available(root), 5000 * 1024);
	assert_true(sl_memory_available("") > 0);
	sl_test_tempdir_remove(root);
}

static void rates(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t rate;
		const char *shown;
	} rows[] = {
		{ "off", 0, 0, "off" },
		{ "0", 0, 0, "off" },
		{ "65536", 0, 65536, "64K" },
		{ "64k", 0, 65536, "64K" },
		{ "65537", 0, 65537, "65537" },
		{ "1536K", 0, 1536 << 10, "1536K" },
		{ "40M", 0, 40 << 20, "40M" },
		{ "1024M", 0, 1 << 30, "1G" },
		{ "1024G", 0, (uint64_t)1 << 40, "1024G" },
		{ "1025G", -EINVAL, 0, NULL },
		{ "18446744073709551616", -EINVAL, 0, NULL },
		{ "99999999999999999999G", -EINVAL, 0, NULL },
		{ "65535", -EINVAL, 0, NULL },
		{ "63K", -EINVAL, 0, NULL },
		{ "1.5M", -EINVAL, 0, NULL },
		{ "40Mbit", -EINVAL, 0, NULL },
		{ "40MB", -EINVAL, 0, NULL },
		{ "40T", -EINVAL, 0, NULL },
		{ "-40M", -EINVAL, 0, NULL },
		{ " 40M", -EINVAL, 0, NULL },
		{ "040M", -EINVAL, 0, NULL },
		{ "", -EINVAL, 0, NULL },
		{ "M", -EINVAL, 0, NULL },
	};
	char shown[24];

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		uint64_t n = 7;

		if (sl_rate_parse(rows[i].text, &n) != rows[i].err ||
		    (rows[i].shown && n != rows[i].rate))
			fail_msg("'%s'", rows[i].text);
		if (rows[i].shown)
			assert_string_equal(sl_rate_format(shown,
							   sizeof(shown), n),
					    rows[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_of_all_levels),
		cmocka_unit_test(what_is_free),
		cmocka_unit_test(rates),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

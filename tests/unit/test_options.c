/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option parsing: what people type, what mount(8) passes, and what must be
 * refused.
 */
#include "options_rig.h"

static void test_defaults(void **state)
{
	char id[] = "6B4E7A6E-1111-4222-8333-944455566677";
	char name[] = "sideloadfs";
	char mnt[] = "/";
	char *argv[] = { name, id, mnt, NULL };
	struct sl_options o;
	struct sl_error e;

	(void)state;
	assert_int_equal(parse(&o, &e, argv), 0);
	assert_string_equal(o.db_id, ID);
	assert_string_equal(o.mountpoint, "/");
	assert_string_equal(o.api_url, SL_API_URL);
	assert_int_equal(o.connections, 32);
	assert_int_equal(o.rate, 0);
	assert_int_equal(o.nice, 10);
	assert_int_equal(o.retry_for_ms, 6 * 3600 * 1000);
	assert_true(o.keep);
	assert_false(o.allow_other || o.foreground || o.debug);
	assert_true(o.memory >= 32u << 20 && o.memory <= 256u << 20);
	assert_int_equal(o.node_count, 1);
	assert_string_equal(o.fuse_opts, "");
	sl_options_release(&o);
}

static void test_values(void **state)
{
	struct sl_options o;
	struct sl_error e;

	(void)state;
	assert_int_equal(parse_o(&o, &e, "migration=" ID ",node=a:b-1,"
				 "expect=a:c,tag=x*,state=/s\\,t,memory=64,"
				 "connections=1,retry_for=30m,keep=off,"
				 "allow_other,api_url=http://127.0.0.1:9,"
				 "rate=40M,nice=0"), 0);
	assert_string_equal(o.migration, ID);
	assert_int_equal(o.node_count, 2);
	assert_string_equal(o.nodes[1], "b-1");
	assert_string_equal(o.node_text, "a:b-1");
	assert_int_equal(o.expect_count, 2);
	assert_string_equal(o.expect[1], "c");
	assert_string_equal(o.tag, "x*");
	assert_string_equal(o.state_dir, "/s,t");
	assert_int_equal(o.memory, 64u << 20);
	assert_int_equal(o.connections, 1);
	assert_int_equal(o.rate, 40 << 20);
	assert_int_equal(o.nice, 0);
	assert_int_equal(o.retry_for_ms, 30 * 60 * 1000);
	assert_false(o.keep);
	assert_true(o.allow_other);
	sl_options_release(&o);
	assert_int_equal(parse_o(&o, &e, "node=*,retry_for=0"), 0);
	assert_true(o.any_node);
	assert_null(o.nodes);
	assert_int_equal(o.retry_for_ms, 0);
	sl_options_release(&o);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *opts, *says;
	} row[] = {
		{ "memori=64", "'memory'" },
		{ "frobnicate", "--help" },
		{ "token=AstraCS:secret", "token_file=" },
		{ "memory=31", "from 32 to 1048576" },
		{ "memory=1048577", "from 32" },
		{ "memory=64M", "from 32" },
		{ "memory=-64", "from 32" },
		{ "memory=99999999999999999999", "from 32" },
		{ "connections=0", "from 1 to 512" },
		{ "connections=513", "from 1 to 512" },
		{ "rate=63K", "64K to 1024G" },
		{ "rate=8Mbit", "512K" },
		{ "nice=20", "from 0 to 19" },
		{ "nice=-5", "from 0 to 19" },
		{ "retry_for=6x", "30m" },
		{ "retry_for=31d", "30 days" },
		{ "retry_for=h", "30m" },
		{ "keep=yes", "neither" },
		{ "keep", "needs a value" },
		{ "tag=", "needs a value" },
		{ "allow_other=1", "takes no value" },
		{ "migration=x", "not a UUID" },
		{ "node=a::b", "not a node name" },
		{ "node=a:.b", "not a node name" },
		{ "node=a:a", "twice" },
		{ "expect=*", "not a node name" },
		{ "api_url=ftp://x", "not a URL" },
		{ "api_url=https://", "not a URL" },
		{ "api_url=https://u@h", "character" },
	};
	struct sl_options o;
	struct sl_error e;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		int r = parse_o(&o, &e, row[i].opts);

		if (r != -EINVAL || !strstr(e.text, row[i].says))
			fail_msg("%s: %d '%s'", row[i].opts, r, e.text);
		if (strstr(e.text, "secret"))
			fail_msg("the token is told");
		sl_options_release(&o);
	}
}

static void test_memory(void **state)
{
	static const struct {
		uint64_t asked, limit, available, result; /* MiB */
		int err;
	} row[] = {
		{ 0, 0, 0, 256, 0 },
		{ 0, 16384, 8192, 256, 0 },
		{ 0, 512, 8192, 128, 0 },
		{ 0, 16384, 400, 100, 0 },
		{ 0, 64, 8192, 32, 0 },
		{ 1000, 0, 0, 1000, 0 },
		{ 1000, 1001, 10, 1000, 0 },
		{ 1000, 999, 8192, 0, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		uint64_t n = row[i].asked << 20;
		struct sl_error e = { 0 };
		int r = sl_memory_decide(&n, row[i].limit << 20,
					 row[i].available << 20, &e);

		if (r != row[i].err || (!r && n >> 20 != row[i].result))
			fail_msg("row %zu: %d %llu", i, r,
				 (unsigned long long)n >> 20);
		assert_int_equal(r, e.text[0] ? -EINVAL : 0);
	}
}

static void test_token_wiped_from_argv(void **state)
{
	char name[] = "sideloadfs", dash[] = "-o", id[] = ID, mnt[] = "/";
	char opts[] = "keep=on,token=AstraCS:secret,memory=64";
	char *argv[] = { name, dash, opts, id, mnt, NULL };
	struct sl_options o;
	struct sl_error e;

	(void)state;
	assert_int_equal(parse(&o, &e, argv), -EINVAL);
	assert_null(strstr(opts, "secret"));
	assert_non_null(strstr(opts, ",memory=64"));
	sl_options_release(&o);
}

static void test_mount_helper(void **state)
{
	char name[] = "/sbin/mount.fuse.sideloadfs", id[] = ID, mnt[] = "/";
	char dash[] = "-o", sn[] = "-sn", t[] = "-t", fake[] = "-f";
	char type[] = "fuse.sideloadfs";
	char opts[] = "rw,dev,suid,nosuid,nodev,noexec,noatime,_netdev,"
		      "user=joe,x-systemd.automount,defaults,node=n1";
	char *argv[] = { name, id, mnt, sn, dash, opts, t, type, NULL };
	char *argv_fake[] = { name, id, mnt, fake, NULL };
	struct sl_options o;
	struct sl_error e;

	(void)state;
	assert_int_equal(parse(&o, &e, argv), 0);
	assert_string_equal(o.fuse_opts, "rw,nosuid,nodev,noexec,noatime");
	assert_string_equal(o.node_text, "n1");
	sl_options_release(&o);
	assert_int_equal(parse(&o, &e, argv_fake), 1);
	sl_options_release(&o);
}

static void test_command_line(void **state)
{
	char name[] = "sideloadfs", id[] = ID, mnt[] = "/", more[] = "x";
	char fd[] = "-fd", s[] = "-s", o1[] = "-omemory=64", bad[] = "--frob";
	char *good[] = { name, fd, o1, id, mnt, NULL };
	char *bads[][6] = {
		{ name, NULL }, { name, id, NULL },
		{ name, id, mnt, more, NULL }, { name, s, id, mnt, NULL },
		{ name, bad, id, mnt, NULL }, { name, more, mnt, NULL },
	};
	struct sl_options o;
	struct sl_error e;

	(void)state;
	assert_int_equal(parse(&o, &e, good), 0);
	assert_true(o.foreground && o.debug);
	assert_int_equal(o.memory, 64u << 20);
	sl_options_release(&o);
	for (size_t i = 0; i < SL_ARRAY_LEN(bads); i++) {
		assert_int_equal(parse(&o, &e, bads[i]), -EINVAL);
		assert_true(e.text[0]);
		sl_options_release(&o);
	}
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

/* The file 'text' as policy=; big: that many comment bytes before it. */
static int parse_policy(struct sl_options *o, struct sl_error *e,
			const char *path, const char *text, size_t big)
{
	char option[128];
	char *all = malloc(big + strlen(text) + 1);
	int r;

	assert_non_null(all);
	memset(all, '#', big);
	memcpy(all + big, text, strlen(text) + 1);
	write_file(path, all, 0644);
	free(all);
	snprintf(option, sizeof(option), "policy=%s", path);
	r = parse_o(o, e, option);
	assert_int_equal(unlink(path), 0);
	return r;
}

static void test_policy(void **state)
{
	char dir[] = "/tmp/sl-test-XXXXXX";
	char path[64], option[128];
	struct sl_options o;
	struct sl_error e;

	(void)state;
	assert_int_equal(parse_o(&o, &e, "node=a"), 0);
	assert_null(o.policy);
	sl_options_release(&o);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/policy", dir);
	assert_int_equal(parse_policy(&o, &e, path, "crc-table warn\n", 0), 0);
	assert_int_equal(o.policy->verdict[SL_RULE_CRC_TABLE], SL_WARN);
	assert_int_equal(o.policy->verdict[SL_RULE_CRC_DB], SL_REJECT);
	sl_options_release(&o);
	assert_int_equal(parse_policy(&o, &e, path, "\n\nx warn\n", 0),
			 -EINVAL);
	assert_non_null(strstr(e.text, "/policy, line 3: 'x' is no rule"));
	assert_null(o.policy);
	sl_options_release(&o);
	assert_int_equal(parse_policy(&o, &e, path, "\n", 65535), 0);
	sl_options_release(&o);
	assert_int_equal(parse_policy(&o, &e, path, "\n", 65536), -EINVAL);
	assert_non_null(strstr(e.text, "larger than 64 KiB"));
	sl_options_release(&o);
	snprintf(option, sizeof(option), "policy=%s", path);
	assert_int_equal(parse_o(&o, &e, option), -ENOENT);
	assert_non_null(strstr(e.text, "cannot read policy"));
	sl_options_release(&o);
	snprintf(option, sizeof(option), "policy=%s", dir);
	assert_int_equal(parse_o(&o, &e, option), -EINVAL);
	assert_non_null(strstr(e.text, "not a regular file"));
	sl_options_release(&o);
	/* A FIFO without a writer must not hold the start up. */
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(option, sizeof(option), "policy=%s", path);
	assert_int_equal(parse_o(&o, &e, option), -EINVAL);
	sl_options_release(&o);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* What --rules prints changes nothing when it is given back. */
static void test_rules_are_a_policy(void **state)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(65536);
	struct sl_policy p, same;
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_options_rules(&b), 0);
	sl_policy_init(&same);
	memset(&p, SL_WARN, sizeof(p));
	p.verdict[SL_RULE_NONE] = SL_ACCEPT;
	assert_int_equal(sl_policy_parse(&p, "rules", sl_buf_str(&b), b.len,
					 &e), 0);
	assert_memory_equal(&p, &same, sizeof(p));
}

static void test_token(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		int err;
		const char *token;
	} row[] = {
		{ "AstraCS:a\n", 0600, 0, "AstraCS:a" },
		{ " \"AstraCS:a\"\r\n", 0400, 0, "AstraCS:a" },
		{ "AstraCS:a\n", 0640, -EACCES, NULL },
		{ "AstraCS:a\n", 0604, -EACCES, NULL },
		{ "\n", 0600, -ENOKEY, NULL },
		{ "AstraCS:a\nb\n", 0600, -EINVAL, NULL },
	};
	char dir[] = "/tmp/sl-test-XXXXXX";
	char path[64], rc[64];
	struct sl_options o = { 0 };
	struct sl_error e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("HOME", dir, 1), 0);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	snprintf(path, sizeof(path), "%s/t", dir);
	snprintf(rc, sizeof(rc), "%s/.astrarc", dir);
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		write_file(path, row[i].text, row[i].mode);
		o.token_file = strdup(path);
		assert_int_equal(sl_options_token(&o, &e), row[i].err);
		if (row[i].token)
			assert_string_equal(o.token, row[i].token);
		sl_options_release(&o);
	}
	o.token_file = strdup(dir);
	assert_int_equal(sl_options_token(&o, &e), -EINVAL);
	sl_options_release(&o);
	assert_int_equal(sl_options_token(&o, &e), -ENOKEY);
	assert_non_null(strstr(e.text, "token_file="));
	write_file(rc, "[other]\nASTRA_DB_APPLICATION_TOKEN=no\n[default]\n"
		   "ASTRA_DB_APPLICATION_TOKEN=AstraCS:rc\n", 0600);
	assert_int_equal(sl_options_token(&o, &e), 0);
	assert_string_equal(o.token, "AstraCS:rc");
	assert_int_equal(setenv("ASTRA_DB_APPLICATION_TOKEN", "AstraCS:e", 1),
			 0);
	assert_int_equal(sl_options_token(&o, &e), 0);
	assert_string_equal(o.token, "AstraCS:e");
	assert_null(getenv("ASTRA_DB_APPLICATION_TOKEN"));
	sl_options_release(&o);
	assert_int_equal(unlink(path) | unlink(rc) | rmdir(dir), 0);
}

static void test_help_is_complete(void **state)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(65536);
	const struct sl_option *opt;

	(void)state;
	assert_int_equal(sl_options_help(&b), 0);
	for (size_t i = 0; (opt = sl_option_at(i)); i++) {
		char head[64];

		snprintf(head, sizeof(head), "\n  %s%s", opt->name,
			 opt->value ? "=" : "\n");
		assert_non_null(strstr(sl_buf_str(&b), head));
		assert_true(opt->help[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_token_wiped_from_argv),
		cmocka_unit_test(test_mount_helper),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_rules_are_a_policy),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_help_is_complete),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Keys with hard bytes, and listings: order, folding, prefixes, pages. */
#include "conf.h"

static const char *const hard[] = {
	"space in name", " lead", "trail ", "a+b", "100%", "%41", "%2F", "%",
	"q?x=y", "frag#ment", "a&b", "it's", "\"quoted\"", "~tilde", "a;b",
	"a:b", "a,b", "a=b", "a@b", "a!b", "a$b", "(a)", "*", "[a]", "{a}",
	"a|b", "a^b", "`a`", "<a>", "&amp;", "]]>", "a\\b", ".hidden", "..x",
	"...", "x..", "-dash", "_", "caf\xc3\xa9", "\xe6\xbc\xa2\xe5\xad\x97",
	"\xf0\x9f\x98\x80", "e\xcc\x81", "A", "a", "aws-chunked", "?", "#",
	"tab\there", "del\x7f", "d.d/..x/y", "+/ /%",
	"dir.with.dots/file", "u?/v#/w%20",
};

/* A store may have names that it does not take; then they are never there. */
static int put_hard(struct ctx *c, const char *name, const char *text,
		    bool *taken)
{
	const char *k = sl_conf_key(c, "%s", name);
	struct flight_op o;
	int err;

	sl_conf_put_op(c, &o, k, text, strlen(text));
	err = sl_backend_wait(c->b, sl_backend_put, &o.op);
	*taken = !err;
	if (!err)
		return 0;
	EXPECT_ERR(err, -EOPNOTSUPP);
	EXPECT(o.op.error.text[0]);
	TRY(sl_conf_absent(c, k));
	if (c->b->caps & SL_CAP_REMOVE)
		EXPECT_ERR(sl_conf_do_remove(c, k), 0);
	return 0;
}

static int keys_hard(struct ctx *c)
{
	bool taken[SL_ARRAY_LEN(hard)];
	size_t count = 0;

	for (size_t i = 0; i < SL_ARRAY_LEN(hard); i++) {
		TRY(put_hard(c, hard[i], hard[i], &taken[i]));
		count += taken[i];
	}
	EXPECT(count >= SL_ARRAY_LEN(hard) * 4 / 5);
	/* None of them was taken for another. */
	for (size_t i = 0; i < SL_ARRAY_LEN(hard); i++)
		if (taken[i])
			TRY(sl_conf_is(c, sl_conf_key(c, "%s", hard[i]),
				       hard[i], strlen(hard[i])));
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int keys_hard_listed(struct ctx *c)
{
	const char *sorted[SL_ARRAY_LEN(hard)];
	SL_CLEANUP(buf) struct sl_buf want = SL_BUF_INIT(1 << 20);
	SL_CLEANUP(buf) struct sl_buf got = SL_BUF_INIT(1 << 20);

	memcpy(sorted, hard, sizeof(hard));
	qsort(sorted, SL_ARRAY_LEN(hard), sizeof(sorted[0]), compare);
	for (size_t i = 0; i < SL_ARRAY_LEN(hard); i++) {
		bool taken;

		TRY(put_hard(c, sorted[i], "", &taken));
		if (taken)
			sl_buf_printf(&want, "%s%s\n", c->dir, sorted[i]);
	}
	EXPECT_ERR(sl_conf_do_list(c, c->dir, true, &got), 0);
	EXPECT(!strcmp(sl_buf_str(&got), sl_buf_str(&want)));
	EXPECT_ERR(sl_conf_clean(c, c->dir), 0);
	sl_buf_clear(&got);
	EXPECT_ERR(sl_conf_do_list(c, c->dir, true, &got), 0);
	EXPECT(got.len == 0);
	return 0;
}

/* Exactly max_key bytes (at most 1000), in segments of at most 120. */
static int keys_long(struct ctx *c)
{
	char k[1001];
	size_t n = c->b->limits.max_key < 1000 ? c->b->limits.max_key : 1000;
	size_t at = strlen(c->dir);

	memcpy(k, c->dir, at);
	for (size_t i = 0; at < n; i++, at++)
		k[at] = i % 121 == 120 && at + 1 < n
				? '/'
				: (char)('a' + i % 26);
	k[n] = '\0';
	TRY(sl_conf_put_bytes(c, k, "long", 4));
	TRY(sl_conf_is(c, k, "long", 4));
	k[n - 1] = '_';
	TRY(sl_conf_absent(c, k));
	return 0;
}

static const struct conf_case key_cases[] = {
	{ "put_keys_hard", 0, keys_hard },
	{ "keys_hard_listed", SL_CAP_LIST | SL_CAP_REMOVE, keys_hard_listed },
	{ "put_keys_long", 0, keys_long },
};
const struct conf_table sl_conf_keys = {
	.cases = key_cases,
	.count = SL_ARRAY_LEN(key_cases),
};

/* Byte order of whole keys is not the order of a tree's directories. */
static const char *const tree[] = {
	"a!", "a-b", "a.b", "a/b", "a/c/d", "a/c/e", "a0", "aa/x", "b",
	"b-/z", "ba/1", "c/d/e/f/g", "z",
};

static int make_tree(struct ctx *c)
{
	/* Not in order. */
	for (size_t i = 0; i < SL_ARRAY_LEN(tree); i++) {
		const char *k = tree[i * 5 % SL_ARRAY_LEN(tree)];

		TRY(sl_conf_put_bytes(c, sl_conf_key(c, "%s", k), k,
				      strlen(k)));
	}
	return 0;
}

static const struct {
	const char *prefix;
	bool recursive;
	const char *want; /* blank separated */
} listings[] = {
	{ "", true, "a! a-b a.b a/b a/c/d a/c/e a0 aa/x b b-/z ba/1 "
		    "c/d/e/f/g z" },
	{ "", false, "a! a-b a.b a/ a0 aa/ b b-/ ba/ c/ z" },
	{ "a/", true, "a/b a/c/d a/c/e" },
	{ "a/", false, "a/b a/c/" },
	{ "a/c/", false, "a/c/d a/c/e" },
	{ "a", true, "a! a-b a.b a/b a/c/d a/c/e a0 aa/x" },
	{ "a", false, "a! a-b a.b a/ a0 aa/" },
	{ "a/c", false, "a/c/" },
	{ "a/c", true, "a/c/d a/c/e" },
	{ "b", false, "b b-/ ba/" },
	{ "c/", false, "c/d/" },
	{ "c/d/e/f/g", false, "c/d/e/f/g" },
	{ "c/d/e/f/g/", true, "" },
	{ "nothing", true, "" },
	{ "nothing/", false, "" },
	{ "z/", false, "" },
};

static int list_one(struct ctx *c, size_t row)
{
	SL_CLEANUP(buf) struct sl_buf got = SL_BUF_INIT(1 << 16);
	SL_CLEANUP(buf) struct sl_buf want = SL_BUF_INIT(1 << 16);
	const char *p = listings[row].want;
	const char *prefix = sl_conf_key(c, "%s", listings[row].prefix);

	while (*p) {
		size_t n = strcspn(p, " ");

		sl_buf_printf(&want, "%s%.*s\n", c->dir, (int)n, p);
		p += n + (p[n] == ' ');
	}
	EXPECT_ERR(sl_conf_do_list(c, prefix, listings[row].recursive, &got),
		   0);
	if (strcmp(sl_buf_str(&got), sl_buf_str(&want)) != 0) {
		printf("# listing '%s' %s gave:\n", listings[row].prefix,
		       listings[row].recursive ? "recursively" : "plainly");
		for (char *l = strtok(got.data, "\n"); l;
		     l = strtok(NULL, "\n"))
			printf("#   %s\n", l);
		return -1;
	}
	return 0;
}

static int list_tree(struct ctx *c)
{
	int bad = 0;

	TRY(make_tree(c));
	for (size_t i = 0; i < SL_ARRAY_LEN(listings); i++)
		bad |= list_one(c, i);
	return bad;
}

static int check_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	const struct flight_op *o =
		sl_container_of(op, struct flight_op, op);
	size_t dir = o->iov.iov_len; /* length of the case's directory */

	if (e->is_prefix)
		return e->key[strlen(e->key) - 1] == '/' ? 0 : -EDOM;
	if (e->obj.size != strlen(e->key) - dir)
		return -ERANGE;
	return e->obj.etag[0] ? 0 : -ENOMSG;
}

static int list_fields(struct ctx *c)
{
	struct flight_op o = { .op = { .prefix = c->dir,
				       .on_entry = check_entry,
				       .retry_for_ms = -1 },
			       .iov = { .iov_len = strlen(c->dir) } };

	TRY(make_tree(c));
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_list, &o.op), 0);
	o.op.recursive = true;
	EXPECT_ERR(sl_backend_wait(c->b, sl_backend_list, &o.op), 0);
	return 0;
}

static int list_stopped(struct ctx *c)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(strlen(c->dir) + 10);

	TRY(make_tree(c));
	EXPECT_ERR(sl_conf_do_list(c, c->dir, true, &b), -E2BIG);
	EXPECT(b.len > 0);
	return 0;
}

#define OBJECTS 1500
#define WINDOW 32

static int put_many(struct ctx *c, struct flight_op *ops, char **keys)
{
	struct flight f;

	sl_conf_flight_init(&f);
	for (int i = 0; i < OBJECTS; i++) {
		sl_conf_flight_wait(&f, WINDOW - 1);
		sl_conf_put_op(c, &ops[i], keys[i], "", 0);
		sl_conf_flight_start(c, &f, &ops[i], sl_backend_put);
	}
	sl_conf_flight_wait(&f, 0);
	for (int i = 0; i < OBJECTS; i++)
		EXPECT_ERR(ops[i].op.err, 0);
	return 0;
}

static int many(struct ctx *c, struct flight_op *ops, char **keys)
{
	SL_CLEANUP(buf) struct sl_buf want = SL_BUF_INIT(1 << 20);
	SL_CLEANUP(buf) struct sl_buf got = SL_BUF_INIT(1 << 20);
	const char *front = sl_conf_key(c, "m");

	for (int i = 0; i < OBJECTS; i++)
		sl_buf_printf(&want, "%s\n", keys[i]);
	TRY(put_many(c, ops, keys));
	EXPECT_ERR(sl_conf_do_list(c, c->dir, true, &got), 0);
	EXPECT(!strcmp(sl_buf_str(&got), sl_buf_str(&want)));
	/* Plainly: as many common prefixes as directories, and no key. */
	sl_buf_clear(&got);
	sl_buf_clear(&want);
	for (int i = 0; i < OBJECTS; i++)
		if (i % 3 == 0)
			sl_buf_printf(&want, "%s%04d/\n", front, i / 3);
	EXPECT_ERR(sl_conf_do_list(c, c->dir, false, &got), 0);
	EXPECT(!strcmp(sl_buf_str(&got), sl_buf_str(&want)));
	return 0;
}

static int list_many(struct ctx *c)
{
	SL_CLEANUP(free) struct flight_op *ops = calloc(OBJECTS, sizeof(*ops));
	SL_CLEANUP(free) char **keys = calloc(OBJECTS, sizeof(*keys));
	int err;

	EXPECT(ops && keys);
	for (int i = 0; i < OBJECTS; i++)
		keys[i] = strdup(sl_conf_key(c, "m%04d/o%d", i / 3, i % 3));
	err = many(c, ops, keys);
	for (int i = 0; i < OBJECTS; i++)
		free(keys[i]);
	return err;
}

static const struct conf_case list_cases[] = {
	{ "list_tree", SL_CAP_LIST, list_tree },
	{ "list_fields", SL_CAP_LIST, list_fields },
	{ "list_stopped", SL_CAP_LIST, list_stopped },
	{ "list_many", SL_CAP_LIST, list_many },
};
const struct conf_table sl_conf_list = {
	.cases = list_cases,
	.count = SL_ARRAY_LEN(list_cases),
};

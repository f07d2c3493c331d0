/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of names by itself: what an entry costs, how names are found among
 * many, moves, ETags, and what goes when the kernel forgets. The sources are
 * included because the daemon's files are no part of the library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "../../fs/mount/tree.c"
#include "../../fs/mount/tree_etag.c"
#include "../../fs/mount/tree_path.c"

#define SNAP "/ks/t-00112233445566778899aabbccddeeff/snapshots/s"
#define MD5 "0123456789abcdef0123456789abcdef"

static char node1[] = "node1";
static char *own_nodes[] = { node1 };
static struct sl_options options = { .nodes = own_nodes, .node_count = 1 };
static struct sl_mount mount_ = { .opt = &options };

static int setup(void **state)
{
	(void)state;
	return sl_tree_new(&mount_.tree);
}

static int teardown(void **state)
{
	(void)state;
	sl_tree_free(mount_.tree);
	mount_.tree = NULL;
	return 0;
}

/* As a listing makes it. */
static struct sl_node *listed_file(struct sl_node *dir, const char *name)
{
	struct sl_node *n;

	sl_mutex_assume_held(&mount_.tree->mu);
	assert_int_equal(sl_tree_add_locked(&mount_, dir, name, SL_NODE_FILE,
					    &n), 0);
	n->in_bucket = true;
	sl_tree_set_state_locked(mount_.tree, n, SL_FILE_COMMITTED);
	assert_int_equal(sl_node_set_etag(n, "\"" MD5 "\""), 0);
	return n;
}

static struct sl_node *make_dir(const char *path)
{
	struct sl_node *n = sl_tree_make_locked(&mount_, path, SL_NODE_DIR);

	assert_non_null(n);
	n->u.d.listed = SL_LISTED_YES;
	return n;
}

static const struct {
	const char *text;
	enum form form;
} etags[] = {
	{ "", FORM_NONE },
	{ "\"" MD5 "\"", FORM_MD5 },
	{ "\"" MD5 "-1\"", FORM_PARTS },
	{ "\"" MD5 "-10000\"", FORM_PARTS },
	{ "\"" MD5 "-65535\"", FORM_PARTS },
	{ "\"" MD5 "-65536\"", FORM_TEXT },
	{ "\"" MD5 "-99999999999999999999\"", FORM_TEXT },
	{ "\"" MD5 "-01\"", FORM_TEXT },
	{ "\"" MD5 "-0\"", FORM_TEXT },
	{ "\"" MD5 "-\"", FORM_TEXT },
	{ "\"" MD5 "-7", FORM_TEXT },
	{ "\"" MD5, FORM_TEXT },
	{ "\"" MD5 "\"x", FORM_TEXT },
	{ MD5, FORM_TEXT },
	{ "\"0123456789ABCDEF0123456789abcdef\"", FORM_TEXT },
	{ "\"0123\"", FORM_TEXT },
	{ "\"", FORM_TEXT },
	{ "0x8DD5A1F0C1B2A30", FORM_TEXT },
};

static void etags_come_back(void **state)
{
	struct sl_node *dir = make_dir("node2" SNAP);
	struct sl_node *n = listed_file(dir, "f");
	char room[SL_ETAG_ROOM];

	(void)state;
	sl_mutex_assume_held(&mount_.tree->mu);
	/* Twice, so that each follows each other kind. */
	for (size_t i = 0; i < 2 * SL_ARRAY_LEN(etags); i++) {
		size_t k = i % SL_ARRAY_LEN(etags);

		assert_int_equal(sl_node_set_etag(n, etags[k].text), 0);
		assert_string_equal(sl_node_etag(n, room), etags[k].text);
		assert_int_equal(n->u.f.etag_form, etags[k].form);
	}
	assert_string_equal(sl_node_etag(dir, room), "");
}

/* A component of a table whose SSTables have UUIDs for names. */
static const char longish[] =
	"nb-3gcm_0ybh_4d9rs2xvhm5ppw6zpz-big-CompressionInfo.db";

#define MANY 100000

static size_t longest_chain(const struct sl_tree *t)
{
	size_t longest = 0;

	for (size_t i = 0; i < t->hash_size; i++) {
		size_t k = 0;

		for (struct sl_node *n = t->hash[i]; n; n = n->hash_next)
			k++;
		if (k > longest)
			longest = k;
	}
	return longest;
}

static void many_entries_are_small_and_quickly_found(void **state)
{
	struct sl_node *dir = make_dir("node2" SNAP);
	struct sl_tree *t = mount_.tree;
	size_t before, per;
	char name[80];

	(void)state;
	sl_mutex_assume_held(&t->mu);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%06d%s", i, longish + 6);
		listed_file(dir, name);
	}
	per = (mallinfo2().uordblks + mallinfo2().hblkhd - before) / MANY;
	printf("# bytes per entry: %zu\n", per);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_in_range(per, 100, 299);
#endif
	assert_in_range(longest_chain(t), 1, 16);
	for (int i = 0; i < MANY; i += 997) {
		snprintf(name, sizeof(name), "%06d%s", i, longish + 6);
		assert_non_null(sl_tree_find_locked(t, dir, name));
	}
	assert_null(sl_tree_find_locked(t, dir, "100000"));
}

static void moves_keep_the_node(void **state)
{
	struct sl_node *dir = make_dir("node1" SNAP);
	struct sl_tree *t = mount_.tree;
	struct sl_node *n = listed_file(dir, ".nb-1-big-Data.db.Ab12cd");
	static const char *const names[] = {
		"nb-1-big-Data.db", "x", "nb-1-big-Data.db",
		"a-name-that-is-longer-than-the-one-it-was-made-with",
		"another-name-that-is-longer-than-the-first-one-was",
		"y", "",
	};

	(void)state;
	sl_mutex_assume_held(&t->mu);
	for (size_t i = 0; *names[i]; i++) {
		char was[80];

		snprintf(was, sizeof(was), "%s", n->name);
		assert_int_equal(sl_tree_move_locked(t, n, dir, names[i]), 0);
		assert_ptr_equal(sl_tree_find_locked(t, dir, names[i]), n);
		assert_null(sl_tree_find_locked(t, dir, was));
		assert_string_equal(n->name, names[i]);
	}
}

static void what_can_be_listed_again_is_forgotten(void **state)
{
	struct sl_node *dir = make_dir("node2" SNAP);
	struct sl_node *up = dir->parent, *n, *known;
	struct sl_tree *t = mount_.tree;
	size_t before;

	(void)state;
	sl_mutex_assume_held(&t->mu);
	before = t->entries;
	for (int i = 0; i < 1000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		n = listed_file(dir, name);
		n->nlookup = 1;
	}
	known = n;
	known->nlookup = 2;
	dir->nlookup = 3;
	for (n = dir->child; n; n = n->next)
		sl_tree_forget_locked(t, n, 1);
	assert_int_equal(t->entries, before + 1000);
	sl_tree_forget_locked(t, dir, 2);
	assert_int_equal(t->entries, before + 1000);
	sl_tree_forget_locked(t, dir, 1);
	/* Somebody still has one of them. */
	assert_int_equal(t->entries, before + 1);
	assert_ptr_equal(dir->child, known);
	assert_int_equal(dir->u.d.listed, SL_LISTED_NO);
	sl_tree_forget_locked(t, known, 1);
	dir->nlookup = 1;
	sl_tree_forget_locked(t, dir, 1);
	assert_int_equal(t->entries, before);
	up->nlookup = 1;
	sl_tree_forget_locked(t, up, 1);
	assert_int_equal(t->entries, before - 1);
	assert_null(up->child);
}

static void what_is_ours_stays(void **state)
{
	struct sl_node *dir = make_dir("node1" SNAP);
	struct sl_tree *t = mount_.tree;
	struct sl_node *n = listed_file(dir, "f");

	(void)state;
	sl_mutex_assume_held(&t->mu);
	n->nlookup = dir->nlookup = 1;
	sl_tree_forget_locked(t, n, 1);
	sl_tree_forget_locked(t, dir, 1);
	assert_ptr_equal(sl_tree_find_locked(t, dir, "f"), n);
	assert_int_equal(dir->u.d.listed, SL_LISTED_YES);
	assert_int_equal(t->counts.n[SL_FILE_COMMITTED], 1);
}

static void a_listing_under_way_keeps_its_directory(void **state)
{
	struct sl_node *dir = make_dir("node2" SNAP);
	struct sl_tree *t = mount_.tree;

	(void)state;
	sl_mutex_assume_held(&t->mu);
	listed_file(dir, "f");
	dir->nlookup = 1;
	sl_tree_pin_locked(dir);
	sl_tree_forget_locked(t, dir, 1);
	assert_non_null(sl_tree_find_locked(t, dir, "f"));
	sl_tree_unpin_locked(t, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(etags_come_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			many_entries_are_small_and_quickly_found, setup,
			teardown),
		cmocka_unit_test_setup_teardown(moves_keep_the_node, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_can_be_listed_again_is_forgotten, setup,
			teardown),
		cmocka_unit_test_setup_teardown(what_is_ours_stays, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_listing_under_way_keeps_its_directory, setup,
			teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes, not facts: one real SSTable, and copies of it damaged by one bit, one
 * cut or one byte more, goes through the parsers in many orders, each
 * component told what came before it, as in a mount. The worst verdict of
 * the walk must be the same in all of them.
 */
#include "judge_tree.h"

#include <stdbool.h>

#define DAMAGES 6
#define TRIES 12

struct bytes {
	char path[512];
	unsigned char *p;
	size_t n;
};

static struct bytes files[16];
static size_t count;

static int keep(const char *path, const struct stat *st, int type,
		struct FTW *w)
{
	struct bytes *b = &files[count];
	FILE *f;

	(void)w;
	if (type != FTW_F || !strstr(path, "/node2/smart_home/sensor_") ||
	    !strstr(path, "/snapshots/migrate1/nb-1-big-"))
		return 0;
	f = fopen(path, "rb");
	assert_non_null(f);
	snprintf(b->path, sizeof(b->path), "%s", path + walk_base + 1);
	b->n = (size_t)st->st_size;
	b->p = malloc(b->n + 1);
	assert_non_null(b->p);
	assert_int_equal(fread(b->p, 1, b->n, f), b->n);
	fclose(f);
	count++;
	return 0;
}

static int files_read(void **state)
{
	char tmp[] = "/tmp/sl-orders-XXXXXX", cmd[4096];

	(void)state;
	assert_non_null(mkdtemp(tmp));
	snprintf(cmd, sizeof(cmd),
		 "tar -xJf tests/data/cluster-4.1-smart_home.tar.xz -C '%s'",
		 tmp);
	run(cmd);
	walk_base = strlen(tmp);
	assert_int_equal(nftw(tmp, keep, 20, FTW_PHYS), 0);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", tmp);
	run(cmd);
	assert_int_equal(count, 8);
	return 0;
}

static int files_free(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++)
		free(files[i].p);
	return 0;
}

static void pass(struct sl_judge *j, const struct bytes *b,
		 struct lines *puts)
{
	SL_CLEANUP(facts) struct sl_facts f = { .size = 0 };
	struct sl_prior prior;

	assert_int_equal(sl_judge_prior(j, b->path, &prior), 0);
	rig_facts(b->path, b->p, b->n, &prior, &f);
	assert_int_equal(sl_judge_put(j, b->path, &f, lines_found, puts), 0);
	sl_prior_release(&prior);
}

/* A judge that is lent out while findings are told, and only then. */
struct lending {
	unsigned turns;
	bool lent;
};

static void lend(void *arg)
{
	struct lending *l = arg;

	assert_false(l->lent);
	l->lent = true;
	l->turns++;
}

static void lent_back(void *arg)
{
	struct lending *l = arg;

	assert_true(l->lent);
	l->lent = false;
}

/* In turns the same is found as at once. */
static void in_turns(struct sl_judge *j, enum sl_judgement worst)
{
	struct lines again = { .details = true };
	struct lending l = { .turns = 0 };
	struct sl_judge_turns turns = { lend, lent_back, &l };

	assert_int_equal(sl_judge_all_in_turns(j, &turns, lines_found, &again),
			 0);
	assert_int_equal(again.worst, worst);
	assert_true(l.turns > 0);
	assert_false(l.lent);
	lines_free(&again);
}

/* The walk's worst verdict after this order; what a put said is in 'puts'. */
static enum sl_judgement in_order(const size_t *order, struct lines *all,
				  struct lines *puts)
{
	struct sl_judge *j = NULL;

	lines_clear(all);
	lines_clear(puts);
	assert_int_equal(sl_judge_new(NULL, &j), 0);
	for (size_t i = 0; i < count; i++)
		pass(j, &files[order[i]], puts);
	assert_int_equal(sl_judge_all(j, NULL, lines_found, all), 0);
	in_turns(j, all->worst);
	sl_judge_free(j);
	return all->worst;
}

static enum sl_judgement in_all_orders(const char *what, unsigned *seed)
{
	struct lines all = { .details = true }, puts = { 0 };
	enum sl_judgement first = SL_ACCEPT, v;
	size_t order[16];

	for (unsigned i = 0; i < TRIES; i++) {
		shuffle(order, count, seed);
		v = in_order(order, &all, &puts);
		if (!i)
			first = v;
		if (v != first) {
			lines_print(&all, what);
			for (size_t k = 0; k < count; k++)
				fprintf(stderr, "# %s\n",
					strrchr(files[order[k]].path, '/'));
			fail_msg("%s: '%s' first, '%s' in try %u", what,
				 sl_verdict_name(first), sl_verdict_name(v),
				 i);
		}
		/* What the bytes contradict is told when they come. */
		if (v == SL_REJECT)
			assert_int_equal(puts.worst, SL_REJECT);
	}
	lines_free(&all);
	lines_free(&puts);
	return first;
}

static void test_healthy_orders(void **state)
{
	unsigned seed = SEED;

	(void)state;
	assert_int_equal(in_all_orders("healthy", &seed), SL_ACCEPT);
}

/* One bit, a cut, a byte more: what was there comes back afterwards. */
static void one_damage(struct bytes *b, unsigned kind, unsigned *seed)
{
	size_t at = (size_t)rand_r(seed) % b->n, n = b->n;
	unsigned char was = b->p[at], bit = (unsigned char)(1u << at % 8);
	char what[600];
	enum sl_judgement v;

	snprintf(what, sizeof(what), "%s kind %u at %zu of %zu",
		 strrchr(b->path, '/') + 1, kind, at, n);
	if (kind == 0)
		b->p[at] ^= bit;
	else if (kind == 1)
		b->n = at;
	else
		b->p[b->n++] = 'x';
	v = in_all_orders(what, seed);
	/* A damage that no rule can know changes nothing. */
	if (strstr(b->path, "Data.db") || strstr(b->path, "Digest") ||
	    strstr(b->path, "Statistics"))
		assert_int_equal(v, SL_REJECT);
	b->n = n;
	b->p[at] = was;
}

static void test_damaged_orders(void **state)
{
	unsigned seed = SEED;

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (unsigned k = 0; k < 3 * DAMAGES; k++)
			one_damage(&files[i], k % 3, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy_orders),
		cmocka_unit_test(test_damaged_orders),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, files_read, files_free);
}

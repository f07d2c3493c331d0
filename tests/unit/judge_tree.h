/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot trees out of archives, each file read once through the parsers,
 * and put before the judge in any order. The tree in tests/data is read for
 * all tests of a program, as 'cluster'.
 */
#ifndef SL_JUDGE_TREE_H
#define SL_JUDGE_TREE_H

#include "judge_rig.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "sstable/path.h"

#define ORDERS 50
#define SEED 20260806u

/* --- reading */

static struct rig_tree *walk_to;
static size_t walk_base;
static const char *walk_node; /* NULL: as the archive has it */

static inline void read_file(const char *path, struct rig_file *to)
{
	SL_CLEANUP(file) FILE *f = fopen(path, "rb");
	SL_CLEANUP(free) char *p = NULL;
	struct stat st;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	p = malloc((size_t)st.st_size + 1);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, (size_t)st.st_size, f), st.st_size);
	rig_facts(to->path, p, (size_t)st.st_size, NULL, &to->facts);
}

static inline int on_file(const char *path, const struct stat *st, int type,
		   struct FTW *w)
{
	const char *below = path + walk_base + 1;
	struct sl_path q;
	char key[1024];

	(void)st;
	(void)w;
	if (type != FTW_F)
		return 0;
	if (walk_node)
		snprintf(key, sizeof(key), "%s/%s", walk_node,
			 strchr(below, '/') + 1);
	else
		snprintf(key, sizeof(key), "%s", below);
	sl_path_judge(NULL, key, false, &q);
	if (q.cls == SL_PATH_UPLOAD)
		read_file(path, rig_add(walk_to, key));
	return 0;
}

static inline void run(const char *cmd)
{
	int r = system(cmd);

	assert_true(WIFEXITED(r) && !WEXITSTATUS(r));
}

static inline void unpack(const char *dir, const char *name, const char *node,
		   struct rig_tree *t)
{
	char tmp[] = "/tmp/sl-judge-XXXXXX", cmd[4096];

	assert_non_null(mkdtemp(tmp));
	snprintf(cmd, sizeof(cmd), "tar -xJf '%s/%s.tar.xz' -C '%s'", dir,
		 name, tmp);
	run(cmd);
	walk_to = t;
	walk_base = strlen(tmp);
	walk_node = node;
	assert_int_equal(nftw(tmp, on_file, 20, FTW_PHYS), 0);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", tmp);
	run(cmd);
	assert_true(t->n > 0);
}

/* --- judging */

static inline struct sl_judge *judge(const struct rig_tree *t,
				     const size_t *order, struct lines *puts)
{
	struct sl_judge *j = NULL;

	assert_int_equal(sl_judge_new(NULL, &j), 0);
	for (size_t i = 0; i < t->n; i++) {
		const struct rig_file *f = &t->file[order ? order[i] : i];

		assert_int_equal(sl_judge_put(j, f->path, &f->facts,
					      lines_found, puts),
				 0);
	}
	return j;
}

static inline void judge_all(const struct rig_tree *t, const size_t *order,
		      struct lines *all, struct lines *puts)
{
	struct sl_judge *j = judge(t, order, puts);

	assert_int_equal(sl_judge_all(j, NULL, lines_found, all), 0);
	sl_judge_free(j);
}

static inline void shuffle(size_t *order, size_t n, unsigned *seed)
{
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--) {
		size_t k = (size_t)rand_r(seed) % i, swap = order[i - 1];

		order[i - 1] = order[k];
		order[k] = swap;
	}
}

/* Any order gives the same lines, and what is rejected is told at a put. */
static inline void same_in_any_order(const struct rig_tree *t, unsigned orders,
			      bool at_put)
{
	size_t *order = calloc(t->n, sizeof(*order));
	struct lines all = { 0 }, other = { 0 }, puts = { 0 };
	unsigned seed = SEED;

	assert_non_null(order);
	judge_all(t, NULL, &all, &puts);
	for (unsigned i = 0; i < orders; i++) {
		lines_clear(&other);
		lines_clear(&puts);
		shuffle(order, t->n, &seed);
		judge_all(t, order, &other, &puts);
		lines_equal(&all, &other);
		if (at_put)
			assert_int_equal(puts.worst, all.worst);
	}
	lines_free(&all);
	lines_free(&other);
	lines_free(&puts);
	free(order);
}

/* --- the tree that is always there */

static struct rig_tree cluster;

static inline int cluster_read(void **state)
{
	(void)state;
	unpack("tests/data", "cluster-4.1-smart_home", NULL, &cluster);
	return 0;
}

static inline int cluster_free(void **state)
{
	(void)state;
	rig_tree_free(&cluster);
	return 0;
}

static inline void copy_tree(const struct rig_tree *from, struct rig_tree *to)
{
	for (size_t i = 0; i < from->n; i++) {
		struct rig_file *f = rig_add(to, from->file[i].path);

		f->facts = from->file[i].facts;
		sl_facts_ref(&f->facts);
	}
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sideload-check: what a copy of these snapshots would meet, told before
 * anything is copied. Places first, then names, then bytes, then the report.
 */
#include "check.h"

#include <search.h>
#include <string.h>

static int find_files(struct sl_check *c)
{
	int r = 0;

	for (int i = 0; i < c->o.dir_count && !r; i++)
		r = sl_check_place(c, c->o.dirs[i]);
	for (size_t i = 0; i < c->sources.n && !r; i++)
		r = sl_check_walk(c, c->sources.p[i]);
	return r ? r : sl_check_join(c);
}

/*
 * The judge knows of a node although nothing of it should be a snapshot's,
 * and of an index by a file in its directory.
 */
static int tell_names(struct sl_check *c)
{
	char path[SL_CHECK_PATH + 8];
	int r = 0;

	for (size_t i = 0; i < c->sources.n && !r; i++) {
		const struct sl_check_source *s = c->sources.p[i];

		snprintf(path, sizeof(path), "%s/x", s->node->name);
		r = sl_judge_create(c->judge, path, NULL, NULL);
	}
	for (size_t i = 0; i < c->dirs.n && !r; i++) {
		const struct sl_check_dir *d = c->dirs.p[i];

		snprintf(path, sizeof(path), "%s/.x/x", d->virtual);
		if (d->has_index)
			r = sl_judge_create(c->judge, path, NULL, NULL);
	}
	return r;
}

static int print_schema(struct sl_check *c)
{
	SL_CLEANUP(buf) struct sl_buf ddl = { 0 };
	int r = sl_check_ddl(c, &ddl);

	if (!r)
		fputs(sl_buf_str(&ddl), stdout);
	return r;
}

static int run(struct sl_check *c)
{
	int r = sl_judge_new(&c->o.policy, &c->judge);

	if (!r)
		r = find_files(c);
	if (!r)
		r = tell_names(c);
	if (!r)
		r = sl_check_scan(c);
	if (!r)
		r = c->o.schema ? print_schema(c) : sl_check_judge(c);
	return r ? r : sl_check_report(c);
}

/* --- release */

static void free_source(void *p)
{
	struct sl_check_source *s = p;

	close(s->fd); /* of a directory that was only read */
	free(s->shown);
	free(s->virtual);
	free(s);
}

static void free_node(void *p)
{
	sl_check_node_free(p);
}

static void free_dir(void *p)
{
	struct sl_check_dir *d = p;

	free(d->path);
	free(d->shown);
	free(d->virtual);
	free(d);
}

static void free_finding(void *p)
{
	struct sl_check_finding *f = p;

	free(f->path);
	free(f->detail);
	free(f);
}

static void free_unread(void *p)
{
	struct sl_check_unread *u = p;

	free(u->path);
	free(u);
}

static void free_list(struct sl_check_list *l, void (*release)(void *))
{
	for (size_t i = 0; i < l->n; i++)
		release(l->p[i]);
	free(l->p);
}

static void clear(struct sl_check *c)
{
	free_list(&c->sources, free_source);
	free_list(&c->nodes, free_node);
	free_list(&c->dirs, free_dir);
	free_list(&c->files, free);
	free_list(&c->findings, free_finding);
	free_list(&c->unread, free_unread);
	tdestroy(c->seen, free);
	sl_judge_free(c->judge);
	sl_mutex_release(&c->lock);
}

int main(int argc, char **argv)
{
	struct sl_check c = { .total = 0 };
	int r;

	if (!argc || sl_check_options(&c.o, argv))
		return SL_CHECK_UNREAD;
	sl_mutex_init(&c.lock);
	if (c.o.help)
		sl_check_help();
	else if (c.o.version)
		printf("sideload-check %s\n", SL_VERSION);
	r = c.o.help || c.o.version ? SL_CHECK_OK : run(&c);
	clear(&c);
	if (r < 0)
		fprintf(stderr, "sideload-check: %s\n", strerror(-r));
	if (fflush(stdout) || ferror(stdout) || r < 0)
		r = SL_CHECK_UNREAD;
	return r;
}

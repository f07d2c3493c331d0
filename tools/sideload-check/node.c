/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which data directories are one node's. Each was taken for a node of its own
 * by its path; but a node may have several, named as its disks are, and their
 * tables then only make sense together. Two are joined when SSTables in both
 * were written by one host, or, where that is not known (Cassandra writes it
 * since 3.11.9), when both are named like disks; and never when both have an
 * SSTable of one name, which a node gives once.
 */
#include "check.h"

#include <string.h>

#define LOOK_MAX 4 /* Statistics.db files of a node */
#define BYTES_MAX ((size_t)256 << 10)

static struct sl_check_node *node_of(const struct sl_check_file *f)
{
	return f->dir->source->node;
}

/* --- who wrote it */

static int read_host(const struct sl_check_file *f, struct sl_check_node *ret)
{
	SL_CLEANUP(free) unsigned char *buf = malloc(BYTES_MAX);
	SL_CLEANUP(stream) struct sl_stream *st = NULL;
	SL_CLEANUP(facts) struct sl_facts facts = { 0 };
	SL_CLEANUP(fd) int fd = sl_check_open(f);
	struct sl_name name;
	ssize_t n;
	int r;

	/* What cannot be read is told when all is. */
	if (fd < 0 || !buf)
		return buf ? 0 : -ENOMEM;
	sl_name_parse(f->name, strlen(f->name), &name);
	r = sl_stream_new(&name, NULL, &st);
	if (r)
		return r;
	while ((n = read(fd, buf, BYTES_MAX)) > 0)
		sl_stream_feed(st, buf, (size_t)n);
	r = sl_stream_facts(st, &facts);
	if (r)
		return r;
	ret->has_host = !facts.found_count &&
			facts.u.statistics.has_host_id;
	if (ret->has_host)
		memcpy(ret->host, facts.u.statistics.host_id,
		       sizeof(ret->host));
	return 0;
}

static int read_hosts(struct sl_check *c)
{
	int r = 0;

	for (size_t i = 0; i < c->files.n && !r; i++) {
		const struct sl_check_file *f = c->files.p[i];
		struct sl_check_node *n = node_of(f);

		if (f->component != SL_COMP_STATISTICS || n->has_host ||
		    n->looked++ >= LOOK_MAX)
			continue;
		r = read_host(f, n);
	}
	return r;
}

/* --- may they be one */

static int by_place(const void *a, const void *b)
{
	const struct sl_check_file *const *p = a, *const *q = b;
	int r = strcmp(strchr((*p)->dir->virtual, '/'),
		       strchr((*q)->dir->virtual, '/'));

	return r ? r : strcmp((*p)->name, (*q)->name);
}

static bool is_pair(const struct sl_check_file *f,
		    const struct sl_check_file *g,
		    const struct sl_check_node *a,
		    const struct sl_check_node *b)
{
	return (node_of(f) == a && node_of(g) == b) ||
	       (node_of(f) == b && node_of(g) == a);
}

/* Files are in order: those of one name follow each other. */
static bool collide(const struct sl_check *c, const struct sl_check_node *a,
		    const struct sl_check_node *b)
{
	size_t first = 0;

	for (size_t i = 1; i < c->files.n; i++) {
		const struct sl_check_file *f = c->files.p[i];

		if (by_place(&c->files.p[first], &c->files.p[i]))
			first = i;
		if (f->component >= SL_COMP__SSTABLE)
			continue;
		for (size_t k = first; k < i; k++)
			if (is_pair(c->files.p[k], f, a, b))
				return true;
	}
	return false;
}

static bool are_one(const struct sl_check *c, const struct sl_check_node *a,
		    const struct sl_check_node *b)
{
	bool known = a->has_host && b->has_host;

	if (known ? memcmp(a->host, b->host, sizeof(a->host)) != 0 :
		    !a->disk || !b->disk)
		return false;
	return !collide(c, a, b);
}

/* --- joining */

static int rename_node(char **virtual, const char *node)
{
	char *now;

	if (asprintf(&now, "%s%s", node, *virtual + strcspn(*virtual, "/")) <
	    0)
		return -ENOMEM;
	free(*virtual);
	*virtual = now;
	return 0;
}

static int join(struct sl_check *c, struct sl_check_node *into,
		const struct sl_check_node *n)
{
	int r = 0;

	for (size_t i = 0; i < c->dirs.n && !r; i++) {
		struct sl_check_dir *d = c->dirs.p[i];

		if (d->source->node == n)
			r = rename_node(&d->virtual, into->name);
	}
	for (size_t i = 0; i < c->sources.n && !r; i++) {
		struct sl_check_source *s = c->sources.p[i];

		if (s->node != n)
			continue;
		s->node = into;
		r = rename_node(&s->virtual, into->name);
	}
	return r;
}

/* Joins the node at 'at' to one before it; 1: it is gone. */
static int join_one(struct sl_check *c, size_t at)
{
	struct sl_check_node *n = c->nodes.p[at];

	for (size_t i = 0; i < at; i++) {
		struct sl_check_node *into = c->nodes.p[i];

		if (!are_one(c, into, n))
			continue;
		memmove(&c->nodes.p[at], &c->nodes.p[at + 1],
			(c->nodes.n - at - 1) * sizeof(*c->nodes.p));
		c->nodes.n--;
		if (join(c, into, n))
			return -ENOMEM;
		sl_check_node_free(n);
		return 1;
	}
	return 0;
}

int sl_check_join(struct sl_check *c)
{
	int r = 0;

	if (c->nodes.n < 2)
		return 0;
	r = read_hosts(c);
	if (c->files.n)
		qsort(c->files.p, c->files.n, sizeof(*c->files.p), by_place);
	for (size_t i = 1; i < c->nodes.n && r >= 0;) {
		r = join_one(c, i);
		i += r == 0;
	}
	return r < 0 ? r : 0;
}

void sl_check_node_free(struct sl_check_node *n)
{
	free(n->key);
	free(n->name);
	free(n);
}

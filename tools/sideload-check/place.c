/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a DIR of the command line is. First the names above it tell: what
 * lies below KEYSPACE/TABLE-<32 hex> is of that table, wherever it is. Else
 * the names below it: how many levels down the first directory of a table is
 * found.
 *
 *   1  DIR/TABLE-ID            a keyspace
 *   2  DIR/KS/TABLE-ID         a data directory: a node
 *   3  DIR/X/KS/TABLE-ID       X are nodes, or see node.c
 *   4  DIR/NODE/X/KS/TABLE-ID  nodes with several data directories
 *   0  nowhere                 files of a snapshot alone, or nothing
 *
 * Nodes are told apart by the path of their data directory, so that two
 * tables of one are one node's; node.c joins some of them later. Names that
 * could be none in the migration directory are made so: they only serve to
 * tell nodes apart.
 */
#include "check.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEEPEST 4
#define LOOK_MAX 200000 /* entries, before a DIR is given up as no node's */
#define NODE_MAX 60
#define NO_ID "00000000000000000000000000000000"
#define UNKNOWN "unknown"

struct place {
	struct sl_check *c;
	const char *shown;
	char real[SL_CHECK_PATH];
	size_t looked;
	int err;
};

/* --- names */

static bool is_table_name(const char *s, size_t n)
{
	char path[SL_CHECK_PATH];
	struct sl_path p;

	snprintf(path, sizeof(path), "n/k/%.*s", (int)n, s);
	sl_path_judge(NULL, path, true, &p);
	return p.table_id.p != NULL;
}

static bool is_keyspace_name(const char *s, size_t n)
{
	char path[SL_CHECK_PATH];
	struct sl_path p;

	snprintf(path, sizeof(path), "n/%.*s", (int)n, s);
	sl_path_judge(NULL, path, true, &p);
	return p.cls == SL_PATH_STRUCTURE || p.why == SL_RULE_SYSTEM_KEYSPACE;
}

/* "d1", "data", "data02", "disk-3": as data directories are named. */
static bool is_disk_name(const char *s)
{
	static const char *const words[] = { "data", "disk", "ssd", "vol",
					     "d" };

	for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if (strncmp(s, words[i], n) != 0)
			continue;
		s += n;
		s += *s == '-' || *s == '_';
		return s[strspn(s, "0123456789")] == '\0';
	}
	return false;
}

static const char *base_of(const char *path)
{
	const char *s = strrchr(path, '/');

	return s ? s + 1 : path;
}

static void cut_last(char *path)
{
	char *s = strrchr(path, '/');

	if (s)
		*s = '\0';
}

/* --- nodes */

static bool name_taken(const struct sl_check *c, const char *name)
{
	for (size_t i = 0; i < c->nodes.n; i++) {
		const struct sl_check_node *n = c->nodes.p[i];

		if (!strcmp(n->name, name))
			return true;
	}
	return false;
}

static void node_name(const struct sl_check *c, const char *key, char *ret,
		      size_t size)
{
	char base[NODE_MAX - 9];
	const char *s = base_of(key);
	size_t n = 0;

	for (; n < sizeof(base) - 1 && s[n]; n++)
		base[n] = isalnum((unsigned char)s[n]) || strchr("._-", s[n]) ?
				  s[n] : '_';
	base[n] = '\0';
	if (!isalnum((unsigned char)base[0]))
		snprintf(base, sizeof(base), "node");
	snprintf(ret, size, "%s", base);
	for (unsigned i = 2; name_taken(c, ret); i++)
		snprintf(ret, size, "%s-%u", base, i);
}

/* The node whose data directory has this path; NULL: -ENOMEM. */
static struct sl_check_node *node_of(struct sl_check *c, const char *key)
{
	struct sl_check_node *n;
	char name[NODE_MAX];

	if (c->o.one_node)
		key = "node";
	for (size_t i = 0; i < c->nodes.n; i++) {
		n = c->nodes.p[i];
		if (!strcmp(n->key, key))
			return n;
	}
	node_name(c, key, name, sizeof(name));
	n = calloc(1, sizeof(*n));
	if (!n || sl_check_add(&c->nodes, n)) {
		free(n);
		return NULL;
	}
	n->key = strdup(key);
	n->name = strdup(name);
	n->disk = is_disk_name(base_of(key));
	return n->key && n->name ? n : NULL;
}

/* Takes 'fd'. */
static int add_source(struct sl_check *c, int fd, struct sl_check_node *node,
		      const char *shown, const char *virtual)
{
	struct sl_check_source *s = calloc(1, sizeof(*s));

	if (!s || sl_check_add(&c->sources, s)) {
		free(s);
		close(fd);
		return -ENOMEM;
	}
	s->fd = fd;
	s->node = node;
	s->shown = strdup(shown);
	s->virtual = strdup(virtual);
	return s->shown && s->virtual ? 0 : -ENOMEM;
}

/* A directory below node 'key'; 'below' begins with '/' or is "". */
static int add_below(struct sl_check *c, int fd, const char *shown,
		     const char *key, const char *below)
{
	char virtual[SL_CHECK_PATH];
	struct sl_check_node *node = node_of(c, key);
	int n = node ? snprintf(virtual, sizeof(virtual), "%s%s", node->name,
				below) : -1;

	if (n < 0 || (size_t)n >= sizeof(virtual)) {
		close(fd);
		return node ? -ENAMETOOLONG : -ENOMEM;
	}
	return add_source(c, fd, node, shown, virtual);
}

/* --- what is below */

static bool is_table(int fd, const char *name)
{
	char path[sizeof("/snapshots") + 256];
	struct stat st;

	if (is_table_name(name, strlen(name)))
		return true;
	snprintf(path, sizeof(path), "%s/snapshots", name);
	return !fstatat(fd, path, &st, AT_SYMLINK_NOFOLLOW) &&
	       S_ISDIR(st.st_mode);
}

static bool table_at(struct place *p, int fd, int depth)
{
	SL_CLEANUP(entries) struct sl_check_list l = { 0 };

	/* What cannot be read is told by the walk. */
	if (p->looked > LOOK_MAX || sl_check_entries(fd, &l))
		return false;
	p->looked += l.n;
	for (size_t i = 0; i < l.n; i++) {
		const struct sl_check_entry *e = l.p[i];
		SL_CLEANUP(fd) int sub = -1;

		if (e->type != 'd')
			continue;
		if (depth == 1 && is_table(fd, e->name))
			return true;
		if (depth == 1)
			continue;
		sub = sl_check_opendir(fd, e->name);
		if (sub >= 0 && table_at(p, sub, depth - 1))
			return true;
	}
	return false;
}

static int shape_of(struct place *p, int fd)
{
	for (int depth = 1; depth <= DEEPEST; depth++)
		if (table_at(p, fd, depth))
			return depth;
	return 0;
}

/* Also by the names of old versions, which are refused by them. */
static bool is_snapshot_file(const char *s)
{
	static const char data[] = "-Data.db";
	size_t n = strlen(s), tail = sizeof(data) - 1;
	struct sl_name name;

	sl_name_parse(s, n, &name);
	return name.sstable || name.component != SL_COMP_OTHER ||
	       (n > tail && !strcmp(s + n - tail, data));
}

static bool has_files(int fd)
{
	SL_CLEANUP(entries) struct sl_check_list l = { 0 };

	if (sl_check_entries(fd, &l))
		return false;
	for (size_t i = 0; i < l.n; i++) {
		const struct sl_check_entry *e = l.p[i];

		if (is_snapshot_file(e->name))
			return true;
	}
	return false;
}

/* --- several */

static char *path_in(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* Data directories in a directory. */
static int add_disks(struct place *p, int fd, const char *shown,
		     const char *key)
{
	SL_CLEANUP(entries) struct sl_check_list l = { 0 };
	int r = sl_check_entries(fd, &l);

	for (size_t i = 0; i < l.n && !r; i++) {
		const struct sl_check_entry *e = l.p[i];
		SL_CLEANUP(free) char *path = NULL;
		int sub;

		if (e->type != 'd')
			continue;
		path = path_in(shown, e->name);
		if (!path)
			return -ENOMEM;
		sub = sl_check_opendir(fd, e->name);
		if (sub < 0)
			r = sl_check_unreadable(p->c, path, -sub);
		else if (!table_at(p, sub, 2))
			close(sub);
		else
			r = add_below(p->c, sub, path, key, "");
	}
	return r;
}

/* A child: a data directory, or one with several. Takes 'fd'. */
static int add_child(struct place *p, int fd, const char *path,
		     const char *name)
{
	SL_CLEANUP(free) char *key = path_in(p->real, name);
	int r = key ? 0 : -ENOMEM;

	if (key && table_at(p, fd, 2))
		return add_below(p->c, fd, path, key, "");
	if (key && table_at(p, fd, 3))
		r = add_disks(p, fd, path, key);
	close(fd);
	return r;
}

static int add_children(struct place *p, int fd)
{
	SL_CLEANUP(entries) struct sl_check_list l = { 0 };
	int r = sl_check_entries(fd, &l);

	for (size_t i = 0; i < l.n && !r; i++) {
		const struct sl_check_entry *e = l.p[i];
		SL_CLEANUP(free) char *path = NULL;
		int sub;

		if (e->type != 'd')
			continue;
		path = path_in(p->shown, e->name);
		if (!path)
			return -ENOMEM;
		sub = sl_check_opendir(fd, e->name);
		r = sub < 0 ? sl_check_unreadable(p->c, path, -sub) :
			      add_child(p, sub, path, e->name);
	}
	return r;
}

/* --- one */

/* Takes 'fd': 'below' the keyspace in the directory 'parent'. */
static int add_in_keyspace(struct sl_check *c, int fd, const char *shown,
			   char *parent, const char *below)
{
	char path[SL_CHECK_PATH];
	const char *ks = base_of(parent);

	snprintf(path, sizeof(path), "/%s%s",
		 is_keyspace_name(ks, strlen(ks)) ? ks : UNKNOWN, below);
	cut_last(parent);
	return add_below(c, fd, shown, parent, path);
}

/* The end of a path that begins with a table's directory; NULL: none. */
static char *table_part(char *real)
{
	char *found = NULL;

	for (char *s = strchr(real, '/'); s; s = strchr(s + 1, '/')) {
		size_t n = strcspn(s + 1, "/");
		const char *next = s + 1 + n;
		bool last = !*next;

		if (is_table_name(s + 1, n) &&
		    (last || !strncmp(next, "/snapshots/", 11) ||
		     !strcmp(next, "/snapshots")))
			found = s;
	}
	return found;
}

/* Nothing of a table's directory is below; takes 'fd'. */
static int add_lone(struct place *p, int fd)
{
	char below[SL_CHECK_PATH] = "/" UNKNOWN "/" UNKNOWN "-" NO_ID
				    "/snapshots";
	struct stat st;

	if (!fstatat(fd, "snapshots", &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISDIR(st.st_mode)) {
		snprintf(below, sizeof(below), "/%s", base_of(p->real));
		cut_last(p->real);
		return add_in_keyspace(p->c, fd, p->shown, p->real, below);
	}
	if (has_files(fd))
		strncat(below, "/snapshot", sizeof(below) - 1 - strlen(below));
	else if (strcmp(base_of(p->real), "snapshots") != 0) {
		close(fd);
		return 0;
	}
	return add_below(p->c, fd, p->shown, p->real, below);
}

static int add_by_shape(struct place *p, int fd)
{
	int r;

	switch (shape_of(p, fd)) {
	case 0:
		return add_lone(p, fd);
	case 1:
		return add_in_keyspace(p->c, fd, p->shown, p->real, "");
	case 2:
		return add_below(p->c, fd, p->shown, p->real, "");
	}
	r = add_children(p, fd);
	close(fd);
	return r;
}

static void trim(char *s)
{
	size_t n = strlen(s);

	while (n > 1 && s[n - 1] == '/')
		s[--n] = '\0';
}

int sl_check_place(struct sl_check *c, const char *dir)
{
	struct place p = { .c = c };
	SL_CLEANUP(free) char *shown = strdup(dir);
	SL_CLEANUP(free) char *real = realpath(dir, NULL);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	char *table;
	int r;

	if (fd < 0 || !real || !shown || strlen(real) >= sizeof(p.real)) {
		r = sl_check_unreadable(c, dir, errno ? errno : EIO);
		if (fd >= 0)
			close(fd);
		return r;
	}
	trim(shown);
	p.shown = shown;
	memcpy(p.real, real, strlen(real) + 1);
	table = table_part(real);
	if (!table)
		r = add_by_shape(&p, fd);
	else {
		SL_CLEANUP(free) char *below = strdup(table);

		*table = '\0';
		r = below ? add_in_keyspace(c, fd, shown, real, below) :
			    -ENOMEM;
	}
	/* Deeper than any path that a migration directory can hold. */
	return r && r != -ENOMEM ? sl_check_unreadable(c, dir, -r) : r;
}

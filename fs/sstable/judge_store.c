/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are kept. Hash tables find nodes, families, tables, snapshots
 * and SSTables; lists in them are for walking. Whether a table has
 * a second tag or id with files is known without a walk, for those that have
 * files stand in a queue, and its head is the one that was first.
 */
#include <string.h>

#include "sstable/judge_internal.h"
#include "sstable/path_names.h"
#include "sstable/schema.h"

#define SEGMENTS 6
#define ID_LEN 32

/* --- paths */

static size_t split(const char *path, struct sl_path_part *seg)
{
	size_t n = 0;

	for (const char *s = path; n < SEGMENTS; n++) {
		size_t len = n == SEGMENTS - 1 ? strlen(s) : strcspn(s, "/");

		seg[n] = (struct sl_path_part){ s, len };
		if (!len)
			return 0;
		s += len;
		if (!*s++)
			return n + 1;
	}
	return n;
}

/* A file in .NAME/; not one in rsync's own directories. */
static bool in_index(struct sl_path_part f)
{
	const char *slash = memchr(f.p, '/', f.n);
	size_t n = slash ? (size_t)(slash - f.p) : 0;

	return n > 1 && f.p[0] == '.' &&
	       sl_name_all(sl_char_index, f.p + 1, n - 1) &&
	       !sl_name_equals(f.p, n, ".rsync-partial");
}

int sl_jplace_parse(const char *path, struct sl_jplace *ret)
{
	struct sl_path_part seg[SEGMENTS], t, *f = &seg[5];
	size_t n = split(path, seg);

	memset(ret, 0, sizeof(*ret));
	ret->path = path;
	if (n > 1)
		ret->node = seg[0];
	t = n > 2 ? seg[2] : (struct sl_path_part){ NULL, 0 };
	if (n != SEGMENTS || !sl_name_equals(seg[3].p, seg[3].n, "snapshots") ||
	    t.n < ID_LEN + 2 || t.p[t.n - ID_LEN - 1] != '-')
		return -EINVAL;
	ret->keyspace = seg[1];
	ret->table = (struct sl_path_part){ t.p, t.n - ID_LEN - 1 };
	ret->id = (struct sl_path_part){ t.p + t.n - ID_LEN, ID_LEN };
	ret->tag = seg[4];
	ret->table_len = (size_t)(t.p + t.n - path);
	ret->dir_len = (size_t)(f->p - 1 - path);
	ret->family_at = (size_t)(seg[1].p - path);
	ret->file = *f;
	ret->index = in_index(*f);
	if (f->n + ret->dir_len + 32 > SL_JUDGE_PATH)
		return -EINVAL;
	if (ret->index || memchr(f->p, '/', f->n))
		return ret->index ? 0 : -EINVAL;
	sl_name_parse(f->p, f->n, &ret->name);
	ret->set = *f;
	if (ret->name.sstable && ret->name.component < SL_COMP__SSTABLE)
		ret->set.n = (size_t)(ret->name.text.p - 1 - f->p);
	return 0;
}

/* --- finding */

#define FIND(type, kind, hash_, same) \
	struct sl_jhook *h_ = sl_jhash_first(&j->hash[kind], (hash_)); \
	for (; h_; h_ = sl_jhash_next(h_)) { \
		type *it = sl_container_of(h_, type, hook); \
		if (same) \
			return it; \
	} \
	return NULL

static bool same(const char *have, const char *s, size_t n)
{
	return !strncmp(have, s, n) && !have[n];
}

static uint64_t key_hash(const char *s, size_t n)
{
	return sl_jhash_bytes(SL_JHASH_SEED, s, n);
}

/* The directory's own hash is the seed: names repeat in all of them. */
static uint64_t set_hash(const struct sl_jdir *d, const char *s, size_t n)
{
	return sl_jhash_bytes(d->hook.hash, s, n);
}

static struct sl_jnode *node_find(const struct sl_judge *j, const char *s,
				  size_t n)
{
	FIND(struct sl_jnode, SL_JKIND_NODE, key_hash(s, n),
	     same(it->name, s, n));
}

struct sl_jfamily *sl_jfamily_find(const struct sl_judge *j, const char *s,
				   size_t n)
{
	FIND(struct sl_jfamily, SL_JKIND_FAMILY, key_hash(s, n),
	     same(it->name, s, n));
}

struct sl_jtable *sl_jtable_find(const struct sl_judge *j, const char *s,
				 size_t n)
{
	FIND(struct sl_jtable, SL_JKIND_TABLE, key_hash(s, n),
	     same(it->key, s, n));
}

static struct sl_jdir *dir_find(const struct sl_judge *j, const char *s,
				size_t n)
{
	FIND(struct sl_jdir, SL_JKIND_DIR, key_hash(s, n),
	     same(it->key, s, n));
}

struct sl_jset *sl_jset_find(const struct sl_judge *j,
			     const struct sl_jdir *d, const char *s, size_t n)
{
	FIND(struct sl_jset, SL_JKIND_SET, set_hash(d, s, n),
	     it->dir == d && same(it->name, s, n));
}

/* --- making */

/* A thing of 'size' bytes with a text at its end. */
static void *new_named(size_t size, const char *s, size_t n)
{
	char *p = calloc(1, size + n + 1);

	if (p)
		memcpy(p + size, s, n);
	return p;
}

int sl_jnode_get(struct sl_judge *j, const char *s, size_t n,
		 struct sl_jnode **ret)
{
	struct sl_jnode *d = node_find(j, s, n);

	*ret = d;
	if (d)
		return 0;
	d = new_named(sizeof(*d), s, n);
	if (!d || sl_jhash_add(&j->hash[SL_JKIND_NODE], &d->hook,
			       key_hash(s, n))) {
		free(d);
		return -ENOMEM;
	}
	d->next = j->nodes;
	j->nodes = d;
	*ret = d;
	return 0;
}

static int family_get(struct sl_judge *j, const struct sl_jplace *w,
		      struct sl_jfamily **ret)
{
	const char *s = w->path + w->family_at;
	size_t n = w->keyspace.n + 1 + w->table.n;
	struct sl_jfamily *f = sl_jfamily_find(j, s, n);

	*ret = f;
	if (f)
		return 0;
	f = new_named(sizeof(*f), s, n);
	if (!f || sl_jhash_add(&j->hash[SL_JKIND_FAMILY], &f->hook,
			       key_hash(s, n))) {
		free(f);
		return -ENOMEM;
	}
	f->keyspace_len = w->keyspace.n;
	f->next = j->families;
	j->families = f;
	*ret = f;
	return 0;
}

static int id_get(struct sl_jfamily *f, struct sl_path_part id,
		  struct sl_jid **ret)
{
	struct sl_jid *i = f->ids;

	while (i && !same(i->id, id.p, id.n))
		i = i->next;
	if (!i) {
		i = calloc(1, sizeof(*i));
		if (!i)
			return -ENOMEM;
		memcpy(i->id, id.p, id.n);
		i->next = f->ids;
		f->ids = i;
	}
	*ret = i;
	return 0;
}

static int table_get(struct sl_judge *j, const struct sl_jplace *w,
		     struct sl_jtable **ret)
{
	struct sl_jtable *t = sl_jtable_find(j, w->path, w->table_len);
	struct sl_jnode *node;
	struct sl_jfamily *family;
	struct sl_jid *id;

	*ret = t;
	if (t)
		return 0;
	if (sl_jnode_get(j, w->node.p, w->node.n, &node) ||
	    family_get(j, w, &family) || id_get(family, w->id, &id))
		return -ENOMEM;
	t = new_named(sizeof(*t), w->path, w->table_len);
	if (!t || sl_jhash_add(&j->hash[SL_JKIND_TABLE], &t->hook,
			       key_hash(w->path, w->table_len))) {
		free(t);
		return -ENOMEM;
	}
	t->node = node;
	t->family = family;
	t->id = id;
	t->in_node = node->tables;
	node->tables = t;
	t->in_family = family->tables;
	family->tables = t;
	*ret = t;
	return 0;
}

int sl_jplace_make_dir(struct sl_judge *j, struct sl_jplace *w)
{
	struct sl_jdir *d = dir_find(j, w->path, w->dir_len);
	struct sl_jtable *t;

	w->dir = d;
	if (d)
		return 0;
	if (table_get(j, w, &t))
		return -ENOMEM;
	d = new_named(sizeof(*d), w->path, w->dir_len);
	if (!d || sl_jhash_add(&j->hash[SL_JKIND_DIR], &d->hook,
			       key_hash(w->path, w->dir_len))) {
		free(d);
		return -ENOMEM;
	}
	d->table = t;
	d->next = t->dirs;
	t->dirs = d;
	w->dir = d;
	return 0;
}

static int set_new(struct sl_judge *j, struct sl_jplace *w)
{
	struct sl_jset *s = new_named(sizeof(*s), w->set.p, w->set.n);

	if (!s || sl_jhash_add(&j->hash[SL_JKIND_SET], &s->hook,
			       set_hash(w->dir, w->set.p, w->set.n))) {
		free(s);
		return -ENOMEM;
	}
	s->dir = w->dir;
	s->sstable = w->set.n != w->file.n;
	s->format = (uint8_t)w->name.format;
	memcpy(s->version, w->name.version, sizeof(s->version));
	s->next = s->dir->sets;
	s->self = &s->dir->sets;
	if (s->next)
		s->next->self = &s->next;
	s->dir->sets = s;
	s->dir->table->node->sstables += s->sstable;
	w->sstable = s;
	return 0;
}

/* The slot within what is known of the place. */
static struct sl_jpart **slot_of(const struct sl_jplace *w)
{
	if (!w->dir || w->index)
		return NULL;
	if (w->name.component == SL_COMP_MANIFEST)
		return &w->dir->part[SL_JDIR_MANIFEST];
	if (w->name.component == SL_COMP_SCHEMA)
		return &w->dir->part[SL_JDIR_SCHEMA];
	if (!w->sstable)
		return NULL;
	return &w->sstable->part[w->sstable->sstable ? w->name.component : 0];
}

static bool in_set(const struct sl_jplace *w)
{
	return !w->index && w->name.component != SL_COMP_MANIFEST &&
	       w->name.component != SL_COMP_SCHEMA;
}

void sl_jplace_find(const struct sl_judge *j, struct sl_jplace *w)
{
	w->dir = dir_find(j, w->path, w->dir_len);
	if (w->dir && in_set(w))
		w->sstable = sl_jset_find(j, w->dir, w->set.p, w->set.n);
	w->slot = slot_of(w);
}

int sl_jplace_make(struct sl_judge *j, struct sl_jplace *w)
{
	sl_jplace_find(j, w);
	if (w->slot)
		return 0;
	if (sl_jplace_make_dir(j, w) || (in_set(w) && set_new(j, w)))
		return -ENOMEM;
	w->slot = slot_of(w);
	return 0;
}

/* --- counting */

static void enqueue_dir(struct sl_jdir *d)
{
	struct sl_jtable *t = d->table;

	d->before = t->last_dir;
	d->after = NULL;
	*(t->last_dir ? &t->last_dir->after : &t->first_dir) = d;
	t->last_dir = d;
}

static void dequeue_dir(struct sl_jdir *d)
{
	struct sl_jtable *t = d->table;

	*(d->before ? &d->before->after : &t->first_dir) = d->after;
	*(d->after ? &d->after->before : &t->last_dir) = d->before;
}

static void enqueue_id(struct sl_jfamily *f, struct sl_jid *i)
{
	i->before = f->last_id;
	i->after = NULL;
	*(f->last_id ? &f->last_id->after : &f->first_id) = i;
	f->last_id = i;
}

static void dequeue_id(struct sl_jfamily *f, struct sl_jid *i)
{
	*(i->before ? &i->before->after : &f->first_id) = i->after;
	*(i->after ? &i->after->before : &f->last_id) = i->before;
}

static void one_more(struct sl_jplace *w)
{
	struct sl_jdir *d = w->dir;

	if (w->sstable)
		w->sstable->files++;
	d->table->node->components++;
	if (!d->files++)
		enqueue_dir(d);
	if (!d->table->id->files++)
		enqueue_id(d->table->family, d->table->id);
}

static void one_less(struct sl_jplace *w)
{
	struct sl_jdir *d = w->dir;

	if (w->sstable)
		w->sstable->files--;
	d->table->node->components--;
	if (!--d->files)
		dequeue_dir(d);
	if (!--d->table->id->files)
		dequeue_id(d->table->family, d->table->id);
}

static bool says_view(const struct sl_jpart *p)
{
	const struct sl_schema_facts *f =
		p && p->component == SL_COMP_SCHEMA ? sl_jpart_u(p) : NULL;

	return f && f->schema && f->schema->view;
}

struct sl_jpart *sl_jplace_swap(struct sl_judge *j, struct sl_jplace *w,
				struct sl_jpart *p)
{
	struct sl_jpart *old = *w->slot;

	w->dir->table->views += says_view(p);
	w->dir->table->views -= says_view(old);
	if (w->slot == &w->dir->part[SL_JDIR_SCHEMA])
		w->dir->schema_serial = ++j->serial;
	*w->slot = p;
	if (p && !old)
		one_more(w);
	else if (old && !p)
		one_less(w);
	return old;
}

void sl_jplace_tidy(struct sl_judge *j, struct sl_jplace *w)
{
	struct sl_jset *s = w->sstable;

	if (!s || s->files)
		return;
	s->dir->table->node->sstables -= s->sstable;
	*s->self = s->next;
	if (s->next)
		s->next->self = s->self;
	sl_jhash_remove(&j->hash[SL_JKIND_SET], &s->hook);
	free(s);
	w->sstable = NULL;
	w->slot = NULL;
}

/* --- the end */

static void dir_free(struct sl_judge *j, struct sl_jdir *d)
{
	for (struct sl_jset *s = d->sets, *next; s; s = next) {
		next = s->next;
		for (size_t i = 0; i < SL_ARRAY_LEN(s->part); i++)
			sl_jpart_free(j, s->part[i]);
		free(s);
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(d->part); i++)
		sl_jpart_free(j, d->part[i]);
	free(d);
}

static void node_free(struct sl_judge *j, struct sl_jnode *n)
{
	for (struct sl_jtable *t = n->tables, *next; t; t = next) {
		next = t->in_node;
		for (struct sl_jdir *d = t->dirs, *after; d; d = after) {
			after = d->next;
			dir_free(j, d);
		}
		free(t);
	}
	free(n);
}

void sl_judge_store_free(struct sl_judge *j)
{
	for (struct sl_jnode *n = j->nodes, *next; n; n = next) {
		next = n->next;
		node_free(j, n);
	}
	for (struct sl_jfamily *f = j->families, *next; f; f = next) {
		next = f->next;
		for (struct sl_jid *i = f->ids, *after; i; i = after) {
			after = i->next;
			free(i);
		}
		free(f);
	}
	for (size_t i = 0; i < SL_JKIND__COUNT; i++)
		free(j->hash[i].slots);
}

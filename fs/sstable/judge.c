/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The questions of judge.h. One component costs a look at its SSTable and at
 * the heads of two queues (see judge_store.c), whatever else is kept; only a
 * schema.cql that comes after its SSTables is compared with all of them.
 *
 * To try is to put, to ask, and to put back what was there.
 */
#include <string.h>

#include "sstable/judge_internal.h"
#include "sstable/schema.h"

int sl_judge_new(const struct sl_policy *policy, struct sl_judge **ret)
{
	struct sl_judge *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	if (policy)
		j->policy = *policy;
	else
		sl_policy_init(&j->policy);
	*ret = j;
	return 0;
}

void sl_judge_free(struct sl_judge *j)
{
	if (!j)
		return;
	sl_judge_store_free(j);
	free(j);
}

int sl_judge_create(struct sl_judge *j, const char *path, sl_found_fn *found,
		    void *arg)
{
	struct sl_jout o = { &j->policy, found, arg, false };
	struct sl_jplace w;
	struct sl_jnode *node;
	int r = sl_jplace_parse(path, &w);

	if (w.node.p && sl_node_name_valid(w.node.p, w.node.n) &&
	    sl_jnode_get(j, w.node.p, w.node.n, &node))
		return -ENOMEM;
	if (r)
		return 0;
	if (w.index) {
		if (sl_jplace_make_dir(j, &w))
			return -ENOMEM;
		w.dir->has_index = true;
		return 0;
	}
	sl_jplace_find(j, &w);
	sl_jplace_tag(j, &w, &o);
	return 0;
}

int sl_judge_prior(struct sl_judge *j, const char *path, struct sl_prior *ret)
{
	const struct sl_compression_facts *c;
	const struct sl_crc_facts *q;
	struct sl_jplace w;

	memset(ret, 0, sizeof(*ret));
	if (sl_jplace_parse(path, &w) || w.index)
		return -EINVAL;
	sl_jplace_find(j, &w);
	if (!w.sstable || !w.sstable->sstable)
		return 0;
	c = sl_jpart_u(w.sstable->part[SL_COMP_COMPRESSION_INFO]);
	q = sl_jpart_u(w.sstable->part[SL_COMP_CRC]);
	if (c) {
		ret->has_compression = true;
		ret->compression = *c;
		if (c->table)
			sl_chunk_table_ref(c->table);
	}
	if (q) {
		ret->has_crc = true;
		ret->crc = *q;
		if (q->words)
			sl_crc_words_ref(q->words);
	}
	return 0;
}

void sl_prior_release(struct sl_prior *p)
{
	if (p->has_compression && p->compression.table)
		sl_chunk_table_unref(sl_steal(&p->compression.table));
	if (p->has_crc && p->crc.words)
		sl_crc_words_unref(sl_steal(&p->crc.words));
	p->has_compression = p->has_crc = false;
}

/* Another Data.db of this name, and the one that is here is to stay? */
static bool other_data(const struct sl_jplace *w, const struct sl_facts *f,
		       const struct sl_jout *o)
{
	const struct sl_jpart *p = w->slot ? *w->slot : NULL;
	char detail[SL_JUDGE_DETAIL];

	if (!p || p->component != SL_COMP_DATA || !w->sstable->sstable ||
	    !p->has_crc32 || !f->has_crc32 ||
	    (p->crc32 == f->crc32 && p->size == f->size))
		return false;
	snprintf(detail, sizeof(detail),
		 "CRC32 %u of %llu bytes, here is %u of %llu", f->crc32,
		 (unsigned long long)f->size, p->crc32,
		 (unsigned long long)p->size);
	sl_jout_say(o, SL_RULE_OTHER_DATA, w->path, detail);
	return sl_policy_verdict(o->policy, SL_RULE_OTHER_DATA) == SL_REJECT;
}

/*
 * The same Data.db once more, of which more is known than this time showed:
 * its table may be gone (see forget_tables), or its bytes did not pass here.
 */
static bool known_better(const struct sl_jplace *w, const struct sl_facts *f)
{
	const struct sl_jpart *p = w->slot ? *w->slot : NULL;
	const struct sl_data_facts *d = sl_jpart_u(p);

	return d && p->component == SL_COMP_DATA && p->has_crc32 &&
	       f->has_crc32 && p->crc32 == f->crc32 && p->size == f->size &&
	       d->mode != SL_DATA_UNSETTLED && !p->found &&
	       (f->unread || f->u.data.mode == SL_DATA_UNSETTLED);
}

static int judge_sstable(const struct sl_jplace *w, const struct sl_jout *o)
{
	enum sl_component c = w->name.component;

	sl_jset_say_found(o, w->sstable, c);
	if (!w->sstable->sstable)
		return 0;
	sl_jset_judge(w->sstable, SL_JBIT(c), o);
	return c == SL_COMP_STATISTICS ? sl_jset_schema(w->sstable, o) : 0;
}

/* The findings of what was just put there. */
static int judge_place(const struct sl_judge *j, const struct sl_jplace *w,
		       const struct sl_jout *o)
{
	const struct sl_schema *schema;

	sl_jplace_tag(j, w, o);
	if (w->sstable)
		return judge_sstable(w, o);
	sl_jpart_say(o, *w->slot, w->path);
	if (w->name.component != SL_COMP_SCHEMA)
		return 0;
	schema = sl_jdir_schema_of(w->dir);
	if (schema && schema->view)
		sl_jtable_view(w->dir->table, o);
	return sl_jdir_schema(w->dir, o);
}

/* What a table of chunks was kept for has come. */
static void forget_tables(const struct sl_jplace *w)
{
	struct sl_jset *s = w->sstable;

	if (!s || !s->sstable || !sl_jset_proven_by_table(s))
		return;
	if (s->part[SL_COMP_COMPRESSION_INFO])
		sl_jpart_forget_table(s->part[SL_COMP_COMPRESSION_INFO]);
	if (s->part[SL_COMP_CRC])
		sl_jpart_forget_table(s->part[SL_COMP_CRC]);
}

static int put(struct sl_judge *j, const char *path, const struct sl_facts *f,
	       bool keep, const struct sl_jout *o)
{
	struct sl_jpart *p, *old;
	struct sl_jplace w;
	int r = sl_jplace_parse(path, &w);

	if (r || w.index)
		return -EINVAL;
	/* The path says what it is, and so which facts they are. */
	if (f->name.component != w.name.component)
		return -EINVAL;
	sl_jplace_find(j, &w);
	if (other_data(&w, f, o))
		return 0;
	if (known_better(&w, f))
		return judge_place(j, &w, o);
	r = sl_jpart_new(j, f, &p);
	if (r)
		return r;
	r = sl_jplace_make(j, &w);
	if (r) {
		sl_jpart_free(j, p);
		return r;
	}
	old = sl_jplace_swap(j, &w, p);
	r = judge_place(j, &w, o);
	if (keep && !r)
		forget_tables(&w);
	else
		old = sl_jplace_swap(j, &w, old);
	sl_jpart_free(j, old);
	sl_jplace_tidy(j, &w);
	return r;
}

int sl_judge_put(struct sl_judge *j, const char *path,
		 const struct sl_facts *f, sl_found_fn *found, void *arg)
{
	struct sl_jout o = { &j->policy, found, arg, false };

	return put(j, path, f, true, &o);
}

int sl_judge_try(struct sl_judge *j, const char *path,
		 const struct sl_facts *f, sl_found_fn *found, void *arg)
{
	struct sl_jout o = { &j->policy, found, arg, false };

	return put(j, path, f, false, &o);
}

void sl_judge_drop(struct sl_judge *j, const char *path)
{
	struct sl_jplace w;

	if (sl_jplace_parse(path, &w) || w.index)
		return;
	sl_jplace_find(j, &w);
	if (!w.slot || !*w.slot)
		return;
	sl_jpart_free(j, sl_jplace_swap(j, &w, NULL));
	sl_jplace_tidy(j, &w);
}

const struct sl_facts *sl_judge_facts(const struct sl_judge *j,
				      const char *path)
{
	/* A place to answer in is no part of what is judged. */
	struct sl_facts *f = ((struct sl_judge *)(uintptr_t)j)->scratch;
	struct sl_jplace w;

	if (sl_jplace_parse(path, &w) || w.index)
		return NULL;
	sl_jplace_find(j, &w);
	if (!w.slot || !*w.slot)
		return NULL;
	sl_jpart_facts(*w.slot, f);
	f->name = w.name;
	f->name.id = f->name.text = (struct sl_path_part){ NULL, 0 };
	return f;
}

/* Takes what blames one path, or what of its SSTable is not there. */
struct of {
	const struct sl_jplace *place;
	sl_found_fn *found;
	void *arg;
};

static bool is_there(const struct sl_jset *s, const char *path)
{
	char have[SL_JUDGE_PATH];

	for (unsigned c = 0; c < SL_COMP__SSTABLE; c++) {
		if (!s->part[c])
			continue;
		sl_jset_path(s, c, have, sizeof(have));
		if (!strcmp(have, path))
			return true;
	}
	return false;
}

static void on_of(void *arg, const struct sl_finding *f)
{
	struct of *q = arg;
	const struct sl_jset *s = q->place->sstable;

	if (!strcmp(f->path, q->place->path) || (s && !is_there(s, f->path)))
		q->found(q->arg, f);
}

int sl_judge_of(struct sl_judge *j, const char *path, sl_found_fn *found,
		void *arg)
{
	struct sl_jplace w;
	struct of q = { &w, found, arg };
	struct sl_jout o = { &j->policy, on_of, &q, true };

	if (sl_jplace_parse(path, &w) || w.index)
		return -EINVAL;
	sl_jplace_find(j, &w);
	if (!w.slot || !*w.slot)
		return 0;
	sl_jplace_tag(j, &w, &o);
	if (!w.sstable) {
		sl_jpart_say(&o, *w.slot, path);
		return 0;
	}
	sl_jset_say_found(&o, w.sstable, w.name.component);
	sl_jset_judge(w.sstable, UINT32_MAX, &o);
	sl_jset_whole(w.sstable, &o);
	return w.sstable->sstable ? sl_jset_schema(w.sstable, &o) : 0;
}

void sl_judge_count(const struct sl_judge *j, const char *node,
		    struct sl_judge_counts *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (const struct sl_jnode *n = j->nodes; n; n = n->next) {
		if (node && strcmp(n->name, node) != 0)
			continue;
		ret->sstables += n->sstables;
		ret->components += n->components;
		for (const struct sl_jtable *t = n->tables; t; t = t->in_node)
			ret->tables += t->first_dir != NULL;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DDL that the target must have. Of each table the schema.cql that comes
 * first in the order of nodes is taken, and the others are compared with it;
 * where there is none, the headers of all its SSTables together tell what
 * they can. Views are left out: they are made anew, from their base tables.
 */
#include <string.h>

#include "sstable/judge_internal.h"
#include "sstable/schema.h"

static int by_family(const void *a, const void *b)
{
	const struct sl_jfamily *const *p = a, *const *q = b;

	return strcmp((*p)->name, (*q)->name);
}

static bool is_view(const struct sl_jfamily *f)
{
	for (const struct sl_jtable *t = f->tables; t; t = t->in_family)
		if (t->views)
			return true;
	return false;
}

static const struct sl_jdir *first_schema(const struct sl_jfamily *f)
{
	const struct sl_jdir *ret = NULL;

	for (const struct sl_jtable *t = f->tables; t; t = t->in_family)
		for (const struct sl_jdir *d = t->first_dir; d; d = d->after)
			if (sl_jdir_schema_of(d) &&
			    (!ret || strcmp(d->key, ret->key) < 0))
				ret = d;
	return ret;
}

static int by_header(const void *a, const void *b)
{
	const struct sl_jheader *const *p = a, *const *q = b;

	if ((*p)->hook.hash != (*q)->hook.hash)
		return (*p)->hook.hash < (*q)->hook.hash ? -1 : 1;
	return *p < *q ? -1 : *p > *q;
}

static int headers_of_dir(const struct sl_jdir *d, struct sl_jlist *ret)
{
	for (const struct sl_jset *s = d->sets; s; s = s->next) {
		const struct sl_jstatistics *t =
			s->sstable ? sl_jpart_u(s->part[SL_COMP_STATISTICS]) :
				     NULL;

		if (t && !t->f.opaque && t->header &&
		    sl_jlist_add(ret, t->header))
			return -ENOMEM;
	}
	return 0;
}

/* Distinct ones: the list then holds struct sl_header. */
static int headers_of(const struct sl_jfamily *f, struct sl_jlist *ret)
{
	const struct sl_jheader *last = NULL;
	size_t n = 0;

	for (const struct sl_jtable *t = f->tables; t; t = t->in_family)
		for (const struct sl_jdir *d = t->first_dir; d; d = d->after)
			if (headers_of_dir(d, ret))
				return -ENOMEM;
	sl_jlist_sort(ret, by_header);
	for (size_t i = 0; i < ret->n; i++) {
		const struct sl_jheader *h = ret->p[i];

		if (h != last)
			ret->p[n++] = h->header;
		last = h;
	}
	ret->n = n;
	return 0;
}

static int ddl_of_headers(const struct sl_jfamily *f, struct sl_buf *out)
{
	SL_CLEANUP(jlist) struct sl_jlist l = { 0 };
	SL_CLEANUP(free) char *keyspace = strndup(f->name, f->keyspace_len);

	if (!keyspace || headers_of(f, &l))
		return -ENOMEM;
	if (!l.n)
		return 0;
	return sl_schema_ddl_of_headers(keyspace,
					f->name + f->keyspace_len + 1,
					(const struct sl_header *const *)
						(void *)l.p,
					l.n, out);
}

static int ddl_of(const struct sl_jfamily *f, struct sl_buf *out)
{
	const struct sl_jdir *d = first_schema(f);

	if (is_view(f))
		return 0;
	return d ? sl_schema_ddl(sl_jdir_schema_of(d), out) :
		   ddl_of_headers(f, out);
}

int sl_judge_ddl(struct sl_judge *j, struct sl_buf *out, sl_found_fn *found,
		 void *arg)
{
	SL_CLEANUP(jlist) struct sl_jlist l = { 0 };
	struct sl_jout o = { &j->policy, found, arg, true };
	int r = 0;

	for (struct sl_jfamily *f = j->families; f; f = f->next)
		if (f->first_id && sl_jlist_add(&l, f))
			return -ENOMEM;
	sl_jlist_sort(&l, by_family);
	for (size_t i = 0; i < l.n && !r; i++) {
		sl_jfamily_schemas(l.p[i], &o);
		r = ddl_of(l.p[i], out);
	}
	return r ? r : sl_buf_error(out);
}

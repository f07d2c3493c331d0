/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts of one component as they are kept: a million of them may be, so each
 * takes the member of the union that it has and not the largest, findings
 * (nearly always none) lie in a list, and equal headers, of which a table has
 * a handful for thousands of SSTables, are kept once.
 */
#include <string.h>

#include "sstable/judge_internal.h"

static const size_t u_size[SL_COMP__COUNT] = {
	[SL_COMP_DATA] = sizeof(struct sl_data_facts),
	[SL_COMP_INDEX] = sizeof(struct sl_index_facts),
	[SL_COMP_SUMMARY] = sizeof(struct sl_summary_facts),
	[SL_COMP_PARTITIONS] = sizeof(struct sl_index_facts),
	[SL_COMP_FILTER] = sizeof(struct sl_filter_facts),
	[SL_COMP_COMPRESSION_INFO] = sizeof(struct sl_compression_facts),
	[SL_COMP_CRC] = sizeof(struct sl_crc_facts),
	[SL_COMP_STATISTICS] = sizeof(struct sl_statistics_facts),
	[SL_COMP_DIGEST] = sizeof(uint32_t),
	[SL_COMP_TOC] = sizeof(struct sl_toc_facts),
	[SL_COMP_MANIFEST] = sizeof(struct sl_manifest_facts),
	[SL_COMP_SCHEMA] = sizeof(struct sl_schema_facts),
};

/* With one of these the rest of the facts means nothing. */
static const enum sl_rule breaking[] = {
	SL_RULE_EMPTY_COMPONENT, SL_RULE_COMPRESSION_INFO, SL_RULE_CRC_DB,
	SL_RULE_DIGEST,		 SL_RULE_STATISTICS,	   SL_RULE_INDEX,
	SL_RULE_SUMMARY,	 SL_RULE_FILTER,	   SL_RULE_PARTITIONS,
	SL_RULE_ROWS,		 SL_RULE_TOC,		   SL_RULE_MANIFEST,
	SL_RULE_SCHEMA,
};

static bool is_breaking(enum sl_rule r)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(breaking); i++)
		if (breaking[i] == r)
			return true;
	return false;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
	return sl_jhash_bytes(h, s, strlen(s) + 1);
}

static uint64_t hash_header(const struct sl_header *q)
{
	uint64_t h = hash_text(SL_JHASH_SEED, q->key_type);

	for (size_t i = 0; i < q->clusterings; i++)
		h = hash_text(h, q->clustering[i]);
	for (size_t i = 0; i < q->column_count; i++) {
		h = hash_text(h + q->columns[i].is_static, q->columns[i].name);
		h = hash_text(h, q->columns[i].type);
	}
	return h;
}

static bool same_column(const struct sl_column *a, const struct sl_column *b)
{
	return a->is_static == b->is_static && !strcmp(a->name, b->name) &&
	       !strcmp(a->type, b->type);
}

static bool same_header(const struct sl_header *a, const struct sl_header *b)
{
	if (strcmp(a->key_type, b->key_type) ||
	    a->clusterings != b->clusterings ||
	    a->column_count != b->column_count)
		return false;
	for (size_t i = 0; i < a->clusterings; i++)
		if (strcmp(a->clustering[i], b->clustering[i]))
			return false;
	for (size_t i = 0; i < a->column_count; i++)
		if (!same_column(&a->columns[i], &b->columns[i]))
			return false;
	return true;
}

static struct sl_jheader *header_of(struct sl_jhook *h)
{
	return h ? sl_container_of(h, struct sl_jheader, hook) : NULL;
}

/* The one like 'q', with one user more. */
static struct sl_jheader *intern(struct sl_judge *j, struct sl_header *q)
{
	struct sl_jhash *headers = &j->hash[SL_JKIND_HEADER];
	uint64_t hash = hash_header(q);
	struct sl_jheader *e = header_of(sl_jhash_first(headers, hash));

	while (e && !same_header(e->header, q))
		e = header_of(sl_jhash_next(&e->hook));
	if (e) {
		e->users++;
		return e;
	}
	e = calloc(1, sizeof(*e));
	if (!e || sl_jhash_add(headers, &e->hook, hash)) {
		free(e);
		return NULL;
	}
	e->header = sl_header_ref(q);
	e->users = 1;
	return e;
}

static void forget_header(struct sl_judge *j, struct sl_jheader *e)
{
	if (!e || --e->users)
		return;
	sl_jhash_remove(&j->hash[SL_JKIND_HEADER], &e->hook);
	sl_header_unref(e->header);
	free(e);
}

/* In the order they were found. */
static int keep_found(struct sl_jpart *p, const struct sl_facts *f)
{
	struct sl_jfound **last = &p->found;

	for (size_t i = 0; i < f->found_count; i++) {
		size_t n = strlen(f->found[i].detail) + 1;
		struct sl_jfound *q = malloc(sizeof(*q) + n);

		if (!q)
			return -ENOMEM;
		q->next = NULL;
		q->rule = f->found[i].rule;
		memcpy(q->detail, f->found[i].detail, n);
		*last = q;
		last = &q->next;
		p->broken |= is_breaking(q->rule);
	}
	return 0;
}

static int keep_shared(struct sl_judge *j, struct sl_jpart *p,
		       const struct sl_facts *f)
{
	struct sl_jstatistics *s = (void *)p->u;
	struct sl_header *h = f->u.statistics.header;

	if (f->name.component != SL_COMP_STATISTICS) {
		sl_facts_ref(f);
		return 0;
	}
	s->f.header = NULL;
	if (!h)
		return 0;
	s->header = intern(j, h);
	if (!s->header)
		return -ENOMEM;
	s->f.header = s->header->header;
	return 0;
}

/* Of what was not read nothing is known. */
static size_t room_of(const struct sl_facts *f)
{
	if (f->unread)
		return 0;
	return f->name.component == SL_COMP_STATISTICS ?
		sizeof(struct sl_jstatistics) : u_size[f->name.component];
}

int sl_jpart_new(struct sl_judge *j, const struct sl_facts *f,
		 struct sl_jpart **ret)
{
	enum sl_component c = f->name.component;
	struct sl_jpart *p = calloc(1, sizeof(*p) + room_of(f));

	if (!p)
		return -ENOMEM;
	p->size = f->size;
	p->crc32 = f->crc32;
	/* Nothing is shared until all else has succeeded. */
	p->component = SL_COMP_OTHER;
	p->has_crc32 = f->has_crc32;
	p->unread = f->unread;
	if (!f->unread)
		memcpy(p->u, &f->u, u_size[c]);
	if (keep_found(p, f) || (!f->unread && keep_shared(j, p, f))) {
		sl_jpart_free(j, p);
		return -ENOMEM;
	}
	p->component = (uint8_t)c;
	*ret = p;
	return 0;
}

void sl_jpart_free(struct sl_judge *j, struct sl_jpart *p)
{
	struct sl_facts f;

	if (!p)
		return;
	if (p->component == SL_COMP_STATISTICS && !p->unread) {
		forget_header(j, ((struct sl_jstatistics *)(void *)p->u)
					 ->header);
	} else {
		sl_jpart_facts(p, &f);
		sl_facts_release(&f);
	}
	for (struct sl_jfound *q = p->found, *next; q; q = next) {
		next = q->next;
		free(q);
	}
	free(p);
}

void sl_jpart_facts(const struct sl_jpart *p, struct sl_facts *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->name.component = p->component;
	ret->size = p->size;
	ret->crc32 = p->crc32;
	ret->has_crc32 = p->has_crc32;
	ret->unread = p->unread;
	if (!p->unread)
		memcpy(&ret->u, p->u, u_size[p->component]);
	for (const struct sl_jfound *q = p->found; q; q = q->next) {
		struct sl_found *to = &ret->found[ret->found_count++];

		to->rule = q->rule;
		memcpy(to->detail, q->detail, strlen(q->detail) + 1);
	}
}

void sl_jpart_forget_table(struct sl_jpart *p)
{
	struct sl_compression_facts *c = (void *)p->u;
	struct sl_crc_facts *w = (void *)p->u;

	if (p->unread)
		return;
	if (p->component == SL_COMP_COMPRESSION_INFO && c->table)
		sl_chunk_table_unref(sl_steal(&c->table));
	else if (p->component == SL_COMP_CRC && w->words)
		sl_crc_words_unref(sl_steal(&w->words));
}

bool sl_jpart_has_found(const struct sl_jpart *p, enum sl_rule r)
{
	for (const struct sl_jfound *q = p ? p->found : NULL; q; q = q->next)
		if (q->rule == r)
			return true;
	return false;
}

void sl_jpart_say(const struct sl_jout *o, const struct sl_jpart *p,
		  const char *path)
{
	for (const struct sl_jfound *q = p->found; q; q = q->next)
		sl_jout_say(o, q->rule, path, q->detail);
}

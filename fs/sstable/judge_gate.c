/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completeness, which nobody can know before the copy is said to be whole.
 * What is missing is blamed by the path that it would have.
 */
#include <string.h>

#include "error.h"
#include "sstable/complete.h"
#include "sstable/judge_internal.h"
#include "sstable/schema.h"

static const struct sl_statistics_facts *statistics(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t =
		sl_jpart_u(s->part[SL_COMP_STATISTICS]);

	return t && !t->opaque ? t : NULL;
}

/* What this SSTable does without, and may. */
static uint32_t excused(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t = statistics(s);
	uint32_t ret = 0;

	/* Of a slice there is no digest: DSE sends none. */
	if (sl_jset_slice(s))
		ret |= SL_COMP_BIT(SL_COMP_DIGEST);
	/* There is no filter if it could never say no. */
	if (t && t->fp_chance >= 1.0)
		ret |= SL_COMP_BIT(SL_COMP_FILTER);
	return ret;
}

static bool is_plain(const struct sl_jset *s)
{
	const struct sl_data_facts *d = sl_jpart_u(s->part[SL_COMP_DATA]);
	const struct sl_toc_facts *t = sl_jpart_u(s->part[SL_COMP_TOC]);

	return (d && d->mode == SL_DATA_PLAIN) ||
	       (t && (t->listed & SL_COMP_BIT(SL_COMP_CRC)));
}

struct absent {
	const struct sl_jset *s;
	const struct sl_jout *o;
};

static void on_absent(void *arg, enum sl_rule rule, enum sl_component c)
{
	const struct absent *a = arg;

	sl_jset_say(a->o, rule, a->s, c, "%s", rule == SL_RULE_NO_CHECKSUMS ?
		    "" : sl_component_name(c));
}

static void check_complete(const struct sl_jset *s, const struct sl_jout *o)
{
	struct absent a = { s, o };
	struct sl_complete c = {
		.format = s->format,
		.excused = excused(s),
		.plain = is_plain(s),
	};

	for (unsigned i = 0; i < SL_COMP__SSTABLE; i++)
		if (s->part[i])
			c.present |= SL_COMP_BIT(i);
	sl_complete_judge(&c, on_absent, &a);
}

static void check_toc(const struct sl_jset *s, const struct sl_jout *o)
{
	static const enum sl_component tables[] = {
		SL_COMP_COMPRESSION_INFO, SL_COMP_CRC,
	};
	const struct sl_toc_facts *t = sl_jpart_u(s->part[SL_COMP_TOC]);

	for (size_t i = 0; t && i < SL_ARRAY_LEN(tables); i++)
		if (!s->part[tables[i]] &&
		    (t->listed & SL_COMP_BIT(tables[i])))
			sl_jset_say(o, SL_RULE_TOC_MISSING, s, tables[i],
				    "%s", sl_component_name(tables[i]));
}

/* A Data.db whose CRC32, known otherwise, is in Digest.crc32 is proven. */
static void check_unread(const struct sl_jset *s, const struct sl_jout *o)
{
	for (unsigned c = 0; c < SL_COMP__SSTABLE; c++) {
		const struct sl_jpart *p = s->part[c];

		if (!p || !p->unread ||
		    (c == SL_COMP_DATA &&
		     sl_jset_digest(s) == SL_JPROOF_RIGHT))
			continue;
		sl_jset_say(o, SL_RULE_UNREAD, s, c, "%llu bytes",
			    (unsigned long long)p->size);
	}
}

void sl_jset_whole(const struct sl_jset *s, const struct sl_jout *o)
{
	if (!s->sstable)
		return;
	check_complete(s, o);
	check_toc(s, o);
	check_unread(s, o);
}

/*
 * Names of a manifest. Before Cassandra 4.0 the snapshot of a table with
 * indexes listed the SSTables of its last index instead, by bare names.
 */
static void listed(const struct sl_judge *j, const struct sl_jdir *d,
		   const char *s, const struct sl_jout *o)
{
	const struct sl_schema *schema = sl_jdir_schema_of(d);
	bool index = d->has_index || (schema && schema->has_index);
	char path[SL_JUDGE_PATH];
	struct sl_name n;
	struct sl_jset *set;

	sl_name_parse(s, strlen(s), &n);
	if (!n.sstable || n.component != SL_COMP_DATA)
		return;
	set = sl_jset_find(j, d, s, (size_t)(n.text.p - 1 - s));
	if (set && set->sstable && set->part[SL_COMP_DATA])
		return;
	snprintf(path, sizeof(path), "%s/%.255s", d->key, s);
	sl_jout_say_most(o, SL_RULE_MANIFEST_SSTABLE,
			 index ? SL_WARN : SL_REJECT, path,
			 index ? "it may be an index's" : "");
}

/* An index's may have its directory before it. */
static bool is_data_file(const char *s)
{
	const char *slash = strrchr(s, '/');
	struct sl_name n;

	s = slash ? slash + 1 : s;
	sl_name_parse(s, strlen(s), &n);
	return n.component == SL_COMP_DATA;
}

static void check_manifest(const struct sl_judge *j, const struct sl_jdir *d,
			   const struct sl_jout *o)
{
	const struct sl_manifest_facts *m =
		sl_jpart_u(d->part[SL_JDIR_MANIFEST]);
	const struct sl_names *l = m ? m->files : NULL;
	bool strange = false;
	char path[SL_JUDGE_PATH];

	for (size_t at = 0; l && at < l->len; at += strlen(l->text + at) + 1) {
		listed(j, d, l->text + at, o);
		strange |= !is_data_file(l->text + at);
	}
	if (!strange)
		return;
	sl_jdir_path(d, SL_JDIR_MANIFEST, path, sizeof(path));
	sl_jout_say(o, SL_RULE_MANIFEST, path, "it lists what is no Data.db");
}

void sl_jdir_whole(const struct sl_judge *j, const struct sl_jdir *d,
		   const struct sl_jout *o)
{
	char path[SL_JUDGE_PATH];

	check_manifest(j, d, o);
	for (unsigned p = 0; p < SL_JDIR_PARTS; p++) {
		if (!d->part[p] || !d->part[p]->unread)
			continue;
		sl_jdir_path(d, p, path, sizeof(path));
		sl_jout_say(o, SL_RULE_UNREAD, path, "");
	}
}

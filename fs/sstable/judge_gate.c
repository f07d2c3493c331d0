/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completeness, which nobody can know before the copy is said to be whole.
 * What is missing is blamed by the path that it would have.
 */
#include <string.h>

#include "error.h"
#include "sstable/judge_internal.h"
#include "sstable/schema.h"

static const struct sl_statistics_facts *statistics(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t =
		sl_jpart_u(s->part[SL_COMP_STATISTICS]);

	return t && !t->opaque ? t : NULL;
}

/* Of a slice there is none: DSE sends none. */
static bool digest_excused(const struct sl_jset *s)
{
	return sl_jset_slice(s);
}

/* There is no filter if it could never say no. */
static bool filter_excused(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t = statistics(s);

	return t && t->fp_chance >= 1.0;
}

#define BIG SL_JBIT(SL_FORMAT_BIG)
#define BTI SL_JBIT(SL_FORMAT_BTI)

static const struct must {
	uint32_t formats;
	enum sl_component component;
	enum sl_rule rule;
	bool (*excused)(const struct sl_jset *s);
} musts[] = {
	{ BIG | BTI, SL_COMP_DATA, SL_RULE_MISSING_COMPONENT, NULL },
	{ BIG, SL_COMP_INDEX, SL_RULE_MISSING_COMPONENT, NULL },
	{ BTI, SL_COMP_PARTITIONS, SL_RULE_MISSING_COMPONENT, NULL },
	{ BTI, SL_COMP_ROWS, SL_RULE_MISSING_COMPONENT, NULL },
	{ BIG | BTI, SL_COMP_STATISTICS, SL_RULE_MISSING_COMPONENT, NULL },
	{ BIG | BTI, SL_COMP_DIGEST, SL_RULE_NO_DIGEST, digest_excused },
	{ BIG | BTI, SL_COMP_FILTER, SL_RULE_NO_FILTER, filter_excused },
	{ BIG, SL_COMP_SUMMARY, SL_RULE_NO_SUMMARY, NULL },
	{ BIG | BTI, SL_COMP_TOC, SL_RULE_NO_TOC, NULL },
};

static void check_checksums(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_data_facts *d = sl_jpart_u(s->part[SL_COMP_DATA]);
	const struct sl_toc_facts *t = sl_jpart_u(s->part[SL_COMP_TOC]);
	uint32_t listed = t ? t->listed : 0;
	bool chunks = s->part[SL_COMP_COMPRESSION_INFO];
	bool crc = listed & SL_JBIT(SL_COMP_CRC);

	if (!chunks && (listed & SL_JBIT(SL_COMP_COMPRESSION_INFO)))
		sl_jset_say(o, SL_RULE_TOC_MISSING, s,
			    SL_COMP_COMPRESSION_INFO, "CompressionInfo.db");
	if (d && d->mode == SL_DATA_PLAIN)
		crc = true;
	if (!chunks && !s->part[SL_COMP_CRC])
		sl_jset_say(o, SL_RULE_NO_CHECKSUMS, s,
			    crc ? SL_COMP_CRC : SL_COMP_COMPRESSION_INFO,
			    "%s", "");
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
	for (size_t i = 0; i < SL_ARRAY_LEN(musts); i++) {
		const struct must *m = &musts[i];

		if ((m->formats & SL_JBIT(s->format)) &&
		    !s->part[m->component] && !(m->excused && m->excused(s)))
			sl_jset_say(o, m->rule, s, m->component, "%s",
				    sl_component_name(m->component));
	}
	check_checksums(s, o);
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

static void check_manifest(const struct sl_judge *j, const struct sl_jdir *d,
			   const struct sl_jout *o)
{
	const struct sl_manifest_facts *m =
		sl_jpart_u(d->part[SL_JDIR_MANIFEST]);
	const struct sl_names *l = m ? m->files : NULL;

	for (size_t at = 0; l && at < l->len; at += strlen(l->text + at) + 1)
		listed(j, d, l->text + at, o);
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

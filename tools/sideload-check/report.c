/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found, for people and for programs. Names out of the trees are
 * cleaned before they reach a terminal or JSON: they may hold anything.
 */
#include "check.h"

#include <string.h>

#define TAGS_SHOWN 8

struct counts {
	size_t by[SL_REJECT + 1];
	size_t tables; /* one on three nodes is one */
	struct sl_judge_counts judge;
};

/* From KEYSPACE on: "smart_home/devices-ID/snapshots/TAG". */
static const char *table_of(const struct sl_check_dir *d)
{
	return strchr(d->virtual, '/') + 1;
}

static size_t table_len(const char *table)
{
	size_t keyspace = strcspn(table, "/") + 1;

	return keyspace + strcspn(table + keyspace, "/");
}

static int by_table(const void *a, const void *b)
{
	const struct sl_check_dir *const *p = a, *const *q = b;
	const char *s = table_of(*p), *t = table_of(*q);
	size_t n = table_len(s), m = table_len(t);
	int r = strncmp(s, t, n < m ? n : m);

	return r ? r : n < m ? -1 : n > m;
}

static int by_shown(const void *a, const void *b)
{
	const struct sl_check_dir *const *p = a, *const *q = b;

	return strcmp((*p)->shown, (*q)->shown);
}

/* Leaves the directories in the order of their paths. */
static size_t count_tables(const struct sl_check *c)
{
	const struct sl_check_list *l = &c->dirs;
	size_t n = 0;

	if (!l->n)
		return 0;
	qsort(l->p, l->n, sizeof(*l->p), by_table);
	for (size_t i = 0; i < l->n; i++)
		n += !i || by_table(&l->p[i - 1], &l->p[i]);
	qsort(l->p, l->n, sizeof(*l->p), by_shown);
	return n;
}

static void count(const struct sl_check *c, struct counts *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < c->findings.n; i++) {
		const struct sl_check_finding *f = c->findings.p[i];

		ret->by[f->verdict]++;
	}
	for (size_t i = 0; i < c->dirs.n; i++) {
		const struct sl_check_dir *d = c->dirs.p[i];

		ret->by[SL_ACCEPT] += !d->blamed;
	}
	sl_judge_count(c->judge, NULL, &ret->judge);
	ret->tables = count_tables(c);
}

int sl_check_status(const struct sl_check *c)
{
	struct counts n;

	if (c->unread.n)
		return SL_CHECK_UNREAD;
	count(c, &n);
	return n.by[SL_REJECT] ? SL_CHECK_REJECTED : SL_CHECK_OK;
}

/* "SENTENCE (DETAIL)". */
static void message(const struct sl_check_finding *f, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s%s", sl_rule_info(f->rule)->sentence,
		 *f->detail ? " (" : "", f->detail, *f->detail ? ")" : "");
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* --- JSON */

static void put_string(const char *name, const char *s)
{
	char clean[3 * SL_CHECK_PATH];

	sl_text_clean(clean, sizeof(clean), s, strlen(s));
	printf("\"%s\":\"", name);
	for (const char *p = clean; *p; p++) {
		if (*p == '"' || *p == '\\')
			putchar('\\');
		putchar(*p);
	}
	putchar('"');
}

static void put_object(const char *rule, enum sl_judgement v,
		       const char *path, const char *text, const char *cure)
{
	putchar('{');
	put_string("rule", rule);
	putchar(',');
	put_string("verdict", sl_verdict_name(v));
	putchar(',');
	put_string("path", path);
	putchar(',');
	put_string("message", text);
	putchar(',');
	put_string("cure", cure);
	puts("}");
}

static void put_json_findings(const struct sl_check *c)
{
	const struct sl_rule_info *none = sl_rule_info(SL_RULE_NONE);
	char text[3 * SL_CHECK_PATH];

	for (size_t i = 0; i < c->unread.n; i++) {
		const struct sl_check_unread *u = c->unread.p[i];

		snprintf(text, sizeof(text), "it cannot be read: %s",
			 strerror(u->err));
		put_object(sl_rule_info(SL_RULE_UNREAD)->name, SL_REJECT,
			   u->path, text, "run sideload-check as a user who "
			   "may read it");
	}
	for (size_t i = 0; i < c->findings.n; i++) {
		const struct sl_check_finding *f = c->findings.p[i];

		message(f, text, sizeof(text));
		put_object(sl_rule_info(f->rule)->name, f->verdict, f->path,
			   text, sl_rule_info(f->rule)->cure);
	}
	for (size_t i = 0; i < c->dirs.n; i++) {
		const struct sl_check_dir *d = c->dirs.p[i];

		if (!d->blamed)
			put_object(none->name, SL_ACCEPT, d->shown,
				   none->sentence, none->cure);
	}
}

static void put_json_summary(const struct sl_check *c, const struct counts *n)
{
	printf("{\"summary\":true,\"counts\":{\"accept\":%zu,\"skip\":%zu,"
	       "\"warn\":%zu,\"reject\":%zu,\"unread\":%zu},",
	       n->by[SL_ACCEPT], n->by[SL_SKIP], n->by[SL_WARN],
	       n->by[SL_REJECT], c->unread.n);
	printf("\"nodes\":%zu,\"tables\":%zu,\"sstables\":%llu,"
	       "\"files\":%llu,\"bytes\":%llu,\"seconds\":%.3f}\n",
	       c->nodes.n, n->tables,
	       (unsigned long long)n->judge.sstables,
	       (unsigned long long)c->files_done,
	       (unsigned long long)c->done, c->seconds);
}

/* --- text */

static bool shown_by_default(const struct sl_check *c, enum sl_judgement v)
{
	return c->o.verbose || v >= SL_WARN;
}

static void put_line(FILE *to, const char *verdict, const char *path,
		     const char *text, const char *cure)
{
	char clean[3 * SL_CHECK_PATH];

	sl_text_clean(clean, sizeof(clean), path, strlen(path));
	fprintf(to, "%s %s: ", verdict, clean);
	sl_text_clean(clean, sizeof(clean), text, strlen(text));
	fprintf(to, "%s%s%s\n", clean, *cure ? "; " : "", cure);
}

static size_t parent_len(const char *path)
{
	const char *s = strrchr(path, '/');

	return s ? (size_t)(s - path) : 0;
}

/* Is the same said of two files of one directory? */
static int by_sentence(const struct sl_check_finding *a,
		       const struct sl_check_finding *b)
{
	size_t n = parent_len(a->path), m = parent_len(b->path);
	int r = strncmp(a->path, b->path, n < m ? n : m);

	if (!r && n != m)
		r = n < m ? -1 : 1;
	if (!r)
		r = (int)a->rule - (int)b->rule;
	if (!r)
		r = (int)a->verdict - (int)b->verdict;
	return r ? r : strcmp(a->detail, b->detail);
}

static int by_group(const void *a, const void *b)
{
	const struct sl_check_finding *const *p = a, *const *q = b;
	int r = by_sentence(*p, *q);

	return r ? r : strcmp((*p)->path, (*q)->path);
}

static void put_group(const struct sl_check_finding *f, size_t more, FILE *to)
{
	const char *cure = sl_rule_info(f->rule)->cure;
	char text[3 * SL_CHECK_PATH];
	size_t n;

	message(f, text, sizeof(text));
	n = strlen(text);
	if (more)
		snprintf(text + n, sizeof(text) - n,
			 ", and so %zu more file%s there", more, plural(more));
	put_line(to, sl_verdict_name(f->verdict), f->path, text, cure);
}

/* What is said of many files of a directory is said once. */
static void put_text_findings(const struct sl_check *c, FILE *to)
{
	const struct sl_check_list *l = &c->findings;
	size_t end;

	if (l->n)
		qsort(l->p, l->n, sizeof(*l->p), by_group);
	for (size_t i = 0; i < l->n; i = end) {
		const struct sl_check_finding *f = l->p[i];

		end = i + 1;
		while (!c->o.verbose && end < l->n &&
		       !by_sentence(f, l->p[end]))
			end++;
		if (shown_by_default(c, f->verdict))
			put_group(f, end - i - 1, to);
	}
	for (size_t i = 0; i < c->dirs.n && c->o.verbose; i++) {
		const struct sl_check_dir *d = c->dirs.p[i];

		if (!d->blamed)
			put_line(to, sl_verdict_name(SL_ACCEPT), d->shown,
				 sl_rule_info(SL_RULE_NONE)->sentence, "");
	}
}

static void put_unread(const struct sl_check *c)
{
	char text[SL_CHECK_PATH];

	for (size_t i = 0; i < c->unread.n; i++) {
		const struct sl_check_unread *u = c->unread.p[i];

		snprintf(text, sizeof(text), "it cannot be read: %s",
			 strerror(u->err));
		put_line(stderr, "unread", u->path, text, "");
	}
}

static const char *tag_of(const struct sl_check_dir *d)
{
	return strrchr(d->virtual, '/') + 1;
}

static bool tag_before(const struct sl_check *c, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(tag_of(c->dirs.p[k]), tag_of(c->dirs.p[i])))
			return true;
	return false;
}

static void put_tags(const struct sl_check *c)
{
	char clean[512];
	size_t n = 0;

	for (size_t i = 0; i < c->dirs.n && n <= TAGS_SHOWN; i++) {
		const char *tag = tag_of(c->dirs.p[i]);

		if (tag_before(c, i))
			continue;
		sl_text_clean(clean, sizeof(clean), tag, strlen(tag));
		if (n++ < TAGS_SHOWN)
			printf("%s%s", n > 1 ? ", " : ", snapshot ", clean);
		else
			printf(" ...");
	}
}

static void put_summary(const struct sl_check *c, const struct counts *n)
{
	uint64_t sstables = n->judge.sstables;

	printf("%zu node%s, %zu table%s", c->nodes.n, plural(c->nodes.n),
	       n->tables, plural(n->tables));
	put_tags(c);
	printf(": %llu SSTable%s, %llu file%s, %.1f MB in %.1f s\n",
	       (unsigned long long)sstables, plural(sstables),
	       (unsigned long long)c->files_done, plural(c->files_done),
	       (double)c->done / 1e6, c->seconds);
	printf("%zu rejected, %zu warning%s, %zu left out", n->by[SL_REJECT],
	       n->by[SL_WARN], plural(n->by[SL_WARN]), n->by[SL_SKIP]);
	if (c->unread.n)
		printf(", %zu could not be read", c->unread.n);
	putchar('\n');
}

int sl_check_report(struct sl_check *c)
{
	struct counts n;

	count(c, &n);
	if (c->o.json) {
		put_json_findings(c);
		put_json_summary(c, &n);
	} else {
		put_text_findings(c, c->o.schema ? stderr : stdout);
		put_unread(c);
		if (!c->o.quiet && !c->o.schema)
			put_summary(c, &n);
	}
	return sl_check_status(c);
}

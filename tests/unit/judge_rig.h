/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the judge: findings gathered into a sorted list of lines, and
 * snapshot trees out of archives, read through the parsers.
 */
#ifndef SL_JUDGE_RIG_H
#define SL_JUDGE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "crc.h"
#include "sstable/judge.h"

/* Findings as lines "VERDICT RULE PATH (DETAIL)". */
struct lines {
	char **line;
	size_t n, cap;
	enum sl_judgement worst;
	bool details; /* with them */
};

static inline void lines_found(void *arg, const struct sl_finding *f)
{
	struct lines *l = arg;
	char text[4096];

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->line = realloc(l->line, l->cap * sizeof(*l->line));
		assert_non_null(l->line);
	}
	if (f->verdict > l->worst)
		l->worst = f->verdict;
	snprintf(text, sizeof(text), "%s %s %s%s%s%s",
		 sl_verdict_name(f->verdict), sl_rule_info(f->rule)->name,
		 f->path, l->details ? " (" : "",
		 l->details ? f->detail : "", l->details ? ")" : "");
	l->line[l->n++] = strdup(text);
}

static inline void lines_clear(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->line[i]);
	l->n = 0;
	l->worst = SL_ACCEPT;
}

static inline void lines_free(struct lines *l)
{
	lines_clear(l);
	free(l->line);
	memset(l, 0, sizeof(*l));
}

static inline bool lines_have(const struct lines *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (strstr(l->line[i], text))
			return true;
	return false;
}

static inline void lines_print(const struct lines *l, const char *what)
{
	for (size_t i = 0; i < l->n; i++)
		fprintf(stderr, "# %s: %s\n", what, l->line[i]);
}

static inline void lines_equal(const struct lines *a, const struct lines *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = !strcmp(a->line[i], b->line[i]);
	if (!same) {
		lines_print(a, "one");
		lines_print(b, "other");
	}
	assert_true(same);
	assert_int_equal(a->worst, b->worst);
}

/* A file of a tree. */
struct rig_file {
	char *path;
	struct sl_facts facts;
};
struct rig_tree {
	struct rig_file *file;
	size_t n, cap;
};

static inline struct rig_file *rig_add(struct rig_tree *t, const char *path)
{
	struct rig_file *f;

	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->file = realloc(t->file, t->cap * sizeof(*t->file));
		assert_non_null(t->file);
	}
	f = &t->file[t->n++];
	memset(f, 0, sizeof(*f));
	f->path = strdup(path);
	return f;
}

static inline void rig_tree_free(struct rig_tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		sl_facts_release(&t->file[i].facts);
		free(t->file[i].path);
	}
	free(t->file);
	memset(t, 0, sizeof(*t));
}

/* Facts of bytes, as a file of that path has them. */
static inline void rig_facts(const char *path, const void *p, size_t n,
			     const struct sl_prior *prior,
			     struct sl_facts *ret)
{
	const char *name = strrchr(path, '/') + 1;
	struct sl_stream *s = NULL;
	struct sl_name parsed;

	sl_name_parse(name, strlen(name), &parsed);
	assert_int_equal(sl_stream_new(&parsed, prior, &s), 0);
	if (n)
		sl_stream_feed(s, p, n);
	assert_int_equal(sl_stream_facts(s, ret), 0);
	sl_stream_free(s);
	ret->has_crc32 = true;
	ret->crc32 = sl_crc32(0, p, n);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOC.txt: a name of a component per line. It is no list of truth (it grows
 * after the snapshot, 4.0 may list nothing but a SASI file), so only the core
 * components that it lists are kept, and what is no such list is told.
 */
#include <string.h>

#include "error.h"
#include "sstable/stream.h"
#include "sstable/whole.h"

#define NAME_MAX_LEN 255
#define SHOWN 64

struct toc {
	struct sl_whole text;
};

static bool has_prefix(const char *s, size_t n, const char *prefix)
{
	size_t len = strlen(prefix);

	return n > len && !memcmp(s, prefix, len);
}

static bool is_print(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

/* Names of files of an index made with SASI or SAI. */
static bool is_index_file(const char *s, size_t n)
{
	return n <= NAME_MAX_LEN && is_print(s, n) &&
	       (has_prefix(s, n, "SI_") || has_prefix(s, n, "SAI"));
}

static void note_line(struct sl_facts *f, const char *s, size_t n,
		      unsigned long long line)
{
	enum sl_component c = sl_component_find(s, n);
	char shown[SHOWN];

	if (c < SL_COMP__SSTABLE) {
		f->u.toc.listed |= 1u << c;
		return;
	}
	if (is_index_file(s, n) || f->found_count)
		return;
	sl_text_clean(shown, sizeof(shown), s, n);
	sl_facts_found(f, SL_RULE_TOC, "line %llu: '%s' is no component", line,
		       shown);
}

static void toc_feed(void *state, const unsigned char *p, size_t n)
{
	struct toc *t = state;

	sl_whole_feed(&t->text, p, n);
}

static int toc_facts(const void *state, struct sl_facts *ret)
{
	const struct toc *t = state;
	const char *s = (const char *)t->text.data;
	const char *end = s + t->text.len, *nl;
	unsigned long long line = 0;

	if (t->text.err)
		return t->text.err;
	if (t->text.overflow) {
		sl_facts_found(ret, SL_RULE_TOC, "%llu bytes",
			       (unsigned long long)ret->size);
		return 0;
	}
	for (; s < end; s = nl + 1) {
		nl = memchr(s, '\n', (size_t)(end - s));
		if (!nl) {
			sl_facts_found(ret, SL_RULE_TOC,
				       "its last line does not end");
			break;
		}
		note_line(ret, s, (size_t)(nl - s), ++line);
	}
	return 0;
}

static void toc_end(void *state)
{
	struct toc *t = state;

	sl_whole_release(&t->text);
}

const struct sl_parser sl_toc_parser = {
	.state = sizeof(struct toc),
	.feed = toc_feed,
	.facts = toc_facts,
	.end = toc_end,
};

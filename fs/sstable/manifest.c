/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.json: {"files":["nb-1-big-Data.db",...]} on one line or several,
 * with other keys beside, which are of no concern. Names are kept as they are
 * written; whether they are there is for the judge.
 *
 * cJSON takes about a hundred bytes for a value of two and recurses with each
 * bracket, so the text is looked over before: a manifest is two deep, and
 * has a comma for each SSTable of one table.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "sstable/stream.h"
#include "sstable/whole.h"

#define DEPTH_MAX 16
#define COMMAS_MAX ((size_t)1 << 18)

struct manifest {
	struct sl_whole text;
};

static void sl_cleanup_cjson(cJSON **j)
{
	cJSON_Delete(*j);
}

struct look {
	bool string, escaped;
	unsigned depth;
	size_t commas;
};

static void look_at_string(struct look *l, char c)
{
	if (l->escaped)
		l->escaped = false;
	else if (c == '\\')
		l->escaped = true;
	else if (c == '"')
		l->string = false;
}

/* False: too deep. */
static bool look_at(struct look *l, char c)
{
	switch (c) {
	case '"':
		l->string = true;
		return true;
	case '[':
	case '{':
		return ++l->depth <= DEPTH_MAX;
	case ']':
	case '}':
		l->depth -= l->depth > 0;
		return true;
	case ',':
		return ++l->commas <= COMMAS_MAX;
	default:
		return c != '\0';
	}
}

/* May it be given to cJSON? */
static bool is_tame(const char *s, size_t n)
{
	struct look l = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (l.string)
			look_at_string(&l, s[i]);
		else if (!look_at(&l, s[i]))
			return false;
	}
	/* A name with a NUL would be cut short. */
	return !memchr(s, '\0', n) && !memmem(s, n, "\\u0000", 6);
}

static bool only_blanks(const char *s, const char *end)
{
	while (s < end && strchr(" \t\r\n", *s))
		s++;
	return s == end;
}

static cJSON *parse(const char *s, size_t n)
{
	SL_CLEANUP(cjson) cJSON *j = NULL;
	const char *end = NULL;

	if (!is_tame(s, n))
		return NULL;
	j = cJSON_ParseWithLengthOpts(s, n, &end, 0);
	if (!j || !end || !only_blanks(end, s + n))
		return NULL;
	return sl_steal(&j);
}

/* Bytes that the names need; 0: none. *ret_bad: an element is no string. */
static size_t names_size(const cJSON *files, bool *ret_bad)
{
	const cJSON *one;
	size_t size = 0;

	*ret_bad = false;
	cJSON_ArrayForEach(one, files)
	{
		if (cJSON_IsString(one))
			size += strlen(one->valuestring) + 1;
		else
			*ret_bad = true;
	}
	return size;
}

static struct sl_names *collect(const cJSON *files, size_t size)
{
	struct sl_names *n = malloc(sizeof(*n) + size);
	const cJSON *one;

	if (!n)
		return NULL;
	*n = (struct sl_names){ .refs = 1 };
	cJSON_ArrayForEach(one, files)
	{
		size_t len;

		if (!cJSON_IsString(one))
			continue;
		len = strlen(one->valuestring) + 1;
		memcpy(n->text + n->len, one->valuestring, len);
		n->len += len;
		n->count++;
	}
	return n;
}

static int note_files(const cJSON *files, struct sl_facts *ret)
{
	bool bad;
	size_t size = names_size(files, &bad);

	ret->u.manifest.files = collect(files, size);
	if (!ret->u.manifest.files)
		return -ENOMEM;
	if (bad)
		sl_facts_found(ret, SL_RULE_MANIFEST,
			       "\"files\" holds what is no name");
	return 0;
}

static int read_json(const struct sl_whole *w, struct sl_facts *ret)
{
	SL_CLEANUP(cjson) cJSON *j = NULL;
	const cJSON *files;

	if (w->len)
		j = parse((const char *)w->data, w->len);
	files = cJSON_GetObjectItemCaseSensitive(j, "files");
	if (cJSON_IsArray(files))
		return note_files(files, ret);
	sl_facts_found(ret, SL_RULE_MANIFEST, "%llu bytes, %s",
		       (unsigned long long)ret->size,
		       j ? "no list \"files\" in them" : "not JSON");
	return 0;
}

static void manifest_feed(void *state, const unsigned char *p, size_t n)
{
	struct manifest *m = state;

	sl_whole_feed(&m->text, p, n);
}

static int manifest_facts(const void *state, struct sl_facts *ret)
{
	const struct manifest *m = state;

	if (m->text.err)
		return m->text.err;
	if (!m->text.overflow)
		return read_json(&m->text, ret);
	sl_facts_found(ret, SL_RULE_MANIFEST, "%llu bytes are too many",
		       (unsigned long long)ret->size);
	return 0;
}

static void manifest_end(void *state)
{
	struct manifest *m = state;

	sl_whole_release(&m->text);
}

const struct sl_parser sl_manifest_parser = {
	.state = sizeof(struct manifest),
	.feed = manifest_feed,
	.facts = manifest_facts,
	.end = manifest_end,
};

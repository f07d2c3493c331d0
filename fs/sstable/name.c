/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of SSTable components, and what is known of their versions. Letters
 * of versions are compared within one format only: "aa" of BTI is newer than
 * "me" of BIG. The importer reads what a reader of DataStax's 4.0 line does;
 * versions that nobody has released yet are as unknown to it as to us.
 */
#include "sstable/name.h"

#include <string.h>

#include "cleanup.h"
#include "sstable/path_names.h"

static const char *const components[SL_COMP__COUNT] = {
	[SL_COMP_DATA] = "Data.db",
	[SL_COMP_INDEX] = "Index.db",
	[SL_COMP_SUMMARY] = "Summary.db",
	[SL_COMP_PARTITIONS] = "Partitions.db",
	[SL_COMP_ROWS] = "Rows.db",
	[SL_COMP_FILTER] = "Filter.db",
	[SL_COMP_COMPRESSION_INFO] = "CompressionInfo.db",
	[SL_COMP_CRC] = "CRC.db",
	[SL_COMP_STATISTICS] = "Statistics.db",
	[SL_COMP_DIGEST] = "Digest.crc32",
	[SL_COMP_TOC] = "TOC.txt",
	[SL_COMP_MANIFEST] = "manifest.json",
	[SL_COMP_SCHEMA] = "schema.cql",
	[SL_COMP_OTHER] = "",
};

static const char *const formats[] = {
	[SL_FORMAT_BIG] = "big",
	[SL_FORMAT_BTI] = "bti",
};

/* What comes before the first of a format is old, all else new. */
static const struct {
	enum sl_format format;
	char version[3];
	enum sl_rule rule;
} versions[] = {
	{ SL_FORMAT_BIG, "ma", SL_RULE_NONE }, /* 3.0.0 */
	{ SL_FORMAT_BIG, "mb", SL_RULE_NONE }, /* 3.0.7, 3.7 */
	{ SL_FORMAT_BIG, "mc", SL_RULE_NONE }, /* 3.0.8, 3.9, DSE 5.0 */
	{ SL_FORMAT_BIG, "md", SL_RULE_NONE }, /* 3.0.18, 3.11.4 */
	{ SL_FORMAT_BIG, "me", SL_RULE_NONE }, /* 3.0.25, 3.11.11 */
	{ SL_FORMAT_BIG, "na", SL_RULE_PRERELEASE }, /* 4.0 before rc2 */
	{ SL_FORMAT_BIG, "nb", SL_RULE_NONE }, /* 4.0, 4.1 */
	{ SL_FORMAT_BIG, "nc", SL_RULE_PRERELEASE }, /* 5.0 before GA */
	{ SL_FORMAT_BTI, "aa", SL_RULE_NONE }, /* DSE 6.0 */
	{ SL_FORMAT_BTI, "ab", SL_RULE_PRERELEASE }, /* DSE 6.8 before GA */
	{ SL_FORMAT_BTI, "ac", SL_RULE_NONE }, /* DSE 6.0.11, 6.7.6 */
	{ SL_FORMAT_BTI, "ad", SL_RULE_NONE }, /* DSE 6.0.14, 6.7.11 */
	{ SL_FORMAT_BTI, "ba", SL_RULE_NONE }, /* DSE 6.8.0 */
	{ SL_FORMAT_BTI, "bb", SL_RULE_NONE }, /* DSE 6.8.5, 6.9 */
	{ SL_FORMAT_BTI, "ca", SL_RULE_NONE }, /* HCD 1.x and before it */
	{ SL_FORMAT_BTI, "cb", SL_RULE_NONE },
	{ SL_FORMAT_BTI, "cc", SL_RULE_NONE },
};
static const char first_big[] = "ma";

const char *sl_component_name(enum sl_component c)
{
	return (unsigned)c < SL_COMP__COUNT ? components[c] : "";
}

enum sl_component sl_component_find(const char *s, size_t n)
{
	for (unsigned i = 0; i < SL_COMP_OTHER; i++)
		if (sl_name_equals(s, n, components[i]))
			return i;
	return SL_COMP_OTHER;
}

/* "3gdv_0vos_4jbmo2l3kqtv0q1se8": days, seconds, ticks and the rest. */
static bool is_time_id(const char *s, size_t n)
{
	static const char shape[] = "xxxx_xxxx_xxxxxxxxxxxxxxxxxx";

	if (n != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (shape[i] == '_' ? s[i] != '_' : !sl_char_alnum(s[i]))
			return false;
	return true;
}

static bool is_id(const char *s, size_t n)
{
	static const size_t ulid = 26;

	return n && (sl_name_all(sl_char_digit, s, n) || is_time_id(s, n) ||
		     (n == ulid && sl_name_all(sl_char_alnum, s, n)));
}

static bool is_version(const char *s)
{
	return s[0] >= 'a' && s[0] <= 'z' && s[1] >= 'a' && s[1] <= 'z';
}

static bool find_format(const char *s, size_t n, enum sl_format *ret)
{
	for (unsigned i = 0; i < SL_ARRAY_LEN(formats); i++)
		if (sl_name_equals(s, n, formats[i])) {
			*ret = i;
			return true;
		}
	return false;
}

/* The next word up to '-', which must be there and not be the last byte. */
static bool next_word(struct sl_path_part *rest, struct sl_path_part *ret)
{
	const char *dash = memchr(rest->p, '-', rest->n);

	if (!dash)
		return false;
	ret->p = rest->p;
	ret->n = (size_t)(dash - rest->p);
	rest->p = dash + 1;
	rest->n -= ret->n + 1;
	return rest->n > 0;
}

static bool parse_sstable(struct sl_path_part rest, struct sl_name *ret)
{
	struct sl_path_part version, id, format;

	if (!next_word(&rest, &version) || version.n != 2 ||
	    !is_version(version.p) || !next_word(&rest, &id) ||
	    !is_id(id.p, id.n) || !next_word(&rest, &format) ||
	    !find_format(format.p, format.n, &ret->format))
		return false;
	memcpy(ret->version, version.p, 2);
	ret->id = id;
	ret->text = rest;
	ret->sstable = true;
	return true;
}

void sl_name_parse(const char *s, size_t n, struct sl_name *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!parse_sstable((struct sl_path_part){ s, n }, ret)) {
		ret->component = sl_component_find(s, n);
		if (ret->component < SL_COMP__SSTABLE)
			ret->component = SL_COMP_OTHER;
		return;
	}
	ret->component = sl_component_find(ret->text.p, ret->text.n);
	if (ret->component >= SL_COMP__SSTABLE)
		ret->component = SL_COMP_OTHER;
}

bool sl_version_from(const struct sl_name *n, const char *big,
		     const char *bti)
{
	const char *least = n->format == SL_FORMAT_BTI ? bti : big;

	return n->sstable && least && strcmp(n->version, least) >= 0;
}

enum sl_rule sl_version_judge(enum sl_format f, const char version[3])
{
	for (size_t i = 0; i < SL_ARRAY_LEN(versions); i++)
		if (versions[i].format == f &&
		    !strcmp(versions[i].version, version))
			return versions[i].rule;
	return f == SL_FORMAT_BIG && strcmp(version, first_big) < 0 ?
		       SL_RULE_OLD_VERSION : SL_RULE_NEW_VERSION;
}

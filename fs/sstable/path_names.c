/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that Cassandra gives to nodes' keyspaces, tables, tags and
 * tags, one predicate each; path.c puts them in their places. Those of files
 * are in path_file.c. Facts: Directories.java, SchemaConstants.java,
 * Keyspace.java (snapshot names).
 */
#include "sstable/path_names.h"

#include <string.h>

#include "cleanup.h"

#define NODE_MAX 63

bool sl_char_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool sl_char_alnum(char c)
{
	return sl_char_digit(c) || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

bool sl_char_word(char c)
{
	return sl_char_alnum(c) || c == '_';
}

bool sl_char_lower_hex(char c)
{
	return sl_char_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_hex(char c)
{
	return sl_char_lower_hex(c) || (c >= 'A' && c <= 'F');
}

bool sl_char_index(char c)
{
	return sl_char_word(c) || c == '-';
}

static bool is_node_char(char c)
{
	return sl_char_word(c) || c == '.' || c == '-';
}

bool sl_name_all(bool (*is)(char), const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is(s[i]))
			return false;
	return true;
}

bool sl_name_equals(const char *s, size_t n, const char *lit)
{
	return n == strlen(lit) && !memcmp(s, lit, n);
}

bool sl_name_starts(const char *s, size_t n, const char *lit)
{
	size_t k = strlen(lit);

	return n >= k && !memcmp(s, lit, k);
}

bool sl_name_ends(const char *s, size_t n, const char *lit)
{
	size_t k = strlen(lit);

	return n >= k && !memcmp(s + n - k, lit, k);
}

bool sl_node_name_valid(const char *s, size_t n)
{
	return n >= 1 && n <= NODE_MAX && sl_char_alnum(s[0]) &&
	       sl_name_all(is_node_char, s, n);
}

bool sl_name_in_list(const char *const *list, size_t count, const char *s,
		    size_t n)
{
	for (size_t i = 0; i < count; i++) {
		size_t k = strlen(list[i]);
		bool open = list[i][k - 1] == '*';

		if (open ? n >= k - 1 && !memcmp(s, list[i], k - 1)
			 : sl_name_equals(s, n, list[i]))
			return true;
	}
	return false;
}

bool sl_keyspace_is_system(const char *s, size_t n)
{
	/*
	 * Cassandra's own (SchemaConstants.java), then those of DSE and HCD.
	 * "cfs" and "dsefs" without '_' are whole names: a user's keyspace
	 * such as "cfsales" must go up.
	 */
	static const char *const names[] = {
		"system", "system_schema", "system_auth",
		"system_distributed", "system_traces", "system_views",
		"system_virtual_schema", "system_cluster_metadata",
		"dse_*", "dsefs", "dsefs_*", "solr_admin", "hcd_system",
		"OpsCenter", "cfs", "cfs_*", "HiveMetaStore", "spark_system",
		"data_endpoint_auth",
	};

	return sl_name_in_list(names, SL_ARRAY_LEN(names), s, n);
}

static bool is_uuid(const char *s, size_t n)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (n != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (shape[i] == '-' ? s[i] != '-' : !is_hex(s[i]))
			return false;
	return true;
}

/*
 * Thirteen digits: the milliseconds from 2001 to 2286. Cassandra puts
 * "-upgrade-OLD-NEW" and "-compact-TABLE" behind them.
 */
static bool is_epoch_tag(const char *s, size_t n)
{
	static const size_t digits = 13;

	if (n < digits || !sl_name_all(sl_char_digit, s, digits))
		return false;
	return n == digits ||
	       sl_name_starts(s + digits, n - digits, "-upgrade-") ||
	       sl_name_starts(s + digits, n - digits, "-compact-");
}

bool sl_tag_is_machine_made(const char *s, size_t n)
{
	static const char *const names[] = {
		"dropped-*", "truncated-*", "pre-scrub-*", "upgrade-*",
	};

	return sl_name_in_list(names, SL_ARRAY_LEN(names), s, n) ||
	       is_uuid(s, n) || is_epoch_tag(s, n);
}

/* The length of the UTF-8 sequence at 's', 0 if it is not a valid one. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char lo, hi, len, min2, max2;
	} lead[] = {
		{ 0x20, 0x7e, 1, 0, 0 },       { 0xc2, 0xdf, 2, 0x80, 0xbf },
		{ 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
		{ 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
		{ 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf },
		{ 0xf4, 0xf4, 4, 0x80, 0x8f },
	};
	size_t i = 0, len;

	while (i < SL_ARRAY_LEN(lead) && (s[0] < lead[i].lo ||
					  s[0] > lead[i].hi))
		i++;
	if (i == SL_ARRAY_LEN(lead) || lead[i].len > n)
		return 0;
	len = lead[i].len;
	if (len > 1 && (s[1] < lead[i].min2 || s[1] > lead[i].max2))
		return 0;
	for (size_t k = 2; k < len; k++)
		if ((s[k] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool sl_name_text_valid(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;

	while (n) {
		size_t k = utf8_len(u, n);

		if (!k)
			return false;
		u += k;
		n -= k;
	}
	return true;
}

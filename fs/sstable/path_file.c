/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file beside the SSTables of a snapshot is, by its name: what
 * Cassandra leaves when it dies, what its ancestors wrote, and what nobody
 * knows. Facts: Descriptor.java of 2.0-5.0, LogFile.java, Component.java,
 * ScyllaDB's sstables/component_type.hh.
 */
#include <string.h>

#include "cleanup.h"
#include "sstable/name.h"
#include "sstable/path_names.h"

static struct sl_name parse(struct sl_path_part s)
{
	struct sl_name n;

	sl_name_parse(s.p, s.n, &n);
	return n;
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_log_word(char c)
{
	return is_lower(c) || c == '_';
}

static bool is_uuid_char(char c)
{
	return sl_char_lower_hex(c) || c == '-';
}

static bool is_table_char(char c)
{
	return sl_char_word(c) || c == '.';
}

/* Takes the leading characters of a kind off; how many there were. */
static size_t take(struct sl_path_part *s, bool (*is)(char))
{
	size_t n = 0;

	while (n < s->n && is(s->p[n]))
		n++;
	s->p += n;
	s->n -= n;
	return n;
}

static bool take_text(struct sl_path_part *s, const char *lit)
{
	if (!sl_name_starts(s->p, s->n, lit))
		return false;
	s->p += strlen(lit);
	s->n -= strlen(lit);
	return true;
}

/* "VV-NUMBER-COMPONENT" with a version of 2.1 or before. */
static bool is_old_tail(struct sl_path_part s)
{
	size_t letters;

	if (!s.n || s.p[0] > 'k')
		return false;
	letters = take(&s, is_lower);
	return (letters == 1 || letters == 2) && take_text(&s, "-") &&
	       take(&s, sl_char_digit) && take_text(&s, "-") && s.n &&
	       s.p[0] >= 'A' && s.p[0] <= 'Z';
}

/* "ks-table-tmp-ka-1-Data.db": 2.1 and before. */
static bool has_tmp_word(struct sl_path_part s)
{
	for (; s.n; s.p++, s.n--) {
		struct sl_path_part t = s;

		if ((take_text(&t, "-tmp-") || take_text(&t, "-tmplink-")) &&
		    is_old_tail(t))
			return true;
	}
	return false;
}

bool sl_file_is_temporary(struct sl_path_part s)
{
	return sl_name_ends(s.p, s.n, ".tmp") ||
	       sl_name_starts(s.p, s.n, "tmp-") ||
	       sl_name_starts(s.p, s.n, "tmplink-") || has_tmp_word(s);
}

/* "[[FORMAT-]VV_]txn_OPERATION_UUID.log" */
bool sl_file_is_transaction_log(struct sl_path_part s)
{
	static const size_t uuid = 36;
	struct sl_path_part word = s;
	size_t n = take(&word, is_lower);

	if (n && take_text(&word, "-")) {
		s = word;
		n = take(&word, is_lower);
	}
	if (n == 2 && take_text(&word, "_txn_"))
		s = word;
	else if (!take_text(&s, "txn_"))
		return false;
	if (!sl_name_ends(s.p, s.n, ".log"))
		return false;
	s.n -= strlen(".log");
	return s.n > uuid + 1 && s.p[s.n - uuid - 1] == '_' &&
	       sl_name_all(is_log_word, s.p, s.n - uuid) &&
	       sl_name_all(is_uuid_char, s.p + s.n - uuid, uuid);
}

/* Before 2.2 the keyspace stood in the name, before 1.1 only the table. */
bool sl_file_is_pre22(struct sl_path_part s)
{
	for (int words = 0; words < 2; words++) {
		if (!take(&s, is_table_char) || !take_text(&s, "-"))
			return false;
		if (is_old_tail(s))
			return true;
	}
	return false;
}

bool sl_file_is_index(struct sl_path_part s)
{
	struct sl_name n = parse(s);
	struct sl_path_part c = n.text;

	/* Never by its end: an index's TermsData.db ends in "Data.db". */
	return n.sstable && sl_name_ends(c.p, c.n, ".db") &&
	       (sl_name_starts(c.p, c.n, "SI_") ||
		sl_name_starts(c.p, c.n, "SAI_") ||
		sl_name_starts(c.p, c.n, "SAI+"));
}

bool sl_file_is_scylla(struct sl_path_part s)
{
	struct sl_name n = parse(s);

	return n.sstable && sl_name_equals(n.text.p, n.text.n, "Scylla.db");
}

enum sl_rule sl_file_version(struct sl_path_part s)
{
	struct sl_name n = parse(s);

	return n.sstable ? sl_version_judge(n.format, n.version) :
			   SL_RULE_NONE;
}

enum sl_rule sl_file_unknown(struct sl_path_part s)
{
	struct sl_name n = parse(s);

	if (n.component != SL_COMP_OTHER)
		return SL_RULE_NONE;
	return n.sstable ? SL_RULE_UNKNOWN_COMPONENT : SL_RULE_UNKNOWN_FILE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predicates on single names, shared by path*.c and name.c only. All
 * take a pointer and a length: names lie within a longer path. Pure.
 */
#ifndef SL_PATH_NAMES_H
#define SL_PATH_NAMES_H

#include "sstable/path.h"

#define SL_TABLE_ID_LEN 32

bool sl_char_digit(char c);
bool sl_char_alnum(char c);
bool sl_char_word(char c); /* [A-Za-z0-9_] */
bool sl_char_lower_hex(char c);
bool sl_char_index(char c); /* [A-Za-z0-9_-] */

bool sl_name_all(bool (*is)(char), const char *s, size_t n);
bool sl_name_equals(const char *s, size_t n, const char *lit);
bool sl_name_starts(const char *s, size_t n, const char *lit);
bool sl_name_ends(const char *s, size_t n, const char *lit);
/* A trailing '*' in the list stands for anything. */
bool sl_name_in_list(const char *const *list, size_t count, const char *s,
		     size_t n);
/* UTF-8 without control bytes. */
bool sl_name_text_valid(const char *s, size_t n);
/*
 * What a file in a snapshot's directory is by its name. Those of the first
 * three kinds are no names of SSTable components as name.h knows them.
 */
bool sl_file_is_temporary(struct sl_path_part s); /* *.tmp, tmp-..., -tmp- */
bool sl_file_is_transaction_log(struct sl_path_part s);
bool sl_file_is_pre22(struct sl_path_part s); /* [KS-]TABLE-ka-1-Data.db */
bool sl_file_is_index(struct sl_path_part s); /* SAI and SASI */
bool sl_file_is_scylla(struct sl_path_part s);
/* By the version in the name; SL_RULE_NONE also if there is none. */
enum sl_rule sl_file_version(struct sl_path_part s);
/* SL_RULE_UNKNOWN_FILE, _UNKNOWN_COMPONENT or SL_RULE_NONE. */
enum sl_rule sl_file_unknown(struct sl_path_part s);

#endif

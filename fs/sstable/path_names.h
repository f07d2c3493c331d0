/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Predicates on single names, shared by path.c and path_names.c only. All
 * take a pointer and a length: names lie within a longer path. Pure.
 */
#ifndef SL_PATH_NAMES_H
#define SL_PATH_NAMES_H

#include "sstable/path.h"

#define SL_TABLE_ID_LEN 32

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
 * The component of "VV-ID-FORMAT-COMPONENT"; p NULL if it is no SSTable's
 * name. Never judged by its end: an index's TermsData.db ends in "Data.db".
 */
struct sl_path_part sl_name_component(struct sl_path_part s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of an option that there is not: the one that was meant. */
#include "options_internal.h"

#include <string.h>

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Levenshtein distance; names longer than the row are far from anything. */
static size_t distance(const char *a, const char *b)
{
	size_t row[33];
	size_t n = strlen(b);

	if (n > 32 || strlen(a) > 32)
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1,
				      diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

int sl_option_unknown(const char *name, struct sl_error *e)
{
	const struct sl_option *opt;
	const char *best = NULL;
	size_t least = 4;

	for (size_t i = 0; (opt = sl_option_at(i)); i++) {
		size_t d = distance(name, opt->name);

		if (d < least) {
			least = d;
			best = opt->name;
		}
	}
	if (best)
		return sl_error_set(e, EINVAL, "unknown option '%.64s'; is "
				    "'%s' meant?", name, best);
	return sl_error_set(e, EINVAL, "unknown option '%.64s'; --help lists "
			    "them", name);
}

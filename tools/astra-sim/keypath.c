/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as file names. Any key must work, and the usual ones must look as
 * they are:
 *
 * - bytes other than A-Z a-z 0-9 . _ + = @ , ~ - become %XX;
 * - a segment "." or ".." has its dots escaped, an empty one is "%00";
 * - after 200 characters a segment goes on in a directory: "NAME%-/REST".
 *
 * A key may be both an object and a directory of others ("a" and "a/b"): the
 * object's file is then called "a%" (store.c). None of "%", "%-" and "%meta"
 * at the end of a name can come from encoding, so nothing is ambiguous.
 */
#include <string.h>

#include "store.h"

#define SEGMENT_MAX 200

static bool plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("._+=@,~-", c));
}

static void encode_segment(struct sim_buf *b, const char *s, size_t n)
{
	bool dots = n && n <= 2 && strspn(s, ".") >= n;
	size_t start = b->n;

	if (!n)
		sim_buf_str(b, "%00");
	for (size_t i = 0; i < n; i++) {
		if (b->n - start >= SEGMENT_MAX) {
			sim_buf_str(b, "%-/");
			start = b->n;
		}
		if (plain((unsigned char)s[i]) && !dots)
			sim_buf_add(b, &s[i], 1);
		else
			sim_buf_printf(b, "%%%02X", (unsigned char)s[i]);
	}
}

char *sim_key_encode(const char *key)
{
	struct sim_buf b = { 0 };

	for (;;) {
		size_t n = strcspn(key, "/");

		encode_segment(&b, key, n);
		if (!key[n])
			return b.p;
		sim_buf_str(&b, "/");
		key += n + 1;
	}
}

/* Appends the decoded name; more: the segment goes on in the directory. */
bool sim_name_decode(const char *name, struct sim_buf *key, bool *more)
{
	size_t n = strlen(name);
	SIM_AUTOFREE char *text = NULL;

	*more = n > 2 && !strcmp(name + n - 2, "%-");
	if (*more)
		n -= 2;
	else if (n > 1 && name[n - 1] == '%')
		n--;
	if (n == 3 && !strncmp(name, "%00", 3)) {
		sim_buf_add(key, "", 0);
		return true;
	}
	if (!sim_url_decode(name, n, false, &text))
		return false;
	sim_buf_str(key, text);
	return true;
}

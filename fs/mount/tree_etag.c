/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ETags, of which a tree holds one per file: as text they would be a quarter
 * of its memory. What S3 gives is nearly always "<32 hex>" in quotes, or
 * "<32 hex>-PARTS": 16 bytes and a number. Anything else stays text.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "mount/tree.h"

enum form {
	FORM_NONE,
	FORM_MD5,   /* "<32 hex>" */
	FORM_PARTS, /* "<32 hex>-<etag_parts>" */
	FORM_TEXT,
};

#define HEX 32

static int nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static bool take_md5(const char *hex, unsigned char md5[HEX / 2])
{
	for (size_t i = 0; i < HEX; i += 2) {
		int hi = nibble(hex[i]);
		int lo = hi < 0 ? -1 : nibble(hex[i + 1]);

		if (lo < 0)
			return false;
		md5[i / 2] = (unsigned char)(hi * 16 + lo);
	}
	return true;
}

/* The number of parts between '-' and the quote; 0: written otherwise. */
static uint16_t take_parts(const char *s)
{
	unsigned n = 0;

	if (*s == '0')
		return 0;
	for (; isdigit((unsigned char)*s); s++) {
		n = n * 10 + (unsigned)(*s - '0');
		if (n > UINT16_MAX)
			return 0;
	}
	return strcmp(s, "\"") ? 0 : (uint16_t)n;
}

static enum form take(struct sl_node *n, const char *text)
{
	const char *rest;

	if (*text != '"' || !take_md5(text + 1, n->u.f.etag.md5))
		return FORM_TEXT;
	rest = text + 1 + HEX;
	if (!strcmp(rest, "\""))
		return FORM_MD5;
	n->etag_parts = *rest == '-' ? take_parts(rest + 1) : 0;
	return n->etag_parts ? FORM_PARTS : FORM_TEXT;
}

void sl_node_drop_etag(struct sl_node *n)
{
	if (n->u.f.etag_form == FORM_TEXT)
		free(n->u.f.etag.text);
	n->u.f.etag_form = FORM_NONE;
}

int sl_node_set_etag(struct sl_node *n, const char *text)
{
	enum form form = FORM_NONE;

	sl_node_drop_etag(n);
	if (text && *text)
		form = take(n, text);
	if (form == FORM_TEXT) {
		n->u.f.etag.text = strndup(text, SL_ETAG_ROOM - 1);
		if (!n->u.f.etag.text)
			return -ENOMEM;
	}
	n->u.f.etag_form = (unsigned char)form;
	return 0;
}

static void put_md5(const unsigned char md5[HEX / 2], char *dst)
{
	for (size_t i = 0; i < HEX / 2; i++)
		snprintf(dst + 2 * i, 3, "%02x", md5[i]);
}

const char *sl_node_etag(const struct sl_node *n, char room[SL_ETAG_ROOM])
{
	char hex[HEX + 1] = "";
	enum form form = n->kind == SL_NODE_FILE ?
		(enum form)n->u.f.etag_form : FORM_NONE;

	room[0] = '\0';
	if (form == FORM_TEXT)
		snprintf(room, SL_ETAG_ROOM, "%s", n->u.f.etag.text);
	if (form == FORM_MD5 || form == FORM_PARTS)
		put_md5(n->u.f.etag.md5, hex);
	if (form == FORM_MD5)
		snprintf(room, SL_ETAG_ROOM, "\"%s\"", hex);
	if (form == FORM_PARTS)
		snprintf(room, SL_ETAG_ROOM, "\"%s-%u\"", hex, n->etag_parts);
	return room;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What foreign bytes must go through before people see them: a cleaner that
 * leaves nothing a terminal acts on, and a redactor for what looks like a
 * secret. Both are pure and work on any bytes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "error.h"

/* Code points that move the cursor or reorder what is shown around them. */
static const struct {
	uint32_t from, to;
} unsafe_points[] = {
	{ 0x0000, 0x001f },   /* C0 */
	{ 0x007f, 0x009f },   /* DEL, C1 */
	{ 0x061c, 0x061c },   /* Arabic letter mark */
	{ 0x200b, 0x200f },   /* invisible, direction marks */
	{ 0x2028, 0x202e },   /* separators, embeddings, overrides */
	{ 0x2060, 0x206f },   /* invisible, isolates */
	{ 0xfeff, 0xfeff },   /* byte order mark */
	{ 0xfff9, 0xfffb },   /* interlinear annotation */
	{ 0xe0000, 0xe007f }, /* tags */
};

static bool point_unsafe(uint32_t c)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(unsafe_points); i++)
		if (c >= unsafe_points[i].from && c <= unsafe_points[i].to)
			return true;
	return false;
}

/* Lead bytes: their mask and value, and the least point of that length. */
static const struct {
	uint8_t mask, lead;
	uint32_t least;
} utf8_lengths[] = {
	{ 0x80, 0x00, 0x0 },
	{ 0xe0, 0xc0, 0x80 },
	{ 0xf0, 0xe0, 0x800 },
	{ 0xf8, 0xf0, 0x10000 },
};

/* Decodes one sequence; its length, or 0 when it is not valid UTF-8. */
static size_t utf8_decode(const uint8_t *s, size_t n, uint32_t *ret)
{
	size_t len = 0;
	uint32_t c;

	while (len < 4 && (s[0] & utf8_lengths[len].mask) !=
				  utf8_lengths[len].lead)
		len++;
	if (len == 4 || len + 1 > n)
		return 0;
	c = s[0] & (uint8_t)~utf8_lengths[len].mask;
	for (size_t i = 1; i <= len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < utf8_lengths[len].least || c > 0x10ffff ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len + 1;
}

void sl_text_clean(char *dst, size_t size, const void *src, size_t n)
{
	const uint8_t *s = src;
	size_t out = 0;

	while (n) {
		uint32_t c = 0;
		size_t len = utf8_decode(s, n, &c);
		bool bad = !len || point_unsafe(c);
		size_t need = bad ? 1 : len;

		if (out + need >= size)
			break;
		if (bad)
			dst[out] = '?';
		else
			memcpy(dst + out, s, len);
		out += need;
		len = len ? len : 1;
		s += len;
		n -= len;
	}
	dst[out] = '\0';
}

enum redact_how {
	TO_TOKEN_END, /* the bytes of an AstraCS token, marker included */
	VALUE,	      /* name, separator, then a word or a quoted string */
	LINE,	      /* as VALUE, but a bare value reaches to the line's end */
};

static const struct {
	const char *marker;
	enum redact_how how;
} secrets[] = {
	{ "AstraCS:", TO_TOKEN_END },
	{ "sig", VALUE },
	{ "X-Amz-Signature", VALUE },
	{ "X-Amz-Security-Token", VALUE },
	{ "Authorization", LINE },
	{ "access_token", VALUE },
	{ "private_key", LINE },
	{ "secretAccessKey", VALUE },
	{ "sessionToken", VALUE },
};

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_';
}

static char *mask_set(char *p, const char *until)
{
	while (*p && !strchr(until, *p))
		*p++ = '*';
	return p;
}

/* 'p' is behind the opening quote; 'escaped' when that was written \". */
static char *mask_quoted(char *p, char quote, bool escaped)
{
	while (*p) {
		if (*p == quote && !escaped)
			break;
		if (escaped && p[0] == '\\' && p[1] == quote)
			break;
		if (!escaped && p[0] == '\\' && p[1])
			*p++ = '*';
		*p++ = '*';
	}
	return p;
}

/* Behind name: passes closing quotes, blanks and one : = > %3D or %3A. */
static char *skip_separator(char *p)
{
	p += strspn(p, "\"'\\ ");
	if (*p == ':' || *p == '=' || *p == '>')
		p++;
	else if (!strncasecmp(p, "%3D", 3) || !strncasecmp(p, "%3A", 3))
		p += 3;
	else
		return NULL;
	return p + strspn(p, " \t");
}

static char *mask_value(char *p, enum redact_how how)
{
	bool escaped = p[0] == '\\' && (p[1] == '"' || p[1] == '\'');

	if (escaped)
		p++;
	if (*p == '"' || *p == '\'')
		return mask_quoted(p + 1, *p, escaped);
	return mask_set(p, how == LINE ? "\r\n\"" : " \t\r\n&\"'\\,;<>}");
}

/* Masks what follows when 'p' begins with a marker; how far it came. */
static char *redact_here(char *p, bool at_word)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(secrets); i++) {
		size_t n = strlen(secrets[i].marker);
		char *v;

		if (strncasecmp(p, secrets[i].marker, n))
			continue;
		if (secrets[i].how == TO_TOKEN_END)
			return mask_set(p + n, " \t\r\n\"'\\,;<>{}()&/");
		v = at_word ? skip_separator(p + n) : NULL;
		if (v)
			return mask_value(v, secrets[i].how);
	}
	return p + 1;
}

void sl_text_redact(char *s)
{
	char *p = s;

	while (*p)
		p = redact_here(p, p == s || !is_word(p[-1]));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of HTTP/1.1 as S3 clients use: a head, a body of known length,
 * connections that stay. Answers always tell their length.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "tests/bench/sink.h"

static int hex_value(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes n bytes; NULL without memory or for a broken escape. */
static char *decode(const char *s, size_t n)
{
	char *out = malloc(n + 1), *d = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '%' && i + 2 < n && hex_value(s[i + 1]) >= 0 &&
		    hex_value(s[i + 2]) >= 0) {
			*d++ = (char)(hex_value(s[i + 1]) * 16 +
				      hex_value(s[i + 2]));
			i += 2;
		} else {
			*d++ = s[i];
		}
	}
	*d = '\0';
	return out;
}

/* The value of a header within the head, and its length. */
static const char *find_header(const struct sink_conn *c, const char *name,
			       size_t *ret_len)
{
	size_t n = strlen(name);
	const char *end = c->in + c->head_len;

	for (const char *p = strchr(c->in, '\n'); p && p + 1 < end;
	     p = strchr(p, '\n')) {
		p++;
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		p += n + 1;
		p += strspn(p, " \t");
		*ret_len = strcspn(p, "\r\n");
		return p;
	}
	return NULL;
}

bool sink_http_header(const struct sink_conn *c, const char *name, char *dst,
		      size_t size)
{
	size_t n = 0;
	const char *p = find_header(c, name, &n);

	snprintf(dst, size, "%.*s", p ? (int)n : 0, p ? p : "");
	return p != NULL;
}

bool sink_http_query(const struct sink_conn *c, const char *name, char *dst,
		     size_t size)
{
	size_t n = strlen(name);
	char *value;

	*dst = '\0';
	for (const char *p = c->req.query; p && *p;) {
		size_t len = strcspn(p, "&");

		if (len >= n && strncmp(p, name, n) == 0 &&
		    (len == n || p[n] == '=')) {
			if (len == n)
				return true;
			value = decode(p + n + 1, len - n - 1);
			snprintf(dst, size, "%s", value ? value : "");
			free(value);
			return true;
		}
		p += len + (p[len] == '&');
	}
	return false;
}

static int number_header(const struct sink_conn *c, const char *name,
			 uint64_t *ret)
{
	char text[32], *end;

	if (!sink_http_header(c, name, text, sizeof(text)))
		return 0;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || end == text || *end ? -EPROTO : 0;
}

/* "METHOD /PATH?QUERY HTTP/1.1" */
static int read_line(struct sink_conn *c)
{
	struct sink_request *q = &c->req;
	const char *space = memchr(c->in, ' ', c->head_len), *target, *end;
	size_t n;

	n = space ? (size_t)(space - c->in) : 0;
	if (!n || n >= sizeof(q->method))
		return -EPROTO;
	memcpy(q->method, c->in, n);
	target = space + 1;
	end = target + strcspn(target, " \r\n");
	if (*target != '/' || *end != ' ')
		return -EPROTO;
	q->target = strndup(target, (size_t)(end - target));
	if (!q->target)
		return -ENOMEM;
	q->query = strchr(q->target, '?');
	if (q->query)
		*q->query++ = '\0';
	q->key = decode(q->target + 1, strlen(q->target + 1));
	return q->key ? 0 : -ENOMEM;
}

int sink_http_parse(struct sink_conn *c)
{
	struct sink_request *q = &c->req;
	char text[64];
	const char *slash;
	int err = read_line(c);

	if (err)
		return err;
	/* A body of unknown length is nothing that S3 would take. */
	if (number_header(c, "content-length", &q->length) ||
	    sink_http_header(c, "transfer-encoding", text, sizeof(text)))
		return -EPROTO;
	q->decoded = q->length;
	if (number_header(c, "x-amz-decoded-content-length", &q->decoded))
		return -EPROTO;
	sink_http_header(c, "connection", text, sizeof(text));
	q->close = strcasecmp(text, "close") == 0;
	slash = strchr(q->key, '/');
	q->bucket_only = !slash || !slash[1];
	return 0;
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 416, "Range Not Satisfiable" },
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

static void put_date(struct sl_buf *b)
{
	char text[64];
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) &&
	    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm))
		sl_buf_printf(b, "Date: %s\r\n", text);
}

void sink_http_begin(struct sink_conn *c, int status, uint64_t n,
		     const char *headers)
{
	sl_buf_printf(&c->out, "HTTP/1.1 %d %s\r\n", status, reason(status));
	put_date(&c->out);
	if (status != 204)
		sl_buf_printf(&c->out, "Content-Length: %llu\r\n",
			      (unsigned long long)n);
	if (c->req.close)
		sl_buf_puts(&c->out, "Connection: close\r\n");
	sl_buf_puts(&c->out, "Server: sink\r\nx-amz-request-id: sink\r\n");
	sl_buf_puts(&c->out, headers);
	sl_buf_puts(&c->out, "\r\n");
}

void sink_http_answer(struct sink_conn *c, int status, const char *type,
		      const struct sl_buf *body)
{
	char headers[96];

	snprintf(headers, sizeof(headers), "Content-Type: %s\r\n", type);
	sink_http_begin(c, status, body->len, headers);
	if (strcmp(c->req.method, "HEAD") != 0)
		sl_buf_puts(&c->out, sl_buf_str(body));
}

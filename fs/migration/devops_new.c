/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DevOps client's settings: what may be an API address, a token and a
 * database ID. Everything is checked here once, so that a request can be
 * built from it without a further look.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "devops_internal.h"

#define TOKEN_MAX 4096
#define URL_MAX 2048

/* The token without the quotes and white space that files and shells add. */
static char *strip_token(const char *token)
{
	static const char dirt[] = " \t\r\n\v\f\"'";
	const char *start = token + strspn(token, dirt);
	size_t n = strlen(start);

	while (n && strchr(dirt, start[n - 1]))
		n--;
	return strndup(start, n);
}

static bool token_fits(const char *t)
{
	size_t n = 0;

	for (; t[n]; n++) {
		if (t[n] <= ' ' || t[n] > '~' || strchr("\"'\\", t[n]))
			return false;
	}
	return n >= 8 && n <= TOKEN_MAX;
}

/* Of "host:port" or "[v6]:port" the part before the port. */
static size_t host_length(const char *host, size_t n)
{
	bool v6 = n && host[0] == '[';
	const char *end = memchr(host, v6 ? ']' : ':', n);

	return end ? (size_t)(end - host) + v6 : n;
}

/* 127.0.0.0/8, [::1] or localhost, with or without a port. */
static bool host_is_loopback(const char *host, size_t n)
{
	unsigned a, b, c, d;
	int used = 0;
	char name[64];

	n = host_length(host, n);
	if (n >= sizeof(name))
		return false;
	memcpy(name, host, n);
	name[n] = '\0';
	if (!strcasecmp(name, "localhost") || !strcmp(name, "[::1]"))
		return true;
	return sscanf(name, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &used) == 4 &&
	       used == (int)n && a == 127 && b < 256 && c < 256 && d < 256;
}

static bool url_chars_fit(const char *url)
{
	for (; *url; url++) {
		if (*url <= ' ' || *url > '~' || strchr("\"'<>\\?#@", *url))
			return false;
	}
	return true;
}

static int check_url(const char *url, bool *ret_loopback, struct sl_error *e)
{
	bool tls = !strncasecmp(url, "https://", 8);
	const char *host = strstr(url, "://");
	size_t n;

	if (!host || strlen(url) > URL_MAX || !url_chars_fit(url) ||
	    (!tls && strncasecmp(url, "http://", 7)))
		return sl_error_set(e, EINVAL, "cannot use api_url '%s': not "
				    "of the form https://HOST[/PATH]",
				    sl_quote_body(url, strlen(url)).text);
	host += 3;
	n = strcspn(host, "/");
	if (!n || host[0] == ':')
		return sl_error_set(e, EINVAL,
				    "cannot use api_url '%s': it has no host",
				    url);
	*ret_loopback = host_is_loopback(host, n);
	if (!tls && !*ret_loopback)
		return sl_error_set(e, EINVAL, "cannot use api_url '%s': the "
				    "token would travel in clear text; http:// "
				    "is for this machine only (127.0.0.1, "
				    "[::1], localhost)", url);
	return 0;
}

static int fill(struct sl_devops *d, const char *api_url, const char *token,
		const char *db_id, struct sl_error *e)
{
	size_t n = strlen(api_url);
	int r = check_url(api_url, &d->loopback, e);

	if (r)
		return r;
	if (!sl_uuid_valid(db_id))
		return sl_error_set(e, EINVAL, "cannot use database ID '%s': "
				    "no UUID (8-4-4-4-12 hex digits)",
				    sl_quote_body(db_id, strlen(db_id)).text);
	d->token = strip_token(token);
	if (d->token && !token_fits(d->token))
		return sl_error_set(e, EINVAL, "cannot use the token: it must "
				    "be one word of printable ASCII "
				    "(AstraCS:...)");
	while (n && api_url[n - 1] == '/')
		n--;
	if (asprintf(&d->base, "%.*s/v2/databases/%s/migrations", (int)n,
		     api_url, db_id) < 0)
		d->base = NULL;
	d->db_id = strdup(db_id);
	if (!d->token || !d->base || !d->db_id)
		return sl_error_set(e, ENOMEM, "out of memory");
	return 0;
}

int sl_devops_new(struct sl_http *http, const char *api_url,
		  const char *token, const char *db_id,
		  struct sl_devops **ret, struct sl_error *e)
{
	struct sl_devops *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return sl_error_set(e, ENOMEM, "out of memory");
	d->http = http;
	r = fill(d, api_url ? api_url : "", token ? token : "",
		 db_id ? db_id : "", e);
	if (r) {
		sl_devops_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void sl_devops_free(struct sl_devops *d)
{
	if (!d)
		return;
	sl_secret_free(d->token);
	free(d->base);
	free(d->db_id);
	free(d);
}

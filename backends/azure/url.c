/* SPDX-License-Identifier: Apache-2.0 */
/* See url.h. */
#include "backends/azure/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "backends/cloud/text.h"

#define SEGMENTS_MAX 254

struct host {
	char name[256]; /* without port and brackets */
	bool v6;
};

static bool host_read(const char *authority, size_t n, struct host *h)
{
	const char *end = authority + n;
	const char *p = authority, *colon;

	h->v6 = n && *p == '[';
	if (h->v6) {
		end = memchr(p, ']', n);
		p++;
	} else {
		colon = memchr(p, ':', n);
		end = colon ? colon : end;
	}
	if (!end || end == p || (size_t)(end - p) >= sizeof(h->name) ||
	    memchr(authority, '@', n))
		return false;
	memcpy(h->name, p, (size_t)(end - p));
	h->name[end - p] = '\0';
	return true;
}

static bool is_v4(const char *s, struct in_addr *a)
{
	return inet_pton(AF_INET, s, a) == 1;
}

static bool is_loopback(const struct host *h)
{
	static const char local[] = ".localhost";
	size_t n = strlen(h->name), m = sizeof(local) - 1;
	struct in_addr a;

	if (h->v6)
		return strcmp(h->name, "::1") == 0;
	if (is_v4(h->name, &a))
		return ntohl(a.s_addr) >> 24 == 127;
	return strcasecmp(h->name, local + 1) == 0 ||
	       (n > m && strcasecmp(h->name + n - m, local) == 0);
}

/* Is the account a segment of the path, not of the host? */
static bool account_in_path(const struct host *h)
{
	struct in_addr a;

	return h->v6 || is_v4(h->name, &a) || !strchr(h->name, '.');
}

static bool container_valid(const char *s, size_t n)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789-$";
	size_t i = 0;

	while (i < n && strchr(good, s[i]))
		i++;
	return n >= 3 && n <= 63 && i == n;
}

static int malformed(const char *url, struct sl_error *e)
{
	return sl_error_set(e, EINVAL, "'%s' is not https://HOST/CONTAINER/"
			    "[DIRECTORY/]", url);
}

static int take(const char *url, const char *container, const char *rest,
		struct sl_azure_url *ret, struct sl_error *e)
{
	struct sl_azure_url u = {
		.base = strdup(url),
		.container = strndup(url, (size_t)(rest - url)),
		.name = strndup(container, (size_t)(rest - container)),
		.prefix = strdup(rest + 1),
	};
	int err = 0;

	if (!u.base || !u.container || !u.name || !u.prefix)
		err = sl_error_set(e, ENOMEM, "out of memory");
	else if (!sl_cloud_unescape(u.prefix, false))
		err = malformed(url, e);
	if (err) {
		sl_azure_url_release(&u);
		return err;
	}
	*ret = u;
	return 0;
}

/* Past "https://" or, of this machine, "http://"; NULL: neither. */
static const char *after_scheme(const char *url, bool *plain)
{
	*plain = strncmp(url, "http://", 7) == 0;
	if (*plain)
		return url + 7;
	return strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

int sl_azure_url_split(const char *url, struct sl_azure_url *ret,
		       struct sl_error *e)
{
	bool plain;
	const char *p = after_scheme(url, &plain), *rest;
	struct host h;
	size_t n;

	n = p ? strcspn(p, "/") : 0;
	if (!p || strpbrk(url, "?#\\") || !sl_azure_url_safe(url) ||
	    !host_read(p, n, &h) || p[n] != '/' || url[strlen(url) - 1] != '/')
		return malformed(url, e);
	if (plain && !is_loopback(&h))
		return sl_error_set(e, EINVAL, "'%s': credentials are not sent "
				    "without TLS; http: is for servers on this "
				    "machine", url);
	p += n + 1;
	if (account_in_path(&h)) {
		n = strcspn(p, "/");
		if (!n || !p[n])
			return malformed(url, e);
		p += n + 1;
	}
	rest = p + strcspn(p, "/");
	if (*rest != '/' || !container_valid(p, (size_t)(rest - p)))
		return malformed(url, e);
	return take(url, p, rest, ret, e);
}

void sl_azure_url_release(struct sl_azure_url *u)
{
	free(u->base);
	free(u->container);
	free(u->name);
	free(u->prefix);
	*u = (struct sl_azure_url){ .base = NULL };
}

bool sl_azure_url_safe(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("\"<>#", *p))
			return false;
	return *s != '\0';
}

const char *sl_azure_name_refused(const char *name)
{
	int segments = 1;

	for (const char *p = name; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f)
			return "Azure takes no control bytes in names";
		if (c == '\\')
			return "Azure takes no '\\' in names";
		if (c == '.' && (p[1] == '/' || !p[1]))
			return "Azure takes no '.' at the end of a name";
		segments += c == '/';
	}
	if (!sl_cloud_utf8(name))
		return "Azure takes no names that are not UTF-8";
	return segments > SEGMENTS_MAX ?
		       "Azure takes no more than 254 levels" : NULL;
}

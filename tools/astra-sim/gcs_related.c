/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uploadType=multipart: a body of type multipart/related whose first part is
 * the object's resource in JSON and whose second is the bytes. The whole body
 * is in a file; it is taken apart by its boundaries as a mail reader would,
 * so that bytes which hold the boundary break the upload here as they would
 * at Google.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "gcs.h"

#define JSON_MAX (1u << 20)

struct part {
	const char *head; /* its headers */
	size_t head_n;
	const char *body;
	size_t body_n;
};

struct cursor {
	const char *at; /* behind a boundary's "--B" */
	const char *end;
	const char *delimiter; /* CR LF "--B" */
};

static bool bad(struct sim_req *r, const char *text)
{
	sim_gcs_fail(r, 400, "badContent", text);
	return false;
}

/* boundary=B or boundary="B" or 'B'; a new string "\r\n--B", or NULL. */
static char *delimiter(const struct sim_req *r)
{
	const char *type = sim_header(r, "content-type");
	const char *b = type ? strcasestr(type, "boundary=") : NULL;
	size_t n;

	if (!b || strncasecmp(type, "multipart/related", 17))
		return NULL;
	b += 9;
	if (*b == '"' || *b == '\'') {
		n = strcspn(b + 1, *b == '"' ? "\"" : "'");
		b++;
	} else {
		n = strcspn(b, "; ");
	}
	return n && n <= 70 ? sim_format("\r\n--%.*s", (int)n, b) : NULL;
}

/* The part behind the cursor, which goes behind the next boundary. */
static bool next_part(struct cursor *c, struct part *p)
{
	size_t d = strlen(c->delimiter);
	const char *sep, *stop;

	if (c->end - c->at < 2 || memcmp(c->at, "\r\n", 2))
		return false;
	/* From the line end on, as the part may have no headers at all. */
	sep = memmem(c->at, (size_t)(c->end - c->at), "\r\n\r\n", 4);
	if (!sep)
		return false;
	p->head = c->at + 2;
	p->head_n = sep > p->head ? (size_t)(sep - p->head) : 0;
	p->body = sep + 4;
	/* An empty body's delimiter begins with the line end before it. */
	stop = memmem(sep + 2, (size_t)(c->end - sep) - 2, c->delimiter, d);
	if (!stop)
		return false;
	p->body_n = stop > p->body ? (size_t)(stop - p->body) : 0;
	c->at = stop + d;
	return true;
}

/* The part's own Content-Type, a new string, or NULL. */
static char *part_type(const struct part *p)
{
	SIM_AUTOFREE char *head = sim_strndup(p->head, p->head_n);
	char *save = NULL;

	for (char *l = strtok_r(head, "\r\n", &save); l;
	     l = strtok_r(NULL, "\r\n", &save))
		if (!strncasecmp(l, "content-type:", 13))
			return sim_strdup(l + 13 + strspn(l + 13, " "));
	return NULL;
}

static bool split(struct sim_req *r, struct cursor *c, struct part *json,
		  struct part *data)
{
	size_t d = strlen(c->delimiter);

	/* The first boundary has no line end before it. */
	if ((size_t)(c->end - c->at) < d - 2 ||
	    memcmp(c->at, c->delimiter + 2, d - 2))
		return bad(r, "The body does not begin with its boundary.");
	c->at += d - 2;
	if (!next_part(c, json) || !next_part(c, data))
		return bad(r, "Multipart must have two parts.");
	if (c->end - c->at < 2 || memcmp(c->at, "--", 2))
		return bad(r, "Multipart must have two parts.");
	if (json->body_n > JSON_MAX)
		return bad(r, "The metadata part is too large.");
	return true;
}

static void take(struct sim_req *r, const char *map, size_t size,
		 const char *delim)
{
	struct cursor c = { map, map + size, delim };
	SIM_AUTOFREE char *text = NULL, *type = NULL;
	struct part json, data;

	if (!split(r, &c, &json, &data))
		return;
	text = sim_strndup(json.body, json.body_n);
	type = part_type(&data);
	sim_gcs_upload_parts(r, text, type, data.body, data.body_n);
}

void sim_gcs_upload_multipart(struct sim_req *r)
{
	const struct sim_intake *k = &r->gcs->in;
	SIM_AUTOFREE char *delim = delimiter(r);
	void *map;

	if (!delim) {
		bad(r, "Content-Type is not multipart/related with a "
		       "boundary.");
		return;
	}
	map = k->size ? mmap(NULL, k->size, PROT_READ, MAP_PRIVATE, k->fd, 0)
		      : MAP_FAILED;
	if (map == MAP_FAILED) {
		bad(r, "The body is empty.");
		return;
	}
	take(r, map, k->size, delim);
	if (munmap(map, k->size) < 0)
		perror("astra-sim: munmap");
}

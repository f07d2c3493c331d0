/* SPDX-License-Identifier: Apache-2.0 */
/*
 * List Blobs. Names come back without the migration that the store puts
 * before them. The marker is opaque: "2!" and the hex of the last name given,
 * so that a page may also end before anything was given ("2!" alone), as the
 * service does when a part of its servers had nothing to add (the fault
 * empty-page). A name that XML cannot hold is percent-encoded and says so.
 */
#include <stdlib.h>
#include <string.h>

#include "azure.h"
#include "page.h"
#include "uploads.h"
#include "xml.h"

#define PAGE_MAX 5000
#define MARKER "2!"

struct listing {
	struct sim_req *r;
	struct sim_page page;
	size_t root; /* of a key, before the blob's name */
	bool metadata;
	struct sim_buf blobs;
};

/* XML 1.0 has no way to write these, as reference or otherwise. */
static bool writable(const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c < 32 && c != '\t' && c != '\n' && c != '\r') ||
		    !strncmp(s, "\xef\xbf\xbe", 3) ||
		    !strncmp(s, "\xef\xbf\xbf", 3))
			return false;
	}
	return true;
}

static void add_name(struct sim_buf *b, const char *element, const char *name)
{
	SIM_AUTOBUF struct sim_buf enc = { 0 };

	if (writable(name)) {
		sim_xml_element(b, element, name);
		return;
	}
	sim_url_encode(&enc, name, strlen(name), true);
	sim_buf_printf(b, "<%s Encoded=\"true\">%s</%s>", element, enc.p,
		       element);
}

struct own {
	struct sim_buf *b;
	bool metadata; /* this pass is for those, else for the properties */
	bool typed;
};

static void add_own(void *arg, const char *name, const char *value)
{
	static const struct {
		const char *header, *element;
	} properties[] = {
		{ "content-type", "Content-Type" },
		{ "content-encoding", "Content-Encoding" },
		{ "content-language", "Content-Language" },
		{ "cache-control", "Cache-Control" },
		{ "content-disposition", "Content-Disposition" },
		{ "content-md5", "Content-MD5" },
	};
	struct own *o = arg;

	if (o->metadata && sim_starts(name, "x-ms-meta-"))
		sim_xml_element(o->b, name + 10, value);
	if (o->metadata)
		return;
	o->typed |= !strcmp(name, "content-type");
	for (size_t i = 0; i < SIM_COUNT(properties); i++)
		if (!strcmp(properties[i].header, name))
			sim_xml_element(o->b, properties[i].element, value);
}

static void add_properties(struct sim_buf *b, const struct sim_meta *m)
{
	struct own o = { .b = b };
	char date[40], etag[80];

	sim_http_date(m->mtime_ms, date);
	sim_az_etag(m, etag);
	sim_xml_element(b, "Creation-Time", date);
	sim_xml_element(b, "Last-Modified", date);
	sim_xml_element(b, "Etag", etag);
	sim_buf_printf(b, "<Content-Length>%llu</Content-Length>",
		       (unsigned long long)m->size);
	sim_az_own_headers(m, &(struct sim_az_own){ add_own, &o });
	if (!o.typed)
		sim_xml_element(b, "Content-Type", "application/octet-stream");
	sim_buf_str(b, "<BlobType>BlockBlob</BlobType>"
		       "<AccessTier>Hot</AccessTier>"
		       "<AccessTierInferred>true</AccessTierInferred>"
		       "<LeaseStatus>unlocked</LeaseStatus>"
		       "<LeaseState>available</LeaseState>"
		       "<ServerEncrypted>true</ServerEncrypted>");
}

/* m NULL: a name that has nothing but uncommitted blocks. */
static void add_blob(struct sim_page *p, const char *key,
		     const struct sim_meta *m)
{
	struct listing *l = p->arg;
	struct sim_buf *b = &l->blobs;
	struct own o = { .b = b, .metadata = true };

	sim_buf_str(b, "<Blob>");
	add_name(b, "Name", key + l->root);
	sim_buf_str(b, "<Properties>");
	if (m)
		add_properties(b, m);
	else
		sim_buf_str(b, "<Content-Length>0</Content-Length>"
			       "<BlobType>BlockBlob</BlobType>");
	sim_buf_str(b, "</Properties>");
	if (m && l->metadata) {
		sim_buf_str(b, "<Metadata>");
		sim_az_own_headers(m, &(struct sim_az_own){ add_own, &o });
		sim_buf_str(b, "</Metadata>");
	}
	sim_buf_str(b, "</Blob>");
}

static void add_prefix(struct sim_page *p, const char *prefix)
{
	struct listing *l = p->arg;

	sim_buf_str(&l->blobs, "<BlobPrefix>");
	add_name(&l->blobs, "Name", prefix + l->root);
	sim_buf_str(&l->blobs, "</BlobPrefix>");
}

static const char *text_param(const struct sim_req *r, const char *name)
{
	const char *v = sim_param(r, name);

	return v ? v : "";
}

static void bad_value(struct sim_req *r, const char *name)
{
	SIM_AUTOFREE char *text = sim_format(
		"Value for one of the query parameters specified in the "
		"request URI is invalid: %s.", name);

	sim_az_fail(r, 400, "InvalidQueryParameterValue", text);
}

static bool limit(struct sim_req *r, int64_t *max)
{
	const char *v = sim_param(r, "maxresults");

	*max = PAGE_MAX;
	if (v && !sim_number(v, 1, INT32_MAX, max)) {
		sim_az_fail(r, 400, "OutOfRangeQueryParameterValue",
			    "One of the query parameters specified in the "
			    "request URI is outside the permissible range: "
			    "maxresults.");
		return false;
	}
	if (*max > PAGE_MAX)
		*max = PAGE_MAX;
	return true;
}

/* Where to go on, a new string, NULL for the start; or it is answered. */
static char *start_key(struct sim_req *r)
{
	const char *marker = text_param(r, "marker");
	SIM_AUTOFREE char *name = NULL;

	if (!*marker || !strcmp(marker, MARKER))
		return NULL;
	if (sim_starts(marker, MARKER))
		name = sim_page_start(marker + strlen(MARKER));
	if (name)
		return sim_format("%s%s", r->azure->key, name);
	bad_value(r, "marker");
	return NULL;
}

static bool included(const struct sim_req *r, const char *what)
{
	SIM_AUTOFREE char *copy = sim_strdup(text_param(r, "include"));
	char *save = NULL;

	for (char *w = strtok_r(copy, ",", &save); w;
	     w = strtok_r(NULL, ",", &save))
		if (!strcmp(w, what))
			return true;
	return false;
}

static void answer(struct listing *l)
{
	struct sim_req *r = l->r;
	SIM_AUTOBUF struct sim_buf b = { 0 };
	SIM_AUTOFREE char *hex = NULL;
	const char *host = sim_header(r, "host");

	sim_buf_printf(&b, "<EnumerationResults ServiceEndpoint=\"http://%s/"
		       SIM_AZ_ACCOUNT "/\" ContainerName=\"%s\">",
		       host && strspn(host, "abcdefghijklmnopqrstuvwxyz"
					    "0123456789.:-") == strlen(host)
			       ? host : "", r->azure->container);
	add_name(&b, "Prefix", text_param(r, "prefix"));
	if (sim_param(r, "marker"))
		sim_xml_element(&b, "Marker", sim_param(r, "marker"));
	if (sim_param(r, "maxresults"))
		sim_xml_element(&b, "MaxResults", sim_param(r, "maxresults"));
	if (sim_param(r, "delimiter"))
		sim_xml_element(&b, "Delimiter", sim_param(r, "delimiter"));
	sim_buf_str(&b, "<Blobs>");
	sim_buf_add(&b, l->blobs.p, l->blobs.n);
	sim_buf_str(&b, "</Blobs><NextMarker>");
	if (l->page.more) {
		hex = sim_page_token(l->page.last ? l->page.last + l->root
						  : "");
		sim_buf_printf(&b, MARKER "%s", hex);
	}
	sim_buf_str(&b, "</NextMarker></EnumerationResults>");
	sim_az_xml(r, &b);
}

/* Names that are uncommitted only: the page skips those that are blobs. */
static void add_uncommitted(struct listing *l, struct sim_upload **u)
{
	struct sim_page *p = &l->page;
	size_t n = sim_uploads_all(l->r->sim, p->prefix, u);

	p->others = sim_alloc((n + 1) * sizeof(*p->others));
	for (size_t i = 0; i < n; i++)
		p->others[i] = (*u)[i].key;
	p->n_others = n;
}

static void make_page(struct listing *l)
{
	struct sim_upload *u = NULL;

	if (included(l->r, "uncommittedblobs"))
		add_uncommitted(l, &u);
	sim_page_make(l->r->sim, &l->page);
	sim_uploads_free(u, l->page.n_others);
	free(l->page.others);
}

/* A page that has nothing, and says where to go on: where this one began. */
static void no_page(struct listing *l, const char *after)
{
	l->page.more = true;
	if (after)
		l->page.last = sim_strdup(after);
}

void sim_az_list(struct sim_req *r)
{
	struct listing l = { .r = r, .root = strlen(r->azure->key) };
	struct sim_page *p = &l.page;
	SIM_AUTOFREE char *prefix = NULL, *after = NULL;

	prefix = sim_format("%s%s", r->azure->key, text_param(r, "prefix"));
	*p = (struct sim_page){ .object = add_blob, .common = add_prefix,
				.arg = &l, .prefix = prefix };
	p->delimiter = text_param(r, "delimiter");
	l.metadata = included(r, "metadata");
	if (!limit(r, &p->max))
		return;
	after = start_key(r);
	if (r->reply.ready)
		return;
	p->after = after;
	if (r->trouble.flags & SIM_F_EMPTY_PAGE)
		no_page(&l, after);
	else
		make_page(&l);
	answer(&l);
	sim_buf_free(&l.blobs);
	sim_page_clear(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Get Blob and Get Blob Properties: ranges, conditions, the blob's headers,
 * sums of a range of up to 4 MiB when they are asked for.
 */
#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "azure.h"
#include "page.h"

#define RANGE_SUM_MAX (4u << 20)

/* The store gives a file changed by hand the MD5 of its bytes as ETag. */
static bool by_hand(const struct sim_meta *m)
{
	return !sim_starts(m->etag, "0x");
}

void sim_az_etag(const struct sim_meta *m, char dst[80])
{
	if (!by_hand(m)) {
		snprintf(dst, 80, "%s", m->etag);
		return;
	}
	snprintf(dst, 80, "0x%.15s", m->etag);
	for (char *p = dst + 2; *p; p++)
		*p = (char)toupper((unsigned char)*p);
}

void sim_az_version_headers(struct sim_req *r, const struct sim_meta *m)
{
	char etag[80], date[40];

	sim_az_etag(m, etag);
	sim_http_date(m->mtime_ms, date);
	sim_reply_header(r, "ETag", "\"%s\"", etag);
	sim_reply_header(r, "Last-Modified", "%s", date);
}

bool sim_az_matches(const char *header, const struct sim_meta *m)
{
	SIM_AUTOFREE char *copy = sim_strdup(header);
	char *save = NULL, etag[80];

	sim_az_etag(m, etag);
	for (char *w = strtok_r(copy, ", \"", &save); w;
	     w = strtok_r(NULL, ", \"", &save))
		if (!strcmp(w, "*") || !strcmp(w, etag))
			return true;
	return false;
}

void sim_az_own_headers(const struct sim_meta *m, const struct sim_az_own *to)
{
	SIM_AUTOFREE char *copy = sim_strdup(m->headers ? m->headers : "");
	char *save = NULL;

	for (char *l = strtok_r(copy, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		char *v = strstr(l, ": ");

		if (!v)
			continue;
		*v = '\0';
		if (!by_hand(m) || strcmp(l, "content-md5"))
			to->header(to->arg, l, v + 2);
	}
}

struct headers {
	struct sim_req *r;
	bool typed;
};

/* Content-MD5 is of the whole: with a part of it it has another name. */
static void add_header(void *arg, const char *name, const char *value)
{
	struct headers *h = arg;
	bool md5 = !strcmp(name, "content-md5");

	h->typed |= !strcmp(name, "content-type");
	if (md5)
		name = h->r->reply.status == 206 ? "x-ms-blob-content-md5"
						 : "Content-MD5";
	sim_reply_header(h->r, name, "%s", value);
}

static void blob_headers(struct sim_req *r, const struct sim_meta *m)
{
	struct headers h = { .r = r };
	char date[40];

	sim_az_own_headers(m, &(struct sim_az_own){ add_header, &h });
	if (!h.typed)
		sim_reply_header(r, "content-type",
				 "application/octet-stream");
	sim_az_version_headers(r, m);
	sim_http_date(m->mtime_ms, date);
	sim_reply_header(r, "x-ms-creation-time", "%s", date);
	sim_reply_header(r, "Accept-Ranges", "bytes");
	sim_reply_header(r, "x-ms-blob-type", "BlockBlob");
	sim_reply_header(r, "x-ms-lease-status", "unlocked");
	sim_reply_header(r, "x-ms-lease-state", "available");
	sim_reply_header(r, "x-ms-server-encrypted", "true");
}

static bool asked(const struct sim_req *r, const char *name)
{
	const char *v = sim_header(r, name);

	return v && !strcasecmp(v, "true");
}

static bool read_range(struct sim_req *r, char **ret)
{
	const struct sim_reply *p = &r->reply;
	char *buf = sim_alloc(p->length);
	size_t done = 0;
	ssize_t n = 1;

	while (done < p->length && n > 0) {
		n = pread(p->fd, buf + done, p->length - done,
			  (off_t)(p->offset + done));
		done += n > 0 ? (size_t)n : 0;
	}
	*ret = buf;
	return done == p->length;
}

/* Sums of the range given; they are made of what is really there. */
static void range_sums(struct sim_req *r)
{
	bool crc = asked(r, "x-ms-range-get-content-crc64");
	bool md5 = asked(r, "x-ms-range-get-content-md5");
	SIM_AUTOFREE char *buf = NULL, *be = NULL, *b64 = NULL;
	unsigned char raw[EVP_MAX_MD_SIZE];
	size_t n = (size_t)r->reply.length;
	struct sim_sum sum;
	char le[16];

	if ((!crc && !md5) || n > RANGE_SUM_MAX || !read_range(r, &buf))
		return;
	if (md5) {
		if (EVP_Digest(buf, n, raw, NULL, EVP_md5(), NULL) != 1)
			abort();
		b64 = sim_b64(raw, 16);
		sim_reply_header(r, "Content-MD5", "%s", b64);
		return;
	}
	sim_sum_init(&sum, SIM_SUM_CRC64NVME);
	sim_sum_add(&sum, buf, n);
	be = sim_sum_end(&sum);
	sim_az_crc64(be, le);
	sim_reply_header(r, "x-ms-content-crc64", "%s", le);
}

static void drop_file(struct sim_req *r)
{
	close(r->reply.fd);
	r->reply.fd = -1;
}

/* False: the answer is made, and it has no body of the blob. */
static bool conditions(struct sim_req *r, const struct sim_meta *m)
{
	const char *match = sim_header(r, "if-match");
	const char *none = sim_header(r, "if-none-match");
	bool bad = match && !sim_az_matches(match, m);

	if (!bad && !(none && sim_az_matches(none, m)))
		return true;
	drop_file(r);
	if (bad) {
		sim_az_fail(r, 412, NULL, NULL);
	} else {
		sim_reply_start(r, 304);
		sim_reply_header(r, "x-ms-error-code", "ConditionNotMet");
	}
	return false;
}

static void give(struct sim_req *r, const struct sim_meta *m)
{
	const char *range = sim_header(r, "x-ms-range");
	uint64_t from = 0, len = m->size;
	int ranged;

	if (!range)
		range = sim_header(r, "range");
	if (!strcmp(r->method, "HEAD"))
		range = NULL; /* properties are of the whole */
	ranged = sim_range_parse(range, m->size, &from, &len);
	if (ranged < 0) {
		drop_file(r);
		sim_az_fail(r, 416, NULL, NULL);
		sim_reply_header(r, "Content-Range", "bytes */%llu",
				 (unsigned long long)m->size);
		return;
	}
	sim_reply_start(r, ranged ? 206 : 200);
	r->reply.offset = from;
	r->reply.length = len;
	blob_headers(r, m);
	if (!ranged)
		return;
	sim_reply_header(r, "Content-Range", "bytes %llu-%llu/%llu",
			 (unsigned long long)from,
			 (unsigned long long)(from + len - 1),
			 (unsigned long long)m->size);
	range_sums(r);
}

void sim_az_get(struct sim_req *r)
{
	struct sim_meta *m = &r->azure->meta;
	int fd = sim_store_open(r->sim, r->azure->key, m);

	if (fd < 0) {
		sim_az_errno(r, fd);
		return;
	}
	r->reply.fd = fd;
	if (conditions(r, m))
		give(r, m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4, the server's half, from the published recipe
 * ("Authenticating Requests: Using the Authorization Header"). Nothing is
 * taken on trust: scope, date, signed headers, session token and signature
 * are all checked, in about the order that AWS answers in.
 */
#include <ctype.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "cloud.h"
#include "s3.h"

#define SKEW_MS (15 * 60 * 1000)

static const char algorithm[] = "AWS4-HMAC-SHA256";

/* The Authorization header, taken apart. */
struct auth {
	char *copy;
	char *key, *day, *region, *service, *terminal;
	char *headers;
	char *signature;
};

static bool malformed(struct sim_req *r, const char *text)
{
	sim_s3_fail(r, 400, "AuthorizationHeaderMalformed", text);
	return false;
}

static void take_field(struct auth *a, char *w)
{
	w += strspn(w, " ");
	if (sim_starts(w, "Credential="))
		a->key = w + 11;
	else if (sim_starts(w, "SignedHeaders="))
		a->headers = w + 14;
	else if (sim_starts(w, "Signature="))
		a->signature = w + 10;
}

static bool split_auth(struct sim_req *r, const char *h, struct auth *a)
{
	char *save = NULL, *p;

	if (!sim_starts(h, algorithm) || h[sizeof(algorithm) - 1] != ' ') {
		sim_s3_fail(r, 400, "InvalidRequest",
			    "The authorization mechanism you have provided is "
			    "not supported. Please use AWS4-HMAC-SHA256.");
		return false;
	}
	a->copy = sim_strdup(h + sizeof(algorithm));
	for (char *w = strtok_r(a->copy, ",", &save); w;
	     w = strtok_r(NULL, ",", &save))
		take_field(a, w);
	if (!a->key || !a->headers || !a->signature)
		return malformed(r, "The authorization header is malformed.");
	p = a->key;
	strsep(&p, "/");
	a->day = strsep(&p, "/");
	a->region = strsep(&p, "/");
	a->service = strsep(&p, "/");
	a->terminal = p;
	if (!p || strcmp(a->service, "s3") || strcmp(p, "aws4_request"))
		return malformed(r, "The credential scope is malformed.");
	return true;
}

static bool check_date(struct sim_req *r, const struct auth *a)
{
	const char *date = sim_header(r, "x-amz-date");
	int64_t at = date ? sim_amz_parse(date) : -1;
	int64_t off = at - sim_wall_ms();

	if (at < 0) {
		sim_s3_fail(r, 403, "AccessDenied",
			    "AWS authentication requires a valid Date or "
			    "x-amz-date header");
		return false;
	}
	if (strncmp(date, a->day, 8) || strlen(a->day) != 8)
		return malformed(r, "Invalid credential date in the scope.");
	if (off > SKEW_MS || off < -SKEW_MS) {
		sim_s3_fail(r, 403, "RequestTimeTooSkewed",
			    "The difference between the request time and the "
			    "current time is too large.");
		return false;
	}
	snprintf(r->s3->sig.date, sizeof(r->s3->sig.date), "%s", date);
	return true;
}

static bool check_region(struct sim_req *r, const struct auth *a)
{
	SIM_AUTOFREE char *text = NULL;

	if (!strcmp(a->region, r->sim->opt.region))
		return true;
	text = sim_format("The authorization header is malformed; the region "
			  "'%s' is wrong; expecting '%s'",
			  a->region, r->sim->opt.region);
	return malformed(r, text);
}

/* Is the name in the list a;b;c? */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p; p = strchr(p, ';')) {
		p += *p == ';';
		if (!strncmp(p, name, n) && (!p[n] || p[n] == ';'))
			return true;
	}
	return false;
}

static bool check_signed_headers(struct sim_req *r, const struct auth *a)
{
	for (size_t i = 0; i < r->headers.n; i++) {
		const char *name = r->headers.v[i].name;

		if ((strcmp(name, "host") && !sim_starts(name, "x-amz-")) ||
		    listed(a->headers, name))
			continue;
		sim_s3_fail(r, 403, "AccessDenied",
			    "There were headers present in the request which "
			    "were not signed");
		return false;
	}
	if (listed(a->headers, "host"))
		return true;
	return malformed(r, "SignedHeaders must include host.");
}

static const struct {
	const char *name;
	enum sim_payload payload;
} payloads[] = {
	{ "UNSIGNED-PAYLOAD", SIM_PAY_UNSIGNED },
	{ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", SIM_PAY_CHUNKED },
	{ "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
	  SIM_PAY_CHUNKED_TRAILER },
	{ "STREAMING-UNSIGNED-PAYLOAD-TRAILER", SIM_PAY_UNSIGNED_TRAILER },
};

static bool check_payload(struct sim_req *r)
{
	const char *v = sim_header(r, "x-amz-content-sha256");
	struct sim_signature *g = &r->s3->sig;
	unsigned char raw[SIM_SHA256];

	if (!v) {
		sim_s3_fail(r, 400, "InvalidRequest",
			    "Missing required header for this request: "
			    "x-amz-content-sha256");
		return false;
	}
	for (size_t i = 0; i < SIM_COUNT(payloads); i++)
		if (!strcmp(payloads[i].name, v)) {
			g->payload = payloads[i].payload;
			return true;
		}
	if (strlen(v) != 64 || !sim_unhex(v, SIM_SHA256, raw)) {
		sim_s3_fail(r, 400, "InvalidArgument",
			    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a "
			    "STREAMING-* value or a valid sha256 value.");
		return false;
	}
	g->payload = SIM_PAY_HEX;
	sim_hex(raw, sizeof(raw), g->sha256);
	return true;
}

/* Trimmed, inner runs of blanks made one. */
static void add_value(struct sim_buf *b, const char *v)
{
	bool blank = false;

	for (v += strspn(v, " \t"); *v; v++) {
		if (*v == ' ' || *v == '\t') {
			blank = true;
			continue;
		}
		if (blank)
			sim_buf_str(b, " ");
		blank = false;
		sim_buf_add(b, v, 1);
	}
}

static void add_headers(struct sim_req *r, const char *names, struct sim_buf *b)
{
	SIM_AUTOFREE char *copy = sim_strdup(names);
	char *save = NULL;

	for (char *n = strtok_r(copy, ";", &save); n;
	     n = strtok_r(NULL, ";", &save)) {
		bool more = false;

		sim_buf_printf(b, "%s:", n);
		for (size_t i = 0; i < r->headers.n; i++) {
			if (strcmp(r->headers.v[i].name, n))
				continue;
			if (more)
				sim_buf_str(b, ",");
			more = true;
			add_value(b, r->headers.v[i].value);
		}
		sim_buf_str(b, "\n");
	}
}

static int by_name_value(const void *a, const void *b)
{
	const struct sim_pair *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->value, y->value);
}

static void add_query(const struct sim_req *r, struct sim_buf *b)
{
	struct sim_pairs q = { 0 };

	for (size_t i = 0; i < r->params.n; i++) {
		struct sim_buf n = { 0 }, v = { 0 };

		sim_url_encode(&n, r->params.v[i].name,
			       strlen(r->params.v[i].name), false);
		sim_url_encode(&v, r->params.v[i].value,
			       strlen(r->params.v[i].value), false);
		sim_pairs_add(&q, n.p, v.p);
	}
	if (q.n)
		qsort(q.v, q.n, sizeof(*q.v), by_name_value);
	for (size_t i = 0; i < q.n; i++)
		sim_buf_printf(b, "%s%s=%s", i ? "&" : "", q.v[i].name,
			       q.v[i].value);
	sim_pairs_free(&q);
}

/* S3 encodes the decoded path once; what was sent need not be canonical. */
static void canonical_request(struct sim_req *r, const struct auth *a,
			      struct sim_buf *b)
{
	SIM_AUTOFREE char *path = NULL;

	if (!sim_url_decode(r->path, strlen(r->path), false, &path))
		path = sim_strdup("");
	sim_buf_printf(b, "%s\n", r->method);
	sim_url_encode(b, path, strlen(path), true);
	sim_buf_str(b, "\n");
	add_query(r, b);
	sim_buf_str(b, "\n");
	add_headers(r, a->headers, b);
	sim_buf_printf(b, "\n%s\n%s", a->headers,
		       sim_header(r, "x-amz-content-sha256"));
}

static void signing_key(const struct auth *a, const char *secret,
			unsigned char key[SIM_SHA256])
{
	SIM_AUTOFREE char *first = sim_format("AWS4%s", secret);

	sim_hmac(first, strlen(first), a->day, key);
	sim_hmac(key, SIM_SHA256, a->region, key);
	sim_hmac(key, SIM_SHA256, a->service, key);
	sim_hmac(key, SIM_SHA256, "aws4_request", key);
	explicit_bzero(first, strlen(first));
}

static void mismatch(struct sim_req *r, const char *sts, const char *canonical)
{
	struct sim_buf *b = &r->reply.body;

	sim_s3_fail(r, 403, "SignatureDoesNotMatch",
		    "The request signature we calculated does not match the "
		    "signature you provided. Check your key and signing "
		    "method.");
	if (!b->n)
		return;
	b->n -= strlen("</Error>");
	sim_xml_element(b, "StringToSign", sts);
	sim_xml_element(b, "CanonicalRequest", canonical);
	sim_buf_str(b, "</Error>");
}

static bool check_signature(struct sim_req *r, const struct auth *a,
			    const char *secret)
{
	struct sim_signature *g = &r->s3->sig;
	SIM_AUTOBUF struct sim_buf canonical = { 0 };
	SIM_AUTOFREE char *sts = NULL;
	unsigned char mac[SIM_SHA256];
	char hex[65];

	canonical_request(r, a, &canonical);
	sim_sha256(canonical.p, canonical.n, mac);
	sim_hex(mac, sizeof(mac), hex);
	snprintf(g->scope, sizeof(g->scope), "%s/%s/s3/aws4_request", a->day,
		 a->region);
	sts = sim_format("%s\n%s\n%s\n%s", algorithm, g->date, g->scope, hex);
	signing_key(a, secret, g->key);
	sim_hmac(g->key, sizeof(g->key), sts, mac);
	sim_hex(mac, sizeof(mac), g->previous);
	if (strlen(a->signature) == 64 &&
	    !CRYPTO_memcmp(a->signature, g->previous, 64))
		return true;
	mismatch(r, sts, canonical.p);
	return false;
}

static bool check_token(struct sim_req *r, const struct sim_cred *c)
{
	const char *t = sim_header(r, "x-amz-security-token");

	if (!t) {
		sim_s3_fail(r, 403, "InvalidAccessKeyId",
			    "The AWS Access Key Id you provided does not exist "
			    "in our records.");
		return false;
	}
	if (strlen(t) != strlen(c->token) ||
	    CRYPTO_memcmp(t, c->token, strlen(t))) {
		sim_s3_fail(r, 400, "InvalidToken",
			    "The provided token is malformed or otherwise "
			    "invalid.");
		return false;
	}
	if (!sim_cred_live(c)) {
		sim_s3_fail(r, 400, "ExpiredToken",
			    "The provided token has expired.");
		return false;
	}
	return true;
}

/* A copy of the credentials, and whether they may still be used. */
static bool find_credentials(struct sim_req *r, const struct auth *a,
			     struct sim_cred *c, bool *open)
{
	struct sim_migration *m = NULL;
	const struct sim_cred *found;

	sim_lock(r->sim);
	found = sim_cred_find(r->sim, a->key, &m);
	if (found && sim_wall_ms() < found->works_ms)
		found = NULL; /* not known everywhere yet */
	if (found) {
		*c = *found;
		*open = m->state == SIM_RECEIVING;
		snprintf(r->s3->scope, sizeof(r->s3->scope), "%s/sstables/",
			 m->id);
	}
	sim_unlock(r->sim);
	if (found) {
		r->generation = c->generation;
		return true;
	}
	sim_s3_fail(r, 403, "InvalidAccessKeyId",
		    "The AWS Access Key Id you provided does not exist in our "
		    "records.");
	return false;
}

static bool check_all(struct sim_req *r, const char *header, struct auth *a)
{
	struct sim_cred c;
	bool open = false, ok;

	if (!split_auth(r, header, a) || !check_date(r, a) ||
	    !check_region(r, a) || !find_credentials(r, a, &c, &open))
		return false;
	ok = check_payload(r) && check_token(r, &c) &&
	     check_signed_headers(r, a) && check_signature(r, a, c.secret);
	explicit_bzero(&c, sizeof(c));
	if (!ok)
		return false;
	if (!open) {
		sim_s3_fail(r, 403, NULL, NULL);
		return false;
	}
	if (strcmp(r->s3->bucket, r->sim->bucket)) {
		sim_s3_fail(r, 404, "NoSuchBucket",
			    "The specified bucket does not exist");
		return false;
	}
	return true;
}

bool sim_s3_auth(struct sim_req *r)
{
	const char *header = sim_header(r, "authorization");
	struct auth a = { 0 };
	bool ok;

	if (!header) {
		sim_s3_fail(r, 403, NULL, NULL);
		return false;
	}
	ok = check_all(r, header, &a);
	free(a.copy);
	return ok;
}

bool sim_s3_in_scope(struct sim_req *r, const char *key)
{
	if (sim_starts(key, r->s3->scope))
		return true;
	sim_s3_fail(r, 403, NULL, NULL);
	return false;
}

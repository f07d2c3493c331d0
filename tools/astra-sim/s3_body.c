/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies on their way in: to a file in DIR/tmp (objects, parts) or to memory
 * (XML), hashed as they pass, never held whole. At the end everything the
 * client announced must be true: length, SHA-256, Content-MD5, checksum.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "s3.h"

#define PUT_MAX (INT64_C(5) << 30)

static void bad_value(struct sim_req *r, const char *algo)
{
	SIM_AUTOFREE char *text = sim_format(
		"Value for x-amz-checksum-%s header is invalid.", algo);

	sim_s3_fail(r, 400, "InvalidRequest", text);
}

bool sim_sum_announced(struct sim_req *r, enum sim_algo *algo, char **value)
{
	const char *trailer = sim_header(r, "x-amz-trailer");
	int found = 0;

	*algo = SIM_SUM_NONE;
	if (r->trouble.flags & SIM_F_IGNORE_CHECKSUM)
		return true;
	for (int a = SIM_SUM_NONE + 1; a < SIM_SUM_COUNT; a++) {
		char name[40];
		const char *v;

		snprintf(name, sizeof(name), "x-amz-checksum-%s",
			 sim_algos[a].lower);
		v = sim_header(r, name);
		if (v && !sim_sum_valid((enum sim_algo)a, v)) {
			bad_value(r, sim_algos[a].lower);
			return false;
		}
		if (v && !found)
			*value = sim_strdup(v);
		if (!v && !(trailer && !strcmp(trailer, name)))
			continue;
		*algo = (enum sim_algo)a;
		found++;
	}
	if (found <= 1)
		return true;
	sim_s3_fail(r, 400, "InvalidRequest",
		    "Expecting a single x-amz-checksum- header. Multiple "
		    "checksum Types are not allowed.");
	return false;
}

static bool check_length(struct sim_req *r)
{
	const char *len = sim_header(r, "content-length");
	const char *real = sim_header(r, "x-amz-decoded-content-length");
	int64_t n;

	if (r->s3->sig.payload >= SIM_PAY_CHUNKED)
		len = real;
	if (!len) {
		sim_s3_fail(r, 411, "MissingContentLength",
			    "You must provide the Content-Length HTTP "
			    "header.");
		return false;
	}
	if (!sim_number(len, 0, INT64_MAX, &n)) {
		sim_s3_fail(r, 400, "InvalidArgument",
			    "the content length is not a number");
		return false;
	}
	if (n <= PUT_MAX)
		return true;
	sim_s3_fail(r, 400, "EntityTooLarge",
		    "Your proposed upload exceeds the maximum allowed size");
	return false;
}

static EVP_MD_CTX *hasher(const EVP_MD *md)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (!c || EVP_DigestInit_ex(c, md, NULL) != 1)
		abort();
	return c;
}

bool sim_sink_begin(struct sim_req *r, bool file, enum sim_algo algo)
{
	struct sim_sink *k = sim_alloc(sizeof(*k));
	enum sim_payload pay = r->s3->sig.payload;
	enum sim_algo said;
	int rc;

	r->s3->sink = k;
	k->whole = file || r->s3->op->kind == SIM_S3_MULTIDELETE;
	if (k->whole && !sim_sum_announced(r, &said, &k->sum_want))
		return false;
	if (k->whole && said)
		algo = said;
	if (file && !check_length(r))
		return false;
	rc = sim_intake_begin(r->sim, &k->in, file, algo);
	if (rc) {
		sim_s3_errno(r, rc);
		return false;
	}
	if (pay == SIM_PAY_HEX)
		k->sha_ctx = hasher(EVP_sha256());
	if (pay == SIM_PAY_CHUNKED || pay == SIM_PAY_CHUNKED_TRAILER)
		k->chunk_ctx = hasher(EVP_sha256());
	return true;
}

void sim_sink_free(struct sim_sink *k)
{
	if (!k)
		return;
	sim_intake_free(&k->in);
	EVP_MD_CTX_free(k->sha_ctx);
	EVP_MD_CTX_free(k->chunk_ctx);
	sim_buf_free(&k->line);
	sim_buf_free(&k->trailer);
	free(k->sum_want);
	free(k);
}

/* Body bytes proper, without any framing. */
void sim_sink_take(struct sim_req *r, const void *p, size_t n)
{
	struct sim_sink *k = r->s3->sink;
	int rc;

	if (k->sha_ctx)
		EVP_DigestUpdate(k->sha_ctx, p, n);
	rc = sim_intake_add(&k->in, p, n);
	if (rc == -EFBIG)
		sim_s3_fail(r, 400, "MaxMessageLengthExceeded",
			    "Your request was too large.");
	else if (rc)
		sim_s3_errno(r, rc);
}

void sim_sink_data(struct sim_req *r, const void *p, size_t n)
{
	if (!r->s3->sink)
		return;
	if (r->s3->sig.payload >= SIM_PAY_CHUNKED)
		sim_sink_chunked(r, p, n);
	else
		sim_sink_take(r, p, n);
}

static bool check_md5(struct sim_req *r, const struct sim_sink *k)
{
	const char *want = sim_header(r, "content-md5");
	unsigned char raw[16];

	if (!want)
		return true;
	if (sim_unb64(want, raw, sizeof(raw)) != 16) {
		sim_s3_fail(r, 400, "InvalidDigest",
			    "The Content-MD5 you specified was invalid.");
		return false;
	}
	if (!memcmp(raw, k->in.md5_raw, sizeof(raw)))
		return true;
	sim_s3_fail(r, 400, "BadDigest",
		    "The Content-MD5 you specified did not match what we "
		    "received.");
	return false;
}

static bool check_sha256(struct sim_req *r, struct sim_sink *k)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	char hex[65];

	if (!k->sha_ctx)
		return true;
	EVP_DigestFinal_ex(k->sha_ctx, raw, NULL);
	sim_hex(raw, SIM_SHA256, hex);
	if (!strcmp(hex, r->s3->sig.sha256))
		return true;
	sim_s3_fail(r, 400, "XAmzContentSHA256Mismatch",
		    "The provided 'x-amz-content-sha256' header does not "
		    "match what was computed.");
	return false;
}

static bool check_sum(struct sim_req *r, struct sim_sink *k)
{
	enum sim_algo algo = k->in.algo;
	SIM_AUTOFREE char *text = NULL;

	if (!algo || !k->sum_want || !strcmp(k->sum_want, k->in.sum_b64))
		return true;
	text = sim_format("The %s you specified did not match the calculated "
			  "checksum.", sim_algos[algo].name);
	sim_s3_fail(r, 400, "BadDigest", text);
	return false;
}

static bool check_framing(struct sim_req *r, const struct sim_sink *k)
{
	const char *real = sim_header(r, "x-amz-decoded-content-length");
	int64_t n = -1;

	if (r->s3->sig.payload < SIM_PAY_CHUNKED)
		return true;
	if (sim_sink_chunked_done(k) && real &&
	    sim_number(real, 0, INT64_MAX, &n) && (uint64_t)n == k->in.size)
		return true;
	sim_s3_fail(r, 400, "IncompleteBody",
		    "You did not provide the number of bytes specified by the "
		    "Content-Length HTTP header");
	return false;
}

bool sim_sink_end(struct sim_req *r)
{
	struct sim_sink *k = r->s3->sink;

	if (r->reply.ready || !k)
		return false;
	sim_intake_end(&k->in);
	/* XML and the like: where the operations look for it. */
	r->body = k->in.memory;
	memset(&k->in.memory, 0, sizeof(k->in.memory));
	return check_framing(r, k) && check_sha256(r, k) && check_md5(r, k) &&
	       check_sum(r, k) && !r->reply.ready;
}

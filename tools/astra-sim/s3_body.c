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
#include <unistd.h>

#include "s3.h"

#define MEMORY_MAX (8u << 20)
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

	r->s3->sink = k;
	k->fd = -1;
	k->whole = file || r->s3->op->kind == SIM_S3_MULTIDELETE;
	if (k->whole && !sim_sum_announced(r, &said, &k->sum_want))
		return false;
	if (k->whole && said)
		algo = said;
	if (file && !check_length(r))
		return false;
	if (file)
		k->fd = sim_store_tmp(r->sim, &k->tmp);
	if (file && k->fd < 0) {
		sim_s3_errno(r, k->fd);
		return false;
	}
	sim_sum_init(&k->sum, algo);
	k->md5_ctx = hasher(EVP_md5());
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
	if (k->fd >= 0 && close(k->fd) < 0)
		perror("astra-sim: close");
	if (k->tmp && unlink(k->tmp) < 0 && errno != ENOENT)
		perror("astra-sim: unlink");
	EVP_MD_CTX_free(k->md5_ctx);
	EVP_MD_CTX_free(k->sha_ctx);
	EVP_MD_CTX_free(k->chunk_ctx);
	sim_sum_free(&k->sum);
	sim_buf_free(&k->line);
	sim_buf_free(&k->trailer);
	free(k->sum_b64);
	free(k->sum_want);
	free(k->tmp);
	free(k);
}

/* Body bytes proper, without any framing. */
void sim_sink_take(struct sim_req *r, const void *p, size_t n)
{
	struct sim_sink *k = r->s3->sink;
	int rc = 0;

	EVP_DigestUpdate(k->md5_ctx, p, n);
	if (k->sha_ctx)
		EVP_DigestUpdate(k->sha_ctx, p, n);
	sim_sum_add(&k->sum, p, n);
	k->size += n;
	if (k->fd >= 0)
		rc = sim_write_all(k->fd, p, n);
	else if (r->body.n + n > MEMORY_MAX)
		sim_s3_fail(r, 400, "MaxMessageLengthExceeded",
			    "Your request was too large.");
	else
		sim_buf_add(&r->body, p, n);
	if (rc)
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
	if (!memcmp(raw, k->md5_raw, sizeof(raw)))
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
	enum sim_algo algo = k->sum.algo;
	SIM_AUTOFREE char *text = NULL;

	if (algo)
		k->sum_b64 = sim_sum_end(&k->sum);
	k->sum.algo = algo;
	if (!algo || !k->sum_want || !strcmp(k->sum_want, k->sum_b64))
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
	    sim_number(real, 0, INT64_MAX, &n) && (uint64_t)n == k->size)
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
	EVP_DigestFinal_ex(k->md5_ctx, k->md5_raw, NULL);
	sim_hex(k->md5_raw, sizeof(k->md5_raw), k->md5);
	return check_framing(r, k) && check_sha256(r, k) && check_md5(r, k) &&
	       check_sum(r, k) && !r->reply.ready;
}

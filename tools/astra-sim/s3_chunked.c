/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aws-chunked framing of bodies:
 *
 *   HEXLEN[;chunk-signature=SIG] CRLF data CRLF ... 0[;...] CRLF
 *   [name:value CRLF ... x-amz-trailer-signature:SIG CRLF] CRLF
 *
 * A chunk's signature covers the one before it, beginning with the signature
 * of the headers ("Signature Calculations ... Transferring Payload in
 * Multiple Chunks"). State machine by line and data, so that it does not
 * matter how the bytes arrive.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "s3.h"

#define LINE_MAX_BYTES 4096
#define CHUNK_MAX (UINT64_C(1) << 33)

enum state { SIZE, DATA, AFTER, TRAILER, DONE };

static const char empty_sha256[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void bad_frame(struct sim_req *r)
{
	sim_s3_fail(r, 400, "IncompleteBody",
		    "The request body is not well-formed aws-chunked.");
}

static bool is_signed(const struct sim_req *r)
{
	return r->s3->sig.payload != SIM_PAY_UNSIGNED_TRAILER;
}

/* The next signature of the chain; true when it is what the client says. */
static bool next_signature(struct sim_req *r, const char *sts,
			   const char *theirs)
{
	struct sim_signature *g = &r->s3->sig;
	unsigned char mac[SIM_SHA256];

	sim_hmac(g->key, sizeof(g->key), sts, mac);
	sim_hex(mac, sizeof(mac), g->previous);
	if (strlen(theirs) == 64 && !CRYPTO_memcmp(theirs, g->previous, 64))
		return true;
	sim_s3_fail(r, 403, "SignatureDoesNotMatch",
		    "The chunk signature we calculated does not match the "
		    "signature you provided.");
	return false;
}

static bool check_chunk(struct sim_req *r)
{
	struct sim_sink *k = r->s3->sink;
	struct sim_signature *g = &r->s3->sig;
	unsigned char raw[EVP_MAX_MD_SIZE];
	SIM_AUTOFREE char *sts = NULL;
	char hex[65];

	if (!is_signed(r))
		return true;
	EVP_DigestFinal_ex(k->chunk_ctx, raw, NULL);
	EVP_DigestInit_ex(k->chunk_ctx, EVP_sha256(), NULL);
	sim_hex(raw, SIM_SHA256, hex);
	sts = sim_format("AWS4-HMAC-SHA256-PAYLOAD\n%s\n%s\n%s\n%s\n%s",
			 g->date, g->scope, g->previous, empty_sha256, hex);
	return next_signature(r, sts, k->chunk_sig);
}

static void on_size(struct sim_req *r, char *line)
{
	static const char name[] = "chunk-signature=";
	struct sim_sink *k = r->s3->sink;
	char *ext = strchr(line, ';'), *end = NULL;

	*k->chunk_sig = '\0';
	if (ext)
		*ext++ = '\0';
	if (ext && sim_starts(ext, name))
		snprintf(k->chunk_sig, sizeof(k->chunk_sig), "%s",
			 ext + sizeof(name) - 1);
	if (!*line || strlen(line) > 16 ||
	    strspn(line, "0123456789abcdefABCDEF") != strlen(line)) {
		bad_frame(r);
		return;
	}
	k->left = strtoull(line, &end, 16);
	if (k->left > CHUNK_MAX) {
		bad_frame(r);
		return;
	}
	k->state = k->left ? DATA : TRAILER;
	if (!k->left)
		check_chunk(r);
}

/* The checksum that was promised by x-amz-trailer. */
static void take_trailer(struct sim_req *r, const char *name, const char *v)
{
	struct sim_sink *k = r->s3->sink;
	char want[40];

	if (r->trouble.flags & SIM_F_IGNORE_CHECKSUM || !k->in.algo)
		return;
	snprintf(want, sizeof(want), "x-amz-checksum-%s",
		 sim_algos[k->in.algo].lower);
	if (strcmp(name, want))
		return;
	if (!sim_sum_valid(k->in.algo, v)) {
		sim_s3_fail(r, 400, "InvalidRequest",
			    "Value for the trailing checksum is invalid.");
		return;
	}
	free(k->sum_want);
	k->sum_want = sim_strdup(v);
}

static void check_trailer(struct sim_req *r, const char *theirs)
{
	struct sim_sink *k = r->s3->sink;
	struct sim_signature *g = &r->s3->sig;
	unsigned char raw[SIM_SHA256];
	SIM_AUTOFREE char *sts = NULL;
	char hex[65];

	sim_sha256(k->trailer.p ? k->trailer.p : "", k->trailer.n, raw);
	sim_hex(raw, sizeof(raw), hex);
	sts = sim_format("AWS4-HMAC-SHA256-TRAILER\n%s\n%s\n%s\n%s", g->date,
			 g->scope, g->previous, hex);
	next_signature(r, sts, theirs);
	sim_buf_free(&k->trailer);
}

static void on_trailer(struct sim_req *r, char *line)
{
	struct sim_sink *k = r->s3->sink;
	char *v = strchr(line, ':');

	if (!*line) {
		k->state = DONE;
		/* A trailer that nobody signed. */
		if (k->trailer.n && is_signed(r))
			sim_s3_fail(r, 403, "SignatureDoesNotMatch",
				    "The trailer is not signed.");
		return;
	}
	if (!v) {
		bad_frame(r);
		return;
	}
	*v++ = '\0';
	v += strspn(v, " ");
	if (!strcmp(line, "x-amz-trailer-signature")) {
		check_trailer(r, v);
		return;
	}
	sim_buf_printf(&k->trailer, "%s:%s\n", line, v);
	take_trailer(r, line, v);
}

static void on_line(struct sim_req *r, char *line)
{
	struct sim_sink *k = r->s3->sink;

	switch ((enum state)k->state) {
	case SIZE:
		on_size(r, line);
		break;
	case AFTER:
		k->state = SIZE;
		if (*line)
			bad_frame(r);
		break;
	case TRAILER:
		on_trailer(r, line);
		break;
	case DATA:
	case DONE:
		bad_frame(r);
	}
}

/* Takes up to a line end; the number of bytes used. */
static size_t take_line(struct sim_req *r, const char *p, size_t n)
{
	struct sim_sink *k = r->s3->sink;
	const char *nl = memchr(p, '\n', n);
	size_t used = nl ? (size_t)(nl - p) + 1 : n;

	if (k->line.n + used > LINE_MAX_BYTES) {
		bad_frame(r);
		return n;
	}
	sim_buf_add(&k->line, p, used);
	if (!nl)
		return used;
	if (k->line.n < 2 || k->line.p[k->line.n - 2] != '\r') {
		bad_frame(r);
		return used;
	}
	k->line.p[k->line.n - 2] = '\0';
	on_line(r, k->line.p);
	k->line.n = 0;
	return used;
}

static size_t take_data(struct sim_req *r, const char *p, size_t n)
{
	struct sim_sink *k = r->s3->sink;

	if (n > k->left)
		n = (size_t)k->left;
	if (k->chunk_ctx)
		EVP_DigestUpdate(k->chunk_ctx, p, n);
	sim_sink_take(r, p, n);
	k->left -= n;
	if (!k->left && check_chunk(r))
		k->state = AFTER;
	return n;
}

void sim_sink_chunked(struct sim_req *r, const char *p, size_t n)
{
	while (n && !r->reply.ready) {
		size_t used = r->s3->sink->state == DATA ? take_data(r, p, n)
							 : take_line(r, p, n);

		p += used;
		n -= used;
	}
}

bool sim_sink_chunked_done(const struct sim_sink *k)
{
	return k->state == DONE;
}

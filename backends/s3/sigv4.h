/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4 for S3, in the Authorization header.
 */
#ifndef SL_S3_SIGV4_H
#define SL_S3_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "cleanup.h"

#define SL_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
/* SHA-256 of nothing, in hex. */
#define SL_SIGV4_EMPTY \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* The derived key of one day, region and secret; 'secret' is compared. */
struct sl_sigv4_key {
	bool valid;
	char day[9];
	char region[64];
	unsigned char secret_hash[32];
	unsigned char key[32];
};

struct sl_sigv4 {
	const char *id, *secret, *token; /* token may be NULL */
	const char *region;
	int64_t now_ms;	     /* by the server's clock */
	const char *method;
	const char *host;    /* as sent, with a port unless default */
	const char *path;    /* encoded, from '/' on */
	const char *query;   /* canonical: encoded and sorted; or "" */
	const char *payload; /* hex SHA-256 or SL_SIGV4_UNSIGNED */
};

/*
 * Signs 'headers' ("Name: value\n" lines; those to be sent and signed) and
 * appends Host, X-Amz-Date, X-Amz-Content-Sha256, X-Amz-Security-Token and
 * Authorization. 'cache' may hold the key of the last call; not thread safe.
 * -ENOMEM, -EINVAL (no id or secret).
 */
int sl_sigv4_sign(const struct sl_sigv4 *s, struct sl_sigv4_key *cache,
		  struct sl_buf *headers) SL_MUST_CHECK;

/* Hex SHA-256 of the bytes; dst holds 65. -EIO. */
int sl_sigv4_sha256(char *dst, const void *p, size_t n) SL_MUST_CHECK;

#endif

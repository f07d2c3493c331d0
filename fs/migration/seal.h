/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seal says in one word what a node has sent: files, bytes, and a hash over
 * every name, size and ETag. It is made on the node, from its ledger, and
 * made again from the listing by whoever launches: equal seals prove that
 * what lies there is what was sent, without a request per object.
 *
 *   v1:FILES:BYTES:HEX   HEX is the SHA-256 over KEY NUL SIZE NUL ETAG LF
 *                        for each object, in byte order of KEY, which is
 *                        relative to NODE; SIZE in decimal; ETAG with its
 *                        quotes, as a listing gives it
 *
 * Pure; not thread safe.
 */
#ifndef SL_SEAL_H
#define SL_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define SL_SEAL_SIZE 112 /* a seal as text, and its NUL */
#define SL_SEAL_HEX 64

struct sl_seal;

int sl_seal_new(struct sl_seal **ret) SL_MUST_CHECK;
void sl_seal_free(struct sl_seal *s);
static inline void sl_cleanup_seal(struct sl_seal **s)
{
	sl_seal_free(*s);
}
/*
 * The next object. Some answers of a store leave the quotes of an ETag out:
 * they are put around it. -EINVAL: the keys do not ascend; -EIO: OpenSSL.
 */
int sl_seal_add(struct sl_seal *s, const char *key, uint64_t size,
		const char *etag) SL_MUST_CHECK;
/* Ends it; once. 'dst' has SL_SEAL_SIZE bytes. */
int sl_seal_end(struct sl_seal *s, char *dst) SL_MUST_CHECK;

struct sl_seal_parts {
	uint64_t files, bytes;
	char hex[SL_SEAL_HEX + 1]; /* lower case */
};
/* Strict: exactly what sl_seal_end() writes. -EINVAL. */
int sl_seal_parse(const char *text, struct sl_seal_parts *ret) SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of facts.h that one file alone would be too long for. */
#ifndef SL_FACTS_INTERNAL_H
#define SL_FACTS_INTERNAL_H

#include "sstable/bytes.h"
#include "sstable/facts.h"

/* Bytes of a header, a list of names or a schema. */
#define SL_FACTS_SHARED ((size_t)16 << 20)

void sl_header_pack(const struct sl_header *h, struct sl_buf *out);
/* -EPROTO, -ENOMEM. */
int sl_header_unpack(struct sl_bytes *b, struct sl_header **ret) SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upload ids and block ids. Azure knows no uploads: a blob has a heap of
 * uncommitted blocks, of whoever sent them, and Put Block List names those
 * that become the blob. So what belongs to an upload is written into the ids:
 *
 *   8 bytes      0 ... 40     4 bytes         4 bytes
 *   the upload   zeros        CRC32 of it     part number      big-endian
 *
 * The upload is 8 random bytes, shown as 16 hex digits. With the CRC32 in its
 * id a block is named by its content: a part sent again with other bytes is
 * another block, so a completion can name no bytes but those that were meant,
 * and a resumed copy knows from the list alone what is stored.
 *
 * The zeros are there because all blocks of a blob must have ids of one
 * length: where another program left some, ours take their length. All pure,
 * but for the random bytes.
 */
#ifndef SL_AZURE_ID_H
#define SL_AZURE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

#define SL_AZURE_UPLOAD_HEX 16
#define SL_AZURE_ID_MIN 16 /* bytes, ours by default */
#define SL_AZURE_ID_MAX 64 /* Azure's limit */
/* Base64 of the longest and its NUL. */
#define SL_AZURE_ID_SIZE 89

struct sl_azure_id {
	char upload[SL_AZURE_UPLOAD_HEX + 1];
	size_t len; /* decoded */
	uint32_t crc32;
	uint32_t number;
};

/* A new upload's id. -errno of getrandom(2). */
int sl_azure_upload_new(char dst[SL_AZURE_UPLOAD_HEX + 1]) SL_MUST_CHECK;
/* The base64 block id. -EINVAL: no upload of ours, or a bad length. */
int sl_azure_block_id(const struct sl_azure_id *id,
		      char dst[SL_AZURE_ID_SIZE]) SL_MUST_CHECK;
/*
 * Reads any block id. 'upload' is made of what there is, so that a foreign
 * upload has a name too; false: not base64, empty or too long.
 */
bool sl_azure_block_parse(const char *b64, struct sl_azure_id *ret);

#endif

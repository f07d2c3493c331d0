/* SPDX-License-Identifier: Apache-2.0 */
/* See id.h. */
#include "backends/azure/id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "backends/cloud/text.h"

#define UPLOAD_LEN 8

int sl_azure_upload_new(char dst[SL_AZURE_UPLOAD_HEX + 1])
{
	unsigned char r[UPLOAD_LEN];

	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return errno ? -errno : -EIO;
	sl_cloud_hex(dst, r, sizeof(r));
	return 0;
}

static int unhex(const char *s, unsigned char *dst)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(s) != SL_AZURE_UPLOAD_HEX ||
	    strspn(s, digits) != SL_AZURE_UPLOAD_HEX)
		return -EINVAL;
	for (size_t i = 0; i < UPLOAD_LEN; i++) {
		const char *hi = strchr(digits, s[2 * i]);
		const char *lo = strchr(digits, s[2 * i + 1]);

		dst[i] = (unsigned char)((hi - digits) << 4 | (lo - digits));
	}
	return 0;
}

static void put_be32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static uint32_t get_be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

int sl_azure_block_id(const struct sl_azure_id *id,
		      char dst[SL_AZURE_ID_SIZE])
{
	unsigned char raw[SL_AZURE_ID_MAX] = { 0 };

	if (id->len < SL_AZURE_ID_MIN || id->len > SL_AZURE_ID_MAX ||
	    unhex(id->upload, raw))
		return -EINVAL;
	put_be32(raw + id->len - 8, id->crc32);
	put_be32(raw + id->len - 4, id->number);
	sl_cloud_base64(dst, raw, id->len);
	return 0;
}

bool sl_azure_block_parse(const char *b64, struct sl_azure_id *ret)
{
	unsigned char raw[SL_AZURE_ID_MAX] = { 0 };
	ssize_t n = sl_cloud_unbase64(b64, raw, sizeof(raw));

	if (n <= 0)
		return false;
	ret->len = (size_t)n;
	sl_cloud_hex(ret->upload, raw, UPLOAD_LEN);
	ret->crc32 = n < 8 ? 0 : get_be32(raw + n - 8);
	ret->number = n < 4 ? 0 : get_be32(raw + n - 4);
	return true;
}

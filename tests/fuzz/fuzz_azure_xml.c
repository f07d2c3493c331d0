/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds any bytes to the readers of Azure's answers, chosen by the first byte:
 * pages of List Blobs, lists of blocks, errors. What they report must stay
 * within its bounds. Build: clang -fsanitize=fuzzer,address.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/azure/internal.h"
#include "backends/cloud/page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_page(const struct sl_http_response *r)
{
	struct sl_cloud_page p;
	int err = sl_azure_page_read(r, &p);

	for (size_t i = 0; i < p.n; i++) {
		const struct sl_cloud_item *it = &p.items[i];

		if (!it->key || memchr(it->obj.etag, '\0',
				       sizeof(it->obj.etag)) == NULL)
			abort();
	}
	if (!err && p.truncated && !p.token)
		abort();
	sl_cloud_page_release(&p);
}

static int on_block(void *arg, const struct sl_azure_block *b)
{
	struct sl_azure_id id;
	char again[SL_AZURE_ID_SIZE];

	(void)arg;
	if (!sl_azure_block_parse(b->name, &id))
		return 0;
	if (!id.len || id.len > SL_AZURE_ID_MAX ||
	    strlen(id.upload) != SL_AZURE_UPLOAD_HEX)
		abort();
	/* What is long enough can be written again. */
	if (id.len >= SL_AZURE_ID_MIN && sl_azure_block_id(&id, again))
		abort();
	return 0;
}

static void check_error(const struct sl_http_response *r)
{
	struct sl_cloud_error d = { .skewed = false };

	sl_azure_read_error(r, &d);
	if (strpbrk(d.code, "\r\n\033") || strpbrk(d.message, "\r\n\033"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_http_response r = { .status = 400,
				      .body = SL_BUF_INIT(1 << 20) };

	if (!size)
		return 0;
	sl_buf_append(&r.body, data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		check_page(&r);
		break;
	case 1:
		if (sl_azure_blocks_read(&r, on_block, NULL) > 0)
			abort();
		break;
	default:
		check_error(&r);
	}
	sl_buf_release(&r.body);
	return 0;
}

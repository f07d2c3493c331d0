/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds any bytes to the reader of S3's XML answers. Paths and texts that it
 * reports must stay within its bounds. Build: clang -fsanitize=fuzzer,address.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cloud/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int element(void *arg, const char *path, const char *text)
{
	size_t *count = arg;
	int depth = 1;

	for (const char *p = path; *p; p++)
		depth += *p == '/';
	if (depth > SL_XML_MAX_DEPTH || strlen(text) > SL_XML_MAX_TEXT)
		abort();
	return ++*count > 1000 ? -E2BIG : 0;
}

static int attribute(void *arg, const char *path, const char *name,
		     const char *value)
{
	return *name ? element(arg, path, value) : -EPROTO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sl_xml_handlers handlers = {
		.element = element,
		.attribute = attribute,
	};
	size_t count = 0;
	int r = sl_xml_parse((const char *)data, size, &handlers, &count);

	/* A document that was read has at least its root. */
	if (!r && !count)
		abort();
	return 0;
}

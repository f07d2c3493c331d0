/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds any bytes to the readers of Google's JSON: the first byte chooses
 * the credentials file, the token endpoint's answer, an error, an object or
 * a page of a listing. What they hand out must keep its bounds. Build: clang
 * -fsanitize=fuzzer,address.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/gcs/credentials.h"
#include "backends/gcs/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ')
			abort();
}

static void keys(const char *text, size_t n)
{
	SL_CLEANUP(gcs_keys) struct sl_gcs_keys *k = NULL;
	SL_CLEANUP(buf) struct sl_buf form = SL_BUF_INIT(32768);
	struct sl_error e = { 0 };

	(void)n; /* it is a string */
	if (sl_gcs_keys_parse(text, &k, &e)) {
		printable(e.text);
		return;
	}
	if (sl_gcs_url_check(sl_gcs_keys_uri(k)))
		abort();
	if (sl_gcs_keys_form(k, 1700000000, &form, &e) && !e.text[0])
		abort();
}

static void token(const char *text, size_t n)
{
	struct sl_gcs_answer a;

	for (int status = 200; status <= 400; status += 200) {
		enum sl_gcs_told told = sl_gcs_answer_read(status, text, n,
							   &a);

		if ((told == SL_GCS_TOLD_TOKEN) !=
		    (a.token && a.life_s > 0))
			abort();
		if (a.token)
			printable(a.token);
		printable(a.error);
		printable(a.text);
		sl_gcs_answer_release(&a);
	}
}

static void error(const char *text, size_t n)
{
	struct sl_http_response r = { .status = 403 };
	struct sl_cloud_error d = { .skewed = false };

	sl_buf_init(&r.body, n + 1);
	sl_buf_init(&r.headers, 64);
	if (sl_buf_append(&r.body, text, n))
		abort();
	sl_gcs_read_error(&r, &d);
	printable(d.code);
	printable(d.message);
	sl_buf_release(&r.body);
}

static void object(const char *text, size_t n)
{
	struct sl_gcs_object x;

	if (sl_gcs_object_json(text, n, &x))
		return;
	if (!x.o.etag[0] || strspn(x.o.etag, "0123456789") !=
				    strlen(x.o.etag))
		abort();
}

static void page(const char *text, size_t n)
{
	struct sl_cloud_page p = { .seen = false };

	if (!sl_gcs_page_json(text, n, &p))
		for (size_t i = 0; i < p.n; i++)
			if (!p.items[i].key)
				abort();
	sl_cloud_page_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *text, size_t n) = {
		keys, token, error, object, page,
	};
	char *copy;

	if (!size)
		return 0;
	copy = malloc(size);
	if (!copy)
		abort();
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = '\0';
	readers[data[0] % SL_ARRAY_LEN(readers)](copy, size - 1);
	free(copy);
	return 0;
}

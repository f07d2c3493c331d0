/* SPDX-License-Identifier: Apache-2.0 */
/* Where the container is in a URL, what a SAS is made of, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "backends/azure/url.h"

static const struct {
	const char *url;
	const char *container, *name, *prefix; /* NULL: refused */
} rows[] = {
	{ "https://a.blob.core.windows.net/box/id/sstables/",
	  "https://a.blob.core.windows.net/box", "box",
	  "id/sstables/" },
	{ "https://a.blob.core.windows.net/mig-upload-1/",
	  "https://a.blob.core.windows.net/mig-upload-1",
	  "mig-upload-1", "" },
	{ "https://a.blob.core.chinacloudapi.cn:443/box/x/",
	  "https://a.blob.core.chinacloudapi.cn:443/box", "box",
	  "x/" },
	{ "https://files.example.com/$root/x%20y/",
	  "https://files.example.com/$root", "$root", "x y/" },
	{ "http://127.0.0.1:10000/devstoreaccount1/box/id/sstables/",
	  "http://127.0.0.1:10000/devstoreaccount1/box", "box",
	  "id/sstables/" },
	{ "http://localhost:10000/acc/box/",
	  "http://localhost:10000/acc/box", "box", "" },
	{ "http://acc.blob.localhost:10000/box/x/",
	  "http://acc.blob.localhost:10000/box", "box", "x/" },
	{ "http://[::1]:10000/acc/box/x/",
	  "http://[::1]:10000/acc/box", "box", "x/" },
	{ "https://10.1.2.3/acc/box/x/",
	  "https://10.1.2.3/acc/box", "box", "x/" },
	{ "https://azurite:10000/acc/box/x/",
	  "https://azurite:10000/acc/box", "box", "x/" },
	/* Credentials go nowhere in the clear. */
	{ "http://a.blob.core.windows.net/box/x/", NULL, NULL, NULL },
	{ "http://10.1.2.3/acc/box/x/", NULL, NULL, NULL },
	{ "http://127.0.0.1.example.com/box/x/", NULL, NULL, NULL },
	{ "http://localhost.example.com/box/x/", NULL, NULL, NULL },
	{ "http://[::2]:1/acc/box/x/", NULL, NULL, NULL },
	{ "http://127.0.0.1:80@evil.com/acc/box/", NULL, NULL, NULL },
	{ "https://user@a.b.c/box/x/", NULL, NULL, NULL },
	/* Malformed. */
	{ "https://a.b.c/box/x", NULL, NULL, NULL },
	{ "https://a.b.c/box", NULL, NULL, NULL },
	{ "https://a.b.c/", NULL, NULL, NULL },
	{ "https://a.b.c", NULL, NULL, NULL },
	{ "https:///box/x/", NULL, NULL, NULL },
	{ "https://", NULL, NULL, NULL },
	{ "https:/a.b.c/box/", NULL, NULL, NULL },
	{ "ftp://a.b.c/box/", NULL, NULL, NULL },
	{ "https://a.b.c/Box/x/", NULL, NULL, NULL },
	{ "https://a.b.c/bo/x/", NULL, NULL, NULL },
	{ "https://a.b.c//x/", NULL, NULL, NULL },
	{ "https://a.b.c/box/x/?sv=1", NULL, NULL, NULL },
	{ "https://a.b.c/box/x#/", NULL, NULL, NULL },
	{ "https://a.b.c/box/%zz/", NULL, NULL, NULL },
	{ "https://a.b.c/box/a b/", NULL, NULL, NULL },
	{ "https://a.b.c/box/a\nb/", NULL, NULL, NULL },
	{ "http://127.0.0.1/acc/", NULL, NULL, NULL },
	{ "http://127.0.0.1//box/x/", NULL, NULL, NULL },
	{ "http://[::1/acc/box/x/", NULL, NULL, NULL },
};

static void urls(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_azure_url u = { .base = NULL };
		struct sl_error e = { 0 };
		int err = sl_azure_url_split(rows[i].url, &u, &e);

		if (err != (rows[i].name ? 0 : -EINVAL))
			fail_msg("'%s': %d", rows[i].url, err);
		if (!rows[i].name) {
			assert_null(u.base);
			assert_int_equal(e.errnum, EINVAL);
			continue;
		}
		assert_string_equal(u.base, rows[i].url);
		assert_string_equal(u.container, rows[i].container);
		assert_string_equal(u.name, rows[i].name);
		assert_string_equal(u.prefix, rows[i].prefix);
		sl_azure_url_release(&u);
	}
}

static void safe_bytes(void **state)
{
	(void)state;
	assert_true(sl_azure_url_safe("sv=1&sig=a%2Bb%2F%3D&se=2026-01-01T"));
	assert_false(sl_azure_url_safe(""));
	assert_false(sl_azure_url_safe("a b"));
	assert_false(sl_azure_url_safe("a\r\nX: y"));
	assert_false(sl_azure_url_safe("a#b"));
	assert_false(sl_azure_url_safe("\xc3\xa9"));
}

static void names(void **state)
{
	char deep[600];

	(void)state;
	assert_null(sl_azure_name_refused("n1/ks/t-1/snapshots/s/nb-1.db"));
	assert_null(sl_azure_name_refused("..x/.hidden/caf\xc3\xa9 ~+%"));
	assert_non_null(sl_azure_name_refused("a./b"));
	assert_non_null(sl_azure_name_refused("a/b."));
	assert_non_null(sl_azure_name_refused("a\\b"));
	assert_non_null(sl_azure_name_refused("a\nb"));
	assert_non_null(sl_azure_name_refused("caf\xe9"));
	for (size_t i = 0; i < 254; i++)
		memcpy(deep + 2 * i, "a/", 2);
	deep[2 * 254 - 1] = '\0';
	assert_null(sl_azure_name_refused(deep));
	strcat(deep, "/a");
	assert_non_null(sl_azure_name_refused(deep));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),
		cmocka_unit_test(safe_bytes),
		cmocka_unit_test(names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

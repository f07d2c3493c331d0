/* SPDX-License-Identifier: Apache-2.0 */
/* Credential sets: copies, counts, and counting from many threads. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "credentials.h"

#include <pthread.h>

static void test_copies(void **state)
{
	char id[] = "id", secret[] = "secret";
	struct sl_cred *c = sl_cred_new(SL_CRED_S3, 7, id, secret, NULL);

	(void)state;
	assert_non_null(c);
	id[0] = 'x';
	secret[0] = 'x';
	assert_int_equal(c->kind, SL_CRED_S3);
	assert_int_equal(c->generation, 7);
	assert_int_equal(c->expires_ms, 0);
	assert_string_equal(c->id, "id");
	assert_string_equal(c->secret, "secret");
	assert_null(c->token);
	assert_ptr_equal(sl_cred_ref(c), c);
	assert_int_equal(c->refs, 2);
	sl_cred_unref(c);
	assert_string_equal(c->secret, "secret");
	sl_cred_unref(c);
	sl_cred_unref(NULL);
	assert_null(sl_cred_ref(NULL));
}

static void *churn(void *arg)
{
	struct sl_cred *c = arg;

	for (int i = 0; i < 10000; i++)
		sl_cred_unref(sl_cred_ref(c));
	sl_cred_unref(c);
	return NULL;
}

static void test_threads(void **state)
{
	struct sl_cred *c = sl_cred_new(SL_CRED_NONE, 1, NULL, NULL, "t");
	pthread_t t[4];

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++)
		assert_int_equal(
			pthread_create(&t[i], NULL, churn, sl_cred_ref(c)), 0);
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(c->refs, 1);
	assert_string_equal(c->token, "t");
	sl_cred_unref(c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_threads),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The engine over the null backend: files of many sizes, side by side. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>

#include "upload/upload.h"

#define MIB ((size_t)1 << 20)

struct waiter {
	struct sl_wait w;
	sem_t sem;
};

static void done(struct sl_wait *w, int err)
{
	struct waiter *x = sl_container_of(w, struct waiter, w);

	w->err = err;
	assert_int_equal(sem_post(&x->sem), 0);
}

static int finish(int r, struct waiter *x)
{
	if (r != SL_PARKED)
		return r;
	assert_int_equal(sem_wait(&x->sem), 0);
	return x->w.err;
}

struct job {
	struct sl_engine *e;
	size_t size;
	int err;
	struct sl_upload_state end;
	pthread_t thread;
};

static void *copy(void *arg)
{
	struct job *j = arg;
	struct waiter x = { .w.done = done };
	struct sl_upload *u = NULL;
	char *buf = calloc(1, MIB);

	assert_non_null(buf);
	assert_int_equal(sem_init(&x.sem, 0, 0), 0);
	j->err = sl_upload_new(j->e, "k", j->size, j, &u, NULL);
	for (size_t at = 0; !j->err && at < j->size; at += MIB)
		j->err = finish(sl_upload_write(u, buf, j->size - at < MIB ?
						j->size - at : MIB, &x.w), &x);
	if (!j->err)
		j->err = finish(sl_upload_commit(u, &x.w), &x);
	sl_upload_get(u, &j->end);
	sl_upload_unref(u);
	free(buf);
	return NULL;
}

static void test_side_by_side(void **state)
{
	static const size_t sizes[] = { 0, 1, MIB, 5 * MIB, 40 * MIB + 1,
					100 * MIB, 200 * MIB, 3 };
	struct sl_backend_config bc = { .url = "null:" };
	struct sl_engine_config cfg = { .memory = 64 * MIB, .connections = 8 };
	struct sl_engine_stats st;
	struct sl_backend *b = NULL;
	struct job jobs[SL_ARRAY_LEN(sizes)] = { 0 };
	uint64_t total = 0;

	(void)state;
	assert_int_equal(sl_backend_open(&bc, &b, NULL), 0);
	cfg.backend = b;
	assert_int_equal(sl_engine_new(&cfg, &jobs[0].e, NULL), 0);
	for (size_t i = 0; i < SL_ARRAY_LEN(sizes); i++) {
		jobs[i].e = jobs[0].e;
		jobs[i].size = sizes[i];
		total += sizes[i];
		assert_int_equal(pthread_create(&jobs[i].thread, NULL, copy,
						&jobs[i]), 0);
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(sizes); i++) {
		assert_int_equal(pthread_join(jobs[i].thread, NULL), 0);
		assert_int_equal(jobs[i].err, 0);
		assert_true(jobs[i].end.committed);
		assert_int_equal(jobs[i].end.obj.size, sizes[i]);
	}
	sl_engine_get_stats(jobs[0].e, &st);
	assert_int_equal(st.bytes_sent, total);
	assert_int_equal(st.used, 0);
	assert_int_equal(st.uploads, 0);
	sl_engine_free(jobs[0].e);
	sl_backend_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_side_by_side),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token source between a scripted token endpoint and a migration that
 * answers when the test says so, with clocks that stand still until moved.
 */
#ifndef GCS_RIG_H
#define GCS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>

#include "backends/gcs/token.h"
#include "fake_http.h"
#include "gcs_key.h"

#define URI "http://127.0.0.1:1/token"
#define WALL_MS ((int64_t)1700000000 * 1000)

static int64_t rig_mono, rig_wall; /* atomic */

static int64_t rig_mono_ms(const struct sl_clock *c)
{
	(void)c;
	return __atomic_load_n(&rig_mono, __ATOMIC_SEQ_CST);
}

static int64_t rig_wall_ms(const struct sl_clock *c)
{
	(void)c;
	return __atomic_load_n(&rig_wall, __ATOMIC_SEQ_CST);
}

static const struct sl_clock rig_clock = { rig_mono_ms, rig_wall_ms };

static void rig_pass(int64_t ms)
{
	__atomic_add_fetch(&rig_mono, ms, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&rig_wall, ms, __ATOMIC_SEQ_CST);
}

/* The migration: one at a time. */
static struct {
	struct sl_cred_source source;
	struct sl_mutex lock;
	struct sl_cond cond;
	struct sl_cred *cred;
	struct sl_cred_wait *wait;
	uint64_t refused; /* the last generation it was told of */
	int asked;
	int64_t offset_ms;
	int over;
} base = { .lock = SL_MUTEX_INIT };

static struct sl_cred *base_get(struct sl_cred_source *s)
{
	(void)s;
	SL_LOCK_SCOPE(&base.lock);
	return sl_cred_ref(base.cred);
}

static void base_refused(struct sl_cred_source *s, uint64_t generation,
			 struct sl_cred_wait *w)
{
	(void)s;
	SL_LOCK_SCOPE(&base.lock);
	base.wait = w;
	base.refused = generation;
	base.asked++;
	sl_cond_broadcast(&base.cond);
}

static void base_cancel(struct sl_cred_source *s, struct sl_cred_wait *w)
{
	(void)s;
	SL_LOCK_SCOPE(&base.lock);
	if (base.wait == w)
		base.wait = NULL;
}

static int64_t base_offset(struct sl_cred_source *s)
{
	(void)s;
	return base.offset_ms;
}

static int base_over(struct sl_cred_source *s)
{
	(void)s;
	SL_LOCK_SCOPE(&base.lock);
	return base.over;
}

static const struct sl_cred_source_ops base_ops = {
	.get = base_get,
	.refused = base_refused,
	.cancel = base_cancel,
	.offset_ms = base_offset,
	.over = base_over,
};

static struct gcs_key rig_key;

/* Keys of that generation; 0: none. */
static void base_set(uint64_t generation)
{
	SL_CLEANUP(free) char *id = NULL, *file = NULL;

	if (asprintf(&id, "kid%llu", (unsigned long long)generation) < 0)
		abort();
	file = gcs_key_file(&rig_key, id, URI);
	SL_LOCK_SCOPE(&base.lock);
	sl_cred_unref(base.cred);
	base.cred = generation ? sl_cred_new(SL_CRED_GCS, generation, NULL,
					     file, NULL) : NULL;
}

/* Waits until the migration was asked 'n' times in all. */
static void base_until(int n)
{
	SL_LOCK_SCOPE(&base.lock);
	while (base.asked < n)
		sl_cond_wait(&base.cond, &base.lock);
}

static void base_answer(int err)
{
	struct sl_cred_wait *w;

	sl_mutex_lock(&base.lock);
	w = base.wait;
	base.wait = NULL;
	sl_mutex_unlock(&base.lock);
	if (!w)
		abort();
	w->ready(w, err);
}

/* What the endpoint answers: by the number of the request, from 1. */
struct rig_said {
	int status;
	const char *body;
	int curl_code;
	int64_t ahead_ms; /* its clock; with dated */
	bool dated;
	bool hold;
	int64_t pass_ms;  /* before it answers */
};

static const struct rig_said *rig_says;
static int rig_count;
static char rig_body[256];

static void rig_respond(const char *method, const char *url,
			struct fake_answer *a)
{
	int n = fake_requests();
	const struct rig_said *s =
		&rig_says[n <= rig_count ? n - 1 : rig_count - 1];

	if (strcmp(method, "POST") != 0 || strcmp(url, URI) != 0)
		abort();
	rig_pass(s->pass_ms);
	snprintf(rig_body, sizeof(rig_body), "{\"access_token\":\"tok%d\","
		 "\"expires_in\":1000}", n);
	a->status = s->status ? s->status : 200;
	a->body = s->body ? s->body : rig_body;
	a->curl_code = s->curl_code;
	a->hold = s->hold;
	if (s->dated)
		a->date_ms = rig_wall_ms(NULL) + s->ahead_ms;
}

static struct sl_gcs_tokens *rig_tokens;
static struct sl_cred_source *rig_source;

static int rig_key_up(void **state)
{
	(void)state;
	rig_key = gcs_key_new();
	return 0;
}

static int rig_key_down(void **state)
{
	(void)state;
	gcs_key_free(&rig_key);
	return 0;
}

static int rig_up(void **state)
{
	static const struct rig_said fine[] = { { .status = 200 } };

	(void)state;
	rig_says = fine;
	rig_count = 1;
	rig_mono = 1000000;
	rig_wall = WALL_MS;
	base.source.ops = &base_ops;
	base.asked = 0;
	base.offset_ms = 0;
	base.wait = NULL;
	sl_cond_init(&base.cond);
	base_set(1);
	fake_respond = rig_respond;
	fake_begin();
	if (sl_gcs_tokens_new(NULL, &base.source, &rig_clock, &rig_tokens))
		return -1;
	rig_source = sl_gcs_tokens_source(rig_tokens);
	return 0;
}

static int rig_down(void **state)
{
	(void)state;
	sl_gcs_tokens_free(rig_tokens);
	fake_end();
	base_set(0);
	sl_cond_release(&base.cond);
	return 0;
}

#define RIG_SAYS(...) \
	static const struct rig_said rig_script_[] = { __VA_ARGS__ }; \
	rig_says = rig_script_; \
	rig_count = (int)SL_ARRAY_LEN(rig_script_)

/* Somebody waiting for another token. */
struct waiter {
	struct sl_cred_wait w;
	struct sl_mutex lock;
	struct sl_cond cond;
	bool over;
	int err;
};

static void waiter_ready(struct sl_cred_wait *w, int err)
{
	struct waiter *wt = sl_container_of(w, struct waiter, w);

	SL_LOCK_SCOPE(&wt->lock);
	wt->over = true;
	wt->err = err;
	sl_cond_broadcast(&wt->cond);
}

static void waiter_refuse(struct waiter *w, uint64_t generation)
{
	*w = (struct waiter){ .w = { .ready = waiter_ready } };
	sl_mutex_init(&w->lock);
	sl_cond_init(&w->cond);
	sl_cred_refused(rig_source, generation, &w->w);
}

static int waiter_wait(struct waiter *w)
{
	sl_mutex_lock(&w->lock);
	while (!w->over)
		sl_cond_wait(&w->cond, &w->lock);
	sl_mutex_unlock(&w->lock);
	sl_mutex_release(&w->lock);
	sl_cond_release(&w->cond);
	return w->err;
}

static inline int refuse_and_wait(uint64_t generation)
{
	struct waiter w;

	waiter_refuse(&w, generation);
	return waiter_wait(&w);
}

/* The present token is this one, of that generation; NULL: none. */
static inline void assert_token(const char *token, uint64_t generation)
{
	SL_CLEANUP(cred) struct sl_cred *c = sl_cred_get(rig_source);

	if (!token) {
		assert_null(c);
		return;
	}
	assert_non_null(c);
	assert_int_equal(c->kind, SL_CRED_GCS);
	assert_string_equal(c->token, token);
	assert_int_equal(c->generation, generation);
}

#endif

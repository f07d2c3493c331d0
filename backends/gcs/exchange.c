/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange of keys for a token: a POST to the place that the credentials
 * name. Each attempt takes the keys that the migration has by then and signs
 * anew, by the clock of the endpoint as soon as that is known; an assertion
 * that was refused while our clock was wrong is made once more at once.
 */
#include <errno.h>
#include <string.h>

#include "backends/gcs/token_internal.h"

#define MAX_ANSWER ((size_t)64 * 1024)
/* As long as somebody may want a token; who waits has his own deadline. */
#define RETRY_FOR_MS ((int64_t)365 * 24 * 3600 * 1000)
/* Keys that the migration confirmed may take a while to be known. */
#define REFUSED_FOR_MS 60000
/* Apart by more than this, a refusal may be the clock's fault. */
#define SKEW_MS 30000

static int64_t server_now(struct sl_gcs_tokens *t)
{
	int64_t offset = t->base->ops->offset_ms(t->base);

	SL_LOCK_SCOPE(&t->lock);
	if (t->offset_known)
		offset = t->offset_ms;
	return sl_wall_ms(t->clock) + offset;
}

static int take_keys(struct sl_gcs_tokens *t, const struct sl_cred *base)
{
	struct sl_gcs_keys *keys = NULL;
	int err;

	if (t->keys && t->keys_generation == base->generation)
		return 0;
	sl_gcs_keys_free(sl_steal(&t->keys));
	t->keys_generation = base->generation;
	if (base->kind != SL_CRED_GCS || !base->secret)
		return sl_error_set(&t->call.error, EINVAL, "the credentials "
				    "are not for Google Cloud Storage");
	err = sl_gcs_keys_parse(base->secret, &keys, &t->call.error);
	t->keys = keys;
	return err;
}

static int prepare(struct sl_http_call *c, struct sl_http_request *req,
		   const struct sl_cred *cred)
{
	struct sl_gcs_tokens *t =
		sl_container_of(c, struct sl_gcs_tokens, call);
	SL_CLEANUP(cred) struct sl_cred *base = sl_cred_get(t->base);
	int err;

	(void)cred; /* the call has no source: it is one */
	t->outcome = base ? SL_GCS_HOPELESS : SL_GCS_NO_KEYS;
	if (!base)
		return -EKEYEXPIRED;
	err = take_keys(t, base);
	if (err)
		return err;
	sl_buf_wipe(&t->form);
	err = sl_gcs_keys_form(t->keys, server_now(t) / 1000, &t->form,
			       &c->error);
	if (err)
		return err;
	t->form_vec = (struct iovec){ t->form.data, t->form.len };
	req->method = "POST";
	req->body = &t->form_vec;
	req->body_count = 1;
	req->body_len = t->form.len;
	req->max_response = MAX_ANSWER;
	sl_buf_puts(&req->url, sl_gcs_keys_uri(t->keys));
	return sl_buf_puts(&req->headers, "Accept: application/json\n"
			   "Content-Type: application/x-www-form-urlencoded\n");
}

/* True: the clock that signed was wrong, and is right now. */
static bool note_clock(struct sl_gcs_tokens *t,
		       const struct sl_http_response *r)
{
	int64_t off = server_now(t) - r->date_ms;

	if (!r->date_ms)
		return false;
	SL_LOCK_SCOPE(&t->lock);
	t->offset_ms = r->date_ms - sl_wall_ms(t->clock);
	t->offset_known = true;
	return off > SKEW_MS || off < -SKEW_MS;
}

static enum sl_verdict take_token(struct sl_gcs_tokens *t,
				  const struct sl_gcs_answer *a)
{
	int64_t now = server_now(t);

	sl_cred_unref(t->fresh);
	t->fresh = sl_cred_new(SL_CRED_GCS, 0, NULL, NULL, a->token);
	if (!t->fresh) {
		sl_error_set(&t->call.error, ENOMEM, "out of memory");
		return SL_V_RETRY;
	}
	t->fresh->expires_ms = now + a->life_s * 1000;
	t->fresh_life_ms = a->life_s * 1000;
	t->asked_generation = 0;
	t->outcome = SL_GCS_GOT_TOKEN;
	sl_cred_worked(t->base, t->keys_generation);
	return SL_V_OK;
}

/* The migration is asked first; then they have a minute. */
static enum sl_verdict keys_refused(struct sl_gcs_tokens *t, bool clock_wrong)
{
	int64_t now = sl_gcs_token_now(t);

	if (clock_wrong && !t->clock_fixed) {
		t->clock_fixed = true;
		return SL_V_WRONG_REGION; /* that is: again at once */
	}
	if (t->asked_generation != t->keys_generation) {
		t->asked_generation = t->keys_generation;
		t->refused_since_ms = now;
		t->outcome = SL_GCS_KEYS_REFUSED;
		return SL_V_FATAL;
	}
	if (now - t->refused_since_ms < REFUSED_FOR_MS)
		return SL_V_RETRY;
	t->asked_generation = 0;
	return SL_V_FATAL;
}

static void fill_error(struct sl_gcs_tokens *t,
		       const struct sl_http_response *r,
		       const struct sl_gcs_answer *a, int errnum)
{
	struct sl_error *e = &t->call.error;

	e->http_status = r->status;
	snprintf(e->code, sizeof(e->code), "%s", a->error);
	sl_error_set(e, errnum, errnum == EKEYEXPIRED ?
		     "Google refuses the credentials (%d%s%s%s%s)" :
		     "Google gives no access token now (%d%s%s%s%s)",
		     r->status, a->error[0] ? " " : "", a->error,
		     a->text[0] ? ": " : "", a->text);
}

static enum sl_verdict judge_answer(struct sl_gcs_tokens *t,
				    const struct sl_http_response *r,
				    struct sl_gcs_answer *a)
{
	bool clock_wrong = note_clock(t, r);
	enum sl_gcs_told told = sl_gcs_answer_read(r->status, r->body.data,
						   r->body.len, a);

	if (told == SL_GCS_TOLD_TOKEN && !r->truncated)
		return take_token(t, a);
	if (told == SL_GCS_TOLD_KEYS) {
		fill_error(t, r, a, EKEYEXPIRED);
		return keys_refused(t, clock_wrong);
	}
	fill_error(t, r, a, ETIMEDOUT);
	return r->status == 429 || r->status == 503 ? SL_V_THROTTLE :
						      SL_V_RETRY;
}

static enum sl_verdict judge_transport(struct sl_gcs_tokens *t,
				       const struct sl_http_response *r)
{
	bool hopeless = sl_http_hopeless(r);

	sl_error_set(&t->call.error, hopeless ? EIO : ETIMEDOUT,
		     "Google gives no access token: %s", r->curl_text);
	return hopeless ? SL_V_FATAL : SL_V_RETRY;
}

static void note_trouble(struct sl_gcs_tokens *t)
{
	SL_LOCK_SCOPE(&t->lock);
	t->trouble = t->call.error;
}

static enum sl_verdict judge(struct sl_http_call *c,
			     const struct sl_http_response *r,
			     const struct sl_cred *cred)
{
	struct sl_gcs_tokens *t =
		sl_container_of(c, struct sl_gcs_tokens, call);
	struct sl_gcs_answer a = { .token = NULL };
	enum sl_verdict v;

	(void)cred; /* as in prepare() */
	t->outcome = SL_GCS_HOPELESS;
	v = r->curl_code ? judge_transport(t, r) : judge_answer(t, r, &a);
	sl_gcs_answer_release(&a);
	if (v != SL_V_OK)
		note_trouble(t);
	return v;
}

static void done(struct sl_http_call *c, int err)
{
	struct sl_gcs_tokens *t =
		sl_container_of(c, struct sl_gcs_tokens, call);

	sl_buf_wipe(&t->form);
	if (err == -ECANCELED)
		t->outcome = SL_GCS_CANCELLED;
	else if (err && t->outcome == SL_GCS_GOT_TOKEN)
		t->outcome = SL_GCS_HOPELESS;
	if (err && t->outcome == SL_GCS_HOPELESS)
		note_trouble(t);
	if (t->outcome != SL_GCS_GOT_TOKEN)
		sl_cred_unref(sl_steal(&t->fresh));
	sl_gcs_exchanged(t);
}

static const struct sl_http_call_ops ops = {
	.prepare = prepare,
	.judge = judge,
	.done = done,
};

void sl_gcs_exchange_locked(struct sl_gcs_tokens *t)
{
	t->state = SL_GCS_EXCHANGING;
	t->busy++;
	t->clock_fixed = false;
	t->call = (struct sl_http_call){
		.ops = &ops,
		.idempotent = true,
		.retry_for_ms = RETRY_FOR_MS,
	};
	sl_http_start(t->http, &t->call);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens live an hour, the keys that give them as long as the
 * migration says. This source stands between the two: requests refuse tokens
 * here, and what happens then is written in this table.
 *
 *   state       event                                   does -> state
 *   any         a newer token is here than was refused  let go
 *   IDLE        a token was refused                     exchange -> EXCHANGING
 *   IDLE        ... a young one, got for a refusal,     ask for keys -> ASKING
 *               or one that was answered 403
 *   IDLE        there are no keys                       ask for keys -> ASKING
 *   IDLE        get() at 75 % of its life, or with      exchange -> EXCHANGING
 *               keys that it did not come from
 *   ASKING      the migration: others, or the same      exchange -> EXCHANGING
 *   ASKING      ... the same, for a 403                 let go -> IDLE
 *   ASKING      the migration: -EKEYEXPIRED, -EROFS     pass on -> IDLE
 *   EXCHANGING  a token                                 let go -> IDLE
 *   EXCHANGING  no keys, or they are refused            ask for keys -> ASKING
 *   EXCHANGING  ... still, a minute after the same      -EKEYEXPIRED -> IDLE
 *               keys were confirmed
 *
 * So many refusals cause one exchange, a revoked key causes one question, and
 * neither spins: the client bounds how often one request may refuse, and the
 * exchange backs off while the migration insists on keys that are refused.
 * Passing trouble is retried inside the exchange for as long as it takes; who
 * waits has a deadline of his own. While a token is renewed the old one goes
 * on serving to its end.
 *
 * Threads and locks. t->lock guards the states; it is taken before the HTTP
 * client's and the base's lock, and calls into both are made with it held
 * (neither calls back inside). ready() runs without it, on an I/O thread or
 * the base's. One thread delivers at a time, another leaves its waiters to
 * it; so that cancel() can promise that ready() is not running when it
 * returns, it waits for the one that is being delivered, except on the
 * delivering thread itself. A refusal that is answered already gets its
 * thread by a call that sends nothing (the kick).
 */
#include <errno.h>
#include <string.h>

#include "backends/gcs/token_internal.h"

/* A token refused sooner than this, or than half its life, is young. */
#define YOUNG_MS 60000
/* Between failures that nobody waits for. */
#define HOLD_OFF_MS 10000

static struct sl_gcs_tokens *tokens_of(struct sl_cred_source *s)
{
	return sl_container_of(s, struct sl_gcs_tokens, source);
}

int64_t sl_gcs_token_now(struct sl_gcs_tokens *t)
{
	return sl_mono_ms(t->clock);
}

static bool unlink_wait(struct sl_cred_wait **list, struct sl_cred_wait *w)
{
	for (; *list; list = &(*list)->next) {
		if (*list == w) {
			*list = w->next;
			return true;
		}
	}
	return false;
}

static void let_go_locked(struct sl_gcs_tokens *t, struct sl_cred_wait *w,
			  int err) SL_REQUIRES(t->lock)
{
	w->generation = (uint64_t)-err;
	w->next = t->ending;
	t->ending = w;
}

/* Whatever was under way is over: everybody hears of it. */
static void end_locked(struct sl_gcs_tokens *t, int err) SL_REQUIRES(t->lock)
{
	struct sl_cred_wait *w;

	t->state = SL_GCS_IDLE;
	t->doubted = t->for_rights = false;
	while ((w = t->waiting)) {
		t->waiting = w->next;
		let_go_locked(t, w, err);
	}
}

static void deliver(struct sl_gcs_tokens *t) SL_EXCLUDES(t->lock)
{
	struct sl_cred_wait *w;

	sl_mutex_lock(&t->lock);
	if (t->delivering) {
		sl_mutex_unlock(&t->lock);
		return;
	}
	t->delivering = true;
	while ((w = t->ending)) {
		int err = -(int)w->generation;

		t->ending = w->next;
		t->now = w;
		t->now_thread = pthread_self();
		sl_mutex_unlock(&t->lock);
		w->ready(w, err);
		sl_mutex_lock(&t->lock);
		t->now = NULL;
		sl_cond_broadcast(&t->changed);
	}
	t->delivering = false;
	sl_cond_broadcast(&t->changed);
	sl_mutex_unlock(&t->lock);
}

static void ends(struct sl_gcs_tokens *t)
{
	SL_LOCK_SCOPE(&t->lock);
	t->busy--;
	sl_cond_broadcast(&t->changed);
}

static int kick_prepare(struct sl_http_call *c, struct sl_http_request *req,
			const struct sl_cred *cred)
{
	(void)c;
	(void)req;
	(void)cred; /* nothing is sent */
	return -ECANCELED;
}

static void kick_done(struct sl_http_call *c, int err)
{
	struct sl_gcs_tokens *t =
		sl_container_of(c, struct sl_gcs_tokens, kick);

	(void)err; /* there was nothing that could succeed */
	sl_mutex_lock(&t->lock);
	t->kicked = false;
	sl_mutex_unlock(&t->lock);
	deliver(t);
	ends(t);
}

static const struct sl_http_call_ops kick_ops = {
	.prepare = kick_prepare,
	.done = kick_done,
};

static void kick_locked(struct sl_gcs_tokens *t) SL_REQUIRES(t->lock)
{
	if (t->kicked)
		return;
	t->kicked = true;
	t->busy++;
	t->kick = (struct sl_http_call){ .ops = &kick_ops };
	sl_http_start(t->http, &t->kick);
}

static uint64_t base_generation(struct sl_gcs_tokens *t)
{
	SL_CLEANUP(cred) struct sl_cred *c = sl_cred_get(t->base);

	return c ? c->generation : 0;
}

static void drop_token_locked(struct sl_gcs_tokens *t) SL_REQUIRES(t->lock)
{
	sl_cred_unref(t->cur);
	t->cur = NULL;
}

static bool alive_locked(const struct sl_gcs_tokens *t, int64_t now)
	SL_REQUIRES(t->lock)
{
	return t->cur && now < t->end_ms;
}

static void on_base(struct sl_cred_wait *w, int err)
{
	struct sl_gcs_tokens *t =
		sl_container_of(w, struct sl_gcs_tokens, base_wait);
	uint64_t keys = base_generation(t);

	sl_mutex_lock(&t->lock);
	if (t->closing)
		end_locked(t, -ECANCELED);
	else if (err)
		end_locked(t, err);
	else if (t->for_rights && keys == t->base_generation &&
		 alive_locked(t, sl_gcs_token_now(t)))
		end_locked(t, 0);
	else
		sl_gcs_exchange_locked(t);
	sl_mutex_unlock(&t->lock);
	deliver(t);
}

static void ask_base_locked(struct sl_gcs_tokens *t, uint64_t generation)
	SL_REQUIRES(t->lock)
{
	t->state = SL_GCS_ASKING;
	t->base_wait = (struct sl_cred_wait){ .ready = on_base };
	sl_cred_refused(t->base, generation, &t->base_wait);
}

static void install_locked(struct sl_gcs_tokens *t) SL_REQUIRES(t->lock)
{
	int64_t now = sl_gcs_token_now(t);

	sl_cred_unref(t->cur);
	t->cur = sl_steal(&t->fresh);
	t->cur->generation = ++t->generation;
	t->base_generation = t->keys_generation;
	t->obtained_ms = now;
	t->renew_ms = now + t->fresh_life_ms / 4 * 3;
	t->end_ms = now + t->fresh_life_ms;
	t->not_before_ms = 0;
	t->second = t->doubted;
	sl_error_clear(&t->trouble);
	end_locked(t, 0);
}

static void failed_locked(struct sl_gcs_tokens *t, int err)
	SL_REQUIRES(t->lock)
{
	t->not_before_ms = sl_gcs_token_now(t) + HOLD_OFF_MS;
	end_locked(t, err);
}

void sl_gcs_exchanged(struct sl_gcs_tokens *t)
{
	sl_mutex_lock(&t->lock);
	if (t->outcome == SL_GCS_GOT_TOKEN)
		install_locked(t);
	else if (t->closing || t->outcome == SL_GCS_CANCELLED)
		end_locked(t, -ECANCELED);
	else if (t->outcome == SL_GCS_NO_KEYS)
		ask_base_locked(t, 0);
	else if (t->outcome == SL_GCS_KEYS_REFUSED)
		ask_base_locked(t, t->keys_generation);
	else
		failed_locked(t, -EKEYEXPIRED);
	sl_mutex_unlock(&t->lock);
	deliver(t);
	ends(t);
}

/* Nobody need refuse a token that is at its end, or of keys that went. */
static void renew_if_due_locked(struct sl_gcs_tokens *t, uint64_t keys)
	SL_REQUIRES(t->lock)
{
	int64_t now = sl_gcs_token_now(t);

	if (t->state != SL_GCS_IDLE || t->closing || now < t->not_before_ms)
		return;
	if (!t->cur || now >= t->renew_ms || keys != t->base_generation)
		sl_gcs_exchange_locked(t);
}

static struct sl_cred *op_get(struct sl_cred_source *s)
{
	struct sl_gcs_tokens *t = tokens_of(s);
	uint64_t keys = base_generation(t);

	SL_LOCK_SCOPE(&t->lock);
	if (!keys) {
		drop_token_locked(t);
		return NULL;
	}
	renew_if_due_locked(t, keys);
	return alive_locked(t, sl_gcs_token_now(t)) ? sl_cred_ref(t->cur) :
						      NULL;
}

static bool young_locked(const struct sl_gcs_tokens *t) SL_REQUIRES(t->lock)
{
	int64_t half = (t->end_ms - t->obtained_ms) / 2;

	return sl_mono_ms(t->clock) - t->obtained_ms <
	       (half < YOUNG_MS ? half : YOUNG_MS);
}

static void begin_locked(struct sl_gcs_tokens *t, uint64_t keys)
	SL_REQUIRES(t->lock)
{
	bool young = t->cur && young_locked(t);

	t->doubted = young;
	t->for_rights = t->cur && t->forbidden == t->generation;
	if (!keys)
		ask_base_locked(t, 0);
	else if (t->for_rights || (young && t->second))
		ask_base_locked(t, t->base_generation);
	else
		sl_gcs_exchange_locked(t);
}

static void op_refused(struct sl_cred_source *s, uint64_t generation,
		       struct sl_cred_wait *w)
{
	struct sl_gcs_tokens *t = tokens_of(s);
	uint64_t keys = base_generation(t);
	bool newer;

	SL_LOCK_SCOPE(&t->lock);
	newer = keys && generation < t->generation &&
		alive_locked(t, sl_gcs_token_now(t));
	if (t->closing || newer) {
		let_go_locked(t, w, t->closing ? -ECANCELED : 0);
		kick_locked(t);
		return;
	}
	w->next = t->waiting;
	t->waiting = w;
	if (t->state == SL_GCS_IDLE)
		begin_locked(t, keys);
}

static void op_cancel(struct sl_cred_source *s, struct sl_cred_wait *w)
{
	struct sl_gcs_tokens *t = tokens_of(s);

	SL_LOCK_SCOPE(&t->lock);
	if (unlink_wait(&t->waiting, w) || unlink_wait(&t->ending, w))
		return;
	while (t->now == w && !pthread_equal(t->now_thread, pthread_self()))
		sl_cond_wait(&t->changed, &t->lock);
}

static int64_t op_offset(struct sl_cred_source *s)
{
	struct sl_gcs_tokens *t = tokens_of(s);

	return t->base->ops->offset_ms(t->base);
}

/* A migration that is over makes good tokens worthless as well. */
static int op_over(struct sl_cred_source *s)
{
	return sl_cred_over(tokens_of(s)->base);
}

static const struct sl_cred_source_ops source_ops = {
	.get = op_get,
	.refused = op_refused,
	.cancel = op_cancel,
	.offset_ms = op_offset,
	.over = op_over,
};

int sl_gcs_tokens_new(struct sl_http *http, struct sl_cred_source *base,
		      const struct sl_clock *clock, struct sl_gcs_tokens **ret)
{
	struct sl_gcs_tokens *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->source.ops = &source_ops;
	t->http = http;
	t->base = base;
	t->clock = clock;
	sl_mutex_init(&t->lock);
	sl_cond_init(&t->changed);
	sl_buf_init(&t->form, 32768);
	*ret = t;
	return 0;
}

static void stop(struct sl_gcs_tokens *t)
{
	sl_mutex_lock(&t->lock);
	t->closing = true;
	if (t->state == SL_GCS_EXCHANGING)
		sl_http_cancel(t->http, &t->call);
	sl_mutex_unlock(&t->lock);
	/* Not with the lock held: it waits for on_base(). */
	sl_cred_cancel(t->base, &t->base_wait);
	sl_mutex_lock(&t->lock);
	while (t->busy || t->delivering)
		sl_cond_wait(&t->changed, &t->lock);
	sl_mutex_unlock(&t->lock);
}

void sl_gcs_tokens_free(struct sl_gcs_tokens *t)
{
	if (!t)
		return;
	stop(t);
	sl_cred_unref(t->cur);
	sl_gcs_keys_free(t->keys);
	sl_buf_wipe(&t->form);
	sl_cond_release(&t->changed);
	sl_mutex_release(&t->lock);
	free(t);
}

struct sl_cred_source *sl_gcs_tokens_source(struct sl_gcs_tokens *t)
{
	return &t->source;
}

void sl_gcs_tokens_forbidden(struct sl_gcs_tokens *t, uint64_t generation)
{
	SL_LOCK_SCOPE(&t->lock);
	t->forbidden = generation;
}

bool sl_gcs_tokens_trouble(struct sl_gcs_tokens *t, struct sl_error *ret)
{
	SL_LOCK_SCOPE(&t->lock);
	if (!t->trouble.errnum)
		return false;
	*ret = t->trouble;
	return true;
}

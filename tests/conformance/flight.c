/* SPDX-License-Identifier: Apache-2.0 */
/* Many ops at once: in flight, cancelled, and cut off by close. */
#include "conf.h"

#include "crc.h"

#define MANY 64
#define BODY ((size_t)50000)

void sl_conf_flight_init(struct flight *f)
{
	sl_mutex_init(&f->lock);
	sl_cond_init(&f->landed);
	f->out = f->repeated = 0;
}

static void landed(struct sl_op *op)
{
	struct flight_op *o = sl_container_of(op, struct flight_op, op);
	struct flight *f = o->f;

	SL_LOCK_SCOPE(&f->lock);
	if (o->done++)
		f->repeated++;
	f->out--;
	sl_cond_signal(&f->landed);
}

void sl_conf_flight_start(struct ctx *c, struct flight *f,
			  struct flight_op *o,
			  void (*start)(struct sl_backend *, struct sl_op *))
{
	o->f = f;
	o->done = 0;
	o->op.done = landed;
	sl_mutex_lock(&f->lock);
	f->out++;
	/* With the lock held: done() must not run inside the wrapper. */
	start(c->b, &o->op);
	sl_mutex_unlock(&f->lock);
}

void sl_conf_flight_wait(struct flight *f, int left)
{
	SL_LOCK_SCOPE(&f->lock);
	while (f->out > left)
		sl_cond_wait(&f->landed, &f->lock);
}

void sl_conf_put_op(struct ctx *c, struct flight_op *o, const char *key,
		    const void *p, size_t n)
{
	*o = (struct flight_op){ .op = { .key = key, .size = n,
					 .crc32 = sl_crc32(0, p, n),
					 .sum = sl_conf_sum(c, p, n),
					 .retry_for_ms = -1 } };
	/* An iovec cannot say const; a store only reads it. */
	memcpy(&o->iov.iov_base, &p, sizeof(p));
	o->iov.iov_len = n;
	o->op.body = &o->iov;
	o->op.body_count = n ? 1 : 0;
}

struct fleet {
	struct flight f;
	struct flight_op ops[MANY];
	char *keys[MANY];
	char *data[MANY];
};

static struct fleet *fleet_new(struct ctx *c)
{
	struct fleet *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	sl_conf_flight_init(&t->f);
	for (int i = 0; i < MANY; i++) {
		t->keys[i] = strdup(sl_conf_key(c, "d%d/o%02d", i % 7, i));
		t->data[i] = sl_conf_bytes(BODY, (uint32_t)i + 100);
		sl_conf_put_op(c, &t->ops[i], t->keys[i], t->data[i], BODY);
	}
	return t;
}

static void sl_cleanup_fleet(struct fleet **pp)
{
	for (int i = 0; i < MANY; i++) {
		free((*pp)->keys[i]);
		free((*pp)->data[i]);
	}
	free(*pp);
}

static void launch(struct ctx *c, struct fleet *t,
		   void (*start)(struct sl_backend *, struct sl_op *))
{
	for (int i = 0; i < MANY; i++)
		sl_conf_flight_start(c, &t->f, &t->ops[i], start);
}

static int concurrent_put(struct ctx *c)
{
	SL_CLEANUP(fleet) struct fleet *t = fleet_new(c);

	launch(c, t, sl_backend_put);
	sl_conf_flight_wait(&t->f, 0);
	EXPECT(t->f.repeated == 0);
	for (int i = 0; i < MANY; i++)
		EXPECT_ERR(t->ops[i].op.err, 0);
	for (int i = 0; i < MANY; i++)
		TRY(sl_conf_is(c, t->keys[i], t->data[i], BODY));
	return 0;
}

static int concurrent_remove(struct ctx *c)
{
	SL_CLEANUP(fleet) struct fleet *t = fleet_new(c);
	SL_CLEANUP(buf) struct sl_buf left = SL_BUF_INIT(1 << 20);

	/* Twice, so that directories come and go below one another. */
	for (int round = 0; round < 2; round++) {
		launch(c, t, sl_backend_put);
		sl_conf_flight_wait(&t->f, 0);
		for (int i = 0; i < MANY; i++)
			EXPECT_ERR(t->ops[i].op.err, 0);
		launch(c, t, sl_backend_remove);
		sl_conf_flight_wait(&t->f, 0);
		for (int i = 0; i < MANY; i++)
			EXPECT_ERR(t->ops[i].op.err, 0);
	}
	EXPECT_ERR(sl_conf_do_list(c, c->dir, true, &left), 0);
	EXPECT(left.len == 0);
	return 0;
}

/* Puts and removes of neighbours at the same time. */
static int concurrent_mixed(struct ctx *c)
{
	SL_CLEANUP(fleet) struct fleet *t = fleet_new(c);

	launch(c, t, sl_backend_put);
	sl_conf_flight_wait(&t->f, 0);
	for (int i = 0; i < MANY; i++)
		sl_conf_flight_start(c, &t->f, &t->ops[i],
				     i % 2 ? sl_backend_remove
					   : sl_backend_put);
	sl_conf_flight_wait(&t->f, 0);
	for (int i = 0; i < MANY; i++) {
		EXPECT_ERR(t->ops[i].op.err, 0);
		if (i % 2)
			TRY(sl_conf_absent(c, t->keys[i]));
		else
			TRY(sl_conf_is(c, t->keys[i], t->data[i], BODY));
	}
	return 0;
}

static int cancel(struct ctx *c)
{
	SL_CLEANUP(fleet) struct fleet *t = fleet_new(c);
	int done = 0;

	launch(c, t, sl_backend_put);
	for (int i = 0; i < MANY; i += 2) {
		bool flying;

		sl_mutex_lock(&t->f.lock);
		flying = !t->ops[i].done;
		sl_mutex_unlock(&t->f.lock);
		if (flying)
			sl_backend_cancel(c->b, &t->ops[i].op);
	}
	sl_conf_flight_wait(&t->f, 0);
	EXPECT(t->f.repeated == 0);
	for (int i = 0; i < MANY; i++) {
		int err = t->ops[i].op.err;

		EXPECT(err == 0 || (err == -ECANCELED && i % 2 == 0));
		if (!err)
			TRY(sl_conf_is(c, t->keys[i], t->data[i], BODY));
		done += !err;
	}
	EXPECT(done >= MANY / 2);
	return 0;
}

static int close_in_flight(struct ctx *c)
{
	SL_CLEANUP(fleet) struct fleet *t = fleet_new(c);
	struct ctx other = *c;
	struct sl_error e = { 0 };

	EXPECT_ERR(sl_backend_open(c->cfg, &other.b, &e), 0);
	launch(&other, t, sl_backend_put);
	sl_backend_close(other.b);
	EXPECT(t->f.out == 0);
	EXPECT(t->f.repeated == 0);
	for (int i = 0; i < MANY; i++) {
		int err = t->ops[i].op.err;

		EXPECT(err == 0 || err == -ECANCELED);
		if (!err)
			TRY(sl_conf_is(c, t->keys[i], t->data[i], BODY));
	}
	return 0;
}

static const struct conf_case cases[] = {
	{ "concurrent_put", 0, concurrent_put },
	{ "concurrent_remove", SL_CAP_LIST | SL_CAP_REMOVE,
	  concurrent_remove },
	{ "concurrent_mixed", SL_CAP_READ | SL_CAP_REMOVE, concurrent_mixed },
	{ "cancel", 0, cancel },
	{ "close_in_flight", 0, close_in_flight },
};
const struct conf_table sl_conf_flight = {
	.cases = cases,
	.count = SL_ARRAY_LEN(cases),
};

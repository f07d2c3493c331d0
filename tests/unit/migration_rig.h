/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration's rig for tests: a service with a state that the test sets, a
 * clock that the test moves, and waits that a test can look at.
 */
#ifndef MIGRATION_RIG_H
#define MIGRATION_RIG_H

#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "fake_http.h"
#include "migration/devops.h"
#include "migration/migration.h"

#define ID "272eac1d-df8e-4d1b-a7c6-71d5af232182"
#define ID2 "11111111-df8e-4d1b-a7c6-71d5af232182"
#define DB "b7e7761f-6f7f-4116-81a5-e8eefcf0cc1d"
#define EPOCH 1750000000000LL
#define SERVER_AHEAD 3600000LL

/* The clock: milliseconds; and how often the actor has looked at it. */
static int64_t now_ms;
static unsigned looks;
static pthread_t test_thread;

static int64_t mono(const struct sl_clock *c)
{
	int64_t ms = __atomic_load_n(&now_ms, __ATOMIC_SEQ_CST);

	if (c && !pthread_equal(pthread_self(), test_thread))
		__atomic_add_fetch(&looks, 1, __ATOMIC_SEQ_CST);
	return ms;
}

static int64_t wall(const struct sl_clock *c)
{
	(void)c;
	return EPOCH + mono(NULL);
}

static const struct sl_clock rig_clock = { .mono_ms = mono,
					   .wall_ms = wall };

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 500000 };

	(void)nanosleep(&ts, NULL); /* a shorter one does no harm */
}

/* The actor has gone round with what is there now. */
static void settle(void)
{
	for (int i = 0; i < 2; i++) {
		unsigned before = __atomic_load_n(&looks, __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&looks, __ATOMIC_SEQ_CST) - before < 2)
			nap();
		while (!fake_idle())
			nap();
	}
}

/* Moves the clock in steps, so that timers between come in order. */
static void advance(int64_t ms)
{
	for (int64_t step; ms > 0; ms -= step) {
		step = ms < 250 ? ms : 250;
		__atomic_add_fetch(&now_ms, step, __ATOMIC_SEQ_CST);
		settle();
	}
}

/* The service. */
static struct {
	struct sl_mutex lock;
	char id[37];
	char status[64];
	int64_t key;	/* in the present keys */
	bool mint;	/* other keys at every request */
	int64_t life;	/* of keys, ms */
	int64_t expires; /* when not minting; server time */
	int http;	/* nonzero: answer to GET */
	int post_http;	/* answer to POST; 0: 200 */
	bool post_lost; /* acted upon, answer cut */
	bool post_hold;
	const char *after_post; /* status then; NULL: as it is */
	int64_t ahead;	/* of the service's clock */
	bool no_keys;	/* although ReceivingFiles */
	int64_t cleanup; /* server time; 0: none is told */
	int64_t cleanup_old; /* what is told until ... */
	int64_t cleanup_lag; /* ... our clock reads that */
	int64_t lag;	/* how long a date set is not told */
	int cleanup_http; /* answer to POST cleanup; 0: as post_http */
	bool cleanup_mute; /* ... without a status in it */
	int gets, posts, launches, cleanups;
	char last_post[512];
	char date[80], keys[160];
	char body[2048];
} srv = { .lock = SL_MUTEX_INIT };

static void write_cleanup(void)
{
	char when[40];
	int64_t told = mono(NULL) < srv.cleanup_lag ? srv.cleanup_old :
						      srv.cleanup;

	srv.date[0] = '\0';
	if (told)
		snprintf(srv.date, sizeof(srv.date),
			 ",\"expectedCleanupTime\":\"%s\"",
			 sl_time_format(when, sizeof(when), told));
}

static void write_keys(void)
{
	snprintf(srv.keys, sizeof(srv.keys), "{\"accessKeyID\":\"ASIA\","
		 "\"secretAccessKey\":\"key%lld\",\"sessionToken\":"
		 "\"tok\"}", (long long)srv.key);
	if (srv.no_keys)
		strcpy(srv.keys, "null");
}

static void write_status(void)
{
	char when[40];

	if (srv.mint) {
		srv.key++;
		srv.expires = EPOCH + mono(NULL) + srv.ahead + srv.life;
	}
	sl_time_format(when, sizeof(when), srv.expires);
	write_cleanup();
	write_keys();
	snprintf(srv.body, sizeof(srv.body),
		 "{\"migrationID\":\"%s\",\"dbID\":\"" DB "\",\"status\":"
		 "\"%s\",\"progressInfo\":\"\",\"uploadBucketDir\":\"%s\","
		 "\"uploadCredentials\":{\"name\":\"sessionToken\",\"keys\":"
		 "%s,\"credentialExpiration\":\"%s\"}%s}",
		 srv.id, srv.status,
		 strcmp(srv.status, "ReceivingFiles") ? "" : "s3://b/x/",
		 srv.keys, when, srv.date);
}

/* The date moves at once, and is told when the lag is over. */
static void serve_cleanup(const char *url, struct fake_answer *a)
{
	const char *at = strstr(url, "cleanupTime=");
	int64_t ms;

	srv.cleanups++;
	if (srv.cleanup_http)
		a->status = srv.cleanup_http;
	if (!at || a->status != 200 ||
	    sl_time_parse(at + strlen("cleanupTime="), &ms))
		return;
	srv.cleanup_old = srv.cleanup;
	srv.cleanup_lag = mono(NULL) + srv.lag;
	srv.cleanup = ms;
	write_status();
	if (!srv.cleanup_mute)
		a->body = srv.body;
}

static void serve_post(const char *url, struct fake_answer *a)
{
	srv.posts++;
	srv.launches += strstr(url, "/launch") != NULL;
	snprintf(srv.last_post, sizeof(srv.last_post), "%s",
		 strrchr(url, '/'));
	a->hold = srv.post_hold;
	a->status = srv.post_http ? srv.post_http : 200;
	if (srv.after_post && a->status == 200)
		snprintf(srv.status, sizeof(srv.status), "%s",
			 srv.after_post);
	if (strstr(url, "/initialize"))
		a->body = srv.body;
	if (strstr(url, "/cleanup?"))
		serve_cleanup(url, a);
	if (srv.post_lost) {
		a->curl_code = 56;
		a->sent_all = true;
	}
}

static void serve(const char *method, const char *url, struct fake_answer *a)
{
	SL_LOCK_SCOPE(&srv.lock);
	write_status();
	a->date_ms = EPOCH + mono(NULL) + srv.ahead;
	if (!strcmp(method, "POST")) {
		serve_post(url, a);
		return;
	}
	srv.gets++;
	a->status = srv.http ? srv.http : 200;
	a->body = srv.http ? "" : srv.body;
	if (srv.http == 1)
		a->curl_code = 7;
	if (!srv.http && !strstr(url, srv.id))
		a->status = 404;
}

#define SRV_SET(field, value) \
	do { \
		SL_LOCK_SCOPE(&srv.lock); \
		srv.field = (value); \
	} while (0)

__attribute__((unused)) static void srv_status(const char *s)
{
	SL_LOCK_SCOPE(&srv.lock);
	snprintf(srv.status, sizeof(srv.status), "%s", s);
}

static int srv_gets(void)
{
	SL_LOCK_SCOPE(&srv.lock);
	return srv.gets;
}

__attribute__((unused)) static int srv_posts(void)
{
	SL_LOCK_SCOPE(&srv.lock);
	return srv.posts;
}

__attribute__((unused)) static int srv_launches(void)
{
	SL_LOCK_SCOPE(&srv.lock);
	return srv.launches;
}

/* The test's end of waits. */
struct waiter {
	struct sl_wait w;
	struct sl_cred_wait c;
	int calls;
	int err;
};

__attribute__((unused)) static void wait_done(struct sl_wait *w, int err)
{
	struct waiter *me = sl_container_of(w, struct waiter, w);

	__atomic_store_n(&me->err, err, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&me->calls, 1, __ATOMIC_SEQ_CST);
}

__attribute__((unused)) static void cred_ready(struct sl_cred_wait *w, int err)
{
	struct waiter *me = sl_container_of(w, struct waiter, c);

	__atomic_store_n(&me->err, err, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&me->calls, 1, __ATOMIC_SEQ_CST);
}

static bool is_done(struct waiter *w)
{
	return __atomic_load_n(&w->calls, __ATOMIC_SEQ_CST) > 0;
}

/* Moves the clock until 'cond' holds; a minute of naps is for ever. */
#define UNTIL(cond) \
	do { \
		int tries_ = 0; \
		while (!(cond)) { \
			assert_true(tries_++ < 5000); \
			advance(100); \
		} \
	} while (0)

/* The same with the clock standing still. */
#define UNTIL_NOW(cond) \
	do { \
		int tries_ = 0; \
		while (!(cond)) { \
			assert_true(tries_++ < 5000); \
			nap(); \
		} \
	} while (0)

static struct {
	struct sl_migration *m;
	struct sl_cred_source *src;
	int changes, events;
	bool leave; /* keep=off */
	struct sl_mutex lock; /* of what follows */
	char said[2048]; /* the events' texts */
} rig;

__attribute__((unused)) static bool was_said(const char *text)
{
	SL_LOCK_SCOPE(&rig.lock);
	return strstr(rig.said, text) != NULL;
}

static void on_changed(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&rig.changes, 1, __ATOMIC_SEQ_CST);
}

static void on_event(void *arg, int errnum, const char *text)
{
	(void)arg;
	(void)errnum;
	assert_null(strstr(text, "abcdefgh"));
	sl_mutex_lock(&rig.lock);
	if (strlen(rig.said) + strlen(text) + 2 < sizeof(rig.said))
		strcat(strcat(rig.said, text), "\n");
	sl_mutex_unlock(&rig.lock);
	__atomic_add_fetch(&rig.events, 1, __ATOMIC_SEQ_CST);
}

static void rig_start(const char *id)
{
	const struct sl_migration_config cfg = {
		.api_url = "https://api.example.com",
		.token = FAKE_TOKEN,
		.db_id = DB,
		.migration_id = id,
		.clock = &rig_clock,
		.keep = !rig.leave,
		.changed = on_changed,
		.event = on_event,
	};
	struct sl_error e = { 0 };

	assert_int_equal(sl_migration_new(&cfg, &rig.m, &e), 0);
	rig.src = sl_migration_creds(rig.m);
}

static void rig_stop(void)
{
	sl_migration_free(rig.m);
	rig.m = NULL;
}

static int rig_setup(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof(rig));
	sl_mutex_init(&rig.lock);
	now_ms = 1000000;
	test_thread = pthread_self();
	memset((char *)&srv + sizeof(srv.lock), 0,
	       sizeof(srv) - sizeof(srv.lock));
	strcpy(srv.id, ID);
	strcpy(srv.status, "ReceivingFiles");
	srv.life = 3600000;
	srv.ahead = SERVER_AHEAD;
	srv.expires = EPOCH + now_ms + SERVER_AHEAD + srv.life;
	fake_respond = serve;
	fake_begin();
	return 0;
}

static int rig_teardown(void **state)
{
	(void)state;
	rig_stop();
	fake_end();
	return 0;
}

static struct sl_migration_view view(void)
{
	struct sl_migration_view v;

	assert_int_equal(sl_migration_get(rig.m, &v), 0);
	return v;
}

__attribute__((unused)) static bool life_is(enum sl_life l)
{
	struct sl_migration_view v = view();
	bool is = v.life == l;

	sl_migration_view_release(&v);
	return is;
}

static uint64_t generation(void)
{
	struct sl_cred *c = sl_cred_get(rig.src);
	uint64_t g = c ? c->generation : 0;

	sl_cred_unref(c);
	return g;
}

/* Mounted on a migration that receives files. */
static void rig_receiving(void)
{
	rig_start(ID);
	UNTIL_NOW(generation() == 1);
}

/* A command carried out to its end; its error. */
__attribute__((unused)) static int command(enum sl_command c, const char *arg)
{
	struct waiter w = { .w.done = wait_done };
	struct sl_error e = { 0 };
	int r = sl_migration_command(rig.m, c, arg, &w.w, &e);

	if (r != SL_PARKED) {
		assert_int_equal(e.errnum, -r);
		return r;
	}
	UNTIL(is_done(&w));
	assert_int_equal(w.calls, 1);
	return w.err;
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

#endif

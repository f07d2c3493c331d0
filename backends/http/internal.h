/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of backends/http: the client, its I/O threads and one
 * attempt. The thread model is described at the head of io.c.
 */
#ifndef SL_HTTP_INTERNAL_H
#define SL_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/http/hedge.h"
#include "backends/http/pace.h"
#include "backends/http/quota.h"
#include "backends/http/retry.h"
#include "backends/http/slow.h"
#include "http.h"
#include "lock.h"

#define SL_HTTP_PRIORITIES 3
#define SL_HTTP_MAX_HEADERS (64 * 1024)

struct sl_http_ca {
	char *file; /* owned; NULL: libcurl's default */
	char *dir;
};

/* CA bundle and directory from the environment. -EIO when one is unusable. */
int sl_http_ca_init(struct sl_http_ca *ca, struct sl_error *e) SL_MUST_CHECK;
void sl_http_ca_release(struct sl_http_ca *ca);

struct sl_io;
struct sl_sock;

/* One easy handle with its request and response; reused, kept by a thread. */
struct sl_attempt {
	struct sl_attempt *next, *prev; /* in the thread's pool, or running */
	CURL *easy;
	struct curl_slist *headers;
	struct sl_http_request req;
	struct sl_http_response resp;
	struct sl_http_call *call; /* whose attempt this is */
	struct sl_call *owner;	   /* the thread's call record */
	int body_index;		   /* next byte to send */
	size_t body_offset;
	uint64_t body_pos;	   /* of the whole, what libcurl has */
	size_t body_max;
	int sink_err;		   /* what the sink ended the call with */
	bool overflow;		   /* more body than body_max */
	bool headers_end;	   /* the blank line after them came */
	bool all_read;		   /* libcurl has taken the whole body */
	bool any_sent;		   /* a request byte may have gone out */
	bool renew;		   /* a new connection, the name asked again */
	bool hedged;		   /* a second one was begun beside it */
	bool corked;		   /* its connection, at this local port */
	int port;
	uint64_t bytes_up;
	int64_t began_ms;	   /* by the machine's clock, as below */
	int64_t first_ms;	   /* its sink's first byte came; 0: none */
	struct sl_pace *pace;	   /* the client's */
	struct sl_pace_slot slot;
	bool held;		   /* paused since held_since_ms */
	int64_t held_since_ms, held_ms;
	struct sl_slow slow;
	char text[CURL_ERROR_SIZE];
};

struct sl_attempt *sl_attempt_new(void);
void sl_attempt_free(struct sl_attempt *a);
/* Empties request and response for the next call. */
void sl_attempt_clear(struct sl_attempt *a);
/* Sets the handle up for a->req. 0 or -ENOMEM, -EIO. */
int sl_attempt_setup(struct sl_attempt *a, struct sl_http *h);
/* How long the rate limit has held it back. */
int64_t sl_attempt_held(const struct sl_attempt *a, int64_t now_ms);
/* Takes over what came: fills a->resp after the transfer ended. */
void sl_attempt_collect(struct sl_attempt *a, CURLcode code);
/* cork.c: an attempt's sockets; false: out of memory. */
bool sl_cork_setup(struct sl_attempt *a);
/* Once the multi handle is gone. */
void sl_cork_end(struct sl_io *io);
/* After each turn of libcurl; and when an attempt ends. */
void sl_cork_turn(struct sl_io *io);
void sl_cork_pull(struct sl_io *io, struct sl_attempt *a);
/* What Retry-After or x-amz-retry-after ask; 0: nothing. */
int64_t sl_http_retry_after(const struct sl_http_response *r, int64_t wall_ms);

enum sl_call_state {
	SL_CALL_FRESH,	 /* in a queue of the client, bound to no thread */
	SL_CALL_READY,	 /* bound, wants a connection */
	SL_CALL_RUNNING, /* has one */
	SL_CALL_PARKED,	 /* until due_ms */
	SL_CALL_ASKING,	 /* until due_ms, then asks for credentials */
	SL_CALL_CREDS,	 /* waits for credentials */
};

/* The client's side of a sl_http_call: its impl. */
struct sl_call {
	struct sl_http_call *user;
	struct sl_http *http;
	struct sl_io *io;	  /* NULL while fresh */
	struct sl_call *next, *prev;
	enum sl_call_state state; /* SL_GUARDED_BY(http->lock) */
	bool cancelled;		  /* SL_GUARDED_BY(http->lock) */
	int64_t due_ms;
	int64_t floor_ms;	  /* PARKED: what the server asked for */
	struct sl_retry retry;
	struct sl_cred_wait wait;
	int cred_err;		  /* SL_GUARDED_BY(http->lock) */
	uint64_t generation;	  /* used by the last attempt */
	struct sl_cred *cred;	  /* of the running attempt */
	struct sl_attempt *attempt;
	struct sl_attempt *hedge; /* a second one under way; or NULL */
	struct sl_attempt *claimed; /* whose bytes the sink has */
	bool renew;		  /* the last attempt's connection was bad */
};

struct sl_call_list {
	struct sl_call *head, *tail;
};

struct sl_io {
	struct sl_http *http;
	pthread_t thread;
	bool started;
	CURLM *multi;
	struct sl_sock *socks;	   /* cork.c's; this thread's only */
	struct sl_attempt *pool;   /* this thread's only */
	struct sl_attempt *active; /* this thread's only: under way */
	int64_t watched_ms;	   /* this thread's only */
	struct sl_call_list calls; /* bound ones; http->lock */
	int quota;		   /* for any call */
	int reserve;		   /* more, for priority 0 only */
	int running;		   /* http->lock */
	int running_control;	   /* http->lock */
};

struct sl_http {
	struct sl_http_config cfg;
	struct sl_http_ca ca;
	char *user_agent;
	struct sl_mutex lock;
	bool stop;
	struct sl_call_list fresh[SL_HTTP_PRIORITIES];
	struct sl_http_call *oom;  /* chained through their impl */
	int total;		   /* calls known */
	int failing;
	uint64_t attempts;
	uint64_t bytes_up;
	struct sl_quota quota;	   /* lock */
	struct sl_hedge hedge;	   /* lock */
	uint64_t hedges;
	int64_t throttled_ms;	   /* when the store last asked to slow down */
	struct sl_pace pace;
	int io_count;
	struct sl_io *io;
};

void sl_call_list_add(struct sl_call_list *l, struct sl_call *c);
void sl_call_list_remove(struct sl_call_list *l, struct sl_call *c);

/* call.c; all on the thread that owns the call. */
int64_t sl_io_now(const struct sl_io *io);
/* Transfers take place in real time, whatever clock the retries follow. */
int64_t sl_real_us(void);
void sl_call_take_up(struct sl_io *io, struct sl_call *c, int cred_err);
void sl_call_transfer_ended(struct sl_io *io, CURL *easy, CURLcode code);
void sl_call_ask(struct sl_io *io, struct sl_call *c);
/* Starts an attempt into *slot; 0 or -errno. */
int sl_call_attempt(struct sl_io *io, struct sl_call *c, bool renew,
		    struct sl_attempt **slot) SL_MUST_CHECK;
/* Ends one that nobody waits for any more; what it sent is counted. */
void sl_call_forget(struct sl_io *io, struct sl_attempt *a);
/* Ends a call in whatever state it is. */
void sl_call_drop(struct sl_io *io, struct sl_call *c, int err);

/* account.c: what an attempt's end means for all. */
void sl_account(struct sl_io *io, const struct sl_attempt *a,
		enum sl_verdict v);
void sl_account_lost(struct sl_io *io, const struct sl_attempt *a, int err);
/* May this parked call go on now, within the retry budget? */
bool sl_may_retry_locked(struct sl_http *h, const struct sl_call *c,
			 int64_t now_ms) SL_REQUIRES(h->lock);

/*
 * watch.c: looks after what is under way; ms until it wants to again. To be
 * called in every turn of the loop.
 */
int sl_watch(struct sl_io *io);
/* The second attempt's connection is free again. */
void sl_hedge_release(struct sl_io *io);

/* The thread's main function; arg is its struct sl_io. */
void *sl_io_main(void *arg);
/* Wakes the thread from its poll. */
void sl_io_wake(struct sl_io *io);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP for backends and the DevOps client: one place for connections, CA
 * files, proxies, redirects (never followed), limits and retry. Implemented
 * in backends/http, the only user of curl.h.
 *
 * Thread model: a client owns a few I/O threads, each with its own libcurl
 * multi handle. sl_http_start() may be called from any thread, also with
 * locks held: it never blocks on the network and never calls back. All
 * callbacks of one call run on one I/O thread, never inside start(); they
 * must not block. After done() the client does not touch the call again.
 */
#ifndef SL_HTTP_H
#define SL_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "buf.h"
#include "cleanup.h"
#include "clock.h"
#include "credentials.h"
#include "error.h"

struct sl_http;

struct sl_http_config {
	int threads;		   /* I/O threads, 1..16 */
	int connections;	   /* most requests in flight, 1..512 */
	int64_t retry_for_ms;	   /* how long trouble is retried, >= 0 */
	int connect_timeout_ms;	   /* one connection attempt; 0: 10000 */
	int low_speed_s;	   /* silence that kills an attempt; 0: 30 */
	int hedge_after_ms;	   /* never sooner; 0: 3000; -1: no hedging */
	uint64_t rate;		   /* upload bytes a second; 0: no limit */
	const struct sl_clock *clock; /* borrowed; NULL: sl_clock_system */
	/*
	 * Told of every attempt that ended, for .metrics, the request log and
	 * "the last attempts failed"; NULL: nobody. Must not block.
	 */
	void (*observe)(void *arg, const char *method, int status, int err,
			uint64_t bytes_up);
	void *observe_arg;
};

/* One attempt's request; filled by prepare(), strings owned by the client. */
struct sl_http_request {
	const char *method;	   /* static string: "GET" "PUT" ... */
	struct sl_buf url;	   /* absolute, already escaped as signed */
	struct sl_buf headers;	   /* "Name: value\n" lines, complete */
	const struct iovec *body;  /* borrowed until done(); NULL: none */
	int body_count;
	uint64_t body_len;	   /* sum of the vector */
	size_t max_response;	   /* most body bytes kept; 0: 1 MiB */
	int total_timeout_ms;	   /* 0: none but low speed */
	bool patient;		   /* no low-speed limit (S3 Complete) */
	/*
	 * A connection of its own, so that nothing below repeats a request
	 * without a body on a kept-alive connection that died.
	 */
	bool fresh;
	/* Allow Expect: 100-continue (first part on new credentials). */
	bool expect;
};

struct sl_http_response {
	int curl_code;		   /* CURLcode; 0: an answer came */
	int status;		   /* 0: none */
	struct sl_buf headers;	   /* "name: value\n", names in lower case */
	struct sl_buf body;	   /* also of errors; at most max_response */
	bool truncated;		   /* the body did not fit, or was cut */
	bool sent_all;		   /* the whole request body went out */
	int64_t date_ms;	   /* Date header as wall ms; 0: none */
	char curl_text[256];	   /* libcurl's words, cleaned */
};

/* A response header's value copied into dst (cleaned); false: absent. */
bool sl_http_header(const struct sl_http_response *r, const char *name,
		    char *dst, size_t size);

/*
 * A failure before any answer that no repetition mends: an untrusted
 * certificate, a CA file that cannot be read, a malformed URL.
 */
bool sl_http_hopeless(const struct sl_http_response *r);

enum sl_verdict {
	SL_V_OK,
	SL_V_RETRY,	   /* transient: again with back-off */
	SL_V_THROTTLE,	   /* asked to slow down: longer back-off */
	SL_V_REFRESH,	   /* credentials refused: refresh, then again */
	SL_V_WRONG_REGION, /* region/endpoint changed by judge(): again now */
	SL_V_RESTART_FILE, /* the upload is gone: -ESTALE */
	SL_V_EXISTS,	   /* precondition: -EEXIST */
	SL_V_FATAL,	   /* judge() set the error */
};

struct sl_http_call;

struct sl_http_call_ops {
	/*
	 * Builds and signs one attempt; 'cred' is the present set (borrowed,
	 * NULL when the call has no source). -errno ends the call.
	 */
	int (*prepare)(struct sl_http_call *c, struct sl_http_request *req,
		       const struct sl_cred *cred);
	/*
	 * Judges an attempt; fills c->error for anything but OK. May set
	 * c->retry_after_ms. Runs for transport errors too.
	 */
	enum sl_verdict (*judge)(struct sl_http_call *c,
				 const struct sl_http_response *r,
				 const struct sl_cred *cred);
	/*
	 * Optional: takes body bytes of a 2xx answer as they come instead of
	 * keeping them. Nonzero (-errno) ends the call with it. A retried
	 * attempt begins again at offset 0 unless prepare() asks for a range.
	 */
	int (*sink)(struct sl_http_call *c, const void *p, size_t n);
	/* Ends the call: 0 or -errno, c->error filled. Exactly once. */
	void (*done)(struct sl_http_call *c, int err);
};

struct sl_http_call {
	/* set by the caller before start; memory is the caller's */
	const struct sl_http_call_ops *ops;
	struct sl_cred_source *creds; /* NULL: no credentials needed */
	/*
	 * false: not safe to repeat once it may have reached the server
	 * (POST initialize, launch): then only failures before a byte was
	 * sent are retried, others end with the error.
	 */
	bool idempotent;
	int64_t retry_for_ms; /* -1: the client's; 0: one attempt */
	/* Smaller goes first among waiting calls. 0 control, 1 small, 2 bulk */
	int priority;
	/*
	 * About how many bytes move, if the request may be under way twice at
	 * once, the copy being acted on late included (a part, a ranged GET;
	 * never a PUT of a whole object). 0: never. prepare() may set it, and
	 * is then called a second time while the first attempt runs.
	 */
	uint64_t hedge_bytes;

	/* in and out */
	struct sl_error error;	/* the last trouble, also while retrying */
	int attempts;		/* so far */
	int refreshes;		/* credential refreshes waited for */
	/*
	 * Wait at least this long: Retry-After is put here before judge(),
	 * which may change it.
	 */
	int64_t retry_after_ms;
	/* While in sink(): status and headers of the answer; else NULL. */
	const struct sl_http_response *answer;

	/* the client's */
	void *impl;
};

/* -EINVAL (a value out of range), -ENOMEM, -EIO (a CA file that fails). */
int sl_http_new(const struct sl_http_config *cfg, struct sl_http **ret,
		struct sl_error *e) SL_MUST_CHECK;
/*
 * Cancels what is under way (done() with -ECANCELED), stops the threads,
 * frees. Must not be called from a callback. NULL is fine.
 */
void sl_http_free(struct sl_http *h);

/* Starts a call. Out of memory is reported by done(-ENOMEM). */
void sl_http_start(struct sl_http *h, struct sl_http_call *c);

/* Best effort: done() comes soon with -ECANCELED, or with the outcome. */
void sl_http_cancel(struct sl_http *h, struct sl_http_call *c);

/* Requests in flight now, and attempts that failed since the last success. */
struct sl_http_stats {
	int in_flight;
	int waiting;	   /* queued, backing off, or for credentials */
	int failing;	   /* consecutive failed attempts */
	uint64_t attempts;
	uint64_t bytes_up;
	uint64_t hedges;   /* requests sent a second time because of slowness */
	uint64_t rate;	   /* upload limit, bytes a second; 0: none */
};
void sl_http_get_stats(struct sl_http *h, struct sl_http_stats *ret);

/* The upload limit, in effect at once, for all calls together. 0: none. */
void sl_http_set_rate(struct sl_http *h, uint64_t bytes_per_s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt on one libcurl easy handle: how the handle is set up, how the
 * body goes out and what is kept of the answer. Nothing here retries.
 *
 * Choices that are not obvious: HTTP/1.1 only (one HTTP/2 connection would
 * share one TCP window among all parts); the path goes out as it was signed;
 * a body is always read through a function that can seek, because libcurl
 * resends on a dead kept-alive connection only then; every method with a body
 * is an "upload", so that libcurl invents no Content-Type; idle connections
 * are dropped after 4 s, before the store does (5 s).
 *
 * libcurl itself repeats a request that met a dead kept-alive connection, and
 * cannot know whether the server had acted before it died. So a body that
 * went out whole does not seek back: the attempt fails, and whoever judges it
 * knows what to look for. What has no body and may not happen twice asks for
 * a connection of its own. An answer that ends within its headers passes as
 * complete in libcurl; here it counts as none.
 *
 * Low speed is watched elsewhere (slow.c), because libcurl's own limit counts
 * a transfer that the rate limit holds back as a slow one. An attempt after
 * one whose connection was bad takes a new one and has the store's name
 * resolved again: with several addresses it then most likely meets another.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "backends/http/internal.h"

#define UPLOAD_BUFFER (512L * 1024)
#define SMALL_BODY (64L * 1024)
#define DOWNLOAD_BUFFER (256L * 1024)
#define PATIENT_MS (15L * 60 * 1000)
#define MAXAGE_CONN_S 4L
#define MAX_RESPONSE ((size_t)1024 * 1024)
#define MAX_URL (64 * 1024)

struct sl_attempt *sl_attempt_new(void)
{
	struct sl_attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->easy = curl_easy_init();
	if (!a->easy) {
		free(a);
		return NULL;
	}
	sl_buf_init(&a->req.url, MAX_URL);
	sl_buf_init(&a->req.headers, SL_HTTP_MAX_HEADERS);
	sl_buf_init(&a->resp.headers, SL_HTTP_MAX_HEADERS);
	sl_buf_init(&a->resp.body, MAX_RESPONSE);
	return a;
}

/* Header lines carry signatures and tokens, and Azure's URLs do. */
static void drop_headers(struct sl_attempt *a)
{
	for (struct curl_slist *l = a->headers; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(a->headers);
	a->headers = NULL;
}

void sl_attempt_free(struct sl_attempt *a)
{
	if (!a)
		return;
	curl_easy_cleanup(a->easy);
	drop_headers(a);
	sl_buf_wipe(&a->req.url);
	sl_buf_wipe(&a->req.headers);
	sl_buf_release(&a->resp.headers);
	sl_buf_wipe(&a->resp.body);
	free(a);
}

void sl_attempt_clear(struct sl_attempt *a)
{
	struct sl_http_request *q = &a->req;
	struct sl_http_response *r = &a->resp;

	curl_easy_reset(a->easy);
	drop_headers(a);
	sl_buf_wipe(&q->url);
	sl_buf_wipe(&q->headers);
	sl_buf_clear(&r->headers);
	sl_buf_wipe(&r->body);
	*q = (struct sl_http_request){
		.method = "GET", .url = q->url, .headers = q->headers,
	};
	*r = (struct sl_http_response){ .headers = r->headers,
					.body = r->body };
	a->call = NULL;
	a->owner = NULL;
	a->body_index = 0;
	a->body_offset = 0;
	a->body_pos = 0;
	a->renew = false;
	a->hedged = false;
	a->slot.bytes = 0;
	a->held = false;
	a->corked = false;
	a->held_ms = 0;
	a->sink_err = 0;
	a->overflow = false;
	a->any_sent = false;
	a->headers_end = false;
	a->all_read = false;
	a->bytes_up = 0;
	a->first_ms = 0;
	a->text[0] = '\0';
}

static void copy_body(struct sl_attempt *a, char *dst, size_t room)
{
	size_t done = 0;

	while (done < room && a->body_index < a->req.body_count) {
		const struct iovec *v = &a->req.body[a->body_index];
		size_t n = v->iov_len - a->body_offset;

		if (n > room - done)
			n = room - done;
		if (n)
			memcpy(dst + done, (char *)v->iov_base + a->body_offset,
			       n);
		done += n;
		a->body_offset += n;
		if (a->body_offset == v->iov_len) {
			a->body_index++;
			a->body_offset = 0;
		}
	}
	a->body_pos += done;
}

int64_t sl_attempt_held(const struct sl_attempt *a, int64_t now_ms)
{
	return a->held_ms + (a->held ? now_ms - a->held_since_ms : 0);
}

static size_t on_read(char *dst, size_t size, size_t count, void *arg)
{
	struct sl_attempt *a = arg;
	size_t room = size * count;
	uint64_t left = a->req.body_len - a->body_pos;
	int64_t now_us;

	if (left < room)
		room = (size_t)left;
	if (room) {
		now_us = sl_real_us();
		room = sl_pace_ask(a->pace, &a->slot, room, now_us);
		if (!room) {
			a->held = true;
			a->held_since_ms = now_us / 1000;
			return CURL_READFUNC_PAUSE;
		}
		copy_body(a, dst, room);
	}
	if (a->body_pos == a->req.body_len)
		a->all_read = true;
	return room;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct sl_attempt *a = arg;
	uint64_t left = (uint64_t)offset;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	if (a->all_read)
		return CURL_SEEKFUNC_FAIL;
	a->body_pos = left;
	a->body_index = 0;
	a->body_offset = 0;
	while (a->body_index < a->req.body_count &&
	       left >= a->req.body[a->body_index].iov_len)
		left -= a->req.body[a->body_index++].iov_len;
	if (left && a->body_index >= a->req.body_count)
		return CURL_SEEKFUNC_FAIL;
	a->body_offset = (size_t)left;
	return CURL_SEEKFUNC_OK;
}

static void note_date(struct sl_http_response *r, const char *v, size_t n)
{
	char text[64];
	int64_t ms;

	if (n >= sizeof(text))
		return;
	memcpy(text, v, n);
	text[n] = '\0';
	if (sl_time_parse_http(text, &ms) == 0)
		r->date_ms = ms;
}

static void keep_header(struct sl_http_response *r, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);
	size_t name = colon ? (size_t)(colon - p) : 0, i = name + 1;
	char lower[128];

	if (!name || name >= sizeof(lower))
		return;
	for (size_t k = 0; k < name; k++)
		lower[k] = (char)tolower((unsigned char)p[k]);
	lower[name] = '\0';
	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	while (n > i && isspace((unsigned char)p[n - 1]))
		n--;
	if (memchr(p + i, '\n', n - i) || memchr(p + i, '\0', n - i))
		return;
	if (strcmp(lower, "date") == 0)
		note_date(r, p + i, n - i);
	/* An append that does not fit sticks and is judged at the end. */
	if (sl_buf_puts(&r->headers, lower) || sl_buf_puts(&r->headers, ": ") ||
	    sl_buf_append(&r->headers, p + i, n - i) ||
	    sl_buf_puts(&r->headers, "\n"))
		return;
}

static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
	struct sl_attempt *a = arg;
	size_t n = size * count;

	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		sl_buf_clear(&a->resp.headers); /* after a 100 comes another */
		a->headers_end = false;
	} else if (n && (p[0] == '\r' || p[0] == '\n')) {
		a->headers_end = true;
	} else {
		keep_header(&a->resp, p, n);
	}
	if (sl_buf_error(&a->resp.headers) == -E2BIG)
		return 0;
	return n;
}

static long status_of(struct sl_attempt *a)
{
	long status = 0;

	if (curl_easy_getinfo(a->easy, CURLINFO_RESPONSE_CODE, &status))
		return 0;
	return status;
}

static int to_sink(struct sl_attempt *a, const void *p, size_t n, long status)
{
	struct sl_call *c = a->owner;
	int err;

	/* Of two attempts the first to bring bytes has the sink. */
	if (c->claimed && c->claimed != a)
		return 1;
	if (!c->claimed)
		a->first_ms = sl_real_us() / 1000;
	c->claimed = a;
	a->resp.status = (int)status;
	a->call->answer = &a->resp;
	err = a->call->ops->sink(a->call, p, n);
	a->call->answer = NULL;
	return err;
}

static size_t on_body(char *p, size_t size, size_t count, void *arg)
{
	struct sl_attempt *a = arg;
	size_t n = size * count, room;
	long status = status_of(a);

	if (a->call->ops->sink && status >= 200 && status < 300) {
		int r = to_sink(a, p, n, status);

		a->sink_err = r < 0 ? r : 0;
		return r ? CURL_WRITEFUNC_ERROR : n;
	}
	room = a->body_max - a->resp.body.len;
	if (n > room) {
		a->overflow = true;
		if (sl_buf_append(&a->resp.body, p, room))
			return CURL_WRITEFUNC_ERROR;
		return CURL_WRITEFUNC_ERROR;
	}
	return sl_buf_append(&a->resp.body, p, n) ? CURL_WRITEFUNC_ERROR : n;
}

static int add_header(struct sl_attempt *a, const char *line)
{
	struct curl_slist *l = curl_slist_append(a->headers, line);

	if (!l)
		return -ENOMEM;
	a->headers = l;
	return 0;
}

static int set_headers(struct sl_attempt *a)
{
	SL_CLEANUP(secret) char *text = NULL;
	char *save = NULL;

	if (sl_buf_error(&a->req.headers) || sl_buf_error(&a->req.url))
		return -ENOMEM;
	text = strdup(sl_buf_str(&a->req.headers));
	if (!text)
		return -ENOMEM;
	for (char *l = strtok_r(text, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save))
		if (add_header(a, l))
			return -ENOMEM;
	return add_header(a, a->req.expect ? "Expect: 100-continue" :
					     "Expect:");
}

/* libcurl's setopt is variadic: each kind of value has its own helper. */
static void set_long(struct sl_attempt *a, CURLoption o, long v, CURLcode *ret)
{
	CURLcode c = curl_easy_setopt(a->easy, o, v);

	if (c && !*ret)
		*ret = c;
}

static void set_ptr(struct sl_attempt *a, CURLoption o, const void *v,
		    CURLcode *ret)
{
	CURLcode c = curl_easy_setopt(a->easy, o, v);

	if (c && !*ret)
		*ret = c;
}

static void set_functions(struct sl_attempt *a, CURLcode *ret)
{
	CURL *e = a->easy;

	if (curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read) ||
	    curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek) ||
	    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) ||
	    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body))
		*ret = CURLE_FAILED_INIT;
	set_ptr(a, CURLOPT_READDATA, a, ret);
	set_ptr(a, CURLOPT_SEEKDATA, a, ret);
	set_ptr(a, CURLOPT_HEADERDATA, a, ret);
	set_ptr(a, CURLOPT_WRITEDATA, a, ret);
	set_ptr(a, CURLOPT_PRIVATE, a, ret);
	set_ptr(a, CURLOPT_ERRORBUFFER, a->text, ret);
}

static void set_connection(struct sl_attempt *a, const struct sl_http *h,
			   CURLcode *ret)
{
	static const struct {
		CURLoption option;
		long value;
	} fixed[] = {
		{ CURLOPT_NOSIGNAL, 1 },
		{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
		{ CURLOPT_PATH_AS_IS, 1 },
		{ CURLOPT_FOLLOWLOCATION, 0 },
		{ CURLOPT_TCP_KEEPALIVE, 1 },
		{ CURLOPT_MAXAGE_CONN, MAXAGE_CONN_S },
		{ CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 },
		{ CURLOPT_DNS_SHUFFLE_ADDRESSES, 1 },
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(fixed); i++)
		set_long(a, fixed[i].option, fixed[i].value, ret);
	set_ptr(a, CURLOPT_PROTOCOLS_STR, "http,https", ret);
	set_ptr(a, CURLOPT_USERAGENT, h->user_agent, ret);
	if (h->ca.file)
		set_ptr(a, CURLOPT_CAINFO, h->ca.file, ret);
	if (h->ca.dir)
		set_ptr(a, CURLOPT_CAPATH, h->ca.dir, ret);
	set_long(a, CURLOPT_DNS_CACHE_TIMEOUT, a->renew ? 0 : 30, ret);
	/* Larger than libcurl's own 16 KiB only where much comes. */
	if (a->call->ops->sink)
		set_long(a, CURLOPT_BUFFERSIZE, DOWNLOAD_BUFFER, ret);
	set_long(a, CURLOPT_FRESH_CONNECT,
		 !a->call->idempotent || a->req.fresh || a->renew, ret);
}

static void set_timeouts(struct sl_attempt *a, const struct sl_http *h,
			 CURLcode *ret)
{
	long total = a->req.total_timeout_ms;

	if (a->req.patient && !total)
		total = PATIENT_MS;
	set_long(a, CURLOPT_CONNECTTIMEOUT_MS, h->cfg.connect_timeout_ms, ret);
	set_long(a, CURLOPT_TIMEOUT_MS, total, ret);
}

/* libcurl allocates it for each transfer: a small body gets a small one. */
static long upload_buffer(const struct sl_attempt *a)
{
	return a->req.body_len < SMALL_BODY ? SMALL_BODY : UPLOAD_BUFFER;
}

static void set_method(struct sl_attempt *a, CURLcode *ret)
{
	const char *m = a->req.method;

	if (strcmp(m, "HEAD") == 0) {
		set_long(a, CURLOPT_NOBODY, 1, ret);
	} else if (!strcmp(m, "PUT") || !strcmp(m, "POST") ||
		   !strcmp(m, "PATCH")) {
		set_long(a, CURLOPT_UPLOAD, 1, ret);
		set_long(a, CURLOPT_UPLOAD_BUFFERSIZE, upload_buffer(a), ret);
		if (curl_easy_setopt(a->easy, CURLOPT_INFILESIZE_LARGE,
				     (curl_off_t)a->req.body_len))
			*ret = CURLE_FAILED_INIT;
		set_ptr(a, CURLOPT_CUSTOMREQUEST, m, ret);
	} else {
		set_long(a, CURLOPT_HTTPGET, 1, ret);
		set_ptr(a, CURLOPT_CUSTOMREQUEST, m, ret);
	}
}

int sl_attempt_setup(struct sl_attempt *a, struct sl_http *h)
{
	CURLcode c = CURLE_OK;

	a->pace = &h->pace;
	a->began_ms = sl_real_us() / 1000;
	sl_slow_begin(&a->slow, a->began_ms);
	if (set_headers(a))
		return -ENOMEM;
	a->body_max = a->req.max_response ? a->req.max_response : MAX_RESPONSE;
	a->resp.body.max = a->body_max;
	set_functions(a, &c);
	set_connection(a, h, &c);
	set_timeouts(a, h, &c);
	set_method(a, &c);
	set_ptr(a, CURLOPT_URL, sl_buf_str(&a->req.url), &c);
	set_ptr(a, CURLOPT_HTTPHEADER, a->headers, &c);
	if (c)
		return c == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EIO;
	return 0;
}

void sl_attempt_collect(struct sl_attempt *a, CURLcode code)
{
	struct sl_http_response *r = &a->resp;
	curl_off_t up = 0;
	long sent = 0;
	const char *text = a->text[0] ? a->text : curl_easy_strerror(code);

	r->status = (int)status_of(a);
	if (curl_easy_getinfo(a->easy, CURLINFO_SIZE_UPLOAD_T, &up))
		up = 0;
	if (curl_easy_getinfo(a->easy, CURLINFO_REQUEST_SIZE, &sent))
		sent = 1; /* unknown counts as sent: the careful side */
	a->bytes_up = (uint64_t)up;
	a->any_sent = sent > 0;
	/* libcurl's count starts again when it tries to repeat by itself. */
	r->sent_all = a->req.body_len ? a->all_read : sent > 0;
	r->curl_code = (int)code;
	r->truncated = a->overflow || code == CURLE_PARTIAL_FILE ||
		       sl_buf_error(&r->headers);
	if (r->status && !code && !a->headers_end) {
		r->curl_code = CURLE_GOT_NOTHING;
		r->truncated = true;
		snprintf(r->curl_text, sizeof(r->curl_text),
			 "the answer ended within its headers");
	}
	/* We hung up because it was enough: an answer did come. */
	if (a->overflow || sl_buf_error(&r->headers) == -E2BIG)
		r->curl_code = 0;
	if (code)
		sl_text_clean(r->curl_text, sizeof(r->curl_text), text,
			      strlen(text));
}

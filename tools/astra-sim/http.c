/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on libmicrohttpd. The raw target is taken from the URI log
 * callback, because a signature covers what was sent, not what a library
 * made of it.
 *
 * Order of events: begin when the headers are there; an answer that is ready
 * then goes out at once to a client that waits with "Expect: 100-continue",
 * or after the body was read and dropped (closing while the other side still
 * sends would destroy the answer). Then data for every piece, finish, send.
 * Trouble that does not depend on the dialect (stalls, cuts, HTML, 5xx) is
 * applied here, the rest where the answer is made.
 */
#include "http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


void sim_pairs_add(struct sim_pairs *p, char *name, char *value)
{
	p->v = sim_grow(p->v, (p->n + 1) * sizeof(*p->v));
	p->v[p->n++] = (struct sim_pair){ name, value };
}

const char *sim_pairs_get(const struct sim_pairs *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->v[i].name, name))
			return p->v[i].value;
	return NULL;
}

void sim_pairs_free(struct sim_pairs *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].name);
		free(p->v[i].value);
	}
	free(p->v);
	memset(p, 0, sizeof(*p));
}

const char *sim_header(const struct sim_req *r, const char *name)
{
	return sim_pairs_get(&r->headers, name);
}

const char *sim_param(const struct sim_req *r, const char *name)
{
	return sim_pairs_get(&r->params, name);
}

void sim_reply_start(struct sim_req *r, int status)
{
	if (r->reply.ready)
		return;
	r->reply.ready = true;
	r->reply.status = status;
}

void sim_reply_header(struct sim_req *r, const char *name, const char *fmt, ...)
{
	char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&value, fmt, ap) < 0)
		abort();
	va_end(ap);
	sim_pairs_add(&r->reply.headers, sim_strdup(name), value);
}

void sim_reply_text(struct sim_req *r, int status, const char *type,
		    const char *body)
{
	if (r->reply.ready)
		return;
	sim_reply_start(r, status);
	sim_reply_header(r, "Content-Type", "%s", type);
	sim_buf_str(&r->reply.body, body);
}

void sim_req_kind(struct sim_req *r, enum sim_kind kind)
{
	r->kind = kind;
	sim_lock(r->sim);
	r->sim->requests[kind]++;
	sim_faults_meet(&r->sim->faults, kind, r->path, &r->trouble);
	sim_unlock(r->sim);
}

static const char html_page[] =
	"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
	"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>proxy"
	"</center>\r\n</body>\r\n</html>\r\n";

/* Trouble that replaces the request's work. */
static void trouble_before(struct sim_req *r)
{
	const struct sim_trouble *t = &r->trouble;

	if (t->flags & SIM_F_STALL)
		sim_sleep(r->sim, t->stall_ms);
	if (t->flags & SIM_F_CUT_BEFORE)
		r->cut = true;
	else if (t->flags & SIM_F_HTML)
		sim_reply_text(r, t->flags & SIM_F_STATUS ? t->status : 502,
			       "text/html", html_page);
	else if (t->flags & SIM_F_STATUS)
		r->side->fail(r, t->status, *t->code ? t->code : NULL, NULL);
}

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind,
				  const char *name, const char *value)
{
	struct sim_req *r = cls;
	char *lower = sim_strdup(name);

	(void)kind;
	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	sim_pairs_add(&r->headers, lower, sim_strdup(value ? value : ""));
	return MHD_YES;
}

static bool split_query(struct sim_req *r)
{
	SIM_AUTOFREE char *copy = sim_strdup(r->query);
	char *save = NULL;

	for (char *w = strtok_r(copy, "&", &save); w;
	     w = strtok_r(NULL, "&", &save)) {
		size_t n = strcspn(w, "=");
		const char *v = w[n] ? w + n + 1 : "";
		char *name = NULL, *value = NULL;

		if (!sim_url_decode(w, n, true, &name) ||
		    !sim_url_decode(v, strlen(v), true, &value)) {
			free(name);
			return false;
		}
		sim_pairs_add(&r->params, name, value);
	}
	return true;
}

static void start(struct sim_req *r, struct MHD_Connection *c,
		  const char *method)
{
	size_t n = strcspn(r->uri, "?");

	r->started = true;
	r->conn = c;
	r->method = method;
	r->path = sim_strndup(r->uri, n);
	r->query = sim_strdup(r->uri[n] ? r->uri + n + 1 : "");
	MHD_get_connection_values(c, MHD_HEADER_KIND, add_header, r);
	if (!split_query(r))
		r->side->fail(r, 400, "InvalidURI",
			      "Couldn't parse the specified URI.");
	if (!r->reply.ready)
		r->side->begin(r);
}

struct body_source {
	struct sim_req *r;
	uint64_t cut; /* cut the connection here */
	uint64_t real; /* bytes before the padding */
};

static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct body_source *b = cls;
	struct sim_reply *p = &b->r->reply;
	ssize_t n;

	if (pos >= b->cut)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (max > b->cut - pos)
		max = (size_t)(b->cut - pos);
	if (pos >= b->real) {
		memset(buf, ' ', max);
		return (ssize_t)max;
	}
	if (max > b->real - pos)
		max = (size_t)(b->real - pos);
	if (p->fd < 0) {
		memcpy(buf, p->body.p + pos, max);
		return (ssize_t)max;
	}
	n = pread(p->fd, buf, max, (off_t)(p->offset + pos));
	return n <= 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

static struct MHD_Response *make_response(struct sim_req *r)
{
	const struct sim_trouble *t = &r->trouble;
	struct body_source *b = sim_alloc(sizeof(*b));
	uint64_t size;

	b->r = r;
	b->real = r->reply.fd >= 0 ? r->reply.length : r->reply.body.n;
	if (t->flags & SIM_F_TRUNCATE)
		b->real /= 2;
	size = b->real;
	if (t->flags & SIM_F_OVERSIZED)
		size += (uint64_t)t->oversized;
	b->cut = t->flags & SIM_F_CUT_BODY ? size / 2 : UINT64_MAX;
	r->out = size;
	return MHD_create_response_from_callback(size, 1 << 16, read_body, b,
						 free);
}

static void log_once(struct sim_req *r)
{
	if (!r->logged)
		sim_log_request(r);
	r->logged = true;
}

static enum MHD_Result send_reply(struct sim_req *r)
{
	struct sim_reply *p = &r->reply;
	struct MHD_Response *m;
	enum MHD_Result rc;
	char date[40];

	if (r->trouble.flags & SIM_F_STALL_AFTER)
		sim_sleep(r->sim, r->trouble.stall_after_ms);
	if (r->trouble.flags & SIM_F_CUT_AFTER)
		r->cut = true;
	m = r->cut ? NULL : make_response(r);
	/* Before the client can know: who got an answer finds it logged. */
	log_once(r);
	if (!m)
		return MHD_NO;
	sim_http_date(sim_wall_ms(), date);
	MHD_add_response_header(m, "Date", date);
	MHD_add_response_header(m, "Server", "astra-sim");
	if (r->trouble.retry_after >= 0)
		sim_reply_header(r, "Retry-After", "%lld",
				 (long long)r->trouble.retry_after);
	for (size_t i = 0; i < p->headers.n; i++)
		MHD_add_response_header(m, p->headers.v[i].name,
					p->headers.v[i].value);
	rc = MHD_queue_response(r->conn, (unsigned)p->status, m);
	MHD_destroy_response(m);
	return rc;
}

static bool wants_continue(const struct sim_req *r)
{
	const char *v = sim_header(r, "expect");

	return v && !strcasecmp(v, "100-continue");
}

static enum MHD_Result first_call(struct sim_req *r, struct MHD_Connection *c,
				  const char *method)
{
	start(r, c, method);
	if (!r->reply.ready && !r->cut)
		trouble_before(r);
	if (r->cut)
		return MHD_NO;
	if (r->reply.ready && wants_continue(r))
		return send_reply(r);
	return MHD_YES;
}

static enum MHD_Result take_data(struct sim_req *r, const char *data, size_t n)
{
	r->in += n;
	if (r->trouble.flags & SIM_F_CUT_UPLOAD &&
	    r->in >= (uint64_t)r->trouble.cut_upload) {
		r->cut = true;
		return MHD_NO;
	}
	if (!r->reply.ready)
		r->side->data(r, data, n);
	return MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): the library's signature */
static enum MHD_Result handle(void *cls, struct MHD_Connection *c,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *n, void **con_cls)
{
	struct sim_req *r = *con_cls;

	(void)cls;
	(void)url;
	(void)version;
	if (!r)
		return MHD_NO;
	if (!r->started)
		return first_call(r, c, method);
	if (*n) {
		size_t got = *n;

		*n = 0;
		return take_data(r, data, got);
	}
	if (!r->reply.ready)
		r->side->finish(r);
	if (!r->reply.ready)
		r->side->fail(r, 500, "InternalError", "no answer was made");
	return send_reply(r);
}

struct listener {
	struct sim *sim;
	const struct sim_side *side;
};

static void *log_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
	const struct listener *l = cls;
	struct sim_req *r = sim_alloc(sizeof(*r));

	(void)c;
	r->sim = l->sim;
	r->side = l->side;
	r->uri = sim_strdup(uri);
	r->start_ms = sim_monotonic_ms();
	r->reply.fd = -1;
	r->trouble.retry_after = -1;
	return r;
}

static void completed(void *cls, struct MHD_Connection *c, void **con_cls,
		      enum MHD_RequestTerminationCode code)
{
	struct sim_req *r = *con_cls;

	(void)cls;
	(void)c;
	*con_cls = NULL;
	if (!r)
		return;
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		r->cut = true;
	if (r->started)
		log_once(r);
	r->side->release(r);
	sim_pairs_free(&r->headers);
	sim_pairs_free(&r->params);
	sim_pairs_free(&r->reply.headers);
	sim_buf_free(&r->reply.body);
	sim_buf_free(&r->body);
	if (r->reply.fd >= 0 && close(r->reply.fd) < 0)
		perror("astra-sim: close");
	free(r->uri);
	free(r->path);
	free(r->query);
	free(r->made);
	free(r);
}

/* Keeps the target as sent: we decode it ourselves. */
static size_t no_unescape(void *cls, struct MHD_Connection *c, char *s)
{
	(void)cls;
	(void)c;
	return strlen(s);
}

/*
 * Our own listening socket: the library would set SO_REUSEPORT, and then two
 * simulators that ask for any free port may get the same one and share its
 * connections.
 */
static int listen_on(const struct sim *s, int64_t port, int *actual)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port) };
	socklen_t len = sizeof(addr);
	int one = 1, fd;

	if (inet_pton(AF_INET, s->opt.listen, &addr.sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
	    !bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) &&
	    !listen(fd, 511) &&
	    !getsockname(fd, (struct sockaddr *)&addr, &len)) {
		*actual = ntohs(addr.sin_port);
		return fd;
	}
	one = errno;
	close(fd);
	errno = one;
	return -1;
}

struct MHD_Daemon *sim_http_start(struct sim *s, const struct sim_side *side,
				  int64_t port, int *actual)
{
	static struct listener listeners[2]; /* the API, the store */
	struct listener *l = &listeners[side != &sim_side_api];
	struct MHD_Daemon *d;
	int fd = listen_on(s, port, actual);

	*l = (struct listener){ s, side };
	if (fd < 0)
		return NULL;
	d = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			MHD_USE_THREAD_PER_CONNECTION |
			MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ITC,
		(uint16_t)*actual, NULL, NULL, handle, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
		log_uri, l, MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
		MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
		MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)s->opt.idle_timeout_s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(256 << 10),
		MHD_OPTION_END);
	if (!d)
		close(fd);
	return d;
}

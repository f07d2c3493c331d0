/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object: head, get, remove. A get that breaks goes on where it stopped,
 * and only if the object is still the same version.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/internal.h"
#include "backends/cloud/text.h"

int sl_cloud_fill_head(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	const struct sl_cloud_dialect *d = t->cloud->dialect;

	return d->fill_head ? d->fill_head(t, q) : 0;
}

void sl_cloud_object_headers(const struct sl_http_response *r,
			     struct sl_object *o)
{
	char v[96];
	uint64_t n;

	*o = (struct sl_object){ 0 };
	if (sl_http_header(r, "content-length", v, sizeof(v)) &&
	    sl_cloud_number(v, &n) == 0)
		o->size = n;
	/* "bytes 0-9/100", "bytes * /0": the size of the whole */
	if (sl_http_header(r, "content-range", v, sizeof(v)) &&
	    strrchr(v, '/') && sl_cloud_number(strrchr(v, '/') + 1, &n) == 0)
		o->size = n;
	sl_http_header(r, "etag", o->etag, sizeof(o->etag));
	if (sl_http_header(r, "last-modified", v, sizeof(v)))
		o->mtime_ms = sl_cloud_http_time(v);
}

enum sl_verdict sl_cloud_head_good(struct sl_cloud_task *t,
				   const struct sl_http_response *r)
{
	t->cloud->dialect->object(r, &t->op->obj);
	return SL_V_OK;
}

/* NULL also without memory: the op itself will find none. */
static const char *refusal(const struct sl_cloud *c, const char *key)
{
	SL_CLEANUP(buf) struct sl_buf name = SL_BUF_INIT(4096);

	if (!c->dialect->name_refused || sl_cloud_full_key(c, key, &name))
		return NULL;
	return c->dialect->name_refused(sl_buf_str(&name));
}

int sl_cloud_check_name(struct sl_cloud_task *t)
{
	const char *why = refusal(t->cloud, t->op->key);

	return why ? sl_error_set(&t->call.error, EOPNOTSUPP, "'%s': %s",
				  t->op->key, why) : 0;
}

static int absent(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)q; /* nothing is sent */
	return sl_error_set(&t->call.error, ENOENT, "'%s' does not exist",
			    t->op->key);
}

static const struct sl_cloud_step absent_step = {
	.method = "HEAD",
	.no_creds = true,
	.local = true,
	.fill = absent,
};

static const struct sl_cloud_step nothing_step = {
	.method = "DELETE",
	.no_creds = true,
	.local = true,
};

/* Runs an op on what is there, or the step for what cannot be. */
static void run_on(struct sl_backend *b, struct sl_op *op,
		   const struct sl_cloud_step *step,
		   const struct sl_cloud_step *refused)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);

	sl_cloud_run(b, op, refusal(c, op->key) ? refused : step);
}

void sl_cloud_head(struct sl_backend *b, struct sl_op *op)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);

	run_on(b, op, c->dialect->head, &absent_step);
}

/* Bytes from elsewhere would pass for those that were asked for. */
static bool begins_at(const struct sl_http_response *r, uint64_t from)
{
	static const char unit[] = "bytes ";
	char v[96];
	uint64_t at;

	if (r->status != 206 ||
	    !sl_http_header(r, "content-range", v, sizeof(v)))
		return true;
	v[strcspn(v, "-")] = '\0';
	return strncmp(v, unit, sizeof(unit) - 1) == 0 &&
	       sl_cloud_number(v + sizeof(unit) - 1, &at) == 0 && at == from;
}

/* Not every store heeds If-Match: the answer must name the version too. */
static int look(struct sl_cloud_task *t, const struct sl_http_response *r)
{
	struct sl_object *o = &t->op->obj;

	if (t->looked)
		return 0;
	t->looked = true;
	if (!begins_at(r, t->op->offset + t->got))
		return sl_error_set(&t->call.error, EPROTO, "'%s': the store "
				    "sent other bytes than were asked for",
				    t->op->key);
	t->cloud->dialect->object(r, o);
	if (!t->etag[0] || !o->etag[0] || !strcmp(t->etag, o->etag))
		return 0;
	return sl_error_set(&t->call.error, ESTALE,
			    "'%s': it changed while being read", t->op->key);
}

/* Of what was asked for, as much as the object has. */
static uint64_t wanted(const struct sl_cloud_task *t)
{
	const struct sl_op *op = t->op;
	uint64_t rest = op->obj.size > op->offset ?
				op->obj.size - op->offset : op->length;

	if (rest > op->length)
		rest = op->length;
	return rest > t->got ? rest : t->got;
}

int sl_cloud_sink(struct sl_http_call *call, const void *p, size_t n)
{
	struct sl_cloud_task *t = sl_container_of(call, struct sl_cloud_task,
						  call);
	const char *from = p;
	int err = look(t, call->answer);
	uint64_t left = wanted(t) - t->got, skip;
	bool more;

	if (err)
		return err;
	/* A server that ignores ranges sends the object from its start. */
	if (call->answer->status == 200) {
		uint64_t want = t->op->offset + t->got;

		skip = t->skip < want ? want - t->skip : 0;
		if (skip > n)
			skip = n;
		t->skip += n;
		from += skip;
		n -= skip;
	}
	more = n > left;
	if (more)
		n = left;
	t->got += n;
	err = n ? t->op->on_data(t->op, from, n) : 0;
	return !err && more ? SL_CLOUD_ENOUGH : err;
}

static int fill_get(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	const struct sl_cloud_dialect *d = t->cloud->dialect;
	uint64_t from = t->op->offset + t->got;
	uint64_t last = t->op->offset + t->op->length - 1;

	if (last < from)
		last = from; /* all is there; the answer is looked at once */
	t->skip = 0;
	t->looked = false;
	if (!t->etag[0] && t->op->if_match)
		snprintf(t->etag, sizeof(t->etag), "%s", t->op->if_match);
	if (t->etag[0])
		sl_buf_printf(&q->headers, "If-Match: %s\n", t->etag);
	sl_buf_printf(&q->headers, "Range: bytes=%llu-%llu\n",
		      (unsigned long long)from, (unsigned long long)last);
	return d->fill_get ? d->fill_get(t, q) : 0;
}

static enum sl_verdict get_good(struct sl_cloud_task *t,
				const struct sl_http_response *r)
{
	uint64_t want;

	t->cloud->dialect->object(r, &t->op->obj);
	/* Both answers say how long it is, so a short one shows. */
	want = t->op->obj.size > t->op->offset ?
		       t->op->obj.size - t->op->offset : 0;
	if (want > t->op->length)
		want = t->op->length;
	if (t->got >= want)
		return SL_V_OK;
	sl_error_set(&t->call.error, ETIMEDOUT, "the answer was cut");
	return SL_V_RETRY;
}

static enum sl_verdict get_bad(struct sl_cloud_task *t,
			       const struct sl_http_response *r,
			       struct sl_classified c)
{
	char range[64];

	if (r->status == 416) {
		/* Past the end; the error's own length is not the object's. */
		t->cloud->dialect->object(r, &t->op->obj);
		t->more = !sl_http_header(r, "content-range", range,
					  sizeof(range));
		return SL_V_OK;
	}
	if (c.verdict == SL_V_EXISTS)
		return sl_cloud_fatal(t, ESTALE, "it changed while being read");
	/* As look() read it, before the first byte was passed on. */
	if (t->got && !t->etag[0])
		snprintf(t->etag, sizeof(t->etag), "%s", t->op->obj.etag);
	return c.verdict;
}

static const struct sl_cloud_step *after_get(struct sl_cloud_task *t)
{
	return t->more ? t->cloud->dialect->head : NULL;
}

static const struct sl_cloud_step get_step = {
	.method = "GET",
	.sink = true,
	.hedge = true,
	.fill = fill_get,
	.good = get_good,
	.bad = get_bad,
	.next = after_get,
};

void sl_cloud_get(struct sl_backend *b, struct sl_op *op)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);
	uint64_t end;
	bool nothing = !op->length ||
		       __builtin_add_overflow(op->offset, op->length, &end);

	run_on(b, op, nothing ? c->dialect->head : &get_step, &absent_step);
}

static enum sl_verdict remove_bad(struct sl_cloud_task *t,
				  const struct sl_http_response *r,
				  struct sl_classified c)
{
	(void)t;
	(void)r;
	return c.errnum == ENOENT ? SL_V_OK : c.verdict;
}

static const struct sl_cloud_step remove_step = {
	.method = "DELETE",
	.bad = remove_bad,
};

void sl_cloud_remove(struct sl_backend *b, struct sl_op *op)
{
	run_on(b, op, &remove_step, &nothing_step);
}

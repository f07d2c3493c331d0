/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginning a multipart upload. Each Create that the server acts on makes a
 * new upload, so a lost answer would leave an orphan that nobody may see or
 * abort. Therefore, after a lost answer, the unfinished uploads of exactly
 * that key are listed, and the newest one is adopted that began since this
 * op did and that nobody here uses. Two Creates of one key may be under way
 * at once: while another one still waits for its answer, what the listing
 * shows may be its upload, so we look again later.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/mpu.h"
#include "backends/cloud/page.h"
#include "backends/cloud/text.h"
#include "backends/cloud/xml.h"

/* Some stores give whole seconds, and Date is cut to them too. */
#define SLACK_MS 3000
/* Before the first answer the server's clock is not known. */
#define SLACK_BLIND_MS (16 * 60 * 1000)

static const struct sl_cloud_step create_step, probe_step;

static void set_asking(struct sl_cloud_task *t, bool asking)
{
	SL_LOCK_SCOPE(&t->cloud->lock);
	t->asking = asking;
}

static bool other_asks(struct sl_cloud_task *t)
{
	SL_LOCK_SCOPE(&t->cloud->lock);
	for (struct sl_cloud_task *o = t->cloud->tasks; o; o = o->next)
		if (o != t && o->asking && strcmp(o->op->key, t->op->key) == 0)
			return true;
	return false;
}

static int fill_create(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	const struct sl_cloud_mpu *mpu = t->cloud->dialect->mpu;
	int err = sl_cloud_check_name(t);

	if (err)
		return err;
	set_asking(t, true);
	sl_buf_puts(&q->headers, "Content-Type: application/octet-stream\n");
	err = mpu->fill_create ? mpu->fill_create(t, q) : 0;
	return err ? err : sl_cloud_query(q, "uploads", "");
}

static enum sl_verdict use_id(struct sl_cloud_task *t, const char *id)
{
	int err = sl_cloud_id_add(t->cloud, id);
	char *copy = err ? NULL : strdup(id);

	if (!copy)
		return sl_cloud_fatal(t, ENOMEM, "out of memory");
	free(t->op->new_upload_id);
	t->op->new_upload_id = copy;
	set_asking(t, false);
	return SL_V_OK;
}

static int on_created(void *arg, const char *path, const char *text)
{
	if (strcmp(path, "InitiateMultipartUploadResult/UploadId") != 0)
		return 0;
	return sl_cloud_set_string(arg, text);
}

static enum sl_verdict create_good(struct sl_cloud_task *t,
				   const struct sl_http_response *r)
{
	static const struct sl_xml_handlers h = { .element = on_created };
	SL_CLEANUP(free) char *id = NULL;
	int err = sl_xml_parse(r->body.data, r->body.len, &h, &id);

	/* It was made, but we did not learn its name: as if lost. */
	if (err || !id || !*id) {
		set_asking(t, false);
		return sl_cloud_lost(t, &probe_step);
	}
	return use_id(t, id);
}

static enum sl_verdict create_bad(struct sl_cloud_task *t,
				  const struct sl_http_response *r,
				  struct sl_classified c)
{
	set_asking(t, false);
	if (c.verdict == SL_V_RETRY && sl_classify_ambiguous(r))
		return sl_cloud_lost(t, &probe_step);
	if (c.errnum == ENOENT)
		return sl_cloud_fatal(t, EIO,
				      "the store does not know the place");
	return c.verdict;
}

static int fill_probe(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	SL_CLEANUP(buf) struct sl_buf key = SL_BUF_INIT(4096);

	if (sl_cloud_full_key(t->cloud, t->op->key, &key))
		return -ENOMEM;
	sl_cloud_query(q, "prefix", sl_buf_str(&key));
	return sl_cloud_query(q, "uploads", "");
}

struct orphan {
	struct sl_cloud_task *t;
	const char *key; /* full */
	int64_t since_ms;
	bool same_key;
	char *id;	 /* of the entry being read */
	int64_t at_ms;
	char *best;
	int64_t best_ms;
};

static int end_of_upload(struct orphan *o)
{
	bool take = o->same_key && o->id && o->at_ms >= o->since_ms &&
		    (!o->best || o->at_ms >= o->best_ms) &&
		    !sl_cloud_id_known(o->t->cloud, o->id);

	if (take) {
		free(o->best);
		o->best = o->id;
		o->best_ms = o->at_ms;
	} else {
		free(o->id);
	}
	o->id = NULL;
	o->same_key = false;
	o->at_ms = 0;
	return 0;
}

static int on_upload_element(void *arg, const char *path, const char *text)
{
	static const char root[] = "ListMultipartUploadsResult/Upload";
	struct orphan *o = arg;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (!*path)
		return end_of_upload(o);
	if (strcmp(path, "/Key") == 0)
		o->same_key = strcmp(text, o->key) == 0;
	if (strcmp(path, "/Initiated") == 0)
		o->at_ms = sl_cloud_time(text);
	if (strcmp(path, "/UploadId") == 0)
		return sl_cloud_set_string(&o->id, text);
	return 0;
}

static int64_t since(struct sl_cloud_task *t)
{
	struct sl_cloud *c = t->cloud;

	SL_LOCK_SCOPE(&c->lock);
	return t->started_ms - (c->skew_seen ? SLACK_MS : SLACK_BLIND_MS);
}

static enum sl_verdict adopt(struct sl_cloud_task *t,
			     const struct sl_http_response *r, const char *key)
{
	static const struct sl_xml_handlers h = { .element =
							  on_upload_element };
	struct orphan o = { .t = t, .key = key, .since_ms = since(t) };
	enum sl_verdict v;

	if (sl_xml_parse(r->body.data, r->body.len, &h, &o)) {
		sl_error_set(&t->call.error, EPROTO,
			     "the listing of uploads makes no sense");
		v = SL_V_RETRY;
	} else if (o.best) {
		v = use_id(t, o.best);
	} else {
		v = sl_cloud_lost(t, &create_step);
	}
	free(o.best);
	free(o.id);
	return v;
}

static enum sl_verdict probe_good(struct sl_cloud_task *t,
				  const struct sl_http_response *r)
{
	SL_CLEANUP(buf) struct sl_buf key = SL_BUF_INIT(4096);

	if (other_asks(t))
		return sl_cloud_lost(t, &probe_step);
	if (sl_cloud_full_key(t->cloud, t->op->key, &key))
		return sl_cloud_fatal(t, ENOMEM, "out of memory");
	return adopt(t, r, sl_buf_str(&key));
}

/* Where listing is not granted an orphan cannot be seen, nor be avoided. */
static enum sl_verdict probe_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	(void)r;
	if (c.verdict == SL_V_FATAL)
		return sl_cloud_lost(t, &create_step);
	return c.verdict;
}

static const struct sl_cloud_step create_step = {
	.method = "POST",
	.fill = fill_create,
	.good = create_good,
	.bad = create_bad,
};

static const struct sl_cloud_step probe_step = {
	.method = "GET",
	.place = true,
	.fill = fill_probe,
	.good = probe_good,
	.bad = probe_bad,
};

void sl_cloud_mpu_begin(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &create_step);
}

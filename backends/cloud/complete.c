/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the object from its parts. The answer may take minutes, may be 200
 * with an error inside, may be empty, or may be lost; the upload is gone once
 * it happened, so "no such upload" may mean success.
 *
 *   complete --ok, checksum told--------------------------> done
 *            --ok, checksum not told--> confirm (HEAD) ---> done / -EBADMSG,
 *                                                           -ESTALE
 *            --lost---------> look (HEAD) --same object---> abort -> done
 *                                         --other, none---> complete again
 *            --500----------> look        --same object---> abort -> done
 *                                         --other, none---> ask for its parts
 *                                            --there--> complete again
 *                                            --not----> no such upload
 *            --no such upload-> look      --same object---> done
 *                                         --other, none---> -ESTALE
 *
 * The abort after a lost answer is for an older object that happens to be
 * the same: then Complete may not have happened and the upload would remain.
 * 500 is asked about because Ceph gives it for an upload that is gone, each
 * time anew.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/internal.h"
#include "backends/cloud/mpu_internal.h"

static const struct sl_cloud_step complete_step, look_step, confirm_step,
	exists_step;

static int fill_complete(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	const struct sl_cloud_mpu *mpu = t->cloud->dialect->mpu;
	int err = sl_cloud_mpu_document(t);

	if (err)
		return err;
	t->confirmed = false;
	sl_cloud_send_text(t, q);
	sl_buf_puts(&q->headers, "Content-Type: application/xml\n");
	err = mpu->fill_complete ? mpu->fill_complete(t, q) : 0;
	return err ? err : sl_cloud_query(q, "uploadId", t->op->upload_id);
}

static enum sl_verdict wrong(struct sl_cloud_task *t, bool confirming)
{
	const struct sl_cloud_mpu *mpu = t->cloud->dialect->mpu;

	if (mpu->wrong)
		return mpu->wrong(t, confirming);
	return sl_cloud_fatal(t, EBADMSG, "the stored object is not what was "
			      "sent: other size, checksum or ETag");
}

static enum sl_verdict complete_good(struct sl_cloud_task *t,
				     const struct sl_http_response *r)
{
	struct sl_cloud_made m;
	int fits;

	if (sl_cloud_mpu_made(r, &m))
		return sl_cloud_lost(t, &look_step);
	fits = t->cloud->dialect->mpu->made(t, r, &m);
	if (fits < 0)
		return wrong(t, false);
	t->confirmed = fits > 0;
	sl_cloud_id_drop(t->cloud, t->op->upload_id);
	return SL_V_OK;
}

static const struct sl_cloud_step *after_complete(struct sl_cloud_task *t)
{
	return t->confirmed ? NULL : &confirm_step;
}

static enum sl_verdict complete_bad(struct sl_cloud_task *t,
				    const struct sl_http_response *r,
				    struct sl_classified c)
{
	if (c.verdict == SL_V_RESTART_FILE ||
	    (c.verdict == SL_V_FATAL && c.errnum == ENOENT)) {
		t->gone = true;
		return sl_cloud_turn(t, &look_step);
	}
	t->failed = r->status == 500;
	if (c.verdict == SL_V_RETRY &&
	    (sl_classify_ambiguous(r) || r->status == 200))
		return sl_cloud_lost(t, &look_step);
	/* The list of parts or the size is not what the store has. */
	if (r->status == 400 && (strcmp(t->code, "InvalidPart") == 0 ||
				 strcmp(t->code, "InvalidRequest") == 0))
		t->call.error.errnum = EBADMSG;
	return c.verdict;
}

enum sl_verdict sl_cloud_mpu_gone(struct sl_cloud_task *t)
{
	sl_cloud_id_drop(t->cloud, t->op->upload_id);
	sl_error_set(&t->call.error, ESTALE,
		     "'%s': the upload does not exist any more", t->op->key);
	return SL_V_RESTART_FILE;
}

static enum sl_verdict not_there(struct sl_cloud_task *t)
{
	if (t->gone)
		return sl_cloud_mpu_gone(t);
	return sl_cloud_lost(t, t->failed ? &exists_step : &complete_step);
}

static enum sl_verdict look_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	if (t->cloud->dialect->mpu->compare(t, r, false))
		return not_there(t);
	if (t->gone)
		sl_cloud_id_drop(t->cloud, t->op->upload_id);
	return SL_V_OK;
}

static enum sl_verdict look_bad(struct sl_cloud_task *t,
				const struct sl_http_response *r,
				struct sl_classified c)
{
	(void)r;
	if (c.errnum == ENOENT || (c.verdict == SL_V_FATAL && !t->gone))
		return not_there(t);
	return c.verdict;
}

static const struct sl_cloud_step *after_look(struct sl_cloud_task *t)
{
	return t->gone ? NULL : &sl_cloud_mpu_abort_step;
}

static int fill_exists(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	sl_cloud_query(q, "max-parts", "1");
	return sl_cloud_query(q, "uploadId", t->op->upload_id);
}

static enum sl_verdict exists_good(struct sl_cloud_task *t,
				   const struct sl_http_response *r)
{
	(void)r;
	return sl_cloud_lost(t, &complete_step);
}

/* It may have become the object since we looked: once more, then. */
static enum sl_verdict exists_bad(struct sl_cloud_task *t,
				  const struct sl_http_response *r,
				  struct sl_classified c)
{
	(void)r;
	if (c.verdict == SL_V_RESTART_FILE || c.errnum == ENOENT) {
		t->gone = true;
		return sl_cloud_turn(t, &look_step);
	}
	if (c.verdict == SL_V_FATAL)
		return sl_cloud_lost(t, &complete_step);
	return c.verdict;
}

static enum sl_verdict confirm_good(struct sl_cloud_task *t,
				    const struct sl_http_response *r)
{
	int err = t->cloud->dialect->mpu->compare(t, r, true);

	if (err == -EPROTO)
		return sl_cloud_lost(t, &confirm_step);
	return err ? wrong(t, true) : SL_V_OK;
}

static const struct sl_cloud_step complete_step = {
	.method = "POST",
	.patient = true,
	.fill = fill_complete,
	.good = complete_good,
	.bad = complete_bad,
	.next = after_complete,
};

static const struct sl_cloud_step look_step = {
	.method = "HEAD",
	.fill = sl_cloud_fill_head,
	.good = look_good,
	.bad = look_bad,
	.next = after_look,
};

static const struct sl_cloud_step exists_step = {
	.method = "GET",
	.fill = fill_exists,
	.good = exists_good,
	.bad = exists_bad,
};

static const struct sl_cloud_step confirm_step = {
	.method = "HEAD",
	.fill = sl_cloud_fill_head,
	.good = confirm_good,
};

void sl_cloud_mpu_complete(struct sl_backend *b, struct sl_op *op)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);

	/* A resumed upload becomes known; without memory it just does not. */
	if (sl_cloud_id_add(c, op->upload_id) == -ENOMEM)
		errno = ENOMEM;
	sl_cloud_run(b, op, &complete_step);
}

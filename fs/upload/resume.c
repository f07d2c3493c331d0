/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that was half sent goes on where it was. Its parts lie in the store
 * under an upload id that an earlier copy left. They are listed before the
 * first byte is taken (writers wait for the answer, one request), the new
 * parts are cut at the old borders, and a part whose number, size and CRC32
 * are those of one that is stored is not sent again. Nothing but the bytes
 * of the copy decides: where they differ the part is sent and replaces the
 * old one, and the checksum of the whole object is confirmed as always. What
 * is stored beyond the end of the file is left out by the completion.
 *
 * If the parts cannot be listed, the old upload is aborted and the copy
 * begins from nothing.
 */
#include <string.h>

#include "upload/internal.h"

int sl_upload_resume(struct sl_upload *u, const char *upload_id)
{
	struct sl_attempt *a;
	char *id;

	if (!(u->e->backend->caps & SL_CAP_UPLOADS))
		return -EOPNOTSUPP;
	id = strdup(upload_id);
	if (!id)
		return -ENOMEM;
	SL_LOCK_SCOPE(&u->e->lock);
	a = u->a || u->cur || u->err ? NULL : sl_attempt_new_locked(u);
	if (!a) {
		free(id);
		return -EBUSY;
	}
	a->upload_id = id;
	a->resumed = a->listing = a->aligned = true;
	a->urgent = SL_JOB_LIST;
	sl_attempt_queue_locked(a, SL_QUEUE_URGENT);
	sl_engine_turn_locked(u->e);
	return 0;
}

bool sl_resume_waits(const struct sl_upload *u)
{
	return u->a && u->a->listing;
}

static bool make_room(struct sl_attempt *a, uint32_t number)
{
	uint32_t cap = a->old_cap ? a->old_cap : 16;
	struct sl_part *old;

	if (number <= a->old_cap)
		return true;
	while (cap < number)
		cap *= 2;
	old = reallocarray(a->old, cap, sizeof(*old));
	if (!old)
		return false;
	memset(old + a->old_cap, 0, (cap - a->old_cap) * sizeof(*old));
	a->old = old;
	a->old_cap = cap;
	return true;
}

/* On a backend thread; while the op runs nobody else looks at the list. */
int sl_resume_on_part(struct sl_op *op, const struct sl_part *p)
{
	struct sl_xfer *x = op->arg;
	struct sl_attempt *a = x->a;

	if (!p->number || p->number > a->u->e->schedule.max_parts)
		return -EPROTO;
	if (!make_room(a, p->number))
		return -ENOMEM;
	a->old[p->number - 1] = *p;
	if (p->number > a->old_count)
		a->old_count = p->number;
	return 0;
}

void sl_resume_back(struct sl_xfer *x)
{
	struct sl_attempt *a = x->a;
	struct sl_upload *u = a->u;

	a->listing = false;
	if (!x->op.err) {
		a->ready = true; /* the journal has known the id for long */
		return;
	}
	if (x->op.err == -ESTALE)
		a->ended = true;
	if (u->a == a && !u->err)
		sl_attempt_detach_locked(u, SL_FATE_ABORT);
}

uint64_t sl_resume_target(const struct sl_upload *u)
{
	const struct sl_attempt *a = u->a;
	const struct sl_schedule *s = &u->e->schedule;
	uint64_t n;

	if (!a || !a->aligned || a->cut >= a->old_count)
		return 0;
	n = a->old[a->cut].size;
	return n >= s->least && n <= s->cap_known ? n : 0;
}

bool sl_resume_has(struct sl_attempt *a, const struct sl_part_buf *p)
{
	const struct sl_part *old;

	if (p->number > a->old_count)
		return false;
	old = &a->old[p->number - 1];
	if (old->size && old->size != p->size)
		a->aligned = false;
	/* A CRC32 of 0 says that the store has none. */
	return old->size == p->size && old->crc32 && old->crc32 == p->crc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that was half sent goes on where it was. Its parts lie in the store
 * under an upload id that an earlier copy left. They are listed before the
 * first byte is taken (writers wait for the answer, one request), the new
 * parts are cut at the old borders, and a part whose number, size and
 * checksums are those of one that is stored is not sent again. Nothing but
 * the bytes of the copy decides: where they differ the part is sent and
 * replaces the old one, and the checksum of the whole object is confirmed as
 * always. What is stored beyond the end of the file is left out by the
 * completion.
 *
 * A store that does not list checksums is helped by what was noted when it
 * acknowledged the part, if that has the same size and the same ETag: a part
 * that has been replaced since, which the note of may have been lost in a
 * crash, has another. A part without an ETag is sent again. The sum that the
 * store wants besides the CRC32 counts where it is known; else it is that of
 * the copy's bytes, so that blocks of Azure are known by the list alone.
 *
 * If the parts cannot be listed, the old upload is aborted and the copy
 * begins from nothing.
 */
#include <string.h>

#include "upload/internal.h"

static struct sl_part *copy_parts(const struct sl_part *p, uint32_t n)
{
	struct sl_part *r = calloc(n ? n : 1, sizeof(*r));

	if (r && n)
		memcpy(r, p, n * sizeof(*r));
	return r;
}

int sl_upload_resume(struct sl_upload *u, const char *upload_id,
		     const struct sl_part *known, uint32_t count)
{
	SL_CLEANUP(free) struct sl_part *parts = NULL;
	SL_CLEANUP(free) char *id = NULL;
	struct sl_attempt *a;

	if (!(u->e->backend->caps & SL_CAP_UPLOADS))
		return -EOPNOTSUPP;
	id = strdup(upload_id);
	parts = copy_parts(known, count);
	if (!id || !parts)
		return -ENOMEM;
	SL_LOCK_SCOPE(&u->e->lock);
	a = u->a || u->cur || u->err ? NULL : sl_attempt_new_locked(u);
	if (!a)
		return -EBUSY;
	a->upload_id = sl_steal(&id);
	a->known = sl_steal(&parts);
	a->known_count = count;
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

/* The store's own word goes before what was noted. */
static void fill_known(struct sl_attempt *a)
{
	for (uint32_t i = 0; i < a->known_count; i++) {
		const struct sl_part *k = &a->known[i];
		struct sl_part *o;

		if (!k->number || k->number > a->old_count)
			continue;
		o = &a->old[k->number - 1];
		if (o->size != k->size || !o->etag[0] ||
		    strcmp(o->etag, k->etag) != 0)
			continue;
		o->crc32 = o->crc32 ? o->crc32 : k->crc32;
		o->sum = o->sum ? o->sum : k->sum;
	}
}

void sl_resume_back(struct sl_xfer *x)
{
	struct sl_attempt *a = x->a;
	struct sl_upload *u = a->u;

	a->listing = false;
	if (!x->op.err) {
		fill_known(a);
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
	/* A checksum of 0 says that nobody knows it. */
	if (a->u->e->backend->sum && old->sum && old->sum != p->sum)
		return false;
	return old->size == p->size && old->crc32 && old->crc32 == p->crc;
}

void sl_resume_adopt(struct sl_attempt *a, const struct sl_part_buf *p)
{
	struct sl_part *slot = &a->parts[p->number - 1];

	*slot = a->old[p->number - 1];
	slot->sum = p->sum;
	a->acked++;
}

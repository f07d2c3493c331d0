/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration and what its credentials are good for. Rights are tried
 * without leaving anything: to list, the first entry is asked for; to write,
 * an upload gets its parts and is given up (doctor_rate.c); to delete, a key
 * that cannot exist is removed.
 */
#include "doctor.h"

#include <string.h>
#include <time.h>

#include "clock.h"
#include "migration/ledger.h"

#define STATUS_WAIT_MS 40000

/* The upload directory, reached as the mount would. */
static int open_backend(struct sl_doctor *d, struct sl_error *e)
{
	struct sl_backend_config cfg = {
		.url = d->view.bucket_dir,
		.endpoint = sl_options_endpoint(&d->o, d->view.bucket_dir),
		.creds = sl_migration_creds(d->migration),
		.http = d->http,
	};

	return sl_backend_open(&cfg, &d->backend, e);
}

static int start(struct sl_doctor *d, const char *id, struct sl_error *e)
{
	struct sl_migration_config cfg = {
		.http = d->http,
		.api_url = d->o.api_url,
		.token = d->o.token,
		.db_id = d->db_id,
		.migration_id = id,
	};

	return sl_migration_new(&cfg, &d->migration, e);
}

/* The first answer about it, good or bad; -ETIMEDOUT. */
static int await_view(struct sl_doctor *d, struct sl_error *e)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int64_t until = sl_mono_ms(&sl_clock_system) + STATUS_WAIT_MS;
	int r;

	for (;;) {
		r = sl_migration_get(d->migration, &d->view);
		if (r)
			return sl_error_set(e, -r, "out of memory");
		if (d->view.api_age_ms >= 0)
			return 0;
		if (d->view.api_error.errnum) {
			*e = d->view.api_error;
			return -e->errnum;
		}
		if (sl_mono_ms(&sl_clock_system) > until)
			return sl_error_set(e, ETIMEDOUT, "no answer");
		sl_migration_view_release(&d->view);
		nanosleep(&pause, NULL);
	}
}

static void tell_state(struct sl_doctor *d)
{
	const struct sl_migration_view *v = &d->view;

	if (sl_life_takes_files(v->life) && v->bucket_dir && *v->bucket_dir) {
		d->receiving = true;
		sl_doc(d, SL_DOC_OK, "%s is %s", v->id, v->status);
		return;
	}
	sl_doc(d, v->life == SL_LIFE_INITIALIZING ? SL_DOC_WARN : SL_DOC_FAIL,
	       "%s is %s, it takes no files", v->id, v->status);
	sl_doc_cure(d, v->life == SL_LIFE_INITIALIZING ?
		    "wait until it is ReceivingFiles, and ask again" :
		    "start another: 'echo new > MOUNTPOINT/.init'");
}

void sl_doc_migration(struct sl_doctor *d)
{
	SL_CLEANUP(free) char *id = NULL;
	struct sl_error e = { 0 };

	if (!d->db_id || !d->api) {
		sl_doc(d, SL_DOC_SKIP, "not looked at: see %s",
		       d->db_id ? "role" : "database");
		return;
	}
	id = d->o.migration ? strdup(d->o.migration) :
		sl_state_joined_get(d->o.state_dir, d->db_id, d->o.node_text);
	if (!id) {
		sl_doc(d, SL_DOC_SKIP, "none was joined here yet");
		sl_doc_cure(d, "to have the bucket looked at, start one and "
			    "give -o migration=UUID");
		return;
	}
	if (start(d, id, &e) || await_view(d, &e)) {
		sl_doc(d, SL_DOC_FAIL, "%s: %s", id, e.text);
		sl_doc_cure(d, "check the ID, and that it is of this "
			    "database");
		return;
	}
	tell_state(d);
}

/* Is the place told by an earlier check? Else says so. */
static bool reached(struct sl_doctor *d)
{
	if (d->backend)
		return true;
	sl_doc(d, SL_DOC_SKIP, "not tried: see %s",
	       d->receiving ? "bucket" : "migration");
	return false;
}

/* What an answer of the store means, by its status; the first that fits. */
static const struct {
	int lo, hi;
	const char *cure;
} answers[] = {
	{ 401, 403, "the credentials that the service gave do not carry this "
		    "right: ask the vendor's support, with this line" },
	{ 429, 429, "the store is in trouble, or a proxy before it: ask again "
		    "later; a mount would wait and go on by itself" },
	{ 500, 599, "the store is in trouble, or a proxy before it: ask again "
		    "later; a mount would wait and go on by itself" },
};

static void tell_trouble(struct sl_doctor *d, const struct sl_error *e)
{
	bool refused = e->errnum == EACCES || e->errnum == EKEYEXPIRED;
	int status = refused ? 403 : e->http_status;

	sl_doc(d, SL_DOC_FAIL, "%s", e->text);
	for (size_t i = 0; i < SL_ARRAY_LEN(answers); i++) {
		if (status < answers[i].lo || status > answers[i].hi)
			continue;
		sl_doc_cure(d, "%s", answers[i].cure);
		return;
	}
	sl_doc_way(d, "the bucket's host");
}

/* Asks for something that is never there: who answers is the store. */
void sl_doc_bucket(struct sl_doctor *d)
{
	struct sl_op op = { .key = "sideloadctl.doctor/absent",
			    .retry_for_ms = 10000 };
	struct sl_error e = { 0 };
	int r;

	if (!d->receiving) {
		sl_doc(d, SL_DOC_SKIP, "not tried: see migration");
		return;
	}
	r = open_backend(d, &e);
	if (r) {
		sl_doc(d, SL_DOC_FAIL, "%s", e.text);
		sl_doc_cure(d, "this version does not know that store");
		return;
	}
	r = sl_backend_wait(d->backend, sl_backend_head, &op);
	/* Who may not list is told 403 of what is not there. */
	if (r && r != -ENOENT && r != -EACCES) {
		tell_trouble(d, &op.error);
		return;
	}
	sl_doc(d, SL_DOC_OK, "%s answers%s%s%s", d->view.bucket_dir,
	       d->region[0] ? "; the database is in " : "", d->region,
	       d->region[0] ? ", copies are fastest from there" : "");
}

static int stop_at_first(struct sl_op *op, const struct sl_list_entry *entry)
{
	(void)op;
	(void)entry; /* that there is one is all */
	return -ECANCELED;
}

void sl_doc_list(struct sl_doctor *d)
{
	struct sl_op op = { .prefix = "", .on_entry = stop_at_first,
			    .retry_for_ms = 10000 };
	int r;

	if (!reached(d))
		return;
	r = sl_backend_wait(d->backend, sl_backend_list, &op);
	if (!r || r == -ECANCELED) {
		sl_doc(d, SL_DOC_OK, "%s", r ? "granted; files are there" :
		       "granted; the directory is empty");
		return;
	}
	tell_trouble(d, &op.error);
	if (r == -EACCES) {
		d->verdict = SL_DOC_WARN;
		sl_doc_cure(d, "copies work without it; the gate cannot see "
			    "the other nodes, so only 'launch anyway' goes "
			    "through");
	}
}

void sl_doc_write(struct sl_doctor *d)
{
	struct sl_error e = { 0 };

	if (!reached(d))
		return;
	if (sl_doc_measure(d, &e)) {
		tell_trouble(d, &e);
		return;
	}
	sl_doc(d, SL_DOC_OK, "granted; %.1f MB/s by %d requests side by side, "
	       "nothing was left", (double)d->rate / 1e6, d->side_by_side);
}

void sl_doc_delete(struct sl_doctor *d)
{
	struct sl_op op = { .key = "sideloadctl.doctor/absent",
			    .retry_for_ms = 10000 };
	int r;

	if (!reached(d))
		return;
	r = sl_backend_wait(d->backend, sl_backend_remove, &op);
	if (!r) {
		sl_doc(d, SL_DOC_OK, "granted");
		return;
	}
	tell_trouble(d, &op.error);
	if (r == -EACCES) {
		d->verdict = SL_DOC_WARN;
		sl_doc_cure(d, "copies work without it; what turns out wrong "
			    "after it was sent cannot be taken back, and needs "
			    "a new migration");
	}
}

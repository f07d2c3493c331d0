/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world around the control files, for test_control.c alone: what mount,
 * migration, engine and store would answer. The listing comes on a thread of
 * its own, as a backend's does.
 */
#ifndef SL_TEST_CONTROL_WORLD_H
#define SL_TEST_CONTROL_WORLD_H

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>
#include <strings.h>

#include "mount/clear.h"
#include "mount/control_internal.h"
#include "mount/readback.h"
#include "mount/store.h"
#include "mount/verdict.h"

#define ID "6b4e7a6e-1111-4222-8333-944455566677"

static struct {
	enum sl_life life;
	bool have_id, api_down, have_store;
	int command_result;	/* of sl_migration_command: SL_PARKED, -errno */
	int commands;
	enum sl_command last;
	char arg[128];
	struct sl_wait *parked;
	struct sl_error outcome;
	const char *json;
	int list_err;
	bool listed_alien, changing;
	struct sl_finding found;
	const char *upload; /* the id of an unfinished one of n2 */
	int uploads_err;
	int events;
	struct sl_store store;
	struct sl_backend backend;
} world;

static inline void set_store(bool have)
{
	__atomic_store_n(&world.have_store, have, __ATOMIC_RELAXED);
}

static const struct sl_ledger_row row_a = {
	.path = "n1/ks/t-00112233445566778899aabbccddeeff/snapshots/s/a",
	.state = SL_FILE_COMMITTED,
	.size = 5, .etag = "", .note = "",
};

int sl_render_metrics(struct sl_mount *m, struct sl_buf *out)
{
	(void)m;
	return sl_buf_puts(out, "up 1\n");
}

int sl_render_verify(struct sl_mount *m, struct sl_buf *out)
{
	(void)m;
	return sl_buf_puts(out, "judged\n");
}

int sl_render_schema(struct sl_mount *m, struct sl_buf *out)
{
	(void)m;
	return sl_buf_puts(out, "-- no schema\n");
}

bool sl_mount_nothing(struct sl_mount *m, char *text, size_t size)
{
	(void)m;
	(void)text;
	(void)size;
	return false;
}

void sl_mount_tell_nothing(struct sl_mount *m, bool at_end)
{
	(void)m;
	(void)at_end;
}

int sl_verdicts_all(struct sl_verdicts *vs, const char *node,
		    sl_found_fn *found, void *arg)
{
	(void)vs;
	(void)node;
	if (world.found.rule)
		found(arg, &world.found);
	return 0;
}

struct sl_leftovers *sl_store_leftovers(struct sl_store *s)
{
	(void)s;
	return NULL;
}

bool sl_leftovers_has(struct sl_leftovers *l, const char *id)
{
	(void)l;
	return !strcmp(id, "ours");
}

void sl_clear_launched(struct sl_store *s, const struct sl_gate *g)
{
	(void)s;
	(void)g;
}

int sl_clear_each(struct sl_mount *m, const struct sl_migration_view *v,
		  int (*each)(void *arg, const struct sl_clear_node *n),
		  void *arg)
{
	const struct sl_clear_node n = { .node = "n1", .why = "not yet" };

	(void)m;
	(void)v;
	return each(arg, &n);
}

int sl_act_verify(struct sl_mount *m, const char *line, struct sl_wait *w,
		  struct sl_error *e)
{
	(void)m;
	(void)w;
	return strcmp(line, "verify") ? sl_error_set(e, EINVAL, "no") : 0;
}

void sl_readback_cancel_locked(struct sl_controls *cs)
{
	(void)cs;
}

void sl_readback_forget(char **paths, size_t count)
{
	(void)paths;
	(void)count;
}

struct sl_store *sl_mount_store(struct sl_mount *m, struct sl_error *e)
{
	(void)m;
	/* The worker asks for its rate sample at any time. */
	if (__atomic_load_n(&world.have_store, __ATOMIC_RELAXED))
		return &world.store;
	sl_error_set(e, EROFS, "no store");
	return NULL;
}

void sl_store_unref(struct sl_store *s)
{
	(void)s;
}

int sl_store_ledger_error(struct sl_store *s, struct sl_error *e)
{
	(void)s;
	(void)e;
	return 0;
}

bool sl_mount_unclean(struct sl_mount *m)
{
	(void)m;
	return false;
}

void sl_mount_counts(struct sl_mount *m, struct sl_counts *ret)
{
	(void)m;
	memset(ret, 0, sizeof(*ret));
	ret->n[SL_FILE_COMMITTED] = 1;
	ret->bytes[SL_FILE_COMMITTED] = 5;
	if (world.changing)
		ret->n[SL_FILE_FAILED] = (uint64_t)++world.events;
}

int sl_mount_rows(struct sl_mount *m,
		  int (*row)(void *, const struct sl_ledger_row *), void *arg)
{
	(void)m;
	return row(arg, &row_a);
}

int sl_mount_own_nodes(struct sl_mount *m, char ***ret, int *ret_count)
{
	(void)m;
	*ret = calloc(1, sizeof(**ret));
	(*ret)[0] = strdup("n1");
	*ret_count = 1;
	return 0;
}

void sl_mount_event(struct sl_mount *m, int errnum, const char *path,
		    const char *text, const struct sl_error *detail)
{
	(void)m;
	(void)errnum;
	(void)path;
	(void)text;
	(void)detail;
	world.events++;
}

int sl_mount_errors(struct sl_mount *m, struct sl_buf *out)
{
	(void)m;
	return sl_buf_puts(out, "errors\n");
}

int sl_mount_skipped(struct sl_mount *m, struct sl_buf *out)
{
	(void)m;
	return sl_buf_puts(out, "skipped\n");
}

int sl_options_help(struct sl_buf *out)
{
	return sl_buf_puts(out, "options\n");
}

const char *sl_options_endpoint(const struct sl_options *o, const char *url)
{
	(void)url;
	return o->s3_endpoint;
}

int sl_migration_get(struct sl_migration *m, struct sl_migration_view *v)
{
	(void)m;
	memset(v, 0, sizeof(*v));
	v->life = world.life;
	v->api_age_ms = world.api_down ? -1 : 1500;
	v->cred_state = "none";
	snprintf(v->status, sizeof(v->status), "%s", sl_life_name(world.life));
	if (world.have_id)
		snprintf(v->id, sizeof(v->id), "%s", ID);
	if (world.api_down)
		sl_error_set(&v->api_error, ETIMEDOUT, "no answer");
	v->json = world.json ? strdup(world.json) : NULL;
	v->progress_info = strdup("schema differs");
	return 0;
}

void sl_migration_view_release(struct sl_migration_view *v)
{
	free(v->json);
	free(v->progress_info);
}

int sl_migration_command(struct sl_migration *m, enum sl_command c,
			 const char *arg, struct sl_wait *w,
			 struct sl_error *e)
{
	(void)m;
	world.commands++;
	world.last = c;
	snprintf(world.arg, sizeof(world.arg), "%s", arg ? arg : "");
	if (world.command_result < 0)
		return sl_error_set(e, -world.command_result, "not now");
	__atomic_store_n(&world.parked, w, __ATOMIC_RELEASE);
	return SL_PARKED;
}

void sl_migration_outcome(struct sl_migration *m, enum sl_command c,
			  struct sl_error *ret)
{
	(void)m;
	(void)c;
	*ret = world.outcome;
}

int sl_migration_await(struct sl_migration *m, const char *status,
		       struct sl_wait *w)
{
	(void)m;
	if (!strcasecmp(status, sl_life_name(world.life)))
		return 0;
	__atomic_store_n(&world.parked, w, __ATOMIC_RELEASE);
	return SL_PARKED;
}

void sl_migration_interrupt(struct sl_migration *m, struct sl_wait *w)
{
	(void)m;
	assert_ptr_equal(w, world.parked);
}

void sl_engine_get_stats(struct sl_engine *e, struct sl_engine_stats *ret)
{
	(void)e;
	memset(ret, 0, sizeof(*ret));
	ret->budget = 64;
}

enum sl_proof sl_backend_proof(const struct sl_backend *b)
{
	(void)b;
	return SL_PROOF_CRC32;
}

bool sl_backend_trouble(struct sl_backend *b, struct sl_error *ret)
{
	(void)b;
	(void)ret;
	return false;
}

void sl_backend_cancel(struct sl_backend *b, struct sl_op *op)
{
	(void)b;
	(void)op;
}

static void list_one(struct sl_op *op, const char *key)
{
	struct sl_list_entry entry = { .key = key, .obj.size = 5 };

	op->err = op->on_entry(op, &entry);
}

static void *lister(void *arg)
{
	struct sl_op *op = arg;

	list_one(op, row_a.path);
	if (world.listed_alien)
		list_one(op, "n1/ks/t-00112233445566778899aabbccddeeff/"
			 "snapshots/s/alien");
	if (world.list_err)
		op->err = world.list_err;
	op->done(op);
	return NULL;
}

void sl_backend_list(struct sl_backend *b, struct sl_op *op)
{
	pthread_t t;

	(void)b;
	assert_int_equal(pthread_create(&t, NULL, lister, op), 0);
	assert_int_equal(pthread_detach(t), 0);
}

static void *uploads_main(void *arg)
{
	struct sl_op *op = arg;
	struct sl_upload_entry entry = {
		.key = "n2/ks/x", .upload_id = world.upload,
	};

	op->err = world.uploads_err;
	if (world.upload && !op->err)
		op->err = op->on_upload(op, &entry);
	op->done(op);
	return NULL;
}

void sl_backend_uploads(struct sl_backend *b, struct sl_op *op)
{
	pthread_t t;

	(void)b;
	assert_int_equal(pthread_create(&t, NULL, uploads_main, op), 0);
	assert_int_equal(pthread_detach(t), 0);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .status: the vendor's document as it came, without secrets, and what this
 * mount knows under "local". Always one JSON document, whatever is down; its
 * fields are only ever added to, because scripts read them.
 */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "clock.h"
#include "mount/clear.h"
#include "mount/control_internal.h"
#include "mount/store.h"
#include "mount/verdict.h"

static void sl_cleanup_cjson(cJSON **j)
{
	cJSON_Delete(*j);
}

/* A document under construction; 'bad' sticks and is looked at once. */
struct doc {
	struct sl_mount *m;
	const struct sl_migration_view *v;
	struct sl_store *store; /* or NULL */
	struct sl_error store_error;
	bool bad;
};

static void check(struct doc *d, const void *added)
{
	if (!added)
		d->bad = true;
}

static void put_number(struct doc *d, cJSON *o, const char *name, double n)
{
	check(d, cJSON_AddNumberToObject(o, name, n));
}

static void put_null(struct doc *d, cJSON *o, const char *name)
{
	check(d, cJSON_AddNullToObject(o, name));
}

/* NULL or "" becomes null. */
static void put_text(struct doc *d, cJSON *o, const char *name, const char *s)
{
	if (s && s[0])
		check(d, cJSON_AddStringToObject(o, name, s));
	else
		put_null(d, o, name);
}

static void put_time(struct doc *d, cJSON *o, const char *name, int64_t ms)
{
	char time[32] = "";

	if (ms)
		sl_time_format(time, sizeof(time), ms);
	put_text(d, o, name, time);
}

static cJSON *put_object(struct doc *d, cJSON *o, const char *name)
{
	cJSON *child = cJSON_AddObjectToObject(o, name);

	check(d, child);
	return child;
}

static void put_verdicts(struct doc *d, cJSON *local,
			 const struct sl_counts *c)
{
	cJSON *o = put_object(d, local, "verdicts");
	char text[SL_VERDICT_TEXT] = "";

	for (int i = 0; i < SL_VERDICTS; i++)
		put_number(d, o, sl_verdict_name((enum sl_judgement)i),
			   (double)c->verdict[i]);
	if (!sl_mount_nothing(d->m, text, sizeof(text)))
		text[0] = '\0';
	put_text(d, local, "nothing", text);
}

static void put_files(struct doc *d, cJSON *local)
{
	cJSON *files = put_object(d, local, "files");
	struct sl_counts c;

	sl_mount_counts(d->m, &c);
	for (int i = 0; i < SL_FILE__COUNT; i++) {
		if (i != SL_FILE_DIR)
			put_number(d, files,
				   sl_file_state_name((enum sl_file_state)i),
				   (double)c.n[i]);
	}
	put_number(d, local, "bytes", (double)c.bytes[SL_FILE_COMMITTED]);
	put_verdicts(d, local, &c);
}

/*
 * The rate, and how long what was taken already needs to be sent; what the
 * copy tool has not brought yet nobody knows.
 */
static void put_speed(struct doc *d, cJSON *local,
		      const struct sl_engine_stats *st)
{
	struct sl_controls *cs = d->m->controls;
	double rate;

	sl_mutex_lock(&cs->mu);
	rate = sl_rate_get(&cs->rate);
	sl_mutex_unlock(&cs->mu);
	if (rate < 0)
		put_null(d, local, "rate");
	else
		put_number(d, local, "rate", floor(rate));
	if (!d->store || (st->used && rate < 1))
		put_null(d, local, "eta_s");
	else
		put_number(d, local, "eta_s",
			   st->used ? ceil((double)st->used / rate) : 0);
}

static void put_engine(struct doc *d, cJSON *local)
{
	struct sl_engine_stats st = { 0 };
	cJSON *budget;

	if (d->store)
		sl_engine_get_stats(d->store->engine, &st);
	put_speed(d, local, &st);
	budget = put_object(d, local, "budget");
	put_number(d, budget, "total", d->store ? (double)st.budget :
		   (double)d->m->opt->memory);
	put_number(d, budget, "used", (double)st.used);
	put_number(d, local, "blocked_writes", st.blocked_writes);
	put_number(d, local, "requests", st.in_flight);
	if (sl_mount_rate(d->m))
		put_number(d, local, "rate_limit",
			   (double)sl_mount_rate(d->m));
	else
		put_null(d, local, "rate_limit");
}

static void put_service(struct doc *d, cJSON *local)
{
	const struct sl_migration_view *v = d->v;
	cJSON *o = put_object(d, local, "credentials");

	put_time(d, o, "expires", v->cred_expires_ms);
	put_text(d, o, "state", v->cred_state);
	put_text(d, o, "reason", v->cred_reason);
	o = put_object(d, local, "api");
	if (v->api_age_ms < 0)
		put_null(d, o, "age_s");
	else
		put_number(d, o, "age_s", floor((double)v->api_age_ms / 1000));
	put_text(d, o, "error", v->api_error.errnum ? v->api_error.text :
		 NULL);
	put_time(d, local, "cleanup", v->cleanup_ms);
	o = put_object(d, local, "cleanup_watch");
	put_text(d, o, "state", v->cleanup_state);
	put_text(d, o, "text", v->cleanup_text);
}

/* Why there is no store, or why it keeps everybody waiting. */
static const char *store_trouble(struct doc *d)
{
	if (!d->store || sl_backend_trouble(d->store->backend,
					    &d->store_error))
		return d->store_error.text;
	return NULL;
}

static void put_store(struct doc *d, cJSON *local)
{
	static const char *const proofs[] = {
		[SL_PROOF_NONE] = "none",
		[SL_PROOF_CRC32] = "crc32",
		[SL_PROOF_MD5] = "md5",
		[SL_PROOF_CRC32C] = "crc32c",
		[SL_PROOF_CRC64] = "crc64",
	};
	const struct sl_options *opt = d->m->opt;
	const char *endpoint;
	cJSON *o = put_object(d, local, "store");
	int del = d->store ? __atomic_load_n(&d->store->delete_ok,
					     __ATOMIC_RELAXED) : -1;

	put_text(d, o, "checksum", d->store ?
		 proofs[sl_backend_proof(d->store->backend)] : NULL);
	if (del < 0)
		put_null(d, o, "delete");
	else
		check(d, cJSON_AddBoolToObject(o, "delete", del));
	put_text(d, o, "error", store_trouble(d));
	o = put_object(d, local, "endpoints");
	put_text(d, o, "api", opt->api_url);
	/* Which of the clouds it will be is not known before there is one. */
	endpoint = d->store ? sl_options_endpoint(opt, d->store->url) :
		   opt->s3_endpoint ? opt->s3_endpoint : opt->gcs_endpoint;
	put_text(d, o, "store", endpoint ? endpoint :
		 d->store ? d->store->url : NULL);
}

static void put_gate(struct doc *d, cJSON *local)
{
	struct sl_controls *cs = d->m->controls;
	struct sl_gate_summary s;
	cJSON *o, *findings, *warnings;

	sl_mutex_lock(&cs->mu);
	s = cs->gate;
	sl_mutex_unlock(&cs->mu);
	if (!s.any) {
		put_null(d, local, "gate");
		return;
	}
	o = put_object(d, local, "gate");
	put_text(d, o, "result", s.open ? "open" : "closed");
	put_time(d, o, "at", s.wall_ms);
	put_text(d, o, "errno", s.errnum ? sl_errno_name(s.errnum) : NULL);
	put_text(d, o, "text", s.text);
	findings = put_object(d, o, "findings");
	warnings = put_object(d, o, "warnings");
	for (size_t i = 0; i < SL_GATE_COUNTS; i++) {
		bool closes;
		const char *name = sl_gate_count_name(i, &closes);

		if (s.count[i])
			put_number(d, closes ? findings : warnings, name,
				   (double)s.count[i]);
	}
}

static void put_ledger(struct doc *d, cJSON *local)
{
	struct sl_error e = { 0 };
	cJSON *o = put_object(d, local, "ledger");

	if (d->store && sl_store_ledger_error(d->store, &e))
		put_text(d, o, "error", e.text);
	else
		put_null(d, o, "error");
	check(d, cJSON_AddBoolToObject(o, "unclean", sl_mount_unclean(d->m)));
}

static void put_process(struct doc *d, cJSON *local)
{
	const struct sl_mount *m = d->m;
	int64_t up = sl_mono_ms(&sl_clock_system) - m->started_mono_ms;

	put_text(d, local, "version", SL_VERSION);
	put_number(d, local, "pid", getpid());
	put_number(d, local, "uptime_s", floor((double)up / 1000));
	put_text(d, local, "mount", m->opt->mountpoint);
	put_number(d, local, "open_files",
		   __atomic_load_n(&m->open_files, __ATOMIC_RELAXED));
}

struct nodes {
	struct doc *d;
	cJSON *list;
};

static int put_clear_node(void *arg, const struct sl_clear_node *n)
{
	struct nodes *ns = arg;
	cJSON *o = cJSON_CreateObject();

	check(ns->d, o);
	if (!o || !cJSON_AddItemToArray(ns->list, o)) {
		cJSON_Delete(o);
		return -ENOMEM;
	}
	put_text(ns->d, o, "node", n->node);
	put_number(ns->d, o, "files", (double)n->files);
	put_number(ns->d, o, "bytes", (double)n->bytes);
	check(ns->d, cJSON_AddBoolToObject(o, "safe_to_clear", n->safe));
	put_text(ns->d, o, "why", n->why);
	return 0;
}

/* When the snapshots on the origin may go. */
static void put_clear(struct doc *d, cJSON *local)
{
	struct nodes ns = {
		.d = d,
		.list = cJSON_AddArrayToObject(local, "nodes"),
	};

	check(d, ns.list);
	if (ns.list && sl_clear_each(d->m, d->v, put_clear_node, &ns))
		d->bad = true;
}

static void put_local(struct doc *d, cJSON *root)
{
	cJSON *local = put_object(d, root, "local");

	put_text(d, local, "node", d->m->opt->node_text);
	put_files(d, local);
	put_engine(d, local);
	put_service(d, local);
	put_store(d, local);
	put_gate(d, local);
	put_clear(d, local);
	put_ledger(d, local);
	put_process(d, local);
}

/* The vendor's document, or what is known without one. */
static cJSON *make_root(struct doc *d)
{
	const struct sl_migration_view *v = d->v;
	cJSON *root = v->json ? cJSON_Parse(v->json) : NULL;

	if (cJSON_IsObject(root)) {
		/* Ours must be the only "local" there is. */
		cJSON_DeleteItemFromObjectCaseSensitive(root, "local");
		return root;
	}
	cJSON_Delete(root);
	root = cJSON_CreateObject();
	if (!root)
		return NULL;
	if (v->id[0]) {
		put_text(d, root, "migrationID", v->id);
		put_text(d, root, "dbID", d->m->opt->db_id);
		put_text(d, root, "status",
			 v->status[0] ? v->status : "unknown");
	} else {
		put_text(d, root, "status", "none");
	}
	return root;
}

static int render(struct doc *d, struct sl_buf *out)
{
	SL_CLEANUP(cjson) cJSON *root = make_root(d);
	SL_CLEANUP(free) char *text = NULL;

	if (!root)
		return -ENOMEM;
	put_local(d, root);
	text = d->bad ? NULL : cJSON_Print(root);
	if (!text)
		return -ENOMEM;
	sl_buf_puts(out, text);
	return sl_buf_puts(out, "\n");
}

int sl_render_status(struct sl_mount *m, struct sl_buf *out)
{
	SL_CLEANUP(store) struct sl_store *s = NULL;
	struct sl_migration_view v;
	struct doc d = { .m = m, .v = &v };
	int r = sl_migration_get(m->migration, &v);

	if (r)
		return r;
	s = sl_mount_store(m, &d.store_error);
	d.store = s;
	r = render(&d, out);
	sl_migration_view_release(&v);
	return r;
}

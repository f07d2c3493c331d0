/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .metrics in Prometheus' text format 0.0.4: one table of names, types, help
 * texts and where the number comes from. Asks nobody who could take long:
 * all is counted here already. Names and labels are only ever added to.
 *
 * Counters never go back while the mount lives, also when another migration
 * brings another engine: what the last one had is kept as a base.
 */
#include "mount/metrics.h"

#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "mount/control_internal.h"
#include "mount/readahead.h"
#include "mount/store.h"

#define ERRNO_MAX 160

static const char *const methods[] = {
	"GET", "PUT", "POST", "HEAD", "DELETE", "PATCH", "other",
};

static const char *const classes[] = {
	"none", "1xx", "2xx", "3xx", "4xx", "5xx",
};

struct sl_metrics {
	/* Atomic: counted on the HTTP threads. */
	uint64_t requests[SL_ARRAY_LEN(methods)][SL_ARRAY_LEN(classes)];
	uint64_t errors[ERRNO_MAX];
	uint64_t failed, throttled;
	struct sl_mutex mu;
	char migration_id[37] SL_GUARDED_BY(mu);
	uint64_t sent_base, sent_last SL_GUARDED_BY(mu);
	uint64_t refreshes SL_GUARDED_BY(mu);
};

int sl_metrics_new(struct sl_metrics **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	sl_mutex_init(&(*ret)->mu);
	return 0;
}

void sl_metrics_free(struct sl_metrics *ms)
{
	if (!ms)
		return;
	sl_mutex_release(&ms->mu);
	free(ms);
}

static void count(uint64_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static uint64_t value(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_RELAXED);
}

void sl_metrics_observe(void *arg, const char *method, int status, int err,
			uint64_t bytes_up)
{
	struct sl_metrics *ms = arg;
	size_t i = 0, class = status > 0 ? (size_t)status / 100 : 0;

	(void)bytes_up; /* the client sums them itself */
	while (i + 1 < SL_ARRAY_LEN(methods) && strcmp(methods[i], method))
		i++;
	count(&ms->requests[i][class < SL_ARRAY_LEN(classes) ? class : 0]);
	if (status == 429 || status == 503)
		count(&ms->throttled);
	if (!err)
		return;
	count(&ms->failed);
	count(&ms->errors[-err > 0 && -err < ERRNO_MAX ? -err : EIO]);
}

/* All that the table looks at, taken once for a report. */
struct look {
	struct sl_mount *m;
	struct sl_buf *out;
	const char *name;
	struct sl_migration_view v;
	struct sl_counts files;
	struct sl_engine_stats engine;
	struct sl_http_stats http;
	struct sl_readers_stats reads;
	bool store, ledger_failed, unclean;
	uint64_t sent, refreshes;
	int64_t now_ms;
};

static void put_labelled(struct look *l, const char *label, const char *text,
			 double n)
{
	sl_buf_printf(l->out, "%s{%s=\"", l->name, label);
	for (; *text; text++) {
		if (*text == '\n')
			sl_buf_puts(l->out, "\\n");
		else
			sl_buf_printf(l->out, *text == '\\' || *text == '"' ?
				      "\\%c" : "%c", *text);
	}
	sl_buf_printf(l->out, "\"} %.17g\n", n);
}

static void put_files(struct look *l)
{
	for (int i = 0; i < SL_FILE__COUNT; i++)
		if (i != SL_FILE_DIR)
			put_labelled(l, "state", sl_file_state_name(
					     (enum sl_file_state)i),
				     (double)l->files.n[i]);
}

static void put_file_bytes(struct look *l)
{
	for (int i = 0; i < SL_FILE__COUNT; i++)
		if (i != SL_FILE_DIR)
			put_labelled(l, "state", sl_file_state_name(
					     (enum sl_file_state)i),
				     (double)l->files.bytes[i]);
}

static void put_requests(struct look *l)
{
	struct sl_metrics *ms = l->m->metrics;

	for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++)
		for (size_t k = 0; k < SL_ARRAY_LEN(classes); k++)
			if (value(&ms->requests[i][k]))
				sl_buf_printf(l->out, "%s{method=\"%s\","
					      "status=\"%s\"} %" PRIu64 "\n",
					      l->name, methods[i], classes[k],
					      value(&ms->requests[i][k]));
}

static void put_errors(struct look *l)
{
	struct sl_metrics *ms = l->m->metrics;

	for (int i = 1; i < ERRNO_MAX; i++)
		if (value(&ms->errors[i]))
			put_labelled(l, "errno", sl_errno_name(i),
				     (double)value(&ms->errors[i]));
}

static void put_status(struct look *l)
{
	for (int i = 0; i < SL_LIFE__COUNT; i++)
		put_labelled(l, "status", sl_life_name((enum sl_life)i),
			     l->v.life == (enum sl_life)i);
}

static void put_build(struct look *l)
{
	put_labelled(l, "version", SL_VERSION, 1);
}

static void put_node(struct look *l)
{
	put_labelled(l, "node", l->m->opt->node_text, 1);
}

/* Not a number: not known. */
#define UNKNOWN __builtin_nan("")

#define GETTER(name, expression) \
	static double get_##name(const struct look *l) \
	{ \
		return (double)(expression); \
	}
GETTER(sent, l->sent)
GETTER(http_sent, l->http.bytes_up)
GETTER(budget, l->store ? l->engine.budget : l->m->opt->memory)
GETTER(used, l->engine.used)
GETTER(blocked, l->engine.blocked_writes)
GETTER(uploads, l->engine.uploads)
GETTER(open, __atomic_load_n(&l->m->open_files, __ATOMIC_RELAXED))
GETTER(in_flight, l->http.in_flight)
GETTER(waiting, l->http.waiting)
GETTER(failed, value(&l->m->metrics->failed))
GETTER(throttled, value(&l->m->metrics->throttled))
GETTER(refreshes, l->refreshes)
GETTER(expiry, l->v.cred_expires_ms ? (double)(l->v.cred_expires_ms -
	l->now_ms - l->v.server_offset_ms) / 1000 : UNKNOWN)
GETTER(api_age, l->v.api_age_ms < 0 ? UNKNOWN :
	(double)l->v.api_age_ms / 1000)
GETTER(api_up, l->v.api_age_ms >= 0 && !l->v.api_error.errnum)
GETTER(cleanup, l->v.cleanup_ms ? (double)l->v.cleanup_ms / 1000 : UNKNOWN)
GETTER(read_given, l->reads.given)
GETTER(read_fetched, l->reads.fetched)
GETTER(read_ahead, l->reads.ahead)
GETTER(read_single, l->reads.single)
GETTER(read_used, l->reads.used)
GETTER(read_limit, l->reads.limit)
GETTER(read_waiting, l->reads.waiting)
GETTER(ledger_ok, !l->ledger_failed)
GETTER(unclean, l->unclean)
GETTER(started, (double)(l->now_ms - sl_mono_ms(&sl_clock_system) +
	l->m->started_mono_ms) / 1000)

static const struct metric {
	const char *name, *type, *help;
	double (*get)(const struct look *l); /* or: */
	void (*put)(struct look *l);
} table[] = {
	{ "build_info", "gauge", "1, with the version.", NULL, put_build },
	{ "node_info", "gauge", "1, with the nodes that are copied here.",
	  NULL, put_node },
	{ "start_time_seconds", "gauge", "When the mount began, Unix time.",
	  get_started, NULL },
	{ "migration_status", "gauge", "1 for the status the migration has.",
	  NULL, put_status },
	{ "files", "gauge", "Files of this mount's nodes by state.",
	  NULL, put_files },
	{ "file_bytes", "gauge", "Sizes of these files, summed up.",
	  NULL, put_file_bytes },
	{ "open_files", "gauge", "Descriptors open for writing.",
	  get_open, NULL },
	{ "uploads", "gauge", "Files on their way.", get_uploads, NULL },
	{ "uploaded_bytes_total", "counter",
	  "Bytes of files that the store has acknowledged.", get_sent, NULL },
	{ "budget_limit_bytes", "gauge", "Memory for bytes on their way.",
	  get_budget, NULL },
	{ "budget_used_bytes", "gauge", "Bytes taken and not yet stored.",
	  get_used, NULL },
	{ "blocked_writes", "gauge", "Writes that wait for memory.",
	  get_blocked, NULL },
	{ "http_requests_total", "counter",
	  "Attempts by method and class of status; none: no answer.",
	  NULL, put_requests },
	{ "http_sent_bytes_total", "counter",
	  "Bytes of request bodies, repetitions included.",
	  get_http_sent, NULL },
	{ "http_failed_attempts_total", "counter",
	  "Attempts that failed; most are repeated.", get_failed, NULL },
	{ "http_errors_total", "counter", "Failed attempts by errno.",
	  NULL, put_errors },
	{ "http_throttled_total", "counter",
	  "Answers that asked to slow down (429, 503).",
	  get_throttled, NULL },
	{ "http_in_flight", "gauge", "Requests under way.",
	  get_in_flight, NULL },
	{ "http_waiting", "gauge",
	  "Requests that wait for a connection, a pause or credentials.",
	  get_waiting, NULL },
	{ "credential_refreshes_total", "counter",
	  "Sets of credentials that the service gave.", get_refreshes, NULL },
	{ "credential_expiry_seconds", "gauge",
	  "Until the credentials expire; NaN: not known.", get_expiry, NULL },
	{ "api_up", "gauge", "1 if the last answer of the DevOps API was good.",
	  get_api_up, NULL },
	{ "api_age_seconds", "gauge",
	  "Since its last good answer; NaN: there was none.",
	  get_api_age, NULL },
	{ "cleanup_time_seconds", "gauge",
	  "When the service deletes the files, Unix time; NaN: not known.",
	  get_cleanup, NULL },
	{ "read_bytes_total", "counter", "Bytes given to readers.",
	  get_read_given, NULL },
	{ "read_fetched_bytes_total", "counter",
	  "Bytes that came from the store for readers.",
	  get_read_fetched, NULL },
	{ "read_ahead_requests_total", "counter",
	  "Ranges that were fetched ahead.", get_read_ahead, NULL },
	{ "read_single_requests_total", "counter",
	  "Ranges that were fetched for one read.", get_read_single, NULL },
	{ "read_ahead_used_bytes", "gauge", "Memory of read-ahead.",
	  get_read_used, NULL },
	{ "read_ahead_limit_bytes", "gauge", "The most it may be.",
	  get_read_limit, NULL },
	{ "read_waiting", "gauge", "Reads that wait for bytes.",
	  get_read_waiting, NULL },
	{ "ledger_up", "gauge", "0 when the ledger cannot be written.",
	  get_ledger_ok, NULL },
	{ "ledger_unclean", "gauge",
	  "1 when an earlier run was cut and the copy not run again.",
	  get_unclean, NULL },
};

static void count_sent(struct look *l, const char *migration_id)
{
	struct sl_metrics *ms = l->m->metrics;
	struct sl_cred *c = sl_cred_get(sl_migration_creds(l->m->migration));

	sl_mutex_lock(&ms->mu);
	if (strcmp(ms->migration_id, migration_id) && l->store) {
		ms->sent_base += ms->sent_last;
		ms->sent_last = 0;
		snprintf(ms->migration_id, sizeof(ms->migration_id), "%s",
			 migration_id);
	}
	if (l->engine.bytes_sent > ms->sent_last)
		ms->sent_last = l->engine.bytes_sent;
	if (c && c->generation > ms->refreshes)
		ms->refreshes = c->generation;
	l->sent = ms->sent_base + ms->sent_last;
	l->refreshes = ms->refreshes;
	sl_mutex_unlock(&ms->mu);
	sl_cred_unref(c);
}

static void look_at_store(struct look *l)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(l->m, NULL);
	struct sl_error e = { 0 };

	l->store = s;
	if (s) {
		sl_engine_get_stats(s->engine, &l->engine);
		l->ledger_failed = sl_store_ledger_error(s, &e);
	}
	count_sent(l, s ? s->migration_id : "");
}

static void look_at_all(struct look *l)
{
	look_at_store(l);
	l->unclean = sl_mount_unclean(l->m);
	sl_mount_counts(l->m, &l->files);
	sl_http_get_stats(l->m->http, &l->http);
	sl_readers_get_stats(l->m->readers, &l->reads);
	l->now_ms = sl_wall_ms(&sl_clock_system);
}

static void put_number(struct look *l, double n)
{
	if (__builtin_isnan(n)) /* printf may write -nan */
		sl_buf_printf(l->out, "%s NaN\n", l->name);
	else
		sl_buf_printf(l->out, "%s %.17g\n", l->name, n);
}

int sl_render_metrics(struct sl_mount *m, struct sl_buf *out)
{
	struct look l = { .m = m, .out = out };
	char name[64];
	int r = sl_migration_get(m->migration, &l.v);

	if (r) /* a comment, because scrapers parse what they get */
		return sl_buf_puts(out, "# out of memory\n");
	look_at_all(&l);
	l.name = name;
	for (size_t i = 0; i < SL_ARRAY_LEN(table); i++) {
		const struct metric *t = &table[i];

		snprintf(name, sizeof(name), "sideloadfs_%s", t->name);
		sl_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name,
			      t->help, name, t->type);
		if (t->put)
			t->put(&l);
		else
			put_number(&l, t->get(&l));
	}
	sl_migration_view_release(&l.v);
	return sl_buf_error(out);
}

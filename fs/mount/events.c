/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong and what was left out, as text for people: the ring behind
 * .errors, and .skipped from the tree. A line of .errors always has: time,
 * path, errno name, what happened with what to do, the provider's code and
 * request id.
 */
#include "mount/events.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "mount/store.h"
#include "mount/tree.h"

#define EVENTS_KEPT 1000

struct sl_events {
	struct sl_mutex mu; /* leaf */
	char *line[EVENTS_KEPT] SL_GUARDED_BY(mu);
	size_t next SL_GUARDED_BY(mu);
	uint64_t total SL_GUARDED_BY(mu);
};

int sl_events_new(struct sl_events **ret)
{
	struct sl_events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return -ENOMEM;
	sl_mutex_init(&ev->mu);
	*ret = ev;
	return 0;
}

void sl_events_free(struct sl_events *ev)
{
	if (!ev)
		return;
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		free(ev->line[i]);
	sl_mutex_release(&ev->mu);
	free(ev);
}

static char *format_line(int errnum, const char *path, const char *text,
			 const struct sl_error *d)
{
	struct sl_buf b = SL_BUF_INIT(4096);
	char when[32], clean[1200];

	sl_time_format(when, sizeof(when), sl_wall_ms(&sl_clock_system));
	sl_text_clean(clean, sizeof(clean), path ? path : "-",
		      path ? strlen(path) : 1);
	sl_buf_printf(&b, "%s %s %s: %s", when,
		      errnum ? sl_errno_name(errnum) : "note", clean, text);
	if (d && d->text[0] && strcmp(d->text, text))
		sl_buf_printf(&b, ": %s", d->text);
	if (d && d->http_status)
		sl_buf_printf(&b, " (HTTP %d", d->http_status);
	if (d && d->http_status && d->code[0])
		sl_buf_printf(&b, " %s", d->code);
	if (d && d->http_status && d->request_id[0])
		sl_buf_printf(&b, ", request %s", d->request_id);
	if (d && d->http_status)
		sl_buf_puts(&b, ")");
	return sl_buf_steal(&b);
}

void sl_mount_event(struct sl_mount *m, int errnum, const char *path,
		    const char *text, const struct sl_error *detail)
{
	struct sl_events *ev = m->events;
	char *line = format_line(errnum, path, text, detail);
	struct sl_store *s;

	if (!line) {
		sl_log_err("out of memory noting: %s", text);
		return;
	}
	sl_text_redact(line);
	sl_log(errnum ? SL_LOG_WARN : SL_LOG_INFO, "%s", line);
	s = sl_mount_store(m, NULL);
	if (s)
		sl_store_event(s, errnum, path ? path : "", text);
	sl_store_unref(s);
	SL_LOCK_SCOPE(&ev->mu);
	free(ev->line[ev->next]);
	ev->line[ev->next] = line;
	ev->next = (ev->next + 1) % EVENTS_KEPT;
	ev->total++;
}

int sl_mount_errors(struct sl_mount *m, struct sl_buf *out)
{
	struct sl_events *ev = m->events;

	SL_LOCK_SCOPE(&ev->mu);
	for (size_t i = 0; i < EVENTS_KEPT; i++) {
		const char *line = ev->line[(ev->next + i) % EVENTS_KEPT];

		if (line)
			sl_buf_printf(out, "%s\n", line);
	}
	if (ev->total > EVENTS_KEPT)
		sl_buf_printf(out, "(%llu older lines are in the log)\n",
			      (unsigned long long)ev->total - EVENTS_KEPT);
	return sl_buf_error(out);
}

/* A name from a tool, made fit for a line: control bytes are escaped. */
static void put_path(struct sl_buf *out, const char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (c < 0x20 || c == 0x7f || c == '\\')
			sl_buf_printf(out, "\\x%02x", c);
		else
			sl_buf_append(out, path, 1);
	}
}

static void put_rule(struct sl_buf *out, const struct sl_rule_info *rule)
{
	sl_buf_printf(out, "\t%s\t%s%s%s\n", rule->name, rule->sentence,
		      *rule->cure ? "; " : "", rule->cure);
}

int sl_mount_refuse(struct sl_mount *m, const char *path, enum sl_rule why,
		    struct sl_error *e)
{
	const struct sl_rule_info *rule = sl_rule_info(why);
	struct sl_error said = { 0 };
	int r = sl_error_set(&said, EOPNOTSUPP, "%s: %s%s%s", rule->name,
			     rule->sentence, *rule->cure ? "; " : "",
			     rule->cure);

	__atomic_add_fetch(&m->refused, 1, __ATOMIC_RELAXED);

	sl_mount_event(m, EOPNOTSUPP, path, said.text, NULL);
	if (e)
		*e = said;
	return r;
}

int sl_mount_skipped(struct sl_mount *m, struct sl_buf *out)
{
	struct sl_tree *t = m->tree;
	char path[SL_PATH_MAX];

	SL_LOCK_SCOPE(&t->mu);
	for (struct sl_node *n = t->root; n;
	     n = sl_tree_next_locked(t->root, n)) {
		if (n->kind != SL_NODE_FILE ||
		    n->u.f.state != SL_FILE_SKIPPED ||
		    sl_tree_path_locked(t, n, path))
			continue;
		put_path(out, path);
		put_rule(out, sl_rule_info(n->u.f.why));
	}
	return sl_buf_error(out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people see. Rows come from a table, so that a field has one place; a
 * field of "local" that the table does not know is printed as it is, because
 * .status only grows. Nothing reaches the terminal uncleaned: parts of it were
 * written by servers and by whoever named the files.
 */
#include "ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"

#define ROW_MAX 2048

static void put_clean(struct sl_buf *b, const char *s)
{
	char text[1024];

	sl_text_clean(text, sizeof(text), s, strlen(s));
	sl_buf_puts(b, text);
}

static void put_bytes(struct sl_buf *b, double n)
{
	static const char *const unit[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB",
	};
	size_t i = 0;

	for (; n >= 1024 && i + 1 < SL_ARRAY_LEN(unit); i++)
		n /= 1024;
	sl_buf_printf(b, i ? "%.1f %s" : "%.0f %s", n, unit[i]);
}

static void put_seconds(struct sl_buf *b, double s)
{
	if (s >= 86400)
		sl_buf_printf(b, "%.1f days", s / 86400);
	else if (s >= 3600)
		sl_buf_printf(b, "%.1f hours", s / 3600);
	else if (s >= 60)
		sl_buf_printf(b, "%.0f min", s / 60);
	else
		sl_buf_printf(b, "%.0f s", s);
}

static void show_any(struct sl_buf *b, const cJSON *v);

/* Members or elements one after the other: "a 1, b 2". */
static void show_members(struct sl_buf *b, const cJSON *v)
{
	const cJSON *m;
	const char *gap = "";

	cJSON_ArrayForEach(m, v) {
		if (cJSON_IsNull(m))
			continue;
		sl_buf_puts(b, gap);
		gap = ", ";
		if (m->string) {
			put_clean(b, m->string);
			sl_buf_puts(b, " ");
		}
		show_any(b, m);
	}
}

// The depth is bounded by cJSON's own limit on nesting.
static void show_any(struct sl_buf *b, const cJSON *v)
{
	if (cJSON_IsString(v))
		put_clean(b, v->valuestring);
	else if (cJSON_IsNumber(v))
		sl_buf_printf(b, "%.15g", v->valuedouble);
	else if (cJSON_IsBool(v))
		sl_buf_puts(b, cJSON_IsTrue(v) ? "yes" : "no");
	else if (!cJSON_IsNull(v))
		show_members(b, v);
}

static void show_bytes(struct sl_buf *b, const cJSON *v)
{
	const cJSON *m;
	const char *gap = "";

	if (cJSON_IsNumber(v))
		put_bytes(b, v->valuedouble);
	cJSON_ArrayForEach(m, v) {
		if (!cJSON_IsNumber(m) || !m->string)
			continue;
		sl_buf_puts(b, gap);
		gap = ", ";
		put_bytes(b, m->valuedouble);
		sl_buf_puts(b, " ");
		put_clean(b, m->string);
	}
}

static void show_rate(struct sl_buf *b, const cJSON *v)
{
	if (!cJSON_IsNumber(v))
		return;
	put_bytes(b, v->valuedouble);
	sl_buf_puts(b, "/s");
}

static void show_seconds(struct sl_buf *b, const cJSON *v)
{
	if (cJSON_IsNumber(v))
		put_seconds(b, v->valuedouble);
}

/* Only what is not zero, and always what is committed: "12 committed". */
static void show_files(struct sl_buf *b, const cJSON *v)
{
	const cJSON *m;
	const char *gap = "";

	cJSON_ArrayForEach(m, v) {
		if (!cJSON_IsNumber(m) || !m->string ||
		    (m->valuedouble < 1 && strcmp(m->string, "committed")))
			continue;
		sl_buf_printf(b, "%s%.0f ", gap, m->valuedouble);
		put_clean(b, m->string);
		gap = ", ";
	}
}

static void show_api(struct sl_buf *b, const cJSON *v)
{
	const cJSON *age = cJSON_GetObjectItemCaseSensitive(v, "age_s");
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(v, "error");

	if (cJSON_IsNumber(age) && age->valuedouble >= 0) {
		sl_buf_puts(b, "answered ");
		put_seconds(b, age->valuedouble);
		sl_buf_puts(b, " ago");
	} else {
		sl_buf_puts(b, "no answer yet");
	}
	if (error && !cJSON_IsNull(error) &&
	    !(cJSON_IsString(error) && !error->valuestring[0])) {
		sl_buf_puts(b, "; ");
		show_any(b, error);
	}
}

struct row {
	const char *field, *label;
	void (*show)(struct sl_buf *b, const cJSON *v);
};

static const struct row top_rows[] = {
	{ "status", "status", show_any },
	{ "migrationID", "migration", show_any },
	{ "dbID", "database", show_any },
	{ "progressInfo", "progress", show_any },
	{ "uploadBucketDir", "directory", show_any },
};

static const struct row local_rows[] = {
	{ "node", "node", show_any },
	{ "files", "files", show_files },
	{ "bytes", "bytes", show_bytes },
	{ "rate", "rate", show_rate },
	{ "eta_s", "time left", show_seconds },
	{ "budget", "memory", show_bytes },
	{ "credentials", "credentials", show_any },
	{ "api", "API", show_api },
	{ "store", "store", show_any },
	{ "endpoints", "endpoints", show_any },
	{ "cleanup", "cleanup", show_any },
	{ "gate", "gate", show_any },
	{ "pid", "daemon pid", show_any },
};

static void print_row(const char *label, const cJSON *v,
		      void (*show)(struct sl_buf *b, const cJSON *v))
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(ROW_MAX);
	char name[64];

	if (!v || cJSON_IsNull(v))
		return;
	show(&b, v);
	if (!b.len)
		return;
	sl_text_clean(name, sizeof(name), label, strlen(label));
	printf("%-12s %s%s\n", name, sl_buf_str(&b), b.err ? " ..." : "");
}

static bool is_known(const char *field)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(local_rows); i++)
		if (!strcmp(field, local_rows[i].field))
			return true;
	return false;
}

static void print_rows(const struct row *rows, size_t n, const cJSON *from)
{
	for (size_t i = 0; i < n; i++)
		print_row(rows[i].label,
			  cJSON_GetObjectItemCaseSensitive(from,
							   rows[i].field),
			  rows[i].show);
}

void sl_ctl_print_status(const cJSON *status)
{
	const cJSON *local = cJSON_GetObjectItemCaseSensitive(status, "local");
	const cJSON *m;

	print_rows(top_rows, SL_ARRAY_LEN(top_rows), status);
	print_rows(local_rows, SL_ARRAY_LEN(local_rows), local);
	cJSON_ArrayForEach(m, local)
		if (m->string && !is_known(m->string))
			print_row(m->string, m, show_any);
}

void sl_ctl_print_text(FILE *f, const char *indent, const char *text,
		       size_t lines)
{
	char line[1024];
	size_t shown = 0;

	while (*text) {
		size_t n = strcspn(text, "\n");

		if (lines && shown++ == lines) {
			fprintf(f, "%s...\n", indent);
			return;
		}
		sl_text_clean(line, sizeof(line), text, n);
		fprintf(f, "%s%s\n", indent, line);
		text += n + (text[n] == '\n');
	}
}

static void print_outcome(const char *what, const struct sl_error *e,
			  const char *text)
{
	SL_CLEANUP(cjson) cJSON *o = cJSON_CreateObject();
	SL_CLEANUP(free) char *s = NULL;

	if (!o || !cJSON_AddStringToObject(o, "command", what) ||
	    !cJSON_AddBoolToObject(o, "ok", !e) ||
	    (e && !cJSON_AddStringToObject(o, "errno",
					   sl_errno_name(e->errnum))) ||
	    !cJSON_AddStringToObject(o, "message", text)) {
		fprintf(stderr, "sideloadctl: out of memory\n");
		return;
	}
	s = cJSON_PrintUnformatted(o);
	if (s)
		puts(s);
}

void sl_ctl_complain(const struct sl_ctl *c, const char *what,
		     const struct sl_error *e)
{
	char text[sizeof(e->text)];

	sl_text_clean(text, sizeof(text), e->text, strlen(e->text));
	if (c->json)
		print_outcome(what, e, text);
	else
		fprintf(stderr, "sideloadctl: %s: %s (%s)\n", what, text,
			sl_errno_name(e->errnum));
}

void sl_ctl_success(const struct sl_ctl *c, const char *what, const char *text)
{
	if (c->json)
		print_outcome(what, NULL, text);
	else
		printf("%s\n", text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor's table of checks, in the order in which one leads to the next,
 * and how they are told.
 */
#include "doctor.h"

#include <stdarg.h>
#include <string.h>

#include "log.h"

static const struct check {
	const char *name;
	void (*run)(struct sl_doctor *d);
} checks[] = {
	{ "fuse", sl_doc_fuse },
	{ "memory", sl_doc_memory },
	{ "state", sl_doc_state },
	{ "proxy", sl_doc_proxy },
	{ "ca", sl_doc_ca },
	{ "token", sl_doc_token },
	{ "api", sl_doc_api },
	{ "clock", sl_doc_clock },
	{ "role", sl_doc_role },
	{ "database", sl_doc_database },
	{ "migration", sl_doc_migration },
	{ "bucket", sl_doc_bucket },
	{ "list", sl_doc_list },
	{ "write", sl_doc_write },
	{ "delete", sl_doc_delete },
	{ "time", sl_doc_time },
};

static const char *const words[SL_DOC__COUNT] = {
	[SL_DOC_OK] = "ok",
	[SL_DOC_WARN] = "warn",
	[SL_DOC_FAIL] = "fail",
	[SL_DOC_SKIP] = "skip",
};

enum sl_doctor_verdict sl_doc(struct sl_doctor *d, enum sl_doctor_verdict v,
			      const char *fmt, ...)
{
	va_list ap;

	d->verdict = v;
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	return v;
}

void sl_doc_cure(struct sl_doctor *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->cure, sizeof(d->cure), fmt, ap);
	va_end(ap);
}

/* Texts hold what servers and variables say. */
static void clean(char *s)
{
	char copy[512];

	sl_text_clean(copy, sizeof(copy), s, strlen(s));
	sl_text_redact(copy);
	memcpy(s, copy, sizeof(copy));
}

static void tell_json(const struct sl_doctor *d, const char *name)
{
	SL_CLEANUP(cjson) cJSON *j = cJSON_CreateObject();
	char *text;

	if (!cJSON_AddStringToObject(j, "check", name) ||
	    !cJSON_AddStringToObject(j, "verdict", words[d->verdict]) ||
	    !cJSON_AddStringToObject(j, "message", d->text) ||
	    !cJSON_AddStringToObject(j, "cure", d->cure))
		return;
	text = cJSON_PrintUnformatted(j);
	if (text)
		printf("%s\n", text);
	cJSON_free(text);
}

static void tell(struct sl_doctor *d, const char *name)
{
	clean(d->text);
	clean(d->cure);
	if (d->json) {
		tell_json(d, name);
	} else {
		printf("%-5s %-10s %s", words[d->verdict], name, d->text);
		printf("%s%s\n", d->cure[0] ? "; " : "", d->cure);
	}
	/* The next one may take a while. */
	fflush(stdout);
}

static int run_checks(struct sl_doctor *d)
{
	int worst = SL_EXIT_OK;

	for (size_t i = 0; i < SL_ARRAY_LEN(checks); i++) {
		d->verdict = SL_DOC_OK;
		d->text[0] = d->cure[0] = '\0';
		checks[i].run(d);
		tell(d, checks[i].name);
		if (d->verdict == SL_DOC_FAIL)
			worst = SL_EXIT_REFUSED;
	}
	return worst;
}

static void release(struct sl_doctor *d)
{
	sl_backend_close(d->backend);
	sl_migration_view_release(&d->view);
	sl_migration_free(d->migration);
	sl_http_free(d->http);
	sl_buf_release(&d->answer.headers);
	sl_buf_release(&d->answer.body);
	sl_options_release(&d->o);
}

/* The options of a mount, by its own table; the mount point has no part. */
static int take_options(struct sl_doctor *d, const struct sl_ctl *c,
			struct sl_error *e)
{
	static char program[] = "sideloadfs", flag[] = "-o", root[] = "/";
	static char nil[] = "00000000-0000-0000-0000-000000000000";
	char *argv[8] = { program };
	int argc = 1;

	if (c->options) {
		argv[argc++] = flag;
		argv[argc++] = c->options;
	}
	argv[argc++] = d->db_id ? c->args[0] : nil;
	argv[argc++] = root;
	return sl_options_parse(&d->o, argc, argv, e);
}

int sl_ctl_cmd_doctor(struct sl_ctl *c)
{
	struct sl_doctor d = { .json = c->json };
	struct sl_error e = { 0 };
	int r;

	sl_log_init("sideloadctl", SL_LOG_WARN);
	if (c->arg_count) {
		d.db_id = c->args[0];
		d.dirs = c->args + 1;
		d.dir_count = c->arg_count - 1;
	}
	r = take_options(&d, c, &e);
	if (r) {
		sl_ctl_complain(c, "doctor", &e);
		sl_options_release(&d.o);
		return SL_EXIT_USAGE;
	}
	r = run_checks(&d);
	release(&d);
	return r;
}

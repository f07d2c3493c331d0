/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault list. One line per fault, words of name=value:
 *
 *   match=KIND[,KIND...]  s3.part, s3.*, api.*, *, or METHOD:NAME (PUT:part)
 *   key=TEXT              only requests whose path contains TEXT
 *   after=N count=M every=K prob=P seed=S
 *   do=ACTION[:ARGUMENT]  retry-after=SECONDS
 *
 * A line counts every request it matches. It hits number N+1, N+1+K, ...;
 * at most M times; with probability P (percent) drawn from a generator that
 * starts at S, so that a run can be repeated. '#' starts a comment.
 */
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

const char *const sim_kind_names[SIM_KIND_COUNT] = {
	[SIM_API_INITIALIZE] = "api.initialize",
	[SIM_API_STATUS] = "api.status",
	[SIM_API_LAUNCH] = "api.launch",
	[SIM_API_PAUSE] = "api.pause",
	[SIM_API_RESUME] = "api.resume",
	[SIM_API_ABORT] = "api.abort",
	[SIM_API_CLEANUP] = "api.cleanup",
	[SIM_API_DATABASE] = "api.database",
	[SIM_API_OTHER] = "api.other",
	[SIM_S3_PUT] = "s3.put",
	[SIM_S3_GET] = "s3.get",
	[SIM_S3_HEAD] = "s3.head",
	[SIM_S3_DELETE] = "s3.delete",
	[SIM_S3_MULTIDELETE] = "s3.multidelete",
	[SIM_S3_CREATE] = "s3.create",
	[SIM_S3_PART] = "s3.part",
	[SIM_S3_COMPLETE] = "s3.complete",
	[SIM_S3_ABORT] = "s3.abort",
	[SIM_S3_PARTS] = "s3.parts",
	[SIM_S3_UPLOADS] = "s3.uploads",
	[SIM_S3_LIST] = "s3.list",
	[SIM_S3_BUCKET] = "s3.bucket",
	[SIM_S3_OTHER] = "s3.other",
	[SIM_TOKEN] = "token",
	[SIM_CONTROL] = "control",
};

struct sim_fault {
	char *text; /* the line, for /sim/state */
	uint32_t kinds;
	char *key;
	int64_t after, count, every, prob;
	uint64_t rng;
	uint64_t seen, hits;
	struct sim_trouble trouble;
};

/* What an action's argument is. */
enum arg_kind { ARG_NONE, ARG_CODE, ARG_BYTES, ARG_SECONDS };

static const struct action {
	const char *name;
	unsigned flag;
	enum arg_kind arg;
	int64_t preset; /* when the argument is not given */
} actions[] = {
	{ "cut-before", SIM_F_CUT_BEFORE, ARG_NONE, 0 },
	{ "cut-after", SIM_F_CUT_AFTER, ARG_NONE, 0 },
	{ "cut-body", SIM_F_CUT_BODY, ARG_NONE, 0 },
	{ "cut-upload", SIM_F_CUT_UPLOAD, ARG_BYTES, 65536 },
	{ "stall", SIM_F_STALL, ARG_SECONDS, 5000 },
	{ "stall-after", SIM_F_STALL_AFTER, ARG_SECONDS, 5000 },
	{ "html", SIM_F_HTML, ARG_NONE, 0 },
	{ "lie-checksum", SIM_F_LIE_CHECKSUM, ARG_NONE, 0 },
	{ "ignore-checksum", SIM_F_IGNORE_CHECKSUM, ARG_NONE, 0 },
	{ "expire", SIM_F_EXPIRE, ARG_NONE, 0 },
	{ "expire-body", SIM_F_EXPIRE_BODY, ARG_NONE, 0 },
	{ "200-error", SIM_F_200_ERROR, ARG_CODE, 0 },
	{ "200-empty", SIM_F_200_EMPTY, ARG_NONE, 0 },
	{ "oversized", SIM_F_OVERSIZED, ARG_BYTES, 8 << 20 },
	{ "truncate", SIM_F_TRUNCATE, ARG_NONE, 0 },
	{ "empty-page", SIM_F_EMPTY_PAGE, ARG_NONE, 0 },
};

static bool kind_matches(const char *kind, const char *want)
{
	size_t n = strlen(want);
	const char *colon = strchr(want, ':');

	if (colon) /* PUT:part means s3.part */
		return sim_starts(kind, "s3.") && !strcmp(kind + 3, colon + 1);
	if (n && want[n - 1] == '*')
		return !strncmp(kind, want, n - 1);
	return !strcmp(kind, want);
}

static bool parse_match(struct sim_fault *f, char *value)
{
	char *save = NULL;

	for (char *w = strtok_r(value, ",", &save); w;
	     w = strtok_r(NULL, ",", &save)) {
		uint32_t before = f->kinds;

		for (int k = 0; k < SIM_KIND_COUNT; k++)
			if (k != SIM_CONTROL &&
			    kind_matches(sim_kind_names[k], w))
				f->kinds |= 1u << k;
		if (f->kinds == before)
			return false;
	}
	return f->kinds != 0;
}

/* Seconds with up to three decimals: 0.25 */
static bool parse_seconds(const char *s, int64_t *ms)
{
	char *end = NULL;
	double v = strtod(s, &end);

	if (!*s || *end || !(v >= 0 && v <= 1e6))
		return false;
	*ms = (int64_t)(v * 1000 + 0.5);
	return true;
}

static bool parse_status(struct sim_trouble *t, const char *value,
			 const char *arg)
{
	int64_t status;

	if (!sim_number(value, 100, 599, &status))
		return false;
	if (arg && strlen(arg) >= sizeof(t->code))
		return false;
	t->flags |= SIM_F_STATUS;
	t->status = (int)status;
	if (arg)
		snprintf(t->code, sizeof(t->code), "%s", arg);
	return true;
}

static bool take_arg(struct sim_trouble *t, const struct action *a,
		     const char *arg)
{
	int64_t v = a->preset;

	if (a->arg == ARG_NONE)
		return !arg;
	if (a->arg == ARG_CODE) {
		if (arg && strlen(arg) >= sizeof(t->code))
			return false;
		snprintf(t->code, sizeof(t->code), "%s",
			 arg ? arg : "InternalError");
		return true;
	}
	if (arg && a->arg == ARG_SECONDS && !parse_seconds(arg, &v))
		return false;
	if (arg && a->arg == ARG_BYTES && !sim_number(arg, 0, 1 << 30, &v))
		return false;
	if (a->flag == SIM_F_STALL)
		t->stall_ms = v;
	else if (a->flag == SIM_F_STALL_AFTER)
		t->stall_after_ms = v;
	else if (a->flag == SIM_F_CUT_UPLOAD)
		t->cut_upload = v;
	else
		t->oversized = v;
	return true;
}

static bool parse_do(struct sim_fault *f, char *value)
{
	char *arg = strchr(value, ':');

	if (arg)
		*arg++ = '\0';
	for (size_t i = 0; i < SIM_COUNT(actions); i++) {
		if (strcmp(actions[i].name, value))
			continue;
		f->trouble.flags |= actions[i].flag;
		return take_arg(&f->trouble, &actions[i], arg);
	}
	return parse_status(&f->trouble, value, arg);
}

static bool parse_word(struct sim_fault *f, const char *name, char *value)
{
	const struct {
		const char *name;
		int64_t *at;
		int64_t min, max;
	} numbers[] = {
		{ "after", &f->after, 0, INT32_MAX },
		{ "count", &f->count, 0, INT32_MAX },
		{ "every", &f->every, 1, INT32_MAX },
		{ "prob", &f->prob, 0, 100 },
		{ "retry-after", &f->trouble.retry_after, 0, 86400 },
	};
	int64_t seed;

	for (size_t i = 0; i < SIM_COUNT(numbers); i++)
		if (!strcmp(numbers[i].name, name))
			return sim_number(value, numbers[i].min,
					  numbers[i].max, numbers[i].at);
	if (!strcmp(name, "match"))
		return parse_match(f, value);
	if (!strcmp(name, "do"))
		return parse_do(f, value);
	if (!strcmp(name, "seed") && sim_number(value, 0, INT64_MAX, &seed)) {
		f->rng = (uint64_t)seed;
		return true;
	}
	if (!strcmp(name, "key") && *value) {
		free(f->key);
		f->key = sim_strdup(value);
		return true;
	}
	return false;
}

static void release(struct sim_fault *f)
{
	free(f->text);
	free(f->key);
}

/* NULL, or what is wrong with the line. */
static char *parse_line(struct sim_fault *f, const char *line)
{
	SIM_AUTOFREE char *copy = sim_strdup(line);
	char *save = NULL;

	*f = (struct sim_fault){
		.text = sim_strdup(line), .count = -1, .every = 1, .prob = 100,
		.trouble = { .retry_after = -1 },
	};
	for (char *w = strtok_r(copy, " \t\r", &save); w;
	     w = strtok_r(NULL, " \t\r", &save)) {
		char *eq = strchr(w, '=');

		if (!eq)
			return sim_format("'%s' is not name=value", w);
		*eq = '\0';
		if (!parse_word(f, w, eq + 1))
			return sim_format("'%s' cannot be '%s'", w, eq + 1);
	}
	if (!f->kinds)
		return sim_strdup("no match=");
	if (!f->trouble.flags && f->trouble.retry_after < 0)
		return sim_strdup("no do=");
	return NULL;
}

static char *parse_all(struct sim_faults *f, char *text)
{
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		char *bad, *why;

		l[strcspn(l, "#")] = '\0';
		l += strspn(l, " \t\r");
		if (!*l)
			continue;
		f->list = sim_grow(f->list,
				   (f->count + 1) * sizeof(*f->list));
		bad = parse_line(&f->list[f->count++], l);
		if (!bad)
			continue;
		why = sim_format("bad fault '%s': %s", l, bad);
		free(bad);
		return why;
	}
	return NULL;
}

char *sim_faults_parse(struct sim_faults *f, const char *text)
{
	SIM_AUTOFREE char *copy = sim_strdup(text);
	struct sim_faults next = { 0 };
	char *bad = parse_all(&next, copy);

	if (bad) {
		sim_faults_free(&next);
		return bad;
	}
	sim_faults_free(f);
	*f = next;
	return NULL;
}

void sim_faults_free(struct sim_faults *f)
{
	for (size_t i = 0; i < f->count; i++)
		release(&f->list[i]);
	free(f->list);
	memset(f, 0, sizeof(*f));
}

/* SplitMix64: small, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static bool hits(struct sim_fault *f)
{
	uint64_t n = f->seen++;

	if (n < (uint64_t)f->after)
		return false;
	if (f->count >= 0 && f->hits >= (uint64_t)f->count)
		return false;
	if ((n - (uint64_t)f->after) % (uint64_t)f->every)
		return false;
	if (f->prob < 100 && next_random(&f->rng) % 100 >= (uint64_t)f->prob)
		return false;
	f->hits++;
	return true;
}

static void add(struct sim_trouble *sum, const struct sim_trouble *t)
{
	sum->flags |= t->flags;
	if (t->flags & SIM_F_STATUS)
		sum->status = t->status;
	if (*t->code)
		memcpy(sum->code, t->code, sizeof(sum->code));
	if (t->retry_after >= 0)
		sum->retry_after = t->retry_after;
	sum->stall_ms += t->stall_ms;
	sum->stall_after_ms += t->stall_after_ms;
	sum->cut_upload += t->cut_upload;
	sum->oversized += t->oversized;
}

void sim_faults_meet(struct sim_faults *f, enum sim_kind kind,
		     const char *path, struct sim_trouble *ret)
{
	*ret = (struct sim_trouble){ .retry_after = -1 };
	for (size_t i = 0; i < f->count; i++) {
		struct sim_fault *x = &f->list[i];

		if (!(x->kinds & 1u << kind))
			continue;
		if (x->key && !strstr(path, x->key))
			continue;
		if (hits(x))
			add(ret, &x->trouble);
	}
}

void sim_trouble_text(const struct sim_trouble *t, char *dst, size_t size)
{
	size_t n = 0;

	*dst = '\0';
	if (t->flags & SIM_F_STATUS)
		n = (size_t)snprintf(dst, size, "%d", t->status);
	for (size_t i = 0; i < SIM_COUNT(actions) && n < size; i++)
		if (t->flags & actions[i].flag)
			n += (size_t)snprintf(dst + n, size - n, "%s%s",
					      n ? "," : "", actions[i].name);
}

void sim_faults_json(const struct sim_faults *f, struct sim_buf *b)
{
	sim_buf_str(b, "[");
	for (size_t i = 0; i < f->count; i++) {
		const struct sim_fault *x = &f->list[i];

		sim_buf_printf(b, "%s{\"seen\":%llu,\"hits\":%llu,\"line\":\"",
			       i ? "," : "", (unsigned long long)x->seen,
			       (unsigned long long)x->hits);
		for (const char *p = x->text; *p; p++)
			if (*p == '"' || *p == '\\' || (unsigned char)*p < 32)
				sim_buf_printf(b, "\\u%04x", (unsigned char)*p);
			else
				sim_buf_add(b, p, 1);
		sim_buf_str(b, "\"}");
	}
	sim_buf_str(b, "]");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulator did, by its request log: a request that it acted on has
 * a success status there even when the answer was cut. "Twice" is
 *
 *   put, create, complete   acted on more than once for one key
 *   part                    acted on more than once for one number of one
 *                           upload (harmless, but bytes sent for nothing)
 *
 * within what is read at a time: a key is written once between two looks; of
 * Azure the last two are only counted, see rig.h. Of
 * what Google takes as /upload/ the path does not say the key, so there only
 * the number of deeds is looked at. A 200 that carries an error is not acted
 * on.
 */
#include "rig.h"

#include <cjson/cJSON.h>

const char *const deed_names[DEED__COUNT] = {
	[DEED_PUT] = "s3.put",	       [DEED_CREATE] = "s3.create",
	[DEED_PART] = "s3.part",       [DEED_COMPLETE] = "s3.complete",
	[DEED_ABORT] = "s3.abort",
};

struct names {
	char **v;
	size_t n, cap;
};

static void add_name(struct names *a, char *name)
{
	if (a->n == a->cap) {
		a->cap = a->cap ? 2 * a->cap : 256;
		a->v = realloc(a->v, a->cap * sizeof(*a->v));
		if (!a->v)
			abort();
	}
	a->v[a->n++] = name;
}

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItem(o, name));

	return s ? s : "";
}

static int deed_of(const char *kind)
{
	for (int i = 0; i < DEED__COUNT; i++)
		if (!strcmp(kind, deed_names[i]))
			return i;
	return -1;
}

static void note(struct names *a, struct deeds *d, const cJSON *o)
{
	const cJSON *q = cJSON_GetObjectItem(o, "query");
	const cJSON *status = cJSON_GetObjectItem(o, "status");
	int deed = deed_of(text_of(o, "kind"));
	char *name;

	d->requests++;
	if (!status)
		return;
	d->refused += status->valueint >= 400 && status->valueint < 500;
	if (deed < 0 || status->valueint < 200 || status->valueint > 299 ||
	    strstr(text_of(o, "fault"), "200-error"))
		return;
	d->done[deed]++;
	d->lost[deed] += cJSON_IsTrue(cJSON_GetObjectItem(o, "cut"));
	if (!strncmp(text_of(o, "path"), "/upload/", 8))
		return;
	if (asprintf(&name, "%s of %s %s %s", deed_names[deed],
		     text_of(o, "path"),
		     deed == DEED_PART ? text_of(q, "uploadId") : "",
		     deed != DEED_PART ? "" :
		     *text_of(q, "blockid") ? text_of(q, "blockid") :
					      text_of(q, "partNumber")) < 0)
		abort();
	add_name(a, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool may_be_again(const struct rig *r, int deed)
{
	return rig_is(r, "azure") &&
	       (deed == DEED_PART || deed == DEED_COMPLETE);
}

static void count_repeated(const struct rig *r, struct names *a,
			   struct deeds *d)
{
	if (a->n)
		qsort(a->v, a->n, sizeof(*a->v), by_name);
	for (size_t i = 1; i < a->n; i++) {
		int deed = -1;

		if (strcmp(a->v[i], a->v[i - 1]) != 0)
			continue;
		a->v[i][strcspn(a->v[i], " ")] = '\0';
		deed = deed_of(a->v[i]);
		a->v[i][strlen(a->v[i])] = ' ';
		if (may_be_again(r, deed)) {
			d->again[deed]++;
			continue;
		}
		printf("# twice: %s\n", a->v[i]);
		d->twice++;
	}
	for (size_t i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
}

int rig_deeds(struct rig *r, struct deeds *ret)
{
	SL_CLEANUP(free) char *path = NULL;
	SL_CLEANUP(free) char *line = NULL;
	SL_CLEANUP(file) FILE *f = NULL;
	struct names a = { 0 };
	size_t cap = 0;

	if (ret)
		*ret = (struct deeds){ 0 };
	if (asprintf(&path, "%s/log", r->dir) < 0)
		abort();
	f = fopen(path, "re");
	CHECK(f && !fseek(f, ret ? r->log_at : 0, ret ? SEEK_SET : SEEK_END),
	      "no request log");
	while (ret && getline(&line, &cap, f) > 0) {
		cJSON *o = cJSON_Parse(line);

		if (o)
			note(&a, ret, o);
		cJSON_Delete(o);
	}
	r->log_at = ftell(f);
	if (ret)
		count_repeated(r, &a, ret);
	return 0;
}

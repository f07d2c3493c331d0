/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asked for what and what came of it, for tests to count. The target is
 * logged, and whether there was a signature; no other header than Host is: a
 * signature, a token or a key is never in it. What signs a URL (x-amz-..., the
 * sig of a shared access signature, upload_id of a resumable session) is logged
 * without its value.
 */
#include "reqlog.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sim_log_open(struct sim *s)
{
	if (!s->opt.log)
		return 0;
	s->log = fopen(s->opt.log, "ae");
	return s->log ? 0 : -errno;
}

void sim_log_close(struct sim *s)
{
	if (s->log && fclose(s->log))
		perror("astra-sim: request log");
	s->log = NULL;
}

static void add_query(cJSON *o, const struct sim_req *r)
{
	cJSON *q;

	if (!r->params.n)
		return;
	q = cJSON_AddObjectToObject(o, "query");
	for (size_t i = 0; i < r->params.n; i++) {
		const char *name = r->params.v[i].name;
		bool secret = !strncasecmp(name, "x-amz-", 6) ||
			      !strcmp(name, "sig") ||
			      !strcmp(name, "upload_id");

		cJSON_AddStringToObject(q, name,
					secret ? "" : r->params.v[i].value);
	}
}

/* Which name it was sent to, and whether by somebody with credentials. */
static void add_sender(cJSON *o, const struct sim_req *r)
{
	const char *host = sim_header(r, "host");

	cJSON_AddStringToObject(o, "host", host ? host : "");
	cJSON_AddBoolToObject(o, "signed",
			      sim_header(r, "authorization") ||
				      sim_param(r, "sig"));
}

void sim_log_made(struct sim_req *r, const char *key, uint64_t size)
{
	free(r->made);
	r->made = sim_strdup(key);
	r->made_size = size;
}

static void add_made(cJSON *o, const struct sim_req *r)
{
	cJSON *made;

	if (!r->made)
		return;
	made = cJSON_AddObjectToObject(o, "made");
	cJSON_AddStringToObject(made, "key", r->made);
	cJSON_AddNumberToObject(made, "size", (double)r->made_size);
}

static char *line(struct sim_req *r, uint64_t n)
{
	cJSON *o = cJSON_CreateObject();
	char text[256];
	char *s;

	sim_iso_ms(sim_wall_ms(), text);
	cJSON_AddStringToObject(o, "time", text);
	cJSON_AddNumberToObject(o, "n", (double)n);
	cJSON_AddStringToObject(o, "kind", sim_kind_names[r->kind]);
	cJSON_AddStringToObject(o, "method", r->method);
	cJSON_AddStringToObject(o, "path", r->path);
	add_sender(o, r);
	add_query(o, r);
	add_made(o, r);
	cJSON_AddNumberToObject(o, "status", r->reply.ready ? r->reply.status
							    : 0);
	cJSON_AddStringToObject(o, "code", r->reply.code);
	cJSON_AddBoolToObject(o, "cut", r->cut);
	cJSON_AddNumberToObject(o, "in", (double)r->in);
	cJSON_AddNumberToObject(o, "out", (double)r->out);
	cJSON_AddNumberToObject(o, "ms", (double)(sim_monotonic_ms() -
						  r->start_ms));
	cJSON_AddNumberToObject(o, "generation", (double)r->generation);
	sim_trouble_text(&r->trouble, text, sizeof(text));
	cJSON_AddStringToObject(o, "fault", text);
	s = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	return s;
}

void sim_log_request(struct sim_req *r)
{
	struct sim *s = r->sim;
	char *text;

	if (!s->log || r->kind == SIM_CONTROL)
		return;
	pthread_mutex_lock(&s->log_lock);
	text = line(r, ++s->log_n);
	if (text && (fprintf(s->log, "%s\n", text) < 0 || fflush(s->log)))
		perror("astra-sim: request log");
	free(text);
	pthread_mutex_unlock(&s->log_lock);
}

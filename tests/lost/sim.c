/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator as a child process, spoken to over a plain socket: nothing of
 * the product's HTTP is used here, or one fault would hide another.
 */
#include "rig.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/lib/tempdir.h"

#define READY_TRIES 400
#define MAX_ANSWER ((size_t)8 << 20)

static void nap(void)
{
	const struct timespec t = { .tv_nsec = 25 * 1000 * 1000 };

	if (nanosleep(&t, NULL) && errno != EINTR)
		abort();
}

static char *path_in(const struct rig *r, const char *name)
{
	char *p;

	if (asprintf(&p, "%s/%s", r->dir, name) < 0)
		abort();
	return p;
}

static void run_sim(const struct rig *r, const char *program)
{
	SL_CLEANUP(free) char *dir = path_in(r, "sim");
	SL_CLEANUP(free) char *ready = path_in(r, "ready");
	SL_CLEANUP(free) char *log = path_in(r, "log");
	SL_CLEANUP(free) char *out = path_in(r, "out");
	int fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || fd < 0 || dup2(fd, 1) < 0 ||
	    dup2(fd, 2) < 0)
		_exit(126);
	execl(program, program, "--cloud", r->cloud, "--dir", dir,
	      "--ready-file", ready, "--log", log, "--region", SIM_REGION,
	      "--init-delay", "0", (char *)NULL);
	_exit(127);
}

/* The value of NAME=... in the text, into dst. */
static int value_of(const char *text, const char *name, char *dst, size_t size)
{
	const char *p = strstr(text, name);
	size_t n;

	if (!p)
		return -1;
	p += strlen(name);
	n = strcspn(p, "\n");
	if (n >= size)
		return -1;
	memcpy(dst, p, n);
	dst[n] = '\0';
	return 0;
}

static int port_of(const char *text, const char *name)
{
	char url[128];
	const char *colon;

	if (value_of(text, name, url, sizeof(url)))
		return -1;
	colon = strrchr(url, ':');
	return colon ? atoi(colon + 1) : -1;
}

static int read_ready(struct rig *r)
{
	SL_CLEANUP(free) char *path = path_in(r, "ready");
	SL_CLEANUP(file) FILE *f = fopen(path, "re");
	char text[4096];
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (!n)
		return -1;
	text[n] = '\0';
	r->port = port_of(text, "api_url=");
	/* Azure's is in the URL of the directory. */
	r->store_port = port_of(text, rig_is(r, "azure") ? "api_url=" :
				rig_is(r, "gcs") ? "gcs_endpoint=" :
				"s3_endpoint=");
	if (value_of(text, "database=", r->db, sizeof(r->db)) ||
	    value_of(text, "export ASTRA_DB_APPLICATION_TOKEN=", r->token,
		     sizeof(r->token)))
		return -1;
	return r->port > 0 && r->store_port > 0 ? 0 : -1;
}

static int dial(int port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const void *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

char *rig_ask(struct rig *r, const char *method, const char *path,
	      const char *body)
{
	SL_CLEANUP(fd) int fd = dial(r->port);
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(MAX_ANSWER);
	char chunk[4096];
	const char *end;
	ssize_t n;

	sl_buf_printf(&b, "%s %s HTTP/1.0\r\nHost: 127.0.0.1\r\n"
		      "Authorization: Bearer %s\r\n"
		      "Content-Length: %zu\r\n\r\n%s",
		      method, path, r->token, strlen(body), body);
	if (fd < 0 || sl_buf_error(&b) || send_all(fd, b.data, b.len))
		return NULL;
	sl_buf_clear(&b);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		sl_buf_append(&b, chunk, (size_t)n);
	if (sl_buf_error(&b) || b.len < 12 || memcmp(b.data + 8, " 20", 3))
		return NULL;
	end = strstr(b.data, "\r\n\r\n");
	return end ? strdup(end + 4) : NULL;
}

int rig_faults(struct rig *r, const char *text)
{
	SL_CLEANUP(free) char *a = rig_ask(r, "POST", "/sim/faults", text);

	CHECK(a, "the simulator does not take the faults '%s'", text);
	return 0;
}

long rig_state(struct rig *r, const char *name)
{
	SL_CLEANUP(free) char *a = rig_ask(r, "GET", "/sim/state", "");
	cJSON *o = a ? cJSON_Parse(a) : NULL;
	const cJSON *v = cJSON_GetObjectItem(o, name);
	long n = cJSON_IsNumber(v) ? (long)v->valuedouble : -1;

	cJSON_Delete(o);
	return n;
}

static cJSON *status(struct rig *r)
{
	char path[256];
	char *a;
	cJSON *o;

	snprintf(path, sizeof(path), "/v2/databases/%s/migrations/%s", r->db,
		 r->migration);
	a = rig_ask(r, "GET", path, "");
	o = a ? cJSON_Parse(a) : NULL;
	free(a);
	return o;
}

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItem(o, name));

	return s ? s : "";
}

static struct sl_cred *s3_cred(const cJSON *k, uint64_t generation)
{
	return sl_cred_new(SL_CRED_S3, generation, text_of(k, "accessKeyID"),
			   text_of(k, "secretAccessKey"),
			   text_of(k, "sessionToken"));
}

static struct sl_cred *gcs_cred(const cJSON *k, uint64_t generation)
{
	const char *b64 = text_of(k, "file");
	char *json = calloc(1, strlen(b64) + 4);
	struct sl_cred *c = NULL;

	if (json && EVP_DecodeBlock((unsigned char *)json,
				    (const unsigned char *)b64,
				    (int)strlen(b64)) > 0)
		c = sl_cred_new(SL_CRED_GCS, generation, NULL, json, NULL);
	free(json);
	return c;
}

static struct sl_cred *azure_cred(const cJSON *k, uint64_t generation)
{
	return sl_cred_new(SL_CRED_AZURE, generation, text_of(k, "url"),
			   text_of(k, "urlSignature"), NULL);
}

struct sl_cred *rig_fetch_cred(struct rig *r, uint64_t generation)
{
	cJSON *o = status(r);
	const cJSON *k = cJSON_GetObjectItem(
		cJSON_GetObjectItem(o, "uploadCredentials"), "keys");
	struct sl_cred *c = NULL;

	if (k)
		c = rig_is(r, "gcs") ? gcs_cred(k, generation) :
		    rig_is(r, "azure") ? azure_cred(k, generation) :
					 s3_cred(k, generation);
	cJSON_Delete(o);
	return c;
}

/* The new migration's name and, once it takes files, its directory. */
static int begin_migration(struct rig *r)
{
	char path[256];
	char *a;
	cJSON *o;

	snprintf(path, sizeof(path), "/v2/databases/%s/migrations/initialize",
		 r->db);
	a = rig_ask(r, "POST", path, "");
	o = a ? cJSON_Parse(a) : NULL;
	free(a);
	snprintf(r->migration, sizeof(r->migration), "%s",
		 text_of(o, "migrationID"));
	cJSON_Delete(o);
	for (int i = 0; i < READY_TRIES && !r->bucket_url; i++) {
		o = status(r);
		if (!strcmp(text_of(o, "status"), "ReceivingFiles"))
			r->bucket_url = strdup(text_of(o, "uploadBucketDir"));
		cJSON_Delete(o);
		if (!r->bucket_url)
			nap();
	}
	CHECK(r->bucket_url, "the migration does not take files");
	/* "SCHEME://BUCKET/MIGRATION/sstables/" */
	if (asprintf(&r->objects,
		     "%s/sim/buckets/ds-mig-%s/objects/%s/sstables", r->dir,
		     r->db, r->migration) < 0)
		abort();
	return 0;
}

int rig_start(struct rig *r, const char *astra_sim, const char *cloud)
{
	*r = (struct rig){ .dir = sl_test_tempdir(), .cloud = cloud };
	r->pid = fork();
	if (r->pid == 0)
		run_sim(r, astra_sim);
	CHECK(r->pid > 0, "no process");
	for (int i = 0; i < READY_TRIES && read_ready(r); i++) {
		CHECK(waitpid(r->pid, NULL, WNOHANG) == 0,
		      "astra-sim ended at once");
		nap();
	}
	CHECK(r->port > 0, "astra-sim is not ready");
	return begin_migration(r);
}

void rig_stop(struct rig *r)
{
	if (r->pid > 0 && kill(r->pid, SIGTERM) == 0 &&
	    waitpid(r->pid, NULL, 0) < 0)
		perror("astra-sim");
	free(r->bucket_url);
	free(r->objects);
	sl_test_tempdir_remove(r->dir);
}

int rig_up(struct rig *r, const struct rig_how *how)
{
	char endpoint[64];
	const struct sl_http_config http = {
		.threads = 2, .connections = 32,
		.retry_for_ms = how->retry_for_ms,
	};
	struct sl_backend_config cfg = {
		.url = r->bucket_url,
		.endpoint = rig_is(r, "azure") ? NULL : endpoint,
		.region_hint = how->region,
	};
	struct sl_engine_config engine = {
		.memory = 96 * MIB, .connections = 16, .first_part = 5 * MIB,
	};
	struct sl_error e = { 0 };

	snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d",
		 r->store_port);
	r->creds = cfg.creds = rig_cred_new(r, how->never_renew);
	CHECK(r->creds, "no credentials");
	CHECK(!sl_http_new(&http, &r->http, &e), "%s", e.text);
	cfg.http = r->http;
	CHECK(!sl_backend_open(&cfg, &r->b, &e), "%s", e.text);
	engine.backend = r->b;
	CHECK(!sl_engine_new(&engine, &r->e, &e), "%s", e.text);
	return 0;
}

void rig_down(struct rig *r)
{
	if (r->e)
		sl_engine_free(r->e);
	sl_backend_close(r->b);
	sl_http_free(r->http);
	rig_cred_free(r->creds);
	r->e = NULL;
	r->b = NULL;
	r->http = NULL;
	r->creds = NULL;
}

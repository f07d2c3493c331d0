/* SPDX-License-Identifier: Apache-2.0 */
/*
 * astra-sim: a stand-in for the Astra DB Sideloader service, good enough to
 * rehearse a whole migration with. Starts the two listeners and the worker,
 * says where they are, waits for TERM or INT, and takes everything down.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cloud.h"
#include "http.h"
#include "reqlog.h"
#include "store.h"

void sim_lock(struct sim *s)
{
	if (pthread_mutex_lock(&s->lock))
		abort();
}

void sim_unlock(struct sim *s)
{
	if (pthread_mutex_unlock(&s->lock))
		abort();
}

void sim_sleep(struct sim *s, int64_t ms)
{
	struct timespec ts;
	unsigned turn;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	sim_lock(s);
	turn = s->fault_turn;
	while (!s->stopping && turn == s->fault_turn && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&s->wake, &s->lock, &ts);
	sim_unlock(s);
}

static int init_locks(struct sim *s)
{
	pthread_condattr_t attr;
	int rc = pthread_mutex_init(&s->lock, NULL);

	if (!rc)
		rc = pthread_mutex_init(&s->log_lock, NULL);
	if (!rc)
		rc = pthread_condattr_init(&attr);
	if (!rc)
		rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (!rc)
		rc = pthread_cond_init(&s->wake, &attr);
	return rc;
}

static char *slurp(const char *path)
{
	SIM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct sim_buf b = { 0 };
	char chunk[4096];
	ssize_t n = 0;

	sim_buf_str(&b, "");
	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0 &&
	       b.n < 1 << 20)
		sim_buf_add(&b, chunk, (size_t)n);
	if (fd >= 0 && n >= 0)
		return b.p;
	fprintf(stderr, "astra-sim: '%s': %s\n", path, strerror(errno));
	sim_buf_free(&b);
	return NULL;
}

static bool load_token(struct sim *s)
{
	static const char hex[] = "0123456789abcdef";
	SIM_AUTOFREE char *text = NULL;
	char id[33], secret[65];

	if (!s->opt.token_file) {
		sim_random_text(id, 24, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ");
		sim_random_text(secret, 64, hex);
		snprintf(s->token, sizeof(s->token), "AstraCS:%s:%s", id,
			 secret);
		return true;
	}
	text = slurp(s->opt.token_file);
	if (!text)
		return false;
	text[strcspn(text, "\r\n")] = '\0';
	if (sim_starts(text, "AstraCS:") && strlen(text) < sizeof(s->token) &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789:") == strlen(text)) {
		snprintf(s->token, sizeof(s->token), "%s", text);
		return true;
	}
	fprintf(stderr, "astra-sim: '%s' holds no AstraCS: token\n",
		s->opt.token_file);
	return false;
}

static bool load_faults(struct sim *s)
{
	SIM_AUTOFREE char *text = NULL, *bad = NULL;

	if (!s->opt.faults)
		return true;
	text = slurp(s->opt.faults);
	if (!text)
		return false;
	bad = sim_faults_parse(&s->faults, text);
	if (bad)
		fprintf(stderr, "astra-sim: '%s': %s\n", s->opt.faults, bad);
	return !bad;
}

static bool prepare(struct sim *s)
{
	int rc;

	s->dialect = sim_dialects[s->opt.cloud];
	snprintf(s->bucket, sizeof(s->bucket), "ds-mig-%s", s->opt.db);
	sim_clock_offset(s->opt.clock_offset_ms);
	if (!load_token(s) || !load_faults(s))
		return false;
	rc = sim_store_open_dirs(s);
	if (rc)
		fprintf(stderr, "astra-sim: '%s': %s\n", s->opt.dir,
			strerror(-rc));
	if (rc)
		return false;
	rc = sim_log_open(s);
	if (rc)
		fprintf(stderr, "astra-sim: '%s': %s\n", s->opt.log,
			strerror(-rc));
	return !rc;
}

static void describe(const struct sim *s, struct sim_buf *b)
{
	const char *host = s->opt.listen;
	const char *option = s->dialect->endpoint_option;

	sim_buf_printf(b, "api_url=http://%s:%d\n", host, s->api_port);
	if (option)
		sim_buf_printf(b, "%s=http://%s:%d\n", option, host,
			       s->store_port);
	else
		sim_buf_printf(b, "store=http://%s:%d\n", host,
			       s->store_port);
	sim_buf_printf(b, "options=api_url=http://%s:%d", host, s->api_port);
	if (option)
		sim_buf_printf(b, ",%s=http://%s:%d", option, host,
			       s->store_port);
	sim_buf_str(b, "\n");
	sim_buf_printf(b, "export ASTRA_DB_APPLICATION_TOKEN=%s\n", s->token);
	sim_buf_printf(b, "database=%s\n", s->opt.db);
	sim_buf_printf(b, "control=http://%s:%d/sim\n", host, s->api_port);
	if (s->opt.print_env && s->dialect->describe)
		s->dialect->describe(s, b);
}

/* Whoever sees the file sees all of it: written aside, then renamed. */
static bool write_ready(const struct sim *s, const struct sim_buf *b)
{
	SIM_AUTOFREE char *tmp = NULL;
	SIM_AUTOCLOSE int fd = -1;
	bool ok;

	if (!s->opt.ready_file)
		return true;
	tmp = sim_format("%s.XXXXXX", s->opt.ready_file);
	fd = mkostemp(tmp, O_CLOEXEC);
	ok = fd >= 0 && !fchmod(fd, 0600) && !sim_write_all(fd, b->p, b->n) &&
	     !rename(tmp, s->opt.ready_file);
	if (!ok)
		fprintf(stderr, "astra-sim: '%s': %s\n", s->opt.ready_file,
			strerror(errno));
	return ok;
}

static bool announce(const struct sim *s)
{
	SIM_AUTOBUF struct sim_buf b = { 0 };

	describe(s, &b);
	if (!write_ready(s, &b))
		return false;
	return fputs(b.p, stdout) >= 0 && !fflush(stdout);
}

static void stop_all(struct sim *s)
{
	sim_lock(s);
	s->stopping = true;
	pthread_cond_broadcast(&s->wake);
	sim_unlock(s);
}

static int serve(struct sim *s, const sigset_t *signals)
{
	struct MHD_Daemon *api = NULL, *store;
	pthread_t worker;
	int sig, rc = 1;

	if (pthread_create(&worker, NULL, sim_worker, s))
		return 1;
	/* The API names the store's port: it is known before the API runs. */
	store = sim_http_start(s, s->dialect->side, s->opt.s3_port,
			       &s->store_port);
	if (store)
		api = sim_http_start(s, &sim_side_api, s->opt.port,
				     &s->api_port);
	if (!api || !store)
		fprintf(stderr, "astra-sim: cannot listen on %s: %s\n",
			s->opt.listen, strerror(errno));
	else if (announce(s) && !sigwait(signals, &sig))
		rc = 0;
	stop_all(s);
	if (store)
		MHD_stop_daemon(store);
	if (api)
		MHD_stop_daemon(api);
	pthread_join(worker, NULL);
	return rc;
}

int main(int argc, char **argv)
{
	struct sim s = { 0 };
	sigset_t signals;
	int rc = sim_options_parse(argc, argv, &s.opt);

	if (rc) {
		sim_options_free(&s.opt);
		return rc - 1;
	}
	umask(077);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* Every thread inherits it: only sigwait takes these. */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	rc = init_locks(&s) || !prepare(&s) ? 1 : serve(&s, &signals);
	sim_log_close(&s);
	sim_migrations_free(&s);
	sim_faults_free(&s.faults);
	sim_options_free(&s.opt);
	explicit_bzero(s.token, sizeof(s.token));
	return rc;
}

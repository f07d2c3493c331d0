/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd: many mounts of one migration, without FUSE and without files: what
 * they ask the DevOps API for. Their clock runs many times faster than the
 * machine's, so that minutes pass in seconds. Each mount says that it has
 * uploaded; at a moment that is given by the words of stdin ("refuse") every
 * one has an upload refused, as when credentials end. The service is
 * astra-sim; run.sh starts it and looks at its request log.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "migration/migration.h"

static const char usage[] =
	"usage: crowd API_URL DATABASE MIGRATION MOUNTS SPEED\n"
	"The token is $ASTRA_DB_APPLICATION_TOKEN. Words on stdin: used,\n"
	"refuse, wait, quit.\n";

struct mount {
	struct sl_migration *m;
	struct sl_cred_wait upload;
	bool asked;
	int gone_on, ended; /* atomic */
};

static struct {
	int speed;
	int64_t mono, wall; /* the machine's, when it began */
	struct mount *mount;
	int n;
	int moved; /* atomic: events that say so */
} crowd;

static int64_t fast(int64_t begun, int64_t now)
{
	return begun + (now - begun) * crowd.speed;
}

static int64_t fast_mono(const struct sl_clock *c)
{
	(void)c;
	return fast(crowd.mono, sl_mono_ms(&sl_clock_system));
}

static int64_t fast_wall(const struct sl_clock *c)
{
	(void)c;
	return fast(crowd.wall, sl_wall_ms(&sl_clock_system));
}

static const struct sl_clock fast_clock = { .mono_ms = fast_mono,
					    .wall_ms = fast_wall };

static void nap(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
			      .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static void on_event(void *arg, int errnum, const char *text)
{
	(void)arg;
	(void)errnum;
	if (strstr(text, "moved to"))
		__atomic_add_fetch(&crowd.moved, 1, __ATOMIC_RELAXED);
}

static void upload_ready(struct sl_cred_wait *w, int err)
{
	struct mount *me = sl_container_of(w, struct mount, upload);

	__atomic_add_fetch(err ? &me->ended : &me->gone_on, 1,
			   __ATOMIC_SEQ_CST);
}

/* One after the other within a minute of theirs, as a loop of ssh does. */
static int start_all(struct sl_http *http, char **argv)
{
	struct sl_migration_config cfg = {
		.http = http,
		.api_url = argv[1],
		.token = getenv("ASTRA_DB_APPLICATION_TOKEN"),
		.db_id = argv[2],
		.migration_id = argv[3],
		.clock = &fast_clock,
		.clock_speed = crowd.speed,
		.keep = true,
		.event = on_event,
	};
	struct sl_error e = { 0 };

	for (int i = 0; i < crowd.n; i++) {
		crowd.mount[i].upload.ready = upload_ready;
		if (sl_migration_new(&cfg, &crowd.mount[i].m, &e)) {
			printf("cannot start: %s\n", e.text);
			return -1;
		}
		nap(60000 / crowd.speed / crowd.n);
	}
	return 0;
}

static void all_used(const char *migration)
{
	for (int i = 0; i < crowd.n; i++)
		sl_migration_used(crowd.mount[i].m, migration);
}

static void all_refused(void)
{
	for (int i = 0; i < crowd.n; i++) {
		struct sl_cred_source *s =
			sl_migration_creds(crowd.mount[i].m);
		struct sl_cred *c = sl_cred_get(s);

		sl_cred_refused(s, c ? c->generation : 0,
				&crowd.mount[i].upload);
		sl_cred_unref(c);
		crowd.mount[i].asked = true;
	}
}

static int count(size_t at)
{
	int n = 0;

	for (int i = 0; i < crowd.n; i++) {
		const char *me = (const char *)&crowd.mount[i];

		n += __atomic_load_n((const int *)(const void *)(me + at),
				     __ATOMIC_SEQ_CST) > 0;
	}
	return n;
}

static void wait_for_uploads(void)
{
	for (int i = 0; i < 300; i++) {
		if (count(offsetof(struct mount, gone_on)) == crowd.n)
			break;
		nap(100);
	}
	printf("went_on=%d ended=%d\n",
	       count(offsetof(struct mount, gone_on)),
	       count(offsetof(struct mount, ended)));
}

/* How many know a date that is far away, and have credentials. */
static void report(void)
{
	int far = 0, valid = 0;

	for (int i = 0; i < crowd.n; i++) {
		struct sl_migration_view v;

		if (sl_migration_get(crowd.mount[i].m, &v))
			continue;
		far += !strcmp(v.cleanup_state, "far");
		valid += !strcmp(v.cred_state, "valid");
		sl_migration_view_release(&v);
	}
	printf("far=%d valid=%d moved=%d\n", far, valid,
	       __atomic_load_n(&crowd.moved, __ATOMIC_RELAXED));
}

static void obey(const char *migration)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "used"))
			all_used(migration);
		else if (!strcmp(line, "refuse"))
			all_refused();
		else if (!strcmp(line, "wait"))
			wait_for_uploads();
		else if (!strcmp(line, "report"))
			report();
		else if (!strcmp(line, "quit"))
			break;
		printf("done %s\n", line);
		fflush(stdout);
	}
}

static void stop_all(void)
{
	for (int i = 0; i < crowd.n; i++) {
		struct mount *me = &crowd.mount[i];

		if (me->m && me->asked)
			sl_cred_cancel(sl_migration_creds(me->m), &me->upload);
		sl_migration_free(me->m);
	}
}

int main(int argc, char **argv)
{
	const struct sl_http_config cfg = { .threads = 2, .connections = 64 };
	struct sl_http *http = NULL;
	struct sl_error e = { 0 };
	int r;

	if (argc != 6 || !getenv("ASTRA_DB_APPLICATION_TOKEN")) {
		fputs(usage, stderr);
		return 2;
	}
	sl_log_init("crowd", SL_LOG_ERR);
	crowd.n = atoi(argv[4]);
	crowd.speed = atoi(argv[5]);
	if (crowd.n < 1 || crowd.n > 1000 || crowd.speed < 1 ||
	    crowd.speed > 1000)
		return 2;
	crowd.mono = sl_mono_ms(&sl_clock_system);
	crowd.wall = sl_wall_ms(&sl_clock_system);
	crowd.mount = calloc((size_t)crowd.n, sizeof(*crowd.mount));
	if (!crowd.mount || sl_http_new(&cfg, &http, &e)) {
		fprintf(stderr, "crowd: %s\n", e.text);
		return 1;
	}
	r = start_all(http, argv);
	if (!r) {
		printf("started\n");
		fflush(stdout);
		obey(argv[3]);
	}
	stop_all();
	sl_http_free(http);
	free(crowd.mount);
	return r ? 1 : 0;
}

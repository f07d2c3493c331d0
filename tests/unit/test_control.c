/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control files without a mount: the table, each grammar, outcomes, the
 * .status document, and launches through the real gate over a fake listing.
 * What the mount, the migration and the store would answer is in 'world'.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>

#include "../../fs/mount/act.c"
#include "../../fs/mount/control.c"
#include "../../fs/mount/gate_report.c"
#include "../../fs/mount/launch.c"
#include "../../fs/mount/launch_names.c"
#include "../../fs/mount/rate.c"
#include "../../fs/mount/report.c"
#include "../../fs/mount/request.c"
#include "../../fs/mount/seal_report.c"
#include "../../fs/mount/status.c"
#include "../../fs/mount/strangers.c"
#include "../../fs/mount/throttle.c"

#include "control_world.h"

static struct sl_options opt = {
	.node_text = (char[]){ "n1" }, .api_url = (char[]){ "https://a" },
	.mountpoint = (char[]){ "/m" }, .state_dir = (char[]){ "/s" },
	.db_id = (char[]){ ID }, .memory = 64,
};

struct writer {
	struct sl_wait w;
	sem_t sem;
	int err;
};

static void writer_done(struct sl_wait *w, int err)
{
	struct writer *wr = sl_container_of(w, struct writer, w);

	wr->err = err;
	assert_int_equal(sem_post(&wr->sem), 0);
}

static void writer_init(struct writer *wr)
{
	memset(wr, 0, sizeof(*wr));
	wr->w.done = writer_done;
	assert_int_equal(sem_init(&wr->sem, 0, 0), 0);
}

static int writer_wait(struct writer *wr)
{
	while (sem_wait(&wr->sem))
		assert_int_equal(errno, EINTR);
	return wr->err;
}

static int setup(void **state)
{
	struct sl_mount *m = calloc(1, sizeof(*m));

	memset(&world, 0, sizeof(world));
	world.command_result = SL_PARKED;
	world.backend.caps = SL_CAP_LIST;
	world.store.backend = &world.backend;
	m->opt = &opt;
	*state = m;
	return sl_controls_new(m);
}

static int teardown(void **state)
{
	sl_controls_free(*state);
	free(*state);
	return 0;
}

static int put(struct sl_mount *m, const char *name, const char *line,
	       struct writer *wr)
{
	return sl_control_write(m, sl_control_find(name), line, &wr->w);
}

static bool reads(struct sl_mount *m, const char *name, const char *what)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 20);

	assert_int_equal(sl_control_read(m, sl_control_find(name), &b), 0);
	if (strstr(sl_buf_str(&b), what))
		return true;
	print_message("# %s has no '%s': %s\n", name, what, sl_buf_str(&b));
	return false;
}

static void test_table(void **state)
{
	static const char *const names[] = {
		".init", ".status", ".launch", ".pause", ".resume", ".abort",
		".cleanup", ".wait", ".rate", ".progress", ".errors",
		".skipped", ".verify", ".seal", ".schema.cql", ".metrics",
		".help",
	};
	size_t i;

	for (i = 0; i < SL_ARRAY_LEN(names); i++) {
		const struct sl_control *c = sl_control_find(names[i]);

		assert_ptr_equal(c, sl_control_at(i));
		assert_true(c->usage[0] && c->help[0]);
		assert_int_equal(!!c->act, !!(c->mode & 0200));
		assert_true(reads(*state, ".help", c->name));
		assert_true(reads(*state, ".help", c->usage));
		assert_true(reads(*state, ".help", c->help));
	}
	assert_null(sl_control_at(i));
	assert_null(sl_control_find(".nonsense"));
}

static void test_garbage(void **state)
{
	static const struct {
		const char *name, *line;
	} row[] = {
		{ ".init", "New" }, { ".init", "new x" }, { ".init", "6b4e" },
		{ ".pause", "resume" }, { ".pause", "pause pause" },
		{ ".resume", "1" }, { ".abort", "abort" },
		{ ".cleanup", "tomorrow" }, { ".cleanup", "2026-12-01" },
		{ ".wait", "a b" }, { ".wait", "a;b" },
		{ ".rate", "fast" }, { ".rate", "1K" }, { ".rate", "8Mbit" },
		{ ".launch", "launchn1" }, { ".launch", "launch .x" },
		{ ".launch", "launch n1=v1:1" }, { ".launch", "relaunch n1" },
		{ ".launch", "\x1b[2J" },
	};
	struct writer wr;

	writer_init(&wr);
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		int r = put(*state, row[i].name, row[i].line, &wr);

		if (r != -EINVAL)
			fail_msg("%s '%s': %d", row[i].name, row[i].line, r);
		assert_true(reads(*state, row[i].name, "failed: "));
		assert_true(reads(*state, row[i].name, "EINVAL"));
		assert_false(world.commands);
	}
	assert_int_equal(put(*state, ".init", " \r", &wr), 0);
	assert_int_equal(put(*state, ".status", "x", &wr), -EACCES);
}

static void test_commands(void **state)
{
	static const struct {
		const char *name, *line, *arg;
		enum sl_command cmd;
	} row[] = {
		{ ".init", " new\r", "", SL_CMD_NEW },
		{ ".init", ID, ID, SL_CMD_JOIN },
		{ ".pause", "pause", "", SL_CMD_PAUSE },
		{ ".resume", "\tresume ", "", SL_CMD_RESUME },
		{ ".abort", ID, ID, SL_CMD_ABORT },
		{ ".cleanup", ID, ID, SL_CMD_CLEANUP_NOW },
		{ ".cleanup", "2026-12-01T14:30Z", "2026-12-01T14:30Z",
		  SL_CMD_CLEANUP_AT },
		{ ".launch", "relaunch", "", SL_CMD_RELAUNCH },
		{ ".launch", "launch anyway", "", SL_CMD_LAUNCH },
	};
	struct writer wr;

	writer_init(&wr);
	sl_error_set(&world.outcome, 0, "it worked");
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		assert_int_equal(put(*state, row[i].name, row[i].line, &wr),
				 SL_PARKED);
		assert_int_equal(world.last, row[i].cmd);
		assert_string_equal(world.arg, row[i].arg);
		assert_true(reads(*state, row[i].name, "under way"));
		world.parked->done(world.parked, 0);
		assert_int_equal(writer_wait(&wr), 0);
		assert_true(reads(*state, row[i].name, "ok: it worked"));
	}
	assert_int_equal(world.events, 1); /* the override is noted */
	world.command_result = -EEXIST;
	assert_int_equal(put(*state, ".init", "new", &wr), -EEXIST);
	assert_true(reads(*state, ".init", "failed: not now (EEXIST"));
}

static void test_new_tells_what_it_leaves(void **state)
{
	struct writer wr;

	writer_init(&wr);
	world.have_id = true;
	world.life = SL_LIFE_DONE;
	assert_int_equal(put(*state, ".init", "new", &wr), SL_PARKED);
	world.parked->done(world.parked, 0);
	assert_int_equal(writer_wait(&wr), 0);
	assert_true(reads(*state, ".init", "left behind: migration " ID));
}

static void test_interrupt(void **state)
{
	struct writer wr;

	writer_init(&wr);
	assert_int_equal(put(*state, ".pause", "pause", &wr), SL_PARKED);
	sl_control_interrupt(*state, &wr.w);
	sl_control_interrupt(*state, &wr.w);
	assert_int_equal(writer_wait(&wr), -EINTR);
	assert_true(reads(*state, ".pause", "under way"));
	world.parked->done(world.parked, 0);
	assert_true(reads(*state, ".pause", "ok: 'pause' was done"));
	assert_int_equal(sem_trywait(&wr.sem), -1);
}

static void test_wait(void **state)
{
	struct writer wr;

	writer_init(&wr);
	world.life = SL_LIFE_RECEIVING;
	assert_int_equal(put(*state, ".wait", "receivingfiles", &wr), 0);
	assert_int_equal(put(*state, ".wait", "MigrationDone", &wr),
			 SL_PARKED);
	world.parked->done(world.parked, -ECANCELED);
	assert_int_equal(writer_wait(&wr), -ECANCELED);
	assert_true(reads(*state, ".wait", "schema differs"));
}

static void test_status(void **state)
{
	static const char *const members[] = {
		"node", "files", "bytes", "rate", "eta_s", "budget",
		"credentials", "api", "store", "endpoints", "cleanup", "gate",
		"version", "pid", "uptime_s", "mount", "blocked_writes",
	};
	static const char *const docs[] = {
		NULL, "{\"status\":\"ReceivingFiles\",\"local\":1}", "[1", "7",
	};
	static const char *const status[] = {
		"none", "ReceivingFiles", "none", "none",
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(docs); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 20);
		cJSON *root, *local;

		world.json = docs[i];
		world.api_down = i & 1;
		set_store(i & 1);
		assert_int_equal(sl_control_read(*state,
						 sl_control_find(".status"),
						 &b), 0);
		root = cJSON_Parse(sl_buf_str(&b));
		assert_non_null(root);
		assert_string_equal(cJSON_GetObjectItem(root, "status")
				    ->valuestring, status[i]);
		local = cJSON_GetObjectItem(root, "local");
		for (size_t j = 0; j < SL_ARRAY_LEN(members); j++)
			assert_true(cJSON_HasObjectItem(local, members[j]));
		assert_int_equal(cJSON_IsString(cJSON_GetObjectItem(
			cJSON_GetObjectItem(local, "api"), "error")),
			world.api_down);
		cJSON_Delete(root);
	}
}

static int launch(struct sl_mount *m, const char *line)
{
	struct writer wr;
	int r;

	writer_init(&wr);
	r = put(m, ".launch", line, &wr);
	return r == SL_PARKED ? writer_wait(&wr) : r;
}

static void test_gate(void **state)
{
	static const struct {
		const char *line, *says;
		int err, list_err;
		bool alien, changing;
	} row[] = {
		{ "launch", "closed", -EINVAL, 0, false, false },
		{ "launch n2", "n2", -EBADMSG, 0, false, false },
		{ "launch n1", "alien", -EBADMSG, 0, true, false },
		{ "launch n1", "may not be listed", -EACCES, -EACCES, false,
		  false },
		{ "launch n1", "cannot list", -ETIMEDOUT, -ETIMEDOUT, false,
		  false },
		{ "launch n1", "while the gate", -EBUSY, 0, false, true },
	};

	world.life = SL_LIFE_RECEIVING;
	world.have_id = true;
	assert_int_equal(launch(*state, "launch n1"), -EROFS);
	set_store(true);
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		world.list_err = row[i].list_err;
		world.listed_alien = row[i].alien;
		world.changing = row[i].changing;
		assert_int_equal(launch(*state, row[i].line), row[i].err);
		assert_true(reads(*state, ".launch", row[i].says));
		assert_true(reads(*state, ".status", "\"closed\""));
		assert_int_equal(world.commands, 0);
	}
}

static void test_gate_opens(void **state)
{
	struct writer wr, second;

	writer_init(&wr);
	writer_init(&second);
	world.life = SL_LIFE_RECEIVING;
	set_store(true);
	assert_int_equal(put(*state, ".launch", "launch n1", &wr), SL_PARKED);
	assert_int_equal(put(*state, ".launch", "launch n1", &second), -EBUSY);
	/* Ends when the gate has ended; the command is under way then. */
	sl_controls_stop(*state);
	if (world.commands) {
		world.parked->done(world.parked, 0);
		assert_int_equal(writer_wait(&wr), 0);
		assert_int_equal(world.last, SL_CMD_LAUNCH);
	} else {
		assert_int_equal(writer_wait(&wr), -ECANCELED);
	}
}

/* What a rule found closes the gate, or is only told. */
static void test_gate_judges(void **state)
{
	static const struct {
		struct sl_finding found;
		const char *says, *status;
	} row[] = {
		{ { SL_RULE_DIGEST_MISMATCH, SL_REJECT, "n1/x", "" },
		  "digest-mismatch: n1/x: 'n1/x': the data is not",
		  "\"digest-mismatch\":\t1" },
		{ { SL_RULE_NO_TOC, SL_WARN, "n1/x", "" },
		  "warnings: 1\n  no-toc: n1/x", "\"no-toc\":\t1" },
	};

	world.life = SL_LIFE_RECEIVING;
	set_store(true);
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		world.found = row[i].found;
		assert_int_equal(launch(*state, "launch n1 n2"), -EBADMSG);
		assert_true(reads(*state, ".launch", row[i].says));
		assert_true(reads(*state, ".status", row[i].status));
	}
}

/* Unfinished uploads of another node; our own are no finding. */
static void test_gate_uploads(void **state)
{
	static const struct {
		const char *id, *says;
		int uploads_err, err;
	} row[] = {
		{ "theirs", "unfinished-upload: n2", 0, -EBUSY },
		{ "ours", "findings: 1\n  node-missing", 0, -EBADMSG },
		{ NULL, "note: the store does not grant", -EACCES, -EBADMSG },
		{ NULL, "cannot list unfinished", -ETIMEDOUT, -ETIMEDOUT },
	};

	world.life = SL_LIFE_RECEIVING;
	world.backend.caps = SL_CAP_LIST | SL_CAP_UPLOADS;
	set_store(true);
	for (size_t i = 0; i < SL_ARRAY_LEN(row); i++) {
		world.upload = row[i].id;
		world.uploads_err = row[i].uploads_err;
		assert_int_equal(launch(*state, "launch n1 n2"), row[i].err);
		assert_true(reads(*state, ".launch", row[i].says));
	}
}

/* The seal of the one file here, and what takes it. */
static void test_gate_seals(void **state)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
	char line[300];

	world.life = SL_LIFE_RECEIVING;
	set_store(true);
	assert_int_equal(sl_control_read(*state, sl_control_find(".seal"), &b),
			 0);
	assert_int_equal(strncmp(sl_buf_str(&b), "n1=v1:1:5:", 10), 0);
	snprintf(line, sizeof(line), "launch n2 %s", sl_buf_str(&b));
	assert_int_equal(launch(*state, line), -EBADMSG);
	assert_true(reads(*state, ".launch", "findings: 1\n  node-missing"));
	line[sizeof("launch n2 n1=v1:") - 1] = '2';
	assert_int_equal(launch(*state, line), -EBADMSG);
	assert_true(reads(*state, ".launch", "seal-mismatch: n1"));
}

static void *ends_launch(void *arg)
{
	struct timespec ts = { .tv_nsec = 1000000 };
	struct sl_wait *w;

	while (!(w = __atomic_load_n(&world.parked, __ATOMIC_ACQUIRE)))
		nanosleep(&ts, NULL);
	w->done(w, 0);
	return arg;
}

static void test_launch(void **state)
{
	pthread_t t;

	world.life = SL_LIFE_RECEIVING;
	set_store(true);
	assert_int_equal(pthread_create(&t, NULL, ends_launch, NULL), 0);
	assert_int_equal(launch(*state, "launch \t n1"), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(world.commands, 1);
	assert_true(reads(*state, ".launch", "ok: "));
	assert_true(reads(*state, ".status", "\"open\""));
	world.life = SL_LIFE_IMPORTING;
	assert_true(launch(*state, "launch n1") < 0);
	assert_int_equal(world.commands, 1);
}

static void test_rate(void **state)
{
	struct sl_rate r = { 0 };

	(void)state;
	assert_true(sl_rate_get(&r) < 0);
	sl_rate_add(&r, 1000, 0);
	assert_true(sl_rate_get(&r) < 0);
	sl_rate_add(&r, 3000, 4000);
	assert_int_equal((int)sl_rate_get(&r), 2000);
	for (int i = 0; i < 10; i++)
		sl_rate_add(&r, 5000 + i * 2000, 4000);
	assert_int_equal((int)sl_rate_get(&r), 0);
	sl_rate_add(&r, 30000, 10); /* another store */
	assert_true(sl_rate_get(&r) < 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_table), T(test_garbage), T(test_commands),
		T(test_new_tells_what_it_leaves), T(test_interrupt),
		T(test_wait), T(test_status), T(test_gate),
		T(test_gate_opens), T(test_gate_judges),
		T(test_gate_uploads), T(test_gate_seals),
		T(test_launch), T(test_rate),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* `status` and `wait`: what is known, and standing by until it changes. */
#include "ctl.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

int sl_ctl_cmd_status(struct sl_ctl *c)
{
	SL_CLEANUP(cjson) cJSON *status = NULL;
	SL_CLEANUP(free) char *text = NULL;
	struct sl_error e = { 0 };

	if (sl_ctl_status(c, &status, &e) < 0) {
		sl_ctl_complain(c, "status", &e);
		return SL_EXIT_REFUSED;
	}
	if (!c->json) {
		sl_ctl_print_status(status);
		return SL_EXIT_OK;
	}
	text = cJSON_Print(status);
	if (!text) {
		fprintf(stderr, "sideloadctl: out of memory\n");
		return SL_EXIT_REFUSED;
	}
	puts(text);
	return SL_EXIT_OK;
}

/* A status is one word: what follows a newline would be a second command. */
static bool is_word(const char *s)
{
	size_t n = strlen(s);

	return n && n <= 63 &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

int sl_ctl_await(struct sl_ctl *c, const char *status)
{
	struct sl_error e = { 0 };
	char line[80];
	int r;

	snprintf(line, sizeof(line), "%s\n", status);
	r = sl_ctl_write(c, ".wait", line, c->timeout_s, &e);
	if (r == 0) {
		line[strlen(line) - 1] = '\0';
		sl_ctl_success(c, "wait", line);
		return SL_EXIT_OK;
	}
	sl_ctl_complain(c, "wait", &e);
	if (r == -ETIMEDOUT)
		return SL_EXIT_TIMEOUT;
	return r == -ECANCELED ? SL_EXIT_MISSED : SL_EXIT_REFUSED;
}

int sl_ctl_cmd_wait(struct sl_ctl *c)
{
	if (!is_word(c->args[0])) {
		fprintf(stderr, "sideloadctl: a status is one word, such as "
			"ReceivingFiles or MigrationDone\n");
		return SL_EXIT_USAGE;
	}
	return sl_ctl_await(c, c->args[0]);
}

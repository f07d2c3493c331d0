/* SPDX-License-Identifier: Apache-2.0 */
/* `rate`: the upload limit of a running mount, shown or changed. */
#include "ctl.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "rate.h"

static int show(struct sl_ctl *c)
{
	SL_CLEANUP(cjson) cJSON *status = NULL;
	struct sl_error e = { 0 };
	const cJSON *limit;
	char text[24] = "off";

	if (sl_ctl_status(c, &status, &e) < 0) {
		sl_ctl_complain(c, "rate", &e);
		return SL_EXIT_REFUSED;
	}
	limit = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(status, "local"),
		"rate_limit");
	if (cJSON_IsNumber(limit) && limit->valuedouble >= 1 &&
	    limit->valuedouble <= (double)SL_RATE_MAX)
		sl_rate_format(text, sizeof(text),
			       (uint64_t)limit->valuedouble);
	sl_ctl_success(c, "rate", text);
	return SL_EXIT_OK;
}

int sl_ctl_cmd_rate(struct sl_ctl *c)
{
	struct sl_error e = { 0 };
	char text[24], line[32];
	uint64_t rate;

	if (!c->arg_count)
		return show(c);
	if (sl_rate_parse(c->args[0], &rate)) {
		fprintf(stderr, "sideloadctl: a rate is " SL_RATE_RIGHT "\n");
		return SL_EXIT_USAGE;
	}
	sl_rate_format(text, sizeof(text), rate);
	snprintf(line, sizeof(line), "%s\n", text);
	if (sl_ctl_write(c, ".rate", line, c->timeout_s, &e) < 0) {
		sl_ctl_complain(c, "rate", &e);
		return SL_EXIT_REFUSED;
	}
	sl_ctl_success(c, "rate", text);
	return SL_EXIT_OK;
}

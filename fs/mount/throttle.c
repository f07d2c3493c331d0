/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .rate: the upload limit, read and changed while the mount runs. Nothing is
 * kept: the next mount has what its rate= says.
 */
#include "mount/control_internal.h"

#include "rate.h"

uint64_t sl_mount_rate(struct sl_mount *m)
{
	struct sl_http_stats st;

	if (!m->http)
		return m->opt->rate;
	sl_http_get_stats(m->http, &st);
	return st.rate;
}

int sl_act_rate(struct sl_mount *m, const char *line, struct sl_wait *w,
		struct sl_error *e)
{
	uint64_t rate;

	(void)w; /* it is done at once */
	if (sl_rate_parse(line, &rate))
		return sl_error_set(e, EINVAL, ".rate takes " SL_RATE_RIGHT
				    ", not '%.64s'", line);
	if (!m->http)
		return sl_error_set(e, ECANCELED, "this mount is going away");
	sl_http_set_rate(m->http, rate);
	return 0;
}

int sl_render_rate(struct sl_mount *m, struct sl_buf *out)
{
	char limit[24];
	double now;

	sl_mutex_lock(&m->controls->mu);
	now = sl_rate_get(&m->controls->rate);
	sl_mutex_unlock(&m->controls->mu);
	sl_buf_printf(out, "limit: %s\n", sl_rate_format(limit, sizeof(limit),
							 sl_mount_rate(m)));
	if (now < 0)
		return sl_buf_puts(out, "measured: not known yet\n");
	return sl_buf_printf(out, "measured: %.0f bytes/s\n", now);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Setting up and closing what every cloud backend has.
 */
#include "backends/cloud/cloud.h"

#include <errno.h>
#include <string.h>

int sl_cloud_init(struct sl_cloud *c, const struct sl_cloud_dialect *d,
		  const struct sl_backend_config *cfg, struct sl_error *e)
{
	c->dialect = d;
	c->clock = &sl_clock_system;
	sl_mutex_init(&c->lock);
	sl_cond_init(&c->idle);
	if (!cfg->http || !cfg->creds)
		return sl_error_set(e, EINVAL,
				    "%s needs an HTTP client and credentials",
				    c->b.ops->name);
	c->http = cfg->http;
	c->creds = cfg->creds;
	return 0;
}

void sl_cloud_drain(struct sl_cloud *c)
{
	SL_LOCK_SCOPE(&c->lock);
	c->closing = true;
	for (struct sl_cloud_task *t = c->tasks; t; t = t->next)
		sl_http_cancel(c->http, &t->call);
	while (c->running)
		sl_cond_wait(&c->idle, &c->lock);
}

void sl_cloud_release(struct sl_cloud *c)
{
	for (struct sl_cloud_id *e = c->ids, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	free(c->place);
	free(c->prefix);
	sl_cond_release(&c->idle);
	sl_mutex_release(&c->lock);
}

int sl_cloud_set_prefix(struct sl_cloud *c, const char *prefix,
			uint32_t max_key, struct sl_error *e)
{
	size_t n = strlen(prefix);

	if (n >= max_key || prefix[0] == '/' || strstr(prefix, "//") ||
	    (n && prefix[n - 1] != '/'))
		return sl_error_set(e, EINVAL, "'%s' is a bad directory",
				    prefix);
	c->prefix = strdup(prefix);
	if (!c->prefix)
		return sl_error_set(e, ENOMEM, "out of memory");
	c->b.limits.max_key = max_key - (uint32_t)n;
	return 0;
}

void sl_cloud_set_proof(struct sl_cloud *c, enum sl_proof proof)
{
	__atomic_store_n(&c->b.proof, (int)proof, __ATOMIC_RELEASE);
}

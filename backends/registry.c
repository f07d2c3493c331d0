/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backend a URL means. The only place that knows them all. Where debug
 * messages are wanted, each is opened with the tracer around it.
 */
#include <errno.h>
#include <string.h>

#include "backend.h"
#include "backends/azure/azure.h"
#include "backends/file/file.h"
#include "backends/gcs/gcs.h"
#include "backends/null/null.h"
#include "backends/s3/s3.h"
#include "backends/trace/trace.h"
#include "log.h"

static const struct {
	const char *scheme;
	int (*open)(const struct sl_backend_config *cfg,
		    struct sl_backend **ret, struct sl_error *e);
} registry[] = {
	{ "s3:", sl_s3_backend_open },
	{ "gs:", sl_gcs_backend_open },
	{ "https:", sl_azure_backend_open },
	{ "http:", sl_azure_backend_open },
	{ "file:", sl_file_backend_open },
	{ "null:", sl_null_backend_open },
};

static int open_traced(size_t i, const struct sl_backend_config *cfg,
		       struct sl_backend **ret, struct sl_error *e)
{
	int err = registry[i].open(cfg, ret, e);

	if (err || !sl_log_enabled(SL_LOG_DEBUG))
		return err;
	if (sl_trace_backend_open(*ret, ret))
		sl_log_warn("no memory to trace the store");
	return 0;
}

int sl_backend_open(const struct sl_backend_config *cfg,
		    struct sl_backend **ret, struct sl_error *e)
{
	const char *url = cfg->url ? cfg->url : "";

	if (!strchr(url, ':'))
		return sl_error_set(e, EINVAL,
				    "'%s' is no URL of a directory", url);
	for (size_t i = 0; i < SL_ARRAY_LEN(registry); i++)
		if (strncmp(url, registry[i].scheme,
			    strlen(registry[i].scheme)) == 0)
			return open_traced(i, cfg, ret, e);
	return sl_error_set(e, EPROTONOSUPPORT,
			    "'%.*s' is a store that is not supported",
			    (int)strcspn(url, ":"), url);
}

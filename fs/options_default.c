/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands where no option was given: from the host's name, the user, the
 * memory that there is and, only in a rehearsal, the environment.
 */
#include "options_internal.h"

#include <pwd.h>
#include <string.h>
#include <strings.h>

#include "cgroup.h"
#include "log.h"
#include "sstable/path.h"

static int out_of_memory(struct sl_error *e)
{
	return sl_error_set(e, ENOMEM, "out of memory");
}

static const struct sl_option *option(const char *name)
{
	const struct sl_option *opt;

	for (size_t i = 0; (opt = sl_option_at(i)); i++)
		if (!strcmp(opt->name, name))
			return opt;
	SL_BUG("no option '%s'", name);
}

char *sl_home_directory(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (home && home[0] == '/')
		return strdup(home);
	/* One thread yet: the static record is ours. */
	pw = getpwuid(geteuid());
	return pw && pw->pw_dir ? strdup(pw->pw_dir) : NULL;
}

static int default_node(struct sl_options *o, struct sl_error *e)
{
	char host[256] = "";

	if (o->node_text)
		return 0;
	if (gethostname(host, sizeof(host) - 1))
		host[0] = '\0';
	host[strcspn(host, ".")] = '\0';
	if (!sl_node_name_valid(host, strlen(host)))
		return sl_error_set(e, EINVAL, "the host name '%.64s' is no "
				    "node name; say node=NAME", host);
	return sl_option_set(o, option("node"), host, e);
}

static int default_state(struct sl_options *o, struct sl_error *e)
{
	SL_CLEANUP(free) char *home = NULL;
	const char *xdg = getenv("XDG_STATE_HOME");
	int n;

	if (o->state_dir)
		return 0;
	if (geteuid() == 0)
		return sl_option_set(o, option("state"),
				     "/var/lib/sideloadfs", e);
	if (xdg && xdg[0] == '/') {
		n = asprintf(&o->state_dir, "%s/sideloadfs", xdg);
	} else {
		home = sl_home_directory();
		if (!home)
			return sl_error_set(e, EINVAL, "no home directory is "
					    "known; say state=DIR");
		n = asprintf(&o->state_dir, "%s/.local/state/sideloadfs",
			     home);
	}
	if (n < 0) {
		o->state_dir = NULL;
		return out_of_memory(e);
	}
	return 0;
}

/* Is this the real service, where no variable may redirect anything? */
static bool is_vendor(const char *url)
{
	static const char domain[] = ".datastax.com";
	const char *host = strstr(url, "://");
	size_t n, d = sizeof(domain) - 1;

	host = host ? host + 3 : url;
	n = strcspn(host, ":/");
	while (n && host[n - 1] == '.')
		n--;
	return n > d && !strncasecmp(host + n - d, domain, d);
}

static const struct {
	const char *variable, *option;
	bool bare; /* may be HOST:PORT, and means http then */
} endpoint_variables[] = {
	{ "AWS_ENDPOINT_URL_S3", "s3_endpoint", false },
	{ "AWS_ENDPOINT_URL", "s3_endpoint", false },
	{ "STORAGE_EMULATOR_HOST", "gcs_endpoint", true },
};

static bool has_endpoint(const struct sl_options *o, const char *name)
{
	return strcmp(name, "gcs_endpoint") ? o->s3_endpoint != NULL :
					      o->gcs_endpoint != NULL;
}

static int take_variable(struct sl_options *o, size_t i, const char *v,
			 struct sl_error *e)
{
	SL_CLEANUP(free) char *url = NULL;
	const char *name = endpoint_variables[i].variable;
	bool bare = endpoint_variables[i].bare && !strstr(v, "://");
	int r;

	if (asprintf(&url, "%s%s", bare ? "http://" : "", v) < 0) {
		url = NULL;
		return out_of_memory(e);
	}
	r = sl_option_set(o, option(endpoint_variables[i].option), url, e);
	if (r) {
		sl_error_prefix(e, "$%s", name);
		return r;
	}
	sl_log_warn("uploads go to %s because $%s says so", url, name);
	return 0;
}

static int default_endpoints(struct sl_options *o, struct sl_error *e)
{
	int r = 0;

	if (is_vendor(o->api_url))
		return 0;
	for (size_t i = 0; !r && i < SL_ARRAY_LEN(endpoint_variables); i++) {
		const char *v = getenv(endpoint_variables[i].variable);

		if (v && *v && !has_endpoint(o, endpoint_variables[i].option))
			r = take_variable(o, i, v, e);
	}
	return r;
}

int sl_options_defaults(struct sl_options *o, struct sl_error *e)
{
	int r = default_node(o, e);

	if (!r)
		r = default_state(o, e);
	if (!r)
		r = sl_memory_decide(&o->memory, sl_memory_limit(""),
				     sl_memory_available(""), e);
	if (!r && !o->connections)
		r = sl_option_set(o, option("connections"), "32", e);
	if (!r && o->retry_for_ms < 0)
		r = sl_option_set(o, option("retry_for"), "6h", e);
	if (!r && !o->api_url)
		r = sl_option_set(o, option("api_url"), SL_API_URL, e);
	if (!r)
		r = default_endpoints(o, e);
	if (!r && !o->fuse_opts && !(o->fuse_opts = strdup("")))
		r = out_of_memory(e);
	return r;
}

const char *sl_options_endpoint(const struct sl_options *o, const char *url)
{
	const struct {
		const char *scheme, *endpoint;
	} schemes[] = {
		{ "s3://", o->s3_endpoint },
		{ "gs://", o->gcs_endpoint },
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(schemes); i++)
		if (!strncmp(url, schemes[i].scheme,
			     strlen(schemes[i].scheme)))
			return schemes[i].endpoint;
	return NULL;
}

int sl_options_check_store(const struct sl_options *o, const char *url,
			   struct sl_error *e)
{
	if (strncmp(url, "http:", 5) != 0 || !is_vendor(o->api_url))
		return 0;
	return sl_error_set(e, EINVAL, "the service names '%s' as the place "
			    "for files, which is without TLS: nothing is sent "
			    "there", url);
}

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

static int default_endpoint(struct sl_options *o, struct sl_error *e)
{
	static const char *const names[] = {
		"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
	};

	if (o->s3_endpoint || is_vendor(o->api_url))
		return 0;
	for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
		const char *v = getenv(names[i]);
		int r;

		if (!v || !*v)
			continue;
		r = sl_option_set(o, option("s3_endpoint"), v, e);
		if (r) {
			sl_error_prefix(e, "$%s", names[i]);
			return r;
		}
		sl_log_warn("uploads go to %s because $%s says so", v,
			    names[i]);
		return 0;
	}
	return 0;
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
		r = default_endpoint(o, e);
	if (!r && !o->fuse_opts && !(o->fuse_opts = strdup("")))
		r = out_of_memory(e);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How each kind of option value is checked and stored, and what stands where
 * none was given. A refusal names the option, the value and what would do.
 */
#include "options_internal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "migration/devops.h"
#include "rate.h"
#include "sstable/path.h"

#define MIB (UINT64_C(1) << 20)

static int no_memory(struct sl_error *e)
{
	return sl_error_set(e, ENOMEM, "out of memory");
}

static void *field(struct sl_options *o, const struct sl_option *opt)
{
	return (char *)o + opt->offset;
}

static int store_text(struct sl_options *o, const struct sl_option *opt,
		      char *text, struct sl_error *e)
{
	char **at = field(o, opt);

	if (!text)
		return no_memory(e);
	free(*at);
	*at = text;
	return 0;
}

static int set_text(struct sl_options *o, const struct sl_option *opt,
		    const char *v, struct sl_error *e)
{
	return store_text(o, opt, strdup(v), e);
}

static int set_uuid(struct sl_options *o, const struct sl_option *opt,
		    const char *v, struct sl_error *e)
{
	char *copy;

	if (!sl_uuid_valid(v))
		return sl_error_set(e, EINVAL, "%s '%.64s' is not a UUID "
				    "(8-4-4-4-12 hexadecimal digits)",
				    opt->name, v);
	copy = strdup(v);
	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return store_text(o, opt, copy, e);
}

char *sl_path_absolute(const char *path)
{
	SL_CLEANUP(free) char *cwd = NULL;
	char *ret = NULL;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd || asprintf(&ret, "%s/%s", cwd, path) < 0)
		return NULL;
	return ret;
}

static int set_path(struct sl_options *o, const struct sl_option *opt,
		    const char *v, struct sl_error *e)
{
	return store_text(o, opt, sl_path_absolute(v), e);
}

static int set_url(struct sl_options *o, const struct sl_option *opt,
		   const char *v, struct sl_error *e)
{
	const char *host = !strncasecmp(v, "https://", 8) ? v + 8 :
			   !strncasecmp(v, "http://", 7) ? v + 7 : NULL;

	if (!host || !isalnum((unsigned char)host[0]))
		if (!host || host[0] != '[')
			return sl_error_set(e, EINVAL, "%s '%.200s' is not a "
					    "URL; say https://HOST[:PORT]",
					    opt->name, v);
	for (const char *p = v; *p; p++) {
		if (*p <= ' ' || *p > '~' || strchr("@?#\"'\\<>", *p))
			return sl_error_set(e, EINVAL, "%s has a character "
					    "that does not belong into its "
					    "URL; say https://HOST[:PORT]",
					    opt->name);
	}
	return store_text(o, opt, strdup(v), e);
}

/* Digits only: strtoll would take blanks and signs. */
static int parse_number(const char *v, const char **ret_end, int64_t *ret)
{
	int64_t n = 0;

	if (!isdigit((unsigned char)*v))
		return -EINVAL;
	for (; isdigit((unsigned char)*v); v++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, *v - '0', &n))
			return -EINVAL;
	*ret_end = v;
	*ret = n;
	return 0;
}

static int number_in_range(const struct sl_option *opt, const char *v,
			   int64_t *ret, struct sl_error *e)
{
	const char *end;

	if (parse_number(v, &end, ret) || *end || *ret < opt->min ||
	    *ret > opt->max)
		return sl_error_set(e, EINVAL, "%s '%.64s' is not a number "
				    "from %lld to %lld", opt->name, v,
				    (long long)opt->min, (long long)opt->max);
	return 0;
}

static int set_int(struct sl_options *o, const struct sl_option *opt,
		   const char *v, struct sl_error *e)
{
	int64_t n;
	int r = number_in_range(opt, v, &n, e);

	if (!r)
		*(int *)field(o, opt) = (int)n;
	return r;
}

static int set_mib(struct sl_options *o, const struct sl_option *opt,
		   const char *v, struct sl_error *e)
{
	int64_t n;
	int r = number_in_range(opt, v, &n, e);

	if (!r)
		*(uint64_t *)field(o, opt) = (uint64_t)n * MIB;
	return r;
}

static int set_rate(struct sl_options *o, const struct sl_option *opt,
		    const char *v, struct sl_error *e)
{
	if (sl_rate_parse(v, field(o, opt)))
		return sl_error_set(e, EINVAL, "%s '%.64s' is not "
				    SL_RATE_RIGHT, opt->name, v);
	return 0;
}

static int set_duration(struct sl_options *o, const struct sl_option *opt,
			const char *v, struct sl_error *e)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {
		{ "s", 1000 }, { "", 1000 }, { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 },
	};
	const char *end = "?";
	int64_t n = 0;

	if (parse_number(v, &end, &n))
		end = "?";
	for (size_t i = 0; i < SL_ARRAY_LEN(units); i++) {
		int64_t ms;

		if (strcmp(units[i].unit, end) ||
		    __builtin_mul_overflow(n, units[i].ms, &ms) ||
		    ms < opt->min || ms > opt->max)
			continue;
		*(int64_t *)field(o, opt) = ms;
		return 0;
	}
	return sl_error_set(e, EINVAL, "%s '%.64s' is not a time up to %lld "
			    "days, such as 90s, 30m or 6h", opt->name, v,
			    (long long)(opt->max / 86400000));
}

static int set_onoff(struct sl_options *o, const struct sl_option *opt,
		     const char *v, struct sl_error *e)
{
	bool on = !strcmp(v, "on");

	if (!on && strcmp(v, "off"))
		return sl_error_set(e, EINVAL, "%s '%.64s' is neither on nor "
				    "off", opt->name, v);
	*(bool *)field(o, opt) = on;
	return 0;
}

static void free_names(char **names, int count)
{
	for (int i = 0; names && i < count; i++)
		free(names[i]);
	free(names);
}

static int check_name(const struct sl_option *opt, char **names, int count,
		      const char *name, size_t n, struct sl_error *e)
{
	if (!sl_node_name_valid(name, n))
		return sl_error_set(e, EINVAL, "%s: '%.*s' is not a node name "
				    "(letters, digits, '.', '_', '-'; at most "
				    "63)", opt->name, n > 64 ? 64 : (int)n,
				    name);
	if (count == SL_NODES_MAX)
		return sl_error_set(e, EINVAL, "%s: more than %d names",
				    opt->name, SL_NODES_MAX);
	for (int i = 0; i < count; i++)
		if (strlen(names[i]) == n && !strncmp(names[i], name, n))
			return sl_error_set(e, EINVAL, "%s: '%s' is there "
					    "twice", opt->name, names[i]);
	return 0;
}

static int parse_names(const struct sl_option *opt, const char *v,
		       char ***ret, int *ret_count, struct sl_error *e)
{
	char **names = calloc(SL_NODES_MAX, sizeof(*names));
	int count = 0, r = names ? 0 : no_memory(e);

	while (!r) {
		size_t n = strcspn(v, ":");

		r = check_name(opt, names, count, v, n, e);
		if (r)
			break;
		names[count] = strndup(v, n);
		if (!names[count++])
			r = no_memory(e);
		if (!v[n])
			break;
		v += n + 1;
	}
	if (r) {
		free_names(names, count);
		return r;
	}
	*ret = names;
	*ret_count = count;
	return 0;
}

static int set_nodes(struct sl_options *o, const struct sl_option *opt,
		     const char *v, struct sl_error *e)
{
	bool any = !strcmp(v, "*");
	SL_CLEANUP(free) char *text = strdup(v);
	char **names = NULL;
	int count = 0, r;

	if (!text)
		return no_memory(e);
	r = any ? 0 : parse_names(opt, v, &names, &count, e);
	if (r)
		return r;
	free_names(o->nodes, o->node_count);
	free(o->node_text);
	o->nodes = names;
	o->node_count = count;
	o->any_node = any;
	o->node_text = sl_steal(&text);
	return 0;
}

static int set_expect(struct sl_options *o, const struct sl_option *opt,
		      const char *v, struct sl_error *e)
{
	char **names = NULL;
	int count = 0;
	int r = parse_names(opt, v, &names, &count, e);

	if (r)
		return r;
	free_names(o->expect, o->expect_count);
	o->expect = names;
	o->expect_count = count;
	return 0;
}

static int (*const setters[SL_OPTION__COUNT])(struct sl_options *,
					      const struct sl_option *,
					      const char *,
					      struct sl_error *) = {
	[SL_OPTION_UUID] = set_uuid,
	[SL_OPTION_NODES] = set_nodes,
	[SL_OPTION_EXPECT] = set_expect,
	[SL_OPTION_TEXT] = set_text,
	[SL_OPTION_PATH] = set_path,
	[SL_OPTION_URL] = set_url,
	[SL_OPTION_MIB] = set_mib,
	[SL_OPTION_RATE] = set_rate,
	[SL_OPTION_INT] = set_int,
	[SL_OPTION_DURATION] = set_duration,
	[SL_OPTION_ONOFF] = set_onoff,
	[SL_OPTION_POLICY] = sl_option_policy,
};

int sl_option_set(struct sl_options *o, const struct sl_option *opt,
		  const char *value, struct sl_error *e)
{
	if (opt->kind == SL_OPTION_FLAG) {
		if (value)
			return sl_error_set(e, EINVAL, "%s takes no value",
					    opt->name);
		*(bool *)field(o, opt) = true;
		return 0;
	}
	if (!value || !*value)
		return sl_error_set(e, EINVAL, "%s needs a value: %s=%s",
				    opt->name, opt->name,
				    opt->value ? opt->value : "...");
	return setters[opt->kind](o, opt, value, e);
}

void sl_options_release(struct sl_options *o)
{
	free(o->db_id);
	free(o->mountpoint);
	free(o->migration);
	free_names(o->nodes, o->node_count);
	free(o->node_text);
	free_names(o->expect, o->expect_count);
	free(o->tag);
	free(o->policy);
	free(o->state_dir);
	free(o->token_file);
	free(o->api_url);
	free(o->s3_endpoint);
	free(o->gcs_endpoint);
	free(o->fuse_opts);
	sl_secret_free(o->token);
	memset(o, 0, sizeof(*o));
}

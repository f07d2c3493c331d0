/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conformance: shows that a store keeps the contract of include/backend.h.
 * The same binary for every store; what a store cannot do by its capability
 * flags is left out and said so, and so is what --without names because the
 * server, not the backend, lacks it. Prints TAP and ends with a count.
 */
#include "conf.h"

#include <fnmatch.h>
#include <getopt.h>
#include <strings.h>

#include "clock.h"
#include "log.h"
#include "tests/lib/fixed_cred.h"

static const char usage[] =
	"usage: conformance --url URL [--endpoint E] [--region R]\n"
	"           [--access AK --secret SK [--token T]] [--threads N]\n"
	"           [--gcs-file FILE] [--sas SAS] [--only GLOB]\n"
	"           [--without CAPABILITY,...]\n";

struct args {
	const char *url, *endpoint, *region, *access, *secret, *token, *only;
	const char *threads, *gcs_file, *sas, *without;
};

static const struct option options[] = {
	{ "url", required_argument, NULL, 0 },
	{ "endpoint", required_argument, NULL, 1 },
	{ "region", required_argument, NULL, 2 },
	{ "access", required_argument, NULL, 3 },
	{ "secret", required_argument, NULL, 4 },
	{ "token", required_argument, NULL, 5 },
	{ "only", required_argument, NULL, 6 },
	{ "threads", required_argument, NULL, 7 },
	{ "gcs-file", required_argument, NULL, 8 },
	{ "sas", required_argument, NULL, 9 },
	{ "without", required_argument, NULL, 10 },
	{ NULL, 0, NULL, 0 },
};

static int parse(struct args *a, int argc, char **argv)
{
	const char **slot[] = { &a->url,    &a->endpoint, &a->region,
				&a->access, &a->secret,	  &a->token,
				&a->only,   &a->threads,  &a->gcs_file,
				&a->sas,    &a->without };
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o < 0 || (size_t)o >= SL_ARRAY_LEN(slot))
			return -EINVAL;
		*slot[o] = optarg;
	}
	return a->url && optind == argc ? 0 : -EINVAL;
}

static const struct {
	unsigned cap;
	const char *name;
} cap_names[] = {
	{ SL_CAP_READ, "READ" },	 { SL_CAP_LIST, "LIST" },
	{ SL_CAP_UPLOADS, "UPLOADS" },	 { SL_CAP_REMOVE, "REMOVE" },
	{ SL_CAP_CHECKSUM, "CHECKSUM" }, { SL_CAP_PARALLEL, "PARALLEL" },
	{ SL_CAP_DURABLE, "DURABLE" },	 { SL_CAP_ABORT, "ABORT" },
	{ CONF_MULTIPART, "MULTIPART" },
};

/* A capability by its name, whatever its case; 0: there is none such. */
static unsigned cap_named(const char *word, size_t n)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(cap_names); i++)
		if (strlen(cap_names[i].name) == n &&
		    !strncasecmp(cap_names[i].name, word, n))
			return cap_names[i].cap;
	return 0;
}

/* What "multipart,uploads" takes away. -EINVAL: no such capability. */
static int caps_named(const char *words, unsigned *ret)
{
	*ret = 0;
	while (words && *words) {
		size_t n = strcspn(words, ",");
		unsigned cap = cap_named(words, n);

		if (!cap)
			return -EINVAL;
		*ret |= cap;
		words += n + (words[n] == ',');
	}
	return 0;
}

static void print_left_out(const struct conf_case *k, unsigned missing)
{
	const char *between = "";

	printf("# left out: %s (needs ", k->name);
	for (size_t i = 0; i < SL_ARRAY_LEN(cap_names); i++) {
		if (!(missing & cap_names[i].cap))
			continue;
		printf("%s%s", between, cap_names[i].name);
		between = "|";
	}
	printf(")\n");
}

struct tally {
	int passed, failed;
	char run[32];
	const char *only;
	unsigned without;
};

static void run_case(struct ctx *c, struct tally *t, const struct conf_case *k,
		     unsigned needs)
{
	unsigned has = (c->b->caps | CONF_MULTIPART) & ~t->without;
	unsigned missing = (k->needs | needs) & ~has;
	bool ok;

	if (t->only && fnmatch(t->only, k->name, 0))
		return;
	if (missing) {
		print_left_out(k, missing);
		return;
	}
	if (snprintf(c->dir, sizeof(c->dir), "%s/%s/", t->run, k->name) < 0)
		abort();
	ok = !k->run(c);
	if (ok && sl_conf_clean(c, c->dir))
		ok = false;
	if (ok)
		t->passed++;
	else
		t->failed++;
	printf("%sok %d - %s\n", ok ? "" : "not ", t->passed + t->failed,
	       k->name);
	fflush(stdout);
}

static const struct conf_table *const tables[] = {
	&sl_conf_put,	&sl_conf_read,	  &sl_conf_keys,   &sl_conf_list,
	&sl_conf_parts, &sl_conf_uploads, &sl_conf_flight,
};

static void run_table(struct ctx *c, struct tally *t,
		      const struct conf_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		run_case(c, t, &table->cases[i], table->needs);
}

static int run_all(const struct sl_backend_config *cfg, const struct args *a,
		   unsigned without)
{
	struct ctx c = { .cfg = cfg };
	struct tally t = { .only = a->only, .without = without };
	struct sl_error e = { 0 };

	if (sl_backend_open(cfg, &c.b, &e)) {
		fprintf(stderr, "conformance: %s\n", e.text);
		return 2;
	}
	/* Cases, and what cleans up behind them, look at it themselves. */
	c.b->caps &= ~without;
	snprintf(t.run, sizeof(t.run), "conf-%016llx",
		 (unsigned long long)sl_random_below(UINT64_MAX));
	for (size_t i = 0; i < SL_ARRAY_LEN(tables); i++)
		run_table(&c, &t, tables[i]);
	if (snprintf(c.dir, sizeof(c.dir), "%s/", t.run) < 0)
		abort();
	if (sl_conf_clean(&c, c.dir))
		t.failed++;
	sl_backend_close(c.b);
	printf("1..%d\n%d passed, %d failed\n", t.passed + t.failed, t.passed,
	       t.failed);
	return t.failed || (!t.passed && !a->only) ? 1 : 0;
}

/* The credentials file of Google's tools. NULL: it cannot be read. */
static struct sl_cred_source *gcs_cred(const char *path)
{
	SL_CLEANUP(file) FILE *f = fopen(path, "re");
	char text[65536];
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	return n ? sl_test_cred_of(SL_CRED_GCS, NULL, text, NULL) : NULL;
}

static bool is_local(const char *url)
{
	return !strncmp(url, "file:", 5) || !strncmp(url, "null:", 5);
}

int main(int argc, char **argv)
{
	static const struct sl_http_config http = {
		.threads = 2, .connections = 32, .retry_for_ms = 20000,
	};
	struct args a = { 0 };
	struct sl_backend_config cfg = { 0 };
	struct sl_error e = { 0 };
	unsigned without;
	int rc;

	sl_log_init("conformance", SL_LOG_WARN);
	if (parse(&a, argc, argv) || caps_named(a.without, &without)) {
		fputs(usage, stderr);
		return 2;
	}
	cfg.url = a.url;
	cfg.endpoint = a.endpoint;
	cfg.region_hint = a.region;
	cfg.threads = a.threads ? atoi(a.threads) : 0;
	if (a.access && a.secret)
		cfg.creds = sl_test_cred_new(a.access, a.secret, a.token);
	if (a.gcs_file)
		cfg.creds = gcs_cred(a.gcs_file);
	if (a.sas)
		cfg.creds = sl_test_cred_of(SL_CRED_AZURE, a.url, a.sas, NULL);
	if (!is_local(a.url) && sl_http_new(&http, &cfg.http, &e)) {
		fprintf(stderr, "conformance: %s\n", e.text);
		return 2;
	}
	rc = run_all(&cfg, &a, without);
	sl_http_free(cfg.http);
	sl_test_cred_free(cfg.creds);
	return rc;
}

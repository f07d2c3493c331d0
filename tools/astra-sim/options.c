/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one table, from which --help is made too.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

enum type { TEXT, NUMBER, SECONDS, FLAG, CHOICE, SET };

struct option_row {
	const char *name;
	const char *arg;
	enum type type;
	size_t at; /* offset in struct sim_options */
	int64_t min, max;
	const char *words; /* CHOICE and SET: space separated */
	const char *help;
};

#define AT(field) offsetof(struct sim_options, field)

static const struct option_row rows[] = {
	{ "dir", "DIR", TEXT, AT(dir), 0, 0, NULL,
	  "where the bucket lives; made if it is not there (required)" },
	{ "listen", "ADDRESS", TEXT, AT(listen), 0, 0, NULL,
	  "IPv4 address to listen on (127.0.0.1)" },
	{ "port", "N", NUMBER, AT(port), 0, 65535, NULL,
	  "port of the DevOps API; 0: a free one (0)" },
	{ "s3-port", "N", NUMBER, AT(s3_port), 0, 65535, NULL,
	  "port of the bucket; 0: a free one (0)" },
	{ "cloud", "NAME", CHOICE, AT(cloud), 0, 0, "s3 gcs azure",
	  "whose bucket it is: s3, gcs, azure (s3)" },
	{ "db", "UUID", TEXT, AT(db), 0, 0, NULL,
	  "the database (a new one)" },
	{ "db-status", "WORD", TEXT, AT(db_status), 0, 0, NULL,
	  "what the API says of the database (ACTIVE)" },
	{ "db-tier", "WORD", TEXT, AT(db_tier), 0, 0, NULL,
	  "what the API says it is (serverless)" },
	{ "token-file", "FILE", TEXT, AT(token_file), 0, 0, NULL,
	  "file with the application token (a new token)" },
	{ "region", "R", TEXT, AT(region), 0, 0, NULL,
	  "region of the bucket (us-east-1)" },
	{ "creds-life", "SECONDS", SECONDS, AT(creds_life_ms), 1, 604800000,
	  NULL, "life of upload credentials (3600)" },
	{ "creds", "MODE", CHOICE, AT(creds), 0, 0, "half mint same",
	  "when a status mints new ones: after half their life (half), "
	  "always (mint), once expired (same)" },
	{ "same-creds", NULL, FLAG, AT(creds), SIM_CREDS_SAME, 0, NULL,
	  "the same as --creds same" },
	{ "creds-delay", "SECONDS", SECONDS, AT(creds_delay_ms), 0, 86400000,
	  NULL, "how long after they were made credentials begin to work (0)" },
	{ "policy-delay", "SECONDS", SECONDS, AT(creds_delay_ms), 0, 86400000,
	  NULL, "the same as --creds-delay: an Azure policy takes effect" },
	{ "no-crc64", NULL, FLAG, AT(no_crc64), 1, 0, NULL,
	  "Azure: answer 500 FeatureNotSupported to x-ms-content-crc64" },
	{ "gcs-creds", "TYPE", CHOICE, AT(gcs_creds), 0, 0,
	  "service_account authorized_user",
	  "Google credentials: service_account, authorized_user "
	  "(service_account)" },
	{ "init-delay", "SECONDS", SECONDS, AT(init_delay_ms), 0, 86400000,
	  NULL, "time in Initializing (0.2)" },
	{ "import-delay", "SECONDS", SECONDS, AT(import_delay_ms), 0, 86400000,
	  NULL, "time in ImportInProgress before the check (0.5)" },
	{ "lag", "SECONDS", SECONDS, AT(lag_ms), 0, 86400000, NULL,
	  "how old the status shown is (0)" },
	{ "cleanup-days", "N", NUMBER, AT(cleanup_days), 0, 3650, NULL,
	  "days until cleanup (7)" },
	{ "clock-offset", "SECONDS", SECONDS, AT(clock_offset_ms),
	  -86400000, 86400000, NULL, "how far the server's clock is off (0)" },
	{ "deny", "LIST", SET, AT(deny), 0, 0,
	  "delete uploads list parts abort get",
	  "rights the credentials lack: delete,uploads,list,parts,abort,get" },
	{ "index-dirs", "WHAT", CHOICE, AT(index_fail), 0, 0, "ignore fail",
	  "what the import makes of index directories: fail, ignore (fail)" },
	{ "min-part", "BYTES", NUMBER, AT(min_part), 0, 5 << 20, NULL,
	  "smallest part but the last (5242880)" },
	{ "idle-timeout", "SECONDS", NUMBER, AT(idle_timeout_s), 0, 86400,
	  NULL, "idle connections are closed after this; 0: never (60)" },
	{ "faults", "FILE", TEXT, AT(faults), 0, 0, NULL,
	  "trouble to make, see astra-sim(1)" },
	{ "log", "FILE", TEXT, AT(log), 0, 0, NULL,
	  "request log, one JSON object a line, appended" },
	{ "ready-file", "FILE", TEXT, AT(ready_file), 0, 0, NULL,
	  "what is printed when ready is written here too (mode 0600)" },
	{ "print-env", NULL, FLAG, AT(print_env), 1, 0, NULL,
	  "when ready, print exports for the cloud's own tools too" },
};

static void usage(FILE *f)
{
	fputs("usage: astra-sim --dir DIR [OPTION...]\n"
	      "A stand-in for the Astra DB Sideloader service and its S3 "
	      "bucket.\n\n", f);
	for (size_t i = 0; i < SIM_COUNT(rows); i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
			 rows[i].arg ? " " : "", rows[i].arg ? rows[i].arg
							     : "");
		fprintf(f, "  %-24s %s\n", left, rows[i].help);
	}
	fprintf(f, "  %-24s %s\n", "--help", "print this and exit");
	fprintf(f, "  %-24s %s\n", "--version", "print the version and exit");
}

/* Position of the word in the list, -1 if it is not in it. */
static int word_index(const char *words, const char *w)
{
	SIM_AUTOFREE char *copy = sim_strdup(words);
	char *save = NULL;
	int n = 0;

	for (char *x = strtok_r(copy, " ", &save); x;
	     x = strtok_r(NULL, " ", &save), n++)
		if (!strcmp(x, w))
			return n;
	return -1;
}

static bool parse_seconds(const struct option_row *o, const char *v,
			  int64_t *ms)
{
	char *end = NULL;
	double d = strtod(v, &end);

	if (!*v || *end || !(d >= -1e9 && d <= 1e9))
		return false;
	*ms = (int64_t)(d * 1000);
	return *ms >= o->min && *ms <= o->max;
}

static bool set_bits(const struct option_row *o, const char *v, unsigned *bits)
{
	SIM_AUTOFREE char *copy = sim_strdup(v);
	char *save = NULL;

	for (char *x = strtok_r(copy, ",", &save); x;
	     x = strtok_r(NULL, ",", &save)) {
		int n = word_index(o->words, x);

		if (n < 0)
			return false;
		*bits |= 1u << n;
	}
	return *v != '\0';
}

static bool choose(const struct option_row *o, const char *v, void *at)
{
	int n = word_index(o->words, v);

	if (n < 0)
		return false;
	if (o->at == AT(index_fail))
		*(bool *)at = n == 1;
	else
		*(unsigned *)at = (unsigned)n; /* one of the enums */
	return true;
}

static void set_flag(const struct option_row *o, void *at)
{
	if (o->at == AT(creds))
		*(enum sim_creds_mode *)at = (enum sim_creds_mode)o->min;
	else
		*(bool *)at = true;
}

static bool set_option(const struct option_row *o, const char *v,
		       struct sim_options *opt)
{
	void *at = (char *)opt + o->at;

	switch (o->type) {
	case TEXT:
		free(*(char **)at);
		*(char **)at = sim_strdup(v);
		return *v != '\0';
	case NUMBER:
		return sim_number(v, o->min, o->max, at);
	case SECONDS:
		return parse_seconds(o, v, at);
	case SET:
		return set_bits(o, v, at);
	case CHOICE:
		return choose(o, v, at);
	case FLAG:
		set_flag(o, at);
	}
	return true;
}

static const struct option_row *find(const char *name, size_t n)
{
	for (size_t i = 0; i < SIM_COUNT(rows); i++)
		if (strlen(rows[i].name) == n &&
		    !strncmp(rows[i].name, name, n))
			return &rows[i];
	return NULL;
}

static int complain(const char *what, const char *arg)
{
	fprintf(stderr, "astra-sim: %s '%s' (try --help)\n", what, arg);
	return 3;
}

static int bad_value(const struct option_row *o, const char *v)
{
	fprintf(stderr, "astra-sim: bad value '%s' for --%s (try --help)\n", v,
		o->name);
	return 3;
}

/* One argument; how many words were used, or a negative exit status - 1. */
static int one(char **argv, struct sim_options *o)
{
	const char *a = argv[0], *eq = strchr(a, '='), *v;
	const struct option_row *row;

	if (!strcmp(a, "--help")) {
		usage(stdout);
		return -1;
	}
	if (!strcmp(a, "--version")) {
		puts("astra-sim " SL_VERSION);
		return -1;
	}
	row = sim_starts(a, "--") ? find(a + 2, eq ? (size_t)(eq - a - 2)
						   : strlen(a + 2))
				  : NULL;
	if (!row || (row->type == FLAG && eq))
		return -complain("unknown option", a);
	v = eq ? eq + 1 : argv[1];
	if (row->type != FLAG && !v)
		return -complain("missing value of", a);
	if (!set_option(row, v, o))
		return -bad_value(row, v);
	return row->type == FLAG || eq ? 1 : 2;
}

static void defaults(struct sim_options *o)
{
	*o = (struct sim_options){
		.listen = sim_strdup("127.0.0.1"),
		.region = sim_strdup("us-east-1"),
		.db_status = sim_strdup("ACTIVE"),
		.db_tier = sim_strdup("serverless"),
		.creds_life_ms = 3600000,
		.init_delay_ms = 200,
		.import_delay_ms = 500,
		.cleanup_days = 7,
		.min_part = 5 << 20,
		.idle_timeout_s = 60,
		.creds = SIM_CREDS_HALF,
		.index_fail = true,
	};
}

int sim_options_parse(int argc, char **argv, struct sim_options *o)
{
	defaults(o);
	for (int i = 1; i < argc;) {
		int used = one(argv + i, o);

		if (used < 0)
			return -used;
		i += used;
	}
	if (!o->dir)
		return complain("missing option", "--dir");
	if (!o->db) {
		o->db = sim_alloc(37);
		sim_uuid(o->db);
	}
	if (!sim_uuid_valid(o->db))
		return complain("not a UUID:", o->db);
	if (!*o->region || strspn(o->region, "abcdefghijklmnopqrstuvwxyz"
					     "0123456789-") !=
				   strlen(o->region) || strlen(o->region) > 32)
		return complain("not a region:", o->region);
	return 0;
}

void sim_options_free(struct sim_options *o)
{
	for (size_t i = 0; i < SIM_COUNT(rows); i++)
		if (rows[i].type == TEXT)
			free(*(char **)(void *)((char *)o + rows[i].at));
}

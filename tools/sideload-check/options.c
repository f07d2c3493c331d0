/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of sideload-check: one table, of which --help is printed
 * and with which the manual page is compared.
 */
#include "check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define JOBS_MAX 256
#define POLICY_MAX 65536

struct option_row {
	const char *name;
	const char *value; /* what it takes; NULL: nothing */
	size_t offset;	   /* of a bool in struct sl_check_options */
	int (*take)(struct sl_check_options *o, const char *v);
	const char *help;
};

static int complain(const char *text, const char *subject)
{
	char shown[512];

	sl_text_clean(shown, sizeof(shown), subject, strlen(subject));
	fprintf(stderr, "sideload-check: %s '%s'; see sideload-check --help\n",
		text, shown);
	return -EINVAL;
}

static int take_jobs(struct sl_check_options *o, const char *v)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(v, &end, 10);
	if (errno || end == v || *end || n < 1 || n > JOBS_MAX)
		return complain("--jobs takes 1 to 256, not", v);
	o->jobs = (int)n;
	return 0;
}

static int take_tag(struct sl_check_options *o, const char *v)
{
	if (!*v || strchr(v, '/'))
		return complain("--tag takes the name of a snapshot, not", v);
	o->tag = v;
	return 0;
}

static int read_policy(const char *path, struct sl_buf *out)
{
	/* A FIFO would block. */
	SL_CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
				     O_NOCTTY);
	char piece[4096];
	struct stat st;
	ssize_t n = -1;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return complain("cannot read the policy", path);
	while (n && !sl_buf_error(out)) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			sl_buf_append(out, piece, (size_t)n);
		else if (n < 0 && errno != EINTR)
			return complain("cannot read the policy", path);
	}
	return sl_buf_error(out) ? complain("over 64 KiB is the policy",
					    path) : 0;
}

static int take_policy(struct sl_check_options *o, const char *v)
{
	SL_CLEANUP(buf) struct sl_buf text = SL_BUF_INIT(POLICY_MAX);
	struct sl_error e = { 0 };
	int r = read_policy(v, &text);

	if (r)
		return r;
	r = sl_policy_parse(&o->policy, v, sl_buf_str(&text), text.len, &e);
	if (r)
		fprintf(stderr, "sideload-check: %s\n", e.text);
	return r;
}

#define FLAG(member) NULL, offsetof(struct sl_check_options, member), NULL
#define VALUE(name, take) name, 0, take

static const struct option_row options[] = {
	{ "--json", FLAG(json),
	  "print findings and a summary as JSON, one object a line" },
	{ "--jobs", VALUE("N", take_jobs),
	  "read so many files at once (default: one per processor)" },
	{ "--policy", VALUE("FILE", take_policy),
	  "change verdicts of rules, as -o policy= of sideloadfs does" },
	{ "--tag", VALUE("GLOB", take_tag),
	  "the snapshots that are meant, as -o tag= of sideloadfs" },
	{ "--one-node", FLAG(one_node),
	  "each DIR, and what is in it, is a data directory of one node" },
	{ "--schema", FLAG(schema),
	  "print the CQL that must exist in the target database" },
	{ "--quiet", FLAG(quiet), "no progress, no summary" },
	{ "--verbose", FLAG(verbose),
	  "show also what is accepted and what is left out" },
	{ "--help", FLAG(help), "print this" },
	{ "--version", FLAG(version), "print the version" },
};

void sl_check_help(void)
{
	char left[40];

	printf("usage: sideload-check [OPTION...] DIR...\n\n"
	       "Judges snapshots of Cassandra nodes as sideloadfs would. DIR "
	       "is a node's data\ndirectory, a keyspace, a table, a snapshot, "
	       "or a directory of such of nodes.\n\noptions:\n");
	for (size_t i = 0; i < SL_ARRAY_LEN(options); i++) {
		const struct option_row *o = &options[i];

		snprintf(left, sizeof(left), "%s%s%s", o->name,
			 o->value ? " " : "", o->value ? o->value : "");
		printf("  %-15s %s\n", left, o->help);
	}
	printf("\nexit status: 0 nothing worse than a warning, 1 something is "
	       "rejected,\n2 something could not be read, or usage\n");
}

static const struct option_row *find(const char *word, size_t n)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(options); i++)
		if (strlen(options[i].name) == n &&
		    !memcmp(options[i].name, word, n))
			return &options[i];
	return NULL;
}

/* "--jobs 2" and "--jobs=2". */
static int parse(struct sl_check_options *o, char **argv, int *i)
{
	const char *word = argv[*i], *v = strchr(word, '=');
	const struct option_row *row =
		find(word, v ? (size_t)(v - word) : strlen(word));

	if (!row || (v && !row->value))
		return complain("no such option:", word);
	if (!row->value) {
		*(bool *)(void *)((char *)o + row->offset) = true;
		return 0;
	}
	v = v ? v + 1 : argv[*i + 1];
	if (!v)
		return complain("a value is missing after", word);
	*i += v == argv[*i + 1];
	return row->take(o, v);
}

static int check_combination(const struct sl_check_options *o)
{
	if (o->help || o->version)
		return 0;
	if (!o->dir_count)
		return complain("which directory? There is none after",
				"sideload-check");
	if (o->json && o->schema)
		return complain("CQL is no JSON: --json does not go with",
				"--schema");
	return 0;
}

int sl_check_options(struct sl_check_options *o, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	bool plain = false;

	memset(o, 0, sizeof(*o));
	sl_policy_init(&o->policy);
	o->jobs = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : (int)cpus;
	o->dirs = argv;
	for (int i = 1; argv[i]; i++) {
		int r = 0;

		if (!plain && !strcmp(argv[i], "--"))
			plain = true;
		else if (plain || argv[i][0] != '-')
			o->dirs[o->dir_count++] = argv[i];
		else
			r = parse(o, argv, &i);
		if (r)
			return r;
	}
	return check_combination(o);
}

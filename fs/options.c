/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The option table, and the command line in the two ways that it comes: from
 * people, and from mount(8) with its own order, its own words and letters
 * (mount.TYPE SPEC DIR [-sfnv] [-N namespace] [-o options] [-t type], see
 * mount(8), "External helpers").
 */
#include "options_internal.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "migration/devops.h"

#define FIELD(f) offsetof(struct sl_options, f)
#define HOUR_MS (3600LL * 1000)
#define SL_NICE 10

static const struct sl_option table[] = {
	{ "migration", SL_OPTION_UUID, FIELD(migration), 0, 0, "UUID",
	  "the one used last here",
	  "the migration to join; see .init for a new one" },
	{ "node", SL_OPTION_NODES, 0, 0, 0, "NAME[:NAME...]|*",
	  "the short host name",
	  "node directories that this mount may write; '*': any" },
	{ "expect", SL_OPTION_EXPECT, 0, 0, 0, "NAME[:NAME...]", NULL,
	  "nodes that must be there for 'launch' without names" },
	{ "tag", SL_OPTION_TEXT, FIELD(tag), 0, 0, "GLOB",
	  "all but those that Cassandra makes itself",
	  "snapshot names to take" },
	{ "policy", SL_OPTION_POLICY, 0, 0, 0, "FILE",
	  "what --rules prints",
	  "lines RULE VERDICT that change how findings are judged" },
	{ "state", SL_OPTION_PATH, FIELD(state_dir), 0, 0, "DIR",
	  "/var/lib/sideloadfs, or ~/.local/state/sideloadfs",
	  "directory of the ledgers" },
	{ "token_file", SL_OPTION_PATH, FIELD(token_file), 0, 0, "FILE",
	  "see below", "file with the application token, mode 0600" },
	{ "api_url", SL_OPTION_URL, FIELD(api_url), 0, 0, "URL", SL_API_URL,
	  "the DevOps API" },
	{ "s3_endpoint", SL_OPTION_URL, FIELD(s3_endpoint), 0, 0, "URL",
	  "that of the bucket's region", "S3 endpoint to upload to" },
	{ "gcs_endpoint", SL_OPTION_URL, FIELD(gcs_endpoint), 0, 0, "URL",
	  "Google's", "Google Cloud Storage endpoint to upload to" },
	{ "memory", SL_OPTION_MIB, FIELD(memory), 32, 1048576, "MIB",
	  "256, or a quarter of what there is or is free",
	  "byte budget of all uploads together, in MiB" },
	{ "connections", SL_OPTION_INT, FIELD(connections), 1, 512, "N",
	  "32", "most requests in flight" },
	{ "rate", SL_OPTION_RATE, FIELD(rate), 0, 0, "RATE", "off",
	  "most bytes uploaded a second, such as 512K or 40M; see .rate" },
	{ "nice", SL_OPTION_INT, FIELD(nice), 0, 19, "N", "10",
	  "how far this mount stands back for others' CPU time" },
	{ "retry_for", SL_OPTION_DURATION, FIELD(retry_for_ms), 0,
	  30 * 24 * HOUR_MS, "TIME", "6h",
	  "how long network trouble is retried: 90s, 30m, 6h, 2d" },
	{ "keep", SL_OPTION_ONOFF, FIELD(keep), 0, 0, "on|off", "on",
	  "move the cleanup date away while this mount uploads" },
	{ "allow_other", SL_OPTION_FLAG, FIELD(allow_other), 0, 0, NULL, NULL,
	  "let other users than the mounting one in" },
};

const struct sl_option *sl_option_at(size_t i)
{
	return i < SL_ARRAY_LEN(table) ? &table[i] : NULL;
}

/* Words that mount(8) and fstab bring along. */
enum word_rule {
	WORD_PASS, /* FUSE understands it */
	WORD_DROP, /* means nothing here, or is how we are anyway */
};

static const struct {
	const char *word; /* ending in '*': any word that begins so */
	enum word_rule rule;
} mount_words[] = {
	{ "rw", WORD_PASS },	    { "ro", WORD_PASS },
	{ "nosuid", WORD_PASS },    { "nodev", WORD_PASS },
	{ "noexec", WORD_PASS },    { "noatime", WORD_PASS },
	{ "nodiratime", WORD_PASS },
	/* Nobody keeps devices or set-user-ID programs in a bucket. */
	{ "suid", WORD_DROP },	    { "dev", WORD_DROP },
	{ "exec", WORD_DROP },	    { "atime", WORD_DROP },
	{ "diratime", WORD_DROP },  { "relatime", WORD_DROP },
	{ "norelatime", WORD_DROP }, { "strictatime", WORD_DROP },
	{ "nostrictatime", WORD_DROP }, { "lazytime", WORD_DROP },
	{ "nolazytime", WORD_DROP }, { "async", WORD_DROP },
	{ "defaults", WORD_DROP },  { "auto", WORD_DROP },
	{ "noauto", WORD_DROP },    { "nofail", WORD_DROP },
	{ "_netdev", WORD_DROP },   { "user", WORD_DROP },
	{ "user=*", WORD_DROP },    { "users", WORD_DROP },
	{ "nouser", WORD_DROP },    { "owner", WORD_DROP },
	{ "group", WORD_DROP },	    { "silent", WORD_DROP },
	{ "loud", WORD_DROP },	    { "comment=*", WORD_DROP },
	{ "x-*", WORD_DROP },	    { "X-*", WORD_DROP },
	{ "helper=*", WORD_DROP },  { "uhelper=*", WORD_DROP },
};

static bool word_matches(const char *pattern, const char *word)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] == '*')
		return !strncmp(pattern, word, n - 1);
	return !strcmp(pattern, word);
}

/* 1: a word of mount(8), taken; 0: not one. */
static int take_mount_word(struct sl_options *o, const char *word)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(mount_words); i++) {
		char *joined;

		if (!word_matches(mount_words[i].word, word))
			continue;
		if (mount_words[i].rule == WORD_DROP)
			return 1;
		if (asprintf(&joined, "%s%s%s", o->fuse_opts ? o->fuse_opts :
			     "", o->fuse_opts ? "," : "", word) < 0)
			return -ENOMEM;
		free(o->fuse_opts);
		o->fuse_opts = joined;
		return 1;
	}
	return 0;
}

static const struct sl_option *find_option(const char *name)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(table); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

static int refuse_token(struct sl_error *e)
{
	return sl_error_set(e, EINVAL, "a token on the command line is seen "
			    "by every user of this host; write it to a file "
			    "of mode 0600 and say token_file=FILE");
}

/* One "name" or "name=value"; 'word' is ours to change. */
static int take_word(struct sl_options *o, char *word, struct sl_error *e)
{
	const struct sl_option *opt;
	char *value;
	int r = take_mount_word(o, word);

	if (r)
		return r < 0 ? sl_error_set(e, -r, "out of memory") : 0;
	value = strchr(word, '=');
	if (value)
		*value++ = '\0';
	if (!strcmp(word, "token"))
		return refuse_token(e);
	opt = find_option(word);
	return opt ? sl_option_set(o, opt, value, e) :
		     sl_option_unknown(word, e);
}

/* Ends the word at 's' in place ("\," is a comma in it); the next or NULL. */
static char *cut_word(char *s)
{
	char *to = s;

	for (; *s && *s != ','; s++) {
		if (*s == '\\' && (s[1] == ',' || s[1] == '\\'))
			s++;
		*to++ = *s;
	}
	if (!*s) {
		*to = '\0';
		return NULL;
	}
	*to = '\0';
	return s + 1;
}

/* The process list shows argv: a token that stands there goes at once. */
static void wipe_tokens(char *arg)
{
	char *p = arg;

	while ((p = strstr(p, "token="))) {
		bool whole = p == arg || p[-1] == ',';

		p += strlen("token=");
		for (; whole && *p && *p != ','; p++)
			*p = '-';
	}
}

static int take_list(struct sl_options *o, char *arg, struct sl_error *e)
{
	SL_CLEANUP(secret) char *copy = strdup(arg);
	int r = 0;

	wipe_tokens(arg);
	if (!copy)
		return sl_error_set(e, ENOMEM, "out of memory");
	for (char *next, *w = copy; w && !r; w = next) {
		next = cut_word(w);
		if (*w)
			r = take_word(o, w, e);
	}
	return r;
}

struct cmdline {
	struct sl_options *o;
	struct sl_error *e;
	char **argv;
	int argc, at;
	bool helper;	    /* called as mount.TYPE */
	bool fake;	    /* mount -f: only pretend */
	bool help, version, rules;
	const char *pos[2];
	int pos_count;
};

static int set_foreground(struct cmdline *c)
{
	if (c->helper)
		c->fake = true;
	else
		c->o->foreground = true;
	return 0;
}

static int set_debug(struct cmdline *c)
{
	c->o->debug = true;
	c->o->foreground = true;
	return 0;
}

static int set_help(struct cmdline *c)
{
	c->help = true;
	return 0;
}

static int set_version(struct cmdline *c)
{
	c->version = true;
	return 0;
}

static int set_rules(struct cmdline *c)
{
	c->rules = true;
	return 0;
}

static int ignore(struct cmdline *c)
{
	(void)c; /* mount(8) says it to every helper */
	return 0;
}

static const struct {
	char letter;
	const char *longer;
	bool helper_only;
	bool argument; /* one follows, and means nothing here */
	int (*act)(struct cmdline *c);
} switches[] = {
	{ 'f', "foreground", false, false, set_foreground },
	{ 'd', "debug", false, false, set_debug },
	{ 'h', "help", false, false, set_help },
	{ 'V', "version", false, false, set_version },
	{ '\0', "rules", false, false, set_rules },
	{ 's', NULL, true, false, ignore },
	{ 'n', NULL, true, false, ignore },
	{ 'v', NULL, true, false, ignore },
	{ 'N', NULL, true, true, ignore },
	{ 't', NULL, true, true, ignore },
};

static int take_long(struct cmdline *c, const char *name)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(switches); i++)
		if (switches[i].longer && !strcmp(switches[i].longer, name))
			return switches[i].act(c);
	return sl_error_set(c->e, EINVAL, "unknown option '--%.64s'; --help "
			    "lists them", name);
}

static int take_letter(struct cmdline *c, char letter)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(switches); i++) {
		if (switches[i].letter != letter ||
		    (switches[i].helper_only && !c->helper))
			continue;
		if (switches[i].argument)
			c->at++;
		return switches[i].act(c);
	}
	return sl_error_set(c->e, EINVAL, "unknown option '-%c'; --help lists "
			    "them", letter);
}

static int take_letters(struct cmdline *c, char *s)
{
	int r = 0;

	for (; *s && !r; s++) {
		if (*s != 'o') {
			r = take_letter(c, *s);
			continue;
		}
		if (s[1])
			return take_list(c->o, s + 1, c->e);
		if (c->at + 1 >= c->argc)
			return sl_error_set(c->e, EINVAL, "-o needs an "
					    "argument");
		return take_list(c->o, c->argv[++c->at], c->e);
	}
	return r;
}

static int take_positional(struct cmdline *c, const char *arg)
{
	if (c->pos_count == 2)
		return sl_error_set(c->e, EINVAL, "one argument too many: "
				    "'%.64s'; see --help", arg);
	c->pos[c->pos_count++] = arg;
	return 0;
}

static int take_args(struct cmdline *c)
{
	bool only_positional = false;
	int r = 0;

	for (c->at = 1; c->at < c->argc && !r; c->at++) {
		char *arg = c->argv[c->at];

		if (only_positional || arg[0] != '-' || !arg[1])
			r = take_positional(c, arg);
		else if (!strcmp(arg, "--"))
			only_positional = true;
		else if (arg[1] == '-')
			r = take_long(c, arg + 2);
		else
			r = take_letters(c, arg + 1);
	}
	return r;
}

static int take_places(struct cmdline *c)
{
	static const struct sl_option database = {
		.name = "DATABASE_ID",
		.kind = SL_OPTION_UUID,
		.offset = FIELD(db_id),
	};
	struct sl_options *o = c->o;
	int r;

	if (c->pos_count < 2)
		return sl_error_set(c->e, EINVAL, "%s is missing; usage: "
				    "sideloadfs [-o OPTION,...] DATABASE_ID "
				    "MOUNTPOINT", c->pos_count ? "MOUNTPOINT" :
				    "DATABASE_ID");
	r = sl_option_set(o, &database, c->pos[0], c->e);
	if (r)
		return r;
	o->mountpoint = realpath(c->pos[1], NULL);
	/* What is wrong with it is told when it is to be used. */
	if (!o->mountpoint)
		o->mountpoint = sl_path_absolute(c->pos[1]);
	if (!o->mountpoint)
		return sl_error_set(c->e, ENOMEM, "out of memory");
	return sl_options_defaults(o, c->e);
}

static int print_help(struct sl_options *o)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(65536);

	sl_buf_puts(&b, "usage: sideloadfs [-f] [-d] [-o OPTION,...] "
		    "DATABASE_ID MOUNTPOINT\n\n"
		    "Makes the upload directory of an Astra DB Sideloader "
		    "migration a local\ndirectory.\n\n"
		    "  -f, --foreground  stay in the foreground\n"
		    "  -d, --debug       the same, and log what happens\n"
		    "  -h, --help        this text\n"
		    "  -V, --version     the version\n"
		    "  --rules           how snapshots are judged, as a file "
		    "for policy=\n\n");
	o->help_shown = true;
	if (sl_options_help(&b) || fputs(sl_buf_str(&b), stdout) < 0)
		return -EIO;
	return 1;
}

static int print_rules(void)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(65536);

	if (sl_options_rules(&b) || fputs(sl_buf_str(&b), stdout) < 0)
		return -EIO;
	return 1;
}

static bool is_mount_helper(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const char *base = slash ? slash + 1 : argv0;

	return base && !strncmp(base, "mount.", 6);
}

int sl_options_parse(struct sl_options *o, int argc, char **argv,
		     struct sl_error *e)
{
	struct cmdline c = {
		.o = o,
		.e = e,
		.argv = argv,
		.argc = argc,
		.helper = is_mount_helper(argc > 0 ? argv[0] : NULL),
	};
	int r;

	memset(o, 0, sizeof(*o));
	o->keep = true;
	o->nice = SL_NICE;
	o->retry_for_ms = -1;
	r = take_args(&c);
	if (r)
		return r;
	if (c.help)
		return print_help(o);
	if (c.rules)
		return print_rules();
	if (c.version)
		return printf("sideloadfs %s\n", SL_VERSION) < 0 ? -EIO : 1;
	r = take_places(&c);
	return r ? r : c.fake;
}

int sl_options_help(struct sl_buf *out)
{
	sl_buf_puts(out, "options (-o NAME=VALUE,...):\n");
	for (size_t i = 0; i < SL_ARRAY_LEN(table); i++) {
		const struct sl_option *opt = &table[i];

		sl_buf_printf(out, "  %s%s%s\n      %s", opt->name,
			      opt->value ? "=" : "",
			      opt->value ? opt->value : "", opt->help);
		if (opt->dflt)
			sl_buf_printf(out, "\n      default: %s", opt->dflt);
		sl_buf_puts(out, "\n");
	}
	return sl_buf_puts(out,
		"\nThe application token comes from the first of:\n"
		"  token_file=FILE\n"
		"  $ASTRA_DB_APPLICATION_TOKEN\n"
		"  $CREDENTIALS_DIRECTORY/astra-token (systemd)\n"
		"  ~/.astrarc, section [default]\n");
}

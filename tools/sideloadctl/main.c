/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of sideloadctl. Commands and options are tables; --help
 * is printed from them, and the manual page is checked against them.
 */
#include "ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

enum command_bits {
	IN_STATUS = 1 << 0,
	IN_WAIT = 1 << 1,
	IN_LAUNCH = 1 << 2,
	IN_UMOUNT = 1 << 3,
	IN_RATE = 1 << 4,
	IN_SEAL = 1 << 5,
	IN_DOCTOR = 1 << 6,
	LOCAL = 1 << 7, /* about no mount: all words are the command's */
};

struct command {
	const char *name;
	unsigned bit;
	int min_args, max_args; /* after the mount point */
	int (*run)(struct sl_ctl *c);
	const char *usage, *help;
};

static const struct command commands[] = {
	{ "status", IN_STATUS, 0, 0, sl_ctl_cmd_status,
	  "status MOUNTPOINT [--json]",
	  "what the migration and this mount are at" },
	{ "wait", IN_WAIT, 1, 1, sl_ctl_cmd_wait,
	  "wait MOUNTPOINT STATUS [--timeout SECONDS] [--json]",
	  "return when the migration has reached STATUS" },
	{ "launch", IN_LAUNCH, 0, 100000, sl_ctl_cmd_launch,
	  "launch MOUNTPOINT NODE[=SEAL]... | --anyway | --relaunch\n"
	  "        [--wait] [--timeout SECONDS] [--json]",
	  "start the import if the gate finds all of the named nodes whole" },
	{ "seal", IN_SEAL, 0, 0, sl_ctl_cmd_seal,
	  "seal MOUNTPOINT [--json]",
	  "NODE=SEAL of what was copied here, for launch on any node" },
	{ "rate", IN_RATE, 0, 1, sl_ctl_cmd_rate,
	  "rate MOUNTPOINT [RATE] [--json]",
	  "show or change the upload limit: 512K, 40M, off" },
	{ "umount", IN_UMOUNT, 0, 0, sl_ctl_cmd_umount,
	  "umount MOUNTPOINT [--force] [--timeout SECONDS] [--json]",
	  "unmount when all is committed, return when the daemon has gone" },
	{ "doctor", IN_DOCTOR | LOCAL, 0, 0, sl_ctl_cmd_doctor,
	  "doctor [-o OPTION,...] [--json] [DATABASE_ID [DIR...]]",
	  "look at all that a migration needs, before the copy of DIR..." },
};

struct option_row {
	const char *name;
	size_t offset; /* of its member in struct sl_ctl */
	enum { FLAG, SECONDS, TEXT } kind;
	unsigned commands;
	const char *help;
};

#define MEMBER(member) offsetof(struct sl_ctl, member)

static const struct option_row options[] = {
	{ "--json", MEMBER(json), FLAG,
	  IN_STATUS | IN_WAIT | IN_LAUNCH | IN_UMOUNT | IN_RATE | IN_SEAL |
	  IN_DOCTOR,
	  "print JSON" },
	{ "--timeout", MEMBER(timeout_s), SECONDS,
	  IN_WAIT | IN_LAUNCH | IN_UMOUNT,
	  "give up after so many seconds (umount: 60 unless given)" },
	{ "--wait", MEMBER(wait), FLAG, IN_LAUNCH,
	  "return when the migration is done" },
	{ "--anyway", MEMBER(anyway), FLAG, IN_LAUNCH,
	  "launch although the gate is closed; this is logged" },
	{ "--relaunch", MEMBER(relaunch), FLAG, IN_LAUNCH,
	  "again, after a failed import whose cause was mended" },
	{ "--force", MEMBER(force), FLAG, IN_UMOUNT,
	  "unmount although not everything is committed" },
	{ "-o", MEMBER(options), TEXT, IN_DOCTOR,
	  "the options that the mount will get, as sideloadfs -o" },
};

static void print_help(void)
{
	printf("usage: sideloadctl COMMAND ...\n\ncommands:\n");
	for (size_t i = 0; i < SL_ARRAY_LEN(commands); i++)
		printf("  %s\n        %s\n", commands[i].usage,
		       commands[i].help);
	printf("\noptions:\n");
	for (size_t i = 0; i < SL_ARRAY_LEN(options); i++)
		printf("  %-12s %s\n", options[i].name, options[i].help);
	printf("  %-12s %s\n  %-12s %s\n", "--help", "print this",
	       "--version", "print the version");
	printf("\nexit status: 0 done, 1 refused or failed, 2 usage or not a "
	       "sideloadfs mount,\n3 timed out, 4 the status waited for can "
	       "not come any more\n");
}

static int usage_error(const char *text, const char *subject)
{
	char shown[200];

	sl_text_clean(shown, sizeof(shown), subject, strlen(subject));
	fprintf(stderr, "sideloadctl: %s '%s'; see sideloadctl --help\n",
		text, shown);
	return -EINVAL;
}

static int parse_seconds(const char *s, int64_t *ret)
{
	char *end;
	long n;

	errno = 0;
	n = s ? strtol(s, &end, 10) : 0;
	if (!s || errno || end == s || *end || n < 1 || n > 31536000)
		return usage_error("--timeout takes 1 to 31536000 seconds, "
				   "not", s ? s : "");
	*ret = n;
	return 0;
}

static int take_value(int kind, void *member, char *value)
{
	switch (kind) {
	case SECONDS:
		return parse_seconds(value, member);
	case TEXT:
		if (!value)
			return usage_error("a value is missing after", "-o");
		*(char **)member = value;
		return 0;
	default:
		*(bool *)member = true;
		return 0;
	}
}

static int parse_option(struct sl_ctl *c, const struct command *cmd,
			char **argv, int *i)
{
	for (size_t o = 0; o < SL_ARRAY_LEN(options); o++) {
		const struct option_row *row = &options[o];

		if (strcmp(argv[*i], row->name))
			continue;
		if (!(row->commands & cmd->bit))
			return usage_error("this command does not take",
					   row->name);
		return take_value(row->kind, (char *)c + row->offset,
				  row->kind == FLAG ? NULL : argv[++*i]);
	}
	return usage_error("unknown option", argv[*i]);
}

/* Options may stand anywhere; "--" ends them. Words stay in argv's order. */
static int parse_words(struct sl_ctl *c, const struct command *cmd,
		       char **argv)
{
	bool plain = false;

	c->args = argv;
	for (int i = 0; argv[i]; i++) {
		int r = 0;

		if (!plain && !strcmp(argv[i], "--"))
			plain = true;
		else if (plain || argv[i][0] != '-')
			c->args[c->arg_count++] = argv[i];
		else
			r = parse_option(c, cmd, argv, &i);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static int run(struct sl_ctl *c, const struct command *cmd)
{
	struct sl_error e = { 0 };
	const char *mountpoint;

	if (cmd->bit & LOCAL)
		return cmd->run(c);
	if (c->arg_count - 1 < cmd->min_args ||
	    c->arg_count - 1 > cmd->max_args) {
		fprintf(stderr, "usage: sideloadctl %s\n", cmd->usage);
		return SL_EXIT_USAGE;
	}
	mountpoint = c->args[0];
	c->args++;
	c->arg_count--;
	if (sl_ctl_find(c, mountpoint, &e) < 0) {
		sl_ctl_complain(c, cmd->name, &e);
		return SL_EXIT_USAGE;
	}
	return cmd->run(c);
}

int main(int argc, char **argv)
{
	struct sl_ctl c = { 0 };
	const struct command *cmd;
	int r;

	if (argc < 2) {
		fprintf(stderr, "usage: sideloadctl COMMAND MOUNTPOINT ...; "
			"see sideloadctl --help\n");
		return SL_EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help();
		return ferror(stdout) || fflush(stdout) ? SL_EXIT_REFUSED : 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("sideloadctl %s\n", SL_VERSION);
		return ferror(stdout) || fflush(stdout) ? SL_EXIT_REFUSED : 0;
	}
	cmd = find_command(argv[1]);
	if (!cmd) {
		usage_error("unknown command", argv[1]);
		return SL_EXIT_USAGE;
	}
	if (parse_words(&c, cmd, argv + 2) < 0)
		return SL_EXIT_USAGE;
	r = run(&c, cmd);
	free(c.path);
	if (fflush(stdout) && r == SL_EXIT_OK)
		r = SL_EXIT_REFUSED;
	return r;
}

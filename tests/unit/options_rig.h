/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as a test gives them. The sources are included because the
 * daemon's files are no part of the library.
 */
#ifndef OPTIONS_RIG_H
#define OPTIONS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../../fs/options.c"
#include "../../fs/options_default.c"
#include "../../fs/options_memory.c"
#include "../../fs/options_policy.c"
#include "../../fs/options_token.c"
#include "../../fs/options_unknown.c"
#include "../../fs/options_value.c"

#define ID "6b4e7a6e-1111-4222-8333-944455566677"

static inline int parse(struct sl_options *o, struct sl_error *e, char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(e, 0, sizeof(*e));
	return sl_options_parse(o, argc, argv, e);
}

/* Parses "sideloadfs -o TEXT ID /"; TEXT is copied, for it gets wiped. */
static inline int parse_o(struct sl_options *o, struct sl_error *e,
			  const char *text)
{
	char name[] = "sideloadfs", dash[] = "-o", id[] = ID, mnt[] = "/";
	char *copy = strdup(text);
	char *argv[] = { name, dash, copy, id, mnt, NULL };
	int r = parse(o, e, argv);

	free(copy);
	return r;
}

#endif

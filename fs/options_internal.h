/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the option files share: the table's row, how a value is checked and
 * stored, and the values that stand where none is given.
 */
#ifndef SL_OPTIONS_INTERNAL_H
#define SL_OPTIONS_INTERNAL_H

#include "options.h"

#define SL_API_URL "https://api.astra.datastax.com"

enum sl_option_kind {
	SL_OPTION_UUID,
	SL_OPTION_NODES,    /* a:b:c or '*' */
	SL_OPTION_EXPECT,   /* a:b:c */
	SL_OPTION_TEXT,
	SL_OPTION_PATH,     /* made absolute */
	SL_OPTION_URL,
	SL_OPTION_MIB,
	SL_OPTION_RATE,     /* bytes a second */
	SL_OPTION_INT,
	SL_OPTION_DURATION,
	SL_OPTION_ONOFF,
	SL_OPTION_POLICY,   /* a file, read at once */
	SL_OPTION_FLAG,     /* takes no value */
	SL_OPTION__COUNT,
};

struct sl_option {
	const char *name;
	enum sl_option_kind kind;
	size_t offset;	     /* of the field in struct sl_options */
	int64_t min, max;    /* MIB, INT, DURATION (ms) */
	const char *value;   /* as help shows it: "UUID" */
	const char *dflt;    /* as help shows it; NULL: none */
	const char *help;
};

/* The table; NULL past the end. */
const struct sl_option *sl_option_at(size_t i);

/* -EINVAL, with the name of the table that is most like it. */
int sl_option_unknown(const char *name, struct sl_error *e);

/* Checks 'value' and stores it; value NULL: none was given. */
int sl_option_set(struct sl_options *o, const struct sl_option *opt,
		  const char *value, struct sl_error *e) SL_MUST_CHECK;

/* Reads a policy file into o->policy. */
int sl_option_policy(struct sl_options *o, const struct sl_option *opt,
		     const char *v, struct sl_error *e) SL_MUST_CHECK;

/* Fills what was not given. */
int sl_options_defaults(struct sl_options *o, struct sl_error *e)
	SL_MUST_CHECK;

/* "/a/b" from "b" in directory "/a"; NULL: out of memory. */
char *sl_path_absolute(const char *path);

/* The home directory, also without an environment; malloc'd or NULL. */
char *sl_home_directory(void);

/*
 * Bytes of memory that this process may use, by its cgroup (v1, v2, all
 * levels above it) and by the machine. 0: cannot be told. 'root' as in
 * cgroup.h.
 */
uint64_t sl_memory_limit(const char *root);
/*
 * *memory is what was asked for (0: nothing), then what it will be. -EINVAL
 * when it is more than the limit.
 */
int sl_memory_decide(uint64_t *memory, uint64_t limit, uint64_t available,
		     struct sl_error *e) SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's options: one table (options.c) from which parsing, checking,
 * --help and .help come. All values are checked before anything is mounted.
 */
#ifndef SL_OPTIONS_H
#define SL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "sstable/rule.h"

#define SL_NODES_MAX 1024

struct sl_options {
	/* positional */
	char *db_id;		/* canonical UUID */
	char *mountpoint;	/* absolute, resolved */
	bool foreground;	/* -f */
	bool debug;		/* -d: implies -f, log level debug */
	/* -o */
	char *migration;	/* UUID or NULL */
	char **nodes;		/* own node names; NULL with any_node */
	int node_count;
	bool any_node;		/* node=* */
	char *node_text;	/* as given or defaulted: "a:b" */
	char **expect;		/* expect=a:b; NULL: not given */
	int expect_count;
	char *tag;		/* glob or NULL */
	struct sl_policy *policy; /* NULL: the table's verdicts */
	char *state_dir;	/* absolute */
	char *token_file;	/* or NULL */
	char *api_url;
	char *s3_endpoint;	/* NULL: the cloud's own */
	char *gcs_endpoint;	/* the same for Google Cloud Storage */
	uint64_t memory;	/* bytes */
	int connections;
	uint64_t rate;		/* upload bytes a second; 0: no limit */
	int nice;		/* 0..19 */
	int64_t retry_for_ms;
	bool keep;
	/* For fuse: allow_other and the words that mount(8) passes. */
	bool allow_other;
	char *fuse_opts;	/* "rw,nosuid,...", passed on; never NULL */
	/* Not options: the token, wiped on release; --help was printed. */
	char *token;
	bool help_shown;
};

/*
 * Parses argv. 0: filled. 1: --help or --version was asked for and printed
 * to stdout. -EINVAL: 'e' says which option, what is wrong and what is right.
 */
int sl_options_parse(struct sl_options *o, int argc, char **argv,
		     struct sl_error *e) SL_MUST_CHECK;
/*
 * The token from token_file= (0600 or refused), the environment variable
 * ASTRA_DB_APPLICATION_TOKEN, systemd's $CREDENTIALS_DIRECTORY/astra-token,
 * or ~/.astrarc ([default] ASTRA_DB_APPLICATION_TOKEN=...). -ENOKEY names
 * the places. The environment variable is overwritten after reading.
 */
int sl_options_token(struct sl_options *o, struct sl_error *e) SL_MUST_CHECK;
/* The endpoint option that is about the store of 'url', or NULL. */
const char *sl_options_endpoint(const struct sl_options *o, const char *url);
/*
 * May files go to this directory? The real service names none without TLS;
 * only a stand-in on this machine does. -EINVAL.
 */
int sl_options_check_store(const struct sl_options *o, const char *url,
			   struct sl_error *e) SL_MUST_CHECK;
void sl_options_release(struct sl_options *o);
/*
 * The rules and their verdicts, as a policy file of which every line says
 * what is so anyway, with the sentences as comments.
 */
int sl_options_rules(struct sl_buf *out);
/* The option part of --help, also used by .help. */
int sl_options_help(struct sl_buf *out);

#endif

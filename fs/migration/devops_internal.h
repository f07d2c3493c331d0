/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the DevOps client's two files: the calls and the judging.
 */
#ifndef SL_DEVOPS_INTERNAL_H
#define SL_DEVOPS_INTERNAL_H

#include "devops.h"
#include "status_internal.h"

struct sl_devops {
	struct sl_http *http;
	char *base;  /* "https://host/v2/databases/UUID/migrations" */
	char *token; /* wiped on free */
	char *db_id;
	bool loopback; /* the API is this machine: a rehearsal */
};

struct sl_api_row {
	int lo, hi; /* HTTP status */
	enum sl_verdict verdict;
	int errnum;
	const char *text;
};
/* The first row that holds 'status'; never NULL. */
const struct sl_api_row *sl_api_row(int status);

bool sl_api_is_html(const char *body, size_t n);

/*
 * The service's own words in an answer, cleaned and short; "" where they
 * repeat the token. Fills e->code with the service's error number.
 */
struct sl_quote sl_api_words(const char *body, size_t n, const char *token,
			     struct sl_error *e);

#endif

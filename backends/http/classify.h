/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what came back to a verdict: one pure table for all object stores.
 */
#ifndef SL_HTTP_CLASSIFY_H
#define SL_HTTP_CLASSIFY_H

#include <stdbool.h>

#include "http.h"

/* What is known about the credentials that an attempt used. */
enum sl_cred_age {
	SL_AGE_UNKNOWN = 1 << 0, /* never seen to work, no refresh tried */
	SL_AGE_FRESH = 1 << 1,	 /* worked a moment ago or just renewed */
	SL_AGE_OLD = 1 << 2,	 /* at or near their expiry */
};

struct sl_classify_in {
	int curl_code;	  /* CURLcode */
	int status;	  /* HTTP; 0: none */
	const char *code; /* the provider's; "" none */
	enum sl_cred_age age;
	bool truncated;	  /* the answer was cut or did not fit */
};

struct sl_classified {
	enum sl_verdict verdict;
	int errnum;	  /* positive; 0 for OK */
	const char *text; /* what it means, static */
};

struct sl_classified sl_classify(const struct sl_classify_in *in);

/*
 * Could the server have acted on an attempt that ended like this? 'sent_all'
 * as in the response: an upload that did not go out whole was not stored.
 */
bool sl_classify_ambiguous(const struct sl_http_response *r);

#endif

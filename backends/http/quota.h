/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The retry budget of a client: how many retries may go out when most of them
 * fail. No lock of its own; the caller's clock.
 */
#ifndef SL_HTTP_QUOTA_H
#define SL_HTTP_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct sl_quota {
	int64_t tokens;	 /* thousandths of a retry */
	int64_t last_ms; /* up to when time has been paid */
	bool dry;	 /* a retry was held back since the last success */
};

void sl_quota_init(struct sl_quota *q, int64_t now_ms);
/* One retry: 0 and it is paid for, or the ms until there may be a token. */
int64_t sl_quota_take(struct sl_quota *q, int64_t now_ms);
/* The same without taking. */
int64_t sl_quota_wait(struct sl_quota *q, int64_t now_ms);
/* A request succeeded. True: retries were held back, look at them now. */
bool sl_quota_success(struct sl_quota *q, int64_t now_ms);
/* At least half is there: trouble, if any, is nobody's but one request's. */
bool sl_quota_calm(struct sl_quota *q, int64_t now_ms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put Block, and the IDs of blocks: base64 of up to 64 bytes, of one length
 * among the uncommitted blocks of a blob, whoever left them there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "azure.h"

char *sim_az_block_hex(const char *id, const char **code)
{
	unsigned char raw[2 * SIM_AZ_ID_MAX];
	SIM_AUTOFREE char *again = NULL;
	int n = sim_unb64(id, raw, sizeof(raw));
	char *hex;

	*code = "InvalidQueryParameterValue";
	if (n <= 0)
		return NULL;
	/* One way to write it only: "QQ==" is an ID, "QR==" is not. */
	again = sim_b64(raw, (size_t)n);
	if (strcmp(again, id))
		return NULL;
	*code = "OutOfRangeInput";
	if (n > SIM_AZ_ID_MAX)
		return NULL;
	hex = sim_alloc((size_t)n * 2 + 1);
	sim_hex(raw, (size_t)n, hex);
	return hex;
}

char *sim_az_block_name(const char *hex)
{
	unsigned char raw[SIM_AZ_ID_MAX];
	size_t n = strlen(hex) / 2;

	if (n > sizeof(raw) || !sim_unhex(hex, n, raw))
		n = 0;
	return sim_b64(raw, n);
}

void sim_az_blocks_add(struct sim_az_blocks *b, const struct sim_az_block *x)
{
	if (!(b->n & (b->n + 1)))
		b->v = sim_grow(b->v, (b->n + 1) * 2 * sizeof(*b->v));
	b->v[b->n++] = *x;
}

int sim_az_by_hex(const void *a, const void *b)
{
	const struct sim_az_block *x = a, *y = b;

	return strcmp(x->hex, y->hex);
}

static void bad_length(struct sim_req *r)
{
	sim_az_fail(r, 400, "InvalidBlobOrBlock",
		    "The specified blob or block content is invalid.");
}

void sim_az_block_prepare(struct sim_req *r)
{
	const char *id = sim_param(r, "blockid"), *code;
	struct sim_azure *x = r->azure;
	int rc;

	x->block = id ? sim_az_block_hex(id, &code) : NULL;
	if (!x->block) {
		sim_az_fail(r, 400, id ? code : "MissingRequiredQueryParameter",
			    "Value for one of the query parameters specified "
			    "in the request URI is invalid: blockid.");
		return;
	}
	sim_az_blocks_lock();
	rc = sim_az_block_check_locked(r->sim, x->key, strlen(x->block) / 2);
	sim_az_blocks_unlock();
	if (rc)
		bad_length(r);
	else
		sim_az_body_begin(r, true);
}

void sim_az_block(struct sim_req *r)
{
	struct sim_azure *x = r->azure;
	int rc;

	sim_az_blocks_lock();
	rc = sim_az_block_save_locked(r->sim, x->key, x->block, x->in.tmp);
	sim_az_blocks_unlock();
	if (rc == -EINVAL) {
		bad_length(r);
		return;
	}
	if (rc) {
		sim_az_errno(r, rc);
		return;
	}
	sim_reply_start(r, 201);
	sim_az_sum_headers(r);
	sim_reply_header(r, "x-ms-request-server-encrypted", "true");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies and what is announced of them: Content-MD5 or x-ms-content-crc64,
 * never both. The latter is the CRC-64/NVME of the body, eight bytes with the
 * lowest first, as base64. Some emulators cannot check it and say so with a
 * 500 (--no-crc64).
 */
#include <stdlib.h>
#include <string.h>

#include "azure.h"

#define PUT_MAX (INT64_C(5000) << 20)
#define BLOCK_MAX (INT64_C(4000) << 20)

static bool ignores_crc(const struct sim_req *r)
{
	return r->trouble.flags & SIM_F_IGNORE_CHECKSUM;
}

static const char *announced_crc(const struct sim_req *r)
{
	return ignores_crc(r) ? NULL : sim_header(r, "x-ms-content-crc64");
}

static bool bad_header(struct sim_req *r, const char *name)
{
	SIM_AUTOFREE char *text = sim_format(
		"The value for one of the HTTP headers is not in the correct "
		"format: %s.", name);

	sim_az_fail(r, 400, "InvalidHeaderValue", text);
	return false;
}

static bool check_announced(struct sim_req *r)
{
	const char *md5 = sim_header(r, "content-md5");
	const char *crc = announced_crc(r);
	unsigned char raw[16];

	if (crc && r->sim->opt.no_crc64) {
		sim_az_fail(r, 500, "FeatureNotSupported",
			    "x-ms-content-crc64 header or parameter is not "
			    "supported in this server.");
		return false;
	}
	if (md5 && crc) {
		sim_az_fail(r, 400, "BothCrc64AndMd5HeaderPresent",
			    "Both x-ms-content-crc64 header and Content-MD5 "
			    "header are present.");
		return false;
	}
	if (crc && sim_unb64(crc, raw, sizeof(raw)) != 8)
		return bad_header(r, "x-ms-content-crc64");
	if (!md5 || sim_unb64(md5, raw, sizeof(raw)) == 16)
		return true;
	sim_az_fail(r, 400, "InvalidMd5",
		    "The MD5 value specified in the request is invalid. MD5 "
		    "value must be 128 bits and base64 encoded.");
	return false;
}

static bool check_length(struct sim_req *r)
{
	const char *len = sim_header(r, "content-length");
	bool block = r->azure->op->kind == SIM_S3_PART;
	int64_t n;

	if (!len) {
		sim_az_fail(r, 411, NULL, NULL);
		return false;
	}
	if (!sim_number(len, block ? 1 : 0, INT64_MAX, &n))
		return bad_header(r, "Content-Length");
	if (n <= (block ? BLOCK_MAX : PUT_MAX))
		return true;
	sim_az_fail(r, 413, NULL, NULL);
	return false;
}

bool sim_az_body_begin(struct sim_req *r, bool file)
{
	struct sim_azure *x = r->azure;
	int rc;

	if (!check_announced(r) || (file && !check_length(r)))
		return false;
	x->taking = true;
	rc = sim_intake_begin(r->sim, &x->in, file, SIM_SUM_CRC64NVME);
	if (rc)
		sim_az_errno(r, rc);
	return !rc;
}

void sim_az_body_data(struct sim_req *r, const void *p, size_t n)
{
	int rc;

	if (!r->azure->taking)
		return;
	rc = sim_intake_add(&r->azure->in, p, n);
	if (rc)
		sim_az_errno(r, rc);
}

void sim_az_crc64(const char *big_endian, char dst[16])
{
	SIM_AUTOFREE char *b64 = NULL;
	unsigned char raw[8], le[8];

	*dst = '\0';
	if (sim_unb64(big_endian, raw, sizeof(raw)) != 8)
		return;
	for (int i = 0; i < 8; i++)
		le[i] = raw[7 - i];
	b64 = sim_b64(le, sizeof(le));
	snprintf(dst, 16, "%s", b64);
}

static bool check_md5(struct sim_req *r)
{
	const char *want = sim_header(r, "content-md5");
	unsigned char raw[16] = { 0 };

	/* Its form was looked at before. */
	if (!want || (sim_unb64(want, raw, sizeof(raw)) == 16 &&
		      !memcmp(raw, r->azure->in.md5_raw, sizeof(raw))))
		return true;
	sim_az_fail(r, 400, "Md5Mismatch",
		    "The MD5 value specified in the request did not match "
		    "with the MD5 value calculated by the server.");
	return false;
}

static bool check_crc(struct sim_req *r)
{
	const char *want = announced_crc(r);

	if (!want || !strcmp(want, r->azure->crc64))
		return true;
	sim_az_fail(r, 400, "Crc64Mismatch",
		    "The CRC64 value specified in the request did not match "
		    "with the CRC64 value calculated by the server.");
	return false;
}

bool sim_az_body_end(struct sim_req *r)
{
	struct sim_azure *x = r->azure;

	if (r->reply.ready || !x->taking)
		return false;
	sim_intake_end(&x->in);
	sim_az_crc64(x->in.sum_b64, x->crc64);
	return check_md5(r) && check_crc(r);
}

/* The service names the sum that the client chose, CRC64 if it chose none. */
void sim_az_sum_headers(struct sim_req *r)
{
	bool md5 = sim_header(r, "content-md5") != NULL;
	SIM_AUTOFREE char *sum =
		md5 ? sim_b64(r->azure->in.md5_raw, 16)
		    : sim_strdup(r->azure->crc64);

	if (!md5 && (ignores_crc(r) || r->sim->opt.no_crc64))
		return;
	if (r->trouble.flags & SIM_F_LIE_CHECKSUM)
		*sum = *sum == 'A' ? 'B' : 'A';
	sim_reply_header(r, md5 ? "Content-MD5" : "x-ms-content-crc64", "%s",
			 sum);
}

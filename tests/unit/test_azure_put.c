/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the Azure backend and what answers make of them: the SAS and
 * the checksums that go with a body, servers that cannot check them, bytes
 * damaged on the way, lost answers, names that Azure does not take.
 */
#include "azure_rig.h"
#include "crc.h"

#define ETAG "etag: \"0x8D\"\n"
/* CRC-64/NVME's check value ae8b14860a799888, its lowest byte first. */
#define NINE_CRC64 "x-ms-content-crc64: iJh5CoYUi64=\n"
#define NINE_MD5 "Content-MD5: JfnnlDI7RTiF9RgfG2JNCw==\n"

static char nine[] = "123456789";
static struct iovec nine_vec[] = { { nine, 4 }, { nine + 4, 5 } };

static struct sl_op put_of(const char *key)
{
	return (struct sl_op){ .key = key, .body = nine_vec, .body_count = 2,
			       .size = 9, .crc32 = 0xcbf43926,
			       .sum = 0xae8b14860a799888 };
}

static void a_put(void **state)
{
	static const struct rig_answer ok[] = {
		{ 201, ETAG NINE_CRC64, NULL },
	};
	struct sl_op op = put_of("a b/c%d");

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_put, ok), 0);
	assert_string_equal(rig.seen[0].method, "PUT");
	assert_string_equal(rig.seen[0].url,
			    RIG_URL "a%20b/c%25d?" RIG_SAS);
	assert_string_equal(rig.seen[0].body, nine);
	assert_true(rig_sent(0, NINE_CRC64));
	assert_true(rig_sent(0, "X-Ms-Version: 2021-12-02\n"));
	assert_true(rig_sent(0, "X-Ms-Blob-Type: BlockBlob\n"));
	assert_true(rig_sent(0, "X-Ms-Meta-Crc32: cbf43926\n"));
	assert_true(rig_sent(0, "X-Ms-Client-Request-Id: sideloadfs-"));
	assert_false(rig_sent(0, "Content-MD5"));
	assert_int_equal(op.obj.proof, SL_PROOF_CRC64);
	assert_string_equal(op.obj.etag, "\"0x8D\"");
	assert_true(op.obj.has_crc32);
}

/* The engine may have no sum; then it is made of bytes that are right. */
static void a_sum_is_made(void **state)
{
	static const struct rig_answer ok[] = {
		{ 201, ETAG NINE_CRC64, NULL },
	};
	struct sl_op op = put_of("k");

	(void)state;
	op.sum = 0;
	assert_int_equal(RIG_RUN(&op, sl_backend_put, ok), 0);
	assert_true(rig_sent(0, NINE_CRC64));
	op = put_of("k");
	op.sum = 0;
	op.crc32 ^= 1;
	assert_int_equal(RIG_RUN_NONE(&op, sl_backend_put), -EBADMSG);
}

#define CANNOT(code, text) \
	"<?xml version=\"1.0\"?><Error><Code>" code "</Code><Message>" text \
	"\nRequestId:1\n</Message></Error>"

static void met_with_md5(void **state)
{
	static const struct {
		struct rig_answer first;
		bool falls;
	} rows[] = {
		{ { 500, NULL, CANNOT("FeatureNotSupported", "x") }, true },
		{ { 400, NULL, CANNOT("InvalidHeaderValue",
				      "x-ms-content-crc64") }, true },
		{ { 400, NULL, CANNOT("UnsupportedHeader",
				      "x-ms-content-crc64") }, true },
		{ { 201, ETAG, NULL }, true }, /* it does not say it back */
		{ { 503, NULL, CANNOT("ServerBusy", "x") }, false },
		{ { 500, "x-ms-error-code: OperationTimedOut\n", NULL },
		  false },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		bool falls = rows[i].falls, lost = rows[i].first.status == 500;
		struct rig_answer script[] = {
			rows[i].first,
			{ 201, falls ? ETAG : ETAG NINE_CRC64, NULL },
			{ 201, falls ? ETAG : ETAG NINE_CRC64, NULL },
		};
		struct sl_op op = put_of("k");

		if (!falls && lost)
			script[1] = (struct rig_answer){ 404, NULL, NULL };
		assert_int_equal(rig_serve(&op, sl_backend_put, script,
					   !falls && lost ? 3 : 2), 0);
		assert_int_equal(rig_sent(rig.requests - 1, NINE_MD5), falls);
		assert_int_equal(op.obj.proof, falls ? SL_PROOF_MD5 :
						       SL_PROOF_CRC64);
		assert_int_equal(sl_backend_proof(rig.b), op.obj.proof);
		/* And from there on. */
		op = put_of("k");
		assert_int_equal(rig_serve(&op, sl_backend_put, script + 2, 1),
				 0);
		assert_int_equal(rig_sent(0, NINE_MD5), falls);
		assert_int_equal(rig_sent(0, NINE_CRC64), !falls);
		rig_down(NULL);
		rig_up(NULL);
	}
}

static void damaged_on_the_way(void **state)
{
	static const struct rig_answer bad[] = {
		{ 400, NULL, CANNOT("Crc64Mismatch", "x") },
		{ 400, NULL, CANNOT("Crc64Mismatch", "x") },
		{ 400, NULL, CANNOT("Crc64Mismatch", "x") },
		{ 400, NULL, CANNOT("Crc64Mismatch", "x") },
	};
	static const struct rig_answer healed[] = {
		{ 400, NULL, CANNOT("Crc64Mismatch", "x") },
		{ 201, ETAG NINE_CRC64, NULL },
	};
	static const struct rig_answer other[] = {
		{ 201, ETAG "x-ms-content-crc64: AAAAAAAAAAA=\n", NULL },
	};
	struct sl_op op = put_of("k");

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_put, healed), 0);
	assert_int_equal(RIG_RUN(&op, sl_backend_put, bad), -EBADMSG);
	assert_int_equal(RIG_RUN(&op, sl_backend_put, other), -EBADMSG);
	/* Ours to blame: once is enough. */
	op.crc32 ^= 1;
	op.sum ^= 1;
	assert_int_equal(rig_serve(&op, sl_backend_put, bad, 1), -EBADMSG);
}

/* Azurite calls a wrong MD5 an invalid operation. */
static void md5_mismatch(void **state)
{
	static const struct rig_answer script[] = {
		{ 500, NULL, CANNOT("FeatureNotSupported", "x") },
		{ 400, NULL, CANNOT("InvalidOperation", "x") },
		{ 400, NULL, CANNOT("Md5Mismatch", "x") },
		{ 201, ETAG "content-md5: JfnnlDI7RTiF9RgfG2JNCw==\n", NULL },
	};
	static const struct rig_answer other[] = {
		{ 201, ETAG "content-md5: AAAAAAAAAAAAAAAAAAAAAA==\n", NULL },
	};
	struct sl_op op = put_of("k");

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_put, script), 0);
	assert_int_equal(RIG_RUN(&op, sl_backend_put, other), -EBADMSG);
}

static void lost_answers(void **state)
{
	static const struct rig_answer there[] = {
		{ 0, NULL, NULL },
		{ 200, ETAG "content-length: 9\nx-ms-meta-crc32: CBF43926\n",
		  NULL },
	};
	static const struct rig_answer older[] = {
		{ 0, NULL, NULL },
		{ 200, ETAG "content-length: 9\nx-ms-meta-crc32: cbf43927\n",
		  NULL },
		{ 201, ETAG NINE_CRC64, NULL },
	};
	static const struct rig_answer foreign[] = {
		{ 0, NULL, NULL },
		{ 200, ETAG "content-length: 9\n", NULL },
		{ 201, ETAG NINE_CRC64, NULL },
	};
	struct sl_op op = put_of("k");

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_put, there), 0);
	assert_string_equal(rig.seen[1].method, "HEAD");
	assert_int_equal(op.obj.proof, SL_PROOF_CRC64);
	assert_int_equal(RIG_RUN(&op, sl_backend_put, older), 0);
	assert_int_equal(RIG_RUN(&op, sl_backend_put, foreign), 0);
	assert_string_equal(rig.seen[2].method, "PUT");
}

/* Nothing is asked about what cannot be there. */
static void refused_names(void **state)
{
	static const char *const names[] = { "a.", "a./b", "a\\b", "tab\there",
					     "del\x7f", "..." };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
		struct sl_op op = put_of(names[i]);

		assert_int_equal(RIG_RUN_NONE(&op, sl_backend_put),
				 -EOPNOTSUPP);
		assert_non_null(strstr(op.error.text, "Azure takes no"));
		assert_int_equal(RIG_RUN_NONE(&op, sl_backend_upload_begin),
				 -EOPNOTSUPP);
		assert_int_equal(RIG_RUN_NONE(&op, sl_backend_head), -ENOENT);
		op.length = 5;
		assert_int_equal(RIG_RUN_NONE(&op, sl_backend_get), -ENOENT);
		assert_int_equal(RIG_RUN_NONE(&op, sl_backend_remove), 0);
	}
}

static void bad_credentials(void **state)
{
	static const struct {
		enum sl_cred_kind kind;
		const char *sas;
		bool good;
	} rows[] = {
		{ SL_CRED_AZURE, "?" RIG_SAS, true },
		{ SL_CRED_S3, RIG_SAS, false },
		{ SL_CRED_AZURE, "", false },
		{ SL_CRED_AZURE, "sig=a b", false },
		{ SL_CRED_AZURE, "sig=a\nHost: evil", false },
		{ SL_CRED_AZURE, "sig=a#b", false },
	};
	static const struct rig_answer ok[] = {
		{ 200, ETAG "content-length: 9\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_op op = { .key = "k" };

		sl_cred_unref(rig.cred);
		rig.cred = sl_cred_new(rows[i].kind, 1, RIG_URL, rows[i].sas,
				       NULL);
		assert_int_equal(rig_serve(&op, sl_backend_head, ok,
					   rows[i].good ? 1 : 0),
				 rows[i].good ? 0 : -EACCES);
		if (rows[i].good)
			assert_string_equal(rig.seen[0].url,
					    RIG_URL "k?" RIG_SAS);
		assert_null(strstr(op.error.text, "sig="));
	}
}

static int gather(struct sl_op *op, const void *p, size_t n)
{
	(void)op;
	return n == 4 && memcmp(p, "4567", 4) == 0 ? 0 : -EBADE;
}

static void a_get(void **state)
{
	static const struct rig_answer some[] = {
		{ 206, ETAG "content-length: 4\ncontent-range: bytes 3-6/9\n",
		  "4567" },
	};
	static const struct rig_answer changed[] = {
		{ 412, "x-ms-error-code: ConditionNotMet\n", NULL },
	};
	struct sl_op op = { .key = "k", .offset = 3, .length = 4,
			    .if_match = "\"0x8D\"", .on_data = gather };

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_get, some), 0);
	assert_true(rig_sent(0, "ange: bytes=3-6\n"));
	assert_true(rig_sent(0, "If-Match: \"0x8D\"\n"));
	assert_int_equal(op.obj.size, 9);
	assert_int_equal(RIG_RUN(&op, sl_backend_get, changed), -ESTALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_put),		   RIGGED(a_sum_is_made),
		RIGGED(met_with_md5),	   RIGGED(damaged_on_the_way),
		RIGGED(md5_mismatch),	   RIGGED(lost_answers),
		RIGGED(refused_names),	   RIGGED(bad_credentials),
		RIGGED(a_get),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

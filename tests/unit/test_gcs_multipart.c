/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads to Google: N parts are N+2 requests, and what the store
 * made of them is looked at before anybody is told of success.
 */
#include "gcs_flow.h"

static struct sl_part parts[2];

static void set_parts(void)
{
	for (uint32_t i = 0; i < 2; i++)
		parts[i] = (struct sl_part){
			.number = i + 1,
			.size = pieces[i].iov_len,
			.crc32 = sl_crc32(0, pieces[i].iov_base,
					  pieces[i].iov_len),
			.sum = sl_sum(SL_SUM_CRC32C, 0, pieces[i].iov_base,
				      pieces[i].iov_len),
			.etag = "\"e\"",
		};
	op.parts = parts;
	op.part_count = 2;
}

#define COMPLETE "POST " XML_OBJ "uploadId=U1"

/* N parts are N+2 requests. */
static void multipart(void **state)
{
	(void)state;
	assert_int_equal(RUN(upload_begin, TOKEN,
			     { .want = "POST " XML_OBJ "uploads=",
			       .status = 200,
			       .body = "<InitiateMultipartUploadResult>"
				"<UploadId>U1</UploadId>"
				"</InitiateMultipartUploadResult>" }), 0);
	assert_string_equal(op.new_upload_id, "U1");
	free(op.new_upload_id);
	assert_int_equal(RUN(part, { .want = "PUT " XML_OBJ
				     "partNumber=2&uploadId=U1",
				     .status = 200,
				     .headers = "etag: \"e2\"\n" HASHES }), 0);
	assert_non_null(strstr(pump_state.headers,
			       "x-goog-hash: crc32c=" SUM64 "\n"));
	assert_string_equal(op.part.etag, "\"e2\"");
	assert_int_equal(op.part.sum, SUM);
	set_parts();
	assert_int_equal(RUN(complete, { .want = COMPLETE, .status = 200,
					 .headers = "x-goog-generation: 17\n"
						HASHES,
					 .body = MADE }), 0);
	assert_object();
	assert_null(strstr(pump_state.body, "Checksum"));
	assert_non_null(strstr(pump_state.body, "<Part><ETag>&quot;e&quot;"
			       "</ETag><PartNumber>2</PartNumber></Part>"));
}

static void part_answers(void **state)
{
	(void)state;
	assert_int_equal(RUN(part, TOKEN,
			     { .status = 200, .headers = "etag: \"e\"\n"
			       "x-goog-hash: crc32c=AAAAAA==\n" }), -EBADMSG);
	assert_int_equal(RUN(part, { .status = 200 }), -EPROTO);
	assert_int_equal(RUN(part, { .status = 404, .body = NO_UPLOAD }),
			 -ESTALE);
	assert_int_equal(RUN(part, { .status = 400, .body = "<Error><Code>"
				     "BadDigest</Code></Error>" },
			     { .status = 200, .headers = "etag: \"e\"\n" }),
			 0);
}

#define PARTS(etag) "<ListPartsResult><Part><PartNumber>2</PartNumber>" \
	"<Size>9</Size><ETag>" etag "</ETag></Part></ListPartsResult>"
#define LOST_PART { .want = "PUT ", .curl_code = 56 }
#define PROBE "GET " XML_OBJ "max-parts=1&part-number-marker=1&uploadId=U1"

/* An ETag that is the MD5 of our bytes proves them; others prove nothing. */
static void part_lost(void **state)
{
	(void)state;
	assert_int_equal(RUN(part, TOKEN, LOST_PART,
			     { .want = PROBE, .status = 200, .body = PARTS(
				"&quot;25f9e794323b453885f5181f1b624d0b&quot;"
				) }), 0);
	assert_string_equal(op.part.etag,
			    "\"25f9e794323b453885f5181f1b624d0b\"");
	assert_int_equal(op.part.sum, SUM);
	assert_int_equal(RUN(part, LOST_PART,
			     { .want = PROBE, .status = 200,
			       .body = PARTS("CLfx") },
			     { .want = "PUT ", .status = 200,
			       .headers = "etag: \"e\"\n" HASHES }), 0);
	assert_int_equal(RUN(part, LOST_PART,
			     { .want = PROBE, .status = 404,
			       .body = NO_UPLOAD }), -ESTALE);
}

static void complete_that_tells_nothing(void **state)
{
	(void)state;
	set_parts();
	assert_int_equal(RUN(complete, TOKEN,
			     { .want = COMPLETE, .status = 200, .body = MADE },
			     LOOK), 0);
	assert_object();
	/* A page of somebody else's is no reason to take it away again. */
	assert_int_equal(RUN(complete,
			     { .want = COMPLETE, .status = 200, .body = MADE,
			       .headers = "x-goog-generation: 17\n" },
			     { .want = "GET " OBJ, .status = 200,
			       .headers = "content-type: text/html\n",
			       .body = "<html>" }, LOOK), 0);
	assert_object();
}

/* What the store made of the parts is taken away again, and only that. */
static void complete_made_another(void **state)
{
	(void)state;
	set_parts();
	assert_int_equal(RUN(complete, TOKEN,
			     { .want = COMPLETE, .status = 200, .body = MADE,
			       .headers = "x-goog-generation: 5\n"
				"x-goog-hash: crc32c=AAAAAA==\n" },
			     { .want = "DELETE " OBJ "ifGenerationMatch=5",
			       .status = 503 },
			     { .want = "DELETE " OBJ "ifGenerationMatch=5",
			       .status = 204 }), -EBADMSG);
	assert_int_equal(RUN(complete,
			     { .want = COMPLETE, .status = 200, .body = MADE },
			     { .want = "GET " OBJ, .status = 200,
			       .headers = IS_JSON, .body = OTHER },
			     { .want = "DELETE " OBJ "ifGenerationMatch=16",
			       .status = 412 }), -EBADMSG);
	assert_int_equal(RUN(complete,
			     { .want = COMPLETE, .status = 200, .body = MADE },
			     { .want = "GET " OBJ, .status = 200,
			       .headers = IS_JSON, .body = OTHER },
			     { .want = "DELETE " OBJ, .status = 404,
			       .body = NO_OBJECT }), -EBADMSG);
}

static void complete_lost(void **state)
{
	(void)state;
	set_parts();
	assert_int_equal(RUN(complete, TOKEN,
			     { .want = COMPLETE, .curl_code = 56 }, LOOK,
			     { .want = "DELETE " XML_OBJ "uploadId=U1",
			       .status = 404, .body = NO_UPLOAD }), 0);
	assert_object();
	assert_int_equal(RUN(complete,
			     { .want = COMPLETE, .status = 404,
			       .body = NO_UPLOAD }, LOOK), 0);
	assert_int_equal(RUN(complete,
			     { .want = COMPLETE, .status = 404,
			       .body = NO_UPLOAD },
			     { .want = "GET " OBJ, .status = 404,
			       .body = NO_OBJECT }), -ESTALE);
}

static void complete_of_other_parts(void **state)
{
	(void)state;
	set_parts();
	assert_int_equal(RUN(head, TOKEN, LOOK), 0);
	parts[1].sum ^= 1;
	assert_int_equal(run(backend->ops->complete, NULL, 0), -EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(multipart),
		TEST(part_answers),
		TEST(part_lost),
		TEST(complete_that_tells_nothing),
		TEST(complete_made_another),
		TEST(complete_lost),
		TEST(complete_of_other_parts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

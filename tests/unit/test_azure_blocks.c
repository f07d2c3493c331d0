/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads of the Azure backend: how many requests they are, what block ids
 * say, ids of another length that others left, completion and what it does
 * when the blocks are gone, resuming from the list of blocks.
 */
#include "azure_rig.h"
#include "crc.h"

#define ETAG "etag: \"0x8D\"\n"
#define UPLOAD "0123456789abcdef"
#define NINE_CRC64 "x-ms-content-crc64: iJh5CoYUi64=\n"
/* Of UPLOAD: CRC32 cbf43926 as part 1, as part 2. */
#define ID1 "ASNFZ4mrze/L9DkmAAAAAQ=="
#define ID2 "ASNFZ4mrze/L9DkmAAAAAg=="
#define ERROR(code) "<Error><Code>" code "</Code><Message>x</Message></Error>"

static char nine[] = "123456789";
static struct iovec nine_vec[] = { { nine, 9 } };

static struct sl_op part_of(const char *id, uint32_t number)
{
	return (struct sl_op){ .key = "k", .upload_id = id,
			       .part_number = number, .body = nine_vec,
			       .body_count = 1, .size = 9,
			       .crc32 = 0xcbf43926,
			       .sum = 0xae8b14860a799888 };
}

static void ids(void **state)
{
	static const struct {
		size_t len;
		int err;
		const char *b64;
	} rows[] = {
		{ 16, 0, ID1 },
		{ 24, 0, "ASNFZ4mrze8AAAAAAAAAAMv0OSYAAAAB" },
		{ 64, 0, NULL },
		{ 15, -EINVAL, NULL },
		{ 65, -EINVAL, NULL },
	};
	static const char *const no_uploads[] = {
		"", "0123456789abcde", "0123456789abcdeX", "0123456789ABCDEF",
	};
	struct sl_azure_id id = { .crc32 = 0xcbf43926, .number = 1 }, back;
	char dst[SL_AZURE_ID_SIZE];

	(void)state;
	memcpy(id.upload, UPLOAD, sizeof(UPLOAD));
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		id.len = rows[i].len;
		assert_int_equal(sl_azure_block_id(&id, dst), rows[i].err);
		if (rows[i].err)
			continue;
		if (rows[i].b64)
			assert_string_equal(dst, rows[i].b64);
		assert_true(strlen(dst) < sizeof(((struct sl_part *)0)->etag));
		assert_true(sl_azure_block_parse(dst, &back));
		assert_string_equal(back.upload, UPLOAD);
		assert_int_equal(back.len, rows[i].len);
		assert_int_equal(back.crc32, 0xcbf43926);
		assert_int_equal(back.number, 1);
	}
	id.len = 16;
	for (size_t i = 0; i < SL_ARRAY_LEN(no_uploads); i++) {
		snprintf(id.upload, sizeof(id.upload), "%s", no_uploads[i]);
		assert_int_equal(sl_azure_block_id(&id, dst), -EINVAL);
	}
	assert_true(sl_azure_block_parse("AQ==", &back));
	assert_string_equal(back.upload, "0100000000000000");
	assert_false(sl_azure_block_parse("", &back));
	assert_false(sl_azure_block_parse("A", &back));
	assert_false(sl_azure_block_parse("****", &back));
}

/* Two parts are three requests: none to begin, none to abort. */
static void requests_of_an_upload(void **state)
{
	static const struct rig_answer stored[] = {
		{ 201, NINE_CRC64, NULL },
	};
	static const struct rig_answer made[] = { { 201, ETAG, NULL } };
	struct sl_op begin = { .key = "k" }, other = { .key = "k" };
	struct sl_part parts[2];
	char *id;

	(void)state;
	assert_int_equal(RIG_RUN_NONE(&begin, sl_backend_upload_begin), 0);
	assert_int_equal(RIG_RUN_NONE(&other, sl_backend_upload_begin), 0);
	id = begin.new_upload_id;
	assert_int_equal(strlen(id), 16);
	assert_string_not_equal(id, other.new_upload_id);
	for (uint32_t n = 1; n <= 2; n++) {
		struct sl_op op = part_of(id, n);

		assert_int_equal(RIG_RUN(&op, sl_backend_part, stored), 0);
		assert_int_equal(rig.requests, 1);
		parts[n - 1] = op.part;
	}
	struct sl_op op = {
		.key = "k", .upload_id = id, .parts = parts, .part_count = 2,
		.size = 18,
		.crc32 = sl_crc32_combine(0xcbf43926, 0xcbf43926, 9),
	};
	assert_int_equal(RIG_RUN(&op, sl_backend_complete, made), 0);
	assert_int_equal(rig.requests, 1);
	assert_int_equal(op.obj.proof, SL_PROOF_CRC64);
	assert_int_equal(RIG_RUN_NONE(&op, sl_backend_abort), 0);
	free(id);
	free(other.new_upload_id);
}

static void a_part(void **state)
{
	static const struct rig_answer stored[] = {
		{ 0, NULL, NULL }, /* lost: the same again */
		{ 201, NINE_CRC64, NULL },
	};
	struct sl_op op = part_of(UPLOAD, 1);

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_part, stored), 0);
	assert_string_equal(rig.seen[0].method, "PUT");
	assert_string_equal(rig.seen[0].url, RIG_URL "k?blockid=ASNFZ4mrze%2F"
			    "L9DkmAAAAAQ%3D%3D&comp=block&" RIG_SAS);
	assert_true(rig_sent(0, NINE_CRC64));
	assert_string_equal(rig.seen[1].url, rig.seen[0].url);
	assert_string_equal(op.part.etag, ID1);
	assert_int_equal(op.part.sum, 0xae8b14860a799888);
	/* Other bytes under the number are another block. */
	nine[0] = 'X';
	op = part_of(UPLOAD, 1);
	op.crc32 = sl_crc32(0, nine, 9);
	op.sum = 0;
	nine[0] = '1';
	assert_int_equal(RIG_RUN_NONE(&op, sl_backend_part), -EBADMSG);
	/* No upload of ours. */
	op = part_of("2~S3like", 1);
	assert_int_equal(RIG_RUN_NONE(&op, sl_backend_part), -ESTALE);
	/* Azure takes no empty block. */
	op = (struct sl_op){ .key = "k", .upload_id = UPLOAD,
			     .part_number = 3 };
	assert_int_equal(RIG_RUN_NONE(&op, sl_backend_part), 0);
	assert_int_equal(op.part.number, 3);
}

#define LIST(committed, uncommitted) \
	"<?xml version=\"1.0\"?><BlockList><CommittedBlocks>" committed \
	"</CommittedBlocks><UncommittedBlocks>" uncommitted \
	"</UncommittedBlocks></BlockList>"
#define BLOCK(name, size) \
	"<Block><Name>" name "</Name><Size>" size "</Size></Block>"
/* 24 and 8 bytes. */
#define FOREIGN24 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define FOREIGN8 "AAAAAAAAAAA="

static void ids_of_another_length(void **state)
{
	static const struct rig_answer adapts[] = {
		{ 400, NULL, ERROR("InvalidBlobOrBlock") },
		{ 200, NULL, LIST(BLOCK(FOREIGN8, "1"),
				  BLOCK(FOREIGN24, "7")) },
		{ 201, NINE_CRC64, NULL },
	};
	static const struct rig_answer too_short[] = {
		{ 400, NULL, ERROR("InvalidBlobOrBlock") },
		{ 200, NULL, LIST("", BLOCK(FOREIGN8, "7")) },
	};
	static const struct rig_answer passing[] = {
		{ 400, NULL, ERROR("InvalidBlobOrBlock") },
		{ 404, "x-ms-error-code: BlobNotFound\n", NULL },
		{ 201, NINE_CRC64, NULL },
	};
	static const struct rig_answer no_reason[] = {
		{ 400, NULL, ERROR("InvalidBlobOrBlock") },
		{ 200, NULL, LIST("", BLOCK(ID2, "7")) },
		{ 400, NULL, ERROR("InvalidBlobOrBlock") },
		{ 200, NULL, LIST("", BLOCK(ID2, "7")) },
		{ 400, NULL, ERROR("InvalidBlobOrBlock") },
		{ 200, NULL, LIST("", BLOCK(ID2, "7")) },
	};
	static const struct rig_answer stored[] = {
		{ 201, NINE_CRC64, NULL },
	};
	struct sl_op op = part_of("00000000000000aa", 1);
	struct sl_azure_id id;

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_part, too_short), -EIO);
	assert_non_null(strstr(op.error.text, "within a week"));
	assert_int_equal(RIG_RUN(&op, sl_backend_part, passing), 0);
	assert_int_equal(RIG_RUN(&op, sl_backend_part, no_reason), -EIO);
	op = part_of(UPLOAD, 1);
	assert_int_equal(RIG_RUN(&op, sl_backend_part, adapts), 0);
	assert_non_null(strstr(rig.seen[1].url, "blocklisttype=all"));
	assert_true(sl_azure_block_parse(op.part.etag, &id));
	assert_int_equal(id.len, 24);
	/* The next part knows. */
	op = part_of(UPLOAD, 2);
	assert_int_equal(RIG_RUN(&op, sl_backend_part, stored), 0);
	assert_true(sl_azure_block_parse(op.part.etag, &id));
	assert_int_equal(id.len, 24);
}

static void a_completion(void **state)
{
	static const struct rig_answer made[] = {
		{ 0, NULL, NULL }, /* lost: the same again */
		{ 201, ETAG, NULL },
	};
	static const struct rig_answer gone[] = {
		{ 400, NULL, ERROR("InvalidBlockList") },
	};
	static const struct rig_answer no_blob[] = {
		{ 404, "x-ms-error-code: BlobNotFound\n", NULL },
	};
	static const struct rig_answer no_crc64[] = {
		{ 500, NULL, ERROR("FeatureNotSupported") },
		{ 201, ETAG, NULL },
	};
	/* The second was stored under an id of 24 bytes; the third is empty. */
	struct sl_part parts[] = {
		{ .number = 1, .size = 9, .crc32 = 0xcbf43926 },
		{ .number = 2, .size = 9, .crc32 = 0xcbf43926,
		  .etag = "ASNFZ4mrze8AAAAAAAAAAMv0OSYAAAAC" },
		{ .number = 3 },
	};
	struct sl_op op = {
		.key = "k", .upload_id = UPLOAD, .parts = parts,
		.part_count = 3, .size = 18,
		.crc32 = sl_crc32_combine(0xcbf43926, 0xcbf43926, 9),
	};
	struct sl_op wrong = op;

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_complete, made), 0);
	assert_string_equal(rig.seen[1].method, "PUT");
	assert_string_equal(rig.seen[1].url,
			    RIG_URL "k?comp=blocklist&" RIG_SAS);
	assert_string_equal(rig.seen[1].body,
			    "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
			    "<BlockList><Latest>" ID1 "</Latest><Latest>"
			    "ASNFZ4mrze8AAAAAAAAAAMv0OSYAAAAC</Latest>"
			    "</BlockList>");
	assert_true(rig_sent(1, "X-Ms-Meta-Crc32: "));
	assert_true(rig_sent(1, "x-ms-content-crc64: "));
	assert_int_equal(op.obj.size, 18);
	assert_int_equal(op.obj.crc32, op.crc32);
	assert_int_equal(RIG_RUN(&op, sl_backend_complete, gone), -ESTALE);
	assert_int_equal(RIG_RUN(&op, sl_backend_complete, no_blob), -ESTALE);
	wrong.crc32 ^= 1;
	assert_int_equal(RIG_RUN_NONE(&wrong, sl_backend_complete), -EBADMSG);
	assert_int_equal(RIG_RUN(&op, sl_backend_complete, no_crc64), 0);
	assert_true(rig_sent(1, "Content-MD5: "));
	assert_int_equal(op.obj.proof, SL_PROOF_MD5);
}

static struct {
	struct sl_part parts[8];
	size_t n;
} got;

static int on_part(struct sl_op *op, const struct sl_part *p)
{
	(void)op;
	assert_true(got.n < SL_ARRAY_LEN(got.parts));
	got.parts[got.n++] = *p;
	return 0;
}

static void resuming(void **state)
{
	static const struct rig_answer some[] = {
		{ 200, NULL, LIST(BLOCK(ID1, "100"),
				  BLOCK(ID2, "9") BLOCK(FOREIGN24, "7")
				  BLOCK("ASNFZ4mrze8AAAAAAAAAAMv0OSYAAAAB",
					"8")) },
	};
	static const struct rig_answer none[] = {
		{ 200, NULL, LIST(BLOCK(ID1, "100"), BLOCK(FOREIGN24, "7")) },
	};
	static const struct rig_answer no_blob[] = {
		{ 404, "x-ms-error-code: BlobNotFound\n", NULL },
	};
	static const struct rig_answer nonsense[] = {
		{ 200, NULL, LIST("", "<Block><Size>x</Size></Block>") },
	};
	struct sl_op op = { .key = "k", .upload_id = UPLOAD,
			    .on_part = on_part };
	struct sl_op begin = { .key = "k" };

	(void)state;
	got.n = 0;
	assert_int_equal(RIG_RUN(&op, sl_backend_list_parts, some), 0);
	assert_non_null(strstr(rig.seen[0].url, "blocklisttype=uncommitted"));
	assert_int_equal(got.n, 2);
	assert_int_equal(got.parts[0].number, 1);
	assert_int_equal(got.parts[0].size, 8);
	assert_int_equal(got.parts[1].number, 2);
	assert_int_equal(got.parts[1].crc32, 0xcbf43926);
	assert_string_equal(got.parts[1].etag, ID2);
	assert_int_equal(RIG_RUN(&op, sl_backend_list_parts, none), -ESTALE);
	assert_int_equal(RIG_RUN(&op, sl_backend_list_parts, no_blob),
			 -ESTALE);
	assert_int_equal(RIG_RUN(&op, sl_backend_list_parts, nonsense),
			 -EPROTO);
	/* Begun here and not yet used: there, and without parts. */
	assert_int_equal(RIG_RUN_NONE(&begin, sl_backend_upload_begin), 0);
	op.upload_id = begin.new_upload_id;
	assert_int_equal(RIG_RUN(&op, sl_backend_list_parts, no_blob), 0);
	assert_int_equal(RIG_RUN_NONE(&op, sl_backend_abort), 0);
	assert_int_equal(RIG_RUN(&op, sl_backend_list_parts, no_blob),
			 -ESTALE);
	free(begin.new_upload_id);
}

/* The sum that comes back is the list's, as it arrived. */
static void another_list_arrived(void **state)
{
	static const struct rig_answer other[] = {
		{ 201, ETAG "x-ms-content-crc64: AAAAAAAAAAA=\n", NULL },
	};
	static const struct sl_part part = { .number = 1, .size = 9,
					     .crc32 = 0xcbf43926 };
	struct sl_op op = {
		.key = "k", .upload_id = UPLOAD, .parts = &part,
		.part_count = 1, .size = 9, .crc32 = 0xcbf43926,
	};

	(void)state;
	assert_int_equal(RIG_RUN(&op, sl_backend_complete, other), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids),
		RIGGED(requests_of_an_upload),
		RIGGED(a_part),
		RIGGED(ids_of_another_length),
		RIGGED(a_completion),
		RIGGED(another_list_arrived),
		RIGGED(resuming),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

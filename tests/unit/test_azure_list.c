/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings of the Azure backend: pages with and without blobs, odd names,
 * directories of hierarchical accounts, pages that lead nowhere; and the
 * search for blobs that were never committed.
 */
#include "azure_rig.h"
#include "backends/cloud/page.h"

#define PAGE(blobs, marker) \
	"\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>" \
	"<EnumerationResults ServiceEndpoint=\"https://x/\" " \
	"ContainerName=\"box\"><Prefix>p</Prefix><Blobs>" blobs \
	"</Blobs><NextMarker>" marker "</NextMarker></EnumerationResults>"
#define BLOB_(name, attr, size, more) \
	"<Blob><Name" attr ">" name "</Name><Properties><Last-Modified>" \
	"Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified><Etag>0x8D</Etag>" \
	"<Content-Length>" size "</Content-Length></Properties>" more "</Blob>"
#define BLOB(name, size) BLOB_("top/sstables/" name, "", size, "")
#define FOLDED(name) \
	"<BlobPrefix><Name>top/sstables/" name "</Name></BlobPrefix>"

static struct {
	char keys[512];
	struct sl_object last;
} got;

static int on_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	size_t n = strlen(got.keys);

	(void)op;
	snprintf(got.keys + n, sizeof(got.keys) - n, "%s ", e->key);
	got.last = e->obj;
	return 0;
}

static int list(struct sl_op *op, const struct rig_answer *script, size_t n)
{
	got.keys[0] = '\0';
	op->on_entry = on_entry;
	return rig_serve(op, sl_backend_list, script, n);
}

static void pages(void **state)
{
	static const struct {
		struct rig_answer script[4];
		int err;
		const char *keys;
	} rows[] = {
		{ { { 200, NULL, PAGE(BLOB("a/b", "1") FOLDED("a/c/"), "") } },
		  0, "a/b a/c/ " },
		/* Sorted within a page: prefixes may come last. */
		{ { { 200, NULL, PAGE(BLOB("a/x", "1") FOLDED("a/b/"), "") } },
		  0, "a/b/ a/x " },
		/* An empty page that leads on. */
		{ { { 200, NULL, PAGE("", "m1") },
		    { 200, NULL, PAGE(BLOB("a/b", "1"), "m2") },
		    { 200, NULL, PAGE("", "m3") },
		    { 200, NULL, PAGE(BLOB("a/c", "1"), "") } },
		  0, "a/b a/c " },
		{ { { 200, NULL, PAGE("", "") } }, 0, "" },
		/* Told twice at a page's border. */
		{ { { 200, NULL, PAGE(BLOB("a/b", "1"), "m1") },
		    { 200, NULL, PAGE(BLOB("a/b", "1") BLOB("a/c", "1"), "") }
		  }, 0, "a/b a/c " },
		{ { { 200, NULL, PAGE(BLOB_("top%2Fsstables/a%2F%0Bb",
					    " Encoded=\"true\"", "1", "")
				      BLOB("a/%41", "1"), "") } },
		  0, "a/\vb a/%41 " },
		{ { { 200, NULL, PAGE(BLOB_("top/sstables/a/d", "", "0",
				"<Metadata><Hdi_isfolder>true</Hdi_isfolder>"
				"</Metadata>") BLOB("a/d/e", "1"), "") } },
		  0, "a/d/e " },
		/* It goes back, or round, or elsewhere. */
		{ { { 200, NULL, PAGE(BLOB("a/c", "1"), "m1") },
		    { 200, NULL, PAGE(BLOB("a/b", "1"), "") } },
		  -EPROTO, "a/c " },
		{ { { 200, NULL, PAGE(BLOB("a/c", "1"), "m1") },
		    { 200, NULL, PAGE(BLOB("a/d", "1"), "m1") } },
		  -EPROTO, "a/c " },
		{ { { 200, NULL, PAGE(BLOB_("else/where", "", "1", ""), "") } },
		  -EPROTO, "" },
		{ { { 200, NULL, PAGE(BLOB_("top/%zz", " Encoded=\"true\"",
					    "1", ""), "") } }, -EPROTO, "" },
		{ { { 200, NULL, PAGE(BLOB("a/b", "-1"), "") } }, -EPROTO, "" },
		{ { { 200, NULL, "<html/>" } }, -EPROTO, "" },
		{ { { 200, NULL, "" } }, -EPROTO, "" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_op op = { .prefix = "a/" };
		size_t n = 0;

		while (n < 4 && rows[i].script[n].status)
			n++;
		assert_int_equal(list(&op, rows[i].script, n), rows[i].err);
		assert_string_equal(got.keys, rows[i].keys);
	}
}

static void what_is_asked_and_told(void **state)
{
	static const struct rig_answer one[] = {
		{ 200, NULL, PAGE(BLOB_("top/sstables/a/b", "", "77",
					"<Metadata><crc32>CBF43926</crc32>"
					"</Metadata>"), "m &amp;1") },
		{ 200, NULL, PAGE("", "") },
	};
	struct sl_op op = { .prefix = "a/" };

	(void)state;
	assert_int_equal(list(&op, one, 2), 0);
	assert_string_equal(rig.seen[0].method, "GET");
	assert_string_equal(rig.seen[0].url,
			    "https://acc.blob.core.windows.net/box?comp=list&"
			    "delimiter=%2F&include=metadata&maxresults=1000&"
			    "prefix=top%2Fsstables%2Fa%2F&restype=container&"
			    RIG_SAS);
	assert_non_null(strstr(rig.seen[1].url, "&marker=m%20%261&"));
	assert_int_equal(got.last.size, 77);
	assert_string_equal(got.last.etag, "\"0x8D\"");
	assert_true(got.last.has_crc32);
	assert_int_equal(got.last.crc32, 0xcbf43926);
	assert_true(got.last.proof == SL_PROOF_NONE);
	assert_int_equal(got.last.mtime_ms, INT64_C(1767323045000));
	op.recursive = true;
	assert_int_equal(list(&op, one, 2), 0);
	assert_null(strstr(rig.seen[0].url, "delimiter"));
}

#define BLOCKS(blocks) \
	"<BlockList><UncommittedBlocks>" blocks "</UncommittedBlocks>" \
	"</BlockList>"
#define BLOCK(name) "<Block><Name>" name "</Name><Size>1</Size></Block>"

static int on_upload(struct sl_op *op, const struct sl_upload_entry *e)
{
	size_t n = strlen(got.keys);

	(void)op;
	snprintf(got.keys + n, sizeof(got.keys) - n, "%s=%s ", e->key,
		 e->upload_id);
	return 0;
}

static void unfinished(void **state)
{
	static const struct rig_answer script[] = {
		{ 200, NULL, PAGE(BLOB("a/done", "5") BLOB("a/empty", "0")
				  BLOB("a/un done", "0"), "m1") },
		{ 200, NULL, BLOCKS("") },
		{ 200, NULL, BLOCKS(BLOCK("ASNFZ4mrze/L9DkmAAAAAQ==")
				    BLOCK("ASNFZ4mrze/L9DkmAAAAAg==")
				    BLOCK("AAAAAAAAAAAAAAAAAAAAAA==")) },
		{ 200, NULL, PAGE("", "m2") },
		{ 200, NULL, PAGE(BLOB("a/gone", "0"), "") },
		{ 404, "x-ms-error-code: BlobNotFound\n", NULL },
	};
	static const struct rig_answer refused[] = {
		{ 404, "x-ms-error-code: ContainerNotFound\n", NULL },
	};
	struct sl_op op = { .prefix = "a/", .on_upload = on_upload };

	(void)state;
	got.keys[0] = '\0';
	assert_int_equal(RIG_RUN(&op, sl_backend_uploads, script), 0);
	assert_string_equal(got.keys, "a/un done=0123456789abcdef "
				      "a/un done=0000000000000000 ");
	assert_non_null(strstr(rig.seen[0].url, "include=uncommittedblobs"));
	assert_null(strstr(rig.seen[0].url, "delimiter"));
	assert_string_equal(rig.seen[2].url, RIG_URL "a/un%20done?"
			    "blocklisttype=uncommitted&comp=blocklist&"
			    RIG_SAS);
	assert_int_equal(RIG_RUN(&op, sl_backend_uploads, refused), -EIO);
	assert_non_null(strstr(op.error.text, "container"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(pages),
		RIGGED(what_is_asked_and_told),
		RIGGED(unfinished),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

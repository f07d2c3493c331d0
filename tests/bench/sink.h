/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink: an S3 server that throws the bytes away, so that what is measured
 * is the client. It remembers the names and sizes of objects and of unfinished
 * uploads, because clients look at them, and counts what was asked.
 *
 * One thread, one epoll set, no locks. The kernel drops the bytes of a plain
 * connection without copying them; over TLS they are decrypted and dropped.
 *
 * A connection is always in one of these states:
 *   HEAD     reading the head of a request
 *   BODY     reading its body: discarded, or kept in 'body' if short and XML
 *   DELAY    the answer is made, and is held back for --latency-ms
 *   SEND     writing the answer, then 'zeros' bytes of an object
 */
#ifndef SINK_H
#define SINK_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

#define SINK_HEAD_MAX 32768
#define SINK_ANSWER_MAX (16 * 1024 * 1024)
#define SINK_XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define SINK_NS_PER_MS INT64_C(1000000)
#define SINK_NS_PER_S INT64_C(1000000000)

enum sink_state { SINK_HEAD, SINK_BODY, SINK_DELAY, SINK_SEND };

/* What was asked, as the statistics count it. */
enum sink_kind {
	SINK_PUT,
	SINK_CREATE,
	SINK_PART,
	SINK_COMPLETE,
	SINK_ABORT,
	SINK_OBJECT_HEAD,
	SINK_GET,
	SINK_DELETE,
	SINK_LIST,
	SINK_UPLOADS,
	SINK_PARTS,
	SINK_BUCKET,
	SINK_OTHER,
	SINK_KIND__COUNT,
	SINK_OWN = SINK_KIND__COUNT, /* of the sink itself, not counted */
};

struct sink_options {
	int port;
	int64_t latency_ns;
	uint64_t conn_bytes_per_s; /* 0: as fast as it goes */
	const char *ready_file, *cert, *key;
};

struct sink_part {
	uint64_t size; /* 0 and no ETag: not there */
	char etag[48], crc32[16];
};

struct sink_upload {
	struct sink_upload *next;
	char *id, *key; /* owned */
	char *meta;	/* owned; as in sink_object */
	int64_t started_ms;
	struct sink_part *parts; /* owned; part n at [n - 1] */
	uint32_t part_cap;
};

struct sink_object {
	char *key;  /* owned; "BUCKET/KEY" */
	char *meta; /* owned; the x-amz-meta-* lines, "" none */
	uint64_t size;
	int64_t mtime_ms;
	char etag[64], crc32[16];
};

struct sink_stats {
	uint64_t kinds[SINK_KIND__COUNT];
	uint64_t body_bytes;	/* of objects, as sent */
	uint64_t read_bytes;	/* of objects, given out */
	uint64_t in_flight, in_flight_max;
	uint64_t conns, conns_max, conns_opened;
	int64_t first_ns, last_ns; /* of a request's bytes; monotonic */
	int64_t answer_ns;	   /* the last answer went out */
	int64_t cpu_base_us;
};

struct sink_request {
	enum sink_kind kind;
	char method[8];
	char *target; /* owned; the path as sent */
	char *query;  /* in 'target'; NULL none */
	char *key;    /* owned; "BUCKET/KEY", decoded */
	bool bucket_only;
	uint64_t length;  /* of the body */
	uint64_t decoded; /* the object's, when the body is aws-chunked */
	bool close;
};

struct sink_conn {
	struct sink_conn *prev, *next;
	int fd;
	SSL *ssl; /* NULL: plain */
	enum sink_state state;
	bool dead, shaking, want_write;
	uint32_t events;   /* asked of epoll */
	int64_t wake_ns;   /* 0: waits for the peer only */
	int64_t read_free_ns; /* --conn-mbps: may read again from here on */
	char in[SINK_HEAD_MAX + 1];
	size_t in_len, head_len;
	size_t used_len; /* of 'in': the head and what of the body is there */
	struct sink_request req;
	uint64_t body_left;
	struct sl_buf body; /* of short ones that are looked into */
	struct sl_buf out;
	size_t out_off;
	uint64_t zeros;
};

struct sink {
	struct sink_options opt;
	int epoll, listener;
	SSL_CTX *tls;
	struct sink_conn *conns;
	struct sink_object **objects; /* owned; sorted by key */
	size_t object_count, object_cap;
	struct sink_upload *uploads;
	uint64_t next_id;
	struct sink_stats stats;
};

int64_t sink_now_ns(void);
int64_t sink_wall_ms(void);

/* sink_io.c: bytes > 0, 0 at the end, -EAGAIN, other -errno */
ssize_t sink_io_read(struct sink_conn *c, void *p, size_t n);
ssize_t sink_io_discard(struct sink_conn *c, size_t n);
ssize_t sink_io_write(struct sink_conn *c, const void *p, size_t n);
int sink_io_handshake(struct sink_conn *c);

/* sink_conn.c */
struct sink_conn *sink_conn_new(struct sink *s, int fd);
void sink_conn_free(struct sink *s, struct sink_conn *c);
void sink_conn_run(struct sink *s, struct sink_conn *c);

/* sink_http.c */
int sink_http_parse(struct sink_conn *c);
/* The value of a header (lower-case name) into dst, "" none. */
bool sink_http_header(const struct sink_conn *c, const char *name, char *dst,
		      size_t size);
/* A query parameter, decoded; false when it is not there. */
bool sink_http_query(const struct sink_conn *c, const char *name, char *dst,
		     size_t size);
/* Status line and headers of an answer with 'n' bytes of body. */
void sink_http_begin(struct sink_conn *c, int status, uint64_t n,
		     const char *headers);
void sink_http_answer(struct sink_conn *c, int status, const char *type,
		      const struct sl_buf *body);

/* sink_s3.c */
enum sink_kind sink_s3_kind(const struct sink_conn *c);
void sink_s3_answer(struct sink *s, struct sink_conn *c);
void sink_s3_error(struct sink_conn *c, int status, const char *code);
void sink_s3_xml(struct sink_conn *c, const struct sl_buf *b);
void sink_s3_crc_header(const char *crc, char *dst, size_t size);

/* sink_write.c */
void sink_do_put(struct sink *s, struct sink_conn *c);
void sink_do_create(struct sink *s, struct sink_conn *c);
void sink_do_part(struct sink *s, struct sink_conn *c);
void sink_do_complete(struct sink *s, struct sink_conn *c);
void sink_do_abort(struct sink *s, struct sink_conn *c);
void sink_do_delete(struct sink *s, struct sink_conn *c);

/* sink_list.c */
void sink_list_objects(struct sink *s, struct sink_conn *c);
void sink_list_uploads(struct sink *s, struct sink_conn *c);
void sink_list_parts(struct sink *s, struct sink_conn *c);
void sink_xml_text(struct sl_buf *b, const char *s);

/* sink_store.c */
struct sink_object *sink_store_find(struct sink *s, const char *key);
/* Index of the first object whose key is not less. */
size_t sink_store_from(const struct sink *s, const char *key);
/* The object of that name, made or emptied; NULL without memory. */
struct sink_object *sink_store_make(struct sink *s, const char *key);
void sink_store_remove(struct sink *s, const char *key);
struct sink_upload *sink_upload_new(struct sink *s, const char *key);
struct sink_upload *sink_upload_find(struct sink *s, const char *id);
struct sink_part *sink_upload_part(struct sink_upload *u, uint64_t number);
void sink_upload_free(struct sink *s, struct sink_upload *u);
void sink_store_release(struct sink *s);

/* sink_stats.c */
void sink_stats_begin(struct sink *s, const struct sink_conn *c);
void sink_stats_end(struct sink *s, const struct sink_conn *c);
void sink_stats_bytes(struct sink *s, const struct sink_conn *c, size_t n);
void sink_stats_reset(struct sink *s);
void sink_stats_json(const struct sink *s, struct sl_buf *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP request and its answer, for the API and the store alike. A side
 * gives three functions: begin (headers are there: say what kind it is, check
 * it, prepare for the body), data (body bytes), finish (act and answer).
 */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include <microhttpd.h>

#include "sim.h"

struct sim_pair {
	char *name; /* headers: lower case */
	char *value;
};
struct sim_pairs {
	struct sim_pair *v;
	size_t n;
};
void sim_pairs_add(struct sim_pairs *p, char *name, char *value); /* owned */
const char *sim_pairs_get(const struct sim_pairs *p, const char *name);
void sim_pairs_free(struct sim_pairs *p);

struct sim_reply {
	bool ready;
	int status;
	struct sim_pairs headers;
	struct sim_buf body;
	int fd; /* >= 0: the body is [offset, offset + length) of it */
	uint64_t offset;
	uint64_t length;
	char code[64]; /* of the error, for the log */
};

struct sim_req;
struct sim_side {
	const char *name;
	void (*begin)(struct sim_req *r);
	void (*data)(struct sim_req *r, const void *p, size_t n);
	void (*finish)(struct sim_req *r);
	void (*release)(struct sim_req *r);
	/* An error answer in the dialect of the side. */
	void (*fail)(struct sim_req *r, int status, const char *code,
		     const char *text);
};

struct sim_req {
	struct sim *sim;
	const struct sim_side *side;
	struct MHD_Connection *conn;
	char *uri;   /* as sent, with the query */
	char *path;  /* raw, without the query */
	char *query; /* raw, "" if none */
	const char *method;
	bool started;
	bool logged;
	bool cut; /* close without an answer */
	struct sim_pairs headers;
	struct sim_pairs params; /* decoded */
	enum sim_kind kind;
	struct sim_trouble trouble;
	struct sim_reply reply;
	uint64_t in;
	uint64_t out;
	int64_t start_ms;
	uint64_t generation; /* of the credentials used or given */
	char *made;	     /* key of the object that it made, or NULL */
	uint64_t made_size;
	struct sim_buf body; /* small bodies */
	/* The part of the request that the dialect of its side knows. */
	union {
		struct sim_s3 *s3;
		struct sim_gcs *gcs;
		struct sim_azure *azure;
	};
};

struct MHD_Daemon;
struct MHD_Daemon *sim_http_start(struct sim *s, const struct sim_side *side,
				  int64_t port, int *actual);

const char *sim_header(const struct sim_req *r, const char *name);
const char *sim_param(const struct sim_req *r, const char *name);

/* Names the kind, counts it and draws its trouble. Once, in begin. */
void sim_req_kind(struct sim_req *r, enum sim_kind kind);

/* The first answer counts. */
void sim_reply_start(struct sim_req *r, int status);
void sim_reply_header(struct sim_req *r, const char *name, const char *fmt,
		      ...) SIM_PRINTF(3, 4);
void sim_reply_text(struct sim_req *r, int status, const char *type,
		    const char *body);

/* reqlog.c */
void sim_log_request(struct sim_req *r);
/* The request made this object; not every path says which. */
void sim_log_made(struct sim_req *r, const char *key, uint64_t size);

extern const struct sim_side sim_side_api;
extern const struct sim_side sim_side_s3;
extern const struct sim_side sim_side_azure;
extern const struct sim_side sim_side_gcs;

#endif

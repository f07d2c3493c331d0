/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Azure side's part of a request, and what its files see of each other.
 *
 * A container is "mig-upload-" and the migration; a blob's name begins with
 * "sstables/". The store keeps it under the key MIGRATION/NAME, as it keeps
 * the objects of the other dialects, so that the import, the cleanup and the
 * tests find it in the same place.
 */
#ifndef SIM_AZURE_H
#define SIM_AZURE_H

#include "cloud.h"
#include "http.h"
#include "intake.h"
#include "store.h"

#define SIM_AZ_ACCOUNT "devstoreaccount1"
#define SIM_AZ_CONTAINER "mig-upload-"
#define SIM_AZ_BLOCKS_MAX 50000
#define SIM_AZ_ID_MAX 64

struct sim_az_op {
	const char *method;
	const char *comp;     /* value of the parameter; NULL: there is none */
	bool container;	      /* on the container, else on a blob */
	enum sim_kind kind;
	unsigned deny;	      /* right that --deny takes away */
	bool body;	      /* to a file, else to memory */
	void (*prepare)(struct sim_req *r); /* after auth, before the body */
	void (*finish)(struct sim_req *r);
};

struct sim_azure {
	const struct sim_az_op *op;
	char *container; /* decoded */
	char *name;	 /* of the blob, decoded, "" for the container */
	char *key;	 /* MIGRATION/NAME, once the container is known */
	char request_id[37];
	bool taking;	 /* the body goes to 'in' */
	struct sim_intake in;
	char crc64[16];	 /* of the body, base64, from sim_az_body_end on */
	struct sim_meta meta; /* of the blob at hand */
	char *block;	      /* ID of the block, in hex */
};

void sim_az_fail(struct sim_req *r, int status, const char *code,
		 const char *text);
/* A store error: ENOENT, ENOSPC... */
void sim_az_errno(struct sim_req *r, int rc);
void sim_az_xml(struct sim_req *r, const struct sim_buf *b);

/* azure_auth.c: true, or the answer is made. */
bool sim_az_auth(struct sim_req *r);
/* Takes one right more away: false when the answer is made. */
bool sim_az_allowed(struct sim_req *r, unsigned deny);

/* azure_creds.c */
struct sim_az_sas { /* what a signature covers, "" where it is not given */
	const char *permissions, *start, *expiry, *policy, *ip, *protocol;
	const char *version, *resource, *snapshot, *scope;
	const char *overrides[5];
};
/* The text that is signed, and its signature as base64: new strings. */
char *sim_az_string_to_sign(const struct sim_az_sas *a, const char *container);
char *sim_az_sign(const char *text);

/* azure_body.c: the body as it comes in; false: the answer is made. */
bool sim_az_body_begin(struct sim_req *r, bool file);
void sim_az_body_data(struct sim_req *r, const void *p, size_t n);
/* Checks everything that was announced. */
bool sim_az_body_end(struct sim_req *r);
/* Content-MD5 or x-ms-content-crc64 of the body; lies when told to. */
void sim_az_sum_headers(struct sim_req *r);
/* Azure writes the value with its lowest byte first. */
void sim_az_crc64(const char *big_endian, char dst[16]);

/* azure_blob.c */
void sim_az_put_prepare(struct sim_req *r);
void sim_az_put(struct sim_req *r);
void sim_az_delete(struct sim_req *r);
void sim_az_container(struct sim_req *r);
/*
 * Headers that belong to the blob, a new string, or NULL: the answer is made.
 * md5 is what the server knows itself, or NULL.
 */
char *sim_az_kept_headers(struct sim_req *r, const char *md5);
/* If-None-Match and If-Match of a request that writes; false: answered. */
bool sim_az_may_write(struct sim_req *r);
bool sim_az_absent_only(const struct sim_req *r);
/* Commits the file under the key with a new ETag; 0 or -errno. */
int sim_az_commit(struct sim_req *r, const char *tmp, const char *headers);
/* 201 with what a write answers. */
void sim_az_created(struct sim_req *r, bool stored_md5);

/* azure_get.c */
void sim_az_get(struct sim_req *r);
/* ETag without quotes: a blob changed by hand has one of its MD5. */
void sim_az_etag(const struct sim_meta *m, char dst[80]);
void sim_az_version_headers(struct sim_req *r, const struct sim_meta *m);
/* Does the list of ETags in a header name this one? */
bool sim_az_matches(const char *header, const struct sim_meta *m);
/* The blob's own headers one after the other; the hand-changed have no MD5. */
struct sim_az_own {
	void (*header)(void *arg, const char *name, const char *value);
	void *arg;
};
void sim_az_own_headers(const struct sim_meta *m, const struct sim_az_own *to);

/* azure_block.c */
void sim_az_block_prepare(struct sim_req *r);
void sim_az_block(struct sim_req *r);
/* The raw ID in hex, a new string; NULL and the error's code. */
char *sim_az_block_hex(const char *id, const char **code);
/* The ID as the client wrote it, a new string. */
char *sim_az_block_name(const char *hex);

struct sim_az_block {
	char hex[2 * SIM_AZ_ID_MAX + 1];
	bool committed;
	uint64_t size;
	uint64_t offset; /* in the blob, if committed */
};
struct sim_az_blocks {
	struct sim_az_block *v;
	size_t n;
};
void sim_az_blocks_add(struct sim_az_blocks *b, const struct sim_az_block *x);
int sim_az_by_hex(const void *a, const void *b);

/* azure_blocks.c: the lock is for those named "locked". */
void sim_az_blocks_lock(void);
void sim_az_blocks_unlock(void);
/* -EINVAL when IDs of this length do not fit those that are there. */
int sim_az_block_check_locked(struct sim *s, const char *key, size_t length);
int sim_az_block_save_locked(struct sim *s, const char *key, const char *hex,
			     const char *tmp);
/* Sorted by ID; false when there are none. */
bool sim_az_uncommitted_locked(struct sim *s, const char *key,
			       struct sim_az_blocks *ret);
/* Takes them all away to a directory (a new string), NULL if there is none. */
char *sim_az_blocks_claim_locked(struct sim *s, const char *key);
void sim_az_blocks_restore(struct sim *s, const char *key, const char *claimed);
void sim_az_blocks_drop(struct sim *s, const char *key);
/* What a blob of that ETag was made from, in order. */
void sim_az_committed(struct sim *s, const char *key, const char *etag,
		      struct sim_az_blocks *ret);
int sim_az_committed_save(struct sim *s, const char *key, const char *etag,
			  const struct sim_az_blocks *b);

/* azure_blocklist.c */
void sim_az_blocklist_put(struct sim_req *r);
void sim_az_blocklist_get(struct sim_req *r);

/* azure_list.c */
void sim_az_list(struct sim_req *r);

#endif

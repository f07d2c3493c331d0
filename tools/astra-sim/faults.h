/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults as data: which requests are to meet which trouble. The grammar is
 * in faults.c and in the manual page.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_kind {
	SIM_API_INITIALIZE,
	SIM_API_STATUS,
	SIM_API_LAUNCH,
	SIM_API_PAUSE,
	SIM_API_RESUME,
	SIM_API_ABORT,
	SIM_API_CLEANUP,
	SIM_API_DATABASE,
	SIM_API_OTHER,
	SIM_S3_PUT,
	SIM_S3_GET,
	SIM_S3_HEAD,
	SIM_S3_DELETE,
	SIM_S3_MULTIDELETE,
	SIM_S3_CREATE,
	SIM_S3_PART,
	SIM_S3_COMPLETE,
	SIM_S3_ABORT,
	SIM_S3_PARTS,
	SIM_S3_UPLOADS,
	SIM_S3_LIST,
	SIM_S3_BUCKET,
	SIM_S3_OTHER,
	SIM_TOKEN, /* Google's token endpoint */
	SIM_CONTROL,
	SIM_KIND_COUNT
};
extern const char *const sim_kind_names[SIM_KIND_COUNT];

enum sim_fault_flag {
	SIM_F_CUT_BEFORE = 1 << 0,
	SIM_F_CUT_AFTER = 1 << 1,
	SIM_F_CUT_BODY = 1 << 2,
	SIM_F_CUT_UPLOAD = 1 << 3,
	SIM_F_STALL = 1 << 4,
	SIM_F_STATUS = 1 << 5,
	SIM_F_HTML = 1 << 6,
	SIM_F_LIE_CHECKSUM = 1 << 7,
	SIM_F_IGNORE_CHECKSUM = 1 << 8,
	SIM_F_EXPIRE = 1 << 9,
	SIM_F_200_ERROR = 1 << 10,
	SIM_F_200_EMPTY = 1 << 11,
	SIM_F_OVERSIZED = 1 << 12,
	SIM_F_TRUNCATE = 1 << 13,
	SIM_F_STALL_AFTER = 1 << 14,
	SIM_F_EXPIRE_BODY = 1 << 15,
	SIM_F_EMPTY_PAGE = 1 << 16,
};

/* What one request has met: the sum of all lines that hit it. */
struct sim_trouble {
	unsigned flags;
	int status;
	char code[48];
	int64_t retry_after; /* seconds, -1: no header */
	int64_t stall_ms;
	int64_t stall_after_ms;
	int64_t cut_upload;  /* bytes of the request's body */
	int64_t oversized;   /* bytes to add */
};

struct sim_fault;
struct sim_faults {
	struct sim_fault *list;
	size_t count;
};

/*
 * Replaces the list by what the text says; on a bad line nothing changes and
 * the reason is returned (the caller frees), else NULL.
 */
char *sim_faults_parse(struct sim_faults *f, const char *text);
void sim_faults_free(struct sim_faults *f);
/* Counts the request at every line and says what it meets. */
void sim_faults_meet(struct sim_faults *f, enum sim_kind kind,
		     const char *path, struct sim_trouble *ret);
/* "503,stall" for the request log; "" when there is none. */
void sim_trouble_text(const struct sim_trouble *t, char *dst, size_t size);

struct sim_buf;
/* One JSON object per line of the list, for /sim/state. */
void sim_faults_json(const struct sim_faults *f, struct sim_buf *b);

#endif

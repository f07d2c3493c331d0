/* SPDX-License-Identifier: Apache-2.0 */
#include "side.h"

#include <string.h>

#include "cloud.h"

void sim_side_expire(struct sim_req *r, enum sim_fault_flag when)
{
	if (!(r->trouble.flags & when))
		return;
	sim_lock(r->sim);
	sim_cred_expire(r->sim, NULL);
	sim_unlock(r->sim);
}

bool sim_side_refused(const struct sim_req *r)
{
	return r->trouble.flags & (SIM_F_STATUS | SIM_F_HTML |
				   SIM_F_CUT_BEFORE);
}

void sim_side_finish(struct sim_req *r, const struct sim_side_faults *f,
			void (*finish)(struct sim_req *r))
{
	if (r->trouble.flags & SIM_F_EXPIRE_BODY) {
		f->expired(r);
		return;
	}
	if (r->trouble.flags & SIM_F_200_ERROR) {
		f->late_error(r);
		snprintf(r->reply.code, sizeof(r->reply.code), "%s",
			 r->trouble.code);
		return;
	}
	finish(r);
	if (!(r->trouble.flags & SIM_F_200_EMPTY))
		return;
	r->reply.status = 200;
	sim_buf_free(&r->reply.body);
}

void sim_side_headers(struct sim_req *r, const struct sim_meta *m,
			 const char *type)
{
	SIM_AUTOFREE char *copy = sim_strdup(m->headers ? m->headers : "");
	char *save = NULL, date[40];
	bool typed = false;

	for (char *l = strtok_r(copy, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		char *v = strstr(l, ": ");

		if (!v)
			continue;
		*v = '\0';
		typed |= !strcmp(l, "content-type");
		sim_reply_header(r, l, "%s", v + 2);
	}
	if (!typed)
		sim_reply_header(r, "content-type", "%s", type);
	sim_http_date(m->mtime_ms, date);
	sim_reply_header(r, "Last-Modified", "%s", date);
	sim_reply_header(r, "ETag", "\"%s\"", m->etag);
	sim_reply_header(r, "Accept-Ranges", "bytes");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may: the shared access signature in the query, computed again from the
 * parameters that it covers (service SAS of a container, versions from
 * 2020-12-06 on), then the stored access policy it names, then the
 * migration's state. The service tells these apart only by its codes:
 *
 *   AuthenticationFailed             no such signature, or out of its time
 *   AuthorizationFailure             no such policy (any more), not yet in
 *                                    force after a change, access revoked
 *   AuthorizationPermissionMismatch  a right that the policy does not give
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "azure.h"
#include "xml.h"

static const char *param(const struct sim_req *r, const char *name)
{
	const char *v = sim_param(r, name);

	return v ? v : "";
}

static bool refuse(struct sim_req *r, const char *detail)
{
	struct sim_buf *b = &r->reply.body;

	if (r->reply.ready)
		return false;
	sim_az_fail(r, 403, NULL, NULL);
	if (!b->n)
		return false;
	b->n -= strlen("</Error>");
	sim_xml_element(b, "AuthenticationErrorDetail", detail);
	sim_buf_str(b, "</Error>");
	return false;
}

static bool revoked(struct sim_req *r)
{
	sim_az_fail(r, 403, "AuthorizationFailure",
		    "This request is not authorized to perform this "
		    "operation.");
	return false;
}

static bool check_signature(struct sim_req *r)
{
	const struct sim_az_sas a = {
		param(r, "sp"), param(r, "st"), param(r, "se"),
		param(r, "si"), param(r, "sip"), param(r, "spr"),
		param(r, "sv"), param(r, "sr"), param(r, "snapshot"),
		param(r, "ses"),
		{ param(r, "rscc"), param(r, "rscd"), param(r, "rsce"),
		  param(r, "rscl"), param(r, "rsct") },
	};
	SIM_AUTOFREE char *text = NULL, *want = NULL, *detail = NULL;
	const char *sig = param(r, "sig");

	if (strcmp(a.version, "2020-12-06") < 0)
		return refuse(r, "sv is missing or too old for this server");
	if (strcmp(a.resource, "c"))
		return refuse(r, "sr is not that of a container");
	text = sim_az_string_to_sign(&a, r->azure->container);
	want = sim_az_sign(text);
	if (strlen(sig) == strlen(want) &&
	    !CRYPTO_memcmp(sig, want, strlen(want)))
		return true;
	detail = sim_format("Signature did not match. String to sign used was "
			    "%s", text);
	return refuse(r, detail);
}

static bool out_of_time(struct sim_req *r, const struct sim_cred *c)
{
	SIM_AUTOFREE char *detail = NULL;
	char from[40], till[40], now[40];

	sim_http_date(c->made_ms, from);
	sim_http_date(c->expires_ms, till);
	sim_http_date(sim_wall_ms(), now);
	detail = sim_format("Signature not valid in the specified time frame: "
			    "Start [%s] - Expiry [%s] - Current [%s]",
			    from, till, now);
	return refuse(r, detail);
}

/* A copy of the policy, whether it is the newest, and the migration open. */
static bool find_policy(struct sim_req *r, struct sim_cred *c, bool *newest,
			bool *open)
{
	struct sim_migration *m = NULL;
	const struct sim_cred *found;
	const char *id = r->azure->container + strlen(SIM_AZ_CONTAINER);

	sim_lock(r->sim);
	found = sim_cred_find(r->sim, param(r, "si"), &m);
	/* A policy belongs to its container. */
	if (found && strcmp(m->id, id))
		found = NULL;
	if (found) {
		*c = *found;
		*newest = m->creds == found;
		*open = m->state == SIM_RECEIVING;
	}
	sim_unlock(r->sim);
	return found != NULL;
}

static bool check_policy(struct sim_req *r)
{
	struct sim_cred c;
	bool newest = false, open = false, live;

	if (!find_policy(r, &c, &newest, &open))
		return revoked(r);
	explicit_bzero(c.token, sizeof(c.token));
	r->generation = c.generation;
	live = sim_cred_live(&c);
	if (!live && newest && open)
		return out_of_time(r, &c);
	if (!live || !open || sim_wall_ms() < c.works_ms)
		return revoked(r);
	return true;
}

static bool no_container(struct sim_req *r)
{
	sim_az_fail(r, 404, "ContainerNotFound",
		    "The specified container does not exist.");
	return false;
}

bool sim_az_auth(struct sim_req *r)
{
	const char *container = r->azure->container;

	if (!sim_param(r, "sig")) {
		sim_az_fail(r, 401, NULL, NULL);
		sim_reply_header(r, "WWW-Authenticate",
				 "Bearer authorization_uri=https://"
				 "login.invalid/ resource_id=https://"
				 "storage.azure.com");
		return false;
	}
	if (!check_signature(r))
		return false;
	if (!sim_starts(container, SIM_AZ_CONTAINER))
		return no_container(r);
	if (!check_policy(r))
		return false;
	r->azure->key = sim_format("%s/%s",
				   container + strlen(SIM_AZ_CONTAINER),
				   r->azure->name);
	return true;
}

bool sim_az_allowed(struct sim_req *r, unsigned deny)
{
	if (!(deny & r->sim->opt.deny))
		return true;
	sim_az_fail(r, 403, "AuthorizationPermissionMismatch",
		    "This request is not authorized to perform this operation "
		    "using this permission.");
	return false;
}

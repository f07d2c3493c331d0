/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Azure backend: Azure Blob Storage and servers that speak its dialect.
 */
#ifndef SL_AZURE_H
#define SL_AZURE_H

#include "backend.h"

/*
 * As sl_backend_open(), for "https://host/container/prefix/", or http:// of
 * this machine. No network.
 */
int sl_azure_backend_open(const struct sl_backend_config *cfg,
			  struct sl_backend **ret, struct sl_error *e)
	SL_MUST_CHECK;

#endif

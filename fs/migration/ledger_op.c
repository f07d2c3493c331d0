/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change to the ledger on its way to the thread that writes it: the texts
 * and bytes are copied into one block, so that who asked need not stay.
 */
#include <stdlib.h>
#include <string.h>

#include "migration/ledger_db.h"

struct sl_ledger_op *sl_ledger_op_new(enum sl_ledger_kind kind,
				      const char *const strs[], size_t count)
{
	size_t len[SL_OP_STRS] = { 0 }, total = sizeof(struct sl_ledger_op);
	struct sl_ledger_op *op;
	char *p;

	for (size_t i = 0; i < count; i++) {
		len[i] = strlen(strs[i]) + 1;
		total += len[i];
	}
	op = malloc(total);
	if (!op)
		return NULL;
	*op = (struct sl_ledger_op){ .kind = kind, .bytes = total };
	p = (char *)(op + 1);
	for (size_t i = 0; i < count; i++) {
		memcpy(p, strs[i], len[i]);
		op->str[i] = p;
		p += len[i];
	}
	return op;
}

struct sl_ledger_op *sl_ledger_op_blob(struct sl_ledger_op *op, const void *p,
				       size_t n)
{
	op->blob = malloc(n ? n : 1);
	if (!op->blob) {
		sl_ledger_op_free(op);
		return NULL;
	}
	memcpy(op->blob, p, n);
	op->blob_size = n;
	op->bytes += n;
	return op;
}

void sl_ledger_op_free(struct sl_ledger_op *op)
{
	free(op->blob);
	free(op);
}

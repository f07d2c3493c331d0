/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File handles, in a list: when the daemon ends by a signal the kernel sends
 * no RELEASE, and what is still open must be let go before the engine is.
 */
#include "mount/ops.h"
#include "mount/version.h"

struct sl_fh *sl_fh_new(struct sl_mount *m)
{
	struct sl_fh *fh = calloc(1, sizeof(*fh));

	if (!fh)
		return NULL;
	sl_mutex_init(&fh->mu);
	SL_LOCK_SCOPE(&m->mu);
	fh->next = m->handles;
	if (fh->next)
		fh->next->prev = fh;
	m->handles = fh;
	return fh;
}

static void take_out(struct sl_mount *m, struct sl_fh *fh)
{
	SL_LOCK_SCOPE(&m->mu);
	if (fh->prev)
		fh->prev->next = fh->next;
	else
		m->handles = fh->next;
	if (fh->next)
		fh->next->prev = fh->prev;
}

void sl_fh_free(struct sl_mount *m, struct sl_fh *fh, pid_t pid)
{
	take_out(m, fh);
	sl_reader_close(fh->reader);
	if (fh->file)
		sl_file_release(fh->file, pid);
	sl_buf_wipe(&fh->text);
	sl_mutex_release(&fh->mu);
	free(fh);
}

void sl_mount_interrupt_handles(struct sl_mount *m)
{
	/* No operation runs any more: the list stays as it is. */
	for (struct sl_fh *fh = m->handles; fh; fh = fh->next) {
		if (fh->file && fh->file->file)
			sl_file_shutdown(fh->file->file);
	}
}

void sl_mount_drop_handles(struct sl_mount *m)
{
	while (m->handles)
		sl_fh_free(m, m->handles, 0);
}

/*
 * Who has the file open will not be heard of again: no RELEASE comes once the
 * session is over. So the upload, which the engine waits for, is let go here.
 */
void sl_file_shutdown(struct sl_file *f)
{
	struct sl_upload *up;

	sl_mutex_lock(&f->mu);
	f->writers = 0;
	if (f->begun && !f->skip && !f->adopted && !f->err)
		sl_version_fail_locked(f, EINTR, "the migration or the mount "
				       "was left before the copy ended; copy "
				       "it again");
	up = sl_steal(&f->up);
	sl_mutex_unlock(&f->mu);
	sl_upload_unref(up);
	sl_version_detach(f);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FUSE session: mounting, serving, unmounting. Multithreaded low-level
 * API, writes of up to 1 MiB, no kernel writeback cache (a close must mean
 * what it says, and a failed background write could not say it).
 */
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mount/ops.h"

static void on_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->max_write = 1 << 20;
	conn->max_readahead = 1 << 20;
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->want &= ~(unsigned)FUSE_CAP_WRITEBACK_CACHE;
	conn->want |= conn->capable & (FUSE_CAP_ATOMIC_O_TRUNC |
				       FUSE_CAP_PARALLEL_DIROPS |
				       FUSE_CAP_ASYNC_READ);
}

static const struct fuse_lowlevel_ops ops = {
	.init = on_init,
	.lookup = sl_op_lookup,
	.forget = sl_op_forget,
	.forget_multi = sl_op_forget_multi,
	.getattr = sl_op_getattr,
	.setattr = sl_op_setattr,
	.mknod = sl_op_mknod,
	.mkdir = sl_op_mkdir,
	.unlink = sl_op_unlink,
	.rmdir = sl_op_rmdir,
	.symlink = sl_op_symlink,
	.rename = sl_op_rename,
	.link = sl_op_link,
	.open = sl_op_open,
	.create = sl_op_create,
	.read = sl_op_read,
	.write = sl_op_write,
	.flush = sl_op_flush,
	.release = sl_op_release,
	.fsync = sl_op_fsync,
	.fallocate = sl_op_fallocate,
	.opendir = sl_op_opendir,
	.readdir = sl_op_readdir,
	.readdirplus = sl_op_readdirplus,
	.releasedir = sl_op_releasedir,
	.statfs = sl_op_statfs,
	.setxattr = sl_op_setxattr,
	.getxattr = sl_op_getxattr,
	.listxattr = sl_op_listxattr,
	.removexattr = sl_op_removexattr,
};

static int add_args(struct fuse_args *args, const struct sl_options *o)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(8192);

	/*
	 * default_permissions lets the kernel check modes. A root mount is
	 * root's alone unless allow_other is given, and modes mean nothing to
	 * root: without the check the kernel need not ask for the attributes
	 * of a directory after each file that was made in it.
	 */
	sl_buf_printf(&b, "fsname=astra:%s,subtype=sideloadfs%s%s", o->db_id,
		      o->allow_other || geteuid() ? ",default_permissions" : "",
		      o->allow_other ? ",allow_other" : "");
	if (o->fuse_opts && *o->fuse_opts)
		sl_buf_printf(&b, ",%s", o->fuse_opts);
	if (sl_buf_error(&b))
		return sl_buf_error(&b);
	if (fuse_opt_add_arg(args, "sideloadfs") ||
	    fuse_opt_add_arg(args, "-o") ||
	    fuse_opt_add_arg(args, sl_buf_str(&b)))
		return -ENOMEM;
	return 0;
}

int sl_mount_attach(struct sl_mount *m, struct sl_error *e)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int r = add_args(&args, m->opt);

	if (r) {
		fuse_opt_free_args(&args);
		return sl_error_set(e, -r, "the mount options are too long");
	}
	m->session = fuse_session_new(&args, &ops, sizeof(ops), m);
	fuse_opt_free_args(&args);
	if (!m->session)
		return sl_error_set(e, EINVAL, "FUSE does not take the mount "
				    "options (see the lines above)");
	if (fuse_set_signal_handlers(m->session)) {
		fuse_session_destroy(m->session);
		m->session = NULL;
		return sl_error_set(e, EIO, "cannot set signal handlers");
	}
	if (!fuse_session_mount(m->session, m->opt->mountpoint))
		return 0;
	fuse_remove_signal_handlers(m->session);
	fuse_session_destroy(m->session);
	m->session = NULL;
	return sl_error_set(e, EIO, "cannot mount at '%s' (see the lines "
			    "above; is /dev/fuse there, may this user mount, "
			    "is user_allow_other set in /etc/fuse.conf?)",
			    m->opt->mountpoint);
}

int sl_mount_serve(struct sl_mount *m)
{
	return sl_loop_run(m->session);
}

void sl_mount_detach(struct sl_mount *m)
{
	if (!m->session)
		return;
	/* Parked requests are answered while there is a session. */
	sl_mount_quiesce(m);
	fuse_session_unmount(m->session);
	fuse_remove_signal_handlers(m->session);
	fuse_session_destroy(m->session);
	m->session = NULL;
}

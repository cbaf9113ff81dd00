/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of operations.
 *
 * Not in it: locks, which the kernel keeps by itself then (they are seen by
 * users of the mount, not by those of the source); ACCESS, which the kernel
 * does not ask with default_permissions; IOCTL, POLL and BMAP, which concern
 * the file below and not its mirror.
 */
#include "mirror.h"

const struct fuse_lowlevel_ops mirror_ops = {
	.init = mirror_init,
	.destroy = mirror_destroy,
	.lookup = mirror_lookup,
	.forget = mirror_forget,
	.forget_multi = mirror_forget_multi,
	.getattr = mirror_getattr,
	.setattr = mirror_setattr,
	.readlink = mirror_readlink,
	.statfs = mirror_statfs,
#ifdef HAVE_FUSE_STATX
	.statx = mirror_statx,
#endif
	.mknod = mirror_mknod,
	.mkdir = mirror_mkdir,
	.symlink = mirror_symlink,
	.link = mirror_link,
	.unlink = mirror_unlink,
	.rmdir = mirror_rmdir,
	.rename = mirror_rename,
	.open = mirror_open,
	.create = mirror_create,
#ifdef HAVE_FUSE_TMPFILE
	.tmpfile = mirror_tmpfile,
#endif
	.flush = mirror_flush,
	.release = mirror_release,
	.read = mirror_read,
	.write_buf = mirror_write_buf,
	.fsync = mirror_fsync,
	.fallocate = mirror_fallocate,
	.lseek = mirror_lseek,
	.copy_file_range = mirror_copy_file_range,
	.opendir = mirror_opendir,
	.readdir = mirror_readdir,
	.readdirplus = mirror_readdirplus,
	.releasedir = mirror_releasedir,
	.fsyncdir = mirror_fsyncdir,
	.setxattr = mirror_setxattr,
	.getxattr = mirror_getxattr,
	.listxattr = mirror_listxattr,
	.removexattr = mirror_removexattr,
};

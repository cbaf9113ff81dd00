/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* upper: a tree of lower-case names, shown in upper case. What has a name is ours. */
#define FUSE_USE_VERSION 314
#include <fusept_stack.h>

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>

/* The name below, in lower case; nothing has a name that is so here already. */
static bool below(fuse_req_t req, const char *name, char lower[1025])
{
	size_t i;

	for (i = 0; name[i] && !islower((unsigned char)name[i]); i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	lower[i] = '\0';
	if (name[i])
		fuse_reply_err(req, ENOENT);
	return !name[i];
}

static int show(void *arg, const char *name, char *shown)
{
	(void)arg;
	for (; *name; name++)
		*shown++ = (char)toupper((unsigned char)*name);
	return 1;
}

#define NAMED(op, params, args)                              \
	static void on_##op params                           \
	{                                                    \
		char lower[1025];                            \
                                                             \
		if (below(req, name, lower))                 \
			fusept_stack_default()->op args;     \
	}

NAMED(lookup, (fuse_req_t req, fuse_ino_t dir, const char *name), (req, dir, lower))
NAMED(unlink, (fuse_req_t req, fuse_ino_t dir, const char *name), (req, dir, lower))
NAMED(rmdir, (fuse_req_t req, fuse_ino_t dir, const char *name), (req, dir, lower))
NAMED(mkdir, (fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode),
      (req, dir, lower, mode))
NAMED(mknod, (fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, dev_t dev),
      (req, dir, lower, mode, dev))
NAMED(symlink, (fuse_req_t req, const char *target, fuse_ino_t dir, const char *name),
      (req, target, dir, lower))
NAMED(link, (fuse_req_t req, fuse_ino_t ino, fuse_ino_t dir, const char *name),
      (req, ino, dir, lower))
NAMED(create, (fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode,
	       struct fuse_file_info *fi), (req, dir, lower, mode, fi))

static void on_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t newdir,
		      const char *newname, unsigned int flags)
{
	char from[1025], to[1025];

	if (below(req, name, from) && below(req, newname, to))
		fusept_stack_default()->rename(req, dir, from, newdir, to, flags);
}

static void on_readdir(fuse_req_t req, fuse_ino_t dir, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	fusept_stack_readdir(req, dir, size, off, fi, 0, show, NULL);
}

int main(int argc, char *argv[])
{
	static const struct fuse_lowlevel_ops ops = {
		.lookup = on_lookup, .unlink = on_unlink, .rmdir = on_rmdir, .mkdir = on_mkdir,
		.mknod = on_mknod, .symlink = on_symlink, .link = on_link, .create = on_create,
		.rename = on_rename, .readdir = on_readdir,
	};

	return fusept_stack_main(argc, argv, &ops, sizeof(ops), NULL, NULL);
}

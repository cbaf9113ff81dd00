// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * matrix.c - every operation alone with what it needs, and all but one
 *
 * Results must be those of the tree below whichever part is passed through, and
 * what is in the mask must not reach the daemon. As root and as somebody else.
 */
#include "diff.h"

static const int operations[] = {
	FUSE_GETATTR, FUSE_SETATTR, FUSE_READLINK, FUSE_OPEN, FUSE_READ,
	FUSE_WRITE, FUSE_STATFS, FUSE_RELEASE, FUSE_FSYNC, FUSE_SETXATTR,
	FUSE_GETXATTR, FUSE_LISTXATTR, FUSE_REMOVEXATTR, FUSE_FLUSH,
	FUSE_OPENDIR, FUSE_READDIR, FUSE_RELEASEDIR, FUSE_FSYNCDIR,
	FUSE_ACCESS, FUSE_FALLOCATE, FUSE_LSEEK, FUSE_COPY_FILE_RANGE,
	FUSE_STATX, FUSE_UNLINK, FUSE_RMDIR, FUSE_RENAME, FUSE_RENAME2,
	FUSE_LINK, FUSE_GETLK, FUSE_SETLK, FUSE_SETLKW, FUSE_IOCTL, FUSE_POLL,
	FUSE_SYNCFS, FUSE_READDIRPLUS,
};

enum { N_OPERATIONS = sizeof(operations) / sizeof(*operations) };

/* A script of each kind: not all of them, as there are many masks */
static const char *const scripts[] = {
	"attr.chmod", "attr.truncate", "attr.readlink", "attr.statfs",
	"xattr.user", "xattr.acl_access", "open.create", "open.unlinked",
	"io.read", "io.write", "io.append", "io.splice", "io.copy_file_range",
	"io.sync", "io.fallocate", "io.lseek", "map.shared", "dir.read",
	"dir.handle", "dir.change", "dir.rename_flags", "perm.look_as_other",
	"perm.change_as_other", "killpriv.o_trunc_as_owner", "lock.of_process",
	"lock.flock", "control.poll_ready",
};

/* With nothing below it is the daemon that checks callers, and ours does not */
static bool makes_sense(const struct script *s, uint64_t ops)
{
	return !(s->needs & ~ops) && (ops || !s->who);
}

static void smoke(struct raw *r)
{
	uint64_t ops = raw_prune(r->opt.ops & r->supported);
	const size_t n = sizeof(scripts) / sizeof(*scripts);

	raw_reset(r);
	for (const struct script *s = script_first; s; s = s->next)
		for (size_t i = 0; i < n; i++)
			if (!strcmp(s->kc.name, scripts[i]) && makes_sense(s, ops))
				diff(r, s, s->who);
	expect_no_requests(r, ops);
}

static void add(struct ktest_case *kc, char *name, size_t size, const char *kind,
		int opcode, uint64_t ops)
{
	snprintf(name, size, "matrix.%s_%s", kind, raw_opcode_name(opcode));
	*kc = (struct ktest_case){
		.name = name, .run = smoke,
		.opt = { .ops = ops, .wide = true,
			 .init_add = FUSE_HANDLE_KILLPRIV_V2 },
	};
	ktest_add(kc);
}

__attribute__((constructor)) static void add_all(void)
{
	static struct ktest_case cases[2 * N_OPERATIONS];
	static char names[2 * N_OPERATIONS][64];

	for (int i = 0; i < N_OPERATIONS; i++) {
		int op = operations[i];

		/* no mask has one without the others, so SETLK is the case of all */
		if (op == FUSE_GETLK || op == FUSE_SETLKW)
			continue;
		add(&cases[2 * i], names[2 * i], sizeof(names[0]), "only", op,
		    raw_complete(FUSE_PASSTHROUGH_OP(op)));
		add(&cases[2 * i + 1], names[2 * i + 1], sizeof(names[0]),
		    "all_but", op, ~FUSE_PASSTHROUGH_OP(op));
	}
}

/* The list above is the kernel's */
KTEST(matrix, complete)
{
	uint64_t ops = 0;

	for (int i = 0; i < N_OPERATIONS; i++)
		ops |= FUSE_PASSTHROUGH_OP(operations[i]);
	CHECK_EQ(ops, r->supported);
}

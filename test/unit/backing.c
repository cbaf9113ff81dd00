// SPDX-License-Identifier: LGPL-2.1-or-later
/* Registered files against a script of ioctls. */
#include "door.h"
#include "harness.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GETATTR	     FUSEPT_OP(FUSEPT_GETATTR)
#define SETATTR	     FUSEPT_OP(FUSEPT_SETATTR)
#define READ	     FUSEPT_OP(FUSEPT_READ)
#define WRITE	     FUSEPT_OP(FUSEPT_WRITE)
#define LSEEK	     FUSEPT_OP(FUSEPT_LSEEK)
#define COPY	     FUSEPT_OP(FUSEPT_COPY_FILE_RANGE)
#define OPEN	     FUSEPT_OP(FUSEPT_OPEN)
#define RELEASE	     FUSEPT_OP(FUSEPT_RELEASE)
#define OPENDIR	     FUSEPT_OP(FUSEPT_OPENDIR)
#define RELEASEDIR   FUSEPT_OP(FUSEPT_RELEASEDIR)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct fuse_lowlevel_ops daemon_ops;

static void expect_open(int fd, uint64_t mask, int ret)
{
	door_expect((struct door_call){.request = FUSE_DEV_IOC_BACKING_OPEN,
				       .in.open = {.fd = fd, .ops_mask = mask},
				       .ret = ret});
}

static void expect_close(uint32_t id, int ret)
{
	door_expect((struct door_call){
		.request = FUSE_DEV_IOC_BACKING_CLOSE, .in.close = id, .ret = ret});
}

static void expect_bind(int id, uint64_t nodeid, int ret)
{
	door_expect((struct door_call){.request = FUSE_DEV_IOC_BACKING_BIND,
				       .in.bind = {.nodeid = nodeid, .backing_id = id},
				       .ret = ret});
}

static void expect_mask(int id, uint64_t mask, int ret)
{
	door_expect((struct door_call){.request = FUSE_DEV_IOC_BACKING_MASK,
				       .in.mask = {.backing_id = id, .ops_mask = mask},
				       .ret = ret});
}

static struct fusept_backing *registered(struct wire *wire, uint64_t mask, int id)
{
	struct fusept_backing *backing;

	expect_open(0, mask, id);
	CHECK_EQ(fusept_backing_open(wire->session, 0, mask, &backing), 0);
	return backing;
}

/* FORGET goes with all others only */
#define WHOLE_LESS (WIRE_OPS & ~FUSEPT_OP(FUSEPT_FORGET))

TEST(mask_reaches_the_kernel)
{
	const struct {
		uint64_t asked, sent;
	} masks[] = {
		{GETATTR, GETATTR},
		{FUSEPT_OPS_SUBTREE, WIRE_OPS},
		{FUSEPT_OPS_ALL, WIRE_OPS & ~FUSEPT_OPS_NAMES},
		{FUSEPT_OPS_SUBTREE & ~SETATTR, WHOLE_LESS & ~SETATTR},
		{FUSEPT_OPS_SUBTREE & ~READ, WHOLE_LESS & ~(READ | LSEEK | COPY)},
		{FUSEPT_OPS_SUBTREE & ~WRITE, WHOLE_LESS & ~(WRITE | COPY)},
		{FUSEPT_OPS_SUBTREE & ~RELEASE, WHOLE_LESS & ~(RELEASE | OPEN)},
		{FUSEPT_OPS_SUBTREE & ~RELEASEDIR, WHOLE_LESS & ~(RELEASEDIR | OPENDIR)},
		{FUSEPT_OPS_SUBTREE & ~OPEN, WHOLE_LESS & ~OPEN},
		{FUSEPT_OPS_SUPPORTED | GETATTR | OPEN, GETATTR},
		{GETATTR | OPEN, GETATTR | OPEN}, /* by name: the kernel has to refuse it */
		{FUSEPT_OPS_SUPPORTED | GETATTR | FUSEPT_OP(60), GETATTR},
		{GETATTR | FUSEPT_OP(60), GETATTR | FUSEPT_OP(60)},
		{FUSEPT_OPS_NONE, 0},
	};
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_OPS, &daemon_ops, NULL);
	for (size_t i = 0; i < COUNT(masks); i++) {
		expect_open(0, masks[i].sent, 17);
		CHECK_EQ(fusept_backing_open(wire.session, 0, masks[i].asked, &backing), 0);
		CHECK_EQ(fusept_backing_id(backing), 17);
		CHECK_EQ(fusept_backing_ops(backing), masks[i].sent);
		expect_close(17, 0);
		CHECK_EQ(fusept_backing_close(backing), 0);
	}
	wire_close(&wire);
}

/* For an empty mask is no request for nothing: it passes reads and writes. */
TEST(mask_that_the_kernel_has_nothing_of_is_refused)
{
	const uint64_t nothing[] = {FUSEPT_OPS_SUPPORTED, FUSEPT_OPS_SUPPORTED | FUSEPT_OP(60),
				    FUSEPT_OPS_ALL & ~WIRE_OPS, FUSEPT_OPS_ALL & ~GETATTR};
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_OPS, &daemon_ops, NULL);
	for (size_t i = 0; i < COUNT(nothing); i++)
		CHECK_EQ(fusept_backing_open(wire.session, 0, nothing[i], &backing), -EOPNOTSUPP);
	backing = registered(&wire, GETATTR, 5);
	for (size_t i = 0; i < COUNT(nothing); i++)
		CHECK_EQ(fusept_backing_set_ops(backing, nothing[i]), -EOPNOTSUPP);
	CHECK_EQ(fusept_backing_ops(backing), GETATTR);
	expect_close(5, 0);
	CHECK_EQ(fusept_backing_close(backing), 0);
	wire_close(&wire);
}

TEST(errors_of_registration_with_a_mask_are_the_kernels)
{
	const int errors[] = {-EPERM, -EINVAL, -EBADF,	-ELOOP,	 -EOPNOTSUPP,
			      -EDOM,  -ENOMEM, -ENOSPC, -ENOTTY, -EISDIR};
	struct fusept_backing *backing = NULL;
	struct wire wire;
	int fd;

	wire_start(&wire, FUSEPT_LEVEL_OPS, &daemon_ops, NULL);
	CHECK_SYS(fd = open("/proc/self/exe", O_PATH | O_CLOEXEC));
	for (size_t i = 0; i < COUNT(errors); i++) {
		expect_open(fd, GETATTR, errors[i]);
		CHECK_EQ(fusept_backing_open(wire.session, fd, GETATTR, &backing), errors[i]);
		CHECK(!backing);
	}
	expect_open(fd, GETATTR, 0); /* an id is never 0 */
	CHECK_EQ(fusept_backing_open(wire.session, fd, GETATTR, &backing), -EPROTO);
	close(fd);
	wire_close(&wire);
}

TEST(errors_of_plain_registration)
{
	const struct {
		int kernel, ours;
	} errors[] = {{-EPERM, -EPERM},	      {-EBADF, -EBADF},	      {-ELOOP, -ELOOP},
		      {-EISDIR, -EOPNOTSUPP}, {-EINVAL, -EOPNOTSUPP}, {-ENOMEM, -ENOMEM}};
	struct fusept_backing *backing = NULL;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_IO, &daemon_ops, NULL);
	for (size_t i = 0; i < COUNT(errors); i++) {
		expect_open(0, 0, errors[i].kernel);
		CHECK_EQ(fusept_backing_open(wire.session, 0, FUSEPT_OPS_ALL, &backing),
			 errors[i].ours);
		CHECK(!backing);
	}
	wire_close(&wire);
}

TEST(masks_at_level_io)
{
	const uint64_t good[] = {FUSEPT_OPS_NONE, FUSEPT_OPS_IO, FUSEPT_OPS_ALL,
				 FUSEPT_OPS_ALL & ~GETATTR, FUSEPT_OPS_SUPPORTED | FUSEPT_OPS_IO};
	const uint64_t bad[] = {READ,
				WRITE,
				FUSEPT_OPS_IO | GETATTR,
				GETATTR,
				FUSEPT_OPS_ALL & ~READ,
				FUSEPT_OPS_ALL & ~WRITE,
				FUSEPT_OPS_ALL & ~FUSEPT_OPS_IO,
				FUSEPT_OPS_SUPPORTED | GETATTR,
				FUSEPT_OPS_SUPPORTED};
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_IO, &daemon_ops, NULL);
	for (size_t i = 0; i < COUNT(good); i++) {
		expect_open(0, 0, 1);
		CHECK_EQ(fusept_backing_open(wire.session, 0, good[i], &backing), 0);
		CHECK_EQ(fusept_backing_ops(backing), FUSEPT_OPS_NONE);
		expect_close(1, 0);
		CHECK_EQ(fusept_backing_close(backing), 0);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		CHECK_EQ(fusept_backing_open(wire.session, 0, bad[i], &backing), -EOPNOTSUPP);
	wire_close(&wire);
}

TEST(nothing_is_asked_at_level_none)
{
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_NONE, &daemon_ops, NULL);
	CHECK_EQ(fusept_backing_open(wire.session, 0, FUSEPT_OPS_ALL, &backing), -EOPNOTSUPP);
	CHECK_EQ(fusept_backing_open(wire.session, 0, FUSEPT_OPS_NONE, &backing), -EOPNOTSUPP);
	wire_close(&wire);
}

static int path_fd;

/* The fd is another one for the same file, open for reading, and will not be inherited. */
static void check_reopened(int fd)
{
	struct stat ours, theirs;

	CHECK(fd != path_fd);
	CHECK_SYS(fstat(path_fd, &ours));
	CHECK_SYS(fstat(fd, &theirs));
	CHECK(ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_PATH), O_RDONLY);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void expect_open_reopened(int ret)
{
	door_expect((struct door_call){
		.request = FUSE_DEV_IOC_BACKING_OPEN, .check = check_reopened, .ret = ret});
}

TEST(path_fd_is_reopened_where_the_kernel_needs_it)
{
	struct fusept_backing *first, *second;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_IO, &daemon_ops, NULL);
	CHECK_SYS(path_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC));
	expect_open(path_fd, 0, -EBADF);
	expect_open_reopened(1);
	CHECK_EQ(fusept_backing_open(wire.session, path_fd, FUSEPT_OPS_ALL, &first), 0);
	expect_open_reopened(2); /* learnt */
	CHECK_EQ(fusept_backing_open(wire.session, path_fd, FUSEPT_OPS_ALL, &second), 0);
	CHECK_EQ(fusept_backing_id(second), 2);
	expect_close(1, 0);
	expect_close(2, 0);
	CHECK_EQ(fusept_backing_close(first), 0);
	CHECK_EQ(fusept_backing_close(second), 0);
	close(path_fd);
	wire_close(&wire);
}

TEST(path_fd_is_used_where_the_kernel_takes_it)
{
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_OPS, &daemon_ops, NULL);
	CHECK_SYS(path_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC));
	expect_open(path_fd, 0, 1);
	CHECK_EQ(fusept_backing_open(wire.session, path_fd, FUSEPT_OPS_NONE, &backing), 0);
	expect_close(1, 0);
	CHECK_EQ(fusept_backing_close(backing), 0);
	close(path_fd);
	wire_close(&wire);
}

TEST(nothing_but_regular_files_is_reopened)
{
	const char *const paths[] = {"/proc/self", "/", "/dev/null"};
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_IO, &daemon_ops, NULL);
	for (size_t i = 0; i < COUNT(paths); i++) {
		CHECK_SYS(path_fd = open(paths[i], O_PATH | O_NOFOLLOW | O_CLOEXEC));
		expect_open(path_fd, 0, -EBADF);
		CHECK_EQ(fusept_backing_open(wire.session, path_fd, FUSEPT_OPS_ALL, &backing),
			 -EOPNOTSUPP);
		close(path_fd);
	}
	expect_open(path_fd, 0, -EBADF); /* closed by now */
	CHECK_EQ(fusept_backing_open(wire.session, path_fd, FUSEPT_OPS_ALL, &backing), -EBADF);
	expect_open(-1, 0, -EBADF);
	CHECK_EQ(fusept_backing_open(wire.session, -1, FUSEPT_OPS_ALL, &backing), -EBADF);
	wire_close(&wire);
}

TEST(failed_reopening_leaks_nothing)
{
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_IO, &daemon_ops, NULL);
	CHECK_SYS(path_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC));
	expect_open(path_fd, 0, -EBADF);
	expect_open_reopened(-ELOOP);
	CHECK_EQ(fusept_backing_open(wire.session, path_fd, FUSEPT_OPS_ALL, &backing), -ELOOP);
	close(path_fd);
	wire_close(&wire); /* and the harness looks for open descriptors */
}

static bool has_fsetid(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	CHECK_SYS(syscall(SYS_capget, &header, data));
	return data[0].effective & (1u << CAP_FSETID);
}

static void check_without_fsetid(int fd)
{
	CHECK_EQ(fd, 0);
	CHECK(!has_fsetid());
}

static bool had_fsetid;

static void check_fsetid_as_before(int fd)
{
	CHECK_EQ(fd, 0);
	CHECK_EQ(has_fsetid(), had_fsetid);
}

static void expect_open_and_close(struct wire *wire, uint64_t mask, void (*check)(int fd))
{
	struct fusept_backing *backing;

	door_expect((struct door_call){.request = FUSE_DEV_IOC_BACKING_OPEN,
				       .in.open.ops_mask = mask,
				       .check = check,
				       .ret = 1});
	CHECK_EQ(fusept_backing_open(wire->session, 0, mask, &backing), 0);
	expect_close(1, 0);
	CHECK_EQ(fusept_backing_close(backing), 0);
}

TEST(cap_fsetid_is_dropped_where_the_kernel_clears_no_privileges)
{
	const struct fusept_session_options options = {.size = sizeof(options),
						       .flags = FUSEPT_SESSION_KILLPRIV};
	struct wire wire;

	had_fsetid = has_fsetid();
	wire_start_with(&wire, FUSEPT_LEVEL_IO, FUSE_HANDLE_KILLPRIV_V2, &options, &daemon_ops,
			NULL);
	expect_open_and_close(&wire, 0, check_without_fsetid);
	CHECK_EQ(has_fsetid(), had_fsetid);
	expect_open(0, 0, -ELOOP);
	CHECK_EQ(fusept_backing_open(wire.session, 0, 0, &(struct fusept_backing *){0}), -ELOOP);
	CHECK_EQ(has_fsetid(), had_fsetid);
	wire_close(&wire);

	wire_start_with(&wire, FUSEPT_LEVEL_IO, FUSE_HANDLE_KILLPRIV_V2, NULL, &daemon_ops, NULL);
	expect_open_and_close(&wire, 0, check_fsetid_as_before);
	wire_close(&wire);

	wire_start_with(&wire, FUSEPT_LEVEL_OPS, FUSE_HANDLE_KILLPRIV_V2, &options, &daemon_ops,
			NULL);
	expect_open_and_close(&wire, 0, check_fsetid_as_before);
	expect_open_and_close(&wire, GETATTR, check_fsetid_as_before);
	wire_close(&wire);
}

TEST(binding)
{
	const int answers[] = {0, -EINVAL, -ENOENT, -ESTALE, -EBUSY, -ETXTBSY, -EBADF, -EPERM};
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_OPS, &daemon_ops, NULL);
	backing = registered(&wire, GETATTR, 5);
	for (size_t i = 0; i < COUNT(answers); i++) {
		expect_bind(5, FUSE_ROOT_ID, answers[i]);
		CHECK_EQ(fusept_backing_bind(backing, FUSE_ROOT_ID), answers[i]);
	}
	expect_bind(5, UINT64_C(0x123456789abcdef0), 0);
	CHECK_EQ(fusept_backing_bind(backing, UINT64_C(0x123456789abcdef0)), 0);
	expect_close(5, 0);
	CHECK_EQ(fusept_backing_close(backing), 0);
	wire_close(&wire);
}

TEST(changing_the_mask)
{
	const int errors[] = {-EOPNOTSUPP, -EDOM, -EBUSY, -EBADF, -EPERM, -EINVAL};
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_OPS, &daemon_ops, NULL);
	backing = registered(&wire, GETATTR, 5);
	for (size_t i = 0; i < COUNT(errors); i++) {
		expect_mask(5, GETATTR | FUSEPT_OPS_IO, errors[i]);
		CHECK_EQ(fusept_backing_set_ops(backing, GETATTR | FUSEPT_OPS_IO), errors[i]);
		CHECK_EQ(fusept_backing_ops(backing), GETATTR);
	}
	expect_mask(5, WIRE_OPS, 0);
	CHECK_EQ(fusept_backing_set_ops(backing, FUSEPT_OPS_SUBTREE), 0);
	CHECK_EQ(fusept_backing_ops(backing), WIRE_OPS);
	expect_mask(5, 0, -EINVAL);
	CHECK_EQ(fusept_backing_set_ops(backing, FUSEPT_OPS_NONE), -EINVAL);
	CHECK_EQ(fusept_backing_ops(backing), WIRE_OPS);
	expect_close(5, 0);
	CHECK_EQ(fusept_backing_close(backing), 0);
	wire_close(&wire);
}

TEST(level_io_binds_nothing_and_has_one_mask)
{
	struct fusept_backing *backing;
	struct wire wire;

	wire_start(&wire, FUSEPT_LEVEL_IO, &daemon_ops, NULL);
	expect_open(0, 0, 3);
	CHECK_EQ(fusept_backing_open(wire.session, 0, FUSEPT_OPS_ALL, &backing), 0);
	CHECK_EQ(fusept_backing_bind(backing, FUSE_ROOT_ID), -EOPNOTSUPP);
	CHECK_EQ(fusept_backing_set_ops(backing, FUSEPT_OPS_ALL), 0);
	CHECK_EQ(fusept_backing_set_ops(backing, FUSEPT_OPS_IO), 0);
	CHECK_EQ(fusept_backing_set_ops(backing, GETATTR), -EOPNOTSUPP);
	CHECK_EQ(fusept_backing_ops(backing), 0);
	expect_close(3, 0);
	CHECK_EQ(fusept_backing_close(backing), 0);
	wire_close(&wire);
}

TEST(closing)
{
	const int answers[] = {-ENOENT, -EPERM, -EINVAL};
	struct wire wire;

	CHECK_EQ(fusept_backing_close(NULL), 0);
	wire_start(&wire, FUSEPT_LEVEL_OPS, &daemon_ops, NULL);
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct fusept_backing *backing = registered(&wire, GETATTR, 9);

		expect_close(9, answers[i]);
		CHECK_EQ(fusept_backing_close(backing), answers[i]); /* and it is freed */
	}
	wire_close(&wire);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The library on the kernel that runs here, whatever it is: needs root and
 * /dev/fuse.  Each test has a mount namespace of its own with a tmpfs below.
 */
#include "daemon.h"
#include "harness.h"

#include <linux/capability.h>
#include <linux/types.h>

#include "uapi/fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the kernel offers to a daemon that looks at its INIT by itself. */
static uint64_t offered_by_kernel(void)
{
	struct {
		struct fuse_in_header header;
		struct fuse_init_in in;
		char rest[FUSE_MIN_READ_BUFFER];
	} request = {0};
	char options[128];
	uint64_t flags;
	int fd;

	CHECK_SYS(fd = open("/dev/fuse", O_RDWR | O_CLOEXEC));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	CHECK_SYS(mount("device", DIR, "fuse", 0, options));
	CHECK_SYS(read(fd, &request, sizeof(request)));
	CHECK_EQ(request.header.opcode, FUSE_INIT);
	close(fd);
	CHECK_SYS(umount2(DIR, MNT_DETACH));
	flags = request.in.flags;
	return flags & FUSE_INIT_EXT ? flags | (uint64_t)request.in.flags2 << 32 : 0;
}

static void need_io(const struct daemon *d)
{
	if (fusept_session_level(d->session) < FUSEPT_LEVEL_IO)
		test_skip("this kernel has no passthrough");
}

/* Read, write, map and splice path, and see that below is what path says. */
static void use_file(struct daemon *d, const char *path)
{
	char below[4096], here[4096];
	char *map;
	int fd;

	CHECK_SYS(fd = open(path, O_RDWR | O_CLOEXEC));
	for (off_t off = 0; off < SIZE; off += 65536) {
		CHECK_EQ(pread(fd, here, sizeof(here), off), sizeof(here));
		CHECK_EQ(pread(d->file, below, sizeof(below), off), sizeof(below));
		CHECK_BYTES(here, below, sizeof(here));
	}
	memset(here, 'w', sizeof(here));
	CHECK_EQ(pwrite(fd, here, sizeof(here), 12345), sizeof(here));
	CHECK_EQ(pread(d->file, below, sizeof(below), 12345), sizeof(below));
	CHECK_BYTES(here, below, sizeof(here));
	map = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK_BYTES(map + 12345, below, sizeof(below));
	munmap(map, SIZE);
	close(fd);
}

/* One thread or some serve, and end with the mount. */
TEST(our_loop_ends_with_the_mount)
{
	const unsigned int threads[] = {1, 2, 7};
	struct daemon d;

	daemon_prepare();
	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		daemon_mount(&d);
		CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), 0);
		d.loop_result = 1;
		daemon_serve_by(&d, threads[i]);
		use_file(&d, SERVED);
		daemon_finish(&d);
		CHECK_EQ(d.loop_result, 0);
	}
}

/* Asks until it is told to end the loop, by a signal that may come at any time. */
static void *ask_and_kill(void *arg)
{
	struct stat st;

	CHECK_SYS(stat(SERVED, &st));
	CHECK_SYS(kill(getpid(), *(int *)arg));
	return NULL;
}

TEST(our_loop_ends_by_signals)
{
	const unsigned int threads[] = {1, 5};
	int signals[] = {SIGINT, SIGHUP}; /* SIGTERM is the harness' own */
	struct daemon d;

	daemon_prepare();
	for (int i = 0; i < 4; i++) {
		sigset_t set, old;
		pthread_t asking;

		daemon_mount(&d);
		CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), 0);
		CHECK_EQ(fuse_set_signal_handlers(d.se), 0);
		/* it is not the one to be interrupted */
		sigfillset(&set);
		pthread_sigmask(SIG_BLOCK, &set, &old);
		CHECK_EQ(pthread_create(&asking, NULL, ask_and_kill, &signals[i % 2]), 0);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		CHECK_EQ(fusept_session_loop(d.session, threads[i / 2]), 0);
		CHECK_EQ(pthread_join(asking, NULL), 0);
		fuse_remove_signal_handlers(d.se);
		daemon_finish(&d);
	}
}

TEST(level_is_what_the_kernel_offers)
{
	const uint64_t io = FUSE_INIT_EXT | FUSE_PASSTHROUGH, ops = io | FUSE_PASSTHROUGH_MASK;
	enum fusept_level level = FUSEPT_LEVEL_NONE;
	struct daemon d;
	uint64_t offered;

	daemon_prepare();
	offered = offered_by_kernel();
	daemon_mount(&d);
	CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), 0);
	if ((offered & io) == io)
		level = (offered & ops) == ops ? FUSEPT_LEVEL_OPS : FUSEPT_LEVEL_IO;
	printf("# level %d, operations 0x%llx, reason %d\n", fusept_session_level(d.session),
	       (unsigned long long)fusept_session_ops(d.session), fusept_session_reason(d.session));
	CHECK_EQ(fusept_session_level(d.session), level);
	CHECK_EQ(fusept_session_reason(d.session), level == FUSEPT_LEVEL_OPS ? 0 : -EOPNOTSUPP);
	daemon_finish(&d);
}

static void pass_through(int open_flags)
{
	struct daemon d;
	int fd;

	daemon_start(&d, NULL);
	need_io(&d);
	CHECK_SYS(fd = open(BELOW, open_flags | O_CLOEXEC));
	CHECK_EQ(fusept_backing_open(d.session, fd, FUSEPT_OPS_ALL, &d.backing), 0);
	close(fd); /* the kernel has its own reference */
	daemon_serve(&d);
	use_file(&d, PASSED);
	CHECK_EQ(d.reads, 0);
	CHECK_EQ(d.writes, 0);
	use_file(&d, SERVED);
	CHECK(d.reads > 0);
	CHECK(d.writes > 0);
	daemon_finish(&d);
}

TEST(data_passes_through_an_open_file)
{
	pass_through(O_RDWR);
}

TEST(data_passes_through_a_path_fd)
{
	pass_through(O_PATH);
}

TEST(daemon_serves_all_at_level_none)
{
	const struct fusept_session_options options = {.size = sizeof(options),
						       .max_level = FUSEPT_LEVEL_NONE};
	struct daemon d;

	daemon_start(&d, &options);
	CHECK_EQ(fusept_session_level(d.session), FUSEPT_LEVEL_NONE);
	CHECK(fusept_backing_open(d.session, d.file, FUSEPT_OPS_ALL, &d.backing) < 0);
	daemon_serve(&d);
	use_file(&d, PASSED);
	CHECK(d.reads > 0);
	CHECK(d.writes > 0);
	daemon_finish(&d);
}

TEST(daemon_without_cap_sys_admin_serves_all)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2], less[2];
	struct daemon d;

	daemon_prepare();
	daemon_mount(&d);
	CHECK_SYS(syscall(SYS_capget, &header, all));
	memcpy(less, all, sizeof(less));
	less[0].effective &= ~(1u << CAP_SYS_ADMIN);
	CHECK_SYS(syscall(SYS_capset, &header, less));
	CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), 0);
	CHECK_EQ(fusept_session_level(d.session), FUSEPT_LEVEL_NONE);
	CHECK(fusept_session_reason(d.session) == -EPERM ||
	      fusept_session_reason(d.session) == -EOPNOTSUPP);
	CHECK_SYS(syscall(SYS_capset, &header, all));
	daemon_serve(&d);
	use_file(&d, PASSED);
	CHECK(d.reads > 0);
	daemon_finish(&d);
}

TEST(depth_of_stacking_is_respected)
{
	struct fusept_session_options options = {.size = sizeof(options), .max_stack_depth = 1};

	for (int depth = 1; depth <= 2; depth++) {
		struct daemon d;
		int fd;

		options.max_stack_depth = (uint32_t)depth;
		daemon_start(&d, &options);
		need_io(&d);
		CHECK_SYS(mkdir(BASE "/lower", 0755));
		CHECK_SYS(mkdir(BASE "/upper", 0755));
		CHECK_SYS(mkdir(BASE "/work", 0755));
		CHECK_SYS(mkdir(BASE "/stacked", 0755));
		if (mount("none", BASE "/stacked", "overlay", 0,
			  "lowerdir=" BASE "/lower,upperdir=" BASE "/upper,workdir=" BASE "/work"))
			test_skip("needs overlayfs");
		CHECK_SYS(fd = open(BASE "/stacked/f", O_RDWR | O_CREAT | O_CLOEXEC, 0644));
		CHECK_EQ(fusept_backing_open(d.session, fd, FUSEPT_OPS_ALL, &d.backing),
			 depth == 1 ? -ELOOP : 0);
		close(fd);
		daemon_finish(&d);
	}
}

TEST(files_that_level_io_does_not_have)
{
	const struct fusept_session_options options = {.size = sizeof(options),
						       .max_level = FUSEPT_LEVEL_IO};
	const char *const paths[] = {"/proc/self", BASE, "/dev/null", BASE "/pipe"};
	struct daemon d;

	daemon_start(&d, &options);
	need_io(&d);
	CHECK_SYS(mkfifo(BASE "/pipe", 0644));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd;

		CHECK_SYS(fd = open(paths[i], O_PATH | O_NOFOLLOW | O_CLOEXEC));
		CHECK_EQ(fusept_backing_open(d.session, fd, FUSEPT_OPS_ALL, &d.backing),
			 -EOPNOTSUPP);
		close(fd);
	}
	CHECK_EQ(fusept_backing_open(d.session, -1, FUSEPT_OPS_ALL, &d.backing), -EBADF);
	CHECK_EQ(fusept_backing_open(d.session, 9999, FUSEPT_OPS_ALL, &d.backing), -EBADF);
	daemon_finish(&d);
}

static void *stat_root(void *arg)
{
	struct stat *st = arg;

	CHECK_SYS(stat(DIR, st));
	return NULL;
}

static void serve_one(const struct daemon *d)
{
	struct fuse_buf buf = {0};

	CHECK(fuse_session_receive_buf(d->se, &buf) > 0);
	fuse_session_process_buf(d->se, &buf);
	free(buf.mem);
}

/* The kernel then gives requests to large buffers alone; this one is left for the loop. */
TEST(request_after_init_is_not_taken)
{
	struct pollfd pfd = {.events = POLLIN};
	struct stat st = {0};
	pthread_t thread;
	struct daemon d;

	daemon_prepare();
	daemon_mount(&d);
	serve_one(&d); /* INIT */
	CHECK_EQ(pthread_create(&thread, NULL, stat_root, &st), 0);
	pfd.fd = fuse_session_fd(d.se);
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), 0);
	CHECK_EQ(fusept_session_level(d.session), FUSEPT_LEVEL_NONE);
	CHECK_EQ(fusept_session_reason(d.session), -EALREADY);
	daemon_serve(&d);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(S_ISDIR(st.st_mode));
	daemon_finish(&d);
}

TEST(mount_that_is_gone_is_an_error)
{
	struct daemon d;

	daemon_prepare();
	daemon_mount(&d);
	CHECK_SYS(umount2(DIR, MNT_FORCE));
	CHECK_EQ(fusept_session_new(d.se, NULL, &d.session), -ENODEV);
	fuse_session_unmount(d.se);
	fuse_session_destroy(d.se);
	close(d.file);
}

static void *open_and_close(void *arg)
{
	struct daemon *d = arg;

	for (int i = 0; i < 200; i++) {
		struct fusept_backing *backing;

		CHECK_EQ(fusept_backing_open(d->session, d->file, FUSEPT_OPS_ALL, &backing), 0);
		CHECK(fusept_backing_id(backing) > 0);
		CHECK_EQ(fusept_backing_close(backing), 0);
	}
	return NULL;
}

TEST(threads_may_register_at_the_same_time)
{
	pthread_t threads[8];
	struct daemon d;

	daemon_start(&d, NULL);
	need_io(&d);
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, open_and_close, &d), 0);
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	daemon_finish(&d);
}

TEST(backing_may_be_closed_after_unmount)
{
	struct daemon d;

	daemon_start(&d, NULL);
	need_io(&d);
	CHECK_EQ(fusept_backing_open(d.session, d.file, FUSEPT_OPS_ALL, &d.backing), 0);
	daemon_serve(&d);
	daemon_unmount(&d);
	fuse_session_unmount(d.se);
	CHECK_EQ(fusept_backing_open(d.session, d.file, FUSEPT_OPS_ALL,
				     &(struct fusept_backing *){0}),
		 -EBADF);
	CHECK_EQ(fusept_backing_close(d.backing), 0);
	fusept_session_free(d.session);
	fuse_session_destroy(d.se);
	close(d.file);
}

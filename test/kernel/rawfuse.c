// SPDX-License-Identifier: LGPL-2.1-or-later
/* rawfuse.c - mount, start and end a server */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

struct raw *raw_new(const char *dir)
{
	struct raw *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(r != MAP_FAILED);
	r->fd = -1;
	snprintf(r->dir, sizeof(r->dir), "%.3000s", dir);
	snprintf(r->src, sizeof(r->src), "%.3000s/src", dir);
	snprintf(r->mnt, sizeof(r->mnt), "%.3000s/mnt", dir);
	return r;
}

void raw_free(struct raw *r)
{
	munmap(r, sizeof(*r));
}

/* Mounts; the kernel does not wait for an answer to its INIT */
void raw_mount(struct raw *r, const char *mnt)
{
	char opts[512];
	struct statx sx;

	r->fd = (int)CHECK_OK(open("/dev/fuse", O_RDWR | O_CLOEXEC));
	snprintf(opts, sizeof(opts),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0%s%s%s", r->fd,
		 r->opt.wide ? ",allow_other" : "",
		 r->opt.mount_options ? "," : "",
		 r->opt.mount_options ? r->opt.mount_options : "");
	CHECK_OK(mount("fusept-ktest", mnt, "fuse", 0, opts));
	CHECK_OK(statx(AT_FDCWD, mnt, AT_STATX_DONT_SYNC, STATX_INO, &sx));
	r->conn = (int)sx.stx_dev_minor;
	ktest_connection(r->conn);
}

static void *server_thread(void *arg)
{
	struct raw *r = arg;

	/* an umask and a working folder of its own */
	CHECK_OK(unshare(CLONE_FS));
	umask(0);
	raw_loop(r);
	return NULL;
}

static void start_process(struct raw *r)
{
	pid_t pid = (pid_t)CHECK_OK(fork());

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		umask(0);
		raw_loop(r);
		_exit(0);
	}
	r->pid = pid;
	/* from here on only the server holds the device */
	close(r->fd);
}

static void close_nodes(struct raw *r)
{
	for (size_t i = FUSE_ROOT_ID; i <= r->top; i++) {
		if (r->node[i].used)
			close(r->node[i].fd);
		r->node[i].used = false;
	}
}

/* Mounts src at mnt and serves it */
void raw_start(struct raw *r, const struct raw_options *opt)
{
	struct raw_node *root;
	int fd;

	r->opt = *opt;
	r->after[FUSE_INIT] = opt->after_init;
	/* index 0 stays free, so that the root gets FUSE_ROOT_ID */
	fd = (int)CHECK_OK(open(r->src, O_PATH | O_DIRECTORY | O_CLOEXEC));
	root = raw_node_make(r, fd, "/");
	CHECK(root == &r->node[FUSE_ROOT_ID]);
	root->nlookup = 1;
	raw_mount(r, r->mnt);
	r->running = true;
	if (r->opt.process) {
		start_process(r);
		/* the server has its own copies of what a node holds */
		close(root->fd);
	} else {
		CHECK(!pthread_create(&r->thread, NULL, server_thread, r));
	}
	CHECK(raw_wait_ready(r));
}

/* After unmount or abort: the server ends by itself */
void raw_stop(struct raw *r)
{
	if (!r->running)
		return;
	r->running = false;
	if (r->opt.process) {
		CHECK_OK(waitpid(r->pid, NULL, 0));
		return;
	}
	CHECK(!pthread_join(r->thread, NULL));
	close_nodes(r);
	close(r->fd);
	r->fd = -1;
}

/* The daemon dies: only for a server in a process, which alone holds the device */
void raw_kill(struct raw *r)
{
	CHECK(r->opt.process);
	CHECK_OK(kill(r->pid, SIGKILL));
	CHECK_OK(waitpid(r->pid, NULL, 0));
	r->running = false;
}

/* By the control file */
void raw_abort(struct raw *r)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%d/abort", r->conn);
	fd = (int)CHECK_OK(open(path, O_WRONLY | O_CLOEXEC));
	CHECK_EQ(write(fd, "1", 1), 1);
	close(fd);
}

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A daemon for tests on the kernel that runs, in this process: two names for
 * one file below, "passed" that has a backing and "served" that never has.
 */
#ifndef TEST_DAEMON_H
#define TEST_DAEMON_H

#define FUSE_USE_VERSION 314
#include "fusept.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define BASE   "/tmp" /* a tmpfs of the test's own */
#define DIR    BASE "/mnt"
#define PASSED DIR "/passed"
#define SERVED DIR "/served"
#define BELOW  BASE "/below"
#define SIZE   (256 * 1024)

struct daemon {
	struct fuse_session *se;
	struct fusept_session *session;
	struct fusept_backing *backing;
	int file; /* BELOW */
	atomic_int reads, writes, getxattrs;
	pthread_t loop;
	bool serving;
	unsigned int threads; /* of our loop; 0: by libfuse's */
	int loop_result;      /* of our loop, when it is over */
};

/* Skip the test without root or /dev/fuse; else get a mount namespace for it. */
void daemon_prepare(void);
void daemon_mount(struct daemon *d);
/* The same with handlers of the test's own; their userdata is d. */
void daemon_mount_with(struct daemon *d, const struct fuse_lowlevel_ops *ops);
/* All of the above and fusept_session_new(). */
void daemon_start(struct daemon *d, const struct fusept_session_options *options);
void daemon_serve(struct daemon *d);
/* The same by fusept_session_loop() with so many threads. */
void daemon_serve_by(struct daemon *d, unsigned int threads);
void daemon_unmount(struct daemon *d);
void daemon_finish(struct daemon *d);

#endif

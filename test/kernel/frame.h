/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* frame.h - what is done around each case, in its own process */
#ifndef FRAME_H
#define FRAME_H

#include "ktest.h"

#define FUSE_CONTROL "/sys/fs/fuse/connections"

/* Once, before all cases: the control file system, and memory to share with them */
void *frame_prepare(size_t shared);

void frame_run(const struct ktest_case *kc, const char *dir);
void frame_show_stacks(pid_t group);

/* Unmounts; what is let go of late (an RCU grace period, a work item) is waited for */
void frame_umount(const char *path);

/* Has the kernel forget the names and inodes of the mount that nobody uses */
void frame_drop_names(struct raw *r);

void frame_overlay(struct raw *r, const char *lower, char *over, size_t size);

/* opt NULL: not mounted yet */
struct raw *frame_second(struct raw *r, const char *src,
			 const struct raw_options *opt);
void frame_second_end(struct raw *second);

#endif

/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* frame.h - what is done around each case, in its own process */
#ifndef FRAME_H
#define FRAME_H

#include "ktest.h"

void frame_run(const struct ktest_case *kc, const char *dir);
void frame_show_stacks(pid_t group);

/* Unmounts; what is let go of late (an RCU grace period, a work item) is waited for */
void frame_umount(const char *path);

#endif

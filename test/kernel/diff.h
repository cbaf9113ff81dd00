/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * diff.h - do the same through the mount and below, and compare
 *
 * A script works in the current folder, which holds a fresh tree (tree.h), and
 * notes what each call gives. It runs once in a tree seen through the mount and
 * once in its twin, natively: the notes and what is left must be the same.
 */
#ifndef DIFF_H
#define DIFF_H

#include "ktest.h"
#include "tree.h"

struct log;

struct who {
	const char *name;
	uid_t uid;
	gid_t gid;
	int ngroups;
	gid_t groups[4];
	bool no_caps;		/* root without any capability */
	bool userns;		/* root of a user namespace, .uid outside */
};

struct script {
	struct ktest_case kc;
	void (*run)(struct log *l);
	uint64_t needs;		/* only meant for masks that have all of these */
	const struct who *who;	/* NULL: root */
	struct script *next;
};

void script_add(struct script *s);
void script_case(struct raw *r);
extern struct script *script_first;

/* SCRIPT(group, id, .needs = ...) { body }: a script and its case, "group.id" */
#define SCRIPT(group, id, ...)						\
	static void group##_##id(struct log *l);			\
	static struct script group##_##id##_script = {			\
		.kc = { .name = #group "." #id, .run = script_case,	\
			.opt = { .ops = RAW_ALL, .wide = true } },	\
		.run = group##_##id, ##__VA_ARGS__			\
	};								\
	__attribute__((constructor)) static void group##_##id##_add(void) \
	{								\
		script_add(&group##_##id##_script);			\
	}								\
	static void group##_##id(struct log *l)

__attribute__((format(printf, 2, 3)))
void note(struct log *l, const char *fmt, ...);
long long note_call(struct log *l, const char *text, long long ret);
void note_data(struct log *l, const char *what, const void *data, size_t len);

/* Notes a call: its text and what it gives, with the errno's name. Gives the result */
#define NOTE(call) ({ errno = 0; note_call(l, #call, (long long)(call)); })

/* The same for a call whose result differs from run to run, as an fd or pointer */
#define NOTE_FD(call) ({						\
	errno = 0;							\
	int fd_ = (int)(call);						\
	note_call(l, #call, fd_ < 0 ? -1 : 0);				\
	fd_;								\
})

void diff(struct raw *r, const struct script *s, const struct who *who);

/* All scripts whose name matches and that make sense for the mask, as their users */
void diff_all(struct raw *r, const char *pattern, uint64_t ops);
void run_as(const struct who *who, void (*fn)(void *), void *arg);
void expect_no_requests(struct raw *r, uint64_t ops);
void expect_silence(struct raw *r);

#endif

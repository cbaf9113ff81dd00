/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fusept: what FUSE passthrough can do here, and what it does on a mount.
 *
 * A function that can fail returns 0 or -errno; a command returns the status of the
 * program.
 */
#ifndef TOOL_H
#define TOOL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define FUSE_USE_VERSION 314

#include <fusept.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define PRINTF(at, by) __attribute__((format(printf, at, by)))

/* No opcode's name is longer. */
#define NAME_WIDTH 20

/* Room for the text of any mask. */
#define OPS_TEXT 1024

enum status { STATUS_WELL = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* ---- args.c: the command line of one command ---- */
struct args {
	const char *path; /* NULL: not given */
	bool json;
	double interval;     /* seconds */
	unsigned long count; /* 0: without end */
	pid_t pid;	     /* 0: not given */
	int fd;		     /* -1: not given */
};

struct command {
	const char *name;
	const char *options; /* letters of those that it has */
	bool needs_path;
	int (*run)(const struct args *args);
	const char *usage;
};

/* A status, or -1: the command is to be run. */
int args_read(const struct command *command, int argc, char *argv[], struct args *args);

/* ---- text.c: what is said ---- */
/* What is wrong, in words. */
struct problem {
	char what[640];
	const char *expected;
	const char *todo;
};

void complain(const char *format, ...) PRINTF(1, 2);
/* The same, with what was expected and what to do. */
void complain_of(const char *path, const struct problem *problem);
void problem_print(const struct problem *problem, const char *indent, FILE *out);
/* "EPERM"; "" for 0.  err may be negative. */
const char *errno_name(int err);
void json_string(const char *text, FILE *out);
/* Text that goes to a terminal: what could control that is written as \ooo. */
void print_safely(const char *text, FILE *out);
/* The kernel's \ooo are what they stand for, in place. */
void unescape(char *text);

/* ---- mounts.c: whose figures are wanted ---- */
struct mount {
	unsigned int connection; /* the kernel's number of it */
	char type[32];		 /* of the file system, "" if it is not known */
};

int mount_find(const char *path, struct mount *mount);
/* Also if the type is not known. */
bool mount_is_fuse(const struct mount *mount);
/* How many FUSE file systems are mounted; 0: nobody knows. */
size_t mount_count(void);
/* Says why fusept_counters_read() gave err for path. */
void explain_counters(const char *path, int err);

/* ---- fdinfo.c: what the kernel tells of a descriptor of the FUSE device ---- */
struct registered {
	int id;
	uint64_t mask;
	unsigned int inodes;
	char *path; /* as the kernel writes it, with \ooo */
};

struct fdinfo {
	bool named;		 /* is the connection told? */
	unsigned int connection; /* if so */
	struct registered *files;
	size_t count;
};

int fdinfo_read(pid_t pid, int fd, struct fdinfo *info);
void fdinfo_clear(struct fdinfo *info);
bool fdinfo_same(const struct fdinfo *a, const struct fdinfo *b);

/* ---- devices.c: descriptors of the FUSE device ---- */
struct device {
	pid_t pid;
	int fd;
	struct fdinfo info;
};

struct devices {
	struct device *list;
	size_t count;
	size_t hidden; /* processes that we may not look at */
	bool named;    /* does this kernel tell connections? */
};

/* Those of a process, or of all if pid is 0.  -ESRCH: there is no such process. */
int devices_find(pid_t pid, struct devices *devices);
void devices_clear(struct devices *devices);

/* ---- facts.c: what can be seen without trying ---- */
struct facts {
	char release[80];
	char config[8]; /* CONFIG_FUSE_PASSTHROUGH: "y", "n", "unknown" */
	int device;	/* 0 or -errno of opening /dev/fuse */
	bool admin;	/* CAP_SYS_ADMIN in the effective set */
	bool initial;	/* in the initial user namespace */
};

void facts_find(struct facts *facts);

/* ---- trial.c: a mount of our own ---- */
enum trial_step {
	TRIAL_FOLDER,
	TRIAL_NAMESPACE,
	TRIAL_MOUNT,
	TRIAL_SESSION,
	TRIAL_FILE,
	TRIAL_REGISTER,
	TRIAL_DONE
};

struct trial {
	enum trial_step step; /* that was begun last */
	int err;	      /* of it; -ETIMEDOUT: it had no end, -ECHILD: it crashed */
	/* from TRIAL_FILE on */
	enum fusept_level level;
	int reason;
	uint64_t ops;
	char said[200]; /* by libfuse */
};

#define TRIAL_SECONDS 10

/* Where temporary files go. */
const char *trial_folder(void);
/* Whether a file at path can be registered, counting as depth layers. */
void trial_run(const char *path, unsigned int depth, struct trial *trial);

/* ---- problems.c: what is missing ---- */
struct probe {
	const char *path;
	struct facts facts;
	struct trial trial; /* with depth 1 */
	unsigned int depth; /* with which a file can be registered; 0: with none */
	struct problem problems[8];
	size_t problem_count;
};

void problems_find(struct probe *probe);

/* ---- commands ---- */
int cmd_probe(const struct args *args);
int cmd_stat(const struct args *args);
int cmd_top(const struct args *args);
int cmd_list(const struct args *args);

#endif

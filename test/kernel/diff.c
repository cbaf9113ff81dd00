// SPDX-License-Identifier: LGPL-2.1-or-later
/* diff.c - run a script through the mount and natively, compare */
#include <fcntl.h>
#include <fnmatch.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"

struct log {
	size_t len;
	char text[64 * 1024];
};

struct script *script_first;
static struct script **script_last = &script_first;

void script_add(struct script *s)
{
	s->kc.arg = (intptr_t)s;
	if (!s->kc.run)
		s->kc.run = script_case;
	*script_last = s;
	script_last = &s->next;
	ktest_add(&s->kc);
}

void note(struct log *l, const char *fmt, ...)
{
	size_t left = sizeof(l->text) - l->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, left, fmt, ap);
	va_end(ap);
	CHECK(n >= 0 && (size_t)n + 1 < left);
	l->len += (size_t)n;
	l->text[l->len++] = '\n';
	l->text[l->len] = 0;
}

long long note_call(struct log *l, const char *text, long long ret)
{
	int err = errno;

	if (ret == -1)
		note(l, "%s: %s", text, err ? strerrorname_np(err) : "-1");
	else
		note(l, "%s: %lld", text, ret);
	errno = err;
	return ret;
}

void note_data(struct log *l, const char *what, const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t hash = 14695981039346656037ULL;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 1099511628211ULL;
	note(l, "%s: %zu bytes, %016llx", what, len, (unsigned long long)hash);
}

static void drop_caps(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct d[2] = { { 0 } };

	CHECK_OK(syscall(SYS_capset, &h, d));
}

static void put_proc(const char *path, const char *text)
{
	int fd = (int)CHECK_OK(open(path, O_WRONLY | O_CLOEXEC));

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Root there, with every capability there, and an ordinary user outside */
static void enter_userns(const struct who *who)
{
	char map[64];

	CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
	CHECK_OK(unshare(CLONE_NEWUSER));
	put_proc("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", who->gid);
	put_proc("/proc/self/gid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", who->uid);
	put_proc("/proc/self/uid_map", map);
}

static void become(const struct who *who)
{
	if (!who)
		return;
	CHECK_OK(setgroups((size_t)who->ngroups, who->groups));
	CHECK_OK(setresgid(who->gid, who->gid, who->gid));
	if (who->uid)
		CHECK_OK(setresuid(who->uid, who->uid, who->uid));
	if (who->userns)
		enter_userns(who);
	if (who->no_caps)
		drop_caps();
}

/* In a process of its own */
void run_as(const struct who *who, void (*fn)(void *), void *arg)
{
	pid_t pid = (pid_t)CHECK_OK(fork());
	int status;

	if (!pid) {
		become(who);
		fn(arg);
		_exit(EXIT_SUCCESS);
	}
	CHECK_OK(waitpid(pid, &status, 0));
	if (status)
		FAIL("as %s: status 0x%x", who ? who->name : "root", status);
}

struct job {
	const struct script *script;
	struct log *log;
};

static void run_script(void *arg)
{
	const struct job *job = arg;

	umask(022);
	job->script->run(job->log);
}

static struct log *run_in(const char *dir, const struct script *s,
			  const struct who *who)
{
	struct job job = { .script = s };
	struct log *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(l != MAP_FAILED);
	job.log = l;
	CHECK_OK(chdir(dir));
	run_as(who, run_script, &job);
	CHECK_OK(chdir("/"));
	return l;
}

static void compare_logs(const struct script *s, const struct who *who,
			 const struct log *a, const struct log *b)
{
	const char *x = a->text, *y = b->text;

	while (*x || *y) {
		size_t nx = strcspn(x, "\n"), ny = strcspn(y, "\n");

		if (nx != ny || strncmp(x, y, nx))
			FAIL("%s as %s: \"%.*s\", natively \"%.*s\"",
			     s->kc.name, who ? who->name : "root", (int)nx, x,
			     (int)ny, y);
		x += nx + (x[nx] == '\n');
		y += ny + (y[ny] == '\n');
	}
}

/* One tree through the mount, its twin natively */
void diff(struct raw *r, const struct script *s, const struct who *who)
{
	static int serial;
	char m[32], n[32];
	struct log *through, *native;

	snprintf(m, sizeof(m), "m%d", ++serial);
	snprintf(n, sizeof(n), "n%d", serial);
	tree_make(S(r, m));
	tree_make(S(r, n));
	through = run_in(M(r, m), s, who);
	native = run_in(S(r, n), s, who);
	compare_logs(s, who, through, native);
	same_tree(S(r, m), S(r, n));
	same_all(M(r, m), S(r, m));
	munmap(through, sizeof(*through));
	munmap(native, sizeof(*native));
	tree_remove(S(r, n));
}

void diff_all(struct raw *r, const char *pattern, uint64_t ops)
{
	int n = 0;

	for (const struct script *s = script_first; s; s = s->next) {
		if ((s->needs & ~ops) || fnmatch(pattern, s->kc.name, 0))
			continue;
		diff(r, s, s->who);
		n++;
	}
	CHECK(n > 0);
}

/* What is in the mask must not have been asked of the daemon */
void expect_no_requests(struct raw *r, uint64_t ops)
{
	raw_barrier(r);
	for (int op = 1; op < RAW_OPCODES; op++)
		if ((ops & FUSE_PASSTHROUGH_OP(op)) && raw_count(r, op))
			FAIL("the daemon got %llu %s",
			     (unsigned long long)raw_count(r, op),
			     raw_opcode_name(op));
}

/* Nothing at all was asked of the daemon */
void expect_silence(struct raw *r)
{
	expect_no_requests(r, ~OP(INIT));
}

/* The case of a script: everything the kernel can pass is passed */
void script_case(struct raw *r)
{
	const struct script *s = (const struct script *)ktest_self->arg;

	raw_reset(r);
	diff(r, s, s->who);
	expect_no_requests(r, r->supported);
}

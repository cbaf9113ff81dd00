/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fusept list: what the daemon of a mount has registered. */
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is looked for, and in what. */
struct search {
	const struct args *args;
	struct mount mount;
	struct devices devices;
	int counters; /* of fusept_counters_read() */
};

/* ---- which descriptor ---- */

static bool is_named_so(const struct search *s, const struct device *device)
{
	return device->info.named && device->info.connection == s->mount.connection;
}

/*
 * May it be the one?  Where the kernel tells connections, a descriptor without is not
 * mounted.
 */
static bool is_candidate(const struct search *s, const struct device *device)
{
	if (s->args->fd >= 0 && device->fd != s->args->fd)
		return false;
	return s->devices.named ? is_named_so(s, device) : true;
}

static struct device *first_candidate(struct search *s)
{
	for (size_t i = 0; i < s->devices.count; i++)
		if (is_candidate(s, &s->devices.list[i]))
			return &s->devices.list[i];
	return NULL;
}

/* Descriptors of one mount tell the same: a daemon may have one for each thread. */
static bool all_the_same(struct search *s, const struct device *first)
{
	for (size_t i = 0; i < s->devices.count; i++) {
		const struct device *device = &s->devices.list[i];

		if (is_candidate(s, device) &&
		    (device->pid != first->pid || !fdinfo_same(&device->info, &first->info)))
			return false;
	}
	return true;
}

/*
 * Is it certain that this is the daemon's?  The kernel says so; or the user does; or there
 * is but one mount, and one process that can be its daemon.
 */
static bool is_certain(struct search *s, const struct device *first)
{
	if (s->devices.named)
		return true;
	if (!all_the_same(s, first))
		return false;
	return s->args->pid || (mount_count() == 1 && !s->devices.hidden);
}

/* ---- why there is none ---- */

static void describe_none(const struct search *s, char *what, size_t size)
{
	const struct args *args = s->args;

	if (args->pid && args->fd >= 0)
		snprintf(what, size, "descriptor %d of process %d is not one of this mount",
			 args->fd, args->pid);
	else if (args->pid)
		snprintf(what, size,
			 "process %d has no descriptor of /dev/fuse that is one of this mount",
			 args->pid);
	else if (s->devices.hidden)
		snprintf(what, size,
			 "no process has a descriptor of /dev/fuse that is one of this mount, but "
			 "%zu may not be looked at",
			 s->devices.hidden);
	else
		snprintf(what, size,
			 "no process has a descriptor of /dev/fuse that is one of this mount");
}

static void complain_none(const struct search *s)
{
	struct problem problem = {
		.expected = "a daemon that runs, and the right to look at it",
		.todo = "start the daemon if it is gone; else run this as root, outside of "
			"containers",
	};

	describe_none(s, problem.what, sizeof(problem.what));
	if (s->args->pid) {
		problem.expected = "the process that serves this mount";
		problem.todo = "leave --pid and --fd away, or name another process";
	}
	complain_of(s->args->path, &problem);
}

static void print_command(pid_t pid, FILE *out)
{
	char name[32], command[32] = "?";
	FILE *in;

	snprintf(name, sizeof(name), "/proc/%d/comm", pid);
	in = fopen(name, "re");
	if (in && fgets(command, sizeof(command), in))
		command[strcspn(command, "\n")] = '\0';
	if (in)
		fclose(in);
	print_safely(command, out);
}

static void complain_several(struct search *s)
{
	struct problem problem = {
		.expected = "--pid PID, and --fd FD if a process has several",
		.todo = "name one of these:",
	};

	snprintf(problem.what, sizeof(problem.what),
		 "its daemon can't be told from others: this kernel does not say which mount a "
		 "descriptor of /dev/fuse is of");
	if (s->devices.hidden)
		problem.todo = "run it as root to see all, or name one of these:";
	complain_of(s->args->path, &problem);
	for (size_t i = 0; i < s->devices.count; i++) {
		const struct device *device = &s->devices.list[i];

		if (!is_candidate(s, device))
			continue;
		fprintf(stderr, "    --pid %d --fd %d   ", device->pid, device->fd);
		print_command(device->pid, stderr);
		fprintf(stderr, ", %zu files\n", device->info.count);
	}
}

static void complain_error(const struct search *s, int err)
{
	struct problem problem = {
		.expected = "to read /proc/PID/fd and /proc/PID/fdinfo",
		.todo = "run it as root; see what the error says",
	};

	snprintf(problem.what, sizeof(problem.what), "%s", strerror(-err));
	if (err == -ESRCH) {
		snprintf(problem.what, sizeof(problem.what), "there is no process %d",
			 s->args->pid);
		problem.expected = "the number of a process that runs";
		problem.todo = "leave --pid away";
	} else if (err == -EPROTO) {
		snprintf(problem.what, sizeof(problem.what),
			 "the kernel says of a descriptor what this program does not understand");
		problem.todo = "use the libfusept that belongs to this kernel's patches";
	}
	complain_of(s->args->path, &problem);
}

/* ---- what is said of it ---- */

static void print_ops(uint64_t mask)
{
	char text[OPS_TEXT];

	fusept_ops_format(mask, text, sizeof(text));
	fputs(text, stdout);
}

static void print_json(const struct search *s, struct device *device)
{
	printf("{\"connection\":%u,\"pid\":%d,\"fd\":%d,\"files\":[", s->mount.connection,
	       device->pid, device->fd);
	for (size_t i = 0; i < device->info.count; i++) {
		struct registered *file = &device->info.files[i];

		unescape(file->path);
		printf("%s{\"id\":%d,\"inodes\":%u,\"mask\":\"%#" PRIx64 "\",\"ops\":\"",
		       i ? "," : "", file->id, file->inodes, file->mask);
		print_ops(file->mask);
		fputs("\",\"path\":", stdout);
		json_string(file->path, stdout);
		putchar('}');
	}
	puts("]}");
}

/* Was this mask already seen?  There are few, so the search ends soon. */
static bool is_new_mask(const struct fdinfo *info, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (info->files[i].mask == info->files[at].mask)
			return false;
	return true;
}

static void print_table(const struct device *device)
{
	const struct fdinfo *info = &device->info;

	printf("%8s %8s %-18s %s\n", "id", "inodes", "mask", "path");
	for (size_t i = 0; i < info->count; i++) {
		const struct registered *file = &info->files[i];

		printf("%8d %8u %#-18" PRIx64 " ", file->id, file->inodes, file->mask);
		print_safely(file->path, stdout);
		putchar('\n');
	}
	for (size_t i = 0; i < info->count; i++) {
		if (!is_new_mask(info, i))
			continue;
		printf("\n%#" PRIx64 ": ", info->files[i].mask);
		print_ops(info->files[i].mask);
		putchar('\n');
	}
}

/* Nothing is registered; or it is, and this kernel does not tell. */
static int show_nothing(const struct search *s)
{
	if (!s->counters && !s->args->json)
		puts("\nNo files: the kernel tells of them where the daemon has the level \"ops\", "
		     "and\nkeeps those that have an id.");
	if (s->counters)
		explain_counters(s->args->path, s->counters);
	return s->counters ? STATUS_FAILED : STATUS_WELL;
}

static int show(const struct search *s, struct device *device)
{
	if (!device->info.count && s->counters)
		return show_nothing(s);
	if (s->args->json)
		print_json(s, device);
	else
		print_table(device);
	return device->info.count ? STATUS_WELL : show_nothing(s);
}

static int find_and_show(struct search *s)
{
	int err = devices_find(s->args->pid, &s->devices);
	struct device *device;

	if (err) {
		complain_error(s, err);
		return STATUS_FAILED;
	}
	device = first_candidate(s);
	if (!device) {
		complain_none(s);
		return STATUS_FAILED;
	}
	if (!is_certain(s, device)) {
		complain_several(s);
		return STATUS_FAILED;
	}
	return show(s, device);
}

/* A kernel that does not count does not tell of files either: both are of the patches. */
static void complain_kernel(const struct args *args)
{
	struct problem problem = {
		.what = "this kernel does not tell which files are registered",
		.expected = "a kernel with the patches of libfusept",
		.todo = "boot such a kernel",
	};

	complain_of(args->path, &problem);
}

int cmd_list(const struct args *args)
{
	struct fusept_counters counters;
	struct search s = {.args = args};
	int status, err = mount_find(args->path, &s.mount);

	s.counters = fusept_counters_read(args->path, &counters);
	if (err || !mount_is_fuse(&s.mount)) {
		explain_counters(args->path, err ? err : -ENODEV);
		return STATUS_FAILED;
	}
	if (s.counters == -EOPNOTSUPP) {
		complain_kernel(args);
		return STATUS_FAILED;
	}
	status = find_and_show(&s);
	devices_clear(&s.devices);
	return status;
}

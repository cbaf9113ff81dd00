// SPDX-License-Identifier: LGPL-2.1-or-later
/* control.c - ioctls, poll and syncfs: the same as natively, with what is below */
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

static const struct who owner = { .name = "owner", .uid = TREE_UID, .gid = TREE_GID };
static const struct who other = { .name = "other", .uid = 2003, .gid = 2003 };

static void note_flags(struct log *l, int fd)
{
	struct fsxattr x = { };
	int flags = 0;

	if (NOTE(ioctl(fd, FS_IOC_GETFLAGS, &flags)) == 0)
		note(l, "flags %x", (unsigned int)flags);
	if (NOTE(ioctl(fd, FS_IOC_FSGETXATTR, &x)) == 0)
		note(l, "xflags %x extsize %u extents %u project %u", x.fsx_xflags,
		     x.fsx_extsize, x.fsx_nextents, x.fsx_projid);
}

static void set_flags(struct log *l, int fd, int flags)
{
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	note_flags(l, fd);
}

SCRIPT(control, flags)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	int dir = NOTE_FD(open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int flags;

	note_flags(l, fd);
	note_flags(l, dir);
	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	set_flags(l, fd, flags | FS_NODUMP_FL);
	set_flags(l, dir, FS_NODUMP_FL);
	set_flags(l, fd, flags | FS_APPEND_FL);
	NOTE(pwrite(fd, "x", 1, 0));
	NOTE(truncate("file", 0));
	NOTE(open("file", O_WRONLY));
	set_flags(l, fd, flags | FS_IMMUTABLE_FL);
	NOTE(open("file", O_WRONLY | O_APPEND));
	NOTE(chmod("file", 0600));
	NOTE(unlink("file"));
	set_flags(l, fd, flags);
	NOTE(pwrite(fd, "x", 1, 0));
	NOTE(ioctl(fd, FS_IOC_SETFLAGS, NULL));
	close(dir);
	close(fd);
}

SCRIPT(control, xflags)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	struct fsxattr x = { };

	NOTE(ioctl(fd, FS_IOC_FSGETXATTR, &x));
	x.fsx_xflags |= FS_XFLAG_NODUMP;
	NOTE(ioctl(fd, FS_IOC_FSSETXATTR, &x));
	note_flags(l, fd);
	x.fsx_projid = 7;
	NOTE(ioctl(fd, FS_IOC_FSSETXATTR, &x));
	note_flags(l, fd);
	x.fsx_xflags |= FS_XFLAG_DAX;
	NOTE(ioctl(fd, FS_IOC_FSSETXATTR, &x));
	close(fd);
}

static void change_flags(struct log *l, const char *name)
{
	int fd = NOTE_FD(open(name, O_RDONLY | O_CLOEXEC)), flags = 0;

	NOTE(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	set_flags(l, fd, flags | FS_NODUMP_FL);
	set_flags(l, fd, flags | FS_APPEND_FL);
	set_flags(l, fd, flags | FS_IMMUTABLE_FL);
	close(fd);
}

SCRIPT(control, flags_as_owner, .who = &owner)
{
	change_flags(l, "file");
}

SCRIPT(control, flags_as_other, .who = &other)
{
	change_flags(l, "file");
}

/* What a descriptor of a special file can do is not the file system's */
SCRIPT(control, special)
{
	int fd = NOTE_FD(open("fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC)), n = 7;

	NOTE(ioctl(fd, FIONREAD, &n));
	note(l, "%d to read", n);
	NOTE(ioctl(fd, FS_IOC_GETFLAGS, &n));
	close(fd);
}

SCRIPT(control, version)
{
	int fd = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	char label[FSLABEL_MAX] = "none";
	int version = 0;

	/* a number that each file has another of */
	if (NOTE(ioctl(fd, FS_IOC_GETVERSION, &version)) == 0)
		note(l, "there is %s", version ? "one" : "none");
	if (NOTE(ioctl(fd, FS_IOC_GETFSLABEL, label)) == 0)
		note(l, "label %s", label);
	close(fd);
}

KTEST(control, version_below, .opt.ops = RAW_ALL)
{
	int above = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	int below = (int)CHECK_OK(open(S(r, "file"), O_RDONLY | O_CLOEXEC));
	int got = 0, want = 0, ret;

	ret = ioctl(below, FS_IOC_GETVERSION, &want);
	CHECK_EQ(ioctl(above, FS_IOC_GETVERSION, &got), ret);
	CHECK_EQ(got, want);
	close(above);
	close(below);
}

enum { EXTENTS = 8 };

/* Where extents are differs, but neither how long they are nor what they are */
static void note_extents(struct log *l, int fd, uint64_t start, unsigned int flags)
{
	_Alignas(struct fiemap) char room[sizeof(struct fiemap) +
					  EXTENTS * sizeof(struct fiemap_extent)] = "";
	struct fiemap *map = (struct fiemap *)room;

	map->fm_start = start;
	map->fm_length = FIEMAP_MAX_OFFSET - start;
	map->fm_flags = flags;
	map->fm_extent_count = EXTENTS;
	if (NOTE(ioctl(fd, FS_IOC_FIEMAP, map)) < 0) {
		note(l, "flags %x", map->fm_flags);
		return;
	}
	for (unsigned int i = 0; i < map->fm_mapped_extents && i < EXTENTS; i++)
		note(l, "%llu+%llu %x", (unsigned long long)map->fm_extents[i].fe_logical,
		     (unsigned long long)map->fm_extents[i].fe_length,
		     map->fm_extents[i].fe_flags);
}

SCRIPT(control, extents)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	int dir = NOTE_FD(open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	NOTE(ftruncate(fd, 0));
	NOTE(pwrite(fd, "x", 1, 0));
	NOTE(fsync(fd));
	NOTE(pwrite(fd, "x", 1, 1 << 20));
	note_extents(l, fd, 0, FIEMAP_FLAG_SYNC);
	note_extents(l, fd, 4096, 0);
	note_extents(l, fd, 0, 0x1000);
	note_extents(l, dir, 0, 0);
	close(dir);
	close(fd);
}

static int unknown_ioctl(struct raw_req *q)
{
	(void)q;
	return -EDOM;
}

/* Holes of data that the daemon serves are its own */
KTEST(control, extents_of_served, .opt.ops = RAW_ALL & ~OP(READ))
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	struct fiemap map = { .fm_length = FIEMAP_MAX_OFFSET };

	CHECK_ERRNO(ioctl(fd, FS_IOC_FIEMAP, &map), EOPNOTSUPP);
	close(fd);
}

/* All others are the daemon's, who may have some of his own */
KTEST(control, of_the_daemon, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC)), arg = 0;

	r->before[FUSE_IOCTL] = unknown_ioctl;
	CHECK_ERRNO(ioctl(fd, FITRIM, &arg), EDOM);
	CHECK_EQ(raw_count(r, FUSE_IOCTL), 1);
	close(fd);
}

/* A held descriptor, whose file is somebody else's by now */
static void may_not_set(void *arg)
{
	int flags = FS_NODUMP_FL;

	CHECK_ERRNO(ioctl(*(int *)arg, FS_IOC_SETFLAGS, &flags), EPERM);
}

KTEST(control, given_away, .opt.ops = RAW_ALL, .opt.wide = true)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));

	CHECK_OK(chown(S(r, "file"), other.uid, other.gid));
	same_stat(M(r, "file"), S(r, "file"));
	CHECK_OK(chown(S(r, "file"), 0, 0));
	run_as(&other, may_not_set, &fd);
	close(fd);
}

KTEST(control, ioctl_after_abort, .opt.ops = RAW_ALL, .flags = KT_DEAD)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC)), flags = 0;
	struct fiemap map = { .fm_length = FIEMAP_MAX_OFFSET };
	struct pollfd p = { .fd = fd, .events = POLLIN };

	raw_abort(r);
	CHECK_ERRNO(ioctl(fd, FS_IOC_GETFLAGS, &flags), ENOTCONN);
	CHECK_ERRNO(ioctl(fd, FS_IOC_SETFLAGS, &flags), ENOTCONN);
	CHECK_ERRNO(ioctl(fd, FS_IOC_FIEMAP, &map), ENOTCONN);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_ERRNO(syncfs(fd), ENOTCONN);
	close(fd);
}

KTEST(control, read_only_below, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC)), flags = 0;

	CHECK_OK(mount(NULL, r->src, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
	CHECK_ERRNO(ioctl(fd, FS_IOC_SETFLAGS, &flags), EROFS);
	CHECK_OK(mount(NULL, r->src, NULL, MS_BIND | MS_REMOUNT, NULL));
	CHECK_OK(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	close(fd);
}

SCRIPT(control, poll_ready)
{
	int fd = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };

	NOTE(poll(&p, 1, -1));
	note(l, "%x", (unsigned int)p.revents);
	close(fd);
}

/* A file that is not always ready: it tells of the first process in a group */
static int poll_group(int fd, int timeout)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	char text[256];
	int ret = (int)CHECK_OK(poll(&p, 1, timeout));

	if (ret)
		CHECK(p.revents & POLLPRI);
	CHECK(pread(fd, text, sizeof(text), 0) > 0);
	return ret;
}

KTEST(control, poll_wakes, .opt.ops = RAW_ALL)
{
	static const struct raw_options all = { .ops = RAW_ALL, .wide = true };
	const char *group = "/sys/fs/cgroup/fusept-poll";
	struct raw *second;
	char text[256];
	int fd, go[2];
	pid_t pid;

	CHECK_OK(mkdir(group, 0755));
	second = frame_second(r, group, &all);
	fd = (int)CHECK_OK(open(M(second, "cgroup.events"), O_RDONLY | O_CLOEXEC));
	CHECK(pread(fd, text, sizeof(text), 0) > 0);
	CHECK_EQ(poll_group(fd, 0), 0);
	CHECK_OK(pipe2(go, O_CLOEXEC));
	pid = (pid_t)CHECK_OK(fork());
	if (!pid) {
		close(go[1]);
		put_file("/sys/fs/cgroup/fusept-poll/cgroup.procs", "0", 1);
		_exit(read(go[0], text, 1) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	CHECK_EQ(poll_group(fd, -1), 1);
	close(go[0]);
	close(go[1]);
	CHECK_EQ(poll_group(fd, -1), 1);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	expect_no_requests(second, second->supported);
	close(fd);
	frame_second_end(second);
	CHECK_OK(rmdir(group));
}

/* Sectors written so far to the device that a folder is on; 0 if it is on none */
static unsigned long long sectors_written(const char *path)
{
	unsigned long long written = 0;
	struct stat st;
	char stat_file[64];
	FILE *f;

	CHECK_OK(stat(path, &st));
	snprintf(stat_file, sizeof(stat_file), "/sys/dev/block/%u:%u/stat",
		 major(st.st_dev), minor(st.st_dev));
	f = fopen(stat_file, "re");
	if (!f)
		return 0;
	CHECK_EQ(fscanf(f, "%*u %*u %*u %*u %*u %*u %llu", &written), 1);
	fclose(f);
	return written;
}

enum { DIRTY = 4 << 20 };

KTEST(control, syncfs, .opt.ops = RAW_ALL)
{
	char *buf = calloc(1, DIRTY);
	unsigned long long before;
	int fd;

	CHECK(buf);
	fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	CHECK_OK(syncfs(fd));
	before = sectors_written(r->src);
	CHECK_EQ(write(fd, buf, DIRTY), DIRTY);
	CHECK_OK(syncfs(fd));
	if (before)
		CHECK(sectors_written(r->src) - before >= DIRTY / 512);
	expect_no_requests(r, r->supported);
	close(fd);
	free(buf);
}

/* Two file systems below, and more files of each than one */
KTEST(control, syncfs_of_two, .opt.ops = RAW_ALL)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	int shm = (int)CHECK_OK(open("/dev/shm", O_PATH | O_CLOEXEC));
	int id = raw_backing_open(r->fd, shm, r->supported);

	CHECK(id > 0);
	CHECK_OK(access(M(r, "good"), F_OK));
	CHECK_OK(syncfs(fd));
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
	CHECK_OK(syncfs(fd));
	close(shm);
	close(fd);
}

KTEST(control, syncfs_without, .opt.ops = RAW_ALL & ~OP(SYNCFS))
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));

	CHECK_OK(syncfs(fd));
	close(fd);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/* io.c - reading and writing open files: the same as natively */
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "diff.h"

static void *volatile bad_address = (void *)1;

SCRIPT(io, read)
{
	static char buf[80000];
	int fd = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	struct iovec v[3] = { { buf, 10 }, { buf + 10, 0 }, { buf + 10, 100 } };

	NOTE(read(fd, buf, 100));
	NOTE(read(fd, buf + 100, sizeof(buf) - 100));
	note_data(l, "all", buf, TREE_FILE_SIZE);
	NOTE(read(fd, buf, 1));
	NOTE(pread(fd, buf, 5000, 4090));
	note_data(l, "middle", buf, 5000);
	NOTE(pread(fd, buf, 5000, TREE_FILE_SIZE - 5));
	NOTE(pread(fd, buf, 5000, TREE_FILE_SIZE + 5));
	NOTE(pread(fd, buf, 10, -1));
	NOTE(pread(fd, bad_address, 10, 0));
	NOTE(pread(fd, buf, 0, 0));
	NOTE(preadv(fd, v, 3, 4000));
	note_data(l, "vector", buf, 110);
	NOTE(write(fd, "x", 1));
	NOTE(lseek(fd, 0, SEEK_CUR));
	close(fd);
}

SCRIPT(io, write)
{
	static char buf[300000];
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	struct iovec v[2] = { { buf, 10 }, { buf + 3000, 4000 } };

	fill_pattern(buf, sizeof(buf), 99);
	NOTE(write(fd, buf, 10));
	NOTE(write(fd, buf, sizeof(buf)));
	NOTE(pwrite(fd, buf, 4096, 4095));
	NOTE(pwritev(fd, v, 2, 200000));
	NOTE(pwrite(fd, "far", 3, 1000000));
	NOTE(pwrite(fd, bad_address, 3, 0));
	NOTE(pwrite(fd, buf, 0, 0));
	NOTE(pwrite(fd, buf, 1, -1));
	NOTE(lseek(fd, 0, SEEK_CUR));
	NOTE(lseek(fd, 0, SEEK_END));
	NOTE(read(fd, buf, 1));
	close(fd);
	fd = NOTE_FD(open("empty", O_WRONLY | O_CLOEXEC));
	NOTE(write(fd, "first", 5));
	NOTE(read(fd, buf, 1));
	close(fd);
}

SCRIPT(io, append)
{
	int a = NOTE_FD(open("good", O_WRONLY | O_APPEND | O_CLOEXEC));
	int b = NOTE_FD(open("good", O_RDWR | O_CLOEXEC));
	char buf[100];

	NOTE(write(a, "one", 3));
	NOTE(pwrite(b, "two", 3, 23));
	NOTE(write(a, "three", 5));
	NOTE(lseek(a, 0, SEEK_CUR));
	NOTE(pwrite(a, "four", 4, 0));
	NOTE(ftruncate(b, 5));
	NOTE(write(a, "five", 4));
	NOTE(pread(b, buf, sizeof(buf), 0));
	note_data(l, "good", buf, 9);
	close(a);
	close(b);
}

SCRIPT(io, vector_flags, .needs = OP(READ) | OP(WRITE))
{
	char buf[64] = "0123456789";
	struct iovec v = { buf, 10 };
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));

	NOTE(pwritev2(fd, &v, 1, -1, 0));
	NOTE(pwritev2(fd, &v, 1, 0, RWF_APPEND));
	NOTE(pwritev2(fd, &v, 1, 100, RWF_DSYNC));
	NOTE(pwritev2(fd, &v, 1, 200, RWF_SYNC));
	NOTE(preadv2(fd, &v, 1, 0, 0));
	NOTE(preadv2(fd, &v, 1, -1, RWF_HIPRI));
	NOTE(preadv2(fd, &v, 1, 0, 0x4000));
	NOTE(lseek(fd, 0, SEEK_CUR));
	close(fd);
}

SCRIPT(io, splice)
{
	int p[2], q[2], fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	loff_t off = 5000;
	char buf[16384];

	CHECK_OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
	CHECK_OK(pipe2(q, O_CLOEXEC | O_NONBLOCK));
	NOTE(splice(fd, &off, p[1], NULL, 8192, 0));
	note(l, "off %lld", (long long)off);
	NOTE(read(p[0], buf, sizeof(buf)));
	note_data(l, "spliced", buf, 8192);
	off = TREE_FILE_SIZE - 3;
	NOTE(splice(fd, &off, p[1], NULL, 8192, 0));
	NOTE(tee(p[0], q[1], 100, 0));
	off = 77;
	NOTE(splice(p[0], NULL, fd, &off, 100, 0));
	NOTE(write(p[1], buf, 6000));
	off = TREE_FILE_SIZE;
	NOTE(splice(p[0], NULL, fd, &off, 6000, 0));
	off = 0;
	NOTE(splice(p[0], NULL, fd, &off, 10, SPLICE_F_NONBLOCK));
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
	close(fd);
}

SCRIPT(io, sendfile)
{
	int in = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	int out = NOTE_FD(open("copy", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	off_t off = 100;

	NOTE(sendfile(out, in, &off, 30000));
	NOTE(sendfile(out, in, NULL, 1000000));
	NOTE(sendfile(out, in, NULL, 10));
	NOTE(lseek(in, 0, SEEK_CUR));
	NOTE(lseek(out, 0, SEEK_CUR));
	close(in);
	close(out);
}

SCRIPT(io, copy_file_range)
{
	int in = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	int out = NOTE_FD(open("copy", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	int same = NOTE_FD(open("shared", O_RDWR | O_CLOEXEC));
	loff_t a = 10, b = 20;

	NOTE(copy_file_range(in, &a, out, &b, 5000, 0));
	NOTE(copy_file_range(in, NULL, out, NULL, 100, 0));
	a = TREE_FILE_SIZE - 10;
	NOTE(copy_file_range(in, &a, out, NULL, 100, 0));
	NOTE(copy_file_range(in, &a, out, NULL, 100, 0));
	NOTE(copy_file_range(in, NULL, out, NULL, 100, 1));
	NOTE(copy_file_range(out, NULL, in, NULL, 100, 0));
	a = 0;
	b = 2500;
	NOTE(copy_file_range(same, &a, same, &b, 2500, 0));
	b = 10;
	NOTE(copy_file_range(same, &a, same, &b, 2500, 0));
	NOTE(lseek(in, 0, SEEK_CUR));
	NOTE(lseek(out, 0, SEEK_CUR));
	close(in);
	close(out);
	close(same);
}

SCRIPT(io, sync)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	int dir = NOTE_FD(open("dir", O_RDONLY | O_CLOEXEC));
	int ro = NOTE_FD(open("good", O_RDONLY | O_CLOEXEC));

	NOTE(write(fd, "x", 1));
	NOTE(fsync(fd));
	NOTE(fdatasync(fd));
	NOTE(sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE));
	NOTE(fsync(ro));
	NOTE(fsync(dir));
	NOTE(fdatasync(dir));
	NOTE(syncfs(fd));
	close(fd);
	close(dir);
	close(ro);
}

SCRIPT(io, fallocate)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	int ro = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	struct stat st;

	NOTE(fallocate(fd, 0, 0, 100000));
	NOTE(fallocate(fd, FALLOC_FL_KEEP_SIZE, 200000, 4096));
	NOTE(fstat(fd, &st));
	note(l, "%lld", (long long)st.st_size);
	NOTE(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192));
	NOTE(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
	NOTE(fallocate(fd, FALLOC_FL_ZERO_RANGE, 100, 5000));
	NOTE(fallocate(ro, 0, 0, 1));
	NOTE(fallocate(fd, 0, -1, 1));
	NOTE(fallocate(fd, 0, 0, 0));
	NOTE(fallocate(fd, 0x4000, 0, 1));
	NOTE(posix_fallocate(fd, 0, 150000));
	NOTE(fstat(fd, &st));
	note(l, "%lld", (long long)st.st_size);
	close(fd);
	close(ro);
}

SCRIPT(io, lseek)
{
	int fd = NOTE_FD(open("sparse", O_RDWR | O_CREAT | O_CLOEXEC, 0600));

	NOTE(ftruncate(fd, 1 << 20));
	NOTE(pwrite(fd, "island", 6, 512 * 1024));
	NOTE(lseek(fd, 0, SEEK_DATA));
	NOTE(lseek(fd, 0, SEEK_HOLE));
	NOTE(lseek(fd, 512 * 1024, SEEK_HOLE));
	NOTE(lseek(fd, 600 * 1024, SEEK_DATA));
	NOTE(lseek(fd, 2 << 20, SEEK_DATA));
	NOTE(lseek(fd, 2 << 20, SEEK_HOLE));
	NOTE(lseek(fd, -7, SEEK_END));
	NOTE(lseek(fd, 10, SEEK_CUR));
	NOTE(lseek(fd, -1, SEEK_SET));
	NOTE(lseek(fd, 0, 77));
	close(fd);
}

/* A FUSE file has no largest offset; the file below may have one */
SCRIPT(io, lseek_far, .needs = OP(LSEEK))
{
	int fd = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));

	NOTE(lseek(fd, INT64_MAX, SEEK_SET));
	NOTE(lseek(fd, INT64_MAX - 1, SEEK_SET));
	close(fd);
}

SCRIPT(io, limits)
{
	struct rlimit limit = { 3000, 3000 };
	int fd = NOTE_FD(open("shared", O_RDWR | O_CLOEXEC));
	char buf[2000] = { 0 };

	signal(SIGXFSZ, SIG_IGN);
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
	NOTE(pwrite(fd, buf, sizeof(buf), 2000));
	NOTE(pwrite(fd, buf, sizeof(buf), 3000));
	NOTE(truncate("empty", 4000));
	NOTE(truncate("empty", 3000));
	NOTE(ftruncate(fd, 6000));
	NOTE(fallocate(fd, 0, 0, 10000));
	close(fd);
}

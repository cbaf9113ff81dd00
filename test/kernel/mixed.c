// SPDX-License-Identifier: LGPL-2.1-or-later
/* mixed.c - a part passed through, a part with the daemon: one truth all the same */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "diff.h"

/* Writes here and there, and reads after each */
static void write_and_read(struct raw *r, int fd)
{
	static char want[TREE_FILE_SIZE], got[TREE_FILE_SIZE];
	int below = (int)CHECK_OK(open(S(r, "file"), O_RDWR | O_CLOEXEC));

	CHECK_EQ(get_file(S(r, "file"), want, sizeof(want)), sizeof(want));
	for (int i = 0; i < 20; i++) {
		off_t at = (i * 7919) % (TREE_FILE_SIZE - 5000);
		size_t len = (size_t)(i * 251) % 5000 + 1;

		fill_pattern(want + at, len, (unsigned int)i);
		CHECK_EQ(pwrite(i % 3 ? fd : below, want + at, len, at), len);
		CHECK_EQ(pread(i % 2 ? fd : below, got, sizeof(got), 0),
			 sizeof(got));
		if (memcmp(got, want, sizeof(want)))
			FAIL("step %d reads something else", i);
	}
	close(below);
	same_stat(M(r, "file"), S(r, "file"));
}

static void expect_data(struct raw *r, bool read_asked, bool write_asked)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));

	raw_reset(r);
	write_and_read(r, fd);
	close(fd);
	CHECK_EQ(raw_count(r, FUSE_READ) > 0, read_asked);
	CHECK_EQ(raw_count(r, FUSE_WRITE) > 0, write_asked);
}

KTEST(mixed, read_passed, .opt.ops = RAW_ALL & ~OP(WRITE))
{
	expect_data(r, false, true);
}

KTEST(mixed, write_passed, .opt.ops = RAW_ALL & ~OP(READ))
{
	expect_data(r, true, false);
}

KTEST(mixed, neither, .opt.ops = RAW_ALL & ~OP(READ) & ~OP(WRITE))
{
	expect_data(r, true, true);
}

#define DAEMON_OPENS (RAW_ALL & ~OP(OPEN) & ~OP(RELEASE) & ~OP(FLUSH))

KTEST(mixed, read_passed_daemon_opens, .opt.ops = DAEMON_OPENS & ~OP(WRITE))
{
	expect_data(r, false, true);
}

KTEST(mixed, write_passed_daemon_opens, .opt.ops = DAEMON_OPENS & ~OP(READ))
{
	expect_data(r, true, false);
}

/* An open that the daemon wants to see the data of */
KTEST(mixed, opted_out, .opt.ops = DAEMON_OPENS,
      .opt.open_flags = FOPEN_DIRECT_IO)
{
	expect_data(r, true, true);
}

KTEST(mixed, opted_out_of_nothing, .opt.ops = DAEMON_OPENS)
{
	expect_data(r, false, false);
}

/* Holes of a file whose data the daemon serves are not those of the file below */
KTEST(mixed, holes_opted_out, .opt.ops = DAEMON_OPENS,
      .opt.open_flags = FOPEN_DIRECT_IO)
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));

	raw_reset(r);
	CHECK_EQ(lseek(fd, 10, SEEK_DATA), 10);
	CHECK_EQ(raw_count(r, FUSE_LSEEK), 1);
	close(fd);
}

static int try_map(int fd, int prot, int how)
{
	void *p = mmap(NULL, 4096, prot, how, fd, 0);

	if (p == MAP_FAILED)
		return errno;
	CHECK(*(volatile char *)p == *(volatile char *)p);
	CHECK_OK(munmap(p, 4096));
	return 0;
}

/* A mapping is of the file below or not at all */
static void expect_maps(struct raw *r, int reading, int writing)
{
	int ro = (int)CHECK_OK(open(M(r, "file"), O_RDONLY | O_CLOEXEC));
	int rw = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	const int both = PROT_READ | PROT_WRITE;

	CHECK_EQ(try_map(ro, PROT_READ, MAP_SHARED), reading);
	CHECK_EQ(try_map(ro, PROT_READ, MAP_PRIVATE), reading);
	CHECK_EQ(try_map(ro, both, MAP_PRIVATE), reading);
	CHECK_EQ(try_map(rw, both, MAP_PRIVATE), reading);
	CHECK_EQ(try_map(rw, both, MAP_SHARED), writing);
	close(ro);
	close(rw);
}

KTEST(mixed, maps, .opt.ops = RAW_ALL)
{
	expect_maps(r, 0, 0);
}

KTEST(mixed, maps_read_passed, .opt.ops = RAW_ALL & ~OP(WRITE))
{
	expect_maps(r, 0, ENODEV);
}

KTEST(mixed, maps_write_passed, .opt.ops = RAW_ALL & ~OP(READ))
{
	expect_maps(r, ENODEV, ENODEV);
}

KTEST(mixed, maps_neither, .opt.ops = OP(GETATTR))
{
	expect_maps(r, ENODEV, ENODEV);
}

/* The daemon wants to see the data: a mapping would go past it ... */
KTEST(mixed, maps_opted_out, .opt.ops = DAEMON_OPENS,
      .opt.open_flags = FOPEN_DIRECT_IO)
{
	expect_maps(r, ENODEV, ENODEV);
}

/* ... unless it says that mappings may, as it can without a mask */
KTEST(mixed, maps_of_direct_io, .opt.ops = DAEMON_OPENS,
      .opt.open_flags = FOPEN_DIRECT_IO, .opt.open_attach = true)
{
	expect_maps(r, 0, 0);
}

/* A shared mapping without PROT_WRITE must not get it later */
KTEST(mixed, mapping_made_writable, .opt.ops = RAW_ALL & ~OP(WRITE))
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		CHECK_EQ(errno, ENODEV);
	} else {
		CHECK_ERRNO(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
		CHECK_OK(munmap(p, 4096));
	}
	close(fd);
}

/* Two open at once, one of them from before the file was bound */
KTEST(mixed, two_files, .opt.ops = DAEMON_OPENS & ~OP(READ))
{
	int a = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	int b = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_APPEND | O_CLOEXEC));
	char buf[16];

	CHECK_EQ(write(b, "appended", 8), 8);
	CHECK_EQ(pread(a, buf, sizeof(buf), TREE_FILE_SIZE), 8);
	CHECK(!memcmp(buf, "appended", 8));
	CHECK_OK(ftruncate(a, 4));
	CHECK_EQ(write(b, "x", 1), 1);
	CHECK_EQ(pread(a, buf, sizeof(buf), 4), 1);
	close(a);
	close(b);
	same_stat(M(r, "file"), S(r, "file"));
}

/* An O_APPEND write that the daemon does goes to the end of the file below */
KTEST(mixed, append_by_daemon, .opt.ops = RAW_ALL & ~OP(WRITE))
{
	int fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_APPEND | O_CLOEXEC));
	char buf[16];

	CHECK_OK(truncate(S(r, "file"), 10));
	CHECK_EQ(write(fd, "end", 3), 3);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 10), 3);
	put_file(S(r, "file"), "longer than before", 18);
	CHECK_EQ(write(fd, "end", 3), 3);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 18), 3);
	close(fd);
	same_stat(M(r, "file"), S(r, "file"));
}

/* The daemon keeps the locks, and close(2) ends them: it has to be told */
KTEST(mixed, flush_with_locks, .opt.ops = RAW_ALL & ~OP(SETLK),
      .opt.init_add = FUSE_POSIX_LOCKS)
{
	int fd;

	raw_reset(r);
	fd = (int)CHECK_OK(open(M(r, "file"), O_RDWR | O_CLOEXEC));
	close(fd);
	raw_barrier(r);
	CHECK_EQ(raw_count(r, FUSE_FLUSH), 1);
	expect_no_requests(r, r->supported & ~OP(FLUSH));
}

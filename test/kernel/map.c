// SPDX-License-Identifier: LGPL-2.1-or-later
/* map.c - mmap and asynchronous I/O: the same as natively */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "diff.h"

#define IO_OPS (OP(READ) | OP(WRITE))

SCRIPT(map, shared, .needs = IO_OPS)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	char *p = mmap(NULL, TREE_FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fd, 0);
	char buf[32];

	CHECK(p != MAP_FAILED);
	note_data(l, "first", p, TREE_FILE_SIZE);
	memcpy(p + 4090, "across pages", 12);
	NOTE(pread(fd, buf, 12, 4090));
	note_data(l, "read", buf, 12);
	NOTE(pwrite(fd, "by write", 8, 8190));
	note_data(l, "mapped", p + 8190, 8);
	NOTE(msync(p, TREE_FILE_SIZE, MS_SYNC));
	NOTE(msync(p, TREE_FILE_SIZE, MS_ASYNC));
	NOTE(ftruncate(fd, 5000));
	note_data(l, "tail", p + 4096, 4096);
	NOTE(close(fd));
	memcpy(p, "closed", 6);
	NOTE(munmap(p, TREE_FILE_SIZE));
	NOTE(get_file("file", buf, sizeof(buf)));
	note_data(l, "end", buf, sizeof(buf));
}

SCRIPT(map, private, .needs = OP(READ))
{
	int fd = NOTE_FD(open("file", O_RDONLY | O_CLOEXEC));
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
	char buf[32];

	CHECK(p != MAP_FAILED);
	note_data(l, "mapped", p, 8192);
	memcpy(p, "mine alone", 10);
	NOTE(pread(fd, buf, 10, 4096));
	note_data(l, "file", buf, 10);
	NOTE(madvise(p, 8192, MADV_DONTNEED));
	note_data(l, "again", p, 8192);
	NOTE(madvise(p, 8192, MADV_WILLNEED));
	NOTE(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	NOTE(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
	NOTE(readahead(fd, 0, 8192));
	NOTE(munmap(p, 8192));
	close(fd);
}

static int try_map(const char *name, int flags, int prot, int how)
{
	int fd = open(name, flags | O_NONBLOCK | O_CLOEXEC), err;
	void *p = mmap(NULL, 4096, prot, how, fd, 0);

	err = errno;
	close(fd);
	errno = err;
	if (p == MAP_FAILED)
		return -1;
	return munmap(p, 4096);
}

SCRIPT(map, refused, .needs = IO_OPS)
{
	const int rw = PROT_READ | PROT_WRITE;

	NOTE(try_map("file", O_RDONLY, rw, MAP_SHARED));
	NOTE(try_map("file", O_WRONLY, PROT_READ, MAP_SHARED));
	NOTE(try_map("file", O_WRONLY, PROT_WRITE, MAP_PRIVATE));
	NOTE(try_map("file", O_RDONLY, PROT_READ | PROT_EXEC, MAP_PRIVATE));
	NOTE(try_map("file", O_RDONLY, PROT_READ, MAP_SHARED));
	NOTE(try_map("file", O_RDWR, rw, MAP_SHARED_VALIDATE | MAP_SYNC));
	NOTE(try_map("empty", O_RDWR, rw, MAP_SHARED));
	NOTE(try_map("dir", O_RDONLY, PROT_READ, MAP_SHARED));
	NOTE(try_map("fifo", O_RDONLY, PROT_READ, MAP_SHARED));
	NOTE(try_map("file", O_PATH, PROT_READ, MAP_SHARED));
}

static sigjmp_buf out_of_file;

static void on_bus(int sig)
{
	siglongjmp(out_of_file, sig);
}

/* Past the end of the file, and after it was cut: SIGBUS */
SCRIPT(map, bus, .needs = IO_OPS)
{
	int fd = NOTE_FD(open("file", O_RDWR | O_CLOEXEC));
	volatile char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	signal(SIGBUS, on_bus);
	if (!sigsetjmp(out_of_file, 1))
		note(l, "read %d", p[1 << 19]);
	else
		note(l, "bus error past the end");
	p[8192] = 1;
	CHECK_OK(ftruncate(fd, 100));
	if (!sigsetjmp(out_of_file, 1))
		note(l, "write %d", p[8192] = 2);
	else
		note(l, "bus error after the cut");
	note(l, "in the last page: %d", p[200]);
	munmap((void *)p, 1 << 20);
	close(fd);
}

static long one_io(aio_context_t ctx, struct iocb *cb)
{
	struct iocb *list[] = { cb };
	struct io_event ev = { 0 };

	if (syscall(SYS_io_submit, ctx, 1, list) != 1)
		return -1;
	if (syscall(SYS_io_getevents, ctx, 1, 1, &ev, NULL) != 1)
		return -1;
	return (long)ev.res;
}

static struct iocb iocb_of(int fd, uint16_t op, const void *buf, uint64_t len,
			   int64_t off)
{
	return (struct iocb){
		.aio_fildes = (uint32_t)fd, .aio_lio_opcode = op,
		.aio_buf = (uintptr_t)buf, .aio_nbytes = len, .aio_offset = off,
	};
}

SCRIPT(map, aio, .needs = IO_OPS | OP(FSYNC))
{
	static char page[16384] __attribute__((aligned(4096)));
	static const int flags[] = { O_RDWR, O_RDWR | O_DIRECT };
	aio_context_t ctx = 0;
	struct iocb cb;

	CHECK_OK(syscall(SYS_io_setup, 8, &ctx));
	for (size_t i = 0; i < 2; i++) {
		int fd = NOTE_FD(open("file", flags[i] | O_CLOEXEC));

		cb = iocb_of(fd, IOCB_CMD_PREAD, page, 8192, 4096);
		NOTE(one_io(ctx, &cb));
		note_data(l, "page", page, 8192);
		cb = iocb_of(fd, IOCB_CMD_PWRITE, page, 8192, 65536);
		NOTE(one_io(ctx, &cb));
		cb = iocb_of(fd, IOCB_CMD_PWRITE, page, 4096, 1 << 20);
		NOTE(one_io(ctx, &cb));
		cb = iocb_of(fd, IOCB_CMD_PREAD, page, 16384, (1 << 20) - 4096);
		NOTE(one_io(ctx, &cb));
		cb = iocb_of(fd, IOCB_CMD_PREAD, page, 16384, 2 << 20);
		NOTE(one_io(ctx, &cb));
		cb = iocb_of(fd, IOCB_CMD_FSYNC, NULL, 0, 0);
		NOTE(one_io(ctx, &cb));
		NOTE(lseek(fd, 0, SEEK_END));
		close(fd);
	}
	CHECK_OK(syscall(SYS_io_destroy, ctx));
}

/* Fork, and a mapping that outlives file and name */
SCRIPT(map, outlives, .needs = IO_OPS)
{
	int fd = NOTE_FD(open("shared", O_RDWR | O_CLOEXEC));
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	NOTE(unlink("shared"));
	NOTE(close(fd));
	memcpy(p, "no name", 7);
	note_data(l, "mapped", p, 4096);
	NOTE(msync(p, 4096, MS_SYNC));
	p = mremap(p, 4096, 8192, MREMAP_MAYMOVE);
	CHECK(p != MAP_FAILED);
	note_data(l, "grown", p, 4096);
	munmap(p, 8192);
}

// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * nfs.c - a mount exported by NFS, whose clients know files by handle alone
 *
 * The server of the kernel exports the mount and a client of the same kernel mounts
 * that, in a network of their own with nobody else in it. What mountd would tell the
 * server is written to its caches beforehand, so no other program takes part.
 */
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

#define NFSD "/proc/fs/nfsd"
/* Of an export, as exportfs(8) says them; they are part of the kernel's API */
enum { ANY_PORT = 0x2, NO_SUBTREE_CHECK = 0x400, BY_NUMBER = 0x2000 };

__attribute__((format(printf, 2, 3)))
static void tell(const char *path, const char *fmt, ...)
{
	char text[2 * PATH_MAX];
	int fd = open(path, O_RDWR | O_CLOEXEC), len;
	va_list ap;

	if (fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (write(fd, text, (size_t)len) != len)
		FAIL("%s does not take %s: %s", path, text, strerror(errno));
	close(fd);
}

static void own_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	CHECK_OK(unshare(CLONE_NEWNET));
	fd = (int)CHECK_OK(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	CHECK_OK(ioctl(fd, SIOCSIFFLAGS, &lo));
	close(fd);
}

/* That everybody is "any", the file system 0 is the mount, and how it is exported */
static void fill_caches(struct raw *r, int flags)
{
	unsigned int for_ever = INT_MAX;

	tell("/proc/net/rpc/auth.unix.ip/channel", "nfsd 127.0.0.1 %u any\n", for_ever);
	tell("/proc/net/rpc/nfsd.fh/channel", "any 1 \\x00000000 %u %s\n", for_ever, r->mnt);
	tell("/proc/net/rpc/nfsd.export/channel", "any %s %u %d 65534 65534 0\n", r->mnt,
	     for_ever, flags | ANY_PORT | BY_NUMBER);
}

static char nfs[PATH_MAX];

static const char *N(const char *name)
{
	static char path[4][PATH_MAX + 64];
	static unsigned int i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", nfs, name);
	return path[i];
}

static void start_nfs(struct raw *r)
{
	if (mount("nfsd", NFSD, "nfsd", 0, NULL) && errno == ENODEV)
		ktest_skip("this kernel has no NFS server");
	CHECK_OK(umount(NFSD));
	own_network();
	CHECK_OK(mount("nfsd", NFSD, "nfsd", 0, NULL));
	fill_caches(r, (int)ktest_self->arg);
	tell(NFSD "/versions", "-3 +4 +4.2\n");
	/*
	 * The first open waits so long for those who had files open before. No less will
	 * do, and v4_end_grace is for servers whose clients are written down.
	 */
	tell(NFSD "/nfsv4gracetime", "10\n");
	tell(NFSD "/nfsv4leasetime", "10\n");
	tell(NFSD "/portlist", "tcp 2049\n");
	tell(NFSD "/threads", "2\n");
	snprintf(nfs, sizeof(nfs), "%.3000s/nfs", r->dir);
	CHECK_OK(mkdir(nfs, 0755));
	CHECK_OK(mount("127.0.0.1:/", nfs, "nfs4", 0, "vers=4.2,sec=sys,addr=127.0.0.1,"
		       "clientaddr=127.0.0.1,port=2049,actimeo=0,lookupcache=none,"
		       /* a case that fails takes the server with it */
		       "soft,timeo=600,retrans=1"));
}

static void end_nfs(void)
{
	frame_umount(nfs);
	CHECK_OK(rmdir(nfs));
	tell(NFSD "/threads", "0\n");
	CHECK_OK(umount(NFSD));
}

static void read_all(const char *name, const char *want)
{
	char buf[64];

	CHECK_EQ(get_file(N(name), buf, sizeof(buf)), strlen(want));
	CHECK(!memcmp(buf, want, strlen(want)));
}

#define NFS(id, flags)							\
	KTEST(nfs, id, .opt.ops = RAW_ALL, .opt.subtree = true, .opt.wide = true, \
	      .arg = (flags))

static void use(struct raw *r)
{
	_Alignas(struct inotify_event) char event[4096];
	struct stat st;
	char buf[8];
	int fd, watch;

	CHECK_OK(mkdir(N("made"), 0750));
	put_file(N("made/file"), "contents", 8);
	CHECK_OK(symlink("file", N("made/link")));
	CHECK_OK(link(N("made/file"), N("made/hard")));
	CHECK_OK(mkfifo(N("made/fifo"), 0644));
	CHECK_OK(rename(N("made/hard"), N("dir/sub/moved")));
	CHECK_OK(chown(N("made/file"), 1234, 4321));
	CHECK_OK(chmod(N("made/file"), 0604));
	CHECK_EQ(count_entries(N("made")), count_entries(S(r, "made")));
	read_all("made/file", "contents");
	CHECK_OK(stat(S(r, "dir/sub/moved"), &st));
	CHECK_EQ(st.st_nlink, 2);
	CHECK_EQ(st.st_uid, 1234);
	CHECK_EQ(st.st_mode, S_IFREG | 0604);

	/* an open file goes on after the server has forgotten all names */
	fd = (int)CHECK_OK(open(N("made/file"), O_RDWR | O_CLOEXEC));
	frame_drop_names(r);
	CHECK_EQ(pwrite(fd, "C", 1, 0), 1);
	CHECK_OK(fsync(fd));
	CHECK_EQ(pread(fd, buf, 3, 0), 3);
	CHECK(!memcmp(buf, "Con", 3));
	watch = (int)CHECK_OK(inotify_init1(IN_CLOEXEC));
	CHECK_OK(inotify_add_watch(watch, S(r, "made"), IN_DELETE));
	CHECK_OK(unlink(N("made/file")));
	CHECK_EQ(pread(fd, buf, 3, 0), 3);
	close(fd);
	/* the client has given it another name, and removes that in its own time */
	CHECK(read(watch, event, sizeof(event)) > 0);
	close(watch);
	read_all("dir/sub/moved", "Contents");
	same_tree(r->mnt, r->src);
	expect_silence(r);
}

NFS(exported, NO_SUBTREE_CHECK)
{
	start_nfs(r);
	use(r);
	end_nfs();
}

/* Handles say in which folder a file is, and the server looks whether that is exported */
NFS(subtree_check, 0)
{
	start_nfs(r);
	use(r);
	end_nfs();
}

/* A client that has a folder, deep down, while the server remembers none of it */
NFS(forgotten, NO_SUBTREE_CHECK)
{
	int dir, fd;

	CHECK_OK(mkdir(S(r, "dir/sub/deep"), 0755));
	put_file(S(r, "dir/sub/deep/file"), "deep", 4);
	start_nfs(r);
	dir = (int)CHECK_OK(open(N("dir/sub/deep"), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	frame_drop_names(r);
	fd = (int)CHECK_OK(openat(dir, "file", O_RDONLY | O_CLOEXEC));
	close(fd);
	/* moved below, and seen there by its handle */
	CHECK_OK(rename(S(r, "dir/sub"), S(r, "private/sub")));
	frame_drop_names(r);
	fd = (int)CHECK_OK(openat(dir, "file", O_RDONLY | O_CLOEXEC));
	close(fd);
	read_all("private/sub/deep/file", "deep");
	CHECK_OK(unlinkat(dir, "file", 0));
	CHECK_ERRNO(access(S(r, "private/sub/deep/file"), F_OK), ENOENT);
	CHECK_OK(rmdir(S(r, "private/sub/deep")));
	frame_drop_names(r);
	CHECK_ERRNO(openat(dir, "file", O_RDONLY | O_CLOEXEC), ESTALE);
	close(dir);
	end_nfs();
	expect_silence(r);
}

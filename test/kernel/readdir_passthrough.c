// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * readdir_passthrough.c - entries of a directory that bring their files along
 *
 * The daemon is asked READDIR_PASSTHROUGH where it would be asked READDIRPLUS. An entry
 * is as good as a reply to LOOKUP with a second argument: who lists a directory has no
 * need of another request for what is in it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diff.h"
#include "frame.h"

/* For the hooks: the entry that they change, and how */
enum { FLAGS, RESERVED, ID, MODE, NO_NODE, MASK, FRESH, BARE };

#define LISTING(id, ...)						\
	LISTING_WITH(id, FUSE_DO_READDIRPLUS, ##__VA_ARGS__)
#define LISTING_WITH(id, flags_, ...)					\
	KTEST(readdir_passthrough, id, .opt.ops = ~OP(READDIR),		\
	      .opt.init_add = (flags_), ##__VA_ARGS__)

/* The entry of that name in the answer, or NULL */
static struct fuse_direntpassthrough *find_entry(struct raw_req *q, const char *name)
{
	for (size_t at = 0; at < q->out_len;) {
		struct fuse_direntpassthrough *e = (void *)(q->out + at);

		if (e->dirent.namelen == strlen(name) &&
		    !memcmp(e->dirent.name, name, strlen(name)))
			return e;
		at += FUSE_DIRENTPASSTHROUGH_SIZE(e);
	}
	return NULL;
}

/* Reads the whole directory; how often the name is in it */
static int list(const char *path, const char *name)
{
	DIR *d = opendir(path);
	int n = 0;

	CHECK(d);
	errno = 0;
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += !strcmp(e->d_name, name);
	CHECK_EQ(errno, 0);
	closedir(d);
	return n;
}

/* Not after a barrier, which is a request */
static void expect_nothing(struct raw *r)
{
	for (int op = 1; op < RAW_OPCODES; op++)
		if (raw_count(r, op))
			FAIL("the daemon got %llu %s",
			     (unsigned long long)raw_count(r, op), raw_opcode_name(op));
}

LISTING(no_lookup_after)
{
	char buf[16];
	int fd;

	CHECK_EQ(list(M(r, ""), "good"), 1);
	CHECK(raw_count(r, FUSE_READDIR_PASSTHROUGH) > 0);
	CHECK_EQ(raw_count(r, FUSE_READDIRPLUS), 0);
	CHECK_EQ(raw_count(r, FUSE_READDIR), 0);
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	same_stat(M(r, "link"), S(r, "link"));
	same_stat(M(r, "dir"), S(r, "dir"));
	fd = (int)CHECK_OK(open(M(r, "good"), O_RDWR | O_CLOEXEC));
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK_OK(fchmod(fd, 0600));
	CHECK_OK(close(fd));
	same_stat(M(r, "good"), S(r, "good"));
	expect_nothing(r);
}

/* What the scripts of dir.c see is what they see natively */
LISTING(same_as_natively, .opt.wide = true)
{
	diff_all(r, "dir.*", r->opt.ops);
	CHECK(raw_count(r, FUSE_READDIR_PASSTHROUGH) > 0);
	CHECK_EQ(raw_count(r, FUSE_READDIR), 0);
}

/* The daemon may want to be asked only where READDIRPLUS is worth it */
LISTING_WITH(adaptive, FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO)
{
	CHECK_EQ(list(M(r, "dir"), "a"), 1);
	CHECK(raw_count(r, FUSE_READDIR_PASSTHROUGH) > 0);
	raw_reset(r);
	same_stat(M(r, "dir/a"), S(r, "dir/a"));
	expect_nothing(r);
}

enum { MANY = 3000 };

/* By small pieces, and from the middle again */
LISTING(many_names)
{
	long middle = -1;
	char name[32];
	int n = 0;
	DIR *d;

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "many/%d", i);
		if (!i)
			CHECK_OK(mkdir(S(r, "many"), 0755));
		put_file(S(r, name), "x", 1);
	}
	d = opendir(M(r, "many"));
	CHECK(d);
	while (readdir(d))
		if (++n == MANY / 2)
			middle = telldir(d);
	CHECK_EQ(n, MANY + 2);
	seekdir(d, middle);
	for (n = MANY / 2; readdir(d);)
		n++;
	CHECK_EQ(n, MANY + 2);
	closedir(d);
	raw_reset(r);
	for (int i = 0; i < MANY; i += 100) {
		snprintf(name, sizeof(name), "many/%d", i);
		same_stat(M(r, name), S(r, name));
	}
	expect_nothing(r);
}

/* Names below come and go while the directory is read */
LISTING(changes_meanwhile)
{
	DIR *d = opendir(M(r, "dir"));

	CHECK(d);
	CHECK(readdir(d));
	CHECK_OK(rename(S(r, "dir/a"), S(r, "dir/z")));
	CHECK_OK(unlink(S(r, "dir/b")));
	rewinddir(d);
	while (readdir(d))
		;
	closedir(d);
	same_tree(M(r, "dir"), S(r, "dir"));
}

static int unknown_opcode(struct raw_req *q)
{
	(void)q;
	return -ENOSYS;
}

LISTING(not_implemented)
{
	r->before[FUSE_READDIR_PASSTHROUGH] = unknown_opcode;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(list(M(r, "dir"), "a"), 1);
	CHECK_EQ(raw_count(r, FUSE_READDIR_PASSTHROUGH), 1);
	CHECK(raw_count(r, FUSE_READDIRPLUS) >= 3);
	CHECK_EQ(raw_count(r, FUSE_READDIR), 0);
}

LISTING_WITH(not_without_plus, 0)
{
	CHECK_EQ(list(M(r, "dir"), "a"), 1);
	CHECK(raw_count(r, FUSE_READDIR) > 0);
	CHECK_EQ(raw_count(r, FUSE_READDIR_PASSTHROUGH), 0);
}

LISTING(not_without_masks, .opt.init_drop = FUSE_PASSTHROUGH_MASK)
{
	CHECK_EQ(list(M(r, "dir"), "a"), 1);
	CHECK(raw_count(r, FUSE_READDIRPLUS) > 0);
	CHECK_EQ(raw_count(r, FUSE_READDIR_PASSTHROUGH), 0);
}

/* Names are the kernel's there, so what the daemon says of them is of no use */
LISTING(not_where_lookup_passes, .opt.subtree = true)
{
	CHECK_EQ(list(M(r, "dir"), "a"), 1);
	CHECK_EQ(list(M(r, ""), "good"), 1);
	CHECK(raw_count(r, FUSE_READDIR) > 0);
	CHECK_EQ(raw_count(r, FUSE_READDIR_PASSTHROUGH), 0);
}

/* Changes the entry of "good" as the case says */
static int change_entry(struct raw_req *q, int err)
{
	struct fuse_direntpassthrough *e = find_entry(q, "good");
	_Atomic int64_t *u = q->r->u;
	int fd, id;

	if (err || !e)
		return err;
	e->passthrough_out.flags = (uint32_t)u[FLAGS];
	e->passthrough_out.reserved = (uint64_t)u[RESERVED];
	if (u[ID])
		e->passthrough_out.backing_id = (int32_t)u[ID];
	if (u[MODE])
		e->entry_out.attr.mode = (uint32_t)u[MODE];
	if (u[BARE])
		e->passthrough_out.backing_id = 0;
	if (u[NO_NODE]) {
		raw_listed_drop(q, e->entry_out.nodeid);
		e->entry_out.nodeid = 0;
	}
	if (u[FRESH]) {
		fd = openat(q->node->fd, "good", O_PATH | O_NOFOLLOW | O_CLOEXEC);
		id = raw_backing_open(q->r->fd, fd, (uint64_t)u[MASK]);
		close(fd);
		q->close_id = e->passthrough_out.backing_id = id;
	}
	return 0;
}

static void change(struct raw *r, int what, int64_t value)
{
	for (int i = 0; i <= BARE; i++)
		atomic_store(&r->u[i], i == what ? value : 0);
	r->after[FUSE_READDIR_PASSTHROUGH] = change_entry;
}

/* As soon as the answer is written */
LISTING(id_closed_after)
{
	change(r, FRESH, 1);
	atomic_store(&r->u[MASK], (int64_t)r->supported);
	CHECK_EQ(list(M(r, ""), "good"), 1);
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_OK(chmod(M(r, "good"), 0600));
	expect_nothing(r);
}

/* No file: as with READDIRPLUS, the daemon is asked for all but the name */
LISTING(without_a_file)
{
	change(r, BARE, 1);
	CHECK_EQ(list(M(r, ""), "good"), 1);
	raw_reset(r);
	CHECK_OK(chmod(M(r, "good"), 0600));
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 0);
	CHECK_EQ(raw_count(r, FUSE_SETATTR), 1);
	/* it may come later */
	change(r, BARE, 0);
	CHECK_EQ(list(M(r, ""), "good"), 1);
	raw_reset(r);
	CHECK_OK(chmod(M(r, "good"), 0644));
	expect_nothing(r);
}

/*
 * What a reply to LOOKUP is refused for: the name is listed all the same, its lookup is
 * forgotten, and who wants the file looks it up.
 */
LISTING(refused)
{
	const int fd = (int)CHECK_OK(open(S(r, "file"), O_RDONLY | O_CLOEXEC));
	const int plain = raw_backing_open(r->fd, fd, 0);
	const struct { int what; int64_t value; } lies[] = {
		{ FLAGS, 1 }, { RESERVED, 1 }, { ID, 12345 }, { ID, -1 },
		{ ID, plain }, { MODE, S_IFDIR | 0755 }, { NO_NODE, 1 },
	};

	CHECK(plain > 0);
	close(fd);
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		change(r, lies[i].what, lies[i].value);
		CHECK_EQ(list(M(r, ""), "good"), 1);
		raw_reset(r);
		same_stat(M(r, "good"), S(r, "good"));
		CHECK_EQ(raw_count(r, FUSE_LOOKUP), 1);
		frame_drop_names(r);
	}
	CHECK_EQ(raw_backing_close(r->fd, plain), 0);
}

/* The daemon answers "." and ".." as if they were names, with files that are none */
static int dots_have_files(struct raw_req *q, int err)
{
	static const char *const dots[] = { ".", ".." };

	for (int i = 0; i < 2 && !err; i++) {
		struct fuse_direntpassthrough *e = find_entry(q, dots[i]);

		if (!e)
			continue;
		e->entry_out.nodeid = (uint64_t)q->r->u[0];
		e->passthrough_out.backing_id = (int32_t)q->r->u[1];
	}
	return err;
}

/* They count no lookup, so none is given back: the frame would miss it */
LISTING(dots)
{
	same_stat(M(r, "good"), S(r, "good"));
	r->after[FUSE_READDIR_PASSTHROUGH] = dots_have_files;
	atomic_store(&r->u[0], (int64_t)raw_nodeid(r, raw_node_find(r, "good")));
	atomic_store(&r->u[1], raw_node_find(r, "good")->backing_id);
	CHECK_EQ(list(M(r, ""), "."), 1);
	atomic_store(&r->u[1], 12345);
	CHECK_EQ(list(M(r, ""), ".."), 1);
	same_stat(M(r, "."), S(r, "."));
	raw_reset(r);
	CHECK_EQ(list(M(r, ""), "good"), 1);
	CHECK_EQ(raw_count(r, FUSE_FORGET) + raw_count(r, FUSE_BATCH_FORGET), 0);
}

/* The root as the file of a name: it is in one place only */
LISTING(root_given_away)
{
	int id = raw_backing_path(r, ".", r->every);

	CHECK(id > 0);
	change(r, ID, id);
	atomic_store(&r->u[NO_NODE], 1);
	atomic_store(&r->u[MODE], S_IFDIR | 0755);
	CHECK_EQ(list(M(r, ""), "good"), 1);
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 1);
	CHECK_EQ(raw_backing_close(r->fd, id), 0);
}

static void give_away(struct raw *r)
{
	change(r, FRESH, 1);
	atomic_store(&r->u[NO_NODE], 1);
	atomic_store(&r->u[MASK], (int64_t)r->every);
	CHECK_EQ(list(M(r, ""), "good"), 1);
}

/* Without a node id, with every operation: no more is heard of it */
LISTING(given_away)
{
	give_away(r);
	CHECK(!raw_node_find(r, "good"));
	raw_reset(r);
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_OK(chmod(M(r, "good"), 0600));
	same_stat(M(r, "good"), S(r, "good"));
	frame_drop_names(r);
	raw_barrier(r);
	CHECK_EQ(raw_count(r, FUSE_SETATTR), 0);
	/* and again, while it is known */
	give_away(r);
	raw_reset(r);
	give_away(r);
	same_stat(M(r, "good"), S(r, "good"));
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 0);
}

/* What was given away gets a node id by an entry, and stays what it was */
LISTING(named_later)
{
	struct stat before, after;
	int fd;

	give_away(r);
	fd = (int)CHECK_OK(open(M(r, "good"), O_PATH | O_CLOEXEC));
	CHECK_OK(fstat(fd, &before));
	change(r, BARE, 0);
	CHECK_EQ(list(M(r, ""), "good"), 1);
	CHECK(raw_node_find(r, "good"));
	raw_reset(r);
	CHECK_OK(stat(M(r, "good"), &after));
	CHECK_EQ(before.st_ino, after.st_ino);
	/* the daemon can take what it has named back */
	CHECK_EQ(raw_backing_mask(r->fd, raw_node_find(r, "good")->backing_id,
				  raw_node_find(r, "good")->ops & ~OP(SETATTR)), 0);
	CHECK_OK(chmod(M(r, "good"), 0600));
	CHECK_EQ(raw_count(r, FUSE_SETATTR), 1);
	CHECK_EQ(raw_count(r, FUSE_LOOKUP), 0);
	close(fd);
}

/* A name that the kernel has, and another file by now */
LISTING(replaced)
{
	struct stat below, st;

	same_stat(M(r, "good"), S(r, "good"));
	put_file(S(r, "other"), "other", 5);
	CHECK_OK(rename(S(r, "other"), S(r, "good")));
	CHECK_OK(stat(S(r, "good"), &below));
	CHECK_EQ(list(M(r, ""), "good"), 1);
	raw_reset(r);
	CHECK_OK(stat(M(r, "good"), &st));
	CHECK_EQ(st.st_ino, below.st_ino);
	expect_nothing(r);
	/* as the frame looks for it */
	put_file(S(r, "good"), "content of good file", 20);
}

/* The answer ends anywhere, or its names are none */
static int cut(struct raw_req *q, int err)
{
	if (!err && q->out_len)
		q->out_len = (size_t)q->r->u[0] % (q->out_len + 1);
	return err;
}

static int bad_name(struct raw_req *q, int err)
{
	struct fuse_direntpassthrough *e = find_entry(q, "good");

	if (!err && e && q->r->u[0] == '/')
		e->dirent.name[1] = '/';
	else if (!err && e)
		e->dirent.namelen = (uint32_t)q->r->u[0];
	return err;
}

/* Reads the root until it ends or fails; what is in a page is all that counts */
static void read_page(struct raw *r)
{
	int fd = (int)CHECK_OK(open(M(r, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	char buf[4096];

	(void)!getdents64(fd, buf, sizeof(buf));
	close(fd);
	frame_drop_names(r);
}

LISTING(malformed, .flags = KT_LIES)
{
	static const int64_t lengths[] = { 0, 1024, 1025, UINT32_MAX, '/' };

	r->after[FUSE_READDIR_PASSTHROUGH] = cut;
	for (int i = 0; i < 4096; i += 8 + i % 5) {
		atomic_store(&r->u[0], i);
		read_page(r);
	}
	r->after[FUSE_READDIR_PASSTHROUGH] = bad_name;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		atomic_store(&r->u[0], lengths[i]);
		read_page(r);
	}
}

/* The daemon dies with files in its answer, or before there is one */
LISTING(dies, .flags = KT_DEAD)
{
	DIR *d = opendir(M(r, ""));

	CHECK(d);
	CHECK(readdir(d));
	raw_abort(r);
	closedir(d);
	CHECK_ERRNO(open(M(r, "good"), O_RDONLY | O_CLOEXEC), ENOTCONN);
}

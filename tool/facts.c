/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be seen without trying: the device, the kernel's configuration, our rights. */
#include "tool.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The number that the kernel gives the first user namespace, of all kernels since 3.8. */
#define INITIAL_USER_NAMESPACE "user:[4026531837]"

#define CONFIG_NAME "CONFIG_FUSE_PASSTHROUGH"

static bool has_admin(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & 1u << CAP_SYS_ADMIN);
}

static bool is_initial(void)
{
	char name[64];
	ssize_t length = readlink("/proc/self/ns/user", name, sizeof(name) - 1);

	/* without /proc, or namespaces, it is */
	if (length < 0)
		return true;
	name[length] = '\0';
	return strcmp(name, INITIAL_USER_NAMESPACE) == 0;
}

static int try_device(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Finds "y" or "n" in a configuration; false if it is none. */
static bool read_config(FILE *in, char *config, size_t size)
{
	char line[256];
	bool any = false, set = false;

	while (fgets(line, sizeof(line), in)) {
		any |= strncmp(line, "CONFIG_", strlen("CONFIG_")) == 0;
		set |= strcmp(line, CONFIG_NAME "=y\n") == 0;
	}
	if (any)
		snprintf(config, size, "%s", set ? "y" : "n");
	return any;
}

static bool read_config_file(const char *format, const char *release, char *config, size_t size)
{
	char name[192];
	FILE *in;
	bool found;

	snprintf(name, sizeof(name), "%s%s", format, release);
	in = fopen(name, "re");
	if (!in)
		return false;
	found = read_config(in, config, size);
	fclose(in);
	return found;
}

/* It is compressed; gzip is everywhere, its library may not be. */
static bool read_config_gz(char *config, size_t size)
{
	FILE *in = access("/proc/config.gz", R_OK) == 0
			   ? popen("exec gzip -dc /proc/config.gz 2>/dev/null", "re")
			   : NULL;
	bool found;

	if (!in)
		return false;
	found = read_config(in, config, size);
	pclose(in);
	return found;
}

static void find_config(struct facts *facts)
{
	char modules[128];

	snprintf(facts->config, sizeof(facts->config), "unknown");
	snprintf(modules, sizeof(modules), "/lib/modules/%s/config", facts->release);
	/* in this order: the running kernel's own, and two that go by its name */
	if (!read_config_gz(facts->config, sizeof(facts->config)) &&
	    !read_config_file("/boot/config-", facts->release, facts->config,
			      sizeof(facts->config)))
		read_config_file(modules, "", facts->config, sizeof(facts->config));
}

void facts_find(struct facts *facts)
{
	struct utsname name = {0};

	*facts = (struct facts){0};
	uname(&name);
	snprintf(facts->release, sizeof(facts->release), "%s", name.release);
	find_config(facts);
	facts->device = try_device();
	facts->admin = has_admin();
	facts->initial = is_initial();
}

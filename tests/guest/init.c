/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "guest.h"

void give_up(const char *what)
{
	printf("guest: failed: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

long parameter(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 0) : otherwise;
}

int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int done;

	if (fd < 0)
		return 0;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

/* Where the kernel has it built in there is no such file. */
static void load_module(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	must(syscall(SYS_finit_module, fd, parameters, 0));
	close(fd);
}

static void mount_at(const char *type, const char *where, const char *options)
{
	mkdir(where, 0755);
	must(mount(type, where, type, 0, options));
}

/* The second serial line, on which guest and host tell each other how far they are. */
static int control;

static void open_control(void)
{
	struct termios settings;

	control = must(open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC));
	must(tcgetattr(control, &settings));
	cfmakeraw(&settings);
	must(tcsetattr(control, TCSANOW, &settings));
}

void tell(const char *what, size_t number)
{
	char line[64];
	int length = snprintf(line, sizeof(line), "%s %zu\n", what, number);

	must(write(control, line, length));
}

void hear(void)
{
	char byte;

	do
		must(read(control, &byte, 1));
	while (byte != '\n');
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--rest"))
		for (;;)
			pause();
	if (argc > 1 && !strcmp(argv[1], "--end"))
		return 0;
	setvbuf(stdout, NULL, _IONBF, 0);
	mount_at("proc", "/proc", "");
	mount_at("sysfs", "/sys", "");
	mount_at("debugfs", "/sys/kernel/debug", "");
	mount_at("devtmpfs", "/dev", "");
	mount_at("tmpfs", "/tmp", "");
	mount_at("ramfs", "/ram", "");
	if (parameter("guest_note", 1))
		load_module("/modules/qemu_fw_cfg.ko", "");
	load_module("/modules/loop.ko", "max_loop=1");
	load_module("/modules/brd.ko", "rd_nr=1 rd_size=65536");

	put("/proc/sys/kernel/kptr_restrict", "1"); /* addresses for root, not their hashes */
	open_control();
	if (parameter("guest_oracle", 0))
		oracle_serve();
	if (parameter("guest_exec", 0))
		exec_serve();
	/* Huge pages are what the workload makes: khugepaged would fill its areas' holes at any time between the dump and the accesses that it is asked of. */
	put("/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none", "0");
	put("/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_swap", "0");
	start_workload();
	open_channel(); /* not before: its mapping would be in every process */

	collect(1);
	hide_channel(1);
	tell("before", channel_size());
	hear();
	/* New hints, and pages that move for them, would come between the dump and the accesses that it is asked of. */
	put("/proc/sys/kernel/numa_balancing", "0");
	hide_channel(0);
	collect(0);
	hide_channel(1);
	tell("after", channel_size());
	hear();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

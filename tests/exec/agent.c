/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The guest's half of tests/exec: executes the programs that the initramfs has, each as its file says (orders: NAME PATH [ARG…], a line each), and prints what the
 * kernel made of it: `EXEC NAME errno N`, `EXEC NAME killed N` (by a signal, before its first instruction), or what /proc says of the process once it rests, in hexadecimal.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guest/guest.h"

#define WORDS 16

static char *const environment[] = { "HOME=/", "TERM=linux", NULL };

static void print_bytes(const char *name, const char *what, const unsigned char *bytes, size_t len)
{
	printf("EXEC %s %s ", name, what);
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	printf("\n");
}

static size_t read_file(int pid, const char *what, unsigned char *bytes, size_t room)
{
	char path[64];
	size_t len = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	int fd = must(open(path, O_RDONLY | O_CLOEXEC));
	while (len < room && (n = read(fd, bytes + len, room - len)) > 0)
		len += (size_t)n;
	close(fd);
	return len;
}

/* The stack from where the program found it (the 28th word of stat) to its end. */
static void print_stack(const char *name, int pid, const char *stat)
{
	static unsigned char bytes[1 << 20];
	const char *at = strrchr(stat, ')');
	char path[64];

	for (int i = 0; i < 26 && at; i++)
		at = strchr(at + 1, ' ');
	unsigned long start = at ? strtoul(at, NULL, 10) : 0, end = (unsigned long)0x7ffffffff000ull;

	if (!start || end - start > sizeof(bytes))
		return;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int fd = must(open(path, O_RDONLY | O_CLOEXEC));
	ssize_t n = pread(fd, bytes, end - start, (off_t)start);
	close(fd);
	if (n > 0)
		print_bytes(name, "stack", bytes, (size_t)n);
}

static void describe(const char *name, int pid)
{
	static unsigned char bytes[1 << 16];
	static const char *const files[] = { "maps", "auxv", "smaps", "stat" };

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t len = read_file(pid, files[i], bytes, sizeof(bytes) - 1);
		bytes[len] = 0;
		print_bytes(name, files[i], bytes, len);
	}
	print_stack(name, pid, (char *)bytes);
}

static void run(char **words)
{
	int status, pid = must(fork());

	if (!pid) {
		personality(ADDR_NO_RANDOMIZE);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execve(words[1], words + 1, environment);
		_exit(errno);
	}
	must(waitpid(pid, &status, 0));
	if (WIFEXITED(status)) {
		printf("EXEC %s errno %d\n", words[0], WEXITSTATUS(status));
		return;
	}
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) {
		printf("EXEC %s killed %d\n", words[0], WIFSTOPPED(status) ? WSTOPSIG(status) : WTERMSIG(status));
	} else if (!strncmp(words[0], "bad", 3)) {
		printf("EXEC %s started 0\n", words[0]);
	} else {
		ptrace(PTRACE_DETACH, pid, 0, 0);
		usleep(500000);
		describe(words[0], pid);
	}
	if (!WIFSIGNALED(status)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
}

void exec_serve(void)
{
	static char line[1 << 17];
	FILE *orders = fopen("/orders", "r");

	while (orders && fgets(line, sizeof(line), orders)) {
		char *words[WORDS] = { strtok(line, " \n") };

		for (int n = 1; n < WORDS - 1 && words[n - 1]; n++)
			words[n] = strtok(NULL, " \n");
		if (words[0] && words[1])
			run(words);
	}
	printf("EXEC end\n");
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

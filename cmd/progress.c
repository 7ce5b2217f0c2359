/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/progress.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/progress.h"

#define BAR	 40 /* characters */
#define INTERVAL 250000 /* microseconds between two pictures */

volatile struct progress progress;

static volatile sig_atomic_t shown, ticks;
static bool armed;

/* In a signal handler: nothing but write(). */
static char *put_number(char *p, uint64_t value)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = (char)('0' + value % 10);
	while (value /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

static void on_tick(int number)
{
	uint64_t total = progress.total, done = progress.done < total ? progress.done : total;
	char line[128], *p = line;

	ticks++;
	*p++ = '\r';
	if (total) {
		unsigned filled = (unsigned)((double)done / (double)total * BAR);

		*p++ = '[';
		for (unsigned i = 0; i < BAR; i++)
			*p++ = i < filled ? '#' : '.';
		memcpy(p, "] ", 2);
		p = put_number(p + 2, (uint64_t)((double)done / (double)total * 100));
		memcpy(p, " %  ", 4);
		p += 4;
	}
	p = put_number(p, 1 + (uint64_t)(ticks - 1) * INTERVAL / 1000000);
	memcpy(p, " s ", 3);
	p += 3;
	shown = 1;
	if (write(STDERR_FILENO, line, (size_t)(p - line)) < 0)
		shown = 0;
}

static void set_timer(bool on)
{
	struct itimerval time = {.it_interval = {0, on ? INTERVAL : 0}, .it_value = {on, 0}};

	setitimer(ITIMER_REAL, &time, NULL);
}

void progress_clear(void)
{
	static const char clear[] = "\r\033[K";

	if (shown && write(STDERR_FILENO, clear, sizeof(clear) - 1) < 0)
		return;
	shown = 0;
}

void progress_end(void)
{
	if (!armed)
		return;
	armed = false;
	set_timer(false);
	progress_clear();
}

void progress_arm(struct session *s, bool stays)
{
	struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	const char *term = getenv("TERM");

	progress_start(0);
	if (!isatty(STDERR_FILENO) || !term || !strcmp(term, "dumb"))
		return;
	armed = true;
	shown = ticks = 0;
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	s->out->before_write = stays ? NULL : progress_end;
	set_timer(true);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/guard.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>

#include "core/interrupt.h"

volatile sig_atomic_t interrupt_flag;

static sigjmp_buf guard_jump;
static volatile sig_atomic_t guard_armed;

static volatile sig_atomic_t signals;

static void on_interrupt(int number)
{
	interrupt_flag = 1;
	signals++;
}

unsigned guard_signals(void)
{
	return (unsigned)signals;
}

void guard_die_of_signal(void)
{
	signal(SIGINT, SIG_DFL);
	raise(SIGINT);
}

static void on_bus_error(int number)
{
	if (guard_armed) {
		guard_armed = 0;
		siglongjmp(guard_jump, 1);
	}
	/* Not within a command: let it kill. */
	signal(SIGBUS, SIG_DFL);
	raise(SIGBUS);
}

static void install(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

void guard_install(void)
{
	install(SIGINT, on_interrupt,
		0); /* no SA_RESTART: a write to a pager that nobody reads must return */
	install(SIGBUS, on_bus_error, SA_NODEFER);
	install(SIGPIPE, SIG_IGN, 0);
}

void guard_child(void)
{
	install(SIGINT, SIG_DFL, 0);
	install(SIGBUS, SIG_DFL, 0);
	install(SIGPIPE, SIG_DFL, 0);
}

struct error *guard_run(const struct command *c, struct session *s, int argc, char **argv)
{
	struct error *e;

	/* foreach runs commands inside its own guard. */
	if (guard_armed)
		return c->run(s, argc, argv);
	if (sigsetjmp(guard_jump, 1)) {
		s->in_foreach = false; /* its loop is gone, too */
		s->foreach_index = 0;
		return error_new(ERR_TRUNCATED, "the image file shrank while it was read: %s",
				 s->vmcore ? vmcore_path(s->vmcore) : "?");
	}
	guard_armed = 1;
	e = c->run(s, argc, argv);
	guard_armed = 0;
	return e;
}

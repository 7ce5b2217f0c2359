/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * set: the context, and the variables of the session.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/context.h"
#include "cmd/nearest.h"
#include "cmd/variables.h"

/* ---- The context ---- */

/* "  (1 of 2)" for idle tasks, which share pid 0. */
static void place_among_idle(struct session *s, const struct task *t)
{
	const struct task *other;
	size_t count = 0, place = 0;

	for (size_t i = 0; (other = tasks_get(s->kernel, i)) && other->is_idle; i++) {
		count++;
		if (other == t)
			place = count;
	}
	if (place && count > 1)
		out_printf(s->out, "  (%zu of %zu)", place, count);
}

void context_show(struct session *s, const struct task *t)
{
	struct out *o = s->out;
	char state[160];

	task_state_long(s->kernel, t, state, sizeof(state));
	if (!s->in_foreach || !out_json(o)) {
		out_dec(o, "pid", "    PID: %" PRIu64 "\n", t->pid);
		out_str(o, "comm", "COMMAND: \"%s\"\n", t->comm);
		out_hex(o, "task", "   TASK: %" PRIx64, t->addr);
		place_among_idle(s, t);
		/* A kernel before 2.6 has no such struct. */
		if (HAS_STRUCT(s->kernel, thread_info))
			out_hex(o, "thread_info", "  [THREAD_INFO: %" PRIx64 "]", task_thread_info(s->kernel, t));
		out_text(o, "\n");
		out_dec(o, "cpu", "    CPU: %" PRIu64 "\n", t->cpu);
	}
	out_str(o, "state", "  STATE: %s", state);
	out_bool(o, "active", NULL, t->is_active);
	if (t->is_active)
		out_text(o, t == task_panic(s->kernel) ? " (PANIC)" : " (ACTIVE)");
	out_text(o, "\n");
}

static struct error *need_kernel(struct session *s)
{
	return s->kernel ? NULL
			 : error_new(ERR_UNSUPPORTED,
				     "needs a kernel, and the image is open without one");
}

static struct error *show_current(struct session *s)
{
	const struct task *t;

	TRY(need_kernel(s));
	TRY(context_task(s, &t));
	TRY(context_heading_in_foreach(s));
	context_show(s, t);
	return NULL;
}

static struct error *change_context(struct session *s, const struct task *t)
{
	if (s->in_foreach)
		return error_new(ERR_USAGE, "foreach sets the context itself");
	s->task = t->addr;
	context_show(s, t);
	return NULL;
}

static struct error *set_cpu(struct session *s, const char *word)
{
	const struct task *t;
	uint64_t cpu;

	TRY(need_kernel(s));
	TRY(parse_count(word, &cpu));
	if (cpu >= s->kernel->cpus)
		return error_new(ERR_NOT_FOUND, "no such CPU: %s (there are %u)", word,
				 s->kernel->cpus);
	TRY(tasks_count(s->kernel, &(size_t){0}));
	t = task_active(s->kernel, (unsigned)cpu);
	if (!t)
		return error_new(ERR_NOT_FOUND, "no active task is known on CPU %s", word);
	return change_context(s, t);
}

static struct error *set_panic(struct session *s)
{
	const struct task *t;

	TRY(need_kernel(s));
	TRY(tasks_count(s->kernel, &(size_t){0}));
	t = task_panic(s->kernel);
	if (!t)
		return error_new(ERR_NOT_FOUND, "no task has panicked in this image");
	return change_context(s, t);
}

static struct error *set_active(struct session *s, const char *word)
{
	const struct task *t;

	TRY(need_kernel(s));
	if (word)
		TRY(context_select_one(s, word, &t));
	else
		TRY(context_task(s, &t));
	task_mark_active(s->kernel, t);
	out_printf(s->out, "\"%s\" task %" PRIx64 " has been marked as the active task on cpu %u\n",
		   t->comm, t->addr, t->cpu);
	out_hex(s->out, "task", NULL, t->addr);
	out_dec(s->out, "cpu", NULL, t->cpu);
	return NULL;
}

/* The variable whose name is nearest to a mistyped one, or NULL. */
static const char *near_variable(const char *word)
{
	struct nearest n = nearest_to(word);
	const char *name;

	for (size_t i = 0; (name = variable_name(i)); i++)
		nearest_try(&n, name);
	return n.word;
}

/* Words that are no options: a task, or pairs of variable and value ("hex" and "dec" stand for a
 * radix). */
static struct error *set_words(struct session *s, int argc, char **argv, int from)
{
	for (int i = from; i < argc; i++) {
		if (variable_is(argv[i])) {
			bool more = i + 1 < argc && !variable_is(argv[i + 1]);

			TRY(variable_set(s, argv[i], more ? argv[i + 1] : NULL));
			i += more;
		} else if (!strcmp(argv[i], "hex") || !strcmp(argv[i], "dec")) {
			TRY(variable_set(s, "radix", argv[i]));
		} else if (!strcmp(argv[i], "vi") || !strcmp(argv[i], "emacs")) {
			TRY(variable_set(s, "edit", argv[i]));
		} else {
			const struct task *t;

			TRY(need_kernel(s));
			struct error *e = context_select_one(s, argv[i], &t);

			if (e && e->code == ERR_NOT_FOUND && near_variable(argv[i])) {
				error_free(e);
				return error_new(ERR_NOT_FOUND, "no such variable or task: %s; did you mean \"%s\"?", argv[i],
						 near_variable(argv[i]));
			}
			TRY(e);
			TRY(change_context(s, t));
		}
	}
	return NULL;
}

static struct error *run_set(struct session *s, int argc, char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "pvac:"};
	bool active = false;
	int option;

	if (argc == 1)
		return show_current(s);
	while ((option = next_option(&p))) {
		if (option == 'p')
			return set_panic(s);
		if (option == 'v')
			return variables_show(s);
		if (option == 'c')
			return set_cpu(s, p.argument);
		if (option == '?')
			return option_error(&p);
		active = true;
	}
	if (active)
		return set_active(s, p.index < argc ? argv[p.index] : NULL);
	return set_words(s, argc, argv, p.index);
}

COMMAND(set) = {
	.name = "set",
	.summary = "the context (the task that other commands speak of) and variables",
	.synopsis = "[PID | TASK | NAME | -c CPU | -p | -a [TASK]] | [VARIABLE [VALUE]]… | -v",
	.help = "Without words shows the context: the task of which vm, vtop, rd -u, task and "
		"others speak when\n"
		"they are given none. A session begins with the task that panicked, else with CPU "
		"0's.\n"
		"\n"
		"  PID    the task with this decimal pid\n"
		"  TASK   the task at this hexadecimal address\n"
		"  NAME   the task with this command name, when there is just one\n"
		"  -c     the active task of a CPU\n"
		"  -p     the task that panicked\n"
		"  -a     declares a task (the context) the active one of its CPU\n"
		"  -v     shows all variables\n"
		"\n"
		"Variables:\n"
		"\n"
		"  scroll         on | off | less | more | CRASHPAGER  long output goes through a pager, on a terminal\n"
		"  radix          10 | 16         how struct, p and task print numbers (set hex, set dec)\n"
		"  print_max      NUMBER          elements of an array that struct and p print at most\n"
		"  print_array    on | off        an array's elements one a line\n"
		"  null-stop      on | off        character arrays are printed up to their first NUL\n"
		"  silent         on | off        no banner\n"
		"  edit           vi | emacs      editing keys at the prompt (set vi, set emacs)\n"
		"  zero_excluded  on | off        pages that makedumpfile left out are read as zeroes by rd, struct and others\n"
		"  offline        show | hide     leaves out what belongs to CPUs that are offline\n"
		"  redzone        on | off        kmem's slab objects begin with the red zone that stands before each\n"
		"  error          default | redirect | FILE  where errors go: the console; where the output goes, when a line\n"
		"                                 sends it somewhere; the end of a file\n"
		"  core           on | off        the next error ends in a core dump\n"
		"  json           on | off        commands print JSON\n"
		"  color          auto | on | off  colour, on a terminal only; auto: unless NO_COLOR is set\n"
		"\n"
		"crash's console, debug, hash, gdb, unwind, scope, namelist and dumpfile are shown, and can be set to nothing else than\n"
		"they are; refresh changes nothing. Settings for each session stand as lines in ~/.mmscoperc and, read after it, .mmscoperc in the current\n"
		"directory; neither is read when others may write it, or with --no-rc.\n"
		"\n"
		"EXAMPLES\n"
		"  Make init the context, then look at it again:\n"
		"\n"
		"    mmscope> set 1\n"
		"    mmscope> set\n"
		"\n"
		"  The task that ran on CPU 0:\n"
		"\n"
		"    mmscope> set -c 0\n"
		"\n"
		"  Numbers in hexadecimal, and back:\n"
		"\n"
		"    mmscope> set radix 16\n"
		"    mmscope> set dec\n",
	.options = "-c -p -a -v",
	.flags = CMD_FOREACH | CMD_TASK_ARGS,
	.run = run_set,
};

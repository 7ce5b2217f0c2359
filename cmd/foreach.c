/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * foreach: one command for many tasks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/context.h"
#include "core/interrupt.h"
#include "core/progress.h"

struct selection {
	bool user, kernel, active, leaders;
	uint32_t states; /* a bit for each in state_names */
	struct task_list named;
	struct error *missed; /* the first word that named nothing */
	bool any_named;
};

static const char *const state_names[] = {"RU", "IN", "UN", "ST", "ZO", "TR", "SW",
					  "DE", "WA", "PA", "ID", "NE", "EX", "SW"};
#define STATES (sizeof(state_names) / sizeof(state_names[0]))

/* ---- Which tasks ---- */

static bool select_keyword(struct selection *sel, const char *word)
{
	static const char *const keywords[] = {"user", "kernel", "active", "gleader"};
	bool *const flags[] = {&sel->user, &sel->kernel, &sel->active, &sel->leaders};

	for (size_t i = 0; i < 4; i++) {
		if (!strcmp(word, keywords[i])) {
			*flags[i] = true;
			return true;
		}
	}
	for (size_t i = 0; i < STATES; i++) {
		if (!strcmp(word, state_names[i])) {
			sel->states |= 1u << i;
			return true;
		}
	}
	return false;
}

/* Selectors up to the command's name. *command is then its place in argv; argc when there is none.
 */
static struct error *parse(struct session *s, int argc, char **argv, struct selection *sel,
			   int *command)
{
	int i;

	for (i = 1; i < argc; i++) {
		char quote = s->quotes ? s->quotes[i] : 0;

		if (!quote && (command_find(argv[i]) || select_keyword(sel, argv[i]))) {
			if (command_find(argv[i]))
				break;
			continue;
		}
		sel->any_named = true;
		struct error *e = context_select(s, argv[i], quote, &sel->named);

		if (!e)
			continue;
		if (e->code != ERR_NOT_FOUND) /* a bad expression, no tasks at all */
			return e;
		if (sel->missed)
			error_free(e);
		else
			sel->missed = e;
	}
	*command = i;
	return NULL;
}

static bool fits(struct kernel *k, const struct selection *sel, const struct task *t)
{
	if (sel->user && t->is_kernel)
		return false;
	if (sel->kernel && !t->is_kernel)
		return false;
	if (sel->leaders && (t->is_kernel || !t->is_leader))
		return false;
	if (sel->active && !t->is_active)
		return false;
	if (!sel->states)
		return true;
	const char *state = task_state_short(k, t);

	for (size_t i = 0; i < STATES; i++) {
		if (sel->states & 1u << i && !strcmp(state, state_names[i]))
			return true;
	}
	return false;
}

static int compare_places(const void *va, const void *vb)
{
	const struct task *const *a = va, *const *b = vb;

	return *a < *b ? -1 : *a > *b; /* all within one table */
}

/*
 * The tasks in the table's order, each once, as copies: a command may change the image and so have
 * the table made anew. *count 0: NULL.
 */
static struct task *chosen(struct kernel *k, struct selection *sel, size_t *count)
{
	struct task_list list = {0};
	const struct task *t;

	if (sel->any_named) {
		if (sel->named.count)
			qsort(sel->named.tasks, sel->named.count, sizeof(*sel->named.tasks),
			      compare_places);
		for (size_t i = 0; i < sel->named.count; i++) {
			if (i && sel->named.tasks[i] == sel->named.tasks[i - 1])
				continue;
			if (fits(k, sel, sel->named.tasks[i]))
				task_list_add(&list, sel->named.tasks[i]);
		}
	} else {
		for (size_t i = 0; (t = tasks_get(k, i)); i++) {
			if (fits(k, sel, t))
				task_list_add(&list, t);
		}
	}
	struct task *copies = malloc((list.count + 1) * sizeof(*copies));

	if (!copies)
		abort();
	for (size_t i = 0; i < list.count; i++)
		copies[i] = *list.tasks[i];
	*count = list.count;
	task_list_free(&list);
	return copies;
}

/* ---- The loop ---- */

struct loop {
	const struct command *command;
	int argc;
	char **argv, **scratch;
	size_t failures;
};

static struct error *run_one(struct session *s, struct loop *loop, const struct task *t)
{
	struct out *o = s->out;
	unsigned depth = o->depth;

	s->task = t->addr;
	out_object_begin(o, NULL);
	out_dec(o, "pid", NULL, t->pid);
	out_hex(o, "task", NULL, t->addr);
	out_dec(o, "cpu", NULL, t->cpu);
	out_str(o, "comm", NULL, t->comm);
	memcpy(loop->scratch, loop->argv, (size_t)(loop->argc + 1) * sizeof(*loop->argv));
	struct error *e = session_run(s, loop->argc, loop->scratch);

	s->foreach_index++;
	if (e) {
		out_close(o, depth + 1);
		out_str(o, "error", NULL, e->message);
		/* Wrong words are wrong for all tasks. */
		if (e->code != ERR_INTERRUPTED && e->code != ERR_USAGE &&
		    e->code != ERR_NO_MEMBER) {
			loop->failures++;
			e = error_prefix(e, "pid %u", t->pid);
			context_complain(s, loop->command->name, e);
			error_free(e);
			e = NULL;
		}
	}
	out_close(o, depth);
	return e;
}

static struct error *run_all(struct session *s, struct loop *loop, const struct task *tasks,
			     size_t count)
{
	unsigned depth = s->out->depth;
	struct error *e = NULL;

	out_array_begin(s->out, "tasks");
	progress_start(count);
	for (size_t i = 0; i < count && !e; i++) {
		progress_at(i);
		e = run_one(s, loop, &tasks[i]);
		/* Its reader has gone (q in the pager): nobody waits for the rest. */
		if (s->out->failed)
			break;
		if (!e)
			e = check_interrupt();
	}
	out_close(s->out, depth);
	if (!e && loop->failures)
		e = error_new(ERR_OTHER, "%s failed for %zu of %zu tasks", loop->command->name,
			      loop->failures, count);
	return e;
}

/* Runs argv[at…] for each chosen task; the session's context comes back afterwards. */
static struct error *run_command(struct session *s, struct selection *sel, int argc, char **argv,
				 int at)
{
	struct loop loop = {
		.command = command_find(argv[at]), .argc = argc - at, .argv = argv + at};
	const char *quotes = s->quotes;
	uint64_t context = s->task;
	size_t count;

	if (!(loop.command->flags & CMD_FOREACH))
		return error_new(ERR_USAGE, "this command is not about a task: %s", argv[at]);
	if (sel->any_named && !sel->named.count) {
		struct error *e = sel->missed;

		sel->missed = NULL;
		return e;
	}
	struct task *tasks = chosen(s->kernel, sel, &count);

	loop.scratch = malloc((size_t)(loop.argc + 1) * sizeof(*loop.scratch));
	if (!loop.scratch)
		abort();
	s->quotes = quotes ? quotes + at : NULL;
	s->in_foreach = true;
	s->foreach_index = 0;
	struct error *e = run_all(s, &loop, tasks, count);

	s->in_foreach = false;
	s->foreach_index = 0;
	s->quotes = quotes;
	s->task = context;
	free(loop.scratch);
	free(tasks);
	return e;
}

static struct error *run_selected(struct session *s, struct selection *sel, int argc, char **argv)
{
	struct error *e;
	int at;

	/* A session that comes back from foreach had a context before it. */
	TRY(context_task(s, &(const struct task *){NULL}));
	TRY(parse(s, argc, argv, sel, &at));
	if (at >= argc && argc > 1 && sel->missed)
		return usage_error("foreach", "no such command or task: %s", argv[argc - 1]);
	if (at >= argc)
		return usage_error("foreach", "no command");
	e = run_command(s, sel, argc, argv, at);
	if (e && sel->missed)
		context_complain(s, "foreach", sel->missed);
	else if (sel->missed) {
		e = sel->missed;
		sel->missed = NULL;
	}
	if (!e && tasks_damage(s->kernel) && !sel->any_named)
		e = error_new(ERR_BAD_LIST, "tasks may have been left out: %s",
			      tasks_damage(s->kernel));
	return e;
}

static struct error *run_foreach(struct session *s, int argc, char **argv)
{
	struct selection sel = {0};
	struct error *e = run_selected(s, &sel, argc, argv);

	task_list_free(&sel.named);
	error_free(sel.missed);
	return e;
}

COMMAND(foreach) = {
	.name = "foreach",
	.summary = "run a command for many tasks",
	.synopsis = "[PID | TASK | NAME | 'REGEX' | STATE | user | kernel | active | gleader]… "
		    "COMMAND [ARGUMENT]…",
	.help = "Runs a command once for each of the chosen tasks, as if each were the context. "
		"Without a selector it\n"
		"runs for all tasks. Tasks that are named add up; the other selectors narrow them "
		"down.\n"
		"\n"
		"  PID      the task with this decimal pid\n"
		"  TASK     the task at this hexadecimal address\n"
		"  NAME     all tasks with this command name; after a backslash it is never taken "
		"for a command\n"
		"  'REGEX'  all tasks whose name matches a POSIX extended regular expression\n"
		"  STATE    tasks in a state, as ps shows it: RU IN UN ID ST TR ZO DE WA PA NE SW\n"
		"  user     user tasks\n"
		"  kernel   kernel threads\n"
		"  active   tasks that were running when the image was taken\n"
		"  gleader  leaders of user thread groups\n"
		"\n"
		"The command is one that is about a task: ps, task, vm, vtop, rd, regs, set and "
		"others. A failure for one\n"
		"task does not end the loop; foreach then fails in the end. Ctrl-C ends all. The "
		"context stays as it was.\n"
		"\n"
		"EXAMPLES\n"
		"  The address spaces of all user processes:\n"
		"\n"
		"    mmscope> foreach gleader vm\n"
		"\n"
		"  A member of each kernel thread whose name begins with k:\n"
		"\n"
		"    mmscope> foreach kernel '^k' task -R pid,comm\n"
		"\n"
		"  What stopped or ended tasks there are:\n"
		"\n"
		"    mmscope> foreach ST ZO ps\n",
	.options = "user kernel active gleader RU IN UN ID ST TR ZO DE WA PA NE SW",
	.flags = CMD_NEEDS_KERNEL | CMD_TASK_ARGS,
	.run = run_foreach,
};

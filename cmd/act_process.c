/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * spawn, fork, clone, exec, exit-task: processes made and ended.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/act.h"
#include "cmd/context.h"

/* CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND; CLONE_THREAD: include/linux/sched.h */
#define CLONE_SHARED (CLONE_VM_FLAG | 0x200 | 0x400 | 0x800)
#define CLONE_THREAD 0x10000

/* What init gives to its children. */
static char *const environment[] = {"HOME=/", "TERM=linux", NULL};

struct process_act {
	uint64_t parent; /* 0: none is forked */
	uint64_t task;
	unsigned flags;
	uint64_t pid;
	char *const *argv; /* NULL: nothing is executed */
	bool empty;	   /* argv[0] is no program, but the name of a process without one */
	char killed[256];  /* the program could not be started, and the old one was gone: why */
};

static struct error *act(struct engine *e, void *context)
{
	struct process_act *a = context;

	if (a->parent)
		TRY(do_fork(e, a->parent, a->flags, (uint32_t)a->pid, &a->task));
	if (a->empty)
		return exec_empty(e, a->task, a->argv[0]);
	return a->argv ? do_execve(e, a->task, a->argv[0], a->argv, environment, a->killed, sizeof(a->killed)) : NULL;
}

/* Options, and on success the task as it is then. */
static struct error *finish(struct session *s, struct process_act *a)
{
	const struct task *t;

	TRY(act_do(s, act, a));
	if (*a->killed)
		return error_new(ERR_KERNEL, "%s: the process is killed (SIGSEGV): its old program was gone", a->killed);
	t = task_by_addr(s->kernel, a->task);
	if (!t)
		return error_at(ERR_BAD_OBJECT, a->task, "the new task is not on the task list");
	context_heading(s, t);
	return NULL;
}

struct process_options {
	const char *task; /* -c */
	uint64_t pid;	  /* -p */
	bool thread;	  /* -t */
	bool empty;	  /* -e */
	int operands;	  /* index of the first */
};

static struct error *parse(const char *spec, int argc, char **argv, struct process_options *o)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = spec};
	int c;

	*o = (struct process_options){0};
	while ((c = next_option(&p))) {
		if (c == 'c')
			o->task = p.argument;
		else if (c == 't')
			o->thread = true;
		else if (c == 'e')
			o->empty = true;
		else if (c == 'p')
			TRY(parse_count(p.argument, &o->pid));
		else
			return option_error(&p);
		if (c == 'p' && (!o->pid || o->pid > INT32_MAX))
			return error_new(ERR_USAGE, "not a pid: %s", p.argument);
	}
	o->operands = p.index;
	return NULL;
}

/* init, or while there is none, the kernel's own first task. */
static struct error *default_parent(struct session *s, uint64_t *task)
{
	size_t count;

	TRY(tasks_count(s->kernel, &count));
	const struct task *t = task_by_pid(s->kernel, 1);

	if (!t)
		t = task_by_pid(s->kernel, 0);
	if (!t)
		return error_new(ERR_NOT_FOUND, "no task to fork from");
	*task = t->addr;
	return NULL;
}

static struct error *run_spawn(struct session *s, int argc, char **argv)
{
	struct process_act a = {0};
	struct process_options o;

	TRY(parse("c:p:e", argc, argv, &o));
	if (o.operands >= argc)
		return usage_error("spawn", o.empty ? "a name is needed" : "a program is needed");
	if (o.empty && o.operands + 1 < argc)
		return usage_error("spawn", "no such argument: %s", argv[o.operands + 1]);
	if (o.task)
		TRY(act_task(s, o.task, &a.parent));
	else
		TRY(default_parent(s, &a.parent));
	a.pid = o.pid;
	a.argv = argv + o.operands;
	a.empty = o.empty;
	return finish(s, &a);
}

static struct error *run_fork(struct session *s, int argc, char **argv)
{
	struct process_act a = {0};
	struct process_options o;
	bool clone = !strcmp(argv[0], "clone");

	TRY(parse(clone ? "c:p:t" : "c:p:", argc, argv, &o));
	if (o.operands < argc)
		return usage_error(argv[0], "no such argument: %s", argv[o.operands]);
	TRY(act_task(s, o.task, &a.parent));
	a.pid = o.pid;
	a.flags = clone ? CLONE_SHARED | (o.thread ? CLONE_THREAD : 0) : 0;
	return finish(s, &a);
}

static struct error *run_exec(struct session *s, int argc, char **argv)
{
	struct process_act a = {0};
	struct process_options o;

	TRY(parse("c:", argc, argv, &o));
	if (o.operands >= argc)
		return usage_error("exec", "a program is needed");
	TRY(act_task(s, o.task, &a.task));
	a.argv = argv + o.operands;
	return finish(s, &a);
}

static struct error *exit_act(struct engine *e, void *context)
{
	return do_exit(e, *(uint64_t *)context);
}

static struct error *run_exit_task(struct session *s, int argc, char **argv)
{
	const struct task *t;
	uint64_t addr;

	if (argc > 2)
		return usage_error(argv[0], NULL);
	TRY(act_task(s, argc == 2 ? argv[1] : NULL, &addr));
	t = task_by_addr(s->kernel, addr);
	if (t && t->pid == 1)
		return error_new(ERR_KERNEL, "EPERM: the kernel panics when init ends");
	if (t)
		context_heading(s, t);
	return act_do(s, exit_act, &addr);
}

COMMAND(spawn) = {
	.name = "spawn",
	.summary = "a new process that runs a program",
	.synopsis = "[-c pid] [-p pid] PATH [ARG…] | -e NAME",
	.options = "-c -p -e",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS | CMD_PATH_ARGS,
	.help = "DESCRIPTION\n"
		"  Forks a process, which then executes a program of the machine's file system, with these\n"
		"  arguments and the environment that init gives its children.\n"
		"\n"
		"  -c  the process that forks, in place of init\n"
		"  -p  the pid that the new process gets\n"
		"  -e  no program: the process has this name and a stack, and is to be filled by mmap (on kernels\n"
		"      for x86_64 with reverse mapping)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> spawn /root/stack_val\n",
	.run = run_spawn,
};

COMMAND(fork) = {
	.name = "fork",
	.summary = "a process forks",
	.synopsis = "[-c pid | task] [-p pid]",
	.options = "-c -p",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  The current context, or the task given with -c, forks: the child has a copy of its areas and of\n"
		"  its page tables; writable private pages become write-protected in both.\n"
		"\n"
		"  -p  the pid that the child gets\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> fork -c 1\n",
	.run = run_fork,
};

COMMAND(clone) = {
	.name = "clone",
	.summary = "a process makes one that shares its memory",
	.synopsis = "[-c pid | task] [-p pid] [-t]",
	.options = "-c -p -t",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS,
	.help = "DESCRIPTION\n"
		"  As fork, but memory, files, directories and signal handlers are shared (CLONE_VM, CLONE_FS,\n"
		"  CLONE_FILES, CLONE_SIGHAND).\n"
		"\n"
		"  -t  a thread of the same group (CLONE_THREAD)\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> clone -c 1\n",
	.run = run_fork,
};

COMMAND(exec) = {
	.name = "exec",
	.summary = "a process executes a program",
	.synopsis = "[-c pid | task] PATH [ARG…]",
	.options = "-c",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS | CMD_PATH_ARGS,
	.help = "DESCRIPTION\n"
		"  The current context, or the task given with -c, executes an ELF program of the machine's file\n"
		"  system: its memory goes, and segments, stack and interpreter of the new program are mapped. What\n"
		"  is refused before the old program is gone leaves it in place; what fails after that kills the\n"
		"  process, as the kernel does: exec then fails, and the process has ended.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> exec -c 273 /root/stack_val\n",
	.run = run_exec,
};

COMMAND(exit_task) = {
	.name = "exit-task",
	.summary = "a process ends",
	.synopsis = "[pid | task]",
	.flags = CMD_NEEDS_KERNEL | CMD_ACTS | CMD_TASK_ARGS,
	.help = "DESCRIPTION\n"
		"  The task ends and its parent waits for it: its memory, files and task structure are freed, its\n"
		"  children become init's.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> exit-task 273\n",
	.run = run_exit_task,
};

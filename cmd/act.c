/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What commands that act have in common: marks, the trace, and the commands about those.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/act.h"
#include "cmd/context.h"
#include "mm/state.h"

/* ---- The trace ---- */

struct printer {
	struct trace trace;
	struct out *out;
};

static void print_step(struct trace *t, const char *function, const char *decision, const struct trace_value *values, unsigned count)
{
	struct out *o = ((struct printer *)t)->out;

	out_object_begin(o, NULL);
	out_str(o, "function", "  %-22s ", function);
	out_str(o, "decision", "%s\n", decision);
	out_object_begin(o, "values");
	for (unsigned i = 0; i < count; i++) {
		out_printf(o, "%s%s=%" PRIx64, i ? "  " : "      ", values[i].name, values[i].value);
		out_hex(o, values[i].name, NULL, values[i].value);
	}
	if (count)
		out_text(o, "\n");
	out_object_end(o);
	out_object_end(o);
}

/* ---- Acting ---- */

/* The context may have been the task that ended. */
static void forget(struct session *s)
{
	mm_state_forget(s->kernel);
	if (s->task && !task_by_addr(s->kernel, s->task))
		s->task = 0;
}

static struct error *run(struct session *s, struct engine *e, act_function *act, void *context)
{
	struct printer printer = {{print_step}, s->out};
	struct error *failure;

	if (s->acts.trace) {
		out_array_begin(s->out, "trace");
		e->trace = &printer.trace;
	}
	failure = act(e, context);
	e->trace = NULL;
	if (s->acts.trace)
		out_array_end(s->out);
	return failure;
}

struct error *act_change(struct session *s, change_function *change, void *context)
{
	struct error *failure;

	/* Only one act can be taken back: the one before becomes part of what the snapshot below it keeps. */
	if (s->acts.last_act) {
		s->acts.last_act = false;
		TRY(vmcore_forget(s->vmcore));
	}
	TRY(vmcore_mark(s->vmcore, NULL));
	failure = change(s, context);
	if (failure) {
		struct error *worse = vmcore_undo(s->vmcore);

		if (worse) {
			error_free(failure);
			failure = worse;
		}
	} else {
		s->acts.last_act = true;
	}
	if (s->kernel)
		forget(s);
	return failure;
}

struct act {
	struct engine *engine;
	act_function *function;
	void *context;
};

static struct error *run_act(struct session *s, void *context)
{
	const struct act *a = context;

	return run(s, a->engine, a->function, a->context);
}

struct error *act_do(struct session *s, act_function *act, void *context)
{
	struct act a = {.function = act, .context = context};

	TRY(engine_open(s->kernel, &a.engine));
	return act_change(s, run_act, &a);
}

struct error *act_task(struct session *s, const char *word, uint64_t *task)
{
	const struct task *t;
	struct engine *e;

	/* An image that cannot act says that first. */
	TRY(engine_open(s->kernel, &e));
	if (word)
		TRY(context_select_one(s, word, &t));
	else
		TRY(context_task(s, &t));
	*task = t->addr;
	return NULL;
}

struct error *act_mm(struct session *s, uint64_t task, uint64_t *mm)
{
	TRY(kernel_get(s->kernel, task, M_task_struct_mm, mm));
	return *mm ? NULL : error_new(ERR_KERNEL, "EFAULT: a kernel thread has no user memory");
}

/* ---- Words ---- */

struct error *parse_length(const char *text, uint64_t *out)
{
	static const char units[] = "kKmMgG";
	char number[32];
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	unsigned shift = unit && *unit ? 10 * (unsigned)((unit - units) / 2 + 1) : 0;

	if (len >= sizeof(number))
		return error_new(ERR_USAGE, "not a length: %s", text);
	memcpy(number, text, len + 1);
	if (shift)
		number[len - 1] = '\0';
	if (error_drop(parse_count(number, out)) || *out > UINT64_MAX >> shift)
		return error_new(ERR_USAGE, "not a length: %s", *text ? text : "\"\"");
	*out <<= shift;
	return NULL;
}

struct error *parse_protection(const char *text, unsigned *out)
{
	*out = 0;
	for (const char *p = text; *p; p++) {
		unsigned bit = *p == 'r'   ? PROT_READ
			       : *p == 'w' ? PROT_WRITE
			       : *p == 'x' ? PROT_EXEC
					   : 0;

		if (!bit && *p != '-')
			return error_new(ERR_USAGE, "not a protection (r, w, x, -): %s", text);
		*out |= bit;
	}
	return *text ? NULL : error_new(ERR_USAGE, "not a protection (r, w, x, -): \"\"");
}

/* ---- trace, snapshot, undo ---- */

static struct error *run_trace(struct session *s, int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "on") && strcmp(argv[1], "off")))
		return usage_error("trace", NULL);
	if (argc == 2)
		s->acts.trace = !strcmp(argv[1], "on");
	out_str(s->out, "trace", "trace: %s\n", s->acts.trace ? "on" : "off");
	return NULL;
}

static struct error *run_snapshot(struct session *s, int argc, char **argv)
{
	if (argc > 1)
		return usage_error(argv[0], NULL);
	if (s->acts.last_act) {
		s->acts.last_act = false;
		TRY(vmcore_forget(s->vmcore));
	}
	TRY(vmcore_mark(s->vmcore, NULL));
	s->acts.snapshots++;
	out_dec(s->out, "snapshot", "snapshot %" PRIu64 "\n", s->acts.snapshots);
	return NULL;
}

static struct error *run_undo(struct session *s, int argc, char **argv)
{
	bool to_snapshot = s->acts.snapshots > 0;

	if (argc > 1)
		return usage_error(argv[0], NULL);
	if (!to_snapshot && !s->acts.last_act)
		return error_new(ERR_OTHER, "nothing to undo: no act, and no snapshot");
	if (s->acts.last_act)
		TRY(vmcore_undo(s->vmcore));
	s->acts.last_act = false;
	if (to_snapshot) {
		TRY(vmcore_undo(s->vmcore));
		s->acts.snapshots--;
	}
	if (s->kernel)
		forget(s);
	out_str(s->out, "undone", "undone: %s\n", to_snapshot ? "all since the snapshot" : "the last act");
	return NULL;
}

COMMAND(trace) = {
	.name = "trace",
	.summary = "whether acts say what they do",
	.synopsis = "[on | off]",
	.words = "on off",
	.help = "DESCRIPTION\n"
		"  With \"trace on\" every command that acts prints the kernel functions that it goes through, the\n"
		"  decision that each takes, and the values that it is taken on, under the names that the kernel has.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> trace on\n"
		"    mmscope> trace off\n",
	.run = run_trace,
};

COMMAND(snapshot) = {
	.name = "snapshot",
	.summary = "remembers the image as it is now",
	.flags = CMD_ACTS,
	.synopsis = "",
	.help = "DESCRIPTION\n"
		"  \"undo\" goes back to here. Snapshots stand one on the other. They cost what is changed after\n"
		"  them.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> snapshot\n"
		"    mmscope> undo\n",
	.run = run_snapshot,
};

COMMAND(undo) = {
	.name = "undo",
	.summary = "takes back what acts have changed",
	.flags = CMD_ACTS,
	.synopsis = "",
	.help = "DESCRIPTION\n"
		"  Goes back to the newest snapshot, which is used up by that; without a snapshot takes back the\n"
		"  last act.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> snapshot\n"
		"    mmscope> undo\n",
	.run = run_undo,
};

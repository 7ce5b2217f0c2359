/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/context.h"

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"

struct error *context_task(struct session *s, const struct task **out)
{
	size_t count;

	*out = NULL;
	TRY(tasks_count(s->kernel, &count));
	if (s->task)
		*out = task_by_addr(s->kernel, s->task);
	if (!*out)
		*out = task_default(s->kernel);
	if (!*out)
		return error_new(ERR_NOT_FOUND, "no tasks in this image");
	s->task = (*out)->addr;
	return NULL;
}

/* ---- Lists ---- */

void task_list_add(struct task_list *list, const struct task *t)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 16;
		list->tasks = realloc(list->tasks, list->room * sizeof(*list->tasks));
		if (!list->tasks)
			abort();
	}
	list->tasks[list->count++] = t;
}

void task_list_free(struct task_list *list)
{
	free(list->tasks);
	*list = (struct task_list){0};
}

/* ---- Words ---- */

static const struct task *by_number(struct kernel *k, const char *word)
{
	const struct task *t;
	uint64_t value;

	if (word[strspn(word, "0123456789")] == '\0' && *word) {
		if (!error_drop(parse_number(word, false, &value)) && (t = task_by_pid(k, value)))
			return t;
	} else if (!strncmp(word, "0x", 2) && !error_drop(parse_number(word, true, &value)) &&
		   value && (t = task_by_pid(k, value))) {
		return t;
	}
	if (error_drop(parse_number(word, true, &value)))
		return NULL;
	return task_by_addr(k, value);
}

static struct error *by_expression(struct kernel *k, const char *word, struct task_list *list)
{
	regex_t expression;
	char why[128];
	const struct task *t;
	int bad = regcomp(&expression, word, REG_EXTENDED | REG_NOSUB);

	if (bad) {
		regerror(bad, &expression, why, sizeof(why));
		return error_new(ERR_USAGE, "bad regular expression: %s: %s", word, why);
	}
	for (size_t i = 0; (t = tasks_get(k, i)); i++) {
		if (!regexec(&expression, t->comm, 0, NULL, 0))
			task_list_add(list, t);
	}
	regfree(&expression);
	return NULL;
}

/* Command names are compared as far as comm has room for them (TASK_COMM_LEN - 1), kernel threads'
 * by their full names too. */
static void by_name(struct kernel *k, const char *word, struct task_list *list)
{
	const struct task *t;
	char full[64];

	for (size_t i = 0; (t = tasks_get(k, i)); i++) {
		bool same = !strncmp(t->comm, word, 15);

		if (!same && t->is_kernel && strlen(word) > 15) {
			task_full_name(k, t, full, sizeof(full));
			same = !strcmp(full, word);
		}
		if (same)
			task_list_add(list, t);
	}
}

struct error *context_select(struct session *s, const char *word, char quote,
			     struct task_list *list)
{
	size_t before = list->count;
	const struct task *t = NULL;

	TRY(tasks_count(s->kernel, &(size_t){0}));
	if (quote == '\'') {
		TRY(by_expression(s->kernel, word, list));
		if (list->count == before)
			return error_new(ERR_NOT_FOUND, "no task whose name matches: %s", word);
		return NULL;
	}
	if (*word == '\\')
		by_name(s->kernel, word + 1, list);
	else if (!quote && (t = by_number(s->kernel, word)))
		task_list_add(list, t);
	else
		by_name(s->kernel, word, list);
	if (list->count == before)
		return error_new(ERR_NOT_FOUND, "no task with this pid, address or name: %s",
				 *word ? word : "\"\"");
	return NULL;
}

struct error *context_select_one(struct session *s, const char *word, const struct task **out)
{
	struct task_list list = {0};
	struct error *e = context_select(s, word, 0, &list);

	*out = e ? NULL : list.tasks[0];
	if (!e && list.count > 1)
		e = error_new(ERR_USAGE, "%zu tasks have this name, the first is pid %u: %s",
			      list.count, list.tasks[0]->pid, word);
	task_list_free(&list);
	return e;
}

struct error *context_words(struct session *s, int argc, char **argv, int from,
			    struct task_list *list, struct error **missed)
{
	*missed = NULL;
	if (from >= argc) {
		const struct task *t;

		TRY(context_task(s, &t));
		task_list_add(list, t);
		return NULL;
	}
	for (int i = from; i < argc; i++) {
		struct error *e = context_select(s, argv[i], s->quotes ? s->quotes[i] : 0, list);

		if (e && *missed)
			error_free(e);
		else if (e)
			*missed = e;
	}
	if (!list->count) {
		struct error *e = *missed;

		*missed = NULL;
		return e;
	}
	return NULL;
}

/* ---- Saying ---- */

void context_heading_indented(struct session *s, const struct task *t, unsigned blanks)
{
	struct out *o = s->out;

	out_printf(o, "%*s", (int)blanks, "");
	out_dec(o, "pid", "PID: %-7" PRIu64 "  ", t->pid);
	out_hex(o, "task", "TASK: %" PRIx64 "  ", t->addr);
	out_dec(o, "cpu", "CPU: %-3" PRIu64 "  ", t->cpu);
	out_str(o, "comm", "COMMAND: \"%s\"\n", t->comm);
}

void context_heading(struct session *s, const struct task *t)
{
	/* foreach has said it in JSON. */
	if (s->in_foreach && out_json(s->out))
		return;
	context_heading_indented(s, t, 0);
}

struct error *context_heading_in_foreach(struct session *s)
{
	const struct task *t;

	if (!s->in_foreach)
		return NULL;
	TRY(context_task(s, &t));
	if (s->foreach_index)
		out_text(s->out, "\n");
	context_heading(s, t);
	return NULL;
}

void context_complain(struct session *s, const char *name, const struct error *e)
{
	session_complain(s, name, e);
}

static struct error *visit_one(struct session *s, const struct task *t, bool several,
			       context_visitor *visit, void *context)
{
	unsigned depth = s->out->depth;

	if (s->in_foreach) {
		context_heading(s, t);
		return visit(s, t, context);
	}
	out_object_begin(s->out, NULL);
	context_heading(s, t);
	struct error *e = visit(s, t, context);
	if (e) {
		out_close(s->out, depth + 1);
		if (out_json(s->out))
			out_str(s->out, "error", NULL, e->message);
		if (several)
			e = error_prefix(e, "pid %u", t->pid);
	}
	out_object_end(s->out);
	return e;
}

/* The first task of each thread group stays. */
static void keep_groups(struct task_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct task *t = list->tasks[i];
		size_t j = 0;

		while (j < kept && (t->is_idle || list->tasks[j]->tgid != t->tgid))
			j++;
		if (j == kept)
			list->tasks[kept++] = t;
	}
	list->count = kept;
}

static struct error *for_each(struct session *s, int argc, char **argv, int from, bool groups, context_visitor *visit, void *context)
{
	struct task_list list = {0};
	struct error *failed, *e = context_words(s, argc, argv, from, &list, &failed);

	if (e) {
		task_list_free(&list);
		return e;
	}
	if (groups)
		keep_groups(&list);
	if (!s->in_foreach)
		out_array_begin(s->out, "tasks");
	for (size_t i = 0; i < list.count && !interrupted(); i++) {
		if (i || (s->in_foreach && s->foreach_index))
			out_text(s->out, "\n");
		e = visit_one(s, list.tasks[i], list.count > 1, visit, context);
		if (!e)
			continue;
		if (e->code == ERR_INTERRUPTED) {
			error_free(failed);
			failed = e;
			break;
		}
		/* The last failure is the command's own; those before it are said as they come. */
		if (failed)
			context_complain(s, argv[0], failed);
		error_free(failed);
		failed = e;
	}
	if (!s->in_foreach)
		out_array_end(s->out);
	task_list_free(&list);
	if (!failed)
		failed = check_interrupt();
	return failed;
}

struct error *context_for_each(struct session *s, int argc, char **argv, int from, context_visitor *visit, void *context)
{
	return for_each(s, argc, argv, from, false, visit, context);
}

struct error *context_for_each_group(struct session *s, int argc, char **argv, int from, context_visitor *visit, void *context)
{
	return for_each(s, argc, argv, from, true, visit, context);
}

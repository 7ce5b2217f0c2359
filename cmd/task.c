/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * task: the task_struct and thread_info of tasks, whole or by members.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/context.h"
#include "cmd/typed.h"
#include "core/typeprint.h"

#define MEMBERS_MAX 64

struct request {
	const char *members[MEMBERS_MAX];
	size_t count;
	struct value_format format;
	struct type task, info; /* struct task_struct, struct thread_info (may lack) */
};

/* ---- What is asked for ---- */

static bool is_member(struct kernel *k, const struct request *r, const char *path)
{
	struct type_member m;

	return !error_drop(type_member_find(k, r->task, path, &m)) ||
	       (type_valid(r->info) && !error_drop(type_member_find(k, r->info, path, &m)));
}

/* Takes "pid,comm" apart; the text is kept and changed. */
static struct error *add_members(struct kernel *k, struct request *r, char *text)
{
	char *rest;

	for (char *path = strtok_r(text, ",", &rest); path; path = strtok_r(NULL, ",", &rest)) {
		if (r->count == MEMBERS_MAX)
			return error_new(ERR_USAGE, "more than %d members", MEMBERS_MAX);
		if (!is_member(k, r, path))
			return error_new(ERR_NO_MEMBER,
					 "no such member of task_struct or thread_info: %s", path);
		r->members[r->count++] = path;
	}
	return NULL;
}

/* ---- What is shown ---- */

static struct value_bytes whole(struct type type, const struct object *o)
{
	return (struct value_bytes){
		.type = type, .bytes = o->bytes, .len = o->size, .addr = o->addr};
}

static void put_struct(struct session *s, const struct request *r, const char *name,
		       struct type type, const struct object *o)
{
	struct value_bytes v = whole(type, o);

	out_printf(s->out, "struct %s ", name);
	value_put(s->out, s->kernel, name, &v, &r->format);
	out_text(s->out, "\n");
}

static bool put_member(struct session *s, const struct request *r, const char *path,
		       struct type type, const struct object *o)
{
	struct value_format format = r->format;
	struct type_member m;

	if (!type_valid(type) || error_drop(type_member_find(s->kernel, type, path, &m)) ||
	    m.offset > o->size)
		return false;
	struct value_bytes v = {
		.type = m.type,
		.bytes = o->bytes + m.offset,
		.len = o->size - m.offset,
		.addr = o->addr + m.offset,
		.bit_offset = m.bit_offset,
		.bit_size = m.bit_size,
	};
	format.indent = 2;
	out_printf(s->out, "  %s = ", path);
	value_put(s->out, s->kernel, path, &v, &format);
	out_text(s->out, ",\n");
	return true;
}

static struct error *show(struct session *s, const struct task *t, void *context)
{
	const struct request *r = context;
	struct object info = {0};
	struct error *e = NULL;

	if (type_valid(r->info))
		e = object_open(s->kernel, task_thread_info(s->kernel, t), S_thread_info, &info);
	if (!r->count) {
		put_struct(s, r, "task_struct", r->task, &t->object);
		if (info.bytes) {
			out_text(s->out, "\n");
			put_struct(s, r, "thread_info", r->info, &info);
		}
		return e;
	}
	/* As in crash, a name that both structs have is shown of both. */
	out_object_begin(s->out, "task_struct");
	for (size_t i = 0; i < r->count; i++)
		put_member(s, r, r->members[i], r->task, &t->object);
	out_object_end(s->out);
	if (!info.bytes)
		return e;
	out_object_begin(s->out, "thread_info");
	for (size_t i = 0; i < r->count; i++)
		put_member(s, r, r->members[i], r->info, &info);
	out_object_end(s->out);
	return NULL;
}

/* ---- Words ---- */

struct words {
	char **argv; /* the command's name, then the words that name tasks */
	int argc;
	char **kept; /* copies of the lists of members, which the request points into */
	size_t kept_count;
	char *quotes;
};

static struct error *keep_members(struct session *s, struct request *r, struct words *w,
				  const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		abort();
	w->kept[w->kept_count++] = copy;
	return add_members(s->kernel, r, copy);
}

/* A word without "-R" names members when it names no task. */
static struct error *take_word(struct session *s, struct request *r, struct words *w, char *word,
			       char quote)
{
	struct task_list list = {0};
	char first[64];
	struct error *e = context_select(s, word, quote, &list);

	task_list_free(&list);
	if (e && !quote) {
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(word, ","), word);
		if (is_member(s->kernel, r, first)) {
			error_free(e);
			return keep_members(s, r, w, word);
		}
	}
	error_free(e); /* context_for_each() says so in its turn */
	w->quotes[w->argc] = quote;
	w->argv[w->argc++] = word;
	return NULL;
}

static struct error *parse(struct session *s, struct request *r, struct words *w, int argc,
			   char **argv)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "R:xd"};
	int option;

	for (;;) {
		while ((option = next_option(&p))) {
			if (option == 'R')
				TRY(keep_members(s, r, w, p.argument));
			else if (option == '?')
				return option_error(&p);
			else
				r->format.radix = option == 'x' ? 16 : 10;
		}
		if (p.index >= argc)
			return NULL;
		/* An operand; options may follow it: the parser goes on behind. */
		TRY(take_word(s, r, w, argv[p.index], s->quotes ? s->quotes[p.index] : 0));
		p = (struct option_parser){
			.argc = argc - p.index, .argv = argv + p.index, .spec = "R:xd"};
		argc = p.argc;
		argv = p.argv;
		if (argc == 1)
			return NULL;
	}
}

static struct error *run_with(struct session *s, struct words *w, int argc, char **argv)
{
	struct request r = {.format = typed_format(s, 0)};
	const char *quotes = s->quotes;
	struct error *e;

	r.task = type_find(s->kernel, TYPE_STRUCT, "task_struct");
	r.info = type_find(s->kernel, TYPE_STRUCT, "thread_info");
	if (!type_valid(r.task))
		return error_new(ERR_NO_TYPE, "no such type: struct task_struct");
	w->argv[w->argc++] = argv[0];
	TRY(parse(s, &r, w, argc, argv));
	w->argv[w->argc] = NULL;
	s->quotes = w->quotes;
	e = context_for_each(s, w->argc, w->argv, 1, show, &r);
	s->quotes = quotes;
	return e;
}

static struct error *run_task(struct session *s, int argc, char **argv)
{
	size_t most = (size_t)argc + 1;
	struct words w = {.argv = calloc(most, sizeof(char *)),
			  .kept = calloc(most, sizeof(char *)),
			  .quotes = calloc(most, 1)};
	struct error *e;

	if (!w.argv || !w.kept || !w.quotes)
		abort();
	e = run_with(s, &w, argc, argv);
	for (size_t i = 0; i < w.kept_count; i++)
		free(w.kept[i]);
	free(w.kept);
	free(w.argv);
	free(w.quotes);
	return e;
}

COMMAND(task) = {
	.name = "task",
	.summary = "the task_struct and thread_info of tasks",
	.synopsis = "[-R MEMBER[,MEMBER]…] [-x | -d] [PID | TASK | NAME]…",
	.help = "Prints the task_struct and the thread_info of each task, of the context without "
		"words.\n"
		"\n"
		"  -R   only these members, parted by commas; a member of a member with dots, an "
		"element with an index:\n"
		"       se.vruntime, pid_links[0]. A name that task_struct and thread_info share "
		"is shown of both.\n"
		"       The -R may be left out before a member's name.\n"
		"  -x   numbers in hexadecimal\n"
		"  -d   numbers in decimal\n"
		"\n"
		"EXAMPLES\n"
		"  All of init's task_struct:\n"
		"\n"
		"    mmscope> task 1\n"
		"\n"
		"  Some members, in hexadecimal:\n"
		"\n"
		"    mmscope> task -x -R mm,stack,flags 1\n"
		"\n"
		"  The same member of all user tasks:\n"
		"\n"
		"    mmscope> foreach user task -R pid,comm\n",
	.options = "-R -x -d",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_TASK_ARGS,
	.run = run_task,
};

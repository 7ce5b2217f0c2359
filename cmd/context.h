/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which tasks a command is about: the words "pid | task | name | 'regular expression'", the current
 * context when there are none, and the heading that stands before what is said of a task.
 */
#ifndef CMD_CONTEXT_H
#define CMD_CONTEXT_H

#include "cmd/session.h"
#include "mm/task.h"

/* The session's context; a session without one gets task_default(). ERR_NOT_FOUND when the image
 * has no task at all. */
struct error *context_task(struct session *s, const struct task **out) MUST_CHECK;

/* Tasks in the order in which they were named. Free with task_list_free(). */
struct task_list {
	const struct task **tasks;
	size_t count, room;
};
void task_list_add(struct task_list *list, const struct task *t);
void task_list_free(struct task_list *list);

/*
 * Adds the tasks that a word names: a decimal pid, the hexadecimal address of a task_struct, a
 * command name (all tasks that have it; after a backslash it is never a number), or with quote '\''
 * a POSIX extended regular expression over command names. ERR_NOT_FOUND when there are none.
 */
struct error *context_select(struct session *s, const char *word, char quote,
			     struct task_list *list) MUST_CHECK;
/* The one task that a word names. ERR_USAGE when a name fits several. */
struct error *context_select_one(struct session *s, const char *word,
				 const struct task **out) MUST_CHECK;

/*
 * All tasks that the words argv[from…] name, or the context when there are no words. Words that
 * name nothing do not hide the others: *missed is then an error for the first of them, to be
 * returned in the end (NULL otherwise; owned by the caller).
 */
struct error *context_words(struct session *s, int argc, char **argv, int from,
			    struct task_list *list, struct error **missed) MUST_CHECK;

/* 'PID: 97       TASK: ff3796d9825b8000  CPU: 0    COMMAND: "sh"', and the same as JSON facts into
 * the open object. */
void context_heading(struct session *s, const struct task *t);
/* The block that "set" shows: PID, COMMAND, TASK, CPU, STATE (cmd/set.c). */
void context_show(struct session *s, const struct task *t);
/*
 * The heading of the context, after a blank line between two tasks, when foreach runs the command;
 * nothing otherwise. For commands that are about one thing in the context and print no heading of
 * their own.
 */
struct error *context_heading_in_foreach(struct session *s) MUST_CHECK;
/* The same with blanks before it, for hierarchies. */
void context_heading_indented(struct session *s, const struct task *t, unsigned blanks);

/*
 * For a command "NAME [pid | task | name] …" that says something of each task: finds the tasks, and
 * for each prints the heading and calls visit(); a blank line between two tasks, in JSON an array
 * "tasks" of objects. Under foreach the object is there already. A failure of one task (or of a
 * word) does not end the others; the first is returned in the end.
 */
typedef struct error *context_visitor(struct session *s, const struct task *t, void *context);
struct error *context_for_each(struct session *s, int argc, char **argv, int from,
			       context_visitor *visit, void *context) MUST_CHECK;
/* The same, with one task of each thread group that the words name. */
struct error *context_for_each_group(struct session *s, int argc, char **argv, int from, context_visitor *visit, void *context) MUST_CHECK;

/* Says on stderr, as "NAME: message", what went wrong in a part of a command that goes on. */
void context_complain(struct session *s, const char *name, const struct error *e);

#endif

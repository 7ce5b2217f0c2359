/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands register themselves: each file in cmd/ defines its commands with COMMAND(), and the linker gathers them into one table.
 */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "core/interrupt.h"
#include "core/kernel.h"
#include "core/out.h"
#include "vmcore/error.h"

struct session;

enum command_flags {
	CMD_NEEDS_KERNEL = 1,  /* refuses with one line when no kernel is attached */
	CMD_FOREACH	 = 2,  /* works on the current context: "foreach" may run it per task */
	CMD_ACTS	 = 4,  /* changes the image, or shows what has changed */
	CMD_STRUCT_ARGS	 = 8,  /* completion: its words are struct names and members */
	CMD_SYMBOL_ARGS	 = 16, /* completion: its words are symbols */
	CMD_TASK_ARGS	 = 32, /* completion: pids and task names */
	CMD_TYPELESS	 = 128, /* has something to say of a kernel whose types are not known, too */
	CMD_PATH_ARGS	 = 256, /* completion: paths in the file system of the machine */
	CMD_RUNS_LINES	 = 512, /* runs lines, which are documents of their own */
	CMD_RAW_LINE	 = 64, /* argv[1] is the rest of the line, unsplit */
};

struct command {
	const char *name;
	const char *summary;  /* one line for `help`, lower case, no full stop */
	const char *synopsis; /* "[-p | -u] ADDR [COUNT]": what follows the name */
	const char *help;     /* the text of `help NAME` after the synopsis: options, columns, then "EXAMPLES" with commands that work */
	const char *options;  /* for completion: "-p -u -8", blank-separated; NULL: none */
	const char *words;   /* for completion: what its other words may be, blank-separated; NULL: none to offer */
	unsigned flags;
	/*
	 * argv[0] is the name; output goes to s->out. On failure an error for the one line "NAME: message" (the caller prints it); output
	 * given before stays.
	 */
	struct error *(*run)(struct session *s, int argc, char **argv);
} __attribute__((aligned(64)));

#define COMMAND(id)                                                                                \
	static const struct command command_##id                                                   \
		__attribute__((used, section("mmscope_commands"), aligned(64)))

/* ---- Parsing help for commands (cmd/args.c) ---- */

/* ERR_USAGE with the synopsis: "usage: rd [-p | -u] ADDR [COUNT]", prefixed by a message when not NULL. */
struct error *usage_error(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3))) MUST_CHECK;

/*
 * A number as crash reads it: 0x… hexadecimal, otherwise decimal when all digits are decimal, unless `hex` (the place takes
 * addresses): then always hexadecimal. ERR_USAGE.
 */
struct error *parse_number(const char *text, bool hex, uint64_t *out) MUST_CHECK;
/*
 * An address: hexadecimal with or without 0x, a symbol, symbol+offset, symbol-offset, "(expression)", per-CPU "symbol:cpu".
 * A word that is both a symbol and hexadecimal is the symbol only when it is no valid number.
 */
struct error *parse_address(struct session *s, const char *text, uint64_t *out) MUST_CHECK;
/* A count: decimal, 0x… hexadecimal. */
struct error *parse_count(const char *text, uint64_t *out) MUST_CHECK;

/* "0", "0,2", "1-3", "a", "all", "" (that of the current task): a flag for each CPU, in *out (freed by the caller, also after an error). ERR_USAGE. */
struct error *parse_cpus(struct session *s, const char *text, bool **out) MUST_CHECK;

/*
 * Options as getopt() takes them, re-entrant; unlike getopt it prints nothing. Options may stand between operands only when they come
 * first, as in crash. Returns the option letter, 0 at the end (p->index is the first operand), or '?' for one that is
 * unknown or lacks its argument (p->bad says which).
 */
struct option_parser {
	int argc;
	char **argv;
	const char *spec; /* "cpu:s:" */
	int index;
	const char *place;
	const char *argument;
	char bad;
};
int next_option(struct option_parser *p);
/* The usage error for an option letter, within its word, that a command has not, with the nearest that it has. */
struct error *unknown_option(const char *command, char letter, const char *word) MUST_CHECK;
/* The usage error for '?'. */
struct error *option_error(const struct option_parser *p) MUST_CHECK;

#endif

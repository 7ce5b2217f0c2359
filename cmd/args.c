/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words into numbers, addresses and options.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/context.h"
#include "cmd/nearest.h"
#include "mm/task.h"

struct error *usage_error(const char *command, const char *format, ...)
{
	const struct command *c = command_find(command);
	char what[256] = "", usage[512];
	size_t n = 0;

	if (format) {
		va_list args;

		va_start(args, format);
		vsnprintf(what, sizeof(what), format, args);
		va_end(args);
	}
	/* A synopsis of several lines becomes one. */
	for (const char *p = c && c->synopsis ? c->synopsis : ""; *p && n < sizeof(usage) - 1;
	     p++) {
		bool blank = *p == '\n' || *p == ' ' || *p == '\t';

		if (!blank)
			usage[n++] = *p;
		else if (n && usage[n - 1] != ' ')
			usage[n++] = ' ';
	}
	usage[n] = '\0';
	return error_new(ERR_USAGE, "%s%susage: %s%s%s", what, *what ? "; " : "", command,
			 n ? " " : "", usage);
}

/* All of `text` in one base; no sign, no blanks. */
static bool scan_digits(const char *text, int base, uint64_t *out)
{
	char *end;

	if (!isxdigit((unsigned char)*text))
		return false;
	errno = 0;
	*out = strtoull(text, &end, base);
	return *end == '\0' && errno == 0;
}

static bool scan_number(const char *text, bool hex, uint64_t *out)
{
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return isxdigit((unsigned char)text[2]) && text[3] != 'x' &&
		       scan_digits(text + 2, 16, out);
	if (hex)
		return scan_digits(text, 16, out);
	return scan_digits(text, 10, out) || scan_digits(text, 16, out);
}

struct error *parse_number(const char *text, bool hex, uint64_t *out)
{
	if (!scan_number(text, hex, out))
		return error_new(ERR_USAGE, "not a number: %s", *text ? text : "\"\"");
	return NULL;
}

struct error *parse_count(const char *text, uint64_t *out)
{
	bool prefixed = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');

	if (prefixed ? !scan_number(text, true, out) : !scan_digits(text, 10, out))
		return error_new(ERR_USAGE, "not a count: %s", *text ? text : "\"\"");
	return NULL;
}

static struct error *bad_cpus(const struct session *s, const char *text)
{
	return error_new(ERR_USAGE, "invalid cpu specification: %s (there are %u)", text, s->kernel->cpus);
}

/* "2" or "1-3" at *at, which moves behind it. */
static struct error *parse_cpu_range(struct session *s, const char *text, const char **at, bool *flags)
{
	unsigned long first, last;
	char *end;

	if (!isdigit((unsigned char)**at))
		return bad_cpus(s, text);
	first = last = strtoul(*at, &end, 10);
	if (*end == '-') {
		if (!isdigit((unsigned char)end[1]))
			return bad_cpus(s, text);
		last = strtoul(end + 1, &end, 10);
	}
	if (first > last || last >= s->kernel->cpus)
		return bad_cpus(s, text);
	for (unsigned long cpu = first; cpu <= last; cpu++)
		flags[cpu] = true;
	*at = end;
	return NULL;
}

struct error *parse_cpus(struct session *s, const char *text, bool **out)
{
	const unsigned cpus = s->kernel->cpus;
	const char *at = text;
	const struct task *t;
	bool *flags = *out = calloc(cpus, sizeof(*flags));

	if (!flags)
		return error_new(ERR_NO_MEMORY, "out of memory");
	if (!*text) {
		TRY(context_task(s, &t));
		if (t->cpu < cpus)
			flags[t->cpu] = true;
		return NULL;
	}
	if (!strcmp(text, "a") || !strcmp(text, "all")) {
		memset(flags, true, cpus * sizeof(*flags));
		return NULL;
	}
	for (;;) {
		TRY(parse_cpu_range(s, text, &at, flags));
		if (!*at)
			return NULL;
		if (*at++ != ',')
			return bad_cpus(s, text);
	}
}

/* "symbol:cpu", of which `colon` is the colon: the CPU's own copy of a per-CPU variable. */
static struct error *parse_percpu(struct kernel *k, const char *text, const char *colon,
				  uint64_t *out)
{
	char name[512];
	struct symbol symbol;
	uint64_t cpu;

	snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
	if (!symbol_find(k, name, &symbol))
		return error_new(ERR_NO_SYMBOL, "no such symbol: %s", name);
	if (!scan_digits(colon + 1, 10, &cpu))
		return error_new(ERR_USAGE, "not a CPU: %s", colon + 1);
	if (cpu >= k->cpus)
		return error_new(ERR_NOT_FOUND, "no such CPU: %s", colon + 1);
	*out = percpu_addr(k, symbol.addr, (unsigned)cpu);
	return NULL;
}

static struct error *parse_symbol(struct kernel *k, const char *text, uint64_t *out)
{
	struct symbol symbol;
	const char *sign, *colon;
	char name[512];
	uint64_t offset;

	/* The whole word first: a module's "module:symbol", and names with odd letters
	 * ("foo.isra.0", Rust's) stand as they are. */
	if (symbol_find(k, text, &symbol)) {
		*out = symbol.addr;
		return NULL;
	}
	sign = strrchr(text, '+');
	if (!sign)
		sign = strrchr(text, '-');
	if (sign && sign > text) {
		snprintf(name, sizeof(name), "%.*s", (int)(sign - text), text);
		if (scan_number(sign + 1, false, &offset)) {
			TRY(parse_symbol(k, name, out));
			*out += *sign == '+' ? offset : -offset;
			return NULL;
		}
	}
	colon = strrchr(text, ':');
	if (colon && colon > text && isdigit((unsigned char)colon[1]))
		return parse_percpu(k, text, colon, out);
	return error_new(ERR_NO_SYMBOL, "no such symbol or address: %s", text);
}

struct error *parse_symbol_address(struct session *s, const char *text, uint64_t *out)
{
	if (s->kernel)
		return parse_symbol(s->kernel, text, out);
	return error_new(ERR_USAGE, "not an address: %s", text);
}

struct error *parse_address(struct session *s, const char *text, uint64_t *out)
{
	if (!*text)
		return error_new(ERR_USAGE, "not an address: \"\"");
	if (*text == '(')
		return parse_expression(s, text, out);
	if (scan_number(text, true, out))
		return NULL;
	return parse_symbol_address(s, text, out);
}

/* ---- Options ---- */

int next_option(struct option_parser *p)
{
	const char *known;

	if (!p->index)
		p->index = 1;
	if (!p->place || !*p->place) {
		const char *word = p->index < p->argc ? p->argv[p->index] : NULL;

		if (!word || word[0] != '-' || !word[1])
			return 0;
		p->index++;
		if (!strcmp(word, "--"))
			return 0;
		p->place = word + 1;
	}
	p->bad = *p->place++;
	p->argument = NULL;
	known = p->bad == ':' ? NULL : strchr(p->spec, p->bad);
	if (!known)
		return '?';
	if (known[1] != ':')
		return p->bad;
	if (*p->place) {
		p->argument = p->place;
	} else if (p->index < p->argc) {
		p->argument = p->argv[p->index++];
	} else {
		return '?';
	}
	p->place = NULL;
	return p->bad;
}

struct error *unknown_option(const char *name, char letter, const char *word)
{
	const struct command *c = command_find(name);
	const char *options = c && c->options ? c->options : "";
	char near = nearest_letter(letter, options), *copy, *at = NULL;
	struct nearest n = nearest_to(word);
	struct error *e;

	if (strncmp(word, "--", 2))
		return near ? usage_error(name, "no such option: -%c; did you mean \"-%c\"?", letter, near)
			    : usage_error(name, "no such option: -%c", letter);
	copy = strdup(options);
	for (char *each = copy ? strtok_r(copy, " ", &at) : NULL; each; each = strtok_r(NULL, " ", &at))
		if (!strncmp(each, "--", 2))
			nearest_try(&n, each);
	e = n.word ? usage_error(name, "no such option: %s; did you mean \"%s\"?", word, n.word) : usage_error(name, "no such option: %s", word);
	free(copy);
	return e;
}

struct error *option_error(const struct option_parser *p)
{
	const char *known = p->bad && p->bad != ':' ? strchr(p->spec, p->bad) : NULL;

	if (known && known[1] == ':')
		return usage_error(p->argv[0], "option needs an argument: -%c", p->bad);
	return unknown_option(p->argv[0], p->bad, p->argv[p->index > 0 ? p->index - 1 : 0]);
}

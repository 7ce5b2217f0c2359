/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * search: where in memory words or strings stand.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/context.h"
#include "cmd/session.h"
#include "core/mapped.h"
#include "core/match.h"
#include "core/progress.h"
#include "mm/task.h"

enum space { OF_KERNEL, OF_USER, OF_PHYSICAL };

struct search {
	struct session *s;
	enum space space;
	unsigned parts;	 /* of the kernel's memory: -K, -V */
	char chosen;	 /* which of -k -K -V -u -p -t -T was given; 0: none */
	uint64_t mm;	 /* of OF_USER */
	uint64_t first, last; /* addresses, both included */
	uint64_t around; /* -x */
	bool strings, stacks, active;
	const char *start, *end, *length, *mask; /* as given, or NULL */
	const char *names[MATCH_MAX_PATTERNS];	 /* of symbols and expressions; NULL: a plain number */
	struct matcher matcher;
	const struct task *task; /* whose stack is looked through */
	bool headed;		 /* its heading was printed */
	bool any;
};

#define LINE_BYTES 16
#define TEXT_SHOWN 56

/* ---- What was found ---- */

/* Up to len bytes at addr into the buffer; how many there are before the first that cannot be read. */
static size_t read_some(struct search *f, uint64_t addr, unsigned char *buffer, size_t len)
{
	struct kernel *k = f->s->kernel;
	size_t got = 0;

	while (got < len) {
		uint64_t at = addr + got;
		size_t n = VMCORE_PAGE_SIZE - at % VMCORE_PAGE_SIZE, had = 0;
		struct error *e;
		if (n > len - got)
			n = len - got;
		had = n;
		if (f->space == OF_USER)
			e = mm_read_user(k, f->mm, at, buffer + got, n, &had, NULL);
		else if (f->space == OF_PHYSICAL)
			e = vmcore_read(f->s->vmcore, at, buffer + got, n);
		else
			e = kernel_read(k, at, buffer + got, n);
		if (error_drop(e))
			break;
		got += had;
		if (had < n)
			break;
	}
	return got;
}

static void make_printable(unsigned char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text[i] = isprint(text[i]) ? text[i] : '.';
	text[len] = 0;
}

static void show_string(struct search *f, uint64_t addr)
{
	struct out *o = f->s->out;
	unsigned char text[TEXT_SHOWN + 1];

	make_printable(text, read_some(f, addr, text, TEXT_SHOWN));
	out_hex(o, "addr", "%" PRIx64 ": ", addr);
	out_str(o, "text", "%s\n", (char *)text);
}

static void show_word(struct search *f, uint64_t addr, uint64_t value, const char *name)
{
	struct out *o = f->s->out;

	if (out_json(o)) {
		out_hex(o, "addr", NULL, addr);
		out_hex(o, "value", NULL, value);
		if (name)
			out_str(o, "name", NULL, name);
		return;
	}
	char *p = put_hex(out_reserve(o, 64), addr, 1);
	*p++ = ':';
	*p++ = ' ';
	o->at = put_hex(p, value, 1);
	if (name)
		out_printf(o, " (%s)", name);
	out_text(o, "\n");
}

static void show_line(struct search *f, uint64_t addr, const unsigned char *bytes, size_t len, bool ascii, const char *name)
{
	struct out *o = f->s->out;
	unsigned size = f->matcher.size;
	unsigned char text[LINE_BYTES + 1];
	int width = f->s->kernel ? 2 * f->s->kernel->arch->pointer_size : 16;

	out_printf(o, "%*" PRIx64 ":  ", width, addr);
	for (size_t at = 0; at < len; at += size) {
		uint64_t value = load_uint(bytes + at, size);
		out_hex(o, NULL, NULL, value);
		out_printf(o, "%0*" PRIx64 " ", (int)(2 * size), value);
	}
	memcpy(text, bytes, len);
	make_printable(text, len);
	if (ascii)
		out_printf(o, "%*s  %s", (int)((LINE_BYTES - len) / size * (2 * size + 1)), "", text);
	if (name)
		out_printf(o, "(%s)", name);
	out_text(o, "\n");
}

/* `around` words from addr on, as far as they can be read. */
static void show_lines(struct search *f, const char *key, uint64_t addr)
{
	uint64_t left = f->around * f->matcher.size;
	unsigned char bytes[LINE_BYTES];

	out_array_begin(f->s->out, key);
	while (left && !interrupted()) {
		size_t n = left < LINE_BYTES ? left : LINE_BYTES, got = read_some(f, addr, bytes, n);
		got -= got % f->matcher.size;
		if (got)
			show_line(f, addr, bytes, got, true, NULL);
		if (got < n)
			break;
		addr += n;
		left -= n;
	}
	out_array_end(f->s->out);
}

static void show_in_context(struct search *f, uint64_t addr, uint64_t value, const char *name)
{
	struct out *o = f->s->out;
	unsigned size = f->matcher.size;
	uint64_t before = f->around * size;
	unsigned char byte;

	/* What lies before is shown from the first word on that can be read. */
	if (before > addr)
		before = addr - addr % size;
	while (before > VMCORE_PAGE_SIZE && !read_some(f, addr - before, &byte, 1))
		before -= VMCORE_PAGE_SIZE;
	while (before && !read_some(f, addr - before, &byte, 1))
		before -= size;
	uint64_t around = f->around;
	f->around = before / size;
	show_lines(f, "before", addr - before);
	f->around = around;
	if (out_json(o))
		show_word(f, addr, value, name);
	else
		show_line(f, addr, (unsigned char *)&value, size, false, name);
	show_lines(f, "after", addr + size);
	out_text(o, "\n");
}

static bool visit_match(void *context, uint64_t addr, unsigned pattern, uint64_t found)
{
	struct search *f = context;
	struct out *o = f->s->out;

	if (f->task && !f->headed && !out_json(o)) {
		if (f->any)
			out_text(o, "\n");
		context_heading_indented(f->s, f->task, 0);
		f->headed = true;
	}
	f->any = true;
	out_object_begin(o, NULL);
	if (f->task && out_json(o)) {
		out_dec(o, "pid", NULL, f->task->pid);
		out_hex(o, "task", NULL, f->task->addr);
	}
	if (f->strings)
		show_string(f, addr);
	else if (f->around)
		show_in_context(f, addr, found, f->names[pattern]);
	else
		show_word(f, addr, found, f->names[pattern]);
	out_object_end(o);
	return !interrupted() && !o->failed;
}

/* ---- Where to look ---- */

static bool visit_piece(void *context, uint64_t addr, const unsigned char *bytes, size_t len)
{
	return match_piece(context, addr, bytes, len);
}

static struct error *search_stacks(struct search *f)
{
	struct kernel *k = f->s->kernel;
	size_t count;

	TRY(tasks_count(k, &count));
	for (size_t i = 0; i < count && !interrupted(); i++) {
		f->task = tasks_get(k, i);
		f->headed = false;
		if (!f->task->stack || (f->active && !f->task->is_active))
			continue;
		TRY(mapped_scan_kernel(k, PART_ALL, f->task->stack, f->task->stack + task_stack_size(k) - 1, visit_piece,
				       &f->matcher));
	}
	return NULL;
}

static struct error *search_memory(struct search *f)
{
	struct kernel *k = f->s->kernel;
	uint64_t pgd;

	if (f->stacks)
		return search_stacks(f);
	if (f->space == OF_PHYSICAL || f->parts)
		progress_start(vmcore_max_phys(f->s->vmcore));
	if (f->space == OF_PHYSICAL)
		return mapped_scan_linear(f->s->vmcore, f->first, f->last == UINT64_MAX ? f->last : f->last + 1, 0, visit_piece,
					  &f->matcher);
	if (f->space == OF_KERNEL)
		return mapped_scan_kernel(k, f->parts, f->first, f->last, visit_piece, &f->matcher);
	TRY(mm_pgd(k, f->mm, &pgd));
	return mapped_scan(k, pgd, f->first, f->last, visit_piece, &f->matcher);
}

/* ---- Words ---- */

static struct error *choose_space(struct search *f, char c)
{
	if (f->chosen && f->chosen != c)
		return usage_error("search", "-%c and -%c exclude each other", f->chosen, c);
	f->chosen = c;
	f->space = c == 'u' ? OF_USER : c == 'p' ? OF_PHYSICAL : OF_KERNEL;
	f->stacks = c == 't' || c == 'T';
	f->active = c == 'T';
	f->parts = c == 'K' ? PART_DIRECT | PART_TEXT : c == 'V' ? PART_DYNAMIC : PART_ALL;
	return NULL;
}

/* Options may follow what is searched for: the words that are none are moved to the front of argv[1…], *words of them. */
static struct error *parse_options(struct search *f, int argc, char **argv, int *words)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "kKVuptTcwhs:e:l:m:x:"};
	int c;

	*words = 0;
	while ((c = next_option(&p)) || p.index < argc) {
		switch (c) {
		case 0:
			argv[++*words] = argv[p.index++];
			break;
		case 'c':
			f->strings = true;
			break;
		case 'w':
			f->matcher.size = 4;
			break;
		case 'h':
			f->matcher.size = 2;
			break;
		case 's':
			f->start = p.argument;
			break;
		case 'e':
			f->end = p.argument;
			break;
		case 'l':
			f->length = p.argument;
			break;
		case 'm':
			f->mask = p.argument;
			break;
		case 'x':
			TRY(parse_count(p.argument, &f->around));
			break;
		case '?':
			return option_error(&p);
		default:
			TRY(choose_space(f, (char)c));
		}
	}
	if (f->strings && (f->around || f->mask))
		return usage_error("search", "-c goes with neither -x nor -m");
	if (f->around > 1u << 20)
		return usage_error("search", "-x: more than %u words", 1u << 20);
	if (f->end && f->length)
		return usage_error("search", "-e and -l exclude each other");
	if (f->stacks && (f->start || f->end || f->length))
		return usage_error("search", "-%c takes no range", f->chosen);
	if (!*words)
		return usage_error("search", "nothing to search for");
	if (*words > MATCH_MAX_PATTERNS)
		return usage_error("search", "more than %d to search for", MATCH_MAX_PATTERNS);
	return NULL;
}

static struct error *take_string(struct search *f, char *word)
{
	struct matcher *m = &f->matcher;
	size_t length = strlen(word);

	if (!length || length > MATCH_MAX_STRING)
		return usage_error("search", length ? "the string is too long" : "an empty string");
	m->strings[m->count] = word;
	m->lengths[m->count++] = length;
	return NULL;
}

static struct error *take_word(struct search *f, char *word, uint64_t mask)
{
	struct matcher *m = &f->matcher;
	uint64_t all = m->size == 8 ? UINT64_MAX : (1ull << 8 * m->size) - 1;

	if (error_drop(parse_number(word, true, &m->words[m->count]))) {
		TRY(parse_address(f->s, word, &m->words[m->count]));
		size_t length = strlen(word);
		f->names[m->count] = word;
		/* An expression stands in parentheses already. */
		if (*word == '(' && word[length - 1] == ')') {
			word[length - 1] = 0;
			f->names[m->count] = word + 1;
		}
	}
	if (m->words[m->count] & ~all)
		return usage_error("search", "does not fit %u bytes: %" PRIx64, m->size, m->words[m->count]);
	m->mask = mask & all;
	m->count++;
	return NULL;
}

static struct error *take_patterns(struct search *f, char **words, int count)
{
	struct matcher *m = &f->matcher;
	uint64_t mask = 0;

	if (f->strings)
		m->size = 0;
	else if (!m->size)
		m->size = f->s->kernel ? f->s->kernel->arch->pointer_size : 8;
	if (f->mask)
		TRY(parse_number(f->mask, true, &mask));
	if (m->size && m->size < 8 && mask >> 8 * m->size)
		return usage_error("search", "the mask does not fit %u bytes: %" PRIx64, m->size, mask);
	for (int i = 0; i < count; i++)
		TRY(f->strings ? take_string(f, words[i]) : take_word(f, words[i], mask));
	return NULL;
}

/* The ends of the address space. */
static struct error *set_space(struct search *f)
{
	struct kernel *k = f->s->kernel;
	const struct task *t;

	if (f->space == OF_PHYSICAL) {
		f->last = vmcore_max_phys(f->s->vmcore) - 1;
		return NULL;
	}
	if (!k)
		return error_new(ERR_UNSUPPORTED, "no kernel was found in the image: only search -p can");
	if (f->space == OF_KERNEL) {
		f->first = k->wide ? 1ull << 63 : k->page_offset;
		f->last = k->wide ? UINT64_MAX : UINT32_MAX;
		return NULL;
	}
	f->last = k->wide ? (1ull << (k->geometry.virtual_bits - 1)) - 1 : k->page_offset - 1;
	TRY(context_task(f->s, &t));
	if (!t->mm)
		return error_new(ERR_NOT_MAPPED, "the context has no user address space: %s", t->comm);
	f->mm = t->mm;
	return NULL;
}

static const char *space_name(const struct search *f)
{
	return f->space == OF_KERNEL ? "kernel virtual" : f->space == OF_USER ? "user virtual" : "physical";
}

static struct error *set_range(struct search *f)
{
	uint64_t first, last, length, word = f->s->kernel ? f->s->kernel->arch->pointer_size : 8;

	TRY(set_space(f));
	first = f->first;
	last = f->last;
	if (f->start)
		TRY(parse_address(f->s, f->start, &first));
	if (first % word)
		return usage_error("search", "the start is no multiple of %" PRIu64 ": %" PRIx64, word, first);
	if (first < f->first || first > f->last)
		return usage_error("search", "no %s address: %" PRIx64, space_name(f), first);
	if (f->end) {
		TRY(parse_address(f->s, f->end, &last));
		if (last <= first)
			return usage_error("search", "the end is not above the start: %" PRIx64, last);
		last--;
	} else if (f->length) {
		TRY(parse_number(f->length, false, &length));
		if (!length || length - 1 > UINT64_MAX - first)
			return usage_error("search", "not a length: %s", f->length);
		last = first + (length - 1);
	}
	if (last > f->last && f->space != OF_PHYSICAL)
		return usage_error("search", "no %s address: %" PRIx64, space_name(f), last);
	f->first = first;
	f->last = last < f->last ? last : f->last;
	return NULL;
}

static struct error *run_search(struct session *s, int argc, char **argv)
{
	struct search *f = calloc(1, sizeof(*f));
	struct error *e;
	char *own[argc + 1]; /* the words are the caller's, their order is not */
	int words = 0;

	memcpy(own, argv, (size_t)(argc + 1) * sizeof(*own));
	if (!f)
		return error_new(ERR_NO_MEMORY, "out of memory");
	f->s = s;
	f->parts = PART_ALL;
	f->matcher.visit = visit_match;
	f->matcher.context = f;
	e = parse_options(f, argc, own, &words);
	if (!e)
		e = take_patterns(f, own + 1, words);
	if (!e)
		e = set_range(f);
	if (!e)
		e = context_heading_in_foreach(s);
	if (!e)
		e = match_begin(&f->matcher);
	if (!e) {
		out_array_begin(s->out, "matches");
		e = search_memory(f);
		out_array_end(s->out);
		match_end(&f->matcher);
	}
	free(f);
	return e ? e : check_interrupt();
}

COMMAND(search) = {
	.name = "search",
	.summary = "search memory",
	.synopsis = "[-s START] [-k | -K | -V | -u | -p | -t | -T] [-e END | -l LENGTH] [-m MASK] [-x COUNT] [-c | -w | -h]\n"
		    "     VALUE | (EXPRESSION) | SYMBOL | STRING …",
	.options = "-s -k -K -V -u -p -t -T -e -l -m -x -c -w -h",
	.flags = CMD_FOREACH | CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Shows where in memory a value stands: 'ADDRESS: VALUE', of a symbol or expression with its name.\n"
		"  Values are hexadecimal words of the machine, at addresses that are multiples of their size. Memory that the\n"
		"  image lacks is passed over.\n"
		"\n"
		"  -k  kernel virtual memory; the default: the direct map of all memory, vmalloc space and modules, the virtual\n"
		"      mem_map, the kernel's image, as far as they are mapped\n"
		"  -K  of it only the direct map and the kernel's image;  -V  all but these\n"
		"  -u  the current context's user memory\n"
		"  -p  physical memory\n"
		"  -t  the kernel stacks of all tasks, each under its task's heading;  -T  of the active ones\n"
		"  -s  from this address on;  -e  up to, not including, this one;  -l  so many bytes\n"
		"  -m  bits set in this mask do not matter\n"
		"  -c  for strings: 'ADDRESS: TEXT'. One with blanks stands in double quotes. It may lie across pages\n"
		"  -w  for words of 32 bits;  -h  of 16 bits\n"
		"  -x  with COUNT words before and behind\n"
		"\n"
		"EXAMPLES\n"
		"  Who points to the first task?\n"
		"    mmscope> search -t init_task\n"
		"  A string in physical memory:\n"
		"    mmscope> search -p -c \"Linux version\"\n"
		"  Two words with what stands around them:\n"
		"    mmscope> search -s init_task -l 4096 -x 2 (init_task + 8) init_task\n",
	.run = run_search,
};

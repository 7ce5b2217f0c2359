/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rd: read memory.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/context.h"
#include "cmd/session.h"
#include "mm/slab.h"
#include "mm/task.h"

enum source { FROM_KERNEL, FROM_USER, FROM_PHYSICAL, FROM_FILE };
enum form { AS_HEX, AS_SIGNED, AS_UNSIGNED, AS_TEXT };

struct reading {
	struct session *s;
	enum source source;
	uint64_t mm; /* of user addresses */
	int fd;	     /* of the dump file */
	enum form form;
	unsigned size;	  /* bytes of a value */
	bool symbols;	  /* -s */
	unsigned slabs;	  /* -S, -S -S */
	bool no_ascii;	  /* -x */
	bool network;	  /* -N */
	bool reverse;	  /* -R */
	const char *file; /* -r */
	uint64_t addr;
	uint64_t count; /* values; bytes with -r; 0 with -a: up to the first byte that is no text */
};

#define LINE_BYTES 16
#define TEXT_LINE  60

static struct error *read_user(struct reading *r, uint64_t addr, void *buffer, size_t len)
{
	size_t got;
	const char *why = NULL;
	TRY(mm_read_user(r->s->kernel, r->mm, addr, buffer, len, &got, &why));
	if (got < len)
		return error_at(ERR_NOT_MAPPED, addr + got, "%s: user address %" PRIx64,
				why ? why : "not mapped", addr + got);
	return NULL;
}

static struct error *read_file(struct reading *r, uint64_t offset, void *buffer, size_t len)
{
	size_t got = 0;
	while (got < len) {
		ssize_t n = pread(r->fd, (char *)buffer + got, len - got, (off_t)(offset + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_at(ERR_IO, offset, "%s: offset %" PRIx64, strerror(errno),
					offset);
		if (!n)
			return error_at(ERR_TRUNCATED, offset + got,
					"beyond the file's end: offset %" PRIx64, offset + got);
		got += (size_t)n;
	}
	return NULL;
}

static struct error *read_bytes(struct reading *r, uint64_t addr, void *buffer, size_t len)
{
	switch (r->source) {
	case FROM_USER:
		return read_user(r, addr, buffer, len);
	case FROM_PHYSICAL:
		return vmcore_read(r->s->vmcore, addr, buffer, len);
	case FROM_FILE:
		return read_file(r, addr, buffer, len);
	case FROM_KERNEL:
		break;
	}
	return kernel_read(r->s->kernel, addr, buffer, len);
}

/* ---- Lines of values ---- */

static uint64_t value_at(const struct reading *r, const unsigned char *bytes)
{
	uint64_t v = load_uint(bytes, r->size);
	if (r->network && r->size == 4)
		return __builtin_bswap32((uint32_t)v);
	if (r->network && r->size == 2)
		return __builtin_bswap16((uint16_t)v);
	return v;
}

/* -s, -S: a value that is an address of a symbol or of a slab object, by its name. */
static bool format_symbolic(struct reading *r, uint64_t value, char *buf, size_t size)
{
	struct kernel *k = r->s->kernel;
	char name[64];
	if (!k || r->size != k->arch->pointer_size || !kernel_is_kernel_address(k, value))
		return false;
	if (symbol_format(k, value, buf, size))
		return true;
	if (!r->slabs || !slab_cache_name(k, value, name, sizeof(name)))
		return false;
	if (r->slabs > 1)
		snprintf(buf, size, "[%" PRIx64 ":%s]", value, name);
	else
		snprintf(buf, size, "[%s]", name);
	return true;
}

static void print_value(struct reading *r, uint64_t value)
{
	static const int signed_width[] = {[1] = 4, [2] = 6, [4] = 11, [8] = 20};
	static const int unsigned_width[] = {[1] = 3, [2] = 5, [4] = 10, [8] = 20};
	struct out *o = r->s->out;
	char text[160];
	unsigned shift = 64 - 8 * r->size;
	switch (r->form) {
	case AS_SIGNED:
		out_sdec(o, NULL, NULL, (int64_t)(value << shift) >> shift);
		out_printf(o, "%*" PRId64 " ", signed_width[r->size],
			   (int64_t)(value << shift) >> shift);
		return;
	case AS_UNSIGNED:
		out_dec(o, NULL, NULL, value);
		out_printf(o, "%*" PRIu64 " ", unsigned_width[r->size], value);
		return;
	default:
		break;
	}
	if ((r->symbols || r->slabs) && format_symbolic(r, value, text, sizeof(text))) {
		out_str(o, NULL, "%-16s ", text);
		return;
	}
	out_hex(o, NULL, NULL, value);
	out_printf(o, "%0*" PRIx64 " ", (int)(2 * r->size), value);
}

static bool has_ascii(const struct reading *r)
{
	return r->form == AS_HEX && !r->no_ascii && !r->symbols && !r->slabs;
}

static void print_ascii(struct reading *r, const unsigned char *bytes, size_t len, size_t missing)
{
	char text[LINE_BYTES + 1];
	unsigned char ordered[LINE_BYTES];
	memcpy(ordered, bytes, len);
	/* In network order the letters stand as the digits do. */
	for (size_t i = 0; r->network && (r->size == 2 || r->size == 4) && i + r->size <= len;
	     i += r->size)
		for (size_t j = 0; j < r->size; j++)
			ordered[i + j] = bytes[i + r->size - 1 - j];
	for (size_t i = 0; i < len; i++)
		text[i] = ordered[i] >= ' ' && ordered[i] < 0x7f ? (char)ordered[i] : '.';
	text[len] = 0;
	out_printf(r->s->out, "%*s  ", (int)(missing * (2 * r->size + 1)), "");
	out_str(r->s->out, "ascii", "%s", text);
}

static void print_line(struct reading *r, uint64_t addr, const unsigned char *bytes, size_t len)
{
	struct out *o = r->s->out;
	int width = r->s->kernel ? 2 * r->s->kernel->arch->pointer_size : 16;
	out_object_begin(o, NULL);
	if (r->source == FROM_KERNEL)
		out_printf(o, "%0*" PRIx64 ":  ", width, addr);
	else
		out_printf(o, "%*" PRIx64 ":  ", width, addr);
	out_hex(o, "addr", NULL, addr);
	out_array_begin(o, "values");
	for (size_t at = 0; at < len; at += r->size)
		print_value(r, value_at(r, bytes + at));
	out_array_end(o);
	if (has_ascii(r))
		print_ascii(r, bytes, len, (LINE_BYTES - len) / r->size);
	out_text(o, "\n");
	out_object_end(o);
}

static struct error *read_values(struct reading *r)
{
	uint64_t left = r->count, addr = r->addr;
	struct error *e = NULL;
	out_dec(r->s->out, "size", NULL, r->size);
	out_array_begin(r->s->out, "rows");
	while (left && !e && !r->s->out->failed) {
		unsigned char bytes[LINE_BYTES];
		uint64_t values = LINE_BYTES / r->size;
		if (values > left)
			values = left;
		e = check_interrupt();
		/* What of a line can be read is shown. */
		size_t have = 0;
		while (!e && have < values * r->size) {
			e = read_bytes(r, addr + have, bytes + have, r->size);
			have += e ? 0 : r->size;
		}
		if (have)
			print_line(r, addr, bytes, have);
		addr += have;
		left -= values;
	}
	out_array_end(r->s->out);
	return e;
}

/* ---- Text ---- */

static void print_text(struct reading *r, uint64_t addr, char *text, size_t len)
{
	if (!len)
		return;
	text[len] = 0;
	out_object_begin(r->s->out, NULL);
	out_hex(r->s->out, "addr", "%16" PRIx64 ":  ", addr);
	out_str(r->s->out, "text", "%s\n", text);
	out_object_end(r->s->out);
}

/*
 * Runs of printing characters, each line with its own address. Without a count the first byte that
 * does not print is the end; with one it only ends its line, and the next printing one begins
 * another.
 */
static struct error *read_text(struct reading *r)
{
	uint64_t left = r->count ? r->count : UINT64_MAX, addr = r->addr, start = addr;
	struct error *e = NULL;
	char text[TEXT_LINE + 1];
	size_t len = 0;
	out_array_begin(r->s->out, "rows");
	for (; left && !e && !r->s->out->failed; left--, addr++) {
		unsigned char c;
		e = check_interrupt();
		if (!e)
			e = read_bytes(r, addr, &c, 1);
		bool prints = !e && (isprint(c) || c == '\t');
		if (!prints || len == TEXT_LINE) {
			print_text(r, start, text, len);
			len = 0;
		}
		if (!prints && !r->count)
			break;
		if (!len)
			start = addr;
		if (prints)
			text[len++] = (char)c;
	}
	print_text(r, start, text, len);
	out_array_end(r->s->out);
	/* Without a count, memory that ends is an end too, once there was something. */
	if (e && !r->count && addr != r->addr && e->code != ERR_INTERRUPTED) {
		error_free(e);
		return NULL;
	}
	return e;
}

/* ---- Into a file ---- */

static struct error *write_all(int fd, const char *buffer, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buffer, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_new(ERR_IO, "%s", strerror(errno));
		buffer += n;
		len -= (size_t)n;
	}
	return NULL;
}

static struct error *read_into_file(struct reading *r)
{
	int fd = open(r->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_new(ERR_IO, "%s: %s", strerror(errno), r->file);
	struct error *e = NULL;
	uint64_t done = 0;
	while (done < r->count && !e) {
		char buffer[VMCORE_PAGE_SIZE];
		uint64_t addr = r->addr + done;
		size_t piece = VMCORE_PAGE_SIZE - (addr & (VMCORE_PAGE_SIZE - 1));
		if (piece > r->count - done)
			piece = r->count - done;
		e = check_interrupt();
		if (!e)
			e = read_bytes(r, addr, buffer, piece);
		if (!e)
			e = error_prefix(write_all(fd, buffer, piece), "%s", r->file);
		done += e ? 0 : piece;
	}
	if (close(fd) && !e)
		e = error_new(ERR_IO, "%s: %s", strerror(errno), r->file);
	out_dec(r->s->out, "bytes", "%" PRIu64 " bytes", done);
	out_hex(r->s->out, "addr", " copied from 0x%" PRIx64, r->addr);
	out_str(r->s->out, "file", " to %s\n", r->file);
	return e;
}

/* ---- Words ---- */

static struct error *set_form(struct reading *r, int c)
{
	switch (c) {
	case 'p':
		r->source = FROM_PHYSICAL;
		break;
	case 'u':
		r->source = FROM_USER;
		break;
	case 'f':
		r->source = FROM_FILE;
		break;
	case 'd':
		r->form = AS_SIGNED;
		break;
	case 'D':
		r->form = AS_UNSIGNED;
		break;
	case 'a':
		r->form = AS_TEXT;
		break;
	case 's':
		r->symbols = true;
		break;
	case 'S':
		r->slabs++;
		break;
	case 'x':
		r->no_ascii = true;
		break;
	case 'N':
		r->network = true;
		break;
	case 'R':
		r->reverse = true;
		break;
	case '8':
		r->size = 1;
		break;
	}
	return NULL;
}

/* "-16", "-32", "-64" are two letters each to an option parser. */
static bool set_size(struct reading *r, const char *word)
{
	static const struct {
		const char *word;
		unsigned size;
	} sizes[] = {{"-8", 1}, {"-16", 2}, {"-32", 4}, {"-64", 8}};
	for (size_t i = 0; i < 4; i++) {
		if (!strcmp(word, sizes[i].word)) {
			r->size = sizes[i].size;
			return true;
		}
	}
	return false;
}

struct words {
	uint64_t offset, end;
	bool has_end;
	int first; /* the address */
};

static struct error *parse_options(struct reading *r, int argc, char **argv, struct words *w)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "pufdDsSxaNR8o:e:r:m"};
	char *rest[argc + 1];
	int count = 0, c, first = argc;
	/* Sizes are taken out first: they may stand anywhere before the address. */
	for (int i = 0; i < argc; i++) {
		bool argument = i && (!strcmp(argv[i - 1], "-o") || !strcmp(argv[i - 1], "-e") ||
				      !strcmp(argv[i - 1], "-r"));
		if (!i || argument || !set_size(r, argv[i]))
			rest[count++] = argv[i];
	}
	rest[count] = NULL;
	p.argc = count;
	p.argv = rest;
	while ((c = next_option(&p))) {
		if (c == '?')
			return option_error(&p);
		if (c == 'o') {
			TRY(parse_number(p.argument, false, &w->offset));
		} else if (c == 'e') {
			TRY(parse_address(r->s, p.argument, &w->end));
			w->has_end = true;
		} else if (c == 'm') {
			return error_new(ERR_UNSUPPORTED, "-m: an image has no addresses of a Xen host");
		} else if (c == 'r') {
			r->file = p.argument;
		} else {
			TRY(set_form(r, c));
		}
	}
	first = p.index;
	memcpy(argv, rest, (size_t)(count + 1) * sizeof(*argv));
	w->first = first;
	if (first == count)
		return usage_error("rd", "an address is needed");
	if (count > first + 2)
		return usage_error("rd", "too many words: %s", rest[first + 2]);
	return NULL;
}

static struct error *set_extent(struct reading *r, char **argv, const struct words *w)
{
	const char *count = argv[w->first + 1];
	TRY(parse_address(r->s, argv[w->first], &r->addr));
	r->addr += w->offset;
	if (count)
		TRY(parse_count(count, &r->count));
	if (w->has_end) {
		if (w->end <= r->addr)
			return usage_error("rd", "the end is not above the start: %" PRIx64,
					   w->end);
		if (count)
			return usage_error("rd", "-e and a count exclude each other");
		uint64_t bytes = w->end - r->addr;
		r->count = r->file || r->form == AS_TEXT ? bytes : (bytes + r->size - 1) / r->size;
		return NULL;
	}
	if (count && !r->count)
		return usage_error("rd", "nothing to read: a count of 0");
	if (r->file && !r->count)
		return usage_error("rd", "-r needs a count of bytes, or -e");
	if (!r->count && r->form != AS_TEXT)
		r->count = 1;
	if (r->reverse) {
		if (r->count < 2)
			return usage_error("rd", "-R needs a count above 1");
		r->addr -= (r->count - 1) * r->size;
	}
	return NULL;
}

static struct error *set_source(struct reading *r)
{
	const struct task *t;
	struct kernel *k = r->s->kernel;
	if (r->source == FROM_FILE) {
		r->fd = open(vmcore_path(r->s->vmcore), O_RDONLY | O_CLOEXEC);
		return r->fd < 0 ? error_new(ERR_IO, "%s: %s", strerror(errno),
					     vmcore_path(r->s->vmcore))
				 : NULL;
	}
	if (r->source == FROM_PHYSICAL)
		return NULL;
	if (!k)
		return error_new(ERR_UNSUPPORTED,
				 "no kernel was found in the image: only rd -p and rd -f can read");
	if (r->source == FROM_KERNEL && !kernel_is_kernel_address(k, r->addr))
		r->source = FROM_USER;
	if (r->source == FROM_KERNEL)
		return NULL;
	TRY(context_task(r->s, &t));
	if (!t->mm)
		return error_at(ERR_NOT_MAPPED, r->addr,
				"%s has no user memory: user address %" PRIx64, t->comm, r->addr);
	r->mm = t->mm;
	return NULL;
}

static struct error *run_rd(struct session *s, int argc, char **argv)
{
	struct reading r = {
		.s = s, .fd = -1, .size = s->kernel ? s->kernel->arch->pointer_size : 8};
	struct words w = {0};
	char *words[argc + 1];
	memcpy(words, argv, (size_t)(argc + 1) * sizeof(*words));
	TRY(parse_options(&r, argc, words, &w));
	if (r.form == AS_TEXT)
		r.size = 1;
	TRY(set_extent(&r, words, &w));
	TRY(set_source(&r));
	TRY(context_heading_in_foreach(s));
	struct error *e = r.file	      ? read_into_file(&r)
			  : r.form == AS_TEXT ? read_text(&r)
					      : read_values(&r);
	if (r.fd >= 0)
		close(r.fd);
	return e;
}

COMMAND(rd) = {
	.name = "rd",
	.summary = "read memory",
	.synopsis = "[-p | -u | -f] [-8 | -16 | -32 | -64] [-d | -D | -s | -S | -x | -a | -N] [-R] "
		    "[-o OFFSET]\n"
		    "     [-e ADDR] [-r FILE] ADDR [COUNT]",
	.options = "-p -u -f -8 -16 -32 -64 -d -D -s -S -x -a -N -R -o -e -r -m",
	.flags = CMD_FOREACH | CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Shows COUNT values from ADDR on, by default one, of the machine's word size, in "
		"hexadecimal with\n"
		"  their characters. ADDR is a kernel virtual address or a symbol; an address "
		"below the kernel's part\n"
		"  is one of the current context's user addresses.\n"
		"\n"
		"  -p  ADDR is a physical address\n"
		"  -u  ADDR is a user address of the current context\n"
		"  -f  ADDR is an offset in the dump file, whose raw bytes are shown\n"
		"  -8 -16 -32 -64  values of so many bits\n"
		"  -d  in signed decimal;  -D  in unsigned decimal\n"
		"  -s  a value that is the address of a symbol is shown by its name\n"
		"  -S  also one of a slab object, as [cache]; -S -S as [address:cache]\n"
		"  -x  without the characters\n"
		"  -a  as text: COUNT characters, or up to the first that does not print\n"
		"  -N  values of 16 and 32 bits in network byte order\n"
		"  -R  the COUNT values that end with the one at ADDR\n"
		"  -o  OFFSET is added to ADDR\n"
		"  -e  up to, not including, this address\n"
		"  -r  COUNT bytes into FILE, as they are\n"
		"\n"
		"  -m  addresses of a Xen host, which no image has: refused\n"
		"\n"
		"EXAMPLES\n"
		"  The kernel's version:\n"
		"    mmscope> rd -a linux_banner\n"
		"  Eight words of the first task, with symbols:\n"
		"    mmscope> rd -s init_task 8\n"
		"  Physical memory:\n"
		"    mmscope> rd -p 1000 4\n",
	.run = run_rd,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dis: instructions.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/context.h"
#include "cmd/session.h"
#include "core/disasm.h"
#include "mm/task.h"

struct listing {
	struct session *s;
	struct disasm *d;
	bool user, reverse, forward, lines, source, bugs;
	unsigned radix;
	uint64_t mm;
	uint64_t start, end; /* end: of the routine, UINT64_MAX when count ends it */
	uint64_t count;	     /* UINT64_MAX: no limit */
};

/* "name", "name+off" of a kernel address; "" when it has none. */
static const char *symbolic(const struct listing *l, uint64_t addr, char *buf, size_t size)
{
	struct symbol symbol;
	uint64_t offset;

	buf[0] = 0;
	if (l->user || !kernel_is_kernel_address(l->s->kernel, addr) || !symbol_at(l->s->kernel, addr, &symbol, &offset))
		return buf;
	if (!offset)
		snprintf(buf, size, "%s", symbol.name);
	else
		snprintf(buf, size, l->radix == 16 ? "%s+0x%" PRIx64 : "%s+%" PRIu64, symbol.name, offset);
	return buf;
}

/* As many of an instruction's bytes as can be read. */
static struct error *read_code(const struct listing *l, uint64_t addr, unsigned char *bytes, size_t *len)
{
	size_t want = DISASM_MAX_BYTES, page = VMCORE_PAGE_SIZE - addr % VMCORE_PAGE_SIZE, had;
	struct kernel *k = l->s->kernel;

	for (*len = 0; *len < want;) {
		size_t n = *len || page > want ? want - *len : page;
		const char *why = NULL;
		struct error *e = NULL;
		had = n;
		if (l->user)
			e = mm_read_user(k, l->mm, addr + *len, bytes + *len, n, &had, &why);
		else
			e = kernel_read(k, addr + *len, bytes + *len, n);
		if (!e && !had)
			e = error_at(ERR_NOT_MAPPED, addr, "%s: user address %" PRIx64, why ? why : "not mapped", addr);
		if (e && *len) {
			error_free(e);
			return NULL;
		}
		TRY(e);
		*len += had;
		if (had < n)
			return NULL;
	}
	return NULL;
}

static void show(struct listing *l, uint64_t addr, const struct instruction *i, const unsigned char *bytes)
{
	static const unsigned char fentry[] = {0x0f, 0x1f, 0x44, 0, 0};
	struct out *o = l->s->out;
	char name[512];

	out_object_begin(o, NULL);
	out_hex(o, "addr", l->user ? "   0x%" PRIx64 : "0x%" PRIx64, addr);
	symbolic(l, addr, name, sizeof(name));
	bool start = *name && !strchr(name, '+');
	if (*name)
		out_str(o, "symbol", " <%s>", name);
	out_dec(o, "size", NULL, i->size);
	out_text(o, ":\t");
	out_str(o, "mnemonic", *i->operands ? "%-6s " : "%s", i->mnemonic);
	out_str(o, "operands", "%s", i->operands);
	if (i->has_target) {
		out_hex(o, "target", i->is_branch ? NULL : "        # 0x%" PRIx64, i->target);
		if (*symbolic(l, i->target, name, sizeof(name)))
			out_str(o, "target_symbol", " <%s>", name);
	}
	if (start && i->size == sizeof(fentry) && !memcmp(bytes, fentry, sizeof(fentry)))
		out_text(o, " [FTRACE NOP]");
	out_text(o, "\n");
	out_object_end(o);
}

/* From `start` up to `end`, `count` at most; nothing is printed of those before the `skip`th. */
static struct error *list(struct listing *l, uint64_t skip, uint64_t *listed)
{
	struct instruction i;
	unsigned char bytes[DISASM_MAX_BYTES];
	uint64_t done = 0;
	size_t len;

	for (uint64_t at = l->start; (at < l->end || l->end == UINT64_MAX) && done < l->count && !l->s->out->failed; done++) {
		TRY(check_interrupt());
		TRY(read_code(l, at, bytes, &len));
		disasm_one(l->d, bytes, len, at, &i);
		if (done >= skip)
			show(l, at, &i, bytes);
		at += i.size;
		if (!strcmp(i.mnemonic, "ud2"))
			at += l->s->settings.bug_bytes;
		if (at < l->start)
			break;
	}
	if (listed)
		*listed = done;
	return NULL;
}

/* How many instructions there are: the same walk, silent. */
static struct error *list_last(struct listing *l)
{
	uint64_t total, count = l->count;

	l->count = UINT64_MAX;
	TRY(list(l, UINT64_MAX, &total));
	return list(l, total > count ? total - count : 0, NULL);
}

/* ---- Words ---- */

/* The routine that holds addr: from its symbol to the next one above. */
static struct error *find_routine(struct listing *l, uint64_t addr, uint64_t *start, uint64_t *end)
{
	struct kernel *k = l->s->kernel;
	struct symbol symbol, next;
	uint64_t offset;
	size_t index;

	if (!symbol_at(k, addr, &symbol, &offset) || !symbols_index(k, &symbol, &index))
		return error_at(ERR_NO_SYMBOL, addr, "no symbol at or below: %" PRIx64, addr);
	*start = symbol.addr;
	*end = UINT64_MAX;
	while (symbols_get(k, ++index, &next) && next.module == symbol.module)
		if (next.addr > addr) {
			*end = next.addr;
			break;
		}
	return NULL;
}

static struct error *set_extent(struct listing *l, const char *word, const char *count)
{
	struct symbol symbol;
	uint64_t addr, start = 0, end = 0, number;
	const struct task *t;

	TRY(parse_address(l->s, word, &addr));
	l->count = UINT64_MAX;
	if (count) {
		TRY(parse_count(count, &l->count));
		if (!l->count)
			return usage_error("dis", "nothing to show: a count of 0");
	}
	l->start = addr;
	l->end = UINT64_MAX;
	if (!kernel_is_kernel_address(l->s->kernel, addr))
		l->user = true;
	if (l->user) {
		TRY(context_task(l->s, &t));
		if (!t->mm)
			return error_at(ERR_NOT_MAPPED, addr, "%s has no user memory: user address %" PRIx64, t->comm, addr);
		l->mm = t->mm;
		l->count = count ? l->count : 1;
		return NULL;
	}
	bool named = symbol_find(l->s->kernel, word, &symbol) && error_drop(parse_number(word, true, &number));
	if (l->reverse || l->forward || (named && !count)) {
		TRY(find_routine(l, addr, &start, &end));
		l->end = l->reverse ? addr + 1 : end;
		l->start = l->reverse ? start : addr;
		if (l->end == UINT64_MAX && !count)
			l->count = 1;
		return NULL;
	}
	if (!count)
		l->count = 1;
	return NULL;
}

static struct error *parse_options(struct listing *l, int argc, char **argv, int *words)
{
	struct option_parser p = {.argc = argc, .argv = argv, .spec = "rfludxsb"};
	int c;

	*words = 0;
	while ((c = next_option(&p)) || p.index < argc) {
		switch (c) {
		case 0:
			argv[++*words] = argv[p.index++];
			break;
		case 'r':
			l->reverse = true;
			break;
		case 'f':
			l->forward = true;
			break;
		case 'l':
			l->lines = true;
			break;
		case 's':
			l->source = true;
			break;
		case 'u':
			l->user = true;
			break;
		case 'x':
			l->radix = 16;
			break;
		case 'd':
			l->radix = 10;
			break;
		case 'b':
			l->bugs = true;
			break;
		default:
			return option_error(&p);
		}
	}
	if (l->reverse && l->forward)
		return usage_error("dis", "-r and -f exclude each other");
	if ((l->lines && !l->user) || l->source)
		return error_new(ERR_UNSUPPORTED, "an image holds no source lines: -%c", l->source ? 's' : 'l');
	return NULL;
}

static struct error *skip_bugs(struct listing *l, int words, char **argv)
{
	uint64_t bytes;

	if (words > 1)
		return usage_error("dis", "-b takes one number");
	if (words) {
		TRY(parse_count(argv[1], &bytes));
		if (bytes > VMCORE_PAGE_SIZE)
			return usage_error("dis", "-b: more than a page: %s", argv[1]);
		l->s->settings.bug_bytes = bytes;
	}
	out_dec(l->s->out, "bytes", "encoded bytes being skipped after ud2a: %" PRIu64 "\n",
		l->s->settings.bug_bytes);
	return NULL;
}

static struct error *run_dis(struct session *s, int argc, char **argv)
{
	struct listing l = {.s = s, .radix = s->settings.radix};
	char *own[argc + 1]; /* the words are the caller's, their order is not */
	int words;

	memcpy(own, argv, (size_t)(argc + 1) * sizeof(*own));
	TRY(parse_options(&l, argc, own, &words));
	if (l.bugs)
		return skip_bugs(&l, words, own);
	if (!words)
		return usage_error("dis", "an address is needed");
	if (words > 2)
		return usage_error("dis", "too many words: %s", own[3]);
	TRY(set_extent(&l, own[1], words > 1 ? own[2] : NULL));
	TRY(context_heading_in_foreach(s));
	TRY(disasm_open(s->kernel->wide, &l.d));
	out_array_begin(s->out, "instructions");
	struct error *e = l.reverse && !l.user ? list_last(&l) : list(&l, 0, NULL);
	out_array_end(s->out);
	disasm_close(l.d);
	return e;
}

COMMAND(dis) = {
	.name = "dis",
	.summary = "disassemble",
	.synopsis = "[-rfludxs] [-b [BYTES]] [ADDR | SYMBOL | (EXPRESSION)] [COUNT]",
	.options = "-r -f -l -u -d -x -s -b",
	.flags = CMD_NEEDS_KERNEL | CMD_FOREACH | CMD_SYMBOL_ARGS | CMD_TYPELESS,
	.help = "DESCRIPTION\n"
		"  Shows COUNT instructions from ADDR on: one, or the whole routine when it is given by its symbol. Each line\n"
		"  has the address with its symbol, the instruction in AT&T form, and the symbol of the address that it names.\n"
		"  Bytes that are no instruction are (bad).\n"
		"\n"
		"  -r  from the start of the routine up to and with the instruction at ADDR; with COUNT the last so many of them\n"
		"  -f  from ADDR to the end of the routine\n"
		"  -u  ADDR is a user address of the current context, as are all below the kernel's part\n"
		"  -x  offsets from symbols in hexadecimal;  -d  in decimal\n"
		"  -b  how many bytes behind each ud2 are no code and passed over; without a number shows it\n"
		"  -l -s  need source lines, which no image has: refused\n"
		"\n"
		"EXAMPLES\n"
		"  A whole routine:\n"
		"    mmscope> dis schedule\n"
		"  Its first five instructions, offsets in hexadecimal:\n"
		"    mmscope> dis -x schedule 5\n"
		"  What was called before the instruction at an address?\n"
		"    mmscope> dis -r (schedule + 5)\n",
	.run = run_dis,
};

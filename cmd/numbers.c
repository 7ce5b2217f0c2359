/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers by themselves: eval, ascii.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/args.h"
#include "cmd/session.h"

/* All words from `from` on, with a blank between them, as one text. */
static struct error *join(int argc, char **argv, int from, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int i = from; i < argc; i++) {
		int n = snprintf(buf + len, size - len, "%s%s", i > from ? " " : "", argv[i]);

		len += (size_t)n;
		if (len >= size)
			return error_new(ERR_USAGE, "expression too long");
	}
	return NULL;
}

/* "  (128MB)" in the largest unit that divides it, else "". */
static void format_multiple(uint64_t value, char *buf, size_t size)
{
	static const struct {
		unsigned shift;
		const char *name;
	} units[] = {{30, "GB"}, {20, "MB"}, {10, "KB"}};

	buf[0] = '\0';
	for (size_t i = 0; value && i < sizeof(units) / sizeof(units[0]); i++) {
		if (value & ((1ull << units[i].shift) - 1))
			continue;
		snprintf(buf, size, "  (%" PRIu64 "%s)", value >> units[i].shift, units[i].name);
		return;
	}
}

static void print_binary(struct out *o, uint64_t value, unsigned bits)
{
	char text[65];

	for (unsigned i = 0; i < bits; i++)
		text[i] = "01"[value >> (bits - 1 - i) & 1];
	text[bits] = '\0';
	out_str(o, "binary", "     binary: %s\n", text);
}

static void print_bits(struct out *o, uint64_t value)
{
	out_text(o, "   bits set:");
	out_array_begin(o, "bits");
	for (int bit = 63; bit >= 0; bit--) {
		if (value >> bit & 1)
			out_dec(o, NULL, " %" PRIu64, (uint64_t)bit);
	}
	out_array_end(o);
	out_text(o, "\n");
}

static struct error *run_eval(struct session *s, int argc, char **argv)
{
	unsigned bits = s->kernel && s->kernel->arch->pointer_size == 4 ? 32 : 64;
	bool show_bits = false;
	char text[1024], multiple[32];
	uint64_t value;
	int from = 1;

	/* Not next_option(): -1 is a number. */
	for (; from < argc && argv[from][0] == '-' && argv[from][1] &&
	       !argv[from][1 + strspn(argv[from] + 1, "bl")]; from++) {
		show_bits |= strchr(argv[from], 'b') != NULL;
		if (strchr(argv[from], 'l'))
			bits = 64;
	}
	if (from == argc)
		return usage_error(argv[0], NULL);
	TRY(join(argc, argv, from, text, sizeof(text)));
	TRY(parse_expression(s, text, &value));

	/* A negative result fits a narrow machine's words. */
	bool narrow = bits == 32 && (value >> 31 == 0 || value >> 32 == 0 || value >> 31 == 0x1ffffffff);
	if (narrow)
		value &= 0xffffffff;
	bits = narrow ? 32 : 64;
	format_multiple(value, multiple, sizeof(multiple));
	out_hex(s->out, "value", "hexadecimal: %" PRIx64, value);
	out_printf(s->out, "%s\n", multiple);
	out_dec(s->out, "decimal", "    decimal: %" PRIu64, value);
	if (value >> (bits - 1)) {
		int64_t negative = bits == 32 ? (int32_t)value : (int64_t)value;

		out_sdec(s->out, "signed", "  (%" PRId64 ")", negative);
	}
	out_printf(s->out, "\n      octal: %" PRIo64 "\n", value);
	print_binary(s->out, value, bits);
	if (show_bits)
		print_bits(s->out, value);
	return NULL;
}

COMMAND(eval) = {
	.name = "eval",
	.summary = "an expression's value in hexadecimal, decimal, octal and binary",
	.synopsis = "[-b] [-l] EXPRESSION",
	.options = "-b -l",
	.flags = CMD_SYMBOL_ARGS,
	.help = "DESCRIPTION\n"
		"  Evaluates an expression of numbers, symbols (their addresses), parentheses and\n"
		"  + - * / % & | ^ ~ << >>, which bind as in C. A number is decimal, or hexadecimal after 0x or\n"
		"  when it has a hexadecimal digit; k, m or g after it multiplies by 1024, 1024\xc2\xb2, 1024\xc2\xb3. A C expression\n"
		"  over the image's types works too. In quotes or parentheses | << >> are operators, not the shell's.\n"
		"\n"
		"  -b  which bits are set\n"
		"  -l  64 bits, on a 32-bit machine\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> eval 128 * 1m\n"
		"    mmscope> eval -b 41dc065\n"
		"    mmscope> eval (1 << 27)\n",
	.run = run_eval,
};

static const char *const control_names[] = {
	"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF",
	"VT",  "FF",  "CR",  "SO",  "SI",  "DLE", "DC1", "DC2", "DC3", "DC4", "NAK",
	"SYN", "ETB", "CAN", "EM",  "SUB", "ESC", "FS",  "GS",  "RS",  "US",  "SP",
};

static const char *character_name(unsigned c, char buf[8])
{
	if (c <= ' ')
		return control_names[c];
	if (c == 127)
		return "DEL";
	snprintf(buf, 8, c < 127 ? "%c" : "%02x", c);
	return buf;
}

static void print_chart(struct out *o)
{
	char buf[8];

	out_text(o, "\n      0   1   2   3   4   5   6   7\n    +-------------------------------\n");
	for (unsigned row = 0; row < 16; row++) {
		out_printf(o, "  %X |", row);
		for (unsigned column = 0; column < 8; column++)
			out_printf(o, " %3s", character_name(column * 16 + row, buf));
		out_text(o, "\n");
	}
	out_text(o, "\n");
}

/* The bytes as they lie in memory; those that are no printable character by name, as in crash. */
static void format_ascii(uint64_t value, char *buf, size_t size)
{
	size_t len = 0;

	for (unsigned i = 0; i < 8 && len < size - 8; i++, value >>= 8) {
		char name[8];
		unsigned c = value & 0xff;
		bool plain = c >= ' ' && c < 127;

		len += (size_t)snprintf(buf + len, size - len, plain ? "%s" : "<%s>",
					c == ' ' ? " " : character_name(c, name));
	}
}

static struct error *run_ascii(struct session *s, int argc, char **argv)
{
	if (argc == 1) {
		print_chart(s->out);
		return NULL;
	}
	if (argv[1][0] == '-')
		return usage_error(argv[0], NULL);
	out_array_begin(s->out, "values");
	for (int i = 1; i < argc; i++) {
		uint64_t value;
		char text[80];

		TRY(parse_number(argv[i], true, &value));
		format_ascii(value, text, sizeof(text));
		out_object_begin(s->out, NULL);
		out_hex(s->out, "value", "%016" PRIx64 ": ", value);
		out_str(s->out, "ascii", "%s\n", text);
		out_object_end(s->out);
	}
	out_array_end(s->out);
	return NULL;
}

COMMAND(ascii) = {
	.name = "ascii",
	.summary = "the characters in hexadecimal words; without a word, the chart of ASCII",
	.synopsis = "[VALUE]…",
	.help = "DESCRIPTION\n"
		"  Shows the bytes of hexadecimal words of 32 or 64 bits as characters, in the order in which a\n"
		"  little-endian machine has them in memory.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> ascii 62696c2f7273752f\n"
		"    mmscope> ascii\n",
	.run = run_ascii,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The text of a help page on a screen of some width. Text comes as its author broke it; where that
 * is too wide, a paragraph or a table's entry is broken anew within its margins.
 */
#include "cmd/help_text.h"

#include <stdio.h>

#define SHIFT 2 /* what stands at the margin moves to the right */

static const char example[] = "    mmscope> ";

struct text_line {
	const char *text;
	unsigned len;
	unsigned indent; /* blanks it begins with */
	unsigned hang;	 /* where a table entry's second part begins; else its indent */
	enum { LINE_BLANK, LINE_HEADING, LINE_EXAMPLE, LINE_PROSE, LINE_ENTRY } kind;
};

static const char *read_line(const char *text, struct text_line *line)
{
	*line = (struct text_line){.text = text, .len = (unsigned)strcspn(text, "\n")};
	line->indent = line->hang = (unsigned)strspn(text, " ");
	if (line->indent >= line->len) {
		line->kind = LINE_BLANK;
	} else if (!strncmp(text, example, strlen(example))) {
		line->kind = LINE_EXAMPLE;
	} else if (line->len > 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") >= line->len &&
		   !line->indent) {
		line->kind = LINE_HEADING;
	} else {
		line->kind = LINE_PROSE;
		for (unsigned i = line->indent; i + 2 < line->len; i++) {
			if (text[i] != ' ' || text[i + 1] != ' ')
				continue;
			line->kind = LINE_ENTRY;
			line->hang = i + (unsigned)strspn(text + i, " ");
			break;
		}
	}
	return text + line->len + (text[line->len] == '\n');
}

/* Characters, not bytes. */
static unsigned width_of(const char *text, unsigned len)
{
	unsigned width = 0;

	for (unsigned i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

/* The length of a word; a word of a synopsis holds its brackets together. */
static unsigned word_length(const char *text, bool brackets)
{
	unsigned depth = 0, len = 0;

	for (; text[len] && text[len] != '\n'; len++) {
		if (text[len] == ' ' && !(brackets && depth))
			break;
		depth += text[len] == '[';
		depth -= text[len] == ']' && depth;
	}
	return len;
}

/* Breaks [text, end) anew: the first line begins where the cursor is, at `hang`, the others there.
 */
static void fill(struct out *o, const char *text, const char *end, unsigned hang, unsigned width,
		 bool brackets)
{
	unsigned column = hang;

	while (text < end) {
		unsigned len = word_length(text, brackets), wide = width_of(text, len);

		if (!len) {
			text++;
			continue;
		}
		if (column > hang && column + 1 + wide > width) {
			out_printf(o, "\n%*s", (int)hang, "");
			column = hang;
		} else if (column > hang) {
			out_text(o, " ");
			column++;
		}
		out_printf(o, "%.*s", (int)len, text);
		column += wide;
		text += len;
	}
	out_text(o, "\n");
}

/* The block that begins with `first`: the lines that go on at its hang. Returns what is behind it.
 */
static const char *print_block(struct out *o, const struct text_line *first, unsigned width)
{
	unsigned shift = first->indent ? 0 : SHIFT, lead = first->hang;
	const char *end = first->text + first->len, *next = end + (*end == '\n');
	bool wide = width_of(first->text, first->len) + shift > width;
	struct text_line line;

	while (*next) {
		const char *after = read_line(next, &line);

		if (line.kind != LINE_PROSE || line.indent != first->hang)
			break;
		wide |= width_of(line.text, line.len) + shift > width;
		end = line.text + line.len;
		next = after;
	}
	/* No room to break in: as it is. */
	if (!wide || lead + shift + 20 > width) {
		for (const char *p = first->text; p < next;) {
			p = read_line(p, &line);
			out_printf(o, "%*s%.*s\n", (int)shift, "", (int)line.len, line.text);
		}
		return next;
	}
	out_printf(o, "%*s%.*s", (int)shift, "", (int)lead, first->text);
	fill(o, first->text + lead, end, shift + width_of(first->text, lead), width, false);
	return next;
}

void help_print(struct out *o, const char *text, unsigned width)
{
	struct text_line line, last = {.kind = LINE_BLANK};

	while (*text) {
		const char *next = read_line(text, &line);

		/* Each example has a blank line on either side, as in crash. */
		if (last.kind != LINE_BLANK && line.kind != LINE_BLANK &&
		    (line.kind == LINE_EXAMPLE) != (last.kind == LINE_EXAMPLE))
			out_text(o, "\n");
		last = line;
		if (line.kind == LINE_PROSE || line.kind == LINE_ENTRY) {
			next = print_block(o, &line, width);
		} else if (line.kind == LINE_HEADING) {
			char heading[80];

			snprintf(heading, sizeof(heading), "%.*s", (int)line.len, text);
			out_title(o, heading);
			out_text(o, "\n");
		} else {
			out_printf(o, "%.*s\n", line.kind == LINE_BLANK ? 0 : (int)line.len, text);
		}
		text = next;
	}
}

void help_print_synopsis(struct out *o, const char *name, const char *synopsis, unsigned width)
{
	unsigned hang = 2 + (unsigned)strlen(name) + 1;

	do {
		const char *end = synopsis + strcspn(synopsis, "\n");

		while (*end && end[1] == ' ')
			end += 1 + strcspn(end + 1, "\n");
		out_printf(o, "  %s%s", name, *synopsis ? " " : "");
		fill(o, synopsis, end, hang, width, true);
		synopsis = end + (*end == '\n');
	} while (*synopsis);
}

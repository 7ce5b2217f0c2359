/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sink: the same calls as text and as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/interrupt.h"
#include "core/out.h"

#define assert_output(o, expected)                    \
	do {                                          \
		char *text_ = out_take(o, NULL);      \
		assert_string_equal(text_, expected); \
		free(text_);                          \
	} while (0)

static const struct column columns[] = {
	{"page", "PAGE", 8, '^', 0}, {"physical", "PHYSICAL", 10, '>', 2}, {NULL, "X", 3, '<', 1},
	{"count", "CNT", 3, '>', 1}, {"name", "NAME", 6, '<', 1},
};

static void numbers_in_every_length(void **state)
{
	char text[64], expected[64];

	for (unsigned shift = 0; shift < 64; shift++) {
		for (int off = -1; off <= 1; off++) {
			uint64_t value = (1ull << shift) + (uint64_t)off;

			for (unsigned digits = 0; digits <= 16; digits++) {
				*put_hex(text, value, digits) = '\0';
				snprintf(expected, sizeof(expected), "%0*" PRIx64,
					 digits ? (int)digits : 1, value);
				assert_string_equal(text, expected);
			}
			*put_dec(text, value) = '\0';
			snprintf(expected, sizeof(expected), "%" PRIu64, value);
			assert_string_equal(text, expected);
		}
	}
	for (uint64_t power = 1, i = 0; i < 20; i++, power *= 10) {
		for (int off = -1; off <= 1; off++) {
			*put_dec(text, power + (uint64_t)off) = '\0';
			snprintf(expected, sizeof(expected), "%" PRIu64, power + (uint64_t)off);
			assert_string_equal(text, expected);
		}
	}
	*put_dec(text, UINT64_MAX) = '\0';
	assert_string_equal(text, "18446744073709551615");
}

static void rows(struct out *o)
{
	out_document_begin(o, "kmem");
	out_table(o, "pages", columns, 5, true);
	out_cell_hex(o, 0xabc);
	out_cell_hex_pad(o, 0x1000, 8);
	out_cell_str(o, "?");
	out_cell_sdec(o, -1);
	out_cell_str(o, "slab");
	out_row_end(o);
	out_cell_none(o, "-");
	out_cell_hex_as(o, 0x20, "none");
	out_cell_none(o, "");
	out_cell_dec_as(o, 7, "VII");
	out_cell_printf(o, "%s-%d", "x", 5);
	out_row_end(o);
	out_table_end(o);
	out_document_end(o, NULL);
}

static void table_as_text(void **state)
{
	struct out *o = out_memory(OUT_TEXT);

	rows(o);
	/* The headings stand as the columns do, and no line ends in blanks. */
	assert_output(o, "  PAGE      PHYSICAL X   CNT NAME\n"
			 "abc         00001000 ?    -1 slab\n"
			 "-               none     VII x-5\n");
	out_free(o);
}

static void table_as_json(void **state)
{
	struct out *o = out_memory(OUT_JSON);

	rows(o);
	assert_output(o,
		      "{\"command\":\"kmem\",\"pages\":["
		      "{\"page\":\"0xabc\",\"physical\":\"0x1000\",\"count\":-1,\"name\":\"slab\"},"
		      "{\"page\":null,\"physical\":\"0x20\",\"count\":7,\"name\":\"x-5\"}]}\n");
	out_free(o);
}

static void wide_cells_push_the_rest(void **state)
{
	struct out *o = out_memory(OUT_TEXT);

	out_table(o, "t", columns, 5, false);
	out_cell_hex(o, 0xffffea0000123450);
	out_cell_dec(o, 123456789012);
	out_cell_str(o, "abcd");
	out_cell_dec(o, 12345);
	out_cell_str(o, "\xc3\xa4\xc3\xb6"); /* ä ö: two columns of the screen, four bytes */
	out_cell_str(o, "beyond the last column");
	out_row_end(o);
	out_table_end(o);
	assert_output(o, "ffffea0000123450  123456789012 abcd 12345 \xc3\xa4\xc3\xb6     beyond "
			 "the last column\n");
	out_free(o);
}

static void facts(struct out *o)
{
	out_document_begin(o, "sys");
	out_printf(o, "heading\n");
	out_dec(o, "cpus", "CPUS: %lu\n", 2);
	out_sdec(o, "nice", "NICE: %ld\n", -5);
	out_hex(o, "base", "BASE: %lx\n", 0xffffffff81000000);
	out_double(o, "load", "LOAD: %.2f\n", 0.25);
	out_str(o, "release", "RELEASE: %s\n", "6.1 \"x\"\t\x01\xff\x7f\xe2\x82\xac");
	out_str(o, "none", NULL, NULL);
	out_bool(o, "partial", "PARTIAL: %s\n", true);
	out_object_begin(o, "inner");
	out_array_begin(o, "list");
	out_dec(o, NULL, NULL, 1);
	out_hex(o, NULL, NULL, 2);
	out_array_end(o);
	out_object_end(o);
	out_str(o, NULL, "text only\n", "");
}

static void facts_as_text(void **state)
{
	struct out *o = out_memory(OUT_TEXT);

	facts(o);
	out_document_end(o, "an error");
	assert_output(o, "heading\nCPUS: 2\nNICE: -5\nBASE: ffffffff81000000\nLOAD: 0.25\n"
			 "RELEASE: 6.1 \"x\"\t\x01\xff\x7f\xe2\x82\xac\nPARTIAL: yes\ntext only\n");
	out_free(o);
}

static void facts_as_json(void **state)
{
	struct out *o = out_memory(OUT_JSON);

	facts(o);
	out_array_begin(o, "left_open");
	out_object_begin(o, NULL);
	out_document_end(o, "an error");
	assert_output(
		o, "{\"command\":\"sys\",\"cpus\":2,\"nice\":-5,\"base\":\"0xffffffff81000000\","
		   "\"load\":0.25,"
		   "\"release\":\"6.1 "
		   "\\\"x\\\"\\t\\u0001\\u00ff\\u007f\xe2\x82\xac\",\"none\":null,\"partial\":true,"
		   "\"inner\":{\"list\":[1,\"0x2\"]},\"left_open\":[{}],\"error\":\"an error\"}\n");
	out_free(o);
}

static void bad_utf8_is_escaped(void **state)
{
	struct out *o = out_memory(OUT_JSON);

	out_array_begin(o, NULL);
	out_str(o, NULL, NULL, "\xc0\xaf");	    /* overlong */
	out_str(o, NULL, NULL, "\xed\xa0\x80");	    /* a surrogate */
	out_str(o, NULL, NULL, "\xf0\x9f\x98\x80"); /* beyond the 16-bit plane: good */
	out_str(o, NULL, NULL, "\xe2\x82");	    /* cut */
	out_array_end(o);
	assert_output(o, "[\"\\u00c0\\u00af\",\"\\u00ed\\u00a0\\u0080\",\"\xf0\x9f\x98\x80\","
			 "\"\\u00e2\\u0082\"]");
	out_free(o);
}

static void nested(struct out *o)
{
	static const struct column inner[] = {{"virtual", "VIRTUAL", 7, '<', 2},
					      {"physical", "PHYSICAL", 0, '<', 1}};
	static const struct column outer[] = {{"vma", "VMA", 4, '<', 0},
					      {"file", "FILE", 0, '<', 1}};

	out_document_begin(o, "vm");
	out_table(o, "vmas", outer, 2, true);
	for (unsigned i = 1; i <= 2; i++) {
		out_cell_hex(o, i);
		out_cell_str(o, "f");
		out_row_break(o);
		out_table(o, "pages", inner, 2, false);
		out_cell_hex(o, 16 * i);
		out_cell_none(o, "SWAP");
		out_row_end(o);
		out_table_end(o);
		out_row_end(o);
	}
	out_table_end(o);
	out_document_end(o, NULL);
}

static void tables_nest(void **state)
{
	struct out *o = out_memory(OUT_TEXT);

	nested(o);
	assert_output(o, "VMA  FILE\n1    f\n  10      SWAP\n2    f\n  20      SWAP\n");
	o->mode = OUT_JSON;
	nested(o);
	assert_output(o, "{\"command\":\"vm\",\"vmas\":["
			 "{\"vma\":\"0x1\",\"file\":\"f\",\"pages\":[{\"virtual\":\"0x10\","
			 "\"physical\":null}]},"
			 "{\"vma\":\"0x2\",\"file\":\"f\",\"pages\":[{\"virtual\":\"0x20\","
			 "\"physical\":null}]}]}\n");
	out_free(o);
}

static void close_after_a_failure(void **state)
{
	struct out *o = out_memory(OUT_JSON);
	unsigned depth;

	out_document_begin(o, "foreach");
	out_array_begin(o, "tasks");
	for (int i = 0; i < 2; i++) {
		out_object_begin(o, NULL);
		depth = o->depth;
		out_table(o, "vmas", columns, 5,
			  true); /* a command that fails in the middle of a row */
		out_cell_hex(o, 1);
		out_close(o, depth);
		out_object_end(o);
	}
	out_document_end(o, NULL);
	assert_output(o, "{\"command\":\"foreach\",\"tasks\":[{\"vmas\":[{\"page\":\"0x1\"}]},{"
			 "\"vmas\":[{\"page\":\"0x1\"}]}]}\n");
	assert_int_equal(o->table_depth, 0);
	out_free(o);
}

/* More than the buffer, in pieces of every size, arrives whole and in order. */
static void long_output_is_whole(void **state)
{
	char name[] = "/tmp/mmscope-test-XXXXXX", *text, *read_back;
	int fd = mkstemp(name);
	struct out *o = out_new(fd, OUT_TEXT);
	size_t size = 3u << 20, at = 0;

	assert_true(fd >= 0);
	unlink(name);
	text = malloc(size + 1);
	read_back = malloc(size + 1);
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i * 7 % 26);
	text[size] = '\0';
	for (size_t piece = 1; at < size; piece = piece * 3 + 1) {
		size_t len = piece < size - at ? piece : size - at;

		out_printf(o, "%.*s", (int)len, text + at);
		at += len;
	}
	out_text(o, text);
	out_free(o);
	assert_int_equal(pread(fd, read_back, size, 0), size);
	assert_memory_equal(text, read_back, size);
	assert_int_equal(pread(fd, read_back, size, (off_t)size), size);
	assert_memory_equal(text, read_back, size);
	close(fd);
	free(text);
	free(read_back);
}

/* A reader that went away stops the writer, through the flag that long loops poll. */
static void broken_pipe_interrupts(void **state)
{
	int ends[2];
	struct out *o;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	interrupt_flag = 0;
	o = out_new(ends[1], OUT_TEXT);
	out_text(o, "x");
	assert_false(o->failed);
	out_flush(o);
	assert_true(o->failed);
	assert_int_equal(o->error, EPIPE);
	assert_true(interrupted());
	interrupt_flag = 0;
	out_free(o);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_in_every_length),
		cmocka_unit_test(table_as_text),
		cmocka_unit_test(table_as_json),
		cmocka_unit_test(wide_cells_push_the_rest),
		cmocka_unit_test(facts_as_text),
		cmocka_unit_test(facts_as_json),
		cmocka_unit_test(bad_utf8_is_escaped),
		cmocka_unit_test(tables_nest),
		cmocka_unit_test(close_after_a_failure),
		cmocka_unit_test(long_output_is_whole),
		cmocka_unit_test(broken_pipe_interrupts),
	};

	return cmocka_run_group_tests_name("out", tests, NULL, NULL);
}

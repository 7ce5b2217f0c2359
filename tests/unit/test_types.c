/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BTF: opened, refused and survived; members, declarations, values and expressions over types made
 * by hand. */
#include "tests/unit/small_kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/btf.h"
#include "core/expr.h"
#include "core/out.h"
#include "core/typeprint.h"

#define OBJECT (SMALL_BASE + 0x1000)
#define STRING (SMALL_BASE + 0x8000)

/*
 * enum color { RED, GREEN = 5, BLUE = -1 };
 * typedef struct { int counter; } atomic_t;
 * struct inner { unsigned short a[3]; unsigned char text[8]; };
 * struct list { struct list *next, *prev; };
 * struct outer {
 *	int number;				0
 *	unsigned int low : 3, high : 29;	4
 *	union {					8
 *		struct { unsigned long x, y; };
 *		struct list links;
 *	};
 *	struct inner inner[2];			24
 *	const char *name;			56
 *	int (*call)(struct outer *, ...);	64
 *	atomic_t count;				72
 *	enum color color;			76
 *	bool flag;				80
 *	int gap : 7;				81 (bits 648..654)
 *	unsigned long tail[];			88
 * };
 */
static struct btf *make_btf(void)
{
	struct btf *b = btf__new_empty();
	int i32, u32, u16, u8, u64, character, boolean, color, atomic, atomic_t, texts, shorts,
		inner, inners, list, list_ptr, anonymous, choice, outer, outer_ptr, proto, call,
		constant, name, tail;

	i32 = btf__add_int(b, "int", 4, BTF_INT_SIGNED);
	u32 = btf__add_int(b, "unsigned int", 4, 0);
	u16 = btf__add_int(b, "short unsigned int", 2, 0);
	u8 = btf__add_int(b, "unsigned char", 1, 0);
	u64 = btf__add_int(b, "long unsigned int", 8, 0);
	character = btf__add_int(b, "char", 1, BTF_INT_SIGNED);
	boolean = btf__add_int(b, "_Bool", 1, BTF_INT_BOOL);
	color = btf__add_enum(b, "color", 4);
	btf__add_enum_value(b, "RED", 0);
	btf__add_enum_value(b, "GREEN", 5);
	btf__add_enum_value(b, "BLUE", -1);
	atomic = btf__add_struct(b, NULL, 4);
	btf__add_field(b, "counter", i32, 0, 0);
	atomic_t = btf__add_typedef(b, "atomic_t", atomic);
	shorts = btf__add_array(b, i32, u16, 3);
	texts = btf__add_array(b, i32, u8, 8);
	inner = btf__add_struct(b, "inner", 16);
	btf__add_field(b, "a", shorts, 0, 0);
	btf__add_field(b, "text", texts, 48, 0);
	inners = btf__add_array(b, i32, inner, 2);
	list_ptr = btf__type_cnt(b) + 1; /* of the record after the next */
	list = btf__add_struct(b, "list", 16);
	btf__add_field(b, "next", list_ptr, 0, 0);
	btf__add_field(b, "prev", list_ptr, 64, 0);
	assert_int_equal(btf__add_ptr(b, list), list_ptr);
	anonymous = btf__add_struct(b, NULL, 16);
	btf__add_field(b, "x", u64, 0, 0);
	btf__add_field(b, "y", u64, 64, 0);
	choice = btf__add_union(b, NULL, 16);
	btf__add_field(b, NULL, anonymous, 0, 0);
	btf__add_field(b, "links", list, 0, 0);
	constant = btf__add_const(b, character);
	name = btf__add_ptr(b, constant);
	tail = btf__add_array(b, i32, u64, 0);
	outer_ptr = btf__type_cnt(b) + 1;
	proto = outer_ptr + 1;
	call = outer_ptr + 2;
	outer = btf__add_struct(b, "outer", 88);
	btf__add_field(b, "number", i32, 0, 0);
	btf__add_field(b, "low", u32, 32, 3);
	btf__add_field(b, "high", u32, 35, 29);
	btf__add_field(b, NULL, choice, 64, 0);
	btf__add_field(b, "inner", inners, 192, 0);
	btf__add_field(b, "name", name, 448, 0);
	btf__add_field(b, "call", call, 512, 0);
	btf__add_field(b, "count", atomic_t, 576, 0);
	btf__add_field(b, "color", color, 608, 0);
	btf__add_field(b, "flag", boolean, 640, 0);
	btf__add_field(b, "gap", i32, 648, 7);
	btf__add_field(b, "tail", tail, 704, 0);
	assert_int_equal(btf__add_ptr(b, outer), outer_ptr);
	assert_int_equal(btf__add_func_proto(b, i32), proto);
	btf__add_func_param(b, "self", outer_ptr);
	btf__add_func_param(b, NULL, 0);
	assert_int_equal(btf__add_ptr(b, proto), call);
	return b;
}

static struct kernel *make_kernel(void)
{
	struct small_types types = {.btf = make_btf()};
	struct kernel *k = small_kernel_new(&types);
	static const char text[] = "ab\"c\n";

	poke(k, OBJECT, (uint32_t)-7, 4);
	poke(k, OBJECT + 4, 5 | 1000 << 3, 4);
	poke64(k, OBJECT + 8, 0x1111);
	poke64(k, OBJECT + 16, OBJECT);
	poke(k, OBJECT + 24, 1, 2);
	poke(k, OBJECT + 26, 2, 2);
	poke(k, OBJECT + 30, 'h', 1);
	poke(k, OBJECT + 31, 'i', 1);
	poke64(k, OBJECT + 56, STRING);
	poke(k, OBJECT + 72, 3, 4);
	poke(k, OBJECT + 76, 5, 4);
	poke(k, OBJECT + 80, 1, 1);
	poke(k, OBJECT + 81, 0x7f, 1);
	poke64(k, OBJECT + 88, 99);
	assert_success(kernel_write(k, STRING, text, sizeof(text)));
	return k;
}

static int setup(void **state)
{
	*state = make_kernel();
	return 0;
}

static int teardown(void **state)
{
	small_kernel_free(*state);
	return 0;
}

/* ---- Names, sizes, members ---- */

static void finds(void **state)
{
	struct kernel *k = *state;
	struct type t;

	assert_true(type_valid(type_find(k, TYPE_STRUCT, "outer")));
	assert_false(type_valid(type_find(k, TYPE_UNION, "outer")));
	assert_false(type_valid(type_find(k, TYPE_ANY, "oute")));
	assert_false(type_valid(type_find(k, TYPE_ANY, "")));
	assert_int_equal(type_size(k, type_find(k, TYPE_TYPEDEF, "atomic_t")), 4);
	assert_int_equal(type_size(k, type_find(k, TYPE_ENUM, "color")), 4);
	assert_success(type_parse(k, "unsigned long", &t));
	assert_int_equal(type_size(k, t), 8);
	assert_success(type_parse(k, "struct outer *[4]", &t));
	assert_int_equal(type_size(k, t), 32);
	assert_success(type_parse(k, "long long", &t)); /* not in this BTF */
	assert_int_equal(type_size(k, t), 8);
	assert_error(type_parse(k, "struct nosuch", &t), ERR_NO_TYPE);
	assert_error(type_parse(k, "unsigned signed", &t), ERR_NO_TYPE);
	assert_error(type_parse(k, "", &t), ERR_NO_TYPE);
	assert_error(type_parse(k, "int (", &t), ERR_NO_TYPE);
}

static void member(struct kernel *k, const char *path, uint64_t offset, unsigned bit_offset,
		   unsigned bit_size, uint64_t size)
{
	struct type_member m;

	assert_success(type_member_find(k, type_find(k, TYPE_STRUCT, "outer"), path, &m));
	assert_int_equal(m.offset, offset);
	assert_int_equal(m.bit_offset, bit_offset);
	assert_int_equal(m.bit_size, bit_size);
	assert_int_equal(m.size, size);
}

static void no_member(struct kernel *k, const char *path)
{
	struct type_member m;

	assert_true(error_drop(type_member_find(k, type_find(k, TYPE_STRUCT, "outer"), path, &m)));
}

static void members(void **state)
{
	struct kernel *k = *state;

	member(k, "number", 0, 0, 0, 4);
	member(k, "low", 4, 0, 3, 4);
	member(k, "high", 4, 3, 29, 4);
	member(k, "y", 16, 0, 0, 8); /* through a union and a struct without names */
	member(k, "links.prev", 16, 0, 0, 8);
	member(k, "inner[1].a[2]", 44, 0, 0, 2);
	member(k, "inner", 24, 0, 0, 32);
	member(k, "count.counter", 72, 0, 0, 4);
	member(k, "gap", 81, 0, 7, 4);
	member(k, "tail", 88, 0, 0, 0);
	member(k, "tail[3]", 112, 0, 0, 8);
	no_member(k, "numbe");
	no_member(k, "numbers");
	no_member(k, "");
	no_member(k, ".");
	no_member(k, "number.");
	no_member(k, "number[0]");
	no_member(k, "inner[2]");
	no_member(k, "inner[-1]");
	no_member(k, "inner[1");
	no_member(k, "inner[x]");
	no_member(k, "links->next");
	no_member(k, "name.x");
}

static void enumerators(void **state)
{
	struct kernel *k = *state;
	struct type color = type_find(k, TYPE_ENUM, "color");
	int64_t value;

	assert_true(enumerator_find(k, "GREEN", &value));
	assert_int_equal(value, 5);
	assert_true(enumerator_find(k, "BLUE", &value));
	assert_int_equal(value, -1);
	assert_false(enumerator_find(k, "GREY", &value));
	assert_string_equal(enumerator_name(k, color, 5), "GREEN");
	assert_string_equal(enumerator_name(k, color, UINT32_MAX), "BLUE");
	assert_null(enumerator_name(k, color, 4));
}

/* ---- Text ---- */

static void declared(struct kernel *k, const char *type, const char *expected)
{
	struct out *o = out_memory(OUT_TEXT);
	struct declaration_format f = {.radix = 10, .offsets = true};
	char *text;

	assert_success(type_print(o, k, type_find(k, TYPE_ANY, type), &f));
	text = out_take(o, NULL);
	assert_string_equal(text, expected);
	free(text);
	out_free(o);
}

static void declarations(void **state)
{
	struct kernel *k = *state;

	declared(k, "outer",
		 "struct outer {\n"
		 "   [0] int number;\n"
		 "   [4] unsigned int low : 3;\n"
		 "   [4] unsigned int high : 29;\n"
		 "       union {\n"
		 "           struct {\n"
		 "   [8]         unsigned long x;\n"
		 "  [16]         unsigned long y;\n"
		 "           };\n"
		 "   [8]     struct list links;\n"
		 "       };\n"
		 "  [24] struct inner inner[2];\n"
		 "  [56] const char *name;\n"
		 "  [64] int (*call)(struct outer *, ...);\n"
		 "  [72] atomic_t count;\n"
		 "  [76] enum color color;\n"
		 "  [80] _Bool flag;\n"
		 "  [81] int gap : 7;\n"
		 "  [88] unsigned long tail[];\n"
		 "}\n"
		 "SIZE: 88\n");
	declared(k, "color", "enum color {\n  RED = 0\n  GREEN = 5\n  BLUE = -1\n};\n");
	declared(k, "atomic_t", "typedef struct {\n  [0] int counter;\n} atomic_t;\nSIZE: 4\n");
}

static char *shown(struct kernel *k, const char *expression, enum out_mode mode, unsigned radix)
{
	struct out *o = out_memory(mode);
	struct expr_context c = {.k = k};
	struct value_format f = {.radix = radix};
	struct value_bytes bytes;
	struct value v;
	void *buffer;
	char *text;

	assert_success(expr_evaluate(k, expression, &v));
	assert_success(value_load(&c, &v, &buffer, &bytes));
	if (mode == OUT_JSON)
		out_object_begin(o, NULL);
	value_put(o, k, "v", &bytes, &f);
	if (mode == OUT_JSON)
		out_object_end(o);
	free(buffer);
	text = out_take(o, NULL);
	out_free(o);
	return text;
}

static void shows(struct kernel *k, const char *expression, unsigned radix, const char *expected)
{
	char *text = shown(k, expression, OUT_TEXT, radix);

	assert_string_equal(text, expected);
	free(text);
}

#define O "((struct outer *)0xffff888000001000)"

static void values(void **state)
{
	struct kernel *k = *state;

	shows(k, "*" O, 10,
	      "{\n"
	      "  number = -7,\n"
	      "  low = 5,\n"
	      "  high = 1000,\n"
	      "  {\n"
	      "    {\n"
	      "      x = 4369,\n"
	      "      y = 18446612682070036480\n"
	      "    },\n"
	      "    links = {\n"
	      "      next = 0x1111,\n"
	      "      prev = 0xffff888000001000\n"
	      "    }\n"
	      "  },\n"
	      "  inner = {{\n"
	      "      a = {1, 2, 0},\n"
	      "      text = \"hi\\000\\000\\000\\000\\000\"\n"
	      "    }, {\n"
	      "      a = {0, 0, 0},\n"
	      "      text = \"\\000\\000\\000\\000\\000\\000\\000\"\n"
	      "    }},\n"
	      "  name = 0xffff888000008000 \"ab\\\"c\\n\",\n"
	      "  call = 0x0,\n"
	      "  count = {\n"
	      "    counter = 3\n"
	      "  },\n"
	      "  color = GREEN,\n"
	      "  flag = true,\n"
	      "  gap = -1,\n"
	      "  tail = 0xffff888000001058\n"
	      "}");
	shows(k, O "->number", 16, "0xfffffff9");
	shows(k, O "->gap", 16, "0x7f");
	shows(k, O "->inner[0].text[0]", 10, "104 'h'");
	shows(k, O "->inner[0].text[0]", 16, "0x68");
	shows(k, "(char)200", 10, "-56 '\\310'");
	shows(k, "(enum color)-1", 10, "BLUE");
	shows(k, "(enum color)9", 10, "9");
	shows(k, "(void *)0", 10, "0x0");
	shows(k, "(const char *)1", 10, "0x1 <error: Cannot access memory at address 0x1>");
}

static void json(void **state)
{
	struct kernel *k = *state;
	char *text = shown(k, "*" O, OUT_JSON, 10);

	assert_string_equal(
		text,
		"{\"v\":{\"number\":-7,\"low\":5,\"high\":1000,\"x\":4369,\"y\":"
		"18446612682070036480,"
		"\"links\":{\"next\":\"0x1111\",\"prev\":\"0xffff888000001000\"},"
		"\"inner\":[{\"a\":[1,2,0],\"text\":\"hi\"},{\"a\":[0,0,0],\"text\":\"\"}],"
		"\"name\":\"0xffff888000008000 "
		"\\\"ab\\\"c\\n\\\"\",\"call\":\"0x0\",\"count\":{\"counter\":3},"
		"\"color\":\"GREEN\",\"flag\":true,\"gap\":-1,\"tail\":\"0xffff888000001058\"}}");
	free(text);
}

/* ---- Expressions ---- */

static void equals(struct kernel *k, const char *text, int64_t expected)
{
	struct expr_context c = {.k = k};
	struct value v;
	int64_t number;

	assert_success(expr_evaluate(k, text, &v));
	assert_success(value_number(&c, &v, &number));
	if (number != expected)
		fail_msg("%s = %ld, not %ld", text, (long)number, (long)expected);
}

static void fails(struct kernel *k, const char *text)
{
	struct expr_context c = {.k = k};
	struct value v;
	int64_t number;
	struct error *e = expr_evaluate(k, text, &v);

	if (!e)
		e = value_number(&c, &v, &number);
	if (!e)
		fail_msg("%s was taken", text);
	assert_true(*e->message && !strchr(e->message, '\n'));
	error_free(e);
}

static void arithmetic(void **state)
{
	struct kernel *k = *state;

	equals(k, "1+2*3", 7);
	equals(k, "(1+2)*3", 9);
	equals(k, "10-3-2", 5);
	equals(k, "-7/2", -3);
	equals(k, "-7%3", -1);
	equals(k, "1<<4|1", 17);
	equals(k, "1<<40", 1ll << 40); /* wider than C's int: it becomes a long */
	equals(k, "~0", -1);
	equals(k, "!3 + !0", 1);
	equals(k, "0x10", 16);
	equals(k, "010", 8);
	equals(k, "0xffffffff", 0xffffffff);
	equals(k, "0xffffffff + 1", 0); /* unsigned int, as in C */
	equals(k, "0xffffffffffffffff", -1);
	equals(k, "4294967295 + 1", 4294967296);
	equals(k, "2147483647 + 1", 2147483648);
	equals(k, "-1 < 1u", 0);
	equals(k, "(unsigned char)300", 44);
	equals(k, "(short)0xffff", -1);
	equals(k, "(bool)5", 1);
	equals(k, "'a' + '\\n'", 107);
	equals(k, "1 ? 2 : 3", 2);
	equals(k, "0 ? 1/0 : 3", 3);
	equals(k, "0 && 1/0", 0);
	equals(k, "1 || 1/0", 1);
	equals(k, "3 == 3 && 2 != 3 && 2 <= 2 && 3 > 2", 1);
	equals(k, "GREEN + 1", 6);
	equals(k, "BLUE", -1);
	equals(k, "sizeof(struct outer)", 88);
	equals(k, "sizeof(outer)", 88);
	equals(k, "sizeof(int [4])", 16);
	equals(k, "sizeof " O "->inner", 32);
	equals(k, "sizeof(*(struct outer *)0)", 88);
	fails(k, "");
	fails(k, "1 +");
	fails(k, "1 1");
	fails(k, "(1");
	fails(k, "1/0");
	fails(k, "1%0");
	fails(k, "1<<64");
	fails(k, "1<<-1");
	fails(k, "nosuch");
	fails(k, "99999999999999999999");
	fails(k, "08");
	fails(k, "1x");
	fails(k, "'");
	fails(k, "''");
	fails(k, "1 ? 2");
	fails(k, "sizeof");
	fails(k, "(struct nosuch *)1");
	fails(k, "@");
	fails(k, "1 @ 2");
}

static void memory(void **state)
{
	struct kernel *k = *state;
	char deep[400];

	equals(k, O "->number", -7);
	equals(k, O ".high", 1000);
	equals(k, "(*" O ").inner[0].a[1]", 2);
	equals(k, "*" O "->inner[0].a", 1);
	equals(k, "&" O "->tail[0]", OBJECT + 88);
	equals(k, O "->tail[0]", 99);
	equals(k, "*(int *)0xffff888000001000", -7);
	equals(k, O "->links.prev->next == (void *)0", 0);
	equals(k, "&((struct outer *)0)->count", 72);
	equals(k, "(unsigned long)&" O "->y & 0xfff", 16);
	equals(k, O " + 1", OBJECT + 88);
	equals(k, "1 + " O, OBJECT + 88);
	equals(k, "&" O "->inner[1] - &" O "->inner[0]", 1);
	equals(k, "sizeof(" O "->inner[0]@5)", 80);
	fails(k, O "->nosuch");
	fails(k, O "->number->x");
	fails(k, "*1");
	fails(k, "*(void *)1");
	fails(k, "*(int *)1");
	fails(k, "&1");
	fails(k, "&" O "->high");
	fails(k, "*" O " + 1");
	fails(k, "-*" O);
	fails(k, O " * 2 + *" O);
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	fails(k, deep);
	memset(deep, '-', sizeof(deep) - 1);
	fails(k, deep);
}

/* ---- Damage ---- */

/* Everything that a user can ask of a BTF that opened. */
static void exercise(struct kernel *k)
{
	struct out *text = out_memory(OUT_TEXT), *json_out = out_memory(OUT_JSON);
	static const unsigned char zeroes[4096];
	struct declaration_format f = {.radix = 16, .offsets = true};
	struct type t;
	size_t cursor = 0;
	int64_t value;

	members_resolve(k);
	enumerator_find(k, "GREEN", &value);
	while (type_valid(t = types_next(k, &cursor))) {
		struct value_bytes v = {
			.type = t, .bytes = zeroes, .len = sizeof(zeroes), .addr = OBJECT};
		char name[256];
		struct type_member m;

		type_format(k, t, name, sizeof(name));
		error_drop(type_member_find(k, t, "inner[1].a[2]", &m));
		error_drop(type_member_find(k, t, "y", &m));
		error_drop(type_print(text, k, t, &f));
		out_object_begin(json_out, NULL);
		error_drop(type_print(json_out, k, t, &f));
		value_json(json_out, k, "v", &v);
		out_object_end(json_out);
		value_print(text, k, &v, NULL);
		free(out_take(text, NULL));
		free(out_take(json_out, NULL));
	}
	out_free(text);
	out_free(json_out);
}

static void mutations(void **state)
{
	struct kernel *k = *state;
	struct btf *b = make_btf();
	uint32_t len, seed = 12345;
	const unsigned char *raw = btf__raw_data(b, &len);
	unsigned char *bytes = malloc(len);
	unsigned opened = 0;

	for (unsigned round = 0; round < 2000; round++) {
		unsigned changes = 1 + round % 4;
		uint32_t cut = len;

		memcpy(bytes, raw, len);
		while (changes--) {
			seed = seed * 1664525 + 1013904223;
			bytes[(seed >> 8) % len] =
				seed >> 24 & 1 ? (unsigned char)seed
					       : (unsigned char)(bytes[(seed >> 8) % len] ^
								 1u << (seed & 7));
		}
		if (round % 16 == 0)
			cut = seed % len;
		if (!error_drop(types_open_bytes(k, bytes, cut))) {
			opened++;
			exercise(k);
		}
	}
	assert_in_range(opened, 50, 2000);
	free(bytes);
	btf__free(b);
}

static void refused(void **state)
{
	struct kernel *k = *state;
	struct btf *b = make_btf();
	uint32_t len;
	unsigned char bytes[8192];
	const void *raw = btf__raw_data(b, &len);

	assert_in_range(len, 100, sizeof(bytes));
	memcpy(bytes, raw, len);
	btf__free(b);
	for (uint32_t cut = 0; cut < len; cut++)
		assert_true(error_drop(types_open_bytes(k, bytes, cut)));
	bytes[0] ^= 1;
	assert_error(types_open_bytes(k, bytes, len), ERR_BAD_OBJECT);
	assert_error(types_open_file(k, "/"), ERR_FORMAT);
	assert_error(types_open_file(k, "/nonexistent"), ERR_IO);
}

/* Types that refer to themselves, in every way that has no end. */
static void cycles(void **state)
{
	struct kernel *k = *state;
	struct btf *b = btf__new_empty();
	uint32_t len;
	const void *raw;
	struct type t;
	struct type_member m;
	char name[256];

	assert_int_equal(btf__add_typedef(b, "loop_t", 2), 1);
	btf__add_typedef(b, "pool_t", 1);
	btf__add_const(b, 3);
	btf__add_ptr(b, 4);
	btf__add_array(b, 5, 5, 1000000);
	btf__add_struct(b, "self", 8);
	btf__add_field(b, NULL, 6, 0, 0);
	btf__add_field(b, NULL, 6, 0, 0);
	btf__add_field(b, "list", 6, 0, 0);
	btf__add_field(b, "stars", 4, 0, 0);
	btf__add_field(b, "many", 5, 0, 0);
	btf__add_field(b, "constant", 3, 0, 0);
	btf__add_func_proto(b, 7);
	btf__add_func_param(b, "self", 7);
	btf__add_typedef(b, "call_t", 7);
	raw = btf__raw_data(b, &len);
	assert_success(types_open_bytes(k, raw, len));
	btf__free(b);
	t = type_find(k, TYPE_TYPEDEF, "loop_t");
	assert_int_equal(type_size(k, t), 0);
	type_format(k, t, name, sizeof(name));
	assert_error(type_member_find(k, type_find(k, TYPE_STRUCT, "self"), "nosuch", &m),
		     ERR_NO_MEMBER);
	assert_success(
		type_member_find(k, type_find(k, TYPE_STRUCT, "self"), "list.list.list", &m));
	type_format(k, type_find(k, TYPE_TYPEDEF, "call_t"), name, sizeof(name));
}

/* A kind that libbpf does not know, whose length the header's layout section gives: the other types
 * keep their ids. */
static void unknown_kinds(void **state)
{
	struct kernel *k = *state;
	struct {
		struct btf_header header;
		uint32_t layout_off, layout_len;
		struct {
			uint32_t name, info, size, encoding;
		} number;
		struct {
			uint32_t name, info, type, extra[2];
		} unknown;
		struct {
			uint32_t name, info, type;
		} typedef_of;
		struct {
			uint8_t info_size, element_size;
			uint16_t flags;
		} layout[41];
		char strings[16];
	} b = {
		.header = {.magic = BTF_MAGIC, .version = 1, .hdr_len = 32},
		.number = {1, BTF_KIND_INT << 24, 4, BTF_INT_SIGNED << 24 | 32},
		.unknown = {0, 40u << 24 | 1, 0, {0xffffffff, 0xffffffff}},
		.typedef_of = {5, BTF_KIND_TYPEDEF << 24, 1},
		.strings = "\0int\0number_t",
	};
	size_t types = sizeof(b.number) + sizeof(b.unknown) + sizeof(b.typedef_of);

	b.header.type_len = types;
	b.layout_off = types;
	b.layout_len = sizeof(b.layout);
	b.layout[40].element_size = 8;
	b.header.str_off = types + sizeof(b.layout);
	b.header.str_len = sizeof(b.strings);
	assert_success(types_open_bytes(k, &b, sizeof(b)));
	assert_int_equal(type_find(k, TYPE_TYPEDEF, "number_t").id, 3);
	assert_int_equal(type_size(k, type_find(k, TYPE_TYPEDEF, "number_t")), 4);
	/* Without the layout nobody knows where the next record begins. */
	b.layout_len = 0;
	assert_error(types_open_bytes(k, &b, sizeof(b)), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds, setup, teardown),
		cmocka_unit_test_setup_teardown(members, setup, teardown),
		cmocka_unit_test_setup_teardown(enumerators, setup, teardown),
		cmocka_unit_test_setup_teardown(declarations, setup, teardown),
		cmocka_unit_test_setup_teardown(values, setup, teardown),
		cmocka_unit_test_setup_teardown(json, setup, teardown),
		cmocka_unit_test_setup_teardown(arithmetic, setup, teardown),
		cmocka_unit_test_setup_teardown(memory, setup, teardown),
		cmocka_unit_test_setup_teardown(mutations, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(cycles, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_kinds, setup, teardown),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}

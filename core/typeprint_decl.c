/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Declarations: the definition of a struct, union, enum or typedef, as crash's `struct`, `struct
 * -o` and `whatis` print it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/btf.h"
#include "core/interrupt.h"
#include "core/typeprint.h"
#include "core/types_name.h"

#define LINE_BUDGET 200000

struct declarer {
	struct out *o;
	struct kernel *k;
	const struct declaration_format *f;
	unsigned width; /* characters of "[offset]" */
	unsigned budget;
};

static unsigned size_digits(uint64_t size, unsigned radix)
{
	return snprintf(NULL, 0, radix == 16 ? "0x%" PRIx64 : "%" PRIu64, size);
}

/* What stands before a line: nothing, blanks, or the offset. */
static void line_start(struct declarer *d, unsigned depth, bool with_offset, uint64_t offset)
{
	char text[40];

	if (!d->f->offsets) {
		out_printf(d->o, "%*s", 4 * (depth + 1), "");
		return;
	}
	if (!with_offset) {
		out_printf(d->o, "%*s", d->width + 3 + 4 * depth, "");
		return;
	}
	if (d->f->has_address)
		snprintf(text, sizeof(text), "[%" PRIx64 "]", d->f->address + offset);
	else
		snprintf(text, sizeof(text),
			 d->f->radix == 16 ? "[0x%" PRIx64 "]" : "[%" PRIu64 "]", offset);
	out_printf(d->o, "  %*s %*s", d->width, text, 4 * depth, "");
}

static const char *keyword(struct type t)
{
	return type_kind_of(t) == BTF_KIND_UNION ? "union" : "struct";
}

/* "{A, B = 5}" */
static void put_enum_inline(struct declarer *d, struct type t)
{
	const char *name;
	int64_t value, expected = 0;

	out_text(d->o, "enum {");
	for (size_t i = 0; enumerator_at(t, i, &name, &value); i++) {
		out_printf(d->o, "%s%s", i ? ", " : "", name);
		if (value != expected)
			out_printf(d->o, " = %" PRId64, value);
		expected = value + 1;
	}
	out_text(d->o, "} ");
}

/* Is it a struct, union or enum without a tag, to be written out where it stands? */
static bool is_untagged(struct type base)
{
	unsigned kind = type_kind_of(base);

	return (type_kind_is_aggregate(kind) || kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64) &&
	       !*type_name(base);
}

static struct type unqualified(struct type t)
{
	for (unsigned i = 0; i < TYPE_MAX_DEPTH && type_kind_is_modifier(type_kind_of(t)); i++)
		t = type_target(t);
	return t;
}

static bool is_const(struct type t)
{
	for (unsigned i = 0; i < TYPE_MAX_DEPTH && type_kind_is_modifier(type_kind_of(t)); i++) {
		if (type_kind_of(t) == BTF_KIND_CONST)
			return true;
		t = type_target(t);
	}
	return false;
}

/*
 * BTF does not tell "a[]" from "a[0]"; C allows the first only as the last member.
 */
static void put_open_array(struct declarer *d, char *text, struct type t, size_t index)
{
	struct type_member next;
	size_t len = strlen(text);

	if (len > 2 && !strcmp(text + len - 2, "[]") && type_member_at(d->k, t, index + 1, &next)) {
		text[len - 2] = '\0';
		out_printf(d->o, "%s[0]", text);
	} else {
		out_text(d->o, text);
	}
}

/*
 * The members of t, which starts `base` bytes into the outermost. `named`: they can be reached by
 * their name alone, so their offsets are shown (inside "struct { … } name" they are not, as in
 * crash).
 */
static void put_members(struct declarer *d, struct type t, uint64_t base, unsigned depth,
			bool named)
{
	struct type_member m;
	char text[1024], declarator[1024];

	if (!type_member_at(d->k, t, 0, &m)) {
		line_start(d, depth, false, 0);
		out_text(d->o, "<no data fields>\n");
		return;
	}
	for (size_t i = 0;
	     depth < TYPE_MAX_DEPTH && type_member_at(d->k, t, i, &m) && !interrupted(); i++) {
		struct type declared = unqualified(type_declaration_base(m.type));

		if (!d->budget)
			return;
		d->budget--;
		if (!is_untagged(declared)) {
			line_start(d, depth, named, base + m.offset);
			type_declare(d->k, m.type, m.name, text, sizeof(text));
			put_open_array(d, text, t, i);
		} else if (!type_kind_is_aggregate(type_kind_of(declared))) {
			line_start(d, depth, named, base + m.offset);
			put_enum_inline(d, declared);
			type_declarator(d->k, m.type, m.name, declarator, sizeof(declarator));
			out_text(d->o, declarator);
		} else {
			line_start(d, depth, false, 0);
			out_printf(d->o, "%s%s {\n",
				   is_const(type_declaration_base(m.type)) ? "const " : "",
				   keyword(declared));
			put_members(d, declared, base + m.offset, depth + 1, named && !*m.name);
			type_declarator(d->k, m.type, m.name, declarator, sizeof(declarator));
			line_start(d, depth, named && *m.name, base + m.offset);
			out_printf(d->o, *declarator ? "} %s" : "}%s", declarator);
		}
		if (m.bit_size)
			out_printf(d->o, " : %u", m.bit_size);
		out_text(d->o, ";\n");
	}
}

/* ---- JSON ---- */

static void json_members(struct declarer *d, struct type t, uint64_t base, unsigned depth)
{
	struct type_member m;
	char text[1024];

	out_array_begin(d->o, "members");
	for (size_t i = 0; type_member_at(d->k, t, i, &m) && !interrupted(); i++) {
		struct type declared = unqualified(type_declaration_base(m.type));

		if (!d->budget)
			break;
		d->budget--;
		type_format(d->k, m.type, text, sizeof(text));
		out_object_begin(d->o, NULL);
		out_str(d->o, "name", NULL, *m.name ? m.name : NULL);
		out_str(d->o, "type", NULL, text);
		out_dec(d->o, "offset", NULL, base + m.offset);
		out_dec(d->o, "size", NULL, m.size);
		if (m.bit_size) {
			out_dec(d->o, "bit_offset", NULL, m.bit_offset);
			out_dec(d->o, "bit_size", NULL, m.bit_size);
		}
		if (d->f->has_address)
			out_hex(d->o, "address", NULL, d->f->address + base + m.offset);
		if (is_untagged(declared) && type_kind_is_aggregate(type_kind_of(declared)) &&
		    d->o->depth + 4 < OUT_MAX_DEPTH && depth < TYPE_MAX_DEPTH)
			json_members(d, declared, base + m.offset, depth + 1);
		out_object_end(d->o);
	}
	out_array_end(d->o);
}

static void json_enumerators(struct declarer *d, struct type t)
{
	const char *name;
	int64_t value;

	out_object_begin(d->o, "enumerators");
	for (size_t i = 0; enumerator_at(t, i, &name, &value); i++)
		out_sdec(d->o, name, NULL, value);
	out_object_end(d->o);
}

static void json_declaration(struct declarer *d, struct type t, struct type bare)
{
	char text[1024];

	type_format(d->k, t, text, sizeof(text));
	out_str(d->o, "type", NULL, text);
	if (type_kind_of(t) == BTF_KIND_TYPEDEF) {
		type_format(d->k, type_target(t), text, sizeof(text));
		out_str(d->o, "typedef_of", NULL, text);
	}
	out_dec(d->o, "size", NULL, type_size(d->k, t));
	if (type_kind_is_aggregate(type_kind_of(bare)))
		json_members(d, bare, 0, 0);
	else if (type_kind_of(bare) == BTF_KIND_ENUM || type_kind_of(bare) == BTF_KIND_ENUM64)
		json_enumerators(d, bare);
}

/* ---- One member ---- */

/* How deep within anonymous structs and unions the member stands: crash indents its line so. */
static int anonymous_depth(struct declarer *d, struct type t, const char *name, unsigned depth)
{
	struct type_member m;

	if (depth > TYPE_MAX_DEPTH || !d->budget)
		return -1;
	for (size_t i = 0; type_member_at(d->k, t, i, &m); i++) {
		int found;

		if (!d->budget)
			return -1;
		d->budget--;
		if (!strcmp(m.name, name))
			return depth;
		if (!*m.name &&
		    (found = anonymous_depth(d, type_strip(m.type), name, depth + 1)) >= 0)
			return found;
	}
	return -1;
}

static struct error *print_one_member(struct declarer *d, struct type t)
{
	bool nested = strpbrk(d->f->only, ".[");
	struct declaration_format with_offset = *d->f;
	struct type_member m;
	char text[1024];
	int depth;

	TRY(type_member_find(d->k, t, d->f->only, &m));
	if (out_json(d->o)) {
		type_format(d->k, t, text, sizeof(text));
		out_str(d->o, "type", NULL, text);
		out_str(d->o, "member", NULL, d->f->only);
		type_format(d->k, m.type, text, sizeof(text));
		out_str(d->o, "member_type", NULL, text);
		out_dec(d->o, "offset", NULL, m.offset);
		out_dec(d->o, "size", NULL, m.size);
		if (m.bit_size) {
			out_dec(d->o, "bit_offset", NULL, m.bit_offset);
			out_dec(d->o, "bit_size", NULL, m.bit_size);
		}
		if (d->f->has_address)
			out_hex(d->o, "address", NULL, d->f->address + m.offset);
		return NULL;
	}
	with_offset.offsets = true;
	d->f = &with_offset;
	type_format(d->k, type_strip(t), text, sizeof(text));
	out_printf(d->o, "%s {\n", text);
	depth = nested ? 0 : anonymous_depth(d, type_strip(t), d->f->only, 0);
	line_start(d, depth < 0 ? 0 : depth, true, m.offset);
	type_declare(d->k, m.type, nested ? d->f->only : m.name, text, sizeof(text));
	out_text(d->o, text);
	if (m.bit_size)
		out_printf(d->o, " : %u", m.bit_size);
	out_text(d->o, ";\n}\n");
	return NULL;
}

/* ---- A whole type ---- */

static void put_size(struct declarer *d, uint64_t size)
{
	out_printf(d->o, d->f->radix == 16 ? "SIZE: 0x%" PRIx64 "\n" : "SIZE: %" PRIu64 "\n", size);
}

/* "typedef … name;" of anything: what it stands for is written out when that is a struct or union.
 */
static void print_typedef(struct declarer *d, struct type t)
{
	struct type target = type_target(t), base = type_declaration_base(target),
		    bare = unqualified(base);
	char text[1024], declarator[1024];

	/* Through a chain of typedefs to what it is in the end. */
	for (unsigned i = 0; i < TYPE_MAX_DEPTH && type_kind_of(bare) == BTF_KIND_TYPEDEF; i++) {
		target = type_strip(target);
		base = type_declaration_base(target);
		bare = unqualified(base);
		if (type_kind_of(target) != BTF_KIND_TYPEDEF)
			break;
	}
	type_declarator(d->k, target, "", declarator, sizeof(declarator));
	if (type_kind_is_aggregate(type_kind_of(bare)) &&
	    type_kind_of(target) != BTF_KIND_FUNC_PROTO) {
		const char *name = type_name(bare);

		out_printf(d->o, "typedef %s %s%s{\n", keyword(bare), name, *name ? " " : "");
		put_members(d, bare, 0, 0, true);
		out_printf(d->o, "} %s%s%s;\n", declarator, *declarator ? " " : "", type_name(t));
	} else if (is_untagged(bare)) {
		out_text(d->o, "typedef ");
		put_enum_inline(d, bare);
		out_printf(d->o, "%s;\n", type_name(t));
	} else {
		type_format(d->k, target, text, sizeof(text));
		out_printf(d->o, "typedef %s %s;\n", text, type_name(t));
	}
}

struct error *type_print(struct out *o, struct kernel *k, struct type t,
			 const struct declaration_format *f)
{
	struct type bare = type_strip(t);
	unsigned kind = type_kind_of(bare);
	struct declarer d = {o, k, f, 0, LINE_BUDGET};
	char text[1024];
	const char *name;
	int64_t value;

	d.width = size_digits(type_size(k, t), f->radix) + 2;
	if (f->only)
		return print_one_member(&d, t);
	if (out_json(o)) {
		json_declaration(&d, t, bare);
		return NULL;
	}
	if (type_kind_of(t) == BTF_KIND_TYPEDEF) {
		print_typedef(&d, t);
		put_size(&d, type_size(k, t));
		return NULL;
	}
	type_format(k, t, text, sizeof(text));
	if (type_kind_is_aggregate(kind)) {
		out_printf(o, "%s {\n", text);
		put_members(&d, bare, 0, 0, true);
		out_text(o, "}\n");
		put_size(&d, type_size(k, t));
	} else if (kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64) {
		out_printf(o, "%s {\n", text);
		for (size_t i = 0; enumerator_at(bare, i, &name, &value); i++)
			out_printf(o, "  %s = %" PRId64 "\n", name, value);
		out_text(o, "};\n");
	} else if (kind == BTF_KIND_FWD) {
		out_printf(o, "%s {\n    <incomplete type>\n}\n", text);
	} else {
		put_size(&d, type_size(k, t));
	}
	return NULL;
}

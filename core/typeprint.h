/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Values and declarations of any type, in the layout that gdb gives them inside crash, or as JSON.
 *
 * JSON: a struct is an object, members of anonymous structs and unions standing in it directly; an
 * array is an array; a char array is the string up to its first NUL; an enumerator is its name; a
 * pointer is a string "0x…", with its symbol after it where it has one
 * ("0xffffffff81234560 <schedule>"); other integers are numbers (of 128 bits: decimal strings).
 */
#ifndef CORE_TYPEPRINT_H
#define CORE_TYPEPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"
#include "core/out.h"

struct value_format {
	unsigned radix;	  /* 10 or 16: of integers */
	unsigned indent;  /* blanks before each line but the first, beside those of the nesting */
	bool array_lines; /* each element of an array on a line of its own */
	bool null_stop;	  /* character arrays end at their first NUL */
	unsigned max_elements; /* of an array or string; "..." follows. 0: 256, as crash has it */
};

/* Bytes of a value and where they are from. */
struct value_bytes {
	struct type type;
	const unsigned char *bytes;
	size_t len;	     /* at least the type's size, less is shown as an error */
	uint64_t addr;	     /* virtual; for flexible arrays, whose value is their address */
	uint32_t bit_offset; /* of a bitfield: from the first byte's lowest bit */
	uint32_t bit_size;   /* 0: none */
};

/* Text, without a line's end after the last line. */
void value_print(struct out *o, struct kernel *k, const struct value_bytes *v,
		 const struct value_format *f);
/* The same as JSON; key NULL inside an array. */
void value_json(struct out *o, struct kernel *k, const char *key, const struct value_bytes *v);
/* Whichever the sink's mode asks for. */
void value_put(struct out *o, struct kernel *k, const char *key, const struct value_bytes *v,
	       const struct value_format *f);
/* Does its text begin with '{' and go on in the same line (an array of anything but characters)? */
bool value_is_braced_list(struct kernel *k, struct type t);

/* "0xffff… <symbol+off>" as pointers are printed; returns the length written. */
size_t value_format_pointer(struct kernel *k, uint64_t addr, char *buf, size_t size);
/* The integer in the value's bytes, sign- or zero-extended as declared, bitfields taken out. False
 * for no integer, pointer, enum. */
bool value_integer(struct kernel *k, const struct value_bytes *v, int64_t *out);
/* Is it signed (integers and enums)? */
bool type_is_signed(struct type t);

/* ---- Declarations ---- */

struct declaration_format {
	bool offsets;	  /* "[offset]" before each member, as `struct -o` */
	bool has_address; /* then the member's address instead */
	uint64_t address;
	unsigned radix;	  /* of offsets and sizes */
	const char *only; /* the line of this member alone (a path), or NULL */
};

/*
 * A struct, union, enum or typedef in full, with the line "SIZE: n" where crash gives it.
 * ERR_NO_MEMBER for `only`.
 */
struct error *type_print(struct out *o, struct kernel *k, struct type t,
			 const struct declaration_format *f) MUST_CHECK;

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's types, from its BTF: parsed by libbpf, indexed by name here. Module types come from
 * their split BTF, loaded when first asked for by a name that the kernel's own lacks.
 */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/error.h"

struct kernel;
struct types;
struct btf;

/* A type: an id within a BTF object (the kernel's, or a module's over it). btf NULL: none. id 0:
 * void. */
struct type {
	const struct btf *btf;
	uint32_t id;
};

static inline bool type_valid(struct type t)
{
	return t.btf != NULL;
}

/* From the bytes of a BTF section (copied), or from a file (raw BTF, or an ELF file with .BTF).
 * Sets k->types. */
struct error *types_open_bytes(struct kernel *k, const void *bytes, size_t len) MUST_CHECK;
struct error *types_open_file(struct kernel *k, const char *path) MUST_CHECK;
/* From memory between __start_BTF and __stop_BTF (include/asm-generic/vmlinux.lds.h). Needs
 * symbols. */
struct error *types_open_memory(struct kernel *k) MUST_CHECK;
void types_close(struct types *t);

/* ---- Look-up ---- */

enum type_kind {
	TYPE_ANY,
	TYPE_STRUCT,
	TYPE_UNION,
	TYPE_ENUM,
	TYPE_TYPEDEF,
	TYPE_AGGREGATE /* struct or union */
};

/* By name without keyword; prefers full definitions to forward declarations. type_valid() is false
 * when there is none. */
struct type type_find(struct kernel *k, enum type_kind kind, const char *name);
/* The names of the kernel's own types of a kind, in no order; *cursor is 0 at first. NULL past the
 * last. Some come twice. */
const char *type_names_next(struct kernel *k, enum type_kind kind, size_t *cursor);
/* The named structs, unions, enums and typedefs (no forward declarations) of the kernel's own BTF
 * one by one; not valid at the end. */
struct type types_next(struct kernel *k, size_t *cursor);
/*
 * The same, and enums without a name, of the kernel and then of its modules: *module is the name of the module, "" for the kernel. The cursor is zeroed at
 * first.
 */
struct type_cursor {
	size_t unit, index;
	bool enums;
};
struct type types_walk(struct kernel *k, struct type_cursor *cursor, const char **module);
/*
 * Parses a C type as written: "struct page", "page", "unsigned long", "struct list_head *", "char
 * [16]", "pid_t". ERR_NO_TYPE.
 */
struct error *type_parse(struct kernel *k, const char *text, struct type *out) MUST_CHECK;

/* Past typedefs, const, volatile, restrict, type tags. */
struct type type_strip(struct type t);
/* In bytes; pointers by the architecture's width, never by libbpf's guess. 0 for void, functions
 * and forward declarations. */
uint64_t type_size(struct kernel *k, struct type t);
/* The name of the declaration: "struct page *", "unsigned int", "char [16]", "int (*)(void)". */
void type_format(struct kernel *k, struct type t, char *buf, size_t size);
/*
 * The declaration of `name` with that type: "int (*open)(struct inode *, struct file *)". The first
 * line is of the usual form; types without a tag stand as "struct {...}".
 */
void type_declare(struct kernel *k, struct type t, const char *name, char *buf, size_t size);

/* What a pointer (past typedefs) leads to; not valid for anything else. */
struct type type_pointer_target(struct type t);
/* What the elements of an array (past typedefs) are; not valid for anything else. */
struct type type_element(struct type t);
/* The name of the type itself, without keyword; "" when it has none. */
const char *type_own_name(struct type t);
/* A struct or union (not a typedef of one)? */
bool type_is_aggregate(struct type t);
/* Is it only named here (a forward declaration), not defined? */
bool type_is_declaration(struct type t);

/* The value of an enumerator anywhere in the kernel's BTF (hash, built when first asked). */
bool enumerator_find(struct kernel *k, const char *name, int64_t *value);
/* The name of a value in an enum, or NULL. */
const char *enumerator_name(struct kernel *k, struct type enumeration, int64_t value);

/* By index in an enum; false past the last. */
bool enumerator_at(struct type enumeration, size_t index, const char **name, int64_t *value);
/* As enumerator_find(), with the enum that it is of (type may be NULL). */
bool enumerator_find_typed(struct kernel *k, const char *name, int64_t *value, struct type *type);

/* ---- Types that the image may not have: made when asked for, as long as k->types ---- */

/* "T *", "T [count]". Not valid (btf NULL) when out of memory. */
struct type type_pointer_to(struct kernel *k, struct type t);
struct type type_array_of(struct kernel *k, struct type t, uint32_t count);
/* "const T", "volatile T". */
struct type type_qualified(struct kernel *k, struct type t, bool constant, bool is_volatile);
/* An integer of the kernel's C: "int", "unsigned long" … by its usual spelling. */
struct type type_integer(struct kernel *k, const char *name);

/* ---- Variables and functions ---- */

/* The type of a variable that BTF describes: per-CPU ones only (kernel and modules). */
bool type_of_variable(struct kernel *k, const char *name, struct type *out);
/* The prototype of a function. */
bool type_of_function(struct kernel *k, const char *name, struct type *out);
/* How many parameters a prototype has; 0 for anything else. */
size_t type_parameters(struct type t);

/* ---- Members ---- */

struct type_member {
	struct type type;    /* of the member as declared */
	uint64_t offset;     /* bytes from the start of the outermost struct */
	uint32_t bit_offset; /* of a bitfield: bits from byte `offset` up, little-endian */
	uint32_t bit_size;   /* 0: no bitfield */
	uint64_t size;	     /* bytes */
	const char *name;    /* last component */
};

/*
 * A member by path: "mm", "rb.rb_node", "numbers[0].nr", through anonymous structs and unions.
 * Pointers are not followed. ERR_NO_MEMBER
 */
struct error *type_member_find(struct kernel *k, struct type t, const char *path,
			       struct type_member *out) MUST_CHECK;
/* Direct members of a struct or union, by index; false past the last. Anonymous ones have name "" .
 */
bool type_member_at(struct kernel *k, struct type t, size_t index, struct type_member *out);

#endif

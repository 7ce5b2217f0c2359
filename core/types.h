/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's types, from its BTF: parsed by libbpf, indexed by name here. Module types come from their split BTF, loaded when first
 * asked for by a name that the kernel's own lacks.
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

/* A type: an id within a BTF object (the kernel's, or a module's over it). btf NULL: none. id 0: void. */
struct type {
	const struct btf *btf;
	uint32_t id;
};

static inline bool type_valid(struct type t)
{
	return t.btf != NULL;
}

/* From the bytes of a BTF section (copied), or from a file (raw BTF, or an ELF file with .BTF). Sets k->types. */
struct error *types_open_bytes(struct kernel *k, const void *bytes, size_t len) MUST_CHECK;
struct error *types_open_file(struct kernel *k, const char *path) MUST_CHECK;
/* From memory between __start_BTF and __stop_BTF (include/asm-generic/vmlinux.lds.h). Needs symbols. */
struct error *types_open_memory(struct kernel *k) MUST_CHECK;
void types_close(struct types *t);

/* ---- Look-up ---- */

enum type_kind { TYPE_ANY, TYPE_STRUCT, TYPE_UNION, TYPE_ENUM, TYPE_TYPEDEF, TYPE_AGGREGATE /* struct or union */ };

/* By name without keyword; prefers full definitions to forward declarations. type_valid() is false when there is none. */
struct type type_find(struct kernel *k, enum type_kind kind, const char *name);
/*
 * Parses a C type as written: "struct page", "page", "unsigned long", "struct list_head *", "char [16]", "pid_t". ERR_NO_TYPE.
 */
struct error *type_parse(struct kernel *k, const char *text, struct type *out) MUST_CHECK;

/* Past typedefs, const, volatile, restrict, type tags. */
struct type type_strip(struct type t);
/* In bytes; pointers by the architecture's width, never by libbpf's guess. 0 for void, functions and forward declarations. */
uint64_t type_size(struct kernel *k, struct type t);
/* The name of the declaration: "struct page *", "unsigned int", "char [16]", "int (*)(void)". */
void type_format(struct kernel *k, struct type t, char *buf, size_t size);

/* The value of an enumerator anywhere in the kernel's BTF (hash, built when first asked). */
bool enumerator_find(struct kernel *k, const char *name, int64_t *value);
/* The name of a value in an enum, or NULL. */
const char *enumerator_name(struct kernel *k, struct type enumeration, int64_t value);

/* ---- Members ---- */

struct type_member {
	struct type type;     /* of the member as declared */
	uint64_t offset;      /* bytes from the start of the outermost struct */
	uint32_t bit_offset;  /* of a bitfield: bits from byte `offset` up, little-endian */
	uint32_t bit_size;    /* 0: no bitfield */
	uint64_t size;	      /* bytes */
	const char *name;     /* last component */
};

/*
 * A member by path: "mm", "rb.rb_node", "numbers[0].nr", through anonymous structs and unions. Pointers are not followed. ERR_NO_MEMBER
 */
struct error *type_member_find(struct kernel *k, struct type t, const char *path,
			       struct type_member *out) MUST_CHECK;
/* Direct members of a struct or union, by index; false past the last. Anonymous ones have name "" . */
bool type_member_at(struct kernel *k, struct type t, size_t index, struct type_member *out);

#endif

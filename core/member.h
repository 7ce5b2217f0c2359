/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every struct and member that mmscope uses, by one enumerator each: M_task_struct_pid, S_task_struct. The table core/members.def
 * lists each once with all the names it has had; it is resolved against the image's types once, when the kernel is opened.
 */
#ifndef CORE_MEMBER_H
#define CORE_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "vmcore/error.h"

enum struct_id {
#define STRUCT(structure, ...)	       S_##structure,
#define MEMBER(structure, member, ...)
#include "core/members.def"
#undef STRUCT
#undef MEMBER
	STRUCT_COUNT
};

enum member_id {
#define STRUCT(structure, ...)
#define MEMBER(structure, member, ...) M_##structure##_##member,
#include "core/members.def"
#undef STRUCT
#undef MEMBER
	MEMBER_COUNT,
	MEMBER_NONE = MEMBER_COUNT
};

struct struct_info {
	const char *name; /* the name this kernel has, or the first of the table's */
	uint32_t size;	  /* bytes; 0: this kernel has no such struct */
};

struct member {
	uint32_t end4;	    /* the getters' one check: offset + size where size is 4 and it is no bitfield, else 0 */
	uint32_t end8;	    /* the same for a size of 8 */
	uint32_t whole8;    /* end8, where that lies within the struct of the table: an object opened whole has it */
	const char *name;   /* the path this kernel has ("__state"), or the first of the table's */
	uint32_t offset;    /* bytes from the start of the struct */
	uint32_t size;	    /* bytes of one element when it is 1, 2, 4 or 8 and a number or pointer, else 0 */
	uint32_t total;	    /* bytes of the whole member (array, struct) */
	uint32_t count;	    /* array elements; 1 for no array, 0 for a flexible array */
	uint32_t stride;    /* bytes from one array element to the next */
	uint8_t bit_offset; /* bitfield: from the lowest bit of the `size` bytes at `offset` */
	uint8_t bit_size;   /* 0: no bitfield */
	bool is_signed;
	bool present;
};

struct kernel;
/* Fills k->structs and k->members from k->types. A struct or member that is missing is marked so: nothing fails here. */
void members_resolve(struct kernel *k);
/* Adds those that VMCOREINFO tells of, for a kernel without types. */
void members_from_vmcoreinfo(struct kernel *k);
/* "task_struct.pid": for messages. */
const char *member_describe(enum member_id id);

#endif

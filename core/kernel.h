/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A kernel seen through an image: where its memory lies, its symbols, its types, and typed reads of its objects.
 *
 * The one data path: virtual address → kernel_vtop() → vmcore bytes.
 */
#ifndef CORE_KERNEL_H
#define CORE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/member.h"
#include "core/pagetable.h"
#include "core/symbols.h"
#include "core/types.h"
#include "core/vmcoreinfo.h"
#include "vmcore/vmcore.h"

struct kernel {
	struct vmcore *vmcore;
	const struct vmcore_flat *flat; /* of the image */
	uint64_t near_size;		/* what begins in so many bytes of the direct map and is no longer than a page lies in it (kernel_near.h) */
	uint64_t page_offset;		/* start of the direct map (page_offset_base) */
	bool wide;			/* pointers have 8 bytes, not 4 */
	const struct arch *arch;
	struct vmcoreinfo vmcoreinfo;

	/* Memory layout; all from the image. Virtual addresses and bytes. */
	uint64_t phys_base;	/* x86_64: physical address of the kernel's text less its link address (arch/x86/kernel/head_64.S) */
	uint64_t kaslr_offset;	/* how far the kernel's text was moved from its link address */
	uint64_t direct_end;	/* its end: page_offset + vmcore_max_phys() */
	uint64_t vmalloc_start, vmalloc_end;
	uint64_t vmemmap;	/* x86_64: vmemmap_base, or 0 */
	uint64_t text_start, text_end;	 /* _text … _end */
	uint64_t modules_start, modules_end; /* MODULES_VADDR … */
	uint64_t kernel_pgd;	/* physical address of swapper_pg_dir (init_top_pgt) */
	struct pagetable_geometry geometry; /* the levels this kernel runs with */

	struct error *typeless;	  /* why this kernel's types are not known (types is NULL then), or NULL */
	struct error *unreadable; /* while attaching: why the noted kernel's tables cannot be read */

	struct symbols *symbols;
	struct types *types;

	struct struct_info structs[STRUCT_COUNT];
	struct member members[MEMBER_COUNT];

	/* What mm/ keeps per image, made when first asked for (mm/state.h). */
	struct mm_state *mm;
	void (*mm_free)(struct kernel *k);

	struct copy_table *copies; /* core/object.c: objects over scattered frames */
	unsigned cpus;		   /* possible CPUs (nr_cpu_ids), at least 1 */
	uint64_t *percpu_offset;   /* __per_cpu_offset[cpu] */

	/* last translation outside the linear ranges: page-aligned start, size, physical start */
	struct kernel_range { uint64_t start, size, phys; } tlb[64];
	/* The one of them that was used last, in an image of one piece, less a page: what begins in it and is no longer than a page lies in it. */
	struct kernel_range near_last;
};

struct kernel_options {
	const char *symbol_file; /* a vmlinux or System.map, or NULL */
	const char *type_file;	 /* a BTF file or a vmlinux with .BTF, or NULL */
};

/*
 * Attaches to the kernel in the image. The image must outlive the kernel. Errors: ERR_UNSUPPORTED (no kernel found in this memory, with what was
 * missing), ERR_BAD_OBJECT (found but damaged).
 */
struct error *kernel_open(struct vmcore *vc, const struct kernel_options *options,
			  struct kernel **out) MUST_CHECK;
void kernel_close(struct kernel *k);

/* ---- Translation of kernel addresses ---- */

/*
 * Physical address of a kernel virtual address, good up to the end of its 4 KiB page at least. The direct map and the kernel's
 * text are linear; all else goes through the kernel's page tables. ERR_NOT_MAPPED.
 */
struct error *kernel_vtop(struct kernel *k, uint64_t addr, uint64_t *phys) MUST_CHECK;
/* Without an error object. */
bool kernel_try_vtop(struct kernel *k, uint64_t addr, uint64_t *phys);
/* Forgets cached translations: after page tables of the kernel's half were changed. */
void kernel_flush_translations(struct kernel *k);
/* Is addr in the kernel's half (or part) of the address space, by the architecture's rule? */
bool kernel_is_kernel_address(const struct kernel *k, uint64_t addr);
/* Direct-map address of a physical address. */
static inline uint64_t kernel_ptov(const struct kernel *k, uint64_t phys)
{
	return k->page_offset + phys;
}

/* ---- Bytes ---- */

/* Crosses pages. On error the buffer's content is undefined; the message names the virtual address. */
struct error *kernel_read(struct kernel *k, uint64_t addr, void *buffer, size_t len) MUST_CHECK;
/* Reads a NUL-terminated string of at most size-1 bytes; always terminated. ERR as kernel_read() for its first byte. */
struct error *kernel_read_string(struct kernel *k, uint64_t addr, char *buffer, size_t size) MUST_CHECK;
struct error *kernel_read_u64(struct kernel *k, uint64_t addr, uint64_t *out) MUST_CHECK;
struct error *kernel_read_u32(struct kernel *k, uint64_t addr, uint32_t *out) MUST_CHECK;
/* The value of a global variable of `size` bytes (0: pointer size). ERR_NO_SYMBOL. */
struct error *kernel_read_symbol(struct kernel *k, const char *symbol, unsigned size,
				 uint64_t *out) MUST_CHECK;
/* A pointer to len bytes where they are physically contiguous in the image (always so within a page), else NULL. Stays true. */
const void *kernel_try_map(struct kernel *k, uint64_t addr, size_t len);
/* Writes through the overlay; crosses pages. */
struct error *kernel_write(struct kernel *k, uint64_t addr, const void *buffer, size_t len) MUST_CHECK;

/* The address of a per-CPU variable's copy: symbol value + __per_cpu_offset[cpu]. */
static inline uint64_t percpu_addr(const struct kernel *k, uint64_t symbol_value, unsigned cpu)
{
	return k->percpu_offset && cpu < k->cpus ? symbol_value + k->percpu_offset[cpu] : symbol_value;
}
/* A pointer `addr` of type __percpu (from alloc_percpu) for one CPU. */
static inline uint64_t percpu_ptr(const struct kernel *k, uint64_t addr, unsigned cpu)
{
	return percpu_addr(k, addr, cpu);
}

/* ---- Objects: checked once, then read by getters that cannot fail ---- */

struct object {
	const unsigned char *bytes;
	uint64_t addr; /* virtual; 0 for none */
	uint32_t size;
};

static inline uint64_t load_uint(const unsigned char *p, unsigned size)
{
	switch (size) {
	case 1:
		return *p;
	case 2: {
		uint16_t v;
		memcpy(&v, p, 2);
		return v;
	}
	case 4: {
		uint32_t v;
		memcpy(&v, p, 4);
		return v;
	}
	case 8: {
		uint64_t v;
		memcpy(&v, p, 8);
		return v;
	}
	}
	return 0;
}

/* Of a bitfield or a small number, or past what was opened. */
uint64_t object_get_far(const struct kernel *k, const struct object *o, enum member_id id);
void object_set_far(const struct kernel *k, const struct object *o, enum member_id id, uint64_t value);

/* Sign- or zero-extended as the member is declared; bitfields extracted; 0 for an absent member. */
static inline uint64_t object_get(const struct kernel *k, const struct object *o, enum member_id id)
{
	const struct member *m = &k->members[id];
	/* The ends are 0 for what has another size: past any object. */
	uint32_t end = m->end4;
	if (__builtin_expect(end - 1 < o->size, 1)) {
		uint32_t v = (uint32_t)load_uint(o->bytes + end - 4, 4);
		return __builtin_expect(m->is_signed, 0) ? (uint64_t)(int64_t)(int32_t)v : v;
	}
	end = m->end8;
	if (__builtin_expect(end - 1 < o->size, 1))
		return load_uint(o->bytes + end - 8, 8);
	return object_get_far(k, o, id);
}

/* The same of an object that was opened whole, as its struct (object_open(), object_open_writable()): for what is done with every fault. */
static inline uint64_t object_get_whole(const struct kernel *k, const struct object *o, enum member_id id)
{
	uint32_t end = k->members[id].whole8;
	return __builtin_expect(end, 1) ? load_uint(o->bytes + end - 8, 8) : object_get(k, o, id);
}

/* ---- Writing: for the engine ---- */

static inline void store_uint(unsigned char *p, unsigned size, uint64_t value)
{
	/* Little-endian, as every machine here is. */
	switch (size) {
	case 1:
		*p = (unsigned char)value;
		return;
	case 2: {
		uint16_t v = (uint16_t)value;
		memcpy(p, &v, 2);
		return;
	}
	case 4: {
		uint32_t v = (uint32_t)value;
		memcpy(p, &v, 4);
		return;
	}
	case 8:
		memcpy(p, &value, 8);
		return;
	}
}

/* Sets a member of an object opened writable; of a bitfield only its bits. A member that this kernel lacks is left out. */
static inline void object_set(const struct kernel *k, const struct object *o, enum member_id id, uint64_t value)
{
	const struct member *m = &k->members[id];
	uint32_t end = m->end4;
	if (__builtin_expect(end - 1 < o->size, 1)) {
		store_uint((unsigned char *)o->bytes + end - 4, 4, value);
		return;
	}
	end = m->end8;
	if (__builtin_expect(end - 1 < o->size, 1))
		store_uint((unsigned char *)o->bytes + end - 8, 8, value);
	else
		object_set_far(k, o, id, value);
}

/* The same of an object that was opened whole. */
static inline void object_set_whole(const struct kernel *k, const struct object *o, enum member_id id, uint64_t value)
{
	uint32_t end = k->members[id].whole8;
	if (__builtin_expect(end, 1))
		store_uint((unsigned char *)o->bytes + end - 8, 8, value);
	else
		object_set(k, o, id, value);
}

/* Element i of an array member (within its declared end). */
void object_set_element(const struct kernel *k, const struct object *o, enum member_id id, size_t i, uint64_t value);

#define SET(k, object, structure, member, value) object_set((k), (object), M_##structure##_##member, (value))
#define SET_WHOLE(k, object, structure, member, value) object_set_whole((k), (object), M_##structure##_##member, (value))
/* GET, changed by `delta`, SET. */
#define ADD(k, object, structure, member, delta) \
	SET(k, object, structure, member, GET(k, object, structure, member) + (uint64_t)(int64_t)(delta))

/* Element i of an array member; 0 past its declared end, except for flexible arrays, whose bytes the object must cover. */
uint64_t object_get_element(const struct kernel *k, const struct object *o, enum member_id id, size_t i);
/* Bytes of a member (char arrays …): pointer and length within the object, or NULL and 0. */
const unsigned char *object_bytes(const struct kernel *k, const struct object *o, enum member_id id, size_t *len);

#include "core/kernel_near.h"

#define GET(k, object, structure, member) object_get((k), (object), M_##structure##_##member)
#define GET_WHOLE(k, object, structure, member) object_get_whole((k), (object), M_##structure##_##member)
#define HAS(k, structure, member)	  ((k)->members[M_##structure##_##member].present)
#define OFFSET(k, structure, member)	  ((k)->members[M_##structure##_##member].offset)
#define SIZE_OF(k, structure)		  ((k)->structs[S_##structure].size)
#define HAS_STRUCT(k, structure)	  ((k)->structs[S_##structure].size != 0)
/* The virtual address of a member of an opened object. */
#define MEMBER_ADDR(k, object, structure, member) ((object)->addr + OFFSET(k, structure, member))

/* ERR_UNSUPPORTED naming the first member of the list that this kernel lacks; the list ends with MEMBER_NONE. */
struct error *members_require(const struct kernel *k, const char *what, ...) MUST_CHECK;

#endif

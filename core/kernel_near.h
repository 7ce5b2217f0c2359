/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A part of core/kernel.h: what every step of a walker or the engine does. Memory that lies in the direct map and in an image of one piece is had by a comparison
 * and an addition, what was translated lately by a few more; all else by the functions with _far, which do the same in general.
 */
#ifndef CORE_KERNEL_NEAR_H
#define CORE_KERNEL_NEAR_H

/* The longest of which near_size speaks. */
#define NEAR_BYTES VMCORE_PAGE_SIZE

/*
 * Of an image of one piece, what lies in the kernel's text and data, or where the page tables were found to lead lately (kernel_translate() keeps that). NULL:
 * it is not known to lie there, or (to write) the newest mark may have to keep it first.
 */
unsigned char *kernel_near_elsewhere(struct kernel *k, uint64_t addr, size_t size);
unsigned char *kernel_near_elsewhere_writable(struct kernel *k, uint64_t addr, size_t size);

static inline unsigned char *kernel_near(struct kernel *k, uint64_t addr, size_t size)
{
	uint64_t offset = addr - k->page_offset;
	if (__builtin_expect(offset >= k->near_size || size > NEAR_BYTES, 0))
		return kernel_near_elsewhere(k, addr, size);
	return vmcore_flat_at(k->flat, offset);
}

static inline unsigned char *kernel_near_writable(struct kernel *k, uint64_t addr, size_t size)
{
	uint64_t offset = addr - k->page_offset;
	if (__builtin_expect(offset >= k->near_size || size > NEAR_BYTES || vmcore_must_keep(k->flat, offset, size), 0))
		return kernel_near_elsewhere_writable(k, addr, size);
	return vmcore_flat_at(k->flat, offset);
}

/*
 * The same for what is expected where the page tables were used last: the array of struct pages, which kernels with SPARSEMEM_VMEMMAP map in pieces for 128 MiB of memory
 * and more.
 */
static inline unsigned char *kernel_near_last(struct kernel *k, uint64_t addr, size_t size)
{
	uint64_t offset = addr - k->near_last.start;
	if (__builtin_expect(offset >= k->near_last.size || size > NEAR_BYTES, 0))
		return kernel_near(k, addr, size);
	return vmcore_flat_at(k->flat, k->near_last.phys + offset);
}

static inline unsigned char *kernel_near_last_writable(struct kernel *k, uint64_t addr, size_t size)
{
	uint64_t offset = addr - k->near_last.start;
	if (__builtin_expect(offset >= k->near_last.size || size > NEAR_BYTES || vmcore_must_keep(k->flat, k->near_last.phys + offset, size), 0))
		return kernel_near_writable(k, addr, size);
	return vmcore_flat_at(k->flat, k->near_last.phys + offset);
}

/* Of the architecture's pointer size. */
static inline uint64_t load_word(const struct kernel *k, const unsigned char *p)
{
	return k->wide ? load_uint(p, 8) : load_uint(p, 4);
}

static inline void store_word(const struct kernel *k, unsigned char *p, uint64_t value)
{
	if (k->wide)
		store_uint(p, 8, value);
	else
		store_uint(p, 4, value);
}

/* ---- Numbers ---- */

struct error *kernel_read_uint_far(struct kernel *k, uint64_t addr, unsigned size, uint64_t *out) MUST_CHECK;
struct error *kernel_write_uint_far(struct kernel *k, uint64_t addr, unsigned size, uint64_t value) MUST_CHECK;
struct error *kernel_add_uint_far(struct kernel *k, uint64_t addr, unsigned size, int64_t n) MUST_CHECK;
struct error *kernel_get_far(struct kernel *k, uint64_t object, enum member_id id, uint64_t *out) MUST_CHECK;

/* An unsigned integer of 1, 2, 4 or 8 bytes. */
static inline MUST_CHECK struct error *kernel_read_uint(struct kernel *k, uint64_t addr, unsigned size, uint64_t *out)
{
	const unsigned char *p = kernel_near(k, addr, size);
	if (!p || !size || size > 8 || size & (size - 1))
		return kernel_read_uint_far(k, addr, size, out);
	*out = load_uint(p, size);
	return NULL;
}

/* A word of the architecture's pointer size, zero-extended. */
static inline MUST_CHECK struct error *kernel_read_pointer(struct kernel *k, uint64_t addr, uint64_t *out)
{
	const unsigned char *p = kernel_near(k, addr, sizeof(uint64_t));
	if (!p)
		return kernel_read_uint_far(k, addr, k->arch->pointer_size, out);
	*out = load_word(k, p);
	return NULL;
}

/* An unsigned integer of 1, 2, 4 or 8 bytes, through the overlay. */
static inline MUST_CHECK struct error *kernel_write_uint(struct kernel *k, uint64_t addr, unsigned size, uint64_t value)
{
	unsigned char *p = kernel_near_writable(k, addr, size);
	if (!p)
		return kernel_write_uint_far(k, addr, size, value);
	store_uint(p, size, value);
	return NULL;
}

static inline MUST_CHECK struct error *kernel_write_pointer(struct kernel *k, uint64_t addr, uint64_t value)
{
	unsigned char *p = kernel_near_writable(k, addr, sizeof(uint64_t));
	if (!p)
		return kernel_write_uint_far(k, addr, k->arch->pointer_size, value);
	store_word(k, p, value);
	return NULL;
}

/* ---- Objects ---- */

struct error *object_open_far(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out) MUST_CHECK;
struct error *object_open_bytes_far(struct kernel *k, uint64_t addr, size_t size, struct object *out) MUST_CHECK;
bool object_try_open_far(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out);
struct error *object_open_writable_far(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out) MUST_CHECK;
struct error *object_open_bytes_writable_far(struct kernel *k, uint64_t addr, size_t size, struct object *out) MUST_CHECK;

/*
 * Opens the object of struct `id` at addr: it must be wholly in the image. Its bytes are the image's own where they lie contiguous;
 * an object over scattered frames is copied, once, and kernel_write() keeps the copy true. Either is good until kernel_close().
 */
static inline MUST_CHECK struct error *object_open(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out)
{
	uint32_t size = k->structs[id].size;
	const unsigned char *p = kernel_near(k, addr, size);
	if (!p || !size)
		return object_open_far(k, addr, id, out);
	*out = (struct object){ p, addr, size };
	return NULL;
}

/* The same for any size. */
static inline MUST_CHECK struct error *object_open_bytes(struct kernel *k, uint64_t addr, size_t size, struct object *out)
{
	const unsigned char *p = kernel_near(k, addr, size);
	if (!p || size > UINT32_MAX)
		return object_open_bytes_far(k, addr, size, out);
	*out = (struct object){ p, addr, (uint32_t)size };
	return NULL;
}

/* Without an error object: false when it cannot be had. */
static inline bool object_try_open(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out)
{
	uint32_t size = k->structs[id].size;
	const unsigned char *p = kernel_near(k, addr, size);
	if (!p || !size)
		return object_try_open_far(k, addr, id, out);
	*out = (struct object){ p, addr, size };
	return true;
}

/*
 * Opens an object to be written: the newest mark keeps its pages first, so the setters are plain stores. Only objects whose bytes lie together in
 * the image can be written so (ERR_READ_ONLY otherwise). Not to be kept over a vmcore_mark(), vmcore_undo() or vmcore_forget().
 */
static inline MUST_CHECK struct error *object_open_writable(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out)
{
	uint32_t size = k->structs[id].size;
	const unsigned char *p = kernel_near_writable(k, addr, size);
	if (!p || !size)
		return object_open_writable_far(k, addr, id, out);
	*out = (struct object){ p, addr, size };
	return NULL;
}

static inline MUST_CHECK struct error *object_open_bytes_writable(struct kernel *k, uint64_t addr, size_t size, struct object *out)
{
	const unsigned char *p = kernel_near_writable(k, addr, size);
	if (!p || size > UINT32_MAX)
		return object_open_bytes_writable_far(k, addr, size, out);
	*out = (struct object){ p, addr, (uint32_t)size };
	return NULL;
}

/* One member straight from memory, of an object that need not be whole. ERR_NO_MEMBER, or as kernel_read(). */
static inline MUST_CHECK struct error *kernel_get(struct kernel *k, uint64_t object, enum member_id id, uint64_t *out)
{
	const struct member *m = &k->members[id];
	const unsigned char *p = kernel_near(k, object + m->offset, sizeof(uint64_t));
	if (__builtin_expect(p && m->end4, 1)) {
		uint32_t v = (uint32_t)load_uint(p, 4);
		*out = __builtin_expect(m->is_signed, 0) ? (uint64_t)(int64_t)(int32_t)v : v;
	} else if (p && m->end8)
		*out = load_uint(p, 8);
	else
		return kernel_get_far(k, object, id, out);
	return NULL;
}

/* Adds to an unsigned integer of 1, 2, 4 or 8 bytes, through the overlay. */
static inline MUST_CHECK struct error *kernel_add_uint(struct kernel *k, uint64_t addr, unsigned size, int64_t n)
{
	unsigned char *p = kernel_near_writable(k, addr, size);
	if (__builtin_expect(!p || (size != 8 && size != 4), 0))
		return kernel_add_uint_far(k, addr, size, n);
	if (size == 8)
		store_uint(p, 8, load_uint(p, 8) + (uint64_t)n);
	else
		store_uint(p, 4, (uint32_t)load_uint(p, 4) + (uint32_t)n);
	return NULL;
}

/*
 * Adds to a member that is a number, straight in memory, of an object that need not be opened (one that is longer than a page lies near in parts only).
 * ERR_NO_MEMBER, or as kernel_write().
 */
static inline MUST_CHECK struct error *kernel_add(struct kernel *k, uint64_t object, enum member_id id, int64_t n)
{
	const struct member *m = &k->members[id];
	uint64_t v;
	if (__builtin_expect(m->end4 || m->end8, 1))
		return kernel_add_uint(k, object + m->offset, m->size, n);
	TRY(kernel_get_far(k, object, id, &v));
	return kernel_write_uint(k, object + m->offset, m->size, v + (uint64_t)n);
}

#endif

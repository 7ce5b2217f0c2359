/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Objects, and reads and writes at virtual addresses.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel.h"
#include "core/translate.h"

/* An object whose frames do not lie side by side in the image, kept as one piece. */
struct copy {
	struct copy *next;
	uint64_t addr;
	size_t size;
	unsigned char bytes[];
};

#define COPY_BUCKETS 1024
/* A hostile image must not make us keep all of it. */
#define COPY_BYTES_MAX (256ul << 20)

struct copy_table {
	size_t bytes;
	struct copy *bucket[COPY_BUCKETS];
};

void copies_free(struct kernel *k)
{
	if (!k->copies)
		return;
	for (size_t i = 0; i < COPY_BUCKETS; i++) {
		while (k->copies->bucket[i]) {
			struct copy *c = k->copies->bucket[i];
			k->copies->bucket[i] = c->next;
			free(c);
		}
	}
	free(k->copies);
	k->copies = NULL;
}

static struct error *not_mapped(uint64_t addr)
{
	return error_at(ERR_NOT_MAPPED, addr, "not mapped: %016" PRIx64, addr);
}

struct error *kernel_vtop(struct kernel *k, uint64_t addr, uint64_t *phys)
{
	uint64_t run;
	return kernel_translate(k, addr, phys, &run) ? NULL : not_mapped(addr);
}

bool kernel_try_vtop(struct kernel *k, uint64_t addr, uint64_t *phys)
{
	uint64_t run;
	return kernel_translate(k, addr, phys, &run);
}

/* Calls once per physically contiguous piece of [addr, addr+len). */
typedef struct error *piece_visitor(struct kernel *k, uint64_t phys, void *bytes, size_t len);

static struct error *for_each_piece(struct kernel *k, uint64_t addr, void *bytes, size_t len,
				    piece_visitor *visit)
{
	char *at = bytes;
	while (len) {
		uint64_t phys, run;
		if (!kernel_translate(k, addr, &phys, &run))
			return not_mapped(addr);
		size_t piece = run < len ? run : len;
		struct error *e = visit(k, phys, at, piece);
		if (e)
			return error_prefix(e, "%016" PRIx64, addr);
		at += piece;
		addr += piece;
		len -= piece;
	}
	return NULL;
}

static struct error *read_piece(struct kernel *k, uint64_t phys, void *bytes, size_t len)
{
	return vmcore_read(k->vmcore, phys, bytes, len);
}

static struct error *write_piece(struct kernel *k, uint64_t phys, void *bytes, size_t len)
{
	return vmcore_write(k->vmcore, phys, bytes, len);
}

struct error *kernel_read(struct kernel *k, uint64_t addr, void *buffer, size_t len)
{
	const void *p = kernel_try_map(k, addr, len);
	if (p) {
		memcpy(buffer, p, len);
		return NULL;
	}
	return for_each_piece(k, addr, buffer, len, read_piece);
}

struct error *kernel_write(struct kernel *k, uint64_t addr, const void *buffer, size_t len)
{
	TRY(for_each_piece(k, addr, (void *)buffer, len, write_piece));
	if (!k->copies || !k->copies->bytes)
		return NULL;
	for (size_t i = 0; i < COPY_BUCKETS; i++) {
		for (struct copy *c = k->copies->bucket[i]; c; c = c->next) {
			uint64_t from = addr > c->addr ? addr : c->addr;
			uint64_t to =
				addr + len < c->addr + c->size ? addr + len : c->addr + c->size;
			if (from < to)
				memcpy(c->bytes + (from - c->addr),
				       (const char *)buffer + (from - addr), to - from);
		}
	}
	return NULL;
}

const void *kernel_try_map(struct kernel *k, uint64_t addr, size_t len)
{
	uint64_t phys, run;
	if (!kernel_translate(k, addr, &phys, &run))
		return NULL;
	/* Two mappings side by side may still be one run of frames. */
	while (run < len) {
		uint64_t next, more;
		if (addr + run < addr || !kernel_translate(k, addr + run, &next, &more) ||
		    next != phys + run)
			return NULL;
		run += more;
	}
	return vmcore_try_map(k->vmcore, phys, len);
}

struct error *kernel_read_string(struct kernel *k, uint64_t addr, char *buffer, size_t size)
{
	size_t len = 0;
	buffer[0] = 0;
	while (len + 1 < size) {
		size_t piece = VMCORE_PAGE_SIZE - (addr & (VMCORE_PAGE_SIZE - 1));
		if (piece > size - 1 - len)
			piece = size - 1 - len;
		struct error *e = kernel_read(k, addr, buffer + len, piece);
		if (e) {
			buffer[len] = 0;
			if (!len)
				return e;
			error_free(e);
			return NULL;
		}
		buffer[len + piece] = 0;
		size_t found = strlen(buffer + len);
		len += found;
		if (found < piece)
			return NULL;
		addr += piece;
	}
	return NULL;
}

struct error *kernel_read_uint_far(struct kernel *k, uint64_t addr, unsigned size, uint64_t *out)
{
	unsigned char bytes[8];
	*out = 0;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return error_new(ERR_OTHER, "no integer has %u bytes", size);
	TRY(kernel_read(k, addr, bytes, size));
	*out = load_uint(bytes, size);
	return NULL;
}

struct error *kernel_read_u64(struct kernel *k, uint64_t addr, uint64_t *out)
{
	return kernel_read_uint(k, addr, 8, out);
}

struct error *kernel_read_u32(struct kernel *k, uint64_t addr, uint32_t *out)
{
	uint64_t wide;
	*out = 0;
	TRY(kernel_read_uint(k, addr, 4, &wide));
	*out = (uint32_t)wide;
	return NULL;
}

struct error *kernel_read_symbol(struct kernel *k, const char *symbol, unsigned size, uint64_t *out)
{
	struct symbol s;
	*out = 0;
	s.addr = symbol_addr(k, symbol);
	if (!s.addr && !symbol_find(k, symbol, &s))
		return error_new(ERR_NO_SYMBOL, "no such symbol: %s", symbol);
	return kernel_read_uint(k, s.addr, size ? size : k->arch->pointer_size, out);
}

static struct error *open_copy(struct kernel *k, uint64_t addr, size_t size, struct object *out)
{
	if (!k->copies) {
		k->copies = calloc(1, sizeof(*k->copies));
		if (!k->copies)
			return error_new(ERR_NO_MEMORY, "out of memory");
	}
	struct copy **bucket = &k->copies->bucket[(addr >> 3 ^ addr >> 13 ^ size) % COPY_BUCKETS];
	struct copy *c = *bucket;
	while (c && (c->addr != addr || c->size != size))
		c = c->next;
	if (!c) {
		if (size > COPY_BYTES_MAX || k->copies->bytes + size > COPY_BYTES_MAX)
			return error_at(ERR_NO_MEMORY, addr,
					"too many objects over scattered frames: %016" PRIx64,
					addr);
		c = malloc(sizeof(*c) + size);
		if (!c)
			return error_new(ERR_NO_MEMORY, "out of memory");
		struct error *e = kernel_read(k, addr, c->bytes, size);
		if (e) {
			free(c);
			return e;
		}
		c->addr = addr;
		c->size = size;
		c->next = *bucket;
		*bucket = c;
		k->copies->bytes += size;
	}
	*out = (struct object){c->bytes, addr, (uint32_t)size};
	return NULL;
}

struct error *object_open_bytes_far(struct kernel *k, uint64_t addr, size_t size, struct object *out)
{
	*out = (struct object){NULL, 0, 0};
	if (addr + size < addr || size > UINT32_MAX)
		return not_mapped(addr);
	const void *p = kernel_try_map(k, addr, size);
	if (p) {
		*out = (struct object){p, addr, (uint32_t)size};
		return NULL;
	}
	return open_copy(k, addr, size, out);
}

struct error *object_open_far(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out)
{
	const struct struct_info *info = &k->structs[id];
	*out = (struct object){NULL, 0, 0};
	if (!info->size)
		return error_new(ERR_UNSUPPORTED, "this kernel has no struct %s", info->name);
	return error_prefix(object_open_bytes(k, addr, info->size, out), "%s", info->name);
}

bool object_try_open_far(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out)
{
	uint32_t size = k->structs[id].size;
	const void *p = size && addr + size > addr ? kernel_try_map(k, addr, size) : NULL;
	if (p) {
		*out = (struct object){p, addr, size};
		return true;
	}
	return !error_drop(object_open(k, addr, id, out));
}

uint64_t object_get_far(const struct kernel *k, const struct object *o, enum member_id id)
{
	const struct member *m = &k->members[id];
	if (!m->size || m->offset + (uint64_t)m->size > o->size)
		return 0;
	uint64_t v = load_uint(o->bytes + m->offset, m->size);
	unsigned bits = m->bit_size ? m->bit_size : 8 * m->size;
	v >>= m->bit_offset;
	if (bits >= 64)
		return v;
	if (m->is_signed)
		return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
	return v & ((1ull << bits) - 1);
}

void object_set_far(const struct kernel *k, const struct object *o, enum member_id id, uint64_t value)
{
	const struct member *m = &k->members[id];
	unsigned char *p = (unsigned char *)o->bytes + m->offset;
	if (!m->size || m->offset + (uint64_t)m->size > o->size)
		return;
	if (m->bit_size && m->bit_size < 64) {
		uint64_t mask = ((1ull << m->bit_size) - 1) << m->bit_offset;
		value = (load_uint(p, m->size) & ~mask) | (value << m->bit_offset & mask);
	}
	store_uint(p, m->size, value);
}

uint64_t object_get_element(const struct kernel *k, const struct object *o, enum member_id id,
			    size_t i)
{
	const struct member *m = &k->members[id];
	if (!m->size || !m->stride || (m->count && i >= m->count))
		return 0;
	uint64_t offset = m->offset + (uint64_t)i * m->stride;
	if (i > o->size || offset + m->size > o->size)
		return 0;
	uint64_t v = load_uint(o->bytes + offset, m->size);
	if (m->is_signed && m->size < 8) {
		unsigned shift = 64 - 8 * m->size;
		v = (uint64_t)((int64_t)(v << shift) >> shift);
	}
	return v;
}

const unsigned char *object_bytes(const struct kernel *k, const struct object *o, enum member_id id,
				  size_t *len)
{
	const struct member *m = &k->members[id];
	*len = 0;
	if (!m->present || m->offset > o->size || m->total > o->size - m->offset)
		return NULL;
	*len = m->total;
	return o->bytes + m->offset;
}

struct error *kernel_get_far(struct kernel *k, uint64_t object, enum member_id id, uint64_t *out)
{
	const struct member *m = &k->members[id];
	unsigned char bytes[8];
	*out = 0;
	if (!m->size)
		return error_new(ERR_NO_MEMBER, "this kernel has no member %s",
				 member_describe(id));
	TRY(error_prefix(kernel_read(k, object + m->offset, bytes, m->size), "%s",
			 member_describe(id)));
	/* Only this member's bytes are there: let object_get() do the rest on a window that starts
	 * at them. */
	struct object window = {bytes - m->offset, object, m->offset + m->size};
	*out = object_get(k, &window, id);
	return NULL;
}

struct error *object_open_bytes_writable_far(struct kernel *k, uint64_t addr, size_t size, struct object *out)
{
	uint64_t phys, run;
	void *p;
	*out = (struct object){ NULL, 0, 0 };
	if (!kernel_translate(k, addr, &phys, &run))
		return not_mapped(addr);
	if (run < size || size > UINT32_MAX)
		return error_at(ERR_READ_ONLY, addr, "an object over scattered frames cannot be written as one: %016" PRIx64, addr);
	/* A mark keeps page by page. */
	for (uint64_t at = phys; at < phys + size;) {
		uint64_t piece = VMCORE_PAGE_SIZE - (at & (VMCORE_PAGE_SIZE - 1));
		if (piece > phys + size - at)
			piece = phys + size - at;
		TRY(vmcore_map_writable(k->vmcore, at, piece, &p));
		at += piece;
	}
	const void *whole = vmcore_try_map(k->vmcore, phys, size);
	if (!whole)
		return error_at(ERR_READ_ONLY, addr, "an object over scattered frames cannot be written as one: %016" PRIx64, addr);
	*out = (struct object){ whole, addr, (uint32_t)size };
	return NULL;
}

struct error *object_open_writable_far(struct kernel *k, uint64_t addr, enum struct_id id, struct object *out)
{
	const struct struct_info *info = &k->structs[id];
	*out = (struct object){ NULL, 0, 0 };
	if (!info->size)
		return error_new(ERR_UNSUPPORTED, "this kernel has no struct %s", info->name);
	return error_prefix(object_open_bytes_writable(k, addr, info->size, out), "%s", info->name);
}

struct error *kernel_write_uint_far(struct kernel *k, uint64_t addr, unsigned size, uint64_t value)
{
	unsigned char bytes[8];
	uint64_t phys, run;
	void *p;
	if (kernel_translate(k, addr, &phys, &run) && run >= size && (phys & (VMCORE_PAGE_SIZE - 1)) + size <= VMCORE_PAGE_SIZE &&
	    !(k->copies && k->copies->bytes)) {
		TRY(vmcore_map_writable(k->vmcore, phys, size, &p));
		store_uint(p, size, value);
		return NULL;
	}
	store_uint(bytes, size, value);
	return kernel_write(k, addr, bytes, size);
}

struct error *kernel_add_uint_far(struct kernel *k, uint64_t addr, unsigned size, int64_t n)
{
	uint64_t v;
	TRY(kernel_read_uint(k, addr, size, &v));
	return kernel_write_uint(k, addr, size, v + (uint64_t)n);
}

void object_set_element(const struct kernel *k, const struct object *o, enum member_id id, size_t i, uint64_t value)
{
	const struct member *m = &k->members[id];
	uint64_t offset = m->offset + (uint64_t)i * m->stride;
	if (m->size && m->stride && i < m->count && offset + m->size <= o->size)
		store_uint((unsigned char *)o->bytes + offset, m->size, value);
}

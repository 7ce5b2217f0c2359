/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <string.h>

#include "mm/sim/linux64.h"

/* The physical address of an address of vmalloc space, by the page tables; all its pages are small. */
static uint64_t walk(const struct linux64 *m, uint64_t addr)
{
	uint64_t table = image_symbol(&m->image, m->flavour->pgd) - LINUX64_KERNEL_MAP;
	for (unsigned level = 4; level--;)
		table = load_uint(m->image.ram + table + (addr >> (12 + 9 * level) & 511) * 8, 8) & 0x000ffffffffff000ull;
	assert(table);
	return table + addr % PAGE_SIZE64;
}

unsigned char *l64_bytes(const struct linux64 *m, uint64_t addr)
{
	uint64_t at = addr - m->flavour->vmemmap, per_section = m->page_size << SECTION_SHIFT64;
	if (m->section_map && at < m->sections * per_section) {
		assert(m->section_map[at / per_section]);
		return m->image.ram + m->section_map[at / per_section] + at % per_section;
	}
	if (addr - m->flavour->vmalloc < m->vmalloc_at - m->flavour->vmalloc && m->vmalloc_at)
		return m->image.ram + walk(m, addr);
	at = addr - m->flavour->page_offset;
	assert(at < m->image.size || addr - LINUX64_KERNEL_MAP < m->image.size);
	return image_bytes(&m->image, addr);
}

/* Paths are literals, so where they lead is remembered by their addresses. */
static const struct place_memo *look_up(struct linux64 *m, const char *structure, const char *path)
{
	struct place_memo *memo = &m->memo[((uintptr_t)structure * 31 + (uintptr_t)path) % 1024];
	if (memo->structure != structure || memo->path != path) {
		*memo = (struct place_memo){ .structure = structure, .path = path };
		memo->found = layout_path(m->layout, structure, path, &memo->place);
	}
	return memo;
}

bool l64_has(struct linux64 *m, const char *structure, const char *path)
{
	return look_up(m, structure, path)->found;
}

uint32_t l64_offset(struct linux64 *m, const char *structure, const char *path)
{
	const struct place_memo *memo = look_up(m, structure, path);
	assert(memo->found);
	return memo->place.offset;
}

static const struct layout_place *place(struct linux64 *m, const char *structure, const char *path)
{
	static const struct layout_place none;
	const struct place_memo *memo = look_up(m, structure, path);
	return memo->found ? &memo->place : &none;
}

void l64_put(struct linux64 *m, uint64_t addr, unsigned size, uint64_t value)
{
	store_uint(l64_bytes(m, addr), size, value);
}

uint64_t l64_load(struct linux64 *m, uint64_t addr, unsigned size)
{
	return load_uint(l64_bytes(m, addr), size);
}

void l64_set(struct linux64 *m, uint64_t object, const char *structure, const char *path, uint64_t value)
{
	const struct layout_place *p = place(m, structure, path);
	if (!p->size)
		return;
	assert(p->size <= 8);
	if (p->bits) {
		uint64_t mask = ((1ull << p->bits) - 1) << p->bit, word = l64_load(m, object + p->offset, p->size);
		value = (word & ~mask) | (value << p->bit & mask);
	}
	l64_put(m, object + p->offset, p->size, value);
}

uint64_t l64_get(struct linux64 *m, uint64_t object, const char *structure, const char *path)
{
	const struct layout_place *p = place(m, structure, path);
	if (!p->size)
		return 0;
	uint64_t word = l64_load(m, object + p->offset, p->size);
	return p->bits ? word >> p->bit & ((1ull << p->bits) - 1) : word;
}

void l64_set_text(struct linux64 *m, uint64_t object, const char *structure, const char *path, const char *text)
{
	const struct layout_place *p = place(m, structure, path);
	assert(p->size > strlen(text));
	strcpy((char *)l64_bytes(m, object + p->offset), text);
}

void l64_list_init(struct linux64 *m, uint64_t object, const char *structure, const char *path)
{
	if (!l64_has(m, structure, path))
		return;
	uint64_t head = object + l64_offset(m, structure, path);
	l64_put(m, head, 8, head);
	l64_put(m, head + 8, 8, head);
}

void l64_list_add_tail(struct linux64 *m, uint64_t node, uint64_t head)
{
	uint64_t last = l64_load(m, head + 8, 8);
	l64_put(m, node, 8, head);
	l64_put(m, node + 8, 8, last);
	l64_put(m, last, 8, node);
	l64_put(m, head + 8, 8, node);
}

void l64_set_symbol(struct linux64 *m, const char *symbol, unsigned size, uint64_t value)
{
	if (image_has_symbol(&m->image, symbol))
		l64_put(m, image_symbol(&m->image, symbol), size, value);
}

bool l64_find_enumerator(const struct linux64 *m, const char *name, int *value)
{
	for (const struct layout_enum *e = m->layout->enums; e->name; e++)
		for (const struct layout_enumerator *v = e->values; v->name; v++)
			if (!strcmp(v->name, name)) {
				*value = v->value;
				return true;
			}
	return false;
}

int l64_enumerator(const struct linux64 *m, const char *name)
{
	int value;
	bool found = l64_find_enumerator(m, name, &value);
	assert(found);
	return value;
}

unsigned l64_zone_of(const struct linux64 *m, uint64_t pfn)
{
	if (pfn >= m->max_pfn)
		return ZONE64_DEVICE;
	return pfn < (16u << 8) ? ZONE64_DMA : pfn < (4096u << 8) ? ZONE64_DMA32 : ZONE64_NORMAL;
}

unsigned l64_node_of(const struct linux64 *m, uint64_t pfn)
{
	for (unsigned n = 0; n + 1 < m->nodes; n++)
		if (pfn < m->node[n].end)
			return n;
	return m->nodes - 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vmalloc() while booting: mm/vmalloc.c. One area after the other, each followed by a page that is not mapped.
 */
#include <string.h>

#include "mm/sim/linux64.h"

static const char area_type[] = "vmap_area", vm_type[] = "vm_struct";

uint64_t l64_vmalloc(struct linux64 *m, uint64_t size, const char *caller, uint64_t flags)
{
	uint64_t start = m->vmalloc_at ? m->vmalloc_at : m->flavour->vmalloc, frames = size >> PAGE_SHIFT64;
	/* Stacks are aligned to their size. */
	start = (start + size - 1) & -size;
	uint64_t area = l64_alloc_object(m, "vmap_area"), vm = l64_kmalloc(m, l64_size(m, vm_type)), pages = l64_kmalloc(m, (uint32_t)frames * 8);
	memset(l64_bytes(m, area), 0, l64_size(m, area_type));
	memset(l64_bytes(m, vm), 0, l64_size(m, vm_type));
	for (uint64_t n = 0; n < frames; n++) {
		uint64_t pfn = l64_alloc_pages(m, 0, BLOCK_UNMOVABLE);
		l64_put(m, pages + 8 * n, 8, l64_page(m, pfn));
		memset(l64_bytes(m, l64_direct(m, pfn << PAGE_SHIFT64)), 0, PAGE_SIZE64);
		l64_map(m, start + (n << PAGE_SHIFT64), pfn << PAGE_SHIFT64, 0, KERNEL64);
	}
	l64_set(m, vm, vm_type, "addr", start);
	l64_set(m, vm, vm_type, "size", size + PAGE_SIZE64);
	l64_set(m, vm, vm_type, "flags", flags);
	l64_set(m, vm, vm_type, "pages", pages);
	l64_set(m, vm, vm_type, "nr_pages", frames);
	l64_set(m, vm, vm_type, "caller", image_symbol(&m->image, caller));
	l64_set(m, area, area_type, "va_start", start);
	l64_set(m, area, area_type, "va_end", start + size + PAGE_SIZE64);
	l64_set(m, area, area_type, "flags", 4); /* VM_VM_AREA, where there are flags */
	l64_set(m, area, area_type, "vm", vm);
	l64_list_add_tail(m, area + l64_offset(m, area_type, "list"), image_symbol(&m->image, "vmap_area_list"));
	m->vmalloc_at = start + size + PAGE_SIZE64;
	return start;
}

/* The areas [first, first + count) as a tree whose last level alone is red; its root. */
static uint64_t build(struct linux64 *m, const uint64_t *nodes, size_t count, uint64_t parent, unsigned black)
{
	static const char s[] = "rb_node";
	if (!count)
		return 0;
	size_t middle = count / 2;
	uint64_t node = nodes[middle];
	l64_set(m, node, s, "__rb_parent_color", parent | (black > 0));
	l64_set(m, node, s, "rb_left", build(m, nodes, middle, node, black - (black > 0)));
	l64_set(m, node, s, "rb_right", build(m, nodes + middle + 1, count - middle - 1, node, black - (black > 0)));
	return node;
}

#define AREAS_MAX 256

void linux64_finish_vmalloc(struct linux64 *m)
{
	uint64_t head = image_symbol(&m->image, "vmap_area_list"), nodes[AREAS_MAX];
	size_t count = 0;
	for (uint64_t at = l64_load(m, head, 8); at != head && count < AREAS_MAX; at = l64_load(m, at, 8))
		nodes[count++] = at - l64_offset(m, area_type, "list") + l64_offset(m, area_type, "rb_node");
	/* Levels that are full: of these the nodes are black. */
	unsigned levels = 0;
	while ((2ull << levels) - 1 <= count)
		levels++;
	l64_put(m, image_symbol(&m->image, "vmap_area_root"), 8, build(m, nodes, count, 0, levels));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/residency.h"

#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/swap.h"
#include "mm/vma_pages.h"

struct runs {
	struct kernel *k;
	struct residency_run run; /* gathered, not given yet */
	residency_visitor *visit;
	void *context;
	bool ended;
};

static void add(struct runs *r, uint64_t start, uint64_t end, enum residency kind)
{
	if (r->run.end == start && r->run.end > r->run.start && r->run.kind == kind) {
		r->run.end = end;
		return;
	}
	if (r->run.end > r->run.start && !r->ended)
		r->ended = !r->visit(r->context, &r->run);
	r->run = (struct residency_run){start, end, kind};
}

static enum residency kind_of(struct kernel *k, uint64_t entry)
{
	struct swap_entry e;
	if (!entry)
		return NOTHING;
	if (pagetable_entry_present(&k->geometry, entry))
		return RESIDENT;
	swap_entry_decode(k, entry, &e);
	return e.kind == SWAP_PAGE ? SWAPPED : OTHERWISE;
}

static void add_piece(struct runs *r, const struct piece *p)
{
	uint64_t page = 1ull << r->k->arch->page_shift;
	switch (p->kind) {
	case PIECE_ENTRIES:
		for (uint64_t addr = p->start, i = 0; addr < p->end; addr += page, i++)
			add(r, addr, addr + page, kind_of(r->k, piece_entry(r->k, p, i)));
		return;
	case PIECE_HUGE:
		add(r, p->start, p->end, RESIDENT);
		return;
	case PIECE_ABSENT:
		add(r, p->start, p->end, OTHERWISE);
		return;
	case PIECE_EMPTY:
		add(r, p->start, p->end, NOTHING);
		return;
	case PIECE_UNREADABLE:
		add(r, p->start, p->end, UNKNOWN);
		return;
	}
}

struct error *residency_for_each(struct kernel *k, uint64_t pgd, uint64_t start, uint64_t end, residency_visitor *visit, void *context)
{
	struct runs r = {.k = k, .visit = visit, .context = context};
	struct piece_walk w;
	struct piece piece;
	piece_walk_begin(&w, k, pgd, start, end);
	while (!r.ended && piece_walk_next(&w, &piece)) {
		TRY(check_interrupt());
		add_piece(&r, &piece);
	}
	if (!r.ended && r.run.end > r.run.start)
		visit(context, &r.run);
	return NULL;
}

/* ---- The kernel's half ---- */

static int compare_regions(const void *x, const void *y)
{
	const struct kernel_region *a = x, *b = y;
	return a->start < b->start ? -1 : a->start > b->start;
}

static void add_region(struct kernel_region *out, size_t *count, const char *name, uint64_t start, uint64_t last)
{
	if (*count < KERNEL_REGIONS_MAX && last > start)
		out[(*count)++] = (struct kernel_region){name, start, last};
}

/* What does not move stands where the document says; the rest is the kernel's own variables'. */
size_t kernel_regions(const struct kernel *k, struct kernel_region out[KERNEL_REGIONS_MAX])
{
	size_t n = 0;
	add_region(out, &n, "direct map", k->page_offset, k->direct_end - 1);
	if (k->vmalloc_end > k->vmalloc_start)
		add_region(out, &n, "vmalloc", k->vmalloc_start, k->vmalloc_end - 1);
	if (!k->wide) {
		add_region(out, &n, "kmap, fixmap", k->vmalloc_end, UINT32_MAX);
	} else {
		uint64_t frames = vmcore_max_phys(k->vmcore) >> k->arch->page_shift;
		if (k->vmemmap && SIZE_OF(k, page))
			add_region(out, &n, "struct pages", k->vmemmap, ((k->vmemmap + frames * SIZE_OF(k, page)) | 0xfff));
		add_region(out, &n, "CPU entry areas", 0xfffffe0000000000, 0xfffffe7fffffffff);
		add_region(out, &n, "espfix stacks", 0xffffff0000000000, 0xffffff7fffffffff);
		add_region(out, &n, "EFI", 0xffffffef00000000, 0xfffffffeffffffff);
		/* The image ends where modules begin, which moves with the size that KASLR leaves it. */
		if (k->modules_start > k->arch->kernel_map) {
			add_region(out, &n, "kernel image", k->arch->kernel_map, k->modules_start - 1);
			add_region(out, &n, "modules", k->modules_start, 0xfffffffffeffffff);
		} else {
			add_region(out, &n, "kernel image", k->arch->kernel_map, 0xfffffffffeffffff);
		}
		add_region(out, &n, "fixmap", 0xffffffffff000000, 0xffffffffffffefff);
	}
	qsort(out, n, sizeof(*out), compare_regions);
	return n;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/mapped.h"

#include "core/interrupt.h"

struct linear {
	uint64_t shift;
	mapped_visitor *visit;
	void *context;
	bool ended;
};

static bool visit_linear(void *context, uint64_t phys, const void *bytes, size_t len)
{
	struct linear *l = context;

	l->ended = !l->visit(l->context, phys + l->shift, bytes, len);
	return !l->ended;
}

struct error *mapped_scan_linear(struct vmcore *vc, uint64_t start, uint64_t end, uint64_t shift, mapped_visitor *visit, void *context)
{
	struct linear l = {shift, visit, context, false};
	return vmcore_scan(vc, start, end, visit_linear, &l);
}

/* ---- Through page tables: leaves that are neighbours in both spaces are scanned as one ---- */

struct tables {
	struct kernel *k;
	uint64_t start, last;
	uint64_t addr, phys, len; /* gathered, not scanned yet */
	struct linear to;
	struct error *error; /* the first page that does not decompress */
};

static bool scan_gathered(struct tables *t)
{
	uint64_t phys = t->phys, len = t->len;

	if (!len)
		return true;
	t->len = 0;
	t->to.shift = t->addr - phys;
	/* In a compressed image a lone page costs less when it is kept. */
	const void *bytes = len <= VMCORE_PAGE_SIZE ? vmcore_try_map(t->k->vmcore, phys, len) : NULL;
	if (bytes)
		return visit_linear(&t->to, phys, bytes, len);
	struct error *e = vmcore_scan(t->k->vmcore, phys, phys + len, visit_linear, &t->to);
	if (t->error)
		error_drop(e);
	else
		t->error = e;
	return !t->to.ended;
}

static bool gather(void *context, const struct leaf *leaf)
{
	struct tables *t = context;
	const struct pagetable_geometry *g = &t->k->geometry;
	uint64_t from = leaf->addr, last = leaf->addr + (leaf->size - 1);
	bool lowest = leaf->level + 1u == g->levels;

	if (interrupted())
		return false;
	if (leaf->unreadable || last < t->start || from > t->last ||
	    !(lowest ? pagetable_entry_present(g, leaf->entry) : pagetable_huge_present(g, leaf->entry)))
		return true;
	uint64_t phys = pagetable_entry_phys(g, leaf->entry, leaf->level);
	if (from < t->start) {
		phys += t->start - from;
		from = t->start;
	}
	if (last > t->last)
		last = t->last;
	uint64_t len = last - from + 1;
	if (phys + len < phys)
		return true;
	if (t->len && from == t->addr + t->len && phys == t->phys + t->len) {
		t->len += len;
		return true;
	}
	if (!scan_gathered(t))
		return false;
	t->addr = from;
	t->phys = phys;
	t->len = len;
	return true;
}

struct error *mapped_scan(struct kernel *k, uint64_t pgd, uint64_t start, uint64_t last, mapped_visitor *visit, void *context)
{
	struct tables t = {.k = k, .start = start, .last = last, .to = {.visit = visit, .context = context}};

	if (last < start)
		return NULL;
	/* The top level's entries have no say below their own size: the walk takes whole pages. */
	pagetable_for_each(k->vmcore, &k->geometry, pgd, start & -VMCORE_PAGE_SIZE, (last | (VMCORE_PAGE_SIZE - 1)) + 1, gather, &t);
	if (!t.to.ended && !interrupted())
		scan_gathered(&t);
	return t.error;
}

/* ---- The kernel's parts ---- */

struct part {
	unsigned kind;
	uint64_t start, last;
};

/* arch/x86/include/asm/pgtable_64_types.h: CPU_ENTRY_AREA_PGD is -4, of 2^39 bytes each. */
#define CPU_ENTRY_AREA 0xfffffe0000000000ull

/* In ascending order; at most 6. */
static unsigned kernel_parts(const struct kernel *k, struct part parts[6])
{
	unsigned n = 0;

	parts[n++] = (struct part){PART_DIRECT, k->page_offset, k->direct_end - 1};
	if (!k->wide) {
		parts[n++] = (struct part){PART_DYNAMIC, k->direct_end, UINT32_MAX};
		return n;
	}
	if (k->vmalloc_start >= k->direct_end && k->vmalloc_end > k->vmalloc_start)
		parts[n++] = (struct part){PART_DYNAMIC, k->vmalloc_start, k->vmalloc_end - 1};
	if (k->vmemmap && SIZE_OF(k, page)) {
		/* Up to the struct page of the last frame. */
		uint64_t size = (vmcore_max_phys(k->vmcore) >> k->arch->page_shift) * SIZE_OF(k, page);
		if (k->vmemmap > parts[n - 1].last && k->vmemmap + size < CPU_ENTRY_AREA)
			parts[n++] = (struct part){PART_DYNAMIC, k->vmemmap, k->vmemmap + size};
	}
	parts[n++] = (struct part){PART_DYNAMIC, CPU_ENTRY_AREA, CPU_ENTRY_AREA + (1ull << 39) - 1};
	uint64_t image = k->arch->kernel_map, modules = k->modules_start > k->text_start ? k->modules_start : UINT64_MAX - VMCORE_PAGE_SIZE + 1;
	parts[n++] = (struct part){PART_TEXT, image, modules - 1};
	parts[n++] = (struct part){PART_DYNAMIC, modules, UINT64_MAX - VMCORE_PAGE_SIZE};
	return n;
}

struct ending {
	mapped_visitor *visit;
	void *context;
	bool ended;
};

static bool visit_until_end(void *context, uint64_t addr, const unsigned char *bytes, size_t len)
{
	struct ending *e = context;

	e->ended = !e->visit(e->context, addr, bytes, len);
	return !e->ended;
}

struct error *mapped_scan_kernel(struct kernel *k, unsigned parts, uint64_t start, uint64_t last, mapped_visitor *visit, void *context)
{
	struct ending end = {visit, context, false};
	struct part all[6];
	unsigned count = kernel_parts(k, all);

	for (unsigned i = 0; i < count && !end.ended && !interrupted(); i++) {
		uint64_t from = all[i].start > start ? all[i].start : start, to = all[i].last < last ? all[i].last : last;
		if (!(all[i].kind & parts) || from > to)
			continue;
		if (all[i].kind == PART_DIRECT)
			TRY(mapped_scan_linear(k->vmcore, from - k->page_offset, to - k->page_offset + 1, k->page_offset, visit_until_end, &end));
		else
			TRY(mapped_scan(k, k->kernel_pgd, from, to, visit_until_end, &end));
	}
	return NULL;
}

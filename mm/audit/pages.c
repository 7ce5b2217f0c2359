/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every struct page in turn; and the first pass over them: slabs, and the mappings that pages name.
 */
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/audit/pages.h"
#include "mm/audit/slab.h"

struct error *audit_each_page(struct audit *a, audit_page_visitor *visit, void *context)
{
	struct kernel *k = a->k;
	for (size_t i = 0; i < a->run_count; i++) {
		const struct audit_run *r = &a->runs[i];
		const unsigned char *bytes = NULL; /* of the struct pages that share a page of memory */
		uint64_t mapped = 0, mapped_end = 0;
		for (uint64_t pfn = r->pfn, next; pfn < r->end; pfn = next) {
			uint64_t addr = r->page + (pfn - r->pfn) * a->page_size;
			struct page p = {.pfn = pfn, .object = {NULL, addr, a->page_size}};
			next = pfn + 1;
			if (!(pfn & 4095))
				TRY(check_interrupt());
			if (addr < mapped || addr + a->page_size > mapped_end) {
				mapped = addr & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
				mapped_end = mapped + VMCORE_PAGE_SIZE;
				bytes = kernel_try_map(k, mapped, VMCORE_PAGE_SIZE);
			}
			if (bytes && addr + a->page_size <= mapped_end)
				p.object.bytes = bytes + (addr - mapped);
			else if (!object_try_open(k, addr, S_page, &p.object))
				continue;
			p.flags = GET(k, &p.object, page, flags);
			TRY(visit(context, &p, &a->frames[r->first + (pfn - r->pfn)], &next));
		}
	}
	return NULL;
}

struct first_pass {
	struct audit *a;
	struct slab_books slabs;
};

static bool is_type(const struct audit *a, const struct page *p, const struct page_type *t)
{
	return t->mask && ((uint32_t)GET(a->k, &p->object, page, page_type) & t->mask) == t->value;
}

static struct error *first_visit(void *context, const struct page *p, struct audit_frame *f, uint64_t *next)
{
	struct first_pass *pass = context;
	struct audit *a = pass->a;
	if (f->use == AUDIT_USE_FREE || f->use == AUDIT_USE_CPU_FREE || page_is_tail(a->k, p))
		return NULL;
	uint64_t pages = audit_has_bit(p, a->bit.head) ? 1ull << page_compound_order(a->k, p) : 1;
	if (audit_has_bit(p, a->bit.slab) || is_type(a, p, &a->words->slab)) {
		*next = p->pfn + pages;
		return audit_slab_page(a, &pass->slabs, p);
	}
	/* Page types share the word of mapcounts, from -1 up. */
	if (!a->old_counts && page_mapcount_word(a->k, p) < -1 && !is_type(a, p, &a->words->hugetlb))
		return NULL;
	if (!HAS(a->k, address_space, i_pages))
		return NULL;
	uint64_t mapping = GET(a->k, &p->object, page, mapping);
	if (mapping && !(mapping & PAGE_MAPPING_FLAGS) && kernel_is_kernel_address(a->k, mapping) && page_refcount(a->k, p) > 0)
		return audit_mapping_add(a, mapping, 0);
	return NULL;
}

struct error *audit_slabs(struct audit *a)
{
	struct first_pass pass = {.a = a};
	struct error *e = audit_each_page(a, first_visit, &pass);
	if (!e)
		e = audit_slab_caches(a, &pass.slabs);
	free(pass.slabs.caches);
	return e;
}

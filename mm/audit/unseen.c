/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Address spaces that no task has while they are made (fork, exec) or taken down (exit_mmap()): mm_structs in the slabs that the tasks' are in. What they map counts
 * like any mapping; nothing else is asked of them.
 */
#include <stdlib.h>

#include "mm/audit/mm.h"
#include "mm/audit/pages.h"
#include "mm/slab.h"
#include "mm/task.h"

struct search {
	struct audit *a;
	uint64_t cache;	   /* the tasks' mm_structs' */
	size_t of_tasks;   /* so many of a->mms are of tasks, sorted */
	size_t allocated;
};

static int compare_mms(const void *key, const void *mm)
{
	uint64_t addr = *(const uint64_t *)key, other = ((const struct audit_mm *)mm)->addr;
	return addr < other ? -1 : addr > other;
}

/*
 * An object of the cache may be another thing, where caches are merged, or empty: an mm's top page table has the kernel's entries, and one that is not done with has some of its
 * own.
 */
static bool has_user_tables(struct audit *a, uint64_t mm)
{
	const struct kernel *k = a->k;
	const struct pagetable_geometry *g = &k->geometry;
	size_t entries = 1ull << g->level[0].bits, size = entries * g->entry_size;
	uint64_t pgd, users = entries / 2;
	const unsigned char *own = error_drop(mm_pgd(a->k, mm, &pgd)) || pgd & (VMCORE_PAGE_SIZE - 1) ? NULL : vmcore_try_map(k->vmcore, pgd, size);
	const unsigned char *kernels = own && pgd != k->kernel_pgd ? vmcore_try_map(k->vmcore, k->kernel_pgd, size) : NULL;
	if (!kernels)
		return false;
	uint64_t last = load_uint(kernels + size - g->entry_size, g->entry_size);
	if (!last || load_uint(own + size - g->entry_size, g->entry_size) != last)
		return false;
	if (k->arch->pointer_size == 4)
		users = (k->page_offset >> g->level[0].shift) & (entries - 1);
	for (uint64_t i = 0; i < users; i++)
		if (load_uint(own + i * g->entry_size, g->entry_size))
			return true;
	return false;
}

static struct error *see_object(struct search *s, uint64_t mm)
{
	static const char *const kernels_own[] = {"poking_mm", "text_poke_mm"};
	struct audit *a = s->a;
	uint64_t own;
	for (size_t i = 0; i < sizeof(kernels_own) / sizeof(kernels_own[0]); i++)
		if (symbol_addr(a->k, kernels_own[i]) && !error_drop(kernel_read_symbol(a->k, kernels_own[i], 0, &own)) && own == mm)
			return NULL;
	if (bsearch(&mm, a->mms, s->of_tasks, sizeof(*a->mms), compare_mms) || !has_user_tables(a, mm))
		return NULL;
	TRY(audit_grow((void **)&a->mms, a->mm_count, &s->allocated, sizeof(*a->mms)));
	a->mms[a->mm_count++] = (struct audit_mm){.addr = mm, .busy = true, .unseen = true};
	return NULL;
}

static struct error *see_page(void *context, const struct page *p, struct audit_frame *f, uint64_t *next)
{
	struct search *s = context;
	struct audit *a = s->a;
	struct slab slab;
	struct object_status *states = NULL;
	bool found;
	if (f->use == AUDIT_USE_FREE || f->use == AUDIT_USE_CPU_FREE || page_is_tail(a->k, p) || page_use(a->k, p) != PAGE_SLAB || page_rcu_function(a->k, p))
		return NULL;
	*next = p->pfn + (1ull << page_compound_order(a->k, p));
	/* Its own rules tell of damage. */
	if (error_drop(slab_of_page(a->k, p->object.addr, &slab, &found)) || !found || slab.cache.addr != s->cache)
		return NULL;
	struct error *e = slab_object_states(a->k, &slab, &states);
	for (uint32_t i = 0; !e && i < slab.objects; i++)
		if (states[i].state == OBJECT_ALLOCATED)
			e = see_object(s, slab_object(&slab, i));
	free(states);
	if (e && (e->code == ERR_INTERRUPTED || e->code == ERR_NO_MEMORY))
		return e;
	error_drop(e);
	return NULL;
}

struct error *audit_unseen_mms(struct audit *a)
{
	struct search s = {.a = a, .of_tasks = a->mm_count, .allocated = a->mm_count};
	struct slab slab;
	bool found = false;
	/* SLAB's lists of free objects are not read. */
	if (HAS(a->k, kmem_cache, num) || HAS(a->k, kmem_cache, slabs_full))
		return NULL;
	for (size_t i = 0; i < a->mm_count && !found; i++)
		if (error_drop(slab_at(a->k, a->mms[i].addr, &slab, &found)))
			found = false;
	s.cache = slab.cache.addr;
	return found ? audit_each_page(a, see_page, &s) : NULL;
}

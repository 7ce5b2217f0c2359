/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole of the commonest fault, the first write to an anonymous page, where everything that it touches is near: what touch_user() to map_new_page() do of it,
 * byte for byte. All that is unusual is left to those before anything has changed.
 */
#include <inttypes.h>

#include "mm/engine/clear_page.h"
#include "mm/engine/fault.h"
#include "mm/engine/near.h"

/* A member of the task that is one number of that size, where it stands; NULL: it is none such. */
static unsigned char *number_of(struct kernel *k, uint64_t task, enum member_id id, unsigned size)
{
	const struct member *m = &k->members[id];
	return m->present && m->size == size && m->end4 + m->end8 == m->offset + size ? kernel_near_writable(k, task + m->offset, size) : NULL;
}

/* Element i of the task's rss_stat, which its mm's counts get now and then (SPLIT_RSS_COUNTING). */
static unsigned char *rss_of(struct kernel *k, uint64_t task, int i)
{
	const struct member *m = &k->members[M_task_struct_rss_stat];
	return (unsigned)i < m->count && m->stride == 4 ? kernel_near_writable(k, task + m->offset + 4ul * (unsigned)i, 4) : NULL;
}

/* Of a kernel that counts a task's pages and faults as 3.19 and 5.10 do and keeps soft-dirty bits, without cgroups or with the task's own to ask. */
static void find_task(struct engine *e, uint64_t task, struct near_task *t)
{
	static const unsigned char none[8];
	struct kernel *k = e->k;
	const struct engine_modern *m = e->modern;
	uint64_t cpu;
	*t = (struct near_task){ .made = near_now(e), .task = task };
	if (!e->near->plain || !m->split_rss || m->percpu_rss || !m->vm_events || m->event_pgfault < 0 || m->middle_sizes || !m->vm_softdirty || !k->near_size ||
	    !HAS(k, task_struct, cpu) || error_drop(kernel_get(k, task, M_task_struct_cpu, &cpu)) || cpu != e->cpu)
		return;
	t->cpu = number_of(k, task, M_task_struct_cpu, 4);
	t->mm = number_of(k, task, M_task_struct_mm, 8);
	t->events = number_of(k, task, M_task_struct_rss_events, 4);
	t->min_flt = number_of(k, task, M_task_struct_min_flt, 8);
	t->rss = rss_of(k, task, m->rss_anon);
	t->pgfault = kernel_near_writable(k, percpu_addr(k, m->vm_events, e->cpu) + 8ul * (unsigned)m->event_pgfault, 8);
	t->in_cgroups = m->memory_cgrp >= 0 && HAS(k, mm_struct, owner) && HAS(k, css_set, subsys);
	t->cgroups = t->in_cgroups ? number_of(k, task, M_task_struct_cgroups, 8) : none;
	t->usable = t->cpu && t->mm && t->events && t->min_flt && t->rss && t->pgfault && t->cgroups;
}

/* Is the page charged to a memory cgroup, or is that not seen here? memcg_of() */
static inline bool is_charged(const struct near_task *t, struct kernel *k, uint64_t mm, int memory_cgrp)
{
	if (!t->in_cgroups)
		return false;
	const unsigned char *owner = kernel_near(k, mm + OFFSET(k, mm_struct, owner), 8);
	if (owner && !near_word(owner))
		return false;
	if (!owner || near_word(owner) != t->task)
		return true;
	const unsigned char *memcg = kernel_near(k, near_word(t->cgroups) + OFFSET(k, css_set, subsys) + 8ul * (unsigned)memory_cgrp, 8);
	return !memcg || near_word(memcg);
}

/* Of an area without operations that may be written and is like others in all else; protection keys and userfaultfd are unlike. */
static inline bool is_plain_area(const struct engine *e, const struct vma *vma)
{
	const uint64_t wanted = VM_WRITE | e->modern->vm_softdirty;
	const uint64_t unwanted = VM_SHARED | VM_GROWSDOWN | VM_LOCKED | VM_HUGETLB | e->modern->vm_uffd_missing;
	return (vma->flags & (wanted | unwanted)) == wanted && !vma->ops && vma->anon_vma &&
	       (vma->page_prot & (X86_PRESENT | X86_USER | (15ull << PTE_PKEY_SHIFT))) == (X86_PRESENT | X86_USER);
}

/* page_add_new_anon_rmap() to a zone that does not count such pages near. */
static __attribute__((noinline)) struct error *add_rmap_far(struct engine *e, uint64_t page, uint64_t mm, uint64_t addr)
{
	struct vma vma;
	struct fault f = { .e = e, .vma = &vma, .addr = addr };
	bool found;
	TRY(vma_find(e->k, mm, addr, &vma, &found));
	if (!found)
		return error_at(ERR_BAD_OBJECT, addr, "the area is lost: %" PRIx64, addr);
	return page_add_new_anon_rmap(&f, page);
}

/* lru_cache_add(); the frame's zone is near. */
static inline struct error *add_to_batch(struct engine *e, uint64_t now, const struct near_frame *frame)
{
	const struct near_batch *b = &e->near->batch;
	if (near_holds(b->made, now) && near_put_on_batch(b, e->near, frame->page, frame->bytes, e->near->new_anon_active))
		return NULL;
	store_uint(frame->bytes + e->near->flags, 8, near_word(frame->bytes + e->near->flags) | e->near->new_anon_active);
	return lru_cache_add_modern(e, frame->page);
}

/* Frames leave the CPU's list one after the other: the bytes of the next one, NULL when they are not near. */
static inline const void *next_frame(const struct engine *e)
{
	uint64_t page = near_word(e->near->supplies[PAGES_MOVABLE].list) - e->near->pcp_list;
	return vmcore_near(e->k->flat, engine_page_phys(e, page), VMCORE_PAGE_SIZE);
}

struct error *near_write_fault(struct engine *e, uint64_t task, uint64_t addr, bool *done)
{
	struct kernel *k = e->k;
	struct near_task *t = &e->near->task;
	struct near_frame frame;
	struct vma vma;
	void *bytes;
	*done = false;
	const uint64_t now = near_now(e);
	if (e->trace || e->report || e->fail_in || !now || e->near->leaf.region != addr >> 21)
		return NULL;
	if (!near_holds(t->made, now) || t->task != task)
		find_task(e, task, t);
	if (!t->usable || load_uint(t->cpu, 4) != e->cpu || (int32_t)load_uint(t->events, 4) > TASK_RSS_EVENTS_THRESH)
		return NULL;
	uint64_t mm = near_word(t->mm), entry_addr = near_find_entry(e, now, mm, addr);
	if (!entry_addr || get_pte(e, entry_addr) || !near_find_area(e, now, mm, addr, &vma) || !is_plain_area(e, &vma) ||
	    is_charged(t, k, mm, e->modern->memory_cgrp))
		return NULL;
	e->task = task;
	if (!near_take_page(e, now, PAGES_MOVABLE, &frame))
		return NULL;
	*done = true;
	store_uint(t->pgfault, 8, near_word(t->pgfault) + 1);
	store_uint(t->events, 4, load_uint(t->events, 4) + 1);
	TRY(frame_bytes(e, engine_page_phys(e, frame.page), &bytes));
	clear_page(bytes);
	const void *ahead = fetch_part(next_frame(e));
	store_uint(t->rss, 4, load_uint(t->rss, 4) + 1);
	if (__builtin_expect(e->near->counts_new_anon && near_counts(frame.zone, e->modern->anon_mapped), 1))
		near_new_anon_rmap(e, frame.zone, frame.bytes, &vma, addr);
	else
		TRY(add_rmap_far(e, frame.page, mm, addr));
	ahead = fetch_part(ahead);
	TRY(add_to_batch(e, now, &frame));
	fetch_part(ahead);
	/* The access is made again, and the processor marks the entry. */
	set_pte(e, entry_addr, pte_mkwrite(pte_mkdirty(mk_pte(e, frame.page, vma.page_prot))) | PTE_SOFT_DIRTY | X86_ACCESSED | X86_DIRTY);
	store_uint(t->min_flt, 8, near_word(t->min_flt) + 1);
	return NULL;
}

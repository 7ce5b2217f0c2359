/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Faults, copies for fork, and unmapping (mm/memory.c and arch/i386/mm/fault.c of 2.4).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "mm/engine/clear_page.h"
#include "mm/engine/areas_edit.h"
#include "mm/engine/engine.h"
#include "mm/engine/fault.h"
#include "mm/engine/mmap_edit.h"
#include "mm/engine/huge.h"
#include "mm/engine/near.h"
#include "mm/pte.h"
#include "mm/engine/swap_edit.h"
#include "mm/task.h"
#include "mm/zone.h"

static bool page_is_valid(const struct engine *e, uint64_t phys)
{
	return phys >> e->k->arch->page_shift < e->max_pfn;
}

struct error *frame_bytes(struct engine *e, uint64_t phys, void **p)
{
	*p = vmcore_near_writable(e->k->flat, phys, VMCORE_PAGE_SIZE);
	if (*p)
		return NULL;
	return vmcore_map_writable(e->k->vmcore, phys, VMCORE_PAGE_SIZE, p);
}

static bool page_has(const struct page *p, int bit)
{
	return p->flags >> bit & 1;
}

/* ---- Leaves that a kernel has or has not ---- */

struct error *alloc_user_page(struct fault *f, uint64_t *page)
{
	return f->e->modern ? alloc_pages_pcp(f->e, PAGES_MOVABLE, 0, page) : alloc_pages(f->e, GFP24_HIGHUSER, 0, page);
}

/* Where pages know the areas that map them, and counts are kept by kind and CPU. */
struct error *map_new_page(struct fault *f, uint64_t page)
{
	bool explained;
	uint64_t entry = pte_mkwrite(pte_mkdirty(mk_pte(f->e, page, f->vma->page_prot)));
	TRY(charge_page(f, page));
	TRY(add_mm_counter(f->e, f->mm, f->e->modern->rss_anon, 1, true));
	TRY(page_add_new_anon_rmap(f, page));
	TRY(lru_batch_add(f, page));
	TRY(fault_pte(f, &explained));
	if (!explained)
		set_pte(f->e, f->entry_addr, entry | soft_dirty_bit(f));
	return NULL;
}

/* ---- Nothing there yet ---- */

/*
 * check_stack_guard_page(): where no gap is kept below a stack (until 4.11), its first page is one that is never touched: who touches it makes the area grow by another, if it
 * may. *done: it may not.
 */
static struct error *check_stack_guard_page(struct fault *f, bool *done)
{
	struct engine *e = f->e;
	struct vma below;
	uint64_t page = f->addr & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	*done = false;
	if (e->modern->late_tables || e->areas.stack_guard_gap || !(f->vma->flags & VM_GROWSDOWN) || page != f->vma->start)
		return NULL;
	TRY(area_below(e, &f->vma->object, &below));
	bool abuts = below.addr && below.end == page, split = abuts && (below.flags & VM_GROWSDOWN);
	TRACE(e, "check_stack_guard_page", split ? "the stack goes on below" : abuts ? "the area below is too near" : "the area grows by a page, to be left free",
	      { "address", f->addr }, { "vma->vm_start", f->vma->start }, { "prev->vm_end", below.end });
	struct error *failure = abuts ? NULL : expand_downwards(e, f->mm, f->vma->addr, page - VMCORE_PAGE_SIZE);
	*done = abuts && !split;
	if (failure && failure->code == ERR_KERNEL) {
		*done = true;
		error_free(failure);
		failure = NULL;
	}
	if (*done)
		f->result = FAULT_SIGSEGV;
	TRY(failure);
	return *done ? NULL : vma_open(e->k, f->vma->addr, (struct vma *)f->vma);
}

struct error *userfaultfd_missing(struct fault *f, bool *done)
{
	struct engine *e = f->e;
	bool explained;
	*done = true;
	f->result = FAULT_MINOR;
	fault_outcome(e, OUTCOME_USERFAULT);
	TRACE(e, "handle_userfault", "what is missing in the area is another program's to give", { "address", f->addr }, { "vma->vm_flags", f->vma->flags });
	return fault_refuse(e, &explained, "the fault is given to userfaultfd, which watches the area for missing pages");
}

/* What comes before: a table, and what makes a signal of it. */
static struct error *may_be_anonymous(struct fault *f, bool *explained, bool *done)
{
	struct engine *e = f->e;
	/* A file's area without operations (since 4.2). */
	*done = e->modern->late_tables && (f->vma->flags & VM_SHARED);
	if (!*done) {
		TRY(fault_pte(f, explained));
		TRY(check_stack_guard_page(f, done));
		return *done || !(f->vma->flags & e->modern->vm_uffd_missing) ? NULL : userfaultfd_missing(f, done);
	}
	TRACE(e, "do_anonymous_page", "shared, and without operations", { "vma->vm_flags", f->vma->flags });
	f->result = FAULT_SIGBUS;
	return NULL;
}

static struct error *do_anonymous_page(struct fault *f)
{
	struct engine *e = f->e;
	uint64_t page, entry;
	void *bytes;
	bool explained = false, done = false;
	if (e->modern)
		TRY(may_be_anonymous(f, &explained, &done));
	if (done)
		return NULL;
	if (!f->write) {
		entry = pte_wrprotect(mk_pte(e, e->empty_zero_page, f->vma->page_prot)) | (e->modern ? PTE_SPECIAL : 0);
		fault_outcome(e, OUTCOME_ZERO);
		TRACE(e, "do_anonymous_page", "read: the zero page, write-protected", { "address", f->addr }, { "write_access", 0 },
		      { "pte", entry });
		f->result = FAULT_MINOR;
		if (!explained)
			set_pte(e, f->entry_addr, entry);
		return NULL;
	}
	fault_outcome(e, OUTCOME_NEW);
	f->result = FAULT_MINOR;
	if (e->modern) {
		TRACE(e, "do_anonymous_page", "write: a new frame, cleared", { "address", f->addr }, { "write_access", 1 });
		TRY(fault_anon_vma_prepare(f));
		if (e->modern->middle_sizes)
			TRY(alloc_anon_folio(f, &done));
		if (done)
			return NULL;
	}
	TRY(alloc_user_page(f, &page));
	if (!page)
		return NULL;
	TRY(frame_bytes(e, engine_page_phys(e, page), &bytes));
	clear_page(bytes);
	if (e->modern)
		return map_new_page(f, page);
	entry = pte_mkwrite(pte_mkdirty(mk_pte(e, page, f->vma->page_prot)));
	ADD(e->k, f->mm, mm_struct, rss, 1);
	TRY(lru_cache_add_accessed(e, page));
	TRACE(e, "do_anonymous_page", "write: a new frame, cleared", { "address", f->addr }, { "write_access", 1 }, { "page", page },
	      { "pte", entry });
	set_pte(e, f->entry_addr, entry);
	return NULL;
}

/* A private write to a page of a file: a copy, at once. */
static struct error *copy_early(struct fault *f, uint64_t *page)
{
	struct engine *e = f->e;
	uint64_t copy;
	void *from, *to;
	struct error *failure = alloc_pages(e, GFP24_HIGHUSER, 0, &copy);
	if (failure)
		return error_worse(failure, put_page(e, *page));
	TRY(frame_bytes(e, engine_page_phys(e, copy), &to));
	from = (void *)vmcore_try_map(e->k->vmcore, engine_page_phys(e, *page), VMCORE_PAGE_SIZE);
	if (!from)
		return error_at(ERR_NOT_IN_IMAGE, *page, "the page's frame is not in the image: %" PRIx64, *page);
	memcpy(to, from, VMCORE_PAGE_SIZE);
	TRACE(e, "do_no_page", "private write: copied at once", { "vma->vm_flags & VM_SHARED", 0 }, { "page", *page }, { "copy", copy });
	TRY(put_page(e, *page));
	TRY(lru_cache_add(e, copy));
	*page = copy;
	return NULL;
}

static struct error *do_no_page(struct fault *f)
{
	struct engine *e = f->e;
	struct page p;
	uint64_t page, entry;
	bool major;
	if (!f->vma->ops)
		return do_anonymous_page(f);
	if (e->modern)
		return do_fault(f);
	TRY(filemap_nopage(e, f->vma->addr, f->addr & ~(uint64_t)(VMCORE_PAGE_SIZE - 1), &page, &major));
	if (!page) {
		f->result = FAULT_SIGBUS;
		return NULL;
	}
	bool private = f->write && !(f->vma->flags & VM_SHARED);
	fault_outcome(e, major ? OUTCOME_FILE_READ : private ? OUTCOME_COPY_FILE : f->write ? OUTCOME_SHARED : OUTCOME_CACHED);
	if (private)
		TRY(copy_early(f, &page));
	TRY(page_open_known(e, page, &p));
	/* Reserved pages are not counted. */
	if (!page_has(&p, e->bit_reserved))
		ADD(e->k, f->mm, mm_struct, rss, 1);
	entry = mk_pte(e, page, f->vma->page_prot);
	if (f->write)
		entry = pte_mkwrite(pte_mkdirty(entry));
	TRACE(e, "do_no_page", f->write ? "mapped writable" : "mapped as the area allows", { "page", page }, { "write_access", f->write },
	      { "pte", entry });
	set_pte(e, f->entry_addr, entry);
	/* 2.4 calls it a major fault even when the page was cached. */
	f->result = FAULT_MAJOR;
	return NULL;
}

/* ---- Swapped out ---- */

/*
 * Is nobody else at the page? It has one reference, or two and the other is the swap cache's, whose slot nobody else uses (mm/swapfile.c:
 * can_share_swap_page()).
 */
static struct error *can_share_swap_page(struct engine *e, const struct page *p, bool *alone)
{
	struct kernel *k = e->k;
	int32_t count = page_refcount(k, p);
	unsigned users = 0;
	bool buffers = HAS(k, page, buffers) && GET(k, &p->object, page, buffers);
	*alone = count == 1 && !page_has(p, e->bit_reserved);
	if (count != 2 + buffers || !page_in_swap_cache(e, p))
		return NULL;
	TRY(swap_count(e, GET(k, &p->object, page, index), &users));
	*alone = users == 1;
	return NULL;
}

static struct error *do_swap_page(struct fault *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	struct page p;
	uint64_t page, entry;
	bool alone;
	f->result = FAULT_MINOR;
	TRY(lookup_swap_cache(e, f->entry, &page));
	if (!page) {
		TRY(swapin_readahead(e, f->entry));
		TRY(lookup_swap_cache(e, f->entry, &page));
		if (!page)
			TRY(read_swap_cache(e, f->entry, &page));
		if (!page) {
			f->result = FAULT_SIGBUS;
			return NULL;
		}
		f->result = FAULT_MAJOR;
	}
	fault_outcome(e, f->result == FAULT_MAJOR ? OUTCOME_SWAP_READ : OUTCOME_SWAP_CACHE);
	TRACE(e, "do_swap_page", f->result == FAULT_MAJOR ? "read from swap" : "found in the swap cache", { "pte", f->entry },
	      { "swp_type", swp_type(f->entry) }, { "swp_offset", swp_offset(f->entry) }, { "page", page });
	TRY(mark_page_accessed(e, page));
	TRY(swap_free(e, f->entry));
	/* Half of the swap full: what comes back gives its slot up. */
	TRY(page_open_writable(e, page, &p));
	TRY(remove_exclusive_swap_page_if_full(e, page));
	ADD(k, f->mm, mm_struct, rss, 1);
	entry = mk_pte(e, page, f->vma->page_prot);
	TRY(page_open_known(e, page, &p));
	TRY(can_share_swap_page(e, &p, &alone));
	if (f->write && alone)
		entry = pte_mkdirty(pte_mkwrite(entry));
	set_pte(e, f->entry_addr, entry);
	TRACE(e, "do_swap_page", f->write && alone ? "nobody else: writable at once" : "mapped read-only", { "page->count", (uint64_t)page_refcount(k, &p) },
	      { "write_access", f->write }, { "pte", entry });
	return NULL;
}

/* ---- Write protection ---- */

static struct error *map_copy_modern(struct fault *f, const struct page *old, uint64_t page, uint64_t entry)
{
	struct engine *e = f->e;
	int anon = e->modern->rss_anon, kind = page_counter_kind(e, old);
	TRY(charge_page(f, page));
	if (old->object.addr == e->empty_zero_page) {
		TRY(add_mm_counter(e, f->mm, anon, 1, true));
	} else if (kind != anon) {
		TRY(add_mm_counter(e, f->mm, kind, -1, true));
		TRY(add_mm_counter(e, f->mm, anon, 1, true));
	}
	TRY(page_add_new_anon_rmap(f, page));
	TRY(lru_batch_add(f, page));
	set_pte(e, f->entry_addr, entry | soft_dirty_bit(f));
	if (old->object.addr == e->empty_zero_page)
		return NULL;
	TRY(page_remove_rmap(f, old->object.addr));
	/* The copy is locked now; who else has the old page may lock it still. (Since 5.18 that went with the mapping.) */
	return (f->vma->flags & VM_LOCKED) && !HAS(e->k, page, mlock_count) ? munlock_vma_page(e, old->object.addr) : NULL;
}

/* The entry goes from the old page to its copy; 2.4 counts only that the process has a page more, if the old one was not counted. */
static struct error *map_copy(struct fault *f, const struct page *old, uint64_t page)
{
	struct engine *e = f->e;
	uint64_t entry = pte_mkwrite(pte_mkdirty(mk_pte(e, page, f->vma->page_prot)));
	if (e->modern)
		return map_copy_modern(f, old, page, entry);
	if (page_has(old, e->bit_reserved))
		ADD(e->k, f->mm, mm_struct, rss, 1);
	set_pte(e, f->entry_addr, entry);
	return lru_cache_add(e, page);
}

struct error *copy_for_write(struct fault *f, const struct page *old)
{
	struct engine *e = f->e;
	uint64_t page;
	void *to;
	const void *from;
	bool cleared = old->object.addr == e->empty_zero_page;
	const char *why = cleared ? "the zero page is everybody's: a new frame, cleared" : "somebody else has it: copied";
	fault_outcome(e, OUTCOME_COPY);
	if (e->modern) {
		TRACE(e, "wp_page_copy", why, { "page", old->object.addr }, { e->modern->refcount_name, (uint64_t)(int64_t)page_refcount(e->k, old) });
		TRY(fault_anon_vma_prepare(f));
	}
	/* The reference keeps the page while reclaim, which may come with the allocation, takes it out of the page table. */
	get_page(e, old->object.addr);
	struct error *failure = alloc_user_page(f, &page);
	failure = error_worse(failure, put_page(e, old->object.addr));
	if (failure || !page)
		return failure;
	if (get_pte(e, f->entry_addr) != f->entry) {
		TRACE(e, "do_wp_page", "reclaim took the page meanwhile: the access is made again", { "pte", get_pte(e, f->entry_addr) });
		return put_page(e, page);
	}
	TRY(frame_bytes(e, engine_page_phys(e, page), &to));
	from = vmcore_try_map(e->k->vmcore, engine_page_phys(e, old->object.addr), VMCORE_PAGE_SIZE);
	if (!from)
		return error_at(ERR_NOT_IN_IMAGE, old->object.addr, "the page's frame is not in the image: %" PRIx64, old->object.addr);
	/* copy_cow_page(): the zero page is cleared for, not copied. */
	if (cleared)
		clear_page(to);
	else
		copy_page(to, from);
	TRY(map_copy(f, old, page));
	if (e->classic)
		TRACE(e, "do_wp_page", why, { "page", old->object.addr }, { "page->count", (uint64_t)page_refcount(e->k, old) }, { "copy", page });
	/* free_lru_page(): the reference that this entry held. */
	return e->modern && cleared ? NULL : put_page(e, old->object.addr);
}

static struct error *do_wp_page(struct fault *f)
{
	struct engine *e = f->e;
	struct page old;
	bool alone;
	uint64_t phys = f->entry & e->k->geometry.frame_mask;
	f->result = FAULT_MINOR;
	if (!page_is_valid(e, phys))
		return error_at(ERR_BAD_OBJECT, phys, "an entry maps no frame: %" PRIx64, f->entry);
	TRY(page_open_known(e, engine_phys_page(e, phys), &old));
	TRY(can_share_swap_page(e, &old, &alone));
	if (alone) {
		fault_outcome(e, OUTCOME_REUSE);
		TRACE(e, "do_wp_page", "nobody else has it: made writable", { "pte", f->entry }, { "page", old.object.addr },
		      { "page->count", (uint64_t)page_refcount(e->k, &old) });
		set_pte(e, f->entry_addr, pte_mkyoung(pte_mkdirty(pte_mkwrite(f->entry))));
		return NULL;
	}
	return copy_for_write(f, &old);
}

/* ---- Dispatch ---- */

static struct error *handle_pte_fault(struct fault *f)
{
	struct engine *e = f->e;
	if (!pagetable_entry_present(&e->k->geometry, f->entry)) {
		TRACE(e, "handle_pte_fault", f->entry ? "not present, not empty: swapped out" : "empty: nothing was there yet", { "pte", f->entry },
		      { "vma->vm_ops", f->vma->ops });
		if (f->entry)
			return e->modern ? do_absent_page(f) : do_swap_page(f);
		return do_no_page(f);
	}
	/* The area may be touched, the entry not: a NUMA hint. */
	if (e->modern && !(f->entry & X86_PRESENT))
		return do_numa_page(f);
	if (f->write) {
		if (!(f->entry & X86_RW)) {
			TRACE(e, "handle_pte_fault", "present, write-protected", { "pte", f->entry }, { "write_access", 1 });
			return e->modern ? do_wp_page_modern(f) : do_wp_page(f);
		}
		f->entry = pte_mkdirty(f->entry);
	}
	fault_outcome(e, OUTCOME_SPURIOUS);
	set_pte(e, f->entry_addr, pte_mkyoung(f->entry));
	TRACE(e, "handle_pte_fault", "present: marked young", { "pte", pte_mkyoung(f->entry) }, { "write_access", f->write });
	f->result = FAULT_MINOR;
	return NULL;
}

/* entry_addr: of the lowest table, where that is there already; 0: it may have to be made, or something else stands above. */
static struct error *fault_at(struct engine *e, const struct object *mm, const struct vma *vma, uint64_t addr, uint64_t entry_addr, bool write,
			      enum fault_result *result)
{
	struct fault f = { .e = e, .mm = mm, .vma = vma, .addr = addr, .write = write, .entry_addr = entry_addr };
	bool done = false;
	struct error *error = NULL;
	if (entry_addr && !(vma->flags & VM_HUGETLB))
		;
	else if (e->modern)
		error = fault_above_pte(&f, &done);
	else
		error = pte_alloc(e, mm, addr, &f.entry_addr);
	if (!error && !done) {
		f.entry = f.entry_addr ? get_pte(e, f.entry_addr) : 0;
		error = handle_pte_fault(&f);
	}
	*result = f.result;
	/* What one of the steps does not follow is a refusal, where only an explanation is wanted. */
	if (__builtin_expect(error && error->code == ERR_UNSUPPORTED && e->report && e->report->explain, 0)) {
		bool explained;
		struct error *refused = fault_refuse(e, &explained, "%s", error->message);
		error_free(error);
		return refused;
	}
	/* What the kernel answers to a lack of memory here is not an errno but the end of the process. */
	if (error && error->code == ERR_KERNEL && error->addr == ENOMEM) {
		error_free(error);
		*result = FAULT_OOM;
		return NULL;
	}
	return error;
}

struct error *handle_mm_fault(struct engine *e, const struct object *mm, const struct vma *vma, uint64_t addr, bool write,
			      enum fault_result *result)
{
	return fault_at(e, mm, vma, addr, 0, write, result);
}

/* ---- The way to it ---- */

/* The area that a fault at addr belongs to, grown down when it is a stack's. *found is false when there is none, and `why` says so. */
static struct error *area_for(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, struct vma *vma, bool *found, char *why, size_t why_size)
{
	uint64_t vma_addr = GET(e->k, mm, mm_struct, mmap_cache);
	/* find_vma() would look there first, too. */
	*found = vma_addr && vma_try_open(e->k, vma_addr, vma) && addr >= vma->start && addr < vma->end;
	if (*found)
		return NULL;
	TRY(find_vma(e, mm, addr, &vma_addr));
	if (!vma_addr) {
		fault_say(why, why_size, "no area at or above the address");
		return NULL;
	}
	TRY(vma_open(e->k, vma_addr, vma));
	*found = true;
	if (vma->start <= addr)
		return NULL;
	*found = false;
	if (!(vma->flags & VM_GROWSDOWN)) {
		fault_say(why, why_size, "in a hole, and the area above does not grow down");
		return NULL;
	}
	struct error *error = expand_stack(e, task, mm, vma_addr, addr);
	if (error && error->code == ERR_KERNEL) {
		fault_say(why, why_size, error->message);
		error_free(error);
		return NULL;
	}
	TRY(error);
	*found = true;
	return vma_open(e->k, vma_addr, vma);
}

/* arch/x86/mm/fault.c of kernels that find areas without a cache. */
static struct error *do_user_addr_fault(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, uint64_t entry_addr,
					enum fault_access access, enum fault_result *result, char *why, size_t why_size)
{
	struct vma vma;
	bool found;
	TRY(engine_set_current(e, task));
	count_vm_event(e, e->modern->event_pgfault);
	TRY(fault_find_area(e, task, mm, addr, access, &vma, &found, result, why, why_size));
	if (!found || (e->report && e->report->ended))
		return NULL;
	if (e->modern->split_rss)
		TRY(check_sync_rss_stat(e, task, mm));
	TRY(fault_at(e, mm, &vma, addr, entry_addr, access == ACCESS_WRITE, result));
	if (*result == FAULT_SIGSEGV)
		fault_say(why, why_size, vma.flags & VM_GROWSDOWN ? "no guard page can be kept below" : "the entry forbids it");
	if (*result == FAULT_SIGBUS)
		fault_say(why, why_size, "nothing can be mapped there");
	if (*result == FAULT_OOM)
		fault_say(why, why_size, "out of memory");
	return count_fault(e, task, *result);
}

struct error *fault_in_mm(struct engine *e, uint64_t task, const struct object *mm, uint64_t addr, uint64_t entry_addr, enum fault_access access,
			  enum fault_result *result, char *why, size_t why_size)
{
	struct vma vma;
	bool found;
	*result = FAULT_SIGSEGV;
	fault_say(why, why_size, "");
	if (!mm || addr >= e->k->page_offset) {
		fault_say(why, why_size, mm ? "a kernel address" : "a kernel thread has no user memory");
		return NULL;
	}
	if (e->modern)
		return do_user_addr_fault(e, task, mm, addr, entry_addr, access, result, why, why_size);
	e->task = task;
	TRY(area_for(e, task, mm, addr, &vma, &found, why, why_size));
	if (!found) {
		TRACE(e, "do_page_fault", "bad area", { "address", addr });
		return NULL;
	}
	/* i386 cannot tell execution from reading. */
	uint64_t wanted = access == ACCESS_WRITE ? VM_WRITE : VM_READ | VM_EXEC;
	TRACE(e, "do_page_fault", vma.flags & wanted ? "good area" : "bad access", { "address", addr }, { "vma", vma.addr },
	      { "vma->vm_flags", vma.flags });
	if (!(vma.flags & wanted)) {
		fault_say(why, why_size, access == ACCESS_WRITE ? "the area is not writable" : "the area is not readable");
		return NULL;
	}
	TRY(fault_at(e, mm, &vma, addr, entry_addr, access == ACCESS_WRITE, result));
	if (*result == FAULT_SIGBUS)
		fault_say(why, why_size, "beyond the end of the file");
	if (*result == FAULT_OOM)
		fault_say(why, why_size, "out of memory");
	return count_fault(e, task, *result);
}

struct error *open_mm_of(struct engine *e, uint64_t task, struct object *mm, bool *any)
{
	uint64_t addr;
	TRY(kernel_get(e->k, task, M_task_struct_mm, &addr));
	*any = addr != 0;
	return addr ? object_open_writable(e->k, addr, S_mm_struct, mm) : NULL;
}

struct error *do_page_fault(struct engine *e, uint64_t task, uint64_t addr, enum fault_access access, enum fault_result *result,
			    char *why, size_t why_size)
{
	struct object mm;
	bool any;
	TRY(open_mm_of(e, task, &mm, &any));
	return fault_in_mm(e, task, any ? &mm : NULL, addr, 0, access, result, why, why_size);
}

/* ---- fork ---- */

/* One entry of the parent: shared, write-protected in both where the area may be written privately. */
static struct error *copy_one_pte(struct engine *e, const struct object *dst, const struct vma *vma, uint64_t src_at, uint64_t dst_at)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t entry = get_pte(e, src_at);
	if (!entry)
		return NULL;
	if (!pte_present(entry)) {
		TRY(swap_duplicate(e, entry));
		set_pte(e, dst_at, entry);
		return NULL;
	}
	uint64_t phys = entry & k->geometry.frame_mask;
	if (!page_is_valid(e, phys)) {
		set_pte(e, dst_at, entry);
		return NULL;
	}
	uint64_t page = engine_phys_page(e, phys);
	TRY(page_open_writable(e, page, &p));
	if (page_has(&p, e->bit_reserved)) {
		set_pte(e, dst_at, entry);
		return NULL;
	}
	bool cow = (vma->flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;
	if (cow && (entry & X86_RW)) {
		entry = pte_wrprotect(entry);
		set_pte(e, src_at, entry);
	}
	/* A shared page is dirty in the parent's table already. */
	if (vma->flags & VM_SHARED)
		entry &= ~X86_DIRTY;
	entry &= ~X86_ACCESSED;
	SET(k, &p.object, page, refcount, (uint64_t)(page_refcount(k, &p) + 1));
	ADD(k, dst, mm_struct, rss, 1);
	set_pte(e, dst_at, entry);
	return NULL;
}

struct error *copy_page_range(struct engine *e, uint64_t dst_mm, uint64_t src_mm, const struct vma *vma)
{
	TRY(need_classic(e, "copying page tables"));
	struct kernel *k = e->k;
	struct object dst, src;
	uint64_t span = 1ull << k->geometry.level[0].shift;
	TRY(object_open_writable(k, dst_mm, S_mm_struct, &dst));
	TRY(object_open_writable(k, src_mm, S_mm_struct, &src));
	for (uint64_t addr = vma->start; addr < vma->end;) {
		uint64_t at = pte_offset(e, &src, addr), to = 0;
		uint64_t stop = (addr & ~(span - 1)) + span;
		if (stop > vma->end || stop < addr)
			stop = vma->end;
		/* Where the parent has a table the child gets one, even if nothing of this area is in it. */
		if (at)
			TRY(pte_alloc(e, &dst, addr, &to));
		for (; at && addr < stop; addr += VMCORE_PAGE_SIZE, at += k->geometry.entry_size, to += k->geometry.entry_size)
			TRY(copy_one_pte(e, &dst, vma, at, to));
		addr = stop;
	}
	return NULL;
}

/* ---- Unmapping ---- */

static struct error *zap_one_pte(struct engine *e, const struct object *mm, uint64_t at)
{
	struct kernel *k = e->k;
	struct page p;
	uint64_t entry = get_pte(e, at);
	if (!entry)
		return NULL;
	set_pte(e, at, 0);
	if (!pte_present(entry))
		return free_swap_and_cache(e, entry);
	uint64_t phys = entry & k->geometry.frame_mask;
	if (!page_is_valid(e, phys))
		return NULL;
	uint64_t page = engine_phys_page(e, phys);
	TRY(page_open_writable(e, page, &p));
	if (page_has(&p, e->bit_reserved))
		return NULL;
	/* What a file or the swap cache has of it. */
	if ((entry & X86_DIRTY) && GET(k, &p.object, page, mapping))
		TRY(set_page_dirty(e, page));
	if (GET(k, mm, mm_struct, rss))
		ADD(k, mm, mm_struct, rss, -1);
	return free_page_and_swap_cache(e, page);
}

struct error *zap_page_range(struct engine *e, uint64_t mm_addr, uint64_t addr, uint64_t len)
{
	TRY(need_classic(e, "unmapping pages"));
	struct kernel *k = e->k;
	struct object mm;
	uint64_t span = 1ull << k->geometry.level[0].shift, end = addr + len;
	TRY(object_open_writable(k, mm_addr, S_mm_struct, &mm));
	while (addr < end) {
		uint64_t at = pte_offset(e, &mm, addr), stop = (addr & ~(span - 1)) + span;
		if (stop > end || stop < addr)
			stop = end;
		for (; at && addr < stop; addr += VMCORE_PAGE_SIZE, at += k->geometry.entry_size)
			TRY(zap_one_pte(e, &mm, at));
		addr = stop;
	}
	return NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writing to a page that is there but write-protected (mm/memory.c: do_wp_page()), where pages know their mappings; and NUMA hints. When the page may be made
 * writable rather than copied is the policy enum reuse_policy.
 */
#include <inttypes.h>

#include "mm/engine/areas_edit.h"
#include "mm/engine/huge.h"
#include "mm/zone.h"
#include "mm/pte.h"
#include "mm/engine/swap_edit.h"
#include "mm/swap.h"

#define PAGE_MAPPING_KSM 3ull /* ANON and MOVABLE together (include/linux/page-flags.h) */

static bool has(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

static struct error *wp_page_reuse(struct fault *f, enum fault_outcome outcome)
{
	struct engine *e = f->e;
	uint64_t entry = pte_mkyoung(pte_mkdirty(pte_mkwrite(f->entry)));
	fault_outcome(e, outcome);
	entry |= soft_dirty_bit(f);
	set_pte(e, f->entry_addr, entry);
	TRACE(e, "wp_page_reuse", "made writable", { "pte", entry });
	return NULL;
}

/* What decides: everything that the kernel's own decision reads. */
struct reuse {
	struct page page, head;
	int32_t count, mapcount;
	bool ksm, swapcache, lru, on_batch, exclusive, large;
	bool all_mine; /* of a large folio: this process has all of its mappings, and nobody a reference beside them */
};

static struct error *look(struct fault *f, uint64_t page, struct reuse *r)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	TRY(page_open_writable(e, page, &r->page));
	uint64_t head = page_compound_head(k, &r->page);
	TRY(page_open_writable(e, head, &r->head));
	uint64_t mapping = GET(k, &r->head.object, page, mapping);
	r->large = has(&r->head, e->modern->head);
	r->count = page_refcount(k, &r->head);
	r->mapcount = page_mapcount_word(k, &r->page) + 1;
	r->ksm = (mapping & PAGE_MAPPING_FLAGS) == PAGE_MAPPING_KSM;
	r->swapcache = has(&r->head, e->modern->swapcache) && has(&r->head, e->modern->swapbacked);
	r->lru = has(&r->head, e->bit_lru);
	r->on_batch = !r->lru && lru_batch_holds(e, head);
	r->exclusive = has(&r->page, e->modern->anon_exclusive);
	if (r->large && HAS(k, folio, mm_ids)) {
		struct large l;
		TRY(large_open(e, head, &l));
		r->all_mine = large_all_mine(e, &l, r->count);
	}
	return NULL;
}

/*
 * wp_can_reuse_anon_folio(): more than three references cannot be the swap cache's and a batch's alone; the CPU's batches are emptied for a page that is not on the
 * LRU lists yet; the swap cache is left if nobody else needs it; then one reference must be left.
 */
static bool left_alone(const struct reuse *r)
{
	int32_t count = r->count;
	if (r->ksm || count > 3)
		return false;
	count -= r->on_batch;
	if (count > 1 + r->swapcache)
		return false;
	return count - r->swapcache == 1;
}

static struct error *may_reuse(struct fault *f, struct reuse *r, bool *reuse)
{
	struct engine *e = f->e;
	bool explained;
	*reuse = false;
	/* A large folio is told by who maps it, since 6.15: __wp_can_reuse_large_anon_folio(). */
	bool by_mms = r->large && HAS(e->k, folio, mm_ids);
	switch (e->modern->reuse) {
	case REUSE_BY_EXCLUSIVE:
		*reuse = r->exclusive || (by_mms ? r->all_mine : left_alone(r));
		break;
	case REUSE_BY_COUNT:
		*reuse = !r->ksm && r->count == 1 && r->mapcount == 1;
		break;
	case REUSE_BY_MAPCOUNT:
		*reuse = !r->ksm && r->mapcount == 1;
		break;
	}
	TRACE(e, "do_wp_page", r->ksm			    ? "a KSM page: copied"
			       : *reuse && r->exclusive	    ? "the page is this process's alone"
			       : *reuse			    ? "nobody else has it"
							    : "somebody else has it",
	      { "page", r->page.object.addr }, { e->modern->refcount_name, (uint64_t)(int64_t)r->count }, { "page->_mapcount + 1", (uint64_t)(int64_t)r->mapcount },
	      { "PageAnonExclusive", r->exclusive }, { "PageSwapCache", r->swapcache }, { "PageLRU", r->lru }, { "on this CPU's LRU batch", r->on_batch });
	/* Leaving the swap cache is an act of its own; so is emptying a batch. */
	if (*reuse && r->swapcache && e->modern->reuse == REUSE_BY_MAPCOUNT && symbol_addr(e->k, "reuse_swap_page"))
		return reuse_swap_page(e, r->page.object.addr, reuse);
	if (!*reuse || r->exclusive || !r->swapcache)
		return NULL;
	if (r->large || !HAS(e->k, swap_info_struct, swap_map))
		return fault_refuse(e, &explained, "page %" PRIx64 " would leave the swap cache: not done yet", r->page.object.addr);
	/* folio_free_swap(): as long as an entry names the slot the cache keeps the page, which is not this process's alone then. */
	TRY(try_to_free_swap(e, r->page.object.addr, reuse));
	TRY(page_open_writable(e, r->page.object.addr, &r->page));
	r->head = r->page;
	TRACE(e, "folio_free_swap", *reuse ? "nobody needs the slot any more: out of the swap cache" : "an entry still names the slot", { "page", r->page.object.addr });
	return NULL;
}

static struct error *wp_anonymous(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct reuse r;
	bool reuse;
	TRY(look(f, page, &r));
	/* What it comes to is known before it is tried. */
	TRY(may_reuse(f, &r, &reuse));
	if (!reuse)
		return copy_for_write(f, &r.page);
	/* page_move_anon_rmap(): the page is this area's alone from now on. */
	if (e->modern->reuse == REUSE_BY_EXCLUSIVE && !r.exclusive) {
		SET(e->k, &r.head.object, page, mapping, f->vma->anon_vma | PAGE_MAPPING_ANON);
		SET(e->k, &r.page.object, page, flags, r.page.flags | 1ull << e->modern->anon_exclusive);
	}
	return wp_page_reuse(f, OUTCOME_REUSE);
}

static struct error *ops_member(struct fault *f, enum member_id id, uint64_t *function)
{
	*function = 0;
	return f->vma->ops && f->e->k->members[id].present ? kernel_get(f->e->k, f->vma->ops, id, function) : NULL;
}

/* A page of a shared mapping that the kernel wanted to hear of. */
static struct error *wp_shared(struct fault *f, uint64_t page)
{
	struct engine *e = f->e;
	struct page p;
	uint64_t function;
	bool explained = false;
	TRY(ops_member(f, page ? M_vm_operations_struct_page_mkwrite : M_vm_operations_struct_pfn_mkwrite, &function));
	TRACE(e, page ? "wp_page_shared" : "wp_pfn_shared", "a shared mapping: made writable, and dirty", { "vma->vm_flags", f->vma->flags },
	      { page ? "page" : "pte", page ? page : f->entry }, { page ? "vm_ops->page_mkwrite" : "vm_ops->pfn_mkwrite", function });
	f->result = FAULT_MINOR;
	if (page)
		TRY(page_open(e->k, page, &p));
	if (function)
		TRY(ask_file_system(f, function, page, &explained));
	if (explained)
		fault_outcome(e, OUTCOME_SHARED_DIRTY);
	else
		TRY(wp_page_reuse(f, OUTCOME_SHARED_DIRTY));
	if (page && !explained)
		TRY(mark_dirty(f, page));
	if (page)
		shared_page_dirtied(f, &p, function != 0);
	return NULL;
}

struct error *do_wp_page_modern(struct fault *f)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t pfn = pagetable_entry_phys(&k->geometry, f->entry, k->geometry.levels - 1u) >> k->arch->page_shift, page;
	bool shared = (f->vma->flags & (VM_SHARED | VM_WRITE)) == (VM_SHARED | VM_WRITE), explained;
	struct page p;
	f->result = FAULT_MINOR;
	if ((f->vma->flags & e->modern->vm_uffd_wp) && (f->entry & PTE_UFFD_WP)) {
		fault_outcome(e, OUTCOME_USERFAULT);
		TRACE(e, "handle_userfault", "the page is write-protected for another program", { "pte", f->entry }, { "vma->vm_flags", f->vma->flags });
		return fault_refuse(e, &explained, "the fault is given to userfaultfd, which write-protected the page");
	}
	bool zero = pfn == e->modern->zero_pfn;
	bool special = (f->entry & PTE_SPECIAL) || !pfn_to_page(k, pfn, &page);
	if (zero) {
		TRACE(e, "do_wp_page", "the zero page", { "pte", f->entry });
		TRY(page_open_known(e, e->empty_zero_page, &p));
		return copy_for_write(f, &p);
	}
	if (shared)
		return wp_shared(f, special ? 0 : page);
	if (special) {
		fault_outcome(e, OUTCOME_COPY);
		TRACE(e, "do_wp_page", "a frame without a page of its own: copied", { "pte", f->entry });
		return fault_refuse(e, &explained, "a raw frame would be copied: %" PRIx64, pfn << k->arch->page_shift);
	}
	TRY(page_open(k, page, &p));
	if (page_counter_kind(e, &p) == e->modern->rss_anon)
		return wp_anonymous(f, page);
	TRACE(e, "do_wp_page", "a page of a file, mapped privately", { "page", page }, { e->modern->refcount_name, (uint64_t)(int64_t)page_refcount(k, &p) });
	return copy_for_write(f, &p);
}

/* ---- NUMA hints ---- */

/* mpol_misplaced(): with no policy but the default a page stays if it is on the node of the CPU that touches it; else that depends on who touched it before. */
static struct error *stays(struct fault *f, uint64_t page, bool *explained)
{
	struct engine *e = f->e;
	struct kernel *k = e->k;
	uint64_t of_task = 0, of_area = 0;
	const struct zone *z = zone_of_pfn(k, engine_page_pfn(e, page));
	*explained = false;
	if (HAS(k, task_struct, mempolicy) && e->task)
		TRY(kernel_get(k, e->task, M_task_struct_mempolicy, &of_task));
	if (HAS(k, vm_area_struct, vm_policy))
		TRY(kernel_get(k, f->vma->addr, M_vm_area_struct_vm_policy, &of_area));
	if (!z || of_task || of_area || z->node != acting_node(e))
		return fault_refuse(e, explained, "the page may move to another node: that is not followed");
	return NULL;
}

/*
 * Since 6.2 the entry lost its permission to write with the hint, and gets it where a fault would give it at once (can_change_pte_writable()); before, it kept it.
 */
static bool may_write(struct fault *f, uint64_t entry, const struct page *p)
{
	struct engine *e = f->e;
	bool tracked = e->areas.soft_dirty == SOFT_DIRTY_KEPT && !(f->vma->flags & e->modern->vm_softdirty) && !(entry & PTE_SOFT_DIRTY);
	if (!(f->vma->flags & VM_WRITE) || !symbol_addr(e->k, "can_change_pte_writable"))
		return false;
	return !(f->vma->flags & VM_SHARED) && !tracked && !(entry & PTE_UFFD_WP) && has(p, e->modern->anon_exclusive);
}

/* What the scheduler keeps of such faults (numa_faults, the page's last cpupid) is left alone. */
struct error *numa_hint(struct fault *f, uint64_t entry, uint64_t page, unsigned shift)
{
	struct engine *e = f->e;
	struct page p;
	bool explained;
	TRY(stays(f, page, &explained));
	if (explained)
		return NULL;
	TRY(page_open(e->k, page, &p));
	count_vm_event(e, e->modern->event_numa_hint);
	count_vm_event(e, e->modern->event_numa_local);
	uint64_t now = pte_mkyoung(pte_modify(e, entry, f->vma->page_prot, shift)) | (entry & X86_PSE);
	if ((entry & X86_RW) || may_write(f, entry, &p))
		now = pte_mkwrite(now);
	set_pte(e, f->entry_addr, now);
	TRACE(e, "numa_migrate_prep", "the page is on this CPU's node: mapped again", { "page", page }, { "node", acting_node(e) }, { "entry", now });
	return NULL;
}

struct error *do_numa_page(struct fault *f)
{
	struct engine *e = f->e;
	bool explained;
	uint64_t phys = pagetable_entry_phys(&e->k->geometry, f->entry, e->k->geometry.levels - 1u), page;
	f->result = FAULT_MINOR;
	fault_outcome(e, OUTCOME_NUMA);
	TRACE(e, "do_numa_page", "the entry was made to fault, to see who uses the page", { "pte", f->entry }, { "frame", phys });
	if (!pfn_to_page(e->k, phys >> e->k->arch->page_shift, &page))
		return fault_refuse(e, &explained, "a NUMA hint on a frame without a page: %" PRIx64, phys);
	return numa_hint(f, f->entry, page, e->k->arch->page_shift);
}

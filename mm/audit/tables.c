/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One pass over the page tables of all mms: what maps each frame, the users of swap slots, rss_stat, page-table accounting.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/audit/rmap.h"
#include "mm/task.h"

/* _PAGE_SPECIAL: _PAGE_BIT_SOFTW1 (arch/x86/include/asm/pgtable_types.h): a frame that is mapped as such, whatever its struct page. */
#define X86_SPECIAL (1ull << 9)
/* include/linux/mm.h */
#define VM_PFNMAP   0x400ull
#define VM_MIXEDMAP 0x10000000ull

enum kind { KIND_FILE, KIND_ANON, KIND_SHMEM, KIND_SWAP, KINDS };

struct table_walk {
	struct audit *a;
	struct audit_mm *mm;
	const struct audit_area *area; /* that the last entry was in */
	size_t next;		       /* the area after it */
	uint64_t tables[PAGETABLE_MAX_LEVELS], deposited;
	int64_t rss[KINDS];
	uint64_t entries;
	bool counted_before; /* in a table that was seen in another mm */
	bool table_busy;
};

/* The area of an address, ascending. */
static const struct audit_area *area_at(struct table_walk *w, uint64_t addr)
{
	const struct audit_mm *mm = w->mm;
	if (w->area && addr >= w->area->start && addr < w->area->end)
		return w->area;
	while (w->next < mm->area_count && mm->areas[w->next].end <= addr)
		w->next++;
	w->area = w->next < mm->area_count && mm->areas[w->next].start <= addr ? &mm->areas[w->next] : NULL;
	return w->area;
}

/* The head of the frame's compound page, or its page. False: there is none. */
static bool open_head(struct audit *a, uint64_t pfn, struct page *p)
{
	struct object head;
	uint64_t addr;
	if (!audit_page(a, pfn, p))
		return false;
	if (!page_is_tail(a->k, p) || (addr = page_compound_head(a->k, p)) == p->object.addr)
		return true;
	if (!object_try_open(a->k, addr, S_page, &head) || !page_to_pfn(a->k, addr, &p->pfn))
		return false;
	p->object = head;
	p->flags = GET(a->k, &head, page, flags);
	return true;
}

/* mm_counter(): include/linux/mm.h. */
static enum kind kind_of(const struct audit *a, const struct page *head)
{
	if (GET(a->k, &head->object, page, mapping) & PAGE_MAPPING_ANON)
		return KIND_ANON;
	return audit_has_bit(head, a->bit.swapbacked) ? KIND_SHMEM : KIND_FILE;
}

static enum kind page_kind(struct audit *a, uint64_t pfn)
{
	struct page p;
	return open_head(a, pfn, &p) ? kind_of(a, &p) : KIND_FILE;
}

static void outside(struct table_walk *w, uint64_t addr, uint64_t entry)
{
	/* Where the areas could not all be read, entries outside of them are no news. */
	if (!w->mm->damage)
		audit_say_mm(w->a, w->mm, AUDIT_ENTRIES, 0, "an entry at %" PRIx64 ", where there is no area: %" PRIx64, addr, entry);
}

static void swap_entry(struct table_walk *w, const struct audit_area *area, uint64_t entry, uint64_t pages)
{
	struct audit *a = w->a;
	struct swap_entry s;
	swap_entry_decode(a->k, entry, &s);
	if (area && area->flags & VM_HUGETLB)
		return;
	switch (s.kind) {
	case SWAP_PAGE:
		w->rss[KIND_SWAP] += (int64_t)pages;
		if (s.type < sizeof(a->swap) / sizeof(a->swap[0]))
			for (uint64_t i = 0; i < pages && s.offset + i < a->swap[s.type].slots; i++)
				a->swap[s.type].users[s.offset + i]++;
		break;
	case SWAP_MIGRATION: /* counted as what it was; no mapping now, and no reference */
		w->rss[page_kind(a, s.pfn)] += (int64_t)pages;
		break;
	case SWAP_DEVICE_PRIVATE:
	case SWAP_DEVICE_EXCLUSIVE: {
		struct audit_frame *f = audit_frame(a, s.pfn);
		w->rss[page_kind(a, s.pfn)] += (int64_t)pages;
		if (f)
			f->entries++;
		break;
	}
	case SWAP_BAD:
		audit_say_mm(a, w->mm, AUDIT_ENTRIES, 0, "an entry names a swap area that does not exist: %" PRIx64, entry);
		break;
	case SWAP_HWPOISON:
	case SWAP_ERROR:
	case SWAP_MARKER:
		break;
	}
}

static void mark(struct table_walk *w, struct audit_frame *f)
{
	if (w->a->options->mm == w->mm->addr)
		f->marks |= MARK_MINE;
	if (w->table_busy || w->mm->busy)
		f->marks |= MARK_BUSY;
}

/* vm_normal_page(): does the entry count for its page? */
static bool is_special(const struct audit *a, const struct audit_area *area, uint64_t entry, uint64_t pfn)
{
	if (a->old_counts)
		return false;
	return entry & X86_SPECIAL || pfn == a->zero_pfn || (area && area->flags & VM_PFNMAP && !(area->flags & VM_MIXEDMAP) && !area->anon_vma);
}

static void small_page(struct table_walk *w, const struct audit_area *area, uint64_t addr, uint64_t entry, uint64_t pfn)
{
	struct audit *a = w->a;
	struct page p;
	if (is_special(a, area, entry, pfn))
		return;
	struct audit_frame *f = audit_frame(a, pfn);
	if (!f) {
		if (!a->old_counts)
			audit_say_mm(a, w->mm, AUDIT_ENTRIES, 0, "the entry at %" PRIx64 " maps a frame that has no struct page: %" PRIx64, addr, entry);
		return;
	}
	if (a->old_counts && audit_page(a, pfn, &p) && audit_has_bit(&p, a->bit.reserved))
		return;
	if (f->use == AUDIT_USE_FREE || f->use == AUDIT_USE_CPU_FREE || f->use == AUDIT_USE_TABLE) {
		a->about_pfn = pfn;
		audit_say_mm(a, w->mm, AUDIT_ENTRIES, 0, "the entry at %" PRIx64 " maps frame %" PRIx64 ", which is %s", addr, pfn,
			     f->use == AUDIT_USE_TABLE ? "a page table" : "free");
		a->about_pfn = UINT64_MAX;
	}
	mark(w, f);
	f->entries++;
	if (!open_head(a, pfn, &p))
		return;
	w->rss[kind_of(a, &p)]++;
	audit_rmap_entry(a, w->mm, area, addr, &p, pfn);
}

static void huge_page(struct table_walk *w, const struct audit_area *area, uint64_t addr, uint64_t entry, uint64_t pfn, uint64_t pages)
{
	struct audit *a = w->a;
	bool hugetlb = area && area->flags & VM_HUGETLB;
	uint32_t *huge = audit_huge(a, pfn);
	struct audit_frame *f = audit_frame(a, pfn);
	struct page p;
	if (pfn == a->huge_zero_pfn || (!hugetlb && (entry & X86_SPECIAL || (area && area->flags & VM_PFNMAP))))
		return;
	if (!f || !huge) {
		audit_say_mm(a, w->mm, AUDIT_ENTRIES, 0, "the entry at %" PRIx64 " maps a huge page that has no struct page: %" PRIx64, addr, entry);
		return;
	}
	mark(w, f);
	++*huge;
	if (hugetlb || !open_head(a, pfn, &p))
		return;
	w->rss[kind_of(a, &p)] += (int64_t)pages;
	audit_rmap_entry(a, w->mm, area, addr, &p, pfn);
}

/* Where pages of tables have no type, NR_PAGETABLE's are told by their place: it counts the lowest level (pgtable_page_ctor()). */
static void count_untyped(struct audit *a, uint64_t pfn)
{
	const struct zone *z = a->words->table.mask ? NULL : zone_of_pfn(a->k, pfn);
	if (z)
		a->zone_sums[z - zones_get(a->k, 0)].sum[SUM_TABLES]++;
}

/* Page tables kept for when a huge page is split: a ring without a head (mm/pgtable-generic.c: pgtable_trans_huge_deposit()). */
static void deposited(struct table_walk *w, uint64_t first, uint64_t most)
{
	struct kernel *k = w->a->k;
	uint64_t at = first, pfn, next;
	while (at) {
		if (!page_to_pfn(k, at, &pfn) || most-- == 0) {
			audit_say_mm(w->a, w->mm, AUDIT_PAGE_TABLES, at, "the list of page tables deposited for huge pages leads astray: %" PRIx64, at);
			return;
		}
		audit_claim(w->a, pfn, 1, AUDIT_USE_TABLE, true);
		count_untyped(w->a, pfn);
		w->deposited++;
		if (error_drop(kernel_read_pointer(k, at + OFFSET(k, page, lru), &next)))
			return;
		at = next - OFFSET(k, page, lru);
		if (at == first)
			return;
	}
}

/* Claims a table; false when it was seen before. */
static bool enter_table(struct table_walk *w, unsigned level, uint64_t phys, uint64_t addr)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	const struct pagetable_geometry *g = &k->geometry;
	uint64_t pfn = phys_to_pfn(k, phys);
	struct audit_frame *f = audit_frame(a, pfn);
	struct page p;
	audit_checked(a, AUDIT_PAGE_TABLES, 1);
	if (!f || !audit_page(a, pfn, &p)) {
		audit_say_mm(a, w->mm, AUDIT_PAGE_TABLES, 0, "the %s at %" PRIx64 " is in no memory: %" PRIx64, g->level[level].name, addr, phys);
		return false;
	}
	if (f->marks & MARK_TABLE) {
		const struct audit_area *area = area_at(w, addr);
		if (area && area->flags & VM_HUGETLB && area->flags & VM_MAYSHARE)
			return true;
		audit_say_mm(a, w->mm, AUDIT_PAGE_TABLES, 0, "the %s at %" PRIx64 " stands in two places: frame %" PRIx64, g->level[level].name, addr, pfn);
		return false;
	}
	/* PAE's first table is smaller than a page, and an object of a slab. */
	if ((uint64_t)g->entry_size << g->level[level].bits < VMCORE_PAGE_SIZE)
		return true;
	f->marks |= MARK_TABLE;
	audit_claim(a, pfn, 1, AUDIT_USE_TABLE, true);
	if (!level)
		return true;
	if (level + 1 == g->levels)
		count_untyped(a, pfn);
	w->table_busy = GET(k, &p.object, page, ptl) != 0;
	w->mm->busy |= w->table_busy;
	/* Constructed at every kernel's last two levels (pgtable_pte_page_ctor(), pgtable_pmd_page_ctor()). */
	if (level + 2 >= g->levels && a->words->table.mask &&
	    ((uint32_t)GET(k, &p.object, page, page_type) & a->words->table.mask) != a->words->table.value) {
		a->about_pfn = pfn;
		audit_say_mm(a, w->mm, AUDIT_PAGE_TABLES, p.object.addr, "the %s at %" PRIx64 " is not marked as one: frame %" PRIx64 ", page_type %" PRIx64,
			     g->level[level].name, addr, pfn, GET(k, &p.object, page, page_type));
		a->about_pfn = UINT64_MAX;
	}
	if (level + 2 == g->levels && HAS(k, page, pmd_huge_pte) && !HAS(k, mm_struct, pmd_huge_pte) && symbol_addr(k, "pgtable_trans_huge_deposit"))
		deposited(w, GET(k, &p.object, page, pmd_huge_pte), 1ull << g->level[level].bits);
	return true;
}

static struct error *walk_table(struct table_walk *w, unsigned level, uint64_t table, uint64_t base, uint64_t end)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	const struct pagetable_geometry *g = &k->geometry;
	const struct pagetable_level *l = &g->level[level];
	const bool last = level + 1 == g->levels;
	bool before = w->counted_before, busy = w->table_busy;
	struct audit_frame *f = audit_frame(a, phys_to_pfn(k, table));
	bool seen = f && f->marks & MARK_TABLE;
	if (!enter_table(w, level, table, base))
		return NULL;
	w->counted_before |= seen;
	w->tables[level]++;
	const unsigned char *entries = vmcore_try_map(k->vmcore, table, (uint64_t)g->entry_size << l->bits);
	if (!entries) {
		audit_say_mm(a, w->mm, AUDIT_PAGE_TABLES, 0, "the %s at %" PRIx64 " is not in the image: %" PRIx64, l->name, base, table);
		return NULL;
	}
	TRY(check_interrupt());
	for (uint64_t i = 0; i < 1ull << l->bits; i++) {
		uint64_t entry = load_uint(entries + i * g->entry_size, g->entry_size), addr = base + (i << l->shift);
		if (addr >= end || addr < base)
			break;
		if (!entry)
			continue;
		if (!last && entry & X86_PRESENT && !(l->may_be_leaf && entry & X86_PSE)) {
			TRY(walk_table(w, level + 1, pagetable_entry_phys(g, entry, level), addr, end));
			continue;
		}
		const struct audit_area *area = area_at(w, addr);
		w->entries++;
		if (!area)
			outside(w, addr, entry);
		if (w->counted_before)
			continue;
		uint64_t pages = 1ull << (l->shift - k->arch->page_shift);
		/* A huge entry without P may be one that is just split (include/asm/pgtable.h: pmd_present()). */
		if (!last && l->may_be_leaf && entry & X86_PSE)
			huge_page(w, area, addr, entry, phys_to_pfn(k, pagetable_entry_phys(g, entry, level)), pages);
		else if (last && pagetable_entry_present(g, entry))
			small_page(w, area, addr, entry,
				   phys_to_pfn(k, pagetable_entry_phys(g, entry, level)));
		else
			swap_entry(w, area, entry, pages);
	}
	w->counted_before = before;
	w->table_busy = busy;
	return NULL;
}

/* ---- What the mm counts ---- */

static void check_rss(struct table_walk *w)
{
	static const char *const names[KINDS] = {"file pages", "anonymous pages", "shared memory pages", "swap entries"};
	struct audit *a = w->a;
	struct mm_rss rss;
	int64_t unused;
	struct error *e = mm_rss(a->k, w->mm->addr, &rss);
	if (e) {
		if (e->code == ERR_UNSUPPORTED)
			audit_skip(a, AUDIT_RSS, "%s", e->message);
		error_free(e);
		return;
	}
	int64_t counted[KINDS] = {rss.file, rss.anon, rss.shmem, rss.swap};
	bool split = HAS(a->k, mm_struct, rss_stat) || HAS(a->k, mm_struct, rss_count);
	if (!enumerator_find(a->k, "MM_SHMEMPAGES", &unused)) {
		w->rss[KIND_FILE] += w->rss[KIND_SHMEM]; /* until 4.5 */
		w->rss[KIND_SHMEM] = 0;
	}
	if (!split && !HAS(a->k, mm_struct, file_rss)) { /* one count for all */
		w->rss[KIND_ANON] += w->rss[KIND_FILE];
		w->rss[KIND_FILE] = 0;
	}
	for (int i = 0; i < KINDS; i++) {
		if (!split && i == KIND_SWAP)
			continue;
		audit_checked(a, AUDIT_RSS, 1);
		if (counted[i] != w->rss[i])
			audit_say_mm(a, w->mm, AUDIT_RSS, 0, "%s: counted %" PRId64 ", entries found: %" PRId64,
				     split ? names[i] : "resident pages", counted[i], w->rss[i]);
	}
}

static unsigned level_named(const struct pagetable_geometry *g, const char *name)
{
	for (unsigned i = 0; i < g->levels; i++)
		if (!strcmp(g->level[i].name, name))
			return i;
	return PAGETABLE_MAX_LEVELS;
}

static void table_count(struct table_walk *w, const char *what, enum member_id member, uint64_t unit, uint64_t found)
{
	uint64_t counted;
	if (!w->a->k->members[member].present || error_drop(kernel_get(w->a->k, w->mm->addr, member, &counted)))
		return;
	if (counted != found * unit)
		audit_say_mm(w->a, w->mm, AUDIT_PAGE_TABLES, 0, "%s is %" PRIu64 ", tables found: %" PRIu64 " (%" PRIu64 " of them deposited)", what, counted,
			     found * unit, w->deposited);
}

/* mm_inc_nr_ptes() and its like (include/linux/mm.h): not the PGD, not P4Ds; deposited tables as PTEs. */
static void check_tables(struct table_walk *w)
{
	const struct pagetable_geometry *g = &w->a->k->geometry;
	uint64_t counts[3] = {0};
	static const char *const names[3] = {"PTE", "PMD", "PUD"};
	for (int i = 0; i < 3; i++) {
		unsigned level = level_named(g, names[i]);
		if (level && level < PAGETABLE_MAX_LEVELS)
			counts[i] = w->tables[level];
	}
	counts[0] += w->deposited;
	table_count(w, "pgtables_bytes", M_mm_struct_pgtables_bytes, 1ull << w->a->k->arch->page_shift, counts[0] + counts[1] + counts[2]);
	table_count(w, "nr_ptes", M_mm_struct_nr_ptes, 1, counts[0]);
	table_count(w, "nr_pmds", M_mm_struct_nr_pmds, 1, counts[1]);
	table_count(w, "nr_puds", M_mm_struct_nr_puds, 1, counts[2]);
}

/* The second page of a table of two (CONFIG_PAGE_TABLE_ISOLATION: the user's half) has no reference of its own. */
static void claim_second(struct audit *a, uint64_t pgd)
{
	struct page p;
	uint64_t pfn = phys_to_pfn(a->k, pgd);
	struct audit_frame *second = audit_frame(a, pfn | 1);
	if (!(pfn & 1) && second && second->use == AUDIT_USE_NONE && audit_page(a, pfn | 1, &p) && page_use(a->k, &p) == PAGE_UNUSED)
		audit_claim(a, pfn | 1, 1, AUDIT_USE_TABLE, false);
}

/*
 * PAE with the kernel's part of the tables isolated: its second-level table is the mm's own, and so is the one of the user's half
 * (arch/x86/mm/pgtable.c: PREALLOCATED_PMDS, PREALLOCATED_USER_PMDS).
 */
static void count_unshared(struct table_walk *w, uint64_t pgd, uint64_t end)
{
	struct audit *a = w->a;
	struct kernel *k = a->k;
	const struct pagetable_geometry *g = &k->geometry;
	const struct pagetable_level *l = &g->level[0];
	if ((uint64_t)g->entry_size << l->bits >= VMCORE_PAGE_SIZE)
		return;
	for (uint64_t i = end >> l->shift; i < 1ull << l->bits; i++) {
		const unsigned char *own = vmcore_try_map(k->vmcore, pgd + i * g->entry_size, g->entry_size);
		const unsigned char *shared = vmcore_try_map(k->vmcore, k->kernel_pgd + i * g->entry_size, g->entry_size);
		const unsigned char *user = vmcore_try_map(k->vmcore, (pgd ^ VMCORE_PAGE_SIZE) + i * g->entry_size, g->entry_size);
		uint64_t entry = own ? load_uint(own, g->entry_size) : 0, other = user ? load_uint(user, g->entry_size) : 0;
		if (!(entry & X86_PRESENT) || !shared || load_uint(shared, g->entry_size) == entry)
			continue;
		audit_claim(a, phys_to_pfn(k, pagetable_entry_phys(g, entry, 0)), 1, AUDIT_USE_TABLE, true);
		w->tables[1]++;
		if (!(other & X86_PRESENT))
			continue;
		audit_claim(a, phys_to_pfn(k, pagetable_entry_phys(g, other, 0)), 1, AUDIT_USE_TABLE, true);
		w->tables[1]++;
	}
}

static struct error *check_mm(struct audit *a, struct audit_mm *mm)
{
	struct table_walk w = {.a = a, .mm = mm};
	struct kernel *k = a->k;
	uint64_t pgd, first;
	/* Half of the space is the user's, or what is below the kernel's direct map. */
	uint64_t end = k->arch->pointer_size == 8 ? 1ull << (k->geometry.virtual_bits - 1) : k->page_offset;
	TRY(mm_pgd(k, mm->addr, &pgd));
	TRY(walk_table(&w, 0, pgd, 0, end));
	claim_second(a, pgd);
	count_unshared(&w, pgd, end);
	if (HAS(k, mm_struct, pmd_huge_pte) && !error_drop(kernel_get(k, mm->addr, M_mm_struct_pmd_huge_pte, &first)))
		deposited(&w, first, 1u << 20);
	audit_checked(a, AUDIT_ENTRIES, w.entries);
	if (mm->unseen)
		return NULL;
	check_rss(&w);
	check_tables(&w);
	return NULL;
}

static struct error *open_swap(struct audit *a)
{
	struct swap_area area;
	for (unsigned i = 0; i < swap_areas_count(a->k) && i < sizeof(a->swap) / sizeof(a->swap[0]); i++) {
		if (!swap_area_get(a->k, i, &area) || !area.max || area.max > 1ull << 32)
			continue;
		a->swap[i].users = calloc(area.max, sizeof(*a->swap[i].users));
		if (!a->swap[i].users)
			return error_new(ERR_NO_MEMORY, "out of memory");
		a->swap[i].slots = area.max;
	}
	return NULL;
}

/* ---- Address spaces that no task has ---- */

static struct error *claim_below(struct audit *a, unsigned level, uint64_t table)
{
	const struct pagetable_geometry *g = &a->k->geometry;
	const struct pagetable_level *l = &g->level[level];
	const unsigned char *entries = vmcore_try_map(a->k->vmcore, table, (uint64_t)g->entry_size << l->bits);
	struct audit_frame *f = audit_frame(a, phys_to_pfn(a->k, table));
	/* The kernel's own part has been seen. */
	if (!f || !entries || f->marks & MARK_TABLE)
		return NULL;
	f->marks |= MARK_TABLE;
	audit_claim(a, phys_to_pfn(a->k, table), 1, AUDIT_USE_TABLE, true);
	TRY(check_interrupt());
	for (uint64_t i = 0; level + 1 < g->levels && i < 1ull << l->bits; i++) {
		uint64_t entry = load_uint(entries + i * g->entry_size, g->entry_size);
		if (entry & X86_PRESENT && !(l->may_be_leaf && entry & X86_PSE))
			TRY(claim_below(a, level + 1, pagetable_entry_phys(g, entry, level)));
	}
	return NULL;
}

/* Where the kernel patches itself (arch/x86/kernel/alternative.c; poking_mm until 6.14), and where it calls the firmware (arch/x86/platform/efi). */
static struct error *claim_kernel_mms(struct audit *a)
{
	static const char *const pointers[] = {"poking_mm", "text_poke_mm"};
	struct kernel *k = a->k;
	uint64_t mm[3] = {symbol_addr(k, "efi_mm")}, pgd;
	for (size_t i = 0; i < 2; i++)
		if (!symbol_addr(k, pointers[i]) || error_drop(kernel_read_symbol(k, pointers[i], 0, &mm[i + 1])))
			mm[i + 1] = 0;
	for (size_t i = 0; i < 3; i++)
		if (mm[i] && !error_drop(mm_pgd(k, mm[i], &pgd)))
			TRY(claim_below(a, 0, pgd));
	return NULL;
}

struct error *audit_tables(struct audit *a)
{
	TRY(open_swap(a));
	for (size_t i = 0; i < a->mm_count; i++)
		TRY(audit_take(a, AUDIT_PAGE_TABLES, a->mms[i].addr, check_mm(a, &a->mms[i])));
	return claim_kernel_mms(a);
}

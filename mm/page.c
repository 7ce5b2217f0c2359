/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the words of a struct page say.
 */
#include <inttypes.h>
#include <bpf/btf.h>
#include <stdio.h>

#include "mm/memmap.h"
#include "mm/page_detail.h"
#include "mm/state.h"

struct error *page_open(struct kernel *k, uint64_t page, struct page *out)
{
	TRY(object_open(k, page, S_page, &out->object));
	out->flags = GET(k, &out->object, page, flags);
	if (!page_to_pfn(k, page, &out->pfn))
		return error_at(ERR_BAD_OBJECT, page, "no struct page: %" PRIx64, page);
	return NULL;
}

int page_flag_bit(struct kernel *k, const char *name)
{
	char enumerator[64];
	int64_t bit;
	snprintf(enumerator, sizeof(enumerator), "PG_%s", name);
	return enumerator_find(k, enumerator, &bit) && bit >= 0 && bit < 64 ? (int)bit : -1;
}

bool page_flag(struct kernel *k, uint64_t flags, const char *name)
{
	int bit = page_flag_bit(k, name);
	return bit >= 0 && (flags >> bit & 1);
}

bool page_flags_enumerator(struct kernel *k, size_t index, const char **name, int *bit)
{
	struct type flags = type_find(k, TYPE_ENUM, "pageflags");
	const struct btf_type *t = type_valid(flags) ? btf__type_by_id(flags.btf, flags.id) : NULL;
	for (size_t i = 0; t && btf_is_enum(t) && i < btf_vlen(t); i++) {
		const char *text = btf__name_by_offset(flags.btf, btf_enum(t)[i].name_off);
		/* __NR_PAGEFLAGS counts the bits. */
		if (!text || strncmp(text, "PG_", 3))
			continue;
		if (index--)
			continue;
		*name = text;
		*bit = btf_enum(t)[i].val;
		return true;
	}
	return false;
}

void page_flags_format(struct kernel *k, uint64_t flags, char *buf, size_t size)
{
	const char *name;
	uint64_t seen = 0;
	size_t len = 0;
	int bit;
	buf[0] = 0;
	for (size_t i = 0; page_flags_enumerator(k, i, &name, &bit); i++) {
		if (bit < 0 || bit > 63 || (seen >> bit & 1))
			continue;
		seen |= 1ull << bit;
		if ((flags >> bit & 1) && len < size)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? "," : "",
						name + 3);
	}
}

/* ---- Page types ---- */

/* Since 6.12: the top byte of page_type is the type's number (enum pagetype, PGTY_…). */
static bool type_by_number(struct kernel *k, const char *name, struct page_type *t)
{
	char enumerator[64];
	int64_t number;
	snprintf(enumerator, sizeof(enumerator), "PGTY_%s", name);
	if (!enumerator_find(k, enumerator, &number) || number < 0 || number > 255)
		return false;
	*t = (struct page_type){0xff000000u, (uint32_t)number << 24};
	return true;
}

/* 6.11: a bit in page_type over PAGE_TYPE_BASE, both enumerators. */
static bool type_by_enumerated_bit(struct kernel *k, const char *name, struct page_type *t)
{
	char enumerator[64];
	int64_t bit, base;
	snprintf(enumerator, sizeof(enumerator), "PG_%s", name);
	if (!enumerator_find(k, "PAGE_TYPE_BASE", &base) || !enumerator_find(k, enumerator, &bit))
		return false;
	*t = (struct page_type){(uint32_t)base | (uint32_t)bit, (uint32_t)base | (uint32_t)bit};
	return true;
}

/* 4.18 to 6.10: all bits set but the type's own; the bits are macros and leave no trace in the
 * types. */
#define PAGE_TYPE_BASE 0xf0000000u

static struct page_type type_by_cleared_bit(uint32_t bit)
{
	return (struct page_type){PAGE_TYPE_BASE | bit, PAGE_TYPE_BASE};
}

/*
 * VMCOREINFO gives the whole word of some types (PAGE_BUDDY_MAPCOUNT_VALUE and its like: the value
 * of ~PG_buddy, later of PGTY_buddy << 24).
 */
static bool type_by_vmcoreinfo(struct kernel *k, const char *name, struct page_type *t)
{
	char key[64];
	int64_t value;
	snprintf(key, sizeof(key), "PAGE_%s_MAPCOUNT_VALUE", name);
	if (!vmcoreinfo_number(&k->vmcoreinfo, key, &value))
		return false;
	uint32_t word = (uint32_t)value, bit = ~word;
	if (!(bit & (bit - 1)) && bit)
		*t = type_by_cleared_bit(bit);
	else
		*t = (struct page_type){0xffffffffu, word};
	return true;
}

static void resolve_types(struct kernel *k, struct page_words *w)
{
	struct {
		const char *name, *upper;
		struct page_type *type;
	} types[] = {
		{"buddy", "BUDDY", &w->buddy},	     {"table", "TABLE", &w->table},
		{"offline", "OFFLINE", &w->offline}, {"guard", "GUARD", &w->guard},
		{"hugetlb", "HUGETLB", &w->hugetlb}, {"slab", "SLAB", &w->slab},
	};
	const size_t count = sizeof(types) / sizeof(types[0]);
	bool numbered = false;
	for (size_t i = 0; i < count; i++)
		numbered |= type_by_number(k, types[i].name, types[i].type) ||
			    type_by_enumerated_bit(k, types[i].name, types[i].type);
	if (numbered)
		return;
	if (!HAS(k, page, page_type))
		return;
	if (strcmp(k->members[M_page_page_type].name, "page_type")) {
		/* Before 4.18: PAGE_BUDDY_MAPCOUNT_VALUE alone, -128 (include/linux/mm.h). */
		w->buddy = (struct page_type){0xffffffffu, (uint32_t)-128};
		type_by_vmcoreinfo(k, "BUDDY", &w->buddy);
		return;
	}
	/*
	 * PG_buddy 0x80, PG_offline 0x100; PG_kmemcg took 0x200 until 5.11 (commit 18b2db3b0385), also
	 * in kernels without cgroups, and moved PG_table and PG_guard up by one. Those have no
	 * page.mem_cgroup, but the node's lru_lock, which went in the same release (commit
	 * 6168d0da2b47). PG_hugetlb and PG_slab joined in 6.10, when PG_slab left the flags.
	 */
	unsigned shift = HAS(k, page, mem_cgroup) || HAS(k, pglist_data, lru_lock) ? 1 : 0;
	int64_t unused;
	w->buddy = type_by_cleared_bit(0x80);
	w->offline = type_by_cleared_bit(0x100);
	w->table = type_by_cleared_bit(0x200u << shift);
	w->guard = type_by_cleared_bit(0x400u << shift);
	if (!enumerator_find(k, "PG_slab", &unused)) {
		w->hugetlb = type_by_cleared_bit(0x800);
		w->slab = type_by_cleared_bit(0x1000);
	}
	for (size_t i = 0; i < count; i++)
		type_by_vmcoreinfo(k, types[i].upper, types[i].type);
}

/* Before hugetlb was a page type, the first tail page told it: include/linux/mm.h,
 * include/linux/page-flags.h. */
static void resolve_hugetlb(struct kernel *k, struct page_words *w)
{
	int64_t value;
	w->hugetlb_dtor = w->hugetlb_flag = -1;
	if (w->hugetlb.mask)
		return;
	if (HAS(k, page, compound_dtor) || HAS(k, folio, dtor)) {
		if (enumerator_find(k, "HUGETLB_PAGE_DTOR", &value) ||
		    vmcoreinfo_number(&k->vmcoreinfo, "HUGETLB_PAGE_DTOR", &value))
			w->hugetlb_dtor = (int)value;
	} else if (enumerator_find(k, "PG_hugetlb", &value) && value >= 0 && value < 64) {
		w->hugetlb_flag = (int)value;
	}
}

struct error *page_words_resolve(struct kernel *k, struct page_words *w)
{
	*w = (struct page_words){0};
	resolve_types(k, w);
	resolve_hugetlb(k, w);
	w->tail = !strcmp(k->members[M_page_compound_head].name, "first_page") ? page_flag_bit(k, "tail") : -1;
	w->head = page_flag_bit(k, "head");
	w->lru = page_flag_bit(k, "lru");
	w->reserved = page_flag_bit(k, "reserved");
	w->swapcache = page_flag_bit(k, "swapcache");
	w->swapbacked = page_flag_bit(k, "swapbacked");
	w->slab_flag = w->slab.mask ? -1 : page_flag_bit(k, "slab");
	w->swapcache_is_shared = w->swapcache == page_flag_bit(k, "owner_priv_1");
	return members_require(k, "struct page", M_page_flags, M_page_refcount, M_page_mapping,
			       MEMBER_NONE);
}

static bool is_type(const struct kernel *k, const struct page *p, const struct page_type *t)
{
	return t->mask && ((uint32_t)GET(k, &p->object, page, page_type) & t->mask) == t->value;
}

static bool has_flag(const struct page *p, int bit)
{
	return bit >= 0 && (p->flags >> bit & 1);
}

bool page_is_buddy(struct kernel *k, const struct page *p)
{
	return is_type(k, p, &k->mm->pages->words.buddy);
}

bool page_marks_free(struct kernel *k)
{
	return k->mm->pages->words.buddy.mask;
}

bool page_is_tail(struct kernel *k, const struct page *p)
{
	int tail = k->mm->pages->words.tail;
	if (tail >= 0)
		return p->flags >> tail & 1;
	return GET(k, &p->object, page, compound_head) & 1;
}

uint64_t page_compound_head(struct kernel *k, const struct page *p)
{
	uint64_t word = GET(k, &p->object, page, compound_head);
	uint64_t pfn;
	if (!page_is_tail(k, p))
		return p->object.addr;
	word &= ~1ull;
	/* A mask (7.0: set_compound_head()) has all bits set from some bit up; no page array ends
	 * the address space. */
	uint64_t head = word && !(-word & (-word - 1)) ? p->object.addr & word : word;
	return page_to_pfn(k, head, &pfn) ? head : p->object.addr;
}

/* MAX_ORDER and hugetlb's gigantic pages stay far below this. */
#define ORDER_MAX 30

unsigned page_compound_order(struct kernel *k, const struct page *head)
{
	struct page tail;
	uint64_t order = 0;
	if (!has_flag(head, k->mm->pages->words.head))
		return 0;
	/* A byte of the first tail page; of the folio where struct page no longer names it; in the
	 * low byte of its flags since 6.6. */
	struct object folio;
	if (HAS(k, page, compound_order)) {
		if (!error_drop(page_open(k, head->object.addr + k->mm->pages->page_size, &tail)))
			order = GET(k, &tail.object, page, compound_order);
	} else if (!strcmp(k->members[M_page_compound_head].name, "first_page")) {
		/* Until 4.4: in the first tail's list, whose second word it is. */
		if (!error_drop(page_open(k, head->object.addr + k->mm->pages->page_size, &tail)))
			order = load_uint(tail.object.bytes + OFFSET(k, page, lru) + k->arch->pointer_size, k->arch->pointer_size);
	} else if (object_try_open(k, head->object.addr, S_folio, &folio)) {
		order = HAS(k, folio, order) ? GET(k, &folio, folio, order)
					     : GET(k, &folio, folio, flags_1) & 0xff;
	}
	return order <= ORDER_MAX ? (unsigned)order : 0;
}

int32_t page_pincount(struct kernel *k, const struct page *head)
{
	struct object folio;
	struct page tail;
	unsigned nth = strcmp(k->members[M_page_compound_pincount].name, "hpage_pinned_refcount.counter") ? 1 : 2;
	if (HAS(k, page, compound_pincount))
		return error_drop(page_open(k, head->object.addr + (uint64_t)nth * k->mm->pages->page_size, &tail)) ? 0 : (int32_t)GET(k, &tail.object, page, compound_pincount);
	return HAS(k, folio, pincount) && object_try_open(k, head->object.addr, S_folio, &folio) ? (int32_t)GET(k, &folio, folio, pincount) : 0;
}

static bool is_hugetlb(struct kernel *k, const struct page *p)
{
	const struct page_words *w = &k->mm->pages->words;
	struct page tail;
	struct object folio;
	if (w->hugetlb.mask)
		return is_type(k, p, &w->hugetlb);
	if (!has_flag(p, w->head) || (w->hugetlb_dtor < 0 && w->hugetlb_flag < 0) ||
	    error_drop(page_open(k, p->object.addr + k->mm->pages->page_size, &tail)))
		return false;
	if (w->hugetlb_flag >= 0)
		return has_flag(&tail, w->hugetlb_flag);
	if (HAS(k, page, compound_dtor))
		return GET(k, &tail.object, page, compound_dtor) == (uint64_t)w->hugetlb_dtor;
	return object_try_open(k, p->object.addr, S_folio, &folio) &&
	       GET(k, &folio, folio, dtor) == (uint64_t)w->hugetlb_dtor;
}

/* folio_test_swapcache(): include/linux/page-flags.h */
static bool is_in_swap_cache(const struct page_words *w, const struct page *p)
{
	return has_flag(p, w->swapcache) && (!w->swapcache_is_shared || has_flag(p, w->swapbacked));
}

enum page_use page_use(struct kernel *k, const struct page *p)
{
	const struct page_words *w = &k->mm->pages->words;
	if (is_type(k, p, &w->buddy))
		return PAGE_FREE;
	if (has_flag(p, w->reserved))
		return page_is_device(k, p) ? PAGE_DEVICE : PAGE_RESERVED;
	if (page_is_tail(k, p))
		return PAGE_TAIL;
	if (has_flag(p, w->slab_flag) || is_type(k, p, &w->slab))
		return PAGE_SLAB;
	if (is_type(k, p, &w->table))
		return PAGE_TABLE;
	if (is_hugetlb(k, p))
		return PAGE_HUGETLB;
	if (is_type(k, p, &w->offline))
		return PAGE_OFFLINE;
	if (is_type(k, p, &w->guard))
		return PAGE_GUARD;
	if (page_refcount(k, p) == 0)
		return PAGE_UNUSED;
	uint64_t mapping = GET(k, &p->object, page, mapping);
	switch (mapping & PAGE_MAPPING_FLAGS) {
	case PAGE_MAPPING_ANON:
		return PAGE_ANON;
	case PAGE_MAPPING_FLAGS:
		return PAGE_KSM;
	case PAGE_MAPPING_MOVABLE:
		return PAGE_KERNEL;
	}
	if (mapping && kernel_is_kernel_address(k, mapping))
		return PAGE_FILE;
	/* In the swap cache and mapped by nobody yet, or no more. */
	if (is_in_swap_cache(w, p))
		return PAGE_ANON;
	return page_is_of_pool(k, p) ? PAGE_POOL : page_is_device(k, p) ? PAGE_DEVICE : PAGE_KERNEL;
}

const char *page_use_name(enum page_use use)
{
	static const char *const names[PAGE_USE_COUNT] = {
		[PAGE_RESERVED] = "reserved", [PAGE_FREE] = "free",
		[PAGE_UNUSED] = "unused",     [PAGE_SLAB] = "slab",
		[PAGE_TABLE] = "page table",  [PAGE_ANON] = "anonymous",
		[PAGE_KSM] = "KSM",	      [PAGE_FILE] = "file",
		[PAGE_HUGETLB] = "hugetlb",   [PAGE_GUARD] = "guard",
		[PAGE_OFFLINE] = "offline",   [PAGE_TAIL] = "tail",
		[PAGE_KERNEL] = "kernel",     [PAGE_POOL] = "page pool",
		[PAGE_DEVICE] = "device",
	};
	return use < PAGE_USE_COUNT ? names[use] : "?";
}

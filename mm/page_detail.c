/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * struct page by use: which members of its unions count. include/linux/mm_types.h.
 */
#include "mm/page_detail.h"

#include <string.h>

#include "core/types.h"
#include "mm/state.h"
#include "mm/zone.h"

bool page_is_device(struct kernel *k, const struct page *p)
{
	if (!HAS(k, page, pgmap))
		return false;
	uint64_t map = GET(k, &p->object, page, pgmap);
	/* In other pages the word is a list's, which leads to the page itself or to another page. */
	if (!kernel_is_kernel_address(k, map) || map % k->arch->pointer_size || map - p->object.addr < SIZE_OF(k, page))
		return false;
	const struct zone *z = error_drop(nodes_open(k)) ? NULL : zone_of_pfn(k, p->pfn);
	return z && !strcmp(z->name, "Device");
}

/* POISON_POINTER_DELTA + 0x40; its two low bits are a tail's and a spare one */
#define POOL_MARK_64 0xdead000000000040ull
#define POOL_MARK_32 0x40u

bool page_is_of_pool(struct kernel *k, const struct page *p)
{
	if (HAS(k, page, pp_magic)) {
		uint64_t mark = GET(k, &p->object, page, pp_magic) & ~3ull;
		return mark == (k->arch->pointer_size == 8 ? POOL_MARK_64 : POOL_MARK_32);
	}
	/* Without an IOMMU the device uses physical addresses. */
	return HAS(k, page, dma_addr) && p->pfn && GET(k, &p->object, page, dma_addr) == p->pfn << k->arch->page_shift;
}

uint64_t page_rcu_function(struct kernel *k, const struct page *p)
{
	uint64_t func = HAS(k, page, rcu_func) ? GET(k, &p->object, page, rcu_func) : 0, offset;
	struct symbol symbol;
	/* No list leads into text. */
	if (func < k->text_start || func >= k->text_end || !symbol_at(k, func, &symbol, &offset) || offset || !strchr("tT", symbol.type))
		return 0;
	return func;
}

/* "+1:" and "+2:" before a name: in the first and second tail page. A struct's name before a dot-less colon: where struct page no longer has it. */
static const char *const members[PAGE_USE_COUNT][PAGE_MEMBERS_MAX] = {
	[PAGE_RESERVED] = { NULL },
	[PAGE_FREE] = { "private", "lru.next", "lru.prev", NULL },
	[PAGE_SLAB] = { "slab_cache", "freelist", "inuse", "objects", "frozen", "slab_list.next", "slab_list.prev", NULL },
	[PAGE_TABLE] = { "pmd_huge_pte", "pt_mm", "ptl", NULL },
	[PAGE_ANON] = { "mapping", "index", "private", "_mapcount.counter", "lru.next", "lru.prev", NULL },
	[PAGE_KSM] = { "mapping", "index", "_mapcount.counter", "lru.next", "lru.prev", NULL },
	[PAGE_FILE] = { "mapping", "index", "private", "_mapcount.counter", "lru.next", "lru.prev", NULL },
	[PAGE_TAIL] = { "compound_head", NULL },
	[PAGE_POOL] = { "pp_magic", "pp", "dma_addr", NULL },
	[PAGE_DEVICE] = { "pgmap", "zone_device_data", NULL },
};

static const char *const compound[] = { "+1:compound_order",	    "+1:compound_dtor", "+1:compound_nr", "+1:compound_mapcount.counter",
					"+2:hpage_pinned_refcount.counter", NULL };
static const char *const waiting[] = { "callback_head.next", "callback_head.func", "rcu_head.next", "rcu_head.func", NULL };

/* Since 5.17 a slab's words are struct slab's, and others' followed. */
static bool find_member(struct kernel *k, const char *path, struct type_member *m)
{
	static const char *const structs[] = { "page", "slab", "ptdesc", "folio" };
	for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
		struct type t = type_find(k, TYPE_STRUCT, structs[i]);
		if (type_valid(t) && !error_drop(type_member_find(k, t, path, m)))
			return true;
	}
	return false;
}

static bool read_member(struct kernel *k, const struct page *p, const char *name, struct page_member *out)
{
	struct type_member m;
	struct page in = *p;
	unsigned tail = name[0] == '+' ? (unsigned)(name[1] - '0') : 0;
	if (tail)
		name += 3;
	if (tail && error_drop(page_open(k, p->object.addr + (uint64_t)tail * SIZE_OF(k, page), &in)))
		return false;
	if (!find_member(k, name, &m) || m.offset >= SIZE_OF(k, page))
		return false;
	/* of an array its first word */
	unsigned size = m.size == 1 || m.size == 2 || m.size == 4 ? (unsigned)m.size : 8;
	if (m.offset + size > in.object.size)
		return false;
	uint64_t value = load_uint(in.object.bytes + m.offset, size);
	if (m.bit_size && m.bit_size < 64)
		value = value >> m.bit_offset & ((1ull << m.bit_size) - 1);
	*out = (struct page_member){ name, in.object.addr, value };
	return true;
}

static size_t add(struct kernel *k, const struct page *p, const char *const *names, struct page_member *out, size_t count)
{
	for (; *names && count < PAGE_MEMBERS_MAX; names++)
		count += read_member(k, p, *names, &out[count]);
	return count;
}

size_t page_members(struct kernel *k, const struct page *p, enum page_use use, struct page_member out[PAGE_MEMBERS_MAX])
{
	size_t count = use < PAGE_USE_COUNT ? add(k, p, members[use], out, 0) : 0;
	if (page_rcu_function(k, p))
		count = add(k, p, waiting, out, count);
	if (use != PAGE_TAIL && page_compound_order(k, p))
		count = add(k, p, compound, out, count);
	return count;
}

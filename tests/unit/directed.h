/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Damage that is aimed: one member of one object of a kind that the engine reads, changed into what hurts most in its place: a way back to where it
 * came from, another object of its kind, an address that cannot be, a count that is far too high.
 */
#ifndef TESTS_DIRECTED_H
#define TESTS_DIRECTED_H

#include <stdio.h>

#include "mm/list.h"
#include "mm/slab_list.h"
#include "mm/swap.h"
#include "mm/zone.h"
#include "tests/unit/random.h"
#include "tests/unit/small_machine.h"

#define KIND_OBJECTS 256
#define KIND_MEMBERS 192

struct kind {
	enum struct_id id;
	const char *label; /* of members: before the dot in member_describe() */
	const char *cache; /* whose objects they are, or NULL */
	enum member_id members[KIND_MEMBERS];
	unsigned member_count;
	uint64_t objects[KIND_OBJECTS];
	unsigned object_count;
};

#define KIND(s, objects_of) {.id = S_##s, .label = #s ".", .cache = objects_of}
static struct kind kinds[] = {
	KIND(task_struct, "task_struct"), KIND(mm_struct, "mm_struct"), KIND(vm_area_struct, "vm_area_struct"), KIND(anon_vma, "anon_vma"),
	KIND(anon_vma_chain, "anon_vma_chain"), KIND(maple_node, "maple_node"), KIND(maple_range_64, "maple_node"), KIND(maple_arange_64, "maple_node"),
	KIND(xa_node, "radix_tree_node"), KIND(pid, "pid"), KIND(file, "filp"), KIND(dentry, "dentry"), KIND(inode, "inode_cache"),
	KIND(shmem_inode_info, "shmem_inode_cache"), KIND(signal_struct, "signal_cache"), KIND(sighand_struct, "sighand_cache"),
	KIND(files_struct, "files_cache"), KIND(fs_struct, "fs_cache"), KIND(cred, "cred_jar"), KIND(kmem_cache, "kmem_cache"),
	KIND(kmem_cache_node, "kmem_cache_node"), KIND(ksm_stable_node, "ksm_stable_node"), KIND(ksm_rmap_item, "ksm_rmap_item"),
	KIND(vmap_area, "vmap_area"), KIND(mount, "mnt_cache"), KIND(nsproxy, "nsproxy"), KIND(page, NULL), KIND(folio, NULL), KIND(slab, NULL), KIND(zone, NULL),
	KIND(pglist_data, NULL), KIND(free_area, NULL), KIND(per_cpu_pages, NULL), KIND(per_cpu_zonestat, NULL), KIND(per_cpu_nodestat, NULL),
	KIND(lruvec, NULL), KIND(lru_gen, NULL), KIND(swap_info_struct, NULL), KIND(mem_cgroup, NULL), KIND(slub_cpu, NULL), KIND(address_space, NULL),
	KIND(cpu_fbatches, NULL), KIND(zoneref, NULL), KIND(mem_section, NULL),
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static struct directed {
	struct kernel *k;
	uint64_t *state;
	uint64_t pgds[KIND_OBJECTS];
	unsigned pgd_count;
	char what[120]; /* the last damage */
} aim;

static inline struct kind *kind_of(enum struct_id id)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (kinds[i].id == id)
			return &kinds[i];
	return NULL;
}

/* When there are more than room, some of all. */
static inline void add_object(enum struct_id id, uint64_t addr)
{
	struct kind *kind = kind_of(id);
	if (!addr || !aim.k->structs[id].size)
		return;
	if (kind->object_count < KIND_OBJECTS)
		kind->objects[kind->object_count++] = addr;
	else
		kind->objects[random_below(aim.state, KIND_OBJECTS)] = addr;
}

static inline struct error *add_cache(void *context, const struct slab_cache *cache)
{
	struct slab_refs *refs = context;
	size_t first, count = slab_refs_of(refs, cache->addr, &first);
	add_object(S_kmem_cache, cache->addr);
	for (unsigned cpu = 0; cpu < aim.k->cpus && HAS(aim.k, kmem_cache, cpu_slab); cpu++)
		add_object(S_slub_cpu, percpu_ptr(aim.k, GET(aim.k, &cache->object, kmem_cache, cpu_slab), cpu));
	for (size_t i = 0; i < count; i++) {
		struct slab s;
		bool found;
		add_object(S_slab, refs->refs[first + i].page);
		if (error_drop(slab_of_page(aim.k, refs->refs[first + i].page, &s, &found)) || !found)
			continue;
		for (size_t n = 0; n < KIND_COUNT; n++)
			for (uint32_t o = 0; kinds[n].cache && !strcmp(kinds[n].cache, cache->name) && o < s.objects; o++)
				add_object(kinds[n].id, slab_object(&s, o));
	}
	return NULL;
}

static inline void add_zone(struct kernel *k, const struct zone *z)
{
	uint64_t percpu;
	add_object(S_zone, z->addr);
	for (unsigned i = 0; SIZE_OF(k, free_area) && i < k->members[M_zone_free_area].total / SIZE_OF(k, free_area); i++)
		add_object(S_free_area, z->addr + OFFSET(k, zone, free_area) + i * SIZE_OF(k, free_area));
	if (HAS(k, zone, lruvec))
		add_object(S_lruvec, z->addr + OFFSET(k, zone, lruvec));
	for (unsigned cpu = 0; cpu < k->cpus; cpu++) {
		if (HAS(k, zone, pageset) && !error_drop(kernel_get(k, z->addr, M_zone_pageset, &percpu)))
			add_object(S_per_cpu_pages, percpu_ptr(k, percpu, cpu) + (HAS(k, per_cpu_pageset, pcp) ? OFFSET(k, per_cpu_pageset, pcp) : 0));
		if (HAS(k, zone, per_cpu_zonestats) && !error_drop(kernel_get(k, z->addr, M_zone_per_cpu_zonestats, &percpu)))
			add_object(S_per_cpu_zonestat, percpu_ptr(k, percpu, cpu));
	}
}

static inline void add_node(struct kernel *k, const struct node *n)
{
	uint64_t percpu;
	add_object(S_pglist_data, n->addr);
	for (unsigned i = 0; HAS(k, pglist_data, node_zonelists) && i < 4; i++)
		add_object(S_zoneref, n->addr + OFFSET(k, pglist_data, node_zonelists) + OFFSET(k, zonelist, zonerefs) + i * SIZE_OF(k, zoneref));
	if (HAS(k, pglist_data, lruvec)) {
		add_object(S_lruvec, n->addr + OFFSET(k, pglist_data, lruvec));
		if (HAS(k, lruvec, lrugen))
			add_object(S_lru_gen, n->addr + OFFSET(k, pglist_data, lruvec) + OFFSET(k, lruvec, lrugen));
	}
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		if (HAS(k, pglist_data, per_cpu_nodestats) && !error_drop(kernel_get(k, n->addr, M_pglist_data_per_cpu_nodestats, &percpu)))
			add_object(S_per_cpu_nodestat, percpu_ptr(k, percpu, cpu));
}

static inline void find_members(struct kernel *k)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct kind *kind = &kinds[i];
		kind->member_count = kind->object_count = 0;
		for (unsigned m = 0; m < MEMBER_COUNT && kind->member_count < KIND_MEMBERS; m++)
			if (k->members[m].present && !strncmp(member_describe((enum member_id)m), kind->label, strlen(kind->label)))
				kind->members[kind->member_count++] = (enum member_id)m;
	}
}

/* Looks for objects of all kinds, before there is any damage. */
static inline void aim_at(struct kernel *k, uint64_t *state)
{
	struct slab_refs refs = {0};
	struct swap_area area;
	uint64_t addr;
	aim = (struct directed){.k = k, .state = state};
	find_members(k);
	ok(nodes_open(k));
	for (size_t i = 0; i < zones_count(k); i++)
		add_zone(k, zones_get(k, i));
	for (size_t i = 0; nodes_get(k, i); i++)
		add_node(k, nodes_get(k, i));
	ok(slab_refs_read(k, &refs));
	error_drop(slab_caches_for_each(k, add_cache, &refs));
	slab_refs_free(&refs);
	for (unsigned i = 0; i < swap_areas_count(k); i++)
		if (swap_area_get(k, i, &area))
			add_object(S_swap_info_struct, area.addr);
	if (!error_drop(kernel_read_symbol(k, "root_mem_cgroup", 0, &addr)))
		add_object(S_mem_cgroup, addr);
	for (unsigned cpu = 0; cpu < k->cpus; cpu++)
		add_object(S_cpu_fbatches, symbol_addr(k, "cpu_fbatches") ? percpu_addr(k, symbol_addr(k, "cpu_fbatches"), cpu)
									    : symbol_addr(k, "lru_pvecs") ? percpu_addr(k, symbol_addr(k, "lru_pvecs"), cpu) : 0);
	struct kind *inodes = kind_of(S_inode), *mms = kind_of(S_mm_struct);
	for (unsigned i = 0; i < inodes->object_count && HAS(k, inode, i_data); i++)
		add_object(S_address_space, inodes->objects[i] + OFFSET(k, inode, i_data));
	for (unsigned i = 0; i < mms->object_count && aim.pgd_count < KIND_OBJECTS; i++)
		if (!error_drop(kernel_get(k, mms->objects[i], M_mm_struct_pgd, &addr)) && addr)
			aim.pgds[aim.pgd_count++] = addr;
}

static inline uint64_t any_of(const struct kind *kind)
{
	return kind->object_count ? kind->objects[random_below(aim.state, kind->object_count)] : 0;
}

/* Rather one that is in use. */
static inline uint64_t any_page(uint64_t mem_map, uint64_t frames, uint64_t page_size)
{
	uint64_t page = 0, count;
	for (int i = 0; i < 16; i++) {
		page = mem_map + random_next(aim.state) % frames * page_size;
		if (!error_drop(kernel_get(aim.k, page, M_page_refcount, &count)) && (int32_t)count > 0)
			break;
	}
	return page;
}

/* What a word of `size` bytes at `at`, `offset` into an object of a kind, is to become. */
static inline uint64_t worse(const struct kind *kind, uint64_t object, uint64_t offset, uint64_t other, uint64_t old, unsigned size)
{
	uint64_t max = kernel_ptov(aim.k, vmcore_max_phys(aim.k->vmcore)), copy = 0;
	const struct kind *some = &kinds[random_below(aim.state, KIND_COUNT)];
	switch (random_below(aim.state, 20)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return 1ull << (8 * size - 1);
	case 3:
		return (1ull << (8 * size - 1)) - 1;
	case 4:
		return old ^ 1ull << random_below(aim.state, 8 * size);
	case 5:
		return old + 1 - 2 * random_below(aim.state, 2);
	case 6: /* a loop */
		return object + offset;
	case 7:
		return object;
	case 8: /* another one's */
		return other + offset;
	case 9:
		return other;
	case 10:
		error_drop(kernel_read_uint(aim.k, other + offset, size, &copy));
		return copy;
	case 11: /* its neighbour's tag: lowest bits say what a pointer is */
		return old ^ (1 + random_below(aim.state, 7));
	case 12:
		return any_of(some);
	case 13:
		return any_of(some) + offset;
	case 14:
		return 0x8000dead00000000ull | (old & 0xffff);
	case 15:
		return max - 8;
	case 16:
		return max + 4096;
	case 17:
		return 0x400000;
	case 18:
		return (uint64_t)-(int64_t)(1 + random_below(aim.state, 4095));
	default:
		return random_next(aim.state);
	}
}

static inline void damage_member(const struct kind *kind, uint64_t object, uint64_t other)
{
	if (!kind->member_count || !object)
		return;
	enum member_id id = kind->members[random_below(aim.state, kind->member_count)];
	const struct member *m = &aim.k->members[id];
	unsigned size = m->size ? m->size : aim.k->arch->pointer_size;
	uint64_t offset = m->offset, old;
	if (m->total > size)
		offset += random_below(aim.state, m->total / size) * size;
	if (error_drop(kernel_read_uint(aim.k, object + offset, size, &old)))
		return;
	uint64_t value = worse(kind, object, offset, other ? other : object, old, size);
	snprintf(aim.what, sizeof(aim.what), "%s of %" PRIx64 " + %" PRIx64 ": %" PRIx64 " for %" PRIx64, member_describe(id), object, offset - m->offset, value, old);
	error_drop(kernel_write_uint(aim.k, object + offset, size, value));
}

/* An entry somewhere on the way down from a process's top table. */
static inline void damage_table(void)
{
	if (!aim.pgd_count)
		return;
	const struct arch *arch = aim.k->arch;
	unsigned size = arch->pointer_size, entries = 4096 / size, depth = 1 + random_below(aim.state, aim.k->geometry.levels);
	uint64_t table = aim.pgds[random_below(aim.state, aim.pgd_count)], above[8], at = 0, old = 0;
	for (unsigned level = 0; level < depth; level++) {
		uint64_t frame = 4096, first = random_below(aim.state, entries);
		above[level] = table;
		at = 0;
		for (unsigned i = 0; i < entries && !at; i++) {
			uint64_t a = table + (first + i) % entries * size;
			if (!error_drop(kernel_read_uint(aim.k, a, size, &old)) && (old & 1) && !(level == 0 && (first + i) % entries >= entries / 2))
				at = a;
		}
		if (!at)
			return;
		frame = old & 0x000ffffffffff000ull;
		if (level + 1 < depth) {
			if (old & 0x80)
				break;
			table = kernel_ptov(aim.k, frame);
		}
	}
	static const uint64_t bits[] = {0x1, 0x2, 0x4, 0x80, 0x100, 0x200, 1ull << 40, 1ull << 51, 1ull << 58, 1ull << 63};
	uint64_t value, self = above[random_below(aim.state, depth < 8 ? depth : 8)] - aim.k->page_offset;
	switch (random_below(aim.state, 8)) {
	case 0:
		value = 0;
		break;
	case 1: /* a loop */
		value = self | 0x67;
		break;
	case 2:
		value = self | 0xe7;
		break;
	case 3:
		value = (vmcore_max_phys(aim.k->vmcore) & ~0xfffull) | 0x67;
		break;
	case 4:
		value = (old & ~1ull) | random_next(aim.state) << 9;
		break;
	case 5:
		value = random_next(aim.state);
		break;
	case 6:
		value = 0x000ffffffffff067ull;
		break;
	default:
		value = old ^ bits[random_below(aim.state, sizeof(bits) / sizeof(bits[0]))];
	}
	snprintf(aim.what, sizeof(aim.what), "page table entry at %" PRIx64 ": %" PRIx64 " for %" PRIx64, at, value, old);
	error_drop(kernel_write_uint(aim.k, at, size, value));
}

static inline void damage_directed(uint64_t mem_map, uint64_t frames, uint64_t page_size)
{
	unsigned n = random_below(aim.state, KIND_COUNT + 3);
	snprintf(aim.what, sizeof(aim.what), "nothing");
	if (n >= KIND_COUNT) {
		damage_table();
		return;
	}
	const struct kind *kind = &kinds[n];
	if (kind->id == S_page || kind->id == S_folio)
		damage_member(kind, any_page(mem_map, frames, page_size), any_page(mem_map, frames, page_size));
	else
		damage_member(kind, any_of(kind), any_of(kind));
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The flavours for x86_64: kernels with four levels of page tables, SPARSEMEM_VMEMMAP, nodes, SLUB. What differs between them is data (struct
 * linux64_flavour and the table of types); code asks whether a member is there.
 */
#ifndef MM_SIM_LINUX64_H
#define MM_SIM_LINUX64_H

#include "core/kernel.h"
#include "mm/sim/image.h"
#include "mm/sim/layout.h"
#include "mm/sim/machine.h"

/* A slab cache as the kernel creates it: what kmem_cache_create() is called with. */
struct linux64_cache {
	const char *name, *variable; /* the variable that points to it, or NULL */
	uint32_t object_size, align, flags; /* object_size 0: a kmem_cache itself */
	bool has_ctor;
	uint32_t useroffset, usersize;
};

struct linux64_flavour {
	const char *name;
	const char *release, *version, *compiler;
	uint64_t page_offset, vmalloc, vmemmap; /* where these ranges start */
	const char *pgd;			/* symbol of the kernel's page directory */
	bool relative_kallsyms;			/* … and with it what else came with randomised addresses: bases in variables */
	bool blocks_from_top;			/* the first pageblock of a word in its highest bits (until 5.8) */
	unsigned node_shift, zone_shift, cpupid_shift; /* bits of page.flags, from the top */
	bool salted_names;			/* a name's hash starts from its directory (since 4.8) */
	const struct linux64_cache *caches; /* ends with a name of NULL */
};

extern const struct linux64_flavour linux319, linux510;

#define LINUX64_KERNEL_MAP 0xffffffff80000000ull
#define LINUX64_TEXT	   0x1000000ull /* physical: CONFIG_PHYSICAL_START */
#define PAGE_SIZE64	   4096ull
#define PAGE_SHIFT64	   12
#define SECTION_SHIFT64	   15 /* frames: SECTION_SIZE_BITS 27 */
#define BLOCK_SHIFT64	   9  /* frames: pageblock_order */
#define MAX_ORDER64	   11
#define NODES64_MAX	   8
#define CPUS64_MAX	   64
#define LARGE_PAGE64	   (2ull << 20)
#define CACHES64_MAX	   128

/* Page-table entries: arch/x86/include/asm/pgtable_types.h */
#define TABLE64	     0x67ull
#define KERNEL64     0x8000000000000163ull /* PAGE_KERNEL: not executable, global, dirty, accessed, writable */
#define KERNEL_TEXT64 0x1e3ull		   /* large, executable */
#define LARGE64	     0x80ull

/* Kinds of memory; which migrate type each is differs. */
enum { BLOCK_UNMOVABLE, BLOCK_MOVABLE, BLOCK_RECLAIMABLE, BLOCK_TYPES };

/* zone numbers: enum zone_type with ZONE_DMA, ZONE_DMA32 and ZONE_DEVICE */
enum { ZONE64_DMA, ZONE64_DMA32, ZONE64_NORMAL, ZONE64_MOVABLE, ZONE64_DEVICE, ZONES64_MAX };

struct linux64_node {
	uint64_t start, end; /* frames */
	uint64_t top;	     /* physical: memory is given out downwards from here while booting */
	uint64_t pgdat;
};

/* What has become of a frame. */
enum frame64 { FRAME_FREE, FRAME_RESERVED, FRAME_USED };

/* A slab cache while the machine boots. */
struct boot_cache {
	const struct linux64_cache *fact;
	uint64_t addr;
	uint32_t object_size, size, offset, inuse, order, objects;
	uint64_t slab; /* the page that objects come from: CPU 0's, 0 for none */
	uint32_t next; /* its next object */
	uint32_t slabs[NODES64_MAX];
};

struct linux64 {
	const struct linux64_flavour *flavour;
	struct image image;
	const struct layout *layout;
	uint64_t mem; /* bytes */
	uint64_t max_pfn;
	unsigned nodes, cpus;
	struct linux64_node node[NODES64_MAX];
	uint64_t *section_map; /* by section: physical address of its page array, 0 for none */
	unsigned sections;
	unsigned char *frames;	 /* enum frame64, by pfn */
	unsigned char *blocks;	 /* kind of memory, by pageblock */
	unsigned migratetype[BLOCK_TYPES];
	uint64_t chunk[BLOCK_TYPES], chunk_end[BLOCK_TYPES]; /* frames that are given out next, by kind */
	bool buddy;		 /* memory comes from the page allocator now */
	uint64_t percpu[CPUS64_MAX], percpu_at; /* each CPU's area, and how far it is used */
	uint64_t page_size;
	uint64_t flags_offset, refcount_offset, mapcount_offset, lru_offset; /* in struct page */
	struct boot_cache cache[CACHES64_MAX];
	unsigned cache_count;
	int64_t zone_stat[NODES64_MAX][ZONES64_MAX][64], node_stat[NODES64_MAX][64]; /* counted up while booting */
	uint64_t vmalloc_at; /* the end of the last area */
	uint64_t task_size;  /* bytes of a task_struct that is allocated */
	struct place_memo {
		const char *structure, *path;
		bool found;
		struct layout_place place;
	} memo[1024];
};

/* ---- Bytes and members: linux64_bytes.c ---- */

/* The bytes at a kernel address: of the image, the direct map, or a struct page. */
unsigned char *l64_bytes(const struct linux64 *m, uint64_t addr);
bool l64_has(struct linux64 *m, const char *structure, const char *path);
uint32_t l64_offset(struct linux64 *m, const char *structure, const char *path);
static inline uint32_t l64_size(const struct linux64 *m, const char *structure)
{
	return layout_size(m->layout, structure);
}
/* A member of up to 8 bytes; one that this kernel lacks is left out, and 0. */
void l64_set(struct linux64 *m, uint64_t object, const char *structure, const char *path, uint64_t value);
uint64_t l64_get(struct linux64 *m, uint64_t object, const char *structure, const char *path);
void l64_set_text(struct linux64 *m, uint64_t object, const char *structure, const char *path, const char *text);
void l64_list_init(struct linux64 *m, uint64_t object, const char *structure, const char *path);
void l64_list_add_tail(struct linux64 *m, uint64_t node, uint64_t head);
void l64_put(struct linux64 *m, uint64_t addr, unsigned size, uint64_t value);
uint64_t l64_load(struct linux64 *m, uint64_t addr, unsigned size);
/* A variable; one that this kernel does not have is left out. */
void l64_set_symbol(struct linux64 *m, const char *symbol, unsigned size, uint64_t value);
/* The value of an enumerator; asserts that there is one. */
int l64_enumerator(const struct linux64 *m, const char *name);
bool l64_find_enumerator(const struct linux64 *m, const char *name, int *value);

static inline uint64_t l64_direct(const struct linux64 *m, uint64_t phys)
{
	return m->flavour->page_offset + phys;
}
static inline uint64_t l64_page(const struct linux64 *m, uint64_t pfn)
{
	return m->flavour->vmemmap + pfn * m->page_size;
}
static inline uint64_t l64_page_of(const struct linux64 *m, uint64_t direct)
{
	return l64_page(m, (direct - m->flavour->page_offset) >> PAGE_SHIFT64);
}
unsigned l64_zone_of(const struct linux64 *m, uint64_t pfn);
unsigned l64_node_of(const struct linux64 *m, uint64_t pfn);

/* ---- Booting ---- */

/* linux64_boot.c */
struct error *linux64_boot(const struct linux64_flavour *flavour, const struct machine_options *options, struct vmcore *vc, struct kernel **k) MUST_CHECK;
/* linux64_image.c: the kernel's image, with its variables as they are when it starts, to `_end`. */
struct error *linux64_link(struct linux64 *m) MUST_CHECK;
/* linux64_vdso.c: the vdso's bytes and what describes them. */
void linux64_vdso(struct linux64 *m);
/* linux64_task.c: the first task and what it has. */
void linux64_place_tasks(struct linux64 *m);
/* The task that runs on a CPU, not the first, when nothing else does. */
uint64_t l64_idle_task(struct linux64 *m, unsigned cpu);
/* linux64_memory.c: page tables, sections, mem_map, per-CPU areas, nodes and zones. */
struct error *linux64_memory(struct linux64 *m) MUST_CHECK;
/* Memory for good, from the node's end: physical address. Asserts that there is some. */
uint64_t l64_alloc_boot(struct linux64 *m, unsigned node, uint64_t size, uint64_t align);
/* Once struct pages are there: 2^order frames as the page allocator would give them, for that kind of use; the first frame. */
uint64_t l64_alloc_pages(struct linux64 *m, unsigned order, unsigned type);
/* Room in each CPU's area: the address of type __percpu. */
uint64_t l64_alloc_percpu(struct linux64 *m, uint64_t size, uint64_t align);
uint64_t l64_percpu(const struct linux64 *m, uint64_t percpu, unsigned cpu);
/* Maps one page of the given level (0: 4 KiB, 1: 2 MiB, 2: 1 GiB) into the kernel's page table. */
void l64_map(struct linux64 *m, uint64_t addr, uint64_t phys, unsigned level, uint64_t flags);
/* linux64_vmalloc.c: frames side by side in vmalloc space; `caller` is a function. */
uint64_t l64_vmalloc(struct linux64 *m, uint64_t size, const char *caller, uint64_t flags);
/* The tree of the areas, once all stand in their list. */
void linux64_finish_vmalloc(struct linux64 *m);
/* linux64_zone.c: zones with their lists, watermarks; at last what is free goes to the lists. */
void linux64_zones(struct linux64 *m);
void linux64_free_all(struct linux64 *m);
/* A zone that has been empty gets its lists: init_currently_empty_zone(). */
void l64_init_zone_lists(struct linux64 *m, uint64_t zone);
void l64_count_zone(struct linux64 *m, uint64_t pfn, const char *item, int64_t delta);
void l64_count_node(struct linux64 *m, uint64_t pfn, const char *item, int64_t delta);
/* linux64_slab.c */
void linux64_slabs(struct linux64 *m);
uint64_t l64_alloc_object(struct linux64 *m, const char *cache);
uint64_t l64_kmalloc(struct linux64 *m, uint32_t size);
/* A slab of the cache whose objects are all free, and that no list has any more; its page. */
uint64_t l64_discard_slab(struct linux64 *m, const char *cache);
/* Sets up the slab that CPU 0 allocates from in each cache, and counts: last of all allocations. */
void linux64_finish_slabs(struct linux64 *m);
/* linux64_files.c: hash tables, from boot memory; super block and mount. */
void linux64_hash_tables(struct linux64 *m);
void linux64_files(struct linux64 *m);
/* Once the kernel can act: a root file system with a few files, two of them in the page cache. */
struct error *linux64_user_files(struct kernel *k) MUST_CHECK;
/* linux64_uses.c: an example of each use of struct page that the kernel itself can make. */
void linux64_uses(struct linux64 *m);
/* linux64_log.c: what the kernel says while it boots. */
void linux64_log(struct linux64 *m);

#endif

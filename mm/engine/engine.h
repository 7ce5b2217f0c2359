/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine: what a kernel's memory management does, done to an image. It reads and writes nothing but the image's bytes, through the members
 * table, so it runs on a simulated machine and, over the overlay, on a dump. How this kernel does a thing is chosen by what it has (a member, a
 * symbol), or, where the types show no trace, by a named policy.
 *
 * Its functions keep the kernel's names. They return NULL, or an error: ERR_KERNEL (kernel_error()) is the kernel's own answer (ENOMEM, EINVAL …)
 * and may leave the image half-changed exactly where the kernel would; anything else means that the image is damaged, or that the act needs what
 * memory alone does not hold. A command that acts sets a mark first, and undoes it on failure (mm/sim/act.h), so a failed act leaves no change.
 *
 * Addresses: `page` is the address of a struct page, `addr` a virtual address, `phys` a physical one, `entry_addr` the physical address of a
 * page-table entry.
 */
#ifndef MM_ENGINE_H
#define MM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/kernel.h"
#include "mm/engine/engine_areas.h"
#include "mm/page.h"
#include "mm/vma.h"

/* ---- The trace hook ---- */

struct trace_value {
	const char *name; /* as this kernel names it: "pte", "page->count", "vma->vm_flags & VM_WRITE" */
	uint64_t value;
};

/* Gets every function that a fault or another act goes through, with the decision taken there and the values it was taken on. */
struct trace {
	void (*step)(struct trace *t, const char *function, const char *decision, const struct trace_value *values,
		     unsigned count);
};

/* ---- What a fault came to ---- */

enum fault_outcome {
	OUTCOME_NONE,	     /* the entry allows the access: no fault */
	OUTCOME_ZERO,	     /* the zero page mapped */
	OUTCOME_NEW,	     /* a new frame, cleared */
	OUTCOME_HUGE_ZERO,   /* the huge zero page mapped */
	OUTCOME_HUGE_NEW,    /* a new huge page */
	OUTCOME_HUGE_REUSE,  /* a huge page made writable */
	OUTCOME_HUGE_SPLIT,  /* a huge page's mapping split, then each part by itself */
	OUTCOME_CACHED,	     /* a page of the page cache mapped, to be read */
	OUTCOME_COPY_FILE,   /* a page of a file copied for a private write */
	OUTCOME_SHARED,	     /* a page of the page cache mapped, to be written */
	OUTCOME_FILE_READ,   /* the file must be read first: a major fault */
	OUTCOME_SHMEM_NEW,   /* shared memory that has no page there yet: a new frame in its page cache */
	OUTCOME_SPECIAL,     /* vdso, vvar and the like: mapped by the kernel's own handler */
	OUTCOME_DRIVER,	     /* a driver's handler decides */
	OUTCOME_SWAP_CACHE,  /* swapped out, but still cached */
	OUTCOME_SWAP_READ,   /* to be read from swap: a major fault */
	OUTCOME_COPY,	     /* write-protected: copied */
	OUTCOME_REUSE,	     /* write-protected: made writable */
	OUTCOME_SHARED_DIRTY, /* write-protected page of a shared mapping: made writable, dirty */
	OUTCOME_NUMA,	     /* a NUMA hint: mapped again */
	OUTCOME_SPURIOUS,    /* the entry is good already */
	OUTCOME_WAIT,	     /* the page is being migrated: waits */
	OUTCOME_USERFAULT,   /* given to userfaultfd */
	OUTCOME_HUGETLB,     /* hugetlbfs's own handler */
	OUTCOME_SIGSEGV,
	OUTCOME_SIGBUS,
	OUTCOME_OOM,
	OUTCOME_COUNT
};
/* "zero", "new", "copy" … */
const char *fault_outcome_name(enum fault_outcome outcome);

#define FAULT_OUTCOMES 8

/* Kept when asked for: what each of the faults that one access took came to, and what kept the act from being done. */
struct fault_report {
	enum fault_outcome outcome[FAULT_OUTCOMES];
	unsigned count;
	bool explain;	   /* wanted: what would happen; an act that cannot be done is noted in `refused` */
	bool ended;	   /* … after which nothing more can be said */
	char refused[512]; /* "" for nothing */
};

/* ---- Per image ---- */

struct engine_modern;
struct engine_near;

/* Symbols and facts that the engine needs at every step, read once. No state of the machine is in here. */
struct engine {
	struct kernel *k;
	struct trace *trace; /* NULL: off */
	struct fault_report *report; /* NULL: off */
	struct engine_near *near; /* what is near (mm/engine/near.h); there when `modern` is */
	struct engine_modern *modern; /* where pages are mapped back to areas (mm/engine/modern.h); NULL for 2.4 */
	bool classic;	     /* 2.4's memory management: no reverse mapping, one array of pages (modern is NULL) */
	uint64_t task;	     /* who acts: set by engine_set_current() and do_page_fault(); its limits and rights count; 0: the mm's owner's, or nobody's */
	unsigned cpu;	     /* which CPU's lists an act takes from: that task's */
	unsigned fail_in;    /* for tests: so many allocations (of pages, of objects) from now one fails; 0: none (include/linux/fault-inject.h) */
	struct engine_areas areas;
	bool nowait;	     /* the allocation under way must not wait for reclaim (GFP_NOWAIT) */
	bool reclaiming;     /* the act reclaims now (PF_MEMALLOC): what it allocates comes from the reserves, and reclaims nothing */

	uint64_t mem_map;      /* first struct page where it is one array (FLATMEM), else 0 */
	uint32_t page_size;    /* bytes of a struct page */
	uint64_t page_inverse; /* 2^64 / page_size, rounded up: to divide by multiplying */
	unsigned orders;       /* of free blocks */
	uint64_t max_pfn;      /* frames in mem_map */
	uint64_t empty_zero_page; /* the zero page: its struct page */
	uint64_t contig_page_data;
	uint64_t jiffies;      /* address of the variable */
	/* addresses of globals; 0: this kernel has none. page_hash_table, page_hash_bits and the caches are their values: see engine_resolve(). */
	uint64_t active_list, inactive_list, nr_active_pages, nr_inactive_pages;
	uint64_t page_hash_table, page_hash_bits, page_cache_size;
	uint64_t total_vm_committed, nr_swap_pages, swap_info, nr_swapfiles, swapper_space;
	uint64_t pgd_quicklist, pte_quicklist, pgtable_cache_size;
	uint64_t cache_cache, cache_chain;
	uint64_t vm_area_cachep, mm_cachep, files_cachep, fs_cachep, sigact_cachep, filp_cachep, dentry_cache, inode_cachep;
	uint64_t init_mm, init_task, pins;
	const unsigned char *pin_bytes; /* struct sim_pins in the image, or NULL */
	/* While alloc_pages() reclaims, and not a moment longer: the first block that is freed is kept for it (page; 0: none yet). */
	struct {
		bool wanted;
		unsigned order;
		uint64_t page;
	} local;
	int bit_locked, bit_referenced, bit_uptodate, bit_dirty, bit_lru, bit_active, bit_slab, bit_reserved, bit_swap_cache;
};

/* Made when first asked for, kept with the kernel. ERR_UNSUPPORTED when the image cannot act, saying what it lacks. */
struct error *engine_open(struct kernel *k, struct engine **out) MUST_CHECK;
void engine_free(struct engine *e);
/* From now on this task acts, on its CPU. 0: none. */
struct error *engine_set_current(struct engine *e, uint64_t task) MUST_CHECK;
/* ERR_UNSUPPORTED, "… is done on kernels like 2.4 only so far", for what is not yet written for others. */
struct error *engine_not_classic(const struct engine *e, const char *what) MUST_CHECK;
static inline MUST_CHECK struct error *need_classic(const struct engine *e, const char *what)
{
	return __builtin_expect(e->classic, 1) ? NULL : engine_not_classic(e, what);
}
/* Reads again the globals that are pointers to what booting makes, once it has made them. */
void engine_resolve(struct engine *e);

/* ENOMEM when this is the allocation that is to fail. */
struct error *engine_fail(void) MUST_CHECK UNLIKELY_CALL;
static inline MUST_CHECK struct error *should_fail(struct engine *e)
{
	return __builtin_expect(!e->fail_in, 1) || --e->fail_in ? NULL : engine_fail();
}

void engine_trace(struct engine *e, const char *function, const char *decision, const struct trace_value *values, unsigned count) UNLIKELY_CALL;
#define TRACE(e, function, decision, ...)                                                                              \
	do {                                                                                                           \
		if (__builtin_expect((e)->trace != NULL, 0)) {                                                         \
			const struct trace_value trace_values_[] = { __VA_ARGS__ };                                    \
			engine_trace((e), function, decision, trace_values_, sizeof(trace_values_) / sizeof(trace_values_[0])); \
		}                                                                                                      \
	} while (0)

/* ---- struct page (mm/page.h reads; these change) ---- */

/* The frame of a page known to be in mem_map. */
static inline uint64_t engine_page_pfn(const struct engine *e, uint64_t page)
{
	return (uint64_t)((unsigned __int128)(page - e->mem_map) * e->page_inverse >> 64);
}

static inline uint64_t engine_page_phys(const struct engine *e, uint64_t page)
{
	return engine_page_pfn(e, page) << VMCORE_PAGE_SHIFT;
}

/* The page of a frame known to be in mem_map. */
static inline uint64_t engine_phys_page(const struct engine *e, uint64_t phys)
{
	return e->mem_map + (phys >> VMCORE_PAGE_SHIFT) * e->page_size;
}

static inline MUST_CHECK struct error *page_open_writable(struct engine *e, uint64_t page, struct page *out)
{
	unsigned char *p = kernel_near_last_writable(e->k, page, e->page_size);
	if (p)
		out->object = (struct object){ p, page, e->page_size };
	else
		TRY(object_open_writable(e->k, page, S_page, &out->object));
	out->flags = GET_WHOLE(e->k, &out->object, page, flags);
	out->pfn = engine_page_pfn(e, page);
	return NULL;
}

/* To read it; page_open() looks first whether there is such a page. */
static inline MUST_CHECK struct error *page_open_known(struct engine *e, uint64_t page, struct page *out)
{
	const unsigned char *p = kernel_near_last(e->k, page, e->page_size);
	if (p)
		out->object = (struct object){ p, page, e->page_size };
	else
		TRY(object_open(e->k, page, S_page, &out->object));
	out->flags = GET_WHOLE(e->k, &out->object, page, flags);
	out->pfn = engine_page_pfn(e, page);
	return NULL;
}

void get_page(struct engine *e, uint64_t page);			      /* count + 1 */
struct error *put_page(struct engine *e, uint64_t page) MUST_CHECK;   /* count - 1, freed at 0 */

/* ---- Buddy allocator (mm/engine/page_alloc.c) ---- */

/* 2.4.20, include/linux/mm.h */
#define GFP24_DMA      0x01
#define GFP24_HIGHMEM  0x02
#define GFP24_WAIT     0x10
#define GFP24_HIGH     0x20
#define GFP24_IO       0x40
#define GFP24_HIGHIO   0x80
#define GFP24_FS       0x100
#define GFP24_ATOMIC   (GFP24_HIGH)
#define GFP24_USER     (GFP24_WAIT | GFP24_IO | GFP24_HIGHIO | GFP24_FS)
#define GFP24_HIGHUSER (GFP24_USER | GFP24_HIGHMEM)
#define GFP24_KERNEL   (GFP24_HIGH | GFP24_WAIT | GFP24_IO | GFP24_HIGHIO | GFP24_FS)

/* Through the zonelist of the GFP class, with the watermarks, and reclaim when they are not met. ENOMEM. */
struct error *alloc_pages(struct engine *e, unsigned gfp, unsigned order, uint64_t *page) MUST_CHECK;
/* Ours: slabs that grow do not take what a scenario has pinned. */
#define GFP24_UNPINNED 0x80000000u
/* Exactly the block at that physical address. EBUSY when it is not free, EINVAL when there is no such block. */
struct error *alloc_pages_at(struct engine *e, uint64_t phys, unsigned order, uint64_t *page) MUST_CHECK;
/* By direct-map address. */
struct error *get_free_pages(struct engine *e, unsigned gfp, unsigned order, uint64_t *addr) MUST_CHECK;
struct error *get_zeroed_page(struct engine *e, unsigned gfp, uint64_t *addr) MUST_CHECK;
struct error *free_pages_addr(struct engine *e, uint64_t addr, unsigned order) MUST_CHECK;
uint64_t nr_free_pages(struct engine *e);

/* ---- Slabs (mm/engine/slab_alloc.c: 2.4's SLAB; mm/engine/slub_alloc.c: SLUB) ---- */

struct error *kmem_cache_create(struct engine *e, const char *name, uint32_t size, uint32_t offset, uint32_t flags,
				uint64_t *cache) MUST_CHECK;
/* By name; ERR_NOT_FOUND. */
struct error *kmem_cache_find(struct engine *e, const char *name, uint64_t *cache) MUST_CHECK;
struct error *kmem_cache_alloc(struct engine *e, uint64_t cache, unsigned gfp, uint64_t *object) MUST_CHECK;
struct error *kmem_cache_free(struct engine *e, uint64_t cache, uint64_t object) MUST_CHECK;
/* Frees half of the free slabs of the cache that has the most of them, of the ten whose turn it is. *frames: how many frames. */
struct error *kmem_cache_reap(struct engine *e, unsigned *frames) MUST_CHECK;
struct error *kmalloc(struct engine *e, uint32_t size, unsigned gfp, uint64_t *object) MUST_CHECK;
struct error *kfree(struct engine *e, uint64_t object) MUST_CHECK;

/* ---- Page tables (mm/engine/pgtable.c) ---- */

/* A new directory whose kernel part is swapper_pg_dir's; from the quicklist first. Virtual address. ENOMEM. */
struct error *pgd_alloc(struct engine *e, uint64_t *pgd) MUST_CHECK;
struct error *pgd_free(struct engine *e, uint64_t pgd) MUST_CHECK;
/* The entry of addr at the lowest level; makes the tables that lack. `mm` is opened writable. ENOMEM. */
struct error *pte_alloc(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *entry_addr) MUST_CHECK;
/* The same, without making tables: 0 when there is none. */
uint64_t pte_offset(struct engine *e, const struct object *mm, uint64_t addr);
/* Of the present entry that maps addr, be it a huge page's; *frame is the physical address of the page of 4 KiB. 0, and *frame 0, when nothing is mapped. */
uint64_t leaf_offset(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *frame);
uint64_t get_pte_far(struct engine *e, uint64_t entry_addr);
void set_pte_far(struct engine *e, uint64_t entry_addr, uint64_t entry);

static inline uint64_t get_pte(struct engine *e, uint64_t entry_addr)
{
	const unsigned char *p = vmcore_near(e->k->flat, entry_addr, 8);
	if (!p)
		return get_pte_far(e, entry_addr);
	return e->k->geometry.entry_size == 8 ? load_uint(p, 8) : load_uint(p, 4);
}

static inline void set_pte(struct engine *e, uint64_t entry_addr, uint64_t entry)
{
	unsigned char *p = vmcore_near_writable(e->k->flat, entry_addr, 8);
	if (!p)
		set_pte_far(e, entry_addr, entry);
	else if (e->k->geometry.entry_size == 8)
		store_uint(p, 8, entry);
	else
		store_uint(p, 4, entry);
}
/* mk_pte(page, vma->vm_page_prot). */
static inline uint64_t mk_pte(struct engine *e, uint64_t page, uint64_t page_prot)
{
	return engine_page_phys(e, page) | page_prot;
}
/* protection_map[vm_flags & 15] as the kernel builds vm_page_prot. */
uint64_t vm_get_page_prot(struct engine *e, uint64_t vm_flags);
/* Frees page-table pages of [start, end) that map nothing else, to the quicklist. */
struct error *clear_page_tables(struct engine *e, const struct object *mm, uint64_t first, uint64_t end) MUST_CHECK;
/* check_pgt_cache(): trims the quicklists from `high` down to `low` pages. */
struct error *check_pgt_cache(struct engine *e, unsigned low, unsigned high) MUST_CHECK;

/* ---- Areas (mm/mmap.c) ---- */

#define PROT_FLAGS 7 /* PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4 as in <sys/mman.h> */

/* find_vma(): the first area that ends above addr, through mmap_cache and the tree. Its address, 0 for none. */
struct error *find_vma(struct engine *e, const struct object *mm, uint64_t addr, uint64_t *vma) MUST_CHECK;
struct error *do_mmap_pgoff(struct engine *e, uint64_t mm, uint64_t file, uint64_t addr, uint64_t len, unsigned prot,
			    unsigned flags, uint64_t pgoff, uint64_t *result) MUST_CHECK;
struct error *do_munmap(struct engine *e, uint64_t mm, uint64_t addr, uint64_t len) MUST_CHECK;
struct error *do_brk(struct engine *e, uint64_t mm, uint64_t addr, uint64_t len) MUST_CHECK;
struct error *sys_brk(struct engine *e, uint64_t mm, uint64_t brk, uint64_t *result) MUST_CHECK;
struct error *sys_mprotect(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, unsigned prot) MUST_CHECK;
/* `on_fault`: each page when it comes (mlock2(), MLOCK_ONFAULT). MCL_… flags; without any it is munlockall(). mm/engine/mlock.c */
struct error *sys_mlock(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, bool on_fault) MUST_CHECK;
struct error *sys_munlock(struct engine *e, uint64_t mm, uint64_t start, uint64_t len) MUST_CHECK;
struct error *sys_mlockall(struct engine *e, uint64_t mm, int flags) MUST_CHECK;
/* MADV_… as in <sys/mman.h>; ERR_UNSUPPORTED for advice that is not followed. */
struct error *sys_madvise(struct engine *e, uint64_t mm, uint64_t start, uint64_t len, int advice) MUST_CHECK;
/* MREMAP_… flags as in <sys/mman.h>; new_addr counts with MREMAP_FIXED and MREMAP_DONTUNMAP. *result: where the area is then. */
struct error *sys_mremap(struct engine *e, uint64_t mm, uint64_t addr, uint64_t old_len, uint64_t new_len, unsigned flags, uint64_t new_addr,
			 uint64_t *result) MUST_CHECK;
/* Within the limits (RLIMIT_STACK, RLIMIT_AS) of the task. */
struct error *expand_stack(struct engine *e, uint64_t task, const struct object *mm, uint64_t vma, uint64_t addr) MUST_CHECK;
/* Where areas have an anon_vma: that gets ready first, and a guard gap is kept. ENOMEM, EPERM. */
struct error *expand_downwards(struct engine *e, const struct object *mm, uint64_t vma, uint64_t addr) MUST_CHECK;
/* Links a filled vm_area_struct into list and tree; counts it. */
struct error *insert_vm_struct(struct engine *e, uint64_t mm, uint64_t vma) MUST_CHECK;
/* Brings in the pages of a locked area, as far as that goes. mm/mlock.c */
struct error *make_pages_present(struct engine *e, uint64_t task, uint64_t addr, uint64_t len) MUST_CHECK;
struct error *exit_mmap(struct engine *e, uint64_t mm) MUST_CHECK;

/* ---- Reverse mapping of anonymous pages (mm/engine/anon_vma_edit.c); areas are given by their addresses ---- */

/* The area gets an anon_vma, if it has none: that of a neighbour with which it could merge, or a new one. ENOMEM. */
struct error *anon_vma_prepare(struct engine *e, uint64_t vma) MUST_CHECK;
/* A chain for dst to each anon_vma that src has one to; dst may get an anon_vma that nobody uses any more. ENOMEM, with nothing left behind. */
struct error *anon_vma_clone(struct engine *e, uint64_t dst, uint64_t src) MUST_CHECK;
/* For fork: `vma` is the child's copy of `pvma`. ENOMEM, with nothing left behind. */
struct error *anon_vma_fork(struct engine *e, uint64_t vma, uint64_t pvma) MUST_CHECK;
/* All of the area's chains go, and anon_vmas that nobody needs any more. */
struct error *unlink_anon_vmas(struct engine *e, uint64_t vma) MUST_CHECK;

/* ---- Faults (mm/memory.c) ---- */

enum fault_result { FAULT_MINOR, FAULT_MAJOR, FAULT_SIGSEGV, FAULT_SIGBUS, FAULT_OOM };
enum fault_access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

/* arch/…/mm/fault.c: finds the area, grows the stack, checks the access, calls handle_mm_fault(). `why` gets a line when it ends in a signal. */
struct error *do_page_fault(struct engine *e, uint64_t task, uint64_t addr, enum fault_access access, enum fault_result *result,
			    char *why, size_t why_size) MUST_CHECK;
struct error *handle_mm_fault(struct engine *e, const struct object *mm, const struct vma *vma, uint64_t addr, bool write,
			      enum fault_result *result) MUST_CHECK;
/* fork: copies the entries of an area; COW. */
struct error *copy_page_range(struct engine *e, uint64_t dst_mm, uint64_t src_mm, const struct vma *vma) MUST_CHECK;
struct error *zap_page_range(struct engine *e, uint64_t mm, uint64_t addr, uint64_t len) MUST_CHECK;
/* One access as the processor makes it: nothing but the entry's bits when it allows the access, else a fault. `faulted` may be NULL. */
struct error *touch_user(struct engine *e, uint64_t task, uint64_t addr, enum fault_access access, bool *faulted, enum fault_result *result,
			 char *why, size_t why_size) MUST_CHECK;
/* Bytes of user memory through the page tables, faulting as a user's access would. */
struct error *access_process_vm(struct engine *e, uint64_t task, uint64_t addr, void *buffer, size_t len, bool write) MUST_CHECK;

/* ---- LRU lists, page cache, files (mm/filemap.c), swap (mm/swap_state.c, mm/swapfile_alloc.c, mm/vmscan.c) ---- */

struct error *lru_cache_add(struct engine *e, uint64_t page) MUST_CHECK;
struct error *lru_cache_del(struct engine *e, uint64_t page) MUST_CHECK;
struct error *mark_page_accessed(struct engine *e, uint64_t page) MUST_CHECK;
/* The one, then the other: a new page that is used at once. */
struct error *lru_cache_add_accessed(struct engine *e, uint64_t page) MUST_CHECK;
/* PG_dirty, and from the mapping's clean pages to its dirty ones. */
struct error *set_page_dirty(struct engine *e, uint64_t page) MUST_CHECK;
/* The page of (mapping, index) in the page-cache hash, 0 when there is none; no reference taken. */
struct error *find_page_nolock(struct engine *e, uint64_t mapping, uint64_t index, uint64_t *page) MUST_CHECK;
struct error *add_to_page_cache(struct engine *e, uint64_t page, uint64_t mapping, uint64_t index) MUST_CHECK;
struct error *remove_inode_page(struct engine *e, uint64_t page) MUST_CHECK;
/* A referenced page of the file, read from the disk when it is not cached (*major). SIGBUS beyond the end is page 0. */
struct error *filemap_nopage(struct engine *e, uint64_t vma, uint64_t addr, uint64_t *page, bool *major) MUST_CHECK;

struct error *get_swap_page(struct engine *e, uint64_t *entry) MUST_CHECK; /* 0: the swap is full */
struct error *swap_free(struct engine *e, uint64_t entry) MUST_CHECK;
/* How many entries and caches hold the slot (its byte of swap_map). */
struct error *swap_count(struct engine *e, uint64_t entry, unsigned *count) MUST_CHECK;
/* remove_exclusive_swap_page() when more than half of the swap is used (vm_swap_full()) and nobody else has the page. */
struct error *remove_exclusive_swap_page_if_full(struct engine *e, uint64_t page) MUST_CHECK;
struct error *swap_duplicate(struct engine *e, uint64_t entry) MUST_CHECK;
struct error *lookup_swap_cache(struct engine *e, uint64_t entry, uint64_t *page) MUST_CHECK;
struct error *read_swap_cache(struct engine *e, uint64_t entry, uint64_t *page) MUST_CHECK;
struct error *swapin_readahead(struct engine *e, uint64_t entry) MUST_CHECK;
/* page_cluster: 2 to the power of *shift pages are read from a disk at once. */
struct error *cluster_pages(struct engine *e, unsigned *shift) MUST_CHECK;
struct error *free_page_and_swap_cache(struct engine *e, uint64_t page) MUST_CHECK;
/* An entry that is not present goes: its slot, and what the swap cache has of it when nobody else needs that. */
struct error *free_swap_and_cache(struct engine *e, uint64_t entry) MUST_CHECK;
/* Frees about nr_pages by the kernel's own way, of any zone that a user's page may be in; *freed says how many frames it were. */
struct error *try_to_free_pages(struct engine *e, unsigned nr_pages, unsigned *freed) MUST_CHECK;
/* The same for a class of zones: the zone_struct `classzone` and those below it. *enough: they were as many as were wanted. */
struct error *try_to_free_pages_zone(struct engine *e, uint64_t classzone, unsigned nr_pages, unsigned *freed, bool *enough) MUST_CHECK;
/* Turns the swap partition on, so many of its pages or (0) all. EBUSY, EINVAL. */
struct error *sys_swapon(struct engine *e, unsigned pages) MUST_CHECK;

/* ---- Processes (mm/engine/fork.c, exec.c) ---- */

#define CLONE_VM_FLAG 0x100 /* include/linux/sched.h: CLONE_VM */

struct error *do_fork(struct engine *e, uint64_t parent, unsigned clone_flags, uint32_t pid /* 0: the next */, uint64_t *task) MUST_CHECK;
struct error *do_exit(struct engine *e, uint64_t task) MUST_CHECK;
/*
 * A new image for the task from an ELF file in the machine's file system; argv and envp NULL-terminated. ENOEXEC, ENOENT … leave the old program in place. What
 * fails once that is gone ends the process: no error then, but why in `killed`, which else is "".
 */
struct error *do_execve(struct engine *e, uint64_t task, const char *path, char *const *argv, char *const *envp, char *killed, size_t size) MUST_CHECK;
/* A new address space with nothing but a stack, under that name: execve() without a program. */
struct error *exec_empty(struct engine *e, uint64_t task, const char *name) MUST_CHECK;
struct error *mm_alloc(struct engine *e, uint64_t *mm) MUST_CHECK;
struct error *mmput(struct engine *e, uint64_t mm) MUST_CHECK;

/* The OOM killer (mm/engine/oom_kill.c): the process that it would choose now ends, with those that have the same mm. *pid: which. ESRCH when none may be killed. */
struct error *oom_kill(struct engine *e, uint32_t *pid) MUST_CHECK;

/* Files: a struct file for the path (its count is 1), to be read, or also written. ENOENT, ETXTBSY. */
/* The names in a directory of the machine, in no order; a directory's ends in a slash. ENOENT, ENOTDIR. */
typedef void file_name_visitor(void *context, const char *name);
struct error *file_names(struct engine *e, const char *directory, file_name_visitor *visit, void *context) MUST_CHECK;
struct error *filp_open(struct engine *e, const char *path, bool write, uint64_t *file) MUST_CHECK;
void get_file(struct engine *e, uint64_t file);
struct error *fput(struct engine *e, uint64_t file) MUST_CHECK;
/* A root directory in the super block sim_super_block, mounted at sim_root_mnt, as init_fs's root: at boot. */
struct error *mount_root(struct engine *e) MUST_CHECK;
struct error *make_directory(struct engine *e, const char *path) MUST_CHECK;
/* While a file is executed nobody may open it for writing, and while somebody has it open so it is not executed: ETXTBSY. */
struct error *deny_write_access(struct engine *e, uint64_t file, const char *path) MUST_CHECK;
struct error *allow_write_access(struct engine *e, uint64_t file) MUST_CHECK;
/* A new file (with the directories that lack) of those bytes. EEXIST, ENOSPC. */
struct error *make_file(struct engine *e, const char *path, const void *bytes, uint64_t size) MUST_CHECK;

/* ---- Pins (mm/engine/pin.c): a scenario's say in what comes next ---- */

/*
 * What the next allocation of a kind gives: a frame for alloc_pages() of an order, a slab slot for kmem_cache_alloc() of a cache. The pins stand in the
 * image (struct sim_pins, at the symbol sim_pins), first in first out; a pin that cannot be had (not free) is an error of the act.
 */
enum pin_kind { PIN_FRAME = 1, PIN_SLOT = 2 };
struct error *pin_add(struct engine *e, enum pin_kind kind, uint64_t what /* physical address, or object */, uint64_t where /* order, or cache */) MUST_CHECK;
/* Is there any? Looked at by every allocation. */
static inline bool pins_wait(const struct engine *e)
{
	return e->pin_bytes && load_uint(e->pin_bytes + OFFSET(e->k, sim_pins, count), 4);
}
/* The next pin of that kind and place, taken off; false when there is none. */
bool pin_take(struct engine *e, enum pin_kind kind, uint64_t where, uint64_t *what);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of kmem: one function per option, one file per subject.
 */
#ifndef CMD_KMEM_H
#define CMD_KMEM_H

#include "cmd/session.h"

/* -p, -m: all pages, or those of the addresses in argv[first…]; `members` for -m. cmd/kmem_page.c
 */
struct error *kmem_pages(struct session *s, const char *members, int argc, char **argv,
			 bool physical) MUST_CHECK;
/* -g: all flags, or those set in the word. */
struct error *kmem_flags(struct session *s, const char *word) MUST_CHECK;

/* -f, -F, and -f ADDR. cmd/kmem_free.c */
struct error *kmem_free_areas(struct session *s, bool pages) MUST_CHECK;
struct error *kmem_free_address(struct session *s, const char *word, bool physical) MUST_CHECK;

/* -z, -n, -o, -V. cmd/kmem_zone.c */
struct error *kmem_zones(struct session *s) MUST_CHECK;
struct error *kmem_nodes(struct session *s) MUST_CHECK;
struct error *kmem_percpu_offsets(struct session *s) MUST_CHECK;

/* -s, -S, -I. cmd/kmem_cache.c */
struct kmem_slab_options {
	bool objects;	    /* -S: every slab and object */
	const char *ignore; /* comma-separated names of caches, or NULL */
	const bool *cpus;   /* -S=CPUS: one a CPU; NULL for all */
};
/* Of all caches; or of one by name, or of the slab that an address lies in; "list" for names alone. */
struct error *kmem_slabs(struct session *s, const struct kmem_slab_options *options, int argc, char **argv, bool physical) MUST_CHECK;

/* -r: ERR_UNSUPPORTED where the kernel has no slab_root_caches. */
struct error *kmem_root_caches(struct session *s, const struct kmem_slab_options *options) MUST_CHECK;

/* -v, -V, -h. cmd/kmem_vm.c */
struct error *kmem_vmalloc(struct session *s, const char *word, bool physical) MUST_CHECK; /* NULL for all areas */
struct vmalloc_area;
/* Its table, closed by out_table_end(), and a row. */
void kmem_vmalloc_begin(struct session *s);
void kmem_vmalloc_row(struct session *s, const struct vmalloc_area *area);
struct error *kmem_counters(struct session *s) MUST_CHECK;
struct error *kmem_hstates(struct session *s) MUST_CHECK;

/* -c, and with `pages` -C. cmd/kmem_hash.c */
struct error *kmem_page_hash(struct session *s, bool pages) MUST_CHECK;

/* -i. cmd/kmem_info.c */
struct error *kmem_info(struct session *s, bool shared) MUST_CHECK;

/* What an address is. cmd/kmem_address.c */
struct error *kmem_address(struct session *s, const char *word, bool physical) MUST_CHECK;

/*
 * A word as kmem takes it: a kernel virtual address, else a physical one (or always physical).
 * *phys is the physical address, *page its struct page, 0 when it has none; when the word is the
 * address of a struct page, it is that page's own frame.
 */
struct kmem_place {
	uint64_t addr;	 /* as given */
	bool is_virtual; /* addr is a kernel virtual address */
	bool is_page;	 /* addr lies in mem_map */
	bool has_phys;
	uint64_t phys, page;
};
struct error *kmem_place(struct session *s, const char *word, bool physical,
			 struct kmem_place *out) MUST_CHECK;

#endif

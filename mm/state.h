/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mm/ keeps per attached kernel: one pointer per subject, made when first asked for, freed with the kernel.
 */
#ifndef MM_STATE_H
#define MM_STATE_H

#include "core/kernel.h"

struct mm_state {
	unsigned generation;	      /* how often mm_state_forget() was called: what is kept elsewhere of the image's lists of nodes, zones … is void when it has changed */
	struct task_table *tasks;     /* mm/task.c */
	struct page_model *pages;     /* mm/memmap.c */
	struct error *no_pages;	      /* why there are none */
	struct node_table *nodes;     /* mm/zone.c */
	struct smaps_facts *smaps;    /* mm/smaps.c */
	struct map_counts *map_counts;
	uint64_t special_mapping_name; /* mm/vma_name.c; 0: not looked for yet */
	uint64_t shmem_aops;	      /* mm/shmem.c; 0: not looked for yet */
	struct vma_flag_names *flag_names; /* mm/vma_flags.c */
	struct frames *frames;	      /* mm/frames.c */
	struct swap_table *swap;      /* mm/swap.c */
	struct path_cache *paths;     /* mm/path.c */
	struct identify_index *identify; /* mm/identify_index.c */
	struct orc_tables *orc;	      /* mm/orc.c */
	struct engine *engine;	      /* mm/engine.c */
};

/* Never NULL (makes it; aborts on out of memory). */
struct mm_state *mm_state(struct kernel *k);
/* After the image was changed: drops whatever was read off it that may no longer be true. Pointers into tasks, zones, paths are void then. */
void mm_state_forget(struct kernel *k);

/* Each subject's own; NULL is allowed. */
void task_table_free(struct task_table *t);
void page_model_free(struct page_model *p);
void node_table_free(struct node_table *n);
void smaps_facts_free(struct smaps_facts *f);
void map_counts_free(struct map_counts *c);
void vma_flag_names_free(struct vma_flag_names *n);
void frames_free(struct frames *f);
void swap_table_free(struct swap_table *s);
void path_cache_free(struct path_cache *p);
struct identify_index;
void identify_index_free(struct identify_index *i);
void engine_free(struct engine *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/engine/: what a chunk of per-CPU memory keeps of the room in it (mm/percpu.c): a bit for each 4 bytes, and for each page, and the whole, where its largest free part is.
 */
#ifndef MM_PERCPU_MAP_H
#define MM_PERCPU_MAP_H

#include "mm/engine/engine.h"

#define PCPU_MIN_ALLOC_SIZE	4u
#define PCPU_BITMAP_BLOCK_BITS	(VMCORE_PAGE_SIZE / PCPU_MIN_ALLOC_SIZE)
#define PCPU_PAGES_MAX		4096

/* struct pcpu_block_md: in bits, from its own start. */
struct pcpu_md {
	int32_t scan, scan_start, contig, contig_start, left, right, first, bits;
};

struct pcpu_map {
	struct engine *e;
	struct object o; /* struct pcpu_chunk */
	int32_t bits, blocks;
	uint64_t alloc_map, bound_map, md_blocks;
	struct pcpu_md md;     /* of the whole; pcpu_map_close() puts it back */
	int32_t empty;	       /* by how many pages the chunk has got emptier */
};

struct error *pcpu_map_open(struct engine *e, uint64_t chunk, struct pcpu_map *m) MUST_CHECK;
struct error *pcpu_map_close(struct pcpu_map *m) MUST_CHECK;
/* Room for so many bits, marked as taken; *at < 0: there is none. */
struct error *pcpu_map_take(struct pcpu_map *m, int32_t bits, int32_t align, int32_t *at) MUST_CHECK;
/* What was taken at that bit is free; *bits: how many. */
struct error *pcpu_map_release(struct pcpu_map *m, int32_t at, int32_t *bits) MUST_CHECK;

#endif

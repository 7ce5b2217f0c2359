/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside mm/engine/: the multi-generational LRU (since 6.1), changed. */
#ifndef MM_LRU_GEN_EDIT_H
#define MM_LRU_GEN_EDIT_H

#include "mm/engine/modern.h"
#include "mm/engine/reclaim.h"
#include "mm/zone.h"

/* Onto the list of its generation of the lruvec, counted there and in vmstat; the page is opened to be changed, and its flags with it. */
struct error *lru_gen_add_folio(struct engine *e, uint64_t lruvec, struct page *p) MUST_CHECK;
/* Off it; not *listed: it is on none of a generation. */
struct error *lru_gen_del_folio(struct engine *e, uint64_t lruvec, struct page *p, bool *listed) MUST_CHECK;

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside mm/: uses of a page that one looks for only when nothing else was found. mm/page.h is for everybody.
 */
#ifndef MM_PAGE_DETAIL_H
#define MM_PAGE_DETAIL_H

#include "mm/page.h"

/* Of a zone of devices' memory, with the dev_pagemap that hosts it: include/linux/memremap.h. */
bool page_is_device(struct kernel *k, const struct page *p);
/* Of a page_pool: by its mark since 5.14 (PP_SIGNATURE, include/linux/poison.h), before by an address for the device that is its own. */
bool page_is_of_pool(struct kernel *k, const struct page *p);

#endif

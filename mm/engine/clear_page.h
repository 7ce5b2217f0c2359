/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MM_CLEAR_PAGE_H
#define MM_CLEAR_PAGE_H

/*
 * Fills a page of the image, at any address, with zeroes. By the widest stores that the processor has: memset() takes its string instruction for
 * as much as a page, which costs an anonymous fault half as much again where the page has left the nearest cache.
 */
void clear_page(void *page);

#endif

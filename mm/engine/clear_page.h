/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MM_CLEAR_PAGE_H
#define MM_CLEAR_PAGE_H

/*
 * Fills a page of the image, at any address, with zeroes. Little is ever written to the pages of a simulated machine: what is zero already is only looked at, which takes
 * half the time, and leaves alone what the host has not had to supply yet.
 */
void clear_page(void *page);

#endif

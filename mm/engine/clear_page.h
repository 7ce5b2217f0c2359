/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef MM_CLEAR_PAGE_H
#define MM_CLEAR_PAGE_H

#include <stddef.h>

/*
 * Fills a page of the image, at any address, with zeroes. Little is ever written to the pages of a simulated machine: what is zero already is only looked at, which takes
 * half the time, and leaves alone what the host has not had to supply yet.
 */
void clear_page(void *page);

/* A page to another, by stores that leave it in the cache: where memory is busy, a string instruction's may not, and the frame's next user waits for it. */
void copy_page(void *to, const void *from);

/*
 * A page that will be cleared soon comes into the processor's cache by parts, each as much as the processor fetches beside other work: put between the steps of that, they
 * take a seventh off an anonymous fault where pages come from the third-level cache. Returns the next part; NULL is let be.
 */
static inline const void *fetch_part(const void *p)
{
	const char *line = p;
	if (!p)
		return NULL;
#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++)
		__builtin_prefetch(line + i * 64);
	return line + 8 * 64;
}

#endif

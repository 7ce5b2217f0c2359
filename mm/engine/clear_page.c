/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/engine/clear_page.h"

#include <stdbool.h>
#include <stddef.h>

#include "vmcore/vmcore.h"

typedef long long wide __attribute__((vector_size(32), aligned(1), may_alias));

#define BLOCK 8 /* so many at once */

static inline bool is_clear(const wide *p)
{
	wide any = (p[0] | p[1]) | (p[2] | p[3]) | ((p[4] | p[5]) | (p[6] | p[7]));
	return !(any[0] | any[1] | any[2] | any[3]);
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx2", "default")))
#endif
void clear_page(void *page)
{
	wide *p = page;

	for (size_t i = 0; i < VMCORE_PAGE_SIZE / sizeof(wide); i += BLOCK) {
		if (__builtin_expect(is_clear(p + i), 1))
			continue;
		for (size_t j = i; j < i + BLOCK; j++) {
			p[j] = (wide){0};
			/* Or the loop becomes a string instruction. */
			__asm__ volatile("" : : : "memory");
		}
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/engine/clear_page.h"

#include <stddef.h>

#include "vmcore/vmcore.h"

typedef char wide __attribute__((vector_size(32), aligned(1)));

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx2", "default")))
#endif
void clear_page(void *page)
{
	wide *p = page;

	for (size_t i = 0; i < VMCORE_PAGE_SIZE / sizeof(wide); i += 4) {
		p[i] = (wide){0};
		p[i + 1] = (wide){0};
		p[i + 2] = (wide){0};
		p[i + 3] = (wide){0};
		/* Or the loop becomes a call of memset(). */
		__asm__ volatile("" : : : "memory");
	}
}

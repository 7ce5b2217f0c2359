/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mm/engine/clear_page.h"

#include <stdbool.h>
#include <stddef.h>

#include "vmcore/vmcore.h"

/* A cache line. Processors without such registers take it in parts. */
typedef long long wide __attribute__((vector_size(64), aligned(1), may_alias));
typedef long long half __attribute__((vector_size(32)));

#define BLOCK 16 /* so many are looked at before it is asked whether there was anything */

static inline bool is_clear(const wide *p)
{
	wide a = p[0], b = p[1], c = p[2], d = p[3];
	for (size_t i = 4; i < BLOCK; i += 4) {
		a |= p[i];
		b |= p[i + 1];
		c |= p[i + 2];
		d |= p[i + 3];
	}
	a = (a | b) | (c | d);
	half h = __builtin_shufflevector(a, a, 0, 1, 2, 3) | __builtin_shufflevector(a, a, 4, 5, 6, 7);
	return !((h[0] | h[1]) | (h[2] | h[3]));
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

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx2", "default")))
#endif
void copy_page(void *to, const void *from)
{
	wide *t = to;
	const wide *f = from;

	for (size_t i = 0; i < VMCORE_PAGE_SIZE / sizeof(wide); i++) {
		t[i] = f[i];
		__asm__ volatile("" : : : "memory");
	}
}

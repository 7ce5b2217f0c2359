/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sheaves: arrays of free objects that each CPU keeps of a cache (mm/slub.c, since 6.18). Taken from, and given back to, the CPU's two; exchanging them with the
 * node's barn is not done.
 */
#include <inttypes.h>

#include "mm/engine/slub_edit.h"

/* The last object of the CPU's main sheaf; 0 when that is empty. */
static struct error *from_sheaf(struct engine *e, uint64_t sheaf, uint64_t *object)
{
	struct kernel *k = e->k;
	struct object o;
	*object = 0;
	if (!sheaf)
		return NULL;
	TRY(object_open_writable(k, sheaf, S_slab_sheaf, &o));
	uint64_t size = GET(k, &o, slab_sheaf, size);
	if (!size || size > 4096)
		return NULL;
	TRY(kernel_read_pointer(k, sheaf + OFFSET(k, slab_sheaf, objects) + (size - 1) * k->arch->pointer_size, object));
	SET(k, &o, slab_sheaf, size, size - 1);
	return NULL;
}

struct error *slub_sheaves_alloc(struct engine *e, uint64_t percpu, uint64_t *object)
{
	struct kernel *k = e->k;
	struct object o;
	TRY(object_open_writable(k, percpu_ptr(k, percpu, e->cpu), S_slub_percpu_sheaves, &o));
	uint64_t main = GET(k, &o, slub_percpu_sheaves, main), spare = GET(k, &o, slub_percpu_sheaves, spare);
	TRY(from_sheaf(e, main, object));
	if (*object || !spare)
		return NULL;
	TRY(from_sheaf(e, spare, object));
	if (*object) {
		SET(k, &o, slub_percpu_sheaves, main, spare);
		SET(k, &o, slub_percpu_sheaves, spare, main);
	}
	return NULL;
}

struct error *slub_sheaves_free(struct engine *e, uint64_t percpu, uint64_t capacity, uint64_t object, bool *done)
{
	struct kernel *k = e->k;
	struct object o, sheaf;
	TRY(object_open_writable(k, percpu_ptr(k, percpu, e->cpu), S_slub_percpu_sheaves, &o));
	uint64_t main = GET(k, &o, slub_percpu_sheaves, main);
	*done = false;
	if (!main)
		return NULL;
	TRY(object_open_writable(k, main, S_slab_sheaf, &sheaf));
	uint64_t size = GET(k, &sheaf, slab_sheaf, size);
	if (size >= capacity || size > 4096)
		return NULL;
	*done = true;
	SET(k, &sheaf, slab_sheaf, size, size + 1);
	return kernel_write_pointer(k, main + OFFSET(k, slab_sheaf, objects) + size * k->arch->pointer_size, object);
}

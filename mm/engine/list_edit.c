/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "mm/engine/list_edit.h"

/* struct list_head is two pointers: next, prev. */
static struct error *open_head(struct kernel *k, uint64_t addr, unsigned char **p)
{
	struct object o;
	TRY(object_open_bytes_writable(k, addr, 2 * k->arch->pointer_size, &o));
	*p = (unsigned char *)o.bytes;
	return NULL;
}

/*
 * Adding and taking off are what the engine does most. So they are written for both pointer sizes at once and compiled for each (`word` is a constant where
 * they are inlined), for list_heads that can be written where they stand; _far does the same for all others.
 */
#define INLINE static inline __attribute__((always_inline))

INLINE bool is_direct(const struct kernel *k, uint64_t addr)
{
	return addr - k->page_offset < k->near_size;
}

INLINE unsigned char *near_head(struct kernel *k, uint64_t addr)
{
	return is_direct(k, addr) ? kernel_near_writable(k, addr, 16) : kernel_near_last_writable(k, addr, 16);
}

INLINE void link_between(unsigned char *n, uint64_t node, uint64_t prev, unsigned char *before, uint64_t next, unsigned char *after, unsigned word)
{
	store_uint(n, word, next);
	store_uint(n + word, word, prev);
	store_uint(before, word, node);
	store_uint(after + word, word, node);
}

static struct error *add_far(struct kernel *k, uint64_t node, uint64_t head)
{
	const unsigned word = k->arch->pointer_size;
	unsigned char *h, *after, *n;
	TRY(open_head(k, head, &h));
	uint64_t next = load_uint(h, word);
	TRY(open_head(k, next, &after));
	TRY(open_head(k, node, &n));
	link_between(n, node, head, h, next, after, word);
	return NULL;
}

INLINE struct error *add(struct kernel *k, uint64_t node, uint64_t head, unsigned word)
{
	unsigned char *n = near_head(k, node), *h = near_head(k, head);
	if (!n || !h)
		return add_far(k, node, head);
	uint64_t next = load_uint(h, word);
	unsigned char *after = near_head(k, next);
	if (!after)
		return add_far(k, node, head);
	link_between(n, node, head, h, next, after, word);
	return NULL;
}

static struct error *add_tail_far(struct kernel *k, uint64_t node, uint64_t head)
{
	const unsigned word = k->arch->pointer_size;
	unsigned char *h, *before, *n;
	TRY(open_head(k, head, &h));
	uint64_t prev = load_uint(h + word, word);
	TRY(open_head(k, prev, &before));
	TRY(open_head(k, node, &n));
	link_between(n, node, prev, before, head, h, word);
	return NULL;
}

INLINE struct error *add_tail(struct kernel *k, uint64_t node, uint64_t head, unsigned word)
{
	unsigned char *n = near_head(k, node), *h = near_head(k, head);
	if (!n || !h)
		return add_tail_far(k, node, head);
	uint64_t prev = load_uint(h + word, word);
	unsigned char *before = near_head(k, prev);
	if (!before)
		return add_tail_far(k, node, head);
	link_between(n, node, prev, before, head, h, word);
	return NULL;
}

static struct error *del_far(struct kernel *k, uint64_t node)
{
	const unsigned word = k->arch->pointer_size;
	unsigned char *n, *before, *after;
	TRY(open_head(k, node, &n));
	uint64_t next = load_uint(n, word), prev = load_uint(n + word, word);
	TRY(open_head(k, prev, &before));
	TRY(open_head(k, next, &after));
	if (load_uint(before, word) != node || load_uint(after + word, word) != node)
		return error_at(ERR_BAD_LIST, node, "list is damaged around %" PRIx64, node);
	store_uint(before, word, next);
	store_uint(after + word, word, prev);
	return NULL;
}

INLINE struct error *del(struct kernel *k, uint64_t node, unsigned word)
{
	const unsigned char *n = is_direct(k, node) ? kernel_near(k, node, 16) : kernel_near_last(k, node, 16);
	if (!n)
		return del_far(k, node);
	uint64_t next = load_uint(n, word), prev = load_uint(n + word, word);
	unsigned char *before = near_head(k, prev), *after = near_head(k, next);
	if (!before || !after || load_uint(before, word) != node || load_uint(after + word, word) != node)
		return del_far(k, node);
	store_uint(before, word, next);
	store_uint(after + word, word, prev);
	return NULL;
}

struct error *list_add(struct kernel *k, uint64_t node, uint64_t head)
{
	return k->wide ? add(k, node, head, 8) : add(k, node, head, 4);
}

struct error *list_add_tail(struct kernel *k, uint64_t node, uint64_t head)
{
	return k->wide ? add_tail(k, node, head, 8) : add_tail(k, node, head, 4);
}

struct error *list_del(struct kernel *k, uint64_t node)
{
	return k->wide ? del(k, node, 8) : del(k, node, 4);
}

struct error *list_init(struct kernel *k, uint64_t node)
{
	unsigned char *n;
	TRY(open_head(k, node, &n));
	const unsigned word = k->arch->pointer_size;
	store_uint(n, word, node);
	store_uint(n + word, word, node);
	return NULL;
}

/* ---- Lists with a head of one pointer ---- */

struct error *hlist_add(struct kernel *k, uint64_t node, uint64_t head)
{
	unsigned word = k->arch->pointer_size;
	uint64_t first;
	TRY(kernel_read_pointer(k, head, &first));
	TRY(kernel_write_pointer(k, node, first));
	TRY(kernel_write_pointer(k, node + word, head));
	if (first)
		TRY(kernel_write_pointer(k, first + word, node));
	return kernel_write_pointer(k, head, node);
}

struct error *hlist_del(struct kernel *k, uint64_t node)
{
	unsigned word = k->arch->pointer_size;
	uint64_t next, pprev, back;
	TRY(kernel_read_pointer(k, node, &next));
	TRY(kernel_read_pointer(k, node + word, &pprev));
	TRY(kernel_read_pointer(k, pprev, &back));
	if (back != node)
		return error_at(ERR_BAD_LIST, node, "what points to %" PRIx64 " points elsewhere", node);
	TRY(kernel_write_pointer(k, pprev, next));
	return next ? kernel_write_pointer(k, next + word, pprev) : NULL;
}

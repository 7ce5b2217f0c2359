/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "mm/list_edit.h"

/* struct list_head is two pointers: next, prev. */
static struct error *open_far(struct kernel *k, uint64_t addr, unsigned char **p)
{
	struct object o;
	TRY(object_open_bytes_writable(k, addr, 2 * k->arch->pointer_size, &o));
	*p = (unsigned char *)o.bytes;
	return NULL;
}

static inline struct error *open_head(struct kernel *k, uint64_t addr, unsigned char **p)
{
	*p = kernel_near_writable(k, addr, 16);
	return __builtin_expect(*p != NULL, 1) ? NULL : open_far(k, addr, p);
}

static inline uint64_t next_of(const struct kernel *k, const unsigned char *p)
{
	return load_word(k, p);
}

static inline uint64_t prev_of(const struct kernel *k, const unsigned char *p)
{
	return k->wide ? load_uint(p + 8, 8) : load_uint(p + 4, 4);
}

static inline void set_next(const struct kernel *k, unsigned char *p, uint64_t value)
{
	store_word(k, p, value);
}

static inline void set_prev(const struct kernel *k, unsigned char *p, uint64_t value)
{
	if (k->wide)
		store_uint(p + 8, 8, value);
	else
		store_uint(p + 4, 4, value);
}

/* `before` and `after` stand at prev and next. */
static struct error *insert(struct kernel *k, uint64_t node, uint64_t prev, unsigned char *before, uint64_t next, unsigned char *after)
{
	unsigned char *n;
	TRY(open_head(k, node, &n));
	set_next(k, n, next);
	set_prev(k, n, prev);
	set_next(k, before, node);
	set_prev(k, after, node);
	return NULL;
}

struct error *list_add(struct kernel *k, uint64_t node, uint64_t head)
{
	unsigned char *h, *after;
	TRY(open_head(k, head, &h));
	uint64_t next = next_of(k, h);
	TRY(open_head(k, next, &after));
	return insert(k, node, head, h, next, after);
}

struct error *list_add_tail(struct kernel *k, uint64_t node, uint64_t head)
{
	unsigned char *h, *before;
	TRY(open_head(k, head, &h));
	uint64_t prev = prev_of(k, h);
	TRY(open_head(k, prev, &before));
	return insert(k, node, prev, before, head, h);
}

struct error *list_del(struct kernel *k, uint64_t node)
{
	unsigned char *n, *before, *after;
	TRY(open_head(k, node, &n));
	uint64_t next = next_of(k, n), prev = prev_of(k, n);
	TRY(open_head(k, prev, &before));
	TRY(open_head(k, next, &after));
	if (next_of(k, before) != node || prev_of(k, after) != node)
		return error_at(ERR_BAD_LIST, node, "list is damaged around %" PRIx64, node);
	set_next(k, before, next);
	set_prev(k, after, prev);
	return NULL;
}

struct error *list_init(struct kernel *k, uint64_t node)
{
	unsigned char *n;
	TRY(open_head(k, node, &n));
	set_next(k, n, node);
	set_prev(k, n, node);
	return NULL;
}

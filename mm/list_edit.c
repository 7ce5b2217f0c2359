/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>

#include "mm/list_edit.h"

/* struct list_head is two pointers: next, prev. */
static struct error *open_head(struct kernel *k, uint64_t addr, unsigned char **p)
{
	struct object o;
	TRY(object_open_bytes_writable(k, addr, 2 * k->arch->pointer_size, &o));
	*p = (unsigned char *)o.bytes;
	return NULL;
}

static uint64_t next_of(const struct kernel *k, const unsigned char *p)
{
	return load_uint(p, k->arch->pointer_size);
}

static uint64_t prev_of(const struct kernel *k, const unsigned char *p)
{
	return load_uint(p + k->arch->pointer_size, k->arch->pointer_size);
}

static void set_next(const struct kernel *k, unsigned char *p, uint64_t value)
{
	store_uint(p, k->arch->pointer_size, value);
}

static void set_prev(const struct kernel *k, unsigned char *p, uint64_t value)
{
	store_uint(p + k->arch->pointer_size, k->arch->pointer_size, value);
}

static struct error *insert(struct kernel *k, uint64_t node, uint64_t prev, uint64_t next)
{
	unsigned char *n, *before, *after;
	TRY(open_head(k, node, &n));
	TRY(open_head(k, prev, &before));
	TRY(open_head(k, next, &after));
	set_next(k, n, next);
	set_prev(k, n, prev);
	set_next(k, before, node);
	set_prev(k, after, node);
	return NULL;
}

struct error *list_add(struct kernel *k, uint64_t node, uint64_t head)
{
	unsigned char *h;
	TRY(open_head(k, head, &h));
	return insert(k, node, head, next_of(k, h));
}

struct error *list_add_tail(struct kernel *k, uint64_t node, uint64_t head)
{
	unsigned char *h;
	TRY(open_head(k, head, &h));
	return insert(k, node, prev_of(k, h), head);
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

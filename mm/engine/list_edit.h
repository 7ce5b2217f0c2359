/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changing circular lists of an image (include/linux/list.h).
 */
#ifndef MM_LIST_EDIT_H
#define MM_LIST_EDIT_H

#include "core/kernel.h"

/* `node` after `head`. Both are addresses of list_heads. */
struct error *list_add(struct kernel *k, uint64_t node, uint64_t head) MUST_CHECK;
/* `node` before `head`: at the end of its list. */
struct error *list_add_tail(struct kernel *k, uint64_t node, uint64_t head) MUST_CHECK;
/* Unlinks; the node's own pointers stay as they were. ERR_BAD_LIST, without a change, when its neighbours do not point back at it. */
struct error *list_del(struct kernel *k, uint64_t node) MUST_CHECK;
/* Points the node at itself. */
struct error *list_init(struct kernel *k, uint64_t node) MUST_CHECK;

/* hlist_add_head(), hlist_del(): `node` is an hlist_node, `head` the address of the pointer to the first. */
struct error *hlist_add(struct kernel *k, uint64_t node, uint64_t head) MUST_CHECK;
struct error *hlist_del(struct kernel *k, uint64_t node) MUST_CHECK;

#endif

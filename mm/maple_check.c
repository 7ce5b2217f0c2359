/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lib/maple_tree.c: mt_validate() and what it calls. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/interrupt.h"
#include "mm/maple_node.h"

struct check {
	struct maple_form f;
	maple_finding *say;
	void *context;
	unsigned depth;	   /* levels, by the first leaf; 0: not known yet */
	bool keeps_gaps;   /* the tree's flags say so */
	bool empty_before; /* the range before had no entry */
	uint64_t nodes;
};

static void say(struct check *c, const struct maple_node *n, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(struct check *c, const struct maple_node *n, const char *format, ...)
{
	char text[160];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	c->say(c->context, n->addr, text);
}

/* mas_validate_limits(): the last slot's pivot is the node's greatest index, the node says that it ends there, and nothing stands behind. */
static void check_limits(struct check *c, const struct maple_node *n, unsigned last)
{
	const struct maple_form *f = &c->f;
	const struct maple_layout *l = &n->layout;
	if (last != n->end)
		say(c, n, "ends with slot %u, its data with slot %u", last, n->end);
	if (last < l->pivots && maple_element(f, n->bytes, l->pivot, last) != n->max)
		say(c, n, "has %" PRIx64 " as its last pivot, its greatest index is %" PRIx64, maple_element(f, n->bytes, l->pivot, last), n->max);
	for (unsigned i = last + 1; i + 1 < l->slots; i++)
		if (maple_element(f, n->bytes, l->slot, i) || maple_element(f, n->bytes, l->pivot, i)) {
			say(c, n, "has something in slot %u, behind its end", i);
			return;
		}
}

/* mas_validate_gaps(): what a node keeps of its slots; whether that is so is maple_gaps()'s to find. */
static void check_kept_gaps(struct check *c, const struct maple_node *n)
{
	const struct member *gap = &c->f.k->members[M_maple_arange_64_gap], *meta = &c->f.k->members[M_maple_arange_64_meta_gap];
	uint64_t greatest = 0, at = maple_element(&c->f, n->bytes, meta, 0), here;
	if (!gap->present || !meta->present)
		return;
	for (unsigned i = 0; i < n->layout.slots; i++) {
		here = maple_element(&c->f, n->bytes, gap, i);
		if (i > n->end && here)
			say(c, n, "keeps a gap for slot %u, behind its end", i);
		else if (here > greatest)
			greatest = here;
	}
	/* MAPLE_ARANGE64_META_MAX, until 6.5: there is none. */
	if (at > n->end && (at != 15 || greatest))
		say(c, n, "has its greatest gap in slot %" PRIu64 ", behind its end", at);
	else if (at <= n->end && maple_element(&c->f, n->bytes, gap, (unsigned)at) != greatest)
		say(c, n, "has its greatest gap in slot %" PRIu64 ", it says, but another one keeps more", at);
}

static void check_kind(struct check *c, const struct maple_node *n, unsigned level)
{
	bool arange = (int)maple_type(n->enode) == c->f.arange_64;
	if (n->layout.leaf && !c->depth)
		c->depth = level + 1;
	if (c->depth && n->layout.leaf != (level + 1 == c->depth))
		say(c, n, "stands at another level than its neighbours");
	if (!n->layout.leaf && arange != c->keeps_gaps)
		say(c, n, arange ? "keeps gaps, its tree does not" : "keeps no gaps, its tree does");
	if (n->end < maple_min_slots(&c->f, &n->layout, maple_type(n->enode)) && n->max != c->f.max)
		say(c, n, "has %u slots in use: too few", n->end + 1);
}

static struct error *check_node(struct check *c, uint64_t enode, uint64_t min, uint64_t max, uint64_t parent, unsigned level)
{
	struct maple_node n;
	uint64_t from = min, to = min;
	bool done = false;
	unsigned i = 0;
	if (level >= MAPLE_MAX_HEIGHT)
		return maple_bad_node(enode & ~MAPLE_NODE_MASK, "stands deeper than a tree can be");
	if ((++c->nodes & 1023) == 0)
		TRY(check_interrupt());
	TRY(maple_node_open(&c->f, enode, min, max, &n));
	if (n.parent != parent)
		say(c, &n, "has %" PRIx64 " for parent and slot, where %" PRIx64 " leads to it", n.parent, parent);
	check_kind(c, &n, level);
	if (!n.layout.pivots)
		return NULL;
	for (; !done && i < n.layout.slots; i++, from = to + 1) {
		TRY(maple_slot_range(&c->f, &n, i, from, &to, &done));
		uint64_t entry = maple_element(&c->f, n.bytes, n.layout.slot, i);
		if (!n.layout.leaf && !(entry & ~MAPLE_NODE_MASK))
			return maple_bad_node(n.addr, "lacks a child");
		if (!n.layout.leaf) {
			TRY(check_node(c, entry, from, to, n.addr | (uint64_t)i << MAPLE_PARENT_SHIFT | MAPLE_PARENT_64, level + 1));
			continue;
		}
		if (!entry && c->empty_before)
			say(c, &n, "has an empty range at %" PRIx64 " behind another", from);
		c->empty_before = !entry;
	}
	check_limits(c, &n, i - 1);
	if (n.layout.leaf && c->empty_before && n.max != c->f.max)
		say(c, &n, "ends in an empty range, and is not the last leaf");
	if ((int)maple_type(enode) == c->f.arange_64)
		check_kept_gaps(c, &n);
	return NULL;
}

struct error *maple_check(struct kernel *k, uint64_t tree, maple_finding *report, void *context)
{
	struct check c = { .say = report, .context = context };
	uint64_t root, flags;
	TRY(maple_form_open(k, &c.f));
	TRY(maple_root(k, tree, &root));
	TRY(kernel_get(k, tree, M_maple_tree_ma_flags, &flags));
	c.keeps_gaps = flags & MAPLE_ALLOC_RANGE;
	if (maple_is_node(root))
		TRY(check_node(&c, root, 0, c.f.max, tree | MAPLE_ROOT_PARENT, 0));
	if ((flags & MAPLE_HEIGHT_MASK) >> MAPLE_HEIGHT_SHIFT != c.depth) {
		char text[80];
		snprintf(text, sizeof(text), "says that it is %" PRIu64 " nodes high, and is %u", (flags & MAPLE_HEIGHT_MASK) >> MAPLE_HEIGHT_SHIFT, c.depth);
		report(context, tree, text);
	}
	return NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What has changed in an image since a mark, by object: pages of the page array, page-table entries, slab objects (areas, mms, files …), tasks, zones and
 * other variables of the kernel; what is none of these by its frame.
 */
#ifndef MM_CHANGES_H
#define MM_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kernel.h"

enum change_kind {
	CHANGE_VALUE,	 /* a member, entry or variable: before, now */
	CHANGE_APPEARED, /* a slab object that was free before … */
	CHANGE_VANISHED, /* … that is free now */
	CHANGE_BYTES,	 /* `bytes` bytes differ, the first at addr */
};

struct change {
	enum change_kind kind;
	const char *object; /* "page", "vm_area_struct", "pte", "frame", a variable's name */
	uint64_t addr;	    /* of the object; of an entry the user address that it maps */
	const char *owner;  /* "pid 273", "Normal"; NULL: nothing to add */
	const char *member; /* path; NULL: the whole */
	uint64_t before, now;
	bool is_hex;	    /* pointers, flags and entries, rather than counts */
	uint64_t bytes;
};

typedef void change_visitor(void *context, const struct change *c);

struct changes_options {
	bool links; /* list nodes, tree nodes, hash chains too */
	bool free;  /* what is in free frames and free slab objects too */
};

/* Ascending by physical address; objects that lie together come together. ERR_INTERRUPTED, ERR_NO_MEMORY, or as vmcore_diff(). */
struct error *changes_since(struct kernel *k, unsigned depth, const struct changes_options *options, change_visitor *visit, void *context) MUST_CHECK;

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The few members that VMCOREINFO tells of a kernel whose types are not known (kernel/vmcore_info.c,
 * kernel/printk/printk.c: log_buf_vmcoreinfo_setup()): enough to read its log.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/kernel.h"

/* Where a member of a member stands: the sum of two offsets. Bytes 0: a pointer or an unsigned long. */
struct told_member {
	enum member_id id;
	const char *outer, *inner;
	unsigned bytes;
};

static const struct told_member told_members[] = {
	{M_printk_ringbuffer_desc_count_bits, "printk_ringbuffer.desc_ring",
	 "prb_desc_ring.count_bits", 4},
	{M_printk_ringbuffer_descs, "printk_ringbuffer.desc_ring", "prb_desc_ring.descs", 0},
	{M_printk_ringbuffer_infos, "printk_ringbuffer.desc_ring", "prb_desc_ring.infos", 0},
	{M_printk_ringbuffer_head_id, "printk_ringbuffer.desc_ring", "prb_desc_ring.head_id", 0},
	{M_printk_ringbuffer_tail_id, "printk_ringbuffer.desc_ring", "prb_desc_ring.tail_id", 0},
	{M_printk_ringbuffer_text_size_bits, "printk_ringbuffer.text_data_ring",
	 "prb_data_ring.size_bits", 4},
	{M_printk_ringbuffer_text_data, "printk_ringbuffer.text_data_ring", "prb_data_ring.data",
	 0},
	{M_prb_desc_state_var, "prb_desc.state_var", NULL, 0},
	{M_prb_desc_text_begin, "prb_desc.text_blk_lpos", "prb_data_blk_lpos.begin", 0},
	{M_prb_desc_text_next, "prb_desc.text_blk_lpos", "prb_data_blk_lpos.next", 0},
	{M_printk_info_seq, "printk_info.seq", NULL, 8},
	{M_printk_info_ts_nsec, "printk_info.ts_nsec", NULL, 8},
	{M_printk_info_text_len, "printk_info.text_len", NULL, 2},
	{M_printk_info_caller_id, "printk_info.caller_id", NULL, 4},
	{M_list_head_next, "list_head.next", NULL, 0},
	{M_list_head_prev, "list_head.prev", NULL, 0},
};

static const struct {
	enum struct_id id;
	const char *name;
} told_structs[] = {
	{S_printk_ringbuffer, "printk_ringbuffer"},
	{S_prb_desc, "prb_desc"},
	{S_printk_info, "printk_info"},
	{S_list_head, "list_head"},
};

static bool told(struct kernel *k, const char *kind, const char *name, uint32_t *value)
{
	char key[128], text[32];
	char *end;
	snprintf(key, sizeof(key), "%s(%s)", kind, name);
	if (!vmcoreinfo_string(&k->vmcoreinfo, key, text, sizeof(text)))
		return false;
	unsigned long number = strtoul(text, &end, 10);
	*value = (uint32_t)number;
	/* No struct of the kernel is near that large. */
	return end != text && !*end && number < 1 << 20;
}

void members_from_vmcoreinfo(struct kernel *k)
{
	for (size_t i = 0; i < sizeof(told_structs) / sizeof(told_structs[0]); i++) {
		struct struct_info *s = &k->structs[told_structs[i].id];
		if (!s->size && !told(k, "SIZE", told_structs[i].name, &s->size))
			s->size = 0;
	}
	for (size_t i = 0; i < sizeof(told_members) / sizeof(told_members[0]); i++) {
		const struct told_member *t = &told_members[i];
		struct member *m = &k->members[t->id];
		uint32_t outer, inner = 0;
		if (m->present || !told(k, "OFFSET", t->outer, &outer) ||
		    (t->inner && !told(k, "OFFSET", t->inner, &inner)))
			continue;
		m->offset = outer + inner;
		m->size = m->total = m->stride = t->bytes ? t->bytes : k->arch->pointer_size;
		m->count = 1;
		m->present = true;
	}
}

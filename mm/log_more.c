/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was to become part of the kernel's log, or of user space's: messages of interrupts not yet copied to it, records of the audit
 * system not yet fetched.
 */
#include <stdlib.h>

#include "core/interrupt.h"
#include "mm/log.h"

/* One page, less the header (kernel/printk/printk_safe.c). */
#define SAFE_BUFFER_MAX (1u << 16)
#define AUDIT_TEXT_MAX	(1u << 14)
#define NLMSG_HEADER	16 /* struct nlmsghdr (include/uapi/linux/netlink.h) */
#define RECORDS_MAX	(1u << 20)

struct error *log_safe_for_each(struct kernel *k, log_safe_visitor *visit, void *context)
{
	static const char *const names[] = {"nmi_print_seq", "safe_print_seq"};

	if (!HAS(k, printk_safe_seq_buf, buffer))
		return error_new(ERR_UNSUPPORTED, "this kernel keeps no messages of interrupts apart");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t symbol = symbol_addr(k, names[i]);

		for (unsigned cpu = 0; symbol && cpu < k->cpus; cpu++) {
			struct log_safe_buffer b = {names[i], cpu, percpu_addr(k, symbol, cpu), 0, 0, NULL};
			char text[SAFE_BUFFER_MAX];

			TRY(kernel_get(k, b.addr, M_printk_safe_seq_buf_len, &b.len));
			TRY(kernel_get(k, b.addr, M_printk_safe_seq_buf_message_lost, &b.lost));
			if (b.len > k->members[M_printk_safe_seq_buf_buffer].total || b.len >= sizeof(text))
				return error_at(ERR_BAD_OBJECT, b.addr, "buffer of messages is longer than it can be: %lx", b.addr);
			TRY(kernel_read(k, b.addr + OFFSET(k, printk_safe_seq_buf, buffer), text, b.len));
			text[b.len] = '\0';
			b.text = text;
			if (!visit(context, &b))
				return NULL;
		}
	}
	return NULL;
}

/* The sk_buffs of a queue: a chain that ends where it began (include/linux/skbuff.h). */
static struct error *audit_queue(struct kernel *k, const char *name, uint64_t head, log_audit_visitor *visit, void *context)
{
	uint64_t at;

	TRY(kernel_get(k, head, M_sk_buff_next, &at));
	for (unsigned n = 0; at && at != head; n++) {
		struct log_audit_record r = {.queue = name, .addr = at};
		char text[AUDIT_TEXT_MAX];
		uint64_t data, len;
		uint32_t header[2];

		if (n == RECORDS_MAX)
			return error_at(ERR_BAD_LIST, head, "audit queue does not end: %lx", head);
		TRY(check_interrupt());
		TRY(kernel_get(k, at, M_sk_buff_data, &data));
		TRY(kernel_get(k, at, M_sk_buff_len, &len));
		TRY(kernel_read(k, data, header, sizeof(header)));
		r.type = header[1] & 0xffff;
		len = header[0] < len ? header[0] : len;
		len = len > NLMSG_HEADER ? len - NLMSG_HEADER : 0;
		if (len >= sizeof(text))
			len = sizeof(text) - 1;
		TRY(kernel_read(k, data + NLMSG_HEADER, text, len));
		text[len] = '\0';
		r.text = text;
		if (!visit(context, &r))
			return NULL;
		TRY(kernel_get(k, at, M_sk_buff_next, &at));
	}
	return NULL;
}

struct error *log_audit_for_each(struct kernel *k, log_audit_visitor *visit, void *context)
{
	static const char *const names[] = {"audit_queue", "audit_retry_queue", "audit_hold_queue"};
	bool any = false;

	TRY(members_require(k, "the audit log", M_sk_buff_next, M_sk_buff_data, M_sk_buff_len, MEMBER_NONE));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t head = symbol_addr(k, names[i]);

		any |= head != 0;
		if (head)
			TRY(audit_queue(k, names[i], head, visit, context));
	}
	return any ? NULL : error_new(ERR_UNSUPPORTED, "this kernel has no audit system");
}

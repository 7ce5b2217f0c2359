/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log -s and -a: what had not become part of a log when the image was taken. */
#include "cmd/log.h"

#include <inttypes.h>
#include <string.h>

#include "mm/log.h"

static bool print_safe(void *context, const struct log_safe_buffer *b)
{
	struct out *o = ((struct session *)context)->out;

	out_object_begin(o, NULL);
	out_dec(o, "cpu", NULL, b->cpu);
	if (!b->cpu)
		out_printf(o, "PRINTK_SAFE_SEQ_BUF: %s\n", b->name);
	out_str(o, "name", NULL, b->name);
	out_printf(o, "CPU: %u  ", b->cpu);
	out_hex(o, "addr", "ADDR: %" PRIx64 " ", b->addr);
	out_dec(o, "len", "LEN: %" PRIu64 "  ", b->len);
	out_dec(o, "message_lost", "MESSAGE_LOST: %" PRIu64 "\n", b->lost);
	out_str(o, "text", NULL, b->text);
	if (!b->len)
		out_text(o, "  (empty)\n");
	for (const char *p = b->text; *p && !out_json(o);) {
		size_t len = strcspn(p, "\n");

		/* Each message begins with its level: a start of header and a digit (include/linux/kern_levels.h). */
		if (p[0] == 1 && len > 1)
			out_printf(o, "  %.*s\n", (int)len - 2, p + 2);
		else
			out_printf(o, "  %.*s\n", (int)len, p);
		p += len + (p[len] == '\n');
	}
	out_object_end(o);
	return !o->failed;
}

struct error *log_print_safe(struct session *s)
{
	struct error *e;

	out_array_begin(s->out, "buffers");
	e = log_safe_for_each(s->kernel, print_safe, s);
	if (!e)
		out_array_end(s->out);
	return e;
}

struct audit_view {
	struct out *out;
	uint64_t records;
};

static bool print_audit(void *context, const struct log_audit_record *r)
{
	struct audit_view *v = context;
	struct out *o = v->out;

	v->records++;
	out_object_begin(o, NULL);
	out_hex(o, "sk_buff", NULL, r->addr);
	out_str(o, "queue", NULL, r->queue);
	out_dec(o, "type", "type=%" PRIu64, r->type);
	out_str(o, "text", " %s\n", r->text);
	out_object_end(o);
	return !o->failed;
}

struct error *log_print_audit(struct session *s)
{
	struct audit_view v = {.out = s->out};
	struct error *e;

	out_array_begin(s->out, "records");
	e = log_audit_for_each(s->kernel, print_audit, &v);
	if (!e)
		out_array_end(s->out);
	if (!e && !v.records)
		out_text(s->out, "kernel audit log is empty\n");
	return e;
}

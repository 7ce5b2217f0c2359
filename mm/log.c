/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three forms:
 *   5.10   struct printk_ringbuffer: rings of descriptors, of infos and of text
 * (kernel/printk/printk_ringbuffer.h) 3.5    records with a header in log_buf, from log_first_idx
 * to log_next_idx (kernel/printk/printk.c) before plain text in log_buf, a ring of log_buf_len
 * bytes that ends at log_end
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/interrupt.h"
#include "mm/log.h"

/* The longest buffer that can be configured is 2^25 bytes (LOG_BUF_SHIFT), and log_buf_len= goes up
 * to 2^31. */
#define LOG_BUF_MAX	(1ull << 31)
#define RECORD_TEXT_MAX 65536

/* ---- The printk ring buffer ---- */

struct ring {
	struct kernel *k;
	unsigned count_bits, size_bits;
	uint64_t descs, infos, data;
	uint64_t head, tail; /* descriptor ids */
};

/* The descriptor's state: its two topmost bits (DESC_SV). */
enum { DESC_COMMITTED = 1, DESC_FINALIZED = 2 };

static uint64_t id_mask(const struct ring *r)
{
	return (1ull << (8 * r->k->arch->pointer_size - 2)) - 1;
}

/* A block's place in the ring of text: lpos is a count of bytes since boot, of which the ring's
 * size is cut off. */
static bool block_text(const struct ring *r, uint64_t begin, uint64_t next, uint64_t id,
		       uint64_t *addr, uint64_t *size)
{
	const uint64_t bytes = 1ull << r->size_bits, word = r->k->arch->pointer_size;
	uint64_t from, owner;
	/* BLK_DATALESS: the text was lost, or is empty */
	if (begin & 1 || next & 1)
		return false;
	if (begin >> r->size_bits == (next - 1) >> r->size_bits && begin < next) {
		from = begin & (bytes - 1);
		*size = next - begin;
	} else if ((begin + bytes) >> r->size_bits == (next - 1) >> r->size_bits) {
		/* what would cross the end starts at the beginning */
		from = 0;
		*size = next & (bytes - 1);
	} else {
		return false;
	}
	if (*size <= word || from + *size > bytes)
		return false;
	*addr = r->data + from + word;
	*size -= word;
	/* the block starts with its descriptor's id */
	return !error_drop(kernel_read_pointer(r->k, r->data + from, &owner)) && owner == id;
}

/* "SUBSYSTEM=…" NUL "DEVICE=…" NUL into buf; its length. */
static size_t device_dictionary(const struct ring *r, const struct object *info, char *buf,
				size_t size)
{
	static const struct {
		enum member_id id;
		const char *key;
	} part[] = {{M_printk_info_subsystem, "SUBSYSTEM="}, {M_printk_info_device, "DEVICE="}};
	size_t used = 0;
	for (unsigned i = 0; i < 2; i++) {
		size_t length;
		const unsigned char *text = object_bytes(r->k, info, part[i].id, &length);
		if (!text || !*text || used + strlen(part[i].key) + length + 1 > size)
			continue;
		used += stpcpy(buf + used, part[i].key) - (buf + used);
		length = strnlen((const char *)text, length);
		memcpy(buf + used, text, length);
		used += length;
		buf[used++] = 0;
	}
	return used;
}

static struct error *visit_descriptor(const struct ring *r, uint64_t id, log_visitor *visit,
				      void *context, char *text, bool *go_on)
{
	struct kernel *k = r->k;
	uint64_t index = id & ((1ull << r->count_bits) - 1);
	struct object desc, info;
	TRY(object_open(k, r->descs + index * SIZE_OF(k, prb_desc), S_prb_desc, &desc));
	TRY(object_open(k, r->infos + index * SIZE_OF(k, printk_info), S_printk_info, &info));
	uint64_t state = GET(k, &desc, prb_desc, state_var);
	unsigned phase = state >> (8 * k->arch->pointer_size - 2);
	if (k->arch->pointer_size == 4)
		phase &= 3;
	if ((state & id_mask(r)) != id || (phase != DESC_COMMITTED && phase != DESC_FINALIZED))
		return NULL;

	struct log_record record = {
		.seq = GET(k, &info, printk_info, seq),
		.has_header = true,
		.ts_nsec = GET(k, &info, printk_info, ts_nsec),
		.facility = GET(k, &info, printk_info, facility),
		.level = GET(k, &info, printk_info, level),
		.has_caller = HAS(k, printk_info, caller_id),
		.caller_id = GET(k, &info, printk_info, caller_id),
	};
	uint64_t begin = GET(k, &desc, prb_desc, text_begin),
		 next = GET(k, &desc, prb_desc, text_next), addr, size;
	uint64_t length = GET(k, &info, printk_info, text_len);
	if (length) {
		if (!block_text(r, begin, next, id, &addr, &size))
			return NULL;
		if (length > size)
			length = size;
		if (length > RECORD_TEXT_MAX)
			length = RECORD_TEXT_MAX;
		TRY(kernel_read(k, addr, text, length));
	}
	char dictionary[256];
	record.text = text;
	record.text_size = length;
	record.dictionary = dictionary;
	record.dictionary_size = device_dictionary(r, &info, dictionary, sizeof(dictionary));
	*go_on = visit(context, &record);
	return NULL;
}

static struct error *walk_ring(struct kernel *k, uint64_t prb, log_visitor *visit, void *context,
			       char *text)
{
	TRY(members_require(k, "the log", M_printk_ringbuffer_desc_count_bits,
			    M_printk_ringbuffer_descs, M_printk_ringbuffer_infos,
			    M_printk_ringbuffer_head_id, M_printk_ringbuffer_tail_id,
			    M_printk_ringbuffer_text_size_bits, M_printk_ringbuffer_text_data,
			    M_prb_desc_state_var, M_prb_desc_text_begin, M_prb_desc_text_next,
			    M_printk_info_text_len, M_printk_info_ts_nsec, MEMBER_NONE));
	struct object o;
	TRY(object_open(k, prb, S_printk_ringbuffer, &o));
	struct ring r = {
		.k = k,
		.count_bits = GET(k, &o, printk_ringbuffer, desc_count_bits),
		.size_bits = GET(k, &o, printk_ringbuffer, text_size_bits),
		.descs = GET(k, &o, printk_ringbuffer, descs),
		.infos = GET(k, &o, printk_ringbuffer, infos),
		.data = GET(k, &o, printk_ringbuffer, text_data),
		.head = GET(k, &o, printk_ringbuffer, head_id),
		.tail = GET(k, &o, printk_ringbuffer, tail_id),
	};
	if (!r.count_bits || r.count_bits > 28 || r.size_bits < 3 || r.size_bits > 31)
		return error_at(ERR_BAD_OBJECT, prb,
				"the log's ring at %" PRIx64 " has 2^%u descriptors and 2^%u bytes",
				prb, r.count_bits, r.size_bits);
	r.head &= id_mask(&r);
	r.tail &= id_mask(&r);
	if (((r.head - r.tail) & id_mask(&r)) >> r.count_bits)
		return error_at(ERR_BAD_OBJECT, prb,
				"the log's ring at %" PRIx64 " has more records than room", prb);
	bool go_on = true;
	for (uint64_t id = r.tail; go_on; id = (id + 1) & id_mask(&r)) {
		TRY(visit_descriptor(&r, id, visit, context, text, &go_on));
		TRY(check_interrupt());
		if (id == r.head)
			break;
	}
	return NULL;
}

/* ---- Records in log_buf ---- */

/* enum log_flags, kernel/printk/printk.c, while it had them all. */
enum { LOG_NEWLINE = 2, LOG_PREFIX = 4, LOG_CONT = 8 };

static struct error *walk_records(struct kernel *k, uint64_t buf, uint64_t len, log_visitor *visit,
				  void *context, char *text)
{
	uint64_t at, next, seq = 0;
	const uint32_t header = SIZE_OF(k, printk_log);
	TRY(members_require(k, "the log", M_printk_log_ts_nsec, M_printk_log_len,
			    M_printk_log_text_len, MEMBER_NONE));
	TRY(kernel_read_symbol(k, "log_first_idx", 4, &at));
	TRY(kernel_read_symbol(k, "log_next_idx", 4, &next));
	error_drop(kernel_read_symbol(k, "log_first_seq", 8, &seq));
	int64_t prefix;
	/* Since 4.10 no record is a part of a line. */
	bool parts = enumerator_find(k, "LOG_PREFIX", &prefix);
	unsigned before = LOG_NEWLINE;
	bool wrapped = false;
	/* an empty log has no record at first == next */
	uint64_t first_seq = seq, next_seq;
	if (!error_drop(kernel_read_symbol(k, "log_next_seq", 8, &next_seq)) &&
	    next_seq == first_seq)
		return NULL;
	for (uint64_t steps = 0; steps <= len / header; steps++, seq++) {
		struct object o;
		if (at + header > len)
			return error_at(ERR_BAD_OBJECT, buf + at,
					"the log's records run out of its buffer at %" PRIx64,
					buf + at);
		TRY(object_open(k, buf + at, S_printk_log, &o));
		uint64_t size = GET(k, &o, printk_log, len),
			 length = GET(k, &o, printk_log, text_len);
		uint64_t extra = GET(k, &o, printk_log, dict_len);
		if (!size) {
			/* the next record is at the beginning */
			if (wrapped)
				return error_at(ERR_BAD_OBJECT, buf + at, "the log's records loop");
			wrapped = true;
			at = 0;
			if (at == next)
				break;
			seq--;
			continue;
		}
		if (size < header || header + length + extra > size || at + size > len)
			return error_at(ERR_BAD_OBJECT, buf + at,
					"damaged record in the log at %" PRIx64, buf + at);
		TRY(kernel_read(k, buf + at + header, text, length + extra));
		unsigned flags = GET(k, &o, printk_log, flags);
		struct log_record record = {
			.seq = seq,
			.has_header = true,
			.ts_nsec = GET(k, &o, printk_log, ts_nsec),
			.facility = GET(k, &o, printk_log, facility),
			.level = GET(k, &o, printk_log, level),
			.has_caller = HAS(k, printk_log, caller_id),
			.caller_id = GET(k, &o, printk_log, caller_id),
			.text = text,
			.text_size = length,
			.dictionary = text + length,
			.dictionary_size = extra,
		};
		/* as msg_print_text() joined them */
		if (parts) {
			record.continues = (before & LOG_CONT && !(flags & LOG_PREFIX)) &&
					   !(before & LOG_NEWLINE && flags & LOG_CONT);
			record.unfinished = flags & LOG_CONT && !(flags & LOG_NEWLINE);
			before = flags;
		}
		if (!visit(context, &record))
			return NULL;
		TRY(check_interrupt());
		at += size;
		if (at == next)
			break;
	}
	return NULL;
}

/* ---- Plain text ---- */

static struct error *walk_text(struct kernel *k, uint64_t buf, uint64_t len, log_visitor *visit,
			       void *context, char *text)
{
	const unsigned word = k->arch->pointer_size;
	uint64_t end, chars = len;
	TRY(kernel_read_symbol(k, "log_end", symbol_addr(k, "log_buf_len") ? 4 : word, &end));
	error_drop(kernel_read_symbol(k, "logged_chars", symbol_addr(k, "log_buf_len") ? 4 : word,
				      &chars));
	/* a count of all characters ever (unsigned), of which the last `chars` are left */
	if (chars > len)
		chars = len;
	if (chars > (uint32_t)end)
		chars = (uint32_t)end;
	if (len & (len - 1))
		return error_new(ERR_BAD_OBJECT, "log_buf has %" PRIu64 " bytes, no power of two",
				 len);
	uint64_t seq = 0;
	size_t size = 0;
	for (uint64_t i = end - chars; i != end; i++) {
		unsigned char c;
		TRY(kernel_read(k, buf + (i & (len - 1)), &c, 1));
		if (c != '\n' && size < RECORD_TEXT_MAX)
			text[size++] = c;
		if (c != '\n' && i + 1 != end)
			continue;
		struct log_record record = {.seq = seq++, .text = text, .text_size = size};
		if (!visit(context, &record))
			return NULL;
		TRY(check_interrupt());
		size = 0;
	}
	return NULL;
}

/* ---- Which of them ---- */

/* The bytes up to the next symbol: the room of an array. */
static uint64_t room_of(struct kernel *k, const char *name)
{
	struct symbol symbol, other;
	size_t i;
	if (!symbol_find(k, name, &symbol) || !symbols_index(k, &symbol, &i))
		return 0;
	while (symbols_get(k, ++i, &other))
		if (other.addr != symbol.addr)
			return other.addr - symbol.addr;
	return 0;
}

static struct error *find_log_buf(struct kernel *k, uint64_t *buf, uint64_t *len)
{
	/* `log_buf` was the array itself until it could be given another length */
	if (symbol_addr(k, "log_buf_len")) {
		TRY(kernel_read_symbol(k, "log_buf_len", 4, len));
		TRY(kernel_read_symbol(k, "log_buf", 0, buf));
	} else {
		*buf = symbol_addr(k, "log_buf");
		*len = room_of(k, "log_buf");
		for (uint64_t size = 1; *len && size <= LOG_BUF_MAX; size *= 2)
			if (size <= *len && 2 * size > *len) {
				*len = size;
				break;
			}
	}
	if (!*buf || !*len || *len > LOG_BUF_MAX)
		return error_at(ERR_BAD_OBJECT, *buf, "log_buf has %" PRIu64 " bytes at %" PRIx64,
				*len, *buf);
	return NULL;
}

struct error *log_for_each(struct kernel *k, log_visitor *visit, void *context)
{
	uint64_t prb = 0, buf, len;
	if (symbol_addr(k, "prb"))
		TRY(kernel_read_symbol(k, "prb", 0, &prb));
	else if (!symbol_addr(k, "log_buf"))
		return error_new(ERR_UNSUPPORTED,
				 "this kernel has no log (no symbol prb or log_buf)");
	char *text = malloc(2 * RECORD_TEXT_MAX);
	if (!text)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *e;
	if (prb) {
		e = walk_ring(k, prb, visit, context, text);
	} else {
		e = find_log_buf(k, &buf, &len);
		if (!e)
			e = symbol_addr(k, "log_first_idx")
				    ? walk_records(k, buf, len, visit, context, text)
				    : walk_text(k, buf, len, visit, context, text);
	}
	free(text);
	return e;
}

/* ---- Why it crashed ---- */

/* In the order of how much they say; the first line of the best kind is it. */
static const char *const reasons[] = {
	"sysrq: Trigger a crash",
	"SysRq : Trigger a crash",
	"SysRq : Crash",
	"BUG: kernel NULL pointer dereference",
	"BUG: unable to handle",
	"Unable to handle kernel",
	"general protection fault",
	"kernel BUG at",
	"double fault:",
	"divide error:",
	"stack segment:",
	"invalid opcode:",
	"Kernel panic - not syncing: ",
	"Kernel panic: ",
	"Oops: ",
};
#define REASONS (sizeof(reasons) / sizeof(*reasons))

struct panic_search {
	char *buf;
	size_t size, best;
};

static bool look_for_reason(void *context, const struct log_record *r)
{
	struct panic_search *s = context;
	for (size_t i = 0; i < s->best; i++) {
		const char *at = memmem(r->text, r->text_size, reasons[i], strlen(reasons[i]));
		if (!at)
			continue;
		size_t length = r->text + r->text_size - at;
		const char *newline = memchr(at, '\n', length);
		if (newline)
			length = newline - at;
		if (length >= s->size)
			length = s->size - 1;
		for (size_t n = 0; n < length; n++)
			s->buf[n] = isprint((unsigned char)at[n]) ? at[n] : '.';
		s->buf[length] = 0;
		s->best = i;
	}
	return s->best > 0;
}

void log_panic_message(struct kernel *k, char *buf, size_t size)
{
	struct panic_search s = {buf, size, REASONS};
	if (!size)
		return;
	*buf = 0;
	error_drop(log_for_each(k, look_for_reason, &s));
}

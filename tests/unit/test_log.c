/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log in the three forms that it has had, filled beyond their ends, and damaged. */
#include <stdio.h>

#include "mm/log.h"
#include "small_kernel.h"

#define AT(x) (SMALL_BASE + 0x10000 + (x))

static void set_symbols(struct kernel *k, const char *map)
{
	char path[] = "/tmp/test_log.XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	fputs(map, f);
	fclose(f);
	assert_success(symbols_open_file(k, path));
	remove(path);
}

struct gathered {
	char text[64 * 1024];
	size_t size;
	unsigned records;
};

static bool gather(void *context, const struct log_record *r)
{
	struct gathered *g = context;
	if (r->continues)
		g->size += sprintf(g->text + g->size, "+");
	g->size += sprintf(g->text + g->size, "%.*s", (int)r->text_size, r->text);
	if (r->has_header)
		g->size += sprintf(g->text + g->size, "@%d", (int)(r->ts_nsec / 1000000000));
	for (size_t i = 0; i < r->dictionary_size; i++)
		g->text[g->size++] = r->dictionary[i] ? r->dictionary[i] : ',';
	if (r->unfinished)
		g->size += sprintf(g->text + g->size, "…");
	g->size += sprintf(g->text + g->size, "\n");
	g->records++;
	return g->size < sizeof(g->text) / 2;
}

static struct gathered *all(struct kernel *k, int *code)
{
	struct gathered *g = calloc(1, sizeof(*g));
	struct error *e = log_for_each(k, gather, g);
	*code = e ? e->code : (enum error_code) - 1;
	error_free(e);
	return g;
}

static void expect(struct kernel *k, const char *text)
{
	int code;
	struct gathered *g = all(k, &code);
	assert_true(code == -1);
	assert_string_equal(g->text, text);
	free(g);
}

/* ---- 5.10 ---- */

#define COUNT_BITS 3
#define SIZE_BITS  8
#define PRB	   AT(0)
#define DESCS	   AT(0x100)
#define INFOS	   AT(0x400)
#define DATA	   AT(0x1000)
#define DESC_SIZE  24
#define INFO_SIZE  96

static struct kernel *ring_kernel(void)
{
	struct small_types t = small_types_new();
	int counter = small_struct(&t, "atomic_long_t", 8, "counter", t.u64, 0, NULL);
	int lpos = small_struct(&t, "prb_data_blk_lpos", 16, "begin", t.u64, 0, "next", t.u64, 8,
				NULL);
	small_struct(&t, "prb_desc", DESC_SIZE, "state_var", counter, 0, "text_blk_lpos", lpos, 8,
		     NULL);
	int dev = small_struct(&t, "dev_printk_info", 64, "subsystem", small_array(&t, t.u8, 16), 0,
			       "device", small_array(&t, t.u8, 48), 16, NULL);
	small_struct(&t, "printk_info", INFO_SIZE, "seq", t.u64, 0, "ts_nsec", t.u64, 8, "text_len",
		     t.u16, 16, "facility", t.u8, 18, "level", t.u8, 19, "caller_id", t.u32, 20,
		     "dev_info", dev, 24, NULL);
	int descs = small_struct(&t, "prb_desc_ring", 40, "count_bits", t.u32, 0, "descs",
				 t.pointer, 8, "infos", t.pointer, 16, "head_id", counter, 24,
				 "tail_id", counter, 32, NULL);
	int data = small_struct(&t, "prb_data_ring", 32, "size_bits", t.u32, 0, "data", t.pointer,
				8, NULL);
	small_struct(&t, "printk_ringbuffer", 72, "desc_ring", descs, 0, "text_data_ring", data, 40,
		     NULL);
	struct kernel *k = small_kernel_new(&t);
	set_symbols(k, "ffff888000018000 d prb\n");
	poke64(k, AT(0x8000), PRB);
	poke(k, PRB, COUNT_BITS, 4);
	poke64(k, PRB + 8, DESCS);
	poke64(k, PRB + 16, INFOS);
	poke(k, PRB + 40, SIZE_BITS, 4);
	poke64(k, PRB + 48, DATA);
	return k;
}

/* Writes record `id` as the kernel does; *lpos is where its text goes. */
static void ring_add(struct kernel *k, uint64_t id, uint64_t *lpos, const char *text)
{
	const uint64_t bytes = 1 << SIZE_BITS, slot = id & ((1 << COUNT_BITS) - 1);
	uint64_t size = (8 + strlen(text) + 7) & ~7ull, begin = *lpos, next = begin + size,
		 at = begin & (bytes - 1);
	if (begin >> SIZE_BITS != (next - 1) >> SIZE_BITS) {
		next = (begin / bytes + 1) * bytes + size;
		at = 0;
	}
	/* whose text this overwrites, is out */
	for (uint64_t old = id > 7 ? id - 7 : 0; old < id; old++) {
		uint64_t desc = DESCS + (old & 7) * DESC_SIZE, its;
		assert_success(kernel_read_u64(k, desc + 8, &its));
		if (its + bytes < next && !(its & 1))
			poke64(k, desc, old | 3ull << 62);
	}
	poke64(k, DESCS + slot * DESC_SIZE, id | 2ull << 62);
	poke64(k, DESCS + slot * DESC_SIZE + 8, *text ? begin : 3);
	poke64(k, DESCS + slot * DESC_SIZE + 16, *text ? next : 3);
	uint64_t info = INFOS + slot * INFO_SIZE;
	poke64(k, info, id);
	poke64(k, info + 8, id * 1000000000);
	poke(k, info + 16, strlen(text), 2);
	poke64(k, info + 24, id == 5 ? 0x697063 : 0);	/* "cpi" */
	poke64(k, info + 40, id == 5 ? 0x3430302b : 0); /* "+004" */
	if (*text) {
		poke64(k, DATA + at, id);
		assert_success(kernel_write(k, DATA + at + 8, text, strlen(text)));
		*lpos = next;
	}
	poke64(k, PRB + 24, id);
	poke64(k, PRB + 32, id > 7 ? id - 7 : 0);
}

static void test_ring(void **state)
{
	struct kernel *k = ring_kernel();
	uint64_t lpos = 0;
	for (unsigned i = 0; i < 4; i++)
		ring_add(k, i, &lpos, i == 2 ? "" : "hello\nworld");
	expect(k, "hello\nworld@0\nhello\nworld@1\n@2\nhello\nworld@3\n");
	/* around the end of both rings, several times */
	for (unsigned round = 4; round < 60; round++) {
		char text[64], want[1024] = "";
		size_t n = 0;
		snprintf(text, sizeof(text), "%.*s%u", (int)(round * 7 % 50),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", round);
		ring_add(k, round, &lpos, text);
		for (unsigned id = round > 7 ? round - 7 : 0; id <= round; id++) {
			uint64_t v;
			assert_success(kernel_read_u64(k, DESCS + (id & 7) * DESC_SIZE, &v));
			if (v >> 62 != 2)
				continue;
			if (id < 4)
				n += sprintf(want + n, "%s@%u\n", id == 2 ? "" : "hello\nworld",
					     id);
			else
				n += sprintf(want + n, "%.*s%u@%u%s\n", (int)(id * 7 % 50),
					     "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
					     id, id, id == 5 ? "SUBSYSTEM=cpi,DEVICE=+004," : "");
		}
		expect(k, want);
	}
	small_kernel_free(k);
}

static void test_panic(void **state)
{
	struct kernel *k = ring_kernel();
	uint64_t lpos = 0;
	char text[64];
	log_panic_message(k, text, sizeof(text));
	assert_string_equal(text, "");
	ring_add(k, 0, &lpos, "Command line: panic=-1");
	log_panic_message(k, text, sizeof(text));
	assert_string_equal(text, "");
	ring_add(k, 1, &lpos, "BUG: unable to handle page fault at 5");
	ring_add(k, 2, &lpos, "Kernel panic - not syncing: Fatal exception\nmore");
	log_panic_message(k, text, sizeof(text));
	assert_string_equal(text, "BUG: unable to handle page fault at 5");
	char little[8];
	log_panic_message(k, little, sizeof(little));
	assert_string_equal(little, "BUG: un");
	small_kernel_free(k);
}

/* ---- 3.5 to 5.9 ---- */

static uint64_t record_add(struct kernel *k, uint64_t at, unsigned seconds, const char *text,
			   const char *dict, unsigned flags)
{
	size_t length = strlen(text), extra = strlen(dict),
	       size = (16 + length + extra + 3) & ~3ull;
	poke64(k, at, seconds * 1000000000ull);
	poke(k, at + 8, size, 2);
	poke(k, at + 10, length, 2);
	poke(k, at + 12, extra, 2);
	poke(k, at + 14, 0, 1);
	poke(k, at + 15, flags, 1);
	assert_success(kernel_write(k, at + 16, text, length));
	assert_success(kernel_write(k, at + 16 + length, dict, extra));
	return at + size;
}

static struct kernel *record_kernel(bool parts)
{
	struct small_types t = small_types_new();
	small_struct(&t, "printk_log", 16, "ts_nsec", t.u64, 0, "len", t.u16, 8, "text_len", t.u16,
		     10, "dict_len", t.u16, 12, "facility", t.u8, 14, "flags", t.u8, 15, NULL);
	if (parts) {
		btf__add_enum(t.btf, "log_flags", 4);
		btf__add_enum_value(t.btf, "LOG_PREFIX", 4);
	}
	struct kernel *k = small_kernel_new(&t);
	set_symbols(k, "ffff888000018000 d log_buf\nffff888000018008 d "
		       "log_buf_len\nffff888000018010 d log_first_idx\n"
		       "ffff888000018014 d log_next_idx\nffff888000018018 d "
		       "log_first_seq\nffff888000018020 d log_next_seq\n");
	poke64(k, AT(0x8000), AT(0));
	poke(k, AT(0x8008), 256, 4);
	poke64(k, AT(0x8020), 10);
	return k;
}

static void test_records(void **state)
{
	struct kernel *k = record_kernel(false);
	uint64_t at = record_add(k, AT(0), 3, "three", "A=1", 2);
	at = record_add(k, at, 4, "four", "", 2);
	poke(k, AT(0x8014), at - AT(0), 4);
	/* older ones stand behind, and end with the mark of the wrap */
	at = record_add(k, AT(160), 1, "one", "", 2);
	at = record_add(k, at, 2, "two", "", 2);
	record_add(k, at, 9, "", "", 0);
	poke(k, at + 8, 0, 2);
	poke(k, AT(0x8010), 160, 4);
	expect(k, "one@1\ntwo@2\nthree@3A=1\nfour@4\n");

	/* no wrap mark: the records run out */
	int code;
	poke(k, at + 8, 8, 2);
	struct gathered *g = all(k, &code);
	assert_int_equal(code, ERR_BAD_OBJECT);
	assert_int_equal(g->records, 2);
	free(g);
	/* nothing at all */
	poke64(k, AT(0x8020), 0);
	expect(k, "");
	small_kernel_free(k);
}

static void test_parts(void **state)
{
	struct kernel *k = record_kernel(true);
	uint64_t at = record_add(k, AT(0), 1, "begin", "", 8 | 4);
	at = record_add(k, at, 1, " more", "", 8);
	at = record_add(k, at, 1, " end", "", 8 | 2);
	at = record_add(k, at, 2, "next", "", 2 | 4);
	poke(k, AT(0x8014), at - AT(0), 4);
	expect(k, "begin@1…\n+ more@1…\n+ end@1\nnext@2\n");
	small_kernel_free(k);
}

/* ---- Before ---- */

static void test_text(void **state)
{
	struct small_types t = small_types_new();
	struct kernel *k = small_kernel_new(&t);
	set_symbols(k, "ffff888000018000 d log_buf\nffff888000018008 d "
		       "log_buf_len\nffff888000018010 d log_end\n"
		       "ffff888000018014 d logged_chars\n");
	const char *text = "<6>first\n<4>second\nrest";
	poke64(k, AT(0x8000), AT(0));
	poke(k, AT(0x8008), 32, 4);
	assert_success(kernel_write(k, AT(0), text, strlen(text)));
	poke(k, AT(0x8010), strlen(text), 4);
	poke(k, AT(0x8014), strlen(text), 4);
	expect(k, "<6>first\n<4>second\nrest\n");
	/* wrapped: the oldest line is cut */
	for (unsigned i = 0; i < 40; i++)
		poke(k, AT(0) + (i & 31), i == 20 || i == 39 ? '\n' : 'a' + i % 26, 1);
	poke(k, AT(0x8010), 40, 4);
	poke(k, AT(0x8014), 40, 4);
	expect(k, "ijklmnopqrst\nvwxyzabcdefghijklm\n");
	small_kernel_free(k);

	/* 2.4: an array, whose length is the room up to the next symbol */
	struct small_types t2 = small_types_new();
	k = small_kernel_new(&t2);
	k->arch = &arch_i386;
	set_symbols(k, "ffff888000010000 b log_buf\nffff888000010028 b something\nffff888000018010 "
		       "b log_end\n"
		       "ffff888000018014 b logged_chars\n");
	assert_success(kernel_write(k, AT(0), text, strlen(text)));
	poke(k, AT(0x8010), strlen(text), 4);
	poke(k, AT(0x8014), strlen(text), 4);
	expect(k, "<6>first\n<4>second\nrest\n");
	small_kernel_free(k);
}

static void test_none(void **state)
{
	struct small_types t = small_types_new();
	struct kernel *k = small_kernel_new(&t);
	int code;
	set_symbols(k, "ffff888000018000 d other\n");
	free(all(k, &code));
	assert_int_equal(code, ERR_UNSUPPORTED);
	small_kernel_free(k);
}

static uint64_t rnd(void)
{
	static uint64_t seed = 99;
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Whatever stands there: it ends. */
static void test_damage(void **state)
{
	struct kernel *ring = ring_kernel(), *records = record_kernel(true);
	uint64_t lpos = 0, at = AT(0);
	for (unsigned i = 0; i < 20; i++)
		ring_add(ring, i, &lpos, "some text of a record");
	for (unsigned i = 0; i < 6; i++)
		at = record_add(records, at, i, "some text", "K=V", 2);
	poke(records, AT(0x8014), at - AT(0), 4);
	for (unsigned i = 0; i < 3000; i++) {
		struct kernel *k = i & 1 ? ring : records;
		int code;
		unsigned depth;
		assert_success(vmcore_mark(k->vmcore, &depth));
		for (unsigned n = 0; n <= i % 4; n++) {
			uint64_t where = i & 1	     ? AT(rnd() % 0x700)
					 : rnd() & 8 ? AT(0x8008 + rnd() % 0x20)
						     : AT(rnd() % 256);
			poke(k, where, rnd() & 16 ? rnd() : rnd() & 0xff, 1 << rnd() % 4);
		}
		free(all(k, &code));
		assert_success(vmcore_undo(k->vmcore));
	}
	small_kernel_free(ring);
	small_kernel_free(records);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring),	cmocka_unit_test(test_panic),
		cmocka_unit_test(test_records), cmocka_unit_test(test_parts),
		cmocka_unit_test(test_text),	cmocka_unit_test(test_none),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

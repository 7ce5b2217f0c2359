/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes, marks, undo, forget and diff, against a model that copies the whole memory at each mark.
 */
#include "vmcore_dumps.h"

enum { PAGES = 24, SIZE = PAGES * PAGE, DEPTH = 6 };

struct model {
	uint8_t now[SIZE];
	uint8_t at_mark[DEPTH][SIZE];
	bool written[DEPTH][PAGES];
	bool written_at_mark[DEPTH][DEPTH]
			    [PAGES]; /* undo takes back what was written to lower marks too */
	unsigned depth;
};

/* The pages that the test may touch; the others are missing. */
static bool not_each_seventh(uint64_t pfn)
{
	return pfn % 7 != 3;
}

static void model_write(struct model *m, uint64_t phys, const uint8_t *bytes, size_t len)
{
	memcpy(m->now + phys, bytes, len);
	for (uint64_t page = phys / PAGE; page <= (phys + len - 1) / PAGE; page++)
		for (unsigned i = 0; i < m->depth; i++)
			m->written[i][page] = true;
}

struct diff_check {
	struct model *m;
	unsigned depth, seen;
	uint64_t next;
};

static bool check_diff(void *context, uint64_t phys, const void *before, const void *now)
{
	struct diff_check *c = context;
	assert_true(phys >= c->next && phys % PAGE == 0);
	c->next = phys + PAGE;
	c->seen++;
	assert_true(c->m->written[c->depth - 1][phys / PAGE]);
	assert_memory_equal(before, c->m->at_mark[c->depth - 1] + phys, PAGE);
	assert_memory_equal(now, c->m->now + phys, PAGE);
	return true;
}

static void check_all(struct vmcore *vc, struct model *m, const uint8_t **pointers,
		      bool (*there)(uint64_t))
{
	for (unsigned page = 0; page < PAGES; page++) {
		uint8_t b[PAGE];
		if (!there(page))
			continue;
		assert_ok(vmcore_read(vc, page * PAGE, b, PAGE));
		assert_memory_equal(b, m->now + page * PAGE, PAGE);
		if (pointers[page])
			assert_memory_equal(pointers[page], m->now + page * PAGE, PAGE);
	}
	assert_int_equal(vmcore_mark_depth(vc), m->depth);
	for (unsigned depth = 1; depth <= m->depth; depth++) {
		struct diff_check c = {.m = m, .depth = depth};
		unsigned written = 0;
		assert_ok(vmcore_diff(vc, depth, check_diff, &c));
		for (unsigned page = 0; page < PAGES; page++)
			written += m->written[depth - 1][page];
		assert_int_equal(c.seen, written);
	}
}

static void play(struct vmcore *vc, bool (*there)(uint64_t), uint64_t seed)
{
	static struct model m;
	const uint8_t *pointers[PAGES] = {0};

	memset(&m, 0, sizeof(m));
	for (unsigned page = 0; page < PAGES; page++)
		if (there(page))
			assert_ok(vmcore_read(vc, page * PAGE, m.now + page * PAGE, PAGE));
	for (unsigned step = 0; step < 600; step++) {
		uint64_t r = mix(seed + step), phys = mix(r) % SIZE,
			 len = 1 + mix(r + 1) % (2 * PAGE);
		uint8_t bytes[2 * PAGE];
		bool can = phys + len <= SIZE;
		unsigned depth;
		void *w;

		memory_fill(bytes, r, sizeof(bytes));
		for (uint64_t page = phys / PAGE; can && page <= (phys + len - 1) / PAGE; page++)
			can = there(page);
		switch (r % 8) {
		case 0:
			if (m.depth == DEPTH)
				break;
			memcpy(m.at_mark[m.depth], m.now, SIZE);
			memset(m.written[m.depth], 0, sizeof(m.written[0]));
			memcpy(m.written_at_mark[m.depth], m.written, sizeof(m.written));
			assert_ok(vmcore_mark(vc, &depth));
			assert_int_equal(depth, ++m.depth);
			break;
		case 1:
			if (!m.depth) {
				assert_error(vmcore_undo(vc), ERR_OTHER);
				break;
			}
			assert_ok(vmcore_undo(vc));
			memcpy(m.now, m.at_mark[--m.depth], SIZE);
			memcpy(m.written, m.written_at_mark[m.depth], sizeof(m.written));
			break;
		case 2:
			if (r / 8 % 2)
				break;
			if (!m.depth) {
				assert_error(vmcore_forget(vc), ERR_OTHER);
				break;
			}
			assert_ok(vmcore_forget(vc));
			m.depth--;
			break;
		case 3: /* through a pointer, within one page */
			len = len < PAGE - phys % PAGE ? len : PAGE - phys % PAGE;
			if (!there(phys / PAGE)) {
				assert_true(error_drop(vmcore_map_writable(vc, phys, len, &w)));
				break;
			}
			assert_ok(vmcore_map_writable(vc, phys, len, &w));
			memcpy(w, bytes, len);
			model_write(&m, phys, bytes, len);
			break;
		case 4: /* a pointer kept for the rest of the play */
			pointers[phys / PAGE] = vmcore_try_map(vc, phys - phys % PAGE, PAGE);
			assert_int_equal(pointers[phys / PAGE] != NULL, there(phys / PAGE));
			break;
		default:
			if (!can) {
				assert_true(error_drop(vmcore_write(vc, phys, bytes, len)));
				break;
			}
			assert_ok(vmcore_write(vc, phys, bytes, len));
			model_write(&m, phys, bytes, len);
		}
		if (step % 16 == 0)
			check_all(vc, &m, pointers, there);
	}
	assert_error(vmcore_diff(vc, m.depth + 1, check_diff, NULL), ERR_OTHER);
	assert_error(vmcore_diff(vc, 0, check_diff, NULL), ERR_OTHER);
}

static bool everywhere(uint64_t pfn)
{
	return true;
}

static void test_ram(void **state)
{
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct vmcore *vc;
		uint64_t start, end;
		uint8_t b[PAGE], zero[PAGE] = {0};
		assert_ok(vmcore_new_ram(SIZE, &vc));
		assert_true(vmcore_range(vc, 0, &start, &end));
		assert_int_equal(start, 0);
		assert_int_equal(end, SIZE);
		assert_int_equal(vmcore_file_size(vc), 0);
		assert_ok(vmcore_read(vc, 3 * PAGE, b, PAGE));
		assert_memory_equal(b, zero, PAGE);
		assert_error(vmcore_read(vc, SIZE, b, 1), ERR_NOT_IN_IMAGE);
		play(vc, everywhere, seed * 1000000);
		vmcore_close(vc);
	}
	struct vmcore *vc;
	assert_error(vmcore_new_ram(0, &vc), ERR_USAGE);
	assert_error(vmcore_new_ram(1ul << 62, &vc), ERR_NO_MEMORY);
}

/* What may be written at once has been kept by the newest mark: the first page too. */
static void test_near(void **state)
{
	struct vmcore *vc;
	uint8_t b = 1;
	assert_ok(vmcore_new_ram(SIZE, &vc));
	const struct vmcore_flat *flat = vmcore_flat(vc);
	assert_non_null(vmcore_near_writable(flat, 20, 4));
	assert_ok(vmcore_mark(vc, NULL));
	for (uint64_t phys = 0; phys < 2 * PAGE; phys += 20)
		assert_null(vmcore_near_writable(flat, phys, 4));
	assert_ok(vmcore_write(vc, PAGE, &b, 1));
	assert_null(vmcore_near_writable(flat, 20, 4));
	assert_non_null(vmcore_near_writable(flat, PAGE + 20, 4));
	assert_null(vmcore_near_writable(flat, 2 * PAGE - 2, 4));
	vmcore_close(vc);
}

static void test_elf(void **state)
{
	for (uint64_t seed = 0; seed < 4; seed++) {
		/* Parts of the memory lie in disorder in the file: an arena; others as they are. */
		struct elf_segment s[] = {SEG(11 * PAGE, 6 * PAGE, 6 * PAGE),
					  SEG(4 * PAGE, 3 * PAGE + 50, 3 * PAGE + 50),
					  SEG(7 * PAGE + 50, 3 * PAGE - 50, 4 * PAGE - 50),
					  SEG(18 * PAGE, 6 * PAGE, 6 * PAGE),
					  SEG(0, 3 * PAGE, 3 * PAGE)};
		struct dump d = {0};
		uint8_t *before = NULL;

		make_elf(&d, true, s, 5, 5);
		struct vmcore *vc = open_dump(&d);
		play(vc, not_each_seventh, seed * 1000000);
		vmcore_close(vc);
		/* The file did not change. */
		before = malloc(d.size);
		assert_int_equal(pread(d.fd, before, d.size, 0), d.size);
		assert_memory_equal(before, d.bytes, d.size);
		free(before);
		dump_free(&d);
	}
}

static void test_kdump(void **state)
{
	for (uint64_t seed = 0; seed < 8; seed++) {
		struct kdump_dump k = {.version = 6,
				       .is64 = true,
				       .method = EACH_IN_TURN,
				       .block_size = PAGE,
				       .nr_pages = PAGES};
		struct dump d = {0};
		if (seed & 1)
			k.dumped = not_each_seventh;
		else
			k.memory = not_each_seventh;
		make_kdump(&d, &k);
		struct vmcore *vc = open_dump(&d);
		play(vc, not_each_seventh, seed * 1000000);
		vmcore_close(vc);
		dump_free(&d);
	}
}

/* What a scan gives is what reads give, written or not, mapped or not, from any address to any. */
static void test_scan(void **state)
{
	struct kdump_dump k = {.version = 6,
			       .is64 = true,
			       .method = LZO,
			       .block_size = 4 * PAGE,
			       .nr_pages = 200,
			       .dumped = not_each_seventh};
	struct dump d = {0};

	make_kdump(&d, &k);
	struct vmcore *vc = open_dump(&d);
	for (uint64_t i = 0; i < 400; i++) {
		uint64_t start = mix(i) % (200 * 4 * PAGE),
			 end = start + mix(i + 7777) % (100 * PAGE);
		uint64_t expected = 0;
		struct scanned s = {.last_end = start, .check = true};
		assert_ok(vmcore_scan(vc, start, end, check_piece, &s));
		assert_true(s.last_end <= end);
		for (uint64_t at = start, n; at < end && at < 200 * 4 * PAGE; at += n) {
			n = PAGE - at % PAGE;
			n = n < end - at ? n : end - at;
			expected += vmcore_page_present(vc, at) ? n : 0;
		}
		assert_int_equal(s.bytes, expected);
		vmcore_try_map(vc, start, 1); /* some are mapped from now on */
	}
	vmcore_close(vc);
	dump_free(&d);
}

static bool stop_at_once(void *context, uint64_t phys, const void *bytes, size_t len)
{
	++*(unsigned *)context;
	return false;
}

static void test_stop(void **state)
{
	struct elf_segment s[] = {SEG(0, PAGE, PAGE), SEG(8 * PAGE, PAGE, PAGE)};
	struct kdump_dump k = {.version = 6,
			       .is64 = true,
			       .method = ZSTD,
			       .block_size = PAGE,
			       .nr_pages = 200,
			       .dumped = not_each_seventh};
	struct dump d = {0};
	unsigned count = 0;

	make_elf(&d, true, s, 2, 0);
	struct vmcore *vc = open_dump(&d);
	assert_ok(vmcore_scan(vc, 0, UINT64_MAX, stop_at_once, &count));
	assert_int_equal(count, 1);
	vmcore_close(vc);
	dump_free(&d);
	make_kdump(&d, &k);
	vc = open_dump(&d);
	assert_ok(vmcore_scan(vc, 0, UINT64_MAX, stop_at_once, &count));
	assert_int_equal(count, 2);
	vmcore_close(vc);
	dump_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ram),   cmocka_unit_test(test_near),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_kdump), cmocka_unit_test(test_scan),
		cmocka_unit_test(test_stop),
	};
	return cmocka_run_group_tests_name("vmcore: overlay", tests, NULL, NULL);
}

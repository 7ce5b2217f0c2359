/* SPDX-License-Identifier: GPL-3.0-or-later */
/* makedumpfile's flattened layout: any cut into records, overwriting records, cut files, lies; and
 * the intervals below it. */
#include "vmcore_dumps.h"

#include "vmcore/intervals.h"

static bool not_each_third(uint64_t pfn)
{
	return pfn % 3 != 1;
}

static void make_inner(struct dump *d, bool elf)
{
	if (elf) {
		struct elf_segment s[] = {SEG(0, 4 * PAGE, 5 * PAGE),
					  SEG(7 * PAGE, 3 * PAGE, 3 * PAGE)};
		make_elf(d, true, s, 2, 77);
	} else {
		struct kdump_dump k = {.version = 6,
				       .is64 = true,
				       .method = EACH_IN_TURN,
				       .block_size = PAGE,
				       .nr_pages = 30,
				       .dumped = not_each_third};
		make_kdump(d, &k);
	}
}

static uint64_t below(uint64_t *seed, uint64_t limit)
{
	return mix(++*seed) % limit;
}

static void add_end(struct dump *d)
{
	flat_record(d, UINT64_MAX, UINT64_MAX, NULL);
}

/*
 * The dump in records of up to `most` bytes. First all of it as rubbish, in other records, so that
 * every byte gets overwritten; then the true bytes from the end to the start.
 */
static void flatten(struct dump *d, const struct dump *inner, uint64_t most, bool overwrite,
		    bool backwards, uint64_t seed)
{
	uint8_t *rubbish = malloc(inner->size);
	memset(rubbish, 0x55, inner->size);
	flat_header(d);
	for (size_t at = 0, n; overwrite && at < inner->size; at += n) {
		n = 1 + below(&seed, most * 3);
		n = n < inner->size - at ? n : inner->size - at;
		flat_record(d, at, n, rubbish + at);
	}
	for (size_t done = 0, n; done < inner->size; done += n) {
		n = 1 + below(&seed, most);
		n = n < inner->size - done ? n : inner->size - done;
		size_t at = backwards ? inner->size - done - n : done;
		flat_record(d, at, n, inner->bytes + at);
	}
	free(rubbish);
}

static void test_flattened(void **state)
{
	for (int elf = 0; elf < 2; elf++) {
		struct dump inner = {0};
		make_inner(&inner, elf);
		for (unsigned i = 0; i < 24; i++) {
			struct dump d = {0};
			struct vmcore_note note;
			static const unsigned most[] = {7, 100, 3000, 9000, 50000, 1000000};
			flatten(&d, &inner, most[i % 6], i / 6 & 1, i / 12 & 1, i);
			add_end(&d);
			struct vmcore *vc = open_dump(&d);
			assert_true(vmcore_probe(d.path));
			assert_string_equal(vmcore_format(vc),
					    elf ? "ELF core, flattened"
						: "kdump-compressed (zlib), flattened");
			assert_int_equal(check_image(vc, 40 * PAGE), elf ? 7 : 20);
			assert_true(vmcore_note(vc, 1, &note));
			assert_string_equal(note.name, "VMCOREINFO");
			exercise(vc);
			vmcore_close(vc);
			dump_free(&d);
		}
		dump_free(&inner);
	}
}

/* What nobody wrote is zero in a whole file, and missing in one that is cut. */
static void test_gap(void **state)
{
	struct elf_segment s[] = {SEG(0, 3 * PAGE, 3 * PAGE), SEG(3 * PAGE, 2 * PAGE, 2 * PAGE)};
	struct dump inner = {0}, d = {0};
	uint8_t b[8], zero[8] = {0};
	const void *p;

	/* Page 3 of memory is zero, and a record is left out for it. */
	make_elf(&inner, true, s, 2, 0);
	flat_header(&d);
	flat_record(&d, 0, s[1].offset, inner.bytes);
	flat_record(&d, s[1].offset + PAGE, PAGE, inner.bytes + s[1].offset + PAGE);
	struct vmcore *vc = open_dump(&d);
	assert_int_equal(check_image(vc, 8 * PAGE), 4);
	assert_error(vmcore_read(vc, 3 * PAGE, b, 8), ERR_TRUNCATED);
	vmcore_close(vc);
	add_end(&d);
	vc = open_dump(&d);
	assert_int_equal(check_image(vc, 8 * PAGE), 5);
	assert_ok(vmcore_read(vc, 3 * PAGE, b, 8));
	assert_memory_equal(b, zero, 8);
	assert_ok(vmcore_map(vc, 2 * PAGE, 3 * PAGE, &p));
	assert_memory(p, 2 * PAGE, 3 * PAGE);
	vmcore_close(vc);
	dump_free(&d);
	dump_free(&inner);
}

static void test_cuts(void **state)
{
	for (int elf = 0; elf < 2; elf++)
		for (int backwards = 0; backwards < 2; backwards++) {
			struct dump inner = {0}, d = {0};
			make_inner(&inner, elf);
			flatten(&d, &inner, 6000, false, backwards, 5);
			add_end(&d);
			/* Backwards the headers come last: such a cut is refused. The end record
			 * alone may go. */
			if (!backwards) {
				check_cuts(&d, 0, 29, 32 * PAGE);
			} else {
				for (size_t len = 0; len < d.size; len += 61) {
					struct vmcore *vc;
					if (error_drop(vmcore_open(dump_file(&d, len), NULL, &vc)))
						continue;
					exercise(vc);
					vmcore_close(vc);
				}
			}
			dump_free(&d);
			dump_free(&inner);
		}
}

static void test_lies(void **state)
{
	struct dump inner = {0}, d = {0};
	uint64_t lie;

	make_inner(&inner, true);
	flatten(&d, &inner, 1000000, false, false, 1);
	add_end(&d);
	static const int64_t lies[] = {0, -2, INT64_MIN, INT64_MAX};
	for (size_t i = 0; i < 4; i++) {
		uint8_t was[8];
		memcpy(was, d.bytes + 4096 + 8, 8);
		lie = __builtin_bswap64(lies[i]);
		memcpy(d.bytes + 4096 + 8, &lie, 8); /* the first record's size */
		if (lies[i] == INT64_MAX) {
			/* A record that reaches far behind the end is one that is cut. */
			struct vmcore *vc = open_dump(&d);
			assert_int_equal(check_image(vc, 32 * PAGE), 7);
			vmcore_close(vc);
		} else {
			assert_open_error(&d, ERR_FORMAT);
		}
		memcpy(d.bytes + 4096 + 8, was, 8);
		if (lies[i] >= 0)
			continue;
		memcpy(was, d.bytes + 4096, 8);
		memcpy(d.bytes + 4096, &lie, 8); /* its offset */
		assert_open_error(&d, ERR_FORMAT);
		memcpy(d.bytes + 4096, was, 8);
	}
	d.bytes[23] = 2; /* type */
	assert_open_error(&d, ERR_FORMAT);
	d.bytes[23] = 1;
	vmcore_close(open_dump(&d));
	dump_free(&d);
	dump_free(&inner);

	/* No record; one with text; one at the end of all offsets. */
	flat_header(&d);
	assert_open_error(&d, ERR_FORMAT);
	add_end(&d);
	assert_open_error(&d, ERR_FORMAT);
	d.size = 4096;
	flat_record(&d, 0, 9, "some text");
	flat_record(&d, INT64_MAX - 20, 9, "some text");
	add_end(&d);
	assert_open_error(&d, ERR_FORMAT);
	dump_free(&d);
}

/* Against painting. */
static void test_intervals(void **state)
{
	uint64_t seed = 42;

	for (unsigned round = 0; round < 3000; round++) {
		enum { SIZE = 60 };
		uint64_t painted[SIZE] = {0}, got[SIZE] = {0};
		size_t count = below(&seed, 12), n = 0;
		struct interval *list = calloc(count + 1, sizeof(*list));
		for (size_t i = 0; i < count; i++) {
			uint64_t start = below(&seed, SIZE),
				 end = start + below(&seed, SIZE - start + 1);
			if (end == start)
				continue;
			list[n++] = (struct interval){start, end, i + 1, i + 1};
			for (uint64_t at = start; at < end; at++)
				painted[at] = i + 1;
		}
		assert_ok(intervals_resolve(&list, &n));
		for (size_t i = 0; i < n; i++) {
			assert_true(list[i].start < list[i].end);
			assert_true(!i || list[i - 1].end <= list[i].start);
			for (uint64_t at = list[i].start; at < list[i].end; at++)
				got[at] = list[i].source;
		}
		assert_memory_equal(painted, got, sizeof(painted));
		free(list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flattened), cmocka_unit_test(test_gap),
		cmocka_unit_test(test_cuts),	  cmocka_unit_test(test_lies),
		cmocka_unit_test(test_intervals),
	};
	return cmocka_run_group_tests_name("vmcore: flattened", tests, NULL, NULL);
}

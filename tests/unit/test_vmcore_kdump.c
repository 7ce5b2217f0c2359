/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kdump-compressed dumps: every header version, layout and method; holes, exclusions, cuts, lies.
 */
#include "vmcore_dumps.h"

static bool low_and_high(uint64_t pfn)
{
	return pfn < 5 || pfn >= 70;
}

static bool not_each_third(uint64_t pfn)
{
	return pfn % 3 != 1;
}

static bool none(uint64_t pfn)
{
	return false;
}

static void test_versions(void **state)
{
	for (unsigned version = 1; version <= 6; version++)
		for (unsigned layout = 0; layout < 3; layout++) {
			struct kdump_dump k = {.version = version,
					       .is64 = layout == 0,
					       .aligned32 = layout == 2,
					       .method = ZLIB,
					       .block_size = PAGE,
					       .nr_pages = 90,
					       .memory = low_and_high};
			struct vmcore_note note;
			struct dump d = {0};
			uint64_t start, end;
			size_t len;

			make_kdump(&d, &k);
			struct vmcore *vc = open_dump(&d);
			assert_true(vmcore_probe(d.path));
			assert_string_equal(vmcore_format(vc), "kdump-compressed (zlib)");
			assert_int_equal(vmcore_machine(vc), layout == 0   ? EM_X86_64
							     : layout == 1 ? EM_386
									   : EM_ARM);
			assert_false(vmcore_is_partial(vc));
			assert_int_equal(vmcore_max_phys(vc), 90 * PAGE);
			assert_true(vmcore_range(vc, 0, &start, &end));
			assert_int_equal(start, 0);
			assert_int_equal(end, 5 * PAGE);
			assert_true(vmcore_range(vc, 1, &start, &end));
			assert_int_equal(start, 70 * PAGE);
			assert_int_equal(end, 90 * PAGE);
			assert_false(vmcore_range(vc, 2, &start, &end));
			assert_int_equal(check_image(vc, 100 * PAGE), 25);
			const char *text = vmcore_vmcoreinfo(vc, &len);
			assert_int_equal(len, version >= 3 ? 30 : 0);
			if (version >= 3)
				assert_memory_equal(text, "OSRELEASE=1.2.3\nPAGESIZE=4096\n", 30);
			assert_int_equal(vmcore_note(vc, 0, &note), version >= 4);
			if (version >= 4)
				assert_string_equal(note.name, "CORE");
			exercise(vc);
			vmcore_close(vc);
			dump_free(&d);
		}
}

static void test_methods(void **state)
{
	static const struct {
		unsigned method;
		const char *format;
	} methods[] = {
		{RAW, "kdump-compressed"},	   {ZLIB, "kdump-compressed (zlib)"},
		{LZO, "kdump-compressed (lzo)"},   {SNAPPY, "kdump-compressed (snappy)"},
		{ZSTD, "kdump-compressed (zstd)"}, {EACH_IN_TURN, "kdump-compressed (zlib)"},
	};
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		for (unsigned block_size = PAGE; block_size <= 16 * PAGE; block_size *= 4) {
			struct kdump_dump k = {.version = 6,
					       .is64 = true,
					       .method = methods[i].method,
					       .block_size = block_size,
					       .nr_pages = 73,
					       .memory = low_and_high};
			struct dump d = {0};
			make_kdump(&d, &k);
			struct vmcore *vc = open_dump(&d);
			assert_string_equal(vmcore_format(vc), methods[i].format);
			assert_int_equal(check_image(vc, 80 * block_size), 8 * (block_size / PAGE));
			exercise(vc);
			vmcore_close(vc);
			dump_free(&d);
		}
}

static void test_excluded(void **state)
{
	struct kdump_dump k = {.version = 6,
			       .is64 = true,
			       .method = LZO,
			       .block_size = PAGE,
			       .nr_pages = 2001,
			       .memory = low_and_high,
			       .dumped = not_each_third};
	struct dump d = {0};
	unsigned there = 0;
	uint8_t b[3 * PAGE];
	const void *p;

	make_kdump(&d, &k);
	struct vmcore *vc = open_dump(&d);
	assert_true(vmcore_is_partial(vc));
	for (unsigned pfn = 0; pfn < 2001; pfn++)
		there += low_and_high(pfn) && not_each_third(pfn);
	assert_int_equal(check_image(vc, 2100 * PAGE), there);
	assert_error(vmcore_read(vc, PAGE, b, 1), ERR_EXCLUDED);
	assert_error(vmcore_read(vc, 2 * PAGE, b, 3 * PAGE), ERR_EXCLUDED);
	assert_error(vmcore_map(vc, 3 * PAGE, 2 * PAGE, &p), ERR_EXCLUDED);
	assert_error(vmcore_write(vc, 4 * PAGE - 1, b, 2), ERR_EXCLUDED);
	assert_error(vmcore_read(vc, 6 * PAGE, b, 1), ERR_NOT_IN_IMAGE);
	assert_error(vmcore_map(vc, 2001 * PAGE - 1, 2, &p), ERR_NOT_IN_IMAGE);
	/* Two pages that follow each other in memory are contiguous when mapped. */
	assert_ok(vmcore_map(vc, 2 * PAGE + 5, 2 * PAGE - 5, &p));
	assert_memory(p, 2 * PAGE + 5, 2 * PAGE - 5);
	vmcore_close(vc);
	dump_free(&d);
}

/* Memory far apart: address space is not reserved for the hole. The bitmap is long, so this is not
 * quite small. */
static bool far_apart(uint64_t pfn)
{
	return pfn < 3 || pfn >= 900000;
}

static void test_hole(void **state)
{
	struct kdump_dump k = {.version = 6,
			       .is64 = true,
			       .method = SNAPPY,
			       .block_size = PAGE,
			       .nr_pages = 900004,
			       .memory = far_apart};
	struct dump d = {0};
	const void *p;

	make_kdump(&d, &k);
	struct vmcore *vc = open_dump(&d);
	assert_ok(vmcore_map(vc, 900000 * PAGE, 4 * PAGE, &p));
	assert_memory(p, 900000 * PAGE, 4 * PAGE);
	assert_ok(vmcore_map(vc, 0, 3 * PAGE, &p));
	assert_memory(p, 0, 3 * PAGE);
	assert_error(vmcore_map(vc, 899999 * PAGE, 1, &p), ERR_NOT_IN_IMAGE);
	vmcore_close(vc);
	dump_free(&d);
}

/* Early dumps with one bitmap. */
static void test_single_bitmap(void **state)
{
	struct kdump_dump k = {.version = 1,
			       .is64 = true,
			       .method = ZLIB,
			       .block_size = PAGE,
			       .nr_pages = 32767,
			       .memory = low_and_high,
			       .single_bitmap = true};
	struct dump d = {0};
	make_kdump(&d, &k);
	struct vmcore *vc = open_dump(&d);
	assert_int_equal(check_image(vc, 300 * PAGE), 5 + 230);
	vmcore_close(vc);
	dump_free(&d);
}

static void test_incomplete(void **state)
{
	struct kdump_dump k = {.version = 6,
			       .is64 = true,
			       .method = LZO,
			       .block_size = PAGE,
			       .nr_pages = 40,
			       .incomplete = 17};
	struct dump d = {0};
	uint8_t b[8];
	make_kdump(&d, &k);
	struct vmcore *vc = open_dump(&d);
	assert_string_equal(vmcore_format(vc), "kdump-compressed (lzo), incomplete");
	assert_int_equal(check_image(vc, 64 * PAGE), 17);
	assert_error(vmcore_read(vc, 17 * PAGE, b, 8), ERR_TRUNCATED);
	vmcore_close(vc);
	dump_free(&d);
}

static void test_damaged(void **state)
{
	static const unsigned methods[] = {ZLIB, LZO, SNAPPY, ZSTD};
	for (unsigned i = 0; i < 4; i++) {
		struct kdump_dump k = {.version = 6,
				       .is64 = true,
				       .method = methods[i],
				       .block_size = PAGE,
				       .nr_pages = 10};
		struct dump d = {0};
		struct scanned s = {.check = true};
		uint64_t offset;
		const void *p;
		void *w;
		uint8_t b[PAGE];

		make_kdump(&d, &k);
		memcpy(&offset, d.bytes + k.descs + 24 * 5, 8);
		memset(d.bytes + offset, 0xff, 30);
		struct vmcore *vc = open_dump(&d);
		assert_error(vmcore_read(vc, 5 * PAGE + 8, b, 8), ERR_DAMAGED);
		assert_error(vmcore_map(vc, 4 * PAGE, 2 * PAGE, &p), ERR_DAMAGED);
		assert_error(vmcore_write(vc, 5 * PAGE, b, 8), ERR_DAMAGED);
		assert_error(vmcore_map_writable(vc, 5 * PAGE, 1, &w), ERR_DAMAGED);
		/* A scan goes on behind the page, then says so. */
		assert_error(vmcore_scan(vc, 0, UINT64_MAX, check_piece, &s), ERR_DAMAGED);
		assert_int_equal(s.bytes, 9 * PAGE);
		vmcore_close(vc);

		/* Descriptors that lie. */
		for (unsigned at = 0; at < 16; at++)
			for (unsigned value = 0; value < 256; value += 5) {
				uint8_t *byte = d.bytes + k.descs + 24 * 2 + at, was = *byte;
				*byte = value;
				vc = open_dump(&d);
				if (!error_drop(vmcore_read(vc, 2 * PAGE, b, PAGE)) && value == was)
					assert_memory(b, 2 * PAGE, PAGE);
				exercise(vc);
				vmcore_close(vc);
				*byte = was;
			}
		dump_free(&d);
	}
}

static void test_cuts(void **state)
{
	struct kdump_dump k = {.version = 6,
			       .is64 = true,
			       .method = EACH_IN_TURN,
			       .block_size = PAGE,
			       .nr_pages = 30,
			       .dumped = not_each_third};
	struct dump d = {0};
	make_kdump(&d, &k);
	check_cuts(&d, 0, 11, 32 * PAGE);
	dump_free(&d);
}

/* Each byte of the headers and some of the bitmaps, as each of five values. */
static void test_lies(void **state)
{
	for (unsigned layout = 0; layout < 3; layout++) {
		struct kdump_dump k = {.version = 6,
				       .is64 = layout == 0,
				       .aligned32 = layout == 2,
				       .method = EACH_IN_TURN,
				       .block_size = PAGE,
				       .nr_pages = 30,
				       .memory = low_and_high};
		struct dump d = {0};
		make_kdump(&d, &k);
		for (size_t at = 0; at < k.bitmaps + 16; at++) {
			if (at == 16)
				at = 400; /* the names */
			if (at == 460)
				at = k.sub;
			if (at == k.sub + 110)
				at = k.bitmaps - 4;
			for (unsigned i = 0; i < 5; i++) {
				static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
				struct vmcore *vc;
				uint8_t was = d.bytes[at];
				d.bytes[at] = values[i];
				if (!error_drop(vmcore_open(dump_file(&d, d.size), NULL, &vc))) {
					exercise(vc);
					vmcore_close(vc);
				}
				d.bytes[at] = was;
			}
		}
		dump_free(&d);
	}
}

static void test_named_lies(void **state)
{
	struct kdump_dump k = {
		.version = 6, .is64 = true, .method = ZLIB, .block_size = PAGE, .nr_pages = 30};
	struct dump d = {0};
	make_kdump(&d, &k);
	static const struct {
		size_t at;
		uint32_t value;
		enum error_code code;
	} lies[] = {
		{0, 0, ERR_FORMAT},	 /* the signature */
		{8, 0, ERR_UNSUPPORTED}, /* version */
		{8, 7, ERR_UNSUPPORTED},
		{8, 0xffffffff, ERR_UNSUPPORTED},
		{428, 0, ERR_FORMAT}, /* block size */
		{428, 4095, ERR_FORMAT},
		{428, 4097, ERR_FORMAT},
		{428, 2048, ERR_FORMAT},
		{428, 1u << 31, ERR_FORMAT},
		{432, 0, ERR_FORMAT}, /* sub header's blocks */
		{432, 0x7ffffffe, ERR_TRUNCATED},
		{432, 0xffffffff, ERR_FORMAT},
		{436, 0, ERR_FORMAT}, /* bitmaps' blocks */
		{436, 0x7ffffffe,
		 ERR_TRUNCATED},		 /* the second bitmap would be far behind the end */
		{4096 + 12, 1, ERR_UNSUPPORTED}, /* split */
		{4096 + 96, 0x7fffffff, ERR_FORMAT}, /* the page count */
		{4096 + 100, 0x7fffffff, ERR_FORMAT},
		{3 * 4096, 0, ERR_OTHER}, /* the bitmap: fewer pages, opens */
	};
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		uint32_t was;
		memcpy(&was, d.bytes + lies[i].at, 4);
		memcpy(d.bytes + lies[i].at, &lies[i].value, 4);
		if (lies[i].code == ERR_OTHER)
			vmcore_close(open_dump(&d));
		else
			assert_open_error(&d, lies[i].code);
		memcpy(d.bytes + lies[i].at, &was, 4);
	}
	vmcore_close(open_dump(&d));
	memcpy(d.bytes, "DISKDUMP", 8);
	assert_open_error(&d, ERR_UNSUPPORTED);
	dump_free(&d);

	/* No memory at all; no dumped page at all. */
	k.memory = none;
	make_kdump(&d, &k);
	assert_open_error(&d, ERR_FORMAT);
	dump_free(&d);
	k.memory = NULL;
	k.dumped = none;
	make_kdump(&d, &k);
	struct vmcore *vc = open_dump(&d);
	assert_int_equal(check_image(vc, 32 * PAGE), 0);
	vmcore_close(vc);
	dump_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),      cmocka_unit_test(test_methods),
		cmocka_unit_test(test_excluded),      cmocka_unit_test(test_hole),
		cmocka_unit_test(test_single_bitmap), cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_damaged),	      cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_lies),	      cmocka_unit_test(test_named_lies),
	};
	return cmocka_run_group_tests_name("vmcore: kdump-compressed", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ELF cores, and what opening says of files that are none. */
#include "vmcore_dumps.h"

#include <sys/stat.h>

static void test_core(void **state)
{
	for (int is64 = 0; is64 < 2; is64++)
		for (size_t skew = 0; skew < 4096; skew += 1365) {
			struct elf_segment s[] = {SEG(0, 4 * PAGE, 4 * PAGE),
						  SEG(8 * PAGE, 3 * PAGE, 3 * PAGE)};
			struct dump d = {0};
			uint64_t start, end;

			make_elf(&d, is64, s, 2, skew);
			struct vmcore *vc = open_dump(&d);
			assert_true(vmcore_probe(d.path));
			assert_string_equal(vmcore_format(vc), "ELF core");
			assert_int_equal(vmcore_machine(vc), is64 ? EM_X86_64 : EM_386);
			assert_false(vmcore_is_partial(vc));
			assert_int_equal(vmcore_file_size(vc), d.size);
			assert_int_equal(vmcore_max_phys(vc), 11 * PAGE);
			assert_true(vmcore_range(vc, 1, &start, &end));
			assert_int_equal(start, 8 * PAGE);
			assert_int_equal(end, 11 * PAGE);
			assert_false(vmcore_range(vc, 2, &start, &end));
			assert_int_equal(check_image(vc, 16 * PAGE), 7);
			exercise(vc);
			vmcore_close(vc);
			dump_free(&d);
		}
}

static void test_notes(void **state)
{
	struct elf_segment s = SEG(0, PAGE, PAGE);
	struct dump d = {0};
	struct vmcore_note note;
	size_t len;

	make_elf(&d, true, &s, 1, 0);
	struct vmcore *vc = open_dump(&d);
	assert_true(vmcore_note(vc, 0, &note));
	assert_string_equal(note.name, "CORE");
	assert_int_equal(note.type, NT_PRSTATUS);
	assert_int_equal(note.desc_size, 9);
	assert_memory_equal(note.desc, "registers", 9);
	assert_true(vmcore_note(vc, 1, &note));
	assert_string_equal(note.name, "VMCOREINFO");
	assert_false(vmcore_note(vc, 2, &note));
	const char *text = vmcore_vmcoreinfo(vc, &len);
	assert_int_equal(len, 30);
	assert_memory_equal(text, "OSRELEASE=1.2.3\nPAGESIZE=4096\n", 30);
	vmcore_close(vc);

	/* Sizes that lie, at each place of the note: whatever is given lies in the notes. */
	size_t notes = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + sizeof(Elf64_Shdr);
	for (size_t at = notes; at < notes + 60; at++)
		for (unsigned value = 0; value < 256; value += 51) {
			uint8_t was = d.bytes[at];
			d.bytes[at] = value;
			vc = open_dump(&d);
			exercise(vc);
			vmcore_close(vc);
			d.bytes[at] = was;
		}
	dump_free(&d);
}

/* 70,000 segments of one page, every other one touching the next in memory but not in the file. */
static void test_many_segments(void **state)
{
	enum { COUNT = 70000 };
	for (int is64 = 0; is64 < 2; is64++) {
		struct elf_segment *s = calloc(COUNT, sizeof(*s));
		struct dump d = {0};
		for (size_t i = 0; i < COUNT; i++)
			s[i] = (struct elf_segment)SEG((i / 2 * 3 + i % 2) * PAGE, 16, 16);
		/* Short segments keep the dump small: only one in a thousand has a whole page. */
		for (size_t i = 0; i < COUNT; i += 1000)
			s[i].filesz = s[i].memsz = PAGE;
		make_elf(&d, is64, s, COUNT, 1);
		struct vmcore *vc = open_dump(&d);
		for (size_t i = 0; i < COUNT; i += 77) {
			const void *p;
			assert_ok(vmcore_map(vc, s[i].phys, s[i].memsz, &p));
			assert_memory(p, s[i].phys, s[i].memsz);
			assert_error(vmcore_map(vc, s[i].phys + 2 * PAGE - i % 2 * PAGE, 1, &p),
				     ERR_NOT_IN_IMAGE);
		}
		const void *p;
		assert_ok(vmcore_map(vc, s[2000].phys + 4000, 112, &p)); /* across a seam */
		assert_memory(p, s[2000].phys + 4000, 112);
		vmcore_close(vc);
		dump_free(&d);
		free(s);
	}
}

static void test_absences(void **state)
{
	struct elf_segment s[] = {SEG(PAGE, 2 * PAGE, 5 * PAGE), SEG(8 * PAGE, 4 * PAGE, 4 * PAGE)};
	struct dump d = {0};
	uint8_t b[PAGE];
	const void *p;
	void *w;

	make_elf(&d, true, s, 2, 0);
	d.size -= PAGE + 100; /* the last page and the end of the one before it */
	struct vmcore *vc = open_dump(&d);
	assert_true(vmcore_is_partial(vc));
	assert_int_equal(check_image(vc, 16 * PAGE), 4);
	assert_error(vmcore_read(vc, 0, b, 1), ERR_NOT_IN_IMAGE);
	assert_error(vmcore_read(vc, PAGE - 1, b, 2), ERR_NOT_IN_IMAGE);
	assert_error(vmcore_read(vc, 3 * PAGE - 1, b, 2), ERR_EXCLUDED);
	assert_error(vmcore_map(vc, 3 * PAGE - 1, 2, &p), ERR_EXCLUDED);
	assert_error(vmcore_map(vc, 3 * PAGE, 1, &p), ERR_EXCLUDED);
	assert_error(vmcore_map_writable(vc, 4 * PAGE, 1, &w), ERR_EXCLUDED);
	assert_error(vmcore_write(vc, 5 * PAGE, b, 1), ERR_EXCLUDED);
	assert_error(vmcore_write(vc, 6 * PAGE, b, 1), ERR_NOT_IN_IMAGE);
	assert_ok(vmcore_read(vc, 10 * PAGE, b, PAGE - 100));
	assert_memory(b, 10 * PAGE, PAGE - 100);
	assert_error(vmcore_read(vc, 10 * PAGE, b, PAGE - 99), ERR_TRUNCATED);
	assert_error(vmcore_map(vc, 11 * PAGE, 1, &p), ERR_TRUNCATED);
	assert_error(vmcore_read(vc, 12 * PAGE, b, 1), ERR_NOT_IN_IMAGE);
	assert_error(vmcore_read(vc, UINT64_MAX, b, 1), ERR_NOT_IN_IMAGE);
	assert_error(vmcore_read(vc, UINT64_MAX - 4, b, PAGE), ERR_NOT_IN_IMAGE);
	assert_null(vmcore_try_map(vc, PAGE, SIZE_MAX));
	assert_null(vmcore_try_map(vc, UINT64_MAX, 1));
	/* A write over the border of what is there leaves all as it was. */
	memset(b, 0xee, sizeof(b));
	assert_error(vmcore_write(vc, 2 * PAGE + 8, b, PAGE), ERR_EXCLUDED);
	assert_int_equal(check_image(vc, 16 * PAGE), 4);
	vmcore_close(vc);
	dump_free(&d);
}

/* Segments with odd edges, touching in memory only, overlapping: reads and maps go across. */
static void test_seams(void **state)
{
	struct elf_segment s[] = {
		SEG(5 * PAGE + 100, 2 * PAGE, 2 * PAGE), /* 0x5064..0x7064 */
		SEG(100, 3 * PAGE, 3 * PAGE),		 /* 0x64..0x3064 */
		SEG(3 * PAGE + 100, 2 * PAGE, 2 * PAGE), /* fills the gap between them */
		SEG(7 * PAGE + 200, 500,
		    500), /* alone within a page, of which another has the start */
		SEG(20 * PAGE, 2 * PAGE,
		    4 * PAGE), /* excluded pages, of which another has the first */
		SEG(21 * PAGE, 2 * PAGE, 2 * PAGE),
	};
	struct dump d = {0};
	const uint8_t *p;
	uint64_t start, end;
	uint8_t b[8 * PAGE];

	make_elf(&d, true, s, 6, 3);
	struct vmcore *vc = open_dump(&d);
	assert_int_equal(check_image(vc, 32 * PAGE), 6 + 3);
	assert_true(vmcore_range(vc, 0, &start, &end));
	assert_int_equal(start, 100);
	assert_int_equal(end, 7 * PAGE + 100);
	assert_ok(vmcore_map(vc, 100, 7 * PAGE, (const void **)&p));
	assert_memory(p, 100, 7 * PAGE);
	assert_ok(vmcore_read(vc, 100, b, 7 * PAGE));
	assert_memory(b, 100, 7 * PAGE);
	assert_error(vmcore_map(vc, 100, 7 * PAGE + 1, (const void **)&p), ERR_NOT_IN_IMAGE);
	assert_error(vmcore_map(vc, 23 * PAGE - 1, 2, (const void **)&p), ERR_EXCLUDED);

	/* Pointers show writes; undo puts back, in pages that are partly there too. */
	const uint8_t *before = p = vmcore_try_map(vc, 3 * PAGE + 90, 20);
	unsigned depth;
	assert_ok(vmcore_mark(vc, &depth));
	assert_ok(vmcore_write(vc, 3 * PAGE + 95, "0123456789", 10));
	assert_memory_equal(before + 5, "0123456789", 10);
	assert_ok(vmcore_write(vc, 7 * PAGE + 96, "wxyz", 4));
	assert_ok(vmcore_write(vc, 7 * PAGE + 200, "ab", 2));
	assert_ok(vmcore_read(vc, 7 * PAGE + 200, b, 2));
	assert_memory_equal(b, "ab", 2);
	assert_ok(vmcore_undo(vc));
	assert_memory(before, 3 * PAGE + 90, 20);
	assert_int_equal(check_image(vc, 32 * PAGE), 6 + 3);
	vmcore_close(vc);
	dump_free(&d);
}

/* Segments that touch in memory, lie in disorder in the file, and start at page borders there:
 * mapped, not copied. */
static void test_mapped_seams(void **state)
{
	struct elf_segment s[] = {
		SEG(400 * PAGE, 300 * PAGE, 300 * PAGE), SEG(0, 400 * PAGE, 400 * PAGE),
		SEG(700 * PAGE, 2 * PAGE, 2 * PAGE), SEG(702 * PAGE, 333 * PAGE, 333 * PAGE)};
	struct dump d = {0};
	const uint8_t *p;
	unsigned depth;

	make_elf(&d, true, s, 4, 0);
	size_t skew = PAGE - s[0].offset % PAGE;
	dump_free(&d);
	make_elf(&d, true, s, 4, skew);
	assert_int_equal(s[0].offset % PAGE, 0);
	struct vmcore *vc = open_dump(&d);
	assert_int_equal(check_image(vc, 1100 * PAGE), 1035);
	assert_ok(vmcore_map(vc, 10, 1035 * PAGE - 10, (const void **)&p));
	assert_memory(p, 10, 1035 * PAGE - 10);
	assert_ok(vmcore_mark(vc, &depth));
	assert_ok(vmcore_write(vc, 400 * PAGE - 3, "across", 6));
	assert_memory_equal(p + 400 * PAGE - 13, "across", 6);
	assert_ok(vmcore_undo(vc));
	assert_memory(p, 10, 1035 * PAGE - 10);
	vmcore_close(vc);
	dump_free(&d);
}

/* Several segments with the same file bytes: one write shows at one address. */
static void test_aliases(void **state)
{
	struct elf_segment s[] = {SEG(0, 2 * PAGE, 2 * PAGE), SEG(8 * PAGE, PAGE, PAGE),
				  SEG(0, PAGE, PAGE)};
	struct dump d = {0};
	uint8_t b[2];

	make_elf(&d, true, s, 3, 0);
	dump_free(&d);
	s[1].offset = s[0].offset;
	s[1].no_bytes = true;
	make_elf(&d, true, s, 3, 0);
	struct vmcore *vc = open_dump(&d);
	assert_ok(vmcore_write(vc, 0, "!", 1));
	assert_ok(vmcore_read(vc, 8 * PAGE, b, 1));
	assert_int_equal(b[0], memory_byte(0));
	vmcore_close(vc);
	dump_free(&d);

	/* The first of two that overlap is taken. */
	struct elf_segment o[] = {SEG(PAGE, PAGE, PAGE), SEG(0, 3 * PAGE, 3 * PAGE)};
	make_elf(&d, true, o, 2, 0);
	memset(d.bytes + o[1].offset + PAGE, 0xaa, PAGE);
	vc = open_dump(&d);
	assert_int_equal(check_image(vc, 4 * PAGE), 3);
	vmcore_close(vc);
	dump_free(&d);
}

static void test_cuts(void **state)
{
	for (int is64 = 0; is64 < 2; is64++) {
		struct elf_segment s[] = {SEG(0, 2 * PAGE, 2 * PAGE),
					  SEG(3 * PAGE, PAGE, 2 * PAGE)};
		struct dump d = {0};
		make_elf(&d, is64, s, 2, 0);
		check_cuts(&d, 700, 19, 8 * PAGE);
		dump_free(&d);
	}
}

/* Each byte of the headers as 0, 1, 0x7f, 0x80, 0xff: opens or is refused, breaks nothing. */
static void test_lies(void **state)
{
	for (int is64 = 0; is64 < 2; is64++) {
		struct elf_segment s[] = {SEG(0, 2 * PAGE, 2 * PAGE),
					  SEG(2 * PAGE, PAGE, 2 * PAGE)};
		struct dump d = {0};
		make_elf(&d, is64, s, 2, 5);
		for (size_t at = 0; at < 64 + 3 * 56; at++)
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
		dump_free(&d);
	}
}

static void test_named_lies(void **state)
{
	struct elf_segment s[] = {SEG(PAGE, 2 * PAGE, 2 * PAGE)};
	struct dump d = {0};
	make_elf(&d, true, s, 1, 0);
	size_t load = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	Elf64_Ehdr *h = (Elf64_Ehdr *)d.bytes;
	const Elf64_Ehdr good = *h;
	Elf64_Phdr *p = (Elf64_Phdr *)(d.bytes + load);
	const Elf64_Phdr good_load = *p;

	h->e_type = ET_EXEC;
	assert_open_error(&d, ERR_FORMAT);
	assert_false(vmcore_probe(d.path));
	*h = good;
	h->e_phnum = 0;
	assert_open_error(&d, ERR_FORMAT);
	h->e_phnum = 1; /* only the notes */
	assert_open_error(&d, ERR_FORMAT);
	h->e_phnum = 60000;
	assert_open_error(&d, ERR_TRUNCATED);
	h->e_phnum = PN_XNUM;
	h->e_shoff = UINT64_MAX - 3;
	assert_open_error(&d, ERR_TRUNCATED);
	*h = good;
	h->e_phoff = UINT64_MAX - 8;
	assert_open_error(&d, ERR_TRUNCATED);
	*h = good;
	h->e_phentsize = 0;
	assert_open_error(&d, ERR_FORMAT);
	*h = good;
	h->e_ident[EI_CLASS] = 7;
	assert_open_error(&d, ERR_FORMAT);
	*h = good;
	h->e_ident[EI_DATA] = ELFDATA2MSB;
	h->e_type = ET_CORE << 8;
	assert_open_error(&d, ERR_UNSUPPORTED);
	*h = good;
	p->p_paddr = UINT64_MAX - PAGE;
	assert_open_error(&d, ERR_FORMAT);
	*p = good_load;
	p->p_memsz = UINT64_MAX;
	assert_open_error(&d, ERR_FORMAT);
	*p = good_load;
	p->p_filesz = UINT64_MAX;
	assert_open_error(&d, ERR_FORMAT);
	*p = good_load;
	p->p_offset = UINT64_MAX - 10;
	assert_open_error(&d, ERR_FORMAT);
	*p = good_load;
	p->p_filesz = p->p_memsz = 1ul << 60; /* mostly beyond the end: opens */
	struct vmcore *vc = open_dump(&d);
	exercise(vc);
	vmcore_close(vc);
	dump_free(&d);

	/* The core of a process. */
	struct elf_segment process[] = {SEG(0, PAGE, PAGE), SEG(0, PAGE, PAGE)};
	make_elf(&d, true, process, 2, 0);
	assert_open_error(&d, ERR_FORMAT);
	dump_free(&d);
}

static void test_no_image(void **state)
{
	struct vmcore *vc;
	struct dump d = {0};
	char name[] = "/tmp/vmcore-test-XXXXXX", path[64];

	assert_error(vmcore_open("/nonexistent/dump", NULL, &vc), ERR_IO);
	assert_false(vmcore_probe("/nonexistent/dump"));
	assert_error(vmcore_open("/", NULL, &vc), ERR_IO);
	assert_error(vmcore_open("/dev/null", NULL, &vc), ERR_IO);
	dump_add(&d, "Hello, this is a text.\n", 23);
	assert_open_error(&d, ERR_FORMAT);
	assert_false(vmcore_probe(d.path));
	assert_error(vmcore_open(dump_file(&d, 0), NULL, &vc), ERR_IO);
	assert_error(vmcore_open(dump_file(&d, 1), NULL, &vc), ERR_FORMAT);
	dump_free(&d);

	assert_non_null(mkdtemp(name));
	snprintf(path, sizeof(path), "%s/pipe", name);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_error(vmcore_open(path, NULL, &vc), ERR_IO);
	assert_false(vmcore_probe(path));
	unlink(path);
	rmdir(name);
}

static void test_raw(void **state)
{
	struct vmcore_options o = {.raw = true, .phys_offset = 0x100000};
	struct dump d = {0};
	struct vmcore *vc;
	uint8_t b[8];

	dump_add_memory(&d, 0x100000, 3 * PAGE + 17);
	assert_ok(vmcore_open(dump_file(&d, d.size), &o, &vc));
	assert_int_equal(check_image(vc, 0x200000), 3);
	assert_int_equal(vmcore_max_phys(vc), 0x100000 + 3 * PAGE + 17);
	assert_ok(vmcore_read(vc, 0x100000 + 3 * PAGE + 9, b, 8));
	assert_memory(b, 0x100000 + 3 * PAGE + 9, 8);
	assert_error(vmcore_read(vc, 0x100000 + 3 * PAGE + 10, b, 8), ERR_NOT_IN_IMAGE);
	vmcore_close(vc);
	o.phys_offset = UINT64_MAX - 5;
	assert_error(vmcore_open(d.path, &o, &vc), ERR_USAGE);
	o.raw = false;
	assert_error(vmcore_open(d.path, &o, &vc), ERR_FORMAT);
	dump_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_core),	      cmocka_unit_test(test_notes),
		cmocka_unit_test(test_many_segments), cmocka_unit_test(test_absences),
		cmocka_unit_test(test_seams),	      cmocka_unit_test(test_mapped_seams),
		cmocka_unit_test(test_aliases),	      cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_lies),	      cmocka_unit_test(test_named_lies),
		cmocka_unit_test(test_no_image),      cmocka_unit_test(test_raw),
	};
	return cmocka_run_group_tests_name("vmcore: ELF, raw", tests, NULL, NULL);
}

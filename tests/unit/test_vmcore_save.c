/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saving: every kind of image in both formats, reopened and compared; what goes wrong, and what is left then. */
#include "vmcore_dumps.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "vmcore/save.h"

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[2][160];
	static unsigned turn;
	char *p = path[turn++ % 2];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

static unsigned count_files(void)
{
	DIR *dir = opendir(folder);
	unsigned count = 0;

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	return count;
}

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/mmscope-save-XXXXXX");
	return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

/* ---- The same image ---- */

static uint64_t page_down(uint64_t n)
{
	return n & ~(PAGE - 1);
}

/* Range ends as they are, or at whole pages. */
static void assert_same_ranges(struct vmcore *a, struct vmcore *b, bool whole_pages)
{
	uint64_t start[2], end[2];

	for (size_t i = 0; vmcore_range(a, i, &start[0], &end[0]); i++) {
		assert_true(vmcore_range(b, i, &start[1], &end[1]));
		if (whole_pages) {
			start[0] = page_down(start[0]);
			end[0] = page_down(end[0] + PAGE - 1);
		}
		assert_int_equal(start[0], start[1]);
		assert_int_equal(end[0], end[1]);
		assert_false(vmcore_range(a, i + 1, &start[0], &end[0]) != vmcore_range(b, i + 1, &start[1], &end[1]));
	}
}

static bool touches_range(struct vmcore *vc, uint64_t page)
{
	uint64_t start, end;

	for (size_t i = 0; vmcore_range(vc, i, &start, &end); i++)
		if (start < page + PAGE && end > page)
			return true;
	return false;
}

/* Byte for byte; what one lacks the other lacks. */
static void assert_same_bytes(struct vmcore *a, struct vmcore *b, bool whole_pages)
{
	uint8_t bytes[2][PAGE];
	uint64_t end = vmcore_max_phys(a) + 3 * PAGE;

	for (uint64_t phys = 0; phys < end; phys += PAGE) {
		if (vmcore_page_present(a, phys)) {
			assert_true(vmcore_page_present(b, phys));
			assert_ok(vmcore_read(a, phys, bytes[0], PAGE));
			assert_ok(vmcore_read(b, phys, bytes[1], PAGE));
			assert_memory_equal(bytes[0], bytes[1], PAGE);
			continue;
		}
		if (!touches_range(a, phys)) {
			assert_false(vmcore_page_present(b, phys));
			continue;
		}
		for (uint64_t at = phys; at < phys + PAGE; at += 64) {
			struct error *one = vmcore_read(a, at, bytes[0], 64), *other = vmcore_read(b, at, bytes[1], 64);

			if (!one) {
				assert_null(other);
				assert_memory_equal(bytes[0], bytes[1], 64);
			} else if (!whole_pages) {
				assert_non_null(other);
				assert_int_equal(one->code, other->code);
			}
			error_drop(one);
			error_drop(other);
		}
	}
}

static void assert_same_notes(struct vmcore *a, struct vmcore *b)
{
	struct vmcore_note x, y;
	size_t len[2], i = 0;
	const char *text[2] = {vmcore_vmcoreinfo(a, &len[0]), vmcore_vmcoreinfo(b, &len[1])};

	for (; vmcore_note(a, i, &x); i++) {
		assert_true(vmcore_note(b, i, &y));
		assert_string_equal(x.name, y.name);
		assert_int_equal(x.type, y.type);
		assert_int_equal(x.desc_size, y.desc_size);
		assert_memory_equal(x.desc, y.desc, x.desc_size);
	}
	/* VMCOREINFO without a note becomes one. */
	assert_int_equal(vmcore_note(b, i, &y), !i && text[0]);
	assert_int_equal(len[0], len[1]);
	assert_int_equal(!text[0], !text[1]);
	if (text[0])
		assert_memory_equal(text[0], text[1], len[0]);
}

static void save_as(struct vmcore *vc, enum save_format format, bool whole_pages)
{
	struct save_details details = {0};
	struct vmcore *again;

	assert_ok(vmcore_save(vc, in_folder("saved"), format, &details));
	assert_int_equal(count_files(), 1);
	assert_ok(vmcore_open(in_folder("saved"), NULL, &again));
	assert_int_equal(vmcore_machine(again), vmcore_machine(vc));
	assert_int_equal(vmcore_is_partial(again), vmcore_is_partial(vc));
	assert_same_ranges(vc, again, whole_pages);
	assert_same_bytes(vc, again, whole_pages);
	assert_same_notes(vc, again);
	vmcore_close(again);
	assert_int_equal(unlink(in_folder("saved")), 0);
}

static void check_save(struct vmcore *vc, bool whole_pages)
{
	uint64_t start, end;

	save_as(vc, SAVE_ELF, false);
	save_as(vc, SAVE_KDUMP, whole_pages);
	/* What was written is saved with it: zero to something, something to zero. */
	for (size_t i = 0; vmcore_range(vc, i, &start, &end); i++) {
		uint8_t zeroes[PAGE] = {0};

		if (end - start < PAGE)
			continue;
		error_drop(vmcore_write(vc, start + PAGE / 2, "written over a page's border", 28));
		error_drop(vmcore_write(vc, end - PAGE, zeroes, PAGE));
	}
	save_as(vc, SAVE_ELF, false);
	save_as(vc, SAVE_KDUMP, whole_pages);
}

/* ---- Sources ---- */

static void test_elf(void **state)
{
	for (unsigned is64 = 0; is64 < 2; is64++) {
		struct elf_segment segments[] = {
			SEG(0, 5 * PAGE, 5 * PAGE), SEG(8 * PAGE, 3 * PAGE, 7 * PAGE), SEG(15 * PAGE, 0, 2 * PAGE),
			SEG(17 * PAGE, 40 * PAGE, 40 * PAGE), SEG(1ul << 30, 3 * PAGE, 3 * PAGE)};
		struct dump d = {0};

		make_elf(&d, is64, segments, 5, 1);
		struct vmcore *vc = open_dump(&d);
		check_save(vc, false);
		vmcore_close(vc);
		dump_free(&d);
	}
}

/* Ranges that begin and end within pages, and share one. */
static void test_odd_elf(void **state)
{
	struct elf_segment segments[] = {SEG(64, 2 * PAGE, 2 * PAGE), SEG(4 * PAGE + 256, 640, 1024), SEG(4 * PAGE + 2048, 64, 64),
					 SEG(9 * PAGE - 64, 3 * PAGE, 3 * PAGE), SEG(20 * PAGE - 128, 128, 128)};
	struct dump d = {0};

	make_elf(&d, true, segments, 5, 3);
	struct vmcore *vc = open_dump(&d);
	save_as(vc, SAVE_ELF, false);
	/* Ranges that share a page become one. */
	struct save_details details = {0};
	struct vmcore *again;
	assert_ok(vmcore_save(vc, in_folder("saved"), SAVE_KDUMP, &details));
	assert_ok(vmcore_open(in_folder("saved"), NULL, &again));
	assert_same_bytes(vc, again, true);
	vmcore_close(again);
	unlink(in_folder("saved"));
	vmcore_close(vc);
	dump_free(&d);
}

static bool with_hole(uint64_t pfn)
{
	return pfn < 5 || pfn >= 70;
}

static bool not_each_third(uint64_t pfn)
{
	return pfn % 3 != 1;
}

static void test_kdump(void **state)
{
	for (unsigned version = 3; version <= 6; version += 3)
		for (unsigned layout = 0; layout < 3; layout++)
			for (unsigned block_size = PAGE; block_size <= 16 * PAGE; block_size *= 16) {
				struct kdump_dump k = {.version = version,
						       .is64 = layout == 0,
						       .aligned32 = layout == 2,
						       .method = EACH_IN_TURN,
						       .block_size = block_size,
						       .nr_pages = 90,
						       .memory = with_hole,
						       .dumped = version == 6 ? not_each_third : NULL};
				struct dump d = {0};

				make_kdump(&d, &k);
				struct vmcore *vc = open_dump(&d);
				check_save(vc, false);
				vmcore_close(vc);
				dump_free(&d);
			}
}

static void test_ram(void **state)
{
	static const char info[] = "OSRELEASE=2.4.20\nPAGESIZE=4096\nNUMBER(phys_base)=-4096\n";
	struct vmcore *vc;

	assert_ok(vmcore_new_ram(300 * PAGE, &vc));
	assert_ok(vmcore_describe_ram(vc, EM_386, info, sizeof(info) - 1));
	for (uint64_t phys = 0; phys < 200 * PAGE; phys += PAGE) {
		uint8_t page[PAGE];

		memory_fill(page, phys, PAGE);
		assert_ok(vmcore_write(vc, phys, page, PAGE));
	}
	check_save(vc, false);
	vmcore_close(vc);
}

/* The overlay's own memory: no range, and not saved, as long as it has nothing but zeroes; then a range of the saved image as far as it has something. */
static void test_extension(void **state)
{
	static const char words[] = "what a disk would keep";
	struct vmcore *vc, *again;
	struct save_details details = {0};
	uint64_t size = 20 * PAGE + 1, start, end, more, at;
	char read[sizeof(words)];

	assert_ok(vmcore_new_ram(30 * PAGE, &vc));
	assert_ok(vmcore_write(vc, 0, words, sizeof(words)));
	assert_false(vmcore_extension(vc, &start, &size));
	assert_ok(vmcore_extend(vc, &size, &start));
	assert_int_equal(size, 21 * PAGE);
	assert_true(start >= 30 * PAGE);
	more = 5;
	assert_ok(vmcore_extend(vc, &more, &at));
	assert_true(more == size && at == start);
	assert_false(vmcore_range(vc, 1, &at, &end));
	assert_ok(vmcore_mark(vc, NULL));
	assert_ok(vmcore_write(vc, start + 3 * PAGE - 5, words, sizeof(words)));
	for (int format = SAVE_ELF; format <= SAVE_KDUMP; format++) {
		assert_ok(vmcore_save(vc, in_folder("saved"), (enum save_format)format, &details));
		assert_ok(vmcore_open(in_folder("saved"), NULL, &again));
		assert_true(vmcore_range(again, 1, &at, &end));
		assert_int_equal(at, start);
		assert_int_equal(end, start + 4 * PAGE);
		assert_ok(vmcore_read(again, start + 3 * PAGE - 5, read, sizeof(read)));
		assert_string_equal(read, words);
		vmcore_close(again);
		assert_int_equal(unlink(in_folder("saved")), 0);
	}
	assert_ok(vmcore_undo(vc));
	assert_ok(vmcore_save(vc, in_folder("saved"), SAVE_ELF, &details));
	assert_ok(vmcore_open(in_folder("saved"), NULL, &again));
	assert_false(vmcore_range(again, 1, &at, &end));
	vmcore_close(again);
	assert_int_equal(unlink(in_folder("saved")), 0);
	error_drop(vmcore_read(vc, start + size, read, 1));
	vmcore_close(vc);
}

static void test_raw(void **state)
{
	struct vmcore_options options = {.raw = true, .phys_offset = 0x10000};
	struct dump d = {0};
	struct vmcore *vc;

	dump_add_memory(&d, 0x10000, 20 * PAGE);
	assert_ok(vmcore_open(dump_file(&d, d.size), &options, &vc));
	check_save(vc, false);
	vmcore_close(vc);
	dump_free(&d);
}

/* More segments than e_phnum counts. */
static void test_many_segments(void **state)
{
	enum { COUNT = 66000 };
	struct elf_segment *segments = calloc(COUNT, sizeof(*segments));
	struct dump d = {0};

	for (unsigned i = 0; i < COUNT; i++)
		segments[i] = (struct elf_segment)SEG(i * 128ul, 64, 64);
	for (unsigned is64 = 0; is64 < 2; is64++) {
		make_elf(&d, is64, segments, COUNT, 0);
		struct vmcore *vc = open_dump(&d);
		struct save_details details = {0};
		struct vmcore *again;
		assert_ok(vmcore_save(vc, in_folder("saved"), SAVE_ELF, &details));
		assert_ok(vmcore_open(in_folder("saved"), NULL, &again));
		assert_same_ranges(vc, again, false);
		uint8_t byte[2];
		for (uint64_t phys = 0; phys < COUNT * 128ul; phys += 128 * 97) {
			assert_ok(vmcore_read(again, phys + 63, byte, 1));
			assert_int_equal(byte[0], memory_byte(phys + 63));
		}
		vmcore_close(again);
		vmcore_close(vc);
		unlink(in_folder("saved"));
		dump_free(&d);
	}
	free(segments);
}

/* 32-bit machines with memory, or with so much of it, that 32-bit ELF has no numbers for. */
static void test_wide_memory(void **state)
{
	struct elf_segment high[] = {SEG(0, PAGE, PAGE), SEG(0xfffff000, PAGE, PAGE)};
	struct dump d = {0};

	make_elf(&d, false, high, 2, 0);
	struct vmcore *vc = open_dump(&d);
	check_save(vc, false);
	vmcore_close(vc);
	dump_free(&d);
	assert_ok(vmcore_new_ram(1ul << 32, &vc));
	assert_ok(vmcore_describe_ram(vc, EM_386, "A=B\n", 4));
	assert_ok(vmcore_write(vc, 0xfffffff0, "the last 16 byte", 16));
	struct save_details details = {0};
	struct vmcore *again;
	char text[17] = "";
	assert_ok(vmcore_save(vc, in_folder("saved"), SAVE_ELF, &details));
	assert_ok(vmcore_open(in_folder("saved"), NULL, &again));
	assert_int_equal(vmcore_max_phys(again), 1ul << 32);
	assert_int_equal(vmcore_machine(again), EM_386);
	assert_ok(vmcore_read(again, 0xfffffff0, text, 16));
	assert_string_equal(text, "the last 16 byte");
	struct stat st;
	assert_int_equal(stat(in_folder("saved"), &st), 0);
	assert_true(st.st_blocks < 1000); /* holes */
	vmcore_close(again);
	vmcore_close(vc);
	unlink(in_folder("saved"));
}

/* ---- What goes wrong ---- */

static void expect_failure(struct vmcore *vc, const char *path, enum error_code code, const char *text)
{
	for (enum save_format format = SAVE_ELF; format <= SAVE_KDUMP; format++) {
		struct save_details details = {0};
		struct error *e = vmcore_save(vc, path, format, &details);

		assert_non_null(e);
		assert_int_equal(e->code, code);
		assert_false(strchr(e->message, '\n') != NULL);
		if (!strstr(e->message, text))
			fail_msg("no \"%s\" in: %s", text, e->message);
		error_free(e);
	}
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static bool at_once(void)
{
	return true;
}

static void test_failures(void **state)
{
	struct kdump_dump k = {.version = 6, .is64 = true, .method = ZLIB, .block_size = PAGE, .nr_pages = 900};
	struct rlimit before, small = {3 * PAGE, RLIM_INFINITY};
	struct save_details stopped = {.stop = at_once};
	struct dump d = {0};
	char text[9] = "";

	make_kdump(&d, &k);
	struct vmcore *vc = open_dump(&d);
	expect_failure(vc, folder, ERR_IO, strerror(EISDIR));
	expect_failure(vc, "/dev/full", ERR_IO, "not a regular file");
	expect_failure(vc, "", ERR_IO, strerror(ENOENT));
	expect_failure(vc, in_folder("none/saved"), ERR_IO, strerror(ENOENT));
	expect_failure(vc, in_folder("none/"), ERR_IO, strerror(EISDIR));
	assert_int_equal(symlink("nowhere", in_folder("link")), 0);
	expect_failure(vc, in_folder("link"), ERR_IO, "symbolic link");
	unlink(in_folder("link"));

	/* The disk is full: the file that was there is there still, and nothing else. */
	write_text(in_folder("saved"), "precious");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	expect_failure(vc, in_folder("saved"), ERR_IO, strerror(EFBIG));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_error(vmcore_save(vc, in_folder("saved"), SAVE_ELF, &stopped), ERR_INTERRUPTED);
	assert_error(vmcore_save(vc, in_folder("saved"), SAVE_KDUMP, &stopped), ERR_INTERRUPTED);
	vmcore_close(vc);

	/* A page that does not decompress. */
	uint64_t at;
	memcpy(&at, d.bytes + k.descs + 24 * 500, 8);
	memset(d.bytes + at, 0xff, 8);
	vc = open_dump(&d);
	expect_failure(vc, in_folder("saved"), ERR_DAMAGED, "damaged");
	vmcore_close(vc);
	assert_int_equal(count_files(), 1);
	FILE *file = fopen(in_folder("saved"), "r");
	assert_int_equal(fread(text, 1, 8, file), 8);
	fclose(file);
	assert_string_equal(text, "precious");
	unlink(in_folder("saved"));
	dump_free(&d);
}

/* Over the dump that is open, through a link: the link stays, and so does the file's mode. */
static void test_over_itself(void **state)
{
	struct elf_segment segments[] = {SEG(0, 50 * PAGE, 50 * PAGE)};
	struct save_details details = {0};
	struct dump d = {0};
	struct vmcore *vc, *again;
	struct stat st;

	make_elf(&d, true, segments, 1, 0);
	FILE *file = fopen(in_folder("saved"), "w");
	assert_int_equal(fwrite(d.bytes, 1, d.size, file), d.size);
	fclose(file);
	chmod(in_folder("saved"), 0640);
	assert_int_equal(symlink("saved", in_folder("link")), 0);
	assert_ok(vmcore_open(in_folder("link"), NULL, &vc));
	assert_ok(vmcore_write(vc, 100, "changed", 7));
	assert_ok(vmcore_save(vc, in_folder("link"), SAVE_KDUMP, &details));
	assert_int_equal(lstat(in_folder("link"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(in_folder("saved"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(count_files(), 2);
	assert_ok(vmcore_open(in_folder("saved"), NULL, &again));
	assert_string_equal(vmcore_format(again), "kdump-compressed (zlib)");
	assert_same_bytes(vc, again, false);
	vmcore_close(again);
	vmcore_close(vc);
	unlink(in_folder("link"));
	unlink(in_folder("saved"));
	dump_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf),	     cmocka_unit_test(test_odd_elf),	 cmocka_unit_test(test_kdump),
		cmocka_unit_test(test_ram),	     cmocka_unit_test(test_extension), cmocka_unit_test(test_raw),	 cmocka_unit_test(test_many_segments),
		cmocka_unit_test(test_wide_memory),  cmocka_unit_test(test_failures),	 cmocka_unit_test(test_over_itself),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

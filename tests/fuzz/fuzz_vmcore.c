/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Feeds a file's bytes to vmcore/ as an image: opens it, walks everything that it promises within
 *bounds, reads, maps, scans, writes under a mark and undoes. Any crash, sanitizer report, hang or
 *failed check is a bug.
 *
 * As it is, each argument is a file (afl-fuzz: `@@`). With -DLIBFUZZER it is a libFuzzer target:
 *
 *	clang -DLIBFUZZER -I. -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined
 *tests/fuzz/fuzz_vmcore.c vmcore/[a-z]*.c \ -lz -llzo2 -lsnappy -lzstd -o fuzz_vmcore &&
 *./fuzz_vmcore CORPUS
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmcore/vmcore.h"

#define RANGES_MOST 200
#define PAGES_MOST  300

static volatile unsigned sum; /* so that the reads are not optimized away */

static bool sum_piece(void *context, uint64_t phys, const void *bytes, size_t len)
{
	uint64_t *budget = context;
	for (size_t i = 0; i < len && i < 1 << 20; i += 61)
		sum += ((const uint8_t *)bytes)[i];
	assert(len && phys + len > phys);
	if (*budget < len)
		return false;
	*budget -= len;
	return true;
}

static bool no_diff_missing(void *context, uint64_t phys, const void *before, const void *now)
{
	uint64_t *last = context;
	assert(*last == UINT64_MAX || phys > *last);
	*last = phys;
	return memcmp(before, now, VMCORE_PAGE_SIZE) < 1000;
}

static void read_notes(struct vmcore *vc)
{
	struct vmcore_note note;
	size_t len;

	for (size_t i = 0; i < 1000 && vmcore_note(vc, i, &note); i++) {
		sum += strlen(note.name);
		for (size_t j = 0; j < note.desc_size; j += 17)
			sum += ((const uint8_t *)note.desc)[j];
	}
	const char *text = vmcore_vmcoreinfo(vc, &len);
	for (size_t i = 0; i < len; i++)
		sum += text[i];
}

/* One page's worth at `phys`, by each way; they must agree. */
static void look_at(struct vmcore *vc, uint64_t phys, size_t len)
{
	static uint8_t buffer[5 * VMCORE_PAGE_SIZE];
	const void *mapped;

	bool present = vmcore_page_present(vc, phys);
	struct error *e = vmcore_read(vc, phys, buffer, len);
	const void *p = vmcore_try_map(vc, phys, len);
	/* Only damage may show late. */
	if (e && present && len == VMCORE_PAGE_SIZE && phys % VMCORE_PAGE_SIZE == 0)
		assert(e->code == ERR_DAMAGED);
	assert(!e == (p != NULL));
	if (!e)
		assert(!memcmp(p, buffer, len));
	error_drop(e);
	e = vmcore_map(vc, phys, len, &mapped);
	assert(mapped == p && !e == (p != NULL));
	error_drop(e);
}

static void walk(struct vmcore *vc)
{
	uint64_t start, end, last_end = 0, budget = 4 << 20, last = UINT64_MAX;
	unsigned pages = PAGES_MOST, depth;

	read_notes(vc);
	error_drop(vmcore_scan(vc, 0, UINT64_MAX, sum_piece, &budget));
	error_drop(vmcore_mark(vc, &depth));
	for (size_t i = 0; i < RANGES_MOST && pages && vmcore_range(vc, i, &start, &end); i++) {
		assert(start < end && end <= vmcore_max_phys(vc) && (!i || start > last_end));
		last_end = end;
		look_at(vc, start, 1);
		look_at(vc, end - 1, 1);
		look_at(vc, end - 1, 2);
		if (start)
			look_at(vc, start - 1, 2);
		for (uint64_t at = start; at < end && pages; pages--) {
			look_at(vc, at, 8);
			look_at(vc, at & ~(VMCORE_PAGE_SIZE - 1), VMCORE_PAGE_SIZE);
			look_at(vc, at, 2 * VMCORE_PAGE_SIZE + 3);
			error_drop(vmcore_write(vc, at, "abc", 3));
			/* Each page of a few, then in great steps. */
			uint64_t step =
				pages > PAGES_MOST / 2 ? VMCORE_PAGE_SIZE : (end - start) / 16 + 1;
			if (end - at <= step)
				break;
			at += step;
		}
	}
	error_drop(vmcore_diff(vc, 1, no_diff_missing, &last));
	error_drop(vmcore_undo(vc));
	budget = 1 << 20;
	error_drop(vmcore_scan(vc, 4096 + 7, UINT64_MAX, sum_piece, &budget));
	assert(!vmcore_mark_depth(vc));
}

static void run(const char *path)
{
	struct vmcore *vc;
	struct error *e = vmcore_open(path, NULL, &vc);

	if (e) {
		assert(!vc && e->message[0] && !strchr(e->message, '\n'));
		error_free(e);
		return;
	}
	assert(vmcore_probe(path));
	walk(vc);
	vmcore_close(vc);
}

#ifdef LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd;
	char path[40];

	if (!fd)
		fd = memfd_create("image", 0);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	run(path);
	return 0;
}

#else

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	return 0;
}

#endif

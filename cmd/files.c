/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cmd/files.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "vmcore/vmcore.h"

#define BTF_MAGIC 0xeb9f /* include/uapi/linux/btf.h */

/* "ffffffff81000000 T _text": how System.map and /proc/kallsyms begin. */
static bool is_symbol_list(const char *text, size_t len)
{
	size_t digits = 0;

	while (digits < len && isxdigit((unsigned char)text[digits]))
		digits++;
	return (digits == 8 || digits == 16) && digits + 3 < len && text[digits] == ' ' &&
	       isalpha((unsigned char)text[digits + 1]) && text[digits + 2] == ' ' &&
	       isgraph((unsigned char)text[digits + 3]);
}

static struct error *put(const char **place, const char *path, const char *what)
{
	if (*place)
		return error_new(ERR_USAGE, "two %s: %s and %s", what, *place, path);
	*place = path;
	return NULL;
}

struct error *files_add(struct files *files, const char *path)
{
	unsigned char head[64] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint16_t half;
	ssize_t n;

	if (fd < 0)
		return error_new(ERR_IO, "cannot open: %s: %s", path, strerror(errno));
	n = read(fd, head, sizeof(head));
	if (n < 0) {
		struct error *e = error_new(ERR_IO, "cannot read: %s: %s", path, strerror(errno));

		close(fd);
		return e;
	}
	close(fd);
	if (vmcore_probe(path))
		return put(&files->image, path, "memory images");
	if (n >= 20 && !memcmp(head, ELFMAG, SELFMAG)) {
		memcpy(&half, head + 16, 2); /* e_type, of either class */
		if (half == ET_EXEC || half == ET_DYN || half == ET_REL) {
			TRY(put(&files->symbol_file, path, "symbol files"));
			/* A BTF file given beside it is the better source of types. */
			if (!files->type_file)
				files->type_file = path;
			return NULL;
		}
	}
	memcpy(&half, head, 2);
	if (n >= 24 && half == BTF_MAGIC) {
		if (files->type_file && files->type_file == files->symbol_file)
			files->type_file = NULL;
		return put(&files->type_file, path, "type files");
	}
	if (is_symbol_list((const char *)head, (size_t)n))
		return put(&files->symbol_file, path, "symbol files");
	return put(&files->image, path, "memory images");
}

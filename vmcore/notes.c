/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmcore/image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

/* More than any machine's per-CPU notes, and little enough to hold. */
#define NOTES_MAX (64ul << 20)

/* A copy of the file's bytes with a NUL after them, as many as the file has; the image owns it. */
static struct error *copy_block(struct vmcore *vc, uint64_t offset, uint64_t *size, char **out)
{
	bool there;
	uint64_t have = file_extent(vc->file, offset, &there);

	*out = NULL;
	if (!there || !*size) {
		*size = 0;
		return NULL;
	}
	if (*size > have)
		*size = have;
	if (*size > NOTES_MAX - vc->notes_size || *size > file_host_size(vc->file))
		return error_new(ERR_FORMAT, "%s: notes of %#lx bytes", vc->path, *size);
	vc->notes_size += *size;
	TRY(image_grow(&vc->note_blocks, vc->nr_note_blocks, sizeof(*vc->note_blocks)));
	char *copy = malloc(*size + 1);
	if (!copy)
		return out_of_memory();
	vc->note_blocks[vc->nr_note_blocks++] = copy;
	if (!file_read(vc->file, offset, copy, *size))
		*size = 0;
	copy[*size] = 0;
	*out = copy;
	return NULL;
}

static uint64_t round_up4(uint64_t n)
{
	return (n + 3) & ~3ul;
}

struct error *notes_read(struct vmcore *vc, uint64_t offset, uint64_t size)
{
	char *block;

	TRY(copy_block(vc, offset, &size, &block));
	/* Linux aligns names and descriptors to 4 bytes in 64-bit cores too (fs/binfmt_elf.c,
	 * kernel/crash_core.c). */
	for (uint64_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr head;
		memcpy(&head, block + at, sizeof(head));
		uint64_t name = at + sizeof(head);
		uint64_t desc = name + round_up4(head.n_namesz);
		if (desc > size || head.n_descsz > size - desc)
			break;
		at = desc + round_up4(head.n_descsz);
		if (!head.n_namesz && !head.n_descsz && !head.n_type) {
			if (at > size)
				break;
			continue; /* padding */
		}
		TRY(image_grow(&vc->notes, vc->nr_notes, sizeof(*vc->notes)));
		struct vmcore_note *note = &vc->notes[vc->nr_notes];
		/* A name that lacks its NUL gets it where the padding or the descriptor starts: it
		 * loses its last byte. */
		if (head.n_namesz && memchr(block + name, 0, head.n_namesz) == NULL)
			block[name + head.n_namesz - 1] = 0;
		note->name = head.n_namesz ? block + name : "";
		note->type = head.n_type;
		note->desc = block + desc;
		note->desc_size = head.n_descsz;
		vc->nr_notes++;
		if (!vc->vmcoreinfo && !strcmp(note->name, "VMCOREINFO")) {
			vc->vmcoreinfo = note->desc;
			vc->vmcoreinfo_size = note->desc_size;
		}
		if (at >= size)
			break;
	}
	return NULL;
}

struct error *notes_read_vmcoreinfo(struct vmcore *vc, uint64_t offset, uint64_t size)
{
	char *block;

	if (vc->vmcoreinfo)
		return NULL;
	TRY(copy_block(vc, offset, &size, &block));
	if (size) {
		vc->vmcoreinfo = block;
		vc->vmcoreinfo_size = size;
	}
	return NULL;
}

struct error *vmcore_describe_ram(struct vmcore *vc, int machine, const char *vmcoreinfo, size_t len)
{
	TRY(image_grow(&vc->notes, vc->nr_notes, sizeof(*vc->notes)));
	TRY(image_grow(&vc->note_blocks, vc->nr_note_blocks, sizeof(*vc->note_blocks)));
	char *copy = strndup(vmcoreinfo, len);
	if (!copy)
		return out_of_memory();
	vc->note_blocks[vc->nr_note_blocks++] = copy;
	vc->notes[vc->nr_notes++] = (struct vmcore_note){"VMCOREINFO", 0, copy, len};
	vc->vmcoreinfo = copy;
	vc->vmcoreinfo_size = len;
	vc->machine = machine;
	return NULL;
}

void notes_free(struct vmcore *vc)
{
	for (size_t i = 0; i < vc->nr_note_blocks; i++)
		free(vc->note_blocks[i]);
	free(vc->note_blocks);
	free(vc->notes);
}

bool vmcore_note(const struct vmcore *vc, size_t index, struct vmcore_note *out)
{
	if (index >= vc->nr_notes)
		return false;
	*out = vc->notes[index];
	return true;
}

const char *vmcore_vmcoreinfo(const struct vmcore *vc, size_t *len)
{
	*len = vc->vmcoreinfo_size;
	return vc->vmcoreinfo;
}

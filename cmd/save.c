/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * save: the image as a file.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/session.h"
#include "mm/prstatus.h"
#include "mm/system.h"
#include "vmcore/save.h"

static bool stop(void)
{
	return interrupted();
}

/* Without a kernel, what the container says has to do. */
static void fill_details(struct session *s, struct save_details *d, struct system_names *names)
{
	struct kernel *k = s->kernel;

	*d = (struct save_details){.stop = stop};
	if (!k)
		return;
	d->machine = k->arch->machine;
	d->pointer_size = k->arch->pointer_size;
	d->direct_map = k->page_offset;
	d->direct_end = k->direct_end;
	d->phys_base = k->phys_base;
	if (error_drop(system_names(k, names)))
		return;
	d->utsname[0] = "Linux";
	d->utsname[1] = names->nodename;
	d->utsname[2] = names->release;
	d->utsname[3] = names->version;
	d->utsname[4] = names->machine;
}

static struct error *parse(int argc, char **argv, enum save_format *format, const char **path)
{
	/* The option may stand behind the file, too. */
	*path = NULL;
	*format = SAVE_ELF;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-f") && i + 1 < argc) {
			i++;
			if (!strcmp(argv[i], "kdump"))
				*format = SAVE_KDUMP;
			else if (strcmp(argv[i], "elf"))
				return usage_error("save", "no such format: %s", argv[i]);
		} else if (*path || argv[i][0] == '-') {
			return usage_error("save", "no such argument: %s", argv[i]);
		} else {
			*path = argv[i];
		}
	}
	return *path ? NULL : usage_error("save", "a file is needed");
}

static struct error *run_save(struct session *s, int argc, char **argv)
{
	enum save_format format;
	const char *path;
	struct save_details details;
	struct system_names names;
	struct vmcore_note note;
	unsigned char registers[PRSTATUS_SIZE];
	struct stat st;

	TRY(parse(argc, argv, &format, &path));
	fill_details(s, &details, &names);
	/* A dump has a note of each processor's registers already. */
	bool has_registers = false;
	for (size_t i = 0; vmcore_note(s->vmcore, i, &note); i++)
		has_registers |= !strcmp(note.name, "CORE");
	if (!has_registers && s->kernel)
		prstatus_note(s->kernel, registers, &details.note);
	TRY(vmcore_save(s->vmcore, path, format, &details));
	if (!stat(path, &st)) {
		out_str(s->out, "path", "%s: ", path);
		out_str(s->out, "format", "%s, ", format == SAVE_KDUMP ? "kdump-compressed" : "ELF core");
		out_dec(s->out, "size", "%" PRIu64 " bytes\n", (uint64_t)st.st_size);
	}
	return NULL;
}

COMMAND(save) = {
	.name = "save",
	.summary = "the image as it is now, as a file",
	.synopsis = "[-f elf | kdump] FILE",
	.options = "-f",
	.help = "DESCRIPTION\n"
		"  Writes the image with all changes into a file that can be opened again: an ELF core (-f elf,\n"
		"  also without an option), or a kdump-compressed dump (-f kdump), which is small. Pages of zeroes\n"
		"  take no room on the disk in either. What stands behind the name is only replaced when the new\n"
		"  file is whole.\n"
		"\n"
		"EXAMPLES\n"
		"    mmscope> save machine.kdump -f kdump\n",
	.run = run_save,
};

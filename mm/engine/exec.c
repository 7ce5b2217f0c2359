/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new program for a task (fs/exec.c, load_elf_binary() of fs/binfmt_elf.c, start_thread() of 2.4).
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mm/engine/exec_edit.h"
#include "mm/engine/fork_edit.h"
#include "mm/engine/list_edit.h"
#include "mm/pte.h"

#define PF_FORKNOEXEC	0x40
#define VM_STACK_FLAGS	0x177
#define CLOCKS_PER_TICK 100 /* include/asm-i386/param.h: CLOCKS_PER_SEC */
#define USER_CS		0x23 /* include/asm-i386/segment.h */
#define USER_DS		0x2b

/* ---- Strings, into pages that nothing maps yet ---- */

static struct error *arg_page(struct engine *e, struct binprm *b, uint64_t pos, unsigned char **bytes)
{
	uint64_t *page = &b->pages[pos >> VMCORE_PAGE_SHIFT];
	bool fresh = !*page;
	void *p;
	if (fresh)
		TRY(alloc_pages(e, GFP24_HIGHUSER, 0, page));
	TRY(vmcore_map_writable(e->k->vmcore, engine_page_phys(e, *page), VMCORE_PAGE_SIZE, &p));
	if (fresh)
		memset(p, 0, VMCORE_PAGE_SIZE);
	*bytes = p;
	return NULL;
}

/* copy_strings() of one: below those that are there. */
static struct error *copy_string(struct engine *e, struct binprm *b, const char *text)
{
	size_t len = strlen(text) + 1;
	if (len > b->p)
		return kernel_error(E2BIG, "arguments and environment have more than %u pages", MAX_ARG_PAGES);
	b->p -= len;
	for (uint64_t pos = b->p; len;) {
		unsigned char *bytes;
		size_t odd = pos & (VMCORE_PAGE_SIZE - 1), piece = VMCORE_PAGE_SIZE - odd;
		if (piece > len)
			piece = len;
		TRY(arg_page(e, b, pos, &bytes));
		memcpy(bytes + odd, text, piece);
		text += piece;
		pos += piece;
		len -= piece;
	}
	return NULL;
}

/* The last string first, so that the first is lowest. */
static struct error *copy_strings(struct engine *e, struct binprm *b, char *const *strings, unsigned count)
{
	while (count)
		TRY(copy_string(e, b, strings[--count]));
	return NULL;
}

struct error *skip_string(struct engine *e, uint64_t task, uint64_t *p)
{
	for (char c = 1; c;)
		TRY(access_process_vm(e, task, (*p)++, &c, 1, false));
	return NULL;
}

unsigned count_strings(char *const *strings)
{
	unsigned n = 0;
	while (strings && strings[n])
		n++;
	return n;
}

static struct error *gather_arguments(struct engine *e, struct binprm *b, const char *path, char *const *argv, char *const *envp)
{
	b->p = (uint64_t)VMCORE_PAGE_SIZE * MAX_ARG_PAGES - e->k->arch->pointer_size;
	b->argc = count_strings(argv);
	b->envc = count_strings(envp);
	if (b->argc > b->p / 4 || b->envc > b->p / 4)
		return kernel_error(E2BIG, "too many arguments");
	TRY(copy_string(e, b, path));
	TRY(copy_strings(e, b, envp, b->envc));
	return copy_strings(e, b, argv, b->argc);
}

/* ---- The stack ---- */

/* put_dirty_page(): onto the LRU, not marked referenced: nobody has touched it. */
static struct error *put_dirty_page(struct engine *e, const struct object *mm, uint64_t page, uint64_t addr)
{
	uint64_t at;
	TRY(pte_alloc(e, mm, addr, &at));
	if (get_pte(e, at))
		return error_at(ERR_BAD_OBJECT, addr, "the new stack is not empty: %" PRIx64, addr);
	TRY(lru_cache_add(e, page));
	uint64_t entry = pte_mkdirty(pte_mkwrite(mk_pte(e, page, vm_get_page_prot(e, VM_READ | VM_WRITE | VM_EXEC))));
	set_pte(e, at, entry);
	ADD(e->k, mm, mm_struct, rss, 1);
	TRACE(e, "put_dirty_page", "arguments into the stack", { "page", page }, { "address", addr }, { "pte", entry });
	return NULL;
}

static struct error *setup_arg_pages(struct engine *e, struct binprm *b, const struct object *mm)
{
	struct kernel *k = e->k;
	uint64_t base = k->page_offset - (uint64_t)MAX_ARG_PAGES * VMCORE_PAGE_SIZE, vma_addr;
	struct object vma;
	b->p += base;
	TRY(kmem_cache_alloc(e, e->vm_area_cachep, GFP24_KERNEL, &vma_addr));
	TRY(object_open_writable(k, vma_addr, S_vm_area_struct, &vma));
	memset((void *)vma.bytes, 0, vma.size);
	uint64_t start = b->p & ~(uint64_t)(VMCORE_PAGE_SIZE - 1);
	SET(k, &vma, vm_area_struct, vm_mm, mm->addr);
	SET(k, &vma, vm_area_struct, vm_start, start);
	SET(k, &vma, vm_area_struct, vm_end, k->page_offset);
	SET(k, &vma, vm_area_struct, vm_page_prot, vm_get_page_prot(e, VM_READ | VM_WRITE | VM_EXEC));
	SET(k, &vma, vm_area_struct, vm_flags, VM_STACK_FLAGS);
	TRY(insert_vm_struct(e, mm->addr, vma_addr));
	SET(k, mm, mm_struct, total_vm, (k->page_offset - start) >> k->arch->page_shift);
	TRACE(e, "setup_arg_pages", "the stack's area", { "vma", vma_addr }, { "vm_start", start }, { "vm_flags", VM_STACK_FLAGS });
	for (unsigned i = 0; i < MAX_ARG_PAGES; i++) {
		uint64_t page = b->pages[i];
		b->pages[i] = 0;
		if (page)
			TRY(put_dirty_page(e, mm, page, base + (uint64_t)i * VMCORE_PAGE_SIZE));
	}
	return NULL;
}

/* ---- create_elf_tables() ---- */

/* The words below the strings, built here and then written to the user's stack. */
struct tables {
	uint32_t *words;
	size_t count;
};

static void put(struct tables *t, uint64_t word)
{
	t->words[t->count++] = (uint32_t)word;
}

static void put_aux(struct tables *t, uint32_t id, uint64_t value)
{
	put(t, id);
	put(t, value);
}

/* AT_HWCAP: what cpuid says of the first processor. */
static uint64_t hwcap(struct engine *e)
{
	uint64_t at = symbol_addr(e->k, "boot_cpu_data"), v = 0;
	if (at && HAS(e->k, cpuinfo_x86, x86_capability))
		error_drop(kernel_read_uint(e->k, at + OFFSET(e->k, cpuinfo_x86, x86_capability), 4, &v));
	return v;
}

static void put_auxiliary(struct engine *e, struct tables *t, const struct binprm *b, const struct elf_placed *program, uint32_t interpreter_base,
			  const struct object *task, uint32_t platform)
{
	struct kernel *k = e->k;
	put_aux(t, AT_HWCAP, hwcap(e));
	put_aux(t, AT_PAGESZ, VMCORE_PAGE_SIZE);
	put_aux(t, AT_CLKTCK, CLOCKS_PER_TICK);
	put_aux(t, AT_PHDR, program->load_addr + b->program.phoff);
	put_aux(t, AT_PHENT, sizeof(Elf32_Phdr));
	put_aux(t, AT_PHNUM, b->program.phnum);
	put_aux(t, AT_BASE, interpreter_base);
	put_aux(t, AT_FLAGS, 0);
	put_aux(t, AT_ENTRY, program->entry);
	put_aux(t, AT_UID, GET(k, task, task_struct, uid));
	put_aux(t, AT_EUID, GET(k, task, task_struct, euid));
	put_aux(t, AT_GID, GET(k, task, task_struct, gid));
	put_aux(t, AT_EGID, GET(k, task, task_struct, egid));
	put_aux(t, AT_PLATFORM, platform);
	put_aux(t, AT_NULL, 0);
}

/* Pointers to `count` strings that stand one behind the other from *p on; *p moves behind them. */
static struct error *put_strings(struct engine *e, struct tables *t, const struct binprm *b, unsigned count, uint64_t *p)
{
	for (; count; count--) {
		put(t, *p);
		TRY(skip_string(e, b->task, p));
	}
	put(t, 0);
	return NULL;
}

static struct error *fill_tables(struct engine *e, struct tables *t, const struct binprm *b, const struct object *mm, const struct object *task,
				 const struct elf_placed *program, uint32_t interpreter_base, uint32_t platform)
{
	struct kernel *k = e->k;
	uint64_t p = b->p;
	put(t, b->argc);
	SET(k, mm, mm_struct, arg_start, p);
	TRY(put_strings(e, t, b, b->argc, &p));
	SET(k, mm, mm_struct, arg_end, p);
	SET(k, mm, mm_struct, env_start, p);
	TRY(put_strings(e, t, b, b->envc, &p));
	SET(k, mm, mm_struct, env_end, p);
	put_auxiliary(e, t, b, program, interpreter_base, task, platform);
	return NULL;
}

/* Platform name below the strings, then, so that argc is on a multiple of 16, auxiliary vector, envp, argv, argc. */
static struct error *create_elf_tables(struct engine *e, struct binprm *b, const struct object *mm, const struct object *task,
				       const struct elf_placed *program, uint32_t interpreter_base)
{
	char platform[] = "i686"; /* ELF_PLATFORM: system_utsname.machine */
	uint32_t platform_at = (uint32_t)b->p - sizeof(platform);
	struct tables t = { malloc((size_t)(b->argc + b->envc + 64) * 4), 0 };
	if (!t.words)
		return error_new(ERR_NO_MEMORY, "out of memory");
	struct error *failure = access_process_vm(e, b->task, platform_at, platform, sizeof(platform), true);
	if (!failure)
		failure = fill_tables(e, &t, b, mm, task, program, interpreter_base, platform_at);
	if (!failure) {
		b->p = ((platform_at & ~15u) - t.count * 4) & ~15ull;
		failure = access_process_vm(e, b->task, b->p, t.words, t.count * 4, true);
	}
	free(t.words);
	return failure;
}

/* ---- The task ---- */

/* flush_old_exec() after the memory: the task as its new program finds it. */
static struct error *reset_task(struct engine *e, const struct object *task, const char *path)
{
	struct kernel *k = e->k;
	uint64_t list = MEMBER_ADDR(k, task, task_struct, thread_group);
	set_task_comm(e, task, path);
	SET(k, task, task_struct, addr_limit, k->page_offset);
	SET(k, task, task_struct, flags, GET(k, task, task_struct, flags) & ~(uint64_t)PF_FORKNOEXEC);
	ADD(k, task, task_struct, self_exec_id, 1);
	SET(k, task, task_struct, did_exec, 1);
	/* de_thread() */
	SET(k, task, task_struct, tgid, GET(k, task, task_struct, pid));
	if (!HAS(k, task_struct, thread_group))
		return NULL;
	TRY(list_del(k, list));
	return list_init(k, list);
}

/* start_thread(): the registers that the task goes to user space with. */
static struct error *start_thread(struct engine *e, uint64_t task, uint32_t entry, uint64_t stack)
{
	struct kernel *k = e->k;
	uint32_t size = SIZE_OF(k, pt_regs);
	struct object r;
	TRY(object_open_bytes_writable(k, task + ((uint64_t)VMCORE_PAGE_SIZE << TASK_UNION_ORDER) - size, size, &r));
	memset((void *)r.bytes, 0, size);
	SET(k, &r, pt_regs, ds, USER_DS);
	SET(k, &r, pt_regs, es, USER_DS);
	SET(k, &r, pt_regs, ss, USER_DS);
	SET(k, &r, pt_regs, cs, USER_CS);
	SET(k, &r, pt_regs, flags, 0x202); /* interrupts on */
	SET(k, &r, pt_regs, ip, entry);
	SET(k, &r, pt_regs, sp, stack);
	TRACE(e, "start_thread", "the program starts", { "eip", entry }, { "esp", stack });
	return NULL;
}

static void set_layout(struct engine *e, const struct object *mm, const struct elf_placed *p, uint64_t stack)
{
	struct kernel *k = e->k;
	SET(k, mm, mm_struct, start_brk, p->brk);
	SET(k, mm, mm_struct, brk, p->brk);
	SET(k, mm, mm_struct, end_code, p->end_code);
	SET(k, mm, mm_struct, start_code, p->start_code);
	SET(k, mm, mm_struct, start_data, p->start_data);
	SET(k, mm, mm_struct, end_data, p->end_data);
	SET(k, mm, mm_struct, start_stack, stack);
}

/* From here on there is no way back: a failure ends the process. */
static struct error *load_elf_binary(struct engine *e, struct binprm *b, const char *path)
{
	struct kernel *k = e->k;
	struct object task, mm;
	struct elf_placed program, interpreter = { 0 };
	uint64_t mm_addr;
	TRY(exec_mmap(e, b->task));
	TRY(object_open_writable(k, b->task, S_task_struct, &task));
	TRY(reset_task(e, &task, path));
	mm_addr = GET(k, &task, task_struct, mm);
	TRY(object_open_writable(k, mm_addr, S_mm_struct, &mm));
	SET(k, &mm, mm_struct, dumpable, 1);
	SET(k, &mm, mm_struct, rss, 0);
	TRY(setup_arg_pages(e, b, &mm));
	TRY(elf_map_program(e, b, &program));
	if (b->interpreter.file) {
		TRY(elf_map_interpreter(e, b, program.bias, &interpreter));
	}
	TRY(create_elf_tables(e, b, &mm, &task, &program, (uint32_t)interpreter.load_addr));
	set_layout(e, &mm, &program, b->p);
	TRY(elf_set_brk(e, b, &program, program.bss, program.brk));
	TRY(elf_pad_zero(e, b, program.bss));
	return start_thread(e, b->task, (uint32_t)(b->interpreter.file ? interpreter.entry : program.entry), b->p);
}

/* What is still held: pages of strings that have come into no stack, the files. */
static struct error *let_go(struct engine *e, const struct binprm *b)
{
	for (unsigned i = 0; i < MAX_ARG_PAGES; i++)
		if (b->pages[i])
			TRY(put_page(e, b->pages[i]));
	if (b->interpreter.file)
		TRY(close_exec(e, b->interpreter.file));
	return b->program.file ? close_exec(e, b->program.file) : NULL;
}

/* All that can be refused while the old program is still there. */
static struct error *prepare(struct engine *e, struct binprm *b, const char *path, char *const *argv, char *const *envp)
{
	char interpreter[4096];
	TRY(open_exec(e, path, &b->program));
	TRY(elf_image_read(e, path, ENOEXEC, &b->program));
	TRY(gather_arguments(e, b, path, argv, envp));
	TRY(elf_interpreter(e, &b->program, interpreter, sizeof(interpreter)));
	if (!*interpreter)
		return NULL;
	TRY(open_exec(e, interpreter, &b->interpreter));
	return elf_image_read(e, interpreter, ELIBBAD, &b->interpreter);
}

struct error *kill_for(struct engine *e, uint64_t task, struct error *failure, char *killed, size_t size)
{
	uint64_t pid;
	TRY(kernel_get(e->k, task, M_task_struct_pid, &pid));
	if (failure->code != ERR_KERNEL || pid == 1)
		return failure;
	TRACE(e, "force_sigsegv", "the old program is gone, the new one cannot be: killed", { "task", task }, { "pid", pid });
	snprintf(killed, size, "%s", failure->message);
	error_free(failure);
	return do_exit(e, task);
}

struct error *do_execve(struct engine *e, uint64_t task, const char *path, char *const *argv, char *const *envp, char *killed, size_t size)
{
	struct binprm b = { .task = task };
	struct error *failure;
	uint64_t pid;
	*killed = '\0';
	TRY(kernel_get(e->k, task, M_task_struct_pid, &pid));
	if (!pid)
		return kernel_error(EPERM, "the idle task never executes a program");
	if (!e->classic)
		return do_execve_modern(e, task, path, argv, envp, killed, size);
	failure = prepare(e, &b, path, argv, envp);
	bool gone = !failure;
	if (!failure)
		failure = load_elf_binary(e, &b, path);
	elf_image_free(&b.program);
	elf_image_free(&b.interpreter);
	if (failure && failure->code != ERR_KERNEL)
		return failure;
	failure = error_worse(failure, let_go(e, &b));
	return gone && failure ? kill_for(e, task, failure, killed, size) : failure;
}

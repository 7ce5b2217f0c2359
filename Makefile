# SPDX-License-Identifier: GPL-3.0-or-later
#
# make            ./mmscope
# make run        the same, started on its simulated machine (installs the Debian packages that it lacks, as root)
# make demo       the same, started on a dump of a real guest, which it boots under qemu
# make check      all tests that CI runs; SANITIZE=1 builds them with AddressSanitizer and UBSan; SUITES='unit shell' some of them
# make unit       only the unit tests
# make check-newest  the guest tests with the newest kernel of Debian sid
# make check-crash  compared with crash 9 (root; downloads 1.5 GB), result in docs/crash-comparison.md
# make bench      measurements, against crash and drgn where they are installed, and of the engine against this kernel
# make install    into $(DESTDIR)$(PREFIX)

PREFIX  ?= /usr/local
CC      ?= cc
OUT     ?= out$(if $(SANITIZE),/sanitize)
PROG    ?= $(if $(SANITIZE),$(OUT)/mmscope,mmscope)

LIBS     = libelf libdw libcapstone libbpf zlib libzstd
CPPFLAGS += -I. -D_GNU_SOURCE
CFLAGS  ?= -O2 -g
override CFLAGS += -std=gnu17 -Wall -Wextra -Werror -Wno-unused-parameter -fno-strict-aliasing \
	$(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
LDLIBS  += -lreadline -lelf -ldw -lcapstone -lbpf -liberty -lz -llzo2 -lsnappy -lzstd -lm
comma   := ,

SOURCES  = $(wildcard vmcore/*.c core/*.c mm/*.c mm/audit/*.c mm/engine/*.c mm/sim/*.c cmd/*.c)
OBJECTS  = $(SOURCES:%.c=$(OUT)/%.o)
LIBRARY  = $(filter-out $(OUT)/cmd/main.o,$(OBJECTS))
UNIT     = $(patsubst tests/unit/%.c,$(OUT)/tests/%,$(wildcard tests/unit/test_*.c))

all: $(PROG)

# Its functions are there for extensions ("help extend").
$(PROG): $(OBJECTS)
	$(CC) $(CFLAGS) $(LDFLAGS) -rdynamic -o $@ $^ $(LDLIBS)

# Programs for the simulated machines: 32-bit, of nothing but themselves. DATA is where the data segment lies.
PROGRAMS = $(addprefix $(OUT)/programs/,init ld stack_val pair)
LINK_386 = $(LD) -m elf_i386 -nostdlib -z noexecstack --build-id=none

$(OUT)/programs/%.o: mm/sim/programs/%.S
	@mkdir -p $(@D)
	$(CC) -m32 -c -o $@ $<

$(OUT)/programs/init: $(OUT)/programs/init.o mm/sim/programs/dynamic.ld
	$(LINK_386) -static --defsym=DATA=0x8050000 -T mm/sim/programs/dynamic.ld -o $@ $<
$(OUT)/programs/ld: $(OUT)/programs/ld.o mm/sim/programs/ld.ld
	$(LINK_386) -shared -z norelro --hash-style=sysv --defsym=DATA=0x15000 -T mm/sim/programs/ld.ld -o $@ $<
$(OUT)/programs/stack_val $(OUT)/programs/pair: $(OUT)/programs/%: $(OUT)/programs/%.o mm/sim/programs/program.ld
	$(LINK_386) -static --defsym=DATA=0x8049000 -T mm/sim/programs/program.ld -o $@ $<

# The same for x86_64, and the vdso of its kernels.
PROGRAMS_64 = $(addprefix $(OUT)/programs/x86_64/,init ld stack_val pair vdso)
LINK_64 = $(LD) -m elf_x86_64 -nostdlib -z noexecstack -z max-page-size=4096 --build-id=none

$(OUT)/programs/x86_64/%.o: mm/sim/programs/x86_64/%.S mm/sim/programs/x86_64/wait.h
	@mkdir -p $(@D)
	$(CC) -m64 -c -o $@ $<

$(OUT)/programs/x86_64/init: $(OUT)/programs/x86_64/init.o mm/sim/programs/x86_64/dynamic.ld
	$(LINK_64) -static --defsym=DATA=0x608000 -T mm/sim/programs/x86_64/dynamic.ld -o $@ $<
$(OUT)/programs/x86_64/ld: $(OUT)/programs/x86_64/ld.o mm/sim/programs/x86_64/ld.ld
	$(LINK_64) -shared -z norelro --hash-style=sysv --defsym=DATA=0x4000 -T mm/sim/programs/x86_64/ld.ld -o $@ $<
$(OUT)/programs/x86_64/vdso: $(OUT)/programs/x86_64/vdso.o mm/sim/programs/x86_64/vdso.ld
	$(LINK_64) -shared -z norelro --hash-style=both -soname linux-vdso.so.1 -T mm/sim/programs/x86_64/vdso.ld -o $@ $<
$(OUT)/programs/x86_64/stack_val $(OUT)/programs/x86_64/pair: $(OUT)/programs/x86_64/%: $(OUT)/programs/x86_64/%.o mm/sim/programs/x86_64/program.ld
	$(LINK_64) -static -T mm/sim/programs/x86_64/program.ld -o $@ $<

$(OUT)/mm/sim/programs.o: $(PROGRAMS) $(PROGRAMS_64) $(wildcard mm/sim/scenarios/* mm/sim/types/linux-*)
$(OUT)/mm/sim/programs.o: override CFLAGS += -Wa,-I$(OUT) -Wa,-I.

$(OUT)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/tests/%: $(OUT)/tests/unit/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

# Random acts on the areas of a dump's processes: tests/guest/check-guests runs it on kernels that have such areas.
$(OUT)/tests/random-areas: $(OUT)/tests/areas/areas.o $(OUT)/tests/areas/host.o $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

.PRECIOUS: $(OUT)/%.o $(OUT)/programs/%.o $(OUT)/programs/x86_64/%.o $(OUT)/tests/unit/%.o

unit: $(UNIT)
	@set -e; for test in $(UNIT); do $$test; done

# Packages first: what is built below may need them.
run:
	@tests/packages
	@$(MAKE) --no-print-directory all
	@./$(PROG)

demo:
	@tests/packages
	@$(MAKE) --no-print-directory all
	@dump=$$(tests/demo) && ./$(PROG) $$dump

check:
	@tests/packages
	@$(MAKE) --no-print-directory -j$$(nproc) all $(UNIT) $(OUT)/tests/random-areas
	@MMSCOPE=$(abspath $(PROG)) MMSCOPE_UNIT=$(abspath $(OUT)/tests) tests/run $(SUITES)

# Not in check: a new release of Linux turns no build red.
check-newest: all $(OUT)/tests/random-areas
	@MMSCOPE=$(abspath $(PROG)) tests/guest/check-guests newest newest-bare

# Not in check: they download crash and a vmlinux, and need root for a chroot.
check-crash: all
	@tests/crash/check-crash --mmscope $(abspath $(PROG))

bench: all bench-engine
	@bench/bench --mmscope $(abspath $(PROG))

# The engine beside the kernel that this runs on; needs no dump and no network.
bench-engine: all $(OUT)/bench/engine
	@$(OUT)/bench/engine $(abspath $(PROG))

$(OUT)/bench/engine: $(OUT)/bench/engine.o $(LIBRARY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

install: all
	install -D -m 755 $(PROG) $(DESTDIR)$(PREFIX)/bin/mmscope
	install -D -m 644 docs/mmscope.1 $(DESTDIR)$(PREFIX)/share/man/man1/mmscope.1
	install -D -m 644 docs/completion/mmscope.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mmscope
	install -D -m 644 docs/completion/_mmscope $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mmscope

clean:
	rm -rf out mmscope

-include $(OBJECTS:.o=.d) $(OUT)/bench/engine.d $(OUT)/tests/areas/areas.d $(OUT)/tests/areas/host.d $(UNIT:$(OUT)/tests/%=$(OUT)/tests/unit/%.d)

.PHONY: all unit run demo check check-newest check-crash bench bench-engine install clean

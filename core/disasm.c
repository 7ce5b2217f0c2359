/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/disasm.h"

#include <capstone/capstone.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct disasm {
	csh handle;
	cs_insn *insn;
	bool wide;
};

struct error *disasm_open(bool wide, struct disasm **out)
{
	struct disasm *d = calloc(1, sizeof(*d));

	if (!d)
		return error_new(ERR_NO_MEMORY, "out of memory");
	d->wide = wide;
	if (cs_open(CS_ARCH_X86, wide ? CS_MODE_64 : CS_MODE_32, &d->handle) != CS_ERR_OK) {
		free(d);
		return error_new(ERR_OTHER, "capstone has no decoder for x86");
	}
	cs_option(d->handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	cs_option(d->handle, CS_OPT_DETAIL, CS_OPT_ON);
	d->insn = cs_malloc(d->handle);
	*out = d;
	return NULL;
}

void disasm_close(struct disasm *d)
{
	if (!d)
		return;
	cs_free(d->insn, 1);
	cs_close(&d->handle);
	free(d);
}

/* ---- Mnemonics ---- */

/* Whose size binutils say only when no register does. */
static const char *const sized[] = {"mov",  "add", "sub", "and", "or",	"xor",	"cmp",	   "test", "adc",  "sbb", "inc", "dec", "neg",
				    "not",  "shl", "shr", "sar", "rol", "ror",	"rcl",	   "rcr",  "lea",  "xchg", "xadd", "cmpxchg", "bt",
				    "bts",  "btr", "btc", "mul", "imul", "div", "idiv",	   "shld", "shrd", "bsf", "bsr", "tzcnt", "lzcnt", "popcnt",
				    "movabs", "bswap", "in", "out", "lar", "lsl", "str", "sldt", "smsw", "lldt", "ltr", "movbe", "andn", "rorx", "sarx", "shlx", "shrx", "bzhi", "pdep", "pext", "mulx", "adcx", "adox", "bextr", "blsr", "blsi", "blsmsk", "crc32", "rdrand", "rdseed", "ptwrite"};
/* Those whose size is the machine's, and never said. */
static const char *const unsized[] = {"push", "pop", "call", "jmp", "ret", "leave", "pushf", "popf", "enter", "rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase", "invpcid", "vmread", "vmwrite", "invept", "invvpid", "ljmp", "lcall", "vmptrld", "vmptrst", "sgdt", "sidt", "lgdt", "lidt", "xsave", "incssp", "rdssp"};

/* Those that say their register. */
static const char *const accumulator[] = {"stos", "lods", "scas"};
static const char *const conditions[] = {"o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"};

static bool is_suffix(char c)
{
	return c == 'b' || c == 'w' || c == 'l' || c == 'q';
}

static bool is_one_of(const char *const *names, size_t count, const char *text, size_t length)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == length && !memcmp(names[i], text, length))
			return true;
	return false;
}
#define ONE_OF(names, text, length) is_one_of(names, sizeof(names) / sizeof(*names), text, length)

/* Is there a register operand that says the size? (The count of a shift in %cl does not, nor does the port in %dx.) */
static bool register_tells(const cs_x86 *x, const char *base)
{
	bool shift = strchr("sr", base[0]) && (base[1] == 'h' || base[1] == 'a' || base[1] == 'o' || base[1] == 'c') && base[2];

	for (unsigned i = 0; i < x->op_count; i++)
		if (x->operands[i].type == X86_OP_REG &&
		    !(shift && i + 1 < x->op_count && x->operands[i].reg == X86_REG_CL && x->op_count == 2))
			return true;
	return false;
}

static void put_mnemonic(const struct disasm *d, const cs_x86 *x, const char *word, char *out, size_t room)
{
	size_t length = strlen(word);

	if (length > 1 && is_suffix(word[length - 1])) {
		size_t base = length - 1;
		bool move = !strncmp(word, "cmov", 4) && register_tells(x, word);
		/* "cmovl" is a condition, "cmovll" a condition and a size; "cmovb" likewise. */
		if (move && length > 5 && ONE_OF(conditions, word + 4, base - 4))
			length = base;
		else if (ONE_OF(unsized, word, base) || ONE_OF(accumulator, word, base))
			length = base;
		else if (ONE_OF(sized, word, base) && register_tells(x, word))
			length = base;
	}
	snprintf(out, room, "%.*s", (int)length, word);
}

/* ---- Operands ---- */

struct text {
	char *at, *end;
};

static void put(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(t->at, (size_t)(t->end - t->at), format, args);
	va_end(args);
	t->at = n < t->end - t->at ? t->at + n : t->end - 1;
}

static uint64_t cut(uint64_t value, unsigned size)
{
	return size >= 8 || !size ? value : value & ((1ull << 8 * size) - 1);
}

static bool ignored_segment(const struct disasm *d, x86_reg reg)
{
	return d->wide && (reg == X86_REG_CS || reg == X86_REG_DS || reg == X86_REG_ES || reg == X86_REG_SS);
}

static void put_memory(struct disasm *d, const cs_x86 *x, const x86_op_mem *m, struct text *t)
{
	bool index = m->index != X86_REG_INVALID && m->index != X86_REG_RIZ && m->index != X86_REG_EIZ;
	bool registers = m->base != X86_REG_INVALID || index;

	if (m->segment != X86_REG_INVALID && !ignored_segment(d, m->segment))
		put(t, "%%%s:", cs_reg_name(d->handle, m->segment));
	if (!registers)
		put(t, "0x%" PRIx64, d->wide ? (uint64_t)m->disp : cut((uint64_t)m->disp, 4));
	else if (m->disp < 0)
		put(t, "-0x%" PRIx64, -(uint64_t)m->disp);
	else if (m->disp || x->encoding.disp_offset || m->base == X86_REG_INVALID)
		put(t, "0x%" PRIx64, (uint64_t)m->disp);
	if (!registers)
		return;
	put(t, "(");
	if (m->base != X86_REG_INVALID)
		put(t, "%%%s", cs_reg_name(d->handle, m->base));
	if (index)
		put(t, ",%%%s,%d", cs_reg_name(d->handle, m->index), m->scale);
	put(t, ")");
}

/* Immediates are shown as wide as what they work on. */
static void put_immediate(struct disasm *d, const cs_x86 *x, unsigned i, struct text *t)
{
	unsigned size = 0;

	for (unsigned j = 0; j < x->op_count; j++)
		if (x->operands[j].type != X86_OP_IMM && x->operands[j].size > size)
			size = x->operands[j].size;
	if (size > 8)
		size = 1; /* vectors take bytes */
	if (!size)
		size = x->operands[i].imm < 0 && d->wide ? 8 : 4;
	put(t, "$0x%" PRIx64, cut((uint64_t)x->operands[i].imm, size));
}

static bool is_string(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_STOSB: case X86_INS_STOSW: case X86_INS_STOSD: case X86_INS_STOSQ:
	case X86_INS_MOVSB: case X86_INS_MOVSW: case X86_INS_MOVSQ:
	case X86_INS_LODSB: case X86_INS_LODSW: case X86_INS_LODSD: case X86_INS_LODSQ:
	case X86_INS_SCASB: case X86_INS_SCASW: case X86_INS_SCASD: case X86_INS_SCASQ:
	case X86_INS_CMPSB: case X86_INS_CMPSW: case X86_INS_CMPSQ:
	case X86_INS_INSB: case X86_INS_INSW: case X86_INS_INSD:
	case X86_INS_OUTSB: case X86_INS_OUTSW: case X86_INS_OUTSD:
		return true;
	case X86_INS_MOVSD: case X86_INS_CMPSD:
		return insn->detail->x86.opcode[0] == 0xa5 || insn->detail->x86.opcode[0] == 0xa7;
	default:
		return false;
	}
}

/* String instructions say both segments. */
static void put_string_operand(struct disasm *d, const cs_x86_op *op, struct text *t)
{
	bool destination = op->mem.base == X86_REG_RDI || op->mem.base == X86_REG_EDI || op->mem.base == X86_REG_DI;
	const char *segment = destination ? "es" : op->mem.segment == X86_REG_INVALID ? "ds" : cs_reg_name(d->handle, op->mem.segment);

	put(t, "%%%s:(%%%s)", segment, cs_reg_name(d->handle, op->mem.base));
}

/* stos, lods, scas with their register; ins and outs with their port. */
static void put_string_operands(struct disasm *d, const cs_insn *insn, struct text *t)
{
	static const char *const registers[] = {[1] = "al", [2] = "ax", [4] = "eax", [8] = "rax"};
	const cs_x86 *x = &insn->detail->x86;
	const char *word = strrchr(insn->mnemonic, ' ');
	const char *name = word ? word + 1 : insn->mnemonic;
	bool port = !strncmp(name, "ins", 3) || !strncmp(name, "outs", 4), first = true;
	bool alone = !strncmp(name, "stos", 4) || !strncmp(name, "lods", 4) || !strncmp(name, "scas", 4);

	for (unsigned i = 0; i < x->op_count; i++) {
		const cs_x86_op *op = &x->operands[i];
		if (op->type != X86_OP_MEM)
			continue;
		const char *reg = alone && op->size <= 8 ? registers[op->size] : NULL;
		if (reg && *name == 's' && name[1] == 't')
			put(t, "%%%s,", reg);
		if (port && *name == 'i')
			put(t, "(%%dx),");
		put(t, first ? "" : ",");
		put_string_operand(d, op, t);
		if (reg && !(*name == 's' && name[1] == 't'))
			put(t, ",%%%s", reg);
		if (port && *name == 'o')
			put(t, ",(%%dx)");
		first = false;
	}
}

static void put_operands(struct disasm *d, const cs_insn *insn, struct instruction *out)
{
	const cs_x86 *x = &insn->detail->x86;
	bool branch = cs_insn_group(d->handle, insn, X86_GRP_JUMP) || cs_insn_group(d->handle, insn, X86_GRP_CALL);
	struct text t = {out->operands, out->operands + sizeof(out->operands)};
	/* Shifts by one do not say it, those by %cl do. */
	bool shift = (x->opcode[0] & 0xfc) == 0xd0;

	if (is_string(insn)) {
		put_string_operands(d, insn, &t);
		return;
	}
	if (shift && (x->opcode[0] & 2) && x->op_count == 1)
		put(&t, "%%cl,");
	for (unsigned i = 0; i < x->op_count; i++) {
		const cs_x86_op *op = &x->operands[i];
		if (shift && !(x->opcode[0] & 2) && op->type == X86_OP_IMM)
			continue;
		if (t.at > out->operands && t.at[-1] != ',')
			put(&t, ",");
		if (branch && op->type == X86_OP_IMM) {
			out->has_target = out->is_branch = true;
			out->target = d->wide ? (uint64_t)op->imm : cut((uint64_t)op->imm, 4);
			put(&t, "0x%" PRIx64, out->target);
			continue;
		}
		if (branch)
			put(&t, "*");
		if (op->type == X86_OP_REG) {
			put(&t, insn->id == X86_INS_IN || insn->id == X86_INS_OUT ? op->reg == X86_REG_DX ? "(%%%s)" : "%%%s" : "%%%s",
			    cs_reg_name(d->handle, op->reg));
		} else if (op->type == X86_OP_IMM) {
			put_immediate(d, x, i, &t);
		} else if (op->type == X86_OP_MEM) {
			put_memory(d, x, &op->mem, &t);
			if (op->mem.base == X86_REG_RIP) {
				out->has_target = true;
				out->target = insn->address + insn->size + (uint64_t)op->mem.disp;
			}
		}
	}
}

/* ---- Instructions ---- */

/* The words before the instruction itself: "lock", "rep", ignored segments, operand sizes once too often. */
static const char *put_prefixes(struct disasm *d, const cs_insn *insn, char *out, size_t room)
{
	const char *word = insn->mnemonic, *blank = strrchr(word, ' ');
	unsigned wide = 0;
	size_t n = 0;

	out[0] = 0;
	for (unsigned i = 0; i < insn->size; i++) {
		const char *name = NULL;
		switch (insn->bytes[i]) {
		case 0x2e: name = "cs"; break;
		case 0x36: name = "ss"; break;
		case 0x3e: name = "ds"; break;
		case 0x26: name = "es"; break;
		case 0x66: name = wide++ ? "data16" : ""; break;
		case 0x64: case 0x65: case 0x67: case 0xf0: case 0xf2: case 0xf3: name = ""; break;
		}
		if (!name)
			break;
		if (*name && (d->wide || *name == 'd') && !is_string(insn) && n < room)
			n += (size_t)snprintf(out + n, room - n, "%s ", name);
	}
	if (blank && n < room)
		snprintf(out + n, room - n, "%.*s", (int)(blank + 1 - word), word);
	return blank ? blank + 1 : word;
}

/* Instructions without operands that capstone 4 does not know, or knows by another name. */
static const struct {
	unsigned char size, bytes[4];
	const char *mnemonic;
} fixed[] = {
	{1, {0x9b}, "fwait"},
	{3, {0x0f, 0x01, 0xee}, "rdpkru"},
	{3, {0x0f, 0x01, 0xef}, "wrpkru"},
	{3, {0x0f, 0x01, 0xe8}, "serialize"},
	{3, {0x0f, 0x01, 0xc5}, "pconfig"},
	{3, {0x0f, 0x01, 0xfd}, "rdpru"},
	{4, {0xf3, 0x0f, 0x01, 0xd9}, "vmgexit"},
	{4, {0xf2, 0x0f, 0x01, 0xd9}, "vmgexit"},
	{4, {0xf3, 0x0f, 0x01, 0xfe}, "rmpadjust"},
	{4, {0xf2, 0x0f, 0x01, 0xfe}, "rmpupdate"},
	{4, {0xf3, 0x0f, 0x01, 0xff}, "psmash"},
	{4, {0xf2, 0x0f, 0x01, 0xff}, "pvalidate"},
	{4, {0xf3, 0x0f, 0x01, 0xe8}, "setssbsy"},
	{4, {0xf3, 0x0f, 0x01, 0xea}, "saveprevssp"},
	{4, {0xf3, 0x0f, 0x1e, 0xfa}, "endbr64"},
	{4, {0xf3, 0x0f, 0x1e, 0xfb}, "endbr32"},
	{4, {0x66, 0x0f, 0x01, 0xcc}, "tdcall"},
	{4, {0x66, 0x0f, 0x01, 0xcf}, "seamcall"},
};

static bool is_fixed(const unsigned char *bytes, size_t len, struct instruction *out)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		if (fixed[i].size > len || memcmp(bytes, fixed[i].bytes, fixed[i].size))
			continue;
		out->size = fixed[i].size;
		strcpy(out->mnemonic, fixed[i].mnemonic);
		return true;
	}
	return false;
}

void disasm_one(struct disasm *d, const unsigned char *bytes, size_t len, uint64_t addr, struct instruction *out)
{
	const uint8_t *p = bytes;
	char prefixes[64], name[32];

	*out = (struct instruction){.size = 1, .mnemonic = "(bad)"};
	if (is_fixed(bytes, len, out) || !cs_disasm_iter(d->handle, &p, &len, &addr, d->insn))
		return;
	const cs_insn *insn = d->insn;
	const cs_x86 *x = &insn->detail->x86;
	out->size = insn->size;
	const char *word = put_prefixes(d, insn, prefixes, sizeof(prefixes));
	if (insn->size == 2 && bytes[0] == 0x66 && bytes[1] == 0x90) {
		strcpy(out->mnemonic, "xchg");
		strcpy(out->operands, "%ax,%ax");
		return;
	}
	put_mnemonic(d, x, word, name, sizeof(name));
	snprintf(out->mnemonic, sizeof(out->mnemonic), "%.16s%.31s", prefixes, name);
	if (strlen(prefixes) > 16)
		snprintf(out->mnemonic, sizeof(out->mnemonic), "%.40s%.7s", prefixes, name);
	put_operands(d, insn, out);
}

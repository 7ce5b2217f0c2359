/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/log.h"
#include "cmd/session.h"
#include "mm/clock.h"
#include "core/demangle.h"
#include "mm/log.h"

struct log_printer {
	bool rust;
	struct session *s;
	bool no_time, date, dictionary, level, caller;
	int64_t boot; /* ns since 1970 */
	bool open;    /* a line was begun that goes on */
};

/* "[Sat Nov 21 23:56:52 UTC 2026] " */
static void put_date(struct log_printer *p, uint64_t ts_nsec, char *buf, size_t size)
{
	time_t t = (time_t)((p->boot + (int64_t)ts_nsec) / 1000000000);
	struct tm tm;
	if (!localtime_r(&t, &tm) || !strftime(buf, size, "[%a %b %e %T %Z %Y] ", &tm))
		snprintf(buf, size, "[%" PRId64 "] ", (int64_t)t);
}

static void put_prefix(struct log_printer *p, const struct log_record *r, char *buf, size_t size)
{
	size_t n = 0;
	*buf = 0;
	if (!r->has_header)
		return;
	if (p->date)
		put_date(p, r->ts_nsec, buf, size);
	else if (!p->no_time)
		snprintf(buf, size, "[%5" PRIu64 ".%06" PRIu64 "] ", r->ts_nsec / 1000000000,
			 r->ts_nsec % 1000000000 / 1000);
	n = strlen(buf);
	if (p->caller && r->has_caller) {
		char caller[16];
		snprintf(caller, sizeof(caller), "%c%u", r->caller_id & 0x80000000 ? 'C' : 'T',
			 r->caller_id & 0x7fffffff);
		n += snprintf(buf + n, size - n, "[%6s] ", caller);
	}
	if (p->level)
		snprintf(buf + n, size - n, "<%x>", r->facility << 3 | r->level);
}

/* What a terminal might act on is written as the kernel's /dev/kmsg does; lines after the first are
 * set below it. */
static void put_text(struct out *o, const char *text, size_t size, int indent)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = text[i];
		if (c == '\n')
			out_printf(o, "\n%*s", indent, "");
		else if ((c < ' ' && c != '\t') || c == 0x7f)
			out_printf(o, "\\x%02x", c);
		else
			*out_reserve(o, 1) = c, o->at++;
	}
}

/* Plain text has the level in it: "<6>". */
static void skip_level(struct log_printer *p, const char **text, size_t *size)
{
	if (!p->level && *size >= 3 && (*text)[0] == '<' && isdigit((unsigned char)(*text)[1]) &&
	    (*text)[2] == '>') {
		*text += 3;
		*size -= 3;
	}
}

/* -R: with the Rust symbols in it demangled. */
static void put_line(struct log_printer *p, const char *text, size_t size, int indent)
{
	for (size_t at = 0; p->rust && at < size;) {
		size_t len = 0;

		while (at + len < size && (isalnum((unsigned char)text[at + len]) || strchr("_$.", text[at + len])) && text[at + len])
			len++;
		char *word = len ? strndup(text + at, len) : NULL, *name = word ? demangle_rust(word) : NULL;
		if (!len)
			len = 1;
		put_text(p->s->out, name ? name : text + at, name ? strlen(name) : len, indent);
		free(word);
		free(name);
		at += len;
	}
	if (!p->rust)
		put_text(p->s->out, text, size, indent);
}

static void print_text(struct log_printer *p, const struct log_record *r)
{
	struct out *o = p->s->out;
	const char *text = r->text;
	size_t size = r->text_size;
	char prefix[128];
	put_prefix(p, r, prefix, sizeof(prefix));
	int indent = strlen(prefix);
	if (p->open && !r->continues)
		out_printf(o, "\n");
	if (!p->open || !r->continues)
		out_text(o, prefix);
	if (!r->has_header)
		skip_level(p, &text, &size);
	put_line(p, text, size, indent);
	p->open = r->unfinished;
	if (!p->open)
		out_printf(o, "\n");
	if (!p->dictionary || !r->dictionary_size)
		return;
	for (size_t at = 0, end; at < r->dictionary_size; at = end + 1) {
		end = at + strnlen(r->dictionary + at, r->dictionary_size - at);
		out_printf(o, "%*s", indent, "");
		put_text(o, r->dictionary + at, end - at, indent);
		out_printf(o, "\n");
	}
}

static void print_json(struct log_printer *p, const struct log_record *r)
{
	struct out *o = p->s->out;
	char *text = strndup(r->text, r->text_size);
	out_object_begin(o, NULL);
	out_dec(o, "seq", NULL, r->seq);
	if (r->has_header) {
		out_dec(o, "ns", NULL, r->ts_nsec);
		if (p->date)
			out_dec(o, "date", NULL, (p->boot + r->ts_nsec) / 1000000000);
		out_dec(o, "facility", NULL, r->facility);
		out_dec(o, "level", NULL, r->level);
		if (r->has_caller) {
			out_dec(o, r->caller_id & 0x80000000 ? "caller_cpu" : "caller_pid", NULL,
				r->caller_id & 0x7fffffff);
		}
		if (r->continues)
			out_bool(o, "continues", NULL, true);
	}
	out_str(o, "text", NULL, text ? text : "");
	if (r->dictionary_size) {
		out_array_begin(o, "dictionary");
		for (size_t at = 0, end; at < r->dictionary_size; at = end + 1) {
			end = at + strnlen(r->dictionary + at, r->dictionary_size - at);
			char *pair = strndup(r->dictionary + at, end - at);
			out_str(o, NULL, NULL, pair ? pair : "");
			free(pair);
		}
		out_array_end(o);
	}
	out_object_end(o);
	free(text);
}

static bool print_record(void *context, const struct log_record *r)
{
	struct log_printer *p = context;
	if (out_json(p->s->out))
		print_json(p, r);
	else
		print_text(p, r);
	return true;
}

static struct error *run_log(struct session *s, int argc, char **argv)
{
	struct option_parser o = {.argc = argc, .argv = argv, .spec = "TtdmcRas"};
	struct log_printer p = {.s = s};
	for (int c; (c = next_option(&o));) {
		switch (c) {
		case 'T':
			p.date = true;
			break;
		case 't':
			p.no_time = true;
			break;
		case 'd':
			p.dictionary = true;
			break;
		case 'm':
			p.level = true;
			break;
		case 'c':
			p.caller = true;
			break;
		case 'R':
			p.rust = true;
			break;
		case 'a':
			return log_print_audit(s);
		case 's':
			return log_print_safe(s);
		default:
			return option_error(&o);
		}
	}
	if (o.index < argc)
		return usage_error(argv[0], NULL);
	if (p.date) {
		uint64_t uptime;
		TRY(clock_realtime(s->kernel, &p.boot));
		TRY(clock_uptime(s->kernel, &uptime));
		p.boot -= uptime;
	}
	out_array_begin(s->out, "records");
	struct error *e = log_for_each(s->kernel, print_record, &p);
	if (p.open)
		out_printf(s->out, "\n");
	out_array_end(s->out);
	return e;
}

COMMAND(log) = {
	.name = "log",
	.summary = "the kernel's message buffer",
	.synopsis = "[-T] [-t] [-d] [-m] [-c] [-R] | -a | -s",
	.options = "-T -t -d -m -c -R -a -s",
	.flags = CMD_NEEDS_KERNEL | CMD_TYPELESS,
	.help = "Prints what printk() kept, oldest first, each message with its time since boot in "
		"seconds.\n"
		"\n"
		"  -T   the time of day instead: boot time and the message's time (which stood "
		"still while the machine slept)\n"
		"  -t   no time\n"
		"  -d   with the properties that drivers add: SUBSYSTEM=, DEVICE=\n"
		"  -m   with the level, and the facility in the higher bits, in hexadecimal: <6> "
		"is the kernel's INFO\n"
		"  -R   with Rust symbols as their authors wrote them\n"
		"  -a   instead, the records that the audit daemon had not fetched yet\n"
		"  -s   instead, the messages of interrupts that were not yet in the log (4.10 to 5.14)\n"
		"  -c   with the caller: T and a thread's pid, or C and a CPU\n"
		"\n"
		"Lines after the first of one message are set below it.\n"
		"\n"
		"EXAMPLES\n"
		"  What did the machine say last?\n"
		"\n"
		"    mmscope> log | tail\n"
		"\n"
		"  The errors, with the time of day:\n"
		"\n"
		"    mmscope> log -Tm | grep '<3>'\n",
	.run = run_log,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * "page.flags,_refcount": what commands that show structures (struct, list -s, tree -s) are told to show of each, and how it is shown.
 */
#ifndef CMD_TYPED_OBJECT_H
#define CMD_TYPED_OBJECT_H

#include "cmd/typed.h"

struct typed_object {
	struct kernel *k;
	struct type type;
	char *name;	/* as given, without the members */
	char **members; /* paths; none: the whole */
	size_t member_count;
	struct value_format format; /* the caller's choice */
	struct memory memory;	    /* where the objects are: kernel memory unless the caller opens another */
};

/*
 * The name of a struct, union or typedef of one (`kind`: TYPE_STRUCT or TYPE_UNION insists), with members or without. All that it names is
 * looked up: ERR_NO_TYPE, ERR_NO_MEMBER. Free with typed_object_free(), on failure too.
 */
struct error *typed_object_parse(struct session *s, const char *text, enum type_kind kind, struct typed_object *out) MUST_CHECK;
void typed_object_free(struct typed_object *t);

/* A member's place in the object at `base`, or that of the whole when path is NULL. */
struct error *typed_object_locate(const struct typed_object *t, const char *path, uint64_t base, struct value_bytes *v) MUST_CHECK;
/* Its bytes; *buffer (NULL before) is the caller's to free(), on failure too. */
struct error *typed_object_load(struct typed_object *t, struct value_bytes *v, void **buffer) MUST_CHECK;

/* One member: "  pid = 1,". */
struct error *typed_object_show_member(struct typed_object *t, const char *path, uint64_t base) MUST_CHECK;
/* The members asked for or the whole, as struct shows it; JSON: "addr" and "value" into the open object. */
struct error *typed_object_show(struct typed_object *t, uint64_t base) MUST_CHECK;

/* What -s options, of which there may be several, say to show of each object that a command walks over. */
#define SHOWN_MAX 16
struct shown_objects {
	const char *text[SHOWN_MAX]; /* the options' words */
	unsigned given;
	struct typed_object objects[SHOWN_MAX];
	unsigned count; /* opened */
};

/* One more -s. ERR_USAGE: too many. */
struct error *shown_objects_add(struct shown_objects *shown, const char *command, const char *text) MUST_CHECK;
/* Looks up what was given; radix as for typed_format(). Free with shown_objects_free(), on failure too. */
struct error *shown_objects_open(struct session *s, struct shown_objects *shown, unsigned radix) MUST_CHECK;
/* Each of the object at `base`; JSON: an object by the type's name. */
struct error *shown_objects_show(struct shown_objects *shown, struct out *o, uint64_t base) MUST_CHECK;
void shown_objects_free(struct shown_objects *shown);

/* "struct.member", or a number of bytes. */
struct error *parse_offset(struct session *s, const char *text, uint64_t *out) MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sink remembers: objects by name in one sorted array, and unfinished
 * uploads in a list, of which there are few.
 */
#include <errno.h>
#include <string.h>

#include "tests/bench/sink.h"

#define PARTS_MAX 10000

size_t sink_store_from(const struct sink *s, const char *key)
{
	size_t lo = 0, hi = s->object_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(s->objects[mid]->key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct sink_object *sink_store_find(struct sink *s, const char *key)
{
	size_t i = sink_store_from(s, key);

	if (i < s->object_count && strcmp(s->objects[i]->key, key) == 0)
		return s->objects[i];
	return NULL;
}

static void free_object(struct sink_object *o)
{
	if (!o)
		return;
	free(o->key);
	free(o->meta);
	free(o);
}

static bool grow(struct sink *s)
{
	size_t cap = s->object_cap ? 2 * s->object_cap : 256;
	struct sink_object **p;

	if (s->object_count < s->object_cap)
		return true;
	p = realloc(s->objects, cap * sizeof(struct sink_object *));
	if (!p)
		return false;
	s->objects = p;
	s->object_cap = cap;
	return true;
}

struct sink_object *sink_store_make(struct sink *s, const char *key)
{
	struct sink_object *o = sink_store_find(s, key);
	size_t i;

	if (o) {
		free(o->meta);
		*o = (struct sink_object){ .key = o->key };
		return o;
	}
	o = calloc(1, sizeof(*o));
	if (o)
		o->key = strdup(key);
	if (!o || !o->key || !grow(s)) {
		free_object(o);
		return NULL;
	}
	i = sink_store_from(s, key);
	memmove(s->objects + i + 1, s->objects + i,
		(s->object_count - i) * sizeof(struct sink_object *));
	s->objects[i] = o;
	s->object_count++;
	return o;
}

void sink_store_remove(struct sink *s, const char *key)
{
	struct sink_object *o = sink_store_find(s, key);
	size_t i;

	if (!o)
		return;
	i = sink_store_from(s, key);
	s->object_count--;
	memmove(s->objects + i, s->objects + i + 1,
		(s->object_count - i) * sizeof(struct sink_object *));
	free_object(o);
}

struct sink_upload *sink_upload_new(struct sink *s, const char *key)
{
	struct sink_upload *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->key = strdup(key);
	if (!u->key || asprintf(&u->id, "upload-%llu",
				(unsigned long long)++s->next_id) < 0) {
		free(u->key);
		free(u);
		return NULL;
	}
	u->started_ms = sink_wall_ms();
	u->next = s->uploads;
	s->uploads = u;
	return u;
}

struct sink_upload *sink_upload_find(struct sink *s, const char *id)
{
	struct sink_upload *u = s->uploads;

	while (u && strcmp(u->id, id) != 0)
		u = u->next;
	return u;
}

struct sink_part *sink_upload_part(struct sink_upload *u, uint64_t number)
{
	struct sink_part *p;
	uint32_t cap = u->part_cap ? u->part_cap : 64;

	if (!number || number > PARTS_MAX)
		return NULL;
	while (cap < number)
		cap *= 2;
	if (cap > u->part_cap) {
		p = realloc(u->parts, cap * sizeof(*p));
		if (!p)
			return NULL;
		memset(p + u->part_cap, 0, (cap - u->part_cap) * sizeof(*p));
		u->parts = p;
		u->part_cap = cap;
	}
	return &u->parts[number - 1];
}

void sink_upload_free(struct sink *s, struct sink_upload *u)
{
	struct sink_upload **p = &s->uploads;

	while (*p != u)
		p = &(*p)->next;
	*p = u->next;
	free(u->id);
	free(u->key);
	free(u->meta);
	free(u->parts);
	free(u);
}

void sink_store_release(struct sink *s)
{
	while (s->uploads)
		sink_upload_free(s, s->uploads);
	for (size_t i = 0; i < s->object_count; i++)
		free_object(s->objects[i]);
	free(s->objects);
	s->objects = NULL;
	s->object_count = s->object_cap = 0;
}

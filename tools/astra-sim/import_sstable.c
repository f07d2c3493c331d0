/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One snapshot directory: which files may be there, which components each
 * SSTable needs, and the three facts about bytes that are cheap to know: the
 * Digest against Data.db, the partitioner, encryption.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "import.h"

enum component { DATA, INDEX, PARTITIONS, ROWS, STATISTICS, COMPRESSION, CRC,
		 DIGEST, FILTER, SUMMARY, TOC, COMPONENTS };

enum need { OPTIONAL, NEEDED };

static const struct {
	const char *name;
	enum need big;
	enum need bti;
	bool may_be_empty;
} components[COMPONENTS] = {
	[DATA] = { "Data.db", NEEDED, NEEDED, false },
	[INDEX] = { "Index.db", NEEDED, OPTIONAL, false },
	[PARTITIONS] = { "Partitions.db", OPTIONAL, NEEDED, false },
	/* No wide partition, no row index: 0 bytes are healthy. */
	[ROWS] = { "Rows.db", OPTIONAL, NEEDED, true },
	[STATISTICS] = { "Statistics.db", NEEDED, NEEDED, false },
	[COMPRESSION] = { "CompressionInfo.db", OPTIONAL, OPTIONAL, false },
	[CRC] = { "CRC.db", OPTIONAL, OPTIONAL, false },
	[DIGEST] = { "Digest.crc32", OPTIONAL, OPTIONAL, false },
	[FILTER] = { "Filter.db", OPTIONAL, OPTIONAL, false },
	[SUMMARY] = { "Summary.db", OPTIONAL, OPTIONAL, false },
	[TOC] = { "TOC.txt", OPTIONAL, OPTIONAL, true },
};

/* Versions that the importer reads: from, to, by format. */
static const struct {
	const char *format, *from, *to;
} versions[] = { { "big", "ma", "nb" }, { "bti", "aa", "cc" } };

/* A file name taken apart: nb-1-big-Data.db */
struct parsed {
	char version[3];
	char format[4];
	size_t stem; /* length of "nb-1-big" */
	const char *component;
};

struct sstable {
	const struct sim_file *file[COMPONENTS];
	struct parsed p;
	const struct sim_file *any;
};

static bool parse_name(const char *name, struct parsed *p)
{
	static const char id[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	size_t n;

	if (name[0] < 'a' || name[0] > 'z' || name[1] < 'a' || name[1] > 'z' ||
	    name[2] != '-')
		return false;
	memcpy(p->version, name, 2);
	p->version[2] = '\0';
	n = 3 + strspn(name + 3, id);
	if (n == 3 || name[n] != '-')
		return false;
	p->stem = n + 4;
	if (strlen(name) < p->stem + 2 || name[p->stem] != '-')
		return false;
	memcpy(p->format, name + n + 1, 3);
	p->format[3] = '\0';
	p->component = name + p->stem + 1;
	return !strcmp(p->format, "big") || !strcmp(p->format, "bti");
}

static bool importable(const struct parsed *p)
{
	for (size_t k = 0; k < SIM_COUNT(versions); k++)
		if (!strcmp(versions[k].format, p->format))
			return strcmp(p->version, versions[k].from) >= 0 &&
			       strcmp(p->version, versions[k].to) <= 0;
	return false;
}

static bool ends(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && !strcmp(s + n - t, tail);
}

static bool plain_file(const char *name)
{
	return !strcmp(name, "manifest.json") || !strcmp(name, "schema.cql") ||
	       !strcmp(name, "ephemeral.snapshot");
}

/* A file that belongs to no SSTable. */
static void stray(struct sim_import *i, const struct sim_file *f)
{
	if (plain_file(f->name))
		return;
	if (ends(f->name, ".tmp") || strstr(f->name, "tmp-") ||
	    strstr(f->name, "tmplink-") || strstr(f->name, "_txn_"))
		sim_import_fail(i, "%s: temporary file, the snapshot is not "
				"whole", f->path);
	else
		sim_import_fail(i, "%s: unexpected file in a snapshot",
				f->path);
}

static void add(struct sim_import *i, struct sstable *t,
		const struct sim_file *f, const struct parsed *p)
{
	t->p = *p;
	t->any = f;
	for (int c = 0; c < COMPONENTS; c++)
		if (!strcmp(components[c].name, p->component)) {
			t->file[c] = f;
			return;
		}
	/* Attached indexes are left aside, everything else is unknown. */
	if (!sim_starts(p->component, "SAI") &&
	    !sim_starts(p->component, "SI_"))
		sim_import_fail(i, "%s: unknown SSTable component", f->path);
}

static void check_set(struct sim_import *i, const struct sstable *t)
{
	bool bti = !strcmp(t->p.format, "bti");
	int stem = (int)(strlen(t->any->dir) + 1 + t->p.stem);

	if (!importable(&t->p))
		sim_import_fail(i, "%s: SSTable version '%s' of format '%s' "
				"cannot be imported", t->any->path,
				t->p.version, t->p.format);
	for (int c = 0; c < COMPONENTS; c++) {
		enum need need = bti ? components[c].bti : components[c].big;

		if (need == NEEDED && !t->file[c])
			sim_import_fail(i, "%.*s-%s: component is missing, "
					"incomplete upload", stem,
					t->any->path, components[c].name);
		if (t->file[c] && !t->file[c]->size &&
		    !components[c].may_be_empty)
			sim_import_fail(i, "%s: component is empty",
					t->file[c]->path);
	}
	if (!t->file[COMPRESSION] == !t->file[CRC])
		sim_import_fail(i, "%.*s: needs exactly one of "
				"CompressionInfo.db and CRC.db", stem,
				t->any->path);
}

static bool data_crc(struct sim_import *i, const struct sim_file *f,
		     uint32_t *ret)
{
	SIM_AUTOFREE unsigned char *chunk = sim_alloc(1 << 18);
	struct sim_meta m = { 0 };
	int fd = sim_store_open(i->s, f->key, &m);
	uLong crc = crc32(0, NULL, 0);
	ssize_t n = -1;

	sim_meta_clear(&m);
	while (fd >= 0 && (n = read(fd, chunk, 1 << 18)) > 0)
		crc = crc32_z(crc, chunk, (size_t)n);
	if (fd >= 0)
		close(fd);
	*ret = (uint32_t)crc;
	return n == 0;
}

static void check_digest(struct sim_import *i, const struct sstable *t)
{
	SIM_AUTOFREE char *text = NULL;
	int64_t want;
	uint32_t have;

	if (!t->file[DIGEST])
		return;
	text = sim_import_read(i, t->file[DIGEST], 64, NULL);
	if (text)
		text[strcspn(text, "\r\n")] = '\0';
	if (!text || !sim_number(text, 0, UINT32_MAX, &want)) {
		sim_import_fail(i, "%s: not a checksum", t->file[DIGEST]->path);
		return;
	}
	if (!data_crc(i, t->file[DATA], &have))
		sim_import_fail(i, "%s: cannot be read", t->file[DATA]->path);
	else if ((uint32_t)want != have)
		sim_import_fail(i, "%s: corrupt data, CRC32 is %u but "
				"Digest.crc32 says %u", t->file[DATA]->path,
				have, (uint32_t)want);
}

static void check_contents(struct sim_import *i, const struct sstable *t)
{
	SIM_AUTOFREE char *stats = NULL, *info = NULL;
	size_t n = 0, m = 0;

	stats = sim_import_read(i, t->file[STATISTICS], 16 << 20, &n);
	if (!stats || !memmem(stats, n, "org.apache.cassandra.dht."
					"Murmur3Partitioner", 43))
		sim_import_fail(i, "%s: the partitioner is not "
				"Murmur3Partitioner",
				t->file[STATISTICS]->path);
	if (!t->file[COMPRESSION])
		return;
	info = sim_import_read(i, t->file[COMPRESSION], 4096, &m);
	if (!info || memmem(info, m < 256 ? m : 256, "Encrypt", 7))
		sim_import_fail(i, "%s: encrypted SSTables are not supported",
				t->file[COMPRESSION]->path);
}

static void check_sstable(struct sim_import *i, const struct sstable *t)
{
	check_set(i, t);
	if (!i->why)
		check_digest(i, t);
	if (!i->why)
		check_contents(i, t);
	i->sstables++;
}

static const struct sim_file *find(const struct sim_import *i, size_t from,
				   size_t to, const char *name)
{
	for (size_t k = from; k < to; k++)
		if (!strcmp(i->v[k].name, name))
			return &i->v[k];
	return NULL;
}

/* Is there a Data.db that the manifest does not know? */
static bool unlisted(const struct sim_import *i, size_t from, size_t to,
		     const cJSON *files)
{
	for (size_t k = from; k < to; k++) {
		const cJSON *e;
		bool known = false;

		if (!ends(i->v[k].name, "-Data.db"))
			continue;
		cJSON_ArrayForEach(e, files)
			known |= cJSON_IsString(e) &&
				 !strcmp(e->valuestring, i->v[k].name);
		if (!known)
			return true;
	}
	return false;
}

/*
 * Every Data.db of the manifest must be there. Entries with a '/' are an
 * index's. Before CASSANDRA-10968 the manifest of a table with an index
 * listed the index's files only: then it does not know what is there, and
 * cannot be held against it.
 */
static void check_manifest(struct sim_import *i, size_t from, size_t to,
			   bool indexed)
{
	const struct sim_file *f = find(i, from, to, "manifest.json");
	SIM_AUTOFREE char *text = f ? sim_import_read(i, f, 64 << 20, NULL)
				    : NULL;
	const cJSON *files, *e;
	cJSON *o;

	if (!f)
		return;
	o = text ? cJSON_Parse(text) : NULL;
	files = cJSON_GetObjectItem(o, "files");
	if (!cJSON_IsArray(files))
		sim_import_fail(i, "%s: not a snapshot manifest", f->path);
	else if (!(indexed && unlisted(i, from, to, files)))
		cJSON_ArrayForEach(e, files)
			if (cJSON_IsString(e) && !strchr(e->valuestring, '/') &&
			    !find(i, from, to, e->valuestring))
				sim_import_fail(i, "%s/%s: listed in "
						"manifest.json but missing, "
						"incomplete upload", f->dir,
						e->valuestring);
	cJSON_Delete(o);
}

static bool check_schema(struct sim_import *i, size_t from, size_t to)
{
	const struct sim_file *f = find(i, from, to, "schema.cql");
	SIM_AUTOFREE char *text = f ? sim_import_read(i, f, 16 << 20, NULL)
				    : NULL;

	if (!text)
		return false;
	if (strstr(text, "CREATE MATERIALIZED VIEW"))
		sim_import_fail(i, "%s: materialized views are not supported",
				f->path);
	return strstr(text, "CREATE INDEX") ||
	       strstr(text, "CREATE CUSTOM INDEX");
}

void sim_import_directory(struct sim_import *i, size_t from, size_t to)
{
	struct sstable t = { .any = NULL };
	struct parsed p;

	for (size_t k = from; k < to && !i->why; k++) {
		const struct sim_file *f = &i->v[k];

		if (!parse_name(f->name, &p)) {
			stray(i, f);
			continue;
		}
		if (t.any && (t.p.stem != p.stem ||
			      strncmp(t.any->name, f->name, p.stem))) {
			check_sstable(i, &t);
			memset(&t, 0, sizeof(t));
		}
		add(i, &t, f, &p);
	}
	if (t.any && !i->why)
		check_sstable(i, &t);
	if (!i->why)
		check_manifest(i, from, to, check_schema(i, from, to));
}

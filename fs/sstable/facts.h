/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What remains of a component once its bytes have gone by: enough to compare
 * it with the others of its SSTable and its table, and no more. Made by
 * stream.h, compared by judge.h, kept in the ledger as bytes. Plain values
 * but for the shared, reference counted parts, which are immutable once they
 * are made and may be used from any thread.
 */
#ifndef SL_FACTS_H
#define SL_FACTS_H

#include "buf.h"
#include "sstable/name.h"

/* Findings about one component alone; more than these are not kept. */
#define SL_FACTS_FOUND 4
#define SL_FACTS_DETAIL 160

struct sl_found {
	enum sl_rule rule;
	char detail[SL_FACTS_DETAIL];
};

/*
 * A running hash over a list of numbers (lengths of chunks, CRC words):
 * equal lists, equal hashes, whoever computed them. Begins with
 * SL_LIST_HASH. Not cryptographic: it meets accidents, not enemies.
 */
#define SL_LIST_HASH 0x9e3779b97f4a7c15ull
uint64_t sl_list_hash(uint64_t h, uint64_t v);
/* The same for the bytes of a key. */
uint64_t sl_key_hash(const void *key, size_t n);

enum sl_compressor {
	SL_COMPRESSOR_UNKNOWN,
	SL_COMPRESSOR_LZ4,
	SL_COMPRESSOR_SNAPPY,
	SL_COMPRESSOR_DEFLATE,
	SL_COMPRESSOR_ZSTD,
	SL_COMPRESSOR_NOOP,
};

/*
 * Lengths of the chunks of a Data.db, packed; shared between the facts of
 * CompressionInfo.db and the stream of Data.db. May be absent for want of
 * room (see sl_table_room): then only hashes are compared.
 */
struct sl_chunk_table;
struct sl_chunk_table *sl_chunk_table_ref(struct sl_chunk_table *t);
void sl_chunk_table_unref(struct sl_chunk_table *t);

/* CRC words of CRC.db, likewise. */
struct sl_crc_words;
struct sl_crc_words *sl_crc_words_ref(struct sl_crc_words *w);
void sl_crc_words_unref(struct sl_crc_words *w);

/* Lists of names (manifest.json), each NUL-ended, one after the other. */
struct sl_names {
	int refs; /* atomic */
	size_t count, len;
	char text[];
};
struct sl_names *sl_names_ref(struct sl_names *n);
void sl_names_unref(struct sl_names *n);

/* The serialisation header in Statistics.db: types and columns. */
struct sl_column {
	const char *name, *type; /* NUL-ended, within the header's text */
	bool is_static;
};
struct sl_header {
	int refs; /* atomic */
	const char *key_type;
	const char *const *clustering; /* types; ReversedType(x): DESC */
	size_t clusterings;
	const struct sl_column *columns;
	size_t column_count;
};
struct sl_header *sl_header_ref(struct sl_header *h);
void sl_header_unref(struct sl_header *h);

struct sl_schema; /* schema.h */
struct sl_schema *sl_schema_ref(struct sl_schema *s);
void sl_schema_unref(struct sl_schema *s);

enum sl_data_mode {
	SL_DATA_UNSETTLED, /* it could not be told how it is stored */
	SL_DATA_PLAIN,	   /* uncompressed: blocks of 64 KiB summed */
	SL_DATA_CHUNKED,   /* compressed: every chunk's CRC is right */
};

struct sl_data_facts {
	enum sl_data_mode mode;
	/* Every chunk or block was compared with the table as it passed. */
	bool checked;
	/* Of such a comparison: sl_list_hash of the table it was made with. */
	uint64_t checked_with;
	/*
	 * CHUNKED: chunks, hash over the lengths (payload and CRC) of all but
	 * the last, and where the last begins. PLAIN: blocks of 'block' bytes,
	 * hash over their CRCs without zero words at the end, and how many
	 * went into it.
	 */
	uint64_t count, hashed, hash, last_offset;
	uint32_t block;
	enum sl_compressor compressor; /* UNKNOWN unless it is sure */
	/*
	 * If the table says LZ4 and that none is stored raw, chunks say how
	 * many bytes they hold: what all but the last that holds any say (0:
	 * one chunk, or not alike), and what that last one says (0: it cannot
	 * be that). Of no meaning for other tables.
	 */
	uint32_t plain_chunk, plain_last;
};

struct sl_compression_facts {
	enum sl_compressor compressor;
	bool encrypted;
	uint32_t chunk_length;	 /* uncompressed bytes, a power of two */
	uint32_t max_compressed; /* 2147483647: never stored raw */
	uint64_t data_length;	 /* uncompressed */
	uint64_t count, hash, last_offset; /* as in sl_data_facts */
	struct sl_chunk_table *table; /* a reference, or NULL; not stored */
};

struct sl_crc_facts {
	uint32_t block;		/* bytes */
	uint64_t count;		/* words */
	uint64_t hashed, hash;	/* without zero words at the end */
	struct sl_crc_words *words; /* a reference, or NULL; not stored */
};

struct sl_statistics_facts {
	bool partitioner_murmur3, partitioner_local;
	double fp_chance;
	uint64_t partitions;	/* sum of the histogram of sizes */
	bool sized;		/* ... whose buckets are known: sizes.h */
	uint64_t sizes;
	uint64_t rows;
	/* Something of it was flushed, rather than streamed or loaded. */
	bool flushed;
	double compression_ratio; /* -1: uncompressed */
	int64_t repaired_at;
	uint32_t level;
	bool pending_repair, transient, legacy_counters;
	bool has_host_id;
	uint8_t host_id[16];
	bool slice;		/* a zero-copy streamed part of a Data.db */
	uint64_t slice_start, slice_end; /* uncompressed bytes */
	uint32_t slice_chunk;
	/* Its CRCs are right and its content makes no sense. */
	bool opaque;
	struct sl_header *header; /* a reference, or NULL */
};

/* Cassandra's default distance between two entries of a summary. */
#define SL_INDEX_INTERVAL 128

struct sl_index_facts {	  /* Index.db, Partitions.db */
	uint64_t count;	  /* partitions */
	uint64_t first_key, last_key; /* sl_key_hash */
	uint64_t last_position; /* in the uncompressed data */
	/* sizes.h, over all partitions but the last, if they are known. */
	bool sized;
	uint64_t sizes, sizes_less; /* the second: all less by one */
	uint64_t rows_end; /* Partitions.db: so long is Rows.db at least */
	/*
	 * Keys do not ascend as Murmur3Partitioner has them, first seen at
	 * entry 'out_of_order_at' (from 0). Right under other partitioners.
	 */
	bool out_of_order;
	uint64_t out_of_order_at;
	/*
	 * Index.db: sl_list_hash over key and offset in Index.db of each
	 * SL_INDEX_INTERVAL-th entry; see sl_summary_facts.
	 */
	uint64_t samples;
};

struct sl_summary_facts {
	uint32_t count;	  /* entries */
	uint64_t first_key, last_key;
	uint64_t last_index_position; /* in Index.db */
	uint32_t sampling_level, min_interval;
	/*
	 * The same hash over its entries. Equal to that of Index.db if both
	 * numbers above are SL_INDEX_INTERVAL and 'sampled' is set.
	 */
	bool sampled;
	uint64_t samples;
	bool out_of_order;
	uint64_t out_of_order_at;
};

struct sl_filter_facts {
	uint32_t hashes;
	uint64_t words;
	uint64_t ones; /* bits that are set */
};
/*
 * Has the filter about as many bits set as one made of so many keys? Fewer:
 * it denies keys that are there. Not to be asked of a slice. (filter_fit.c)
 */
bool sl_filter_fits(const struct sl_filter_facts *f, uint64_t keys);
/* Has it more than that, rather than fewer? */
bool sl_filter_excess(const struct sl_filter_facts *f, uint64_t keys);

struct sl_toc_facts {
	uint32_t listed; /* 1 << enum sl_component */
};

struct sl_manifest_facts {
	struct sl_names *files; /* "nb-1-big-Data.db" ...; as written */
};

struct sl_schema_facts {
	struct sl_schema *schema; /* NULL: not parsed */
};

struct sl_facts {
	struct sl_name name;	/* id and text are NULL: see judge.h */
	uint64_t size;
	bool has_crc32;		/* the caller fills these two in */
	uint32_t crc32;
	/* Only size and CRC32 are known: its bytes did not pass here. */
	bool unread;
	size_t found_count;
	struct sl_found found[SL_FACTS_FOUND];
	union {
		struct sl_data_facts data;
		struct sl_compression_facts compression;
		struct sl_crc_facts crc;
		struct sl_statistics_facts statistics;
		struct sl_index_facts index;
		struct sl_summary_facts summary;
		struct sl_filter_facts filter;
		uint32_t digest;
		struct sl_toc_facts toc;
		struct sl_manifest_facts manifest;
		struct sl_schema_facts schema;
	} u;
};

/* Adds references for a plain copy of 'f'. */
void sl_facts_ref(const struct sl_facts *f);
/* Drops the references; 'f' may be used again after a memset. */
void sl_facts_release(struct sl_facts *f);
static inline void sl_cleanup_facts(struct sl_facts *f)
{
	sl_facts_release(f);
}
/* Notes a finding about the component alone; the fifth and later are lost. */
void sl_facts_found(struct sl_facts *f, enum sl_rule rule, const char *fmt,
		    ...) SL_PRINTF(3, 4);

/*
 * To bytes and back, for the ledger: a version byte, then fields. A table of
 * chunks or words is not stored. unpack: -EPROTO for bytes that make no sense
 * (never trusted), -ENOMEM; *ret is then zero.
 */
int sl_facts_pack(const struct sl_facts *f, struct sl_buf *out) SL_MUST_CHECK;
int sl_facts_unpack(const void *p, size_t n,
		    struct sl_facts *ret) SL_MUST_CHECK;

#endif

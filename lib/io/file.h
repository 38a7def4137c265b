/* file.h - what an open container holds and what its reader fills in; internal to io. */
#ifndef VS_IO_FILE_H
#define VS_IO_FILE_H

#include "../base/alloc.h"
#include "../base/dict.h"
#include "format.h"

typedef struct vs__entry {
    const char *name; /* in the file's arena */
    uint64_t offset;  /* from the start of the data, in bytes */
    size_t bytes;
    vs_tensor tensor;
} vs__entry;

typedef struct vs__key {
    const char *name; /* in the file's arena */
    vs_meta value;
} vs__key;

/* The elements of a metadata array where they lie in the file. */
typedef struct vs__array {
    vs_file *owner;
    const unsigned char *data;
    size_t width;             /* bytes of a number; 0: strings, each a u64 length and its bytes */
    const unsigned char **at; /* strings: where each begins; made on first use */
    size_t seen;              /* where the table did not fit into memory: the string last read, and its place */
    const unsigned char *seen_at;
} vs__array;

typedef struct vs__format vs__format;

struct vs_file {
    const vs__format *format;
    char *path;
    vs_map map;
    const unsigned char *head; /* everything but the tensors' data, for the hash */
    size_t head_size;
    vs__entry *tensor; /* in order of their data */
    size_t tensors, tensor_room;
    vs__key *key;
    size_t keys, key_room;
    vs_dict by_name, by_key;
    vs_arena arena;
    vs_file **part; /* the shards of a hub model, whose tensors these are */
    size_t parts;
};

/* One way to write tensors.  A writer's state is its own; format.c keeps the order of calls and the file. */
typedef struct vs__writer_kind vs__writer_kind;

struct vs__format {
    const char *name;
    bool (*probe)(const unsigned char *p, size_t n);
    vs_status (*open)(vs_err *err, vs_file *f); /* fills f; on failure the caller closes it */
    const vs__writer_kind *writer;              /* NULL: read only */
};

#define FORMAT(name, words) extern const vs__format vs__format_##name;
#include "formats.def"
#undef FORMAT

/* A name as it can stand in a message: cut to its first 80 bytes, what is not printable as \xNN. */
typedef struct vs__shown {
    char s[88];
} vs__shown;
vs__shown vs__show(const char *s, size_t n);

/* vs__file_name() - a copy of s[n] in f's arena, NUL-terminated; what ("tensor 3") is for messages.
 * VS_OK | VS_E_FORMAT (empty, too long, control characters, not UTF-8) | VS_E_NOMEM. */
vs_status vs__file_name(vs_err *err, vs_file *f, const char *what, const char *s, size_t n,
                        const char **out) VS_MUST_CHECK;

/* vs__file_add() - append a tensor with its data still to be placed; vs__file_add_key() - append a key.
 * VS_OK | VS_E_FORMAT (a name twice) | VS_E_SHAPE | VS_E_NOMEM. */
vs_status vs__file_add(vs_err *err, vs_file *f, const char *name, vs_dtype t, int ndim, const size_t *shape,
                       uint64_t offset) VS_MUST_CHECK;
vs_status vs__file_add_key(vs_err *err, vs_file *f, const char *name, vs_meta value) VS_MUST_CHECK;

/* vs__file_place() - sort the tensors by offset, check that each lies in data[size] and overlaps no other, and point
 * them at their bytes.  One whose bytes are not aligned for its type is copied (safetensors and zip allow that).
 * Then no tensor may be added.  VS_OK | VS_E_FORMAT | VS_E_NOMEM. */
vs_status vs__file_place(vs_err *err, vs_file *f, const unsigned char *data, size_t size) VS_MUST_CHECK;

/* vs__file_merge() - one file of the tensors and keys of several; takes part[n] over, also when it fails. */
vs_status vs__file_merge(vs_err *err, const char *path, vs_file **part, size_t n, vs_file **out) VS_MUST_CHECK;

/* vs__meta_number() - the number of a type and width (1, 2, 4, 8 bytes) at p. */
vs_meta vs__meta_number(vs_meta_type type, size_t width, const unsigned char *p);

#endif

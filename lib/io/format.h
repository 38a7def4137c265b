/* format.h - containers of tensors: GGUF, safetensors, npy, npz read through one interface.
 *
 * Opening maps the file and checks every size, offset, count and name against it; after
 * that a view is always safe to read.  Nothing is copied, but for a tensor whose bytes are not
 * aligned for its type (safetensors and npz allow that). */
#ifndef VS_IO_FORMAT_H
#define VS_IO_FORMAT_H

#include "../base/map.h"
#include "../base/str.h"
#include "../tensor/tensor.h"

typedef struct vs_file vs_file;

/* vs_file_open() - open a container by its content (formats.def is asked row by row), mapped read-only.
 * vs_file_open_bytes() - the same over borrowed bytes; name is for messages.
 * VS_OK | VS_E_UNKNOWN (no such file) | VS_E_IO | VS_E_FORMAT (what, where) | VS_E_UNSUPPORTED | VS_E_NOMEM. */
vs_status vs_file_open(vs_err *err, const char *path, vs_file **out) VS_MUST_CHECK;
vs_status vs_file_open_bytes(vs_err *err, const char *name, const void *bytes, size_t size, vs_file **out) VS_MUST_CHECK;
void vs_file_close(vs_file *f);

const char *vs_file_format(const vs_file *f); /* "gguf", "safetensors", … static */
const char *vs_file_path(const vs_file *f);   /* borrowed until close */
size_t vs_file_size(const vs_file *f);        /* bytes */
uint64_t vs_file_header_hash(const vs_file *f); /* of everything before the tensor data */

/* The tensors in file order; an npy's only one is named "array".  vs_file_find() by name, NULL when there is none.  Borrowed until close. */
size_t vs_file_tensor_count(const vs_file *f);
const vs_tensor *vs_file_tensor(const vs_file *f, size_t i, const char **name);
const vs_tensor *vs_file_find(const vs_file *f, const char *name);

/* Metadata (GGUF key-values; safetensors' __metadata__ as strings).  A typed value; arrays hold elements of one type. */
typedef enum vs_meta_type { VS_META_NONE, VS_META_BOOL, VS_META_UINT, VS_META_INT, VS_META_FLOAT, VS_META_STR, VS_META_ARRAY } vs_meta_type;
typedef struct vs_meta {
    vs_meta_type type, elem; /* elem: type of an array's elements */
    uint64_t u;              /* BOOL, UINT */
    int64_t i;               /* INT (and UINT where it fits) */
    double f;                /* FLOAT (and the integers) */
    const char *s;           /* STR: borrowed, n bytes, not NUL-terminated */
    size_t n;                /* STR: bytes; ARRAY: elements */
    const void *array;       /* internal; read with vs_meta_at() */
} vs_meta;

/* vs_file_meta() - the value of a key; type VS_META_NONE when it is absent.  vs_meta_at() - element i of an array;
 * O(1) for numbers and for strings (their offsets are indexed on first use, so not thread-safe). */
vs_meta vs_file_meta(const vs_file *f, const char *key);
vs_meta vs_meta_at(const vs_meta *array, size_t i);
/* vs_meta_floats(), vs_meta_ints() - all elements of an array of numbers at once, into out [n]; false, and out as it was,
 * where it is no array of numbers.  An integer beyond 32 bits comes out as -1. */
bool vs_meta_floats(const vs_meta *array, float *out) VS_MUST_CHECK;
bool vs_meta_ints(const vs_meta *array, int32_t *out) VS_MUST_CHECK;
/* Keys one by one, for info; NULL at the end.  Borrowed until close. */
const char *vs_file_meta_key(const vs_file *f, size_t i);

/* Writers.  Tensors stream out in the order they are put; nothing but the header is held in memory.  The shapes are
 * declared first (vs_writer_declare), then the data follow in the same order, in pieces of any size.
 *   format: "safetensors", "npz" (stored zip of npy, zip64 where needed) or "gguf" (version 3)
 * Written to PATH.part and renamed at commit: a killed writer leaves no half file under the name asked for.
 * VS_OK | VS_E_IO (disk full, not writable, another process writes PATH.part) | VS_E_SHAPE | VS_E_STATE (order). */
typedef struct vs_writer vs_writer;
vs_status vs_writer_open(vs_err *err, const char *path, const char *format, vs_writer **out) VS_MUST_CHECK;
vs_status vs_writer_declare(vs_err *err, vs_writer *w, const char *name, vs_dtype t, int ndim, const size_t *shape) VS_MUST_CHECK;
vs_status vs_writer_put(vs_err *err, vs_writer *w, const void *data, size_t bytes) VS_MUST_CHECK;
vs_status vs_writer_commit(vs_err *err, vs_writer *w) VS_MUST_CHECK; /* closes and frees w in any case */
void vs_writer_abort(vs_writer *w);                                    /* removes PATH.part; NULL is a no-op */

/* Metadata, given before the first data: a value, or an array of n of one type.  GGUF takes all of them; safetensors texts
 * that are no arrays (its __metadata__), npz none.
 *   values: uint32_t for UINT, int32_t for INT, float for FLOAT, bool for BOOL, vs_meta_text for STR; borrowed during the call
 * vs_writer_bytes() - an array of n bytes (GGUF's u8).   vs_writer_copy_meta() - the keys of an open GGUF file, but for those
 *   that the writer makes itself (general.alignment) or that were given before.
 * VS_OK | VS_E_UNSUPPORTED (not in this format) | VS_E_FORMAT (a key given twice) | VS_E_STATE | VS_E_NOMEM. */
typedef struct vs_meta_text {
    const char *s; /* n bytes, not NUL-terminated */
    size_t n;
} vs_meta_text;
vs_status vs_writer_meta(vs_err *err, vs_writer *w, const char *key, vs_meta_type type, const void *value) VS_MUST_CHECK;
vs_status vs_writer_meta_array(vs_err *err, vs_writer *w, const char *key, vs_meta_type type, const void *values, size_t n) VS_MUST_CHECK;
vs_status vs_writer_bytes(vs_err *err, vs_writer *w, const char *key, const void *bytes, size_t n) VS_MUST_CHECK;
vs_status vs_writer_copy_meta(vs_err *err, vs_writer *w, const vs_file *f) VS_MUST_CHECK;

/* vs_writer_resume() - go on with the PATH.part that a killed writer left, or vs_writer_keep(): after the last declaration,
 * before the first data.
 *   identity: a hash of all that the data follow from.  The file keeps it; a PATH.part with another one, or with other
 *             declarations, is begun anew
 *   group: so many tensors belong together (>= 1)
 *   *whole: the tensors that are there, a multiple of group; the data of the one after them are put next
 * It reads what stands between the data, not the data: they are as the process wrote them.  (Where the machine itself went
 * down, the last of them may never have reached the disk.)
 * vs_writer_keep() - close and free w; PATH.part stays, for vs_writer_resume().  Closes also when it fails. */
vs_status vs_writer_resume(vs_err *err, vs_writer *w, uint64_t identity, size_t group, size_t *whole) VS_MUST_CHECK;
vs_status vs_writer_keep(vs_err *err, vs_writer *w) VS_MUST_CHECK;

/* Word vectors: word2vec (binary, text with a header), GloVe (no header), fastText .vec, npy with a word list beside it
 * (NAME.npy + NAME.words.txt or words.txt).  Rows come out one by one; a bad row is an error naming its line.
 *   keys are UTF-8 (bytes that are not become U+FFFD), never empty, borrowed until the next call; a word may come twice;
 *   vec [dim] f32, finite, borrowed likewise.  A text row's last dim fields are its vector: GloVe's words hold blanks. */
typedef struct vs_words vs_words;
vs_status vs_words_open(vs_err *err, const char *path, vs_words **out) VS_MUST_CHECK;
/* vs_words_open_bytes() - the same over borrowed bytes (word2vec or text); name is for messages. */
vs_status vs_words_open_bytes(vs_err *err, const char *name, const void *bytes, size_t size, vs_words **out) VS_MUST_CHECK;
size_t vs_words_dim(const vs_words *w);
size_t vs_words_rows_hint(const vs_words *w); /* 0: unknown */
/* vs_words_next() - the next row; VS_OK with *key = NULL at the end.  A row that is wrong is an error that names its line, and
 * so is a count that is; the call after it goes on behind that row.
 * VS_OK | VS_E_FORMAT | VS_E_NUMERIC (a number that is not finite) | VS_E_NOMEM. */
vs_status vs_words_next(vs_err *err, vs_words *w, const char **key, size_t *key_len, const float **vec) VS_MUST_CHECK;
/* The line (of a text) or row (otherwise) last read, from 1, and which of the two it is; how many keys so far were no UTF-8,
 * their bad bytes now U+FFFD, and the line of the first. */
bool vs_words_ended(const vs_words *w); /* whether the last failure was one that nothing follows */
size_t vs_words_line(const vs_words *w);
const char *vs_words_unit(const vs_words *w);
size_t vs_words_mended(const vs_words *w, size_t *first);
/* vs_words_compose() - the vector of any word from the parts that a file of fastText keeps (n-grams); 0: it has none of them,
 * vec is zero.  vs_words_composes() - whether the file is of that kind.  Not to be called by two threads at once. */
bool vs_words_composes(const vs_words *w);
size_t vs_words_compose(vs_words *w, const char *key, size_t n, float *vec);
uint64_t vs_words_done(const vs_words *w), vs_words_total(const vs_words *w); /* bytes, for progress */
void vs_words_close(vs_words *w);

/* Writing them.  format: "word2vec" (binary), "word2vec-text" (also what fastText calls .vec), "glove" (text without a
 * first line), "npy" (PATH is NAME.npy; the words go to NAME.words.txt), "npz" (arrays vectors and keys), "projector" (PATH is NAME.tsv; the
 * words go to NAME.metadata.tsv).  Exactly `rows` rows of `dim` numbers follow.
 * Where blanks separate, a blank in a key is written ▁; bytes that cannot stand in a text become <0xNN>; how many keys
 * that changed comes out in *mended (may be NULL).  Written beside PATH and renamed at commit, which frees w in any case.
 * VS_OK | VS_E_IO (which file, why) | VS_E_UNSUPPORTED (another format) | VS_E_STATE (other than `rows` rows). */
/* vs_words_format_of() - the format that the end of a file's name stands for, static; NULL: none. */
const char *vs_words_format_of(const char *path);
typedef struct vs_words_writer vs_words_writer;
vs_status vs_words_writer_open(vs_err *err, const char *path, const char *format, size_t rows, size_t dim, vs_words_writer **out) VS_MUST_CHECK;
vs_status vs_words_writer_put(vs_err *err, vs_words_writer *w, const char *key, size_t n, const float *vec) VS_MUST_CHECK;
vs_status vs_words_writer_commit(vs_err *err, vs_words_writer *w, size_t *mended) VS_MUST_CHECK;
void vs_words_writer_abort(vs_words_writer *w); /* NULL is a no-op */

#endif

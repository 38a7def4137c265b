/* space.h - a place where vectors live: rows of one width, each with a key.
 *
 * A space is a view: its rows may lie in memory, in a mapped cache file, or quantised in
 * a model's file; its keys are words or a tokenizer's pieces.  Whoever makes it says how
 * to let go of what lies behind. */
#ifndef VS_SPACE_SPACE_H
#define VS_SPACE_SPACE_H

#include "../base/parallel.h"
#include "../base/str.h"
#include "../tensor/tensor.h"

typedef struct vs_space vs_space;

/* Where keys come from. */
typedef struct vs_keys {
    void *self;
    /* key of a row, n bytes in *len, borrowed */
    const char *(*key)(void *self, size_t row, size_t *len);
    /* row of an exact key; false when there is none */
    bool (*find)(void *self, const char *key, size_t n, size_t *row);
    /* pieces of a text that is no key, for tables of tokens: the first cap of their rows into rows, returns how many there are; NULL: split at blanks */
    size_t (*split)(void *self, const char *text, size_t n, size_t *rows, size_t cap);
    /* vec [d] of a text that is no key, made of its parts by the rule of the space, and what it is made of appended to note;
     * false: there are none; NULL: means of words alone */
    bool (*compose)(void *self, const char *text, size_t n, float *vec, vs_buf *note);
    bool pieces; /* keys are a tokenizer's pieces: a word is tried with a leading blank first */
} vs_keys;

typedef struct vs_space_desc {
    const char *name;  /* copied */
    const char *place; /* "words", "W_E", "W_U", "resid 6"; copied */
    vs_tensor rows;    /* [n, d], any type */
    vs_keys keys;
    void (*release)(void *owner); /* called at free; NULL: nothing to release */
    void *owner;
} vs_space_desc;

/* vs_space_new() - VS_OK | VS_E_SHAPE | VS_E_NOMEM; on failure release is not called.  O(1). */
vs_status vs_space_new(vs_err *err, const vs_space_desc *desc, vs_space **out) VS_MUST_CHECK;
void vs_space_free(vs_space *s);

/* vs_space_default() - the embedded 20,000 GloVe words. */
vs_status vs_space_default(vs_err *err, vs_space **out) VS_MUST_CHECK;

/* vs_space_from_words() - a word-vector file read into memory, with progress.  What is wrong in it is reported by line
 * (vs_space_notes()) and kept or left out by these rules:
 *   a key that was there before      left out: the first row of a name keeps it
 *   a key that is no UTF-8           kept, each bad byte as U+FFFD
 *   a number that is not finite, no number, too few or too many fields, no key     the row is left out
 *   more or fewer rows than the file says     those that are there, as many as it says
 * A file with as many wrong rows as right ones is none: the first of them is the error.  A model of fastText goes on
 * composing words that are not in it.
 * VS_OK | VS_E_UNKNOWN | VS_E_FORMAT | VS_E_NUMERIC | VS_E_SHAPE | VS_E_UNSUPPORTED | VS_E_NOMEM | VS_E_STOPPED. */
vs_status vs_space_from_words(vs_err *err, const char *path, const char *name, const vs_progress *p, vs_space **out) VS_MUST_CHECK;

/* vs_space_first() - the rows of s cut to their first dim numbers, copied (what a Matryoshka model allows, Kusupati et al.
 * 2022); texts that are no keys are then means of words.  VS_OK | VS_E_RANGE (more than there are) | VS_E_NOMEM. */
vs_status vs_space_first(vs_err *err, const vs_space *s, size_t dim, const char *name, vs_space **out) VS_MUST_CHECK;
/* vs_space_compose() - the vector of a text that is made of its parts, whether it is a key or not; what it is made of is
 * appended to note.  VS_OK | VS_E_UNSUPPORTED (vs_space_composes()) | VS_E_UNKNOWN (it has no parts). */
vs_status vs_space_compose(vs_err *err, const vs_space *s, const char *text, size_t n, float *vec, vs_buf *note) VS_MUST_CHECK;

/* vs_space_notes() - what there was to say when the space was read, a line each, static until it is freed; "" mostly. */
const char *vs_space_notes(const vs_space *s);
/* vs_space_composes() - whether texts that are no keys have vectors made of their parts (vs_keys.compose). */
bool vs_space_composes(const vs_space *s);

/* vs_space_write() - the first `rows` rows as a file of word vectors.  format: NULL: by the end of the file's name
 * (vs_words_format_of()); *mended: keys that were changed for it.  VS_OK | VS_E_USAGE (a name that says no format) | as
 * vs_words_writer_open() | VS_E_STOPPED (nothing is written). */
vs_status vs_space_write(vs_err *err, const vs_space *s, const char *path, const char *format, size_t rows,
                         const vs_progress *p, size_t *mended) VS_MUST_CHECK;
/* vs_space_may_write() - whether vs_space_write() could begin there, asked before long work.  Leaves nothing there.  As above. */
vs_status vs_space_may_write(vs_err *err, const char *path, const char *format) VS_MUST_CHECK;

/* vs_space_of_words() - copies of rows vec [n,d] under copies of their keys; a key that is there already keeps its first row.
 * VS_OK | VS_E_SHAPE (d = 0) | VS_E_NOMEM. */
vs_status vs_space_of_words(vs_err *err, const char *name, const char *place, const char *const *key, size_t n,
                            const float *vec, size_t d, vs_space **out) VS_MUST_CHECK;

const char *vs_space_name(const vs_space *s);
uint64_t vs_space_id(const vs_space *s); /* no other space of this process had it: for what is kept of a space elsewhere */
const char *vs_space_place(const vs_space *s);
size_t vs_space_dim(const vs_space *s);
size_t vs_space_rows(const vs_space *s);
const char *vs_space_key(const vs_space *s, size_t row, size_t *len);
bool vs_space_find(const vs_space *s, const char *key, size_t n, size_t *row); /* the row of exactly this key */
vs_status vs_space_row(vs_err *err, const vs_space *s, size_t row, float *out) VS_MUST_CHECK; /* [d] */
const float *vs_space_data(const vs_space *s); /* [n, d] where the rows are contiguous f32, else NULL */

/* How a key was found (DESIGN 1: exact; case-folded; with a leading blank in a table of pieces; mean of parts; composed). */
typedef enum vs_match { VS_MATCH_EXACT, VS_MATCH_FOLDED, VS_MATCH_BLANK, VS_MATCH_MEAN, VS_MATCH_COMPOSED } vs_match;

/* vs_space_has() - whether a text is wholly a key (in a table of pieces: with a leading blank too). */
bool vs_space_has(const vs_space *s, const char *key, size_t n);

/* vs_space_lookup() - the vector of a key by those rules; exact_only refuses all but the first and the leading blank.
 *   vec [d] out   rows [8] out: the rows it came from, *n_rows of them (for leaving operands out)
 *   how out; note: what to tell the person ("mean(new, york)"), appended, empty for an exact match
 * VS_OK | VS_E_UNKNOWN (names the nearest spellings). */
enum { VS_LOOKUP_MAX = 64 };
vs_status vs_space_lookup(vs_err *err, const vs_space *s, const char *key, size_t n, bool exact_only, float *vec,
                          size_t rows[VS_LOOKUP_MAX], size_t *n_rows, vs_match *how, vs_buf *note) VS_MUST_CHECK;

/* vs_measure_find() - a measure by its name; false when there is none. */
typedef enum vs_measure {
#define MEASURE(NAME, name, words) VS_MEASURE_##NAME,
#include "measures.def"
#undef MEASURE
    VS_MEASURES
} vs_measure;
const char *vs_measure_name(vs_measure m);
bool vs_measure_find(const char *name, vs_measure *out);

/* vs_space_near() - the k rows nearest to q by cosine, exactly.
 *   q [d]   skip [n_skip]: rows left out (operands)   idx, score [k] out, best first, ties to the lower row
 * Fewer are in *found where the space is smaller.  A zero row scores 0; one with NaN or an infinity is no answer.
 * VS_OK | VS_E_NUMERIC (NaN or an infinity in q) | VS_E_NOMEM.  O(n d) on all threads; the same bits for any number of
 * them.  From the second call on a large space of wide rows is scanned through a copy in 8 bits: the same answer. */
vs_status vs_space_near(vs_err *err, vs_space *s, const float *q, size_t k, const size_t *skip, size_t n_skip, size_t *idx,
                        float *score, size_t *found) VS_MUST_CHECK;

/* One of many questions. */
typedef struct vs_ask {
    const float *q;     /* [d] */
    const size_t *skip; /* [n_skip] rows left out, in any order */
    size_t n_skip;
    size_t *idx;  /* [k] out */
    float *score; /* [k] out */
    size_t found; /* out */
} vs_ask;

/* vs_space_near_many() - the same for n questions at once, by any measure, each answer with the bits that it has alone.
 *   allow [(rows + 63) / 64]: bit r % 64 of word r / 64 is set where row r may be an answer; NULL: all may
 * Scores: cosine - vs_dot(q / |q|, row) times 1/|row|; dot - vs_dot(q, row); L2 - vs_l2(q, row), smallest first.
 * A cosine or dot product of a row whose length is beyond 1e-12 .. 1e15 is summed in double.
 * VS_OK | VS_E_NUMERIC (NaN or an infinity in a question: which) | VS_E_NOMEM | VS_E_STOPPED. */
vs_status vs_space_near_many(vs_err *err, vs_space *s, vs_ask *ask, size_t n, size_t k, vs_measure measure,
                             const uint64_t *allow) VS_MUST_CHECK;

/* vs_space_pc() - principal component i (from 0) of the rows: a unit vector [d] along which they vary most but for the
 * components before it, its coordinate of largest magnitude positive.  Rows with NaN or an infinity are left out.
 *   share (may be NULL): of the whole variance
 * VS_OK | VS_E_RANGE (i >= d) | VS_E_NUMERIC (fewer than two rows) | VS_E_NOMEM | VS_E_STOPPED.
 * O(n d^2 + d^3) at the first call, kept for the others. */
vs_status vs_space_pc(vs_err *err, vs_space *s, size_t i, float *out, double *share) VS_MUST_CHECK;

/* vs_space_complete() - keys that begin with a prefix, most frequent (lowest row) first, for completion; returns how many. */
size_t vs_space_complete(const vs_space *s, const char *prefix, size_t n, const char **keys, size_t *lens, size_t cap);

/* vs_cosine() - cos of two vectors [n]; 0 where one is zero, NaN where a number is none or infinite. */
float vs_cosine(const float *a, const float *b, size_t n);

/* vs_l2() - the Euclidean distance of two vectors [n], summed in double in a fixed order. */
double vs_l2(const float *a, const float *b, size_t n);

#endif

/* store.h - one SQLite file: models, spaces, vectors, runs and their activations, named vectors, results.
 *
 * Tables: schema.sql.  One transaction a run: killed at any moment, the file holds every
 * finished run whole and no half one.  Vectors are little-endian f32 blobs. */
#ifndef VS_STORE_STORE_H
#define VS_STORE_STORE_H

#include "../base/parallel.h"
#include "../base/str.h"

typedef struct vs_store vs_store;
typedef int64_t vs_id;

/* vs_store_open() - the file, made on first use; ":memory:" for none.  VS_OK | VS_E_IO (not writable, full, no such
 * folder) | VS_E_FORMAT (not a vecscope file; a newer version: which) | VS_E_BUSY (locked by another process for 5 s). */
vs_status vs_store_open(vs_err *err, const char *path, vs_store **out) VS_MUST_CHECK;
void vs_store_close(vs_store *st);
bool vs_store_is(const char *path); /* whether an SQLite file is there */
const char *vs_store_path(const vs_store *st);
bool vs_store_read_only(const vs_store *st); /* the file could be opened for reading only: what stores is VS_E_IO */

/* ---- models and spaces ---- */
typedef struct vs_model_record {
    vs_id id;
    const char *path, *arch, *config; /* config: JSON text */
    uint64_t size, mtime, header_hash;
} vs_model_record;
vs_status vs_store_model(vs_err *err, vs_store *st, const vs_model_record *m, vs_id *id) VS_MUST_CHECK; /* finds or adds */
/* vs_store_tokens() - the vocabulary of a model, ids 0..n-1; nothing is done where it is there already.  piece: the text
 * of an id, borrowed during the call. */
typedef const char *vs_piece_fn(void *arg, size_t id, size_t *len);
vs_status vs_store_tokens(vs_err *err, vs_store *st, vs_id model, size_t n, vs_piece_fn *piece, void *arg) VS_MUST_CHECK;

typedef struct vs_space_record {
    vs_id id, model; /* model 0: none */
    const char *name, *place, *metric, *source; /* source: path of the file it came from */
    size_t dim, rows;
    uint64_t source_size, source_mtime;
    int64_t generation; /* another one once its vectors have changed; given by the store */
    bool layered;       /* its place is in block `layer` of the model */
    int layer;
    const char *edits;  /* in force when a model made the vectors; NULL to write: none */
} vs_space_record;

/* Write a space in one transaction: begin, add row by row (or many), commit.  A name that exists is replaced at commit. */
typedef struct vs_space_writer vs_space_writer;
vs_status vs_store_space_begin(vs_err *err, vs_store *st, const vs_space_record *s, vs_space_writer **out) VS_MUST_CHECK;
vs_status vs_store_space_add(vs_err *err, vs_space_writer *w, const char *key, size_t n, const float *vec) VS_MUST_CHECK;
vs_status vs_store_space_commit(vs_err *err, vs_space_writer *w, vs_id *id) VS_MUST_CHECK; /* frees w in any case */
void vs_store_space_abort(vs_space_writer *w);

/* Where a row of a contextual space was met: its word in a text, averaged over the tokens first..position. */
typedef struct vs_context {
    const char *text, *word, *label; /* label: what the corpus calls its sense; NULL: it does not say */
    size_t line, at;                 /* line of the corpus, from 1; byte of the text where the word begins */
    size_t first, position;
} vs_context;
/* vs_store_space_context() - of the row that was added last.
 * vs_store_contexts() - those of a space in the order of its rows, each to fn; its strings are borrowed during the call.
 * VS_OK | VS_E_UNKNOWN | what fn says.  A space of words has none. */
typedef vs_status vs_context_fn(vs_err *err, void *arg, size_t row, const vs_context *c);
vs_status vs_store_space_context(vs_err *err, vs_space_writer *w, const vs_context *c) VS_MUST_CHECK;
vs_status vs_store_contexts(vs_err *err, vs_store *st, const char *name, vs_context_fn *fn, void *arg) VS_MUST_CHECK;

/* vs_store_space_find() - by name; VS_E_UNKNOWN.  The strings of *row are borrowed until the next call on st.
 * vs_store_spaces() - each in turn to fn. */
vs_status vs_store_space_find(vs_err *err, vs_store *st, const char *name, vs_space_record *row) VS_MUST_CHECK;
vs_status vs_store_spaces(vs_err *err, vs_store *st, vs_status (*fn)(void *arg, const vs_space_record *row), void *arg) VS_MUST_CHECK;
vs_status vs_store_space_drop(vs_err *err, vs_store *st, const char *name) VS_MUST_CHECK; /* gives its disk back */

/* vs_store_space_open() - a stored space as contiguous memory: rows [n, d] f32 and the keys, from the mapped cache file
 * beside the database (made, or made again where it is stale; read from the tables where it cannot be written).
 * Milliseconds once the cache is there.  The block stays valid until vs_block_close(), also after the store is closed. */
typedef struct vs_block vs_block;
vs_status vs_store_space_open(vs_err *err, vs_store *st, const char *name, const vs_progress *p, vs_block **out) VS_MUST_CHECK;
const float *vs_block_rows(const vs_block *b, size_t *n, size_t *d);
const char *vs_block_key(const vs_block *b, size_t row, size_t *len);
bool vs_block_find(const vs_block *b, const char *key, size_t n, size_t *row); /* the cache holds a hash index: O(1) at once */
void vs_block_close(vs_block *b);

/* ---- runs and activations ---- */
typedef struct vs_run_record {
    vs_id id, model;
    const char *text;
    const int32_t *ids;
    size_t n_ids;
    const char *edits, *isa, *version, *request; /* request: what was dumped, to find a run again when resuming */
    uint64_t seed;
    int threads;
    const uint8_t *types;  /* [n_ids] segments; NULL: all 0 */
    const int32_t *target; /* [n_target] the decoder's ids of a model of two stacks */
    size_t n_target;
    const char *mask;      /* "causal", "full"; NULL: the model's own */
} vs_run_record;
/* One run is one transaction: begin, any number of activations, commit (status 'done') or abort (nothing is left).  One
 * run at a time.  layer, head, position: negative where the site has none (NULL in the table).  After a failure: abort. */
vs_status vs_store_run_begin(vs_err *err, vs_store *st, const vs_run_record *r, vs_id *id) VS_MUST_CHECK;
vs_status vs_store_activation(vs_err *err, vs_store *st, vs_id run, const char *site, int layer, int head, int position,
                              const float *vec, size_t dim) VS_MUST_CHECK;
vs_status vs_store_run_commit(vs_err *err, vs_store *st) VS_MUST_CHECK;
void vs_store_run_abort(vs_store *st);
/* vs_store_run_done() - whether a finished run of the same model, ids, types, target, mask, edits and request is there (*id, or 0). */
vs_status vs_store_run_done(vs_err *err, vs_store *st, const vs_run_record *r, vs_id *id) VS_MUST_CHECK;

/* ---- named vectors, facts and results ---- */
/* weight: 1 of a place, 0 of a difference (vs_value, space/expr.h). */
vs_status vs_store_name_set(vs_err *err, vs_store *st, const char *name, const char *expr, const char *space, const float *vec, size_t dim,
                            double weight) VS_MUST_CHECK;
/* VS_E_UNKNOWN (names near ones).  *vec is the caller's (vs_free); space is appended; weight and space may be NULL. */
vs_status vs_store_name_get(vs_err *err, vs_store *st, const char *name, float **vec, size_t *dim, double *weight,
                            vs_buf *space) VS_MUST_CHECK;
/* A result of an experiment: kind ("facts"), subject, and a JSON object of numbers; the run it belongs to or 0. */
vs_status vs_store_result(vs_err *err, vs_store *st, const char *kind, const char *subject, const char *json, vs_id model, vs_id run) VS_MUST_CHECK;
/* Group many results in one transaction. */
vs_status vs_store_begin(vs_err *err, vs_store *st) VS_MUST_CHECK;
vs_status vs_store_commit(vs_err *err, vs_store *st) VS_MUST_CHECK;
void vs_store_rollback(vs_store *st);

/* ---- SQL ---- */
typedef enum vs_sql_type { VS_SQL_NULL, VS_SQL_INT, VS_SQL_REAL, VS_SQL_TEXT, VS_SQL_BLOB } vs_sql_type;
typedef struct vs_sql_value {
    vs_sql_type type;
    int64_t i;
    double r;
    const char *s; /* TEXT and BLOB: n bytes, borrowed during the call */
    size_t n;
} vs_sql_value;
/* vs_store_sql() - run a query; `row` is called for each row (names are the columns' headings).  read_only refuses any
 * statement that writes.  Polls vs_interrupted().  VS_OK | VS_E_SYNTAX (SQLite's message and offset) | VS_E_STATE (it
 * would write) | VS_E_BUSY | VS_E_STOPPED. */
typedef vs_status vs_sql_row_fn(void *arg, size_t n, const char *const *names, const vs_sql_value *values);
vs_status vs_store_sql(vs_err *err, vs_store *st, const char *query, bool read_only, vs_sql_row_fn *row, void *arg, int64_t *changed) VS_MUST_CHECK;

/* For lib/sql alone, which adds functions to the connection. */
struct sqlite3 *vs_store_handle(vs_store *st);

#endif

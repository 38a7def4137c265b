/* session_impl.h - what a session holds; for lib/session*.c alone. */
#ifndef VS_SESSION_IMPL_H
#define VS_SESSION_IMPL_H

#include "base/alloc.h"
#include "session.h"

/* An open model with its two tables as spaces, made on first need. */
typedef struct vs__open_model {
    char *name, *path;
    vs_model *model;
    vs_space *table[2]; /* W_E, W_U */
} vs__open_model;

typedef struct vs__open_space {
    vs_space *space;
    char *source; /* what it was opened by */
} vs__open_space;

/* Edits put in force together, of the model that was current then.  The vectors they carry live in the arena; positions
 * stay text until a pass knows its words. */
typedef struct vs__edit_spec {
    vs_edit edit;
    const char *at, *keys; /* position texts, NULL: all */
    const char *text;      /* as typed */
    const char *notes;     /* of the expression that its vector was, a line each; NULL: none */
    size_t rows;           /* of edit.vec, where it has one for each position */
    vs_edit_effect effect; /* in the last pass, if one ran */
    bool ran;
} vs__edit_spec;
typedef struct vs__edit_set {
    struct vs__edit_set *below;
    const vs_model *m;
    vs__edit_spec *spec;
    size_t n;
    vs_arena arena;
} vs__edit_set;

/* What the stacks of a pass under edits read. */
typedef struct vs__read {
    vs_tokens tokens; /* over what follows */
    size_t own;
    char *text; /* NULL: ids alone */
    int32_t *id;
    uint8_t *type;
    uint32_t *span; /* [2 n] begin and end, and behind them [2 n] bytes of the tokens' marks */
} vs__read;
typedef struct vs__last {
    vs_model *m;
    vs_mask mask;
    vs__read of[2]; /* by stack */
} vs__last;
void vs__last_free(vs__last *x);

struct vs_session {
    vs_settings settings;
    char *db;
    vs_store *store;
    vs_catalogue_fn *catalogue;
    vs_store_opened_fn *on_store;
    vs__open_model *model;
    size_t n_models, current_model; /* current: index + 1, 0: none */
    vs__open_space *space;
    size_t n_spaces;
    vs_space *current_space;
    bool space_chosen; /* by the user: opening a model leaves it */
    vs__edit_set *edits;
    vs_buf edits_text;
    uint64_t edited_passes;
    vs__last last;
    struct vs__clusters *clusters; /* of session_calls.c */
    int nested; /* how many calls whose argument is an expression (head, cluster, sql, …) are being evaluated around each other */
};

/* vs__layers_for() - how many blocks a pass needs for a site; 0: all of it. */
size_t vs__layers_for(const vs_site *site);

/* vs__space_forget() - let go of the open space of this name, if there is one: what it was opened from has changed. */
void vs__space_forget(vs_session *s, const char *name);

/* vs__space_of_table() - a model's embedding (which 0) or unembedding (1) as a space; kept with the model. */
vs_status vs__space_of_table(vs_err *err, vs__open_model *m, int which, vs_space **out) VS_MUST_CHECK;

/* What a call's address means, as vs_resolver.resolve does: rows and maps of weights (session_weights.c); a vector of a file,
 * of SQL, the centre of a cluster (session_calls.c), what a map makes of one (session_map.c). */
typedef vs_status vs__call_fn(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out);
vs__call_fn vs__resolve_neuron, vs__resolve_head, vs__resolve_file, vs__resolve_sql, vs__resolve_cluster, vs__resolve_map;

/* vs__eval_argument() - argument i of a call as an expression; such calls nest to a bounded depth. */
vs_status vs__eval_argument(vs_err *err, vs_session *s, const vs_addr *a, size_t i, vs_value *out) VS_MUST_CHECK;

/* vs__keep_aside() - vs_session_add_space(), but the current space stays.
 * vs__stored_space() - a space of the store, opened and kept, but not made current.  VS_E_UNKNOWN where there is none. */
vs_status vs__keep_aside(vs_err *err, vs_session *s, vs_space *sp, const vs_progress *p) VS_MUST_CHECK;
vs_status vs__stored_space(vs_err *err, vs_session *s, const char *name, vs_space **out) VS_MUST_CHECK;

/* vs__model_named() - an open model by its name or a prefix that fits one alone; NULL. */
vs__open_model *vs__model_named(vs_session *s, const char *name, size_t n);

/* vs__answers_in() - the space that answers for a value: its own, the one asked for, or W_U for a vector of the stream, for
 * which the final norm of the model *norm comes first; NULL: none does. */
vs_status vs__answers_in(vs_err *err, vs_session *s, const vs_value *v, const char *in, vs_space **where,
                         vs_model **norm) VS_MUST_CHECK;

/* The pieces of a tokenizer as keys, as a reader writes them: " bank" for ▁bank.
 * vs__table_keys_new() - of n rows; tok is borrowed.   vs__table_keys_of() - what a space takes; lives as long as k. */
typedef struct vs__table_keys vs__table_keys;
vs_status vs__table_keys_new(vs_err *err, const vs_tokenizer *tok, size_t n, vs__table_keys **out) VS_MUST_CHECK;
vs_keys vs__table_keys_of(vs__table_keys *k);
void vs__table_keys_free(vs__table_keys *k);

/* vs__space_of_static() - a static embedding model in the hub's layout (session_static.c); dim: its first numbers alone, 0:
 * all.  VS_OK | VS_E_UNKNOWN (also: no such tensors) | VS_E_UNSUPPORTED | VS_E_FORMAT | VS_E_SHAPE | VS_E_RANGE | VS_E_NOMEM.
 * vs__is_dir() - whether a path is a directory. */
vs_status vs__space_of_static(vs_err *err, const char *dir, const char *name, size_t dim, vs_space **out) VS_MUST_CHECK;
bool vs__is_dir(const char *path);

/* vs__word_in() - where `word` stands alone in a text: the byte offsets of its occurrence `nth` (1 the first, 0 the
 * last); false when it does not. */
bool vs__word_in(const char *text, const char *word, size_t n, int nth, size_t *begin, size_t *end);
/* vs__word_at() - whether word[n] stands at byte i of text[len], with no letter, digit or _ beside one of its own; fold: in
 * any case of ASCII. */
bool vs__word_at(const char *text, size_t len, size_t i, const char *word, size_t n, bool fold);
/* vs__tokens_over() - the tokens from..to that stand for bytes begin..end of the text that a stack reads: all pieces, in a
 * causal stack the last alone; false where none does. */
bool vs__tokens_over(const vs_model *m, int stack, const vs_tokens *t, size_t begin, size_t end, size_t *from, size_t *to);

/* vs__row_width() - the numbers in a row of a kept site.  vs__rows_mean() - the mean of its rows from..to into out [width].
 * VS_OK | VS_E_SHAPE (no such rows, or a row in pieces). */
size_t vs__row_width(const vs_tensor *t);
vs_status vs__rows_mean(vs_err *err, const vs_tensor *t, size_t from, size_t to, float *out) VS_MUST_CHECK;
/* vs__decoder_input() - vs_session_decoder_input() for any model. */
vs_status vs__decoder_input(vs_err *err, vs_model *m, const char *target, size_t n, bool special, vs_text_input *in) VS_MUST_CHECK;

/* vs__stack_named() - the stack that a text like "decoder.3" begins with, stepped over; `usual` where it names none. */
int vs__stack_named(const vs_model_info *in, const char **text, int usual);

/* vs__site_of() - a site by name, of two stacks in this one where it names none, with a vector for each position: VS_E_SHAPE for
 * a pattern. */
vs_status vs__site_of(vs_err *err, const vs_model *m, int stack, const char *name, vs_site *out) VS_MUST_CHECK;


#endif

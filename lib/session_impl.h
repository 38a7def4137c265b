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

/* Edits pushed together.  The vectors they carry live in the arena; positions stay text until a pass knows its words.
 */
typedef struct vs__edit_spec {
    vs_edit edit;
    const char *at, *keys; /* position texts, NULL: all */
} vs__edit_spec;
typedef struct vs__edit_set {
    struct vs__edit_set *below;
    vs__edit_spec *spec;
    size_t n, text_before; /* length of edits_text without these */
    vs_arena arena;
} vs__edit_set;

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
    vs_edit_effect *effect;
    size_t n_effects;
};

/* vs__space_of_table() - a model's embedding (which 0) or unembedding (1) as a space; kept with the model. */
vs_status vs__space_of_table(vs_err *err, vs__open_model *m, int which, vs_space **out) VS_MUST_CHECK;

/* vs__word_in() - where `word` stands alone in a text: the byte offsets of its occurrence `nth` (1 the first, 0 the
 * last); false when it does not. */
bool vs__word_in(const char *text, const char *word, size_t n, int nth, size_t *begin, size_t *end);

#endif

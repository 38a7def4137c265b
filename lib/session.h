/* session.h - one user's state: models, spaces, store, settings, the edits in force.
 *
 * The simple layer: open things by name, evaluate expressions, ask for neighbours. */
#ifndef VS_SESSION_H
#define VS_SESSION_H

#include "model/grad.h"
#include "space/align.h"
#include "space/expr.h"
#include "store/store.h"

typedef struct vs_session vs_session;

typedef struct vs_settings {
    bool exact;     /* --exact: the one path there is computes exactly already; kept for scripts */
    bool exact_key; /* refuse keys that are not exact */
    int threads;
    int k; /* how many neighbours unless -k says */
    uint64_t seed;
    bool effects; /* with: say what each edit did */
} vs_settings;

/* vs_session_new() - db: path of the store, NULL or ":memory:" for none on disk; opened on first need.
 * The embedded default space is current until something else is opened. */
vs_status vs_session_new(vs_err *err, const char *db, vs_session **out) VS_MUST_CHECK;
void vs_session_free(vs_session *s);
vs_settings *vs_session_settings(vs_session *s);

/* A catalogue: the path of a catalogued name into buf, or NULL; set by the program. *present: it is in the cache. */
typedef const char *vs_catalogue_fn(const char *name, char *buf, size_t size, bool *present);
void vs_session_set_catalogue(vs_session *s, vs_catalogue_fn *fn);

/* vs_session_on_store() - called once, when the store is first opened: vs_sql_install (sql/sql.h), to ask it in SQL. */
typedef vs_status vs_store_opened_fn(vs_err *err, vs_session *s, vs_store *st);
void vs_session_on_store(vs_session *s, vs_store_opened_fn *fn);

/* vs_session_open_model() - by path or catalogued name; becomes current; already open: made current.
 * vs_session_open_space() - a word-vector file (read once, then kept in the store when that is on disk), a catalogued
 * name, a stored space, or a table of a model ("W_E", "W_U", "gemma3-270m:W_E"); becomes current. */
vs_status vs_session_open_model(vs_err *err, vs_session *s, const char *what, vs_model **out) VS_MUST_CHECK;
vs_status vs_session_open_space(vs_err *err, vs_session *s, const char *what, const vs_progress *p,
                                vs_space **out) VS_MUST_CHECK;
/* vs_session_open_first() - the same, cut to the first dim numbers of each row; called NAME-64d. */
vs_status vs_session_open_first(vs_err *err, vs_session *s, const char *what, size_t dim, const vs_progress *p,
                                vs_space **out) VS_MUST_CHECK;
/* vs_session_add_space() - take over a space of words that was made (also when this fails); it becomes current, takes the
 * place of an open one of its name, and is stored where the store is on disk.  VS_OK | errors of the store | VS_E_NOMEM. */
vs_status vs_session_add_space(vs_err *err, vs_session *s, vs_space *sp, const vs_progress *p) VS_MUST_CHECK;
/* vs_session_model_path() - where the model of an open, existing or catalogued name lies, into buf.  VS_OK | VS_E_UNKNOWN |
 * VS_E_RANGE (longer than size). */
vs_status vs_session_model_path(vs_err *err, vs_session *s, const char *what, char *buf, size_t size) VS_MUST_CHECK;
/* vs_session_use() - make an open model or space current by its name. */
vs_status vs_session_use(vs_err *err, vs_session *s, const char *name) VS_MUST_CHECK;

/* The current ones.  VS_E_STATE where there is no model: says how to open one. */
vs_status vs_session_model(vs_err *err, vs_session *s, vs_model **out) VS_MUST_CHECK;
vs_space *vs_session_space(vs_session *s);
vs_status vs_session_store(vs_err *err, vs_session *s, vs_store **out) VS_MUST_CHECK;
/* vs_session_model_record() - what the store keeps of an open model: its file as it is now, and as config {"name": …}, what it
 * goes by in the session; config is the caller's (vs_buf_free). */
vs_status vs_session_model_record(vs_err *err, const vs_session *s, const vs_model *m, vs_buf *config,
                                  vs_model_record *out) VS_MUST_CHECK;
size_t vs_session_models(const vs_session *s);
vs_model *vs_session_model_at(const vs_session *s, size_t i, const char **name);
size_t vs_session_spaces(const vs_session *s);
vs_space *vs_session_space_at(const vs_session *s, size_t i);
/* vs_session_space_named() - by its name, or a beginning that fits one alone: one that is open, W_E or W_U of an open model,
 * a model's W_E by the model's name, a stored one (opened); NULL.  vs_session_space_opened() - the same without those that are
 * only stored. */
vs_space *vs_session_space_named(vs_session *s, const char *name);
vs_space *vs_session_space_opened(vs_session *s, const char *name);

/* vs_session_eval() - an expression to a vector.  `out` is the caller's: vs_value_free().
 * vs_session_eval_any() - to a vector or a number (cos(king, queen)), with how it came about; as vs_eval_any(). */
vs_status vs_session_eval(vs_err *err, vs_session *s, const char *expr, size_t n, vs_value *out) VS_MUST_CHECK;
vs_status vs_session_eval_any(vs_err *err, vs_session *s, const char *expr, size_t n, vs_trace *trace, vs_value *out) VS_MUST_CHECK;

/* vs_session_eval_in() - the same with words looked up in a space, whatever the current one is (NULL: in that). */
vs_status vs_session_eval_in(vs_err *err, vs_session *s, vs_space *in, const char *expr, size_t n, vs_value *out) VS_MUST_CHECK;

/* vs_session_is_expr() - whether a text evaluates, for the hint a failing command gives. */
bool vs_session_is_expr(vs_session *s, const char *expr, size_t n);

/* vs_session_near() - nearest neighbours of a value, operands left out unless keep_operands.  Where answers are looked
 * up: in the value's own space; a residual-stream vector in W_U through the final norm (scores are then logits' cosine:
 * see the note); `in` (may be NULL) names another space. */
typedef struct vs_hit {
    const char *key; /* borrowed from the space until it is closed */
    size_t key_len, row;
    float score;
} vs_hit;
size_t vs_hit_size(void); /* bytes of one, for bindings, as vs_request_size() */
vs_status vs_session_near(vs_err *err, vs_session *s, const vs_value *v, const char *in, size_t k, bool keep_operands,
                          vs_hit *hits, size_t *found, vs_space **where) VS_MUST_CHECK;

/* Which rows of a space may answer; all conditions hold at once. */
typedef struct vs_filter {
    const char *match;  /* a regular expression that their keys have in them (text/match.h); NULL: any */
    size_t first, last; /* by frequency rank, which is the row and 1: from first to last; 0: no limit */
    const char *where;  /* a condition of SQL over row, key, vec, where vectors_of() is installed (sql/sql.h); NULL: none */
} vs_filter;
typedef struct vs_near_how {
    size_t k;
    const char *in;          /* a space by name; NULL: where each value's answers are looked up */
    bool keep_operands;      /* operands may be answers too */
    vs_measure measure;
    const vs_filter *filter; /* NULL: every row may answer */
} vs_near_how;

/* vs_session_near_many() - the neighbours of n values, as vs_session_near() has them, found together.
 *   hits [n, k] out   found [n] out: how many of each   where [n] out: the space that answered
 * Errors as vs_session_near(), vs_session_filter() | VS_E_STOPPED.
 * vs_session_filter() - the rows that a filter leaves, a bit each as vs_space_near_many() takes them; NULL where it asks
 * nothing.  Owner: the caller (vs_free).  VS_OK | VS_E_SYNTAX (of the pattern or the SQL) | VS_E_NOMEM | errors of SQL. */
vs_status vs_session_near_many(vs_err *err, vs_session *s, const vs_value *v, size_t n, const vs_near_how *how, vs_hit *hits,
                               size_t *found, vs_space **where) VS_MUST_CHECK;
vs_status vs_session_filter(vs_err *err, vs_session *s, const vs_space *sp, const vs_filter *f, uint64_t **out) VS_MUST_CHECK;

/* vs_session_learn_map() - learn a map between two spaces by their names (vs_align()) and keep it, as the space
 * map:FROM->TO, in the session and where the store is on disk there: map(x, TO) in an expression is what it makes of x.
 *   o->words, held_out, method as given; the seed is the session's.   from, to out: the spaces; borrowed
 * Errors as vs_align(), vs_session_add_space(); VS_E_UNKNOWN (no such space). */
vs_status vs_session_learn_map(vs_err *err, vs_session *s, const char *from_name, const char *to_name, const vs_align_options *o,
                               const vs_progress *p, vs_align_result *r, vs_space **from, vs_space **to) VS_MUST_CHECK;

/* Tokens of a text by the current model, with special tokens. */
vs_status vs_session_tokenize(vs_err *err, vs_session *s, const char *text, size_t n, vs_tokens *out) VS_MUST_CHECK;

/* What a pass reads.  In a model of two stacks text and tokens are the encoder's, and its decoder reads `decoder`: a start
 * token, and behind it what it is given. */
typedef struct vs_text_input {
    char *text;        /* NULL where ids were given */
    vs_tokens tokens;  /* ids with special tokens */
    char *target;      /* the decoder's text; NULL: ids, or the start token alone */
    vs_tokens decoder; /* n = 0: a model of one stack, or the start token alone */
    size_t ends;       /* tokens in `decoder` behind its n: those that end a text */
    bool given;        /* what the decoder reads was said, so that it runs whatever is asked for */
} vs_text_input;
void vs_text_input_free(vs_text_input *in);
/* The tokens that continuing a text adds to, and their text: the decoder's, where one stands beside an encoder. */
static inline const vs_tokens *vs_text_grows(const vs_text_input *in) { return in->decoder.n ? &in->decoder : &in->tokens; }
static inline const char *vs_text_begun(const vs_text_input *in) { return in->decoder.n ? in->target : in->text; }

/* vs_session_decoder_input() - fill in->decoder, ->ends, ->target, ->given for a model of two stacks: the start token, and
 * behind it the tokens of target[n] (NULL: none), special: with the tokenizer's special ones.  A model of one stack: nothing.
 * VS_OK | VS_E_USAGE (a target for one stack) | VS_E_FORMAT | VS_E_NOMEM. */
vs_status vs_session_decoder_input(vs_err *err, vs_session *s, const char *target, size_t n, bool special,
                                   vs_text_input *in) VS_MUST_CHECK;

/* ---- edits in force (`with {…}`, `edits add`) ---- */
/* vs_session_push_edits() - parse "EDIT; EDIT" (session_edits.c has the language) and put them in force on top of those
 * there, for the current model alone; vs_session_pop_edits() takes the last pushed away.  Sites and vectors are resolved
 * now, on the model as it is; positions named by a word at each pass.  VS_OK | VS_E_SYNTAX | VS_E_UNKNOWN | errors of a
 * pass; VS_E_STOPPED. */
vs_status vs_session_push_edits(vs_err *err, vs_session *s, const char *text, size_t n) VS_MUST_CHECK;
void vs_session_pop_edits(vs_session *s);
/* Those of the current model: how many; edit i as typed, the oldest first (NULL: there is none); all, "; " between, ""
 * when none; what the look-up of edit i's vector had to say (`mean(new, york): …`), a line each, NULL: nothing.  Texts are
 * borrowed until the edits change. */
size_t vs_session_edit_count(const vs_session *s);
const char *vs_session_edit_text(vs_session *s, size_t i);
const char *vs_session_edits_text(vs_session *s);
const char *vs_session_edit_notes(vs_session *s, size_t i);
/* vs_session_drop_edit() - take edit i away.  VS_OK | VS_E_RANGE. */
vs_status vs_session_drop_edit(vs_err *err, vs_session *s, size_t i) VS_MUST_CHECK;
/* vs_session_edits_hash() - of the vectors that the edits carry, 0 where none does: their text may name ($v) or compute
 * them. */
uint64_t vs_session_edits_hash(const vs_session *s);

/* vs_session_edits_in() - those of the current model as a text has them, [vs_session_edit_count()] of the caller's, the oldest
 * first, for a pass or a sweep of one's own; their vectors are borrowed until the edits change.  Errors as vs_position_find(). */
vs_status vs_session_edits_in(vs_err *err, vs_session *s, const vs_text_input *in, vs_edit *out) VS_MUST_CHECK;

/* vs_session_drop_space() - delete a stored space, open or not; its disk is given back.  VS_OK | VS_E_UNKNOWN | errors of
 * the store. */
vs_status vs_session_drop_space(vs_err *err, vs_session *s, const char *name) VS_MUST_CHECK;

/* vs_session_keeps() - whether what is stored outlives the session: its store is a file. */
bool vs_session_keeps(const vs_session *s);

/* vs_session_run() - a pass of the current model under the edits in force, which may name words of what it reads
 * (`[bank]`: of the text that their site's stack reads).  rq->in, decoder and edits are filled here: set keep, logits, kv,
 * mask before.  A decoder beside an encoder runs where something of it is asked for (logits, a site, an edit) or what it reads
 * was given.  Effects: vs_session_effect().
 * vs_session_run_text() - the same of one text (NULL: its ids alone); a decoder beside it reads the start token.
 * vs_session_run_grown() - the same for a text that is being continued (of two stacks, the decoder's): its first `own` tokens
 * are its own, those after them new.  Edits find words in the text, positions from the end in all of it.  With rq->kv, the
 * rows that it has are not run again.
 * vs_session_edits_fixed() - that such a cache can serve: no edit in force counts from the end of what grows.  An encoder under
 * edits is read once, as any is, and the cache remembers them. */
vs_status vs_session_run(vs_err *err, vs_session *s, const vs_text_input *in, vs_request *rq, vs_pass **out) VS_MUST_CHECK;
vs_status vs_session_run_text(vs_err *err, vs_session *s, const char *text, const vs_tokens *tokens, vs_request *rq,
                              vs_pass **out) VS_MUST_CHECK;
vs_status vs_session_run_grown(vs_err *err, vs_session *s, const vs_text_input *in, size_t own, vs_request *rq,
                               vs_pass **out) VS_MUST_CHECK;
bool vs_session_edits_fixed(const vs_session *s);
/* vs_session_run_packed() - one pass over as many of the n >= 1 texts as go together, their rows one after another: about a
 * thousand rows; under edits, which have positions of their own in each text, and where a decoder beside an encoder is looked at,
 * the first text alone.
 *   rq as for vs_session_run(); of two stacks the encoder runs, and the decoder where a site of it is kept   *taken: how many   starts [n + 1] out: the first row of each
 *   of them, starts[*taken] their end
 * The bits are those of a pass a text. */
vs_status vs_session_run_packed(vs_err *err, vs_session *s, const vs_text_input *in, size_t n, vs_request *rq, size_t *taken,
                                size_t *starts, vs_pass **out) VS_MUST_CHECK;
/* vs_session_grad() - vs_grad_run() over a text under the edits in force: rq->pass is filled as above, the rest is the
 * caller's.  g is of the current model. */
vs_status vs_session_grad(vs_err *err, vs_session *s, const vs_text_input *in, vs_grad *g, vs_grad_request *rq) VS_MUST_CHECK;
/* vs_session_effect() - what edit i did in the last pass (of a text that grows in a cache: in all of it); false where no
 * pass has been run under it.
 * vs_session_edited_passes() - how many passes have been run under edits so far. */
bool vs_session_effect(vs_session *s, size_t i, vs_edit_effect *out);
uint64_t vs_session_edited_passes(const vs_session *s);
/* vs_session_divergences() - how far the edits moved the last pass's prediction: KL(clean ‖ edited) in nats of each one
 * alone, kl [vs_session_edit_count()], and of all together.  Of the next token in a decoder; in an encoder the mean over
 * its [MASK] tokens, or over all.  Runs n + 2 passes.  VS_OK | VS_E_STATE (no such pass) | VS_E_UNSUPPORTED (no head). */
vs_status vs_session_divergences(vs_err *err, vs_session *s, double *kl, double *together) VS_MUST_CHECK;

/* ---- words in their contexts ---- */
/* A corpus: where words are met.  A word in small letters (of ASCII) is met in any case, another as it is written. */
typedef struct vs_word_texts {
    const char *path;
    const char *const *word; /* [n_words], each found whole: vs_position_find() */
    size_t n_words;
    const char *words; /* a file of more, one a line; NULL: none */
    bool prose;    /* running text, its sentences by vs_sentence_next() (text/sentence.h); else a line is a text */
    bool labelled; /* each line is LABEL, a tab, TEXT */
    size_t most;   /* occurrences wanted at most; 0: all */
} vs_word_texts;
typedef struct vs_word_texts_count {
    size_t texts, used, too_long, occurrences; /* too_long: left out, for the model's context is shorter */
} vs_word_texts_count;

/* vs_session_occurrences() - each occurrence of the words, in the order of the corpus: where it is, and the vectors that the
 * current model has there under the edits in force: at a decoder's last piece of the word, the mean of an encoder's pieces.
 *   site [n]: of one stack, a vector a position; a decoder beside an encoder reads the text too, behind its start token (as Lewis
 *   et al. 2020, section 3.1 have it for classifying)   vec[i]: the one at site i, borrowed during the call
 * VS_OK | VS_E_UNKNOWN (no such file) | VS_E_FORMAT (its line) | VS_E_STOPPED | errors of a pass, or what fn says.  Texts run
 * packed, up to the last block that a site needs. */
typedef vs_status vs_occurrence_fn(vs_err *err, void *arg, const vs_context *c, const float *const *vec);
vs_status vs_session_occurrences(vs_err *err, vs_session *s, const vs_word_texts *c, const vs_site *site, size_t n, const vs_progress *p,
                                 vs_occurrence_fn *fn, void *arg, vs_word_texts_count *count) VS_MUST_CHECK;

/* vs_session_make_space() - store them as a space: a row an occurrence, its key the text with the word in [ ] (of a long text
 * what is near the word), where it was met beside it (vs_store_contexts()).  A space of that name is replaced.  One
 * transaction: a failure or Ctrl-C leaves the store as it was.
 *   site: its name   Errors as above | VS_E_UNKNOWN (no occurrence at all) | those of the store. */
vs_status vs_session_make_space(vs_err *err, vs_session *s, const char *name, const char *site, const vs_word_texts *c,
                                const vs_progress *p, vs_word_texts_count *count) VS_MUST_CHECK;

/* vs_position_find() - the position(s) that `[pos]` names in the text that a stack reads: a number (negative from the end),
 * `a..b`, a whole word (its last occurrence; #1 the first; its last piece in a decoder, all its pieces in an encoder),
 * "mean" (all).  from..to inclusive.  VS_OK | VS_E_RANGE | VS_E_UNKNOWN (the words there are). */
vs_status vs_position_find(vs_err *err, const vs_model *m, int stack, const char *text, const vs_tokens *tokens,
                           const char *pos, size_t n, size_t *from, size_t *to) VS_MUST_CHECK;

/* ---- a model's layers as spaces of words ---- */
/* Which: the streams entering blocks from..to of a model (L: after the last), of two stacks the one that reads texts, or the
 * decoder, which then reads them too, behind its start token. */
typedef struct vs_layers {
    vs_model *model;
    const char *name; /* it goes by; borrowed */
    int stack;
    size_t from, to;
} vs_layers;

/* vs_session_layers() - what "MODEL@12", "@12" (of the current model), "MODEL" and "@" (all layers) name, of two stacks also
 * "@decoder.3" and "@decoder." (all of its layers), MODEL one that is open, or the beginning of one's name.  *names is false, and the rest not set, where `what` has no @ and is no open model, or
 * is a space that is open or stored (words@12).
 * VS_OK | VS_E_UNKNOWN (no such model) | VS_E_STATE (none is open) | VS_E_RANGE (no such layer: how many there are). */
vs_status vs_session_layers(vs_err *err, vs_session *s, const char *what, bool *names, vs_layers *out) VS_MUST_CHECK;

/* vs_session_layer_spaces() - a space a layer over the words of a list, and over nothing else: each is read by the model by
 * itself or in a frame, and its row is what "frame"@12[word] means: the stream at its last piece in a causal model, else the
 * mean of its pieces.  They are named MODEL@LAYER, their place is "resid LAYER".
 *   frame: a text with one %s; NULL: the word alone   centre: take the mean of all rows away from each, as layers lie far from 0
 *   out [to - from + 1]: the caller's, vs_space_free() each
 * Under the edits in force each word is a pass of its own; else they are packed, some at a time.  The same bits either way.
 * VS_OK | VS_E_USAGE (a frame without one %s; no words) | VS_E_FORMAT (a word that is not UTF-8, or of no token) | errors of
 * vs_run(); VS_E_NOMEM, VS_E_STOPPED.  O(n) passes; n (to - from + 1) d numbers. */
typedef struct vs_layer_words {
    const char *const *word;
    size_t n;
    const char *frame;
    bool centre;
} vs_layer_words;
vs_status vs_session_layer_spaces(vs_err *err, vs_session *s, const vs_layers *at, const vs_layer_words *words,
                                  const vs_progress *p, vs_space **out) VS_MUST_CHECK;

#endif

/* trial.h - one text under many changes, each by itself, and what each does to an answer: shared by patch and ablate. */
#ifndef VS_PROBES_TRIAL_H
#define VS_PROBES_TRIAL_H

#include <jansson.h>

#include "../lib/command.h"

/* What is read off the logits: of the answer its probability, log p or logit (less that of another word, where one is given:
 * Wang et al. 2023); of all tokens KL(text as it is ‖ changed), in nats. */
typedef enum vs_metric { VS_METRIC_PROB, VS_METRIC_LOGPROB, VS_METRIC_LOGIT, VS_METRIC_KL } vs_metric;
const char *vs_metric_words(vs_metric k);

/* The options of a command that tries changes, but for its own. */
#define VS_TRIAL_OPTS(metric)                                                                                                      \
    {"stack", 0, VS_OPT_TEXT, "encoder|decoder|cross", "of two stacks: where; cross: the decoder's attention to the encoder",      \
     NULL, VS_COMPLETE_CHOICE},                                                                                                    \
    {"answer", 0, VS_OPT_TEXT, "TEXT", "the word to follow, with its leading blank", NULL, VS_COMPLETE_NONE},                      \
        {"against", 0, VS_OPT_TEXT, "TEXT", "follow how far its logit is above this word's", NULL, VS_COMPLETE_NONE},              \
        {"metric", 0, VS_OPT_TEXT, "prob|logprob|logit|kl", "what is measured", metric, VS_COMPLETE_CHOICE},                       \
        {"position", 0, VS_OPT_TEXT, "POS", "there alone: a number, a..b, a word", NULL, VS_COMPLETE_NONE},                        \
        {"layers", 0, VS_OPT_TEXT, "A..B", "these blocks alone", NULL, VS_COMPLETE_NONE},                                          \
        {"k", 'k', VS_OPT_INT, "K", "how many of the strongest to list", "8", VS_COMPLETE_NONE},                                   \
        {"store", 0, VS_OPT_FLAG, NULL, "keep every number in the store (sql: results)", NULL, VS_COMPLETE_NONE}

/* A text, and what is asked of each change to it. */
typedef struct vs_trial {
    vs_session *s;
    vs_model *m;
    const vs_tokenizer *tok;
    const vs_text_input *in;
    vs_site where;            /* the stack in which changes are tried, or (cross) the decoder's attention to the encoder */
    int reads;                /* what positions count: the tokens that this stack reads ... */
    const vs_tokens *tokens;
    const char *text;         /* ... and their text, NULL where ids were given */
    const vs_progress *progress;
    vs_metric metric;
    int32_t answer, against; /* -1: none */
    size_t row;              /* where it is read: the last token (of two stacks the decoder's); in a masked-word model the [MASK] */
    float *clean;            /* [V] logits there, under the edits in force alone */
    double base;             /* the metric of those */
    size_t layer0, layers;   /* blocks tried: [layer0, layer0 + layers) */
    size_t from, to;         /* positions tried, inclusive: --position, or all */
} vs_trial;

/* vs_trial_open() - read the options; nothing is run.  Close in any case.  Of two stacks, without --stack: the decoder where it
 * was given something to read, else the encoder.
 * vs_trial_in() - then the options that go by the stack, of a site or of t->where: positions, blocks.
 * VS_OK | VS_E_USAGE | VS_E_RANGE | VS_E_UNSUPPORTED (no head that gives words).
 * vs_trial_begin() - run the text as it is (under the edits in force) with sites kept (n_keep 0: none; then pass may be NULL),
 * and ask for the answer: --answer, or this one, or (-1) its own prediction.  *pass: vs_pass_free().  Errors of a pass. */
vs_status vs_trial_open(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, vs_out *o,
                        vs_trial *out) VS_MUST_CHECK;
vs_status vs_trial_in(vs_err *err, const vs_args *a, vs_site where, vs_trial *t) VS_MUST_CHECK;
vs_status vs_trial_begin(vs_err *err, vs_trial *t, int32_t answer, const vs_site *keep, size_t n_keep,
                         vs_pass **pass) VS_MUST_CHECK;
void vs_trial_close(vs_trial *t);

/* vs_trial_row() - where the answer is read in what a model reads: as for vs_trial.row.  VS_E_RANGE (no, or several [MASK]). */
vs_status vs_trial_row(vs_err *err, const vs_trial *t, const vs_text_input *in, size_t *row) VS_MUST_CHECK;
/* vs_trial_stack() - "encoder", "decoder", "cross" where there are two; else NULL. */
const char *vs_trial_stack(const vs_trial *t);
/* vs_trial_value() - the metric of a row of logits [V]. */
double vs_trial_value(const vs_trial *t, const float *logits);

/* vs_trial_run() - the metric under each of n sets of edits, on top of those in force: value [n].  edits: in the order of
 * vs_edit.text, 1 to n.  One sweep (vs_sweep()) after another, as many variants in each as 64 MB of logits hold. */
vs_status vs_trial_run(vs_err *err, vs_trial *t, const vs_edit *edits, size_t n_edits, size_t n, const char *what,
                       double *value) VS_MUST_CHECK;

/* vs_trial_say() - who is asked and what the text says as it is: the first lines of an answer. */
void vs_trial_say(const vs_trial *t, vs_out *o);
/* vs_trial_map() - the changes, value [rows, cols] less the base, drawn. */
vs_status vs_trial_map(vs_err *err, const vs_trial *t, const double *value, size_t cols, const char *const *col_labels,
                       vs_out *o) VS_MUST_CHECK;

/* vs_trial_strongest() - the places of the k numbers of value [n] that are farthest from the base, the farthest first, ties
 * to the lower: idx [k].  Returns how many (min(k, n)). */
size_t vs_trial_strongest(const vs_trial *t, const double *value, size_t n, size_t k, size_t *idx);

/* vs_trial_keep() - where --store was given: a result of this kind for each of value [layers, cols], in one transaction:
 * `about` (an object of the caller's; NULL: none) with "model", "layer", `column` (names[c], or the number first + c),
 * "metric", "answer", "value" and "change".  VS_OK | errors of the store. */
typedef struct vs_trial_columns {
    const char *column;       /* "position" */
    size_t n, first;
    const char *const *names; /* [n]; NULL: they are numbers */
} vs_trial_columns;
vs_status vs_trial_keep(vs_err *err, const vs_trial *t, const vs_args *a, const char *kind, const json_t *about,
                        const vs_trial_columns *cols, const double *value, vs_out *o) VS_MUST_CHECK;

/* vs_token_labels() - each token's text without the blanks before it, in the arena.  VS_E_NOMEM. */
vs_status vs_token_labels(vs_err *err, const vs_tokenizer *tok, const vs_tokens *t, vs_arena *arena,
                          const char ***out) VS_MUST_CHECK;

/* vs_answer_token() - the first token of an answer, and how many it has.  who: the command, for the message.
 * VS_E_RANGE: it is empty. */
vs_status vs_answer_token(vs_err *err, const char *who, const vs_tokenizer *tok, const char *answer, int64_t *id,
                          size_t *n) VS_MUST_CHECK;

#endif

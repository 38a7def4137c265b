/* streams.h - what flows through a model over a few texts: the residual stream at each layer, a row a token. */
#ifndef VS_PROBES_STREAMS_H
#define VS_PROBES_STREAMS_H

#include "../lib/command.h"

/* Texts to look at: --text, a line each of --file, else a sample of plain sentences that is built in. */
typedef struct vs_text_sample {
    const char **text; /* [n] of the arena */
    size_t n;
    const char *name; /* "20 built-in sentences" */
    vs_arena arena;
} vs_text_sample;
#define VS_TEXT_SAMPLE_OPTS                                                                                            \
    {"text", 0, VS_OPT_TEXT, "TEXT", "look at this text (a sample of sentences is built in)", NULL, VS_COMPLETE_NONE}, \
    {                                                                                                                  \
        "file", 0, VS_OPT_TEXT, "FILE", "look at the texts of FILE, one a line", NULL, VS_COMPLETE_FILE                \
    }
vs_status vs_text_sample_of(vs_err *err, const vs_args *a, vs_text_sample *out) VS_MUST_CHECK;
void vs_text_sample_free(vs_text_sample *s);

typedef struct vs_streams {
    vs_model *model;
    size_t L, d, T;      /* blocks, width, rows */
    float *x;            /* [L + 1, T, d]: entering each block, then after the last; of two stacks the encoder's */
    size_t *text;        /* [T] which text a row is of */
    size_t *begin, *end; /* [T] its bytes of it */
} vs_streams;

/* vs_streams_run() - passes of a model over the texts, the current one under the edits in force; special: rows of
 * special tokens too.  Free with vs_streams_free() in any case.  Errors of a pass; VS_E_STOPPED. */
vs_status vs_streams_run(vs_err *err, vs_session *s, vs_model *m, const vs_text_sample *texts, bool special,
                         const vs_progress *p, vs_streams *out) VS_MUST_CHECK;
void vs_streams_free(vs_streams *s);
static inline const float *vs_streams_layer(const vs_streams *s, size_t l) { return s->x + l * s->T * s->d; }

/* vs_streams_words() - the same of n models with a row a word (what stands between blanks): its last token in a
 * decoder, the mean of its tokens in an encoder, so that models that cut words differently have the same rows.  A word
 * that one of them has no token of is left out of all.  VS_OK | VS_E_NOMEM. */
vs_status vs_streams_words(vs_err *err, vs_streams *const *s, size_t n, const vs_text_sample *texts) VS_MUST_CHECK;

/* vs_named_model() - the open model of that name; NULL: the current one, or none. */
vs_model *vs_named_model(vs_session *s, const char *name);

#endif

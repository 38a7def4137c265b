/* objective.h - what grad differentiates, as it is typed:
 *
 *   OF    := TERM (("+" | "-") TERM)*          TERM := [NUMBER "*"] WHAT
 *   WHAT  := logit(TOKEN)[POS]                 a logit; TOKEN as it is written, its blank in front too, or "…", or #ID; a text of
 *                                              several tokens stands for the first of them; POS: the
 *                                              last position, in a masked-word model that of its one [MASK]
 *          | nsp(0) | nsp(1)                   next-sentence logits: it follows, it does not
 *          | SITE[POS][I]                      number I of a site (head * width + i; of patterns head * S + key)
 *          | loss                              next token; masked-word models: --answer at the masks
 *          | loss(nsp, 0|1)                    next sentence */
#ifndef VS_REPL_OBJECTIVE_H
#define VS_REPL_OBJECTIVE_H

#include "../lib/command.h"

enum { VS_TERMS = 32 };
typedef struct vs_objectives {
    vs_objective of[VS_TERMS];
    vs_term term[VS_TERMS][VS_TERMS];
    size_t n;
    int32_t *targets; /* [rows] of the logits */
    int32_t follows;
    vs_buf notes; /* what a person should know of how it was read; may be empty */
} vs_objectives;

/* vs_objectives_parse() - for one text.  answer: the tokens at the masks, as a text or each as #ID, or NULL.
 * vs_objectives_free() in any case.
 * VS_OK | VS_E_SYNTAX | VS_E_UNKNOWN (a site, a word) | VS_E_RANGE (a place that is not there) | VS_E_UNSUPPORTED. */
vs_status vs_objectives_parse(vs_err *err, vs_model *m, const vs_text_input *in, const char *of, const char *answer,
                              vs_objectives *out) VS_MUST_CHECK;
void vs_objectives_free(vs_objectives *o);

#endif

/* direct.h - what a vector of the stream says about the next token, directly: shared by the probes.
 *
 * Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"): the logit is the
 * final norm's output times a row of W_U; with the norm's scale held at the pass's own value that is linear in what was
 * added to the stream, so each part has a share, and the shares add up to the logit. */
#ifndef VS_PROBES_DIRECT_H
#define VS_PROBES_DIRECT_H

#include "../lib/vecscope.h"

/* The linear map of one pass at one position: share(x) = (x - mean x) * gain · W_U[t] * scale. */
typedef struct vs_direct {
    const vs_model *m;
    size_t d, V;
    bool centred; /* a layer norm: the mean is taken away first */
    float scale;  /* the final norm's, held at its value for `stream`, and the head's own */
    float *gain;  /* [d] the final norm's gain */
    const vs_tensor *W_U;
} vs_direct;

/* vs_direct_open() - for a model whose stream ends in a final norm (or none) and an unembedding; stream [d]: the
 * residual stream after the last block.  VS_OK | VS_E_UNSUPPORTED (post-norm models, masked-word heads). */
vs_status vs_direct_open(vs_err *err, const vs_model *m, const float *stream, vs_direct *out) VS_MUST_CHECK;
void vs_direct_close(vs_direct *x);

/* vs_direct_row() - the direction of token t in the stream, dir [d]: share(x) = dir · x. */
vs_status vs_direct_row(vs_err *err, const vs_direct *x, size_t t, float *dir) VS_MUST_CHECK;

/* vs_direct_logits() - shares [n, V] of vectors v [n, d] for every token.  O(n d V). */
vs_status vs_direct_logits(vs_err *err, const vs_direct *x, const float *v, size_t n, float *logits) VS_MUST_CHECK;

/* vs_direct_branch() - the map from a branch's raw output (attention's or the MLP's, before any branch norm) to the
 * stream, at the pass's own scale: mul [d].  raw, added [d]: that output and what was added.  All ones without a norm.
 */
vs_status vs_direct_branch(vs_err *err, const vs_direct *x, vs_role gain, int layer, const float *raw,
                           float *mul) VS_MUST_CHECK;

/* vs_direct_words() - the k tokens of the largest logits as one text: "·basketball ·football …", appended to out. */
vs_status vs_direct_words(vs_err *err, const vs_direct *x, const vs_tokenizer *tok, const float *logits, size_t k,
                          vs_buf *out) VS_MUST_CHECK;

#endif

/* facts.h - where in a decoder a fact is added: one prompt taken apart.  Of two stacks the decoder's next token is the answer, what
 * it reads of the encoder a part of its own, and the encoder's MLPs are silenced too.
 *
 * Direct logit attribution by layer (Elhage et al. 2021), the rank of the answer in the stream (logit lens,
 * nostalgebraist 2020), neurons as key-value memories (Geva et al. 2021, section 2; 2022, section 3), and what
 * silencing an MLP does (zero ablation). */
#ifndef VS_PROBES_FACTS_H
#define VS_PROBES_FACTS_H

#include "direct.h"

typedef struct vs_fact_layer {
    float attn, cross, mlp; /* shares of the answer's logit; cross: of what is read of the encoder, 0 where there is none */
    size_t rank;     /* of the answer in the stream after the block, 1 the first */
    float silenced;  /* the answer's probability with this block's MLP at zero, everywhere */
} vs_fact_layer;

typedef struct vs_fact_neuron {
    int layer;
    size_t neuron;
    float activation, share; /* after the non-linearity; activation times what it writes, as a share of the logit */
    vs_buf words;            /* the tokens that it writes towards */
} vs_fact_neuron;

typedef struct vs_fact {
    size_t answer; /* token */
    size_t L;
    float embed; /* the embedding's share */
    float logit; /* the answer's, as the pass gives it */
    double sum;  /* embedding and all parts, added up */
    float prob;
    size_t rank;
    bool two;             /* an encoder stands beside the decoder ... */
    size_t encoder_L;
    float *encoder;       /* [encoder_L] ... and this is the answer's probability with its block's MLP at zero */
    vs_fact_layer *layer; /* [L] */
    vs_fact_neuron *neuron;
    size_t n_neurons;
} vs_fact;

/* vs_fact_find() - take the last position of what grows of `in` (vs_text_grows()) apart.  answer: its token, or -1 for the
 * leading prediction; n_neurons: how many neurons to name.  A pass, and one a block of either stack.
 * VS_OK | VS_E_UNSUPPORTED (post-norm models) | VS_E_STOPPED.  Free with vs_fact_free(). */
vs_status vs_fact_find(vs_err *err, vs_session *s, const vs_text_input *in, int64_t answer, size_t n_neurons, const vs_progress *p,
                       vs_fact *out) VS_MUST_CHECK;
void vs_fact_free(vs_fact *f);

#endif

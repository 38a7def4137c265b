/* grad.h - reverse mode: how a number made from a pass changes with every vector in it, and with every weight.
 *
 * The pass is run by a plan whose slots are kept as far as the way back reads them; then its nodes are walked from the
 * last to the first, each adding what it passes on to its inputs (Linnainmaa 1970; Griewank & Walther 2008).  Only what
 * lies between the objectives and what is asked for is computed.  Edits are nodes like others: a gradient is that of the
 * edited pass.  Weights may be of any type: a product is differentiated as the numbers that it was computed with. */
#ifndef VS_MODEL_GRAD_H
#define VS_MODEL_GRAD_H

#include "run.h"

/* One number of a site: text, position (negative: from its end), and where in the position's numbers: head * width + i;
 * of scores and patterns head * S + key. */
typedef struct vs_term {
    size_t seq;
    int32_t pos;
    size_t index;
    float factor;
} vs_term;

/* What is differentiated: `factor` times one of
 *   targets  the mean, over the rows of the site that have a target (>= 0), of -log softmax(row)[target]: next token,
 *            masked token and sequence to sequence at LOGITS, next sentence at NSP   [rows of the site]
 *   terms    a sum of single numbers: a logit, a difference of logits, a neuron
 *   seed     the site's numbers times these   [all of the site, as vs_pass_site() lays it out, texts in their order] */
typedef struct vs_objective {
    vs_site site; /* head -1 */
    float factor;
    const int32_t *targets;
    const vs_term *terms;
    size_t n_terms;
    const float *seed;
} vs_objective;

/* Gradients of weights, in f32: one array for each tensor that fills a role, in the shape of that role ([out, in]);
 * roles that share a tensor (a tied unembedding) share its array. */
typedef struct vs_weight_grads vs_weight_grads;
/* vs_weight_grads_new() - zeros for the weights of the n roles (NULL: all) of all layers.  VS_OK | VS_E_NOMEM. */
vs_status vs_weight_grads_new(vs_err *err, const vs_model *m, const vs_role *roles, size_t n, vs_weight_grads **out) VS_MUST_CHECK;
/* vs_weight_grads_named() - for the weights of a list: names as vs_weight_name() has them, commas between; * is anything and ?
 * any one character, and a name without its layer or stack means all of them: WQ, 3.W*, encoder.*, *norm.  Of a tensor
 * that fills several roles the gradient is the whole one, whichever is named.
 * VS_OK | VS_E_UNKNOWN (a name that no weight has) | VS_E_NOMEM. */
vs_status vs_weight_grads_named(vs_err *err, const vs_model *m, const char *list, vs_weight_grads **out) VS_MUST_CHECK;
/* vs_weight_name() - "EMBED", "3.WQ", of two stacks "encoder.0.WQ", into buf, which is returned. */
const char *vs_weight_name(const vs_model *m, vs_role role, int stack, int layer, char *buf, size_t size);
void vs_weight_grads_free(vs_weight_grads *g);
void vs_weight_grads_zero(vs_weight_grads *g);
/* vs_weight_grad() - the array of a role (layer as in vs_model_weight()); NULL where there is none.  Borrowed. */
const vs_tensor *vs_weight_grad(const vs_weight_grads *g, vs_role role, int stack, int layer);
/* vs_weight_grads_at() - the i-th array and the first role it fills; NULL beyond the last.  Borrowed, to be changed.
 * vs_weight_grads_also() - the k-th further role that the i-th array fills (a tied unembedding); false where there is none. */
float *vs_weight_grads_at(const vs_weight_grads *g, size_t i, vs_role *role, int *stack, int *layer, vs_tensor *shape);
bool vs_weight_grads_also(const vs_weight_grads *g, size_t i, size_t k, vs_role *role, int *stack, int *layer);

typedef struct vs_grad_request {
    vs_request pass;         /* as for vs_run(), without a cache; what the objectives and `by` name is kept beside `keep` */
    const vs_objective *of;  /* [n_of]: their sum is differentiated */
    size_t n_of;
    const vs_site *by;       /* [n_by] the gradient by a site is that by its value after its edits */
    size_t n_by;
    vs_weight_grads *weights; /* NULL, or where gradients are added to what is there */
} vs_grad_request;

/* A workspace: the pass and the gradients of the last run, their memory used again by the next.  Free it before the
 * model is closed. */
typedef struct vs_grad vs_grad;
vs_status vs_grad_new(vs_err *err, vs_model *m, vs_grad **out) VS_MUST_CHECK;
void vs_grad_free(vs_grad *g);

/* vs_grad_run() - the pass, the value and the gradients.  Costs about three passes; memory for what the way back reads.
 * The same bits for any number of threads and instruction set.
 * VS_OK | what vs_run() returns | VS_E_RANGE (a term or target beyond the site) | VS_E_USAGE (no objective, or one that is
 * not one of the three) | VS_E_NUMERIC (a value that is not finite) | VS_E_STOPPED. */
vs_status vs_grad_run(vs_err *err, vs_grad *g, const vs_grad_request *rq) VS_MUST_CHECK;

double vs_grad_value(const vs_grad *g);
const vs_pass *vs_grad_pass(const vs_grad *g);
/* vs_grad_gradients() - as if it were a pass: vs_pass_site() shows the gradient by a site of `by`, VS_E_STATE where it was not
 * asked for.  Borrowed until the next run.  vs_grad_site() - that in one call. */
const vs_pass *vs_grad_gradients(const vs_grad *g);
vs_status vs_grad_site(vs_err *err, const vs_grad *g, vs_site s, size_t seq, vs_tensor *out) VS_MUST_CHECK;

/* vs_targets_next() - next-token targets [rows] of packed texts: each row's is the id after it, the last of each text has
 * none (-1). */
void vs_targets_next(const vs_input *in, int32_t *targets);

#endif

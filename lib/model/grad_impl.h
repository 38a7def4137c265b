/* grad_impl.h - the way back while it is walked; for lib/model only. */
#ifndef VS_MODEL_GRAD_IMPL_H
#define VS_MODEL_GRAD_IMPL_H

#include "../tensor/reverse.h"
#include "exec.h"
#include "grad.h"

typedef struct vs_back {
    vs_exec x;                 /* of the pass */
    vs_weight_grads *weights;  /* or NULL */
    float *temp;               /* [vs__back_temp()] of the node at hand */
} vs_back;

/* A node's way back: from dy, the gradient by its output, to those by its inputs.  dx[k] has in[k]'s size and is to be
 * written whole; NULL: not wanted.  Weights' gradients are added to.  dx[k] is never dy, nor another dx. */
typedef vs_status vs_back_fn(vs_err *err, const vs_back *b, const vs_node *n, const float *dy, float *const dx[3]);
#define OP(name, fn, in_place, root, reads, words) vs_back_fn vs__backward_##fn;
#include "ops.def"
#undef OP
extern vs_back_fn *const vs__backward[VS_OP_COUNT];

/* vs__back_temp() - floats that a node needs in b->temp; SIZE_MAX: too many. */
size_t vs__back_temp(const vs_plan *p, const vs_node *n);
size_t vs__back_edges(const vs_plan *p, const vs_node *n); /* of an ATTEND: its pattern's numbers */

/* vs__weight_wanted() - whether somebody wants the gradient of a weight.
 * vs__weight_sum() - where it is added up; NULL where it is not wanted.  `empty` (or NULL): the caller does not add but writes
 * all of it where this is set. */
bool vs__weight_wanted(const vs_weight_grads *g, const vs_weight *w);
float *vs__weight_sum(const vs_weight_grads *g, const vs_weight *w, bool *empty);

#endif

/* rope.h - how far the heads of a model turn from one position to the next; for lib/model only. */
#ifndef VS_MODEL_ROPE_H
#define VS_MODEL_ROPE_H

#include "config.h"
#include "model_impl.h"

/* vs__rope_numbers() - what follows from the numbers of a rotation, and those that must agree; in place.
 * VS_OK | VS_E_FORMAT | VS_E_UNSUPPORTED. */
vs_status vs__rope_numbers(vs_err *err, const char *where, bool gguf, double *hp) VS_MUST_CHECK;

/* vs__rope_dims() - how many of the dh elements of a head rotate.  VS_OK | VS_E_FORMAT. */
vs_status vs__rope_dims(vs_err *err, const char *where, const vs_stack *spec, const double *hp, size_t dh, size_t *out) VS_MUST_CHECK;

/* vs__rotation() - how the heads of layers turn whose numbers are hp (m->hp, or those of layers with a window), read by rows;
 * the weights of s are bound.  Arrays lie in the model's arena.  VS_OK | VS_E_FORMAT | VS_E_NOMEM. */
vs_status vs__rotation(vs_err *err, vs_model *m, const vs_config *c, const vs_stack_state *s, size_t dh, double *hp,
                       const vs_hp_row *rows, vs_rotation *r) VS_MUST_CHECK;

/* vs__yarn_gain() - what YaRN multiplies rotated elements by for a factor (Peng et al. 2023, section 3.4): 1 + of * ln(factor) / 10. */
double vs__yarn_gain(double factor, double of);

#endif

/* outer.h - the product of outer.c, from any start; private to this room.  For others: vs_matmul_t() and vs_outer(). */
#ifndef VS_TENSOR_OUTER_H
#define VS_TENSOR_OUTER_H

#include "reverse.h"

/* vs__outer_from() - C = F + A B: vs_outer() whose chains begin with F [m, n] f32, row stride ldfrom (0: one row for all; c
 * itself, perhaps), or with zero where `from` is NULL.  VS_OK | VS_E_SHAPE |
 * VS_E_UNSUPPORTED. */
vs_status vs__outer_from(vs_err *err, const float *a, size_t m, size_t rs, size_t ks, const vs_tensor *b, size_t k, size_t n,
                         const float *from, size_t ldfrom, float *c, size_t ldc) VS_MUST_CHECK;

#endif

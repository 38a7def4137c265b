/* reverse.h - the arithmetic of reverse mode: what kernels.h computes, differentiated.
 *
 * One body for every instruction set, as kernels.h has it, and the same promise: a result depends on its own inputs,
 * their number and layout alone.  Sums over the rows of a batch (gradients of weights) are taken in the order of the
 * rows, one fused multiply-add each, on top of what is there.  dy is the derivative of the objective by y, and so on. */
#ifndef VS_TENSOR_REVERSE_H
#define VS_TENSOR_REVERSE_H

#include "kernels.h"

/* vs_outer() - C = A B, or C += A B where `more`: each element one chain of fused multiply-adds in the order of k.
 *   A [m, k] f32: element (i, j) at a[i rs + j ks]     b [k, n], any type, also a view of rows, or of columns, read where it lies
 *   C [m, n] f32, row stride ldc; must not overlap the others
 * On all threads.  y = x W^T has dx = dy W: A = dy, b = W; and dW += dy^T x: A = dy with rs 1 and ks its row stride, b = x.
 * VS_OK | VS_E_SHAPE (b is not [k, n]) | VS_E_UNSUPPORTED (blocks in columns).  O(m n k). */
vs_status vs_outer(vs_err *err, const float *a, size_t m, size_t rs, size_t ks, const vs_tensor *b, size_t k, size_t n,
                   float *c, size_t ldc, bool more) VS_MUST_CHECK;

/* vs_outer_span() - the same in the calling thread, for b [k, n] f32 with row stride ldb. */
void vs_outer_span(const float *a, size_t m, size_t rs, size_t ks, const float *b, size_t ldb, size_t k, size_t n, float *c,
                   size_t ldc, bool more);

/* vs_add_rows() - y[i] += x[0][i] + x[1][i] + …, in that order; x [rows, n], row stride ldx.  A bias's gradient. */
void vs_add_rows(const float *x, size_t rows, size_t ldx, size_t n, float *y);

/* vs_layer_norm_back(), vs_rms_norm_back() - dx of one row of vs_layer_norm(), and of vs_rms_norm() with plus = 0.
 *   x, dy [n]; g [n] or NULL; dx [n], may be dy   stats [2] out: what was taken off x, and then multiplied by
 * vs_norm_gain_back() - dg += sum over rows of dy times the normalised x, db += sum of dy.
 *   x, dy [rows, n], row stride ld; stats [rows, 2]; dg [n]; db [n] or NULL */
void vs_layer_norm_back(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2], size_t n);
void vs_rms_norm_back(const float *x, const float *g, float eps, const float *dy, float *dx, float stats[2], size_t n);
void vs_norm_gain_back(const float *x, const float *dy, const float *stats, size_t rows, size_t ld, size_t n, float *dg,
                       float *db);

/* vs_softmax_back() - of p = softmax(s), a row: ds = p (dp - m - sum p (dp - m)) with m = sum p dp, which is p (dp - m) but for
 * rounding: where the dp are nearly equal, as the values of late layers make them, their difference is what counts.  ds may
 * be dp. */
void vs_softmax_back(const float *p, const float *dp, float *ds, size_t n);

/* vs_activate_back() - dx = dy act'(x); dx may be dy or x.  RELU has 0 at 0. */
void vs_activate_back(vs_act act, const float *x, const float *dy, float *dx, size_t n);

/* vs_pull_pairs() - steps up the gradient of log s(x.y) for pairs that were seen, of log s(-x.y) for others, s the logistic
 * function (Mikolov et al. 2013b, equation 4): x += rate (seen - s(x.y)) y, y likewise, both from what they were before.
 *   pair [pairs]: in this order; up to 16 in a row with one x are one step, the changes of x summed
 *   x, y: rows of n f32, n a multiple of 16
 * In the calling thread; no other thread may be at those rows. */
typedef struct vs_pull {
    uint32_t x; /* row of x */
    uint32_t y; /* twice the row of y, plus 1 where the pair was seen */
} vs_pull;
void vs_pull_pairs(const vs_pull *pair, size_t pairs, float *x, float *y, size_t n, float rate);

/* vs_rope_back() - vs_rope() the other way round: in place, dy to dx. */
void vs_rope_back(float *x, size_t H, size_t dh, size_t n, const float *cos, const float *sin);

#endif

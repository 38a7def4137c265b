/* kernels.h - the arithmetic that everything else is made of.
 *
 * One body, compiled once for each instruction set, chosen at start (cpu.h).
 *
 * The same bits, always.  A sum over n elements is taken in this order and no other:
 * element i goes, by a fused multiply-add, into virtual lane i mod 16; the lanes are
 * then added as a fixed tree (l, l+8), (l, l+4), (l, l+2), (l, l+1).  Where n is no multiple
 * of 16 the last sixteen are filled up with +0.  A product by weights whose outputs lie
 * side by side (vs_matmul_t) has one chain for each output instead: its bias, then a
 * fused multiply-add for each element, i ascending.  So an output
 * element depends on its own inputs, their number and their layout alone: not on the
 * rows computed beside it, the number of threads, or the instruction set.
 * exp, tanh, erf are our own polynomials, for the same reason.
 *
 * A quantised weight is widened to f32 exactly as the format defines it (scale times
 * code, in that order), then multiplied: looking at a weight and using it agree. */
#ifndef VS_TENSOR_KERNELS_H
#define VS_TENSOR_KERNELS_H

#include "tensor.h"

/* The non-linearities of MLPs; ACT names as in Hugging Face's configurations. */
typedef enum vs_act { VS_ACT_RELU, VS_ACT_SILU, VS_ACT_TANH, VS_ACT_GELU, VS_ACT_GELU_TANH } vs_act;

/* vs_widen() - n elements (whole blocks) of type t at src to f32.  Supported: every type of dtypes.def. */
void vs_widen(vs_dtype t, const void *src, float *dst, size_t n);

/* vs_matmul() - y = x W^T + b, on all threads.
 *   x [rows, in] f32, row stride ldx elements     w [out, in], any type and view: the product reads it where it lies
 *   b [out] f32 or NULL (added last; by a transposed view first)   y [rows, out] f32, row stride ldy; must not overlap x
 * VS_OK | VS_E_SHAPE (w is not [out, in]).  O(rows in out).  A stride ldx of a multiple of 1024 elements costs up to a
 * third of the speed of a batch (its rows meet in the same cache sets). */
vs_status vs_matmul(vs_err *err, const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w, const float *b,
                    float *y, size_t out, size_t ldy) VS_MUST_CHECK;

/* vs_matmul_t() - y = x W + b for w [in, out] of plain numbers; what vs_matmul() does with a transposed view (GPT-2's
 * Conv1D), in the order of chains.  VS_OK | VS_E_SHAPE | VS_E_UNSUPPORTED (blocks). */
vs_status vs_matmul_t(vs_err *err, const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w,
                      const float *b, float *y, size_t out, size_t ldy) VS_MUST_CHECK;

/* vs_matmul_span() - vs_matmul() for outputs [o0, o1) only, in the calling thread, for callers that share out work
 * themselves (a block of W times a block of queries).  y points at output o0; w is no transposed view. */
void vs_matmul_span(const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w, const float *b, size_t o0,
                    size_t o1, float *y, size_t ldy);

/* vs_dot() - sum x[i] y[i] in the order above.  vs_sum(), vs_sum_squares() likewise. */
float vs_dot(const float *x, const float *y, size_t n);
float vs_sum(const float *x, size_t n);
float vs_sum_squares(const float *x, size_t n);

/* The two halves of attention, for m [rows, n] f32 with row stride ld, in the calling thread.
 * vs_dot_rows() - y[r] = vs_dot(x, m[r]), the same bits (and those of vs_matmul).    y [rows]
 * vs_mix_rows() - y = sum over r of p[r] m[r], from zero, in the order of r, one fused multiply-add each.    y [n]
 * vs_mix_block() - the same for many p at once: p [many, rows] stride ldp, y [many, n] stride ldy.  Rows of weight 0 at
 *   the end of p change no bit (a sum of -0 is given as 0), so causal rows may share a block; m must be finite. */
void vs_dot_rows(const float *x, const float *m, size_t rows, size_t ld, size_t n, float *y);
void vs_mix_rows(const float *p, const float *m, size_t rows, size_t ld, size_t n, float *y);
void vs_mix_block(const float *p, size_t many, size_t ldp, const float *m, size_t rows, size_t ld, size_t n, float *y,
                  size_t ldy);

/* vs_axpy() - y += a x (each element one fused multiply-add).  vs_scale_by() - x *= a. */
void vs_axpy(float a, const float *x, float *y, size_t n);
void vs_scale_by(float *x, float a, size_t n);

/* vs_layer_norm() - y = (x - mean) / sqrt(var + eps) * g + b   (Ba et al. 2016; var divides by n)
 * vs_rms_norm()   - y = x / sqrt(mean(x^2) + eps) * (plus + g)  (Zhang & Sennrich 2019; Gemma has plus = 1)
 *   x, y [n], may be the same; g, b [n] f32, NULL: 1 and 0. */
void vs_layer_norm(const float *x, const float *g, const float *b, float eps, float *y, size_t n);
void vs_rms_norm(const float *x, const float *g, float plus, float eps, float *y, size_t n);

/* vs_softmax() - in place over x[n]: exp(x - max) / sum.  -inf gives exactly 0.  Returns false, leaving zeros, where
 * every element is -inf or one is NaN.  vs_log_sum_exp() - log(sum exp x). */
bool vs_softmax(float *x, size_t n);
float vs_log_sum_exp(const float *x, size_t n);

/* vs_activate() - y[i] = act(x[i]); in place allowed.  vs_mul_into(), vs_add_into() - y = a * b, y = a + b. */
void vs_activate(vs_act act, const float *x, float *y, size_t n);
void vs_mul_into(const float *a, const float *b, float *y, size_t n);
void vs_add_into(const float *a, const float *b, float *y, size_t n);

/* vs_soft_cap() - y = cap tanh(y / cap), in place (Gemma Team 2024, section 2). */
void vs_soft_cap(float *y, float cap, size_t n);

/* vs_rope() - rotate the first n (even) of the dh elements of each of H heads by the position's angles, halves paired
 * as in GPT-NeoX (Su et al. 2021): x [H, dh] in place; cos, sin [n/2]. */
void vs_rope(float *x, size_t H, size_t dh, size_t n, const float *cos, const float *sin);

/* vs_argmax() - index of the largest, ties to the lower index; a NaN is never it (0 where nothing else is there). */
size_t vs_argmax(const float *x, size_t n);

/* vs_scan_codes() - which of many rows of 8-bit codes may reach a score, for one query or VS_SCAN_MANY side by side (the
 * codes are then read and widened once for all).  Sixteen rows are a block:
 *   codes [blocks, pairs, 16, 2]   row 16 b + l has its numbers 2 p and 2 p + 1 at codes[b][p][l]   scale [16 blocks]
 *   offset [16 blocks], or NULL: none    many: 1 or VS_SCAN_MANY    step, add, floor [many]
 *   q [pairs, many, 2]: the queries; the caller sees to it that a row's sum P = sum code q stays below 2^31
 *   reach [many, blocks] out: bit l is set unless scale (P step + add) + offset < floor, P exact, then f32 in this order;
 *     NaN sets it. */
enum { VS_SCAN_MANY = 8 };
typedef struct vs_scan {
    const int8_t *codes;
    const float *scale, *offset;
    size_t blocks, pairs;
    const int16_t *q;
    size_t many;
    const float *step, *add, *floor;
} vs_scan;
void vs_scan_codes(const vs_scan *s, uint16_t *reach);

/* vs_sums_above() - above[r]: whether some x[j] + m[row[r]][j], j < n, is greater than floor[r]; NaN is not.
 *   m f32 with row stride ld   row [rows]: which rows of it   floor, above [rows] */
void vs_sums_above(const float *x, const float *m, size_t ld, const uint32_t *row, size_t rows, size_t n,
                   const float *floor, bool *above);

/* vs_fold_max() - out[j] = the largest of x[j], x[j + s], x[j + 2 s], …, j < s; -inf where there is none.
 *   x [n], no NaN   s a multiple of 16   out [s] */
void vs_fold_max(const float *x, size_t n, size_t s, float *out);

#endif

/* quant.h - the blocks of GGUF's quantised types, byte for byte.
 *
 * A row of a tensor is a run of blocks; a block holds 32, 64 or 256 weights as small whole
 * numbers and the factors that turn them into f32.  All fields are bytes, so a block may
 * lie at any address.  f16 numbers are little-endian IEEE half precision.  Every product
 * below is exact in f32; sums are rounded once.
 * Source of the layouts: the GGUF/ggml format (ggml-common.h, gguf-py's quants.py). */
#ifndef VS_TENSOR_QUANT_H
#define VS_TENSOR_QUANT_H

#include "tensor.h"

/* w[i] = d (code[i] - 8); the low four bits of q[j] are code[j], the high four code[j+16]. */
typedef struct vs__q4_0 {
    uint8_t d[2]; /* f16 */
    uint8_t q[16];
} vs__q4_0;

/* w[i] = d code[i] + m; codes as in Q4_0. */
typedef struct vs__q4_1 {
    uint8_t d[2], m[2]; /* f16 */
    uint8_t q[16];
} vs__q4_1;

/* w[i] = d (code[i] - 16); four bits of a code as in Q4_0, its fifth is bit i of h, read as one little-endian u32. */
typedef struct vs__q5_0 {
    uint8_t d[2]; /* f16 */
    uint8_t h[4];
    uint8_t q[16];
} vs__q5_0;

/* w[i] = d code[i] + m; codes as in Q5_0. */
typedef struct vs__q5_1 {
    uint8_t d[2], m[2]; /* f16 */
    uint8_t h[4];
    uint8_t q[16];
} vs__q5_1;

/* w[i] = d q[i]. */
typedef struct vs__q8_0 {
    uint8_t d[2];  /* f16 */
    uint8_t q[32]; /* signed */
} vs__q8_0;

/* Sixteen groups of 16: w[16 g + i] = (d scale[g]) code - (m min[g]), scale and min the low and high four bits of s[g].
 * A half (128 weights) has 32 bytes of q: its quarter k (32 weights) takes two bits from q[32 half + i] >> 2 k. */
typedef struct vs__q2_k {
    uint8_t s[16];
    uint8_t q[64];
    uint8_t d[2], m[2]; /* f16 */
} vs__q2_k;

/* Sixteen groups of 16: w[16 g + i] = (d (scale[g] - 32)) (code - 4).  Two bits of a code as in Q2_K; the third is bit
 * e / 32 of h[e % 32] for weight e.  A scale has four bits in s[g % 8] (high four for g >= 8) and two in
 * s[8 + g % 4] >> 2 (g / 4). */
typedef struct vs__q3_k {
    uint8_t h[32];
    uint8_t q[64];
    uint8_t s[12];
    uint8_t d[2]; /* f16 */
} vs__q3_k;

/* Eight groups of 32: w[32 g + i] = (d scale[g]) code - (m min[g]).  Groups 2p and 2p+1 share the 32 bytes at q[32 p]:
 * low four bits the even group, high four the odd one.  Scales and minima have six bits:
 *   g < 4:  scale = s[g] & 63               min = s[g+4] & 63
 *   g >= 4: scale = s[g+4] & 15 | s[g-4] >> 6 << 4    min = s[g+4] >> 4 | s[g] >> 6 << 4 */
typedef struct vs__q4_k {
    uint8_t d[2], m[2]; /* f16 */
    uint8_t s[12];
    uint8_t q[128];
} vs__q4_k;

/* As Q4_K with a fifth bit: bit g of h[i] belongs to code i of group g. */
typedef struct vs__q5_k {
    uint8_t d[2], m[2]; /* f16 */
    uint8_t s[12];
    uint8_t h[32];
    uint8_t q[128];
} vs__q5_k;

/* Sixteen groups of 16: w[16 g + i] = (d s[g]) (code - 32).  A half (128 weights) has 64 bytes of q and 32 of h; its
 * quarter k (32 weights) takes four bits from q[32 (k & 1) + i] (low for k < 2, else high) and two from h[i] >> 2 k. */
typedef struct vs__q6_k {
    uint8_t q[128];
    uint8_t h[64];
    uint8_t s[16]; /* signed */
    uint8_t d[2];  /* f16 */
} vs__q6_k;

/* w[i] = d vs__iq4[code[i]]; codes as in Q4_0. */
typedef struct vs__iq4_nl {
    uint8_t d[2]; /* f16 */
    uint8_t q[16];
} vs__iq4_nl;

/* Eight groups of 32: w[32 g + i] = (d (scale[g] - 32)) vs__iq4[code].  A scale has four bits in l[g / 2] (low for even
 * g) and two in h >> 2 g, h one little-endian u16.  A group's codes lie in 16 bytes as in Q4_0. */
typedef struct vs__iq4_xs {
    uint8_t d[2]; /* f16 */
    uint8_t h[2];
    uint8_t l[4];
    uint8_t q[128];
} vs__iq4_xs;
extern const int8_t vs__iq4[16];

/* w = d (digit - 1), digits 0..2 to the base 3, five or four in a byte: a byte b holds the first as (b mod 256) 3 >> 8,
 * the next as (3 b mod 256) 3 >> 8, and so on.  q[0..31]: weights i, 32 + i, …, 128 + i; q[32..47]: 160 + i, 176 + i, …;
 * h[0..3]: 240 + i, 244 + i, 248 + i, 252 + i. */
typedef struct vs__tq1_0 {
    uint8_t q[48];
    uint8_t h[4];
    uint8_t d[2]; /* f16 */
} vs__tq1_0;

/* w = d (code - 1); two bits of a code as in Q2_K. */
typedef struct vs__tq2_0 {
    uint8_t q[64];
    uint8_t d[2]; /* f16 */
} vs__tq2_0;

/* w[i] = 2^(e - 128) vs__fp4[code[i]]; codes as in Q4_0.  OCP Microscaling Formats 1.0 (2023), MXFP4. */
typedef struct vs__mxfp4 {
    uint8_t e;
    uint8_t q[16];
} vs__mxfp4;

/* Four groups of 16: w[16 g + i] = s[g] / 2 vs__fp4[code], s an f8e4m3 whose sign is not read and whose 0x7f is 0; the
 * low four bits of q[8 g + i] are the code of weight i, the high four that of i + 8. */
typedef struct vs__nvfp4 {
    uint8_t s[4];
    uint8_t q[32];
} vs__nvfp4;
extern const int8_t vs__fp4[16]; /* the numbers of four bits (e2m1), doubled */

/* vs__half() - the f16 at p as f32, exactly; a signalling NaN becomes quiet, as the hardware does it. */
float vs__half(const uint8_t *p);

/* vs__widen_plain() - n elements of any type at src (any alignment) to f32, element by element: what kernels that have
 * no faster way use.  Quantised types: whole blocks. */
void vs__widen_plain(vs_dtype t, const void *src, float *dst, size_t n);

#endif

/* quant.h - the blocks of GGUF's quantised types, byte for byte.
 *
 * A row of a tensor is a run of blocks; a block holds 32 or 256 weights as small whole
 * numbers and the factors that turn them into f32.  All fields are bytes, so a block may
 * lie at any address.  f16 numbers are little-endian IEEE half precision.
 * Source of the layouts: the GGUF/ggml format (ggml-common.h, gguf-py's quants.py). */
#ifndef VS_TENSOR_QUANT_H
#define VS_TENSOR_QUANT_H

#include "tensor.h"

/* w[i] = d (code[i] - 8); the low four bits of q[j] are code[j], the high four code[j+16]. */
typedef struct vs__q4_0 {
    uint8_t d[2]; /* f16 */
    uint8_t q[16];
} vs__q4_0;

/* w[i] = d (code[i] - 16); four bits of a code as in Q4_0, its fifth is bit i of h, read as one little-endian u32. */
typedef struct vs__q5_0 {
    uint8_t d[2]; /* f16 */
    uint8_t h[4];
    uint8_t q[16];
} vs__q5_0;

/* w[i] = d q[i]. */
typedef struct vs__q8_0 {
    uint8_t d[2];  /* f16 */
    uint8_t q[32]; /* signed */
} vs__q8_0;

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

/* vs__half() - the f16 at p as f32, exactly; a signalling NaN becomes quiet, as the hardware does it. */
float vs__half(const uint8_t *p);

/* vs__widen_plain() - n elements of any type at src (any alignment) to f32, element by element: what kernels that have
 * no faster way use.  Quantised types: whole blocks. */
void vs__widen_plain(vs_dtype t, const void *src, float *dst, size_t n);

#endif

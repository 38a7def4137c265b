/* narrow.c - see narrow.h.  Plain C: a model is written once.
 *
 * Each block function returns false where it cannot hold its numbers; what stands in the block then is of no account. */
#include "narrow.h"

#include <math.h>
#include <string.h>

#include "quant.h"

/* ---- numbers ---- */

/* The f16 nearest to f, ties to even; false where that is infinite or f is no number. */
static bool put_half(float f, uint8_t out[2]) {
    uint32_t bits, sign, h;
    memcpy(&bits, &f, sizeof bits);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits >= 0x477ff000) return false; /* from 65520 on the nearest is infinity */
    if (bits < 0x38800000) {              /* below 2^-14: adding 1/2 rounds to multiples of 2^-24 */
        float rounded = fabsf(f) + 0.5f;
        memcpy(&h, &rounded, sizeof h);
        h -= 0x3f000000;
    } else
        h = (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13;
    out[0] = (uint8_t)h;
    out[1] = (uint8_t)((h | sign) >> 8);
    return true;
}

/* Likewise bf16: the upper half of an f32. */
static bool put_bf16(float f, uint8_t out[2]) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    bits += 0x7fff + (bits >> 16 & 1);
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 24);
    return isfinite(f) && (bits & 0x7f800000) != 0x7f800000;
}

static bool all_finite(const float *x, int n) {
    bool finite = true;
    for (int i = 0; i < n; i++) finite = finite && isfinite(x[i]);
    return finite;
}

/* The number of largest magnitude, the first of them. */
static float largest(const float *x, int n) {
    float best = x[0];
    for (int i = 1; i < n; i++)
        if (fabsf(x[i]) > fabsf(best)) best = x[i];
    return best;
}

/* 1 / d, or 0 where that is no number: codes are 0 then, and so is the f16 scale. */
static float inverse(float d) {
    float id = d != 0 ? 1 / d : 0;
    return isfinite(id) ? id : 0;
}

/* x cut to a whole number from 0 to most; x is at least 0. */
static uint8_t code(float x, int most) { return (uint8_t)(x < (float)most ? x : (float)most); }

/* ---- blocks of 32 ---- */

/* Thirty-two codes of four bits: the first sixteen low, the others high. */
static void put_fours(const uint8_t code[32], uint8_t q[16]) {
    for (int i = 0; i < 16; i++) q[i] = (uint8_t)((code[i] & 15) | code[i + 16] << 4);
}

static void put_fifths(const uint8_t code[32], uint8_t h[4]) {
    memset(h, 0, 4);
    for (int i = 0; i < 32; i++) h[i / 8] |= (uint8_t)((code[i] >> 4) << i % 8);
}

/* Codes around `middle`: the number of largest magnitude gets code 0, whatever its sign. */
static bool codes_around(const float *x, int middle, uint8_t d[2], uint8_t out[32]) {
    float scale = largest(x, 32) / (float)-middle, id = inverse(scale);
    for (int i = 0; i < 32; i++) {
        float scaled = x[i] * id;
        out[i] = code(scaled + ((float)middle + 0.5f), 2 * middle - 1);
    }
    return put_half(scale, d);
}

/* Codes from the least number (0) to the largest (most). */
static bool codes_between(const float *x, int most, uint8_t d[2], uint8_t m[2], uint8_t out[32]) {
    float max = x[0], min = x[0];
    for (int i = 1; i < 32; i++) max = x[i] > max ? x[i] : max, min = x[i] < min ? x[i] : min;
    float scale = (max - min) / (float)most, id = inverse(scale);
    for (int i = 0; i < 32; i++) {
        float scaled = (x[i] - min) * id;
        out[i] = code(scaled + 0.5f, most);
    }
    return put_half(scale, d) && put_half(min, m);
}

static bool narrow_q4_0(const float *x, vs__q4_0 *b) {
    uint8_t c[32];
    bool ok = codes_around(x, 8, b->d, c);
    put_fours(c, b->q);
    return ok;
}

static bool narrow_q4_1(const float *x, vs__q4_1 *b) {
    uint8_t c[32];
    bool ok = codes_between(x, 15, b->d, b->m, c);
    put_fours(c, b->q);
    return ok;
}

static bool narrow_q5_0(const float *x, vs__q5_0 *b) {
    uint8_t c[32];
    bool ok = codes_around(x, 16, b->d, c);
    put_fours(c, b->q);
    put_fifths(c, b->h);
    return ok;
}

static bool narrow_q5_1(const float *x, vs__q5_1 *b) {
    uint8_t c[32];
    bool ok = codes_between(x, 31, b->d, b->m, c);
    put_fours(c, b->q);
    put_fifths(c, b->h);
    return ok;
}

/* To the nearest whole number, halves away from zero, for |x| < 2^22: what roundf() does, without the call. */
static int nearest(float x) {
    float a = fabsf(x);
    int whole = (int)a;
    whole += a - (float)whole >= 0.5f;
    return x < 0 ? -whole : whole;
}

static bool narrow_q8_0(const float *x, vs__q8_0 *b) {
    float scale = fabsf(largest(x, 32)) / 127, id = inverse(scale);
    for (int i = 0; i < 32; i++) b->q[i] = (uint8_t)nearest(x[i] * id);
    return put_half(scale, b->d);
}

/* OCP Microscaling Formats 1.0: the exponent of the largest number, less that of the largest code; then each number's
 * nearest, the first of two. */
static bool narrow_mxfp4(const float *x, vs__mxfp4 *b) {
    float top = fabsf(largest(x, 32));
    float e = top > 0 ? floorf((float)log2((double)top)) - 2 + 127 : 0;
    b->e = (uint8_t)(e < 0 ? 0 : e);
    float d = ldexpf(1, (int)b->e - 128);
    uint8_t c[32];
    for (int i = 0; i < 32; i++) {
        float least = INFINITY;
        for (int k = 0; k < 16; k++) {
            float off = fabsf(d * (float)vs__fp4[k] - x[i]);
            if (off < least) least = off, c[i] = (uint8_t)k;
        }
    }
    put_fours(c, b->q);
    return true;
}

/* ---- blocks of 256 ---- */

/* -1, 0, 1 as 0, 1, 2 */
static bool codes_of_three(const float *x, uint8_t d[2], uint8_t out[256]) {
    float scale = fabsf(largest(x, 256)), id = inverse(scale);
    for (int i = 0; i < 256; i++) out[i] = (uint8_t)(nearest(x[i] * id) + 1);
    return put_half(scale, d);
}

static void put_thirds(const uint8_t *c, uint8_t *q, int n, int digits) {
    for (int i = 0; i < n; i++) {
        int sum = 0;
        for (int k = 0; k < 5; k++) sum = sum * 3 + (k < digits ? c[k * n + i] : 0);
        q[i] = (uint8_t)((sum * 256 + 242) / 243);
    }
}

static bool narrow_tq1_0(const float *x, vs__tq1_0 *b) {
    uint8_t c[256];
    bool ok = codes_of_three(x, b->d, c);
    put_thirds(c, b->q, 32, 5);
    put_thirds(c + 160, b->q + 32, 16, 5);
    put_thirds(c + 240, b->h, 4, 4);
    return ok;
}

static bool narrow_tq2_0(const float *x, vs__tq2_0 *b) {
    uint8_t c[256];
    bool ok = codes_of_three(x, b->d, c);
    memset(b->q, 0, sizeof b->q);
    for (int e = 0; e < 256; e++) b->q[e / 128 * 32 + e % 32] |= (uint8_t)(c[e] << e % 128 / 32 * 2);
    return ok;
}

/* ---- any type ---- */

#define NARROW_BLOCKS(type, of)                                                                                        \
    for (size_t i = 0; i < n / (of); i++) {                                                                            \
        vs__##type *block = (vs__##type *)dst + i;                                                                     \
        bool fits = all_finite(src + i * (of), (of)) && narrow_##type(src + i * (of), block);                          \
        if (!fits) memset(block, 0, sizeof *block);                                                                    \
        ok = ok && fits;                                                                                               \
    }                                                                                                                  \
    return ok

#define NARROW_NUMBERS(put)                                                                                            \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        uint8_t *p = (uint8_t *)dst + 2 * i;                                                                           \
        bool fits = put(src[i], p);                                                                                    \
        if (!fits) memset(p, 0, 2);                                                                                    \
        ok = ok && fits;                                                                                               \
    }                                                                                                                  \
    return ok

bool vs_narrow(vs_dtype t, const float *src, void *dst, size_t n) {
    bool ok = true;
    switch (t) {
    case VS_F32:
        memcpy(dst, src, n * sizeof *src);
        for (size_t i = 0; i < n; i++) ok = ok && isfinite(src[i]);
        return ok;
    case VS_F16: NARROW_NUMBERS(put_half);
    case VS_BF16: NARROW_NUMBERS(put_bf16);
    case VS_Q4_0: NARROW_BLOCKS(q4_0, 32);
    case VS_Q4_1: NARROW_BLOCKS(q4_1, 32);
    case VS_Q5_0: NARROW_BLOCKS(q5_0, 32);
    case VS_Q5_1: NARROW_BLOCKS(q5_1, 32);
    case VS_Q8_0: NARROW_BLOCKS(q8_0, 32);
    case VS_TQ1_0: NARROW_BLOCKS(tq1_0, 256);
    case VS_TQ2_0: NARROW_BLOCKS(tq2_0, 256);
    case VS_MXFP4: NARROW_BLOCKS(mxfp4, 32);
    default: return false;
    }
}

bool vs_can_narrow(vs_dtype t) {
    float none = 0;
    uint8_t nothing[1];
    return vs_narrow(t, &none, nothing, 0); /* nothing of a type that it makes always fits */
}

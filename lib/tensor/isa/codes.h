/* codes.h - the packed codes of quantised blocks, sixteen at a time, as lanes of f32.
 *
 * The few operations on sixteen bytes that the formats need, for each instruction set; above them,
 * written once, every format's decoder.  A decoder yields exactly what quant.c does: d times scale
 * and that times a code have at most 23 significant bits, so these products are exact in f32, and
 * the subtraction of a minimum may be fused with them without changing its rounding. */
#ifndef VS_TENSOR_CODES_H
#define VS_TENSOR_CODES_H

#include "../quant.h"
#include "lanes.h"

/*   b_load    16 bytes from p              b_words   four little-endian words
 *   b_low     low four bits of each        b_high    high four bits of each
 *   b_bit     bit g (0..7) of each byte, moved to bit 4
 *   b_pair    bits 2k, 2k+1 of each byte, moved to bits 4, 5
 *   b_where   thirty-two bytes: 16 where bit i is set, else 0
 *   v_signed, v_unsigned   bytes as f32 (v_signed_at: from p)    v_half    the f16 at p in every lane
 *   v_halves  eight lanes a, eight lanes b v_f16, v_bf16   sixteen such numbers from p */
#if defined(VS_ISA_avx512) || defined(VS_ISA_avx2)
typedef __m128i b16;
INLINE b16 b_load(const uint8_t *p) { return _mm_loadu_si128((const void *)p); }
INLINE b16 b_words(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return _mm_set_epi32((int)d, (int)c, (int)b, (int)a);
}
INLINE b16 b_set(int v) { return _mm_set1_epi8((char)v); }
INLINE b16 b_low(b16 a) { return _mm_and_si128(a, b_set(15)); }
INLINE b16 b_high(b16 a) { return _mm_and_si128(_mm_srli_epi16(a, 4), b_set(15)); }
INLINE b16 b_or(b16 a, b16 b) { return _mm_or_si128(a, b); }
INLINE b16 b_sub(b16 a, b16 b) { return _mm_sub_epi8(a, b); }
INLINE b16 b_bit(b16 a, int g) {
    return _mm_and_si128(g < 4 ? _mm_slli_epi16(a, 4 - g) : _mm_srli_epi16(a, g - 4), b_set(16));
}
INLINE b16 b_pair(b16 a, int k) {
    return _mm_and_si128(k < 2 ? _mm_slli_epi16(a, 4 - 2 * k) : _mm_srli_epi16(a, 2 * k - 4), b_set(48));
}
INLINE uint16_t u16_at(const uint8_t *p) {
    uint16_t u;
    memcpy(&u, p, sizeof u);
    return u;
}
#if defined(VS_ISA_avx512)
INLINE v16 v_signed(b16 a) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(a)); }
INLINE v16 v_signed_at(const uint8_t *p) { return v_signed(b_load(p)); }
INLINE v16 v_unsigned(b16 a) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(a)); }
INLINE v16 v_half(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_set1_epi16((short)u16_at(p))); }
INLINE v16 v_halves(float a, float b) { return _mm512_insertf32x8(_mm512_set1_ps(a), _mm256_set1_ps(b), 1); }
INLINE v16 v_f16(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p)); }
INLINE v16 v_bf16(const uint8_t *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16));
}
#else
INLINE void b_where(uint32_t bits, b16 to[2]) { /* byte i looks at bit i mod 8 of byte i / 8 */
    __m256i from = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i spread = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), from), bit);
    __m256i sixteen = _mm256_and_si256(_mm256_cmpeq_epi8(spread, bit), _mm256_set1_epi8(16));
    to[0] = _mm256_castsi256_si128(sixteen);
    to[1] = _mm256_extracti128_si256(sixteen, 1);
}
INLINE v16 v_signed(b16 a) {
    return V16_EACH(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(a)),
                    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(a, a))));
}
INLINE v16 v_signed_at(const uint8_t *p) {
    return V16_EACH(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p))),
                    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(p + 8)))));
}
INLINE v16 v_unsigned(b16 a) {
    return V16_EACH(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(a)),
                    _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(a, a))));
}
INLINE v16 v_half(const uint8_t *p) {
    __m256 d = _mm256_cvtph_ps(_mm_set1_epi16((short)u16_at(p)));
    return V16_EACH(d, d);
}
INLINE v16 v_halves(float a, float b) { return V16_EACH(_mm256_set1_ps(a), _mm256_set1_ps(b)); }
INLINE v16 v_f16(const uint8_t *p) { return V16_EACH(_mm256_cvtph_ps(b_load(p)), _mm256_cvtph_ps(b_load(p + 16))); }
INLINE __m256 bf16_half(b16 a) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(a), 16)); }
INLINE v16 v_bf16(const uint8_t *p) { return V16_EACH(bf16_half(b_load(p)), bf16_half(b_load(p + 16))); }
#endif
INLINE float f_half(const uint8_t *p) { return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(u16_at(p)))); }

#elif defined(VS_ISA_neon)
typedef uint8x16_t b16;
INLINE b16 b_load(const uint8_t *p) { return vld1q_u8(p); }
INLINE b16 b_words(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    const uint32_t w[4] = {a, b, c, d};
    return vreinterpretq_u8_u32(vld1q_u32(w));
}
INLINE b16 b_set(int v) { return vdupq_n_u8((uint8_t)v); }
INLINE b16 b_low(b16 a) { return vandq_u8(a, b_set(15)); }
INLINE b16 b_high(b16 a) { return vshrq_n_u8(a, 4); }
INLINE b16 b_or(b16 a, b16 b) { return vorrq_u8(a, b); }
INLINE b16 b_sub(b16 a, b16 b) { return vsubq_u8(a, b); }
INLINE b16 b_bit(b16 a, int g) { return vandq_u8(vshlq_u8(a, vdupq_n_s8((int8_t)(4 - g))), b_set(16)); }
INLINE b16 b_pair(b16 a, int k) { return vandq_u8(vshlq_u8(a, vdupq_n_s8((int8_t)(4 - 2 * k))), b_set(48)); }
INLINE void b_where(uint32_t bits, b16 to[2]) {
    b16 bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    for (int i = 0; i < 2; i++, bits >>= 16) {
        b16 spread = vcombine_u8(vdup_n_u8((uint8_t)bits), vdup_n_u8((uint8_t)(bits >> 8)));
        to[i] = vandq_u8(vtstq_u8(spread, bit), b_set(16));
    }
}
INLINE v16 words_signed(int16x8_t lo, int16x8_t hi) {
    v16 r;
    r.q[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(lo)));
    r.q[1] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(lo)));
    r.q[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(hi)));
    r.q[3] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(hi)));
    return r;
}
INLINE v16 v_signed(b16 a) {
    int8x16_t s = vreinterpretq_s8_u8(a);
    return words_signed(vmovl_s8(vget_low_s8(s)), vmovl_s8(vget_high_s8(s)));
}
INLINE v16 v_signed_at(const uint8_t *p) { return v_signed(b_load(p)); }
INLINE v16 v_unsigned(b16 a) {
    return words_signed(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(a))),
                        vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(a))));
}
INLINE v16 v_f16(const uint8_t *p) {
    v16 r;
    for (int i = 0; i < 4; i++) r.q[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i)));
    return r;
}
INLINE v16 v_bf16(const uint8_t *p) {
    v16 r;
    for (int i = 0; i < 4; i++)
        r.q[i] = vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p + 8 * i)), 16));
    return r;
}
INLINE float f_half(const uint8_t *p) { return vs__half(p); }
INLINE v16 v_half(const uint8_t *p) { return v_set(f_half(p)); }
INLINE v16 v_halves(float a, float b) {
    v16 r = {{vdupq_n_f32(a), vdupq_n_f32(a), vdupq_n_f32(b), vdupq_n_f32(b)}};
    return r;
}

#else
typedef struct b16 {
    uint8_t u[16];
} b16;
#define B16_DO(expr)                                                                                                   \
    b16 r;                                                                                                             \
    for (int i = 0; i < 16; i++) r.u[i] = (uint8_t)(expr);                                                             \
    return r
INLINE b16 b_load(const uint8_t *p) { B16_DO(p[i]); }
INLINE b16 b_words(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    const uint32_t w[4] = {a, b, c, d};
    B16_DO(w[i / 4] >> i % 4 * 8);
}
INLINE b16 b_set(int v) { B16_DO(v); }
INLINE b16 b_low(b16 a) { B16_DO(a.u[i] & 15); }
INLINE b16 b_high(b16 a) { B16_DO(a.u[i] >> 4); }
INLINE b16 b_or(b16 a, b16 b) { B16_DO(a.u[i] | b.u[i]); }
INLINE b16 b_sub(b16 a, b16 b) { B16_DO(a.u[i] - b.u[i]); }
INLINE b16 b_bit(b16 a, int g) { B16_DO((a.u[i] >> g & 1) << 4); }
INLINE b16 b_pair(b16 a, int k) { B16_DO((a.u[i] >> 2 * k & 3) << 4); }
INLINE void b_where(uint32_t bits, b16 to[2]) {
    for (int i = 0; i < 32; i++) to[i / 16].u[i % 16] = (uint8_t)((bits >> i & 1) << 4);
}
INLINE v16 v_signed(b16 a) { V16_DO((float)(int8_t)a.u[i]); }
INLINE v16 v_signed_at(const uint8_t *p) { V16_DO((float)(int8_t)p[i]); }
INLINE v16 v_unsigned(b16 a) { V16_DO((float)a.u[i]); }
INLINE v16 v_f16(const uint8_t *p) { V16_DO(vs__half(p + 2 * i)); }
INLINE v16 v_bf16(const uint8_t *p) { V16_DO(bits_to_float((uint32_t)p[2 * i] << 16 | (uint32_t)p[2 * i + 1] << 24)); }
INLINE float f_half(const uint8_t *p) { return vs__half(p); }
INLINE v16 v_half(const uint8_t *p) { return v_set(f_half(p)); }
INLINE v16 v_halves(float a, float b) { V16_DO(i < 8 ? a : b); }
#endif

INLINE uint32_t u32_at(const uint8_t *p) {
    uint32_t u;
    memcpy(&u, p, sizeof u); /* little-endian, as every machine here is */
    return u;
}

/* ---- the formats ----
 * head_<type>(block, t)        what a block's parts share, as 16 floats
 * part_<type>(block, t, p, w)  weights [PART p, PART p + PART) of a block of 256 in PART/16 vectors, or a small
 *                              block's 32 (p = 0) in two */

INLINE void head_none(const uint8_t *block, float t[16]) { (void)block, (void)t; }

/* t = d scale[0..7], then -m min[0..7]. */
INLINE void head_scale_min(const uint8_t *d, const uint8_t *m, const uint8_t *s, float t[16]) {
    uint32_t a = u32_at(s), b = u32_at(s + 4), c = u32_at(s + 8), six = 0x3f3f3f3f, four = 0x0f0f0f0f, two = 0x30303030;
    b16 codes = b_words(a & six, (c & four) | (a >> 2 & two), b & six, (c >> 4 & four) | (b >> 2 & two));
    v_store(t, v_mul(v_unsigned(codes), v_halves(f_half(d), -f_half(m))));
}

INLINE void head_q4_k(const uint8_t *block, float t[16]) {
    const vs__q4_k *b = (const vs__q4_k *)block;
    head_scale_min(b->d, b->m, b->s, t);
}

INLINE void head_q5_k(const uint8_t *block, float t[16]) {
    const vs__q5_k *b = (const vs__q5_k *)block;
    head_scale_min(b->d, b->m, b->s, t);
}

INLINE void head_q6_k(const uint8_t *block, float t[16]) {
    const vs__q6_k *b = (const vs__q6_k *)block;
    v_store(t, v_mul(v_signed(b_load(b->s)), v_half(b->d)));
}

/* Plain numbers are read as blocks of 32 too. */
typedef struct vs__f32 {
    uint8_t bytes[128];
} vs__f32;
typedef struct vs__f16 {
    uint8_t bytes[64];
} vs__f16, vs__bf16;

INLINE void part_f32(const uint8_t *block, const float t[16], int p, v16 *w) {
    (void)t, (void)p;
    w[0] = v_load((const float *)(const void *)block);
    w[1] = v_load((const float *)(const void *)(block + 64));
}

INLINE void part_f16(const uint8_t *block, const float t[16], int p, v16 *w) {
    (void)t, (void)p;
    w[0] = v_f16(block);
    w[1] = v_f16(block + 32);
}

INLINE void part_bf16(const uint8_t *block, const float t[16], int p, v16 *w) {
    (void)t, (void)p;
    w[0] = v_bf16(block);
    w[1] = v_bf16(block + 32);
}

INLINE void part_q8_0(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q8_0 *b = (const vs__q8_0 *)block;
    v16 d = v_half(b->d);
    (void)t, (void)p;
    w[0] = v_mul(v_signed_at(b->q), d);
    w[1] = v_mul(v_signed_at(b->q + 16), d);
}

#if defined(VS_ISA_avx512)
#include "codes_avx512.h"
#else
enum { PART = 32 };

INLINE void part_q4_0(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q4_0 *b = (const vs__q4_0 *)block;
    v16 d = v_half(b->d);
    b16 q = b_load(b->q), eight = b_set(8);
    (void)t, (void)p;
    w[0] = v_mul(v_signed(b_sub(b_low(q), eight)), d);
    w[1] = v_mul(v_signed(b_sub(b_high(q), eight)), d);
}

INLINE void part_q5_0(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q5_0 *b = (const vs__q5_0 *)block;
    v16 d = v_half(b->d);
    b16 q = b_load(b->q), less[2]; /* the fifth bit counts 16, and 16 is taken away: subtract it where the bit is 0 */
    b_where(~u32_at(b->h), less);
    (void)t, (void)p;
    w[0] = v_mul(v_signed(b_sub(b_low(q), less[0])), d);
    w[1] = v_mul(v_signed(b_sub(b_high(q), less[1])), d);
}

INLINE void part_q4_k(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q4_k *b = (const vs__q4_k *)block;
    b16 q0 = b_load(b->q + p / 2 * 32), q1 = b_load(b->q + p / 2 * 32 + 16);
    v16 d = v_set(t[p]), m = v_set(t[p + 8]);
    w[0] = v_fma(v_unsigned(p % 2 ? b_high(q0) : b_low(q0)), d, m);
    w[1] = v_fma(v_unsigned(p % 2 ? b_high(q1) : b_low(q1)), d, m);
}

INLINE void part_q5_k(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q5_k *b = (const vs__q5_k *)block;
    b16 q0 = b_load(b->q + p / 2 * 32), q1 = b_load(b->q + p / 2 * 32 + 16), h0 = b_load(b->h), h1 = b_load(b->h + 16);
    v16 d = v_set(t[p]), m = v_set(t[p + 8]);
    w[0] = v_fma(v_unsigned(b_or(p % 2 ? b_high(q0) : b_low(q0), b_bit(h0, p))), d, m);
    w[1] = v_fma(v_unsigned(b_or(p % 2 ? b_high(q1) : b_low(q1), b_bit(h1, p))), d, m);
}

INLINE void part_q6_k(const uint8_t *block, const float t[16], int p, v16 *w) {
    const vs__q6_k *b = (const vs__q6_k *)block;
    b16 offset = b_set(32);
    int half = p / 4, k = p % 4;
    UNROLLED (j, 2) {
        b16 q = b_load(b->q + 64 * half + k % 2 * 32 + 16 * j), h = b_load(b->h + 32 * half + 16 * j);
        b16 code = b_or(k < 2 ? b_low(q) : b_high(q), b_pair(h, k));
        w[j] = v_mul(v_signed(b_sub(code, offset)), v_set(t[2 * p + j]));
    }
}
#endif

#endif

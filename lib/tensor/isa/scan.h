/* scan.h - scans over very many rows for the few that matter, for one instruction set; included by body.c.
 *
 * Exact products of 8-bit codes with a 16-bit query: sixteen rows lie side by side, two numbers of each at a time, so that a row's sum stays in its lane. */
#ifndef VS_TENSOR_SCAN_H
#define VS_TENSOR_SCAN_H

#include "lanes.h"

/* Sixteen whole numbers of 32 bits.
 * w_step() - acc[l] + p[2 l] q0 + p[2 l + 1] q1, where q holds q0 (low half) and q1.
 * w_float() - to the nearest f32.   v_reach() - bit l: not a[l] < floor.   v_any_above() - whether a lane is > floor. */
#if defined(VS_ISA_avx512)
typedef __m512i w16;
typedef __m512i w_pair;
INLINE w16 w_zero(void) { return _mm512_setzero_si512(); }
INLINE w_pair w_both(uint32_t q) { return _mm512_set1_epi32((int)q); }
INLINE w16 w_step(w16 acc, const int8_t *p, w_pair q) {
    __m512i c = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)p));
    return _mm512_add_epi32(acc, _mm512_madd_epi16(c, q));
}
INLINE v16 w_float(w16 a) { return _mm512_cvtepi32_ps(a); }
INLINE uint16_t v_reach(v16 a, float floor) {
    return (uint16_t)_mm512_cmp_ps_mask(a, _mm512_set1_ps(floor), _CMP_NLT_UQ);
}
INLINE bool v_any_above(v16 a, float floor) { return _mm512_cmp_ps_mask(a, _mm512_set1_ps(floor), _CMP_GT_OQ) != 0; }

#elif defined(VS_ISA_avx2)
typedef struct w16 {
    __m256i a, b;
} w16;
typedef __m256i w_pair;
INLINE w16 w_zero(void) { return (w16){_mm256_setzero_si256(), _mm256_setzero_si256()}; }
INLINE w_pair w_both(uint32_t q) { return _mm256_set1_epi32((int)q); }
INLINE __m256i w_step_half(__m256i acc, const int8_t *p, __m256i q) {
    __m256i c = _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)p));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(c, q));
}
INLINE w16 w_step(w16 acc, const int8_t *p, w_pair q) {
    return (w16){w_step_half(acc.a, p, q), w_step_half(acc.b, p + 16, q)};
}
INLINE v16 w_float(w16 a) { return (v16){_mm256_cvtepi32_ps(a.a), _mm256_cvtepi32_ps(a.b)}; }
INLINE uint16_t v_reach(v16 a, float floor) {
    __m256 f = _mm256_set1_ps(floor);
    int low = _mm256_movemask_ps(_mm256_cmp_ps(a.a, f, _CMP_NLT_UQ));
    int high = _mm256_movemask_ps(_mm256_cmp_ps(a.b, f, _CMP_NLT_UQ));
    return (uint16_t)(low | high << 8);
}
INLINE bool v_any_above(v16 a, float floor) {
    __m256 f = _mm256_set1_ps(floor);
    return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(a.a, f, _CMP_GT_OQ), _mm256_cmp_ps(a.b, f, _CMP_GT_OQ))) != 0;
}

#else
#if defined(VS_ISA_neon)
typedef struct w16 {
    int32x4_t q[4];
} w16;
typedef int16x8_t w_pair;
INLINE w16 w_zero(void) {
    w16 r;
    for (int i = 0; i < 4; i++) r.q[i] = vdupq_n_s32(0);
    return r;
}
INLINE w_pair w_both(uint32_t q) { return vreinterpretq_s16_u32(vdupq_n_u32(q)); }
INLINE w16 w_step(w16 acc, const int8_t *p, w_pair q) {
    for (int i = 0; i < 4; i++) {
        int16x8_t c = vmovl_s8(vld1_s8(p + 8 * i));
        int32x4_t low = vmull_s16(vget_low_s16(c), vget_low_s16(q)), high = vmull_s16(vget_high_s16(c), vget_high_s16(q));
        acc.q[i] = vaddq_s32(acc.q[i], vpaddq_s32(low, high));
    }
    return acc;
}
INLINE v16 w_float(w16 a) {
    v16 r;
    for (int i = 0; i < 4; i++) r.q[i] = vcvtq_f32_s32(a.q[i]);
    return r;
}
#else
typedef struct w16 {
    int32_t i[16];
} w16;
typedef struct w_pair {
    int16_t q0, q1;
} w_pair;
INLINE w16 w_zero(void) { return (w16){{0}}; }
INLINE w_pair w_both(uint32_t q) { return (w_pair){(int16_t)(q & 0xffff), (int16_t)(q >> 16)}; }
INLINE w16 w_step(w16 acc, const int8_t *p, w_pair q) {
    for (int l = 0; l < 16; l++) acc.i[l] += p[2 * l] * q.q0 + p[2 * l + 1] * q.q1;
    return acc;
}
INLINE v16 w_float(w16 a) {
    v16 r;
    for (int l = 0; l < 16; l++) r.f[l] = (float)a.i[l];
    return r;
}
#endif
INLINE uint16_t v_reach(v16 a, float floor) {
    float t[16];
    unsigned bits = 0;
    v_store(t, a);
    for (int l = 0; l < 16; l++) bits |= (unsigned)!(t[l] < floor) << l;
    return (uint16_t)bits;
}
INLINE bool v_any_above(v16 a, float floor) {
    float t[16];
    bool any = false;
    v_store(t, a);
    for (int l = 0; l < 16; l++) any |= t[l] > floor;
    return any;
}
#endif

INLINE w_pair w_query(const int16_t *q) { return w_both((uint32_t)(uint16_t)q[0] | (uint32_t)(uint16_t)q[1] << 16); }

/* Queries whose sums of a block are kept in registers. */
#if defined(VS_ISA_avx512)
enum { SCAN_AT_ONCE = VS_SCAN_MANY };
#else
enum { SCAN_AT_ONCE = VS_SCAN_MANY / 2 };
#endif

/* n of the queries, those from `first` on, over the block at `codes`: the lanes that reach. */
INLINE void scan_block(const vs_scan *s, const size_t n, size_t first, size_t b, uint16_t *reach) {
    enum { ROW = 32, AHEAD = 2048 }; /* bytes of sixteen rows, two numbers of each; how far ahead memory is asked for */
    const int8_t *codes = s->codes + b * s->pairs * ROW;
    const int16_t *q = s->q + 2 * first;
    w16 sum[SCAN_AT_ONCE];
    UNROLLED (i, n) sum[i] = w_zero();
    for (size_t p = 0; p < s->pairs; p++, codes += ROW, q += 2 * s->many) {
        __builtin_prefetch((const void *)((uintptr_t)codes + AHEAD));
        UNROLLED (i, n) sum[i] = w_step(sum[i], codes, w_query(q + 2 * i));
    }
    v16 scale = v_load(s->scale + 16 * b);
    UNROLLED (i, n) {
        v16 bound = v_add(v_mul(w_float(sum[i]), v_set(s->step[first + i])), v_set(s->add[first + i]));
        bound = v_mul(scale, bound);
        if (s->offset) bound = v_add(bound, v_load(s->offset + 16 * b));
        reach[(first + i) * s->blocks + b] = v_reach(bound, s->floor[first + i]);
    }
}

static void scan_codes(const vs_scan *s, uint16_t *reach) {
    for (size_t b = 0; b < s->blocks; b++) {
        if (s->many == 1)
            scan_block(s, 1, 0, b, reach);
        else
            for (size_t i = 0; i < VS_SCAN_MANY; i += SCAN_AT_ONCE) scan_block(s, SCAN_AT_ONCE, i, b, reach);
    }
}

static void sums_above(const float *x, const float *m, size_t ld, const uint32_t *row, size_t rows, size_t n,
                       const float *floor, bool *above) {
    for (size_t r = 0; r < rows; r++) {
        const float *p = m + row[r] * ld;
        v16 a = v_set(-INFINITY), b = a, c = a, d = a;
        size_t i = 0;
        for (; i + 64 <= n; i += 64) {
            a = v_max(v_add(v_load(x + i), v_load(p + i)), a);
            b = v_max(v_add(v_load(x + i + 16), v_load(p + i + 16)), b);
            c = v_max(v_add(v_load(x + i + 32), v_load(p + i + 32)), c);
            d = v_max(v_add(v_load(x + i + 48), v_load(p + i + 48)), d);
        }
        for (; i + 16 <= n; i += 16) a = v_max(v_add(v_load(x + i), v_load(p + i)), a);
        if (i < n) a = v_max(v_add(v_load_part(x + i, n - i, -INFINITY), v_load_part(p + i, n - i, 0)), a);
        above[r] = v_any_above(v_max(v_max(a, b), v_max(c, d)), floor[r]);
    }
}

static void fold_max(const float *x, size_t n, size_t s, float *out) {
    for (size_t j = 0; j < s; j += 16) {
        v16 most = v_set(-INFINITY);
        size_t i = j;
        for (; i + 16 <= n; i += s) most = v_max(v_load(x + i), most);
        if (i < n) most = v_max(v_load_part(x + i, n - i, -INFINITY), most);
        v_store(out + j, most);
    }
}

#endif

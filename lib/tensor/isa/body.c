/* body.c - the kernels, written once over lanes.h and compiled once for each instruction set (isa.mk).
 *
 * Order of every sum: kernels.h, "the same bits, always".  Where n is no multiple of 16 the last
 * sixteen are filled up with +0, for every instruction set alike. */
#include "../kernels_table.h"
#include "../quant.h"
#include "lanes.h"
#include "scan.h"

#include <float.h>

/* ---- sums ---- */

static float dot(const float *x, const float *y, size_t n) {
    v16 s = v_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) s = v_fma(v_load(x + i), v_load(y + i), s);
    if (i < n) s = v_fma(v_load_part(x + i, n - i, 0), v_load_part(y + i, n - i, 0), s);
    return v_total(s);
}

static float sum(const float *x, size_t n) {
    v16 s = v_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) s = v_add(s, v_load(x + i));
    if (i < n) s = v_add(s, v_load_part(x + i, n - i, 0));
    return v_total(s);
}

static float sum_squares(const float *x, size_t n) { return dot(x, x, n); }

static void dot_rows(const float *x, const float *m, size_t rows, size_t ld, size_t n, float *y) {
    for (size_t r = 0; r < rows; r++) y[r] = dot(x, m + r * ld, n);
}

/* ---- element by element ---- */

/* y[i] = f(x[i], …) for lanes: EXPR over `v16 a`, from x, into y. */
#define EACH(n, LOAD, EXPR, y)                                                                                         \
    do {                                                                                                               \
        size_t at = 0;                                                                                                 \
        for (; at + 16 <= (n); at += 16) {                                                                             \
            LOAD(v_load, at)                                                                                           \
            v_store((y) + at, (EXPR));                                                                                 \
        }                                                                                                              \
        if (at < (n)) {                                                                                                \
            size_t left = (n) - at;                                                                                    \
            LOAD(v_load_left, at)                                                                                      \
            v_store_part((y) + at, (EXPR), left);                                                                      \
        }                                                                                                              \
    } while (0)
#define v_load_left(p) v_load_part((p), left, 0)

static void axpy(float a, const float *x, float *y, size_t n) {
    v16 k = v_set(a);
#define LOAD(load, i) v16 p = load(x + i), q = load(y + i);
    EACH(n, LOAD, v_fma(k, p, q), y);
#undef LOAD
}

static void scale_by(float *x, float a, size_t n) {
    v16 k = v_set(a);
#define LOAD(load, i) v16 p = load(x + i);
    EACH(n, LOAD, v_mul(p, k), x);
#undef LOAD
}

static void mul_into(const float *a, const float *b, float *y, size_t n) {
#define LOAD(load, i) v16 p = load(a + i), q = load(b + i);
    EACH(n, LOAD, v_mul(p, q), y);
}

static void add_into(const float *a, const float *b, float *y, size_t n) {
    EACH(n, LOAD, v_add(p, q), y);
#undef LOAD
}

static void mix_rows(const float *p, const float *m, size_t rows, size_t ld, size_t n, float *y) {
    memset(y, 0, n * sizeof *y);
    for (size_t r = 0; r < rows; r++) axpy(p[r], m + r * ld, y, n);
}

/* ---- functions ---- */

static v16 each(v16 a, float (*f)(float)) {
    float t[16];
    v_store(t, a);
    for (int i = 0; i < 16; i++) t[i] = f(t[i]);
    return v_load(t);
}

static v16 v_exp(v16 a) { return each(a, expf); }
static v16 v_tanh(v16 a) { return each(a, tanhf); }
static v16 v_erf(v16 a) { return each(a, erff); }

INLINE v16 act_of(vs_act act, v16 a) {
    switch (act) {
    case VS_ACT_RELU: return v_max(v_zero(), a);
    case VS_ACT_SILU: return v_div(a, v_add(v_set(1), v_exp(v_sub(v_zero(), a))));
    case VS_ACT_TANH: return v_tanh(a);
    case VS_ACT_GELU: return v_mul(v_mul(a, v_set(0.5f)), v_add(v_set(1), v_erf(v_mul(a, v_set(0.70710678f)))));
    case VS_ACT_GELU_TANH: {
        v16 cube = v_mul(v_mul(a, a), a), inner = v_mul(v_set(0.79788456f), v_fma(v_set(0.044715f), cube, a));
        return v_mul(v_mul(a, v_set(0.5f)), v_add(v_set(1), v_tanh(inner)));
    }
    }
    return a;
}

static void activate(vs_act act, const float *x, float *y, size_t n) {
#define LOAD(load, i) v16 a = load(x + i);
    EACH(n, LOAD, act_of(act, a), y);
#undef LOAD
}

static float largest(const float *x, size_t n) {
    v16 m = v_set(-INFINITY);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) m = v_max(v_load(x + i), m);
    if (i < n) m = v_max(v_load_part(x + i, n - i, -INFINITY), m);
    return v_largest(m);
}

static bool softmax(float *x, size_t n) {
    v16 m = v_set(largest(x, n)), s = v_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        v16 e = v_exp(v_sub(v_load(x + i), m));
        s = v_add(s, e);
        v_store(x + i, e);
    }
    if (i < n) {
        v16 e = v_exp(v_sub(v_load_part(x + i, n - i, -INFINITY), m));
        s = v_add(s, e);
        v_store_part(x + i, e, n - i);
    }
    float total = v_total(s);
    if (!(total > 0 && total < INFINITY)) { /* NaN: from one in x, or from -inf - -inf */
        memset(x, 0, n * sizeof *x);
        return false;
    }
    v16 t = v_set(total);
#define LOAD(load, i) v16 a = load(x + i);
    EACH(n, LOAD, v_div(a, t), x);
#undef LOAD
    return true;
}

static float log_sum_exp(const float *x, size_t n) {
    float top = largest(x, n);
    if (top == -INFINITY) return top;
    v16 m = v_set(top), s = v_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) s = v_add(s, v_exp(v_sub(v_load(x + i), m)));
    if (i < n) s = v_add(s, v_exp(v_sub(v_load_part(x + i, n - i, -INFINITY), m)));
    return top + logf(v_total(s));
}

/* ---- norms ---- */

static void layer_norm(const float *x, const float *g, const float *b, float eps, float *y, size_t n) {
    float mean = sum(x, n) / (float)n;
    v16 m = v_set(mean), s = v_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        v16 c = v_sub(v_load(x + i), m);
        s = v_fma(c, c, s);
    }
    if (i < n) {
        v16 c = v_sub(v_load_part(x + i, n - i, mean), m);
        s = v_fma(c, c, s);
    }
    v16 k = v_set(1.0f / sqrtf(v_total(s) / (float)n + eps));
#define LOAD(load, i)                                                                                                  \
    v16 a = v_mul(v_sub(load(x + i), m), k);                                                                           \
    if (g) a = v_mul(a, load(g + i));                                                                                  \
    if (b) a = v_add(a, load(b + i));
    EACH(n, LOAD, a, y);
#undef LOAD
}

static void rms_norm(const float *x, const float *g, float plus, float eps, float *y, size_t n) {
    v16 k = v_set(1.0f / sqrtf(dot(x, x, n) / (float)n + eps)), one = v_set(plus);
#define LOAD(load, i)                                                                                                  \
    v16 a = v_mul(load(x + i), k);                                                                                     \
    if (g) a = v_mul(a, v_add(one, load(g + i)));
    EACH(n, LOAD, a, y);
#undef LOAD
}

static void rope(float *x, size_t H, size_t dh, size_t n, const float *cosine, const float *sine) {
    size_t half = n / 2;
    for (size_t h = 0; h < H; h++, x += dh)
        for (size_t i = 0; i < half; i++) {
            float a = x[i], b = x[i + half];
            x[i] = fmaf(-b, sine[i], a * cosine[i]);
            x[i + half] = fmaf(a, sine[i], b * cosine[i]);
        }
}

static size_t argmax(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* ---- products ---- */

static void widen(vs_dtype t, const void *src, float *dst, size_t n) { vs__widen_plain(t, src, dst, n); }

enum { CHUNK = 4096 }; /* elements of a row of W widened at once: whole blocks of every type */

static void matmul(const float *x, size_t rows, size_t in, size_t ldx, vs__weights w, const float *b, float *y,
                   size_t outs, size_t ldy) {
    enum { ROWS = 16 };
    const vs_dtype_info *info = vs_dtype_of(w.dtype);
    float row[CHUNK];
    for (size_t o = 0; o < outs; o++)
        for (size_t r0 = 0; r0 < rows; r0 += ROWS) {
            size_t some = rows - r0 < ROWS ? rows - r0 : ROWS;
            v16 s[ROWS];
            for (size_t r = 0; r < some; r++) s[r] = v_zero();
            for (size_t k = 0; k < in; k += CHUNK) {
                size_t n = in - k < CHUNK ? in - k : CHUNK;
                widen(w.dtype, w.p + o * w.stride + k / info->block * info->block_bytes, row, n);
                for (size_t r = 0; r < some; r++) {
                    const float *xr = x + (r0 + r) * ldx + k;
                    size_t i = 0;
                    for (; i + 16 <= n; i += 16) s[r] = v_fma(v_load(xr + i), v_load(row + i), s[r]);
                    if (i < n) s[r] = v_fma(v_load_part(xr + i, n - i, 0), v_load_part(row + i, n - i, 0), s[r]);
                }
            }
            for (size_t r = 0; r < some; r++) y[(r0 + r) * ldy + o] = b ? v_total(s[r]) + b[o] : v_total(s[r]);
        }
}

#define TABLE_(name) vs__kernels_##name
#define TABLE(name) TABLE_(name)
#define TEXT_(name) #name
#define TEXT(name) TEXT_(name)
const vs__kernels TABLE(ISA_NAME) = {
    .name = TEXT(ISA_NAME),
    .widen = widen,
    .matmul = matmul,
    .dot = dot,
    .sum = sum,
    .sum_squares = sum_squares,
    .dot_rows = dot_rows,
    .mix_rows = mix_rows,
    .axpy = axpy,
    .scale_by = scale_by,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .softmax = softmax,
    .log_sum_exp = log_sum_exp,
    .activate = activate,
    .mul_into = mul_into,
    .add_into = add_into,
    .rope = rope,
    .argmax = argmax,
    .scan_codes = scan_codes,
};

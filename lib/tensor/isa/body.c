/* body.c - the kernels, written once over lanes.h and compiled once for each instruction set (isa.mk).
 *
 * Order of every sum: kernels.h, "the same bits, always".  Where n is no multiple of 16 the last
 * sixteen are filled up with +0, for every instruction set alike. */
#include "../kernels_table.h"
#include "codes.h"
#include "functions.h"
#include "lanes.h"
#include "scan.h"

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
    enum { SIDE = 4 }; /* rows at a time, so that their sums do not wait for each other */
    size_t r = 0;
    for (; r + SIDE <= rows; r += SIDE, m += SIDE * ld) {
        v16 s[SIDE];
        UNROLLED (j, SIDE) s[j] = v_zero();
        size_t i = 0;
        for (; i + 16 <= n; i += 16) {
            v16 xi = v_load(x + i);
            UNROLLED (j, SIDE) s[j] = v_fma(xi, v_load(m + j * ld + i), s[j]);
        }
        if (i < n) {
            v16 xi = v_load_part(x + i, n - i, 0);
            UNROLLED (j, SIDE) s[j] = v_fma(xi, v_load_part(m + j * ld + i, n - i, 0), s[j]);
        }
        UNROLLED (j, SIDE) y[r + j] = v_total(s[j]);
    }
    for (; r < rows; r++, m += ld) y[r] = dot(x, m, n);
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
            size_t left = (n)-at;                                                                                      \
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

/* Columns [0, 16 C) of y [R, …] = p [R, s] m [s, …]; the last vector has `left` columns. */
INLINE void mix_tile(const size_t R, const size_t C, const float *p, size_t ldp, const float *m, size_t s, size_t ldm,
                     float *y, size_t ldy, size_t left) {
    v16 a[MIX_ROWS][4];
    UNROLLED (r, R)
        UNROLLED (c, C) a[r][c] = v_zero();
    for (size_t i = 0; i < s; i++, m += ldm) {
        v16 row[4];
        UNROLLED (c, C) row[c] = left < 16 ? v_load_part(m, left, 0) : v_load(m + 16 * c);
        UNROLLED (r, R) {
            v16 weight = v_set(p[r * ldp + i]);
            UNROLLED (c, C) a[r][c] = v_fma(weight, row[c], a[r][c]);
        }
    }
    UNROLLED (r, R)
        UNROLLED (c, C) {
            v16 out = v_add(a[r][c], v_zero()); /* -0 becomes 0, with or without rows of weight 0 at the end */
            if (left < 16)
                v_store_part(y + r * ldy, out, left);
            else
                v_store(y + r * ldy + 16 * c, out);
        }
}

INLINE void mix_some(const size_t R, const size_t C, const float *p, size_t ldp, const float *m, size_t s, size_t ldm,
                     size_t n, float *y, size_t ldy) {
    size_t i = 0;
    for (; i + 16 * C <= n; i += 16 * C) mix_tile(R, C, p, ldp, m + i, s, ldm, y + i, ldy, 16);
    for (; i + 16 <= n; i += 16) mix_tile(R, 1, p, ldp, m + i, s, ldm, y + i, ldy, 16);
    if (i < n) mix_tile(R, 1, p, ldp, m + i, s, ldm, y + i, ldy, n - i);
}

static void mix(const float *p, size_t rows, size_t ldp, const float *m, size_t s, size_t ldm, size_t n, float *y,
                size_t ldy) {
    size_t r = 0;
    for (; r + MIX_ROWS <= rows; r += MIX_ROWS)
        mix_some(MIX_ROWS, MIX_VECTORS, p + r * ldp, ldp, m, s, ldm, n, y + r * ldy, ldy);
    for (; r < rows; r++) mix_some(1, 4, p + r * ldp, ldp, m, s, ldm, n, y + r * ldy, ldy);
}

/* ---- functions ---- */

INLINE v16 act_of(vs_act act, v16 x) {
    switch (act) {
    case VS_ACT_RELU: return v_max(v_zero(), x);
    case VS_ACT_SILU: return v_div(x, v_add(v_set(1), v_exp(v_sub(v_zero(), x))));
    case VS_ACT_TANH: return v_tanh(x);
    case VS_ACT_GELU: return v_mul(x, v_normal(x));
    case VS_ACT_GELU_TANH: { /* x (1 + tanh u) / 2 = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3) */
        v16 inner = v_fma(v_mul(v_mul(x, x), x), v_set(0.044715f), x);
        return v_div(x, v_add(v_set(1), v_exp(v_mul(inner, v_set(-2 * 0.797884560802865f)))));
    }
    }
    return x;
}

static void activate(vs_act act, const float *x, float *y, size_t n) {
#define LOAD(load, i) v16 a = load(x + i);
#define CASE(which)                                                                                                    \
    case which: EACH(n, LOAD, act_of(which, a), y); break
    switch (act) {
        CASE(VS_ACT_RELU);
        CASE(VS_ACT_SILU);
        CASE(VS_ACT_TANH);
        CASE(VS_ACT_GELU);
        CASE(VS_ACT_GELU_TANH);
    }
#undef CASE
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
    if (top == -INFINITY) return n ? sum(x, n) : top; /* -inf, or NaN where there is one */
    v16 m = v_set(top), s = v_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) s = v_add(s, v_exp(v_sub(v_load(x + i), m)));
    if (i < n) s = v_add(s, v_exp(v_sub(v_load_part(x + i, n - i, -INFINITY), m)));
    float total = v_total(s);
    return total < INFINITY ? top + f_log(total) : total; /* NaN stays; an infinite x made it NaN */
}

/* ---- norms ---- */

/* sum of (x - mean)^2 */
static float squares_about(const float *x, float mean, size_t n) {
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
    return v_total(s);
}

static void layer_norm(const float *x, const float *g, const float *b, float eps, float *y, size_t n) {
    float mean = sum(x, n) / (float)n;
    v16 m = v_set(mean), k = v_set(1.0f / sqrtf(squares_about(x, mean, n) / (float)n + eps));
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

/* `back`: by the negative angles. */
INLINE void turn(bool back, float *x, size_t H, size_t dh, size_t n, const float *cosine, const float *sine) {
    size_t half = n / 2;
    for (size_t h = 0; h < H; h++, x += dh) {
        size_t i = 0;
        for (; i + 16 <= half; i += 16) {
            v16 a = v_load(x + i), b = v_load(x + half + i), c = v_load(cosine + i), s = v_load(sine + i);
            if (back) s = v_sub(v_zero(), s);
            v_store(x + i, v_sub(v_mul(a, c), v_mul(b, s)));
            v_store(x + half + i, v_add(v_mul(b, c), v_mul(a, s)));
        }
        for (; i < half; i++) {
            float a = x[i], b = x[half + i], c = cosine[i], s = back ? 0 - sine[i] : sine[i];
            x[i] = a * c - b * s;
            x[half + i] = b * c + a * s;
        }
    }
}
static void rope(float *x, size_t H, size_t dh, size_t n, const float *cosine, const float *sine) {
    turn(false, x, H, dh, n, cosine, sine);
}
static void rope_back(float *x, size_t H, size_t dh, size_t n, const float *cosine, const float *sine) {
    turn(true, x, H, dh, n, cosine, sine);
}

static size_t argmax(const float *x, size_t n) {
    enum { SPAN = 1024 };
    float best = -INFINITY;
    size_t from = 0;
    for (size_t i = 0; i < n; i += SPAN) {
        float top = largest(x + i, n - i < SPAN ? n - i : SPAN);
        if (top > best) best = top, from = i;
    }
    for (size_t i = from; i < n; i++)
        if (x[i] == best) return i;
    return 0;
}

/* ---- types and products ---- */

/* Blocks of `of` weights of one quantised type. */
#define WIDEN_BLOCKS(type, of, head)                                                                                   \
    static void widen_##type(const uint8_t *src, float *dst, size_t n) {                                               \
        const int parts = (of) == 256 ? 256 / PART : 1, vectors = (of) == 256 ? PART / 16 : 2;                         \
        for (size_t i = 0; i < n; i += (of), src += sizeof(vs__##type), dst += (of)) {                                 \
            float t[16];                                                                                               \
            v16 w[PART / 16];                                                                                          \
            head(src, t);                                                                                              \
            UNROLLED (p, parts) {                                                                                      \
                part_##type(src, t, p, w);                                                                             \
                UNROLLED (j, vectors) v_store(dst + p * PART + j * 16, w[j]);                                          \
            }                                                                                                          \
        }                                                                                                              \
    }
WIDEN_BLOCKS(q4_0, 32, head_none)
WIDEN_BLOCKS(q5_0, 32, head_none)
WIDEN_BLOCKS(q8_0, 32, head_none)
WIDEN_BLOCKS(q4_k, 256, head_q4_k)
WIDEN_BLOCKS(q5_k, 256, head_q5_k)
WIDEN_BLOCKS(q6_k, 256, head_q6_k)

static void widen(vs_dtype t, const void *src, float *dst, size_t n) {
    const uint8_t *p = src;
    size_t i = 0;
    switch (t) {
    case VS_Q4_0: widen_q4_0(p, dst, n); return;
    case VS_Q5_0: widen_q5_0(p, dst, n); return;
    case VS_Q8_0: widen_q8_0(p, dst, n); return;
    case VS_Q4_K: widen_q4_k(p, dst, n); return;
    case VS_Q5_K: widen_q5_k(p, dst, n); return;
    case VS_Q6_K: widen_q6_k(p, dst, n); return;
    case VS_F16:
        for (; i + 16 <= n; i += 16) v_store(dst + i, v_f16(p + 2 * i));
        break;
    case VS_BF16:
        for (; i + 16 <= n; i += 16) v_store(dst + i, v_bf16(p + 2 * i));
        break;
    default: break;
    }
    vs__widen_plain(t, p + i * vs_dtype_of(t)->block_bytes, dst + i, n - i);
}

#include "product.h"

#include "backward.h"
#include "outer.h"
#include "few.h"
#include "pull.h"

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
    .mix = mix,
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
    .sums_above = sums_above,
    .fold_max = fold_max,
    .outer_pack = outer_pack,
    .outer = outer,
    .pull_pairs = pull_pairs,
    .add_rows = add_rows,
    .layer_norm_back = layer_norm_back,
    .rms_norm_back = rms_norm_back,
    .norm_gain_back = norm_gain_back,
    .softmax_back = softmax_back,
    .activate_back = activate_back,
    .rope_back = rope_back,
};

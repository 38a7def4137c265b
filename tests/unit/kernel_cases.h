/* kernel_cases.h - every kernel over odd sizes and hard values, its results handed to a callback.
 *
 * Whoever runs these cases twice (another instruction set, another machine, another number of threads) must be handed
 * the same bits.  Included by test_kernels.c and by the program that runs under an emulator; needs no test library. */
#ifndef VS_TESTS_KERNEL_CASES_H
#define VS_TESTS_KERNEL_CASES_H

#include "case_values.h"
#include "tensor/reverse.h"

#include <stdio.h>
#include <stdlib.h>

typedef void case_fn(void *arg, const char *what, const float *y, size_t n);

enum { CASES_MOST = 64 * 2048 };

/* Values that functions trip over. */
static const float case_hard[] = {
    0.0f,   -0.0f,   1.0f,    -1.0f,   0.5f,     -0.5f,     0.624999f, 0.625f,   0.625001f, 1e-8f, -1e-8f, 1e-30f,
    1e-45f, -1e-45f, 1e30f,   -1e30f,  INFINITY, -INFINITY, NAN,       88.0f,    88.73f,    89.0f, 90.0f,  -87.3f,
    -88.0f, -100.0f, -103.9f, -104.0f, -105.0f,  -106.0f,   3.4e38f,   -3.4e38f, 9.0f,      -9.0f, 15.0f,  -15.0f,
};
enum { CASES_HARD = sizeof case_hard / sizeof *case_hard };

typedef struct cases {
    float *x, *y, *z;
    unsigned char *w;
} cases;

static void case_products(const cases *c, case_fn *emit, void *arg) {
    static const vs_dtype types[] = {VS_F32,  VS_F16,  VS_BF16, VS_F64,    VS_I8,     VS_I16,   VS_Q4_0,  VS_Q4_1,  VS_Q5_0, VS_Q5_1, VS_Q8_0,
                                     VS_Q2_K, VS_Q3_K, VS_Q4_K, VS_Q5_K, VS_Q6_K, VS_IQ4_NL, VS_IQ4_XS, VS_TQ1_0, VS_TQ2_0, VS_MXFP4, VS_NVFP4};
    static const size_t ins[] = {1, 15, 16, 17, 31, 100, 256, 640, 768, 1040, 2048};
    static const size_t rows[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 64, 101};
    static const size_t outs[] = {1, 5, 6, 7, 16, 37};
    char what[96];
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t i = 0; i < sizeof ins / sizeof *ins; i++) {
            size_t block = vs_dtype_of(types[t])->block;
            if (ins[i] % block && i < 8) continue;
            size_t in = ins[i] / block * block;
            for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
                if (in * rows[r] > CASES_MOST) continue;
                size_t out = outs[(i + r) % 6], shape[2] = {out, in}, turned[2] = {in, out};
                vs_tensor w;
                bool bias = (i + r) % 2;
                case_floats(c->x, rows[r] * in);
                case_floats(c->z, out);
                case_weights(types[t], c->w, out * in);
                snprintf(what, sizeof what, "product %s [%zu, %zu] %zu rows", vs_dtype_of(types[t])->name, out, in,
                         rows[r]);
                if (vs_tensor_over(NULL, c->w, types[t], 2, shape, &w, NULL) != VS_OK ||
                    vs_matmul(NULL, c->x, rows[r], in, in, &w, bias ? c->z : NULL, c->y, out, out) != VS_OK)
                    emit(arg, what, NULL, 0);
                else
                    emit(arg, what, c->y, rows[r] * out);
                if (block > 1) continue;
                snprintf(what, sizeof what, "turned product %s [%zu, %zu] %zu rows", vs_dtype_of(types[t])->name, in,
                         out, rows[r]);
                if (vs_tensor_over(NULL, c->w, types[t], 2, turned, &w, NULL) != VS_OK ||
                    vs_matmul_t(NULL, c->x, rows[r], in, in, &w, bias ? c->z : NULL, c->y, out, out) != VS_OK)
                    emit(arg, what, NULL, 0);
                else
                    emit(arg, what, c->y, rows[r] * out);
            }
        }
}

/* C = A B and C += A^T B over every type, also where a block is cut by the end of a span. */
static void case_outer(const cases *c, case_fn *emit, void *arg) {
    static const size_t sizes[][3] = {/* m, k, n */ {1, 1, 1},    {2, 3, 17},  {5, 16, 64},   {6, 300, 65}, {7, 8, 256},
                                      {13, 257, 31}, {200, 20, 96}, {12, 0, 16}, {193, 2, 512}, {3, 300, 256}};
    char what[96];
    for (int t = 0; t < VS_DTYPE_COUNT; t++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t m = sizes[i][0], k = sizes[i][1], n = sizes[i][2], shape[2] = {k, n};
            if (n % vs_dtype_of((vs_dtype)t)->block) continue;
            vs_tensor b;
            case_floats(c->x, m * k + 1);
            case_weights((vs_dtype)t, c->w, k * n);
            for (int turned = 0; turned < 2; turned++) {
                snprintf(what, sizeof what, "outer %s [%zu, %zu, %zu]%s", vs_dtype_of((vs_dtype)t)->name, m, k, n,
                         turned ? " turned, more" : "");
                case_floats(c->y, m * n);
                if (vs_tensor_over(NULL, c->w, (vs_dtype)t, 2, shape, &b, NULL) != VS_OK ||
                    vs_outer(NULL, c->x, m, turned ? 1 : k, turned ? m : 1, &b, k, n, c->y, n, turned) != VS_OK)
                    emit(arg, what, NULL, 0);
                else
                    emit(arg, what, c->y, m * n);
            }
        }
}

static void case_derivatives(const cases *c, size_t n, case_fn *emit, void *arg) {
    float *x = c->x, *y = c->y, *z = c->z, stats[18];
    char what[64];
#define EMIT(name, p, count)                                                                                           \
    do {                                                                                                               \
        snprintf(what, sizeof what, "%s of %zu", name, (size_t)(n));                                                   \
        emit(arg, what, p, count);                                                                                     \
    } while (0)
    case_floats(x, 9 * n);
    case_floats(z, 9 * n);
    case_floats(y, 3 * n);
    vs_add_rows(x, 9, n, n, y);
    for (size_t r = 0; r < 9; r++) {
        if (r % 2)
            vs_layer_norm_back(x + r * n, z, 1e-5f, z + r * n, y + (3 + r) * n, stats + 2 * r, n);
        else
            vs_rms_norm_back(x + r * n, r ? z : NULL, 1e-6f, z + r * n, y + (3 + r) * n, stats + 2 * r, n);
    }
    vs_norm_gain_back(x, z, stats, 9, n, n, y + n, y + 2 * n);
    EMIT("add_rows, norms back", y, 12 * n);
    EMIT("statistics of norms", stats, 18);
    vs_softmax_back(x, z, y, n);
    EMIT("softmax back", y, n);
    memcpy(y, x, 9 * n * sizeof *y);
    vs_rope_back(y, 9, n, n / 2 * 2, z, z + n);
    EMIT("rope back", y, 9 * n);
    for (int act = VS_ACT_RELU; act <= VS_ACT_GELU_TANH; act++) {
        for (size_t i = 0; i < n; i++) z[i] = i < CASES_HARD ? case_hard[(i + n) % CASES_HARD] : x[i] * 12;
        vs_activate_back((vs_act)act, z, x, y, n);
        EMIT("activate back", y, n);
    }
#undef EMIT
}

/* Runs of one, many and more than sixteen pairs of a row, some of them with one row on the other side twice. */
static void case_pairs(const cases *c, case_fn *emit, void *arg) {
    enum { ROWS = 7, N = 112, PAIRS = 100 };
    vs_pull pair[PAIRS];
    for (uint32_t i = 0; i < PAIRS; i++) pair[i] = (vs_pull){i / 23, (i * i % ROWS) << 1 | (i % 3 == 0)};
    case_floats(c->x, (size_t)ROWS * N);
    case_floats(c->y, (size_t)ROWS * N);
    vs_pull_pairs(pair, PAIRS, c->x, c->y, N, 0.25f);
    emit(arg, "pull_pairs, x", c->x, (size_t)ROWS * N);
    emit(arg, "pull_pairs, y", c->y, (size_t)ROWS * N);
}

static void case_vectors(const cases *c, size_t n, case_fn *emit, void *arg) {
    float *x = c->x, *y = c->y, *z = c->z;
    char what[64];
#define EMIT(name, p, count)                                                                                           \
    do {                                                                                                               \
        snprintf(what, sizeof what, "%s of %zu", name, (size_t)(n));                                                   \
        emit(arg, what, p, count);                                                                                     \
    } while (0)
    case_floats(x, 9 * n);
    case_floats(z, 9 * n);
    y[0] = vs_dot(x, z, n), y[1] = vs_sum(x, n), y[2] = vs_sum_squares(x, n), y[3] = vs_log_sum_exp(x, n);
    y[4] = (float)vs_argmax(x, n);
    EMIT("sums", y, 5);
    vs_dot_rows(x, z, 9, n, n, y);
    EMIT("dot_rows", y, 9);
    vs_mix_rows(x, z, 9, n, n, y);
    EMIT("mix_rows", y, n);
    vs_mix_block(x, 7, n, z, n < 9 ? n : 9, n, n, y, n);
    EMIT("mix_block", y, 7 * n);
    memcpy(y, z, n * sizeof *y);
    vs_axpy(0.3f, x, y, n);
    vs_scale_by(y, 1.7f, n);
    EMIT("axpy, scale_by", y, n);
    vs_mul_into(x, z, y, n);
    vs_add_into(x, z, y + n, n);
    EMIT("mul_into, add_into", y, 2 * n);
    vs_layer_norm(x, z, z + n, 1e-5f, y, n);
    vs_layer_norm(x, NULL, NULL, 1e-12f, y + n, n);
    EMIT("layer_norm", y, 2 * n);
    vs_rms_norm(x, z, 1.0f, 1e-6f, y, n);
    vs_rms_norm(x, NULL, 0.0f, 1e-6f, y + n, n);
    EMIT("rms_norm", y, 2 * n);
    memcpy(y, x, 9 * n * sizeof *y);
    vs_rope(y, 9, n, n / 2 * 2, z, z + n);
    vs_rope(y, 9, n, n / 4 * 2, z, z + n);
    EMIT("rope", y, 9 * n);
    for (int act = VS_ACT_RELU; act <= VS_ACT_GELU_TANH; act++) {
        for (size_t i = 0; i < n; i++) z[i] = i < CASES_HARD ? case_hard[(i + n) % CASES_HARD] : x[i] * 12;
        vs_activate((vs_act)act, z, y, n);
        EMIT("activate", y, n);
    }
    for (int spread = 1; spread <= 1000; spread *= 10) {
        for (size_t i = 0; i < n; i++) y[i] = i % 7 == 3 ? -INFINITY : x[i] * (float)spread;
        y[n] = vs_softmax(y, n);
        EMIT("softmax", y, n + 1);
    }
#undef EMIT
}

static void case_widen(const cases *c, case_fn *emit, void *arg) {
    char what[64];
    for (int t = 0; t < VS_DTYPE_COUNT; t++) {
        size_t n = 2048 + (vs_dtype_of((vs_dtype)t)->block == 1 ? 7 : 0), bytes = n * 8;
        for (size_t i = 0; i < bytes; i++) c->w[i] = (unsigned char)(case_bits() >> 9); /* any bytes at all */
        vs_widen((vs_dtype)t, c->w, c->y, n);
        snprintf(what, sizeof what, "widen %s", vs_dtype_of((vs_dtype)t)->name);
        emit(arg, what, c->y, n);
    }
}

/* Run everything with the instruction set in use; emit is handed NULL where a call failed.  False: no memory. */
static bool run_cases(case_fn *emit, void *arg) {
    static const size_t sizes[] = {1, 2, 15, 16, 17, 31, 64, 100, 256, 640, 768, 1030, 2048};
    cases c = {.x = malloc(CASES_MOST * sizeof(float)),
               .y = malloc(CASES_MOST * sizeof(float)),
               .z = malloc(CASES_MOST * sizeof(float)),
               .w = malloc(64 * 2048 * 8)};
    bool ok = c.x && c.y && c.z && c.w;
    case_state = 7;
    if (ok) {
        case_widen(&c, emit, arg);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) case_vectors(&c, sizes[i], emit, arg);
        case_products(&c, emit, arg);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) case_derivatives(&c, sizes[i], emit, arg);
        case_outer(&c, emit, arg);
        case_pairs(&c, emit, arg);
    }
    free(c.x), free(c.y), free(c.z), free(c.w);
    return ok;
}

/* The bits of y[n] as one number; every NaN counts as the same. */
static uint64_t case_hash(const float *y, size_t n) {
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, y + i, sizeof bits);
        if (y[i] != y[i]) bits = 0x7fc00000u;
        for (int k = 0; k < 4; k++) h = (h ^ (bits >> 8 * k & 255)) * 1099511628211u;
    }
    return h;
}

#endif

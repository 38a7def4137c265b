/* test_reverse.c - the derivatives of the kernels, on every instruction set that this machine has: against double
 * precision, and against differences of the kernels that they belong to.  (The same bits everywhere: test_kernels.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "case_values.h"
#include "tensor/cpu.h"
#include "tensor/reverse.h"

#include <stdio.h>
#include <stdlib.h>

static void use(void **state) {
    if (vs_isa_set(NULL, *state) == VS_E_UNSUPPORTED) {
        print_message("%s: not run: this machine lacks it\n", (const char *)*state);
        skip();
    }
    assert_string_equal(vs_isa_name(), *state);
}

/* ---- products ---- */

enum { MOST = 320 * 320 };
static float a[MOST], c[MOST], before[MOST], wide[MOST];
static unsigned char b[MOST * 4];

static void outer_is_near_double(void **state) {
    use(state);
    static const vs_dtype types[] = {VS_F32, VS_F16, VS_Q8_0, VS_Q5_0, VS_Q4_K, VS_Q6_K};
    static const size_t sizes[][3] = {{1, 300, 256}, {13, 37, 256}, {200, 20, 512}, {7, 1, 256}, {310, 5, 256}, {19, 280, 33}};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int turned = 0; turned < 2; turned++) {
                size_t m = sizes[i][0], k = sizes[i][1], n = sizes[i][2], shape[2] = {k, n}, ldc = n + 3;
                if (n % vs_dtype_of(types[t])->block || m * ldc > MOST || k * n > MOST) continue;
                vs_tensor w;
                case_floats(a, m * k), case_floats(before, m * ldc);
                case_weights(types[t], b, k * n);
                memcpy(c, before, sizeof c);
                assert_int_equal(vs_tensor_over(NULL, b, types[t], 2, shape, &w, NULL), VS_OK);
                size_t rs = turned ? 1 : k, ks = turned ? m : 1;
                assert_int_equal(vs_outer(NULL, a, m, rs, ks, &w, k, n, c, ldc, turned), VS_OK);
                for (size_t j = 0; j < k; j++) assert_int_equal(vs_tensor_row_f32(NULL, &w, j, wide + j * n), VS_OK);
                for (size_t r = 0; r < m; r++) {
                    for (size_t j = 0; j < n; j++) {
                        double want = turned ? (double)before[r * ldc + j] : 0, size = fabs(want);
                        for (size_t q = 0; q < k; q++) {
                            double v = (double)a[r * rs + q * ks] * (double)wide[q * n + j];
                            want += v, size += fabs(v);
                        }
                        assert_true(fabs((double)c[r * ldc + j] - want) <= 0x1p-24 * (double)(k + 1) * size);
                    }
                    assert_memory_equal(c + r * ldc + n, before + r * ldc + n, 3 * sizeof *c); /* beyond its columns */
                }
            }
}

/* Each element is one chain of fused multiply-adds, and a product in two halves of k is the whole one. */
static void outer_in_the_order_of_the_header(void **state) {
    use(state);
    enum { M = 11, K = 300, N = 70 };
    case_floats(a, M * K), case_floats(wide, K * N);
    vs_outer_span(a, M, K, 1, wide, N, K, N, c, N, false);
    for (size_t r = 0; r < M; r++)
        for (size_t j = 0; j < N; j++) {
            float s = 0;
            for (size_t k = 0; k < K; k++) s = fmaf(a[r * K + k], wide[k * N + j], s);
            assert_true(c[r * N + j] == s);
        }
    vs_outer_span(a, M, K, 1, wide, N, 100, N, before, N, false);
    vs_outer_span(a + 100, M, K, 1, wide + 100 * N, N, K - 100, N, before, N, true);
    assert_memory_equal(c, before, M * N * sizeof *c);
}

/* A view whose rows lie in runs, as a fused tensor has them, has the bits of its copy. */
static void outer_over_a_view(void **state) {
    use(state);
    enum { M = 5, RUNS = 3, RUN = 50, N = 40, STEP = RUN + 7 };
    size_t shape[2] = {RUNS * RUN, N};
    vs_tensor copy, view = {wide, VS_F32, 3, {RUNS, RUN, N}, {STEP * N * 4, N * 4, 4}};
    case_floats(a, M * RUNS * RUN), case_floats(wide, RUNS * STEP * N);
    for (size_t i = 0; i < RUNS; i++) memcpy(b + i * RUN * N * 4, wide + i * STEP * N, RUN * N * 4);
    assert_int_equal(vs_tensor_over(NULL, b, VS_F32, 2, shape, &copy, NULL), VS_OK);
    assert_int_equal(vs_outer(NULL, a, M, RUNS * RUN, 1, &copy, RUNS * RUN, N, c, N, false), VS_OK);
    assert_int_equal(vs_outer(NULL, a, M, RUNS * RUN, 1, &view, RUNS * RUN, N, before, N, false), VS_OK);
    assert_memory_equal(c, before, M * N * sizeof *c);
}

/* What lies in columns has the bits of its copy in rows. */
static void outer_over_columns(void **state) {
    use(state);
    static const size_t sizes[][3] = {{5, 300, 70}, {100, 131, 65}, {97, 7, 3}, {14, 1, 200}};
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        vs_dtype type = i % 2 ? VS_F16 : VS_F32;
        size_t m = sizes[i / 2][0], k = sizes[i / 2][1], n = sizes[i / 2][2], shape[2] = {n, k}, copied[2] = {k, n};
        vs_tensor rows, copy;
        case_floats(a, m * k), case_weights(type, b, k * n);
        assert_int_equal(vs_tensor_over(NULL, b, type, 2, shape, &rows, NULL), VS_OK);
        for (size_t j = 0; j < n; j++) {
            assert_int_equal(vs_tensor_row_f32(NULL, &rows, j, before), VS_OK);
            for (size_t q = 0; q < k; q++) wide[q * n + j] = before[q];
        }
        vs_tensor columns = {b, type, 2, {k, n}, {rows.stride[1], rows.stride[0]}};
        assert_int_equal(vs_tensor_over(NULL, wide, VS_F32, 2, copied, &copy, NULL), VS_OK);
        assert_int_equal(vs_outer(NULL, a, m, k, 1, &columns, k, n, c, n, false), VS_OK);
        assert_int_equal(vs_outer(NULL, a, m, k, 1, &copy, k, n, before, n, false), VS_OK);
        assert_memory_equal(c, before, m * n * sizeof *c);
    }
}

/* A larger A than is packed at once: in pieces of k, in pieces of rows. */
static void outer_in_pieces(void **state) {
    use(state);
    for (int tall = 0; tall < 2; tall++) {
        size_t m = tall ? 5000 : 600, k = tall ? 600 : 5000, n = 5, shape[2] = {k, n};
        float *x = malloc(m * k * sizeof *x), *y = malloc(m * n * sizeof *y);
        vs_tensor w;
        assert_true(x && y);
        case_floats(x, m * k), case_floats(wide, k * n);
        assert_int_equal(vs_tensor_over(NULL, wide, VS_F32, 2, shape, &w, NULL), VS_OK);
        assert_int_equal(vs_outer(NULL, x, m, k, 1, &w, k, n, y, n, false), VS_OK);
        for (size_t i = 0; i < m * n; i++) {
            float s = 0;
            for (size_t q = 0; q < k; q++) s = fmaf(x[i / n * k + q], wide[q * n + i % n], s);
            assert_true(y[i] == s);
        }
        free(x), free(y);
    }
}

static void outer_refuses_wrong_shapes(void **state) {
    use(state);
    vs_err err = {0};
    vs_tensor w;
    size_t shape[2] = {8, 32};
    case_weights(VS_F32, b, 8 * 32);
    assert_int_equal(vs_tensor_over(NULL, b, VS_F32, 2, shape, &w, NULL), VS_OK);
    assert_int_equal(vs_outer(&err, a, 2, 7, 1, &w, 7, 32, c, 32, false), VS_E_SHAPE);
    assert_non_null(strstr(err.msg, "[8, 32]"));
    assert_int_equal(vs_outer(&err, a, 2, 8, 1, &w, 8, 31, c, 32, false), VS_E_SHAPE);
    memset(c, 1, sizeof c);
    vs_tensor turned = {b, VS_F32, 2, {8, 32}, {8, 32}}, none = {b, VS_F32, 2, {0, 32}, {128, 4}};
    assert_int_equal(vs_outer(&err, a, 2, 8, 1, &turned, 8, 32, c, 32, false), VS_E_UNSUPPORTED);
    assert_int_equal(vs_outer(&err, a, 2, 0, 1, &none, 0, 32, c, 32, false), VS_OK);
    for (size_t i = 0; i < 64; i++) assert_true(c[i] == 0); /* a sum of nothing */
}

/* ---- rows ---- */

enum { LONG = 100 };

/* What a function of x [n] gives, as a sum of its outputs times dy, in double. */
typedef void row_fn(const float *x, float *y, size_t n);
static double objective(row_fn *f, const float *x, const float *dy, size_t n) {
    float y[LONG];
    double s = 0;
    f(x, y, n);
    for (size_t i = 0; i < n; i++) s += (double)y[i] * (double)dy[i];
    return s;
}

/* dx against central differences of f. */
static void assert_derivative(row_fn *f, const float *x, const float *dy, const float *dx, size_t n, double tolerance) {
    float moved[LONG];
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)dx[i]));
    for (size_t i = 0; i < n; i++) {
        memcpy(moved, x, n * sizeof *x);
        float up = x[i] + 0x1p-7f, down = x[i] - 0x1p-7f;
        moved[i] = up;
        double above = objective(f, moved, dy, n);
        moved[i] = down;
        double slope = (above - objective(f, moved, dy, n)) / ((double)up - (double)down);
        assert_true(fabs(slope - (double)dx[i]) <= tolerance * (largest + 1e-3));
    }
}

static float gain[LONG], bias[LONG];
static void layer_norm_of(const float *x, float *y, size_t n) { vs_layer_norm(x, gain, bias, 1e-5f, y, n); }
static void rms_norm_of(const float *x, float *y, size_t n) { vs_rms_norm(x, gain, 0, 1e-6f, y, n); }
static void softmax_of(const float *x, float *y, size_t n) {
    memcpy(y, x, n * sizeof *y);
    assert_true(vs_softmax(y, n));
}

/* One row as the textbook has it, in double.  centred: LayerNorm. */
static void norm_back_double(bool centred, const float *x, const float *dy, float eps, size_t n, double *dx) {
    double mean = 0, var = 0, ma = 0, mb = 0;
    for (size_t i = 0; i < n && centred; i++) mean += (double)x[i] / (double)n;
    for (size_t i = 0; i < n; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    double k = 1 / sqrt(var + (double)eps);
    for (size_t i = 0; i < n; i++) {
        double g = (double)dy[i] * (double)gain[i];
        ma += g / (double)n, mb += g * ((double)x[i] - mean) * k / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        dx[i] = k * ((double)dy[i] * (double)gain[i] - (centred ? ma : 0) - ((double)x[i] - mean) * k * mb);
}

static void norms_back(void **state) {
    use(state);
    static const size_t sizes[] = {1, 2, 15, 16, 17, 64, LONG};
    float x[LONG], dy[LONG], dx[LONG], stats[2];
    double want[LONG];
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int centred = 0; centred < 2; centred++) {
            size_t n = sizes[s];
            float eps = centred ? 1e-5f : 1e-6f;
            case_floats(x, n), case_floats(dy, n), case_floats(gain, n), case_floats(bias, n);
            for (size_t i = 0; i < n; i++) x[i] = x[i] * 2 + 1;
            (centred ? vs_layer_norm_back : vs_rms_norm_back)(x, gain, eps, dy, dx, stats, n);
            norm_back_double(centred, x, dy, eps, n, want);
            double size = 0;
            for (size_t i = 0; i < n; i++) size = fmax(size, fabs((double)(dy[i] * gain[i] * stats[1])));
            for (size_t i = 0; i < n; i++) assert_true(fabs((double)dx[i] - want[i]) <= 2e-6 * size);
            if (n >= 16) assert_derivative(centred ? layer_norm_of : rms_norm_of, x, dy, dx, n, 2e-3);
        }
}

/* The gain's gradient by the forward kernel itself: y without gain and bias is what dy is multiplied by. */
static void gains_back(void **state) {
    use(state);
    enum { ROWS = 5, N = 37, LD = 40 };
    float x[ROWS * LD], dy[ROWS * LD], dx[N], y[N], stats[2 * ROWS], dg[N], db[N];
    for (int centred = 0; centred < 2; centred++) {
        case_floats(x, ROWS * LD), case_floats(dy, ROWS * LD), case_floats(gain, N);
        double g[N], s[N];
        for (size_t i = 0; i < N; i++) g[i] = (double)(dg[i] = 3), s[i] = (double)(db[i] = -2);
        for (size_t r = 0; r < ROWS; r++) {
            if (centred) {
                vs_layer_norm(x + r * LD, NULL, NULL, 1e-5f, y, N);
                vs_layer_norm_back(x + r * LD, gain, 1e-5f, dy + r * LD, dx, stats + 2 * r, N);
            } else {
                vs_rms_norm(x + r * LD, NULL, 0, 1e-5f, y, N);
                vs_rms_norm_back(x + r * LD, gain, 1e-5f, dy + r * LD, dx, stats + 2 * r, N);
            }
            for (size_t i = 0; i < N; i++) g[i] += (double)dy[r * LD + i] * (double)y[i], s[i] += (double)dy[r * LD + i];
        }
        vs_norm_gain_back(x, dy, stats, ROWS, LD, N, dg, db);
        for (size_t i = 0; i < N; i++) {
            assert_true(fabs((double)dg[i] - g[i]) < 1e-5);
            assert_true(fabs((double)db[i] - s[i]) < 1e-5);
        }
        vs_norm_gain_back(x, dy, stats, ROWS, LD, N, dg, NULL);
    }
    float sums[N], start[N];
    case_floats(start, N);
    memcpy(sums, start, sizeof sums);
    vs_add_rows(x, ROWS, LD, N, sums);
    for (size_t i = 0; i < N; i++) {
        for (size_t r = 0; r < ROWS; r++) start[i] += x[r * LD + i];
        assert_true(sums[i] == start[i]);
    }
}

static void softmax_back(void **state) {
    use(state);
    static const size_t sizes[] = {1, 2, 16, 33, LONG};
    float x[LONG], p[LONG], dp[LONG], ds[LONG];
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        case_floats(x, n), case_floats(dp, n);
        for (size_t i = 0; i < n; i++) x[i] *= 3;
        softmax_of(x, p, n);
        vs_softmax_back(p, dp, ds, n);
        double mean = 0;
        for (size_t i = 0; i < n; i++) mean += (double)p[i] * (double)dp[i];
        for (size_t i = 0; i < n; i++) assert_true(fabs((double)ds[i] - (double)p[i] * ((double)dp[i] - mean)) < 1e-6 * (double)p[i]);
        assert_derivative(softmax_of, x, dp, ds, n, 1e-3);
        vs_softmax_back(p, dp, dp, n);
        assert_memory_equal(dp, ds, n * sizeof *ds);
        double sum = 0; /* far from 0 and nearly equal: their difference is what counts, to the p that sum to 1 */
        mean = 0;
        for (size_t i = 0; i < n; i++) dp[i] = 1000 + roundf(1024 * dp[i]) / 1024, sum += (double)p[i], mean += (double)p[i] * (double)dp[i];
        vs_softmax_back(p, dp, ds, n);
        for (size_t i = 0; i < n; i++) assert_true(fabs((double)ds[i] - (double)p[i] * ((double)dp[i] - mean / sum)) < 1e-6 * (double)p[i]);
    }
}

/* ---- non-linearities ---- */

static double slope_double(vs_act act, double x) {
    double s = 1 / (1 + exp(-x)), t = tanh(x), k = sqrt(2 / acos(-1.0)), u = k * (x + 0.044715 * x * x * x), v = tanh(u);
    switch (act) {
    case VS_ACT_RELU: return x > 0;
    case VS_ACT_SILU: return s + x * s * (1 - s);
    case VS_ACT_TANH: return 1 - t * t;
    case VS_ACT_GELU: return 0.5 * (1 + erf(x / sqrt(2.0))) + x * exp(-x * x / 2) * k / 2;
    case VS_ACT_GELU_TANH: return 0.5 * (1 + v) + 0.5 * x * (1 - v * v) * k * (1 + 3 * 0.044715 * x * x);
    }
    return 0;
}

static void slopes_are_near_libm(void **state) {
    use(state);
    for (int act = VS_ACT_RELU; act <= VS_ACT_GELU_TANH; act++)
        for (float x = -12; x < 12; x += 0.0037f) {
            float one = 1, dx;
            vs_activate_back((vs_act)act, &x, &one, &dx, 1);
            assert_true(fabs((double)dx - slope_double((vs_act)act, (double)x)) < 4e-7);
        }
}

static void slopes_at_the_edges(void **state) {
    use(state);
    static const float edge[] = {0, -0.0f, 1e30f, -1e30f, INFINITY, -INFINITY, 1e-45f};
    enum { N = sizeof edge / sizeof *edge };
    for (int act = VS_ACT_RELU; act <= VS_ACT_GELU_TANH; act++) {
        float dy[N], dx[N];
        for (size_t i = 0; i < N; i++) dy[i] = 2;
        vs_activate_back((vs_act)act, edge, dy, dx, N);
        float far = act == VS_ACT_TANH ? 0 : 2, zero = act == VS_ACT_RELU ? 0 : act == VS_ACT_TANH ? 2 : 1;
        assert_true(dx[2] == far && dx[4] == far && fabsf(dx[3]) < 1e-25f && fabsf(dx[5]) < 1e-25f);
        assert_true(fabsf(dx[0] - zero) < 1e-6f && fabsf(dx[1] - zero) < 1e-6f);
    }
}

static void rope_back_undoes_rope(void **state) {
    use(state);
    enum { H = 3, DH = 50, TURNED = 42 };
    float x[H * DH], was[H * DH], dy[H * DH], cs[TURNED];
    case_floats(was, H * DH), case_floats(dy, H * DH);
    for (size_t i = 0; i < TURNED / 2; i++) cs[i] = cosf((float)i), cs[TURNED / 2 + i] = sinf((float)i);
    memcpy(x, was, sizeof x);
    vs_rope(x, H, DH, TURNED, cs, cs + TURNED / 2);
    double forward = 0, back = 0;
    for (size_t i = 0; i < H * DH; i++) forward += (double)x[i] * (double)dy[i];
    vs_rope_back(x, H, DH, TURNED, cs, cs + TURNED / 2);
    for (size_t i = 0; i < H * DH; i++) assert_true(fabsf(x[i] - was[i]) < 1e-6f); /* a rotation */
    vs_rope_back(dy, H, DH, TURNED, cs, cs + TURNED / 2);
    for (size_t i = 0; i < H * DH; i++) back += (double)was[i] * (double)dy[i];
    assert_true(fabs(forward - back) < 1e-5); /* <R x, dy> = <x, R^T dy> */
}

/* The header's formula in double, sixteen pairs of a row at a time. */
static void pairs_take_their_step(void **state) {
    use(state);
    enum { ROWS = 5, N = 48, PAIRS = 60 };
    vs_pull pair[PAIRS];
    float x[ROWS * N], y[ROWS * N];
    double dx[ROWS * N], dy[ROWS * N];
    for (uint32_t i = 0; i < PAIRS; i++) pair[i] = (vs_pull){i < 40 ? 2 : i % ROWS, (i * 3 % ROWS) << 1 | (i % 4 == 1)};
    case_floats(x, ROWS * N), case_floats(y, ROWS * N);
    for (size_t i = 0; i < ROWS * N; i++) dx[i] = (double)x[i], dy[i] = (double)y[i];
    for (size_t i = 0; i < PAIRS;) {
        size_t k = 0;
        double g[16], step[N] = {0};
        for (; k < 16 && i + k < PAIRS && pair[i + k].x == pair[i].x; k++) {
            double f = 0;
            for (size_t e = 0; e < N; e++) f += dx[pair[i].x * N + e] * dy[(pair[i + k].y >> 1) * N + e];
            g[k] = 0.1 * ((pair[i + k].y & 1) - 1 / (1 + exp(-f)));
        }
        for (size_t j = 0; j < k; j++)
            for (size_t e = 0; e < N; e++) {
                double *other = &dy[(pair[i + j].y >> 1) * N + e];
                step[e] += g[j] * *other;
                *other += g[j] * dx[pair[i].x * N + e];
            }
        for (size_t e = 0; e < N; e++) dx[pair[i].x * N + e] += step[e];
        i += k;
    }
    vs_pull_pairs(pair, PAIRS, x, y, N, 0.1f);
    for (size_t i = 0; i < ROWS * N; i++) assert_true(fabs((double)x[i] - dx[i]) < 1e-5 && fabs((double)y[i] - dy[i]) < 1e-5);
}

int main(void) {
#define FOR_ISA(f)                                                                                                     \
    { #f, f, NULL, NULL, NULL }
    static const struct CMUnitTest of_each_isa[] = {
        FOR_ISA(outer_is_near_double), FOR_ISA(outer_in_the_order_of_the_header), FOR_ISA(outer_refuses_wrong_shapes),
        FOR_ISA(outer_over_a_view),
        FOR_ISA(outer_over_columns),
        FOR_ISA(outer_in_pieces),
        FOR_ISA(norms_back),           FOR_ISA(gains_back),                       FOR_ISA(softmax_back),
        FOR_ISA(slopes_are_near_libm), FOR_ISA(slopes_at_the_edges),              FOR_ISA(rope_back_undoes_rope),
        FOR_ISA(pairs_take_their_step),
    };
    enum { EACH = sizeof of_each_isa / sizeof *of_each_isa };
    int failed = 0;
    const char *isa;
    bool available;
    for (size_t i = 0; (isa = vs_isa_list(i, &available)); i++) {
        struct CMUnitTest tests[EACH];
        char name[16];
        snprintf(name, sizeof name, "%s", isa);
        memcpy(tests, of_each_isa, sizeof tests);
        for (size_t k = 0; k < EACH; k++) tests[k].initial_state = name;
        failed += cmocka_run_group_tests_name(isa, tests, NULL, NULL);
    }
    return failed != 0;
}

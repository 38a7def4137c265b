/* test_kernels.c - the kernels of every instruction set that this machine has: the same bits, and the right numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "base/parallel.h"
#include "kernel_cases.h"
#include "tensor/cpu.h"
#include "tensor/narrow.h"

/* ---- one run of the cases, as hashes ---- */

typedef struct record {
    uint64_t *hash;
    char (*what)[96];
    size_t n, cap;
    bool failed;
} record;

static void keep(void *arg, const char *what, const float *y, size_t n) {
    record *r = arg;
    if (!y || r->n == r->cap) {
        print_error("%s: the call failed\n", what);
        r->failed = true;
        return;
    }
    snprintf(r->what[r->n], sizeof r->what[0], "%s", what);
    r->hash[r->n++] = case_hash(y, n);
}

static record record_run(void) {
    enum { MOST = 4096 };
    record r = {.hash = malloc(MOST * sizeof *r.hash), .what = malloc(MOST * sizeof *r.what), .cap = MOST};
    if (!r.hash || !r.what || !run_cases(keep, &r)) r.failed = true;
    return r;
}

static void record_free(record *r) { free(r->hash), free(r->what); }

static void assert_same_record(const record *a, const record *b, const char *which) {
    size_t differ = 0;
    assert_false(a->failed || b->failed);
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        if (a->hash[i] != b->hash[i] && differ++ < 10) print_error("%s: %s: other bits\n", which, a->what[i]);
    assert_int_equal(differ, 0);
    assert_true(a->n > 500);
}

/* Skip the test where the machine lacks the instruction set; the test's state is its name. */
static const char *use(void **state) {
    vs_err err = {0};
    vs_status s = vs_isa_set(&err, *state);
    if (s == VS_E_UNSUPPORTED) {
        print_message("%s: not run: this machine lacks it\n", (const char *)*state);
        skip();
    }
    assert_int_equal(s, VS_OK);
    assert_string_equal(vs_isa_name(), *state);
    return *state;
}

static void same_bits_as_scalar(void **state) {
    const char *isa = use(state);
    record here = record_run();
    assert_int_equal(vs_isa_set(NULL, "scalar"), VS_OK);
    record plain = record_run();
    assert_same_record(&plain, &here, isa);
    record_free(&here), record_free(&plain);
}

static void same_bits_for_any_threads(void **state) {
    const char *isa = use(state);
    if (!strcmp(isa, "scalar")) skip(); /* the code that shares out work is the same, and this set is slow */
    vs_threads_set(1);
    record one = record_run();
    for (int n = 2; n <= 5; n += 3) {
        vs_threads_set(n);
        record many = record_run();
        assert_same_record(&one, &many, isa);
        record_free(&many);
    }
    vs_threads_set(0);
    record_free(&one);
}

/* ---- products ---- */

static const vs_dtype weight_types[] = {VS_F32,  VS_F16,  VS_BF16, VS_Q4_0, VS_Q4_1,   VS_Q5_0,   VS_Q5_1,  VS_Q8_0,  VS_Q2_K,  VS_Q3_K,
                                        VS_Q4_K, VS_Q5_K, VS_Q6_K, VS_IQ4_NL, VS_IQ4_XS, VS_TQ1_0, VS_TQ2_0, VS_MXFP4, VS_NVFP4};
enum { WEIGHT_TYPES = sizeof weight_types / sizeof *weight_types };

typedef struct product {
    float x[64 * 2048], y[64 * 48], z[64 * 48], b[48], row[2048];
    unsigned char w[48 * 2048 * 4];
    vs_tensor t;
} product;

static product *product_new(vs_dtype type, size_t rows, size_t in, size_t out) {
    product *p = malloc(sizeof *p);
    size_t shape[2] = {out, in};
    assert_non_null(p);
    case_floats(p->x, rows * in);
    case_floats(p->b, out);
    case_weights(type, p->w, out * in);
    assert_int_equal(vs_tensor_over(NULL, p->w, type, 2, shape, &p->t, NULL), VS_OK);
    return p;
}

static void product_is_near_double(void **state) {
    use(state);
    for (size_t i = 0; i < WEIGHT_TYPES; i++) {
        size_t rows = i % 2 ? 13 : 1, in = 1536, out = 37;
        product *p = product_new(weight_types[i], rows, in, out);
        assert_int_equal(vs_matmul(NULL, p->x, rows, in, in, &p->t, p->b, p->y, out, out), VS_OK);
        for (size_t o = 0; o < out; o++) {
            assert_int_equal(vs_tensor_row_f32(NULL, &p->t, o, p->row), VS_OK);
            for (size_t r = 0; r < rows; r++) {
                double want = (double)p->b[o], size = fabs(want);
                for (size_t k = 0; k < in; k++) {
                    double v = (double)p->x[r * in + k] * (double)p->row[k];
                    want += v, size += fabs(v);
                }
                /* at most in/16 + 5 roundings in a row */
                assert_true(fabs((double)p->y[r * out + o] - want) <= 0x1p-24 * (double)(in / 16 + 5) * size);
            }
        }
        free(p);
    }
}

static void product_of_one_row_is_that_of_a_batch(void **state) {
    use(state);
    for (size_t i = 0; i < WEIGHT_TYPES; i++) {
        size_t rows = 11, in = 1280, out = 43;
        product *p = product_new(weight_types[i], rows, in, out);
        assert_int_equal(vs_matmul(NULL, p->x, rows, in, in, &p->t, p->b, p->y, out, out), VS_OK);
        for (size_t r = 0; r < rows; r++)
            assert_int_equal(vs_matmul(NULL, p->x + r * in, 1, in, in, &p->t, p->b, p->z + r * out, out, out), VS_OK);
        assert_memory_equal(p->y, p->z, rows * out * sizeof *p->y);
        for (size_t o = 0; o < out; o += 9) { /* in spans, into the columns of a wider y */
            size_t end = o + 9 < out ? o + 9 : out;
            vs_matmul_span(p->x, rows, in, in, &p->t, p->b, o, end, p->z + o, out);
        }
        assert_memory_equal(p->y, p->z, rows * out * sizeof *p->y);
        if (weight_types[i] == VS_F32) {
            vs_dot_rows(p->x, (const float *)(const void *)p->w, out, in, in, p->z);
            vs_add_into(p->z, p->b, p->z, out);
            assert_memory_equal(p->y, p->z, out * sizeof *p->y);
        }
        free(p);
    }
}

/* Blocks of rows and groups of outputs, whole and in part, element by element. */
static void product_has_the_bits_of_dots(void **state) {
    use(state);
    static const size_t ins[] = {1, 15, 16, 100, 768}, many[] = {1, 4, 13, 110}, outs[] = {43, 200};
    for (size_t i = 0; i < 5 * 4 * 2; i++) {
        size_t in = ins[i % 5], rows = many[i / 5 % 4], out = outs[i / 20], shape[2] = {out, in};
        float *x = malloc(rows * in * sizeof *x), *w = malloc(out * in * sizeof *w);
        float *b = malloc(out * sizeof *b), *y = malloc(rows * out * sizeof *y);
        vs_tensor t;
        assert_true(x && w && b && y);
        case_floats(x, rows * in), case_floats(w, out * in), case_floats(b, out);
        assert_int_equal(vs_tensor_over(NULL, w, VS_F32, 2, shape, &t, NULL), VS_OK);
        assert_int_equal(vs_matmul(NULL, x, rows, in, in, &t, b, y, out, out), VS_OK);
        for (size_t k = 0; k < rows * out; k++) {
            float want = vs_dot(x + k / out * in, w + k % out * in, in) + b[k % out];
            assert_memory_equal(y + k, &want, sizeof want);
        }
        free(x), free(w), free(b), free(y);
    }
}

/* Weights [in, out]: chains, for each number of rows that is taken side by side, for blocks of them, and for panels. */
static void turned_product_has_the_bits_of_chains(void **state) {
    use(state);
    static const size_t many[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 25, 96, 97, 110, 540};
    static const struct { size_t in, out; vs_dtype type; } size[] = {{1, 43, VS_F32}, {33, 200, VS_F32}, {300, 70, VS_F32}, {140, 131, VS_F16}};
    for (size_t i = 0; i < 4 * sizeof many / sizeof *many; i++) {
        size_t rows = many[i / 4], in = size[i % 4].in, out = size[i % 4].out, shape[2] = {in, out};
        float *x = malloc(rows * in * sizeof *x), *w = malloc(in * out * sizeof *w), *b = malloc(out * sizeof *b);
        float *y = malloc(rows * out * sizeof *y);
        unsigned char *stored = malloc(in * out * sizeof *w);
        vs_tensor t;
        assert_true(x && w && b && y && stored);
        case_floats(x, rows * in), case_floats(b, out), case_weights(size[i % 4].type, stored, in * out);
        vs_widen(size[i % 4].type, stored, w, in * out);
        assert_int_equal(vs_tensor_over(NULL, stored, size[i % 4].type, 2, shape, &t, NULL), VS_OK);
        assert_int_equal(vs_matmul_t(NULL, x, rows, in, in, &t, b, y, out, out), VS_OK);
        for (size_t k = 0; k < rows * out; k++) {
            float want = b[k % out];
            for (size_t j = 0; j < in; j++) want = fmaf(x[k / out * in + j], w[j * out + k % out], want);
            assert_memory_equal(y + k, &want, sizeof want);
        }
        vs_tensor view = {stored, size[i % 4].type, 2, {out, in}, {t.stride[1], t.stride[0]}};
        float *z = malloc(rows * out * sizeof *z);
        assert_non_null(z);
        assert_int_equal(vs_matmul(NULL, x, rows, in, in, &view, b, z, out, out), VS_OK);
        assert_memory_equal(y, z, rows * out * sizeof *z);
        free(x), free(w), free(b), free(y), free(z), free(stored);
    }
}

static void product_refuses_wrong_shapes(void **state) {
    use(state);
    vs_err err = {0};
    product *p = product_new(VS_F32, 1, 32, 8);
    assert_int_equal(vs_matmul(&err, p->x, 1, 31, 31, &p->t, NULL, p->y, 8, 8), VS_E_SHAPE);
    assert_non_null(strstr(err.msg, "[8, 32]"));
    assert_int_equal(vs_matmul(&err, p->x, 1, 32, 32, &p->t, NULL, p->y, 9, 9), VS_E_SHAPE);
    assert_int_equal(vs_matmul_t(&err, p->x, 1, 32, 32, &p->t, NULL, p->y, 8, 8), VS_E_SHAPE);
    p->t.dtype = VS_Q8_0;
    assert_int_equal(vs_matmul_t(&err, p->x, 1, 8, 8, &p->t, NULL, p->y, 32, 32), VS_E_UNSUPPORTED);
    free(p);
}

static void product_over_nothing_is_the_bias(void **state) {
    use(state);
    size_t shape[2] = {7, 0}, turned[2] = {0, 7};
    float x = 1, b[7] = {1, 2, 3, 4, 5, 6, 7}, y[14];
    vs_tensor w;
    for (int kind = 0; kind < 3; kind++) {
        for (int i = 0; i < 14; i++) y[i] = NAN;
        assert_int_equal(vs_tensor_over(NULL, &x, kind ? VS_F32 : VS_Q8_0, 2, kind == 2 ? turned : shape, &w, NULL),
                         VS_OK);
        if (kind == 2) assert_int_equal(vs_matmul_t(NULL, &x, 2, 0, 0, &w, b, y, 7, 7), VS_OK);
        if (kind != 2) assert_int_equal(vs_matmul(NULL, &x, 2, 0, 0, &w, b, y, 7, 7), VS_OK);
        for (int i = 0; i < 14; i++) assert_true(y[i] == b[i % 7]);
    }
    assert_int_equal(vs_matmul(NULL, &x, 0, 0, 0, &(vs_tensor){&x, VS_F32, 2, {7, 0}, {0, 4}}, b, NULL, 7, 7), VS_OK);
}

/* ---- types ---- */

static unsigned char *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    unsigned char *p = malloc(1 << 20);
    assert_non_null(p);
    *size = fread(p, 1, 1 << 20, f);
    fclose(f);
    return p;
}

static void widen_is_the_reference(void **state) {
    use(state);
    for (int t = 0; t < VS_DTYPE_COUNT; t++) {
        const vs_dtype_info *info = vs_dtype_of((vs_dtype)t);
        if (info->block == 1 && (t < VS_F8E4M3 || t > VS_F8E5M2FNUZ)) continue; /* these are tested below */
        char path[96];
        size_t blocks, bytes;
        snprintf(path, sizeof path, "tests/data/quant/%s.blocks", info->name);
        unsigned char *src = read_file(path, &blocks);
        snprintf(path, sizeof path, "tests/data/quant/%s.f32", info->name);
        unsigned char *want = read_file(path, &bytes);
        size_t n = bytes / 4;
        assert_int_equal(n, blocks / info->block_bytes * info->block);
        float *got = malloc(bytes);
        assert_non_null(got);
        vs_widen((vs_dtype)t, src, got, n);
        if (memcmp(got, want, bytes) != 0) fail_msg("%s: other bits", info->name);
        free(src), free(want), free(got);
    }
}

static void narrow_is_gguf_py(void **state) {
    (void)state;
    size_t bytes, made = 0, kinds = 0;
    unsigned char *numbers = read_file("tests/data/quant/numbers.f32", &bytes);
    const float *x = (const float *)(const void *)numbers;
    size_t n = bytes / sizeof *x;
    for (int t = 0; t < VS_DTYPE_COUNT; t++) {
        const vs_dtype_info *info = vs_dtype_of((vs_dtype)t);
        if (t == VS_F32 || !vs_can_narrow((vs_dtype)t)) continue;
        char path[96];
        snprintf(path, sizeof path, "tests/data/quant/%s.made", info->name);
        unsigned char *want = read_file(path, &made);
        assert_int_equal(made, n / info->block * info->block_bytes);
        unsigned char *got = malloc(made);
        assert_non_null(got);
        assert_true(vs_narrow((vs_dtype)t, x, got, n));
        for (size_t i = 0; i < made; i++)
            if (got[i] != want[i])
                fail_msg("%s: row %zu: byte %zu is %u, want %u", info->name, i / info->block_bytes * info->block / 256,
                         i, got[i], want[i]);
        free(got), free(want);
        kinds++;
    }
    assert_int_equal(kinds, 10);
    free(numbers);
}

/* Numbers at the edges, and numbers that a type cannot hold. */
static void narrow_edges(void **state) {
    (void)state;
    static const struct {
        float x;
        unsigned half;
    } halves[] = {{0x1p-24f, 1},          {0x1p-25f, 0},          {0x1.8p-25f, 1},      {0x1.8p-24f, 2},  {-0x1p-25f, 0x8000},
                  {0x1.ff8p-15f, 0x3ff},  {0x1.ffep-15f, 0x400},  {0x1p-14f, 0x400},    {65504, 0x7bff},  {65519.996f, 0x7bff},
                  {1.00048828125f, 0x3c00}, {1.00146484375f, 0x3c02}, {-2, 0xc000}, {1e-30f, 0}};
    uint8_t out[36 * 8];
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        assert_true(vs_narrow(VS_F16, &halves[i].x, out, 1));
        assert_int_equal(out[0] | out[1] << 8, halves[i].half);
    }
    assert_false(vs_narrow(VS_F16, (const float[]){65520}, out, 1));
    assert_true(vs_narrow(VS_BF16, (const float[]){3.3e38f}, out, 1));
    assert_false(vs_narrow(VS_BF16, (const float[]){FLT_MAX}, out, 1));
    for (int t = 0; t < VS_DTYPE_COUNT; t++) {
        float x[256] = {0}, back[256];
        size_t n = vs_dtype_of((vs_dtype)t)->block;
        if (!vs_can_narrow((vs_dtype)t)) {
            assert_false(vs_narrow((vs_dtype)t, x, out, n));
            continue;
        }
        for (int kind = 0; kind < 3; kind++) {
            x[n - 1] = kind == 0 ? NAN : kind == 1 ? INFINITY : -INFINITY;
            assert_false(vs_narrow((vs_dtype)t, x, out, n));
        }
        for (size_t i = 0; i < n; i++) x[i] = i % 3 ? 1e-42f : -1e-44f; /* too small for any scale */
        assert_true(vs_narrow((vs_dtype)t, x, out, n));
        vs_widen((vs_dtype)t, out, back, n);
        for (size_t i = 0; i < n; i++) assert_true(fabsf(back[i]) <= 0x1p-120f);
        for (size_t i = 0; i < n; i++) x[i] = i % 2 ? FLT_MAX : -FLT_MAX;
        assert_true(vs_narrow((vs_dtype)t, x, out, n) == (t == VS_F32 || t == VS_MXFP4));
    }
}

static void widen_is_exact_for_every_half(void **state) {
    use(state);
    uint16_t *h = malloc(65536 * sizeof *h);
    float *f = malloc(65536 * sizeof *f);
    assert_true(h && f);
    for (uint32_t i = 0; i < 65536; i++) h[i] = (uint16_t)i;
    vs_widen(VS_F16, h, f, 65536);
    for (uint32_t i = 0; i < 65536; i++) {
        int e = (int)(i >> 10 & 31), m = (int)(i & 1023);
        float want = e == 31 ? (m ? NAN : INFINITY) : e ? ldexpf((float)(m + 1024), e - 25) : ldexpf((float)m, -24);
        if (m && e == 31)
            assert_true(isnan(f[i]));
        else
            assert_true(f[i] == (i & 0x8000 ? -want : want) && !signbit(f[i]) == !(i & 0x8000));
    }
    vs_widen(VS_BF16, h, f, 65536);
    for (uint32_t i = 0; i < 65536; i++) {
        uint32_t bits;
        memcpy(&bits, f + i, 4);
        assert_int_equal(bits, i << 16);
    }
    free(h), free(f);
}

static void widen_of_whole_numbers(void **state) {
    use(state);
    float f[3];
    vs_widen(VS_I8, (const int8_t[]){-128, 0, 127}, f, 3);
    assert_true(f[0] == -128 && f[1] == 0 && f[2] == 127);
    vs_widen(VS_U8, (const uint8_t[]){0, 200, 255}, f, 3);
    assert_true(f[0] == 0 && f[1] == 200 && f[2] == 255);
    vs_widen(VS_BOOL, (const uint8_t[]){0, 1, 7}, f, 3);
    assert_true(f[0] == 0 && f[1] == 1 && f[2] == 1);
    vs_widen(VS_I16, (const int16_t[]){-32768, 5, 32767}, f, 3);
    assert_true(f[0] == -32768 && f[1] == 5 && f[2] == 32767);
    vs_widen(VS_I32, (const int32_t[]){INT32_MIN, 16777217, 3}, f, 3);
    assert_true(f[0] == -0x1p31f && f[1] == 16777216 && f[2] == 3);
    vs_widen(VS_U16, (const uint16_t[]){0, 40000, 65535}, f, 3);
    assert_true(f[0] == 0 && f[1] == 40000 && f[2] == 65535);
    vs_widen(VS_U32, (const uint32_t[]){UINT32_MAX, 16777217, 3}, f, 3);
    assert_true(f[0] == 0x1p32f && f[1] == 16777216 && f[2] == 3);
    vs_widen(VS_U64, (const uint64_t[]){UINT64_MAX, (uint64_t)1 << 63, 1}, f, 3);
    assert_true(f[0] == 0x1p64f && f[1] == 0x1p63f && f[2] == 1);
    vs_widen(VS_F8E4M3, (const uint8_t[]){0x7f, 0xff, 0x7e}, f, 3);
    assert_true(isnan(f[0]) && isnan(f[1]) && f[2] == 448);
    vs_widen(VS_F8E5M2, (const uint8_t[]){0x7c, 0xfc, 0x7d}, f, 3);
    assert_true(f[0] == INFINITY && f[1] == -INFINITY && isnan(f[2]));
    vs_widen(VS_F8E8M0, (const uint8_t[]){255, 0, 127}, f, 3);
    assert_true(isnan(f[0]) && f[1] == 0x1p-127f && f[2] == 1);
    vs_widen(VS_F8E4M3FNUZ, (const uint8_t[]){0x80, 0x7f, 0}, f, 3);
    assert_true(isnan(f[0]) && f[1] == 240 && f[2] == 0);
    vs_widen(VS_F8E5M2FNUZ, (const uint8_t[]){0x80, 0x7f, 0}, f, 3);
    assert_true(isnan(f[0]) && f[1] == 57344 && f[2] == 0);
    vs_widen(VS_I64, (const int64_t[]){INT64_MIN, -2, 1}, f, 3);
    assert_true(f[0] == -0x1p63f && f[1] == -2 && f[2] == 1);
    vs_widen(VS_F64, (const double[]){0.1, -1e300, 1e-300}, f, 3);
    assert_true(f[0] == 0.1f && f[1] == -INFINITY && f[2] == 0);
}

/* ---- functions ---- */

static double act_exact(vs_act act, double x) {
    switch (act) {
    case VS_ACT_RELU: return x > 0 ? x : 0;
    case VS_ACT_SILU: return x / (1 + exp(-x));
    case VS_ACT_TANH: return tanh(x);
    case VS_ACT_GELU: return 0.5 * x * erfc(-x * sqrt(0.5));
    case VS_ACT_GELU_TANH: return x / (1 + exp(-2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    }
    return (double)NAN;
}

static void activations_are_near_libm(void **state) {
    use(state);
    /* errors allowed: relative, where |x| < 3; and absolute, beyond */
    static const double relative[] = {0, 2e-7, 2e-7, 6e-7, 1e-6}, absolute[] = {0, 2e-6, 1e-7, 1e-6, 2e-6};
    for (int act = VS_ACT_RELU; act <= VS_ACT_GELU_TANH; act++)
        for (int i = -60000; i <= 60000; i++) {
            float x = (float)i * 0x1p-11f, y;
            vs_activate((vs_act)act, &x, &y, 1);
            double want = act_exact((vs_act)act, (double)x), off = fabs((double)y - want);
            if (!(off <= (fabsf(x) < 3 ? relative[act] * fabs(want) : absolute[act])))
                fail_msg("activation %d of %a: %a, want %a", act, (double)x, (double)y, want);
        }
}

static void activations_at_the_edges(void **state) {
    use(state);
    float x[] = {INFINITY, -1e30f, 1e30f, 0.0f, NAN}, y[5];
    for (int act = VS_ACT_RELU; act <= VS_ACT_GELU_TANH; act++) {
        vs_activate((vs_act)act, x, y, 5);
        float top = act == VS_ACT_TANH ? 1 : INFINITY, bottom = act == VS_ACT_TANH ? -1 : 0;
        assert_true(y[0] == top && y[1] == bottom && y[2] == (act == VS_ACT_TANH ? 1 : 1e30f) && y[3] == 0);
        assert_true(isnan(y[4]));
    }
}

static void softmax_edges(void **state) {
    use(state);
    float inf = INFINITY, x[40];
    for (size_t n = 1; n <= 40; n++) {
        for (size_t i = 0; i < n; i++) x[i] = -inf;
        assert_false(vs_softmax(x, n));
        for (size_t i = 0; i < n; i++) assert_true(x[i] == 0);

        for (size_t i = 0; i < n; i++) x[i] = i == n - 1 ? NAN : 1;
        assert_false(vs_softmax(x, n));
        for (size_t i = 0; i < n; i++) assert_true(x[i] == 0);

        for (size_t i = 0; i < n; i++) x[i] = i == n / 2 ? 3e38f : -inf;
        assert_true(vs_softmax(x, n));
        for (size_t i = 0; i < n; i++) assert_true(x[i] == (i == n / 2 ? 1 : 0));

        for (size_t i = 0; i < n; i++) x[i] = -1000;
        assert_true(vs_softmax(x, n));
        for (size_t i = 0; i < n; i++) assert_true(fabs((double)x[i] - 1.0 / (double)n) < 1e-7);
    }
    assert_true(vs_log_sum_exp(x, 0) == -inf);
    x[0] = -inf, x[1] = -inf;
    assert_true(vs_log_sum_exp(x, 2) == -inf);
    x[1] = NAN;
    assert_true(isnan(vs_log_sum_exp(x, 2)));
}

static void softmax_is_near_double(void **state) {
    use(state);
    for (int spread = 1; spread <= 100; spread *= 10) {
        float x[777], y[777];
        double top = -1e30, sum = 0;
        for (int i = 0; i < 777; i++) x[i] = y[i] = case_float() * (float)spread;
        for (int i = 0; i < 777; i++) top = fmax(top, (double)x[i]);
        for (int i = 0; i < 777; i++) sum += exp((double)x[i] - top);
        assert_true(fabs((double)vs_log_sum_exp(x, 777) - (top + log(sum))) <= 3e-7 * (1 + fabs(top)));
        assert_true(vs_softmax(y, 777));
        for (int i = 0; i < 777; i++) {
            double want = exp((double)x[i] - top) / sum; /* x - max is rounded: half a unit of |x - max| */
            assert_true(fabs((double)y[i] - want) <= want * (6e-7 + 0x1p-24 * (top - (double)x[i])) + 1e-45);
        }
    }
}

static void norms_are_near_double(void **state) {
    use(state);
    static const size_t sizes[] = {1, 17, 100, 640, 2048};
    for (size_t k = 0; k < 5; k++) {
        size_t n = sizes[k];
        float x[2048], g[2048], b[2048], y[2048];
        case_floats(x, n), case_floats(g, n), case_floats(b, n);
        for (size_t i = 0; i < n; i++) x[i] *= 90;
        x[n / 2] = 1.2e5f, x[n / 3] = -8e4f; /* as in Gemma's streams */
        double mean = 0, var = 0, square = 0;
        for (size_t i = 0; i < n; i++)
            mean += (double)x[i] / (double)n, square += (double)x[i] * (double)x[i] / (double)n;
        for (size_t i = 0; i < n; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
        vs_rms_norm(x, g, 1, 1e-6f, y, n);
        for (size_t i = 0; i < n; i++) {
            double want = (double)x[i] / sqrt(square + 1e-6) * (1 + (double)g[i]);
            assert_true(fabs((double)y[i] - want) <= 1e-6 * fabs(want));
        }
        vs_layer_norm(x, g, b, 1e-5f, y, n);
        for (size_t i = 0; i < n; i++) {
            double scaled = ((double)x[i] - mean) / sqrt(var + 1e-5), want = scaled * (double)g[i] + (double)b[i];
            assert_true(fabs((double)y[i] - want) <= 1e-6 * (fabs(scaled) + fabs(mean) / sqrt(var + 1e-5) + 1));
        }
    }
}

static void attention_halves(void **state) {
    use(state);
    enum { ROWS = 37, MANY = 9, N = 83 };
    static float m[ROWS * N], p[MANY * ROWS], y[MANY * N], one[N];
    case_floats(m, ROWS * N);
    for (int i = 0; i < MANY; i++)
        for (int s = 0; s < ROWS; s++) p[i * ROWS + s] = s < 20 + i ? fabsf(case_float()) : 0; /* causal rows */
    vs_mix_block(p, MANY, ROWS, m, ROWS, N, N, y, N);
    for (int i = 0; i < MANY; i++) {
        vs_mix_rows(p + i * ROWS, m, (size_t)(20 + i), N, N, one); /* without the rows of weight 0 */
        assert_memory_equal(y + i * N, one, sizeof one);
        for (int k = 0; k < N; k++) {
            float want = 0;
            for (int s = 0; s < 20 + i; s++) want = fmaf(p[i * ROWS + s], m[s * N + k], want);
            assert_true(want == one[k]);
        }
    }
}

static void rope_turns_pairs(void **state) {
    use(state);
    enum { DH = 80, TURNED = 68 };
    float x[2 * DH], was[2 * DH], c[TURNED / 2], s[TURNED / 2];
    case_floats(x, 2 * DH);
    memcpy(was, x, sizeof x);
    for (int i = 0; i < TURNED / 2; i++) c[i] = cosf((float)i), s[i] = sinf((float)i);
    vs_rope(x, 2, DH, TURNED, c, s);
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < DH; i++) {
            double a = (double)was[h * DH + i], want = a;
            int k = i % (TURNED / 2);
            if (i < TURNED / 2)
                want = a * (double)c[k] - (double)was[h * DH + i + TURNED / 2] * (double)s[k];
            else if (i < TURNED)
                want = a * (double)c[k] + (double)was[h * DH + i - TURNED / 2] * (double)s[k];
            assert_true(fabs((double)x[h * DH + i] - want) < 3e-7);
        }
}

static void argmax_takes_the_first(void **state) {
    use(state);
    static float x[3000];
    for (int i = 0; i < 3000; i++) x[i] = -1;
    x[2100] = x[2999] = x[1029] = 4;
    x[3] = NAN;
    assert_int_equal(vs_argmax(x, 3000), 1029);
    assert_int_equal(vs_argmax(x, 4), 0);
    assert_int_equal(vs_argmax(x + 3, 1), 0);
    x[0] = NAN;
    assert_int_equal(vs_argmax(x, 3), 1);
    x[0] = x[1] = x[2] = -INFINITY;
    assert_int_equal(vs_argmax(x, 3), 0);
}

static void sums_in_the_order_of_the_header(void **state) {
    use(state);
    for (size_t n = 0; n <= 70; n++) {
        float x[70], y[70], lane[16] = {0}, plain[16] = {0};
        case_floats(x, n), case_floats(y, n);
        for (size_t i = 0; i < n; i++) lane[i % 16] = fmaf(x[i], y[i], lane[i % 16]), plain[i % 16] += x[i];
        for (int step = 8; step; step /= 2)
            for (int l = 0; l < step; l++) lane[l] += lane[l + step], plain[l] += plain[l + step];
        assert_true(vs_dot(x, y, n) == lane[0] && vs_sum(x, n) == plain[0]);
    }
}

/* ---- instruction sets and tensors ---- */

static void isa_names(void **state) {
    (void)state;
    vs_err err = {0};
    bool available;
    assert_string_equal(vs_isa_list(0, &available), "scalar");
    assert_true(available);
    assert_int_equal(vs_isa_set(&err, "sse9"), VS_E_UNKNOWN);
    assert_non_null(strstr(err.msg, "sse9"));
}

static void tensor_views(void **state) {
    (void)state;
    vs_tensor t;
    vs_err err = {0};
    size_t bytes, shape[5] = {3, 64, 1, 1, 1};
    char text[64];
    unsigned char data[3 * 2 * 34] = {0};
    data[2 * 34 * 2 + 1] = 0x3c, data[2 * 34 * 2 + 2 + 5] = 9; /* row 2, element 5: 1.0 * 9 */
    assert_int_equal(vs_tensor_over(&err, data, VS_Q8_0, 2, shape, &t, &bytes), VS_OK);
    assert_int_equal(bytes, sizeof data);
    assert_true(vs_tensor_count(&t) == 192 && vs_tensor_cols(&t) == 64 && vs_tensor_rows(&t) == 3);
    assert_true(t.stride[0] == 68 && vs_tensor_row(&t, 2) == data + 136);
    float row[64];
    assert_int_equal(vs_tensor_row_f32(&err, &t, 2, row), VS_OK);
    assert_true(row[5] == 9 && row[4] == 0);
    assert_int_equal(vs_tensor_row_f32(&err, &t, 3, row), VS_E_RANGE);
    assert_int_equal(vs_tensor_over(&err, data, VS_Q4_K, 2, shape, &t, &bytes), VS_E_SHAPE);
    assert_non_null(strstr(err.msg, "q4_k"));
    assert_int_equal(vs_tensor_over(&err, data, VS_F32, 5, shape, &t, &bytes), VS_E_SHAPE);
    assert_int_equal(vs_tensor_over(&err, data, VS_Q8_0, 0, shape, &t, &bytes), VS_E_SHAPE);
    assert_int_equal(vs_tensor_over(&err, data, VS_F32, 0, shape, &t, &bytes), VS_OK);
    assert_true(bytes == 4 && vs_tensor_count(&t) == 1 && vs_tensor_cols(&t) == 1 && vs_tensor_rows(&t) == 1);
    size_t huge[3] = {SIZE_MAX / 2, 3, 0};
    assert_int_equal(vs_tensor_over(&err, data, VS_I8, 2, huge, &t, &bytes), VS_E_SHAPE);
    assert_int_equal(vs_tensor_over(&err, data, VS_I8, 3, huge, &t, &bytes), VS_E_SHAPE);
    shape[0] = 262144, shape[1] = 640;
    assert_string_equal(vs_shape_text(shape, 2, text, sizeof text), "[262144, 640]");
    assert_string_equal(vs_shape_text(shape, 0, text, sizeof text), "[]");
    assert_string_equal(vs_shape_text(shape, 2, text, 6), "[2621");
}

int main(void) {
#define FOR_ISA(f)                                                                                                     \
    { #f, f, NULL, NULL, NULL }
    static const struct CMUnitTest of_each_isa[] = {
        FOR_ISA(same_bits_as_scalar),
        FOR_ISA(same_bits_for_any_threads),
        FOR_ISA(sums_in_the_order_of_the_header),
        FOR_ISA(product_is_near_double),
        FOR_ISA(product_of_one_row_is_that_of_a_batch),
        FOR_ISA(product_has_the_bits_of_dots),
        FOR_ISA(turned_product_has_the_bits_of_chains),
        FOR_ISA(product_refuses_wrong_shapes),
        FOR_ISA(product_over_nothing_is_the_bias),
        FOR_ISA(widen_is_the_reference),
        FOR_ISA(widen_is_exact_for_every_half),
        FOR_ISA(widen_of_whole_numbers),
        FOR_ISA(activations_are_near_libm),
        FOR_ISA(activations_at_the_edges),
        FOR_ISA(softmax_edges),
        FOR_ISA(softmax_is_near_double),
        FOR_ISA(norms_are_near_double),
        FOR_ISA(attention_halves),
        FOR_ISA(rope_turns_pairs),
        FOR_ISA(argmax_takes_the_first),
    };
    enum { EACH = sizeof of_each_isa / sizeof *of_each_isa };
    static const struct CMUnitTest once[] = {cmocka_unit_test(isa_names), cmocka_unit_test(tensor_views),
                                             cmocka_unit_test(narrow_is_gguf_py), cmocka_unit_test(narrow_edges)};
    int failed = cmocka_run_group_tests_name("tensors", once, NULL, NULL);
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

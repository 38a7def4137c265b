/* bench_kernels.c - how fast the kernels are, beside what the machine can do at all.
 *
 *   make bench-kernels [ISA=avx2]
 *
 * Every line is the best of several runs on all threads.  GB/s counts the bytes of the weights. */
#include "base/alloc.h"
#include "base/parallel.h"
#include "tensor/cpu.h"
#include "tensor/reverse.h"

#include <stdio.h>
#include <string.h>

static uint32_t state = 1;
static uint32_t random_bits(void) { return state = state * 1664525u + 1013904223u; }

/* Bytes that are sensible weights of type t: numbers near 1, blocks whose factors are small. */
static void fill(vs_dtype t, unsigned char *p, size_t bytes) {
    const vs_dtype_info *info = vs_dtype_of(t);
    if (t == VS_F32) {
        for (size_t i = 0; i < bytes / 4; i++) {
            float f = (float)(random_bits() >> 8) * 0x1p-24f - 0.5f;
            memcpy(p + 4 * i, &f, 4);
        }
        return;
    }
    for (size_t i = 0; i < bytes; i++) p[i] = (unsigned char)(random_bits() >> 24);
    size_t factor = t == VS_Q6_K ? 209 : 1; /* the high byte of an f16: below 1 */
    size_t every = info->block_bytes;
    for (size_t at = 0; at < bytes; at += every) {
        p[at + factor] &= 0x3b;
        if (t == VS_Q4_K || t == VS_Q5_K) p[at + 3] &= 0x3b;
    }
}

typedef struct span {
    const unsigned char *p;
    uint64_t sum[64];
} span;

static void read_span(void *arg, size_t begin, size_t end, int worker) {
    span *s = arg;
    uint64_t a[8] = {0}, v[8];
    for (size_t i = begin; i + 64 <= end; i += 64) {
        memcpy(v, s->p + i, 64);
        for (int j = 0; j < 8; j++) a[j] += v[j];
    }
    s->sum[worker % 64] = a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7];
}

typedef struct shape {
    const char *what;
    vs_dtype t;
    size_t rows, in, out;
    bool back; /* of this product: dx = dy W, and for f32 weights dW = dy^T x */
} shape;

static const shape shapes[] = {
    {"Gemma head", VS_Q8_0, 1, 640, 262144, false},
    {"Gemma ffn up", VS_Q5_0, 1, 640, 2048, false},
    {"Gemma ffn down", VS_Q6_K, 1, 2048, 640, false},
    {"Gemma attn out", VS_Q4_K, 1, 1024, 640, false},
    {"row", VS_Q5_0, 1, 640, 65536, false},
    {"row", VS_Q4_0, 1, 2048, 32768, false},
    {"row", VS_Q4_K, 1, 2048, 32768, false},
    {"row", VS_Q5_K, 1, 2048, 32768, false},
    {"row", VS_Q6_K, 1, 2048, 32768, false},
    {"row", VS_F16, 1, 2048, 32768, false},
    {"row", VS_F32, 1, 768, 50257, false},
    {"Gemma ffn up", VS_Q5_0, 512, 640, 2048, false},
    {"Gemma ffn down", VS_Q6_K, 512, 2048, 640, false},
    {"Gemma attn out", VS_Q4_K, 512, 1024, 640, false},
    {"batch", VS_Q8_0, 512, 640, 2048, false},
    {"batch", VS_F32, 2, 768, 3072, false},
    {"batch", VS_F32, 12, 768, 768, false},
    {"batch", VS_F32, 12, 768, 3072, false},
    {"batch", VS_F32, 64, 768, 3072, false},
    {"batch", VS_F32, 512, 768, 3072, false},
    {"batch", VS_F32, 12, 3072, 768, false},
    {"batch", VS_F32, 512, 3072, 768, false},
    {"back", VS_F32, 12, 768, 3072, true},
    {"back", VS_F32, 512, 768, 3072, true},
    {"back", VS_F32, 512, 3072, 768, true},
    {"back", VS_F32, 512, 768, 768, true},
    {"back", VS_F32, 512, 768, 50257, true},
    {"back", VS_Q8_0, 512, 640, 2048, true},
    {"back", VS_Q4_K, 12, 1024, 640, true},
    {"back", VS_Q4_K, 512, 1024, 640, true},
};

/* The product of a shape, or (weights: that of the weights) of its derivatives. */
static vs_status product(const shape *s, const vs_tensor *w, float *x, float *y, float *dw, bool weights) {
    size_t rows = s->rows, in = s->in, out = s->out, of_x[2] = {rows, in};
    vs_tensor t;
    if (!s->back) return vs_matmul(NULL, x, rows, in, in, w, NULL, y, out, out);
    if (!weights) return vs_outer(NULL, y, rows, out, 1, w, out, in, x, in, false);
    if (vs_tensor_over(NULL, x, VS_F32, 2, of_x, &t, NULL) != VS_OK) return VS_E_SHAPE;
    return vs_outer(NULL, y, out, 1, out, &t, rows, in, dw, in, true);
}

static int measure(const shape *s, unsigned char *w, float *x, float *y, bool weights) {
    size_t wanted[2] = {s->out, s->in}, bytes;
    vs_tensor t;
    if (vs_tensor_over(NULL, w, s->t, 2, wanted, &t, &bytes) != VS_OK) return 1;
    double best = 1e9, spent = 0, flops = 2.0 * (double)s->rows * (double)s->in * (double)s->out;
    for (int i = 0; i < 5 || (spent < 0.15 && i < 2000); i++) {
        double start = vs_seconds();
        if (product(s, &t, x, y, (float *)(void *)w, weights) != VS_OK) return 1;
        double took = vs_seconds() - start;
        spent += took;
        if (took < best) best = took;
    }
    printf("%-15s %-5s %4zu x [%6zu, %4zu]  %-7s %9.3f ms %8.1f GFLOP/s %7.1f GB/s\n", weights ? "back, weights" : s->what,
           vs_dtype_of(s->t)->name, s->rows, s->out, s->in, vs_isa_name(), best * 1e3, flops / best * 1e-9,
           (double)bytes / best * 1e-9);
    return s->back && !weights && s->t == VS_F32 ? measure(s, w, x, y, true) : 0;
}

int main(int argc, char **argv) {
    const size_t weights = (size_t)180 << 20, most = 512 * 50257;
    unsigned char *w = vs_alloc(weights, 1);
    float *x = vs_alloc(most, sizeof *x), *y = vs_alloc(most, sizeof *y);
    int failed = !w || !x || !y;
    if (failed) goto done;
    fill(VS_F32, (unsigned char *)x, most * sizeof *x);
    memset(y, 0, most * sizeof *y);
    memset(w, 1, weights);

    double best = 1e9;
    span s = {.p = w};
    for (int i = 0; i < 5; i++) {
        double start = vs_seconds();
        vs_parallel_for(weights, 4096, read_span, &s);
        double took = vs_seconds() - start;
        if (took < best) best = took;
    }
    printf("%d threads; memory read at %.1f GB/s\n", vs_threads(), (double)weights / best * 1e-9);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const vs_dtype_info *info = vs_dtype_of(shapes[i].t);
        fill(shapes[i].t, w, shapes[i].out * (shapes[i].in / info->block) * info->block_bytes);
        const char *name;
        bool available;
        for (size_t k = 0; (name = vs_isa_list(k, &available)); k++) {
            if (argc > 1 ? strcmp(name, argv[1]) != 0 : strcmp(name, "scalar") == 0) continue;
            if (!available) continue;
            if (vs_isa_set(NULL, name) != VS_OK || measure(&shapes[i], w, x, y, false)) failed = 1;
        }
    }
done:
    vs_free(w), vs_free(x), vs_free(y);
    return failed;
}

/* kernels.c - see kernels.h.  Hands each call to the instruction set in use, and large products to all threads. */
#include "kernels.h"

#include "../base/parallel.h"
#include "kernels_table.h"
#include "outer.h"

void vs_widen(vs_dtype t, const void *src, float *dst, size_t n) { vs__kernels_in_use()->widen(t, src, dst, n); }

/* A product to share out: `grain` outputs, or all of them, a thread at least. */
typedef struct product {
    const float *x, *b;
    size_t rows, in, ldx, ldy;
    const vs_tensor *w;
    float *y;
} product;

static size_t grain_of(size_t rows, size_t in, size_t out, size_t grain) {
    return (double)rows * (double)in * (double)out < VS__WORTH_A_TEAM ? out : grain;
}

static vs_status wrong_shape(vs_err *err, size_t rows, size_t in, const vs_tensor *w, size_t want0, size_t want1) {
    char text[96];
    return vs_fail(err, VS_E_SHAPE, "product of [%zu, %zu] with weights %s: want [%zu, %zu]", rows, in,
                   vs_shape_text(w->shape, w->ndim, text, sizeof text), want0, want1);
}

static void product_span(void *arg, size_t o0, size_t o1, int worker) {
    const product *p = arg;
    (void)worker;
    vs_matmul_span(p->x, p->rows, p->in, p->ldx, p->w, p->b, o0, o1, p->y + o0, p->ldy);
}

vs_status vs_matmul(vs_err *err, const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w, const float *b,
                    float *y, size_t out, size_t ldy) {
    if (w->ndim < 2 || vs_tensor_rows(w) != out || vs_tensor_cols(w) != in) return wrong_shape(err, rows, in, w, out, in);
    if (!vs_tensor_in_rows(w)) {
        vs_tensor in_out = {w->data, w->dtype, 2, {in, out}, {w->stride[1], w->stride[0]}};
        return vs_matmul_t(err, x, rows, in, ldx, &in_out, b, y, out, ldy);
    }
    product p = {.x = x, .b = b, .rows = rows, .in = in, .ldx = ldx, .ldy = ldy, .w = w, .y = y};
    vs_parallel_for(out, grain_of(rows, in, out, 12), product_span, &p);
    return VS_OK;
}

void vs_matmul_span(const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w, const float *b, size_t o0,
                    size_t o1, float *y, size_t ldy) {
    size_t run = w->shape[w->ndim - 2]; /* rows at one stride */
    for (size_t o = o0, end; o < o1; o = end) {
        end = run - o % run < o1 - o ? o + run - o % run : o1;
        vs__weights part = {.p = vs_tensor_row(w, o), .stride = w->stride[w->ndim - 2], .dtype = w->dtype};
        vs__kernels_in_use()->matmul(x, rows, in, ldx, part, b ? b + o : NULL, y + (o - o0), end - o, ldy);
    }
}

vs_status vs_matmul_t(vs_err *err, const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w,
                      const float *b, float *y, size_t out, size_t ldy) {
    if (w->ndim != 2 || w->shape[0] != in || w->shape[1] != out) return wrong_shape(err, rows, in, w, in, out);
    const vs_dtype_info *info = vs_dtype_of(w->dtype);
    if (info->block > 1 || !vs_tensor_in_rows(w))
        return vs_fail(err, VS_E_UNSUPPORTED, "product with transposed weights of type %s", info->name);
    return vs__outer_from(err, x, rows, ldx, 1, w, in, out, b, 0, y, ldy);
}

float vs_dot(const float *x, const float *y, size_t n) { return vs__kernels_in_use()->dot(x, y, n); }
float vs_sum(const float *x, size_t n) { return vs__kernels_in_use()->sum(x, n); }
float vs_sum_squares(const float *x, size_t n) { return vs__kernels_in_use()->sum_squares(x, n); }

void vs_dot_rows(const float *x, const float *m, size_t rows, size_t ld, size_t n, float *y) {
    vs__kernels_in_use()->dot_rows(x, m, rows, ld, n, y);
}
void vs_mix_rows(const float *p, const float *m, size_t rows, size_t ld, size_t n, float *y) {
    vs__kernels_in_use()->mix(p, 1, rows, m, rows, ld, n, y, n);
}
void vs_mix_block(const float *p, size_t many, size_t ldp, const float *m, size_t rows, size_t ld, size_t n, float *y,
                  size_t ldy) {
    vs__kernels_in_use()->mix(p, many, ldp, m, rows, ld, n, y, ldy);
}
void vs_axpy(float a, const float *x, float *y, size_t n) { vs__kernels_in_use()->axpy(a, x, y, n); }
void vs_scale_by(float *x, float a, size_t n) { vs__kernels_in_use()->scale_by(x, a, n); }

void vs_layer_norm(const float *x, const float *g, const float *b, float eps, float *y, size_t n) {
    vs__kernels_in_use()->layer_norm(x, g, b, eps, y, n);
}
void vs_rms_norm(const float *x, const float *g, float plus, float eps, float *y, size_t n) {
    vs__kernels_in_use()->rms_norm(x, g, plus, eps, y, n);
}

bool vs_softmax(float *x, size_t n) { return vs__kernels_in_use()->softmax(x, n); }
float vs_log_sum_exp(const float *x, size_t n) { return vs__kernels_in_use()->log_sum_exp(x, n); }
void vs_activate(vs_act act, const float *x, float *y, size_t n) { vs__kernels_in_use()->activate(act, x, y, n); }
void vs_mul_into(const float *a, const float *b, float *y, size_t n) { vs__kernels_in_use()->mul_into(a, b, y, n); }
void vs_add_into(const float *a, const float *b, float *y, size_t n) { vs__kernels_in_use()->add_into(a, b, y, n); }

void vs_soft_cap(float *y, float cap, size_t n) {
    vs_scale_by(y, 1 / cap, n);
    vs_activate(VS_ACT_TANH, y, y, n);
    vs_scale_by(y, cap, n);
}

void vs_rope(float *x, size_t H, size_t dh, size_t n, const float *cos, const float *sin) {
    vs__kernels_in_use()->rope(x, H, dh, n, cos, sin);
}
size_t vs_argmax(const float *x, size_t n) { return vs__kernels_in_use()->argmax(x, n); }

void vs_scan_codes(const vs_scan *s, uint16_t *reach) { vs__kernels_in_use()->scan_codes(s, reach); }

void vs_sums_above(const float *x, const float *m, size_t ld, const uint32_t *row, size_t rows, size_t n,
                   const float *floor, bool *above) {
    vs__kernels_in_use()->sums_above(x, m, ld, row, rows, n, floor, above);
}

void vs_fold_max(const float *x, size_t n, size_t s, float *out) { vs__kernels_in_use()->fold_max(x, n, s, out); }

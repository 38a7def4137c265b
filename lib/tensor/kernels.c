/* kernels.c - see kernels.h.  Hands each call to the instruction set in use, and large products to all threads. */
#include "kernels.h"

#include "../base/parallel.h"
#include "kernels_table.h"

/* Below so many multiply-adds a team of threads costs more than it saves. */
static const double worth_a_team = 50e3;

void vs_widen(vs_dtype t, const void *src, float *dst, size_t n) { vs__kernels_in_use()->widen(t, src, dst, n); }

typedef struct product {
    const float *x, *b;
    size_t rows, in, ldx, ldy;
    const vs_tensor *w;
    float *y;
} product;

static void product_span(void *arg, size_t o0, size_t o1, int worker) {
    const product *p = arg;
    (void)worker;
    vs_matmul_span(p->x, p->rows, p->in, p->ldx, p->w, p->b, o0, o1, p->y + o0, p->ldy);
}

vs_status vs_matmul(vs_err *err, const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w, const float *b,
                    float *y, size_t out, size_t ldy) {
    char text[96];
    if (w->ndim != 2 || w->shape[0] != out || w->shape[1] != in)
        return vs_fail(err, VS_E_SHAPE, "product of [%zu, %zu] with weights %s: want [%zu, %zu]", rows, in,
                       vs_shape_text(w->shape, w->ndim, text, sizeof text), out, in);
    if (in % vs_dtype_of(w->dtype)->block)
        return vs_fail(err, VS_E_SHAPE, "rows of %zu elements are not whole blocks of %s", in,
                       vs_dtype_of(w->dtype)->name);
    product p = {x, b, rows, in, ldx, ldy, w, y};
    enum { GRAIN = 16 }; /* outputs a thread takes at least: a whole cache line of y */
    size_t grain = (double)rows * (double)in * (double)out < worth_a_team ? out : GRAIN;
    vs_parallel_for(out, grain, product_span, &p);
    return VS_OK;
}

void vs_matmul_span(const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w, const float *b, size_t o0,
                    size_t o1, float *y, size_t ldy) {
    vs__weights rows_of_w = {(const unsigned char *)w->data + o0 * w->stride[0], w->stride[0], w->dtype};
    vs__kernels_in_use()->matmul(x, rows, in, ldx, rows_of_w, b ? b + o0 : NULL, y, o1 - o0, ldy);
}

float vs_dot(const float *x, const float *y, size_t n) { return vs__kernels_in_use()->dot(x, y, n); }
float vs_sum(const float *x, size_t n) { return vs__kernels_in_use()->sum(x, n); }
float vs_sum_squares(const float *x, size_t n) { return vs__kernels_in_use()->sum_squares(x, n); }

void vs_dot_rows(const float *x, const float *m, size_t rows, size_t ld, size_t n, float *y) {
    vs__kernels_in_use()->dot_rows(x, m, rows, ld, n, y);
}
void vs_mix_rows(const float *p, const float *m, size_t rows, size_t ld, size_t n, float *y) {
    vs__kernels_in_use()->mix_rows(p, m, rows, ld, n, y);
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

void vs_rope(float *x, size_t H, size_t dh, size_t n, const float *cos, const float *sin) {
    vs__kernels_in_use()->rope(x, H, dh, n, cos, sin);
}
size_t vs_argmax(const float *x, size_t n) { return vs__kernels_in_use()->argmax(x, n); }

void vs_scan_codes(const int8_t *codes, const float *scale, size_t blocks, size_t pairs, const int16_t *q, float step,
                   float add, float floor, uint16_t *reach) {
    vs__kernels_in_use()->scan_codes(codes, scale, blocks, pairs, q, step, add, floor, reach);
}

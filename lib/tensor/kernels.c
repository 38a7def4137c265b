/* kernels.c - see kernels.h.  Hands each call to the instruction set in use, and large products to all threads. */
#include "kernels.h"

#include "../base/alloc.h"
#include "../base/parallel.h"
#include "kernels_table.h"

#include <stdatomic.h>

/* Below so many multiply-adds a team of threads costs more than it saves. */
static const double worth_a_team = 50e3;

void vs_widen(vs_dtype t, const void *src, float *dst, size_t n) { vs__kernels_in_use()->widen(t, src, dst, n); }

/* A product to share out: `grain` outputs, or all of them, a thread at least. */
typedef struct product {
    const float *x, *b;
    size_t rows, in, ldx, ldy;
    const vs_tensor *w;
    float *y, *packed, *panels; /* x as vs_matmul_t's kernel reads it, scratch for each thread */
} product;

static size_t grain_of(size_t rows, size_t in, size_t out, size_t grain) {
    return (double)rows * (double)in * (double)out < worth_a_team ? out : grain;
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
    product p = {x, b, rows, in, ldx, ldy, w, y, NULL, NULL};
    vs_parallel_for(out, grain_of(rows, in, out, 12), product_span, &p);
    return VS_OK;
}

void vs_matmul_span(const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w, const float *b, size_t o0,
                    size_t o1, float *y, size_t ldy) {
    size_t run = w->shape[w->ndim - 2]; /* rows at one stride */
    for (size_t o = o0, end; o < o1; o = end) {
        end = run - o % run < o1 - o ? o + run - o % run : o1;
        vs__weights part = {vs_tensor_row(w, o), w->stride[w->ndim - 2], w->dtype};
        vs__kernels_in_use()->matmul(x, rows, in, ldx, part, b ? b + o : NULL, y + (o - o0), end - o, ldy);
    }
}

static void product_t_span(void *arg, size_t o0, size_t o1, int worker) {
    const product *p = arg;
    size_t bytes = vs_dtype_of(p->w->dtype)->block_bytes;
    vs__weights part = {(const unsigned char *)p->w->data + o0 * bytes, p->w->stride[0], p->w->dtype};
    vs__kernels_in_use()->matmul_t(p->x, p->rows, p->in, p->packed, part, p->b ? p->b + o0 : NULL, p->y + o0, o1 - o0, p->ldy,
                                   p->panels + (size_t)worker * VS__T_PANEL(p->in));
}

static void pack_span(void *arg, size_t r0, size_t r1, int worker) {
    const product *p = arg;
    (void)worker;
    for (size_t r = r0; r < r1; r += VS__T_ROWS) {
        size_t block = r / VS__T_BLOCK * VS__T_BLOCK, depth = (p->in + 15) / 16;
        size_t rows = p->rows - block < VS__T_BLOCK ? p->rows - block : VS__T_BLOCK;
        vs__kernels_in_use()->pack_t(p->x + r * p->ldx, r1 - r < VS__T_ROWS ? r1 - r : VS__T_ROWS, p->in, p->ldx,
                                     p->packed + VS__T_PACKED(block, p->in) + (r - block) * depth, VS__T_PACKED(rows, p->in) / 16);
    }
}

/* What a product by columns works in stays for the next: fresh pages take longer to fill in than they are used.  Two at
 * once have one each, and the later one is given back. */
typedef struct t_work {
    size_t floats;
    _Alignas(64) float at[];
} t_work;
static _Atomic(t_work *) spare_work;

static t_work *work_for(size_t floats) {
    t_work *w = atomic_exchange(&spare_work, NULL);
    if (w && w->floats >= floats && w->floats / 64 <= floats) return w;
    vs_free(w);
    size_t bytes;
    if (!vs_mul(floats, sizeof *w->at, &bytes) || !vs_add(bytes, sizeof *w, &bytes)) return NULL;
    if ((w = vs_alloc_wide(bytes, 1))) w->floats = floats;
    return w;
}

/* vs_matmul_t() for several rows. */
static vs_status product_t(vs_err *err, product *p, size_t out) {
    size_t packed, panels, tiles = (p->rows - 1) / VS__T_ROWS + 1, depth = (p->in + 15) / 16;
    t_work *work = NULL;
    if (vs_mul(tiles * VS__T_ROWS, depth * 16, &packed) && vs_mul((size_t)vs_threads() * VS__T_COLS, depth * 16, &panels) &&
        vs_add(packed, panels, &panels))
        work = work_for(panels);
    if (!work) return vs_fail(err, VS_E_NOMEM, "no memory for a copy of %zu rows of %zu", p->rows, p->in);
    p->packed = work->at;
    p->panels = work->at + packed;
    vs_parallel_for(p->rows, grain_of(p->rows, p->in, p->rows, VS__T_ROWS), pack_span, p);
    vs_parallel_for(out, grain_of(p->rows, p->in, out, VS__T_COLS), product_t_span, p);
    vs_free(atomic_exchange(&spare_work, work));
    return VS_OK;
}

vs_status vs_matmul_t(vs_err *err, const float *x, size_t rows, size_t in, size_t ldx, const vs_tensor *w,
                      const float *b, float *y, size_t out, size_t ldy) {
    if (w->ndim != 2 || w->shape[0] != in || w->shape[1] != out) return wrong_shape(err, rows, in, w, in, out);
    const vs_dtype_info *info = vs_dtype_of(w->dtype);
    if (info->block > 1 || !vs_tensor_in_rows(w))
        return vs_fail(err, VS_E_UNSUPPORTED, "product with transposed weights of type %s", info->name);
    product p = {x, b, rows, in, ldx, ldy, w, y, NULL, NULL};
    if (rows > 1) return product_t(err, &p, out);
    vs_parallel_for(out, grain_of(rows, in, out, VS__T_COLS), product_t_span, &p);
    return VS_OK;
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

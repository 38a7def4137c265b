/* outer.c - products by the chains of reverse.h, on all threads: A is packed once for all of them. */
#include "outer.h"

#include "../base/parallel.h"
#include "kernels_table.h"
#include "room.h"

/* Columns and rows of C that a thread takes at least. */
enum { COLS = 64, ROWS = 21 * VS__OUTER_ROWS };

/* C = F + A B for elements [k0, k1) of k. */
typedef struct product {
    const float *a;
    size_t m, rs, ks, k0, k1, n;
    const vs_tensor *b;
    const float *from;
    size_t ldfrom;
    float *c;
    size_t ldc;
    vs__packed packed;
} product;

/* B lies in runs of rows at one stride, and A is packed run by run: what is left of the one that row k is in. */
static size_t run_at(const product *p, size_t k) {
    size_t run = vs_tensor_in_rows(p->b) ? p->b->shape[p->b->ndim - 2] : p->k1, left = run - k % run;
    return left < p->k1 - k ? left : p->k1 - k;
}
static vs__packed packed_at(const product *p, size_t k, size_t row) {
    return (vs__packed){p->packed.at ? p->packed.at + (k - p->k0) * p->packed.whole : NULL, p->packed.whole, row};
}

static void pack(void *arg, size_t from, size_t to, int worker) {
    const product *p = arg;
    (void)worker;
    for (size_t k = p->k0, run; k < p->k1; k += run) {
        run = run_at(p, k);
        vs__kernels_in_use()->outer_pack(p->a + from * p->rs + k * p->ks, to - from, p->rs, p->ks, run, packed_at(p, k, from));
    }
}

/* Rows [r0, r1) and columns [c0, c1) of C. */
static void part(const product *p, size_t r0, size_t r1, size_t c0, size_t c1) {
    float *c = p->c + r0 * p->ldc + c0;
    const float *from = p->from ? p->from + r0 * p->ldfrom + c0 : NULL;
    size_t ldfrom = p->ldfrom, k = p->k0, run;
    do { /* once even where there is nothing to sum */
        run = p->k1 > k ? run_at(p, k) : 0;
        bool turned = !vs_tensor_in_rows(p->b);
        vs__weights w = {vs_tensor_row(p->b, k), p->b->stride[p->b->ndim - (turned ? 1 : 2)], p->b->dtype, turned};
        vs__kernels_in_use()->outer(p->a + r0 * p->rs + k * p->ks, packed_at(p, k, r0), r1 - r0, p->rs, p->ks, w, run, c0, c1 - c0, from,
                                    ldfrom, c, p->ldc);
        from = c, ldfrom = p->ldc;
        k += run;
    } while (k < p->k1);
}

static void columns(void *arg, size_t from, size_t to, int worker) {
    (void)worker;
    part(arg, 0, ((const product *)arg)->m, from, to);
}

static void rows(void *arg, size_t from, size_t to, int worker) {
    (void)worker;
    part(arg, from, to, 0, ((const product *)arg)->n);
}

/* A piece of the product; without a packed A where there is no room for it. */
static void on_all_threads(product *p, float *work) {
    bool alone = (double)p->m * (double)p->n * (double)(p->k1 - p->k0) < VS__WORTH_A_TEAM;
    p->packed = (vs__packed){work, (p->m + VS__OUTER_ROWS - 1) / VS__OUTER_ROWS * VS__OUTER_ROWS, 0};
    if (p->packed.at) vs_parallel_for(p->m, alone ? p->m : VS__OUTER_ROWS, pack, p);
    if (p->m > p->n) /* a tall C: each thread its own rows of A, and a panel of B again */
        vs_parallel_for(p->m, alone ? p->m : ROWS, rows, p);
    else
        vs_parallel_for(p->n, alone ? p->n : COLS, columns, p);
}

vs_status vs__outer_from(vs_err *err, const float *a, size_t m, size_t rs, size_t ks, const vs_tensor *b, size_t k, size_t n,
                         const float *from, size_t ldfrom, float *c, size_t ldc) {
    char text[96];
    const vs_dtype_info *info = vs_dtype_of(b->dtype);
    if (b->ndim < 2 || vs_tensor_rows(b) != k || vs_tensor_cols(b) != n)
        return vs_fail(err, VS_E_SHAPE, "product of [%zu, %zu] with %s: want [%zu, %zu]", m, k,
                       vs_shape_text(b->shape, b->ndim, text, sizeof text), k, n);
    bool turned = !vs_tensor_in_rows(b);
    if (turned && (info->block > 1 || b->ndim > 2 || b->stride[0] != info->block_bytes))
        return vs_fail(err, VS_E_UNSUPPORTED, "product with a view of %s that lies neither in rows nor in columns", info->name);
    bool many = k && (m > VS__OUTER_FEW || turned);
    size_t tall = m, deep = k; /* of a piece */
    if (many && m > VS__PACKED / k) {
        if (m > k)
            tall = VS__PACKED / k / ROWS * ROWS + ROWS;
        else
            deep = VS__PACKED / m / VS__OUTER_DEPTH * VS__OUTER_DEPTH + VS__OUTER_DEPTH;
    }
    float *work = many ? vs__room_take((tall + VS__OUTER_ROWS) * deep) : NULL;
    for (size_t r = 0; r < m; r += tall) {
        size_t j = 0;
        do {
            size_t some = m - r < tall ? m - r : tall, end = k - j < deep ? k : j + deep;
            const float *start = j ? c : from;
            size_t ldstart = j ? ldc : ldfrom;
            product p = {a + r * rs, some, rs, ks, j, end, n, b, start ? start + r * ldstart : NULL, ldstart, c + r * ldc, ldc, {0}};
            on_all_threads(&p, work);
            j = end;
        } while (j < k);
    }
    vs__room_give(work);
    return VS_OK;
}

vs_status vs_outer(vs_err *err, const float *a, size_t m, size_t rs, size_t ks, const vs_tensor *b, size_t k, size_t n, float *c,
                   size_t ldc, bool more) {
    return vs__outer_from(err, a, m, rs, ks, b, k, n, more ? c : NULL, ldc, c, ldc);
}

void vs_outer_span(const float *a, size_t m, size_t rs, size_t ks, const float *b, size_t ldb, size_t k, size_t n, float *c,
                   size_t ldc, bool more) {
    vs__weights w = {.p = (const unsigned char *)b, .stride = ldb * sizeof *b, .dtype = VS_F32};
    vs__kernels_in_use()->outer(a, (vs__packed){0}, m, rs, ks, w, k, 0, n, more ? c : NULL, ldc, c, ldc);
}

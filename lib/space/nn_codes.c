/* nn_codes.c - which rows can be among the nearest, told from 8-bit codes by a proven bound.
 *
 * A row y is held as codes c in [-127, 127] with its own scale s: y = s c + e.  A query x is held in 16 bits:
 * x = t p + g.  Then
 *
 *     x.y  =  s t p.c + g.(s c) + x.e,        p.c exact in whole numbers
 *     |g.(s c)| <= |g| (|y| + |e|)      |x.e| <= |x| |e|               (Cauchy and Schwarz)
 *
 * When the codes are made, the largest |e| / s and |y| / s of all rows are measured in double, R and M.  So
 *
 *     x.y  <=  s (t p.c + |x| R + |g| (M + R))
 *
 * Dot product.  The score that counts is not x.y but what f32 makes of it, which is off by at most G |x| |y| <= G |x| M s
 * (G = vs__round_off()).  And the bound itself is worked out in f32.  Its parts are no larger than
 * |t p.c| <= (|x| + |g|) (M + R), as t |p| <= |x| + |g| and |c| <= M + R, and add; it is rounded when p.c becomes an f32, at
 * the product with t, the sum, and the product with s: 4 times by a part in 2^24 each.  So with
 *
 *     add  =  |x| (R + G M) + |g| (M + R) + 2^-21 (…)        … = (|x| + |g|) (M + R) + the terms before
 *
 * a row can be left out when s (t p.c + add) < floor, floor being the score of the k-th best row so far: its score is then
 * less, not equal.  2^-21 is 8 roundings.
 *
 * Cosine.  The score is fl(fl(x.y) i) with i = 1/|y| as f32; both sides are multiplied by that number, which costs a
 * rounding each (the scale is held as fl(s i)): 6 of the 8.
 *
 * L2.  |x - y|^2 = |x|^2 + |y|^2 - 2 x.y > w^2, w the worst distance among the k best, where
 *
 *     s (2 t p.c + 2 add) - |y|^2 (1 - 2 G - 2^-20)  <  |x|^2 - w^2
 *
 * |y|^2 is 1 / i^2, off by less than G + 2^-21 of it; the other 2^-21 and a G pay for rounding it to f32 and for the sum
 * (its part of that rounding; the product's is one more of the 8).  The right side, of numbers in double that are off by a
 * share of less than G each, is lowered by that and rounded down.  The distance of what is left is worked out in double.
 *
 * What is left is scored as any row is, so the answer is the same, bit for bit, as that of the plain scan.  The scale of a
 * row that is scored in double is NaN, which never is less than anything: it is always looked at.  Rows of zeros have
 * codes, scale and error 0.  Nothing in the other rows underflows: they are at least 1e-12 long (nn.c). */
#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../tensor/kernels.h"
#include "nn_impl.h"

enum { CODE_MAX = 127, QUERY_MAX = 32767 };

struct vs__codes {
    int8_t *code; /* [blocks, pairs, 16, 2] as vs_scan_codes() reads them */
    float *scale; /* [16 blocks] s */
    float *over;  /* [16 blocks] s / |y| */
    float *less;  /* [16 blocks] -|y|^2 (1 - …) */
    size_t pairs, blocks;
    double lost, most; /* R, M */
};

void vs__codes_free(vs__codes *c) {
    if (!c) return;
    vs_free(c->code);
    vs_free(c->scale);
    vs_free(c->over);
    vs_free(c->less);
    vs_free(c);
}

/* ---- making the codes ---- */

typedef struct coding {
    const vs_space *s;
    const float *inverse;
    vs__codes *codes;
    double *lost, *most; /* of each worker */
    float *wide;         /* [d] of each worker */
} coding;

/* To the nearest whole number for |a| < 2^22: in a sum with 1.5 2^23 the last bit counts ones. */
static float nearest(float a) {
    const float shift = 0x1.8p23F;
    return (a + shift) - shift;
}

/* The codes of one row at lane l of its block, and its scale; |e| / s and |y| / s are taken into *lost and *most. */
static void code_row(const float *row, size_t d, int8_t *lane, float *scale, double *lost, double *most) {
    float largest = 0;
    for (size_t j = 0; j < d; j++) {
        float v = fabsf(row[j]);
        largest = v > largest ? v : largest;
    }
    *scale = largest / CODE_MAX;
    double s = (double)*scale, e2 = 0, y2 = 0; /* the scale that is used is the one that is measured */
    float to_code = (float)(1 / s);
    for (size_t j = 0; j < d; j++) {
        float c = nearest(row[j] * to_code);
        c = c > CODE_MAX ? CODE_MAX : c < -CODE_MAX ? -CODE_MAX : c;
        lane[j / 2 * (2 * VS__CODE_ROWS) + j % 2] = (int8_t)c;
        double e = (double)row[j] - s * (double)c;
        e2 += e * e;
        y2 += (double)row[j] * (double)row[j];
    }
    *lost = fmax(*lost, sqrt(e2) / s);
    *most = fmax(*most, sqrt(y2) / s);
}

static void code_span(void *arg, size_t begin, size_t end, int worker) {
    const coding *q = arg;
    vs__codes *c = q->codes;
    const float *data = vs_space_data(q->s);
    size_t d = q->s->d, bytes = c->pairs * 2 * VS__CODE_ROWS;
    float *wide = q->wide + (size_t)worker * d;
    double keep = 1 - 2 * vs__round_off(d) - 0x1p-20;
    for (size_t b = begin; b < end; b++) {
        int8_t *block = c->code + b * bytes;
        memset(block, 0, bytes);
        for (size_t l = 0; l < VS__CODE_ROWS; l++) {
            size_t r = b * VS__CODE_ROWS + l;
            float inverse = r < q->s->n ? q->inverse[r] : 0;
            c->scale[r] = c->over[r] = c->less[r] = inverse == 0 ? 0 : NAN;
            if (inverse == 0 || isnan(inverse)) continue;
            if (!data) vs_widen(q->s->rows.dtype, vs_tensor_row(&q->s->rows, r), wide, d);
            code_row(data ? data + r * d : wide, d, block + 2 * l, &c->scale[r], &q->lost[worker], &q->most[worker]);
            c->over[r] = c->scale[r] * inverse;
            c->less[r] = (float)(-keep / ((double)inverse * (double)inverse));
        }
    }
}

vs__codes *vs__codes_new(const vs_space *s, const float *inverse) {
    size_t blocks = (s->n + VS__CODE_ROWS - 1) / VS__CODE_ROWS, pairs = (s->d + 1) / 2, bytes, wide;
    size_t workers = (size_t)vs_threads();
    vs__codes *c = vs_zalloc(1, sizeof *c);
    coding q = {s, inverse, c, vs_zalloc(workers, sizeof *q.lost), vs_zalloc(workers, sizeof *q.most), NULL};
    if (c && vs_mul(blocks, pairs, &bytes) && vs_mul(workers, s->d, &wide)) {
        c->blocks = blocks;
        c->pairs = pairs;
        c->code = vs_alloc(bytes, 2 * VS__CODE_ROWS);
        c->scale = vs_alloc(blocks, VS__CODE_ROWS * sizeof *c->scale);
        c->over = vs_alloc(blocks, VS__CODE_ROWS * sizeof *c->over);
        c->less = vs_alloc(blocks, VS__CODE_ROWS * sizeof *c->less);
        q.wide = vs_alloc(wide, sizeof *q.wide);
    }
    bool made = c && q.lost && q.most && q.wide && c->code && c->scale && c->over && c->less;
    if (made) {
        enum { GRAIN = 64 };
        vs_parallel_for(blocks, GRAIN, code_span, &q);
        for (size_t w = 0; w < workers; w++) {
            c->lost = fmax(c->lost, q.lost[w]);
            c->most = fmax(c->most, q.most[w]);
        }
        c->lost *= 1 + 0x1p-30; /* above what double rounded away */
        c->most *= 1 + 0x1p-30;
    } else {
        vs__codes_free(c);
        c = NULL;
    }
    vs_free(q.lost);
    vs_free(q.most);
    vs_free(q.wide);
    return c;
}

/* ---- asking ---- */

/* Queries in whole numbers, one alone or in groups of VS_SCAN_MANY, the last group filled up with queries of zeros that
 * nothing reaches. */
typedef struct vs__coded {
    size_t many, groups;
    int16_t *p;       /* [groups, pairs, many, 2] */
    float *step, *add; /* [groups, many] t; what is added */
} vs__coded;

void vs__codes_done(vs__search *q) {
    if (!q->coded) return;
    vs_free(q->coded->p);
    vs_free(q->coded->step);
    vs_free(q->coded->add);
    vs_free(q->coded);
    q->coded = NULL;
}

/* The codes of query i, number j of it at p[stride * (j / 2) + j % 2]. */
static void code_query(const vs__search *q, size_t i, int16_t *p, size_t stride, float *step, float *add) {
    const vs__codes *c = q->codes;
    const float *x = q->query[i].x;
    size_t d = q->s->d;
    double largest = 0, lost = 0, limit = floor(2147483647.0 / ((double)(2 * c->pairs) * CODE_MAX));
    if (limit > QUERY_MAX) limit = QUERY_MAX;
    for (size_t j = 0; j < d; j++) largest = fmax(largest, fabs((double)x[j]));
    *step = limit >= 1 ? (float)(largest / limit) : 0;
    double t = (double)*step;
    for (size_t j = 0; j < d; j++) {
        double v = t > 0 ? rint((double)x[j] / t) : 0;
        v = v > limit ? limit : v < -limit ? -limit : v;
        p[j / 2 * stride + j % 2] = (int16_t)v;
        double g = (double)x[j] - t * v;
        lost += g * g;
    }
    double g = sqrt(lost) * (1 + 0x1p-30), length = sqrt(q->query[i].square) * (1 + 0x1p-30);
    double much = c->most + c->lost, terms = length * (c->lost + vs__round_off(d) * c->most) + g * much;
    double sum = terms + 0x1p-21 * ((length + g) * much + terms), times = q->measure == VS_MEASURE_L2 ? 2 : 1;
    *step = (float)times * *step;
    *add = nextafterf((float)(times * sum), INFINITY);
}

bool vs__codes_ask(vs__search *q) {
    const vs__codes *c = q->codes;
    size_t many = q->n == 1 ? 1 : VS_SCAN_MANY, groups = (q->n + many - 1) / many, numbers;
    for (size_t i = 0; i < q->n; i++)
        if (q->query[i].plain) return false;
    vs__coded *a = q->coded = vs_zalloc(1, sizeof *a);
    if (!a) return false;
    a->many = many;
    a->groups = groups;
    a->p = vs_mul(groups * many, 2 * c->pairs, &numbers) ? vs_zalloc(numbers, sizeof *a->p) : NULL;
    a->step = vs_zalloc(groups * many, sizeof *a->step);
    a->add = vs_zalloc(groups * many, sizeof *a->add);
    if (!a->p || !a->step || !a->add) return false;
    for (size_t i = 0; i < q->n; i++)
        code_query(q, i, a->p + (i / many * c->pairs * many + i % many) * 2, 2 * many, &a->step[i], &a->add[i]);
    return true;
}

/* What a bound has to reach for query i. */
static float floor_of(const vs__search *q, size_t i, int worker) {
    if (i >= q->n) return INFINITY;
    const vs__query *u = &q->query[i];
    double floor = vs__best_floor(&u->best[worker]), off = vs__round_off(q->s->d);
    if (q->measure == VS_MEASURE_L2) floor = u->square * (1 - off) - floor * floor * (1 + off);
    return nextafterf((float)floor, -INFINITY);
}

/* Rows of the blocks from b0 on that reach, for the group of queries from `first` on. */
static void offer_reached(const vs__search *q, size_t first, size_t many, int worker, size_t b0, size_t blocks,
                          const uint16_t *reach) {
    for (size_t i = first; i < first + many && i < q->n; i++, reach += blocks)
        for (size_t b = 0; b < blocks; b++)
            for (unsigned bits = reach[b] & vs__allowed(q, (b0 + b) * VS__CODE_ROWS); bits; bits &= bits - 1) {
                size_t r = (b0 + b) * VS__CODE_ROWS + (size_t)__builtin_ctz(bits);
                if (r >= q->s->n) break;
                bool known = q->measure != VS_MEASURE_L2;
                vs__search_offer(q, i, worker, r, known ? vs_dot(q->query[i].x, vs__search_row(q, worker, r), q->s->d) : NAN);
            }
}

void vs__codes_scan(void *arg, size_t begin, size_t end, int worker) {
    const vs__search *q = arg;
    const vs__codes *c = q->codes;
    const vs__coded *a = q->coded;
    enum { FIRST = 2, CHUNK = 64 }; /* blocks: few at first, until there is a score to reach */
    uint16_t reach[CHUNK * VS_SCAN_MANY];
    float floor[VS_SCAN_MANY];
    size_t some = FIRST;
    vs_scan scan = {.pairs = c->pairs, .many = a->many, .floor = floor};
    for (size_t b0 = begin; b0 < end; b0 += some, some = some < CHUNK ? some * 2 : CHUNK) {
        if (some > end - b0) some = end - b0;
        bool any = !q->allow;
        for (size_t b = b0; !any && b < b0 + some; b++) any = vs__allowed(q, b * VS__CODE_ROWS) != 0;
        if (!any) continue;
        scan.codes = c->code + b0 * c->pairs * 2 * VS__CODE_ROWS;
        scan.scale = (q->measure == VS_MEASURE_COSINE ? c->over : c->scale) + b0 * VS__CODE_ROWS;
        scan.offset = q->measure == VS_MEASURE_L2 ? c->less + b0 * VS__CODE_ROWS : NULL;
        scan.blocks = some;
        for (size_t g = 0; g < a->groups; g++) {
            scan.q = a->p + g * c->pairs * a->many * 2;
            scan.step = a->step + g * a->many;
            scan.add = a->add + g * a->many;
            for (size_t i = 0; i < a->many; i++) floor[i] = floor_of(q, g * a->many + i, worker);
            vs_scan_codes(&scan, reach);
            offer_reached(q, g * a->many, a->many, worker, b0, some, reach);
        }
    }
}

/* nn_codes.c - which rows can be among the nearest, told from 8-bit codes by a proven bound.
 *
 * A row u = row / |row| is held as codes c in [-127, 127] with its own scale s: u = s c + e.  The query x (of norm
 * about 1) is held in 16 bits: x = t p + g.  Then
 *
 *     x.u  =  s (t p.c) + g.(s c) + x.e
 *     |g.(s c)| <= |g| (|u| + |e|)      |x.e| <= |x| |e|           (Cauchy and Schwarz)
 *
 * When the codes are made, R = the largest |e| / s of all rows is measured (in double), so |e| <= R s, and
 *
 *     x.u  <=  s (t p.c + R (|x| + |g|)) + |g| |u|
 *
 * where p.c is exact in whole numbers.  The score that counts is not x.u but what f32 makes of it: a dot product of
 * ceil(d / 16) fused steps and four additions, times 1/|row|, whose error is at most G |x| |u| with
 * G = (d / 16 + 16) 2^-23 (twice what the standard analysis of rounding gives; |u| itself is within G of 1).  And the
 * right side above is worked out in f32 with four roundings of 2^-24, relative to at most (1 + G + 2 R s) (1 + |g|).
 * So a row can be left out when
 *
 *     s (t p.c + add) < floor - slack       add = R (|x| + |g|)
 *                                           slack = |g| (1 + G) + G (1 + G) + 2^-21 (1 + G + 2 R s) (1 + |g|)
 *
 * with floor the score of the k-th best row so far.  What is left is scored in f32 like any row, so the answer is the
 * same, bit for bit, as that of the plain scan.  Rows that are scored in double have a scale of NaN, which never is
 * less than anything: they are always looked at. */
#include <math.h>
#include <string.h>

#include "../base/alloc.h"
#include "../tensor/kernels.h"
#include "nn_impl.h"

enum { CODE_MAX = 127, QUERY_MAX = 32767 };

struct vs__codes {
    int8_t *code; /* [blocks, pairs, 16, 2] as vs_scan_codes() reads them */
    float *scale; /* [16 blocks] */
    size_t pairs, blocks;
    double ratio; /* R */
};

void vs__codes_free(vs__codes *c) {
    if (!c) return;
    vs_free(c->code);
    vs_free(c->scale);
    vs_free(c);
}

/* ---- making the codes ---- */

typedef struct coding {
    const vs_space *s;
    const float *inverse;
    vs__codes *codes;
    double *ratio; /* of each worker */
} coding;

/* To the nearest whole number for |a| < 2^22: in a sum with 1.5 2^23 the last bit counts ones. */
static float nearest(float a) {
    const float shift = 0x1.8p23F;
    return (a + shift) - shift;
}

/* The codes of one row at lane l of its block; returns |e| / s. */
static double code_row(const float *row, size_t d, float inverse, int8_t *lane, float *scale) {
    float largest = 0;
    for (size_t j = 0; j < d; j++) {
        float v = fabsf(row[j]);
        largest = v > largest ? v : largest;
    }
    double unit = (double)inverse, s = (double)largest * unit / CODE_MAX;
    *scale = (float)s;
    s = (double)*scale; /* the scale that is used is the one that is measured */
    float to_code = (float)(unit / s);
    double lost = 0;
    for (size_t j = 0; j < d; j++) {
        float c = nearest(row[j] * to_code);
        c = c > CODE_MAX ? CODE_MAX : c < -CODE_MAX ? -CODE_MAX : c;
        lane[j / 2 * (2 * VS__CODE_ROWS) + j % 2] = (int8_t)c;
        double e = (double)row[j] * unit - s * (double)c;
        lost += e * e;
    }
    return sqrt(lost) / s;
}

static void code_span(void *arg, size_t begin, size_t end, int worker) {
    const coding *q = arg;
    vs__codes *c = q->codes;
    const float *data = vs_space_data(q->s);
    size_t d = q->s->d, bytes = c->pairs * 2 * VS__CODE_ROWS;
    for (size_t b = begin; b < end; b++) {
        int8_t *block = c->code + b * bytes;
        float *scale = c->scale + b * VS__CODE_ROWS;
        memset(block, 0, bytes);
        for (size_t l = 0; l < VS__CODE_ROWS; l++) {
            size_t r = b * VS__CODE_ROWS + l;
            float inverse = r < q->s->n ? q->inverse[r] : 0;
            scale[l] = inverse == 0 ? 0 : NAN;
            if (inverse == 0 || isnan(inverse)) continue;
            double ratio = code_row(data + r * d, d, inverse, block + 2 * l, &scale[l]);
            if (ratio > q->ratio[worker]) q->ratio[worker] = ratio;
        }
    }
}

vs__codes *vs__codes_new(const vs_space *s, const float *inverse) {
    size_t blocks = (s->n + VS__CODE_ROWS - 1) / VS__CODE_ROWS, pairs = (s->d + 1) / 2, bytes;
    size_t workers = (size_t)vs_threads();
    vs__codes *c = vs_zalloc(1, sizeof *c);
    double *ratio = vs_zalloc(workers, sizeof *ratio);
    if (c && vs_mul(blocks, pairs, &bytes)) {
        c->blocks = blocks;
        c->pairs = pairs;
        c->code = vs_alloc(bytes, 2 * VS__CODE_ROWS);
        c->scale = vs_alloc(blocks, VS__CODE_ROWS * sizeof *c->scale);
    }
    if (!c || !ratio || !c->code || !c->scale) {
        vs__codes_free(c);
        vs_free(ratio);
        return NULL;
    }
    coding q = {s, inverse, c, ratio};
    enum { GRAIN = 64 };
    vs_parallel_for(blocks, GRAIN, code_span, &q);
    for (size_t w = 0; w < workers; w++)
        if (ratio[w] > c->ratio) c->ratio = ratio[w];
    c->ratio *= 1 + 0x1p-30; /* above what double rounded away */
    vs_free(ratio);
    return c;
}

/* ---- asking ---- */

bool vs__codes_query(vs__query *q, int16_t **buffer) {
    const vs__codes *c = q->codes;
    size_t d = q->s->d, n = 2 * c->pairs;
    int16_t *p = vs_zalloc(n, sizeof *p);
    *buffer = p;
    if (!p) return false;
    double largest = 0, square = 0, lost = 0, most = floor(2147483647.0 / ((double)n * CODE_MAX));
    if (most > QUERY_MAX) most = QUERY_MAX;
    for (size_t j = 0; j < d; j++) {
        double x = (double)q->unit[j];
        if (fabs(x) > largest) largest = fabs(x);
        square += x * x;
    }
    q->step = most >= 1 ? (float)(largest / most) : 0;
    double t = (double)q->step;
    for (size_t j = 0; j < d; j++) {
        double v = t > 0 ? rint((double)q->unit[j] / t) : 0;
        v = v > most ? most : v < -most ? -most : v;
        p[j] = (int16_t)v;
        double g = (double)q->unit[j] - t * v;
        lost += g * g;
    }
    double g = sqrt(lost) * (1 + 0x1p-30), x = sqrt(square) * (1 + 0x1p-30), round = ((double)d / 16 + 16) * 0x1p-23;
    q->code_of_unit = p;
    q->add = nextafterf((float)(c->ratio * (x + g)), INFINITY);
    q->slack = g * (1 + round) + round * (1 + round) + 0x1p-21 * (1 + round + 2 * c->ratio / CODE_MAX * (1 + round)) * (1 + g);
    return true;
}

void vs__codes_scan(void *arg, size_t begin, size_t end, int worker) {
    const vs__query *q = arg;
    const vs__codes *c = q->codes;
    const float *data = vs_space_data(q->s);
    enum { FIRST = 2, CHUNK = 64 }; /* blocks: few at first, until there is a score to reach */
    uint16_t reach[CHUNK];
    size_t d = q->s->d, some = FIRST;
    for (size_t b0 = begin; b0 < end; b0 += some, some = some < CHUNK ? some * 2 : CHUNK) {
        if (some > end - b0) some = end - b0;
        float floor = nextafterf((float)((double)vs__best_floor(&q->of_worker[worker]) - q->slack), -INFINITY);
        vs_scan_codes(c->code + b0 * c->pairs * 2 * VS__CODE_ROWS, c->scale + b0 * VS__CODE_ROWS, some, c->pairs,
                      q->code_of_unit, q->step, q->add, floor, reach);
        for (size_t b = 0; b < some; b++)
            for (unsigned bits = reach[b]; bits; bits &= bits - 1) {
                size_t r = (b0 + b) * VS__CODE_ROWS + (size_t)__builtin_ctz(bits);
                if (r < q->s->n) vs__query_offer(q, worker, r, vs_dot(q->unit, data + r * d, d));
            }
    }
}

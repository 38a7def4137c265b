/* among.c - see among.h. */
#include "among.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/alloc.h"

vs_status vs_odd(vs_err *err, const float *x, size_t n, size_t d, float *cosine, size_t *odd) {
    double *mean = vs_zalloc(d, sizeof *mean), square = 0;
    if (!mean) return vs_fail(err, VS_E_NOMEM, "no memory for a mean of %zu numbers", d);
    vs_status s = VS_OK;
    for (size_t i = 0; i < n && s == VS_OK; i++) {
        double own = 0;
        for (size_t j = 0; j < d; j++) own += (double)x[i * d + j] * (double)x[i * d + j];
        if (!(own > 0) || !isfinite(own))
            s = vs_fail(err, VS_E_NUMERIC, "vector %zu has no direction: its norm is %g", i + 1, sqrt(own));
        cosine[i] = (float)sqrt(own);
        for (size_t j = 0; j < d; j++) mean[j] += (double)x[i * d + j] / sqrt(own);
    }
    for (size_t j = 0; j < d; j++) square += mean[j] * mean[j];
    if (s == VS_OK && !(square > 1e-12))
        s = vs_fail(err, VS_E_NUMERIC, "the vectors have no direction in common: their mean is zero");
    *odd = 0;
    for (size_t i = 0; i < n && s == VS_OK; i++) {
        double dot = 0;
        for (size_t j = 0; j < d; j++) dot += (double)x[i * d + j] * mean[j];
        cosine[i] = (float)(dot / ((double)cosine[i] * sqrt(square)));
        if (cosine[i] <= cosine[*odd]) *odd = i;
    }
    vs_free(mean);
    return s;
}

void vs_ranked_free(vs_ranked *r) {
    vs_free(r->row);
    vs_free(r->score);
    *r = (vs_ranked){0};
}

/* About how many rows are closer to q than a cosine of `limit`, from some of them, evenly apart; rather too many. */
static vs_status guess_closer(vs_err *err, const vs_space *s, const float *q, float limit, size_t *out) {
    enum { SAMPLE = 4096, LEAST = 32 };
    size_t n = vs_space_rows(s), d = vs_space_dim(s), apart = n / SAMPLE + 1, hits = 0;
    float *row = vs_alloc(d, sizeof *row);
    vs_status st = row ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    for (size_t r = 0; r < n && st == VS_OK; r += apart) {
        st = vs_space_row(err, s, r, row);
        hits += st == VS_OK && vs_cosine(q, row, d) > limit;
    }
    vs_free(row);
    double more = LEAST + (double)apart * ((double)hits + 3 * sqrt((double)hits) + (apart > 1)); /* three deviations */
    *out = more < (double)n ? (size_t)more : n;
    return st;
}

/* The best k neighbours into r, with room for them. */
static vs_status ask(vs_err *err, vs_space *s, const float *q, const size_t *skip, size_t n_skip, size_t k,
                     vs_ranked *r) {
    vs_ranked_free(r);
    r->row = vs_alloc(k, sizeof *r->row);
    r->score = vs_alloc(k, sizeof *r->score);
    if (!r->row || !r->score) return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu neighbours", vs_space_name(s), k);
    return vs_space_near(err, s, q, k, skip, n_skip, r->row, r->score, &r->n);
}

vs_status vs_space_closer(vs_err *err, vs_space *s, const float *q, const float *than, size_t than_row,
                          const size_t *skip, size_t n_skip, vs_ranked *out, float *cosine) {
    size_t k = 0, rows = vs_space_rows(s);
    float limit = vs_cosine(q, than, vs_space_dim(s));
    *out = (vs_ranked){0};
    VS_TRY(guess_closer(err, s, q, limit, &k));
    for (bool enough = false; !enough; k = k < rows / 4 ? 4 * k : rows) {
        vs_status st = ask(err, s, q, skip, n_skip, k, out);
        if (st != VS_OK) {
            vs_ranked_free(out);
            return st;
        }
        enough = k == rows || (than_row == SIZE_MAX && out->n && out->score[out->n - 1] <= limit);
        for (size_t i = 0; i < out->n && than_row != SIZE_MAX; i++)
            if (out->row[i] == than_row) {
                limit = out->score[i]; /* with the bits that it has beside the others */
                enough = true;
            }
    }
    size_t n = 0;
    while (n < out->n && out->score[n] > limit) n++;
    out->n = n;
    if (cosine) *cosine = limit;
    return VS_OK;
}

static int by_row(const void *x, const void *y) {
    const vs_between_row *a = x, *b = y;
    return a->row < b->row ? -1 : a->row > b->row;
}

static float lesser(const vs_between_row *x) { return x->a < x->b ? x->a : x->b; }

static int by_lesser(const void *x, const void *y) {
    float a = lesser(x), b = lesser(y);
    return a > b ? -1 : a < b ? 1 : by_row(x, y);
}

/* Where what has cosines a and b with two unit vectors stands between them, c being their own. */
static double place(double a, double b, double c) {
    double across = (b - c * a) / sqrt(1 - c * c); /* along b, less what of it is along a */
    return atan2(across, a) / acos(c);
}

/* The rows closer to both than a and b are to each other, the best first: *out [n], the caller's. */
static vs_status inside(vs_err *err, vs_space *s, const float *a, size_t a_row, const float *b, size_t b_row,
                        const size_t *skip, size_t n_skip, vs_between_row **out, size_t *n) {
    vs_ranked of_a = {0}, of_b = {0};
    vs_between_row *both = NULL;
    vs_status st = vs_space_closer(err, s, a, b, b_row, skip, n_skip, &of_a, NULL);
    if (st == VS_OK) st = vs_space_closer(err, s, b, a, a_row, skip, n_skip, &of_b, NULL);
    if (st == VS_OK) {
        both = vs_alloc(of_a.n, sizeof *both);
        if (!both) st = vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu rows", vs_space_name(s), of_a.n);
    }
    *n = 0;
    if (st == VS_OK) {
        for (size_t i = 0; i < of_a.n; i++) both[i] = (vs_between_row){.row = of_a.row[i], .a = of_a.score[i]};
        qsort(both, of_a.n, sizeof *both, by_row);
        for (size_t i = 0; i < of_b.n; i++) {
            vs_between_row key = {.row = of_b.row[i]}, *hit = bsearch(&key, both, of_a.n, sizeof key, by_row);
            if (!hit) continue;
            hit->b = of_b.score[i];
            hit->between = true;
        }
        for (size_t i = 0; i < of_a.n; i++)
            if (both[i].between) both[(*n)++] = both[i];
        qsort(both, *n, sizeof *both, by_lesser);
    }
    vs_ranked_free(&of_a);
    vs_ranked_free(&of_b);
    *out = both;
    return st;
}

/* unit(a) + unit(b) */
static void middle(const float *a, const float *b, size_t d, float *out) {
    double aa = 0, bb = 0;
    for (size_t j = 0; j < d; j++) {
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    for (size_t j = 0; j < d; j++) out[j] = (float)((double)a[j] / sqrt(aa) + (double)b[j] / sqrt(bb));
}

/* Rows nearest to the middle behind the *n that are there, up to k; a, b, what is skipped and what is there left out.
 */
static vs_status fill_up(vs_err *err, vs_space *s, const float *a, size_t a_row, const float *b, size_t b_row,
                         const size_t *skip, size_t n_skip, size_t k, vs_between_row *out, size_t *n) {
    size_t d = vs_space_dim(s), left = 0, found = 0, more = k - *n;
    float *mid = vs_alloc(2 * d, sizeof *mid), *score = vs_alloc(more, sizeof *score);
    size_t *leave = vs_alloc(n_skip + *n + 2, sizeof *leave), *row = vs_alloc(more, sizeof *row);
    vs_status st = mid && score && leave && row
                       ? VS_OK
                       : vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu rows", vs_space_name(s), k);
    if (st == VS_OK) {
        for (; left < n_skip; left++) leave[left] = skip[left];
        for (size_t i = 0; i < *n; i++) leave[left++] = out[i].row;
        if (a_row != SIZE_MAX) leave[left++] = a_row;
        if (b_row != SIZE_MAX) leave[left++] = b_row;
        middle(a, b, d, mid);
        st = vs_space_near(err, s, mid, more, leave, left, row, score, &found);
    }
    for (size_t i = 0; i < found && st == VS_OK; i++) {
        st = vs_space_row(err, s, row[i], mid + d);
        out[(*n)++] = (vs_between_row){.row = row[i], .a = vs_cosine(a, mid + d, d), .b = vs_cosine(b, mid + d, d)};
    }
    vs_free(mid);
    vs_free(score);
    vs_free(leave);
    vs_free(row);
    return st;
}

vs_status vs_space_between(vs_err *err, vs_space *s, const float *a, size_t a_row, const float *b, size_t b_row,
                           const size_t *skip, size_t n_skip, size_t k, vs_between_row *out, size_t *found, size_t *all,
                           float *cosine) {
    *found = *all = 0;
    double c = (double)(*cosine = vs_cosine(a, b, vs_space_dim(s)));
    if (!isfinite(c) || fabs(c) > 1 - 1e-6)
        return vs_fail(err, VS_E_NUMERIC, "there is no one way between two vectors with a cosine of %.6f", c);
    vs_between_row *both;
    VS_TRY(inside(err, s, a, a_row, b, b_row, skip, n_skip, &both, all));
    *found = *all < k ? *all : k;
    if (*found) memcpy(out, both, *found * sizeof *out);
    vs_free(both);
    if (*found < k) VS_TRY(fill_up(err, s, a, a_row, b, b_row, skip, n_skip, k, out, found));
    for (size_t i = 0; i < *found; i++) out[i].at = place((double)out[i].a, (double)out[i].b, c);
    return VS_OK;
}

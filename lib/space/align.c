/* align.c - see align.h. */
#include "align.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../base/alloc.h"
#include "../numeric/linalg.h"
#include "../numeric/rng.h"
#include "../numeric/stats.h"
#include "../tensor/kernels.h"
#include "space_impl.h"

const size_t vs_align_cut[VS_ALIGN_CUTS] = {1, 5, 10};

vs_status vs_align_method_find(vs_err *err, const char *name, vs_align_method *out) {
#define NAME(id, text) text,
    static const char *const names[] = {VS_ALIGN_METHODS(NAME)};
#undef NAME
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) {
            *out = (vs_align_method)i;
            return VS_OK;
        }
    return vs_fail(err, VS_E_USAGE, "no way to learn a map is called %s; there are procrustes and lstsq", name);
}

/* ---- keys that both have ---- */

/* How the keys of a space stand for words. */
typedef enum key_style { WORDS, BLANKS, WORDPIECES } key_style;

static key_style style_of(const vs_space *s) {
    if (!s->keys.pieces) return WORDS;
    for (size_t r = 0; r < s->n; r++) {
        size_t n, left;
        const char *key = vs_space_key(s, r, &n);
        left = n;
        vs__past_blank(key, &left);
        if (left && left < n) return BLANKS;
    }
    return WORDPIECES;
}

/* The word that a row's key stands for; NULL: none. */
static const char *word_of(const vs_space *s, key_style style, size_t row, size_t *n) {
    const char *key = vs_space_key(s, row, n);
    size_t whole = *n;
    if (style == BLANKS) key = vs__past_blank(key, n);
    if (!*n || (style == BLANKS && *n == whole)) return NULL;
    if (style == WORDPIECES && (key[0] == '[' || (*n > 1 && key[0] == '#' && key[1] == '#'))) return NULL;
    return key;
}

static bool find_word(const vs_space *s, key_style style, const char *word, size_t n, vs_buf *work, size_t *row) {
    size_t len;
    vs_buf_clear(work);
    if (style == BLANKS) vs_buf_putc(work, ' ');
    vs_buf_put(work, word, n);
    if (work->failed || !vs_space_find(s, work->s, work->len, row)) return false;
    const char *has = word_of(s, style, *row, &len);
    return has && len == n && !memcmp(has, word, n);
}

/* The pairs of rows, most frequent first. */
typedef struct pairs {
    const vs_space *a, *b;
    size_t *row[2]; /* [n] */
    size_t n, shared;
} pairs;

static bool usable(const vs_space *s, size_t row, float *work) {
    if (vs_space_row(NULL, s, row, work) != VS_OK) return false;
    double square = 0;
    for (size_t j = 0; j < s->d; j++) square += (double)work[j] * (double)work[j];
    return isfinite(square) && square > 0;
}

static vs_status find_pairs(vs_err *err, const vs_space *a, const vs_space *b, size_t most, pairs *p) {
    key_style style[2] = {style_of(a), style_of(b)};
    bool turned = style[0] != WORDS && style[1] == WORDS; /* whose order is that of frequency */
    const vs_space *x = turned ? b : a, *y = turned ? a : b;
    key_style of_x = style[turned], of_y = style[!turned];
    if (most > x->n) most = x->n;
    *p = (pairs){.a = a, .b = b};
    for (int i = 0; i < 2; i++) p->row[i] = vs_alloc(most, sizeof *p->row[i]);
    float *vec = vs_alloc(x->d > y->d ? x->d : y->d, sizeof *vec);
    vs_buf work = {0};
    bool ok = p->row[0] && p->row[1] && vec;
    for (size_t r = 0; ok && r < x->n; r++) {
        size_t n, other;
        const char *word = word_of(x, of_x, r, &n);
        if (!word || !find_word(y, of_y, word, n, &work, &other)) continue;
        p->shared++;
        if (p->n == most || !usable(x, r, vec) || !usable(y, other, vec)) continue;
        p->row[turned][p->n] = r;
        p->row[!turned][p->n++] = other;
    }
    ok = ok && !work.failed;
    vs_buf_free(&work);
    vs_free(vec);
    return ok ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu pairs of rows", most);
}

static void pairs_free(pairs *p) {
    vs_free(p->row[0]);
    vs_free(p->row[1]);
}

/* A seeded order; the first `held` of it are held out. */
static vs_status shuffle(vs_err *err, pairs *p, uint64_t seed) {
    vs_rng *rng;
    VS_TRY(vs_rng_new(err, seed, &rng));
    for (size_t i = p->n; i > 1; i--) {
        size_t j = vs_rng_below(rng, (uint32_t)i);
        for (int k = 0; k < 2; k++) {
            size_t was = p->row[k][i - 1];
            p->row[k][i - 1] = p->row[k][j];
            p->row[k][j] = was;
        }
    }
    vs_rng_free(rng);
    return VS_OK;
}

/* ---- learning ---- */

/* One side of the pairs that are learnt from: rows less their mean, at length 1. */
typedef struct side {
    double *x;    /* [n, d] */
    double *mean; /* [d] */
    double size;  /* the mean length before */
} side;

static void side_free(side *s) {
    vs_free(s->x);
    vs_free(s->mean);
}

static vs_status side_of(vs_err *err, const vs_space *s, const size_t *row, size_t n, side *out) {
    size_t d = s->d;
    float *vec = vs_alloc(d, sizeof *vec);
    out->x = vs_alloc(n * d, sizeof *out->x);
    out->mean = vs_zalloc(d, sizeof *out->mean);
    vs_status st = vec && out->x && out->mean ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu rows of %zu numbers", n, d);
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        st = vs_space_row(err, s, row[i], vec);
        for (size_t j = 0; j < d; j++) out->mean[j] += out->x[i * d + j] = (double)vec[j];
    }
    for (size_t j = 0; st == VS_OK && j < d; j++) out->mean[j] /= (double)n;
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        double square = 0, *x = out->x + i * d;
        for (size_t j = 0; j < d; j++) {
            x[j] -= out->mean[j];
            square += x[j] * x[j];
        }
        double length = sqrt(square);
        out->size += length / (double)n;
        for (size_t j = 0; length > 0 && j < d; j++) x[j] /= length;
    }
    vs_free(vec);
    return st;
}

/* The map's rows in f32: w times the scale, and −mean w. */
static void put_rows(const double *w, const side *a, double scale, size_t p, size_t q, float *out) {
    for (size_t k = 0; k < q; k++) {
        double middle = 0;
        for (size_t j = 0; j < p; j++) {
            out[j * q + k] = (float)(scale * w[j * q + k]);
            middle += a->mean[j] * scale * w[j * q + k];
        }
        out[p * q + k] = (float)-middle;
    }
}

/* What gives x w, of rows of length 1 and A's size before, the mean length of B's side. */
static double scale_to(const double *x, const double *w, size_t n, size_t p, size_t q, double from, double to, double *work) {
    double length = 0;
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        memset(work, 0, q * sizeof *work);
        for (size_t j = 0; j < p; j++)
            for (size_t k = 0; k < q; k++) work[k] += x[i * p + j] * w[j * q + k];
        for (size_t k = 0; k < q; k++) square += work[k] * work[k];
        length += sqrt(square) / (double)n;
    }
    return length * from > 0 ? to / (length * from) : 1;
}

static vs_status learn(vs_err *err, const pairs *pr, size_t held, vs_align_method method, float *rows) {
    size_t n = pr->n - held, p = pr->a->d, q = pr->b->d;
    side a = {0}, b = {0};
    double *w = vs_alloc(p * q, sizeof *w), *work = vs_alloc(q, sizeof *work);
    vs_status st = w && work ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a map of %zu x %zu", p, q);
    if (st == VS_OK) st = side_of(err, pr->a, pr->row[0] + held, n, &a);
    if (st == VS_OK) st = side_of(err, pr->b, pr->row[1] + held, n, &b);
    if (st == VS_OK)
        st = method == VS_ALIGN_LSTSQ ? vs_least_squares(err, a.x, b.x, n, p, q, 0, w) : vs_procrustes(err, a.x, b.x, n, p, q, w, NULL);
    if (st == VS_OK) put_rows(w, &a, scale_to(a.x, w, n, p, q, a.size, b.size, work), p, q, rows);
    side_free(&a);
    side_free(&b);
    vs_free(w);
    vs_free(work);
    return st;
}

/* ---- the pairs that were held out ---- */

typedef struct trial {
    const float *q, *rows; /* [held, d] mapped; [n, d] of length 1; row i is the right one of q i */
    size_t n, d;
    float *score;  /* [threads, n] */
    uint32_t *rank; /* [held] out: how many rows are nearer than the right one */
} trial;

static void try_span(void *arg, size_t begin, size_t end, int worker) {
    trial *t = arg;
    float *score = t->score + (size_t)worker * t->n;
    for (size_t i = begin; i < end; i++) {
        vs_dot_rows(t->q + i * t->d, t->rows, t->n, t->d, t->d, score);
        t->rank[i] = 0;
        for (size_t r = 0; r < t->n; r++) t->rank[i] += score[r] > score[i] || (score[r] == score[i] && r < i);
    }
}

static vs_status try_held(vs_err *err, const pairs *p, const vs_space *map, vs_align_result *r) {
    size_t d = p->b->d, held = r->held;
    float *q = vs_alloc(held * d, sizeof *q), *rows = vs_alloc(p->n * d, sizeof *rows), *x = vs_alloc(p->a->d, sizeof *x);
    trial t = {.q = q, .rows = rows, .n = p->n, .d = d};
    t.score = vs_alloc((size_t)vs_threads() * p->n, sizeof *t.score);
    t.rank = vs_alloc(held, sizeof *t.rank);
    vs_status st = q && rows && x && t.score && t.rank ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory to try a map on %zu rows", p->n);
    for (size_t i = 0; st == VS_OK && i < held; i++) {
        st = vs_space_row(err, p->a, p->row[0][i], x);
        if (st == VS_OK) st = vs_align_map(err, map, x, 1, q + i * d);
    }
    for (size_t i = 0; st == VS_OK && i < p->n; i++) {
        st = vs_space_row(err, p->b, p->row[1][i], rows + i * d);
        float square = st == VS_OK ? vs_sum_squares(rows + i * d, d) : 0;
        if (square > 0) vs_scale_by(rows + i * d, 1 / sqrtf(square), d);
    }
    if (st == VS_OK && vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "interrupted");
    if (st == VS_OK) vs_parallel_for(held, 16, try_span, &t);
    for (size_t i = 0; st == VS_OK && i < held; i++)
        for (size_t k = 0; k < VS_ALIGN_CUTS; k++) r->hits[k] += t.rank[i] < vs_align_cut[k];
    for (size_t k = 0; k < VS_ALIGN_CUTS; k++) vs_wilson(r->hits[k], held, &r->low[k], &r->high[k]);
    vs_free(q);
    vs_free(rows);
    vs_free(x);
    vs_free(t.score);
    vs_free(t.rank);
    return st;
}

/* ---- the whole ---- */

/* The map's rows as a space: its keys are the coordinates, and "mean". */
static vs_status as_space(vs_err *err, const float *rows, size_t p, size_t q, const char *name, vs_space **out) {
    vs__word_list *w;
    VS_TRY(vs__word_list_new(err, p + 1, q, &w));
    vs_status st = VS_OK;
    for (size_t i = 0; st == VS_OK && i <= p; i++) {
        char key[24];
        bool added;
        snprintf(key, sizeof key, i < p ? "%zu" : "mean", i);
        st = vs__word_list_add(err, w, key, strlen(key), rows + i * q, &added);
    }
    if (st != VS_OK) {
        vs__word_list_free(w);
        return st;
    }
    VS_TRY(vs__word_list_space(err, w, name, out));
    char *place = vs_strdup("map");
    if (!place) {
        vs_space_free(*out);
        *out = NULL;
        return vs_fail(err, VS_E_NOMEM, "no memory for a map");
    }
    vs_free((*out)->place);
    (*out)->place = place;
    return VS_OK;
}

vs_status vs_align(vs_err *err, const vs_space *a, const vs_space *b, const vs_align_options *o, const char *name,
                   const vs_progress *progress, vs_align_result *r, vs_space **out) {
    enum { FEWEST = 10 };
    *r = (vs_align_result){0};
    *out = NULL;
    if (!(o->held_out > 0 && o->held_out < 1)) return vs_fail(err, VS_E_RANGE, "want a share between 0 and 1 to be held out, not %g", o->held_out);
    pairs p;
    vs_tick(progress, "pairing", 0, 3);
    vs_status st = find_pairs(err, a, b, o->words, &p);
    if (st == VS_OK && p.n < FEWEST)
        st = p.shared < FEWEST
                 ? vs_fail(err, VS_E_RANGE, "%s and %s share %zu keys; a map wants at least %d to be learnt from", a->name, b->name, p.shared, FEWEST)
                 : vs_fail(err, VS_E_RANGE, "a map wants at least %d pairs to be learnt from, not %zu", FEWEST, p.n);
    if (st == VS_OK) st = shuffle(err, &p, o->seed);
    r->shared = p.shared;
    r->pairs = p.n;
    r->held = (size_t)((double)p.n * o->held_out);
    if (r->held < 1) r->held = 1;
    float *rows = st == VS_OK ? vs_alloc((a->d + 1) * b->d, sizeof *rows) : NULL;
    if (st == VS_OK && !rows) st = vs_fail(err, VS_E_NOMEM, "no memory for a map of %zu x %zu", a->d, b->d);
    vs_tick(progress, "learning", 1, 3);
    if (st == VS_OK && o->method == VS_ALIGN_LSTSQ && p.n - r->held < a->d)
        st = vs_fail(err, VS_E_RANGE, "least squares from %s, of %zu numbers, want as many pairs; there are %zu", a->name, a->d, p.n - r->held);
    if (st == VS_OK) st = learn(err, &p, r->held, o->method, rows);
    if (st == VS_OK) st = as_space(err, rows, a->d, b->d, name, out);
    vs_tick(progress, "trying", 2, 3);
    if (st == VS_OK) st = try_held(err, &p, *out, r);
    vs_tick(progress, "trying", 3, 3);
    if (st != VS_OK) {
        vs_space_free(*out);
        *out = NULL;
    }
    vs_free(rows);
    pairs_free(&p);
    return st;
}

vs_status vs_align_map(vs_err *err, const vs_space *map, const float *x, double weight, float *y) {
    size_t p = map->n - 1, q = map->d;
    double *sum = vs_zalloc(q, sizeof *sum);
    float *row = vs_alloc(q, sizeof *row);
    vs_status st = sum && row ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a vector of %zu numbers", q);
    for (size_t j = 0; st == VS_OK && j <= p; j++) {
        double c = j < p ? (double)x[j] : weight;
        st = vs_space_row(err, map, j, row);
        for (size_t k = 0; st == VS_OK && k < q; k++) sum[k] += c * (double)row[k];
    }
    for (size_t k = 0; st == VS_OK && k < q; k++) y[k] = (float)sum[k];
    vs_free(sum);
    vs_free(row);
    return st;
}

/* analogy_class.c - LRCos: whether a row is of the class that is asked for (Drozd, Gladkova & Matsuoka 2016). */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../numeric/logistic.h"
#include "../tensor/kernels.h"
#include "eval_words.h"
#include "space_impl.h"

vs_status vs__class_fit(vs_err *err, float *x, size_t n_yes, size_t n_no, size_t d, float *w, float *b) {
    size_t n = n_yes + n_no;
    const float scale = sqrtf((float)d); /* a number of a unit row is about 1 / sqrt(d); the penalty is made for about 1 */
    double *wide = vs_alloc(d, sizeof *wide), offset = 0;
    uint8_t *y = vs_alloc(n, 1);
    vs_status st = wide && y ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for a class of %zu words", n_yes);
    if (st == VS_OK) {
        vs_scale_by(x, scale, n * d);
        memset(y, 1, n_yes);
        memset(y + n_yes, 0, n_no);
        st = vs_logistic(err, x, y, n, d, 1, wide, &offset);
    }
    for (size_t j = 0; j < d && st == VS_OK; j++) w[j] = (float)wide[j] * scale;
    *b = (float)offset;
    vs_free(wide);
    vs_free(y);
    return st;
}

void vs__sigmoid(float *x, float b, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = (x[i] + b) / 2;
    vs_activate(VS_ACT_TANH, x, x, n);
    for (size_t i = 0; i < n; i++) x[i] = (x[i] + 1) / 2;
}

/* The words of a section on either side, and the classes of its questions: one for each c and its answers. */
typedef struct side {
    uint32_t *word; /* ascending, each once */
    size_t n;
} side;
typedef struct job {
    uint32_t section, c, first; /* c and its answers are left out */
    uint32_t answers;
} job;
typedef struct fit {
    const vs__questions *q;
    const vs_space *s;
    const float *inverse, *unit;
    size_t rows;
    uint64_t seed;
    side *of[2]; /* [sections]: b's, a's */
    job *job;
    vs__classes *out;
    _Atomic vs_status status;
    vs_err *err; /* of the first worker that failed */
    atomic_flag said;
} fit;

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_answer(const vs__questions *q, const job *k, uint32_t word) {
    for (uint32_t i = 0; i < k->answers; i++)
        if (q->answer[k->first + i] == word) return true;
    return false;
}

static bool stands_there(const side *of, uint32_t word) {
    return bsearch(&word, of->word, of->n, sizeof word, by_number) != NULL;
}

/* The unit rows of one class, of the other side and of random rows that are on neither, one after another.  What is drawn
 * depends on the answer that is left out, not on what else is in the file. */
static size_t gather(const fit *f, const job *k, float *x, size_t *n_yes) {
    const vs__questions *q = f->q;
    size_t d = f->s->d, n = 0;
    for (int half = 0; half < 2; half++) {
        const side *of = &f->of[half][k->section];
        for (size_t i = 0; i < of->n; i++) {
            uint32_t w = of->word[i];
            if (q->words.row[w] == VS__NO_ROW || (half ? w == k->c : is_answer(q, k, w))) continue;
            memcpy(x + n++ * d, f->unit + w * d, d * sizeof *x);
        }
        if (!half) *n_yes = n;
    }
    const char *text = q->words.text[q->answer[k->first]];
    uint64_t key[] = {f->seed, vs_hash(text, strlen(text)), 0};
    for (size_t more = n - *n_yes, most = 4 * more; more && key[2] < most; key[2]++) {
        size_t row = (size_t)(vs_hash(key, sizeof key) % f->rows);
        uint32_t w = vs__words_of_row(&q->words, row);
        if (w != VS__NO_ROW && (stands_there(&f->of[0][k->section], w) || stands_there(&f->of[1][k->section], w))) continue;
        vs__unit_row(f->s, f->inverse, row, x + n++ * d);
        more--;
    }
    return n;
}

static void fit_span(void *arg, size_t begin, size_t end, int worker) {
    (void)worker;
    fit *f = arg;
    size_t d = f->s->d;
    for (size_t i = begin; i < end && atomic_load(&f->status) == VS_OK && !vs_interrupted(); i++) {
        const job *k = &f->job[i];
        vs_err err = {0};
        size_t room, n_yes = 0, n = 0;
        vs_status st = VS_OK;
        float *x = vs_mul(f->of[0][k->section].n + 2 * f->of[1][k->section].n, d, &room) ? vs_alloc(room, sizeof *x) : NULL;
        float *w = f->out->w + i * d;
        memset(w, 0, d * sizeof *w);
        f->out->b[i] = 0;
        if (x) n = gather(f, k, x, &n_yes);
        if (!x)
            st = vs_fail(&err, VS_E_NOMEM, "%s: no memory for its classes", f->q->path);
        else if (n_yes && n > n_yes) /* of nothing there is nothing to learn: all are as likely */
            st = vs__class_fit(&err, x, n_yes, n - n_yes, d, w, &f->out->b[i]);
        vs_free(x);
        if (st != VS_OK) {
            if (!atomic_flag_test_and_set(&f->said) && f->err) *f->err = err;
            atomic_store(&f->status, st);
        }
    }
}

/* Which words stand on either side of each section's questions, sorted, in b and a; a section's questions stand together. */
static void sides(const vs__questions *q, fit *f, uint32_t *b, uint32_t *a) {
    for (size_t i = 0, j; i < q->n; i = j) {
        uint32_t section = q->at[i].section;
        side yes = {b, 0}, no = {a, 0};
        for (j = i; j < q->n && q->at[j].section == section; j++) {
            const vs__question *x = &q->at[j];
            yes.word[yes.n++] = x->b;
            for (uint32_t t = 0; t < x->answers; t++) yes.word[yes.n++] = q->answer[x->first + t];
            no.word[no.n++] = x->a;
            no.word[no.n++] = x->c;
        }
        side *const made[] = {&yes, &no};
        for (int half = 0; half < 2; half++) {
            side *m = made[half];
            qsort(m->word, m->n, sizeof *m->word, by_number);
            size_t kept = 0;
            for (size_t t = 0; t < m->n; t++)
                if (!t || m->word[t] != m->word[t - 1]) m->word[kept++] = m->word[t];
            f->of[half][section] = (side){m->word, kept};
        }
        b += yes.n;
        a += no.n;
    }
}

typedef struct key {
    uint32_t section, c, answer, at;
} key;

static int by_key(const void *a, const void *b) {
    const key *x = a, *y = b;
    uint32_t p[] = {x->section, x->c, x->answer, x->at}, q[] = {y->section, y->c, y->answer, y->at};
    for (int i = 0; i < 4; i++)
        if (p[i] != q[i]) return p[i] < q[i] ? -1 : 1;
    return 0;
}

/* Questions of a section with the same c and the same (first) answer share a class. */
static void share(vs__questions *q, key *k, job *jobs, size_t *n) {
    for (size_t i = 0; i < q->n; i++) k[i] = (key){q->at[i].section, q->at[i].c, q->answer[q->at[i].first], (uint32_t)i};
    qsort(k, q->n, sizeof *k, by_key);
    *n = 0;
    for (size_t i = 0; i < q->n; i++) {
        vs__question *x = &q->at[k[i].at];
        if (!i || k[i].section != k[i - 1].section || k[i].c != k[i - 1].c || k[i].answer != k[i - 1].answer)
            jobs[(*n)++] = (job){x->section, x->c, x->first, x->answers};
        x->class = (uint32_t)(*n - 1);
    }
}

vs_status vs__classes_of(vs_err *err, vs__questions *q, const vs_space *s, const float *inverse, size_t rows, const float *unit,
                         uint64_t seed, vs__classes *out) {
    *out = (vs__classes){0};
    size_t all = 0, size, sections = q->out->n;
    for (size_t i = 0; i < q->n; i++) all += q->at[i].answers;
    fit f = {.q = q, .s = s, .inverse = inverse, .unit = unit, .rows = rows, .seed = seed, .out = out, .err = err, .status = VS_OK, .said = ATOMIC_FLAG_INIT};
    uint32_t *b = vs_alloc(all + q->n, sizeof *b), *a = vs_alloc(q->n, 2 * sizeof *a);
    side *of = vs_zalloc(sections, 2 * sizeof *of);
    key *k = vs_alloc(q->n, sizeof *k);
    f.job = vs_alloc(q->n, sizeof *f.job);
    bool failed = !b || !a || !of || !k || !f.job;
    if (!failed) {
        f.of[0] = of;
        f.of[1] = of + sections;
        sides(q, &f, b, a);
        share(q, k, f.job, &out->n);
        out->w = vs_mul(out->n, s->d, &size) ? vs_alloc(size, sizeof *out->w) : NULL;
        out->b = vs_alloc(out->n, sizeof *out->b);
        failed = !out->w || !out->b;
    }
    vs_status st = failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory for its classes", q->path) : VS_OK;
    if (!failed) {
        vs_parallel_for(out->n, 1, fit_span, &f);
        st = vs_interrupted() ? vs_fail(err, VS_E_STOPPED, "%s: interrupted", q->path) : atomic_load(&f.status);
    }
    vs_free(b);
    vs_free(a);
    vs_free(of);
    vs_free(k);
    vs_free(f.job);
    if (st != VS_OK) {
        vs_free(out->w);
        vs_free(out->b);
        *out = (vs__classes){0};
    }
    return st;
}

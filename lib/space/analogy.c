/* analogy.c - questions "a is to b as c is to …" over all rows of a space.
 *
 * Every score is made of the cosines of an answer with a, b and c (or of what a classifier says of it), and a file asks about
 * few different words.  So the rows are taken a block at a time: one product gives the cosines of all words with them, and each
 * question then needs three rows of that product, which are still in the cache.  Questions that follow one another share a and
 * b, so what only these say is worked out once for all of them.
 *
 * Nor is every row looked at.  Of each row of the product the largest of every sixteen is kept; a score grows with what it is
 * made of, and so does its rounding, so what these largest would score bounds the sixteen.  Most are passed over by that. */
#include "analogy.h"

#include <math.h>
#include <string.h>

#include "../base/map.h"
#include "../numeric/stats.h"
#include "../tensor/kernels.h"
#include "eval_words.h"
#include "space_impl.h"

/* ---- names ---- */

#define WORD(name, word) word,
#define AND(name, word) " " word
static const char *const method_names[] = {VS_ANALOGY_METHODS(WORD)};
static const char all_methods[] = VS_ANALOGY_METHODS(AND);
#undef WORD
#undef AND
#define RULES(name, word, rows, asked, keys, best, flags, says) "|" word
const char vs_analogy_rules_choices[] =
#include "analogy_rules.def"
    ;
#undef RULES
#define RULES(name, word, rows, asked, keys, best, flags, says) +1
enum { METHODS = sizeof method_names / sizeof *method_names, RULES_COUNT = 0
#include "analogy_rules.def"
};
#undef RULES

const char *vs_analogy_method_name(vs_analogy_method m) { return method_names[m]; }
const char *vs_analogy_rules_name(vs_analogy_rules r) { return vs__rules_of(r)->name; }
const char *vs_analogy_rules_say(vs_analogy_rules r) { return vs__rules_of(r)->says; }
vs_analogy_rules vs_analogy_rules_for(const vs_space *s) {
    return strcmp(s->place, "words") == 0 ? VS_RULES_GENSIM : VS_RULES_VECSCOPE;
}

vs_status vs_analogy_method_find(vs_err *err, const char *name, vs_analogy_method *out) {
    for (int i = 0; i < METHODS; i++)
        if (strcmp(name, method_names[i]) == 0) {
            *out = (vs_analogy_method)i;
            return VS_OK;
        }
    return vs_fail(err, VS_E_UNKNOWN, "no method is called %s; there are%s", name, all_methods);
}

vs_status vs_analogy_rules_find(vs_err *err, const char *name, vs_analogy_rules *out) {
    for (int i = 0; i < RULES_COUNT; i++)
        if (strcmp(name, vs_analogy_rules_name((vs_analogy_rules)i)) == 0) {
            *out = (vs_analogy_rules)i;
            return VS_OK;
        }
    return vs_fail(err, VS_E_UNKNOWN, "no rules are called %s; there are %s", name, vs_analogy_rules_choices + 1);
}

/* ---- the questions ---- */

typedef struct best {
    float score;
    uint32_t row;
} best;

typedef struct eval {
    vs_space *s;
    size_t rows; /* that can be answers */
    vs_analogy_method method;
    const vs__rules *rules;
    vs__questions q;
    vs_analogy_result *out;
    vs__classes classes;  /* LRCOS */
    float *unit;          /* [words + classes, d] unit vectors of the words, zero where a word has no row; what tells classes */
    const float *inverse; /* [rows] 1 / norm */
    size_t keep;          /* how many of the best are kept for each question */
    best *best;           /* [workers, n, keep] the best first */
    size_t products, block, fold; /* rows of the product; its columns; how many largest are kept of each row */
    float *scratch;       /* [workers, scratch_size]: a struct block's arrays */
    size_t scratch_size;
    const vs_progress *progress;
} eval;

/* What a worker has of a block of rows. */
typedef struct block {
    size_t r0, n;
    float *p;      /* [products, block] cosines; of a class, what P says */
    float *most;   /* [products, fold] the largest of p's columns j, j + fold, … */
    float *turned; /* [d, block] the rows */
    float *x;      /* [block] what a and b alone say */
    float *x_most; /* [fold] */
    float *row;    /* [d] */
} block;

enum { AT_ONCE = 64 }; /* questions */

/* Leave out the questions whose words have no row, or count them as not known. */
static void drop_unknown(eval *e) {
    const uint32_t *row = e->q.words.row;
    size_t kept = 0;
    for (size_t i = 0; i < e->q.n; i++) {
        vs__question q = e->q.at[i];
        vs_analogy_section *s = &e->out->section[q.section];
        bool answer = false;
        for (uint32_t k = 0; k < q.answers; k++) answer |= row[e->q.answer[q.first + k]] != VS__NO_ROW;
        bool known = answer && row[q.a] != VS__NO_ROW && row[q.b] != VS__NO_ROW && row[q.c] != VS__NO_ROW;
        bool counts = known || (e->rules->flags & VS__COUNTED);
        s->unknown += !known;
        s->skipped += !counts;
        s->total += counts;
        if (counts) e->q.at[kept++] = q;
    }
    e->q.n = kept;
}

/* ---- scores ---- */

/* No x and c up to these score more. */
static inline float bound(vs_analogy_method m, float x, float c, float shift) {
    switch (m) {
    case VS_ANALOGY_ADD: return x + c;
    case VS_ANALOGY_MUL: return vs__larger(x, 0) * vs__larger((c + 1) / 2, 0);
    case VS_ANALOGY_PAIR: return vs__larger(x - shift, 0) / sqrtf(vs__larger(2 - 2 * c, 1e-6F));
    case VS_ANALOGY_LRCOS: return vs__larger(x, 0) * vs__larger(c, 0);
    }
    return INFINITY;
}

/* The columns of the largest that may hold a better answer than floor. */
static inline size_t list_by(vs_analogy_method m, const float *x, const float *c, size_t n, float shift, float floor, uint16_t *list) {
    size_t listed = 0;
    for (size_t j = 0; j < n; j++) {
        list[listed] = (uint16_t)j;
        listed += bound(m, x[j], c[j], shift) > floor;
    }
    return listed;
}

static size_t list_columns(vs_analogy_method m, const float *x, const float *c, size_t n, float shift, float floor, uint16_t *list) {
    switch (m) { /* a loop for each */
    case VS_ANALOGY_ADD: return list_by(VS_ANALOGY_ADD, x, c, n, shift, floor, list);
    case VS_ANALOGY_MUL: return list_by(VS_ANALOGY_MUL, x, c, n, shift, floor, list);
    case VS_ANALOGY_PAIR: return list_by(VS_ANALOGY_PAIR, x, c, n, shift, floor, list);
    case VS_ANALOGY_LRCOS: return list_by(VS_ANALOGY_LRCOS, x, c, n, shift, floor, list);
    }
    return 0;
}

static bool is_asked(const eval *e, const vs__question *q, size_t row) {
    if (e->rules->flags & VS__SPELLINGS) {
        uint32_t word = vs__words_of_row(&e->q.words, row);
        return word != VS__NO_ROW && (word == q->a || word == q->b || word == q->c);
    }
    const uint32_t *r = e->q.words.row;
    return row == r[q->a] || row == r[q->b] || row == r[q->c];
}

/* Into the best so far, of equals the first. */
static void insert(best *b, size_t keep, best now) {
    size_t at = keep - 1;
    for (; at > 0 && now.score > b[at - 1].score; at--) b[at] = b[at - 1];
    b[at] = now;
}

/* Look closely at those rows of a block that may hold a better answer, in their order. */
static void look(const eval *e, const vs__question *q, const block *k, const float *x, const float *x_most, const float *c,
                 const float *c_most, best *b) {
    enum { LISTED = 256 + 1 }; /* the last is written before it is known to count */
    uint16_t list[LISTED];
    size_t listed = list_columns(e->method, x_most, c_most, e->fold, q->shift, b[e->keep - 1].score, list);
    for (size_t i = 0; i < k->n && listed; i += e->fold)
        for (size_t t = 0; t < listed && i + list[t] < k->n; t++) {
            size_t w = i + list[t];
            float score = vs__analogy_score(e->method, x[w], c[w], q->shift);
            if (score > b[e->keep - 1].score && !is_asked(e, q, k->r0 + w)) insert(b, e->keep, (best){score, (uint32_t)(k->r0 + w)});
        }
}

/* Whether two questions share what x is made of: a and b, or a class. */
static bool alike(const eval *e, const vs__question *p, const vs__question *q) {
    return e->method == VS_ANALOGY_LRCOS ? p->class == q->class : p->a == q->a && p->b == q->b;
}

/* What they say of each row of the block, and the largest of it. */
static const float *shared(const eval *e, const vs__question *q, const block *k, const float **most) {
    if (e->method == VS_ANALOGY_LRCOS) {
        size_t row = e->q.words.n + q->class;
        *most = k->most + row * e->fold;
        return k->p + row * e->block;
    }
    const float *a = k->p + q->a * e->block, *b = k->p + q->b * e->block;
    if (e->method == VS_ANALOGY_MUL) {
        for (size_t w = 0; w < k->n; w++) k->x[w] = vs__analogy_x(e->method, a[w], b[w]);
    } else {
        memcpy(k->x, b, k->n * sizeof *b);
        vs_axpy(-1, a, k->x, k->n);
    }
    vs_fold_max(k->x, k->n, e->fold, k->x_most);
    *most = k->x_most;
    return k->x;
}

/* Which of some questions a block may answer better: by the largest, then by all (of a sum; the others look for themselves).
 * Their numbers into list [AT_ONCE]; returns how many there are. */
static size_t worth_a_look(const eval *e, const vs__question *q, size_t some, const block *k, const float *x, const float *x_most,
                           const best *b, uint8_t *list) {
    float floor[AT_ONCE];
    bool above[AT_ONCE];
    uint32_t c[AT_ONCE];
    size_t n = 0, left = 0;
    for (size_t t = 0; t < some; t++) {
        c[t] = q[t].c;
        floor[t] = b[(t + 1) * e->keep - 1].score;
        list[t] = (uint8_t)t;
    }
    if (e->method != VS_ANALOGY_ADD) return some;
    vs_sums_above(x_most, k->most, e->fold, c, some, e->fold, floor, above);
    for (size_t t = 0; t < some; t++) {
        if (!above[t]) continue;
        c[n] = c[t];
        floor[n] = floor[t];
        list[n++] = (uint8_t)t;
    }
    vs_sums_above(x, k->p, e->block, c, n, k->n, floor, above);
    for (size_t t = 0; t < n; t++)
        if (above[t]) list[left++] = list[t];
    return left;
}

/* Ask questions [i, j), which share a and b, of a block. */
static void ask(const eval *e, size_t i, size_t j, const block *k, best *b) {
    const float *x_most, *x = shared(e, &e->q.at[i], k, &x_most);
    for (; i < j; i += AT_ONCE) {
        size_t some = j - i < AT_ONCE ? j - i : AT_ONCE;
        uint8_t list[AT_ONCE];
        size_t n = worth_a_look(e, &e->q.at[i], some, k, x, x_most, b + i * e->keep, list);
        for (size_t t = 0; t < n; t++) {
            const vs__question *q = &e->q.at[i + list[t]];
            look(e, q, k, x, x_most, k->p + q->c * e->block, k->most + q->c * e->fold, &b[(i + list[t]) * e->keep]);
        }
    }
}

void vs__unit_row(const vs_space *s, const float *inverses, size_t row, float *x) {
    size_t d = s->d;
    vs_widen(s->rows.dtype, vs_tensor_row(&s->rows, row), x, d);
    float inverse = inverses[row];
    if (!isnan(inverse)) {
        vs_scale_by(x, inverse, d);
        return;
    }
    double square = 0;
    for (size_t j = 0; j < d; j++) square += (double)x[j] * (double)x[j];
    for (size_t j = 0; j < d; j++) x[j] = isfinite(square) ? (float)((double)x[j] / sqrt(square)) : 0;
}

static void eval_span(void *arg, size_t begin, size_t end, int worker) {
    const eval *e = arg;
    size_t d = e->s->d, words = e->q.words.n;
    block k = {.p = e->scratch + (size_t)worker * e->scratch_size};
    k.most = k.p + e->products * e->block;
    k.turned = k.most + e->products * e->fold;
    k.x = k.turned + d * e->block;
    k.x_most = k.x + e->block;
    k.row = k.x_most + e->fold;
    best *b = e->best + (size_t)worker * e->q.n * e->keep;
    for (k.r0 = begin; k.r0 < end && !vs_interrupted(); k.r0 += e->block) {
        k.n = end - k.r0 < e->block ? end - k.r0 : e->block;
        for (size_t w = 0; w < k.n; w++) {
            vs__unit_row(e->s, e->inverse, k.r0 + w, k.row);
            for (size_t j = 0; j < d; j++) k.turned[j * e->block + w] = k.row[j];
        }
        vs_mix_block(e->unit, e->products, d, k.turned, d, e->block, k.n, k.p, e->block);
        for (size_t u = 0; u < e->products; u++) {
            if (u >= words) vs__sigmoid(k.p + u * e->block, e->classes.b[u - words], k.n);
            vs_fold_max(k.p + u * e->block, k.n, e->fold, k.most + u * e->fold);
        }
        for (size_t i = 0; i < e->q.n; i = e->q.at[i].run) ask(e, i, e->q.at[i].run, &k, b);
        if (worker == 0) vs_tick(e->progress, "analogies", k.r0 - begin, end - begin);
    }
}

/* ---- the whole ---- */

static bool is_answer(const eval *e, const vs__question *q, uint32_t word) {
    for (uint32_t k = 0; k < q->answers; k++)
        if (e->q.answer[q->first + k] == word) return true;
    return false;
}

/* The answer: the first of the best that is no spelling of a, b or c; else the last. */
static bool is_correct(const eval *e, const vs__question *q, const best *b) {
    uint32_t word = VS__NO_ROW;
    for (size_t i = 0; i < e->keep && b[i].row != VS__NO_ROW; i++) {
        word = vs__words_of_row(&e->q.words, b[i].row);
        if (word == VS__NO_ROW || (word != q->a && word != q->b && word != q->c)) break;
    }
    return word != VS__NO_ROW && is_answer(e, q, word);
}

static void add_to(vs_analogy_section *sum, const vs_analogy_section *s) {
    sum->correct += s->correct;
    sum->total += s->total;
    sum->skipped += s->skipped;
    sum->unknown += s->unknown;
    vs_wilson(sum->correct, sum->total, &sum->low, &sum->high);
}

static void count(eval *e, size_t workers) {
    for (size_t i = 0; i < e->q.n; i++) {
        best *b = e->best + i * e->keep;
        for (size_t w = 1; w < workers; w++) { /* workers have ascending rows, so the first of equals stays */
            const best *other = b + w * e->q.n * e->keep;
            for (size_t k = 0; k < e->keep; k++)
                if (other[k].row != VS__NO_ROW && other[k].score > b[e->keep - 1].score) insert(b, e->keep, other[k]);
        }
        e->out->section[e->q.at[i].section].correct += is_correct(e, &e->q.at[i], b);
    }
    vs_analogy_result *r = e->out;
    r->all.name = "total";
    r->semantic.name = "semantic";
    r->syntactic.name = "syntactic";
    r->syntactic.syntactic = true;
    for (size_t i = 0; i < r->n; i++) {
        vs_wilson(r->section[i].correct, r->section[i].total, &r->section[i].low, &r->section[i].high);
        add_to(&r->all, &r->section[i]);
        add_to(r->section[i].syntactic ? &r->syntactic : &r->semantic, &r->section[i]);
    }
}

static vs_status no_memory(vs_err *err, const eval *e) {
    return vs_fail(err, VS_E_NOMEM, "%s: no memory for %zu questions over %zu words", e->q.path, e->q.n, e->q.words.n);
}

static void find_runs(eval *e) {
    for (size_t i = e->q.n; i-- > 0;) {
        bool ends = i + 1 == e->q.n || !alike(e, &e->q.at[i], &e->q.at[i + 1]);
        e->q.at[i].run = ends ? (uint32_t)(i + 1) : e->q.at[i + 1].run;
    }
}

/* The unit vector of a word into x; of one that has no row zero, or what the space makes of its parts where the rules have it
 * so. */
static void word_vector(const eval *e, size_t word, float *x) {
    const vs_keys *keys = &e->s->keys;
    const char *text = e->q.words.text[word];
    size_t d = e->s->d;
    vs_buf note = {0};
    bool made = false;
    if (e->q.words.row[word] != VS__NO_ROW) {
        vs__unit_row(e->s, e->inverse, e->q.words.row[word], x);
        return;
    }
    if ((e->rules->flags & VS__COUNTED) && keys->compose) made = keys->compose(keys->self, text, strlen(text), x, &note);
    vs_buf_free(&note);
    double square = 0;
    for (size_t j = 0; j < d && made; j++) square += (double)x[j] * (double)x[j];
    for (size_t j = 0; j < d; j++) x[j] = square > 0 && isfinite(square) ? (float)((double)x[j] / sqrt(square)) : 0;
}

/* The unit vectors of the words, and of what tells the classes behind them. */
static vs_status vectors(vs_err *err, eval *e, uint64_t seed) {
    size_t d = e->s->d, words = e->q.words.n, size;
    e->unit = vs_mul(words, d, &size) ? vs_alloc(size, sizeof *e->unit) : NULL;
    if (!e->unit) return no_memory(err, e);
    for (size_t u = 0; u < words; u++) word_vector(e, u, e->unit + u * d);
    for (size_t i = 0; i < e->q.n && e->method == VS_ANALOGY_PAIR; i++) {
        vs__question *q = &e->q.at[i];
        const float *c = e->unit + q->c * d;
        q->shift = vs_dot(c, e->unit + q->b * d, d) - vs_dot(c, e->unit + q->a * d, d);
    }
    e->products = words;
    if (e->method != VS_ANALOGY_LRCOS || !e->q.n) return VS_OK;
    VS_TRY(vs__classes_of(err, &e->q, e->s, e->inverse, e->rows, e->unit, seed, &e->classes));
    e->products += e->classes.n;
    float *grown = vs_mul(e->products, d, &size) ? vs_grow(e->unit, words * d, size, sizeof *grown) : NULL;
    if (!grown) return no_memory(err, e);
    e->unit = grown;
    memcpy(e->unit + words * d, e->classes.w, e->classes.n * d * sizeof *e->unit);
    return VS_OK;
}

static vs_status allocate(vs_err *err, eval *e, size_t workers) {
    enum { CACHE = 128 * 1024, LEAST = 64, MOST = 4096, FOLDED = 16 }; /* CACHE: floats, of what a core's own holds a part */
    e->block = CACHE / (e->products + 1) / LEAST * LEAST;
    e->block = e->block < LEAST ? LEAST : e->block > MOST ? MOST : e->block;
    e->fold = (e->block / FOLDED + 15) / 16 * 16;
    size_t scratch, kept, rows;
    bool fits = vs_add(e->products, e->s->d, &rows) && vs_mul(rows + 1, e->block + e->fold, &e->scratch_size) &&
                vs_add(e->scratch_size, e->s->d, &e->scratch_size) && vs_mul(e->scratch_size, workers, &scratch) && vs_mul(e->q.n * e->keep, workers, &kept);
    e->scratch = fits ? vs_alloc(scratch, sizeof *e->scratch) : NULL;
    e->best = fits ? vs_alloc(kept, sizeof *e->best) : NULL;
    if (!e->scratch || !e->best) return no_memory(err, e);
    best none = {e->rules->flags & VS__POSITIVE ? 0 : -INFINITY, VS__NO_ROW};
    for (size_t i = 0; i < kept; i++) e->best[i] = none;
    return VS_OK;
}

static vs_status ask_all(vs_err *err, eval *e, uint64_t seed) {
    VS_TRY(vs__words_locate(err, &e->q.words, e->s, e->rows, e->rules));
    drop_unknown(e);
    size_t located = 0, workers = (size_t)vs_threads();
    for (size_t u = 0; u < e->q.words.n; u++) located += e->q.words.row[u] != VS__NO_ROW;
    e->keep = e->q.words.spellings > located ? e->rules->best : 1; /* without other spellings the best is the answer */
    VS_TRY(vs__space_inverse_norms(err, e->s, &e->inverse));
    VS_TRY(vectors(err, e, seed));
    VS_TRY(allocate(err, e, workers));
    find_runs(e);
    vs_parallel_for(e->rows, e->block, eval_span, e);
    if (vs_interrupted()) return vs_fail(err, VS_E_STOPPED, "%s: interrupted", e->q.path);
    count(e, workers);
    return VS_OK;
}

void vs_analogy_result_free(vs_analogy_result *r) {
    vs_free(r->section);
    vs_arena_free(&r->arena);
    *r = (vs_analogy_result){0};
}

static void start(eval *e, vs_space *s, const vs_analogy_options *o, const vs_progress *p, vs_analogy_result *out) {
    *out = (vs_analogy_result){0};
    const vs__rules *rules = vs__rules_of(o->rules);
    *e = (eval){.s = s, .method = o->method, .rules = rules, .out = out, .progress = p};
    e->q = (vs__questions){.words = {.fold = rules->asked}, .only = o->section, .out = out};
    e->rows = o->restrict_rows ? o->restrict_rows : rules->rows;
    if (e->rows == 0 || e->rows > s->n) e->rows = s->n;
}

static vs_status finish(vs_err *err, eval *e, const vs_analogy_options *o, vs_status status) {
    if (status == VS_OK) status = ask_all(err, e, o->seed);
    e->out->rows = e->rows;
    vs__questions_free(&e->q);
    vs_free(e->classes.w);
    vs_free(e->classes.b);
    vs_free(e->unit);
    vs_free(e->best);
    vs_free(e->scratch);
    if (status != VS_OK) vs_analogy_result_free(e->out);
    return status;
}

vs_status vs__analogy_text(vs_err *err, vs_space *s, const char *path, const char *text, size_t n,
                           const vs_analogy_options *o, const vs_progress *p, vs_analogy_result *out) {
    eval e;
    start(&e, s, o, p, out);
    e.q.path = path;
    vs_status status = vs__questions_text(err, &e.q, path, text, n);
    if (status == VS_OK && e.q.n == 0) status = vs_fail(err, VS_E_FORMAT, "%s: no questions in it", path);
    return finish(err, &e, o, status);
}

vs_status vs_analogy_eval(vs_err *err, vs_space *s, const char *path, const vs_analogy_options *o, const vs_progress *p,
                          vs_analogy_result *out) {
    eval e;
    start(&e, s, o, p, out);
    return finish(err, &e, o, vs__questions_read(err, &e.q, path));
}

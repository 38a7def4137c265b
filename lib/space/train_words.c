/* train_words.c - see train_words.h. */
#include "train_words.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "../base/alloc.h"
#include "../base/dict.h"
#include "../base/map.h"
#include "../numeric/rng.h"
#include "../tensor/kernels.h"
#include "../tensor/reverse.h"
#include "corpus.h"
#include "space_impl.h"

enum {
    SIDES = 8, /* blocks of rows on either side; as many threads find work */
    BLOCKS = SIDES * SIDES,
    PIECES = 16, /* pieces of the text between two sorts */
    PIECE_WORDS = 256,
    MOST_WINDOW = 50,
    MOST_NEGATIVE = 50,
    MOST_DIM = 65536
};
static const double ALPHA_LEAST = 1e-4;

/* A piece of the text: its pairs as they were drawn, then sorted by block. */
typedef struct piece {
    vs_pull *drawn, *sorted;
    size_t n, cap, sorted_cap;
    size_t at[BLOCKS + 1]; /* where each block begins among the sorted */
} piece;

/* What one thread needs for drawing. */
typedef struct drawer {
    vs_rng *rng;
    uint32_t line[VS_CORPUS_LINE_MAX];
} drawer;

typedef struct trainer {
    const vs_train_options *o;
    const vs_corpus *c;
    size_t *begin; /* [pieces + 1] where each piece of the text begins */
    size_t pieces;
    float *keep; /* [kinds] the share of a word's occurrences that is kept */
    vs_die *noise;
    float *in, *out; /* [kinds, width] */
    size_t width;    /* dim, rounded up to whole vectors of sixteen */
    piece piece[PIECES];
    drawer *drawer;
    size_t drawers;
    /* the step now being shared out */
    size_t epoch, from; /* from: the first piece of this step */
    size_t now, round;
    float rate;
    atomic_size_t next;
    atomic_bool failed; /* memory */
} trainer;

vs_train_options vs_train_defaults(void) {
    return (vs_train_options){.dim = 100, .window = 5, .negative = 5, .epochs = 5, .min_count = 1, .sample = 1e-3, .alpha = 0.025, .seed = 1};
}

static vs_status check(vs_err *err, const vs_train_options *o) {
    if (o->dim < 1 || o->dim > MOST_DIM) return vs_fail(err, VS_E_RANGE, "a width of %zu; want 1 to %d", o->dim, MOST_DIM);
    if (o->window < 1 || o->window > MOST_WINDOW)
        return vs_fail(err, VS_E_RANGE, "a window of %zu words; want 1 to %d", o->window, MOST_WINDOW);
    if (o->negative < 1 || o->negative > MOST_NEGATIVE)
        return vs_fail(err, VS_E_RANGE, "%zu words drawn beside each; want 1 to %d", o->negative, MOST_NEGATIVE);
    if (o->epochs < 1 || o->epochs > 100000) return vs_fail(err, VS_E_RANGE, "%zu epochs; want 1 to 100000", o->epochs);
    if (!(o->sample >= 0 && o->sample <= 1)) return vs_fail(err, VS_E_RANGE, "a sample of %g; want 0 to 1", o->sample);
    if (!(o->alpha > 0 && o->alpha <= 1))
        return vs_fail(err, VS_E_RANGE, "a learning rate of %g; want more than 0 and at most 1", o->alpha);
    return VS_OK;
}

/* ---- drawing pairs ---- */

static bool put_pair(piece *p, uint32_t x, uint32_t y, uint32_t seen) {
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16384;
        vs_pull *grown = vs_grow(p->drawn, p->n, cap, sizeof *grown);
        if (!grown) return false;
        p->drawn = grown;
        p->cap = cap;
    }
    p->drawn[p->n++] = (vs_pull){x, y << 1 | seen};
    return true;
}

/* The pairs of one line: each word with those around it, and with others that are drawn. */
static bool draw_line(const trainer *t, piece *p, vs_rng *rng, const uint32_t *word, size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t reach = 1 + vs_rng_below(rng, (uint32_t)t->o->window), from = i > reach ? i - reach : 0;
        for (size_t k = from; k < n && k <= i + reach; k++) {
            if (k == i) continue;
            if (!put_pair(p, word[i], word[k], 1)) return false;
            for (size_t j = 0; j < t->o->negative; j++) {
                uint32_t other = (uint32_t)vs_die_throw(t->noise, rng);
                if (other != word[k] && !put_pair(p, word[i], other, 0)) return false;
            }
        }
    }
    return true;
}

static size_t block_of(const vs_pull *p) { return p->x % SIDES * SIDES + (p->y >> 1) % SIDES; }

/* Into p->sorted by block, those of a block in the order in which they were drawn. */
static bool sort_pairs(piece *p) {
    if (p->sorted_cap < p->n) {
        vs_free(p->sorted);
        p->sorted = vs_alloc(p->cap, sizeof *p->sorted);
        p->sorted_cap = p->sorted ? p->cap : 0;
        if (!p->sorted) return false;
    }
    size_t at[BLOCKS] = {0};
    for (size_t i = 0; i < p->n; i++) at[block_of(&p->drawn[i])]++;
    size_t sum = 0;
    for (size_t b = 0; b < BLOCKS; b++) {
        p->at[b] = sum;
        sum += at[b];
        at[b] = p->at[b];
    }
    p->at[BLOCKS] = sum;
    for (size_t i = 0; i < p->n; i++) p->sorted[at[block_of(&p->drawn[i])]++] = p->drawn[i];
    return true;
}

static bool draw_piece(trainer *t, size_t which, drawer *d) {
    piece *p = &t->piece[which];
    p->n = 0;
    size_t global = t->from + which, n = 0;
    uint64_t of[3] = {t->o->seed, t->epoch, global};
    vs_rng_seed(d->rng, vs_hash(of, sizeof of));
    bool ok = true;
    for (size_t i = t->begin[global]; ok && i < t->begin[global + 1]; i++) {
        uint32_t w = t->c->id[i];
        if (w == VS_CORPUS_END) {
            ok = draw_line(t, p, d->rng, d->line, n);
            n = 0;
        } else if (n < VS_CORPUS_LINE_MAX && (t->keep[w] >= 1 || vs_rng_uniform(d->rng) < (double)t->keep[w])) {
            d->line[n++] = w;
        }
    }
    return ok && sort_pairs(p);
}

static void draw_some(void *arg, size_t begin, size_t end, int worker) {
    trainer *t = arg;
    (void)begin, (void)end;
    for (size_t i; (i = atomic_fetch_add(&t->next, 1)) < t->now;)
        if (!draw_piece(t, i, &t->drawer[worker])) atomic_store(&t->failed, true);
}

/* ---- learning ---- */

/* Blocks (i, i + round) for i = 0, 1, …: no two of them have a row in common. */
static void learn_some(void *arg, size_t begin, size_t end, int worker) {
    trainer *t = arg;
    (void)begin, (void)end, (void)worker;
    for (size_t i; (i = atomic_fetch_add(&t->next, 1)) < SIDES;) {
        size_t b = i * SIDES + (i + t->round) % SIDES;
        for (size_t k = 0; k < t->now; k++) {
            const piece *p = &t->piece[k];
            vs_pull_pairs(p->sorted + p->at[b], p->at[b + 1] - p->at[b], t->in, t->out, t->width, t->rate);
        }
    }
}

/* A task for each thread, which then takes what there is to do piece by piece: shares of equal work cannot be known. */
static void share_out(trainer *t, vs_span_fn *fn) {
    atomic_store(&t->next, 0);
    vs_parallel_for(t->drawers, 1, fn, t);
}

/* Over the first pieces of the text, with pairs that are the same at each call. */
static double loss_now(trainer *t) {
    double sum = 0;
    size_t seen = 0, epoch = t->epoch;
    t->epoch = SIZE_MAX; /* random numbers of their own */
    t->from = 0;
    t->now = t->pieces < PIECES ? t->pieces : PIECES;
    share_out(t, draw_some);
    t->epoch = epoch;
    for (size_t k = 0; k < t->now; k++)
        for (size_t i = 0; i < t->piece[k].n; i++) {
            const vs_pull *p = &t->piece[k].drawn[i];
            double f = (double)vs_dot(t->in + (size_t)p->x * t->width, t->out + (size_t)(p->y >> 1) * t->width, t->width);
            bool was = p->y & 1;
            sum += log1p(exp(was ? -f : f));
            seen += was;
        }
    return seen ? sum / (double)seen : 0;
}

/* One epoch; stops between two steps. */
static vs_status run_epoch(vs_err *err, trainer *t, const vs_progress *p, vs_train_state *st) {
    uint64_t total = (uint64_t)t->pieces * t->o->epochs;
    for (t->from = 0; t->from < t->pieces; t->from += PIECES) {
        uint64_t done = (uint64_t)t->pieces * t->epoch + t->from;
        vs_tick(p, "training", done, total);
        if (vs_interrupted()) {
            st->stopped = true;
            return VS_OK;
        }
        double left = 1 - (double)done / (double)total, rate = t->o->alpha * left;
        t->rate = (float)(rate > ALPHA_LEAST ? rate : ALPHA_LEAST);
        t->now = t->pieces - t->from < PIECES ? t->pieces - t->from : PIECES;
        share_out(t, draw_some);
        if (atomic_load(&t->failed)) return vs_fail(err, VS_E_NOMEM, "no memory for the pairs of %d words", PIECES * PIECE_WORDS);
        for (t->round = 0; t->round < SIDES; t->round++) share_out(t, learn_some);
    }
    st->epoch++;
    st->loss = loss_now(t);
    return atomic_load(&t->failed) ? vs_fail(err, VS_E_NOMEM, "no memory for the pairs of %d words", PIECES * PIECE_WORDS) : VS_OK;
}

/* ---- before and after ---- */

/* Pieces of whole lines. */
static vs_status cut(vs_err *err, trainer *t) {
    const vs_corpus *c = t->c;
    t->begin = vs_alloc(c->n / PIECE_WORDS + 2, sizeof *t->begin);
    if (!t->begin) return vs_fail(err, VS_E_NOMEM, "no memory for the pieces of a text");
    t->begin[0] = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->id[i] == VS_CORPUS_END && (i + 1 - t->begin[t->pieces] >= PIECE_WORDS || i + 1 == c->n)) t->begin[++t->pieces] = i + 1;
    return VS_OK;
}

static vs_status make_chances(vs_err *err, trainer *t) {
    const vs_corpus *c = t->c;
    double total = 0, *weight = vs_alloc(c->kinds, sizeof *weight);
    t->keep = vs_alloc(c->kinds, sizeof *t->keep);
    if (!weight || !t->keep) {
        vs_free(weight);
        return vs_fail(err, VS_E_NOMEM, "no memory for %zu chances", c->kinds);
    }
    for (size_t i = 0; i < c->kinds; i++) total += (double)c->count[i];
    for (size_t i = 0; i < c->kinds; i++) {
        double f = t->o->sample > 0 ? t->o->sample * total / (double)c->count[i] : 1;
        t->keep[i] = (float)(sqrt(f) + f);
        weight[i] = pow((double)c->count[i], 0.75);
    }
    vs_status s = vs_die_new(err, weight, c->kinds, &t->noise);
    vs_free(weight);
    return s;
}

/* As word2vec.c begins: input vectors uniform in ±1/(2 dim), output vectors zero. */
static vs_status make_rows(vs_err *err, trainer *t) {
    size_t bytes;
    t->width = (t->o->dim + 15) / 16 * 16;
    t->drawers = (size_t)vs_threads();
    if (!vs_mul(t->width, sizeof *t->in, &bytes)) return vs_fail(err, VS_E_NOMEM, "no memory for the vectors");
    t->in = vs_zalloc(t->c->kinds, bytes);
    t->out = vs_zalloc(t->c->kinds, bytes);
    t->drawer = vs_zalloc(t->drawers, sizeof *t->drawer);
    if (!t->in || !t->out || !t->drawer)
        return vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors of %zu numbers", t->c->kinds, t->o->dim);
    for (size_t i = 0; i < t->drawers; i++) VS_TRY(vs_rng_new(err, 0, &t->drawer[i].rng));
    vs_rng *r = t->drawer[0].rng;
    vs_rng_seed(r, t->o->seed);
    for (size_t i = 0; i < t->c->kinds; i++)
        for (size_t k = 0; k < t->o->dim; k++) t->in[i * t->width + k] = (float)((vs_rng_uniform(r) - 0.5) / (double)t->o->dim);
    return VS_OK;
}

static void trainer_free(trainer *t) {
    for (size_t i = 0; i < PIECES; i++) {
        vs_free(t->piece[i].drawn);
        vs_free(t->piece[i].sorted);
    }
    for (size_t i = 0; t->drawer && i < t->drawers; i++) vs_rng_free(t->drawer[i].rng);
    vs_free(t->drawer);
    vs_die_free(t->noise);
    vs_free(t->begin);
    vs_free(t->keep);
    vs_free(t->in);
    vs_free(t->out);
}

/* The vectors as they are now, as a space. */
static vs_status make_space(vs_err *err, const trainer *t, const char *name, vs_space **out) {
    vs__word_list *w;
    VS_TRY(vs__word_list_new(err, t->c->kinds, t->o->dim, &w));
    vs_status s = VS_OK;
    bool added;
    for (size_t i = 0; s == VS_OK && i < t->c->kinds; i++)
        s = vs__word_list_add(err, w, t->c->word[i], t->c->len[i], t->in + i * t->width, &added);
    if (s == VS_OK) return vs__word_list_space(err, w, name, out);
    vs__word_list_free(w);
    return s;
}

static vs_status train(vs_err *err, trainer *t, const char *name, const vs_progress *p, vs_train_fn *each, void *arg,
                       vs_train_state *st) {
    VS_TRY(cut(err, t));
    VS_TRY(make_chances(err, t));
    VS_TRY(make_rows(err, t));
    for (; t->epoch < t->o->epochs && !st->stopped; t->epoch++) {
        double start = vs_seconds();
        VS_TRY(run_epoch(err, t, p, st));
        st->seconds += vs_seconds() - start;
        if (!each || st->stopped) continue;
        vs_space *now;
        VS_TRY(make_space(err, t, name, &now));
        vs_status s = each(err, arg, now, st);
        vs_space_free(now);
        VS_TRY(s);
    }
    return VS_OK;
}

static vs_status read_corpus(vs_err *err, const char *path, const char *text, size_t n, const vs_train_options *o,
                             const vs_progress *p, vs_corpus *out) {
    if (!path) return vs_corpus_read(err, "the text", text, n, o->plain, o->min_count, p, out);
    vs_map m;
    VS_TRY(vs_map_open(err, path, &m));
    vs_status s = vs_corpus_read(err, path, (const char *)m.bytes, m.size, o->plain, o->min_count, p, out);
    vs_map_close(&m);
    return s;
}

vs_status vs_train_words(vs_err *err, const char *path, const char *text, size_t n, const char *name,
                         const vs_train_options *o, const vs_progress *p, vs_train_fn *each, void *arg, vs_train_state *state,
                         vs_space **out) {
    *out = NULL;
    *state = (vs_train_state){.epochs = o->epochs};
    VS_TRY(check(err, o));
    vs_corpus c;
    VS_TRY(read_corpus(err, path, text, n, o, p, &c));
    state->words = c.words;
    state->kinds = c.kinds;
    trainer *t = vs_zalloc(1, sizeof *t);
    vs_status s = t ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory to train");
    if (t) {
        t->o = o;
        t->c = &c;
        s = train(err, t, name, p, each, arg, state);
        vs_tick(p, "training", 1, 1);
        if (s == VS_OK) s = make_space(err, t, name, out);
        trainer_free(t);
    }
    vs_free(t);
    vs_corpus_free(&c);
    return s;
}

/* cmd_axis.c - axis: a direction between two sets of words, how well it holds, and what stands where on it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum { MOST = 512, TRACK = 41 };

/* ---- places, drawn ---- */

typedef struct placed {
    const char *key;
    double place, cosine;
    int held; /* 1, 0: held out and right, wrong; -1: not tried */
    int side; /* -1: of neither */
} placed;

/* The farthest along first; equals as they came. */
static int by_place(const void *x, const void *y) {
    const placed *a = x, *b = y;
    return a->place > b->place ? -1 : a->place < b->place;
}

/* The heading of a column of tracks: numbers above their ticks. */
static void scale(double from, double to, const double *tick, size_t n, vs_buf *b) {
    char line[TRACK + 16];
    memset(line, ' ', sizeof line);
    size_t end = 0;
    for (size_t i = 0; i < n; i++) {
        char number[16];
        int len = snprintf(number, sizeof number, "%g", tick[i]);
        int at = (int)((tick[i] - from) / (to - from) * (TRACK - 1) + 0.5) - (len > 1);
        if (at < 0) at = 0;
        memcpy(line + at, number, (size_t)len);
        if ((size_t)(at + len) > end) end = (size_t)(at + len);
    }
    vs_buf_clear(b);
    vs_buf_put(b, line, end);
}

/* A table of words on an axis.  made: with their sides and whether they held. */
static void show_places(vs_out *o, placed *p, size_t n, bool scaled, bool made) {
    static const double ticks[] = {-1, 0, 1};
    const double *tick = scaled ? ticks : ticks + 1;
    size_t n_ticks = scaled ? 3 : 1;
    double from = scaled ? -1 : 0, to = scaled ? 1 : 0;
    for (size_t i = 0; i < n; i++) {
        from = fmin(from, p[i].place);
        to = fmax(to, p[i].place);
    }
    if (!(to > from)) to = from + 1;
    vs_buf head = {0};
    scale(from, to, tick, n_ticks, &head);
    const vs_col cols[] = {
        {"key", VS_COL_TEXT, 0, 0, "word"},
        {"place", VS_COL_REAL, 2, 0, NULL},
        {"track", VS_COL_TEXT, 0, VS_COL_TTY_ONLY, head.s ? head.s : ""},
        {"cosine", VS_COL_REAL, 4, VS_COL_JSON_ONLY, NULL},
        {"side", VS_COL_TEXT, 0, made ? 0 : VS_COL_NO_TTY | VS_COL_NO_JSON | VS_COL_NO_CSV, NULL},
        {"held", VS_COL_TEXT, 0, made ? 0 : VS_COL_NO_TTY | VS_COL_NO_JSON | VS_COL_NO_CSV, "held out"}};
    qsort(p, n, sizeof *p, by_place);
    vs_out_table(o, "results", cols, sizeof cols / sizeof *cols);
    for (size_t i = 0; i < n; i++) {
        vs_cell_word(o, p[i].key);
        vs_out_cell_real(o, p[i].place);
        vs_cell_track(o, p[i].place, from, to, TRACK, tick, n_ticks);
        vs_out_cell_real(o, p[i].cosine);
        vs_out_cell_text(o, p[i].side > 0 ? "pos" : "neg");
        vs_out_cell_text(o, p[i].held < 0 ? "" : p[i].held ? "right" : "wrong");
    }
    vs_out_end(o);
    vs_buf_free(&head);
}

/* ---- make ---- */

/* The words of an axis: their texts, vectors [n,d] and sides. */
typedef struct sides {
    const char *text[MOST];
    uint8_t side[MOST];
    size_t n, d;
    float *x;
    vs_space *space;
    vs_buf from; /* what was asked for, as a command */
    vs_arena arena;
} sides;

static void sides_free(sides *q) {
    vs_free(q->x);
    vs_buf_free(&q->from);
    vs_arena_free(&q->arena);
}

static vs_status listed(vs_err *err, vs_session *s, const vs_args *a, sides *q, vs_out *o) {
    size_t neg = vs_text_list(a, "neg", q->text, MOST),
           pos = neg <= MOST ? vs_text_list(a, "pos", q->text + neg, MOST - neg) : 0;
    if (!pos || !neg)
        return vs_fail(err, VS_E_USAGE,
                       "axis make wants words on both sides: --pos king queen --neg man woman, or --pairs FILE");
    if (pos + neg > MOST)
        return vs_fail(err, VS_E_USAGE, "axis make takes at most %d words, here are %zu", MOST, pos + neg);
    q->n = pos + neg;
    for (size_t i = 0; i < q->n; i++)
        for (size_t k = 0; k < i; k++) /* a word is not once held out and once not */
            if (!strcmp(q->text[i], q->text[k]))
                return vs_fail(err, VS_E_USAGE, "axis make wants each word once, not %s twice", q->text[i]);
    for (size_t i = 0; i < q->n; i++) q->side[i] = i >= neg;
    vs_buf_puts(&q->from, " --pos");
    for (size_t i = neg; i < q->n; i++) vs_buf_printf(&q->from, " %s", q->text[i]);
    vs_buf_puts(&q->from, " --neg");
    for (size_t i = 0; i < neg; i++) vs_buf_printf(&q->from, " %s", q->text[i]);
    vs_word_value *w = vs_zalloc(q->n, sizeof *w);
    if (!w) return vs_fail(err, VS_E_NOMEM, "no memory for %zu words", q->n);
    vs_status st = vs_words_eval_any(err, s, q->text, q->n, w, &q->space, o);
    if (st == VS_OK) {
        q->d = w[0].v.dim;
        q->x = vs_alloc(q->n * q->d, sizeof *q->x);
        if (!q->x) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu words", q->n);
    }
    for (size_t i = 0; i < q->n && st == VS_OK; i++) memcpy(q->x + i * q->d, w[i].v.vec, q->d * sizeof *q->x);
    vs_words_free(w, q->n);
    vs_free(w);
    return st;
}

/* Row i of the axis is a row of the space. */
static vs_status take_row(vs_err *err, sides *q, size_t i, size_t row, bool pos) {
    size_t len;
    const char *key = vs_space_key(q->space, row, &len);
    size_t blank = len > 1 && key[0] == ' ';
    q->text[i] = vs_arena_strndup(&q->arena, key + blank, len - blank);
    q->side[i] = pos;
    if (!q->text[i]) return vs_fail(err, VS_E_NOMEM, "no memory for the words of an axis");
    return vs_space_row(err, q->space, row, q->x + i * q->d);
}

static vs_status from_relation(vs_err *err, const vs_relations *r, const vs_args *a, sides *q) {
    const char *file = vs_text(a, "pairs"), *only = vs_text(a, "section");
    const vs_relation *one = NULL;
    for (size_t i = 0; i < r->n && !one; i++)
        if (!only || !strcmp(r->at[i].name, only)) one = &r->at[i];
    if (!one) return vs_fail(err, VS_E_UNKNOWN, "%s has no section %s; it begins with %s", file, only, r->at[0].name);
    if (!only && r->n > 1) return vs_fail(err, VS_E_USAGE, "%s has %zu sections: name one with --section", file, r->n);
    if (!one->n || 2 * one->n > MOST)
        return vs_fail(err, VS_E_RANGE, "%s: %zu pairs of words that %s knows; 1 to %d are wanted", one->name, one->n,
                       vs_space_name(q->space), MOST / 2);
    vs_buf_printf(&q->from, " --pairs %s --section %s", file, one->name);
    q->x = vs_alloc(2 * one->n * q->d, sizeof *q->x);
    if (!q->x) return vs_fail(err, VS_E_NOMEM, "no memory for %zu words", 2 * one->n);
    for (size_t i = 0; i < one->n; i++) {
        bool met = false; /* her of his and her of him: not once held out and once not */
        for (size_t k = 0; k < i; k++)
            met = met || one->pair[k].a == one->pair[i].a || one->pair[k].b[0] == one->pair[i].b[0];
        if (met) continue;
        VS_TRY(take_row(err, q, q->n++, one->pair[i].a, false));
        VS_TRY(take_row(err, q, q->n++, one->pair[i].b[0], true));
    }
    return VS_OK;
}

static vs_status gather(vs_err *err, vs_session *s, const vs_args *a, sides *q, vs_out *o) {
    if (!vs_has(a, "pairs")) return listed(err, s, a, q, o);
    if (vs_has(a, "pos") || vs_has(a, "neg"))
        return vs_fail(err, VS_E_USAGE, "axis make wants --pairs, or --pos and --neg, not both");
    q->space = vs_session_space(s);
    if (!q->space) return vs_fail(err, VS_E_STATE, "no space is open");
    q->d = vs_space_dim(q->space);
    vs_relations r;
    VS_TRY(vs_relations_read(err, q->space, vs_text(a, "pairs"), &r));
    vs_status st = from_relation(err, &r, a, q);
    vs_relations_free(&r);
    return st;
}

/* The axis under its name; what was measured as a result, its origin and length with it for `axis on`. */
static vs_status keep(vs_err *err, vs_session *s, const char *name, const char *method, const sides *q,
                      const float *axis, const vs_axis_result *r) {
    vs_store *store;
    vs_buf from = {0}, json = {0};
    vs_buf_printf(&from, "axis make %s%s --method %s", name, q->from.s ? q->from.s : "", method);
    vs_buf_printf(&json,
                  "{\"method\":\"%s\",\"origin\":%.17g,\"norm\":%.9g,\"words\":%zu,\"held_out\":%zu,\"right\":%zu",
                  method, r->origin, sqrt((double)vs_sum_squares(axis, q->d)), q->n, r->tried, r->right);
    if (r->tried)
        vs_buf_printf(&json, ",\"accuracy\":%.6f,\"low\":%.6f,\"high\":%.6f", (double)r->right / (double)r->tried,
                      r->low, r->high);
    if (!isnan(r->random_mean))
        vs_buf_printf(&json, ",\"random\":%.6f,\"random_95\":%.6f,\"random_as_good\":%.6f", r->random_mean,
                      r->random_95, r->random_as_good);
    vs_buf_puts(&json, "}");
    vs_status st = from.failed || json.failed || q->from.failed ? vs_fail(err, VS_E_NOMEM, "no memory for a name")
                                                                : vs_session_store(err, s, &store);
    if (st == VS_OK)
        st = vs_store_name_set(err, store, name, from.s, q->space ? vs_space_name(q->space) : "", axis, q->d, 0);
    if (st == VS_OK) st = vs_store_result(err, store, "axis", name, json.s, 0, 0);
    vs_buf_free(&from);
    vs_buf_free(&json);
    return st;
}

static void show_made(vs_out *o, const char *name, const char *method, const sides *q, const float *axis,
                      const vs_axis_result *r, const int8_t *held, placed *p) {
    double norm = sqrt((double)vs_sum_squares(axis, q->d)),
           share = r->tried ? (double)r->right / (double)r->tried : (double)NAN;
    vs_out_text(o, VS_COL_JSON_ONLY, "name", name);
    vs_out_text(o, VS_COL_JSON_ONLY, "space", q->space ? vs_space_name(q->space) : "");
    vs_out_text(o, VS_COL_JSON_ONLY, "method", method);
    vs_out_int(o, VS_COL_JSON_ONLY, "dim", (int64_t)q->d);
    vs_out_real(o, VS_COL_JSON_ONLY, "norm", norm, 4);
    vs_out_int(o, VS_COL_JSON_ONLY, "held_out", (int64_t)r->tried);
    vs_out_int(o, VS_COL_JSON_ONLY, "right", (int64_t)r->right);
    vs_out_real(o, VS_COL_JSON_ONLY, "accuracy", share, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "low", r->low, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "high", r->high, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "random", r->random_mean, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "random_95", r->random_95, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "random_as_good", r->random_as_good, 4);
    vs_out_note(o, "$%s by %s: %zu numbers, |x| = %.4g", name, method, q->d, norm);
    if (r->tried)
        vs_out_note(o, "  held out: %zu of %zu on their side (%.3f; 95 %% interval %.3f..%.3f)", r->right, r->tried,
                    share, r->low, r->high);
    else
        vs_out_note(o, "  not tried: that takes two words of each side");
    if (!isnan(r->random_mean))
        vs_out_note(o, "  random directions: %.3f on average, 95 %% of them at most %.3f; %.1f %% do as well",
                    r->random_mean, r->random_95, 100 * r->random_as_good);
    for (size_t i = 0; i < q->n; i++) {
        const float *x = q->x + i * q->d;
        p[i] = (placed){q->text[i], vs_axis_place(axis, r->origin, x, q->d), (double)vs_cosine(axis, x, q->d), held[i],
                        q->side[i]};
    }
    show_places(o, p, q->n, true, true);
}

static vs_status make(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *name;
    if (vs_arg_count(a) != 2)
        return vs_fail(err, VS_E_USAGE, "axis make wants a name: axis make royal --pos king queen --neg man woman");
    VS_TRY(vs_vector_name(err, vs_arg(a, 1), &name));
    vs_axis_options options = {.lambda = vs_real(a, "lambda"), .seed = vs_session_settings(s)->seed};
    VS_TRY(vs_axis_method_find(err, vs_text(a, "method"), &options.method));
    int64_t folds = vs_int(a, "folds"), randoms = vs_int(a, "randoms");
    if (folds < 2 || randoms < 0 || randoms > 1000000)
        return vs_fail(err, VS_E_USAGE,
                       "axis make wants --folds from 2 and --randoms from 0 to 1000000, not %lld and %lld",
                       (long long)folds, (long long)randoms);
    if (!(options.lambda > 0))
        return vs_fail(err, VS_E_USAGE, "axis make wants a --lambda above 0 (0.1 is usual), not %g", options.lambda);
    options.folds = (size_t)folds;
    options.randoms = (size_t)randoms;
    sides *q = vs_zalloc(1, sizeof *q);
    placed *p = vs_alloc(MOST, sizeof *p);
    int8_t held[MOST];
    float *axis = NULL;
    vs_axis_result r;
    vs_status st = q && p ? gather(err, s, a, q, o) : vs_fail(err, VS_E_NOMEM, "no memory for an axis");
    if (st == VS_OK) {
        axis = vs_alloc(q->d, sizeof *axis);
        st = axis ? vs_axis_fit(err, q->x, q->side, q->n, q->d, &options, axis, held, &r)
                  : vs_fail(err, VS_E_NOMEM, "no memory for an axis");
    }
    if (st == VS_OK && !isfinite(vs_sum_squares(axis, q->d)))
        st = vs_fail(err, VS_E_NUMERIC, "an axis: the words are so far apart that its length is no number");
    if (st == VS_OK) st = keep(err, s, name, vs_axis_method_name(options.method), q, axis, &r);
    if (st == VS_OK) show_made(o, name, vs_axis_method_name(options.method), q, axis, &r, held, p);
    vs_free(axis);
    vs_free(p);
    if (q) sides_free(q);
    vs_free(q);
    return st;
}

/* ---- on ---- */

/* What is known of a named axis. */
typedef struct known {
    double origin, norm;
    bool found;
    char from[400];
} known;

static vs_status known_row(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    known *k = arg;
    if (n < 3 || v[0].type != VS_SQL_REAL || v[1].type != VS_SQL_REAL) return VS_OK;
    k->origin = v[0].r;
    k->norm = v[1].r;
    k->found = true;
    snprintf(k->from, sizeof k->from, "%.*s", (int)(v[2].n < sizeof k->from ? v[2].n : sizeof k->from - 1),
             v[2].s ? v[2].s : "");
    return VS_OK;
}

/* The origin of $name where it is an axis that is still the vector it was. */
static vs_status look_up(vs_err *err, vs_session *s, const char *name, const vs_value *v, known *k) {
    *k = (known){.found = false};
    vs_store *store;
    VS_TRY(vs_session_store(err, s, &store));
    vs_buf sql = {0};
    vs_buf_printf(&sql,
                  "SELECT data ->> 'origin', data ->> 'norm', n.expr FROM results r JOIN names n ON n.name = r.subject "
                  "WHERE kind = 'axis' AND subject = '%s' ORDER BY r.id DESC LIMIT 1",
                  name);
    vs_status st = sql.failed ? vs_fail(err, VS_E_NOMEM, "no memory to look an axis up")
                              : vs_store_sql(err, store, sql.s, true, known_row, k, NULL);
    vs_buf_free(&sql);
    double norm = sqrt((double)vs_sum_squares(v->vec, v->dim));
    k->found = k->found && fabs(norm - k->norm) < 1e-5 * norm && !strncmp(k->from, "axis ", 5);
    return st;
}

/* The direction of `axis on`: a name, with or without its $, or any other expression. */
static vs_status direction(vs_err *err, vs_session *s, const char *text, vs_value *v, known *k) {
    const char *name;
    vs_buf b = {0};
    *k = (known){.found = false};
    if (vs_vector_name(NULL, text, &name) != VS_OK) return vs_session_eval(err, s, text, strlen(text), v);
    vs_buf_printf(&b, "$%s", name);
    vs_status st = b.failed ? vs_fail(err, VS_E_NOMEM, "no memory for a name") : vs_session_eval(err, s, b.s, b.len, v);
    if (st == VS_OK) {
        st = look_up(err, s, name, v, k);
        if (st != VS_OK) vs_value_free(v);
    } else if (st == VS_E_UNKNOWN) {
        st = vs_fail(err, st, "no axis is called %s; axis list shows them, axis make %s makes one", name, name);
    }
    vs_buf_free(&b);
    return st;
}

static vs_status on(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    size_t n = vs_arg_count(a) < 3 ? 0 : vs_arg_count(a) - 2;
    if (!n || n > MOST)
        return vs_fail(err, VS_E_USAGE, "axis on wants an axis and 1 to %d words: axis on royal throne peasant", MOST);
    known k;
    vs_value v = {0};
    VS_TRY(direction(err, s, vs_arg(a, 1), &v, &k));
    const char *text[MOST];
    for (size_t i = 0; i < n; i++) text[i] = vs_arg(a, i + 2);
    vs_word_value *w = vs_zalloc(n, sizeof *w);
    placed *p = vs_alloc(n, sizeof *p);
    vs_space *where;
    vs_status st = w && p ? vs_words_eval_any(err, s, text, n, w, &where, o)
                          : vs_fail(err, VS_E_NOMEM, "no memory for %zu words", n);
    if (st == VS_OK && vs_sum_squares(v.vec, v.dim) == 0)
        st = vs_fail(err, VS_E_NUMERIC, "axis on: %s is zero, which is no direction", vs_arg(a, 1));
    if (st == VS_OK && w[0].v.dim != v.dim)
        st = vs_fail(err, VS_E_SHAPE, "%s has %zu numbers, %s has %zu; vectors of one width are wanted", vs_arg(a, 1),
                     v.dim, text[0], w[0].v.dim);
    if (st == VS_OK) {
        double norm = sqrt((double)vs_sum_squares(v.vec, v.dim));
        vs_out_text(o, VS_COL_JSON_ONLY, "axis", vs_arg(a, 1));
        vs_out_bool(o, VS_COL_JSON_ONLY, "scaled", k.found);
        vs_out_note(o, "%s%s", k.found ? k.from : vs_arg(a, 1), k.found ? "" : ": how long each is along it");
        for (size_t i = 0; i < n; i++) {
            double cosine = (double)vs_cosine(v.vec, w[i].v.vec, v.dim),
                   own = sqrt((double)vs_sum_squares(w[i].v.vec, v.dim));
            p[i] = (placed){text[i],
                            k.found    ? vs_axis_place(v.vec, k.origin, w[i].v.vec, v.dim)
                            : norm > 0 ? cosine * own
                                       : 0,
                            cosine, -1, -1};
        }
        show_places(o, p, n, k.found, false);
    }
    if (w) vs_words_free(w, n);
    vs_free(w);
    vs_free(p);
    vs_value_free(&v);
    return st;
}

/* ---- list ---- */

typedef struct listing {
    vs_out *o;
    size_t rows;
} listing;

static vs_status list_row(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    listing *l = arg;
    vs_out *o = l->o;
    vs_buf b = {0};
    l->rows++;
    for (size_t i = 0; i < n; i++) {
        vs_buf_clear(&b);
        if (v[i].type == VS_SQL_TEXT) vs_buf_put(&b, v[i].s, v[i].n);
        if (i == 1 || i == 2)
            vs_out_cell_real(o, v[i].type == VS_SQL_REAL ? v[i].r : (double)NAN);
        else
            vs_out_cell_text(o, b.s ? b.s : "");
    }
    vs_buf_free(&b);
    return VS_OK;
}

static vs_status list(vs_err *err, vs_session *s, vs_out *o) {
    static const vs_col cols[] = {{"name", VS_COL_TEXT, 0, 0, NULL},
                                  {"accuracy", VS_COL_REAL, 3, 0, "held out"},
                                  {"random", VS_COL_REAL, 3, 0, NULL},
                                  {"space", VS_COL_TEXT, 0, 0, NULL},
                                  {"made", VS_COL_TEXT, 0, 0, NULL}};
    vs_store *store;
    listing l = {o, 0};
    VS_TRY(vs_session_store(err, s, &store));
    vs_out_table(o, "axes", cols, sizeof cols / sizeof *cols);
    VS_TRY(vs_store_sql(
        err, store,
        "SELECT n.name, r.data ->> 'accuracy', r.data ->> 'random', n.space, n.expr FROM names n JOIN results r "
        "ON r.subject = n.name AND r.kind = 'axis' AND r.id = (SELECT max(id) FROM results WHERE kind = 'axis' AND "
        "subject = n.name) WHERE n.expr LIKE 'axis %' ORDER BY n.name",
        true, list_row, &l, NULL));
    vs_out_end(o);
    if (!l.rows) vs_out_note(o, "no axis is kept here; axis make NAME --pos WORDS --neg WORDS makes one");
    return VS_OK;
}

static vs_status run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *what = vs_arg(a, 0);
    if (!strcmp(what, "make")) return make(err, s, a, o);
    if (!strcmp(what, "on")) return on(err, s, a, o);
    if (!strcmp(what, "list") && vs_arg_count(a) == 1) return list(err, s, o);
    return vs_fail(err, VS_E_USAGE, "axis wants make NAME, on AXIS WORDS or list, not %s", what);
}

static const vs_opt opts[] = {
    {"pos", 0, VS_OPT_TEXTS, "WORDS", "make: the words that it points to", NULL, VS_COMPLETE_WORD},
    {"neg", 0, VS_OPT_TEXTS, "WORDS", "make: the words that it points away from", NULL, VS_COMPLETE_WORD},
    {"pairs", 0, VS_OPT_TEXT, "FILE", "make: from the first words of pairs to the second, as relation fit reads them",
     NULL, VS_COMPLETE_FILE},
    {"section", 0, VS_OPT_TEXT, "NAME", "make: that section of FILE", NULL, VS_COMPLETE_NONE},
    {"method", 0, VS_OPT_TEXT, "mean|pca|logistic", "make: how it is found", "mean", VS_COMPLETE_CHOICE},
    {"lambda", 0, VS_OPT_REAL, "L", "make: the penalty of logistic, for vectors of mean square norm 1", "0.1",
     VS_COMPLETE_NONE},
    {"folds", 0, VS_OPT_INT, "N", "make: held out in so many parts at most", "20", VS_COMPLETE_NONE},
    {"randoms", 0, VS_OPT_INT, "N", "make: random directions beside it", "1000", VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const kinds[] = {"make", "on", "list", NULL};
static const char *const examples[] = {
    "axis make royal --pos king queen --neg man woman",
    "axis make male --pos man boy he king --neg woman girl she queen --method logistic",
    "axis on 'queen - king' woman man nurse soldier", "axis list", NULL};
const vs_cmd vs_cmd_axis = {.name = "axis",
                            .group = "vectors",
                            .synopsis = "make NAME --pos WORDS --neg WORDS | on AXIS WORDS | list",
                            .summary =
                                "a direction between two sets of words, how well it holds, and what stands where on it",
                            .details = "make keeps the direction as $NAME, with its accuracy as a result: mean is the "
                                       "difference of the means, pca what pairs\n"
                                       "(the i-th of both sides) differ by most, logistic the weights of a probe.  It "
                                       "is as long as the step between the\n"
                                       "means: x + $NAME takes x over.\n"
                                       "Held out: the i-th of both sides, placed by the direction of the others; "
                                       "beside it random directions, which separate a\n"
                                       "few words well enough.\n"
                                       "on places words: -1 is the mean of --neg, 1 the mean of --pos; along any other "
                                       "expression, how long each word is that\n"
                                       "way.",
                            .style = VS_ARGS_ITEMS,
                            .min_args = 1,
                            .opts = opts,
                            .examples = examples,
                            .needs = VS_NEEDS_SPACE,
                            .complete = VS_COMPLETE_WORD,
                            .choices = kinds,
                            .run = run};

/* cmd_among.c - odd, rank, closer-than, between: how words stand to each other. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

enum { MOST = 64, TRACK = 25 };

static const vs_opt count_opts[] = {{"k", 'k', VS_OPT_INT, "K", "how many (set k)", NULL, VS_COMPLETE_NONE},
                                    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* The arguments of a command, evaluated. */
static vs_status operands(vs_err *err, vs_session *s, const vs_args *a, bool search, vs_word_value *w, vs_space **where,
                          vs_out *o) {
    const char *text[MOST];
    size_t n = vs_arg_count(a);
    for (size_t i = 0; i < n; i++) text[i] = vs_arg(a, i);
    return search ? vs_words_eval(err, s, text, n, w, where, o) : vs_words_eval_any(err, s, text, n, w, where, o);
}

/* ---- odd ---- */

static void show_odd(const vs_args *a, const float *cosine, size_t n, size_t odd, vs_out *o) {
    static const vs_col cols[] = {{"key", VS_COL_TEXT, 0, 0, NULL}, {"score", VS_COL_SCORE, 4, 0, "cosine"}};
    bool done[MOST] = {false};
    vs_out_text(o, VS_COL_JSON_ONLY, "odd", vs_arg(a, odd));
    vs_out_note(o, "%s is the odd one: farthest from the mean of all %zu", vs_arg(a, odd), n);
    vs_out_table(o, "results", cols, 2);
    for (size_t k = 0; k < n; k++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (!done[i] && (best == n || cosine[i] > cosine[best])) best = i;
        done[best] = true;
        vs_cell_word(o, vs_arg(a, best));
        vs_out_cell_real(o, (double)cosine[best]);
    }
    vs_out_end(o);
}

static vs_status run_odd(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_word_value w[MOST] = {{.text = NULL}};
    vs_space *where;
    size_t n = vs_arg_count(a), odd = 0;
    float cosine[MOST], *x = NULL;
    vs_status st = operands(err, s, a, false, w, &where, o);
    if (st == VS_OK) {
        size_t d = w[0].v.dim;
        x = vs_alloc(n * d, sizeof *x);
        if (!x) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors", n);
        for (size_t i = 0; i < n && st == VS_OK; i++) memcpy(x + i * d, w[i].v.vec, d * sizeof *x);
        if (st == VS_OK) st = vs_odd(err, x, n, d, cosine, &odd);
    }
    if (st == VS_OK) show_odd(a, cosine, n, odd, o);
    vs_free(x);
    vs_words_free(w, n);
    return st;
}
static const char *const odd_examples[] = {"odd breakfast cereal dinner lunch", "odd paris, london, new york, banana",
                                           NULL};
const vs_cmd vs_cmd_odd = {.name = "odd",
                           .group = "vectors",
                           .synopsis = "WORD WORD WORD… | EXPR, EXPR, …",
                           .summary = "which of some words goes least with the others",
                           .details =
                               "Each vector over its norm, the odd one is the farthest from their mean, as in gensim's "
                               "doesnt_match; the cosines with\n"
                               "that mean are shown.\n"
                               "With commas between, each part is an expression: odd new york, paris, king - man",
                           .style = VS_ARGS_EXPRS,
                           .min_args = 3,
                           .max_args = MOST,
                           .examples = odd_examples,
                           .complete = VS_COMPLETE_WORD,
                           .run = run_odd};

/* ---- rank, closer-than ---- */

/* Those closer to w[0] than w[1] is, as a and b of a command say. */
static vs_status closer(vs_err *err, vs_space *where, const vs_word_value *a, const vs_word_value *b, vs_ranked *r,
                        float *cosine) {
    size_t skip[VS_WORDS_SKIP], n = 0;
    for (size_t i = 0; i < a->v.n_rows && n < VS_WORDS_SKIP; i++)
        if (a->v.space == where && a->v.rows[i] != b->row) skip[n++] = a->v.rows[i];
    return vs_space_closer(err, where, a->v.vec, b->v.vec, b->row, skip, n, r, cosine);
}

static vs_status run_rank(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_word_value w[MOST] = {{.text = NULL}};
    vs_space *where;
    vs_ranked there = {0}, back = {0};
    float cosine = 0;
    vs_status st = operands(err, s, a, true, w, &where, o);
    if (st == VS_OK) st = closer(err, where, &w[0], &w[1], &there, &cosine);
    if (st == VS_OK) st = closer(err, where, &w[1], &w[0], &back, NULL);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(where));
        vs_out_int(o, 0, "rank", (int64_t)there.n + 1);
        vs_out_int(o, 0, "rank_back", (int64_t)back.n + 1);
        vs_out_int(o, 0, "rows", (int64_t)vs_space_rows(where));
        vs_out_real(o, 0, "cosine", (double)cosine, 4);
        vs_out_note(o, "  %s is neighbour %zu of %s; %s is neighbour %zu of %s", vs_arg(a, 1), there.n + 1,
                    vs_arg(a, 0), vs_arg(a, 0), back.n + 1, vs_arg(a, 1));
    }
    vs_ranked_free(&there);
    vs_ranked_free(&back);
    vs_words_free(w, 2);
    return st;
}
static const char *const rank_examples[] = {"rank king queen", "rank paris - france + italy, rome", NULL};
const vs_cmd vs_cmd_rank = {
    .name = "rank",
    .group = "vectors",
    .synopsis = "A B | EXPR, EXPR",
    .summary = "the rank of B among the neighbours of A",
    .details = "One more than how many rows have a greater cosine with A than B has, A itself (or what it is made "
               "from) left out:\n"
               "gensim's rank.\n"
               "rank_back is that of A among the neighbours of B: nearness is mutual, being among the nearest is not.",
    .style = VS_ARGS_EXPRS,
    .min_args = 2,
    .max_args = 2,
    .examples = rank_examples,
    .complete = VS_COMPLETE_WORD,
    .run = run_rank};

static vs_status run_closer(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    static const vs_col cols[] = {{"key", VS_COL_TOKEN, 0, 0, NULL}, {"score", VS_COL_SCORE, 4, 0, NULL}};
    vs_word_value w[MOST] = {{.text = NULL}};
    vs_space *where;
    vs_ranked r = {0};
    float cosine = 0;
    size_t k;
    VS_TRY(vs_count_opt(err, s, a, &k));
    vs_status st = operands(err, s, a, true, w, &where, o);
    if (st == VS_OK) st = closer(err, where, &w[0], &w[1], &r, &cosine);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(where));
        vs_out_int(o, VS_COL_JSON_ONLY, "closer", (int64_t)r.n);
        vs_out_real(o, VS_COL_JSON_ONLY, "cosine", (double)cosine, 4);
        vs_out_note(o, "%zu closer to %s than %s is (%.4f)%s", r.n, vs_arg(a, 0), vs_arg(a, 1), (double)cosine,
                    r.n > k ? ", the nearest:" : "");
        vs_out_table(o, "results", cols, 2);
        for (size_t i = 0; i < r.n && i < k; i++) {
            vs_cell_key(o, where, r.row[i]);
            vs_out_cell_real(o, (double)r.score[i]);
        }
        vs_out_end(o);
    }
    vs_ranked_free(&r);
    vs_words_free(w, 2);
    return st;
}
static const char *const closer_examples[] = {"closer-than queen king", "closer-than bank river -k 5", NULL};
const vs_cmd vs_cmd_closer_than = {.name = "closer-than",
                                   .group = "vectors",
                                   .synopsis = "A B [-k K] | EXPR, EXPR",
                                   .summary = "the words that are closer to A than B is",
                                   .details = "Those with a greater cosine, A itself (or what it is made from) left "
                                              "out: gensim's closer_than, the nearest first.  -k\n"
                                              "says how many are shown.",
                                   .style = VS_ARGS_EXPRS,
                                   .min_args = 2,
                                   .max_args = 2,
                                   .opts = count_opts,
                                   .examples = closer_examples,
                                   .complete = VS_COMPLETE_WORD,
                                   .run = run_closer};

/* ---- between ---- */

static void show_between(const vs_args *a, const vs_space *where, const vs_between_row *row, size_t n, size_t all,
                         float cosine, vs_out *o) {
    vs_buf way = {0};
    vs_buf_printf(&way, "%s → %s", vs_arg(a, 0), vs_arg(a, 1));
    const vs_col cols[] = {{"key", VS_COL_TOKEN, 0, 0, NULL},
                           {"a", VS_COL_REAL, 4, 0, vs_arg(a, 0)},
                           {"b", VS_COL_REAL, 4, 0, vs_arg(a, 1)},
                           {"at", VS_COL_REAL, 2, 0, NULL},
                           {"between", VS_COL_JSON, 0, VS_COL_JSON_ONLY, NULL},
                           {"way", VS_COL_TEXT, 0, VS_COL_TTY_ONLY, way.s}};
    vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(where));
    vs_out_int(o, VS_COL_JSON_ONLY, "between", (int64_t)all);
    vs_out_real(o, VS_COL_JSON_ONLY, "cosine", (double)cosine, 4);
    if (all)
        vs_out_note(o, "%zu closer to both than %s and %s are to each other (%.4f)%s", all, vs_arg(a, 0), vs_arg(a, 1),
                    (double)cosine,
                    all > n   ? ", the closest to both:"
                    : all < n ? "; then the nearest to the middle:"
                              : "");
    else
        vs_out_note(o, "None is closer to both than %s and %s are to each other (%.4f); the nearest to the middle:",
                    vs_arg(a, 0), vs_arg(a, 1), (double)cosine);
    vs_out_table(o, "results", cols, sizeof cols / sizeof *cols);
    for (size_t i = 0; i < n; i++) {
        vs_cell_key(o, where, row[i].row);
        vs_out_cell_real(o, (double)row[i].a);
        vs_out_cell_real(o, (double)row[i].b);
        vs_out_cell_real(o, row[i].at);
        vs_out_cell_text(o, row[i].between ? "true" : "false");
        vs_cell_track(o, row[i].at, 0, 1, TRACK, NULL, 0);
    }
    vs_out_end(o);
    vs_buf_free(&way);
}

static vs_status run_between(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_word_value w[MOST] = {{.text = NULL}};
    vs_space *where;
    size_t k, found, all, skip[VS_WORDS_SKIP];
    float cosine;
    VS_TRY(vs_count_opt(err, s, a, &k));
    vs_between_row *row = NULL;
    vs_status st = operands(err, s, a, true, w, &where, o);
    if (st == VS_OK && k > vs_space_rows(where)) k = vs_space_rows(where);
    if (st == VS_OK) {
        row = vs_alloc(k, sizeof *row);
        if (!row) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu rows", k);
    }
    if (st == VS_OK)
        st = vs_space_between(err, where, w[0].v.vec, w[0].row, w[1].v.vec, w[1].row, skip, vs_words_skip(w, 2, skip),
                              k, row, &found, &all, &cosine);
    if (st == VS_OK) show_between(a, where, row, found, all, cosine, o);
    vs_free(row);
    vs_words_free(w, 2);
    return st;
}
static const char *const between_examples[] = {"between breakfast dinner", "between france germany -k 3", NULL};
const vs_cmd vs_cmd_between = {
    .name = "between",
    .group = "vectors",
    .synopsis = "A B [-k K] | EXPR, EXPR",
    .summary = "the words that lie between two",
    .details =
        "Those closer to A and closer to B than A and B are to each other, by cosine; first the one whose lesser "
        "cosine is\n"
        "greatest.  Where there are too few, those nearest to the middle (unit(A) + unit(B)) follow.\n"
        "`at` is where a word stands on the way when it is seen from straight above it: 0 at A, 1 at B, by angle.",
    .style = VS_ARGS_EXPRS,
    .min_args = 2,
    .max_args = 2,
    .opts = count_opts,
    .examples = between_examples,
    .complete = VS_COMPLETE_WORD,
    .run = run_between};

/* cmd_cka.c - cka: how alike layers, models or spaces see the same things. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "streams.h"

static const vs_opt opts[] = {
    VS_TEXT_SAMPLE_OPTS,
    {"rows", 0, VS_OPT_INT, "N", "of two spaces: so many shared words", "2000", VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* Centred products of each layer. */
typedef struct side {
    vs_streams x;
    float *gram;       /* [L + 1, T, T] */
    const char **name; /* [L + 1] of the arena */
    vs_arena arena;
} side;

static void side_free(side *q) {
    vs_streams_free(&q->x);
    vs_free(q->gram);
    vs_free(q->name);
    vs_arena_free(&q->arena);
}

static vs_status align(vs_err *err, side *q) {
    size_t T = q->x.T, tt, all;
    if (T < 2) return vs_fail(err, VS_E_RANGE, "the texts have %zu tokens to be compared: want two at least", T);
    q->gram = vs_mul(T, T, &tt) && vs_mul(tt, q->x.L + 1, &all) ? vs_alloc(all, sizeof *q->gram) : NULL;
    q->name = vs_alloc(q->x.L + 1, sizeof *q->name);
    if (!q->gram || !q->name) return vs_fail(err, VS_E_NOMEM, "no memory to compare %zu tokens", T);
    for (size_t l = 0; l <= q->x.L; l++) {
        char name[16];
        int n = snprintf(name, sizeof name, "%zu", l);
        q->name[l] = vs_arena_strndup(&q->arena, name, (size_t)n);
        if (!q->name[l]) return vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", q->x.L);
        VS_TRY(vs_centred_gram(err, vs_streams_layer(&q->x, l), T, q->x.d, q->gram + l * tt));
    }
    return VS_OK;
}

static vs_status two_models(vs_err *err, vs_session *s, const vs_args *a, vs_model *m[2], vs_out *o) {
    vs_text_sample texts;
    side q[2] = {{.gram = NULL}, {.gram = NULL}};
    bool same = m[0] == m[1];
    vs_status st = vs_text_sample_of(err, a, &texts);
    int sides = same ? 1 : 2;
    for (int i = 0; st == VS_OK && i < sides; i++)
        st = vs_streams_run(err, s, m[i], &texts, false, vs_out_progress(o), &q[i].x);
    if (st == VS_OK && !same) st = vs_streams_words(err, (vs_streams *[]){&q[0].x, &q[1].x}, 2, &texts);
    for (int i = 0; st == VS_OK && i < sides; i++) st = align(err, &q[i]);
    const side *b = same ? &q[0] : &q[1];
    size_t T = q[0].x.T, rows = q[0].x.L + 1, cols = b->x.L + 1;
    float *v = st == VS_OK ? vs_alloc(rows, cols * sizeof *v) : NULL;
    if (st == VS_OK && !v) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu by %zu layers", rows, cols);
    for (size_t i = 0; st == VS_OK && i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            v[i * cols + j] = (float)vs_cka(q[0].gram + i * T * T, b->gram + j * T * T, T);
    if (st == VS_OK) {
        const char *of[2] = {vs_model_info_of(m[0])->name, vs_model_info_of(m[1])->name};
        vs_out_text(o, VS_COL_JSON_ONLY, "a", of[0]);
        vs_out_text(o, VS_COL_JSON_ONLY, "b", of[1]);
        vs_out_int(o, VS_COL_JSON_ONLY, "n", (int64_t)T);
        vs_out_heading(o, "Linear CKA of the stream entering each block: %s%s%s%s", of[0],
                       same ? ", layer by layer" : " (rows), ", same ? "" : of[1], same ? "" : " (columns)");
        vs_out_matrix(o, "cka", v, rows, cols, q[0].name, b->name, 0, 1);
        vs_out_note(o,
                    "  over %zu %s of %s; 1: alike but for a rotation and a scale; few rows beside many dimensions "
                    "bring it nearer to 1",
                    T, same ? "tokens" : "words", texts.name);
    }
    vs_free(v);
    side_free(&q[0]);
    side_free(&q[1]);
    vs_text_sample_free(&texts);
    return st;
}

/* Rows of the words that both spaces have, the first `most` in the order of the first; *n of them. */
static vs_status shared_rows(vs_err *err, vs_space *const sp[2], size_t most, float *x[2], size_t *n) {
    for (size_t r = 0; r < vs_space_rows(sp[0]) && *n < most; r++) {
        size_t len, row[2] = {r, 0};
        const char *key = vs_space_key(sp[0], r, &len);
        bool ok = vs_space_find(sp[1], key, len, &row[1]);
        for (int i = 0; ok && i < 2; i++) {
            size_t d = vs_space_dim(sp[i]);
            VS_TRY(vs_space_row(err, sp[i], row[i], x[i] + *n * d));
            for (size_t j = 0; ok && j < d; j++) ok = isfinite(x[i][*n * d + j]);
        }
        *n += ok;
    }
    return VS_OK;
}

static vs_status two_spaces(vs_err *err, vs_space *const sp[2], size_t most, vs_out *o) {
    size_t n = 0, nd[2], nn;
    float *x[2] = {NULL, NULL}, *g[2] = {NULL, NULL};
    vs_status st = VS_OK;
    for (int i = 0; i < 2; i++) {
        if (vs_mul(most, vs_space_dim(sp[i]), &nd[i])) x[i] = vs_alloc(nd[i], sizeof *x[i]);
        if (vs_mul(most, most, &nn)) g[i] = vs_alloc(nn, sizeof *g[i]);
        if (!x[i] || !g[i]) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu words", most);
    }
    if (st == VS_OK) st = shared_rows(err, sp, most, x, &n);
    if (st == VS_OK && n < 2)
        st = vs_fail(err, VS_E_STATE, "%s and %s share %zu words: want two at least", vs_space_name(sp[0]),
                     vs_space_name(sp[1]), n);
    for (int i = 0; st == VS_OK && i < 2; i++) st = vs_centred_gram(err, x[i], n, vs_space_dim(sp[i]), g[i]);
    double alike = st == VS_OK ? vs_cka(g[0], g[1], n) : 0;
    if (!isfinite(alike))
        st = vs_fail(err, VS_E_NUMERIC, "cka: the %zu rows of %s or of %s are all one, or their squares no numbers", n,
                     vs_space_name(sp[0]), vs_space_name(sp[1]));
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "a", vs_space_name(sp[0]));
        vs_out_text(o, VS_COL_JSON_ONLY, "b", vs_space_name(sp[1]));
        vs_out_int(o, 0, "words", (int64_t)n);
        vs_out_real(o, 0, "cka", alike, 4);
    }
    for (int i = 0; i < 2; i++) {
        vs_free(x[i]);
        vs_free(g[i]);
    }
    return st;
}

static vs_status run_cka(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *name[2] = {vs_arg(a, 0), vs_arg(a, 1) ? vs_arg(a, 1) : vs_arg(a, 0)};
    vs_model *m[2];
    vs_space *sp[2] = {NULL, NULL};
    if (vs_int(a, "rows") < 2) return vs_fail(err, VS_E_USAGE, "--rows wants a number from 2");
    for (int i = 0; i < 2; i++) m[i] = vs_named_model(s, name[i]);
    if (m[0] && m[1]) return two_models(err, s, a, m, o);
    if (!vs_arg(a, 1))
        return vs_fail(err, VS_E_USAGE,
                       "cka of one thing is of a model's layers; no such model is open: cka A B compares two spaces");
    for (int i = 0; i < 2; i++)
        if (!(sp[i] = vs_session_space_named(s, name[i])))
            return vs_fail(err, VS_E_UNKNOWN, "%s is not open; models and spaces list what is", name[i]);
    return two_spaces(err, sp, (size_t)vs_int(a, "rows"), o);
}
static const char *const examples[] = {"cka", "cka default W_E --rows 500", NULL};
const vs_cmd vs_cmd_cka = {
    .name = "cka",
    .group = "study",
    .synopsis = "[MODEL [MODEL] | SPACE SPACE] [--text TEXT|--file FILE]",
    .summary = "how alike layers, models or spaces see the same tokens or words (linear CKA)",
    .details = "Linear centred kernel alignment (Kornblith et al. 2019). Of one model: each layer with each, a row a "
               "token of the\n"
               "sample, without special tokens. Of two: layers of one with layers of the other, a row a word (its last "
               "token in a decoder, their\n"
               "mean in an encoder). Of two spaces: over the words that both have, the first --rows of them.",
    .style = VS_ARGS_WORDS,
    .max_args = 2,
    .opts = opts,
    .examples = examples,
    .complete = VS_COMPLETE_MODEL,
    .run = run_cka};

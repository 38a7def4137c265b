/* cmd_compare.c - compare: the angle between two vectors; of one word in two sentences, layer by layer. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "by_layer.h"

enum { MOST_TEXTS = 32 };

static const vs_opt opts[] = {
    {"layers", 0, VS_OPT_FLAG, NULL, "TEXTs instead: the word of --at in each, layer by layer", NULL,
     VS_COMPLETE_NONE},
    {"at", 0, VS_OPT_TEXT, "POS", "the position: a word of both texts, or a number", NULL, VS_COMPLETE_NONE},
    VS_BY_LAYER_OPT,
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* Why a cosine is negative is worth a sentence where the same words stand the other way round. */
static void explain_sign(double c, vs_out *o) {
    if (c < -0.1)
        vs_out_note(o,
                    "  negative: the two differences point against each other; b - a is the opposite of a - b, so "
                    "turning one round gives %+.3f",
                    -c);
}

static vs_status two_vectors(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (vs_arg_count(a) != 2)
        return vs_fail(err, VS_E_USAGE,
                       "compare wants two expressions with a comma between: compare queen - king, woman - man");
    vs_value v[2] = {{0}, {0}};
    vs_status st = VS_OK;
    for (int i = 0; st == VS_OK && i < 2; i++)
        st = vs_session_eval(err, s, vs_arg(a, (size_t)i), strlen(vs_arg(a, (size_t)i)), &v[i]);
    if (st == VS_OK && v[0].dim != v[1].dim)
        st = vs_fail(err, VS_E_SHAPE, "%s has %zu numbers, %s has %zu; only vectors of one width compare", vs_arg(a, 0),
                     v[0].dim, vs_arg(a, 1), v[1].dim);
    if (st == VS_OK) {
        double c = (double)vs_cosine(v[0].vec, v[1].vec, v[0].dim), dist = 0, norm[2];
        for (int i = 0; i < 2; i++) norm[i] = sqrt((double)vs_sum_squares(v[i].vec, v[i].dim));
        for (size_t i = 0; i < v[0].dim; i++) dist += pow((double)v[0].vec[i] - (double)v[1].vec[i], 2);
        vs_out_real(o, 0, "cosine", c, 4);
        vs_out_real(o, 0, "angle", acos(fmin(fmax(c, -1), 1)) * 180 / acos(-1.0), 1);
        vs_out_real(o, 0, "distance", sqrt(dist), 4);
        vs_out_real(o, 0, "norm_1", norm[0], 4);
        vs_out_real(o, 0, "norm_2", norm[1], 4);
        for (int i = 0; i < 2; i++) vs_say_notes(o, &v[i]);
        explain_sign(c, o);
    }
    vs_value_free(&v[0]);
    vs_value_free(&v[1]);
    return st;
}

/* The texts whose word is compared: x [n][rows, stride]. */
typedef struct sides {
    vs_by_layer y;
    size_t n;
    const char *text[MOST_TEXTS];
    size_t token[MOST_TEXTS];
    float *x;
} sides;

static double cosine_at(const sides *z, size_t i, size_t j, size_t row) {
    size_t each = z->y.rows * z->y.stride;
    const float *x = z->x + row * z->y.stride;
    return (double)vs_cosine(x + i * each, x + j * each, vs_by_layer_width(&z->y, row));
}

static double rest_at(const sides *z, size_t i, size_t j, size_t row) {
    size_t each = z->y.rows * z->y.stride;
    const float *x = z->x + row * z->y.stride;
    return vs_by_layer_rest(x + i * each, x + j * each, vs_by_layer_width(&z->y, row));
}

static const char *what_of(const sides *z, size_t row, double c) {
    return row == 0            ? (c > 0.9995 ? "the table's row: one vector" : "the table's rows: the words differ")
           : row == 1          ? "as it enters the first block"
           : row == z->y.L + 1 ? "after the last block"
                               : "";
}

/* Two texts: a cosine a layer.  More: of their pairs, the mean and the least with whose it is. */
static void layer_rows(const sides *z, vs_out *o) {
    static const vs_col two[] = {{"layer", VS_COL_TEXT, 0, 0, NULL}, {"cosine", VS_COL_REAL, 3, 0, NULL}, {"rest", VS_COL_SCORE, 3, 0, NULL}, {"what", VS_COL_TEXT, 0, 0, ""}};
    static const vs_col more[] = {{"layer", VS_COL_TEXT, 0, 0, NULL}, {"mean", VS_COL_REAL, 3, 0, NULL},        {"rest", VS_COL_SCORE, 3, 0, NULL},
                                  {"least", VS_COL_REAL, 3, 0, NULL},  {"texts", VS_COL_TEXT, 0, 0, "of"}, {"what", VS_COL_TEXT, 0, 0, ""}};
    bool pair = z->n == 2;
    vs_out_table(o, "layers", pair ? two : more, pair ? 4 : 6);
    for (size_t r = 0; r < z->y.rows; r++) {
        double sum = 0, rest = 0, least = 2, pairs = (double)(z->n * (z->n - 1) / 2);
        size_t a = 0, b = 1;
        for (size_t i = 0; i < z->n; i++)
            for (size_t j = i + 1; j < z->n; j++) {
                double c = cosine_at(z, i, j, r);
                sum += c;
                rest += rest_at(z, i, j, r);
                if (c < least) least = c, a = i, b = j;
            }
        char name[VS_LAYER_NAME], of[64];
        vs_out_cell_text(o, vs_by_layer_name(r, name));
        vs_out_cell_real(o, sum / pairs);
        vs_out_cell_real(o, rest / pairs);
        if (!pair) {
            snprintf(of, sizeof of, "%zu, %zu", a + 1, b + 1);
            vs_out_cell_real(o, least);
            vs_out_cell_text(o, of);
        }
        vs_out_cell_text(o, what_of(z, r, least));
    }
    vs_out_end(o);
}

/* Every pair's way through the layers; of many texts, those with the first. */
static vs_status draw_pairs(vs_err *err, const sides *z, vs_out *o) {
    enum { FEW = 6 };
    size_t pairs = z->n <= FEW ? z->n * (z->n - 1) / 2 : z->n - 1, k = 0;
    float *c = vs_alloc(pairs, z->y.rows * sizeof *c);
    char (*name)[48] = vs_alloc(pairs, sizeof *name);
    const char **line = vs_alloc(pairs, sizeof *line);
    vs_status st = c && name && line ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu pairs", pairs);
    for (size_t i = 0; st == VS_OK && i < (z->n <= FEW ? z->n : 1); i++)
        for (size_t j = i + 1; j < z->n; j++, k++) {
            for (size_t r = 0; r < z->y.rows; r++) c[k * z->y.rows + r] = (float)rest_at(z, i, j, r);
            snprintf(name[k], sizeof name[k], "%zu, %zu", i + 1, j + 1);
            line[k] = name[k];
        }
    if (st == VS_OK) st = vs_by_layer_draw(err, &z->y, "the rest's cosine", line, pairs, c, o);
    vs_free(c);
    vs_free(name);
    vs_free((void *)(uintptr_t)line);
    return st;
}

static vs_status by_layer(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *at = vs_text(a, "at");
    sides z = {.n = 0};
    while (z.n < MOST_TEXTS && vs_arg_word(a, z.n)) z.text[z.n] = vs_arg_word(a, z.n), z.n++;
    if (z.n < 2 || !at || vs_arg_word(a, z.n))
        return vs_fail(err, VS_E_USAGE, "compare --layers wants quoted texts, 2 to %d, and --at WORD", (int)MOST_TEXTS);
    vs_status st = vs_by_layer_new(err, s, vs_text(a, "stack"), &z.y);
    if (st == VS_OK && !(z.x = vs_alloc(z.n * z.y.rows, z.y.stride * sizeof *z.x)))
        st = vs_fail(err, VS_E_NOMEM, "no memory for %zu texts", z.n);
    for (size_t i = 0; st == VS_OK && i < z.n; i++)
        st = vs_by_layer_of(err, &z.y, z.text[i], at, z.x + i * z.y.rows * z.y.stride, &z.token[i]);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "at", at);
        if (z.n == 2)
            vs_out_note(o, "[%s] in \"%s\" (token %zu) and in \"%s\" (token %zu)", at, z.text[0], z.token[0], z.text[1], z.token[1]);
        for (size_t i = 0; z.n > 2 && i < z.n; i++) vs_out_note(o, "%zu  [%s] in \"%s\" (token %zu)", i + 1, at, z.text[i], z.token[i]);
        layer_rows(&z, o);
        vs_out_note(o, "  rest: the cosine without the three largest coordinates, which some models have far larger than all others, in every text");
        if (z.n > 2) st = draw_pairs(err, &z, o);
    }
    vs_free(z.x);
    vs_by_layer_free(&z.y);
    return st;
}

static vs_status run_compare(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (vs_has(a, "layers")) return by_layer(err, s, a, o);
    if (vs_has(a, "stack")) return vs_fail(err, VS_E_USAGE, "compare: --stack goes with --layers; a vector names its stack itself: @decoder.3");
    return two_vectors(err, s, a, o);
}
static const char *const examples[] = {
    "compare queen - king, woman - man", "compare queen - king, man - woman",
    "compare --layers \"he sat on the river bank\" \"Gringotts bank is in London\" --at bank", NULL};
const vs_cmd vs_cmd_compare = {.name = "compare",
                               .group = "vectors",
                               .synopsis = "EXPR, EXPR | --layers TEXT TEXT… --at WORD",
                               .summary = "the cosine of two vectors; of one word in several texts by layer",
                               .details = "Differences are vectors with a direction: queen - king and woman - man "
                                          "point the same way, queen - king and man - woman\n"
                                          "the opposite way.  With --layers the same word is followed through two "
                                          "texts or more: one vector in the table, several after attention.\n"
                                          "rest: the cosine without the three coordinates in which both are largest.\n"
                                          "Of two stacks these are the encoder's; with --stack decoder the decoder's, which reads each text too.",
                               .style = VS_ARGS_EXPRS,
                               .min_args = 1,
                               .opts = opts,
                               .examples = examples,
                               .complete = VS_COMPLETE_WORD,
                               .run = run_compare};

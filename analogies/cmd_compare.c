/* cmd_compare.c - compare: the angle between two vectors; of one word in two sentences, layer by layer. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../lib/command.h"

static const vs_opt opts[] = {
    {"layers", 0, VS_OPT_FLAG, NULL, "two TEXTs instead: the word of --at in each, layer by layer", NULL,
     VS_COMPLETE_NONE},
    {"at", 0, VS_OPT_TEXT, "POS", "the position: a word of both texts, or a number", NULL, VS_COMPLETE_NONE},
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

/* One text's pass with every entering stream kept, and where its word is. */
typedef struct side {
    vs_tokens tokens;
    vs_pass *pass;
    vs_site *keep;
    size_t from, to;
} side;

static void side_free(side *x) {
    vs_pass_free(x->pass);
    vs_tokens_free(&x->tokens);
    vs_free(x->keep);
}

static vs_status side_run(vs_err *err, vs_session *s, const vs_model *m, const char *text, const char *at,
                          size_t n_sites, const vs_site *sites, side *x) {
    VS_TRY(vs_session_tokenize(err, s, text, strlen(text), &x->tokens));
    VS_TRY(vs_position_find(err, m, 0, text, &x->tokens, at, strlen(at), &x->from, &x->to));
    vs_request rq = {.keep = sites, .n_keep = n_sites};
    return vs_session_run_text(err, s, text, &x->tokens, &rq, &x->pass);
}

static vs_status row_mean(vs_err *err, const side *x, vs_site site, float *out) {
    vs_tensor t;
    VS_TRY(vs_pass_site(err, x->pass, site, 0, &t));
    memset(out, 0, t.shape[1] * sizeof *out);
    for (size_t r = x->from; r <= x->to; r++)
        vs_axpy(1.0f / (float)(x->to - x->from + 1), vs_tensor_row(&t, r), out, t.shape[1]);
    return VS_OK;
}

/* The rows of the table: the raw embedding of the token (one vector in both), with its position, then after each block.
 */
static vs_status layer_rows(vs_err *err, const vs_model *m, const side x[2], const vs_site *sites, size_t n_sites,
                            size_t n_layers, vs_out *o) {
    static const vs_col cols[] = {
        {"layer", VS_COL_TEXT, 0, 0, NULL}, {"cosine", VS_COL_SCORE, 3, 0, NULL}, {"what", VS_COL_TEXT, 0, 0, ""}};
    const vs_model_info *in = vs_model_info_of(m);
    size_t d = in->stack[in->n_stacks - 1].d;
    float *v = vs_alloc(2 * d, sizeof *v);
    if (!v) return vs_fail(err, VS_E_NOMEM, "no memory for two vectors");
    vs_status st = VS_OK;
    vs_out_table(o, "layers", cols, 3);
    for (size_t k = 0; st == VS_OK && k < n_sites; k++) {
        for (int i = 0; st == VS_OK && i < 2; i++) st = row_mean(err, &x[i], sites[k], v + (size_t)i * d);
        if (st != VS_OK) break;
        double c = (double)vs_cosine(v, v + d, d);
        char name[32];
        bool table = sites[k].kind == VS_SITE_EMBED;
        snprintf(name, sizeof name, table ? "embedding" : "%d", sites[k].layer);
        vs_out_cell_text(o, name);
        vs_out_cell_real(o, c);
        vs_out_cell_text(o, table ? (c > 0.9995 ? "the table's row: one vector" : "the table's rows: the words differ")
                            : sites[k].layer == 0                ? "as it enters the first block"
                            : (size_t)sites[k].layer == n_layers ? "after the last block"
                                                                 : "");
    }
    vs_out_end(o);
    vs_free(v);
    return st;
}

static vs_status by_layer(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *text[2] = {vs_arg_word(a, 0), vs_arg_word(a, 1)}, *at = vs_text(a, "at");
    if (!text[1] || vs_arg_word(a, 2) || !at)
        return vs_fail(err, VS_E_USAGE, "compare --layers wants two quoted texts and --at WORD");
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *in = vs_model_info_of(m);
    size_t L = in->stack[0].L, n = L + 2; /* of two stacks, the one that reads texts */
    vs_site *sites = vs_zalloc(n, sizeof *sites);
    if (!sites) return vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", n);
    sites[0] = (vs_site){.kind = VS_SITE_EMBED, .layer = -1, .head = -1};
    for (size_t l = 0; l <= L; l++)
        sites[l + 1] = (vs_site){.kind = VS_SITE_RESID_PRE, .layer = (int16_t)l, .head = -1};
    side x[2] = {{.pass = NULL}, {.pass = NULL}};
    vs_status st = VS_OK;
    for (int i = 0; st == VS_OK && i < 2; i++) st = side_run(err, s, m, text[i], at, n, sites, &x[i]);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "at", at);
        vs_out_note(o, "[%s] in \"%s\" (token %zu) and in \"%s\" (token %zu)", at, text[0], x[0].to, text[1], x[1].to);
        st = layer_rows(err, m, x, sites, n, L, o);
    }
    side_free(&x[0]);
    side_free(&x[1]);
    vs_free(sites);
    return st;
}

static vs_status run_compare(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return vs_has(a, "layers") ? by_layer(err, s, a, o) : two_vectors(err, s, a, o);
}
static const char *const examples[] = {
    "compare queen - king, woman - man", "compare queen - king, man - woman",
    "compare --layers \"he sat on the river bank\" \"Gringotts bank is in London\" --at bank", NULL};
const vs_cmd vs_cmd_compare = {.name = "compare",
                               .group = "vectors",
                               .synopsis = "EXPR, EXPR | --layers TEXT TEXT --at WORD",
                               .summary = "the cosine of two vectors; of one word in two texts by layer",
                               .details = "Differences are vectors with a direction: queen - king and woman - man "
                                          "point the same way, queen - king and man - woman\n"
                                          "the opposite way.  With --layers the same word is followed through two "
                                          "texts: one vector in the table, two after attention.",
                               .style = VS_ARGS_EXPRS,
                               .min_args = 1,
                               .opts = opts,
                               .examples = examples,
                               .complete = VS_COMPLETE_WORD,
                               .run = run_compare};

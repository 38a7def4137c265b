/* cmd_run.c - run: one pass summed up, layer by layer. */
#include <math.h>
#include <string.h>

#include "commands.h"
#include "masked.h"

static const vs_opt opts[] = {
    {"at", 0, VS_OPT_TEXT, "POS", "the position to follow: a number or a word", "-1", VS_COMPLETE_NONE},
    VS_MASK_OPT,
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

enum { STREAM, ATTN, MLP, KINDS };

static vs_site *sites_of(const vs_model *m, size_t L, size_t *n) {
    static const vs_site_kind kind[KINDS] = {VS_SITE_RESID_PRE, VS_SITE_ATTN_OUT, VS_SITE_MLP_OUT};
    uint8_t stack = (uint8_t)(vs_model_info_of(m)->n_stacks - 1);
    vs_site *s = vs_alloc(KINDS * L + 1, sizeof *s);
    for (size_t l = 0; s && l <= L; l++)
        for (int k = 0; k < (l < L ? KINDS : 1); k++)
            s[l * KINDS + (size_t)k] = (vs_site){.kind = kind[k], .layer = (int16_t)l, .head = -1, .stack = stack};
    *n = KINDS * L + 1;
    return s;
}

static vs_status row_at(vs_err *err, const vs_pass *p, vs_site site, size_t at, const float **row, size_t *d) {
    vs_tensor t;
    VS_TRY(vs_pass_site(err, p, site, 0, &t));
    *row = vs_tensor_row(&t, at);
    *d = t.shape[1];
    return VS_OK;
}

/* What the stream would say if the model stopped here: the leading token of each layer (the logit lens, nostalgebraist
 * 2020). */
typedef struct lens {
    const vs_model *m;
    const vs_tokenizer *tok;
    float *logits;
    vs_buf text;
    double prob;
} lens;

static vs_status lens_at(vs_err *err, lens *l, const float *stream) {
    if (!l->logits) return VS_OK;
    size_t V = vs_model_info_of(l->m)->V;
    VS_TRY(vs_model_unembed(err, l->m, stream, 1, l->logits));
    size_t best = vs_argmax(l->logits, V);
    l->prob = exp((double)l->logits[best] - (double)vs_log_sum_exp(l->logits, V));
    vs_buf_clear(&l->text);
    vs_piece_text(l->tok, (int32_t)best, &l->text);
    return VS_OK;
}

static vs_status layer_table(vs_err *err, const vs_pass *p, const vs_site *site, size_t L, size_t at, lens *l,
                             vs_out *o) {
    static const vs_col cols[] = {{"layer", VS_COL_INT, 0, 0, NULL},
                                  {"norm", VS_COL_REAL, 1, 0, "‖stream‖"},
                                  {"attn", VS_COL_REAL, 1, 0, "‖attention‖"},
                                  {"mlp", VS_COL_REAL, 1, 0, "‖MLP‖"},
                                  {"token", VS_COL_TOKEN, 0, 0, "leading token"},
                                  {"prob", VS_COL_PROB, 3, 0, NULL}};
    vs_out_table(o, "layers", cols, l->logits ? 6 : 4);
    for (size_t i = 0; i <= L; i++) {
        const float *row;
        size_t d;
        VS_TRY(row_at(err, p, site[i * KINDS], at, &row, &d));
        VS_TRY(lens_at(err, l, row));
        vs_out_cell_int(o, (int64_t)i);
        vs_out_cell_real(o, sqrt((double)vs_sum_squares(row, d)));
        for (int k = ATTN; k <= MLP; k++) {
            if (i < L) VS_TRY(row_at(err, p, site[i * KINDS + (size_t)k], at, &row, &d));
            vs_out_cell_real(o, i < L ? sqrt((double)vs_sum_squares(row, d)) : (double)NAN);
        }
        if (!l->logits) continue;
        vs_out_cell_text(o, l->text.s ? l->text.s : "");
        vs_out_cell_real(o, l->prob);
    }
    vs_out_end(o);
    return VS_OK;
}

static vs_status one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several, vs_out *o) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *info = vs_model_info_of(m);
    size_t L = info->stack[info->n_stacks - 1].L, n, from, to;
    const char *at = vs_text(a, "at");
    lens l = {.m = m};
    vs_request rq = {0};
    VS_TRY(vs_args_mask(err, a, &rq.mask));
    VS_TRY(vs_position_find(err, m, in->text, &in->tokens, at, strlen(at), &from, &to));
    VS_TRY(vs_model_tokenizer(err, m, &l.tok));
    vs_site *site = sites_of(m, L, &n);
    vs_pass *p = NULL;
    vs_status st = site ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", n);
    if (st == VS_OK && info->has_logits && !(l.logits = vs_alloc(info->V, sizeof *l.logits)))
        st = vs_fail(err, VS_E_NOMEM, "no memory for the logits");
    rq.keep = site;
    rq.n_keep = n;
    double began = vs_seconds();
    if (st == VS_OK) st = vs_session_run_text(err, s, in->text, &in->tokens, &rq, &p);
    double took = vs_seconds() - began;
    if (st == VS_OK) {
        vs_buf piece = {0};
        vs_piece_text(l.tok, in->tokens.id[to], &piece);
        vs_out_note(o, "%zu tokens through %zu blocks in %.1f ms; at position %zu, \"%s\":", in->tokens.n, L,
                    1e3 * took, to, piece.s ? piece.s : "");
        if (several && in->text) vs_out_text(o, 0, "text", in->text);
        vs_out_int(o, VS_COL_JSON_ONLY, "tokens", (int64_t)in->tokens.n);
        vs_out_int(o, VS_COL_JSON_ONLY, "position", (int64_t)to);
        vs_buf_free(&piece);
        if (vs_has(a, "mask")) vs_out_text(o, VS_COL_JSON_ONLY, "mask", vs_text(a, "mask"));
        st = layer_table(err, p, site, L, to, &l, o);
    }
    if (st == VS_OK && vs_has(a, "mask")) st = vs_masked_show(err, s, in, rq.mask, o);
    vs_pass_free(p);
    vs_buf_free(&l.text);
    vs_free(l.logits);
    vs_free(site);
    return st;
}

static vs_status run_run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    VS_TRY(vs_each_text(err, s, a, one, o));
    return vs_session_keeps(s) ? vs_keep_streams(err, s, a, o) : VS_OK;
}
static const char *const run_examples[] = {"run The Eiffel Tower is in the city of",
                                           "run the white swan in the blue water --at swan",
                                           "run the white swan in the blue water --mask full", NULL};
const vs_cmd vs_cmd_run = {.name = "run",
                           .group = "passes",
                           .synopsis = "TEXT [--at POS] [--mask causal|full]",
                           .summary = "a pass summed up: what each layer adds, the leading token",
                           .details = "For each block: the length of the residual stream entering it, of what "
                                      "attention and the MLP add to it, and the token\n"
                                      "that the stream would give if the model stopped there (its final norm and "
                                      "unembedding applied: the logit lens).\n"
                                      "--mask lets a decoder see what comes after a token, or keeps an encoder from it: "
                                      "then what each token sees is drawn,\n"
                                      "and what that changes is beside it.\n"
                                      "Where the store is a file, the stream at every layer and position is kept "
                                      "there (runs, sql), as dump keeps it.",
                           .style = VS_ARGS_TEXT,
                           .min_args = 1,
                           .opts = opts,
                           .examples = run_examples,
                           .needs = VS_NEEDS_MODEL | VS_STORES,
                           .run = run_run};

/* cmd_run.c - run: one pass summed up, layer by layer. */
#include <math.h>
#include <string.h>

#include "commands.h"
#include "masked.h"

static const vs_opt opts[] = {
    {"at", 0, VS_OPT_TEXT, "POS", "the position to follow: a number or a word", "-1", VS_COMPLETE_NONE},
    {"decoder-at", 0, VS_OPT_TEXT, "POS", "with --target: the decoder's position to follow", "-1", VS_COMPLETE_NONE},
    VS_MASK_OPT,
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* One stack of the pass, followed at one position. */
typedef struct view {
    const vs_stack_info *stack;
    const char *name; /* of its table */
    const vs_tokens *tokens;
    size_t at, L, kinds;
    vs_site *site; /* [L, kinds] the stream and what is added to it, [1] the stream at the end */
} view;

enum { STREAM, MOST_KINDS = 4 };

static size_t sites_of_view(const view *v) { return v->L * v->kinds + 1; }

static void open_view(const vs_model_info *info, int stack, const vs_text_input *in, view *v) {
    *v = (view){.stack = &info->stack[stack], .name = stack ? "decoder_layers" : "layers", .L = info->stack[stack].L};
    v->kinds = v->stack->cross ? MOST_KINDS : MOST_KINDS - 1;
    v->tokens = stack ? &in->decoder : &in->tokens;
}

static void fill_sites(view *v, int stack) {
    static const vs_site_kind kind[MOST_KINDS] = {VS_SITE_RESID_PRE, VS_SITE_ATTN_OUT, VS_SITE_ATTN_OUT, VS_SITE_MLP_OUT};
    for (size_t i = 0; i < sites_of_view(v); i++) {
        size_t k = i % v->kinds;
        if (k == 2 && v->kinds < MOST_KINDS) k = 3;
        v->site[i] = (vs_site){.kind = kind[k], .layer = (int16_t)(i / v->kinds), .head = -1, .stack = (uint8_t)stack, .cross = k == 2};
    }
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

static vs_status layer_table(vs_err *err, const vs_pass *p, const view *v, lens *l, vs_out *o) {
    static const vs_col all[] = {{"layer", VS_COL_INT, 0, 0, NULL},
                                 {"norm", VS_COL_REAL, 1, 0, "‖stream‖"},
                                 {"attn", VS_COL_REAL, 1, 0, "‖attention‖"},
                                 {"cross", VS_COL_REAL, 1, 0, "‖cross-attention‖"},
                                 {"mlp", VS_COL_REAL, 1, 0, "‖MLP‖"},
                                 {"token", VS_COL_TOKEN, 0, 0, "leading token"},
                                 {"prob", VS_COL_PROB, 3, 0, NULL}};
    vs_col cols[7];
    size_t n = 0;
    for (size_t c = 0; c < (l->logits ? 7 : 5); c++)
        if (c != 3 || v->stack->cross) cols[n++] = all[c];
    vs_out_table(o, v->name, cols, n);
    for (size_t i = 0; i <= v->L; i++) {
        const float *row;
        size_t d;
        VS_TRY(row_at(err, p, v->site[i * v->kinds], v->at, &row, &d));
        VS_TRY(lens_at(err, l, row));
        vs_out_cell_int(o, (int64_t)i);
        vs_out_cell_real(o, sqrt((double)vs_sum_squares(row, d)));
        for (size_t k = STREAM + 1; k < v->kinds; k++) {
            if (i < v->L) VS_TRY(row_at(err, p, v->site[i * v->kinds + k], v->at, &row, &d));
            vs_out_cell_real(o, i < v->L ? sqrt((double)vs_sum_squares(row, d)) : (double)NAN);
        }
        if (!l->logits) continue;
        vs_out_cell_text(o, l->text.s ? l->text.s : "");
        vs_out_cell_real(o, l->prob);
    }
    vs_out_end(o);
    return VS_OK;
}

static vs_status show_view(vs_err *err, const vs_pass *p, const view *v, lens *l, vs_out *o) {
    bool decoder = !strcmp(v->name, "decoder_layers");
    vs_buf piece = {0};
    vs_piece_text(l->tok, v->tokens->id[v->at], &piece);
    if (decoder) vs_out_heading(o, "The decoder: %zu tokens; at position %zu, \"%s\"", v->tokens->n, v->at, piece.s ? piece.s : "");
    vs_out_int(o, VS_COL_JSON_ONLY, decoder ? "decoder_tokens" : "tokens", (int64_t)v->tokens->n);
    vs_out_int(o, VS_COL_JSON_ONLY, decoder ? "decoder_position" : "position", (int64_t)v->at);
    vs_buf_free(&piece);
    return layer_table(err, p, v, l, o);
}

/* The pass with both stacks' sites kept, if both are looked at; `where` says how it went. */
static vs_status run_views(vs_err *err, vs_session *s, const vs_text_input *in, view *v, size_t n, const lens *l, vs_request *rq,
                           vs_pass **p, vs_out *o) {
    size_t sites = 0, blocks = 0;
    for (size_t i = 0; i < n; i++) sites += sites_of_view(&v[i]), blocks += v[i].L;
    v[0].site = vs_alloc(sites, sizeof *v[0].site);
    if (!v[0].site) return vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", sites);
    for (size_t i = 0; i < n; i++) {
        if (i) v[i].site = v[i - 1].site + sites_of_view(&v[i - 1]);
        fill_sites(&v[i], (int)i);
    }
    rq->keep = v[0].site;
    rq->n_keep = sites;
    double began = vs_seconds();
    VS_TRY(vs_session_run(err, s, in, rq, p));
    double took = vs_seconds() - began;
    vs_buf piece = {0};
    vs_piece_text(l->tok, v[0].tokens->id[v[0].at], &piece);
    vs_out_note(o, "%zu tokens through %zu blocks in %.1f ms; at position %zu, \"%s\":", in->tokens.n, blocks, 1e3 * took, v[0].at,
                piece.s ? piece.s : "");
    vs_buf_free(&piece);
    return VS_OK;
}

static vs_status one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several, vs_out *o) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *info = vs_model_info_of(m);
    const char *at = vs_text(a, "at"), *decoder_at = vs_text(a, "decoder-at");
    size_t from, n = in->given ? 2 : 1;
    lens l = {.m = m};
    vs_request rq = {.mask = vs_args_mask(a)};
    view v[2] = {{.name = NULL}, {.name = NULL}};
    vs_pass *p = NULL;
    for (size_t i = 0; i < n; i++) open_view(info, (int)i, in, &v[i]);
    VS_TRY(vs_position_find(err, m, 0, in->text, &in->tokens, at, strlen(at), &from, &v[0].at));
    if (n > 1) VS_TRY(vs_position_find(err, m, 1, in->target, &in->decoder, decoder_at, strlen(decoder_at), &from, &v[1].at));
    VS_TRY(vs_model_tokenizer(err, m, &l.tok));
    float *logits = info->has_logits ? vs_alloc(info->V, sizeof *logits) : NULL;
    vs_status st = logits || !info->has_logits ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for the logits");
    if (st == VS_OK) st = run_views(err, s, in, v, n, &l, &rq, &p, o);
    if (st == VS_OK && several && in->text) vs_out_text(o, 0, "text", in->text);
    if (st == VS_OK && vs_has(a, "mask")) vs_out_text(o, VS_COL_JSON_ONLY, "mask", vs_text(a, "mask"));
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        l.logits = (int)i == info->n_stacks - 1 ? logits : NULL; /* an encoder beside a decoder says no words */
        st = show_view(err, p, &v[i], &l, o);
    }
    if (st == VS_OK && vs_has(a, "mask")) st = vs_masked_show(err, s, in, rq.mask, o);
    vs_pass_free(p);
    vs_buf_free(&l.text);
    vs_free(logits);
    vs_free(v[0].site);
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
                                      "there (runs, sql), as dump keeps it.\n"
                                      "In a model of two stacks the encoder's blocks are summed up; with --target the "
                                      "decoder's too.",
                           .style = VS_ARGS_TEXT,
                           .min_args = 1,
                           .opts = opts,
                           .examples = run_examples,
                           .needs = VS_NEEDS_MODEL | VS_STORES,
                           .run = run_run};

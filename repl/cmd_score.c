/* cmd_score.c - score: a text weighed. */
#include <math.h>
#include <string.h>

#include "commands.h"

static const vs_opt opts[] = {VS_MASK_OPT, {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static vs_status score_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                           vs_out *o) {
    static const vs_col cols[] = {{"token", VS_COL_TOKEN, 0, VS_COL_NO_JSON, NULL},
                                  {"logprob", VS_COL_REAL, 4, VS_COL_NO_JSON, NULL},
                                  {"prob", VS_COL_PROB, 4, VS_COL_NO_JSON, NULL}};
    vs_model *m;
    const vs_tokenizer *tok;
    (void)several;
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    const vs_tokens *t = vs_text_grows(in);
    size_t V = vs_model_info_of(m)->V, n = t->n + in->ends; /* what ends a target is predicted, not read */
    if (vs_model_info_of(m)->n_stacks > 1 && !in->given)
        return vs_fail(err, VS_E_USAGE, "score: %s weighs what its decoder says: --target TEXT (or --decoder-ids)",
                       vs_model_info_of(m)->name);
    if (n < 2) return vs_fail(err, VS_E_RANGE, "score: one token alone has nothing before it to be predicted from");
    vs_pass *p;
    vs_request rq = {.logits = VS_LOGITS_ALL, .mask = vs_args_mask(a)};
    VS_TRY(vs_session_run(err, s, in, &rq, &p));
    const float *logits = vs_pass_logits(p, NULL);
    float *lp = vs_alloc(n, sizeof *lp);
    const char **name = vs_alloc(n, sizeof *name);
    vs_arena names = {0};
    vs_buf b = {0};
    vs_status st = lp && name ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for the scores");
    double sum = 0;
    for (size_t i = 1; st == VS_OK && i < n; i++) { /* the first token is given, not predicted */
        const float *row = logits + (i - 1) * V;
        lp[i - 1] = row[t->id[i]] - vs_log_sum_exp(row, V);
        sum += (double)lp[i - 1];
        vs_buf_clear(&b);
        vs_piece_text(tok, t->id[i], &b);
        name[i - 1] = vs_arena_strndup(&names, b.s ? b.s : "", b.len);
        if (!name[i - 1]) st = vs_fail(err, VS_E_NOMEM, "no memory for the scores");
    }
    if (st == VS_OK) {
        double loss = -sum / (double)(n - 1);
        vs_out_texts(o, VS_COL_JSON_ONLY, "tokens", name, n - 1);
        vs_out_reals(o, VS_COL_JSON_ONLY, "logprobs", lp, n - 1);
        vs_out_table(o, "score", cols, 3);
        for (size_t i = 0; i + 1 < n; i++) {
            vs_out_cell_text(o, name[i]);
            vs_out_cell_real(o, (double)lp[i]);
            vs_out_cell_real(o, exp((double)lp[i]));
        }
        vs_out_end(o);
        vs_out_real(o, 0, "loss", loss, 4);
        vs_out_real(o, 0, "perplexity", exp(loss), 3);
    }
    vs_buf_free(&b);
    vs_arena_free(&names);
    vs_free(name);
    vs_free(lp);
    vs_pass_free(p);
    return st;
}

static vs_status run_score(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return vs_each_text(err, s, a, score_one, o);
}
static const char *const score_examples[] = {"score The white swan in the blue water", NULL};
const vs_cmd vs_cmd_score = {
    .name = "score",
    .group = "passes",
    .synopsis = "TEXT [--target TEXT]",
    .summary = "log-probability of each token, loss, perplexity",
    .details =
        "The first token (the start token of the model) is given; each later one is predicted from those before it.\n"
        "loss is the mean of -log p in nats, perplexity its exponential.\n"
        "In a model of two stacks the decoder's --target is weighed, given TEXT, and the token that ends it too.",
    .style = VS_ARGS_TEXT,
    .min_args = 1,
    .opts = opts,
    .examples = score_examples,
    .needs = VS_NEEDS_CAUSAL,
    .run = run_score};

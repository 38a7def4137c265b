/* cmd_next.c - next, test, fill, nsp: what the model predicts at one place. */
#include <math.h>
#include <string.h>

#include "commands.h"
#include "continuing.h"

/* The text of one token, NUL-ended, in b. */
static const char *text_of(const vs_tokenizer *tok, int32_t id, vs_buf *b) {
    vs_buf_clear(b);
    vs_buf_puts(b, "");
    vs_piece_text(tok, id, b);
    return b->s ? b->s : "";
}

/* Columns of predictions; with the position first where there are several to predict. */
static const vs_col top_cols[] = {{"position", VS_COL_INT, 0, 0, NULL},
                                  {"id", VS_COL_INT, 0, 0, NULL},
                                  {"token", VS_COL_TOKEN, 0, 0, NULL},
                                  {"prob", VS_COL_PROB, 4, 0, NULL},
                                  {"logit", VS_COL_REAL, 3, 0, NULL}};

/* The k most likely tokens of one row of logits [V] as rows of a table; position < 0: without it. */
static vs_status top_rows(vs_err *err, const vs_tokenizer *tok, const float *logits, size_t V, size_t k,
                          int64_t position, vs_out *o) {
    if (k > V) k = V;
    size_t *idx = vs_alloc(k, sizeof *idx);
    vs_buf b = {0};
    if (!idx) return vs_fail(err, VS_E_NOMEM, "no memory for %zu predictions", k);
    double all = (double)vs_log_sum_exp(logits, V);
    size_t n = vs_top_k(logits, V, k, idx);
    for (size_t i = 0; i < n; i++) {
        if (position >= 0) vs_out_cell_int(o, position);
        vs_out_cell_int(o, (int64_t)idx[i]);
        vs_out_cell_text(o, text_of(tok, (int32_t)idx[i], &b));
        vs_out_cell_real(o, exp((double)logits[idx[i]] - all));
        vs_out_cell_real(o, (double)logits[idx[i]]);
    }
    vs_buf_free(&b);
    vs_free(idx);
    return VS_OK;
}

static vs_status head_of(vs_err *err, vs_session *s, const char *cmd, vs_model **m, const vs_tokenizer **tok) {
    VS_TRY(vs_session_model(err, s, m));
    const vs_model_info *in = vs_model_info_of(*m);
    if (!in->has_logits)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s has no head that gives words; it gives sentence vectors (embed)",
                       cmd, in->name);
    return vs_model_tokenizer(err, *m, tok);
}

static vs_status count_of(vs_err *err, const vs_args *a, size_t *k) {
    int64_t n = vs_int(a, "k");
    if (n < 1) return vs_fail(err, VS_E_USAGE, "-k wants a number from 1, not %lld", (long long)n);
    *k = (size_t)n;
    return VS_OK;
}

static const vs_opt mask_opts[] = {VS_MASK_OPT, {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const vs_opt next_opts[] = {{"k", 'k', VS_OPT_INT, "K", "how many", "10", VS_COMPLETE_NONE},
                                   VS_MASK_OPT,
                                   {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* ---- next ---- */

static vs_status next_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                          vs_out *o) {
    vs_model *m;
    const vs_tokenizer *tok;
    size_t k = 0;
    vs_pass *p;
    vs_request rq = {.logits = VS_LOGITS_LAST, .mask = vs_args_mask(a)};
    VS_TRY(count_of(err, a, &k));
    VS_TRY(head_of(err, s, "next", &m, &tok));
    VS_TRY(vs_session_run(err, s, in, &rq, &p));
    if (several) vs_out_text(o, 0, "text", in->text);
    vs_out_table(o, "results", top_cols + 1, 4);
    vs_status st = top_rows(err, tok, vs_pass_logits(p, NULL), vs_model_info_of(m)->V, k, -1, o);
    vs_out_end(o);
    vs_pass_free(p);
    return st;
}

static vs_status run_next(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return vs_each_text(err, s, a, next_one, o);
}
static const char *const next_examples[] = {"next \"Michael Jordan plays the sport of\"",
                                            "next The capital of France is -k 3", NULL};
const vs_cmd vs_cmd_next = {.name = "next",
                            .group = "passes",
                            .synopsis = "TEXT [-k K]",
                            .summary = "the most likely next tokens",
                            .style = VS_ARGS_TEXT,
                            .min_args = 1,
                            .opts = next_opts,
                            .examples = next_examples,
                            .needs = VS_NEEDS_CAUSAL,
                            .run = run_next};

/* ---- test ---- */

/* Log-probability and rank of each token of the answer, from token `from` on, given the prompt and the answer's earlier
 * tokens. */
static vs_status test_rows(vs_err *err, vs_session *s, const vs_args *a, const vs_tokenizer *tok, size_t V,
                           const vs_text_input *in, size_t from, vs_out *o) {
    static const vs_col cols[] = {
        {"token", VS_COL_TOKEN, 0, 0, NULL},      {"rank", VS_COL_INT, 0, 0, NULL},
        {"prob", VS_COL_PROB, 4, 0, NULL},        {"logit", VS_COL_REAL, 3, 0, NULL},
        {"first", VS_COL_TOKEN, 0, 0, "instead"}, {"first_prob", VS_COL_REAL, 4, 0, "its prob"}};
    vs_pass *p = NULL;
    vs_request rq = {.logits = VS_LOGITS_ALL, .mask = vs_args_mask(a)};
    const vs_tokens *all = vs_text_grows(in);
    VS_TRY(vs_session_run_grown(err, s, in, from, &rq, &p));
    const float *logits = vs_pass_logits(p, NULL);
    vs_buf b = {0};
    double joint = 0;
    int64_t first_rank = 1;
    vs_out_table(o, "answer", cols, 6);
    for (size_t i = from; i < all->n; i++) {
        const float *row = logits + (i - 1) * V;
        double norm = (double)vs_log_sum_exp(row, V);
        int64_t rank = 1;
        for (size_t v = 0; v < V; v++) rank += row[v] > row[all->id[i]];
        size_t best = vs_argmax(row, V);
        if (i == from) first_rank = rank;
        joint += (double)row[all->id[i]] - norm;
        vs_out_cell_text(o, text_of(tok, all->id[i], &b));
        vs_out_cell_int(o, rank);
        vs_out_cell_real(o, exp((double)row[all->id[i]] - norm));
        vs_out_cell_real(o, (double)row[all->id[i]]);
        vs_out_cell_text(o, text_of(tok, (int32_t)best, &b));
        vs_out_cell_real(o, exp((double)row[best] - norm));
    }
    vs_out_end(o);
    vs_out_int(o, 0, "rank", first_rank);
    vs_out_real(o, 0, "prob", exp(joint), 6);
    vs_buf_free(&b);
    vs_pass_free(p);
    return VS_OK;
}

/* Where the model has one stack, the answer goes on from the prompt. */
static vs_status put_answer(vs_err *err, const vs_tokenizer *tok, const char *answer, vs_text_input *in) {
    vs_tokens tail, all = {0};
    VS_TRY(vs_tokenize(err, tok, answer, strlen(answer), NULL, 0, false, &tail));
    vs_status st = vs_tokens_grow(err, &in->tokens, tail.n, &all);
    if (st == VS_OK) {
        memcpy(all.id + in->tokens.n, tail.id, tail.n * sizeof *all.id);
        all.n += tail.n;
        vs_tokens_free(&in->tokens);
        in->tokens = all;
    } else {
        vs_tokens_free(&all);
    }
    vs_tokens_free(&tail);
    return st;
}

/* The prompt and the answer as they are read; the answer begins at token *from of what grows.  A decoder beside an encoder
 * reads it after its start token and what the tokenizer puts in front of a text. */
static vs_status test_input(vs_err *err, vs_session *s, const vs_tokenizer *tok, const char *prompt, const char *answer,
                            vs_text_input *in, size_t *from) {
    in->text = vs_strdup(prompt);
    if (!in->text) return vs_fail(err, VS_E_NOMEM, "no memory for a text");
    VS_TRY(vs_session_tokenize(err, s, prompt, strlen(prompt), &in->tokens));
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    bool two = vs_model_info_of(m)->n_stacks > 1;
    *from = in->tokens.n;
    VS_TRY(two ? vs_session_decoder_input(err, s, answer, strlen(answer), true, in) : put_answer(err, tok, answer, in));
    const vs_tokens *t = vs_text_grows(in);
    for (*from = two ? 1 : *from; two && *from < t->n && t->special[*from];) ++*from;
    return *from < t->n ? VS_OK : vs_fail(err, VS_E_RANGE, "test: the answer is empty");
}

static vs_status run_test(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    const vs_tokenizer *tok;
    VS_TRY(head_of(err, s, "test", &m, &tok));
    vs_text_input in = {0};
    size_t from = 0;
    vs_status st = test_input(err, s, tok, vs_arg(a, 0), vs_arg(a, 1), &in, &from);
    if (st == VS_OK) st = test_rows(err, s, a, tok, vs_model_info_of(m)->V, &in, from, o);
    vs_text_input_free(&in);
    return st;
}
static const char *const test_examples[] = {"test \"Michael Jordan plays the sport of\" \" basketball\"", NULL};
const vs_cmd vs_cmd_test = {.name = "test",
                            .group = "passes",
                            .synopsis = "PROMPT ANSWER",
                            .summary = "rank and probability of an answer",
                            .details = "The answer's tokens are scored one after another; mind the leading blank: \" "
                                       "basketball\" is a word, \"basketball\" a continuation.",
                            .style = VS_ARGS_WORDS,
                            .min_args = 2,
                            .max_args = 2,
                            .opts = mask_opts,
                            .examples = test_examples,
                            .needs = VS_NEEDS_CAUSAL,
                            .run = run_test};

/* ---- fill ---- */

static vs_status fill_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                          vs_out *o) {
    vs_model *m;
    const vs_tokenizer *tok;
    const vs_tokens *t = &in->tokens;
    size_t k = 0, masks = 0;
    VS_TRY(count_of(err, a, &k));
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    size_t V = vs_model_info_of(m)->V;
    int32_t mask = vs_role_id(tok, VS_TOK_MASK);
    for (size_t i = 0; mask >= 0 && i < t->n; i++) masks += t->id[i] == mask;
    if (!masks) return vs_fail(err, VS_E_RANGE, "fill: the text has no [MASK]: fill the [MASK] swan");
    vs_pass *p;
    vs_request rq = {.logits = VS_LOGITS_ALL, .mask = vs_args_mask(a)};
    VS_TRY(vs_session_run(err, s, in, &rq, &p));
    if (several) vs_out_text(o, 0, "text", in->text);
    vs_status st = VS_OK;
    vs_out_table(o, "results", masks > 1 ? top_cols : top_cols + 1, masks > 1 ? 5 : 4);
    for (size_t i = 0; st == VS_OK && i < t->n; i++)
        if (t->id[i] == mask)
            st = top_rows(err, tok, vs_pass_logits(p, NULL) + i * V, V, k, masks > 1 ? (int64_t)i : -1, o);
    vs_out_end(o);
    vs_pass_free(p);
    return st;
}

static vs_status run_fill(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *in = vs_model_info_of(m);
    if (in->masked) return vs_each_text(err, s, a, fill_one, o);
    return vs_fail(err, VS_E_UNSUPPORTED, "fill: %s has no masked-word head%s", in->name,
                   in->has_logits ? "; it continues a text: next" : "; its file carries only the encoder (embed)");
}
static const char *const fill_examples[] = {"fill the [MASK] swan", NULL};
const vs_cmd vs_cmd_fill = {.name = "fill",
                            .group = "passes",
                            .synopsis = "TEXT [-k K]",
                            .summary = "the most likely words at each [MASK]",
                            .style = VS_ARGS_TEXT,
                            .min_args = 1,
                            .opts = next_opts,
                            .examples = fill_examples,
                            .needs = VS_NEEDS_MODEL,
                            .run = run_fill};

/* ---- nsp ---- */

/* BERT's next-sentence head (Devlin et al. 2018): its logit 0 is "B follows A", 1 "B was drawn at random". */
static vs_status nsp_of(vs_err *err, vs_session *s, const vs_args *a, const vs_tokens *t, vs_out *o) {
    static const vs_site site = {.kind = VS_SITE_NSP, .layer = -1, .head = -1};
    vs_pass *p;
    vs_tensor view;
    vs_request rq = {.keep = &site, .n_keep = 1, .mask = vs_args_mask(a)};
    VS_TRY(vs_session_run_text(err, s, vs_arg(a, 0), t, &rq, &p));
    vs_status st = vs_pass_site(err, p, site, 0, &view);
    if (st == VS_OK) {
        float logit[2];
        memcpy(logit, view.data, sizeof logit);
        vs_out_real(o, 0, "follows", 1 / (1 + exp((double)logit[1] - (double)logit[0])), 4);
        vs_out_reals(o, 0, "logits", logit, 2);
    }
    vs_pass_free(p);
    return st;
}

static vs_status run_nsp(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    const vs_tokenizer *tok;
    vs_tokens t;
    const char *first = vs_arg(a, 0), *second = vs_arg(a, 1);
    VS_TRY(vs_session_model(err, s, &m));
    if (!vs_model_weight(m, VS_ROLE_NSP_W, 0, 0))
        return vs_fail(err, VS_E_UNSUPPORTED, "nsp: %s has no next-sentence head", vs_model_info_of(m)->name);
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    VS_TRY(vs_tokenize(err, tok, first, strlen(first), second, strlen(second), true, &t));
    vs_status st = nsp_of(err, s, a, &t, o);
    vs_tokens_free(&t);
    return st;
}
static const char *const nsp_examples[] = {"nsp \"He went to the shop.\" \"He bought some milk.\"", NULL};
const vs_cmd vs_cmd_nsp = {
    .name = "nsp",
    .group = "passes",
    .synopsis = "TEXT TEXT",
    .summary = "whether the second sentence follows the first (BERT's next-sentence head)",
    .details = "Every command that takes a TEXT reads pairs too: tokens A --pair B, dump A --pair B --sites nsp.",
    .style = VS_ARGS_WORDS,
    .min_args = 2,
    .max_args = 2,
    .opts = mask_opts,
    .examples = nsp_examples,
    .needs = VS_NEEDS_MODEL,
    .run = run_nsp};

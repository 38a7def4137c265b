/* cmd_next.c - next, test, fill: what the model predicts at one place. */
#include <math.h>
#include <string.h>

#include "commands.h"

/* The text of one token, NUL-ended, in b. */
static const char *text_of(const vs_tokenizer *tok, int32_t id, vs_buf *b) {
    vs_buf_clear(b);
    vs_buf_puts(b, "");
    vs_piece_text(tok, id, b);
    return b->s ? b->s : "";
}

/* The k most likely tokens of one row of logits [V] as the table `results`. */
static vs_status top_table(vs_err *err, const vs_tokenizer *tok, const float *logits, size_t V, size_t k, vs_out *o) {
    static const vs_col cols[] = {{"id", VS_COL_INT, 0, 0, NULL}, {"token", VS_COL_TOKEN, 0, 0, NULL}, {"prob", VS_COL_PROB, 4, 0, NULL},
                                  {"logit", VS_COL_REAL, 3, 0, NULL}};
    if (k > V) k = V;
    size_t *idx = vs_alloc(k, sizeof *idx);
    vs_buf b = {0};
    if (!idx) return vs_fail(err, VS_E_NOMEM, "no memory for %zu predictions", k);
    double all = (double)vs_log_sum_exp(logits, V);
    size_t n = vs_top_k(logits, V, k, idx);
    vs_out_table(o, "results", cols, 4);
    for (size_t i = 0; i < n; i++) {
        vs_out_cell_int(o, (int64_t)idx[i]);
        vs_out_cell_text(o, text_of(tok, (int32_t)idx[i], &b));
        vs_out_cell_real(o, exp((double)logits[idx[i]] - all));
        vs_out_cell_real(o, (double)logits[idx[i]]);
    }
    vs_out_end(o);
    vs_buf_free(&b);
    vs_free(idx);
    return VS_OK;
}

static vs_status head_of(vs_err *err, vs_session *s, const char *cmd, vs_model **m, const vs_tokenizer **tok) {
    VS_TRY(vs_session_model(err, s, m));
    const vs_model_info *in = vs_model_info_of(*m);
    if (!in->has_logits) return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s has no head that gives words; it gives sentence vectors (embed)", cmd, in->name);
    return vs_model_tokenizer(err, *m, tok);
}

static vs_status count_of(vs_err *err, const vs_args *a, size_t *k) {
    int64_t n = vs_int(a, "k");
    if (n < 1) return vs_fail(err, VS_E_USAGE, "-k wants a number from 1, not %lld", (long long)n);
    *k = (size_t)n;
    return VS_OK;
}

static const vs_opt next_opts[] = {{"k", 'k', VS_OPT_INT, "K", "how many", "10", VS_COMPLETE_NONE}, {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* ---- next ---- */

static vs_status run_next(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    const vs_tokenizer *tok;
    vs_texts t;
    size_t k = 0;
    VS_TRY(count_of(err, a, &k));
    VS_TRY(head_of(err, s, "next", &m, &tok));
    VS_TRY(vs_args_texts(err, s, a, &t));
    vs_status st = VS_OK;
    for (size_t i = 0; st == VS_OK && i < t.n; i++) {
        vs_pass *p = NULL;
        vs_request rq = {.logits = VS_LOGITS_LAST};
        st = vs_session_run_text(err, s, t.item[i].text, &t.item[i].tokens, &rq, &p);
        if (st == VS_OK && t.n > 1) vs_out_text(o, 0, "text", t.item[i].text);
        if (st == VS_OK) st = top_table(err, tok, vs_pass_logits(p, NULL), vs_model_info_of(m)->V, k, o);
        vs_pass_free(p);
        if (st == VS_OK && i + 1 < t.n) vs_out_flush_part(o);
    }
    vs_texts_free(&t);
    return st;
}
static const char *const next_examples[] = {"next \"Michael Jordan plays the sport of\"", "next The capital of France is -k 3", NULL};
const vs_cmd vs_cmd_next = {.name = "next", .group = "passes", .synopsis = "TEXT [-k K]", .summary = "the most likely next tokens",
                            .style = VS_ARGS_TEXT, .min_args = 1, .opts = next_opts, .examples = next_examples, .needs = VS_NEEDS_CAUSAL, .run = run_next};

/* ---- test ---- */

/* Log-probability and rank of each token of the answer, given the prompt and the answer's earlier tokens. */
static vs_status test_rows(vs_err *err, vs_session *s, const vs_tokenizer *tok, size_t V, const vs_tokens *all, size_t from, vs_out *o) {
    static const vs_col cols[] = {{"token", VS_COL_TOKEN, 0, 0, NULL}, {"rank", VS_COL_INT, 0, 0, NULL}, {"prob", VS_COL_PROB, 4, 0, NULL},
                                  {"logit", VS_COL_REAL, 3, 0, NULL},  {"first", VS_COL_TOKEN, 0, 0, "instead"}, {"first_prob", VS_COL_REAL, 4, 0, "its prob"}};
    vs_pass *p = NULL;
    vs_request rq = {.logits = VS_LOGITS_ALL};
    VS_TRY(vs_session_run(err, s, all, &rq, &p));
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

static vs_status run_test(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    const vs_tokenizer *tok;
    VS_TRY(head_of(err, s, "test", &m, &tok));
    const char *prompt = vs_arg(a, 0), *answer = vs_arg(a, 1);
    vs_tokens all, tail;
    VS_TRY(vs_session_tokenize(err, s, prompt, strlen(prompt), &all));
    vs_status st = vs_tokenize(err, tok, answer, strlen(answer), NULL, 0, false, &tail);
    if (st == VS_OK && !tail.n) st = vs_fail(err, VS_E_RANGE, "test: the answer is empty");
    size_t n = all.n;
    if (st == VS_OK) {
        int32_t *id = vs_grow(all.id, all.n, all.n + tail.n, sizeof *id);
        if (id) {
            memcpy(id + all.n, tail.id, tail.n * sizeof *id);
            all.id = id;
            vs_tokens joined = {.n = n + tail.n, .id = id};
            st = test_rows(err, s, tok, vs_model_info_of(m)->V, &joined, n, o);
        } else {
            st = vs_fail(err, VS_E_NOMEM, "no memory for the tokens");
        }
        vs_tokens_free(&tail);
    }
    vs_tokens_free(&all);
    return st;
}
static const char *const test_examples[] = {"test \"Michael Jordan plays the sport of\" \" basketball\"", NULL};
const vs_cmd vs_cmd_test = {.name = "test", .group = "passes", .synopsis = "PROMPT ANSWER", .summary = "rank and probability of an answer",
                            .details = "The answer's tokens are scored one after another; mind the leading blank: \" basketball\" is a word, \"basketball\" a continuation.",
                            .style = VS_ARGS_WORDS, .min_args = 2, .max_args = 2, .examples = test_examples, .needs = VS_NEEDS_CAUSAL, .run = run_test};

/* ---- fill ---- */

static vs_status run_fill(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    const vs_tokenizer *tok;
    vs_texts t;
    size_t k = 0;
    VS_TRY(count_of(err, a, &k));
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *in = vs_model_info_of(m);
    if (!in->masked) return vs_fail(err, VS_E_UNSUPPORTED, "fill: %s has no masked-word head%s", in->name, in->has_logits ? "; it continues a text: next" : "; its file carries only the encoder (embed)");
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    VS_TRY(vs_args_texts(err, s, a, &t));
    int32_t mask = vs_role_id(tok, VS_TOK_MASK);
    vs_pass *p = NULL;
    vs_request rq = {.logits = VS_LOGITS_ALL};
    const vs_tokens *tokens = &t.item[0].tokens;
    size_t masks = 0;
    for (size_t i = 0; i < tokens->n; i++) masks += tokens->id[i] == mask;
    vs_status st = mask >= 0 && masks ? VS_OK : vs_fail(err, VS_E_USAGE, "fill: the text has no [MASK]: fill the [MASK] swan");
    if (st == VS_OK) st = vs_session_run_text(err, s, t.item[0].text, tokens, &rq, &p);
    for (size_t i = 0; st == VS_OK && i < tokens->n; i++) {
        if (tokens->id[i] != mask) continue;
        if (masks > 1) vs_out_int(o, 0, "position", (int64_t)i);
        st = top_table(err, tok, vs_pass_logits(p, NULL) + i * in->V, in->V, k, o);
        if (--masks) vs_out_flush_part(o);
    }
    vs_pass_free(p);
    vs_texts_free(&t);
    return st;
}
static const char *const fill_examples[] = {"fill the [MASK] swan", NULL};
const vs_cmd vs_cmd_fill = {.name = "fill", .group = "passes", .synopsis = "TEXT [-k K]", .summary = "the most likely words at each [MASK]",
                            .style = VS_ARGS_TEXT, .min_args = 1, .opts = next_opts, .examples = fill_examples, .needs = VS_NEEDS_MODEL, .run = run_fill};

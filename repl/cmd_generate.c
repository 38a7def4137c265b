/* cmd_generate.c - generate, score: a text continued, a text weighed. */
#include <math.h>
#include <string.h>

#include "commands.h"

static const vs_opt opts[] = {
    {"n", 'n', VS_OPT_INT, "N", "at most this many tokens", "40", VS_COMPLETE_NONE},
    {"greedy", 0, VS_OPT_FLAG, NULL, "always the most likely token", NULL, VS_COMPLETE_NONE},
    {"temperature", 0, VS_OPT_REAL, "T", "flatter above 1, sharper below", "1", VS_COMPLETE_NONE},
    {"top-k", 0, VS_OPT_INT, "K", "draw among the K most likely (0: all)", "64", VS_COMPLETE_NONE},
    {"top-p", 0, VS_OPT_REAL, "P", "draw among the fewest that hold P of the probability", "0.95", VS_COMPLETE_NONE},
    {"seed", 0, VS_OPT_INT, "N", "same seed, same text (set seed)", NULL, VS_COMPLETE_NONE},
    {"stop", 0, VS_OPT_TEXT, "TEXT", "end when this appears", NULL, VS_COMPLETE_NONE},
    {"no-eos", 0, VS_OPT_FLAG, NULL, "go on past the end token", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* What is being written: the ids so far and the text they decode to.  A character may span tokens and a token's text
 * may depend on the one before, so a new token is decoded after those of the last step: ids base..read are in the text.
 */
typedef struct writing {
    const vs_tokenizer *tok;
    int32_t *id;
    size_t n, base, read;
    vs_buf text, part;
} writing;

static bool ends_in_half_character(const vs_buf *b) {
    return b->len >= 3 && !memcmp(b->s + b->len - 3, "\xEF\xBF\xBD", 3);
}

/* Decode what the new ids add to the text, and stream it; half a character waits for its rest, but not at the end. */
static vs_status show_new(vs_err *err, writing *w, bool last, vs_out *o) {
    vs_buf_clear(&w->part);
    VS_TRY(vs_detokenize(err, w->tok, w->id + w->base, w->read - w->base, true, &w->part));
    size_t old = w->part.len;
    vs_buf_clear(&w->part);
    VS_TRY(vs_detokenize(err, w->tok, w->id + w->base, w->n - w->base, true, &w->part));
    if (w->part.len <= old || (ends_in_half_character(&w->part) && !last)) return VS_OK;
    vs_buf_put(&w->text, w->part.s + old, w->part.len - old);
    vs_out_stream(o, w->part.s + old, w->part.len - old);
    w->base = w->read;
    w->read = w->n;
    return w->text.failed ? vs_fail(err, VS_E_NOMEM, "no memory for the text") : VS_OK;
}

/* Whether the text has `stop` in it, given that the first `seen` bytes have not. */
static bool stops(const vs_buf *text, size_t seen, const char *stop) {
    size_t n = stop ? strlen(stop) : 0;
    return n && text->s && strstr(text->s + (seen > n ? seen - n : 0), stop);
}

static vs_status one_step(vs_err *err, vs_session *s, const char *text, const vs_tokens *in, vs_kv *kv,
                          const vs_sampling *how, uint64_t *state, size_t V, int32_t *id) {
    vs_pass *p;
    vs_request rq = {.logits = VS_LOGITS_LAST, .kv = kv};
    VS_TRY(vs_session_run_text(err, s, text, in, &rq, &p));
    *id = vs_sample(how, vs_pass_logits(p, NULL), V, state);
    vs_pass_free(p);
    return VS_OK;
}

/* Under edits the whole text is run at each step: an edit at a position from the end means another place each time. */
static vs_status write_on(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, const vs_sampling *how,
                          vs_model *m, writing *w, vs_out *o) {
    size_t most = (size_t)vs_int(a, "n"), V = vs_model_info_of(m)->V;
    const char *stop = vs_text(a, "stop");
    int32_t eos = vs_has(a, "no-eos") ? -1 : vs_role_id(w->tok, VS_TOK_EOS);
    bool edited = vs_session_edit_count(s) > 0;
    uint64_t state = how->seed;
    vs_kv *kv = NULL;
    int32_t *all = vs_alloc(in->tokens.n + most, sizeof *all);
    if (!all) return vs_fail(err, VS_E_NOMEM, "no memory for %zu tokens", most);
    memcpy(all, in->tokens.id, in->tokens.n * sizeof *all);
    size_t done = 0;
    vs_status st = VS_OK;
    if (st == VS_OK && !edited) st = vs_kv_new(err, m, in->tokens.n + most, &kv);
    if (st == VS_OK && in->text) vs_out_stream(o, in->text, strlen(in->text));
    while (st == VS_OK && w->n < most) {
        vs_tokens now = {.id = all + done, .n = in->tokens.n + w->n - done};
        int32_t id;
        st = one_step(err, s, NULL, &now, kv, how, &state, V, &id);
        if (st != VS_OK || id == eos) break;
        if (kv) done = in->tokens.n + w->n;
        all[in->tokens.n + w->n] = id;
        w->id[w->n++] = id;
        size_t seen = w->text.len;
        st = show_new(err, w, w->n == most, o);
        if (st == VS_OK && vs_interrupted()) break; /* what is written stays */
        if (stops(&w->text, seen, stop)) break;
    }
    vs_kv_free(kv);
    vs_free(all);
    return st;
}

static vs_status generate_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                              vs_out *o) {
    vs_model *m;
    writing w = {0};
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &w.tok));
    size_t context = vs_model_info_of(m)->context, most = (size_t)vs_int(a, "n");
    if (in->tokens.n > context || most > context - in->tokens.n)
        return vs_fail(err, VS_E_RANGE, "generate: %zu tokens and %zu new ones exceed the context of %zu", in->tokens.n,
                       most, context);
    vs_sampling how = {.temperature = vs_has(a, "greedy") ? 0 : (float)vs_real(a, "temperature"),
                       .top_k = (size_t)vs_int(a, "top-k"),
                       .top_p = (float)vs_real(a, "top-p"),
                       .seed = vs_has(a, "seed") ? (uint64_t)vs_int(a, "seed") : vs_session_settings(s)->seed};
    w.id = vs_alloc(most, sizeof *w.id);
    vs_status st = w.id ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for the tokens");
    if (st == VS_OK && several && in->text) vs_out_text(o, VS_COL_JSON_ONLY, "prompt", in->text);
    if (st == VS_OK) st = write_on(err, s, a, in, &how, m, &w, o);
    vs_buf_clear(&w.part);
    if (st == VS_OK) st = vs_detokenize(err, w.tok, w.id, w.n, true, &w.part);
    if (st == VS_OK) {
        vs_out_stream(o, "\n", 1);
        vs_out_ints(o, VS_COL_JSON_ONLY, "ids", w.id, w.n);
        vs_out_text(o, VS_COL_JSON_ONLY, "text", w.part.s ? w.part.s : "");
    }
    vs_buf_free(&w.text);
    vs_buf_free(&w.part);
    vs_free(w.id);
    return st;
}

static vs_status run_generate(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    double top_p = vs_real(a, "top-p");
    if (vs_int(a, "n") < 1) return vs_fail(err, VS_E_USAGE, "generate: -n wants a number from 1");
    if (!(vs_real(a, "temperature") >= 0) || !(top_p > 0 && top_p <= 1) || vs_int(a, "top-k") < 0)
        return vs_fail(err, VS_E_USAGE,
                       "generate: --temperature is from 0, --top-k from 0, --top-p above 0 and at most 1");
    return vs_each_text(err, s, a, generate_one, o);
}
static const char *const generate_examples[] = {"generate \"The white swan\" -n 20 --greedy",
                                                "generate \"Once upon a time\" -n 30 --temperature 0.8 --seed 7", NULL};
const vs_cmd vs_cmd_generate = {.name = "generate",
                                .group = "passes",
                                .synopsis = "TEXT [-n N] [--greedy]",
                                .summary = "continue a text, token by token",
                                .style = VS_ARGS_TEXT,
                                .min_args = 1,
                                .opts = opts,
                                .examples = generate_examples,
                                .needs = VS_NEEDS_CAUSAL,
                                .run = run_generate};

/* ---- score ---- */

static vs_status score_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                           vs_out *o) {
    static const vs_col cols[] = {{"token", VS_COL_TOKEN, 0, VS_COL_NO_JSON, NULL},
                                  {"logprob", VS_COL_REAL, 4, VS_COL_NO_JSON, NULL},
                                  {"prob", VS_COL_PROB, 4, VS_COL_NO_JSON, NULL}};
    vs_model *m;
    const vs_tokenizer *tok;
    (void)a, (void)several;
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    const vs_tokens *t = &in->tokens;
    size_t V = vs_model_info_of(m)->V;
    if (t->n < 2) return vs_fail(err, VS_E_RANGE, "score: one token alone has nothing before it to be predicted from");
    vs_pass *p;
    vs_request rq = {.logits = VS_LOGITS_ALL};
    VS_TRY(vs_session_run_text(err, s, in->text, t, &rq, &p));
    const float *logits = vs_pass_logits(p, NULL);
    float *lp = vs_alloc(t->n, sizeof *lp);
    const char **name = vs_alloc(t->n, sizeof *name);
    vs_arena names = {0};
    vs_buf b = {0};
    vs_status st = lp && name ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for the scores");
    double sum = 0;
    for (size_t i = 1; st == VS_OK && i < t->n; i++) { /* the first token is given, not predicted */
        const float *row = logits + (i - 1) * V;
        lp[i - 1] = row[t->id[i]] - vs_log_sum_exp(row, V);
        sum += (double)lp[i - 1];
        vs_buf_clear(&b);
        vs_piece_text(tok, t->id[i], &b);
        name[i - 1] = vs_arena_strndup(&names, b.s ? b.s : "", b.len);
        if (!name[i - 1]) st = vs_fail(err, VS_E_NOMEM, "no memory for the scores");
    }
    if (st == VS_OK) {
        double loss = -sum / (double)(t->n - 1);
        vs_out_texts(o, VS_COL_JSON_ONLY, "tokens", name, t->n - 1);
        vs_out_reals(o, VS_COL_JSON_ONLY, "logprobs", lp, t->n - 1);
        vs_out_table(o, "score", cols, 3);
        for (size_t i = 0; i + 1 < t->n; i++) {
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
    .synopsis = "TEXT",
    .summary = "log-probability of each token, loss, perplexity",
    .details =
        "The first token (the start token of the model) is given; each later one is predicted from those before it.\n"
        "loss is the mean of -log p in nats, perplexity its exponential.",
    .style = VS_ARGS_TEXT,
    .min_args = 1,
    .examples = score_examples,
    .needs = VS_NEEDS_CAUSAL,
    .run = run_score};

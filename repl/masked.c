/* masked.c - see masked.h. */
#include "masked.h"

#include <math.h>
#include <string.h>

enum { DRAWN = 16 }; /* tokens of a text whose mask is drawn */

/* One of the two passes: every pattern and the last stream kept. */
typedef struct side {
    vs_pass *pass;
    vs_tensor stream; /* [T,d] */
} side;

typedef struct masked {
    vs_session *s;
    const vs_text_input *in;
    const vs_tokens *tokens; /* of the stack whose mask is another */
    const vs_model *m;
    const vs_tokenizer *tok;
    const vs_stack_info *stack;
    size_t T, V;
    bool causal;    /* the mask asked for */
    vs_site *keep;  /* [L + 1]: the patterns, then the last stream */
    side now, own;  /* under that mask; under the model's */
    float *logits;  /* [V], NULL without a head */
} masked;

static vs_status run_side(vs_err *err, masked *x, vs_mask mask, side *out) {
    vs_request rq = {.keep = x->keep, .n_keep = x->stack->L + 1, .mask = mask};
    VS_TRY(vs_session_run(err, x->s, x->in, &rq, &out->pass));
    return vs_pass_site(err, out->pass, x->keep[x->stack->L], 0, &out->stream);
}

/* The share of a token's attention that lies on those after it: the mean over all heads. */
static vs_status ahead(vs_err *err, const masked *x, const side *k, size_t at, double *share) {
    double sum = 0;
    for (size_t l = 0; l < x->stack->L; l++) {
        vs_tensor t;
        VS_TRY(vs_pass_site(err, k->pass, x->keep[l], 0, &t));
        for (size_t h = 0; h < t.shape[0]; h++) {
            const float *row = (const float *)((const char *)t.data + h * t.stride[0] + at * t.stride[1]);
            for (size_t j = at + 1; j < x->T; j++) sum += (double)row[j];
        }
    }
    *share = sum / (double)(x->stack->L * x->stack->H);
    return VS_OK;
}

static const char *label(const masked *x, int32_t id, vs_buf *b) {
    vs_buf_clear(b);
    vs_buf_puts(b, "");
    vs_piece_text(x->tok, id, b);
    return b->s ? b->s : "";
}

/* What the model says after (encoders: at) a position, and how surely. */
static vs_status says(vs_err *err, masked *x, const side *k, size_t at, vs_buf *b, double *prob) {
    VS_TRY(vs_model_unembed(err, x->m, vs_tensor_row(&k->stream, at), 1, x->logits));
    size_t best = vs_argmax(x->logits, x->V);
    *prob = exp((double)x->logits[best] - (double)vs_log_sum_exp(x->logits, x->V));
    label(x, (int32_t)best, b);
    return VS_OK;
}

static void draw(const masked *x, vs_out *o) {
    vs_buf line = {0}, word = {0};
    if (x->T > DRAWN) return;
    vs_out_heading(o, "What each token sees (rows): with the model's own mask, and with this one");
    for (size_t r = 0; r < x->T; r++) {
        vs_buf_clear(&line);
        for (int which = 0; which < 2; which++) {
            bool causal = which ? x->causal : !x->causal;
            for (size_t c = 0; c < x->T; c++) vs_buf_puts(&line, !causal || c <= r ? "■ " : "· ");
            vs_buf_puts(&line, which ? "" : "    ");
        }
        label(x, x->tokens->id[r], &word);
        if (line.s && word.s) vs_out_note(o, "  %s  %s", line.s, *word.s == ' ' ? word.s + 1 : word.s);
    }
    vs_buf_free(&line);
    vs_buf_free(&word);
}

static vs_status rows(vs_err *err, masked *x, vs_out *o) {
    static const vs_col cols[] = {{"position", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
                                  {"token", VS_COL_TOKEN, 0, 0, NULL},
                                  {"ahead_before", VS_COL_REAL, 3, 0, "looks ahead, before"},
                                  {"ahead", VS_COL_REAL, 3, 0, "now"},
                                  {"cosine", VS_COL_REAL, 3, 0, "cosine of the states"},
                                  {"said", VS_COL_TOKEN, 0, 0, "says, before"},
                                  {"prob_before", VS_COL_REAL, 3, 0, "prob"},
                                  {"says", VS_COL_TOKEN, 0, 0, "now"},
                                  {"prob", VS_COL_REAL, 3, 0, NULL}};
    vs_buf word = {0};
    vs_status st = VS_OK;
    vs_out_table(o, "seen", cols, x->logits ? 9 : 5);
    for (size_t i = 0; st == VS_OK && i < x->T; i++) {
        double share[2] = {0}, prob = 0;
        st = ahead(err, x, &x->own, i, &share[0]);
        if (st == VS_OK) st = ahead(err, x, &x->now, i, &share[1]);
        vs_out_cell_int(o, (int64_t)i);
        vs_out_cell_text(o, label(x, x->tokens->id[i], &word));
        vs_out_cell_real(o, share[0]);
        vs_out_cell_real(o, share[1]);
        vs_out_cell_real(o, (double)vs_cosine(vs_tensor_row(&x->own.stream, i), vs_tensor_row(&x->now.stream, i), x->stack->d));
        for (int which = 0; st == VS_OK && which < 2 && x->logits; which++) {
            st = says(err, x, which ? &x->now : &x->own, i, &word, &prob);
            vs_out_cell_text(o, word.s);
            vs_out_cell_real(o, prob);
        }
    }
    vs_out_end(o);
    vs_buf_free(&word);
    return st;
}

vs_status vs_masked_show(vs_err *err, vs_session *s, const vs_text_input *in, vs_mask mask, vs_out *o) {
    vs_model *m;
    masked x = {.s = s, .in = in, .causal = mask == VS_MASK_CAUSAL};
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &x.tok));
    const vs_model_info *info = vs_model_info_of(m);
    uint8_t last = (uint8_t)(info->n_stacks - 1), stack = x.causal ? 0 : last; /* of two, the encoder is the full one */
    x.tokens = stack ? &in->decoder : &in->tokens;
    x.T = x.tokens->n;
    x.m = m;
    x.V = info->V;
    x.stack = &info->stack[stack];
    if (mask == VS_MASK_MODEL || x.causal == x.stack->causal) {
        vs_out_note(o, "  %s is this model's own mask", x.causal ? "causal" : "full");
        return VS_OK;
    }
    size_t L = x.stack->L;
    x.keep = vs_alloc(L + 1, sizeof *x.keep);
    if (info->has_logits && stack == last) x.logits = vs_alloc(x.V, sizeof *x.logits);
    vs_status st = x.keep && (x.logits || !info->has_logits || stack < last) ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", L);
    for (size_t l = 0; st == VS_OK && l <= L; l++)
        x.keep[l] = (vs_site){.kind = l < L ? VS_SITE_PATTERN : VS_SITE_RESID_PRE, .layer = (int16_t)l, .head = -1, .stack = stack};
    if (st == VS_OK) st = run_side(err, &x, VS_MASK_MODEL, &x.own);
    if (st == VS_OK) st = run_side(err, &x, mask, &x.now);
    if (st == VS_OK) draw(&x, o);
    if (st == VS_OK) vs_out_heading(o, "What that changes: the share of attention on later tokens, the last states, the prediction");
    if (st == VS_OK) st = rows(err, &x, o);
    vs_pass_free(x.own.pass);
    vs_pass_free(x.now.pass);
    vs_free(x.logits);
    vs_free(x.keep);
    return st;
}

/* facts.c - see facts.h. */
#include "facts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The sites of one block that the attribution needs, in this order. */
enum { STREAM, ATTN, MLP, NEURONS, CROSS, RAW, KINDS };
static const vs_site_kind kinds[KINDS] = {VS_SITE_RESID_PRE, VS_SITE_ATTN_OUT, VS_SITE_MLP_OUT, VS_SITE_MLP_POST,
                                          VS_SITE_ATTN_OUT, VS_SITE_MLP_RAW};

/* What the parts of the work share. */
typedef struct work {
    vs_session *s;
    vs_model *m;
    const vs_tokenizer *tok;
    const vs_text_input *in;
    const vs_progress *progress;
    vs_pass *pass;
    vs_site *site; /* [L + 1, KINDS] by block and kind; those that there are not are its stream again */
    size_t L, d, f, V, last;
    uint8_t stack;
    bool branch, cross; /* the MLP's output is normed before it is added; the blocks read an encoder */
    vs_direct direct;
    float *dir; /* [d] */
    vs_fact *out;
} work;

static vs_status row_of(vs_err *err, const work *w, size_t layer, int kind, const float **row) {
    vs_tensor t;
    if (kind == RAW && !w->branch) kind = MLP;
    VS_TRY(vs_pass_site(err, w->pass, w->site[layer * KINDS + (size_t)kind], 0, &t));
    *row = vs_tensor_row(&t, w->last);
    return VS_OK;
}

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory to take a fact apart"); }

static vs_status run_clean(vs_err *err, work *w) {
    size_t n = (w->L + 1) * KINDS;
    w->branch = vs_model_weight(w->m, VS_ROLE_MLP_BRANCH, w->stack, 0) != NULL;
    w->site = vs_alloc(n, sizeof *w->site);
    if (!w->site) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        size_t kind = i % KINDS;
        bool there = i / KINDS < w->L && (kind != CROSS || w->cross) && (kind != RAW || w->branch);
        w->site[i] = (vs_site){.kind = kinds[there ? kind : STREAM], .layer = (int16_t)(i / KINDS), .head = -1, .stack = w->stack,
                               .cross = there && kind == CROSS};
    }
    vs_request rq = {.keep = w->site, .n_keep = n, .logits = VS_LOGITS_LAST};
    return vs_session_run(err, w->s, w->in, &rq, &w->pass);
}

static size_t rank_in(const float *logits, size_t V, size_t t) {
    size_t rank = 1;
    for (size_t v = 0; v < V; v++) rank += logits[v] > logits[t];
    return rank;
}

/* The pass's own logits: the answer, its probability, its rank. */
static void read_logits(work *w, int64_t answer) {
    const float *logits = vs_pass_logits(w->pass, NULL);
    vs_fact *f = w->out;
    f->answer = answer >= 0 ? (size_t)answer : vs_argmax(logits, w->V);
    f->logit = logits[f->answer];
    f->prob = expf(f->logit - vs_log_sum_exp(logits, w->V));
    f->rank = rank_in(logits, w->V, f->answer);
}

/* The share of each part: the embedding, each block's attention, what it reads of an encoder, its MLP. */
static vs_status shares(vs_err *err, work *w) {
    const float *row;
    vs_fact *f = w->out;
    VS_TRY(row_of(err, w, w->L, STREAM, &row));
    VS_TRY(vs_direct_open(err, w->m, row, &w->direct));
    VS_TRY(vs_direct_row(err, &w->direct, f->answer, w->dir));
    VS_TRY(row_of(err, w, 0, STREAM, &row));
    f->embed = vs_dot(w->dir, row, w->d);
    f->sum = (double)f->embed;
    for (size_t l = 0; l < w->L; l++) {
        VS_TRY(row_of(err, w, l, ATTN, &row));
        f->layer[l].attn = vs_dot(w->dir, row, w->d);
        VS_TRY(row_of(err, w, l, CROSS, &row));
        f->layer[l].cross = w->cross ? vs_dot(w->dir, row, w->d) : 0;
        VS_TRY(row_of(err, w, l, MLP, &row));
        f->layer[l].mlp = vs_dot(w->dir, row, w->d);
        f->sum += (double)f->layer[l].attn + (double)f->layer[l].cross + (double)f->layer[l].mlp;
    }
    return VS_OK;
}

/* The rank of the answer in the stream after each block. */
static vs_status ranks(vs_err *err, work *w) {
    float *stream = vs_alloc(w->L, w->d * sizeof *stream), *logits = vs_alloc(w->L, w->V * sizeof *logits);
    vs_status st = stream && logits ? VS_OK : no_memory(err);
    for (size_t l = 0; st == VS_OK && l < w->L; l++) {
        const float *row;
        st = row_of(err, w, l + 1, STREAM, &row);
        if (st == VS_OK) memcpy(stream + l * w->d, row, w->d * sizeof *row);
    }
    if (st == VS_OK) st = vs_model_unembed(err, w->m, stream, w->L, logits);
    for (size_t l = 0; st == VS_OK && l < w->L; l++)
        w->out->layer[l].rank = rank_in(logits + l * w->V, w->V, w->out->answer);
    vs_free(stream);
    vs_free(logits);
    return st;
}

/* The answer's probability with an MLP silenced. */
static vs_status silence_one(vs_err *err, work *w, vs_site site, float *prob) {
    char edit[64], name[48];
    vs_pass *p = NULL;
    vs_request rq = {.logits = VS_LOGITS_LAST};
    snprintf(edit, sizeof edit, "zero %s", vs_site_name(w->m, site, true, name, sizeof name));
    VS_TRY(vs_session_push_edits(err, w->s, edit, strlen(edit)));
    vs_status st = vs_session_run(err, w->s, w->in, &rq, &p);
    vs_session_pop_edits(w->s);
    VS_TRY(st);
    const float *logits = vs_pass_logits(p, NULL);
    *prob = expf(logits[w->out->answer] - vs_log_sum_exp(logits, w->V));
    vs_pass_free(p);
    return VS_OK;
}

/* One MLP after another, the encoder's first. */
static vs_status silence(vs_err *err, work *w) {
    size_t before = w->out->encoder_L, all = before + w->L;
    for (size_t i = 0; i < all; i++) {
        bool encoder = i < before;
        vs_site site = {.kind = VS_SITE_MLP_OUT, .layer = (int16_t)(encoder ? i : i - before), .head = -1, .stack = encoder ? 0 : w->stack};
        VS_TRY(silence_one(err, w, site, encoder ? &w->out->encoder[i] : &w->out->layer[i - before].silenced));
        vs_tick(w->progress, "silencing each MLP", i + 1, all);
    }
    return VS_OK;
}

/* ---- neurons ---- */

/* Keep the cap neurons of the largest |share|, the largest first. */
static void keep_best(vs_fact *f, size_t cap, vs_fact_neuron n) {
    if (f->n_neurons == cap && fabsf(f->neuron[cap - 1].share) >= fabsf(n.share)) return;
    size_t i = f->n_neurons < cap ? f->n_neurons++ : cap - 1;
    for (; i > 0 && fabsf(f->neuron[i - 1].share) < fabsf(n.share); i--) f->neuron[i] = f->neuron[i - 1];
    f->neuron[i] = n;
}

/* One block's neurons: share n = activation n * (column n of W_down, through the branch norm) · dir. */
static vs_status neurons_of(vs_err *err, work *w, size_t layer, size_t cap, float *into, float *mul) {
    const vs_tensor *down = vs_model_weight(w->m, VS_ROLE_W_DOWN, w->stack, (int)layer);
    const float *act, *raw;
    VS_TRY(row_of(err, w, layer, NEURONS, &act));
    VS_TRY(row_of(err, w, layer, RAW, &raw));
    VS_TRY(vs_direct_branch(err, &w->direct, VS_ROLE_MLP_BRANCH, (int)layer, raw, mul));
    float *line = into + w->f;
    memset(into, 0, w->f * sizeof *into);
    for (size_t i = 0; i < w->d; i++) { /* dir^T W_down, a row at a time: rows are what lies together */
        VS_TRY(vs_tensor_row_f32(err, down, i, line));
        vs_axpy(w->dir[i] * mul[i], line, into, w->f);
    }
    for (size_t n = 0; n < w->f; n++)
        if (act[n] != 0)
            keep_best(
                w->out, cap,
                (vs_fact_neuron){.layer = (int)layer, .neuron = n, .activation = act[n], .share = act[n] * into[n]});
    return VS_OK;
}

/* The words that the chosen neurons write: each one's value vector through the norms and the unembedding. */
static vs_status neuron_words(vs_err *err, work *w, float *mul) {
    vs_fact *f = w->out;
    float *v = vs_alloc(f->n_neurons, w->d * sizeof *v), *logits = vs_alloc(f->n_neurons, w->V * sizeof *logits);
    vs_status st = v && logits ? VS_OK : no_memory(err);
    for (size_t i = 0; st == VS_OK && i < f->n_neurons; i++) {
        vs_fact_neuron *n = &f->neuron[i];
        const float *raw;
        st = row_of(err, w, (size_t)n->layer, RAW, &raw);
        if (st == VS_OK) st = vs_direct_branch(err, &w->direct, VS_ROLE_MLP_BRANCH, n->layer, raw, mul);
        if (st == VS_OK) st = vs_model_column(err, w->m, VS_ROLE_W_DOWN, n->layer, n->neuron, v + i * w->d);
        if (st == VS_OK) vs_mul_into(v + i * w->d, mul, v + i * w->d, w->d);
        if (st == VS_OK && n->activation < 0) vs_scale_by(v + i * w->d, -1, w->d); /* it writes the opposite way */
    }
    if (st == VS_OK) st = vs_direct_logits(err, &w->direct, v, f->n_neurons, logits);
    for (size_t i = 0; st == VS_OK && i < f->n_neurons; i++)
        st = vs_direct_words(err, &w->direct, w->tok, logits + i * w->V, 5, &f->neuron[i].words);
    vs_free(v);
    vs_free(logits);
    return st;
}

static vs_status neurons(vs_err *err, work *w, size_t cap) {
    if (!cap) return VS_OK;
    float *into = vs_alloc(2 * w->f, sizeof *into), *mul = vs_alloc(w->d, sizeof *mul);
    w->out->neuron = vs_zalloc(cap, sizeof *w->out->neuron);
    vs_status st = into && mul && w->out->neuron ? VS_OK : no_memory(err);
    for (size_t l = 0; st == VS_OK && l < w->L; l++) st = neurons_of(err, w, l, cap, into, mul);
    if (st == VS_OK && w->out->n_neurons) st = neuron_words(err, w, mul);
    vs_free(into);
    vs_free(mul);
    return st;
}

vs_status vs_fact_find(vs_err *err, vs_session *s, const vs_text_input *read, int64_t answer, size_t n_neurons, const vs_progress *p,
                       vs_fact *out) {
    *out = (vs_fact){0};
    work w = {.s = s, .in = read, .progress = p, .out = out, .last = vs_text_grows(read)->n - 1};
    VS_TRY(vs_session_model(err, s, &w.m));
    VS_TRY(vs_model_tokenizer(err, w.m, &w.tok));
    const vs_model_info *in = vs_model_info_of(w.m);
    const vs_stack_info *k = &in->stack[in->n_stacks - 1];
    w.stack = (uint8_t)(in->n_stacks - 1);
    w.cross = out->two = k->cross;
    w.L = out->L = k->L;
    out->encoder_L = k->cross ? in->stack[0].L : 0;
    w.d = k->d;
    w.f = k->f;
    w.V = in->V;
    if (answer >= (int64_t)w.V)
        return vs_fail(err, VS_E_RANGE, "token %lld: the vocabulary has %zu", (long long)answer, w.V);
    if (!in->has_logits || in->masked)
        return vs_fail(err, VS_E_UNSUPPORTED, "facts wants a decoder; %s is an encoder", in->name);
    out->layer = vs_zalloc(w.L, sizeof *out->layer);
    out->encoder = vs_zalloc(out->encoder_L, sizeof *out->encoder);
    w.dir = vs_alloc(w.d, sizeof *w.dir);
    vs_status st = out->layer && out->encoder && w.dir ? run_clean(err, &w) : no_memory(err);
    if (st == VS_OK) read_logits(&w, answer);
    if (st == VS_OK) st = shares(err, &w);
    if (st == VS_OK) st = ranks(err, &w);
    if (st == VS_OK) st = neurons(err, &w, n_neurons);
    if (st == VS_OK) st = silence(err, &w);
    vs_direct_close(&w.direct);
    vs_pass_free(w.pass);
    vs_free(w.site);
    vs_free(w.dir);
    if (st != VS_OK) vs_fact_free(out);
    return st;
}

void vs_fact_free(vs_fact *f) {
    for (size_t i = 0; i < f->n_neurons; i++) vs_buf_free(&f->neuron[i].words);
    vs_free(f->layer);
    vs_free(f->encoder);
    vs_free(f->neuron);
    *f = (vs_fact){0};
}

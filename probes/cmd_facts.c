/* cmd_facts.c - facts: where the MLPs add what a model knows; a file of facts scored. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/command.h"
#include "facts.h"
#include "trial.h"

static const vs_opt opts[] = {{"answer", 0, VS_OPT_TEXT, "TEXT",
                               "the answer to follow, with its leading blank (the prediction)", NULL, VS_COMPLETE_NONE},
                              {"neurons", 0, VS_OPT_INT, "N", "how many neurons to name", "8", VS_COMPLETE_NONE},
                              {"behind", 0, VS_OPT_TEXT, "TEXT", "with --file: what stands behind each prompt (T5's blank: <extra_id_0>)", NULL, VS_COMPLETE_NONE},
                              {"limit", 0, VS_OPT_INT, "N", "with --file: the first N facts", NULL, VS_COMPLETE_NONE},
                              {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* ---- one fact ---- */

static void layer_table(const vs_fact *f, vs_out *o) {
    static const vs_col cols[] = {{"layer", VS_COL_INT, 0, 0, NULL},
                                  {"attn", VS_COL_REAL, 2, 0, "attention adds"},
                                  {"cross", VS_COL_REAL, 2, 0, "encoder adds"}, /* of two stacks */
                                  {"mlp", VS_COL_REAL, 2, 0, "MLP adds"},
                                  {"rank", VS_COL_INT, 0, 0, "rank after"},
                                  {"silenced", VS_COL_PROB, 4, 0, "prob, MLP silent"}};
    vs_col own[6];
    size_t n = 0;
    for (size_t i = 0; i < 6; i++)
        if (i != 2 || f->two) own[n++] = cols[i];
    vs_out_table(o, "layers", own, n);
    for (size_t l = 0; l < f->L; l++) {
        vs_out_cell_int(o, (int64_t)l);
        vs_out_cell_real(o, (double)f->layer[l].attn);
        if (f->two) vs_out_cell_real(o, (double)f->layer[l].cross);
        vs_out_cell_real(o, (double)f->layer[l].mlp);
        vs_out_cell_int(o, (int64_t)f->layer[l].rank);
        vs_out_cell_real(o, (double)f->layer[l].silenced);
    }
    vs_out_end(o);
}

/* What the encoder's blocks are worth to the answer. */
static void encoder_table(const vs_fact *f, vs_out *o) {
    static const vs_col cols[] = {{"layer", VS_COL_INT, 0, 0, NULL}, {"silenced", VS_COL_PROB, 4, 0, "prob, MLP silent"}};
    vs_out_heading(o, "The encoder's blocks");
    vs_out_table(o, "encoder", cols, 2);
    for (size_t l = 0; l < f->encoder_L; l++) {
        vs_out_cell_int(o, (int64_t)l);
        vs_out_cell_real(o, (double)f->encoder[l]);
    }
    vs_out_end(o);
}

static void neuron_table(const vs_fact *f, vs_out *o) {
    static const vs_col cols[] = {{"layer", VS_COL_INT, 0, 0, NULL},
                                  {"neuron", VS_COL_INT, 0, 0, NULL},
                                  {"activation", VS_COL_REAL, 2, 0, NULL},
                                  {"share", VS_COL_REAL, 3, 0, "adds"},
                                  {"words", VS_COL_TEXT, 0, 0, "writes towards"}};
    vs_out_table(o, "neurons", cols, 5);
    for (size_t i = 0; i < f->n_neurons; i++) {
        vs_out_cell_int(o, f->neuron[i].layer);
        vs_out_cell_int(o, (int64_t)f->neuron[i].neuron);
        vs_out_cell_real(o, (double)f->neuron[i].activation);
        vs_out_cell_real(o, (double)f->neuron[i].share);
        vs_out_cell_text(o, f->neuron[i].words.s);
    }
    vs_out_end(o);
}

static void show(const vs_fact *f, const char *answer, vs_out *o) {
    vs_out_text(o, VS_COL_JSON_ONLY, "answer", answer);
    vs_out_int(o, VS_COL_JSON_ONLY, "answer_id", (int64_t)f->answer);
    vs_out_real(o, VS_COL_JSON_ONLY, "prob", (double)f->prob, 6);
    vs_out_int(o, VS_COL_JSON_ONLY, "rank", (int64_t)f->rank);
    vs_out_real(o, VS_COL_JSON_ONLY, "logit", (double)f->logit, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "embedding", (double)f->embed, 4);
    vs_out_real(o, VS_COL_JSON_ONLY, "sum", f->sum, 4);
    vs_out_note(o, "\"%s\": probability %.4f, rank %zu, logit %.3f", answer, (double)f->prob, f->rank,
                (double)f->logit);
    vs_out_heading(o, "What each block adds to that logit");
    layer_table(f, o);
    double off = fabs(f->sum - (double)f->logit);
    vs_out_note(o, "  embedding %.2f + all parts = %.4f; the logit is %.4f: %s", (double)f->embed, f->sum,
                (double)f->logit,
                off <= 1e-3 * fmax(1, fabs((double)f->logit))
                    ? "they agree"
                    : "THEY DIFFER, so the shares are not the whole story (a logit cap, or an edit in force)");
    if (f->two) encoder_table(f, o);
    vs_out_heading(o, "The neurons that matter most");
    neuron_table(f, o);
}

static vs_status one_fact(vs_err *err, vs_session *s, const vs_args *a, const vs_tokenizer *tok, vs_out *o) {
    vs_texts t;
    vs_fact f;
    int64_t answer = -1, n = vs_int(a, "neurons");
    size_t tokens = 1;
    if (vs_has(a, "answer")) VS_TRY(vs_answer_token(err, "facts", tok, vs_text(a, "answer"), &answer, &tokens));
    VS_TRY(vs_args_texts(err, s, a, &t));
    vs_status st = vs_fact_find(err, s, &t.item[0], answer, n > 0 ? (size_t)n : 0, vs_out_progress(o), &f);
    if (st == VS_OK) {
        vs_buf word = {0};
        vs_buf_puts(&word, "");
        vs_piece_text(tok, (int32_t)f.answer, &word);
        if (tokens > 1) vs_out_note(o, "the answer is %zu tokens: its first is followed", tokens);
        show(&f, word.s, o);
        vs_buf_free(&word);
        vs_fact_free(&f);
    }
    vs_texts_free(&t);
    return st;
}

/* ---- a file of facts (ROME's known_1000.json: Meng et al. 2022) ---- */

typedef struct tally {
    size_t n, at_1, at_10;
    double prob;
    uint64_t fingerprint; /* of what was scored */
} tally;

/* What others make of a model and a set of facts. */
typedef struct reference {
    uint64_t header_hash, bytes, facts;
    size_t n, at_1, at_10;
    const char *source;
} reference;
static const reference references[] = {
#define REFERENCE(header_hash, bytes, facts, n, at_1, at_10, source)                                                   \
    {header_hash, bytes, facts, n, at_1, at_10, source},
#include "references.def"
};

/* FNV-1a (Fowler, Noll and Vo), 64 bits, over a text and its closing zero. */
static uint64_t fingerprint(uint64_t h, const char *text) {
    do h = (h ^ (unsigned char)*text) * 0x100000001B3u;
    while (*text++);
    return h;
}

/* NULL where none is known, or edits are in force: nobody else has them. */
static const reference *reference_of(const vs_session *s, const vs_model_info *in, const tally *t) {
    for (size_t i = 0; i < sizeof references / sizeof *references && !vs_session_edit_count(s); i++) {
        const reference *r = &references[i];
        if (r->header_hash == in->header_hash && r->bytes == in->file_bytes && r->facts == t->fingerprint &&
            r->n == t->n)
            return r;
    }
    return NULL;
}

/* P@k: the share of answers among the first k, and the reference's beside it. */
static void show_precision(vs_out *o, const char *name, size_t hits, size_t n, const reference *r, size_t theirs) {
    double p = (double)hits / (double)n;
    vs_out_real(o, r ? VS_COL_NO_TTY : 0, name, p, 4);
    if (!r) return;
    char text[128];
    double q = (double)theirs / (double)n;
    snprintf(text, sizeof text, "%.4f (%s: %.4f)", p, r->source, q);
    vs_out_text(o, VS_COL_TTY_ONLY, name, text);
    snprintf(text, sizeof text, "reference_%s", name);
    vs_out_real(o, VS_COL_NO_TTY, text, q, 4);
}

static void show_tally(vs_out *o, const tally *t, const reference *r) {
    vs_out_int(o, 0, "facts", (int64_t)t->n);
    show_precision(o, "p_at_1", t->at_1, t->n, r, r ? r->at_1 : 0);
    show_precision(o, "p_at_10", t->at_10, t->n, r, r ? r->at_10 : 0);
    vs_out_real(o, 0, "mean_prob", t->prob / (double)t->n, 4);
    if (r) vs_out_text(o, VS_COL_NO_TTY, "reference", r->source);
}

/* What a prompt of a file has the model read: what stands behind it and what its decoder reads are the command's. */
static vs_status read_prompt(vs_err *err, vs_session *s, const vs_args *a, const char *prompt, vs_text_input *in) {
    const char *behind = vs_text(a, "behind"), *target = vs_text(a, "target");
    vs_buf text = {0};
    vs_buf_puts(&text, prompt);
    if (behind) vs_buf_printf(&text, " %s", behind);
    in->text = text.failed ? NULL : vs_strdup(text.s);
    vs_buf_free(&text);
    if (!in->text) return vs_fail(err, VS_E_NOMEM, "no memory for a prompt");
    VS_TRY(vs_session_tokenize(err, s, in->text, strlen(in->text), &in->tokens));
    return vs_session_decoder_input(err, s, target, target ? strlen(target) : 0, true, in);
}

/* The rank of the attribute's first token after the prompt, among all tokens. */
static vs_status score_one(vs_err *err, vs_session *s, const vs_args *a, const vs_tokenizer *tok, size_t V, const char *prompt,
                           const char *attribute, size_t *rank, double *prob) {
    vs_buf answer = {0};
    size_t tokens;
    vs_text_input in = {0};
    vs_pass *p = NULL;
    int64_t id = 0;
    vs_request rq = {.logits = VS_LOGITS_LAST};
    vs_buf_printf(&answer, " %s", attribute);
    vs_status st = answer.failed ? vs_fail(err, VS_E_NOMEM, "no memory for an answer")
                                 : vs_answer_token(err, "facts", tok, answer.s, &id, &tokens);
    vs_buf_free(&answer);
    VS_TRY(st);
    st = read_prompt(err, s, a, prompt, &in);
    if (st == VS_OK) st = vs_session_run(err, s, &in, &rq, &p);
    if (st == VS_OK) {
        const float *logits = vs_pass_logits(p, NULL);
        *rank = 1;
        for (size_t v = 0; v < V; v++) *rank += logits[v] > logits[id];
        *prob = exp((double)logits[id] - (double)vs_log_sum_exp(logits, V));
    }
    vs_pass_free(p);
    vs_text_input_free(&in);
    return st;
}

static vs_status keep_result(vs_err *err, vs_store *store, json_t *fact, size_t rank, double prob) {
    json_t *row = json_pack("{s:O?,s:O?,s:I,s:f}", "prompt", json_object_get(fact, "prompt"), "attribute",
                            json_object_get(fact, "attribute"), "rank", (json_int_t)rank, "prob", prob);
    char *text = row ? json_dumps(row, JSON_COMPACT) : NULL;
    const char *subject = json_string_value(json_object_get(fact, "subject"));
    vs_status st = text ? vs_store_result(err, store, "facts", subject ? subject : "", text, 0, 0)
                        : vs_fail(err, VS_E_NOMEM, "no memory for a result");
    free(text);
    json_decref(row);
    return st;
}

static vs_status score_all(vs_err *err, vs_session *s, const vs_args *a, const vs_tokenizer *tok, size_t V, json_t *list, size_t n,
                           const char *path, vs_out *o, tally *sum) {
    vs_store *store;
    VS_TRY(vs_session_store(err, s, &store));
    VS_TRY(vs_store_begin(err, store));
    vs_status st = VS_OK;
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        json_t *fact = json_array_get(list, i);
        const char *prompt = json_string_value(json_object_get(fact, "prompt")),
                   *attribute = json_string_value(json_object_get(fact, "attribute"));
        size_t rank = 0;
        double prob = 0;
        if (!prompt || !attribute)
            st = vs_fail(err, VS_E_FORMAT, "%s, fact %zu: wanted \"prompt\" and \"attribute\" as texts", path, i);
        else
            st = score_one(err, s, a, tok, V, prompt, attribute, &rank, &prob);
        if (st == VS_OK) st = keep_result(err, store, fact, rank, prob);
        sum->n++;
        sum->at_1 += rank == 1;
        sum->at_10 += rank <= 10;
        sum->prob += prob;
        if (st == VS_OK) sum->fingerprint = fingerprint(fingerprint(sum->fingerprint, prompt), attribute);
        vs_tick(vs_out_progress(o), "facts", i + 1, n);
        if (st == VS_OK && vs_interrupted())
            st = vs_fail(err, VS_E_STOPPED, "facts: stopped after %zu of %zu; their results are kept", i + 1, n);
    }
    if (st == VS_E_STOPPED) { /* what is scored is kept */
        VS_TRY(vs_store_commit(err, store));
        return st;
    }
    if (st != VS_OK) {
        vs_store_rollback(store);
        return st;
    }
    return vs_store_commit(err, store);
}

static vs_status file_of_facts(vs_err *err, vs_session *s, const vs_args *a, vs_model *m, const vs_tokenizer *tok,
                               vs_out *o) {
    const char *path = vs_text(a, "file");
    json_error_t e;
    vs_map file;
    VS_TRY(vs_map_open(err, path, &file));
    json_t *list = json_loadb((const char *)file.bytes, file.size, 0, &e);
    vs_map_close(&file);
    if (!list) return vs_fail(err, VS_E_FORMAT, "%s, line %d: %s", path, e.line, e.text);
    size_t n = json_array_size(list);
    if (vs_has(a, "limit") && vs_int(a, "limit") >= 0 && (size_t)vs_int(a, "limit") < n) n = (size_t)vs_int(a, "limit");
    tally sum = {.fingerprint = 0xCBF29CE484222325u};
    vs_status st = n ? score_all(err, s, a, tok, vs_model_info_of(m)->V, list, n, path, o, &sum)
                     : vs_fail(err, VS_E_FORMAT, "%s: wanted an array of facts with prompt and attribute", path);
    json_decref(list);
    if (st != VS_OK) return st;
    show_tally(o, &sum, reference_of(s, vs_model_info_of(m), &sum));
    return VS_OK;
}

static vs_status run_facts(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    const vs_tokenizer *tok;
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    return vs_has(a, "file") ? file_of_facts(err, s, a, m, tok, o) : one_fact(err, s, a, tok, o);
}
static const char *const examples[] = {"facts \"Michael Jordan plays the sport of\" --answer \" basketball\"",
                                       "facts The Eiffel Tower is in the city of", NULL};
const vs_cmd vs_cmd_facts = {
    .name = "facts",
    .group = "facts",
    .synopsis = "TEXT [--answer TEXT] [--target TEXT] | --file F [--behind TEXT]",
    .summary = "where the MLPs add what the model knows",
    .details = "For each block: what its attention and its MLP add to the answer's logit (with the final norm's scale "
               "held), the rank\n"
               "of the answer in the stream after it, and the answer's probability when that MLP is silenced, as with "
               "{zero L.mlp_out}.\n"
               "Then the neurons that matter most, with the words their value vectors write towards.\n"
               "Of two stacks the answer is the decoder's next token after its start token and --target, and what it reads of the\n"
               "encoder has a share of its own; the encoder's MLPs are silenced too.  T5 fills blanks, so the decoder is asked what the\n"
               "blank is: facts \"The capital of France is <extra_id_0>.\" --target \"<extra_id_0>\" --answer Paris.  Where norms follow\n"
               "each sum (BART, Marian) parts have no shares: they do not add up.\n"
               "--file scores a set of facts in ROME's format: P@1 and P@10 of the first token, beside those of\n"
               "transformers where they are known; each result is kept in the store.  --target and --behind \"<extra_id_0>\" are for\n"
               "two stacks: what is put behind each prompt, and what the decoder reads.",
    .style = VS_ARGS_TEXT,
    .min_args = 1,
    .opts = opts,
    .examples = examples,
    .needs = VS_NEEDS_CAUSAL,
    .run = run_facts};

/* cmd_generate.c - generate: a text continued. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "continuing.h"

static const vs_opt opts[] = {
    {"n", 'n', VS_OPT_INT, "N", "at most this many tokens", "40", VS_COMPLETE_NONE},
    {"greedy", 0, VS_OPT_FLAG, NULL, "always the most likely token", NULL, VS_COMPLETE_NONE},
    {"temperature", 0, VS_OPT_REAL, "T", "flatter above 1, sharper below", "1", VS_COMPLETE_NONE},
    {"top-k", 0, VS_OPT_INT, "K", "draw among the K most likely (0: all)", "64", VS_COMPLETE_NONE},
    {"top-p", 0, VS_OPT_REAL, "P", "draw among the fewest that hold P of the probability", "0.95", VS_COMPLETE_NONE},
    {"min-p", 0, VS_OPT_REAL, "P", "draw among those at least P times as likely as the likeliest", "0",
     VS_COMPLETE_NONE},
    {"repetition", 0, VS_OPT_REAL, "R", "above 1: tokens that the text has are less likely", "1", VS_COMPLETE_NONE},
    {"seed", 0, VS_OPT_INT, "N", "same seed, same text (set seed)", NULL, VS_COMPLETE_NONE},
    {"num", 0, VS_OPT_INT, "N", "this many texts", "1", VS_COMPLETE_NONE},
    {"beams", 0, VS_OPT_INT, "B", "search for the likeliest text, B at a time (beam search)", NULL, VS_COMPLETE_NONE},
    {"length-penalty", 0, VS_OPT_REAL, "X", "with --beams: rank by log-probability over length^X", "1",
     VS_COMPLETE_NONE},
    {"early-stop", 0, VS_OPT_TEXT, "likely|at-once|never",
     "with --beams: end when a better text is unlikely, as soon as B have ended, or when none is possible", "likely",
     VS_COMPLETE_CHOICE},
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
    double score; /* of a beam */
} writing;

/* Everything that one text's continuations share. */
typedef struct job {
    vs_session *s;
    const vs_args *a;
    const vs_tokenizer *tok;
    vs_continuing from;
    vs_sampling how;
    float repetition;
    int32_t eos;
    size_t most, num, beams;
    float *logits; /* [V] */
    int32_t *seen; /* the prompt, with room for the new ids */
    writing *w;    /* [num] */
} job;

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

static void show_prompt(const job *j, vs_out *o) {
    const char *text = vs_text_begun(j->from.in);
    if (text) vs_out_stream(o, text, strlen(text));
}

/* ---- one token after another ---- */

static vs_status next_token(vs_err *err, job *j, const writing *w, uint64_t *state, int32_t *id) {
    size_t own = vs_text_grows(j->from.in)->n;
    VS_TRY(vs_continuing_logits(err, &j->from, 0, w->id, w->n, j->logits));
    memcpy(j->seen + own, w->id, w->n * sizeof *w->id);
    VS_TRY(vs_penalise(err, j->logits, j->from.V, j->seen, own + w->n, j->repetition));
    *id = vs_sample(&j->how, j->logits, j->from.V, state);
    return *id < 0 ? vs_fail(err, VS_E_NUMERIC, "generate: no finite logit after %zu tokens", w->n) : VS_OK;
}

static vs_status sample(vs_err *err, job *j, size_t i, vs_out *o) {
    writing *w = &j->w[i];
    const char *stop = vs_text(j->a, "stop");
    uint64_t state = vs_sample_state(j->how.seed, i);
    vs_status st = VS_OK;
    show_prompt(j, o);
    while (st == VS_OK && w->n < j->most) {
        int32_t id;
        st = next_token(err, j, w, &state, &id);
        if (st != VS_OK || id == j->eos) break;
        w->id[w->n++] = id;
        size_t seen = w->text.len;
        st = show_new(err, w, w->n == j->most, o);
        if (stops(&w->text, seen, stop)) break;
        if (st == VS_OK && w->n < j->most && vs_interrupted()) st = VS_E_STOPPED;
    }
    vs_out_stream(o, "\n", 1);
    return st;
}

/* ---- several lines at once ---- */

static vs_status beam_logits(vs_err *err, void *self, size_t beams, const int32_t *ids, size_t n, const size_t *from,
                             float *logits) {
    job *j = self;
    if (n) VS_TRY(vs_continuing_fork(err, &j->from, from, beams));
    for (size_t b = 0; b < beams; b++)
        VS_TRY(vs_continuing_logits(err, &j->from, b, ids + b * n, n, logits + b * j->from.V));
    return VS_OK;
}

static vs_status search(vs_err *err, job *j, vs_out *o) {
    const char *end = vs_text(j->a, "early-stop");
    vs_beam_rules how = {.beams = j->beams,
                         .most = j->most,
                         .V = j->from.V,
                         .length_penalty = (float)vs_real(j->a, "length-penalty"),
                         .end = !strcmp(end, "never")     ? VS_BEAM_NEVER
                                : !strcmp(end, "at-once") ? VS_BEAM_AT_ONCE
                                                          : VS_BEAM_LIKELY,
                         .eos = j->eos,
                         .repetition = j->repetition,
                         .prompt = vs_text_grows(j->from.in)->id,
                         .n_prompt = vs_text_grows(j->from.in)->n};
    vs_beams found;
    VS_TRY(vs_beam_search(err, &how, beam_logits, j, &found));
    if (found.n < j->num) j->num = found.n;
    vs_status st = VS_OK;
    for (size_t i = 0; st == VS_OK && i < j->num; i++) {
        writing *w = &j->w[i];
        const vs_beam_line *l = &found.line[i];
        char score[48];
        w->score = (double)l->score;
        w->n = l->n - (l->n && l->ids[l->n - 1] == j->eos);
        memcpy(w->id, l->ids, w->n * sizeof *w->id);
        if (j->num > 1) vs_out_stream(o, score, (size_t)snprintf(score, sizeof score, "%8.4f  ", w->score));
        show_prompt(j, o);
        st = show_new(err, w, true, o);
        vs_out_stream(o, "\n", 1);
    }
    vs_beams_free(&found);
    return st;
}

/* ---- the answer ---- */

static vs_status text_of(vs_err *err, writing *w, const char **text) {
    vs_buf_clear(&w->part);
    VS_TRY(vs_detokenize(err, w->tok, w->id, w->n, true, &w->part));
    *text = w->part.s ? w->part.s : "";
    return VS_OK;
}

static char *ids_json(const writing *w) {
    json_t *list = json_array();
    for (size_t i = 0; i < w->n; i++) json_array_append_new(list, json_integer(w->id[i]));
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

static vs_status show_samples(vs_err *err, job *j, vs_out *o) {
    static const vs_col cols[] = {{"ids", VS_COL_JSON, 0, VS_COL_JSON_ONLY | VS_COL_NO_CSV, NULL},
                                  {"text", VS_COL_TEXT, 0, VS_COL_JSON_ONLY, NULL},
                                  {"score", VS_COL_REAL, 6, VS_COL_JSON_ONLY, NULL}};
    vs_status st = VS_OK;
    vs_out_table(o, "samples", cols, j->beams ? 3 : 2);
    for (size_t i = 0; st == VS_OK && i < j->num; i++) {
        const char *text = "";
        char *ids = ids_json(&j->w[i]);
        st = ids ? text_of(err, &j->w[i], &text) : vs_fail(err, VS_E_NOMEM, "no memory for the ids");
        vs_out_cell_text(o, ids);
        vs_out_cell_text(o, text);
        if (j->beams) vs_out_cell_real(o, j->w[i].score);
        free(ids);
    }
    vs_out_end(o);
    return st;
}

/* The first text as the answer; where there are several, all of them as samples. */
static vs_status show(vs_err *err, job *j, bool several, vs_out *o) {
    const char *text;
    VS_TRY(text_of(err, &j->w[0], &text));
    if (several && j->from.in->text) vs_out_text(o, VS_COL_JSON_ONLY, "prompt", j->from.in->text);
    vs_out_ints(o, VS_COL_JSON_ONLY, "ids", j->w[0].id, j->w[0].n);
    vs_out_text(o, VS_COL_JSON_ONLY, "text", text);
    if (j->beams) vs_out_real(o, VS_COL_JSON_ONLY, "score", j->w[0].score, 6);
    return j->num > 1 ? show_samples(err, j, o) : VS_OK;
}

static vs_status open_job(vs_err *err, job *j, const vs_text_input *in) {
    const vs_args *a = j->a;
    vs_model *m;
    VS_TRY(vs_session_model(err, j->s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &j->tok));
    j->how = (vs_sampling){.temperature = vs_has(a, "greedy") ? 0 : (float)vs_real(a, "temperature"),
                           .top_k = (size_t)vs_int(a, "top-k"),
                           .top_p = (float)vs_real(a, "top-p"),
                           .min_p = (float)vs_real(a, "min-p"),
                           .seed = vs_has(a, "seed") ? (uint64_t)vs_int(a, "seed") : vs_session_settings(j->s)->seed};
    j->repetition = (float)vs_real(a, "repetition");
    j->eos = vs_has(a, "no-eos") ? -1 : vs_role_id(j->tok, VS_TOK_EOS);
    VS_TRY(vs_continuing_open(err, j->s, in, j->most, j->beams ? j->beams : 1, &j->from));
    j->logits = vs_alloc(j->from.V, sizeof *j->logits);
    const vs_tokens *own = vs_text_grows(in);
    j->seen = vs_alloc(own->n + j->most, sizeof *j->seen);
    j->w = vs_zalloc(j->num, sizeof *j->w);
    bool ok = j->logits && j->seen && j->w;
    for (size_t i = 0; ok && i < j->num; i++) {
        j->w[i].tok = j->tok;
        ok = (j->w[i].id = vs_alloc(j->most, sizeof *j->w[i].id)) != NULL;
    }
    if (!ok) return vs_fail(err, VS_E_NOMEM, "no memory for the tokens");
    memcpy(j->seen, own->id, own->n * sizeof *j->seen);
    return VS_OK;
}

static void close_job(job *j, size_t num) {
    for (size_t i = 0; j->w && i < num; i++) {
        vs_buf_free(&j->w[i].text);
        vs_buf_free(&j->w[i].part);
        vs_free(j->w[i].id);
    }
    vs_free(j->w);
    vs_free(j->logits);
    vs_free(j->seen);
    vs_continuing_close(&j->from);
}

/* Ctrl-C in text i: what is written stays, and is the answer of what was asked for. */
static vs_status stopped(vs_err *err, job *j, size_t i, bool several, vs_out *o) {
    char which[64] = "";
    if (j->num > 1) snprintf(which, sizeof which, "in text %zu of %zu, ", i + 1, j->num);
    j->num = i + 1;
    if (i || j->w[0].n) {
        VS_TRY(show(err, j, several, o));
        vs_out_flush_part(o);
    }
    return vs_fail(err, VS_E_STOPPED, "generate: stopped %safter %zu of %zu tokens", which, j->w[i].n, j->most);
}

static vs_status generate_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several,
                              vs_out *o) {
    size_t num = (size_t)vs_int(a, "num");
    job j = {.s = s, .a = a, .most = (size_t)vs_int(a, "n"), .num = num, .beams = (size_t)vs_int(a, "beams")};
    vs_status st = open_job(err, &j, in);
    if (st == VS_OK && j.beams) st = search(err, &j, o);
    for (size_t i = 0; st == VS_OK && !j.beams && i < num; i++) {
        st = i && vs_interrupted() ? VS_E_STOPPED : sample(err, &j, i, o);
        if (st == VS_E_STOPPED) st = stopped(err, &j, i, several, o);
    }
    if (st == VS_E_STOPPED && j.beams) st = vs_fail_in(err, "generate");
    if (st == VS_OK) st = show(err, &j, several, o);
    close_job(&j, num);
    return st;
}

static vs_status check_sampling(vs_err *err, const vs_args *a) {
    double top_p = vs_real(a, "top-p"), min_p = vs_real(a, "min-p");
    if (vs_int(a, "n") < 1) return vs_fail(err, VS_E_USAGE, "generate: -n wants a number from 1");
    if (vs_int(a, "num") < 1) return vs_fail(err, VS_E_USAGE, "generate: --num wants a number from 1");
    if (!(vs_real(a, "temperature") >= 0) || !(top_p > 0 && top_p <= 1) || vs_int(a, "top-k") < 0)
        return vs_fail(err, VS_E_USAGE,
                       "generate: --temperature is from 0, --top-k from 0, --top-p above 0 and at most 1");
    if (!(min_p >= 0 && min_p <= 1) || !(vs_real(a, "repetition") > 0))
        return vs_fail(err, VS_E_USAGE, "generate: --min-p is from 0 to 1, --repetition above 0");
    bool sure = vs_has(a, "greedy") || !(vs_real(a, "temperature") > 0);
    if (sure && !vs_has(a, "beams") && vs_int(a, "num") > 1)
        return vs_fail(err, VS_E_USAGE, "generate: the greedy text is one; --num wants sampling or --beams");
    return VS_OK;
}

static vs_status check_beams(vs_err *err, const vs_args *a) {
    static const char *const drawn[] = {"temperature", "top-k", "top-p", "min-p", "seed", NULL};
    if (!vs_has(a, "beams")) return VS_OK;
    for (size_t i = 0; drawn[i]; i++)
        if (vs_has(a, drawn[i]))
            return vs_fail(err, VS_E_USAGE, "generate: --%s has no meaning with --beams, which draws nothing", drawn[i]);
    if (vs_has(a, "stop"))
        return vs_fail(err, VS_E_USAGE, "generate: --stop ends the one text that is being written; --beams has several at once");
    if (vs_int(a, "beams") < 1 || vs_int(a, "beams") > 1000)
        return vs_fail(err, VS_E_USAGE, "generate: --beams wants a number from 1 to 1000");
    if (vs_int(a, "num") > vs_int(a, "beams"))
        return vs_fail(err, VS_E_USAGE, "generate: %lld beams cannot give %lld texts", (long long)vs_int(a, "beams"),
                       (long long)vs_int(a, "num"));
    return isfinite(vs_real(a, "length-penalty"))
               ? VS_OK
               : vs_fail(err, VS_E_USAGE, "generate: --length-penalty wants a finite number");
}

static vs_status run_generate(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    VS_TRY(check_sampling(err, a));
    VS_TRY(check_beams(err, a));
    return vs_each_text(err, s, a, generate_one, o);
}
static const char *const generate_examples[] = {
    "generate \"The white swan\" -n 20 --greedy",
    "generate \"Once upon a time\" -n 30 --temperature 0.8 --seed 7",
    "generate \"Once upon a time\" -n 12 --num 3 --min-p 0.1 --repetition 1.2",
    "generate \"The capital of France is\" -n 8 --beams 4 --num 2", NULL};
const vs_cmd vs_cmd_generate = {
    .name = "generate",
    .group = "passes",
    .synopsis = "TEXT [-n N] [--greedy | --beams B]",
    .summary = "continue a text, token by token",
    .details = "A token is drawn: temperature first, then top-k, top-p of what is left, min-p.  The same seed gives the "
               "same text,\n"
               "whatever the number of threads; --num N gives N texts, the first of which is that of --num 1.  --beams "
               "B searches\n"
               "instead for the text with the highest log-probability over its length, B at a time, by transformers' "
               "rules; --num\n"
               "then shows the best N.  --repetition divides the logits of tokens that are there already (multiplies "
               "those below 0).\n"
               "Ctrl-C ends it with what is written so far (status 1).  --stop and --beams do not go together.\n"
               "Under edits that count positions from the end the whole text is run at each step: they mean another "
               "place each time.\n"
               "In a model of two stacks the encoder reads TEXT, the decoder goes on from --target (else its start token), and a "
               "token\n"
               "that the model's files force at the start or at the end (-n) stands there.",
    .style = VS_ARGS_TEXT,
    .min_args = 1,
    .opts = opts,
    .examples = generate_examples,
    .needs = VS_NEEDS_CAUSAL,
    .run = run_generate};

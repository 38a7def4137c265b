/* session_layers.c - the layers of a model as spaces of words; see session.h. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_impl.h"
#include "tensor/kernels.h"

int vs__stack_named(const vs_model_info *in, const char **text, int usual) {
    for (int i = 0; i < in->n_stacks && in->n_stacks > 1; i++) {
        size_t n = strlen(in->stack[i].name);
        if (strncmp(*text, in->stack[i].name, n) || (*text)[n] != '.') continue;
        *text += n + 1;
        return i;
    }
    return usual;
}

vs_status vs_session_layers(vs_err *err, vs_session *s, const char *what, bool *names, vs_layers *out) {
    const char *at = strrchr(what, '@'), *end;
    size_t n = at ? (size_t)(at - what) : strlen(what);
    *out = (vs_layers){0};
    *names = at != NULL;
    if (at && n && vs_session_space_named(s, what)) { /* words@12, kept by space make */
        *names = false;
        return VS_OK;
    }
    const vs__open_model *m = n ? vs__model_named(s, what, n) : NULL;
    if (m) *out = (vs_layers){.model = m->model, .name = m->name};
    if (!out->model && n && !at) return VS_OK;
    if (!out->model && n) return vs_fail(err, VS_E_UNKNOWN, "%s: no model that is open is called %.*s", what, (int)n, what);
    if (!out->model) {
        VS_TRY(vs_session_model(err, s, &out->model));
        out->name = s->model[s->current_model - 1].name;
    }
    *names = true;
    const char *number = at ? at + 1 : "";
    out->stack = vs__stack_named(vs_model_info_of(out->model), &number, 0);
    size_t L = vs_model_info_of(out->model)->stack[out->stack].L;
    out->to = L;
    if (!*number) return VS_OK;
    char *stop;
    errno = 0;
    unsigned long layer = strtoul(number, &stop, 10);
    end = stop;
    if (errno || *end || !isdigit((unsigned char)*number) || layer > L)
        return vs_fail(err, VS_E_RANGE, "%s: want a layer of %s, 0 to %zu", what, out->name, L);
    out->from = out->to = layer;
    return VS_OK;
}

/* ---- words in passes ---- */

typedef struct work {
    vs_session *s;
    const vs_layers *at;
    const vs_layer_words *words;
    const vs_tokenizer *tok;
    bool edited;
    size_t layers, d;
    vs_site *site; /* [layers] */
    float *vec;    /* [layers, n, d] */
    vs_buf text;
} work;

/* Texts that are run together. */
enum { TEXTS = 64, ROWS = 512 };
typedef struct pack {
    size_t n, rows, first; /* first: the number of the first word */
    size_t start[TEXTS + 1], from[TEXTS], to[TEXTS];
    int32_t *id;
    uint8_t *type;
    size_t cap;
} pack;

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for words in layers"); }

/* A word's text, what is read of it, and which tokens are its own, of the stack that is looked at. */
static vs_status read_word(vs_err *err, work *w, const char *word, vs_text_input *in, size_t *from, size_t *to) {
    const char *frame = w->words->frame, *slot = frame ? strstr(frame, "%s") : NULL;
    vs_buf_clear(&w->text);
    if (frame) vs_buf_put(&w->text, frame, (size_t)(slot - frame));
    size_t begin = w->text.len;
    vs_buf_puts(&w->text, word);
    size_t end = w->text.len;
    if (frame) vs_buf_puts(&w->text, slot + 2);
    if (w->text.failed) return no_memory(err);
    const char *text = w->text.s ? w->text.s : "";
    in->text = vs_strndup(text, w->text.len);
    if (!in->text) return no_memory(err);
    VS_TRY(vs_tokenize(err, w->tok, text, w->text.len, NULL, 0, true, &in->tokens));
    if (w->at->stack) VS_TRY(vs__decoder_input(err, w->at->model, text, w->text.len, true, in));
    if (!vs__tokens_over(w->at->model, w->at->stack, w->at->stack ? &in->decoder : &in->tokens, begin, end, from, to))
        return vs_fail(err, VS_E_FORMAT, "\"%.80s\" has no token of its own in %s", word, w->at->name);
    return VS_OK;
}

/* The rows of one text of a pass, averaged, into each layer's row of a word. */
static vs_status take(vs_err *err, const work *w, const vs_pass *pass, size_t start, size_t from, size_t to, size_t word) {
    for (size_t l = 0; l < w->layers; l++) {
        vs_tensor t;
        VS_TRY(vs_pass_site(err, pass, w->site[l], 0, &t));
        float *x = w->vec + (l * w->words->n + word) * w->d;
        memset(x, 0, w->d * sizeof *x);
        for (size_t r = from; r <= to; r++) vs_axpy(1, vs_tensor_row(&t, start + r), x, w->d);
        if (to > from) vs_scale_by(x, 1.0F / (float)(to - from + 1), w->d);
    }
    return VS_OK;
}

static vs_request request_of(const work *w) {
    return (vs_request){.keep = w->site, .n_keep = w->layers, .stop_layer = vs__layers_for(&w->site[w->layers - 1])};
}

/* A pass a word: under edits, all of it, so that each edit hits; in a decoder beside an encoder. */
static vs_status run_alone(vs_err *err, work *w, const vs_text_input *in, size_t from, size_t to, size_t word) {
    vs_request rq = request_of(w);
    vs_pass *pass = NULL;
    vs_status st;
    if (w->edited) {
        rq.stop_layer = 0;
        st = vs_session_run(err, w->s, in, &rq, &pass);
    } else {
        rq.in = (vs_input){.ids = in->tokens.id, .types = in->tokens.type, .rows = in->tokens.n, .n_seqs = 1};
        rq.decoder = (vs_input){.ids = in->decoder.id, .rows = in->decoder.n, .n_seqs = 1};
        st = vs_run(err, w->at->model, &rq, &pass);
    }
    if (st == VS_OK) st = take(err, w, pass, 0, from, to, word);
    vs_pass_free(pass);
    return st;
}

static vs_status run_pack(vs_err *err, work *w, pack *p) {
    if (!p->n) return VS_OK;
    vs_request rq = request_of(w);
    vs_pass *pass = NULL;
    p->start[p->n] = p->rows;
    rq.in = (vs_input){.ids = p->id, .types = p->type, .rows = p->rows, .starts = p->start, .n_seqs = p->n};
    vs_status st = vs_run(err, w->at->model, &rq, &pass);
    for (size_t i = 0; i < p->n && st == VS_OK; i++) st = take(err, w, pass, p->start[i], p->from[i], p->to[i], p->first + i);
    vs_pass_free(pass);
    p->first += p->n;
    p->n = p->rows = 0;
    return st;
}

static vs_status add_to_pack(vs_err *err, work *w, pack *p, const vs_tokens *t, size_t from, size_t to) {
    if (p->n == TEXTS || (p->n && p->rows + t->n > ROWS)) VS_TRY(run_pack(err, w, p));
    if (p->rows + t->n > p->cap) {
        size_t cap = p->rows + t->n > ROWS ? p->rows + t->n : ROWS;
        int32_t *id = vs_grow(p->id, p->rows, cap, sizeof *id);
        if (id) p->id = id;
        uint8_t *type = vs_grow(p->type, p->rows, cap, 1);
        if (type) p->type = type;
        if (!id || !type) return no_memory(err);
        p->cap = cap;
    }
    p->start[p->n] = p->rows;
    p->from[p->n] = from;
    p->to[p->n++] = to;
    memcpy(p->id + p->rows, t->id, t->n * sizeof *t->id);
    for (size_t i = 0; i < t->n; i++) p->type[p->rows + i] = t->type ? t->type[i] : 0;
    p->rows += t->n;
    return VS_OK;
}

static vs_status run_all(vs_err *err, work *w, const vs_progress *progress) {
    pack p = {0};
    vs_status st = VS_OK;
    for (size_t i = 0; i < w->words->n && st == VS_OK; i++) {
        vs_text_input in = {0};
        size_t from, to;
        st = read_word(err, w, w->words->word[i], &in, &from, &to);
        if (st == VS_OK) st = w->edited || w->at->stack ? run_alone(err, w, &in, from, to, i) : add_to_pack(err, w, &p, &in.tokens, from, to);
        vs_text_input_free(&in);
        if (st == VS_OK && vs_interrupted()) st = vs_fail(err, VS_E_STOPPED, "stopped after %zu of %zu words", i, w->words->n);
        vs_tick(progress, "words", i + 1, w->words->n);
    }
    if (st == VS_OK) st = run_pack(err, w, &p);
    vs_free(p.id);
    vs_free(p.type);
    return st;
}

/* ---- spaces ---- */

/* Take the mean of rows [n,d] away from each. */
static vs_status centre(vs_err *err, float *x, size_t n, size_t d) {
    double *mean = vs_zalloc(d, sizeof *mean);
    if (!mean) return no_memory(err);
    for (size_t i = 0; i < n * d; i++) mean[i % d] += (double)x[i] / (double)n;
    for (size_t i = 0; i < n * d; i++) x[i] -= (float)mean[i % d];
    vs_free(mean);
    return VS_OK;
}

static vs_status make_spaces(vs_err *err, const work *w, vs_space **out) {
    vs_status st = VS_OK;
    for (size_t l = 0; l < w->layers && st == VS_OK; l++) {
        char place[48];
        const char *stack = w->at->stack ? "decoder." : "";
        float *rows = w->vec + l * w->words->n * w->d;
        vs_buf name = {0};
        vs_buf_printf(&name, "%s@%s%zu", w->at->name, stack, w->at->from + l);
        snprintf(place, sizeof place, "resid %s%zu", stack, w->at->from + l);
        st = name.failed ? no_memory(err) : VS_OK;
        if (st == VS_OK && w->words->centre) st = centre(err, rows, w->words->n, w->d);
        if (st == VS_OK) st = vs_space_of_words(err, name.s, place, w->words->word, w->words->n, rows, w->d, &out[l]);
        vs_buf_free(&name);
    }
    return st;
}

vs_status vs_session_layer_spaces(vs_err *err, vs_session *s, const vs_layers *at, const vs_layer_words *words,
                                  const vs_progress *p, vs_space **out) {
    work w = {.s = s, .at = at, .words = words, .layers = at->to - at->from + 1};
    const char *slot = words->frame ? strstr(words->frame, "%s") : NULL;
    for (size_t l = 0; l < w.layers; l++) out[l] = NULL;
    if (words->frame && (!slot || strstr(slot + 2, "%s")))
        return vs_fail(err, VS_E_USAGE, "a frame wants one %%s, where the word goes, not \"%.80s\"", words->frame);
    if (!words->n) return vs_fail(err, VS_E_USAGE, "no words to run through %s", at->name);
    VS_TRY(vs_model_tokenizer(err, at->model, &w.tok));
    w.d = vs_model_info_of(at->model)->stack[at->stack].d;
    w.edited = s->current_model && s->model[s->current_model - 1].model == at->model && vs_session_edit_count(s);
    size_t size;
    bool fits = vs_mul(w.layers, words->n, &size) && vs_mul(size, w.d, &size);
    w.vec = fits ? vs_alloc(size, sizeof *w.vec) : NULL;
    w.site = vs_zalloc(w.layers, sizeof *w.site);
    vs_status st = w.vec && w.site ? VS_OK : no_memory(err);
    for (size_t l = 0; l < w.layers && st == VS_OK; l++)
        w.site[l] = (vs_site){.kind = VS_SITE_RESID_PRE, .layer = (int16_t)(at->from + l), .head = -1, .stack = (uint8_t)at->stack};
    if (st == VS_OK) st = run_all(err, &w, p);
    if (st == VS_OK) st = make_spaces(err, &w, out);
    for (size_t l = 0; l < w.layers && st != VS_OK; l++) {
        vs_space_free(out[l]);
        out[l] = NULL;
    }
    vs_free(w.vec);
    vs_free(w.site);
    vs_buf_free(&w.text);
    return st;
}

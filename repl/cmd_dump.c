/* cmd_dump.c - dump, replay: every vector of a pass, kept: to safetensors, npz, or the SQLite file; and had again. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/base/dict.h"
#include "commands.h"
#include "continuing.h"
#include "dump.h"

static const vs_opt opts[] = {
    {"sites", 0, VS_OPT_TEXT, "LIST", "what to keep: names with commas between (sites lists them); else hidden_states", NULL,
     VS_COMPLETE_SITE},
    VS_MASK_OPT,
    {"to", 0, VS_OPT_TEXT, "FILE", "FILE.safetensors, FILE.npz, or an SQLite file: FILE.db (the store)", NULL, VS_COMPLETE_FILE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* What is dumped: texts, the sites of each, and the request that keeps them. */
typedef struct dump {
    vs_session *s;
    vs_model *m;
    vs_texts texts;
    vs_named_site *site;
    size_t n_sites;
    vs_site *keep;
    bool logits, decoder; /* decoder: one beside an encoder has a part in it */
    vs_mask mask;
    const char *list, *to;
    const vs_dump_source *from; /* NULL: the passes themselves */
    vs_model_record model;
    vs_buf config; /* that of the record */
    vs_buf request; /* as the store knows it: the list, and a hash of the vectors that the edits carry */
} dump;

/* The sites of d->list, in the session's current model; the texts are the caller's to add. */
static vs_status open_sites(vs_err *err, dump *d) {
    vs_session *s = d->s;
    VS_TRY(vs_session_model(err, s, &d->m));
    VS_TRY(vs_session_model_record(err, s, d->m, &d->config, &d->model));
    VS_TRY(vs_site_expand(err, d->m, d->list, strlen(d->list), &d->site, &d->n_sites));
    d->keep = vs_alloc(d->n_sites, sizeof *d->keep);
    uint64_t vectors = vs_session_edits_hash(s);
    if (d->from) vs_buf_puts(&d->request, d->from->request);
    vs_buf_puts(&d->request, d->list);
    if (vectors) vs_buf_printf(&d->request, " with vectors %016" PRIx64, vectors);
    if (!d->keep || d->request.failed) return vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", d->n_sites);
    for (size_t i = 0; i < d->n_sites; i++) {
        d->keep[i] = d->site[i].site;
        d->logits |= d->keep[i].kind == VS_SITE_LOGITS;
        d->decoder |= d->keep[i].stack == 1;
    }
    return VS_OK;
}

static vs_status open_dump(vs_err *err, vs_session *s, const vs_args *a, const char *list, const char *to, const vs_dump_source *from, dump *d) {
    *d = (dump){.s = s, .list = list, .to = to, .from = from, .mask = vs_args_mask(a)};
    VS_TRY(vs_args_texts(err, s, a, &d->texts));
    VS_TRY(vs_session_model(err, s, &d->m));
    bool two = vs_model_info_of(d->m)->n_stacks > 1, given = d->texts.n && d->texts.item[0].given;
    if (!d->list) d->list = !two ? "hidden_states" : given ? "encoder_hidden_states,decoder_hidden_states" : "encoder_hidden_states";
    d->decoder = two && (given || vs_session_edit_count(s));
    return open_sites(err, d);
}

static void close_dump(dump *d) {
    vs_texts_free(&d->texts);
    vs_free(d->site);
    vs_free(d->keep);
    vs_buf_free(&d->config);
    vs_buf_free(&d->request);
}

/* done_with() it. */
static vs_status pass_of(vs_err *err, dump *d, size_t text, const vs_pass **out) {
    const vs_text_input *in = &d->texts.item[text];
    vs_pass *p = NULL;
    if (d->from) return d->from->run(err, d->from->self, in, d->keep, d->n_sites, d->mask, out);
    vs_request rq = {.keep = d->keep, .n_keep = d->n_sites, .logits = d->logits ? VS_LOGITS_ALL : VS_LOGITS_NONE, .mask = d->mask};
    vs_status st = vs_session_run(err, d->s, in, &rq, &p);
    *out = p;
    return st;
}
static void done_with(const dump *d, const vs_pass *p) {
    if (!d->from) vs_pass_free((vs_pass *)(uintptr_t)p);
}
static const char *prefix_of(const dump *d) { return d->from ? d->from->prefix : ""; }
static size_t more_of(const dump *d) { return d->from ? d->from->n_more : 0; }

/* ---- files ---- */

static vs_status declare_one(vs_err *err, const dump *d, vs_writer *w, size_t text, const char *array, int n, const size_t *shape) {
    char name[128];
    snprintf(name, sizeof name, d->texts.n > 1 ? "%zu.%s%s" : "%.0zu%s%s", d->texts.n > 1 ? text : 0, prefix_of(d), array);
    return vs_writer_declare(err, w, name, VS_F32, n, shape);
}

static vs_status declare(vs_err *err, dump *d, vs_writer *w) {
    for (size_t t = 0; t < d->texts.n; t++) {
        for (size_t i = 0; i < d->n_sites; i++) {
            size_t shape[VS_MAX_DIMS];
            const vs_text_input *in = &d->texts.item[t];
            size_t T = d->keep[i].stack ? in->decoder.n : in->tokens.n, S = d->keep[i].cross ? in->tokens.n : T;
            int n = vs_site_dims(d->m, d->keep[i], T, S, shape);
            VS_TRY(declare_one(err, d, w, t, d->site[i].name, n, shape));
        }
        for (size_t i = 0; i < more_of(d); i++) {
            const vs_dump_array *a = &d->from->more[i];
            VS_TRY(declare_one(err, d, w, t, a->name, a->t.ndim, a->t.shape));
        }
    }
    return VS_OK;
}

/* A view may be strided (one head of many): its last axis is what lies together. */
static vs_status put_view(vs_err *err, vs_writer *w, const vs_tensor *t) {
    size_t cols = vs_tensor_cols(t), outer = t->ndim == 3 ? t->shape[0] : 1,
           inner = t->ndim >= 2 ? t->shape[t->ndim - 2] : 1;
    for (size_t i = 0; i < outer; i++)
        for (size_t j = 0; j < inner; j++) {
            const char *p = (const char *)t->data + (t->ndim == 3 ? i * t->stride[0] : 0) +
                            (t->ndim >= 2 ? j * t->stride[t->ndim - 2] : 0);
            VS_TRY(vs_writer_put(err, w, p, cols * sizeof(float)));
        }
    return VS_OK;
}

static void mix(uint64_t *h, const void *p, size_t n) {
    uint64_t both[2] = {*h, vs_hash(p, n)};
    *h = vs_hash(both, sizeof both);
}

/* All that the vectors follow from, but for the names and shapes of the sites: the writer compares those. */
static uint64_t identity(const dump *d) {
    const char *edits = vs_session_edits_text(d->s);
    const uint64_t numbers[] = {d->model.size, d->model.mtime, d->model.header_hash, vs_session_edits_hash(d->s), d->mask};
    uint64_t h = vs_hash(VS_VERSION, strlen(VS_VERSION));
    mix(&h, numbers, sizeof numbers);
    if (d->from) mix(&h, d->request.s, d->request.len);
    mix(&h, edits, strlen(edits));
    for (size_t t = 0; t < d->texts.n; t++) {
        const vs_tokens *k = &d->texts.item[t].tokens, *target = &d->texts.item[t].decoder;
        mix(&h, k->id, k->n * sizeof *k->id);
        if (k->type) mix(&h, k->type, k->n * sizeof *k->type);
        if (d->decoder) mix(&h, target->id, target->n * sizeof *target->id);
    }
    return h;
}

static vs_status put_text(vs_err *err, dump *d, vs_writer *w, size_t text) {
    const vs_pass *p = NULL;
    vs_status st = pass_of(err, d, text, &p);
    for (size_t i = 0; st == VS_OK && i < d->n_sites; i++) {
        vs_tensor v;
        st = vs_pass_site(err, p, d->keep[i], 0, &v);
        if (st == VS_OK) st = put_view(err, w, &v);
    }
    for (size_t i = 0; st == VS_OK && i < more_of(d); i++) st = put_view(err, w, &d->from->more[i].t);
    done_with(d, p);
    return st;
}

/* Stopped: what is there stays for the same command to go on with. */
static vs_status stopped(vs_err *err, dump *d, vs_writer *w, size_t done) {
    if (!done) {
        vs_writer_abort(w);
        return vs_fail(err, VS_E_STOPPED, "dump: stopped; %s is not written", d->to);
    }
    VS_TRY(vs_writer_keep(err, w));
    return vs_fail(err, VS_E_STOPPED,
                   "dump: stopped after %zu of %zu texts, kept in %s.part; the same command goes on from there", done,
                   d->texts.n, d->to);
}

static vs_status to_file(vs_err *err, dump *d, const char *format, vs_out *o) {
    vs_writer *w;
    size_t there = 0;
    VS_TRY(vs_writer_open(err, d->to, format, &w));
    vs_status st = declare(err, d, w);
    if (st == VS_OK && d->texts.n > 1) st = vs_writer_resume(err, w, identity(d), d->n_sites + more_of(d), &there);
    size_t t = there /= d->n_sites + more_of(d);
    while (st == VS_OK && t < d->texts.n) {
        st = vs_interrupted() ? VS_E_STOPPED : put_text(err, d, w, t);
        if (st == VS_OK) vs_tick(vs_out_progress(o), "dump", ++t, d->texts.n);
    }
    if (st == VS_E_STOPPED) return stopped(err, d, w, t);
    if (st == VS_OK)
        st = vs_writer_commit(err, w);
    else
        vs_writer_abort(w);
    if (st == VS_OK && there)
        vs_out_note(o, "  went on from %s.part: %zu of the %zu texts were there", d->to, there, d->texts.n);
    return st;
}

/* ---- the store ---- */

/* Whether a name is Hugging Face's: "hidden_states.4", "cross_attentions.4"; the bytes before the point in *n. */
static bool is_hub(const char *name, size_t *n) {
    *n = strcspn(name, ".");
    size_t cut = !strncmp(name, "encoder_", 8) || !strncmp(name, "decoder_", 8) ? 8 : !strncmp(name, "cross_", 6) ? 6 : 0;
    return (*n == cut + 13 && !memcmp(name + cut, "hidden_states", 13)) || (*n == cut + 10 && !memcmp(name + cut, "attentions", 10));
}

/* "hidden_states.4" -> "hidden_states"; "3.attn.z" and "blocks.3.attn.hook_z" -> "attn.z", "decoder.3.attn.z" ->
 * "decoder.attn.z": the layer has its own column. */
static void site_column(const dump *d, size_t i, char *buf, size_t size) {
    const char *asked = d->site[i].name;
    size_t n;
    if (is_hub(asked, &n)) {
        snprintf(buf, size, "%s%.*s", prefix_of(d), (int)n, asked);
        return;
    }
    char name[96];
    vs_site s = d->keep[i];
    s.head = -1;
    vs_site_name(d->m, s, true, name, sizeof name);
    char *layer = s.layer >= 0 ? name + strcspn(name, "0123456789") : NULL, *dot = layer ? strchr(layer, '.') : NULL;
    if (dot) memmove(layer, dot + 1, strlen(dot));
    snprintf(buf, size, "%s%s", prefix_of(d), name);
}

static int layer_column(const dump *d, size_t i) {
    const char *dot = strrchr(d->site[i].name, '.');
    int layer;
    size_t n;
    if (d->keep[i].layer >= 0) return d->keep[i].layer;
    return dot && is_hub(d->site[i].name, &n) && sscanf(dot + 1, "%d", &layer) == 1 ? layer : -1;
}

/* One vector of a pass as the store has it; layer, head: -1 for none. */
typedef struct row {
    const char *site;
    int layer, head, position;
    const float *vec;
    size_t n;
} row;
typedef vs_status row_fn(vs_err *err, void *self, const row *r);

/* Each position (and head) of site i. */
static vs_status each_row(vs_err *err, const dump *d, size_t i, const vs_tensor *t, row_fn *fn, void *self) {
    char site[96];
    const char *letters = vs_site_shape(d->keep[i].kind);
    site_column(d, i, site, sizeof site);
    row r = {.site = site, .layer = layer_column(d, i), .head = -1, .vec = t->data, .n = vs_tensor_cols(t)};
    bool heads_first = letters[0] == 'H';
    if (t->ndim == 1) return fn(err, self, &r);
    for (size_t a = 0; a < t->shape[0]; a++)
        for (size_t b = 0; b < (t->ndim == 3 ? t->shape[1] : 1); b++) {
            const char *p = (const char *)t->data + a * t->stride[0] + (t->ndim == 3 ? b * t->stride[1] : 0);
            r.vec = (const float *)p;
            r.head = t->ndim == 3 ? (int)(heads_first ? a : b) : d->keep[i].head;
            r.position = (int)(t->ndim == 3 && heads_first ? b : a);
            VS_TRY(fn(err, self, &r));
        }
    return VS_OK;
}

/* Each row of an array of no site; one of one axis is a vector of no position. */
static vs_status each_row_of(vs_err *err, const dump *d, const vs_dump_array *a, row_fn *fn, void *self) {
    char site[128];
    snprintf(site, sizeof site, "%s%s", prefix_of(d), a->site);
    row r = {.site = site, .layer = a->layer, .head = -1, .position = a->t.ndim == 1 ? -1 : 0, .vec = a->t.data, .n = vs_tensor_cols(&a->t)};
    for (size_t i = 0; i < vs_tensor_rows(&a->t); i++, r.position++, r.vec += r.n) VS_TRY(fn(err, self, &r));
    return VS_OK;
}

static vs_status each_vector(vs_err *err, const dump *d, const vs_pass *p, row_fn *fn, void *self) {
    for (size_t i = 0; i < d->n_sites; i++) {
        vs_tensor v;
        VS_TRY(vs_pass_site(err, p, d->keep[i], 0, &v));
        VS_TRY(each_row(err, d, i, &v, fn, self));
    }
    for (size_t i = 0; i < more_of(d); i++) VS_TRY(each_row_of(err, d, &d->from->more[i], fn, self));
    return VS_OK;
}

typedef struct storing {
    vs_store *store;
    vs_id run;
} storing;
static vs_status store_row(vs_err *err, void *self, const row *r) {
    const storing *to = self;
    return vs_store_activation(err, to->store, to->run, r->site, r->layer, r->head, r->position, r->vec, r->n);
}

static vs_status store_run(vs_err *err, dump *d, vs_store *store, vs_id model, size_t text, bool *was_there) {
    const vs_text_input *in = &d->texts.item[text];
    const vs_settings *set = vs_session_settings(d->s);
    vs_run_record r = {.model = model,
                       .text = in->text ? in->text : "",
                       .ids = in->tokens.id,
                       .n_ids = in->tokens.n,
                       .edits = vs_session_edits_text(d->s),
                       .isa = vs_isa_name(),
                       .version = VS_VERSION,
                       .request = d->request.s,
                       .seed = set->seed,
                       .threads = vs_threads(),
                       .types = in->tokens.type,
                       .target = in->decoder.id,
                       .n_target = d->decoder ? in->decoder.n : 0,
                       .mask = d->mask == VS_MASK_CAUSAL ? "causal" : d->mask == VS_MASK_FULL ? "full" : NULL};
    vs_id id;
    VS_TRY(vs_store_run_done(err, store, &r, &id));
    *was_there = id != 0;
    if (id) return VS_OK;
    const vs_pass *p = NULL;
    VS_TRY(pass_of(err, d, text, &p));
    vs_status st = vs_store_run_begin(err, store, &r, &id);
    bool begun = st == VS_OK;
    storing to = {store, id};
    if (st == VS_OK) st = each_vector(err, d, p, store_row, &to);
    if (st == VS_OK)
        st = vs_store_run_commit(err, store);
    else if (begun)
        vs_store_run_abort(store);
    done_with(d, p);
    return st;
}

static vs_status to_store(vs_err *err, dump *d, vs_store *store, vs_out *o) {
    vs_id model;
    size_t there = 0;
    VS_TRY(vs_store_model(err, store, &d->model, &model));
    for (size_t t = 0; t < d->texts.n; t++) {
        bool was_there;
        VS_TRY(store_run(err, d, store, model, t, &was_there));
        there += was_there;
        vs_tick(vs_out_progress(o), "dump", t + 1, d->texts.n);
        if (vs_interrupted())
            return vs_fail(err, VS_E_STOPPED,
                           "dump: stopped after %zu of %zu texts; the same command goes on from there", t + 1,
                           d->texts.n);
    }
    if (there == d->texts.n)
        vs_out_note(o, "  stored before (runs lists what is)");
    else
        vs_out_note(o, "  %zu run%s stored%s", d->texts.n - there, d->texts.n - there == 1 ? "" : "s",
                    there ? ", the others were there" : "");
    return VS_OK;
}

/* ---- the command ---- */

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && !strcmp(s + n - m, end);
}

/* A name that says no format is no new file: what is there may be an SQLite file whatever it is called. */
static vs_status check_to(vs_err *err, vs_session *s, const char *to) {
    static const char *const ends[] = {".safetensors", ".npz", ".db", ".sqlite", ".sqlite3", NULL};
    vs_store *store;
    for (size_t i = 0; ends[i]; i++)
        if (ends_with(to, ends[i])) return VS_OK;
    if (vs_store_is(to) || (vs_session_store(NULL, s, &store) == VS_OK && !strcmp(to, vs_store_path(store)))) return VS_OK;
    return vs_fail(err, VS_E_USAGE, "%s: its name says no format; --to wants FILE.safetensors, FILE.npz, or an SQLite file: "
                                    "FILE.db, .sqlite, .sqlite3 or one that is there", to);
}

static vs_status write_out(vs_err *err, dump *d, vs_out *o) {
    if (d->to && ends_with(d->to, ".safetensors")) return to_file(err, d, "safetensors", o);
    if (d->to && ends_with(d->to, ".npz")) return to_file(err, d, "npz", o);
    vs_store *store;
    VS_TRY(vs_session_store(err, d->s, &store));
    if (!d->to || !strcmp(d->to, vs_store_path(store))) {
        d->to = vs_store_path(store);
        return to_store(err, d, store, o);
    }
    VS_TRY(vs_store_open(err, d->to, &store));
    vs_status st = to_store(err, d, store, o);
    vs_store_close(store);
    return st;
}

vs_status vs_keep_streams(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    dump d;
    vs_store *store;
    vs_status st = open_dump(err, s, a, NULL, NULL, NULL, &d);
    if (st == VS_OK) st = vs_session_store(err, s, &store);
    if (st == VS_OK) st = to_store(err, &d, store, o);
    close_dump(&d);
    return st;
}

vs_status vs_dump_write(vs_err *err, vs_session *s, const vs_args *a, const char *list, const vs_dump_source *from, vs_out *o) {
    dump d;
    if (vs_text(a, "to")) VS_TRY(check_to(err, s, vs_text(a, "to")));
    vs_status st = open_dump(err, s, a, list, vs_text(a, "to"), from, &d);
    if (st == VS_OK) st = write_out(err, &d, o);
    if (st == VS_OK && !vs_text(a, "to") && !vs_session_keeps(s))
        vs_out_note(o, "  in memory, gone at the end: --to FILE or -d DB keeps it");
    if (st == VS_OK) {
        size_t positions = 0;
        for (size_t t = 0; t < d.texts.n; t++)
            positions += d.texts.item[t].tokens.n + (d.decoder ? d.texts.item[t].decoder.n : 0);
        size_t more = more_of(&d), n = d.n_sites + more;
        const char **names = vs_alloc(n, sizeof *names);
        for (size_t i = 0; names && i < n; i++) names[i] = i < d.n_sites ? d.site[i].name : from->more[i - d.n_sites].name;
        vs_out_text(o, 0, "to", d.to);
        if (names) vs_out_texts(o, VS_COL_JSON_ONLY, "sites", names, d.n_sites);
        if (names && more) vs_out_texts(o, VS_COL_JSON_ONLY, "weights", names + d.n_sites, more);
        vs_out_int(o, VS_COL_TTY_ONLY, "arrays", (int64_t)(n * d.texts.n));
        vs_out_int(o, 0, "positions", (int64_t)positions);
        vs_free(names);
    }
    close_dump(&d);
    return st;
}

static vs_status run_dump(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    return vs_dump_write(err, s, a, vs_text(a, "sites"), NULL, o);
}
static const char *const dump_examples[] = {
    "dump the white swan in the blue water --sites hidden_states,attentions --to swan.npz", NULL};
const vs_cmd vs_cmd_dump = {.name = "dump",
                            .group = "study",
                            .synopsis = "TEXT --sites LIST --to FILE",
                            .summary = "keep the vectors of a pass: safetensors, npz, or SQLite",
                            .details = "LIST names hook points as Hugging Face (hidden_states, attentions.3, logits), "
                                       "TransformerLens (blocks.0.attn.hook_z) or\n"
                                       "vecscope (3.mlp_out) does; a name without its number means every layer, all "
                                       "means everything.  Texts of a --file\n"
                                       "stream through one after another; a dump that was stopped or killed goes on "
                                       "when the same command is given again.\n"
                                       "Of two stacks: encoder_hidden_states, cross_attentions, decoder.3.mlp_out, …; "
                                       "without a stack in front the decoder\n"
                                       "is meant, which reads --target.",
                            .style = VS_ARGS_TEXT,
                            .min_args = 1,
                            .opts = opts,
                            .examples = dump_examples,
                            .needs = VS_NEEDS_MODEL | VS_STORES,
                            .run = run_dump};

/* ---- replay ---- */

/* A stored run, as the store has it. */
typedef struct stored {
    char *path, *text, *ids, *types, *target, *mask, *edits, *request, *version;
    int64_t header_hash;
    bool found;
} stored;

static vs_status read_run(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    stored *r = arg;
    (void)names;
    char **to[] = {&r->path, &r->text, &r->ids, &r->types, &r->target, &r->mask, &r->edits, &r->request, &r->version};
    for (size_t i = 0; i + 1 < n; i++) {
        *to[i] = vs_strndup(v[i].s ? v[i].s : "", v[i].n);
        if (!*to[i]) return VS_E_NOMEM;
    }
    r->header_hash = v[n - 1].i;
    r->found = true;
    return VS_OK;
}

static void free_stored(stored *r) {
    char *all[] = {r->path, r->text, r->ids, r->types, r->target, r->mask, r->edits, r->request, r->version};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) vs_free(all[i]);
}

/* Where the tokens of a text are the first of t[from…], they lie in it, and edits find its words. */
static vs_status lay_text(vs_err *err, const vs_tokenizer *tok, const char *text, vs_tokens *t, size_t from, char **out) {
    vs_tokens own = {0};
    for (int special = 1; special >= 0 && *text && !*out; special--) {
        VS_TRY(vs_tokenize(err, tok, text, strlen(text), NULL, 0, special, &own));
        size_t n = own.n;
        while (from && n && own.special[n - 1]) n--; /* a target has no end */
        if (n && from + n <= t->n && !memcmp(own.id, t->id + from, n * sizeof *t->id)) {
            memcpy(t->begin + from, own.begin, n * sizeof *t->begin);
            memcpy(t->end + from, own.end, n * sizeof *t->end);
            memcpy(t->special + from, own.special, n);
            *out = vs_strdup(text);
            if (!*out) special = 0; /* no memory: ids have positions by number */
        }
        vs_tokens_free(&own);
    }
    return VS_OK;
}

/* Stored ids as tokens, each of no place in a text. */
static vs_status stored_ids(vs_err *err, const char *ids, const char *types, vs_tokens *t) {
    json_t *id = json_loads(ids, 0, NULL), *type = json_loads(types, 0, NULL);
    vs_tokens none = {0};
    size_t n = json_array_size(id);
    vs_status st = vs_tokens_grow(err, &none, n, t);
    for (size_t i = 0; st == VS_OK && i < n; i++) {
        t->id[i] = (int32_t)json_integer_value(json_array_get(id, i));
        t->type[i] = (uint8_t)json_integer_value(json_array_get(type, i));
    }
    if (st == VS_OK) t->n = n;
    json_decref(id);
    json_decref(type);
    return st;
}

/* What the stacks of a stored run read.  The decoder's text is not stored: it is what its ids say. */
static vs_status tokens_of(vs_err *err, vs_session *s, const stored *r, vs_id run, vs_text_input *out) {
    vs_model *m;
    const vs_tokenizer *tok;
    VS_TRY(vs_session_model(err, s, &m));
    VS_TRY(vs_model_tokenizer(err, m, &tok));
    VS_TRY(stored_ids(err, r->ids, r->types, &out->tokens));
    if (!out->tokens.n) return vs_fail(err, VS_E_FORMAT, "replay: run %lld has no ids", (long long)run);
    VS_TRY(lay_text(err, tok, r->text, &out->tokens, 0, &out->text));
    VS_TRY(stored_ids(err, r->target, "", &out->decoder));
    out->given = out->decoder.n > 0;
    if (out->decoder.n < 2) return VS_OK;
    vs_buf target = {0};
    vs_status st = vs_detokenize(err, tok, out->decoder.id + 1, out->decoder.n - 1, true, &target);
    if (st == VS_OK && target.s) st = lay_text(err, tok, target.s, &out->decoder, 1, &out->target);
    vs_buf_free(&target);
    return st;
}

/* The vectors of a run beside those of its pass, one by one in the order in which they were stored. */
typedef struct comparing {
    dump *d;
    const vs_pass *pass;
    vs_store *store;
    vs_err *err;
    vs_id run;
    row *want; /* [n] where the vectors of the pass lie */
    size_t n, cap, at, differ;
    vs_arena names;
    double largest;
    vs_buf first; /* the first that differs */
} comparing;

static vs_status note_row(vs_err *err, void *self, const row *r) {
    comparing *c = self;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 256;
        row *grown = vs_grow(c->want, c->n, cap, sizeof *grown);
        if (!grown) return vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors", cap);
        c->want = grown;
        c->cap = cap;
    }
    c->want[c->n] = *r;
    c->want[c->n].site = vs_arena_strndup(&c->names, r->site, strlen(r->site));
    return c->want[c->n++].site ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors", c->n);
}

static int index_of(const vs_sql_value *v) { return v->type == VS_SQL_NULL ? -1 : (int)v->i; }

static vs_status compare_row(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    comparing *c = arg;
    (void)n, (void)names;
    const row *r = c->at < c->n ? &c->want[c->at] : NULL;
    if (!r || strlen(r->site) != v[0].n || memcmp(r->site, v[0].s, v[0].n) != 0 || index_of(&v[1]) != r->layer ||
        index_of(&v[2]) != r->head || index_of(&v[3]) != r->position || v[4].n != r->n * sizeof(float))
        return vs_fail(c->err, VS_E_FORMAT, "replay: vector %zu of run %lld is not what its request gives", c->at + 1, (long long)c->run);
    c->at++;
    if (!memcmp(v[4].s, r->vec, v[4].n)) return VS_OK;
    for (size_t i = 0; i < r->n; i++) {
        float was;
        memcpy(&was, v[4].s + i * sizeof was, sizeof was);
        c->largest = fmax(c->largest, fabs((double)was - (double)r->vec[i]));
    }
    if (!c->differ++) vs_buf_printf(&c->first, "%s, layer %d, position %d", r->site, r->layer, r->position);
    return VS_OK;
}

static vs_status compare_all(vs_err *err, comparing *c, vs_out *o) {
    char query[160];
    VS_TRY(pass_of(err, c->d, 0, &c->pass));
    VS_TRY(each_vector(err, c->d, c->pass, note_row, c));
    snprintf(query, sizeof query, "SELECT site, layer, head, position, vec FROM activations WHERE run = %lld ORDER BY id", (long long)c->run);
    c->err = err;
    VS_TRY(vs_store_sql(err, c->store, query, true, compare_row, c, NULL));
    if (c->at != c->n)
        return vs_fail(err, VS_E_FORMAT, "replay: run %lld has %zu vectors, its request gives %zu", (long long)c->run, c->at, c->n);
    if (c->differ)
        return vs_fail(err, VS_E_STATE, "replay: %zu of the %zu vectors of run %lld differ, by %g at most; the first: %s", c->differ, c->n,
                       (long long)c->run, c->largest, c->first.s ? c->first.s : "");
    vs_out_int(o, 0, "run", c->run);
    vs_out_int(o, 0, "vectors", (int64_t)c->n);
    vs_out_int(o, 0, "differ", 0);
    return VS_OK;
}

/* The model of a run is current, and its edits are in force. */
static vs_status replay_here(vs_err *err, vs_session *s, vs_store *store, vs_id run, const stored *r, vs_out *o) {
    char *with = strstr(r->request, " with vectors "), *list = vs_strndup(r->request, with ? (size_t)(with - r->request) : strlen(r->request));
    dump d = {.s = s, .list = list, .mask = !strcmp(r->mask, "causal") ? VS_MASK_CAUSAL : !strcmp(r->mask, "full") ? VS_MASK_FULL : VS_MASK_MODEL};
    comparing c = {.d = &d, .store = store, .run = run};
    d.texts.item = vs_zalloc(1, sizeof *d.texts.item);
    d.texts.n = d.texts.item != NULL;
    vs_status st = list && d.texts.item ? open_sites(err, &d) : vs_fail(err, VS_E_NOMEM, "no memory for a run");
    if (st == VS_OK && (int64_t)d.model.header_hash != r->header_hash)
        st = vs_fail(err, VS_E_STATE, "replay: %s is not the file that run %lld was made with", r->path, (long long)run);
    if (st == VS_OK && strcmp(d.request.s, r->request) != 0)
        st = vs_fail(err, VS_E_STATE, "replay: the vectors that the edits of run %lld carry are not what they were: %s", (long long)run, r->edits);
    if (st == VS_OK) st = tokens_of(err, s, r, run, &d.texts.item[0]);
    if (st == VS_OK) st = compare_all(err, &c, o);
    done_with(&d, c.pass);
    vs_free(c.want);
    vs_arena_free(&c.names);
    vs_buf_free(&c.first);
    close_dump(&d);
    vs_free(list);
    return st;
}

/* Make the model of a file current, opened where it is not; *before: the name of the one that was, or NULL. */
static vs_status use_model(vs_err *err, vs_session *s, const char *path, const char **before) {
    vs_model *now = NULL;
    const char *there = NULL, *name;
    *before = NULL;
    (void)!vs_session_model(NULL, s, &now);
    for (size_t i = 0; i < vs_session_models(s); i++) {
        const vs_model *m = vs_session_model_at(s, i, &name);
        if (m == now) *before = name;
        if (!there && !strcmp(vs_model_info_of(m)->path, path)) there = name;
    }
    return there ? vs_session_use(err, s, there) : vs_session_open_model(err, s, path, NULL);
}

static vs_status replay(vs_err *err, vs_session *s, vs_store *store, vs_id run, const stored *r, vs_out *o) {
    const char *before;
    VS_TRY(use_model(err, s, r->path, &before));
    vs_status st = vs_session_edit_count(s) ? vs_fail(err, VS_E_STATE, "replay: a run has its own edits, and there are others in force: edits clear") : VS_OK;
    bool pushed = false;
    if (st == VS_OK && *r->edits) {
        st = vs_session_push_edits(err, s, r->edits, strlen(r->edits));
        pushed = st == VS_OK;
    }
    if (st == VS_OK) st = replay_here(err, s, store, run, r, o);
    if (pushed) vs_session_pop_edits(s);
    if (before && vs_session_use(NULL, s, before) != VS_OK && st == VS_OK) st = vs_fail(err, VS_E_STATE, "replay: %s is not open any more", before);
    return st;
}

static vs_status run_replay(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    char *end, query[256];
    long long run = strtoll(vs_arg(a, 0), &end, 10);
    vs_store *store;
    stored r = {0};
    if (*end || end == vs_arg(a, 0)) return vs_fail(err, VS_E_USAGE, "replay wants the number of a run (runs lists them), not %s", vs_arg(a, 0));
    VS_TRY(vs_session_store(err, s, &store));
    snprintf(query, sizeof query,
             "SELECT m.path, r.text, r.ids, r.types, r.target, r.mask, r.edits, r.request, r.version, m.header_hash FROM runs r "
             "JOIN models m ON m.id = r.model WHERE r.id = %lld", run);
    vs_status st = vs_store_sql(err, store, query, true, read_run, &r, NULL);
    if (st == VS_OK && !r.found) st = vs_fail(err, VS_E_UNKNOWN, "replay: there is no run %lld; runs lists those there are", run);
    if (st == VS_OK && !strncmp(r.request, VS_GRADIENTS, strlen(VS_GRADIENTS)))
        st = vs_fail(err, VS_E_UNSUPPORTED, "replay: run %lld holds gradients, not a pass", run);
    if (st == VS_OK) st = replay(err, s, store, run, &r, o);
    free_stored(&r);
    return st;
}
static const char *const replay_examples[] = {"dump the white swan --sites 2.mlp_out; replay 1", NULL};
const vs_cmd vs_cmd_replay = {.name = "replay",
                              .group = "study",
                              .synopsis = "N",
                              .summary = "run a stored pass again, under its edits, and compare every bit",
                              .details = "Of run N (runs lists them) the model is opened, the ids are run under the stored edits and mask, and each\n"
                                         "vector is held against the one in the store.  It fails where any bit differs, saying where first and by how\n"
                                         "much, where the model's file has changed, or where an edit's vector has ($name, a file).",
                              .style = VS_ARGS_WORDS,
                              .min_args = 1,
                              .max_args = 1,
                              .examples = replay_examples,
                              .run = run_replay};

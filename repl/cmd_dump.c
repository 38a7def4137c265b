/* cmd_dump.c - dump: every vector of a pass, kept: to safetensors, npz, or the SQLite file. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/base/dict.h"
#include "commands.h"

static const vs_opt opts[] = {
    {"sites", 0, VS_OPT_TEXT, "LIST", "what to keep: names with commas between (sites lists them)", "hidden_states",
     VS_COMPLETE_SITE},
    {"to", 0, VS_OPT_TEXT, "FILE", "FILE.safetensors, FILE.npz, or an SQLite file (the store)", NULL, VS_COMPLETE_FILE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* What is dumped: texts, the sites of each, and the request that keeps them. */
typedef struct dump {
    vs_session *s;
    vs_model *m;
    vs_texts texts;
    vs_named_site *site;
    size_t n_sites;
    vs_site *keep;
    bool logits;
    const char *list, *to;
    vs_model_record model;
    vs_buf request; /* as the store knows it: the list, and a hash of the vectors that the edits carry */
} dump;

/* When the weights were last changed: those of the model file, or of a directory in the hub's layout. */
static uint64_t changed_at(const char *path) {
    vs_buf weights = {0};
    struct stat st;
    vs_buf_printf(&weights, "%s/model.safetensors", path);
    bool found = (!weights.failed && stat(weights.s, &st) == 0) || stat(path, &st) == 0;
    vs_buf_free(&weights);
    return found ? (uint64_t)st.st_mtime : 0;
}

static vs_status open_dump(vs_err *err, vs_session *s, const vs_args *a, dump *d) {
    *d = (dump){.s = s, .list = vs_text(a, "sites"), .to = vs_text(a, "to")};
    VS_TRY(vs_session_model(err, s, &d->m));
    const vs_model_info *in = vs_model_info_of(d->m);
    d->model = (vs_model_record){.path = in->path,
                                 .arch = in->arch,
                                 .config = "{}",
                                 .size = in->file_bytes,
                                 .mtime = changed_at(in->path),
                                 .header_hash = in->header_hash};
    VS_TRY(vs_site_expand(err, d->m, d->list, strlen(d->list), &d->site, &d->n_sites));
    d->keep = vs_alloc(d->n_sites, sizeof *d->keep);
    uint64_t vectors = vs_session_edits_hash(s);
    vs_buf_puts(&d->request, d->list);
    if (vectors) vs_buf_printf(&d->request, " with vectors %016" PRIx64, vectors);
    if (!d->keep || d->request.failed) return vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", d->n_sites);
    for (size_t i = 0; i < d->n_sites; i++) {
        d->keep[i] = d->site[i].site;
        d->logits |= d->keep[i].kind == VS_SITE_LOGITS;
    }
    return vs_args_texts(err, s, a, &d->texts);
}

static void close_dump(dump *d) {
    vs_texts_free(&d->texts);
    vs_free(d->site);
    vs_free(d->keep);
    vs_buf_free(&d->request);
}

static vs_status pass_of(vs_err *err, dump *d, size_t text, vs_pass **p) {
    const vs_text_input *in = &d->texts.item[text];
    vs_request rq = {.keep = d->keep, .n_keep = d->n_sites, .logits = d->logits ? VS_LOGITS_ALL : VS_LOGITS_NONE};
    return vs_session_run_text(err, d->s, in->text, &in->tokens, &rq, p);
}

/* ---- files ---- */

static vs_status declare(vs_err *err, dump *d, vs_writer *w) {
    for (size_t t = 0; t < d->texts.n; t++)
        for (size_t i = 0; i < d->n_sites; i++) {
            char name[96];
            size_t shape[VS_MAX_DIMS];
            size_t T = d->texts.item[t].tokens.n;
            int n = vs_site_dims(d->m, d->keep[i], T, T, shape);
            snprintf(name, sizeof name, d->texts.n > 1 ? "%zu.%s" : "%.0zu%s", d->texts.n > 1 ? t : 0, d->site[i].name);
            VS_TRY(vs_writer_declare(err, w, name, VS_F32, n, shape));
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
    const uint64_t numbers[] = {d->model.size, d->model.mtime, d->model.header_hash, vs_session_edits_hash(d->s)};
    uint64_t h = vs_hash(VS_VERSION, strlen(VS_VERSION));
    mix(&h, numbers, sizeof numbers);
    mix(&h, edits, strlen(edits));
    for (size_t t = 0; t < d->texts.n; t++) {
        const vs_tokens *k = &d->texts.item[t].tokens;
        mix(&h, k->id, k->n * sizeof *k->id);
        if (k->type) mix(&h, k->type, k->n * sizeof *k->type);
    }
    return h;
}

static vs_status put_text(vs_err *err, dump *d, vs_writer *w, size_t text) {
    vs_pass *p = NULL;
    vs_status st = pass_of(err, d, text, &p);
    for (size_t i = 0; st == VS_OK && i < d->n_sites; i++) {
        vs_tensor v;
        st = vs_pass_site(err, p, d->keep[i], 0, &v);
        if (st == VS_OK) st = put_view(err, w, &v);
    }
    vs_pass_free(p);
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
    if (st == VS_OK && d->texts.n > 1) st = vs_writer_resume(err, w, identity(d), d->n_sites, &there);
    size_t t = there /= d->n_sites;
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

/* "hidden_states.4" -> "hidden_states"; "3.attn.z" and "blocks.3.attn.hook_z" -> "attn.z": the layer has its own
 * column. */
static void site_column(const dump *d, size_t i, char *buf, size_t size) {
    const char *asked = d->site[i].name;
    size_t n = strcspn(asked, ".");
    bool hub = !strncmp(asked, "hidden_states", n) || !strncmp(asked, "attentions", n);
    if (hub && n) {
        snprintf(buf, size, "%.*s", (int)n, asked);
        return;
    }
    char name[96];
    vs_site s = d->keep[i];
    s.head = -1;
    vs_site_name(d->m, s, true, name, sizeof name);
    const char *dot = s.layer >= 0 ? strchr(name, '.') : NULL;
    snprintf(buf, size, "%s", dot ? dot + 1 : name);
}

static int layer_column(const dump *d, size_t i) {
    const char *dot = strrchr(d->site[i].name, '.');
    int layer;
    if (d->keep[i].layer >= 0) return d->keep[i].layer;
    return dot && !strncmp(d->site[i].name, "hidden_states", 13) && sscanf(dot + 1, "%d", &layer) == 1 ? layer : -1;
}

/* One row for each position (and head). */
static vs_status store_site(vs_err *err, dump *d, vs_store *store, vs_id run, size_t i, const vs_tensor *t) {
    char site[96];
    const char *letters = vs_site_shape(d->keep[i].kind);
    site_column(d, i, site, sizeof site);
    int layer = layer_column(d, i);
    size_t cols = vs_tensor_cols(t);
    bool heads_first = letters[0] == 'H';
    if (t->ndim == 1) return vs_store_activation(err, store, run, site, layer, -1, 0, t->data, cols);
    for (size_t a = 0; a < t->shape[0]; a++)
        for (size_t b = 0; b < (t->ndim == 3 ? t->shape[1] : 1); b++) {
            const char *p = (const char *)t->data + a * t->stride[0] + (t->ndim == 3 ? b * t->stride[1] : 0);
            int head = t->ndim == 3 ? (int)(heads_first ? a : b) : d->keep[i].head,
                position = (int)(t->ndim == 3 && heads_first ? b : a);
            VS_TRY(vs_store_activation(err, store, run, site, layer, head, position, (const float *)p, cols));
        }
    return VS_OK;
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
                       .threads = vs_threads()};
    vs_id id;
    VS_TRY(vs_store_run_done(err, store, &r, &id));
    *was_there = id != 0;
    if (id) return VS_OK;
    vs_pass *p = NULL;
    VS_TRY(pass_of(err, d, text, &p));
    vs_status st = vs_store_run_begin(err, store, &r, &id);
    bool begun = st == VS_OK;
    for (size_t i = 0; st == VS_OK && i < d->n_sites; i++) {
        vs_tensor v;
        st = vs_pass_site(err, p, d->keep[i], 0, &v);
        if (st == VS_OK) st = store_site(err, d, store, id, i, &v);
    }
    if (st == VS_OK)
        st = vs_store_run_commit(err, store);
    else if (begun)
        vs_store_run_abort(store);
    vs_pass_free(p);
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
    vs_out_note(o, "  %zu run%s stored%s", d->texts.n - there, d->texts.n - there == 1 ? "" : "s",
                there ? ", the others were there" : "");
    return VS_OK;
}

/* ---- the command ---- */

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && !strcmp(s + n - m, end);
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

static vs_status run_dump(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    dump d;
    vs_status st = open_dump(err, s, a, &d);
    if (st == VS_OK) st = write_out(err, &d, o);
    if (st == VS_OK) {
        size_t positions = 0;
        for (size_t t = 0; t < d.texts.n; t++) positions += d.texts.item[t].tokens.n;
        const char **names = vs_alloc(d.n_sites, sizeof *names);
        for (size_t i = 0; names && i < d.n_sites; i++) names[i] = d.site[i].name;
        vs_out_text(o, 0, "to", d.to);
        if (names) vs_out_texts(o, VS_COL_JSON_ONLY, "sites", names, d.n_sites);
        vs_out_int(o, VS_COL_TTY_ONLY, "arrays", (int64_t)(d.n_sites * d.texts.n));
        vs_out_int(o, 0, "positions", (int64_t)positions);
        vs_free(names);
    }
    close_dump(&d);
    return st;
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
                                       "when the same command is given again.",
                            .style = VS_ARGS_TEXT,
                            .min_args = 1,
                            .opts = opts,
                            .examples = dump_examples,
                            .needs = VS_NEEDS_MODEL | VS_STORES,
                            .complete = VS_COMPLETE_SITE,
                            .run = run_dump};

/* cmd_export.c - export: a space as word vectors others read, a stored run as arrays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "dump.h"

static const vs_opt opts[] = {
    {"to", 0, VS_OPT_TEXT, "FILE", "where to (wanted)", NULL, VS_COMPLETE_FILE},
    {"as", 0, VS_OPT_TEXT, "word2vec|word2vec-text|glove|npy|npz|projector", "the format, whatever FILE is called", NULL,
     VS_COMPLETE_CHOICE},
    {"limit", 0, VS_OPT_INT, "N", "only the first N rows of the space", NULL, VS_COMPLETE_NONE},
    {"run", 0, VS_OPT_INT, "ID", "a stored run instead of a space (runs lists them)", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && !strcmp(s + n - m, end);
}

/* ---- a space ---- */

static vs_status export_space(vs_err *err, vs_session *s, const vs_args *a, const char *to, vs_out *o) {
    const char *name = vs_arg(a, 0), *format = vs_text(a, "as") ? vs_text(a, "as") : vs_words_format_of(to);
    vs_space *sp = name ? vs_session_space_named(s, name) : vs_session_space(s);
    if (!sp && name) VS_TRY(vs_session_open_space(err, s, name, vs_out_progress(o), &sp));
    if (!sp) return vs_fail(err, VS_E_STATE, "export: there is no space");
    size_t rows = vs_space_rows(sp), mended = 0;
    if (vs_has(a, "limit") && vs_int(a, "limit") < 1)
        return vs_fail(err, VS_E_USAGE, "export: --limit wants a number from 1");
    if (vs_has(a, "limit") && (uint64_t)vs_int(a, "limit") < rows) rows = (size_t)vs_int(a, "limit");
    VS_TRY(vs_space_write(err, sp, to, format, rows, vs_out_progress(o), &mended));
    vs_out_text(o, 0, "to", to);
    vs_out_text(o, 0, "format", format);
    vs_out_int(o, 0, "rows", (int64_t)rows);
    vs_out_int(o, 0, "width", (int64_t)vs_space_dim(sp));
    if (mended)
        vs_out_note(o, "  %zu keys hold blanks or bytes that the format cannot: written with ▁ and <0xNN>", mended);
    return VS_OK;
}

/* ---- a run ---- */

/* The stored vectors of one site and layer, `n` of `width` numbers each. */
typedef struct array {
    char name[128];
    size_t n, least_head, heads, positions, width;
    bool heads_first, uneven;
} array;

typedef struct arrays {
    array *item;
    size_t n, cap, rows;
} arrays;

static size_t one_more(const vs_sql_value *v) {
    return v->type == VS_SQL_INT && v->i >= 0 && v->i < INT32_MAX ? (size_t)v->i + 1 : 0;
}

/* The array that a row belongs to: the last one, or a new one.  "hidden_states.3", "3.mlp_out", "logits". */
static array *array_of(arrays *x, const char *site, const vs_sql_value *layer) {
    int grad = !strncmp(site, VS_GRADIENT, strlen(VS_GRADIENT)) ? (int)strlen(VS_GRADIENT) : 0;
    array now = {.least_head = SIZE_MAX, .heads_first = vs_site_shape_named(site + grad)[0] == 'H'};
    bool hub = ends_with(site, "idden_states") || ends_with(site, "ttentions");
    if (layer->type != VS_SQL_INT)
        snprintf(now.name, sizeof now.name, "%s", site);
    else if (hub)
        snprintf(now.name, sizeof now.name, "%s.%d", site, (int)layer->i);
    else {
        int stack = grad + (!strncmp(site + grad, "encoder.", 8) || !strncmp(site + grad, "decoder.", 8) ? 8 : 0);
        snprintf(now.name, sizeof now.name, "%.*s%d.%s", stack, site, (int)layer->i, site + stack);
    }
    if (x->n && !strcmp(x->item[x->n - 1].name, now.name)) return &x->item[x->n - 1];
    if (x->n == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 16;
        array *grown = vs_grow(x->item, x->n, cap, sizeof *grown);
        if (!grown) return NULL;
        x->item = grown;
        x->cap = cap;
    }
    x->item[x->n] = now;
    return &x->item[x->n++];
}

/* A row of the run, in the order in which dump wrote it, which is the arrays' own: site, layer, head, position, bytes.
 */
static vs_status see(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    arrays *x = arg;
    char site[96];
    if (n != 5) return VS_E_STATE;
    snprintf(site, sizeof site, "%.*s", (int)v[0].n, v[0].s);
    array *t = array_of(x, site, &v[1]);
    if (!t) return VS_E_NOMEM;
    size_t head = one_more(&v[2]), position = one_more(&v[3]), width = (size_t)v[4].i / sizeof(float);
    if (!t->n++) t->width = width;
    t->uneven = t->uneven || width != t->width;
    if (head > t->heads) t->heads = head;
    if (head && head < t->least_head) t->least_head = head;
    if (position > t->positions) t->positions = position;
    x->rows++;
    return VS_OK;
}

static vs_status declare(vs_err *err, const arrays *x, vs_writer *w) {
    for (size_t i = 0; i < x->n; i++) {
        const array *t = &x->item[i];
        bool one_head = t->heads > 1 && t->least_head == t->heads; /* of several: its axis is gone, as in dump */
        size_t heads = t->heads && !one_head ? t->heads : 1, positions = t->positions ? t->positions : 1;
        size_t of_heads[3] = {t->heads_first ? heads : positions, t->heads_first ? positions : heads, t->width};
        size_t plain[2] = {positions, t->width};
        bool cube = t->heads && !one_head;
        if (t->uneven || heads * positions != t->n)
            return vs_fail(err, VS_E_FORMAT,
                           "export: %s of this run is no whole array: %zu vectors, %zu positions, %zu heads", t->name,
                           t->n, positions, heads);
        char name[160];
        if (one_head)
            snprintf(name, sizeof name, "%s.h%zu", t->name, t->heads - 1);
        else
            snprintf(name, sizeof name, "%s", t->name);
        VS_TRY(vs_writer_declare(err, w, name, VS_F32, cube ? 3 : 2, cube ? of_heads : plain));
    }
    return VS_OK;
}

typedef struct putting {
    vs_err *err;
    vs_writer *w;
} putting;

static vs_status put_vector(void *arg, size_t n, const char *const *names, const vs_sql_value *v) {
    (void)names;
    putting *p = arg;
    return n == 1 ? vs_writer_put(p->err, p->w, v[0].s, v[0].n) : VS_E_STATE;
}

static vs_status export_run(vs_err *err, vs_session *s, int64_t run, const char *to, vs_out *o) {
    static const char of_run[] = " FROM activations WHERE run = %lld ORDER BY id";
    const char *format = ends_with(to, ".npz") ? "npz" : ends_with(to, ".safetensors") ? "safetensors" : NULL;
    if (!format) return vs_fail(err, VS_E_USAGE, "export: a run goes to FILE.safetensors or FILE.npz, not %s", to);
    vs_store *store;
    VS_TRY(vs_session_store(err, s, &store));
    arrays x = {0};
    vs_buf shapes = {0}, vectors = {0};
    vs_buf_puts(&shapes, "SELECT site, layer, head, position, length(vec)");
    vs_buf_puts(&vectors, "SELECT vec");
    vs_buf_printf(&shapes, of_run, (long long)run);
    vs_buf_printf(&vectors, of_run, (long long)run);
    vs_status st = shapes.failed || vectors.failed ? vs_fail(err, VS_E_NOMEM, "export: no memory")
                                                   : vs_store_sql(err, store, shapes.s, true, see, &x, NULL);
    if (st == VS_OK && !x.n)
        st = vs_fail(err, VS_E_UNKNOWN, "export: there is no run %lld with vectors; runs lists those there are",
                     (long long)run);
    vs_writer *w = NULL;
    if (st == VS_OK) st = vs_writer_open(err, to, format, &w);
    if (st == VS_OK) st = declare(err, &x, w);
    putting p = {err, w};
    if (st == VS_OK) st = vs_store_sql(err, store, vectors.s, true, put_vector, &p, NULL);
    if (st == VS_OK)
        st = vs_writer_commit(err, w);
    else
        vs_writer_abort(w);
    if (st == VS_OK) {
        vs_out_text(o, 0, "to", to);
        vs_out_int(o, 0, "run", run);
        vs_out_int(o, 0, "arrays", (int64_t)x.n);
        vs_out_int(o, 0, "vectors", (int64_t)x.rows);
    }
    vs_free(x.item);
    vs_buf_free(&shapes);
    vs_buf_free(&vectors);
    return st;
}

static vs_status run_export(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *to = vs_text(a, "to");
    if (!to) return vs_fail(err, VS_E_USAGE, "export wants --to FILE");
    if (!vs_has(a, "run")) return export_space(err, s, a, to, o);
    if (vs_arg(a, 0)) return vs_fail(err, VS_E_USAGE, "export wants a space or --run ID, not both");
    return export_run(err, s, vs_int(a, "run"), to, o);
}
static const char *const export_examples[] = {"export default --to words.bin --limit 1000", "export --to words.npy",
                                              NULL};
const vs_cmd vs_cmd_export = {.name = "export",
                              .group = "study",
                              .synopsis = "[SPACE] --to FILE | --run ID --to FILE",
                              .summary = "a space as word vectors, a stored run as arrays, for other programs",
                              .details = "SPACE (the current one) goes to FILE.bin (word2vec, binary), FILE.vec "
                                         "(word2vec as text, which fastText reads), FILE.txt\n"
                                         "(GloVe), FILE.npy with the words in FILE.words.txt, FILE.npz (arrays vectors and keys) or FILE.tsv with the words in\n"
                                         "FILE.metadata.tsv (the Embedding Projector).  A run that dump has "
                                         "stored goes to FILE.safetensors or FILE.npz,\n"
                                         "an array for each site and layer: [T,d], [T,H,n], patterns [H,T,T].",
                              .style = VS_ARGS_WORDS,
                              .max_args = 1,
                              .opts = opts,
                              .examples = export_examples,
                              .needs = VS_NEEDS_STORE,
                              .complete = VS_COMPLETE_SPACE,
                              .run = run_export};

/* cmd_drift.c - drift: one word on its way through the layers: how far from its embedding, from the layer before, from the same
 * word elsewhere, and what it is near. */
#include <math.h>
#include <string.h>

#include "by_layer.h"
#include "words.h"

static const vs_opt opts[] = {
    {"at", 0, VS_OPT_TEXT, "POS", "the word: a word of every text, or a position", NULL, VS_COMPLETE_NONE},
    {"corpus", 0, VS_OPT_TEXT, "FILE", "other texts, one a line, that use the word", NULL, VS_COMPLETE_FILE},
    {"labels", 0, VS_OPT_FLAG, NULL, "each line of FILE is LABEL, a tab, TEXT", NULL, VS_COMPLETE_NONE},
    {"k", 'k', VS_OPT_INT, "K", "how many near words a layer", "3", VS_COMPLETE_NONE},
    {"in", 0, VS_OPT_TEXT, "SPACE", "where they are looked up", NULL, VS_COMPLETE_SPACE},
    VS_BY_LAYER_OPT,
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

enum { MOST_NEAR = 20 };

typedef struct path {
    vs_by_layer y;
    const char *text; /* the one that is followed */
    size_t n_others;
    float *x;      /* [rows, stride] */
    double *other; /* [rows, stride] sums over the other contexts */
} path;

static void path_free(path *p) {
    vs_by_layer_free(&p->y);
    vs_free(p->x);
    vs_free(p->other);
}

static vs_status path_new(vs_err *err, vs_session *s, const char *stack, path *p) {
    VS_TRY(vs_by_layer_new(err, s, stack, &p->y));
    p->x = vs_zalloc(p->y.rows, p->y.stride * sizeof *p->x);
    p->other = vs_zalloc(p->y.rows, p->y.stride * sizeof *p->other);
    return p->x && p->other ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", p->y.rows);
}

static void add_other(path *p, const float *row, size_t r) {
    for (size_t i = 0; i < vs_by_layer_width(&p->y, r); i++) p->other[r * p->y.stride + i] += (double)row[i];
}

static vs_status from_corpus(vs_err *err, void *arg, const vs_context *c, const float *const *vec) {
    (void)err;
    path *p = arg;
    if (!strcmp(c->text, p->text)) return VS_OK; /* its own text is no other */
    for (size_t r = 0; r < p->y.rows; r++) add_other(p, vec[r], r);
    p->n_others++;
    return VS_OK;
}

/* The other contexts: those of the command line, and of the corpus. */
static vs_status others(vs_err *err, const vs_args *a, const char *at, path *p, vs_out *o) {
    size_t token;
    float *x = vs_alloc(p->y.rows, p->y.stride * sizeof *x);
    vs_status st = x ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", p->y.rows);
    for (size_t i = 1; st == VS_OK && vs_arg_word(a, i); i++) {
        st = vs_by_layer_of(err, &p->y, vs_arg_word(a, i), at, x, &token);
        for (size_t r = 0; st == VS_OK && r < p->y.rows; r++) add_other(p, x + r * p->y.stride, r);
        p->n_others += st == VS_OK;
    }
    vs_free(x);
    VS_TRY(st);
    const vs_word_texts c = {.path = vs_text(a, "corpus"), .word = &at, .n_words = 1, .labelled = vs_has(a, "labels")};
    if (!c.path) return VS_OK;
    VS_TRY(vs_session_occurrences(err, p->y.s, &c, p->y.site, p->y.rows, vs_out_progress(o), from_corpus, p, NULL));
    return p->n_others ? VS_OK : vs_fail(err, VS_E_UNKNOWN, "%s: %s is met in none of its texts", c.path, at);
}

/* The nearest keys of a layer's vector as a text, commas between; nothing where no space answers. */
static vs_status near_words(vs_err *err, const path *p, size_t r, const char *in, size_t k, vs_buf *b, vs_space **where) {
    vs_hit hit[MOST_NEAR];
    size_t found = 0;
    const vs_value v = {.vec = p->x + r * p->y.stride, .dim = vs_by_layer_width(&p->y, r)};
    vs_buf_clear(b);
    if (k && (in || v.dim == p->y.d)) VS_TRY(vs_session_near(err, p->y.s, &v, in, k, false, hit, &found, where));
    for (size_t i = 0; i < found; i++) {
        if (i) vs_buf_puts(b, ", ");
        vs_put_key(b, *where, hit[i].row);
    }
    return VS_OK;
}

/* Cosines of a row with its embedding (of another width than the stream: with the stream it became), with the row before, and
 * with the mean of the others; NaN where there is none. */
enum { TO_EMBEDDING, TO_PREVIOUS, TO_OTHERS, REST, KINDS };
static void cosines(const path *p, size_t r, float *mean, double c[KINDS]) {
    size_t n = vs_by_layer_width(&p->y, r), first = p->y.embed == p->y.d ? 0 : 1;
    const float *x = p->x + r * p->y.stride;
    c[TO_EMBEDDING] = c[TO_PREVIOUS] = c[TO_OTHERS] = c[REST] = (double)NAN;
    if (r >= first) c[TO_EMBEDDING] = (double)vs_cosine(x, p->x + first * p->y.stride, n);
    if (r > first) c[TO_PREVIOUS] = (double)vs_cosine(x, x - p->y.stride, n);
    if (!p->n_others) return;
    for (size_t i = 0; i < n; i++) mean[i] = (float)(p->other[r * p->y.stride + i] / (double)p->n_others);
    c[TO_OTHERS] = (double)vs_cosine(x, mean, n);
    c[REST] = vs_by_layer_rest(x, mean, n);
}

static vs_status table(vs_err *err, const path *p, const char *in, size_t k, vs_out *o) {
    vs_col cols[] = {{"layer", VS_COL_TEXT, 0, 0, NULL},
                     {"norm", VS_COL_REAL, 2, 0, NULL},
                     {"to_embedding", VS_COL_REAL, 3, 0, "embedding"},
                     {"to_previous", VS_COL_REAL, 3, 0, "layer before"},
                     {"to_others", VS_COL_REAL, 3, 0, "others"},
                     {"rest", VS_COL_REAL, 3, 0, "rest"},
                     {"near", VS_COL_TEXT, 0, 0, NULL}};
    enum { NEAR_ALONE = 4, WITH_OTHERS = 6 };
    size_t cosines_shown = p->n_others ? KINDS : TO_OTHERS, n_cols = (p->n_others ? WITH_OTHERS : NEAR_ALONE) + (k > 0);
    if (!p->n_others) cols[NEAR_ALONE] = cols[WITH_OTHERS];
    const vs_by_layer *y = &p->y;
    float *values = vs_alloc(KINDS * y->rows, sizeof *values), *mean = vs_alloc(y->stride, sizeof *mean);
    vs_buf b = {0};
    vs_space *where = NULL;
    vs_status st = values && mean ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", y->rows);
    vs_out_table(o, "layers", cols, n_cols);
    for (size_t r = 0; st == VS_OK && r < y->rows; r++) {
        double c[KINDS];
        char name[VS_LAYER_NAME];
        cosines(p, r, mean, c);
        for (size_t i = 0; i < KINDS; i++) values[i * y->rows + r] = (float)c[i];
        st = near_words(err, p, r, in, k, &b, &where);
        vs_out_cell_text(o, vs_by_layer_name(r, name));
        vs_out_cell_real(o, sqrt((double)vs_sum_squares(p->x + r * y->stride, vs_by_layer_width(y, r))));
        for (size_t i = 0; i < cosines_shown; i++) vs_out_cell_real(o, c[i]);
        if (k) vs_out_cell_text(o, b.s ? b.s : "");
    }
    vs_out_end(o);
    bool normed = where && !strcmp(vs_space_place(where), "W_U") && !vs_model_info_of(y->m)->stack[y->stack].post_norm;
    if (st == VS_OK && where) vs_out_note(o, "  near: in %s%s", vs_space_name(where), normed ? ", through the final norm" : "");
    static const char *const line[KINDS] = {"embedding", "layer before", "others", "rest"};
    if (st == VS_OK) st = vs_by_layer_draw(err, y, "cosine", line, cosines_shown, values, o);
    vs_buf_free(&b);
    vs_free(values);
    vs_free(mean);
    return st;
}

/* Whether a table answers for the stream; ELECTRA's is of another width. */
static bool answers(const path *p, const char *in) {
    vs_hit hit;
    size_t found;
    vs_space *where;
    const vs_value v = {.vec = p->x + p->y.stride, .dim = p->y.d};
    return in || vs_session_near(NULL, p->y.s, &v, NULL, 1, false, &hit, &found, &where) != VS_E_SHAPE;
}

static vs_status run_drift(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *text = vs_arg_word(a, 0), *at = vs_text(a, "at");
    int64_t k = vs_int(a, "k");
    if (!text || !at) return vs_fail(err, VS_E_USAGE, "drift wants a quoted text and --at WORD: drift \"he sat on the river bank\" --at bank");
    if (k < 0 || k > MOST_NEAR) return vs_fail(err, VS_E_USAGE, "drift: -k wants 0 to %d near words", (int)MOST_NEAR);
    path p = {.text = text};
    size_t token = 0;
    vs_status st = path_new(err, s, vs_text(a, "stack"), &p);
    if (st == VS_OK) st = vs_by_layer_of(err, &p.y, text, at, p.x, &token);
    if (st == VS_OK) st = others(err, a, at, &p, o);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "text", text);
        vs_out_text(o, VS_COL_JSON_ONLY, "at", at);
        vs_out_int(o, VS_COL_JSON_ONLY, "token", (int64_t)token);
        vs_out_int(o, VS_COL_JSON_ONLY, "others", (int64_t)p.n_others);
        vs_out_note(o, "[%s] in \"%s\" (token %zu): its norm, and its cosine with its embedding, with itself a layer before%s", at, text, token,
                    p.n_others ? "," : "");
        if (p.n_others) vs_out_note(o, "and with the mean of %zu other%s of the word", p.n_others, p.n_others == 1 ? " context" : " contexts");
        const char *in = vs_text(a, "in");
        if (!in && p.y.stack + 1 < vs_model_info_of(p.y.m)->n_stacks) in = "W_E"; /* no unembedding reads the stream of such an encoder */
        bool near = k && answers(&p, in);
        if (k && !near) vs_out_note(o, "no table of %zu numbers is open to name what it is near; --in SPACE says where", p.y.d);
        if (p.n_others) vs_out_note(o, "(rest: the same without the three largest coordinates, which some models have far larger than all others)");
        st = table(err, &p, in, near ? (size_t)k : 0, o);
    }
    path_free(&p);
    return st;
}

static const char *const examples[] = {"drift \"he sat on the river bank\" --at bank",
                                       "drift \"he sat on the river bank\" \"Gringotts bank is in London\" --at bank -k 1", NULL};
const vs_cmd vs_cmd_drift = {
    .name = "drift",
    .group = "vectors",
    .synopsis = "TEXT [TEXT]… --at WORD",
    .summary = "a word on its way through the layers: how far it moves, and what it is near",
    .details = "Each layer's vector of the word beside the row of the table it began as (of a model with positions the row alone), beside\n"
               "itself a layer before, and beside the mean of the same word in other contexts: further TEXTs, or the lines of --corpus;\n"
               "rest: that without the three coordinates in which both are largest.\n"
               "Near words are looked up as near does: the stream in W_U through the final norm, a model without that in W_E.\n"
               "Of two stacks it is the encoder's way; with --stack decoder the decoder's, which reads each text too, behind its start token.",
    .style = VS_ARGS_EXPRS,
    .min_args = 1,
    .max_args = 64,
    .opts = opts,
    .examples = examples,
    .needs = VS_NEEDS_MODEL,
    .complete = VS_COMPLETE_NONE,
    .run = run_drift};

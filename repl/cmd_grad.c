/* cmd_grad.c - grad: how a number made from a pass changes with the vectors in it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "dump.h"
#include "objective.h"

static const vs_opt opts[] = {
    {"of", 0, VS_OPT_TEXT, "OF", "what is differentiated: \"logit( one) - logit( other)\", loss, nsp(0), 3.mlp.post[-1][7]", "loss",
     VS_COMPLETE_NONE},
    {"at", 0, VS_OPT_TEXT, "LIST", "the gradient by these sites: names with commas between (sites lists them); else resid_pre", NULL,
     VS_COMPLETE_SITE},
    {"answer", 0, VS_OPT_TEXT, "TOKENS", "for the loss of a masked-word model: what each [MASK] stands for (or #12 #57)", NULL, VS_COMPLETE_NONE},
    {"weights", 0, VS_OPT_FLAG, NULL, "the gradients by the weights too", NULL, VS_COMPLETE_NONE},
    {"by", 0, VS_OPT_TEXT, "LIST", "by these weights alone: names with commas between, WQ, 3.W*, encoder.*, *norm (info --weights)", NULL,
     VS_COMPLETE_NONE},
    {"count", 'k', VS_OPT_INT, "K", "how many weights are shown, the longest gradients first; else 20, and all to a program", NULL,
     VS_COMPLETE_NONE},
    {"times", 0, VS_OPT_FLAG, NULL, "draw the gradient's product with the value rather than its length", NULL, VS_COMPLETE_NONE},
    VS_MASK_OPT,
    {"to", 0, VS_OPT_TEXT, "FILE", "write the gradients: FILE.safetensors, FILE.npz, or an SQLite file (the store)", NULL,
     VS_COMPLETE_FILE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

typedef struct grad {
    vs_session *s;
    vs_model *m;
    const vs_args *a;
    vs_grad *g;
    vs_weight_grads *weights;
    vs_objectives of;
} grad;

static vs_status open_grad(vs_err *err, vs_session *s, const vs_args *a, grad *g) {
    *g = (grad){.s = s, .a = a};
    VS_TRY(vs_session_model(err, s, &g->m));
    VS_TRY(vs_grad_new(err, g->m, &g->g));
    if (vs_has(a, "count") && vs_int(a, "count") < 1) return vs_fail(err, VS_E_USAGE, "grad: -k wants a number from 1");
    if (vs_text(a, "by")) return vs_weight_grads_named(err, g->m, vs_text(a, "by"), &g->weights);
    return vs_has(a, "weights") || vs_has(a, "count") ? vs_weight_grads_new(err, g->m, NULL, 0, &g->weights) : VS_OK;
}
static void close_grad(grad *g) {
    vs_objectives_free(&g->of);
    vs_weight_grads_free(g->weights);
    vs_grad_free(g->g);
}

static vs_status run_one(vs_err *err, grad *g, const vs_text_input *in, const vs_site *by, size_t n, vs_mask mask) {
    vs_objectives_free(&g->of);
    VS_TRY(vs_objectives_parse(err, g->m, in, vs_text(g->a, "of"), vs_text(g->a, "answer"), &g->of));
    if (g->weights) vs_weight_grads_zero(g->weights);
    vs_grad_request rq = {.pass = {.mask = mask}, .of = g->of.of, .n_of = g->of.n, .by = by, .n_by = n, .weights = g->weights};
    return vs_session_grad(err, g->s, in, g->g, &rq);
}

/* ---- what is shown ---- */

/* Row `pos` of a site's gradient and of its value: all heads, or the one that the site names. */
typedef struct at_position {
    double norm, times; /* length of the gradient; its product with the value */
} at_position;

static at_position measure(const vs_tensor *g, const vs_tensor *x, bool edges, size_t pos) {
    size_t heads = g->ndim == 3 ? g->shape[edges ? 0 : 1] : 1, cols = vs_tensor_cols(g), row = edges && g->ndim == 3 ? 1 : 0;
    at_position r = {0, 0};
    for (size_t h = 0; h < heads; h++) {
        size_t at = pos * g->stride[row] + (g->ndim == 3 ? h * g->stride[1 - row] : 0);
        size_t of_x = pos * x->stride[row] + (x->ndim == 3 ? h * x->stride[1 - row] : 0);
        const float *a = (const float *)(const void *)((const char *)g->data + at), *b = (const float *)(const void *)((const char *)x->data + of_x);
        for (size_t i = 0; i < cols; i++) {
            r.norm += (double)a[i] * (double)a[i];
            if (isfinite(b[i])) r.times += (double)a[i] * (double)b[i]; /* a cut edge's score is -inf, its gradient 0 */
        }
    }
    r.norm = sqrt(r.norm);
    return r;
}

static vs_status site_at(vs_err *err, const grad *g, vs_site s, vs_tensor *d, vs_tensor *x, bool *edges, size_t *rows) {
    VS_TRY(vs_grad_site(err, g->g, s, 0, d));
    VS_TRY(vs_pass_site(err, vs_grad_pass(g->g), s, 0, x));
    *edges = vs_site_shape(s.kind)[0] == 'H';
    *rows = d->ndim == 1 ? 1 : *edges && d->ndim == 3 ? d->shape[1] : d->shape[0];
    return VS_OK;
}

/* The tokens that a stack reads, as labels. */
typedef struct labels {
    const char **word;
    size_t n;
} labels;

static vs_status label_all(vs_err *err, const vs_tokenizer *tok, const vs_tokens *t, vs_arena *words, labels *out) {
    *out = (labels){vs_alloc(t->n, sizeof *out->word), t->n};
    bool ok = out->word != NULL;
    for (size_t i = 0; i < t->n && ok; i++) {
        vs_buf piece = {0};
        vs_buf_puts(&piece, "");
        vs_piece_text(tok, t->id[i], &piece);
        out->word[i] = piece.failed ? NULL : vs_arena_strndup(words, piece.s, piece.len);
        ok = out->word[i] != NULL;
        vs_buf_free(&piece);
    }
    return ok ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu tokens", t->n);
}

/* Digits after the point that show four figures of the largest number of a column. */
static int digits_for(double largest) {
    double d = largest > 0 ? 3 - floor(log10(largest)) : 4;
    return d < 4 ? 4 : d > 12 ? 12 : (int)d;
}

/* What is found of the sites over one stack's text: map [n, T] is drawn; of each the length of its whole gradient, its product with
 * the value. */
typedef struct found {
    float *map;
    double *length, *times, top;
    const char **name;
    size_t n;
} found;

static vs_status measure_sites(vs_err *err, const grad *g, const vs_named_site *site, size_t n, int stack, const labels *l, found *f, vs_out *o) {
    bool drawn = vs_has(g->a, "times");
    for (size_t i = 0; i < n; i++) {
        vs_tensor d, x;
        bool edges;
        size_t rows;
        if (vs_site_reads(site[i].site) != stack) continue;
        VS_TRY(site_at(err, g, site[i].site, &d, &x, &edges, &rows));
        float *map = f->map + f->n * l->n;
        f->name[f->n] = site[i].name;
        for (size_t t = 0; t < l->n; t++) {
            map[t] = NAN;
            if (t >= rows) continue;
            at_position at = measure(&d, &x, edges, t);
            map[t] = (float)(drawn ? at.times : at.norm);
            f->times[f->n] += at.times;
            f->length[f->n] += at.norm * at.norm;
            f->top = fmax(f->top, drawn ? fabs(at.times) : at.norm);
            if (!vs_out_is_data(o)) continue;
            vs_out_cell_text(o, site[i].name);
            vs_out_cell_int(o, (int64_t)t);
            vs_out_cell_text(o, l->word[t]);
            vs_out_cell_real(o, at.norm);
            vs_out_cell_real(o, at.times);
        }
        f->n++;
    }
    return VS_OK;
}

static void draw_sites(const grad *g, const labels *l, const found *f, vs_out *o) {
    double norm = 0, times = 0;
    for (size_t i = 0; i < f->n; i++) norm = fmax(norm, sqrt(f->length[i])), times = fmax(times, fabs(f->times[i]));
    const vs_col sums[] = {{"site", VS_COL_TEXT, 0, 0, NULL},
                           {"norm", VS_COL_REAL, digits_for(norm), 0, "‖gradient‖"},
                           {"times_value", VS_COL_REAL, digits_for(times), 0, "gradient · value"}};
    vs_out_matrix(o, "map", f->map, f->n, l->n, f->name, l->word, vs_has(g->a, "times") ? -f->top : 0, f->top);
    vs_out_table(o, "sites", sums, 3);
    for (size_t i = 0; i < f->n; i++) {
        vs_out_cell_text(o, f->name[i]);
        vs_out_cell_real(o, sqrt(f->length[i]));
        vs_out_cell_real(o, fabs(f->times[i]) < 0.5 * pow(10, -sums[2].digits) ? 0 : f->times[i]); /* no -0.0000 */
    }
    vs_out_end(o);
}

/* A person sees the sites as rows and the tokens as columns, a stack at a time; a program every site and position with its
 * numbers. */
static vs_status show_sites(vs_err *err, const grad *g, const vs_named_site *site, size_t n, const labels of[2], vs_out *o) {
    static const vs_col cols[] = {{"site", VS_COL_TEXT, 0, 0, NULL},
                                  {"position", VS_COL_INT, 0, 0, NULL},
                                  {"token", VS_COL_TOKEN, 0, 0, NULL},
                                  {"norm", VS_COL_REAL, 6, 0, NULL},
                                  {"times_value", VS_COL_REAL, 6, 0, NULL}};
    vs_status st = VS_OK;
    if (vs_out_is_data(o)) vs_out_table(o, "gradients", cols, 5);
    for (int stack = 0; stack < 2 && st == VS_OK; stack++) {
        found f = {.map = vs_alloc(n * (of[stack].n + 1), sizeof *f.map), .times = vs_zalloc(n, 2 * sizeof *f.times), .name = vs_alloc(n, sizeof *f.name)};
        if (f.times) f.length = f.times + n;
        st = f.map && f.times && f.name ? VS_OK : vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", n);
        if (st == VS_OK) st = measure_sites(err, g, site, n, stack, &of[stack], &f, o);
        if (st == VS_OK && f.n && !vs_out_is_data(o)) draw_sites(g, &of[stack], &f, o);
        vs_free(f.map);
        vs_free(f.times);
        vs_free(f.name);
    }
    if (vs_out_is_data(o)) vs_out_end(o);
    return st;
}

/* ---- weights ---- */

/* The gradient by one weight. */
typedef struct by_weight {
    size_t i; /* which array of the gradients */
    vs_role role;
    int stack, layer;
    vs_tensor t;
    double norm;
    size_t most; /* where its largest number lies */
} by_weight;

static by_weight weight_at(const grad *g, size_t i) {
    by_weight w = {.i = i};
    const float *x = vs_weight_grads_at(g->weights, i, &w.role, &w.stack, &w.layer, &w.t);
    for (size_t k = 0, n = x ? vs_tensor_count(&w.t) : 0; k < n; k++) {
        w.norm += (double)x[k] * (double)x[k];
        if (fabsf(x[k]) > fabsf(x[w.most])) w.most = k;
    }
    w.norm = sqrt(w.norm);
    return w;
}

static int longest_first(const void *a, const void *b) {
    const by_weight *x = a, *y = b;
    return x->norm != y->norm ? (x->norm < y->norm) - (x->norm > y->norm) : (x->i > y->i) - (x->i < y->i);
}

static size_t count_weights(const grad *g) {
    vs_role role;
    vs_tensor t;
    int stack, layer;
    size_t n = 0;
    while (vs_weight_grads_at(g->weights, n, &role, &stack, &layer, &t)) n++;
    return n;
}

/* What a weight is, and what else it is. */
static void put_words(const grad *g, const by_weight *w, vs_out *o) {
    vs_buf b = {0};
    char name[96];
    vs_role role;
    int stack, layer;
    if (!strcmp(vs_role_words(w->role), "its bias")) vs_buf_printf(&b, "bias of %s", vs_role_name((vs_role)(w->role - 1))); /* the row above */
    else vs_buf_puts(&b, vs_role_words(w->role));
    for (size_t k = 0; vs_weight_grads_also(g->weights, w->i, k, &role, &stack, &layer); k++)
        vs_buf_printf(&b, "%s%s", k ? ", " : "; also ", vs_weight_name(g->m, role, stack, layer, name, sizeof name));
    vs_out_cell_text(o, b.failed ? "" : b.s);
    vs_buf_free(&b);
}

static void put_weight(const grad *g, const by_weight *w, bool words, vs_out *o) {
    char text[96];
    size_t cols = vs_tensor_cols(&w->t);
    vs_out_cell_text(o, vs_weight_name(g->m, w->role, w->stack, w->layer, text, sizeof text));
    vs_out_cell_text(o, vs_role_name(w->role));
    vs_out_cell_int(o, w->stack);
    snprintf(text, sizeof text, w->layer < 0 ? "null" : "%d", w->layer);
    vs_out_cell_text(o, text);
    vs_out_cell_text(o, vs_shape_text(w->t.shape, w->t.ndim, text, sizeof text));
    vs_out_cell_real(o, w->norm);
    vs_out_cell_real(o, (double)((const float *)w->t.data)[w->most]);
    if (w->t.ndim == 1) snprintf(text, sizeof text, "[%zu]", w->most);
    else snprintf(text, sizeof text, "[%zu, %zu]", w->most / cols, w->most % cols);
    vs_out_cell_text(o, text);
    if (words) put_words(g, w, o);
}

static vs_status show_weights(vs_err *err, const grad *g, vs_out *o) {
    size_t n = count_weights(g), shown = vs_has(g->a, "count") ? (size_t)vs_int(g->a, "count") : vs_out_is_data(o) ? n : 20;
    by_weight *w = vs_alloc(n, sizeof *w);
    if (!w) return vs_fail(err, VS_E_NOMEM, "no memory for %zu weights", n);
    for (size_t i = 0; i < n; i++) w[i] = weight_at(g, i);
    if (!vs_out_is_data(o) || vs_has(g->a, "count")) qsort(w, n, sizeof *w, longest_first); /* else in the model's order */
    double most = 0, norm = 0;
    for (size_t i = 0; i < n; i++) norm = fmax(norm, w[i].norm), most = fmax(most, fabs((double)((const float *)w[i].t.data)[w[i].most]));
    const vs_col cols[] = {{"weight", VS_COL_TEXT, 0, 0, NULL},
                           {"role", VS_COL_TEXT, 0, VS_COL_JSON_ONLY, NULL},
                           {"stack", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
                           {"layer", VS_COL_JSON, 0, VS_COL_JSON_ONLY, NULL},
                           {"shape", VS_COL_TEXT, 0, 0, NULL},
                           {"norm", VS_COL_REAL, digits_for(norm), 0, "‖gradient‖"},
                           {"largest", VS_COL_REAL, digits_for(most), 0, NULL},
                           {"at", VS_COL_TEXT, 0, 0, NULL},
                           {"what", VS_COL_TEXT, 0, VS_COL_TTY_ONLY, NULL}};
    bool words = vs_out_width(o) >= 100; /* their names come first */
    vs_out_table(o, "weights", cols, words ? 9 : 8);
    for (size_t i = 0; i < n && i < shown; i++) put_weight(g, &w[i], words, o);
    vs_out_end(o);
    if (n > shown) vs_out_note(o, "  %zu weights more, of shorter gradients: -k %zu shows all, --by some of them", n - shown, n);
    vs_free(w);
    return VS_OK;
}

/* The arrays by weights, for files and the store; *out NULL where there are none. */
static vs_status weight_arrays(vs_err *err, const grad *g, vs_dump_array **out, size_t *n) {
    *out = NULL;
    *n = g->weights ? count_weights(g) : 0;
    if (!*n) return VS_OK;
    if (!(*out = vs_alloc(*n, sizeof **out))) return vs_fail(err, VS_E_NOMEM, "no memory for %zu weights", *n);
    for (size_t i = 0; i < *n; i++) {
        vs_dump_array *a = &(*out)[i];
        vs_role role;
        int stack;
        (void)!vs_weight_grads_at(g->weights, i, &role, &stack, &a->layer, &a->t);
        vs_weight_name(g->m, role, stack, a->layer, a->name, sizeof a->name);
        vs_weight_name(g->m, role, stack, -1, a->site, sizeof a->site);
    }
    return VS_OK;
}

/* ---- the command ---- */

/* --at, else the streams of what runs. */
static const char *sites_of(const vs_args *a, const vs_model *m) {
    if (vs_text(a, "at")) return vs_text(a, "at");
    bool two = m && vs_model_info_of(m)->n_stacks > 1;
    return two ? "encoder.resid_pre,decoder.resid_pre" : "resid_pre";
}

static vs_status show_one(vs_err *err, vs_session *s, const vs_args *a, const vs_text_input *in, bool several, vs_out *o) {
    grad g;
    vs_named_site *site = NULL;
    vs_site *by = NULL;
    size_t n = 0;
    vs_mask mask = vs_args_mask(a);
    const vs_tokenizer *tok;
    labels of[2] = {{0}};
    vs_arena words = {0};
    vs_status st = open_grad(err, s, a, &g);
    if (st == VS_OK) st = vs_model_tokenizer(err, g.m, &tok);
    const char *list = sites_of(a, g.m);
    if (st == VS_OK) st = vs_site_expand(err, g.m, list, strlen(list), &site, &n);
    if (st == VS_OK && !(by = vs_alloc(n, sizeof *by))) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu sites", n);
    if (st == VS_OK) st = label_all(err, tok, &in->tokens, &words, &of[0]);
    if (st == VS_OK) st = label_all(err, tok, &in->decoder, &words, &of[1]);
    for (size_t i = 0; i < n && st == VS_OK; i++) by[i] = site[i].site;
    if (st == VS_OK) st = run_one(err, &g, in, by, n, mask);
    if (st == VS_OK) {
        if (several && in->text) vs_out_text(o, 0, "text", in->text);
        vs_out_text(o, 0, "of", vs_text(a, "of"));
        vs_out_real(o, 0, "value", vs_grad_value(g.g), 6);
        vs_out_texts(o, VS_COL_JSON_ONLY, "tokens", of[0].word, of[0].n);
        if (of[1].n) vs_out_texts(o, VS_COL_JSON_ONLY, "decoder_tokens", of[1].word, of[1].n);
        if (g.of.notes.len) vs_out_note(o, "  %s", g.of.notes.s);
        st = show_sites(err, &g, site, n, of, o);
        if (st == VS_OK && g.weights) st = show_weights(err, &g, o);
    }
    vs_arena_free(&words);
    vs_free(by);
    vs_free(site);
    vs_free(of[0].word);
    vs_free(of[1].word);
    close_grad(&g);
    return st;
}

static vs_status gradients_of(vs_err *err, void *self, const vs_text_input *in, const vs_site *keep, size_t n, vs_mask mask, const vs_pass **out) {
    grad *g = self;
    VS_TRY(run_one(err, g, in, keep, n, mask));
    *out = vs_grad_gradients(g->g);
    return VS_OK;
}

/* What the store knows of what was asked, but for the sites. */
static void put_request(const grad *g, vs_buf *b) {
    const char *answer = vs_text(g->a, "answer"), *by = vs_text(g->a, "by");
    vs_buf_printf(b, VS_GRADIENTS "%s%s%s by ", vs_text(g->a, "of"), answer ? ", " : "", answer ? answer : "");
    if (g->weights) vs_buf_printf(b, "weights %s and ", by ? by : "*");
}

static vs_status run_grad(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (!vs_text(a, "to")) return vs_each_text(err, s, a, show_one, o);
    grad g;
    vs_buf request = {0};
    vs_dump_array *more = NULL;
    size_t n = 0;
    vs_status st = open_grad(err, s, a, &g);
    put_request(&g, &request);
    if (st == VS_OK && request.failed) st = vs_fail(err, VS_E_NOMEM, "no memory for a request");
    if (st == VS_OK) st = weight_arrays(err, &g, &more, &n);
    vs_dump_source from = {gradients_of, &g, VS_GRADIENT, request.s, more, n};
    if (st == VS_OK) st = vs_dump_write(err, s, a, sites_of(a, g.m), &from, o);
    vs_free(more);
    vs_buf_free(&request);
    close_grad(&g);
    return st;
}
static const char *const grad_examples[] = {
    "grad \"Michael Jordan plays the sport of\" --of \"logit( basketball) - logit( football)\" --at mlp_out",
    "grad the white swan in the blue water --at attn.z --weights",
    "grad the white swan --of \"logit( lake)\" --at hidden_states --by 0.WQ,*norm --to swan.npz",
    "grad the [MASK] is here --of loss --answer king --at attn.pattern",
    "grad the king --pair \"is here\" --of \"loss(nsp, 1)\" --at pooled",
    "grad the white swan --target \"the king\" --of loss --at encoder.resid_pre", NULL};
const vs_cmd vs_cmd_grad = {.name = "grad",
                            .group = "study",
                            .synopsis = "TEXT [--of OF] [--at LIST] [--weights | --by LIST] [--to FILE]",
                            .summary = "gradients of a logit, a difference of logits or a loss, by any site and by the weights",
                            .details = "OF is a sum of logit(TOKEN)[POS], nsp(0), nsp(1), SITE[POS][NUMBER], loss and loss(nsp, 0), each with a factor: "
                                       "2 * logit( swan).\n"
                                       "A token is written as it is, its blank in front too; POS is the last position, or the one [MASK].  loss is the "
                                       "mean, in\n"
                                       "nats, of what the text says next; of a masked-word model at each [MASK], of which --answer says what it "
                                       "stands for; of\n"
                                       "two stacks of what --target says, its end too.  loss(nsp, 0): that the --pair follows, loss(nsp, 1): that it "
                                       "does not.\n"
                                       "Drawn is the length of the gradient at each site and position; --times draws its product with the value "
                                       "there, about\n"
                                       "what would be lost without it.  Weights are called as info --weights has them, their layer in front, and "
                                       "have the shape\n"
                                       "[out, in]; where one fills two roles (a tied unembedding) its gradient is the sum.\n"
                                       "The gradient is that of the pass as it is run: under with {…}, through the edits.",
                            .style = VS_ARGS_TEXT,
                            .min_args = 1,
                            .opts = opts,
                            .examples = grad_examples,
                            .needs = VS_NEEDS_MODEL,
                            .complete = VS_COMPLETE_SITE,
                            .run = run_grad};

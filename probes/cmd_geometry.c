/* cmd_geometry.c - geometry: the shape of a space, of what flows through a model, of what its parts read and write. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "streams.h"
#include "subspaces.h"

enum { SPECTRUM = 12 };

static const vs_opt opts[] = {
    VS_TEXT_SAMPLE_OPTS,
    {"special", 0, VS_OPT_FLAG, NULL, "rows of special tokens too", NULL, VS_COMPLETE_NONE},
    {"rows", 0, VS_OPT_INT, "N", "rows of a table, evenly spaced", "2000", VS_COMPLETE_NONE},
    {"subspaces", 0, VS_OPT_FLAG, NULL, "instead: how what is written overlaps what is read, layer by layer", NULL,
     VS_COMPLETE_NONE},
    {"heads", 0, VS_OPT_INT, "LAYER", "instead: that of the heads of one layer", NULL, VS_COMPLETE_NONE},
    {"gains", 0, VS_OPT_FLAG, NULL, "of these two: with the gains of the norms between", NULL, VS_COMPLETE_NONE},
    {"directions", 0, VS_OPT_FLAG, NULL, "instead: how many directions are nearly orthogonal, beside random ones", NULL,
     VS_COMPLETE_NONE},
    {"limit", 0, VS_OPT_REAL, "C", "of --directions: nearly orthogonal is a |cosine| up to this", "0.2",
     VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* Rows with a name, for a line of a table. */
typedef struct cloud {
    char name[32];
    float *x;
    size_t n, d;
} cloud;

static void cloud_free(cloud *c) { vs_free(c->x); }

/* At most `most` rows of a tensor of n, evenly spaced; those with a number that is not finite are left out. */
static vs_status cloud_of(vs_err *err, const vs_tensor *t, size_t most, cloud *c) {
    size_t n = vs_tensor_rows(t), take = n < most ? n : most, nd;
    c->d = vs_tensor_cols(t);
    c->n = 0;
    c->x = vs_mul(take, c->d, &nd) ? vs_alloc(nd, sizeof *c->x) : NULL;
    if (!c->x) return vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors of %zu numbers", take, c->d);
    for (size_t i = 0; i < take; i++) {
        float *row = c->x + c->n * c->d;
        size_t j = 0;
        VS_TRY(vs_tensor_row_f32(err, t, i * (n / take) + i * (n % take) / take, row));
        while (j < c->d && isfinite(row[j])) j++;
        c->n += j == c->d;
    }
    return VS_OK;
}

static vs_status cloud_of_space(vs_err *err, const vs_space *s, size_t most, cloud *c) {
    size_t n = vs_space_rows(s), take = n < most ? n : most, nd;
    snprintf(c->name, sizeof c->name, "%.*s", (int)sizeof c->name - 1, vs_space_name(s));
    c->d = vs_space_dim(s);
    c->x = vs_mul(take, c->d, &nd) ? vs_alloc(nd, sizeof *c->x) : NULL;
    if (!c->x) return vs_fail(err, VS_E_NOMEM, "no memory for %zu vectors of %zu numbers", take, c->d);
    for (size_t i = 0; i < take; i++) {
        float *row = c->x + c->n * c->d;
        size_t j = 0;
        VS_TRY(vs_space_row(err, s, i * (n / take) + i * (n % take) / take, row));
        while (j < c->d && isfinite(row[j])) j++;
        c->n += j == c->d;
    }
    return VS_OK;
}

/* ---- figures ---- */

/* Lines of the table, with the spectra that are drawn after it. */
typedef struct lines {
    vs_out *o;
    vs_arena arena;
    const char **name;
    float *spectrum; /* [n, SPECTRUM] */
    size_t n, cap;
} lines;

static vs_status lines_new(vs_err *err, vs_out *o, size_t cap, lines *l) {
    static const vs_col cols[] = {{"layer", VS_COL_TEXT, 0, 0, ""},
                                  {"n", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
                                  {"norm", VS_COL_REAL, 2, 0, NULL},
                                  {"norm_sd", VS_COL_REAL, 2, VS_COL_JSON_ONLY, NULL},
                                  {"norm_min", VS_COL_REAL, 2, VS_COL_JSON_ONLY, NULL},
                                  {"norm_max", VS_COL_REAL, 2, VS_COL_JSON_ONLY, NULL},
                                  {"effective", VS_COL_REAL, 1, 0, "eff. dims"},
                                  {"half", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
                                  {"most", VS_COL_INT, 0, 0, "for 90 %"},
                                  {"first", VS_COL_REAL, 3, 0, NULL},
                                  {"cosine", VS_COL_REAL, 3, 0, NULL},
                                  {"outliers", VS_COL_INT, 0, 0, NULL},
                                  {"top", VS_COL_INT, 0, 0, "largest"},
                                  {"top_share", VS_COL_REAL, 3, 0, "share"}};
    *l = (lines){.o = o, .cap = cap};
    l->name = vs_arena_alloc(&l->arena, cap, sizeof *l->name);
    l->spectrum = vs_arena_alloc(&l->arena, cap, SPECTRUM * sizeof *l->spectrum);
    if (!l->name || !l->spectrum) return vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", cap);
    vs_out_table(o, "layers", cols, sizeof cols / sizeof *cols);
    return VS_OK;
}

static vs_status add_line(vs_err *err, lines *l, const char *name, const float *x, size_t n, size_t d) {
    vs_geometry g;
    size_t m = n < d ? n : d;
    double *spectrum = vs_alloc(m ? m : 1, sizeof *spectrum);
    vs_status st =
        spectrum ? vs_geometry_of(err, x, n, d, spectrum, &g) : vs_fail(err, VS_E_NOMEM, "no memory for a spectrum");
    if (st == VS_OK) {
        vs_out_cell_text(l->o, name);
        vs_out_cell_int(l->o, (int64_t)n);
        const double reals[] = {g.norm_mean, g.norm_sd, g.norm_min, g.norm_max, g.effective};
        for (size_t i = 0; i < 5; i++) vs_out_cell_real(l->o, reals[i]);
        vs_out_cell_int(l->o, (int64_t)g.half);
        vs_out_cell_int(l->o, (int64_t)g.most);
        vs_out_cell_real(l->o, g.first);
        vs_out_cell_real(l->o, g.cosine);
        vs_out_cell_int(l->o, (int64_t)g.outliers);
        vs_out_cell_int(l->o, (int64_t)g.top);
        vs_out_cell_real(l->o, g.top_share);
        for (size_t i = 0; i < SPECTRUM; i++) l->spectrum[l->n * SPECTRUM + i] = i < m ? (float)spectrum[i] : NAN;
        l->name[l->n++] = vs_arena_strndup(&l->arena, name, strlen(name));
        if (!l->name[l->n - 1]) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu layers", l->n);
    }
    vs_free(spectrum);
    return st;
}

static void end_lines(lines *l) {
    static const char *const component[SPECTRUM] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"};
    double top = 0;
    vs_out_end(l->o);
    for (size_t i = 0; i < l->n * SPECTRUM; i++) top = fmax(top, isnan(l->spectrum[i]) ? 0 : (double)l->spectrum[i]);
    vs_out_note(
        l->o,
        "  eff. dims: participation ratio; for 90 %%: components that hold so much of the variance, first: what the "
        "first holds; cosine: of all pairs; outliers: coordinates whose mean is beyond 3 sd; largest: the coordinate "
        "with the largest part of all squares");
    vs_out_heading(l->o, "Spectrum: the part of the variance in each component");
    vs_out_matrix(l->o, "spectrum", l->spectrum, l->n, SPECTRUM, l->name, component, 0, top);
}

static vs_status table_line(vs_err *err, lines *l, const vs_model *m, vs_role role, const char *name, size_t most) {
    const vs_tensor *t = vs_model_weight(m, role, 0, 0);
    cloud c = {.x = NULL};
    vs_status st = cloud_of(err, t, most, &c);
    if (st == VS_OK) st = add_line(err, l, name, c.x, c.n, c.d);
    cloud_free(&c);
    return st;
}

static vs_status of_model(vs_err *err, vs_session *s, const vs_args *a, vs_model *m, vs_out *o) {
    const vs_model_info *in = vs_model_info_of(m);
    vs_text_sample texts;
    vs_streams x = {.x = NULL};
    lines l = {.o = o};
    size_t most = (size_t)vs_int(a, "rows");
    vs_status st = vs_text_sample_of(err, a, &texts);
    if (st == VS_OK) st = vs_streams_run(err, s, m, &texts, vs_has(a, "special"), vs_out_progress(o), &x);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "model", in->name);
        vs_out_int(o, VS_COL_JSON_ONLY, "tokens", (int64_t)x.T);
        vs_out_note(o, "%s: the %sstream of %zu tokens of %s (%zu numbers each) entering each block", in->name,
                    in->n_stacks > 1 ? "encoder's " : "", x.T, texts.name, x.d);
        st = lines_new(err, o, x.L + 3, &l);
    }
    if (st == VS_OK) st = table_line(err, &l, m, VS_ROLE_EMBED, "W_E", most);
    for (size_t k = 0; st == VS_OK && k <= x.L; k++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", k);
        st = add_line(err, &l, name, vs_streams_layer(&x, k), x.T, x.d);
    }
    if (st == VS_OK && in->has_logits && !in->tied) st = table_line(err, &l, m, VS_ROLE_UNEMBED, "W_U", most);
    if (st == VS_OK) end_lines(&l);
    vs_arena_free(&l.arena);
    vs_streams_free(&x);
    vs_text_sample_free(&texts);
    return st;
}

static vs_status of_space(vs_err *err, const vs_space *s, size_t most, vs_out *o) {
    cloud c = {.x = NULL};
    lines l = {.o = o};
    vs_status st = cloud_of_space(err, s, most, &c);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "space", c.name);
        vs_out_note(o, "%s: %zu of its %zu rows, evenly spaced, %zu numbers each", c.name, c.n, vs_space_rows(s), c.d);
        st = lines_new(err, o, 1, &l);
    }
    if (st == VS_OK) st = add_line(err, &l, c.name, c.x, c.n, c.d);
    if (st == VS_OK) end_lines(&l);
    vs_arena_free(&l.arena);
    cloud_free(&c);
    return st;
}

/* ---- directions that are nearly orthogonal ---- */

/* Figures of random directions of the last size asked for. */
typedef struct beside {
    size_t n, d;
    vs_packing p;
} beside;

static vs_status packing_line(vs_err *err, const vs_args *a, const char *name, const float *x, size_t n, size_t d,
                              uint64_t seed, beside *random, vs_out *o) {
    vs_packing p;
    VS_TRY(vs_packing_of(err, x, n, d, vs_real(a, "limit"), &p));
    if (random->n != p.n || random->d != d) {
        float *r = vs_alloc(p.n, d * sizeof *r);
        vs_status st = r ? vs_random_directions(err, p.n, d, seed, r)
                         : vs_fail(err, VS_E_NOMEM, "no memory for %zu directions", p.n);
        if (st == VS_OK) st = vs_packing_of(err, r, p.n, d, vs_real(a, "limit"), &random->p);
        vs_free(r);
        VS_TRY(st);
        random->n = p.n;
        random->d = d;
    }
    vs_out_cell_text(o, name);
    vs_out_cell_int(o, (int64_t)p.n);
    vs_out_cell_int(o, (int64_t)d);
    vs_out_cell_real(o, p.mean);
    vs_out_cell_real(o, random->p.mean);
    vs_out_cell_real(o, p.high);
    vs_out_cell_real(o, random->p.high);
    vs_out_cell_int(o, (int64_t)p.fit);
    vs_out_cell_int(o, (int64_t)random->p.fit);
    vs_out_cell_real(o, p.bound);
    return VS_OK;
}

static void packing_table(vs_out *o) {
    static const vs_col cols[] = {{"set", VS_COL_TEXT, 0, 0, ""},
                                  {"n", VS_COL_INT, 0, 0, NULL},
                                  {"d", VS_COL_INT, 0, 0, NULL},
                                  {"cosine", VS_COL_REAL, 3, 0, "|cos|"},
                                  {"random_cosine", VS_COL_REAL, 3, 0, "random"},
                                  {"high", VS_COL_REAL, 3, 0, "99 %"},
                                  {"random_high", VS_COL_REAL, 3, 0, "random"},
                                  {"fit", VS_COL_INT, 0, 0, "fit"},
                                  {"random_fit", VS_COL_INT, 0, 0, "random"},
                                  {"bound", VS_COL_REAL, 3, 0, "bound"}};
    vs_out_table(o, "directions", cols, sizeof cols / sizeof *cols);
}

static vs_status packing_of_tensor(vs_err *err, const vs_args *a, const char *name, const vs_tensor *t, uint64_t seed,
                                   beside *random, vs_out *o) {
    cloud c = {.x = NULL};
    vs_status st = cloud_of(err, t, (size_t)vs_int(a, "rows"), &c);
    if (st == VS_OK) st = packing_line(err, a, name, c.x, c.n, c.d, seed, random, o);
    cloud_free(&c);
    return st;
}

static vs_status directions(vs_err *err, vs_session *s, const vs_args *a, const vs_model *m, const vs_space *sp,
                            vs_out *o) {
    uint64_t seed = vs_session_settings(s)->seed;
    beside random = {0};
    vs_status st = VS_OK;
    packing_table(o);
    if (!m) {
        cloud c = {.x = NULL};
        st = cloud_of_space(err, sp, (size_t)vs_int(a, "rows"), &c);
        if (st == VS_OK) st = packing_line(err, a, c.name, c.x, c.n, c.d, seed, &random, o);
        cloud_free(&c);
    } else {
        const vs_model_info *in = vs_model_info_of(m);
        int stack = in->n_stacks - 1;
        st = packing_of_tensor(err, a, "W_E", vs_model_weight(m, VS_ROLE_EMBED, stack, 0), seed, &random, o);
        if (st == VS_OK && in->has_logits && !in->tied)
            st = packing_of_tensor(err, a, "W_U", vs_model_weight(m, VS_ROLE_UNEMBED, stack, 0), seed, &random, o);
        for (size_t l = 0; st == VS_OK && l < in->stack[stack].L; l++) {
            char name[32];
            vs_tensor t = *vs_model_weight(m, VS_ROLE_W_DOWN, stack, (int)l);
            float *x = NULL;
            snprintf(name, sizeof name, "%zu.neurons", l);
            st = vs_part_columns(err, m, VS_ROLE_W_DOWN, (int)l, (size_t)vs_int(a, "rows"), &x, &t.shape[0]);
            if (st == VS_OK) st = packing_line(err, a, name, x, t.shape[0], in->stack[stack].d, seed, &random, o);
            vs_free(x);
        }
    }
    vs_out_end(o);
    vs_out_note(o,
                "  |cos|: mean of pairs; 99 %%: so many pairs are below; fit: directions, taken as they come, within "
                "%.2g of orthogonal to "
                "each taken before; random: the same of as many random directions; bound: the least that the largest "
                "|cosine| can be",
                vs_real(a, "limit"));
    return st;
}

static vs_status run_geometry(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *name = vs_arg(a, 0);
    vs_model *m = vs_named_model(s, name);
    vs_space *sp = m ? NULL : name ? vs_session_space_named(s, name) : vs_session_space(s);
    bool parts = vs_has(a, "subspaces") || vs_has(a, "heads");
    if (vs_int(a, "rows") < 2 || !(vs_real(a, "limit") >= 0))
        return vs_fail(err, VS_E_USAGE, "--rows wants a number from 2, --limit one from 0");
    if (!m && !sp)
        return vs_fail(err, VS_E_UNKNOWN, "%s is not open; models and spaces list what is", name ? name : "no space");
    if (!m && (parts || vs_has(a, "text") || vs_has(a, "file")))
        return vs_fail(err, VS_E_USAGE, "%s is a space: --subspaces, --heads, --text and --file are of models",
                       vs_space_name(sp));
    if (vs_has(a, "heads")) return vs_show_heads(err, m, vs_int(a, "heads"), vs_has(a, "gains"), o);
    if (parts) return vs_show_subspaces(err, m, vs_has(a, "gains"), o);
    if (vs_has(a, "directions")) return directions(err, s, a, m, sp, o);
    return m ? of_model(err, s, a, m, o) : of_space(err, sp, (size_t)vs_int(a, "rows"), o);
}
static const char *const examples[] = {"geometry",           "geometry default",      "geometry --subspaces",
                                       "geometry --heads 1", "geometry --directions", NULL};
const vs_cmd vs_cmd_geometry = {
    .name = "geometry",
    .group = "study",
    .synopsis = "[MODEL|SPACE] [--text TEXT|--file FILE] [--subspaces|--heads LAYER|--directions]",
    .summary = "how vectors fill their dimensions: norms, spectrum, anisotropy, outliers, subspaces",
    .details =
        "Of a space its rows; of a model (the current one) its tables and the stream entering each block, a row a "
        "token, over\n"
        "built-in sentences, a text or a file of them. Special tokens are left out: their streams are unlike all "
        "others.\n"
        "--subspaces: the directions in which attention (W_O) and the MLP (W_out) of each layer write most, and those "
        "which\n"
        "later ones (W_V, W_in) read most, with norms' gains: mean squared cosine of the principal angles; --heads the "
        "same head\n"
        "by head. --directions: how many directions fit that are nearly orthogonal, more than there are dimensions.",
    .style = VS_ARGS_WORDS,
    .max_args = 1,
    .opts = opts,
    .examples = examples,
    .complete = VS_COMPLETE_SPACE,
    .run = run_geometry};

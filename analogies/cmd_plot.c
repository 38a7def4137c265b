/* cmd_plot.c - plot, clusters: many vectors in the plane, and what they gather into. */
#include <stdio.h>
#include <string.h>

#include "shape.h"

enum { FEW = 1000, MANY = 5000, NAMES = 4 };

static const vs_opt plot_opts[] = {
    {"method", 'm', VS_OPT_TEXT, "pca|tsne|umap", "how they are laid out", "pca", VS_COMPLETE_CHOICE},
    {"k", 'k', VS_OPT_INT, "K", "colour them by K clusters", NULL, VS_COMPLETE_NONE},
    {"to", 0, VS_OPT_TEXT, "FILE", "draw them too: FILE.svg or FILE.png", NULL, VS_COMPLETE_FILE},
    VS_PICK_OPTS,
    {"perplexity", 0, VS_OPT_REAL, "P", "tsne: how many neighbours a point has, about (30)", NULL, VS_COMPLETE_NONE},
    {"neighbours", 0, VS_OPT_INT, "K", "umap: neighbours of a point, itself among them (15)", NULL, VS_COMPLETE_NONE},
    {"min-dist", 0, VS_OPT_REAL, "D", "umap: how near points may come", "0.1", VS_COMPLETE_NONE},
    {"seed", 0, VS_OPT_INT, "N", "of what is drawn at random (set seed)", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static uint64_t seed_of(vs_session *s, const vs_args *a) {
    return vs_has(a, "seed") ? (uint64_t)vs_int(a, "seed") : vs_session_settings(s)->seed;
}

static const char *const method_names[] = {"PCA", "t-SNE", "UMAP"};

static vs_layout_kind kind_of(const vs_args *a) {
    const char *m = vs_text(a, "method");
    return !strcmp(m, "tsne") ? VS_LAYOUT_TSNE : !strcmp(m, "umap") ? VS_LAYOUT_UMAP : VS_LAYOUT_PCA;
}

static void say_facts(const vs_args *a, const vs_layout_options *opt, const vs_layout_facts *f, const vs_picked *p,
                      vs_out *o) {
    vs_out_text(o, VS_COL_JSON_ONLY, "method", vs_text(a, "method"));
    vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(p->space));
    vs_out_int(o, VS_COL_JSON_ONLY, "n", (int64_t)p->n);
    vs_out_real(o, VS_COL_JSON_ONLY, "kept", f->kept, 4);
    if (opt->kind == VS_LAYOUT_PCA) {
        vs_out_reals(o, VS_COL_JSON_ONLY, "variance", (float[]){(float)f->share[0], (float)f->share[1]}, 2);
    } else if (opt->kind == VS_LAYOUT_TSNE) {
        vs_out_real(o, VS_COL_JSON_ONLY, "perplexity", f->perplexity, 1);
        vs_out_real(o, VS_COL_JSON_ONLY, "kl", f->kl, 4);
        vs_out_note(o, "  perplexity %g, %s; KL %.3f nats; distances between clusters mean little", f->perplexity,
                    f->exact ? "each pair by itself" : "far points by cells", f->kl);
    } else {
        vs_out_int(o, VS_COL_JSON_ONLY, "neighbours", (int64_t)f->neighbours);
        vs_out_note(o, "  %zu neighbours; distances between clusters mean little", f->neighbours);
    }
    char many[32] = "";
    if (f->near > 1) snprintf(many, sizeof many, "%zu ", f->near);
    vs_out_note(o, "  of each one's %snearest by cosine %.0f %% are its %snearest here (by chance %.1f %%)", many,
                100 * f->kept, many, 100 * (double)f->near / (double)(p->n - 1));
}

static void list(const vs_picked *p, const float *y, const vs_clusters *c, vs_out *o) {
    static const vs_col cols[] = {{"key", VS_COL_TEXT, 0, VS_COL_JSON_ONLY, NULL},
                                  {"x", VS_COL_REAL, 4, VS_COL_JSON_ONLY, NULL},
                                  {"y", VS_COL_REAL, 4, VS_COL_JSON_ONLY, NULL},
                                  {"cluster", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL}};
    vs_out_table(o, "points", cols, c->k ? 4 : 3);
    for (size_t i = 0; i < p->n; i++) {
        vs_out_cell_text(o, p->label[i]);
        vs_out_cell_real(o, (double)y[2 * i]);
        vs_out_cell_real(o, (double)y[2 * i + 1]);
        if (c->k) vs_out_cell_int(o, (int64_t)c->which[i] + 1);
    }
    vs_out_end(o);
}

static const char *of(const vs_picked *p) { return p->apart ? "" : " of "; }
static const char *name_of(const vs_picked *p) { return p->apart ? "" : vs_space_name(p->space); }

static vs_status picture(vs_err *err, const vs_args *a, const vs_picked *p, const float *y, const vs_clusters *c,
                         vs_layout_kind kind, const vs_layout_facts *f, vs_out *o) {
    char title[160], axis[2][80];
    const char *to = vs_text(a, "to");
    vs_point *point = vs_alloc(p->n, sizeof *point);
    if (!point) return vs_fail(err, VS_E_NOMEM, "no memory for %zu points", p->n);
    for (size_t i = 0; i < p->n; i++)
        point[i] = (vs_point){(double)y[2 * i], (double)y[2 * i + 1], p->label[i], c->k ? c->which[i] : 0};
    snprintf(title, sizeof title, "%zu vectors%s%s, %s", p->n, of(p), name_of(p), method_names[kind]);
    for (int i = 0; i < 2; i++)
        snprintf(axis[i], sizeof axis[i], "%s component, %.1f %% of the variance", i ? "second" : "first",
                 100 * f->share[i]);
    bool pca = kind == VS_LAYOUT_PCA;
    vs_scatter scatter = {.title = title,
                          .x_axis = pca ? axis[0] : NULL,
                          .y_axis = pca ? axis[1] : NULL,
                          .scaled = true,
                          .point = point,
                          .n = p->n,
                          .group = c->words,
                          .n_groups = c->k};
    vs_out_scatter(o, &scatter);
    vs_status st = to ? vs_out_picture(err, o, to, &scatter) : VS_OK;
    vs_free(point);
    if (st == VS_OK && to) vs_out_text(o, 0, "to", to);
    return st;
}

static vs_status run_plot(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_layout_options opt = {
        .kind = kind_of(a), .min_dist = vs_real(a, "min-dist"), .seed = seed_of(s, a), .progress = vs_out_progress(o)};
    if (vs_has(a, "perplexity")) opt.perplexity = vs_real(a, "perplexity");
    if (vs_has(a, "neighbours")) opt.neighbours = (size_t)vs_int(a, "neighbours");
    if (!(opt.perplexity >= 0) || (vs_has(a, "neighbours") && vs_int(a, "neighbours") < 2))
        return vs_fail(err, VS_E_USAGE, "--perplexity wants a number from 1, --neighbours from 2");
    vs_picked p;
    vs_clusters c = {0};
    vs_layout_facts f;
    vs_status st = vs_pick(err, s, a, FEW, &p, o);
    float *y = st == VS_OK ? vs_alloc(p.n, 2 * sizeof *y) : NULL;
    if (st == VS_OK && !y) st = vs_fail(err, VS_E_NOMEM, "no memory for %zu points", p.n);
    if (st == VS_OK && vs_has(a, "k")) st = vs_cluster(err, &p, vs_int(a, "k"), NAMES, opt.seed, &c);
    if (st == VS_OK) st = vs_layout(err, p.x, p.n, p.d, &opt, y, &f);
    if (st == VS_OK) st = picture(err, a, &p, y, &c, opt.kind, &f, o);
    if (st == VS_OK) {
        say_facts(a, &opt, &f, &p, o);
        list(&p, y, &c, o);
    }
    vs_free(y);
    vs_clusters_free(&c);
    vs_picked_free(&p);
    return st;
}
static const char *const plot_examples[] = {"plot king queen man woman prince princess boy girl",
                                            "plot --near paris -n 40 --method tsne --k 3",
                                            "plot --top 300 --method umap --k 5 --to words.svg", NULL};
const vs_cmd vs_cmd_plot = {
    .name = "plot",
    .group = "vectors",
    .synopsis = "[EXPR, …] [--near EXPR] [--top N] [--method pca|tsne|umap] [--k K] [--to FILE]",
    .summary = "many vectors in the plane, drawn here and as SVG or PNG",
    .details = "What is drawn: expressions, with --near the -n nearest to one, with --top the first rows of the space "
               "(1,000 of "
               "them where nothing is said).\n"
               "pca shows rows as they are along the two directions in which they vary most; tsne (van der Maaten "
               "2014) and umap\n"
               "(McInnes et al. 2018) bring near what is near by cosine. --k colours by k-means of the unit vectors "
               "and names\n"
               "each cluster by its most central words. In an SVG each point says its word under the pointer.",
    .style = VS_ARGS_EXPRS,
    .max_args = 64,
    .opts = plot_opts,
    .examples = plot_examples,
    .complete = VS_COMPLETE_WORD,
    .run = run_plot};

static const vs_opt cluster_opts[] = {
    {"k", 'k', VS_OPT_INT, "K", "how many clusters", "10", VS_COMPLETE_NONE},
    {"words", 0, VS_OPT_INT, "W", "how many central words of each", "8", VS_COMPLETE_NONE},
    VS_PICK_OPTS,
    {"seed", 0, VS_OPT_INT, "N", "of what is drawn at random (set seed)", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static vs_status run_clusters(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    static const vs_col cols[] = {{"cluster", VS_COL_INT, 0, 0, NULL},
                                  {"size", VS_COL_INT, 0, 0, NULL},
                                  {"tight", VS_COL_SCORE, 3, 0, NULL},
                                  {"words", VS_COL_TEXT, 0, 0, NULL}};
    if (vs_int(a, "words") < 1) return vs_fail(err, VS_E_USAGE, "--words wants a number from 1");
    vs_picked p;
    vs_clusters c = {0};
    vs_status st = vs_pick(err, s, a, MANY, &p, o);
    if (st == VS_OK) st = vs_cluster(err, &p, vs_int(a, "k"), (size_t)vs_int(a, "words"), seed_of(s, a), &c);
    if (st == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(p.space));
        vs_out_int(o, VS_COL_JSON_ONLY, "n", (int64_t)p.n);
        vs_out_table(o, "clusters", cols, 4);
        for (size_t k = 0; k < c.k; k++) {
            vs_out_cell_int(o, (int64_t)k + 1);
            vs_out_cell_int(o, (int64_t)c.size[k]);
            vs_out_cell_real(o, c.tight[k]);
            vs_out_cell_text(o, c.words[k]);
        }
        vs_out_end(o);
        vs_out_note(o, "  %zu vectors%s%s; tight: the mean cosine of a cluster's vectors with their mean", p.n, of(&p),
                    name_of(&p));
    }
    vs_clusters_free(&c);
    vs_picked_free(&p);
    return st;
}
static const char *const cluster_examples[] = {"clusters -k 8 --top 2000", "clusters --near music -n 60 -k 4 --words 5",
                                               NULL};
const vs_cmd vs_cmd_clusters = {
    .name = "clusters",
    .group = "vectors",
    .synopsis = "[EXPR, …] [--near EXPR] [--top N] [-k K]",
    .summary = "what vectors gather into: k-means, with the central words of each cluster",
    .details =
        "Clusters of expressions, with --near of the -n vectors nearest to one, with --top of the first rows of the "
        "space\n"
        "(5,000 of them where nothing is said): k-means of the unit vectors (k-means++, the seed of `set seed`).",
    .style = VS_ARGS_EXPRS,
    .max_args = 64,
    .opts = cluster_opts,
    .examples = cluster_examples,
    .complete = VS_COMPLETE_WORD,
    .run = run_clusters};

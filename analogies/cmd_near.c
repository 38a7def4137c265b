/* cmd_near.c - near: neighbours of an expression. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "near.h"

static const vs_opt near_opts[] = {
    VS_NEAR_OPTS,
    {"file", 0, VS_OPT_TEXT, "FILE", "an expression a line, asked together: an answer a line", NULL, VS_COMPLETE_FILE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* A..B, A.. or B: ranks from 1. */
static vs_status parse_rank(vs_err *err, const char *text, vs_filter *f) {
    char *end;
    const char *dots = strstr(text, "..");
    unsigned long long first = 1, last = 0;
    bool digits = strspn(text, "0123456789.") == strlen(text) && *text >= '0' && *text <= '9';
    errno = 0;
    if (dots) {
        first = strtoull(text, &end, 10);
        digits = digits && end == dots;
        if (dots[2]) last = strtoull(dots + 2, &end, 10);
        digits = digits && (!dots[2] || !*end);
    } else {
        last = strtoull(text, &end, 10);
        digits = digits && !*end;
    }
    if (!digits || errno || first < 1 || (last && last < first) || (last == 0 && !(dots && !dots[2])))
        return vs_fail(err, VS_E_USAGE, "--rank wants ranks from 1, as 1..20000, 500.. or 20000, not %s", text);
    f->first = (size_t)first;
    f->last = (size_t)last;
    return VS_OK;
}

vs_status vs_near_how_of(vs_err *err, const vs_args *a, const char *name, vs_filter *f, vs_near_how *how) {
    int64_t k = vs_int(a, "k");
    if (vs_has(a, "k") && k < 1) return vs_fail(err, VS_E_USAGE, "%s: -k wants a number from 1, not %lld", name, (long long)k);
    *f = (vs_filter){.match = vs_text(a, "match"), .where = vs_text(a, "where")};
    if (vs_has(a, "rank")) VS_TRY(parse_rank(err, vs_text(a, "rank"), f));
    *how = (vs_near_how){.k = (size_t)k, .in = vs_text(a, "in"), .keep_operands = vs_args_operands(a) == VS_OPERANDS_KEPT};
    if (f->match || f->where || f->first) how->filter = f;
    (void)vs_measure_find(vs_text(a, "metric"), &how->measure); /* a choice is one of them */
    return VS_OK;
}

static vs_status run_near(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_filter filter;
    vs_near_how how;
    const char *expr = vs_arg(a, 0), *file = vs_text(a, "file");
    VS_TRY(vs_near_how_of(err, a, "near", &filter, &how));
    if (!expr && !file) return vs_fail(err, VS_E_USAGE, "near wants more: near EXPR [-k K]");
    if (expr && file) return vs_fail(err, VS_E_USAGE, "near wants EXPR or --file FILE, not both");
    if (file && vs_has(a, "both")) return vs_fail(err, VS_E_USAGE, "near: --both is for one expression, not --file");
    return file ? vs_query_file(err, s, file, &how, o) : vs_query(err, s, expr, strlen(expr), &how, vs_args_operands(a), o);
}
static const char *const near_examples[] = {"near queen - king + man",
                                            "near paris -k 5",
                                            "near paris --metric l2 -k 3",
                                            "near king --match ^[a-f] --rank 1..5000",
                                            "near king --where \"key like 'q%'\" -k 3",
                                            NULL};
const vs_cmd vs_cmd_near = {
    .name = "near",
    .group = "vectors",
    .synopsis = "EXPR [-k K]",
    .summary = "nearest neighbours of an expression, exactly",
    .details =
        "EXPR adds and subtracts vectors: words, \"quoted phrases\", glove:queen, W_E:\" basketball\", $names, and "
        "places in a pass:\n"
        "\"the river bank\"@6[bank] is the stream entering block 6 at that word, @6.mlp_out[bank] what its MLP adds.\n"
        "+ - * / count between blanks only, so mother-in-law is a word.  unit(x) mean(x, y, …) project(x, y) reject(x, y) pc(i)\n"
        "cluster(x, k) give vectors; norm(x) dot(x, y) cos(x, y) dist(x, y) give numbers.\n"
        "neuron(12,345,in|gate|out) and head(5,1,q|k|v|o|ov|qk,x) are of the model's weights (of two stacks also encoder.2, and of a\n"
        "head 5.xattn, in place of the layer), sql(\"select vec …\") is a row of the store,\n"
        "map(x, SPACE) what a map makes of x, file(\"a.npy\") a file's; MODEL: in front of a text or a weight says whose it is.\n"
        "Operands are left out of the answer, as word2vec and gensim do; --keep shows them, --both shows both ways.\n"
        "A row's frequency rank is its place in the space, counted from 1: word vectors stand in that order.",
    .style = VS_ARGS_EXPR,
    .opts = near_opts,
    .examples = near_examples,
    .complete = VS_COMPLETE_WORD,
    .run = run_near};

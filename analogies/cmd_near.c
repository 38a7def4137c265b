/* cmd_near.c - near, analogy: neighbours of an expression. */
#include <string.h>

#include "../lib/command.h"

static const vs_opt near_opts[] = {
    {"k", 'k', VS_OPT_INT, "K", "how many (set k)", NULL, VS_COMPLETE_NONE},
    {"in", 0, VS_OPT_TEXT, "SPACE", "look for neighbours there", NULL, VS_COMPLETE_SPACE},
    VS_OPERAND_OPTS,
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static vs_status run_near(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    int64_t k = vs_int(a, "k");
    if (vs_has(a, "k") && k < 1)
        return vs_fail(err, VS_E_USAGE, "near: -k wants a number from 1, not %lld", (long long)k);
    return vs_query(err, s, vs_arg(a, 0), strlen(vs_arg(a, 0)), (size_t)k, vs_text(a, "in"), vs_args_operands(a), o);
}
static const char *const near_examples[] = {"near queen - king + man", "near paris -k 5", NULL};
const vs_cmd vs_cmd_near = {
    .name = "near",
    .group = "vectors",
    .synopsis = "EXPR [-k K]",
    .summary = "nearest neighbours of an expression, by cosine",
    .details =
        "EXPR adds and subtracts vectors: words, \"quoted phrases\", glove:queen, W_E:\" basketball\", $names, and "
        "places in a pass:\n"
        "\"the river bank\"@6[bank] is the stream entering block 6 at that word, @6.mlp_out[bank] what its MLP adds.\n"
        "+ - * / count between blanks only, so mother-in-law is a word.  unit(x) mean(x, y, …) project(x, y) reject(x, y) pc(i)\n"
        "cluster(x, k) give vectors; norm(x) dot(x, y) cos(x, y) dist(x, y) give numbers.\n"
        "Operands are left out of the answer, as word2vec and gensim do; --keep shows them, --both shows both ways.",
    .style = VS_ARGS_EXPR,
    .min_args = 1,
    .opts = near_opts,
    .examples = near_examples,
    .complete = VS_COMPLETE_WORD,
    .run = run_near};

/* A is to B as C is to …: B − A + C (Mikolov et al. 2013, 3CosAdd over unit vectors). */
static vs_status run_analogy(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_buf b = {0};
    const int order[3] = {1, 0, 2};
    static const char *const sign[3] = {"", " - ", " + "};
    for (int i = 0; i < 3; i++) {
        const char *word = vs_arg(a, (size_t)order[i]);
        size_t n = strlen(word);
        bool quoted = n > 2 && word[0] == '"' && word[n - 1] == '"';
        vs_buf_puts(&b, sign[i]);
        vs_buf_puts(&b, quoted ? "unit(" : "unit(\"");
        for (const char *p = word; *p; p++) {
            if (!quoted && (*p == '"' || *p == '\\')) vs_buf_putc(&b, '\\');
            vs_buf_putc(&b, *p);
        }
        vs_buf_puts(&b, quoted ? ")" : "\")");
    }
    vs_status st = b.failed
                       ? vs_fail(err, VS_E_NOMEM, "no memory for an analogy")
                       : vs_query(err, s, b.s, b.len, (size_t)vs_int(a, "k"), vs_text(a, "in"), vs_args_operands(a), o);
    vs_buf_free(&b);
    return st;
}
static const char *const analogy_examples[] = {"analogy king queen man", "analogy france paris italy -k 3", NULL};
const vs_cmd vs_cmd_analogy = {.name = "analogy",
                               .group = "vectors",
                               .synopsis = "A B C",
                               .summary = "A is to B as C is to …: unit vectors, b - a + c",
                               .style = VS_ARGS_EXPRS,
                               .min_args = 3,
                               .max_args = 3,
                               .opts = near_opts,
                               .examples = analogy_examples,
                               .complete = VS_COMPLETE_WORD,
                               .run = run_analogy};

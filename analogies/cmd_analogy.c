/* cmd_analogy.c - analogy: A is to B as C is to …, by any of the methods, in a space or at a layer of a model. */
#include <string.h>

#include "near.h"
#include "words.h"

#define OR(name, word) "|" word
static const char methods[] = VS_ANALOGY_METHODS(OR);
#undef OR

static const vs_opt opts[] = {
    VS_NEAR_OPTS,
    {"method", 0, VS_OPT_TEXT, methods + 1, "how an answer is scored", "3cosadd", VS_COMPLETE_CHOICE},
    {"class", 0, VS_OPT_TEXT, "WORDS", "lrcos: other words of B's kind, blanks between", NULL, VS_COMPLETE_WORD},
    {"frame", 0, VS_OPT_TEXT, "TEXT", "at a layer (--in MODEL@LAYER): each word in this text, at %s", NULL, VS_COMPLETE_NONE},
    {"words", 0, VS_OPT_TEXT, "FILE", "at a layer: what may answer (the 1,000 most frequent built-in words)", NULL, VS_COMPLETE_FILE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

/* B − A + C over unit vectors (Mikolov et al. 2013), as an expression. */
static vs_status by_expression(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
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
    vs_filter filter;
    vs_near_how how;
    vs_status st = b.failed ? vs_fail(err, VS_E_NOMEM, "no memory for an analogy") : vs_near_how_of(err, a, "analogy", &filter, &how);
    if (st == VS_OK) st = vs_query(err, s, b.s, b.len, &how, vs_args_operands(a), o);
    vs_buf_free(&b);
    return st;
}

/* ---- the other methods ---- */

typedef struct asked {
    vs_space *space;
    vs_value v[3];     /* a, b, c */
    size_t *skip, *group;
    size_t n_skip, n_group;
    uint64_t *allow;   /* the rows that the filter leaves */
} asked;

static void asked_free(asked *q) {
    for (int i = 0; i < 3; i++) vs_value_free(&q->v[i]);
    vs_free(q->skip);
    vs_free(q->group);
    vs_free(q->allow);
}

static vs_status answers(vs_err *err, vs_session *s, const vs_args *a, const asked *q, const vs_analogy_question *ask, bool kept,
                         const char *name, vs_out *o) {
    static const vs_col cols[] = {{"key", VS_COL_TOKEN, 0, 0, NULL}, {"score", VS_COL_SCORE, 4, 0, NULL}};
    size_t k, found = 0;
    vs_analogy_question now = *ask;
    VS_TRY(vs_count_opt(err, s, a, &k));
    if (kept) now.n_skip = 0;
    if (k > vs_space_rows(q->space)) k = vs_space_rows(q->space);
    size_t *idx = vs_alloc(k, sizeof *idx);
    float *score = vs_alloc(k, sizeof *score);
    vs_status st = idx && score ? vs_analogy_ask(err, q->space, &now, k, idx, score, &found)
                                : vs_fail(err, VS_E_NOMEM, "no memory for %zu answers", k);
    if (st == VS_OK) {
        vs_out_table(o, name, cols, 2);
        for (size_t i = 0; i < found; i++) {
            vs_cell_key(o, q->space, idx[i]);
            vs_out_cell_real(o, (double)score[i]);
        }
        vs_out_end(o);
    }
    vs_free(idx);
    vs_free(score);
    return st;
}

static vs_status show(vs_err *err, vs_session *s, const vs_args *a, asked *q, vs_analogy_method method, vs_out *o) {
    vs_analogy_question ask = {.method = method, .a = q->v[0].vec, .b = q->v[1].vec, .c = q->v[2].vec, .skip = q->skip,
                               .n_skip = q->n_skip, .group = q->group, .n_group = q->n_group, .seed = vs_session_settings(s)->seed};
    vs_filter filter;
    vs_near_how how;
    if (vs_has(a, "metric")) return vs_fail(err, VS_E_USAGE, "analogy: --metric is for 3cosadd in a space; the other methods say how near");
    VS_TRY(vs_near_how_of(err, a, "analogy", &filter, &how));
    if (how.filter) VS_TRY(vs_session_filter(err, s, q->space, how.filter, &q->allow));
    ask.allow = q->allow;
    vs_buf text = {0};
    vs_buf_printf(&text, "%s : %s :: %s", vs_arg(a, 0), vs_arg(a, 1), vs_arg(a, 2));
    vs_out_text(o, VS_COL_JSON_ONLY, "query", text.s ? text.s : "");
    vs_buf_free(&text);
    vs_out_text(o, VS_COL_JSON_ONLY, "space", vs_space_name(q->space));
    vs_out_text(o, VS_COL_JSON_ONLY, "method", vs_analogy_method_name(method));
    for (int i = 0; i < 3; i++) vs_say_notes(o, &q->v[i]);
    vs_operands operands = vs_args_operands(a);
    if (operands != VS_OPERANDS_BOTH) return answers(err, s, a, q, &ask, operands == VS_OPERANDS_KEPT, "results", o);
    vs_out_heading(o, "operands left out");
    VS_TRY(answers(err, s, a, q, &ask, false, "results", o));
    vs_out_heading(o, "operands kept");
    return answers(err, s, a, q, &ask, true, "kept", o);
}

/* Words of a list, each a row of the space. */
static vs_status read_class(vs_err *err, const char *list, asked *q) {
    size_t room = strlen(list) / 2 + 1;
    q->group = vs_alloc(room, sizeof *q->group);
    if (!q->group) return vs_fail(err, VS_E_NOMEM, "no memory for a class");
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, " ,\t\n");
        size_t row[VS_LOOKUP_MAX], rows;
        vs_match how;
        vs_buf note = {0};
        float *vec = n ? vs_alloc(vs_space_dim(q->space), sizeof *vec) : NULL;
        if (n && !vec) return vs_fail(err, VS_E_NOMEM, "no memory for a class");
        vs_status st = n ? vs_space_lookup(err, q->space, p, n, false, vec, row, &rows, &how, &note) : VS_OK;
        vs_free(vec);
        vs_buf_free(&note);
        VS_TRY(st);
        if (n && rows != 1) return vs_fail(err, VS_E_UNKNOWN, "--class: %.*s is no single row of %s", (int)n, p, vs_space_name(q->space));
        if (n) q->group[q->n_group++] = row[0];
        p += n + (p[n] != '\0');
    }
    return VS_OK;
}

static vs_status class_of(vs_err *err, const vs_args *a, vs_analogy_method method, asked *q) {
    if (method == VS_ANALOGY_LRCOS && !vs_has(a, "class"))
        return vs_fail(err, VS_E_USAGE, "analogy: lrcos wants --class \"WORDS\": other words of the kind that \"%s\" is of", vs_arg(a, 1));
    if (method != VS_ANALOGY_LRCOS && vs_has(a, "class")) return vs_fail(err, VS_E_USAGE, "analogy: --class is for --method lrcos");
    return vs_has(a, "class") ? read_class(err, vs_text(a, "class"), q) : VS_OK;
}

static vs_status in_a_space(vs_err *err, vs_session *s, const vs_args *a, vs_analogy_method method, asked *q) {
    for (size_t i = 0; i < 3; i++) {
        const char *word = vs_arg(a, i);
        VS_TRY(vs_session_eval(err, s, word, strlen(word), &q->v[i]));
        q->n_skip += q->v[i].n_rows;
    }
    const char *in = vs_text(a, "in");
    q->space = in ? vs_session_space_named(s, in) : q->v[0].space ? q->v[0].space : vs_session_space(s);
    if (!q->space) return vs_fail(err, VS_E_UNKNOWN, "no space is called %s; spaces lists them", in ? in : "that");
    q->skip = vs_alloc(q->n_skip, sizeof *q->skip);
    if (!q->skip) return vs_fail(err, VS_E_NOMEM, "no memory for an analogy");
    q->n_skip = 0;
    for (size_t i = 0; i < 3; i++) {
        if (q->v[i].dim != vs_space_dim(q->space))
            return vs_fail(err, VS_E_SHAPE, "%s has %zu numbers, the rows of %s have %zu", vs_arg(a, i), q->v[i].dim,
                           vs_space_name(q->space), vs_space_dim(q->space));
        for (size_t t = 0; t < q->v[i].n_rows && q->v[i].space == q->space; t++) q->skip[q->n_skip++] = q->v[i].rows[t];
    }
    return class_of(err, a, method, q);
}

/* ---- at a layer ---- */

/* A, B, C, then the class, then what else may answer. */
static vs_status candidates(vs_err *err, vs_session *s, const vs_args *a, vs_word_set *out) {
    enum { BUILT_IN = 1000 };
    if (vs_has(a, "words")) {
        VS_TRY(vs_word_set_read(err, vs_text(a, "words"), out));
    } else {
        vs_space *words = vs_session_space_named(s, "default");
        if (!words) return vs_fail(err, VS_E_NOMEM, "no memory for the built-in words");
        for (size_t i = 0; i < BUILT_IN && i < vs_space_rows(words); i++) {
            size_t n;
            const char *key = vs_space_key(words, i, &n);
            VS_TRY(vs_word_set_add(err, out, key, n));
        }
    }
    for (size_t i = 0; i < 3; i++) VS_TRY(vs_word_set_add(err, out, vs_arg(a, i), strlen(vs_arg(a, i))));
    const char *p = vs_has(a, "class") ? vs_text(a, "class") : "";
    for (size_t n; *p; p += n + (p[n] != '\0')) {
        n = strcspn(p, " ,\t\n");
        if (n) VS_TRY(vs_word_set_add(err, out, p, n));
    }
    return VS_OK;
}

static vs_status row_of(vs_err *err, const vs_space *sp, const char *word, asked *q, int i) {
    size_t row;
    if (!vs_space_find(sp, word, strlen(word), &row)) return vs_fail(err, VS_E_UNKNOWN, "%s has no key \"%s\"", vs_space_name(sp), word);
    q->v[i] = (vs_value){.dim = vs_space_dim(sp), .vec = vs_alloc(vs_space_dim(sp), sizeof(float))};
    if (!q->v[i].vec) return vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    q->skip[q->n_skip++] = row;
    return vs_space_row(err, sp, row, q->v[i].vec);
}

/* A, B, C are rows of q's space. */
static vs_status of_rows(vs_err *err, const vs_args *a, vs_analogy_method method, asked *q) {
    q->skip = vs_alloc(3, sizeof *q->skip);
    if (!q->skip) return vs_fail(err, VS_E_NOMEM, "no memory for an analogy");
    for (int i = 0; i < 3; i++) VS_TRY(row_of(err, q->space, vs_arg(a, (size_t)i), q, i));
    return class_of(err, a, method, q);
}

/* Words that space make read at a layer and kept. */
static vs_status in_a_kept_layer(vs_err *err, vs_session *s, const vs_args *a, vs_analogy_method method, vs_out *o) {
    asked q = {.space = vs_session_space_named(s, vs_text(a, "in"))};
    vs_status st = q.space ? of_rows(err, a, method, &q) : vs_fail(err, VS_E_UNKNOWN, "no space is called %s; spaces lists them", vs_text(a, "in"));
    if (st == VS_OK) st = show(err, s, a, &q, method, o);
    asked_free(&q);
    return st;
}

static vs_status at_a_layer(vs_err *err, vs_session *s, const vs_args *a, vs_analogy_method method, const vs_layers *at, vs_out *o) {
    asked q = {0};
    vs_word_set words = {0};
    if (at->from != at->to) return vs_fail(err, VS_E_USAGE, "analogy: --in %s@LAYER wants one layer", at->name);
    vs_status st = candidates(err, s, a, &words);
    vs_layer_words list = {words.at, words.n, vs_text(a, "frame"), false};
    if (st == VS_OK) st = vs_session_layer_spaces(err, s, at, &list, vs_out_progress(o), &q.space);
    if (st == VS_OK) st = of_rows(err, a, method, &q);
    if (st == VS_OK) {
        vs_out_note(o, "  over %zu words, each read by %s%s%s%s; the stream at the word, layer %zu", vs_space_rows(q.space), at->name,
                    list.frame ? " in \"" : " by itself", list.frame ? list.frame : "", list.frame ? "\"" : "", at->from);
        st = show(err, s, a, &q, method, o);
    }
    asked_free(&q);
    vs_space_free(q.space);
    vs_word_set_free(&words);
    return st;
}

static vs_status run(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_analogy_method method;
    vs_layers at;
    bool layers = false;
    const char *in = vs_text(a, "in");
    VS_TRY(vs_analogy_method_find(err, vs_text(a, "method"), &method));
    if (in && strchr(in, '@')) VS_TRY(vs_session_layers(err, s, in, &layers, &at));
    if (layers) return at_a_layer(err, s, a, method, &at, o);
    if (vs_has(a, "frame") || vs_has(a, "words"))
        return vs_fail(err, VS_E_USAGE, "analogy: --frame and --words are of a layer: --in MODEL@LAYER");
    if (in && strchr(in, '@')) return in_a_kept_layer(err, s, a, method, o);
    if (method == VS_ANALOGY_ADD && !vs_has(a, "class")) return by_expression(err, s, a, o);
    asked q = {0};
    vs_status st = in_a_space(err, s, a, method, &q);
    if (st == VS_OK) st = show(err, s, a, &q, method, o);
    asked_free(&q);
    return st;
}

static const char *const examples[] = {"analogy king queen man", "analogy france paris italy -k 3", "analogy king queen man --method 3cosmul -k 3",
                                       "analogy france paris italy --method lrcos --class \"berlin madrid london tokyo\" -k 3", NULL};
const vs_cmd vs_cmd_analogy = {
    .name = "analogy",
    .group = "vectors",
    .synopsis = "A B C [--method M]",
    .summary = "A is to B as C is to …",
    .details = "Methods, over unit vectors: 3cosadd, the row nearest to b - a + c (Mikolov et al. 2013); 3cosmul, cos(x,b) cos(x,c) / (cos(x,a) +\n"
               "0.001), each cosine moved to 0..1 (Levy & Goldberg 2014); pairdirection, the cosine of x - c with b - a; lrcos, cos(x,c) times the\n"
               "probability that x is of the kind of --class (logistic regression against a and random rows; Drozd et al. 2016).\n"
               "--in MODEL@LAYER --frame \"This is the word %s\": the same words in a text, as the model has them entering that block; the last\n"
               "layer is after the last block.  --in NAME@LAYER: those of a space that space make keeps.\n"
               "eval analogies scores a whole file.",
    .style = VS_ARGS_EXPRS,
    .min_args = 3,
    .max_args = 3,
    .opts = opts,
    .examples = examples,
    .complete = VS_COMPLETE_WORD,
    .run = run};

/* Expressions: a table of texts with what they are worth, over a toy space that knows which words are keys; every rule of
 * expr.h; messages; what is cut short or changed anywhere never crashes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "space/expr.h"

enum { D = 3 };

typedef struct toy_key {
    const char *key;
    float vec[D];
} toy_key;

static const toy_key toy[] = {
    {"queen", {1, 2, 3}}, {"king", {1, 0, 1}},  {"man", {0, 1, 5}},   {"mother-in-law", {1, 1, 1}}, {"c++", {2, 0, 0}},
    {"-", {7, 0, 0}},     {"+", {0, 7, 0}},     {"*", {0, 0, 7}},     {"/", {7, 7, 7}},             {"a/b", {0, 0, 1}},
    {"2", {9, 9, 9}},     {"1984", {8, 8, 8}},  {"12:30", {0, 3, 0}}, {"http://x", {0, 4, 0}},      {"new york", {5, 5, 5}},
    {"York", {0, 1, 0}},  {"New", {1, 0, 0}},   {":)", {6, 6, 6}},    {"f(x)", {4, 4, 4}},          {"unit", {3, 0, 0}},
    {"1,000", {2, 2, 2}}, {"isn't", {1, 1, 2}}, {"$", {0, 0, 9}},     {"$5", {0, 9, 9}},            {"zero", {0, 0, 0}},
    {"->", {0, 2, 0}},    {"-x", {0, 0, 8}},    {"(", {0, 0, 6}},     {"a:b", {3, 3, 0}},           {"5\"", {0, 5, 0}},
    {"größe", {1, 9, 9}}, {",", {0, 0, 5}},     {"\"", {0, 6, 6}},
};
enum { TOY = sizeof toy / sizeof *toy };

/* What the last address was, for the tests of addresses. */
static char seen[512];

static char here, there; /* the addresses of two spaces */
static vs_space *const space_here = (vs_space *)(void *)&here, *const space_there = (vs_space *)(void *)&there;

static bool toy_is_key(void *self, const char *s, size_t n) {
    (void)self;
    for (size_t i = 0; i < TOY; i++)
        if (strlen(toy[i].key) == n && memcmp(toy[i].key, s, n) == 0) return true;
    return false;
}

static bool toy_is_space(void *self, const char *s, size_t n) {
    (void)self;
    return (n == 5 && memcmp(s, "glove", 5) == 0) || (n == 4 && memcmp(s, "wide", 4) == 0) || (n == 9 && memcmp(s, "glove:W_E", 9) == 0);
}

static vs_status give(vs_value *out, const float *vec, size_t d, vs_space *space, size_t row) {
    out->vec = vs_alloc(d, sizeof *vec);
    out->rows = vs_alloc(1, sizeof *out->rows);
    if (!out->vec || !out->rows) return VS_E_NOMEM;
    memcpy(out->vec, vec, d * sizeof *vec);
    out->dim = d;
    out->space = space;
    out->of = space == space_there ? "there" : space ? "here" : NULL;
    if (space) out->rows[out->n_rows++] = row;
    return VS_OK;
}

static vs_status toy_resolve(vs_err *err, void *self, const vs_addr *a, vs_value *out) {
    (void)self;
    static const char *const kinds[] = {"key", "site", "name", "call"};
    vs_buf b = {0};
    vs_buf_printf(&b, "%s%s %s|%s|%s|%s", kinds[a->kind], a->quoted ? "\"" : "", a->space ? a->space : "-", a->text,
                  a->site ? a->site : "-", a->pos ? a->pos : "-");
    for (size_t i = 0; i < a->n_args; i++) vs_buf_printf(&b, "|%s", a->args[i]);
    if (a->target) vs_buf_printf(&b, " > %s", a->target);
    vs_buf_printf(&b, " @%zu", a->at);
    snprintf(seen, sizeof seen, "%s", b.s ? b.s : "");
    vs_buf_free(&b);
    assert_int_equal(strlen(a->text), a->text_len);
    static const float fixed[5] = {1, 10, 100, 1000, 10000};
    if (a->kind != VS_ADDR_KEY) return give(out, fixed, D, NULL, 0);
    if (a->space && strcmp(a->space, "wide") == 0) return give(out, fixed, 5, space_there, 1);
    for (size_t i = 0; i < TOY; i++)
        if (strcmp(toy[i].key, a->text) == 0) return give(out, toy[i].vec, D, a->space ? space_there : space_here, i);
    if (strcmp(a->text, "New York") == 0) {
        vs_buf_puts(&out->notes, "mean(New, York)");
        return give(out, (float[]){0.5F, 0.5F, 0}, D, space_here, 15);
    }
    return vs_fail(err, VS_E_UNKNOWN, "no key \"%s\"", a->text);
}

static vs_status toy_pc(vs_err *err, void *self, size_t i, vs_value *out) {
    (void)self;
    if (i >= D) return vs_fail(err, VS_E_RANGE, "want a component up to %d", D);
    float e[D] = {0};
    e[i] = 1;
    return give(out, e, D, space_here, 0);
}

static const vs_resolver resolver = {NULL, toy_resolve, toy_pc, toy_is_key, toy_is_space, toy_is_space};

static vs_status eval(vs_err *err, const char *text, vs_value *out) {
    return vs_eval(err, text, strlen(text), &resolver, out);
}

#define M "\xe2\x88\x92" /* − */

static const struct {
    const char *text;
    float want[D];
} worth[] = {
    /* keys that hold marks */
    {"queen", {1, 2, 3}},
    {"  queen\t", {1, 2, 3}},
    {"mother-in-law", {1, 1, 1}},
    {"c++", {2, 0, 0}},
    {"-", {7, 0, 0}},
    {"a/b", {0, 0, 1}},
    {"isn't", {1, 1, 2}},
    {"5\"", {0, 5, 0}},
    {":)", {6, 6, 6}},
    {"f(x)", {4, 4, 4}},
    {"(", {0, 0, 6}},
    {"->", {0, 2, 0}},
    {"\"", {0, 6, 6}},
    {",", {0, 0, 5}},
    {"1,000", {2, 2, 2}},
    {"12:30", {0, 3, 0}},
    {"http://x", {0, 4, 0}},
    {"a:b", {3, 3, 0}},
    {"$", {0, 0, 9}},
    {"$5", {0, 9, 9}},
    {"größe", {1, 9, 9}},
    {"unit", {3, 0, 0}},
    {"-x", {0, 0, 8}},
    {"2", {9, 9, 9}},
    {"1984", {8, 8, 8}},
    {"new york", {5, 5, 5}},
    {"New York", {0.5F, 0.5F, 0}},
    {"\"new york\"", {5, 5, 5}},
    {"\"2\"", {9, 9, 9}},
    /* operators stand between blanks; the minus sign anywhere */
    {"queen - king", {0, 2, 2}},
    {"queen " M " king", {0, 2, 2}},
    {"queen" M "king", {0, 2, 2}},
    {"queen - king + man", {0, 3, 7}},
    {"queen\t-\nking", {0, 2, 2}},
    {"c++ + c++", {4, 0, 0}},
    {"mother-in-law - king", {0, 1, 0}},
    {"queen - (king - man)", {0, 3, 7}},
    {"f(x) - f(x)", {0, 0, 0}},
    {":) - queen", {5, 4, 3}},
    {"new york - queen", {4, 3, 2}},
    {"queen - New York + king", {1.5F, 1.5F, 4}},
    {"1984 - 2", {-1, -1, -1}},
    {"5\" + 5\"", {0, 10, 0}},
    /* lone marks as keys */
    {"queen - -", {-6, 2, 3}},
    {"- - -", {0, 0, 0}},
    {"+ + +", {0, 14, 0}},
    {"\" + \"", {0, 12, 12}},
    {"* - /", {-7, -7, 0}},
    {"unit(-)", {1, 0, 0}},
    {"mean(-, +)", {3.5F, 3.5F, 0}},
    {"- * 2", {14, 0, 0}},
    /* signs */
    {"- queen", {-1, -2, -3}},
    {M "queen", {-1, -2, -3}},
    {M M "queen", {1, 2, 3}},
    {"- (queen - king)", {0, -2, -2}},
    {"queen - - king", {2, 2, 4}},
    {"queen + " M "king", {0, 2, 2}},
    {"queen * " M "2", {-2, -4, -6}},
    {M "2 * queen", {-2, -4, -6}},
    {"unit(- (2 * unit))", {-1, 0, 0}},
    /* numbers: scalars beside * and / only */
    {"queen * 2", {2, 4, 6}},
    {"2 * queen", {2, 4, 6}},
    {"queen / 2", {0.5F, 1, 1.5F}},
    {"-0.5 * queen", {-0.5F, -1, -1.5F}},
    {"+2 * queen", {2, 4, 6}},
    {"queen * 1e1", {10, 20, 30}},
    {"queen * .5", {0.5F, 1, 1.5F}},
    {"queen * 5e-1", {0.5F, 1, 1.5F}},
    {"2 * 3 * queen", {6, 12, 18}},
    {"2 / 4 * queen", {0.5F, 1, 1.5F}},
    {"(2 * 3) * queen", {6, 12, 18}},
    {"(2 * 3 - 1 * 4) * queen", {2, 4, 6}},
    {"queen + 2 * king", {3, 2, 5}},
    {"queen - king * 2 + man", {-1, 3, 6}},
    {"queen + 2", {10, 11, 12}},
    {"\"2\" * 2", {18, 18, 18}},
    /* functions */
    {"unit(unit)", {1, 0, 0}},
    {"unit( unit )", {1, 0, 0}},
    {"mean(queen, king)", {1, 1, 2}},
    {"mean(queen,king)", {1, 1, 2}},
    {"mean(queen)", {1, 2, 3}},
    {"mean(new york, queen)", {3, 3.5F, 4}},
    {"project(queen, unit)", {1, 0, 0}},
    {"reject(queen, unit)", {0, 2, 3}},
    {"project(queen, unit) + reject(queen, unit)", {1, 2, 3}},
    {"mean(queen - king, (man))", {0, 1.5F, 3.5F}},
    {"mean(queen " M "king,man) * 2", {0, 3, 7}},
    {"pc(1)", {1, 0, 0}},
    {"pc( 3 ) * 2", {0, 0, 2}},
    {"((queen))", {1, 2, 3}},
    /* spaces */
    {"glove:queen - queen", {0, 0, 0}},
    {"glove:New - glove:York", {1, -1, 0}},
    {"glove:new york", {5, 5, 5}},
    {"glove:\"new york\"", {5, 5, 5}},
    {"glove:\"new york\" " M "glove:queen", {4, 3, 2}},
    {"mean(glove:\"queen\", king)", {1, 1, 2}},
};

static void values(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof worth / sizeof *worth; i++) {
        vs_err err = {0};
        vs_value v;
        if (eval(&err, worth[i].text, &v) != VS_OK) fail_msg("%s: %s", worth[i].text, err.msg);
        assert_int_equal(v.dim, D);
        for (size_t j = 0; j < D; j++)
            if (fabsf(v.vec[j] - worth[i].want[j]) > 1e-6F)
                fail_msg("%s: number %zu is %g, want %g", worth[i].text, j, (double)v.vec[j], (double)worth[i].want[j]);
        vs_value_free(&v);
    }
}

static const struct {
    const char *text, *want;
} addresses[] = {
    {"queen", "key -|queen|-|- @0"},
    {"  queen", "key -|queen|-|- @2"},
    {"glove:queen", "key glove|queen|-|- @0"},
    {"glove:W_E:queen", "key glove:W_E|queen|-|- @0"},
    {"king - glove:queen", "key glove|queen|-|- @7"},
    {"glove: queen", NULL},
    {"\"New York\"", "key\" -|New York|-|- @0"},
    {"\" queen\"", "key\" -| queen|-|- @0"}, /* " alone is a key, but here it opens a text */
    {"queen - \" king\"", "key\" -| king|-|- @8"},
    {"\"say \\\"hi\\\" \\\\ \\n\"", NULL},
    {"\"the river bank\"@6[bank]", "site\" -|the river bank|6|bank @0"},
    {"\"a \\\"b\\\"\"@6[bank#1]", "site\" -|a \"b\"|6|bank#1 @0"},
    {"\"text\"@6.mlp_out[-1]", "site\" -|text|6.mlp_out|-1 @0"},
    {"\"text\"@3.attn.z.h5[mean]", "site\" -|text|3.attn.z.h5|mean @0"},
    {"\"text\"@L[\"mean\"]", "site\" -|text|L|\"mean\" @0"},
    {"\"text\"@6[\"]\"]", "site\" -|text|6|\"]\" @0"},
    {"\"text\"@6", "site\" -|text|6|- @0"},
    {"\"text\"@6[1..3]", "site\" -|text|6|1..3 @0"},
    {"unit(\"text\"@6)", "site\" -|text|6|- @5"},
    {"mean(\"text\"@6,\"a\"@2[-1])", "site\" -|a|2|-1 @14"},
    {"\"a\"@6" M "\"b\"@7", "site\" -|b|7|- @8"},
    {"glove:\"text\"@6[x y]", "site\" glove|text|6|x y @0"},
    {"\"\"@0", "site\" -||0|- @0"},
    {"\"text\" -> \"target\"@6[x]", "site\" -|text|6|x > target @0"},
    {"\"a\"@6 - \"b\"  \xe2\x86\x92 \"\\\"c\\\"\"@decoder.1[-1]", "site\" -|b|decoder.1|-1 > \"c\" @8"},
    {"unit(t5:\"text\" -> \"\"@3.attn.z.h5)", "site\" t5|text|3.attn.z.h5|- >  @5"},
    {"$royal", "name -|royal|-|- @0"},
    {"$royal_2 * 2", "name -|royal_2|-|- @0"},
    {"unit($größe)", "name -|größe|-|- @5"},
    {"neuron(12,345)", "call -|neuron|-|-|12|345 @0"},
    {"neuron( 12 , 345 )", "call -|neuron|-|-|12|345 @0"},
    {"neuron( )", "call -|neuron|-|- @0"},
    {"head(5,1,ov) - queen - head(5,1,ov)", "call -|head|-|-|5|1|ov @23"},
    {"file(\"a.npy\")", "call -|file|-|-|a.npy @0"},
    {"file(\"a, (b.safetensors:name\")", "call -|file|-|-|a, (b.safetensors:name @0"},
    {"file(a(1).npy)", "call -|file|-|-|a(1).npy @0"},
    {"unit(neuron(1,2))", "call -|neuron|-|-|1|2 @5"},
};

static void what_is_asked(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        vs_err err = {0};
        vs_value v;
        vs_status s = eval(&err, addresses[i].text, &v);
        if (!addresses[i].want) {
            assert_int_equal(s, VS_E_UNKNOWN);
            continue;
        }
        if (s != VS_OK && s != VS_E_UNKNOWN) fail_msg("%s: %s", addresses[i].text, err.msg);
        if (strcmp(seen, addresses[i].want) != 0) fail_msg("%s: asked for %s, want %s", addresses[i].text, seen, addresses[i].want);
        vs_value_free(&v);
    }
    vs_value v;
    assert_int_equal(eval(NULL, "\"say \\\"hi\\\" \\\\ \\n\"", &v), VS_E_UNKNOWN);
    assert_string_equal(seen, "key\" -|say \"hi\" \\ \\n|-|- @0");
}

static const struct {
    const char *text;
    vs_status want;
    const char *says;
} wrong[] = {
    {"", VS_E_SYNTAX, "at byte 0"},
    {"   ", VS_E_SYNTAX, "expression is wanted"},
    {"queen -", VS_E_SYNTAX, "at byte 7, the end: an operand is wanted"},
    {"queen - ", VS_E_SYNTAX, "operand is wanted"},
    {"queen * ", VS_E_SYNTAX, "operand is wanted"},
    {"+ queen", VS_E_SYNTAX, "at byte 0"},
    {"queen + * queen", VS_E_SYNTAX, "at byte 8"},
    {"(queen", VS_E_SYNTAX, "at byte 0, before (queen: the ( is never closed"},
    {"unit(queen", VS_E_SYNTAX, "at byte 4, before (queen: the ( is never closed"},
    {"neuron(1,2", VS_E_SYNTAX, "never closed"},
    {"\"a\" -> \"b\"", VS_E_SYNTAX, "at byte 10, the end: a site is wanted, as in \"text\" -> \"target\"@decoder.6[word]"},
    {"\"a\" -> \"b", VS_E_SYNTAX, "at byte 7, before \"b: the \" is never closed"},
    {"\"a\" -> b@6", VS_E_SYNTAX, "at byte 7, before b@6: what the decoder reads is wanted after ->"},
    {"\"a\" ->", VS_E_SYNTAX, "what the decoder reads is wanted"},
    {"\"a\" -> \"b\" @6", VS_E_SYNTAX, "a site is wanted"},
    {"\"a\"@6 -> \"b\"@6", VS_E_SYNTAX, "is none here"},
    {"\"a\" -> \"b\"@6 -> \"c\"@6", VS_E_SYNTAX, "is none here"},
    {"(\"a\" -> )", VS_E_SYNTAX, "what the decoder reads is wanted"},
    {"pc( )", VS_E_SYNTAX, "principal component"},
    {"neuron(1,)", VS_E_SYNTAX, "wanted"},
    {"unit()", VS_E_SYNTAX, "at byte 5"},
    {"unit(queen,)", VS_E_SYNTAX, "at byte 11"},
    {"unit(queen, king)", VS_E_SYNTAX, "unit takes 1 argument, not 2"},
    {"project(queen)", VS_E_SYNTAX, "project takes 2 arguments, not 1"},
    {"unit(2 * 3)", VS_E_SYNTAX, "wants vectors"},
    {"pc(0)", VS_E_SYNTAX, "principal component"},
    {"pc(1.5)", VS_E_SYNTAX, "principal component"},
    {"pc(x)", VS_E_SYNTAX, "principal component"},
    {"pc(9)", VS_E_RANGE, "up to 3"},
    {"()", VS_E_SYNTAX, "operand is wanted"},
    {"(queen)(king)", VS_E_SYNTAX, "operator is wanted"},
    {"(queen)+(king)", VS_E_SYNTAX, "operators stand between blanks"},
    {"\"queen\"-\"king\"", VS_E_SYNTAX, "at byte 7, before -\"king\": operators stand between blanks"},
    {"queen \"king\"", VS_E_SYNTAX, "at byte 6"},
    {"queen unit(king)", VS_E_SYNTAX, "at byte 6"},
    {"queen (king)", VS_E_SYNTAX, "operator is wanted"},
    {"\"queen", VS_E_SYNTAX, "the \" is never closed"},
    {"\"queen\\\"", VS_E_SYNTAX, "the \" is never closed"},
    {"\"queen\"[0]", VS_E_SYNTAX, "a site is wanted before ["},
    {"\"queen\"@[0]", VS_E_SYNTAX, "after @"},
    {"\"queen\"@", VS_E_SYNTAX, "after @"},
    {"\"queen\"@6[bank", VS_E_SYNTAX, "the [ is never closed"},
    {"\"queen\"@6[\"bank]", VS_E_SYNTAX, "the [ is never closed"},
    {"\"queen\"@6]", VS_E_UNKNOWN, NULL},
    {"queen -> king", VS_E_SYNTAX, "no"},
    {"queen \xe2\x86\x92 king", VS_E_SYNTAX, "at byte 6"},
    {"1984 / 8", VS_E_SYNTAX, "number"},
    {"2 * 3", VS_E_SYNTAX, "number"},
    {"queen + 2 * 3", VS_E_SYNTAX, "number"},
    {"2 * 3 - queen", VS_E_SYNTAX, "number"},
    {"queen * king", VS_E_SYNTAX, "cannot be multiplied"},
    {"queen / king", VS_E_SYNTAX, "cannot divide"},
    {"2 / queen", VS_E_SYNTAX, "cannot divide"},
    {"queen / 0", VS_E_NUMERIC, "division by zero"},
    {"unit(zero)", VS_E_NUMERIC, "no direction"},
    {"project(queen, zero)", VS_E_NUMERIC, "no direction"},
    {"queen * 1e300", VS_E_NUMERIC, "not finite"},
    {"queen * 1e999", VS_E_NUMERIC, "not finite"},
    {"queen - wide:x", VS_E_SHAPE, "queen of here has 3 numbers, wide:x of there has 5"},
    {"queen + king - wide:x", VS_E_SHAPE, "queen + king of here has 3 numbers, wide:x of there has 5"},
    {"mean(queen, wide:x)", VS_E_SHAPE, "queen of here has 3 numbers, wide:x of there has 5"},
    {"project(wide:x, queen)", VS_E_SHAPE, "wide:x of there has 5 numbers, queen of here has 3"},
    {"queen - glove:king - wide:x", VS_E_SHAPE, "queen - glove:king has 3 numbers"},
    {"cos(queen, wide:x)", VS_E_SHAPE, "queen of here has 3 numbers, wide:x of there has 5"},
    {"cos(queen, zero)", VS_E_NUMERIC, "at byte 11: a zero vector has no direction"},
    {"cos(queen)", VS_E_SYNTAX, "cos takes 2 arguments, not 1"},
    {"norm(cos(queen, king))", VS_E_SYNTAX, "norm wants vectors, not numbers"},
    {"queen + norm(king)", VS_E_SYNTAX, "cannot be added"},
    {"0.5", VS_E_UNKNOWN, "no key \"0.5\""},
    {"queen + 0.5", VS_E_SYNTAX, "cannot be added"},
    {"dot(queen, king)", VS_E_SYNTAX, "this is a number"},
    {"qeuen", VS_E_UNKNOWN, "no key \"qeuen\""},
    {"queen -king", VS_E_UNKNOWN, "operators stand between blanks"},
    {"queen+ king", VS_E_UNKNOWN, "operators stand between blanks"},
    {"queen \xff king", VS_E_SYNTAX, "at byte 6: not valid UTF-8"},
    {"queen \xe2\x88", VS_E_SYNTAX, "at byte 6: not valid UTF-8"},
};

static void messages(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        vs_err err = {0};
        vs_value v;
        vs_status s = eval(&err, wrong[i].text, &v);
        if (wrong[i].says == NULL) { /* the site is "6]": the resolver's to refuse */
            assert_string_equal(seen, "site\" -|queen|6]|- @0");
            vs_value_free(&v);
            continue;
        }
        if (s != wrong[i].want || !strstr(err.msg, wrong[i].says))
            fail_msg("%s: status %d \"%s\", want %d \"%s\"", wrong[i].text, (int)s, err.msg, (int)wrong[i].want, wrong[i].says);
        assert_null(v.vec);
        assert_null(strchr(err.msg, '\n'));
    }
}

static void rows_and_spaces(void **state) {
    (void)state;
    vs_value v;
    assert_int_equal(eval(NULL, "man - queen * 2 + king - queen", &v), VS_OK);
    assert_ptr_equal(v.space, space_here);
    assert_int_equal(v.n_rows, 3);
    for (size_t i = 0; i < 3; i++) assert_int_equal(v.rows[i], i);
    vs_value_free(&v);
    assert_int_equal(eval(NULL, "2 * (king - man)", &v), VS_OK);
    assert_ptr_equal(v.space, space_here);
    assert_int_equal(v.n_rows, 2);
    vs_value_free(&v);
    assert_int_equal(eval(NULL, "queen - $name", &v), VS_OK); /* a vector of no space takes none away */
    assert_ptr_equal(v.space, space_here);
    assert_int_equal(v.n_rows, 1);
    vs_value_free(&v);
    assert_int_equal(eval(NULL, "$name + mean(queen, king)", &v), VS_OK);
    assert_ptr_equal(v.space, space_here);
    assert_int_equal(v.n_rows, 2);
    vs_value_free(&v);
    assert_int_equal(eval(NULL, "queen - glove:king + queen", &v), VS_OK); /* two spaces: none */
    assert_null(v.space);
    assert_int_equal(v.n_rows, 0);
    vs_value_free(&v);
    assert_int_equal(eval(NULL, "glove:king - glove:man", &v), VS_OK);
    assert_ptr_equal(v.space, space_there);
    assert_int_equal(v.n_rows, 2);
    vs_value_free(&v);
}

static const struct {
    const char *text;
    double want;
} numbers[] = {
    {"dot(queen, king)", 4},
    {"norm(queen)", 3.7416573867739413},            /* sqrt 14 */
    {"cos(queen, king)", 0.75592894601845445},      /* 4 / sqrt(14 * 2) */
    {"dist(queen, king)", 2.8284271247461903},      /* sqrt 8 */
    {"1 - cos(queen, king)", 0.24407105398154555},  /* no key 1 */
    {"2 - dot(queen, king)", -2},                   /* 2 is a key too */
    {"dot(queen, king) + 2", 6},
    {"-2 + dot(queen, king)", 2},
    {"- 2 + dot(queen, king)", 2},
    {"dot(queen, king) * 2 / norm(2 * unit)", 8.0 / 6},
    {"- dot(queen, king)", -4},
    {"dot(queen - king, man) + 0.5", 12.5},
    {"dot(dot(queen, king) * queen, king)", 16},
    {"(dot(queen, king))", 4},
    {"norm(zero)", 0},
    {"2 * 3", 6},
};

static void come_to_numbers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        vs_err err = {0};
        vs_value v;
        vs_trace t = {0};
        if (vs_eval_any(&err, numbers[i].text, strlen(numbers[i].text), &resolver, &t, &v) != VS_OK)
            fail_msg("%s: %s", numbers[i].text, err.msg);
        assert_null(v.vec);
        if (fabs(v.number - numbers[i].want) > 1e-12) fail_msg("%s is %.17g, want %.17g", numbers[i].text, v.number, numbers[i].want);
        for (size_t k = 0; k < t.n; k++) assert_true(t.operand[k].coef == 0);
        vs_value_free(&v);
        vs_trace_free(&t);
    }
}

/* The value is the sum of its operands with the coefficients of its trace; its weight is theirs together. */
static void traced(void **state) {
    (void)state;
    static const char *const more[] = {
        "queen " M " king + man", "unit(queen) - 2 * reject(king, man)", "mean(queen, king, glove:man) / 2 - (man - king)",
        "project(queen - king, man + king) + cos(queen, man) * king", "- unit(- mean(queen, New York))", "pc(2) - queen + neuron(1, 2)"};
    size_t n = sizeof worth / sizeof *worth;
    for (size_t i = 0; i < n + sizeof more / sizeof *more; i++) {
        const char *text = i < n ? worth[i].text : more[i - n];
        vs_err err = {0};
        vs_value v;
        vs_trace t = {0};
        if (vs_eval_any(&err, text, strlen(text), &resolver, &t, &v) != VS_OK) fail_msg("%s: %s", text, err.msg);
        double sum[D] = {0}, weight = 0;
        for (size_t k = 0; k < t.n; k++) {
            assert_true(t.operand[k].from < t.operand[k].to && t.operand[k].to <= strlen(text));
            weight += t.operand[k].coef * t.operand[k].v.weight;
            for (size_t j = 0; j < D; j++) sum[j] += t.operand[k].coef * (double)t.operand[k].v.vec[j];
        }
        for (size_t j = 0; j < D; j++)
            if (fabs(sum[j] - (double)v.vec[j]) > 1e-5) fail_msg("%s: number %zu is %g, its parts %g", text, j, (double)v.vec[j], sum[j]);
        assert_true(fabs(weight - v.weight) < 1e-9);
        vs_value_free(&v);
        vs_trace_free(&t);
    }
    vs_trace t = {0};
    vs_value v;
    const char *text = "project(queen, king) - 1984 * man";
    assert_int_equal(vs_eval_any(NULL, text, strlen(text), &resolver, &t, &v), VS_OK);
    assert_int_equal(t.n, 3);
    assert_int_equal(t.n_steps, 3);
    assert_string_equal(t.step[0].rule, "(x·y / y·y) y");
    assert_true(t.step[0].part_value == 2 && fabs(t.step[0].value - sqrt(8)) < 1e-9);
    assert_string_equal(t.step[1].rule, "k x");
    assert_true(t.operand[0].coef == 0 && t.operand[1].coef == 2 && t.operand[2].coef == -1984);
    vs_value_free(&v);
    vs_trace_free(&t);
}

static void notes(void **state) {
    (void)state;
    vs_value v;
    assert_int_equal(eval(NULL, "New York - queen + New York", &v), VS_OK);
    assert_string_equal(v.notes.s, "mean(New, York)");
    vs_value_free(&v);
}

static void deep_and_long(void **state) {
    (void)state;
    enum { DEEP = 150, TOO_DEEP = 100000, LONG = 1000000 };
    static char text[LONG + 16];
    vs_err err = {0};
    vs_value v;
    memset(text, '(', DEEP);
    memcpy(text + DEEP, "queen", 5);
    memset(text + DEEP + 5, ')', DEEP);
    assert_int_equal(vs_eval(&err, text, 2 * DEEP + 5, &resolver, &v), VS_OK);
    vs_value_free(&v);
    memset(text, '(', TOO_DEEP);
    assert_int_equal(vs_eval(&err, text, TOO_DEEP, &resolver, &v), VS_E_SYNTAX);
    for (size_t i = 0; i < LONG; i += 5) memcpy(text + i, "unit(", 5);
    assert_int_equal(vs_eval(&err, text, LONG, &resolver, &v), VS_E_SYNTAX);
    memset(text, 'x', LONG); /* one word */
    assert_int_equal(vs_eval(&err, text, LONG, &resolver, &v), VS_E_UNKNOWN);
    memset(text, ':', LONG);
    assert_int_equal(vs_eval(&err, text, LONG, &resolver, &v), VS_E_UNKNOWN);
    for (size_t i = 0; i < LONG; i += 8) memcpy(text + i, "queen + ", 8);
    assert_int_equal(vs_eval(&err, text, LONG - 3, &resolver, &v), VS_OK);
    assert_float_equal(v.vec[0], LONG / 8, 0);
    assert_int_equal(v.n_rows, 1);
    vs_value_free(&v);
    for (size_t i = 0; i < LONG; i += 5) memcpy(text + i, "a \xe2\x88\x92", 5);
    assert_int_not_equal(vs_eval(&err, text, LONG, &resolver, &v), VS_OK);
    for (size_t i = 0; i + 3 < LONG; i += 3) memcpy(text + i, "\xe2\x88\x92", 3);
    assert_int_equal(vs_eval(&err, text, LONG / 3 * 3, &resolver, &v), VS_E_SYNTAX);
}

/* Every prefix of every text above, and every text with one byte changed, ends with a status. */
static void damaged(void **state) {
    (void)state;
    static const unsigned char bytes[] = {'(', ')', '"', ',', ' ', '[', '@', '-', ':', 0xe2, 0xff, 0};
    for (size_t i = 0; i < sizeof worth / sizeof *worth + sizeof addresses / sizeof *addresses; i++) {
        size_t k = sizeof worth / sizeof *worth;
        const char *text = i < k ? worth[i].text : addresses[i - k].text;
        size_t n = strlen(text);
        for (size_t at = 0; at <= n; at++)
            for (size_t b = 0; b < sizeof bytes; b++) {
                char *copy = malloc(n + 1); /* its own block, so that a sanitizer sees a read beyond it */
                assert_non_null(copy);
                memcpy(copy, text, n);
                vs_value v;
                vs_err err = {0};
                size_t len = at;
                if (b) {
                    len = n;
                    if (at < n) copy[at] = (char)bytes[b];
                }
                copy = realloc(copy, len ? len : 1);
                assert_non_null(copy);
                vs_status s = vs_eval(&err, copy, len, &resolver, &v);
                assert_true((s == VS_OK) == (v.vec != NULL));
                vs_value_free(&v);
                vs_trace t = {0};
                vs_status any = vs_eval_any(&err, copy, len, &resolver, &t, &v);
                assert_true(any == s || (any == VS_OK && !v.vec));
                vs_value_free(&v);
                vs_trace_free(&t);
                free(copy);
            }
    }
}

static void short_of_memory(void **state) {
    (void)state;
    static const char text[] = "mean(queen, New York) * 2 - project(glove:king, $x) + neuron(1, 2) + \"t\"@6[x] * (2 - cos(king, man))";
    for (size_t n = 1;; n++) {
        vs_value v;
        vs_err err = {0};
        vs_trace t = {0};
        vs_alloc_fail_at(n);
        vs_status s = vs_eval_any(&err, text, strlen(text), &resolver, &t, &v);
        vs_alloc_fail_at(0);
        vs_trace_free(&t);
        if (s == VS_OK) {
            assert_true(n > 10);
            vs_value_free(&v);
            return;
        }
        assert_int_equal(s, VS_E_NOMEM);
        assert_null(v.vec);
    }
}

static void stopped(void **state) {
    (void)state;
    vs_value v;
    vs_interrupt();
    assert_int_equal(eval(NULL, "queen - king", &v), VS_E_STOPPED);
    vs_interrupt_clear();
}

static const struct {
    const char *text, *parts[4];
} splits[] = {
    {"queen - king, woman - man", {"queen - king", "woman - man"}},
    {"a,b", {"a", "b"}},
    {" a ", {"a"}},
    {"\"a, b\", c", {"\"a, b\"", "c"}},
    {"mean(a, b), c", {"mean(a, b)", "c"}},
    {"\"x\"@6[\"a, b\"], \"y\"@2[1]", {"\"x\"@6[\"a, b\"]", "\"y\"@2[1]"}},
    {"glove:\"a, b\", c", {"glove:\"a, b\"", "c"}},
    {"5\", b", {"5\"", "b"}},
    {":), b", {":)", "b"}},
    {"a" M "\"b,\", c", {"a" M "\"b,\"", "c"}},
};

static void splitting(void **state) {
    (void)state;
    vs_err err = {0};
    vs_span part[4];
    size_t n;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        if (vs_expr_split(&err, splits[i].text, strlen(splits[i].text), part, 4, &n) != VS_OK) fail_msg("%s: %s", splits[i].text, err.msg);
        for (size_t j = 0; j < 4; j++) {
            const char *want = splits[i].parts[j];
            assert_true((want != NULL) == (j < n));
            if (want) assert_true(part[j].n == strlen(want) && memcmp(part[j].s, want, part[j].n) == 0);
        }
    }
    assert_int_equal(vs_expr_split(&err, "a,,b", 4, part, 4, &n), VS_E_SYNTAX);
    assert_int_equal(vs_expr_split(&err, "a,", 2, part, 4, &n), VS_E_SYNTAX);
    assert_int_equal(vs_expr_split(&err, "", 0, part, 4, &n), VS_E_SYNTAX);
    assert_int_equal(vs_expr_split(&err, "\"a", 2, part, 4, &n), VS_E_SYNTAX);
    assert_int_equal(vs_expr_split(&err, "a,b,c", 5, part, 2, &n), VS_E_SYNTAX);
    assert_non_null(strstr(err.msg, "at most 2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(what_is_asked),
        cmocka_unit_test(messages),
        cmocka_unit_test(rows_and_spaces),
        cmocka_unit_test(come_to_numbers),
        cmocka_unit_test(traced),
        cmocka_unit_test(notes),
        cmocka_unit_test(deep_and_long),
        cmocka_unit_test(damaged),
        cmocka_unit_test(short_of_memory),
        cmocka_unit_test(stopped),
        cmocka_unit_test(splitting),
    };
    return cmocka_run_group_tests_name("expressions", tests, NULL, NULL);
}

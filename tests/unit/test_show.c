/* What Tab offers by where the cursor stands, and answers as a terminal shows them: width, bars, pictures, characters
 * that cannot be seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../repl/commands.h"
#include "../../repl/out.h"
#include "../../repl/repl.h"
#include "tensor/kernels.h"

/* ---- completion ---- */

/* The offers for a line with the cursor at its end, one a line, sorted as they come; "(files)" where files are wanted.
 */
static void offers(vs_session *s, const char *line, vs_buf *out) {
    size_t end = strlen(line), start = end;
    while (start && !strchr(" \t\n,;(){}@:\"", line[start - 1])) start--; /* as readline breaks words */
    bool files;
    char **list = vs_complete_line(s, line, start, end, &files);
    vs_buf_clear(out);
    vs_buf_puts(out, "\n");
    for (size_t i = list && list[0] && list[1] ? 1 : 0; list && list[i]; i++) vs_buf_printf(out, "%s\n", list[i]);
    for (size_t i = 0; list && list[i]; i++) free(list[i]);
    free(list);
    if (files) vs_buf_puts(out, "(files)\n");
}

static const struct {
    const char *line, *has, *has_not;
} completions[] = {
    {"", "near", "queen"},
    {"nea", "near", "king"},
    {"quee", "queen", NULL},
    {"= nea", "nearby", "near("},
    {"near que", "queen", "near"},
    {"near queen - ki", "king", NULL},
    {"near mean(quee", "queen", NULL},
    {"near uni", "unit(", NULL},
    {"near hea", "head(", NULL},
    {"near def", "default:", "W_E:"},
    {"near W_", "W_E:", "W_E"},
    {"near default:que", "queen", NULL},
    {"near nowhere:que", NULL, "queen"},
    {"near $ro", "$royal", NULL},
    {"near queen --", "--in", "--layer"},
    {"near queen -", "-k", NULL},
    {"near queen --in W", "W_E", "W_E:"},
    {"next the --no", "--no-special", NULL},
    {"embed the --pool ", "mean", "queen"},
    {"embed the --pool c", "cls", "mean"},
    {"generate the --early-stop ", "at-once", "queen"},
    {"next the --mask ", "causal", "queen"},
    {"nsp the --mask f", "full", NULL},
    {"test the --mask ", "full", NULL},
    {"export --as ", "glove", NULL},
    {"eval analogies f --method 3cosm", "3cosmul", "3cosadd"},
    {"eval analogies f --method ", "pairdirection", "(files)"},
    {"eval analogies f --rules ", "gensim", "(files)"},
    {"help ne", "near", "new"},
    {"use W", "W_U", NULL},
    {"set ex", "exact-key", NULL},
    {"eval ", "analogies", "queen"},
    {"eval analogies ", "(files)", NULL},
    {"open g", "gemma3-270m", NULL},
    {"source ", "(files)", NULL},
    {"dump the king ", NULL, "queen"},
    {"dump the king --sites hid", "hidden_states", NULL},
    {"dump the king --sites logits,att", "attentions", NULL},
    {"\"the king\"@", "3.", "3.mlp_out"},
    {"\"the king\"@3.", "3.attn.", "3.attn.z"},
    {"\"the king\"@3.attn.", "3.attn.z", "3.mlp_out"},
    {"with {ze", "zero", "zelda"},
    {"with {zero 3.m", "3.mlp_out", "4.mlp_out"},
    {"with {zero 3.mlp_out; sca", "scale", NULL},
    {"with {add 3.mlp_out que", "queen", "query("},
    {"with {zero 3.mlp_out} ne", "next", "new"},
    {"edits ", "clear", "3."},
    {"edits add ", "zero", "zelda"},
    {"edits add ze", "zero", "zelda"},
    {"edits add zero 3.m", "3.mlp_out", "4.mlp_out"},
    {"edits add {ze", "zero", "zelda"},
    {"edits add {zero 3.mlp_out; sca", "scale", NULL},
    {"edits add {add 3.mlp_out que", "queen", "query("},
    {"edits add {zero 3.mlp_out} ", NULL, "near"},
    {"edits add zero 3.mlp_out; nea", "near", "zero"},
    {"edits drop ", NULL, "zero"},
    {"time with {zero 3.mlp_out} time nea", "near", NULL},
    {"each w in 1..2 { nea", "near", "zero"},
    {"each w in 1..2 { near que", "queen", NULL},
    {"each w in 1..2 { near king } ", NULL, "near"},
    {"assert { nea", "near", "zero"},
    {"near king; ne", "next", "new"},
    {"next \"the ki", NULL, "king"},
};

static void completes(void **state) {
    (void)state;
    vs_session *s;
    vs_err err = {0};
    vs_buf out = {0};
    vs_out o = {.sink = {.width = 80}};
    vs_commands_set(vs_command_table);
    assert_int_equal(vs_session_new(&err, NULL, &s), VS_OK);
    assert_int_equal(vs_session_open_space(&err, s, "default", NULL, NULL), VS_OK);
    assert_int_equal(vs_session_open_model(&err, s, "tests/data/fixtures/gemma3", NULL), VS_OK);
    assert_int_equal(vs_execute(&err, s, "$royal = default:queen", 22, &o), VS_OK);
    for (size_t i = 0; i < sizeof completions / sizeof *completions; i++) {
        char want[64];
        offers(s, completions[i].line, &out);
        snprintf(want, sizeof want, "\n%s\n", completions[i].has ? completions[i].has : "");
        if (completions[i].has && !strstr(out.s, want))
            fail_msg("%s: no %s in%s", completions[i].line, completions[i].has, out.s);
        snprintf(want, sizeof want, "\n%s\n", completions[i].has_not ? completions[i].has_not : "");
        if (completions[i].has_not && strstr(out.s, want))
            fail_msg("%s: %s is offered", completions[i].line, completions[i].has_not);
    }
    vs_buf_free(&out);
    vs_out_free(&o);
    vs_session_free(s);
}

/* Every option that names its words offers them and refuses others. */
static void choices(void **state) {
    (void)state;
    size_t found = 0;
    for (const vs_cmd *const *c = vs_command_table; *c; c++)
        for (const vs_opt *o = (*c)->opts; o && o->name; o++) {
            if (!o->arg || !strchr(o->arg, '|')) continue;
            if (o->complete != VS_COMPLETE_CHOICE) fail_msg("%s --%s %s completes nothing", (*c)->name, o->name, o->arg);
            if (o->fallback && !strstr(o->arg, o->fallback)) fail_msg("%s --%s: %s is none of %s", (*c)->name, o->name, o->fallback, o->arg);
            found++;
        }
    assert_true(found > 10);
}

/* ---- a terminal ---- */

static const vs_look plain = {.width = 80, .height = 24},
                     drawn = {.color = true, .blocks = true, .cut = true, .width = 40, .height = 24};

/* The text without colours; the widest of its lines. */
static int widest(const char *s, vs_buf *text) {
    int most = 0;
    vs_buf_clear(text);
    for (; *s; s++) {
        if (*s != '\033')
            vs_buf_putc(text, *s);
        else
            s += strcspn(s, "m");
    }
    for (const char *p = text->s; p && *p; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n')) {
        int w = vs_columns(p, strcspn(p, "\n"));
        if (w > most) most = w;
    }
    return most;
}

static void a_table(vs_out *o, const char *text) {
    static const vs_col cols[] = {
        {"key", VS_COL_TEXT, 0, 0, NULL}, {"score", VS_COL_SCORE, 4, 0, NULL}, {"what", VS_COL_TEXT, 0, 0, NULL}};
    vs_out_table(o, "t", cols, 3);
    vs_out_cell_text(o, "queen");
    vs_out_cell_real(o, 0.5);
    vs_out_cell_text(o, text);
    vs_out_end(o);
}

/* Bars give way, then texts; prose is broken at its blanks. */
static void fits(void **state) {
    (void)state;
    static const struct {
        const char *what;
        int width;
        bool bar;
    } cases[] = {{"short", 40, true},
                 {"some thirteen", 40, true},
                 {"a text of twenty two..", 40, false},
                 {"a text that is far wider than the terminal", 40, false},
                 {"short", 27, false}};
    vs_buf b = {0}, text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vs_out o = {.sink = {.width = 80}};
        vs_look look = drawn;
        look.width = cases[i].width;
        a_table(&o, cases[i].what);
        vs_out_note(&o, "  a line of prose that goes on beyond the end of the terminal");
        vs_buf_clear(&b);
        vs_show_tty(&o, &look, &b);
        assert_in_range(widest(b.s, &text), 1, look.width);
        assert_int_equal(strstr(b.s, "█") != NULL, cases[i].bar);
        assert_non_null(strstr(text.s, "\n  "));
        vs_out_free(&o);
    }
    vs_out o = {.sink = {.width = 80}};
    a_table(&o, "a text that is far wider than the terminal, but no terminal it is, and nothing is lost");
    vs_buf_clear(&b);
    vs_show_tty(&o, &plain, &b);
    assert_non_null(strstr(b.s, "nothing is lost\n"));
    vs_out_free(&o);
    vs_buf_free(&b);
    vs_buf_free(&text);
}

static const struct {
    const char *text, *text_shown, *piece_shown;
} characters[] = {
    {"queen", "queen", "queen"},
    {" queen", " queen", "·queen"},
    {"a b", "a b", "a b"},
    {" ", "·", "·"},
    {"  ", "· ", "· "},
    {"", "", ""},
    {"a\nb\t", "a\\nb\\t", "a\\nb\\t"},
    {"\033[31m", "\\x1B[31m", "\\x1B[31m"},
    {"\x80", "\\x80", "\\x80"},                       /* a byte piece */
    {"\xC2\x85", "\\x85", "\\x85"},                   /* a control beyond ASCII */
    {"\xEF\xBF\xBD", "\xEF\xBF\xBD", "\xEF\xBF\xBD"}, /* U+FFFD itself */
    {"\xE2\x80\x8D", "\\u200D", "\\u200D"},           /* a joiner that joins nothing */
    {"\xE2\x80\x8D\xF0\x9F\x91\xA9", "\\u200D\xF0\x9F\x91\xA9", "\\u200D\xF0\x9F\x91\xA9"},
    {"\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9", "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9",
     "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9"},
    {"a\xE2\x80\xAE"
     "b",
     "a\\u202E"
     "b",
     "a\\u202E"
     "b"},                                                        /* turns the direction of what follows */
    {"\xC2\xAD", "\\xAD", "\\xAD"},                               /* a soft hyphen */
    {"\xCC\x81", "\xE2\x97\x8C\xCC\x81", "\xE2\x97\x8C\xCC\x81"}, /* an accent without its letter */
    {" \xCC\x81", " \xE2\x97\x8C\xCC\x81", "·\xE2\x97\x8C\xCC\x81"},
    {"e\xCC\x81", "e\xCC\x81", "e\xCC\x81"},
};

static void visible(void **state) {
    (void)state;
    vs_buf b = {0};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
        for (int piece = 0; piece < 2; piece++) {
            vs_buf_clear(&b);
            vs_buf_puts(&b, "");
            vs_put_visible(&b, characters[i].text, piece);
            assert_string_equal(b.s, piece ? characters[i].piece_shown : characters[i].text_shown);
        }
    vs_buf_free(&b);
}

/* A picture wider than the terminal comes in parts, each under its labels; marks stay on their letters. */
static void pictures(void **state) {
    (void)state;
    enum { N = 30 };
    float v[2 * N];
    const char *row[2] = {"a", "\xE6\xBC\xA2\xE5\xAD\x97"}, *col[N];
    vs_buf b = {0}, text = {0};
    for (size_t i = 0; i < 2 * N; i++) v[i] = (float)i / (2 * N);
    for (size_t i = 0; i < N; i++) col[i] = i % 2 ? "e\xCC\x81x" : "yz";
    for (int look = 0; look < 2; look++) {
        vs_out o = {.sink = {.width = 80}};
        vs_out_matrix(&o, "m", v, 2, N, row, col, 0, 1);
        vs_buf_clear(&b);
        vs_show_tty(&o, look ? &drawn : &plain, &b);
        int w = widest(b.s, &text);
        if (look)
            assert_in_range(w, 30, drawn.width);
        else
            assert_int_equal(w, 8 + 2 * N);
        assert_int_equal(strstr(text.s, "\n\n") != NULL, look); /* a second part */
        assert_non_null(strstr(text.s, "y e\xCC\x81 y e\xCC\x81"));
        assert_non_null(strstr(text.s, look ? "  0 " : "(9 is 1, . is 0)")); /* what it means */
        vs_out_free(&o);
    }
    vs_buf_free(&b);
    vs_buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(completes), cmocka_unit_test(choices), cmocka_unit_test(fits), cmocka_unit_test(visible),
                                       cmocka_unit_test(pictures)};
    vs_threads_set(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

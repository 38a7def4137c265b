/* The command layer over a toy table of commands: words of a line, where a command ends, arguments and options, "did you
 * mean", lines run one after another, answers shown once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "command_impl.h"

/* ---- the toy table: each command writes down what it was given ---- */

static char seen[4096];
static size_t shown; /* how often an answer was shown */

static void note_down(const char *fmt, ...) VS_PRINTF(1, 2);
static void note_down(const char *fmt, ...) {
    size_t used = strlen(seen);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(seen + used, sizeof seen - used, fmt, ap);
    va_end(ap);
}

static vs_status toy(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    (void)err, (void)s;
    note_down("%s", a->cmd->name);
    for (size_t i = 0; i < vs_arg_count(a); i++) note_down("[%s]", vs_arg(a, i));
    if (vs_has(a, "flag")) note_down(" flag");
    if (vs_has(a, "k")) note_down(" k=%lld", (long long)vs_int(a, "k"));
    if (vs_has(a, "real")) note_down(" real=%g", vs_real(a, "real"));
    if (vs_has(a, "name")) note_down(" name=%s", vs_text(a, "name"));
    const char *list[8];
    size_t listed = vs_text_list(a, "list", list, 8);
    for (size_t i = 0; i < listed && i < 8; i++) note_down(" list=%s", list[i]);
    if (vs_has(a, "pair")) note_down(" pair=%s", vs_text(a, "pair"));
    note_down(";");
    vs_out_int(o, 0, "one", 1);
    return VS_OK;
}

static vs_status toy_fails(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_out_int(o, 0, "half", 1);
    (void)s, (void)a;
    return vs_fail(err, VS_E_STATE, "it\nfails");
}

static vs_status toy_around(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    if (vs_arg(a, 0)) note_down("{%s}", vs_arg(a, 0));
    VS_TRY(vs_args_run_rest(err, s, a, o));
    vs_out_int(o, 0, "around", 2);
    return VS_OK;
}

static const vs_opt toy_opts[] = {{"k", 'k', VS_OPT_INT, "K", "", "10", VS_COMPLETE_NONE},      {"flag", 'f', VS_OPT_FLAG, NULL, "", NULL, VS_COMPLETE_NONE},
                                  {"real", 0, VS_OPT_REAL, "R", "", "0.5", VS_COMPLETE_NONE},   {"name", 0, VS_OPT_TEXT, "NAME", "", NULL, VS_COMPLETE_NONE},
                                  {"list", 0, VS_OPT_TEXTS, "WORDS", "", NULL, VS_COMPLETE_NONE},
                                  {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
#define TOY(id, sty, least, most, fn) \
    static const vs_cmd cmd_##id = {.name = #id, .group = "toys", .synopsis = "WHAT", .style = sty, .min_args = least, .max_args = most, .opts = toy_opts, .run = fn}
TOY(words, VS_ARGS_WORDS, 1, 3, toy);
TOY(items, VS_ARGS_ITEMS, 1, 0, toy);
TOY(say, VS_ARGS_TEXT, 1, 0, toy);
TOY(near, VS_ARGS_EXPR, 1, 0, toy);
TOY(both, VS_ARGS_EXPRS, 1, 0, toy);
TOY(sql, VS_ARGS_RAW, 1, 0, toy);
TOY(none, VS_ARGS_NONE, 0, 0, toy);
TOY(fails, VS_ARGS_NONE, 0, 0, toy_fails);
TOY(with, VS_ARGS_BLOCK, 1, 0, toy_around);
TOY(time, VS_ARGS_COMMAND, 0, 0, toy_around);
static const vs_cmd *const table[] = {&cmd_words, &cmd_items, &cmd_say, &cmd_near, &cmd_both, &cmd_sql, &cmd_none, &cmd_fails, &cmd_with, &cmd_time, NULL};

static void count_show(void *self, const vs_out *o) {
    (void)self;
    shown++;
    note_down("<%zu>", o->n);
}

static vs_session *session;

static vs_status run_line(const char *line, vs_err *err) {
    vs_out o = {.sink = {.data = true, .width = 80, .show = count_show}};
    seen[0] = '\0';
    shown = 0;
    vs_status s = vs_execute(err, session, line, strlen(line), &o);
    vs_out_free(&o);
    return s;
}

/* ---- words ---- */

static void lines_have_these_words(void **state) {
    (void)state;
    static const struct {
        const char *line, *words; /* each in [ ], with ! where it was quoted whole */
    } want[] = {
        {"near queen - king", "[near][queen][-][king]"},
        {"  a \t b  ", "[a][b]"},
        {"near \"New York\" x", "[near][New York]![x]"},
        {"near 'New York' x", "[near][New York]![x]"},
        {"isn't it", "[isn't][it]"},
        {"near 's", "[near]['s]"},
        {"'tis the 'best' day", "['tis][the][best]![day]"},
        {"'a 'b'", "['a][b]!"},
        {"'the cat's mat'", "[the cat's mat]!"},
        {"rock'n'roll", "[rock'n'roll]"},
        {"''", "[]!"},
        {"\"\"", "[]!"},
        {"say \"a \\\"b\\\" \\\\ c\"", "[say][a \"b\" \\ c]!"},
        {"a\"b c\"d", "[ab cd]"},
        {"\"a b\"@6[c]", "[a b@6[c]]"},
        {"with {zero 1.mlp; add \"}\" x} next", "[with][{zero 1.mlp; add \"}\" x}][next]"},
        {"{a {b} c}d e", "[{a {b} c}d][e]"},
        {"", ""},
        {"größe −", "[größe][−]"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        vs_err err = {0};
        vs_words_of w;
        char got[256] = "";
        assert_int_equal(vs_lex_words(&err, want[i].line, strlen(want[i].line), &w), VS_OK);
        for (size_t k = 0; k < w.n; k++) {
            size_t used = strlen(got);
            snprintf(got + used, sizeof got - used, "[%s]%s", w.word[k].text, w.word[k].quoted ? "!" : "");
            assert_true(w.word[k].raw >= want[i].line && w.word[k].raw + w.word[k].raw_len <= want[i].line + strlen(want[i].line));
        }
        assert_string_equal(got, want[i].words);
        vs_words_of_free(&w);
    }
}

static void unclosed_groups_say_where(void **state) {
    (void)state;
    static const char *const lines[] = {"near \"queen", "with {zero 1.mlp", "a {b \"c} d", "a\"b", "{{}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        vs_err err = {0};
        vs_words_of w;
        size_t end;
        assert_int_equal(vs_lex_words(&err, lines[i], strlen(lines[i]), &w), VS_E_SYNTAX);
        assert_non_null(strstr(err.msg, "is never closed"));
        assert_int_equal(vs_lex_command(&err, lines[i], strlen(lines[i]), &end), VS_E_SYNTAX);
    }
    vs_err err = {0};
    vs_words_of w;
    assert_int_equal(vs_lex_words(&err, "near \"queen", 11, &w), VS_E_SYNTAX);
    assert_string_equal(err.msg, "the \" at character 6 is never closed");
}

static void commands_end_where_they_should(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t end;
    } want[] = {
        {"a b; c", 3},          {"a b\nc", 3},        {"a \"b; c\" d; e", 10}, {"a 'b; c' d; e", 10}, {"a isn't; b", 7},
        {"a 's; b", 4},         {"a 's; near 'x'", 4}, {"with {a; b\nc} d; e", 15}, {"# a; b\nc", 6},   {"  # a\nb", 5},
        {"\nnear", 0},          {"", 0},              {"a # b; c", 5},         {"a", 1},              {"a 'x\ny'", 4},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        vs_err err = {0};
        size_t end = 999;
        assert_int_equal(vs_lex_command(&err, want[i].text, strlen(want[i].text), &end), VS_OK);
        if (end != want[i].end) fail_msg("%s ends at %zu, want %zu", want[i].text, end, want[i].end);
    }
}

/* A million words that begin with ' and are never closed: read in one go, not each to the end again. */
static void many_single_quotes_are_quick(void **state) {
    (void)state;
    enum { N = 200000 };
    char *line = vs_alloc(3 * N, 1);
    vs_err err = {0};
    vs_words_of w;
    size_t end;
    assert_non_null(line);
    for (size_t i = 0; i < N; i++) memcpy(line + 3 * i, "'a ", 3);
    assert_int_equal(vs_lex_command(&err, line, 3 * N, &end), VS_OK);
    assert_int_equal(end, 3 * N);
    assert_int_equal(vs_lex_words(&err, line, 3 * N, &w), VS_OK);
    assert_int_equal(w.n, N);
    vs_words_of_free(&w);
    vs_free(line);
}

/* ---- lines ---- */

static void lines_run_as_they_should(void **state) {
    (void)state;
    static const struct {
        const char *line, *seen;
    } want[] = {
        {"words a \"b c\" d", "words[a][b c][d];<1>"},
        {"words a -k 5 --flag b", "words[a][b] flag k=5;<1>"},
        {"words -k5 a --real=0.25 -f", "words[a] flag k=5 real=0.25;<1>"},
        {"words a --name x --name \"y z\"", "words[a] name=y z;<1>"},
        {"items a \"b c\" 'd - e' -k 2 \"f\"@6[g]", "items[a][\"b c\"][d - e][\"f\"@6[g]] k=2;<1>"},
        {"words a --list b \"c d\" 'e - f' -k 2 g", "words[a][g] k=2 list=b list=\"c d\" list=e - f;<1>"},
        {"words a --list=b c --list d -- e", "words[a][e] list=b list=c list=d;<1>"},
        {"words a -- --flag -k", "words[a][--flag][-k];<1>"},
        {"words \"--flag\" a", "words[--flag][a];<1>"},
        {"words - -x --- a-b", NULL},
        {"words - -x ---", "words[-][-x][---];<1>"},
        {"say the  \"white  swan\" isn't", "say[the white  swan isn't];<1>"},
        {"say -- the -k swan", "say[the -k swan];<1>"},
        {"say a --pair \"b c\"", "say[a] pair=b c;<1>"},
        {"say --ids 1,2", "say;<1>"},
        {"near queen - \"New York\" -k 3", "near[queen - \"New York\"] k=3;<1>"},
        {"near 'New York' + king", "near[New York + king];<1>"},
        {"queen - king -k 2", "near[queen - king] k=2;<1>"},
        {"= words - none", "near[words - none];<1>"},
        {"both queen - king, woman - man", "both[queen - king][woman - man];<1>"},
        {"both \"a, b\", c", "both[\"a, b\"][c];<1>"},
        {"both queen king", "both[queen][king];<1>"},
        {"both 'queen - king' \"New York\"", "both[queen - king][\"New York\"];<1>"},
        {"sql select 'a' , \"b\"", "sql[select 'a' , \"b\"];<1>"},
        {"sql \"select 1\"", "sql[select 1];<1>"},
        {"none; none", "none;<1>none;<1>"},
        {"none\n\n  # a comment; none\n  none", "none;<1>none;<1>"},
        {"with {a; \"}\" b} words x", "{a; \"}\" b}words[x];<2>"},
        {"with {a \"}\\\"\" b} words x", "{a \"}\\\"\" b}words[x];<2>"},
        {"time words \"a  b\"", "words[a  b];<2>"},
        {"time with {e} none", "{e}none;<3>"},
        {"", ""},
        {" ; ;\n;", ""},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        vs_err err = {0};
        vs_status s = run_line(want[i].line, &err);
        if ((s == VS_OK) != (want[i].seen != NULL)) fail_msg("%s: %s", want[i].line, err.msg);
        if (want[i].seen && strcmp(seen, want[i].seen) != 0) fail_msg("%s\n gives %s\n  want %s", want[i].line, seen, want[i].seen);
    }
}

static void wrong_lines_say_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *line;
        vs_status status;
        const char *said;
    } want[] = {
        {"words", VS_E_USAGE, "words wants more: words WHAT"},
        {"words a b c d", VS_E_USAGE, "words wants at most 3 arguments: words WHAT"},
        {"words a -k", VS_E_USAGE, "words: -k wants K after it"},
        {"words a -k x", VS_E_USAGE, "words: -k wants a whole number, not x"},
        {"words a -k 99999999999999999999", VS_E_USAGE, "words: -k wants a whole number, not 99999999999999999999"},
        {"words a --real 1.5x", VS_E_USAGE, "words: --real wants a number, not 1.5x"},
        {"words a --flog", VS_E_USAGE, "words has no option --flog; did you mean --flag?"},
        {"words a --nothing-like-it", VS_E_USAGE, "words has no option --nothing-like-it"},
        {"none a", VS_E_USAGE, "none takes no argument, but there is a"},
        {"say a --ids 1", VS_E_USAGE, "say wants one of TEXT, --ids and --file, but there are more"},
        {"with zero none", VS_E_USAGE, "with wants { … } first: with WHAT"},
        {"with {a}", VS_E_USAGE, "with wants more: with WHAT"},
        {"time", VS_E_USAGE, "time wants more: time WHAT"},
        {"both a, , b", VS_E_SYNTAX, "at byte 2: an expression is wanted beside the comma"},
        {"fails", VS_E_STATE, "it fails"},
        {"time fails", VS_E_STATE, "it fails"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        vs_err err = {0};
        vs_status s = run_line(want[i].line, &err);
        if (s != want[i].status) fail_msg("%s: %s", want[i].line, vs_status_words(s));
        if (strncmp(err.msg, want[i].said, strlen(want[i].said)) != 0) fail_msg("%s\n says %s\n want %s", want[i].line, err.msg, want[i].said);
        assert_int_equal(shown, 0);
    }
}

static void a_failure_stops_the_line(void **state) {
    (void)state;
    vs_err err = {0};
    assert_int_equal(run_line("none; fails; none", &err), VS_E_STATE);
    assert_string_equal(seen, "none;<1>");
    assert_int_equal(run_line("none; near \"x", &err), VS_E_SYNTAX);
    assert_string_equal(seen, "none;<1>");
}

/* Commands that run commands end somewhere: the stack does too. */
static void commands_within_commands_have_an_end(void **state) {
    (void)state;
    enum { MANY = 100000 };
    char *line = malloc(MANY * 5 + 5), *p = line;
    assert_non_null(line);
    for (size_t i = 0; i < MANY; i++) p = (char *)memcpy(p, "time ", 5) + 5;
    memcpy(p, "none", 5);
    vs_err err = {0};
    assert_int_equal(run_line(line, &err), VS_E_SYNTAX);
    assert_string_equal(err.msg, "time: commands within commands, more than 32 deep");
    assert_int_equal(run_line(line + (MANY - 31) * 5, &err), VS_OK);
    free(line);
}

/* A word of the space that is a command as well: the failure says how to ask for the word. */
static void a_failing_word_suggests_the_expression(void **state) {
    (void)state;
    vs_err err = {0};
    assert_int_equal(run_line("time", &err), VS_E_USAGE);
    assert_non_null(strstr(err.msg, "(for the expression: = time)"));
    const char *const argv[] = {"time"};
    vs_out o = {.sink = {.data = true, .show = count_show}};
    assert_int_equal(vs_execute_argv(&err, session, 1, argv, &o), VS_E_USAGE);
    assert_non_null(strstr(err.msg, "(for the expression: = time)"));
    vs_out_free(&o);
    assert_int_equal(run_line("words --flag", &err), VS_E_USAGE);
    assert_null(strstr(err.msg, "= words"));
}

/* ---- argv ---- */

static void words_of_argv_are_never_split_again(void **state) {
    (void)state;
    static const struct {
        const char *argv[6], *seen;
    } want[] = {
        {{"words", "a b", "'c", "\"d\""}, "words[a b]['c][\"d\"];<1>"},
        {{"say", "the \"white\" swan; x", "-k", "2"}, "say[the \"white\" swan; x] k=2;<1>"},
        {{"say", "- a dash", "-- two"}, "say[- a dash -- two];<1>"},
        {{"say", "--- a diff"}, "say[--- a diff];<1>"},
        {{"queen - king", "-k", "2"}, "near[queen - king] k=2;<1>"},
        {{"queen", "-", "king"}, "near[queen - king];<1>"},
        {{"= words"}, "near[ words];<1>"},
        {{"=", "words"}, "near[words];<1>"},
        {{"both", "queen - king", "woman - man"}, "both[queen - king][woman - man];<1>"},
        {{"both", "queen - king, woman - man"}, "both[queen - king][woman - man];<1>"},
        {{"with", "{a;", "b}", "words", "x  y"}, "{a; b}words[x  y];<2>"},
        {{"time", "words", "x  y", "\"z"}, "words[x  y][\"z];<2>"},
        {{"items", "a b", "\"c\""}, "items[a b][\"c\"];<1>"},
        {{"words", "a", "--list", "b c", "-", "d"}, "words[a] list=b c list=- list=d;<1>"},
        {{"words", "--", "-k", "--flag"}, "words[-k][--flag];<1>"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        vs_err err = {0};
        vs_out o = {.sink = {.data = true, .width = 80, .show = count_show}};
        int n = 0;
        while (n < 6 && want[i].argv[n]) n++;
        seen[0] = '\0';
        vs_status s = vs_execute_argv(&err, session, n, want[i].argv, &o);
        if (s != VS_OK) fail_msg("%s …: %s", want[i].argv[0], err.msg);
        if (strcmp(seen, want[i].seen) != 0) fail_msg("%s …\n gives %s\n  want %s", want[i].argv[0], seen, want[i].seen);
        vs_out_free(&o);
    }
}

/* ---- the rest ---- */

static void near_names_are_guessed(void **state) {
    (void)state;
    static const struct {
        const char *typed, *meant;
    } want[] = {{"neer", "near"}, {"wrods", "words"}, {"nea", "near"}, {"tiem", "time"}, {"sq", "sql"}, {"xyz", NULL}, {"x", NULL}, {"completely", NULL}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const vs_cmd *c = vs_command_guess(want[i].typed, strlen(want[i].typed));
        if (want[i].meant)
            assert_string_equal(c ? c->name : "none", want[i].meant);
        else
            assert_null(c);
    }
    assert_null(vs_command_find("nea", 3));
    assert_ptr_equal(vs_command_find("nearly", 4), &cmd_near);
}

static void json_text_is_utf_8(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } want[] = {{"a", "a"}, {"\xCF", "\xEF\xBF\xBD"}, {"a\xE2\x96z", "a\xEF\xBF\xBD\xEF\xBF\xBDz"}, {"größe", "größe"}, {"", ""}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        json_t *j = vs_json_text(want[i].in);
        assert_string_equal(json_string_value(j), want[i].out);
        json_decref(j);
    }
}

/* Each allocation of each of these lines fails once: an error or the same answer, never a crash or a leak. */
static void memory_may_run_out(void **state) {
    (void)state;
    static const char *const lines[] = {"words a \"b c\" -k 3 --name x", "items a \"b c\" --list d e", "say the white swan --pair x", "both queen - king, woman - man", "with {a; b} words x; none", "time sql select 1"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        vs_status s = VS_E_NOMEM;
        for (size_t n = 1; s != VS_OK && n < 500; n++) {
            vs_err err = {0};
            vs_alloc_fail_at(n);
            s = run_line(lines[i], &err);
            vs_alloc_fail_at(0);
            if (s != VS_OK && !strstr(err.msg, "no memory")) fail_msg("%s, allocation %zu: %s", lines[i], n, err.msg);
        }
        assert_int_equal(s, VS_OK);
    }
}

static int open_session(void **state) {
    (void)state;
    vs_err err = {0};
    vs_commands_set(table);
    return vs_session_new(&err, NULL, &session) == VS_OK ? 0 : -1;
}

static int close_session(void **state) {
    (void)state;
    vs_session_free(session);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_these_words),
        cmocka_unit_test(unclosed_groups_say_where),
        cmocka_unit_test(commands_end_where_they_should),
        cmocka_unit_test(many_single_quotes_are_quick),
        cmocka_unit_test(lines_run_as_they_should),
        cmocka_unit_test(wrong_lines_say_what_is_wrong),
        cmocka_unit_test(a_failure_stops_the_line),
        cmocka_unit_test(commands_within_commands_have_an_end),
        cmocka_unit_test(a_failing_word_suggests_the_expression),
        cmocka_unit_test(words_of_argv_are_never_split_again),
        cmocka_unit_test(near_names_are_guessed),
        cmocka_unit_test(json_text_is_utf_8),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests_name("command", tests, open_session, close_session);
}

/* command.c - the table of commands: finding one, reading its arguments, running lines. */
#include "command.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_impl.h"

/* ---- the table ---- */

static const vs_cmd *const no_commands[] = {NULL};
static const vs_cmd *const *table = no_commands;

void vs_commands_set(const vs_cmd *const *t) { table = t; }
const vs_cmd *const *vs_commands(void) { return table; }

const vs_cmd *vs_command_find(const char *name, size_t n) {
    for (size_t i = 0; table[i]; i++)
        if (strlen(table[i]->name) == n && !memcmp(table[i]->name, name, n)) return table[i];
    return NULL;
}

const vs_cmd *vs_command_guess(const char *name, size_t n) {
    const vs_cmd *best = NULL;
    size_t least = n <= 3 ? 2 : 3; /* a short word is near too many names */
    for (size_t i = 0; table[i]; i++) {
        size_t len = strlen(table[i]->name), d = vs_edit_distance(name, n, table[i]->name, len);
        if (n >= 3 && n < len && !memcmp(name, table[i]->name, n)) d = 1; /* gen: generate */
        if (d < least) {
            least = d;
            best = table[i];
        }
    }
    return best;
}

/* ---- arguments ---- */

const vs_opt vs_text_opts[] = {
    {"ids", 0, VS_OPT_TEXT, "1,2,3", "token ids as they are, instead of a text", NULL, VS_COMPLETE_NONE},
    {"file", 0, VS_OPT_TEXT, "F", "a text a line from a file", NULL, VS_COMPLETE_FILE},
    {"pair", 0, VS_OPT_TEXT, "TEXT", "a second text, for models that read pairs", NULL, VS_COMPLETE_NONE},
    {"target", 0, VS_OPT_TEXT, "TEXT", "what the decoder beside an encoder reads, after its start token", NULL, VS_COMPLETE_NONE},
    {"decoder-ids", 0, VS_OPT_TEXT, "1,2,3", "the same as token ids as they are, the start token among them", NULL, VS_COMPLETE_NONE},
    {"no-special", 0, VS_OPT_FLAG, NULL, "without the special tokens of the model", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE},
};

static const vs_opt *opt_in(const vs_opt *opts, const char *name, size_t n, bool brief) {
    for (; opts && opts->name; opts++)
        if (brief ? (opts->brief && *name == opts->brief) : (strlen(opts->name) == n && !memcmp(opts->name, name, n)))
            return opts;
    return NULL;
}

static const vs_opt *opt_find(const vs_cmd *c, const char *name, size_t n, bool brief) {
    const vs_opt *o = opt_in(c->opts, name, n, brief);
    return o || c->style != VS_ARGS_TEXT ? o : opt_in(vs_text_opts, name, n, brief);
}

static const vs_opt *opt_guess(const vs_cmd *c, const char *name, size_t n) {
    const vs_opt *best = NULL, *lists[2] = {c->opts, c->style == VS_ARGS_TEXT ? vs_text_opts : NULL};
    size_t least = 3;
    for (int l = 0; l < 2; l++)
        for (const vs_opt *o = lists[l]; o && o->name; o++) {
            size_t d = vs_edit_distance(name, n, o->name, strlen(o->name));
            if (d < least) {
                least = d;
                best = o;
            }
        }
    return best;
}

/* Whether s[n] may be the name of an option: words such as --- and "-- a dash" are text. */
static bool is_name(const char *s, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= '0' && s[i] <= '9') ||
              s[i] == '_' || (s[i] == '-' && i)))
            return false;
    return n > 0;
}

/* Is this word an option of c, and which?  Sets *value to what follows its = or its letter, or NULL. */
static vs_status option_of(vs_err *err, const vs_cmd *c, const vs_word *w, const vs_opt **opt, const char **value) {
    *opt = NULL;
    *value = NULL;
    const char *t = w->text;
    if (w->quoted || t[0] != '-' || !t[1]) return VS_OK;
    if (t[1] == '-') {
        const char *name = t + 2, *eq = strchr(name, '=');
        size_t n = eq ? (size_t)(eq - name) : strlen(name);
        if (!is_name(name, n)) return VS_OK;
        *opt = opt_find(c, name, n, false);
        *value = *opt && eq ? eq + 1 : NULL;
        if (*opt) return VS_OK;
        const vs_opt *near = opt_guess(c, name, n);
        return vs_fail(err, VS_E_USAGE, "%s has no option %s%s%s%s", c->name, t, near ? "; did you mean --" : "",
                       near ? near->name : "", near ? "?" : "");
    }
    const vs_opt *o = opt_find(c, t + 1, 1, true);
    if (!o) return VS_OK; /* a text may well hold a word that begins with a dash */
    bool equals = t[2] == '=' && t[3];
    if (t[2] && (o->type == VS_OPT_FLAG || (!equals && (t[2] < '0' || t[2] > '9')))) return VS_OK;
    *opt = o;
    *value = t[2] ? t + 2 + equals : NULL;
    return VS_OK;
}

static const char *dashes(const vs_opt *o) { return o->name[1] ? "--" : "-"; }

/* Whether text is one of the words of an option that has some. */
static vs_status choose(vs_err *err, const vs_cmd *c, const vs_opt *o, const char *text) {
    vs_buf words = {0};
    for (const char *p = o->arg; p; p = *p ? p + 1 : NULL) {
        size_t n = strcspn(p, "|");
        if (strlen(text) == n && !memcmp(text, p, n)) {
            vs_buf_free(&words);
            return VS_OK;
        }
        vs_buf_printf(&words, "%s%.*s", !words.len ? "" : p[n] ? ", " : " or ", (int)n, p);
        p += n;
    }
    vs_status st = vs_fail(err, VS_E_USAGE, "%s: %s%s wants %s, not %s", c->name, dashes(o), o->name, words.s ? words.s : o->arg, text);
    vs_buf_free(&words);
    return st;
}

static vs_status opt_value(vs_err *err, const vs_cmd *c, const vs_opt *o, const char *text, struct vs_given *g) {
    *g = (struct vs_given){.opt = o, .text = text};
    char *end = NULL;
    errno = 0;
    if (o->type == VS_OPT_INT) g->i = strtoll(text, &end, 10);
    if (o->type == VS_OPT_REAL) g->r = strtod(text, &end);
    if (end && (*end || end == text || errno == ERANGE))
        return vs_fail(err, VS_E_USAGE, "%s: %s%s wants a %snumber, not %s", c->name, dashes(o), o->name,
                       o->type == VS_OPT_INT ? "whole " : "", text);
    return o->complete == VS_COMPLETE_CHOICE ? choose(err, c, o, text) : VS_OK;
}

static vs_status too_few(vs_err *err, const vs_cmd *c) {
    return vs_fail(err, VS_E_USAGE, "%s wants more: %s %s", c->name, c->name, c->synopsis);
}

/* Join words with one blank into the arena: as written (single: but '…' without its quotes), or without quotes. */
static const char *join(vs_arena *a, const vs_words_of *w, const bool *taken, size_t from, bool raw, bool single) {
    size_t len = 1, k = 0;
    for (size_t i = from; i < w->n; i++) len += (raw ? w->word[i].raw_len : strlen(w->word[i].text)) + 1;
    char *s = vs_arena_alloc(a, len, 1);
    for (size_t i = from; s && i < w->n; i++) {
        if (taken[i]) continue;
        bool written = raw && !(single && w->word[i].quoted && w->word[i].raw[0] == '\'');
        const char *t = written ? w->word[i].raw : w->word[i].text;
        size_t n = written ? w->word[i].raw_len : strlen(t);
        if (k) s[k++] = ' ';
        memcpy(s + k, t, n);
        k += n;
    }
    return s;
}

/* The comma-separated expressions of `compare E, E`; or, without a comma, its words: two, or those of a command that
 * says how many it wants at most. */
static vs_status split_exprs(vs_err *err, const vs_cmd *c, vs_args *a, const vs_words_of *w, const bool *taken,
                             size_t first, bool raw, const char *text) {
    vs_span part[64];
    size_t n;
    vs_status st = vs_expr_split(err, text, strlen(text), part, 64, &n);
    if (st != VS_OK && !(c->max_args && a->n_word == c->max_args)) return st; /* analogy , . ; */
    if (st != VS_OK || (n == 1 && (c->max_args ? a->n_word > 1 : a->n_word == 2))) {
        n = 0;
        for (size_t i = first; i < w->n && n < 64; i++) {
            if (taken[i]) continue;
            bool written = raw && w->word[i].raw[0] != '\'';
            part[n++] = written ? (vs_span){w->word[i].raw, w->word[i].raw_len}
                                : (vs_span){w->word[i].text, strlen(w->word[i].text)};
        }
    }
    a->pos = vs_arena_alloc(&a->arena, n + 1, sizeof *a->pos);
    if (!a->pos) return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    for (size_t i = 0; i < n; i++)
        if (!(a->pos[a->n_pos++] = vs_arena_strndup(&a->arena, part[i].s, part[i].n)))
            return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    return VS_OK;
}

/* A word as an expression has it: with its quotes, but for '…'. */
static const char *as_written(vs_args *a, const vs_word *w) {
    return a->from_argv || w->raw[0] == '\'' ? w->text : vs_arena_strndup(&a->arena, w->raw, w->raw_len);
}

static vs_status items(vs_err *err, const vs_words_of *w, const bool *taken, size_t first, vs_args *a) {
    a->pos = vs_arena_alloc(&a->arena, w->n + 1, sizeof *a->pos);
    a->word = vs_arena_alloc(&a->arena, w->n + 1, sizeof *a->word);
    if (!a->pos || !a->word) return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    for (size_t i = first; i < w->n; i++) {
        if (taken[i]) continue;
        a->word[a->n_word++] = w->word[i].text;
        if (!(a->pos[a->n_pos++] = as_written(a, &w->word[i]))) return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    }
    return VS_OK;
}

/* The positional arguments, by the command's style, once the options are taken. */
static vs_status positionals(vs_err *err, const vs_cmd *c, const vs_words_of *w, const bool *taken, size_t first,
                             vs_args *a) {
    size_t left = 0;
    for (size_t i = first; i < w->n; i++) left += !taken[i];
    bool raw = !a->from_argv && (c->style == VS_ARGS_EXPR || c->style == VS_ARGS_EXPRS || c->style == VS_ARGS_RAW);
    if (c->style == VS_ARGS_ITEMS) return items(err, w, taken, first, a);
    if (c->style == VS_ARGS_RAW && left == 1) raw = false; /* sql "select …": one quoted word is its text */
    a->pos = vs_arena_alloc(&a->arena, left + 1, sizeof *a->pos);
    if (!a->pos) return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    a->word = vs_arena_alloc(&a->arena, left + 1, sizeof *a->word);
    if (!a->word) return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    for (size_t i = first; i < w->n; i++)
        if (!taken[i]) a->word[a->n_word++] = w->word[i].text;
    if (!left) return VS_OK;
    if (c->style == VS_ARGS_WORDS) {
        memcpy(a->pos, a->word, left * sizeof *a->pos);
        a->n_pos = left;
        return VS_OK;
    }
    const char *whole = join(&a->arena, w, taken, first, raw, c->style != VS_ARGS_RAW); /* 'a' is a text in SQL */
    if (!whole) return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    if (c->style == VS_ARGS_EXPRS) return split_exprs(err, c, a, w, taken, first, raw, whole);
    a->pos[a->n_pos++] = whole;
    return VS_OK;
}

/* How deep in braces s[n] ends, from *depth on; those inside "…" do not count, nor does \" end it. */
static void count_braces(const char *s, size_t n, int *depth, bool *quote) {
    for (size_t i = 0; i < n; i++) {
        if (*quote && s[i] == '\\' && i + 1 < n && (s[i + 1] == '"' || s[i + 1] == '\\')) {
            i++;
            continue;
        }
        if (s[i] == '"') *quote = !*quote;
        if (!*quote) *depth += (s[i] == '{') - (s[i] == '}');
    }
}

/* with {EDIT; …} COMMAND: the block without its braces, and where the command begins. */
static vs_status block(vs_err *err, const vs_cmd *c, const vs_words_of *w, size_t first, vs_args *a) {
    int depth = 0;
    bool quote = false;
    size_t i = first;
    vs_buf b = {0};
    for (; i < w->n; i++) { /* words from argv may have been split inside the braces */
        if (i > first) vs_buf_putc(&b, ' ');
        vs_buf_put(&b, w->word[i].raw, w->word[i].raw_len);
        count_braces(w->word[i].raw, w->word[i].raw_len, &depth, &quote);
        if (depth <= 0 && !quote) break;
    }
    vs_status s = VS_OK;
    if (b.failed) {
        s = vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    } else if (!b.len || b.s[0] != '{' || b.s[b.len - 1] != '}' || depth != 0) {
        s = vs_fail(err, VS_E_USAGE, "%s wants { … } first: %s %s", c->name, c->name, c->synopsis);
    } else {
        a->pos = vs_arena_alloc(&a->arena, 1, sizeof *a->pos);
        const char *inside = vs_arena_strndup(&a->arena, b.s + 1, b.len - 2);
        if (a->pos && inside)
            a->pos[a->n_pos++] = inside;
        else
            s = vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    }
    vs_buf_free(&b);
    a->rest_words = w;
    a->rest_at = i + 1;
    if (s == VS_OK && a->rest_at >= w->n) return too_few(err, c);
    return s;
}

/* The words of a TEXTS option from its first one, *at, up to the next option. */
static vs_status more_texts(vs_err *err, const vs_cmd *c, const vs_opt *o, const vs_words_of *w, bool *taken, size_t *at, vs_args *a) {
    struct vs_given *last = &a->given[a->n_given - 1];
    if (last->text == w->word[*at].text) last->text = as_written(a, &w->word[*at]);
    bool failed = !last->text;
    while (*at + 1 < w->n && !failed) {
        const vs_word *next = &w->word[*at + 1];
        const vs_opt *other;
        const char *value;
        if (!next->quoted && !strcmp(next->text, "--")) break;
        VS_TRY(option_of(err, c, next, &other, &value));
        if (other) break;
        taken[++*at] = true;
        last = &a->given[a->n_given++];
        *last = (struct vs_given){.opt = o, .text = as_written(a, next)};
        failed = !last->text;
    }
    return failed ? vs_fail(err, VS_E_NOMEM, "no memory for the arguments") : VS_OK;
}

vs_status vs_args_parse(vs_err *err, const vs_cmd *c, const vs_words_of *w, size_t first, bool from_argv, vs_args *a) {
    *a = (vs_args){.cmd = c, .from_argv = from_argv};
    if (c->style == VS_ARGS_BLOCK) return block(err, c, w, first, a);
    if (c->style == VS_ARGS_COMMAND) {
        a->rest_words = w;
        a->rest_at = first;
        return first < w->n ? VS_OK : too_few(err, c);
    }
    bool *taken = vs_arena_alloc(&a->arena, w->n + 1, sizeof *taken);
    a->given = vs_arena_alloc(&a->arena, w->n + 1, sizeof *a->given);
    if (!taken || !a->given) return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    size_t words = 0;
    for (size_t i = first; i < w->n; i++) {
        if (!w->word[i].quoted &&
            !strcmp(w->word[i].text, "--")) { /* the end of options; what follows is taken as it is */
            bool text = c->style == VS_ARGS_RAW && words; /* within SQL: a comment */
            taken[i] = !text;
            break;
        }
        const vs_opt *o;
        const char *value;
        VS_TRY(option_of(err, c, &w->word[i], &o, &value));
        words += !o;
        if (!o) continue;
        taken[i] = true;
        if (o->type != VS_OPT_FLAG && !value) {
            if (i + 1 >= w->n)
                return vs_fail(err, VS_E_USAGE, "%s: %s%s wants %s after it", c->name, dashes(o), o->name, o->arg);
            taken[++i] = true;
            value = w->word[i].text;
        }
        VS_TRY(opt_value(err, c, o, value ? value : "", &a->given[a->n_given]));
        a->n_given++;
        if (o->type == VS_OPT_TEXTS) VS_TRY(more_texts(err, c, o, w, taken, &i, a));
    }
    VS_TRY(positionals(err, c, w, taken, first, a));
    size_t least = c->min_args;
    if (c->style == VS_ARGS_TEXT && (vs_has(a, "ids") || vs_has(a, "file"))) least = least ? least - 1 : 0;
    if (a->n_pos < least) return too_few(err, c);
    if (c->style == VS_ARGS_TEXT && a->n_pos + vs_has(a, "ids") + vs_has(a, "file") > 1)
        return vs_fail(err, VS_E_USAGE, "%s wants one of TEXT, --ids and --file, but there are more", c->name);
    if (c->max_args && a->n_pos > c->max_args)
        return vs_fail(err, VS_E_USAGE, "%s wants at most %zu argument%s: %s %s", c->name, c->max_args,
                       c->max_args == 1 ? "" : "s", c->name, c->synopsis);
    if (c->style == VS_ARGS_NONE && a->n_pos)
        return vs_fail(err, VS_E_USAGE, "%s takes no argument, but there is %s", c->name, a->pos[0]);
    return VS_OK;
}

void vs_args_free(vs_args *a) { vs_arena_free(&a->arena); }

size_t vs_arg_count(const vs_args *a) { return a->n_pos; }
const char *vs_arg(const vs_args *a, size_t i) { return i < a->n_pos ? a->pos[i] : NULL; }

const char *vs_arg_word(const vs_args *a, size_t i) { return i < a->n_word ? a->word[i] : NULL; }

static const struct vs_given *given(const vs_args *a, const char *opt) {
    for (size_t i = a->n_given; i-- > 0;) /* the last one counts */
        if (!strcmp(a->given[i].opt->name, opt)) return &a->given[i];
    return NULL;
}

bool vs_has(const vs_args *a, const char *opt) { return given(a, opt) != NULL; }

const char *vs_text(const vs_args *a, const char *opt) {
    const struct vs_given *g = given(a, opt);
    const vs_opt *o = g ? NULL : opt_find(a->cmd, opt, strlen(opt), false);
    return g ? g->text : o ? o->fallback : NULL;
}

size_t vs_text_list(const vs_args *a, const char *opt, const char **out, size_t cap) {
    size_t n = 0;
    for (size_t i = 0; i < a->n_given; i++) {
        if (strcmp(a->given[i].opt->name, opt) != 0) continue;
        if (n < cap) out[n] = a->given[i].text;
        n++;
    }
    return n;
}

int64_t vs_int(const vs_args *a, const char *opt) {
    const struct vs_given *g = given(a, opt);
    const char *t = g ? NULL : vs_text(a, opt);
    return g ? g->i : t ? strtoll(t, NULL, 10) : 0;
}

double vs_real(const vs_args *a, const char *opt) {
    const struct vs_given *g = given(a, opt);
    const char *t = g ? NULL : vs_text(a, opt);
    return g ? g->r : t ? strtod(t, NULL) : 0;
}

/* ---- running ---- */

enum { NESTING = 32 }; /* each, with, time and source run commands, which may be those again: the stack has an end */

static vs_status needs(vs_err *err, vs_session *s, const vs_cmd *c) {
    vs_model *m = NULL;
    if (c->needs & (VS_NEEDS_MODEL | VS_NEEDS_CAUSAL)) {
        vs_status st = vs_session_model(err, s, &m);
        if (st != VS_OK) return vs_fail_in(err, "%s", c->name);
        const vs_model_info *in = vs_model_info_of(m);
        if ((c->needs & VS_NEEDS_CAUSAL) && !in->stack[in->n_stacks - 1].causal)
            return vs_fail(err, VS_E_UNSUPPORTED,
                           "%s: %s is an encoder: it does not continue a text; open a decoder (gemma3-270m)", c->name,
                           in->name);
    }
    return VS_OK;
}

/* CMD --help: what `help CMD` says. */
static bool asks_help(const vs_words_of *w, size_t first) {
    return w->n == first + 1 && !w->word[first].quoted && !strcmp(w->word[first].text, "--help");
}

static vs_status run_help(vs_err *err, vs_session *s, const vs_cmd *c, vs_out *o) {
    const char *line[] = {"help", c->name};
    return vs_execute_argv(err, s, 2, line, o);
}

/* Run c with the words from `first` on. */
static vs_status run(vs_err *err, vs_session *s, const vs_cmd *c, const vs_words_of *w, size_t first, bool from_argv,
                     vs_out *o) {
    vs_args a;
    if (o->depth >= NESTING) return vs_fail(err, VS_E_SYNTAX, "%s: commands within commands, more than %d deep", c->name, NESTING);
    if (first && asks_help(w, first)) return run_help(err, s, c, o);
    vs_status st = vs_args_parse(err, c, w, first, from_argv, &a);
    if (st == VS_OK) st = needs(err, s, c);
    o->depth++;
    if (st == VS_OK) st = c->run(err, s, &a, o);
    o->depth--;
    vs_args_free(&a);
    if (st == VS_OK && o->failed) st = vs_fail(err, VS_E_NOMEM, "%s: no memory to show the answer", c->name);
    if (st != VS_OK)
        vs_out_reset(o);
    else if (!o->held || o->held != o->depth)
        vs_out_flush(o);
    return st;
}

static vs_status run_rest(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const vs_word *w = &a->rest_words->word[a->rest_at];
    size_t n = a->rest_words->n - a->rest_at;
    if (!a->from_argv) {
        const vs_word *last = &w[n - 1];
        return vs_execute(err, s, w->raw, (size_t)(last->raw + last->raw_len - w->raw), o);
    }
    const char **argv = vs_alloc(n, sizeof *argv);
    if (!argv) return vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    for (size_t i = 0; i < n; i++) argv[i] = w[i].raw;
    vs_status st = vs_execute_argv(err, s, (int)n, argv, o);
    vs_free(argv);
    return st;
}

vs_status vs_args_run_rest(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    int held = o->held;
    o->held = o->depth;
    vs_status st = run_rest(err, s, a, o);
    o->held = held;
    return st;
}

/* `$name = EXPR` */
static vs_status assign(vs_err *err, vs_session *s, const char *t, size_t n, const char *eq, vs_out *o) {
    size_t len = (size_t)(eq - t);
    while (len && (t[len - 1] == ' ' || t[len - 1] == '\t')) len--;
    if (t[1] >= '0' && t[1] <= '9') return vs_fail(err, VS_E_SYNTAX, "a name begins with no digit: %.*s", (int)len, t);
    const char *expr = eq + 1;
    size_t m = n - (size_t)(expr - t);
    while (m && *expr == ' ') expr++, m--;
    char *name = vs_strndup(t + 1, len - 1), *text = vs_strndup(expr, m);
    vs_value v = {0};
    vs_store *st = NULL;
    vs_status r =
        name && text ? vs_session_eval(err, s, expr, m, &v) : vs_fail(err, VS_E_NOMEM, "no memory for a name");
    if (r == VS_OK) r = vs_session_store(err, s, &st);
    if (r == VS_OK) r = vs_store_name_set(err, st, name, text, v.space ? vs_space_name(v.space) : "", v.vec, v.dim, v.weight);
    if (r == VS_OK) {
        vs_out_text(o, VS_COL_JSON_ONLY, "name", name);
        vs_out_int(o, VS_COL_JSON_ONLY, "dim", (int64_t)v.dim);
        vs_say_notes(o, &v);
        vs_out_note(o, "$%s: %zu numbers, |x| = %.4g", name, v.dim, sqrt((double)vs_sum_squares(v.vec, v.dim)));
        if (!o->held || o->held != o->depth) vs_out_flush(o);
    }
    vs_value_free(&v);
    vs_free(name);
    vs_free(text);
    return r;
}

/* Where the = of `$name = …` is, or NULL. */
static const char *assignment(const char *t, size_t n) {
    size_t i = 1;
    if (n < 3 || t[0] != '$') return NULL;
    while (i < n && (t[i] == '_' || (t[i] >= '0' && t[i] <= '9') || ((t[i] | 32) >= 'a' && (t[i] | 32) <= 'z') ||
                     (unsigned char)t[i] >= 0x80))
        i++;
    size_t j = i;
    while (j < n && t[j] == ' ') j++;
    return i > 1 && j < n && t[j] == '=' ? t + j : NULL;
}

/* Words that begin with no command: an expression, with the options of `near`; or a mistyped command, which no line
 * that began with = can be. */
static vs_status query_or_guess(vs_err *err, vs_session *s, const vs_words_of *w, bool surely, bool from_argv,
                                vs_out *o) {
    const vs_cmd *near = vs_command_find("near", 4), *meant = NULL;
    if (!near || !w->n) return vs_fail(err, VS_E_USAGE, "nothing to do");
    if (!surely) meant = vs_command_guess(w->word[0].text, strlen(w->word[0].text));
    bool words =
        w->n > 1 && strlen(w->word[1].text) > 1 && !strchr("-\xE2", w->word[1].text[0]); /* no operator, no option */
    if (meant && words && strlen(w->word[0].text) > 2)
        vs_out_note(o, "read as words; if the command %s was meant, mind its spelling", meant->name);
    vs_status st = run(err, s, near, w, 0, from_argv, o);
    if (meant && (st == VS_E_SYNTAX || st == VS_E_UNKNOWN)) {
        size_t used = strlen(err->msg);
        snprintf(err->msg + used, sizeof err->msg - used, "; or did you mean the command %s?", meant->name);
    }
    return st;
}

static vs_status query_line(vs_err *err, vs_session *s, const char *t, size_t n, bool surely, vs_out *o) {
    vs_words_of w;
    VS_TRY(vs_lex_words(err, t, n, &w));
    vs_status st = query_or_guess(err, s, &w, surely, false, o);
    vs_words_of_free(&w);
    return st;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* A command that failed, where its line is an expression too (`time` is a word of GloVe): say how to ask for that. */
static void suggest_expression(vs_err *err, vs_session *s, vs_status st, const char *t, size_t n) {
    if (!err || st == VS_E_STOPPED || !vs_session_is_expr(s, t, n)) return;
    size_t used = strlen(err->msg);
    snprintf(err->msg + used, sizeof err->msg - used, "  (for the expression: = %.*s)", (int)(n < 60 ? n : 60), t);
}

static vs_status run_one(vs_err *err, vs_session *s, const char *t, size_t n, vs_out *o) {
    while (n && is_blank(*t)) t++, n--;
    while (n && is_blank(t[n - 1])) n--;
    if (!n || *t == '#') return VS_OK;
    const char *eq = assignment(t, n);
    if (eq) return assign(err, s, t, n, eq, o);
    if (*t == '=') return query_line(err, s, t + 1, n - 1, true, o);
    size_t first = 0;
    while (first < n && !is_blank(t[first])) first++;
    const vs_cmd *c = vs_command_find(t, first);
    if (!c) return query_line(err, s, t, n, false, o);
    vs_words_of w;
    VS_TRY(vs_lex_words(err, t, n, &w));
    vs_status st = run(err, s, c, &w, 1, false, o);
    vs_words_of_free(&w);
    if (st != VS_OK) suggest_expression(err, s, st, t, n);
    return st;
}

vs_status vs_execute(vs_err *err, vs_session *s, const char *line, size_t n, vs_out *o) {
    for (size_t at = 0; at < n;) {
        size_t end;
        VS_TRY(vs_lex_command(err, line + at, n - at, &end));
        VS_TRY(run_one(err, s, line + at, end, o));
        at += end + 1;
    }
    return VS_OK;
}

vs_status vs_execute_argv(vs_err *err, vs_session *s, int argc, const char *const *argv, vs_out *o) {
    if (!argc) return VS_OK;
    const vs_cmd *c = vs_command_find(argv[0], strlen(argv[0]));
    vs_words_of w;
    VS_TRY(vs_lex_argv(err, argc, argv, &w));
    bool *none = vs_arena_alloc(&w.arena, (size_t)argc + 1, sizeof *none);
    const char *whole = none ? join(&w.arena, &w, none, 0, false, false) : NULL;
    size_t n = whole ? strlen(whole) : 0;
    const char *eq = whole && !c ? assignment(whole, n) : NULL;
    vs_status st;
    if (!whole) {
        st = vs_fail(err, VS_E_NOMEM, "no memory for the arguments");
    } else if (c) {
        st = run(err, s, c, &w, 1, true, o);
        if (st != VS_OK) suggest_expression(err, s, st, whole, n);
    } else if (eq) {
        st = assign(err, s, whole, n, eq, o);
    } else {
        bool surely = *w.word[0].text == '='; /* = EXPR */
        w.word[0].text += surely;
        st = query_or_guess(err, s, &w, surely, true, o);
    }
    vs_words_of_free(&w);
    return st;
}

/* manual.c - the manual from the tables: the usage, the page of man, docs/commands.md. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "out.h"

static const struct {
    const char *spelling, *arg, *help;
} options[] = {
#define OPTION(spelling, arg, help) {spelling, arg, help},
#include "options.def"
#undef OPTION
};
enum { OPTIONS = sizeof options / sizeof *options };

static const char synopsis[] =
    "[-m MODEL]… [-s SPACE]… [-d DB] [--json|--csv] [--threads N] [COMMAND ARGS… | -c 'COMMANDS; …' | -f SCRIPT]";

static const char *const about[] = {
    "A language model is a journey through vector spaces.  vecscope lets you make that journey by hand: every vector "
    "of a model has an address, "
    "expressions do arithmetic on addresses (queen - king + man), and every step of attention and MLP can be looked at "
    "and changed.",
    "Without a command it opens a prompt.  Every command of the prompt is a command of the shell, with the same "
    "arguments.  A line that begins with "
    "no command is an expression; its nearest neighbours are the answer.  $name = EXPR keeps a vector.",
    NULL};

static const char *const places[][2] = {
    {"queen, \"New York\"", "the row of a key in the current space; several words: the mean of theirs"},
    {"glove:queen, W_E:\" king\", W_U:\" king\"",
     "the row in a named space; W_E the embedding, W_U the unembedding of the current model"},
    {"\"the river bank\"@6[bank]", "the residual stream entering block 6 at that word (its last piece in a decoder, "
                                   "the mean of its pieces in an encoder); [-1], [2], [a..b], [bank#1], [mean] too"},
    {"\"the river bank\"@6.mlp_out[bank]", "any hook point of a pass (sites lists them)"},
    {"\"the bank\" -> \"la rive\"@6[rive]", "of two stacks: the encoder reads the first text, the decoder the second behind its start "
                                          "token, and the place is the decoder's (@encoder.6: the encoder's); without -> the "
                                          "encoder's, and @decoder.6 sees the start token alone"},
    {"neuron(12,345)", "what an MLP neuron writes; neuron(12,345,in) what it reads, and with gate in place of in, what its gate reads.  "
                       "Of two stacks neuron(encoder.2,345), and without a stack the decoder's"},
    {"head(5,1,ov,EXPR)", "a vector through a map of head 1 of block 5: its weights alone, no bias, norm or rotation; q k v to "
                          "the head's width, o back from it; ov = o(v(x)), what it writes where it looks at x; qk, what a "
                          "query x looks for: its dot product with another vector is their score, unscaled.  Attention "
                          "reads the stream after its norm, \"the king\"@5.attn.norm[-1].  Of two stacks head(encoder.2,1,ov,EXPR), "
                          "head(5.xattn,1,ov,EXPR) of the decoder's attention to the encoder (q takes the decoder's stream, k and v "
                          "the encoder's output), and without a stack the decoder's own"},
    {"file(\"a.npy\"), file(\"a.safetensors:name\")", "a vector from a file"},
    {"$royal", "a vector you named"},
    {"unit(x) mean(a, b) project(x, y) reject(x, y) pc(1)", "functions; + - * / count between blanks only"}};
enum { PLACES = sizeof places / sizeof *places };

void vs_usage(vs_buf *b) {
    vs_buf_printf(b, "usage: vecscope %s\n\n", synopsis);
    for (size_t i = 0; i < OPTIONS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s %s", options[i].spelling, options[i].arg);
        vs_buf_printf(b, "  %-14s %s\n", name, options[i].help);
    }
    vs_buf_puts(
        b, "\nWithout a command: the prompt.  `vecscope help` lists the commands, `vecscope help CMD` explains one.\n");
}

static bool new_group(const vs_cmd *const *c, size_t i) { return !i || strcmp(c[i]->group, c[i - 1]->group) != 0; }

/* ---- troff ---- */

/* A text as troff reads it: no escape, no request, dashes that can be copied. */
static void troff(vs_buf *b, const char *s) {
    for (bool start = true; *s; s++) {
        if (start && (*s == '.' || *s == '\'')) vs_buf_puts(b, "\\&");
        if (*s == '\\')
            vs_buf_puts(b, "\\e");
        else if (*s == '"') /* would end an argument */
            vs_buf_puts(b, "\\(dq");
        else if (*s == '-')
            vs_buf_puts(b, "\\-");
        else
            vs_buf_putc(b, *s);
        start = *s == '\n';
    }
}

static void man_item(vs_buf *b, const char *bold, const char *arg, const char *text) {
    vs_buf_puts(b, ".TP\n.B ");
    troff(b, bold);
    if (arg && *arg) {
        vs_buf_puts(b, " \\fI");
        troff(b, arg);
        vs_buf_puts(b, "\\fR");
    }
    vs_buf_putc(b, '\n');
    troff(b, text);
    vs_buf_putc(b, '\n');
}

static void man_options(vs_buf *b, const vs_opt *opts) {
    for (; opts && opts->name; opts++) {
        vs_buf_puts(b, ".br\n\\fB");
        if (opts->brief) vs_buf_printf(b, "\\-%c\\fR, \\fB", opts->brief);
        vs_buf_puts(b, "\\-\\-");
        troff(b, opts->name);
        vs_buf_puts(b, "\\fR ");
        if (opts->arg) {
            vs_buf_puts(b, "\\fI");
            troff(b, opts->arg);
            vs_buf_puts(b, "\\fR ");
        }
        troff(b, opts->help);
        if (opts->fallback) {
            vs_buf_puts(b, " (");
            troff(b, opts->fallback);
            vs_buf_putc(b, ')');
        }
        vs_buf_putc(b, '\n');
    }
}

static void man_command(vs_buf *b, const vs_cmd *c) {
    man_item(b, c->name, c->synopsis, c->summary);
    if (c->details) {
        vs_buf_puts(b, ".IP\n.nf\n");
        troff(b, c->details);
        vs_buf_puts(b, "\n.fi\n");
    }
    if (c->opts) vs_buf_puts(b, ".IP\n");
    man_options(b, c->opts);
    if (c->examples && c->examples[0]) vs_buf_puts(b, ".IP\n.nf\n");
    for (size_t i = 0; c->examples && c->examples[i]; i++) {
        vs_buf_puts(b, "vecscope> ");
        troff(b, c->examples[i]);
        vs_buf_putc(b, '\n');
    }
    if (c->examples && c->examples[0]) vs_buf_puts(b, ".fi\n");
}

void vs_manual_man(vs_buf *b) {
    const vs_cmd *const *c = vs_commands();
    vs_buf_puts(b, ".TH VECSCOPE 1 \"\" \"vecscope " VS_VERSION
                   "\" \"User Commands\"\n.SH NAME\nvecscope \\- vector spaces of language models, by hand\n.SH "
                   "SYNOPSIS\n.B vecscope\n");
    troff(b, synopsis);
    vs_buf_puts(b, "\n.SH DESCRIPTION\n");
    for (size_t i = 0; about[i]; i++) {
        troff(b, about[i]);
        vs_buf_puts(b, "\n.PP\n");
    }
    vs_buf_puts(b, ".SH OPTIONS\n");
    for (size_t i = 0; i < OPTIONS; i++) man_item(b, options[i].spelling, options[i].arg, options[i].help);
    vs_buf_puts(b, ".SH EXPRESSIONS\n");
    for (size_t i = 0; i < PLACES; i++) man_item(b, places[i][0], NULL, places[i][1]);
    vs_buf_puts(b, ".SH COMMANDS\nA command that takes a TEXT also takes:\n.PP\n");
    man_options(b, vs_text_opts);
    for (size_t i = 0; c[i]; i++) {
        if (new_group(c, i)) vs_buf_printf(b, ".SS %s\n", c[i]->group);
        man_command(b, c[i]);
    }
    vs_buf_puts(b, ".SH EXIT STATUS\n0 done; 1 a command failed (one line on standard error says what and where); 2 "
                   "usage.\n.SH FILES\n");
    man_item(b, "$XDG_DATA_HOME/vecscope/vecscope.db", NULL, "what the prompt stores");
    man_item(b, "$XDG_CACHE_HOME/vecscope", NULL, "models and word vectors that were fetched");
    man_item(b, "$XDG_STATE_HOME/vecscope/history", NULL, "the lines typed at the prompt");
}

/* ---- Markdown ---- */

/* A cell of a table: its bars would end it. */
static void cell(vs_buf *b, const char *s) {
    for (; *s; s++) {
        if (*s == '|') vs_buf_putc(b, '\\');
        vs_buf_putc(b, *s);
    }
}

static void md_options(vs_buf *b, const vs_opt *opts) {
    if (opts && opts->name) vs_buf_puts(b, "\n| option | |\n|---|---|\n");
    for (; opts && opts->name; opts++) {
        vs_buf_puts(b, "| `");
        if (opts->brief) vs_buf_printf(b, "-%c`, `", opts->brief);
        vs_buf_printf(b, "--%s%s", opts->name, opts->arg ? " " : "");
        cell(b, opts->arg ? opts->arg : "");
        vs_buf_puts(b, "` | ");
        cell(b, opts->help);
        if (opts->fallback) vs_buf_printf(b, " (%s)", opts->fallback);
        vs_buf_puts(b, " |\n");
    }
}

static void md_command(vs_buf *b, const vs_cmd *c) {
    vs_buf_printf(b, "\n### `%s%s%s`\n%s\n", c->name, *c->synopsis ? " " : "", c->synopsis, c->summary);
    if (c->details) vs_buf_printf(b, "\n```text\n%s\n```\n", c->details);
    md_options(b, c->opts);
    if (c->examples && c->examples[0]) vs_buf_puts(b, "\n```\n");
    for (size_t i = 0; c->examples && c->examples[i]; i++) vs_buf_printf(b, "vecscope> %s\n", c->examples[i]);
    if (c->examples && c->examples[0]) vs_buf_puts(b, "```\n");
}

void vs_manual_markdown(vs_buf *b) {
    const vs_cmd *const *c = vs_commands();
    vs_buf_printf(
        b, "# The commands\n<!-- made by `make docs` from the tables of the program -->\n\n```\nvecscope %s\n```\n\n",
        synopsis);
    for (size_t i = 0; about[i]; i++) vs_buf_printf(b, "%s\n\n", about[i]);
    vs_buf_puts(b, "| option | |\n|---|---|\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        vs_buf_printf(b, "| `%s%s%s` | ", options[i].spelling, *options[i].arg ? " " : "", options[i].arg);
        cell(b, options[i].help);
        vs_buf_puts(b, " |\n");
    }
    vs_buf_puts(b, "\n## Expressions\n\n| address | vector |\n|---|---|\n");
    for (size_t i = 0; i < PLACES; i++) vs_buf_printf(b, "| `%s` | %s |\n", places[i][0], places[i][1]);
    vs_buf_puts(b, "\nA command that takes a TEXT also takes:\n");
    md_options(b, vs_text_opts);
    for (size_t i = 0; c[i]; i++) {
        if (new_group(c, i)) vs_buf_printf(b, "\n## %s\n", c[i]->group);
        md_command(b, c[i]);
    }
}

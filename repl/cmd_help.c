/* cmd_help.c - help, from the one table of commands. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "out.h"

static void overview(vs_out *o) {
    static const vs_col cols[] = {
        {"name", VS_COL_TEXT, 0, 0, NULL}, {"arguments", VS_COL_TEXT, 0, 0, NULL}, {"what", VS_COL_TEXT, 0, 0, NULL}};
    if (vs_out_is_data(o)) {
        vs_out_table(o, "commands", cols, 3);
        for (size_t i = 0; vs_commands()[i]; i++) {
            vs_out_cell_text(o, vs_commands()[i]->name);
            vs_out_cell_text(o, vs_commands()[i]->synopsis);
            vs_out_cell_text(o, vs_commands()[i]->summary);
        }
        vs_out_end(o);
        return;
    }
    const char *group = "";
    vs_buf b = {0};
    for (size_t i = 0; vs_commands()[i]; i++) {
        const vs_cmd *c = vs_commands()[i];
        if (strcmp(group, c->group) != 0) vs_buf_printf(&b, "%s%s\n", *group ? "\n" : "", c->group);
        group = c->group;
        size_t start = b.len;
        vs_buf_printf(&b, "  %s %s", c->name, c->synopsis);
        int used = vs_columns(b.s + start, b.len - start);
        if (used > 34) {
            vs_buf_putc(&b, '\n');
            used = 0;
        }
        vs_buf_printf(&b, "%*s%s\n", 36 - used, "", c->summary);
    }
    vs_buf_puts(&b,
                "\nAny other line is an expression: queen - king + man, \"New York\", glove:queen, \"the river "
                "bank\"@6[bank].\n"
                "Its nearest neighbours are the answer; $name = EXPR keeps a vector; help CMD explains a command.\n");
    if (b.s) vs_out_raw(o, b.s, b.len);
    vs_buf_free(&b);
}

static void put_options(vs_buf *b, const vs_opt *opts) {
    for (; opts && opts->name; opts++) {
        char name[64];
        snprintf(name, sizeof name, "%s%c%s--%s%s%s", opts->brief ? "-" : "", opts->brief ? opts->brief : ' ',
                 opts->brief ? ", " : "   ", opts->name, opts->arg ? " " : "", opts->arg ? opts->arg : "");
        vs_buf_printf(b, "  %-22s  %s", name, opts->help);
        if (opts->fallback) vs_buf_printf(b, " (%s)", opts->fallback);
        vs_buf_putc(b, '\n');
    }
}

static void explain(const vs_cmd *c, vs_out *o) {
    vs_buf b = {0};
    vs_buf_printf(&b, "%s %s\n  %s\n", c->name, c->synopsis, c->summary);
    if (c->details) vs_buf_printf(&b, "\n%s\n", c->details);
    if (c->opts || c->style == VS_ARGS_TEXT) vs_buf_puts(&b, "\noptions\n");
    put_options(&b, c->opts);
    if (c->style == VS_ARGS_TEXT) put_options(&b, vs_text_opts);
    if (c->examples) vs_buf_puts(&b, "\nexamples\n");
    for (size_t i = 0; c->examples && c->examples[i]; i++) vs_buf_printf(&b, "  %s\n", c->examples[i]);
    if (vs_out_is_data(o)) {
        vs_out_text(o, 0, "name", c->name);
        vs_out_text(o, 0, "arguments", c->synopsis);
        vs_out_text(o, 0, "help", b.s ? b.s : "");
    } else if (b.s) {
        vs_out_raw(o, b.s, b.len);
    }
    vs_buf_free(&b);
}

static vs_status run_help(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    (void)s;
    const char *name = vs_arg(a, 0);
    if (vs_has(a, "man") || vs_has(a, "markdown")) {
        vs_buf b = {0};
        if (vs_has(a, "man"))
            vs_manual_man(&b);
        else
            vs_manual_markdown(&b);
        if (b.s) vs_out_raw(o, b.s, b.len);
        vs_buf_free(&b);
        return VS_OK;
    }
    if (!name) {
        overview(o);
        return VS_OK;
    }
    const vs_cmd *c = vs_command_find(name, strlen(name));
    if (!c) {
        const vs_cmd *near = vs_command_guess(name, strlen(name));
        return vs_fail(err, VS_E_UNKNOWN, "no command is called %s%s%s%s", name, near ? "; did you mean " : "",
                       near ? near->name : "", near ? "?" : "");
    }
    explain(c, o);
    return VS_OK;
}
static const vs_opt help_opts[] = {
    {"man", 0, VS_OPT_FLAG, NULL, "the whole manual as a page of man", NULL, VS_COMPLETE_NONE},
    {"markdown", 0, VS_OPT_FLAG, NULL, "the same as Markdown (docs/commands.md)", NULL, VS_COMPLETE_NONE},
    {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};
static const char *const help_examples[] = {"help", "help near", NULL};
const vs_cmd vs_cmd_help = {.name = "help",
                            .group = "session",
                            .synopsis = "[CMD]",
                            .summary = "the commands, or one of them",
                            .style = VS_ARGS_WORDS,
                            .max_args = 1,
                            .opts = help_opts,
                            .examples = help_examples,
                            .complete = VS_COMPLETE_COMMAND,
                            .run = run_help};

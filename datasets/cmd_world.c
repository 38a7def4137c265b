/* cmd_world.c - world: sentences of a small world, to train words on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/command.h"
#include "world.h"

static const vs_opt opts[] = {{"sentences", 'n', VS_OPT_INT, "N", "how many (10; with --to 20000)", NULL, VS_COMPLETE_NONE},
                              {"seed", 0, VS_OPT_INT, "S", "another telling", "1", VS_COMPLETE_NONE},
                              {"to", 0, VS_OPT_TEXT, "FILE", "write them there, a sentence a line", NULL, VS_COMPLETE_FILE},
                              {NULL, 0, VS_OPT_FLAG, NULL, NULL, NULL, VS_COMPLETE_NONE}};

static vs_status write_text(vs_err *err, const char *path, const vs_buf *text) {
    FILE *f = fopen(path, "w");
    bool ok = f && fwrite(text->s, 1, text->len, f) == text->len;
    if (f && fclose(f) != 0) ok = false;
    return ok ? VS_OK : vs_fail(err, VS_E_IO, "%s: cannot write: %s", path, strerror(errno));
}

static void show_lines(vs_buf *text, vs_out *o) {
    static const vs_col cols[] = {{"text", VS_COL_TEXT, 0, VS_COL_JSON_ONLY, NULL}};
    vs_out_table(o, "sentences", cols, 1);
    for (char *s = text->s, *end; s && (end = strchr(s, '\n')); s = end + 1) {
        *end = '\0';
        vs_out_cell_text(o, s);
        vs_out_note(o, "  %s", s);
    }
    vs_out_end(o);
}

static vs_status run_world(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    (void)s;
    const char *to = vs_text(a, "to");
    int64_t n = vs_has(a, "sentences") ? vs_int(a, "sentences") : to ? 20000 : 10;
    if (n < 1 || n > 100000000) return vs_fail(err, VS_E_USAGE, "world: -n wants a number from 1 to 100000000, not %lld", (long long)n);
    vs_buf text = {0};
    vs_status st = vs_world_tell(err, (size_t)n, (uint64_t)vs_int(a, "seed"), &text);
    if (st == VS_OK && to) st = write_text(err, to, &text);
    if (st == VS_OK && to) {
        vs_out_text(o, 0, "to", to);
        vs_out_int(o, 0, "sentences", n);
    } else if (st == VS_OK) {
        show_lines(&text, o);
    }
    vs_buf_free(&text);
    return st;
}

static const char *const examples[] = {"world -n 5", NULL};
const vs_cmd vs_cmd_world = {.name = "world",
                             .group = "study",
                             .synopsis = "[-n N] [--to FILE]",
                             .summary = "sentences of a small world of kings, queens, men and women",
                             .details = "Sixteen people in eight roles; what is said of them depends on the role alone or on being a man or a woman "
                                        "alone.\nSo words trained on it (train words --world) hold both as directions: queen − king + man is woman.",
                             .style = VS_ARGS_WORDS,
                             .opts = opts,
                             .examples = examples,
                             .run = run_world};

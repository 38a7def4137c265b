/* cmd_info.c - info: what a model is, drawn as the stack it is. */
#include <stdio.h>
#include <string.h>

#include "commands.h"

/* The parts a person thinks in, and the roles that belong to each. */
typedef struct part {
    const char *name;
    vs_role from, to;
    bool each; /* of two stacks each has its own */
} part;
static const part parts[] = {{"embeddings", VS_ROLE_EMBED, VS_ROLE_EMBED_NORM_B, false},
                             {"positions by distance", VS_ROLE_DISTANCE, VS_ROLE_DISTANCE, false},
                             {"attention", VS_ROLE_ATTN_NORM, VS_ROLE_ATTN_POST_B, true},
                             {"cross-attention", VS_ROLE_X_NORM, VS_ROLE_X_POST_B, true},
                             {"MLP", VS_ROLE_MLP_NORM, VS_ROLE_MLP_POST_B, true},
                             {"final norm and heads", VS_ROLE_FINAL_NORM, VS_ROLE_NSP_B, false}};
enum { PARTS = sizeof parts / sizeof *parts };

/* Parameters of a part; stack -1: of all. */
static size_t params_of(const vs_model *m, const part *p, int stack) {
    size_t n = 0;
    for (int r = (int)p->from; r <= (int)p->to; r++)
        if (!(r == VS_ROLE_UNEMBED && vs_model_info_of(m)->tied))
            n += stack < 0 ? vs_model_params_of(m, (vs_role)r) : vs_model_params_in(m, (vs_role)r, stack);
    return n;
}

static void part_row(const vs_model *m, const part *p, int stack, vs_out *o) {
    const vs_model_info *in = vs_model_info_of(m);
    size_t n = params_of(m, p, stack);
    char name[64];
    if (!n && !p->each && p->from == p->to) return;
    if (!n && p->from == VS_ROLE_X_NORM) return;
    snprintf(name, sizeof name, "%s%s%s", stack < 0 ? "" : in->stack[stack].name, stack < 0 ? "" : " ", p->name);
    vs_out_cell_text(o, p->from == VS_ROLE_X_NORM ? p->name : name);
    vs_out_cell_int(o, (int64_t)n);
    vs_out_cell_real(o, in->params ? (double)n / (double)in->params : 0);
}

static void part_table(const vs_model *m, vs_out *o) {
    static const vs_col cols[] = {
        {"part", VS_COL_TEXT, 0, 0, NULL}, {"parameters", VS_COL_INT, 0, 0, NULL}, {"share", VS_COL_PROB, 3, 0, NULL}};
    bool two = vs_model_info_of(m)->n_stacks > 1;
    vs_out_table(o, "parts", cols, 3);
    for (size_t first = 0, next; first < PARTS; first = next) { /* a run of parts that each stack has, stack by stack */
        for (next = first + 1; next < PARTS && parts[next].each && parts[first].each;) next++;
        for (int stack = 0; stack < (two && parts[first].each ? 2 : 1); stack++)
            for (size_t p = first; p < next; p++) part_row(m, &parts[p], two && parts[p].each ? stack : -1, o);
    }
    vs_out_end(o);
}

static void weight_row(const vs_model *m, vs_role r, int stack, vs_out *o) {
    const vs_tensor *w = vs_model_weight(m, r, stack, 0);
    if (!w) return;
    char shape[64];
    if (vs_model_info_of(m)->n_stacks > 1) vs_out_cell_text(o, vs_model_info_of(m)->stack[stack].name);
    vs_out_cell_text(o, vs_role_name(r));
    vs_out_cell_text(o, vs_shape_text(w->shape, w->ndim, shape, sizeof shape));
    vs_out_cell_text(o, vs_dtype_of(w->dtype)->name);
    vs_out_cell_text(o, vs_role_words(r));
}

static void weight_table(const vs_model *m, vs_out *o) {
    static const vs_col cols[] = {{"stack", VS_COL_TEXT, 0, 0, NULL},
                                  {"role", VS_COL_TEXT, 0, 0, NULL},
                                  {"shape", VS_COL_TEXT, 0, 0, NULL},
                                  {"type", VS_COL_TEXT, 0, 0, NULL},
                                  {"what", VS_COL_TEXT, 0, 0, NULL}};
    int n = vs_model_info_of(m)->n_stacks;
    vs_out_table(o, "weights", n > 1 ? cols : cols + 1, n > 1 ? 5 : 4);
    for (int stack = 0; stack < n; stack++)
        for (int r = 0; r < VS_ROLE_COUNT; r++) weight_row(m, (vs_role)r, stack, o);
    vs_out_end(o);
}

/* What each stack of two is, for machines. */
static void stack_table(const vs_model_info *in, vs_out *o) {
    static const vs_col cols[] = {
        {"name", VS_COL_TEXT, 0, VS_COL_JSON_ONLY, NULL},       {"layers", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
        {"width", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},       {"heads", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
        {"kv_heads", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},    {"head_width", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},
        {"mlp_width", VS_COL_INT, 0, VS_COL_JSON_ONLY, NULL},   {"causal", VS_COL_JSON, 0, VS_COL_JSON_ONLY, NULL},
        {"cross_attention", VS_COL_JSON, 0, VS_COL_JSON_ONLY, NULL}};
    vs_out_table(o, "stacks", cols, 9);
    for (int i = 0; i < in->n_stacks; i++) {
        const vs_stack_info *k = &in->stack[i];
        const size_t n[] = {k->L, k->d, k->H, k->KV, k->dh, k->f};
        vs_out_cell_text(o, k->name);
        for (size_t j = 0; j < sizeof n / sizeof *n; j++) vs_out_cell_int(o, (int64_t)n[j]);
        vs_out_cell_text(o, k->causal ? "true" : "false");
        vs_out_cell_text(o, k->cross ? "true" : "false");
    }
    vs_out_end(o);
}

/* A box of the drawing, `width` columns inside. */
static void box_line(vs_buf *b, const char *left, const char *text, int width, const char *right) {
    int used = 0;
    for (size_t i = 0, n = strlen(text); i < n; used++) vs_utf8_next(text, n, &i, NULL);
    vs_buf_printf(b, "  %s %s%*s %s\n", left, text, width - used > 0 ? width - used : 0, "", right);
}

static void rule(vs_buf *b, const char *left, const char *right, int width, const char *after) {
    vs_buf_printf(b, "  %s", left);
    for (int i = 0; i < width + 2; i++) vs_buf_puts(b, "─");
    vs_buf_printf(b, "%s%s\n", right, after);
}

/* Which positions each position sees, as a little triangle, rectangle or (near > 0: of so many) band. */
static void mask_drawing(vs_buf *b, int cols, bool causal, int near, const char *words) {
    for (int r = 0; r < 4; r++) {
        vs_buf_puts(b, "     ");
        for (int c = 0; c < cols; c++)
            vs_buf_puts(b, (!causal || c <= r) && (!near || (r - c < near && c - r < near)) ? " ■" : " ·");
        if (r == 0) vs_buf_printf(b, "   %s", words);
        vs_buf_putc(b, '\n');
    }
}

/* The mask of the blocks that see all they may, and of those that see a window. */
static void draw_masks(const vs_model *m, const vs_stack_info *k, int stack, vs_buf *b) {
    size_t window = 0, n = 0;
    for (size_t l = 0; l < k->L; l++)
        if (vs_model_window(m, stack, l)) {
            window = vs_model_window(m, stack, l);
            n++;
        }
    const char *all =
        k->causal ? "causal: a token sees itself and those before it" : "full: every token sees every token";
    vs_buf where = {0};
    for (size_t l = 0; n && l < k->L; l++)
        if (!vs_model_window(m, stack, l)) vs_buf_printf(&where, "%s%zu", where.len ? " " : "", l);
    char words[256];
    snprintf(words, sizeof words, "%s%s%.100s%s", all,
             !where.len     ? ""
             : k->L - n > 1 ? " (blocks "
                            : " (block ",
             where.len ? where.s : "", where.len ? ")" : "");
    if (n < k->L) mask_drawing(b, 4, k->causal, 0, words);
    vs_buf_free(&where);
    if (n && n < k->L) vs_buf_putc(b, '\n');
    snprintf(words, sizeof words, "window: in %s %zu blocks only the %s %zu tokens", n < k->L ? "the other" : "all", n,
             k->causal ? "last" : "nearest", window);
    if (n) mask_drawing(b, 4, k->causal, 2, words);
    if (!k->cross) return;
    vs_buf_putc(b, '\n');
    mask_drawing(b, 6, false, 0, "cross: each sees every token of the encoder");
    vs_buf_putc(b, '\n');
}

static const char *what_comes_out(const vs_model_info *in, const vs_stack_info *k) {
    if (in->n_stacks > 1 && !k->cross) return "output: keys and values for the decoder";
    if (!in->has_logits) return in->n_stacks > 1 ? "last states" : "sentence vector";
    return in->masked ? "logits at each [MASK]" : "logits of the next token";
}

/* *cross: where the line begins that the encoder's output leads to, or that it leaves from. */
static void draw_stack(const vs_model_info *in, const vs_stack_info *k, const char *start, vs_buf *b, size_t *cross) {
    enum { W = 50 };
    char line[160];
    const char *norm = k->rms ? "RMS norm" : "layer norm";
    bool feeds = in->n_stacks > 1 && !k->cross;
    *cross = b->len;
    vs_buf_printf(b, "        ↑ %s (d = %zu)\n", what_comes_out(in, k), k->d);
    rule(b, "┌", "┐", W, "");
    if (k->post_norm) box_line(b, "│", "norm after each sum", W, "│");
    snprintf(line, sizeof line, "MLP: %zu → %zu → %zu, %s%s", k->d, k->f, k->d, k->act, k->gated ? ", gated" : "");
    box_line(b, "│", line, W, "│  ⊕ added to the stream");
    if (k->cross) {
        *cross = b->len;
        snprintf(line, sizeof line, "cross-attention: %zu heads of %zu in parallel", k->H, k->dh);
        box_line(b, "│", line, W, "│  ⊕ added to the stream");
        box_line(b, "│", "  queries of the decoder, keys of the encoder", W, "│");
    }
    snprintf(line, sizeof line, "attention: %zu heads of %zu in parallel%s", k->H, k->dh, k->KV != k->H ? "," : "");
    box_line(b, "│", line, W, "│  ⊕ added to the stream");
    if (k->KV != k->H) {
        snprintf(line, sizeof line, "  %zu key/value head%s shared among them", k->KV, k->KV > 1 ? "s" : "");
        box_line(b, "│", line, W, "│");
    }
    snprintf(line, sizeof line, "%s %s each", norm, k->post_norm ? "after" : "before");
    box_line(b, "│", line, W, "│");
    snprintf(line, sizeof line, "┘  × %zu blocks in series%s%s", k->L, in->n_stacks > 1 ? ": the " : "", in->n_stacks > 1 ? k->name : "");
    rule(b, "└", line, W, "");
    vs_buf_printf(b, "        ↑ embedding: %zu tokens → %zu numbers; positions: %s\n", in->V, k->d, k->positions);
    if (k->cross) vs_buf_printf(b, "        ↑ %s, then the target\n", start);
    else if (feeds) vs_buf_puts(b, "        ↑ the text\n");
    vs_buf_putc(b, '\n');
}

/* The drawing with an arrow in its margin, from the line at `from`, below, up to the line at `to`. */
static void with_arrow(const vs_buf *b, size_t to, size_t from, vs_buf *out) {
    for (size_t at = 0, n; at < b->len; at += n + 1) {
        const char *line = b->s + at;
        n = strcspn(line, "\n");
        size_t skip = n < 2 ? n : 2;
        if (at == to) vs_buf_puts(out, "╭▶");
        else if (at == from) vs_buf_puts(out, "╰──────"), skip = 7;
        else if (at > to && at < from) vs_buf_puts(out, n ? "│ " : "│");
        else skip = 0;
        vs_buf_put(out, line + skip, n - skip);
        vs_buf_putc(out, '\n');
    }
}

static vs_status draw(vs_err *err, vs_model *m, vs_out *o) {
    const vs_model_info *in = vs_model_info_of(m);
    const vs_tokenizer *tok = NULL;
    vs_buf b = {0}, start = {0}, all = {0};
    size_t n = 0, cross[2] = {0};
    if (in->n_stacks > 1 && vs_model_tokenizer(NULL, m, &tok) == VS_OK) {
        const char *piece = vs_piece(tok, in->start, &n);
        vs_buf_printf(&start, "%.*s (id %d)", (int)n, piece ? piece : "", (int)in->start);
    } else {
        vs_buf_printf(&start, "id %d", (int)in->start);
    }
    for (int k = in->n_stacks - 1; k >= 0 && start.s; k--) {
        draw_stack(in, &in->stack[k], start.s, &b, &cross[k]);
        draw_masks(m, &in->stack[k], k, &b);
    }
    if (in->n_stacks > 1 && !b.failed) with_arrow(&b, cross[1], cross[0], &all);
    vs_status st = b.failed || start.failed || all.failed ? vs_fail(err, VS_E_NOMEM, "no memory for a drawing") : VS_OK;
    vs_out_note(o, "%s", "");
    if (st == VS_OK && all.len) vs_out_raw(o, all.s, all.len);
    else if (st == VS_OK) vs_out_raw(o, b.s, b.len);
    vs_buf_free(&all);
    vs_buf_free(&b);
    vs_buf_free(&start);
    return st;
}

static void numbers(const vs_model_info *in, vs_out *o) {
    const vs_stack_info *k = &in->stack[in->n_stacks - 1];
    vs_out_text(o, 0, "name", in->name);
    vs_out_text(o, 0, "architecture", in->arch);
    vs_out_text(o, 0, "file", in->path);
    vs_out_text(o, VS_COL_JSON_ONLY, "format", in->format);
    vs_out_int(o, VS_COL_JSON_ONLY, "layers", (int64_t)k->L);
    vs_out_int(o, VS_COL_JSON_ONLY, "width", (int64_t)k->d);
    vs_out_int(o, VS_COL_JSON_ONLY, "heads", (int64_t)k->H);
    vs_out_int(o, VS_COL_JSON_ONLY, "kv_heads", (int64_t)k->KV);
    vs_out_int(o, VS_COL_JSON_ONLY, "head_width", (int64_t)k->dh);
    vs_out_int(o, VS_COL_JSON_ONLY, "mlp_width", (int64_t)k->f);
    vs_out_int(o, VS_COL_JSON_ONLY, "vocabulary", (int64_t)in->V);
    vs_out_bool(o, VS_COL_JSON_ONLY, "causal", k->causal);
    vs_out_int(o, 0, "parameters", (int64_t)in->params);
    vs_out_int(o, in->context ? 0 : VS_COL_NO_TTY, "context", (int64_t)in->context);
    if (!in->context) vs_out_text(o, VS_COL_TTY_ONLY, "context", "any: positions are distances");
    if (in->n_stacks > 1) vs_out_int(o, VS_COL_JSON_ONLY, "start", in->start);
    vs_out_int(o, VS_COL_JSON_ONLY, "bytes", (int64_t)in->file_bytes);
    char memory[96];
    snprintf(memory, sizeof memory, "%.1f MB, mapped: only what is used is read", (double)in->file_bytes / 1e6);
    vs_out_text(o, VS_COL_TTY_ONLY, "memory", memory);
}

static vs_status run_info(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    vs_model *m;
    if (vs_arg(a, 0)) VS_TRY(vs_session_use(err, s, vs_arg(a, 0)));
    VS_TRY(vs_session_model(err, s, &m));
    const vs_model_info *in = vs_model_info_of(m);
    numbers(in, o);
    if (!vs_out_is_data(o)) {
        VS_TRY(draw(err, m, o));
        vs_out_heading(o, "Parameters");
    }
    part_table(m, o);
    if (in->n_stacks > 1) stack_table(in, o);
    vs_out_heading(o, "Weights (of block 0 where each block has its own)");
    weight_table(m, o);
    return VS_OK;
}
static const char *const info_examples[] = {"info", NULL};
const vs_cmd vs_cmd_info = {.name = "info",
                            .group = "session",
                            .synopsis = "[MODEL]",
                            .summary = "a model's architecture, drawn; shapes, parameters, memory",
                            .style = VS_ARGS_WORDS,
                            .max_args = 1,
                            .examples = info_examples,
                            .complete = VS_COMPLETE_MODEL,
                            .run = run_info};

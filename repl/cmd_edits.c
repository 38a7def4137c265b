/* cmd_edits.c - with, edits: commands on a model that is changed while they run. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

/* What each edit in force did in the last pass: a row each.  csv: 0, or VS_COL_NO_CSV beside another command's answer. */
static vs_status say_effects(vs_err *err, vs_session *s, unsigned csv, vs_out *o) {
    const vs_col cols[] = {{"edit", VS_COL_INT, 0, csv, ""},
                           {"what", VS_COL_TEXT, 0, csv, "edit"},
                           {"hits", VS_COL_INT, 0, csv, NULL},
                           {"change", VS_COL_REAL, 4, csv, "‖change‖"},
                           {"kl", VS_COL_REAL, 6, csv, "KL"}};
    size_t n = vs_session_edit_count(s);
    vs_edit_effect e;
    double *kl = vs_alloc(n, sizeof *kl), together = 0;
    if (!kl) return vs_fail(err, VS_E_NOMEM, "no memory for %zu edits", n);
    bool ran = n > 0;
    for (size_t i = 0; i < n; i++) ran &= vs_session_effect(s, i, &e);
    vs_status st = ran ? vs_session_divergences(err, s, kl, &together) : VS_E_STATE;
    if (st == VS_E_STOPPED || st == VS_E_NOMEM) {
        vs_free(kl);
        return st;
    }
    vs_out_table(o, "edits", cols, st == VS_OK ? 5 : ran ? 4 : 2);
    for (size_t i = 0; i < n; i++) {
        (void)vs_session_effect(s, i, &e);
        vs_out_cell_int(o, (int64_t)i + 1);
        vs_out_cell_text(o, vs_session_edit_text(s, i));
        if (ran) vs_out_cell_int(o, (int64_t)e.hits);
        if (ran) vs_out_cell_real(o, e.change);
        if (st == VS_OK) vs_out_cell_real(o, kl[i]);
    }
    vs_out_end(o);
    for (size_t i = 0; i < n; i++) vs_out_notes(o, vs_session_edit_notes(s, i));
    if (st == VS_OK && n > 1) {
        vs_out_real(o, VS_COL_JSON_ONLY | VS_COL_NO_CSV, "edits_kl", together, 6);
        vs_out_note(o, "  all together: KL %.6f", together);
    }
    vs_free(kl);
    return VS_OK;
}

/* ---- with ---- */

static int inside;  /* how many `with` are around the command that runs */
static size_t said; /* reports so far: of several `with` around each other, the inmost speaks for all */

static vs_status run_with(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    VS_TRY(vs_session_push_edits(err, s, vs_arg(a, 0), strlen(vs_arg(a, 0))));
    uint64_t before = vs_session_edited_passes(s);
    size_t before_said = said;
    inside++;
    vs_status st = vs_args_run_rest(err, s, a, o);
    inside--;
    if (st == VS_OK && vs_session_edited_passes(s) == before)
        st = vs_fail(err, VS_E_STATE, "with: the command ran no pass of the model, so no edit did anything");
    if (st == VS_OK && said == before_said) {
        if (vs_session_settings(s)->effects) st = say_effects(err, s, VS_COL_NO_CSV, o);
        said++;
    }
    vs_session_pop_edits(s);
    return st;
}
static const char *const with_examples[] = {
    "with {zero 1.mlp_out} next \"The Eiffel Tower is in the city of\"",
    "with {scale 5.attn.z.h2 * 0; cut 3.attn -1 -> -3} next \"The capital of France is\"",
    "with {set 5.resid_pre[France] from \"The capital of Spain is\"[Spain]} next \"The capital of France is\" -k 3",
    "with {add 4.resid_pre \"I love this\"@4[-1] - \"I hate this\"@4[-1]} generate \"I think that\" -n 12 --greedy", NULL};
const vs_cmd vs_cmd_with = {
    .name = "with",
    .group = "passes",
    .synopsis = "{EDIT; …} COMMAND",
    .summary = "run a command with the model changed",
    .details =
        "EDIT is one of\n"
        "  zero SITE           all numbers there 0           set SITE FROM       put a vector there\n"
        "  scale SITE * C      times a number                add SITE FROM       add one\n"
        "  project SITE FROM   take a direction out          cut L.attn[.hN] POS -> POS   a token no longer sees another\n"
        "SITE is a hook point (sites lists them), of one head with .hN, with [POS] for some positions: 3.mlp_out,\n"
        "5.attn.z.h2[-1], 4.resid_pre[bank].  POS is a number (negative from the end), a..b, or a word of the text: where it\n"
        "stands last (bank#1: first), its last piece in a decoder and all of them in an encoder; \"…\" makes a word of anything.\n"
        "Without it, or as *, every position is meant.  FROM, on the model as it is, is one of\n"
        "  an expression       W_E:queen - W_E:king, \"other text\"@6[bank], $name, neuron(12,345), head(5,1,ov,…), file(\"a.npy\")\n"
        "  from \"TEXT\"[POS]    what the site is in another text, position by position (without [POS]: all of them)\n"
        "  from \"TEXT\" to \"TEXT\"[POS]   the same of two stacks, where the decoder reads the second\n"
        "  mean of FILE        its mean over all positions of a file's texts, one a line; \"FILE\"[POS]: over those\n"
        "and is as wide as a position of the site: for all heads, theirs one behind the other.  Edits of one site are done in\n"
        "the order in which they are given, with ; or a new line between.\n"
        "Of two stacks, SITE is the decoder's unless encoder. stands in front; POS counts in the text that its stack reads,\n"
        "and in the encoder's for the keys and values of cross-attention (3.xattn.k) and behind the -> of a cut there.\n"
        "Afterwards it says what each edit did in the last pass: the positions hit, the length of the change, and the KL\n"
        "divergence of the prediction from that of the model as it is (in nats, of the edit alone; set effects off spares "
        "it).\n"
        "An edit that hits nothing is an error.  While a text is continued, numbers and words are places of what was given,\n"
        "-1 is the last token at each step, and every position means new ones too.",
    .style = VS_ARGS_BLOCK,
    .min_args = 1,
    .examples = with_examples,
    .needs = VS_NEEDS_MODEL,
    .complete = VS_COMPLETE_SITE,
    .run = run_with};

/* ---- edits ---- */

/* What stands behind the first word of text, without the braces that may be around it. */
static const char *behind(const char *text, size_t *n) {
    while (*text && !isspace((unsigned char)*text)) text++;
    while (isspace((unsigned char)*text)) text++;
    *n = strlen(text);
    while (*n && isspace((unsigned char)text[*n - 1])) --*n;
    if (*n >= 2 && text[0] == '{' && text[*n - 1] == '}') text++, *n -= 2;
    return text;
}

static vs_status drop(vs_err *err, vs_session *s, const char *text, size_t n) {
    char *end;
    long i = strtol(text, &end, 10);
    if (!n || end != text + n) return vs_fail(err, VS_E_USAGE, "edits drop wants the number of an edit; edits lists them");
    return i < 1 ? vs_fail(err, VS_E_RANGE, "there is no edit %ld; there are %zu", i, vs_session_edit_count(s))
                 : vs_session_drop_edit(err, s, (size_t)i - 1);
}

static const char *const verbs[] = {"add", "drop", "clear", NULL};

static vs_status run_edits(vs_err *err, vs_session *s, const vs_args *a, vs_out *o) {
    const char *text = vs_arg(a, 0);
    size_t n = 0, word = text ? strcspn(text, " \t\n") : 0, verb = 0;
    while (verb < 3 && (word != strlen(verbs[verb]) || strncmp(text, verbs[verb], word) != 0)) verb++;
    if (text && verb == 3)
        return vs_fail(err, VS_E_USAGE, "edits wants add EDIT, drop N or clear, not %.*s", (int)word, text);
    if (text && inside) return vs_fail(err, VS_E_STATE, "edits: those of a with end with it; they cannot be changed inside");
    const char *rest = text ? behind(text, &n) : NULL;
    if (text && verb == 0) VS_TRY(vs_session_push_edits(err, s, rest, n));
    if (text && verb == 1) VS_TRY(drop(err, s, rest, n));
    if (text && verb == 2 && n) return vs_fail(err, VS_E_USAGE, "edits clear takes every edit away; for one: edits drop %.*s", (int)n, rest);
    while (text && verb == 2 && vs_session_edit_count(s)) VS_TRY(vs_session_drop_edit(err, s, 0));
    if (!vs_session_edit_count(s)) vs_out_note(o, "no edit is in force");
    return say_effects(err, s, 0, o);
}
static const char *const edits_examples[] = {"edits add zero 3.mlp_out; next The king is -k 1; edits", "edits add {zero 3.mlp_out; scale 2.attn_out * 0.5}; edits drop 1",
                                             "edits clear", NULL};
const vs_cmd vs_cmd_edits = {
    .name = "edits",
    .group = "passes",
    .synopsis = "[add EDIT | drop N | clear]",
    .summary = "the edits in force: what every command runs under until they are dropped",
    .details = "The prompt counts them.  They are of the model that was current when they were added, and change no other.  "
               "EDIT as in\n"
               "with; edits add {EDIT; EDIT} adds several.  edits alone shows what each did in the last pass, and how far "
               "it moved\n"
               "the prediction there.",
    .style = VS_ARGS_RAW,
    .examples = edits_examples,
    .needs = VS_NEEDS_MODEL,
    .complete = VS_COMPLETE_SITE,
    .choices = verbs,
    .run = run_edits};

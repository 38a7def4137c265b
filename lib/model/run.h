/* run.h - a forward pass that can be looked into and changed.
 *
 * A pass is a plan (a flat list of operations, plan.h) run over packed rows.  A hook
 * point (site) is a slot of the plan: to keep it is to look, to edit it is a node after
 * its producer.  Both are decided when the plan is made; a pass without any pays nothing. */
#ifndef VS_MODEL_RUN_H
#define VS_MODEL_RUN_H

#include "../base/parallel.h"
#include "model.h"

typedef enum vs_site_kind {
#define SITE(name, tl, brief, shape, words) VS_SITE_##name,
#include "sites.def"
#undef SITE
    VS_SITE_COUNT
} vs_site_kind;

/* One hook point.  layer -1 for sites of the whole model; stack 1 is the decoder of a two-stack model; cross: that
 * decoder's cross-attention; head -1: all heads. */
typedef struct vs_site {
    vs_site_kind kind;
    int16_t layer, head;
    uint8_t stack, cross;
} vs_site;

/* The stack whose tokens a site has rows of: keys and values of cross-attention are the encoder's. */
static inline int vs_site_reads(vs_site s) { return s.cross && (s.kind == VS_SITE_K || s.kind == VS_SITE_V) ? 0 : s.stack; }

/* vs_site_parse() - a site by any of its names: TransformerLens's (`blocks.3.attn.hook_z`), short (`3.attn.z.h5`,
 * `3.mlp_out`), Hugging Face's (`hidden_states.4`, `attentions.3`).  The text must be one whole site, no position.
 * VS_OK | VS_E_UNKNOWN (suggests the nearest; or no such layer or head: how many there are). */
vs_status vs_site_parse(vs_err *err, const vs_model *m, const char *text, size_t n, vs_site *out) VS_MUST_CHECK;
/* vs_site_parse_in() - the same, where a name that says no stack means this one (else the decoder), if it has such sites. */
vs_status vs_site_parse_in(vs_err *err, const vs_model *m, int stack, const char *text, size_t n, vs_site *out) VS_MUST_CHECK;

/* vs_site_expand() - a list of sites as `dump` takes it: names separated by commas; a name without its index
 * (`attentions`, `mlp_out`, `blocks.attn.hook_z`) stands for all layers; `all` for every site.  Each comes with the name
 * it was asked for, index filled in (`attentions.0`).  Free with vs_free().  Errors as vs_site_parse(). */
typedef struct vs_named_site {
    vs_site site;
    char name[64];
} vs_named_site;
vs_status vs_site_expand(vs_err *err, const vs_model *m, const char *text, size_t n, vs_named_site **out, size_t *count) VS_MUST_CHECK;

/* vs_site_name() - the TransformerLens (brief: the short) name into buf; returns buf. */
const char *vs_site_name(const vs_model *m, vs_site s, bool brief, char *buf, size_t size);

/* vs_site_alias() - the names by which others know sites, "hidden_states.%d": the i-th, static; NULL beyond. */
const char *vs_site_alias(size_t i);

/* vs_site_list() - every site that this model has, in the order of a pass; n of them into *out (free with vs_free). */
vs_status vs_site_list(vs_err *err, const vs_model *m, vs_site **out, size_t *n) VS_MUST_CHECK;
const char *vs_site_words(vs_site_kind k);
const char *vs_site_shape(vs_site_kind k); /* letters of sites.def */
/* vs_site_dims() - the shape of a site in numbers, for one text of T rows in its stack that looks at S rows (T, or in
 * cross-attention those of the encoder); one head of a site has no axis of heads.  Returns how many axes. */
int vs_site_dims(const vs_model *m, vs_site s, size_t T, size_t S, size_t shape[VS_MAX_DIMS]);
/* vs_site_shape_named() - the same by a short or a Hugging Face name without its layer, as the store keeps it
 * ("attn.z", "decoder.mlp_out", "cross_attentions"); "Td" for a name that is not known. */
const char *vs_site_shape_named(const char *name);

/* The rows of a pass: texts packed one after another, never padded. */
typedef struct vs_input {
    const int32_t *ids;   /* [rows] */
    const uint8_t *types; /* [rows] segment of each row, NULL: all 0 */
    size_t rows;
    const size_t *starts; /* [n_seqs + 1] first row of each text, starts[n_seqs] = rows; NULL: one text */
    size_t n_seqs;
} vs_input;

/* Positions an edit touches: from..to inclusive in each text, negative counts from its end. */
typedef struct vs_positions {
    bool all;
    int32_t from, to;
} vs_positions;

typedef enum vs_edit_kind { VS_EDIT_SET, VS_EDIT_ADD, VS_EDIT_SCALE, VS_EDIT_PROJECT, VS_EDIT_CUT } vs_edit_kind;

/* An intervention, as data.  The vector has the width of one position of the site: d, f, V; for a head of z, dh; for
 * all heads H*dh.  PROJECT removes the direction of vec.  CUT masks attention edges before the softmax (site: scores or
 * pattern, head -1: all): queries `at`, keys `keys`. */
typedef struct vs_edit {
    vs_edit_kind kind;
    vs_site site;
    vs_positions at, keys;
    float factor;     /* SCALE: x * factor; ADD: x + factor * vec */
    const float *vec; /* SET, ADD, PROJECT; borrowed until the pass is done; NULL with SET: zero */
    size_t width;     /* of vec; per_row: of each of its rows, one for each row of `at` in the first text */
    bool per_row;     /* vec has a row for each position of `at` */
    size_t text;      /* 0: in every text of the pass; n: in the n-th alone (in a sweep, the n-th variant) */
} vs_edit;

/* What an edit did in a pass. */
typedef struct vs_edit_effect {
    size_t hits;   /* positions (edges, for CUT) changed */
    double change; /* L2 norm of the difference it made */
} vs_edit_effect;

/* A cache of keys and values: the rows of a text already seen by a causal model.  A cache made under edits never
 * serves a pass with others: it remembers them, and a pass that differs is refused (VS_E_STATE). */
typedef struct vs_kv vs_kv;
vs_status vs_kv_new(vs_err *err, const vs_model *m, size_t capacity, vs_kv **out) VS_MUST_CHECK;
void vs_kv_free(vs_kv *kv);
size_t vs_kv_rows(const vs_kv *kv);
/* vs_kv_truncate() - forget what is behind the first `rows`.  Of two stacks a cache of no rows still knows what the decoder asks of
 * the encoder, for passes that have it read the same under the same edits. */
void vs_kv_truncate(vs_kv *kv, size_t rows);
/* vs_kv_fit() - before a pass that makes the text one of T tokens: where its heads turn otherwise then than when the cache was
 * made (rotary angles of type longrope and dynamic depend on a text's length), the rows go, and the pass begins anew.  Returns
 * the rows that are left.  Without it such a pass is refused (VS_E_STATE). */
size_t vs_kv_fit(vs_kv *kv, size_t T);
/* vs_kv_copy() - let `to` hold what `from` does: two lines that begin alike.  VS_E_STATE (another model) | VS_E_RANGE. */
vs_status vs_kv_copy(vs_err *err, vs_kv *to, const vs_kv *from) VS_MUST_CHECK;

typedef enum vs_logits_rows { VS_LOGITS_NONE, VS_LOGITS_LAST, VS_LOGITS_ALL } vs_logits_rows;
typedef enum vs_mask { VS_MASK_MODEL, VS_MASK_CAUSAL, VS_MASK_FULL } vs_mask;

typedef struct vs_request {
    vs_input in;             /* encoder-decoder: what the encoder reads */
    vs_input decoder;        /* rows 0 where the model has one stack */
    const vs_site *keep;     /* [n_keep] sites to keep */
    size_t n_keep;
    const vs_edit *edits;    /* [n_edits], applied in order at each site */
    size_t n_edits;
    vs_logits_rows logits;   /* LAST: the last row of each text */
    vs_kv *kv;               /* NULL, or the rows before these; the pass appends its own */
    vs_mask mask;
    size_t stop_layer;       /* 0: all; n: stop after n blocks (for addresses: nothing later is computed) */
    const struct vs_variants *variants; /* vs_sweep()'s own; NULL */
    bool reverse;            /* keep what a way back reads; vs_grad_run() sets it */
} vs_request;

/* vs_request_size() - bytes of a vs_request, for bindings that describe it anew: another size means another library. */
size_t vs_request_size(void);

/* vs_sweep() - a text under many sets of edits, each by itself; the last row's logits (ALL: every row's) of each.
 *   rq: one text; its edits belong to the variants by vs_edit.text, 1..variants; nothing kept, no cache; logits LAST or ALL
 *   out [variants, V] or [variants, T, V]   clean [V] or [T, V]: of the text without edits, may be NULL.  T: of two stacks
 *   the decoder's tokens.
 * The bits of one pass a variant.  Only what changes is run again: a variant takes the layers before its first edit and, in
 * a causal model, the positions before it from the pass without edits, and the rows left of all variants are stacked in the
 * same products (Meng et al. 2022, section 2 is such a sweep).  Of two stacks, the encoder runs for the variants alone that
 * are edited there, from their layer on, and then the decoder from its first cross-attention on.  Errors as vs_run(). */
vs_status vs_sweep(vs_err *err, vs_model *m, const vs_request *rq, size_t variants, float *out, float *clean) VS_MUST_CHECK;

/* A finished pass.  Arrays are borrowed until vs_pass_free(). */
typedef struct vs_pass vs_pass;

/* vs_run() - plan (or find the plan again) and run.  One pass at a time on a model; passes may outlive each other, and are
 * freed before the model is closed.  VS_OK | VS_E_RANGE (an id, position or row beyond the context) |
 * VS_E_STATE (an edit that hits nothing, a site not computed, a foreign cache) | VS_E_SHAPE (the width of an edit's vector) |
 * VS_E_USAGE | VS_E_UNSUPPORTED (no such head) | VS_E_NUMERIC (a row with every key masked; a NaN or an
 * infinity in what is kept or the logits: names the weight that holds one) | VS_E_NOMEM |
 * VS_E_STOPPED. */
vs_status vs_run(vs_err *err, vs_model *m, const vs_request *rq, vs_pass **out) VS_MUST_CHECK;
void vs_pass_free(vs_pass *p);

/* vs_pass_site() - a kept site as an f32 view in its natural shape over all packed rows: [T,d], [T,H,dh], [T,f]; a
 * pattern or scores [H,T,S] of text `seq` (S = T plus cached rows).  With a head in the site: that head's part.
 * VS_E_STATE where it was not kept. */
vs_status vs_pass_site(vs_err *err, const vs_pass *p, vs_site s, size_t seq, vs_tensor *out) VS_MUST_CHECK;
/* Logits [T or n_seqs, V]; next-sentence logits [n_seqs, 2]; NULL where not asked for or the model has none. */
const float *vs_pass_logits(const vs_pass *p, size_t *rows);
const vs_edit_effect *vs_pass_effects(const vs_pass *p); /* [n_edits] */
size_t vs_pass_bytes(const vs_pass *p);                  /* memory of its slots */

/* vs_plan_text() - the plan of a request, one operation a line, for `info --plan`; appended to out. */
vs_status vs_plan_text(vs_err *err, vs_model *m, const vs_request *rq, vs_buf *out) VS_MUST_CHECK;

#endif

/* plan.h - what a pass will do: a flat list of operations over slots; for lib/model only.
 *
 * plan.c turns an architecture's description and a request into nodes, each writing a
 * fresh slot.  Slots share memory by last use; the slots of kept sites have their own,
 * in the pass.  A plan depends on the request's shape alone (rows, texts, sites, edits'
 * kinds), so it is kept and found again: a decoding step plans nothing. */
#ifndef VS_MODEL_PLAN_H
#define VS_MODEL_PLAN_H

#include "../base/str.h"
#include "model_impl.h"

typedef enum vs_op {
#define OP(name, fn, in_place, root, reads, words) VS_OP_##name,
#include "ops.def"
#undef OP
    VS_OP_COUNT
} vs_op;

/* Which positions the rows of a slot are. */
typedef enum vs_slot_rows {
    VS_ROWS_ALL,   /* every row of its set */
    VS_ROWS_LAST,  /* the last position of each text */
    VS_ROWS_FIRST, /* the first position of each text */
    VS_ROWS_EDGES  /* attention: for each text [heads, T, S] */
} vs_slot_rows;

/* A value: rows of heads * width floats (EDGES: see above, rows and width unused). */
typedef struct vs_slot {
    vs_slot_rows kind;
    uint16_t set; /* which of the plan's sets its rows are; EDGES: whose rows ask */
    bool cross;   /* EDGES: the rows asked are the first stack's */
    size_t rows, heads, width;
    size_t size;   /* floats */
    size_t offset; /* floats, into the workspace or, kept, into the pass's memory */
    bool kept;
    int last_use;  /* the last node that reads it */
    int buffer;    /* while planning */
} vs_slot;

enum { VS_NONE = -1 };

typedef struct vs_node {
    vs_op op;
    vs_site site;            /* what it computes and where; kind VS_SITE_COUNT: nothing that has a name.  Its stack is that of
                              * the rows it writes; attention with cross: keys and values are the first stack's */
    int in[3], out;          /* slots, VS_NONE */
    const vs_weight *w, *b;  /* weight or gain; bias */
    vs_role role;            /* of w */
    float f;                 /* NORM: epsilon; EMBED, SCALE, ATTEND, SCORES: factor; CAP: the cap */
    float cap;               /* ATTEND, SCORES: soft cap of the scores, 0: none */
    const vs_rotation *rotation; /* ROPE */
    size_t n;                /* POS: offset; ROPE: elements that rotate; attention, CUT: the window, 0: none */
    size_t edit;             /* EDIT, CUT: index into the request's edits */
    vs_act act;
    vs_site from;            /* JOIN, PREFIX: the site of the pass without edits whose rows are taken */
    uint16_t keys;           /* attention: the set of the keys and values */
    bool rms, causal;
    bool whole;              /* MIX: the pattern was edited, so weights may lie outside what the mask lets through */
} vs_node;

/* A site and the slot that holds its final value. */
typedef struct vs_mark {
    vs_site site;
    int slot;
} vs_mark;

/* Queries [t0, t0 + VS_QUERIES) of a text: the unit in which attention is shared out. */
enum { VS_QUERIES = 16 };
typedef struct vs_block {
    size_t seq, t0;
} vs_block;

/* A set of rows: texts packed one after another.  Sets 0 and 1 are what the stacks read; in a sweep the variants that run
 * from a layer on are a set, and so are their texts with what comes before their rows. */
typedef struct vs_rows {
    int stack;       /* whose rows they are */
    size_t n_seqs, rows, longest;
    size_t prior;    /* cached rows before them, where the plan opens attention; else 0 */
    size_t *starts;  /* [n_seqs + 1] first row of each text */
    size_t *first;   /* [n_seqs] position of that row in its text; NULL: 0 */
    size_t *variant; /* [n_seqs] in a sweep the variant that each is, from 1; NULL: its place in the set, from 1 */
    uint16_t asked;  /* the set that its cross-attention asks, and ... */
    size_t *asks;    /* [n_seqs] ... which text of that set each asks; NULL: the one in its place */
    size_t *edges[2]; /* [n_seqs + 1] elements of one head's attention before each text: to the rows themselves; cross */
    vs_block *block; /* [n_blocks] ordered so that equal spans are equal work */
    size_t n_blocks;
} vs_rows;

typedef struct vs_plan {
    int refs;        /* the cache and every pass made by it */
    uint64_t used;   /* the cache's clock when last used */
    vs_buf key;      /* the request's shape */
    vs_node *node;
    vs_slot *slot;
    vs_mark *mark;   /* the kept ones */
    size_t n_nodes, n_slots, n_marks, cap_nodes, cap_slots, cap_marks;
    vs_rows *of;     /* [n_of] the sets of rows */
    size_t n_of, cap_of;
    size_t work, kept; /* floats */
    size_t n_edits;
    bool reverse;      /* what the way back reads is kept */
    int logits;        /* slot, VS_NONE */
    struct vs_pass *spare; /* a finished pass, its memory waiting for the next */
} vs_plan;

/* The variants of a sweep that run in a stack, in the order of the point from which they do (sweep.c). */
enum { VS_BEFORE_BLOCKS = -1 }; /* from the embeddings */
static inline int vs__at_block(int layer) { return 3 * layer; }      /* from the block on; L: after the last */
static inline int vs__at_heads(int layer) { return 3 * layer + 1; }  /* from what its heads mixed on */
static inline int vs__at_second(int layer) { return 3 * layer + 2; } /* from its second part on: cross-attention, else the MLP */
typedef struct vs_joins {
    size_t n, T;           /* how many; rows of the text in this stack */
    const int *point;      /* [n] from where each runs, ascending */
    const size_t *first;   /* [n] its first row that runs */
    const size_t *variant; /* [n] which it is, from 1 */
} vs_joins;
typedef struct vs_variants {
    const struct vs_pass *base; /* the pass without edits: it kept what they begin with */
    vs_joins of[2];             /* by stack.  All run in the last; of two, some in the first: those that make a memory of their own */
} vs_variants;

/* vs__sweep_keys() - the site that holds keys as a stack's attention reads them.
 * vs__sweep_mid() - the site of the stream as a block's second part meets it; VS_SITE_COUNT where that reads what enters
 * the block. */
vs_site_kind vs__sweep_keys(const vs_model *m, int stack);
vs_site_kind vs__sweep_mid(const vs_model *m, int stack);

/* Angles of the rotary embedding, computed once for each rotation and what it is turned for: for each position cos [n/2],
 * sin [n/2]. */
typedef struct vs_rope_table {
    const vs_rotation *rotation;
    size_t turned_for, rows;
    bool needed; /* by the pass at hand */
    float *cs;
} vs_rope_table;

enum { VS_PLANS = 8 };
typedef struct vs_plan_cache {
    vs_plan *plan[VS_PLANS];
    uint64_t clock;
    vs_buf key;
    float *work, *scratch; /* shared by all plans: one pass runs at a time */
    size_t work_cap, scratch_cap;
    vs_rope_table *rope;
    size_t n_rope;
    float *sinus; /* [sinus_rows, d] sinusoid positions */
    size_t sinus_rows;
} vs_plan_cache;

/* vs__plan_get() - the plan of a checked request, from the model's cache or made now; borrowed until the next call
 * (vs__plan_hold() to keep it longer).  VS_OK | VS_E_STATE (an edit or kept site that this pass does not compute) |
 * VS_E_RANGE, VS_E_USAGE (an edit's head, a cut where there are no edges) | VS_E_UNSUPPORTED | VS_E_NOMEM. */
vs_status vs__plan_get(vs_err *err, vs_model *m, const vs_request *rq, vs_plan **out) VS_MUST_CHECK;
void vs__plan_hold(vs_plan *p);
void vs__plan_release(vs_plan *p);

/* vs__plan_new() - plan.c's work: the nodes of a request, without the cache. */
vs_status vs__plan_new(vs_err *err, vs_model *m, const vs_request *rq, vs_plan **out) VS_MUST_CHECK;

/* rows.c.  vs__plan_rows() - a further set of rows, for the caller to fill starts (and first); the set's address moves with
 * the next one.  vs__plan_rows_done() - what follows from its starts: counts, edges, blocks of queries.
 * vs__plan_variants() - the first n of a stack's variants as a set, and (*whole; 0 where no row comes before theirs) their
 * whole texts, whose keys and values they see.  memory: of two stacks, the set that cross-attention asks.
 * vs__plan_memories() - that set: what the first stack's variants make of the text, and behind them what the pass without
 * edits made of it, for all the others. */
vs_status vs__plan_rows(vs_err *err, vs_plan *p, size_t n_seqs, int stack, size_t prior, vs_rows **out) VS_MUST_CHECK;
vs_status vs__plan_rows_done(vs_err *err, vs_plan *p, vs_rows *r) VS_MUST_CHECK;
vs_status vs__plan_variants(vs_err *err, vs_plan *p, const vs_variants *v, int stack, size_t n, uint16_t memory, uint16_t *set,
                            uint16_t *whole) VS_MUST_CHECK;
vs_status vs__plan_memories(vs_err *err, vs_plan *p, const vs_variants *v, uint16_t *set) VS_MUST_CHECK;
void vs__plan_rows_free(vs_plan *p);

/* vs__sees_only_before() - whether a stack's queries see no later keys, by its own mask or another. */
static inline bool vs__sees_only_before(const vs_stack *s, vs_mask mask) {
    return mask == VS_MASK_MODEL ? s->causal : mask == VS_MASK_CAUSAL;
}

/* vs__plan_layout() - layout.c: drop nodes that nothing needs, then give every slot its place in memory. */
vs_status vs__plan_layout(vs_err *err, vs_plan *p) VS_MUST_CHECK;

/* vs__plan_slot() - the slot of a kept site; VS_NONE where it is not kept. */
int vs__plan_slot(const vs_plan *p, vs_site s);

const char *vs__op_name(vs_op op);
bool vs__op_in_place(vs_op op);
bool vs__op_root(vs_op op);
int vs__op_reads(vs_op op); /* ops.def */

/* Memory that slots share: vs__buffer_take() - a free buffer of buf [*n] for `size` floats: the smallest that fits, else the
 * largest, enlarged, else a new one.  The caller clears `busy` when it is free again. */
typedef struct vs_buffer {
    size_t size, offset;
    bool busy;
} vs_buffer;
int vs__buffer_take(vs_buffer *buf, int *n, size_t size);

#endif

/* convert_impl.h - what the parts of a conversion share; for lib/model/convert*.c only. */
#ifndef VS_MODEL_CONVERT_IMPL_H
#define VS_MODEL_CONVERT_IMPL_H

#include "../io/format.h"
#include "config.h"
#include "convert.h"
#include "model_impl.h"

enum { VS__PARTS = 3 }; /* weights that may lie in one tensor: queries, keys, values */

/* A tensor that is to be written. */
typedef struct vs__piece_out {
    char name[160];
    vs_dtype dtype;
    int ndim;
    size_t shape[VS_MAX_DIMS];
    const vs_bind *row[VS__PARTS]; /* how each part is stored; row[0] NULL: `whole` as it is */
    const vs_weight *part[VS__PARTS];
    float times[VS__PARTS]; /* what each part is multiplied by (vs__convert_times) */
    const vs_tensor *whole;
    int stack;
} vs__piece_out;

typedef struct vs__conversion {
    vs_model *m;
    const vs_arch *arch; /* the family as which it is written, mostly its own */
    const vs_file *file; /* its tensors */
    vs_weight turns;     /* what each rotary angle is divided by, where the format wants a list of it; or none */
    vs_weight shorter, longer; /* LongRoPE's lists, where they become tensors; or none */
    vs_weight positions; /* the learned positions without the rows before the first, where it is written as a family that has
                          * none of those; or none */
    vs_weight segments;  /* a segment of zeros, where the model has none and the family as which it is written has; or none */
    bool gguf, same;     /* to GGUF; from that format, too */
    bool typed;          /* a type was asked for */
    bool untie;          /* a tied embedding is written twice, the second time as the unembedding that readers want */
    vs_dtype type;
    const char *from, *to;
    char *dir;           /* TO.part */
    int mark;            /* the locked file in it, or -1 */
    vs__piece_out *out;
    size_t n, cap;
    vs_dtype widest;     /* of the matrices, for config.json */
    const vs_progress *progress;
    vs_converted *report;
} vs__conversion;

/* vs__convert_note() - remember something that was left out. */
void vs__convert_note(vs__conversion *c, const char *fmt, ...) VS_PRINTF(2, 3);

/* convert_rope.c: vs__convert_rope() - LLaMA 3's rotation, which the hub has as four numbers and GGUF as a list of divisors, and
 * LongRoPE's lists, in the words of the format that is to be written.  VS_OK | VS_E_UNSUPPORTED (a list that no such numbers make) | VS_E_NOMEM. */
vs_status vs__convert_rope(vs_err *err, vs__conversion *c) VS_MUST_CHECK;

/* convert_scale.c: vs__convert_times() - what a weight of layer `layer` is multiplied by because the format cannot say how this
 * model scales: queries, and an unembedding that was tied; all else by 1. */
float vs__convert_times(const vs__conversion *c, int stack, vs_role role, size_t layer);

/* convert_tensors.c: vs__convert_list() - which tensors are written, under which names, as which types.
 * vs__convert_put() - declare them and stream them. */
vs_status vs__convert_list(vs_err *err, vs__conversion *c) VS_MUST_CHECK;
vs_status vs__convert_put(vs_err *err, vs__conversion *c, vs_writer *w) VS_MUST_CHECK;

/* convert_facts.c: vs__convert_meta() - the GGUF file's keys, the tokenizer's among them.
 * vs__convert_config(), vs__convert_tokenizer() - the hub's files beside the weights, into c->dir.
 * vs__convert_check() - what was written says what the source says.  VS_OK | VS_E_UNSUPPORTED (what does not). */
vs_status vs__convert_meta(vs_err *err, vs__conversion *c, vs_writer *w) VS_MUST_CHECK;
vs_status vs__convert_config(vs_err *err, vs__conversion *c) VS_MUST_CHECK;
vs_status vs__convert_tokenizer(vs_err *err, vs__conversion *c) VS_MUST_CHECK;
vs_status vs__convert_check(vs_err *err, const vs__conversion *c, const vs_model *made) VS_MUST_CHECK;

/* vs__convert_windowed() (convert_facts.c) - whether any layer of a model sees a window alone. */
bool vs__convert_windowed(const vs_model *m);

/* vs__convert_said() (convert_facts.c) - the row of a family's says that counts for a key, or NULL. */
const vs_say *vs__convert_said(const vs_model *m, const vs_say *all, const char *key);

/* vs__convert_file() - text[n] as the file c->dir/name. */
vs_status vs__convert_file(vs_err *err, const vs__conversion *c, const char *name, const char *text, size_t n) VS_MUST_CHECK;

/* vs__vocab_source() (vocab.c) - what a GGUF model's file says of its tokenizer; borrowed from m.
 * VS__JSON_KEY: the key that holds a whole tokenizer.json. */
#define VS__JSON_KEY "tokenizer.huggingface.json"
vs_status vs__vocab_source(vs_err *err, vs_model *m, vs_vocab_source *out) VS_MUST_CHECK;

#endif

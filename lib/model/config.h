/* config.h - what a model's file says about itself: config.json or a GGUF file's metadata behind one look-up; for lib/model
 * only. */
#ifndef VS_MODEL_CONFIG_H
#define VS_MODEL_CONFIG_H

#include "../io/format.h"
#include "arch.h"

typedef struct vs_config {
    const char *where;   /* for messages */
    const vs_file *gguf; /* or NULL */
    void *root, *top;    /* jansson: the document, and the object with the text model's settings */
    const vs_arch *arch;
} vs_config;

/* A soft cap that files give where there is none and their readers would take one: so far away that f32 does not see it. */
#define VS__NO_CAP 1e9

/* The kind and the words of each number (hps.def). */
typedef enum vs__hp_kind {
    VS__HP_COUNT,
    VS__HP_MAYBE,
    VS__HP_INDEX,
    VS__HP_POSITIVE,
    VS__HP_EPSILON,
    VS__HP_CAP,
    VS__HP_FLAG,
    VS__HP_TOKEN,
    VS__HP_WORD
} vs__hp_kind;
typedef struct vs__hp_info {
    vs__hp_kind kind;
    double absent; /* its value where an architecture has no such number */
    const char *words;
} vs__hp_info;
extern const vs__hp_info vs__hp_rows[VS_HP_COUNT];

/* vs__config_json() - parse config.json (n bytes, borrowed during the call) and find its architecture.
 * vs__config_gguf() - the same over a GGUF file, which must outlive *out.
 * VS_OK | VS_E_FORMAT | VS_E_UNSUPPORTED (no such architecture: names those there are; a setting we do not have).
 * vs__config_close() in any case. */
vs_status vs__config_json(vs_err *err, const char *where, const char *text, size_t n, vs_config *out) VS_MUST_CHECK;
vs_status vs__config_gguf(vs_err *err, const vs_file *f, vs_config *out) VS_MUST_CHECK;
void vs__config_close(vs_config *c);

/* vs__config_numbers() - every number of hps.def, checked, into hp, and those of layers with a window (hps_local) into local;
 * those to derive come out as VS_HP_DERIVED, those that the architecture does not have as absent.
 * VS_OK | VS_E_FORMAT (missing, or not such a number) | VS_E_UNSUPPORTED (a word that the family does not have). */
vs_status vs__config_numbers(vs_err *err, const vs_config *c, double hp[VS_HP_COUNT], double local[VS_HP_COUNT]) VS_MUST_CHECK;

/* vs__config_word() - the i-th of the words by which a key says a number ("key=word|word"); a word "-" is none.  false: there
 * are no more. */
bool vs__config_word(const char *list, size_t i, const char **word, size_t *n);

/* vs__config_factors() - the list `name` (short_factor, long_factor) beside the ROPE_KIND of these rows in config.json, into
 * out [n].  VS_OK | VS_E_FORMAT (no such list). */
vs_status vs__config_factors(vs_err *err, const vs_config *c, const vs_hp_row *rows, const char *name, size_t n, float *out) VS_MUST_CHECK;

/* vs__config_act() - the non-linearity: the file's, else the stack's own; of x times *steep, over it.
 * VS_OK | VS_E_UNSUPPORTED (names those there are). */
vs_status vs__config_act(vs_err *err, const vs_config *c, const vs_stack *s, vs_act *out, float *steep) VS_MUST_CHECK;

/* vs__config_windowed() - whether each of L layers sees only a window: the list in the file, else those from layer `from`
 * on, but every `pattern`-th (0: none of them) sees everything.  VS_OK | VS_E_FORMAT (a list of another length or with
 * other words). */
vs_status vs__config_windowed(vs_err *err, const vs_config *c, size_t L, double pattern, double from, bool *windowed) VS_MUST_CHECK;

/* vs__model_bind() (bind.c) - fill m from its description and its tensors, which must outlive it.
 * vs__model_over() (load.c) - the same for the GGUF file in m->file; m->info has its name.  Errors as vs_model_open(). */
vs_status vs__model_bind(vs_err *err, vs_model *m, const vs_config *c, const vs_file *file) VS_MUST_CHECK;
vs_status vs__model_over(vs_err *err, vs_model *m) VS_MUST_CHECK;

/* vs__fill() - pattern with its one %s or %d replaced by `with`, into buf; returns buf, cut where it does not fit. */
const char *vs__fill(const char *pattern, const char *with, char *buf, size_t size);

/* vs__act_name() - "gelu_tanh". */
const char *vs__act_name(vs_act a, float steep);

#endif

/* json_read.h - values of tokenizer.json by type, with errors that name the place ("normalizer.content: want a
 * string"). */
#ifndef VS_TEXT_JSON_READ_H
#define VS_TEXT_JSON_READ_H

#include <jansson.h>

#include "tokenizer_impl.h"

enum { VS__JSON_NESTING = 16, VS__JSON_STEPS = 64 }; /* sequences within sequences; steps of one part */

vs_status vs__json_no_memory(vs_err *err);
const char *vs__json_kind(const json_t *j); /* "an object", … "missing" */

/* A string, borrowed or copied into the tokenizer's arena.  VS_OK | VS_E_FORMAT | VS_E_NOMEM. */
vs_status vs__json_string(vs_err *err, const json_t *j, const char *where, const char **s, size_t *n) VS_MUST_CHECK;
vs_status vs__json_own(vs_err *err, vs_tokenizer *t, const json_t *j, const char *where, const char **s,
                       size_t *n) VS_MUST_CHECK;

/* A member of an object; `absent` where it is not there or null.  VS_OK | VS_E_FORMAT | VS_E_RANGE (more than most). */
vs_status vs__json_bool(vs_err *err, const json_t *obj, const char *key, const char *where, bool absent,
                        bool *out) VS_MUST_CHECK;
vs_status vs__json_size(vs_err *err, const json_t *obj, const char *key, const char *where, size_t absent, size_t most,
                        size_t *out) VS_MUST_CHECK;

/* The member "type" of what must be an object. */
vs_status vs__json_type(vs_err *err, const json_t *j, const char *where, const char **type) VS_MUST_CHECK;

/* {"String": …} or {"Regex": …} */
vs_status vs__json_pattern(vs_err *err, vs_tokenizer *t, const json_t *j, const char *where,
                           vs__pattern *p) VS_MUST_CHECK;

/* The parts of a Sequence that itself stands `depth` deep. */
vs_status vs__json_list(vs_err *err, const json_t *j, const char *key, const char *where, int depth,
                        const json_t **list) VS_MUST_CHECK;

vs_status vs__json_unknown(vs_err *err, const char *where, const char *type); /* VS_E_UNSUPPORTED */

/* The parts of the file: they fill the tokenizer's steps (json_steps.c; room for VS__JSON_STEPS of each kind is there),
 * its vocabulary, added tokens and model (json_model.c). */
vs_status vs__json_normalizer(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) VS_MUST_CHECK;
vs_status vs__json_pretokenizer(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) VS_MUST_CHECK;
vs_status vs__json_decoder(vs_err *err, vs_tokenizer *t, const json_t *j, int depth) VS_MUST_CHECK;
vs_status vs__json_model(vs_err *err, vs_tokenizer *t, const json_t *model, const json_t *added) VS_MUST_CHECK;

#endif

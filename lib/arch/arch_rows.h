/* arch_rows.h - how the rows of weights are written: the usual ones in a few letters. */
#ifndef VS_ARCH_ARCH_ROWS_H
#define VS_ARCH_ARCH_ROWS_H

#include "arch_list.h"

#define ROW(role, name, part, transform, older, lie) \
    {VS_ROLE_##role, name, VS_PART_##part, VS_##transform, older, VS_LIE_##lie}
#define WEIGHT(role, name)        ROW(role, name, BODY, AS_IS, NULL, WHOLE)
#define OR_OLDER(role, name, old) ROW(role, name, BODY, AS_IS, old, WHOLE)
#define MAY_HAVE(role, name)      ROW(role, name, OPTIONAL, AS_IS, NULL, WHOLE)
#define PLUS_ONE(role, name)      ROW(role, name, BODY, PLUS_ONE, NULL, WHOLE)
#define LAID(role, name, lie)     ROW(role, name, BODY, AS_IS, NULL, lie)
#define MAY_LIE(role, name, lie)  ROW(role, name, OPTIONAL, AS_IS, NULL, lie)
#define FILLED(role, name)        ROW(role, name, FILLED, AS_IS, NULL, WHOLE)
#define FILLED_LIE(role, name, lie) ROW(role, name, FILLED, AS_IS, NULL, lie)
#define END_OF_ROWS               {VS_ROLE_COUNT, NULL, VS_PART_BODY, VS_AS_IS, NULL, VS_LIE_WHOLE}

/* A map with its bias; one that may lack its bias; a LayerNorm's gain and bias, which files of the first years call gamma
 * and beta; parts that are there whole or not at all. */
#define LINEAR(w, b, at)       WEIGHT(w, at ".weight"), WEIGHT(b, at ".bias")
#define MAP_MAY_BIAS(w, b, at) WEIGHT(w, at ".weight"), MAY_HAVE(b, at ".bias")
#define MAP_FILL_BIAS(w, b, at) WEIGHT(w, at ".weight"), FILLED(b, at ".bias")
#define NORM(role, at)         OR_OLDER(role, at ".weight", at ".gamma"), OR_OLDER(role##_B, at ".bias", at ".beta")
#define PART(part, role, name) ROW(role, name, part, AS_IS, NULL, WHOLE)
#define PART_LINEAR(part, w, b, at) PART(part, w, at ".weight"), PART(part, b, at ".bias")
#define PART_NORM(part, role, at) \
    ROW(role, at ".weight", part, AS_IS, at ".gamma", WHOLE), ROW(role##_B, at ".bias", part, AS_IS, at ".beta", WHOLE)

/* What is said of a family beside its numbers (vs_say): always; in models with a part, with a weight. */
#define ALWAYS(key, json)            {key, json, VS_PART_BODY, VS_ROLE_EMBED}
#define WITH_PART(key, json, part)   {key, json, VS_PART_##part, VS_ROLE_EMBED}
#define WITH_ROLE(key, json, role)   {key, json, VS_PART_BODY, VS_ROLE_##role}
#define END_OF_SAYS                  {NULL, NULL, VS_PART_BODY, VS_ROLE_EMBED}

/* How rotary angles are divided, in the order of vs_rope_kind.  In GGUF a file without the word divides all alike, mostly by 1; LLaMA
 * 3's way is a list of divisors there, "dynamic" and "proportional" are not known. */
#define ROPE_KINDS      "default|linear|dynamic|yarn|longrope|llama3|proportional"
#define GGUF_ROPE_EVEN  "%s.rope.scaling.type=none|linear"
#define GGUF_ROPE_YARN  GGUF_ROPE_EVEN "|-|yarn"
#define GGUF_ROPE_LISTS GGUF_ROPE_EVEN "|-|-|longrope"
#define GGUF_ROPE_ALL   GGUF_ROPE_YARN "|longrope"

/* The numbers of a rotation but its base and how much of a head it turns.  at: where in config.json; gguf: one of the above. */
#define ROPE_NUMBERS(at, kinds, gguf, context, context_fallback) \
    {VS_HP_ROPE_KIND, {at "rope_type=" kinds, at "type=" kinds}, VS_ROPE_PLAIN, {gguf}, VS_ROPE_LINEAR}, \
    {VS_HP_ROPE_FACTOR, {at "factor"}, 0, {"%s.rope.scaling.factor"}, 1}, \
    {VS_HP_ROPE_CONTEXT, {context, "original_max_position_embeddings"}, context_fallback, {"%s.rope.scaling.original_context_length"}, VS_HP_DERIVED}, \
    ROPE_HUB_NUMBERS(at), \
    {VS_HP_ROPE_MORE, {NULL}, 1, {"%s.rope.scaling.attn_factor"}, 1}
#define ROPE_HUB_NUMBERS(at) \
    {VS_HP_ROPE_LOW, {at "low_freq_factor"}, 0, {NULL}, 0}, \
    {VS_HP_ROPE_HIGH, {at "high_freq_factor"}, 0, {NULL}, 0}, \
    {VS_HP_YARN_FAST, {at "beta_fast"}, 0, {NULL}, 0}, \
    {VS_HP_YARN_SLOW, {at "beta_slow"}, 0, {NULL}, 0}, \
    {VS_HP_YARN_WHOLE, {at "truncate"}, 1, {NULL}, 1}, \
    {VS_HP_ROPE_GAIN, {at "attention_factor"}, 0, {NULL}, 0}, \
    {VS_HP_YARN_GAIN_OF, {at "mscale"}, 0, {NULL}, 0}, \
    {VS_HP_YARN_GAIN_PER, {at "mscale_all_dim"}, 0, {NULL}, 0}
#define ROPE(gguf) \
    ROPE_NUMBERS("rope_parameters.", ROPE_KINDS, gguf, "rope_parameters.original_max_position_embeddings", VS_HP_DERIVED)
#define ROPE_SHARED(fallback) \
    {VS_HP_ROPE_SHARE, {"rope_parameters.partial_rotary_factor", "partial_rotary_factor"}, fallback, {NULL}, 1}

/* The token whose row PyTorch's table of embeddings keeps as it is (padding_idx). */
#define PADDING(fallback) {VS_HP_FIXED, {"pad_token_id"}, fallback, {"tokenizer.ggml.padding_token_id"}, VS_HP_NO_TOKEN}

#define END_OF_HPS   {VS_HP_COUNT, {NULL}, 0, {NULL}, 0}
#define END_OF_ONLY  {NULL, {NULL}}

#endif

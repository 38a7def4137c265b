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

/* What is said of a family beside its numbers (vs_say): always; in models with a part, with a weight; where a number is there
 * and is another. */
#define ALWAYS(key, json)            {key, json, VS_PART_BODY, VS_ROLE_EMBED, 0, 0}
#define WITH_PART(key, json, part)   {key, json, VS_PART_##part, VS_ROLE_EMBED, 0, 0}
#define WITH_ROLE(key, json, role)   {key, json, VS_PART_BODY, VS_ROLE_##role, 0, 0}
#define UNLIKE(key, json, hp, value) {key, json, VS_PART_BODY, VS_ROLE_EMBED, VS_HP_##hp, value}
#define END_OF_SAYS                  {NULL, NULL, VS_PART_BODY, VS_ROLE_EMBED, 0, 0}

/* How rotary angles are divided: not, all alike, YaRN's way, or LLaMA 3's, which GGUF files hold as a
 * list of divisors instead. */
#define HUB_ROPE_SAYS                                          \
    UNLIKE("rope_parameters.rope_type", "\"yarn\"", ROPE_YARN, 0), \
    UNLIKE("rope_parameters.rope_type", "\"llama3\"", ROPE_LOW, 0), \
    UNLIKE("rope_parameters.rope_type", "\"linear\"", ROPE_FACTOR, 1), ALWAYS("rope_parameters.rope_type", "\"default\"")
#define GGUF_ROPE_SAYS                                                                                \
    UNLIKE("%s.rope.scaling.type", NULL, ROPE_LOW, 0), UNLIKE("%s.rope.scaling.factor", NULL, ROPE_LOW, 0), \
    UNLIKE("%s.rope.scaling.original_context_length", NULL, ROPE_LOW, 0), \
    UNLIKE("%s.rope.scaling.type", "\"yarn\"", ROPE_YARN, 0), UNLIKE("%s.rope.scaling.type", "\"linear\"", ROPE_FACTOR, 1)

#define END_OF_HPS   {VS_HP_COUNT, {NULL}, 0, {NULL}, 0}
#define END_OF_ONLY  {NULL, {NULL}}

#endif

/* near.h - the options that near and analogy share, and what they ask. */
#ifndef VS_ANALOGIES_NEAR_H
#define VS_ANALOGIES_NEAR_H

#include "../lib/command.h"

#define VS_NEAR_OPTS                                                                                                   \
    {"k", 'k', VS_OPT_INT, "K", "how many (set k)", NULL, VS_COMPLETE_NONE},                                           \
        {"in", 0, VS_OPT_TEXT, "SPACE", "look for neighbours there", NULL, VS_COMPLETE_SPACE},                         \
        VS_OPERAND_OPTS,                                                                                               \
        {"metric", 0, VS_OPT_TEXT, "cosine|dot|l2", "how near: by angle, by product, by distance", "cosine",           \
         VS_COMPLETE_CHOICE},                                                                                          \
        {"match", 0, VS_OPT_TEXT, "REGEX", "only keys in which this is found", NULL, VS_COMPLETE_NONE},                \
        {"rank", 0, VS_OPT_TEXT, "A..B", "only the rows of these frequency ranks, from 1", NULL, VS_COMPLETE_NONE},    \
        {"where", 0, VS_OPT_TEXT, "SQL", "only rows for which this holds, of row, key, vec", NULL, VS_COMPLETE_NONE}

/* vs_near_how_of() - what these options of command `name` ask; *how borrows *f.  VS_OK | VS_E_USAGE. */
vs_status vs_near_how_of(vs_err *err, const vs_args *a, const char *name, vs_filter *f, vs_near_how *how) VS_MUST_CHECK;

#endif

/* session_map.c - maps from one space to another: learnt, kept by name, used in expressions. */
#include <string.h>

#include "session_impl.h"

static vs_status name_of(vs_err *err, const vs_space *from, const vs_space *to, vs_buf *out) {
    vs_buf_printf(out, "map:%s->%s", vs_space_name(from), vs_space_name(to));
    return out->failed ? vs_fail(err, VS_E_NOMEM, "no memory for the name of a map") : VS_OK;
}

static vs_status space_by(vs_err *err, vs_session *s, const char *name, vs_space **out) {
    *out = vs_session_space_named(s, name);
    return *out ? VS_OK : vs_fail(err, VS_E_UNKNOWN, "no space is called %s; spaces lists them", name);
}

vs_status vs_session_learn_map(vs_err *err, vs_session *s, const char *from_name, const char *to_name, const vs_align_options *o,
                               const vs_progress *p, vs_align_result *r, vs_space **from, vs_space **to) {
    vs_space *map = NULL;
    vs_buf name = {0};
    vs_align_options with = *o;
    with.seed = s->settings.seed;
    VS_TRY(space_by(err, s, from_name, from));
    VS_TRY(space_by(err, s, to_name, to));
    if (*from == *to) return vs_fail(err, VS_E_USAGE, "a map from %s to itself changes nothing", vs_space_name(*from));
    vs_status st = name_of(err, *from, *to, &name);
    if (st == VS_OK) st = vs_align(err, *from, *to, &with, name.s, p, r, &map);
    if (st == VS_OK) st = vs__keep_aside(err, s, map, NULL);
    vs_buf_free(&name);
    return st;
}

/* The map between two spaces: open, or in the store. */
static vs_status find_map(vs_err *err, vs_session *s, const vs_space *from, const vs_space *to, vs_space **out) {
    vs_buf name = {0};
    vs_status st = name_of(err, from, to, &name);
    *out = NULL;
    for (size_t i = 0; st == VS_OK && i < s->n_spaces && !*out; i++)
        if (!strcmp(vs_space_name(s->space[i].space), name.s)) *out = s->space[i].space;
    if (st == VS_OK && !*out) st = vs__stored_space(err, s, name.s, out);
    if (st == VS_E_UNKNOWN)
        st = vs_fail(err, st, "no map leads from %s to %s yet; learn one: map %s -> %s", vs_space_name(from), vs_space_name(to), vs_space_name(from),
                     vs_space_name(to));
    if (st == VS_OK && (vs_space_rows(*out) != vs_space_dim(from) + 1 || vs_space_dim(*out) != vs_space_dim(to)))
        st = vs_fail(err, VS_E_STATE, "%s was learnt when the spaces had other widths; learn it again", name.s);
    vs_buf_free(&name);
    return st;
}

/* map(x, SPACE), or map(x, SPACE, FROM) by the map of a space that x is not of: one of words at its layer, say. */
vs_status vs__resolve_map(vs_err *err, vs_session *s, const vs_addr *a, vs_value *out) {
    if (a->n_args != 2 && a->n_args != 3)
        return vs_fail(err, VS_E_SYNTAX, "map wants a vector and the space to bring it to: map(glove:queen, W_E)");
    vs_space *to, *from = NULL, *map = NULL;
    VS_TRY(space_by(err, s, a->args[1], &to));
    if (a->n_args == 3) VS_TRY(space_by(err, s, a->args[2], &from));
    vs_value x;
    VS_TRY(vs__eval_argument(err, s, a, 0, &x));
    vs_status st = VS_OK;
    if (!from) from = x.space;
    if (!from)
        st = vs_fail(err, VS_E_UNSUPPORTED, "map: %.60s is of no one space: say behind a comma from which the map leads", a->args[0]);
    if (st == VS_OK && from == to) st = vs_fail(err, VS_E_USAGE, "map: %.60s is of %s already", a->args[0], vs_space_name(to));
    if (st == VS_OK) st = find_map(err, s, from, to, &map);
    if (st == VS_OK && x.dim + 1 != vs_space_rows(map)) st = vs_fail(err, VS_E_SHAPE, "map: %.60s has %zu numbers, %s takes %zu", a->args[0], x.dim, vs_space_name(map), vs_space_rows(map) - 1);
    out->dim = vs_space_dim(to);
    out->vec = st == VS_OK ? vs_alloc(out->dim, sizeof *out->vec) : NULL;
    if (st == VS_OK && !out->vec) st = vs_fail(err, VS_E_NOMEM, "no memory for a vector");
    if (st == VS_OK) st = vs_align_map(err, map, x.vec, x.weight, out->vec);
    out->space = to;
    out->of = vs_space_name(to);
    out->weight = x.weight;
    out->notes = x.notes;
    x.notes = (vs_buf){0};
    vs_value_free(&x);
    return st;
}

/* json_read.c - see json_read.h. */
#include "json_read.h"

vs_status vs__json_no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the tokenizer"); }

const char *vs__json_kind(const json_t *j) {
    static const char *const name[] = {"an object", "an array", "a string", "an integer",
                                       "a number",  "true",     "false",    "null"};
    return j ? name[json_typeof(j)] : "missing";
}

vs_status vs__json_string(vs_err *err, const json_t *j, const char *where, const char **s, size_t *n) {
    if (!json_is_string(j)) return vs_fail(err, VS_E_FORMAT, "%s: want a string, it is %s", where, vs__json_kind(j));
    *s = json_string_value(j);
    *n = json_string_length(j);
    return VS_OK;
}

vs_status vs__json_own(vs_err *err, vs_tokenizer *t, const json_t *j, const char *where, const char **s, size_t *n) {
    VS_TRY(vs__json_string(err, j, where, s, n));
    *s = vs_arena_strndup(&t->arena, *s, *n);
    return *s ? VS_OK : vs__json_no_memory(err);
}

vs_status vs__json_bool(vs_err *err, const json_t *obj, const char *key, const char *where, bool absent, bool *out) {
    const json_t *j = json_object_get(obj, key);
    if (!j || json_is_null(j)) {
        *out = absent;
        return VS_OK;
    }
    if (!json_is_boolean(j))
        return vs_fail(err, VS_E_FORMAT, "%s.%s: want true or false, it is %s", where, key, vs__json_kind(j));
    *out = json_is_true(j);
    return VS_OK;
}

vs_status vs__json_size(vs_err *err, const json_t *obj, const char *key, const char *where, size_t absent, size_t most,
                        size_t *out) {
    const json_t *j = json_object_get(obj, key);
    if (!j || json_is_null(j)) {
        *out = absent;
        return VS_OK;
    }
    if (!json_is_integer(j) || json_integer_value(j) < 0)
        return vs_fail(err, VS_E_FORMAT, "%s.%s: want a whole number, it is %s", where, key, vs__json_kind(j));
    if ((unsigned long long)json_integer_value(j) > most)
        return vs_fail(err, VS_E_RANGE, "%s.%s: %lld is more than %zu", where, key, (long long)json_integer_value(j),
                       most);
    *out = (size_t)json_integer_value(j);
    return VS_OK;
}

vs_status vs__json_type(vs_err *err, const json_t *j, const char *where, const char **type) {
    size_t n = 0;
    if (!json_is_object(j)) return vs_fail(err, VS_E_FORMAT, "%s: want an object, it is %s", where, vs__json_kind(j));
    return vs__json_string(err, json_object_get(j, "type"), where, type, &n);
}

vs_status vs__json_pattern(vs_err *err, vs_tokenizer *t, const json_t *j, const char *where, vs__pattern *p) {
    const json_t *literal = json_object_get(j, "String"), *regex = json_object_get(j, "Regex");
    if (regex) {
        const char *s = NULL;
        size_t n = 0;
        VS_TRY(vs__json_string(err, regex, where, &s, &n));
        if (!(p->source = vs_arena_strndup(&t->arena, s, n))) return vs__json_no_memory(err);
        return vs__pattern_regex(err, p, s, n) == VS_OK ? VS_OK : vs_fail_in(err, "%s", where);
    }
    VS_TRY(vs__json_own(err, t, literal, where, &p->literal, &p->n));
    return p->n ? VS_OK : vs__pattern_regex(err, p, "", 0); /* between all characters */
}

vs_status vs__json_unknown(vs_err *err, const char *where, const char *type) {
    return vs_fail(err, VS_E_UNSUPPORTED, "%s of type '%.40s' is not known", where, type);
}

vs_status vs__json_list(vs_err *err, const json_t *j, const char *key, const char *where, int depth,
                        const json_t **list) {
    *list = json_object_get(j, key);
    if (!json_is_array(*list))
        return vs_fail(err, VS_E_FORMAT, "%s.%s: want an array, it is %s", where, key, vs__json_kind(*list));
    if (depth >= VS__JSON_NESTING)
        return vs_fail(err, VS_E_FORMAT, "%s: sequences are nested deeper than %d", where, VS__JSON_NESTING);
    return VS_OK;
}

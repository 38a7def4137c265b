/* config.c - see config.h. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../base/json.h"

enum { KEY_MAX = 128, CONFIG_MAX = 16 << 20, VALUES = sizeof((vs_only *)0)->values / sizeof(char *) };

/* A value of either format, as far as a model's description needs it. */
typedef enum fact_kind { FACT_NONE, FACT_NUMBER, FACT_FLAG, FACT_TEXT, FACT_LIST, FACT_OTHER } fact_kind;
typedef struct fact {
    fact_kind kind;
    double num;    /* NUMBER; FLAG: 0 or 1 */
    const char *s; /* TEXT: n bytes, not NUL-terminated */
    size_t n;      /* TEXT: bytes; LIST: elements */
    const json_t *json;
    vs_meta meta;
} fact;

const char *vs__fill(const char *pattern, const char *with, char *buf, size_t size) {
    const char *at = strchr(pattern, '%');
    if (!at) snprintf(buf, size, "%s", pattern);
    else snprintf(buf, size, "%.*s%s%s", (int)(at - pattern), pattern, with, at + 2);
    return buf;
}

static fact fact_of_json(const json_t *j) {
    fact f = {.kind = FACT_OTHER, .json = j};
    if (!j || json_is_null(j)) f.kind = FACT_NONE;
    else if (json_is_number(j)) f.kind = FACT_NUMBER, f.num = json_number_value(j);
    else if (json_is_boolean(j)) f.kind = FACT_FLAG, f.num = json_is_true(j) ? 1 : 0;
    else if (json_is_string(j)) f.kind = FACT_TEXT, f.s = json_string_value(j), f.n = json_string_length(j);
    else if (json_is_array(j)) f.kind = FACT_LIST, f.n = json_array_size(j);
    return f;
}

static fact fact_of_meta(vs_meta m) {
    fact f = {.kind = FACT_OTHER, .meta = m};
    switch (m.type) {
    case VS_META_NONE: f.kind = FACT_NONE; break;
    case VS_META_UINT:
    case VS_META_INT:
    case VS_META_FLOAT: f.kind = FACT_NUMBER, f.num = m.f; break;
    case VS_META_BOOL: f.kind = FACT_FLAG, f.num = m.u ? 1 : 0; break;
    case VS_META_STR: f.kind = FACT_TEXT, f.s = m.s, f.n = m.n; break;
    case VS_META_ARRAY: f.kind = FACT_LIST, f.n = m.n; break;
    }
    return f;
}

static fact fact_at(const fact *list, size_t i) {
    return list->json ? fact_of_json(json_array_get(list->json, i)) : fact_of_meta(vs_meta_at(&list->meta, i));
}

static bool text_is(const fact *f, const char *s) {
    return f->kind == FACT_TEXT && f->n == strlen(s) && memcmp(f->s, s, f->n) == 0;
}

/* The value at a dotted path of an object; NULL where a step is missing.  *stuck: a step is no object, so what it should
 * hold cannot be there. */
static const json_t *at_path(const json_t *j, const char *path, bool *stuck) {
    char step[KEY_MAX];
    *stuck = false;
    while (j && *path) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof step) return NULL;
        memcpy(step, path, n);
        step[n] = '\0';
        *stuck = !json_is_object(j) && !json_is_null(j);
        j = json_object_get(j, step);
        path += n + (path[n] == '.');
    }
    return j;
}

/* The name under which a config.json says how heads rotate: newer ones have "rope_parameters", older ones "rope_scaling", which
 * counts where it is there, as in transformers.  Where layers of a kind have an object each, it is part of that of the full ones. */
static void rope_name(const vs_config *c, const char *key, char said[KEY_MAX]) {
    static const char newer[] = "rope_parameters.", full[] = "full_attention.", older[] = "rope_scaling";
    bool stuck;
    if (strncmp(key, newer, sizeof newer - 1) != 0) return;
    const json_t *scaling = at_path(c->top, older, &stuck);
    const char *rest = key + sizeof newer - 1;
    bool nested = strncmp(rest, full, sizeof full - 1) == 0, object = json_is_object(scaling);
    if (!scaling || json_is_null(scaling) || (!nested && strchr(rest, '.'))) return;
    if (nested) rest += sizeof full - 1;
    if (object && (nested ? !at_path(scaling, rest, &stuck) : !json_object_size(scaling))) return;
    snprintf(said, KEY_MAX, "%s.%s", older, rest);
}

/* What the file says under a key, and (said) how it calls it. */
static fact find(const vs_config *c, const char *key, char said[KEY_MAX]) {
    vs__fill(key, c->arch && c->arch->gguf_name ? c->arch->gguf_name : "", said, KEY_MAX);
    if (c->gguf) return fact_of_meta(vs_file_meta(c->gguf, said));
    bool stuck;
    rope_name(c, key, said);
    fact f = fact_of_json(at_path(c->top, said, &stuck));
    if (!f.json && !stuck && c->top != c->root) f = fact_of_json(at_path(c->root, said, &stuck));
    if (stuck) f.kind = FACT_OTHER;
    return f;
}

/* Which settings a family is built for; the first that differs is named. */
static vs_status check_only(vs_err *err, const vs_config *c) {
    const vs_only *only = c->gguf ? c->arch->gguf_only : c->arch->hub_only;
    for (; only && only->key; only++) {
        char key[KEY_MAX], value[64] = "set", wanted[96] = "only models without it";
        fact f = find(c, only->key, key);
        if (f.kind == FACT_NONE || (f.kind == FACT_FLAG && f.num == 0)) continue;
        bool known = false;
        for (size_t i = 0; i < VALUES; i++)
            known = known || (only->values[i] && text_is(&f, only->values[i]));
        if (known) continue;
        if (f.kind == FACT_TEXT) snprintf(value, sizeof value, "\"%.*s\"", (int)(f.n < 40 ? f.n : 40), f.s);
        else if (f.kind == FACT_FLAG) snprintf(value, sizeof value, "true");
        else if (f.kind == FACT_NUMBER) snprintf(value, sizeof value, "%g", f.num);
        for (size_t i = 0, n = 0; i < VALUES && only->values[i]; i++)
            n += (size_t)snprintf(wanted + n, sizeof wanted - n, "%s\"%s\"", i ? " or " : "", only->values[i]);
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s is %s; for %s vecscope has %s", c->where, key, value, c->arch->name,
                       wanted);
    }
    return VS_OK;
}

static vs_status unknown_arch(vs_err *err, const char *where, const char *key, const fact *f) {
    char names[256] = "";
    for (size_t i = 0, n = 0; vs_arch_list[i] && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", vs_arch_list[i]->name);
    if (f->kind != FACT_TEXT) return vs_fail(err, VS_E_FORMAT, "%s: no text %s says what model this is", where, key);
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s is \"%.*s\"; vecscope has %s", where, key, (int)(f->n < 60 ? f->n : 60),
                   f->s, names);
}

vs_status vs__config_json(vs_err *err, const char *where, const char *text, size_t n, vs_config *out) {
    *out = (vs_config){.where = where};
    json_t *root;
    VS_TRY(vs_json_parse(err, where, text, n, CONFIG_MAX, &root));
    out->root = out->top = root;
    if (!json_is_object(root)) return vs_fail(err, VS_E_FORMAT, "%s: not a JSON object", where);
    char key[KEY_MAX];
    fact type = find(out, "model_type", key), class = fact_of_json(json_array_get(json_object_get(root, "architectures"), 0));
    for (size_t i = 0; vs_arch_list[i] && !out->arch; i++) {
        const vs_arch *a = vs_arch_list[i];
        for (size_t k = 0; k < 4 && a->hub_types[k]; k++)
            if (text_is(&type, a->hub_types[k]) && (!a->hub_class || text_is(&class, a->hub_class))) out->arch = a;
    }
    if (!out->arch || !out->arch->stack[0].hub) return unknown_arch(err, where, "model_type", &type);
    json_t *inner = out->arch->hub_nested ? json_object_get(root, out->arch->hub_nested) : NULL;
    if (json_is_object(inner)) out->top = inner;
    return check_only(err, out);
}

vs_status vs__config_gguf(vs_err *err, const vs_file *f, vs_config *out) {
    *out = (vs_config){.where = vs_file_path(f), .gguf = f};
    char key[KEY_MAX];
    fact type = find(out, "general.architecture", key);
    for (size_t i = 0; vs_arch_list[i] && !out->arch; i++)
        if (vs_arch_list[i]->gguf_name && text_is(&type, vs_arch_list[i]->gguf_name)) out->arch = vs_arch_list[i];
    if (!out->arch || !out->arch->stack[0].gguf) return unknown_arch(err, out->where, "general.architecture", &type);
    return check_only(err, out);
}

void vs__config_close(vs_config *c) {
    json_decref(c->root);
    *c = (vs_config){0};
}

const vs__hp_info vs__hp_rows[VS_HP_COUNT] = {
#define HP(name, kind, absent, words) {VS__HP_##kind, absent, words},
#include "hps.def"
#undef HP
};

/* NULL where x is such a number; else what it should be. */
static const char *wrong_number(vs__hp_kind kind, double x) {
    const double most = 2147483647; /* sizes of one axis: far above any model, far below overflow */
    switch (kind) {
    case VS__HP_COUNT:
    case VS__HP_MAYBE: return x >= 1 && x <= most && x == floor(x) ? NULL : "a whole number from 1 to 2147483647";
    case VS__HP_INDEX: return x >= 0 && x <= most && x == floor(x) ? NULL : "a whole number up to 2147483647";
    case VS__HP_POSITIVE: return x > 0 && x <= 1e30 ? NULL : "a positive number";
    case VS__HP_EPSILON: return x >= 0 && x < 1 ? NULL : "a number from 0 to 1";
    case VS__HP_CAP: return x >= 0 && x <= 1e30 ? NULL : "a number of at least 0";
    case VS__HP_FLAG: return x == 0 || x == 1 ? NULL : "true or false";
    case VS__HP_TOKEN: return x == floor(x) ? NULL : "a whole number";
    case VS__HP_WORD: break;
    }
    return NULL;
}

bool vs__config_word(const char *list, size_t i, const char **word, size_t *n) {
    const char *at = strchr(list, '=') + 1;
    for (; i && at; i--) at = strchr(at, '|'), at += at != NULL;
    if (!at) return false;
    *word = at;
    *n = strcspn(at, "|");
    return true;
}

/* Whether a text is one of the words [n], which commas divide. */
static bool is_one_of(const fact *f, const char *words, size_t n) {
    for (const char *at = words, *end = words + n; at < end; at += 1) {
        size_t k = strcspn(at, ",|");
        if (f->n == k && !memcmp(f->s, at, k) && *at != '-') return true;
        at += k;
    }
    return false;
}

/* A number that a file says by a word (hps.def); *there: it says one. */
static vs_status read_word(vs_err *err, const vs_config *c, const char *list, double *out, bool *there) {
    char key[KEY_MAX], said[KEY_MAX], value[64] = "no text", wanted[160] = "";
    const char *word;
    size_t n;
    snprintf(key, sizeof key, "%.*s", (int)(strchr(list, '=') - list), list);
    fact f = find(c, key, said);
    *there = f.kind != FACT_NONE;
    if (!*there) return VS_OK;
    for (size_t i = 0; f.kind == FACT_TEXT && vs__config_word(list, i, &word, &n); i++) {
        *out = (double)i;
        if (is_one_of(&f, word, n)) return VS_OK;
    }
    if (f.kind == FACT_TEXT) snprintf(value, sizeof value, "\"%.*s\"", (int)(f.n < 40 ? f.n : 40), f.s);
    for (size_t i = 0, k = 0; vs__config_word(list, i, &word, &n); i++)
        if (*word != '-') k += (size_t)snprintf(wanted + k, sizeof wanted - k, "%s\"%.*s\"", k ? " or " : "", (int)strcspn(word, ",|"), word);
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s is %s; for %s vecscope has %s", c->where, said, value, c->arch->name, wanted);
}

static vs_status read_number(vs_err *err, const vs_config *c, const vs_hp_row *row, double *out) {
    const char *const *keys = c->gguf ? row->gguf : row->hub;
    size_t n_keys = c->gguf ? sizeof row->gguf / sizeof *row->gguf : sizeof row->hub / sizeof *row->hub;
    const char *words = vs__hp_rows[row->hp].words;
    bool listed = false; /* a list says it, layer by layer */
    for (size_t i = 0; i < n_keys && keys[i]; i++) {
        char key[KEY_MAX];
        if (strchr(keys[i], '=')) {
            bool there;
            VS_TRY(read_word(err, c, keys[i], out, &there));
            if (there) return VS_OK;
            continue;
        }
        fact f = find(c, keys[i], key);
        vs__hp_kind kind = vs__hp_rows[row->hp].kind;
        if (f.json && json_is_null(f.json) && (kind == VS__HP_MAYBE || kind == VS__HP_CAP || kind == VS__HP_TOKEN)) {
            *out = kind == VS__HP_TOKEN ? VS_HP_NO_TOKEN : 0;
            return VS_OK;
        }
        if (f.kind == FACT_LIST && row->hp == VS_HP_WINDOW_PATTERN) listed = true;
        if (f.kind == FACT_NONE || listed) continue;
        const char *want = f.kind == (kind == VS__HP_FLAG ? FACT_FLAG : FACT_NUMBER) ? wrong_number(kind, f.num)
                           : kind == VS__HP_FLAG                                     ? "true or false"
                                                                                 : "a number";
        if (want) {
            char value[40] = "";
            if (f.kind == FACT_NUMBER) snprintf(value, sizeof value, " is %.17g, which", f.num);
            return vs_fail(err, VS_E_FORMAT, "%s: %s (%s)%s is not %s", c->where, key, words, value, want);
        }
        *out = kind == VS__HP_CAP && f.num >= VS__NO_CAP ? 0 : f.num;
        return VS_OK;
    }
    *out = c->gguf ? row->gguf_fallback : row->hub_fallback;
    if (*out == VS_HP_NEEDED && listed) *out = 0;
    if (*out != VS_HP_NEEDED) return VS_OK;
    char key[KEY_MAX];
    return vs_fail(err, VS_E_FORMAT, "%s: no %s (%s)", c->where, vs__fill(keys[0], c->arch->gguf_name, key, sizeof key),
                   words);
}

vs_status vs__config_numbers(vs_err *err, const vs_config *c, double hp[VS_HP_COUNT], double local[VS_HP_COUNT]) {
    for (int i = 0; i < VS_HP_COUNT; i++) hp[i] = vs__hp_rows[i].absent;
    for (const vs_hp_row *row = c->arch->hps; row->hp != VS_HP_COUNT; row++) VS_TRY(read_number(err, c, row, &hp[row->hp]));
    for (const vs_hp_case *k = c->arch->cases; k && k->hp != VS_HP_COUNT; k++)
        if (hp[k->hp] == VS_HP_DERIVED && hp[k->when] == k->is) hp[k->hp] = k->value;
    for (int i = 0; i < VS_HP_COUNT; i++) local[i] = i >= VS_HP_ROPE_KIND && i <= VS_HP_ROPE_DIMS ? vs__hp_rows[i].absent : hp[i];
    for (const vs_hp_row *row = c->arch->hps_local; row && row->hp != VS_HP_COUNT; row++)
        VS_TRY(read_number(err, c, row, &local[row->hp]));
    return VS_OK;
}

vs_status vs__config_factors(vs_err *err, const vs_config *c, const vs_hp_row *rows, const char *name, size_t n, float *out) {
    while (rows->hp != VS_HP_ROPE_KIND) rows++;
    const char *kind = rows->hub[0];
    char key[KEY_MAX], said[KEY_MAX];
    snprintf(key, sizeof key, "%.*s%s", (int)(strstr(kind, "rope_type") - kind), kind, name);
    fact list = find(c, key, said);
    if (list.kind != FACT_LIST || list.n != n)
        return vs_fail(err, VS_E_FORMAT, "%s: %s (what each rotary angle is divided by) is no list of %zu numbers", c->where, said, n);
    for (size_t i = 0; i < n; i++) {
        fact f = fact_at(&list, i);
        out[i] = f.kind == FACT_NUMBER ? (float)f.num : 0;
        if (!(out[i] > 0 && out[i] <= 1e30f))
            return vs_fail(err, VS_E_FORMAT, "%s: %s: entry %zu is no positive number", c->where, said, i);
    }
    return VS_OK;
}

/* Hugging Face's names of non-linearities (its ACT2FN table).  steep: of x times this, over it; 0: 1. */
static const struct {
    const char *name;
    vs_act act;
    float steep;
} acts[] = {
    {"gelu_tanh", VS_ACT_GELU_TANH, 0}, {"gelu_pytorch_tanh", VS_ACT_GELU_TANH, 0}, {"gelu_new", VS_ACT_GELU_TANH, 0},
    {"gelu", VS_ACT_GELU, 0},           {"relu", VS_ACT_RELU, 0},                   {"silu", VS_ACT_SILU, 0},
    {"swish", VS_ACT_SILU, 0},          {"tanh", VS_ACT_TANH, 0},                   {"gelu_fast", VS_ACT_GELU_TANH, 0},
    {"gelu_python", VS_ACT_GELU, 0},    {"gelu_accurate", VS_ACT_GELU_TANH, 0},     {"gelu_python_tanh", VS_ACT_GELU_TANH, 0},
    {"quick_gelu", VS_ACT_SILU, 1.702f}, /* x / (1 + exp(-1.702 x)) (Hendrycks & Gimpel 2016) */
};

const char *vs__act_name(vs_act a, float steep) {
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (acts[i].act == a && (acts[i].steep > 0 ? acts[i].steep : 1) == steep) return acts[i].name;
    return "?";
}

/* Which row a text names; T5 puts gated- in front where MLPs have a gate, and means gelu_new by gated-gelu. */
static bool find_act(const fact *f, size_t *row) {
    static const char gated[] = "gated-";
    enum { SKIP = sizeof gated - 1 };
    fact name = *f;
    if (f->kind == FACT_TEXT && f->n > SKIP && memcmp(f->s, gated, SKIP) == 0) name.s += SKIP, name.n -= SKIP;
    if (name.s != f->s && text_is(&name, "gelu")) name.s = "gelu_new", name.n = strlen(name.s);
    for (*row = 0; *row < sizeof acts / sizeof *acts; ++*row)
        if (text_is(&name, acts[*row].name)) return true;
    return false;
}

vs_status vs__config_act(vs_err *err, const vs_config *c, const vs_stack *s, vs_act *out, float *steep) {
    *out = s->act;
    *steep = 1;
    for (size_t k = 0; !c->gguf && k < 2 && c->arch->hub_act[k]; k++) {
        char said[KEY_MAX];
        fact f = find(c, c->arch->hub_act[k], said);
        size_t i;
        if (f.kind == FACT_NONE) continue;
        if (find_act(&f, &i)) {
            *out = acts[i].act;
            if (acts[i].steep > 0) *steep = acts[i].steep;
            return VS_OK;
        }
        if (f.kind != FACT_TEXT)
            return vs_fail(err, VS_E_FORMAT, "%s: %s is not the name of a non-linearity", c->where, c->arch->hub_act[k]);
        char names[256] = "";
        for (size_t a = 0, n = 0; a < sizeof acts / sizeof *acts && n < sizeof names; a++)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", a ? ", " : "", acts[a].name);
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s is \"%.*s\"; vecscope has the non-linearities %s", c->where,
                       c->arch->hub_act[k], (int)(f.n < 40 ? f.n : 40), f.s, names);
    }
    return VS_OK;
}

/* The list that says which layers have a window: words in config.json, flags in newer GGUF files. */
static fact window_list(const vs_config *c) {
    const char *key = c->arch->hub_layer_types;
    if (c->gguf) {
        key = NULL;
        for (const vs_hp_row *row = c->arch->hps; row->hp != VS_HP_COUNT; row++)
            if (row->hp == VS_HP_WINDOW_PATTERN) key = row->gguf[0];
    }
    char said[KEY_MAX];
    return key ? find(c, key, said) : (fact){0};
}

static vs_status layer_type(vs_err *err, const vs_config *c, size_t l, const fact *f, bool *windowed) {
    *windowed = text_is(f, "sliding_attention") || text_is(f, "local") || (f->kind == FACT_FLAG && f->num == 1);
    if (*windowed || text_is(f, "full_attention") || text_is(f, "global") || f->kind == FACT_FLAG) return VS_OK;
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: layer %zu is neither \"sliding_attention\" nor \"full_attention\"", c->where, l);
}

static vs_status wrong_count(vs_err *err, const vs_config *c, size_t n, size_t L) {
    return vs_fail(err, VS_E_FORMAT, "%s: the list of layer types has %zu entries, the model %zu layers", c->where, n, L);
}

vs_status vs__config_windowed(vs_err *err, const vs_config *c, size_t L, double pattern, double from, bool *windowed) {
    fact list = window_list(c);
    if (list.kind != FACT_LIST && list.kind != FACT_NONE && !(c->gguf && list.kind == FACT_NUMBER))
        return vs_fail(err, VS_E_FORMAT, "%s: what says which layers have a window is no list of %zu", c->where, L);
    if (list.kind != FACT_LIST) {
        size_t every = (size_t)pattern;
        for (size_t l = 0; l < L; l++) windowed[l] = (double)l >= from && (!every || (l + 1) % every != 0);
        return VS_OK;
    }
    size_t l = 0;
    for (size_t i = 0; i < list.n; i++) {
        fact entry = fact_at(&list, i), types = {.kind = FACT_NONE}, times = types;
        if (entry.kind == FACT_LIST && entry.n == 2 && entry.json) types = fact_at(&entry, 0), times = fact_at(&entry, 1);
        bool group = types.kind == FACT_LIST && types.n && times.kind == FACT_NUMBER; /* GPT-Neo: types, how many times */
        for (size_t k = 0; group ? (double)k < times.num * (double)types.n : k < 1; k++, l++) {
            if (l == L) return wrong_count(err, c, group ? l + 1 : list.n, L);
            fact type = group ? fact_at(&types, k % types.n) : entry;
            VS_TRY(layer_type(err, c, l, &type, &windowed[l]));
        }
    }
    return l == L ? VS_OK : wrong_count(err, c, l, L);
}

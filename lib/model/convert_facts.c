/* convert_facts.c - what a model says of itself, in the words of the other format: the rows of its family (arch.h) written
 * rather than read. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/json.h"
#include "../io/hub.h"
#include "../text/save.h"
#include "convert_impl.h"
#include "rope.h"

enum { KEY = 128, TOKENIZER_CONFIG = 16 << 20 };
#define CHAT_KEY "tokenizer.chat_template"
#define CHAT_FILE "chat_template.jinja"

/* Numbers that are written whole where they are whole; other reals are written as such. */
static bool is_whole(vs_hp hp, double x) {
    return vs__hp_rows[hp].kind <= VS__HP_INDEX || (hp == VS_HP_QUERY_SCALE && x == floor(x));
}

bool vs__convert_windowed(const vs_model *m) {
    bool any = false;
    for (size_t l = 0; l < m->stack[0].L; l++) any |= m->stack[0].layer[l].window > 0;
    return any;
}

/* How the layers turn whose numbers are hp. */
static const vs_rotation *rotation_of(const vs_model *m, const double *hp) {
    return hp == m->hp ? &m->stack[0].full : &m->stack[0].local;
}

/* A number as a file says it: how much of a head rotates is one of two, whichever its format has. */
static double value_of(const vs__conversion *c, const double *hp, vs_hp which) {
    const vs_model *m = c->m;
    const vs_rotation *r = rotation_of(m, hp);
    switch (which) {
    case VS_HP_WINDOW_USED: return vs__convert_windowed(m);
    case VS_HP_SCORE_CAP:
    case VS_HP_LOGIT_CAP: return hp[which] > 0 ? hp[which] : VS__NO_CAP;
    case VS_HP_ROPE_KIND: return hp[which] == VS_ROPE_LINEAR && hp[VS_HP_ROPE_FACTOR] == 1 ? VS_ROPE_PLAIN : hp[which];
    case VS_HP_ROPE_DIMS: return (double)r->dims;
    case VS_HP_ROPE_SHARE: return (double)r->dims / (double)m->info.stack[0].dh;
    case VS_HP_ROPE_GAIN: return (double)r->gain;
    case VS_HP_ROPE_MORE: /* in GGUF something follows from the factor for YaRN alone */
        return (double)r->gain / vs__yarn_gain(hp[VS_HP_ROPE_KIND] == VS_ROPE_YARN ? hp[VS_HP_ROPE_FACTOR] : 1, 1);
    default: return hp[which];
    }
}

/* Whether a number is worth a key.  One that is not there (a limit or cap of 0) is left out, and so is one that says that
 * something is not done: no division of the angles, no windows. */
static bool is_said(const vs__conversion *c, const double *hp, const vs_hp_row *row, double fallback) {
    double x = value_of(c, hp, row->hp);
    vs_rope_kind kind = (vs_rope_kind)value_of(c, hp, VS_HP_ROPE_KIND);
    bool yarn = kind == VS_ROPE_YARN, lists = kind == VS_ROPE_LONG, llama3 = kind == VS_ROPE_LLAMA3;
    switch (row->hp) {
    case VS_HP_ROPE_KIND: return !c->gguf || kind != VS_ROPE_PLAIN;
    case VS_HP_ROPE_FACTOR: return yarn || (c->gguf ? kind == VS_ROPE_LINEAR : !lists && kind != VS_ROPE_PLAIN);
    case VS_HP_ROPE_SHARE: return x > 0 && x != fallback;
    case VS_HP_ROPE_CONTEXT: return yarn || lists || (llama3 && !c->gguf);
    case VS_HP_ROPE_LOW:
    case VS_HP_ROPE_HIGH: return llama3;
    case VS_HP_YARN_FAST:
    case VS_HP_YARN_SLOW: return yarn && x > 0;
    case VS_HP_YARN_WHOLE: return yarn && x == 0;
    case VS_HP_ROPE_GAIN: return yarn || lists;
    case VS_HP_ROPE_MORE: return fabs(x - 1) > 1e-7;
    case VS_HP_YARN_GAIN_OF: /* their quotient is said instead */
    case VS_HP_YARN_GAIN_PER: return false;
    case VS_HP_SCORE_CAP:
    case VS_HP_LOGIT_CAP: return hp[row->hp] > 0 || fallback > 0;
    case VS_HP_FIXED: return false; /* said with the tokenizer's other tokens */
    case VS_HP_START: return true;
    case VS_HP_WINDOW: return vs__convert_windowed(c->m);
    case VS_HP_WINDOW_PATTERN: return vs__convert_windowed(c->m) && (row->gguf[0] || x > 0);
    default: return vs__hp_rows[row->hp].kind == VS__HP_FLAG || x > 0;
    }
}

/* The word by which a key "key=word|word" says x, into word; the key without them into key.  false: there is no such word. */
static bool said_by_word(const char *list, double x, char key[KEY], char word[KEY]) {
    const char *at;
    size_t n;
    if (!vs__config_word(list, (size_t)x, &at, &n) || *at == '-') return false;
    snprintf(key, KEY, "%.*s", (int)(strchr(list, '=') - list), list);
    snprintf(word, KEY, "%.*s", (int)strcspn(at, ",|"), at);
    return true;
}

/* ---- rows of what a family says ---- */

static bool holds(const vs_model *m, const vs_say *say) {
    const vs_stack_state *s = &m->stack[0];
    if (!s->w[say->with].t.data && !s->layer[0].w[say->with].t.data) return false;
    return say->part < VS_PART_HEAD || m->has[say->part];
}

const vs_say *vs__convert_said(const vs_model *m, const vs_say *all, const char *key) {
    for (const vs_say *s = all; s && s->key; s++)
        if (!strcmp(s->key, key) && holds(m, s)) return s;
    return NULL;
}

/* Whether a row is a key to be written: it counts, and is not the name of a tensor. */
static bool is_key(const vs_model *m, const vs_say *all, const vs_say *s) {
    return !strstr(s->key, "%d") && vs__convert_said(m, all, s->key) == s;
}

/* ---- GGUF ---- */

static const char *gguf_key(const vs__conversion *c, const char *pattern, char buf[KEY]) {
    return vs__fill(pattern, c->arch->gguf_name, buf, KEY);
}

static vs_status put_text(vs_err *err, vs_writer *w, const char *key, const char *s) {
    vs_meta_text text = {s, strlen(s)};
    return vs_writer_meta(err, w, key, VS_META_STR, &text);
}

static vs_status put_number(vs_err *err, vs_writer *w, const char *key, vs_hp hp, double x) {
    uint32_t whole = (uint32_t)x;
    float real = (float)x;
    bool flag = x != 0;
    if (vs__hp_rows[hp].kind == VS__HP_FLAG) return vs_writer_meta(err, w, key, VS_META_BOOL, &flag);
    if (vs__hp_rows[hp].kind <= VS__HP_INDEX) return vs_writer_meta(err, w, key, VS_META_UINT, &whole);
    return vs_writer_meta(err, w, key, VS_META_FLOAT, &real);
}

static vs_status put_said(vs_err *err, vs_writer *w, const char *key, const char *json) {
    if (*json == '"') {
        vs_meta_text text = {json + 1, strlen(json) - 2};
        return vs_writer_meta(err, w, key, VS_META_STR, &text);
    }
    bool flag = *json == 't';
    if (flag || *json == 'f') return vs_writer_meta(err, w, key, VS_META_BOOL, &flag);
    char *end;
    uint32_t whole = (uint32_t)strtoul(json, &end, 10);
    float real = strtof(json, NULL);
    if (!*end) return vs_writer_meta(err, w, key, VS_META_UINT, &whole);
    return vs_writer_meta(err, w, key, VS_META_FLOAT, &real);
}

/* Which layers have a window, where that is not every n-th: a truth value each. */
static vs_status put_windows(vs_err *err, const vs__conversion *c, vs_writer *w, const char *key) {
    const vs_stack_state *s = &c->m->stack[0];
    bool *windowed = vs_zalloc(s->L, sizeof *windowed);
    if (!windowed) return vs_fail(err, VS_E_NOMEM, "%s: %zu layers", c->to, s->L);
    for (size_t l = 0; l < s->L; l++) windowed[l] = s->layer[l].window > 0;
    vs_status st = vs_writer_meta_array(err, w, key, VS_META_BOOL, windowed, s->L);
    vs_free(windowed);
    return st;
}

static bool regular(const vs_model *m) {
    const vs_stack_state *s = &m->stack[0];
    size_t every = m->hp[VS_HP_WINDOW_PATTERN] >= 1 ? (size_t)m->hp[VS_HP_WINDOW_PATTERN] : 1;
    for (size_t l = 0; l < s->L; l++)
        if ((s->layer[l].window > 0) != ((l + 1) % every != 0)) return false;
    return true;
}

/* One number, under each of its keys. */
static vs_status put_row(vs_err *err, const vs__conversion *c, vs_writer *w, const double *hp, const vs_hp_row *row) {
    char key[KEY], name[KEY], word[KEY];
    double x = value_of(c, hp, row->hp);
    for (size_t i = 0; i < sizeof row->gguf / sizeof *row->gguf && row->gguf[i]; i++) {
        if (strchr(row->gguf[i], '=')) {
            if (said_by_word(row->gguf[i], x, name, word)) VS_TRY(put_text(err, w, gguf_key(c, name, key), word));
            continue;
        }
        gguf_key(c, row->gguf[i], key);
        if (row->hp == VS_HP_WINDOW_PATTERN && !regular(c->m)) return put_windows(err, c, w, key);
        VS_TRY(put_number(err, w, key, row->hp, x));
    }
    return VS_OK;
}

static vs_status put_numbers(vs_err *err, const vs__conversion *c, vs_writer *w) {
    char key[KEY];
    const vs_say *says = c->arch->gguf_says;
    for (const vs_hp_row *row = c->arch->hps; row->hp != VS_HP_COUNT; row++)
        if (is_said(c, c->m->hp, row, row->gguf_fallback)) VS_TRY(put_row(err, c, w, c->m->hp, row));
    for (const vs_hp_row *row = c->arch->hps_local; row && row->hp != VS_HP_COUNT; row++)
        if (is_said(c, c->m->local_hp, row, row->gguf_fallback)) VS_TRY(put_row(err, c, w, c->m->local_hp, row));
    for (const vs_say *s = says; s && s->key; s++)
        if (is_key(c->m, says, s)) VS_TRY(put_said(err, w, gguf_key(c, s->key, key), s->json));
    return VS_OK;
}

/* llama.cpp's number of what most of a file's weights are. */
static vs_status put_file_type(vs_err *err, const vs__conversion *c, vs_writer *w) {
    static const struct {
        vs_dtype type;
        uint32_t number;
    } of[] = {{VS_F32, 0},  {VS_F16, 1},  {VS_Q4_0, 2},  {VS_Q4_1, 3},    {VS_Q8_0, 7},   {VS_Q5_0, 8},
              {VS_Q5_1, 9}, {VS_BF16, 32}, {VS_TQ1_0, 36}, {VS_TQ2_0, 37}, {VS_MXFP4, 38}};
    vs_dtype type = c->typed ? c->type : c->widest;
    uint32_t version = 2;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (of[i].type == type) VS_TRY(vs_writer_meta(err, w, "general.file_type", VS_META_UINT, &of[i].number));
    return vs_writer_meta(err, w, "general.quantization_version", VS_META_UINT, &version);
}

/* How one vector is made of a text, in llama.cpp's numbers. */
static vs_status put_pooling(vs_err *err, const vs__conversion *c, vs_writer *w) {
    char key[KEY];
    vs_pool pool = c->m->info.pool;
    uint32_t kind = pool == VS_POOL_MEAN ? 1 : pool == VS_POOL_CLS ? 2 : pool == VS_POOL_LAST ? 3 : 0;
    if (c->m->stack[0].spec->causal || c->m->info.n_stacks > 1 || !kind) return VS_OK;
    return vs_writer_meta(err, w, gguf_key(c, "%s.pooling_type", key), VS_META_UINT, &kind);
}

/* The template of a conversation, from tokenizer_config.json or a file of its own. */
static vs_status put_chat_template(vs_err *err, const vs__conversion *c, vs_writer *w) {
    char path[4096];
    json_t *j = NULL;
    vs_map map;
    snprintf(path, sizeof path, "%s/tokenizer_config.json", c->m->hub->dir);
    if (access(path, R_OK) == 0 && vs_json_read(NULL, path, TOKENIZER_CONFIG, &j) != VS_OK) j = NULL;
    const json_t *text = json_object_get(j, "chat_template");
    vs_meta_text span = {json_string_value(text), json_string_length(text)};
    vs_status s = json_is_string(text) ? vs_writer_meta(err, w, CHAT_KEY, VS_META_STR, &span) : VS_OK;
    bool found = json_is_string(text);
    json_decref(j);
    snprintf(path, sizeof path, "%s/" CHAT_FILE, c->m->hub->dir);
    if (s != VS_OK || found || access(path, R_OK) != 0) return s;
    VS_TRY(vs_map_open(err, path, &map));
    span = (vs_meta_text){map.size ? (const char *)map.bytes : "", map.size};
    s = vs_writer_meta(err, w, CHAT_KEY, VS_META_STR, &span);
    vs_map_close(&map);
    return s;
}

/* ---- the tokenizer, into GGUF ---- */

static vs_status put_texts(vs_err *err, vs_writer *w, const char *key, const char *const *s, const uint32_t *len, size_t n) {
    vs_meta_text *text = vs_alloc(n, sizeof *text);
    if (!text) return vs_fail(err, VS_E_NOMEM, "no memory for %s", key);
    for (size_t i = 0; i < n; i++) text[i] = (vs_meta_text){s[i], len[i]};
    vs_status st = vs_writer_meta_array(err, w, key, VS_META_STR, text, n);
    vs_free(text);
    return st;
}

static vs_status put_vocab(vs_err *err, vs_writer *w, const vs_vocab_source *v) {
    const struct {
        const char *key;
        int32_t id;
    } ids[] = {
        {"tokenizer.ggml.bos_token_id", v->bos},       {"tokenizer.ggml.eos_token_id", v->eos},
        {"tokenizer.ggml.unknown_token_id", v->unk},   {"tokenizer.ggml.padding_token_id", v->pad},
        {"tokenizer.ggml.seperator_token_id", v->sep}, {"tokenizer.ggml.cls_token_id", v->cls},
        {"tokenizer.ggml.mask_token_id", v->mask},
    };
    VS_TRY(put_text(err, w, "tokenizer.ggml.model", v->model));
    if (*v->pre) VS_TRY(put_text(err, w, "tokenizer.ggml.pre", v->pre));
    VS_TRY(put_texts(err, w, "tokenizer.ggml.tokens", v->piece, v->piece_len, v->count));
    if (v->score) VS_TRY(vs_writer_meta_array(err, w, "tokenizer.ggml.scores", VS_META_FLOAT, v->score, v->count));
    VS_TRY(vs_writer_meta_array(err, w, "tokenizer.ggml.token_type", VS_META_INT, v->type, v->count));
    if (v->merge) VS_TRY(put_texts(err, w, "tokenizer.ggml.merges", v->merge, v->merge_len, v->merge_count));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        uint32_t id = (uint32_t)ids[i].id;
        if (ids[i].id >= 0) VS_TRY(vs_writer_meta(err, w, ids[i].key, VS_META_UINT, &id));
    }
    const struct {
        const char *key;
        int flag; /* -1: not said */
    } flags[] = {
        {"tokenizer.ggml.add_bos_token", v->add_bos},
        {"tokenizer.ggml.add_eos_token", v->add_eos},
        {"tokenizer.ggml.add_space_prefix", v->add_space_prefix},
        {"tokenizer.ggml.remove_extra_whitespaces", v->remove_extra_whitespaces},
        {"tokenizer.ggml.normalizer.lowercase", v->lowercase},
        {"tokenizer.ggml.normalizer.strip_accents", v->strip_accents},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        bool flag = flags[i].flag == 1;
        if (flags[i].flag >= 0) VS_TRY(vs_writer_meta(err, w, flags[i].key, VS_META_BOOL, &flag));
    }
    if (!v->charsmap) return VS_OK;
    return vs_writer_bytes(err, w, "tokenizer.ggml.precompiled_charsmap", v->charsmap, v->charsmap_len);
}

/* Whether GGUF's words for a tokenizer say all of it. */
static vs_status says_all(vs_err *err, const vs_tokenizer *t, const vs_vocab_source *v, bool *all) {
    vs_tokenizer *again;
    vs_status s = vs_tokenizer_from_vocab(err, v, &again);
    *all = false;
    if (s != VS_OK) return s == VS_E_NOMEM ? s : VS_OK;
    s = vs_tokenizers_agree(err, t, again, all);
    vs_tokenizer_free(again);
    return s;
}

/* The ids of config.json, where it has them, are the model's own; but what the tokenizer puts around a text is as it does. */
static void use_config_ids(const vs__conversion *c, vs_vocab_source *v) {
    const struct {
        const char *key;
        int32_t *id;
        bool fixed;
    } ids[] = {{"bos_token_id", &v->bos, v->add_bos == 1}, {"eos_token_id", &v->eos, v->add_eos == 1}, {"pad_token_id", &v->pad, false}};
    json_t *j;
    if (vs_json_parse(NULL, "", c->m->hub->config, c->m->hub->config_size, c->m->hub->config_size + 1, &j) != VS_OK) return;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const json_t *x = json_object_get(j, ids[i].key);
        if (json_is_array(x)) x = json_array_get(x, 0);
        if (!ids[i].fixed && json_is_integer(x) && json_integer_value(x) >= 0 && json_integer_value(x) < (json_int_t)v->count)
            *ids[i].id = (int32_t)json_integer_value(x);
    }
    json_decref(j);
}

/* The model's name, with a blank where llama.cpp would not open one of that name. */
static vs_status put_name(vs_err *err, const vs__conversion *c, vs_writer *w, const vs_vocab_source *v) {
    vs_buf b = {0};
    const char *s = c->m->info.name;
    for (size_t n; (n = vs_vocab_name_clash(v, s)) < strlen(s); s += n) {
        vs_buf_put(&b, s, n);
        vs_buf_puts(&b, " ");
    }
    vs_buf_puts(&b, s);
    vs_status st = b.failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory for its name", c->to) : put_text(err, w, "general.name", b.s ? b.s : "");
    vs_buf_free(&b);
    return st;
}

static vs_status put_tokenizer(vs_err *err, vs__conversion *c, vs_writer *w, vs_arena *arena) {
    const vs_tokenizer *t;
    vs_vocab_source v = {0};
    bool all = false;
    if (!c->m->hub->tokenizer) {
        VS_TRY(put_name(err, c, w, &v));
        return put_text(err, w, "tokenizer.ggml.model", "none");
    }
    VS_TRY(vs_model_tokenizer(err, c->m, &t));
    vs_err why = {0};
    vs_status s = vs_tokenizer_vocab(&why, t, c->m->info.V, arena, &v);
    if (s == VS_E_UNSUPPORTED) {
        vs__convert_note(c, "GGUF has no words for its tokenizer (%s): only programs that read %s have it", why.msg, VS__JSON_KEY);
        v = (vs_vocab_source){0};
        VS_TRY(put_name(err, c, w, &v));
        VS_TRY(put_text(err, w, "tokenizer.ggml.model", "none"));
    } else if (s != VS_OK)
        return vs_fail(err, s, "%s: %s", c->to, why.msg);
    else {
        use_config_ids(c, &v);
        VS_TRY(put_name(err, c, w, &v));
        VS_TRY(put_vocab(err, w, &v));
        VS_TRY(says_all(err, t, &v, &all));
    }
    if (all) return VS_OK;
    vs_map map;
    VS_TRY(vs_map_open(err, c->m->hub->tokenizer, &map));
    vs_meta_text text = {(const char *)map.bytes, map.size};
    s = vs_writer_meta(err, w, VS__JSON_KEY, VS_META_STR, &text);
    vs_map_close(&map);
    return s;
}

/* What readers of a GGUF file may not see as it was. */
static void note_differences(vs__conversion *c) {
    const vs_stack_state *s = &c->m->stack[0];
    size_t window = 0;
    bool scaled = false;
    for (size_t l = 0; l < s->L; l++) {
        scaled |= fabsf(vs__convert_times(c, 0, s->layer[l].w[VS_ROLE_Q_NORM].t.data ? VS_ROLE_Q_NORM : VS_ROLE_WQ, l) - 1) > 0;
        if (s->layer[l].window) window = s->layer[l].window;
    }
    if (scaled) vs__convert_note(c, "GGUF cannot say how its scores are scaled: the queries are multiplied by it instead");
    if (window && window < c->m->info.context && c->arch->gguf_no_window)
        vs__convert_note(c, "llama.cpp has no windows in %s files: it predicts the same for texts of up to %zu tokens",
                         c->arch->gguf_name, window);
}

vs_status vs__convert_meta(vs_err *err, vs__conversion *c, vs_writer *w) {
    VS_TRY(put_text(err, w, "general.architecture", c->arch->gguf_name));
    if (c->typed || !c->same) VS_TRY(put_file_type(err, c, w));
    if (c->same) return vs_writer_copy_meta(err, w, c->file);
    note_differences(c);
    VS_TRY(put_text(err, w, "general.type", "model"));
    VS_TRY(put_numbers(err, c, w));
    VS_TRY(put_pooling(err, c, w));
    VS_TRY(put_chat_template(err, c, w));
    vs_arena arena = {0};
    vs_status s = put_tokenizer(err, c, w, &arena);
    vs_arena_free(&arena);
    return s;
}

/* ---- the hub's config.json ---- */

/* Put a value at a dotted path; takes it over. */
static bool put_path(json_t *j, const char *path, json_t *value) {
    char step[KEY];
    for (;;) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof step) break;
        memcpy(step, path, n);
        step[n] = '\0';
        if (!path[n]) return json_object_set_new(j, step, value) == 0;
        json_t *inner = json_object_get(j, step);
        if (!inner && json_object_set_new(j, step, inner = json_object()) != 0) break;
        j = inner;
        path += n + 1;
    }
    json_decref(value);
    return false;
}

static json_t *number_json(vs_hp hp, double x) {
    if (vs__hp_rows[hp].kind == VS__HP_FLAG) return json_boolean(x != 0);
    if (vs__hp_rows[hp].kind == VS__HP_CAP && x >= VS__NO_CAP) return json_null();
    if (is_whole(hp, x)) return json_integer((json_int_t)x);
    char text[32]; /* GGUF keeps f32: the shortest number that is the same f32 is the one that was meant */
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if ((float)strtod(text, NULL) == (float)x) break;
    }
    return json_real(strtod(text, NULL));
}

/* The name of a non-linearity that every version of transformers knows. */
static const char *act_name(vs_act a, float steep) { return a == VS_ACT_GELU_TANH ? "gelu_pytorch_tanh" : vs__act_name(a, steep); }

static bool put_layer_types(const vs__conversion *c, json_t *j) {
    const vs_stack_state *s = &c->m->stack[0];
    if (!s->spec->local || !c->arch->hub_layer_types) return true;
    json_t *list = json_array();
    for (size_t l = 0; list && l < s->L; l++)
        (void)json_array_append_new(list, json_string(s->layer[l].window ? "sliding_attention" : "full_attention"));
    return list && put_path(j, c->arch->hub_layer_types, list);
}

static bool put_ids(const vs_model *m, json_t *j) {
    static const struct {
        const char *gguf, *hub;
    } ids[] = {{"tokenizer.ggml.bos_token_id", "bos_token_id"},
               {"tokenizer.ggml.eos_token_id", "eos_token_id"},
               {"tokenizer.ggml.padding_token_id", "pad_token_id"}};
    bool ok = true;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        vs_meta v = vs_file_meta(m->file, ids[i].gguf);
        bool number = v.type == VS_META_UINT || v.type == VS_META_INT;
        ok = ok && put_path(j, ids[i].hub, number ? json_integer((json_int_t)v.f) : json_null());
    }
    return ok;
}

static const char *dtype_words(vs_dtype t) {
    return t == VS_F32 ? "float32" : t == VS_F16 ? "float16" : t == VS_BF16 ? "bfloat16" : "float32";
}

/* The lists of LongRoPE, beside the word for it. */
static bool put_lists(json_t *j, const char *kind, const vs_rotation *r) {
    bool ok = true;
    for (int k = 0; k < 2 && r->by_longer; k++) {
        const float *by = k ? r->by_longer : r->by;
        char path[KEY];
        json_t *list = json_array();
        for (size_t i = 0; list && i < r->dims / 2; i++) (void)json_array_append_new(list, number_json(VS_HP_ROPE_FACTOR, (double)by[i]));
        snprintf(path, sizeof path, "%.*s%s", (int)(strstr(kind, "rope_type") - kind), kind, k ? "long_factor" : "short_factor");
        ok = ok && list && put_path(j, path, list);
    }
    return ok;
}

static bool fill_numbers(const vs__conversion *c, json_t *j, const double *hp, const vs_hp_row *row) {
    bool ok = true;
    char key[KEY], word[KEY];
    for (; row && row->hp != VS_HP_COUNT; row++) {
        double x = value_of(c, hp, row->hp);
        if (!row->hub[0] || !is_said(c, hp, row, row->hub_fallback)) continue;
        if (!strchr(row->hub[0], '=')) ok = ok && put_path(j, row->hub[0], number_json(row->hp, x));
        else if (said_by_word(row->hub[0], x, key, word)) ok = ok && put_path(j, key, json_string(word));
        if (row->hp == VS_HP_ROPE_KIND) ok = ok && put_lists(j, row->hub[0], rotation_of(c->m, hp));
    }
    return ok;
}

static bool fill_config(const vs__conversion *c, json_t *j) {
    const vs_arch *a = c->arch;
    bool ok = true;
    for (const vs_say *s = a->hub_says; s && s->key; s++)
        if (is_key(c->m, a->hub_says, s)) ok = ok && put_path(j, s->key, json_loads(s->json, JSON_DECODE_ANY, NULL));
    ok = ok && fill_numbers(c, j, c->m->hp, a->hps) && fill_numbers(c, j, c->m->local_hp, a->hps_local);
    if (a->hub_act[0] && !json_object_get(j, a->hub_act[0]))
        ok = ok && put_path(j, a->hub_act[0], json_string(act_name(c->m->stack[0].act, c->m->stack[0].act_steep)));
    return ok && put_layer_types(c, j) && put_ids(c->m, j);
}

static vs_status write_config(vs_err *err, const vs__conversion *c, json_t *j) {
    bool ok = put_path(j, "dtype", json_string(dtype_words(c->widest)));
    char *text = ok ? json_dumps(j, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_REAL_PRECISION(c->same ? 17 : 9)) : NULL;
    vs_status s = text ? vs__convert_file(err, c, "config.json", text, strlen(text))
                       : vs_fail(err, VS_E_NOMEM, "%s: no memory for config.json", c->to);
    free(text);
    return s;
}

vs_status vs__convert_config(vs_err *err, vs__conversion *c) {
    json_t *j = NULL;
    if (c->same)
        VS_TRY(vs_json_parse(err, c->from, c->m->hub->config, c->m->hub->config_size, c->m->hub->config_size + 1, &j));
    else if ((j = json_object()) && !fill_config(c, j))
        json_decref(j), j = NULL;
    if (!j) return vs_fail(err, VS_E_NOMEM, "%s: no memory for config.json", c->to);
    if (c->same) json_object_del(j, "torch_dtype");
    vs_status s = write_config(err, c, j);
    json_decref(j);
    return s;
}

/* ---- the hub's tokenizer ---- */

static void put_token(vs_buf *b, const char *name, const vs_vocab_source *v, int32_t id) {
    if (id < 0) return;
    vs_buf_printf(b, ",\n  \"%s\": ", name);
    vs_json_quote(b, v->piece[id], v->piece_len[id]);
}

static vs_status write_buf(vs_err *err, const vs__conversion *c, const char *name, vs_buf *b) {
    vs_status s = b->failed ? vs_fail(err, VS_E_NOMEM, "%s: no memory for %s", c->to, name)
                            : vs__convert_file(err, c, name, b->s, b->len);
    vs_buf_free(b);
    return s;
}

static vs_status write_tokenizer_config(vs_err *err, const vs__conversion *c, const vs_vocab_source *v) {
    vs_buf b = {0};
    vs_buf_printf(&b, "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"clean_up_tokenization_spaces\": false,\n"
                      "  \"model_max_length\": %zu", c->m->info.context);
    put_token(&b, "bos_token", v, v->bos);
    put_token(&b, "eos_token", v, v->eos);
    put_token(&b, "unk_token", v, v->unk);
    put_token(&b, "pad_token", v, v->pad);
    put_token(&b, "sep_token", v, v->sep);
    put_token(&b, "cls_token", v, v->cls);
    put_token(&b, "mask_token", v, v->mask);
    vs_meta chat = vs_file_meta(c->m->file, CHAT_KEY);
    if (chat.type == VS_META_STR) {
        vs_buf_puts(&b, ",\n  \"chat_template\": ");
        vs_json_quote(&b, chat.s, chat.n);
    }
    vs_buf_puts(&b, "\n}\n");
    return write_buf(err, c, "tokenizer_config.json", &b);
}

static vs_status copy_file(vs_err *err, const vs__conversion *c, const char *name) {
    char path[4096];
    vs_map map;
    snprintf(path, sizeof path, "%s/%s", c->m->hub->dir, name);
    if (access(path, R_OK) != 0) return VS_OK;
    VS_TRY(vs_map_open(err, path, &map));
    vs_status s = vs__convert_file(err, c, name, map.size ? (const char *)map.bytes : "", map.size);
    vs_map_close(&map);
    return s;
}

vs_status vs__convert_tokenizer(vs_err *err, vs__conversion *c) {
    static const char *const beside[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                         "generation_config.json", CHAT_FILE};
    for (size_t i = 0; c->same && i < sizeof beside / sizeof *beside; i++) VS_TRY(copy_file(err, c, beside[i]));
    if (c->same) return VS_OK;
    vs_vocab_source v;
    vs_err why = {0};
    vs_meta whole = vs_file_meta(c->m->file, VS__JSON_KEY);
    vs_status s = vs__vocab_source(&why, c->m, &v);
    if (s != VS_OK && s != VS_E_UNSUPPORTED) return vs_fail(err, s, "%s", why.msg);
    if (whole.type == VS_META_STR)
        VS_TRY(vs__convert_file(err, c, "tokenizer.json", whole.s, whole.n));
    else if (s == VS_OK) {
        vs_buf b = {0};
        s = vs_vocab_json(&why, &v, &b);
        if (s == VS_OK) return write_buf(err, c, "tokenizer.json", &b) == VS_OK ? write_tokenizer_config(err, c, &v) : err->code;
        vs_buf_free(&b);
        if (s != VS_E_UNSUPPORTED) return vs_fail(err, s, "%s: %s", c->from, why.msg);
    }
    if (whole.type == VS_META_STR && s == VS_OK) return write_tokenizer_config(err, c, &v);
    if (whole.type != VS_META_STR) vs__convert_note(c, "there is no tokenizer.json: %.100s", why.msg);
    return VS_OK;
}

/* ---- the same model? ---- */

static vs_status differs(vs_err *err, const vs__conversion *c, const char *what, double want, double found) {
    return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s cannot say all of this model: %s is %g, a reader would take %g", c->to,
                   c->gguf ? "GGUF" : "config.json", what, want, found);
}

static vs_status check_rotation(vs_err *err, const vs__conversion *c, const vs_rotation *a, const vs_rotation *b) {
    if (a->dims != b->dims) return differs(err, c, "rotating elements of a head", (double)a->dims, (double)b->dims);
    if (fabsf(a->gain - b->gain) > 1e-6f * a->gain) return differs(err, c, "gain of rotated elements", (double)a->gain, (double)b->gain);
    for (size_t i = 0; i < a->dims / 2; i++)
        if (fabsf(a->turn[i] - b->turn[i]) > 1e-6f * a->turn[i]) return differs(err, c, "rotary angles", (double)a->turn[i], (double)b->turn[i]);
    if (a->limit != b->limit || !a->longer != !b->longer)
        return differs(err, c, "length from which on texts turn otherwise", (double)a->limit, (double)b->limit);
    for (size_t i = 0; i < a->dims / 2 && a->longer; i++)
        if (fabsf(a->longer[i] - b->longer[i]) > 1e-6f * a->longer[i])
            return differs(err, c, "rotary angles of long texts", (double)a->longer[i], (double)b->longer[i]);
    return VS_OK;
}

static vs_status check_layers(vs_err *err, const vs__conversion *c, const vs_stack_state *a, const vs_stack_state *b) {
    for (size_t l = 0; l < a->L; l++) {
        const vs_layer *x = &a->layer[l], *y = &b->layer[l];
        vs_role queries = x->w[VS_ROLE_Q_NORM].t.data ? VS_ROLE_Q_NORM : VS_ROLE_WQ;
        float scale = y->score_scale * vs__convert_times(c, (int)(a - c->m->stack), queries, l);
        if (x->window != y->window) return differs(err, c, "attention windows", (double)x->window, (double)y->window);
        if (fabsf(x->score_scale - scale) > 1e-6f * x->score_scale)
            return differs(err, c, "scale of the scores", (double)x->score_scale, (double)scale);
        if (x->rotation) VS_TRY(check_rotation(err, c, x->rotation, y->rotation));
    }
    return VS_OK;
}

/* Whether the encoder of two stacks is written as a family of its own. */
static bool is_encoder_alone(const vs__conversion *c) { return c->arch->n_stacks < c->m->arch->n_stacks; }

static vs_status check_stack(vs_err *err, const vs__conversion *c, const vs_stack_state *a, const vs_stack_state *b) {
    const struct {
        const char *what;
        double want, found;
    } same[] = {
        {"number of layers", (double)a->L, (double)b->L},
        {"cap of the scores", (double)a->score_cap, (double)b->score_cap},
        {"scale of the embeddings", (double)a->embed_scale, (double)b->embed_scale},
        {"scale before the unembedding", (double)(c->untie && a->w[VS_ROLE_UNEMBED].t.data ? 1 : is_encoder_alone(c) ? b->head_scale : a->head_scale), (double)b->head_scale},
        {"epsilon of the norms", (double)a->eps, (double)b->eps},
        {"gate", a->gated, b->gated},
        {"parallel blocks", a->parallel, b->parallel},
        {"buckets of distance", (double)a->far, (double)b->far},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (fabs(same[i].want - same[i].found) > 0) return differs(err, c, same[i].what, same[i].want, same[i].found);
    if (a->act != b->act || fabsf(a->act_steep - b->act_steep) > 0)
        return vs_fail(err, VS_E_UNSUPPORTED, "%s: %s cannot say all of this model: its non-linearity is %s, a reader would take %s",
                       c->to, c->gguf ? "GGUF" : "config.json", vs__act_name(a->act, a->act_steep),
                       vs__act_name(b->act, b->act_steep));
    return check_layers(err, c, a, b);
}

/* Numbers that files say in more than one way: what follows from them is compared.  FIXED says what learns, not what is
 * computed. */
static bool is_derived(vs_hp hp) {
    return hp == VS_HP_FIXED || (hp >= VS_HP_ROPE_KIND && hp <= VS_HP_WINDOW_FROM) || (hp >= VS_HP_QUERY_SCALE && hp <= VS_HP_SCORES_BY_LAYER);
}

/* Numbers that may differ because what they are of is written otherwise, or not at all. */
static bool is_moot(const vs__conversion *c, const vs_model *made, vs_hp hp) {
    bool headless = c->m->arch->masked_head && !made->info.has_logits, alone = is_encoder_alone(c);
    switch (hp) {
    case VS_HP_TIED:
    case VS_HP_HEAD_SCALED: return c->untie || headless || alone;
    case VS_HP_L2:
    case VS_HP_H2:
    case VS_HP_F2:
    case VS_HP_START: return alone;
    default: return false;
    }
}

vs_status vs__convert_check(vs_err *err, const vs__conversion *c, const vs_model *made) {
    const vs_model *m = c->m;
    if (made->arch != c->arch)
        return vs_fail(err, VS_E_STATE, "%s: what was written opens as %s, not as %s", c->to, made->arch->name, c->arch->name);
    for (int i = 0; i < VS_HP_COUNT; i++)
        if (!is_derived((vs_hp)i) && !is_moot(c, made, (vs_hp)i) && fabs((double)((float)m->hp[i] - (float)made->hp[i])) > 0)
            return differs(err, c, vs__hp_rows[i].words, m->hp[i], made->hp[i]);
    for (int i = 0; i < m->info.n_stacks; i++) VS_TRY(check_stack(err, c, &m->stack[i], &made->stack[i]));
    return VS_OK;
}

/* ---- files ---- */

vs_status vs__convert_file(vs_err *err, const vs__conversion *c, const char *name, const char *text, size_t n) {
    char path[4096];
    int k = snprintf(path, sizeof path, "%s/%s", c->dir, name);
    if (k < 0 || (size_t)k >= sizeof path) return vs_fail(err, VS_E_IO, "%s/%s: the name is too long", c->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return vs_fail(err, VS_E_IO, "%s: cannot create: %s", path, strerror(errno));
    while (n) {
        ssize_t some = write(fd, text, n);
        if (some < 0 && errno == EINTR) continue;
        if (some < 0) break;
        text += some;
        n -= (size_t)some;
    }
    bool ok = !n && fsync(fd) == 0;
    vs_status s = ok ? VS_OK : vs_fail(err, VS_E_IO, "%s/%s: cannot write: %s", c->to, name, strerror(errno));
    close(fd);
    return s;
}

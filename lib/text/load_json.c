/* load_json.c - a tokenizer from tokenizer.json, the hub's description of the pipeline.
 *
 * Parts that are not known are named in the error; nothing is guessed. */
#include <string.h>

#include "json_read.h"

/* ---- post-processor ---- */

typedef struct slots {
    vs__slot *s;
    size_t n, cap;
} slots;

static vs_status slot_push(vs_err *err, slots *a, int32_t id, size_t type) {
    if (a->n == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 16;
        vs__slot *p = vs_grow(a->s, a->n, cap, sizeof *p);
        if (!p) return vs__json_no_memory(err);
        a->s = p;
        a->cap = cap;
    }
    a->s[a->n++] = (vs__slot){.id = id, .type = (uint8_t)type};
    return VS_OK;
}

static bool is_piece(const vs_tokenizer *t, const json_t *id) {
    long long v = json_is_integer(id) ? json_integer_value(id) : -1;
    return v >= 0 && (unsigned long long)v < t->vocab.count && t->vocab.piece[v].s;
}

/* The ids of one named special token of the template. */
static vs_status push_special(vs_err *err, vs_tokenizer *t, const json_t *specials, const char *name, size_t type,
                              slots *out) {
    const json_t *entry = json_object_get(specials, name), *ids = json_object_get(entry, "ids");
    if (!json_is_array(ids))
        return vs_fail(err, VS_E_FORMAT,
                       "post_processor: the template names '%.60s', which special_tokens does not have", name);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        if (!is_piece(t, id))
            return vs_fail(err, VS_E_RANGE, "post_processor: an id of '%.60s' is not in the vocabulary of %zu", name,
                           t->vocab.count);
        VS_TRY(slot_push(err, out, (int32_t)json_integer_value(id), type));
    }
    return VS_OK;
}

static vs_status read_template(vs_err *err, vs_tokenizer *t, const json_t *j, const char *key, slots *out) {
    const json_t *list = json_object_get(j, key), *specials = json_object_get(j, "special_tokens");
    if (!json_is_array(list))
        return vs_fail(err, VS_E_FORMAT, "post_processor.%s: want an array, it is %s", key, vs__json_kind(list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i), *special = json_object_get(item, "SpecialToken"),
                     *text = json_object_get(item, "Sequence");
        const json_t *body = special ? special : text;
        const char *id = NULL;
        size_t n = 0, type = 0;
        if (!body) return vs_fail(err, VS_E_FORMAT, "post_processor.%s[%zu]: want SpecialToken or Sequence", key, i);
        VS_TRY(vs__json_string(err, json_object_get(body, "id"), "post_processor: id", &id, &n));
        VS_TRY(vs__json_size(err, body, "type_id", "post_processor", 0, UINT8_MAX, &type));
        if (special)
            VS_TRY(push_special(err, t, specials, id, type, out));
        else if (!strcmp(id, "A") || (!strcmp(id, "B") && !strcmp(key, "pair")))
            VS_TRY(slot_push(err, out, id[0] == 'A' ? VS__SLOT_A : VS__SLOT_B, type));
        else
            return vs_fail(err, VS_E_FORMAT, "post_processor.%s[%zu]: no text is called '%.20s'", key, i, id);
    }
    return VS_OK;
}

/* "sep": ["[SEP]", 102] of BertProcessing and RobertaProcessing */
static vs_status named_id(vs_err *err, vs_tokenizer *t, const json_t *j, const char *key, int32_t *id) {
    const json_t *v = json_array_get(json_object_get(j, key), 1);
    if (!is_piece(t, v))
        return vs_fail(err, VS_E_FORMAT, "post_processor.%s: want [token, id] with an id of the vocabulary", key);
    *id = (int32_t)json_integer_value(v);
    return VS_OK;
}

/* cls A sep, and for pairs cls A sep [sep] B sep. */
static vs_status classic_template(vs_err *err, vs_tokenizer *t, const json_t *j, bool roberta, slots *single,
                                  slots *pair) {
    int32_t cls = -1, sep = -1;
    VS_TRY(named_id(err, t, j, "cls", &cls));
    VS_TRY(named_id(err, t, j, "sep", &sep));
    slots *both[2] = {single, pair};
    for (int k = 0; k < 2; k++) {
        VS_TRY(slot_push(err, both[k], cls, 0));
        VS_TRY(slot_push(err, both[k], VS__SLOT_A, 0));
        VS_TRY(slot_push(err, both[k], sep, 0));
    }
    if (roberta) VS_TRY(slot_push(err, pair, sep, 0));
    VS_TRY(slot_push(err, pair, VS__SLOT_B, roberta ? 0 : 1));
    return slot_push(err, pair, sep, roberta ? 0 : 1);
}

static vs_status read_post(vs_err *err, vs_tokenizer *t, const json_t *j, int depth, slots *single, slots *pair) {
    static const char where[] = "post_processor";
    const char *type = NULL;
    if (!j || json_is_null(j)) return VS_OK;
    VS_TRY(vs__json_type(err, j, where, &type));
    if (!strcmp(type, "Sequence")) {
        const json_t *list;
        VS_TRY(vs__json_list(err, j, "processors", where, depth, &list));
        for (size_t i = 0; i < json_array_size(list); i++)
            VS_TRY(read_post(err, t, json_array_get(list, i), depth + 1, single, pair));
        return VS_OK;
    }
    bool bytes = !strcmp(type, "ByteLevel"), roberta = !strcmp(type, "RobertaProcessing");
    if (bytes || roberta) {
        VS_TRY(vs__json_bool(err, j, "trim_offsets", where, true, &t->trim_offsets));
        VS_TRY(vs__json_bool(err, j, "add_prefix_space", where, true, &t->trim_keeps_first));
        if (bytes) return VS_OK;
    }
    if (single->n) return vs_fail(err, VS_E_UNSUPPORTED, "post_processor: more than one template");
    if (roberta || !strcmp(type, "BertProcessing")) return classic_template(err, t, j, roberta, single, pair);
    if (strcmp(type, "TemplateProcessing")) return vs__json_unknown(err, where, type);
    VS_TRY(read_template(err, t, j, "single", single));
    return read_template(err, t, j, "pair", pair);
}

/* ---- the whole ---- */

static vs_status to_arena(vs_err *err, vs_tokenizer *t, const slots *from, vs__slot **out) {
    *out = vs_arena_alloc(&t->arena, from->n, sizeof **out);
    if (!*out) return vs__json_no_memory(err);
    memcpy(*out, from->s, from->n * sizeof **out);
    return VS_OK;
}

static vs_status read_templates(vs_err *err, vs_tokenizer *t, const json_t *j) {
    slots single = {0}, pair = {0};
    vs_status s = read_post(err, t, j, 0, &single, &pair);
    if (s == VS_OK && !single.n) s = slot_push(err, &single, VS__SLOT_A, 0);
    if (s == VS_OK && !pair.n && (s = slot_push(err, &pair, VS__SLOT_A, 0)) == VS_OK)
        s = slot_push(err, &pair, VS__SLOT_B, 1);
    if (s == VS_OK) s = to_arena(err, t, &single, &t->single);
    if (s == VS_OK) s = to_arena(err, t, &pair, &t->pair);
    t->single_count = single.n;
    t->pair_count = pair.n;
    vs_free(single.s);
    vs_free(pair.s);
    return s;
}

/* tokenizer.json does not say which token has which role; these spellings do. */
static void find_roles(vs_tokenizer *t) {
    static const struct {
        vs_role_token role;
        const char *piece;
    } known[] = {
        {VS_TOK_BOS, "<s>"},
        {VS_TOK_BOS, "<bos>"},
        {VS_TOK_BOS, "<|begin_of_text|>"},
        {VS_TOK_BOS, "<|endoftext|>"},
        {VS_TOK_EOS, "</s>"},
        {VS_TOK_EOS, "<eos>"},
        {VS_TOK_EOS, "<|end_of_text|>"},
        {VS_TOK_EOS, "<|endoftext|>"},
        {VS_TOK_UNK, "<unk>"},
        {VS_TOK_UNK, "[UNK]"},
        {VS_TOK_PAD, "<pad>"},
        {VS_TOK_PAD, "[PAD]"},
        {VS_TOK_SEP, "[SEP]"},
        {VS_TOK_CLS, "[CLS]"},
        {VS_TOK_MASK, "<mask>"},
        {VS_TOK_MASK, "[MASK]"},
    };
    t->role[VS_TOK_UNK] = t->unk;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        int32_t id = vs__vocab_find(&t->vocab, known[k].piece, strlen(known[k].piece));
        if (id >= 0 && vs_is_special(t, id) && t->role[known[k].role] < 0) t->role[known[k].role] = id;
    }
}

static vs_status read_all(vs_err *err, vs_tokenizer *t, const json_t *root) {
    const json_t *added = json_object_get(root, "added_tokens"), *decoder = json_object_get(root, "decoder");
    if (!json_is_object(root)) return vs_fail(err, VS_E_FORMAT, "want an object, it is %s", vs__json_kind(root));
    if (added && !json_is_array(added) && !json_is_null(added))
        return vs_fail(err, VS_E_FORMAT, "added_tokens: want an array, it is %s", vs__json_kind(added));
    t->norm = vs_arena_alloc(&t->arena, VS__JSON_STEPS, sizeof *t->norm);
    t->pretok = vs_arena_alloc(&t->arena, VS__JSON_STEPS, sizeof *t->pretok);
    t->decode = vs_arena_alloc(&t->arena, VS__JSON_STEPS, sizeof *t->decode);
    if (!t->norm || !t->pretok || !t->decode) return vs__json_no_memory(err);
    VS_TRY(vs__json_model(err, t, json_object_get(root, "model"), added));
    VS_TRY(vs__json_normalizer(err, t, json_object_get(root, "normalizer"), 0));
    VS_TRY(vs__json_pretokenizer(err, t, json_object_get(root, "pre_tokenizer"), 0));
    t->join_with_blanks = !decoder || json_is_null(decoder);
    if (!t->join_with_blanks) VS_TRY(vs__json_decoder(err, t, decoder, 0));
    VS_TRY(read_templates(err, t, json_object_get(root, "post_processor")));
    VS_TRY(vs__tokenizer_finish(err, t));
    for (size_t k = 0; k < t->decode_count; k++) {
        if (t->decode[k].kind == VS__DECODE_BYTES) t->spelling = VS__SPELL_BYTES;
        if (t->decode[k].kind == VS__DECODE_METASPACE || t->decode[k].kind == VS__DECODE_BYTE_FALLBACK)
            t->spelling = VS__SPELL_METASPACE;
    }
    find_roles(t);
    return VS_OK;
}

vs_status vs_tokenizer_from_json(vs_err *err, const char *json, size_t n, vs_tokenizer **out) {
    *out = NULL;
    json_error_t why;
    json_t *root = json_loadb(n ? json : "", n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!root) return vs_fail(err, VS_E_FORMAT, "line %d, column %d: %.160s", why.line, why.column, why.text);
    vs_tokenizer *t = vs__tokenizer_new();
    vs_status s = t ? read_all(err, t, root) : vs__json_no_memory(err);
    json_decref(root);
    if (s == VS_OK)
        *out = t;
    else
        vs_tokenizer_free(t);
    return s;
}

/* json_model.c - the vocabulary, added tokens and model of tokenizer.json. */
#include <string.h>

#include "json_read.h"

/* ---- vocabulary and added tokens ---- */

static vs_status check_id(vs_err *err, const json_t *j, size_t most, const char *where, const char *piece,
                          uint32_t *id) {
    if (!json_is_integer(j))
        return vs_fail(err, VS_E_FORMAT, "%s: the id of '%.60s' is %s, not a whole number", where, piece,
                       vs__json_kind(j));
    long long v = json_integer_value(j);
    if (v < 0 || (unsigned long long)v >= most)
        return vs_fail(err, VS_E_RANGE, "%s: the id of '%.60s' is %lld, beyond any vocabulary of this size (%zu)",
                       where, piece, v, most);
    *id = (uint32_t)v;
    return VS_OK;
}

static size_t count_pieces(const json_t *vocab) {
    return json_is_array(vocab) ? json_array_size(vocab) : json_object_size(vocab);
}

/* One past the greatest id.  Ids may have gaps, but a file of few pieces must not ask for memory for billions. */
static vs_status count_ids(vs_err *err, const json_t *vocab, const json_t *added, size_t *count) {
    size_t pieces = count_pieces(vocab) + json_array_size(added), most = pieces * 2 + 65536;
    uint32_t id = 0;
    *count = pieces; /* an added token that is no piece gets the next number after the pieces there are */
    for (void *it = json_is_array(vocab) ? NULL : json_object_iter((json_t *)(uintptr_t)vocab); it;
         it = json_object_iter_next((json_t *)(uintptr_t)vocab, it)) {
        VS_TRY(check_id(err, json_object_iter_value(it), most, "model.vocab", json_object_iter_key(it), &id));
        if (id >= *count) *count = id + 1;
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *a = json_array_get(added, i), *content = json_object_get(a, "content");
        VS_TRY(check_id(err, json_object_get(a, "id"), most, "added_tokens",
                        json_is_string(content) ? json_string_value(content) : "?", &id));
    }
    return *count ? VS_OK : vs_fail(err, VS_E_FORMAT, "model.vocab is empty");
}

static vs_status put_piece(vs_err *err, vs_tokenizer *t, uint32_t id, const char *s, size_t n) {
    vs__vocab *v = &t->vocab;
    if (v->piece[id].s)
        return vs_fail(err, VS_E_FORMAT, "model.vocab: '%.60s' and '%.60s' have the same id %u", v->piece[id].s, s, id);
    const char *copy = vs_arena_strndup(&t->arena, s, n);
    if (!copy) return vs__json_no_memory(err);
    vs__vocab_put(v, id, copy, (uint32_t)n);
    return VS_OK;
}

/* As the reference numbers them: a token that is a piece has that piece's id, another the next after the pieces,
 * whatever the file says. */
static vs_status read_added(vs_err *err, vs_tokenizer *t, const json_t *list, size_t pieces) {
    size_t count = json_array_size(list), next = pieces;
    if (!(t->added = vs_zalloc(count, sizeof *t->added))) return vs__json_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const json_t *j = json_array_get(list, i);
        static const char where[] = "added_tokens";
        vs__added a = {.id = -1};
        size_t n = 0;
        if (!json_is_object(j))
            return vs_fail(err, VS_E_FORMAT, "added_tokens[%zu]: want an object, it is %s", i, vs__json_kind(j));
        VS_TRY(vs__json_own(err, t, json_object_get(j, "content"), "added_tokens.content", &a.s, &n));
        if (!n) continue;
        a.len = (uint32_t)n;
        VS_TRY(vs__json_bool(err, j, "special", where, false, &a.special));
        VS_TRY(vs__json_bool(err, j, "normalized", where, !a.special, &a.normalized));
        VS_TRY(vs__json_bool(err, j, "single_word", where, false, &a.single_word));
        VS_TRY(vs__json_bool(err, j, "lstrip", where, false, &a.lstrip));
        VS_TRY(vs__json_bool(err, j, "rstrip", where, false, &a.rstrip));
        a.id = vs__vocab_find(&t->vocab, a.s, n);
        if (a.id < 0) {
            a.id = (int32_t)next;
            VS_TRY(put_piece(err, t, (uint32_t)next++, a.s, n));
            t->vocab.piece[a.id].flags = VS__PIECE_OUTSIDE;
        }
        t->added[t->added_count++] = a;
    }
    return VS_OK;
}

/* ---- models ---- */

static vs_status read_unk(vs_err *err, vs_tokenizer *t, const json_t *j, bool needed) {
    const json_t *unk = json_object_get(j, "unk_token");
    if ((!unk || json_is_null(unk)) && !needed) return VS_OK;
    const char *s = NULL;
    size_t n = 0;
    VS_TRY(vs__json_string(err, unk, "model.unk_token", &s, &n));
    t->unk = vs__vocab_find(&t->vocab, s, n);
    t->unk_missing = t->unk < 0;
    return VS_OK;
}

static vs_status read_vocab(vs_err *err, vs_tokenizer *t, const json_t *vocab) {
    const char *key;
    json_t *value, *object = (json_t *)(uintptr_t)vocab; /* jansson iterates over objects it may change */
    json_object_foreach(object, key, value)
        VS_TRY(put_piece(err, t, (uint32_t)json_integer_value(value), key, strlen(key)));
    return VS_OK;
}

/* A merge is "left right" or ["left", "right"]. */
static vs_status read_merge(vs_err *err, const json_t *j, size_t i, const char *side[2], size_t n[2]) {
    if (json_is_string(j)) {
        const char *s = json_string_value(j), *blank = strchr(s, ' ');
        if (!blank || strchr(blank + 1, ' '))
            return vs_fail(err, VS_E_FORMAT,
                           "model.merges[%zu]: want two pieces with a blank between them, it is '%.60s'", i, s);
        side[0] = s;
        n[0] = (size_t)(blank - s);
        side[1] = blank + 1;
        n[1] = json_string_length(j) - n[0] - 1;
        return VS_OK;
    }
    if (!json_is_array(j) || json_array_size(j) != 2)
        return vs_fail(err, VS_E_FORMAT, "model.merges[%zu]: want two pieces, it is %s", i, vs__json_kind(j));
    for (size_t k = 0; k < 2; k++) VS_TRY(vs__json_string(err, json_array_get(j, k), "model.merges", &side[k], &n[k]));
    return VS_OK;
}

/* The piece that two pieces make: the second without the mark of what continues a word. */
static vs_status join(vs_err *err, const vs__bpe *m, size_t i, const char *const side[2], const size_t n[2],
                      vs_buf *out) {
    vs_buf_clear(out);
    if (n[1] < m->prefix_len)
        return vs_fail(err, VS_E_FORMAT, "model.merges[%zu]: '%.60s' is shorter than continuing_subword_prefix", i,
                       side[1]);
    vs_buf_put(out, side[0], n[0]);
    vs_buf_put(out, side[1] + m->prefix_len, n[1] - m->prefix_len);
    return out->failed ? vs__json_no_memory(err) : VS_OK;
}

static vs_status read_merges(vs_err *err, vs_tokenizer *t, const json_t *list) {
    if (!json_is_array(list))
        return vs_fail(err, VS_E_FORMAT, "model.merges: want an array, it is %s", vs__json_kind(list));
    VS_TRY(vs__bpe_merges(err, &t->bpe, json_array_size(list)));
    vs_buf joined = {0};
    vs_status s = VS_OK;
    for (size_t i = 0; s == VS_OK && i < json_array_size(list); i++) {
        const char *side[2] = {NULL, NULL};
        size_t n[2] = {0, 0};
        if ((s = read_merge(err, json_array_get(list, i), i, side, n)) != VS_OK) break;
        if ((s = join(err, &t->bpe, i, side, n, &joined)) != VS_OK) break;
        int32_t left = vs__vocab_find(&t->vocab, side[0], n[0]), right = vs__vocab_find(&t->vocab, side[1], n[1]);
        int32_t id = vs__vocab_find(&t->vocab, joined.s, joined.len);
        if (left < 0 || right < 0 || id < 0)
            s = vs_fail(err, VS_E_FORMAT, "model.merges[%zu]: '%.60s' is not in the vocabulary", i,
                        left < 0    ? side[0]
                        : right < 0 ? side[1]
                                    : joined.s);
        else
            vs__bpe_merge_put(&t->bpe, (vs__merge){(uint32_t)left, (uint32_t)right, (uint32_t)i, (uint32_t)id});
    }
    vs_buf_free(&joined);
    return s;
}

static vs_status absent(vs_err *err, const json_t *j, const char *key) {
    const json_t *v = json_object_get(j, key);
    bool none = !v || json_is_null(v) || (json_is_string(v) && !json_string_length(v)) ||
                (json_is_number(v) && !(json_number_value(v) > 0));
    return none ? VS_OK : vs_fail(err, VS_E_UNSUPPORTED, "model.%s is not supported", key);
}

static vs_status read_affix(vs_err *err, vs_tokenizer *t, const json_t *j, const char *key, const char **s, size_t *n) {
    const json_t *v = json_object_get(j, key);
    if (!v || json_is_null(v)) return VS_OK;
    VS_TRY(vs__json_own(err, t, v, key, s, n));
    return *n <= VS__BPE_AFFIX ? VS_OK
                               : vs_fail(err, VS_E_RANGE, "model.%s is longer than %d bytes", key, VS__BPE_AFFIX);
}

static vs_status read_bpe(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__bpe *m = &t->bpe;
    t->model = VS__MODEL_BPE;
    VS_TRY(absent(err, j, "dropout"));
    VS_TRY(read_affix(err, t, j, "continuing_subword_prefix", &m->prefix, &m->prefix_len));
    VS_TRY(read_affix(err, t, j, "end_of_word_suffix", &m->suffix, &m->suffix_len));
    VS_TRY(vs__json_bool(err, j, "byte_fallback", "model", false, &m->byte_fallback));
    VS_TRY(vs__json_bool(err, j, "fuse_unk", "model", false, &m->fuse_unk));
    VS_TRY(vs__json_bool(err, j, "ignore_merges", "model", false, &m->ignore_merges));
    VS_TRY(read_vocab(err, t, json_object_get(j, "vocab")));
    VS_TRY(read_unk(err, t, j, false));
    vs__bpe_prepare(t);
    return read_merges(err, t, json_object_get(j, "merges"));
}

static vs_status read_wordpiece(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__wordpiece *m = &t->wordpiece;
    t->model = VS__MODEL_WORDPIECE;
    VS_TRY(vs__json_own(err, t, json_object_get(j, "continuing_subword_prefix"), "model.continuing_subword_prefix",
                        &m->prefix, &m->prefix_len));
    VS_TRY(vs__json_size(err, j, "max_input_chars_per_word", "model", 100, INT32_MAX, &m->max_chars));
    VS_TRY(read_vocab(err, t, json_object_get(j, "vocab")));
    for (size_t i = 0; i < t->vocab.count; i++) {
        const vs__piece *p = &t->vocab.piece[i];
        if (p->s && p->len) VS_TRY(vs__trie_add(err, &m->trie, p->s, p->len, (int32_t)i));
    }
    return read_unk(err, t, j, true);
}

static vs_status read_words(vs_err *err, vs_tokenizer *t, const json_t *j) {
    t->model = VS__MODEL_WORDS;
    VS_TRY(read_vocab(err, t, json_object_get(j, "vocab")));
    return read_unk(err, t, j, true);
}

static vs_status read_unigram(vs_err *err, vs_tokenizer *t, const json_t *j) {
    vs__unigram *m = &t->unigram;
    const json_t *list = json_object_get(j, "vocab"), *unk = json_object_get(j, "unk_id");
    size_t n, len = 0;
    double least = 0;
    t->model = VS__MODEL_UNIGRAM;
    VS_TRY(vs__json_bool(err, j, "byte_fallback", "model", false, &m->byte_fallback));
    if (!json_is_array(list))
        return vs_fail(err, VS_E_FORMAT, "model.vocab: want an array, it is %s", vs__json_kind(list));
    n = json_array_size(list);
    if (!(m->score = vs_zalloc(t->vocab.count, sizeof *m->score))) return vs__json_no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(list, i), *score = json_array_get(row, 1);
        const char *s = NULL;
        if (!json_is_number(score)) return vs_fail(err, VS_E_FORMAT, "model.vocab[%zu]: want [piece, score]", i);
        VS_TRY(vs__json_string(err, json_array_get(row, 0), "model.vocab", &s, &len));
        VS_TRY(put_piece(err, t, (uint32_t)i, s, len));
        m->score[i] = json_number_value(score);
        if (!i || m->score[i] < least) least = m->score[i];
        if (len) VS_TRY(vs__trie_add(err, &m->trie, s, len, (int32_t)i));
    }
    m->unk_score = least - VS__UNK_PENALTY;
    vs__byte_pieces(&t->vocab, m->byte);
    if (!unk || json_is_null(unk)) return VS_OK;
    size_t id = 0;
    VS_TRY(vs__json_size(err, j, "unk_id", "model", 0, n ? n - 1 : 0, &id));
    t->unk = (int32_t)id;
    return VS_OK;
}

/* The type of a model; of files older than the member (GPT-2's, RoBERTa's) as the reference finds it out. */
static vs_status model_type(vs_err *err, const json_t *j, const char **type) {
    const json_t *vocab = json_object_get(j, "vocab");
    if (!json_is_object(j) || json_object_get(j, "type")) return vs__json_type(err, j, "model", type);
    *type = json_object_get(j, "merges")                      ? "BPE"
            : json_is_array(vocab)                            ? "Unigram"
            : json_object_get(j, "continuing_subword_prefix") ? "WordPiece"
                                                              : "WordLevel";
    return VS_OK;
}

vs_status vs__json_model(vs_err *err, vs_tokenizer *t, const json_t *j, const json_t *added) {
    static const struct {
        const char *type;
        vs_status (*read)(vs_err *, vs_tokenizer *, const json_t *);
    } known[] = {
        {"BPE", read_bpe}, {"WordPiece", read_wordpiece}, {"Unigram", read_unigram}, {"WordLevel", read_words}};
    const char *type = NULL;
    size_t count = 0;
    VS_TRY(model_type(err, j, &type));
    const json_t *vocab = json_object_get(j, "vocab");
    if (!json_is_object(vocab) && strcmp(type, "Unigram"))
        return vs_fail(err, VS_E_FORMAT, "model.vocab: want an object, it is %s", vs__json_kind(vocab));
    VS_TRY(count_ids(err, vocab, added, &count));
    VS_TRY(vs__vocab_init(err, &t->vocab, count));
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (!strcmp(type, known[k].type)) {
            VS_TRY(known[k].read(err, t, j));
            VS_TRY(read_added(err, t, added, count_pieces(vocab)));
            while (t->vocab.count && !t->vocab.piece[t->vocab.count - 1].s) t->vocab.count--; /* room for one known */
            return VS_OK;
        }
    return vs__json_unknown(err, "model", type);
}

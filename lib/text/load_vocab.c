/* load_vocab.c - a tokenizer from what a GGUF file says of its vocabulary.
 *
 * "gpt2" is byte-level BPE, cut into words as tokenizer.ggml.pre says.  "bert" is WordPiece: pieces that begin a word
 * are spelled with U+2581 in front there, and are given back their own spelling.  "t5" is Unigram, with SentencePiece's
 * table of characters.  "llama" is SentencePiece's BPE.  Its files come in two kinds, told apart by add_space_prefix:
 * with it, text gets a leading blank and pieces are joined by score (Llama); without, blanks become marks where they
 * are and pieces are joined in the order in which the file lists them (Gemma: its scores do not follow that order). The
 * ids are those of the tokenizers that the files were made from, but where a file does not say what those do (Qwen's
 * compose characters first): there they are what other readers of the file make them. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer_impl.h"

#define MARK "\xE2\x96\x81" /* U+2581, a blank's spelling */

enum { TYPE_NORMAL = 1, TYPE_CONTROL = 3, TYPE_USER = 4, TYPE_BYTE = 6 };

static vs_status no_memory(vs_err *err) { return vs_fail(err, VS_E_NOMEM, "no memory for the tokenizer"); }

static void *steps(vs_tokenizer *t, size_t n, size_t size) { return vs_arena_alloc(&t->arena, n, size); }

/* Runs of blanks stand in these files as blanks; in text they are marks by then. */
static bool all_blank(const char *s, size_t n) {
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] != ' ' && !(s[i] >= 9 && s[i] <= 13) && !(s[i] >= 28 && s[i] <= 31)) return false;
        any = any || s[i] == ' ';
    }
    return any;
}

/* Pieces of these files are spelled in GPT-2's alphabet of bytes; one that is not is text, and respelled. */
static bool in_alphabet(const char *s, size_t n) {
    for (size_t i = 0; i < n;)
        if (vs__char_to_byte(vs_utf8_next(s, n, &i, NULL)) < 0) return false;
    return true;
}

static vs_status respell_pieces(vs_err *err, vs_tokenizer *t) {
    for (size_t i = 0; i < t->vocab.count; i++) {
        vs__piece *p = &t->vocab.piece[i];
        if (in_alphabet(p->s, p->len)) continue;
        char *s = vs_arena_alloc(&t->arena, p->len, 2), *end = s;
        if (!s) return no_memory(err);
        for (size_t k = 0; k < p->len; k++) end += vs_utf8_encode(vs__byte_to_char((unsigned char)p->s[k]), end);
        *p = (vs__piece){.s = s, .len = (uint32_t)(end - s)};
    }
    return VS_OK;
}

static int type_of(const vs_vocab_source *src, size_t i) { return src->type ? src->type[i] : TYPE_NORMAL; }

static bool is_marked(const char *s, size_t n) { return n >= 3 && !memcmp(s, MARK, 3); }

/* BERT's own spelling: what begins a word without its mark, what continues one with ## in front. */
static vs_status respell_words(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    bool marked = false;
    for (size_t i = 0; i < src->count; i++)
        marked = marked || (type_of(src, i) != TYPE_CONTROL && is_marked(src->piece[i], src->piece_len[i]));
    for (size_t i = 0; marked && i < src->count; i++) {
        vs__piece *p = &t->vocab.piece[i];
        if (type_of(src, i) == TYPE_CONTROL) continue;
        if (is_marked(p->s, p->len) && p->len > 3) {
            p->s += 3;
            p->len -= 3;
            continue;
        }
        char *s = vs_arena_alloc(&t->arena, (size_t)p->len + 2, 1);
        if (!s) return no_memory(err);
        memcpy(s, "##", 2);
        if (p->len) memcpy(s + 2, p->s, p->len);
        *p = (vs__piece){.s = s, .len = p->len + 2};
    }
    return VS_OK;
}

static vs_status put_pieces(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    bool respell = !strcmp(src->model, "llama") && !src->add_space_prefix;
    VS_TRY(vs__vocab_init(err, &t->vocab, src->count));
    for (size_t i = 0; i < src->count; i++) {
        const char *s = src->piece[i];
        uint32_t n = src->piece_len[i];
        if (respell && n && (s[0] == ' ' || (s[0] >= 9 && s[0] <= 31)) && all_blank(s, n)) {
            char *marks = vs_arena_alloc(&t->arena, n, 3);
            if (!marks) return no_memory(err);
            for (uint32_t k = 0; k < n; k++) memcpy(marks + 3 * k, MARK, 3);
            s = marks;
            n *= 3;
        }
        t->vocab.piece[i] = (vs__piece){.s = s, .len = n};
    }
    if (!strcmp(src->model, "gpt2")) VS_TRY(respell_pieces(err, t));
    if (!strcmp(src->model, "bert")) VS_TRY(respell_words(err, t, src));
    vs__vocab_index(&t->vocab);
    return VS_OK;
}

static const char *const role_name[] = {"bos", "eos", "unknown", "padding", "separator", "cls", "mask"};

static vs_status put_roles(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    const int32_t id[] = {src->bos, src->eos, src->unk, src->pad, src->sep, src->cls, src->mask};
    for (int k = 0; k <= VS_TOK_MASK; k++) {
        if (id[k] >= 0 && (size_t)id[k] >= src->count)
            return vs_fail(err, VS_E_FORMAT, "tokenizer.ggml.%s_token_id is %d, but there are %zu tokens", role_name[k],
                           id[k], src->count);
        t->role[k] = id[k];
    }
    return VS_OK;
}

/* A role that the file does not name, by its usual spelling. */
static void find_role(vs_tokenizer *t, vs_role_token role, const char *piece) {
    if (t->role[role] < 0) t->role[role] = vs__vocab_find(&t->vocab, piece, strlen(piece));
}

/* Control and user-defined tokens, and those with a role, are found in text as they are written. */
static vs_status put_added(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    size_t most = VS_TOK_MASK + 1;
    for (size_t i = 0; src->type && i < src->count; i++)
        most += src->type[i] == TYPE_CONTROL || src->type[i] == TYPE_USER;
    if (!(t->added = vs_zalloc(most, sizeof *t->added))) return no_memory(err);
    size_t n = 0;
    for (size_t i = 0; src->type && i < src->count; i++) {
        bool control = src->type[i] == TYPE_CONTROL, respelled = t->vocab.piece[i].s != src->piece[i];
        if ((!control && src->type[i] != TYPE_USER) || respelled || !src->piece_len[i]) continue;
        t->added[n++] = (vs__added){.s = src->piece[i], .len = src->piece_len[i], .id = (int32_t)i, .special = control};
    }
    for (int k = 0; k <= VS_TOK_MASK; k++) { /* of two rows for one token the later counts, special once is special */
        int32_t id = t->role[k];
        if (id >= 0 && src->piece_len[id] && t->vocab.piece[id].s == src->piece[id])
            t->added[n++] = (vs__added){.s = src->piece[id], .len = src->piece_len[id], .id = id, .special = true};
    }
    t->added_count = n;
    return VS_OK;
}

/* [bos] A [eos], and for pairs the same again for B, as transformers makes it; BERT: cls A sep, and for pairs B sep. */
static vs_status put_template(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    vs__slot *slot = steps(t, 6, sizeof *slot);
    if (!slot) return no_memory(err);
    bool bert = t->model == VS__MODEL_WORDPIECE;
    int32_t first = src->add_bos ? t->role[bert ? VS_TOK_CLS : VS_TOK_BOS] : -1;
    int32_t last = bert ? (src->add_sep ? t->role[VS_TOK_SEP] : -1) : src->add_eos ? t->role[VS_TOK_EOS] : -1;
    size_t n = 0;
    for (uint8_t which = 0; which < 2; which++) {
        uint8_t type = t->model == VS__MODEL_UNIGRAM ? 0 : which; /* T5 has no types */
        if (first >= 0 && !(bert && which)) slot[n++] = (vs__slot){first, type};
        slot[n++] = (vs__slot){which ? VS__SLOT_B : VS__SLOT_A, type};
        if (last >= 0) slot[n++] = (vs__slot){last, type};
        if (!which) t->single_count = n;
    }
    t->single = t->pair = slot;
    t->pair_count = n;
    return VS_OK;
}

/* ---- SentencePiece BPE ---- */

typedef struct scored {
    float score;
    uint32_t id;
} scored;

static int best_first(const void *a, const void *b) {
    const scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The rank of each piece by score, equal scores alike. */
static vs_status put_ranks(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    scored *s = vs_alloc(src->count, sizeof *s);
    t->bpe.rank = vs_alloc(src->count, sizeof *t->bpe.rank);
    if (!s || !t->bpe.rank) {
        vs_free(s);
        return no_memory(err);
    }
    for (size_t i = 0; i < src->count; i++)
        s[i] = (scored){src->score[i] == src->score[i] ? src->score[i] : -3e38f, (uint32_t)i}; /* NaN last */
    qsort(s, src->count, sizeof *s, best_first);
    for (size_t i = 0, rank = 0; i < src->count; i++) {
        if (i && s[i].score != s[i - 1].score) rank = i;
        t->bpe.rank[s[i].id] = (uint32_t)rank;
    }
    vs_free(s);
    return VS_OK;
}

static vs_status put_merges(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    if (src->merge_count > INT32_MAX / 4) return vs_fail(err, VS_E_RANGE, "%zu merges are too many", src->merge_count);
    VS_TRY(vs__bpe_merges(err, &t->bpe, src->merge_count));
    vs_buf joined = {0};
    vs_status st = VS_OK;
    for (size_t i = 0; st == VS_OK && i < src->merge_count; i++) {
        const char *s = src->merge[i],
                   *blank = src->merge_len[i] > 1 ? memchr(s + 1, ' ', src->merge_len[i] - 1) : NULL;
        size_t left = blank ? (size_t)(blank - s) : 0, right = blank ? src->merge_len[i] - left - 1 : 0;
        vs_buf_clear(&joined);
        vs_buf_put(&joined, s, left);
        vs_buf_put(&joined, s + left + 1, right);
        if (joined.failed) {
            st = no_memory(err);
            break;
        }
        int32_t l = vs__vocab_find(&t->vocab, s, left), r = blank ? vs__vocab_find(&t->vocab, blank + 1, right) : -1;
        int32_t id = vs__vocab_find(&t->vocab, joined.s, joined.len);
        if (l < 0 || r < 0 || id < 0)
            st = vs_fail(err, VS_E_FORMAT,
                         "tokenizer.ggml.merges: merge %zu '%.*s' names a piece that is not in the vocabulary", i,
                         src->merge_len[i] > 80 ? 80 : (int)src->merge_len[i], s);
        else
            vs__bpe_merge_put(&t->bpe, (vs__merge){(uint32_t)l, (uint32_t)r, (uint32_t)i, (uint32_t)id});
    }
    vs_buf_free(&joined);
    return st;
}

static vs_status sentencepiece(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    bool prefix = src->add_space_prefix;
    if (!(t->decode = steps(t, 4, sizeof *t->decode))) return no_memory(err);
    if (prefix) {
        if (!(t->pretok = steps(t, 1, sizeof *t->pretok))) return no_memory(err);
        t->pretok[t->pretok_count++] =
            (vs__pretok_step){.kind = VS__PRETOK_METASPACE, .prepend = VS__PREPEND_FIRST, .a = MARK, .an = 3};
    } else {
        if (!(t->norm = steps(t, 1, sizeof *t->norm))) return no_memory(err);
        t->norm[t->norm_count++] =
            (vs__norm_step){.kind = VS__NORM_REPLACE, .pattern = {.literal = " ", .n = 1}, .a = MARK, .an = 3};
    }
    t->decode[t->decode_count++] =
        (vs__decode_step){.kind = VS__DECODE_REPLACE, .pattern = {.literal = MARK, .n = 3}, .a = " ", .an = 1};
    t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_BYTE_FALLBACK};
    t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_FUSE};
    if (prefix)
        t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_STRIP, .a = " ", .an = 1, .start = 1};
    t->spelling = VS__SPELL_METASPACE;
    t->model = VS__MODEL_BPE;
    t->bpe.fuse_unk = t->bpe.byte_fallback = true;
    t->unk = prefix ? -1 : src->unk;
    if (src->merge) return put_merges(err, t, src);
    if (prefix && !src->score)
        return vs_fail(err, VS_E_FORMAT, "the file has neither tokenizer.ggml.scores nor tokenizer.ggml.merges");
    return prefix ? put_ranks(err, t, src) : VS_OK;
}

/* ---- byte-level BPE ---- */

static vs_status byte_level(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    const char *re[VS__WORDS_MOST];
    unsigned traits = 0;
    bool spelled = false; /* the bytes, in GPT-2's alphabet */
    size_t count = vs__words_patterns(src->pre, re, &traits);
    if (!count) return vs_fail(err, VS_E_UNSUPPORTED, "tokenizer.ggml.pre '%.40s' is not known", src->pre);
    t->pretok = steps(t, count + 1, sizeof *t->pretok);
    t->decode = steps(t, 1, sizeof *t->decode);
    if (!t->pretok || !t->decode) return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        vs__pretok_step *step = &t->pretok[t->pretok_count++];
        *step = (vs__pretok_step){.kind = VS__PRETOK_SPLIT, .behavior = VS__ISOLATED};
        if (!*re[i]) step->kind = VS__PRETOK_BYTES;
        spelled = spelled || !*re[i];
        if (*re[i]) VS_TRY(vs__pattern_regex(err, &step->pattern, re[i], strlen(re[i])));
    }
    if (!spelled) t->pretok[t->pretok_count++] = (vs__pretok_step){.kind = VS__PRETOK_BYTES};
    t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_BYTES};
    t->spelling = VS__SPELL_BYTES;
    t->model = VS__MODEL_BPE;
    t->bpe.ignore_merges = (traits & VS__WORDS_WHOLE) != 0;
    if (!src->merge) return vs_fail(err, VS_E_FORMAT, "the file has no tokenizer.ggml.merges");
    return put_merges(err, t, src);
}

/* ---- WordPiece ---- */

static vs_status wordpiece(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    vs__wordpiece *m = &t->wordpiece;
    t->norm = steps(t, 5, sizeof *t->norm);
    t->pretok = steps(t, 2, sizeof *t->pretok);
    t->decode = steps(t, 1, sizeof *t->decode);
    if (!t->norm || !t->pretok || !t->decode) return no_memory(err);
    bool lower = src->lowercase != 0, strip = src->strip_accents < 0 ? lower : src->strip_accents != 0;
    t->norm[t->norm_count++] = (vs__norm_step){.kind = VS__NORM_CLEAN};
    t->norm[t->norm_count++] = (vs__norm_step){.kind = VS__NORM_CJK};
    if (strip) t->norm[t->norm_count++] = (vs__norm_step){.kind = VS__NORM_NFD};
    if (strip) t->norm[t->norm_count++] = (vs__norm_step){.kind = VS__NORM_DROP_MARKS};
    if (lower) t->norm[t->norm_count++] = (vs__norm_step){.kind = VS__NORM_LOWER};
    t->pretok[t->pretok_count++] = (vs__pretok_step){.kind = VS__PRETOK_SPACE, .behavior = VS__REMOVED};
    t->pretok[t->pretok_count++] = (vs__pretok_step){.kind = VS__PRETOK_PUNCTUATION, .behavior = VS__ISOLATED};
    t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_WORDPIECE, .a = "##", .an = 2, .flag = true};
    t->model = VS__MODEL_WORDPIECE;
    *m = (vs__wordpiece){.prefix = "##", .prefix_len = 2, .max_chars = 100};
    for (size_t i = 0; i < t->vocab.count; i++) {
        const vs__piece *p = &t->vocab.piece[i];
        if (p->len) VS_TRY(vs__trie_add(err, &m->trie, p->s, p->len, (int32_t)i));
    }
    if (t->role[VS_TOK_CLS] < 0) t->role[VS_TOK_CLS] = t->role[VS_TOK_BOS];
    find_role(t, VS_TOK_CLS, "[CLS]");
    find_role(t, VS_TOK_SEP, "[SEP]");
    find_role(t, VS_TOK_UNK, "[UNK]");
    find_role(t, VS_TOK_PAD, "[PAD]");
    find_role(t, VS_TOK_MASK, "[MASK]");
    t->unk = t->role[VS_TOK_UNK];
    return VS_OK;
}

/* ---- Unigram ---- */

/* Blanks in a row count once, and at the ends not at all. */
static vs_status drop_blanks(vs_err *err, vs_tokenizer *t) {
    static const char *const re[] = {" {2,}", "\\A | \\z"}, *const by[] = {" ", ""};
    for (int k = 0; k < 2; k++) {
        vs__norm_step *step = &t->norm[t->norm_count++];
        *step = (vs__norm_step){.kind = VS__NORM_REPLACE, .a = by[k], .an = strlen(by[k])};
        VS_TRY(vs__pattern_regex(err, &step->pattern, re[k], strlen(re[k])));
        step->pattern.source = re[k];
    }
    return VS_OK;
}

static vs_status put_scores(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    vs__unigram *m = &t->unigram;
    double least = 0;
    bool any = false;
    if (!src->score) return vs_fail(err, VS_E_FORMAT, "the file has no tokenizer.ggml.scores");
    if (!(m->score = vs_zalloc(src->count, sizeof *m->score))) return no_memory(err);
    for (size_t i = 0; i < src->count; i++) {
        int type = type_of(src, i);
        double score = (double)src->score[i];
        if (score != score) return vs_fail(err, VS_E_FORMAT, "tokenizer.ggml.scores[%zu] is not a number", i);
        m->byte_fallback = m->byte_fallback || type == TYPE_BYTE;
        if (type != TYPE_NORMAL && type != TYPE_USER) continue;
        m->score[i] = type == TYPE_USER ? 0 : score;
        if (!any || m->score[i] < least) least = m->score[i];
        any = true;
        const vs__piece *p = &t->vocab.piece[i];
        if (p->len) VS_TRY(vs__trie_add(err, &m->trie, p->s, p->len, (int32_t)i));
    }
    m->unk_score = least - VS__UNK_PENALTY;
    vs__byte_pieces(&t->vocab, m->byte);
    return VS_OK;
}

static vs_status unigram(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    t->norm = steps(t, 3, sizeof *t->norm);
    t->pretok = steps(t, 2, sizeof *t->pretok);
    t->decode = steps(t, 1, sizeof *t->decode);
    if (!t->norm || !t->pretok || !t->decode) return no_memory(err);
    t->spelling = VS__SPELL_METASPACE;
    t->model = VS__MODEL_UNIGRAM;
    if (src->charsmap_len) {
        vs__norm_step *step = &t->norm[t->norm_count++];
        *step = (vs__norm_step){.kind = VS__NORM_CHARSMAP};
        VS_TRY(vs__charsmap_open(err, &step->charsmap, src->charsmap, src->charsmap_len));
    }
    if (src->remove_extra_whitespaces) VS_TRY(drop_blanks(err, t));
    bool prefix = src->add_space_prefix || src->remove_extra_whitespaces;
    t->pretok[t->pretok_count++] = (vs__pretok_step){
        .kind = VS__PRETOK_METASPACE, .prepend = prefix ? VS__PREPEND_ALWAYS : VS__PREPEND_NEVER, .a = MARK, .an = 3};
    t->pretok[t->pretok_count++] = (vs__pretok_step){
        .kind = VS__PRETOK_SPLIT, .behavior = VS__MERGED_WITH_NEXT, .pattern = {.literal = MARK, .n = 3}};
    t->decode[t->decode_count++] = (vs__decode_step){.kind = VS__DECODE_METASPACE, .a = MARK, .an = 3, .flag = prefix};
    find_role(t, VS_TOK_EOS, "</s>");
    find_role(t, VS_TOK_UNK, "<unk>");
    find_role(t, VS_TOK_PAD, "<pad>");
    t->unk = t->role[VS_TOK_UNK];
    return put_scores(err, t, src);
}

/* ---- the whole ---- */

static const struct kind {
    const char *model;
    vs_status (*make)(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src);
    bool bos, eos, sep, prefix; /* where the file does not say */
} kinds[] = {{"llama", sentencepiece, true, false, false, true},
             {"gpt2", byte_level, false, false, false, false},
             {"bert", wordpiece, true, false, true, false},
             {"t5", unigram, false, true, false, true}};

static vs_status build(vs_err *err, vs_tokenizer *t, const vs_vocab_source *src) {
    const struct kind *kind = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].model, src->model)) kind = &kinds[i];
    if (!kind)
        return vs_fail(err, VS_E_UNSUPPORTED,
                       "tokenizer.ggml.model '%.40s' is not known (known: llama, gpt2, bert, t5)", src->model);
    if (!src->count) return vs_fail(err, VS_E_FORMAT, "tokenizer.ggml.tokens is empty");
    vs_vocab_source said = *src; /* with what the file leaves open */
    const char *re[VS__WORDS_MOST];
    unsigned traits = 0;
    if (kind->make == byte_level) vs__words_patterns(src->pre, re, &traits);
    if (said.add_bos < 0) said.add_bos = kind->bos || (traits & VS__WORDS_BOS);
    if (said.add_eos < 0) said.add_eos = kind->eos;
    if (said.add_sep < 0) said.add_sep = kind->sep;
    if (said.add_space_prefix < 0) said.add_space_prefix = kind->prefix && src->score;
    if (said.remove_extra_whitespaces < 0) said.remove_extra_whitespaces = 0;
    VS_TRY(put_pieces(err, t, &said));
    VS_TRY(put_roles(err, t, &said));
    VS_TRY(kind->make(err, t, &said));
    VS_TRY(put_added(err, t, &said));
    VS_TRY(put_template(err, t, &said));
    if (t->model == VS__MODEL_BPE) vs__bpe_prepare(t);
    return vs__tokenizer_finish(err, t);
}

vs_status vs_tokenizer_from_vocab(vs_err *err, const vs_vocab_source *src, vs_tokenizer **out) {
    *out = NULL;
    vs_tokenizer *t = vs__tokenizer_new();
    if (!t) return no_memory(err);
    vs_status s = build(err, t, src);
    if (s != VS_OK) {
        vs_tokenizer_free(t);
        return s;
    }
    *out = t;
    return VS_OK;
}

/* Tokenizers: a u16 length, a tokenizer of so many bytes, and a text.  A tokenizer that begins with '{' is a
 * tokenizer.json; else its first byte is flags and each line after it a piece of a GGUF vocabulary (type, score,
 * piece).
 *
 * covers: lib/text/load_json.c lib/text/json_read.c lib/text/json_steps.c lib/text/json_model.c lib/text/load_vocab.c
 *
 * covers: lib/text/tokenizer.c lib/text/normalize.c lib/text/pretok.c lib/text/pattern.c lib/text/decode.c
 *
 * covers: lib/text/tok_bpe.c lib/text/tok_wordpiece.c lib/text/tok_unigram.c lib/text/vocab.c lib/text/trie.c
 *
 * covers: lib/text/charsmap.c lib/text/chars.c lib/text/dialect.c lib/text/tok_words.c lib/text/bpe_cuts.c
 *
 * What a text becomes must not depend on the texts before it, after which it is cut in a quicker way. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "text/tokenizer.h"

enum { PIECES = 512 };

static vs_tokenizer *from_lines(const char *s, size_t n) {
    const char *piece[PIECES], *merge[PIECES];
    uint32_t len[PIECES], merge_len[PIECES];
    float score[PIECES];
    int32_t type[PIECES];
    unsigned flags = n ? (unsigned char)s[0] : 0;
    vs_vocab_source src = {.model = flags & 64 ? "gpt2" : "llama",
                           .piece = piece,
                           .piece_len = len,
                           .score = flags & 1 ? score : NULL,
                           .type = flags & 2 ? type : NULL,
                           .bos = flags & 4 ? 2 : -1,
                           .eos = flags & 4 ? 1 : -1,
                           .unk = flags & 4 ? 3 : -1,
                           .pad = -1,
                           .sep = -1,
                           .cls = -1,
                           .mask = -1,
                           .add_bos = flags & 4,
                           .add_eos = flags & 8,
                           .add_space_prefix = flags & 16,
                           .remove_extra_whitespaces = flags & 8,
                           .lowercase = flags & 4 ? -1 : 0,
                           .strip_accents = -1,
                           .pre = flags & 128 ? "qwen2" : "default"};
    for (size_t i = 1; i < n && src.count < PIECES && src.merge_count < PIECES;) {
        const char *end = memchr(s + i, '\n', n - i);
        size_t stop = end ? (size_t)(end - s) : n;
        if (stop - i == 2 && s[i] == 'M') {
            static const char *const models[] = {"llama", "gpt2", "bert", "t5"};
            src.model = models[(unsigned char)s[i + 1] % 4];
        } else if (stop - i >= 2 && s[i] == 'C') {
            src.charsmap = s + i + 1;
            src.charsmap_len = stop - i - 1;
        } else if (stop - i >= 2 && s[i] == 'm') {
            merge[src.merge_count] = s + i + 1;
            merge_len[src.merge_count++] = (uint32_t)(stop - i - 1);
        } else if (stop - i >= 2) {
            type[src.count] = s[i] - '0';
            score[src.count] = (float)s[i + 1];
            piece[src.count] = s + i + 2;
            len[src.count++] = (uint32_t)(stop - i - 2);
        }
        i = stop + 1;
    }
    if (flags & 32)
        src.merge = merge, src.merge_len = merge_len;
    else
        src.merge_count = 0;
    vs_tokenizer *t;
    return vs_tokenizer_from_vocab(NULL, &src, &t) == VS_OK ? t : NULL;
}

static void use(const vs_tokenizer *t, const char *text, size_t n, const char *pair, size_t m, bool special) {
    vs_tokens x;
    vs_buf out = {0};
    if (vs_tokenize(NULL, t, text, n, pair, m, special, &x) != VS_OK) return;
    for (size_t i = 0; i < x.n; i++) {
        size_t len, limit = x.text[i] ? m : n;
        if (x.begin[i] > x.end[i] || x.end[i] > limit || !vs_piece(t, x.id[i], &len)) abort();
        if (i < 64) vs_piece_text(t, x.id[i], &out);
    }
    vs_buf_clear(&out);
    if (vs_detokenize(NULL, t, x.id, x.n, special, &out) == VS_OK && out.len && !vs_utf8_valid(out.s, out.len, NULL))
        abort();
    vs_buf_free(&out);
    vs_tokens_free(&x);
}

/* The tokens of a text before and after a long one of its kind are the same. */
static void again(const vs_tokenizer *t, const char *text, size_t n) {
    enum { LONG = 600 };
    vs_tokens x, y;
    vs_buf all = {0};
    if (!n || n > LONG || vs_tokenize(NULL, t, text, n, NULL, 0, false, &x) != VS_OK) return;
    while (all.len < LONG && !all.failed) vs_buf_put(&all, text, n);
    if (vs_tokenize(NULL, t, all.s, all.len, NULL, 0, false, &y) == VS_OK) vs_tokens_free(&y);
    if (vs_tokenize(NULL, t, text, n, NULL, 0, false, &y) != VS_OK || x.n != y.n) abort();
    for (size_t i = 0; i < x.n; i++)
        if (x.id[i] != y.id[i] || x.begin[i] != y.begin[i] || x.end[i] != y.end[i]) abort();
    vs_tokens_free(&x);
    vs_tokens_free(&y);
    vs_buf_free(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t first, rest = fuzz_split(data, size, &first), bad = 0;
    const char *head = (const char *)data + (size < 2 ? 0 : 2), *text = (const char *)data + rest;
    size_t n = size - rest;
    vs_tokenizer *t = NULL;
    if (first && head[0] == '{') {
        if (vs_tokenizer_from_json(NULL, head, first, &t) != VS_OK) return 0;
    } else if (!(t = from_lines(head, first))) {
        return 0;
    }
    size_t whole = n;
    if (!vs_utf8_valid(text, n, &bad)) n = bad;
    again(t, text, n);
    use(t, text, whole, NULL, 0, true); /* as it is, and as far as it is UTF-8 */
    size_t half = n / 2;
    while (half < n && ((unsigned char)text[half] & 0xC0) == 0x80) half++;
    use(t, text, half, text + half, n - half, false);
    vs_buf out = {0};
    int32_t ids[64];
    size_t k = 0;
    for (; k < 64 && k < vs_vocab_size(t); k++)
        ids[k] = (int32_t)(k < n ? (unsigned char)text[k] % vs_vocab_size(t) : k);
    if (vs_detokenize(NULL, t, ids, k, false, &out) == VS_OK && out.len && !vs_utf8_valid(out.s, out.len, NULL))
        abort();
    vs_buf_free(&out);
    (void)vs_role_id(t, VS_TOK_EOS);
    (void)vs_piece_find(t, text, n);
    vs_tokenizer_free(t);
    return 0;
}

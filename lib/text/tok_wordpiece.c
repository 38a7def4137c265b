/* tok_wordpiece.c - the longest piece that the rest of the word begins with, again and again; a word that cannot be
 * covered is unknown as a whole.  O(n m) for n bytes and a longest piece of m. */
#include "tokenizer_impl.h"

/* Pieces that continue a word are found past the prefix's node. */
static size_t longest(const vs_tokenizer *t, const char *s, size_t n, bool first, int32_t *id) {
    const vs__wordpiece *m = &t->wordpiece;
    uint32_t node = 0;
    int32_t value = -1;
    size_t best = 0;
    for (size_t i = 0; !first && i < m->prefix_len; i++)
        if (!vs__trie_step(&m->trie, &node, (unsigned char)m->prefix[i], &value)) return 0;
    for (size_t i = 0; i < n && vs__trie_step(&m->trie, &node, (unsigned char)s[i], &value); i++)
        if (value >= 0) {
            best = i + 1;
            *id = value;
        }
    return best;
}

vs_status vs__wordpiece_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) {
    const vs_tokenizer *t = e->t;
    size_t chars = 0, before = e->out.n;
    for (size_t i = 0; i < n; i++) chars += ((unsigned char)s[i] & 0xC0) != 0x80;
    bool bad = chars > t->wordpiece.max_chars;
    for (size_t at = 0; !bad && at < n;) {
        int32_t id = -1;
        size_t len = longest(t, s + at, n - at, !at, &id);
        bad = !len;
        if (!bad) VS_TRY(vs__emit(err, e, id, at, at + len));
        at += len;
    }
    if (!bad) return VS_OK;
    e->out.n = before;
    int32_t unk;
    VS_TRY(vs__unknown(err, t, &unk));
    return vs__emit(err, e, unk, 0, n);
}

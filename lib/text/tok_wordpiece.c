/* tok_wordpiece.c - the longest piece that the rest of the word begins with, again and again; a word that cannot be
 * covered is unknown as a whole. */
#include <string.h>

#include "tokenizer_impl.h"

vs_status vs__wordpiece_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) {
    const vs_tokenizer *t = e->t;
    const vs__wordpiece *m = &t->wordpiece;
    size_t chars = 0, first = e->out.n;
    for (size_t i = 0; i < n; i++) chars += ((unsigned char)s[i] & 0xC0) != 0x80;
    bool bad = chars > m->max_chars;
    VS_TRY(vs__scratch(err, &e->scratch, &e->scratch_size, n + m->prefix_len, 1));
    char *word = (char *)e->scratch + m->prefix_len; /* room in front for the prefix of a continuing piece */
    memcpy(word, s, n);
    for (size_t start = 0, end; !bad && start < n; start = end) {
        size_t prefix = start ? m->prefix_len : 0;
        memcpy(word + start - prefix, m->prefix, prefix); /* over characters that are done with */
        int32_t id = -1;
        end = n - start > t->vocab.max_len ? start + t->vocab.max_len : n;
        while (end > start && end < n && ((unsigned char)word[end] & 0xC0) == 0x80) end--;
        while (end > start && (id = vs__vocab_find(&t->vocab, word + start - prefix, end - start + prefix)) < 0) {
            end--;
            while (end > start && ((unsigned char)word[end] & 0xC0) == 0x80) end--;
        }
        bad = id < 0;
        if (!bad) VS_TRY(vs__emit(err, e, id, start, end));
    }
    if (!bad) return VS_OK;
    e->out.n = first;
    return vs__emit(err, e, t->unk, 0, n);
}

/* tok_words.c - a whole word is one token; one that the vocabulary lacks is unknown.  With a pre-tokeniser that cuts at
 * every character, characters are. */
#include "tokenizer_impl.h"

vs_status vs__words_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) {
    int32_t id = vs__model_find(&e->t->vocab, s, n);
    if (id < 0) VS_TRY(vs__unknown(err, e->t, &id));
    return vs__emit(err, e, id, 0, n);
}

/* fuzz_wordlist.c - an array and the list of words for its rows: u16 length of the list, the list, the npy.
 * covers: lib/io/words.c */
#include "fuzz.h"
#include "io/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t list, rest = fuzz_split(data, size, &list);
    if (rest >= size) return 0;
    vs_words *w;
    vs_map array = vs_map_borrow(data + rest, size - rest), words = vs_map_borrow(data + 2, list);
    if (vs__words_over(NULL, "input", array, words, &w) == VS_OK) fuzz_words(w);
    return 0;
}

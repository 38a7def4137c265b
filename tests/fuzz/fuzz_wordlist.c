/* fuzz_wordlist.c - numbers and the list of words for their rows: u16 length of the list, the list, the npy, npz or table.
 * A list that begins with '#' goes through files; with '%' the numbers are a table of the Embedding Projector.
 *
 * covers: lib/io/fmt_wordlist.c lib/io/words.c */
#include "fuzz.h"
#include "io/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t list, rest = fuzz_split(data, size, &list);
    if (rest >= size) return 0;
    vs_words *w;
    vs_status s;
    if (list && data[2] == '#') {
        fuzz_put_file("v.words.txt", data + 2, list);
        s = vs_words_open(NULL, fuzz_put_file("v.npy", data + rest, size - rest), &w);
    } else {
        const char *name = list && data[2] == '%' ? "input.tsv" : "input";
        s = vs__words_over(NULL, name, vs_map_borrow(data + rest, size - rest), vs_map_borrow(data + 2, list), &w);
    }
    if (s == VS_OK) fuzz_words(w);
    return 0;
}

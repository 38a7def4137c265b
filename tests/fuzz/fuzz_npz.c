/* fuzz_npz.c - any bytes as an npz archive.
 * covers: lib/io/fmt_npz.c */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_container(data, size);
    return 0;
}

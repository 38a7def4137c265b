/* fuzz.h - what a fuzz target has: one function that takes any bytes, and walks whatever opens. */
#ifndef VS_FUZZ_H
#define VS_FUZZ_H

#include "io/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every tensor's first and last bytes, every key, some elements of every array. */
void fuzz_walk(const vs_file *f);

/* Opens the bytes as a container, walks it, closes it. */
void fuzz_container(const uint8_t *data, size_t size);

/* Every row. */
void fuzz_words(vs_words *w);

/* A directory of this process, removed with its files at the end; a file in it, written anew (returns its path). */
const char *fuzz_dir(void);
const char *fuzz_put_file(const char *name, const void *p, size_t n);

/* A u16 length, so many bytes, and the rest: two files in one input.  Returns where the rest begins. */
size_t fuzz_split(const uint8_t *data, size_t size, size_t *first);

#endif

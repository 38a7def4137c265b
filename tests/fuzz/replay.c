/* replay.c - a fuzz target without libFuzzer: gives it every file named, and every file of a directory named.
 * Each input lies in a block of its own size, so that a sanitizer sees a read beyond its end. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned inputs;

static int replay_file(const char *path) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        if (f) fclose(f);
        return 1;
    }
    size_t n = (size_t)st.st_size;
    uint8_t *data = malloc(n ? n : 1);
    int bad = !data || fread(data, 1, n, f) != n;
    fclose(f);
    if (!bad) {
        fprintf(stderr, "%s\n", path); /* the last line names the input that crashed */
        LLVMFuzzerTestOneInput(data, n);
        inputs++;
    }
    free(data);
    return bad;
}

static int replay(const char *path) {
    DIR *d = opendir(path);
    if (!d) return replay_file(path);
    int bad = 0;
    for (const struct dirent *e; (e = readdir(d));) {
        char inner[4096];
        if (*e->d_name == '.') continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        bad |= replay(inner);
    }
    closedir(d);
    return bad;
}

int main(int argc, char **argv) {
    int bad = 0;
    for (int i = 1; i < argc; i++) bad |= replay(argv[i]);
    printf("%u inputs\n", inputs);
    return bad || !inputs;
}

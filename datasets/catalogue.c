/* catalogue.c - see catalogue.h. */
#include "catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static const vs_dataset datasets[] = {
#define DATASET(id, kind, title, source, licence, entry) {id, kind, title, source, licence, entry},
#include "catalogue.def"
};

typedef struct part_row {
    const char *id;
    vs_dataset_part part;
} part_row;

static const part_row parts[] = {
#define DATASET_PART(id, package, version, bytes) {id, {package, version, bytes}},
#include "catalogue.def"
};

typedef struct file_row {
    const char *id;
    vs_dataset_file file;
} file_row;

static const file_row files[] = {
#define DATASET_FILE(id, path, bytes, sha256, how, member) {id, {path, bytes, sha256, how, member}},
#include "catalogue.def"
};

enum {
    N_DATASETS = sizeof datasets / sizeof *datasets,
    N_PARTS = sizeof parts / sizeof *parts,
    N_FILES = sizeof files / sizeof *files
};

const vs_dataset *vs_dataset_at(size_t i) { return i < N_DATASETS ? &datasets[i] : NULL; }

const vs_dataset *vs_dataset_find(const char *id) {
    for (size_t i = 0; i < N_DATASETS; i++)
        if (strcmp(datasets[i].id, id) == 0) return &datasets[i];
    return NULL;
}

const vs_dataset_part *vs_dataset_part_at(const vs_dataset *d, size_t i) {
    for (size_t r = 0; r < N_PARTS; r++)
        if (strcmp(parts[r].id, d->id) == 0 && i-- == 0) return &parts[r].part;
    return NULL;
}

const vs_dataset_file *vs_dataset_file_at(const vs_dataset *d, size_t i) {
    for (size_t r = 0; r < N_FILES; r++)
        if (strcmp(files[r].id, d->id) == 0 && i-- == 0) return &files[r].file;
    return NULL;
}

uint64_t vs_dataset_bytes(const vs_dataset *d) {
    uint64_t sum = 0;
    const vs_dataset_file *f;
    for (size_t i = 0; (f = vs_dataset_file_at(d, i)); i++) sum += f->bytes;
    return sum;
}

uint64_t vs_dataset_load(const vs_dataset *d) {
    uint64_t sum = 0;
    const vs_dataset_part *p;
    for (size_t i = 0; (p = vs_dataset_part_at(d, i)); i++) sum += p->bytes;
    return sum;
}

vs_status vs_dataset_folder(vs_err *err, const vs_dataset *d, char *buf, size_t size) {
    const char *own = getenv("VECSCOPE_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n;
    if (own && *own)
        n = snprintf(buf, size, "%s/%s", own, d->id);
    else if (xdg && *xdg == '/') /* a relative one is to be ignored, says the XDG base directory specification */
        n = snprintf(buf, size, "%s/vecscope/%s", xdg, d->id);
    else if (home && *home)
        n = snprintf(buf, size, "%s/.cache/vecscope/%s", home, d->id);
    else
        return vs_fail(err, VS_E_STATE, "%s: no cache to look in: set VECSCOPE_CACHE, XDG_CACHE_HOME or HOME", d->id);
    if (n < 0 || (size_t)n >= size) return vs_fail(err, VS_E_RANGE, "%s: the path of the cache is too long", d->id);
    return VS_OK;
}

/* The list of sums that fetch leaves is what the catalogue says now. */
static bool sums_agree(const vs_dataset *d, const char *folder) {
    char path[PATH_BYTES], line[PATH_BYTES], want[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/.fetched", folder);
    if (n < 0 || (size_t)n >= sizeof path) return false;
    FILE *f = fopen(path, "r");
    if (!f) return false;
    bool agree = true;
    const vs_dataset_file *file;
    for (size_t i = 0; agree && (file = vs_dataset_file_at(d, i)); i++) {
        snprintf(want, sizeof want, "%s  %s\n", file->sha256, file->path);
        agree = fgets(line, sizeof line, f) && strcmp(line, want) == 0;
    }
    agree = agree && !fgets(line, sizeof line, f);
    fclose(f);
    return agree;
}

bool vs_dataset_present(const vs_dataset *d) {
    char folder[PATH_BYTES], path[PATH_BYTES];
    if (vs_dataset_folder(NULL, d, folder, sizeof folder) != VS_OK) return false;
    const vs_dataset_file *file;
    for (size_t i = 0; (file = vs_dataset_file_at(d, i)); i++) {
        struct stat at;
        int n = snprintf(path, sizeof path, "%s/%s", folder, file->path);
        if (n < 0 || (size_t)n >= sizeof path || stat(path, &at) != 0 || (uint64_t)at.st_size != file->bytes)
            return false;
    }
    return sums_agree(d, folder);
}

const char *vs_catalogue_path(const char *id, char *buf, size_t size, bool *present) {
    if (present) *present = false;
    const vs_dataset *d = vs_dataset_find(id);
    if (!d || vs_dataset_folder(NULL, d, buf, size) != VS_OK) return NULL;
    size_t at = strlen(buf);
    if (*d->entry) {
        int n = snprintf(buf + at, size - at, "/%s", d->entry);
        if (n < 0 || (size_t)n >= size - at) return NULL;
    }
    if (present) *present = vs_dataset_present(d);
    return buf;
}

/* catalogue.h - the data sets and models that vecscope knows by name, and where they lie.
 *
 * The facts stand in catalogue.def.  Each data set has a folder of its name under the cache: $VECSCOPE_CACHE, or
 * $XDG_CACHE_HOME/vecscope, or ~/.cache/vecscope. */
#ifndef VS_DATASETS_CATALOGUE_H
#define VS_DATASETS_CATALOGUE_H

#include "../lib/vecscope.h"

typedef struct vs_dataset_part {
    const char *package, *version;
    uint64_t bytes; /* of the wheel */
} vs_dataset_part;

typedef struct vs_dataset_file {
    const char *path; /* under the data set's folder */
    uint64_t bytes;
    const char *sha256, *how, *member;
} vs_dataset_file;

typedef struct vs_dataset {
    const char *id, *kind, *title, *source, *licence;
    const char *entry; /* what to open in the folder; "": the folder itself */
} vs_dataset;

/* The rows in the catalogue's order, static; NULL beyond the last.  vs_dataset_find(): by id, NULL when there is none.
 * A data set's parts and files likewise. */
const vs_dataset *vs_dataset_at(size_t i);
const vs_dataset *vs_dataset_find(const char *id);
const vs_dataset_part *vs_dataset_part_at(const vs_dataset *d, size_t i);
const vs_dataset_file *vs_dataset_file_at(const vs_dataset *d, size_t i);

/* vs_dataset_bytes() - what its files take in the cache.  vs_dataset_load() - what has to be downloaded for them. */
uint64_t vs_dataset_bytes(const vs_dataset *d);
uint64_t vs_dataset_load(const vs_dataset *d);

/* vs_dataset_folder() - the data set's folder into buf [size].
 * VS_OK | VS_E_STATE (no variable says where the cache is) | VS_E_RANGE (longer than size). */
vs_status vs_dataset_folder(vs_err *err, const vs_dataset *d, char *buf, size_t size) VS_MUST_CHECK;

/* vs_dataset_present() - true where every file is there in its size and the list of sums that fetch leaves is the
 * catalogue's: fetched, compared with its sums then, and not cut since.  O(files): reads none of them. */
bool vs_dataset_present(const vs_dataset *d);

/* vs_catalogue_path() - a vs_catalogue_fn: the path to open for a catalogued name into buf [size], or NULL.
 * *present (may be NULL) out: it is in the cache. */
const char *vs_catalogue_path(const char *id, char *buf, size_t size, bool *present);

#endif

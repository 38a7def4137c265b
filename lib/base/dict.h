/* dict.h - a hash table from byte strings to 32-bit numbers.
 *
 * Keys are borrowed, never copied: they point into the caller's memory (a mapped
 * file, an arena) and must outlive the table.  Duplicates are refused, so that the
 * first row of a name wins and the caller can report the second. */
#ifndef VS_BASE_DICT_H
#define VS_BASE_DICT_H

#include "status.h"

typedef struct vs_dict {
    struct vs_dict_entry *slot;
    size_t cap, count; /* cap is a power of two; at most 70 % full */
} vs_dict;

/* vs_dict_reserve() - room for n keys without growing.  VS_OK | VS_E_NOMEM. */
vs_status vs_dict_reserve(vs_err *err, vs_dict *d, size_t n) VS_MUST_CHECK;

/* vs_dict_add() - key[n] -> value.  *added is false where the key was there already (its value stays); may be NULL.
 * VS_OK | VS_E_NOMEM.  O(1) expected. */
vs_status vs_dict_add(vs_err *err, vs_dict *d, const char *key, size_t n, uint32_t value, bool *added) VS_MUST_CHECK;

/* vs_dict_find() - whether key[n] is in the table; its value in *value (may be NULL). */
bool vs_dict_find(const vs_dict *d, const char *key, size_t n, uint32_t *value);

void vs_dict_free(vs_dict *d);

/* vs_hash() - 64 bits of a byte string (wyhash-like mixing); the same on every machine. */
uint64_t vs_hash(const void *p, size_t n);

#endif

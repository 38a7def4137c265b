/* json.h - JSON that others wrote: size, depth and repeated keys are checked before anything is built.
 *
 * jansson parses recursively and builds up to forty bytes for each byte that it reads, so both are bounded here. */
#ifndef VS_BASE_JSON_H
#define VS_BASE_JSON_H

#include <jansson.h>

#include "status.h"

enum { VS_JSON_DEPTH = 64 };

/* vs_json_parse() - the value written in s[n]; where ("model/config.json") begins the message of a failure.
 *   limit: bytes at most   *out: owned by the caller (json_decref)
 * VS_OK | VS_E_FORMAT (too long, too deep, a key twice, a syntax error with its line). */
vs_status vs_json_parse(vs_err *err, const char *where, const char *s, size_t n, size_t limit,
                        json_t **out) VS_MUST_CHECK;

/* vs_json_read() - the same for a whole file. */
vs_status vs_json_read(vs_err *err, const char *path, size_t limit, json_t **out) VS_MUST_CHECK;

/* vs_json_read_in() - the same for a file of a directory; *out NULL where it has none of that name. */
vs_status vs_json_read_in(vs_err *err, const char *dir, const char *name, size_t limit, json_t **out) VS_MUST_CHECK;

#endif

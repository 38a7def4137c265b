/* json.c - see json.h. */
#include "json.h"

#include <stdio.h>
#include <sys/stat.h>

#include "map.h"

/* How deep brackets nest; stops counting at VS_JSON_DEPTH + 1.  Brackets inside strings don't count. */
static int depth(const char *s, size_t n) {
    int now = 0, most = 0;
    bool quoted = false;
    for (size_t i = 0; i < n && most <= VS_JSON_DEPTH; i++) {
        if (quoted) {
            if (s[i] == '\\')
                i++;
            else if (s[i] == '"')
                quoted = false;
        } else if (s[i] == '"') {
            quoted = true;
        } else if (s[i] == '[' || s[i] == '{') {
            if (++now > most) most = now;
        } else if (s[i] == ']' || s[i] == '}') {
            now--;
        }
    }
    return most;
}

/* jansson quotes the place of an error; its text may hold anything, so what is not printable becomes a point. */
static void make_printable(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7F) *s = '.';
}

vs_status vs_json_parse(vs_err *err, const char *where, const char *s, size_t n, size_t limit, json_t **out) {
    *out = NULL;
    if (n > limit) return vs_fail(err, VS_E_FORMAT, "%s: %zu bytes of JSON, at most %zu are read", where, n, limit);
    if (depth(s, n) > VS_JSON_DEPTH)
        return vs_fail(err, VS_E_FORMAT, "%s: JSON nested deeper than %d", where, VS_JSON_DEPTH);
    json_error_t e;
    *out = json_loadb(n ? s : "", n, JSON_REJECT_DUPLICATES, &e);
    if (*out) return VS_OK;
    make_printable(e.text);
    return vs_fail(err, VS_E_FORMAT, "%s: JSON, line %d column %d: %s", where, e.line, e.column, e.text);
}

vs_status vs_json_read(vs_err *err, const char *path, size_t limit, json_t **out) {
    *out = NULL;
    vs_map m;
    VS_TRY(vs_map_open(err, path, &m));
    vs_status s = vs_json_parse(err, path, (const char *)m.bytes, m.size, limit, out);
    vs_map_close(&m);
    return s;
}

vs_status vs_json_read_in(vs_err *err, const char *dir, const char *name, size_t limit, json_t **out) {
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    *out = NULL;
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return VS_OK;
    return vs_json_read(err, path, limit, out);
}

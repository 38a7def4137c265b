/* charsmap.c - SentencePiece's table of characters to be rewritten, as T5, mBART and XLM-R ship it.
 *
 * A u32 with the size of the trie in bytes, its units, then the texts.  A unit of the trie (darts-clone's format) has
 * the offset of its children in bits 10 to 30 (shifted by 8 more where bit 9 is set), whether a value follows in bit 8
 * and its label in bits 0 to 7; a value's unit has bit 31 set. */
#include <string.h>
#include <utf8proc.h>

#include "tokenizer_impl.h"

vs_status vs__charsmap_open(vs_err *err, vs__charsmap *m, const char *blob, size_t n) {
    uint32_t bytes = 0;
    if (n >= 4) memcpy(&bytes, blob, 4);
    if (n < 4 || !bytes || bytes % 4 || bytes > n - 4)
        return vs_fail(err, VS_E_FORMAT, "precompiled_charsmap: a table of %u bytes does not fit into %zu", bytes, n);
    *m = (vs__charsmap){.units = blob + 4, .count = bytes / 4, .text = blob + 4 + bytes, .text_len = n - 4 - bytes};
    if (!vs_utf8_valid(m->text, m->text_len, NULL))
        return vs_fail(err, VS_E_FORMAT, "precompiled_charsmap: its texts are not UTF-8");
    return VS_OK;
}

static uint32_t unit_at(const vs__charsmap *m, size_t i) {
    uint32_t u = 0;
    if (i < m->count) memcpy(&u, m->units + 4 * i, 4);
    return u;
}

static size_t children(uint32_t unit) { return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6); }

/* What the shortest key at the start of s[n] is rewritten to; NULL: no key is there. */
static const char *rewritten(const vs__charsmap *m, const char *s, size_t n, size_t *len) {
    size_t at = children(unit_at(m, 0));
    for (size_t i = 0; i < n && s[i]; i++) {
        unsigned char c = (unsigned char)s[i];
        at ^= c;
        uint32_t unit = unit_at(m, at);
        if (at >= m->count || (unit & (1u << 31 | 0xFF)) != c) return NULL;
        at ^= children(unit);
        if (!(unit >> 8 & 1)) continue;
        size_t value = unit_at(m, at) & 0x7FFFFFFF;
        if (at >= m->count || value > m->text_len) return NULL;
        const char *end = memchr(m->text + value, 0, m->text_len - value);
        *len = end ? (size_t)(end - m->text) - value : m->text_len - value;
        return m->text + value;
    }
    return NULL;
}

static size_t count_characters(const char *s, size_t n) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count;
}

/* `was` characters become s[n].  Where characters go, the last glyph there is takes them along, even one of before. */
static void put(vs__glyphs *out, size_t was, const char *s, size_t n) {
    size_t is = count_characters(s, n), k = 0;
    for (size_t i = 0; i < n; k++)
        vs__glyph_push(out, (vs__glyph){.cp = vs_utf8_next(s, n, &i, NULL), .change = is > was && k >= was});
    if (is < was && out->n && !out->failed) out->g[out->n - 1].change -= (int32_t)(was - is);
}

static size_t grapheme_end(const char *s, size_t begin, size_t end) {
    utf8proc_int32_t state = 0;
    size_t i = begin;
    uint32_t before = vs_utf8_next(s, end, &i, NULL);
    for (size_t next = i; i < end; i = next) {
        uint32_t cp = vs_utf8_next(s, end, &next, NULL);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)cp, &state)) break;
        before = cp;
    }
    return i;
}

vs_status vs__charsmap_apply(vs_err *err, const vs__charsmap *m, const vs__text *src, vs__slice at, vs__text *dst) {
    enum {
        LONGEST = 6
    }; /* the reference looks for a whole grapheme where it is shorter than this, else for its characters */
    vs__glyphs out = {0};
    bool changed = false;
    const char *s = src->s, *to;
    for (size_t i = at.begin, end, n; i < at.end; i = end) {
        end = grapheme_end(s, i, at.end);
        if (end - i < LONGEST && (to = rewritten(m, s + i, end - i, &n))) {
            put(&out, count_characters(s + i, end - i), to, n);
            changed = true;
            continue;
        }
        for (size_t next = i; i < end; i = next) {
            uint32_t cp = vs_utf8_next(s, end, &next, NULL);
            to = rewritten(m, s + i, next - i, &n);
            changed = changed || to;
            if (to)
                put(&out, 1, to, n);
            else
                vs__glyph_push(&out, (vs__glyph){.cp = cp});
        }
    }
    if (changed && !out.failed) vs__glyphs_write(&out, src, at, dst);
    if (!changed) vs__text_put_slice(dst, src, at.begin, at.end);
    vs_free(out.g);
    return out.failed ? vs_fail(err, VS_E_NOMEM, "no memory to normalise %zu bytes", at.end - at.begin) : VS_OK;
}

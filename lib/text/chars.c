/* chars.c - classes of characters, as the reference's tables have them (char_classes.def says why these are not the
 * installed utf8proc's). */
#include <utf8proc.h>

#include "tokenizer_impl.h"

typedef struct span {
    uint32_t first, last;
} span;

static const span marks[] = {
#define MARK(first, last) {first, last},
#include "char_classes.def"
};
static const span accents[] = {
#define ACCENT(first, last) {first, last},
#include "char_classes.def"
};
static const span punctuation[] = {
#define PUNCTUATION(first, last) {first, last},
#include "char_classes.def"
};
static const span others[] = {
#define OTHER(first, last) {first, last},
#include "char_classes.def"
};
static const span late[] = {
#define LATE(first, last) {first, last},
#include "char_classes.def"
};
static const struct {
    uint32_t from, to;
} lowers[] = {
#define LOWER(from, to) {from, to},
#include "char_classes.def"
};

typedef struct script_span {
    span of;
    uint32_t script;
} script_span;
static const script_span scripts[] = {
#define SCRIPT(first, last, script) {{first, last}, script},
#include "char_classes.def"
};

/* The span that holds cp, of n that begin elements of `size` bytes, in order; NULL where none does. */
static const span *find(const span *table, size_t size, size_t n, uint32_t cp) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const span *at = (const span *)(const void *)((const char *)table + mid * size);
        if (cp > at->last)
            lo = mid + 1;
        else if (cp < at->first)
            hi = mid;
        else
            return at;
    }
    return NULL;
}
#define IN(table, cp) (find(table, sizeof *table, sizeof table / sizeof *table, cp) != NULL)

bool vs__is_space(uint32_t cp) {
    return cp == ' ' || (cp >= 9 && cp <= 13) || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F ||
           cp == 0x3000;
}

bool vs__is_other(uint32_t cp) {
    return (cp < ' ' || cp >= 0x7F) && cp != '\t' && cp != '\n' && cp != '\r' && IN(others, cp);
}
bool vs__is_punctuation(uint32_t cp) { return IN(punctuation, cp); }
bool vs__is_nonspacing(uint32_t cp) { return cp >= 0x300 && IN(marks, cp); }
bool vs__is_mark(uint32_t cp) { return cp >= 0x300 && IN(accents, cp); }
bool vs__is_number(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
}
bool vs__is_late(uint32_t cp) { return cp >= 0x300 && IN(late, cp); }

uint32_t vs__script(uint32_t cp) {
    const span *at = find(&scripts[0].of, sizeof *scripts, sizeof scripts / sizeof *scripts, cp);
    return at ? ((const script_span *)(const void *)at)->script : 0;
}

bool vs__is_nmt_dropped(uint32_t cp) {
    return (cp >= 1 && cp <= 8) || cp == 0xB || (cp >= 0xE && cp <= 0x1F) || cp == 0x7F || cp == 0x8F || cp == 0x9F;
}
bool vs__is_nmt_blank(uint32_t cp) {
    return cp == 9 || cp == 0xA || cp == 0xC || cp == 0xD || cp == 0x1680 || (cp >= 0x200B && cp <= 0x200F) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x2581 || cp == 0xFEFF || cp == 0xFFFD;
}

bool vs__is_cjk(uint32_t cp) {
    return cp >= 0x3400 &&
           ((cp >= 0x4E00 && cp <= 0x9FFF) || cp <= 0x4DBF || (cp >= 0x20000 && cp <= 0x2A6DF) ||
            (cp >= 0x2A700 && cp <= 0x2B73F) || (cp >= 0x2B740 && cp <= 0x2B81F) || (cp >= 0x2B920 && cp <= 0x2CEAF) ||
            (cp >= 0xF900 && cp <= 0xFAFF) || (cp >= 0x2F800 && cp <= 0x2FA1F));
}

bool vs__is_word(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_ND) || c == UTF8PROC_CATEGORY_NL ||
           c == UTF8PROC_CATEGORY_PC || cp == 0x200C || cp == 0x200D || (cp >= 0x24B6 && cp <= 0x24E9) ||
           (cp >= 0x1F130 && cp <= 0x1F149) || (cp >= 0x1F150 && cp <= 0x1F169) ||
           (cp >= 0x1F170 && cp <= 0x1F189); /* VS__WORD */
}

size_t vs__lower(uint32_t cp, uint32_t out[2]) {
    if (cp == 0x130) { /* İ: the one character whose lower case is two */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = cp < 128 ? (cp >= 'A' && cp <= 'Z' ? cp + 32 : cp) : (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
    if (out[0] == cp && cp >= lowers[0].from)
        for (size_t i = 0; i < sizeof lowers / sizeof *lowers; i++)
            if (lowers[i].from == cp) out[0] = lowers[i].to;
    return 1;
}

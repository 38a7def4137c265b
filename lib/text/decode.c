/* decode.c - pieces back to text: the decoder's steps over a list of strings. */
#include <string.h>

#include "tokenizer_impl.h"

/* Strings one after another; end[i] is where the i-th ends. */
typedef struct strings {
    vs_buf text;
    size_t *end;
    size_t n, cap;
} strings;

static void close_string(strings *l) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        size_t *p = vs_grow(l->end, l->n, cap, sizeof *p);
        if (!p) {
            l->text.failed = true;
            return;
        }
        l->end = p;
        l->cap = cap;
    }
    l->end[l->n++] = l->text.len;
}

static const char *string_at(const strings *l, size_t i, size_t *n) {
    size_t begin = i ? l->end[i - 1] : 0;
    *n = l->end[i] - begin;
    return l->text.s ? l->text.s + begin : "";
}

static void strings_free(strings *l) {
    vs_buf_free(&l->text);
    vs_free(l->end);
    *l = (strings){0};
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int vs__byte_of_piece(const char *s, size_t n) {
    if (n != 6 || memcmp(s, "<0x", 3) || s[5] != '>') return -1;
    int high = hex_digit(s[3]), low = hex_digit(s[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Bytes of s[n] that begin a character but do not finish it; 1 where none could begin so. */
static size_t beginning(const char *s, size_t n) {
    static const struct {
        unsigned char lead, last, least, most; /* leads, and what may follow them */
        size_t bytes;
    } rows[] = {{0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
                {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
                {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    unsigned char lead = (unsigned char)s[0], second = n > 1 ? (unsigned char)s[1] : 0;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (lead < rows[k].lead || lead > rows[k].last || second < rows[k].least || second > rows[k].most) continue;
        size_t i = 2;
        while (i < n && i < rows[k].bytes && ((unsigned char)s[i] & 0xC0) == 0x80) i++;
        return i;
    }
    return 1;
}

/* s[n] with what is not UTF-8 as U+FFFD: one for each beginning of a character, else for each byte. */
static void put_lossy(vs_buf *out, const char *s, size_t n) {
    size_t done = 0;
    for (size_t i = 0, start = 0; i < n; start = i) {
        bool bad = false;
        if ((unsigned char)s[i] < 0x80) {
            i++;
            continue;
        }
        vs_utf8_next(s, n, &i, &bad);
        if (!bad) continue;
        vs_buf_put(out, s + done, start - done);
        vs_buf_put_utf8(out, 0xFFFD);
        done = i = start + beginning(s + start, n - start);
    }
    vs_buf_put(out, s + done, n - done);
}

/* s[n] with `what` replaced wherever it is; where that is empty, `by` stands around every character. */
static void put_replaced(vs_buf *out, const char *s, size_t n, const char *what, size_t nw, const char *by, size_t nb) {
    size_t done = 0;
    for (size_t i = 0; !nw && i < n; done = i) {
        vs_buf_put(out, by, nb);
        vs_utf8_next(s, n, &i, NULL);
        vs_buf_put(out, s + done, i - done);
    }
    if (!nw) vs_buf_put(out, by, nb);
    for (size_t i = 0; nw && n - i >= nw;) {
        const char *hit = memchr(s + i, what[0], n - i - nw + 1);
        if (!hit) break;
        i = (size_t)(hit - s);
        if (memcmp(hit, what, nw)) {
            i++;
            continue;
        }
        vs_buf_put(out, s + done, i - done);
        vs_buf_put(out, by, nb);
        done = i += nw;
    }
    vs_buf_put(out, s + done, n - done);
}

static void bytes_end(strings *out, vs_buf *run) {
    if (!run->len) return;
    if (vs_utf8_valid(run->s, run->len, NULL)) {
        vs_buf_put(&out->text, run->s, run->len);
        close_string(out);
    } else {
        for (size_t i = 0; i < run->len; i++) {
            vs_buf_put_utf8(&out->text, 0xFFFD);
            close_string(out);
        }
    }
    vs_buf_clear(run);
}

static void byte_fallback(const strings *in, strings *out) {
    vs_buf run = {0};
    for (size_t i = 0; i < in->n; i++) {
        size_t n;
        const char *s = string_at(in, i, &n);
        int b = vs__byte_of_piece(s, n);
        if (b >= 0) {
            vs_buf_putc(&run, (char)b);
            continue;
        }
        bytes_end(out, &run);
        vs_buf_put(&out->text, s, n);
        close_string(out);
    }
    bytes_end(out, &run);
    out->text.failed = out->text.failed || run.failed;
    vs_buf_free(&run);
}

static void strip(const vs__decode_step *d, const char *s, size_t n, vs_buf *out) {
    size_t begin = 0, end = n;
    for (size_t k = 0; k < d->start && end - begin >= d->an && !memcmp(s + begin, d->a, d->an); k++) begin += d->an;
    for (size_t k = 0; k < d->stop && end - begin >= d->an && !memcmp(s + end - d->an, d->a, d->an); k++) end -= d->an;
    vs_buf_put(out, s + begin, end - begin);
}

/* Every piece as bytes where all its characters are of GPT-2's alphabet, as it is otherwise. */
static void from_alphabet(const char *s, size_t n, vs_buf *out) {
    size_t before = out->len, k = 0;
    char some[64];
    for (size_t i = 0; i < n;) {
        int b = s[i] > ' ' && s[i] < 127 ? s[i++] : vs__char_to_byte(vs_utf8_next(s, n, &i, NULL));
        if (b < 0) {
            out->len = before;
            vs_buf_put(out, s, n);
            return;
        }
        some[k++] = (char)b;
        if (k < sizeof some && i < n) continue;
        vs_buf_put(out, some, k);
        k = 0;
    }
}

/* What English spelling wants of blanks; the reference does these one after another on each piece.  No rule makes s[n]
 * longer, so it is done in place; returns what n is then. */
static size_t clean_up(char *s, size_t n) {
    static const char *const rule[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                          {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                          {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t k = 0; k < sizeof rule / sizeof *rule; k++) {
        size_t nw = strlen(rule[k][0]), nb = strlen(rule[k][1]), w = 0;
        for (size_t i = 0; i < n;) {
            if (s[i] == ' ' && n - i >= nw && !memcmp(s + i, rule[k][0], nw)) {
                memcpy(s + w, rule[k][1], nb);
                w += nb;
                i += nw;
            } else {
                s[w++] = s[i++];
            }
        }
        n = w;
    }
    return n;
}

/* Whether any of the rules can apply: each begins with a blank and one of a few characters. */
static bool unclean(const char *s, size_t n) {
    for (size_t i = 0; i + 1 < n; i++)
        if (s[i] == ' ' && s[i + 1] && strchr(".?!,'nd", s[i + 1])) return true;
    return false;
}

static void wordpiece(const vs__decode_step *d, size_t i, const char *s, size_t n, vs_buf *out) {
    size_t before = out->len;
    if (i && n >= d->an && !memcmp(s, d->a, d->an)) {
        s += d->an;
        n -= d->an;
    } else if (i) {
        vs_buf_putc(out, ' ');
    }
    vs_buf_put(out, s, n);
    if (d->flag && !out->failed && unclean(out->s + before, out->len - before))
        out->len = before + clean_up(out->s + before, out->len - before);
}

/* What speech recognition writes: pieces said again at once count once. */
static void ctc(const vs__decode_step *d, const strings *in, strings *out) {
    vs_buf a = {0}, b = {0};
    const char *before = NULL;
    for (size_t i = 0, n, before_n = 0; i < in->n; i++) {
        const char *s = string_at(in, i, &n);
        bool again = before && n == before_n && !memcmp(s, before, n);
        before = s;
        before_n = n;
        if (again) continue;
        vs_buf_clear(&a);
        put_replaced(&a, s, n, d->a, d->an, "", 0);
        if (d->flag && a.len) {
            vs_buf_clear(&b);
            vs_buf_put(&b, a.s, unclean(a.s, a.len) ? clean_up(a.s, a.len) : a.len);
            vs_buf_clear(&a);
            if (b.len) put_replaced(&a, b.s, b.len, d->b, d->bn, " ", 1);
        }
        if (!a.len) continue;
        vs_buf_put(&out->text, a.s, a.len);
        close_string(out);
    }
    out->text.failed = out->text.failed || a.failed || b.failed;
    vs_buf_free(&a);
    vs_buf_free(&b);
}

static vs_status replace(vs_err *err, const vs__decode_step *d, const char *s, size_t n, vs_buf *out) {
    if (!d->pattern.re) {
        put_replaced(out, s, n, d->pattern.literal, d->pattern.n, d->a, d->an);
        return VS_OK;
    }
    vs__match *m = NULL;
    size_t count = 0, cap = 0;
    vs_status st = vs__pattern_matches(err, &d->pattern, s, n, &m, &count, &cap);
    for (size_t i = 0; st == VS_OK && i < count; i++)
        if (m[i].is_match)
            vs_buf_put(out, d->a, d->an);
        else
            vs_buf_put(out, s + m[i].begin, m[i].end - m[i].begin);
    vs_free(m);
    return st;
}

static vs_status step_one(vs_err *err, const vs__decode_step *d, const strings *in, strings *out) {
    if (d->kind == VS__DECODE_BYTE_FALLBACK || d->kind == VS__DECODE_CTC) {
        if (d->kind == VS__DECODE_CTC)
            ctc(d, in, out);
        else
            byte_fallback(in, out);
        return VS_OK;
    }
    for (size_t i = 0; i < in->n; i++) {
        size_t n;
        const char *s = string_at(in, i, &n);
        switch (d->kind) {
        case VS__DECODE_REPLACE: VS_TRY(replace(err, d, s, n, &out->text)); break;
        case VS__DECODE_STRIP: strip(d, s, n, &out->text); break;
        case VS__DECODE_BYTES: from_alphabet(s, n, &out->text); break;
        case VS__DECODE_WORDPIECE: wordpiece(d, i, s, n, &out->text); break;
        case VS__DECODE_METASPACE: put_replaced(&out->text, s, n, d->a, d->an, " ", i || !d->flag); break;
        case VS__DECODE_SUFFIX: put_replaced(&out->text, s, n, d->a, d->an, " ", i + 1 < in->n); break;
        default: vs_buf_put(&out->text, s, n); /* VS__DECODE_FUSE */
        }
        if (d->kind != VS__DECODE_FUSE && d->kind != VS__DECODE_BYTES) close_string(out);
    }
    if (d->kind == VS__DECODE_BYTES) {
        vs_buf bytes = out->text;
        out->text = (vs_buf){0};
        put_lossy(&out->text, bytes.s ? bytes.s : "", bytes.len);
        out->text.failed = out->text.failed || bytes.failed;
        vs_buf_free(&bytes);
    }
    if (d->kind == VS__DECODE_FUSE || d->kind == VS__DECODE_BYTES) close_string(out);
    return VS_OK;
}

static void put_respelled(const vs_tokenizer *t, int32_t id, vs_buf *out) {
    for (size_t i = t->added_count; i-- > 0;)
        if (t->added[i].id == id) {
            vs_buf_put(out, t->added[i].norm, t->added[i].norm_len);
            return;
        }
}

/* The strings that the decoder starts from. */
static vs_status collect(vs_err *err, const vs_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                         strings *out) {
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0) return vs_fail(err, VS_E_RANGE, "token %zu: id %d is not in the vocabulary of %zu", i, ids[i], t->vocab.count);
        if ((size_t)ids[i] >= t->vocab.count) continue;
        const vs__piece *p = &t->vocab.piece[ids[i]];
        if (!p->s || (skip_special && (p->flags & (VS__PIECE_SPECIAL | VS__PIECE_RESPELLED)) == VS__PIECE_SPECIAL))
            continue;
        if (t->join_with_blanks && out->n) vs_buf_putc(&out->text, ' ');
        if (p->flags & VS__PIECE_RESPELLED)
            put_respelled(t, ids[i], &out->text);
        else
            vs_buf_put(&out->text, p->s, p->len);
        close_string(out);
    }
    return VS_OK;
}

vs_status vs_detokenize(vs_err *err, const vs_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                        vs_buf *out) {
    strings a = {0}, b = {0};
    vs_status s = collect(err, t, ids, n, skip_special, &a);
    for (size_t k = 0; s == VS_OK && k < t->decode_count && !a.text.failed; k++) {
        s = step_one(err, &t->decode[k], &a, &b);
        strings_free(&a);
        a = b;
        b = (strings){0};
    }
    if (s == VS_OK && !a.text.failed && a.text.len)
        put_lossy(out, a.text.s, a.text.len); /* pieces of a file may be anything */
    if (s == VS_OK && (a.text.failed || out->failed)) s = vs_fail(err, VS_E_NOMEM, "no memory to decode %zu tokens", n);
    strings_free(&a);
    return s;
}

void vs_piece_text(const vs_tokenizer *t, int32_t id, vs_buf *out) {
    size_t n;
    const char *s = vs_piece(t, id, &n);
    if (!s) return;
    bool plain = t->spelling == VS__SPELL_PLAIN || (t->vocab.piece[id].flags & VS__PIECE_SPECIAL);
    int b = t->spelling == VS__SPELL_METASPACE ? vs__byte_of_piece(s, n) : -1;
    if (b >= 0)
        vs_buf_putc(out, (char)b);
    else if (plain)
        vs_buf_put(out, s, n);
    else if (t->spelling == VS__SPELL_BYTES)
        from_alphabet(s, n, out);
    else
        put_replaced(out, s, n, "\xE2\x96\x81", 3, " ", 1);
}

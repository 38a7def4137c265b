/* tokenizer_impl.h - the parts of a tokenizer, shared by the files of lib/text.
 *
 * The reference's pipeline, as short arrays of tagged steps:
 *   text -> added tokens found in it | normaliser steps -> added tokens found in the normalised text
 *        -> pre-tokeniser steps (slices) -> model (BPE, WordPiece, Unigram, whole words) -> template -> tokens
 *   ids  -> pieces -> decoder steps -> text
 * Every byte of the text on its way remembers which bytes of the original it came from,
 * by the same rules as the reference (Hugging Face tokenizers), so offsets are its too. */
#ifndef VS_TEXT_TOKENIZER_IMPL_H
#define VS_TEXT_TOKENIZER_IMPL_H

#include <stdatomic.h>

#include "../base/alloc.h"
#include "../base/str.h"
#include "tokenizer.h"

/* ---- vocabulary: pieces by id, ids by piece (vocab.c) ---- */

/* RESPELLED: an added token that the normaliser changes, and that is decoded as it then is.  OUTSIDE: an added token
 * that is no piece of the model, which never makes it of a text. */
enum { VS__PIECE_SPECIAL = 1, VS__PIECE_ADDED = 2, VS__PIECE_RESPELLED = 4, VS__PIECE_OUTSIDE = 8 };
typedef struct vs__piece {
    const char *s; /* borrowed; NULL: no piece has this id */
    uint32_t len, flags;
} vs__piece;

typedef struct vs__vocab {
    vs__piece *piece; /* [count] */
    size_t count;
    struct vs__vocab_slot *slot; /* open addressing, a power of two */
    uint32_t *two;               /* [128,128] id + 1 of two ASCII characters, which are looked up most */
    size_t mask;
    size_t max_len; /* of the longest piece, bytes */
} vs__vocab;

/* vs__vocab_init() - room for ids below count.  VS_OK | VS_E_NOMEM.
 * vs__vocab_put() - id (< count) is spelled s[n], borrowed; of two ids spelled alike the later is found.
 * vs__vocab_find() - the id of a spelling or -1.  O(n) expected.  vs__model_find(): among the model's own pieces. */
vs_status vs__vocab_init(vs_err *err, vs__vocab *v, size_t count) VS_MUST_CHECK;
void vs__vocab_put(vs__vocab *v, uint32_t id, const char *s, uint32_t n);
void vs__vocab_index(vs__vocab *v); /* the same for all ids at once, after piece[] was filled */
int32_t vs__vocab_find(const vs__vocab *v, const char *s, size_t n);
int32_t vs__model_find(const vs__vocab *v, const char *s, size_t n);
void vs__vocab_free(vs__vocab *v);

/* ---- a trie over bytes: the longest key at a place, or every key that begins there (trie.c) ---- */

typedef struct vs__trie {
    struct vs__trie_node *node;
    size_t count, cap;
    uint32_t first[256]; /* the root's children by byte; 0: none */
} vs__trie;

/* vs__trie_add() - key[n] (n > 0) -> value; the later of two equal keys wins.  VS_OK | VS_E_NOMEM.
 * vs__trie_longest() - bytes of the longest key at the start of s[n], 0 when there is none; its value in *value.
 * vs__trie_step() - walk: from *at (0: the root) over one byte; false when no key goes that way.  *value is the value
 * of the key that ends here or -1. */
vs_status vs__trie_add(vs_err *err, vs__trie *t, const char *key, size_t n, int32_t value) VS_MUST_CHECK;
size_t vs__trie_longest(const vs__trie *t, const char *s, size_t n, int32_t *value);
bool vs__trie_step(const vs__trie *t, uint32_t *at, unsigned char byte, int32_t *value);
void vs__trie_free(vs__trie *t);

/* ---- characters (chars.c): the classes that the reference's tables give ---- */

bool vs__is_space(uint32_t cp);       /* White_Space */
bool vs__is_other(uint32_t cp);       /* Cc Cf Cs Co, but tab and line ends */
bool vs__is_punctuation(uint32_t cp); /* P*, and all of ASCII's */
bool vs__is_nonspacing(uint32_t cp);  /* Mn */
bool vs__is_mark(uint32_t cp);        /* Mn Mc Me */
bool vs__is_number(uint32_t cp);      /* N* */
bool vs__is_cjk(uint32_t cp);         /* ideographs that BERT splits at */
bool vs__is_word(uint32_t cp);        /* \w */
bool vs__is_nmt_dropped(uint32_t cp); /* SentencePiece's nmt rules drop it */
bool vs__is_nmt_blank(uint32_t cp);   /* and take this for a blank */
bool vs__is_late(uint32_t cp);        /* utf8proc may normalise it, the reference does not */
uint32_t vs__script(uint32_t cp);     /* a number for each; kana are Han's; 0: goes with any (a blank, unassigned) */
/* The same for a pattern's class: letters, marks, decimal and letter numbers, connectors, joiners, letters in circles.
 */
#define VS__WORD                                                                                                       \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-\\x{24e9}"                                           \
    "\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"
size_t vs__lower(uint32_t cp, uint32_t out[2]);

/* ---- text on its way ---- */

typedef struct vs__text {
    char *s;
    uint32_t *from, *to; /* [n] the span of the original text that the byte stands for */
    size_t n, cap;
    bool failed; /* memory was short: nothing more is written */
} vs__text;

/* A part of it that is looked at by itself.  origin: where it begins in the original text. */
typedef struct vs__slice {
    size_t begin, end;
    uint32_t origin;
} vs__slice;

void vs__text_put(vs__text *x, const char *s, size_t n, uint32_t from, uint32_t to); /* n bytes with one span */
void vs__text_put_cp(vs__text *x, uint32_t cp, uint32_t from, uint32_t to);
void vs__text_put_slice(vs__text *x, const vs__text *src, size_t begin, size_t end);
void vs__text_put_original(vs__text *x, const char *text, size_t begin, size_t end); /* each character its own span */
void vs__text_free(vs__text *x);

/* A character of a rewritten text and how it came about: change 0 stands for one character of before, 1 is new, -k
 * stands for 1 + k. */
typedef struct vs__glyph {
    uint32_t cp;
    int32_t change;
    uint32_t ccc; /* canonical combining class, where that is looked at */
} vs__glyph;
typedef struct vs__glyphs {
    vs__glyph *g;
    size_t n, cap;
    bool failed;
} vs__glyphs;
void vs__glyph_push(vs__glyphs *a, vs__glyph g);
/* vs__glyphs_write() - the glyphs that slice `at` became, appended to dst with the spans of the reference's
 * bookkeeping: in the order of the glyphs, not where a reordered mark came from. */
void vs__glyphs_write(const vs__glyphs *a, const vs__text *src, vs__slice at, vs__text *dst);

/* A pattern: a literal or (re set) a regular expression. */
typedef struct vs__pattern {
    const char *literal;
    size_t n;
    struct pcre2_real_code_8 *re;
    bool matches_empty;
    const char *source; /* the expression as it was written, where its loader keeps it; or NULL */
} vs__pattern;
typedef struct vs__match {
    size_t begin, end;
    bool is_match;
} vs__match;

/* SentencePiece's precompiled_charsmap (charsmap.c): a double-array trie from characters to offsets of texts that end
 * in a NUL.  Borrowed. */
typedef struct vs__charsmap {
    const char *units, *text;
    size_t count, text_len; /* units of four bytes; bytes of texts */
} vs__charsmap;

/* vs__charsmap_open() - over the blob[n] as the file has it.  VS_OK | VS_E_FORMAT.  _apply(): VS_OK | VS_E_NOMEM. */
vs_status vs__charsmap_open(vs_err *err, vs__charsmap *m, const char *blob, size_t n) VS_MUST_CHECK;
vs_status vs__charsmap_apply(vs_err *err, const vs__charsmap *m, const vs__text *src, vs__slice at,
                             vs__text *dst) VS_MUST_CHECK;

/* ---- steps ---- */

typedef enum vs__norm_kind {
    VS__NORM_PREPEND,    /* text a in front, unless empty */
    VS__NORM_REPLACE,    /* pattern by text a */
    VS__NORM_CLEAN,      /* BERT: control characters out, any white space a blank */
    VS__NORM_CJK,        /* BERT: blanks around ideographs */
    VS__NORM_DROP_MARKS, /* non-spacing marks out (flag 1: marks of any kind) */
    VS__NORM_LOWER,
    VS__NORM_NFC,
    VS__NORM_NFD,
    VS__NORM_NFKC,
    VS__NORM_NFKD,
    VS__NORM_CHARSMAP, /* characters by a table */
    VS__NORM_STRIP,    /* white space at the left (flag 1), right (flag 2) */
    VS__NORM_NMT,      /* SentencePiece's: control characters out, what else is blank a blank */
    VS__NORM_BYTES,    /* every byte becomes a printable character (GPT-2) */
} vs__norm_kind;
typedef struct vs__norm_step {
    vs__norm_kind kind;
    unsigned flags;
    vs__pattern pattern;
    vs__charsmap charsmap;
    const char *a;
    size_t an;
} vs__norm_step;

/* vs__normalize() - one slice of src through one step, appended to dst.  VS_OK | VS_E_NOMEM | VS_E_UNSUPPORTED (a
 * pattern that costs too much). */
vs_status vs__normalize(vs_err *err, const vs__norm_step *step, const vs__text *src, vs__slice at,
                        vs__text *dst) VS_MUST_CHECK;

typedef enum vs__behavior {
    VS__REMOVED,
    VS__ISOLATED,
    VS__MERGED_WITH_PREVIOUS,
    VS__MERGED_WITH_NEXT,
    VS__CONTIGUOUS
} vs__behavior;
typedef enum vs__prepend { VS__PREPEND_NEVER, VS__PREPEND_FIRST, VS__PREPEND_ALWAYS } vs__prepend;
typedef enum vs__pretok_kind {
    VS__PRETOK_SPLIT,       /* at a pattern */
    VS__PRETOK_SPACE,       /* at white space */
    VS__PRETOK_PUNCTUATION, /* at punctuation */
    VS__PRETOK_DIGITS,      /* at numbers */
    VS__PRETOK_BYTES,       /* every byte becomes a printable character (GPT-2) */
    VS__PRETOK_METASPACE,   /* blanks become a; a in front (prepend) unless it is there */
    VS__PRETOK_PREFIX,      /* a in front unless it is there */
    VS__PRETOK_LENGTH,      /* every `length` characters */
    VS__PRETOK_SCRIPTS,     /* where another script begins */
} vs__pretok_kind;
typedef struct vs__pretok_step {
    vs__pretok_kind kind;
    vs__behavior behavior;
    bool invert;
    vs__prepend prepend;
    vs__pattern pattern;
    const char *a;
    size_t an, length;
} vs__pretok_step;

typedef enum vs__decode_kind {
    VS__DECODE_REPLACE,
    VS__DECODE_BYTE_FALLBACK,
    VS__DECODE_FUSE,
    VS__DECODE_STRIP,
    VS__DECODE_BYTES,
    VS__DECODE_WORDPIECE,
    VS__DECODE_METASPACE,
    VS__DECODE_SUFFIX,
    VS__DECODE_CTC, /* of equal pieces in a row one; a goes, b is a blank */
} vs__decode_kind;
typedef struct vs__decode_step {
    vs__decode_kind kind;
    vs__pattern pattern; /* REPLACE: what */
    const char *
        a; /* REPLACE: by; STRIP: the character; WORDPIECE: the prefix; METASPACE: the mark; SUFFIX: what ends a word */
    size_t an;
    const char *b; /* CTC: between words */
    size_t bn;
    size_t start, stop; /* STRIP */
    bool flag;          /* WORDPIECE, CTC: clean up; METASPACE: the first piece's marks go */
} vs__decode_step;

/* ---- models ---- */

typedef struct vs__merge {
    uint32_t left, right, rank, id;
} vs__merge;
typedef struct vs__cuts vs__cuts;
enum { VS__BPE_AFFIX = 64 }; /* bytes of a prefix or suffix at most */
typedef struct vs__bpe {
    vs__merge *merge; /* [mask+1] open addressing; NULL: pairs are looked up by their joined spelling */
    size_t mask;
    uint32_t *rank; /* [count] order of a joined piece; NULL: its id */
    int32_t byte[256];
    bool byte_fallback, fuse_unk, ignore_merges;
    const char *prefix, *suffix; /* of the characters that do not begin a word; of the one that ends it */
    size_t prefix_len, suffix_len;
    int32_t ascii[128];
    _Atomic(vs__cuts *) *cuts; /* where texts fall into words, once that was wanted */
} vs__bpe;
typedef struct vs__wordpiece {
    const char *prefix;
    size_t prefix_len, max_chars;
    vs__trie trie;
} vs__wordpiece;
enum { VS__UNK_PENALTY = 10 }; /* SentencePiece's kUnkPenalty: an unknown character costs so much more than any piece */
typedef struct vs__unigram {
    double *score; /* [count] */
    double unk_score;
    vs__trie trie;
    bool byte_fallback;
    int32_t byte[256];
} vs__unigram;
typedef enum vs__model_kind { VS__MODEL_BPE, VS__MODEL_WORDPIECE, VS__MODEL_UNIGRAM, VS__MODEL_WORDS } vs__model_kind;

/* A piece of the template: one of the texts, or a token. */
typedef struct vs__slot {
    int32_t id; /* -1: the first text, -2: the second */
    uint8_t type;
} vs__slot;
enum { VS__SLOT_A = -1, VS__SLOT_B = -2 };

enum { VS__ADDED_MAX = 1024 }; /* bytes of an added token: each place of a text is compared with so many at most */
typedef struct vs__added {
    const char *s;    /* as written */
    const char *norm; /* as it is looked for: normalised where the token says so */
    uint32_t len, norm_len;
    int32_t id;
    bool special, normalized, single_word, lstrip, rstrip;
} vs__added;

/* How pieces spell blanks and bytes, for vs_piece_text(). */
typedef enum vs__spelling { VS__SPELL_PLAIN, VS__SPELL_METASPACE, VS__SPELL_BYTES } vs__spelling;

struct vs_tokenizer {
    vs_arena arena; /* strings and steps */
    vs__vocab vocab;
    vs__added *added;
    size_t added_count;
    vs__trie raw, normalized; /* added tokens: in the text, in the normalised text; values are indices of added */
    vs__norm_step *norm;
    size_t norm_count;
    vs__pretok_step *pretok;
    size_t pretok_count;
    vs__decode_step *decode;
    size_t decode_count;
    bool join_with_blanks; /* no decoder: pieces are joined by blanks */
    vs__model_kind model;
    vs__bpe bpe;
    vs__wordpiece wordpiece;
    vs__unigram unigram;
    int32_t unk;      /* the model's unknown token or -1 */
    bool unk_missing; /* it has a name, but the vocabulary does not have it: the first unknown character is an error */
    vs__slot *single, *pair;
    size_t single_count, pair_count;
    bool trim_offsets, trim_keeps_first; /* ByteLevel post-processing; with an added leading blank */
    vs__spelling spelling;
    int32_t role[VS_TOK_MASK + 1];
    _Atomic(struct vs__encoder *) *spare; /* of the last text, for the next one */
};

/* ---- the encoder's state over one text, kept for the next: the memory, and the words that were seen ---- */

typedef struct vs__encoder {
    const vs_tokenizer *t;
    const char *text; /* the original */
    size_t text_len;
    vs__text x, y; /* the text and the next form of it */
    vs__slice *slice, *slice2;
    size_t slices, slices2, slice_cap, slice2_cap;
    vs__match *match;
    size_t matches, match_cap;
    vs__slice at; /* the slice that the model is at work on */
    vs_tokens out, first; /* first: of the first of two texts */
    size_t out_cap, first_cap;
    void *scratch; /* the model's, kept between slices */
    size_t scratch_size;
    void *scratch2;
    size_t scratch2_size;
    struct vs__seen *seen; /* words and their pieces (tok_bpe.c), or NULL */
    size_t seen_mask;
    size_t total; /* bytes of text so far */
} vs__encoder;

/* vs__emit() - a token over the bytes [begin,end) of the current slice.  VS_OK | VS_E_NOMEM. */
vs_status vs__emit(vs_err *err, vs__encoder *e, int32_t id, size_t begin, size_t end) VS_MUST_CHECK;
/* vs__scratch() - at least `bytes` of scratch in *p, contents not kept.  VS_OK | VS_E_NOMEM. */
vs_status vs__scratch(vs_err *err, void **p, size_t *size, size_t n, size_t each) VS_MUST_CHECK;
vs_status vs__slices_push(vs_err *err, vs__encoder *e, vs__slice s) VS_MUST_CHECK; /* onto slice2 */
void vs__slices_swap(vs__encoder *e); /* slice2 is looked at next, slice is emptied */

vs_status vs__pretokenize(vs_err *err, const vs__pretok_step *step,
                          vs__encoder *e) VS_MUST_CHECK; /* e->slice -> e->slice */
/* vs__unknown() - the unknown token's id.  VS_OK | VS_E_UNSUPPORTED (there is none). */
vs_status vs__unknown(vs_err *err, const vs_tokenizer *t, int32_t *id) VS_MUST_CHECK;
vs_status vs__words_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) VS_MUST_CHECK;
vs_status vs__bpe_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) VS_MUST_CHECK;
vs_status vs__wordpiece_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) VS_MUST_CHECK;
vs_status vs__unigram_encode(vs_err *err, vs__encoder *e, const char *s, size_t n) VS_MUST_CHECK;

/* vs__bpe_merges() - room for count merges; vs__bpe_merge_put() - one (of two for one pair the later counts). */
vs_status vs__bpe_merges(vs_err *err, vs__bpe *m, size_t count) VS_MUST_CHECK;
void vs__bpe_merge_put(vs__bpe *m, vs__merge merge);
/* vs__bpe_prepare() - fill the tables of bytes and ASCII characters from the vocabulary. */
void vs__bpe_prepare(vs_tokenizer *t);
/* vs__cuts_of() - where texts may be cut into words (bpe_cuts.c), made when it is first asked for; borrowed from the
 * tokenizer.  NULL: nowhere, or memory was short.  vs__cuts_between(): whether between the characters u and v. */
const vs__cuts *vs__cuts_of(const vs_tokenizer *t);
bool vs__cuts_between(const vs__cuts *c, const vs_tokenizer *t, uint32_t u, uint32_t v);
void vs__cuts_free(vs__cuts *c);
void vs__byte_pieces(const vs__vocab *v, int32_t id[256]); /* <0x00> … <0xFF>; -1 where there is none */

/* ---- patterns (pattern.c) ---- */

/* vs__regex_respell() - re[n] as PCRE2 must be told it to mean what it means to the reference (dialect.c), appended.
 * VS_OK | VS_E_FORMAT | VS_E_UNSUPPORTED (what has no like, named).
 * vs__pattern_regex() - compile re[n] so.  The same, and VS_E_NOMEM. */
vs_status vs__regex_respell(vs_err *err, const char *re, size_t n, vs_buf *out) VS_MUST_CHECK;
vs_status vs__pattern_regex(vs_err *err, vs__pattern *p, const char *re, size_t n) VS_MUST_CHECK;
/* vs__pattern_matches() - cut s[n] into matches and what lies between them, appended to (*m)[*count].
 * VS_OK | VS_E_NOMEM | VS_E_UNSUPPORTED (the pattern backtracks without bound on this text). */
vs_status vs__pattern_matches(vs_err *err, const vs__pattern *p, const char *s, size_t n, vs__match **m, size_t *count,
                              size_t *cap) VS_MUST_CHECK;
vs_status vs__match_push(vs_err *err, vs__match **m, size_t *count, size_t *cap, vs__match v) VS_MUST_CHECK;
void vs__pattern_free(vs__pattern *p);
/* vs__words_patterns() - the expressions, one after another, by which a family named as in tokenizer.ggml.pre cuts text
 * into words ("": GPT-2's), static, and how many; 0 for a name that is not known. */
#define VS__WORDS_BYTES ""
enum { VS__WORDS_WHOLE = 1, VS__WORDS_BOS = 2, VS__WORDS_MOST = 8 };
size_t vs__words_patterns(const char *pre, const char *out[VS__WORDS_MOST], unsigned *traits);
/* vs__words_name() - the name of a family that cuts by these expressions ("": the step that spells bytes), and joins whole
 * words or not; NULL: no family does. */
const char *vs__words_name(const char *const *re, size_t n, bool whole);

/* The bytes of GPT-2's alphabet: byte -> code point, and back (-1: not of it). */
uint32_t vs__byte_to_char(unsigned char b);
int vs__char_to_byte(uint32_t cp);

/* vs__byte_of_piece() - the byte of a spelling <0xHH>, or -1. */
int vs__byte_of_piece(const char *s, size_t n);

/* vs__tokenizer_finish() - after a loader has filled vocabulary, steps and added tokens: the tries, flags of pieces.
 * VS_OK | VS_E_NOMEM | VS_E_FORMAT. */
vs_status vs__tokenizer_finish(vs_err *err, vs_tokenizer *t) VS_MUST_CHECK;
vs_tokenizer *vs__tokenizer_new(void);

#endif

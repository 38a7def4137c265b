/* tokenizer.h - a word, subword or character becomes an integer, and back.
 *
 * One struct, filled from tokenizer.json (the hub's pipeline: normaliser, pre-tokeniser,
 * model, post-processor, decoder) or from a GGUF file's tokenizer.* keys.  The ids are
 * those of the reference implementations, whatever the text. */
#ifndef VS_TEXT_TOKENIZER_H
#define VS_TEXT_TOKENIZER_H

#include "../base/str.h"

typedef struct vs_tokenizer vs_tokenizer;

/* vs_tokenizer_from_json() - from the text of a tokenizer.json.  A pipeline part that is not known is VS_E_UNSUPPORTED
 * and named.  Truncation and padding asked for by the file are not applied (the model decides).
 * VS_OK | VS_E_FORMAT | VS_E_RANGE | VS_E_UNSUPPORTED | VS_E_NOMEM.  The text need not outlive the call. */
vs_status vs_tokenizer_from_json(vs_err *err, const char *json, size_t n, vs_tokenizer **out) VS_MUST_CHECK;

/* vs_tokenizer_from_files() - of a directory without tokenizer.json, from what came before it: vocab.txt (BERT, DistilBERT,
 * ELECTRA, MPNet) or vocab.json and merges.txt (GPT-2, RoBERTa, BART), with added_tokens.json and what tokenizer_config.json
 * and special_tokens_map.json say of case, blanks and special tokens; the same as transformers makes of them.
 * VS_OK | VS_E_UNSUPPORTED (other files: names them) | VS_E_FORMAT | VS_E_RANGE | VS_E_NOMEM. */
vs_status vs_tokenizer_from_files(vs_err *err, const char *dir, vs_tokenizer **out) VS_MUST_CHECK;

/* What a GGUF file says of its tokenizer (tokenizer.ggml.*).  All borrowed until the tokenizer is freed: pieces point
 * into the mapped file. */
typedef struct vs_vocab_source {
    const char *model; /* "llama" (SentencePiece BPE), "gpt2" (byte-level BPE), "bert" (WordPiece), "t5" (Unigram) */
    size_t count;      /* pieces */
    const char *const *piece;  /* [count], not NUL-terminated */
    const uint32_t *piece_len; /* [count] */
    const float *score;        /* [count] or NULL */
    const int32_t *type;       /* [count] 1 normal 2 unknown 3 control 4 user-defined 5 unused 6 byte; or NULL */
    const char *const *merge;  /* [merge_count] "left right" or NULL */
    const uint32_t *merge_len;
    size_t merge_count;
    int32_t bos, eos, unk, pad, sep, cls, mask;      /* -1: none */
    int add_bos, add_eos, add_sep, add_space_prefix; /* 0 | 1 | -1: the file does not say, and the model decides */
    int remove_extra_whitespaces, lowercase, strip_accents;
    const char *pre;      /* tokenizer.ggml.pre, "" when absent */
    const char *charsmap; /* tokenizer.ggml.precompiled_charsmap or NULL */
    size_t charsmap_len;
} vs_vocab_source;

/* vs_tokenizer_from_vocab() - as transformers reads such a file (load_vocab.c says how).  Any number of threads may use
 * one tokenizer.  VS_OK | VS_E_FORMAT | VS_E_RANGE | VS_E_UNSUPPORTED (another model) | VS_E_NOMEM.  O(bytes of the
 * pieces): a quarter of a million in some ten milliseconds. */
vs_status vs_tokenizer_from_vocab(vs_err *err, const vs_vocab_source *src, vs_tokenizer **out) VS_MUST_CHECK;
void vs_tokenizer_free(vs_tokenizer *t);

/* The tokens of a text.  begin/end are byte offsets into the text that the token is of; special tokens put in by the
 * template have begin = end = 0 and special = 1. */
typedef struct vs_tokens {
    size_t n;
    int32_t *id;
    uint32_t *begin, *end;
    uint8_t *type;    /* what a model's type embedding takes: by the template (0 throughout in many) */
    uint8_t *text;    /* 0: of the first text, 1: of the second */
    uint8_t *special; /* put in by the template, not found in the text */
} vs_tokens;
void vs_tokens_free(vs_tokens *t);

/* vs_tokenize() - text[n] (and pair[m] unless NULL) to tokens; with_special: the template's special tokens too.
 * VS_OK | VS_E_FORMAT (invalid UTF-8: the byte offset) | VS_E_NOMEM.  O(n log n) at worst, even for a megabyte without
 * a blank. */
vs_status vs_tokenize(vs_err *err, const vs_tokenizer *t, const char *text, size_t n, const char *pair, size_t m,
                      bool with_special, vs_tokens *out) VS_MUST_CHECK;

/* vs_detokenize() - ids back to text (appended to out), as the reference decodes: ids without a piece, which a model's table may
 * have beyond the last one, give nothing.  VS_OK | VS_E_RANGE (an id below 0) | VS_E_NOMEM. */
vs_status vs_detokenize(vs_err *err, const vs_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                        vs_buf *out) VS_MUST_CHECK;

/* vs_piece() - the vocabulary's spelling of an id (▁the, ##ing, <0x2B>), n bytes in *len, borrowed; NULL out of range.
 * vs_piece_text() - as the reader should see it: word-start marks as a blank, byte pieces as their bytes (may be
 * invalid UTF-8 alone); appended to out. */
const char *vs_piece(const vs_tokenizer *t, int32_t id, size_t *len);
void vs_piece_text(const vs_tokenizer *t, int32_t id, vs_buf *out);
size_t vs_vocab_size(const vs_tokenizer *t);

/* vs_piece_find() - the id of a spelling; -1 when there is none. */
int32_t vs_piece_find(const vs_tokenizer *t, const char *piece, size_t n);
bool vs_is_special(const vs_tokenizer *t, int32_t id);

/* The ids with a role; -1 where the tokenizer has none. */
typedef enum vs_role_token {
    VS_TOK_BOS,
    VS_TOK_EOS,
    VS_TOK_UNK,
    VS_TOK_PAD,
    VS_TOK_SEP,
    VS_TOK_CLS,
    VS_TOK_MASK
} vs_role_token;
int32_t vs_role_id(const vs_tokenizer *t, vs_role_token role);

#endif

/* save.h - a tokenizer written down again: as a GGUF file describes it, as a tokenizer.json. */
#ifndef VS_TEXT_SAVE_H
#define VS_TEXT_SAVE_H

#include "../base/alloc.h"
#include "tokenizer.h"

/* vs_tokenizer_vocab() - t as a GGUF file describes it: "llama" (pieces with ▁ and bytes <0xNN>), "gpt2" (byte-level),
 * "bert" (WordPiece; its pieces are respelled, ▁ before what begins a word and no ## before what does not) or "t5" (unigram).
 * Scores of "llama" are minus the rank of the merge that makes a piece, which is the order in which llama.cpp joins them.
 *   rows: of the embedding; ids up to there that have no piece are spelled "[PAD<id>]" and unused, as llama.cpp does
 *   out: its lists in the arena or t's own; both must outlive it
 * VS_OK | VS_E_UNSUPPORTED (a kind that GGUF has no words for: why) | VS_E_NOMEM.  Much of a tokenizer.json is no part of
 * such a description: vs_tokenizers_agree() says whether something was lost.  O(pieces log pieces). */
vs_status vs_tokenizer_vocab(vs_err *err, const vs_tokenizer *t, size_t rows, vs_arena *arena,
                             vs_vocab_source *out) VS_MUST_CHECK;

/* vs_vocab_name_clash() - how much of a model's name may stand in a GGUF file before a blank has to part it: llama.cpp takes a
 * model that is called phi3 or phi-3 to have the pieces of Phi-3, and does not open it where they are missing.  All of it
 * (strlen(name)) where there is no such clash.  O(pieces). */
size_t vs_vocab_name_clash(const vs_vocab_source *v, const char *name);

/* vs_vocab_json() - the tokenizer.json of a GGUF file's vocabulary, appended to out: what vs_tokenizer_from_vocab() makes of
 * it, in the hub's words.  A vocabulary with scores alone gets the merges that follow from them (as transformers makes
 * them).  VS_OK | VS_E_UNSUPPORTED (another model) | VS_E_NOMEM.  O(bytes of the pieces, squared in each piece). */
vs_status vs_vocab_json(vs_err *err, const vs_vocab_source *v, vs_buf *out) VS_MUST_CHECK;

/* vs_tokenizers_agree() - whether two tokenizers give the same ids for some texts of many kinds.
 * VS_OK (then *agree is set) | VS_E_NOMEM. */
vs_status vs_tokenizers_agree(vs_err *err, const vs_tokenizer *a, const vs_tokenizer *b, bool *agree) VS_MUST_CHECK;

/* vs_json_quote() - s[n] as a JSON string, quotes included, appended to out; a byte that is not UTF-8 becomes U+FFFD. */
void vs_json_quote(vs_buf *out, const char *s, size_t n);

#endif

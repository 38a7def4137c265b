#!/usr/bin/env python3
"""Seeds of the fuzz target of tokenizers: tests/data/fuzz/tokenizer/*.  Python's standard library only.

usage: make_tokenizer_corpus.py      (from the root of the repository)

Each tokenizer of tests/data/tokenizers cut down to some pieces, with a text; GGUF vocabularies; errors of each kind.
"""
import json, struct
from pathlib import Path

OUT = Path("tests/data/fuzz/tokenizer")
TEXT = "The swan's caf\u00e9 <s> a\u0323\u0301 \u6771\u4eac \U0001f9a2 [MASK] <mask>  12-ab.3 \u2581the\n\n\tx WORD"


def seed(name, tokenizer, text=TEXT):
    if not isinstance(tokenizer, bytes): tokenizer = json.dumps(tokenizer, separators=(",", ":")).encode()
    assert len(tokenizer) < 65536, name
    (OUT / name).write_bytes(struct.pack("<H", len(tokenizer)) + tokenizer + (text if isinstance(text, bytes) else text.encode()))


def cut(j, keep):
    """The tokenizer with its first `keep` pieces and what its parts name, numbered anew."""
    model, named = j["model"], {a["content"] for a in j["added_tokens"][:12]}
    post = json.dumps(j["post_processor"])
    pieces = [p for p, _ in model["vocab"]] if isinstance(model["vocab"], list) else sorted(model["vocab"], key=model["vocab"].get)
    named |= {p for p in pieces if json.dumps(p) in post} | {model.get("unk_token")}
    chosen = [p for i, p in enumerate(pieces) if i < keep or p in named or len(p) == 1 or p in ("the", "##a")][:keep + 90]
    old = dict((p, i) for i, (p, _) in enumerate(model["vocab"])) if isinstance(model["vocab"], list) else model["vocab"]
    number = {p: i for i, p in enumerate(chosen)}
    added = [a for a in j["added_tokens"] if a["content"] in number or a["content"] not in old][:12]
    for a in added: number.setdefault(a["content"], len(number))
    renumber = {old.get(p, next((a["id"] for a in j["added_tokens"] if a["content"] == p), None)): i for p, i in number.items()}
    if isinstance(model["vocab"], list):
        score = dict(model["vocab"])
        model["vocab"], model["unk_id"] = [[p, score[p]] for p in chosen], renumber.get(model["unk_id"])
    else:
        model["vocab"] = {p: number[p] for p in chosen}
    if "merges" in model: model["merges"] = [m for m in model["merges"] if m[0] in number and m[1] in number and m[0] + m[1] in number]
    j["added_tokens"] = [{**a, "id": number[a["content"]]} for a in added]
    p = j["post_processor"] or {}
    for entry in p.get("special_tokens", {}).values(): entry["ids"] = [renumber[i] for i in entry["ids"]]
    for key in ("sep", "cls"):
        if key in p and p[key][1] in renumber: p[key][1] = renumber[p[key][1]]
    return j


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    small = None
    folder = Path("tests/data/tokenizers")
    for f in sorted(folder.glob("*.json")) + [folder / "layouts" / (n + ".json") for n in ("openai_gpt", "ctc", "marian_like", "mpnet", "phi3", "bytes_normalizer")]:
        j = json.loads(f.read_text())
        if "gguf" in j or isinstance(j, list): continue
        tk = cut(j.get("tokenizer") or json.loads(Path(j["path"]).read_text()), 60)
        seed(f.stem, tk)
        seed(f.stem + "_text", tk, "".join(c["text"] for c in j["cases"][7:12])[:400])
        if f.stem == "plain_bpe": small = tk
    base = {"model": {"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "##", "vocab": {"u": 0, "a": 1, "##b": 2}}}
    parts = {
        "normalizer": [{"type": t} for t in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer", "Nonsense", "Nmt", "ByteLevel")] + [
            {"type": "Prepend", "prepend": "_"}, {"type": "Replace", "pattern": {"String": "a"}, "content": ""},
            {"type": "Replace", "pattern": {"Regex": "[a-z\\s]*?b?"}, "content": "xy"}, {"type": "Replace", "pattern": {"Regex": "("}, "content": ""},
            {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Sequence", "normalizers": [{"type": "NFD"}]}],
        "pre_tokenizer": [{"type": t} for t in ("ByteLevel", "WhitespaceSplit", "BertPreTokenizer", "Punctuation", "Digits", "Nonsense")] + [
            {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": False}] + [
            {"type": "Split", "behavior": b, "invert": i, "pattern": {"Regex": "\\S+"}}
            for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous") for i in (False, True)] + [
            {"type": "CharDelimiterSplit", "delimiter": "a"}, {"type": "FixedLength", "length": 2}, {"type": "FixedLength", "length": 0}] + [
            {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": p}} for p in (
                "", "x*", "^|$", "(?m:.)", "[^(\\s|[.,!?])]+", "[a-z&&[^aeiou]]", "[\\W\\d_]", "\\b", "a{1,2}+|b{2}?|{,3}", "\\p{Han}+|\\p{^L}", "[[:alpha:]-]", "\\u0061\\v\\h", "(((", "[a", "(?<x>a)", "(?i)A", "\\")],
        "decoder": [{"type": t} for t in ("Fuse", "ByteFallback", "ByteLevel", "Nonsense")] + [
            {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"}, {"type": "Strip", "content": "a", "start": 1, "stop": 2},
            {"type": "WordPiece", "prefix": "##", "cleanup": True}, {"type": "Metaspace", "replacement": "_", "add_prefix_space": True},
            {"type": "CTC", "pad_token": "a", "word_delimiter_token": "b", "cleanup": True}, {"type": "BPEDecoder", "suffix": "a"}, {"type": "Sequence", "decoders": [{"type": "Fuse"}]}],
        "post_processor": [{"type": "ByteLevel", "trim_offsets": True}, {"type": "Nonsense"},
            {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "BertProcessing", "sep": ["u", 0], "cls": ["a", 1]}]},
            {"type": "RobertaProcessing", "sep": ["u", 0], "cls": ["a", 1]}, {"type": "BertProcessing", "sep": ["u", 9], "cls": ["a", 1]},
            {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "u", "type_id": 1}}], "pair": [{"Sequence": {"id": "B", "type_id": 3}}],
             "special_tokens": {"u": {"id": "u", "ids": [0, 1], "tokens": ["u"]}}}],
        "added_tokens": [[{"id": 3, "content": "ab", "lstrip": True, "rstrip": True, "single_word": True}], [{"id": 0, "content": "x"}], [{"id": 4e9}], 5],
    }
    for part, list_ in parts.items():
        for k, v in enumerate(list_): seed(f"{part}_{k}", {**base, part: v}, "a  ab\u00e9 12-b <0x41> aab" )
    seed("model_0", {"model": {"type": "Unigram", "vocab": [["a", -1.0], ["ab", -1.5]]}}, "abab c")
    seed("model_1", {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"], "ignore_merges": True}}, "ab aab")
    seed("model_2", {"model": {"type": "BPE", "vocab": {"a": 4000000000}, "merges": []}})
    seed("model_3", {"model": {"type": "WordLevel", "vocab": {"a": 0}}})
    seed("model_4", {"model": {"type": "WordLevel", "unk_token": "u", "vocab": {"a": 0, "u": 1}}, "pre_tokenizer": {"type": "FixedLength", "length": 1}}, "ab a")
    for k, more in enumerate(({}, {"byte_fallback": True}, {"unk_token": "a"}, {"unk_token": "zz"})):
        seed(f"affix_{k}", {"model": {"type": "BPE", "continuing_subword_prefix": "##", "end_of_word_suffix": "</w>", "merges": [["a", "##b"], ["ab", "##b</w>"]], **more,
                                      "vocab": {"a": 0, "##b": 1, "ab": 2, "##b</w>": 3, "abb</w>": 4, **{f"<0x{b:02X}>": b + 5 for b in range(256)}}}}, "abb ab\u00e9b")
    seed("deep", b'{"model":' + b"[" * 3000)
    seed("bad_text", small, b"\xff\xfe a \xc3 \xed\xa0\x80")
    rows = b"3g<pad>\n3f<eos>\n3e<bos>\n2d<unk>\n4c  \n4bab\n4aba\n6a<0x0A>\n6a<0xC3>\n6a<0xA9>\n1zab\n1ybc\n1xabc\n1w\xe2\x96\x81\n1va\n1ub\n1tc\n1s\xe2\x96\x81a\n1r\xc4\xa0a\nma b\nmb c\nmab c\n"
    for k, flags in enumerate((4 | 2, 4 | 2 | 1 | 16, 4 | 2 | 1 | 32, 4 | 8 | 1 | 16, 0, 16, 4 | 2 | 32 | 64, 4 | 2 | 32 | 64 | 128)):
        seed(f"gguf_t5_{k}", bytes([flags]) + b"Mc\nC\x08\0\0\0\0\x04\0\0abcd\0x\n" + rows, "abc  \u00e9a bc<eos> abab\u6771")
        seed(f"gguf_bert_{k}", bytes([flags]) + b"Mb\n1g\xe2\x96\x81ab\n" + rows, "abc  \u00c9a bc<eos> abab\u6771 aB,c")
        seed(f"gguf_{k}", bytes([flags]) + rows, "abc  \u00e9a\nbc<eos> abab <0x0A>\u6771")


main()

#!/usr/bin/env python3
"""What the reference tokenizers make of odd texts -> tests/data/tokenizers/NAME.json

usage: make_tokenizer_cases.py FIXTURES OUT [--gemma GGUF] [--minilm DIR] [--layouts] [--parts]
(needs the Python packages tokenizers and transformers; for the real models, whose cases go to OUT/real, also gguf; for the
layouts of real checkpoints, which go to OUT/layouts and with --layouts are all that is made, sentencepiece; with --parts OUT/parts.json
is all, pipelines of every part with every setting)

FIXTURES holds NAME/tokenizer.json; those that the test data has already are named by their path, others and the
pipelines made here (for parts that no fixture uses) are written out whole.
NAME.json: {"path", "tokenizer" or "gguf" (keys as in such a file), "cases": [{"text", "pair", "ids", "begin", "end" (bytes), "type", "special",
"decoded" (special tokens left out), "full"}], "noise": [{"ids", "decoded"}]}
"""
import argparse, base64, json, os, random, struct, unicodedata
from tokenizers import Tokenizer, AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors

ANY = [chr(c) for c in range(0x30000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
PLAIN = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ 0123456789 .,;:!?'\"-()[]{}<>/\\|_@#$%^&*+=~`\t\n\r "
WORDS = ["the ", "The ", "swan ", "blue ", "water", "running ", "don't ", "I'm ", "we've", "he'll ", "isn't", "naïve ", "café",
         "Ω", "東京", "日本語 ", "한국어", "русский ", "العربية", "हिन्दी ", "ไทย", "👩‍👩‍👧", "🦢", "🇩🇪", "e\u0301", "A\u030a",
         "a\u0323\u0301", "a\u0301\u0323", "a\u030d\u0301", "e\u0327\u0301", "\u1100\u1161\u11a8", "\u1100\u0300\u1161", "ﬁ", "①", "İ", "ß", "ſ", "ǅ", "Å", "½", "<0x0A>", "<start_of_turn>", "<eos>", "<bos>",
         "<unk>", "<pad>", "<s>", "</s>", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "##ing", "▁", "▁the", "<|endoftext|>", "<mask>",
         " <mask> ", "\n\n", "\t\t", " " * 5, "  ", "\u00a0", "\u200b", "\u200d", "\ufeff", "\x01", "\x07", "\x7f", "\x85", "\u2028",
         "\ufffd", "\u180e", "<table>", "http://x.y/z?a=b", "1234567890", "3.14", "x" * 120, "do not ", " n't", " ' ", "WORD", "word",
         "passWORD ", "there ", "another ", "mothers ", "weather", "hearts ", "earth ", "something ", "string ", "northern ", "whether ",
         "understood ", "therein ", "thousands ", "-", "--", "a-b", "..."]
FIXED = ["", " ", "  ", "\n", "a", "The white swan in the blue water", "Tabs\tand  two spaces\nnewline, 12345 3.14, café naïve — “quotes” 東京 🦢"]


RULES = {"\uff21": "A", "\ufb01": "fi", "e\u0301": "\u00e9", "\u2460": "1", "\u200b": " ", "\x07": "", "\u00bd": "1/2", "\u00a0": " ", "A\u030a": "\u00c5", "\u3000": " ", "\u0301": "", "\u2028": " ", "\u00df": "ss", "\ufffd": " "}


def text_of(r):
    n, k = r.choice([1, 2, 5, 10, 20, 30]), r.random()
    if k < .25: return "".join(r.choice(ANY) for _ in range(n))
    if k < .6: return "".join(r.choice(WORDS) for _ in range(n // 2 + 1))
    if k < .75: return "".join(r.choice(PLAIN) for _ in range(n * 2))
    return "".join(r.choice(r.choice([ANY, WORDS, PLAIN, WORDS])) for _ in range(n))


def bytes_of(text, offset):
    return [len(text[:i].encode()) for i in offset]


def cases_of(tk, seed, count):
    r, cases, noise = random.Random(seed), [], []
    for k in range(count):
        text = FIXED[k] if k < len(FIXED) else text_of(r)
        pair = text_of(r) if k % 5 == 4 else None
        e = tk.encode(text) if pair is None else tk.encode(text, pair)
        at = [(0, 0) if s else bytes_of(pair if q == 1 else text, o) for o, s, q in zip(e.offsets, e.special_tokens_mask, e.sequence_ids)]
        cases.append({"text": text, "pair": pair, "ids": e.ids, "begin": [a for a, _ in at], "end": [b for _, b in at], "type": e.type_ids,
                      "special": e.special_tokens_mask, "decoded": tk.decode(e.ids), "full": tk.decode(e.ids, skip_special_tokens=False)})
    known = sorted(tk.get_vocab().values())
    for k in range(count // 4):
        ids = [r.choice(known) for _ in range(r.choice([1, 3, 10, 30]))]
        noise.append({"ids": ids, "decoded": tk.decode(ids)})
    return {"cases": cases, "noise": noise}


def load(fixtures, name):
    return Tokenizer.from_file(os.path.join(fixtures, name, "tokenizer.json"))


def remade(tk, **parts):
    """A copy of a tokenizer with other parts, given as JSON."""
    j = json.loads(tk.to_str())
    for k, v in parts.items(): j[k] = v if isinstance(v, (list, dict, type(None))) else json.loads(v.__getstate__())
    return Tokenizer.from_str(json.dumps(j))


def letters(pieces):
    """A vocabulary and merges: ASCII letters and some words of them, joined from the left."""
    vocab = {c: i for i, c in enumerate(["<unk>"] + [chr(c) for c in range(33, 127)] + list("éΩ東▁ \n"))}
    merges = []
    for p in pieces:
        for i in range(2, len(p) + 1):
            if p[:i] not in vocab:
                merges.append((p[:i - 1], p[i - 1]))
                vocab[p[:i]] = len(vocab)
    return vocab, merges


def charsmap(rules):
    """A precompiled_charsmap: texts that end in NUL, and a double-array trie (darts-clone's units) from keys to their places."""
    texts, place = b"", {}
    for key, text in rules.items():
        place[key.encode()] = len(texts)
        texts += text.encode() + b"\0"
    units, used = {}, set()

    def build(prefix, at):
        keys = {k for k in place if k.startswith(prefix)}
        labels = sorted({k[len(prefix)] for k in keys if len(k) > len(prefix)})
        taken = ([0] if prefix in keys else []) + labels
        offset = next(o for o in range(1, 1 << 20) if all((at ^ o ^ c) not in used for c in taken))
        used.update(at ^ offset ^ c for c in taken)
        units[at] = (units.get(at, 0) & 0xFF) | offset << 10 | (1 << 8 if prefix in keys else 0)
        if prefix in keys: units[at ^ offset] = place[prefix] | 1 << 31
        for c in labels:
            units[at ^ offset ^ c] = c
            build(prefix + bytes([c]), at ^ offset ^ c)

    used.add(0)
    build(b"", 0)
    size = (max(units) | 0xFF) + 1
    return struct.pack("<I", size * 4) + b"".join(struct.pack("<I", units.get(i, 0)) for i in range(size)) + texts


def made(fixtures):
    gpt2 = load(fixtures, "gpt2")
    state = lambda x: json.loads(x.__getstate__())
    # RoBERTa: a blank in front (and letters made small, marks apart), offsets without blanks, <mask> takes the blanks before it
    tk = remade(gpt2, pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True),
                normalizer=normalizers.Sequence([normalizers.Lowercase(), normalizers.NFD()]))
    tk.add_special_tokens(["<s>", "</s>", AddedToken("<mask>", lstrip=True)])
    tk.post_processor = processors.RobertaProcessing(("</s>", tk.token_to_id("</s>")), ("<s>", tk.token_to_id("<s>")), True, True)
    yield "roberta_like", tk
    # Qwen 2: a pattern with options, whole pieces before merges
    words = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tk = remade(gpt2, normalizer=normalizers.NFC(), pre_tokenizer=pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(words), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]),
        post_processor=processors.ByteLevel(trim_offsets=True, add_prefix_space=False))
    tk.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("word", single_word=True, normalized=True, rstrip=True)])
    yield "qwen2_like", tk
    # plain BPE: unknown characters one by one, many normalisers, many pre-tokenisers
    vocab, merges = letters(["the", "swan", "water", "blue", "ing", "12", "ab"])
    tk = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=False))
    tk.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(),
                                          normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()])
    tk.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation("isolated"),
                                                pre_tokenizers.WhitespaceSplit()])
    tk.add_tokens([AddedToken("WORD", normalized=True), AddedToken("Café", normalized=True, single_word=True)])
    tk.add_special_tokens(["<pad>"])
    yield "plain_bpe", tk
    # the ways to cut at a delimiter; no decoder
    tk = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True))
    tk.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split("-", "merged_with_next"), pre_tokenizers.Split(".", "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"\d"), "contiguous"), pre_tokenizers.Split(Regex(r"[a-z]+"), "removed", invert=True),
        pre_tokenizers.Digits(individual_digits=False)])
    yield "splits", tk
    # Unigram with bytes, a mark in front of the first word only
    t5 = json.loads(load(fixtures, "t5").to_str())["model"]["vocab"]
    pieces = [(p, s) for p, s in t5] + [(f"<0x{b:02X}>", -20.0) for b in range(256)]
    tk = Tokenizer(models.Unigram(pieces, unk_id=2, byte_fallback=True))
    tk.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tk.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first", split=False)])
    tk.add_special_tokens(["<s>", "</s>"])
    yield "unigram_bytes", tk
    # cased WordPiece with BERT's own post-processor
    bert = load(fixtures, "bert")
    tk = remade(bert, normalizer=normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False, strip_accents=None),
                decoder=decoders.WordPiece(cleanup=False))
    tk.post_processor = processors.BertProcessing(("[SEP]", tk.token_to_id("[SEP]")), ("[CLS]", tk.token_to_id("[CLS]")))
    yield "bert_cased", tk
    # T5 as the hub has it: SentencePiece's own table of characters, here cut down to what this says
    tk = load(fixtures, "t5")
    tk = remade(tk, normalizer={"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap(RULES)).decode()},
                pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]))
    yield "t5_like", tk
    # words and what is between them
    tk = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True))
    tk.pre_tokenizer = pre_tokenizers.Whitespace()
    tk.decoder = decoders.Fuse()
    yield "whitespace", tk
    # marks that end words, blanks cut off the end
    tk = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>"))
    tk.normalizer = normalizers.Strip(left=False, right=True)
    tk.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)
    tk.decoder = decoders.Sequence([decoders.BPEDecoder(suffix="e"), decoders.Fuse(), decoders.Strip(" ", 2, 0)])
    yield "suffix", tk


def gguf(fixtures):
    """Vocabularies as GGUF files have them, read by transformers' own conversion."""
    control = ("<s>", "</s>", "<unk>", "<|endoftext|>")
    kind = lambda t: 3 if t in control else 6 if t.startswith("<0x") else 1
    model = json.loads(load(fixtures, "llama").to_str())["model"]["vocab"]
    tokens, r = sorted(model, key=model.get), random.Random(3)
    types = [kind(t) for t in tokens]
    scores = [-1000.0 if k != 1 else -float(r.randrange(2)) for k in types]  # many alike
    yield "gguf_llama", "llama", {"tokenizer_type": "llama", "tokens": tokens, "token_type": types, "scores": scores}
    model = json.loads(load(fixtures, "gpt2").to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get) + ["<tool>", "a b", "<日本>"]
    types = [kind(t) for t in tokens[:-3]] + [4, 4, 3]
    yield "gguf_qwen2", "qwen2", {"tokenizer_type": "gpt2", "tokens": tokens, "token_type": types, "pre_tokenizer_type": "qwen2",
                                  "merges": [" ".join(m) for m in model["merges"]]}


def real(o):
    """The tokenizers of real models as transformers loads them; truncation and padding are not the tokenizer's business."""
    from transformers import AutoTokenizer
    if o.gemma:
        folder, f = os.path.split(os.path.abspath(o.gemma))
        yield "gemma3-270m", AutoTokenizer.from_pretrained(folder, gguf_file=f).backend_tokenizer
    if o.minilm: yield "minilm-l6", AutoTokenizer.from_pretrained(o.minilm).backend_tokenizer


def layouts(names=None):
    """tokenizer_variants.py, trained small."""
    from tokenizer_variants import LEAST, variants
    lines = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "multilingual.txt"), encoding="utf-8").read().splitlines(keepends=True)
    for name, tk in variants(lines[:19] + [w + " the swan and blue water were naive; don't " for w in WORDS] * 3, 700):
        if name in (names or LEAST): yield name, tk


def vocabularies():
    """The layouts that GGUF files have too: their keys, and what the tokenizers that they are made from do."""
    from compare_gguf_tokenizers import KINDS, vocabulary
    from tokenizer_variants import state
    for name, tk in layouts({"starcoder", "falcon", "llama3", "bert_uncased", "t5_new"}):
        if name == "t5_new":  # SentencePiece's own table of characters is large
            j = json.loads(tk.to_str())
            j["normalizer"]["normalizers"][0]["precompiled_charsmap"] = base64.b64encode(charsmap({**RULES, **{c: " " for c in map(chr, range(0x3001)) if c.isspace() and not 28 <= ord(c) <= 32}})).decode()
            # blanks dropped in the way that a GGUF file says (the ids are the same, the offsets are those of other steps)
            j["normalizer"]["normalizers"][1:] = [state(normalizers.Replace(Regex(" {2,}"), " ")), state(normalizers.Replace(Regex(r"\A | \z"), ""))]
            tk = Tokenizer.from_str(json.dumps(j))
        if name == "starcoder": tk.post_processor = processors.ByteLevel(trim_offsets=False)  # a GGUF file does not say
        k = vocabulary(tk, KINDS[name])
        yield name, tk, {"tokenizer_type": k["model"], "pre_tokenizer_type": k["pre"], "tokens": k["tokens"], "token_type": k["types"], "scores": k["scores"], "merges": k["merges"],
                         "charsmap": list(k["charsmap"] or ()), "roles": {n: i for n, i in k["ids"].items() if i is not None}, "flags": {n: int(v) for n, v in k["flags"].items()}}


def without_mark(j, keys):
    """A BERT vocabulary has no piece with U+2581 in a GGUF file, where that means something else."""
    if keys["tokenizer_type"] == "bert": j["cases"] = [c for c in j["cases"] if "\u2581" not in c["text"] + (c["pair"] or "")]
    if keys["tokenizer_type"] == "bert": j["noise"] = [c for c in j["noise"] if "\u2581" not in c["decoded"]]
    return {"cases": j["cases"][:100], "noise": j["noise"][:25]}


PATTERNS = [r"\w+|[^\w\s]+", r"\b", r"\B.", r"[^(\s|[.,!?…。，、।۔،])]+", r"[a-z&&[^aeiou]]+", r"[^a-z&&[^\W\d]]+", r"[\W_]+", r"[^\W\d_]+", r"\p{Han}+", r"\p{Hiragana}", r"\P{L}+",
            r"\p{^L}+", r"\h+", r"[\h-]+", r"[\w-]+", r"[\w.-]+", r"a{1,2}+", r"(ab){2}?", r"x{,3}", r"[[:alpha:]]+", r"[[:punct:]]", r"[[:space:]a]+", r"[[:digit:][:upper:]]+", r"\u0061|\u6771",
            r"(?m:a.b)", r"a.b", r"^", r"$", r"^a|b$", r"", r"x*", r"(?<=a)b", r"(?<!a)b", r"(?>a+)b", r"[^\S\n]+", r"[]a]+", r"[\]\[]", r"[a\-z]", r"\Aa|b\z", r"(?i:rabe|A)", r"(?i)A", r"\s+(?!\S)|\s+",
            r"[\p{L}--a]", r"\d+|\D", r"\N+", r"\R", r"(?i:'s|'t|'re)", r"[é-ü]+", r"\x61+", r"\x{6771}", r"[\x{4e00}-\x{9fff}]+", r"(a)\1", r"\p{Latin}+|\p{Cyrillic}+", r"\p{Lu}\p{Ll}*", r"\v|\t", r"[^]"]
PATTERN_TEXTS = ["", "aab xababab, don't-stop. 12_3 Émile's\tüé-AaBb", "東京とカナ한국 аб Ω\u00a0a\u180eb ①½ [x] \r\na\nb\n", "a\nb ab\u0301ſ 'S ß STRASSE x{,3} xxx \u0661 a_b \x0b -z]"]


def patterns():
    """How the reference's engine cuts texts at patterns; those that it does not take are left out."""
    for re in PATTERNS:
        try: pre = pre_tokenizers.Split(Regex(re), "isolated")
        except Exception: continue
        for text in PATTERN_TEXTS:
            yield {"re": re, "text": text, "spans": [bytes_of(text, at) for _, at in pre.pre_tokenize_str(text)]}


def parts(count=80):
    """Pipelines of compare_tokenizer_parts.py, over small models that they share; "ids" null: the reference fails."""
    from compare_tokenizer_parts import Maker, ambiguous, models as train, strings
    from compare_tokenizers import assigned
    from tokenizer_variants import BYTES
    lines = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "multilingual.txt"), encoding="utf-8").read().splitlines(keepends=True)
    models, chars, out = train(430, lines[:4] + ["The swan, the blue water. don't 12345 東京\n"] * 3), assigned(), []
    for seed in range(10 * count):
        if len(out) == count: break
        maker = Maker(random.Random(seed), models)
        j = maker.pipeline()
        try:
            tk = Tokenizer.from_str(json.dumps(j))
            if ambiguous(tk, j): continue
            if sum(p["type"] in ("TemplateProcessing", "RobertaProcessing", "BertProcessing") for p in (j["post_processor"] or {}).get("processors", ())) > 1: continue
            cases = []
            for text in strings(maker.r, chars, 5):
                try: ids = tk.encode(text).ids
                except Exception: ids = None
                cases.append({"text": text, "ids": ids, "decoded": tk.decode(ids or []), "full": tk.decode(ids or [], skip_special_tokens=False)})
        except Exception: continue
        except BaseException: continue  # a panic of theirs
        model, base = j.pop("model"), models[maker.base]
        vocab = model.pop("vocab")
        change = {k: v for k, v in model.items() if k != "merges" and v != base.get(k)}
        more = [p for p in (vocab if isinstance(vocab, dict) else [p for p, _ in vocab])][len(base["vocab"]):]
        j["added_tokens"] = [[a["content"], a["id"], "".join(k[0] for k in ("special", "normalized", "lstrip", "rstrip") if a[k]) + "w" * a["single_word"]] for a in j["added_tokens"]]
        out.append({"base": maker.base, "change": change, "typed": "type" in model, "unk": "<unk>" in more, "bytes": BYTES[-1] in more, "pipeline": {k: v for k, v in j.items() if v}, "cases": cases})
    return {"models": models, "pipelines": out}


def write(out, name, j):
    os.makedirs(os.path.dirname(os.path.join(out, name)), exist_ok=True)
    with open(os.path.join(out, name + ".json"), "w") as f: json.dump(j, f, ensure_ascii=True, separators=(",", ":"))


def main():
    a = argparse.ArgumentParser()
    for name in ("fixtures", "out", "--gemma", "--minilm"): a.add_argument(name)
    a.add_argument("--layouts", action="store_true")
    a.add_argument("--parts", action="store_true")
    o = a.parse_args()
    fixtures, out = o.fixtures, o.out
    if o.parts: return write(out, "parts", parts())
    for name, tk, keys in vocabularies(): write(out, "layouts/gguf_" + name, {"gguf": keys, **without_mark(cases_of(tk, name, 150), keys)})
    for name, tk in layouts(): write(out, "layouts/" + name, {"tokenizer": json.loads(tk.to_str()), **cases_of(tk, name, 100)})
    write(out, "layouts_patterns", list(patterns()))
    if o.layouts: return
    here = "tests/data/fixtures/%s/tokenizer.json"
    todo = [(n, load(fixtures, n), here % n) for n in ("gemma3", "bert")] + [(n, load(fixtures, n), None) for n in ("gpt2", "t5")]
    todo += [(n, tk, None) for n, tk in made(fixtures)]
    from transformers.integrations.gguf.gguf_tokenizer_mapping import convert_gguf_tokenizer
    vocabularies = {}
    for name, arch, keys in gguf(fixtures):
        vocabularies[name] = keys
        tk = convert_gguf_tokenizer(arch, keys)[0]
        tk.post_processor = processors.Sequence([])
        todo.append((name, tk, None))
    todo += [("real/" + n, tk, n) for n, tk in real(o)]
    for seed, (name, tk, path) in enumerate(todo):
        tk.no_truncation()
        tk.no_padding()
        j = {"path": path} if path else {"gguf": vocabularies[name]} if name in vocabularies else {"tokenizer": json.loads(tk.to_str())}
        j.update(cases_of(tk, seed, 160 if path else 100))
        write(out, name, j)


main()

"""Tokenizers in the layouts that real checkpoints ship, trained here on a text of one's own (used by
compare_tokenizers.py and make_tokenizer_cases.py).  Needs the Python package tokenizers; where sentencepiece is there
too, SentencePiece's own tables of characters (T5, XLM-R, ALBERT) come from it.
"""
import base64, io, json
from functools import lru_cache
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CL100K_PLUS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s*[\r\n]|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
MARK = "\u2581"
BYTES = [f"<0x{b:02X}>" for b in range(256)]
ALPHABET = pre_tokenizers.ByteLevel.alphabet()


# the layouts that between them use every part, for a small set of cases
LEAST = """gpt2_prefix neox llama3 o200k cl100k_plus deepseek falcon starcoder bloom whisper bytes_normalizer llama2_normalized mistral_first
phi3 gemma xlmr marian_like bert_accents electra mpnet wordpiece_long words characters characters_empty ctc ctc_plain fixed delimiter clip openai_gpt
prefixed added_flags dropped""".split()


class Trained:
    """The models, each trained once: byte-level BPE, SentencePiece BPE, Unigram, WordPiece, whole words."""

    def __init__(self, texts, size):
        self.texts, self.size = texts, size

    def _train(self, model, trainer, norm=None, pre=None):
        tk = Tokenizer(model)
        if norm: tk.normalizer = norm
        if pre: tk.pre_tokenizer = pre
        tk.train_from_iterator(self.texts, trainer)
        return json.loads(tk.to_str())["model"]

    @lru_cache(None)
    def _byte_level(self):
        return self._train(models.BPE(), trainers.BpeTrainer(vocab_size=self.size, initial_alphabet=ALPHABET, show_progress=False),
                           pre=pre_tokenizers.ByteLevel(add_prefix_space=False))

    @lru_cache(None)
    def _spm(self):
        m = self._train(models.BPE(), trainers.BpeTrainer(vocab_size=self.size, special_tokens=["<unk>", "<s>", "</s>"] + BYTES, show_progress=False,
                                                         limit_alphabet=400), pre=pre_tokenizers.Metaspace(prepend_scheme="first"))
        return m

    @lru_cache(None)
    def _unigram(self):
        return self._train(models.Unigram(), trainers.UnigramTrainer(vocab_size=self.size, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>",
                                                                    show_progress=False), norm=normalizers.NFKC(), pre=pre_tokenizers.Metaspace())

    @lru_cache(None)
    def _wordpiece(self, lower):
        return self._train(models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(
            vocab_size=self.size, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False, limit_alphabet=300),
            norm=normalizers.BertNormalizer(lowercase=lower), pre=pre_tokenizers.BertPreTokenizer())

    @lru_cache(None)
    def _words(self):
        return self._train(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=self.size, special_tokens=["<unk>", "<pad>", "|"], show_progress=False),
                           pre=pre_tokenizers.Whitespace())

    @lru_cache(None)
    def _suffixed(self):
        return self._train(models.BPE(end_of_word_suffix="</w>"), trainers.BpeTrainer(vocab_size=self.size, end_of_word_suffix="</w>", initial_alphabet=ALPHABET,
                           special_tokens=["<unk>"], show_progress=False), norm=normalizers.Lowercase(), pre=pre_tokenizers.Sequence(
                               [pre_tokenizers.Split(Regex(CLIP), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]))

    @lru_cache(None)
    def _prefixed(self):
        return self._train(models.BPE(continuing_subword_prefix="##", unk_token="<unk>"), trainers.BpeTrainer(
            vocab_size=self.size, continuing_subword_prefix="##", special_tokens=["<unk>"], show_progress=False, limit_alphabet=300), pre=pre_tokenizers.Whitespace())

    def model(self, kind, **changes):
        """A copy of a trained model, with some members changed."""
        m = json.loads(json.dumps(getattr(self, "_" + kind.split()[0])(*((kind.split()[1:] == ["lower"],) if kind.startswith("wordpiece") else ()))))
        m.update(changes)
        return m


@lru_cache(None)
def charsmap(rule):
    """SentencePiece's precompiled_charsmap of a rule (nmt_nfkc, nmt_nfkc_cf), or None without sentencepiece."""
    try:
        import sentencepiece
        from sentencepiece import sentencepiece_model_pb2 as pb
    except ImportError:
        return None
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d e f g"] * 20), model_writer=out, vocab_size=12, hard_vocab_limit=False,
                                             normalization_rule_name=rule, minloglevel=3)
    proto = pb.ModelProto()
    proto.ParseFromString(out.getvalue())
    return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def state(x):
    return json.loads(x.__getstate__()) if x is not None and not isinstance(x, (dict, list)) else x


def build(model, norm=None, pre=None, post=None, decoder=None, added=()):
    """A tokenizer from its parts (objects or JSON).  added: AddedToken or text; special where it looks like <…> or […]."""
    tk = Tokenizer.from_str(json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": state(norm),
                                        "pre_tokenizer": state(pre), "post_processor": None, "decoder": state(decoder), "model": model}))
    for a in added:
        if isinstance(a, str): tk.add_special_tokens([AddedToken(a, normalized=False, special=True)])
        elif a.special: tk.add_special_tokens([a])
        else: tk.add_tokens([a])
    if post is not None: tk.post_processor = post(tk) if callable(post) else post
    return tk


def template(single, pair, *names):
    return lambda tk: processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(n, tk.token_to_id(n)) for n in names])


def byte_level_variants(t):
    bl, BL = lambda **k: t.model("byte_level", **k), pre_tokenizers.ByteLevel
    dec = decoders.ByteLevel()
    yield "gpt2", build(bl(), pre=BL(add_prefix_space=False), post=processors.ByteLevel(trim_offsets=False), decoder=dec, added=["<|endoftext|>"])
    yield "gpt2_prefix", build(bl(), pre=BL(add_prefix_space=True), post=processors.ByteLevel(trim_offsets=True, add_prefix_space=True), decoder=dec, added=["<|endoftext|>"])
    yield "gpt2_trim", build(bl(), pre=BL(add_prefix_space=False), post=processors.ByteLevel(trim_offsets=True, add_prefix_space=False), decoder=dec, added=["<|endoftext|>"])
    runs = [AddedToken(" " * n, normalized=True) for n in range(2, 9)] + [AddedToken("\t" * n, normalized=True) for n in range(2, 5)]
    yield "phi", build(bl(), pre=BL(add_prefix_space=False), post=processors.ByteLevel(trim_offsets=True), decoder=dec, added=["<|endoftext|>"] + runs)
    yield "neox", build(bl(), norm=normalizers.NFC(), pre=BL(add_prefix_space=False), post=processors.ByteLevel(trim_offsets=True), decoder=dec,
                        added=["<|endoftext|>", "<|padding|>"] + [AddedToken(" " * n, normalized=True) for n in range(23, 1, -1)])
    specials = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True, normalized=False)]
    for name, prefix, trim in (("roberta", False, True), ("bart", False, True), ("roberta_prefix", True, False)):
        yield name, build(bl(), pre=BL(add_prefix_space=prefix), decoder=dec, added=specials, post=lambda tk: processors.RobertaProcessing(
            ("</s>", tk.token_to_id("</s>")), ("<s>", tk.token_to_id("<s>")), trim_offsets=trim, add_prefix_space=prefix))
    isolated = lambda re: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(re), "isolated"), BL(add_prefix_space=False, use_regex=False)])
    begin = template("<|begin_of_text|> $A", "<|begin_of_text|> $A <|begin_of_text|>:1 $B:1", "<|begin_of_text|>")
    yield "llama3", build(bl(ignore_merges=True), pre=isolated(CL100K), decoder=dec, added=["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"],
                          post=lambda tk: processors.Sequence([processors.ByteLevel(trim_offsets=False, add_prefix_space=True), begin(tk)]))
    chat = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    yield "qwen2", build(bl(), norm=normalizers.NFC(), pre=isolated(QWEN2), post=processors.ByteLevel(trim_offsets=False, add_prefix_space=False), decoder=dec, added=chat)
    yield "qwen3", build(bl(), norm=normalizers.NFC(), pre=isolated(QWEN2), post=processors.ByteLevel(trim_offsets=False, add_prefix_space=False), decoder=dec,
                         added=chat + [AddedToken(x, normalized=False) for x in ("<tool_call>", "</tool_call>", "<think>", "</think>")])
    yield "o200k", build(bl(), pre=isolated(O200K), post=processors.ByteLevel(trim_offsets=True), decoder=dec, added=chat)
    yield "cl100k_plus", build(bl(), pre=isolated(CL100K_PLUS), decoder=dec, added=chat)
    yield "deepseek", build(bl(), norm=normalizers.Sequence([]), decoder=dec, added=["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"], pre=pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), pre_tokenizers.Split(Regex(r"[一-龥぀-ゟ゠-ヿ]+"), "isolated"),
        pre_tokenizers.Split(Regex(DEEPSEEK), "isolated"), BL(add_prefix_space=False, trim_offsets=True, use_regex=False)]))
    yield "falcon", build(bl(), decoder=dec, added=["<|endoftext|>", ">>TITLE<<"], post=processors.ByteLevel(trim_offsets=False), pre=pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), BL(add_prefix_space=False), pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")]))
    yield "starcoder", build(bl(), decoder=dec, added=["<|endoftext|>", "<fim_prefix>"], post=processors.ByteLevel(trim_offsets=True),
                             pre=pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), BL(add_prefix_space=False)]))
    yield "bloom", build(bl(), pre=isolated(BLOOM), decoder=dec, post=processors.ByteLevel(trim_offsets=False), added=["<unk>", "<s>", "</s>", "<pad>"])
    yield "whisper", build(bl(), pre=BL(add_prefix_space=False), decoder=dec, added=["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|notimestamps|>"], post=template(
        "<|startoftranscript|> <|en|> <|notimestamps|> $A <|endoftext|>", "<|startoftranscript|> <|en|> $A $B <|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|notimestamps|>", "<|endoftext|>"))
    yield "bytes_normalizer", build(bl(), norm=normalizers.Sequence([normalizers.NFC(), normalizers.ByteLevel()]), decoder=dec, pre=pre_tokenizers.Split("Ġ", "merged_with_next"),
                                    added=["<|endoftext|>", AddedToken("naïve", normalized=True), AddedToken("swan", normalized=False)])


def sentencepiece_variants(t):
    spm = lambda **k: t.model("spm", **{**dict(unk_token="<unk>", fuse_unk=True, byte_fallback=True), **k})
    back = decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    post = template("<s> $A", "<s> $A <s>:1 $B:1", "<s>")
    specials = ["<unk>", "<s>", "</s>"]
    legacy = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    yield "llama2_legacy", build(spm(), norm=legacy, post=post, decoder=back, added=specials)
    yield "llama2_normalized", build(spm(), norm=legacy, post=post, decoder=back, added=[AddedToken(x, normalized=True, special=True) for x in specials])
    for scheme in ("first", "always", "never"):
        yield "mistral_" + scheme, build(spm(), pre=pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False), post=post, decoder=back, added=specials + ["[INST]", "[/INST]"])
    yield "metaspace_split", build(spm(fuse_unk=False, byte_fallback=False), pre=pre_tokenizers.Metaspace(prepend_scheme="first", split=True), post=post,
                                   decoder=decoders.Metaspace(prepend_scheme="first"), added=specials)
    yield "gemma", build(spm(), norm=normalizers.Replace(" ", MARK), pre=pre_tokenizers.Split(" ", "merged_with_previous"), post=template("<bos> $A", "<bos> $A <bos>:1 $B:1", "<bos>"),
                         decoder=decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]),
                         added=["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>"] + [AddedToken("\n" * n, normalized=False) for n in range(1, 6)] +
                         [AddedToken(MARK * n, normalized=False) for n in range(2, 6)] + [AddedToken("<table>", normalized=False)])
    yield "phi3", build(spm(), norm=legacy, post=template("$A", "$A $B:1"), decoder=back,
                        added=specials[:2] + [AddedToken("</s>", rstrip=True, special=False, normalized=False)] + [AddedToken(x, rstrip=True, special=True, normalized=False) for x in ("<|assistant|>", "<|end|>", "<|user|>")])


def unigram_variants(t):
    def uni(**k):
        return t.model("unigram", **k)
    nmt, fold = charsmap("nmt_nfkc"), charsmap("nmt_nfkc_cf")
    pre = lambda x: {"type": "Precompiled", "precompiled_charsmap": x}
    seq = lambda *x: {"type": "Sequence", "normalizers": [state(n) for n in x]}
    meta, dec = pre_tokenizers.Metaspace(), decoders.Metaspace()
    twice = normalizers.Replace(Regex(" {2,}"), MARK)
    mask = AddedToken("<mask>", lstrip=True, special=True, normalized=False)
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    end, xlmr = template("$A </s>", "$A </s> $B </s>", "</s>"), template("<s> $A </s>", "<s> $A </s> </s> $B </s>", "<s>", "</s>")
    old = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": MARK, "str_rep": MARK, "add_prefix_space": True}]}
    old_dec = {"type": "Metaspace", "replacement": MARK, "str_rep": MARK, "add_prefix_space": True}
    ids = [AddedToken(f"<extra_id_{i}>", special=True, normalized=False) for i in range(3)]
    if nmt:
        yield "t5", build(uni(), norm=pre(nmt), pre=old, post=end, decoder=old_dec, added=specials + ids)
        yield "t5_new", build(uni(), norm=seq(pre(nmt), normalizers.Strip(left=False, right=True), twice), pre=meta, post=end, decoder=dec, added=specials + ids)
        yield "xlmr", build(uni(), norm=seq(pre(nmt), twice), pre=pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), meta]), post=xlmr, decoder=dec, added=specials + [mask])
        yield "mbart", build(uni(), norm=pre(nmt), pre=meta, decoder=dec, added=specials + [mask, "en_XX", "ro_RO"], post=template("$A </s> en_XX", "$A $B </s> en_XX", "</s>", "en_XX"))
        yield "deberta3", build(uni(), norm=seq(normalizers.Strip(), pre(nmt), normalizers.Replace(Regex(" {2,}"), " ")), pre=meta, decoder=dec,
                                added=["[CLS]", "[SEP]", AddedToken("[UNK]", special=True, normalized=True), "[MASK]"],
                                post=template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", "[CLS]", "[SEP]"))
        yield "albert", build(uni(), norm=seq(normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(),
                                              pre(nmt), normalizers.Replace(Regex(" {2,}"), " ")), pre=meta, decoder=dec,
                              added=["[CLS]", "[SEP]", AddedToken("[MASK]", lstrip=True, special=True)], post=template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", "[CLS]", "[SEP]"))
        yield "xlnet", build(uni(), norm=seq(normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(), pre(fold),
                                             normalizers.Replace(Regex(" {2,}"), " ")), pre=meta, decoder=dec, added=["<sep>", "<cls>"],
                             post=template("$A:0 <sep>:0 <cls>:2", "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2", "<sep>", "<cls>"))
        yield "nllb", build(uni(), norm=pre(nmt), pre=pre_tokenizers.Metaspace(prepend_scheme="always", split=True), decoder=dec, added=specials + ["eng_Latn"],
                            post=template("eng_Latn $A </s>", "eng_Latn $A $B </s>", "eng_Latn", "</s>"))
        yield "unigram_bytes", build({**uni(byte_fallback=True), "vocab": uni()["vocab"] + [[b, -30.0] for b in BYTES]}, norm=pre(nmt), pre=pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
                                     decoder=decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")]), added=specials)
    yield "marian_like", build(uni(), norm=seq(normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")), pre=meta, post=end, decoder=dec, added=specials)
    yield "pegasus", build(uni(), norm=seq(normalizers.NFKC(), twice), pre=pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]), post=end, decoder=dec,
                           added=specials + ["<mask_1>", AddedToken("<mask_2>", single_word=True, special=True)])


def wordpiece_variants(t):
    norm = lambda **k: normalizers.BertNormalizer(**k)
    pre, dec = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    post = template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", "[CLS]", "[SEP]")
    yield "bert_uncased", build(t.model("wordpiece lower"), norm=norm(lowercase=True), pre=pre, post=post, decoder=dec, added=specials)
    yield "bert_cased", build(t.model("wordpiece cased"), norm=norm(lowercase=False), pre=pre, post=post, decoder=dec, added=specials)
    yield "bert_multilingual", build(t.model("wordpiece cased"), norm=norm(lowercase=False, strip_accents=False, handle_chinese_chars=True), pre=pre, post=post, decoder=dec, added=specials)
    yield "bert_accents", build(t.model("wordpiece lower"), norm=norm(lowercase=True, strip_accents=False, clean_text=False), pre=pre, post=post, decoder=decoders.WordPiece(cleanup=False), added=specials)
    yield "electra", build(t.model("wordpiece lower"), norm=norm(lowercase=False, strip_accents=True), pre=pre, decoder=dec, added=specials,
                           post=lambda tk: processors.BertProcessing(("[SEP]", tk.token_to_id("[SEP]")), ("[CLS]", tk.token_to_id("[CLS]"))))
    yield "mpnet", build(t.model("wordpiece lower"), norm=norm(lowercase=True), pre=pre, decoder=dec,
                         added=["<s>", "<pad>", "</s>", "[UNK]", AddedToken("<mask>", lstrip=True, special=True, normalized=True)], post=lambda tk: processors.RobertaProcessing(
                             ("</s>", tk.token_to_id("</s>")), ("<s>", tk.token_to_id("<s>")), trim_offsets=True, add_prefix_space=False))
    yield "funnel", build(t.model("wordpiece lower"), norm=norm(lowercase=True), pre=pre, decoder=dec, added=specials,
                          post=template("[CLS]:2 $A:0 [SEP]:0", "[CLS]:2 $A:0 [SEP]:0 $B:1 [SEP]:1", "[CLS]", "[SEP]"))
    yield "wordpiece_long", build(t.model("wordpiece lower", max_input_chars_per_word=100000000), norm=normalizers.Lowercase(), decoder=decoders.WordPiece(prefix="##", cleanup=True), added=specials)


def other_variants(t):
    words = lambda **k: t.model("words", **k)
    yield "words", build(words(), pre=pre_tokenizers.Whitespace(), added=["<unk>", "<pad>"])
    chars = sorted({c for x in t.texts for c in x})[:500]
    letters = {"type": "WordLevel", "unk_token": "<unk>", "vocab": {c: i for i, c in enumerate(["<unk>", "<pad>", "|"] + [c for c in chars if c != "|"])}}
    yield "characters", build(letters, pre=pre_tokenizers.Split(Regex(r"(?m:.)"), "isolated"), decoder=decoders.Fuse(), added=["<unk>", "<pad>"])
    yield "characters_empty", build(letters, pre=pre_tokenizers.Split(Regex(""), "isolated"), decoder=decoders.Fuse(), added=["<unk>"])
    yield "ctc", build(letters, norm=normalizers.Sequence([normalizers.Replace(" ", "|")]), pre=pre_tokenizers.Split(Regex(""), "isolated"),
                       decoder=decoders.CTC(pad_token="<pad>", word_delimiter_token="|", cleanup=True), added=["<unk>", "<pad>"])
    yield "ctc_plain", build(letters, pre=pre_tokenizers.FixedLength(1), decoder=decoders.Sequence([decoders.CTC(pad_token="e", word_delimiter_token=" ", cleanup=False), decoders.Strip("t", 1, 0)]), added=["<unk>"])
    yield "fixed", build(words(), pre=pre_tokenizers.FixedLength(3), decoder=decoders.Fuse(), added=["<unk>"])
    yield "delimiter", build(words(), pre=pre_tokenizers.CharDelimiterSplit("e"), decoder=decoders.WordPiece(prefix="a", cleanup=True), added=["<unk>"])
    yield "clip", build(t.model("suffixed", unk_token="<|endoftext|>", continuing_subword_prefix="", vocab={**t.model("suffixed")["vocab"], "<|endoftext|>": t.size + 5}),
                        norm=normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]),
                        pre=pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CLIP), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
                        decoder=decoders.ByteLevel(), added=["<|endoftext|>"],
                        post=lambda tk: processors.RobertaProcessing(("<|endoftext|>", tk.token_to_id("<|endoftext|>")), ("<|endoftext|>", tk.token_to_id("<|endoftext|>")), trim_offsets=False, add_prefix_space=False))
    yield "openai_gpt", build(t.model("suffixed", unk_token="<unk>"), norm=normalizers.BertNormalizer(lowercase=True), pre=pre_tokenizers.BertPreTokenizer(),
                              decoder=decoders.BPEDecoder(suffix="</w>"), added=["<unk>"])
    yield "suffix_bytes", build(t.model("suffixed", unk_token="<unk>", byte_fallback=True, vocab={**t.model("suffixed")["vocab"], **{b: t.size + 10 + i for i, b in enumerate(BYTES)}}),
                                pre=pre_tokenizers.WhitespaceSplit(), decoder=decoders.Sequence([decoders.BPEDecoder(suffix="</w>"), decoders.ByteFallback()]), added=["<unk>"])
    yield "prefixed", build(t.model("prefixed"), pre=pre_tokenizers.Whitespace(), decoder=decoders.WordPiece(prefix="##", cleanup=False), added=["<unk>"])
    bl = t.model("byte_level")
    flags = [AddedToken("swan", single_word=True, normalized=True), AddedToken("water", lstrip=True, normalized=True), AddedToken("blue", rstrip=True, normalized=False),
             AddedToken("Thee", single_word=True, lstrip=True, rstrip=True, normalized=False), AddedToken("[X]", special=True, lstrip=True, rstrip=True, normalized=True),
             AddedToken("thee swan", normalized=True), AddedToken("é", normalized=True, single_word=True), AddedToken("Ⅷ", normalized=True), AddedToken("東", lstrip=True)]
    yield "added_flags", build(bl, norm=normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), pre=pre_tokenizers.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel(), added=flags)
    yield "added_only", build(bl, pre=pre_tokenizers.ByteLevel(add_prefix_space=True), decoder=decoders.ByteLevel(), post=processors.ByteLevel(trim_offsets=True, add_prefix_space=True), added=flags)
    many = [AddedToken(f"<reserved_{i}>", special=True, normalized=False) for i in range(1000)]
    yield "many_added", build(bl, pre=pre_tokenizers.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel(), added=many)
    yield "dropped", build(t.model("prefixed", unk_token=None), norm=normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Strip(True, False)]),
                                 pre=pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous")]))


def variants(texts, size):
    """(name, Tokenizer) of each layout, its model trained on the texts to about `size` pieces."""
    t = Trained(texts, size)
    for each in (byte_level_variants, sentencepiece_variants, unigram_variants, wordpiece_variants, other_variants): yield from each(t)

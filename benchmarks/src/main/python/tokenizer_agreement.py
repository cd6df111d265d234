"""Trains tokenizers of each kind with Hugging Face's library and records what it makes of mixed lines.

    python3 tokenizer_agreement.py OUT TEXT...

OUT/lines.jsonl has the lines, then lines that hold every code point; OUT/<kind>/ has tokenizer.json and results.jsonl: for each
line the ids, and for the mixed ones the ids with special tokens kept as text, those with the tokens of the post-processor, and
the text decoded from the first. Needs `pip install tokenizers`. TokenizerAgreement compares Firesteel with them.
"""

import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

VOCABULARY = 4000
MIXED_LINES = 10_000
CODE_POINTS_PER_LINE = 64

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT4O = "|".join([
    r"[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + r"+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?" + UPPER + "+" + LOWER + r"*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])

WORDS = """the of and to in I'm you'll DON'T they've Straße naïve café İstanbul ǅungla ﬁnal ΣΊΣΥΦΟΣ Ὀδυσσεύς привет мир
שָׁלוֹם עולם مرحبا بالعالم नमस्ते दुनिया สวัสดี 안녕하세요 こんにちは カタカナ 漢字仮名 中文文本 中文A 𠀀𠀁 Ａｂｃ １２３ ١٢٣ ½ Ⅷ ²³ 1234567 3.14159 0x1F
e\u0301 a\u0308\u0323 Å \u212b \u1e9b\u0323 한글 \u1112\u1161\u11ab 😀 👩\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 🇩🇪 ❤\ufe0f €100 “quoted” ‘it’s’ … — foo_bar fooBar HTTPServer getURL()
[CLS] [MASK] <s> </s> <unk> <0x41> ▁ ▁▁x <|endoftext|> <|begin_of_text|> {"a":[1,2]} if(x<10){y++;} // /* */ \\n C:\\dir a/b/c user@example.org
\0 \u0001 \u0007 \u007f \u0085 \u00ad \u200b \u200e \u202e \u2060 \ufeff \ufffd \ue000 \uffff \U0010fffd 'ſ 'S 'Ll 'RE n't 's o'clock ''""".split()
BETWEEN = [" "] * 12 + ["", "", "  ", "   ", "\t", "\n", "\r\n", "\n\n ", " \n", "\u00a0", "\u2028", "\u3000", ".", ", ", "! ",
                        "-", "'", "/", "...\n", "/\n"]


def lines(texts):
    """Real lines, mixtures of words of many scripts, and strings of random code points."""
    draw = random.Random(1)
    real = [line for text in texts for line in text.splitlines(keepends=True) if line.strip()]
    made = ["", " ", "\n", "  x", "x  "]
    while len(made) < MIXED_LINES:
        kind = draw.random()
        if kind < 0.35:
            made.append(draw.choice(real))
        elif kind < 0.85:
            made.append("".join(draw.choice(WORDS) + draw.choice(BETWEEN) for _ in range(draw.randrange(1, 25))))
        else:
            highest = draw.choice([0x80, 0x800, 0x3000, 0x10000, 0x20000, 0x110000])
            codes = [draw.randrange(highest) for _ in range(draw.randrange(1, 40))]
            made.append("".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000))
    return made


def code_points():
    """Lines that hold every code point, in several contexts where any two could differ."""
    made = []
    every = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for start in range(0, len(every), CODE_POINTS_PER_LINE):
        part = every[start:start + CODE_POINTS_PER_LINE]
        assigned = part[0] < 0x33500 or 0xE0000 <= part[0] < 0xE1000
        context = "a{0}B.{0}1\n'{0}e\u0301{0}" if assigned else "a{0}1 "
        made.append("".join(context.format(chr(c)) for c in part))
    return made


def byte_level(pattern, texts, **more):
    tokenizer = Tokenizer(models.BPE(ignore_merges=more.get("ignore_merges", False)))
    tokenizer.normalizer = more.get("normalizer")
    if pattern is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), *more.get("split", ("isolated", False))),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    specials = more.get("specials", ["<|endoftext|>"])
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if "template" in more:
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template(
            tokenizer, more["template"])])
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def template(tokenizer, single):
    names = [name for name in single.split() if not name.startswith("$")]
    return processors.TemplateProcessing(
        single=single, pair=None, special_tokens=[(name, tokenizer.token_to_id(name)) for name in names])


def sentence_piece(texts, byte_fallback, normalizer, pre_tokenizer, decoder, normalized=False, alphabet=300):
    """BPE over characters, as converted from SentencePiece: unknown, start, end, perhaps bytes, then what was trained."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<unk>"], limit_alphabet=alphabet, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].get)[1:]
    first = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if byte_fallback else [])
    vocabulary = {token: i for i, token in enumerate(first + [p for p in pieces if p not in first])}
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    # No merge may spell one of the first tokens, which the lines also have as text.
    merges = [m for m in merges if "".join(m) not in first]
    tokenizer = Tokenizer(models.BPE(
        vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=byte_fallback))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=normalized) for t in first[:3]])
    tokenizer.post_processor = template(tokenizer, "<s> $A")
    return tokenizer


def word_piece(texts, **options):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=options.pop("longest", 100)))
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, show_progress=False,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    tokenizer.post_processor = template(tokenizer, "[CLS] $A [SEP]")
    return tokenizer


def llama_decoder(strip=True):
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


def legacy():
    return normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def metaspace(scheme, split):
    return pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=scheme, split=split)


KINDS = {
    "gpt2": lambda t: byte_level(None, t),
    "llama3": lambda t: byte_level(LLAMA3, t, ignore_merges=True, specials=["<|begin_of_text|>", "<|endoftext|>"],
                                   template="<|begin_of_text|> $A"),
    "llama3-inverted": lambda t: byte_level(LLAMA3, t, split=("removed", True)),
    "qwen2-nfc": lambda t: byte_level(QWEN2, t, normalizer=normalizers.NFC()),
    "gpt4o": lambda t: byte_level(GPT4O, t, ignore_merges=True),
    "llama2-legacy": lambda t: sentence_piece(t, True, legacy(), None, llama_decoder()),
    "llama2-normalized-tokens": lambda t: sentence_piece(t, True, legacy(), None, llama_decoder(), True),
    "llama2-metaspace-first": lambda t: sentence_piece(t, True, None, metaspace("first", False), llama_decoder()),
    "metaspace-always-nfkc": lambda t: sentence_piece(
        t, False, normalizers.NFKC(), metaspace("always", True), decoders.Metaspace("▁", "always", True)),
    "metaspace-never": lambda t: sentence_piece(t, True, None, metaspace("never", True), llama_decoder(False)),
    "bert-uncased": lambda t: word_piece(t, lowercase=True),
    "bert-cased": lambda t: word_piece(t, lowercase=False),
    "bert-accents-kept": lambda t: word_piece(
        t, lowercase=True, strip_accents=False, handle_chinese_chars=False, clean_text=False, longest=20),
}


def main(out, *files):
    texts = [pathlib.Path(file).read_text(encoding="utf-8") for file in files]
    mixed, every = lines(texts), code_points()
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    write(out / "lines.jsonl", mixed + every)
    (out / "library.txt").write_text(f"tokenizers {tokenizers.__version__}\n")
    training = [line for text in texts for line in text.splitlines()] + mixed
    for kind, make in KINDS.items():
        tokenizer = make(training)
        (out / kind).mkdir(exist_ok=True)
        tokenizer.save(str(out / kind / "tokenizer.json"))
        tokenizer = Tokenizer.from_file(str(out / kind / "tokenizer.json"))
        write(out / kind / "results.jsonl", results(tokenizer, mixed, every))
        print(kind, tokenizer.get_vocab_size(), "tokens", flush=True)


def results(tokenizer, mixed, every):
    """The four results of each mixed line, and the ids alone of the others."""
    for line in mixed:
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(line, add_special_tokens=False).ids
        wrapped = tokenizer.encode(line, add_special_tokens=True).ids
        tokenizer.encode_special_tokens = True
        plain = tokenizer.encode(line, add_special_tokens=False).ids
        yield ids, plain, wrapped, tokenizer.decode(ids, skip_special_tokens=False)
    tokenizer.encode_special_tokens = False
    for line in every:
        yield [tokenizer.encode(line, add_special_tokens=False).ids]


def write(path, values):
    with open(path, "w", encoding="ascii") as file:
        for value in values:
            file.write(json.dumps(value) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

package dev.firesteel.config;

import dev.firesteel.tokenizer.SplitPattern;

/** Section {@code tokenizer}: the tokenizer to train, or the file of an existing one. */
public record TokenizerConfig(
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "bpe",
            meaning =
                "`bpe`: byte-level byte-pair encoding, trained on the text; `byte`: one token per"
                    + " byte; `char`: one token per distinct character of the text.")
        Kind kind,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "8192",
            meaning =
                "Vocabulary size of a `bpe` tokenizer, special tokens included; `byte` and `char`"
                    + " determine their own.")
        int vocabularySize,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "gpt2",
            meaning =
                "How a `bpe` tokenizer splits text into words before it merges: as GPT-2, Llama 3,"
                    + " Qwen 2 or GPT-4o (see [tokenizers](tokenizers.md)).")
        SplitPattern pattern,
    @Setting(
            resume = Resume.SAME_DATA,
            meaning =
                "An existing `tokenizer.json` (Hugging Face format) to use instead of training one;"
                    + " `kind`, `vocabulary_size` and `pattern` are then taken from the file.")
        String file,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "100000000",
            meaning =
                "Maximum number of bytes, from the start of the training text, to train a `bpe`"
                    + " tokenizer on. 0: all.")
        long trainingBytes) {

  /** The kind of tokenizer to train. */
  public enum Kind {
    BPE,
    BYTE,
    CHAR
  }

  /** Every byte needs a token: 256, plus the end-of-text token. */
  static final int LEAST_VOCABULARY = 257;

  public TokenizerConfig {
    if (kind == Kind.BPE && file.isEmpty()) {
      Require.atLeast("tokenizer.vocabulary_size", vocabularySize, LEAST_VOCABULARY);
    }
    Require.atLeast("tokenizer.training_bytes", trainingBytes, 0);
  }
}

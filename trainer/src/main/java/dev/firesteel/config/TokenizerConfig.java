package dev.firesteel.config;

/** Section {@code tokenizer}: the one to train, or the file of an existing one. */
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
            meaning =
                "An existing `tokenizer.json` (Hugging Face format) to use instead of training"
                    + " one; `kind` and `vocabulary_size` are then those of the file.")
        String file,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "100000000",
            meaning =
                "Train a `bpe` tokenizer on at most the first so many bytes of the training text."
                    + " 0: all.")
        long trainingBytes) {

  /** The kind of tokenizer to train. */
  public enum Kind {
    BPE,
    BYTE,
    CHAR
  }

  /** Every byte has to have a token: 256, and one that ends a text. */
  static final int LEAST_VOCABULARY = 257;

  public TokenizerConfig {
    if (kind == Kind.BPE && file.isEmpty()) {
      Require.atLeast("tokenizer.vocabulary_size", vocabularySize, LEAST_VOCABULARY);
    }
    Require.atLeast("tokenizer.training_bytes", trainingBytes, 0);
  }
}

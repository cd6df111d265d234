package dev.firesteel.config;

/** Section {@code tokenizer}: the one to train, or the file of an existing one. */
public record TokenizerConfig(
    @Setting(
            byDefault = "bpe",
            meaning =
                "`bpe`: byte-level byte-pair encoding, trained on the text; `byte`: one token a"
                    + " byte; `char`: one token for each character that the text holds.")
        Kind kind,
    @Setting(
            byDefault = "8192",
            meaning =
                "Tokens of a `bpe` tokenizer, special ones included; `byte` and `char` make their"
                    + " own.")
        int vocabularySize,
    @Setting(
            meaning =
                "An existing `tokenizer.json` (Hugging Face format) to use instead of training"
                    + " one; `kind` and `vocabulary_size` are then those of the file.")
        String file,
    @Setting(
            byDefault = "100000000",
            meaning =
                "Train a `bpe` tokenizer on at most so many bytes of the training text, from its"
                    + " beginning. 0: all.")
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

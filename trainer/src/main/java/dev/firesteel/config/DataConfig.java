package dev.firesteel.config;

/** Section {@code data}: the text, and the token shards made of it. */
public record DataConfig(
    @Setting(
            required = true,
            meaning =
                "The text: a file, a folder, a glob, a hdfs:/s3a: URI, or the name of a recipe"
                    + " under `datasets/` (such as `java-sources`).")
        String source,
    @Setting(
            byDefault = "auto",
            meaning =
                "Format of the source; `auto` goes by the files' endings (.jsonl/.json/.ndjson,"
                    + " .parquet, all else text; .gz and the like are unpacked).")
        Format format,
    @Setting(
            byDefault = "text",
            meaning = "The field (JSONL) or column (Parquet) that holds a document's text.")
        String textField,
    @Setting(
            byDefault = "file",
            meaning = "What one document is in text files: the whole `file`, or each `line`.")
        DocumentUnit documentUnit,
    @Setting(
            meaning =
                "Folder of the prepared shards. Derived where it is not given: `data/<name of the"
                    + " source>-<hash of the settings that shape the shards>`.")
        String path,
    @Setting(
            byDefault = "auto",
            meaning =
                "How validation text is set apart: `hash` takes whole documents by the hash of"
                    + " their text; `tail` takes the last characters of the whole text; `auto` is"
                    + " `hash` where that gives ten documents or more, else `tail`.")
        Split split,
    @Setting(
            byDefault = "0.01",
            meaning = "Share of the documents (`hash`) or characters (`tail`) set apart.")
        double validationFraction,
    @Setting(byDefault = "true", meaning = "Drop documents whose text occurred before, exactly.")
        boolean deduplicate,
    @Setting(
            byDefault = "0",
            meaning =
                "Keep at most so many documents: those with the smallest hashes, an even sample"
                    + " that does not depend on their order (with `split: tail`, whole files in the"
                    + " order of their paths). 0: all.")
        long maxDocuments,
    @Setting(
            byDefault = "134217728",
            meaning = "Tokens in one shard, about: a shard ends with the document that fills it.")
        long shardTokens,
    @Setting(
            byDefault = "auto",
            meaning =
                "How a token lies on disk; `auto` is uint16 where the vocabulary is at most 65536"
                    + " and int32 above.")
        TokenType tokenType,
    @Setting(
            byDefault = "shuffled_windows",
            meaning =
                "Which tokens a training sample takes: `shuffled_windows` cuts the text into"
                    + " windows and takes each once an epoch, in an order drawn from the seed;"
                    + " `random_offsets` draws each sample's start anew (as nanoGPT does).")
        Sampling sampling) {

  /** The largest vocabulary whose ids fit into 16 bits. */
  public static final int UINT16_VOCABULARY = 65536;

  /** Format of the source files. */
  public enum Format {
    AUTO,
    TEXT,
    JSONL,
    PARQUET
  }

  /** What one document is in a text file. */
  public enum DocumentUnit {
    FILE,
    LINE
  }

  /** How validation text is set apart. */
  public enum Split {
    AUTO,
    HASH,
    TAIL
  }

  /** Width of a token on disk. */
  public enum TokenType {
    AUTO,
    UINT16,
    INT32
  }

  /** Which tokens a training sample takes. */
  public enum Sampling {
    SHUFFLED_WINDOWS,
    RANDOM_OFFSETS
  }

  public DataConfig {
    Require.that(!source.isBlank(), "data.source must name the text to read, got an empty text");
    Require.that(!textField.isBlank(), "data.text_field must name a field, got an empty text");
    Require.fraction("data.validation_fraction", validationFraction);
    Require.atLeast("data.max_documents", maxDocuments, 0);
    Require.atLeast("data.shard_tokens", shardTokens, 1);
  }

  DataConfig withPath(String newPath) {
    return new DataConfig(
        source,
        format,
        textField,
        documentUnit,
        newPath,
        split,
        validationFraction,
        deduplicate,
        maxDocuments,
        shardTokens,
        tokenType,
        sampling);
  }
}

package dev.firesteel.config;

/** Section {@code data}: the text, and the token shards made from it. */
public record DataConfig(
    @Setting(
            resume = Resume.SAME_DATA,
            required = true,
            meaning =
                "The text: a file, a folder, a glob, a hdfs:/s3a: URI, the name of a recipe"
                    + " under `datasets/` (such as `java-sources`), or a table of Spark's catalogs"
                    + " (`table:catalog.db.name`).")
        String source,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "auto",
            meaning =
                "Format of the source; `auto` decides by file extension (.jsonl/.json/.ndjson,"
                    + " .parquet, anything else is text; .gz and similar are decompressed).")
        Format format,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "text",
            meaning = "The field (JSONL) or column (Parquet) that holds a document's text.")
        String textField,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "file",
            meaning = "Unit that forms a document in text files: the whole `file`, or each `line`.")
        DocumentUnit documentUnit,
    @Setting(
            resume = Resume.SAME_DATA,
            meaning =
                "Folder of the prepared shards. Default: `data/<name of the source>-<hash of the"
                    + " settings that determine the shards>`.")
        String path,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "auto",
            meaning =
                "How validation text is held out: `hash` takes whole documents by the hash of their"
                    + " text; `tail` takes the last characters of the whole text; `auto` is `hash`"
                    + " if that gives ten documents or more, else `tail`.")
        Split split,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "0.01",
            meaning = "Fraction of the documents (`hash`) or characters (`tail`) that is held out.")
        double validationFraction,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "true",
            meaning = "Drop exact duplicates of earlier documents.")
        boolean deduplicate,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "0",
            meaning =
                "Maximum number of documents: those with the smallest hashes, a uniform sample"
                    + " that does not depend on their order (with `split: tail`, whole files in the"
                    + " order of their paths). 0: all.")
        long maxDocuments,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "134217728",
            meaning =
                "Approximate number of tokens per shard: a shard ends with the document that fills it.")
        long shardTokens,
    @Setting(
            resume = Resume.SAME_DATA,
            byDefault = "auto",
            meaning =
                "Type of a token on disk; `auto` is uint16 for vocabularies of up to 65536 tokens,"
                    + " else int32.")
        TokenType tokenType,
    @Setting(
            byDefault = "shuffled_windows",
            meaning =
                "How training samples are taken from the text: `shuffled_windows` cuts it into"
                    + " windows and uses each once per epoch, in an order drawn from the seed;"
                    + " `random_offsets` draws the start of every sample independently (as nanoGPT"
                    + " does).")
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

  /** Unit that forms a document in a text file. */
  public enum DocumentUnit {
    FILE,
    LINE
  }

  /** How validation text is held out. */
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

  /** How training samples are taken from the text. */
  public enum Sampling {
    SHUFFLED_WINDOWS,
    RANDOM_OFFSETS
  }

  public DataConfig {
    Require.that(!source.isBlank(), "data.source must name the text to read, got an empty string");
    Require.that(!textField.isBlank(), "data.text_field must name a field, got an empty string");
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

package dev.firesteel.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.fs.Path;

/** Files {@code tokenizer.json}, and folders with one and no model. */
final class TokenizerInspection {
  /** Text with what tokenizers change: case, accents, runs of spaces, line ends, other scripts. */
  private static final List<String> SAMPLES =
      List.of(
          "The quick brown fox jumps over the lazy dog.",
          "  for (int i = 0; i < 10; i++) {\n\treturn x[i];\r\n}",
          "na\u00efve caf\u00e9, \u4f60\u597d \ud83d\ude42");

  private TokenizerInspection() {}

  static boolean isTokenizer(Source source) throws IOException {
    if (source.isFolder()) {
      return source.has(ModelDirectory.TOKENIZER);
    }
    return source.endsWith(".json")
        && DataInspection.manifest(source.fs().open(source.path())).path("model").isObject();
  }

  static void inspect(Source source, Inspection into) throws IOException {
    Path file = source.isFolder() ? source.child(ModelDirectory.TOKENIZER) : source.path();
    Tokenizer tokenizer = TokenizerFiles.read(source.fs(), file);
    JsonNode json = DataInspection.manifest(source.fs().open(file));
    describe(tokenizer, json, into);
    List<List<Object>> special = new ArrayList<>();
    int longest = 0;
    long bytes = 0;
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      int length = tokenizer.decodeBytes(id).length;
      longest = Math.max(longest, length);
      bytes += length;
      if (tokenizer.isSpecial(id)) {
        special.add(
            ModelInspection.row(
                (long) id,
                tokenizer.token(id),
                tokenizer.endOfText().orElse(-1) == id ? "ends a document" : ""));
      }
    }
    into.fact("longest token in bytes", (long) longest)
        .fact("mean bytes of a token", (double) bytes / Math.max(1, tokenizer.vocabularySize()));
    if (!special.isEmpty()) {
      into.table(new Table("special tokens", List.of("id", "token", "note"), special));
    }
    checkSamples(tokenizer, into);
  }

  private static void describe(Tokenizer tokenizer, JsonNode json, Inspection into) {
    into.fact("model", json.path("model").path("type").asText("BPE"))
        .fact("vocabulary size", (long) tokenizer.vocabularySize())
        .fact("merges", (long) json.path("model").path("merges").size());
    for (String part : List.of("normalizer", "pre_tokenizer", "post_processor", "decoder")) {
      into.fact(part.replace('_', '-'), json.path(part).path("type").textValue());
    }
    into.fact("sha256", tokenizer.sha256());
  }

  /** A table of samples with their tokens; a tokenizer with a normalizer may change a text. */
  private static void checkSamples(Tokenizer tokenizer, Inspection into) {
    List<List<Object>> rows = new ArrayList<>();
    long beyond = 0;
    for (String text : SAMPLES) {
      int[] ids = tokenizer.encode(text);
      int bytes = text.getBytes(StandardCharsets.UTF_8).length;
      rows.add(
          ModelInspection.row(
              text,
              (long) ids.length,
              ids.length == 0 ? null : (double) bytes / ids.length,
              tokenizer.decode(ids).equals(text)));
      beyond += Arrays.stream(ids).filter(id -> id < 0 || id >= tokenizer.vocabularySize()).count();
    }
    into.table(
        new Table("samples", List.of("text", "tokens", "bytes per token", "comes back"), rows));
    into.check(
        "ids", beyond == 0, "%d tokens of the samples are beyond the vocabulary".formatted(beyond));
  }
}

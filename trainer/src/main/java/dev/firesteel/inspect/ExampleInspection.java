package dev.firesteel.inspect;

import dev.firesteel.data.DatasetManifest;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.ExampleDataset;
import dev.firesteel.data.ExampleManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Folders of prepared examples. */
final class ExampleInspection {
  private static final List<String> SPLITS =
      List.of("split", "examples", "documents", "tokens", "trained", "longest", "mean length");

  private ExampleInspection() {}

  static boolean isPrepared(Source source) throws IOException {
    return source.has(ExampleManifest.FILE_NAME)
        && DataInspection.manifest(source.fs().open(source.child(ExampleManifest.FILE_NAME)))
            .has("counts");
  }

  static void inspect(Source source, Inspection into) {
    ExampleManifest manifest = ExampleManifest.read(source.path(), source.hadoop());
    ExampleManifest.Counts counts = manifest.counts();
    into.fact("examples of", manifest.kind())
        .fact("source", manifest.source())
        .fact("vocabulary size", (long) manifest.tokenizer().vocabularySize())
        .fact("chat template", !manifest.template().isEmpty())
        .fact("records read", counts.read())
        .fact("records kept", counts.kept())
        .fact("records truncated", counts.truncated())
        .fact("records over the limit", counts.overLimit());
    reasons(counts, into);
    List<List<Object>> rows = new ArrayList<>();
    List<String> damage = new ArrayList<>();
    long beyond = 0;
    long looked = 0;
    for (Part part : Part.values()) {
      ExampleManifest.SplitInfo split = manifest.part(part);
      rows.add(
          ModelInspection.row(
              part.title(),
              split.examples(),
              split.documents(),
              split.tokens(),
              split.trained(),
              (long) split.longest(),
              split.documents() == 0 ? null : (double) split.tokens() / split.documents()));
      try {
        Found found =
            Found.of(
                ExampleDataset.open(source.path(), part, source.hadoop()),
                manifest.tokenizer().vocabularySize());
        beyond += found.beyond();
        looked += found.tokens();
        found.difference(part, split).ifPresent(damage::add);
      } catch (UserException e) {
        damage.add(e.getMessage());
      }
    }
    into.table(new Table("splits", SPLITS, rows));
    into.check(
        "files",
        damage.isEmpty(),
        damage.isEmpty()
            ? "all have the SHA-256 and the counts of the manifest"
            : TensorSet.listed(damage));
    into.check(
        "ids",
        beyond == 0,
        "%,d of %,d tokens are not below the vocabulary size %,d"
            .formatted(beyond, looked, manifest.tokenizer().vocabularySize()));
  }

  /** Why records were left out, with the place of the first of each kind. */
  private static void reasons(ExampleManifest.Counts counts, Inspection into) {
    List<List<Object>> rows = new ArrayList<>();
    counts
        .bad()
        .forEach(
            (reason, count) ->
                rows.add(ModelInspection.row("bad", reason, count, counts.first().get(reason))));
    counts
        .dropped()
        .forEach(
            (reason, count) ->
                rows.add(
                    ModelInspection.row("dropped", reason, count, counts.first().get(reason))));
    if (!rows.isEmpty()) {
      into.table(new Table("records left out", List.of("what", "reason", "count", "first"), rows));
    }
  }

  /** What the files of a split hold. */
  private record Found(long examples, long documents, long tokens, long trained, long beyond) {
    static Found of(ExampleDataset data, int vocabularySize) {
      long documents = 0;
      long tokens = 0;
      long trained = 0;
      long beyond = 0;
      for (Example example : data.examples()) {
        for (TrainedTokens document : example.documents()) {
          documents++;
          tokens += document.length();
          trained += document.trainedCount();
          for (int token : document.tokens()) {
            beyond += token < 0 || token >= vocabularySize ? 1 : 0;
          }
        }
      }
      return new Found(data.size(), documents, tokens, trained, beyond);
    }

    Optional<String> difference(Part part, ExampleManifest.SplitInfo split) {
      boolean same =
          examples == split.examples()
              && documents == split.documents()
              && tokens == split.tokens()
              && trained == split.trained();
      return same
          ? Optional.empty()
          : Optional.of(
              "the %s files hold %,d examples, %,d documents, %,d tokens, of which %,d trained, and %s says %,d, %,d, %,d and %,d"
                  .formatted(
                      part.title(),
                      examples,
                      documents,
                      tokens,
                      trained,
                      DatasetManifest.FILE_NAME,
                      split.examples(),
                      split.documents(),
                      split.tokens(),
                      split.trained()));
    }
  }
}

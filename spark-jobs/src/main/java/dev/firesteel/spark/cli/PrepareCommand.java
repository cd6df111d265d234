package dev.firesteel.spark.cli;

import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.spark.prepare.PrepareJob;
import dev.firesteel.spark.session.SparkSessions;
import java.io.PrintWriter;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code prepare}: turns text into token shards. */
@Command(
    name = "prepare",
    description =
        "Reads text, drops duplicates, trains a tokenizer and writes token shards; does nothing"
            + " if the data is already prepared.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel prepare --config configs/quickstart.yaml",
      "  ./firesteel prepare data.source=my-texts tokenizer.vocabulary_size=4096"
    })
public final class PrepareCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ConfigArguments arguments;

  @Option(
      names = "--rebuild",
      description = "Delete the prepared data in data.path and prepare it again.")
  private boolean rebuild;

  @Override
  public Integer call() {
    PretrainConfig config = arguments.load();
    PrintWriter out = spec.commandLine().getOut();
    try (SparkSessions.OpenSession spark = SparkSessions.open("prepare", Map.of())) {
      PrepareJob.Prepared prepared = PrepareJob.run(spark.session(), config, rebuild, out::println);
      report(prepared, config, out);
    }
    return 0;
  }

  private static void report(PrepareJob.Prepared prepared, PretrainConfig config, PrintWriter out) {
    DatasetManifest manifest = prepared.manifest();
    if (prepared.upToDate()) {
      out.println(PrepareJob.describe(manifest.documents()));
    }
    out.println(
        "%s %s: %s, %s (split by %s), vocabulary of %d tokens"
            .formatted(
                config.data().path(),
                prepared.upToDate() ? "is up to date" : "is prepared",
                describe("training", manifest.train()),
                describe("validation", manifest.validation()),
                manifest.split(),
                manifest.tokenizer().vocabularySize()));
  }

  private static String describe(String name, DatasetManifest.SplitInfo part) {
    return "%s %d tokens of %.1f MB text in %d %s"
        .formatted(
            name,
            part.tokens(),
            part.textBytes() / 1e6,
            part.shards().size(),
            part.shards().size() == 1 ? "shard" : "shards");
  }
}

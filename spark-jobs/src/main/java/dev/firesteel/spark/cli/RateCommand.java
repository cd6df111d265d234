package dev.firesteel.spark.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.rate.RatingFile;
import dev.firesteel.serve.RateEndpoints;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code rate}: people compare answers on a page, and preferences are collected. */
@Command(
    name = "rate",
    description =
        "Shows two answers to a prompt side by side on a page, /rate of the server that serve"
            + " starts, and collects which is better as preferences that reward and dpo read. Two"
            + " answers of one model, or one of each of two.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel rate runs/sft --prompts prompts.jsonl",
      "  ./firesteel rate new=runs/dpo old=runs/sft --prompts prompts.jsonl --out ratings.jsonl",
      "  ./firesteel rate runs/sft --temperature 1 --max-tokens 100",
      "  ./firesteel rate runs/base --template chatml",
      "",
      "Then:",
      "  ./firesteel reward model.from=runs/sft data.source=ratings.jsonl",
      "  ./firesteel dpo model.from=runs/sft data.source=ratings.jsonl"
    })
public final class RateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ServeArguments arguments;
  @Mixin private SamplingArguments sampling;

  @Option(
      names = "--prompts",
      paramLabel = "FILE",
      description =
          "JSONL of prompts to rate, in the fields \"prompt\" or \"messages\". By default they are"
              + " typed on the page.")
  private String prompts;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      defaultValue = "ratings.jsonl",
      description =
          "JSONL that preferences are appended to; ${DEFAULT-VALUE} by default. Ties and skipped"
              + " pairs go to a file beside it, FILE.undecided.jsonl without the first .jsonl.")
  private String out;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "System message of all prompts that have none.")
  private String system;

  @Override
  public Integer call() {
    // What can be wrong with them shall be known before the models are read.
    GenerationOptions options = sampling.builder().build();
    List<JsonNode> records =
        prompts == null ? List.of() : RatingFile.prompts(path("--prompts", prompts));
    RatingFile file = RatingFile.open(path("--out", out));
    return arguments.serve(
        spec,
        "/rate",
        models ->
            RateEndpoints.routes(models, options, Optional.ofNullable(system), file, records));
  }

  private static Path path(String option, String name) {
    try {
      return Path.of(name);
    } catch (InvalidPathException e) {
      throw UserException.usage(
          "%s must be the name of a local file, got %s: choose another".formatted(option, name), e);
    }
  }
}

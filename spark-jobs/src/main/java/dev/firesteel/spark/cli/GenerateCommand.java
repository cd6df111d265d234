package dev.firesteel.spark.cli;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.generate.Completion;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.generate.TokenListener;
import dev.firesteel.run.SavedModel;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code generate}: a model goes on from prompts. */
@Command(
    name = "generate",
    description = "Generates text with a trained model and prints it as it is generated.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel generate runs/quickstart --prompt \"public static \"",
      "  ./firesteel generate runs/quickstart --prompt \"import \" --temperature 0 --max-tokens 50",
      "  ./firesteel generate runs/quickstart --prompt \"class A\" --prompt \"class B\" --seed 7",
      "  ./firesteel generate runs/quickstart --prompt \"for (\" --temperature 0 --beams 4",
      "  ./firesteel generate runs/quickstart compute.backend=opencl --prompt \"import \""
    })
public final class GenerateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ModelArguments model;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description =
          "Prompt to complete. Repeatable; all run as one batch. Default: start of a document.")
  private List<String> prompts = new ArrayList<>(List.of());

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      defaultValue = "200",
      description = "Maximum number of tokens to generate; ${DEFAULT-VALUE} by default.")
  private int maxTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0.8",
      description =
          "Divides the logits; 0 always selects the most likely token; ${DEFAULT-VALUE} by default.")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "0",
      description = "Sample from the K most likely tokens; 0, the default: from all.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description =
          "Sample from the fewest most likely tokens with total probability P; 1 by default.")
  private double topP;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      defaultValue = "0",
      description = "Sample from tokens at least P times as likely as the top one; 0 by default.")
  private double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      defaultValue = "1",
      description = "Above 1 penalizes tokens that already occur in the text; 1 by default.")
  private double repetitionPenalty;

  @Option(
      names = "--beams",
      paramLabel = "N",
      defaultValue = "1",
      description = "Width of beam search, with --temperature 0; 1, the default: none.")
  private int beams;

  @Option(
      names = "--length-penalty",
      paramLabel = "X",
      defaultValue = "1",
      description =
          "Beam search ranks by log p / length^X; above 0 favors long texts; 1 by default.")
  private double lengthPenalty;

  @Option(
      names = "--stop",
      paramLabel = "TEXT",
      description = "End a completion where this text appears; repeatable.")
  private List<String> stop = new ArrayList<>();

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "The same seed gives the same text; 0 by default.")
  private long seed;

  @Override
  public Integer call() {
    GenerationOptions options =
        GenerationOptions.builder()
            .maxTokens(maxTokens)
            .temperature(temperature)
            .topK(topK)
            .topP(topP)
            .minP(minP)
            .repetitionPenalty(repetitionPenalty)
            .beams(beams)
            .lengthPenalty(lengthPenalty)
            .stopStrings(stop)
            .seed(seed)
            .build();
    List<String> texts = prompts.isEmpty() ? List.of("") : prompts;
    return model.with(
        new Configuration(), (saved, backend) -> write(saved, backend, texts, options));
  }

  private int write(
      SavedModel saved, Backend backend, List<String> texts, GenerationOptions options) {
    PrintWriter out = spec.commandLine().getOut();
    boolean one = texts.size() == 1;
    // Beams change their minds: only what is final can be shown. Several texts would mix.
    boolean stream = one && options.beams() == 1;
    try (ArrayPool pool = new ArrayPool(backend)) {
      if (stream) {
        show(out, texts.get(0));
      }
      long began = System.nanoTime();
      List<Completion> completions =
          new Generator(saved.model(), saved.tokenizer(), saved.documents(), pool)
              .generate(
                  texts,
                  options,
                  stream ? (prompt, token, text) -> show(out, text) : TokenListener.NONE);
      double seconds = (System.nanoTime() - began) / 1e9;
      int tokens = 0;
      for (int i = 0; i < texts.size(); i++) {
        Completion completion = completions.get(i);
        tokens += completion.tokens().size();
        if (!one) {
          out.println("--- " + (i + 1));
        }
        out.println(stream ? "" : texts.get(i) + completion.text());
      }
      // Facts about the text are no part of it: they go where a pipe does not take them.
      spec.commandLine()
          .getErr()
          .printf(
              Locale.ROOT,
              "%d tokens, %.1f tokens/s, ended by %s%n",
              tokens,
              tokens / seconds,
              String.join(
                  ", ",
                  completions.stream()
                      .map(completion -> completion.finishReason().name().toLowerCase(Locale.ROOT))
                      .distinct()
                      .toList()));
    }
    return 0;
  }

  private static void show(PrintWriter out, String text) {
    out.print(text);
    out.flush();
  }
}

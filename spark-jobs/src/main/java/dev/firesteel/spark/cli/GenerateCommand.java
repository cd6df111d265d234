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

/** {@code generate}: completes prompts with a model. */
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
  @Mixin private SamplingArguments sampling;

  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description =
          "Prompt to complete. Repeatable; all run as one batch. Default: start of a document.")
  private List<String> prompts = new ArrayList<>(List.of());

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

  @Override
  public Integer call() {
    GenerationOptions options =
        sampling.builder().beams(beams).lengthPenalty(lengthPenalty).build();
    List<String> texts = prompts.isEmpty() ? List.of("") : prompts;
    return model.with(
        new Configuration(), (saved, backend) -> write(saved, backend, texts, options));
  }

  private int write(
      SavedModel saved, Backend backend, List<String> texts, GenerationOptions options) {
    PrintWriter out = spec.commandLine().getOut();
    boolean one = texts.size() == 1;
    // Beams may change: only final text can be shown. The output of several prompts would mix.
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
      // Statistics are not part of the text: they go to standard error.
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

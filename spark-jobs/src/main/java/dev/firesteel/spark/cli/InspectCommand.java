package dev.firesteel.spark.cli;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.Generator;
import dev.firesteel.generate.NextTokens;
import dev.firesteel.inspect.AttentionPage;
import dev.firesteel.inspect.EmbeddingMap;
import dev.firesteel.inspect.EmbeddingPage;
import dev.firesteel.inspect.Inspection;
import dev.firesteel.inspect.InspectionText;
import dev.firesteel.inspect.Inspections;
import dev.firesteel.inspect.NextTokensText;
import dev.firesteel.inspect.TensorComparison;
import dev.firesteel.inspect.TokenText;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code inspect}: what files hold, and what a model makes of a text. */
@Command(
    name = "inspect",
    description =
        "Shows what a file or folder holds: tensors with statistics, checks, data, tokenizers."
            + " With two paths, compares their tensors. With a text, shows its tokens, what a"
            + " model expects after it, or what the model attends to in it.",
    footer = {
      "",
      "Exit code 1 if a check fails.",
      "",
      "Examples:",
      "  ./firesteel inspect runs/quickstart",
      "  ./firesteel inspect model.safetensors --json",
      "  ./firesteel inspect runs/base runs/sft",
      "  ./firesteel inspect tokenizer.json --tokens \"Hello, world\"",
      "  ./firesteel inspect runs/quickstart --next \"public static \" --steps 5 --top 4",
      "  ./firesteel inspect runs/quickstart --attention \"x = x + 1\" --out page.html",
      "  ./firesteel inspect runs/quickstart --embeddings --map umap --out map.html"
    })
public final class InspectCommand implements Callable<Integer> {
  private static final String OVERRIDE = "compute\\.[\\w.]+=.*";

  @Spec private CommandSpec spec;

  @Parameters(
      index = "0..*",
      arity = "1..*",
      paramLabel = "PATH",
      description =
          "A run directory, a checkpoint, a model directory, a safetensors file, prepared data or"
              + " examples, a token shard, or a tokenizer; a second one to compare it with. What"
              + " runs a model also takes compute.KEY=VALUE.")
  private List<String> arguments = new ArrayList<>();

  @Option(names = "--json", description = "JSON for programs instead of text.")
  private boolean json;

  @Option(names = "--tokens", paramLabel = "TEXT", description = "Show the tokens of a text.")
  private String tokens;

  @Option(
      names = "--next",
      paramLabel = "TEXT",
      description = "Show the most likely next tokens after a text, decoded greedily.")
  private String next;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "10",
      description = "Positions that --next shows; ${DEFAULT-VALUE} by default.")
  private int steps;

  @Option(
      names = "--top",
      paramLabel = "K",
      defaultValue = "5",
      description = "Tokens of each position that --next shows; ${DEFAULT-VALUE} by default.")
  private int top;

  @Option(
      names = "--attention",
      paramLabel = "TEXT",
      description = "Write a page with what each layer and head attends to in a text.")
  private String attention;

  @Option(names = "--embeddings", description = "Write a page with a map of the token embeddings.")
  private boolean embeddings;

  @Option(
      names = "--points",
      paramLabel = "N",
      defaultValue = "1000",
      description =
          "Tokens on the map, those of the lowest ids, which are the most frequent; ${DEFAULT-VALUE}"
              + " by default.")
  private int points;

  @Option(
      names = "--map",
      paramLabel = "KIND",
      defaultValue = "pca",
      description =
          "Kind of the map: pca, the two directions in which embeddings vary most (default), or"
              + " umap, where neighbours stay neighbours.")
  private String map;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "The page of --attention or --embeddings, replaced if it exists.")
  private String out;

  @Override
  public Integer call() {
    List<String> overrides = arguments.stream().filter(one -> one.matches(OVERRIDE)).toList();
    List<String> paths = arguments.stream().filter(one -> !one.matches(OVERRIDE)).toList();
    requireOneTask(paths);
    Configuration hadoop = new Configuration();
    if (tokens != null) {
      return showTokens(new Path(paths.get(0)), hadoop);
    } else if (next != null) {
      return showNext(paths.get(0), overrides, hadoop);
    } else if (attention != null) {
      return writeAttention(paths.get(0), overrides, hadoop);
    } else if (embeddings) {
      byte[] page = EmbeddingPage.of(new Path(paths.get(0)), points, EmbeddingMap.of(map), hadoop);
      PageFile.write(out, page, hadoop, spec);
      return 0;
    }
    return show(
        paths.size() == 2
            ? TensorComparison.of(new Path(paths.get(0)), new Path(paths.get(1)), hadoop)
            : Inspections.inspect(new Path(paths.get(0)), hadoop));
  }

  private void requireOneTask(List<String> paths) {
    long tasks =
        Stream.of(tokens, next, attention).filter(Objects::nonNull).count() + (embeddings ? 1 : 0);
    boolean page = attention != null || embeddings;
    if (tasks > 1) {
      throw UserException.usage(
          "only one of --tokens, --next, --attention and --embeddings can be given, got "
              + tasks
              + ": run the command once for each");
    }
    if (paths.isEmpty() || paths.size() > (tasks == 0 ? 2 : 1)) {
      throw UserException.usage(
          "%s, got %d paths: name %s"
              .formatted(
                  tasks == 0
                      ? "inspect takes one path, or two to compare"
                      : "a text needs one model",
                  paths.size(),
                  tasks == 0 ? "one or two" : "one"));
    }
    if (page != (out != null)) {
      throw UserException.usage(
          page
              ? "--attention and --embeddings write a page, and need its name: give --out FILE"
              : "--out is the page of --attention or --embeddings, got neither: leave it out");
    }
    if (steps < 1 || top < 1 || points < 3) {
      throw UserException.usage(
          "--steps and --top must be at least 1 and --points at least 3, got %d, %d and %d"
              .formatted(steps, top, points));
    }
  }

  private int show(Inspection inspection) {
    PrintWriter to = spec.commandLine().getOut();
    if (json) {
      to.println(inspection.toJson());
    } else {
      InspectionText.lines(inspection).forEach(to::println);
    }
    return inspection.passed() ? 0 : UserException.Kind.FAILURE.exitCode();
  }

  private int showTokens(Path path, Configuration hadoop) {
    PrintWriter to = spec.commandLine().getOut();
    TokenText text = TokenText.of(TokenText.tokenizer(path, hadoop), tokens);
    if (json) {
      to.println(text.toJson());
      return 0;
    }
    // Colours are for eyes; what goes to a file or a program has brackets.
    to.println(Ansi.AUTO.enabled() ? text.coloured() : text.bracketed());
    to.println(text.summary());
    return 0;
  }

  private int showNext(String path, List<String> overrides, Configuration hadoop) {
    PrintWriter to = spec.commandLine().getOut();
    return ModelArguments.with(
        path,
        overrides,
        hadoop,
        (saved, backend) -> {
          try (ArrayPool pool = new ArrayPool(backend)) {
            List<NextTokens> positions =
                new Generator(saved.model(), saved.tokenizer(), saved.documents(), pool)
                    .nextTokens(next, steps, top);
            if (json) {
              to.println(NextTokensText.toJson(saved.tokenizer(), next, positions));
            } else {
              NextTokensText.lines(saved.tokenizer(), positions).forEach(to::println);
              to.println();
              to.println(
                  InspectionText.printable(
                      next + NextTokensText.text(saved.tokenizer(), positions)));
            }
            return 0;
          }
        });
  }

  private int writeAttention(String path, List<String> overrides, Configuration hadoop) {
    return ModelArguments.with(
        path,
        overrides,
        hadoop,
        (saved, backend) -> {
          try (ArrayPool pool = new ArrayPool(backend)) {
            PageFile.write(out, AttentionPage.of(saved, pool, attention), hadoop, spec);
            return 0;
          }
        });
  }
}

package dev.firesteel.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads a sweep and makes its runs: all combinations of sizes, axes and lengths. Overrides are keys
 * of the sweep ({@code sizes.head_width=32}); {@code keys.<key.path>=value} sets a key of all runs.
 *
 * <p>Every key of every run is checked here, before anything is trained. Errors are those of {@link
 * ConfigLoader}; those of a run begin with its values.
 */
public final class SweepLoader {
  /** Longer than any run, where the length is not known yet. */
  private static final long UNKNOWN_STEPS = 1_000_000_000;

  private static final String OF_RUNS = "keys.";
  private static final int MOST_RUNS = 100_000;

  private final Path file;
  private final SweepConfig config;
  private final ConfigLoader.Parsed given;
  private final List<String> overrides;

  private SweepLoader(
      Path file, SweepConfig config, ConfigLoader.Parsed given, List<String> overrides) {
    this.file = file;
    this.config = config;
    this.given = given;
    this.overrides = overrides;
  }

  /**
   * Reads a sweep.
   *
   * @throws UserException naming the key, and the run if it is of one
   */
  public static Sweep load(Path file, List<String> overrides) {
    SettingTree tree = SettingTree.of(SweepConfig.class);
    ConfigLoader.Parsed given = ConfigLoader.parse(file);
    if (!given.values().has("name")) {
      given.put("name", ConfigLoader.stem(file));
    }
    tree.check(given.values(), given.texts(), file.toString());
    List<String> ofRuns = new ArrayList<>();
    for (String override : overrides) {
      if (override.startsWith(OF_RUNS)) {
        ofRuns.add(override.substring(OF_RUNS.length()));
      } else {
        given.merge(ConfigLoader.overrideTree(tree, override));
      }
    }
    ObjectNode complete = given.values().deepCopy();
    tree.complete(complete);
    SweepConfig config = ConfigLoader.bind(SweepConfig.class, complete);
    return new Sweep(config, new SweepLoader(file, config, given, ofRuns).runs());
  }

  private List<Sweep.Run> runs() {
    List<Axis> axes = axes();
    long count = axes.stream().mapToLong(axis -> axis.values().size()).reduce(1, (a, b) -> a * b);
    Require.that(
        count >= 1 && count <= MOST_RUNS,
        "a sweep must have 1 to %d runs, got %d in %s".formatted(MOST_RUNS, count, file));
    List<Map<String, String>> combinations = List.of(Map.of());
    for (Axis axis : axes) {
      List<Map<String, String>> longer = new ArrayList<>();
      for (Map<String, String> combination : combinations) {
        for (String value : axis.values()) {
          Map<String, String> values = new LinkedHashMap<>(combination);
          values.put(axis.key(), value);
          longer.add(values);
        }
      }
      combinations = longer;
    }
    return combinations.stream().map(this::run).toList();
  }

  /** A key with its values; sizes and lengths are axes, too. */
  private record Axis(String key, List<String> values) {
    Axis {
      Require.that(
          !values.isEmpty(), "axes.%s must have at least one value, got none".formatted(key));
    }
  }

  private List<Axis> axes() {
    List<Axis> axes = new ArrayList<>();
    if (!config.sizes().axis().isEmpty()) {
      axes.add(new Axis(config.sizes().axis(), config.sizes().values()));
    }
    addAxes("", given.texts().path("axes"), axes);
    if (config.lengths().measure() != SweepLengths.Measure.STEPS) {
      String key = config.lengths().key();
      axes.add(new Axis(key, SweepGrid.expand("lengths." + key, config.lengths().values())));
    }
    return axes;
  }

  /** Keys by their full name, or in sections. */
  private void addAxes(String prefix, JsonNode keys, List<Axis> axes) {
    for (Map.Entry<String, JsonNode> axis : keys.properties()) {
      String key = prefix + axis.getKey();
      if (axis.getValue().isObject()) {
        addAxes(key + ".", axis.getValue(), axes);
      } else {
        axes.add(new Axis(key, SweepGrid.expand("axes." + key, texts(key, axis.getValue()))));
      }
    }
  }

  /** Elements, or one text as an override gives it. */
  private List<String> texts(String key, JsonNode values) {
    if (values.isValueNode()) {
      return List.of(values.asText().split(",", -1));
    }
    List<String> texts = new ArrayList<>();
    for (JsonNode value : values) {
      if (!value.isValueNode()) {
        throw UserException.usage(
            "axes.%s must be a list of values, got %s in %s".formatted(key, value, file));
      }
      texts.add(value.asText());
    }
    return texts;
  }

  private Sweep.Run run(Map<String, String> values) {
    try {
      return make(values);
    } catch (UserException e) {
      throw UserException.usage("the run %s: %s".formatted(values, e.getMessage()), e);
    }
  }

  private Sweep.Run make(Map<String, String> values) {
    List<String> all = new ArrayList<>(overrides);
    values.forEach(
        (key, value) -> {
          if (key.equals(config.sizes().axis())) {
            all.addAll(config.sizes().overrides(value));
          } else if (!key.equals(config.lengths().key())) {
            all.add(key + "=" + value);
          }
        });
    ConfigLoader.Parsed keys =
        given.values().path("keys") instanceof ObjectNode own
            ? new ConfigLoader.Parsed(own.deepCopy(), given.texts().path("keys"))
            : ConfigLoader.Parsed.empty();
    ConfigDraft<PretrainConfig> draft =
        ConfigLoader.draft(
            PretrainConfig.class,
            file.resolveSibling(config.config()),
            keys,
            "keys of " + file,
            all);
    draft.put("name", name(values));
    draft.put("runs_folder", config.folder());
    if (draft.given("compute.threads").isEmpty()) {
      draft.put("compute", "threads", "1");
    }
    boolean fixed = config.lengths().measure() == SweepLengths.Measure.STEPS;
    if (!fixed) {
      if (draft.given("training.epochs").filter(epochs -> !epochs.equals("0")).isPresent()) {
        throw UserException.usage(
            "training.epochs and lengths are alternatives, got both: leave one of them out");
      }
    }
    double length =
        fixed
            ? Double.NaN
            : SweepGrid.number(
                "lengths." + config.lengths().key(), values.get(config.lengths().key()));
    Require.that(
        fixed || length > 0,
        "a value of lengths.%s must be above 0, got %s".formatted(config.lengths().key(), length));
    ConfigDraft<PretrainConfig> complete = draft.copy();
    if (!fixed) {
      complete.put("training", "steps", Long.toString(UNKNOWN_STEPS));
    }
    return new Sweep.Run(values, draft, complete.resolve(), length);
  }

  /** Readable, and valid on every file system: {@code layers-4_learning_rate-0.001}. */
  private static String name(Map<String, String> values) {
    StringBuilder name = new StringBuilder();
    values.forEach(
        (key, value) ->
            name.append(name.isEmpty() ? "" : "_")
                .append(key.substring(key.lastIndexOf('.') + 1))
                .append('-')
                .append(value.replaceAll("[^A-Za-z0-9.+-]+", "-")));
    return name.isEmpty() ? "run" : name.toString();
  }
}

package dev.firesteel.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;

/**
 * Reads the configuration of a pipeline and of its stages. Overrides are {@code
 * <stage>.<key.path>=value} for a key of a stage, and {@code key.path=value} for a key of the
 * pipeline ({@code evaluation.samples=8}).
 *
 * <p>Every key of every stage is checked here, before anything is trained. Errors are those of
 * {@link ConfigLoader}; those of a stage begin with its name.
 */
public final class PipelineLoader {
  private static final String REWARD = "reward";

  private final Path file;
  private final PipelineConfig config;
  private final Map<String, Class<? extends StageConfig>> roots;
  private final ConfigLoader.Parsed given;
  private final List<String> overrides;

  private PipelineLoader(
      Path file,
      PipelineConfig config,
      Map<String, Class<? extends StageConfig>> roots,
      ConfigLoader.Parsed given,
      List<String> overrides) {
    this.file = file;
    this.config = config;
    this.roots = roots;
    this.given = given;
    this.overrides = overrides;
  }

  /**
   * Reads a pipeline.
   *
   * @param roots the root record of each kind of stage
   * @throws UserException naming the key, and the stage if it is of one
   */
  public static Pipeline load(
      Path file, List<String> overrides, List<Class<? extends StageConfig>> roots) {
    SettingTree tree = SettingTree.of(PipelineConfig.class);
    ConfigLoader.Parsed given = ConfigLoader.parse(file);
    if (!given.values().has("name")) {
      given.put("name", ConfigLoader.stem(file));
    }
    tree.check(given.values(), given.texts(), file.toString());
    List<String> ofStages = new ArrayList<>();
    for (String override : overrides) {
      if (given.values().path("stages").has(override.split("[.=]", 2)[0])) {
        ofStages.add(override);
      } else {
        given.merge(ConfigLoader.overrideTree(tree, override));
      }
    }
    ObjectNode complete = given.values().deepCopy();
    tree.complete(complete);
    PipelineConfig config = ConfigLoader.bind(PipelineConfig.class, complete);
    Map<String, Class<? extends StageConfig>> byName = new LinkedHashMap<>();
    roots.forEach(root -> byName.put(StageConfig.stageOf(root), root));
    PipelineLoader loader = new PipelineLoader(file, config, byName, given, ofStages);
    List<Pipeline.Stage> stages = new ArrayList<>();
    for (String name : config.stages().keySet()) {
      stages.add(loader.stage(name));
    }
    return new Pipeline(config, stages);
  }

  private Pipeline.Stage stage(String name) {
    PipelineStage settings = config.stages().get(name);
    Class<? extends StageConfig> root = roots.get(settings.stage());
    if (root == null) {
      throw UserException.usage(
          "stages.%s.stage must be one of %s, got \"%s\" in %s"
              .formatted(name, String.join(", ", roots.keySet()), settings.stage(), file));
    }
    requireEarlier(name, "from", settings.from(), false);
    requireEarlier(name, REWARD, settings.reward(), true);
    return named(name, () -> new Pipeline.Stage(name, settings, draft(name, settings, root(root))));
  }

  @SuppressWarnings("unchecked") // All roots are records.
  private static Class<? extends Record> root(Class<? extends StageConfig> root) {
    return (Class<? extends Record>) (Class<?>) root;
  }

  private <C extends Record> ConfigDraft<C> draft(
      String name, PipelineStage settings, Class<C> root) {
    String path = "/stages/" + name + "/keys";
    ConfigLoader.Parsed keys =
        given.values().at(path) instanceof ObjectNode values
            ? new ConfigLoader.Parsed(values.deepCopy(), given.texts().at(path))
            : ConfigLoader.Parsed.empty();
    List<String> own =
        overrides.stream()
            .filter(override -> override.split("[.=]", 2)[0].equals(name))
            .map(override -> override.substring(Math.min(override.length(), name.length() + 1)))
            .collect(Collectors.toCollection(ArrayList::new));
    ConfigDraft<C> draft =
        ConfigLoader.draft(
            root,
            settings.config().isEmpty() ? null : beside(settings.config()),
            keys,
            "stages.%s.keys of %s".formatted(name, file),
            own);
    // The name of the run is the pipeline's, where the stage's file has one for its own command.
    draft.put("name", config.run(name));
    draft.put("runs_folder", config.runsFolder());
    if (!settings.from().isEmpty()) {
      requireNotGiven(draft, "model.from", "from");
      draft.put("model", "from", folder(settings.from()));
    }
    if (!settings.reward().isEmpty()) {
      if (!RlConfig.class.isAssignableFrom(root)) {
        throw UserException.usage(
            "reward is for stages of reinforcement learning, got a stage %s: leave it out"
                .formatted(settings.stage()));
      }
      requireNotGiven(draft, "rewards.model", REWARD);
      draft.put("rewards", "model", folder(settings.reward()));
    }
    return draft;
  }

  private String folder(String stage) {
    return config.runsFolder() + "/" + config.run(stage);
  }

  private Path beside(String name) {
    Path folder = file.toAbsolutePath().getParent();
    Path relative = Path.of(name);
    Path parent = file.getParent();
    return parent == null || relative.isAbsolute()
        ? folder.resolve(relative)
        : parent.resolve(relative);
  }

  private static void requireNotGiven(ConfigDraft<?> draft, String key, String instead) {
    if (draft.given(key).filter(value -> !value.isEmpty()).isPresent()) {
      throw UserException.usage(
          "%s and %s are alternatives, got both: leave one of them out".formatted(instead, key));
    }
  }

  /** Stages run in the order of the file, so that a cycle cannot be written. */
  private void requireEarlier(String name, String key, String source, boolean reward) {
    if (source.isEmpty()) {
      return;
    }
    List<String> fitting = new ArrayList<>();
    for (Map.Entry<String, PipelineStage> stage : config.stages().entrySet()) {
      if (stage.getKey().equals(name)) {
        break;
      }
      if (stage.getValue().stage().equals(REWARD) == reward) {
        fitting.add(stage.getKey());
      }
    }
    if (!fitting.contains(source)) {
      throw UserException.usage(
          "stages.%s.%s must name an earlier stage that trains a %s model (%s), got \"%s\" in %s"
              .formatted(
                  name,
                  key,
                  reward ? REWARD : "language",
                  fitting.isEmpty() ? "there is none" : String.join(", ", fitting),
                  source,
                  file));
    }
  }

  /** Runs a part of a stage's work; its errors begin with the stage's name. */
  public static <T> T named(String stage, Supplier<T> work) {
    try {
      return work.get();
    } catch (UserException e) {
      String message = "stage " + stage + ": " + e.getMessage();
      throw e.kind() == UserException.Kind.USAGE
          ? UserException.usage(message, e)
          : UserException.failure(message, e);
    }
  }
}

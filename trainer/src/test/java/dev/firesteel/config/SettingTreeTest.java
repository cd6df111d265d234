package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class SettingTreeTest {
  private static final Path DOCUMENTATION = Path.of("..", "docs", "configuration.md");

  /** To change a default, change it in its record and here: twice on purpose. */
  private static final Map<String, String> DEFAULTS =
      Map.ofEntries(
          Map.entry("name", "run"),
          Map.entry("seed", "1337"),
          Map.entry("runs_folder", "runs"),
          Map.entry("data.source", "(required)"),
          Map.entry("data.format", "auto"),
          Map.entry("data.text_field", "text"),
          Map.entry("data.document_unit", "file"),
          Map.entry("data.path", ""),
          Map.entry("data.split", "auto"),
          Map.entry("data.validation_fraction", "0.01"),
          Map.entry("data.deduplicate", "true"),
          Map.entry("data.max_documents", "0"),
          Map.entry("data.shard_tokens", "134217728"),
          Map.entry("data.token_type", "auto"),
          Map.entry("data.sampling", "shuffled_windows"),
          Map.entry("tokenizer.kind", "bpe"),
          Map.entry("tokenizer.vocabulary_size", "8192"),
          Map.entry("tokenizer.pattern", "gpt2"),
          Map.entry("tokenizer.file", ""),
          Map.entry("tokenizer.training_bytes", "100000000"),
          Map.entry("model.from", ""),
          Map.entry("model.architecture", "llama"),
          Map.entry("model.layers", "4"),
          Map.entry("model.width", "192"),
          Map.entry("model.heads", "6"),
          Map.entry("model.kv_heads", "0"),
          Map.entry("model.head_width", "0"),
          Map.entry("model.feed_forward_width", "0"),
          Map.entry("model.context_length", "256"),
          Map.entry("model.vocabulary_size", "0"),
          Map.entry("model.bias", ""),
          Map.entry("model.attention_bias", ""),
          Map.entry("model.feed_forward_bias", ""),
          Map.entry("model.activation", ""),
          Map.entry("model.window", "0"),
          Map.entry("model.dropout", "0.0"),
          Map.entry("model.norm_epsilon", "1e-5"),
          Map.entry("model.rope_theta", "10000.0"),
          Map.entry("model.rope_layout", "half"),
          Map.entry("model.rope_scaling.type", "none"),
          Map.entry("model.rope_scaling.factor", "1.0"),
          Map.entry("model.rope_scaling.original_context_length", "0"),
          Map.entry("model.rope_scaling.slow_turns", "1.0"),
          Map.entry("model.rope_scaling.fast_turns", "4.0"),
          Map.entry("model.rope_scaling.magnitude", "1.0"),
          Map.entry("model.rope_scaling.truncate", "true"),
          Map.entry("model.tie_embeddings", ""),
          Map.entry("model.init_std", "0.02"),
          Map.entry("compute.backend", "cpu"),
          Map.entry("compute.precision", "fp32"),
          Map.entry("compute.threads", "0"),
          Map.entry("compute.recompute", "none"),
          Map.entry("cluster.trainers", "0"),
          Map.entry("cluster.min_trainers", "1"),
          Map.entry("cluster.wait_seconds", "60"),
          Map.entry("cluster.max_failures", "3"),
          Map.entry("cluster.max_lost_executors", "20"),
          Map.entry("cluster.timeout_seconds", "300"),
          Map.entry("cluster.silence_seconds", "60"),
          Map.entry("cluster.grow_seconds", "60"),
          Map.entry("cluster.wire", "fp32"),
          Map.entry("compute.device", ""),
          Map.entry("compute.tune", "true"),
          Map.entry("training.steps", "0"),
          Map.entry("training.tokens", "0"),
          Map.entry("training.epochs", "0.0"),
          Map.entry("training.micro_batch_size", "16"),
          Map.entry("training.global_batch_size", "16"),
          Map.entry("training.sequence_length", "0"),
          Map.entry("training.gradient_clip", "1.0"),
          Map.entry("training.skip_non_finite_limit", "10"),
          Map.entry("optimizer.kind", "adamw"),
          Map.entry("optimizer.learning_rate", "1e-3"),
          Map.entry("optimizer.beta1", ""),
          Map.entry("optimizer.beta2", ""),
          Map.entry("optimizer.epsilon", ""),
          Map.entry("optimizer.epsilon_hat", ""),
          Map.entry("optimizer.weight_decay", "0.1"),
          Map.entry("optimizer.groups", ""),
          Map.entry("optimizer.momentum", ""),
          Map.entry("optimizer.nesterov", ""),
          Map.entry("optimizer.newton_schulz_steps", ""),
          Map.entry("optimizer.update_scale", ""),
          Map.entry("optimizer.matrix_learning_rate_factor", ""),
          Map.entry("optimizer.clip_threshold", ""),
          Map.entry("optimizer.decay_exponent", ""),
          Map.entry("optimizer.relative_step", ""),
          Map.entry("schedule.kind", "cosine"),
          Map.entry("schedule.warmup_steps", "100"),
          Map.entry("schedule.decay_steps", "0"),
          Map.entry("schedule.min_learning_rate_ratio", "0.1"),
          Map.entry("evaluation.every", "250"),
          Map.entry("evaluation.batches", "20"),
          Map.entry("checkpoint.every", "500"),
          Map.entry("checkpoint.keep_last", "3"),
          Map.entry("checkpoint.keep_best", "true"),
          Map.entry("checkpoint.background", "auto"),
          Map.entry("checkpoint.timeout_seconds", "1800"),
          Map.entry("logging.every", "10"),
          Map.entry("sample.prompt", ""),
          Map.entry("sample.every", "0"),
          Map.entry("sample.max_tokens", "200"),
          Map.entry("sample.temperature", "0.8"),
          Map.entry("sample.top_k", "0"),
          Map.entry("sample.top_p", "1.0"),
          Map.entry("tracking.tensorboard", ""),
          Map.entry("tracking.histograms.every", "0"),
          Map.entry("tracking.mlflow.uri", ""),
          Map.entry("tracking.mlflow.experiment", "firesteel"),
          Map.entry("tracking.mlflow.artifacts", "true"),
          Map.entry("tracking.mlflow.register", ""));

  @Test
  void everyKeyHasTheDefaultListedHere() {
    Map<String, String> actual =
        SettingTree.of(PretrainConfig.class).keys().stream()
            .collect(
                Collectors.toMap(
                    SettingTree.Key::path,
                    key -> key.required() ? "(required)" : key.byDefault(),
                    (a, b) -> a,
                    TreeMap::new));

    assertThat(actual).containsExactlyInAnyOrderEntriesOf(DEFAULTS);
  }

  /** Run with {@code -Dfiresteel.docs.update=true} to rewrite the page. */
  @Test
  void theDocumentationListsEveryKey() throws IOException {
    String page = page();
    if (Boolean.getBoolean("firesteel.docs.update")) {
      Files.writeString(DOCUMENTATION, page);
    }
    assertThat(DOCUMENTATION).content().isEqualTo(page);
  }

  @Test
  void countsTheFewestEditsBetweenTwoNames() {
    assertThat(NearestName.levenshtein("", "abc")).isEqualTo(3);
    assertThat(NearestName.levenshtein("kitten", "sitting")).isEqualTo(3);
    assertThat(NearestName.levenshtein("steps", "steps")).isZero();
  }

  @Test
  void aPageShowsTheDefaultsOfItsRoot() {
    assertThat(table(SettingTree.of(ToyConfig.class)))
        .contains("| `optimizer.learning_rate` | number | `2e-5` | no | Peak learning rate")
        .contains("| `toys.targets` | list of strings | `query,value` | no | Names. |")
        .contains("| `toys.sizes` | list of integers |  | yes | Sizes. |");
  }

  private static String page() {
    return """
        # Configuration

        One YAML file describes a run; each key can be overridden on the command line with `key.path=value`.
        Precedence, lowest first: the defaults below, the file, the command line from left to right.
        Unknown keys, wrong types and values out of range are rejected before any work starts; a run
        saves its resolved configuration as `config.yaml`, which can be used as a configuration file again.
        A key of type string keeps its value as written, even where YAML would read a number (`1.10`), false (`no`) or null (`~`); on the
        command line it is taken literally unless it begins with a quote; then it is read as YAML.
        A list is a YAML list, on the command line `key=[a, b]` or `key=a,b`; a single value is a list of one element, `[]` is the empty list, and elements
        that contain commas need the brackets and quotes.

        The column *resume* says whether a run may be resumed with another value: *yes*: the key changes no weight and no loss; *same rates*: as long
        as the learning rates of all steps so far stay the same; *same data*: as long as the data and the tokenizer, which are compared by their
        hashes, stay the same; *no*: such a change is rejected, and the error names the key.
        This page is written by `SettingTreeTest` from the records of `dev.firesteel.config`. It begins with all keys of `pretrain`; each other command has those of another one,
        and a table of what differs.

        ## `pretrain`

        """
        + table(SettingTree.of(PretrainConfig.class))
        + differences(SftConfig.class, PretrainConfig.class)
        + differences(RewardConfig.class, SftConfig.class)
        + differences(DpoConfig.class, SftConfig.class)
        + differences(PpoConfig.class, SftConfig.class)
        + differences(GrpoConfig.class, PpoConfig.class);
  }

  /** The part of the page about a root, of which another one is described. */
  private static <C extends Record & StageConfig, D extends Record & StageConfig>
      String differences(Class<C> root, Class<D> described) {
    SettingTree tree = SettingTree.of(root);
    SettingTree other = SettingTree.of(described);
    List<SettingTree.Key> differing =
        tree.keys().stream()
            .filter(key -> !other.contains(key.path()) || !isSame(key, other.key(key.path())))
            .toList();
    List<String> missing =
        other.keys().stream()
            .map(SettingTree.Key::path)
            .filter(key -> !tree.contains(key))
            .map(key -> hasSection(tree, key) ? key : section(key) + ".*")
            .distinct()
            .map("`%s`"::formatted)
            .toList();
    return """

        ## `%s`

        The keys of `%s`%s, and with these differences:

        """
            .formatted(
                StageConfig.stageOf(root),
                StageConfig.stageOf(described),
                missing.isEmpty() ? "" : ", without " + String.join(", ", missing))
        + table(differing);
  }

  private static boolean isSame(SettingTree.Key one, SettingTree.Key other) {
    return row(one).equals(row(other));
  }

  private static boolean hasSection(SettingTree tree, String key) {
    return !key.contains(".")
        || tree.keys().stream().anyMatch(one -> one.path().startsWith(section(key) + "."));
  }

  private static String section(String key) {
    return key.substring(0, key.indexOf('.'));
  }

  private static String table(SettingTree tree) {
    return table(tree.keys());
  }

  private static String table(List<SettingTree.Key> keys) {
    StringBuilder table =
        new StringBuilder(
            """
            | key | type | default | resume | meaning |
            |---|---|---|---|---|
            """);
    keys.forEach(key -> table.append(row(key)));
    return table.toString();
  }

  private static String row(SettingTree.Key key) {
    String value =
        key.required()
            ? "**required**"
            : key.byDefault().isEmpty() ? "" : "`" + key.byDefault() + "`";
    return "| `%s` | %s | %s | %s | %s |\n"
        .formatted(
            key.path(),
            key.typeName(),
            value,
            key.setting().resume().title(),
            key.setting().meaning());
  }
}

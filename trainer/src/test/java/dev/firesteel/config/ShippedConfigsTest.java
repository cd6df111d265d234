package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ShippedConfigsTest {
  private static final Path FOLDER = Path.of("..", "configs");
  private static final Pattern COMMAND = Pattern.compile("firesteel (?:prepare|([a-z]+)) ");

  static List<Path> files() throws IOException {
    try (Stream<Path> files = Files.walk(FOLDER)) {
      return files.filter(file -> file.toString().endsWith(".yaml")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("files")
  void everyShippedConfigLoadsAndReadsBack(Path file) {
    Class<? extends Record> root = root(file);
    if (root == PipelineConfig.class) {
      Pipeline pipeline = PipelineLoader.load(file, List.of(), PipelineLoaderTest.ROOTS);
      assertThat(pipeline.config().evaluation().isWanted()).isTrue();
      return;
    }
    if (root == SweepConfig.class) {
      assertThat(SweepLoader.load(file, List.of()).runs()).hasSizeGreaterThan(1);
      return;
    }
    List<String> model = new ArrayList<>();
    if (root != PretrainConfig.class) {
      model.addAll(List.of("model.from=model", "model.context_length=1024"));
    }
    if (root == PpoConfig.class) {
      model.add("rewards.model=judge"); // Of the run that the command names.
    }
    StageConfig config = (StageConfig) ConfigLoader.load(root, file, model);

    assertThat(config.name() + ".yaml").isEqualTo(file.getFileName().toString());
    assertThat(
            (Object)
                ConfigLoader.parse(root, ConfigLoader.toYaml(config), "config.yaml", List.of()))
        .isEqualTo(config);
  }

  /** The comment at the top of a file has the command that it is for. */
  private static Class<? extends Record> root(Path file) {
    try {
      Matcher command = COMMAND.matcher(Files.readString(file));
      assertThat(command.find()).as("a command in %s", file).isTrue();
      return switch (command.group(1)) {
        case "sft" -> SftConfig.class;
        case "reward" -> RewardConfig.class;
        case "dpo" -> DpoConfig.class;
        case "ppo" -> PpoConfig.class;
        case "grpo" -> GrpoConfig.class;
        case "pipeline" -> PipelineConfig.class;
        case "sweep" -> SweepConfig.class;
        default -> PretrainConfig.class;
      };
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void shakespeareCharIsNanoGptsRecipe() {
    PretrainConfig config =
        ConfigLoader.load(PretrainConfig.class, FOLDER.resolve("shakespeare-char.yaml"), List.of());

    assertThat(config.training().tokensPerStep()).isEqualTo(12 * 64);
    assertThat(config.schedule().warmupSteps() + config.schedule().decaySteps()).isEqualTo(2000);
    assertThat(config.optimizer().learningRate() * config.schedule().minLearningRateRatio())
        .isEqualTo(1e-4);
    assertThat(config.model().feedForwardWidth()).isEqualTo(512);
  }

  @Test
  void gpt2IsGpt2Small() {
    PretrainConfig config =
        ConfigLoader.load(PretrainConfig.class, FOLDER.resolve("gpt2-124m.yaml"), List.of());

    assertThat(config.training().tokensPerStep()).isEqualTo(524_288);
    assertThat(config.model().feedForwardWidth()).isEqualTo(3072);
    assertThat(config.model().bias()).isTrue();
    assertThat(config.model().tieEmbeddings()).isTrue();
    assertThat(config.model().activation()).isEqualTo(ModelConfig.Activation.GELU_TANH);
  }

  @Test
  void theGpt2OfOneMachineIsTheSameModel() {
    PretrainConfig small =
        ConfigLoader.load(
            PretrainConfig.class, FOLDER.resolve("gpt2-124m-one-machine.yaml"), List.of());
    PretrainConfig cluster =
        ConfigLoader.load(PretrainConfig.class, FOLDER.resolve("gpt2-124m.yaml"), List.of());

    assertThat(small.model()).isEqualTo(cluster.model().withVocabularySize(50257));
    assertThat(small.training().sequenceLength()).isEqualTo(1024);
    assertThat(small.training().microBatchSize()).isEqualTo(1);
  }
}

package dev.firesteel.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.DpoConfig;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.config.RewardConfig;
import dev.firesteel.config.SftConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.train.TrainingOutcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Twelve examples in steps of eight: the second epoch begins within the second of five steps. */
class ResumedStagesTest {
  private static final int STEPS = 5;

  @TempDir private Path folder;

  /** The stages and what they are trained with. */
  enum Kind {
    SFT(ExampleKind.SFT, "batching.packing=none"),
    SFT_LORA(ExampleKind.SFT, "batching.packing=none", "lora.rank=2", "lora.dropout=0.1"),
    REWARD(ExampleKind.PREFERENCE),
    REWARD_LORA(ExampleKind.PREFERENCE, "lora.rank=2"),
    DPO(ExampleKind.PREFERENCE, "preference.sft_coefficient=0.2"),
    KTO(ExampleKind.LABELLED, "preference.loss=kto");

    private final ExampleKind examples;
    private final String overrides;

    Kind(ExampleKind examples, String... overrides) {
      this.examples = examples;
      this.overrides = String.join(" ", overrides);
    }

    /** Where it is stopped: with adapters only once. */
    List<Integer> stops() {
      return name().endsWith("LORA") ? List.of(2) : List.of(1, 2, 3, 4);
    }

    ExampleStageConfig config(Path folder, String... more) {
      String[] all = (overrides + " " + String.join(" ", more)).trim().split(" ");
      return switch (this) {
        case SFT, SFT_LORA -> TinyStage.config(SftConfig.class, folder, all);
        case REWARD, REWARD_LORA -> TinyStage.config(RewardConfig.class, folder, all);
        case DPO, KTO -> TinyStage.config(DpoConfig.class, folder, all);
      };
    }
  }

  @BeforeEach
  void prepare() throws IOException {
    TinyStage.writeBase(folder);
  }

  private void examples(Kind kind) throws IOException {
    TinyStage.writeExamples(
        folder, TinyStage.random(kind.examples, 12, 3), TinyStage.random(kind.examples, 4, 4));
  }

  @ParameterizedTest
  @EnumSource
  void aStageGivesTheSameBitsWhereverItWasStopped(Kind kind) throws IOException {
    examples(kind);
    ExampleStageConfig whole = kind.config(folder, "name=whole");
    assertThat(TinyStage.train(whole)).isEqualTo(TrainingOutcome.COMPLETED);
    List<String> files = files(whole);
    assertThat(files).contains("model.safetensors", "trainer/state.json");
    for (int stop : kind.stops()) {
      String name = "name=stopped-" + stop;
      assertThat(TinyStage.trainUntil(kind.config(folder, name), stop))
          .isEqualTo(TrainingOutcome.INTERRUPTED);
      ExampleStageConfig stopped = kind.config(folder, name);
      assertThat(TinyStage.train(stopped)).isEqualTo(TrainingOutcome.COMPLETED);
      assertThat(files(stopped)).isEqualTo(files);
      for (String file : files) {
        if (!isOfTheRun(file)) {
          assertThat(TinyStage.checkpoint(stopped, STEPS).resolve(file))
              .as("%s after a stop at %s", file, stop)
              .hasSameBinaryContentAs(TinyStage.checkpoint(whole, STEPS).resolve(file));
        }
      }
      assertThat(TinyStage.metrics(stopped)).isEqualTo(TinyStage.metrics(whole));
    }
  }

  /** These have the name of the run, or hashes of files that do. */
  private static boolean isOfTheRun(String file) {
    return file.equals("MANIFEST.json") || file.endsWith(".yaml") || file.endsWith("state.json");
  }

  private static List<String> files(ExampleStageConfig config) throws IOException {
    Path checkpoint = TinyStage.checkpoint(config, STEPS);
    try (Stream<Path> all = Files.walk(checkpoint)) {
      return new ArrayList<>(
          all.filter(Files::isRegularFile)
              .map(file -> checkpoint.relativize(file).toString())
              .filter(file -> !file.endsWith(".crc"))
              .sorted()
              .toList());
    }
  }

  // ---- the reference's log-probabilities

  private ExampleStageConfig stopped(Kind kind, String name) throws IOException {
    examples(kind);
    ExampleStageConfig config = kind.config(folder, "name=" + name);
    TinyStage.trainUntil(config, 3);
    return kind.config(folder, "name=" + name);
  }

  private static Path reference(ExampleStageConfig config) {
    return TinyStage.run(config).resolve(ReferenceLogProbs.FILE);
  }

  private void requireSameAsWhole(Kind kind, ExampleStageConfig config) throws IOException {
    ExampleStageConfig whole = kind.config(folder, "name=whole");
    TinyStage.train(whole);
    TinyStage.train(config);
    assertThat(reference(config)).hasSameBinaryContentAs(reference(whole));
    assertThat(TinyStage.checkpoint(config, STEPS).resolve("model.safetensors"))
        .hasSameBinaryContentAs(TinyStage.checkpoint(whole, STEPS).resolve("model.safetensors"));
    assertThat(TinyStage.metrics(config)).isEqualTo(TinyStage.metrics(whole));
  }

  @ParameterizedTest
  @EnumSource(names = {"DPO", "KTO"})
  void aReferenceThatWasDeletedIsComputedAgain(Kind kind) throws IOException {
    ExampleStageConfig config = stopped(kind, "deleted");
    Files.delete(reference(config));
    requireSameAsWhole(kind, config);
  }

  @Test
  void aReferenceThatWasChangedIsComputedAgain() throws IOException {
    ExampleStageConfig config = stopped(Kind.DPO, "changed");
    change(reference(config), bytes -> bytes[bytes.length - 3] ^= 1);
    requireSameAsWhole(Kind.DPO, config);
  }

  @Test
  void aReferenceWithAdaptersIsComputedAgain() throws IOException {
    examples(Kind.DPO);
    Function<String, ExampleStageConfig> config =
        name -> Kind.DPO.config(folder, name, "lora.rank=2");
    TinyStage.train(config.apply("name=adapted"));
    TinyStage.trainUntil(config.apply("name=again"), 3);
    Files.delete(reference(config.apply("name=again")));
    TinyStage.train(config.apply("name=again"));
    assertThat(TinyStage.metrics(config.apply("name=again")))
        .isEqualTo(TinyStage.metrics(config.apply("name=adapted")));
  }

  @Test
  void anotherReferenceIsRefused() throws IOException {
    ExampleStageConfig config = stopped(Kind.DPO, "other");
    Files.delete(reference(config));
    TinyStage.writeModel(folder.resolve("base"), TinyStage.llama(), 6);
    assertThatThrownBy(() -> TinyStage.train(config))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("the reference model's log-probabilities must have the SHA-256 ")
        .hasMessageContaining("computed again: restore reference_logprobs.bin");
  }

  private interface Change {
    void of(byte[] bytes);
  }

  private static void change(Path file, Change change) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    change.of(bytes);
    Files.write(file, bytes);
    Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
  }
}

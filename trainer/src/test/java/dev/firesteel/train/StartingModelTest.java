package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.config.TokenizerConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.tokenizer.BpeTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.apache.hadoop.fs.FileUtil;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Continued pretraining: {@code model.from}. */
class StartingModelTest {
  private static final String LLAMA =
      "model={architecture: llama, layers: 1, width: 16, heads: 2, kv_heads: 1, rope_layout: interleaved}";

  private static final String QWEN3 =
      "model={architecture: qwen3, layers: 1, width: 16, heads: 2, kv_heads: 1, window: 8, rope_scaling: {type: yarn, factor: 2, original_context_length: 4, fast_turns: 32}}";

  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  @ParameterizedTest
  @ValueSource(strings = {"model.dropout=0.1", LLAMA, QWEN3})
  void beginsWithTheLossThatTheSourceEndedWith(String model) throws IOException {
    PretrainConfig source = TinyRun.config(folder, "name=source", model);
    TinyRun.train(source);
    PretrainConfig more =
        TinyRun.from(run("source"), folder, "name=more", model, "training.steps=4");
    TinyRun.train(more);

    assertThat(validationLoss(more, 0)).isEqualTo(validationLoss(source, 12));
    assertThat(more.model().withVocabularySize(0))
        .usingRecursiveComparison()
        .ignoringFields("from")
        .isEqualTo(source.model());
    assertThat(more.model().from()).endsWith("/runs/source/checkpoints/step-00000012");
    assertThat(validationLoss(more, 4)).isNotEqualTo(validationLoss(source, 12));
  }

  @Test
  void beginsFromACheckpointThatIsNotTheLast() throws IOException {
    PretrainConfig source = TinyRun.config(folder, "name=source", "checkpoint.every=4");
    TinyRun.train(source);
    String checkpoint = TinyRun.checkpoint(source, 8).toString();
    PretrainConfig more = TinyRun.from(checkpoint, folder, "name=more", "training.steps=4");
    TinyRun.train(more);
    assertThat(validationLoss(more, 0)).isEqualTo(validationLoss(source, 8));
  }

  @Test
  void beginsFromAHuggingFaceDirectory() throws IOException {
    PretrainConfig source = TinyRun.config(folder, "name=source");
    TinyRun.train(source);
    Path published = publish(source);
    PretrainConfig more =
        TinyRun.from(published.toString(), folder, "name=more", "model=", "training.steps=4");
    TinyRun.train(more);

    assertThat(validationLoss(more, 0)).isEqualTo(validationLoss(source, 12));
    assertThat(more.model().architecture()).isEqualTo(ModelConfig.Architecture.GPT2);
    assertThat(more.model().contextLength()).isEqualTo(8);
    assertThat(more.model().ropeLayout()).isEqualTo(RopeSpec.Layout.HALF);
    assertThat(more.training().sequenceLength()).isEqualTo(8);
    assertThat(more.tokenizer().kind()).isEqualTo(TokenizerConfig.Kind.CHAR);
    assertThat(more.tokenizer().file()).isEqualTo("file:" + published + "/tokenizer.json");
  }

  @Test
  void resumesWithoutItsSource() throws IOException {
    TinyRun.train(TinyRun.config(folder, "name=source"));
    PretrainConfig whole = TinyRun.from(run("source"), folder, "name=whole");
    TinyRun.train(whole);
    TinyRun.trainUntil(TinyRun.from(run("source"), folder, "name=stopped"), 6);
    FileUtil.fullyDelete(folder.resolve("runs").resolve("source").toFile());

    PretrainConfig stopped = TinyRun.from(run("source"), folder, "name=stopped");
    assertThat(TinyRun.train(stopped)).isEqualTo(TrainingOutcome.COMPLETED);
    assertThat(TinyRun.metrics(stopped)).isEqualTo(TinyRun.metrics(whole));
    assertThat(TinyRun.file(stopped, 12, "model.safetensors"))
        .isEqualTo(TinyRun.file(whole, 12, "model.safetensors"));
    assertThat(TinyRun.file(stopped, 12, "trainer/config.yaml")).asString().contains("source");
  }

  @Test
  void resumesFromTheCheckpointThoughTheSourceTrainedOn() throws IOException {
    PretrainConfig source = TinyRun.config(folder, "name=source", "schedule.kind=constant");
    TinyRun.trainUntil(source, 4);
    PretrainConfig more = TinyRun.from(run("source"), folder, "name=more");
    TinyRun.trainUntil(more, 6);
    TinyRun.train(source);
    assertThat(TinyRun.from(run("source"), folder, "name=more")).isEqualTo(more);
    assertThat(TinyRun.train(TinyRun.from(run("source"), folder, "name=more")))
        .isEqualTo(TrainingOutcome.COMPLETED);
  }

  @Test
  void ranksBeginWithTheSameBits() throws IOException, InterruptedException, ExecutionException {
    TinyRun.train(TinyRun.config(folder, "name=source"));
    PretrainConfig alone = TinyRun.from(run("source"), folder, "name=alone");
    PretrainConfig two = TinyRun.from(run("source"), folder, "name=two");
    TinyRun.train(alone);
    TinyRun.trainOnRanks(two, 2, ReferenceBackend::new, 12);
    assertThat(TinyRun.file(two, 12, "model.safetensors"))
        .isEqualTo(TinyRun.file(alone, 12, "model.safetensors"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "model.width=32 | model.width must be 16 as in the model %s, got 32: leave it out",
        "model.architecture=llama | model.architecture must be gpt2 as in the model %s, got llama: leave it out",
        "model.rope_scaling.type=linear | model.rope_scaling.type must be none as in the model %s, got linear: leave it out",
        "model.context_length=16 | model.context_length must be 8 as in the model %s, got 16: leave it out",
        "tokenizer.kind=byte | tokenizer.kind must be char as in the model %s, got byte: leave it out",
      })
  void refusesKeysThatContradictTheModel(String override, String message) {
    TinyRun.train(TinyRun.config(folder, "name=source"));
    assertThatThrownBy(() -> TinyRun.from(run("source"), folder, "name=more", override))
        .isInstanceOf(UserException.class)
        .hasMessage(message.formatted(run("source")));
  }

  @Test
  void takesAnotherDropoutAndZerosThatMeanDerived() throws IOException {
    TinyRun.train(TinyRun.config(folder, "name=source"));
    PretrainConfig more =
        TinyRun.from(run("source"), folder, "name=more", "model.dropout=0.3", "model.kv_heads=0");
    assertThat(more.model().dropout()).isEqualTo(0.3);
    assertThat(more.model().kvHeads()).isEqualTo(2);
  }

  @Test
  void refusesAnotherTokenizerFile() throws IOException {
    TinyRun.train(TinyRun.config(folder, "name=source"));
    Path other = folder.resolve("other.json");
    Files.writeString(other, BpeTokenizer.bytes().toJson());
    assertThatThrownBy(
            () -> TinyRun.from(run("source"), folder, "name=more", "tokenizer.file=" + other))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "tokenizer.file must be the tokenizer of the model %s, got a different tokenizer in %s: leave it out"
                .formatted(run("source"), other));
    Path same = folder.resolve("data").resolve("tokenizer.json");
    assertThat(TinyRun.from(run("source"), folder, "name=more", "tokenizer.file=" + same))
        .isEqualTo(TinyRun.from(run("source"), folder, "name=more"));
  }

  @Test
  void refusesDataOfAnotherTokenizer() throws IOException {
    TinyRun.train(TinyRun.config(folder, "name=source"));
    Path elsewhere = folder.resolve("elsewhere");
    TinyRun.prepare(elsewhere, "1 and 0 ".repeat(50), "0 and 1 ".repeat(20));
    PretrainConfig more =
        TinyRun.from(run("source"), folder, "name=more", "data.path=" + elsewhere.resolve("data"));
    assertThatThrownBy(() -> TinyRun.train(more))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("the data must be prepared with the tokenizer of model.from file:");
  }

  @Test
  void takesTheDataThatTheModelWasTrainedOn() throws IOException {
    PretrainConfig source = TinyRun.config(folder, "name=source");
    Path manifest = folder.resolve("data").resolve("manifest.json");
    String settings = TrainingData.settingsSha256(source.preparation(), Optional.empty());
    Files.writeString(
        manifest,
        Files.readString(manifest).replaceFirst("(settings_sha256\"[ :]*\")00", "$1" + settings));
    TinyRun.train(source);

    PretrainConfig more = TinyRun.from(run("source"), folder, "name=more");
    assertThat(more.preparation()).isEqualTo(source.preparation());
    PretrainConfig otherText = TinyRun.from(run("source"), folder, "name=more", "data.source=else");
    assertThat(otherText.tokenizer().file()).endsWith("/step-00000012/tokenizer.json");
  }

  @Test
  void refusesToResumeFromAnotherSource() throws IOException {
    PretrainConfig source = TinyRun.config(folder, "name=source");
    TinyRun.train(source);
    TinyRun.train(TinyRun.config(folder, "name=other"));
    TinyRun.trainUntil(TinyRun.from(run("source"), folder, "name=more"), 4);

    assertThatThrownBy(() -> TinyRun.from(run("other"), folder, "name=more"))
        .isInstanceOf(UserException.class)
        .hasMessageMatching(
            "model.from must be file:.*/runs/source/checkpoints/step-00000012 as in the checkpoint .*, got .*/runs/other: change it back, or train under another name .*");
    assertThatThrownBy(() -> TinyRun.train(TinyRun.config(folder, "name=more")))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("model.from must be file:")
        .hasMessageContaining(", got empty: change it back");
    assertThatThrownBy(() -> TinyRun.from(run("other"), folder, "name=source"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("model.from must be empty as in the checkpoint");
  }

  @Test
  void refusesANameThatIsNone() {
    assertThatThrownBy(() -> TinyRun.from(run("source"), folder, "name=a:b"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("name must begin with a letter or digit");
  }

  @Test
  void refusesWhatIsNoModel() {
    assertThatThrownBy(() -> TinyRun.from(run("none"), folder, "name=more"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "%s must be a run directory, a checkpoint or a Hugging Face model directory, got nothing of that name"
                .formatted(run("none")));
  }

  private String run(String name) {
    return folder.resolve("runs").resolve(name).toString();
  }

  /** The model alone, as others publish it. */
  private Path publish(PretrainConfig source) throws IOException {
    Path published = Files.createDirectories(folder.resolve("published"));
    for (String name :
        List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
      Files.copy(TinyRun.checkpoint(source, 12).resolve(name), published.resolve(name));
    }
    return published;
  }

  /** With all its digits. */
  private static String validationLoss(PretrainConfig config, long step) {
    for (JsonNode row : TinyRun.metrics(config)) {
      if (row.path("step").asLong() == step && row.has("val_loss")) {
        return row.get("val_loss").asText();
      }
    }
    throw new AssertionError("no evaluation at step " + step);
  }
}

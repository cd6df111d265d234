package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigLoaderTest {
  private static final String SOURCE = "data: {source: text}\n";

  @TempDir Path folder;

  @Test
  void overridesWinOverTheFileAndTheFileOverDefaults() throws IOException {
    Path file =
        write(
            "my-run.yaml",
            """
            seed: 7
            data:
              source: corpus
            optimizer:
              learning_rate: 3e-4
              beta2: 0.99
            """);

    PretrainConfig config =
        ConfigLoader.load(
            PretrainConfig.class,
            file,
            List.of("optimizer.beta2=0.98", "training.steps=20", "optimizer.beta2=0.97"));

    assertThat(config.name()).isEqualTo("my-run");
    assertThat(config.seed()).isEqualTo(7);
    assertThat(config.optimizer().learningRate()).isEqualTo(3e-4);
    assertThat(config.optimizer().beta1()).isEqualTo(0.9);
    assertThat(config.optimizer().beta2()).isEqualTo(0.97);
    assertThat(config.training().steps()).isEqualTo(20);
  }

  @Test
  void readsOverrideValuesAsYaml() {
    PretrainConfig config =
        ConfigLoader.load(
            PretrainConfig.class,
            List.of(
                "data.source=text",
                "sample.prompt=\"public class \"",
                "model={layers: 2, width: 64, heads: 2}",
                "model.architecture=gpt2",
                "training.tokens=1e6",
                "data.shard_tokens=1_000",
                "name=2024"));

    assertThat(config.sample().prompt()).isEqualTo("public class ");
    assertThat(config.model().layers()).isEqualTo(2);
    assertThat(config.training().tokens()).isEqualTo(1_000_000);
    assertThat(config.data().shardTokens()).isEqualTo(1000);
    assertThat(config.name()).isEqualTo("2024");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1.10",
        "1.0",
        "1_000",
        "2024_01_02",
        "2024-01-02",
        "20240102",
        "1e3",
        "0x10",
        "0b11",
        "010",
        "+1",
        "-0",
        "yes",
        "no",
        "on",
        "off",
        "true",
        "False",
        "null",
        "Null",
        "~",
        "12:30:45",
        "1.",
        "123456789012345678901234567890",
        "1.100000000000000000000000001",
        "=",
        "<<"
      })
  void textKeysKeepTheTextAsItIsWritten(String text) {
    PretrainConfig overridden =
        ConfigLoader.load(
            PretrainConfig.class, List.of("data.source=" + text, "sample.prompt= " + text));
    PretrainConfig nested =
        ConfigLoader.load(
            PretrainConfig.class,
            List.of("data={source: %s}".formatted(text), "sample={prompt: %s}".formatted(text)));
    PretrainConfig parsed =
        parse("sample: {prompt: %s}  # a comment\ndata:\n  source: %s\n".formatted(text, text));
    PretrainConfig quoted =
        parse("sample: {prompt: '%s'}\ndata: {source: \"%s\"}\n".formatted(text, text));

    for (PretrainConfig config : List.of(overridden, nested, parsed, quoted)) {
      assertThat(config.sample().prompt()).isEqualTo(text);
      assertThat(config.data().source()).isEqualTo(text);
      assertThat(parse(ConfigLoader.toYaml(config))).isEqualTo(config);
    }
    assertThat(parsed).isEqualTo(overridden).isEqualTo(nested).isEqualTo(quoted);
  }

  @Test
  void twoNamesThatAreOneNumberAreTwoRuns() {
    assertThat(
            ConfigLoader.load(PretrainConfig.class, List.of("data.source=text", "name=1.10"))
                .name())
        .isEqualTo("1.10");
    assertThat(parse(SOURCE + "name: 1.1").name()).isEqualTo("1.1");
    assertThat(parse(SOURCE + "name: 2024_01_02").name()).isEqualTo("2024_01_02");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "@Override",
        "# Title",
        "[x",
        "{",
        "*x",
        "&x y",
        "a: b",
        "!x",
        "%x",
        "a\nb",
        "- a"
      })
  void aTextOnTheCommandLineIsTakenAsItStands(String text) {
    PretrainConfig config =
        ConfigLoader.load(
            PretrainConfig.class, List.of("data.source=text", "sample.prompt=" + text));

    assertThat(config.sample().prompt()).isEqualTo(text);
    assertThat(parse(ConfigLoader.toYaml(config))).isEqualTo(config);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "data.source: x | data.source | data: {source: ...}",
        "data: {data.source: x} | data.data.source | data: {source: ...}",
        "model.layer: 2 | model.layer | model: {layers: ...}",
        "no.such.key.at.all: 2 | no.such.key.at.all | data: {source: ...}",
      })
  void aDottedKeyInYamlIsShownAsASection(String yaml, String key, String shown) {
    assertThatThrownBy(() -> parse(yaml))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "unknown key \"%s\" in test.yaml: in YAML, keys are nested under their section, as in \"%s\"; key.path=value is for the command line"
                .formatted(key, shown));
  }

  @Test
  void keysWithoutAValueCountAsNotGiven() {
    assertThat(parse(SOURCE + "model:\n  bias:\ntraining:\n").model())
        .isEqualTo(parse(SOURCE).model());
  }

  @Test
  void theResolvedYamlReadsBackAsTheSameConfiguration() {
    PretrainConfig config =
        ConfigLoader.load(
            PretrainConfig.class,
            List.of(
                "data.source=text",
                "sample.prompt='on: yes # \"no\" \\ é 🙂'",
                "data.text_field='12'",
                "model.architecture=gpt2",
                "optimizer.epsilon=1e-12"));

    PretrainConfig again = parse(ConfigLoader.toYaml(config));

    assertThat(again).isEqualTo(config);
    assertThat(ConfigLoader.contentHash(again)).isEqualTo(ConfigLoader.contentHash(config));
  }

  @Test
  void aConfigurationOfBeforeAKeyWasAddedIsTheSameWithItsDefault() {
    PretrainConfig config = parse(SOURCE);
    String now = ConfigLoader.toYaml(config);
    String before = now.replaceAll("(?m)^  (from|epochs): .*\n", "");
    assertThat(now.lines().count() - before.lines().count()).isEqualTo(2);
    assertThat(parse(before)).isEqualTo(config);
  }

  @Test
  void theContentHashChangesWithAnyValue() {
    assertThat(ConfigLoader.contentHash(parse(SOURCE)))
        .matches("[0-9a-f]{64}")
        .isNotEqualTo(ConfigLoader.contentHash(parse(SOURCE + "seed: 1\n")));
  }

  @Test
  void fillsInWhatTheArchitectureAndTheLengthsImply() {
    PretrainConfig gpt2 = parse(SOURCE + "model: {architecture: gpt2, width: 768, heads: 12}");
    assertThat(gpt2.model().feedForwardWidth()).isEqualTo(3072);
    assertThat(gpt2.model().headWidth()).isEqualTo(64);
    assertThat(gpt2.model().kvHeads()).isEqualTo(12);
    assertThat(gpt2.model().bias()).isTrue();
    assertThat(gpt2.model().tieEmbeddings()).isTrue();
    assertThat(gpt2.model().activation()).isEqualTo(ModelConfig.Activation.GELU_TANH);

    // LLaMA-7B's feed-forward width (Touvron et al. 2023).
    PretrainConfig llama = parse(SOURCE + "model: {architecture: llama, width: 4096, heads: 32}");
    assertThat(llama.model().feedForwardWidth()).isEqualTo(11008);
    assertThat(llama.model().bias()).isFalse();
    assertThat(llama.model().tieEmbeddings()).isFalse();
    assertThat(llama.model().activation()).isEqualTo(ModelConfig.Activation.SWIGLU);

    PretrainConfig lengths =
        parse(
            SOURCE
                + "model: {context_length: 100}\n"
                + "training: {tokens: 5001, micro_batch_size: 5, global_batch_size: 10}");
    assertThat(lengths.training().sequenceLength()).isEqualTo(100);
    assertThat(lengths.training().steps()).isEqualTo(6);
    assertThat(lengths.training().microBatches()).isEqualTo(2);
    assertThat(lengths.training().tokensPerStep()).isEqualTo(1000);
  }

  @ParameterizedTest
  @CsvSource({
    "constant, 100, 1000, 0",
    "linear, 100, 1000, 900",
    "cosine, 100, 1000, 900",
    "cosine, 100, 50, 0",
    "wsd, 100, 1000, 200"
  })
  void derivesTheDecayFromTheStepsAndTheKind(String kind, int warmup, int steps, int decay) {
    PretrainConfig config =
        parse(
            SOURCE
                + "training: {steps: %d}\nschedule: {kind: %s, warmup_steps: %d}"
                    .formatted(steps, kind, warmup));

    assertThat(config.schedule().decaySteps()).isEqualTo(decay);
  }

  @Test
  void epochsBecomeStepsOnceTheSamplesAreCounted() {
    PretrainConfig config =
        parse(
            SOURCE
                + "training: {epochs: 2.5, global_batch_size: 16}\n"
                + "schedule: {warmup_steps: 3}");
    assertThat(config.training().steps()).isZero();
    assertThat(config.schedule().decaySteps()).isZero();

    // 2.5 x 33 samples are 82.5: 5.2 batches.
    PretrainConfig resolved = config.withSamples(33);
    assertThat(resolved.training().steps()).isEqualTo(6);
    assertThat(resolved.schedule().decaySteps()).isEqualTo(3);
    assertThat(parse(ConfigLoader.toYaml(resolved))).isEqualTo(resolved);
    assertThat(resolved.withSamples(33)).isEqualTo(resolved);
    assertThat(parse(SOURCE + "training: {epochs: 3, global_batch_size: 16}").withSamples(32))
        .extracting(c -> c.training().steps())
        .isEqualTo(6);

    assertThatThrownBy(() -> resolved.withSamples(64))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "training.epochs 2.5 takes 10 steps of 16 of the 64 samples of an epoch, got"
                + " training.steps 6: give only one of the two");
  }

  @Test
  void stepsAndTokensNeedNoSamples() {
    PretrainConfig config = parse(SOURCE + "training: {tokens: 1e6}");
    assertThat(config.withSamples(5)).isSameAs(config);
  }

  @Test
  void dataPreparedBeforeTokenizersHadAPatternIsStillFound() {
    String source = "data: {source: corpus}\n";
    String before = "a61c09c3f7bb90bf3152173d75b3cd52a689310eba593077f42ded9f5fe4c3ca";
    assertThat(parse(source).preparation().hash()).isEqualTo(before);
    assertThat(parse(source + "tokenizer: {pattern: gpt2}").preparation().hash()).isEqualTo(before);
    assertThat(parse(source + "tokenizer: {pattern: llama3}").preparation().hash())
        .isNotEqualTo(before);
  }

  @Test
  void dataOfOtherSettingsGoesToAnotherFolder() {
    String path = parse("data: {source: 's3a://bucket/My Corpus/*.txt.gz'}").data().path();
    assertThat(path).matches("data/[a-z0-9.-]+-[0-9a-f]{8}");

    assertThat(parse("data: {source: corpus/}").data().path()).startsWith("data/corpus-");
    assertThat(parse("data: {source: '..'}").data().path()).startsWith("data/text-");
    assertThat(parse(SOURCE).data().path())
        .isEqualTo(parse(SOURCE + "seed: 3").data().path())
        .isNotEqualTo(parse(SOURCE + "tokenizer: {vocabulary_size: 300}").data().path());
  }

  @Test
  void refusesAnUnknownKeyAndNamesTheNearest() {
    refused(SOURCE + "optimizer: {learnin_rate: 1}")
        .hasMessage(
            "unknown key \"optimizer.learnin_rate\" in test.yaml: did you mean"
                + " \"optimizer.learning_rate\"?");
    refused(SOURCE + "modle: {layers: 1}")
        .hasMessage("unknown key \"modle\" in test.yaml: did you mean \"model\"?");
    refused(SOURCE + "learning_rate: 1")
        .hasMessage(
            "unknown key \"learning_rate\" in test.yaml: did you mean"
                + " \"optimizer.learning_rate\"?");
    refused(SOURCE + "logging: {qqqqqq: 1}")
        .hasMessage("unknown key \"logging.qqqqqq\" in test.yaml: the keys here are every");
    assertThatThrownBy(
            () ->
                ConfigLoader.load(
                    PretrainConfig.class, List.of("data.source=text", "training.step.count=4")))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "unknown key \"training.step\" in the command line: did you mean \"training.steps\"?");
  }

  @Test
  void refusesWrongTypes() {
    refused(SOURCE + "training: {steps: many}")
        .hasMessage(
            "training.steps must be an integer up to 2147483647, got \"many\" in test.yaml");
    refused(SOURCE + "training: {steps: 1.5}")
        .hasMessageContaining("training.steps must be an integer")
        .hasMessageContaining("got 1.5");
    refused(SOURCE + "training: {steps: 3000000000}")
        .hasMessageContaining("up to 2147483647, got 3000000000");
    refused(SOURCE + "optimizer: {beta1: .nan}")
        .hasMessageStartingWith("test.yaml is not valid YAML at line 2, column ")
        .hasMessageContaining(".nan");
    refused(SOURCE + "optimizer: {beta1: NaN}")
        .hasMessage("optimizer.beta1 must be a number, got \"NaN\" in test.yaml");
    refused(SOURCE + "optimizer: {beta1: [0.9]}")
        .hasMessage("optimizer.beta1 must be a number, got a list in test.yaml");
    refused(SOURCE + "model: {bias: 1}")
        .hasMessage("model.bias must be true or false, got 1 in test.yaml");
    refused(SOURCE + "model: {architecture: gpt3}")
        .hasMessage(
            "model.architecture must be one of gpt2, llama, mistral, qwen2, qwen3, got \"gpt3\" in test.yaml");
    refused("data: {source: {a: 1}}")
        .hasMessage("data.source must be a string, got a section in test.yaml");
    refused(SOURCE + "logging: 3")
        .hasMessage("logging must be a section with keys (every), got 3 in test.yaml");
    refused("- a\n- b\n")
        .hasMessage("test.yaml must hold keys with values (key: value), got a list");
  }

  @Test
  void refusesARequiredKeyLeftOut() {
    refused("seed: 3")
        .hasMessage(
            "data.source is required and was not given: add it to the configuration file or the"
                + " command line (data.source=...)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "name: ../up | name must begin with a letter or digit",
        "runs_folder: '' | runs_folder must name a folder",
        "data: {source: t, validation_fraction: 1} | data.validation_fraction must be at least 0 and less than 1, got 1.0",
        "data: {source: t, shard_tokens: 0} | data.shard_tokens must be at least 1, got 0",
        "data: {source: t, max_documents: -1} | data.max_documents must be at least 0, got -1",
        "data: {source: ''} | data.source must name the text to read",
        "tokenizer: {vocabulary_size: 256} | tokenizer.vocabulary_size must be at least 257, got 256",
        "tokenizer: {training_bytes: -1} | tokenizer.training_bytes must be at least 0, got -1",
        "model: {layers: 0} | model.layers must be at least 1, got 0",
        "model: {width: 100, heads: 3} | model.width must be a multiple of model.heads (3), got 100",
        "model: {heads: 6, kv_heads: 4} | model.kv_heads must divide model.heads (6), got 4",
        "model: {width: 6, heads: 2} | model.head_width must be even for rotary positions, got 3",
        "model: {bias: true} | model.bias must be false for the architecture llama, got true",
        "model: {activation: gelu_erf} | model.activation must be swiglu for the architecture llama, got gelu_erf",
        "model: {architecture: mistral, bias: true} | model.bias must be false for the architecture mistral, got true",
        "model: {architecture: llama, window: 8} | model.window must be 0 for the architecture llama, got 8",
        "model: {window: -1} | model.window must be at least 0, got -1",
        "model: {architecture: llama, attention_bias: qkv} | model.attention_bias must be none or all for the architecture llama, got qkv",
        "model: {architecture: qwen2, attention_bias: none} | model.attention_bias must be qkv for the architecture qwen2, got none",
        "model: {architecture: mistral, attention_bias: all} | model.attention_bias must be none for the architecture mistral, got all",
        "model: {architecture: qwen3, feed_forward_bias: true} | model.feed_forward_bias must be false for the architecture qwen3, got true",
        "model: {architecture: gpt2, feed_forward_bias: false} | model.attention_bias and model.feed_forward_bias must follow model.bias (true) for the architecture gpt2, got all and false: leave them out",
        "model: {architecture: gpt2, rope_scaling: {type: linear, factor: 2}} | model.rope_scaling.type must be none for the architecture gpt2, got linear",
        "model: {rope_scaling: {type: yarn, factor: 2}} | model.rope_scaling.original_context_length must be at least 1, got 0",
        "model: {rope_scaling: {type: llama3, factor: 2, original_context_length: 8, fast_turns: 1}} | model.rope_scaling.fast_turns must be greater than model.rope_scaling.slow_turns (1.0), got 1.0",
        "model: {architecture: gpt2, kv_heads: 2} | model.kv_heads must equal model.heads (6) for the architecture gpt2, got 2",
        "model: {architecture: gpt2, head_width: 64} | model.head_width must be model.width / model.heads (32) for the architecture gpt2, got 64",
        "model: {architecture: gpt2, activation: swiglu} | model.activation must be gelu_tanh or gelu_erf",
        "model: {dropout: 1.0} | model.dropout must be at least 0 and less than 1, got 1.0",
        "model: {norm_epsilon: 0} | model.norm_epsilon must be greater than 0, got 0.0",
        "compute: {threads: -1} | compute.threads must be at least 0, got -1",
        "compute: {backend: reference, precision: bf16} | compute.precision must be fp32 for the backend reference, got bf16",
        "training: {sequence_length: 257} | training.sequence_length must be at most model.context_length (256), got 257",
        "training: {micro_batch_size: 3, global_batch_size: 4} | training.global_batch_size must be a multiple of training.micro_batch_size (3), got 4",
        "training: {steps: 5, tokens: 1} | training.tokens 1 takes 1 steps of 4096 tokens, got training.steps 5",
        "training: {epochs: -1} | training.epochs must be at least 0, got -1.0",
        "training: {epochs: 1, tokens: 5} | training.tokens and training.epochs are alternatives, got both (5 and 1.0): give only one",
        "compute: {device: '1'} | compute.device is for the backend opencl, got 1 for cpu",
        "compute: {tune: false} | compute.tune is for the backend opencl, got cpu",
        "training: {gradient_clip: -1} | training.gradient_clip must be at least 0, got -1.0",
        "optimizer: {learning_rate: 0} | optimizer.learning_rate must be greater than 0, got 0.0",
        "optimizer: {beta2: 1} | optimizer.beta2 must be at least 0 and less than 1, got 1.0",
        "optimizer: {weight_decay: -0.1} | optimizer.weight_decay must be at least 0, got -0.1",
        "schedule: {min_learning_rate_ratio: 1.5} | schedule.min_learning_rate_ratio must be between 0 and 1, got 1.5",
        "schedule: {kind: wsd, decay_steps: 2000} | schedule.decay_steps must be at most training.steps (1000) for wsd, got 2000",
        "evaluation: {batches: -1} | evaluation.batches must be at least 0, got -1",
        "checkpoint: {keep_last: 0} | checkpoint.keep_last must be at least 1, got 0",
        "logging: {every: 0} | logging.every must be at least 1, got 0",
        "sample: {temperature: -1} | sample.temperature must be at least 0, got -1.0",
        "sample: {top_p: 0} | sample.top_p must be greater than 0, got 0.0",
        "sample: {top_p: 1.1} | sample.top_p must be between 0 and 1, got 1.1",
      })
  void refusesValuesOutOfRange(String yaml, String message) {
    refused(yaml.startsWith("data") ? yaml : SOURCE + yaml).hasMessageStartingWith(message);
  }

  @Test
  void refusesAVocabularyThatDoesNotFitTheTokenType() {
    refused("data: {source: t, token_type: uint16}\ntokenizer: {vocabulary_size: 65537}")
        .hasMessage(
            "data.token_type uint16 holds at most 65536 tokens, got tokenizer.vocabulary_size"
                + " 65537: set data.token_type to auto or int32");
  }

  @Test
  void saysWhereTheYamlIsBroken() {
    refused("data:\n  source: text\n model: {\n")
        .hasMessageStartingWith("test.yaml is not valid YAML at line 3, column ");
    refused("seed: 1\nseed: 2\n")
        .hasMessageStartingWith("test.yaml is not valid YAML at line 2, column ")
        .hasMessageContaining("seed");
    assertThatThrownBy(() -> ConfigLoader.load(PretrainConfig.class, List.of("model={")))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("the value of model in the command line is not valid YAML at line");
  }

  @Test
  void refusesAnOverrideWithoutAnEqualsSign() {
    assertThatThrownBy(() -> ConfigLoader.load(PretrainConfig.class, List.of("quickstart")))
        .isInstanceOf(UserException.class)
        .hasMessage("an override must have the form key.path=value, got \"quickstart\"");
  }

  @Test
  void refusesAFileThatIsMissingOrNoText() throws IOException {
    Path missing = folder.resolve("none.yaml");
    assertThatThrownBy(() -> ConfigLoader.load(PretrainConfig.class, missing, List.of()))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "configuration file " + missing + " does not exist: give the path of a YAML file");

    Path bytes = folder.resolve("bytes.yaml");
    Files.write(bytes, new byte[] {(byte) 0xff, (byte) 0xfe, 0});
    assertThatThrownBy(() -> ConfigLoader.load(PretrainConfig.class, bytes, List.of()))
        .isInstanceOf(UserException.class)
        .hasMessage("configuration file " + bytes + " must be UTF-8 text, got other bytes");

    assertThatThrownBy(() -> ConfigLoader.load(PretrainConfig.class, folder, List.of()))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("configuration file " + folder + " cannot be read: ");
  }

  private static PretrainConfig parse(String yaml) {
    return ConfigLoader.parse(PretrainConfig.class, yaml, "test.yaml", List.of());
  }

  private static org.assertj.core.api.AbstractThrowableAssert<?, ? extends Throwable> refused(
      String yaml) {
    return assertThatThrownBy(() -> parse(yaml))
        .isInstanceOfSatisfying(
            UserException.class, e -> assertThat(e.kind()).isEqualTo(UserException.Kind.USAGE));
  }

  private Path write(String name, String yaml) throws IOException {
    return Files.write(folder.resolve(name), yaml.getBytes(StandardCharsets.UTF_8));
  }
}

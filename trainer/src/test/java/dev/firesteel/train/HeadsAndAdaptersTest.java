package dev.firesteel.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.SafetensorsFile;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.ScalarHead;
import dev.firesteel.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A backbone and its value head, or its adapters, in one parameter set and one checkpoint. */
class HeadsAndAdaptersTest {
  private static final String BACKBONE = "model.safetensors";
  private static final String OTHERS = "firesteel/parameters.safetensors";
  private static final String OPTIMIZER = "trainer/optimizer-00001-of-00001.safetensors";
  private static final String LAYOUT = "trainer/layout.json";

  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    TinyRun.prepare(folder);
  }

  /** Learns to repeat each token, and that each position has the value 1. */
  private record WithValueHead(LanguageModel model, ScalarHead head, NdArray minusOnes)
      implements OneModelStage.Trained {
    static WithValueHead on(Backend backend) {
      ParameterSet.Builder parameters = ParameterSet.builder();
      LanguageModel backbone =
          Models.declare(TestModels.withDropout(TestModels.gpt2(1, 8, 2, 8, 5), 0.1), parameters);
      ScalarHead head = new ScalarHead(parameters, "value_head", 8, ScalarHead.initial(8));
      parameters.build().allocate(backend, DType.F32);
      NdArray minusOnes = new NdArray(backend.allocate(DType.F32, 16), 0, Shape.of(2, 8));
      backend.fill(minusOnes, -1);
      return new WithValueHead(backbone, head, minusOnes);
    }

    @Override
    public Tensor loss(ForwardPass pass, Tensor ids, double scale) {
      Tensor hidden = model.hidden(pass, ids);
      Tensor tokens = model.head(pass, hidden).crossEntropy(ids).sum();
      Tensor errors = head.apply(pass, hidden).add(pass.tape().constant(minusOnes));
      return tokens.add(errors.multiply(errors).sum()).scale(scale);
    }
  }

  /** Learns to repeat each token by adapters alone. */
  private record Adapted(LanguageModel model) implements OneModelStage.Trained {
    static Adapted on(Backend backend) {
      ParameterSet.Builder parameters = ParameterSet.builder();
      LanguageModel model =
          Models.declare(
              TestModels.llama(2, 8, 2, 1, 12, 8, 5),
              parameters,
              new Lora(2, 4, 0.1, NamePattern.all("*.attention.*", "*.gate_up")));
      Lora.freezeBase(parameters);
      parameters.build().allocate(backend, DType.F32);
      return new Adapted(model);
    }

    @Override
    public Tensor loss(ForwardPass pass, Tensor ids, double scale) {
      return model.loss(pass, ids, ids, scale);
    }
  }

  @Test
  void aValueHeadTrainsWithItsBackboneAndResumesToTheBit() throws IOException {
    PretrainConfig run = wholeRunLikeHalves(WithValueHead::on);

    for (String file : List.of(BACKBONE, OTHERS)) {
      assertThat(TinyRun.file(run, 12, file)).as(file).isNotEqualTo(TinyRun.file(run, 5, file));
    }
    assertThat(stored(run, OTHERS)).containsExactly("value_head.bias", "value_head.weight");
    assertThat(trained(run)).contains("embedding.weight", "value_head.weight", "value_head.bias");
    assertThat(loss(run, 12)).isLessThan(0.8 * loss(run, 2));
  }

  @Test
  void adaptersTrainOnAFrozenBaseAndResumeToTheBit() throws IOException {
    PretrainConfig run = wholeRunLikeHalves(Adapted::on);

    assertThat(TinyRun.file(run, 12, BACKBONE)).isEqualTo(TinyRun.file(run, 5, BACKBONE));
    assertThat(TinyRun.file(run, 12, OTHERS)).isNotEqualTo(TinyRun.file(run, 5, OTHERS));
    assertThat(trained(run))
        .isNotEmpty()
        .allMatch(Lora::isAdapter)
        .containsExactlyInAnyOrderElementsOf(stored(run, OTHERS));
    assertThat(loss(run, 12)).isLessThan(loss(run, 2));
    // What is frozen has no moments.
    long moments = 0;
    try (SafetensorsFile optimizer = open(run, OPTIMIZER);
        SafetensorsFile adapters = open(run, OTHERS)) {
      moments = optimizer.tensors().get("first_moments").shape().size();
      long sizes =
          adapters.tensors().values().stream()
              .mapToLong(
                  tensor ->
                      (tensor.shape().size() + ParameterSet.ALIGNMENT - 1)
                          / ParameterSet.ALIGNMENT
                          * ParameterSet.ALIGNMENT)
              .sum();
      assertThat(moments).isEqualTo(sizes);
    }
  }

  /** Trains in one go and in two; every file is the same. */
  private PretrainConfig wholeRunLikeHalves(Function<Backend, OneModelStage.Trained> model)
      throws IOException {
    PretrainConfig whole = TinyRun.config(folder, "name=whole");
    assertThat(OneModelStage.train(whole, model, Long.MAX_VALUE))
        .isEqualTo(TrainingOutcome.COMPLETED);
    PretrainConfig halves = TinyRun.config(folder, "name=halves");
    assertThat(OneModelStage.train(halves, model, 6)).isEqualTo(TrainingOutcome.INTERRUPTED);
    assertThat(OneModelStage.train(halves, model, Long.MAX_VALUE))
        .isEqualTo(TrainingOutcome.COMPLETED);
    for (String file : List.of(BACKBONE, OTHERS, OPTIMIZER, LAYOUT)) {
      assertThat(TinyRun.file(halves, 12, file)).as(file).isEqualTo(TinyRun.file(whole, 12, file));
    }
    return whole;
  }

  private static double loss(PretrainConfig run, long step) {
    return TinyRun.metrics(run).stream()
        .filter(row -> row.get("step").asLong() == step)
        .findFirst()
        .orElseThrow()
        .get("loss")
        .asDouble();
  }

  private static SafetensorsFile open(PretrainConfig run, String file) throws IOException {
    org.apache.hadoop.fs.Path path =
        new org.apache.hadoop.fs.Path(TinyRun.checkpoint(run, 12).resolve(file).toString());
    return SafetensorsFile.open(HadoopFiles.fileSystem(path, TinyRun.HADOOP), path);
  }

  private static List<String> stored(PretrainConfig run, String file) throws IOException {
    try (SafetensorsFile tensors = open(run, file)) {
      return List.copyOf(tensors.tensors().keySet());
    }
  }

  private static List<String> trained(PretrainConfig run) throws IOException {
    List<String> names = new ArrayList<>();
    new ObjectMapper()
        .readTree(TinyRun.file(run, 12, LAYOUT))
        .forEach(place -> names.add(place.get("name").asText()));
    return names;
  }
}

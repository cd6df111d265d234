package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.StoredTensor;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.TestModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelCheckTest {
  private static final ModelConfig CONFIG = TestModels.llama(2, 8, 2, 1, 12, 5, 11);

  @TempDir private Path folder;
  private final Map<String, StoredTensor> tensors = new TreeMap<>();
  private final ObjectNode config = HuggingFaceConfig.write(CONFIG, FloatType.F32);

  @BeforeEach
  void declare() {
    try (LanguageModel model = Models.declare(CONFIG)) {
      for (HuggingFaceTensor tensor : HuggingFaceNames.tensors(model)) {
        tensors.put(tensor.name(), StoredTensor.zeros("F32", tensor.shape().toArray()));
      }
    }
  }

  @Test
  void findsNothingInAModelAsItShouldBe() throws IOException {
    ModelCheck check = check();

    assertThat(check.problems()).isEmpty();
    assertThat(check.config()).isEqualTo(CONFIG);
    assertThat(check.className()).isEqualTo("LlamaForCausalLM");
    assertThat(check.tiedHead()).isEmpty();
  }

  @Test
  void listsAllTensorsThatAreMissingUnknownOrOfAnotherShape() throws IOException {
    tensors.remove("model.norm.weight");
    tensors.put("lm_head.weight", StoredTensor.zeros("F32", 12, 8));
    tensors.put("more", StoredTensor.zeros("F32", 1));

    assertThat(check().problems())
        .containsExactly(
            "model.norm.weight is missing",
            "lm_head.weight must have the shape [11, 8], got [12, 8]",
            "more is no tensor of this architecture");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "num_hidden_layers | 2000000000 | got 2000000000 layers, and tensors for at most 21: ",
        "vocab_size | 2000000000 | got 2000000000 tokens, and tensors for at most 96: ",
        "hidden_size | 2000000000 | got 2000000000 elements of width, and tensors for at most 96",
        "head_dim | 2000000000 | whose tensors have less than 2^31 rows and columns, got larger",
      })
  void aModelThatIsLargerThanItsFilesCostsNoMemory(String key, int value, String message)
      throws IOException {
    config.put(key, value);
    write();
    FileSystem fs = FailingFileSystem.local();
    var path = new org.apache.hadoop.fs.Path(folder.toUri());

    try (Backend backend = new ReferenceBackend()) {
      assertThatThrownBy(() -> ModelDirectory.read(fs, path, backend, notice -> {}))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(message);
    }
    assertThatThrownBy(() -> ModelCheck.of(fs, path)).hasMessageContaining(message);
  }

  private ModelCheck check() throws IOException {
    write();
    return ModelCheck.of(FailingFileSystem.local(), new org.apache.hadoop.fs.Path(folder.toUri()));
  }

  private void write() throws IOException {
    StoredTensor.write(folder.resolve("model.safetensors"), tensors);
    Files.writeString(folder.resolve("config.json"), config.toString());
  }
}

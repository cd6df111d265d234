package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.Shape;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.format.safetensors.HostTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelTensorsTest {
  private static final List<HostTensor> TENSORS =
      List.of(
          HostTensor.of("c", Shape.of(2), 5, 6),
          HostTensor.of("a", Shape.of(2, 2), 1, 2, 3, 4),
          HostTensor.of("b", Shape.of(1), 7));

  @TempDir Path folder;
  private FileSystem fs;

  @BeforeEach
  void openFileSystem() throws IOException {
    fs = FailingFileSystem.local();
  }

  @Test
  void writesOneFileWhereItFits() throws IOException {
    write(28);
    assertThat(folder.toFile().list()).containsExactly("model.safetensors");
    assertReadsBack();
  }

  @Test
  void cutsLargeModelsIntoFilesWithAnIndex() throws IOException {
    write(20);
    assertThat(folder.toFile().list())
        .containsExactlyInAnyOrder(
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json");
    assertThat(Files.readString(folder.resolve("model.safetensors.index.json")))
        .isEqualToIgnoringWhitespace(
            """
            {"metadata": {"total_size": 28},
             "weight_map": {"a": "model-00001-of-00002.safetensors",
                            "b": "model-00001-of-00002.safetensors",
                            "c": "model-00002-of-00002.safetensors"}}
            """);
    assertReadsBack();
  }

  @Test
  void givesATensorAboveTheBoundAFileOfItsOwn() throws IOException {
    write(4);
    assertThat(folder.toFile().list()).hasSize(4);
    assertReadsBack();
  }

  @Test
  void namesWhatIsMissing() throws IOException {
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            folder
                + " must hold a model (model.safetensors or model.safetensors.index.json and the files it names), got none");

    write(20);
    try (ModelTensors tensors = open()) {
      assertThatThrownBy(() -> tensors.shape("d"))
          .isInstanceOf(UserException.class)
          .hasMessage("the model in " + folder + " must have the tensor d, and does not");
    }
    Path index = folder.resolve("model.safetensors.index.json");
    Files.writeString(index, Files.readString(index).replace("\"c\"", "\"d\""));
    assertThatThrownBy(this::open)
        .isInstanceOf(UserException.class)
        .hasMessage(
            index
                + " says that model-00002-of-00002.safetensors holds the tensor d, and it does not");
    for (String name : List.of("../elsewhere/model.safetensors", "hdfs:x", "..", "a\\\\b", "")) {
      Files.writeString(index, "{\"weight_map\": {\"a\": \"%s\"}}".formatted(name));
      assertThatThrownBy(this::open)
          .isInstanceOf(UserException.class)
          .hasMessage(
              "%s must name files in its own folder, got \"%s\""
                  .formatted(index, name.replace("\\\\", "\\")));
    }
  }

  private void write(long maxFileBytes) throws IOException {
    ModelTensors.write(
        new CheckpointWriter(
            fs, new org.apache.hadoop.fs.Path(folder.toString()), Attempt.unfenced(), () -> {}),
        TENSORS,
        FloatType.F32,
        maxFileBytes);
  }

  private ModelTensors open() {
    return ModelTensors.open(fs, new org.apache.hadoop.fs.Path(folder.toString()));
  }

  private void assertReadsBack() throws IOException {
    try (ModelTensors tensors = open()) {
      assertThat(tensors.names()).containsExactlyInAnyOrder("a", "b", "c");
      for (HostTensor tensor : TENSORS) {
        assertThat(tensors.shape(tensor.name())).isEqualTo(tensor.shape());
        int size = Math.toIntExact(tensor.shape().size());
        float[] expected = new float[size];
        tensor.read(0, expected, size);
        float[] got = new float[size];
        tensors.read(tensor.name(), 0, got, size);
        assertThat(got).isEqualTo(expected);
      }
    }
  }
}

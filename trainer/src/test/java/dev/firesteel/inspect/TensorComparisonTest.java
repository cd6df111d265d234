package dev.firesteel.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.StoredTensor;
import dev.firesteel.tokenizer.BpeTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorComparisonTest {
  @TempDir private Path folder;

  @Test
  void measuresEachTensorOfOneName() throws IOException {
    StoredTensor.write(
        folder.resolve("a.safetensors"),
        Map.of(
            "same", StoredTensor.of("F32", new float[] {1, 2}, 2),
            "changed", StoredTensor.of("F32", new float[] {3, 0, 4, 0}, 4),
            "nan", StoredTensor.of("F32", new float[] {Float.NaN, 1}, 2),
            "mine", StoredTensor.zeros("F32", 1),
            "shape", StoredTensor.zeros("F32", 2, 3)));
    StoredTensor.write(
        folder.resolve("b.safetensors"),
        Map.of(
            "same", StoredTensor.of("BF16", new float[] {1, 2}, 2),
            "changed", StoredTensor.of("F32", new float[] {0, 0, 4, 0}, 4),
            "nan", StoredTensor.of("F32", new float[] {Float.NaN, Float.NaN}, 2),
            "yours", StoredTensor.zeros("F32", 1),
            "shape", StoredTensor.zeros("F32", 3, 2)));

    Inspection comparison = compare("a.safetensors", "b.safetensors");

    List<Object> same = row(comparison, "same");
    assertThat(same.subList(2, 6)).containsExactly("F32, BF16", 0L, 0.0, 0.0);
    List<Object> changed = row(comparison, "changed");
    assertThat(changed.subList(3, 5)).containsExactly(1L, 3.0);
    assertThat((Double) changed.get(5)).isCloseTo(0.6, within(1e-12)); // 3 / 5
    assertThat((Double) changed.get(6)).isCloseTo(0.8, within(1e-12)); // 16 / (5 * 4)
    assertThat(row(comparison, "nan").subList(3, 5)).containsExactly(1L, Double.POSITIVE_INFINITY);
    assertThat(comparison.checks())
        .extracting(Check::name, Check::passed, Check::detail)
        .containsExactly(
            tuple("only in the first", false, "mine"),
            tuple("only in the second", false, "yours"),
            tuple("shapes", false, "shape [2, 3] and [3, 2]"));
  }

  @Test
  void ofAFileWithItselfFindsNothing() throws IOException {
    StoredTensor.write(
        folder.resolve("a.safetensors"), Map.of("x", StoredTensor.ofValues("F16", 0.5f, 7)));

    Inspection comparison = compare("a.safetensors", "a.safetensors");

    assertThat(comparison.passed()).isTrue();
    assertThat(row(comparison, "x").subList(3, 6)).containsExactly(0L, 0.0, 0.0);
    assertThat((Double) row(comparison, "x").get(6)).isCloseTo(1, within(1e-12));
  }

  @Test
  void refusesWhatHasNoTensors() throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), BpeTokenizer.bytes().toJson());

    assertThatThrownBy(() -> compare("tokenizer.json", "tokenizer.json"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must be a model or a file of tensors, got tokenizer: ");
  }

  private Inspection compare(String a, String b) {
    return TensorComparison.of(
        new org.apache.hadoop.fs.Path(folder.resolve(a).toString()),
        new org.apache.hadoop.fs.Path(folder.resolve(b).toString()),
        new Configuration());
  }

  private static List<Object> row(Inspection comparison, String name) {
    return comparison.tables().get(0).rows().stream()
        .filter(row -> row.get(0).equals(name))
        .findFirst()
        .orElseThrow();
  }
}

package dev.firesteel.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import org.junit.jupiter.api.Test;

/** NEFTune's noise, of rows with a document of 4 and one of 12 tokens. */
class EmbeddingNoiseTest {
  private static final int C = 50;
  private static final int T = 16;

  /** The noise that is added to zeros, or null if none is. */
  private static double[] noise(double alpha, long key, boolean training) {
    try (Backend backend = new ReferenceBackend();
        ArrayPool pool = new ArrayPool(backend);
        ParameterSet parameters = parameters(backend);
        Segment gradients = parameters.newSegment();
        Tape tape = training ? Tape.training(backend, pool) : Tape.inference(backend, pool)) {
      ForwardPass pass =
          training
              ? ForwardPass.training(tape, parameters, gradients, key)
              : ForwardPass.inference(tape, parameters);
      Tensor zeros = tape.constant(new double[2 * T * C], DType.F32, Shape.of(2, T, C));
      RowLayout layout = RowLayout.packed(T, new int[][] {{4, 12}, {16}});
      Tensor noisy = pass.withEmbeddingNoise(alpha).embeddingNoise(zeros, layout);
      if (noisy == zeros) {
        return null;
      }
      double[] values = new double[2 * T * C];
      backend.download(noisy.array(), values, 0);
      return values;
    }
  }

  private static ParameterSet parameters(Backend backend) {
    ParameterSet.Builder builder = ParameterSet.builder();
    builder.declare("weights", Shape.of(3), Initializer.constant(0));
    ParameterSet parameters = builder.build();
    parameters.allocate(backend, DType.F32);
    return parameters;
  }

  private static double largest(double[] values, int firstToken, int endToken) {
    double largest = 0;
    for (int i = firstToken * C; i < endToken * C; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return largest;
  }

  @Test
  void isUniformUpToABoundOfEachDocument() {
    double[] noise = noise(5, 1, true);
    double ofFour = 5 / Math.sqrt(4.0 * C);
    double ofTwelve = 5 / Math.sqrt(12.0 * C);
    double ofSixteen = 5 / Math.sqrt(16.0 * C);
    assertThat(largest(noise, 0, 4)).isBetween(0.97 * ofFour, ofFour);
    assertThat(largest(noise, 4, 16)).isBetween(0.97 * ofTwelve, ofTwelve);
    assertThat(largest(noise, 16, 32)).isBetween(0.97 * ofSixteen, ofSixteen);
    double mean = 0;
    double square = 0;
    for (int i = 16 * C; i < 32 * C; i++) {
      mean += noise[i] / (16 * C);
      square += noise[i] * noise[i] / (16 * C);
    }
    assertThat(mean).isCloseTo(0, within(0.1 * ofSixteen));
    assertThat(square).isCloseTo(ofSixteen * ofSixteen / 3, within(0.03 * ofSixteen * ofSixteen));
  }

  @Test
  void dependsOnTheKeyAlone() {
    assertThat(noise(5, 1, true)).isEqualTo(noise(5, 1, true)).isNotEqualTo(noise(5, 2, true));
  }

  @Test
  void isOffByDefaultAndOutsideTraining() {
    assertThat(noise(0, 1, true)).isNull();
    assertThat(noise(5, 1, false)).isNull();
  }
}

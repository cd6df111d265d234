package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import dev.firesteel.array.DType;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.Workspace;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The native memory that a plan reports for bf16 is what the engine allocates. */
class Bf16WorkspaceTest {
  private static final int ROWS = 2048;
  private static final int WIDTH = 256;
  private static final int INNER = 700;
  private static final int VOCABULARY = 1500;
  private static final int LAYERS = 3;

  @BeforeAll
  static void assumePresent() {
    Bf16Support.assumePresent();
  }

  private static NdArray array(int... dims) {
    Shape shape = Shape.of(dims);
    return new NdArray(HeapStorage.allocate(DType.F32, shape.size()), 0, shape);
  }

  private static NdArray written(NdArray array) {
    array.storage().markWritten();
    return array;
  }

  @Test
  void nativeMemoryIsWhatTheEngineHolds() {
    NdArray[] up = new NdArray[LAYERS];
    NdArray[] down = new NdArray[LAYERS];
    NdArray[] x = new NdArray[LAYERS + 1];
    NdArray[] h = new NdArray[LAYERS];
    for (int i = 0; i < LAYERS; i++) {
      up[i] = array(INNER, WIDTH);
      down[i] = array(WIDTH, INNER);
      x[i] = array(ROWS, WIDTH);
      h[i] = array(ROWS, INNER);
    }
    x[LAYERS] = array(ROWS, WIDTH);
    NdArray head = array(VOCABULARY, WIDTH);
    Workspace workspace = new Bf16Workspace(2);
    try (WorkerPool pool = new WorkerPool(2, Simd.Choice.best());
        Bf16Engine engine = new Bf16Engine(pool, OneDnn.open())) {
      for (int step = 0; step < 2; step++) {
        for (int i = 0; i < LAYERS; i++) {
          workspace.linear(x[i], up[i]);
          engine.linear(x[i], up[i], null, Activation.IDENTITY, null, written(h[i]));
          workspace.linear(h[i], down[i]);
          engine.linear(h[i], down[i], null, Activation.IDENTITY, null, written(x[i + 1]));
        }
        NdArray dx = array(ROWS, WIDTH);
        NdArray dh = array(ROWS, INNER);
        workspace.linearCrossEntropy(x[LAYERS], head);
        engine.head(
            x[LAYERS],
            head,
            (row, logits, offset, worker) -> {},
            dx,
            Write.SET,
            array(VOCABULARY, WIDTH),
            Write.SET);
        for (int i = LAYERS - 1; i >= 0; i--) {
          workspace.linearBackwardWeight(dx, h[i]);
          engine.linearBackwardWeight(dx, h[i], array(WIDTH, INNER), Write.SET);
          workspace.linearBackwardInput(dx, down[i]);
          engine.linearBackwardInput(dx, down[i], written(dh), Write.SET);
          workspace.linearBackwardWeight(dh, x[i]);
          engine.linearBackwardWeight(dh, x[i], array(INNER, WIDTH), Write.SET);
          workspace.linearBackwardInput(dh, up[i]);
          engine.linearBackwardInput(dh, up[i], written(dx), Write.SET);
        }
        for (int i = 0; i < LAYERS; i++) {
          written(up[i]);
          written(down[i]);
        }
        written(head);
      }
      long planned = 0;
      for (Workspace.Part part : workspace.parts(bytes -> bytes)) {
        planned += part.name().equals("oneDNN") ? 0 : part.nativeBytes();
      }
      assertThat(engine.sharedBytes()).isCloseTo(planned, withPercentage(15));
    }
  }
}

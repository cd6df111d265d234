package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.KeyValueCache;
import dev.firesteel.random.RandomStream;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.train.OpenClSupport;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** In fp32 a document's logits are the same bits in any row, in any batch, and with a cache. */
class RowLayoutTest {
  private static final int V = 23;
  private static final int CONTEXT = 80;
  private static final int LENGTH = 70;

  enum On {
    REFERENCE,
    CPU,
    OPENCL;

    Backend backend() {
      if (this == REFERENCE) {
        return new ReferenceBackend();
      }
      if (this == OPENCL) {
        OpenClSupport.assumeDevice();
      }
      BackendKind kind = this == CPU ? BackendKind.CPU : BackendKind.OPENCL;
      return Backends.create(new BackendOptions(kind, Precision.FP32, 2));
    }
  }

  private static List<ModelConfig> models() {
    return List.of(
        TestModels.gpt2(2, 24, 2, CONTEXT, V),
        TestModels.llama(2, 24, 4, 2, 40, CONTEXT, V),
        TestModels.llama(2, 24, 4, 2, 40, CONTEXT, V).toBuilder()
            .architecture(Architecture.QWEN3)
            .window(19)
            .build());
  }

  private static int[] ids(long seed, int count) {
    RandomStream random = RandomStream.of(seed, "ids");
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = random.nextInt(V);
    }
    return ids;
  }

  /** Logits of the tokens {@code [begin, begin + LENGTH)} of a row. */
  private static float[] logits(LanguageModel model, RowLayout layout, int[] ids, int row, int at) {
    Backend backend = model.parameters().backend();
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.inference(backend, pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      Tensor input = tape.constant(ids, Shape.of(layout.batch(), layout.tokens()));
      Tensor logits = model.head(pass, model.hidden(pass, input, layout));
      float[] values = new float[ids.length * V];
      backend.download(logits.array(), values, 0);
      int from = (row * layout.tokens() + at) * V;
      return Arrays.copyOfRange(values, from, from + LENGTH * V);
    }
  }

  @ParameterizedTest
  @EnumSource(On.class)
  void aDocumentHasTheSameBitsInAnyRow(On on) {
    int[] document = ids(1, LENGTH);
    try (Backend backend = on.backend()) {
      for (ModelConfig config : models()) {
        try (LanguageModel model = Models.create(config, backend, DType.F32, 7)) {
          float[] alone = logits(model, RowLayout.whole(1, LENGTH), document, 0, 0);
          assertThat(alone).doesNotContain(Float.NaN);
          int tokens = 170;
          for (RowLayout layout :
              List.of(
                  RowLayout.rightPadded(tokens, 33, LENGTH, 1),
                  RowLayout.packed(tokens, new int[] {5}, new int[] {LENGTH, 64, 7}))) {
            check(model, layout, document, 1, 0, alone);
          }
          for (int at : new int[] {3, 64}) {
            check(model, RowLayout.packed(tokens, new int[] {at, LENGTH}), document, 0, at, alone);
          }
          check(model, RowLayout.leftPadded(tokens, LENGTH), document, 0, 100, alone);
          check(
              model,
              RowLayout.packed(tokens, new int[] {11, 19, LENGTH, 60}, new int[] {2, 3}),
              document,
              0,
              30,
              alone);
        }
      }
    }
  }

  private static void check(
      LanguageModel model, RowLayout layout, int[] document, int row, int at, float[] alone) {
    int[] rows = ids(at + 2, layout.batch() * layout.tokens());
    System.arraycopy(document, 0, rows, row * layout.tokens() + at, document.length);
    assertThat(logits(model, layout, rows, row, at))
        .as("%s at %d of row %d", model.config().architecture(), at, row)
        .isEqualTo(alone);
  }

  @ParameterizedTest
  @EnumSource(On.class)
  void aDocumentHasTheSameBitsBesideACache(On on) {
    int[] document = ids(1, LENGTH);
    try (Backend backend = on.backend()) {
      for (ModelConfig config : models()) {
        try (LanguageModel model = Models.create(config, backend, DType.F32, 7);
            ArrayPool pool = new ArrayPool(backend)) {
          float[] alone = logits(model, RowLayout.whole(1, LENGTH), document, 0, 0);
          for (int piece : new int[] {1, 17, LENGTH}) {
            float[] got = new float[LENGTH * V];
            try (KeyValueCache cache = model.newCache(pool, 2, CONTEXT)) {
              for (int start = 0; start < LENGTH; start += piece) {
                int count = Math.min(piece, LENGTH - start);
                int[] rows = ids(start, 2 * count);
                System.arraycopy(document, start, rows, count, count);
                try (Tape tape = Tape.inference(backend, pool)) {
                  ForwardPass pass = ForwardPass.inference(tape, model.parameters());
                  Tensor input = tape.constant(rows, Shape.of(2, count));
                  Tensor logits = model.head(pass, model.hidden(pass, input, cache));
                  float[] values = new float[2 * count * V];
                  backend.download(logits.array(), values, 0);
                  System.arraycopy(values, count * V, got, start * V, count * V);
                }
                // The first sequence is shorter than the second.
                cache.append(start == 0 ? 1 : 0, count);
              }
            }
            assertThat(got).as("%s in pieces of %d", config.architecture(), piece).isEqualTo(alone);
          }
        }
      }
    }
  }

  @Test
  void refusesADocumentThatIsLongerThanTheContext() {
    LanguageModel model = Models.create(models().get(0), new ReferenceBackend(), DType.F32, 7);
    RowLayout layout = RowLayout.packed(100, new int[] {10, CONTEXT + 1});
    assertThatThrownBy(() -> logits(model, layout, ids(1, 100), 0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "model: ids must be [1, 100] as their layout, with documents of at most 80 tokens, got"
                + " [1, 100] and a document of 81");
  }

  @Test
  void refusesIdsOfAnotherShapeThanTheLayout() {
    LanguageModel model = Models.create(models().get(0), new ReferenceBackend(), DType.F32, 7);
    RowLayout layout = RowLayout.packed(20, new int[] {10});
    try (ArrayPool pool = new ArrayPool(model.parameters().backend());
        Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      Tensor input = tape.constant(ids(1, 40), Shape.of(2, 20));
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      assertThatThrownBy(() -> model.hidden(pass, input, layout))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("model: ids must be [1, 20] as their layout");
    }
  }
}

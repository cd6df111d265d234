package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.tensor.RowLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Of {@link AttentionKernels}. */
interface AttentionContract extends KernelContract {

  @Test
  default void softmaxAndItsGradient() {
    for (int rows : KernelCheck.ROWS) {
      for (int width : KernelCheck.SIZES) {
        kernels()
            .check(
                kernels().rowTolerance(),
                (b, o) -> {
                  NdArray y = o.result(rows, width);
                  b.attention().softmax(o.normalAround(1000, 3, rows, width), y);
                  b.attention().softmaxBackward(y, o.normal(rows, width), o.result(rows, width));
                },
                "softmax [%d, %d]",
                rows,
                width);
      }
    }
  }

  @Test
  default void ropeTurnsAndTurnsBack() {
    for (RopeSpec.Layout layout : RopeSpec.Layout.values()) {
      for (int headWidth : new int[] {2, 4, 16, 32, 64, 80}) {
        for (int tokens : new int[] {1, 13, 65}) {
          for (boolean inverse : new boolean[] {false, true}) {
            RopeSpec spec = new RopeSpec(3, headWidth, 10000, layout);
            int width = 4 * headWidth;
            kernels()
                .check(
                    kernels().elementwiseTolerance(),
                    (b, o) ->
                        b.attention()
                            .rope(
                                spec,
                                o.normal(2, tokens, width),
                                null,
                                inverse,
                                o.result(2, tokens, width)),
                    "%s, T %d, inverse %s",
                    spec,
                    tokens,
                    inverse);
            kernels()
                .check(
                    kernels().elementwiseTolerance(),
                    (b, o) -> {
                      NdArray x = o.both(2, tokens, width);
                      b.attention().rope(spec, x, o.integers(0, 1023, 2, tokens), inverse, x);
                    },
                    "%s in place from positions, T %d, inverse %s",
                    spec,
                    tokens,
                    inverse);
          }
        }
      }
    }
  }

  /** Another table for each scaling, in a backend that has made the plain one. */
  @Test
  default void ropeOfEveryScaling() {
    for (RopeScaling scaling :
        new RopeScaling[] {
          RopeScaling.none(),
          new RopeScaling.Linear(4),
          new RopeScaling.Llama3(8, 1, 4, 64),
          new RopeScaling.Yarn(4, 64, 32, 1, 1.25, true),
          new RopeScaling.Yarn(4, 64, 32, 1, 1.5, true)
        }) {
      for (boolean inverse : new boolean[] {false, true}) {
        RopeSpec spec = new RopeSpec(2, 16, 10000, RopeSpec.Layout.HALF, scaling);
        kernels()
            .check(
                kernels().elementwiseTolerance(),
                (b, o) ->
                    b.attention()
                        .rope(spec, o.normal(2, 13, 48), null, inverse, o.result(2, 13, 48)),
                "%s, inverse %s",
                spec,
                inverse);
      }
    }
  }

  private static int[][] heads() {
    return new int[][] {{1, 1}, {3, 3}, {4, 2}, {6, 1}};
  }

  /** Ranges of every kind of visibility, and some that no model uses. */
  private static int[] ranges(String kind, int queries, int keys) {
    return switch (kind) {
      case "causal" -> RowLayout.whole(2, queries).causal();
      case "full" -> RowLayout.whole(2, queries).cross(RowLayout.whole(2, keys));
      case "padded" -> RowLayout.leftPadded(queries, queries, 1 + queries / 2).causal();
      case "packed" ->
          RowLayout.packed(
                  queries,
                  new int[] {1 + queries / 3, 1 + queries / 4},
                  new int[] {(queries + 1) / 2, queries / 2 + queries % 2 == 0 ? 1 : queries / 2})
              .causal();
      case "prefix" ->
          RowLayout.whole(2, queries).prefix(new int[] {queries / 2}, new int[] {queries});
      case "cached" -> RowLayout.cached(queries, 0, keys - queries);
      case "random" -> {
        int[] ranges = new int[4 * queries];
        Random random = new Random(queries);
        for (int i = 0; i < ranges.length; i += 2) {
          ranges[i] = random.nextInt(keys);
          ranges[i + 1] = ranges[i] + 1 + random.nextInt(keys - ranges[i]);
        }
        yield ranges;
      }
      default -> throw new IllegalArgumentException(kind);
    };
  }

  /** Forward and backward of one case on separate operands, with columns that are not theirs. */
  private void check(AttentionSpec spec, String kind, int queries, int keys, boolean biased) {
    // How much larger scores are than with the usual scale.
    double scale = spec.scale() * Math.sqrt(spec.headWidth());
    kernels()
        .check(
            2 * scale * kernels().attentionTolerance(Math.max(keys, spec.headWidth())),
            (b, o) -> {
              int kvWidth = spec.keyValueWidth();
              NdArray q = o.normal(2, queries, spec.outputWidth() + 3);
              NdArray kv = o.normal(2, keys, 2 * kvWidth + 5);
              NdArray ranges = o.integersOf(ranges(kind, queries, keys), 2, queries, 2);
              NdArray bias = biased ? o.normal(spec.heads(), queries, keys) : null;
              NdArray out = o.result(2, queries, spec.outputWidth());
              NdArray logSumExp = o.result(2, spec.heads(), queries);
              Heads queryHeads = new Heads(q, 2);
              Heads keyHeads = new Heads(kv, kvWidth + 4);
              Heads valueHeads = new Heads(kv, 1);
              b.attention()
                  .attention(spec, queryHeads, keyHeads, valueHeads, ranges, bias, out, logSumExp);
              NdArray dOut = o.normal(2, queries, spec.outputWidth());
              NdArray dQ = o.both(2, queries, spec.outputWidth() + 2);
              NdArray dKv = o.both(2, keys, 2 * kvWidth + 1);
              b.attention()
                  .attentionBackward(
                      spec,
                      queryHeads,
                      keyHeads,
                      valueHeads,
                      ranges,
                      bias,
                      out,
                      logSumExp,
                      dOut,
                      new Heads(dQ, 1),
                      new Heads(dKv, kvWidth),
                      new Heads(dKv, 0),
                      biased ? o.result(spec.heads(), queries, keys) : null);
            },
            "attention, %s, Tq %d, Tk %d, bias %s, %s",
            kind,
            queries,
            keys,
            biased,
            spec);
  }

  @Test
  default void attentionOfEveryVisibility() {
    for (int tokens : new int[] {1, 2, 63, 65, 130}) {
      for (String kind : new String[] {"causal", "padded", "packed", "prefix", "random"}) {
        if (tokens > 2 || kind.equals("causal")) {
          check(AttentionSpec.of(4, 2, 20), kind, tokens, tokens, false);
        }
      }
    }
    for (String kind : new String[] {"full", "random"}) {
      check(AttentionSpec.of(3, 1, 64), kind, 70, 1, false);
      check(AttentionSpec.of(2, 2, 16), kind, 1, 130, false);
      check(AttentionSpec.of(2, 2, 80), kind, 33, 67, false);
    }
    check(AttentionSpec.of(2, 1, 32), "cached", 5, 100, false);
    check(AttentionSpec.of(2, 1, 32), "cached", 70, 140, false);
  }

  @Test
  default void attentionWithinAWindow() {
    for (int window : new int[] {1, 7, 64, 1000}) {
      AttentionSpec spec = AttentionSpec.of(2, 1, 16).withWindow(window);
      check(spec, "causal", 130, 130, false);
      check(spec, "packed", 130, 130, false);
      check(spec, "cached", 5, 90, false);
    }
  }

  @Test
  default void attentionWithABias() {
    for (String kind : new String[] {"causal", "full", "packed", "random"}) {
      check(AttentionSpec.of(4, 2, 8).withScale(1), kind, 70, 70, true);
    }
    check(AttentionSpec.of(2, 2, 16), "full", 20, 130, true);
    check(AttentionSpec.of(2, 1, 16).withWindow(9), "causal", 65, 65, true);
  }

  @Test
  default void attentionOfPackedQueriesKeysAndValues() {
    for (int tokens : new int[] {1, 2, 63, 64, 65, 130}) {
      for (int headWidth : new int[] {4, 16, 32, 64, 80}) {
        for (int[] heads : heads()) {
          AttentionSpec spec = AttentionSpec.of(heads[0], heads[1], headWidth);
          kernels()
              .check(
                  2 * kernels().attentionTolerance(Math.max(tokens, headWidth)),
                  (b, o) -> {
                    NdArray qkv = o.normal(2, tokens, spec.packedWidth());
                    NdArray ranges =
                        o.integersOf(RowLayout.whole(2, tokens).causal(), 2, tokens, 2);
                    NdArray out = o.result(2, tokens, spec.outputWidth());
                    NdArray logSumExp = o.result(2, heads[0], tokens);
                    NdArray dQkv = o.result(2, tokens, spec.packedWidth());
                    NdArray dOut = o.normal(2, tokens, spec.outputWidth());
                    Packed.forward(b, spec, qkv, ranges, out, logSumExp);
                    Packed.backward(b, spec, qkv, ranges, out, logSumExp, dOut, dQkv);
                  },
                  "packed attention T %d, %s",
                  tokens,
                  spec);
        }
      }
    }
  }

  @Test
  default void attentionWithoutItsLogSumExp() {
    AttentionSpec spec = AttentionSpec.of(4, 2, 16);
    kernels()
        .check(
            kernels().attentionTolerance(65),
            (b, o) ->
                Packed.forward(
                    b,
                    spec,
                    o.normal(1, 65, 128),
                    o.integersOf(RowLayout.whole(1, 65).causal(), 1, 65, 2),
                    o.result(1, 65, 64),
                    null),
            "attention, nothing kept");
  }

  @Test
  default void attentionOfLargeScores() {
    AttentionSpec spec = AttentionSpec.of(2, 2, 32).withScale(1);
    kernels()
        .check(
            // Scores of size 100 carry an error of 100 ulp into the exponent.
            100 * kernels().attentionTolerance(65),
            (b, o) ->
                Packed.forward(
                    b,
                    spec,
                    o.normalAround(0, 4, 1, 65, 192),
                    o.integersOf(RowLayout.whole(1, 65).causal(), 1, 65, 2),
                    o.result(1, 65, 64),
                    o.result(1, 2, 65)),
            "attention of large scores");
  }

  @Test
  default void attentionRefusesRangesWithoutKeys() {
    AttentionSpec spec = AttentionSpec.of(1, 1, 4);
    Operands o = new Operands(kernels().backend(), DType.F32, 0, 1);
    NdArray qkv = o.normal(1, 2, 12);
    NdArray out = o.result(1, 2, 4);
    int[][] wrong = {{0, 1, 1, 1}, {0, 1, 0, 3}, {0, 1, -1, 1}};
    for (int[] ranges : wrong) {
      NdArray array = o.integersOf(ranges, 1, 2, 2);
      assertThatThrownBy(() -> Packed.forward(kernels().backend(), spec, qkv, array, out, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "attention: a query must see at least one of the keys [0, 2), got the range ["
                  + ranges[2]
                  + ", "
                  + ranges[3]
                  + ") of query 1");
    }
  }

  @Test
  default void appendWritesColumnsToTheCache() {
    for (int tokens : new int[] {1, 5, 65}) {
      kernels()
          .check(
              0,
              (b, o) ->
                  b.attention()
                      .append(
                          o.normal(3, tokens, 40),
                          17,
                          o.both(3, 140, 20),
                          o.integersOf(new int[] {0, 31, 140 - tokens}, 3)),
              "append T %d",
              tokens);
    }
  }

  @Test
  default void appendRefusesMoreThanTheCacheHolds() {
    Operands o = new Operands(kernels().backend(), DType.F32, 0, 1);
    NdArray x = o.normal(1, 2, 12);
    NdArray cache = o.both(1, 8, 4);
    NdArray positions = o.integersOf(new int[] {7}, 1);
    assertThatThrownBy(() -> kernels().backend().attention().append(x, 4, cache, positions))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("append: the cache holds 8 tokens, got 2 new ones at position 7 of sequence 0");
  }
}

package dev.firesteel.backend;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
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
                      b.attention().rope(spec, x, o.integersOf(new int[] {1023, 7}, 2), inverse, x);
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

  @Test
  default void causalAttention() {
    for (int tokens : new int[] {1, 2, 63, 64, 65, 130}) {
      for (int headWidth : new int[] {4, 16, 32, 64, 80}) {
        for (int[] heads : heads()) {
          AttentionSpec spec = AttentionSpec.of(heads[0], heads[1], headWidth);
          kernels()
              .check(
                  kernels().attentionTolerance(Math.max(tokens, headWidth)),
                  (b, o) ->
                      b.attention()
                          .causalAttention(
                              spec,
                              o.normal(2, tokens, spec.packedWidth()),
                              o.result(2, tokens, spec.outputWidth()),
                              o.result(2, heads[0], tokens)),
                  "causalAttention T %d, %s",
                  tokens,
                  spec);
        }
      }
    }
  }

  @Test
  default void causalAttentionWithoutItsLogSumExp() {
    AttentionSpec spec = AttentionSpec.of(4, 2, 16);
    kernels()
        .check(
            kernels().attentionTolerance(65),
            (b, o) ->
                b.attention()
                    .causalAttention(spec, o.normal(1, 65, 128), o.result(1, 65, 64), null),
            "causalAttention, nothing kept");
  }

  @Test
  default void causalAttentionOfLargeScores() {
    AttentionSpec spec = new AttentionSpec(2, 2, 32, 1);
    kernels()
        .check(
            // Scores of size 100 carry an error of 100 ulp into the exponent.
            100 * kernels().attentionTolerance(65),
            (b, o) ->
                b.attention()
                    .causalAttention(
                        spec,
                        o.normalAround(0, 4, 1, 65, 192),
                        o.result(1, 65, 64),
                        o.result(1, 2, 65)),
            "causalAttention of large scores");
  }

  @Test
  default void causalAttentionBackward() {
    for (int tokens : new int[] {1, 2, 63, 64, 65, 130}) {
      for (int headWidth : new int[] {4, 16, 32, 64, 80}) {
        for (int[] heads : heads()) {
          AttentionSpec spec = AttentionSpec.of(heads[0], heads[1], headWidth);
          kernels()
              .check(
                  2 * kernels().attentionTolerance(Math.max(tokens, headWidth)),
                  (b, o) -> {
                    NdArray qkv = o.normal(2, tokens, spec.packedWidth());
                    NdArray out = o.result(2, tokens, spec.outputWidth());
                    NdArray logSumExp = o.result(2, heads[0], tokens);
                    b.attention().causalAttention(spec, qkv, out, logSumExp);
                    b.attention()
                        .causalAttentionBackward(
                            spec,
                            qkv,
                            out,
                            logSumExp,
                            o.normal(2, tokens, spec.outputWidth()),
                            o.result(2, tokens, spec.packedWidth()));
                  },
                  "causalAttentionBackward T %d, %s",
                  tokens,
                  spec);
        }
      }
    }
  }

  @Test
  default void cachedAttentionExtendsAndReadsTheCache() {
    for (int headWidth : new int[] {4, 16, 32, 64, 80}) {
      for (int[] heads : heads()) {
        for (int tokens : new int[] {1, 5, 65}) {
          AttentionSpec spec = AttentionSpec.of(heads[0], heads[1], headWidth);
          int capacity = 140;
          kernels()
              .check(
                  kernels().attentionTolerance(capacity),
                  (b, o) ->
                      b.attention()
                          .cachedAttention(
                              spec,
                              o.normal(3, tokens, spec.packedWidth()),
                              o.both(3, heads[1], capacity, headWidth),
                              o.both(3, heads[1], capacity, headWidth),
                              o.integersOf(new int[] {0, 31, capacity - tokens}, 3),
                              o.result(3, tokens, spec.outputWidth())),
                  "cachedAttention T %d, %s",
                  tokens,
                  spec);
        }
      }
    }
  }

  @Test
  default void cachedAttentionRefusesMoreThanTheCacheHolds() {
    AttentionSpec spec = AttentionSpec.of(1, 1, 4);
    Operands o = new Operands(kernels().backend(), DType.F32, 0, 1);
    NdArray qkv = o.normal(1, 2, 12);
    NdArray keys = o.both(1, 1, 8, 4);
    NdArray values = o.both(1, 1, 8, 4);
    NdArray positions = o.integersOf(new int[] {7}, 1);
    NdArray out = o.result(1, 2, 4);
    assertThatThrownBy(
            () ->
                kernels()
                    .backend()
                    .attention()
                    .cachedAttention(spec, qkv, keys, values, positions, out))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "cachedAttention: the cache holds 8 tokens, got 2 new ones at position 7 of sequence"
                + " 0");
  }
}

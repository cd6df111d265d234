package dev.firesteel.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.backend.Precision;
import dev.firesteel.backend.cpu.CpuBackend;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class KernelsTest {
  static Stream<String> names() {
    return Stream.concat(Arrays.stream(Kernels.PRODUCTS), Arrays.stream(Kernels.OTHERS));
  }

  @ParameterizedTest
  @MethodSource("names")
  void runsAndTellsItsWork(String name) {
    try (CpuBackend backend = new CpuBackend(Precision.FP32, 2)) {
      for (TrainingShape shape :
          new TrainingShape[] {TrainingShape.TINY, TrainingShape.TINY_LLAMA}) {
        Kernels.create(name, shape, backend).accept(backend);
        KernelWork work = Kernels.work(name, shape, backend);
        assertThat(work.bytes()).isPositive();
        boolean multiplies = Arrays.asList(Kernels.PRODUCTS).contains(name);
        assertThat(work.flops() > 0).isEqualTo(multiplies);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("productsOfOneLayer")
  void countsTwoFlopsForEachMultipliedParameterAndToken(String name, long parameters) {
    TrainingShape shape = TrainingShape.TINY;
    try (CpuBackend backend = new CpuBackend(Precision.FP32, 1)) {
      assertThat(Kernels.work(name, shape, backend).flops())
          .isCloseTo(2.0 * parameters * shape.tokensPerStep(), within(0.5));
    }
  }

  static Stream<Arguments> productsOfOneLayer() {
    return Stream.of(
        Arguments.of("qkv", 3 * 64 * 64L),
        Arguments.of("up.dw", 4 * 64 * 64L),
        Arguments.of("down.dx", 4 * 64 * 64L),
        Arguments.of("head.loss", 3 * 257 * 64L),
        Arguments.of("head.tokens", 257 * 64L),
        Arguments.of("head.tokens.backward", 3 * 257 * 64L));
  }
}

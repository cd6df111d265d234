package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.backend.cpu.KernelWarmUp.Kernel;
import dev.firesteel.backend.cpu.VectorKernels.Part;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class KernelWarmUpTest {
  private static final Duration LONG = Duration.ofHours(1);

  private final List<String> notices = new ArrayList<>();
  private final List<Part> defined = new ArrayList<>();
  private long allocated;
  private long nanos;
  private long calls;

  @Test
  void aKernelThatAllocatesNothingAfterSomeCallsIsClean() {
    KernelWarmUp kernels = of(boxing(Part.NORMS, () -> calls < 700));

    assertThat(kernels.run(LONG, notices::add)).isTrue();

    assertThat(calls).isBetween(700L, 1000L);
    assertThat(defined).isEmpty();
    assertThat(notices).isEmpty();
  }

  @Test
  void aFewBytesACallAreNoVectorsOfALoop() {
    KernelWarmUp kernels = of(new Kernel("k", Part.NORMS, s -> allocated += 160));

    assertThat(kernels.run(LONG, notices::add)).isTrue();
    assertThat(defined).isEmpty();
  }

  @Test
  void whatTheLimitLeavesIsTakenUpByTheNextCall() {
    KernelWarmUp kernels = of(boxing(Part.NORMS, () -> calls < 5000));

    int runs = 1;
    while (!kernels.run(Duration.ofMillis(100), notices::add)) {
      runs++;
    }

    // 5,000 calls of a millisecond each.
    assertThat(runs).isBetween(45, 55);
    assertThat(defined).isEmpty();
    assertThat(notices).isEmpty();
  }

  @Test
  void aKernelThatStaysBadIsDefinedAgain() {
    KernelWarmUp kernels = of(boxing(Part.ATTENTION, () -> defined.isEmpty()));

    assertThat(kernels.run(LONG, notices::add)).isTrue();

    assertThat(defined).containsExactly(Part.ATTENTION);
    assertThat(kernels.version()).isEqualTo(1);
    assertThat(notices).isEmpty();
  }

  @Test
  void aKernelThatCannotBeHadCleanIsReportedOnceWithItsNumbers() {
    KernelWarmUp kernels = of(boxing(Part.ATTENTION, () -> true));

    assertThat(kernels.run(LONG, notices::add)).isTrue();
    assertThat(kernels.run(LONG, notices::add)).isTrue();

    assertThat(defined).containsExactly(Part.ATTENTION, Part.ATTENTION);
    assertThat(notices)
        .singleElement()
        .asString()
        .startsWith(
            "Kernels allocate memory in each call although the JIT compiled them 3 times (bytes per call: {k=3000})");
  }

  @Test
  void everyKernelOfTheVectorClassesIsAmongThem() {
    List<String> names =
        KernelWarmUp.all().stream()
            .map(kernel -> kernel.name().substring(kernel.name().indexOf('.') + 1))
            .toList();

    for (Class<?> kernels :
        List.of(
            Simd.class,
            ProductSimd.class,
            ElementwiseSimd.class,
            ActivationSimd.class,
            NormSimd.class,
            AttentionSimd.class)) {
      assertThat(
              Arrays.stream(kernels.getDeclaredMethods())
                  .filter(method -> method.getReturnType().isPrimitive())
                  .filter(method -> method.getParameterCount() > 1)
                  .map(Method::getName))
          .as(kernels.getSimpleName())
          .isSubsetOf(names);
    }
  }

  @Test
  void aClassDefinedAgainHasTheSameBits() {
    VectorKernels classes = new VectorKernels();
    Simd before = classes.create();
    for (Part part : Part.values()) {
      classes.defineAgain(part);
    }
    Simd after = classes.create();

    assertThat(after.getClass()).isNotEqualTo(before.getClass());
    assertThat(after.attention().getClass().isHidden()).isTrue();
    float[] a = new float[8 * 64];
    float[] b = new float[32 * 64];
    for (int i = 0; i < b.length; i++) {
      a[i % a.length] = (float) Math.sqrt(i);
      b[i] = 1f / (1 + i);
    }
    float[] one = new float[8 * 32];
    float[] two = new float[8 * 32];
    before.products().multiplyTile(a, 0, b, 0, 64, one, 0, 32, true);
    after.products().multiplyTile(a, 0, b, 0, 64, two, 0, 32, true);
    assertThat(two).isEqualTo(one);
    assertThat(after.exp(a, 0, 9f, one, 0, 200)).isEqualTo(before.exp(a, 0, 9f, two, 0, 200));
    assertThat(two).isEqualTo(one);
  }

  /**
   * C2 may distrust the profile of a method from which too many traps were taken, and inlined
   * methods count each time: then only what it knows for certain keeps vectors out of objects. That
   * was chance; here it is always so.
   */
  @Test
  void noKernelRestsOnTheProfileThatC2Trusts() throws Exception {
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    Process process =
        new ProcessBuilder(
                java.toString(),
                "--add-modules=jdk.incubator.vector",
                "-XX:PerMethodTrapLimit=0",
                "-cp",
                System.getProperty("java.class.path"),
                Report.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String report = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();

    assertThat(report).contains("classes defined again: 0", "done: true");
    assertThat(report).doesNotContain("Kernels allocate");
  }

  /** Warms all kernels up and prints what was found. */
  static final class Report {
    private Report() {}

    public static void main(String[] args) {
      KernelWarmUp kernels = KernelWarmUp.shared();
      long start = System.nanoTime();
      boolean done = false;
      while (!done && System.nanoTime() - start < 300_000_000_000L) {
        done = kernels.run(Duration.ofSeconds(1), System.out::println);
      }
      System.out.printf(
          Locale.ROOT,
          "classes defined again: %d, done: %s, seconds: %.1f%n",
          kernels.version(),
          done,
          (System.nanoTime() - start) / 1e9);
    }
  }

  private interface Condition {
    boolean holds();
  }

  private Kernel boxing(Part part, Condition boxes) {
    Consumer<Simd> call =
        simd -> {
          calls++;
          nanos += 1_000_000;
          allocated += boxes.holds() ? 3000 : 0;
        };
    return new Kernel("k", part, call);
  }

  private KernelWarmUp of(Kernel... kernels) {
    return new KernelWarmUp(
        Stream.of(kernels).toList(), ScalarSimd::new, defined::add, () -> allocated, () -> nanos);
  }
}

package dev.firesteel.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendContract;
import dev.firesteel.backend.Packed;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The contract of all backends, on the first OpenCL device of this machine. */
class OpenClBackendTest extends BackendContract {
  private OpenClBackend tested;

  @Override
  protected Backend createBackend() {
    tested = OpenClSupport.open();
    return tested;
  }

  @ParameterizedTest
  @EnumSource(ProductTile.class)
  void productsOfEveryTile(ProductTile tile) {
    tested.use(ProductTiles.all(tile));
    try {
      checkProducts();
    } finally {
      tested.use(ProductTiles.FIXED);
    }
  }

  @Test
  void everyTileGivesTheSameBits() {
    // The inner dimensions: chains end within a tile's depth, at its end, after the first step.
    for (int inner : new int[] {1, 8, 24, 207}) {
      float[] expected = product(ProductTile.MEDIUM, inner);
      for (ProductTile tile : ProductTile.values()) {
        assertThat(product(tile, inner)).as("%s, inner %s", tile, inner).isEqualTo(expected);
      }
    }
  }

  /** Of [130, inner] and [70, inner] values, of which some products vanish below zero. */
  private static float[] product(ProductTile tile, int inner) {
    try (OpenClBackend backend = OpenClSupport.open()) {
      backend.use(ProductTiles.all(tile));
      NdArray x = uploaded(backend, inner, 130, inner);
      NdArray w = uploaded(backend, -inner, 70, inner);
      NdArray y = array(backend, 130 * 70).reshape(Shape.of(130, 70));
      backend.products().linear(x, w, null, Activation.IDENTITY, null, y);
      float[] result = new float[130 * 70];
      backend.download(y, result, 0);
      return result;
    }
  }

  private static NdArray uploaded(OpenClBackend backend, int seed, int rows, int columns) {
    RandomGenerator random = new SplittableRandom(seed);
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      // The last row's products are all below the smallest float.
      values[i] = (float) (random.nextGaussian() * (i / columns == rows - 1 ? 1e-30 : 1));
    }
    NdArray array = array(backend, values.length).reshape(Shape.of(rows, columns));
    backend.upload(values, 0, array);
    return array;
  }

  @Test
  void aDeviceOnTheCpuIsNotMeasured() {
    OpenClSupport.open().close();
    assumeTrue(OpenClDevices.list().get(0).type().equals("CPU"));
    try (OpenClBackend backend = OpenClBackend.tuned("0")) {
      assertThat(backend.tiles()).isEqualTo(ProductTiles.FIXED);
      assertThat(backend.launches()).isZero();
    }
    assertThat(OpenClDevices.list().get(0).products()).isEqualTo("products in fixed tiles");
  }

  @Test
  void measuresTilesAndGivesTheMemoryBack() {
    try (OpenClBackend backend = OpenClSupport.open()) {
      for (ProductTile tile : ProductTile.values()) {
        assertThat(ProductTuner.seconds(backend, ProductShape.THIN, tile)).isPositive();
        assertThat(backend.tiles()).isEqualTo(ProductTiles.all(tile));
      }
      int half = (1 << 23) + (1 << 22);
      assertThat(DeviceFloats.of(array(backend, half)).arena()).isZero();
    }
  }

  @Test
  void measuresThePeak() {
    try (OpenClBackend backend = OpenClSupport.open()) {
      assertThat(backend.peakFlopsPerSecond()).isPositive().isFinite();
    }
  }

  @Test
  void contentStaysOnTheDeviceThroughCollectionsAndNewArenas() {
    try (OpenClBackend backend = OpenClSupport.open()) {
      NdArray kept = array(backend, 1000);
      float[] values = new float[1000];
      for (int i = 0; i < values.length; i++) {
        values[i] = i;
      }
      backend.upload(values, 0, kept);
      for (int n = 0; n < 3; n++) {
        // Larger than what is left of the arenas, so that each opens another.
        NdArray more = array(backend, (1 << 24) << n);
        backend.fill(more, n);
        System.gc();
      }
      backend.elementwise().scale(2, kept, kept);
      float[] got = new float[1000];
      backend.download(kept, got, 0);
      for (int i = 0; i < values.length; i++) {
        assertThat(got[i]).isEqualTo(2f * i);
      }
    }
  }

  @Test
  void countsWhatCrossesOver() {
    try (OpenClBackend backend = OpenClSupport.open()) {
      NdArray x = array(backend, 100);
      long launches = backend.launches();
      long up = backend.bytesUploaded();
      backend.elementwise().scale(2, x, x);
      assertThat(backend.launches()).isEqualTo(launches + 1);
      assertThat(backend.bytesUploaded()).isEqualTo(up);
      backend.upload(new int[] {1}, 0, new NdArray(backend.allocate(DType.I32, 1), 0, Shape.of(1)));
      backend.elementwise().scale(2, x, x);
      backend.elementwise().scale(2, x, x);
      assertThat(backend.bytesUploaded() - up).as("all integers, once").isEqualTo(4 * 4096);
      assertThat(backend.bytesDownloaded()).isZero();
      backend.download(x, new float[100], 0);
      assertThat(backend.bytesDownloaded()).isEqualTo(4 * (1024 + DeviceKernel.ARENAS));
    }
  }

  @Test
  void refusesHeadsThatAreTooWide() {
    try (OpenClBackend backend = OpenClSupport.open()) {
      AttentionSpec spec = AttentionSpec.of(1, 1, 257);
      NdArray qkv = array(backend, 3 * 257).reshape(Shape.of(1, 1, 3 * 257));
      NdArray ranges = new NdArray(backend.allocate(DType.I32, 2), 0, Shape.of(1, 1, 2));
      backend.upload(new int[] {0, 1}, 0, ranges);
      NdArray out = array(backend, 257).reshape(Shape.of(1, 1, 257));
      assertThatThrownBy(() -> Packed.forward(backend, spec, qkv, ranges, out, null))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "backend opencl needs heads of a width of at most 256, got 257; use more heads, or the"
                  + " backend cpu");
    }
  }

  /**
   * Takes all memory of a device, prints why it gets no more, and whether what it has is still
   * there; for {@link #saysWhenTheDevicesMemoryIsUsedUp}.
   */
  static final class Filling {
    /** Floats; with its surroundings 64 MiB, the first arena. */
    private static final int BLOCK = (1 << 24) - 32;

    public static void main(String[] arguments) {
      try (OpenClBackend backend = new OpenClBackend("")) {
        List<NdArray> blocks = new ArrayList<>();
        try {
          while (true) {
            NdArray block = array(backend, BLOCK);
            blocks.add(block);
            backend.fill(block, blocks.size());
          }
        } catch (UserException e) {
          System.out.println(e.getMessage());
        }
        float[] last = new float[1];
        for (NdArray block : blocks) {
          backend.download(block.slice(BLOCK - 1, BLOCK), last, 0);
          System.out.print(last[0] + " ");
        }
        backend.free(blocks.get(0).storage());
        System.out.println(DeviceFloats.of(array(backend, BLOCK)).arena());
      }
    }
  }

  @Test
  void saysWhenTheDevicesMemoryIsUsedUp() throws IOException, InterruptedException {
    OpenClSupport.open().close();
    assumeTrue(
        OpenClDevices.list().get(0).platform().startsWith("Portable Computing Language"),
        "only PoCL can be told how much memory to have");
    List<String> lines =
        output(Filling.class, Map.of("POCL_MEMORY_LIMIT", "1"), "-XX:+UseG1GC", "-Xmx2g");
    assertThat(lines.get(0))
        .matches(
            "backend opencl needs 64 MiB more in one piece; device .+ has 1024 MiB, of which 1023"
                + " are in use and 0 are in smaller pieces; take a smaller"
                + " training.micro_batch_size, or compute.recompute");
    assertThat(lines.get(1))
        .isEqualTo("1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0 10.0 11.0 12.0 13.0 14.0 15.0 16.0 0");
  }

  @Test
  void saysWhenTheHeapIsUsedUp() throws IOException, InterruptedException {
    OpenClSupport.open().close();
    List<String> lines = output(Filling.class, Map.of(), "-XX:+UseG1GC", "-Xmx400m");
    assertThat(lines.get(0))
        .matches(
            "backend opencl needs 256 MiB of Java heap for the same amount of memory on device .+, and the"
                + " heap has at most 400 MiB; increase it with -Xmx or the executor's memory");
    assertThat(lines.get(1)).isEqualTo("1.0 2.0 3.0 4.0 0");
  }

  /** Opens a backend and prints why it could not; for {@link #refusesOtherCollectors}. */
  static final class Opening {
    public static void main(String[] arguments) {
      try {
        new OpenClBackend("").close();
      } catch (UserException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  @Test
  void refusesOtherCollectors() throws IOException, InterruptedException {
    assertThat(output(Opening.class, Map.of(), "-XX:+UseSerialGC", "-Xmx256m").get(0))
        .startsWith("backend opencl needs the garbage collector G1, since others move")
        .endsWith("got Copy, MarkSweepCompact; start the JVM with -XX:+UseG1GC");
  }

  /** What a class prints in a JVM of its own. */
  private static List<String> output(
      Class<?> main, Map<String, String> environment, String... options)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(System.getProperty("java.home") + "/bin/java");
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.lines().toList();
  }

  @Test
  void refusesADeviceThatIsNotThere() {
    OpenClSupport.open().close();
    for (String choice : new String[] {"no such device", "999"}) {
      assertThatThrownBy(() -> new OpenClBackend(choice))
          .isInstanceOf(UserException.class)
          .hasMessageStartingWith(
              "compute.device must be the index of an OpenCL device or a part of one"
                  + " name, got "
                  + choice
                  + ", which is none; there are 0: ");
    }
  }

  @Test
  void countsGpusApart() {
    OpenClSupport.open().close();
    List<String> gpus =
        OpenClDevices.list().stream()
            .filter(device -> device.type().equals("GPU"))
            .map(OpenClDevices.Description::name)
            .toList();
    for (int i = 0; i < gpus.size(); i++) {
      assertThat(OpenClDevices.choose(OpenClDevices.gpu(i)).getName()).isEqualTo(gpus.get(i));
    }
    assertThatThrownBy(() -> OpenClDevices.choose(OpenClDevices.gpu(gpus.size())))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            "gpu:%d must be one of the GPUs that OpenCL lists on this machine, counted from gpu:0,"
                    .formatted(gpus.size())
                + " and it lists %d of them; there are 0: ".formatted(gpus.size()));
  }

  @Test
  void takesADeviceByItsIndexOrName() {
    try (OpenClBackend first = OpenClSupport.open("0");
        OpenClBackend named = new OpenClBackend(OpenClDevices.list().get(0).name())) {
      assertThat(named.description()).isEqualTo(first.description()).startsWith("opencl: ");
    }
  }

  private static NdArray array(OpenClBackend backend, int size) {
    return new NdArray(backend.allocate(DType.F32, size), 0, Shape.of(size));
  }
}

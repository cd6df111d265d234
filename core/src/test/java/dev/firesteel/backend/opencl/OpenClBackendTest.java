package dev.firesteel.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendContract;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The contract of all backends, on the first OpenCL device of this machine. */
class OpenClBackendTest extends BackendContract {
  @Override
  protected Backend createBackend() {
    return OpenClSupport.open();
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
      backend.scale(2, kept, kept);
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
      backend.scale(2, x, x);
      assertThat(backend.launches()).isEqualTo(launches + 1);
      assertThat(backend.bytesUploaded()).isEqualTo(up);
      backend.upload(new int[] {1}, 0, new NdArray(backend.allocate(DType.I32, 1), 0, Shape.of(1)));
      backend.scale(2, x, x);
      backend.scale(2, x, x);
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
      NdArray out = array(backend, 257).reshape(Shape.of(1, 1, 257));
      assertThatThrownBy(() -> backend.causalAttention(spec, qkv, out, null))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "backend opencl needs heads of a width of at most 256, got 257; take more heads, or"
                  + " backend cpu");
    }
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
    Process process =
        new ProcessBuilder(
                System.getProperty("java.home") + "/bin/java",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                Opening.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isZero();
    assertThat(output)
        .startsWith("backend opencl needs the garbage collector G1, since others move")
        .contains("got Copy, MarkSweepCompact; start the JVM with -XX:+UseG1GC");
  }

  @Test
  void refusesADeviceThatIsNotThere() {
    OpenClSupport.open().close();
    for (String choice : new String[] {"no such device", "999"}) {
      assertThatThrownBy(() -> new OpenClBackend(choice))
          .isInstanceOf(UserException.class)
          .hasMessageStartingWith(
              "compute.device, or --device, must be the index of an OpenCL device or a part of one"
                  + " name, got "
                  + choice
                  + ", which is none; there are 0: ");
    }
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

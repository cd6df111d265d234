package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A run that is to go on on a device whose driver is missing or broken: it ends with a sentence,
 * goes on nowhere else, and keeps all that it had. PoCL is told to be broken by its environment.
 */
class BrokenOpenClIT {
  private static final String NAME = "run";

  @TempDir private static Path folder;
  private static TinyTraining runs;
  private static Map<String, String> before;

  @BeforeAll
  static void trainOnTheCpu() throws Exception {
    assumeTrue(
        OpenClSupport.hasOnly(
            device -> device.platform().startsWith("Portable Computing Language")),
        "needs PoCL, and no other OpenCL device; see .ci/run");
    runs = TinyTraining.in(folder, 10);
    TinyTraining.Ended ended = runs.run(NAME, "schedule.kind=constant");
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    before = runs.result(NAME);
  }

  @AfterAll
  static void endProcesses() {
    if (runs != null) {
      runs.endProcesses();
    }
  }

  @Test
  void noLibrary() throws Exception {
    Path damaged = Files.createDirectories(folder.resolve("lib"));
    Files.writeString(damaged.resolve("libOpenCL.so.1"), "no library");
    assertRefused(
        Map.of("LD_LIBRARY_PATH", damaged.toString()),
        "backend opencl needs an OpenCL library, and none could be loaded; install the driver of"
            + " the GPU, or for trials on the CPU PoCL \\(apt-get install pocl-opencl-icd\\); .*");
  }

  @Test
  void noDevice() throws Exception {
    assertRefused(
        Map.of("OCL_ICD_VENDORS", folder.resolve("none").toString()),
        "backend opencl needs an OpenCL device, and the OpenCL library lists none; install .*");
  }

  @Test
  void groupsTooSmall() throws Exception {
    assertRefused(
        Map.of("POCL_MAX_WORK_GROUP_SIZE", "128"),
        "backend opencl needs a device with groups of 256 work-items and 16 KiB of local memory,"
            + " got .* with 128 and .* KiB; choose another one by compute.device");
  }

  @Test
  void driverThatFailsToBuild() throws Exception {
    assertRefused(
        Map.of(
            "POCL_EXTRA_BUILD_FLAGS",
            "-Dget_group_id=missing",
            "POCL_CACHE_DIR",
            folder.resolve("cache").toString()),
        "OpenCL device .* failed to build or run operation .*; look at its driver's log, .*");
  }

  private static void assertRefused(Map<String, String> environment, String sentence)
      throws Exception {
    Process process =
        runs.start(
            NAME,
            environment,
            "schedule.kind=constant",
            "training.steps=20",
            "compute.backend=opencl");
    TinyTraining.Ended ended = runs.await(NAME, process);

    List<String> ours = ended.err().lines().filter(line -> line.startsWith("firesteel: ")).toList();
    assertThat(ours).as(ended.err()).singleElement().asString().matches("firesteel: " + sentence);
    assertThat(ended.err()).doesNotContain("\tat ");
    assertThat(ended.exitCode()).isEqualTo(1);
    assertThat(runs.result(NAME)).isEqualTo(before);
  }
}

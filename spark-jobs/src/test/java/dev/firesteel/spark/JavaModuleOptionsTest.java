package dev.firesteel.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.util.List;
import org.apache.spark.launcher.JavaModuleOptions;
import org.junit.jupiter.api.Test;

class JavaModuleOptionsTest {
  @Test
  void theOptionsFileHoldsWhatSparkGivesToItsOwnProcesses() {
    List<String> ofThisJvm = ManagementFactory.getRuntimeMXBean().getInputArguments();

    assertThat(ofThisJvm).contains(JavaModuleOptions.defaultModuleOptionArray());
  }

  @Test
  void testsRunWithOneOpenMpThread() {
    assertThat(System.getenv("OMP_NUM_THREADS")).isEqualTo("1");
  }
}

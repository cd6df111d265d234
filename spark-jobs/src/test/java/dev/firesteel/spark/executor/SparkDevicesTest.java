package dev.firesteel.spark.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.ComputeConfig;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SparkDevicesTest {
  private static ComputeConfig compute(String... keys) {
    List<String> all = new ArrayList<>(List.of("data.source=none"));
    all.addAll(List.of(keys));
    return ConfigLoader.load(PretrainConfig.class, all).compute();
  }

  private static String choice(List<String> addresses, String... keys) {
    return SparkDevices.choice(addresses, compute(keys));
  }

  @Test
  void anAddressIsAnIndexAmongTheGpus() {
    assertThat(choice(List.of("0"), "compute.backend=opencl")).isEqualTo("gpu:0");
    assertThat(choice(List.of("3"), "compute.backend=opencl")).isEqualTo("gpu:3");
  }

  @Test
  void withoutAddressesTheConfigurationChooses() {
    assertThat(choice(List.of(), "compute.backend=opencl")).isEmpty();
    assertThat(choice(List.of(), "compute.backend=opencl", "compute.device=1")).isEqualTo("1");
  }

  @Test
  void otherBackendsTakeNoDevice() {
    assertThat(choice(List.of("0", "1"), "compute.backend=cpu")).isEmpty();
  }

  @Test
  void refusesSeveralAddresses() {
    assertThatThrownBy(() -> choice(List.of("0", "1"), "compute.backend=opencl"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "a trainer takes one GPU, got the addresses 0, 1; set spark.task.resource.gpu.amount"
                + " and spark.executor.resource.gpu.amount to 1");
  }

  @Test
  void refusesADeviceBesidesAddresses() {
    assertThatThrownBy(
            () -> choice(List.of("0"), "compute.backend=opencl", "compute.device=GeForce"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "compute.device must be left out where Spark hands out GPUs"
                + " (spark.task.resource.gpu.amount), got GeForce and the address 0; leave out one"
                + " of them");
  }

  @Test
  void refusesAddressesThatAreNoIndex() {
    for (String address : new String[] {"GPU-7c1a", "-1", "", "99999999999"}) {
      assertThatThrownBy(() -> choice(List.of(address), "compute.backend=opencl"))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "the address of a GPU must be its index on the host, as 0, got "
                  + address
                  + "; make spark.executor.resource.gpu.discoveryScript report indices");
    }
  }
}

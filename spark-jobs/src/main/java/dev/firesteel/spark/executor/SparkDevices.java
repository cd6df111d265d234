package dev.firesteel.spark.executor;

import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.opencl.OpenClDevices;
import dev.firesteel.config.ComputeConfig;
import dev.firesteel.error.UserException;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/**
 * The device that a rank uses if Spark assigns GPUs: the resource {@code gpu} of its task, whose
 * addresses are indices of the host's GPUs, as printed by Spark's own discovery script.
 */
final class SparkDevices {
  private static final String RESOURCE = "gpu";
  private static final Pattern INDEX = Pattern.compile("[0-9]{1,9}");

  private SparkDevices() {}

  /** The addresses of a task's GPUs; none if Spark does not assign them. */
  static List<String> addresses(TaskContext task) {
    ResourceInformation gpus = task.resourcesJMap().get(RESOURCE);
    return gpus == null ? List.of() : List.of(gpus.addresses());
  }

  /**
   * The device for the backend: {@code compute.device}, or the GPU at the task's only address.
   * Backends other than opencl need none.
   *
   * @throws UserException when there are several addresses, when one is not an index, or when
   *     {@code compute.device} is set as well
   */
  static String choice(List<String> addresses, ComputeConfig compute) {
    if (compute.backend() != BackendKind.OPENCL || addresses.isEmpty()) {
      return compute.device();
    }
    if (!compute.device().isEmpty()) {
      throw UserException.usage(
          "compute.device must be left out where Spark hands out GPUs"
              + " (spark.task.resource.gpu.amount), got "
              + compute.device()
              + " and the address "
              + String.join(", ", addresses)
              + "; leave out one of them");
    }
    if (addresses.size() != 1) {
      throw UserException.usage(
          "a trainer takes one GPU, got the addresses "
              + String.join(", ", addresses)
              + "; set spark.task.resource.gpu.amount and spark.executor.resource.gpu.amount to 1");
    }
    String address = addresses.get(0);
    if (!INDEX.matcher(address).matches()) {
      throw UserException.usage(
          "the address of a GPU must be its index on the host, as 0, got "
              + address
              + "; make spark.executor.resource.gpu.discoveryScript report indices");
    }
    return OpenClDevices.gpu(Integer.parseInt(address));
  }
}

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
 * Which device a trainer takes where Spark hands out GPUs: the resource {@code gpu} of its task,
 * whose addresses are indices of the host's GPUs, as Spark's own discovery script tells them.
 */
final class SparkDevices {
  private static final String RESOURCE = "gpu";
  private static final Pattern INDEX = Pattern.compile("[0-9]{1,9}");

  private SparkDevices() {}

  /** The addresses of the GPUs that a task has; none where Spark does not hand them out. */
  static List<String> addresses(TaskContext task) {
    ResourceInformation gpus = task.resourcesJMap().get(RESOURCE);
    return gpus == null ? List.of() : List.of(gpus.addresses());
  }

  /**
   * The choice of the backend's device: {@code compute.device}, or the GPU at the one address of
   * the task. Other backends than opencl need none.
   *
   * @throws UserException when there are several addresses, when one is no index, or when {@code
   *     compute.device} is given besides
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
              + "; let spark.executor.resource.gpu.discoveryScript tell indices");
    }
    return OpenClDevices.gpu(Integer.parseInt(address));
  }
}

package dev.firesteel.backend.opencl;

import com.aparapi.device.Device;
import com.aparapi.device.OpenCLDevice;
import com.aparapi.internal.opencl.OpenCLLoader;
import com.aparapi.internal.opencl.OpenCLPlatform;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The OpenCL devices of this machine. */
public final class OpenClDevices {
  private static final String GPU = "gpu:";

  private static final String NO_LIBRARY =
      "backend opencl needs an OpenCL library, and none could be loaded; install the driver of the"
          + " GPU, or for trials on the CPU PoCL (apt-get install pocl-opencl-icd); if there is one,"
          + " see whether programs may run from java.io.tmpdir, where Aparapi unpacks its own";

  private OpenClDevices() {}

  /**
   * A device as presented to users.
   *
   * @param index index accepted by {@code compute.device}
   * @param name the driver's name of the device
   * @param platform the driver's name and version
   * @param type GPU, CPU or ACC
   * @param memoryBytes global memory
   * @param localMemoryBytes local memory of a group
   * @param computeUnits processors
   * @param products how matmuls are tiled, and whether that was measured
   */
  public record Description(
      int index,
      String name,
      String platform,
      String type,
      long memoryBytes,
      long localMemoryBytes,
      int computeUnits,
      String products) {}

  /**
   * All devices, in the order of the platforms.
   *
   * @throws UserException if there is no OpenCL library
   */
  public static List<Description> list() {
    List<OpenCLDevice> devices = devices();
    List<Description> descriptions = new ArrayList<>();
    for (int i = 0; i < devices.size(); i++) {
      OpenCLDevice device = devices.get(i);
      OpenCLPlatform platform = device.getOpenCLPlatform();
      descriptions.add(
          new Description(
              i,
              device.getName(),
              platform.getName() + ", " + platform.getVersion(),
              device.getType().toString(),
              device.getGlobalMemSize(),
              device.getLocalMemSize(),
              device.getMaxComputeUnits(),
              products(device)));
    }
    return descriptions;
  }

  private static String products(OpenCLDevice device) {
    if (!isTunable(device)) {
      return "products in fixed tiles";
    }
    return TuningFile.of(device)
        .read()
        .map(tiles -> "products in measured tiles, " + tiles)
        .orElse("products not measured yet");
  }

  /** Whether tiles are measured: on a CPU measuring costs more than it gains. */
  static boolean isTunable(OpenCLDevice device) {
    return device.getType() != Device.TYPE.CPU;
  }

  /** The choice of a GPU by its index among GPUs only, as cluster managers count them. */
  public static String gpu(int index) {
    return GPU + index;
  }

  /**
   * The device with an index, a part of a name or a choice from {@link #gpu}; for an empty choice
   * the first GPU, or else the first device.
   *
   * @throws UserException if there is none, or more than one with that name
   */
  static OpenCLDevice choose(String choice) {
    List<OpenCLDevice> devices = devices();
    if (devices.isEmpty()) {
      throw UserException.failure(
          "backend opencl needs an OpenCL device, and the OpenCL library lists none; install the"
              + " driver of the GPU, or for trials on the CPU PoCL (apt-get install"
              + " pocl-opencl-icd)");
    }
    if (choice.startsWith(GPU)) {
      return required(gpu(choice, devices));
    }
    List<OpenCLDevice> found = new ArrayList<>();
    for (int i = 0; i < devices.size(); i++) {
      OpenCLDevice device = devices.get(i);
      String name = device.getName().toLowerCase(Locale.ROOT);
      if (choice.equals(String.valueOf(i))) {
        return required(device);
      }
      if (choice.isEmpty()
          ? device.getType() == Device.TYPE.GPU
          : name.contains(choice.toLowerCase(Locale.ROOT))) {
        found.add(device);
      }
    }
    if (choice.isEmpty()) {
      return required(found.isEmpty() ? devices.get(0) : found.get(0));
    }
    if (found.size() == 1) {
      return required(found.get(0));
    }
    throw UserException.usage(
        "compute.device must be the index of an OpenCL device or a part of one name,"
            + " got "
            + choice
            + (found.isEmpty() ? ", which is none; there are " : ", which fits several; there are ")
            + names(devices));
  }

  private static OpenCLDevice gpu(String choice, List<OpenCLDevice> devices) {
    List<OpenCLDevice> gpus =
        devices.stream().filter(device -> device.getType() == Device.TYPE.GPU).toList();
    for (int i = 0; i < gpus.size(); i++) {
      if (choice.equals(gpu(i))) {
        return gpus.get(i);
      }
    }
    throw UserException.failure(
        choice
            + " must be one of the GPUs that OpenCL lists on this machine, counted from gpu:0, and"
            + " it lists "
            + gpus.size()
            + " of them; there are "
            + names(devices));
  }

  private static String names(List<OpenCLDevice> devices) {
    return devices.stream()
        .map(device -> devices.indexOf(device) + ": " + device.getName())
        .collect(Collectors.joining("; "));
  }

  /** The device, if it can run our kernel. */
  private static OpenCLDevice required(OpenCLDevice device) {
    if (device.getMaxWorkGroupSize() < DeviceKernel.GROUP
        || device.getLocalMemSize() < DeviceKernel.SHARED * Float.BYTES) {
      throw UserException.failure(
          "backend opencl needs a device with groups of "
              + DeviceKernel.GROUP
              + " work-items and "
              + DeviceKernel.SHARED * Float.BYTES / 1024
              + " KiB of local memory, got "
              + device.getName()
              + " with "
              + device.getMaxWorkGroupSize()
              + " and "
              + device.getLocalMemSize() / 1024
              + " KiB; choose another one by compute.device");
    }
    return device;
  }

  /** Synchronized, because Aparapi's first call of the library is not thread-safe. */
  static synchronized List<OpenCLDevice> devices() {
    AparapiSettings.apply();
    if (!OpenCLLoader.isOpenCLAvailable()) { // Aparapi would return an empty list without an error.
      throw UserException.failure(NO_LIBRARY);
    }
    return OpenCLDevice.listDevices(null);
  }
}

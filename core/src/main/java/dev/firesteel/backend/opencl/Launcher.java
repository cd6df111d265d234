package dev.firesteel.backend.opencl;

import com.aparapi.Range;
import com.aparapi.device.OpenCLDevice;
import com.aparapi.internal.kernel.KernelManager;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.error.UserException;
import java.util.LinkedHashSet;

/**
 * The single {@link DeviceKernel} of a backend: sets the operands of its next launch, launches it,
 * and holds the device's memory.
 */
final class Launcher {
  /** Groups of an elementwise launch for each compute unit; its items process several elements. */
  private static final int GROUPS_PER_UNIT = 8;

  /** First in each arena, on the device alone: the Java array behind it holds 0 there. */
  static final float CANARY = 0x1.3579bdp5f;

  private static final float GELU_LINEAR = (float) (2 * Math.sqrt(2 / Math.PI));

  private final OpenCLDevice device;
  private final int mostGroups;
  private final DeviceKernel kernel = new DeviceKernel();
  private final DeviceMemory memory;
  private boolean integersChanged = true;
  private long bytesUp;
  private long launches;
  private boolean launched; // at least once without failure

  Launcher(OpenCLDevice device) {
    this.device = device;
    preferAllDevices();
    mostGroups = GROUPS_PER_UNIT * device.getMaxComputeUnits();
    kernel.setExplicit(true);
    memory =
        new DeviceMemory(
            kernel, device.getName(), device.getGlobalMemSize(), device.getMaxMemAllocSize());
  }

  /**
   * After a failure Aparapi disables a device for the whole JVM; this allows a later trainer to try
   * again.
   */
  private void preferAllDevices() {
    KernelManager.instance()
        .setPreferredDevices(kernel, new LinkedHashSet<>(OpenClDevices.devices()));
  }

  DeviceKernel kernel() {
    return kernel;
  }

  DeviceMemory memory() {
    return memory;
  }

  /** Groups that occupy the whole device. */
  int mostGroups() {
    return mostGroups;
  }

  /** Bytes of ids copied to the device so far. */
  long bytesUp() {
    return bytesUp;
  }

  /** Launches so far. */
  long launches() {
    return launches;
  }

  /** A block on the device, with the mark of {@link #CANARY} in a new arena. */
  DeviceFloats floats(long size) {
    int before = memory.arenas();
    DeviceFloats block = memory.allocateFloats(size);
    if (memory.arenas() > before) {
      kernel.operand(0, before, 0);
      kernel.factor0 = CANARY;
      elementwise(DeviceKernel.FILL, 1);
    }
    return block;
  }

  DeviceIntegers allocateIntegers(long size) {
    return memory.allocateIntegers(size);
  }

  void free(DeviceFloats block) {
    memory.free(block);
  }

  void free(DeviceIntegers block) {
    memory.free(block);
  }

  /** Makes the next launch copy the integers to the device. */
  void integersChanged() {
    integersChanged = true;
  }

  void close() {
    // If the program was not built, Aparapi would release objects that it never created and crash
    // the JVM.
    if (launched || launches == 0) {
      kernel.dispose();
    }
  }

  /** Sets an array as operand n of the next launch. */
  void operand(int n, NdArray array) {
    operand(n, array, 0);
  }

  /** Sets an array as operand n, starting at an element. */
  void operand(int n, NdArray array, int start) {
    DeviceFloats block = DeviceFloats.of(array);
    kernel.operand(n, block.arena(), block.offset() + Math.toIntExact(array.offset()) + start);
  }

  void operand(int n, DeviceFloats block) {
    kernel.operand(n, block.arena(), block.offset());
  }

  /** Sets an array that the launch writes. */
  void result(int n, NdArray array) {
    result(n, array, 0);
  }

  void result(int n, NdArray array, int start) {
    operand(n, array, start);
    array.storage().markWritten();
  }

  void result(int n, NdArray array, Write write) {
    result(n, array);
    kernel.adds = write == Write.ADD ? 1 : 0;
  }

  /** Sets the activation function of the launch. */
  void activation(Activation f) {
    switch (f) {
      case IDENTITY -> kernel.activation = DeviceKernel.IDENTITY;
      case GELU_TANH -> {
        kernel.activation = DeviceKernel.SIGMOID_GATED;
        kernel.linear = GELU_LINEAR;
        kernel.cubic = GELU_LINEAR * 0.044715f;
      }
      case SILU -> {
        kernel.activation = DeviceKernel.SIGMOID_GATED;
        kernel.linear = 1;
        kernel.cubic = 0;
      }
      case GELU_ERF -> kernel.activation = DeviceKernel.NORMAL_GATED;
      default -> throw new IllegalArgumentException("unknown activation " + f);
    }
  }

  /** Sets the sizes of the launch, in the order in which {@link DeviceKernel} reads them. */
  void sizes(int... sizes) {
    for (int i = 0; i < sizes.length; i++) {
      switch (i) {
        case 0 -> kernel.size0 = sizes[i];
        case 1 -> kernel.size1 = sizes[i];
        case 2 -> kernel.size2 = sizes[i];
        case 3 -> kernel.size3 = sizes[i];
        case 4 -> kernel.size4 = sizes[i];
        case 5 -> kernel.size5 = sizes[i];
        case 6 -> kernel.size6 = sizes[i];
        case 7 -> kernel.size7 = sizes[i];
        case 8 -> kernel.size8 = sizes[i];
        case 9 -> kernel.size9 = sizes[i];
        case 10 -> kernel.size10 = sizes[i];
        case 11 -> kernel.size11 = sizes[i];
        default -> kernel.size12 = sizes[i];
      }
    }
  }

  /** Launches for the elements that the first size counts. */
  void elementwise(int op, int... sizes) {
    sizes(sizes);
    launchOver(op, sizes[0]);
  }

  /** Launches with an item for each of {@code count} elements, or for several. */
  void launchOver(int op, int count) {
    launch(op, Math.min(mostGroups, ceilDiv(count, DeviceKernel.GROUP)));
  }

  /** Launches groups and waits for them; afterwards operands and the add flag are reset. */
  void launch(int op, int groups) {
    try {
      if (groups > 0) {
        execute(op, groups);
      }
    } finally {
      for (int n = 0; n < 8; n++) {
        kernel.operand(n, -1, 0);
      }
      kernel.adds = 0;
      kernel.activation = DeviceKernel.IDENTITY;
    }
  }

  private void execute(int op, int groups) {
    if (integersChanged) {
      kernel.put(kernel.integers);
      bytesUp += (long) kernel.integers.length * Integer.BYTES;
      integersChanged = false;
    }
    kernel.op = op;
    launches++;
    try {
      kernel.execute(
          Range.create(device, Math.multiplyExact(groups, DeviceKernel.GROUP), DeviceKernel.GROUP));
      launched = true;
    } catch (AssertionError | RuntimeException e) {
      // Aparapi would fall back to another device; the range allows only ours, so it fails instead.
      preferAllDevices();
      throw UserException.failure(
          "OpenCL device "
              + device.getName()
              + " failed to build or run operation "
              + op
              + " on "
              + groups
              + " groups; look at its driver's log, free memory on the device or choose another"
              + " one by compute.device",
          e);
    }
  }

  /** The number of elements. */
  static int size(NdArray array) {
    return Math.toIntExact(array.size());
  }

  static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }
}

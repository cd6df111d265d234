package dev.firesteel.backend.opencl;

import static dev.firesteel.backend.opencl.Launcher.size;

import dev.firesteel.array.NdArray;
import dev.firesteel.error.UserException;

/** Copies between Java arrays and the device, through staging arrays of a few sizes. */
final class Staging {
  /** Sizes of staging arrays in floats; the smallest sufficient one is used. */
  private static final int[] STAGING = {1 << 10, 1 << 14, 1 << 18};

  private static final int MOST_STAGED = STAGING[STAGING.length - 1];

  private final Launcher launcher;
  private final DeviceKernel kernel;
  private final float[][] stagings = new float[STAGING.length][]; // each created when first needed
  private long bytesUp;
  private long bytesDown;

  Staging(Launcher launcher) {
    this.launcher = launcher;
    kernel = launcher.kernel();
    stagingFor(0);
  }

  /** Bytes copied to the device so far. */
  long bytesUp() {
    return bytesUp;
  }

  /** Bytes copied from the device so far. */
  long bytesDown() {
    return bytesDown;
  }

  void upload(float[] source, int offset, NdArray to) {
    int size = size(to);
    for (int start = 0; start < size; start += MOST_STAGED) {
      int count = Math.min(MOST_STAGED, size - start);
      System.arraycopy(source, offset + start, stagingFor(count), 0, count);
      stageIn(to, start, count);
    }
  }

  void upload(double[] source, int offset, NdArray to) {
    int size = size(to);
    for (int start = 0; start < size; start += MOST_STAGED) {
      int count = Math.min(MOST_STAGED, size - start);
      float[] staging = stagingFor(count);
      for (int i = 0; i < count; i++) {
        staging[i] = (float) source[offset + start + i];
      }
      stageIn(to, start, count);
    }
  }

  void upload(int[] source, int offset, NdArray to) {
    System.arraycopy(source, offset, kernel.integers, DeviceIntegers.at(to), size(to));
    launcher.integersChanged();
    to.storage().markWritten();
  }

  void download(NdArray from, float[] target, int offset) {
    int size = size(from);
    for (int start = 0; start < size; start += MOST_STAGED) {
      int count = Math.min(MOST_STAGED, size - start);
      System.arraycopy(stageOut(from, start, count), 0, target, offset + start, count);
    }
  }

  void download(NdArray from, double[] target, int offset) {
    int size = size(from);
    for (int start = 0; start < size; start += MOST_STAGED) {
      int count = Math.min(MOST_STAGED, size - start);
      float[] staging = stageOut(from, start, count);
      for (int i = 0; i < count; i++) {
        target[offset + start + i] = staging[i];
      }
    }
  }

  void download(NdArray from, int[] target, int offset) {
    System.arraycopy(kernel.integers, DeviceIntegers.at(from), target, offset, size(from));
  }

  private float[] stagingFor(int count) {
    int size = 0;
    while (STAGING[size] < count) {
      size++;
    }
    if (stagings[size] == null) {
      stagings[size] = new float[STAGING[size] + DeviceKernel.ARENAS];
    }
    kernel.staging = stagings[size];
    return kernel.staging;
  }

  private void stageIn(NdArray to, int start, int count) {
    kernel.put(kernel.staging);
    bytesUp += (long) kernel.staging.length * Float.BYTES;
    launcher.result(0, to, start);
    launcher.sizes(count);
    launcher.launchOver(DeviceKernel.FROM_STAGING, count);
  }

  private float[] stageOut(NdArray from, int start, int count) {
    float[] staging = stagingFor(count);
    launcher.operand(0, from, start);
    launcher.sizes(count, launcher.memory().arenas());
    launcher.launchOver(DeviceKernel.TO_STAGING, count);
    kernel.get(staging);
    bytesDown += (long) staging.length * Float.BYTES;
    for (int n = 0; n < launcher.memory().arenas(); n++) {
      if (staging[count + n] != Launcher.CANARY) {
        throw UserException.failure(
            "backend opencl needs Java arrays that stay where they are, and the JVM has moved one"
                + " of "
                + (launcher.memory().arenaBytes() >> 20)
                + " MiB of them, so that what the device had computed is lost; start again from"
                + " the last checkpoint, with more heap and JDK 17 or 21");
      }
    }
    return staging;
  }
}

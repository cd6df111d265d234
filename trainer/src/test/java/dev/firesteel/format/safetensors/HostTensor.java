package dev.firesteel.format.safetensors;

import dev.firesteel.array.Shape;

/** A tensor in a Java array, for tests. */
public final class HostTensor implements TensorSource {
  private final String name;
  private final Shape shape;
  private final float[] values;

  private HostTensor(String name, Shape shape, float[] values) {
    this.name = name;
    this.shape = shape;
    this.values = values;
  }

  public static HostTensor of(String name, Shape shape, float... values) {
    return new HostTensor(name, shape, values);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Shape shape() {
    return shape;
  }

  @Override
  public void read(long from, float[] into, int count) {
    System.arraycopy(values, Math.toIntExact(from), into, 0, count);
  }
}

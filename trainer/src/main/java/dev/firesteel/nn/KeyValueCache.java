package dev.firesteel.nn;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.ArrayScope;
import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import java.util.Arrays;

/**
 * Keys and values of the tokens so far of a batch of sequences, for each layer {@code [B, S, G *
 * K]}. Sequences may differ in length.
 *
 * <p>A model's cached pass over {@code [B, T]} new tokens writes positions {@code length(b) + t};
 * {@link #append} then says how many of them count. Anything a pass wrote beyond that (the padding
 * of a short prompt) is overwritten by the next tokens before it can be attended to.
 */
public final class KeyValueCache implements AutoCloseable {
  private final Backend backend;
  private final ArrayScope scope;
  private final DType dtype;
  private final int groups;
  private final int capacity;
  private final int headWidth;
  private final NdArray[] keys;
  private final NdArray[] values;
  private NdArray positions;
  private int[] lengths;

  /**
   * An empty cache.
   *
   * @param batch B
   * @param groups G, key-value heads
   * @param capacity S, the maximum length of a sequence
   * @param headWidth K
   */
  public KeyValueCache(
      Backend backend,
      ArrayPool pool,
      DType dtype,
      int layers,
      int batch,
      int groups,
      int capacity,
      int headWidth) {
    this.backend = backend;
    this.scope = new ArrayScope("key-value cache", pool);
    this.dtype = dtype;
    this.groups = groups;
    this.capacity = capacity;
    this.headWidth = headWidth;
    keys = new NdArray[layers];
    values = new NdArray[layers];
    for (int layer = 0; layer < layers; layer++) {
      keys[layer] = allocate(batch);
      values[layer] = allocate(batch);
    }
    lengths = new int[batch];
    uploadPositions();
  }

  private NdArray allocate(int batch) {
    return scope.allocate(dtype, Shape.of(batch, capacity, groups * headWidth));
  }

  /** B, the number of sequences. */
  public int batch() {
    return lengths.length;
  }

  /** S, the maximum length of a sequence. */
  public int capacity() {
    return capacity;
  }

  /** Tokens of sequence {@code b} so far. */
  public int length(int b) {
    return lengths[b];
  }

  /** Tokens of each sequence so far, [B]. */
  public int[] lengths() {
    return lengths.clone();
  }

  /** Writes the keys and values of new tokens, packed as {@code spec} says, after the others. */
  void write(int layer, NdArray packed, AttentionSpec spec) {
    backend.attention().append(packed, spec.packedKeys(), keys[layer], positions);
    backend.attention().append(packed, spec.packedValues(), values[layer], positions);
  }

  /** The keys of a layer, [B, S, G * K]. */
  NdArray keys(int layer) {
    return keys[layer];
  }

  /** The values of a layer, [B, S, G * K]. */
  NdArray values(int layer) {
    return values[layer];
  }

  /** Counts {@code tokens[b]} of those written by the last pass as part of sequence b. */
  public void append(int... tokens) {
    if (tokens.length != lengths.length) {
      throw new IllegalArgumentException(
          "append: there must be one count for each of "
              + lengths.length
              + " sequences, got "
              + tokens.length);
    }
    int[] longer = lengths.clone();
    for (int b = 0; b < tokens.length; b++) {
      longer[b] += tokens[b];
      if (tokens[b] < 0 || longer[b] > capacity) {
        throw new IllegalArgumentException(
            "append: sequence "
                + b
                + " must have 0 to "
                + capacity
                + " tokens, got "
                + longer[b]
                + " after "
                + tokens[b]
                + " more");
      }
    }
    lengths = longer;
    uploadPositions();
  }

  /**
   * Replaces sequence i by a copy of the current sequence {@code sources[i]}; the number of
   * sequences may change.
   */
  public void select(int... sources) {
    int[] selected = new int[sources.length];
    boolean same = sources.length == lengths.length;
    for (int i = 0; i < sources.length; i++) {
      selected[i] = lengths[sources[i]];
      same &= sources[i] == i;
    }
    if (same) {
      return;
    }
    for (int layer = 0; layer < keys.length; layer++) {
      keys[layer] = select(keys[layer], sources);
      values[layer] = select(values[layer], sources);
    }
    lengths = selected;
    uploadPositions();
  }

  private NdArray select(NdArray from, int[] sources) {
    NdArray to = allocate(sources.length);
    Shape row = Shape.of(1, capacity * groups * headWidth);
    for (int i = 0; i < sources.length; i++) {
      NdArray source = from.slice(sources[i], sources[i] + 1).reshape(row);
      NdArray target = to.slice(i, i + 1).reshape(row);
      int columns = lengths[sources[i]] * groups * headWidth;
      backend.elementwise().copyColumns(source, 0, target, 0, columns, Write.SET);
    }
    scope.release(from);
    return to;
  }

  private void uploadPositions() {
    if (positions == null || positions.size() != lengths.length) {
      if (positions != null) {
        scope.release(positions);
      }
      positions = scope.allocate(DType.I32, Shape.of(lengths.length));
    }
    backend.upload(lengths, 0, positions);
  }

  /** Releases the memory. */
  @Override
  public void close() {
    scope.close();
  }

  @Override
  public String toString() {
    return "KeyValueCache" + Arrays.toString(lengths) + " of " + capacity;
  }
}

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
import java.util.stream.IntStream;

/**
 * Keys and values of the tokens so far of a batch of sequences, for each layer {@code [B, S, G *
 * K]}. Sequences may differ in length.
 *
 * <p>A model's cached pass over {@code [B, T]} new tokens writes positions {@code length(b) + t};
 * {@link #append} then says how many of them count. Anything a pass wrote beyond that (the padding
 * of a short prompt) is overwritten by the next tokens before it can be attended to.
 *
 * <p>A pass may be one over {@linkplain CacheRows some of the rows} while the others wait: a row
 * whose sequence has ended is {@linkplain #reset reset} and takes the next prompt, and no other row
 * is copied.
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

  /** All rows, as the sequences of a pass. */
  public CacheRows all() {
    return range(0, lengths.length);
  }

  /** The rows {@code [start, end)}, as the sequences of a pass. */
  public CacheRows range(int start, int end) {
    return new CacheRows(this, IntStream.range(start, end).toArray());
  }

  /**
   * Chosen rows, as the sequences of a pass: sequence i is row {@code rows[i]}.
   *
   * @throws IllegalArgumentException if a row does not exist or appears twice
   */
  public CacheRows rows(int... rows) {
    return new CacheRows(this, rows.clone());
  }

  /**
   * Writes the keys and values of new tokens, packed as {@code spec} says, after those of the rows
   * {@code [row, row + B)}.
   *
   * @param packed [B, T, (H + 2G) K]
   */
  void write(int layer, NdArray packed, AttentionSpec spec, int row) {
    int end = row + packed.shape().dim(0);
    NdArray starts = positions.slice(row, end);
    backend.attention().append(packed, spec.packedKeys(), keys[layer].slice(row, end), starts);
    backend.attention().append(packed, spec.packedValues(), values[layer].slice(row, end), starts);
  }

  /** The keys of the rows {@code [start, end)} of a layer, [end - start, S, G * K]. */
  NdArray keys(int layer, int start, int end) {
    return keys[layer].slice(start, end);
  }

  /** The values of the rows {@code [start, end)} of a layer, [end - start, S, G * K]. */
  NdArray values(int layer, int start, int end) {
    return values[layer].slice(start, end);
  }

  /** Counts {@code tokens[b]} of those written by the last pass as part of sequence b. */
  public void append(int... tokens) {
    all().append(tokens);
  }

  /** Counts {@code tokens[i]} of those written by the last pass as part of row {@code rows[i]}. */
  void append(int[] rows, int[] tokens) {
    if (tokens.length != rows.length) {
      throw new IllegalArgumentException(
          "append: there must be one count for each of "
              + rows.length
              + " sequences, got "
              + tokens.length);
    }
    int[] longer = lengths.clone();
    for (int i = 0; i < tokens.length; i++) {
      int row = rows[i];
      longer[row] += tokens[i];
      if (tokens[i] < 0 || longer[row] > capacity) {
        throw new IllegalArgumentException(
            "append: sequence "
                + row
                + " must have 0 to "
                + capacity
                + " tokens, got "
                + longer[row]
                + " after "
                + tokens[i]
                + " more");
      }
    }
    lengths = longer;
    uploadPositions();
  }

  /** Empties rows, for other sequences; the other rows keep theirs. */
  public void reset(int... rows) {
    for (int row : rows) {
      lengths[row] = 0;
    }
    uploadPositions();
  }

  /** Moves a sequence to another row, whose own is lost; its former row is then empty. */
  public void move(int from, int to) {
    if (from == to) {
      return;
    }
    for (int layer = 0; layer < keys.length; layer++) {
      copy(keys[layer], from, keys[layer], to);
      copy(values[layer], from, values[layer], to);
    }
    lengths[to] = lengths[from];
    lengths[from] = 0;
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
    for (int i = 0; i < sources.length; i++) {
      copy(from, sources[i], to, i);
    }
    scope.release(from);
    return to;
  }

  /** Copies the tokens of a row. */
  private void copy(NdArray from, int source, NdArray to, int target) {
    Shape row = Shape.of(1, capacity * groups * headWidth);
    backend
        .elementwise()
        .copyColumns(
            from.slice(source, source + 1).reshape(row),
            0,
            to.slice(target, target + 1).reshape(row),
            0,
            lengths[source] * groups * headWidth,
            Write.SET);
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

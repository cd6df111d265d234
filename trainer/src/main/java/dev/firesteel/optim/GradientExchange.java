package dev.firesteel.optim;

import dev.firesteel.array.FloatStorage;
import dev.firesteel.array.HeapStorage;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.ReductionKernels;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.Shard;
import dev.firesteel.collective.Transfer;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The communication between ranks in a step under ZeRO-1 (Rajbhandari et al. 2020, stage 1): the
 * sum of all ranks' gradients is reduce-scattered, each rank updates the weights whose sum it
 * holds, and the new weights are all-gathered. This transfers as many bytes as an all-reduce of the
 * gradients, and shards the optimizer state across ranks.
 *
 * <p>A segment is sent in buckets of {@value #BUCKET_ELEMENTS} elements, each {@linkplain
 * Collective#shard sharded} separately. A bucket is sent as soon as backward has written the last
 * of its gradients, while those of earlier layers are still being computed.
 *
 * <pre>{@code
 * exchange.begin(accumulator, gradients);              // of the last micro-batch of a step
 * tape.backward(loss, exchange::complete);
 * double norm = exchange.norm();
 * optimizer.step(exchange.sum(), ...);                 // of the ranges owned()
 * exchange.gather();
 * }</pre>
 *
 * <p>Buckets in one array on the heap are sent in place, others through a copy: those on a device,
 * and where a segment is several arrays, those that begin in one and end in another.
 */
public final class GradientExchange {
  /** Elements of one bucket, except the last: 25 MiB, a multiple of {@link Shard#ALIGNMENT}. */
  public static final int BUCKET_ELEMENTS = 400 * Shard.ALIGNMENT;

  private final ParameterSet parameters;
  private final Backend backend;
  private final Collective collective;
  private final boolean alone;
  private final List<Bucket> buckets = new ArrayList<>();
  private final double[] sums;
  private final int bucketElements;

  private GradientAccumulator accumulator;
  private Segment gradients;
  private long waitNanos;

  /** An exchange for allocated parameters. */
  public GradientExchange(ParameterSet parameters, Collective collective) {
    this(parameters, collective, BUCKET_ELEMENTS);
  }

  GradientExchange(ParameterSet parameters, Collective collective, int bucketElements) {
    this.parameters = parameters;
    this.backend = parameters.backend();
    this.collective = collective;
    this.alone = collective.worldSize() == 1;
    this.bucketElements = bucketElements;
    long size = parameters.trainedSize();
    if (size == 0) {
      throw new IllegalArgumentException(
          "a model that is trained must have a parameter that is not frozen, got none");
    }
    for (long begin = 0; begin < size; begin += bucketElements) {
      buckets.add(new Bucket(begin, (int) Math.min(bucketElements, size - begin)));
    }
    for (Parameter parameter : parameters.trained()) {
      for (Bucket bucket : bucketsOf(parameter)) {
        bucket.parameters++;
      }
    }
    sums = new double[ReductionKernels.blocks(size)];
  }

  /** The ranges whose sums this rank receives and whose weights it sends: sorted, none empty. */
  public List<SegmentRange> owned() {
    List<SegmentRange> ranges = new ArrayList<>();
    for (Bucket bucket : buckets) {
      SegmentRange range = bucket.owned();
      SegmentRange last = ranges.isEmpty() ? null : ranges.get(ranges.size() - 1);
      if (last != null && last.end() == range.begin()) {
        ranges.set(ranges.size() - 1, new SegmentRange(last.begin(), range.end()));
      } else if (range.size() > 0) {
        ranges.add(range);
      }
    }
    return ranges;
  }

  /**
   * Starts a step's exchange.
   *
   * @param of holds the micro-batches before the last
   * @param last gradients of the last micro-batch, which a backward pass is about to write
   */
  public void begin(GradientAccumulator of, Segment last) {
    accumulator = of;
    accumulator.addLast(last);
    gradients = last;
    for (Bucket bucket : buckets) {
      bucket.missing = bucket.parameters;
    }
  }

  /** Records that a parameter's gradient, an array of the last micro-batch, is written. */
  public void complete(NdArray gradient) {
    if (!completes(gradient)) {
      throw new IllegalArgumentException(
          gradient + " is no gradient of the micro-batch that was begun");
    }
  }

  /**
   * Like {@link #complete} on a tape that other parameter sets have gradients on, too.
   *
   * @return whether the gradient is one of this exchange's
   */
  public boolean completes(NdArray gradient) {
    Optional<Parameter> parameter = gradients.parameterOf(gradient);
    parameter.ifPresent(
        written -> {
          for (Bucket bucket : bucketsOf(written)) {
            if (--bucket.missing == 0) {
              bucket.send();
            }
          }
        });
    return parameter.isPresent();
  }

  /**
   * The segment whose {@link #owned} ranges hold the sum over all ranks once {@link #norm} returns.
   */
  public Segment sum() {
    return accumulator.total();
  }

  /**
   * Waits for the sums, and returns the 2-norm of all ranks' gradient over all parameters. It is
   * the root of one sum over blocks of fixed size in order of index, whichever rank computed them:
   * the same bits for any number of ranks.
   */
  public double norm() {
    Segment sum = sum();
    for (Bucket bucket : buckets) {
      bucket.receive(sum);
      SumsOfSquares.of(sum, bucket.owned(), sums);
    }
    if (!alone) {
      gatherSums();
    }
    double total = 0;
    for (double block : sums) {
      total += block;
    }
    return Math.sqrt(total);
  }

  /** Sends the weights of the {@link #owned} ranges to all ranks, and receives the others'. */
  public void gather() {
    gather(parameters.weights(), List.of(new SegmentRange(0, parameters.trainedSize())));
  }

  /**
   * Sends the {@link #owned} ranges of a segment to all ranks, and receives the others', of all
   * buckets that hold an element of {@code needed}, which must be the same on all ranks.
   */
  void gather(Segment segment, List<SegmentRange> needed) {
    if (alone) {
      return;
    }
    List<Bucket> gathered = buckets.stream().filter(bucket -> bucket.meets(needed)).toList();
    List<Transfer> transfers = new ArrayList<>();
    for (Bucket bucket : gathered) {
      transfers.add(
          collective.allGather(
              bucket.host(segment, bucket.owned()), bucket.hostOffset(segment), bucket.length));
    }
    for (int i = 0; i < transfers.size(); i++) {
      await(transfers.get(i));
      gathered.get(i).written(segment, gathered.get(i).range());
    }
  }

  /** Elements of one bucket, except the last. */
  int bucketElements() {
    return bucketElements;
  }

  /** The ranks. */
  Collective collective() {
    return collective;
  }

  /** Time that the caller has waited for transfers so far, in nanoseconds. */
  public long waitNanos() {
    return waitNanos;
  }

  /** Waits for a transfer, and counts the time. */
  void await(Transfer transfer) {
    long began = System.nanoTime();
    transfer.await();
    waitNanos += System.nanoTime() - began;
  }

  /**
   * Each rank sends its sums in bucket order; every rank can derive which blocks they belong to.
   */
  private void gatherSums() {
    ByteBuffer mine = ByteBuffer.allocate(sums.length * Double.BYTES);
    for (Bucket bucket : buckets) {
      for (int block : blocks(bucket.ownedBy(collective.rank()))) {
        mine.putDouble(sums[block]);
      }
    }
    byte[][] all = collective.allGather(Arrays.copyOf(mine.array(), mine.position()));
    for (int rank = 0; rank < all.length; rank++) {
      ByteBuffer theirs = ByteBuffer.wrap(all[rank]);
      for (Bucket bucket : buckets) {
        for (int block : blocks(bucket.ownedBy(rank))) {
          sums[block] = theirs.getDouble();
        }
      }
    }
  }

  private static int firstBlock(SegmentRange range) {
    return Math.toIntExact(range.begin() / ReductionKernels.BLOCK);
  }

  private static int[] blocks(SegmentRange range) {
    int first = firstBlock(range);
    int[] blocks = new int[ReductionKernels.blocks(range.size())];
    Arrays.setAll(blocks, i -> first + i);
    return blocks;
  }

  private List<Bucket> bucketsOf(Parameter parameter) {
    int size = buckets.get(0).length;
    int first = (int) (parameter.offset() / size);
    int last = (int) ((parameter.offset() + parameter.size() - 1) / size);
    return buckets.subList(first, last + 1);
  }

  /** A range of elements sent together. */
  private final class Bucket {
    private final long begin;
    private final int length;
    private int parameters;
    private int missing;
    private Transfer transfer;
    private float[] staging; // null where the bucket is sent in place

    Bucket(long begin, int length) {
      this.begin = begin;
      this.length = length;
    }

    SegmentRange range() {
      return new SegmentRange(begin, begin + length);
    }

    boolean meets(List<SegmentRange> ranges) {
      return ranges.stream()
          .anyMatch(range -> range.begin() < begin + length && begin < range.end());
    }

    SegmentRange owned() {
      return ownedBy(collective.rank());
    }

    SegmentRange ownedBy(int rank) {
      Shard shard = collective.shard(length, rank);
      return new SegmentRange(begin + shard.begin(), begin + shard.end());
    }

    void send() {
      accumulator.finish(range());
      if (!alone) {
        Segment sum = accumulator.total();
        transfer = collective.reduceScatter(host(sum, range()), hostOffset(sum), length);
      }
    }

    void receive(Segment sum) {
      if (!alone) {
        await(transfer);
        written(sum, owned());
      }
    }

    /** A Java array that holds the needed elements of this bucket. */
    float[] host(Segment segment, SegmentRange needed) {
      Optional<NdArray> heap = onHeap(segment);
      if (heap.isPresent()) {
        return FloatStorage.of(heap.get());
      }
      if (staging == null) {
        staging = new float[length];
      }
      for (SegmentRange piece : segment.parameters().pieces(needed)) {
        backend.download(
            segment.range(piece.begin(), piece.end()), staging, (int) (piece.begin() - begin));
      }
      return staging;
    }

    /** Where this bucket begins in the array of {@link #host}. */
    int hostOffset(Segment segment) {
      return onHeap(segment).map(HeapStorage::offset).orElse(0);
    }

    /** Records that {@link #host} was written by other code. */
    void written(Segment segment, SegmentRange range) {
      Optional<NdArray> heap = onHeap(segment);
      if (heap.isPresent()) {
        heap.get().storage().markWritten();
        return;
      }
      for (SegmentRange piece : segment.parameters().pieces(range)) {
        backend.upload(
            staging, (int) (piece.begin() - begin), segment.range(piece.begin(), piece.end()));
      }
    }

    /** This bucket's elements, if they are in one Java array. */
    private Optional<NdArray> onHeap(Segment segment) {
      if (segment.parameters().pieces(range()).size() > 1) {
        return Optional.empty();
      }
      return Optional.of(segment.range(begin, begin + length))
          .filter(array -> array.storage() instanceof FloatStorage);
    }
  }
}

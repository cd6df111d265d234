package dev.firesteel.convert;

import dev.firesteel.array.Shape;
import dev.firesteel.format.safetensors.TensorSource;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/** Says how much of the weights is read, every few seconds. */
final class Progress {
  private static final Duration EVERY = Duration.ofSeconds(3);

  private final long elements;
  private final Consumer<String> lines;
  private long done;
  private long next = System.nanoTime() + EVERY.toNanos();

  private Progress(long elements, Consumer<String> lines) {
    this.elements = elements;
    this.lines = lines;
  }

  /** The same tensors, which report that they are read. */
  static List<TensorSource> of(List<TensorSource> tensors, Consumer<String> lines) {
    Progress progress =
        new Progress(tensors.stream().mapToLong(each -> each.shape().size()).sum(), lines);
    return tensors.stream().<TensorSource>map(each -> new Watched(each, progress)).toList();
  }

  private void add(int count) {
    done += count;
    if (System.nanoTime() >= next) {
      next = System.nanoTime() + EVERY.toNanos();
      lines.accept(
          String.format(
              Locale.ROOT,
              "%.0f %% of %.1f million weights",
              Math.min(100, 100.0 * done / elements),
              elements / 1e6));
    }
  }

  private record Watched(TensorSource tensor, Progress progress) implements TensorSource {
    @Override
    public String name() {
      return tensor.name();
    }

    @Override
    public Shape shape() {
      return tensor.shape();
    }

    @Override
    public void read(long from, float[] into, int count) {
      tensor.read(from, into, count);
      progress.add(count);
    }
  }
}

package dev.firesteel.benchmarks;

import dev.firesteel.config.ModelConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Generation in libtorch: keys and values go to caches that were allocated once, and attention
 * reads the part that is filled. In bf16 all weights and caches are bf16, which halves what a step
 * reads. Main class of a child JVM: {@code TASK f32|bf16 THREADS}.
 */
final class LibtorchGeneration extends Generation {
  private final ModelConfig config;
  private final LibtorchModel model;
  private final List<Tensor> keys = new ArrayList<>();
  private final List<Tensor> values = new ArrayList<>();
  private final Tensor logits;
  private final String description;
  private long past;

  private LibtorchGeneration(GenerationTask task, String precision, int threads) {
    super(task);
    LibtorchModel.prepare(threads);
    config = task.shape().model();
    model = new LibtorchModel(config);
    torch.ScalarType type =
        precision.equals("bf16") ? torch.ScalarType.BFloat16 : torch.ScalarType.Float;
    model.convert(type);
    for (int layer = 0; layer < config.layers(); layer++) {
      keys.add(cache(type));
      values.add(cache(type));
    }
    logits = torch.empty(task.batch(), config.vocabularySize());
    description = LibtorchModel.description(precision);
  }

  private Tensor cache(torch.ScalarType type) {
    return torch.empty(
        new long[] {task.batch(), config.kvHeads(), task.capacity(), config.headWidth()},
        new TensorOptions(type),
        new MemoryFormatOptional());
  }

  public static void main(String[] args) throws IOException {
    try (LibtorchGeneration work =
        new LibtorchGeneration(GenerationTask.of(args[0]), args[1], Integer.parseInt(args[2]))) {
      WorkServer.serve(work);
    }
  }

  @Override
  void start() {
    past = 0;
  }

  @Override
  @SuppressWarnings("try") // Scope and mode work by being open.
  void advance(int[][] ids, int from, int to) {
    try (PointerScope scope = new PointerScope();
        InferenceMode mode = new InferenceMode()) {
      long tokens = (long) to - from;
      long filled = past + tokens;
      Tensor x = model.embed(LibtorchModel.ids(ids, from, to - from), past);
      for (int layer = 0; layer < config.layers(); layer++) {
        String block = LibtorchModel.block(layer);
        TensorVector heads = model.heads(x, block, past);
        keys.get(layer).narrow(2, past, tokens).copy_(heads.get(1));
        values.get(layer).narrow(2, past, tokens).copy_(heads.get(2));
        Tensor attended =
            model.attention(
                heads.get(0),
                keys.get(layer).narrow(2, 0, filled),
                values.get(layer).narrow(2, 0, filled),
                tokens > 1);
        x = model.rest(x, attended.transpose(1, 2).reshape(task.batch(), tokens, -1), block);
      }
      logits.copy_(model.head(x.narrow(1, tokens - 1, 1)).squeeze(1));
      past = filled;
    }
  }

  @Override
  @SuppressWarnings("try") // The scope works by being open.
  int[] best() {
    try (PointerScope scope = new PointerScope()) {
      LongPointer best = new LongPointer(logits.argmax(new LongOptional(1), false).data_ptr());
      int[] tokens = new int[task.batch()];
      for (int b = 0; b < tokens.length; b++) {
        tokens[b] = (int) best.get(b);
      }
      return tokens;
    }
  }

  @Override
  @SuppressWarnings("try") // The scope works by being open.
  double loss(int... next) {
    try (PointerScope scope = new PointerScope()) {
      Tensor targets = LibtorchModel.ids(new int[][] {next}, 0, next.length).view(next.length);
      return torch.cross_entropy_loss(logits, targets).item_float();
    }
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public void close() {
    logits.close();
  }
}

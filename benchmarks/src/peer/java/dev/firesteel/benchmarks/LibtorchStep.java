package dev.firesteel.benchmarks;

import dev.firesteel.array.NdArray;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.Parameter;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.mkl.global.mkl_rt;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The same step in libtorch, with what is fastest for it: fused attention, and PyTorch's own fused
 * clip and AdamW (one pass over all parameters), which the C++ frontend reaches through TorchScript
 * only. Main class of a child JVM: {@code SHAPE f32|bf16 THREADS}.
 */
final class LibtorchStep implements TrainingStep {
  private final TrainingShape shape;
  private final boolean autocast;
  private final String description;
  private final Map<String, Tensor> weights = new HashMap<>();
  private final List<Group> groups = new ArrayList<>();
  private final CompilationUnit program;
  private final Function norm;
  private int steps;

  /** Parameters of one weight decay, with their moments and step counts. */
  private record Group(
      List<Tensor> parameters,
      List<Tensor> firstMoments,
      List<Tensor> secondMoments,
      List<Tensor> stepCounts,
      Function update) {}

  private LibtorchStep(TrainingShape shape, boolean autocast, int threads) {
    Loader.load(mkl_rt.class);
    this.shape = shape;
    this.autocast = autocast;
    torch.set_num_threads(threads);
    List<Tensor> decayed = new ArrayList<>();
    List<Tensor> others = new ArrayList<>();
    try (ReferenceBackend heap = new ReferenceBackend();
        LanguageModel model = Models.create(shape.modelConfig(), heap, TrainingShape.SEED)) {
      for (Parameter parameter : model.parameters().parameters()) {
        Tensor tensor = upload(heap, model.parameters().weights().view(parameter));
        weights.put(parameter.name(), tensor);
        (parameter.decayed() ? decayed : others).add(tensor);
      }
    }
    program =
        torch.compile(
            normSource(decayed.size() + others.size())
                + updateSource("update_decayed", decayed.size(), WEIGHT_DECAY)
                + updateSource("update_others", others.size(), 0));
    norm = function("norm");
    groups.add(group(decayed, "update_decayed"));
    groups.add(group(others, "update_others"));
    openblas.blas_set_num_threads(threads);
    description =
        String.format(
            Locale.ROOT,
            "libtorch %s, %s, %d threads, %s, %s",
            torch.class.getPackage().getImplementationVersion(),
            autocast ? "bf16 autocast" : "f32",
            torch.get_num_threads(),
            System.getProperty("org.bytedeco.openblas.load", "openblas"),
            torch.hasMKLDNN() ? "oneDNN" : "no oneDNN");
  }

  public static void main(String[] args) throws IOException {
    try (LibtorchStep trainer =
        new LibtorchStep(
            TrainingShape.of(args[0]), args[1].equals("bf16"), Integer.parseInt(args[2]))) {
      StepWorker.serve(trainer);
    }
  }

  private static Tensor upload(ReferenceBackend heap, NdArray array) {
    float[] values = new float[Math.toIntExact(array.size())];
    heap.download(array, values, 0);
    long[] extents = new long[array.shape().rank()];
    for (int i = 0; i < extents.length; i++) {
      extents[i] = array.shape().dim(i);
    }
    Tensor tensor = torch.empty(extents);
    FloatBuffer target = new FloatPointer(tensor.data_ptr()).capacity(values.length).asBuffer();
    target.put(values);
    return tensor.set_requires_grad(true);
  }

  /** {@code norm(g0, g1, ...)}: global norm of all gradients. */
  private static String normSource(int count) {
    return "def norm("
        + names("g", count, ": Tensor, ")
        + "c: float):\n"
        + "  norms = torch._foreach_norm(["
        + names("g", count, ", ")
        + "], 2)\n"
        + "  return torch.linalg_vector_norm(torch.stack(norms))\n\n";
  }

  /**
   * One fused update; {@code scale} divides the gradients (clipping). It returns what it changes:
   * TorchScript would otherwise take the whole function for dead code.
   */
  private static String updateSource(String name, int count, double decay) {
    return String.format(
        Locale.ROOT,
        """
        def %s(%s%s%s%s%sscale: Tensor):
          parameters = [%s]
          gradients = [%s]
          first = [%s]
          second = [%s]
          steps = [%s]
          empty: List[Tensor] = []
          torch._foreach_add_(steps, 1)
          torch._fused_adamw_(parameters, gradients, first, second, empty, steps, lr=%s, \
        beta1=%s, beta2=%s, weight_decay=%s, eps=%s, amsgrad=False, maximize=False, \
        grad_scale=scale, found_inf=None)
          return parameters, first, second, steps

        """,
        name,
        names("p", count, ": Tensor, "),
        names("g", count, ": Tensor, "),
        names("m", count, ": Tensor, "),
        names("v", count, ": Tensor, "),
        names("s", count, ": Tensor, "),
        names("p", count, ", "),
        names("g", count, ", "),
        names("m", count, ", "),
        names("v", count, ", "),
        names("s", count, ", "),
        LEARNING_RATE,
        BETA1,
        BETA2,
        decay,
        EPSILON);
  }

  private static String names(String prefix, int count, String after) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append(prefix).append(i).append(after);
    }
    return text.toString();
  }

  private Function function(String name) {
    return program.get_function(new QualifiedName(name));
  }

  private Group group(List<Tensor> parameters, String update) {
    List<Tensor> first = new ArrayList<>();
    List<Tensor> second = new ArrayList<>();
    List<Tensor> counts = new ArrayList<>();
    for (Tensor parameter : parameters) {
      first.add(torch.zeros_like(parameter));
      second.add(torch.zeros_like(parameter));
      counts.add(torch.zeros(1).squeeze());
    }
    return new Group(parameters, first, second, counts, function(update));
  }

  @Override
  @SuppressWarnings("try") // The scope works by being open: it frees this step's tensors.
  public Result step() {
    try (PointerScope scope = new PointerScope()) {
      int[][] rows = shape.batch(steps++);
      Tensor ids = ids(rows, 0);
      Tensor targets = ids(rows, 1).view(shape.tokensPerStep());
      Tensor loss = loss(ids, targets);
      loss.backward();
      double gradientNorm = update();
      return new Result(loss.item_float(), gradientNorm);
    }
  }

  private Tensor ids(int[][] rows, int from) {
    Tensor tensor =
        torch.empty(
            new long[] {shape.batch, shape.tokens},
            new TensorOptions(torch.ScalarType.Long),
            new MemoryFormatOptional());
    LongPointer to = new LongPointer(tensor.data_ptr());
    for (int b = 0; b < shape.batch; b++) {
      for (int t = 0; t < shape.tokens; t++) {
        to.put((long) b * shape.tokens + t, rows[b][from + t]);
      }
    }
    return tensor;
  }

  private Tensor loss(Tensor ids, Tensor targets) {
    if (!autocast) {
      return forward(ids, targets);
    }
    torch.set_autocast_dtype(torch.DeviceType.CPU, torch.ScalarType.BFloat16);
    torch.set_autocast_enabled(torch.DeviceType.CPU, true);
    try {
      return forward(ids, targets);
    } finally {
      // As Python's context manager does on leaving: the cached bf16 weights are of this step.
      torch.clear_cache();
      torch.set_autocast_enabled(torch.DeviceType.CPU, false);
    }
  }

  private Tensor forward(Tensor ids, Tensor targets) {
    long b = shape.batch;
    long t = shape.tokens;
    long c = shape.width;
    long h = shape.heads;
    Tensor embedding = weights.get("embedding.weight");
    Tensor x = torch.embedding(embedding, ids).add(weights.get("positions.weight"));
    for (int i = 0; i < shape.layers; i++) {
      String block = "blocks." + i;
      Tensor packed = linear(norm(x, block + ".attention_norm"), block + ".attention.qkv");
      TensorVector parts = packed.split(c, 2);
      Tensor attended =
          torch.scaled_dot_product_attention(
              heads(parts.get(0), b, t, h),
              heads(parts.get(1), b, t, h),
              heads(parts.get(2), b, t, h),
              new TensorOptional(),
              0,
              true,
              new DoubleOptional(),
              false);
      Tensor merged = attended.transpose(1, 2).reshape(b, t, c);
      x = x.add(linear(merged, block + ".attention.output"));
      Tensor up = linear(norm(x, block + ".feed_forward_norm"), block + ".feed_forward.up");
      x = x.add(linear(torch.gelu(up, "tanh"), block + ".feed_forward.down"));
    }
    Tensor logits = torch.linear(norm(x, "final_norm"), embedding);
    return torch.cross_entropy_loss(logits.view(b * t, shape.vocabularySize), targets);
  }

  private static Tensor heads(Tensor x, long b, long t, long h) {
    return x.view(b, t, h, -1).transpose(1, 2);
  }

  private Tensor linear(Tensor x, String layer) {
    return torch.linear(
        x, weights.get(layer + ".weight"), new TensorOptional(weights.get(layer + ".bias")));
  }

  private Tensor norm(Tensor x, String layer) {
    return torch.layer_norm(
        x,
        new long[] {shape.width},
        new TensorOptional(weights.get(layer + ".gain")),
        new TensorOptional(weights.get(layer + ".bias")),
        1e-5,
        true);
  }

  /** Clips and updates; the global norm before clipping. */
  @SuppressWarnings("try") // The guard works by being open.
  private double update() {
    IValueVector all = new IValueVector();
    for (Group group : groups) {
      group.parameters.forEach(parameter -> all.push_back(new IValue(parameter.mutable_grad())));
    }
    all.push_back(new IValue(0.0));
    double gradientNorm = norm.apply(all).toTensor().item_float();
    Tensor scale = torch.full(new long[] {}, new Scalar(Math.max(1, gradientNorm / CLIP_NORM)));
    for (Group group : groups) {
      IValueVector arguments = new IValueVector();
      group.parameters.forEach(tensor -> arguments.push_back(new IValue(tensor)));
      group.parameters.forEach(tensor -> arguments.push_back(new IValue(tensor.mutable_grad())));
      group.firstMoments.forEach(tensor -> arguments.push_back(new IValue(tensor)));
      group.secondMoments.forEach(tensor -> arguments.push_back(new IValue(tensor)));
      group.stepCounts.forEach(tensor -> arguments.push_back(new IValue(tensor)));
      arguments.push_back(new IValue(scale));
      try (NoGradGuard guard = new NoGradGuard()) {
        group.update.apply(arguments);
      }
      group.parameters.forEach(tensor -> tensor.mutable_grad().reset());
    }
    return gradientNorm;
  }

  @Override
  public String description() {
    return description;
  }

  @Override
  public void close() {
    program.close();
  }
}

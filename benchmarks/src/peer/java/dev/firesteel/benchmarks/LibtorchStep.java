package dev.firesteel.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.CompilationUnit;
import org.bytedeco.pytorch.Function;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The same step in libtorch, with what is fastest for it: fused attention, and PyTorch's own fused
 * clip and AdamW (one pass over all parameters), which the C++ frontend reaches through TorchScript
 * only. Main class of a child JVM: {@code SHAPE f32|medium|bf16 THREADS}.
 */
final class LibtorchStep implements TrainingStep {
  private final TrainingShape shape;
  private final boolean autocast;
  private final String description;
  private final LibtorchModel model;
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

  private LibtorchStep(TrainingShape shape, String precision, int threads) {
    LibtorchModel.prepare(threads);
    this.shape = shape;
    autocast = precision.equals("bf16");
    if (precision.equals("medium")) {
      torch.globalContext().setFloat32MatmulPrecision(precision);
    }
    model = new LibtorchModel(shape.model());
    model.requireGradients();
    if (autocast) {
      model.separateAttention();
    }
    List<Tensor> decayed = model.parameters(true);
    List<Tensor> others = model.parameters(false);
    program =
        torch.compile(
            normSource(decayed.size() + others.size())
                + updateSource("update_decayed", decayed.size(), WEIGHT_DECAY)
                + updateSource("update_others", others.size(), 0));
    norm = function("norm");
    groups.add(group(decayed, "update_decayed"));
    groups.add(group(others, "update_others"));
    description = LibtorchModel.description(autocast ? "bf16 autocast" : precision);
  }

  public static void main(String[] args) throws IOException {
    try (LibtorchStep trainer =
        new LibtorchStep(TrainingShape.of(args[0]), args[1], Integer.parseInt(args[2]))) {
      WorkServer.serve(trainer);
    }
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
      Tensor ids = LibtorchModel.ids(rows, 0, shape.tokens());
      Tensor targets = LibtorchModel.ids(rows, 1, shape.tokens()).view(shape.tokensPerStep());
      Tensor loss = loss(ids, targets);
      loss.backward();
      double gradientNorm = update();
      return new Result(loss.item_float(), gradientNorm);
    }
  }

  private Tensor loss(Tensor ids, Tensor targets) {
    if (!autocast) {
      return model.loss(ids, targets);
    }
    torch.set_autocast_dtype(torch.DeviceType.CPU, torch.ScalarType.BFloat16);
    torch.set_autocast_enabled(torch.DeviceType.CPU, true);
    try {
      return model.loss(ids, targets);
    } finally {
      // As Python's context manager does on leaving: the cached bf16 weights are of this step.
      torch.clear_cache();
      torch.set_autocast_enabled(torch.DeviceType.CPU, false);
    }
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

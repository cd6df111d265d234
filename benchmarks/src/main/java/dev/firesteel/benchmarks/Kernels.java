package dev.firesteel.benchmarks;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Activation;
import dev.firesteel.backend.AdamWStep;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.model.Models;
import java.util.Random;
import java.util.function.Consumer;

/**
 * The kernels of a training step by name, with operands of a {@link TrainingShape}. M tokens of a
 * step, B sequences of T, C width, F feed-forward width, H heads of width K, V vocabulary.
 */
final class Kernels {
  /** Kernels whose products {@code precision: bf16} changes. */
  static final String[] PRODUCTS = {
    "qkv",
    "qkv.dx",
    "qkv.dw",
    "output",
    "output.dx",
    "output.dw",
    "up.gelu",
    "up.dx",
    "up.dw",
    "down",
    "down.dx",
    "down.dw",
    "attention",
    "attention.backward",
    "head.loss",
    "head.tokens",
    "head.tokens.backward"
  };

  /** Kernels that are float32 in any precision. */
  static final String[] OTHERS = {
    "layerNorm",
    "layerNorm.backward",
    "rmsNorm",
    "rmsNorm.backward",
    "gelu",
    "gelu.backward",
    "silu",
    "silu.backward",
    "swiGlu",
    "swiGlu.backward",
    "softmax",
    "rope",
    "dropout",
    "add",
    "sumRows",
    "embedding",
    "embedding.backward",
    "adamW",
    "sumOfSquares"
  };

  /** Most elements that optimizer kernels are timed with: far more than caches hold. */
  private static final int OPTIMIZER_SIZE = 1 << 25;

  private final Backend backend;
  private final ModelConfig model;
  private final int batch;
  private final int tokens;
  private final int rows;
  private final int width;
  private final int inner;

  private Kernels(TrainingShape shape, Backend backend) {
    this.backend = backend;
    model = shape.model();
    batch = shape.batch();
    tokens = shape.tokens();
    rows = shape.tokensPerStep();
    width = model.width();
    inner = model.feedForwardWidth();
  }

  /**
   * One call of a kernel, on operands that this allocates.
   *
   * @throws IllegalArgumentException when there is no kernel of this name
   */
  static Consumer<Backend> create(String name, TrainingShape shape, Backend backend) {
    return new Kernels(shape, backend).create(name);
  }

  /** What a call has to do. */
  static KernelWork work(String name, TrainingShape shape, Backend backend) {
    KernelWork[] total = {KernelWork.NONE};
    create(name, shape, backend)
        .accept(
            BackendProbe.of(
                backend,
                (method, arguments, nanos) ->
                    total[0] = total[0].plus(KernelWork.of(method, arguments))));
    return total[0];
  }

  private Consumer<Backend> create(String name) {
    String kernel = name.replaceAll("\\..*", "");
    return switch (kernel) {
      case "qkv" -> product(name, 3 * width, width, Activation.IDENTITY);
      case "output" -> product(name, width, width, Activation.IDENTITY);
      case "up" -> product(name, inner, width, Activation.GELU_TANH);
      case "down" -> product(name, width, inner, Activation.IDENTITY);
      case "head" -> name.equals("head.loss") ? head() : tokens(name.endsWith("backward"));
      case "attention" -> attention(name.endsWith("backward"));
      case "layerNorm", "rmsNorm" -> norm(kernel, name.endsWith("backward"));
      case "gelu" -> activation(Activation.GELU_TANH, name.endsWith("backward"));
      case "silu" -> activation(Activation.SILU, name.endsWith("backward"));
      case "swiGlu" -> swiGlu(name.endsWith("backward"));
      case "embedding" -> embedding(name.endsWith("backward"));
      case "adamW", "sumOfSquares" -> optimizer(kernel);
      case "rope" -> rope();
      case "softmax", "dropout", "add", "sumRows" -> elementwise(kernel);
      default -> throw new IllegalArgumentException("no kernel is called " + name);
    };
  }

  private Consumer<Backend> product(String name, int outputs, int inputs, Activation f) {
    NdArray x = random(rows, inputs);
    NdArray w = random(outputs, inputs);
    NdArray bias = random(outputs);
    NdArray y = random(rows, outputs);
    if (name.endsWith(".dx")) {
      return b -> b.products().linearBackwardInput(y, w, x, Write.SET);
    }
    if (name.endsWith(".dw")) {
      return b -> b.products().linearBackwardWeight(y, x, w, Write.SET);
    }
    NdArray before = f == Activation.IDENTITY ? null : random(rows, outputs);
    return b -> b.products().linear(x, w, bias, f, before, y);
  }

  private Consumer<Backend> head() {
    int vocabulary = model.vocabularySize();
    NdArray x = random(rows, width);
    NdArray w = random(vocabulary, width);
    NdArray targets = ids();
    NdArray losses = random(rows);
    NdArray dx = random(rows, width);
    NdArray dw = random(vocabulary, width);
    return b -> b.losses().linearCrossEntropy(x, w, targets, 1.0 / rows, losses, dx, dw);
  }

  private Consumer<Backend> tokens(boolean backward) {
    int vocabulary = model.vocabularySize();
    NdArray x = random(rows, width);
    NdArray w = random(vocabulary, width);
    NdArray targets = ids();
    NdArray losses = random(rows);
    NdArray logSumExp = random(rows);
    backend.losses().tokenLosses(x, w, targets, 1, losses, logSumExp, null);
    if (!backward) {
      return b -> b.losses().tokenLosses(x, w, targets, 1, losses, logSumExp, null);
    }
    NdArray dLosses = random(rows);
    NdArray dx = random(rows, width);
    NdArray dw = random(vocabulary, width);
    return b ->
        b.losses()
            .tokenLossesBackward(
                x, w, targets, 1, logSumExp, null, dLosses, null, dx, Write.SET, dw, Write.SET);
  }

  private Consumer<Backend> attention(boolean backward) {
    AttentionSpec spec = AttentionSpec.of(model.heads(), model.kvHeads(), model.headWidth());
    NdArray qkv = random(batch, tokens, spec.packedWidth());
    NdArray out = random(batch, tokens, spec.outputWidth());
    NdArray logSumExp = random(batch, spec.heads(), tokens);
    PackedAttention attention = new PackedAttention(backend, spec, batch, tokens);
    attention.forward(backend, qkv, out, logSumExp);
    if (!backward) {
      return b -> attention.forward(b, qkv, out, logSumExp);
    }
    NdArray dOut = random(batch, tokens, spec.outputWidth());
    NdArray dQkv = random(batch, tokens, spec.packedWidth());
    return b -> attention.backward(b, qkv, out, logSumExp, dOut, dQkv);
  }

  private Consumer<Backend> norm(String kernel, boolean backward) {
    NdArray x = random(rows, width);
    NdArray gain = random(width);
    NdArray bias = random(width);
    NdArray out = random(rows, width);
    NdArray mean = random(rows);
    NdArray rstd = random(rows);
    NdArray dx = random(rows, width);
    if (kernel.equals("layerNorm")) {
      return backward
          ? b ->
              b.norms()
                  .layerNormBackward(
                      x, gain, mean, rstd, out, dx, Write.ADD, gain, Write.SET, bias, Write.SET)
          : b -> b.norms().layerNorm(x, gain, bias, model.normEpsilon(), out, mean, rstd);
    }
    return backward
        ? b -> b.norms().rmsNormBackward(x, gain, rstd, out, dx, Write.ADD, gain, Write.SET)
        : b -> b.norms().rmsNorm(x, gain, model.normEpsilon(), out, rstd);
  }

  private Consumer<Backend> activation(Activation f, boolean backward) {
    NdArray x = random(rows, inner);
    NdArray y = random(rows, inner);
    NdArray dx = random(rows, inner);
    NdArray dBias = random(inner);
    return backward
        ? b -> b.elementwise().activationBackward(f, x, y, dx, dBias, Write.SET)
        : b -> b.elementwise().activation(f, x, y);
  }

  private Consumer<Backend> swiGlu(boolean backward) {
    NdArray gateUp = random(rows, 2 * inner);
    NdArray y = random(rows, inner);
    NdArray dGateUp = random(rows, 2 * inner);
    return backward
        ? b -> b.elementwise().swiGluBackward(gateUp, y, dGateUp)
        : b -> b.elementwise().swiGlu(gateUp, y);
  }

  private Consumer<Backend> embedding(boolean backward) {
    NdArray ids = ids();
    NdArray table = random(model.vocabularySize(), width);
    NdArray out = random(rows, width);
    return backward
        ? b -> b.products().embeddingBackward(ids, out, table)
        : b -> b.products().embedding(ids, table, out);
  }

  private Consumer<Backend> optimizer(String kernel) {
    int size = (int) Math.min(OPTIMIZER_SIZE, Models.declare(model).parameters().count());
    NdArray gradients = random(size);
    if (kernel.equals("sumOfSquares")) {
      return b -> b.reductions().sumOfSquares(gradients);
    }
    NdArray first = random(size);
    NdArray second = random(size);
    NdArray weights = random(size);
    backend.fill(second, 1e-4);
    AdamWStep step = new AdamWStep(3e-4, 0.9, 0.95, 1e-8, 0.1, 10, 1);
    return b -> b.optimizer().adamW(step, gradients, first, second, weights);
  }

  private Consumer<Backend> rope() {
    int turned = model.heads() + model.kvHeads();
    RopeSpec spec =
        new RopeSpec(turned, model.headWidth(), model.ropeTheta(), RopeSpec.Layout.HALF);
    NdArray qkv = random(batch, tokens, (turned + model.kvHeads()) * model.headWidth());
    return b -> b.attention().rope(spec, qkv, null, false, qkv);
  }

  private Consumer<Backend> elementwise(String kernel) {
    NdArray x = random(rows, width);
    NdArray y = random(rows, width);
    NdArray z = random(rows, width);
    NdArray sums = random(width);
    return switch (kernel) {
      case "softmax" -> b -> b.attention().softmax(x, y);
      case "dropout" -> b -> b.elementwise().dropout(x, TrainingShape.SEED, 0.1, y);
      case "add" -> b -> b.elementwise().add(x, y, z);
      default -> b -> b.reductions().sumRows(x, sums, Write.SET);
    };
  }

  private NdArray random(int... extents) {
    Shape shape = Shape.of(extents);
    NdArray array = new NdArray(backend.allocate(DType.F32, shape.size()), 0, shape);
    Random random = new Random(TrainingShape.SEED);
    float[] values = new float[Math.toIntExact(shape.size())];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextFloat() - 0.5f;
    }
    backend.upload(values, 0, array);
    return array;
  }

  private NdArray ids() {
    Random random = new Random(TrainingShape.SEED);
    NdArray ids = new NdArray(backend.allocate(DType.I32, rows), 0, Shape.of(rows));
    backend.upload(random.ints(rows, 0, model.vocabularySize()).toArray(), 0, ids);
    return ids;
  }
}

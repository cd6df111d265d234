package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.format.huggingface.HuggingFaceNames;
import dev.firesteel.format.huggingface.HuggingFaceTensor;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.AdamW;
import dev.firesteel.optim.GradientClipping;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.train.OpenClSupport;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Ten steps of tiny models with weights of a formula, against PyTorch. */
class GoldenRunTest {
  /*
   * The program that makes the numbers of this test (PyTorch 1.13, float64): each weight, in the
   * order of Hugging Face's tensors and as [out, in], is base + 0.1 sin(0.37 (i + 1) + 0.731 j).
   *
   * import math, torch
   * torch.set_default_dtype(torch.float64)
   * F = torch.nn.functional
   * B, T, V, C, L = 2, 16, 65, 16, 2
   *
   * class Weights(list):
   *     def __call__(self, *shape, base=0.0):
   *         n = math.prod(shape); i = len(self)
   *         w = base + 0.1 * torch.sin(0.37 * (i + 1) + 0.731 * torch.arange(n))
   *         self.append(w.reshape(shape).requires_grad_()); return self[-1]
   *
   * def attention(q, k, v):
   *     s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
   *     return torch.softmax(s.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf), -1) @ v
   *
   * def heads(x, h): return x.view(B, T, h, -1).transpose(1, 2)
   * def merge(x): return x.transpose(1, 2).reshape(B, T, -1)
   *
   * def gpt2(bias, gelu, tied):
   *     w = Weights(); b = lambda n: w(n) if bias else None
   *     wte, wpe = w(V, C), w(T, C); H = 2
   *     blocks = [[w(C, base=1.0), b(C), w(3*C, C), b(3*C), w(C, C), b(C),
   *                w(C, base=1.0), b(C), w(4*C, C), b(4*C), w(C, 4*C), b(C)] for _ in range(L)]
   *     g, c = w(C, base=1.0), b(C); head = wte if tied else w(V, C)
   *     def forward(ids):
   *         x = wte[ids] + wpe
   *         for g1, b1, wa, ba, wo, bo, g2, b2, wf, bf, wp, bp in blocks:
   *             q, k, v = F.linear(F.layer_norm(x, (C,), g1, b1, 1e-5), wa, ba).split(C, -1)
   *             x = x + F.linear(merge(attention(heads(q, H), heads(k, H), heads(v, H))), wo, bo)
   *             f = F.gelu(F.linear(F.layer_norm(x, (C,), g2, b2, 1e-5), wf, bf), approximate=gelu)
   *             x = x + F.linear(f, wp, bp)
   *         return F.layer_norm(x, (C,), g, c, 1e-5) @ head.T
   *     return w, forward
   *
   * def llama(interleaved, tied):
   *     w = Weights(); H, G, K, I = 4, 2, 4, 40
   *     embed = w(V, C)
   *     blocks = [[w(C, base=1.0), w(H*K, C), w(G*K, C), w(G*K, C), w(C, H*K),
   *                w(C, base=1.0), w(I, C), w(I, C), w(C, I)] for _ in range(L)]
   *     g = w(C, base=1.0); head = embed if tied else w(V, C)
   *     def norm(x, g): return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * g
   *     def rope(x):
   *         a = torch.arange(T)[:, None] * 10000.0 ** (-2 * torch.arange(K // 2) / K)
   *         y = torch.empty_like(x)
   *         e, o = (slice(0, K, 2), slice(1, K, 2)) if interleaved else (slice(0, K//2), slice(K//2, K))
   *         y[..., e] = x[..., e] * a.cos() - x[..., o] * a.sin()
   *         y[..., o] = x[..., o] * a.cos() + x[..., e] * a.sin()
   *         return y
   *     def forward(ids):
   *         x = embed[ids]
   *         for g1, wq, wk, wv, wo, g2, wg, wu, wd in blocks:
   *             n = norm(x, g1)
   *             q, k, v = rope(heads(n @ wq.T, H)), rope(heads(n @ wk.T, G)), heads(n @ wv.T, G)
   *             k, v = k.repeat_interleave(H // G, 1), v.repeat_interleave(H // G, 1)
   *             x = x + merge(attention(q, k, v)) @ wo.T
   *             n = norm(x, g2)
   *             x = x + (F.silu(n @ wg.T) * (n @ wu.T)) @ wd.T
   *         return norm(x, g) @ head.T
   *     return w, forward
   *
   * def run(name, w, forward):
   *     t = lambda s: torch.tensor([[(7*b + 3*(i+s) + b*(i+s)) % V for i in range(T)] for b in range(B)])
   *     groups = [{'params': [p for p in w if p.dim() >= 2], 'weight_decay': 0.1},
   *               {'params': [p for p in w if p.dim() < 2], 'weight_decay': 0.0}]
   *     adam = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95), eps=1e-8)
   *     losses = []
   *     for step in range(10):
   *         logits = forward(t(0)); loss = F.cross_entropy(logits.view(-1, V), t(1).view(-1))
   *         adam.zero_grad(); loss.backward(); losses.append(loss.item())
   *         norm = torch.stack([p.grad.norm() for p in w]).norm()
   *         if step == 0:
   *             print(name, sum(p.numel() for p in w), 'norm %.12f' % norm)
   *             print([round(x, 12) for x in logits[0,0,:4].tolist() + logits[1,15,:4].tolist()])
   *             print([round(p.grad.norm().item(), 12) for p in w[:4]])
   *         for p in w: p.grad *= min(1.0, 1.0 / norm)
   *         adam.step()
   *     print([round(x, 11) for x in losses])
   *
   * run('gpt2-tiny', *gpt2(True, 'tanh', True))
   * run('llama-tiny', *llama(False, False))
   * run('gpt2-tiny bias-free, erf, untied', *gpt2(False, 'none', False))
   * run('llama-tiny interleaved, tied', *llama(True, True))
   */

  private static final int B = 2;
  private static final int T = 16;
  private static final int V = 65;

  /** Backends with the tolerances of single numbers. */
  enum On {
    REFERENCE_FLOAT64(BackendKind.REFERENCE, DType.F64, 1e-10, 2e-11),
    REFERENCE_FLOAT32(BackendKind.REFERENCE, DType.F32, 1e-5, 1e-5),
    CPU_FLOAT32(BackendKind.CPU, DType.F32, 1e-5, 1e-5),
    OPENCL_FLOAT32(BackendKind.OPENCL, DType.F32, 1e-5, 1e-5);

    final BackendKind backend;
    final DType dtype;
    final double logitTolerance;
    final double lossTolerance;

    On(BackendKind backend, DType dtype, double logitTolerance, double lossTolerance) {
      this.backend = backend;
      this.dtype = dtype;
      this.logitTolerance = logitTolerance;
      this.lossTolerance = lossTolerance;
    }
  }

  /**
   * What one model must give.
   *
   * @param logits [0, 0, :4] and [1, 15, :4] before the first step
   * @param norm of the gradient of the first step
   * @param norms of its parts for the first four tensors
   */
  record Golden(
      ModelConfig config,
      int parameters,
      double norm,
      List<Double> logits,
      List<Double> norms,
      List<Double> losses) {}

  @ParameterizedTest
  @EnumSource
  void gpt2TinyFollowsPyTorch(On on) {
    check(
        on,
        new Golden(
            TestModels.gpt2(2, 16, 2, T, V),
            7888,
            2.464840560494,
            List.of(
                -0.234445880134,
                0.525012109633,
                0.911231883764,
                0.649644576714,
                0.169892315208,
                -0.380828065911,
                -0.660812619844,
                -0.47101653715),
            List.of(1.340136993824, 1.036111487553, 0.192385489345, 0.102570143853),
            List.of(
                4.29072552494,
                3.90728141329,
                3.67949128316,
                3.50868125108,
                3.39268730937,
                3.29837129515,
                3.1794620669,
                3.08777379955,
                2.98859285388,
                2.90943926853)));
  }

  @ParameterizedTest
  @EnumSource
  void llamaTinyFollowsPyTorch(On on) {
    check(
        on,
        new Golden(
            TestModels.llama(2, 16, 4, 2, 40, T, V),
            7536,
            1.583901381202,
            List.of(
                0.07083133994,
                0.63883161034,
                0.752677841318,
                0.331435206178,
                -0.313206986713,
                0.454607786898,
                0.899235730943,
                0.704584821235),
            List.of(0.520716365565, 0.04065972838, 0.29550461607, 0.387938940422),
            List.of(
                4.90135708801,
                4.36048271171,
                4.05447826561,
                3.89250962112,
                3.80800062882,
                3.65068976969,
                3.50994263359,
                3.37596389971,
                3.24585322652,
                3.1214348494)));
  }

  @ParameterizedTest
  @EnumSource
  void gpt2WithoutBiasesWithExactGeluAndItsOwnHeadFollowsPyTorch(On on) {
    check(
        on,
        new Golden(
            TestModels.gpt2(2, 16, 2, T, V, false, Activation.GELU_ERF, false),
            8560,
            1.392062705669,
            List.of(
                0.879095399079,
                0.768826625434,
                0.111988596442,
                -0.624463641709,
                -0.767080843807,
                -0.494956019512,
                0.129039739093,
                0.661299400413),
            List.of(0.474866611551, 0.429913116158, 0.133547406073, 0.640432603735),
            List.of(
                4.31254812543,
                3.98331596768,
                3.74122505495,
                3.58703214292,
                3.42274738989,
                3.29021010361,
                3.16886227422,
                3.05712391677,
                2.96222220885,
                2.87726321542)));
  }

  @ParameterizedTest
  @EnumSource
  void llamaWithInterleavedRopeAndTiedHeadFollowsPyTorch(On on) {
    check(
        on,
        new Golden(
            TestModels.llama(2, 16, 4, 2, 40, T, V, RopeSpec.Layout.INTERLEAVED, true),
            6496,
            1.710616112042,
            List.of(
                0.728311195698,
                0.680894702336,
                0.14942094806,
                -0.488278180849,
                0.718715349094,
                0.895381943395,
                0.435509393677,
                -0.333972679338),
            List.of(0.866768406285, 0.044874563516, 0.294249074668, 0.417794563641),
            List.of(
                4.90688130593,
                4.37781326468,
                4.02042453282,
                3.8615045543,
                3.736052044,
                3.59582599712,
                3.47798674954,
                3.3784902772,
                3.29322369062,
                3.20305590435)));
  }

  private static void check(On on, Golden golden) {
    if (on == On.OPENCL_FLOAT32) {
      OpenClSupport.assumeDevice();
    }
    try (Backend backend = Backends.create(new BackendOptions(on.backend, Precision.FP32, 2))) {
      check(on, backend, golden);
    }
  }

  private static void check(On on, Backend backend, Golden golden) {
    ArrayPool pool = new ArrayPool(backend);
    LanguageModel model = Models.declare(golden.config());
    ParameterSet parameters = model.parameters();
    parameters.allocate(backend, on.dtype);
    fill(model);
    Segment gradients = parameters.newSegment();
    AdamW optimizer = new AdamW(parameters, new OptimizerConfig(1e-2, 0.9, 0.95, 1e-8, 0.1));
    GradientClipping clipping = new GradientClipping(1);

    assertThat(parameters.count()).isEqualTo(golden.parameters());
    assertClose(logits(model, pool), golden.logits(), on.logitTolerance);
    for (int step = 0; step < golden.losses().size(); step++) {
      double loss = backward(model, pool, gradients);
      double norm = GradientClipping.norm(gradients);
      if (step == 0) {
        assertThat(norm).as("gradient norm").isEqualTo(golden.norm(), within(on.lossTolerance));
        assertClose(norms(model, gradients), golden.norms(), on.lossTolerance);
      }
      assertThat(loss)
          .as("loss of step " + step)
          .isEqualTo(golden.losses().get(step), within(on.lossTolerance));
      optimizer.step(gradients, 1e-2, clipping.scale(norm));
    }
  }

  /** Weights by the formula; all but transposition is the order of Hugging Face's tensors. */
  static void fill(LanguageModel model) {
    Map<Parameter, double[]> values = new HashMap<>();
    int i = 0;
    for (HuggingFaceTensor tensor : HuggingFaceNames.tensors(model)) {
      Parameter parameter = tensor.parameter();
      if (parameter == null) {
        continue;
      }
      double base = parameter.name().endsWith(".gain") ? 1 : 0;
      double[] target =
          values.computeIfAbsent(parameter, key -> new double[(int) parameter.size()]);
      for (int j = 0; j < tensor.size(); j++) {
        target[tensor.firstElement() + j] = base + 0.1 * Math.sin(0.37 * (i + 1) + 0.731 * j);
      }
      i++;
    }
    Segment weights = model.parameters().weights();
    values.forEach(
        (parameter, array) ->
            model.parameters().backend().upload(array, 0, weights.view(parameter)));
  }

  /** Token {@code t + shift} of each sequence. */
  private static Tensor tokens(Tape tape, int shift) {
    int[] ids = new int[B * T];
    for (int b = 0; b < B; b++) {
      for (int t = 0; t < T; t++) {
        int at = t + shift;
        ids[b * T + t] = (7 * b + 3 * at + b * at) % V;
      }
    }
    return tape.constant(ids, Shape.of(B, T));
  }

  private static double[] logits(LanguageModel model, ArrayPool pool) {
    double[] all = new double[B * T * V];
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      ForwardPass pass = ForwardPass.inference(tape, model.parameters());
      Tensor logits = model.logits(pass, tokens(tape, 0));
      tape.backend().download(logits.array(), all, 0);
    }
    double[] picked = new double[8];
    System.arraycopy(all, 0, picked, 0, 4);
    System.arraycopy(all, (2 * T - 1) * V, picked, 4, 4);
    return picked;
  }

  static double backward(LanguageModel model, ArrayPool pool, Segment gradients) {
    try (Tape tape = Tape.training(model.parameters().backend(), pool)) {
      ForwardPass pass = ForwardPass.training(tape, model.parameters(), gradients, 0);
      Tensor loss = model.loss(pass, tokens(tape, 0), tokens(tape, 1), 1.0 / (B * T));
      tape.backward(loss);
      return loss.item();
    }
  }

  /** The gradient norms of the first four of Hugging Face's tensors. */
  private static double[] norms(LanguageModel model, Segment gradients) {
    List<HuggingFaceTensor> tensors =
        HuggingFaceNames.tensors(model).stream()
            .filter(tensor -> tensor.parameter() != null)
            .toList();
    double[] norms = new double[4];
    for (int i = 0; i < 4; i++) {
      HuggingFaceTensor tensor = tensors.get(i);
      double[] values = new double[(int) tensor.parameter().size()];
      model.parameters().backend().download(gradients.view(tensor.parameter()), values, 0);
      double sum = 0;
      for (int j = 0; j < tensor.size(); j++) {
        double value = values[tensor.firstElement() + j];
        sum += value * value;
      }
      norms[i] = Math.sqrt(sum);
    }
    return norms;
  }

  private static void assertClose(double[] got, List<Double> wanted, double tolerance) {
    assertThat(wanted).hasSize(got.length);
    for (int i = 0; i < got.length; i++) {
      assertThat(got[i]).as("element " + i).isEqualTo(wanted.get(i), within(tolerance));
    }
  }
}

package dev.firesteel.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.GradientClipping;
import dev.firesteel.optim.Optimizer;
import dev.firesteel.optim.Optimizers;
import dev.firesteel.optim.TestOptimizers;
import dev.firesteel.train.OpenClSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Ten steps of tiny models with each optimizer, against a program of their formulas. */
class OptimizerGoldenTest {
  /*
   * The program that makes the numbers of this test (NumPy 2.4 in float64, with the gradients of
   * https://github.com/HIPS/autograd 1.9): weights, tokens and losses as in GoldenRunTest, whose
   * losses the lines 'adamw' repeat.
   *
   * import math
   * import autograd.numpy as np
   * from autograd import value_and_grad
   *
   * B, T, V, C, L = 2, 16, 65, 16, 2
   * IDS = lambda s: np.array([[(7*b + 3*(i+s) + b*(i+s)) % V for i in range(T)] for b in range(B)])
   * MASK = np.where(np.tril(np.ones((T, T))) > 0, 0.0, -1e300)
   *
   * class Weights(list):
   *     kind = []
   *     def __call__(self, kind, *shape, base=0.0):  # kind: table, vector, or the rows of its matrices
   *         n = int(np.prod(shape))
   *         w = base + 0.1 * np.sin(0.37 * (len(self) + 1) + 0.731 * np.arange(n))
   *         self.append(w.reshape(shape)); self.kind = self.kind + [kind]
   *
   * def logsumexp(s, axis=-1, keepdims=False):
   *     m = np.max(s, -1, keepdims=True); y = m + np.log(np.sum(np.exp(s - m), -1, keepdims=True))
   *     return y if keepdims else y[..., 0]
   * def heads(x, h): return np.swapaxes(x.reshape(B, T, h, -1), 1, 2)
   * def softmax(s): return np.exp(s - logsumexp(s, axis=-1, keepdims=True))
   * def attention(q, k, v):
   *     s = np.matmul(q, np.swapaxes(k, 2, 3)) / math.sqrt(q.shape[-1]) + MASK
   *     return np.swapaxes(np.matmul(softmax(s), v), 1, 2).reshape(B, T, -1)
   * def cross_entropy(logits):
   *     y = IDS(1)
   *     picked = logits[np.arange(B)[:, None], np.arange(T)[None, :], y]
   *     return np.mean(logsumexp(logits, axis=-1) - picked)
   *
   * def gpt2():
   *     w = Weights(); v = 'vector'
   *     w('table', V, C); w('table', T, C)
   *     for _ in range(L):
   *         w(v, C, base=1.0); w(v, C); w([C]*3, 3*C, C); w(v, 3*C); w([C], C, C); w(v, C)
   *         w(v, C, base=1.0); w(v, C); w([4*C], 4*C, C); w(v, 4*C); w([C], C, 4*C); w(v, C)
   *     w(v, C, base=1.0); w(v, C)
   *     def norm(x, g, b):
   *         c = x - np.mean(x, -1, keepdims=True)
   *         return c / np.sqrt(np.mean(c * c, -1, keepdims=True) + 1e-5) * g + b
   *     def gelu(x): return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
   *     def loss(p):
   *         x = p[0][IDS(0)] + p[1]
   *         for i in range(L):
   *             g1, b1, wa, ba, wo, bo, g2, b2, wf, bf, wp, bp = p[2 + 12*i: 14 + 12*i]
   *             qkv = np.dot(norm(x, g1, b1), wa.T) + ba
   *             q, k, u = (heads(qkv[..., j*C:(j+1)*C], 2) for j in range(3))
   *             x = x + np.dot(attention(q, k, u), wo.T) + bo
   *             x = x + np.dot(gelu(np.dot(norm(x, g2, b2), wf.T) + bf), wp.T) + bp
   *         return cross_entropy(np.dot(norm(x, p[-2], p[-1]), p[0].T))
   *     return w, loss
   *
   * def llama():
   *     H, G, K, F = 4, 2, 4, 40
   *     w = Weights()
   *     w('table', V, C)
   *     for _ in range(L):
   *         w('vector', C, base=1.0); w([H*K], H*K, C); w([G*K], G*K, C); w([G*K], G*K, C); w([C], C, H*K)
   *         w('vector', C, base=1.0); w([F], F, C); w([F], F, C); w([C], C, F)
   *     w('vector', C, base=1.0); w('table', V, C)
   *     a = np.arange(T)[:, None] * 10000.0 ** (-2 * np.arange(K // 2) / K)
   *     cos, sin = np.cos(a), np.sin(a)
   *     def norm(x, g): return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + 1e-5) * g
   *     def rope(x):
   *         e, o = x[..., :K//2], x[..., K//2:]
   *         return np.concatenate([e * cos - o * sin, o * cos + e * sin], -1)
   *     def loss(p):
   *         x = p[0][IDS(0)]
   *         for i in range(L):
   *             g1, wq, wk, wv, wo, g2, wg, wu, wd = p[1 + 9*i: 10 + 9*i]
   *             n = norm(x, g1)
   *             q, k, v = rope(heads(np.dot(n, wq.T), H)), rope(heads(np.dot(n, wk.T), G)), heads(np.dot(n, wv.T), G)
   *             x = x + np.dot(attention(q, np.repeat(k, H//G, 1), np.repeat(v, H//G, 1)), wo.T)
   *             n = norm(x, g2); f = np.dot(n, wg.T)
   *             x = x + np.dot(f / (1 + np.exp(-f)) * np.dot(n, wu.T), wd.T)
   *         return cross_entropy(np.dot(norm(x, p[-2]), p[-1].T))
   *     return w, loss
   *
   * class AdamW:
   *     def __init__(self): self.m, self.v = 0.0, 0.0
   *     def __call__(self, w, g, t, lr, decay):
   *         self.m = 0.9 * self.m + 0.1 * g; self.v = 0.95 * self.v + 0.05 * g * g
   *         return w - lr * (self.m / (1 - 0.9**t) / (np.sqrt(self.v / (1 - 0.95**t)) + 1e-8) + decay * w)
   *
   * class Lion:
   *     def __init__(self): self.m = 0.0
   *     def __call__(self, w, g, t, lr, decay):
   *         c = 0.9 * self.m + 0.1 * g; self.m = 0.99 * self.m + 0.01 * g
   *         return w - lr * (np.sign(c) + decay * w)
   *
   * class Sgd:
   *     def __init__(self, momentum, nesterov): self.mu, self.nesterov, self.m = momentum, nesterov, 0.0
   *     def __call__(self, w, g, t, lr, decay):
   *         self.m = self.mu * self.m + g
   *         return w - lr * ((g + self.mu * self.m if self.nesterov else self.m) + decay * w)
   *
   * class Adafactor:
   *     def __init__(self, relative): self.relative, self.r, self.c, self.v = relative, 0.0, 0.0, 0.0
   *     def __call__(self, w, g, t, lr, decay):
   *         b = 1 - t ** -0.8; s = g * g + 1e-30
   *         if w.ndim == 1:
   *             self.v = b * self.v + (1 - b) * s; v = self.v
   *         else:
   *             self.r = b * self.r + (1 - b) * s.sum(1); self.c = b * self.c + (1 - b) * s.sum(0)
   *             v = np.outer(self.r, self.c) / self.r.sum()
   *         u = g / np.sqrt(v); u = u / max(1, np.sqrt(np.mean(u * u)))
   *         if self.relative: lr = lr * max(1e-3, np.sqrt(np.mean(w * w)))
   *         return w - lr * (u + decay * w)
   *
   * class Muon:
   *     def __init__(self, scale, nesterov): self.scale, self.nesterov, self.m = scale, nesterov, 0.0
   *     def __call__(self, w, g, t, lr, decay):
   *         self.m = 0.95 * self.m + g
   *         x = g + 0.95 * self.m if self.nesterov else self.m
   *         x = x / (np.linalg.norm(x) + 1e-7)
   *         tall = x.shape[0] > x.shape[1]
   *         if tall: x = x.T
   *         for _ in range(5):
   *             a = x @ x.T; x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
   *         if tall: x = x.T
   *         scale = max(1, w.shape[0] / w.shape[1]) ** 0.5 if self.scale == 'shape' else 0.2 * max(w.shape) ** 0.5
   *         return w - lr * (scale * x + decay * w)
   *
   * def run(name, model, lr, matrix, other=None, factor=1.0):
   *     w, loss = model(); states = {}
   *     losses = []
   *     for t in range(1, 11):
   *         value, grads = value_and_grad(loss)(list(w)); losses.append(value)
   *         scale = min(1.0, 1.0 / math.sqrt(sum((g * g).sum() for g in grads)))
   *         for i, g in enumerate(grads):
   *             hidden = isinstance(w.kind[i], list)
   *             make, rate = (matrix, lr * factor) if hidden or other is None else (other, lr)
   *             rows = w.kind[i] if hidden else [len(w[i])]
   *             at = 0; parts = []
   *             for j, n in enumerate(rows):
   *                 update = states.setdefault((i, j), make())
   *                 decay = 0.1 if w[i].ndim == 2 else 0.0
   *                 parts.append(update(w[i][at:at+n], scale * g[at:at+n], t, rate, decay)); at += n
   *             w[i] = np.concatenate(parts)
   *     print(name, [round(float(x), 11) for x in losses])
   *
   * run('adamw', gpt2, 1e-2, AdamW)
   * run('adamw llama', llama, 1e-2, AdamW)
   * run('lion', gpt2, 3e-3, Lion)
   * run('sgd', gpt2, 0.3, lambda: Sgd(0.9, False))
   * run('sgd nesterov', llama, 0.3, lambda: Sgd(0.9, True))
   * run('sgd without momentum', gpt2, 0.3, lambda: Sgd(0.0, False))
   * run('adafactor', llama, 1e-2, lambda: Adafactor(False))
   * run('adafactor relative', llama, 1e-1, lambda: Adafactor(True))
   * run('muon', gpt2, 1e-2, lambda: Muon('shape', True), AdamW, 2)
   * run('muon llama', llama, 1e-2, lambda: Muon('shape', True), AdamW, 2)
   * run('muon adamw_rms', llama, 1e-2, lambda: Muon('adamw_rms', False), AdamW)
   */

  private static final ModelConfig GPT2 = TestModels.gpt2(2, 16, 2, 16, 65);
  private static final ModelConfig LLAMA = TestModels.llama(2, 16, 4, 2, 40, 16, 65);

  private static final double MUON_TOLERANCE = 5e-4;

  /**
   * Backends, with the tolerance of a loss. In float32 Muon's is wider: the weights of the formula
   * have few large singular values, and the iterations increase the others, which are little more
   * than rounding, 3.4^5-fold.
   */
  enum On {
    REFERENCE_FLOAT64(BackendKind.REFERENCE, DType.F64, 2e-11),
    CPU_FLOAT32(BackendKind.CPU, DType.F32, 2e-5),
    OPENCL_FLOAT32(BackendKind.OPENCL, DType.F32, 2e-5);

    private final BackendKind backend;
    private final DType dtype;
    private final double tolerance;

    On(BackendKind backend, DType dtype, double tolerance) {
      this.backend = backend;
      this.dtype = dtype;
      this.tolerance = tolerance;
    }
  }

  @ParameterizedTest
  @EnumSource
  void lionFollowsItsFormulas(On on) {
    check(
        on,
        GPT2,
        "kind=lion learning_rate=3e-3",
        4.29072552494,
        4.0827491552,
        3.8939241609,
        3.78185371159,
        3.68832406136,
        3.63406376043,
        3.57012268545,
        3.4852234938,
        3.41751397495,
        3.37819414178);
  }

  @ParameterizedTest
  @EnumSource
  void sgdFollowsItsFormulas(On on) {
    check(
        on,
        GPT2,
        "kind=sgd learning_rate=0.3",
        4.29072552494,
        4.03554944163,
        3.77472005841,
        3.55234934518,
        3.46178412614,
        3.26510004088,
        3.20725162554,
        3.00836162763,
        2.96041178914,
        2.7102348457);
  }

  @ParameterizedTest
  @EnumSource
  void sgdWithNesterovsMomentumFollowsItsFormulas(On on) {
    check(
        on,
        LLAMA,
        "kind=sgd learning_rate=0.3 nesterov=true",
        4.90135708801,
        4.31595207477,
        3.91105210503,
        3.63340417373,
        3.42463898459,
        3.20465790374,
        2.8485543226,
        2.48723111038,
        2.06421111432,
        1.70809624604);
  }

  @ParameterizedTest
  @EnumSource
  void sgdWithoutMomentumFollowsItsFormulas(On on) {
    check(
        on,
        GPT2,
        "kind=sgd learning_rate=0.3 momentum=0",
        4.29072552494,
        4.03554944163,
        3.83297473484,
        3.66606669406,
        3.53077476774,
        3.4927071102,
        3.4002843585,
        3.33621572456,
        3.26261496717,
        3.29251928499);
  }

  @ParameterizedTest
  @EnumSource
  void adafactorFollowsItsFormulas(On on) {
    check(
        on,
        LLAMA,
        "kind=adafactor learning_rate=1e-2",
        4.90135708801,
        4.32115561934,
        3.96190992612,
        3.74050378415,
        3.59503793678,
        3.48501747957,
        3.34767115124,
        3.19371298669,
        3.02510020439,
        2.87933647624);
  }

  @ParameterizedTest
  @EnumSource
  void adafactorWithRelativeStepsFollowsItsFormulas(On on) {
    check(
        on,
        LLAMA,
        "kind=adafactor learning_rate=1e-1 relative_step=true",
        4.90135708801,
        4.38684357208,
        4.08607107664,
        3.90180046579,
        3.6661823248,
        3.52366855968,
        3.39740864779,
        3.20956181817,
        3.08956258498,
        2.78746204753);
  }

  @ParameterizedTest
  @EnumSource
  void muonFollowsItsFormulas(On on) {
    check(
        on,
        GPT2,
        "kind=muon learning_rate=1e-2 matrix_learning_rate_factor=2",
        4.29072552494,
        4.03592271652,
        3.80340234706,
        3.62264634984,
        3.48037550716,
        3.35512194598,
        3.24191072169,
        3.12494239739,
        3.02871839377,
        2.93861514646);
  }

  @ParameterizedTest
  @EnumSource
  void muonOfStackedMatricesFollowsItsFormulas(On on) {
    check(
        on,
        LLAMA,
        "kind=muon learning_rate=1e-2 matrix_learning_rate_factor=2",
        4.90135708801,
        4.56095337514,
        4.26948739235,
        4.05334172015,
        3.87280308274,
        3.75508803061,
        3.64875226848,
        3.5455713593,
        3.43516056394,
        3.31607561184);
  }

  @ParameterizedTest
  @EnumSource
  void muonWithTheScaleOfAdamWFollowsItsFormulas(On on) {
    check(
        on,
        LLAMA,
        "kind=muon learning_rate=1e-2 update_scale=adamw_rms nesterov=false",
        4.90135708801,
        4.60209073214,
        4.34012191233,
        4.11657896398,
        3.94359333672,
        3.8030011161,
        3.7011041882,
        3.61066673719,
        3.52709925776,
        3.43871594731);
  }

  private static void check(On on, ModelConfig config, String settings, Double... losses) {
    if (on == On.OPENCL_FLOAT32) {
      OpenClSupport.assumeDevice();
    }
    OptimizerConfig optimizer = TestOptimizers.config(settings.split(" ", -1));
    boolean amplified = optimizer.kind() == OptimizerConfig.Kind.MUON && on.dtype == DType.F32;
    double tolerance = amplified ? MUON_TOLERANCE : on.tolerance;
    try (Backend backend = Backends.create(new BackendOptions(on.backend, Precision.FP32, 2))) {
      ArrayPool pool = new ArrayPool(backend);
      LanguageModel model = Models.declare(config);
      model.parameters().allocate(backend, on.dtype);
      GoldenRunTest.fill(model);
      Segment gradients = model.parameters().newSegment();
      GradientClipping clipping = new GradientClipping(1);
      try (Optimizer steps = Optimizers.of(optimizer, model.parameters())) {
        for (int step = 0; step < losses.length; step++) {
          double loss = GoldenRunTest.backward(model, pool, gradients);
          assertThat(loss).as("loss of step " + step).isEqualTo(losses[step], within(tolerance));
          double norm = GradientClipping.norm(gradients);
          steps.step(gradients, optimizer.learningRate(), clipping.scale(norm));
        }
        assertThat(steps.updates()).isEqualTo(losses.length);
      }
    }
  }
}

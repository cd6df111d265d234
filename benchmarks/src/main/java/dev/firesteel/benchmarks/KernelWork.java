package dev.firesteel.benchmarks;

import dev.firesteel.array.DType;
import dev.firesteel.array.NdArray;
import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.Backend.Write;
import dev.firesteel.backend.Heads;
import java.util.Arrays;

/**
 * What a call of the backend has to do at least: the multiplications and additions of its products,
 * and the traffic of its operands and results, each read or written once (one that is added to:
 * both). What an implementation copies or packs besides is its own, and not counted.
 *
 * @param flops of matrix products, attention's included (half of it by causality); 0 for others
 * @param bytes read and written
 */
record KernelWork(double flops, double bytes) {
  static final KernelWork NONE = new KernelWork(0, 0);

  /** A part of a training step. */
  enum Part {
    PRODUCTS("matrix products"),
    ATTENTION("attention"),
    NORMS("norms"),
    HEAD("head and loss"),
    OPTIMIZER("optimizer"),
    REST("rest");

    final String label;

    Part(String label) {
      this.label = label;
    }

    /** The part that a method of the backend belongs to. */
    static Part of(String method) {
      return switch (method) {
        case "linear", "linearBackwardInput", "linearBackwardWeight", "matmul" -> PRODUCTS;
        case "linearCrossEntropy",
            "tokenLosses",
            "tokenLossesBackward",
            "crossEntropy",
            "crossEntropyBackward" ->
            HEAD;
        case "adamW", "sumOfSquares" -> OPTIMIZER;
        case "rope", "softmax", "softmaxBackward" -> ATTENTION;
        default -> method.contains("ttention") ? ATTENTION : method.contains("Norm") ? NORMS : REST;
      };
    }

    /** Whether {@code precision: bf16} rounds its operands. */
    boolean roundsToBf16() {
      return this == PRODUCTS || this == ATTENTION || this == HEAD;
    }
  }

  KernelWork plus(KernelWork other) {
    return new KernelWork(flops + other.flops, bytes + other.bytes);
  }

  KernelWork times(double factor) {
    return new KernelWork(flops * factor, bytes * factor);
  }

  /** The work of a call with these arguments. */
  static KernelWork of(String method, Object... arguments) {
    return new KernelWork(flops(method, arguments), bytes(method, arguments));
  }

  private static double flops(String method, Object... a) {
    return switch (method) {
      case "linear", "linearBackwardInput" -> 2.0 * rows(a[0]) * size(a[1]);
      case "linearBackwardWeight" -> 2.0 * rows(a[0]) * size(a[2]);
      case "linearCrossEntropy" ->
          (2.0 + (a[5] == null ? 0 : 2) + (a[6] == null ? 0 : 2)) * rows(a[0]) * size(a[1]);
      case "tokenLosses" -> 2.0 * rows(a[0]) * size(a[1]);
      case "tokenLossesBackward" ->
          (2.0 + (a[8] == null ? 0 : 2) + (a[10] == null ? 0 : 2)) * rows(a[0]) * size(a[1]);
      case "matmul" -> {
        NdArray left = (NdArray) a[0];
        int rank = left.shape().rank();
        yield 2.0 * size(a[4]) * left.shape().dim((boolean) a[1] ? rank - 2 : rank - 1);
      }
      case "attention" -> 2 * attended((AttentionSpec) a[0], (Heads) a[1]);
      case "attentionBackward" -> 5 * attended((AttentionSpec) a[0], (Heads) a[1]);
      default -> 0;
    };
  }

  /** Multiply-adds of half a T x T product of all heads, times 2: causal attention. */
  private static double attended(AttentionSpec spec, Heads q) {
    return (double) q.batch() * q.tokens() * q.tokens() * spec.outputWidth();
  }

  private static double bytes(String method, Object... a) {
    return switch (method) {
      // Of the table only the rows that are named.
      case "embedding" -> bytes(a[0]) + 2 * bytes(a[2]);
      case "embeddingBackward" -> bytes(a[0]) + 3 * bytes(a[1]);
      case "attention" -> headBytes(a) + operands(a);
      case "attentionBackward" -> 2 * headBytes(a) + operands(a);
      case "copyColumns" -> 2.0 * Float.BYTES * rows(a[0]) * (int) a[4];
      case "addScaled" -> bytes(a[1]) + 2 * bytes(a[2]);
      case "adamW" -> bytes(a[1]) + 2 * (bytes(a[2]) + bytes(a[3]) + bytes(a[4]));
      // The weight for the logits and for the gradient of x.
      case "linearCrossEntropy" -> operands(a) + (a[5] == null ? 0 : bytes(a[1]));
      case "tokenLossesBackward" -> operands(a) + addedTo(a) + (a[8] == null ? 0 : bytes(a[1]));
      default -> operands(a) + addedTo(a);
    };
  }

  /** Of the queries, keys and values, which are columns of arrays. */
  private static double headBytes(Object... a) {
    AttentionSpec spec = (AttentionSpec) a[0];
    Heads q = (Heads) a[1];
    Heads k = (Heads) a[2];
    double queries = (double) q.batch() * q.tokens() * spec.outputWidth();
    double keys = (double) k.batch() * k.tokens() * spec.keyValueWidth();
    return Float.BYTES * (queries + 2 * keys);
  }

  private static double operands(Object... arguments) {
    return Arrays.stream(arguments).mapToDouble(KernelWork::bytes).sum();
  }

  /** Results that are added to are read, too: the array before each {@link Write#ADD}. */
  private static double addedTo(Object... arguments) {
    double bytes = 0;
    for (int i = 1; i < arguments.length; i++) {
      if (arguments[i] == Write.ADD) {
        bytes += bytes(arguments[i - 1]);
      }
    }
    return bytes;
  }

  private static double bytes(Object argument) {
    return argument instanceof NdArray array
        ? (double) array.size() * (array.dtype() == DType.F64 ? Double.BYTES : Float.BYTES)
        : 0;
  }

  private static double size(Object array) {
    return ((NdArray) array).size();
  }

  private static double rows(Object array) {
    return ((NdArray) array).shape().rows();
  }

  /**
   * The least time on a machine: the longer of what the arithmetic and what the traffic takes
   * (roofline; Williams et al. 2009), the traffic at the bandwidth of the cache that holds it.
   *
   * @param bf16 whether the arithmetic's operands are bf16
   */
  double leastSeconds(MachineCeilings machine, boolean bf16) {
    return Math.max(arithmeticSeconds(machine, bf16), trafficSeconds(machine));
  }

  /** What bounds it. */
  String bound(MachineCeilings machine, boolean bf16) {
    return arithmeticSeconds(machine, bf16) > trafficSeconds(machine)
        ? "arithmetic"
        : "traffic in " + level();
  }

  private double arithmeticSeconds(MachineCeilings machine, boolean bf16) {
    return flops / (bf16 ? machine.oneDnnBf16() : machine.fma()) * 1e-9;
  }

  private double trafficSeconds(MachineCeilings machine) {
    double bandwidth =
        switch (level()) {
          case "L2" -> machine.l2();
          case "L3" -> machine.l3();
          default -> machine.dram();
        };
    return bytes / bandwidth * 1e-9;
  }

  /** The cache that what one call touches fits into, two threads with 2 MB of L2 each taken. */
  private String level() {
    return bytes < 3e6 ? "L2" : bytes < 64e6 ? "L3" : "memory";
  }
}

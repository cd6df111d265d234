package dev.firesteel.config;

import java.util.Locale;

/** Section {@code compute}: what computes, how precisely, with how many threads. */
public record ComputeConfig(
    @Setting(
            byDefault = "cpu",
            meaning =
                "`cpu`: the fast kernels; `opencl`: a GPU, the whole step on it; `reference`: plain"
                    + " loops, slow, the oracle of the tests.")
        Backend backend,
    @Setting(
            byDefault = "fp32",
            meaning =
                "`fp32`, or `bf16`: matrix products of bf16 operands with fp32 sums (those of"
                    + " attention from 128 tokens a sequence on), where the CPU has instructions for"
                    + " it; weights and optimizer state stay fp32.")
        Precision precision,
    @Setting(
            byDefault = "0",
            meaning =
                "Threads of one trainer; results do not depend on it. 0: all cores that the process"
                    + " or executor has.")
        int threads,
    @Setting(
            byDefault = "none",
            meaning =
                "What backward computes again instead of keeping it, to the same bits: `attention`:"
                    + " the inputs of attention (norm, queries, keys, values); `block`: each whole"
                    + " Transformer block but its input. Less memory for more time.")
        Recompute recompute,
    @Setting(
            meaning =
                "Which device the backend `opencl` takes: an index of `./firesteel doctor`, a part of"
                    + " its name, or `gpu:1` for the second GPU. Empty: the GPU that Spark gives the"
                    + " trainer, or else the first GPU, or else the first device.")
        String device,
    @Setting(
            byDefault = "true",
            meaning =
                "Whether the backend `opencl` measures on its first run on a GPU how matrix products"
                    + " are fastest there, some seconds, and remembers it; `false`: a fixed choice."
                    + " Results do not depend on it.")
        boolean tune) {

  /** What computes. */
  public enum Backend {
    CPU,
    OPENCL,
    REFERENCE
  }

  /** Precision of the matrix products. */
  public enum Precision {
    FP32,
    BF16
  }

  /** What backward computes again. */
  public enum Recompute {
    NONE,
    ATTENTION,
    BLOCK
  }

  public ComputeConfig {
    Require.atLeast("compute.threads", threads, 0);
    Require.that(
        backend == Backend.CPU || precision == Precision.FP32,
        "compute.precision must be fp32 for the backend "
            + backend.name().toLowerCase(Locale.ROOT)
            + ", got bf16");
    Require.that(
        backend == Backend.OPENCL || device.isEmpty(),
        "compute.device is for the backend opencl, got "
            + device
            + " for "
            + backend.name().toLowerCase(Locale.ROOT)
            + "; leave it out or set compute.backend to opencl");
    Require.that(
        backend == Backend.OPENCL || tune,
        "compute.tune, or --no-tune, is for the backend opencl, got "
            + backend.name().toLowerCase(Locale.ROOT)
            + "; leave it out or set compute.backend to opencl");
  }
}

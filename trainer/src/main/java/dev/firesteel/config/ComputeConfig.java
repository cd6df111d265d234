package dev.firesteel.config;

import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.nn.Recompute;

/** Section {@code compute}: the backend, its precision and its threads. */
public record ComputeConfig(
    @Setting(
            byDefault = "cpu",
            resume = Resume.FREE,
            meaning =
                "`cpu`: the fast kernels; `opencl`: runs the whole step on a GPU; `reference`:"
                    + " plain, slow loops, the oracle of the tests.")
        BackendKind backend,
    @Setting(
            byDefault = "fp32",
            meaning =
                "`fp32`, or `bf16`: matmuls of bf16 operands with fp32 accumulation (those of"
                    + " attention for sequences of 128 tokens and more), if the CPU has"
                    + " instructions for it; weights and optimizer state stay fp32.")
        Precision precision,
    @Setting(
            byDefault = "0",
            resume = Resume.FREE,
            meaning =
                "Compute threads of one trainer; results do not depend on it. 0: all cores of the"
                    + " process or executor.")
        int threads,
    @Setting(
            byDefault = "none",
            resume = Resume.FREE,
            meaning =
                "Activation checkpointing: what backward recomputes instead of storing it, with"
                    + " bit-identical results. `attention`: the inputs of attention (norm, queries,"
                    + " keys, values); `block`: each whole Transformer block but its input. Trades"
                    + " time for memory.")
        Recompute recompute,
    @Setting(
            resume = Resume.FREE,
            meaning =
                "Device of the backend `opencl`: an index from `./firesteel doctor`, a part of its"
                    + " name, or `gpu:1` for the second GPU. Empty: the GPU that Spark assigns to"
                    + " the trainer, else the first GPU, else the first device.")
        String device,
    @Setting(
            byDefault = "true",
            resume = Resume.FREE,
            meaning =
                "Whether the backend `opencl` measures, on its first run on a GPU, which matmul"
                    + " tiles are fastest there (a few seconds, then cached); `false`: a fixed"
                    + " choice. Results do not depend on it.")
        boolean tune) {

  public ComputeConfig {
    Require.atLeast("compute.threads", threads, 0);
    Require.that(
        backend == BackendKind.OPENCL || tune,
        "compute.tune is for the backend opencl, got "
            + backend
            + ": leave it out or set compute.backend to opencl");
    BackendOptions.requirePossible(backend, precision, device);
  }

  /**
   * The requested backend.
   *
   * @param cores number of threads if the configuration does not set it
   * @param chosenDevice {@link #device}, or the device that the cluster assigns
   */
  public BackendOptions options(int cores, String chosenDevice) {
    return new BackendOptions(
        backend, precision, threads == 0 ? cores : threads, chosenDevice, tune);
  }
}

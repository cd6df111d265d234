/**
 * The fast backend for CPUs: float32 arrays on the Java heap, kernels on the Vector API, matrix
 * products behind {@code MatrixEngine} by precision.
 *
 * <p>From below: {@code Simd} holds the primitives over ranges of floats, vector and scalar with
 * the same bits; {@code WorkerPool} runs tiles on a fixed team of threads; {@code Gemm}, {@code
 * Attention}, {@code Norms}, {@code Activations} and {@code CrossEntropy} are kernels on {@code
 * float[]}; {@code CpuElementwise}, {@code CpuReductions}, {@code CpuProducts}, {@code CpuNorms},
 * {@code CpuAttention}, {@code CpuLosses} and {@code CpuOptimizer}, the groups of {@code
 * CpuBackend}, unpack arrays and cut the work into tiles. {@code CpuWorkspace} says what all of
 * these keep for themselves: a kernel that comes to keep more says so there.
 *
 * <p>What keeps the bits the same everywhere, and what a change here must not break: an element of
 * a result is computed by one thread, in an order that depends on the operands' shapes alone; sums
 * over rows are cut by fixed sizes; reductions have 16 accumulators whatever the vector width;
 * transcendental functions are our own polynomials or {@code StrictMath}.
 *
 * <p>Uses {@code array}, {@code backend}, {@code error}, {@code random}.
 */
package dev.firesteel.backend.cpu;

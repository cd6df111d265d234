/**
 * The fast backend for CPUs: float32 arrays on the Java heap, kernels on the Vector API, matmuls in
 * either precision behind {@code MatrixEngine}.
 *
 * <p>From the lowest layer up: {@code Simd} holds the primitives over ranges of floats, in
 * bit-identical vector and scalar versions; {@code WorkerPool} runs tiles on a fixed team of
 * threads; {@code Gemm}, {@code Attention}, {@code Norms}, {@code Activations} and {@code
 * CrossEntropy} are kernels on {@code float[]}; {@code CpuElementwise}, {@code CpuReductions},
 * {@code CpuProducts}, {@code CpuNorms}, {@code CpuAttention}, {@code CpuLosses} and {@code
 * CpuOptimizer}, the groups of {@code CpuBackend}, unpack arrays and divide the work into tiles.
 * {@code CpuWorkspace} describes the memory that all of these keep for themselves, and must be
 * updated with them.
 *
 * <p>Invariants that make results bit-identical everywhere, which changes here must preserve: an
 * element of a result is computed by one thread, in an order that depends only on the operands'
 * shapes; sums over rows are split at fixed sizes; reductions have 16 accumulators regardless of
 * the vector width; transcendental functions are our own polynomials or {@code StrictMath}.
 *
 * <p>Uses {@code array}, {@code backend}, {@code error}, {@code random}.
 */
package dev.firesteel.backend.cpu;

/**
 * Measurements of Firesteel, alone and side by side with its peers. Never published.
 *
 * <p>Uses {@code array}, {@code backend}, {@code backend.choice}, {@code backend.cpu},
 * {@code backend.opencl}, {@code collective}, {@code config}, {@code data}, {@code files},
 * {@code metrics}, {@code model}, {@code nn}, {@code optim}, {@code random}, {@code run},
 * {@code stage}, {@code tales}, {@code tensor}, {@code tokenizer}, {@code train}.
 */
package dev.firesteel.benchmarks;

/**
 * Measurements of Firesteel, alone and side by side with its peers. Never published.
 *
 * <p>Uses {@code array}, {@code backend}, {@code backend.choice}, {@code backend.cpu}, {@code
 * backend.opencl}, {@code backend.reference}, {@code checkpoint}, {@code collective}, {@code
 * config}, {@code convert}, {@code data}, {@code error}, {@code example}, {@code files}, {@code
 * format.gguf}, {@code format.huggingface}, {@code format.safetensors}, {@code generate}, {@code
 * loss}, {@code metrics}, {@code model}, {@code nn}, {@code optim}, {@code random}, {@code run},
 * {@code scaling}, {@code stage}, {@code tales}, {@code tensor}, {@code tokenizer}, {@code train},
 * {@code walks}.
 */
package dev.firesteel.benchmarks;

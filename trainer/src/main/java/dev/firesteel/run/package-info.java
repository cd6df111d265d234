/**
 * The run directory and what lies in it; {@code SavedModel} opens a run, a checkpoint or a
 * published model.
 *
 * <p>Uses {@code backend}, {@code chat}, {@code checkpoint}, {@code config}, {@code error}, {@code
 * files}, {@code format.huggingface}, {@code metrics}, {@code model}, {@code tokenizer}.
 */
package dev.firesteel.run;

/**
 * A look inside: what files and folders hold, how two models differ, what a model predicts and
 * attends to. {@link dev.firesteel.inspect.Inspections} has the list of the kinds of files.
 *
 * <p>Uses {@code array}, {@code checkpoint}, {@code config}, {@code data}, {@code error}, {@code
 * example}, {@code files}, {@code format.gguf}, {@code format.huggingface}, {@code
 * format.safetensors}, {@code generate}, {@code model}, {@code run}, {@code tokenizer}, {@code
 * train}.
 */
package dev.firesteel.inspect;

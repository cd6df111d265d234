/**
 * The task of a rank.
 *
 * <p>Uses {@code backend}, {@code backend.choice}, {@code backend.opencl}, {@code checkpoint},
 * {@code collective}, {@code config}, {@code error}, {@code metrics}, {@code run}, {@code
 * spark.process}, {@code spark.rpc}, {@code spark.transport}, {@code stage}, {@code sweep}, {@code
 * track}, {@code train}.
 */
package dev.firesteel.spark.executor;

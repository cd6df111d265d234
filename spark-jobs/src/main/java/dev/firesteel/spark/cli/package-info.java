/**
 * The commands.
 *
 * <p>Uses {@code array}, {@code backend}, {@code backend.choice}, {@code chat}, {@code checkpoint},
 * {@code collective}, {@code config}, {@code convert}, {@code data}, {@code error}, {@code
 * example}, {@code files}, {@code generate}, {@code inspect}, {@code model}, {@code pipeline},
 * {@code plan}, {@code rate}, {@code run}, {@code runs}, {@code scaling}, {@code scaling.forecast},
 * {@code scaling.report}, {@code serve}, {@code spark.driver}, {@code spark.executor}, {@code
 * spark.prepare}, {@code spark.process}, {@code spark.rpc}, {@code spark.session}, {@code stage},
 * {@code sweep}, {@code talk}, {@code tokenizer}, {@code track}, {@code train}.
 */
package dev.firesteel.spark.cli;

/**
 * Attempts of a run, their failures and retries.
 *
 * <p>Uses {@code checkpoint}, {@code config}, {@code error}, {@code files}, {@code metrics}, {@code
 * nn}, {@code plan}, {@code run}, {@code spark.executor}, {@code spark.monitor}, {@code
 * spark.process}, {@code spark.rpc}, {@code sweep}, {@code train}.
 */
package dev.firesteel.spark.driver;

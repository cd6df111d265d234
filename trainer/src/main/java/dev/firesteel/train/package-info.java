/**
 * Training loops: pretraining, its evaluation, its exact resume, and what it tells the world while
 * it runs. Needs {@code model}, {@code optim}, {@code data}, {@code tokenizer}, {@code generate},
 * {@code checkpoint}, {@code collective} and {@code config}; knows no Spark.
 */
package dev.firesteel.train;

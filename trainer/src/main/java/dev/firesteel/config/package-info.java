/**
 * Configurations: a root record for each kind of run ({@link dev.firesteel.config.PretrainConfig}
 * for pretraining), a tree of records bound from YAML. Roots share section records, and those of
 * training stages implement {@link dev.firesteel.config.StageConfig}. Each record component is a
 * key, annotated with its default, its meaning and its resume rule ({@link
 * dev.firesteel.config.Setting}); {@link dev.firesteel.config.ConfigLoader} reads, validates and
 * writes configurations.
 *
 * <p>Uses {@code backend}, {@code collective}, {@code error}, {@code example}, {@code loss}, {@code
 * nn}, {@code rl}, {@code tokenizer}.
 */
package dev.firesteel.config;

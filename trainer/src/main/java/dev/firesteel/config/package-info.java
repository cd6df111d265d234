/**
 * What a run is: a root record for each kind of run ({@link dev.firesteel.config.PretrainConfig}
 * for pretraining), a tree of records bound from YAML. Roots share the records of their sections,
 * and those of training stages implement {@link dev.firesteel.config.StageConfig}. Each component
 * is a key, with its default, its meaning and its rule at a resume beside it ({@link
 * dev.firesteel.config.Setting}); {@link dev.firesteel.config.ConfigLoader} reads, checks and
 * writes it.
 *
 * <p>Uses {@code backend}, {@code collective}, {@code error}, {@code nn}.
 */
package dev.firesteel.config;

/**
 * What a run is: one {@link dev.firesteel.config.RunConfig}, a tree of records bound from YAML.
 * Each component is a key, with its default and meaning beside it ({@link
 * dev.firesteel.config.Setting}); {@link dev.firesteel.config.ConfigLoader} reads, checks and
 * writes it. Needs Jackson and the package {@code error}.
 */
package dev.firesteel.config;

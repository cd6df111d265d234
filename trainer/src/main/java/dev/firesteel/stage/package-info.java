/**
 * The training stages: one {@link dev.firesteel.train.Objective} each, and the table of them. See
 * {@code docs/stages.md}.
 */
package dev.firesteel.stage;

/**
 * Line charts over the step, as SVG and PNG: one drawing for the report of a run and for the tab of
 * Spark's UI.
 *
 * <p>Uses {@code metrics}.
 */
package dev.firesteel.chart;

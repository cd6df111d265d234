/**
 * Charts as SVG and PNG: curves over the step, the same for the report of a run and for the tab of
 * Spark's UI, bars with intervals, and the calibration of a model.
 *
 * <p>Uses {@code metrics}.
 */
package dev.firesteel.chart;

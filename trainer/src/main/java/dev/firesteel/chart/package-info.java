/**
 * Line charts over the step, as SVG and PNG: one drawing for the report of a run and for the tab of
 * Spark's UI. Needs {@code metrics}, and JSVG for PNG alone.
 */
package dev.firesteel.chart;

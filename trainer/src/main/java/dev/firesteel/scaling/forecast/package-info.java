/**
 * Forecasts from a fit of scaling laws: the model, data and settings for a budget, with the loss
 * that is expected, as a configuration that can be run; and whether a run bore the forecast out.
 * See {@code docs/scaling.md}.
 *
 * <p>Uses {@code config}, {@code error}, {@code plan}, {@code random}, {@code scaling}, {@code
 * scaling.report}.
 */
package dev.firesteel.scaling.forecast;

/**
 * What a fit of scaling laws leaves: {@code fit.json}, charts and {@code report.html}. See {@code
 * docs/scaling.md}.
 *
 * <p>Uses {@code chart}, {@code error}, {@code scaling}, {@code train}.
 */
package dev.firesteel.scaling.report;

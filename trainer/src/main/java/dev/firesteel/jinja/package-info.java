/**
 * The template language Jinja, as far as chat templates use it: with the meaning of Python's
 * Jinja2, bounded, and aware of where each character of its output comes from. See {@code
 * docs/sft.md}.
 *
 * <p>Uses none.
 */
package dev.firesteel.jinja;

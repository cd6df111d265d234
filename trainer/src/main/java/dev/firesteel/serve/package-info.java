/**
 * OpenAI's HTTP protocol for the models of an engine: routes, requests and answers, limits,
 * metrics. The HTTP itself is Jetty's.
 *
 * <p>Uses {@code chat}, {@code config}, {@code error}, {@code example}, {@code generate}, {@code
 * rate}, {@code retrieval}, {@code tokenizer}.
 */
package dev.firesteel.serve;

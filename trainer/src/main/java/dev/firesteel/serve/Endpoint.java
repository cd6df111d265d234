package dev.firesteel.serve;

/** What a route does with a request. */
@FunctionalInterface
public interface Endpoint {
  /**
   * Answers the request, now or later; called when its body has been read. Must not block for long:
   * its thread is one of few.
   *
   * @throws ApiException to answer with that error
   */
  void handle(Exchange exchange);
}

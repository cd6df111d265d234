package dev.firesteel.serve;

import dev.firesteel.serve.Route.Access;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The table of everything that the server has. */
final class Routes {
  private final List<Route> routes;

  /**
   * The server's own routes and more.
   *
   * @param more routes of the command that starts the server, such as {@link RateEndpoints}
   */
  Routes(ServedModels models, ServerMetrics metrics, List<Route> more) {
    List<Route> all = new ArrayList<>();
    all.add(new Route("GET", "/health", Access.OPEN, new HealthEndpoint(models)));
    all.add(new Route("GET", "/metrics", Access.KEY, new MetricsEndpoint(metrics)));
    ModelsEndpoint listed = new ModelsEndpoint(models);
    all.add(new Route("GET", "/v1/models", Access.KEY, listed::list));
    all.add(new Route("GET", "/v1/models/*", Access.KEY, listed::one));
    all.add(new Route("POST", "/v1/chat/completions", Access.KEY, new ChatEndpoint(models)));
    all.add(new Route("POST", "/v1/completions", Access.KEY, new CompletionsEndpoint(models)));
    all.add(new Route("POST", "/v1/embeddings", Access.KEY, new EmbeddingsEndpoint(models)));
    all.add(Page.chat().at("/"));
    all.addAll(more);
    routes = List.copyOf(all);
  }

  /** The path of a route for the metrics: there are as many as there are routes. */
  String label(String path) {
    return routes.stream()
        .filter(route -> route.matches(path))
        .map(Route::path)
        .findFirst()
        .orElse("other");
  }

  /**
   * The route of a request.
   *
   * @throws ApiException (404, 405) if there is none
   */
  Route find(String method, String path) {
    List<Route> here = routes.stream().filter(route -> route.matches(path)).toList();
    if (here.isEmpty()) {
      throw ApiException.request(
          404,
          "unknown_path",
          "the path must be one of %s, got %s: correct the URL"
              .formatted(
                  routes.stream().map(Route::path).distinct().collect(Collectors.joining(", ")),
                  shown(path)));
    }
    Optional<Route> found = here.stream().filter(route -> route.serves(method)).findFirst();
    return found.orElseThrow(
        () -> {
          String allowed = here.stream().map(Route::method).collect(Collectors.joining(", "));
          return ApiException.request(
                  405,
                  "method_not_allowed",
                  "the method of %s must be %s, got %s: use that one"
                      .formatted(here.get(0).path(), allowed, shown(method)))
              .with("Allow", allowed);
        });
  }

  /** What a message quotes of a request. */
  static String shown(String text) {
    return text.length() <= 100 ? text : text.substring(0, 100) + "...";
  }
}

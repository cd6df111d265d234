package dev.firesteel.serve;

import dev.firesteel.config.NearestName;
import dev.firesteel.generate.GenerationEngine;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The models of a server, by name, and the engine that runs them. */
public final class ServedModels {
  private final GenerationEngine engine;
  private final Map<String, ServedModel> models = new LinkedHashMap<>();
  private final Optional<Library> library;

  /** The models that were added to an engine under their names, without documents. */
  public ServedModels(GenerationEngine engine, List<ServedModel> models) {
    this(engine, models, Optional.empty());
  }

  /**
   * The models that were added to an engine under their names.
   *
   * @param models at least one, with different names
   * @param library the documents that chat answers are drawn from, if any
   */
  public ServedModels(
      GenerationEngine engine, List<ServedModel> models, Optional<Library> library) {
    this.engine = engine;
    this.library = library;
    models.forEach(model -> this.models.put(model.id(), model));
    if (models.isEmpty() || this.models.size() < models.size()) {
      throw new IllegalArgumentException("serve: there must be models with different names");
    }
  }

  /** What runs them. */
  GenerationEngine engine() {
    return engine;
  }

  /** The documents that chat answers are drawn from, if any. */
  Optional<Library> library() {
    return library;
  }

  /** All of them, in the order of the command line. */
  List<ServedModel> all() {
    return new ArrayList<>(models.values());
  }

  /**
   * The model of a request.
   *
   * @throws ApiException (404) if there is none of that name
   */
  ServedModel find(String id) {
    ServedModel model = models.get(id);
    if (model == null) {
      throw ApiException.unknownModel(
          "the model must be one of %s, got %s: %s"
              .formatted(
                  String.join(", ", models.keySet()),
                  Routes.shown(id),
                  NearestName.of(id, List.copyOf(models.keySet()))
                      .map(nearest -> "did you mean %s?".formatted(nearest))
                      .orElse("see /v1/models")));
    }
    return model;
  }
}

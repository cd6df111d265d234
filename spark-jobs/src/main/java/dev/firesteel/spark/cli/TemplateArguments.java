package dev.firesteel.spark.cli;

import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.error.UserException;
import dev.firesteel.run.SavedModel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.Option;

/** The chat templates of a command that serves models, where they are not the stored ones. */
final class TemplateArguments {
  private static final String ALL = "";

  @Option(
      names = "--template",
      paramLabel = "[MODEL=]NAME",
      description =
          "The chat template of all models, or of the one called MODEL; repeatable: chatml, alpaca,"
              + " llama3, vicuna, zephyr, plain or a file; by default the one stored with each"
              + " tokenizer.")
  private List<String> arguments = new ArrayList<>();

  /**
   * The templates of the command line.
   *
   * @param models by their names
   * @return the template of each model, empty for a base model
   * @throws UserException if a model or a template is unknown
   */
  Map<String, Optional<ChatTemplate>> of(Map<String, SavedModel> models, Configuration hadoop) {
    Map<String, String> choices = choices(models.keySet());
    Map<String, Optional<ChatTemplate>> templates = new HashMap<>();
    models.forEach(
        (name, model) -> {
          String choice = choices.getOrDefault(name, choices.get(ALL));
          templates.put(
              name,
              choice == null
                  ? model.chatTemplate(hadoop)
                  : Optional.of(model.chatTemplate(choice, hadoop)));
        });
    return templates;
  }

  private Map<String, String> choices(Set<String> models) {
    Map<String, String> choices = new HashMap<>();
    for (String argument : arguments) {
      int equals = argument.indexOf('=');
      String model = equals > 0 ? argument.substring(0, equals) : ALL;
      if (!model.equals(ALL) && !models.contains(model)) {
        throw UserException.usage(
            "--template must name one of the models %s before the =, got %s: correct it"
                .formatted(String.join(", ", models), model));
      }
      if (choices.putIfAbsent(model, argument.substring(equals + 1)) != null) {
        throw UserException.usage(
            "--template must be given once for %s, got %s as well: leave one out"
                .formatted(model.equals(ALL) ? "all models" : "the model " + model, argument));
      }
    }
    return choices;
  }
}

package dev.firesteel.spark.cli;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.run.SavedModel;
import dev.firesteel.talk.AnswerWriter;
import dev.firesteel.talk.Talk;
import dev.firesteel.talk.TalkPrompts;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.jline.terminal.Terminal;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code chat}: a conversation with a model in a terminal, or with lines from a pipe. */
@Command(
    name = "chat",
    description =
        "Talks to a model: through its chat template, or as plain completion if it has none."
            + " In a terminal with line editing and commands (/help); otherwise each line of"
            + " standard input is a message, and standard output gets the answers alone.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel chat runs/chat",
      "  ./firesteel chat runs/chat --system \"You answer in one sentence.\" --temperature 0.5",
      "  ./firesteel chat runs/base --template chatml",
      "  echo \"Tell me a story.\" | ./firesteel chat runs/chat --seed 7"
    })
public final class ChatCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ModelArguments model;
  @Mixin private SamplingArguments sampling;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "The system message; none by default.")
  private String system;

  @Option(
      names = "--template",
      paramLabel = "NAME",
      description =
          "The chat template: chatml, alpaca, llama3, vicuna, zephyr, plain or a file; by default"
              + " the one stored with the tokenizer.")
  private String template;

  @Override
  public Integer call() {
    GenerationOptions options = sampling.builder().build();
    Configuration hadoop = new Configuration();
    return model.with(hadoop, (saved, backend) -> talk(saved, backend, options, hadoop));
  }

  private int talk(
      SavedModel saved, Backend backend, GenerationOptions options, Configuration hadoop) {
    TalkPrompts prompts = prompts(saved, hadoop);
    try (ArrayPool pool = new ArrayPool(backend)) {
      Generator generator =
          new Generator(saved.model(), saved.tokenizer(), prompts.boundaries(), pool);
      Talk talk = new Talk(prompts, AnswerWriter.of(generator), options);
      talk.setSystem(Optional.ofNullable(system));
      try (Terminal terminal = TerminalChat.systemTerminal().orElse(null)) {
        if (terminal != null) {
          TerminalChat.of(terminal, TerminalChat.historyFile()).run(talk, model.name());
        } else {
          // Standard input is the process's own, not a resource of this command.
          InputStream in = System.in;
          new PipedChat(in, spec.commandLine().getOut(), spec.commandLine().getErr())
              .run(talk, model.name());
        }
      } catch (IOException e) {
        throw HadoopFiles.explain("closing the terminal", e);
      }
      return 0;
    }
  }

  private TalkPrompts prompts(SavedModel saved, Configuration hadoop) {
    int contextLength = saved.model().config().contextLength();
    Optional<ChatTemplate> chosen =
        template == null
            ? saved.chatTemplate(hadoop)
            : Optional.of(saved.chatTemplate(template, hadoop));
    return chosen
        .map(
            found ->
                TalkPrompts.chat(
                    new ChatTokens(found, saved.tokenizer(), saved.documents()), contextLength))
        .orElseGet(() -> TalkPrompts.plain(saved.tokenizer(), saved.documents(), contextLength));
  }
}

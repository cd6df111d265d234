package dev.firesteel.spark.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code serve}: OpenAI's HTTP protocol for trained models. */
@Command(
    name = "serve",
    description =
        "Serves models over HTTP, as OpenAI's API does: chat, completions, embeddings, streaming.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel serve runs/sft",
      "  ./firesteel serve aligned=runs/dpo base=runs/pretrain --port 0",
      "  ./firesteel serve aligned=runs/dpo base=runs/pretrain --template base=chatml",
      "  ./firesteel serve exports/gpt2 compute.precision=bf16 --max-batch 32",
      "  FIRESTEEL_API_KEY=secret ./firesteel serve runs/sft --host 0.0.0.0",
      "",
      "Try it:",
      "  curl http://127.0.0.1:8080/v1/completions -H 'Content-Type: application/json' \\",
      "    -d '{\"model\": \"sft\", \"prompt\": \"Once\", \"max_tokens\": 20}'"
    })
public final class ServeCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ServeArguments arguments;

  @Override
  public Integer call() {
    return arguments.serve(spec, "/", models -> List.of());
  }
}

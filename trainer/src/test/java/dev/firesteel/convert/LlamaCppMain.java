package dev.firesteel.convert;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.CacheType;
import de.kherud.llama.args.LogFormat;
import de.kherud.llama.args.Sampler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Greedy completions by llama.cpp. A process of its own, since a failed assertion of llama.cpp ends
 * the process, and since closing a model hangs in this binding. Asked for probabilities the binding
 * fails an assertion, and a prompt's cached tokens may be those of the prompt before it.
 *
 * <p>Arguments: the file to write, a file with one prompt a line, the tokens to generate, and GGUF
 * files. The file gets one line of JSON for each model.
 */
final class LlamaCppMain {
  private static final int CONTEXT = 128;

  private LlamaCppMain() {}

  public static void main(String[] args) {
    try {
      run(args);
    } catch (IOException | RuntimeException | Error e) {
      System.err.println(e);
      Runtime.getRuntime().halt(1); // threads of llama.cpp never end
    }
    Runtime.getRuntime().halt(0);
  }

  private static void run(String[] args) throws IOException {
    List<String> prompts = Files.readAllLines(Path.of(args[1]));
    int count = Integer.parseInt(args[2]);
    ObjectMapper mapper = new ObjectMapper();
    StringBuilder lines = new StringBuilder();
    LlamaModel.setLogger(LogFormat.TEXT, (level, text) -> System.err.print(text));
    for (int i = 3; i < args.length; i++) {
      LlamaModel model =
          new LlamaModel(
              new ModelParameters()
                  .setModel(args[i])
                  .setThreads(1)
                  .setThreadsBatch(1)
                  .setCtxSize(CONTEXT)
                  .setCacheTypeK(CacheType.F32)
                  .setCacheTypeV(CacheType.F32));
      ObjectNode line = mapper.createObjectNode().put("file", args[i]);
      complete(model, prompts, count, line);
      lines.append(mapper.writeValueAsString(line)).append('\n');
    }
    Files.writeString(Path.of(args[0]), lines);
  }

  private static void complete(
      LlamaModel model, List<String> prompts, int tokens, ObjectNode line) {
    ArrayNode ids = line.putArray("ids");
    ArrayNode texts = line.putArray("texts");
    for (String prompt : prompts) {
      ArrayNode ofPrompt = ids.addArray();
      for (int id : model.encode(prompt)) {
        ofPrompt.add(id);
      }
      StringBuilder text = new StringBuilder();
      for (LlamaOutput output : model.generate(greedy(prompt, tokens))) {
        text.append(output.text);
      }
      texts.add(text.toString());
    }
  }

  private static InferenceParameters greedy(String prompt, int tokens) {
    return new InferenceParameters(prompt)
        .setNPredict(tokens)
        .setCachePrompt(false)
        .setSamplers(Sampler.TOP_K)
        .setTopK(1)
        .setTemperature(0f);
  }
}

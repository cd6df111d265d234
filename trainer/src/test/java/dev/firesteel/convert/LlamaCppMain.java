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
 * Greedy completions and probabilities by llama.cpp. A process of its own, since a failed assertion
 * of llama.cpp ends the process, and since closing a model hangs in this binding.
 *
 * <p>Arguments: the task, the file to write, a file with one prompt a line, a number, and GGUF
 * files. The file gets one line of JSON for each model: for {@value #COMPLETE} the prompts' tokens
 * and texts of so many tokens, for {@value #NEXT} the probabilities of so many next tokens after
 * each prompt.
 */
final class LlamaCppMain {
  static final String COMPLETE = "complete";
  static final String NEXT = "next";

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
    List<String> prompts = Files.readAllLines(Path.of(args[2]));
    int count = Integer.parseInt(args[3]);
    ObjectMapper mapper = new ObjectMapper();
    StringBuilder lines = new StringBuilder();
    LlamaModel.setLogger(LogFormat.TEXT, (level, text) -> System.err.print(text));
    for (int i = 4; i < args.length; i++) {
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
      if (args[0].equals(COMPLETE)) {
        complete(model, prompts, count, line);
      } else {
        next(model, prompts, count, line.putArray("probabilities"));
      }
      lines.append(mapper.writeValueAsString(line)).append('\n');
    }
    Files.writeString(Path.of(args[1]), lines);
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

  private static void next(LlamaModel model, List<String> prompts, int most, ArrayNode into) {
    for (String prompt : prompts) {
      ObjectNode ofPrompt = into.addObject();
      for (LlamaOutput output : model.generate(greedy(prompt, 1).setNProbs(most))) {
        output.probabilities.forEach(ofPrompt::put);
      }
    }
  }

  private static InferenceParameters greedy(String prompt, int tokens) {
    return new InferenceParameters(prompt)
        .setNPredict(tokens)
        .setSamplers(Sampler.TOP_K)
        .setTopK(1)
        .setTemperature(0f);
  }
}

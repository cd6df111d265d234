package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;

/**
 * {@code POST /v1/embeddings}: texts as vectors of length 1, the mean of the model's last hidden
 * states. {@code encoding_format} is {@code float} or {@code base64} of float32, little-endian.
 */
final class EmbeddingsEndpoint implements Endpoint {
  private final ServedModels models;

  EmbeddingsEndpoint(ServedModels models) {
    this.models = models;
  }

  @Override
  public void handle(Exchange exchange) {
    RequestFields fields = RequestFields.parse(exchange.body());
    ServedModel model = models.find(fields.requiredText("model"));
    JsonNode given =
        fields
            .any("input")
            .orElseThrow(() -> RequestFields.wrong("input", "a string or an array", "nothing"));
    String format = fields.text("encoding_format").orElse("float");
    if (!format.equals("float") && !format.equals("base64")) {
      throw RequestFields.wrong("encoding_format", "float or base64", Routes.shown(format));
    }
    OptionalInt dimensions = fields.integer("dimensions", 1, Integer.MAX_VALUE);
    if (dimensions.isPresent() && dimensions.getAsInt() != model.width()) {
      throw RequestFields.wrong(
          "dimensions",
          "%d, the width of %s, whose embeddings cannot be shortened"
              .formatted(model.width(), model.id()),
          Integer.toString(dimensions.getAsInt()));
    }
    fields.ignore("user");
    fields.finish();
    List<PromptTokens> texts = PromptTokens.read("input", given, model);
    long tokens = 0;
    for (PromptTokens text : texts) {
      if (text.text().filter(String::isEmpty).isPresent()) {
        throw RequestFields.wrong("input", "texts that are not empty", "an empty one");
      }
      requireFit(text.ids().length, model);
      tokens += text.ids().length;
    }
    exchange.metrics().promptTokens(model.id(), tokens);
    answer(exchange, model, texts.stream().map(PromptTokens::ids).toList(), format, tokens);
  }

  @SuppressWarnings("FutureReturnValueIgnored") // What it calls hears of failures.
  private void answer(
      Exchange exchange, ServedModel model, List<int[]> texts, String format, long tokens) {
    CompletableFuture<List<float[]>> vectors = models.engine().embed(model.id(), texts);
    exchange.watch(() -> vectors.cancel(false));
    ScheduledFuture<?> deadline =
        exchange.afterTimeout(
            timeout ->
                vectors.completeExceptionally(
                    ApiException.unavailable(
                        "timeout",
                        "the embeddings must be complete after %d s, but were not: send fewer texts, or raise --request-timeout"
                            .formatted(timeout.toSeconds()))));
    vectors.whenCompleteAsync(
        (result, failure) -> {
          deadline.cancel(false);
          if (failure != null) {
            exchange.failure(failure);
          } else {
            exchange.json(200, json(model, result, format, tokens));
          }
        },
        exchange::execute);
  }

  private static void requireFit(int length, ServedModel model) {
    if (length > model.context()) {
      throw ApiException.invalid(
          "input",
          "context_length_exceeded",
          "each text must have at most %d tokens, since the context of %s holds no more, got %d: split it"
              .formatted(model.context(), model.id(), length));
    }
  }

  private static ObjectNode json(
      ServedModel model, List<float[]> vectors, String format, long tokens) {
    ObjectNode body = Json.object().put("object", "list");
    ArrayNode data = body.putArray("data");
    for (int i = 0; i < vectors.size(); i++) {
      ObjectNode entry = data.addObject().put("object", "embedding").put("index", i);
      if (format.equals("base64")) {
        entry.put("embedding", base64(vectors.get(i)));
      } else {
        ArrayNode numbers = entry.putArray("embedding");
        for (float number : vectors.get(i)) {
          numbers.add(number);
        }
      }
    }
    body.put("model", model.id());
    body.putObject("usage").put("prompt_tokens", tokens).put("total_tokens", tokens);
    return body;
  }

  private static String base64(float... vector) {
    ByteBuffer bytes =
        ByteBuffer.allocate(vector.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(vector);
    return Base64.getEncoder().encodeToString(bytes.array());
  }
}

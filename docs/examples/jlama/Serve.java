import com.github.tjake.jlama.model.AbstractModel;
import com.github.tjake.jlama.model.ModelSupport;
import com.github.tjake.jlama.model.functions.Generator;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.safetensors.prompt.PromptContext;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.concurrent.Executors;

/** Serves a model: POST a text to /complete, and get its continuation. Arguments: a folder, a port. */
public final class Serve {
  private static final int TOKENS = 64;

  public static void main(String[] args) throws IOException {
    AbstractModel model = ModelSupport.loadModel(new File(args[0]), DType.F32, DType.F32);
    InetAddress here = InetAddress.getLoopbackAddress();
    HttpServer server = HttpServer.create(new InetSocketAddress(here, Integer.parseInt(args[1])), 0);
    server.createContext("/complete", exchange -> complete(model, exchange));
    server.setExecutor(Executors.newSingleThreadExecutor());
    server.start();
    System.out.println("http:/" + server.getAddress() + "/complete");
  }

  private static void complete(AbstractModel model, HttpExchange exchange) throws IOException {
    try (exchange) {
      String prompt = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      int length = model.getTokenizer().encode(prompt).length;
      // Greedy, up to so many tokens after the prompt.
      Generator.Response response =
          model.generate(
              UUID.randomUUID(), PromptContext.of(prompt), 0f, length + TOKENS, (text, seconds) -> {});
      byte[] body = response.responseText.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
    }
  }
}

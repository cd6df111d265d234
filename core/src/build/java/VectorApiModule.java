import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/**
 * Copies the running JDK's module {@code jdk.incubator.vector} into a folder for javac's upgrade
 * module path, with a module descriptor that lacks the incubator mark.
 *
 * <p>javac warns about each use of an incubator module, no {@code -Xlint} key turns that off, and
 * {@code -Werror} would make it an error. Only the compiler reads the copy: at run time the JDK's
 * own module is used, since only there are vectors compiled to machine instructions.
 *
 * <p>Usage: {@code java VectorApiModule.java FOLDER}. Does nothing where the copy is complete.
 */
final class VectorApiModule {
  private static final String NAME = "jdk.incubator.vector";

  private VectorApiModule() {}

  public static void main(String[] args) throws IOException {
    Path module = Path.of(args[0], NAME);
    Path descriptor = module.resolve("module-info.class");
    if (Files.exists(descriptor)) {
      return;
    }
    Path source = FileSystems.getFileSystem(URI.create("jrt:/")).getPath("/modules", NAME);
    if (!Files.isDirectory(source)) {
      throw new IOException(
          "This JDK has no module " + NAME + ": build with a full JDK of version 17 or later.");
    }
    try (Stream<Path> paths = Files.walk(source)) {
      for (Path path : (Iterable<Path>) paths::iterator) {
        Path target = module.resolve(source.relativize(path).toString());
        if (Files.isDirectory(path)) {
          Files.createDirectories(target);
        } else if (!target.equals(descriptor)) {
          Files.copy(path, target, StandardCopyOption.REPLACE_EXISTING);
        }
      }
    }
    Path declaration = Path.of(args[0], "module-info.java");
    Files.writeString(
        declaration, "module " + NAME + " { exports " + NAME + "; }", StandardCharsets.UTF_8);
    var output = new StringWriter();
    int status =
        ToolProvider.findFirst("javac")
            .orElseThrow(() -> new IOException("javac is missing: build with a JDK, not a JRE."))
            .run(
                new PrintWriter(output, true),
                new PrintWriter(output, true),
                "--patch-module",
                NAME + "=" + module,
                "-d",
                module.toString(),
                declaration.toString());
    if (status != 0) {
      throw new IOException("Cannot compile the module descriptor of " + NAME + ": " + output);
    }
  }
}

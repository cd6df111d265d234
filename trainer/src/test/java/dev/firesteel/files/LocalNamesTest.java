package dev.firesteel.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** In processes of their own: a JVM's encoding of names is fixed before {@code main}. */
class LocalNamesTest {
  private static final Map<String, String> UTF_8 = Map.of("LC_ALL", "C.UTF-8");

  /** As the bytes of UTF-8, since this JVM, too, may be in the locale C. */
  private static final String CAFE = "caf$'\\xc3\\xa9'.txt";

  private static final String NIPPON = "$'\\xe6\\x97\\xa5\\xe6\\x9c\\xac'.txt";
  private static final String LATIN_1 = "gr$'\\xf6\\xdf'e.txt";

  @TempDir private Path folder;

  static Stream<Arguments> environments() {
    return Stream.of(
        arguments(Map.of("LC_ALL", "POSIX", "LANG", "C.UTF-8")),
        arguments(Map.of("LANG", "no_SUCH.UTF-8")),
        arguments(Map.of()));
  }

  @ParameterizedTest
  @MethodSource("environments")
  void aNameThatTheLocaleCannotHoldIsRefusedWithTheSetting(Map<String, String> environment)
      throws Exception {
    shell("touch plain.txt " + CAFE);

    Outcome outcome = java(environment, "list " + folder);

    assertThat(outcome.exitCode()).as(outcome.text()).isEqualTo(2);
    assertThat(outcome.text())
        .contains("the name of " + folder + "/caf", "encoding of the locale, got ")
        .contains("set LC_ALL=C.UTF-8 in the environment before Java starts");
  }

  @ParameterizedTest
  @ValueSource(strings = {"list .", "glob ./*.txt"})
  void listsEveryNameInUtf8AndRefusesAnyInAscii(String command) throws Exception {
    shell("touch plain.txt " + CAFE + " " + NIPPON);

    assertThat(java(UTF_8, command).text()).isEqualTo("3 café.txt plain.txt 日本.txt\n");
    assertThat(java(Map.of("LC_ALL", "C"), command).text()).contains("set LC_ALL=C.UTF-8");
  }

  @ParameterizedTest
  @ValueSource(strings = {"list .", "glob ./*"})
  void aNameThatIsNotUtf8IsRefusedByName(String command) throws Exception {
    shell("touch plain.txt " + LATIN_1);

    Outcome outcome = java(UTF_8, command);

    assertThat(outcome.exitCode()).as(outcome.text()).isEqualTo(2);
    assertThat(outcome.text())
        .contains("gr\uFFFD\uFFFDe.txt must be UTF-8, got other bytes: rename it");
  }

  @Test
  void aPathThatTheLocaleCannotHoldIsNotWrittenInOtherCharacters() throws Exception {
    Outcome outcome = java(Map.of("LC_ALL", "C"), "write größe");

    assertThat(outcome.exitCode()).as(outcome.text()).isEqualTo(2);
    assertThat(outcome.text())
        .contains("größe must be readable in the encoding of the locale", "set LC_ALL=C.UTF-8");
    assertThat(java(UTF_8, "write größe").text()).isEqualTo("written\n");
    assertThat(java(UTF_8, "list .").text()).isEqualTo("1 größe\n");
  }

  @Test
  void namesInAsciiNeedNoSetting() throws Exception {
    shell("touch plain.txt");

    assertThat(java(Map.of("LC_ALL", "C"), "list .").text()).isEqualTo("1 plain.txt\n");
  }

  @Test
  void anArgumentOrAWorkingDirectoryThatArrivedGarbledIsRefused() throws Exception {
    assertThat(java(Map.of("LC_ALL", "C"), "arguments plain").text()).isEqualTo("intact\n");
    assertThat(java(Map.of("LC_ALL", "C"), "arguments na\uFFFD\uFFFDve").text())
        .contains("the argument \"na\uFFFD\uFFFDve\" must be readable", "set LC_ALL=C.UTF-8");
    assertThat(java(UTF_8, "arguments na\uFFFDve").text()).isEqualTo("intact\n");
    shell("mkdir " + CAFE);

    assertThat(java(Map.of("LC_ALL", "C"), "cd " + CAFE, "arguments").text())
        .contains("the working directory " + folder + "/caf", "set LC_ALL=C.UTF-8");
    assertThat(java(UTF_8, "cd " + CAFE, "arguments").text()).isEqualTo("intact\n");
  }

  private record Outcome(int exitCode, String text) {}

  private void shell(String script) throws Exception {
    Outcome outcome = run(new ProcessBuilder("bash", "-c", script));
    assertThat(outcome.exitCode()).as(outcome.text()).isZero();
  }

  private Outcome java(Map<String, String> environment, String command) throws Exception {
    return java(environment, ":", command);
  }

  /** Runs {@link Child} after some line of a shell; the command passes in ASCII. */
  private Outcome java(Map<String, String> environment, String before, String command)
      throws Exception {
    List<String> java = new ArrayList<>();
    java.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    java.addAll(List.of("-Xmx128m", "-XX:TieredStopAtLevel=1"));
    java.addAll(List.of("-cp", System.getProperty("java.class.path"), Child.class.getName()));
    java.add(Child.escape(command));
    var builder = new ProcessBuilder("bash", "-c", before + "; exec " + "\"$@\"", "bash");
    builder.command().addAll(java);
    builder
        .environment()
        .keySet()
        .removeIf(name -> name.startsWith("LC_") || name.startsWith("LANG"));
    builder.environment().putAll(environment);
    return run(builder);
  }

  private Outcome run(ProcessBuilder builder) throws IOException, InterruptedException {
    Path out = Files.createTempFile("firesteel-names-", ".out");
    try {
      Process process =
          builder
              .directory(folder.toFile())
              .redirectErrorStream(true)
              .redirectOutput(out.toFile())
              .start();
      assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
      String text = Files.readString(out, StandardCharsets.UTF_8);
      // Maven's class path has no logger for SLF4J, which says so.
      return new Outcome(process.exitValue(), text.replaceAll("(?m)^SLF4J.*\\R", ""));
    } finally {
      Files.delete(out);
    }
  }

  /** What the tests do in another locale. */
  static final class Child {
    private Child() {}

    /** Other characters than ASCII as {@code %XXXX}: arguments pass through this JVM's locale. */
    static String escape(String text) {
      StringBuilder escaped = new StringBuilder();
      text.chars()
          .forEach(
              c ->
                  escaped.append(
                      c < 128
                          ? Character.toString(c)
                          : "%" + Integer.toHexString(0x10000 + c).substring(1)));
      return escaped.toString();
    }

    private static String unescape(String text) {
      return java.util.regex.Pattern.compile("%([0-9a-f]{4})")
          .matcher(text)
          .replaceAll(match -> Character.toString(Integer.parseInt(match.group(1), 16)));
    }

    public static void main(String[] args) throws IOException {
      var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
      String[] words = unescape(args[0]).split(" ", 2);
      try {
        out.println(result(words[0], words.length == 1 ? "" : words[1]));
      } catch (UserException e) {
        out.println(e.getMessage());
        System.exit(e.kind().exitCode());
      }
    }

    private static String result(String verb, String operand) throws IOException {
      if (verb.equals("arguments")) {
        LocalNames.requireIntactArguments(operand);
        return "intact";
      }
      var path = new org.apache.hadoop.fs.Path(operand);
      FileSystem fs = HadoopFiles.fileSystem(path, new Configuration());
      if (verb.equals("write")) {
        fs.create(path).close();
        return "written";
      }
      FileStatus[] files = verb.equals("glob") ? fs.globStatus(path) : fs.listStatus(path);
      return files.length
          + " "
          + String.join(
              " ", Stream.of(files).map(file -> file.getPath().getName()).sorted().toList());
    }
  }
}

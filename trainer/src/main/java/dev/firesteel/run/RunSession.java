package dev.firesteel.run;

import dev.firesteel.files.HadoopFiles;
import dev.firesteel.files.HostName;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HexFormat;

/**
 * One start of a run: the information needed later to tell why two runs differ.
 *
 * @param started UTC, ISO 8601
 * @param fromStep the step that it started from: 0, or the checkpoint's
 * @param host name of the machine of rank 0
 * @param os name, version and architecture
 * @param java vendor and version
 * @param firesteel version, {@code development} where the classes come from no jar
 * @param codeSha256 of the jar that the trainer's classes come from; empty where they come from
 *     none
 * @param backend its self-description: threads, vector width, precision
 * @param worldSize processes
 * @param seed of the run
 * @param configSha256 of the resolved configuration
 * @param dataSha256 of the prepared data
 * @param tokenizerSha256 of {@code tokenizer.json}
 */
public record RunSession(
    String started,
    long fromStep,
    String host,
    String os,
    String java,
    String firesteel,
    String codeSha256,
    String backend,
    int worldSize,
    long seed,
    String configSha256,
    String dataSha256,
    String tokenizerSha256) {
  /** The jar does not change while its classes are in use; null until it is read. */
  private static String jarSha256;

  /** A session of this process that starts now. */
  public static RunSession now(
      long fromStep,
      String backend,
      int worldSize,
      long seed,
      String configSha256,
      String dataSha256,
      String tokenizerSha256) {
    String version = RunSession.class.getPackage().getImplementationVersion();
    return new RunSession(
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        fromStep,
        HostName.get(),
        "%s %s %s".formatted(property("os.name"), property("os.version"), property("os.arch")),
        "%s %s".formatted(property("java.vendor"), property("java.version")),
        version == null ? "development" : version,
        jarSha256(),
        backend,
        worldSize,
        seed,
        configSha256,
        dataSha256,
        tokenizerSha256);
  }

  private static String property(String name) {
    return System.getProperty(name);
  }

  /** SHA-256 of the jar that this class comes from; empty where it comes from none. */
  public static synchronized String jarSha256() {
    if (jarSha256 == null) {
      jarSha256 = hashJar();
    }
    return jarSha256;
  }

  private static String hashJar() {
    CodeSource source = RunSession.class.getProtectionDomain().getCodeSource();
    try {
      Path jar = Path.of(source.getLocation().toURI());
      if (!Files.isRegularFile(jar)) {
        return "";
      }
      MessageDigest digest = HadoopFiles.sha256();
      try (InputStream in = new DigestInputStream(Files.newInputStream(jar), digest)) {
        in.transferTo(OutputStream.nullOutputStream());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (URISyntaxException | IOException e) {
      throw new IllegalStateException("the jar of this class cannot be read: " + source, e);
    }
  }
}

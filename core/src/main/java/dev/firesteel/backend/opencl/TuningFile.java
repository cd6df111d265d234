package dev.firesteel.backend.opencl;

import com.aparapi.device.OpenCLDevice;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A device's choice of {@link ProductTiles} in the user's cache folder: a properties file, named
 * after the device, its platform's version (which most drivers change with their own; Aparapi does
 * not report the driver's) and our kernel, so that a change of any of them causes a new
 * measurement. If the folder is missing or read-only, or the file is damaged, there is a notice,
 * and tiles are measured again.
 */
final class TuningFile {
  private static final Logger LOG = LoggerFactory.getLogger(TuningFile.class);
  private static final String COMMENT =
      " The fastest tiles of Firesteel's matrix products on a device. Delete it to measure again.";

  /** Number of hexadecimal digits of a digest, enough to distinguish versions. */
  private static final int DIGITS = 12;

  private final Path file;
  private final Map<String, String> subject;

  private TuningFile(Path file, Map<String, String> subject) {
    this.file = file;
    this.subject = subject;
  }

  /** The file of a device on this machine, for this user and this version of the kernel. */
  static TuningFile of(OpenCLDevice device) {
    return in(
        folder(System.getenv("XDG_CACHE_HOME"), System.getProperty("user.home")),
        device.getName(),
        device.getOpenCLPlatform().getName() + ", " + device.getOpenCLPlatform().getVersion(),
        Kernel.VERSION);
  }

  static TuningFile in(Path folder, String device, String platform, String kernel) {
    Map<String, String> subject = Map.of("device", device, "platform", platform, "kernel", kernel);
    String words = device.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
    String version =
        digest((device + "\n" + platform + "\n" + kernel).getBytes(StandardCharsets.UTF_8));
    return new TuningFile(
        folder.resolve("opencl-" + words + "-" + version + ".properties"), subject);
  }

  /** {@code firesteel} in the user's cache folder, as in the XDG base directory specification. */
  static Path folder(String xdgCacheHome, String home) {
    Path cache =
        xdgCacheHome != null && Path.of(xdgCacheHome).isAbsolute()
            ? Path.of(xdgCacheHome)
            : Path.of(home, ".cache");
    return cache.resolve("firesteel");
  }

  Path path() {
    return file;
  }

  /** The result of an earlier run; empty if there was none or it cannot be read. */
  Optional<ProductTiles> read() {
    Properties found = new Properties();
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      found.load(reader);
      return Optional.of(tiles(found));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException | IllegalArgumentException e) {
      LOG.warn(
          "The measured tiles in {} are unusable and will be measured again: {}",
          file,
          e.toString());
      return Optional.empty();
    }
  }

  private ProductTiles tiles(Properties found) {
    subject.forEach(
        (key, value) -> {
          if (!value.equals(found.getProperty(key))) {
            throw new IllegalArgumentException(
                key + " must be " + value + ", got " + found.getProperty(key));
          }
        });
    Map<ProductShape, ProductTile> tiles = new EnumMap<>(ProductShape.class);
    for (ProductShape shape : ProductShape.values()) {
      String name = found.getProperty(key(shape), "");
      tiles.put(shape, ProductTile.valueOf(name.toUpperCase(Locale.ROOT)));
    }
    return new ProductTiles(tiles);
  }

  /** Saves a choice for later runs; other processes may read or write the file concurrently. */
  void write(ProductTiles tiles) {
    Properties kept = new Properties();
    kept.putAll(subject);
    for (ProductShape shape : ProductShape.values()) {
      kept.setProperty(key(shape), tiles.of(shape).name().toLowerCase(Locale.ROOT));
    }
    try {
      if (!file.isAbsolute()) {
        throw new IOException("this user has no home folder; set XDG_CACHE_HOME");
      }
      Files.createDirectories(file.getParent());
      Path whole = Files.createTempFile(file.getParent(), "opencl-", ".part");
      try {
        try (Writer writer = Files.newBufferedWriter(whole, StandardCharsets.UTF_8)) {
          kept.store(writer, COMMENT);
        }
        Files.move(whole, file, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(whole);
      }
    } catch (IOException e) {
      LOG.warn("The measured tiles cannot be saved for later runs in {}: {}", file, e.toString());
    }
  }

  private static String key(ProductShape shape) {
    return "tile." + shape.name().toLowerCase(Locale.ROOT);
  }

  /** Changes with the code that is measured. */
  private static final class Kernel {
    static final String VERSION = digest(code(DeviceKernel.class), code(ProductShape.class));

    private static byte[] code(Class<?> type) {
      try (InputStream in = type.getResourceAsStream(type.getSimpleName() + ".class")) {
        return in.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static String digest(byte[]... parts) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      for (byte[] part : parts) {
        sha256.update(part);
      }
      return HexFormat.of().formatHex(sha256.digest()).substring(0, DIGITS);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }
}

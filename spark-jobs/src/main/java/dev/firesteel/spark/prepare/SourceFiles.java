package dev.firesteel.spark.prepare;

import dev.firesteel.config.DataConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.GlobExpander;
import org.apache.hadoop.fs.GlobFilter;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.io.compress.CompressionCodecFactory;
import org.apache.spark.sql.SparkSession;

/**
 * The files named by {@code data.source}, in the order of their paths, and their format. Names that
 * begin with a dot or an underscore are skipped, as in Spark and Hadoop.
 *
 * <p>Lives on the driver.
 */
final class SourceFiles {
  /** The prefix of Hadoop's message; the error follows after a colon. */
  private static final String BROKEN_GLOB = "Illegal file pattern";

  private static final Pattern COMPRESSED =
      Pattern.compile("\\.(gz|gzip|bz2|zst|zstd|lz4|snappy|deflate)$");

  /** Archives, and formats without a codec; read as text they would be noise. */
  private static final Pattern PACKED =
      Pattern.compile("\\.(tar|tgz|tbz2|txz|zip|7z|rar|xz|lzma|br|z)$");

  private static final Pattern GLOB_CHARACTER = Pattern.compile("[\\\\{}\\[\\]*?]");

  private final List<FileStatus> files;
  private final DataConfig.Format format;
  private final Optional<SparkTable> table;

  private SourceFiles(
      List<FileStatus> files, DataConfig.Format format, Optional<SparkTable> table) {
    this.files = files;
    this.format = format;
    this.table = table;
  }

  /** Lists the files, or finds the table; a recipe creates its own files first. */
  static SourceFiles find(SparkSession spark, DataConfig data, Consumer<String> progress) {
    if (SparkTable.isTable(data.source())) {
      SparkTable table = SparkTable.find(spark, data.source(), data.textField());
      return new SourceFiles(List.of(), DataConfig.Format.PARQUET, Optional.of(table));
    }
    return find(data.source(), data.format(), spark.sparkContext().hadoopConfiguration(), progress);
  }

  /**
   * The same for a source of another section.
   *
   * @param wanted format as configured
   */
  static SourceFiles find(
      String source, DataConfig.Format wanted, Configuration conf, Consumer<String> progress) {
    String location = Recipes.locate(source, progress);
    if (location.matches("(?i)https?:.*")) {
      throw UserException.usage(
          "data.source must be on a file system, got the web address %s: download it (curl -LO) and name the file"
              .formatted(location));
    }
    List<FileStatus> files;
    try {
      files = list(location, conf);
    } catch (IllegalArgumentException e) {
      throw UserException.usage(
          "data.source %s must be a path or a URI: %s".formatted(source, e.getMessage()), e);
    } catch (IOException e) {
      if (e.getMessage() != null && e.getMessage().startsWith(BROKEN_GLOB)) {
        throw UserException.usage(
            "data.source %s must be a glob where it has one of {}[]*?, got an invalid one%s: close its brackets, or put a backslash before a literal character"
                .formatted(source, e.getMessage().substring(BROKEN_GLOB.length())),
            e);
      }
      throw HadoopFiles.explain("listing data.source " + source, e);
    }
    if (files.isEmpty()) {
      throw UserException.usage(
          "data.source %s must hold files, got none: names that begin with _ or a dot do not count"
              .formatted(source));
    }
    files.forEach(file -> requireReadable(file, conf));
    return new SourceFiles(files, format(source, wanted, files), Optional.empty());
  }

  /** Rejects files that Spark would read as noise, or skip. */
  private static void requireReadable(FileStatus file, Configuration conf) {
    String name = file.getPath().getName();
    String path = HadoopFiles.withPlainPaths(file.getPath().toString());
    if (isHidden(name)) {
      throw UserException.usage(
          "%s cannot be read, because Spark skips files whose names begin with _ or a dot or end with ._COPYING_: rename it"
              .formatted(path));
    }
    String lower = name.toLowerCase(Locale.ROOT);
    boolean compressed = COMPRESSED.matcher(lower).find();
    if (compressed && file.getLen() == 0) {
      throw UserException.failure(
          "%s must hold compressed text, got a file of 0 bytes: download it again or delete it"
              .formatted(path));
    }
    if (compressed && !COMPRESSED.matcher(name).find()) {
      throw UserException.usage(
          "%s cannot be read, because Hadoop recognizes compressed files by lower-case extensions: rename it"
              .formatted(path));
    }
    if (PACKED.matcher(COMPRESSED.matcher(lower).replaceFirst("")).find()
        && (compressed || new CompressionCodecFactory(conf).getCodec(file.getPath()) == null)) {
      throw UserException.usage(
          "%s cannot be read: unpack it, and compress the text with gzip or zstd if it should stay small"
              .formatted(path));
    }
    if (name.contains(":") && GLOB_CHARACTER.matcher(name).find()) {
      throw UserException.usage(
          "%s cannot be read, because Hadoop accepts no name with both a colon and one of {}[]*?\\: rename it"
              .formatted(path));
    }
  }

  /** Spark reads no such file. */
  private static boolean isHidden(String name) {
    return name.startsWith(".") || name.startsWith("_") || name.endsWith("._COPYING_");
  }

  /**
   * How files are read: local ones as they are, because Hadoop fails at a colon in the path of
   * their {@code .crc} companions, and compressed ones to their end or not at all.
   */
  static Map<String, String> hadoopOptions(Configuration conf) {
    return Map.of(
        "fs.file.impl",
        RawLocalFileSystem.class.getName(),
        // One with companions may already exist.
        "fs.file.impl.disable.cache",
        "true",
        "io.compression.codecs",
        StrictCodecs.names(conf));
  }

  private static List<FileStatus> list(String location, Configuration conf) throws IOException {
    Path path = path(location);
    FileSystem fs = HadoopFiles.fileSystem(path, conf);
    List<FileStatus> found = new ArrayList<>();
    FileStatus[] roots;
    try {
      // An existing path is taken literally, even if it contains glob characters.
      roots = new FileStatus[] {fs.getFileStatus(path)};
    } catch (FileNotFoundException e) {
      roots = glob(fs, path);
    }
    if (roots == null || roots.length == 0) {
      throw UserException.usage(
          "data.source %s does not exist (looked for %s): give a file, a folder, a glob, a URI or a recipe (%s)"
              .formatted(location, fs.makeQualified(path), Recipes.names()));
    }
    for (FileStatus root : roots) {
      collect(fs, root, found);
    }
    found.sort(Comparator.comparing(file -> file.getPath().toString()));
    return found;
  }

  /** A relative path may begin with a name that has a colon, as a URI does with its scheme. */
  private static Path path(String location) {
    try {
      return new Path(location);
    } catch (IllegalArgumentException e) {
      return new Path("./" + location);
    }
  }

  private static FileStatus[] glob(FileSystem fs, Path pattern) throws IOException {
    try {
      return fs.globStatus(pattern);
    } catch (IllegalArgumentException e) { // Hadoop takes a name with a colon for a URI.
      List<FileStatus> found = new ArrayList<>();
      for (String each : GlobExpander.expand(fs.makeQualified(pattern).toUri().getPath())) {
        found.addAll(matching(fs, each));
      }
      return found.toArray(FileStatus[]::new);
    }
  }

  /** Matches each part of an absolute path with what its folder lists. */
  private static List<FileStatus> matching(FileSystem fs, String pattern) throws IOException {
    List<FileStatus> found = List.of(fs.getFileStatus(new Path("/")));
    for (String part : pattern.substring(1).split("/", -1)) {
      List<FileStatus> next = new ArrayList<>();
      for (FileStatus parent : found) {
        if (parent.isDirectory()) {
          next.addAll(children(fs, parent.getPath(), part));
        }
      }
      found = next;
    }
    return found;
  }

  private static List<FileStatus> children(FileSystem fs, Path folder, String pattern)
      throws IOException {
    if (!pattern.contains(":") && !GLOB_CHARACTER.matcher(pattern).find()) {
      try { // The folder may not be one to list.
        return List.of(fs.getFileStatus(new Path(folder, pattern)));
      } catch (FileNotFoundException e) {
        return List.of();
      }
    }
    GlobFilter filter = new GlobFilter(pattern);
    return Arrays.stream(fs.listStatus(folder))
        .filter(child -> filter.accept(child.getPath()))
        .toList();
  }

  private static void collect(FileSystem fs, FileStatus status, List<FileStatus> into)
      throws IOException {
    if (status.isFile()) {
      into.add(status);
      return;
    }
    FileStatus[] children = fs.listStatus(status.getPath());
    if ("file".equals(fs.getUri().getScheme())) {
      requireSoundLinks(java.nio.file.Path.of(status.getPath().toUri().getPath()));
    }
    for (FileStatus child : children) {
      if (!isHidden(child.getPath().getName())) {
        collect(fs, child, into);
      }
    }
  }

  /** Rejects links in a local folder that Hadoop silently skips or follows endlessly. */
  private static void requireSoundLinks(java.nio.file.Path folder) throws IOException {
    try (DirectoryStream<java.nio.file.Path> files = Files.newDirectoryStream(folder)) {
      for (java.nio.file.Path link : files) {
        if (!Files.isSymbolicLink(link) || isHidden(link.getFileName().toString())) {
          continue;
        }
        if (!Files.exists(link)) {
          throw UserException.usage(
              "%s must lead to a file or a folder, got a symbolic link to %s, which does not exist: correct it or delete it"
                  .formatted(link, Files.readSymbolicLink(link)));
        }
        if (Files.isDirectory(link) && folder.toRealPath().startsWith(link.toRealPath())) {
          throw UserException.usage(
              "%s must not lead to a folder that it is in, got a symbolic link to %s: delete it"
                  .formatted(link, Files.readSymbolicLink(link)));
        }
      }
    }
  }

  private static DataConfig.Format format(
      String source, DataConfig.Format wanted, List<FileStatus> files) {
    if (wanted != DataConfig.Format.AUTO) {
      return wanted;
    }
    Set<DataConfig.Format> formats = new TreeSet<>();
    for (FileStatus file : files) {
      formats.add(formatOf(file.getPath().getName()));
    }
    if (formats.size() > 1) {
      throw UserException.usage(
          "data.source %s must hold files of one format, got %s by their extensions: set data.format, or a glob that matches one format"
              .formatted(source, formats.toString().toLowerCase(Locale.ROOT)));
    }
    return formats.iterator().next();
  }

  private static DataConfig.Format formatOf(String name) {
    String plain = COMPRESSED.matcher(name.toLowerCase(Locale.ROOT)).replaceFirst("");
    String ending = plain.substring(plain.lastIndexOf('.') + 1);
    return switch (ending) {
      case "jsonl", "ndjson", "json" -> DataConfig.Format.JSONL;
      case "parquet" -> DataConfig.Format.PARQUET;
      default -> DataConfig.Format.TEXT;
    };
  }

  /** The table, if the source is one: then there is no list of files. */
  Optional<SparkTable> table() {
    return table;
  }

  /** TEXT, JSONL or PARQUET; a table counts as PARQUET. */
  DataConfig.Format format() {
    return format;
  }

  /** Empty documents that Spark does not return: it skips files of 0 bytes. */
  long emptyDocuments(DataConfig.DocumentUnit unit) {
    return format == DataConfig.Format.TEXT && unit == DataConfig.DocumentUnit.FILE
        ? files.stream().filter(file -> file.getLen() == 0).count()
        : 0;
  }

  /** The files' paths for Spark, which interprets them as globs. */
  String[] globs() {
    return files.stream()
        .map(file -> GLOB_CHARACTER.matcher(file.getPath().toString()).replaceAll("\\\\$0"))
        .toArray(String[]::new);
  }

  /** The files' paths, in order. */
  String[] paths() {
    return files.stream().map(file -> file.getPath().toString()).toArray(String[]::new);
  }

  /** The files' paths within their file system, in order. */
  String[] names() {
    return files.stream().map(file -> file.getPath().toUri().getPath()).toArray(String[]::new);
  }

  /** Identifies these files and their versions. */
  DatasetManifest.Inputs inputs() {
    if (table.isPresent()) {
      return table.get().inputs();
    }
    int prefix = commonPrefix();
    return inputs(files, file -> file.getPath().toUri().getPath().substring(prefix));
  }

  /** Identifies files, by the given names, and their versions. */
  static DatasetManifest.Inputs inputs(List<FileStatus> files, Function<FileStatus, String> name) {
    StringBuilder text = new StringBuilder();
    long bytes = 0;
    for (FileStatus file : files) {
      text.append(name.apply(file))
          .append('\t')
          .append(file.getLen())
          .append('\t')
          .append(file.getModificationTime())
          .append('\n');
      bytes += file.getLen();
    }
    byte[] hash = HadoopFiles.sha256().digest(text.toString().getBytes(StandardCharsets.UTF_8));
    return new DatasetManifest.Inputs(files.size(), bytes, HexFormat.of().formatHex(hash));
  }

  /** Length of the path of the common parent folder: the text may be moved as a whole. */
  private int commonPrefix() {
    String first = names()[0];
    int end = first.lastIndexOf('/') + 1;
    for (String name : names()) {
      while (!name.startsWith(first.substring(0, end))) {
        end = first.lastIndexOf('/', end - 2) + 1;
      }
    }
    return end;
  }
}

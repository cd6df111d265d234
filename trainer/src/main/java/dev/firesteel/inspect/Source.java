package dev.firesteel.inspect;

import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A file or folder to look at.
 *
 * @param isFolder whether it is a folder
 * @param hadoop how to reach other paths
 */
record Source(FileSystem fs, Path path, boolean isFolder, Configuration hadoop) {
  /** A path that exists. */
  static Source of(Path path, Configuration hadoop) throws IOException {
    FileSystem fs = HadoopFiles.fileSystem(path, hadoop);
    return new Source(fs, path, fs.getFileStatus(path).isDirectory(), hadoop);
  }

  /** A path below this folder. */
  Path child(String name) {
    return new Path(path, name);
  }

  /** Whether this is a folder with something of that name. */
  boolean has(String name) throws IOException {
    return isFolder && fs.exists(child(name));
  }

  /** Whether this is a file of that ending. */
  boolean endsWith(String ending) {
    return !isFolder && path.getName().endsWith(ending);
  }

  /** Bytes of a file. */
  long bytes() throws IOException {
    return fs.getFileStatus(path).getLen();
  }

  /** The path as a shell has it. */
  String plainPath() {
    return HadoopFiles.withPlainPaths(path.toString());
  }
}

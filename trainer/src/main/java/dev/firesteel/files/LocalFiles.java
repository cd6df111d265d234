package dev.firesteel.files;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;

/**
 * The local file system, except that it rejects what Hadoop silently skips: a file whose name this
 * JVM cannot read ({@link LocalNames}). Globs list folders, too.
 */
final class LocalFiles extends RawLocalFileSystem {
  static LocalFiles open(URI uri, Configuration conf) throws IOException {
    LocalFiles files = new LocalFiles();
    files.initialize(uri, conf);
    return files;
  }

  @Override
  public FileStatus[] listStatus(Path path) throws IOException {
    File folder = pathToFile(path);
    if (folder.isDirectory()) {
      LocalNames.requireReadable(folder.toPath());
    }
    return super.listStatus(path);
  }
}

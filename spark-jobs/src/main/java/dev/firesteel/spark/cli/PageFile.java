package dev.firesteel.spark.cli;

import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.io.OutputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Model.CommandSpec;

/** The page that a command writes. */
final class PageFile {
  private PageFile() {}

  /** Replaces the file, and says so. */
  static void write(String out, byte[] page, Configuration hadoop, CommandSpec spec) {
    Path file = new Path(out);
    try (OutputStream stream = HadoopFiles.fileSystem(file, hadoop).create(file, true)) {
      stream.write(page);
    } catch (IOException | FSError e) {
      throw HadoopFiles.explain("writing the page " + file, e);
    }
    spec.commandLine().getOut().println("wrote " + out);
  }
}

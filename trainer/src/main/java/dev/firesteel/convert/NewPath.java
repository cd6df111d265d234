package dev.firesteel.convert;

import dev.firesteel.error.UserException;
import java.io.IOException;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A file or folder that is written under another name beside its place and renamed when it is
 * complete, so that nobody takes half of it for the whole. Closed before that, it is deleted.
 */
final class NewPath implements AutoCloseable {
  private final FileSystem fs;
  private final Path place;
  private final Path partial;
  private boolean complete;

  private NewPath(FileSystem fs, Path place) {
    this.fs = fs;
    this.place = place;
    this.partial = new Path(place.getParent(), "." + place.getName() + ".partial");
  }

  /**
   * A place where nothing is yet.
   *
   * @throws UserException if something is
   */
  static NewPath at(FileSystem fs, Path place) throws IOException {
    Path qualified = fs.makeQualified(place);
    requireNothing(fs, qualified);
    NewPath path = new NewPath(fs, qualified);
    fs.delete(path.partial, true); // of a process that was killed
    return path;
  }

  private static void requireNothing(FileSystem fs, Path place) throws IOException {
    if (fs.exists(place)) {
      throw UserException.usage(
          "--out %s must not exist, got something there: give another name or delete it"
              .formatted(place));
    }
  }

  /** Where to write. */
  Path partial() {
    return partial;
  }

  /** Gives what was written its name. */
  Path complete() throws IOException {
    requireNothing(fs, place);
    if (!fs.rename(partial, place)) {
      throw new IOException("cannot rename " + partial + " to " + place.getName());
    }
    complete = true;
    return place;
  }

  @Override
  public void close() throws IOException {
    if (!complete) {
      fs.delete(partial, true);
    }
  }
}

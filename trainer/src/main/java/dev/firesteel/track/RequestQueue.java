package dev.firesteel.track;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.run.RunDirectory;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Optional;

/**
 * Requests that wait for a server, in order: the first ones in files of the run directory, the last
 * ones in memory. {@link #save} moves all to files, where the next start of the run finds them.
 */
final class RequestQueue {
  /** Files that may wait. */
  static final int MOST_FILES = 1000;

  private final RunDirectory run;
  private final String folder;
  private final Deque<String> files;
  private final Deque<ObjectNode> memory = new ArrayDeque<>();
  private long next;
  private long dropped;

  /**
   * Finds the requests that are left from earlier.
   *
   * @param folder in the run directory
   */
  RequestQueue(RunDirectory run, String folder) {
    this.run = run;
    this.folder = folder;
    files = new ArrayDeque<>(run.names(folder));
    files.removeIf(name -> !name.matches("\\d{8,18}\\.json"));
    next = files.isEmpty() ? 0 : number(files.getLast()) + 1;
  }

  private static long number(String file) {
    return Long.parseLong(file.substring(0, file.indexOf('.')));
  }

  void add(ObjectNode request) {
    memory.add(request);
  }

  /** The first request; empty if none waits. One whose file is damaged is dropped. */
  Optional<ObjectNode> first() {
    while (!files.isEmpty()) {
      Optional<ObjectNode> request = run.read(path(files.getFirst())).flatMap(RequestQueue::parse);
      if (request.isPresent()) {
        return request;
      }
      removeFirst();
      dropped++;
    }
    return Optional.ofNullable(memory.peekFirst());
  }

  private static Optional<ObjectNode> parse(byte[] json) {
    try {
      JsonNode read = MlflowServer.JSON.readTree(json);
      return read instanceof ObjectNode request ? Optional.of(request) : Optional.empty();
    } catch (IOException e) { // Cut short when its process was killed.
      return Optional.empty();
    }
  }

  /** Removes the {@link #first} request. */
  void removeFirst() {
    if (files.isEmpty()) {
      memory.removeFirst();
    } else {
      run.delete(path(files.removeFirst()));
    }
  }

  /** Moves all requests to files; those for which there is no room are dropped and counted. */
  void save() throws IOException {
    while (!memory.isEmpty()) {
      ObjectNode request = memory.removeFirst();
      if (files.size() >= MOST_FILES) {
        dropped++;
        continue;
      }
      String file = String.format(Locale.ROOT, "%08d.json", next++);
      run.replace(path(file), MlflowServer.JSON.writeValueAsBytes(request));
      files.addLast(file);
    }
  }

  private String path(String file) {
    return folder + "/" + file;
  }

  /** The number of requests that wait. */
  int size() {
    return files.size() + memory.size();
  }

  /** The number of requests that were dropped, because there was no room or their file damaged. */
  long dropped() {
    return dropped;
  }
}

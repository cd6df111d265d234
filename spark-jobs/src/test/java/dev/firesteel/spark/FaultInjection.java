package dev.firesteel.spark;

import dev.firesteel.checkpoint.ZombieWriter;
import dev.firesteel.collective.Collective;
import dev.firesteel.collective.FrameSource;
import dev.firesteel.collective.Transport;
import dev.firesteel.train.RankListener;
import dev.firesteel.train.RankPhase;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * Injects one fault into one rank, where the system property {@value #PROPERTY} of an executor says
 * so: {@code <fault>:<rank>:<point>:<step>:<file>}. It happens when the rank comes to the point of
 * the step for the first time, and makes the file, which proves that it happened and keeps it from
 * happening again.
 */
public final class FaultInjection implements RankListener {
  static final String PROPERTY = "firesteel.test.fault";

  /** A point that is no {@link RankPhase}: files are written, the checkpoint is not committed. */
  static final String COMMIT = "COMMIT";

  private final Plan plan = Plan.of(System.getProperty(PROPERTY));
  private volatile Collective collective;

  /** What goes wrong. */
  enum Fault {
    EXCEPTION {
      @Override
      void happen(Plan plan, Collective collective) {
        throw new IllegalStateException("an injected exception");
      }
    },
    OUT_OF_MEMORY {
      @Override
      void happen(Plan plan, Collective collective) {
        throw new OutOfMemoryError("an injected lack of memory");
      }
    },
    HALT {
      @Override
      void happen(Plan plan, Collective collective) {
        Runtime.getRuntime().halt(137);
      }
    },
    SIGKILL {
      @Override
      void happen(Plan plan, Collective collective) {
        signal("KILL");
      }
    },
    SIGSTOP {
      @Override
      void happen(Plan plan, Collective collective) {
        signal("STOP");
      }
    },
    /** All connections with other ranks end, in both directions. */
    CUT {
      @Override
      void happen(Plan plan, Collective collective) {
        try {
          for (Object link : (Object[]) get(get(collective, "transport"), "links")) {
            if (link != null) {
              for (String channel : List.of("frames", "noticeChannel")) {
                ((SocketChannel) get(link, channel)).shutdownInput().shutdownOutput();
              }
            }
          }
        } catch (IOException e) {
          throw new IllegalStateException(e);
        }
      }
    },
    /** One bit is turned over in each frame that leaves from now on. */
    DAMAGE {
      @Override
      void happen(Plan plan, Collective collective) {
        try {
          Object conversation = get(collective, "conversation");
          Field field = field(conversation, "transport");
          Object transport = field.get(conversation);
          InvocationHandler damaging =
              (proxy, method, arguments) -> {
                if (method.getName().equals("exchange")) {
                  arguments[1] = damaged((FrameSource) arguments[1]);
                }
                try {
                  return method.invoke(transport, arguments);
                } catch (InvocationTargetException e) {
                  throw e.getCause();
                }
              };
          Class<?>[] types = {Transport.class};
          field.set(
              conversation,
              Proxy.newProxyInstance(Transport.class.getClassLoader(), types, damaging));
        } catch (IllegalAccessException e) {
          throw new IllegalStateException(e);
        }
      }
    },
    /**
     * The last byte of a shard is lost: at {@link #COMMIT} of the one that the rank has just
     * written, else of one of the newest checkpoint. The rank fails, so that it is read again; at
     * the rendezvous it is about to be read.
     */
    TRUNCATE {
      @Override
      void happen(Plan plan, Collective collective) {
        try (Stream<Path> folders = Files.list(plan.run().resolve("checkpoints"))) {
          Path newest =
              folders
                  .filter(
                      each ->
                          Files.exists(each.resolve("MANIFEST.json")) == plan.truncatesCommitted())
                  .max(Comparator.naturalOrder())
                  .orElseThrow();
          truncate(shard(newest, plan.rank()));
        } catch (IOException e) {
          throw new IllegalStateException(e);
        }
        if (plan.truncatesCommitted() && !plan.resumes()) {
          throw new IllegalStateException("an injected exception");
        }
      }
    },
    /**
     * A writer is left behind, in a thread that outlives the task. It saves when the next attempt
     * comes to the same point, which waits there for it.
     */
    ZOMBIE {
      @Override
      void happen(Plan plan, Collective collective) {
        try {
          ZombieWriter zombie = ZombieWriter.of(plan.run());
          Thread thread = new Thread(() -> outlive(zombie, plan), "zombie");
          thread.setDaemon(true);
          thread.start();
        } catch (IOException e) {
          throw new IllegalStateException(e);
        }
        throw new IllegalStateException("an injected exception");
      }

      @Override
      void happenAgain(Plan plan) {
        try {
          Files.writeString(plan.go(), "");
        } catch (IOException e) {
          throw new IllegalStateException(e);
        }
        await(plan.told());
      }
    },
    /** Waits, each time that it comes there, until the file {@link Plan#go} exists. */
    HOLD {
      @Override
      void happen(Plan plan, Collective collective) {
        happenAgain(plan);
      }

      @Override
      void happenAgain(Plan plan) {
        await(plan.go());
      }
    },
    /** Slow, but within all limits. */
    SLOW {
      @Override
      void happen(Plan plan, Collective collective) {
        sleep(4_000);
      }
    };

    abstract void happen(Plan plan, Collective collective);

    /** The rank of a later attempt comes to the point, or the same one once more. */
    void happenAgain(Plan plan) {}

    /** The rank's file of the optimizer; the last one of a checkpoint that has fewer. */
    static Path shard(Path checkpoint, int rank) throws IOException {
      try (Stream<Path> files = Files.list(checkpoint.resolve("trainer"))) {
        return files
            .filter(file -> file.getFileName().toString().startsWith("optimizer-"))
            .sorted()
            .limit(rank + 1L)
            .reduce((before, file) -> file)
            .orElseThrow();
      }
    }

    static void truncate(Path file) throws IOException {
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.truncate(channel.size() - 1);
      }
    }

    static void outlive(ZombieWriter zombie, Plan plan) {
      await(plan.go());
      try {
        List<String> lines = zombie.save(plan.step());
        // Whoever waits for the file finds it whole.
        Path beside = plan.told().resolveSibling("zombie");
        Files.move(Files.write(beside, lines), plan.told());
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    }

    static void await(Path file) {
      while (!Files.exists(file)) {
        sleep(50);
      }
    }

    static FrameSource damaged(FrameSource source) {
      return frame -> {
        boolean more = source.next(frame);
        if (more) {
          int last = frame.position() - 1;
          frame.put(last, (byte) (frame.get(last) ^ 1));
        }
        return more;
      };
    }

    static Object get(Object owner, String field) {
      try {
        return field(owner, field).get(owner);
      } catch (IllegalAccessException e) {
        throw new IllegalStateException(e);
      }
    }

    /** There is no way from a listener to the sockets, and no use for one but this. */
    static Field field(Object owner, String name) {
      try {
        Field field = owner.getClass().getDeclaredField(name);
        field.setAccessible(true);
        return field;
      } catch (NoSuchFieldException e) {
        throw new IllegalStateException(e);
      }
    }

    static void signal(String name) {
      try {
        new ProcessBuilder("kill", "-" + name, Long.toString(ProcessHandle.current().pid()))
            .start()
            .waitFor();
      } catch (IOException e) {
        throw new IllegalStateException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      // It comes when it comes.
      sleep(60_000);
    }

    static void sleep(long millis) {
      try {
        Thread.sleep(millis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Which fault, and where; none where the rank is negative. */
  record Plan(Fault fault, int rank, String point, long step, Path happened) {
    static Plan of(String property) {
      if (property == null) {
        return new Plan(Fault.EXCEPTION, -1, "", 0, Path.of("none"));
      }
      String[] parts = property.split(":", 5);
      return new Plan(
          Fault.valueOf(parts[0]),
          Integer.parseInt(parts[1]),
          parts[2],
          Long.parseLong(parts[3]),
          Path.of(parts[4]));
    }

    /** What the driver says of it, as a pattern. */
    String sentence() {
      return switch (fault) {
        case CUT -> "rank [01] .*connection";
        case DAMAGE -> "rank [01] .*damaged frame from rank " + rank + ".*checksum";
        case TRUNCATE ->
            truncatesCommitted()
                ? "rank " + rank
                // Who commits sees it.
                : "rank 0 .*optimizer-0000%d-of-00002.* bytes after.*resuming from the checkpoint of step 5"
                    .formatted(rank + 1);
        default -> "rank " + rank;
      };
    }

    /** Whether a checkpoint is damaged that the run goes on from. */
    boolean truncatesCommitted() {
      return fault == Fault.TRUNCATE && !point.equals(COMMIT);
    }

    /** Whether the run must have a checkpoint before it comes to the point. */
    boolean resumes() {
      return truncatesCommitted() && point.equals(RankPhase.RENDEZVOUS.name());
    }

    /** Further settings of the run. */
    List<String> settings() {
      // The checkpoint before the point is committed, not on its way; at COMMIT it always is.
      boolean known = truncatesCommitted() || (fault == Fault.HOLD && !point.equals(COMMIT));
      return known ? List.of("checkpoint.background=never") : List.of();
    }

    /** Ends {@link Fault#HOLD}, and the sleep of {@link Fault#ZOMBIE}. */
    Path go() {
      return happened.resolveSibling(happened.getFileName() + ".go");
    }

    /** What became of each attempt of {@link Fault#ZOMBIE}. */
    Path told() {
      return happened.resolveSibling(happened.getFileName() + ".told");
    }

    /** The directory of the run that is named as the file. */
    Path run() {
      String name = happened.getFileName().toString().replace(".happened", "");
      return happened.resolveSibling("runs").resolve(name);
    }

    /** The Java option that injects it. */
    String option() {
      return String.format(
          Locale.ROOT, "-D%s=%s:%d:%s:%d:%s", PROPERTY, fault, rank, point, step, happened);
    }
  }

  /** Writes a jar that brings this class, and what it uses, to executors. */
  static Path jar(Path jar) throws IOException {
    String service = "META-INF/services/" + RankListener.class.getName();
    List<String> entries = new ArrayList<>(List.of(service));
    for (String suffix : List.of("", "$Fault", "$Plan")) {
      entries.add(entry(FaultInjection.class, suffix));
    }
    for (int i = 1; i <= Fault.values().length; i++) {
      entries.add(entry(FaultInjection.class, "$Fault$" + i));
    }
    entries.add(entry(ZombieWriter.class, ""));
    entries.add(entry(ZombieWriter.class, "$Act"));
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      for (String entry : entries) {
        out.putNextEntry(new JarEntry(entry));
        try (InputStream in = FaultInjection.class.getClassLoader().getResourceAsStream(entry)) {
          in.transferTo(out);
        }
      }
    }
    return jar;
  }

  private static String entry(Class<?> type, String suffix) {
    return type.getName().replace('.', '/') + suffix + ".class";
  }

  @Override
  public void onStart(Collective connected) {
    collective = connected;
  }

  @Override
  public void onPhase(RankPhase phase, long step) {
    at(phase.name(), step);
  }

  @Override
  public void onFilesWritten(long step) {
    at(COMMIT, step);
  }

  private void at(String point, long step) {
    if (collective.rank() != plan.rank() || !point.equals(plan.point()) || step != plan.step()) {
      return;
    }
    try {
      Files.createFile(plan.happened());
    } catch (FileAlreadyExistsException e) {
      plan.fault().happenAgain(plan);
      return;
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    plan.fault().happen(plan, collective);
  }
}

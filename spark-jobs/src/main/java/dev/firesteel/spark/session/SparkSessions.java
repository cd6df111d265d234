package dev.firesteel.spark.session;

import dev.firesteel.spark.process.ClusterLog;
import dev.firesteel.spark.process.Interruption;
import dev.firesteel.spark.rpc.TrainingPlugin;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.KryoSerializer;
import org.apache.spark.sql.SparkSession;

/**
 * Opens the one Spark session of a command: embedded, with all cores of this machine, or, under
 * {@code spark-submit}, the one configured by its master.
 *
 * <p>Under {@code spark-submit} the user's configuration applies, except for serialization: what
 * Spark ships goes through Kryo with registered classes only ({@link FiresteelRegistrator}). {@link
 * TrainingPlugin} is added to the user's plugins.
 */
public final class SparkSessions {
  private SparkSessions() {}

  /**
   * Opens a session; {@code settings} are this command's own: they override the defaults, and the
   * user's override them.
   */
  public static OpenSession open(String name, Map<String, String> settings) {
    SparkConf conf = new SparkConf().setAppName("firesteel " + name);
    settings.forEach(conf::setIfMissing);
    conf.set("spark.serializer", KryoSerializer.class.getName());
    // Table formats such as Delta ship classes of their own: their users set it to false.
    conf.setIfMissing("spark.kryo.registrationRequired", "true");
    conf.set("spark.kryo.registrator", FiresteelRegistrator.class.getName());
    // The defaults are a year, and 10 minutes in steps of 15 s.
    conf.setIfMissing("spark.barrier.sync.timeout", "5min");
    conf.setIfMissing("spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "1s");
    // Otherwise a task that ignores its cancellation would occupy its executor forever.
    conf.setIfMissing("spark.task.reaper.enabled", "true");
    conf.setIfMissing("spark.task.reaper.killTimeout", "120s");
    // Executors in the locale C could not open local files whose names are not ASCII.
    conf.setIfMissing("spark.executorEnv.LC_ALL", "C.UTF-8");
    // A sweep's table has more columns than the 25 up to which Spark describes a plan silently.
    conf.setIfMissing("spark.sql.debug.maxToStringFields", "200");
    String plugins = conf.get("spark.plugins", "");
    conf.set(
        "spark.plugins", plugins + (plugins.isEmpty() ? "" : ",") + TrainingPlugin.class.getName());
    DriverModules.requireOpen();
    if (conf.contains("spark.master")) {
      ClusterLog log = ClusterLog.attach(conf.get("spark.master"));
      try {
        SparkSession session = SparkSession.builder().config(conf).getOrCreate();
        log.watch(session.sparkContext());
        return new OpenSession(session, false, log::detach);
      } catch (RuntimeException | Error e) {
        log.detach();
        throw e;
      }
    }
    // Exiting during Spark's start would find half of its hooks, and leave files behind.
    return Interruption.delayingExit(() -> embedded(conf));
  }

  private static OpenSession embedded(SparkConf conf) {
    Path temporary = TemporaryFolder.path();
    conf.setMaster("local[*]");
    conf.setIfMissing("spark.ui.enabled", "false");
    conf.setIfMissing("spark.ui.showConsoleProgress", "false");
    // Nothing outside this process needs to reach it, and host names need not resolve.
    conf.setIfMissing("spark.driver.host", "127.0.0.1");
    conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
    conf.setIfMissing("spark.local.dir", temporary.toString());
    conf.setIfMissing("spark.sql.warehouse.dir", temporary.resolve("warehouse").toUri().toString());
    try {
      return new OpenSession(
          SparkSession.builder().config(conf).getOrCreate(), true, TemporaryFolder::delete);
    } catch (RuntimeException | Error e) {
      TemporaryFolder.delete();
      throw e;
    }
  }

  /**
   * Scratch space of an embedded session, deleted with it, at the latest when the process exits.
   * One path for the whole process: Spark keeps the first it is given, and recreates it for a later
   * session.
   */
  private static final class TemporaryFolder {
    // After Spark's own hooks (40), which stop a session that is still running.
    private static final int AFTER_SPARK = 1;
    private static final Path PATH = create();

    private TemporaryFolder() {}

    private static Path create() {
      try {
        Path path = Files.createTempDirectory("firesteel-");
        ShutdownHookManager.get().addShutdownHook(TemporaryFolder::delete, AFTER_SPARK);
        return path;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    static Path path() {
      return PATH;
    }

    static void delete() {
      FileUtil.fullyDelete(PATH.toFile());
    }
  }

  /** A session that is stopped when closed, with everything it left on disk deleted. */
  public static final class OpenSession implements AutoCloseable {
    private final SparkSession session;
    private final boolean embedded;
    private final Runnable afterwards;

    private OpenSession(SparkSession session, boolean embedded, Runnable afterwards) {
      this.session = session;
      this.embedded = embedded;
      this.afterwards = afterwards;
    }

    public SparkSession session() {
      return session;
    }

    /** Whether Spark runs inside this process. */
    public boolean embedded() {
      return embedded;
    }

    @Override
    public void close() {
      session.stop();
      afterwards.run();
    }
  }
}

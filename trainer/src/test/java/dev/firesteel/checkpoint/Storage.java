package dev.firesteel.checkpoint;

import dev.firesteel.files.HadoopFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.gaul.s3proxy.BlobStores;
import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.auth.AuthenticationType;
import org.gaul.s3proxy.blobstore.BlobStore;

/**
 * The file systems that runs are kept on: local files, HDFS (a name node and a data node) and S3 (a
 * server over memory that speaks its protocol). Servers run in the tests' process, begin with the
 * first test that needs them and end with the process.
 */
public enum Storage {
  FILE,
  HDFS,
  S3A;

  private static final AtomicInteger FOLDERS = new AtomicInteger();
  private static final Map<Storage, FileSystem> OTHERS = new ConcurrentHashMap<>();

  /** A folder that no other test uses and that does not exist yet. */
  public Path newFolder() {
    return new Path(server().root(), "test-" + FOLDERS.incrementAndGet());
  }

  /** What names the servers to Hadoop. */
  public Configuration configuration() {
    return new Configuration(server().configuration());
  }

  /** The file system as a run sees it. */
  public FileSystem fileSystem() {
    try {
      return HadoopFiles.fileSystem(server().root(), server().configuration());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** As another process has it: nothing is shared with {@link #fileSystem()}. */
  public FileSystem anotherClient() {
    return OTHERS.computeIfAbsent(this, Storage::newClient);
  }

  private FileSystem newClient() {
    try {
      return this == FILE
          ? FailingFileSystem.local()
          : FileSystem.newInstance(server().root().toUri(), server().configuration());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Server server() {
    return switch (this) {
      case FILE -> LocalFiles.SERVER;
      case HDFS -> Hdfs.SERVER;
      case S3A -> S3.SERVER;
    };
  }

  private record Server(Path root, Configuration configuration) {}

  private static java.nio.file.Path temporaryFolder(String name) {
    try {
      java.nio.file.Path folder = Files.createTempDirectory("firesteel-" + name);
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(folder)));
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(java.nio.file.Path folder) {
    try {
      FailingFileSystem.local().delete(new Path(folder.toString()), true);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final class LocalFiles {
    static final Server SERVER =
        new Server(new Path(temporaryFolder("file").toUri()), new Configuration());
  }

  private static final class Hdfs {
    static final Server SERVER = start();

    private static Server start() {
      Configuration configuration = new Configuration();
      configuration.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, temporaryFolder("hdfs").toString());
      try {
        MiniDFSCluster cluster = new MiniDFSCluster.Builder(configuration).numDataNodes(1).build();
        cluster.waitActive();
        return new Server(new Path(cluster.getURI()), cluster.getConfiguration(0));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static final class S3 {
    static final Server SERVER = start();

    private static Server start() {
      BlobStore store = BlobStores.create("transient", new Properties());
      store.createContainer("runs");
      S3Proxy proxy =
          S3Proxy.builder()
              .blobStore(store)
              .endpoint(URI.create("http://127.0.0.1:0"))
              .awsAuthentication(AuthenticationType.AWS_V4, "user", "secret")
              .build();
      try {
        proxy.start();
      } catch (Exception e) { // That is what it declares.
        throw new IllegalStateException("the S3 server does not start", e);
      }
      Configuration configuration = new Configuration();
      configuration.set("fs.s3a.endpoint", "http://127.0.0.1:" + proxy.getPort());
      configuration.set("fs.s3a.endpoint.region", "us-east-1");
      configuration.setBoolean("fs.s3a.path.style.access", true);
      configuration.set("fs.s3a.access.key", "user");
      configuration.set("fs.s3a.secret.key", "secret");
      configuration.set("fs.s3a.buffer.dir", temporaryFolder("s3a").toString());
      return new Server(new Path("s3a://runs/"), configuration);
    }
  }
}

package dev.firesteel.spark.session;

import com.sun.management.OperatingSystemMXBean;
import dev.firesteel.backend.opencl.OpenClDevices;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HostName;
import dev.firesteel.files.LocalNames;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;

/**
 * What one JVM offers for training, determined by trying. Ships from executors: a plain Kryo class.
 */
public final class MachineReport {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  private static final String OPENCL_REMEDY =
      "only for compute.backend opencl: install the driver of the GPU, or for trials on the CPU"
          + " PoCL (apt-get install pocl-opencl-icd)";

  private final String host;
  private final Finding[] findings;

  private MachineReport(String host, Finding[] findings) {
    this.host = host;
    this.findings = findings;
  }

  /** One line of the report; {@code remedy} is null if nothing is missing. */
  public static final class Finding {
    private final String subject;
    private final String found;
    private final String remedy;

    private Finding(String subject, String found, String remedy) {
      this.subject = subject;
      this.found = found;
      this.remedy = remedy;
    }

    public static Finding ok(String subject, String found) {
      return new Finding(subject, found, null);
    }

    public static Finding missing(String subject, String found, String remedy) {
      return new Finding(subject, found, remedy);
    }

    boolean isOk() {
      return remedy == null;
    }

    @Override
    public String toString() {
      return String.format(Locale.ROOT, "  %-8s%-12s%s", isOk() ? "ok" : "missing", subject, found)
          + (isOk() ? "" : "; " + remedy);
    }
  }

  public String host() {
    return host;
  }

  public List<Finding> findings() {
    return Arrays.asList(findings);
  }

  public static MachineReport ofThisJvm() {
    List<Finding> findings =
        new ArrayList<>(
            List.of(
                java(),
                memory(),
                vectorApi(),
                bfloat16(),
                openMp(System.getenv("OMP_NUM_THREADS")),
                fileNames(LocalNames.encoding()),
                oneDnn()));
    findings.addAll(openCl());
    return new MachineReport(HostName.get(), findings.toArray(Finding[]::new));
  }

  /** One line per device that {@code compute.device} may name. */
  private static List<Finding> openCl() {
    List<OpenClDevices.Description> devices;
    try {
      devices = OpenClDevices.list();
    } catch (UserException e) {
      return List.of(Finding.missing("OpenCL", "no library", OPENCL_REMEDY));
    }
    if (devices.isEmpty()) {
      return List.of(Finding.missing("OpenCL", "no device", OPENCL_REMEDY));
    }
    return devices.stream().map(MachineReport::device).toList();
  }

  private static Finding device(OpenClDevices.Description device) {
    return Finding.ok(
        "OpenCL " + device.index(),
        String.format(
            Locale.ROOT,
            "%s %s, %.1f GiB, %d KiB local, %d compute units (%s); %s",
            device.type(),
            device.name(),
            device.memoryBytes() / (double) (1 << 30),
            device.localMemoryBytes() >> 10,
            device.computeUnits(),
            device.platform(),
            device.products()));
  }

  private static Finding java() {
    return Finding.ok(
        "Java",
        System.getProperty("java.version")
            + " ("
            + System.getProperty("java.vendor")
            + "), "
            + Runtime.getRuntime().availableProcessors()
            + " processors");
  }

  private static Finding memory() {
    long heapBytes = Runtime.getRuntime().maxMemory();
    long machineBytes =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    String found =
        String.format(
            Locale.ROOT,
            "heap up to %.1f GiB, machine %.1f GiB",
            heapBytes / (double) (1 << 30),
            machineBytes / (double) (1 << 30));
    return heapBytes >= 1 << 30
        ? Finding.ok("memory", found)
        : Finding.missing(
            "memory",
            found,
            "give at least 1 GiB: FIRESTEEL_JAVA_OPTS=-Xmx4g for ./firesteel, --executor-memory for"
                + " spark-submit");
  }

  private static Finding vectorApi() {
    String remedy =
        "start the JVM with --add-modules=jdk.incubator.vector, as ./firesteel and Spark's own"
            + " scripts do; the scalar kernels used instead give the same results, slowly";
    try {
      // By name: this class must load even if the module is absent.
      Object species =
          Class.forName("jdk.incubator.vector.FloatVector").getField("SPECIES_PREFERRED").get(null);
      int lanes =
          (int)
              Class.forName("jdk.incubator.vector.VectorSpecies")
                  .getMethod("length")
                  .invoke(species);
      return Finding.ok("Vector API", lanes + " float lanes");
    } catch (ReflectiveOperationException e) {
      return Finding.missing("Vector API", "not present", remedy);
    }
  }

  private static Finding bfloat16() {
    Set<String> flags = cpuFlags();
    List<String> found = new ArrayList<>();
    for (String flag : List.of("avx2", "avx512f", "avx512_bf16", "amx_bf16")) {
      if (flags.contains(flag)) {
        found.add(flag);
      }
    }
    String text = found.isEmpty() ? "no flag known" : String.join(" ", found);
    return flags.contains("avx512_bf16") || flags.contains("amx_bf16")
        ? Finding.ok("CPU", text)
        : Finding.missing("CPU", text + ", no bf16 instructions", "use compute.precision=fp32");
  }

  private static Set<String> cpuFlags() {
    Set<String> flags = new TreeSet<>();
    if (Files.isReadable(CPU_INFO)) {
      try {
        for (String line : Files.readAllLines(CPU_INFO, StandardCharsets.UTF_8)) {
          if (line.startsWith("flags")) {
            flags.addAll(
                Arrays.asList(line.substring(line.indexOf(':') + 1).trim().split(" +", -1)));
            break;
          }
        }
      } catch (IOException e) {
        return flags;
      }
    }
    return flags;
  }

  static Finding openMp(String threads) {
    return "1".equals(threads)
        ? Finding.ok("OpenMP", "OMP_NUM_THREADS=1")
        : Finding.missing(
            "OpenMP",
            "OMP_NUM_THREADS is " + (threads == null ? "not set" : threads),
            "set it to 1 before the JVM starts (spark-submit: --conf"
                + " spark.executorEnv.OMP_NUM_THREADS=1), or bf16 loses a quarter of its speed");
  }

  static Finding fileNames(String encoding) {
    return encoding.equalsIgnoreCase("UTF-8")
        ? Finding.ok("file names", encoding)
        : Finding.missing(
            "file names",
            encoding,
            LocalNames.remedy()
                + ", or local files with other characters in their names are refused");
  }

  private static Finding oneDnn() {
    try {
      Loader.load(dnnl.class);
      var version = dnnl.dnnl_version();
      return Finding.ok("oneDNN", version.major() + "." + version.minor() + "." + version.patch());
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      return Finding.missing(
          "oneDNN",
          "cannot be loaded on " + Loader.getPlatform() + " (" + e.getMessage() + ")",
          "use compute.precision=fp32, which needs no native library");
    }
  }
}

package dev.firesteel.backend.cpu;

import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_amx;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_bf16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_engine_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_get_effective_cpu_isa;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_stream_default_flags;
import static org.bytedeco.dnnl.global.dnnl.dnnl_success;
import static org.bytedeco.dnnl.global.dnnl.dnnl_version;

import dev.firesteel.error.UserException;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.dnnl.dnnl_engine;
import org.bytedeco.dnnl.dnnl_stream;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.javacpp.Loader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The oneDNN library: loading it, its capabilities on this CPU, and its engine handle. One instance
 * per backend that computes in bf16.
 */
final class OneDnn implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(OneDnn.class);
  private static final AtomicBoolean ADVISED = new AtomicBoolean();

  private final dnnl_engine engine = new dnnl_engine();
  private final int isa;

  private OneDnn(int isa) {
    this.isa = isa;
    check(dnnl_engine_create(engine, dnnl_cpu, 0), "dnnl_engine_create");
  }

  /**
   * Opens the library for bf16 on this CPU.
   *
   * @throws UserException if the library has no build for this platform, or the CPU has no bf16
   *     instructions
   */
  static OneDnn open() {
    // JavaCPP refuses allocations when the process is larger than a multiple of the Java heap; what
    // we hold natively is bounded by NativePool, and the limit would depend on -Xmx.
    if (System.getProperty("org.bytedeco.javacpp.maxphysicalbytes") == null) {
      System.setProperty("org.bytedeco.javacpp.maxphysicalbytes", "0");
    }
    int isa;
    try {
      Loader.load(org.bytedeco.dnnl.global.dnnl.class);
      isa = dnnl_get_effective_cpu_isa();
    } catch (UnsatisfiedLinkError e) {
      throw UserException.usage(
          "precision: bf16 needs oneDNN's native library for Linux x86-64, which could not be loaded on "
              + System.getProperty("os.name")
              + " "
              + System.getProperty("os.arch")
              + " ("
              + e.getMessage()
              + "): set precision: fp32.");
    }
    requireBf16(isa);
    adviseThreads(System.getenv("OMP_NUM_THREADS"));
    return new OneDnn(isa);
  }

  /**
   * Rejects a CPU on which oneDNN would emulate bf16: all of AVX512_BF16's predecessors. AMX_BF16
   * includes it.
   *
   * @param isa result of {@code dnnl_get_effective_cpu_isa}: a set of bits, in which every
   *     instruction set includes those it builds on
   */
  static void requireBf16(int isa) {
    if ((isa & dnnl_cpu_isa_avx512_core_bf16) != dnnl_cpu_isa_avx512_core_bf16) {
      throw UserException.usage(
          String.format(
              Locale.ROOT,
              "precision: bf16 needs a CPU with AVX512_BF16 or AMX_BF16 instructions, and oneDNN"
                  + " finds neither here (instruction set 0x%x): set precision: fp32.",
              isa));
    }
  }

  /** Warns once if the environment lets oneDNN start its own threads. */
  static void adviseThreads(String ompNumThreads) {
    if (!"1".equals(ompNumThreads) && ADVISED.compareAndSet(false, true)) {
      LOG.warn(
          "OMP_NUM_THREADS is {} and should be 1: oneDNN starts threads of its own on top of"
              + " Firesteel's, which costs a quarter of the speed, and results may differ from those"
              + " of runs where it is 1. Set it in the environment before the JVM starts"
              + " (./firesteel does; on a cluster: --conf spark.executorEnv.OMP_NUM_THREADS=1).",
          ompNumThreads == null ? "not set" : ompNumThreads);
    }
  }

  /** For the log: the version, and the bf16 instructions found. */
  String description() {
    dnnl_version_t version = dnnl_version();
    return String.format(
        Locale.ROOT,
        "oneDNN %d.%d.%d (%s)",
        version.major(),
        version.minor(),
        version.patch(),
        (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx
            ? "AMX_BF16"
            : "AVX512_BF16");
  }

  dnnl_engine engine() {
    return engine;
  }

  /** A new stream; each thread that computes needs its own. */
  dnnl_stream stream() {
    dnnl_stream stream = new dnnl_stream();
    check(dnnl_stream_create(stream, engine, dnnl_stream_default_flags), "dnnl_stream_create");
    return stream;
  }

  /** Turns a oneDNN status code into an exception that names the call. */
  static void check(int status, String call) {
    if (status != dnnl_success) {
      throw new IllegalStateException("oneDNN: " + call + " failed with status " + status);
    }
  }

  @Override
  public void close() {
    check(dnnl_engine_destroy(engine), "dnnl_engine_destroy");
  }
}

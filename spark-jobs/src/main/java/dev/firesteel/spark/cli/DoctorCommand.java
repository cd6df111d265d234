package dev.firesteel.spark.cli;

import dev.firesteel.spark.session.MachineReport;
import dev.firesteel.spark.session.SparkSessions;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.apache.spark.api.java.JavaSparkContext;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code doctor}: checks whether this machine, or a cluster's executors, can train. */
@Command(
    name = "doctor",
    description =
        "Checks Java, SIMD, native libraries, memory and Spark; each line says ok, or what is"
            + " missing and what to do.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel doctor",
      "  spark-submit --class dev.firesteel.spark.Firesteel firesteel.jar doctor"
    })
public final class DoctorCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    out.println("Firesteel " + Version.number());
    try (SparkSessions.OpenSession spark = SparkSessions.open("doctor", Map.of())) {
      var context = JavaSparkContext.fromSparkContext(spark.session().sparkContext());
      Map<String, MachineReport> byHost = new TreeMap<>();
      // More tasks than cores, so that each executor runs at least one.
      int tasks = 4 * context.defaultParallelism();
      for (MachineReport report :
          context
              .parallelize(new ArrayList<>(Collections.nCopies(tasks, 0)), tasks)
              .map(task -> MachineReport.ofThisJvm())
              .collect()) {
        byHost.put(report.host(), report);
      }
      byHost.forEach(
          (host, report) -> {
            out.println(spark.embedded() ? "This machine" : "Executors on " + host);
            report.findings().forEach(out::println);
          });
      out.println("Spark");
      out.println(
          MachineReport.Finding.ok(
              "Spark",
              context.version() + ", master " + context.master() + ", ran " + tasks + " tasks"));
      fileSystems(context.hadoopConfiguration()).forEach(out::println);
    }
    return 0;
  }

  private static List<MachineReport.Finding> fileSystems(Configuration hadoop) throws IOException {
    List<MachineReport.Finding> findings = new ArrayList<>();
    Map<String, String> remedies =
        new TreeMap<>(
            Map.of(
                "file", "repair the Spark installation",
                "hdfs", "repair the Spark installation",
                "s3a", "only for s3a:// paths: add org.apache.hadoop:hadoop-aws to Spark's jars"));
    for (Map.Entry<String, String> scheme : remedies.entrySet()) {
      String subject = scheme.getKey() + "://";
      findings.add(
          fileSystem(hadoop, scheme.getKey())
              .map(type -> MachineReport.Finding.ok(subject, type))
              .orElseGet(
                  () ->
                      MachineReport.Finding.missing(subject, "no file system", scheme.getValue())));
    }
    return findings;
  }

  private static Optional<String> fileSystem(Configuration hadoop, String scheme)
      throws IOException {
    try {
      return Optional.of(FileSystem.getFileSystemClass(scheme, hadoop).getSimpleName());
    } catch (UnsupportedFileSystemException e) {
      return Optional.empty();
    } catch (RuntimeException e) {
      // Hadoop's wrapping of a class named in its defaults but missing from all jars.
      if (e.getCause() instanceof ClassNotFoundException) {
        return Optional.empty();
      }
      throw e;
    }
  }
}

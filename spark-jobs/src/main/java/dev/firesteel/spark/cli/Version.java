package dev.firesteel.spark.cli;

import picocli.CommandLine.IVersionProvider;

/** Reads the version that the build stored in the job jar. */
public final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    return new String[] {"firesteel " + number()};
  }

  static String number() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "(not packaged)" : version;
  }
}

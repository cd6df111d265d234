package dev.firesteel.spark.session;

import dev.firesteel.error.UserException;
import java.util.Arrays;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.launcher.JavaModuleOptions;

/**
 * Whether this JVM has opened the JDK modules that Spark needs. Spark opens them itself in every
 * process that it starts, except the driver of {@code --deploy-mode cluster} on a standalone
 * cluster; and they cannot be opened in a running JVM.
 */
final class DriverModules {
  private static final Pattern OPENED = Pattern.compile("--add-opens=([^/]+)/([^=]+)=ALL-UNNAMED");

  private DriverModules() {}

  /**
   * @throws UserException if one of them is not open, with the option to add
   */
  static void requireOpen() {
    requireOpen(JavaModuleOptions.defaultModuleOptions());
  }

  /** Like the other, for the modules opened by these options. */
  static void requireOpen(String options) {
    Arrays.stream(options.split(" +"))
        .map(OPENED::matcher)
        .filter(Matcher::matches)
        .filter(option -> !isOpen(option.group(1), option.group(2)))
        .findFirst()
        .ifPresent(
            option -> {
              throw UserException.usage(
                  "Spark needs %s/%s and other modules of the JDK open in the driver, and a standalone worker starts a driver of --deploy-mode cluster without: submit again with --driver-java-options \"%s\", or with --deploy-mode client"
                      .formatted(option.group(1), option.group(2), options));
            });
  }

  /** A package that this JDK lacks need not be open. */
  private static boolean isOpen(String moduleName, String packageName) {
    Optional<Module> module =
        ModuleLayer.boot()
            .findModule(moduleName)
            .filter(each -> each.getPackages().contains(packageName));
    return module.isEmpty() || module.get().isOpen(packageName, DriverModules.class.getModule());
  }
}

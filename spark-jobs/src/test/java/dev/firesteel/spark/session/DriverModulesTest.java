package dev.firesteel.spark.session;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import org.apache.spark.launcher.JavaModuleOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DriverModulesTest {
  @Test
  void whatSparkOpensIsOpenHere() {
    assertThatCode(DriverModules::requireOpen).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @ValueSource(strings = {"java.base/sun.net.www", "java.logging/sun.util.logging.internal"})
  void aPackageThatIsNotOpenIsRefusedWithTheLineToAdd(String closed) {
    String options =
        JavaModuleOptions.defaultModuleOptions() + " --add-opens=" + closed + "=ALL-UNNAMED";

    assertThatThrownBy(() -> DriverModules.requireOpen(options))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("Spark needs " + closed + " and other modules of the JDK open")
        .hasMessageContaining("submit again with --driver-java-options \"" + options + "\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"java.base/no.such", "no.such/java.lang", "java.base/java.lang"})
  void aPackageThatThisJdkLacksNeedNotBeOpen(String name) {
    assertThatCode(() -> DriverModules.requireOpen("--add-opens=" + name + "=ALL-UNNAMED -Da=b"))
        .doesNotThrowAnyException();
  }
}

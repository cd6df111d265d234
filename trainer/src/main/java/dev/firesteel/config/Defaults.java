package dev.firesteel.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Other defaults for the keys of a shared section, on the component of the root record that holds
 * the section: {@code @Defaults("optimizer.learning_rate=2e-5") OptimizerConfig optimizer}.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Defaults {
  /** Each {@code key.path=value}, the value as in {@link Setting#byDefault}. */
  String[] value();
}

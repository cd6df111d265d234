package dev.firesteel.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Overrides defaults of a shared section's keys, on the root record's component for the section:
 * {@code @Defaults("optimizer.learning_rate=2e-5") OptimizerConfig optimizer}.
 *
 * <p>Where a section is given another {@code kind} than the root's, keys whose own default depends
 * on the kind keep that one.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Defaults {
  /** Entries {@code key.path=value}, with values as in {@link Setting#byDefault}. */
  String[] value();
}

package dev.firesteel.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The default and the meaning of one key: the only place where either stands. The key is the record
 * component's name in snake_case.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Setting {
  /** One sentence or two for {@code docs/configuration.md}. */
  String meaning();

  /**
   * The default as it would be written in YAML. Empty: the empty text for a text, "not given" for
   * the rest, which the record then derives from other keys.
   */
  String byDefault() default "";

  /** True where there is no default: the key has to be given. */
  boolean required() default false;
}

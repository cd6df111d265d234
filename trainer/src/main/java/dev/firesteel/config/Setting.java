package dev.firesteel.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The default and the meaning of one key: the only place where either stands, but for a root that
 * gives a shared section other {@link Defaults}. The key is the record component's name in
 * snake_case; its type is a scalar, an enum, or a {@code List} of one of these.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Setting {
  /** One sentence or two for {@code docs/configuration.md}. */
  String meaning();

  /**
   * The default as it would be written in YAML, a list's elements separated by commas. Empty: the
   * empty text for a text, the empty list for a list, "not given" for the rest, which the record
   * then derives from other keys.
   */
  String byDefault() default "";

  /** True where there is no default: the key has to be given. */
  boolean required() default false;

  /** Whether a resumed run may have another value. */
  Resume resume() default Resume.FIXED;
}

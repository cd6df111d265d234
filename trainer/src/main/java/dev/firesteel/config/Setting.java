package dev.firesteel.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The default and the meaning of one key, defined only here, unless a root overrides a shared
 * section's {@link Defaults}. The key is the record component's name in snake_case; its type is a
 * scalar, an enum, or a {@code List} of one of these.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Setting {
  /** One or two sentences for {@code docs/configuration.md}. */
  String meaning();

  /**
   * The default as written in YAML, with a list's elements separated by commas. Empty: the empty
   * string for a string, the empty list for a list, and "not given" for other types, which the
   * record then derives from other keys.
   */
  String byDefault() default "";

  /** Whether the key must be given, because it has no default. */
  boolean required() default false;

  /** Whether a resumed run may use another value. */
  Resume resume() default Resume.FIXED;
}

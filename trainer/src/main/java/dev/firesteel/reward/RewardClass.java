package dev.firesteel.reward;

import dev.firesteel.error.UserException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;

/** Makes reward functions from names of classes. */
final class RewardClass {
  private RewardClass() {}

  /**
   * The function of a class on the class path of the current thread.
   *
   * @param name of the class; without a package for one of this package
   */
  static RewardFunction make(String name) {
    Class<?> type = find(name);
    if (!RewardFunction.class.isAssignableFrom(type)) {
      throw wrong(name, "implement " + RewardFunction.class.getName() + ", which it does not");
    }
    if (!Modifier.isPublic(type.getModifiers()) || Modifier.isAbstract(type.getModifiers())) {
      throw wrong(name, "be a public class that is not abstract");
    }
    Constructor<?> constructor;
    try {
      constructor = type.getConstructor();
    } catch (NoSuchMethodException e) {
      throw wrong(name, "have a public constructor without parameters");
    }
    try {
      return (RewardFunction) constructor.newInstance();
    } catch (InvocationTargetException e) {
      throw UserException.usage(
          "the reward function "
              + name
              + " could not be made: its constructor threw "
              + e.getCause(),
          e.getCause());
    } catch (ReflectiveOperationException | LinkageError e) {
      throw UserException.usage("the reward function " + name + " could not be made: " + e, e);
    }
  }

  private static UserException wrong(String name, String required) {
    return UserException.usage("the reward function " + name + " must " + required);
  }

  private static Class<?> find(String name) {
    boolean ours = name.indexOf('.') < 0;
    String full = ours ? RewardClass.class.getPackageName() + "." + name : name;
    try {
      ClassLoader context = Thread.currentThread().getContextClassLoader();
      return Class.forName(
          full, true, context == null ? RewardClass.class.getClassLoader() : context);
    } catch (ClassNotFoundException e) {
      throw UserException.usage(
          "the reward function "
              + name
              + " must be a class on the class path, found none: check its name with the package,"
              + " and give its jar with --jars",
          e);
    } catch (LinkageError | RuntimeException e) {
      throw UserException.usage("the reward function " + name + " could not be loaded: " + e, e);
    }
  }
}

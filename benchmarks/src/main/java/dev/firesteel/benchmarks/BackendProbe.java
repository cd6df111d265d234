package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/** A backend that reports each kernel it is called for. */
final class BackendProbe {
  private BackendProbe() {}

  /** Notified of a kernel after it was computed. */
  interface Listener {
    void computed(String method, Object[] arguments, long nanos);
  }

  /** Computes with {@code backend} and notifies {@code listener}. */
  static Backend of(Backend backend, Listener listener) {
    return (Backend) probe(Backend.class, backend, listener);
  }

  /** Of a backend, or of one of its groups of kernels. */
  private static Object probe(Class<?> type, Object computes, Listener listener) {
    return Proxy.newProxyInstance(
        type.getClassLoader(),
        new Class<?>[] {type},
        (proxy, method, arguments) -> {
          long start = System.nanoTime();
          Object result;
          try {
            result = method.invoke(computes, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
          if (isGroup(method)) {
            return probe(method.getReturnType(), result, listener);
          }
          boolean isKernel =
              method.getReturnType() == void.class || method.getName().equals("sumOfSquares");
          if (isKernel && arguments != null) {
            listener.computed(method.getName(), arguments, System.nanoTime() - start);
          }
          return result;
        });
  }

  private static boolean isGroup(Method method) {
    return method.getReturnType().isInterface()
        && method.getReturnType().getPackage() == Backend.class.getPackage();
  }
}

package dev.firesteel.benchmarks;

import dev.firesteel.backend.Backend;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/** A backend that reports each kernel it is called for, or whose calls are changed. */
final class BackendProbe {
  private BackendProbe() {}

  /** Notified of a kernel after it was computed. */
  interface Listener {
    void computed(String method, Object[] arguments, long nanos);
  }

  /** What becomes of a call, of the backend or of one of its groups of kernels. */
  interface Interceptor {
    Object intercept(Method method, Object[] arguments, Call call) throws Throwable;
  }

  /** The call itself. */
  interface Call {
    Object proceed() throws Throwable;
  }

  /** Computes with {@code backend} and notifies {@code listener}. */
  static Backend of(Backend backend, Listener listener) {
    return intercepted(
        backend,
        (method, arguments, call) -> {
          long start = System.nanoTime();
          Object result = call.proceed();
          boolean isKernel =
              method.getReturnType() == void.class || method.getName().equals("sumOfSquares");
          if (isKernel && arguments != null) {
            listener.computed(method.getName(), arguments, System.nanoTime() - start);
          }
          return result;
        });
  }

  /** The backend, each of whose calls, and of its kernels', goes through {@code interceptor}. */
  static Backend intercepted(Backend backend, Interceptor interceptor) {
    return (Backend) intercepted(Backend.class, backend, interceptor);
  }

  private static Object intercepted(Class<?> type, Object computes, Interceptor interceptor) {
    return Proxy.newProxyInstance(
        type.getClassLoader(),
        new Class<?>[] {type},
        (proxy, method, arguments) -> {
          Object result =
              interceptor.intercept(method, arguments, () -> invoke(method, computes, arguments));
          return isGroup(method)
              ? intercepted(method.getReturnType(), result, interceptor)
              : result;
        });
  }

  private static Object invoke(Method method, Object on, Object... arguments) throws Throwable {
    try {
      return method.invoke(on, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static boolean isGroup(Method method) {
    return method.getReturnType().isInterface()
        && method.getReturnType().getPackage() == Backend.class.getPackage();
  }
}

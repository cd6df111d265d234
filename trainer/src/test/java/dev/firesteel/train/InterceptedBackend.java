package dev.firesteel.train;

import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/** A backend, each of whose calls, and of its kernels', a test may change. */
final class InterceptedBackend {
  private InterceptedBackend() {}

  /** The call itself. */
  interface Call {
    Object proceed() throws Throwable;
  }

  /** What a test makes of a call. */
  interface Interceptor {
    Object intercept(String method, Object[] arguments, Call call) throws Throwable;
  }

  /** The reference backend. */
  static Backend of(Interceptor interceptor) {
    return of(new ReferenceBackend(), interceptor);
  }

  static Backend of(Backend on, Interceptor interceptor) {
    return (Backend) intercepted(Backend.class, on, interceptor);
  }

  private static Object intercepted(Class<?> type, Object on, Interceptor interceptor) {
    return Proxy.newProxyInstance(
        type.getClassLoader(),
        new Class<?>[] {type},
        (proxy, method, arguments) -> {
          Object result =
              interceptor.intercept(
                  method.getName(), arguments, () -> invoke(method, on, arguments));
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

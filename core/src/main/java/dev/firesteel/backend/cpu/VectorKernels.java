package dev.firesteel.backend.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.util.EnumMap;
import java.util.Map;

/**
 * The classes that contain the kernels on the Vector API. A class can be redefined from the same
 * bytes: the methods of the new class are compiled independently of those of the first.
 */
final class VectorKernels {
  /** A class of kernels. */
  enum Part {
    PRIMITIVES(VectorSimd.class),
    PRODUCTS(VectorProducts.class),
    ELEMENTWISE(VectorElementwise.class),
    ACTIVATIONS(VectorActivations.class),
    NORMS(VectorNorms.class),
    ATTENTION(VectorAttention.class);

    private final Class<?> loaded;

    Part(Class<?> loaded) {
      this.loaded = loaded;
    }
  }

  /** The classes shared by all backends of this process. */
  static final VectorKernels SHARED = new VectorKernels();

  private final Map<Part, Class<?>> classes = new EnumMap<>(Part.class);

  VectorKernels() {
    for (Part part : Part.values()) {
      classes.put(part, part.loaded);
    }
  }

  /** Primitives of the current classes, for one thread. */
  synchronized Simd create() {
    return create(
        Simd.class,
        Part.PRIMITIVES,
        create(ProductSimd.class, Part.PRODUCTS),
        create(ElementwiseSimd.class, Part.ELEMENTWISE),
        create(ActivationSimd.class, Part.ACTIVATIONS),
        create(NormSimd.class, Part.NORMS),
        create(AttentionSimd.class, Part.ATTENTION));
  }

  /** Makes {@link #create} use a new class of the same bytes from now on. */
  synchronized void defineAgain(Part part) {
    try (InputStream bytes =
        part.loaded.getResourceAsStream(part.loaded.getSimpleName() + ".class")) {
      classes.put(
          part, MethodHandles.lookup().defineHiddenClass(bytes.readAllBytes(), true).lookupClass());
    } catch (IOException | IllegalAccessException e) {
      throw new IllegalStateException("Cannot redefine: " + part.loaded, e);
    }
  }

  private <T> T create(Class<T> type, Part part, Object... parts) {
    try {
      return type.cast(classes.get(part).getDeclaredConstructors()[0].newInstance(parts));
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("Cannot create: " + classes.get(part), e);
    }
  }
}

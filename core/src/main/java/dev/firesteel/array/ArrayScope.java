package dev.firesteel.array;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * Owner of arrays with a common lifetime, such as a step or a micro-batch. {@link #close()} returns
 * every block to the pool; using an array after that throws. Not thread-safe: a scope belongs to
 * one thread at a time.
 *
 * <pre>{@code
 * try (ArrayScope step = new ArrayScope("step", pool)) {
 *   NdArray hidden = step.allocate(DType.F32, Shape.of(8, 256));
 * }
 * }</pre>
 */
public final class ArrayScope implements AutoCloseable {
  private final String name;
  private final ArrayPool pool;
  private final ArrayScope parent;
  private final Set<Storage> owned = Collections.newSetFromMap(new IdentityHashMap<>());

  /** Storages of a backend's own, which do not return to the pool. */
  private final Set<Storage> adopted = Collections.newSetFromMap(new IdentityHashMap<>());

  private final List<ArrayScope> children = new ArrayList<>();
  private boolean closed;

  public ArrayScope(String name, ArrayPool pool) {
    this(name, pool, null);
  }

  private ArrayScope(String name, ArrayPool pool, ArrayScope parent) {
    this.name = name;
    this.pool = pool;
    this.parent = parent;
  }

  /** A nested scope, which closes with this one at the latest. */
  public ArrayScope child(String childName) {
    requireOpen();
    ArrayScope child = new ArrayScope(name + "/" + childName, pool, this);
    children.add(child);
    return child;
  }

  /** An array with undefined content that lives until this scope closes. */
  public NdArray allocate(DType dtype, Shape shape) {
    requireOpen();
    Storage storage = pool.take(dtype, shape.size());
    owned.add(storage);
    return new NdArray(storage, 0, shape);
  }

  /**
   * Makes this scope the owner of an array whose block is not the pool's but a backend's own, such
   * as a copy in another precision. When the array is released, using it throws; the backend then
   * frees its memory.
   */
  public NdArray adopt(NdArray array) {
    requireOpen();
    adopted.add(array.storage());
    return array;
  }

  /** Releases one array (and every view of its block) before the scope closes. */
  public void release(NdArray array) {
    Storage storage = array.storage();
    if (adopted.remove(storage)) {
      storage.endLease();
      return;
    }
    if (!owned.remove(storage)) {
      throw new IllegalArgumentException(
          "scope " + name + " does not own the array " + array + " that it should release");
    }
    pool.giveBack(storage);
  }

  /** Whether this scope owns the block of {@code array}. */
  public boolean owns(NdArray array) {
    return owned.contains(array.storage()) || adopted.contains(array.storage());
  }

  /** Transfers an array to the parent scope, so that it outlives this one. */
  public NdArray promote(NdArray array) {
    if (parent == null) {
      throw new IllegalStateException("scope " + name + " has no parent to promote to");
    }
    Storage storage = array.storage();
    if (!owned.remove(storage)) {
      throw new IllegalArgumentException(
          "scope " + name + " does not own the array " + array + " that it should promote");
    }
    parent.owned.add(storage);
    return array;
  }

  /** Closes all nested scopes and releases all blocks; closing twice does nothing. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      List.copyOf(children).forEach(ArrayScope::close);
      if (parent != null) {
        parent.children.remove(this);
      }
      owned.forEach(pool::giveBack);
      owned.clear();
      adopted.forEach(Storage::endLease);
      adopted.clear();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("scope " + name + " is closed");
    }
  }
}

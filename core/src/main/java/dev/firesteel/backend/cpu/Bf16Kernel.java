package dev.firesteel.backend.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;
import static org.bytedeco.dnnl.global.dnnl.dnnl_bf16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_f32;
import static org.bytedeco.dnnl.global.dnnl.dnnl_matmul_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_create_with_strides;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_get_size;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_set_data_handle;
import static org.bytedeco.dnnl.global.dnnl.dnnl_post_ops_append_sum;
import static org.bytedeco.dnnl.global.dnnl.dnnl_post_ops_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_post_ops_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_deterministic;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_post_ops;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_scratchpad_mode;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_query_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_execute;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_scratchpad_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_scratchpad_mode_user;

import dev.firesteel.backend.cpu.Bf16Worker.Block;
import dev.firesteel.backend.cpu.NativeBlock.Address;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_post_ops;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * A matmul {@code C = op(A) op(B)} or {@code C += op(A) op(B)} of bf16 operands with float32 sums
 * in native memory, compiled by oneDNN for one shape; executed by the calling thread only, in an
 * order that depends only on the shape.
 */
final class Bf16Kernel implements AutoCloseable {
  /**
   * The parameters that a kernel is compiled for.
   *
   * @param m rows of C
   * @param n columns of C
   * @param k length of the reduction
   * @param transposeA whether A is stored as [k, m] rather than [m, k]
   * @param strideA elements from row to row of A as stored
   * @param transposeB whether B is stored as [n, k] rather than [k, n]
   * @param strideB elements from row to row of B as stored
   * @param strideC elements from row to row of C
   * @param add whether the product is added to the content of C
   */
  record Extent(
      int m,
      int n,
      int k,
      boolean transposeA,
      int strideA,
      boolean transposeB,
      int strideB,
      int strideC,
      boolean add) {}

  private final OneDnn dnnl;
  private final dnnl_memory_desc a;
  private final dnnl_memory_desc b;
  private final boolean ownsB;
  private final dnnl_memory_desc c;
  private final dnnl_memory_desc scratchpad;
  private final dnnl_primitive_desc description = new dnnl_primitive_desc();
  private final dnnl_primitive primitive = new dnnl_primitive();
  private final Arguments[] arguments;

  Bf16Kernel(OneDnn dnnl, Extent extent, int workers) {
    this(
        dnnl,
        extent,
        matrix(dnnl_bf16, extent.k(), extent.n(), extent.transposeB(), extent.strideB()),
        true,
        workers);
  }

  /** A kernel whose B is packed, which outlives it; how the extent says it is stored is ignored. */
  Bf16Kernel(OneDnn dnnl, Extent extent, Bf16Packing packing, int workers) {
    this(dnnl, extent, packing.layout(), false, workers);
  }

  private Bf16Kernel(OneDnn dnnl, Extent extent, dnnl_memory_desc b, boolean ownsB, int workers) {
    this.dnnl = dnnl;
    this.b = b;
    this.ownsB = ownsB;
    this.arguments = new Arguments[workers];
    a = matrix(dnnl_bf16, extent.m(), extent.k(), extent.transposeA(), extent.strideA());
    c = matrix(dnnl_f32, extent.m(), extent.n(), false, extent.strideC());
    dnnl_primitive_attr attributes = attributes();
    if (extent.add()) {
      dnnl_post_ops sum = new dnnl_post_ops();
      OneDnn.check(dnnl_post_ops_create(sum), "dnnl_post_ops_create");
      OneDnn.check(dnnl_post_ops_append_sum(sum, 1f, 0, dnnl_f32), "dnnl_post_ops_append_sum");
      OneDnn.check(
          dnnl_primitive_attr_set_post_ops(attributes, sum), "dnnl_primitive_attr_set_post_ops");
      OneDnn.check(dnnl_post_ops_destroy(sum), "dnnl_post_ops_destroy");
    }
    OneDnn.check(
        dnnl_matmul_primitive_desc_create(description, dnnl.engine(), a, b, null, c, attributes),
        "dnnl_matmul_primitive_desc_create");
    OneDnn.check(dnnl_primitive_attr_destroy(attributes), "dnnl_primitive_attr_destroy");
    OneDnn.check(dnnl_primitive_create(primitive, description), "dnnl_primitive_create");
    // Belongs to the primitive's description, which therefore lives as long as this.
    scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  }

  /** Attributes of a matmul; the caller destroys them. */
  static dnnl_primitive_attr attributes() {
    dnnl_primitive_attr attributes = new dnnl_primitive_attr();
    OneDnn.check(dnnl_primitive_attr_create(attributes), "dnnl_primitive_attr_create");
    // Our own, because the library's would belong to the thread that creates the primitive.
    OneDnn.check(
        dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
        "dnnl_primitive_attr_set_scratchpad_mode");
    OneDnn.check(
        dnnl_primitive_attr_set_deterministic(attributes, 1),
        "dnnl_primitive_attr_set_deterministic");
    return attributes;
  }

  /** The layout of a matrix; the caller destroys it. */
  static dnnl_memory_desc matrix(int type, int rows, int columns, boolean transposed, int stride) {
    dnnl_memory_desc description = new dnnl_memory_desc();
    long[] extents = {rows, columns};
    long[] strides = transposed ? new long[] {1, stride} : new long[] {stride, 1};
    OneDnn.check(
        dnnl_memory_desc_create_with_strides(description, 2, extents, type, strides),
        "dnnl_memory_desc_create_with_strides");
    return description;
  }

  /** Multiplies the operands at these addresses. */
  void execute(Bf16Worker worker, long fromA, long fromB, long toC) {
    Arguments mine = arguments[worker.index()];
    if (mine == null) {
      mine = new Arguments(this);
      arguments[worker.index()] = mine;
    }
    mine.execute(worker, fromA, fromB, toC);
  }

  @Override
  public void close() {
    for (Arguments each : arguments) {
      if (each != null) {
        each.close();
      }
    }
    OneDnn.check(dnnl_primitive_destroy(primitive), "dnnl_primitive_destroy");
    OneDnn.check(dnnl_primitive_desc_destroy(description), "dnnl_primitive_desc_destroy");
    OneDnn.check(dnnl_memory_desc_destroy(a), "dnnl_memory_desc_destroy");
    if (ownsB) {
      OneDnn.check(dnnl_memory_desc_destroy(b), "dnnl_memory_desc_destroy");
    }
    OneDnn.check(dnnl_memory_desc_destroy(c), "dnnl_memory_desc_destroy");
  }

  /** One worker's memory handles; only that worker uses them. */
  private static final class Arguments {
    private final Bf16Kernel kernel;
    private final Handle a;
    private final Handle b;
    private final Handle c;
    private final Handle scratchpad;
    private final long scratchpadBytes;
    private final dnnl_exec_arg_t list = new dnnl_exec_arg_t(4);

    Arguments(Bf16Kernel kernel) {
      this.kernel = kernel;
      this.a = new Handle(kernel.dnnl, kernel.a);
      this.b = new Handle(kernel.dnnl, kernel.b);
      this.c = new Handle(kernel.dnnl, kernel.c);
      this.scratchpad = new Handle(kernel.dnnl, kernel.scratchpad);
      this.scratchpadBytes = dnnl_memory_desc_get_size(kernel.scratchpad);
      list.getPointer(0).arg(DNNL_ARG_SRC).memory(a.memory);
      list.getPointer(1).arg(DNNL_ARG_WEIGHTS).memory(b.memory);
      list.getPointer(2).arg(DNNL_ARG_DST).memory(c.memory);
      list.getPointer(3).arg(DNNL_ARG_SCRATCHPAD).memory(scratchpad.memory);
    }

    void execute(Bf16Worker worker, long fromA, long fromB, long toC) {
      a.pointTo(fromA);
      b.pointTo(fromB);
      c.pointTo(toC);
      scratchpad.pointTo(worker.block(Block.SCRATCHPAD, scratchpadBytes).address());
      OneDnn.check(
          dnnl_primitive_execute(kernel.primitive, worker.stream(), 4, list),
          "dnnl_primitive_execute");
    }

    void close() {
      a.close();
      b.close();
      c.close();
      scratchpad.close();
      list.close();
    }
  }

  /** A oneDNN memory object over an address that changes from call to call. */
  static final class Handle {
    private final dnnl_memory memory = new dnnl_memory();
    private final Address address = new Address();

    Handle(OneDnn dnnl, dnnl_memory_desc description) {
      OneDnn.check(
          dnnl_memory_create(memory, description, dnnl.engine(), null), "dnnl_memory_create");
    }

    dnnl_memory memory() {
      return memory;
    }

    void pointTo(long to) {
      if (address.address() != to) {
        OneDnn.check(
            dnnl_memory_set_data_handle(memory, address.moveTo(to)), "dnnl_memory_set_data_handle");
      }
    }

    void close() {
      OneDnn.check(dnnl_memory_destroy(memory), "dnnl_memory_destroy");
    }
  }
}

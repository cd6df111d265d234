package dev.firesteel.backend.cpu;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_FROM;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_TO;
import static org.bytedeco.dnnl.global.dnnl.dnnl_bf16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_f32;
import static org.bytedeco.dnnl.global.dnnl.dnnl_format_tag_any;
import static org.bytedeco.dnnl.global.dnnl.dnnl_matmul_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_clone;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_create_with_tag;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_memory_desc_get_size;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_scratchpad_mode;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_query_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_execute;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_scratchpad_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_weights_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_reorder_primitive_desc_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_scratchpad_mode_user;

import dev.firesteel.backend.cpu.Bf16Kernel.Handle;
import dev.firesteel.backend.cpu.Bf16Worker.Block;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * The layout that oneDNN itself would copy a part of a weight into in each matmul with few rows,
 * and the conversion to it, made once for as long as the weight does not change. The layout is that
 * for {@value #TYPICAL_ROWS} rows, and serves matmuls with any other number of rows, too.
 */
final class Bf16Packing implements AutoCloseable {
  private static final int TYPICAL_ROWS = 16;

  /** Packed parts begin at a multiple of this: a cache line. */
  private static final int ALIGNMENT = 64;

  private final OneDnn dnnl;
  private final dnnl_memory_desc plain;
  private final dnnl_memory_desc packed = new dnnl_memory_desc();
  private final dnnl_memory_desc scratchpad;
  private final dnnl_primitive_desc description = new dnnl_primitive_desc();
  private final dnnl_primitive primitive = new dnnl_primitive();

  /**
   * @param k length of the reduction
   * @param n outputs of the part, rows of the weight as stored
   */
  Bf16Packing(OneDnn dnnl, int k, int n) {
    this.dnnl = dnnl;
    dnnl_memory_desc a = Bf16Kernel.matrix(dnnl_bf16, TYPICAL_ROWS, k, false, k);
    dnnl_memory_desc c = Bf16Kernel.matrix(dnnl_f32, TYPICAL_ROWS, n, false, n);
    dnnl_memory_desc any = new dnnl_memory_desc();
    OneDnn.check(
        dnnl_memory_desc_create_with_tag(any, 2, new long[] {k, n}, dnnl_bf16, dnnl_format_tag_any),
        "dnnl_memory_desc_create_with_tag");
    dnnl_primitive_attr matmulAttributes = Bf16Kernel.attributes();
    dnnl_primitive_desc matmul = new dnnl_primitive_desc();
    OneDnn.check(
        dnnl_matmul_primitive_desc_create(matmul, dnnl.engine(), a, any, null, c, matmulAttributes),
        "dnnl_matmul_primitive_desc_create");
    OneDnn.check(
        dnnl_memory_desc_clone(
            packed, dnnl_primitive_desc_query_md(matmul, dnnl_query_weights_md, 0)),
        "dnnl_memory_desc_clone");
    OneDnn.check(dnnl_primitive_desc_destroy(matmul), "dnnl_primitive_desc_destroy");
    OneDnn.check(dnnl_primitive_attr_destroy(matmulAttributes), "dnnl_primitive_attr_destroy");
    for (dnnl_memory_desc each : new dnnl_memory_desc[] {a, c, any}) {
      OneDnn.check(dnnl_memory_desc_destroy(each), "dnnl_memory_desc_destroy");
    }
    plain = Bf16Kernel.matrix(dnnl_bf16, k, n, true, k);
    dnnl_primitive_attr attributes = new dnnl_primitive_attr();
    OneDnn.check(dnnl_primitive_attr_create(attributes), "dnnl_primitive_attr_create");
    OneDnn.check(
        dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
        "dnnl_primitive_attr_set_scratchpad_mode");
    OneDnn.check(
        dnnl_reorder_primitive_desc_create(
            description, plain, dnnl.engine(), packed, dnnl.engine(), attributes),
        "dnnl_reorder_primitive_desc_create");
    OneDnn.check(dnnl_primitive_attr_destroy(attributes), "dnnl_primitive_attr_destroy");
    OneDnn.check(dnnl_primitive_create(primitive, description), "dnnl_primitive_create");
    // Belongs to the primitive's description, which therefore lives as long as this.
    scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
  }

  /** The layout; belongs to this object. */
  dnnl_memory_desc layout() {
    return packed;
  }

  /** Bytes from the beginning of a packed part to that of the next one. */
  long bytes() {
    long size = dnnl_memory_desc_get_size(packed);
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /**
   * Packs a part.
   *
   * @param from address of its bf16 rows, without gaps
   * @param to address of {@link #bytes} of memory
   */
  void pack(Bf16Worker worker, long from, long to) {
    Handle source = new Handle(dnnl, plain);
    Handle target = new Handle(dnnl, packed);
    Handle scratch = new Handle(dnnl, scratchpad);
    source.pointTo(from);
    target.pointTo(to);
    scratch.pointTo(
        worker.block(Block.SCRATCHPAD, dnnl_memory_desc_get_size(scratchpad)).address());
    try (dnnl_exec_arg_t list = new dnnl_exec_arg_t(3)) {
      list.getPointer(0).arg(DNNL_ARG_FROM).memory(source.memory());
      list.getPointer(1).arg(DNNL_ARG_TO).memory(target.memory());
      list.getPointer(2).arg(DNNL_ARG_SCRATCHPAD).memory(scratch.memory());
      OneDnn.check(
          dnnl_primitive_execute(primitive, worker.stream(), 3, list), "dnnl_primitive_execute");
    }
    source.close();
    target.close();
    scratch.close();
  }

  @Override
  public void close() {
    OneDnn.check(dnnl_primitive_destroy(primitive), "dnnl_primitive_destroy");
    OneDnn.check(dnnl_primitive_desc_destroy(description), "dnnl_primitive_desc_destroy");
    OneDnn.check(dnnl_memory_desc_destroy(plain), "dnnl_memory_desc_destroy");
    OneDnn.check(dnnl_memory_desc_destroy(packed), "dnnl_memory_desc_destroy");
  }
}

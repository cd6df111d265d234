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
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_deterministic;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_attr_set_scratchpad_mode;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_create;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_desc_query_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_destroy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_primitive_execute;
import static org.bytedeco.dnnl.global.dnnl.dnnl_query_scratchpad_md;
import static org.bytedeco.dnnl.global.dnnl.dnnl_scratchpad_mode_user;

import dev.firesteel.backend.cpu.NativeBlock.Address;
import org.bytedeco.dnnl.dnnl_exec_arg_t;
import org.bytedeco.dnnl.dnnl_memory;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive;
import org.bytedeco.dnnl.dnnl_primitive_attr;
import org.bytedeco.dnnl.dnnl_primitive_desc;

/**
 * A matrix product {@code C = op(A) op(B)} of one shape, bf16 operands in row-major native memory,
 * float32 sums, cut in tiles of C that depend on the shape alone. A tile is one single-threaded
 * oneDNN call over the whole reduction, so the bits of C depend on the operands alone.
 *
 * <p>Operands are read as they lie, not packed: oneDNN packs the part of B that a call needs
 * itself, and a tile of {@value #TILE_ROWS} rows makes up for that. Measured with AMX, keeping
 * packed weights saves less than it costs to pack them twice (for y and for dx) in every step.
 */
final class Bf16Gemm implements AutoCloseable {
  static final int TILE_ROWS = 256;
  static final int TILE_COLUMNS = 512;

  /** A product with fewer tiles than this is cut in lower ones, so that more threads have work. */
  private static final int ENOUGH_TILES = 8;

  private static final int LOW_TILE_ROWS = 128;

  /**
   * What a product is compiled for.
   *
   * @param m rows of C
   * @param n columns of C
   * @param k length of the reduction
   * @param transposeA whether A lies as [k, m] and not [m, k]
   * @param strideA elements from row to row of A as it lies
   * @param transposeB whether B lies as [n, k] and not [k, n]
   * @param strideB elements from row to row of B as it lies
   */
  record Form(
      int m, int n, int k, boolean transposeA, int strideA, boolean transposeB, int strideB) {
    /** Both operands without gaps between their rows. */
    static Form dense(int m, int n, int k, boolean transposeA, boolean transposeB) {
      return new Form(m, n, k, transposeA, transposeA ? m : k, transposeB, transposeB ? k : n);
    }
  }

  private final Form form;
  private final int tileRows;
  private final int tileColumns;
  private final int columnTiles;
  private final int tiles;

  /** By whether the tile is in the last row and the last column of tiles. */
  private final Kernel[] kernels = new Kernel[4];

  Bf16Gemm(OneDnn dnnl, Form form, int workers) {
    this.form = form;
    this.tileColumns = Math.min(TILE_COLUMNS, form.n());
    this.columnTiles = ceilDiv(form.n(), tileColumns);
    boolean enough = ceilDiv(form.m(), TILE_ROWS) * columnTiles >= ENOUGH_TILES;
    this.tileRows = Math.min(enough ? TILE_ROWS : LOW_TILE_ROWS, form.m());
    this.tiles = ceilDiv(form.m(), tileRows) * columnTiles;
    int lastRows = form.m() - (ceilDiv(form.m(), tileRows) - 1) * tileRows;
    int lastColumns = form.n() - (columnTiles - 1) * tileColumns;
    for (int kind = 0; kind < 4; kind++) {
      int rows = (kind & 1) == 0 ? tileRows : lastRows;
      int columns = (kind & 2) == 0 ? tileColumns : lastColumns;
      for (int other = 0; other < kind && kernels[kind] == null; other++) {
        if (kernels[other].rows == rows && kernels[other].columns == columns) {
          kernels[kind] = kernels[other];
        }
      }
      if (kernels[kind] == null) {
        kernels[kind] = new Kernel(dnnl, form, rows, columns, workers);
      }
    }
  }

  int tiles() {
    return tiles;
  }

  /** First row of C in a tile. */
  int row(int tile) {
    return tile / columnTiles * tileRows;
  }

  /** First column of C in a tile. */
  int column(int tile) {
    return tile % columnTiles * tileColumns;
  }

  /** Rows of the tile that begins at {@code row}. */
  int rows(int row) {
    return Math.min(tileRows, form.m() - row);
  }

  /** Columns of the tile that begins at {@code column}. */
  int columns(int column) {
    return Math.min(tileColumns, form.n() - column);
  }

  /**
   * Computes one tile of C into {@link Bf16Worker#tile()}, its rows one after another without gaps.
   *
   * @param a address of op(A)'s first element
   * @param b address of op(B)'s first element
   */
  void multiply(int tile, Bf16Worker worker, long a, long b) {
    int row = row(tile);
    int column = column(tile);
    boolean lastRow = rows(row) < tileRows;
    boolean lastColumn = columns(column) < tileColumns;
    long fromA = a + Short.BYTES * (form.transposeA() ? row : (long) row * form.strideA());
    long fromB = b + Short.BYTES * (form.transposeB() ? (long) column * form.strideB() : column);
    kernels[(lastRow ? 1 : 0) + (lastColumn ? 2 : 0)].execute(worker, fromA, fromB);
  }

  @Override
  public void close() {
    for (int kind = 0; kind < 4; kind++) {
      for (int other = 0; other < kind; other++) {
        if (kernels[other] == kernels[kind]) {
          kernels[other] = null;
        }
      }
    }
    for (Kernel kernel : kernels) {
      if (kernel != null) {
        kernel.close();
      }
    }
  }

  private static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }

  /** The compiled primitive for tiles of one extent, and each worker's arguments for it. */
  private static final class Kernel {
    private final OneDnn dnnl;
    private final int rows;
    private final int columns;
    private final dnnl_memory_desc a;
    private final dnnl_memory_desc b;
    private final dnnl_memory_desc c;
    private final dnnl_memory_desc scratchpad;
    private final dnnl_primitive_desc description = new dnnl_primitive_desc();
    private final dnnl_primitive primitive = new dnnl_primitive();
    private final Arguments[] arguments;

    Kernel(OneDnn dnnl, Form form, int rows, int columns, int workers) {
      this.dnnl = dnnl;
      this.rows = rows;
      this.columns = columns;
      this.arguments = new Arguments[workers];
      a = matrix(dnnl_bf16, rows, form.k(), form.transposeA(), form.strideA());
      b = matrix(dnnl_bf16, form.k(), columns, form.transposeB(), form.strideB());
      c = matrix(dnnl_f32, rows, columns, false, columns);
      dnnl_primitive_attr attributes = new dnnl_primitive_attr();
      OneDnn.check(dnnl_primitive_attr_create(attributes), "dnnl_primitive_attr_create");
      // Ours, since the library's own would belong to the thread that creates the primitive.
      OneDnn.check(
          dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
          "dnnl_primitive_attr_set_scratchpad_mode");
      OneDnn.check(
          dnnl_primitive_attr_set_deterministic(attributes, 1),
          "dnnl_primitive_attr_set_deterministic");
      OneDnn.check(
          dnnl_matmul_primitive_desc_create(description, dnnl.engine(), a, b, null, c, attributes),
          "dnnl_matmul_primitive_desc_create");
      OneDnn.check(dnnl_primitive_attr_destroy(attributes), "dnnl_primitive_attr_destroy");
      OneDnn.check(dnnl_primitive_create(primitive, description), "dnnl_primitive_create");
      // Belongs to the primitive's description, which therefore lives as long as this.
      scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    }

    private static dnnl_memory_desc matrix(
        int type, int rows, int columns, boolean transposed, int stride) {
      dnnl_memory_desc description = new dnnl_memory_desc();
      long[] extents = {rows, columns};
      long[] strides = transposed ? new long[] {1, stride} : new long[] {stride, 1};
      OneDnn.check(
          dnnl_memory_desc_create_with_strides(description, 2, extents, type, strides),
          "dnnl_memory_desc_create_with_strides");
      return description;
    }

    void execute(Bf16Worker worker, long fromA, long fromB) {
      Arguments mine = arguments[worker.index()];
      if (mine == null) {
        mine = new Arguments(this);
        arguments[worker.index()] = mine;
      }
      mine.execute(worker, fromA, fromB);
    }

    void close() {
      for (Arguments each : arguments) {
        if (each != null) {
          each.close();
        }
      }
      OneDnn.check(dnnl_primitive_destroy(primitive), "dnnl_primitive_destroy");
      OneDnn.check(dnnl_primitive_desc_destroy(description), "dnnl_primitive_desc_destroy");
      OneDnn.check(dnnl_memory_desc_destroy(a), "dnnl_memory_desc_destroy");
      OneDnn.check(dnnl_memory_desc_destroy(b), "dnnl_memory_desc_destroy");
      OneDnn.check(dnnl_memory_desc_destroy(c), "dnnl_memory_desc_destroy");
    }
  }

  /** One worker's memory handles; only that worker uses them. */
  private static final class Arguments {
    private final Kernel kernel;
    private final Handle a;
    private final Handle b;
    private final Handle c;
    private final Handle scratchpad;
    private final long scratchpadBytes;
    private final dnnl_exec_arg_t list = new dnnl_exec_arg_t(4);

    Arguments(Kernel kernel) {
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

    void execute(Bf16Worker worker, long fromA, long fromB) {
      a.pointTo(fromA);
      b.pointTo(fromB);
      c.pointTo(worker.tileAddress());
      scratchpad.pointTo(worker.scratchpadAddress(scratchpadBytes));
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
  private static final class Handle {
    private final dnnl_memory memory = new dnnl_memory();
    private final Address address = new Address();

    Handle(OneDnn dnnl, dnnl_memory_desc description) {
      OneDnn.check(
          dnnl_memory_create(memory, description, dnnl.engine(), null), "dnnl_memory_create");
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

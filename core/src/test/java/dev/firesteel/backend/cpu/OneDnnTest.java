package dev.firesteel.backend.cpu;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx2_vnni_2;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_amx;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_bf16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_vnni;

import dev.firesteel.error.UserException;
import org.junit.jupiter.api.Test;

class OneDnnTest {
  @Test
  void refusesCpuWithoutBf16Instructions() {
    assertThatThrownBy(() -> OneDnn.requireBf16(dnnl_cpu_isa_avx512_core_vnni))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "precision: bf16 needs a CPU with AVX512_BF16 or AMX_BF16 instructions, and oneDNN"
                + " finds neither here (instruction set 0x67): set precision: fp32.")
        .extracting(e -> ((UserException) e).kind())
        .isEqualTo(UserException.Kind.USAGE);
  }

  /** It converts bf16 in hardware but has no products of it. */
  @Test
  void refusesConversionAlone() {
    assertThatThrownBy(() -> OneDnn.requireBf16(dnnl_cpu_isa_avx2_vnni_2))
        .isInstanceOf(UserException.class);
  }

  @Test
  void acceptsAvx512AndAmx() {
    assertThatCode(() -> OneDnn.requireBf16(dnnl_cpu_isa_avx512_core_bf16))
        .doesNotThrowAnyException();
    assertThatCode(() -> OneDnn.requireBf16(dnnl_cpu_isa_avx512_core_amx))
        .doesNotThrowAnyException();
  }
}

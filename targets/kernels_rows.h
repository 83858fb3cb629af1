/* kernels_rows.h - groups of rows that several tables of kernels are made of: one kernel each for a
 * kind of weights, WEIGHTS in the names of its functions and conditions. */

/* Dense layers of int8 codes by lines.h; `kind`: more that the family asks of a layer. */
#define LINE_DENSE(isa, family, header, weights, kind, packing) \
  KERNEL_INPLACE(QConv, gemm_##weights##_##family, header, isa, is_##kind##product_##weights, packing, product_scratch, 1, 1, qgemm) \
  KERNEL_INPLACE(QGemm, gemm_##weights##_##family, header, isa, is_##kind##product_##weights, packing, product_scratch, 1, 1, qgemm) \
  KERNEL(QConv, conv_##weights##_##family, header, isa, is_lagging_##kind##lines_##weights, packing, lines_scratch, 1, qconv) \
  KERNEL(QConv, conv_##weights##_##family, header, isa, is_##kind##lines_##weights, packing, lines_scratch, 0, qconv)
/* The same with a multiple for each run of weights. */
#define LINE_GROUPED(isa, family, header, weights, kind, packing) \
  KERNEL_INPLACE(QConv, gemm_grouped_##weights##_##family, header, isa, is_##kind##grouped_product_##weights, packing, product_scratch, 1, 1, qgemm) \
  KERNEL_INPLACE(QGemm, gemm_grouped_##weights##_##family, header, isa, is_##kind##grouped_product_##weights, packing, product_scratch, 1, 1, qgemm) \
  KERNEL(QConv, conv_grouped_##weights##_##family, header, isa, is_lagging_##kind##grouped_lines_##weights, packing, lines_scratch, 1, qconv) \
  KERNEL(QConv, conv_grouped_##weights##_##family, header, isa, is_##kind##grouped_lines_##weights, packing, lines_scratch, 0, qconv)
/* Products by the same, of codes with scales of run time to floats, and with a multiple for each run of weights. */
#define LINE_REALS(isa, family, header, weights, kind, packing) \
  KERNEL(DConv, reals_##weights##_##family, header, isa, is_##kind##reals_##weights, packing, product_scratch, 0, line_reals) \
  KERNEL(DGemm, reals_##weights##_##family, header, isa, is_##kind##reals_##weights, packing, product_scratch, 0, line_reals)
#define LINE_REALS_GROUPED(isa, family, header, weights, kind, packing) \
  KERNEL(DConv, reals_grouped_##weights##_##family, header, isa, is_##kind##grouped_reals_##weights, packing, product_scratch, 0, line_reals) \
  KERNEL(DGemm, reals_grouped_##weights##_##family, header, isa, is_##kind##grouped_reals_##weights, packing, product_scratch, 0, line_reals)

/* Dense layers by runtime/x86, whose copies of the input are s16 or u8.  All work in place: what they
 * read is copied first. */
#define X86_DENSE(isa, prefix, weights, copy) \
  KERNEL_INPLACE(QConv, isa##_gemm_##weights, #isa "/dense.h", #isa, is_x86_pointwise_##weights, prefix##_RUNS, staged_rows_##copy, 1, 0, x86_gemm) \
  KERNEL_INPLACE(QConv, isa##_conv_##weights, #isa "/dense.h", #isa, is_x86_conv_##weights, prefix##_RUNS, staged_##copy, 1, 1, x86_conv) \
  KERNEL_INPLACE(QConv, isa##_conv_##weights, #isa "/dense.h", #isa, is_x86_dilated_##weights, prefix##_TAPS, staged_##copy, 1, 1, x86_conv) \
  KERNEL_INPLACE(QGemm, isa##_gemm_##weights, #isa "/dense.h", #isa, is_x86_gemm_##weights, prefix##_RUNS, staged_rows_##copy, 1, 0, x86_gemm) \
  KERNEL(DConv, isa##_reals_##weights, #isa "/reals.h", #isa, is_x86_reals_##weights, prefix##_RUNS, staged_rows_##copy, 0, x86_reals) \
  KERNEL(DGemm, isa##_reals_##weights, #isa "/reals.h", #isa, is_x86_reals_##weights, prefix##_RUNS, staged_rows_##copy, 0, x86_reals)

/* Dense layers by runtime/mve, WEIGHTS with "grouped_" where runs have a multiple each; `scratch` likewise. */
#define MVE_DENSE(weights, scratch, quads, eights) \
  KERNEL_INPLACE(QConv, mve_conv1x1_##weights, "mve/conv1x1.h", "mve", is_mve_conv1x1_##weights, quads, mve_tile_##scratch, 1, 1, qgemm) \
  KERNEL_INPLACE(QConv, mve_conv_##weights, "mve/conv.h", "mve", is_mve_conv_over_##weights, quads, mve_conv_##scratch, 1, 1, qconv) \
  KERNEL(QConv, mve_conv_##weights, "mve/conv.h", "mve", is_mve_conv_##weights, quads, mve_conv_##scratch, 0, qconv) \
  KERNEL(QGemm, mve_gemm_##weights, "mve/gemm.h", "mve", is_mve_gemm_##weights, eights, mve_gemm_##scratch, 0, qgemm) \
  KERNEL_INPLACE(QGemm, mve_conv1x1_##weights, "mve/conv1x1.h", "mve", is_mve_rows_##weights, quads, mve_tile_##scratch, 1, 1, qgemm)

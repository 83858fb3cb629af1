/* gradient_cases.h - the table of test_gradient.c: operator, inputs, body, outputs, range. */
/* clang-format off */
#define X "float[A,B,C] x"
#define UNARY(op) {op, X, "y = " op "(x)", NULL, 0, 0}
#define POSITIVE(op) {op, X, "y = " op "(x)", NULL, 0.3, 3}
#define BINARY(op) {op, "float[A,B,C] x, float[B,1] b", "y = " op "(x, b)", NULL, 0, 0}
#define REDUCE(op) {op, X, "const int64[2] k = {0, -1}\n y = " op "<keepdims=0>(x, k)", NULL, 0, 0}

/* elementwise.c */
BINARY("Add"), BINARY("Sub"), BINARY("Mul"),
{"Add", X, "y = Add(x, x)", NULL, 0, 0},
{"Mul", "float b, float[A,B] x", "y = Mul(b, x)", NULL, 0, 0},
{"Div", "float[A,B,C] x, float[A,1,C] b", "y = Div(x, b)", NULL, 0.4, 2},
{"Pow", "float[A,B] x, float[B] b", "y = Pow(x, b)", NULL, 0.4, 2},
{"Pow", "float[A,B] x", "const float b = {3.0}\n y = Pow(x, b)", NULL, 0, 0},
{"Sum", "float[A,B] x, float[B] b, float c", "y = Sum(x, b, c)", NULL, 0, 0},
{"Mean", "float[A,B] x, float[B] b, float c", "y = Mean(x, b, c)", NULL, 0, 0},
{"Min", "float[A,B] x, float[1,B] b", "y = Min(x, b)", NULL, 0, 0},
{"Max", "float[A,B] x, float[1,B] b, float[A,1] c", "y = Max(x, b, c)", NULL, 0, 0},
{"Max", X, "y = Max(x, x)", NULL, 0, 0},
{"Where", "float[A,B] x, float[B] b", "const float z = {0.1}\n c = Greater(x, z)\n y = Where(c, x, b)", NULL, 0, 0},

/* unary.c */
UNARY("Abs"), UNARY("Neg"), POSITIVE("Sqrt"), UNARY("Exp"), POSITIVE("Log"), POSITIVE("Reciprocal"),
UNARY("Floor"), UNARY("Ceil"), UNARY("Round"), UNARY("Sign"), UNARY("Erf"), UNARY("Sin"), UNARY("Cos"),
{"Tan", X, "y = Tan(x)", NULL, -1, 1},
UNARY("Atan"), UNARY("Relu"), UNARY("LeakyRelu"), UNARY("Sigmoid"), UNARY("Tanh"), UNARY("Elu"), UNARY("Celu"),
UNARY("Selu"), UNARY("HardSigmoid"), UNARY("Softplus"), UNARY("Softsign"), UNARY("ThresholdedRelu"),
UNARY("Swish"), UNARY("Mish"), UNARY("Gelu"),
{"LeakyRelu", X, "y = LeakyRelu<alpha=0.3>(x)", NULL, 0, 0},
{"Elu", X, "y = Elu<alpha=0.7>(x)", NULL, 0, 0},
{"Celu", X, "y = Celu<alpha=0.6>(x)", NULL, 0, 0},
{"Selu", X, "y = Selu<alpha=1.2, gamma=0.9>(x)", NULL, 0, 0},
{"HardSigmoid", X, "y = HardSigmoid<alpha=0.25, beta=0.6>(x)", NULL, 0, 0},
{"HardSwish", X, "y = HardSwish(x)", NULL, -5, 5},
{"Swish", X, "y = Swish<alpha=1.5>(x)", NULL, 0, 0},
{"Gelu", X, "y = Gelu<approximate=\"tanh\">(x)", NULL, 0, 0},
{"Clip", X, "y = Clip<min=-1.0, max=1.5>(x)", NULL, 0, 0},
{"Clip", "float[A,B] x, float m", "y = Clip(x, , m)", NULL, 0, 0},
{"Clip", "float[A,B] x, float m", "y = Clip(x, m)", NULL, 0, 0},
{"PRelu", "float[A,B,C] x, float[B,1] b", "y = PRelu(x, b)", NULL, 0, 0},

/* linear.c */
{"Gemm", "float[A,B] a, float[B,C] b, float[C] c", "y = Gemm(a, b, c)", NULL, 0, 0},
{"Gemm", "float[B,A] a, float[B,C] b", "y = Gemm<transA=1, alpha=0.5>(a, b)", NULL, 0, 0},
{"Gemm", "float[A,B] a, float[C,B] b, float[A,1] c", "y = Gemm<transB=1, beta=0.5>(a, b, c)", NULL, 0, 0},
{"Gemm", "float[B,A] a, float[C,B] b, float c", "y = Gemm<transA=1, transB=1>(a, b, c)", NULL, 0, 0},
{"MatMul", "float[A,B] a, float[B,C] b", "y = MatMul(a, b)", NULL, 0, 0},
{"MatMul", "float[E,1,A,B] a, float[F,B,C] b", "y = MatMul(a, b)", NULL, 0, 0},
{"MatMul", "float[B] a, float[F,B,C] b", "y = MatMul(a, b)", NULL, 0, 0},
{"MatMul", "float[F,A,B] a, float[B] b", "y = MatMul(a, b)", NULL, 0, 0},
{"MatMul", "float[B] a, float[B] b", "y = MatMul(a, b)", NULL, 0, 0},

/* reduce.c */
REDUCE("ReduceSum"), REDUCE("ReduceMean"), REDUCE("ReduceMax"), REDUCE("ReduceMin"), REDUCE("ReduceProd"),
REDUCE("ReduceL1"), REDUCE("ReduceL2"), REDUCE("ReduceSumSquare"), REDUCE("ReduceLogSumExp"),
{"ReduceLogSum", X, "const int64[1] k = {1}\n y = ReduceLogSum(x, k)", NULL, 0.3, 3},
{"ReduceSum", X, "y = ReduceSum(x)", NULL, 0, 0},
{"ReduceProd", X, "const float z = {0.0}\n f = Relu(x)\n y = ReduceProd(f)", NULL, -0.2, 3},
{"ReduceL2", X, "const float z = {0.0}\n f = Mul(x, z)\n y = ReduceL2(f)", NULL, 0, 0},

/* conv.c: both layouts, groups, depthwise, ragged ends, one to three dimensions */
{"Conv", "float[B,C,H,W] x, float[D,C,3,2] w, float[D] b", "y = Conv<pads=[1,0,1,1]>(x, w, b)", NULL, 0, 0},
{"Conv", "float[B,4,H,W] x, float[6,2,2,3] w", "y = Conv<group=2, strides=[2,3], pads=[0,1,1,1]>(x, w)", NULL, 0, 0},
{"Conv", "float[B,3,H,W] x, float[3,1,3,3] w, float[3] b", "y = Conv<group=3, strides=[2,1], auto_pad=\"SAME_UPPER\">(x, w, b)", NULL, 0, 0},
{"Conv", "float[1,C,7,7] x, float[D,C,2,2] w", "y = Conv<dilations=[2,3], strides=[3,2], pads=[1,1,1,1]>(x, w)", NULL, 0, 0},
{"Conv", "float[B,C,W] x, float[D,C,3] w, float[D] b", "y = Conv<strides=[2]>(x, w, b)", NULL, 0, 0},
{"Conv", "float[B,C,4,3,3] x, float[D,C,2,2,1] w", "y = Conv<strides=[2,1,1]>(x, w)", NULL, 0, 0},
{"Conv", "float[B,H,W,C] NHWC x, float[D,3,3,C] NHWC w, float[D] b", "y = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w, b)", NULL, 0, 0},
{"Conv", "float[B,H,W,C] NHWC x, float[D,1,1,C] NHWC w, float[D] b", "y = Conv(x, w, b)", NULL, 0, 0},
{"Conv", "float[B,H,W,3] NHWC x, float[3,3,3,1] NHWC w", "y = Conv<group=3, strides=[2,2], pads=[1,1,1,1]>(x, w)", NULL, 0, 0},
{"Conv", "float[B,H,W,4] NHWC x, float[2,2,3,2] NHWC w", "y = Conv<group=2>(x, w)", NULL, 0, 0},
{"Conv", "float[B,H,W,C] NHWC x, float[D,C,2,3] w", "y = Conv(x, w)", NULL, 0, 0},
{"Conv", "float[1,C,H,W] x, float[D,C,3,3] w", "y = Conv<activation=\"Swish\", activation_alpha=1.5>(x, w)", NULL, -1, 1},
{"Conv", "float[1,C,4,4] x, float[D,C,4,4] w", "y = Conv<activation=\"Clip\", activation_min=-90.0, activation_max=-80.0>(x, w)", NULL, 0, 0},
{"ConvTranspose", "float[B,C,H,W] x, float[C,D,3,2] w, float[D] b", "y = ConvTranspose<strides=[2,1], pads=[1,0,0,1]>(x, w, b)", NULL, 0, 0},
{"ConvTranspose", "float[B,4,4,4] x, float[4,3,3,3] w", "y = ConvTranspose<group=2, strides=[2,2], output_padding=[1,1], pads=[1,1,1,1]>(x, w)", NULL, 0, 0},
{"ConvTranspose", "float[B,W,C] NHWC x, float[C,3,D] NHWC w", "y = ConvTranspose<strides=[2], dilations=[2]>(x, w)", NULL, 0, 0},
{"ConvTranspose", "float[B,4,4,3] NHWC x, float[3,2,2,1] NHWC w", "y = ConvTranspose<group=3>(x, w)", NULL, 0, 0},

/* pool.c */
{"MaxPool", "float[B,C,H,W] x", "y = MaxPool<kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,1]>(x)", NULL, -8, 8},
{"MaxPool", "float[B,H,W,C] NHWC x", "y = MaxPool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x)", NULL, -8, 8},
{"AveragePool", "float[B,C,H,W] x", "y = AveragePool<kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,1]>(x)", NULL, 0, 0},
{"AveragePool", "float[B,C,H,W] x", "y = AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1, ceil_mode=1>(x)", NULL, 0, 0},
{"AveragePool", "float[B,W,C] NHWC x", "y = AveragePool<kernel_shape=[2], strides=[3]>(x)", NULL, 0, 0},
{"GlobalAveragePool", "float[B,C,H,W] x", "y = GlobalAveragePool(x)", NULL, 0, 0},
{"GlobalMaxPool", "float[B,H,W,C] NHWC x", "y = GlobalMaxPool(x)", NULL, -8, 8},
{"MaxPool", "float[B,C,H,W] x", "p = MaxPool<kernel_shape=[2,2]>(x)\n y = Mul(p, p)", NULL, -8, 8},

/* norm.c */
{"Softmax", X, "y = Softmax<axis=1>(x)", NULL, 0, 0},
{"LogSoftmax", X, "y = LogSoftmax(x)", NULL, 0, 0},
{"Hadamard", "float[A,12] x", "y = Hadamard<block=4>(x)", NULL, 0, 0},
{"Hadamard", "float[A,4] x", "const int8[4] s = {1, -1, -1, 1}\n y = Hadamard<inverse=1>(x, s)", NULL, 0, 0},
{"BatchNormalization", "float[B,C,H] x, float[C] s, float[C] b, float[C] m, float[C] q", "y = BatchNormalization<epsilon=0.01>(x, s, b, m, q)", NULL, 0.3, 2},
{"BatchNormalization", "float[B,H,C] NHWC x, float[C] s, float[C] b, float[C] m, float[C] q", "y = BatchNormalization(x, s, b, m, q)", NULL, 0.3, 2},
{"InstanceNormalization", "float[B,C,H,W] x, float[C] s, float[C] b", "y = InstanceNormalization(x, s, b)", NULL, 0, 0},
{"LayerNormalization", "float[A,H,W] x, float[W] s, float[W] b", "y = LayerNormalization(x, s, b)", NULL, 0, 0},
{"LayerNormalization", "float[A,H,W] x, float[H,W] s", "y = LayerNormalization<axis=1>(x, s)", NULL, 0, 0},
{"RMSNormalization", "float[A,H,W] x, float[W] s", "y = RMSNormalization(x, s)", NULL, 0, 0},

/* move.c */
{"Identity", X, "y = Identity(x)", NULL, 0, 0},
{"Dropout", X, "y = Dropout(x)", NULL, 0, 0},
{"Reshape", X, "const int64[2] s = {0, -1}\n y = Reshape(x, s)", NULL, 0, 0},
{"Flatten", X, "y = Flatten<axis=2>(x)", NULL, 0, 0},
{"Squeeze", "float[A,1,B] x", "const int64[1] s = {1}\n y = Squeeze(x, s)", NULL, 0, 0},
{"Unsqueeze", X, "const int64[1] s = {1}\n y = Unsqueeze(x, s)", NULL, 0, 0},
{"Transpose", "float[A,B,C,D] x", "y = Transpose<perm=[2,0,3,1]>(x)", NULL, 0, 0},
{"Transpose", "float[A,B,H,W] x, float[2,1,1,B] NHWC w", "t = Transpose<perm=[0,2,3,1], layout=\"NHWC\">(x)\n y = Conv(t, w)", NULL, 0, 0},
{"DepthToSpace", "float[A,8,B,C] x", "y = DepthToSpace<blocksize=2>(x)", NULL, 0, 0},
{"DepthToSpace", "float[A,8,B,C] x", "y = DepthToSpace<blocksize=2, mode=\"CRD\">(x)", NULL, 0, 0},
{"DepthToSpace", "float[A,B,C,8] NHWC x", "y = DepthToSpace<blocksize=2, mode=\"CRD\">(x)", NULL, 0, 0},
{"DepthToSpace", "float[A,B,C,8] NHWC x", "y = DepthToSpace<blocksize=2>(x)", NULL, 0, 0},
{"SpaceToDepth", "float[A,2,4,6] x", "y = SpaceToDepth<blocksize=2>(x)", NULL, 0, 0},
{"Slice", "float[A,H,W] x", "y = Slice<starts=[1,2], ends=[4,9], axes=[1,2]>(x)", NULL, 0, 0},
{"Slice", "float[A,H,W] x", "const int64[2] s = {-1, 0}\n const int64[2] e = {-9, 9}\n const int64[2] k = {1, 2}\n const int64[2] t = {-2, 3}\n y = Slice(x, s, e, k, t)", NULL, 0, 0},
{"Split", "float[A,4,B] x", "const int64[2] s = {1, 3}\n y, z = Split<axis=1>(x, s)", "y, z", 0, 0},
{"Split", "float[A,4,B] x", "const int64[2] s = {1, 3}\n y, z = Split<axis=-2>(x, s)", "z", 0, 0},
{"Concat", "float[A,B] x, float[A,C] z, float[A,D] w", "y = Concat<axis=-1>(x, z, x, w)", NULL, 0, 0},
{"Gather", "float[A,H,B] x", "const int64[2,3] i = {0, 3, -1, 3, 3, 1}\n y = Gather<axis=1>(x, i)", NULL, 0, 0},
{"Gather", "float[H,B] x", "const int64 i = {2}\n y = Gather(x, i)", NULL, 0, 0},
{"ScatterAdd", "float[A,4,B] x", "const int64[4] i = {0, 2, -1, 2}\n y = ScatterAdd<axis=1, size=3>(x, i)", NULL, 0, 0},
{"Pad", "float[A,H] x, float v", "const int64[4] p = {1, -1, 0, 2}\n y = Pad(x, p, v)", NULL, 0, 0},
{"Pad", "float[A,H] x", "const int64[4] p = {0, 2, 0, 3}\n y = Pad<mode=\"reflect\">(x, p)", NULL, 0, 0},
{"Pad", "float[A,H] x", "const int64[4] p = {2, 2, 1, 3}\n y = Pad<mode=\"edge\">(x, p)", NULL, 0, 0},
{"Pad", "float[A,H] x", "const int64[4] p = {2, 2, 1, -1}\n y = Pad<mode=\"wrap\">(x, p)", NULL, 0, 0},
{"Expand", "float[A,1,B] x", "const int64[4] s = {2, 1, 3, 1}\n y = Expand(x, s)", NULL, 0, 0},
{"Tile", "float[A,B] x", "const int64[2] s = {3, 2}\n y = Tile(x, s)", NULL, 0, 0},
{"Cast", "float[A,B] x", "d = Cast<to=11>(x)\n y = Cast<to=1>(d)", NULL, 0, 0},

#undef REDUCE
#undef X
#undef UNARY
#undef POSITIVE
#undef BINARY
/* clang-format on */

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

#undef REDUCE
#undef X
#undef UNARY
#undef POSITIVE
#undef BINARY
/* clang-format on */

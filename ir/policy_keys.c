/* policy_keys.c - the table of settings that a policy may contain: type, words, place and
 * default. The reader checks files against it, `qcc explain --expand` prints from it, and
 * docs/policy.md describes it.  Words in `planned` are known but need a later version: they are
 * refused by name, because a setting that is silently ignored is worse than an error. */
#include <string.h>

#include "ir/policy.h"

const Transform transforms[] = {
#define TRANSFORM(name, summary) {#name, summary},
#include "ir/transforms.def"
#undef TRANSFORM
};
const int n_transforms = sizeof transforms / sizeof *transforms;

static const char transform_words[] =
#define TRANSFORM(name, summary) " " #name
#include "ir/transforms.def"
#undef TRANSFORM
    ;

static const char solver_words[] =
#define SOLVER(name, fit, round, needs, can, summary) " " #name
#include "ir/solvers.def"
#undef SOLVER
    ;

static const char metric_words[] =
#define METRIC(name, function, needs, summary) " " #name
#include "ir/metrics.def"
#undef METRIC
    ;

static const char method_words[] =
#define METHOD(name, function, summary) " " #name
#include "ir/methods.def"
#undef METHOD
    ;

static const char outlier_words[] =
#define OUTLIERS(name, mark, fit, limit, needs, summary) " " #name
#include "ir/outliers.def"
#undef OUTLIERS
    ;

static const char weight_words[] = "float float16 bfloat16"
#define FORMAT(name, dtype, bits, lo, hi, packing, summary) " " #name
#define LEVELS(name, file, bits, count, lo, hi, scale_bits, packing, summary) " " #name
#define VECTORS(name, bits, count, lo, hi, vector, rms, packing, summary) " " #name
#define FLOATS(name, mantissa_bits, lo, hi, packing, summary) " " #name
#define BOOK(name, bits, size, packing, summary) " " #name
#define SUMS(name, bits, size, terms, vector, rms, packing, summary) " " #name
#define OTHER(name, dtype, bits, lo, hi, summary)
#include "ir/formats.def"
#undef OTHER
#undef SUMS
#undef BOOK
#undef FLOATS
#undef VECTORS
#undef LEVELS
#undef FORMAT
    ;

/* clang-format off */
const PolicyKey policy_keys[] = {
  {"weights.format", KEY_WORD, KEY_DEFAULT | KEY_RULE, weight_words, "uint8 int16",
   "float", "how weights are stored"},
  {"weights.granularity", KEY_WORD, KEY_DEFAULT | KEY_RULE, "tensor channel group", "token",
   "channel", "which weights share a scale"},
  {"weights.group", KEY_INT, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "0", "weights per scale with granularity: group"},
  {"weights.scale_bits", KEY_INT, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "8", "granularity: group: bits of a group's scale, in units of its channel's"},
  {"weights.solver", KEY_WORD, KEY_DEFAULT | KEY_RULE, solver_words + 1,
   "lsq", "mse", "which code each weight gets"},
  {"weights.damp", KEY_REAL, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "0.01", "gptq and its relatives: share of the Hessian's mean diagonal that is added to it"},
  {"weights.act_order", KEY_WORD, KEY_DEFAULT | KEY_RULE, "none static", NULL,
   "static", "gptq and its relatives: static: columns with the largest inputs first"},
  {"weights.alpha", KEY_REAL, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "0.25", "gptaq: share of the inputs' mismatch that is made up for"},
  {"weights.sweeps", KEY_INT, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "4", "ldlq, aqlm: times that every weight is rounded anew, given all others"},
  {"weights.sparsity", KEY_REAL, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "0", "wanda, sparsegpt: share of the weights that become 0"},
  {"weights.pattern", KEY_WORD, KEY_DEFAULT | KEY_RULE, "none 1:2 1:4 2:4 2:8 4:8", NULL,
   "none", "wanda, sparsegpt: n:m: at most n of every m weights of a channel are not 0"},
  {"weights.codebook", KEY_WORD, KEY_DEFAULT | KEY_RULE, "tensor channel", NULL,
   "tensor", "lut4 and its kin: one table for the tensor or one for each channel"},
  {"weights.layout", KEY_WORD, KEY_DEFAULT | KEY_RULE, "auto fast compact", NULL,
   "auto", "fast: wider in flash where that brings a vector kernel; compact: never; auto: unless optimize is size"},
  {"activations.format", KEY_WORD, KEY_DEFAULT | KEY_RULE, "float float16 int8 int16 int4 fp8_e4m3",
   "uint8 int2 fp8_e5m2", "float", "how activations are stored"},
  {"activations.granularity", KEY_WORD, KEY_DEFAULT | KEY_RULE, "tensor token group", "channel",
   "tensor", "which activations share a scale; token, group: with mode: dynamic"},
  {"activations.group", KEY_INT, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "0", "activations per scale with granularity: group"},
  {"activations.clip", KEY_REAL, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "1", "mode: dynamic: share of the largest magnitude that the codes reach"},
  {"activations.symmetric", KEY_BOOL, KEY_DEFAULT | KEY_RULE, NULL, NULL,
   "false", "true: the zero point is 0"},
  {"activations.mode", KEY_WORD, KEY_DEFAULT | KEY_RULE, "static dynamic", NULL,
   "static", "static: ranges from calibration; dynamic: scales from the numbers themselves"},
  {"calibration.data", KEY_TEXT, KEY_TOP, NULL, NULL,
   NULL, "samples: .npy, .npz or a folder; relative to the policy"},
  {"calibration.samples", KEY_INT, KEY_TOP, NULL, NULL,
   "0", "use at most so many; 0: all"},
  {"calibration.method", KEY_WORD, KEY_TOP | KEY_RULE, "minmax percentile entropy mse auto", NULL,
   "auto", "how a range is chosen from the observed values"},
  {"calibration.percentile", KEY_REAL, KEY_TOP | KEY_RULE, NULL, NULL,
   "99.99", "share of values inside the range with method: percentile"},
  {"transforms", KEY_WORDS, KEY_TOP, transform_words + 1,
   NULL, "fold_bn", "rewrites before quantization"},
  {"transforms.hadamard.block", KEY_INT, KEY_PARAMETER, "auto", NULL,
   "auto", "elements that are rotated together; auto: as many as there is a matrix for"},
  {"transforms.hadamard.scope", KEY_WORD, KEY_PARAMETER, "blocks all", NULL,
   "blocks", "all: inputs of every quantized matrix product, by a node in front"},
  {"transforms.awq.grid", KEY_INT, KEY_PARAMETER, NULL, NULL,
   "20", "exponents that are tried, from 0 on in steps of 1 / grid"},
  {"transforms.awq.clip", KEY_BOOL, KEY_PARAMETER, NULL, NULL,
   "false", "true: weights are cut off where that makes the error least"},
  {"transforms.smoothquant.alpha", KEY_REAL, KEY_PARAMETER, "auto", NULL,
   "0.5", "share of the difficulty that weights take over; auto: searched per layer"},
  {"transforms.incoherence.sides", KEY_WORD, KEY_PARAMETER, "both inputs", NULL,
   "both", "inputs: rows of weights only are rotated"},
  {"outliers.columns.threshold", KEY_REAL, KEY_TOP, "none", NULL,
   "none", "mode: dynamic: input columns that reach it on the samples are multiplied in real numbers"},
  {"outliers.sparse.rate", KEY_REAL, KEY_TOP | KEY_RULE, NULL, NULL,
   "0", "weights beside the codes: at most this share"},
  {"outliers.sparse.rule", KEY_WORD, KEY_TOP | KEY_RULE, outlier_words + 1, NULL,
   "squeeze", "which weights these are"},
  {"outliers.sparse.iqr", KEY_REAL, KEY_TOP | KEY_RULE, NULL, NULL,
   "1.8", "squeeze: distances between the quartiles from which on weights are large"},
  {"outliers.sparse.sensitive", KEY_REAL, KEY_TOP | KEY_RULE, NULL, NULL,
   "0.0005", "squeeze: share for the weights whose loss would cost most"},
  {"outliers.sparse.threshold", KEY_REAL, KEY_TOP | KEY_RULE, NULL, NULL,
   "0.2", "spqr: what rounding may cost, in what losing a weight costs on average"},
  {"lora.file", KEY_TEXT, KEY_TOP, NULL, NULL,
   NULL, "low-rank adapter: .safetensors; relative to the policy"},
  {"lora.alpha", KEY_REAL, KEY_TOP, "auto", NULL,
   "auto", "its product is scaled by alpha / rank; auto: as adapter_config.json beside it says, or by 1"},
  {"lora.mode", KEY_WORD, KEY_TOP, "branch merge", NULL,
   "branch", "branch: computed beside the weights; merge: added to them"},
  {"lora.format", KEY_WORD, KEY_TOP, "float16 bfloat16 float", NULL,
   "float16", "branch: how it is stored"},
  {"lora.correct", KEY_INT, KEY_TOP | KEY_RULE, "none", NULL,
   "none", "rank of products beside quantized weights that make up for rounding"},
  {"lora.by", KEY_WORD, KEY_TOP | KEY_RULE, "outputs weights", NULL,
   "outputs", "correct: what the products make up for: errors of outputs on the samples, or of weights"},
  {"lora.base.format", KEY_WORD, KEY_TOP, weight_words, NULL,
   NULL, "merge: the weights that the adapter was made for"},
  {"lora.base.granularity", KEY_WORD, KEY_TOP, "tensor channel group", NULL,
   "channel", "merge: which of these weights share a scale"},
  {"lora.base.group", KEY_INT, KEY_TOP, NULL, NULL,
   "0", "merge: weights per scale with granularity: group"},
  {"lora.base.solver", KEY_WORD, KEY_TOP, "rtn mse", NULL,
   "rtn", "merge: which code each of these weights gets"},
  {"requantize", KEY_WORD, KEY_TOP, "auto q31 tflite float", NULL,
   "auto", "how accumulators become codes; auto: as the model's own runtime does, or q31"},
  {"optimize", KEY_WORD, KEY_TOP, "size balanced speed", NULL,
   "balanced", "how far kernels are specialised"},
  {"schedule.order", KEY_WORD, KEY_TOP, "memory model", NULL,
   "memory", "memory: the order of least peak memory; model: the model's own"},
  {"schedule.patch", KEY_WORD, KEY_TOP, "off auto", NULL,
   "off", "auto: rows in bands where that needs less memory"},
  {"threads", KEY_INT, KEY_TOP, NULL, NULL,
   "1", "threads of the generated code: large layers in so many parts"},
  {"output.arena", KEY_WORD, KEY_TOP, "caller static", NULL,
   "caller", "who owns the memory for activations"},
  {"output.weights_bin", KEY_BYTES, KEY_TOP, NULL, NULL,
   "256KiB", "weights from this size on go to NAME_weights.bin"},
  {"search.candidates", KEY_WORDS, KEY_TOP, NULL, NULL,
   "int8 int4 int2", "qcc search: what a layer may get that no rule gives a format"},
  {"search.metric", KEY_WORD, KEY_TOP, metric_words + 1, NULL,
   "output_kl", "qcc search: how it is measured what a candidate costs"},
  {"search.solver", KEY_WORD, KEY_TOP, method_words + 1, NULL,
   "exact", "qcc search: how candidates are chosen"},
  {"search.budget.weights", KEY_BYTES, KEY_TOP, NULL, NULL,
   NULL, "qcc search: bytes of weights at most"},
  {"search.budget.flash", KEY_BYTES, KEY_TOP, NULL, NULL,
   NULL, "qcc search: bytes of code, constants, weights and scales at most"},
  {"search.budget.ram", KEY_BYTES, KEY_TOP, NULL, NULL,
   NULL, "qcc search: bytes of arena and stack at most"},
  {"search.budget.latency", KEY_TEXT, KEY_TOP, NULL, NULL,
   NULL, "qcc search: instructions or time of an inference at most"},
  {"search.budget.accuracy_drop", KEY_TEXT, KEY_TOP, NULL, NULL,
   NULL, "qcc search: top-1 accuracy lost at most"},
};

/* Bounds of numbers that their type does not express, both included. */
static const struct { const char *key; double least, most; } bounds[] = {
  {"weights.scale_bits", 2, 8},
  {"weights.damp", 0, 100},
  {"activations.clip", 0.1, 1},
  {"outliers.columns.threshold", 0, 1e9},
  {"weights.alpha", 0, 1},
  {"weights.sparsity", 0, 0.99},
  {"weights.sweeps", 0, 100},
  {"transforms.awq.grid", 1, 1000},
  {"transforms.smoothquant.alpha", 0, 1},
  {"outliers.sparse.rate", 0, 1},
  {"outliers.sparse.sensitive", 0, 1},
  {"outliers.sparse.iqr", 0, 100},
  {"outliers.sparse.threshold", 0, 1e9},
  {"lora.alpha", 0, 1e6},
  {"lora.correct", 1, 65536},
  {"threads", 1, 64}, /* parts of a layer */
};

static const char *const planned_keys[] = {
  "kv_cache", "weights.scales", "weights.outliers",
  "activations.solver", "sensitivity",
};
/* clang-format on */

const int n_policy_keys = sizeof policy_keys / sizeof *policy_keys;

const PolicyKey *find_policy_key(const char *key) {
  for (int i = 0; i < n_policy_keys; i++)
    if (strcmp(policy_keys[i].key, key) == 0) return &policy_keys[i];
  return NULL;
}

bool key_bounds(const PolicyKey *k, double *least, double *most) {
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
    if (strcmp(bounds[i].key, k->key) != 0) continue;
    *least = bounds[i].least;
    *most = bounds[i].most;
    return true;
  }
  return false;
}

bool is_planned_key(const char *key) {
  for (size_t i = 0; i < sizeof planned_keys / sizeof *planned_keys; i++)
    if (strcmp(planned_keys[i], key) == 0) return true;
  return false;
}

bool has_word(const char *words, const char *word) {
  size_t len = strlen(word);
  for (const char *p = words; p != NULL && *p != '\0' && len > 0;) {
    size_t n = strcspn(p, " ");
    if (n == len && memcmp(p, word, n) == 0) return true;
    p += n + (p[n] == ' ');
  }
  return false;
}

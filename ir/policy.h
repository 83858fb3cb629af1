/* policy.h - what the user wants of each tensor, as read from the policy file and the command line.
 * frontend/policy.c fills it in, passes read it.  Every value keeps its place for errors.
 *
 * Choices are kept as dotted keys ("weights.format" = "int4"), so that presets, defaults and rules
 * merge by one mechanism: later wins, key by key.  The table of keys is policy_keys[]. */
#ifndef QCC_POLICY_H
#define QCC_POLICY_H

#include "ir/ir.h"

typedef struct Setting {
  const char *key;            /* dotted: "weights.format" */
  const char *value;          /* scalar text as written; words of a list separated by spaces */
  Loc loc;                    /* of the value */
} Setting;

typedef struct Settings {
  int n;
  Setting *s;                 /* [n] in file order */
} Settings;

/* One condition of a rule; its values are alternatives. */
typedef struct Condition {
  const char *key;            /* name regex op tag index tensor depthwise output */
  int n;
  const char **value;         /* [n] */
  Loc loc;                    /* of the first value */
} Condition;

/* One rule: all conditions must hold. */
typedef struct Rule {
  int n_match;
  Condition *match;           /* [n_match] */
  Settings set;               /* what it chooses */
  const char *tie;            /* tie group name, or NULL */
  int require;                /* minimum number of nodes that must match, default 1 */
  int n_hits;                 /* counted when resolved */
  const char *comment;        /* written above it where the policy is printed, or NULL */
  Loc loc;
} Rule;

/* How an input arrives in the firmware. */
typedef struct InputPolicy {
  const char *name;           /* graph input */
  DType storage;              /* DT_U8, DT_I8, DT_F32; DT_NONE: the compiler chooses */
  Layout layout;              /* LAYOUT_NONE: as in the model */
  bool has_layout;
  int n_mean, n_std;          /* 0: not given; 1: all channels; else one per channel */
  float *mean, *std;          /* real = (stored - mean) / std */
  Loc loc;                    /* of the name */
  Loc mean_loc, std_loc, layout_loc;
} InputPolicy;

/* A calibrated range given in the policy: what lock files hold instead of calibration data. */
typedef struct RangePolicy {
  const char *tensor;
  float lo, hi;
  Loc loc;
} RangePolicy;

/* What the lock file says of a tensor's codes, for its reader. */
typedef struct LockTensor {
  const char *name, *format, *granularity;
  int64_t group;              /* 0: none */
  int64_t elements;           /* of a constant; 0: an activation */
  double bits;                /* per element of a constant, with all that belongs to the codes */
  double scale, zero;         /* of an activation */
} LockTensor;

/* Where a lock file came from. */
typedef struct LockPolicy {
  bool given;
  const char *version;        /* of the qcc that wrote it */
  uint64_t model, policy, calibration, adapter; /* hashes; 0: not known */
  int n_tensor;
  LockTensor *tensor;         /* [n_tensor] in the file's order */
  Loc loc, model_loc, adapter_loc;
} LockPolicy;

typedef struct Policy {
  const char *path;           /* NULL: none, float code */
  const char *preset;         /* or NULL */
  int n_input, n_rule, n_range;
  InputPolicy *input;         /* [n_input] */
  Rule *rule;                 /* [n_rule] the preset's, then the file's */
  RangePolicy *range;         /* [n_range] sorted by tensor */
  Settings defaults; /* preset's, then the file's; also "optimize", "calibration.method" ... */
  LockPolicy lock;
  uint64_t hash; /* of the file; of the policy that was locked when it is a lock file */
  Loc loc;
} Policy;

/* ---- policy_keys.c: what may be written where ------------------------------------------------ */

typedef enum KeyType {
  KEY_WORD, KEY_INT, KEY_REAL, KEY_BOOL, KEY_TEXT,
  KEY_WORDS,                  /* a list of words, or of one-key maps of a word to its parameters; any
                                 words where the table has none */
  KEY_BYTES,                  /* 300, 256KiB, 1MiB, or "never" */
} KeyType;

enum {                        /* where a key may stand */
  KEY_TOP = 1,                /* at the top of the file */
  KEY_DEFAULT = 2,            /* below defaults: */
  KEY_RULE = 4,               /* in a rule */
  KEY_PARAMETER = 8,          /* of a word in a list: transforms.<word>.<key> */
};

typedef struct PolicyKey {
  const char *key;            /* dotted */
  KeyType type;
  unsigned where;             /* KEY_TOP, KEY_DEFAULT, KEY_RULE, KEY_PARAMETER */
  const char *words;          /* KEY_WORD, KEY_WORDS: allowed values, separated by spaces; KEY_INT, KEY_REAL:
                                 such that may stand in place of a number, or NULL; else NULL */
  const char *planned;        /* words, or values, that a later version brings; or NULL */
  const char *otherwise;      /* value when nobody sets it */
  const char *summary;
} PolicyKey;
extern const PolicyKey policy_keys[];
extern const int n_policy_keys;
const PolicyKey *find_policy_key(const char *key);
/* False where the key's type says all there is to say of its bounds. */
bool key_bounds(const PolicyKey *k, double *least, double *most);
/* Keys of policies that this version does not implement: they must not be ignored. */
bool is_planned_key(const char *key);
/* True when `word` is one of the words of a table's list. */
bool has_word(const char *words, const char *word);

/* A row of transforms.def. */
typedef struct Transform { const char *name, *summary; } Transform;
extern const Transform transforms[];
extern const int n_transforms;

/* ---- policy.c: reading what the policy says -------------------------------------------------- */

/* Last setting of `key`, or NULL. */
const Setting *find_setting(const Settings *s, const char *key);
/* Value of a global key: the policy's, else the table's default. */
const char *policy_value(const Policy *p, const char *key);
int64_t policy_int(const Policy *p, const char *key);  /* of a KEY_INT or KEY_BYTES */
double policy_real(const Policy *p, const char *key);
bool policy_has(const Policy *p, const char *key, const char *word); /* of a KEY_WORDS */
/* A file that the policy names ("calibration.data"): relative to the policy's folder; or NULL. */
const char *policy_file(Arena *a, const Policy *p, const char *key);
/* Range of a tensor from `ranges:`; false when there is none. */
bool policy_range(const Policy *p, const char *tensor, float *lo, float *hi);
/* What the policy says of a graph input, or NULL. */
const InputPolicy *policy_input(const Policy *p, const char *name);
/* Dimension of the model's tensor that a list of means or stds runs along: ONNX's dimension 1, or
 * the last one where only that has as many elements as the list. */
int input_channel_axis(const Tensor *t, const InputPolicy *in);
/* error_at() when an input is not in the model or does not fit its shape and type. */
void check_policy_inputs(const Graph *g, const Policy *p);
/* Text to bytes: "300", "256KiB"; -1 when it is not a size. "never" gives INT64_MAX. */
int64_t parse_bytes(const char *text);

/* ---- glob.c ---------------------------------------------------------------------------------- */

/* `*` matches within one part of a name (parts end at '.' or '/'), `**` across parts, `?` one
 * character within a part; a backslash takes the next character literally. */
bool glob_match(const char *glob, const char *name);
const char *glob_fault(const char *glob);  /* what is wrong with the pattern, or NULL */

#endif

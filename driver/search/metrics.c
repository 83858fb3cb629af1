/* metrics.c - the table of metrics, made from metrics.def. */
#include <string.h>

#include "driver/search/search.h"

#define METRIC(name, function, needs, summary) MetricFn function;
#include "ir/metrics.def"
#undef METRIC

const Metric metrics[] = {
#define METRIC(name, function, needs, summary) {#name, function, needs, summary},
#include "ir/metrics.def"
#undef METRIC
};
const int n_metrics = sizeof metrics / sizeof *metrics;

const Metric *find_metric(const char *name) {
  const char *known[sizeof metrics / sizeof *metrics];
  if (!name) return &metrics[0];
  for (int i = 0; i < n_metrics; i++) {
    if (strcmp(metrics[i].name, name) == 0) return &metrics[i];
    known[i] = metrics[i].name;
  }
  const char *near = nearest_name(name, known, n_metrics);
  if (near) error("--metric: unknown metric '%s'; did you mean '%s'?", name, near);
  error("--metric: unknown metric '%s'; qcc list metrics shows them", name);
}

/* cmd_explain.c - qcc explain: what the policy means for this network. */
#include "driver/driver.h"

int cmd_explain(Arena *a, const Options *o);

int cmd_explain(Arena *a, const Options *o) {
  Job *j = new_job(a, o, o->target);
  if (o->expand) {
    expand_policy(stdout, j->policy);
    return 0;
  }
  compile_job(j, NULL, "cse");
  explain_policy(stdout, j->g, &j->cx, o->tensor, o->json);
  return 0;
}

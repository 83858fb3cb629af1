/* regions.h - blocks of memory in several regions of a target. */
#ifndef QCC_REGIONS_H
#define QCC_REGIONS_H

#include "passes/lower/liveness.h"
#include "targets/targets.h"

/* Places the blocks of l's buffers in the target's RAM regions, of which the first one listed is the
 * fastest: in one piece when the first holds all, else what is accessed most per byte in the first
 * that has room.  Fills in the offsets, arena_bytes and the parts of g, which follow one another.
 * When the regions are too small, all lies in one piece. */
void place_in_regions(Arena *a, Graph *g, const Target *t, const Liveness *l, Block *block);

#endif

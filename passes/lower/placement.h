/* placement.h - where blocks of memory with known lifetimes lie in an arena: the dynamic storage
 * allocation problem, without any notion of tensors.  Two blocks whose lifetimes have a moment in
 * common must not overlap in memory. */
#ifndef QCC_PLACEMENT_H
#define QCC_PLACEMENT_H

#include "ir/ir.h"

/* Sizes are multiples of it, so all offsets are; the arena itself must be aligned to it. */
enum { BLOCK_ALIGN = 16 };

typedef struct Block {
  int64_t bytes;     /* multiple of BLOCK_ALIGN; 0 is allowed */
  int first, last;   /* moments of its life, both included */
  int64_t offset;    /* in the arena, filled in */
  int follows;       /* 1 + index of a block that is given back from its start while this one is
                        filled: the two may overlap; 0: of none */
  int64_t lead;      /* then: as long as this one's offset is not more than so much larger; a
                        multiple of BLOCK_ALIGN, perhaps negative */
} Block;

/* What a block of `bytes` that follows b with this lead may have in common with it. */
int64_t shared_bytes(const Block *b, int64_t bytes, int64_t lead);
/* Bytes that are alive at a moment, less what blocks may share. */
int64_t block_load(const Block *b, int n, int moment);
/* No arena can be smaller: the largest sum of blocks that are alive at one moment, less what they
 * may share. */
int64_t block_bound(const Block *b, int n);
/* Bytes up to the end of the topmost block. */
int64_t block_extent(const Block *b, int n);
bool blocks_collide(const Block *b, int i, int j);
/* Fills in all offsets and returns the bytes of the arena.  The same blocks in the same order
 * always get the same offsets.  Working memory comes from `a`. */
int64_t place_blocks(Arena *a, Block *b, int n);

/* place_exact.c: branch and bound, for few blocks.  Looks for an arena below `known` bytes and
 * fills in the offsets when it finds one.  Returns the bytes found, or `known`; *complete tells
 * whether the answer is proved to be the smallest, not cut off after max_steps. */
int64_t place_exact(Arena *a, Block *b, int n, int64_t known, int64_t max_steps, bool *complete);

#endif

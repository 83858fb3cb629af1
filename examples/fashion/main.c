/* main.c - the least that a firmware needs around the generated code.  fashion.c and fashion.h are
 * what
 *
 *     qcc fashion.onnx --policy int8.yaml --calib calib_x.npy --target cortex-m55 -o DIR
 *
 * writes into DIR.  The same main serves any of the policies here: all of them take the camera's
 * bytes; integer outputs are codes, which order the classes as the probabilities would. */
#include "fashion.h"

enum { CLASSES = FASHION_OUTPUT_0_ELEMENTS };

/* Inputs, outputs and everything in between; may be lent to others between two calls. */
static _Alignas(FASHION_ARENA_ALIGN) unsigned char arena[FASHION_ARENA_BYTES];

/* The class of a grey picture of 28 x 28 pixels. */
static int classify(const uint8_t *pixels) {
  uint8_t *image = FASHION_INPUT_0(arena);
  for (int i = 0; i < FASHION_INPUT_0_BYTES; i++) image[i] = pixels[i];
  fashion_run(arena);
  int best = 0;
  for (int i = 1; i < CLASSES; i++)
    if (FASHION_OUTPUT_0(arena)[i] > FASHION_OUTPUT_0(arena)[best]) best = i;
  return best;
}

/* In place of a camera: a white square, which is most of a bag or a shirt. */
static uint8_t picture[28 * 28];

int main(void) {
  for (int y = 6; y < 22; y++)
    for (int x = 6; x < 22; x++) picture[28 * y + x] = 255;
  return classify(picture);
}

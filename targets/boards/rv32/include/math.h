/* math.h - the part of C's header that generated code may use.  There is no library behind it here:
 * sizes can be measured, and linking says which functions are missing. */
#ifndef QCC_MATH_H
#define QCC_MATH_H

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isinf(x) __builtin_isinf(x)
#define isnan(x) __builtin_isnan(x)

float acosf(float x);
float asinf(float x);
float atanf(float x);
float ceilf(float x);
float cosf(float x);
float coshf(float x);
float erff(float x);
float exp2f(float x);
float expf(float x);
float expm1f(float x);
float fabsf(float x);
float floorf(float x);
float fmaxf(float x, float y);
float fminf(float x, float y);
float fmodf(float x, float y);
float ldexpf(float x, int e);
float log1pf(float x);
float logf(float x);
float nearbyintf(float x);
float powf(float x, float y);
float rintf(float x);
float roundf(float x);
float sinf(float x);
float sinhf(float x);
float sqrtf(float x);
float tanf(float x);
float tanhf(float x);
float truncf(float x);
long lrintf(float x);

double acos(double x);
double asin(double x);
double atan(double x);
double ceil(double x);
double cos(double x);
double cosh(double x);
double erf(double x);
double exp(double x);
double exp2(double x);
double expm1(double x);
double fabs(double x);
double floor(double x);
double fmax(double x, double y);
double fmin(double x, double y);
double fmod(double x, double y);
double ldexp(double x, int e);
double log(double x);
double log1p(double x);
double nearbyint(double x);
double pow(double x, double y);
double rint(double x);
double round(double x);
double sin(double x);
double sinh(double x);
double sqrt(double x);
double tan(double x);
double tanh(double x);
double trunc(double x);
long lrint(double x);

#endif

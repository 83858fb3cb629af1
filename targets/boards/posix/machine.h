/* machine.h - nothing to say about hosted machines: the system has the stack. */
#ifndef QCC_MACHINE_H
#define QCC_MACHINE_H
#endif

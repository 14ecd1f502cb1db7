// model_aix.h - AIX's calls for memory, as IBM describes them, over Linux's.

#ifndef MHEAP_TESTS_AIX_MODEL_AIX_H
#define MHEAP_TESTS_AIX_MODEL_AIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Where AIX puts what is mapped. Linux on POWER has no such addresses, so every
// address of the model is this much lower than the one it stands for.
#define MH_MODEL_DISTANCE UINT64_C(0x0a00000000000000)

void *mh_model_mmap(void *addr, size_t len, int prot, int flags, int fildes,
                    long off);
int mh_model_mprotect(void *addr, size_t len, int prot);
int mh_model_munmap(void *addr, size_t len);

// mh_model_set_sus: the process was started with XPG_SUS_ENV=ON.
void mh_model_set_sus(bool on);

// What was asked of the model so far.
struct mh_model_counts {
    unsigned long mapped, fixed, refused, protected_nothing;
};
struct mh_model_counts mh_model_counts(void);

#endif // MHEAP_TESTS_AIX_MODEL_AIX_H

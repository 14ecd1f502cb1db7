// sys/stat.h - "stat, fstat ... Subroutines" of IBM's "Technical Reference:
// Base Operating System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_SYS_STAT_H
#define MHEAP_TESTS_AIX_INCLUDE_SYS_STAT_H

#include <sys/types.h>

// Layout: rust-lang/libc, src/unix/aix/powerpc64.rs, for 64 bits.
struct st_timespec {
    time_t tv_sec;
    int tv_nsec;
};
struct stat {
    dev_t st_dev;
    ino_t st_ino;
    mode_t st_mode;
    nlink_t st_nlink;
    unsigned short st_flag;
    uid_t st_uid;
    gid_t st_gid;
    dev_t st_rdev;
    int st_ssize;
    struct st_timespec st_atim, st_mtim, st_ctim;
    blksize_t st_blksize;
    blkcnt_t st_blocks;
    int st_vfstype;
    unsigned int st_vfs, st_type, st_gen;
    unsigned int st_reserved[9];
    unsigned int st_padto_ll;
    off_t st_size;
};

// POSIX's numbers of old ("sys/stat.h", S_IFMT and S_IFREG in
// rust-lang/libc, src/unix/aix/mod.rs).
#define S_ISREG(mode) (((mode)&0xf000) == 0x8000)

int fstat(int fildes, struct stat *buffer);

#endif // MHEAP_TESTS_AIX_INCLUDE_SYS_STAT_H

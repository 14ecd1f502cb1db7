// lock_counts.h - how often each kind of lock was taken.

#ifndef MHEAP_CORE_API_LOCK_COUNTS_H
#define MHEAP_CORE_API_LOCK_COUNTS_H

struct mheap;
struct mheap_stats;

// mh_lock_counts adds the counts of all locks to the members locks_* of *out:
// of one heap, or of all when heap is NULL, and of the process. Takes no lock.
void mh_lock_counts(const struct mheap *heap, struct mheap_stats *out);

#endif // MHEAP_CORE_API_LOCK_COUNTS_H

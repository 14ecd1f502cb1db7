// root.h - the record a reader outside finds first.

#ifndef MHEAP_CORE_HEAP_ROOT_H
#define MHEAP_CORE_HEAP_ROOT_H

// mh_root_publish makes the root record findable where the system needs a call
// for that, and notes the process. Called when the first heap is made, and in
// the child of a fork.
void mh_root_publish(void);

#endif // MHEAP_CORE_HEAP_ROOT_H

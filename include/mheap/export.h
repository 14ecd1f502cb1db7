// export.h - which names the shared library shows.

#ifndef MHEAP_EXPORT_H
#define MHEAP_EXPORT_H

// The library is compiled with hidden visibility; what carries this is the
// interface.
#define MHEAP_API __attribute__((visibility("default")))

#endif // MHEAP_EXPORT_H

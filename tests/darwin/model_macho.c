// model_macho.c - maps a Mach-O program of amd64, and binds what it imports.
//
// The format is that of xnu:EXTERNAL_HEADERS/mach-o/loader.h. What is handled
// is what the linker of zig 0.11 writes: segments, rebase and bind opcodes, an
// entry point, initialisers. Other ways of fixing addresses stop the model.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/darwin/model.h"

enum {
    MAGIC_64 = 0xfeedfacf,
    COMMAND_SEGMENT = 0x19,
    COMMAND_LIBRARY = 0xc,
    COMMAND_DYLD_INFO = 0x22,
    COMMAND_MAIN = 0x28,
    COMMAND_CHAINED = 0x34,
    SECTION_INITIALISERS = 0x9,
    SECTION_INIT_OFFSETS = 0x16,
    SECTION_LOCAL_DATA = 0x11,
    SECTION_LOCAL_ZEROES = 0x12,
    SECTION_LOCAL_VARIABLES = 0x13,
    MAX_SEGMENTS = 16,
    MAX_LIBRARIES = 16,
};

struct header {
    uint32_t magic, cpu, subtype, type, ncommands, command_bytes, flags, zero;
};
struct command {
    uint32_t command, size;
};
struct segment {
    uint32_t command, size;
    char name[16];
    uint64_t address, bytes, offset, file_bytes;
    int32_t most, first;
    uint32_t nsections, flags;
};
struct section {
    char name[16], segment[16];
    uint64_t address, size;
    uint32_t offset, align, relocations, nrelocations, flags, reserved[3];
};
struct dyld_info {
    uint32_t command, size, rebase, rebase_size, bind, bind_size, weak,
        weak_size, lazy, lazy_size, exports, exports_size;
};
struct entry {
    uint32_t command, size;
    uint64_t offset, stack;
};

static struct {
    const unsigned char *file;
    uintptr_t slide; // added to addresses of the file
    uintptr_t text;  // where its first byte came to lie
    const struct segment *segments[MAX_SEGMENTS];
    unsigned nsegments;
    const char *libraries[MAX_LIBRARIES];
    unsigned nlibraries;
    const struct dyld_info *info;
    const struct entry *entry;
    int argc;
    char **argv;
    uint64_t locals, locals_end; // what thread-local variables begin with
    void *(*bind)(const char *library, const char *name);
} image;

static void *at(uint64_t address) {
    return (void *)(uintptr_t)(address + image.slide);
}

static const unsigned char *read_file(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY);

    if (fd < 0 || fstat(fd, &status) != 0) {
        broken("cannot open", path);
    }
    void *file =
        mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return file != MAP_FAILED ? file : NULL;
}

static void take_command(const struct command *command) {
    const uint32_t *words = (const uint32_t *)command;

    switch (command->command & 0x7fffffff) {
    case COMMAND_SEGMENT:
        if (image.nsegments < MAX_SEGMENTS) {
            image.segments[image.nsegments++] = (const struct segment *)command;
        }
        break;
    case COMMAND_LIBRARY:
        if (image.nlibraries < MAX_LIBRARIES) {
            image.libraries[image.nlibraries++] =
                (const char *)command + words[2];
        }
        break;
    case COMMAND_DYLD_INFO:
        image.info = (const struct dyld_info *)command;
        break;
    case COMMAND_MAIN:
        image.entry = (const struct entry *)command;
        break;
    case COMMAND_CHAINED:
        broken("chained fixups", "");
    default:
        break;
    }
}

static void take_commands(void) {
    const struct header *header = (const struct header *)image.file;
    const unsigned char *next = (const unsigned char *)(header + 1);

    if (header->magic != MAGIC_64) {
        broken("no Mach-O program", "");
    }
    for (uint32_t i = 0; i < header->ncommands; i++) {
        const struct command *command = (const struct command *)next;
        take_command(command);
        next += command->size;
    }
}

// The segments keep their distances; the first, which only keeps addresses
// free, is left out.
static void map_segments(const char *path) {
    uint64_t low = UINT64_MAX, high = 0;

    for (unsigned i = 0; i < image.nsegments; i++) {
        const struct segment *segment = image.segments[i];
        if (strcmp(segment->name, "__PAGEZERO") != 0) {
            low = segment->address < low ? segment->address : low;
            uint64_t end = segment->address + segment->bytes;
            high = end > high ? end : high;
        }
    }
    // From a file, so that the image is seen for what it is from outside.
    int fd = memfd_create(path, MFD_CLOEXEC);
    char *base = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, (off_t)(high - low)) == 0) {
        base = mmap(NULL, high - low, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE, fd, 0);
        (void)close(fd);
    }
    if (base == MAP_FAILED) {
        broken("no room for the program", "");
    }
    image.slide = (uintptr_t)base - (uintptr_t)low;
    image.text = (uintptr_t)base;
    for (unsigned i = 0; i < image.nsegments; i++) {
        const struct segment *segment = image.segments[i];
        if (segment->file_bytes > 0) {
            memcpy(at(segment->address), image.file + segment->offset,
                   segment->file_bytes);
        }
    }
}

static uint64_t uleb(const unsigned char **next) {
    uint64_t value = 0;
    unsigned shift = 0;

    do {
        value |= (uint64_t)(**next & 0x7f) << shift;
        shift += 7;
    } while (*(*next)++ & 0x80);
    return value;
}

static int64_t sleb(const unsigned char **next) {
    uint64_t value = 0;
    unsigned shift = 0;
    unsigned char byte;

    do {
        byte = *(*next)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (shift < 64 && (byte & 0x40) != 0) {
        value |= ~UINT64_C(0) << shift;
    }
    return (int64_t)value;
}

static uint64_t slide_words(uint64_t place, uint64_t n, uint64_t skip) {
    for (uint64_t i = 0; i < n; i++) {
        *(uint64_t *)at(place) += image.slide;
        place += 8 + skip;
    }
    return place;
}

static void rebase(const unsigned char *next, size_t size) {
    const unsigned char *end = next + size;
    uint64_t place = 0, n;

    while (next < end) {
        unsigned char code = *next++;
        unsigned low = code & 0xf;
        switch (code >> 4) {
        case 0: // done
            return;
        case 1: // the type; only pointers are written
            break;
        case 2:
            place = image.segments[low]->address + uleb(&next);
            break;
        case 3:
            place += uleb(&next);
            break;
        case 4:
            place += low * 8u;
            break;
        case 5:
            place = slide_words(place, low, 0);
            break;
        case 6:
            place = slide_words(place, uleb(&next), 0);
            break;
        case 7:
            place = slide_words(place, 1, uleb(&next));
            break;
        default:
            n = uleb(&next);
            place = slide_words(place, n, uleb(&next));
        }
    }
}

// What a bind opcode adds to.
struct binding {
    uint64_t place;
    const char *name;
    unsigned library; // from 1 on
    int64_t addend;
};

static uint64_t bind_words(const struct binding *now, uint64_t n,
                           uint64_t skip) {
    const char *library = now->library >= 1 && now->library <= image.nlibraries
                              ? image.libraries[now->library - 1]
                              : "";
    uintptr_t value = (uintptr_t)image.bind(library, now->name);
    uint64_t place = now->place;

    for (uint64_t i = 0; i < n; i++) {
        *(uint64_t *)at(place) = value + (uint64_t)now->addend;
        place += 8 + skip;
    }
    return place;
}

// One opcode of a list of bindings. Lazy ones have a "done" behind each.
static void bind_one(struct binding *now, const unsigned char **next) {
    unsigned char code = *(*next)++;
    unsigned low = code & 0xf;
    uint64_t n;

    switch (code >> 4) {
    case 0: // done
    case 5: // the type
        break;
    case 1:
        now->library = low;
        break;
    case 2:
        now->library = (unsigned)uleb(next);
        break;
    case 4:
        now->name = (const char *)*next;
        *next += strlen(now->name) + 1;
        break;
    case 6:
        now->addend = sleb(next);
        break;
    case 7:
        now->place = image.segments[low]->address + uleb(next);
        break;
    case 8:
        now->place += uleb(next);
        break;
    case 9:
        now->place = bind_words(now, 1, 0);
        break;
    case 10:
        now->place = bind_words(now, 1, uleb(next));
        break;
    case 11:
        now->place = bind_words(now, 1, low * 8u);
        break;
    case 12:
        n = uleb(next);
        now->place = bind_words(now, n, uleb(next));
        break;
    default:
        broken("a bind opcode", "");
    }
}

static void bind_all(const unsigned char *next, size_t size) {
    const unsigned char *end = next + size;
    struct binding now = {0};

    while (next < end) {
        bind_one(&now, &next);
    }
}

// A thread-local variable is reached by calling what its descriptor names, with
// the descriptor, and every register but the result stays as it was. Here: the
// thread's variables (model.h) and the third word of the descriptor.
extern const char local_thunk[];
__asm__("local_thunk:\n"
        "    movq %gs:768*8, %rax\n"
        "    addq 16(%rdi), %rax\n"
        "    ret\n");
_Static_assert(offsetof(struct thread, locals) == 768L * 8, "local_thunk");

static void prepare_locals(const struct section *section) {
    uint32_t type = section->flags & 0xff;
    uint64_t end = section->address + section->size;

    if (type == SECTION_LOCAL_DATA || type == SECTION_LOCAL_ZEROES) {
        if (image.locals == 0 || section->address < image.locals) {
            image.locals = section->address;
        }
        image.locals_end = end > image.locals_end ? end : image.locals_end;
    }
    if (type == SECTION_LOCAL_VARIABLES) {
        const void **words = at(section->address);
        for (uint64_t i = 0; i < section->size / 8; i += 3) {
            words[i] = local_thunk;
        }
    }
}

void macho_thread_locals(struct thread *thread) {
    size_t size = image.locals_end - image.locals;

    thread->locals = calloc(1, size + 1);
    if (thread->locals == NULL) {
        broken("no memory for thread-local variables", "");
    }
    memcpy(thread->locals, at(image.locals), size);
}

typedef void initialiser(int argc, char **argv, char **envp, char **apple);
extern char **environ;
static char *apple[] = {NULL};

static void initialise_section(const struct section *section) {
    uint32_t type = section->flags & 0xff;

    if (type == SECTION_INITIALISERS) {
        initialiser **all = at(section->address);
        for (uint64_t i = 0; i < section->size / 8; i++) {
            all[i](image.argc, image.argv, environ, apple);
        }
    }
    if (type == SECTION_INIT_OFFSETS) {
        const uint32_t *all = at(section->address);
        for (uint64_t i = 0; i < section->size / 4; i++) {
            ((initialiser *)(image.text + all[i]))(image.argc, image.argv,
                                                   environ, apple);
        }
    }
}

static void each_section(void (*act)(const struct section *section)) {
    for (unsigned i = 0; i < image.nsegments; i++) {
        const struct segment *segment = image.segments[i];
        const struct section *sections = (const struct section *)(segment + 1);
        for (uint32_t j = 0; j < segment->nsections; j++) {
            act(&sections[j]);
        }
    }
}

static void map_and_bind(const char *path,
                         void *(*bind)(const char *library, const char *name)) {
    image.file = read_file(path);
    image.bind = bind;
    if (image.file == NULL) {
        broken("cannot map", path);
    }
    take_commands();
    if (image.info == NULL) {
        broken("fixups of a kind that is not known", path);
    }
    map_segments(path);
    rebase(image.file + image.info->rebase, image.info->rebase_size);
    bind_all(image.file + image.info->bind, image.info->bind_size);
    bind_all(image.file + image.info->lazy, image.info->lazy_size);
}

// mach-o/dyld-interposing.h: pairs of what is put in a place, and the place.
static void *const (*pairs)[2];
static size_t npairs;

static void find_pairs(const struct section *section) {
    if (strncmp(section->name, "__interpose", 16) == 0) {
        pairs = at(section->address);
        npairs = section->size / sizeof(pairs[0]);
    }
}

void *macho_interposed(void *address) {
    for (size_t i = 0; i < npairs; i++) {
        if (pairs[i][1] == address) {
            return pairs[i][0];
        }
    }
    return address;
}

void macho_insert(const char *path,
                  void *(*bind)(const char *library, const char *name)) {
    map_and_bind(path, bind);
    each_section(prepare_locals);
    if (image.locals != 0) {
        broken("thread-local variables of an inserted library", path);
    }
    each_section(find_pairs);
    each_section(initialise_section);
    memset(&image, 0, sizeof(image));
}

macho_main *macho_load(const char *path,
                       void *(*bind)(const char *library, const char *name),
                       int argc, char **argv) {
    map_and_bind(path, bind);
    if (image.entry == NULL) {
        broken("no program", path);
    }
    each_section(prepare_locals);
    macho_thread_locals(thread_self());
    image.argc = argc;
    image.argv = argv;
    each_section(initialise_section);
    return (macho_main *)(image.text + image.entry->offset);
}

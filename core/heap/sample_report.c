// sample_report.c - what is told of sampled objects.
//
// Also by a thread that trapped, from within the handler of a signal, with
// whatever locks it holds: nothing here takes one, and what another thread is
// just changing may be told half.

#include "core/base/fmt.h"
#include "core/heap/guard.h"
#include "core/heap/sample_places.h"
#include "core/sys/sys.h"
#include "core/sys/trap.h"

static uintptr_t unit_bytes(void) {
    return (uintptr_t)mh_guard_unit() << MH_PAGE_SHIFT;
}

// How far an address is from an object; 0: in it.
static uintptr_t distance(const struct mh_sample_place *place,
                          uintptr_t address) {
    uintptr_t end = place->p + place->size;
    return address < place->p ? place->p - address
                              : (address < end ? 0 : address - end + 1);
}

// Of the two places beside a guard the one whose object is nearer: an access
// goes astray by little more often than by much.
static const struct mh_sample_place *place_beside(size_t guard,
                                                  uintptr_t address) {
    const struct mh_sample_place *places = mh_sample_pool.places;
    const struct mh_sample_place *before =
        guard != 0 ? &places[guard - 1] : NULL;
    const struct mh_sample_place *behind =
        guard != MH_SAMPLE_PLACES ? &places[guard] : NULL;
    if (before == NULL || (before->p == 0 && behind != NULL)) {
        return behind;
    }
    if (behind == NULL || behind->p == 0) {
        return before;
    }
    return distance(before, address) <= distance(behind, address) ? before
                                                                  : behind;
}

static const struct mh_sample_place *place_about(uintptr_t address) {
    const struct mh_sample_place *place = mh_sample_place_of(address);
    size_t unit = (address - mh_sample_range.base) / unit_bytes();
    return place != NULL ? place : place_beside(unit / 2, address);
}

struct mh_sample_about mh_sample_about(uintptr_t address) {
    const struct mh_sample_place *place = place_about(address);
    return (struct mh_sample_about){
        .object = place->p,
        .size = place->size,
        .is_free = !place->is_live,
        .is_guard = address - place->base >= unit_bytes(),
    };
}

static void say_call(const char *what, const struct mh_sample_call *call) {
    char line[64];
    struct mh_text text = mh_text_start(line, sizeof(line));
    mh_text_str(&text, "mheap: ");
    mh_text_str(&text, what);
    mh_text_str(&text, " by thread ");
    mh_text_dec(&text, call->thread);
    mh_text_str(&text, call->nframes != 0 ? ", called from\n" : "\n");
    mh_sys_say(line, text.len);
    for (unsigned i = 0; i < call->nframes; i++) {
        text = mh_text_start(line, sizeof(line));
        mh_text_str(&text, "mheap:     ");
        mh_text_hex(&text, call->frames[i]);
        mh_text_str(&text, "\n");
        mh_sys_say(line, text.len);
    }
}

void mh_sample_say(uintptr_t address) {
    const struct mh_sample_place *place = place_about(address);
    if (place->p == 0) {
        return;
    }
    say_call("allocated", &place->made);
    if (!place->is_live) {
        say_call("freed", &place->gone);
    }
}

static const char *word_for(const struct mh_sample_about *about,
                            uintptr_t address) {
    if (about->object == 0) {
        return "wild pointer";
    }
    if (!about->is_guard) {
        return about->is_free ? "use after free" : "sampled object";
    }
    return address < about->object ? "buffer underflow" : "buffer overflow";
}

static void say_where(struct mh_text *text, const struct mh_sample_about *about,
                      uintptr_t address) {
    uintptr_t end = about->object + about->size;
    if (about->object == 0) {
        mh_text_str(text, "mheap: no object was ever there\n");
        return;
    }
    mh_text_str(text, "mheap: ");
    mh_text_dec(text, address < about->object ? about->object - address
                      : address < end         ? address - about->object
                                              : address - end);
    mh_text_str(text, address < about->object ? " bytes before an object of "
                      : address < end         ? " bytes into an object of "
                                              : " bytes behind an object of ");
    mh_text_dec(text, about->size);
    mh_text_str(text, about->is_free ? " bytes, freed, at " : " bytes at ");
    mh_text_hex(text, about->object);
    mh_text_str(text, "\n");
}

// The access is tried again when it has been told. It must not find the object
// of a thread that was given the page meanwhile.
static void hold_place(uintptr_t address) {
    struct mh_sample_place *place = mh_sample_place_of(address);
    if (place != NULL) {
        MH_STORE_RELAXED(&place->trapped, true);
    }
}

// `mheap: bad access: WHAT: address 0x…`, then what is known.
static void on_trap(uintptr_t address) {
    char buffer[192];
    struct mh_text text = mh_text_start(buffer, sizeof(buffer));
    if (!mh_sample_owns(address)) {
        return;
    }
    struct mh_sample_about about = mh_sample_about(address);
    hold_place(address);
    mh_text_str(&text, "mheap: bad access: ");
    mh_text_str(&text, word_for(&about, address));
    mh_text_str(&text, ": address ");
    mh_text_hex(&text, address);
    mh_text_str(&text, "\n");
    say_where(&text, &about, address);
    mh_sys_say(buffer, text.len);
    mh_sample_say(address);
}

void mh_sample_tell_traps(void) {
    enum mh_status told = mh_trap_tell(on_trap);
    (void)told; // who is not told sees the trap
}
